//! What the journal tells about the answers: what is missing in the knowledge, what a person should
//! look through, and which intents can do without approval.
//!
//! All of it is counted while the journal streams by, a page at a time.

pub mod autonomy;
mod gaps;
mod groups;
mod privacy;
mod reminders;
mod repairs;
mod review;

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use chrono::{DateTime, Utc};
use uuid::Uuid;
use zapis_core::event::{Event, Kind};
use zapis_core::message::ConversationId;
use zapis_core::store::{Store, StoreError};

pub use gaps::Gaps;
pub use groups::{Answer, Group, Nearest};
pub use privacy::Privacy;
pub use reminders::{Reminded, Reminders, StepTally};
pub use repairs::{repair_time, repaired};
pub use review::{Reviewed, Said, Sampled, WEAK, Weak};

use crate::answer::WOULD;
use crate::words::{folded, is_light, tokens};

/// How many positions of the journal are read at once.
const PAGE: i64 = 1_000;
/// So many turns may wait for their decision while the journal streams by.
const PENDING: usize = 10_000;
/// The rule of a turn in which a person has the conversation and the bot is silent.
const SILENT: &str = "a person has the conversation";

/// Reads the events of some kinds in a span of time, in the order in which they were written, holding
/// one page of them at a time.
pub async fn read(
    store: &Store,
    kinds: &[Kind],
    span: &Range<DateTime<Utc>>,
    mut each: impl FnMut(&Event),
) -> Result<(), StoreError> {
    let mut after = store.position_before(span.start).await?;
    let end = store.last_event_position().await?;
    while after < end {
        let last = end.min(after + PAGE);
        let page = store.events_of_kinds(kinds, span, after, last).await?;
        page.iter().for_each(&mut each);
        after = last;
    }
    Ok(())
}

/// The rule that decided a turn, without what the journal adds about a language model or of what would have been done.
fn rule(event: &Event) -> &str {
    let reason = event.reason.as_deref().unwrap_or_default();
    let rule = reason.split(", model: ").next().unwrap_or_default();
    rule.split(WOULD).next().unwrap_or_default()
}

/// Whether the customer of this turn asked for a person.
fn asks_for_person(event: &Event) -> bool {
    matches!(rule(event), "asked_for_person" | "voice_again")
}

/// How many words of a text say something about its subject.
fn telling_words(text: &str) -> usize {
    let folded = folded(text);
    tokens(&folded).filter(|token| !is_light(token)).count()
}

/// A turn, and what the customer wrote in it.
#[derive(Debug)]
struct Exchange<'e> {
    turn: &'e Event,
    conversation: &'e ConversationId,
    text: String,
}

/// Brings together what the journal tells apart: the messages of a turn come before its decision.
#[derive(Debug, Default)]
struct Exchanges {
    texts: HashMap<Uuid, String>,
    order: VecDeque<Uuid>,
}

impl Exchanges {
    /// Takes the next event; a whole exchange when it is a turn's decision.
    fn take<'e>(&mut self, event: &'e Event) -> Option<Exchange<'e>> {
        let turn = event.turn_id?;
        match event.kind {
            Kind::Inbound => {
                self.wrote(turn, event.customer_text.as_deref()?);
                None
            }
            Kind::Turn => Some(Exchange {
                turn: event,
                conversation: event.conversation_id.as_ref()?,
                text: self.texts.remove(&turn).unwrap_or_default(),
            }),
            _ => None,
        }
    }

    fn wrote(&mut self, turn: Uuid, text: &str) {
        if let Some(known) = self.texts.get_mut(&turn) {
            known.push('\n');
            known.push_str(text);
            return;
        }
        self.texts.insert(turn, text.to_owned());
        self.order.push_back(turn);
        if self.order.len() > PENDING
            && let Some(oldest) = self.order.pop_front()
        {
            self.texts.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests;
