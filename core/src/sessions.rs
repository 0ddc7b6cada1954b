//! The short-lived state of conversations: one value per conversation, saved by compare-and-set.
//!
//! What an engine promises (one conformance suite holds all engines to it):
//!
//! 1. [`Sessions::commit`] is one atomic write: it succeeds only on the version that was loaded.
//! 2. An embedded commit is durable when it returns; Redis keeps what its persistence keeps. An
//!    emptied or older Redis costs an unfinished form, never a second reply: the send ledger in the
//!    store sees to that.
//! 3. A value unused for its time to live (30 days) is forgotten.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::clock::Clock;
use crate::config::EnginesConfig;
use crate::message::ConversationId;

mod board;
mod buckets;
pub mod embedded;
pub mod redis;

/// How long an unused session is kept.
pub const TIME_TO_LIVE: Duration = Duration::from_hours(30 * 24);

/// A saved session.
#[derive(Clone, PartialEq, Eq)]
pub struct Saved {
    /// Grows by one with each commit; 0 is "nothing saved yet".
    pub version: u64,
    /// JSON of [`crate::session::Session`].
    pub body: Bytes,
}

impl fmt::Debug for Saved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Saved(version {}, {} B)", self.version, self.body.len())
    }
}

/// Why a session was not loaded or saved.
#[derive(Debug, thiserror::Error)]
pub enum SessionsError {
    /// Somebody else saved in the meantime: load again and start over.
    #[error("the session was changed by somebody else")]
    Conflict,
    /// Not now. Pause and try again.
    #[error("the sessions are not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An operator must act: wrong address, wrong password, a Redis that evicts keys.
    #[error("{0}")]
    Refused(String),
}

/// A bound on how often something may happen: a bucket of `burst` that refills one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many may happen at once.
    pub burst: u32,
    /// One more after each such time.
    pub every: Duration,
}

/// An engine for sessions, and for what else must be shared for a short time.
#[async_trait]
pub trait Sessions: Send + Sync + fmt::Debug {
    /// Loads a session; nothing when there is none.
    async fn load(&self, conversation: &ConversationId) -> Result<Option<Saved>, SessionsError>;

    /// Saves over `expected` (0: over nothing) and returns the new version.
    async fn commit(
        &self,
        conversation: &ConversationId,
        expected: u64,
        body: Bytes,
    ) -> Result<u64, SessionsError>;

    /// Forgets a session.
    async fn forget(&self, conversation: &ConversationId) -> Result<(), SessionsError>;

    /// Takes a place in a bucket that all processes share. Zero: go. Otherwise the place is *not*
    /// taken and this is how long to wait before asking again.
    async fn reserve(&self, bucket: &str, rate: Rate) -> Result<Duration, SessionsError>;

    /// Closes a bucket for a time, because the provider said so (`retry_after`).
    async fn block(&self, bucket: &str, pause: Duration) -> Result<(), SessionsError>;

    /// Pins a note to a board that all processes share; it falls off after a time. A time of zero takes it off.
    async fn pin(&self, board: &str, note: &str, span: Duration) -> Result<(), SessionsError>;

    /// The notes that hang on a board now, in no order.
    async fn pinned(&self, board: &str) -> Result<Vec<String>, SessionsError>;

    /// Proves that it works. `Ok` holds warnings for the operator (e.g. no append-only file); what
    /// makes it unfit, such as a Redis that evicts keys, is an error.
    async fn check(&self) -> Result<Vec<String>, SessionsError>;

    /// Writes its file anew, so that nothing that was forgotten is left in it; an engine without files of
    /// ours does nothing.
    async fn compact(&self) -> Result<(), SessionsError> {
        Ok(())
    }

    /// Lets go of everything; an embedded engine can be opened again when it returns.
    async fn close(&self) {}
}

/// Opens the sessions that the configuration names. `process` says who we are, e.g. `zapis run`.
/// A Redis that does not answer is no error yet: it is asked again with each call.
pub fn open(
    config: &EnginesConfig,
    clock: &Clock,
    process: &str,
) -> Result<Arc<dyn Sessions>, SessionsError> {
    if config.embedded_sessions() {
        let sessions = embedded::EmbeddedSessions::open(&config.data_dir, clock.clone(), process)?;
        return Ok(Arc::new(sessions));
    }
    let sessions = redis::RedisSessions::open(config.sessions.expose())?;
    Ok(Arc::new(sessions))
}
