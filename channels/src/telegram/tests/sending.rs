//! Sending to an emulated Telegram, which is as strict as the real one.

use chrono::TimeDelta;
use zapis_core::message::{Button, Content};
use zapis_sandbox::{Fault, FaultKind, Provider, TelegramAction};

use super::super::text::units;
use super::support::{ANNA, Desk, outbound, words};
use crate::{Channel, SendError};

async fn with_anna() -> Desk {
    let desk = Desk::open().await;
    desk.sandbox.telegram_writes(ANNA, "/start").unwrap();
    desk
}

fn refuse(code: u16, message: &str) -> Fault {
    let kind = FaultKind::Refuse {
        status: code,
        code: code.into(),
        message: message.into(),
    };
    Fault::new(Provider::Telegram, kind)
        .on("sendMessage")
        .times(1)
}

#[tokio::test]
async fn a_long_answer_arrives_whole_with_its_buttons_at_the_end() {
    let desk = with_anna().await;
    let text = "Стрижка **стоит** 1500 рублей 👩‍👩‍👧. ".repeat(400);
    let content = Content::Message {
        text: text.clone(),
        buttons: vec![Button {
            title: "Записаться".into(),
            payload: "book".into(),
        }],
        staff: None,
    };

    desk.sends(outbound("7000000001", content)).await;

    let lines = desk.sandbox.telegram_transcript(ANNA, None);
    let sent: Vec<_> = lines.iter().filter(|line| line.from == "bot").collect();
    assert!(sent.len() >= 3);
    assert!(
        sent.iter()
            .all(|line| units(&line.text) <= 4096 && !line.text.contains('*'))
    );
    let all: Vec<&str> = sent.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(all.join(" "), text.replace("**", "").trim());
    let with_buttons: Vec<_> = sent.iter().map(|line| line.buttons.len()).collect();
    assert_eq!(with_buttons.iter().sum::<usize>(), 1);
    assert_eq!(with_buttons.last(), Some(&1));
}

#[tokio::test]
async fn parts_have_ids_of_their_own_that_stay_the_same() {
    let desk = with_anna().await;
    let long = words("7000000001", &"а б. ".repeat(3000));

    let ids = |parts: Vec<zapis_core::message::Outbound>| {
        parts.into_iter().map(|part| part.id).collect::<Vec<_>>()
    };
    let first = ids(desk.telegram.split(long.clone()));

    assert_eq!(first[0], long.id);
    assert_eq!(first, ids(desk.telegram.split(long)));
    assert_eq!(
        first
            .iter()
            .collect::<std::collections::BTreeSet<_>>()
            .len(),
        first.len()
    );
}

#[tokio::test]
async fn what_telegram_cannot_read_goes_out_as_plain_text() {
    let desk = with_anna().await;
    desk.sandbox
        .add_fault(refuse(400, "Bad Request: can't parse entities: oops"));

    desk.sends(words("7000000001", "**Цена** < 5")).await;

    let lines = desk.sandbox.telegram_transcript(ANNA, None);
    assert_eq!(lines.last().unwrap().text, "Цена < 5");
}

#[tokio::test]
async fn a_refused_keyboard_becomes_lines_of_text() {
    let desk = with_anna().await;
    desk.sandbox
        .add_fault(refuse(400, "Bad Request: BUTTON_DATA_INVALID"));
    let content = Content::Message {
        text: "Когда?".into(),
        buttons: vec![Button {
            title: "11:00".into(),
            payload: "x".into(),
        }],
        staff: None,
    };

    desk.sends(outbound("7000000001", content)).await;

    let lines = desk.sandbox.telegram_transcript(ANNA, None);
    assert_eq!(lines.last().unwrap().text, "Когда?\n• 11:00");
}

#[tokio::test]
async fn each_way_to_fail_is_told_to_the_sender() {
    let desk = with_anna().await;
    let send = async || desk.telegram.send(&words("7000000001", "Привет")).await;
    let fault = |kind| {
        Fault::new(Provider::Telegram, kind)
            .on("sendMessage")
            .times(1)
    };

    desk.sandbox
        .add_fault(fault(FaultKind::TooManyRequests { retry_after: 14 }));
    let Err(SendError::TooFast { after, bucket }) = send().await else {
        panic!("not too fast")
    };
    assert_eq!(after.as_secs(), 14);
    let buckets = desk.telegram.limits(&words("7000000001", "x"));
    assert!(buckets.iter().any(|(name, _)| *name == bucket));
    assert_eq!(
        buckets.last().unwrap().0,
        "telegram:main",
        "the account's own comes last"
    );

    desk.sandbox.add_fault(fault(FaultKind::Status {
        status: 500,
        html: false,
    }));
    assert!(matches!(send().await, Err(SendError::NotSent(_))));

    desk.sandbox.add_fault(fault(FaultKind::CutAfterAccept));
    assert!(matches!(send().await, Err(SendError::Unknown(_))));

    desk.sandbox
        .telegram(TelegramAction::Blocks { chat: ANNA })
        .unwrap();
    assert!(matches!(send().await, Err(SendError::Unreachable(_))));

    let strange = desk.telegram.send(&words("anna", "x")).await;
    assert!(matches!(strange, Err(SendError::Refused(_))));
}

#[tokio::test]
async fn typing_is_shown_for_a_moment_only_and_never_fails() {
    let desk = with_anna().await;
    let typing = || {
        outbound(
            "7000000001",
            Content::Typing {
                inbound: Some("m7000000001:1".into()),
            },
        )
    };
    let mut old = typing();
    old.at -= TimeDelta::seconds(7);

    desk.sends(old).await;
    desk.sends(typing()).await;
    desk.sandbox
        .telegram(TelegramAction::Blocks { chat: ANNA })
        .unwrap();
    desk.sends(typing()).await;

    assert_eq!(desk.calls("sendChatAction", 2).await.len(), 2);
}

#[tokio::test]
async fn the_answer_to_a_business_customer_travels_over_the_connection() {
    let mut desk = Desk::open().await;
    desk.listen();
    let text = |from_owner| {
        TelegramAction::Business(zapis_sandbox::BusinessText {
            connection: "bc_1".into(),
            chat: ANNA,
            text: "Есть время?".into(),
            from_owner,
        })
    };
    desk.sandbox.telegram(text(false)).unwrap();
    let inbound = desk.inbound().await;

    desk.sends(words(inbound.conversation.peer(), "Да, в 12:00"))
        .await;

    let sent = desk.calls("sendMessage", 1).await;
    assert_eq!(sent[0]["business_connection_id"], "bc_1");
    desk.sandbox.telegram(text(true)).unwrap();
    let owner = desk.inbound().await;
    assert_eq!(owner.conversation, inbound.conversation);
    let now = zapis_core::Clock::system().now();
    let ownership = desk
        .store
        .ownership(&owner.conversation, now)
        .await
        .unwrap();
    assert!(ownership.staff.is_some());
}

#[tokio::test]
async fn a_probe_tells_what_works() {
    let desk = Desk::open().await;

    let probes = desk.telegram.probe().await;

    let results: Vec<_> = probes.iter().map(|probe| probe.result.clone()).collect();
    assert_eq!(results[0], Ok("@salon_bot".to_owned()));
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(results.len(), 3);
}
