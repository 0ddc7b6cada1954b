//! Multinomial logistic regression over the features, with a confidence that means what it says.
//!
//! The regression is kept as what each example pulls towards each label: a text is compared with
//! every example anyway, to see whether it is like any of them.
//!
//! Confidence is not the probability of the regression, which is sure of nonsense too. It is a
//! logistic curve over that probability, the likeness to the nearest example and the share of
//! known words, fitted on examples the regression had not seen, some of them of intents it had
//! not seen at all.

use std::ops::Range;

use wide::f32x8;

use super::calibration::{Calibration, calibrate};
use super::features::{Counts, Sparse, Weighing, Word, merged, words};
use crate::words::{Lexicon, folded};

/// The values that are reckoned with at once, also where the compiler builds for size.
pub(super) const LANES: usize = 8;
/// Rounds over the examples.
const ROUNDS: usize = 20;
/// How fast the regression learns.
const RATE: f32 = 2.0;
/// How fast it learns how frequent each label is, beside what the features say.
const PRIOR: f32 = 0.3;

/// A text with the label it has.
#[derive(Debug, Clone)]
pub struct Example {
    /// The text.
    pub text: String,
    /// The number of its label.
    pub label: usize,
}

/// A label with how sure it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// The number of the label.
    pub label: usize,
    /// From 0 to 1.
    pub confidence: f32,
}

/// A trained classifier.
#[derive(Debug)]
pub struct Classifier {
    raw: Raw,
    calibration: Calibration,
}

impl Classifier {
    /// Trains on examples; `names` has the name of each label, whose words are an example too.
    pub fn train(examples: &[Example], names: &[&str]) -> Self {
        let texts = examples.iter().map(|example| folded(&example.text));
        let texts: Vec<String> = texts.chain(names.iter().map(|name| folded(name))).collect();
        let words: Vec<Vec<Word<'_>>> = texts.iter().map(|text| words(text)).collect();
        let counts: Vec<Counts> = words.iter().map(|words| Counts::of(words)).collect();
        let labels = examples.iter().map(|example| example.label);
        let lessons = Lessons {
            counts: merged(&counts),
            words,
            labels: labels.chain(0..names.len()).collect(),
            kinds: names.len(),
        };
        let all: Vec<usize> = (0..texts.len()).collect();
        let mut raw = Raw::train(&lessons, &all);
        // What customers write has features that came together in the examples one by one.
        let counts: Vec<&Counts> = counts.iter().collect();
        (raw.index, _) = Index::new(&counts, &lessons.labels, names.len());
        Self {
            calibration: calibrate(&lessons, examples.len()),
            raw,
        }
    }

    /// The labels of a text, the likeliest first, each with its confidence.
    pub fn classify(&self, text: &str) -> Vec<Scored> {
        let folded = folded(text);
        let words = words(&folded);
        let view = self.raw.look(&Counts::of(&words), &words);
        let mut scored: Vec<Scored> = (0..view.probabilities.len())
            .map(|label| Scored {
                label,
                confidence: self.calibration.confidence(&view.evidence(label)),
            })
            .collect();
        scored.sort_by(|a, b| {
            let probability = |scored: &Scored| view.probabilities[scored.label];
            probability(b).total_cmp(&probability(a))
        });
        scored
    }

    /// Whether a stem is in the examples, also through a typo.
    pub fn knows(&self, stem: &str) -> bool {
        self.raw.lexicon.number(stem).is_some() || !self.raw.lexicon.nearest(stem).is_empty()
    }
}

/// What the regression sees in a text.
pub(super) struct View {
    probabilities: Vec<f32>,
    /// Likeness to the nearest example of each label.
    likeness: Vec<f32>,
    /// Likeness to the nearest example of any.
    nearest: f32,
    /// Share of the words that are known.
    known: f32,
}

/// What the confidence is made of.
pub(super) type Evidence = [f32; 4];

impl View {
    pub(super) fn evidence(&self, label: usize) -> Evidence {
        let probability = self.probabilities[label].clamp(1e-4, 1.0 - 1e-4);
        [
            (probability / (1.0 - probability)).ln(),
            self.likeness[label],
            self.nearest,
            self.known,
        ]
    }

    pub(super) fn best(&self) -> usize {
        let order =
            |a: &usize, b: &usize| self.probabilities[*a].total_cmp(&self.probabilities[*b]);
        (0..self.probabilities.len()).max_by(order).unwrap_or(0)
    }
}

