//! Recorded and documented exchanges, where `ZAPIS_FIXTURES` names the folder that holds `bitrix24/`.

use std::path::PathBuf;

use serde_json::{Value, json};
use zapis_core::config::Secret;

use super::apps::renewal;
use super::support::{Play, Portal};
use crate::crm::bitrix24::LooseMap;
use crate::crm::bitrix24::event::{self, NoEvent, Told};

/// Which of those that are never to be repeated are about something that is gone …
const GONE: &[&str] = &[
    "booking_v1_booking_client_list__error",
    "booking_v1_booking_client_set__error",
    "booking_v1_booking_get__error",
    "booking_v1_resource_slots_list__error",
    "booking_v1_resource_slots_set__error",
    "crm_activity_todo_add__error",
    "crm_item_add__error",
    "crm_item_delete__error",
    "crm_item_productrow_set__error",
];

/// … and which stop everything until a person acts.
const STOPPED: &[&str] = &[
    "event_unbind__error",
    "imconnector_send_status_delivery__error",
    "oauth_error_invalid_grant",
    "oauth_error_not_installed",
    "oauth_error_payment_required",
    "oauth_error_wrong_client",
    "sys_allowed_only_intranet_user",
    "sys_error_oauth",
    "sys_invalid_credentials",
    "sys_invalid_request",
    "sys_no_auth_found",
    "sys_payment_required",
    "sys_portal_deleted",
    "sys_user_access_error",
    "sys_wrong_auth_type",
];

/// The method answered; that what it was asked for failed stands in its result.
const ANSWERED: &[&str] = &["batch_over_50", "imconnector_register__error"];

/// All of them by name; nothing where the environment names no folder.
fn fixtures() -> Vec<(String, Value)> {
    let Some(folder) = std::env::var_os("ZAPIS_FIXTURES") else {
        return Vec::new();
    };
    let folder = PathBuf::from(folder).join("bitrix24");
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let json = files.filter(|path| path.extension().is_some_and(|kind| kind == "json"));
    let mut fixtures: Vec<_> = json
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = std::fs::read_to_string(path).unwrap();
            (name, serde_json::from_str(&text).unwrap())
        })
        .collect();
    fixtures.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert!(fixtures.len() > 100, "only {}", fixtures.len());
    fixtures
}

/// What is expected of an exchange, from what it is and what its notes advise.
fn expected(name: &str, fixture: &Value) -> &'static str {
    let advice = fixture["retry"].as_str().unwrap_or_default();
    if fixture["kind"] == "exchange" || ANSWERED.contains(&name) || advice.is_empty() {
        "answered"
    } else if GONE.contains(&name) {
        "Gone"
    } else if STOPPED.contains(&name) {
        "Stopped"
    } else if advice.starts_with("unknown outcome") {
        "Unknown"
    } else {
        "Refused"
    }
}

fn play(fixture: &Value) -> Play {
    let response = &fixture["response"];
    let status = u16::try_from(response["status"].as_u64().unwrap()).unwrap();
    match &response["body"] {
        Value::Null => Play::Html(status),
        body => Play::Json(status, body.clone()),
    }
}

/// How a write ends that is answered so.
async fn told(fixture: &Value) -> String {
    if fixture["group"] == "oauth" {
        return match renewal(play(fixture)).await.0 {
            Ok(_) => "answered".into(),
            Err((verdict, ..)) => format!("{verdict:?}"),
        };
    }
    let portal = Portal::playing([play(fixture)]).await;
    let method = fixture["method"].as_str().unwrap_or("crm.item.add");
    match portal.client().await.write(method, json!({})).await {
        Ok(answer) => {
            assert_eq!(answer.result, fixture["response"]["body"]["result"]);
            "answered".into()
        }
        Err(trouble) => format!("{:?}", trouble.verdict),
    }
}

#[tokio::test]
async fn each_recorded_answer_ends_as_its_notes_advise() {
    for (name, fixture) in fixtures() {
        if fixture["response"].is_object() {
            assert_eq!(told(&fixture).await, expected(&name, &fixture), "{name}");
        }
    }
}

#[test]
fn the_maps_of_each_recorded_batch_are_read() {
    for (name, fixture) in fixtures() {
        if fixture["group"] == "batch" {
            let maps = fixture["response"]["body"]["result"].as_object().unwrap();
            for (map, value) in maps {
                let read = serde_json::from_value::<LooseMap<Value>>(value.clone());
                assert!(read.is_ok(), "{name} {map}");
            }
        }
    }
}

#[test]
fn each_recorded_event_tells_what_happened() {
    for (name, fixture) in fixtures() {
        if fixture["kind"] != "event" {
            continue;
        }
        let body = fixture["delivery"]["body_form"].as_str().unwrap();
        let decoded = &fixture["delivery"]["decoded"];
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let token = Secret::new(text(&decoded["auth"]["application_token"]));
        let stranger = event::read(body.as_bytes(), &[Secret::new("another")]);
        let member = text(&decoded["auth"]["member_id"]);
        match event::read(body.as_bytes(), &[token]).unwrap() {
            Told::Event(event) => {
                assert_eq!(stranger, Err(NoEvent::Stranger), "{name}");
                let named = fixture["event"].as_str().unwrap();
                assert_eq!(event.name, named.to_uppercase());
                assert_eq!(event.ts.unwrap().to_string(), text(&decoded["ts"]));
                assert_eq!(event.member, member, "{name}");
                let data = &decoded["data"];
                let id = data["FIELDS"].get("ID").or(data.get("ID"));
                assert_eq!(event.id.map(|id| id.to_string()), id.map(text), "{name}");
            }
            Told::Installed(new) => {
                assert_eq!(fixture["event"], "ONAPPINSTALL");
                assert_eq!(new.member, member);
                assert_eq!(
                    new.refresh.expose(),
                    text(&decoded["auth"]["refresh_token"])
                );
            }
        }
    }
}

/// None of them comes to us; whoever sends one all the same is told that it is no event.
#[test]
fn what_programs_send_to_portals_is_no_event() {
    for (name, fixture) in fixtures() {
        if fixture["kind"] == "wire-capture" {
            let request = &fixture["request"];
            let path = request["path"].as_str().unwrap();
            let query = path.split_once('?').map_or("", |(_, query)| query);
            let form = request["body_form"].as_str().unwrap_or_default();
            let json = request["body"].to_string();
            for body in [query, form, &json] {
                let read = event::read(body.as_bytes(), &[Secret::new("token")]);
                assert!(matches!(read, Err(NoEvent::Unreadable(_))), "{name}");
            }
        }
    }
}
