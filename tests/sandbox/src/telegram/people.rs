//! What customers and staff can do in their Telegram apps.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What kind of file a customer sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// A picture.
    Photo,
    /// A voice note.
    Voice,
    /// Music.
    Audio,
    /// A film.
    Video,
    /// A round film.
    VideoNote,
    /// A moving picture.
    Animation,
    /// Any file.
    Document,
    /// A sticker.
    Sticker,
}

impl FileKind {
    /// The field of a message, a usual name and a usual type.
    pub(crate) fn field(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Photo => ("photo", "photo.jpg", "image/jpeg"),
            Self::Voice => ("voice", "voice.oga", "audio/ogg"),
            Self::Audio => ("audio", "audio.mp3", "audio/mpeg"),
            Self::Video => ("video", "video.mp4", "video/mp4"),
            Self::VideoNote => ("video_note", "note.mp4", "video/mp4"),
            Self::Animation => ("animation", "animation.mp4", "video/mp4"),
            Self::Document => ("document", "document.pdf", "application/pdf"),
            Self::Sticker => ("sticker", "sticker.webp", "image/webp"),
        }
    }
}

/// A message over a business account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BusinessText {
    /// The connection's id; it is made when it is new.
    pub connection: String,
    /// The customer.
    pub chat: i64,
    /// What is written.
    pub text: String,
    /// Whether the owner of the account wrote it, not the customer.
    #[serde(default)]
    pub from_owner: bool,
}

/// One thing somebody does.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum TelegramAction {
    /// Somebody exists who has not started the bot.
    Exists {
        /// The person.
        chat: i64,
    },
    /// A customer writes; `/start` and other commands are marked as such.
    Writes {
        /// The customer.
        chat: i64,
        /// What.
        text: String,
        /// The message it replies to.
        #[serde(default)]
        reply_to: Option<i64>,
        /// When, if not now (seconds since 1970).
        #[serde(default)]
        at: Option<i64>,
    },
    /// A customer presses an inline button.
    Presses {
        /// The customer, or the group.
        chat: i64,
        /// The data of the button, or its title.
        button: String,
        /// The message; without it, the last one that has the button.
        #[serde(default)]
        message_id: Option<i64>,
        /// Sends data no message offers, as a modified app can.
        #[serde(default)]
        forged: bool,
        /// The message is too old for the bot to see.
        #[serde(default)]
        inaccessible: bool,
    },
    /// A customer shares a phone number.
    SharesContact {
        /// The customer.
        chat: i64,
        /// The number, with or without `+`.
        phone: String,
        /// Whether it is somebody else's card.
        #[serde(default)]
        foreign: bool,
    },
    /// A customer sends a file.
    Sends {
        /// The customer.
        chat: i64,
        /// What kind.
        kind: FileKind,
        /// A text with it.
        #[serde(default)]
        caption: Option<String>,
        /// The name of the file.
        #[serde(default)]
        file_name: Option<String>,
        /// What is in it.
        #[serde(default)]
        content: Option<String>,
        /// A pretended size.
        #[serde(default)]
        size: Option<u64>,
    },
    /// A customer sends several pictures at once.
    SendsAlbum {
        /// The customer.
        chat: i64,
        /// How many.
        count: u8,
        /// A text with the first.
        #[serde(default)]
        caption: Option<String>,
    },
    /// A customer sends a place.
    SendsLocation {
        /// The customer.
        chat: i64,
        /// North.
        latitude: f64,
        /// East.
        longitude: f64,
    },
    /// Somebody edits an own message.
    Edits {
        /// The chat.
        chat: i64,
        /// The message.
        message_id: i64,
        /// The new text.
        text: String,
    },
    /// A customer blocks the bot.
    Blocks {
        /// The customer.
        chat: i64,
    },
    /// A customer unblocks the bot.
    Unblocks {
        /// The customer.
        chat: i64,
    },
    /// A customer deletes the account.
    Leaves {
        /// The customer.
        chat: i64,
    },
    /// Somebody of the staff writes.
    StaffWrites {
        /// The staff chat.
        chat: i64,
        /// What.
        text: String,
        /// The topic; without it, General.
        #[serde(default)]
        thread: Option<i64>,
        /// The message it replies to.
        #[serde(default)]
        reply_to: Option<i64>,
        /// Who, if not the usual person.
        #[serde(default)]
        from: Option<i64>,
        /// Whether as an anonymous administrator.
        #[serde(default)]
        anonymous: bool,
    },
    /// The staff opens, closes, reopens or deletes a topic.
    StaffTopic {
        /// The staff chat.
        chat: i64,
        /// `open`, `close`, `reopen` or `delete`.
        change: String,
        /// The topic, unless it is opened.
        #[serde(default)]
        thread: Option<i64>,
        /// Its name, when it is opened.
        #[serde(default)]
        name: Option<String>,
    },
    /// A group becomes a supergroup with another id.
    Migrates {
        /// The old id.
        chat: i64,
        /// The new id.
        to: i64,
    },
    /// The bot is thrown out of a group.
    Kicks {
        /// The group.
        chat: i64,
    },
    /// The bot may or may not manage topics.
    LetsManageTopics {
        /// The group.
        chat: i64,
        /// Whether.
        allowed: bool,
    },
    /// A message over a business account.
    Business(BusinessText),
    /// An update as it is; an `update_id` is added where it is missing.
    Raw {
        /// The update.
        update: Value,
    },
}

/// An action, with the bot and the person it is about.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TelegramRequest {
    /// The bot's name; without it, the first bot.
    #[serde(default)]
    pub bot: Option<String>,
    /// The first name of the person, if it is to differ.
    #[serde(default)]
    pub name: Option<String>,
    /// The user name of the person.
    #[serde(default)]
    pub username: Option<String>,
    /// What happens.
    #[serde(flatten)]
    pub action: TelegramAction,
}

impl From<TelegramAction> for TelegramRequest {
    fn from(action: TelegramAction) -> Self {
        Self {
            bot: None,
            name: None,
            username: None,
            action,
        }
    }
}
