//! Who wanted something, got no visit and fell silent: the warmest first.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use zapis_core::message::ConversationId;
use zapis_core::store::{Store, StoreError, Visit};

use crate::book::{Asker, Book, Calendar, Wish, WishItem};
use crate::business::Business;
use crate::crm::EnquiryState;
use crate::kpi::{self, Dialogue, FollowError};

/// Who has been silent for so long …
const SILENT: TimeDelta = TimeDelta::days(1);
/// … and no longer.
const FORGOTTEN: TimeDelta = TimeDelta::days(14);
/// How many are told of.
const TOLD: usize = 20;
/// Enquiries of the CRM's ledger that began longer ago are over.
const OPEN: TimeDelta = TimeDelta::days(60);
/// From so many points on she is worth a call.
const HOT: u32 = 60;
/// What wants a visit, and what may lead to one.
const WANTS: [&str; 2] = ["booking", "reschedule"];
const ASKS: [&str; 6] = [
    "price",
    "duration",
    "promo",
    "service_info",
    "staff_info",
    "children",
];

/// What speaks for her.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// She wanted to book.
    WantedVisit,
    /// She asked about prices, services or people.
    Asked,
    /// She called for a person.
    CalledPerson,
    /// She wrote several messages.
    WroteMuch,
    /// She has been here before.
    CameBefore,
    /// Her enquiry is open in the CRM's ledger.
    OpenEnquiry,
}

impl Why {
    /// Its name in JSON, in tables and in texts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WantedVisit => "wanted_visit",
            Self::Asked => "asked",
            Self::CalledPerson => "called_person",
            Self::WroteMuch => "wrote_much",
            Self::CameBefore => "came_before",
            Self::OpenEnquiry => "open_enquiry",
        }
    }

    /// What it is worth where the enquiry has no points of its own.
    const fn points(self) -> u32 {
        match self {
            Self::WantedVisit => 40,
            Self::Asked | Self::CalledPerson => 20,
            Self::CameBefore => 15,
            Self::WroteMuch => 10,
            Self::OpenEnquiry => 5,
        }
    }
}

/// What is to be done about her.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Advice {
    /// Write to her.
    Write,
    /// Call her.
    Call,
    /// Offer her the time that is free.
    OfferTime,
    /// A manager is to take her.
    HandOver,
}

impl Advice {
    /// Its name in JSON, in tables and in texts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Call => "call",
            Self::OfferTime => "offer_time",
            Self::HandOver => "hand_over",
        }
    }
}

/// What is known of somebody who fell silent.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Wanted {
    /// What she wanted first.
    pub intent: Option<String>,
    /// How many messages she wrote.
    pub messages: u32,
    /// Whether she called for a person, and none has answered.
    pub unanswered_call: bool,
    /// Whether an enquiry of hers is open in the CRM's ledger.
    pub open: bool,
    /// The points of that enquiry.
    pub score: Option<u32>,
    /// Whether she has been here before.
    pub came_before: bool,
    /// Whether her phone is known.
    pub has_phone: bool,
    /// Whether she can be written to freely: on WhatsApp nobody can, a day after her last message.
    pub is_reached: bool,
    /// Whether a time is free for what she wanted.
    pub has_time: bool,
}

impl Wanted {
    /// What speaks for her; nothing where she wanted nothing.
    pub fn why(&self) -> Vec<Why> {
        let among = |some: &[&str]| self.intent.as_deref().is_some_and(|it| some.contains(&it));
        let wanted = [
            (among(&WANTS), Why::WantedVisit),
            (among(&ASKS), Why::Asked),
            (self.open, Why::OpenEnquiry),
        ];
        let more = [
            (self.unanswered_call, Why::CalledPerson),
            (self.messages >= 3, Why::WroteMuch),
            (self.came_before, Why::CameBefore),
        ];
        let hold = |(holds, why): (bool, Why)| holds.then_some(why);
        let mut why: Vec<Why> = wanted.into_iter().filter_map(hold).collect();
        if !why.is_empty() {
            why.extend(more.into_iter().filter_map(hold));
        }
        why
    }

    /// How warm she is, 0 to 100.
    pub fn points(&self) -> u32 {
        let points = || self.why().into_iter().map(Why::points).sum::<u32>();
        self.score.unwrap_or_else(points).min(100)
    }

    /// What is to be done about her.
    pub fn advice(&self) -> Advice {
        if self.unanswered_call {
            Advice::HandOver
        } else if self.has_phone && (!self.is_reached || self.points() >= HOT) {
            Advice::Call
        } else if !self.is_reached {
            Advice::HandOver
        } else if self.has_time {
            Advice::OfferTime
        } else {
            Advice::Write
        }
    }
}

/// Somebody who fell silent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stalled {
    /// Where.
    pub conversation: ConversationId,
    /// When something was last said.
    pub last_at: DateTime<Utc>,
    /// How warm she is, 0 to 100.
    pub points: u32,
    /// What she wanted first, as the bot understood it.
    pub intent: Option<String>,
    /// The services that she named, by id.
    pub services: Vec<String>,
    /// What speaks for her.
    pub why: Vec<Why>,
    /// What is to be done.
    pub advice: Advice,
    /// The next free time for what she named.
    pub free_at: Option<DateTime<Utc>>,
}

/// Somebody who may be one.
#[derive(Default)]
struct Candidate {
    wanted: Wanted,
    /// When she began to want it.
    since: DateTime<Utc>,
    last_at: DateTime<Utc>,
    services: Vec<String>,
    /// Whether a visit came of it, as far as dialogues tell.
    booked: bool,
}

