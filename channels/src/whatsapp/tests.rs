//! Whole webhooks through the adapter: what each of their items becomes.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use serde_json::{Value, json};
use zapis_core::message::{DeliveryStatus, What};
use zapis_core::store::NewOwner;

use super::envelope::{Piece, take_apart};
use super::items::{Deed, Reader, Reading};

mod files;
mod fixtures;
mod route;
mod sending;

/// 2026-11-18T10:26:40Z.
fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

fn reader() -> Reader<'static> {
    Reader {
        account: "main",
        takeover: TimeDelta::minutes(60),
        now: now(),
    }
}

fn change(value: &Value) -> String {
    json!({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [{"field": "messages", "value": value}]}]})
        .to_string()
}

fn readings(body: &str) -> Vec<Result<Reading, &'static str>> {
    take_apart(body)
        .iter()
        .map(|piece| match piece {
            Piece::Item(item) => reader().read(item).map_err(|unusable| unusable.0),
            Piece::Account { .. } => Ok(Reading::Nothing("account")),
            Piece::Unusable { reason, .. } => Err(*reason),
        })
        .collect()
}

/// One word per item.
fn outcome(body: &str) -> String {
    let word = |reading: &Result<Reading, &str>| match reading {
        Err(_) => "dead".to_owned(),
        Ok(Reading::Nothing(why)) => format!("ignored:{why}"),
        Ok(Reading::Trouble(error)) => format!("trouble:{}", error.code),
        Ok(Reading::Deed(deed)) => deed.what.name().to_owned(),
        Ok(Reading::Report(report, _)) => format!("{:?}", report.status).to_lowercase(),
    };
    readings(body)
        .iter()
        .map(word)
        .collect::<Vec<_>>()
        .join(" ")
}

