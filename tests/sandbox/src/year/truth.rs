//! What is true about a planted year, counted from what was planted: every figure of `docs/kpi.md`, a second time and
//! simply.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use zapis_core::message::ConversationId;

use super::local;
use super::pen::Thought;

/// How a dialogue that the bot led alone ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The customer got what she wanted.
    Confirmed,
    /// Nobody knows.
    Silent,
    /// She wrote again within three days.
    Reopened,
}

/// What one planted dialogue came to.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Planted {
    /// Whose it is.
    pub conversation: ConversationId,
    /// When the customer wrote first.
    pub started_at: DateTime<Utc>,
    /// When anybody wrote last.
    pub last_at: DateTime<Utc>,
    /// Whether she wrote words of her own.
    pub enquiry: bool,
    /// Whether anybody answered.
    pub answered: bool,
    /// Whether the bot led it alone.
    pub alone: bool,
    /// How it ended, where the bot led it alone.
    pub ending: Option<Ending>,
    /// After what time the bot answered.
    pub bot_after: Option<TimeDelta>,
    /// After what time the bot called a person.
    pub called_after: Option<TimeDelta>,
    /// After what time a person wrote.
    pub staff_after: Option<TimeDelta>,
    /// Whether it became a known wish.
    pub qualified: bool,
    /// What was booked in it.
    pub visits: Vec<PlantedVisit>,
    /// How she rated a visit.
    pub stars: Option<u8>,
    /// Whether she was angry.
    pub negative: bool,
    /// How sure the bot was, turn by turn.
    pub sure: Vec<f64>,
    /// What became of drafts.
    pub drafts: PlantedDrafts,
    /// What language models used, and what that cost.
    pub tokens: i64,
    /// In the currency of the configured prices.
    pub cost: f64,
    /// What she wanted.
    pub intent: Option<&'static str>,
    /// The variant of the experiment.
    pub variant: Option<&'static str>,
    /// Where she came from.
    pub source: Option<&'static str>,
    /// Who of the staff wrote.
    pub staff: BTreeSet<&'static str>,
    /// What somebody thought of it weeks later.
    pub verdict: Option<PlantedVerdict>,
}

/// What somebody thought of a dialogue.
#[derive(Debug, Clone, Copy)]
pub struct PlantedVerdict {
    /// It was answered rightly.
    pub right: bool,
    /// In a tone that was not the firm's.
    pub tone: bool,
    /// A person should have been called.
    pub should_have_escalated: bool,
}

/// What became of a planted visit.
#[derive(Debug, Clone, Copy)]
pub struct PlantedVisit {
    /// What was booked.
    pub service: &'static str,
    /// In which of the places.
    pub place: &'static str,
    /// When it was booked.
    pub made_at: DateTime<Utc>,
    /// When it begins, after all moves.
    pub starts_at: DateTime<Utc>,
    /// When it was called off, or marked as missed.
    pub gone_at: Option<DateTime<Utc>>,
    /// She said that she will come.
    pub confirmed: bool,
    /// Whether she came, where that was marked.
    pub came: Option<bool>,
}

/// Drafts that were decided.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlantedDrafts {
    /// As they were.
    pub sent: usize,
    /// In other words.
    pub edited: usize,
    /// Not at all.
    pub rejected: usize,
}

/// A figure: its value, and of how many it is counted.
pub type Value = (Option<f64>, usize);

impl Planted {
    pub(super) fn new(
        conversation: &ConversationId,
        source: Option<&'static str>,
        at: DateTime<Utc>,
    ) -> Self {
        Self {
            conversation: conversation.clone(),
            started_at: at,
            last_at: at,
            enquiry: true,
            answered: false,
            alone: false,
            ending: None,
            bot_after: None,
            called_after: None,
            staff_after: None,
            qualified: false,
            visits: Vec::new(),
            stars: None,
            negative: false,
            sure: Vec::new(),
            drafts: PlantedDrafts::default(),
            tokens: 0,
            cost: 0.0,
            intent: None,
            variant: None,
            source,
            staff: BTreeSet::new(),
            verdict: None,
        }
    }

    pub(super) fn thought(&mut self, thought: &Thought) {
        self.sure.extend(thought.sure);
        self.negative |= thought.negative;
        if let Some(model) = thought.model {
            self.variant = Some(model.variant);
            self.tokens += model.tokens;
            self.cost += model.cost;
        }
    }

