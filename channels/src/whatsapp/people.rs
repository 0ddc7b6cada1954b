//! Who an item is about. A customer may have no phone: the id is then the one of the business's own scope.

use serde_json::{Value, json};
use zapis_core::message::Profile;

use super::json::{id, text};

/// Whether an id is a phone number as WhatsApp writes it: digits only.
pub(super) fn is_phone(id: &str) -> bool {
    (5..=20).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether an id is scoped to a group of businesses (`RU.ENT.…`) and not to ours.
pub(super) fn is_parent(id: &str) -> bool {
    id.get(2..7) == Some(".ENT.")
}

/// Who wrote a message.
pub(super) struct Sender {
    /// Native ids, the one that names the conversation first.
    pub(super) ids: Vec<String>,
    /// What the provider tells about the person.
    pub(super) profile: Profile,
}

/// The writer of a message. The id of the business's scope comes before the phone: every message
/// has it, the phone comes and goes, so that in doubt all later messages meet in one conversation.
/// Where only the phone is known to us, that finds the conversation and the other id joins it.
pub(super) fn sender(message: &Value, contacts: &[Value], alone: bool) -> Sender {
    let contact = contact_of(message, contacts, alone);
    let from = phone(message, "/from").or_else(|| phone(contact, "/wa_id"));
    let ids = [
        id(message, "/from_user_id").or_else(|| id(contact, "/user_id")),
        from.clone(),
        id(message, "/from_parent_user_id").or_else(|| id(contact, "/parent_user_id")),
    ];
    Sender {
        ids: distinct(ids),
        profile: Profile {
            source: source(message),
            ..profile(contact, from.as_deref())
        },
    }
}

/// The customer that a person of the firm wrote to.
pub(super) fn receiver(echo: &Value, contacts: &[Value]) -> Sender {
    let contact = match contacts {
        [only] => only,
        _ => &Value::Null,
    };
    let to = phone(echo, "/to").or_else(|| phone(contact, "/wa_id"));
    let ids = [
        id(echo, "/to_user_id").or_else(|| id(contact, "/user_id")),
        to.clone(),
        id(echo, "/to_parent_user_id").or_else(|| id(contact, "/parent_user_id")),
    ];
    Sender {
        ids: distinct(ids),
        profile: profile(contact, to.as_deref()),
    }
}

/// What is left of ids in order, each once.
pub(super) fn distinct(ids: impl IntoIterator<Item = Option<String>>) -> Vec<String> {
    let mut seen = Vec::new();
    for id in ids.into_iter().flatten() {
        if !seen.contains(&id) {
            seen.push(id);
        }
    }
    seen
}

/// An id that may be a phone written with a plus.
pub(super) fn phone(value: &Value, path: &str) -> Option<String> {
    let id = id(value, path)?;
    match id.strip_prefix('+') {
        Some(digits) if is_phone(digits) => Some(digits.to_owned()),
        _ => Some(id),
    }
}

/// The person of the change that wrote this message: by an id in common; or the only person of the
/// only message, because in some countries both forms of one number differ.
fn contact_of<'a>(message: &Value, contacts: &'a [Value], alone: bool) -> &'a Value {
    let same = |contact: &&Value, ours: &str, theirs: &str| {
        let id = message.pointer(ours);
        id.is_some() && id == contact.pointer(theirs)
    };
    let known = contacts.iter().find(|contact| {
        same(contact, "/from_user_id", "/user_id") || same(contact, "/from", "/wa_id")
    });
    match (known, contacts) {
        (Some(contact), _) => contact,
        (None, [only]) if alone => only,
        _ => &Value::Null,
    }
}

fn profile(contact: &Value, phone: Option<&str>) -> Profile {
    Profile {
        name: text(contact, "/profile/name"),
        username: text(contact, "/profile/username")
            .map(|name| name.trim_start_matches('@').to_owned()),
        language: None,
        phone: phone.filter(|id| is_phone(id)).map(|id| format!("+{id}")),
        source: None,
    }
}

/// The advertisement that the customer came from.
fn source(message: &Value) -> Option<Value> {
    let referral = message.get("referral")?.as_object()?;
    let known = [
        "source_type",
        "source_id",
        "source_url",
        "headline",
        "body",
        "ctwa_clid",
    ];
    let mut source = json!({ "channel": "whatsapp" });
    for key in known {
        if let Some(value @ Value::String(_)) = referral.get(key) {
            source[key] = value.clone();
        }
    }
    Some(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scoped_id_comes_before_the_phone_and_the_group_s_last() {
        let message = json!({"from": "79000000001", "from_user_id": "RU.1", "from_parent_user_id": "RU.ENT.2"});
        let sender = sender(&message, &[], true);

        assert_eq!(sender.ids, ["RU.1", "79000000001", "RU.ENT.2"]);
        assert_eq!(sender.profile.phone.as_deref(), Some("+79000000001"));
    }

    #[test]
    fn a_customer_without_a_phone_has_ids_and_a_name() {
        let contacts =
            [json!({"user_id": "RU.1", "profile": {"name": "Анна", "username": "@anna"}})];
        let sender = sender(&json!({"from_user_id": "RU.1"}), &contacts, true);

        assert_eq!(sender.ids, ["RU.1"]);
        assert_eq!(sender.profile.phone, None);
        assert_eq!(sender.profile.name.as_deref(), Some("Анна"));
        assert_eq!(sender.profile.username.as_deref(), Some("anna"));
    }

    #[test]
    fn another_form_of_the_number_in_the_contact_is_not_answered() {
        let contacts = [json!({"wa_id": "5511900000000", "profile": {"name": "Ana"}})];
        let sender = sender(&json!({"from": "551190000000"}), &contacts, true);

        assert_eq!(sender.ids, ["551190000000"]);
        assert_eq!(sender.profile.name.as_deref(), Some("Ana"));
    }

    #[test]
    fn in_a_batch_nobody_gets_the_name_of_somebody_else() {
        let contacts = [
            json!({"wa_id": "79000000001", "user_id": "RU.1", "profile": {"name": "Анна"}}),
            json!({"wa_id": "79000000002", "profile": {"name": "Борис"}}),
        ];
        let named = |from: &str| {
            sender(&json!({"from": from}), &contacts, false)
                .profile
                .name
        };

        assert_eq!(named("79000000002").as_deref(), Some("Борис"));
        assert_eq!(named("79000000001").as_deref(), Some("Анна"));
        assert_eq!(named("79000000003"), None);
    }

    #[test]
    fn an_advertisement_is_the_source() {
        let message = json!({"from": "79000000001", "referral": {"source_type": "ad", "source_id": "5", "image_url": "https://x"}});

        assert_eq!(
            sender(&message, &[], true).profile.source,
            Some(json!({"channel": "whatsapp", "source_type": "ad", "source_id": "5"}))
        );
    }
}