fn only_deed(body: &str) -> Deed {
    match readings(body).pop() {
        Some(Ok(Reading::Deed(deed))) => *deed,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_message_has_its_id_its_time_and_its_writer() {
    let deed = only_deed(&change(&json!({
        "contacts": [{"profile": {"name": "Анна"}, "wa_id": "79000000001", "user_id": "RU.1"}],
        "messages": [{"from": "79000000001", "from_user_id": "RU.1", "id": "wamid.1", "timestamp": "1794999000",
            "type": "text", "text": {"body": "Здравствуйте"}}],
    })));

    assert_eq!(deed.id, "wamid.1");
    assert_eq!(deed.at.timestamp(), 1_794_999_000);
    assert_eq!(deed.ids, ["RU.1", "79000000001"]);
    assert_eq!(deed.profile.phone.as_deref(), Some("+79000000001"));
    assert!(deed.ownership.is_none());
}

#[test]
fn an_answer_from_the_phone_takes_the_conversation_for_the_set_time() {
    let deed = only_deed(&change(&json!({
        "message_echoes": [{"from": "15550783881", "to": "79000000001", "to_user_id": "RU.1", "id": "wamid.e",
            "timestamp": "1794999000", "type": "text", "text": {"body": "Ждём вас"}}],
    })));

    assert!(
        matches!(&deed.what, What::Staff { text: Some(text), delivered: true, .. } if text == "Ждём вас")
    );
    assert_eq!(deed.ids, ["RU.1", "79000000001"]);
    let change = deed.ownership.unwrap();
    assert_eq!(change.cause, "wamid.e");
    let NewOwner::Staff { until, .. } = change.to else {
        panic!("nobody took over");
    };
    assert_eq!(until.timestamp(), 1_794_999_000 + 3_600);
}

#[test]
fn what_staff_edits_on_the_phone_counts_and_what_they_delete_does_not() {
    let echo = |echo: Value| only_deed(&change(&json!({"message_echoes": [echo]})));
    let edit = echo(json!({"to": "79000000001", "id": "e", "type": "edit",
        "edit": {"original_message_id": "o", "message": {"type": "text", "text": {"body": "new"}}}}));
    assert!(matches!(&edit.what, What::Staff { text: Some(text), .. } if text == "new"));
    let revoke = echo(json!({"to": "79000000001", "id": "e", "type": "revoke"}));
    assert!(matches!(revoke.what, What::Notice { .. }));
    assert!(revoke.ownership.is_none());
}

#[test]
fn a_new_number_joins_the_old_conversation_and_is_written_to_from_then_on() {
    for key in ["wa_id", "new_wa_id"] {
        let deed = only_deed(&change(&json!({
            "messages": [{"from": "16505551234", "id": "wamid.s", "timestamp": "1794999000", "type": "system",
                "system": {"type": "user_changed_number", "body": "changed", key: "12195555358"}}],
        })));

        assert_eq!(deed.ids, ["16505551234", "12195555358"], "{key}");
        assert_eq!(deed.profile.phone.as_deref(), Some("+12195555358"));
        assert!(!deed.what.expects_answer());
    }
}

#[test]
fn a_new_scoped_id_joins_the_old_conversation() {
    let update = json!({"wa_id": "79000000001", "user_id": {"previous": "RU.1", "current": "RU.2"}, "timestamp": "1794999000"});
    let deed = only_deed(&change(&json!({ "user_id_update": [update] })));
    assert_eq!(deed.ids, ["RU.1", "79000000001", "RU.2"]);

    let deed = only_deed(&change(&json!({
        "messages": [{"from_user_id": "RU.2", "id": "wamid.s", "type": "system",
            "system": {"type": "user_changed_user_id", "previous_user_id": "RU.1", "user_id": "RU.2"}}],
    })));
    assert_eq!(deed.ids, ["RU.1", "RU.2"]);
}

#[test]
fn a_phone_that_the_customer_shared_on_request_becomes_known() {
    let deed = only_deed(&change(&json!({
        "messages": [{"from_user_id": "RU.1", "id": "wamid.c", "type": "contacts", "origin": "contact_request/1",
            "contacts": [{"name": {"formatted_name": "Анна"}, "phones": [{"phone": "+7 900 000-00-01", "wa_id": "79000000001"}]}]}],
    })));

    assert_eq!(deed.ids, ["RU.1", "79000000001"]);
    assert_eq!(deed.profile.phone.as_deref(), Some("+79000000001"));
}

#[test]
fn refusing_advertising_stops_what_is_under_way_and_wanting_it_does_not() {
    let prefer = |value: &str| {
        let preference = json!({"wa_id": "79000000001", "user_id": "RU.1", "value": value, "timestamp": 1_794_999_000});
        only_deed(&change(&json!({ "user_preferences": [preference] })))
    };
    let stop = prefer("stop");
    assert_eq!(stop.what, What::Advertising { wanted: false });
    assert_eq!(stop.ownership.unwrap().to, NewOwner::Same);
    let resume = prefer("resume");
    assert_eq!(resume.what, What::Advertising { wanted: true });
    assert!(resume.ownership.is_none());
    assert_ne!(stop.id, resume.id);
}

#[test]
fn a_status_carries_our_id_and_the_provider_s_error() {
    let id = uuid::Uuid::from_u128(5);
    let body = change(&json!({"statuses": [
        {"id": "wamid.1", "status": "failed", "timestamp": "1794999000", "biz_opaque_callback_data": id.to_string(),
            "errors": [{"code": 131_026, "title": "Message undeliverable"}]},
        {"id": "wamid.2", "status": "played", "biz_opaque_callback_data": "some data"},
    ]}));
    let mut readings = readings(&body).into_iter();

    let Some(Ok(Reading::Report(failed, None))) = readings.next() else {
        panic!("no report");
    };
    assert_eq!(failed.outbound_id, Some(id));
    assert_eq!(failed.status, DeliveryStatus::Failed);
    assert_eq!(failed.error.unwrap().code, "131026");
    assert_eq!(failed.account, "whatsapp:main");
    let Some(Ok(Reading::Report(played, None))) = readings.next() else {
        panic!("no report");
    };
    assert_eq!(played.status, DeliveryStatus::Read);
    assert_eq!((played.outbound_id, played.error), (None, None));
}

#[test]
fn a_send_that_fails_because_advertising_is_refused_is_a_refusal_too() {
    let body = change(
        &json!({"statuses": [{"id": "wamid.1", "status": "failed", "recipient_user_id": "RU.1",
        "errors": [{"code": 131_050, "title": "User stopped"}]}]}),
    );
    let Some(Ok(Reading::Report(_, Some(deed)))) = readings(&body).pop() else {
        panic!("no refusal");
    };
    assert_eq!(deed.what, What::Advertising { wanted: false });
    assert_eq!(deed.ids, ["RU.1"]);
}

#[test]
fn groups_and_unknown_statuses_are_nothing() {
    let body = change(&json!({
        "messages": [{"from": "79000000001", "group_id": "1@g.us", "id": "m", "type": "text", "text": {"body": "x"}}],
        "statuses": [{"id": "w", "status": "read", "recipient_type": "group"}, {"id": "w", "status": "warning"}],
        "errors": [{"code": 130_429}],
    }));
    assert_eq!(
        outcome(&body),
        "ignored:group ignored:group ignored:status trouble:130429"
    );
}

/// A usable message, and ways to spoil it.
fn spoil(way: u8, n: usize) -> String {
    let good = json!({"from": "79000000001", "id": format!("wamid.{n}"), "timestamp": "1794999000",
        "type": "text", "text": {"body": "Привет"}});
    let with = |key: &str, value: Value| {
        let mut item = good.clone();
        item[key] = value;
        item.to_string()
    };
    match way {
        0 => good.to_string(),
        1 => "null".into(),
        2 => "\"\\ud83d\"".into(),
        3 => with("type", json!(5)),
        4 => with("text", json!({"body": ["x"]})),
        5 => with("id", json!({})),
        6 => good.to_string().replace("Привет", "\\udead"),
        7 => with("text", Value::Null),
        8 => "[".repeat(200) + &"]".repeat(200),
        _ => with("id", json!("\0")),
    }
}

proptest! {
    #[test]
    fn corrupt_items_are_kept_aside_and_all_others_arrive(ways in prop::collection::vec(0_u8..10, 0..40)) {
        let items: Vec<String> = ways.iter().enumerate().map(|(n, way)| spoil(*way, n)).collect();
        let body = format!(
            r#"{{"object":"whatsapp_business_account","entry":[{{"changes":[{{"value":{{"messages":[{}]}}}}]}}]}}"#,
            items.join(",")
        );
        let readings = readings(&body);
        let corrupt = ways.iter().filter(|way| **way != 0).count();
        prop_assert_eq!(readings.iter().filter(|reading| reading.is_err()).count(), corrupt);
        prop_assert_eq!(readings.len(), ways.len());
    }

    #[test]
    fn nothing_in_a_body_makes_the_adapter_panic(
        cut in 0_usize..2_000, byte in any::<u8>(), at in 0_usize..2_000,
    ) {
        let whole = change(&json!({
            "metadata": {"phone_number_id": "1"},
            "contacts": [{"wa_id": "79000000001"}],
            "messages": [
                {"from": "79000000001", "id": "a", "type": "document", "document": {"id": "1", "filename": "../a"}},
                {"from": "79000000001", "id": "b", "type": "contacts", "contacts": [{"phones": [{"phone": "1"}]}]},
                {"from": "79000000001", "id": "c", "type": "order", "order": {"product_items": [{}]}},
            ],
            "statuses": [{"id": "d", "status": "failed", "errors": [{"code": 1}]}],
            "message_echoes": [{"to": "79000000001", "id": "e", "type": "text", "text": {"body": "x"}}],
        }));
        let mut bytes = whole.into_bytes();
        let length = bytes.len();
        bytes[at % length] = byte;
        bytes.truncate(cut.max(1));
        readings(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_type_in_any_field_is_survived(value in any_json(), field in 0_usize..12) {
        let mut message = json!({"from": "79000000001", "id": "a", "timestamp": "1", "type": "text",
            "text": {}, "image": {}, "contacts": [], "context": {}, "referral": {}, "system": {}, "interactive": {}, "edit": {}});
        let keys = ["from", "id", "timestamp", "type", "text", "image", "contacts", "context", "referral",
            "system", "interactive", "edit"];
        message[keys[field]] = value.clone();
        for kind in ["text", "image", "contacts", "interactive", "system", "edit", "location", "order", "button"] {
            let mut message = message.clone();
            if keys[field] != "type" {
                message["type"] = kind.into();
            }
            message[kind] = value.clone();
            readings(&change(&json!({"messages": [message.clone()], "contacts": [value.clone()]})));
            readings(&change(&json!({"message_echoes": [message.clone()], "statuses": [message],
                "user_preferences": [value.clone()], "user_id_update": [value.clone()]})));
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("(type|id|body|phones|name|value|[a-z]{1,4})", inner, 0..4)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}