/// Finds them, from the dialogues that the journal came to and the enquiries of the CRM's ledger.
pub async fn stalled(
    store: &Store,
    book: &Book,
    firm: &Business,
    now: DateTime<Utc>,
) -> Result<Vec<Stalled>, FollowError> {
    let candidates = candidates(store, now).await?;
    let mut order: Vec<&ConversationId> = candidates.keys().collect();
    order.sort_by_key(|id| {
        let one = &candidates[*id];
        (Reverse((one.wanted.points(), one.last_at)), *id)
    });
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for conversation in order {
        let candidate = &candidates[conversation];
        let silent = now - candidate.last_at;
        if candidate.wanted.why().is_empty() || silent < SILENT || silent > FORGOTTEN {
            continue;
        }
        let hers = store.conversations_of(conversation).await?;
        // Of one person one chat, and none where she goes on in another.
        let goes_on = |other: &ConversationId| {
            let other = candidates.get(other);
            other.is_some_and(|other| other.last_at > candidate.last_at)
        };
        if !seen.insert(hers.clone()) || hers.iter().any(goes_on) {
            continue;
        }
        if let Some(wanted) = person(store, &hers, candidate, now).await? {
            found.push(told(book, firm, conversation, candidate, wanted).await?);
        }
        // Who has been here before may overtake some of them.
        if found.len() == 2 * TOLD {
            break;
        }
    }
    found.sort_by_key(|one| Reverse((one.points, one.last_at)));
    found.truncate(TOLD);
    Ok(found)
}

async fn candidates(
    store: &Store,
    now: DateTime<Utc>,
) -> Result<HashMap<ConversationId, Candidate>, FollowError> {
    let mut candidates: HashMap<ConversationId, Candidate> = HashMap::new();
    // A dialogue may go on for days.
    let span = now - FORGOTTEN * 2..now + SILENT;
    for row in store.dialogues_between(&span).await? {
        let dialogue: Dialogue = kpi::read(&row.facts, &row.id)?;
        let one = candidates.entry(row.conversation).or_default();
        one.last_at = one.last_at.max(dialogue.last_at);
        if dialogue.is_enquiry() {
            one.since = dialogue.started_at;
            one.booked = !dialogue.bookings.is_empty();
            let called = dialogue.handoff_at.is_some() && dialogue.staff_said.is_empty();
            one.wanted.messages = dialogue.messages;
            one.wanted.unanswered_call = called;
            one.wanted.intent = dialogue.intent;
        }
    }
    for row in store.enquiries_between(now - OPEN, now).await? {
        if row.closed_at.is_some() {
            continue;
        }
        let state = EnquiryState::of(&row)?;
        if !state.bookings.is_empty() {
            continue;
        }
        let one = candidates.entry(row.conversation).or_default();
        one.last_at = one.last_at.max(state.last_at.unwrap_or(row.opened_at));
        if one.since == DateTime::UNIX_EPOCH {
            one.since = row.opened_at;
        }
        one.wanted.open = true;
        one.wanted.score = Some(state.card.score);
        one.services = state.services;
    }
    candidates.retain(|_, one| !one.booked);
    Ok(candidates)
}

/// What is known of her besides; nothing where she has a visit by now, or is not to be written to.
async fn person(
    store: &Store,
    hers: &[ConversationId],
    candidate: &Candidate,
    now: DateTime<Utc>,
) -> Result<Option<Wanted>, StoreError> {
    let mut phones = BTreeSet::new();
    for conversation in hers {
        let known = store.known(conversation).await?;
        let shut = store.blocked(conversation).await?.is_some();
        // Who never wrote is somebody who was erased, or forgotten.
        let gone = known.wrote_at.is_none() && hers.len() == 1;
        if gone || known.blocked || shut || known.no_advertising.is_some() {
            return Ok(None);
        }
        phones.extend(known.phone);
    }
    let phones: Vec<String> = phones.into_iter().collect();
    let visits = store.visits_of(hers, &phones).await?;
    let has_booked = visits.iter().any(|one| {
        let ahead = one.status.is_active() && one.visit.ends_at() > now;
        ahead || one.created_at >= candidate.since
    });
    Ok((!has_booked).then(|| Wanted {
        came_before: visits
            .iter()
            .any(|one| one.status.is_active() && one.visit.ends_at() < now),
        has_phone: !phones.is_empty() || visits.iter().any(|one| one.phone.is_some()),
        ..candidate.wanted.clone()
    }))
}

async fn told(
    book: &Book,
    firm: &Business,
    conversation: &ConversationId,
    candidate: &Candidate,
    wanted: Wanted,
) -> Result<Stalled, StoreError> {
    let items = candidate.services.iter().map(|service| WishItem {
        service: service.clone(),
        person: None,
    });
    let wish = Wish {
        items: items.collect(),
        ..Wish::default()
    };
    let free = if wish.fault(firm, true).is_none() {
        let asker = Asker::Customer(conversation);
        book.find(firm, &wish, asker, 1).await?.visits
    } else {
        Vec::new()
    };
    let free_at = free.first().map(Visit::starts_at);
    let wanted = Wanted {
        is_reached: conversation.channel() != "whatsapp",
        has_time: free_at.is_some(),
        ..wanted
    };
    Ok(Stalled {
        conversation: conversation.clone(),
        last_at: candidate.last_at,
        points: wanted.points(),
        intent: wanted.intent.clone(),
        services: candidate.services.clone(),
        why: wanted.why(),
        advice: wanted.advice(),
        free_at,
    })
}
