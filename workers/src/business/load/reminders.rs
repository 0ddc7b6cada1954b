//! `[reminders]`, and `reminders = { … }` of a service.

use super::super::reader::Section;
use super::super::reminders::{ReminderPlan, Reminders, Step, When};

/// `[reminders]`; all of it may be left out.
pub(super) fn reminders(top: &Section<'_, '_>) -> Reminders {
    let standard = Reminders::default();
    let Some(section) = top.table("reminders") else {
        return standard;
    };
    let minutes = |key, least, most, standard| {
        let minutes = section.number(key).unwrap_or(standard);
        if !(least..=most).contains(&minutes) {
            let words = format!("must be between {least} and {most}");
            section.note(key, &words, &format!("for example {standard}"));
        }
        minutes
    };
    let reminders = Reminders {
        small_move_minutes: minutes("small_move_minutes", 0, 12 * 60, 15),
        wait_minutes: minutes("wait_minutes", 1, 12 * 60, 20),
        plan: plan(&section, &standard.plan),
    };
    section.close();
    reminders
}

/// What a service says about its own visits.
pub(super) fn of_service(service: &Section<'_, '_>, firm: &ReminderPlan) -> Option<ReminderPlan> {
    let section = service.table("reminders")?;
    let plan = plan(&section, firm);
    section.close();
    Some(plan)
}

/// Steps that are not named stay as they are in `base`.
fn plan(section: &Section<'_, '_>, base: &ReminderPlan) -> ReminderPlan {
    let mut plan = base.clone();
    for step in Step::ALL {
        match told(section, step) {
            None => {}
            Some(Told::Off) => {
                plan.steps.remove(&step);
            }
            Some(Told::On) => {
                let standard = ReminderPlan::default().steps;
                plan.steps.entry(step).or_insert(standard[&step]);
            }
            Some(Told::At(when)) => {
                plan.steps.insert(step, when);
            }
        }
    }
    plan
}

enum Told {
    Off,
    On,
    At(When),
}

/// `true`, `false`, or when.
fn told(section: &Section<'_, '_>, step: Step) -> Option<Told> {
    let key = step.name();
    if !section.is_text(key) {
        let on = section.has(key).then(|| section.flag(key)).flatten()?;
        return Some(if on { Told::On } else { Told::Off });
    }
    let text = section.text(key)?;
    let when = When::parse(&text);
    match when {
        Some(when) if step.allows(when) => Some(Told::At(when)),
        Some(_) => {
            let words = format!("`{text}` is no time for this step");
            section.note(key, &words, step.examples());
            None
        }
        None => {
            section.note(key, &format!("`{text}` is no time"), step.examples());
            None
        }
    }
}
