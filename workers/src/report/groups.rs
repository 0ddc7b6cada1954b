//! Questions that ask the same, together.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use zapis_core::message::ConversationId;

use super::telling_words;
use crate::knowledge::{ANSWER_FROM, Asked, Knowledge};
use crate::understand::{BELIEVED, Sparse, Understander, counts, topics};
use crate::words::{Language, folded, is_frame, is_light, stem, tokens};

/// From this likeness to the questions of a group on, a question belongs to it.
const ALIKE: f32 = 0.38;
/// What it adds to the likeness of two questions when they are surely of one intent.
const SAME_INTENT: f32 = 0.15;
/// What is left of it when they are surely of two.
const OTHER_INTENT: f32 = 0.35;
/// How many examples are shown.
const EXAMPLES: usize = 3;
/// A staff message with fewer words about something is no answer when there is a better one.
const TELLING: usize = 2;

/// A question that got no good answer.
#[derive(Debug, Clone)]
pub(super) struct Gap {
    pub(super) conversation: ConversationId,
    pub(super) at: DateTime<Utc>,
    /// Without personal data, once it is kept.
    pub(super) text: String,
    pub(super) intent: Option<(String, f64)>,
    pub(super) why: BTreeSet<String>,
    /// What the staff answered, likewise.
    pub(super) answer: Option<Answer>,
}

/// What the staff said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// The words, without personal data.
    pub text: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// The entry of the knowledge that comes nearest to a question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Nearest {
    /// The entry.
    pub id: String,
    /// The question that it answers.
    pub question: String,
    /// How sure it is the answer, 0 to 1.
    pub confidence: f32,
}

/// Questions that ask the same and got no good answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// The one that the others are most like.
    pub question: String,
    /// How many there are.
    pub count: usize,
    /// Of how many customers: distinct conversations.
    pub customers: usize,
    /// When the first one was asked.
    pub first_at: DateTime<Utc>,
    /// When the last one was asked.
    pub last_at: DateTime<Utc>,
    /// When the version of the knowledge was made that answers it since, where that was later; see
    /// [`repaired`](super::repaired).
    pub repaired_at: Option<DateTime<Utc>>,
    /// Up to three of them, the most typical first.
    pub examples: Vec<String>,
    /// Why they are here, and how often.
    pub why: BTreeMap<String, usize>,
    /// The intent that most of them were taken for.
    pub intent: Option<String>,
    /// What the staff answered last: the best draft of a new entry.
    pub answer: Option<Answer>,
    /// What the bot knows that comes nearest.
    pub nearest: Option<Nearest>,
}

impl Group {
    fn of(gaps: &[&Gap]) -> Option<Self> {
        let examples = examples(gaps);
        let mut why: BTreeMap<String, usize> = BTreeMap::new();
        let mut intents: BTreeMap<&str, usize> = BTreeMap::new();
        for gap in gaps {
            for reason in &gap.why {
                *why.entry(reason.clone()).or_default() += 1;
            }
            if let Some((intent, _)) = &gap.intent {
                *intents.entry(intent).or_default() += 1;
            }
        }
        let customers: BTreeSet<_> = gaps.iter().map(|gap| gap.conversation.as_str()).collect();
        let commonest = intents.into_iter().rev().max_by_key(|(_, count)| *count);
        let answers = || gaps.iter().filter_map(|gap| gap.answer.as_ref());
        let answer = answers().max_by_key(|answer| {
            let says = telling_words(&answer.text) >= TELLING;
            (says, answer.at, &answer.text)
        });
        Some(Self {
            question: examples.first()?.clone(),
            count: gaps.len(),
            customers: customers.len(),
            first_at: gaps.iter().map(|gap| gap.at).min()?,
            last_at: gaps.iter().map(|gap| gap.at).max()?,
            repaired_at: None,
            examples,
            why,
            intent: commonest.map(|(intent, _)| intent.to_owned()),
            answer: answer.cloned(),
            nearest: None,
        })
    }

    /// The entry that would answer it today.
    pub(super) fn answered_by(&self) -> Option<&str> {
        let sure = |nearest: &&Nearest| nearest.confidence >= ANSWER_FROM;
        self.nearest
            .as_ref()
            .filter(sure)
            .map(|near| near.id.as_str())
    }

    /// Whether the bot would answer it today, and nobody was left unhelped by an answer.
    pub fn is_filled(&self) -> bool {
        let unhelped = ["asked_again", "asked_for_person"];
        let unhelped = unhelped.iter().any(|why| self.why.contains_key(*why));
        self.answered_by().is_some() && !unhelped
    }

    /// Looks up what the bot knows that comes nearest, as it would for a customer on that day.
    pub(super) fn look_up(
        &mut self,
        knows: &Knowledge,
        understands: &Understander,
        day: NaiveDate,
    ) {
        let understood = understands.understand(&self.question);
        let topics = topics(&understood.intents);
        let asked = Asked {
            text: &self.question,
            language: Language::of(&self.question),
            topics: &topics,
            today: day,
            meaning: None,
        };
        let found = knows.search(&asked, 1).into_iter().next();
        self.nearest = found.map(|passage| Nearest {
            id: passage.id,
            question: passage.question,
            confidence: passage.score,
        });
    }
}

