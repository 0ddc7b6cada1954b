//! What travels through the queue: a customer's message coming in, a message to send.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::board::Board;
use crate::trace::TraceParent;

/// `{channel}:{account}:{peer}`, the unit of order. `Debug` masks the peer.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ConversationId(Arc<str>);

/// What is no conversation id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a conversation id has the form channel:account:peer, with a peer of 1 to 200 characters")]
pub struct BadConversationId;

impl ConversationId {
    /// Puts one together. Channel and account are names of the configuration; the peer is the
    /// other side's native id and comes from outside.
    pub fn new(channel: &str, account: &str, peer: &str) -> Result<Self, BadConversationId> {
        let name = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        };
        let usable = name(channel)
            && name(account)
            && (1..=200).contains(&peer.chars().count())
            && !peer.chars().any(char::is_control);
        if !usable {
            return Err(BadConversationId);
        }
        Ok(Self(format!("{channel}:{account}:{peer}").into()))
    }

    /// In whose name a time is kept free that is offered to somebody on the waiting list.
    pub fn of_waiting(entry: Uuid) -> Self {
        Self(format!("waiting:list:{entry}").into())
    }

    /// `telegram`, `whatsapp`, `webchat`, …
    pub fn channel(&self) -> &str {
        self.part(0)
    }

    /// The bot, number or site widget on the channel.
    pub fn account(&self) -> &str {
        self.part(1)
    }

    /// Channel and account, as `channel:account`.
    pub fn door(&self) -> String {
        format!("{}:{}", self.channel(), self.account())
    }

    /// The other side's native id on the account.
    pub fn peer(&self) -> &str {
        self.part(2)
    }

    /// The whole id. It can hold a phone number: not for logs.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn part(&self, n: usize) -> &str {
        self.0.splitn(3, ':').nth(n).unwrap_or_default()
    }
}

impl std::str::FromStr for ConversationId {
    type Err = BadConversationId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, ':');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(channel), Some(account), Some(peer)) => Self::new(channel, account, peer),
            _ => Err(BadConversationId),
        }
    }
}

impl TryFrom<String> for ConversationId {
    type Error = BadConversationId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ConversationId> for String {
    fn from(id: ConversationId) -> Self {
        id.as_str().to_owned()
    }
}

impl fmt::Debug for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}",
            self.channel(),
            self.account(),
            tail(self.peer())
        )
    }
}

/// The last two characters of an id, enough to tell neighbours apart in a log; nothing of a short one.
pub fn tail(id: &str) -> String {
    let count = id.chars().count();
    let shown = if count < 4 { 0 } else { 2 };
    let end: String = id.chars().skip(count - shown).collect();
    format!("…{end}")
}

/// A key of the queue as a trace or a list may show it: most are conversation ids, some are empty.
pub fn masked(key: &str) -> String {
    if key.is_empty() {
        return String::new();
    }
    match key.parse::<ConversationId>() {
        Ok(conversation) => format!("{conversation:?}"),
        Err(_) => tail(key),
    }
}

/// Something a customer did, as a channel understood it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Inbound {
    /// The channel's native id of it, unique on the account: what makes a repeat recognisable.
    pub id: String,
    /// Where it happened.
    pub conversation: ConversationId,
    /// The provider's time; `received_at` where there is none or it is unbelievable.
    pub at: DateTime<Utc>,
    /// When the gateway took it.
    pub received_at: DateTime<Utc>,
    /// What the channel told about the person.
    #[serde(default)]
    pub profile: Profile,
    /// What happened.
    pub what: What,
    /// The item as the provider sent it, so that nothing we do not read is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Box<RawValue>>,
    /// The trace it belongs to.
    pub trace: TraceParent,
}

impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inbound({:?}, {})", self.conversation, self.what.name())
    }
}

/// What a channel tells about a person. Everything is optional; a WhatsApp customer may have no phone.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// The name shown in the messenger.
    pub name: Option<String>,
    /// The public user name, without `@`.
    pub username: Option<String>,
    /// The language of the app, e.g. `ru`.
    pub language: Option<String>,
    /// A phone that the channel itself vouches for, in E.164 with `+`.
    pub phone: Option<String>,
    /// Where the customer came from (deep link payload, click-to-WhatsApp ad, page), for the lead.
    pub source: Option<serde_json::Value>,
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Profile(…)")
    }
}

