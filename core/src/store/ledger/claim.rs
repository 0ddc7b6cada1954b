//! Who gets to send: each outbound id goes to one claimer, and to none against its fence.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::super::book::waiting;
use super::super::db::{CHUNK, Tx, Value, sql};
use super::super::{Booking, ClaimRequest, Claimed, LedgerEntry, Ownership, ownership};
use super::{load, save};
use crate::message::{ConversationId, Fence};
use crate::trace::TraceParent;

/// One request.
pub(in crate::store) struct Ask {
    request: ClaimRequest,
    now: DateTime<Utc>,
    /// Whether the caller knows that it is in doubt.
    again: bool,
}

impl Ask {
    pub(super) fn first(request: &ClaimRequest, now: DateTime<Utc>) -> Self {
        let request = request.clone();
        Self {
            request,
            now,
            again: false,
        }
    }

    pub(super) fn again(request: &ClaimRequest, now: DateTime<Utc>) -> Self {
        Self {
            again: true,
            ..Self::first(request, now)
        }
    }

    /// Who answers: the turn, or the message itself where no turn made it.
    fn turn(&self) -> Uuid {
        self.request.turn.unwrap_or(self.request.id)
    }

    /// What must not be answered twice. What a person wrote, or goes to the staff, is no answer of
    /// the bot.
    fn answers(&self) -> impl Iterator<Item = (ConversationId, String)> {
        let answers = match self.request.fence {
            Fence::Staff => &[],
            _ => self.request.answers.as_slice(),
        };
        let conversation = &self.request.conversation;
        answers
            .iter()
            .map(|inbound| (conversation.clone(), inbound.clone()))
    }
}

/// Everything that claims are decided on; all of it is locked.
struct Known {
    ownership: HashMap<ConversationId, Ownership>,
    entries: HashMap<Uuid, LedgerEntry>,
    answered: HashMap<(ConversationId, String), Uuid>,
    bookings: HashMap<String, i64>,
    /// The message that offers a time, by the entry of the waiting list.
    offers: HashMap<Uuid, Uuid>,
}

/// Decides in the order of the requests. `None` when another process wrote the same ids meanwhile.
pub(in crate::store) async fn claim(
    tx: &mut Tx,
    asks: &[&Ask],
) -> Result<Option<Vec<Claimed>>, sqlx::Error> {
    if asks.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let mut known = know(tx, asks).await?;
    let there: HashSet<Uuid> = known.entries.keys().copied().collect();
    let answered_before: HashSet<_> = known.answered.keys().cloned().collect();

    let claimed = asks.iter().map(|ask| known.decide(ask)).collect();

    let mut changed = BTreeSet::new();
    let mut fresh = Vec::new();
    for ask in asks {
        let id = ask.request.id;
        if changed.insert(id) && !there.contains(&id) {
            fresh.push((ask.turn(), &known.entries[&id]));
        }
    }
    if !insert(tx, &fresh).await? {
        return Ok(None);
    }
    let old = changed.iter().filter(|id| there.contains(id));
    save(tx, old.map(|id| &known.entries[id])).await?;
    known
        .answered
        .retain(|key, _| !answered_before.contains(key));
    note_answers(tx, &known.answered).await?;
    Ok(Some(claimed))
}

impl Known {
    /// One decision; the next one sees what it changed.
    fn decide(&mut self, ask: &Ask) -> Claimed {
        let request = &ask.request;
        let mut attempts = 0;
        if let Some(entry) = self.entries.get_mut(&request.id) {
            attempts = entry.attempts;
            if matches!(entry.state.as_str(), "claimed" | "doubt") {
                // Claimed later than now: the clock was put back, and the doubt lasts from now.
                entry.claimed_at = entry.claimed_at.min(ask.now);
            }
            let doubt = Claimed::InDoubt {
                since: entry.claimed_at,
                attempts,
            };
            match entry.state.as_str() {
                "claimed" => {
                    // Nobody knows what became of that call. Whoever asks again without having
                    // been told so comes too late: somebody else did.
                    if !ask.again {
                        "doubt".clone_into(&mut entry.state);
                    }
                    return doubt;
                }
                "doubt" if !ask.again => return doubt,
                "doubt" => {
                    if !self.passes(ask) {
                        return Claimed::Fenced;
                    }
                }
                "fenced" => return Claimed::Fenced,
                "answered" => return Claimed::Answered,
                "free" => {}
                _ => return Claimed::Done,
            }
        }

        let turn = ask.turn();
        let by_another = |key| self.answered.get(&key).is_some_and(|other| *other != turn);
        let (state, claimed) = if ask.answers().any(by_another) {
            ("answered", Claimed::Answered)
        } else if self.passes(ask) {
            ("claimed", Claimed::Go)
        } else {
            ("fenced", Claimed::Fenced)
        };
        if claimed == Claimed::Go {
            attempts += 1;
            self.answered.extend(ask.answers().map(|key| (key, turn)));
        }
        self.note(ask, state, attempts);
        claimed
    }

    fn passes(&self, ask: &Ask) -> bool {
        let owner = self.ownership.get(&ask.request.conversation);
        let epoch = owner.map_or(0, |owner| owner.epoch);
        let staff = || owner.is_some_and(|owner| owner.clone().at(ask.now).staff.is_some());
        let staffs = matches!(ask.request.fence, Fence::Staff);
        if !staffs && owner.is_some_and(|owner| owner.blocked) {
            return false;
        }
        match &ask.request.fence {
            Fence::Reply { epoch: seen } => *seen == epoch && !staff(),
            Fence::Notice { epoch: made } => *made == epoch,
            Fence::Reminder {
                booking,
                version,
                until,
            } => {
                let in_time = until.is_none_or(|until| ask.now < until);
                in_time && self.bookings.get(booking) == Some(version)
            }
            Fence::Offer { waiting, until } => {
                let offered = self.offers.get(waiting) == Some(&ask.request.id);
                offered && ask.now < *until && !staff()
            }
            Fence::Staff => true,
        }
    }

