//! A text as numbers: stems, stems of telling words, pairs of stems and pieces of words.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::words::{folded, is_light, stem, tokens};

/// How much each field of the features counts for the likeness of two texts; together one.
const SHARES: [f32; 4] = [0.2, 0.2, 0.1, 0.5];
const STEMS: usize = 0;
const TELLING: usize = 1;
const PAIRS: usize = 2;
const PIECES: usize = 3;
/// The lengths of the pieces of words.
const LENGTHS: std::ops::RangeInclusive<usize> = 2..=5;

/// A sparse vector: rows in order, with their values.
pub(crate) type Sparse = Vec<(u32, f32)>;

/// Hashes of the features of a text, with how much each counts for being there that often, by field.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts([Sparse; SHARES.len()]);

impl Counts {
    /// Counts the features of a text with these words.
    pub(super) fn of(words: &[Word<'_>]) -> Self {
        let mut hashes: [Vec<u32>; SHARES.len()] = Default::default();
        for (at, word) in words.iter().enumerate() {
            hashes[STEMS].push(hash(STEMS, &[&word.stem]));
            if word.tells() {
                hashes[TELLING].push(hash(TELLING, &[&word.stem]));
            }
            if let Some(last) = at.checked_sub(1) {
                hashes[PAIRS].push(hash(PAIRS, &[&words[last].stem, &word.stem]));
            }
            let padded = format!("_{}_", word.token);
            let starts: Vec<usize> = padded
                .char_indices()
                .map(|(at, _)| at)
                .chain([padded.len()])
                .collect();
            for length in LENGTHS {
                let windows = starts.windows(length + 1);
                let piece = |window: &[usize]| &padded[window[0]..window[length]];
                hashes[PIECES].extend(windows.map(|window| hash(PIECES, &[piece(window)])));
            }
        }
        Self(hashes.map(counted))
    }

    /// The vector of a text in which all features of a field tell the same, of length one.
    pub(crate) fn plain(&self) -> Sparse {
        let mut vector = Sparse::new();
        for (field, share) in self.0.iter().zip(SHARES) {
            let length: f32 = field.iter().map(|(_, often)| often * often).sum();
            let scale = share.sqrt() / length.sqrt();
            vector.extend(field.iter().map(|(hash, often)| (*hash, often * scale)));
        }
        vector.sort_unstable_by_key(|(hash, _)| *hash);
        vector
    }
}

/// A word of a folded text.
#[derive(Debug)]
pub(super) struct Word<'t> {
    token: &'t str,
    pub(super) stem: Cow<'t, str>,
}

impl Word<'_> {
    /// Whether it says something about the subject.
    pub(super) fn tells(&self) -> bool {
        !is_light(self.token)
    }

    pub(super) fn letters(&self) -> usize {
        self.token.chars().count()
    }
}

/// The words of a folded text.
pub(super) fn words(folded: &str) -> Vec<Word<'_>> {
    let word = |token| Word {
        token,
        stem: stem(token),
    };
    tokens(folded).map(word).collect()
}

/// Counts the features of a text.
pub(crate) fn counts(text: &str) -> Counts {
    Counts::of(&words(&folded(text)))
}

fn counted(mut hashes: Vec<u32>) -> Sparse {
    hashes.sort_unstable();
    let mut out: Sparse = Vec::with_capacity(hashes.len());
    for hash in hashes {
        match out.last_mut() {
            Some((last, count)) if *last == hash => *count += 1.0,
            _ => out.push((hash, 1.0)),
        }
    }
    for (_, often) in &mut out {
        *often = 1.0 + often.ln();
    }
    out
}

/// The field of a feature, and the texts that have it, with the bits of how much it counts there.
type Column = (usize, Vec<(u32, u32)>);

/// The same texts with fewer features, for whoever only compares them with each other: those of a field that are in
/// the same texts, equally often, are one, which counts as much as they do together.
pub(super) fn merged(texts: &[Counts]) -> Vec<Counts> {
    let mut places: Vec<(usize, u32, u32, f32)> = Vec::new();
    for (text, counts) in (0_u32..).zip(texts) {
        for (field, features) in counts.0.iter().enumerate() {
            places.extend(
                features
                    .iter()
                    .map(|(hash, often)| (field, *hash, text, *often)),
            );
        }
    }
    places.sort_unstable_by_key(|(field, hash, text, _)| (*field, *hash, *text));
    let mut alike: HashMap<Column, (u32, f32)> = HashMap::new();
    for places in places.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let (field, hash, ..) = places[0];
        let texts = places
            .iter()
            .map(|(.., text, often)| (*text, often.to_bits()));
        alike
            .entry((field, texts.collect()))
            .or_insert((hash, 0.0))
            .1 += 1.0;
    }
    let mut merged = vec![Counts::default(); texts.len()];
    for ((field, texts), (hash, features)) in alike {
        let together = features.sqrt();
        for (text, often) in texts {
            merged[text as usize].0[field].push((hash, f32::from_bits(often) * together));
        }
    }
    for field in merged.iter_mut().flat_map(|counts| &mut counts.0) {
        field.sort_unstable_by_key(|(hash, _)| *hash);
    }
    merged
}

