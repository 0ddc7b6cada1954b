//! Who may miss a visit, and why: a naive Bayes model of few factors, learnt from the visits that the firm has marked.
//! `docs/forecast.md` has the formulas and their sources.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use uuid::Uuid;
use zapis_core::message::ConversationId;
use zapis_core::store::Item;

use super::history::Coming;

/// So many visits must be marked, …
pub const LEAST_MARKED: u32 = 100;
/// … so many of them missed, and so many kept, before a chance is told.
pub const LEAST_OF_EACH: u32 = 10;
/// A factor counts as much as the average until about so many missed and kept visits have it.
const USUAL: f64 = 10.0;
/// A customer is like the average one until about so many visits of hers are marked.
const USUAL_VISITS: f64 = 4.0;
/// From so long before it on a visit should be confirmed.
const ASKED: TimeDelta = TimeDelta::hours(24);
/// Booked so shortly before, …
const SHORT: TimeDelta = TimeDelta::days(2);
/// … or so long.
const LONG: TimeDelta = TimeDelta::days(7);
/// Visits with this many times the firm's rate are told of.
const LIKELY: f64 = 1.5;
/// How many are told of.
const TOLD: usize = 20;

/// A visit as far as it tells whether she comes.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The same for the same customer; nothing where nobody knows whose it was.
    pub who: Option<String>,
    /// When it was booked first.
    pub made_at: DateTime<Utc>,
    /// When it begins.
    pub starts_at: DateTime<Utc>,
    /// Whether she said that she comes, or is late.
    pub confirmed: bool,
    /// Whether she missed it, once that is marked.
    pub missed: Option<bool>,
}

/// What speaks for or against her coming.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// How many of her marked visits she has missed.
    History,
    /// None of her visits was marked before.
    FirstVisit,
    /// She has not confirmed, a day before or later.
    NotConfirmed,
    /// She has confirmed.
    Confirmed,
    /// It was booked less than two days before.
    BookedShortBefore,
    /// It was booked two to seven days before.
    BookedInTheWeek,
    /// It was booked more than a week before.
    BookedLongBefore,
}

impl Factor {
    /// Its name in JSON, in tables and in texts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::History => "history",
            Self::FirstVisit => "first_visit",
            Self::NotConfirmed => "not_confirmed",
            Self::Confirmed => "confirmed",
            Self::BookedShortBefore => "booked_short_before",
            Self::BookedInTheWeek => "booked_in_the_week",
            Self::BookedLongBefore => "booked_long_before",
        }
    }

    /// What it weighs where there is nothing to learn from.
    const fn points(self) -> u32 {
        match self {
            Self::History => 3,
            Self::NotConfirmed => 2,
            Self::FirstVisit | Self::BookedLongBefore => 1,
            _ => 0,
        }
    }
}

/// A factor of a visit, and by how much it multiplies the odds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Because {
    /// Which.
    pub factor: Factor,
    /// By so much; nothing where there is too little to learn from.
    pub times: Option<f64>,
}

/// A visit that may be missed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Risk {
    /// How likely, 0 to 1; nothing where there is too little to learn from.
    pub chance: Option<f64>,
    /// By what it is put in order: the chance, or points.
    pub rank: f64,
    /// Why, the strongest first.
    pub because: Vec<Because>,
    /// How many of her visits are marked.
    pub marked: u32,
    /// How many of those she missed.
    pub missed: u32,
}

/// How the chances did: the mean square of what they were off (Brier's score; the less the better).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Brier {
    /// This model.
    pub ours: f64,
    /// «Everybody misses as often as all do».
    pub constant: f64,
    /// On how many visits, which the model had not seen.
    pub of: u32,
}

/// What the firm should do about a visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Call her.
    Call,
    /// Ask her whether she comes.
    AskToConfirm,
    /// Offer her a time that is nearer.
    OfferOtherTime,
    /// Somebody waits for such a time: keep her ready.
    KeepWaitingReady,
}

impl Action {
    /// Its name in JSON, in tables and in texts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::AskToConfirm => "ask_to_confirm",
            Self::OfferOtherTime => "offer_other_time",
            Self::KeepWaitingReady => "keep_waiting_ready",
        }
    }

    fn about(one: &Coming, risk: &Risk, waited: &BTreeSet<String>, now: DateTime<Utc>) -> Self {
        let Coming { booking, record } = one;
        let left = record.starts_at - now;
        let is_waited = |item: &Item| waited.contains(&item.service);
        if risk.missed > 0 && booking.visit.items.iter().any(is_waited) {
            Self::KeepWaitingReady
        } else if risk.missed > 0 && left > LONG {
            Self::OfferOtherTime
        } else if booking.conversation.is_some() && !record.confirmed && left > ASKED {
            Self::AskToConfirm
        } else {
            Self::Call
        }
    }
}

