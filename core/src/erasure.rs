//! Erases persons from all engines: the store, the sessions, and the files of embedded ones.
//!
//! The store knows which erasures are begun, so that whoever comes next finishes what a crash left undone.

use bytes::Bytes;
use serde_json::Value;
use uuid::Uuid;

use crate::broker::{Broker, BrokerError};
use crate::clock::Clock;
use crate::crash;
use crate::hush;
use crate::ids;
use crate::message::ConversationId;
use crate::session::{Outbox, Session};
use crate::sessions::{Sessions, SessionsError};
use crate::store::{BookingChange, Change, Changed, Erasure, Person, Status, Store, StoreError};

/// What persons are erased from.
#[derive(Debug, Clone, Copy)]
pub struct Eraser<'a> {
    /// The store.
    pub store: &'a Store,
    /// The sessions.
    pub sessions: &'a dyn Sessions,
    /// The queue, where it has files of ours.
    pub queue: Option<&'a dyn Broker>,
    /// The staff's own groups: the bot remembers there what it told of customers.
    pub desks: &'a [ConversationId],
    /// The time.
    pub clock: &'a Clock,
}

/// Why an erasure is not finished. It goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// The store did not do it.
    #[error("the store was not cleared")]
    Store(#[from] StoreError),
    /// The sessions did not do it.
    #[error("the sessions were not cleared")]
    Sessions(#[from] SessionsError),
    /// The queue did not do it.
    #[error("the queue was not cleared")]
    Queue(#[from] BrokerError),
}

/// What the sessions hold of a person, by conversation.
pub async fn sessions_of(sessions: &dyn Sessions, person: &Person) -> Result<Value, SessionsError> {
    let mut told = serde_json::Map::new();
    for conversation in &person.conversations {
        if let Some(saved) = sessions.load(conversation).await? {
            let body = serde_json::from_slice(&saved.body).unwrap_or_default();
            told.insert(conversation.as_str().to_owned(), body);
        }
    }
    Ok(Value::Object(told))
}

/// How often a visit that others change meanwhile is cancelled.
const TRIES: usize = 5;

/// Whether a text has an id or a name that is not a part of a longer one.
pub(crate) fn stands_in(text: &str, id: &str) -> bool {
    text.match_indices(id).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + id.len()..].chars().next();
        !id.is_empty()
            && !before.is_some_and(char::is_alphanumeric)
            && !after.is_some_and(char::is_alphanumeric)
    })
}

/// Whether a document has one of these names as words of its own.
fn names_one(body: &Value, names: &[String]) -> bool {
    match body {
        Value::String(text) => has_one(text, names),
        Value::Array(parts) => parts.iter().any(|part| names_one(part, names)),
        Value::Object(fields) => fields
            .iter()
            .any(|(key, part)| has_one(key, names) || names_one(part, names)),
        _ => false,
    }
}

fn has_one(text: &str, names: &[String]) -> bool {
    names.iter().any(|name| stands_in(text, name))
}

impl Eraser<'_> {
    /// Finishes whatever is begun; how many erasures that were. One that fails does not stop the others: its
    /// error is told once they are done.
    pub async fn finish(&self) -> Result<usize, EraseError> {
        let open = self.store.open_erasures().await?;
        let (mut done, mut failed) = (Vec::new(), None);
        for erasure in &open {
            match self.clear(erasure).await {
                Ok(()) => done.push(erasure.id),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if !done.is_empty() {
            self.sessions.compact().await?;
            if let Some(queue) = self.queue {
                queue.compact().await?;
            }
            self.store.compact().await?;
        }
        for id in &done {
            self.store.end_erasure(*id, self.clock.now()).await?;
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(done.len()),
        }
    }

    /// All but the files, which are written anew for all together.
    async fn clear(&self, erasure: &Erasure) -> Result<(), EraseError> {
        let mut visits = erasure.visits.clone();
        if let Some(person) = &erasure.person {
            let forgotten = self.forget(person).await?;
            crash::point("erase.forgotten");
            visits = self.store.scrub(erasure.id, person, forgotten).await?;
            crash::point("erase.scrubbed");
            // A turn that was under way may have begun a session anew.
            self.forget(person).await?;
        }
        for visit in visits {
            self.cancel(visit).await?;
        }
        Ok(())
    }

    /// Cancels a visit, which is nobody's by now: whoever follows the book learns no name.
    async fn cancel(&self, visit: Uuid) -> Result<(), StoreError> {
        let Some(mut booking) = self.store.booking(visit).await? else {
            return Ok(());
        };
        for _ in 0..TRIES {
            if !booking.status.is_active() {
                return Ok(());
            }
            let change = BookingChange {
                booking: visit,
                version: booking.version,
                cause: ids::of(visit, "erased", 0),
                who: "erasure".to_owned(),
                conversation: None,
                to: Change::Status(Status::CancelledBySalon),
            };
            match self.store.change_booking(&change, self.clock.now()).await? {
                Changed::Stale(now) if now.version != booking.version => booking = now,
                // It is done, or over.
                _ => return Ok(()),
            }
        }
        Err(StoreError::Refused(
            "a visit changes again and again and cannot be cancelled".into(),
        ))
    }

    /// Forgets her sessions, and what the bot remembers of her in the staff's groups; how many sessions.
    async fn forget(&self, person: &Person) -> Result<u64, EraseError> {
        let mut forgotten = 0;
        for conversation in &person.conversations {
            forgotten += u64::from(self.sessions.load(conversation).await?.is_some());
            self.sessions.forget(conversation).await?;
            hush::forget(self.sessions, conversation).await?;
        }
        let mut names: Vec<String> = self.store.names_of(person).await?.into_iter().collect();
        let phones = person.phones.iter();
        names.extend(phones.map(|phone| phone.trim_start_matches('+').to_owned()));
        names.extend(
            person
                .conversations
                .iter()
                .map(|one| one.as_str().to_owned()),
        );
        for desk in self.desks {
            self.forget_at(desk, &names).await?;
        }
        Ok(forgotten)
    }

    /// Takes open questions and the last answers out of a session that names her; what was handled stays known.
    async fn forget_at(&self, desk: &ConversationId, names: &[String]) -> Result<(), EraseError> {
        let Some(saved) = self.sessions.load(desk).await? else {
            return Ok(());
        };
        let tells_of_her = match serde_json::from_slice(&saved.body) {
            Ok(body) => names_one(&body, names),
            Err(_) => has_one(&String::from_utf8_lossy(&saved.body), names),
        };
        if !tells_of_her {
            return Ok(());
        }
        let Ok(mut session) = serde_json::from_slice::<Session>(&saved.body) else {
            return Ok(self.sessions.forget(desk).await?);
        };
        session.outbox = Outbox::default();
        session.transcript.clear();
        session.dialogue = Value::Null;
        let body = serde_json::to_vec(&session)
            .map_err(|error| SessionsError::Unavailable(error.into()))?;
        self.sessions
            .commit(desk, saved.version, Bytes::from(body))
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_words_of_their_own() {
        let names = |name: &str| [name.to_owned()];
        let body = json!({ "telegram:main:123456789": ["Таняня", "«Аня», \"Ё\" пишет", 5] });
        assert!(names_one(&body, &names("Аня")));
        assert!(names_one(&body, &names("\"Ё\"")));
        assert!(names_one(&body, &names("telegram:main:123456789")));
        for other in ["Таня", "няня", "я", "telegram:main:12345678"] {
            assert!(!names_one(&body, &names(other)), "{other}");
        }
    }
}
