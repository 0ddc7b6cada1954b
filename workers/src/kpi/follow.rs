//! Follows the journal, each event once, in the order in which it was written.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use zapis_core::event::{Event, Kind};
use zapis_core::lanes::Pauses;
use zapis_core::message::ConversationId;
use zapis_core::store::{DialogueRow, Store, StoreError, VisitRow};
use zapis_core::{Clock, causes};

use super::dialogue::{REOPENED, SKEW};
use super::review::judged;
use super::{Dialogue, Visit};
use crate::answer::OBSERVED as OBSERVED_OUTCOME;
use crate::desk::Desks;

/// How many events are taken at once.
const BATCH: u32 = 1_000;
/// How long it waits where nothing is new.
const IDLE: std::time::Duration = std::time::Duration::from_secs(5);

/// The first and the last moment in which the program only observed, as a small value.
const OBSERVED: &str = "kpi: observed";

/// After so long without it, observing begins anew.
const APART: TimeDelta = TimeDelta::days(7);

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
        note_observed(&self.store, &events).await?;
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

/// From the first to the last moment in which the program only observed, the last time it did so; nothing where it
/// never did.
pub(super) async fn observed(store: &Store) -> Result<Option<Range<DateTime<Utc>>>, StoreError> {
    let kept = store.value(OBSERVED).await?;
    Ok(kept.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Whoever takes the same events again notes the same.
async fn note_observed(store: &Store, events: &[Event]) -> Result<(), StoreError> {
    let times = events.iter().filter(|event| is_observed(event));
    let times: BTreeSet<DateTime<Utc>> = times.map(|event| event.timestamp).collect();
    if times.is_empty() {
        return Ok(());
    }
    let known = observed(store).await?;
    let span = times
        .into_iter()
        .fold(known, |known, at| Some(longer(known, at)));
    let text = serde_json::to_string(&span).unwrap_or_default();
    store.set_value(OBSERVED, &text).await
}

/// The span with one more moment; what is apart from it is another one, and the newest holds. A message is a little
/// older than what was thought of it.
pub(super) fn longer(
    known: Option<Range<DateTime<Utc>>>,
    at: DateTime<Utc>,
) -> Range<DateTime<Utc>> {
    let alone = at - SKEW..at;
    match known {
        Some(known) if at > known.end + APART => alone,
        Some(known) if at < known.start - APART => known,
        Some(known) => known.start.min(alone.start)..known.end.max(at),
        None => alone,
    }
}

fn is_observed(event: &Event) -> bool {
    event.kind == Kind::Turn && event.outcome.as_deref() == Some(OBSERVED_OUTCOME)
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
        self.load_judged(store, events).await?;
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

    /// Dialogues that somebody has judged, however old they are.
    async fn load_judged(&mut self, store: &Store, events: &[Event]) -> Result<(), FollowError> {
        let mut ids: Vec<&str> = events.iter().filter_map(judged).collect();
        ids.sort_unstable();
        ids.dedup();
        for row in store.dialogues(&ids).await? {
            let known = self.dialogues.entry(row.conversation).or_default();
            if known.iter().all(|open| open.id != row.id) {
                let dialogue: Dialogue = read(&row.facts, &row.id)?;
                let later = |open: &Open| open.dialogue.started_at > dialogue.started_at;
                let place = known.iter().position(later).unwrap_or(known.len());
                let id = row.id;
                known.insert(place, Open { id, dialogue });
            }
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
        if let Some(id) = judged(event) {
            for open in known.iter_mut().filter(|open| open.id == id) {
                open.dialogue.take(event);
            }
            return;
        }
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
        let Some((open, before)) = known.split_last_mut() else {
            return;
        };
        let begun = open.dialogue.started_at;
        open.dialogue.take(event);
        // A late line moves no beginning before the end of the dialogue before: their order, by which the newest are
        // loaded again, is that in which they were opened.
        if before
            .last()
            .is_some_and(|before| open.dialogue.started_at <= before.dialogue.last_at)
        {
            open.dialogue.started_at = begun;
        }
        if open.dialogue.is_enquiry() {
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

pub(crate) fn read<T: serde::de::DeserializeOwned>(
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