/// A visit that lies ahead and may be missed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AtRisk {
    /// Which.
    pub booking: Uuid,
    /// When it begins.
    pub starts_at: DateTime<Utc>,
    /// The services, by id.
    pub services: Vec<String>,
    /// The people who do them, by id.
    pub people: Vec<String>,
    /// Where she is written to.
    pub conversation: Option<ConversationId>,
    /// How likely, and why.
    #[serde(flatten)]
    pub risk: Risk,
    /// What to do.
    pub action: Action,
}

/// Which visits may be missed, and how sure that is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NoShows {
    /// How many visits were marked.
    pub marked: u32,
    /// How many of them were missed.
    pub missed: u32,
    /// Whether that is enough to tell chances; otherwise visits stand in the order of what speaks against them.
    pub is_enough: bool,
    /// How the chances did; nothing where there are too few.
    pub back_test: Option<Brier>,
    /// The visits, the likeliest first.
    pub visits: Vec<AtRisk>,
}

/// Judges what lies ahead by what was marked; `waited` are services that somebody waits for.
pub fn no_shows(
    marked: &[Record],
    coming: &[Coming],
    waited: &BTreeSet<String>,
    now: DateTime<Utc>,
) -> NoShows {
    let model = Model::learn(marked);
    let judged = coming
        .iter()
        .map(|one| (one, model.judge(&one.record, now)));
    let likely = judged.filter(|(_, risk)| model.is_likely(risk));
    let mut visits: Vec<AtRisk> = likely
        .map(|(one, risk)| {
            let items = &one.booking.visit.items;
            AtRisk {
                booking: one.booking.id,
                starts_at: one.record.starts_at,
                services: items.iter().map(|item| item.service.clone()).collect(),
                people: items.iter().map(|item| item.resource.clone()).collect(),
                conversation: one.booking.conversation.clone(),
                action: Action::about(one, &risk, waited, now),
                risk,
            }
        })
        .collect();
    visits.sort_by(|one, other| other.risk.rank.total_cmp(&one.risk.rank));
    visits.truncate(TOLD);
    let is_missed = |record: &&Record| record.missed == Some(true);
    NoShows {
        marked: count(marked.len()),
        missed: count(marked.iter().filter(is_missed).count()),
        is_enough: model.is_enough(),
        back_test: back_test(marked),
        visits,
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// What one customer has done.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    marked: u32,
    missed: u32,
}

/// What was learnt from marked visits.
#[derive(Debug, Default)]
pub struct Model {
    missed: f64,
    came: f64,
    factors: HashMap<Factor, (f64, f64)>,
    customers: HashMap<String, Tally>,
}

impl Model {
    /// Learns from visits in the order in which they took place.
    pub fn learn(marked: &[Record]) -> Self {
        let mut model = Self::default();
        for record in marked {
            model.take(record);
        }
        model
    }

    fn take(&mut self, record: &Record) {
        let Some(missed) = record.missed else {
            return;
        };
        for factor in self.factors(record, record.starts_at) {
            let (missing, coming) = self.factors.entry(factor).or_default();
            *(if missed { missing } else { coming }) += 1.0;
        }
        *(if missed {
            &mut self.missed
        } else {
            &mut self.came
        }) += 1.0;
        if let Some(who) = &record.who {
            let tally = self.customers.entry(who.clone()).or_default();
            tally.marked += 1;
            tally.missed += u32::from(missed);
        }
    }

    /// How many visits were marked.
    pub fn marked(&self) -> f64 {
        self.missed + self.came
    }

    /// The share of them that was missed.
    pub fn rate(&self) -> Option<f64> {
        (self.marked() > 0.0).then(|| self.missed / self.marked())
    }

    /// Whether that is enough to tell chances.
    pub fn is_enough(&self) -> bool {
        self.marked() >= f64::from(LEAST_MARKED)
            && self.missed.min(self.came) >= f64::from(LEAST_OF_EACH)
    }

    /// The factors that are learnt as shares: at most one of each kind.
    fn factors(&self, record: &Record, now: DateTime<Utc>) -> Vec<Factor> {
        let mut factors = Vec::new();
        let known = |who: &String| self.customers.contains_key(who);
        factors.extend(record.who.as_ref().map(|who| {
            if known(who) {
                Factor::History
            } else {
                Factor::FirstVisit
            }
        }));
        if record.confirmed {
            factors.push(Factor::Confirmed);
        } else if record.starts_at - now <= ASKED && record.starts_at - record.made_at > ASKED {
            // Who books today for today is not asked.
            factors.push(Factor::NotConfirmed);
        }
        let ahead = record.starts_at - record.made_at;
        factors.push(if ahead < SHORT {
            Factor::BookedShortBefore
        } else if ahead <= LONG {
            Factor::BookedInTheWeek
        } else {
            Factor::BookedLongBefore
        });
        factors
    }

    /// How much likelier a factor is where a visit is missed; 1 until there is something to learn from.
    fn times(&self, factor: Factor) -> f64 {
        let Some(&(missed, came)) = self.factors.get(&factor) else {
            return 1.0;
        };
        let usual = USUAL * (missed + came) / self.marked();
        (missed + usual) / (self.missed + USUAL) * (self.came + USUAL) / (came + usual)
    }

    /// Judges a visit that is to come about.
    pub fn judge(&self, record: &Record, now: DateTime<Utc>) -> Risk {
        let tally = record.who.as_ref().and_then(|who| self.customers.get(who));
        let Tally { marked, missed } = tally.copied().unwrap_or_default();
        let factors = self.factors(record, now);
        let Some(rate) = self.rate().filter(|_| self.is_enough()) else {
            let mut factors = factors;
            factors.retain(|one| one.points() > 0 && (*one != Factor::History || missed > 0));
            factors.sort_by_key(|factor| Reverse(factor.points()));
            let points = factors.iter().map(|factor| f64::from(factor.points()));
            return Risk {
                chance: None,
                rank: points.sum(),
                because: factors
                    .iter()
                    .map(|&factor| Because {
                        factor,
                        times: None,
                    })
                    .collect(),
                marked,
                missed,
            };
        };
        let weighed = factors.into_iter().map(|factor| {
            let times = self.times(factor);
            let times = match factor {
                Factor::History => {
                    // Who has been here before is like all who have, until more is known of her.
                    let usual = chance(odds(rate) * times);
                    let hers = (f64::from(missed) + USUAL_VISITS * usual)
                        / (f64::from(marked) + USUAL_VISITS);
                    odds(hers) / odds(rate)
                }
                _ => times,
            };
            (factor, times)
        });
        let mut weighed: Vec<(Factor, f64)> = weighed.collect();
        weighed.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        let all = weighed
            .iter()
            .fold(odds(rate), |odds, (_, times)| odds * times);
        let because = |&(factor, times): &(Factor, f64)| Because {
            factor,
            times: Some(times),
        };
        Risk {
            chance: Some(chance(all)),
            rank: chance(all),
            because: weighed.iter().map(because).collect(),
            marked,
            missed,
        }
    }

    /// Whether a visit is worth a look.
    pub fn is_likely(&self, risk: &Risk) -> bool {
        match risk.chance.zip(self.rate()) {
            Some((chance, rate)) => chance >= LIKELY * rate,
            None => risk.rank >= 2.0,
        }
    }
}

/// Tries the model on the last third of the visits: each is judged by those before it. Nothing where there are too few.
pub fn back_test(marked: &[Record]) -> Option<Brier> {
    let (mut ours, mut constant, mut of) = (0.0, 0.0, 0_u32);
    let mut model = Model::default();
    for (place, record) in marked.iter().enumerate() {
        let judged = place * 3 >= marked.len() * 2;
        if let (true, Some(missed)) = (judged, record.missed)
            && let (Some(chance), Some(rate)) =
                (model.judge(record, record.starts_at).chance, model.rate())
        {
            let missed = f64::from(u8::from(missed));
            ours += (chance - missed).powi(2);
            constant += (rate - missed).powi(2);
            of += 1;
        }
        model.take(record);
    }
    let all = f64::from(of);
    (of > 0).then(|| Brier {
        ours: ours / all,
        constant: constant / all,
        of,
    })
}

fn odds(chance: f64) -> f64 {
    chance / (1.0 - chance)
}

fn chance(odds: f64) -> f64 {
    odds / (1.0 + odds)
}