/// What happened in a conversation.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum What {
    /// Wrote text.
    Text {
        /// As written.
        text: String,
    },
    /// Pressed a button of ours.
    Press {
        /// What the button carries.
        payload: String,
        /// What the button says, where the channel tells.
        title: Option<String>,
    },
    /// Gave a command such as `/start payload` or `/help`.
    Command {
        /// Without the slash and the bot's name, lower case.
        name: String,
        /// What followed it; for `start` the deep link's payload.
        args: String,
    },
    /// Sent files, pictures or voice. Bytes stay at the provider.
    Media {
        /// By reference.
        attachments: Vec<Attachment>,
        /// The text that came along.
        caption: Option<String>,
        /// Items of one album share it; a turn takes them as one message.
        group: Option<String>,
    },
    /// Shared a contact.
    Contact {
        /// Digits with or without `+`, where the card has a phone.
        phone: Option<String>,
        /// The name on the card.
        name: Option<String>,
        /// The customer's own number, vouched for by the channel, and not somebody else's card.
        own: bool,
    },
    /// Shared a place.
    Location {
        /// Degrees.
        latitude: f64,
        /// Degrees.
        longitude: f64,
        /// What the place is called.
        name: Option<String>,
    },
    /// Changed an earlier message.
    Edited {
        /// The native id of that message.
        original: String,
        /// The new text, where it has one.
        text: Option<String>,
    },
    /// Deleted earlier messages.
    Deleted {
        /// Their native ids.
        originals: Vec<String>,
    },
    /// Put an emoji under a message, or took it away.
    Reaction {
        /// The native id of that message.
        target: String,
        /// Nothing when it was taken away.
        emoji: Option<String>,
    },
    /// Agreed to the processing of personal data.
    Consent {
        /// The version of the text that was shown.
        version: String,
    },
    /// Blocked the bot.
    Blocked,
    /// Came back after blocking.
    Unblocked,
    /// Does not want advertising (`stop`) or wants it again.
    Advertising {
        /// Whether it is wanted.
        wanted: bool,
    },
    /// Something without text that a person would expect an answer to: "please write".
    Unreadable {
        /// What the provider calls it.
        kind: String,
    },
    /// Something to record and not to answer (system notice, new number, unknown kind).
    Notice {
        /// What the provider calls it.
        kind: String,
        /// What to show to staff.
        text: Option<String>,
    },
    /// A person of the firm wrote to the customer, by the staff chat or from the phone.
    Staff {
        /// Who, as the channel names them.
        who: String,
        /// What was written.
        text: Option<String>,
        /// Whether the customer has it already (written on the phone) or we send it.
        delivered: bool,
    },
    /// A person of the firm gave the conversation back to the bot.
    Handback {
        /// Who.
        who: String,
    },
    /// A reply that waited for approval was decided on.
    Draft(Box<DraftDecided>),
    /// A person of the firm decided whether the bot may remember an answer.
    Lesson {
        /// Which.
        id: Uuid,
        /// Whether it may.
        accepted: bool,
        /// Who.
        who: String,
    },
    /// A person of the firm left a note that only the firm sees.
    Note {
        /// Who.
        who: String,
        /// What.
        text: String,
    },
}

/// What became of a reply that waited for approval.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftDecided {
    /// Which: the id of the outbound message that it would be.
    pub id: Uuid,
    /// What became of it.
    pub verdict: Verdict,
    /// Who decided; nobody where time did.
    pub who: Option<String>,
    /// Why it was rejected.
    pub reason: Option<String>,
    /// What was asked.
    pub question: String,
    /// What the customer gets, or would have got.
    pub text: String,
    /// The intent it answers.
    pub intent: Option<String>,
}

impl DraftDecided {
    /// Whether the customer is left without an answer.
    pub fn is_refused(&self) -> bool {
        matches!(self.verdict, Verdict::Rejected | Verdict::Expired)
    }
}

/// What becomes of a reply that waits for approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Sent as it was.
    Sent,
    /// Sent in the words of a person.
    Edited,
    /// Not sent.
    Rejected,
    /// Nobody decided in time.
    Expired,
    /// A person spoke to the customer instead.
    Superseded,
}

impl Verdict {
    /// The name in the store and the journal.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Edited => "edited",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
        }
    }
}

