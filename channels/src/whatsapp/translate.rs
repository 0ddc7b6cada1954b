//! What a customer's message says, in our words.

use serde_json::Value;
use zapis_core::message::{Attachment, What};

use super::json::{id, number, text};

/// Why an item is kept aside, in words for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unusable(pub(super) &'static str);

/// Translates a message. Types of tomorrow are `Unreadable`, which a person gets a polite answer to.
pub(super) fn what(message: &Value) -> Result<What, Unusable> {
    let kind = message
        .get("type")
        .and_then(Value::as_str)
        .ok_or(Unusable("the message has no type"))?;
    match kind {
        "text" => words(message)?.ok_or(Unusable("the text message has no text")),
        "ephemeral" => Ok(words(message)?.unwrap_or_else(|| notice(kind, None))),
        "image" | "video" | "audio" | "document" | "sticker" => Ok(media(message, kind)),
        "location" => location(message),
        "contacts" => contact(message),
        "interactive" => interactive(message),
        "button" => template_button(message),
        "reaction" => Ok(What::Reaction {
            target: id(message, "/reaction/message_id")
                .ok_or(Unusable("the reaction is to nothing"))?,
            emoji: text(message, "/reaction/emoji"),
        }),
        "edit" => Ok(What::Edited {
            original: id(message, "/edit/original_message_id")
                .ok_or(Unusable("the edit is of nothing"))?,
            text: words_of_any(&message["edit"]["message"]),
        }),
        "revoke" => Ok(What::Deleted {
            originals: vec![
                id(message, "/revoke/original_message_id")
                    .ok_or(Unusable("the deletion is of nothing"))?,
            ],
        }),
        "order" => Ok(notice(kind, Some(order(message)))),
        "system" => Ok(notice(
            message["system"]["type"].as_str().unwrap_or(kind),
            text(message, "/system/body"),
        )),
        "request_welcome" => Ok(notice(kind, None)),
        other => Ok(unreadable(other)),
    }
}

/// The words of a message of any type: its text or its caption.
pub(super) fn words_of_any(message: &Value) -> Option<String> {
    let kind = message
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or("text");
    text(message, "/text/body").or_else(|| text(message.get(kind)?, "/caption"))
}

fn words(message: &Value) -> Result<Option<What>, Unusable> {
    match message.pointer("/text/body") {
        None => Ok(None),
        Some(Value::String(_)) => Ok(Some(match text(message, "/text/body") {
            Some(text) => What::Text { text },
            None => unreadable("text"),
        })),
        Some(_) => Err(Unusable("the text is not a text")),
    }
}

/// A name of the provider's for a kind of message, short enough for logs and metrics.
fn name(kind: &str) -> String {
    kind.chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
        .take(40)
        .collect()
}

fn notice(kind: &str, text: Option<String>) -> What {
    let kind = name(kind);
    What::Notice { kind, text }
}

fn unreadable(kind: &str) -> What {
    What::Unreadable { kind: name(kind) }
}

fn media(message: &Value, kind: &str) -> What {
    let file = &message[kind];
    // Without an id there is nothing to fetch: the provider failed to take the file over.
    let Some(file_id) = id(file, "/id") else {
        return unreadable(kind);
    };
    let voice = kind == "audio" && file["voice"] == true;
    What::Media {
        attachments: vec![Attachment {
            kind: if voice { "voice" } else { kind }.to_owned(),
            file_id,
            mime: text(file, "/mime_type"),
            name: text(file, "/filename").and_then(|name| file_name(&name)),
            size: number(file, "/file_size").and_then(whole),
        }],
        caption: text(file, "/caption"),
        group: None,
    }
}

/// A number of bytes. More than 2^53 are nobody's file.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked right before"
)]
fn whole(number: f64) -> Option<u64> {
    (0.0..9e15).contains(&number).then_some(number as u64)
}

/// The last part of a name that may look like a path.
fn file_name(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().filter(|c| !c.is_control()).take(240).collect();
    let clean = clean.trim();
    (!clean.trim_matches('.').is_empty()).then(|| clean.to_owned())
}

fn location(message: &Value) -> Result<What, Unusable> {
    let degrees = |path, most: f64| number(message, path).filter(|n| n.abs() <= most);
    match (
        degrees("/location/latitude", 90.0),
        degrees("/location/longitude", 180.0),
    ) {
        (Some(latitude), Some(longitude)) => Ok(What::Location {
            latitude,
            longitude,
            name: text(message, "/location/name").or_else(|| text(message, "/location/address")),
        }),
        _ => Err(Unusable("the place has no position")),
    }
}

