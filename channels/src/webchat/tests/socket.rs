//! Over the WebSocket.

use std::sync::atomic::Ordering;

use serde_json::json;
use tokio_tungstenite::tungstenite::{self, Message};
use uuid::Uuid;
use zapis_core::message::{Content, What};

use super::support::{Desk, ORIGIN, connect, outbound, reply};
use crate::Channel;
use crate::webchat::WebChatConfig;

#[tokio::test]
async fn a_message_is_acknowledged_once_it_is_in_the_queue_and_the_answer_arrives() {
    let mut desk = Desk::open().await;
    let mut anna = desk.visit("").await;
    assert_eq!(anna.hello["resumed"], false);
    assert_eq!(anna.hello["seq"], 0);

    let id = anna.writes("Сколько стоит стрижка?").await;

    assert_eq!(
        anna.gets().await,
        json!({"type": "ack", "id": id, "seq": 1})
    );
    let inbound = desk.published().await;
    assert_eq!(inbound.id, id);
    assert_eq!(inbound.conversation, anna.conversation());
    let text = "Сколько стоит стрижка?".into();
    assert_eq!(inbound.what, What::Text { text });

    let answer = reply(
        &anna.conversation(),
        "**От 2 500 ₽.** Записать?",
        &[("Да", "book")],
    );
    let sent = desk.webchat.send(&answer).await.unwrap();

    assert_eq!(sent.provider_id.as_deref(), Some("2"));
    assert_eq!(
        anna.gets().await,
        json!({
            "type": "message", "seq": 2, "id": answer.id, "from": "bot", "name": "",
            "text": "От 2 500 ₽. Записать?", "buttons": [{"title": "Да", "payload": "book"}],
            "at": "2027-01-15T08:00:00.000Z",
        })
    );
}

#[tokio::test]
async fn a_conversation_goes_on_after_a_reload_and_shows_what_was_missed() {
    let desk = Desk::open().await;
    let mut anna = desk.visit("").await;
    anna.writes("раз").await;
    anna.gets().await;
    let (token, conversation) = (anna.token().to_owned(), anna.conversation());
    drop(anna);
    for text in ["два", "три"] {
        desk.webchat
            .send(&reply(&conversation, text, &[]))
            .await
            .unwrap();
    }

    let again = desk.visit(&format!("token={token}")).await;
    let missed = desk.visit(&format!("token={token}&after=1")).await;
    let beyond = desk.visit(&format!("token={token}&after=99")).await;

    assert_eq!(again.hello["resumed"], true);
    assert_eq!(again.hello["token"], token);
    assert_eq!(again.hello["seq"], 3);
    let texts: Vec<_> = again.history().into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["раз", "два", "три"]);
    assert_eq!(
        missed.history(),
        [(2, "два".to_owned()), (3, "три".to_owned())]
    );
    assert_eq!(
        (beyond.history(), beyond.hello["seq"].as_i64()),
        (vec![], Some(3))
    );
}

#[tokio::test]
async fn a_new_page_sees_the_last_50_and_a_long_absence_loses_nothing() {
    let desk = Desk::open().await;
    let anna = desk.visit("").await;
    for n in 1..=1_020 {
        let event = reply(&anna.conversation(), &n.to_string(), &[]);
        desk.webchat.send(&event).await.unwrap();
    }

    let reload = desk.visit(&format!("token={}", anna.token())).await;
    let mut back = desk.visit(&format!("token={}&after=0", anna.token())).await;

    assert_eq!(reload.history().len(), 50);
    assert_eq!(reload.history()[0].0, 971);
    let mut seqs: Vec<i64> = back.history().into_iter().map(|(seq, _)| seq).collect();
    assert_eq!(back.hello["seq"].as_i64(), seqs.last().copied());
    while seqs.len() < 1_020 {
        seqs.push(back.gets().await["seq"].as_i64().unwrap());
    }
    assert_eq!(seqs, (1..=1_020).collect::<Vec<i64>>());
}

#[tokio::test]
async fn a_forgotten_or_forged_token_begins_anew() {
    let desk = Desk::open().await;
    let anna = desk.visit("").await;

    for token in ["deadbeef", "%00", &"a".repeat(5_000)] {
        let stranger = desk.visit(&format!("token={token}&after=0")).await;
        assert_eq!(stranger.hello["resumed"], false);
        assert_ne!(stranger.conversation(), anna.conversation());
        assert_ne!(stranger.token(), token);
    }
}

