//! The figures themselves. Each has one definition, in `docs/kpi.md`, and how sure it is.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use zapis_core::message::ConversationId;
use zapis_core::store::Store;

use super::dialogue::Ending;
use super::follow::{FollowError, read};
use super::review::Verdict;
use super::{Dialogue, Visit};
use crate::business::Business;
use crate::statistics::{Z, size, wilson};
use crate::words::Language;

/// What a figure is a number of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// So many.
    Count,
    /// A part of a whole, 0 to 1.
    Share,
    /// Seconds.
    Seconds,
    /// Stars, 1 to 5.
    Stars,
    /// Tokens of language models.
    Tokens,
    /// The currency of the configured prices.
    Money,
}

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// Its name in `docs/kpi.md`.
    pub id: &'static str,
    /// What it is; nothing where there is nothing to count.
    pub value: Option<f64>,
    /// What it is a number of.
    pub unit: Unit,
    /// Of how many it was counted.
    pub of: usize,
    /// The interval in which it lies in 95 of 100 such periods, where that can be told.
    pub interval: Option<(f64, f64)>,
}

impl Unit {
    /// A value of it in words: `83.2 %`, `1,5 мин`.
    pub fn told(self, value: f64, language: Language) -> String {
        let number = |value: f64, digits: usize| {
            let text = format!("{value:.digits$}");
            match language {
                Language::Ru => text.replace('.', ","),
                Language::En => text,
            }
        };
        let timed = |value, ru, en| {
            let unit = if language == Language::Ru { ru } else { en };
            format!("{} {unit}", number(value, 1))
        };
        match self {
            Self::Count | Self::Tokens => number(value, 0),
            Self::Share => format!("{} %", number(value * 100.0, 1)),
            Self::Seconds if value < 120.0 => timed(value, "с", "s"),
            Self::Seconds if value < 7_200.0 => timed(value / 60.0, "мин", "min"),
            Self::Seconds => timed(value / 3_600.0, "ч", "h"),
            Self::Stars => number(value, 2),
            Self::Money => number(value, 4),
        }
    }
}

impl Figure {
    /// The value in words; a dash where there is none.
    pub fn told(&self, language: Language) -> String {
        let value = self.value.map(|value| self.unit.told(value, language));
        value.unwrap_or_else(|| "–".to_owned())
    }

    /// The interval in words.
    pub fn interval_told(&self, language: Language) -> Option<String> {
        let (low, high) = self.interval?;
        let told = |value| self.unit.told(value, language);
        Some(format!("{} … {}", told(low), told(high)))
    }
}

/// By what figures are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The messenger.
    Channel,
    /// The bot, number or widget.
    Account,
    /// What the customer wanted.
    Intent,
    /// What was booked.
    Service,
    /// In which of the firm's places it is done.
    Location,
    /// Where the customer came from.
    Source,
    /// The arms of experiments and versions of prompts that it was answered with.
    Variant,
    /// Who of the staff wrote.
    Staff,
    /// Days at the firm.
    Day,
    /// Weeks at the firm.
    Week,
    /// Months at the firm.
    Month,
}

impl By {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Channel,
        Self::Account,
        Self::Intent,
        Self::Service,
        Self::Location,
        Self::Source,
        Self::Variant,
        Self::Staff,
        Self::Day,
        Self::Week,
        Self::Month,
    ];

    /// Its name in commands, JSON and addresses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Account => "account",
            Self::Intent => "intent",
            Self::Service => "service",
            Self::Location => "location",
            Self::Source => "source",
            Self::Variant => "variant",
            Self::Staff => "staff",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The one with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.name() == name)
    }
}

/// The figures of one group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// Its name: `telegram`, `2026-11`, …; nothing for all together.
    pub name: Option<String>,
    /// All figures, always in the same order.
    pub figures: Vec<Figure>,
}

impl Group {
    /// The figure with this name.
    pub fn figure(&self, id: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.id == id)
    }
}

/// A dialogue and whose it is.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The event that opened it.
    pub id: String,
    /// Whose it is.
    pub conversation: ConversationId,
    /// What it came to.
    pub dialogue: Dialogue,
}

/// The enquiries in which one of these variants was used, the first first: those of an experiment begin with
/// `experiment:`.
pub async fn tried(store: &Store, begins: &str) -> Result<Vec<Entry>, FollowError> {
    let mut found = Vec::new();
    for row in store.dialogues_tried(begins).await? {
        let dialogue: Dialogue = read(&row.facts, &row.id)?;
        if dialogue.is_enquiry() {
            found.push(Entry {
                id: row.id,
                conversation: row.conversation,
                dialogue,
            });
        }
    }
    Ok(found)
}

