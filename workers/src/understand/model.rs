//! Multinomial logistic regression over the features, with a confidence that means what it says.
//!
//! Confidence is not the probability of the regression, which is sure of nonsense too. It is a
//! logistic curve over that probability, the likeness to the nearest example and the share of
//! known words, fitted on examples the regression had not seen, some of them of intents it had
//! not seen at all.

use super::features::{BUCKETS, Counts, Sparse, Weighing, counts};
use crate::words::{Lexicon, folded, is_light, stem, tokens};

/// Rounds over the examples.
const ROUNDS: usize = 14;
/// How fast the regression learns.
const RATE: f32 = 0.7;
/// How much it is pulled back to nothing.
const DECAY: f32 = 2e-5;
/// Parts the examples are cut into to see how it does on what it has not seen.
const FOLDS: usize = 4;
/// What an example of an unseen intent counts in the fit of the confidence.
const UNSEEN: f32 = 0.06;

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
    /// Trains on examples of `labels` labels.
    pub fn train(examples: &[Example], labels: usize) -> Self {
        let counted: Vec<Counts> = examples
            .iter()
            .map(|example| counts(&example.text))
            .collect();
        let calibration = calibrate(examples, &counted, labels);
        let all: Vec<usize> = (0..examples.len()).collect();
        Self {
            raw: Raw::train(examples, &counted, &all, labels),
            calibration,
        }
    }

    /// The labels of a text, the likeliest first, each with its confidence.
    pub fn classify(&self, text: &str) -> Vec<Scored> {
        let view = self.raw.look(text, &counts(text));
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
struct View {
    probabilities: Vec<f32>,
    /// Likeness to the nearest example of each label.
    likeness: Vec<f32>,
    /// Likeness to the nearest example of any.
    nearest: f32,
    /// Share of the words that are known.
    known: f32,
}

/// What the confidence is made of.
type Evidence = [f32; 4];

impl View {
    fn evidence(&self, label: usize) -> Evidence {
        let probability = self.probabilities[label].clamp(1e-4, 1.0 - 1e-4);
        [
            (probability / (1.0 - probability)).ln(),
            self.likeness[label],
            self.nearest,
            self.known,
        ]
    }

    fn best(&self) -> usize {
        let order =
            |a: &usize, b: &usize| self.probabilities[*a].total_cmp(&self.probabilities[*b]);
        (0..self.probabilities.len()).max_by(order).unwrap_or(0)
    }
}

/// The row of a bucket that no example has.
const ABSENT: u32 = u32::MAX;

/// The regression itself.
#[derive(Debug)]
struct Raw {
    labels: usize,
    weighing: Weighing,
    /// For each bucket its row below, or [`ABSENT`]: few of them are in any example.
    rows: Vec<u32>,
    /// One row for each label's weight of a bucket.
    weights: Vec<f32>,
    bias: Vec<f32>,
    /// For each row, the examples that have its bucket and their values.
    examples: Vec<Vec<(u32, f32)>>,
    example_labels: Vec<usize>,
    lexicon: Lexicon,
}

impl Raw {
    fn train(examples: &[Example], counted: &[Counts], chosen: &[usize], labels: usize) -> Self {
        let weighing = Weighing::learn(chosen.iter().map(|at| &counted[*at]));
        let vectors: Vec<Sparse> = chosen
            .iter()
            .map(|at| weighing.vector(&counted[*at]))
            .collect();
        let mut raw = Self {
            labels,
            weighing,
            rows: vec![ABSENT; BUCKETS],
            weights: Vec::new(),
            bias: vec![0.0; labels],
            examples: Vec::new(),
            example_labels: chosen.iter().map(|at| examples[*at].label).collect(),
            lexicon: Lexicon::default(),
        };
        for (number, vector) in (0_u32..).zip(&vectors) {
            for (bucket, value) in vector {
                let row = &mut raw.rows[*bucket as usize];
                if *row == ABSENT {
                    *row = u32::try_from(raw.examples.len()).unwrap_or(ABSENT);
                    raw.examples.push(Vec::new());
                }
                raw.examples[*row as usize].push((number, *value));
            }
        }
        raw.weights = vec![0.0; raw.examples.len() * labels];
        for at in chosen {
            let folded = folded(&examples[*at].text);
            for token in tokens(&folded) {
                raw.lexicon.add(&stem(token));
            }
        }
        raw.descend(&vectors);
        raw
    }

    /// Stochastic gradient descent with a step of its own for each bucket (`AdaGrad`).
    fn descend(&mut self, vectors: &[Sparse]) {
        let mut squares = vec![1e-6_f32; self.examples.len()];
        let mut order: Vec<usize> = (0..vectors.len()).collect();
        let mut dice = Dice(0x2545_f491_4f6c_dd1d);
        for _ in 0..ROUNDS {
            dice.shuffle(&mut order);
            for at in &order {
                let vector = &vectors[*at];
                let mut errors = self.probabilities(vector);
                errors[self.example_labels[*at]] -= 1.0;
                let energy: f32 = errors.iter().map(|error| error * error).sum();
                for (bucket, value) in vector {
                    let row = self.rows[*bucket as usize] as usize;
                    let square = &mut squares[row];
                    *square += energy * value * value;
                    let step = RATE / square.sqrt();
                    let start = row * self.labels;
                    for (weight, error) in self.weights[start..start + self.labels]
                        .iter_mut()
                        .zip(&errors)
                    {
                        *weight -= step * (error * value + DECAY * *weight);
                    }
                }
                for (bias, error) in self.bias.iter_mut().zip(&errors) {
                    *bias -= 0.01 * error;
                }
            }
        }
    }

    /// The parts of a text that some example has, by row.
    fn present(&self, vector: &Sparse) -> impl Iterator<Item = (usize, f32)> {
        vector.iter().filter_map(|(bucket, value)| {
            let row = self.rows[*bucket as usize];
            (row != ABSENT).then_some((row as usize, *value))
        })
    }

    fn probabilities(&self, vector: &Sparse) -> Vec<f32> {
        let mut sums = self.bias.clone();
        for (row, value) in self.present(vector) {
            let start = row * self.labels;
            for (sum, weight) in sums
                .iter_mut()
                .zip(&self.weights[start..start + self.labels])
            {
                *sum += weight * value;
            }
        }
        let most = sums.iter().copied().fold(f32::MIN, f32::max);
        let mut total = 0.0;
        for sum in &mut sums {
            *sum = (*sum - most).exp();
            total += *sum;
        }
        for sum in &mut sums {
            *sum /= total;
        }
        sums
    }

    fn look(&self, text: &str, counts: &Counts) -> View {
        let vector = self.weighing.vector(counts);
        let mut to_examples = vec![0.0_f32; self.example_labels.len()];
        for (row, value) in self.present(&vector) {
            for (example, other) in &self.examples[row] {
                to_examples[*example as usize] += value * other;
            }
        }
        let mut likeness = vec![0.0_f32; self.labels];
        for (label, like) in self.example_labels.iter().zip(&to_examples) {
            likeness[*label] = likeness[*label].max(*like);
        }
        View {
            probabilities: self.probabilities(&vector),
            nearest: likeness.iter().copied().fold(0.0, f32::max),
            likeness,
            known: self.known(text),
        }
    }

    /// The share of the letters of telling words that belong to known words.
    #[expect(
        clippy::cast_precision_loss,
        reason = "lengths of messages are far below 2^24"
    )]
    fn known(&self, text: &str) -> f32 {
        let folded = folded(text);
        let (mut known, mut all) = (0, 0);
        for token in tokens(&folded).filter(|token| !is_light(token)) {
            let letters = token.chars().count();
            all += letters;
            let stem = stem(token);
            if self.lexicon.number(&stem).is_some() || !self.lexicon.nearest(&stem).is_empty() {
                known += letters;
            }
        }
        if all == 0 {
            1.0
        } else {
            known as f32 / all as f32
        }
    }
}

