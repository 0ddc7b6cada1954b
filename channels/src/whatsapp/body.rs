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
/// scope. `newest` are the phone that the customer wrote from last, and the scoped id that the last
/// change of it led to.
pub(super) fn address(
    ids: &[String],
    newest: (Option<&str>, Option<&str>),
) -> Option<(&'static str, String)> {
    let newest_phone = newest.0.and_then(|phone| phone.strip_prefix('+'));
    let best = |newest: Option<&str>, fits: &dyn Fn(&String) -> bool| {
        let is_newest = |id: &&String| newest == Some(id.as_str()) && fits(id);
        let newest = ids.iter().find(is_newest);
        newest.or_else(|| ids.iter().rfind(|id| fits(id))).cloned()
    };
    if let Some(phone) = best(newest_phone, &|id| is_phone(id)) {
        return Some(("to", phone));
    }
    best(newest.1, &|id| !is_parent(id))
        .or_else(|| best(None, &|id| is_parent(id)))
        .map(|id| ("recipient", id))
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use zapis_core::message::Fence;
    use zapis_core::trace::TraceParent;

    fn button(title: &str, payload: &str) -> Button {
        Button {
            title: title.into(),
            payload: payload.into(),
        }
    }

    fn outbound(text: &str, buttons: Vec<Button>) -> Outbound {
        Outbound {
            id: Uuid::from_u128(7),
            conversation: "whatsapp:main:79000000001".parse().unwrap(),
            turn: None,
            answers: vec![],
            fence: Fence::Staff,
            content: Content::Message {
                text: text.into(),
                buttons,
                staff: None,
            },
            language: "ru".into(),
            purpose: Some(Purpose {
                name: "reminder".into(),
                parameters: vec![],
            }),
            customer_wrote_at: None,
            at: chrono::DateTime::from_timestamp(1, 0).unwrap(),
            trace: TraceParent::start(),
        }
    }

    fn parts(outbound: Outbound) -> Vec<(String, usize)> {
        split(outbound)
            .into_iter()
            .map(|part| match part.content {
                Content::Message { text, buttons, .. } => (text, buttons.len()),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    fn shown(text: &str, buttons: &[Button]) -> Value {
        let ids: Vec<String> = button_ids(buttons).into_iter().map(|(id, _)| id).collect();
        message(text, buttons, &ids, None, "ru")
    }

    #[test]
    fn up_to_three_short_titles_are_buttons() {
        let body = shown(
            "Куда?",
            &[button("Двадцать букв вот он", "a"), button("Нет", "b")],
        );

        assert_eq!(body["interactive"]["type"], "button");
        let reply = &body["interactive"]["action"]["buttons"][0]["reply"];
        assert_eq!(reply, &json!({"id": "a", "title": "Двадцать букв вот он"}));
    }

    #[test]
    fn more_or_longer_titles_are_a_list() {
        let four: Vec<Button> = (0..4)
            .map(|n| button(&format!("t{n}"), &format!("p{n}")))
            .collect();
        let body = shown("Куда?", &four);
        assert_eq!(body["interactive"]["type"], "list");
        let action = &body["interactive"]["action"];
        assert_eq!(
            action["sections"][0]["rows"][3],
            json!({"id": "p3", "title": "t3"})
        );

        let long = shown("Куда?", &[button("Двадцать одна буква!!", "a")]);
        assert_eq!(long["interactive"]["type"], "list");
    }

    #[test]
    fn titles_that_fit_nowhere_are_listed_in_the_text() {
        let body = shown(
            "Куда?",
            &[button("Это название длиннее двадцати четырёх", "a")],
        );
        assert_eq!(
            body["text"]["body"],
            "Куда?\n\n1. Это название длиннее двадцати четырёх"
        );

        let many: Vec<Button> = (0..11)
            .map(|n| button(&format!("t{n}"), &format!("p{n}")))
            .collect();
        assert_eq!(shown("Куда?", &many)["type"], "text");
        let same = shown("Куда?", &[button("t", "a"), button("t", "b")]);
        assert_eq!(same["type"], "text");
    }

    #[test]
    fn ids_are_unique_and_short_and_only_kept_where_needed() {
        let long = "п".repeat(201);
        let buttons = [
            button("1", "a"),
            button("2", "a"),
            button("3", &long),
            button("4", ""),
        ];
        let ids = button_ids(&buttons);

        assert_eq!(ids[0], ("a".to_owned(), false));
        for (id, kept) in &ids[1..] {
            assert!(*kept && id.starts_with(SHORT) && id.len() <= 200, "{id}");
        }
        let distinct: std::collections::BTreeSet<&String> = ids.iter().map(|(id, _)| id).collect();
        assert_eq!(distinct.len(), 4);
        assert_eq!(ids, button_ids(&buttons));
    }

    #[test]
    fn a_long_text_keeps_its_id_its_order_and_its_buttons_at_the_end() {
        let text = "Предложение номер один. ".repeat(300);
        let parts = split(outbound(&text, vec![button("Да", "y")]));

        assert!(parts.len() > 1);
        assert_eq!(parts[0].id, Uuid::from_u128(7));
        assert_eq!(parts[1].id, ids::of(Uuid::from_u128(7), "part", 1));
        assert!(parts[0].purpose.is_some() && parts[1].purpose.is_none());
        let buttons: Vec<usize> = parts
            .iter()
            .map(|part| match &part.content {
                Content::Message { buttons, .. } => buttons.len(),
                _ => 0,
            })
            .collect();
        assert_eq!(buttons.iter().sum::<usize>(), 1);
        assert_eq!(buttons.last(), Some(&1));
    }

    #[test]
    fn a_short_text_stays_whole() {
        assert_eq!(parts(outbound("Да.", vec![])), [("Да.".to_owned(), 0)]);
        assert_eq!(
            parts(outbound("", vec![button("Да", "y")])),
            [(String::new(), 1)]
        );
    }

    #[test]
    fn the_phone_written_from_last_is_the_address_and_else_the_scoped_id() {
        let to = |ids: &[&str], phone: Option<&str>, scoped: Option<&str>| {
            let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
            address(&ids, (phone, scoped))
                .map_or_else(String::new, |(key, id)| format!("{key} {id}"))
        };
        let both = ["79000000001", "RU.1", "79000000002", "RU.ENT.2"];

        assert_eq!(to(&both, Some("+79000000001"), None), "to 79000000001");
        assert_eq!(to(&both, Some("+79999999999"), None), "to 79000000002");
        assert_eq!(to(&both, None, Some("RU.1")), "to 79000000002");
        assert_eq!(to(&["RU.1", "RU.ENT.2"], None, None), "recipient RU.1");
        assert_eq!(to(&["RU.1", "RU.9"], None, Some("RU.1")), "recipient RU.1");
        assert_eq!(to(&["RU.ENT.2"], None, None), "recipient RU.ENT.2");
        assert_eq!(to(&[], None, None), "");
    }

    #[test]
    fn a_template_has_its_language_and_clean_parameters() {
        let approved = Template {
            name: "visit".into(),
            language: "ru".into(),
        };
        let purpose = Purpose {
            name: "reminder".into(),
            parameters: vec!["Анна\n".into(), "завтра\tв     11".into(), String::new()],
        };
        let body = template(&approved, &purpose);

        assert_eq!(body["template"]["language"], json!({"code": "ru"}));
        let parameters = &body["template"]["components"][0]["parameters"];
        assert_eq!(parameters[0]["text"], "Анна");
        assert_eq!(parameters[1]["text"], "завтра в 11");
        assert_eq!(parameters[2]["text"], "—");
        let bare = template(
            &approved,
            &Purpose {
                name: String::new(),
                parameters: vec![],
            },
        );
        assert!(bare["template"].get("components").is_none());
    }

    #[test]
    fn a_person_of_the_firm_is_named_above_the_words() {
        let body = message("Добрый день", &[], &[], Some("Анна"), "ru");
        assert_eq!(body["text"]["body"], "*Анна*\nДобрый день");
    }

    proptest! {
        #[test]
        fn every_part_fits_into_one_call(
            text in "[а-я.! *_👩\n]{0,6000}",
            titles in prop::collection::vec("[а-яA-Z👩 ]{0,40}", 0..13),
            staff in prop::option::of("[а-я]{0,80}"),
        ) {
            let buttons: Vec<Button> = titles.iter().map(|title| button(title, "p")).collect();
            let mut outbound = outbound(&text, buttons);
            if let Content::Message { staff: who, .. } = &mut outbound.content {
                *who = staff;
            }
            for part in split(outbound) {
                let Content::Message { text, buttons, staff } = &part.content else { panic!() };
                let ids: Vec<String> = button_ids(buttons).into_iter().map(|(id, _)| id).collect();
                let body = message(text, buttons, &ids, staff.as_deref(), "ru");
                let (shown, limit) = match body["interactive"]["type"].as_str() {
                    None => (&body["text"]["body"], TEXT),
                    Some("button") => (&body["interactive"]["body"]["text"], TEXT_ABOVE_BUTTONS),
                    Some(_) => (&body["interactive"]["body"]["text"], TEXT),
                };
                prop_assert!(length(shown.as_str().unwrap()) <= limit);
            }
        }
    }
}