    fn note(&mut self, ask: &Ask, state: &str, attempts: u32) {
        let request = &ask.request;
        let entry = self
            .entries
            .entry(request.id)
            .or_insert_with(|| LedgerEntry {
                id: request.id,
                conversation: request.conversation.clone(),
                state: String::new(),
                attempts,
                claimed_at: ask.now,
                provider_id: None,
                delivery: None,
                error: None,
                trace: Some(request.trace.clone()),
            });
        state.clone_into(&mut entry.state);
        entry.attempts = attempts;
        entry.claimed_at = ask.now;
    }
}

/// Locks and reads: conversations first, then messages; everybody does it in this order.
async fn know(tx: &mut Tx, asks: &[&Ask]) -> Result<Known, sqlx::Error> {
    let conversations: BTreeSet<_> = asks.iter().map(|ask| &ask.request.conversation).collect();
    let conversations: Vec<_> = conversations.into_iter().collect();
    let ownership = ownership::lock(tx, &conversations).await?;

    let ids: BTreeSet<_> = asks.iter().map(|ask| ask.request.id).collect();
    let ids: Vec<_> = ids.into_iter().collect();
    let entries = load(tx, &ids).await?;

    let answers: BTreeSet<_> = asks.iter().flat_map(|ask| ask.answers()).collect();
    let bookings: BTreeSet<_> = asks.iter().filter_map(|ask| booking(ask)).collect();
    let waiting: BTreeSet<_> = asks.iter().filter_map(|ask| waiting(ask)).collect();
    Ok(Known {
        ownership,
        entries,
        answered: answered(tx, answers).await?,
        bookings: booking_versions(tx, bookings).await?,
        offers: waiting::offers(tx, waiting).await?,
    })
}

fn waiting(ask: &Ask) -> Option<Uuid> {
    match ask.request.fence {
        Fence::Offer { waiting, .. } => Some(waiting),
        _ => None,
    }
}

fn booking(ask: &Ask) -> Option<&str> {
    match &ask.request.fence {
        Fence::Reminder { booking, .. } => Some(booking),
        _ => None,
    }
}

async fn answered(
    tx: &mut Tx,
    answers: BTreeSet<(ConversationId, String)>,
) -> Result<HashMap<(ConversationId, String), Uuid>, sqlx::Error> {
    let answers: Vec<_> = answers.into_iter().collect();
    let mut found = HashMap::new();
    for chunk in answers.chunks(CHUNK) {
        let rows = chunk
            .iter()
            .map(|(conversation, inbound)| [conversation.into(), inbound.into()]);
        let statement = sql("SELECT conversation, inbound_id, turn FROM answered \
             WHERE (conversation, inbound_id) IN (VALUES ")
        .rows(rows)
        .then(")");
        for row in tx.fetch(statement).await? {
            found.insert((row.parsed(0)?, row.get(1)?), row.parsed(2)?);
        }
    }
    Ok(found)
}

/// A cancellation is a version of its own: what was to be said of the visit before does not leave any more.
async fn booking_versions(
    tx: &mut Tx,
    ids: BTreeSet<&str>,
) -> Result<HashMap<String, i64>, sqlx::Error> {
    let ids: Vec<_> = ids.into_iter().collect();
    let mut found = HashMap::new();
    for chunk in ids.chunks(CHUNK) {
        let statement = sql("SELECT id, booking FROM bookings WHERE id IN ")
            .list(chunk.iter().map(|&id| Value::from(id)))
            .then(" ORDER BY id")
            .for_update();
        for row in tx.fetch(statement).await? {
            let booking: Booking = row.json(1)?;
            found.insert(row.get(0)?, booking.version);
        }
    }
    Ok(found)
}

/// Makes rows; `false` when one of them is there by now.
async fn insert(tx: &mut Tx, fresh: &[(Uuid, &LedgerEntry)]) -> Result<bool, sqlx::Error> {
    for chunk in fresh.chunks(CHUNK) {
        let rows = chunk.iter().map(|(turn, entry)| {
            [
                entry.id.into(),
                (&entry.conversation).into(),
                (*turn).into(),
                (&entry.state).into(),
                entry.attempts.into(),
                entry.claimed_at.into(),
                entry.trace.as_ref().map(TraceParent::as_str).into(),
            ]
        });
        let statement = sql(
            "INSERT INTO ledger (id, conversation, turn, state, attempts, claimed_at, trace) VALUES ",
        )
        .rows(rows)
        .then(" ON CONFLICT (id) DO NOTHING");
        if tx.execute(statement).await? != chunk.len() as u64 {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn note_answers(
    tx: &mut Tx,
    answered: &HashMap<(ConversationId, String), Uuid>,
) -> Result<(), sqlx::Error> {
    let answered: Vec<_> = answered.iter().collect();
    for chunk in answered.chunks(CHUNK) {
        let rows = chunk.iter().map(|((conversation, inbound), turn)| {
            [conversation.into(), inbound.into(), (**turn).into()]
        });
        let statement = sql("INSERT INTO answered (conversation, inbound_id, turn) VALUES ")
            .rows(rows)
            .then(" ON CONFLICT (conversation, inbound_id) DO NOTHING");
        tx.execute(statement).await?;
    }
    Ok(())
}