/// A logistic curve over the evidence.
#[derive(Debug, Clone, Copy, Default)]
struct Calibration {
    weights: Evidence,
    bias: f32,
}

impl Calibration {
    fn confidence(&self, evidence: &Evidence) -> f32 {
        let sum: f32 = self
            .weights
            .iter()
            .zip(evidence)
            .map(|(weight, value)| weight * value)
            .sum();
        1.0 / (1.0 + (-(sum + self.bias)).exp())
    }

    /// Fits the curve by gradient descent; more evidence never makes it less sure.
    fn fit(seen: &[(Evidence, bool, f32)]) -> Self {
        let mut curve = Self {
            weights: [1.0, 0.5, 0.5, 0.5],
            bias: 0.0,
        };
        let total: f32 = seen.iter().map(|(_, _, weight)| weight).sum();
        for _ in 0..1500 {
            let mut steps = [0.0_f32; 4];
            let mut bias = 0.0;
            for (evidence, right, weight) in seen {
                let error = (curve.confidence(evidence) - f32::from(u8::from(*right))) * weight;
                bias += error;
                steps
                    .iter_mut()
                    .zip(evidence)
                    .for_each(|(step, value)| *step += error * value);
            }
            for (weight, step) in curve.weights.iter_mut().zip(steps) {
                *weight = (*weight - 0.5 * step / total).max(0.0);
            }
            curve.bias -= 0.5 * bias / total;
        }
        curve
    }
}

/// Looks at each example with the others only, and without its whole intent for a part of them.
fn calibrate(examples: &[Example], counted: &[Counts], labels: usize) -> Calibration {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut order: Vec<usize> = (0..examples.len()).collect();
    dice.shuffle(&mut order);
    let mut seen = Vec::with_capacity(examples.len());
    for fold in 0..FOLDS {
        let left_out = |label: usize| label % FOLDS == fold;
        let (asked, rest): (Vec<_>, Vec<_>) = order
            .iter()
            .enumerate()
            .partition(|(at, _)| at % FOLDS == fold);
        let chosen: Vec<usize> = rest
            .into_iter()
            .map(|(_, at)| *at)
            .filter(|at| !left_out(examples[*at].label))
            .collect();
        if chosen.is_empty() {
            continue;
        }
        let raw = Raw::train(examples, counted, &chosen, labels);
        for (_, at) in asked {
            let view = raw.look(&examples[*at].text, &counted[*at]);
            let best = view.best();
            let label = examples[*at].label;
            let weight = if left_out(label) { UNSEEN } else { 1.0 };
            seen.push((view.evidence(best), best == label, weight));
        }
    }
    Calibration::fit(&seen)
}

/// Small, repeatable dice (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn shuffle(&mut self, items: &mut [usize]) {
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
        Classifier::train(&examples, 3)
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
