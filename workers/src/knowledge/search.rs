//! From a question to passages with a confidence that can be trusted: right, or nothing.

use std::sync::Arc;

use chrono::NaiveDate;
use serde::Serialize;

use super::entry::Source;
use super::index::{Document, Fit, Index};
use super::vectors::{Vector, nearness};
use crate::words::{Language, SAME_MEANING, Synonyms, folded, is_light, repaired, stem, tokens};

/// Below this confidence a passage is not given as an answer.
pub const ANSWER_FROM: f32 = 0.5;
/// From this confidence on, a passage may be offered as what was perhaps meant.
pub const OFFER_FROM: f32 = 0.3;
/// The share of a question that the name of a service must have.
const NAMED: f32 = 0.68;
/// The confidence an entry needs whose question has none of the words.
const MENTIONED: f32 = 0.85;
/// Services that fit nearly as well as the best are answered together with it.
const NEARLY: f32 = 0.06;
/// More than this many services at once are a price list, not an answer.
const MOST_TOGETHER: usize = 6;

/// Of more documents than this, those that fit worst are not looked at any further.
const LISTED: usize = 100;

/// A question to the knowledge base.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The question.
    pub text: &'a str,
    /// Only entries in this language, or in any.
    pub language: Option<Language>,
    /// What the question is about, by intent, with the confidence of that.
    pub topics: &'a [(String, f32)],
    /// The day it is asked, which decides what has expired.
    pub today: NaiveDate,
    /// The vector of the question, where there is one.
    pub meaning: Option<&'a [f32]>,
}

/// An entry as an answer to a question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Passage {
    /// The entry.
    pub id: String,
    /// The question it answers.
    pub question: String,
    /// The answer, quoted.
    pub answer: String,
    /// Where it is written.
    pub source: Source,
    /// Its language.
    pub language: Language,
    /// The intents it belongs to.
    pub topics: Vec<String>,
    /// How sure it is the answer, from 0 to 1.
    pub score: f32,
}

/// A document that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Its place among the documents.
    pub document: usize,
    /// How sure it is the answer, from 0 to 1.
    pub confidence: f32,
    /// What orders the hits.
    pub score: f32,
    /// Confidence and order by words alone.
    sure: f32,
    worded: f32,
    /// What they are made of.
    fit: Fit,
}

/// Finds documents.
#[derive(Debug, Clone)]
pub struct Finder {
    index: Arc<Index>,
    synonyms: Arc<Synonyms>,
    /// One for each document, or none.
    vectors: Arc<[Vector]>,
}

impl Finder {
    /// A finder of these documents.
    pub fn new(documents: impl Iterator<Item = Document>) -> Self {
        let documents: Vec<Document> = documents.collect();
        Self {
            index: Arc::new(Index::new(&documents)),
            synonyms: Arc::default(),
            vectors: Arc::default(),
        }
    }

    /// Finds also what is near in meaning from now on; a vector for each document, in their order.
    #[must_use]
    pub fn with_vectors(self, vectors: Vec<Vector>) -> Self {
        Self {
            vectors: vectors.into(),
            ..self
        }
    }

    /// Whether it finds what is near in meaning.
    pub fn has_vectors(&self) -> bool {
        !self.vectors.is_empty()
    }

    /// Takes these words for one another from now on.
    #[must_use]
    pub fn with_synonyms(self, synonyms: Arc<Synonyms>) -> Self {
        Self { synonyms, ..self }
    }

    /// Whether a stem belongs to the words of the documents.
    pub fn knows(&self, stem: &str) -> bool {
        self.index.knows(stem)
    }

    /// How well each title fits a question, in its own words or in others that mean the same.
    fn fits(&self, text: &str) -> Vec<Fit> {
        let mut fits = self.index.fits(text);
        for way in self.synonyms.other_ways(text, |stem| self.index.has(stem)) {
            for (fit, other) in fits.iter_mut().zip(self.index.fits(&way)) {
                let other = other.times(SAME_MEANING);
                if lexical(&other) > lexical(fit) {
                    *fit = other;
                }
            }
        }
        fits
    }