/// Everything there is to learn from.
pub(super) struct Lessons<'t> {
    pub(super) words: Vec<Vec<Word<'t>>>,
    /// The features of each example, those that always come together as one: the less there are, the sooner it is learnt.
    pub(super) counts: Vec<Counts>,
    pub(super) labels: Vec<usize>,
    /// How many labels there are.
    kinds: usize,
}

/// The regression itself.
#[derive(Debug)]
pub(super) struct Raw {
    index: Index,
    example_labels: Vec<usize>,
    /// How many labels there are.
    kinds: usize,
    /// For each example, how much it pulls towards each label, in as many lanes as the labels need.
    pulls: Vec<f32x8>,
    /// What every text has of each label; no text is of a lane without one.
    bias: Vec<f32x8>,
    lexicon: Lexicon,
}

impl Raw {
    pub(super) fn train(lessons: &Lessons<'_>, chosen: &[usize]) -> Self {
        let counts: Vec<&Counts> = chosen.iter().map(|at| &lessons.counts[*at]).collect();
        let example_labels: Vec<usize> = chosen.iter().map(|at| lessons.labels[*at]).collect();
        let mut lexicon = Lexicon::default();
        for word in chosen.iter().flat_map(|at| &lessons.words[*at]) {
            lexicon.add(&word.stem);
        }
        let (index, vectors) = Index::new(&counts, &example_labels, lessons.kinds);
        let mut bias = vec![f32x8::splat(f32::NEG_INFINITY); lessons.kinds.div_ceil(LANES)];
        for label in 0..lessons.kinds {
            bias[label / LANES].as_mut_array()[label % LANES] = 0.0;
        }
        let mut raw = Self {
            index,
            example_labels,
            kinds: lessons.kinds,
            pulls: vec![f32x8::ZERO; chosen.len() * bias.len()],
            bias,
            lexicon,
        };
        raw.descend(&vectors);
        raw
    }

    /// Stochastic gradient descent. What an example pulls is the sum of the steps it caused.
    fn descend(&mut self, vectors: &[Sparse]) {
        let width = self.bias.len();
        let mut weights = vec![f32x8::ZERO; self.index.weighing.rows() * width];
        let mut order: Vec<usize> = (0..vectors.len()).collect();
        let mut dice = Dice(0x2545_f491_4f6c_dd1d);
        let mut steps = self.bias.clone();
        for round in 0_u16.. {
            if usize::from(round) == ROUNDS {
                break;
            }
            let rate = RATE / (1.0 + 0.1 * f32::from(round));
            dice.shuffle(&mut order);
            for at in &order {
                steps.copy_from_slice(&self.bias);
                for (row, value) in &vectors[*at] {
                    add(&mut steps, &weights[span(*row as usize, width)], *value);
                }
                softmax(&mut steps);
                let label = self.example_labels[*at];
                steps[label / LANES].as_mut_array()[label % LANES] -= 1.0;
                for step in &mut steps {
                    *step *= -rate;
                }
                for (row, value) in &vectors[*at] {
                    add(&mut weights[span(*row as usize, width)], &steps, *value);
                }
                add(&mut self.bias, &steps, PRIOR);
                add(&mut self.pulls[span(*at, width)], &steps, 1.0);
            }
        }
    }

    pub(super) fn look(&self, counts: &Counts, words: &[Word<'_>]) -> View {
        let likes = self.index.likes(counts, self.example_labels.len());
        let width = self.bias.len();
        let mut likeness = vec![0.0_f32; self.kinds];
        let mut probabilities = self.bias.clone();
        for (at, like) in likes.iter().enumerate().filter(|(_, like)| **like > 0.0) {
            let own = &mut likeness[self.example_labels[at]];
            *own = own.max(*like);
            add(&mut probabilities, &self.pulls[span(at, width)], *like);
        }
        softmax(&mut probabilities);
        let probabilities = probabilities.iter().flat_map(|lanes| *lanes.as_array());
        View {
            probabilities: probabilities.take(self.kinds).collect(),
            nearest: likeness.iter().copied().fold(0.0, f32::max),
            likeness,
            known: self.known(words),
        }
    }

    /// The share of the letters of telling words that belong to known words.
    #[expect(
        clippy::cast_precision_loss,
        reason = "lengths of messages are far below 2^24"
    )]
    fn known(&self, words: &[Word<'_>]) -> f32 {
        let (mut known, mut all) = (0, 0);
        for word in words.iter().filter(|word| word.tells()) {
            all += word.letters();
            if self.lexicon.number(&word.stem).is_some()
                || !self.lexicon.nearest(&word.stem).is_empty()
            {
                known += word.letters();
            }
        }
        if all == 0 {
            1.0
        } else {
            known as f32 / all as f32
        }
    }
}

