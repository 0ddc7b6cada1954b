//! Style and script, as they are in the program.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use sha2::{Digest, Sha256};

use crate::Console;

const STYLE: &str = include_str!("../assets/console.css");
const SCRIPT: &str = include_str!("../assets/console.js");

/// Names what they are now.
pub(crate) fn version() -> String {
    let hash = Sha256::new().chain_update(STYLE).chain_update(SCRIPT);
    hex::encode(&hash.finalize()[..6])
}

/// For a year: another version has another address.
fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, text)
}

pub(crate) fn routes() -> Router<Console> {
    let style = get(async || file("text/css; charset=utf-8", STYLE));
    let script = get(async || file("text/javascript; charset=utf-8", SCRIPT));
    Router::new()
        .route("/console/console.css", style)
        .route("/console/console.js", script)
}