    /// The usable documents nearest to a question, best first.
    pub fn search<'t>(
        &self,
        asked: &Asked<'_>,
        topics_of: impl Fn(usize) -> &'t [String],
        usable: impl Fn(usize) -> bool,
    ) -> Vec<Hit> {
        let known = |stem: &str| self.knows(stem) || self.synonyms.knows(stem);
        let meant = repaired(asked.text, known);
        let fits = self.fits(meant.as_deref().unwrap_or(asked.text));
        let near = asked.meaning.map_or_else(Vec::new, |meaning| {
            nearness(meaning, &self.vectors, &usable)
        });
        let mut best = self.best_titles(&fits, usable, near.is_empty());
        if !near.is_empty() {
            add_near(&mut best, &near);
        }
        let mut hits: Vec<Hit> = best
            .into_iter()
            .map(|(document, score, fit)| {
                let topic = Topic::of(asked.topics, topics_of(document));
                let near = near.get(document).copied().unwrap_or_default();
                let (sure, worded) = (confidence(&fit, topic), score + topic.order());
                Hit {
                    document,
                    confidence: sure.max(NEAR_CONFIDENCE * near),
                    score: worded + NEAR_ORDER * near,
                    sure,
                    worded,
                    fit,
                }
            })
            .collect();
        hits.sort_by(|a, b| {
            b.score
                .total_cmp(&a.score)
                .then_with(|| a.document.cmp(&b.document))
        });
        hits
    }

    /// The usable documents that have anything of a question, with their best title; only those that can be
    /// among the first, if so wished.
    fn best_titles(
        &self,
        fits: &[Fit],
        usable: impl Fn(usize) -> bool,
        first: bool,
    ) -> Vec<(usize, f32, Fit)> {
        let mut best: Vec<(usize, f32, Fit)> = Vec::new();
        let (mut least, mut long) = (f32::MIN, 8 * LISTED);
        for (document, fit) in self.index.documents.iter().zip(fits) {
            if fit.stems <= 0.0 && fit.pieces <= 0.0 {
                continue;
            }
            let (document, score) = (*document as usize, lexical(fit));
            if score < least || !usable(document) {
                continue;
            }
            if first && best.len() >= long {
                least = least.max(shorten(&mut best));
                long = 8 * LISTED + 2 * best.len();
            }
            match best.last_mut() {
                // The titles of a document stand together.
                Some(known) if known.0 == document => {
                    if score > known.1 {
                        *known = (document, score, *fit);
                    }
                }
                _ => best.push((document, score, *fit)),
            }
        }
        if first {
            shorten(&mut best);
        }
        best
    }
}

/// Leaves out what cannot be among the first [`LISTED`], whatever its topic; the least that can.
fn shorten(best: &mut Vec<(usize, f32, Fit)>) -> f32 {
    if best.len() <= LISTED {
        return f32::MIN;
    }
    let mut scores: Vec<f32> = best.iter().map(|(_, score, _)| *score).collect();
    let (_, worst, _) = scores.select_nth_unstable_by(LISTED - 1, |a, b| b.total_cmp(a));
    let least = *worst - TOPIC_ORDER;
    best.retain(|(_, score, _)| *score >= least);
    least
}

/// Adds the documents that only their meaning brings in.
fn add_near(best: &mut Vec<(usize, f32, Fit)>, near: &[f32]) {
    let worded: Vec<usize> = best.iter().map(|(document, ..)| *document).collect();
    let near = near.iter().enumerate().filter(|(_, near)| **near > 0.0);
    let only = near.filter(|(document, _)| worded.binary_search(document).is_err());
    best.extend(only.map(|(document, _)| (document, 0.0, Fit::default())));
}

/// How sure nearness alone can be: enough to be offered, never to be the answer.
const NEAR_CONFIDENCE: f32 = 0.45;
const _: () = assert!(NEAR_CONFIDENCE < ANSWER_FROM && NEAR_CONFIDENCE > OFFER_FROM);
/// How much nearness moves an entry up.
const NEAR_ORDER: f32 = 0.2;

