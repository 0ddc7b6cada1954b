//! Somebody's site: a page with the widget and a content policy that allows nothing else.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::{get, post};

/// The page, on an origin of its own.
pub(super) struct Page {
    pub(super) url: String,
    reports: Reports,
}

type Reports = Arc<Mutex<Vec<String>>>;

impl Page {
    /// Serves a page that embeds the widget of the account `shop`.
    pub(super) async fn open(chat: &str, attributes: &str) -> Self {
        let reports = Reports::default();
        let socket = chat.replace("http://", "ws://");
        let policy = format!(
            "default-src 'none'; script-src {chat}; connect-src {chat} {socket}; style-src 'none'; report-uri /report"
        );
        let text = format!(
            r##"<!doctype html><html lang="ru"><head><meta charset="utf-8"><title>Салон</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<script src="{chat}/webchat/shop/widget.js" {attributes} defer></script></head>
<body><main><h1>Салон</h1><p><a href="#prices">Цены</a></p></main></body></html>"##
        );
        let page = move || async move {
            let headers = [
                (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
                (header::CONTENT_SECURITY_POLICY, policy),
            ];
            (headers, text).into_response()
        };
        let router = Router::new()
            .route("/", get(page))
            .route("/report", post(report))
            .with_state(reports.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, reports }
    }

    /// What broke the policy, in the browser's words.
    pub(super) fn reports(&self) -> Vec<String> {
        self.reports.lock().unwrap().clone()
    }
}

async fn report(State(reports): State<Reports>, report: String) {
    // The icon of the tab is the browser's own wish.
    if !report.contains("favicon") {
        reports.lock().unwrap().push(report);
    }
}
