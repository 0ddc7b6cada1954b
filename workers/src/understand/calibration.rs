//! How sure the classifier may be, learnt from how often it is right about what it had not seen.

use super::model::{Dice, Evidence, Lessons, Raw, add};

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
        let sum: f32 = self
            .weights
            .iter()
            .zip(evidence)
            .map(|(weight, value)| weight * value)
            .sum();
        1.0 / (1.0 + (-(sum + self.bias)).exp())
    }

    /// Weighs the evidence on all that was seen, then fits how sure that makes on what is of a
    /// known label: of that, as many must be right as it says.
    fn fit(seen: &[(Evidence, bool, f32)]) -> Self {
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
        let known: Vec<_> = seen.iter().filter(|seen| seen.2 >= 1.0).copied().collect();
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
    fn descend(
        &mut self,
        seen: &[(Evidence, bool, f32)],
        mut step: impl FnMut(&mut Self, Evidence, f32),
    ) {
        let total: f32 = seen.iter().map(|(_, _, weight)| weight).sum();
        for _ in 0..1500 {
            let (mut steps, mut bias) = (Evidence::default(), 0.0);
            for (evidence, right, weight) in seen {
                let error = self.confidence(evidence) - f32::from(u8::from(*right));
                let error = 0.5 * error * weight / total.max(1.0);
                bias += error;
                add(&mut steps, evidence, error);
            }
            step(self, steps, bias);
        }
    }
}

/// Looks at each of the first examples with the others only, and without its whole label.
pub(super) fn calibrate(lessons: &Lessons, asked: usize) -> Calibration {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut order: Vec<usize> = (0..asked).collect();
    dice.shuffle(&mut order);
    let mut place = vec![usize::MAX; lessons.examples.len()];
    for (at, example) in order.iter().enumerate() {
        place[*example] = at % FOLDS;
    }
    let mut seen = Vec::with_capacity(2 * asked);
    let mut look = |held: &dyn Fn(usize) -> bool, weight: f32| {
        let (out, kept): (Vec<usize>, Vec<usize>) =
            (0..lessons.examples.len()).partition(|at| held(*at));
        if kept.is_empty() {
            return;
        }
        let raw = Raw::train(lessons, &kept);
        for at in out.into_iter().filter(|at| *at < asked) {
            let example = &lessons.examples[at];
            let view = raw.look(&example.text, &lessons.counts[at]);
            let best = view.best();
            seen.push((view.evidence(best), best == example.label, weight));
        }
    };
    for fold in 0..FOLDS {
        look(&|at| place[at] == fold, 1.0);
    }
    for group in 0..GROUPS {
        look(&|at| lessons.examples[at].label % GROUPS == group, UNSEEN);
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
        let mut seen: Vec<(Evidence, bool, f32)> = (0..100).map(|n| (like, n < 80, 1.0)).collect();
        seen.extend((0..100).map(|_| (unlike, false, UNSEEN)));
        let curve = Calibration::fit(&seen);
        let sure = curve.confidence(&like);
        assert!((sure - 0.8).abs() < 0.03, "{sure}");
        assert!(curve.confidence(&unlike) < 0.3, "{curve:?}");
    }
}