/// How much a fitting topic moves an entry up.
const TOPIC_ORDER: f32 = 0.22;

/// What orders titles: stems and pieces of words, and a title that is said whole.
fn lexical(fit: &Fit) -> f32 {
    0.45 * fit.stems + 0.55 * fit.pieces + 0.25 * fit.title * fit.covered
}

/// How well an entry's topics go with what the question is about.
#[derive(Debug, Clone, Copy)]
enum Topic {
    /// Nobody said what the question is about.
    Unknown,
    /// One of them is asked about, so surely.
    Fits(f32),
    /// The question is surely about something else.
    Other,
}

impl Topic {
    fn of(asked: &[(String, f32)], entry: &[String]) -> Self {
        if asked.is_empty() {
            return Self::Unknown;
        }
        let surest = |fitting: bool| {
            let chosen = asked
                .iter()
                .filter(|(topic, _)| entry.contains(topic) == fitting);
            chosen
                .map(|(_, confidence)| *confidence)
                .fold(0.0, f32::max)
        };
        let fits = surest(true);
        if fits < 0.1 && surest(false) >= SURELY_OTHER {
            Self::Other
        } else {
            Self::Fits(fits)
        }
    }

    fn order(self) -> f32 {
        match self {
            Self::Fits(confidence) => TOPIC_ORDER * confidence,
            Self::Unknown | Self::Other => 0.0,
        }
    }
}

/// From this confidence on, a question about something else is none about an entry's topics.
const SURELY_OTHER: f32 = 0.6;

/// How sure a fit is an answer: logistic curves whose weights were fitted on questions with
/// known answers and on questions that have none.
fn confidence(fit: &Fit, topic: Topic) -> f32 {
    let sum = match topic {
        Topic::Unknown => 3.0 * (fit.stems + fit.pieces + fit.covered) + 1.2 * fit.title - 3.9,
        Topic::Fits(_) | Topic::Other => {
            let words = 2.2 * fit.stems
                + 2.6 * fit.pieces
                + 3.0 * fit.covered
                + 2.3 * fit.title
                + 2.0 * fit.asked;
            let topic = match topic {
                Topic::Fits(confidence) => 1.2 * confidence,
                _ => -1.0,
            };
            words + topic - 5.75
        }
    };
    1.0 / (1.0 + (-sum).exp())
}

/// The hits that answer: the best one, together with services that fit as well, or none.
pub(super) fn choose(hits: &[Hit], is_service: impl Fn(usize) -> bool) -> Vec<Hit> {
    // Words such as "how much" are in every service, and another service shares half of its name:
    // a service is meant only when its name has most of what was asked. Of other entries, one
    // that merely mentions the words must be surer than one whose question has them.
    let answers = |hit: &&Hit| {
        let meant = if is_service(hit.document) {
            hit.fit.title > 0.0 && hit.fit.asked >= NAMED
        } else {
            hit.fit.title > 0.0 || hit.sure >= MENTIONED
        };
        meant && hit.sure >= ANSWER_FROM
    };
    // Whether there is an answer, the words alone decide; which of several, nearness too.
    let worded = hits.iter().reduce(
        |best, hit| {
            if hit.worded > best.worded { hit } else { best }
        },
    );
    let known = worded.as_ref().is_some_and(answers);
    let Some(best) = hits.iter().find(answers).filter(|_| known) else {
        return Vec::new();
    };
    if !is_service(best.document) {
        return vec![*best];
    }
    let equal = |hit: &&Hit| {
        is_service(hit.document)
            && (best.worded - hit.worded).abs() <= NEARLY
            && best.fit.covered - hit.fit.covered < 0.05
    };
    hits.iter()
        .filter(equal)
        .take(MOST_TOGETHER)
        .copied()
        .collect()
}

