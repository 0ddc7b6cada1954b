//! The staff's group: cards, topics, answers, commands.

use serde_json::json;
use uuid::Uuid;
use zapis_core::message::{Author, Content, DraftCard, Line, Outbound, StaffCard, Urgency, What};
use zapis_sandbox::TelegramAction;

use super::super::config::TelegramConfig;
use super::super::words;
use super::support::{ANNA, Desk, FORUM, GROUP, PATIENCE, conversation, outbound};
use crate::Channel;

fn card_for(desk: i64, urgency: Urgency) -> Outbound {
    let card = StaffCard {
        about: conversation("7000000001"),
        name: "Анна <Примерова>".into(),
        phone: None,
        reason: "просит человека".into(),
        transcript: vec![Line {
            from: Author::Customer,
            text: "Позовите администратора".into(),
            at: zapis_core::Clock::system().now(),
        }],
        hints: vec![],
        urgency,
    };
    outbound(&desk.to_string(), Content::Card(Box::new(card)))
}

fn relay(desk: i64, text: &str) -> Outbound {
    let content = Content::Relay {
        about: conversation("7000000001"),
        name: "Анна".into(),
        from: Author::Customer,
        text: text.into(),
    };
    outbound(&desk.to_string(), content)
}

async fn owner_of(desk: &Desk) -> Option<String> {
    let now = zapis_core::Clock::system().now();
    let ownership = desk.store.ownership(&conversation("7000000001"), now).await;
    ownership.unwrap().staff
}

async fn with_anna(staff_chat: i64) -> Desk {
    let mut desk = Desk::with(TelegramConfig {
        staff_chat: Some(staff_chat),
        owner_chat: Some(5),
        ..TelegramConfig::default()
    })
    .await;
    desk.listen();
    desk.sandbox
        .telegram_writes(ANNA, "Позовите администратора")
        .unwrap();
    desk.inbound().await;
    desk
}

#[tokio::test]
async fn a_call_opens_a_topic_and_what_staff_writes_there_goes_to_the_customer() {
    let mut desk = with_anna(FORUM).await;

    desk.sends(card_for(FORUM, Urgency::First)).await;

    let topics = desk.sandbox.telegram_topics(FORUM);
    assert_eq!(topics.len(), 1);
    assert_eq!(topics[0].1, "Анна <Примерова> · Telegram");
    let thread = topics[0].0;
    desk.sandbox
        .staff_writes(FORUM, Some(thread), "Здравствуйте, это Мария")
        .unwrap();

    let inbound = desk.inbound().await;
    assert_eq!(inbound.conversation, conversation("7000000001"));
    assert!(
        matches!(&inbound.what, What::Staff { text: Some(text), delivered: false, .. } if text == "Здравствуйте, это Мария")
    );
    assert!(owner_of(&desk).await.is_some());
    let words = desk.outbound().await;
    desk.sends(words).await;
    let lines = desk.sandbox.telegram_transcript(ANNA, None);
    assert_eq!(lines.last().unwrap().text, "Здравствуйте, это Мария");
}

