//! How sure the classifier may be, learnt from how often it is right about what it had not seen.

use std::array::from_fn;

use wide::f32x8;

use super::model::{Dice, Evidence, LANES, Lessons, Raw};

/// Parts the examples are cut into to see how it does on what it has not seen.
const FOLDS: usize = 5;
/// Parts the labels are cut into to see how it does on what is of none of them.
const GROUPS: usize = 3;
/// What an example of an unseen label counts when the evidence is weighed.
const UNSEEN: f32 = 0.5;

/// A logistic curve over the evidence.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Calibration {
    weights: Evidence,
    bias: f32,
}

impl Calibration {
    pub(super) fn confidence(&self, evidence: &Evidence) -> f32 {
        self.confidences(&evidence.map(f32x8::splat)).as_array()[0]
    }

    fn confidences(&self, evidence: &[f32x8; 4]) -> f32x8 {
        let mut sum = f32x8::splat(self.bias);
        for (weight, value) in self.weights.iter().zip(evidence) {
            sum += *value * *weight;
        }
        f32x8::ONE / (f32x8::ONE + (-sum).exp())
    }

    /// Weighs the evidence on all that was seen, then fits how sure that makes on what is of a
    /// known label: of that, as many must be right as it says.
    fn fit(seen: &[Seen]) -> Self {
        let mut curve = Self {
            weights: [1.0, 0.5, 0.5, 0.5],
            bias: 0.0,
        };
        curve.descend(seen, |curve, steps, bias| {
            for (weight, step) in curve.weights.iter_mut().zip(steps) {
                // More evidence never makes it less sure.
                *weight = (*weight - step).max(0.0);
            }
            curve.bias -= bias;
        });
        let known: Vec<Seen> = seen.iter().filter(|seen| seen.2 >= 1.0).copied().collect();
        let weighed = curve.weights;
        let mut scale = 1.0_f32;
        curve.descend(&known, |curve, steps, bias| {
            let along: f32 = weighed.iter().zip(steps).map(|(a, b)| a * b).sum();
            scale = (scale - along / 10.0).max(0.0);
            curve.weights = weighed.map(|weight| weight * scale);
            curve.bias -= bias;
        });
        curve
    }

    /// Gradient descent on how unexpected what was seen is.
    fn descend(&mut self, seen: &[Seen], mut step: impl FnMut(&mut Self, Evidence, f32)) {
        let total: f32 = seen.iter().map(|(_, _, weight)| weight).sum();
        let lanes: Vec<Lanes> = seen.chunks(LANES).map(Lanes::of).collect();
        for _ in 0..1500 {
            let (mut steps, mut bias) = ([f32x8::ZERO; 4], f32x8::ZERO);
            for seen in &lanes {
                let error = (self.confidences(&seen.evidence) - seen.right) * seen.weight;
                bias += error;
                for (step, value) in steps.iter_mut().zip(seen.evidence) {
                    *step += value * error;
                }
            }
            let rate = 0.5 / total.max(1.0);
            let steps = steps.map(|step| step.reduce_add() * rate);
            step(self, steps, bias.reduce_add() * rate);
        }
    }
}

/// The evidence for a guess, whether the guess was right, and what it counts.
type Seen = (Evidence, bool, f32);

/// What was seen, several at once; what fills up counts nothing.
struct Lanes {
    evidence: [f32x8; 4],
    right: f32x8,
    weight: f32x8,
}

impl Lanes {
    fn of(seen: &[Seen]) -> Self {
        let lanes = |value: &dyn Fn(&Seen) -> f32| {
            let mut lanes = [0.0; LANES];
            for (lane, seen) in lanes.iter_mut().zip(seen) {
                *lane = value(seen);
            }
            f32x8::new(lanes)
        };
        Self {
            evidence: from_fn(|part| lanes(&|seen| seen.0[part])),
            right: lanes(&|seen| f32::from(u8::from(seen.1))),
            weight: lanes(&|seen| seen.2),
        }
    }
}

/// Looks at each of the first examples with the others only, and without its whole label.
pub(super) fn calibrate(lessons: &Lessons<'_>, asked: usize) -> Calibration {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut order: Vec<usize> = (0..asked).collect();
    dice.shuffle(&mut order);
    let mut place = vec![usize::MAX; lessons.labels.len()];
    for (at, example) in order.iter().enumerate() {
        place[*example] = at % FOLDS;
    }
    let mut seen = Vec::with_capacity(2 * asked);
    let mut look = |held: &dyn Fn(usize) -> bool, weight: f32| {
        let (out, kept): (Vec<usize>, Vec<usize>) =
            (0..lessons.labels.len()).partition(|at| held(*at));
        if kept.is_empty() {
            return;
        }
        let raw = Raw::train(lessons, &kept);
        for at in out.into_iter().filter(|at| *at < asked) {
            let view = raw.look(&lessons.counts[at], &lessons.words[at]);
            let best = view.best();
            seen.push((view.evidence(best), best == lessons.labels[at], weight));
        }
    };
    for fold in 0..FOLDS {
        look(&|at| place[at] == fold, 1.0);
    }
    for group in 0..GROUPS {
        look(&|at| lessons.labels[at] % GROUPS == group, UNSEEN);
    }
    Calibration::fit(&seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confidence_is_the_share_that_was_right_and_what_is_unlike_anything_is_doubted() {
        let like: Evidence = [1.0, 0.8, 0.8, 1.0];
        let unlike: Evidence = [1.0, 0.1, 0.1, 0.2];
        let mut seen: Vec<Seen> = (0..100).map(|n| (like, n < 80, 1.0)).collect();
        seen.extend((0..100).map(|_| (unlike, false, UNSEEN)));
        let curve = Calibration::fit(&seen);
        let sure = curve.confidence(&like);
        assert!((sure - 0.8).abs() < 0.03, "{sure}");
        assert!(curve.confidence(&unlike) < 0.3, "{curve:?}");
    }
}