/// The sentences of a long answer that say most about a question, at most `limit` characters.
pub fn extract(question: &str, answer: &str, limit: usize) -> String {
    if answer.chars().count() <= limit {
        return answer.to_owned();
    }
    let asked: Vec<String> = {
        let folded = folded(question);
        tokens(&folded)
            .filter(|token| !is_light(token))
            .map(|token| stem(token).into_owned())
            .collect()
    };
    let sentences = sentences(answer);
    let worth = |sentence: &str| {
        let folded = folded(sentence);
        let words: Vec<String> = tokens(&folded)
            .map(|token| stem(token).into_owned())
            .collect();
        asked.iter().filter(|term| words.contains(term)).count()
    };
    let worths: Vec<usize> = sentences.iter().map(|sentence| worth(sentence)).collect();
    let best = (0..sentences.len()).max_by(|a, b| worths[*a].cmp(&worths[*b]).then(b.cmp(a)));
    let Some(best) = best else {
        return String::new();
    };
    let (mut first, mut last) = (best, best);
    let length = |from: usize, to: usize| {
        sentences[from..=to]
            .iter()
            .map(|s| s.chars().count() + 1)
            .sum::<usize>()
    };
    loop {
        let after = (last + 1 < sentences.len() && length(first, last + 1) <= limit)
            .then(|| worths[last + 1]);
        let before = (first > 0 && length(first - 1, last) <= limit).then(|| worths[first - 1]);
        match (before, after) {
            (None, None) => break,
            (Some(b), Some(a)) if b > a => first -= 1,
            (_, Some(_)) => last += 1,
            (Some(_), None) => first -= 1,
        }
    }
    sentences[first..=last].join(" ")
}

fn sentences(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut letters = text.char_indices().peekable();
    while let Some((at, c)) = letters.next() {
        let ends = matches!(c, '.' | '!' | '?' | '…' | '\n');
        if ends && letters.peek().is_none_or(|(_, next)| next.is_whitespace()) {
            let end = at + c.len_utf8();
            out.push(text[start..end].trim());
            start = end;
        }
    }
    out.push(text[start..].trim());
    out.retain(|sentence| !sentence.is_empty());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_that_answers_is_taken_from_a_long_text() {
        let text = "Салон открыт давно. Снятие чужого покрытия стоит отдельно и занимает время. \
                    Мастер расскажет об уходе. Чай и кофе у нас бесплатные.";
        let said = extract("снятие покрытия платное?", text, 80);
        assert!(said.contains("Снятие чужого покрытия"), "{said}");
        assert!(said.chars().count() <= 80, "{said}");
    }

    #[test]
    fn another_word_for_the_same_is_found_and_the_word_itself_goes_first() {
        let document = |title: &str| Document {
            titles: vec![title.to_owned()],
            body: String::new(),
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("synonyms.txt");
        std::fs::write(&path, "маникюр = ноготочки\n").unwrap();
        let synonyms = Arc::new(Synonyms::load(&path).unwrap());
        let titles = ["Стрижка женская", "Маникюр женский", "Ноготочки женские"];
        let plain =
            |count: usize| Finder::new(titles.iter().take(count).map(|title| document(title)));
        let best = |finder: &Finder, text: &str| {
            let asked = Asked {
                text,
                language: None,
                topics: &[],
                today: NaiveDate::MIN,
                meaning: None,
            };
            let hits = finder.search(&asked, |_| &[], |_| true);
            (hits[0].document, hits[0].confidence)
        };

        assert!(best(&plain(2), "ноготочки женские").1 < ANSWER_FROM);
        let (document, confidence) = best(
            &plain(2).with_synonyms(synonyms.clone()),
            "ноготочки женские",
        );
        assert!(
            document == 1 && confidence >= ANSWER_FROM,
            "{document} {confidence}"
        );

        let exact = plain(3).with_synonyms(synonyms);
        for (text, document) in [("ноготочки женские", 2), ("маникюр женский", 1)]
        {
            assert_eq!(best(&exact, text), best(&plain(3), text), "{text}");
            assert_eq!(best(&exact, text).0, document);
        }
    }

    #[test]
    fn a_short_answer_is_quoted_whole() {
        assert_eq!(extract("что угодно", "Да, можно.", 100), "Да, можно.");
    }
}
