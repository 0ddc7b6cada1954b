//! From a question to passages with a confidence that can be trusted: right, or nothing.

use chrono::NaiveDate;
use serde::Serialize;

use super::entry::Source;
use super::index::{Document, Fit, Index};
use crate::words::{Language, folded, is_light, repaired, stem, tokens};

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
    /// What its confidence is made of.
    fit: Fit,
}

/// Finds documents.
#[derive(Debug)]
pub struct Finder {
    index: Index,
}

impl Finder {
    /// A finder of these documents.
    pub fn new(documents: impl Iterator<Item = Document>) -> Self {
        let documents: Vec<Document> = documents.collect();
        Self {
            index: Index::new(&documents),
        }
    }

    /// Whether a stem belongs to the words of the documents.
    pub fn knows(&self, stem: &str) -> bool {
        self.index.knows(stem)
    }

    /// The usable documents nearest to a question, best first.
    pub fn search<'t>(
        &self,
        asked: &Asked<'_>,
        topics_of: impl Fn(usize) -> &'t [String],
        usable: impl Fn(usize) -> bool,
    ) -> Vec<Hit> {
        let meant = repaired(asked.text, |stem| self.knows(stem));
        let fits = self.index.fits(meant.as_deref().unwrap_or(asked.text));
        let mut best = self.best_titles(&fits, usable);
        shorten(&mut best);
        let mut hits: Vec<Hit> = best
            .into_iter()
            .map(|(document, score, fit)| {
                let topic = Topic::of(asked.topics, topics_of(document));
                Hit {
                    document,
                    confidence: confidence(&fit, topic),
                    score: score + topic.order(),
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

    /// The usable documents that have anything of a question, with their best title.
    fn best_titles(&self, fits: &[Fit], usable: impl Fn(usize) -> bool) -> Vec<(usize, f32, Fit)> {
        let mut best: Vec<(usize, f32, Fit)> = Vec::new();
        for (document, fit) in self.index.documents.iter().zip(fits) {
            let document = *document as usize;
            if (fit.stems <= 0.0 && fit.pieces <= 0.0) || !usable(document) {
                continue;
            }
            let score = lexical(fit);
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
        best
    }
}

/// Leaves out what cannot be among the first [`LISTED`], whatever its topic.
fn shorten(best: &mut Vec<(usize, f32, Fit)>) {
    if best.len() <= LISTED {
        return;
    }
    let (_, worst, _) = best.select_nth_unstable_by(LISTED - 1, |a, b| b.1.total_cmp(&a.1));
    let least = worst.1 - TOPIC_ORDER;
    best.retain(|(_, score, _)| *score >= least);
}

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
    let fits = |hit: &&Hit| {
        if is_service(hit.document) {
            return hit.fit.title > 0.0 && hit.fit.asked >= NAMED;
        }
        hit.fit.title > 0.0 || hit.confidence >= MENTIONED
    };
    let Some(best) = hits
        .first()
        .filter(|hit| hit.confidence >= ANSWER_FROM)
        .filter(fits)
    else {
        return Vec::new();
    };
    if !is_service(best.document) {
        return vec![*best];
    }
    let equal = |hit: &&Hit| {
        is_service(hit.document)
            && best.score - hit.score <= NEARLY
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
    fn a_short_answer_is_quoted_whole() {
        assert_eq!(extract("что угодно", "Да, можно.", 100), "Да, можно.");
    }
}
