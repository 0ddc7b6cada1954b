//! The demo page and the salon's site on it.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::config::Page;
use crate::world::World;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// `/` and everything it loads.
pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/", get(index))
        .route("/site", get(site))
        .route(
            "/page/demo.css",
            get(|| async { file(CSS, include_str!("../page/demo.css")) }),
        )
        .route(
            "/page/demo.js",
            get(|| async { file(JS, include_str!("../page/demo.js")) }),
        )
        .route(
            "/page/site.css",
            get(|| async { file(CSS, include_str!("../page/site.css")) }),
        )
        .route(
            "/page/icon.svg",
            get(|| async { file(SVG, include_str!("../page/icon.svg")) }),
        )
}

fn file(kind: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], text).into_response()
}

async fn index(State(world): State<Arc<World>>) -> Response {
    let Some(page) = &world.config.page else {
        return axum::http::StatusCode::NOT_FOUND.into_response();
    };
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; frame-src 'self'; connect-src 'self' {}; base-uri 'none'; form-action 'none'",
        origin(&page.journal_url)
    );
    render(include_str!("../page/index.html"), page, &policy)
}

/// A page of somebody else's origin, with a strict policy, that embeds the widget.
async fn site(State(world): State<Arc<World>>) -> Response {
    let Some(page) = &world.config.page else {
        return axum::http::StatusCode::NOT_FOUND.into_response();
    };
    let zapis = origin(&page.zapis_url);
    let socket = zapis.replacen("http", "ws", 1);
    let policy = format!(
        "default-src 'none'; script-src {zapis}; style-src 'self'; img-src 'self' data:; connect-src {zapis} {socket}; base-uri 'none'; form-action 'none'"
    );
    render(include_str!("../page/site.html"), page, &policy)
}

fn render(template: &str, page: &Page, policy: &str) -> Response {
    let html = template
        .replace("{{zapis_url}}", &escaped(&page.zapis_url))
        .replace("{{journal_url}}", &escaped(&page.journal_url))
        .replace("{{webchat_account}}", &escaped(&page.webchat_account))
        .replace("{{time_zone}}", &escaped(&page.time_zone));
    let headers = [
        (CONTENT_TYPE, HTML),
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, policy),
    ];
    (headers, html).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
}

/// Scheme, host and port.
fn origin(url: &str) -> String {
    reqwest::Url::parse(url).map_or_else(
        |_| "'none'".to_owned(),
        |url| url.origin().ascii_serialization(),
    )
}
