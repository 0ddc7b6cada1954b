//! Follows the journal, each event once, in the order in which it was written.

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;
use tracing::warn;
use zapis_core::event::{Event, Kind};
use zapis_core::lanes::Pauses;
use zapis_core::message::ConversationId;
use zapis_core::store::{DialogueRow, Store, StoreError, VisitRow};
use zapis_core::{Clock, causes};

use super::dialogue::REOPENED;
use super::{Dialogue, Visit};
use crate::desk::Desks;

/// How many events are taken at once.
const BATCH: u32 = 1_000;
/// How long it waits where nothing is new.
const IDLE: std::time::Duration = std::time::Duration::from_secs(5);

/// How long it waits between two steps.
const BREATH: std::time::Duration = std::time::Duration::from_millis(5);

/// Why the journal was not followed. It goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The store did not do it.
    #[error("the store does not answer")]
    Store(#[from] StoreError),
    /// What was kept cannot be read.
    #[error("the figures of {what} cannot be read; `zapis report kpi --recount` counts them anew")]
    Unreadable {
        /// Of which dialogue or visit.
        what: String,
        /// Why.
        source: serde_json::Error,
    },
    /// Counting anew would lose what was counted of them.
    #[error(
        "retention has taken the words out of events of the journal: counted anew, what they came to would be lost; nothing was changed"
    )]
    Bared,
}

/// Keeps what the journal comes to.
#[derive(Debug, Clone)]
pub struct Follower {
    /// Where journal and figures are.
    pub store: Store,
    /// The groups of the staff: nobody there is a customer.
    pub desks: Desks,
    /// The time.
    pub clock: Clock,
}

impl Follower {
    /// Follows until asked to stop. Several may run: one of them is quicker, and nothing is counted twice.
    pub async fn run(self, stop: CancellationToken) {
        let mut pauses = Pauses::default();
        loop {
            match self.catch_up().await {
                Ok(()) => {
                    pauses = Pauses::default();
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(IDLE) => {}
                    }
                }
                Err(error) => {
                    warn!(error = %causes(&error), "The figures wait");
                    if !pauses.wait(&stop).await {
                        return;
                    }
                }
            }
        }
    }

    /// Takes everything that is in the journal by now.
    pub async fn catch_up(&self) -> Result<(), FollowError> {
        while self.step().await? {
            // Whoever writes the journal waits for each step: they come one after another.
            tokio::time::sleep(BREATH).await;
        }
        Ok(())
    }

    /// Takes some events; whether there were any.
    async fn step(&self) -> Result<bool, FollowError> {
        let from = self.store.kpi_position().await?;
        let events = self.store.events_after(from, BATCH).await?;
        let Some((to, _)) = events.last() else {
            return Ok(false);
        };
        let (to, events) = (*to, events.into_iter().map(|(_, event)| event));
        let events: Vec<Event> = events.filter(|event| self.counts(event)).collect();
        let mut state = State::default();
        state.load(&self.store, &events).await?;
        for event in &events {
            state.take(event);
        }
        let (dialogues, visits) = state.rows()?;
        // Where somebody else was quicker, the next step begins where they stopped.
        self.store.keep_kpi(from..to, &dialogues, &visits).await?;
        Ok(true)
    }

    fn counts(&self, event: &Event) -> bool {
        let conversation = event.conversation_id.as_ref();
        event.kind == Kind::Booking
            || conversation.is_some_and(|conversation| !self.desks.holds(conversation))
    }
}

/// Counts everything anew from the journal, where it is whole.
pub async fn recount(follower: &Follower) -> Result<(), FollowError> {
    if follower.store.has_bared_events().await? {
        return Err(FollowError::Bared);
    }
    follower.store.forget_kpi().await?;
    follower.catch_up().await
}

/// A dialogue and the id that it is kept under.
#[derive(Debug)]
struct Open {
    id: String,
    dialogue: Dialogue,
}