impl What {
    /// A short name for logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Press { .. } => "press",
            Self::Command { .. } => "command",
            Self::Media { .. } => "media",
            Self::Contact { .. } => "contact",
            Self::Location { .. } => "location",
            Self::Edited { .. } => "edited",
            Self::Deleted { .. } => "deleted",
            Self::Reaction { .. } => "reaction",
            Self::Consent { .. } => "consent",
            Self::Blocked => "blocked",
            Self::Unblocked => "unblocked",
            Self::Advertising { .. } => "advertising",
            Self::Unreadable { .. } => "unreadable",
            Self::Notice { .. } => "notice",
            Self::Staff { .. } => "staff",
            Self::Handback { .. } => "handback",
            Self::Draft(_) => "draft",
            Self::Lesson { .. } => "lesson",
            Self::Note { .. } => "note",
        }
    }

    /// Whether the customer wants nothing more, and says nothing else: what is on its way to them is
    /// stopped on arrival of this. What is said in more words is understood later.
    pub fn is_stop(&self) -> bool {
        match self {
            Self::Blocked => true,
            Self::Command { name, .. } => name == "stop",
            Self::Text { text } => {
                let word = text
                    .trim_matches(|c: char| !c.is_alphabetic())
                    .to_lowercase();
                is_stop_word(&word)
            }
            _ => false,
        }
    }

    /// Whether the customer expects an answer to it.
    pub fn expects_answer(&self) -> bool {
        matches!(
            self,
            Self::Text { .. }
                | Self::Press { .. }
                | Self::Command { .. }
                | Self::Media { .. }
                | Self::Contact { .. }
                | Self::Location { .. }
                | Self::Unreadable { .. }
        )
    }
}

/// Whether a lower-case word by itself asks for no more messages.
pub fn is_stop_word(word: &str) -> bool {
    matches!(
        word,
        "стоп" | "stop" | "отписаться" | "отпишите" | "unsubscribe" | "отписка"
    )
}

impl fmt::Debug for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A file at the provider.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// `image`, `video`, `audio`, `voice`, `document`, `sticker`, …
    pub kind: String,
    /// The provider's id of the file.
    pub file_id: String,
    /// Where the provider tells it.
    pub mime: Option<String>,
    /// As the customer named it: never a path of ours.
    pub name: Option<String>,
    /// Bytes, where the provider tells.
    pub size: Option<u64>,
}

/// One message to send.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Outbound {
    /// Deterministic: the same cause gives the same id (see [`crate::ids`]).
    pub id: Uuid,
    /// To whom.
    pub conversation: ConversationId,
    /// The turn that made it.
    pub turn: Option<Uuid>,
    /// Native ids of the inbound messages that it answers.
    pub answers: Vec<String>,
    /// What can stop it before it leaves.
    pub fence: Fence,
    /// What to send.
    pub content: Content,
    /// The customer's language, `ru` or `en`.
    pub language: String,
    /// What it is for, where a template may replace it once a messaging window is closed.
    pub purpose: Option<Purpose>,
    /// When the customer last wrote, as far as the maker knew: opens WhatsApp's 24 h window.
    pub customer_wrote_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// The trace it belongs to.
    pub trace: TraceParent,
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outbound({}, {:?})", self.id, self.conversation)
    }
}

impl Outbound {
    /// What the firm says to a customer through a person: nothing stops it.
    pub fn by_staff(
        id: Uuid,
        to: ConversationId,
        text: &str,
        who: Option<&str>,
        at: DateTime<Utc>,
    ) -> Self {
        let content = Content::Message {
            text: text.to_owned(),
            buttons: Vec::new(),
            staff: who.map(str::to_owned),
        };
        Self::unfenced(id, to, content, at)
    }

    /// That a person of the firm is writing to a customer.
    pub fn staff_types(id: Uuid, to: ConversationId, at: DateTime<Utc>) -> Self {
        Self::unfenced(id, to, Content::Typing { inbound: None }, at)
    }

    fn unfenced(id: Uuid, to: ConversationId, content: Content, at: DateTime<Utc>) -> Self {
        Self {
            id,
            conversation: to,
            turn: None,
            answers: Vec::new(),
            fence: Fence::Staff,
            content,
            language: "ru".to_owned(),
            purpose: None,
            customer_wrote_at: None,
            at,
            trace: TraceParent::start(),
        }
    }
}

