//! What each kind of update means.

use proptest::prelude::*;
use serde_json::{Value, json};
use zapis_core::message::What;

use super::super::translate::{Item, News, translate};
use super::support::{ANNA, NOW, at};

fn news(update: &Value) -> News {
    translate(&update.to_string(), at(NOW)).unwrap().news
}

fn private(update: &Value) -> Item {
    match news(update) {
        News::Private(item) => *item,
        News::Dead(reason) => panic!("dead: {reason}"),
        News::Ignored(why) => panic!("ignored: {why}"),
        _ => panic!("not private"),
    }
}

fn message(content: Value) -> Value {
    let mut message = json!({
        "message_id": 501,
        "from": {"id": ANNA, "is_bot": false, "first_name": "Анна", "last_name": "Примерова", "username": "anna", "language_code": "ru"},
        "chat": {"id": ANNA, "type": "private"},
        "date": NOW - 5,
    });
    let Value::Object(fields) = content else {
        panic!("no content")
    };
    message.as_object_mut().unwrap().extend(fields);
    message
}

fn update(kind: &str, content: Value) -> Value {
    json!({"update_id": 9_000_000_000_i64, kind: message(content)})
}

#[test]
fn a_text_tells_who_wrote_what_when_and_has_an_id_that_stays_the_same() {
    let one = private(&update(
        "message",
        json!({"text": "Сколько стоит стрижка?"}),
    ));

    assert_eq!(one.id, "m7000000001:501");
    assert_eq!(one.address.to_string(), "7000000001");
    assert_eq!(one.at, at(NOW - 5));
    assert!(
        one.what
            == What::Text {
                text: "Сколько стоит стрижка?".into()
            }
    );
    assert_eq!(one.profile.name.as_deref(), Some("Анна Примерова"));
    assert_eq!(one.profile.username.as_deref(), Some("anna"));
    assert_eq!(one.profile.language.as_deref(), Some("ru"));
}

#[test]
fn a_deep_link_is_a_start_with_a_payload_that_the_lead_keeps() {
    let start = private(&update(
        "message",
        json!({"text": "/start src_yandex-maps"}),
    ));

    assert!(
        start.what
            == What::Command {
                name: "start".into(),
                args: "src_yandex-maps".into()
            }
    );
    assert_eq!(
        start.profile.source,
        Some(json!({"deep_link": "src_yandex-maps"}))
    );
}

#[test]
fn an_unbelievable_time_is_replaced_by_the_time_of_arrival() {
    for date in [0, NOW - 10 * 365 * 86_400, NOW + 86_400, i64::MAX] {
        let item = private(&update("message", json!({"text": "x", "date": date})));
        assert_eq!(item.at, at(NOW), "{date}");
    }
}

#[test]
fn what_bots_channels_and_telegram_itself_write_is_nobodys_message() {
    let user = |id: i64, is_bot: bool| json!({"text": "x", "from": {"id": id, "is_bot": is_bot, "first_name": "B"}});
    for content in [
        user(5, true),
        user(777_000, false),
        json!({"text": "x", "via_bot": {"id": 5, "is_bot": true, "first_name": "B"}}),
        json!({"pinned_message": {"message_id": 1}}),
        json!({"text": "x", "chat": {"id": -5, "type": "channel"}}),
    ] {
        assert!(
            matches!(news(&update("message", content.clone())), News::Ignored(_)),
            "{content}"
        );
    }
}

#[test]
fn an_edit_names_the_message_and_is_news_once_per_edit() {
    let edited = |date: i64| {
        private(&update(
            "edited_message",
            json!({"text": "на 12", "edit_date": date}),
        ))
    };

    let edit = edited(NOW - 2);

    assert!(
        edit.what
            == What::Edited {
                original: "m7000000001:501".into(),
                text: Some("на 12".into())
            }
    );
    assert_eq!(edit.at, at(NOW - 2));
    assert_ne!(edit.id, edited(NOW - 1).id);
    let moving = json!({"location": {"latitude": 1.0, "longitude": 2.0}, "edit_date": NOW});
    assert!(matches!(
        news(&update("edited_message", moving)),
        News::Ignored(_)
    ));
}

#[test]
fn a_pressed_button_knows_its_title_and_is_always_answered() {
    let update = json!({"update_id": 1, "callback_query": {
        "id": "77", "from": {"id": ANNA, "first_name": "Анна"}, "data": "yes",
        "message": message(json!({"date": NOW - 90_000, "reply_markup": {"inline_keyboard": [[
            {"text": "Нет", "callback_data": "no"}, {"text": "Да", "callback_data": "yes"},
        ]]}})),
    }});

    let press = private(&update);

    assert_eq!(press.id, "c77");
    assert!(
        press.what
            == What::Press {
                payload: "yes".into(),
                title: Some("Да".into())
            }
    );
    assert_eq!(press.at, at(NOW));
    let in_a_group = json!({"update_id": 1, "callback_query": {
        "id": "78", "from": {"id": ANNA, "first_name": "Анна"}, "data": "yes",
        "message": {"message_id": 1, "date": 0, "chat": {"id": -5, "type": "group"}},
    }});
    let translated = translate(&in_a_group.to_string(), at(NOW)).unwrap();
    assert_eq!(translated.query.as_deref(), Some("78"));
    let News::Group(press) = translated.news else {
        panic!("somebody of the staff may have pressed it")
    };
    assert_eq!(press.message, Some(1));
}

#[test]
fn blocking_and_coming_back_are_told_apart() {
    let member = |status: &str| {
        private(&json!({"update_id": 31, "my_chat_member": {
            "chat": {"id": ANNA, "type": "private"}, "from": {"id": ANNA, "first_name": "Анна"}, "date": NOW,
            "new_chat_member": {"status": status, "user": {"id": 1, "is_bot": true, "first_name": "B"}},
        }}))
    };

    assert!(member("kicked").what == What::Blocked);
    assert!(member("member").what == What::Unblocked);
    assert_eq!(member("kicked").id, "u31");
}

