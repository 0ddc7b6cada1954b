//! What came of experiments.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::Serialize;
use zapis_core::message::ConversationId;
use zapis_core::store::{Ended, Store};

use super::{Experiment, Goal};
use crate::content::Content;
use crate::kpi::FollowError;
use crate::kpi::figures::{Entry, tried};
use crate::statistics::{is_uneven, needed, newcombe, size, wilson};
use crate::words::Language;

/// What came of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tested {
    /// Its id.
    pub id: String,
    /// What is tried.
    pub about: String,
    /// What decides.
    pub goal: Goal,
    /// How far it is.
    pub state: State,
    /// The arm that everybody gets since it was ended.
    pub keeps: Option<String>,
    /// Who has ended it.
    pub ended_by: Option<String>,
    /// When.
    pub ended_at: Option<DateTime<Utc>>,
    /// So many customers of each arm decide; who comes later changes nothing any more.
    pub needed: usize,
    /// Customers who met several arms, and are not counted.
    pub mixed: usize,
    /// The arms have so many customers as chance does not give: something is wrong, and nothing can be told.
    pub uneven: bool,
    /// The control, then the others.
    pub arms: Vec<Came>,
}

/// How far an experiment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its first day comes.
    Planned,
    /// It goes on.
    Running,
    /// Its last day is over.
    Over,
    /// Somebody has ended it.
    Ended,
}

/// What came of an arm.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Came {
    /// Its id.
    pub arm: String,
    /// Enquiries in which what is tried was used.
    pub dialogues: usize,
    /// Of how many customers.
    pub customers: usize,
    /// Those of them who decide.
    pub counted: usize,
    /// Those of these who reached the goal.
    pub reached: usize,
    /// Which part of them that is.
    pub share: Option<f64>,
    /// Its interval (Wilson, 95 %).
    pub interval: Option<(f64, f64)>,
    /// How far it is from the control; nothing for the control.
    pub difference: Option<Difference>,
    /// What that means.
    pub verdict: Option<Verdict>,
    /// How many customers are missing before anything can be told, of this arm and the control.
    pub missing: usize,
}

/// How far a share is from that of the control, 1 being a hundred points.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Difference {
    /// So far.
    pub value: f64,
    /// Its interval (Newcombe, 95 % for all arms together).
    pub low: f64,
    /// The same.
    pub high: f64,
}

/// What can be said of an arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The arms are uneven: nothing.
    Uneven,
    /// Nothing yet.
    Early,
    /// No difference is seen.
    Same,
    /// It is better than the control.
    Better,
    /// It is worse.
    Worse,
}

impl State {
    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Running => "running",
            Self::Over => "over",
            Self::Ended => "ended",
        }
    }
}

impl Difference {
    /// How far, and the interval, in points: `−1,2`.
    pub fn points(self, language: Language) -> [String; 3] {
        let point = |value: f64| {
            let text = format!("{:.1}", value * 100.0).replace('-', "−");
            match language {
                Language::Ru => text.replace('.', ","),
                Language::En => text,
            }
        };
        [point(self.value), point(self.low), point(self.high)]
    }
}

impl Came {
    /// The points of the verdict; those of one that is better or worse go from nothing up.
    pub fn points(&self, language: Language) -> Option<[String; 3]> {
        let sure = matches!(self.verdict, Some(Verdict::Better | Verdict::Worse));
        let told = |known: Difference| match known {
            Difference { value, low, high } if sure && value < 0.0 => Difference {
                value: -value,
                low: -high,
                high: -low,
            },
            known => known,
        };
        Some(told(self.difference?).points(language))
    }
}

impl Verdict {
    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uneven => "uneven",
            Self::Early => "early",
            Self::Same => "same",
            Self::Better => "better",
            Self::Worse => "worse",
        }
    }
}

/// What came of all experiments of a firm, as far as the journal is counted.
pub async fn results(
    store: &Store,
    content: &Content,
    now: DateTime<Utc>,
) -> Result<Vec<Tested>, FollowError> {
    let ended = store.ended_experiments().await?;
    let persons = store.persons().await?;
    let day = content.business.local(now).date_naive();
    let mut all = Vec::new();
    for experiment in content.experiments.all() {
        let entries = tried(store, &format!("{}:", experiment.id)).await?;
        let end = ended.iter().find(|end| end.experiment == experiment.id);
        let state = match end {
            Some(_) => State::Ended,
            None if experiment.is_on(day) => State::Running,
            None if experiment.from.is_some_and(|from| day < from) => State::Planned,
            None => State::Over,
        };
        let (seen, mixed) = seen(experiment, &entries, &persons, now);
        all.push(experiment.weighed(&seen, mixed, state, end));
    }
    Ok(all)
}

/// What was seen of an arm.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) dialogues: usize,
    pub(super) customers: usize,
    /// Of the customers of whom it can be told, whether they reached the goal, who came first first.
    pub(super) reached: Vec<bool>,
}