/// Puts questions together that ask the same, those first that concern most customers. The same
/// questions give the same groups, in whatever order they come.
pub(super) fn grouped(gaps: &[Gap]) -> Vec<Group> {
    let mut same: BTreeMap<(String, Option<&str>), Vec<&Gap>> = BTreeMap::new();
    for gap in gaps {
        let wording = (gist(&gap.text), believed(gap));
        same.entry(wording).or_default().push(gap);
    }
    let mut alike: Vec<_> = same.into_iter().collect();
    alike.sort_by(|(a, many), (b, few)| few.len().cmp(&many.len()).then_with(|| a.cmp(b)));
    let mut found = Clusters::default();
    for ((gist, intent), gaps) in alike {
        found.put(&vector(&gist), intent, gaps);
    }
    let members = found.members.iter();
    let mut groups: Vec<Group> = members.filter_map(|gaps| Group::of(gaps)).collect();
    groups.sort_by(|a, b| {
        let weight = |group: &Group| (group.customers, group.count, group.last_at);
        weight(b)
            .cmp(&weight(a))
            .then_with(|| a.question.cmp(&b.question))
    });
    groups
}

/// Groups under way. The likeness of a question to a group is the mean of that to its members.
#[derive(Default)]
struct Clusters<'g> {
    members: Vec<Vec<&'g Gap>>,
    /// How many different wordings a group has, and its intent.
    shapes: Vec<(f32, Option<&'g str>)>,
    /// For each feature, the groups whose wordings have it, with its weight there.
    places: HashMap<u32, Vec<(usize, f32)>>,
}

impl<'g> Clusters<'g> {
    fn put(&mut self, wording: &Sparse, intent: Option<&'g str>, gaps: Vec<&'g Gap>) {
        let group = self.nearest(wording, intent);
        let group = group.unwrap_or_else(|| {
            self.members.push(Vec::new());
            self.shapes.push((0.0, None));
            self.members.len() - 1
        });
        self.members[group].extend(gaps);
        let shape = &mut self.shapes[group];
        shape.0 += 1.0;
        shape.1 = shape.1.or(intent);
        for (bucket, value) in wording {
            self.places
                .entry(*bucket)
                .or_default()
                .push((group, *value));
        }
    }

    fn nearest(&self, wording: &Sparse, intent: Option<&str>) -> Option<usize> {
        let mut sums: BTreeMap<usize, f32> = BTreeMap::new();
        for (bucket, value) in wording {
            for (group, weight) in self.places.get(bucket).into_iter().flatten() {
                *sums.entry(*group).or_default() += value * weight;
            }
        }
        let scored = sums.into_iter().map(|(group, sum)| {
            let (count, other) = &self.shapes[group];
            (group, judged(sum / count, intent, *other))
        });
        // Of groups that fit alike, the older one.
        let best = scored.rev().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
        (best.1 >= ALIKE).then_some(best.0)
    }
}

fn judged(likeness: f32, intent: Option<&str>, other: Option<&str>) -> f32 {
    match (intent, other) {
        (Some(one), Some(other)) if one == other => likeness + SAME_INTENT,
        (Some(_), Some(_)) => likeness * OTHER_INTENT,
        _ => likeness,
    }
}

/// The intent that a question was surely taken for.
fn believed(gap: &Gap) -> Option<&str> {
    let (intent, confidence) = gap.intent.as_ref()?;
    (*confidence >= f64::from(BELIEVED)).then_some(intent)
}

/// Different wordings, those first that are most like all the others.
fn examples(gaps: &[&Gap]) -> Vec<String> {
    let mut wordings: BTreeMap<String, (&str, f32)> = BTreeMap::new();
    for gap in gaps {
        let known = wordings.entry(gist(&gap.text)).or_insert((&gap.text, 0.0));
        known.0 = known.0.min(&gap.text);
        known.1 += 1.0;
    }
    let vectors: Vec<(Sparse, &str, f32)> = wordings
        .into_iter()
        .map(|(gist, (text, count))| (vector(&gist), text, count))
        .collect();
    let mut sum: HashMap<u32, f32> = HashMap::new();
    for (bucket, value, count) in vectors
        .iter()
        .flat_map(|(vector, _, count)| vector.iter().map(move |(b, v)| (*b, *v, *count)))
    {
        *sum.entry(bucket).or_default() += value * count;
    }
    let mut typical: Vec<(f32, &str)> = vectors
        .iter()
        .map(|(vector, text, _)| {
            let shared = |(bucket, value): &(u32, f32)| value * sum.get(bucket).unwrap_or(&0.0);
            (vector.iter().map(shared).sum(), *text)
        })
        .collect();
    typical.sort_by(|(a, one), (b, other)| b.total_cmp(a).then_with(|| one.cmp(other)));
    let texts = typical.into_iter().take(EXAMPLES);
    texts.map(|(_, text)| text.to_owned()).collect()
}

/// A text as numbers that do not depend on other texts.
fn vector(gist: &str) -> Sparse {
    counts(gist).plain()
}

/// How like two texts are, from 0 to 1: the cosine of their stems and pieces of words.
pub(super) fn likeness(one: &str, other: &str) -> f32 {
    let (one, other) = (vector(&gist(one)), vector(&gist(other)));
    let found = |(bucket, value): &(u32, f32)| {
        let at = other.binary_search_by_key(bucket, |(bucket, _)| *bucket);
        at.map_or(0.0, |at| value * other[at].1)
    };
    one.iter().map(found).sum()
}

/// The words that say what a text is about; all of its words where none does.
fn gist(text: &str) -> String {
    let folded = folded(text);
    let is_word = |token: &&str| {
        let hidden = matches!(*token, "name" | "number" | "email");
        !hidden && token.chars().any(char::is_alphabetic)
    };
    let words: Vec<&str> = tokens(&folded).filter(is_word).collect();
    let told: Vec<&str> = words
        .iter()
        .copied()
        .filter(|word| !is_light(word))
        .collect();
    let about: Vec<&str> = told
        .iter()
        .copied()
        .filter(|word| !is_frame(&stem(word)))
        .collect();
    let chosen = [about, told, words];
    let chosen = chosen.into_iter().find(|words| !words.is_empty());
    chosen.unwrap_or_default().join(" ")
}
