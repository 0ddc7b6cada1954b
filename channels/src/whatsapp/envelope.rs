//! The envelope of a webhook, taken apart so that each item stands alone: entries × changes × items.
//!
//! Only the levels above an item are read here, and of an item nothing but where it ends. So one
//! that is corrupt does not take its neighbours along.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// What a webhook holds.
pub(super) enum Piece<'a> {
    /// Something to read.
    Item(Item<'a>),
    /// News of the business account, which concern no customer.
    Account {
        /// The field of the subscription.
        field: &'static str,
        /// What happened, as far as it has a name.
        event: String,
    },
    /// Something that cannot be taken apart.
    Unusable {
        /// As it came.
        raw: &'a str,
        /// Why, in words for a person.
        reason: &'static str,
    },
}

/// One message, status, error, …
pub(super) struct Item<'a> {
    /// What it is.
    pub(super) kind: Kind,
    /// Our number's id, where the change names it.
    pub(super) number: Option<String>,
    /// The persons of the change, those that can be read.
    pub(super) contacts: Arc<[Value]>,
    /// Whether the change holds this item only.
    pub(super) alone: bool,
    /// As it came.
    pub(super) raw: &'a RawValue,
}

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// From a customer.
    Message,
    /// How far a message of ours got.
    Status,
    /// What a person of the firm wrote on the phone.
    Echo,
    /// Whether a customer wants advertising.
    Preference,
    /// A customer has another id.
    UserId,
    /// Something went wrong at the provider.
    Error,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    object: Option<&'a RawValue>,
    #[serde(borrow)]
    entry: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    changes: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Change<'a> {
    #[serde(borrow)]
    field: Option<&'a RawValue>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    contacts: Option<&'a RawValue>,
    #[serde(borrow)]
    messages: Option<&'a RawValue>,
    #[serde(borrow)]
    statuses: Option<&'a RawValue>,
    #[serde(borrow)]
    errors: Option<&'a RawValue>,
    #[serde(borrow)]
    message_echoes: Option<&'a RawValue>,
    #[serde(borrow)]
    user_preferences: Option<&'a RawValue>,
    #[serde(borrow)]
    user_id_update: Option<&'a RawValue>,
}

/// Subscriptions that tell about the business account and not about a customer.
const ACCOUNT_FIELDS: &[&str] = &[
    "account_alerts",
    "account_review_update",
    "account_settings_update",
    "account_update",
    "automatic_events",
    "business_capability_update",
    "business_status_update",
    "business_username_update",
    "calls",
    "flows",
    "group_lifecycle_update",
    "group_participants_update",
    "group_settings_update",
    "group_status_update",
    "history",
    "message_template_components_update",
    "message_template_quality_update",
    "message_template_status_update",
    "messaging_handovers",
    "partner_solutions",
    "payment_configuration_update",
    "phone_number_name_update",
    "phone_number_quality_update",
    "security",
    "smb_app_state_sync",
    "template_category_update",
    "template_correct_category_detection",
    "tracking_events",
];

/// Takes a body apart. What is empty gives nothing.
pub(super) fn take_apart(body: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let unusable = |raw, reason| Piece::Unusable { raw, reason };
    let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(body) else {
        return vec![unusable(body, "the body is not an event of WhatsApp")];
    };
    if word(envelope.object).as_deref() != Some("whatsapp_business_account") {
        return vec![unusable(body, "the event is not about WhatsApp")];
    }
    let Some(entries) = list(envelope.entry) else {
        return vec![unusable(body, "the event has no list of entries")];
    };
    for entry in entries {
        let changes = serde_json::from_str::<Entry<'_>>(entry.get())
            .ok()
            .and_then(|entry| list(entry.changes));
        match changes {
            Some(changes) => {
                for change in changes {
                    open(change, &mut pieces);
                }
            }
            None => pieces.push(unusable(entry.get(), "the entry has no list of changes")),
        }
    }
    pieces
}