/// Which check an outbound message must pass right before it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Fence {
    /// The bot still owns the conversation, in this epoch.
    Reply {
        /// The epoch that the turn saw.
        epoch: i64,
    },
    /// Made by a change of ownership itself: the epoch is still this one, whoever owns it.
    Notice {
        /// The epoch that the change made.
        epoch: i64,
    },
    /// The booking still has this version, and it is not too late.
    Reminder {
        /// Which booking.
        booking: String,
        /// The version that it reminds of.
        version: i64,
        /// From then on it does not leave: the visit has begun, or quiet hours have.
        #[serde(default)]
        until: Option<DateTime<Utc>>,
    },
    /// The time is still offered with this message, it can still be taken, and the bot owns the conversation.
    Offer {
        /// The entry of the waiting list.
        waiting: Uuid,
        /// From then on it does not leave.
        until: DateTime<Utc>,
    },
    /// Written by a person, or to the staff: nothing stops it.
    Staff,
}

/// A template's purpose (a key of `[channels.whatsapp.templates]`) and its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purpose {
    /// E.g. `reminder`.
    pub name: String,
    /// In the template's order.
    pub parameters: Vec<String>,
}

/// What to send.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Content {
    /// A message. The text is plain; `**…**` around words makes them bold where a channel can.
    Message {
        /// What it says.
        text: String,
        /// Quick replies; a channel that cannot show them lists the titles in the text.
        #[serde(default)]
        buttons: Vec<Button>,
        /// Who speaks, where it is a person of the firm.
        #[serde(default)]
        staff: Option<String>,
    },
    /// "typing…", and on WhatsApp also the read mark. Worth sending for a few seconds only.
    Typing {
        /// The native id of the message being answered by the bot; nothing where a person of the firm writes.
        inbound: Option<String>,
    },
    /// To the staff chat: this conversation needs a person.
    Card(Box<StaffCard>),
    /// To the staff chat: what was said in a conversation, in its topic or thread.
    Relay {
        /// Whose conversation.
        about: ConversationId,
        /// How the customer is called.
        name: String,
        /// Who said it.
        from: Author,
        /// What was said.
        text: String,
    },
    /// To the staff chat: may this be sent?
    Draft(Box<DraftCard>),
    /// To the staff chat: may the bot remember this answer?
    Lesson(Box<LessonCard>),
    /// To the staff chat: something of the appointment book.
    Board(Box<Board>),
}

impl Content {
    /// Whose conversation the staff is told of.
    pub fn about(&self) -> Option<&ConversationId> {
        match self {
            Self::Card(card) => Some(&card.about),
            Self::Relay { about, .. } => Some(about),
            Self::Draft(card) => Some(&card.about),
            Self::Lesson(card) => Some(&card.about),
            Self::Message { .. } | Self::Typing { .. } | Self::Board(_) => None,
        }
    }
}

/// A quick reply.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    /// What it says.
    pub title: String,
    /// What comes back when it is pressed.
    pub payload: String,
}

impl fmt::Debug for Button {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Button({})", self.payload)
    }
}

/// Who said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// The customer.
    Customer,
    /// The bot.
    Bot,
    /// A person of the firm.
    Staff,
}

/// An escalation as the staff sees it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct StaffCard {
    /// Whose conversation.
    pub about: ConversationId,
    /// How the customer is called.
    pub name: String,
    /// Where the phone is known.
    pub phone: Option<String>,
    /// Why a person is needed, in words.
    pub reason: String,
    /// The last lines of the conversation, oldest first.
    pub transcript: Vec<Line>,
    /// What the knowledge base offered, with sources; for the person who answers.
    pub hints: Vec<String>,
    /// First call, a reminder, or the call to the owner.
    pub urgency: Urgency,
}

impl fmt::Debug for StaffCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StaffCard({:?}, {:?})", self.about, self.urgency)
    }
}

/// A reply that waits for approval, as the staff sees it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct DraftCard {
    /// Which: the id of the outbound message that it would be.
    pub id: Uuid,
    /// Whose conversation.
    pub about: ConversationId,
    /// How the customer is called.
    pub name: String,
    /// What was asked.
    pub question: String,
    /// What the customer would get.
    pub text: String,
    /// Its quick replies.
    pub buttons: Vec<Button>,
    /// The customer's language, `ru` or `en`.
    pub language: String,
    /// The intent it answers.
    pub intent: Option<String>,
    /// How sure the bot is, 0 to 1.
    pub confidence: Option<f64>,
    /// What it rests on, in words.
    pub sources: Vec<String>,
    /// After so many minutes the customer is told that a person will answer.
    pub minutes: u32,
}