/// What was counted in a span of time.
#[derive(Debug, Clone, Default)]
pub struct Counted {
    /// The dialogues that began in it.
    pub dialogues: Vec<Entry>,
    /// The visits that were booked in them.
    pub visits: BTreeMap<String, Visit>,
    /// In which place of the firm persons and rooms are.
    pub(super) places: BTreeMap<String, String>,
}

impl Counted {
    /// Reads them.
    pub async fn of(store: &Store, span: &Range<DateTime<Utc>>) -> Result<Self, FollowError> {
        let mut counted = Self::default();
        for row in store.dialogues_between(span).await? {
            let dialogue: Dialogue = read(&row.facts, &row.id)?;
            if dialogue.messages > 0 {
                counted.dialogues.push(Entry {
                    id: row.id,
                    conversation: row.conversation,
                    dialogue,
                });
            }
        }
        let booked = counted
            .dialogues
            .iter()
            .flat_map(|one| &one.dialogue.bookings);
        let booked: Vec<&str> = booked.map(String::as_str).collect();
        for row in store.kpi_visits(&booked).await? {
            let visit = read(&row.facts, &row.booking)?;
            counted.visits.insert(row.booking, visit);
        }
        Ok(counted)
    }

    /// Some of its dialogues, with what belongs to them.
    #[must_use]
    pub fn only(&self, is_one: impl Fn(&Entry) -> bool) -> Self {
        let dialogues = self.dialogues.iter().filter(|entry| is_one(entry));
        Self {
            dialogues: dialogues.cloned().collect(),
            visits: self.visits.clone(),
            places: self.places.clone(),
        }
    }

    /// Visits are where their persons and rooms are by now: the journal does not tell places.
    #[must_use]
    pub fn placed(mut self, firm: &Business) -> Self {
        let staff = firm.staff.iter().map(|one| (&one.id, &one.location));
        let rooms = firm.resources.iter().map(|one| (&one.id, &one.location));
        let places = staff.chain(rooms);
        self.places = places
            .map(|(id, place)| (id.clone(), place.clone()))
            .collect();
        self
    }

    /// The figures of all together, then of each group, by name.
    pub fn figures(&self, by: Option<By>, zone: Tz, now: DateTime<Utc>) -> Vec<Group> {
        let all: Vec<&Entry> = self.dialogues.iter().collect();
        let mut groups = vec![Group {
            name: None,
            figures: self.count(&all, now),
        }];
        let Some(by) = by else {
            return groups;
        };
        let mut named: BTreeMap<String, Vec<&Entry>> = BTreeMap::new();
        for entry in all {
            for name in self.names(entry, by, zone) {
                named.entry(name).or_default().push(entry);
            }
        }
        groups.extend(named.into_iter().map(|(name, of)| Group {
            figures: self.count(&of, now),
            name: Some(name),
        }));
        groups
    }

    /// Whether a dialogue is one of those behind a figure: of a share one of those that it counts (of `answered` one
    /// that nobody answered), of times one that has it. No figure but these has any.
    fn is_behind(&self, one: &Dialogue, id: &str, now: DateTime<Utc>) -> bool {
        let enquiry = one.is_enquiry();
        let ended = |wanted| enquiry && one.is_judged(now) && one.ending() == Some(wanted);
        match id {
            "answered" => enquiry && !one.is_answered(),
            "automated" => enquiry && one.is_automated(),
            "automated_confirmed" => ended(Ending::Confirmed),
            "automated_silent" => ended(Ending::Silent),
            "automated_reopened" => ended(Ending::Reopened),
            "escalated" => enquiry && one.handoff_at.is_some(),
            "qualified" => enquiry && one.is_qualified(),
            "booked" => enquiry && !one.bookings.is_empty(),
            "no_show" => self.booked(one).any(Visit::missed),
            "csat" => one.stars.is_some_and(|stars| stars <= 3),
            "negative" => enquiry && one.negative,
            "reviewed_right" => one.verdict.is_some_and(|verdict| !verdict.right),
            "reviewed_tone" => one.verdict.is_some_and(|verdict| verdict.tone),
            "reviewed_should_have_escalated" => one
                .verdict
                .is_some_and(|verdict| verdict.should_have_escalated),
            "drafts_edited" => one.drafts.edited > 0,
            "drafts_rejected" => one.drafts.rejected > 0,
            "bot_first_answer_p90" => enquiry && one.bot_at.is_some(),
            "staff_first_answer_p90" => enquiry && one.staff_after().is_some(),
            _ => false,
        }
    }

