//! What it takes to understand a message and to search the knowledge: time, memory, training.

use std::time::Instant;

use anyhow::Context;
use chrono::NaiveDate;
use zapis_workers::business::Business;
use zapis_workers::content::Files;
use zapis_workers::knowledge::{Asked, Entry, Knowledge, Origin, Source};
use zapis_workers::understand::{Understander, topics};
use zapis_workers::words::Language;

use super::report::{Goal, Report};
use crate::cli::Bench;
use crate::config::Loaded;
use crate::telemetry::process::resident_bytes;

/// A usual knowledge base, and a huge one.
const USUAL: usize = 300;
const HUGE: usize = 100_000;
/// Messages of a measurement over the huge one.
const OVER_HUGE: usize = 2_000;

/// `zapis bench understand`
pub(super) fn understand(loaded: &Loaded, bench: &Bench) -> anyhow::Result<Report> {
    let folder = &loaded.folder;
    let business = content(Business::load(&Files::of_folder(folder)))?;
    let mut report = Report::default();
    let before = resident_mb()?;
    let began = Instant::now();
    let understander = content(Understander::load(&folder.join("intents.yaml")))?;
    report.plain(
        "reading the intents and training",
        "ms",
        ms(began),
        Some(Goal::AtMost(1_000.0)),
    );
    let understander = understander.with_firm(&business);
    report.plain("memory of the intents", "MB", resident_mb()? - before, None);

    let shipped = content(Knowledge::load(
        &folder.join("knowledge"),
        &business,
        Vec::new(),
    ))?;
    let mut messages = messages(shipped.entries());
    let mut entries = shipped.entries().to_vec();
    let mut dice = Dice(42);
    entries.extend((entries.len()..USUAL).map(|number| passage(number, &mut dice)));
    let what = format!(
        "a message understood and searched for, {} entries",
        entries.len()
    );
    let usual = Knowledge::of(entries);
    let times = measure(&understander, &usual, &messages, bench.messages);
    tell(&mut report, &what, &times, 2.0);

    let entries: Vec<Entry> = (0..HUGE).map(|number| passage(number, &mut dice)).collect();
    messages.extend(entries.iter().step_by(HUGE / 200).map(asked));
    let before = resident_mb()?;
    let began = Instant::now();
    let huge = Knowledge::of(entries);
    report.plain("indexing 100,000 passages", "ms", ms(began), None);
    report.plain("memory of their index", "MB", resident_mb()? - before, None);
    let times = measure(
        &understander,
        &huge,
        &messages,
        bench.messages.min(OVER_HUGE),
    );
    tell(&mut report, "the same, 100,000 passages", &times, 10.0);
    Ok(report)
}

fn content<T>(read: Result<T, Vec<zapis_core::config::Problem>>) -> anyhow::Result<T> {
    read.map_err(|problems| {
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}", told.join("\n"))
    })
}

/// Questions of the knowledge alone and two at a time.
fn messages(entries: &[Entry]) -> Vec<String> {
    let questions: Vec<&str> = entries
        .iter()
        .filter_map(|entry| entry.questions.first())
        .map(String::as_str)
        .collect();
    let two = questions
        .windows(2)
        .map(|two| format!("Здравствуйте! {} И еще: {}", two[0], two[1]));
    let alone = questions.iter().map(|question| (*question).to_owned());
    alone.chain(two).collect()
}

/// The time of each message, in milliseconds, in order.
fn measure(
    understander: &Understander,
    knowledge: &Knowledge,
    messages: &[String],
    times: usize,
) -> Vec<f64> {
    let mut taken: Vec<f64> = messages
        .iter()
        .cycle()
        .take(times)
        .map(|message| {
            let began = Instant::now();
            let understood = understander.understand(message);
            let topics = topics(&understood.intents);
            let answer = knowledge.answer(&Asked {
                text: message,
                language: understood.language,
                topics: &topics,
                today: NaiveDate::MIN,
                meaning: None,
            });
            let taken = ms(began);
            std::hint::black_box(answer);
            taken
        })
        .collect();
    taken.sort_by(f64::total_cmp);
    taken
}

fn tell(report: &mut Report, what: &str, times: &[f64], most: f64) {
    let at = |percent: usize| {
        let place = (times.len() * percent / 100).min(times.len().saturating_sub(1));
        times.get(place).copied().unwrap_or_default()
    };
    report.plain(&format!("{what}, median"), "ms", at(50), None);
    let goal = Some(Goal::AtMost(most));
    report.plain(&format!("{what}, 99 %"), "ms", at(99), goal);
}

fn ms(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}

fn resident_mb() -> anyhow::Result<f64> {
    let bytes = resident_bytes("self").context("reading memory from /proc (Linux only)")?;
    Ok(bytes / (1024.0 * 1024.0))
}

/// An entry of made-up words, as often as words are in a language: few often, many hardly ever.
fn passage(number: usize, dice: &mut Dice) -> Entry {
    Entry {
        id: format!("generated-{number}"),
        questions: vec![words(6, dice)],
        answer: words(40, dice),
        keywords: String::new(),
        topics: Vec::new(),
        language: Language::Ru,
        source: Source {
            file: "generated".to_owned(),
            line: number,
            ..Source::default()
        },
        origin: Origin::Written,
        verified_by: None,
        valid_until: None,
        imported: None,
    }
}

/// A question about an entry: the beginning of its own, with a word left out.
fn asked(entry: &Entry) -> String {
    let question = entry.questions.first().map_or("", String::as_str);
    let words = question.split(' ').enumerate();
    let kept: Vec<&str> = words
        .filter(|(at, _)| *at != 1)
        .map(|(_, word)| word)
        .collect();
    kept.join(" ")
}

fn words(count: usize, dice: &mut Dice) -> String {
    let words: Vec<String> = (0..count).map(|_| word(dice.often())).collect();
    words.join(" ")
}

/// The word with this number: syllables, more of them the rarer it is.
fn word(mut number: usize) -> String {
    const SYLLABLES: [&str; 24] = [
        "ма", "ни", "кюр", "стри", "жка", "во", "лос", "пе", "ди", "бро", "ви", "крас", "ка",
        "лак", "рес", "ни", "цы", "мас", "саж", "у", "ход", "та", "кар", "ти",
    ];
    let mut word = String::new();
    loop {
        word.push_str(SYLLABLES[number % SYLLABLES.len()]);
        number /= SYLLABLES.len();
        if number == 0 {
            return word;
        }
        number -= 1;
    }
}

/// Small, repeatable dice (xorshift).
struct Dice(u64);

impl Dice {
    /// A number up to 50,000; one half as large comes twice as often.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "numbers up to 50,000"
    )]
    fn often(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let share = (self.0 >> 40) as f64 / (1_u64 << 24) as f64;
        50_000_f64.powf(share) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_passages_differ_and_come_again() {
        let two = |dice: &mut Dice| (passage(0, dice).answer, passage(1, dice).answer);
        let first = two(&mut Dice(42));
        assert_ne!(first.0, first.1);
        assert_eq!(first, two(&mut Dice(42)));
    }
}
