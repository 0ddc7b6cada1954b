//! Over events and messages, and the widget's file.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use uuid::Uuid;
use zapis_core::message::What;

use super::support::{Desk, Events, ORIGIN, client, patient, reply};
use crate::Channel;
use crate::webchat::WebChatConfig;

async fn post(desk: &Desk, token: &str, body: &str) -> (u16, Value) {
    post_from(desk, token, body, "10.9.8.7").await
}

async fn post_from(desk: &Desk, token: &str, body: &str, address: &str) -> (u16, Value) {
    let request = client()
        .post(desk.url(&format!("messages?token={token}")))
        .header("origin", ORIGIN)
        .header("x-forwarded-for", address)
        .body(body.to_owned());
    let response = patient(request.send()).await.unwrap();
    let status = response.status().as_u16();
    let body = response.text().await.unwrap();
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

fn message(text: &str) -> String {
    json!({"type": "message", "id": Uuid::new_v4(), "text": text}).to_string()
}

#[tokio::test]
async fn a_visitor_behind_a_strict_proxy_talks_over_events_and_posts() {
    let mut desk = Desk::open().await;
    let mut events = Events::open(&desk, "", None).await;
    assert!(
        events
            .header("content-type")
            .starts_with("text/event-stream")
    );
    assert_eq!(events.header("x-accel-buffering"), "no");
    assert_eq!(events.header("access-control-allow-origin"), ORIGIN);
    let (id, hello) = events.next().await.unwrap();
    assert_eq!(
        (id.as_deref(), &hello["type"]),
        (Some("0"), &json!("hello"))
    );
    let token = hello["token"].as_str().unwrap().to_owned();
    let conversation = hello["conversation"].as_str().unwrap().parse().unwrap();

    let (status, ack) = post(&desk, &token, &message("Привет")).await;

    assert_eq!(
        (status, &ack["type"], &ack["seq"]),
        (200, &json!("ack"), &json!(1))
    );
    let text = "Привет".to_owned();
    assert_eq!(desk.published().await.what, What::Text { text });
    desk.webchat
        .send(&reply(&conversation, "Здравствуйте!", &[]))
        .await
        .unwrap();
    let (id, own) = events.next().await.unwrap();
    assert_eq!((id.as_deref(), &own["id"]), (Some("1"), &ack["id"]));
    let (id, answer) = events.next().await.unwrap();
    assert_eq!(
        (id.as_deref(), &answer["text"]),
        (Some("2"), &json!("Здравствуйте!"))
    );

    let query = format!("token={token}&after=0");
    let (_, again) = Events::open(&desk, &query, Some("1"))
        .await
        .next()
        .await
        .unwrap();
    assert_eq!(again["resumed"], true);
    assert_eq!(
        again["history"].as_array().unwrap().len(),
        1,
        "Last-Event-ID wins"
    );

    desk.stop.cancel();
    assert!(
        events.next().await.is_none(),
        "the stream ends with the gateway"
    );
}

#[tokio::test]
async fn a_post_that_is_not_taken_says_why() {
    let desk = Desk::open().await;
    let mut events = Events::open(&desk, "", None).await;
    let (_, hello) = events.next().await.unwrap();
    let token = hello["token"].as_str().unwrap();

    let code = async |token: &str, body: &str| {
        let (status, error) = post(&desk, token, body).await;
        (
            status,
            error["code"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let expect = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(code(token, "{").await, expect(400, "bad_frame"));
    assert_eq!(
        code(token, r#"{"type":"dance"}"#).await,
        expect(400, "unknown_type")
    );
    assert_eq!(
        code("forged", &message("x")).await,
        expect(400, "bad_frame")
    );
    assert_eq!(
        code(token, &message(&"ё".repeat(4_001))).await,
        expect(413, "too_long")
    );
    assert_eq!(
        code(token, &"x".repeat(70_000)).await,
        expect(413, "too_long")
    );
    desk.gate.shut.store(true, Ordering::SeqCst);
    assert_eq!(code(token, &message("x")).await, expect(503, "unavailable"));
    desk.gate.shut.store(false, Ordering::SeqCst);
    for _ in 0..19 {
        assert_eq!(code(token, &message("x")).await.0, 200);
    }
    assert_eq!(
        code(token, &message("x")).await,
        expect(429, "rate_limited")
    );
    assert_eq!(post(&desk, token, r#"{"type":"typing"}"#).await.0, 200);
}

#[tokio::test]
async fn all_visitors_of_one_address_share_a_limit() {
    let desk = Desk::with(WebChatConfig {
        messages_per_address: 3,
        ..WebChatConfig::default()
    })
    .await;
    let mut statuses = Vec::new();
    for n in 0..4 {
        let (_, hello) = Events::open(&desk, "", None).await.next().await.unwrap();
        let token = hello["token"].as_str().unwrap().to_owned();
        statuses.push(
            post_from(&desk, &token, &message("x"), "203.0.113.5")
                .await
                .0,
        );
        if n == 3 {
            let (elsewhere, _) = post_from(&desk, &token, &message("x"), "203.0.113.6").await;
            assert_eq!(elsewhere, 200);
        }
    }

    assert_eq!(statuses, [200, 200, 200, 429]);
}

#[tokio::test]
async fn other_pages_may_neither_listen_nor_post() {
    let desk = Desk::open().await;
    let status = async |request: reqwest::RequestBuilder| {
        patient(request.send()).await.unwrap().status().as_u16()
    };
    let evil = "https://evil.example";

    assert_eq!(status(client().get(desk.url("events"))).await, 403);
    assert_eq!(
        status(client().get(desk.url("events")).header("origin", evil)).await,
        403
    );
    assert_eq!(
        status(client().post(desk.url("messages")).header("origin", evil)).await,
        403
    );
    let options = |origin| {
        client()
            .request(reqwest::Method::OPTIONS, desk.url("messages"))
            .header("origin", origin)
    };
    assert_eq!(status(options(evil)).await, 403);
    assert_eq!(status(options(ORIGIN)).await, 204);
    let nowhere = desk.url("messages").replace("/site/", "/nowhere/");
    let huge = "x".repeat(100_000);
    assert_eq!(status(client().post(nowhere).body(huge)).await, 404);
}

#[tokio::test]
async fn the_widget_is_small_cacheable_and_loads_from_any_page() {
    let desk = Desk::open().await;
    let get = || client().get(desk.url("widget.js"));

    let plain = patient(get().send()).await.unwrap();
    let packed = patient(get().header("accept-encoding", "gzip").send())
        .await
        .unwrap();

    assert_eq!(
        plain.headers()["content-type"],
        "text/javascript; charset=utf-8"
    );
    assert_eq!(
        plain.headers()["cross-origin-resource-policy"],
        "cross-origin"
    );
    let tag = plain.headers()["etag"].clone();
    assert!(plain.text().await.unwrap().contains("attachShadow"));
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    assert!(packed.bytes().await.unwrap().len() <= 30 * 1024);
    let known = patient(get().header("if-none-match", tag).send())
        .await
        .unwrap();
    assert_eq!(known.status(), 304);
    let nowhere = desk.url("widget.js").replace("/site/", "/nowhere/");
    assert_eq!(
        patient(client().get(nowhere).send())
            .await
            .unwrap()
            .status(),
        404
    );
}