/// The first card with a phone, or else the first.
fn contact(message: &Value) -> Result<What, Unusable> {
    let cards = message["contacts"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let card = cards
        .iter()
        .find(|card| phone_of(card).is_some())
        .or(cards.first())
        .ok_or(Unusable("the message has no contact card"))?;
    let answers_request = |value: &Value| {
        text(value, "/origin").is_some_and(|origin| origin.starts_with("contact_request"))
    };
    let own = answers_request(message) || answers_request(card);
    let phone = own.then(|| own_phone(message)).flatten();
    Ok(What::Contact {
        phone: phone.or_else(|| phone_of(card)),
        name: text(card, "/name/formatted_name").or_else(|| text(card, "/name/first_name")),
        own,
    })
}

/// The number on WhatsApp of a customer who was asked for it and sent it.
pub(super) fn own_phone(message: &Value) -> Option<String> {
    let card = message.pointer("/contacts/0")?;
    let origin = text(message, "/origin").or_else(|| text(card, "/origin"))?;
    let own = origin.starts_with("contact_request");
    let phone = super::people::phone(card, "/phones/0/wa_id")?;
    (own && super::people::is_phone(&phone)).then_some(phone)
}

fn phone_of(card: &Value) -> Option<String> {
    card["phones"]
        .as_array()?
        .iter()
        .filter_map(|phone| text(phone, "/phone").or_else(|| text(phone, "/wa_id")))
        .map(|phone| {
            phone
                .chars()
                .enumerate()
                .filter(|(at, c)| c.is_ascii_digit() || (*at == 0 && *c == '+'))
                .map(|(_, c)| c)
                .collect::<String>()
        })
        .find(|phone| phone.len() > 1)
}

fn interactive(message: &Value) -> Result<What, Unusable> {
    let Some(kind) = message["interactive"]["type"].as_str() else {
        // Meta leaves the object out when it failed on its side.
        return Ok(unreadable("interactive"));
    };
    let reply = &message["interactive"][kind];
    match kind {
        "button_reply" | "list_reply" => Ok(What::Press {
            payload: text(reply, "/id").ok_or(Unusable("the press is of no button"))?,
            title: text(reply, "/title"),
        }),
        "nfm_reply" => {
            let answers = text(reply, "/response_json");
            let form = answers.filter(|answers| {
                serde_json::from_str::<serde_json::Map<String, Value>>(answers).is_ok()
            });
            Ok(What::Press {
                payload: form.ok_or(Unusable("the answers of the form cannot be read"))?,
                title: text(reply, "/body"),
            })
        }
        "call_permission_reply" => Ok(notice(kind, None)),
        other => Ok(unreadable(other)),
    }
}

/// A button of a template. Without a payload it is the same as writing its text.
fn template_button(message: &Value) -> Result<What, Unusable> {
    let title = text(message, "/button/text");
    match (text(message, "/button/payload"), title) {
        (Some(payload), title) => Ok(What::Press { payload, title }),
        (None, Some(text)) => Ok(What::Text { text }),
        (None, None) => Err(Unusable("the press is of no button")),
    }
}

/// An order of the catalogue, as a person reads it.
fn order(message: &Value) -> String {
    let items = message["order"]["product_items"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let mut lines: Vec<String> = items
        .iter()
        .take(50)
        .map(|item| {
            let word = |path| id(item, path).unwrap_or_else(|| "?".to_owned());
            let (product, quantity) = (word("/product_retailer_id"), word("/quantity"));
            let (price, currency) = (word("/item_price"), word("/currency"));
            format!("{product} × {quantity}, {price} {currency}")
        })
        .collect();
    lines.extend(text(message, "/order/text"));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text_what(text: &str) -> What {
        What::Text { text: text.into() }
    }

    fn is(message: &Value, expected: &What) {
        assert_eq!(&what(message).unwrap(), expected, "{message}");
    }

    #[test]
    fn words_are_text_whatever_they_are_written_in() {
        is(
            &json!({"type": "text", "text": {"body": "Запись на 11? 💅🏻 مرحبا"}}),
            &text_what("Запись на 11? 💅🏻 مرحبا"),
        );
        is(
            &json!({"type": "ephemeral", "text": {"body": "x"}}),
            &text_what("x"),
        );
        is(
            &json!({"type": "button", "button": {"text": "Да"}}),
            &text_what("Да"),
        );
        let long = "ы".repeat(100_000);
        is(
            &json!({"type": "text", "text": {"body": long}}),
            &text_what(&long),
        );
    }

    #[test]
    fn files_stay_at_the_provider_and_their_names_are_no_paths() {
        let message = json!({"type": "document", "document": {"id": 77, "mime_type": "application/zip",
            "filename": "../../etc/тест.zip", "file_size": "303833", "caption": "смотрите"}});
        let What::Media {
            attachments,
            caption,
            ..
        } = what(&message).unwrap()
        else {
            panic!("not media");
        };
        assert_eq!(caption.as_deref(), Some("смотрите"));
        assert_eq!(attachments[0].file_id, "77");
        assert_eq!(attachments[0].name.as_deref(), Some("тест.zip"));
        assert_eq!(attachments[0].size, Some(303_833));
        let voice = what(&json!({"type": "audio", "audio": {"id": "1", "voice": true}})).unwrap();
        assert!(matches!(voice, What::Media { attachments, .. } if attachments[0].kind == "voice"));
    }

    #[test]
    fn presses_carry_what_the_button_carries() {
        let press = |payload: &str, title: Option<&str>| What::Press {
            payload: payload.into(),
            title: title.map(str::to_owned),
        };
        is(
            &json!({"type": "interactive", "interactive": {"type": "button_reply", "button_reply": {"id": "a", "title": "A"}}}),
            &press("a", Some("A")),
        );
        is(
            &json!({"type": "interactive", "interactive": {"type": "list_reply", "list_reply": {"id": "a"}}}),
            &press("a", None),
        );
        is(
            &json!({"type": "interactive", "interactive": {"type": "nfm_reply", "nfm_reply": {"response_json": "{\"a\":1}", "body": "Sent"}}}),
            &press("{\"a\":1}", Some("Sent")),
        );
        is(
            &json!({"type": "button", "button": {"payload": "yes", "text": "Да"}}),
            &press("yes", Some("Да")),
        );
    }

    #[test]
    fn a_polite_request_to_write_is_due_only_where_a_person_would_expect_one() {
        let unreadable = [
            json!({"type": "unsupported", "errors": [{"code": 131_051}]}),
            json!({"type": "unknown"}),
            json!({"type": "poll"}),
            json!({"type": "image", "errors": [{"code": 131_052}]}),
            json!({"type": "interactive"}),
        ];
        for message in unreadable {
            assert!(
                matches!(what(&message), Ok(What::Unreadable { .. })),
                "{message}"
            );
        }
        let silent = [
            json!({"type": "reaction", "reaction": {"message_id": "m", "emoji": ""}}),
            json!({"type": "reaction", "reaction": {"message_id": "m"}}),
            json!({"type": "edit", "edit": {"original_message_id": "m", "message": {"type": "text", "text": {"body": "y"}}}}),
            json!({"type": "revoke", "revoke": {"original_message_id": "m"}}),
            json!({"type": "system", "system": {"type": "customer_identity_changed"}}),
            json!({"type": "order", "order": {"product_items": [{"product_retailer_id": "S", "quantity": 2}]}}),
            json!({"type": "request_welcome"}),
            json!({"type": "interactive", "interactive": {"type": "call_permission_reply"}}),
            json!({"type": "ephemeral"}),
        ];
        for message in silent {
            assert!(!what(&message).unwrap().expects_answer(), "{message}");
        }
    }

    #[test]
    fn an_edit_of_a_picture_has_its_new_caption() {
        is(
            &json!({"type": "edit", "edit": {"original_message_id": "m", "message": {"type": "image", "image": {"caption": "new"}}}}),
            &What::Edited {
                original: "m".into(),
                text: Some("new".into()),
            },
        );
    }

    #[test]
    fn a_card_is_the_customer_s_own_only_when_it_answers_our_request() {
        let card = json!([{"name": {"formatted_name": "Анна"}, "phones": [{"phone": "+7 (900) 000-00-01", "wa_id": "79000000001"}]}]);
        is(
            &json!({"type": "contacts", "contacts": card}),
            &What::Contact {
                phone: Some("+79000000001".into()),
                name: Some("Анна".into()),
                own: false,
            },
        );
        is(
            &json!({"type": "contacts", "origin": "contact_request/1", "contacts": card}),
            &What::Contact {
                phone: Some("79000000001".into()),
                name: Some("Анна".into()),
                own: true,
            },
        );
        is(
            &json!({"type": "contacts", "contacts": [{"name": {"formatted_name": "Б"}}]}),
            &What::Contact {
                phone: None,
                name: Some("Б".into()),
                own: false,
            },
        );
    }

    #[test]
    fn what_makes_no_sense_is_kept_aside() {
        for message in [
            json!({}),
            json!(5),
            json!({"type": 7}),
            json!({"type": "text"}),
            json!({"type": "text", "text": {"body": {}}}),
            json!({"type": "location", "location": {"latitude": "north"}}),
            json!({"type": "contacts", "contacts": {}}),
            json!({"type": "reaction", "reaction": []}),
            json!({"type": "interactive", "interactive": {"type": "nfm_reply", "nfm_reply": {"response_json": "{x"}}}),
            json!({"type": "interactive", "interactive": {"type": "button_reply", "button_reply": 3}}),
        ] {
            assert!(what(&message).is_err(), "{message}");
        }
    }
}