    /// Whether there are dialogues behind a figure.
    pub fn has_behind(&self, id: &str, now: DateTime<Utc>) -> bool {
        let mut all = self.dialogues.iter();
        all.any(|entry| self.is_behind(&entry.dialogue, id, now))
    }

    /// The dialogues behind a figure, the longest wait first where it is a time, else the newest.
    pub fn behind(&self, id: &str, now: DateTime<Utc>) -> Vec<&Entry> {
        let all = self.dialogues.iter().rev();
        let behind = all.filter(|entry| self.is_behind(&entry.dialogue, id, now));
        let mut behind: Vec<&Entry> = behind.collect();
        let wait: fn(&Dialogue) -> Option<TimeDelta> = match id {
            "bot_first_answer_p90" => Dialogue::bot_after,
            "staff_first_answer_p90" => Dialogue::staff_after,
            _ => return behind,
        };
        behind.sort_by_key(|entry| Reverse(wait(&entry.dialogue)));
        behind
    }

    /// The groups that a dialogue belongs to: as a rule one.
    fn names(&self, entry: &Entry, by: By, zone: Tz) -> BTreeSet<String> {
        let (conversation, dialogue) = (&entry.conversation, &entry.dialogue);
        let day = dialogue.started_at.with_timezone(&zone).date_naive();
        let none = || "-".to_owned();
        let one = |name: String| BTreeSet::from([name]);
        match by {
            By::Channel => one(conversation.channel().to_owned()),
            By::Account => one(format!(
                "{}:{}",
                conversation.channel(),
                conversation.account()
            )),
            By::Intent => one(dialogue.intent.clone().unwrap_or_else(none)),
            By::Source => one(dialogue.source.clone().unwrap_or_else(none)),
            By::Variant if dialogue.variants.is_empty() => one(none()),
            By::Variant => dialogue.variants.keys().cloned().collect(),
            By::Day => one(day.to_string()),
            By::Week => {
                let week = day.iso_week();
                one(format!("{}-W{:02}", week.year(), week.week()))
            }
            By::Month => one(day.format("%Y-%m").to_string()),
            By::Staff => dialogue.staff.keys().cloned().collect(),
            By::Service => {
                let services = self.booked(dialogue).flat_map(|visit| &visit.services);
                services.cloned().collect()
            }
            By::Location => {
                let taken = self.booked(dialogue).flat_map(|visit| &visit.resources);
                let places = taken.map(|id| self.places.get(id).cloned());
                places.map(|place| place.unwrap_or_else(none)).collect()
            }
        }
    }

    /// The visits that were booked in a dialogue.
    fn booked(&self, dialogue: &Dialogue) -> impl Iterator<Item = &Visit> {
        let booked = dialogue.bookings.iter();
        booked.filter_map(|id| self.visits.get(id))
    }

    fn count(&self, entries: &[&Entry], now: DateTime<Utc>) -> Vec<Figure> {
        let dialogues: Vec<&Dialogue> = entries.iter().map(|entry| &entry.dialogue).collect();
        let enquiries: Vec<&Dialogue> = dialogues
            .iter()
            .copied()
            .filter(|one| one.is_enquiry())
            .collect();
        let customers: BTreeSet<&ConversationId> = entries
            .iter()
            .filter(|entry| entry.dialogue.is_enquiry())
            .map(|entry| &entry.conversation)
            .collect();
        let mut figures = vec![
            number("enquiries", enquiries.len()),
            number("customers", customers.len()),
            share("answered", enquiries.iter().map(|one| one.is_answered())),
        ];
        figures.extend(times(
            ["bot_first_answer_median", "bot_first_answer_p90"],
            enquiries.iter().filter_map(|one| one.bot_after()),
        ));
        figures.extend(times(
            ["staff_first_answer_median", "staff_first_answer_p90"],
            enquiries.iter().filter_map(|one| one.staff_after()),
        ));
        figures.push(fairness(&enquiries));
        figures.extend(automated(&enquiries, now));
        figures.push(share(
            "escalated",
            enquiries.iter().map(|one| one.handoff_at.is_some()),
        ));
        figures.extend(times(
            ["escalation_after_median", "escalation_after_p90"],
            enquiries.iter().filter_map(|one| one.handoff_after()),
        ));
        figures.push(share(
            "qualified",
            enquiries.iter().map(|one| one.is_qualified()),
        ));
        figures.push(share(
            "booked",
            enquiries.iter().map(|one| !one.bookings.is_empty()),
        ));
        figures.extend(self.visits(&dialogues));
        figures.push(mean(
            "csat",
            Unit::Stars,
            dialogues.iter().filter_map(|one| one.stars).map(f64::from),
        ));
        figures.push(share("negative", enquiries.iter().map(|one| one.negative)));
        figures.extend(quality(&dialogues));
        figures.extend(reviewed(&dialogues));
        figures.extend(money(&enquiries));
        figures
    }

