//! A text as numbers: hashed stems, pairs of stems and pieces of words.

use crate::words::{folded, stem, tokens};

/// Buckets the features are hashed into.
pub(super) const BUCKETS: usize = 1 << 16;
/// The lengths of the pieces of words.
const PIECES: std::ops::RangeInclusive<usize> = 2..=5;

/// A sparse vector: buckets in order, with their values.
pub(crate) type Sparse = Vec<(u32, f32)>;

/// Counts of the features of a text: those of words and those of pieces of words apart.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    pub(super) words: Sparse,
    pub(super) pieces: Sparse,
}

/// Counts the features of a text.
pub(crate) fn counts(text: &str) -> Counts {
    let folded = folded(text);
    let tokens: Vec<&str> = tokens(&folded).collect();
    let stems: Vec<_> = tokens.iter().map(|token| stem(token)).collect();
    let mut words: Vec<u32> = stems.iter().map(|stem| bucket(1, stem.bytes())).collect();
    words.extend(stems.windows(2).map(|pair| {
        bucket(
            2,
            pair[0]
                .bytes()
                .chain(std::iter::once(b' '))
                .chain(pair[1].bytes()),
        )
    }));
    let mut pieces = Vec::new();
    for token in tokens {
        let padded = format!("_{token}_");
        let starts: Vec<usize> = padded
            .char_indices()
            .map(|(at, _)| at)
            .chain([padded.len()])
            .collect();
        for length in PIECES {
            let windows = starts.windows(length + 1);
            pieces
                .extend(windows.map(|window| bucket(3, padded[window[0]..window[length]].bytes())));
        }
    }
    Counts {
        words: counted(words),
        pieces: counted(pieces),
    }
}

fn counted(mut buckets: Vec<u32>) -> Sparse {
    buckets.sort_unstable();
    let mut out: Sparse = Vec::with_capacity(buckets.len());
    for bucket in buckets {
        match out.last_mut() {
            Some((last, count)) if *last == bucket => *count += 1.0,
            _ => out.push((bucket, 1.0)),
        }
    }
    out
}

/// FNV-1a, folded into a bucket.
fn bucket(kind: u8, bytes: impl Iterator<Item = u8>) -> u32 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ u64::from(kind);
    for byte in bytes {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let folded = hash ^ (hash >> 32);
    u32::try_from(folded % BUCKETS as u64).unwrap_or_default()
}

/// How much each feature tells, learnt from texts.
#[derive(Debug, Clone)]
pub(crate) struct Weighing {
    weights: Vec<f32>,
}

impl Weighing {
    /// Learns from the features of texts: what is rare tells more.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of examples are far below 2^24"
    )]
    pub(crate) fn learn<'c>(texts: impl Iterator<Item = &'c Counts>) -> Self {
        let mut holders = vec![0_u32; BUCKETS];
        let mut count = 0_u32;
        for text in texts {
            count += 1;
            for (bucket, _) in text.words.iter().chain(&text.pieces) {
                holders[*bucket as usize] += 1;
            }
        }
        let weight = |n: &u32| ((1 + count) as f32 / (1 + n) as f32).ln() + 1.0;
        Self {
            weights: holders.iter().map(weight).collect(),
        }
    }

    /// The vector of a text, of length one; words and pieces count alike.
    pub(crate) fn vector(&self, counts: &Counts) -> Sparse {
        let mut vector = self.weighed(&counts.words);
        vector.extend(self.weighed(&counts.pieces));
        vector.sort_unstable_by_key(|(bucket, _)| *bucket);
        vector
    }

    fn weighed(&self, counts: &Sparse) -> Sparse {
        let mut out: Sparse = counts
            .iter()
            .map(|(bucket, n)| (*bucket, (1.0 + n.ln()) * self.weights[*bucket as usize]))
            .collect();
        let length = out
            .iter()
            .map(|(_, value)| value * value)
            .sum::<f32>()
            .sqrt();
        if length > 0.0 {
            for (_, value) in &mut out {
                *value /= length * std::f32::consts::SQRT_2;
            }
        }
        out
    }
}
