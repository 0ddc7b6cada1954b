//! An inverted index with precomputed BM25F impacts, over stems and over pieces of words.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::words::{Lexicon, folded, is_frame, is_light, stem, tokens};

/// How much more a word counts in a title than in a body.
const TITLE_WEIGHT: f32 = 5.0;
/// How soon repetitions of a word stop counting.
const SATURATION: f32 = 1.2;
/// How much the length of a field counts.
const TITLE_LENGTH: f32 = 0.3;
const BODY_LENGTH: f32 = 0.6;
/// What a word counts that was only guessed through a typo.
const GUESSED: f32 = 0.8;
/// What a word counts that says what is asked and not about what.
const FRAMING: f32 = 0.35;
/// How often the pieces of a query are looked up in titles, the rarest pieces first. What a hundred thousand passages
/// share tells little about any of them.
const MOST_PIECES: usize = 250_000;
/// The length of the pieces of words.
const PIECE: usize = 4;

/// What of an entry is searched: any of its titles, with one body.
#[derive(Debug, Clone)]
pub struct Document {
    /// Questions or headings; the best of them counts.
    pub titles: Vec<String>,
    /// The text.
    pub body: String,
}

/// How well one title of a document, with its body, fits a query; every figure from 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Fit {
    /// BM25F over stems, as a share of what the query could reach.
    pub(super) stems: f32,
    /// The same over pieces of words, which forgives typos and endings.
    pub(super) pieces: f32,
    /// The share of the query's meaning that the title or the body has.
    pub(super) covered: f32,
    /// The share of the title's meaning that the query has.
    pub(super) title: f32,
    /// The share of what is asked about that any title of the document has, framing words aside.
    pub(super) asked: f32,
}

impl Fit {
    /// The same, worth less.
    pub(super) fn times(self, share: f32) -> Self {
        Self {
            stems: self.stems * share,
            pieces: self.pieces * share,
            covered: self.covered * share,
            title: self.title * share,
            asked: self.asked * share,
        }
    }
}

/// The index.
#[derive(Debug)]
pub(super) struct Index {
    stems: Field,
    pieces: Field,
    /// The document of each title.
    pub(super) documents: Vec<u32>,
}

/// One way to cut texts into terms.
#[derive(Debug, Default)]
struct Field {
    lexicon: Lexicon,
    numbers: HashMap<Box<str>, u32>,
    postings: Vec<Vec<Posting>>,
    weights: Vec<f32>,
    /// The sum of the weights of each title's terms.
    titles: Vec<f32>,
    /// What a term weighs that is nowhere.
    unknown: f32,
}

/// A term in a title or its body. There are very many of them: the flags are in the number.
#[derive(Debug, Clone, Copy)]
struct Posting {
    packed: u32,
    impact: f32,
}

impl Posting {
    const IN_TITLE: u32 = 1 << 31;
    const IN_TITLES: u32 = 1 << 30;

    fn new(title: u32, impact: f32, in_title: bool, in_titles: bool) -> Self {
        let flag = |set, flag| if set { flag } else { 0 };
        let flags = flag(in_title, Self::IN_TITLE) | flag(in_titles, Self::IN_TITLES);
        Self {
            packed: title | flags,
            impact,
        }
    }

    fn title(self) -> usize {
        (self.packed & !(Self::IN_TITLE | Self::IN_TITLES)) as usize
    }

    fn in_title(self) -> bool {
        self.packed & Self::IN_TITLE != 0
    }

    /// Whether any title of the document has the term.
    fn in_titles(self) -> bool {
        self.packed & Self::IN_TITLES != 0
    }
}

/// A term of a query as the index knows it.
struct Meant {
    number: u32,
    weight: f32,
    /// It says what is asked about.
    subject: bool,
}

/// What a query means to a field, and what it could reach.
#[derive(Default)]
struct Meaning {
    terms: Vec<Meant>,
    possible: f32,
    subject: f32,
}

