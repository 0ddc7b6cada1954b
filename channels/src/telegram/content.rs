//! What a message holds.

use serde_json::Value;
use teloxide::types::{Contact, Location, Venue};
use zapis_core::message::{Attachment, What};

use super::fields::{clean, int, part, text};

/// Files by the field they come in, and what we call them.
const FILES: [(&str, &str); 8] = [
    ("photo", "image"),
    ("voice", "voice"),
    ("audio", "audio"),
    ("video", "video"),
    ("video_note", "video"),
    // An animation comes with a `document` that is the same file.
    ("animation", "animation"),
    ("document", "document"),
    ("sticker", "sticker"),
];

/// Notices of Telegram itself, which nobody wrote.
const SERVICE: [&str; 43] = [
    "new_chat_members",
    "left_chat_member",
    "new_chat_title",
    "new_chat_photo",
    "delete_chat_photo",
    "group_chat_created",
    "supergroup_chat_created",
    "channel_chat_created",
    "message_auto_delete_timer_changed",
    "migrate_to_chat_id",
    "migrate_from_chat_id",
    "pinned_message",
    "refunded_payment",
    "users_shared",
    "chat_shared",
    "gift",
    "unique_gift",
    "gift_upgrade_sent",
    "connected_website",
    "write_access_allowed",
    "proximity_alert_triggered",
    "boost_added",
    "chat_background_set",
    "checklist_tasks_done",
    "checklist_tasks_added",
    "direct_message_price_changed",
    "forum_topic_created",
    "forum_topic_edited",
    "forum_topic_closed",
    "forum_topic_reopened",
    "general_forum_topic_hidden",
    "general_forum_topic_unhidden",
    "giveaway_created",
    "giveaway_completed",
    "paid_message_price_changed",
    "suggested_post_approved",
    "suggested_post_declined",
    "suggested_post_paid",
    "suggested_post_refunded",
    "video_chat_scheduled",
    "video_chat_started",
    "video_chat_ended",
    "video_chat_participants_invited",
];

/// Fields around the content of a message.
const ENVELOPE: [&str; 37] = [
    "message_id",
    "message_thread_id",
    "direct_messages_topic",
    "from",
    "sender_chat",
    "sender_boost_count",
    "sender_business_bot",
    "sender_tag",
    "date",
    "business_connection_id",
    "chat",
    "forward_origin",
    "forward_date",
    "forward_from",
    "forward_from_chat",
    "forward_from_message_id",
    "forward_sender_name",
    "is_topic_message",
    "is_automatic_forward",
    "reply_to_message",
    "external_reply",
    "quote",
    "reply_to_story",
    "reply_to_checklist_task_id",
    "via_bot",
    "edit_date",
    "has_protected_content",
    "is_from_offline",
    "is_paid_post",
    "media_group_id",
    "author_signature",
    "paid_star_count",
    "entities",
    "link_preview_options",
    "suggested_post_info",
    "effect_id",
    "reply_markup",
];

/// What the writer of a message did; nothing for notices of Telegram itself.
pub(super) fn content(message: &Value) -> Option<What> {
    if let Some(text) = text(message, "text") {
        return Some(command(&text).unwrap_or(What::Text { text }));
    }
    if let Some(media) = media(message) {
        return Some(media);
    }
    if message.get("contact").is_some() {
        return Some(contact(message));
    }
    if let Some(location) = location(message) {
        return Some(location);
    }
    let notice = |kind: &str, text| {
        Some(What::Notice {
            kind: kind.to_owned(),
            text,
        })
    };
    if message.get("successful_payment").is_some() {
        return notice("successful_payment", None);
    }
    if let Some(data) = message.get("web_app_data") {
        return notice("web_app_data", text(data, "data"));
    }
    if SERVICE.iter().any(|key| message.get(key).is_some()) {
        return None;
    }
    let kind = message
        .as_object()?
        .keys()
        .find(|key| !ENVELOPE.contains(&key.as_str()));
    Some(What::Unreadable {
        kind: kind
            .map_or("empty", String::as_str)
            .chars()
            .take(64)
            .collect(),
    })
}

/// Reads `/name@bot arguments`.
fn command(text: &str) -> Option<What> {
    let after_slash = text.strip_prefix('/')?;
    let (word, args) = after_slash
        .split_once(char::is_whitespace)
        .unwrap_or((after_slash, ""));
    let name = word.split_once('@').map_or(word, |(name, _)| name);
    let usable = (1..=32).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    usable.then(|| What::Command {
        name: name.to_ascii_lowercase(),
        args: args.trim().to_owned(),
    })
}

fn media(message: &Value) -> Option<What> {
    let attachment = FILES
        .iter()
        .find_map(|(field, kind)| attachment(message.get(field)?, kind))?;
    Some(What::Media {
        attachments: vec![attachment],
        caption: text(message, "caption"),
        group: text(message, "media_group_id"),
    })
}