/// What is known while some events are taken: of each conversation the newest dialogues that were kept, and what followed.
#[derive(Debug, Default)]
pub(super) struct State {
    dialogues: BTreeMap<ConversationId, Vec<Open>>,
    visits: BTreeMap<String, Visit>,
}

impl State {
    async fn load(&mut self, store: &Store, events: &[Event]) -> Result<(), FollowError> {
        let mut conversations: Vec<_> = events
            .iter()
            .filter_map(|event| event.conversation_id.as_ref())
            .collect();
        conversations.sort_unstable();
        conversations.dedup();
        for row in store.last_dialogues(&conversations).await? {
            let dialogue = read(&row.facts, &row.id)?;
            let open = Open {
                id: row.id,
                dialogue,
            };
            self.dialogues
                .entry(row.conversation)
                .or_default()
                .push(open);
        }
        let changes = events.iter().filter(|event| event.kind == Kind::Booking);
        let mut bookings: Vec<&str> = changes
            .filter_map(|event| event.booking_id.as_deref())
            .collect();
        bookings.sort_unstable();
        bookings.dedup();
        for row in store.kpi_visits(&bookings).await? {
            let visit = read(&row.facts, &row.booking)?;
            self.visits.insert(row.booking, visit);
        }
        Ok(())
    }

    pub(super) fn take(&mut self, event: &Event) {
        if let (Kind::Booking, Some(booking)) = (event.kind, &event.booking_id) {
            let visit = self.visits.entry(booking.clone());
            visit
                .or_insert_with(|| Visit::new(event.timestamp))
                .take(event);
        }
        let Some(conversation) = &event.conversation_id else {
            return;
        };
        let at = event.timestamp;
        let known = self.dialogues.entry(conversation.clone()).or_default();
        let goes_on = known.last().is_some_and(|open| {
            open.dialogue.goes_on_at(at) || open.dialogue.is_answered_at(event)
        });
        if Dialogue::opens(event) && !goes_on {
            // A line that comes later than a whole dialogue after it belongs to none that is still kept open.
            if known
                .last()
                .is_some_and(|open| at < open.dialogue.started_at)
            {
                return;
            }
            known.push(Open {
                id: event.event_id.to_string(),
                dialogue: Dialogue::opened(at),
            });
        }
        let Some(open) = known.last_mut() else {
            return;
        };
        open.dialogue.take(event);
        if let Some((open, before)) = known.split_last_mut()
            && open.dialogue.is_enquiry()
        {
            for before in before {
                let silent = open.dialogue.started_at - before.dialogue.last_at;
                before.dialogue.reopened |= silent <= REOPENED;
            }
        }
    }

    /// The rows to keep.
    fn rows(self) -> Result<(Vec<DialogueRow>, Vec<VisitRow>), FollowError> {
        let mut dialogues = Vec::new();
        for (conversation, all) in self.dialogues {
            for open in all {
                dialogues.push(DialogueRow {
                    facts: write(&open.dialogue, &open.id)?,
                    id: open.id,
                    conversation: conversation.clone(),
                    started_at: open.dialogue.started_at,
                });
            }
        }
        let mut visits = Vec::new();
        for (booking, visit) in self.visits {
            visits.push(VisitRow {
                facts: write(&visit, &booking)?,
                booking,
                made_at: visit.made_at,
            });
        }
        Ok((dialogues, visits))
    }
}

pub(super) fn read<T: serde::de::DeserializeOwned>(
    facts: &str,
    what: &str,
) -> Result<T, FollowError> {
    serde_json::from_str(facts).map_err(|source| FollowError::Unreadable {
        what: what.to_owned(),
        source,
    })
}

fn write<T: serde::Serialize>(facts: &T, what: &str) -> Result<String, FollowError> {
    serde_json::to_string(facts).map_err(|source| FollowError::Unreadable {
        what: what.to_owned(),
        source,
    })
}