/// The terms of one document, per title and of the body.
struct Terms {
    titles: Vec<Vec<u32>>,
    body: Vec<u32>,
    /// All terms of all titles, in order, each once.
    said: Vec<u32>,
}

impl Index {
    /// Indexes documents.
    pub(super) fn new(documents: &[Document]) -> Self {
        let owner = |(at, document): (usize, &Document)| {
            let at = u32::try_from(at).unwrap_or(u32::MAX);
            std::iter::repeat_n(at, document.titles.len().max(1))
        };
        Self {
            stems: Field::new(documents, true),
            pieces: Field::new(documents, false),
            documents: documents.iter().enumerate().flat_map(owner).collect(),
        }
    }

    /// Whether a stem is somewhere in the documents, also through a typo.
    pub(super) fn knows(&self, stem: &str) -> bool {
        self.stems.lexicon.number(stem).is_some() || !self.stems.lexicon.nearest(stem).is_empty()
    }

    /// Whether a stem is somewhere in the documents, exactly.
    pub(super) fn has(&self, stem: &str) -> bool {
        self.stems.lexicon.number(stem).is_some()
    }

    /// How well each title fits a query.
    pub(super) fn fits(&self, query: &str) -> Vec<Fit> {
        let folded = folded(query);
        let mut fits = vec![Fit::default(); self.documents.len()];
        let words: Vec<&str> = tokens(&folded).filter(|token| !is_light(token)).collect();
        let stems: Vec<Cow<'_, str>> = words.iter().map(|word| stem(word)).collect();
        let counts = |stem: &Cow<'_, str>| if is_frame(stem) { FRAMING } else { 1.0 };
        let counts: Vec<f32> = stems.iter().map(counts).collect();
        let padded: Vec<String> = words.iter().map(|word| padded(word)).collect();

        let terms = stems.iter().zip(&counts);
        let terms = terms.map(|(stem, counts)| (stem.as_ref(), *counts));
        self.stems.fit(terms, &mut fits);
        let terms = padded.iter().zip(&counts);
        let terms = terms.flat_map(|(word, counts)| pieces(word).map(|piece| (piece, *counts)));
        self.pieces.fit_pieces(terms, &mut fits);
        fits
    }
}

impl Field {
    fn new(documents: &[Document], by_stem: bool) -> Self {
        let mut field = Self::default();
        let terms: Vec<Terms> = documents
            .iter()
            .map(|document| field.cut(document, by_stem))
            .collect();
        field.post(&terms);
        field
    }

    fn cut(&mut self, document: &Document, by_stem: bool) -> Terms {
        let mut cut = |text: &str| {
            let folded = folded(text);
            let words = tokens(&folded).filter(|token| !is_light(token));
            if by_stem {
                words.map(|word| self.lexicon.add(&stem(word))).collect()
            } else {
                let padded: Vec<String> = words.map(padded).collect();
                let pieces = padded.iter().flat_map(|word| pieces(word));
                pieces
                    .map(|piece| self.number_of(piece))
                    .collect::<Vec<u32>>()
            }
        };
        let mut titles: Vec<Vec<u32>> = document.titles.iter().map(|title| cut(title)).collect();
        if titles.is_empty() {
            titles.push(Vec::new());
        }
        let mut body = cut(&document.body);
        let mut said: Vec<u32> = titles.iter().flatten().copied().collect();
        said.sort_unstable();
        said.dedup();
        // Other titles count like the body: a question may mix the words of two of them.
        if titles.len() > 1 {
            body.extend(&said);
        }
        Terms { titles, body, said }
    }

    fn number_of(&mut self, piece: &str) -> u32 {
        if let Some(number) = self.numbers.get(piece) {
            return *number;
        }
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        self.numbers.insert(piece.into(), next);
        next
    }

