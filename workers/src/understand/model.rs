//! Multinomial logistic regression over the features, with a confidence that means what it says.
//!
//! The regression is kept as what each example pulls towards each label: a text is compared with
//! every example anyway, to see whether it is like any of them.
//!
//! Confidence is not the probability of the regression, which is sure of nonsense too. It is a
//! logistic curve over that probability, the likeness to the nearest example and the share of
//! known words, fitted on examples the regression had not seen, some of them of intents it had
//! not seen at all.

use super::calibration::{Calibration, calibrate};
use super::features::{Counts, Sparse, Weighing, counts};
use crate::words::{Lexicon, folded, is_light, stem, tokens};

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
        let of_names = names.iter().enumerate().map(|(label, name)| Example {
            text: (*name).to_owned(),
            label,
        });
        let lessons = Lessons::new(examples.iter().cloned().chain(of_names), names.len());
        let all: Vec<usize> = (0..lessons.examples.len()).collect();
        Self {
            calibration: calibrate(&lessons, examples.len()),
            raw: Raw::train(&lessons, &all),
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
pub(super) struct Lessons {
    pub(super) examples: Vec<Example>,
    pub(super) counts: Vec<Counts>,
    labels: usize,
}

impl Lessons {
    fn new(examples: impl Iterator<Item = Example>, labels: usize) -> Self {
        let examples: Vec<Example> = examples.collect();
        Self {
            counts: examples
                .iter()
                .map(|example| counts(&example.text))
                .collect(),
            examples,
            labels,
        }
    }
}

/// The regression itself.
#[derive(Debug)]
pub(super) struct Raw {
    weighing: Weighing,
    /// Where the examples of each row begin below; one more at the end.
    starts: Vec<u32>,
    /// The examples that have a row, with their values.
    examples: Vec<(u32, f32)>,
    example_labels: Vec<usize>,
    /// For each example, how much it pulls towards each label.
    pulls: Vec<f32>,
    /// What every text has of each label.
    bias: Vec<f32>,
    lexicon: Lexicon,
}

impl Raw {
    pub(super) fn train(lessons: &Lessons, chosen: &[usize]) -> Self {
        let labelled = |at: &usize| (&lessons.counts[*at], lessons.examples[*at].label);
        let weighing = Weighing::learn(chosen.iter().map(labelled), lessons.labels);
        let vectors: Vec<Sparse> = chosen
            .iter()
            .map(|at| weighing.vector(&lessons.counts[*at]))
            .collect();
        let mut lexicon = Lexicon::default();
        for at in chosen {
            for token in tokens(&folded(&lessons.examples[*at].text)) {
                lexicon.add(&stem(token));
            }
        }
        let (starts, examples) = by_row(&vectors, weighing.rows());
        let mut raw = Self {
            weighing,
            starts,
            examples,
            example_labels: chosen
                .iter()
                .map(|at| lessons.examples[*at].label)
                .collect(),
            pulls: vec![0.0; chosen.len() * lessons.labels],
            bias: vec![0.0; lessons.labels],
            lexicon,
        };
        raw.descend(&vectors);
        raw
    }

    /// Stochastic gradient descent. What an example pulls is the sum of the steps it caused.
    fn descend(&mut self, vectors: &[Sparse]) {
        let labels = self.bias.len();
        let mut weights = vec![0.0_f32; self.weighing.rows() * labels];
        let mut order: Vec<usize> = (0..vectors.len()).collect();
        let mut dice = Dice(0x2545_f491_4f6c_dd1d);
        for round in 0_u16.. {
            if usize::from(round) == ROUNDS {
                break;
            }
            let rate = RATE / (1.0 + 0.1 * f32::from(round));
            dice.shuffle(&mut order);
            for at in &order {
                let mut steps = self.bias.clone();
                for (row, value) in &vectors[*at] {
                    add(&mut steps, span(&weights, *row as usize, labels), *value);
                }
                softmax(&mut steps);
                steps[self.example_labels[*at]] -= 1.0;
                for step in &mut steps {
                    *step *= -rate;
                }
                for (row, value) in &vectors[*at] {
                    let start = *row as usize * labels;
                    add(&mut weights[start..start + labels], &steps, *value);
                }
                add(&mut self.bias, &steps, PRIOR);
                add(&mut self.pulls[at * labels..(at + 1) * labels], &steps, 1.0);
            }
        }
    }

    pub(super) fn look(&self, text: &str, counts: &Counts) -> View {
        let mut likes = vec![0.0_f32; self.example_labels.len()];
        for (row, value) in self.weighing.vector(counts) {
            let row = row as usize;
            let (start, end) = (self.starts[row] as usize, self.starts[row + 1] as usize);
            for (example, other) in &self.examples[start..end] {
                likes[*example as usize] += value * other;
            }
        }
        let labels = self.bias.len();
        let mut likeness = vec![0.0_f32; labels];
        let mut probabilities = self.bias.clone();
        for (at, like) in likes.iter().enumerate() {
            let own = &mut likeness[self.example_labels[at]];
            *own = own.max(*like);
            add(&mut probabilities, span(&self.pulls, at, labels), *like);
        }
        softmax(&mut probabilities);
        View {
            probabilities,
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

/// The examples that have each row, one row after another, and where each row begins.
fn by_row(vectors: &[Sparse], rows: usize) -> (Vec<u32>, Vec<(u32, f32)>) {
    let mut starts = vec![0_u32; rows + 1];
    for (row, _) in vectors.iter().flatten() {
        starts[*row as usize + 1] += 1;
    }
    for row in 0..rows {
        starts[row + 1] += starts[row];
    }
    let mut next = starts.clone();
    let mut examples = vec![(0, 0.0); vectors.iter().map(Vec::len).sum()];
    for (example, vector) in (0_u32..).zip(vectors) {
        for (row, value) in vector {
            let place = &mut next[*row as usize];
            examples[*place as usize] = (example, *value);
            *place += 1;
        }
    }
    (starts, examples)
}

fn span(values: &[f32], at: usize, length: usize) -> &[f32] {
    &values[at * length..(at + 1) * length]
}

pub(super) fn add(to: &mut [f32], values: &[f32], times: f32) {
    for (sum, value) in to.iter_mut().zip(values) {
        *sum += value * times;
    }
}

fn softmax(values: &mut [f32]) {
    let most = values.iter().copied().fold(f32::MIN, f32::max);
    let mut total = 0.0;
    for value in values.iter_mut() {
        *value = (*value - most).exp();
        total += *value;
    }
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