    /// What became of the visits that were booked.
    fn visits(&self, dialogues: &[&Dialogue]) -> Vec<Figure> {
        let booked: BTreeSet<&String> = dialogues.iter().flat_map(|one| &one.bookings).collect();
        let visits: Vec<&Visit> = booked
            .iter()
            .filter_map(|&id| self.visits.get(id))
            .collect();
        let marked = visits.iter().filter(|one| one.came() || one.missed());
        let marked: Vec<bool> = marked.map(|one| one.missed()).collect();
        vec![
            number("bookings", booked.len()),
            share("confirmed", visits.iter().map(|one| one.confirmed)),
            share("cancelled", visits.iter().map(|one| one.cancelled())),
            share("came", marked.iter().map(|missed| !missed)),
            share("no_show", marked.iter().copied()),
        ]
    }
}

fn money(enquiries: &[&Dialogue]) -> Vec<Figure> {
    let tokens = enquiries.iter().map(|one| real(one.tokens));
    let cost: f64 = enquiries.iter().map(|one| one.cost).sum();
    let booked: BTreeSet<&String> = enquiries.iter().flat_map(|one| &one.bookings).collect();
    let per_booking = (!booked.is_empty()).then(|| cost / size(booked.len()));
    vec![
        mean("tokens_per_enquiry", Unit::Tokens, tokens),
        mean(
            "cost_per_enquiry",
            Unit::Money,
            enquiries.iter().map(|one| one.cost),
        ),
        Figure {
            id: "cost_per_booking",
            value: per_booking,
            unit: Unit::Money,
            of: booked.len(),
            interval: None,
        },
    ]
}

/// How evenly enquiries are spread over those of the staff who wrote in them: the index of Jain, Chiu and Hawe (DEC-TR-301,
/// 1984), `(Σx)² / (n · Σx²)`: 1 where all had as many, 1/n where one had all.
fn fairness(enquiries: &[&Dialogue]) -> Figure {
    let mut load: BTreeMap<&String, f64> = BTreeMap::new();
    for who in enquiries.iter().flat_map(|one| one.staff.keys()) {
        *load.entry(who).or_default() += 1.0;
    }
    let squares: f64 = load.values().map(|count| count * count).sum();
    let index = load.values().sum::<f64>().powi(2) / (size(load.len()) * squares);
    Figure {
        id: "staff_fairness",
        value: (!load.is_empty()).then_some(index),
        unit: Unit::Share,
        of: load.len(),
        interval: None,
    }
}

/// What the bot led alone, and how that ended. Who may still write again is not judged yet.
fn automated(enquiries: &[&Dialogue], now: DateTime<Utc>) -> Vec<Figure> {
    let answered = enquiries.iter().filter(|one| one.is_answered());
    let over = enquiries.iter().filter(|one| one.is_judged(now));
    let endings: Vec<Ending> = over.filter_map(|one| one.ending()).collect();
    let ended = |id, wanted| share(id, endings.iter().map(move |ending| *ending == wanted));
    vec![
        share("automated", answered.map(|one| one.is_automated())),
        ended("automated_confirmed", Ending::Confirmed),
        ended("automated_silent", Ending::Silent),
        ended("automated_reopened", Ending::Reopened),
    ]
}