    /// The groups that it is in when figures are told apart by something.
    pub fn groups(&self, by: &str) -> BTreeSet<String> {
        let or_none = |name: Option<&str>| BTreeSet::from([name.unwrap_or("-").to_owned()]);
        let visits = self.visits.iter();
        match by {
            "channel" => or_none(Some(self.conversation.channel())),
            "account" => or_none(Some(&self.conversation.door())),
            "intent" => or_none(self.intent),
            "variant" => or_none(self.variant),
            "source" => or_none(self.source),
            "service" => visits.map(|one| one.service.to_owned()).collect(),
            "location" => visits.map(|one| one.place.to_owned()).collect(),
            "staff" => self.staff.iter().map(|&who| who.to_owned()).collect(),
            "day" => or_none(Some(&local(self.started_at).date().to_string())),
            "week" => or_none(Some(&local(self.started_at).format("%G-W%V").to_string())),
            "month" => or_none(Some(&local(self.started_at).format("%Y-%m").to_string())),
            _ => BTreeSet::new(),
        }
    }
}

impl PlantedVisit {
    pub(super) fn new(
        (service, place): (&'static str, &'static str),
        made_at: DateTime<Utc>,
        starts_at: DateTime<Utc>,
    ) -> Self {
        Self {
            service,
            place,
            made_at,
            starts_at,
            gone_at: None,
            confirmed: false,
            came: None,
        }
    }

    /// Whether it was called off.
    pub fn is_cancelled(&self) -> bool {
        self.gone_at.is_some() && self.came.is_none()
    }
}

/// Every figure of some dialogues, by name.
pub fn figures(all: &[&Planted], now: DateTime<Utc>) -> BTreeMap<&'static str, Value> {
    let enquiries: Vec<&Planted> = all.iter().copied().filter(|one| one.enquiry).collect();
    let count = |wanted: fn(&Planted) -> bool| enquiries.iter().filter(|one| wanted(one)).count();
    let share = |wanted| part(count(wanted), enquiries.len());
    let customers: BTreeSet<_> = enquiries.iter().map(|one| &one.conversation).collect();
    let mut figures = BTreeMap::from([
        ("enquiries", number(enquiries.len())),
        ("customers", number(customers.len())),
        ("answered", share(|one| one.answered)),
        (
            "automated",
            part(count(|one| one.alone), count(|one| one.answered)),
        ),
        ("escalated", share(|one| one.called_after.is_some())),
        ("qualified", share(|one| one.qualified)),
        ("booked", share(|one| !one.visits.is_empty())),
        ("negative", share(|one| one.negative)),
    ]);
    let times = |of: fn(&Planted) -> Option<TimeDelta>| {
        let mut times: Vec<TimeDelta> = enquiries.iter().filter_map(|one| of(one)).collect();
        times.sort_unstable();
        times
    };
    for (median, p90, times) in [
        (
            "bot_first_answer_median",
            "bot_first_answer_p90",
            times(|one| one.bot_after),
        ),
        (
            "staff_first_answer_median",
            "staff_first_answer_p90",
            times(|one| one.staff_after),
        ),
        (
            "escalation_after_median",
            "escalation_after_p90",
            times(|one| one.called_after),
        ),
    ] {
        figures.insert(median, tenth(&times, 5));
        figures.insert(p90, tenth(&times, 9));
    }
    let over = |one: &&&Planted| one.alone && one.last_at + TimeDelta::hours(72) <= now;
    let over: Vec<_> = enquiries.iter().filter(over).collect();
    for (name, ending) in [
        ("automated_confirmed", Ending::Confirmed),
        ("automated_silent", Ending::Silent),
        ("automated_reopened", Ending::Reopened),
    ] {
        let ended = over.iter().filter(|one| one.ending == Some(ending)).count();
        figures.insert(name, part(ended, over.len()));
    }
    figures.insert("staff_fairness", fairness(&enquiries));
    visits(all, &mut figures);
    quality(all, &mut figures);
    money(&enquiries, &mut figures);
    figures
}