/// FNV-1a of a field and its words, folded into half.
fn hash(field: usize, words: &[&str]) -> u32 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ (field as u64 + 1);
    for word in words {
        for byte in word.bytes().chain([b' ']) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    u32::try_from((hash ^ (hash >> 32)) & u64::from(u32::MAX)).unwrap_or_default()
}

/// How much each feature tells about the label, learnt from labelled texts.
#[derive(Debug, Clone)]
pub(super) struct Weighing {
    /// The hashes of the features that were there, in order; the place of one is its row.
    hashes: Vec<u32>,
    /// The weight of each row.
    weights: Vec<f32>,
    /// The weight of a feature that was nowhere.
    unknown: f32,
}

impl Weighing {
    /// Learns from the features of texts with their labels: what few labels have tells more.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of labels are far below 2^24"
    )]
    pub(super) fn learn<'c>(
        texts: impl Iterator<Item = (&'c Counts, usize)>,
        labels: usize,
    ) -> Self {
        let mut seen: Vec<(u32, usize)> = Vec::new();
        for (counts, label) in texts {
            let features = counts.0.iter().flatten();
            seen.extend(features.map(|(hash, _)| (*hash, label)));
        }
        seen.sort_unstable();
        seen.dedup();
        let weight = |holders: usize| ((1 + labels) as f32 / (1 + holders) as f32).ln() + 1.0;
        let mut weighing = Self {
            hashes: Vec::new(),
            weights: Vec::new(),
            unknown: weight(0),
        };
        for holders in seen.chunk_by(|a, b| a.0 == b.0) {
            weighing.hashes.push(holders[0].0);
            weighing.weights.push(weight(holders.len()));
        }
        weighing.hashes.shrink_to_fit();
        weighing.weights.shrink_to_fit();
        weighing
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> usize {
        self.hashes.len()
    }

    /// The vector of a text, of length one, without the features that were nowhere.
    pub(super) fn vector(&self, counts: &Counts) -> Sparse {
        let mut vector = Sparse::new();
        for (field, share) in counts.0.iter().zip(SHARES) {
            let start = vector.len();
            let mut length = 0.0;
            for (hash, often) in field {
                let row = self.hashes.binary_search(hash).ok();
                let value = often * row.map_or(self.unknown, |row| self.weights[row]);
                length += value * value;
                if let Some(row) = row {
                    vector.push((u32::try_from(row).unwrap_or(u32::MAX), value));
                }
            }
            let scale = share.sqrt() / length.sqrt();
            for (_, value) in &mut vector[start..] {
                *value *= scale;
            }
        }
        vector.sort_unstable_by_key(|(row, _)| *row);
        vector
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_label_has_tells_more_than_what_all_have() {
        let texts = ["цена стрижки", "цена укладки", "цена окраски"].map(counts);
        let labelled = texts.iter().zip(0..);
        let weighing = Weighing::learn(labelled, 3);
        let likeness = |a: &str, b: &str| -> f32 {
            let (a, b) = (weighing.vector(&counts(a)), weighing.vector(&counts(b)));
            let other = |row| {
                b.iter()
                    .find(|(own, _)| *own == row)
                    .map_or(0.0, |own| own.1)
            };
            a.iter().map(|(row, value)| value * other(*row)).sum()
        };
        assert!((likeness("цена укладки", "цена укладки") - 1.0).abs() < 1e-5);
        let (subject, question) = (
            likeness("цена укладки", "укладка"),
            likeness("цена укладки", "цена"),
        );
        assert!(subject > question, "{subject} {question}");
    }

    #[test]
    fn texts_are_as_alike_by_their_merged_features() {
        let texts = ["цена стрижки", "цена укладки, цена!", "запись на стрижку"].map(counts);
        let alike = |texts: &[Counts]| {
            let weighing = Weighing::learn(texts.iter().zip(0..), texts.len());
            let vectors: Vec<Sparse> = texts.iter().map(|text| weighing.vector(text)).collect();
            let value = |vector: &Sparse, row| {
                let at = vector.binary_search_by_key(&row, |(row, _)| *row);
                at.map_or(0.0, |at| vector[at].1)
            };
            let like = |a: &Sparse, b| a.iter().map(|(row, own)| own * value(b, *row)).sum::<f32>();
            let pairs = vectors
                .iter()
                .flat_map(|a| vectors.iter().map(move |b| (a, b)));
            let likes: Vec<f32> = pairs.map(|(a, b)| like(a, b)).collect();
            (weighing.rows(), likes)
        };

        let (all, likes) = alike(&texts);
        let (fewer, merged) = alike(&merged(&texts));

        assert!(fewer < all / 2, "{fewer} {all}");
        for (like, merged) in likes.iter().zip(&merged) {
            assert!((like - merged).abs() < 1e-5, "{likes:?} {merged:?}");
        }
    }
}
