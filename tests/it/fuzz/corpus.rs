//! What is spoilt: inputs of our own, and where `ZAPIS_FIXTURES` says so, a collection of real ones.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::mutate::Json;
use crate::fuzz::ground::{NOW, STAFF};

/// Updates of Telegram.
pub(super) fn telegram() -> Vec<Json> {
    let chat = json!({ "id": 7_000_000_001_i64, "type": "private", "first_name": "Анна" });
    let from = json!({ "id": 7_000_000_001_i64, "is_bot": false, "first_name": "Анна", "username": "anna", "language_code": "ru" });
    let message = |more: Value| {
        let mut message = json!({ "message_id": 501, "date": NOW, "chat": chat, "from": from });
        for (key, value) in more.as_object().unwrap() {
            message[key] = value.clone();
        }
        message
    };
    let staff = |text: &str| {
        json!({ "message_id": 88, "date": NOW, "chat": { "id": STAFF, "type": "supergroup", "is_forum": true, "title": "Салон" },
            "from": { "id": 5, "is_bot": false, "first_name": "Ольга" }, "message_thread_id": 77,
            "is_topic_message": true, "reply_to_message": { "message_id": 77 }, "text": text })
    };
    let own = [
        json!({ "message": message(json!({ "text": "Сколько стоит стрижка? 👋", "entities": [{ "type": "bold", "offset": 0, "length": 3 }] })) }),
        json!({ "message": message(json!({ "text": "/start ad_7", "entities": [{ "type": "bot_command", "offset": 0, "length": 6 }] })) }),
        json!({ "message": message(json!({ "caption": "вот", "media_group_id": "1", "photo": [{ "file_id": "a", "file_unique_id": "b", "width": 1, "height": 1, "file_size": 5 }] })) }),
        json!({ "message": message(json!({ "contact": { "phone_number": "79000000001", "first_name": "Анна", "user_id": 7_000_000_001_i64 } })) }),
        json!({ "message": message(json!({ "location": { "latitude": 59.9, "longitude": 30.3 } })) }),
        json!({ "message": message(json!({ "voice": { "file_id": "v", "file_unique_id": "w", "duration": 3 } })) }),
        json!({ "edited_message": message(json!({ "text": "нет", "edit_date": NOW })) }),
        json!({ "callback_query": { "id": "9", "from": from, "chat_instance": "1", "data": "yes",
            "message": message(json!({ "text": "?", "reply_markup": { "inline_keyboard": [[{ "text": "Да", "callback_data": "yes" }]] } })) } }),
        json!({ "my_chat_member": { "chat": chat, "from": from, "date": NOW, "old_chat_member": { "status": "member", "user": from },
            "new_chat_member": { "status": "kicked", "user": from, "until_date": 0 } } }),
        json!({ "message_reaction": { "chat": chat, "message_id": 5, "user": from, "date": NOW, "old_reaction": [], "new_reaction": [{ "type": "emoji", "emoji": "👍" }] } }),
        json!({ "business_message": message(json!({ "business_connection_id": "bc_1", "text": "Здравствуйте" })) }),
        json!({ "deleted_business_messages": { "business_connection_id": "bc_1", "chat": chat, "message_ids": [1, 2] } }),
        json!({ "message": staff("Ждём вас") }),
        json!({ "message": staff("/bot") }),
        json!({ "message": staff("// между нами") }),
        json!({ "channel_post": { "message_id": 1, "date": NOW, "chat": { "id": -1, "type": "channel" } } }),
    ];
    let numbered = own.into_iter().enumerate().map(|(n, mut update)| {
        update["update_id"] = (800_000 + n).into();
        update
    });
    numbered
        .chain(collection("telegram"))
        .map(|update| Json::from(&update))
        .collect()
}