#[tokio::test]
async fn the_second_card_and_what_the_customer_says_go_into_the_same_topic() {
    let desk = with_anna(FORUM).await;

    desk.sends(card_for(FORUM, Urgency::First)).await;
    desk.sends(relay(FORUM, "Алло?")).await;
    desk.sends(card_for(FORUM, Urgency::Reminder)).await;

    let topics = desk.sandbox.telegram_topics(FORUM);
    assert_eq!(topics.len(), 1);
    let lines = desk.sandbox.telegram_transcript(FORUM, Some(topics[0].0));
    assert!(
        lines.iter().any(|line| line.text == "👤 Анна\nАлло?"),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_closed_topic_is_opened_and_a_deleted_one_made_anew() {
    let desk = with_anna(FORUM).await;
    desk.sends(card_for(FORUM, Urgency::First)).await;
    let first = desk.sandbox.telegram_topics(FORUM)[0].0;
    let change = |change: &str| TelegramAction::StaffTopic {
        chat: FORUM,
        change: change.into(),
        thread: Some(first),
        name: None,
    };

    desk.sandbox.telegram(change("close")).unwrap();
    desk.sends(relay(FORUM, "раз")).await;
    desk.calls("reopenForumTopic", 1).await;
    desk.sandbox.telegram(change("delete")).unwrap();
    desk.sends(relay(FORUM, "два")).await;

    let topics = desk.sandbox.telegram_topics(FORUM);
    let second = topics.iter().find(|(id, _)| *id != first).unwrap().0;
    let lines = desk.sandbox.telegram_transcript(FORUM, Some(second));
    assert!(
        lines.iter().any(|line| line.text.ends_with("два")),
        "{lines:?}"
    );
}

#[tokio::test]
async fn commands_hand_over_and_notes_stay_inside() {
    let mut desk = with_anna(FORUM).await;
    desk.sends(card_for(FORUM, Urgency::First)).await;
    let thread = desk.sandbox.telegram_topics(FORUM)[0].0;
    let writes = async |text: &str| {
        desk.sandbox
            .staff_writes(FORUM, Some(thread), text)
            .unwrap()
    };

    writes("// не забудь про скидку").await;
    writes("/note капризная").await;
    writes("/nonsense").await;
    writes("/take@salon_bot").await;
    writes("/bot").await;

    for words in ["не забудь про скидку", "капризная"] {
        let note = desk.inbound().await;
        assert!(
            matches!(&note.what, What::Note { text, .. } if text == words),
            "{words} is for the journal"
        );
    }
    let taken = desk.inbound().await;
    assert!(matches!(taken.what, What::Staff { text: None, .. }));
    assert!(matches!(desk.inbound().await.what, What::Handback { .. }));
    assert_eq!(owner_of(&desk).await, None);
    // The card, and an answer to each command.
    desk.calls("sendMessage", 5).await;
    let told = desk.sandbox.telegram_transcript(ANNA, None).len();
    assert_eq!(told, 1, "notes are not passed on");
}

#[tokio::test]
async fn talk_among_the_staff_reaches_nobody() {
    let mut desk = with_anna(FORUM).await;
    desk.sends(card_for(FORUM, Urgency::First)).await;

    desk.sandbox
        .staff_writes(FORUM, None, "Кто сегодня до восьми?")
        .unwrap();
    desk.sandbox.telegram_writes(ANNA, "Алло").unwrap();

    assert!(
        desk.inbound().await.what
            == What::Text {
                text: "Алло".into()
            }
    );
    assert_eq!(owner_of(&desk).await, None);
}

#[tokio::test]
async fn an_anonymous_administrator_is_staff_too() {
    let mut desk = with_anna(FORUM).await;
    desk.sends(card_for(FORUM, Urgency::First)).await;
    let thread = desk.sandbox.telegram_topics(FORUM)[0].0;

    let action = TelegramAction::StaffWrites {
        chat: FORUM,
        text: "Минуту".into(),
        thread: Some(thread),
        reply_to: None,
        from: None,
        anonymous: true,
    };
    desk.sandbox.telegram(action).unwrap();

    assert!(matches!(desk.inbound().await.what, What::Staff { .. }));
}

#[tokio::test]
async fn without_topics_a_reply_to_the_card_goes_to_the_customer() {
    let mut desk = with_anna(GROUP).await;
    desk.sends(card_for(GROUP, Urgency::First)).await;
    desk.sends(relay(GROUP, "Алло?")).await;
    let lines = desk.sandbox.telegram_transcript(GROUP, None);
    assert_eq!(
        lines[1].raw["reply_to_message"]["message_id"].to_string(),
        lines[0].id
    );

    for line in &lines {
        let action = TelegramAction::StaffWrites {
            chat: GROUP,
            text: "Здравствуйте".into(),
            thread: None,
            reply_to: Some(line.id.parse().unwrap()),
            from: None,
            anonymous: false,
        };
        desk.sandbox.telegram(action).unwrap();
        assert!(matches!(
            desk.inbound().await.what,
            What::Staff { text: Some(_), .. }
        ));
    }
}

#[tokio::test]
async fn without_the_right_to_make_topics_the_card_still_arrives() {
    let desk = with_anna(FORUM).await;
    let forbid = TelegramAction::LetsManageTopics {
        chat: FORUM,
        allowed: false,
    };
    desk.sandbox.telegram(forbid).unwrap();

    desk.sends(card_for(FORUM, Urgency::First)).await;

    let lines = desk.sandbox.telegram_transcript(FORUM, None);
    assert!(lines.last().unwrap().text.contains("Нужен человек"));
    assert!(
        desk.telegram
            .probe()
            .await
            .iter()
            .any(|probe| probe.result.is_err())
    );
}

#[tokio::test]
async fn a_call_that_nobody_answered_also_goes_to_the_owner() {
    let mut desk = with_anna(FORUM).await;
    desk.sandbox.telegram_writes(5, "/start").unwrap();
    desk.inbound().await;

    desk.sends(card_for(FORUM, Urgency::Owner)).await;

    let lines = desk
        .sandbox
        .telegram_until(5, PATIENCE, |lines| lines.len() == 2)
        .await;
    assert!(lines[1].text.contains("никто не ответил"));
    let reply = TelegramAction::Writes {
        chat: 5,
        text: "Здравствуйте, я владелец".into(),
        reply_to: Some(lines[1].id.parse().unwrap()),
        at: None,
    };
    desk.sandbox.telegram(reply).unwrap();
    let inbound = desk.inbound().await;
    assert_eq!(inbound.conversation, conversation("7000000001"));
    assert!(matches!(inbound.what, What::Staff { .. }));
}

#[tokio::test]
async fn a_group_that_became_a_supergroup_keeps_its_conversations() {
    let mut desk = with_anna(GROUP).await;
    desk.sends(card_for(GROUP, Urgency::First)).await;
    let new = -1_001_000_000_777;

    desk.sandbox
        .telegram(TelegramAction::Migrates {
            chat: GROUP,
            to: new,
        })
        .unwrap();
    desk.sends(relay(GROUP, "Алло?")).await;

    let lines = desk.sandbox.telegram_transcript(new, None);
    let relayed = lines
        .iter()
        .find(|line| line.text.ends_with("Алло?"))
        .unwrap();
    let action = TelegramAction::StaffWrites {
        chat: new,
        text: "Здравствуйте".into(),
        thread: None,
        reply_to: Some(relayed.id.parse().unwrap()),
        from: None,
        anonymous: false,
    };
    desk.sandbox.telegram(action).unwrap();
    assert!(matches!(desk.inbound().await.what, What::Staff { .. }));
}

#[tokio::test]
async fn who_writes_in_a_topic_that_lost_its_customer_is_told() {
    let mut desk = with_anna(FORUM).await;
    desk.sends(card_for(FORUM, Urgency::First)).await;
    let thread = desk.sandbox.telegram_topics(FORUM)[0].0;
    // As if the process had died before it noted whose topic it is.
    desk.store
        .forget_staff_thread(&conversation("7000000001"))
        .await
        .unwrap();

    desk.sandbox
        .staff_writes(FORUM, Some(thread), "Здравствуйте, это Мария")
        .unwrap();

    let told = desk.outbound().await;
    desk.sends(told).await;
    let lines = desk.sandbox.telegram_transcript(FORUM, Some(thread));
    assert!(lines.last().unwrap().text.contains("осталась без клиента"));
}

fn draft() -> DraftCard {
    DraftCard {
        id: Uuid::from_u128(77),
        about: conversation("7000000001"),
        name: "Анна".into(),
        question: "Сколько стоит стрижка?".into(),
        text: "Стрижка — 2 400 ₽".into(),
        buttons: Vec::new(),
        language: "ru".into(),
        intent: None,
        confidence: None,
        sources: Vec::new(),
        minutes: 30,
    }
}

fn rewords(desk: &Desk, prompt: i64) {
    let action = TelegramAction::StaffWrites {
        chat: GROUP,
        text: "От двух тысяч".into(),
        thread: None,
        reply_to: Some(prompt),
        from: None,
        anonymous: false,
    };
    desk.sandbox.telegram(action).unwrap();
}

/// What the staff is asked by.
async fn prompt(desk: &Desk) -> i64 {
    let lines = desk
        .sandbox
        .telegram_until(GROUP, PATIENCE, |lines| {
            lines
                .iter()
                .any(|line| line.text.contains("своими словами"))
        })
        .await;
    lines.last().unwrap().id.parse().unwrap()
}

#[tokio::test]
async fn who_rewords_a_draft_faster_than_the_bot_notes_its_question_is_heard() {
    let mut desk = with_anna(GROUP).await;
    let (draft, now) = (draft(), zapis_core::Clock::system().now());
    desk.store.propose(&draft, now, now).await.unwrap();
    let account = desk.telegram.accounts["main"].clone();
    let asking = account.asking.read().await;
    let question = json!({ "chat_id": GROUP, "text": words::WRITE_OTHER_WORDS });
    account.api.tell("sendMessage", &question).await.unwrap();
    let prompt = prompt(&desk).await;

    rewords(&desk, prompt);
    let about = conversation(&GROUP.to_string());
    desk.store
        .put_draft_message(&about, prompt, &draft.about, draft.id)
        .await
        .unwrap();
    drop(asking);

    let words = desk.outbound().await;
    assert_eq!((words.id, words.conversation), (draft.id, draft.about));
}

#[tokio::test]
async fn who_answers_what_the_bot_forgot_is_told() {
    let mut desk = with_anna(GROUP).await;
    let account = desk.telegram.accounts["main"].clone();
    // As if the process had died before it noted whose card, or which draft, it showed.
    let question = json!({ "chat_id": GROUP, "text": words::WRITE_OTHER_WORDS });
    account.api.tell("sendMessage", &question).await.unwrap();

    rewords(&desk, prompt(&desk).await);

    let told = desk.outbound().await;
    desk.sends(told).await;
    let lines = desk.sandbox.telegram_transcript(GROUP, None);
    assert!(lines.last().unwrap().text.contains("никто их не получил"));
}
