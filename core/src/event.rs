//! One line of the journal.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::message::{ConversationId, Profile};

/// What an inbound tells about the person in a conversation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Seen {
    /// Which conversation.
    pub conversation: ConversationId,
    /// When the customer did it.
    pub at: DateTime<Utc>,
    /// Whether it was a message of the customer, which opens a messaging window.
    pub wrote: bool,
    /// What the channel told.
    pub profile: Profile,
    /// `false` once the customer has blocked us, `true` once back.
    pub reachable: Option<bool>,
    /// `false` once the customer wants no advertising.
    pub advertising: Option<bool>,
}

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A customer's message was taken into a turn.
    Inbound,
    /// The bot decided.
    Turn,
    /// A message was claimed, sent, refused or fenced.
    Outbound,
    /// The provider told how far a message got.
    Delivery,
    /// The bot called a person.
    Handoff,
    /// A person took the conversation.
    Takeover,
    /// A person gave it back.
    Handback,
    /// A reply waits for approval.
    Draft,
    /// A visit was booked, moved, cancelled, …
    Booking,
    /// A reminder was planned or sent.
    Reminder,
    /// The CRM was told.
    Lead,
    /// The customer agreed to the processing of data.
    Consent,
    /// The customer wants no (or again) messages.
    Optout,
    /// The customer rated us.
    Rating,
    /// About the program itself.
    System,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 15] = [
        Self::Inbound,
        Self::Turn,
        Self::Outbound,
        Self::Delivery,
        Self::Handoff,
        Self::Takeover,
        Self::Handback,
        Self::Draft,
        Self::Booking,
        Self::Reminder,
        Self::Lead,
        Self::Consent,
        Self::Optout,
        Self::Rating,
        Self::System,
    ];

    /// The name in the journal.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Turn => "turn",
            Self::Outbound => "outbound",
            Self::Delivery => "delivery",
            Self::Handoff => "handoff",
            Self::Takeover => "takeover",
            Self::Handback => "handback",
            Self::Draft => "draft",
            Self::Booking => "booking",
            Self::Reminder => "reminder",
            Self::Lead => "lead",
            Self::Consent => "consent",
            Self::Optout => "optout",
            Self::Rating => "rating",
            Self::System => "system",
        }
    }
}

/// The customer, as the journal shows them until the retention period is over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// In E.164, where known.
    pub phone: Option<String>,
    /// As the messenger shows it.
    pub name: Option<String>,
}

/// One line of the journal. Every key is always there, `null` when empty.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// UUID v5 of its cause: a repeat is the same event.
    pub event_id: Uuid,
    /// When, with offset.
    pub timestamp: DateTime<Utc>,
    /// What it is about.
    pub kind: Kind,
    /// The turn.
    pub turn_id: Option<Uuid>,
    /// Native ids of the inbound messages of the turn.
    pub inbound_ids: Option<Vec<String>>,
    /// Our id of a message that we sent.
    pub outbound_id: Option<Uuid>,
    /// The provider's id of it.
    pub provider_id: Option<String>,
    /// Who may speak: `bot` or `staff`.
    pub owner: Option<String>,
    /// The epoch of that.
    pub epoch: Option<i64>,
    /// Which person of the firm.
    pub staff_id: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// The provider's error code.
    pub error_code: Option<String>,
    /// `telegram`, `whatsapp`, `webchat`, …
    pub channel: Option<String>,
    /// The bot, number or widget.
    pub account: Option<String>,
    /// Which conversation.
    pub conversation_id: Option<ConversationId>,
    /// The dialogue session.
    pub session_id: Option<String>,
    /// The person.
    pub customer_id: Option<String>,
    /// The person, in words.
    pub client: Option<Client>,
    /// What the customer wants.
    pub intent: Option<String>,
    /// How sure we are, 0 to 1.
    pub confidence: Option<f64>,
    /// `positive`, `neutral`, `negative`.
    pub sentiment: Option<String>,
    /// What the customer wrote.
    pub customer_text: Option<String>,
    /// What the bot answered.
    pub bot_response: Option<String>,
    /// What the answer rests on: ids of knowledge entries and tool receipts; of a message, where the customer came from.
    pub sources: Option<Value>,
    /// `none`, `create_lead`, `create_booking`, `send_reminder`, `handoff`, `draft`, …
    pub action: Option<String>,
    /// The CRM's id.
    pub crm_id: Option<String>,
    /// The booking's id.
    pub booking_id: Option<String>,
    /// The language model.
    pub model: Option<String>,
    /// The version of its prompt.
    pub prompt_version: Option<String>,
    /// What was tried and really used, separated by commas: arms of experiments as `experiment:arm`, and the version
    /// of a prompt where customers get different ones.
    pub variant: Option<String>,
    /// Tokens used.
    pub tokens: Option<i64>,
    /// What they cost, in the currency of the configured prices.
    pub cost: Option<f64>,
    /// From the first inbound of the turn to the decision, or of the provider call.
    pub latency_ms: Option<i64>,
    /// How it ended: `sent`, `fenced`, `failed`, `delivered`, `read`, …
    pub outcome: Option<String>,
    /// The trace.
    pub trace_id: Option<String>,
}

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Event({}, {})", self.kind.name(), self.event_id)
    }
}

