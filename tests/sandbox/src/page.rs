//! The demo page with the salon's site and CRM on it.

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

/// `/bitrix24`: the inbox of the portal, and everything it loads.
pub(crate) fn crm() -> Router<Arc<World>> {
    Router::new()
        .route("/bitrix24", get(inbox))
        .route(
            "/page/crm.css",
            get(|| async { file(CSS, include_str!("../page/crm.css")) }),
        )
        .route(
            "/page/crm.js",
            get(|| async { file(JS, include_str!("../page/crm.js")) }),
        )
        .route(
            "/page/icon.svg",
            get(|| async { file(SVG, include_str!("../page/icon.svg")) }),
        )
}

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
    let crm = world.config.bitrix24.is_some();
    let html =
        include_str!("../page/index.html").replace("{{crm}}", if crm { "on" } else { "off" });
    render(&html, page, &policy)
}

/// What a manager sees in the portal. It has no use for anything but the sandbox.
async fn inbox(State(world): State<Arc<World>>) -> Response {
    let Some(portal) = &world.config.bitrix24 else {
        return axum::http::StatusCode::NOT_FOUND.into_response();
    };
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'";
    let zone = match &world.config.page {
        Some(page) => page.time_zone.clone(),
        // The signs of these names are the other way round.
        None => format!("Etc/GMT{:+}", -portal.offset_hours),
    };
    let html = include_str!("../page/crm.html").replace("{{time_zone}}", &escaped(&zone));
    let headers = [
        (CONTENT_TYPE, HTML),
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, policy),
    ];
    (headers, html).into_response()
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