/// Which examples have which features.
#[derive(Debug)]
struct Index {
    weighing: Weighing,
    /// Where the examples of each row begin below; one more at the end.
    starts: Vec<u32>,
    /// The examples that have a row, with their values, one row after another.
    examples: Vec<(u32, f32)>,
}

impl Index {
    /// The index, and the vectors of the examples.
    fn new(counts: &[&Counts], labels: &[usize], kinds: usize) -> (Self, Vec<Sparse>) {
        let weighing = Weighing::learn(counts.iter().copied().zip(labels.iter().copied()), kinds);
        let vectors: Vec<Sparse> = counts
            .iter()
            .map(|counts| weighing.vector(counts))
            .collect();
        let rows = weighing.rows();
        let mut starts = vec![0_u32; rows + 1];
        for (row, _) in vectors.iter().flatten() {
            starts[*row as usize + 1] += 1;
        }
        for row in 0..rows {
            starts[row + 1] += starts[row];
        }
        let mut next = starts.clone();
        let mut examples = vec![(0, 0.0); vectors.iter().map(Vec::len).sum()];
        for (example, vector) in (0_u32..).zip(&vectors) {
            for (row, value) in vector {
                let place = &mut next[*row as usize];
                examples[*place as usize] = (example, *value);
                *place += 1;
            }
        }
        let index = Self {
            weighing,
            starts,
            examples,
        };
        (index, vectors)
    }

    /// How much a text is like each of so many examples.
    fn likes(&self, counts: &Counts, examples: usize) -> Vec<f32> {
        let mut likes = vec![0.0_f32; examples];
        for (row, value) in self.weighing.vector(counts) {
            let row = row as usize;
            let (start, end) = (self.starts[row] as usize, self.starts[row + 1] as usize);
            for (example, other) in &self.examples[start..end] {
                likes[*example as usize] += value * other;
            }
        }
        likes
    }
}

/// Where a row is among rows of so many values each.
fn span(row: usize, width: usize) -> Range<usize> {
    row * width..(row + 1) * width
}

fn add(to: &mut [f32x8], values: &[f32x8], times: f32) {
    for (sum, value) in to.iter_mut().zip(values) {
        *sum += *value * times;
    }
}

fn softmax(values: &mut [f32x8]) {
    let most = |lanes: &f32x8| lanes.as_array().iter().copied().fold(f32::MIN, f32::max);
    let most = values.iter().map(most).fold(f32::MIN, f32::max);
    let mut total = f32x8::ZERO;
    for value in values.iter_mut() {
        *value = (*value - most).exp();
        total += *value;
    }
    let total = total.reduce_add();
    for value in values {
        *value /= total;
    }
}

/// Small, repeatable dice (xorshift).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(super) fn shuffle(&mut self, items: &mut [usize]) {
        for at in (1..items.len()).rev() {
            let other = usize::try_from(self.roll() % (at as u64 + 1)).unwrap_or_default();
            items.swap(at, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classifier() -> Classifier {
        let texts = [
            [
                "сколько стоит стрижка",
                "какая цена маникюра",
                "почем окрашивание",
                "цена на педикюр",
                "стоимость укладки",
            ],
            [
                "где вы находитесь",
                "какой у вас адрес",
                "как до вас добраться",
                "подскажите адрес салона",
                "где салон",
            ],
            [
                "отмените мою запись",
                "хочу отменить визит",
                "отмена записи",
                "не приду отмените",
                "отменить запись на завтра",
            ],
        ];
        let label = |(label, texts): (usize, &[&str; 5])| {
            texts.map(|text| Example {
                text: text.to_owned(),
                label,
            })
        };
        let examples: Vec<Example> = texts.iter().enumerate().flat_map(label).collect();
        Classifier::train(&examples, &["price", "address", "cancel"])
    }

    #[test]
    fn unseen_wording_and_typos_find_their_label() {
        let classifier = classifier();
        for (text, label) in [
            ("скока стоит педикюрр", 0),
            ("адрес подскажите плиз", 1),
            ("отменяю запись", 2),
        ] {
            assert_eq!(classifier.classify(text)[0].label, label, "{text}");
        }
    }

    #[test]
    fn it_is_less_sure_of_what_it_never_saw() {
        let classifier = classifier();
        let sure = classifier.classify("какая цена стрижки")[0].confidence;
        let unsure = classifier.classify("погода в Бразилии ужасна")[0].confidence;
        assert!(sure > unsure + 0.2, "{sure} {unsure}");
    }
}