    fn post(&mut self, documents: &[Terms]) {
        let terms = self.lexicon.len().max(self.numbers.len());
        let mut holders = vec![0_u32; terms];
        for document in documents {
            let mut all: Vec<u32> = document
                .titles
                .iter()
                .flatten()
                .chain(&document.body)
                .copied()
                .collect();
            all.sort_unstable();
            all.dedup();
            for term in all {
                holders[term as usize] += 1;
            }
        }
        let count = as_f32(documents.len());
        self.weights = holders
            .iter()
            .map(|n| (1.0 + (count - as_f32(*n as usize) + 0.5) / (as_f32(*n as usize) + 0.5)).ln())
            .collect();
        self.unknown = (1.0 + (count + 0.5) / 0.5).ln();
        self.postings = vec![Vec::new(); terms];
        let mean = |lengths: &[usize]| {
            as_f32(lengths.iter().sum::<usize>()) / as_f32(lengths.len().max(1))
        };
        let title_lengths: Vec<usize> = documents
            .iter()
            .flat_map(|d| d.titles.iter().map(Vec::len))
            .collect();
        let body_lengths: Vec<usize> = documents.iter().map(|d| d.body.len()).collect();
        let (title_mean, body_mean) = (mean(&title_lengths).max(1.0), mean(&body_lengths).max(1.0));
        let mut number = 0;
        for document in documents {
            let body_norm =
                1.0 - BODY_LENGTH + BODY_LENGTH * as_f32(document.body.len()) / body_mean;
            for title in &document.titles {
                let title_norm =
                    1.0 - TITLE_LENGTH + TITLE_LENGTH * as_f32(title.len()) / title_mean;
                self.post_title(
                    number,
                    (title, title_norm),
                    (&document.body, body_norm),
                    &document.said,
                );
                number += 1;
            }
        }
    }

    fn post_title(&mut self, number: u32, title: (&[u32], f32), body: (&[u32], f32), said: &[u32]) {
        let mut found: HashMap<u32, (f32, bool)> = HashMap::new();
        for term in title.0 {
            let at = found.entry(*term).or_default();
            at.0 += TITLE_WEIGHT / title.1;
            at.1 = true;
        }
        for term in body.0 {
            found.entry(*term).or_default().0 += 1.0 / body.1;
        }
        let mut weight = 0.0;
        for (term, (frequency, in_title)) in found {
            let impact = frequency / (SATURATION + frequency);
            weight += if in_title {
                self.weights[term as usize]
            } else {
                0.0
            };
            let in_titles = said.binary_search(&term).is_ok();
            let posting = Posting::new(number, impact, in_title, in_titles);
            self.postings[term as usize].push(posting);
        }
        self.titles.push(weight);
    }

