//! Files of customers, fetched from the emulator, and from a server that lies.

use std::net::Ipv4Addr;

use axum::routing::get;
use axum::{Json, Router};
use zapis_core::Clock;
use zapis_core::files::{FileError, LARGEST};
use zapis_sandbox::{Fault, FaultKind, Provider, WhatsAppAction, samples};

use super::now;
use super::route::{Door, number};
use super::sending::{CUSTOMER, Desk};
use crate::Channel as _;
use crate::whatsapp::{Flavour, WhatsAppConfig};

/// The customer sends a file; the id by which Meta knows it.
fn sends(desk: &Desk, kind: &str, content: Option<String>) -> String {
    let sends = WhatsAppAction::Sends {
        customer: CUSTOMER.into(),
        kind: kind.into(),
        caption: None,
        filename: None,
        mime_type: None,
        content,
    };
    desk.sandbox.whatsapp(sends).unwrap();
    let line = desk.sandbox.whatsapp_transcript(CUSTOMER).pop().unwrap();
    line.raw[kind]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_voice_message_is_fetched_from_meta_and_from_the_reseller() {
    for flavour in [Flavour::Cloud, Flavour::Dialog360] {
        let desk = Desk::open(flavour).await;
        let voice = sends(&desk, "audio", None);

        let bytes = desk.door.whatsapp.fetch("main", &voice).await.unwrap();

        assert_eq!(bytes, samples::voice(), "{flavour:?}");
    }
}

#[tokio::test]
async fn what_meta_does_not_keep_or_give_is_told_apart() {
    let desk = Desk::open(Flavour::Cloud).await;
    let fetch = async |id: &str| desk.door.whatsapp.fetch("main", id).await.unwrap_err();

    assert!(matches!(fetch("77").await, FileError::Gone));
    assert!(matches!(fetch("../100/messages").await, FileError::Gone));
    let huge = sends(&desk, "document", Some("x".repeat(LARGEST + 1)));
    assert!(matches!(fetch(&huge).await, FileError::TooLarge));

    let image = sends(&desk, "image", None);
    let down = |status| FaultKind::Status { status, html: true };
    for kind in [down(503), FaultKind::CutBeforeAccept] {
        for method in [None, Some("download")] {
            let fault = Fault::new(Provider::Whatsapp, kind.clone()).times(1);
            let fault = method.map_or(fault.clone(), |method| fault.on(method));
            desk.sandbox.add_fault(fault);
            let error = fetch(&image).await;
            assert!(matches!(error, FileError::NotNow(_)), "{error:?}");
            let told = format!("{error:?} {}", zapis_core::causes(&error));
            assert!(!told.contains("mid=") && !told.contains("http"), "{told}");
        }
    }
}

/// A server in Meta's place that tells this of every file, with `{host}` for itself.
async fn telling(told: &'static str) -> Door {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    let told: serde_json::Value = serde_json::from_str(&told.replace("{host}", &host)).unwrap();
    let routes = Router::new()
        .route("/v26.0/{id}", get(async move || Json(told)))
        .route("/bytes", get(async || "bytes"));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let config = WhatsAppConfig {
        api_url: format!("{host}/v26.0"),
        ..number("main", "100")
    };
    Door::open(vec![config], Clock::fixed(now())).await
}

#[tokio::test]
async fn bytes_that_are_not_those_of_the_file_are_not_shown() {
    let fine = telling(
        r#"{"url": "{host}/bytes", "sha256": "277089d91c0bdf4f2e6862ba7e4a07605119431f5d13f726dd352b06f1b206a9"}"#,
    );
    assert_eq!(
        fine.await.whatsapp.fetch("main", "1").await.unwrap(),
        "bytes"
    );
    let wrong = telling(r#"{"url": "{host}/bytes", "sha256": "00"}"#).await;
    let error = wrong.whatsapp.fetch("main", "1").await.unwrap_err();
    assert!(matches!(error, FileError::NotNow(_)), "{error:?}");
}

#[tokio::test]
async fn the_token_is_sent_to_no_other_server_in_the_clear() {
    let elsewhere = telling(r#"{"url": "http://127.0.0.1:1/bytes"}"#).await;
    let error = elsewhere.whatsapp.fetch("main", "1").await.unwrap_err();
    let told = zapis_core::causes(&error).to_string();
    assert!(
        told.contains("cannot be used") && !told.contains("127.0.0.1"),
        "{told}"
    );
}