/// Webhooks of WhatsApp.
pub(super) fn whatsapp() -> Vec<Json> {
    let message = |kind: &str, content: Value| {
        json!({ "messages": [{ "from": "79000000001", "from_user_id": "RU.1", "id": "wamid.1", "timestamp": "1794999000",
            "type": kind, kind: content, "context": { "from": "78120000000", "id": "wamid.0" } }],
            "contacts": [{ "profile": { "name": "Анна" }, "wa_id": "79000000001", "user_id": "RU.1" }],
            "metadata": { "display_phone_number": "78120000000", "phone_number_id": "105500000000001" } })
    };
    let own = [
        message("text", json!({ "body": "Сколько стоит стрижка?" })),
        message(
            "image",
            json!({ "id": "1", "mime_type": "image/jpeg", "caption": "вот", "file_size": 5 }),
        ),
        message("document", json!({ "id": "1", "filename": "../a.pdf" })),
        message(
            "contacts",
            json!([{ "name": { "formatted_name": "Б" }, "phones": [{ "phone": "+7 900", "wa_id": "7900" }] }]),
        ),
        message(
            "location",
            json!({ "latitude": 59.9, "longitude": 30.3, "name": "дом" }),
        ),
        message(
            "interactive",
            json!({ "type": "button_reply", "button_reply": { "id": "yes", "title": "Да" } }),
        ),
        message(
            "interactive",
            json!({ "type": "nfm_reply", "nfm_reply": { "response_json": "{\"a\":1}", "body": "Sent" } }),
        ),
        message("button", json!({ "payload": "yes", "text": "Да" })),
        message(
            "reaction",
            json!({ "message_id": "wamid.0", "emoji": "👍" }),
        ),
        message(
            "order",
            json!({ "product_items": [{ "product_retailer_id": "S", "quantity": 2, "item_price": 5, "currency": "RUB" }] }),
        ),
        message(
            "system",
            json!({ "type": "user_changed_number", "body": "x", "wa_id": "79000000002" }),
        ),
        message(
            "edit",
            json!({ "original_message_id": "wamid.0", "message": { "type": "text", "text": { "body": "y" } } }),
        ),
        message("revoke", json!({ "original_message_id": "wamid.0" })),
        json!({ "statuses": [{ "id": "wamid.9", "status": "failed", "timestamp": "1794999000", "recipient_id": "79000000001",
            "biz_opaque_callback_data": "00000000-0000-0000-0000-000000000005", "errors": [{ "code": 131_050, "title": "stopped" }] },
            { "id": "wamid.8", "status": "read", "timestamp": 1_794_999_000 }] }),
        json!({ "message_echoes": [{ "from": "78120000000", "to": "79000000001", "id": "wamid.e", "timestamp": "1794999000",
            "type": "text", "text": { "body": "Ждём" } }] }),
        json!({ "user_preferences": [{ "wa_id": "79000000001", "user_id": "RU.1", "value": "stop", "timestamp": 1_794_999_000 }] }),
        json!({ "user_id_update": [{ "wa_id": "79000000001", "user_id": { "previous": "RU.1", "current": "RU.2" } }] }),
        json!({ "errors": [{ "code": 130_429, "title": "slow" }] }),
    ];
    let bodies = own.into_iter().map(|value| {
        json!({ "object": "whatsapp_business_account",
            "entry": [{ "id": "1", "changes": [{ "field": "messages", "value": value }] }] })
    });
    bodies
        .chain(collection("whatsapp"))
        .map(|body| Json::from(&body))
        .collect()
}

/// Frames of the web chat.
pub(super) fn webchat() -> Vec<Json> {
    let id = "0192f0c1-2222-7333-8444-555555555555";
    [
        json!({ "type": "message", "id": id, "text": "Привет 👋" }),
        json!({ "type": "press", "id": id, "payload": "yes" }),
        json!({ "type": "consent", "id": id, "version": "1" }),
        json!({ "type": "typing" }),
        json!({ "type": "read", "seq": 3 }),
    ]
    .iter()
    .map(Json::from)
    .collect()
}

/// The collection's bodies of a provider that are JSON.
fn collection(provider: &str) -> Vec<Value> {
    let Some(folder) = std::env::var_os("ZAPIS_FIXTURES").map(PathBuf::from) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder.join(provider))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    paths.sort();
    paths
        .iter()
        .filter_map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).ok())
        .collect()
}