#[tokio::test]
async fn a_repeated_message_gets_the_same_ack_and_no_second_effect() {
    let mut desk = Desk::open().await;
    let mut anna = desk.visit("").await;
    let id = anna.writes("один раз").await;
    anna.gets().await;
    let mut back = desk.visit(&format!("token={}", anna.token())).await;

    back.send(json!({"type": "message", "id": id, "text": "один раз"}))
        .await;

    assert_eq!(
        back.gets().await,
        json!({"type": "ack", "id": id, "seq": 1})
    );
    let next = back.writes("дальше").await;
    assert_eq!(back.gets().await["seq"], 2);
    assert_eq!(desk.published().await.id, id);
    assert_eq!(
        desk.published().await.id,
        next,
        "the repeat was not published"
    );
}

#[tokio::test]
async fn without_the_queue_there_is_no_ack_and_the_repeat_is_published() {
    let mut desk = Desk::open().await;
    let mut anna = desk.visit("").await;
    desk.gate.shut.store(true, Ordering::SeqCst);
    let id = anna.writes("очередь закрыта").await;
    let refused = anna.gets().await;
    assert_eq!(
        (&refused["id"], &refused["code"]),
        (&json!(id), &json!("unavailable"))
    );

    desk.gate.shut.store(false, Ordering::SeqCst);
    anna.send(json!({"type": "message", "id": id, "text": "очередь закрыта"}))
        .await;

    // What was in the log already comes before its ack, or not at all: never after.
    let ack = loop {
        let frame = anna.gets().await;
        if frame["type"] == "ack" {
            break frame;
        }
        assert_eq!(frame["id"], json!(id));
    };
    assert_eq!(ack, json!({"type": "ack", "id": id, "seq": 1}));
    assert_eq!(desk.published().await.id, id);
}

#[tokio::test]
async fn own_messages_come_back_on_other_sockets_only() {
    let desk = Desk::open().await;
    let mut phone = desk.visit("").await;
    let mut laptop = desk.visit(&format!("token={}", phone.token())).await;

    let id = phone.writes("с телефона").await;
    let shown = laptop.gets().await;

    assert_eq!(
        (&shown["id"], &shown["from"]),
        (&json!(id), &json!("customer"))
    );
    assert_eq!(phone.gets().await["type"], "ack");
    desk.webchat
        .send(&reply(&phone.conversation(), "ответ", &[]))
        .await
        .unwrap();
    assert_eq!(phone.gets().await["text"], "ответ");
    assert_eq!(laptop.gets().await["text"], "ответ");
}

#[tokio::test]
async fn what_another_process_wrote_is_found_in_the_log() {
    let desk = Desk::open().await;
    let mut anna = desk.visit("").await;
    let staff = Content::Message {
        text: "Это Мария".into(),
        buttons: Vec::new(),
        staff: Some("Мария".into()),
    };

    desk.neighbour()
        .send(&outbound(&anna.conversation(), staff))
        .await
        .unwrap();

    let shown = anna.gets().await;
    assert_eq!(
        (&shown["from"], &shown["name"]),
        (&json!("staff"), &json!("Мария"))
    );
}

#[tokio::test]
async fn sending_twice_writes_once_and_typing_is_shown_at_once() {
    let desk = Desk::open().await;
    let mut anna = desk.visit("").await;
    let once = reply(&anna.conversation(), "один раз", &[]);

    let first = desk.webchat.send(&once).await.unwrap();
    let second = desk.webchat.send(&once).await.unwrap();
    for inbound in [Some("1".into()), None] {
        let typing = Content::Typing { inbound };
        let typing = outbound(&anna.conversation(), typing);
        desk.webchat.send(&typing).await.unwrap();
    }

    assert_eq!(first, second);
    assert_eq!(anna.gets().await["text"], "один раз");
    assert_eq!(anna.gets().await, json!({"type": "typing", "from": "bot"}));
    let staff = json!({"type": "typing", "from": "staff"});
    assert_eq!(anna.gets().await, staff);
}