/// What an experiment knows of a customer.
#[derive(Default)]
struct Customer {
    arms: BTreeSet<usize>,
    dialogues: usize,
    /// What came of her first dialogue in which something was tried.
    reached: Option<bool>,
}

/// What was seen of each arm, and how many customers met several. A customer is what the firm knows as one person, and
/// counts with her first dialogue: later ones depend on it, and counted each for itself they would feign to be more.
fn seen(
    experiment: &Experiment,
    entries: &[Entry],
    persons: &BTreeMap<ConversationId, ConversationId>,
    now: DateTime<Utc>,
) -> (Vec<Seen>, usize) {
    let names = experiment.arms.iter();
    let names: Vec<String> = names
        .map(|arm| format!("{}:{}", experiment.id, arm.id))
        .collect();
    let mut places: BTreeMap<&ConversationId, usize> = BTreeMap::new();
    let mut customers: Vec<Customer> = Vec::new();
    for Entry {
        conversation,
        dialogue,
        ..
    } in entries
    {
        let person = persons.get(conversation).unwrap_or(conversation);
        let used = names.iter().enumerate();
        for (arm, since) in used.filter_map(|(n, name)| Some((n, *dialogue.variants.get(name)?))) {
            let place = *places.entry(person).or_insert_with(|| {
                customers.push(Customer {
                    reached: experiment.goal.is_reached(dialogue, since, now),
                    ..Customer::default()
                });
                customers.len() - 1
            });
            customers[place].arms.insert(arm);
            customers[place].dialogues += 1;
        }
    }
    let mut seen: Vec<Seen> = names.iter().map(|_| Seen::default()).collect();
    let mut mixed = 0;
    for customer in customers {
        match customer.arms.first() {
            Some(&arm) if customer.arms.len() == 1 => {
                seen[arm].dialogues += customer.dialogues;
                seen[arm].customers += 1;
                seen[arm].reached.extend(customer.reached);
            }
            _ => mixed += 1,
        }
    }
    (seen, mixed)
}

impl Experiment {
    /// How many customers of each arm decide: fixed before it begins, so that nobody can stop at a lucky moment.
    pub(super) fn needed(&self) -> usize {
        count(needed(self.expected, self.smallest, self.arms.len() - 1))
    }

    pub(super) fn weighed(
        &self,
        seen: &[Seen],
        mixed: usize,
        state: State,
        end: Option<&Ended>,
    ) -> Tested {
        let customers: Vec<f64> = seen.iter().map(|one| size(one.customers)).collect();
        let weights: Vec<f64> = self.arms.iter().map(|arm| arm.weight.into()).collect();
        let uneven = is_uneven(&customers, &weights);
        let needed = self.needed();
        let counts = |seen: &Seen| {
            let counted = seen.reached.len().min(needed);
            let reached = seen.reached[..counted].iter().filter(|one| **one).count();
            (counted, reached)
        };
        let control = seen.first().map_or((0, 0), counts);
        let came = |(place, (arm, seen)): (usize, (&super::Arm, &Seen))| {
            let (counted, reached) = counts(seen);
            let mut came = Came {
                arm: arm.id.clone(),
                dialogues: seen.dialogues,
                customers: seen.customers,
                counted,
                reached,
                share: (counted > 0).then(|| size(reached) / size(counted)),
                interval: wilson(size(reached), size(counted)),
                difference: None,
                verdict: None,
                missing: 0,
            };
            if place > 0 {
                came.missing = 2 * needed - control.0 - counted;
                came.difference = self.difference(control, (counted, reached));
                came.verdict = Some(self.verdict(&came, uneven));
            }
            came
        };
        Tested {
            id: self.id.clone(),
            about: self.about.clone(),
            goal: self.goal,
            state,
            keeps: end.and_then(|end| end.keeps.clone()),
            ended_by: end.map(|end| end.who.clone()),
            ended_at: end.map(|end| end.at),
            needed,
            mixed,
            uneven,
            arms: self.arms.iter().zip(seen).enumerate().map(came).collect(),
        }
    }

    fn difference(&self, control: (usize, usize), other: (usize, usize)) -> Option<Difference> {
        let as_hits = |(counted, reached): (usize, usize)| (size(reached), size(counted));
        let (one, other) = (as_hits(control), as_hits(other));
        let (low, high) = newcombe(one, other, self.arms.len() - 1)?;
        let value = other.0 / other.1 - one.0 / one.1;
        Some(Difference { value, low, high })
    }

    fn verdict(&self, came: &Came, uneven: bool) -> Verdict {
        let better = |is_more: bool| {
            if is_more == (self.goal == Goal::Escalated) {
                Verdict::Worse
            } else {
                Verdict::Better
            }
        };
        match came.difference {
            _ if uneven => Verdict::Uneven,
            Some(difference) if came.missing == 0 => match difference {
                Difference { low, .. } if low > 0.0 => better(true),
                Difference { high, .. } if high < 0.0 => better(false),
                _ => Verdict::Same,
            },
            _ => Verdict::Early,
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a size of a sample, at most some hundred thousand"
)]
fn count(size: f64) -> usize {
    size as usize
}