fn visits(all: &[&Planted], figures: &mut BTreeMap<&'static str, Value>) {
    let visits: Vec<&PlantedVisit> = all.iter().flat_map(|one| &one.visits).collect();
    let count = |wanted: fn(&PlantedVisit) -> bool| visits.iter().filter(|one| wanted(one)).count();
    let (came, missed) = (
        count(|one| one.came == Some(true)),
        count(|one| one.came == Some(false)),
    );
    figures.insert("bookings", number(visits.len()));
    figures.insert("confirmed", part(count(|one| one.confirmed), visits.len()));
    figures.insert(
        "cancelled",
        part(count(PlantedVisit::is_cancelled), visits.len()),
    );
    figures.insert("came", part(came, came + missed));
    figures.insert("no_show", part(missed, came + missed));
}

fn quality(all: &[&Planted], figures: &mut BTreeMap<&'static str, Value>) {
    let stars: Vec<f64> = all
        .iter()
        .filter_map(|one| one.stars)
        .map(f64::from)
        .collect();
    figures.insert("csat", mean(&stars));
    let sure: Vec<f64> = all
        .iter()
        .flat_map(|one| one.sure.iter().copied())
        .collect();
    figures.insert("confidence", mean(&sure));
    let sum =
        |of: fn(&PlantedDrafts) -> usize| all.iter().map(|one| of(&one.drafts)).sum::<usize>();
    let (sent, edited, rejected) = (
        sum(|of| of.sent),
        sum(|of| of.edited),
        sum(|of| of.rejected),
    );
    let judged = sent + edited + rejected;
    figures.insert("drafts_unchanged", part(sent, judged));
    figures.insert("drafts_edited", part(edited, judged));
    figures.insert("drafts_rejected", part(rejected, judged));
    let verdicts: Vec<PlantedVerdict> = all.iter().filter_map(|one| one.verdict).collect();
    let told = |is: fn(&PlantedVerdict) -> bool| {
        part(
            verdicts.iter().filter(|one| is(one)).count(),
            verdicts.len(),
        )
    };
    figures.insert("reviewed_right", told(|one| one.right));
    figures.insert("reviewed_tone", told(|one| one.tone));
    let called = told(|one| one.should_have_escalated);
    figures.insert("reviewed_should_have_escalated", called);
}

fn money(enquiries: &[&Planted], figures: &mut BTreeMap<&'static str, Value>) {
    let costs: Vec<f64> = enquiries.iter().map(|one| one.cost).collect();
    let tokens: Vec<f64> = enquiries.iter().map(|one| real(one.tokens)).collect();
    let booked: usize = enquiries.iter().map(|one| one.visits.len()).sum();
    let per_booking = (booked > 0).then(|| costs.iter().sum::<f64>() / size(booked));
    figures.insert("tokens_per_enquiry", mean(&tokens));
    figures.insert("cost_per_enquiry", mean(&costs));
    figures.insert("cost_per_booking", (per_booking, booked));
}

/// Jain's index of how many enquiries each of the staff had.
fn fairness(enquiries: &[&Planted]) -> Value {
    let of = |who: &&str| {
        enquiries
            .iter()
            .filter(|one| one.staff.contains(who))
            .count()
    };
    let people: BTreeSet<&str> = enquiries
        .iter()
        .flat_map(|one| one.staff.iter().copied())
        .collect();
    let load: Vec<f64> = people.iter().map(|who| size(of(who))).collect();
    let (sum, squares) = load.iter().fold((0.0, 0.0), |(sum, squares), one| {
        (sum + one, squares + one * one)
    });
    let index = (!load.is_empty()).then(|| sum * sum / size(load.len()) / squares);
    (index, load.len())
}

fn number(count: usize) -> Value {
    (Some(size(count)), count)
}

fn part(some: usize, all: usize) -> Value {
    ((all > 0).then(|| size(some) / size(all)), all)
}

fn mean(of: &[f64]) -> Value {
    let mean = (!of.is_empty()).then(|| of.iter().sum::<f64>() / size(of.len()));
    (mean, of.len())
}

/// The smallest of sorted times that so many tenths of all do not exceed.
fn tenth(sorted: &[TimeDelta], tenths: usize) -> Value {
    let rank = (sorted.len() * tenths).div_ceil(10);
    let value = rank.checked_sub(1).and_then(|rank| sorted.get(rank));
    (value.map(|time| time.as_seconds_f64()), sorted.len())
}

#[expect(clippy::cast_precision_loss, reason = "nobody plants 2^53 dialogues")]
fn size(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "far less than 2^53")]
fn real(number: i64) -> f64 {
    number as f64
}