#[tokio::test]
async fn a_pressed_button_says_what_it_said_and_carries_its_payload() {
    let mut desk = Desk::open().await;
    let mut anna = desk.visit("").await;
    let offer = reply(&anna.conversation(), "Записать?", &[("Да", "book:yes")]);
    desk.webchat.send(&offer).await.unwrap();
    anna.gets().await;
    let id = Uuid::new_v4();

    anna.send(json!({"type": "press", "id": id, "payload": "book:yes"}))
        .await;

    assert_eq!(anna.gets().await["seq"], 2);
    let what = What::Press {
        payload: "book:yes".into(),
        title: Some("Да".into()),
    };
    assert_eq!(desk.published().await.what, what);
    let reload = desk.visit(&format!("token={}", anna.token())).await;
    assert_eq!(reload.history()[1].1, "Да");
}

#[tokio::test]
async fn where_a_consent_is_demanded_it_comes_first() {
    let mut desk = Desk::with(WebChatConfig {
        consent_version: "3".into(),
        ..WebChatConfig::default()
    })
    .await;
    let mut anna = desk.visit("").await;
    anna.writes("без согласия").await;
    assert_eq!(anna.gets().await["code"], "consent_required");
    let consent =
        |version: &str| json!({"type": "consent", "id": Uuid::new_v4(), "version": version});

    anna.send(consent("2")).await;
    assert_eq!(anna.gets().await["seq"], 1);
    anna.writes("со старым").await;
    assert_eq!(anna.gets().await["code"], "consent_required");
    anna.send(consent("3")).await;
    assert_eq!(anna.gets().await["seq"], 2);
    anna.writes("с согласием").await;
    assert_eq!(anna.gets().await["seq"], 3);

    let version = "2".to_owned();
    assert_eq!(desk.published().await.what, What::Consent { version });
    let reload = desk.visit(&format!("token={}", anna.token())).await;
    assert_eq!(reload.hello["seq"], 3);
    assert_eq!(reload.history().len(), 1, "a consent is nothing to show");
}

#[tokio::test]
async fn other_pages_and_unknown_accounts_are_turned_away() {
    let desk = Desk::open().await;
    let status = async |account, origin| match connect(desk.address, account, "", origin).await {
        Err(tungstenite::Error::Http(answer)) => answer.status().as_u16(),
        other => panic!("no answer: {other:?}"),
    };

    assert_eq!(status("site", None).await, 403);
    assert_eq!(status("site", Some("https://evil.example")).await, 403);
    assert_eq!(status("site", Some("null")).await, 403);
    assert_eq!(status("nowhere", Some(ORIGIN)).await, 404);
}

#[tokio::test]
async fn the_21st_message_of_a_minute_waits() {
    let desk = Desk::open().await;
    let mut anna = desk.visit("").await;
    for seq in 1..=20 {
        anna.writes("быстро").await;
        assert_eq!(anna.gets().await["seq"], seq);
    }

    anna.writes("слишком быстро").await;
    assert_eq!(anna.gets().await["code"], "rate_limited");
    let mut boris = desk.visit("").await;
    boris.writes("другой посетитель").await;
    assert_eq!(boris.gets().await["type"], "ack");

    desk.clock.advance(std::time::Duration::from_mins(1));
    anna.writes("через минуту").await;
    assert_eq!(anna.gets().await["seq"], 21);
}

#[tokio::test]
async fn bad_frames_get_their_code_and_the_conversation_goes_on() {
    let desk = Desk::open().await;
    let mut anna = desk.visit("").await;
    let id = Uuid::new_v4();
    let long = json!({"type": "message", "id": id, "text": "ё".repeat(4_001)});
    for (frame, code) in [
        (Message::text("{"), "bad_frame"),
        (Message::text("[".repeat(20_000)), "bad_frame"),
        (Message::text(r#"{"type":"message","id":1}"#), "bad_frame"),
        (Message::text(r#"{"type":"dance"}"#), "unknown_type"),
        (Message::text("x".repeat(100_000)), "too_long"),
        (Message::text(long.to_string()), "too_long"),
        (Message::binary(vec![0, 1, 2]), "bad_frame"),
    ] {
        anna.send_raw(frame).await;
        assert_eq!(anna.gets().await["code"], code);
    }

    anna.send(json!({"type": "typing"})).await;
    anna.send(json!({"type": "read", "seq": 0})).await;
    anna.writes("живая").await;

    assert_eq!(anna.gets().await["seq"], 1);
}

#[tokio::test]
async fn a_stopping_gateway_says_goodbye() {
    let desk = Desk::open().await;
    let mut anna = desk.visit("").await;

    desk.stop.cancel();

    assert_eq!(anna.closed_with().await, 1001);
}