/// How sure the bot was, and what the staff made of its drafts.
fn quality(dialogues: &[&Dialogue]) -> Vec<Figure> {
    let decided: u32 = dialogues.iter().map(|one| one.decided).sum();
    let sure: f64 = dialogues.iter().map(|one| one.confidence).sum();
    let surely = (decided > 0).then(|| sure / f64::from(decided));
    // Turns of one dialogue are alike: the interval is that of dialogues.
    let each = dialogues.iter().filter(|one| one.decided > 0);
    let each = each.map(|one| one.confidence / f64::from(one.decided));
    let each = mean("confidence", Unit::Share, each);
    let half = each.interval.map(|(low, high)| (high - low) / 2.0);
    let sum = |what: fn(&Dialogue) -> u32| {
        dialogues
            .iter()
            .map(|one| what(one) as usize)
            .sum::<usize>()
    };
    let sent = sum(|one| one.drafts.sent);
    let edited = sum(|one| one.drafts.edited);
    let rejected = sum(|one| one.drafts.rejected);
    let judged = sent + edited + rejected;
    vec![
        Figure {
            id: "confidence",
            value: surely,
            unit: Unit::Share,
            of: decided as usize,
            interval: surely
                .zip(half)
                .map(|(sure, half)| (sure - half, sure + half)),
        },
        part("drafts_unchanged", sent, judged),
        part("drafts_edited", edited, judged),
        part("drafts_rejected", rejected, judged),
    ]
}

/// What people thought of dialogues that were drawn by chance.
fn reviewed(dialogues: &[&Dialogue]) -> [Figure; 3] {
    let verdicts: Vec<_> = dialogues.iter().filter_map(|one| one.verdict).collect();
    let judged = |id, what: fn(&Verdict) -> bool| share(id, verdicts.iter().map(what));
    [
        judged("reviewed_right", |one| one.right),
        judged("reviewed_tone", |one| one.tone),
        judged("reviewed_should_have_escalated", |one| {
            one.should_have_escalated
        }),
    ]
}

fn number(id: &'static str, count: usize) -> Figure {
    Figure {
        id,
        value: Some(size(count)),
        unit: Unit::Count,
        of: count,
        interval: None,
    }
}

fn share(id: &'static str, of: impl Iterator<Item = bool>) -> Figure {
    let (mut yes, mut all) = (0, 0);
    for one in of {
        yes += usize::from(one);
        all += 1;
    }
    part(id, yes, all)
}

fn part(id: &'static str, yes: usize, all: usize) -> Figure {
    let (yes_of, all_of) = (size(yes), size(all));
    Figure {
        id,
        value: (all > 0).then(|| yes_of / all_of),
        unit: Unit::Share,
        of: all,
        interval: wilson(yes_of, all_of),
    }
}

/// The median and the ninth decile of times, under these names.
fn times([median, p90]: [&'static str; 2], of: impl Iterator<Item = TimeDelta>) -> [Figure; 2] {
    let mut seconds: Vec<f64> = of.map(TimeDelta::as_seconds_f64).collect();
    seconds.sort_unstable_by(f64::total_cmp);
    [
        quantile(median, &seconds, 0.5),
        quantile(p90, &seconds, 0.9),
    ]
}

/// The smallest value that so great a part of all does not exceed; the interval lies between the values whose ranks
/// enclose it in 95 of 100 samples (normal approximation of the binomial distribution).
fn quantile(id: &'static str, sorted: &[f64], part: f64) -> Figure {
    let n = size(sorted.len());
    let spread = Z * (n * part * (1.0 - part)).sqrt();
    let at = |rank: f64| rank_of(rank, sorted.len()).and_then(|rank| sorted.get(rank).copied());
    let enough = n * part.min(1.0 - part) >= 5.0;
    let interval = at(n * part - spread).zip(at(n * part + spread));
    Figure {
        id,
        value: at((n * part).ceil() - 1.0),
        unit: Unit::Seconds,
        of: sorted.len(),
        interval: interval.filter(|_| enough),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped right before"
)]
fn rank_of(rank: f64, len: usize) -> Option<usize> {
    let last = len.checked_sub(1)?;
    Some(rank.clamp(0.0, size(last)).round() as usize)
}

/// A mean, with the interval of the normal approximation where there are enough.
fn mean(id: &'static str, unit: Unit, of: impl Iterator<Item = f64>) -> Figure {
    let values: Vec<f64> = of.collect();
    let n = size(values.len());
    let mean = (!values.is_empty()).then(|| values.iter().sum::<f64>() / n);
    let interval = mean.filter(|_| values.len() >= 30).map(|mean| {
        let squares = values.iter().map(|value| (value - mean).powi(2));
        let half = Z * (squares.sum::<f64>() / (n - 1.0) / n).sqrt();
        (mean - half, mean + half)
    });
    Figure {
        id,
        value: mean,
        unit,
        of: values.len(),
        interval,
    }
}

#[expect(clippy::cast_precision_loss, reason = "far less than 2^53")]
fn real(number: i64) -> f64 {
    number as f64
}