    /// What the terms of a query mean, each once, with what they count.
    fn meaning<'q>(&self, terms: impl Iterator<Item = (&'q str, f32)>) -> Meaning {
        let mut meaning = Meaning::default();
        let mut guessed: Vec<&str> = Vec::new();
        let mut exact: Vec<u32> = Vec::new();
        for (term, counts) in terms {
            let number = self.lexicon.number(term);
            let number = number.or_else(|| self.numbers.get(term).copied());
            let before = meaning.terms.len();
            let mut mean = |number: u32, certainty: f32| {
                meaning.terms.push(Meant {
                    number,
                    weight: counts * self.weights[number as usize] * certainty,
                    subject: counts >= 1.0,
                });
            };
            if let Some(number) = number {
                if exact.contains(&number) {
                    continue;
                }
                exact.push(number);
                mean(number, 1.0);
            } else {
                if guessed.contains(&term) {
                    continue;
                }
                guessed.push(term);
                let near = self.lexicon.nearest(term);
                let certainty = GUESSED / as_f32(near.len()).sqrt();
                for (number, _) in near {
                    mean(number, certainty);
                }
            }
            let meant = meaning.terms[before..].iter();
            let weights = meant.map(|meant| self.weights[meant.number as usize]);
            let weight = weights.reduce(f32::max).unwrap_or(self.unknown);
            meaning.possible += counts * weight;
            meaning.subject += if counts >= 1.0 { weight } else { 0.0 };
        }
        meaning
    }

    /// Everything but the pieces.
    fn fit<'q>(&self, terms: impl Iterator<Item = (&'q str, f32)>, fits: &mut [Fit]) {
        let meaning = self.meaning(terms);
        if meaning.possible <= 0.0 {
            return;
        }
        for meant in &meaning.terms {
            for posting in &self.postings[meant.number as usize] {
                let fit = &mut fits[posting.title()];
                fit.stems += meant.weight * posting.impact;
                fit.covered += meant.weight;
                if posting.in_title() {
                    fit.title += meant.weight;
                }
                if posting.in_titles() && meant.subject {
                    fit.asked += meant.weight;
                }
            }
        }
        for (fit, title) in fits.iter_mut().zip(&self.titles) {
            if fit.covered <= 0.0 {
                fit.asked = if meaning.subject > 0.0 { 0.0 } else { 1.0 };
                continue;
            }
            fit.stems /= meaning.possible;
            fit.covered /= meaning.possible;
            fit.title = if *title > 0.0 { fit.title / title } else { 0.0 };
            fit.asked = if meaning.subject > 0.0 {
                fit.asked / meaning.subject
            } else {
                1.0
            };
        }
    }

    /// Sums of their own are a fifth as long as the fits: there are many pieces, and they jump about in them.
    fn fit_pieces<'q>(&self, terms: impl Iterator<Item = (&'q str, f32)>, fits: &mut [Fit]) {
        let mut meaning = self.meaning(terms);
        let postings = |meant: &Meant| self.postings[meant.number as usize].as_slice();
        meaning.terms.sort_by_key(|meant| postings(meant).len());
        let mut sums = vec![0.0_f32; fits.len()];
        let mut read = 0;
        for meant in &meaning.terms {
            let postings = postings(meant);
            read += postings.len();
            if read > MOST_PIECES {
                break;
            }
            let weight = meant.weight / meaning.possible;
            for posting in postings {
                sums[posting.title()] += weight * posting.impact;
            }
        }
        for (fit, sum) in fits.iter_mut().zip(sums) {
            fit.pieces = sum;
        }
    }
}

/// A word between its ends.
fn padded(word: &str) -> String {
    format!("_{word}_")
}

/// Pieces of a padded word: "_мани", "мани", "аник", … and a short word whole.
fn pieces(padded: &str) -> impl Iterator<Item = &str> {
    let starts = padded.char_indices().map(|(at, _)| at);
    let ends = starts.clone().skip(PIECE).chain([padded.len()]);
    starts.zip(ends).map(|(start, end)| &padded[start..end])
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of documents and words are far below 2^24"
)]
fn as_f32(count: usize) -> f32 {
    count as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> Index {
        let document = |title: &str, body: &str| Document {
            titles: vec![title.to_owned()],
            body: body.to_owned(),
        };
        Index::new(&[
            document("Есть ли парковка?", "Рядом платная парковка во дворе"),
            document("Как оплатить?", "Картой или наличными"),
            document(
                "Можно ли с собакой?",
                "Небольшие собаки ждут у входа, парковка для собак",
            ),
        ])
    }

    fn best(query: &str) -> usize {
        let fits = index().fits(query);
        (0..fits.len())
            .max_by(|a, b| fits[*a].stems.total_cmp(&fits[*b].stems))
            .unwrap()
    }

    #[test]
    fn a_title_counts_more_than_a_body() {
        assert_eq!(best("парковки"), 0);
    }

    #[test]
    fn forms_and_typos_of_a_word_are_found() {
        assert_eq!(best("оплата наличными"), 1);
        assert_eq!(best("пракока для собакой"), 2);
        assert_eq!(best("налчиными"), 1);
    }

    #[test]
    fn an_unknown_word_lowers_what_is_covered() {
        let known = index().fits("парковка")[0].covered;
        let unknown = index().fits("парковка вертолёта")[0].covered;
        assert!(known > 0.99 && unknown < 0.5, "{known} {unknown}");
    }
}
