//! Files of customers, fetched from the emulated Telegram.

use zapis_core::files::FileError;
use zapis_sandbox::{Fault, FaultKind, FileKind, Provider, TelegramAction, samples};

use super::support::{ANNA, Desk};
use crate::Channel as _;

/// She sends a file; the id by which Telegram knows it.
fn sends(desk: &Desk, kind: FileKind, size: Option<u64>) -> String {
    let sends = TelegramAction::Sends {
        chat: ANNA,
        kind,
        caption: None,
        file_name: None,
        content: None,
        size,
    };
    desk.sandbox.telegram(sends).unwrap();
    let line = desk.sandbox.telegram_transcript(ANNA, None).pop().unwrap();
    let photo = line.raw["photo"].as_array();
    let file = photo.map_or(&line.raw["document"], |sizes| &sizes[1]);
    file["file_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_picture_is_fetched_as_it_was_sent() {
    let desk = Desk::open().await;
    let photo = sends(&desk, FileKind::Photo, None);

    let bytes = desk.telegram.fetch("main", &photo).await.unwrap();

    assert_eq!(bytes, samples::picture());
}

#[tokio::test]
async fn what_telegram_does_not_keep_or_give_is_told_apart() {
    let desk = Desk::open().await;
    let fetch = async |id: &str| desk.telegram.fetch("main", id).await.unwrap_err();

    assert!(matches!(fetch("unknown").await, FileError::Gone));
    let huge = sends(&desk, FileKind::Document, Some(21 * 1024 * 1024));
    assert!(matches!(fetch(&huge).await, FileError::TooLarge));
    let photo = sends(&desk, FileKind::Photo, None);
    let unknown = desk.telegram.fetch("other", &photo).await.unwrap_err();
    assert!(matches!(unknown, FileError::NotNow(_)));

    let down = |status| FaultKind::Status { status, html: true };
    for (method, kind) in [
        ("getFile", down(502)),
        ("getFile", FaultKind::CutBeforeAccept),
        ("download", down(503)),
        ("download", FaultKind::CutBeforeAccept),
    ] {
        let fault = Fault::new(Provider::Telegram, kind).on(method).times(1);
        desk.sandbox.add_fault(fault);
        let error = fetch(&photo).await;
        assert!(matches!(error, FileError::NotNow(_)), "{method}: {error:?}");
        let told = format!("{error:?} {}", zapis_core::causes(&error));
        assert!(!told.contains("AAH-canary_token"), "{told}");
    }
    let gone = Fault::new(Provider::Telegram, down(404));
    desk.sandbox.add_fault(gone.on("download").times(1));
    assert!(matches!(fetch(&photo).await, FileError::Gone));
}
