//! What we send, as JSON of the Graph API, within its limits.

use serde_json::{Value, json};
use uuid::Uuid;
use zapis_core::ids;
use zapis_core::message::{Button, Content, Outbound, Purpose};

use super::config::Template;
use super::people::{is_parent, is_phone};
use super::text::{length, parameter, pieces, render, with_titles};

/// A text, also above a list.
const TEXT: usize = 4_096;

/// A text above reply buttons.
const TEXT_ABOVE_BUTTONS: usize = 1_024;

/// What precedes short ids of buttons, whose payload is kept in the store.
pub(super) const SHORT: &str = "z:";

/// How quick replies are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// There are none.
    Text,
    /// Under the text: up to three.
    Buttons,
    /// In a menu: up to ten.
    List,
    /// Their titles in the text.
    Titles,
}

impl Shape {
    fn of(buttons: &[Button]) -> Self {
        let fit = |most: usize, longest: usize| {
            buttons.len() <= most
                && buttons
                    .iter()
                    .all(|button| (1..=longest).contains(&length(button.title.trim())))
        };
        let repeated = (1..buttons.len()).any(|at| {
            buttons[..at]
                .iter()
                .any(|b| b.title.trim() == buttons[at].title.trim())
        });
        if buttons.is_empty() {
            Self::Text
        } else if repeated {
            Self::Titles
        } else if fit(3, 20) {
            Self::Buttons
        } else if fit(10, 24) {
            Self::List
        } else {
            Self::Titles
        }
    }

    fn room_for_text(self) -> usize {
        match self {
            Self::Buttons => TEXT_ABOVE_BUTTONS,
            Self::Text | Self::List | Self::Titles => TEXT,
        }
    }
}

/// Cuts a message into what fits into one call each; quick replies go under the last part. A
/// template stands for the whole message, so only the first part keeps its purpose.
pub(super) fn split(outbound: Outbound) -> Vec<Outbound> {
    let Content::Message {
        text,
        buttons,
        staff,
    } = &outbound.content
    else {
        return vec![outbound];
    };
    let shape = Shape::of(buttons);
    let (text, buttons) = match shape {
        Shape::Titles => (with_titles(text, buttons), Vec::new()),
        _ => (text.clone(), buttons.clone()),
    };
    let above = staff.as_deref().map_or(0, |name| length(&heading(name)));
    let parts = cut(
        &text,
        TEXT - above.min(TEXT / 2),
        shape.room_for_text() - above.min(512),
    );
    if parts.len() < 2 {
        let staff = staff.clone();
        let content = Content::Message {
            text,
            buttons,
            staff,
        };
        return vec![Outbound {
            content,
            ..outbound
        }];
    }
    let last = parts.len() - 1;
    let part = |(n, text): (usize, String)| Outbound {
        id: if n == 0 {
            outbound.id
        } else {
            ids::of(outbound.id, "part", n)
        },
        content: Content::Message {
            text,
            buttons: if n == last {
                buttons.clone()
            } else {
                Vec::new()
            },
            staff: staff.clone(),
        },
        purpose: outbound.purpose.clone().filter(|_| n == 0),
        ..outbound.clone()
    };
    parts.into_iter().enumerate().map(part).collect()
}

/// Pieces of at most `limit`, the last one of at most `last_limit`.
fn cut(text: &str, limit: usize, last_limit: usize) -> Vec<String> {
    let mut parts: Vec<String> = pieces(text, limit).into_iter().map(str::to_owned).collect();
    if let Some(last) = parts.pop() {
        let small = pieces(&last, last_limit);
        match small.split_last() {
            Some((tail, [_, ..])) => {
                // The smaller pieces before it fit together, as they were one before.
                let head = last[..last.len() - tail.len()].trim_end();
                parts.extend([head.to_owned(), (*tail).to_owned()]);
            }
            _ => parts.push(last),
        }
    }
    parts
}

/// The line above the words of a person of the firm.
fn heading(name: &str) -> String {
    let name: String = name.chars().take(60).collect();
    format!("**{}**\n", name.replace(['*', '\n'], " ").trim())
}

