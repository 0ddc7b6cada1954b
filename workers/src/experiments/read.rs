//! From `experiments.toml` to experiments, with every problem noted.

use std::collections::BTreeSet;
use std::sync::Arc;

use zapis_core::config::Problem;

use super::{Arm, Experiment, Goal, Scenario};
use crate::business::reader::{self, Section};
use crate::llm::{Prompts, Purpose};
use crate::source_text::{SourceText, nearest};
use crate::texts::{Phrase, Tried};
use crate::words::Language;

/// More arms need more customers than a small firm has.
const MOST_ARMS: usize = 4;
/// So many times fit under a message with the two other buttons, in every messenger.
const MOST_TIMES: u32 = 8;
/// Points, where the file does not say.
const SMALLEST: u32 = 5;
/// Per cent, where the file does not say: of no other share are so many customers needed.
const EXPECTED: u32 = 50;
/// The messengers in which the bot leads dialogues.
const CHANNELS: [&str; 3] = ["telegram", "whatsapp", "webchat"];

/// What something that an arm changes is called where two experiments may not change it at once.
type Thing = String;

/// Reads all experiments.
pub(super) fn experiments(
    source: &SourceText,
    prompts: &Prompts,
) -> Result<Vec<Arc<Experiment>>, Vec<Problem>> {
    reader::read(source, |top| {
        let sections = top.tables("experiments");
        let read = sections.iter().map(|one| experiment(one, prompts));
        let read: Vec<Experiment> = read.collect();
        for (n, (section, one)) in sections.iter().zip(&read).enumerate() {
            if read[..n].iter().any(|before| before.id == one.id) {
                section.note("id", "is there twice", "ids name one experiment each");
            }
            for before in read[..n].iter().filter(|before| meet(before, one)) {
                if let Some(both) = things(before).intersection(&things(one)).next() {
                    let message = format!("changes {both}, as `{}` does", before.id);
                    let hint =
                        "let them follow each other by `from` and `until`, or make it one more arm";
                    section.note("arms", &message, hint);
                }
            }
        }
        read.into_iter().map(Arc::new).collect()
    })
}

fn experiment(section: &Section<'_, '_>, prompts: &Prompts) -> Experiment {
    let percent = |key: &str, usual: u32, most: u32| {
        let number = section.number(key).unwrap_or(usual);
        if !(1..=most).contains(&number) {
            section.note(key, "out of range", &format!("use 1 to {most}"));
        }
        f64::from(number) / 100.0
    };
    let sections = section.tables("arms");
    let arms: Vec<Arm> = sections.iter().map(|one| arm(one, prompts)).collect();
    if !(2..=MOST_ARMS).contains(&arms.len()) {
        let hint = format!("write 2 to {MOST_ARMS} [[experiments.arms]], the control first");
        section.note("arms", "must be the control and what is tried", &hint);
    }
    for (n, (section, arm)) in sections.iter().zip(&arms).enumerate() {
        if arms[..n].iter().any(|before| before.id == arm.id) {
            section.note("id", "is there twice", "ids name one arm each");
        }
        match (n, changes(arm).is_empty()) {
            (0, false) => section.note(
                "id",
                "is the control and changes something",
                "begin with an arm that changes nothing",
            ),
            (1.., true) => section.note(
                "id",
                "changes nothing",
                "give it texts, a prompt or a scenario",
            ),
            _ => {}
        }
    }
    let experiment = Experiment {
        id: name(section),
        about: section.required("about"),
        goal: goal(section),
        channels: channels(section),
        from: section.day("from"),
        until: section.day("until"),
        smallest: percent("smallest", SMALLEST, 50),
        expected: percent("expected", EXPECTED, 99),
        arms,
    };
    if experiment.until < experiment.from && experiment.until.is_some() {
        section.note("until", "is before `from`", "it is the last day");
    }
    section.close();
    experiment
}

/// An id, which stands in the journal beside others.
fn name(section: &Section<'_, '_>) -> String {
    let id = section.required("id");
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if id.len() > 40 || !id.chars().all(fine) {
        let hint = "use up to 40 of a–z, 0–9 and _";
        section.note("id", "cannot be a name in the journal", hint);
    }
    id
}

fn goal(section: &Section<'_, '_>) -> Goal {
    let name = section.required("goal");
    let known = Goal::ALL.iter().find(|goal| goal.name() == name);
    if known.is_none() && !name.is_empty() {
        let all = Goal::ALL.map(Goal::name);
        let near = nearest(&name, all);
        let hint = if near.is_empty() {
            format!("known: {}", all.join(", "))
        } else {
            near
        };
        section.note("goal", "is no figure that can decide", &hint);
    }
    known.copied().unwrap_or(Goal::Booked)
}

