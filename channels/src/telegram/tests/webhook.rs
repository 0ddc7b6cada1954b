//! The webhook's order of checks, and what it makes of bodies.

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use serde_json::json;
use tower::ServiceExt;
use zapis_core::message::What;

use super::support::{ANNA, Desk, SECRET, conversation};
use crate::Channel;

async fn post(
    desk: &Desk,
    account: &str,
    secret: Option<&str>,
    body: impl Into<Body>,
) -> Response<Body> {
    let mut request = Request::post(format!("/webhooks/telegram/{account}"));
    if let Some(secret) = secret {
        request = request.header("X-Telegram-Bot-Api-Secret-Token", secret);
    }
    let request = request.body(body.into()).unwrap();
    desk.telegram.routes().oneshot(request).await.unwrap()
}

fn text(id: i64) -> String {
    let from = json!({"id": ANNA, "is_bot": false, "first_name": "Анна"});
    json!({"update_id": id, "message": {
        "message_id": id, "from": from, "chat": {"id": ANNA, "type": "private"}, "date": 1, "text": "Привет",
    }})
    .to_string()
}

#[tokio::test]
async fn an_authentic_update_reaches_the_queue_before_the_answer() {
    let mut desk = Desk::open().await;

    let answer = post(&desk, "main", Some(SECRET), text(5)).await;

    assert_eq!(answer.status(), StatusCode::OK);
    let inbound = desk.inbound().await;
    assert_eq!(inbound.conversation, conversation("7000000001"));
    assert!(
        inbound.what
            == What::Text {
                text: "Привет".into()
            }
    );
    assert!(inbound.raw.unwrap().get().contains("update_id"));
}

#[tokio::test]
async fn the_account_is_checked_first_then_the_size_then_the_secret_then_the_body() {
    let desk = Desk::open().await;
    let large = vec![b'x'; 4 * 1024 * 1024 + 1];

    let status = |account: &'static str, secret: Option<&'static str>, body: Vec<u8>| {
        let desk = &desk;
        async move { post(desk, account, secret, body).await.status() }
    };

    assert_eq!(
        status("other", None, large.clone()).await,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        status("main", None, large).await,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    for secret in [None, Some(""), Some("wrong"), Some("webhook-secreT")] {
        let status = status("main", secret, b"no json".to_vec()).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{secret:?}");
    }
    assert_eq!(desk.store.dead_count().await.unwrap(), 0);
}

#[tokio::test]
async fn an_authentic_body_that_cannot_be_read_is_kept_and_not_repeated() {
    let desk = Desk::open().await;

    for body in [
        &b"\"foo\""[..],
        b"{\"update_id\":1,\"message\":",
        b"\xff\xfe",
        b"{\"update_id\":2,\"new\":{}}",
    ] {
        let answer = post(&desk, "main", Some(SECRET), body.to_vec()).await;
        assert_eq!(answer.status(), StatusCode::OK);
    }

    let dead = desk.store.dead(10).await.unwrap();
    assert_eq!(dead.len(), 4);
    assert!(
        dead.iter()
            .all(|letter| letter.topic == "webhook.telegram" && !letter.reason.is_empty())
    );
}

#[tokio::test]
async fn without_the_queue_telegram_is_asked_to_come_again() {
    let desk = Desk::open().await;
    desk.broker.close().await;

    let answer = post(&desk, "main", Some(SECRET), text(5)).await;

    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers().contains_key("retry-after"));
}