#[test]
fn on_a_business_account_the_customer_is_told_from_the_owner() {
    let business = |more: Value| {
        let mut content = json!({"text": "Здравствуйте", "business_connection_id": "bc1"});
        content
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        private(&update("business_message", content))
    };
    let owner = json!({"from": {"id": 5, "first_name": "Владелец"}});

    let customer = business(json!({}));
    assert_eq!(customer.address.to_string(), "7000000001@bc1");
    assert!(matches!(customer.what, What::Text { .. }) && !customer.by_owner);

    let by_owner = business(owner.clone());
    assert!(by_owner.address == customer.address);
    assert!(by_owner.by_owner);
    assert!(
        by_owner.what
            == What::Staff {
                who: "Владелец".into(),
                text: Some("Здравствуйте".into()),
                delivered: true
            }
    );
    assert_eq!(
        by_owner.profile.name, None,
        "the owner's name is not the customer's"
    );

    let mut greeting = owner;
    greeting["is_from_offline"] = json!(true);
    let automatic = business(greeting);
    assert!(!automatic.by_owner && matches!(automatic.what, What::Notice { .. }));
}

#[test]
fn messages_deleted_on_a_business_account_are_named() {
    let deleted = private(&json!({"update_id": 7, "deleted_business_messages": {
        "business_connection_id": "bc1", "chat": {"id": ANNA, "type": "private"}, "message_ids": [1, 2],
    }}));

    let originals = vec![
        "m7000000001@bc1:1".to_owned(),
        "m7000000001@bc1:2".to_owned(),
    ];
    assert!(deleted.what == What::Deleted { originals });
}

#[test]
fn a_topic_of_a_private_chat_is_a_dialogue_of_its_own_and_a_chain_of_replies_is_none() {
    let topic = private(&update(
        "message",
        json!({"text": "x", "message_thread_id": 31, "is_topic_message": true}),
    ));
    assert_eq!(topic.address.to_string(), "7000000001:31");
    let chain = private(&update(
        "message",
        json!({"text": "x", "message_thread_id": 31}),
    ));
    assert_eq!(chain.address.to_string(), "7000000001");
}

#[test]
fn the_album_of_a_message_is_kept() {
    let album =
        json!({"photo": [{"file_id": "a", "width": 1, "height": 1}], "media_group_id": "g"});
    assert!(
        matches!(private(&update("message", album)).what, What::Media { group: Some(group), .. } if group == "g")
    );
}

#[test]
fn half_a_surrogate_pair_costs_one_character() {
    let raw = r#"{"update_id":1,"message":{"message_id":1,"date":0,"chat":{"id":1,"type":"private"},"from":{"id":1,"first_name":"A"},"text":"x\ud83d"}}"#;

    let translated = translate(raw, at(NOW)).unwrap();

    assert!(
        matches!(translated.news, News::Private(item) if item.what == What::Text { text: "x\u{fffd}".into() })
    );
    assert!(serde_json::from_str::<Value>(translated.raw.get()).is_ok());
}

#[test]
fn what_cannot_be_read_says_why() {
    for update in [
        json!({"update_id": 1, "message": null}),
        json!({"update_id": 1, "message": {"text": "x"}}),
        json!({"update_id": 1, "new_kind": {}}),
        json!({"update_id": 1}),
        json!({"update_id": 1, "callback_query": {"data": "x"}}),
        json!({"update_id": 1, "callback_query": {"id": "9".repeat(301), "from": {"id": 1}, "data": "x"}}),
    ] {
        assert!(
            matches!(news(&update), News::Dead(reason) if !reason.is_empty()),
            "{update}"
        );
    }
    assert!(translate("\"foo\"", at(NOW)).is_err());
    assert!(translate("{\"update_id\": 1", at(NOW)).is_err());
}

/// JSON of any shape whose keys are mostly those of updates.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(vec!["private", "group", "kicked", "/start x", "~short"])
            .prop_map(Value::from),
    ];
    let keys = prop::sample::select(vec![
        "update_id",
        "message",
        "edited_message",
        "business_message",
        "deleted_business_messages",
        "callback_query",
        "my_chat_member",
        "message_reaction",
        "chat",
        "id",
        "type",
        "from",
        "date",
        "message_id",
        "text",
        "caption",
        "photo",
        "voice",
        "contact",
        "venue",
        "location",
        "data",
        "new_chat_member",
        "status",
        "new_reaction",
        "reply_markup",
        "inline_keyboard",
        "message_ids",
        "business_connection_id",
        "sender_chat",
        "via_bot",
        "edit_date",
        "migrate_to_chat_id",
        "other",
    ]);
    leaf.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((keys.clone(), inner), 0..8).prop_map(|fields| {
                Value::Object(
                    fields
                        .into_iter()
                        .map(|(key, value)| (key.to_owned(), value))
                        .collect(),
                )
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_update_whatever_its_shape_stops_the_program(update in any_json()) {
        translate(&update.to_string(), at(NOW)).ok();
    }

    #[test]
    fn a_field_of_a_wrong_type_never_loses_the_message(
        field in prop::sample::select(vec!["from", "date", "message_id", "text", "entities", "reply_to_message", "contact", "is_topic_message"]),
        value in any_json(),
    ) {
        let update = update("message", json!({"text": "x", field: value}));
        let translated = translate(&update.to_string(), at(NOW)).unwrap();
        prop_assert!(!matches!(translated.news, News::Dead(_)), "{update}");
    }
}
