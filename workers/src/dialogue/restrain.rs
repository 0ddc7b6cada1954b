//! What the firm lets the bot say by itself.

use super::decide::{Decision, Reason, Situation, Step};
use crate::autonomy::{Autonomy, Mode};
use crate::understand::Intent;

/// Makes an answer wait for approval, or leaves it to a person, where the firm wants it so.
pub(super) fn restrain(autonomy: &Autonomy, situation: &Situation<'_>, decision: &mut Decision) {
    if decision.handover.is_some() || !decision.steps.iter().any(answers) {
        return;
    }
    let laid_down = situation.content.autonomy.as_deref();
    let modes = asked(situation).map(
        |(intent, confidence)| match autonomy.of(laid_down, intent) {
            Mode::Auto(from) if confidence < from => Mode::Draft,
            mode => mode,
        },
    );
    // The strictest of all that was asked holds for the answer as a whole.
    let mut modes = modes.collect::<Vec<_>>().into_iter();
    if modes.clone().any(|mode| mode == Mode::Staff) {
        decision.steps.retain(|step| !answers(step));
        decision.hand_over(Reason::Policy, "autonomy");
    } else if modes.any(|mode| mode == Mode::Draft) {
        decision.draft = true;
    }
}

/// Whether a step tells something about the firm.
fn answers(step: &Step) -> bool {
    matches!(
        step,
        Step::Quote(_) | Step::Tell(_) | Step::OpenToday | Step::OpenOn(_)
    )
}

/// The intents of a message, each with its confidence; those of a button are certain.
fn asked<'a>(situation: &'a Situation<'_>) -> Box<dyn Iterator<Item = (Option<Intent>, f32)> + 'a> {
    if let Some(payload) = &situation.said.pressed {
        let intent = match payload.as_str() {
            "prices" => Some(Intent::Price),
            other => Intent::from_id(other),
        };
        return Box::new(std::iter::once((intent, 1.0)));
    }
    Box::new(situation.understood.parts.iter().map(|part| {
        let best = part.best();
        let confidence = best.map_or(0.0, |guess| guess.confidence);
        (part.believed(), confidence)
    }))
}