/// Takes one change apart. What its items are is told by the names of the lists: the field is not
/// always there.
fn open<'a>(raw: &'a RawValue, pieces: &mut Vec<Piece<'a>>) {
    let unusable = |raw: &'a RawValue, reason| Piece::Unusable {
        raw: raw.get(),
        reason,
    };
    let change = serde_json::from_str::<Change<'a>>(raw.get()).ok();
    let field = change.as_ref().and_then(|change| word(change.field));
    let Some(value) = change.and_then(|change| change.value) else {
        pieces.push(unusable(raw, "the change has no value"));
        return;
    };
    let known = |field: String| ACCOUNT_FIELDS.iter().find(|known| **known == field);
    if let Some(field) = field.and_then(known) {
        let event = event_of(value);
        pieces.push(Piece::Account { field, event });
        return;
    }
    let Ok(content) = serde_json::from_str::<Content<'a>>(value.get()) else {
        pieces.push(unusable(raw, "the change's value cannot be read"));
        return;
    };
    let lists = [
        (Kind::Message, content.messages),
        (Kind::Status, content.statuses),
        (Kind::Echo, content.message_echoes),
        (Kind::Preference, content.user_preferences),
        (Kind::UserId, content.user_id_update),
        (Kind::Error, content.errors),
    ];
    if lists.iter().all(|(_, list)| list.is_none()) {
        pieces.push(unusable(raw, "nothing in the change is known"));
        return;
    }
    let number = number(content.metadata);
    let contacts = contacts(content.contacts);
    for (kind, items) in lists {
        let Some(items) = items else { continue };
        let Some(items) = list(Some(items)) else {
            pieces.push(unusable(raw, "the items of the change are not a list"));
            continue;
        };
        let alone = items.len() == 1;
        pieces.extend(items.into_iter().map(|raw| {
            Piece::Item(Item {
                kind,
                number: number.clone(),
                contacts: Arc::clone(&contacts),
                alone,
                raw,
            })
        }));
    }
}

fn list(raw: Option<&RawValue>) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw?.get()).ok()
}

fn word(raw: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(raw?.get()).ok()
}

fn number(metadata: Option<&RawValue>) -> Option<String> {
    let metadata: Value = serde_json::from_str(metadata?.get()).ok()?;
    match metadata.get("phone_number_id")? {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

fn contacts(raw: Option<&RawValue>) -> Arc<[Value]> {
    list(raw)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|contact| serde_json::from_str(contact.get()).ok())
        .collect()
}

/// The name of what happened to the account: only what looks like a name, because it is logged.
fn event_of(value: &RawValue) -> String {
    serde_json::from_str::<Value>(value.get())
        .ok()
        .and_then(|value| value.get("event")?.as_str().map(str::to_owned))
        .filter(|event| {
            event.len() <= 64 && event.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(body: &str) -> Vec<String> {
        take_apart(body)
            .into_iter()
            .map(|piece| match piece {
                Piece::Item(item) => format!("{:?} {}", item.kind, item.raw.get()),
                Piece::Account { field, event } => format!("account {field} {event}"),
                Piece::Unusable { reason, .. } => format!("unusable: {reason}"),
            })
            .collect()
    }

    fn event(entries: &str) -> String {
        format!(r#"{{"object":"whatsapp_business_account","entry":{entries}}}"#)
    }

    #[test]
    fn every_level_of_a_batch_is_walked() {
        let body = event(
            r#"[{"changes":[{"value":{"messages":[1,2],"statuses":[3]}},{"value":{"errors":[4]}}]},
                {"changes":[{"value":{"message_echoes":[5]},"field":"smb_message_echoes"}]}]"#,
        );
        assert_eq!(
            shape(&body),
            ["Message 1", "Message 2", "Status 3", "Error 4", "Echo 5"]
        );
    }

    #[test]
    fn what_cannot_be_taken_apart_leaves_its_neighbours_alone() {
        let body = event(
            r#"[null,{"changes":[{"value":{"messages":"x","statuses":[3]}},7,{"field":"messages"},
                {"field":"news","value":{}}]},{"changes":[{"value":{"messages":[1]}}]}]"#,
        );
        assert_eq!(
            shape(&body),
            [
                "unusable: the entry has no list of changes",
                "unusable: the items of the change are not a list",
                "Status 3",
                "unusable: the change has no value",
                "unusable: the change has no value",
                "unusable: nothing in the change is known",
                "Message 1",
            ]
        );
    }

    #[test]
    fn an_item_with_half_a_character_pair_does_not_spoil_the_batch() {
        let body = event(
            r#"[{"changes":[{"value":{"messages":[{"text":"\ud83d"},1],"contacts":[{"profile":"\ud83d"},2]}}]}]"#,
        );
        assert_eq!(shape(&body), [r#"Message {"text":"\ud83d"}"#, "Message 1"]);
    }

    #[test]
    fn news_of_the_account_are_named_and_nothing_else_of_them_is() {
        let body = event(
            r#"[{"changes":[{"field":"account_update","value":{"event":"DISABLED_UPDATE"}},
                {"field":"account_update","value":{"event":"+7 900 000-00-00"}}]}]"#,
        );
        assert_eq!(
            shape(&body),
            [
                "account account_update DISABLED_UPDATE",
                "account account_update "
            ]
        );
    }

    #[test]
    fn what_is_no_event_of_whatsapp_is_kept_whole() {
        for body in [
            "",
            "[]",
            "{}",
            "null",
            r#"{"object":"page","entry":[]}"#,
            "{\"object\":",
        ] {
            assert_eq!(take_apart(body).len(), 1, "{body}");
        }
        assert!(shape(&event("[]")).is_empty());
    }
}