/// A file by reference; of a picture's sizes the largest.
fn attachment(file: &Value, kind: &str) -> Option<Attachment> {
    let side = |size: &Value, key| int(size, key).unwrap_or(0);
    let area = |size: &&Value| side(size, "width").saturating_mul(side(size, "height"));
    let file = match file.as_array() {
        Some(sizes) => sizes
            .iter()
            .filter(|size| text(size, "file_id").is_some())
            .max_by_key(area)?,
        None => file,
    };
    Some(Attachment {
        kind: kind.to_owned(),
        file_id: text(file, "file_id")?,
        mime: text(file, "mime_type"),
        name: text(file, "file_name"),
        size: int(file, "file_size").and_then(|size| u64::try_from(size).ok()),
    })
}

fn contact(message: &Value) -> What {
    let Some(contact) = part::<Contact>(message, "contact") else {
        return What::Unreadable {
            kind: "contact".to_owned(),
        };
    };
    let sender = message.get("from").and_then(|from| int(from, "id"));
    let card = contact.user_id.and_then(|id| i64::try_from(id.0).ok());
    let name = [Some(contact.first_name), contact.last_name]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ");
    let phone: String = contact
        .phone_number
        .chars()
        .filter(|c| c.is_ascii_digit() || *c == '+')
        .take(32)
        .collect();
    What::Contact {
        phone: Some(phone).filter(|phone| phone.bytes().any(|b| b.is_ascii_digit())),
        name: Some(clean(name.trim())).filter(|name| !name.is_empty()),
        own: card.is_some() && card == sender,
    }
}

fn location(message: &Value) -> Option<What> {
    let (location, name) = match part::<Venue>(message, "venue") {
        Some(venue) => (venue.location, Some(venue.title)),
        None => (part::<Location>(message, "location")?, None),
    };
    Some(What::Location {
        latitude: location.latitude,
        longitude: location.longitude,
        name: name
            .map(|name| clean(&name))
            .filter(|name| !name.is_empty()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_command_loses_the_bots_name_and_keeps_its_arguments() {
        let message = json!({"text": "/Start@salon_bot  src_maps-1 "});

        let expected = What::Command {
            name: "start".into(),
            args: "src_maps-1".into(),
        };
        assert!(content(&message).unwrap() == expected);
        for words in ["/ start", "/стоп", "1/2", "/"] {
            let message = json!({ "text": words });
            assert!(content(&message).unwrap() == What::Text { text: words.into() });
        }
    }

    #[test]
    fn of_a_picture_the_largest_size_is_kept() {
        let message = json!({
            "photo": [
                {"file_id": "small", "width": 90, "height": 60},
                {"file_id": "large", "width": 900, "height": 600, "file_size": 7},
                {"file_id": "middle", "width": 300, "height": 200},
            ],
            "caption": "Хочу так же",
            "media_group_id": "g1",
        });

        let Some(What::Media {
            attachments,
            caption,
            group,
        }) = content(&message)
        else {
            panic!("no media")
        };
        assert_eq!(attachments[0].file_id, "large");
        assert_eq!(attachments[0].size, Some(7));
        assert_eq!(caption.as_deref(), Some("Хочу так же"));
        assert_eq!(group.as_deref(), Some("g1"));
    }

    #[test]
    fn null_characters_are_dropped_from_cards_and_places() {
        let card = json!({"contact": {"phone_number": "7900", "first_name": "Ан\0на"}});
        let place = json!({"location": {"latitude": 1.0, "longitude": 2.0}, "title": "Д\0ом", "address": "x"});

        assert!(
            matches!(content(&card), Some(What::Contact { name: Some(name), .. }) if name == "Анна")
        );
        assert!(
            matches!(content(&json!({"venue": place})), Some(What::Location { name: Some(name), .. }) if name == "Дом")
        );
    }

    #[test]
    fn a_picture_of_an_absurd_size_is_a_picture() {
        let photo =
            |width: i64, height: i64| json!({"file_id": "a", "width": width, "height": height});
        let message =
            json!({"photo": [photo(i64::MAX, 2), photo(i64::MIN, 59), photo(i64::MIN, i64::MIN)]});

        assert!(matches!(content(&message), Some(What::Media { .. })));
    }

    #[test]
    fn only_the_senders_own_card_is_their_phone() {
        let card = |user: i64| {
            json!({
                "from": {"id": 5},
                "contact": {"phone_number": "7 900 000-00-01", "first_name": "Анна", "user_id": user},
            })
        };
        let own = |message| matches!(content(&message), Some(What::Contact { own: true, phone: Some(phone), .. }) if phone == "79000000001");

        assert!(own(card(5)));
        assert!(!own(card(6)));
        let foreign =
            json!({"from": {"id": 5}, "contact": {"phone_number": "7900", "first_name": "П"}});
        assert!(matches!(
            content(&foreign),
            Some(What::Contact { own: false, .. })
        ));
    }

    #[test]
    fn an_unknown_kind_is_named_and_a_notice_of_telegram_is_nothing() {
        let unknown = json!({"message_id": 1, "chat": {}, "rich_message": {"blocks": []}});
        assert!(
            content(&unknown).unwrap()
                == What::Unreadable {
                    kind: "rich_message".into()
                }
        );
        assert!(content(&json!({"message_id": 1, "pinned_message": {}})).is_none());
    }
}
