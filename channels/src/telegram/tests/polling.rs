//! Fetching updates from an emulated Telegram.

use zapis_core::message::What;
use zapis_sandbox::{Fault, FaultKind, Provider, TelegramAction};

use super::support::{ANNA, Desk, PATIENCE, conversation, words};

#[tokio::test]
async fn a_customer_writes_and_gets_an_answer() {
    let mut desk = Desk::open().await;
    desk.listen();

    desk.sandbox.telegram_writes(ANNA, "Привет").unwrap();
    let inbound = desk.inbound().await;
    desk.sends(words(inbound.conversation.peer(), "**Добрый день!** 5 < 6"))
        .await;

    assert!(
        inbound.what
            == What::Text {
                text: "Привет".into()
            }
    );
    let lines = desk
        .sandbox
        .telegram_until(ANNA, PATIENCE, |lines| lines.len() == 2)
        .await;
    assert_eq!(lines[1].text, "Добрый день! 5 < 6");
    assert_eq!(lines[1].raw["entities"][0]["type"], "bold");
}

#[tokio::test]
async fn nothing_is_confirmed_to_telegram_before_the_queue_has_it() {
    let desk = Desk::open().await;
    desk.broker.close().await;
    desk.sandbox.telegram_writes(ANNA, "Вы работаете?").unwrap();

    desk.listen();
    let offsets: Vec<_> = desk.calls("getUpdates", 3).await;

    assert!(
        offsets
            .iter()
            .all(|body| body["offset"] == offsets[0]["offset"]),
        "{offsets:?}"
    );
    assert_eq!(desk.sandbox.telegram_pending(None), 1);
    let mut desk = desk.restarted().await;
    desk.listen();
    assert!(
        desk.inbound().await.what
            == What::Text {
                text: "Вы работаете?".into()
            }
    );
}

#[tokio::test]
async fn after_a_restart_fetching_goes_on_where_it_stopped() {
    let mut desk = Desk::open().await;
    desk.listen();
    desk.sandbox.telegram_writes(ANNA, "раз").unwrap();
    desk.inbound().await;
    desk.calls("getUpdates", 2).await;

    let mut desk = desk.restarted().await;
    desk.sandbox.clear_calls();
    desk.listen();
    desk.sandbox.telegram_writes(ANNA, "два").unwrap();

    assert!(
        desk.inbound().await.what
            == What::Text {
                text: "два".into()
            }
    );
    let first = desk.calls("getUpdates", 1).await;
    assert!(first[0]["offset"].as_i64().unwrap() > 0, "{first:?}");
}

#[tokio::test]
async fn one_gateway_polls_and_the_other_takes_over_when_it_leaves() {
    let mut desk = Desk::open().await;
    let name = "telegram.main.poller";
    let lease = std::time::Duration::from_mins(10);
    let now = zapis_core::Clock::system().now();
    assert!(desk.store.lease(name, "other", lease, now).await.unwrap());
    desk.listen();
    desk.sandbox.telegram_writes(ANNA, "Привет").unwrap();

    desk.store.release(name, "other").await.unwrap();

    desk.inbound().await;
    assert_eq!(desk.calls("deleteWebhook", 1).await.len(), 1);
}

#[tokio::test]
async fn trouble_at_telegram_passes() {
    let mut desk = Desk::open().await;
    let trouble = |kind| {
        Fault::new(Provider::Telegram, kind)
            .on("getUpdates")
            .times(1)
    };
    desk.sandbox.add_fault(trouble(FaultKind::Status {
        status: 502,
        html: true,
    }));
    desk.sandbox.add_fault(trouble(FaultKind::CutBeforeAccept));
    desk.sandbox.telegram_writes(ANNA, "Привет").unwrap();

    desk.listen();

    assert_eq!(
        desk.inbound().await.conversation,
        conversation("7000000001")
    );
}

#[tokio::test]
async fn a_press_is_answered_and_a_long_payload_comes_back_whole() {
    let mut desk = Desk::open().await;
    desk.listen();
    desk.sandbox.telegram_writes(ANNA, "/start").unwrap();
    desk.inbound().await;
    let payload = "слот:2026-11-28T11:00:наращивание-ресниц-3D-плюс";
    let mut offer = words("7000000001", "Когда?");
    if let zapis_core::message::Content::Message { buttons, .. } = &mut offer.content {
        buttons.push(zapis_core::message::Button {
            title: "11:00".into(),
            payload: payload.into(),
        });
    }
    desk.sends(offer).await;

    desk.sandbox.telegram_presses(ANNA, "11:00").unwrap();

    let press = desk.inbound().await;
    assert!(
        press.what
            == What::Press {
                payload: payload.into(),
                title: Some("11:00".into())
            }
    );
    desk.calls("answerCallbackQuery", 1).await;
    let forged = TelegramAction::Presses {
        chat: ANNA,
        button: "~forged".into(),
        message_id: None,
        forged: true,
        inaccessible: false,
    };
    desk.sandbox.telegram(forged).unwrap();
    assert!(matches!(desk.inbound().await.what, What::Unreadable { .. }));
}