impl DraftCard {
    /// The reply that a person let through: the bot's own words, and nothing stops them any more.
    pub fn approved(&self, at: DateTime<Utc>) -> Outbound {
        let to = self.about.clone();
        Outbound {
            content: Content::Message {
                text: self.text.clone(),
                buttons: self.buttons.clone(),
                staff: None,
            },
            language: self.language.clone(),
            ..Outbound::by_staff(self.id, to, "", None, at)
        }
    }

    /// What was decided about it, by whom and why.
    pub fn decided(
        &self,
        verdict: Verdict,
        who: Option<&str>,
        reason: Option<&str>,
    ) -> DraftDecided {
        DraftDecided {
            id: self.id,
            verdict,
            who: who.map(str::to_owned),
            reason: reason.map(str::to_owned),
            question: self.question.clone(),
            text: self.text.clone(),
            intent: self.intent.clone(),
        }
    }
}

impl fmt::Debug for DraftCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DraftCard({:?}, {})", self.about, self.id)
    }
}

/// An answer of a person that the bot could give the next time.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LessonCard {
    /// Which.
    pub id: Uuid,
    /// Whose conversation it comes from.
    pub about: ConversationId,
    /// How that customer is called.
    pub name: String,
    /// What was asked.
    pub question: String,
    /// What was answered.
    pub answer: String,
    /// Who answered.
    pub who: String,
}

impl fmt::Debug for LessonCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LessonCard({:?}, {})", self.about, self.id)
    }
}

/// How far an escalation has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// A person is needed.
    First,
    /// Nobody has answered for some minutes.
    Reminder,
    /// Still nobody: the owner is called.
    Owner,
}

/// One line of a transcript.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Who said it.
    pub from: Author,
    /// What was said.
    pub text: String,
    /// When.
    pub at: DateTime<Utc>,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Line({:?})", self.from)
    }
}

/// What a provider told about a message that we sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryReport {
    /// The account it was sent from, as `channel:account`.
    pub account: String,
    /// The provider's id of our message.
    pub provider_id: String,
    /// Our id, where the provider gives it back (`biz_opaque_callback_data`).
    pub outbound_id: Option<Uuid>,
    /// How far it got.
    pub status: DeliveryStatus,
    /// The provider's error code and words, when it failed.
    pub error: Option<ProviderError>,
    /// The provider's time.
    pub at: DateTime<Utc>,
}

/// How far a message got; the order is the order of progress, `Failed` above all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// The provider took it. It is not delivery.
    Sent,
    /// It is on the customer's device.
    Delivered,
    /// The customer opened it.
    Read,
    /// It will not arrive.
    Failed,
}

/// What a provider said when it refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderError {
    /// The provider's code, e.g. `131047` or `403`.
    pub code: String,
    /// The provider's words, without tokens and addresses.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_id_keeps_colons_of_the_peer_and_hides_it_in_logs() {
        let id: ConversationId = "whatsapp:main:RU.1:79001234567".parse().unwrap();

        assert_eq!(id.peer(), "RU.1:79001234567");
        assert_eq!(format!("{id:?}"), "whatsapp:main:…67");
        assert_eq!(
            format!(
                "{:?}",
                ConversationId::new("telegram", "main", "7").unwrap()
            ),
            "telegram:main:…"
        );
    }

    #[test]
    fn what_cannot_be_a_key_is_refused() {
        for text in [
            "",
            "telegram",
            "telegram:main",
            "telegram:main:",
            "a b:main:1",
            "telegram:main:1\n",
        ] {
            assert_eq!(
                text.parse::<ConversationId>(),
                Err(BadConversationId),
                "{text:?}"
            );
        }
    }

    #[test]
    fn an_inbound_survives_the_queue_with_its_raw_item() {
        let inbound = Inbound {
            id: "5".into(),
            conversation: "telegram:main:1".parse().unwrap(),
            at: DateTime::from_timestamp(1, 0).unwrap(),
            received_at: DateTime::from_timestamp(2, 0).unwrap(),
            profile: Profile::default(),
            what: What::Text {
                text: "Привет 👋".into(),
            },
            raw: Some(RawValue::from_string(r#"{"update_id": 5}"#.into()).unwrap()),
            trace: TraceParent::start(),
        };

        let back: Inbound = serde_json::from_slice(&serde_json::to_vec(&inbound).unwrap()).unwrap();

        assert_eq!(back.what, inbound.what);
        assert_eq!(back.raw.unwrap().get(), r#"{"update_id": 5}"#);
    }
}
