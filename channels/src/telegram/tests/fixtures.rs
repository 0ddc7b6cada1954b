//! A collection of real and broken updates, where `ZAPIS_FIXTURES` says it is.

use std::path::PathBuf;

use super::super::translate::{News, translate};
use super::support::{NOW, at};

/// Each file of the collection and what becomes of it.
const EXPECTED: &str = "\
aiogram-audio: media m42:42 at 42
aiogram-checklist: unreadable m42:42 at 42
aiogram-rich-message: unreadable m42:42 at 42
aiogram-successful-payment: notice m42:42 at 42
aiogram-update-business-connection: ignored, foreign
aiogram-update-business-message: dead, a business message without its chat or connection
aiogram-update-callback-query: press cquery id at 42, answered
aiogram-update-channel-post: ignored, foreign
aiogram-update-chat-boost: ignored, foreign
aiogram-update-chat-member: ignored, foreign
aiogram-update-guest-message: ignored, foreign
aiogram-update-inline-query: ignored, foreign
aiogram-update-message-reaction-count: ignored, foreign
aiogram-update-poll-answer: ignored, foreign
aiogram-update-pre-checkout-query: ignored, foreign
aiogram-update-purchased-paid-media: ignored, foreign
aiogram-video-note: media m42:42 at 42
aiogram-web-app-data: notice m42:42 at 42
chatwoot-group-message: group text m23:1
chatwoot-text-private-huge-update-id: text m23:1 at 23
chatwoot-video-mov: media m23:1 at 23
composed-bot-blocked-by-user: blocked u800100079 at 7000000001
composed-business-message-from-owner: staff m7000000001@bc_FAKE0000000001:602 at 7000000001@bc_FAKE0000000001
composed-callback-data-64-bytes: press c1 at 7000000001, answered
composed-contact-own-request-contact: contact m7000000001:501 at 7000000001
composed-forwarded-from-hidden-user: text m7000000001:501 at 7000000001
composed-private-topic-message: text m7000000001:31:501 at 7000000001:31
composed-staff-reply-in-topic: group text m-1001000000001:88 topic 77
composed-staff-reply-thread-without-topic: group text m-1001000000002:90
composed-start-deep-link: command m7000000001:501 at 7000000001
composed-text-command-with-botname-in-group: group command m-1001000000001:92 topic 77
composed-text-cyrillic-emoji-utf16-entities: text m7000000001:501 at 7000000001
issue-callback-query-empty-names: press c1719723423499182764 at 70000025, answered
malformed-message-is-null: dead, cannot read an update of kind message
malformed-not-object: dead, no update
rl-callback-query-big-keyboard: press c4382bfdwdsb323b2d9 at 2, answered
rl-contact-foreign: group contact m-10090000000026:5
rl-document-txt: media m70000025:106 at 70000025
rl-edited-live-location-stopped: ignored, chat
rl-edited-text: ignored, chat
rl-getupdates-write-access-allowed: dead, cannot read an update of kind ok
rl-left-chat-member: ignored, service
rl-location-live: group location m-10090000000026:7
rl-start-command-first-contact: command m70000025:101 at 70000025
rl-sticker-animated: group media m-10090000000026:2
rl-voice: media m70000025:104 at 70000025
teloxide-callback-inaccessible-message: press c4382bfdwdsb323b2d9 at 42, answered
teloxide-deleted-business-messages: deleted u800100022 at 0@123
teloxide-forum-topic-created: ignored, service
teloxide-forum-topic-message: group text m-1009000000019:5 topic 4
teloxide-issue-1107-a: group unreadable m-1009000000002:134545
teloxide-issue-427-migrate-to: moved -900000014 to -1009000000016
teloxide-issue-481-venue: location u800100009 at 0
teloxide-message-reaction-user: ignored, chat
teloxide-my-chat-member: blocked u0 at 0
teloxide-photo-caption-above: media m7000000009:140 at 7000000009
teloxide-photo: media m700000012:199791 at 700000012
teloxide-pinned-message: ignored, service
teloxide-text-supergroup: text m700000001:6557 at 700000001
teloxide-unknown-update-kind: dead, cannot read an update of kind new_update_kind
teloxide-video-media-group-item: media m700000012:198283 at 700000012";

#[test]
fn every_update_of_the_collection_becomes_what_it_should() {
    let Some(folder) = std::env::var_os("ZAPIS_FIXTURES").map(PathBuf::from) else {
        return;
    };
    let mut found: Vec<String> = std::fs::read_dir(folder.join("telegram"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .filter_map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let body = std::fs::read_to_string(&path).unwrap();
            (!name.starts_with("response-")).then(|| format!("{name}: {}", outcome(&body)))
        })
        .collect();
    found.sort();

    let expected: Vec<&str> = EXPECTED.lines().map(str::trim).collect();
    assert_eq!(found, expected, "{found:#?}");
}

fn outcome(body: &str) -> String {
    let translated = match translate(body, at(NOW)) {
        Ok(translated) => translated,
        Err(reason) => return format!("dead, {}", reason.split(':').next().unwrap()),
    };
    let query = translated.query.map_or("", |_| ", answered");
    match translated.news {
        News::Private(item) => {
            format!(
                "{} {} at {}{query}",
                item.what.name(),
                item.id,
                item.address
            )
        }
        News::Group(item) => {
            let topic = item
                .topic
                .map_or(String::new(), |topic| format!(" topic {topic}"));
            format!("group {} {}{topic}", item.what.name(), item.id)
        }
        News::Moved { from, to } => format!("moved {from} to {to}"),
        News::Membership { status, .. } => format!("membership {status}"),
        News::Ignored(why) => format!("ignored, {why}{query}"),
        News::Dead(reason) => format!("dead, {reason}{query}"),
    }
}
