//! A text as numbers: stems, stems of telling words, pairs of stems and pieces of words.

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

/// Hashes of the features of a text in order, with how often each is there, by field.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts([Sparse; SHARES.len()]);

impl Counts {
    /// The vector of a text in which all features of a field tell the same, of length one.
    pub(crate) fn plain(&self) -> Sparse {
        let mut vector = Sparse::new();
        for (field, share) in self.0.iter().zip(SHARES) {
            let often = |n: f32| 1.0 + n.ln();
            let length: f32 = field.iter().map(|(_, n)| often(*n).powi(2)).sum();
            let scale = share.sqrt() / length.sqrt();
            vector.extend(field.iter().map(|(hash, n)| (*hash, often(*n) * scale)));
        }
        vector.sort_unstable_by_key(|(hash, _)| *hash);
        vector
    }
}

/// Counts the features of a text.
pub(crate) fn counts(text: &str) -> Counts {
    let folded = folded(text);
    let mut hashes: [Vec<u32>; SHARES.len()] = Default::default();
    let mut last: Option<String> = None;
    for token in tokens(&folded) {
        let stem = stem(token);
        hashes[STEMS].push(hash(STEMS, &[&stem]));
        if !is_light(token) {
            hashes[TELLING].push(hash(TELLING, &[&stem]));
        }
        if let Some(last) = &last {
            hashes[PAIRS].push(hash(PAIRS, &[last, &stem]));
        }
        last = Some(stem.into_owned());
        let padded = format!("_{token}_");
        let starts: Vec<usize> = padded
            .char_indices()
            .map(|(at, _)| at)
            .chain([padded.len()])
            .collect();
        for length in LENGTHS {
            let windows = starts.windows(length + 1);
            hashes[PIECES]
                .extend(windows.map(|window| hash(PIECES, &[&padded[window[0]..window[length]]])));
        }
    }
    Counts(hashes.map(counted))
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
    out
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
            for (hash, n) in field {
                let often = 1.0 + n.ln();
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
}