fn channels(section: &Section<'_, '_>) -> Vec<String> {
    let channels = section.texts("channels");
    for channel in channels
        .iter()
        .filter(|one| !CHANNELS.contains(&one.as_str()))
    {
        let message = format!("names `{channel}`, where the bot leads no dialogues");
        section.note("channels", &message, &nearest(channel, CHANNELS));
    }
    channels
}

fn arm(section: &Section<'_, '_>, prompts: &Prompts) -> Arm {
    let weight = section.number("weight").unwrap_or(1);
    if !(1..=1000).contains(&weight) {
        section.note("weight", "out of range", "use 1 to 1000");
    }
    let mut arm = Arm {
        id: name(section),
        weight,
        prompt: section.text("prompt"),
        ..Arm::default()
    };
    if let Some(version) = &arm.prompt {
        let name = Purpose::Answer.version(version);
        if !prompts.names().any(|known| known == name) {
            let known: Vec<&str> = prompts.names().collect();
            let message = format!("there is no prompt {name}.md");
            section.note(
                "prompt",
                &message,
                &format!("there are: {}", known.join(", ")),
            );
        }
    }
    if let Some(texts) = section.table("texts") {
        for language in Language::ALL {
            if let Some(keys) = texts.table(language.code()) {
                wordings(&keys, language, &mut arm);
            }
        }
        texts.close();
    }
    if let Some(scenario) = section.table("scenario") {
        arm.scenario = read_scenario(&scenario);
    }
    section.close();
    arm
}

fn wordings(keys: &Section<'_, '_>, language: Language, arm: &mut Arm) {
    for key in keys.keys() {
        let phrase = Phrase::ALL.iter().find(|phrase| phrase.key() == key);
        let Some(phrase) = phrase.filter(|phrase| phrase.is_of_dialogue()) else {
            let known = Phrase::ALL.iter().filter(|one| one.is_of_dialogue());
            let hint = nearest(&key, known.map(|one| one.key()));
            keys.text(&key);
            keys.note(&key, "is no text that the bot says in a dialogue", &hint);
            continue;
        };
        let Some(text) = keys.text(&key) else {
            continue;
        };
        match Tried::read(language, *phrase, &text) {
            Ok(tried) => drop(arm.texts.insert((language, *phrase), tried)),
            Err(problem) => keys.note(&key, &problem.message, &problem.hint),
        }
    }
}

fn read_scenario(section: &Section<'_, '_>) -> Scenario {
    let times = section.number("times");
    if times.is_some_and(|times| !(1..=MOST_TIMES).contains(&times)) {
        section.note("times", "out of range", &format!("use 1 to {MOST_TIMES}"));
    }
    let scenario = Scenario {
        times: times.map(|times| times as usize),
        contact_first: section.flag("contact_first"),
        booking_after_price: section.flag("booking_after_price"),
    };
    section.close();
    scenario
}

/// What an arm has otherwise.
fn changes(arm: &Arm) -> BTreeSet<Thing> {
    let texts = arm.texts.keys();
    let texts =
        texts.map(|(language, phrase)| format!("text `{}.{}`", language.code(), phrase.key()));
    let scenario = arm.scenario;
    let others = [
        ("the prompt", arm.prompt.is_some()),
        ("`times`", scenario.times.is_some()),
        ("`contact_first`", scenario.contact_first.is_some()),
        (
            "`booking_after_price`",
            scenario.booking_after_price.is_some(),
        ),
    ];
    let others = others.into_iter().filter(|(_, changed)| *changed);
    texts
        .chain(others.map(|(name, _)| name.to_owned()))
        .collect()
}

fn things(experiment: &Experiment) -> BTreeSet<Thing> {
    experiment.arms.iter().flat_map(changes).collect()
}

/// Whether a customer can be in both at once.
fn meet(one: &Experiment, other: &Experiment) -> bool {
    let ends_before = |one: &Experiment, other: &Experiment| {
        one.until
            .zip(other.from)
            .is_some_and(|(until, from)| until < from)
    };
    let share = one
        .channels
        .iter()
        .any(|channel| other.channels.contains(channel));
    let anywhere = one.channels.is_empty() || other.channels.is_empty();
    (share || anywhere) && !ends_before(one, other) && !ends_before(other, one)
}