/// The id that comes back when a button is pressed, and whether the payload must be kept for it:
/// it is too long, or two buttons carry the same.
pub(super) fn button_ids(buttons: &[Button]) -> Vec<(String, bool)> {
    let id = |(at, button): (usize, &Button)| {
        let payload = &button.payload;
        let repeated = buttons[..at].iter().any(|other| other.payload == *payload);
        let plain = (1..=200).contains(&length(payload))
            && payload.trim() == payload
            && !payload.starts_with(SHORT)
            && !payload.chars().any(char::is_control);
        if plain && !repeated {
            return (payload.clone(), false);
        }
        let derived = ids::derive(&["button", payload, &at.to_string()]);
        (format!("{SHORT}{}", derived.simple()), true)
    };
    buttons.iter().enumerate().map(id).collect()
}

/// Whom to write to: the phone where it is known, as Meta advises, or the id of the business's
/// scope. `newest` is the phone that the customer wrote from last.
pub(super) fn address(ids: &[String], newest: Option<&str>) -> Option<(&'static str, String)> {
    let newest = newest.and_then(|phone| phone.strip_prefix('+'));
    let phone = ids
        .iter()
        .find(|id| newest == Some(id.as_str()) && is_phone(id))
        .or_else(|| ids.iter().rfind(|id| is_phone(id)));
    let scoped = || ids.iter().rfind(|id| !is_phone(id) && !is_parent(id));
    let parent = || ids.iter().rfind(|id| is_parent(id));
    match phone {
        Some(phone) => Some(("to", phone.clone())),
        None => scoped().or_else(parent).map(|id| ("recipient", id.clone())),
    }
}

/// A message within the window.
pub(super) fn message(
    text: &str,
    buttons: &[Button],
    ids: &[String],
    staff: Option<&str>,
    language: &str,
) -> Value {
    let above = staff.map(heading).unwrap_or_default();
    let shown = |text: &str| render(&format!("{above}{text}"));
    let rows = || buttons.iter().zip(ids);
    let mut shape = Shape::of(buttons);
    let body = shown(text.trim());
    if body.is_empty() || length(&body) > shape.room_for_text() {
        shape = Shape::Titles;
    }
    let interactive = match shape {
        Shape::Buttons => {
            let reply = |(button, id): (&Button, &String)| json!({ "type": "reply", "reply": { "id": id, "title": button.title.trim() } });
            let buttons: Vec<Value> = rows().map(reply).collect();
            json!({ "type": "button", "body": { "text": body }, "action": { "buttons": buttons } })
        }
        Shape::List => {
            let row = |(button, id): (&Button, &String)| json!({ "id": id, "title": button.title.trim() });
            let rows: Vec<Value> = rows().map(row).collect();
            let open = if language == "en" {
                "Choose"
            } else {
                "Выбрать"
            };
            let action = json!({ "button": open, "sections": [{ "rows": rows }] });
            json!({ "type": "list", "body": { "text": body }, "action": action })
        }
        Shape::Text | Shape::Titles => {
            let body = shown(&with_titles(text.trim(), buttons));
            return json!({ "type": "text", "text": { "body": body, "preview_url": false } });
        }
    };
    json!({ "type": "interactive", "interactive": interactive })
}

/// A template outside the window.
pub(super) fn template(template: &Template, purpose: &Purpose) -> Value {
    let parameters: Vec<Value> = purpose
        .parameters
        .iter()
        .map(|text| json!({ "type": "text", "text": parameter(text) }))
        .collect();
    let mut body = json!({
        "name": template.name,
        "language": { "code": template.language },
    });
    if !parameters.is_empty() {
        body["components"] = json!([{ "type": "body", "parameters": parameters }]);
    }
    json!({ "type": "template", "template": body })
}

/// Adds whom it is for, and our id, which comes back with each status.
pub(super) fn addressed(mut body: Value, to: (&'static str, String), id: Uuid) -> Value {
    body["messaging_product"] = "whatsapp".into();
    body["recipient_type"] = "individual".into();
    body[to.0] = to.1.into();
    body["biz_opaque_callback_data"] = id.to_string().into();
    body
}

/// The read mark of a message and "typing…" under it.
pub(super) fn typing(inbound: &str) -> Value {
    json!({
        "messaging_product": "whatsapp",
        "status": "read",
        "message_id": inbound,
        "typing_indicator": { "type": "text" },
    })
}
