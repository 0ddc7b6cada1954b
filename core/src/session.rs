//! The short-lived state of a conversation: what the dialogue needs to go on, which inbound ids were
//! handled, and the outbox of the last turn. They are committed together (see [`crate::sessions`]).

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::broker::{Publish, Topic};
use crate::event::{Event, Seen};
use crate::files::SentFile;
use crate::message::Line;
use crate::trace::TraceParent;

/// How many lines of the conversation are kept for the staff's card and for language models.
const TRANSCRIPT: usize = 30;

/// The most `seen` ids kept in any case, so that a flood cannot grow a session without bound.
const SEEN_AT_MOST: usize = 2_000;

/// The session of a conversation.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Session {
    /// Native ids of handled inbound messages and when they were handled.
    pub seen: Vec<(String, DateTime<Utc>)>,
    /// What the last turn decided. It stays until it is known to be published.
    pub outbox: Outbox,
    /// The turn that the outbox belongs to, once that outbox is known to be published.
    pub published: Option<Uuid>,
    /// The turn that the outbox belongs to.
    pub turn: Option<Uuid>,
    /// The newest lines of the conversation, oldest first.
    pub transcript: Vec<Line>,
    /// When the staff was called and nobody has answered since: what the customer and the bot say
    /// is shown at the desk meanwhile.
    pub called_staff: Option<DateTime<Utc>>,
    /// A phone that the customer shared, as the channel gave it.
    pub phone: Option<String>,
    /// What the bot could not answer: the words of the person who does can be learnt from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unanswered: Option<String>,
    /// The dialogue's own state, as JSON of its type.
    pub dialogue: Value,
}

/// What a turn decided: messages for the queue, lines for the journal.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Outbox {
    /// For the queue.
    pub messages: Vec<Outgoing>,
    /// For the journal.
    #[serde(serialize_with = "without_empty_keys")]
    pub events: Vec<Event>,
    /// What became known of persons.
    pub news: Vec<Seen>,
    /// Files that came.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<SentFile>,
}

/// Most keys of an event are empty, and a session is written as a whole with every turn.
fn without_empty_keys<S: Serializer>(events: &[Event], to: S) -> Result<S::Ok, S::Error> {
    let mut all = serde_json::to_value(events).map_err(S::Error::custom)?;
    for event in all.as_array_mut().into_iter().flatten() {
        if let Some(keys) = event.as_object_mut() {
            keys.retain(|_, value| !value.is_null());
        }
    }
    all.serialize(to)
}

/// A message that a turn decided to publish.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outgoing {
    /// The topic's name.
    pub topic: String,
    /// The key of the message in the queue.
    pub key: String,
    /// The id of the message in the queue.
    pub id: String,
    /// JSON, as the queue takes it.
    pub body: Box<RawValue>,
    /// The trace it belongs to.
    pub trace: TraceParent,
}

impl From<Publish> for Outgoing {
    fn from(message: Publish) -> Self {
        Self {
            topic: message.topic.as_str().to_owned(),
            key: message.key,
            id: message.id,
            // Made by our own serialiser, so it is JSON.
            body: serde_json::from_slice(&message.body)
                .unwrap_or_else(|_| RawValue::NULL.to_owned()),
            trace: message.trace,
        }
    }
}

impl Outgoing {
    /// As the queue takes it.
    pub fn to_publish(&self) -> Publish {
        Publish {
            topic: Topic::named(&self.topic),
            key: self.key.clone(),
            id: self.id.clone(),
            body: Bytes::from(self.body.get().to_owned()),
            trace: self.trace.clone(),
        }
    }
}

impl Session {
    /// Whether an inbound was handled.
    pub fn has_seen(&self, id: &str) -> bool {
        self.seen.iter().any(|(seen, _)| seen == id)
    }

    /// The outbox, if it may not be published yet.
    pub fn unpublished(&self) -> Option<&Outbox> {
        (self.turn.is_some() && self.published != self.turn).then_some(&self.outbox)
    }

    /// Notes that the outbox is published; it rides on the next commit.
    pub fn mark_published(&mut self) {
        self.published = self.turn;
    }

    /// Ends a turn: its inbound ids enter `seen` together and its outbox replaces the last one,
    /// which must be published by now.
    pub fn finish_turn(
        &mut self,
        turn: Uuid,
        inbound: impl IntoIterator<Item = String>,
        outbox: Outbox,
        now: DateTime<Utc>,
        remember: TimeDelta,
    ) {
        debug_assert!(
            self.unpublished().is_none(),
            "a commit never drops an unpublished outbox"
        );
        self.seen.retain(|(_, at)| *at + remember > now);
        self.seen.extend(inbound.into_iter().map(|id| (id, now)));
        let surplus = self.seen.len().saturating_sub(SEEN_AT_MOST);
        self.seen.drain(..surplus);
        self.turn = Some(turn);
        self.outbox = outbox;
        self.published = None;
    }

    /// Adds a line to the transcript.
    pub fn say(&mut self, line: Line) {
        self.transcript.push(line);
        let surplus = self.transcript.len().saturating_sub(TRANSCRIPT);
        self.transcript.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Client, Kind};

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn outbox() -> Outbox {
        let message = Outgoing {
            topic: "outbound.telegram".into(),
            key: "k".into(),
            id: "1".into(),
            body: RawValue::NULL.to_owned(),
            trace: TraceParent::start(),
        };
        Outbox {
            messages: vec![message],
            ..Outbox::default()
        }
    }

    #[test]
    fn an_outbox_stays_until_it_is_known_to_be_published() {
        let mut session = Session::default();
        session.finish_turn(
            Uuid::from_u128(1),
            ["a".into()],
            outbox(),
            at(0),
            TimeDelta::days(7),
        );
        let reloaded: Session =
            serde_json::from_value(serde_json::to_value(&session).unwrap()).unwrap();
        assert_eq!(reloaded.unpublished().unwrap().messages.len(), 1);

        session.mark_published();

        assert!(session.unpublished().is_none());
        assert!(session.has_seen("a"));
    }

    #[test]
    fn events_come_back_as_they_were() {
        let event = Event {
            client: Some(Client::default()),
            tokens: Some(0),
            ..Event::new(Uuid::from_u128(1), Kind::Turn, at(0))
        };
        let outbox = Outbox {
            events: vec![event],
            ..Outbox::default()
        };

        let saved = serde_json::to_string(&outbox).unwrap();

        assert!(!saved.contains("bot_response"), "{saved}");
        let loaded: Outbox = serde_json::from_str(&saved).unwrap();
        assert_eq!(loaded.events, outbox.events);
    }

    #[test]
    fn handled_ids_are_forgotten_after_their_time_only() {
        let mut session = Session::default();
        session.finish_turn(
            Uuid::from_u128(1),
            ["old".into()],
            Outbox::default(),
            at(0),
            TimeDelta::days(1),
        );
        session.mark_published();
        session.finish_turn(
            Uuid::from_u128(2),
            ["new".into()],
            Outbox::default(),
            at(86_399),
            TimeDelta::days(1),
        );
        assert!(session.has_seen("old"));

        session.mark_published();
        session.finish_turn(
            Uuid::from_u128(3),
            [],
            Outbox::default(),
            at(86_400),
            TimeDelta::days(1),
        );

        assert!(!session.has_seen("old"));
        assert!(session.has_seen("new"));
    }
}