impl Event {
    /// An event with nothing but its id, time and kind.
    pub fn new(event_id: Uuid, kind: Kind, timestamp: DateTime<Utc>) -> Self {
        Self {
            event_id,
            timestamp,
            kind,
            turn_id: None,
            inbound_ids: None,
            outbound_id: None,
            provider_id: None,
            owner: None,
            epoch: None,
            staff_id: None,
            reason: None,
            error_code: None,
            channel: None,
            account: None,
            conversation_id: None,
            session_id: None,
            customer_id: None,
            client: None,
            intent: None,
            confidence: None,
            sentiment: None,
            customer_text: None,
            bot_response: None,
            sources: None,
            action: None,
            crm_id: None,
            booking_id: None,
            model: None,
            prompt_version: None,
            variant: None,
            tokens: None,
            cost: None,
            latency_ms: None,
            outcome: None,
            trace_id: None,
        }
    }

    /// What is left for figures once the person is erased: nothing that was said, no name, phone or id of
    /// a messenger or the CRM. What is new in an event is not among it until it is named here.
    #[must_use]
    pub fn without_person(self, pseudonym: Option<ConversationId>) -> Self {
        // Elsewhere a reason can be words of a person or of a provider.
        let ours = matches!(self.kind, Kind::Turn | Kind::Reminder);
        let counted = ours || self.kind == Kind::Booking;
        let bare = Self::new(self.event_id, self.kind, self.timestamp);
        Self {
            turn_id: self.turn_id,
            outbound_id: self.outbound_id,
            owner: self.owner,
            epoch: self.epoch,
            staff_id: self.staff_id,
            reason: self.reason.filter(|_| ours),
            error_code: self.error_code,
            channel: self.channel,
            account: self.account,
            conversation_id: pseudonym,
            intent: self.intent,
            confidence: self.confidence,
            sentiment: self.sentiment,
            sources: self.sources.filter(|_| counted),
            action: self.action,
            booking_id: self.booking_id,
            model: self.model,
            prompt_version: self.prompt_version,
            variant: self.variant,
            tokens: self.tokens,
            cost: self.cost,
            latency_ms: self.latency_ms,
            outcome: self.outcome,
            trace_id: self.trace_id,
            ..bare
        }
    }

    /// Names the conversation, and with it channel and account.
    #[must_use]
    pub fn about(mut self, conversation: &ConversationId) -> Self {
        self.channel = Some(conversation.channel().to_owned());
        self.account = Some(conversation.account().to_owned());
        self.conversation_id = Some(conversation.clone());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_format_is_there_and_null_when_empty() {
        let event = Event::new(Uuid::nil(), Kind::Turn, DateTime::default());

        let json = serde_json::to_value(&event).unwrap();

        let keys = "event_id timestamp kind turn_id inbound_ids outbound_id provider_id owner epoch \
            staff_id reason error_code channel account conversation_id session_id customer_id client \
            intent confidence sentiment customer_text bot_response sources action crm_id booking_id \
            model prompt_version variant tokens cost latency_ms outcome trace_id";
        for key in keys.split_whitespace() {
            assert!(json.get(key).is_some(), "{key}");
        }
        assert_eq!(
            json.as_object().unwrap().len(),
            keys.split_whitespace().count()
        );
    }
}
