//! The shipped salon answers the questions of real-looking customers: right, or not at all.

#![expect(
    clippy::unwrap_used,
    reason = "a test says where it fails by failing there"
)]

use std::path::Path;

use chrono::NaiveDate;
use zapis_workers::content::Content;
use zapis_workers::knowledge::Asked;
use zapis_workers::understand::topics;

/// The share of questions that must be answered right (a refusal where nothing is known is right).
const RIGHT: f64 = 0.9;
/// The share of answers given that may be wrong.
const WRONG: f64 = 0.06;

/// A question, the ids one of which must answer it (none: it must not be answered).
fn questions(folder: &Path) -> Vec<(String, Vec<String>)> {
    let text = std::fs::read_to_string(folder.join("tests/data/questions_ru.tsv")).unwrap();
    let row = |line: &str| {
        let (question, expected) = line.split_once('\t').unwrap();
        let ids = expected
            .split('|')
            .filter(|id| *id != "none")
            .map(str::to_owned)
            .collect();
        (question.to_owned(), ids)
    };
    text.lines().skip(1).map(row).collect()
}

#[test]
fn questions_are_answered_right_or_not_at_all() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let content = Content::load(&folder.join("../config")).unwrap();
    let questions = questions(folder);
    let (mut right, mut wrong, mut told) = (0_u32, 0_u32, Vec::new());
    for (question, expected) in &questions {
        let understood = content.understander.understand(question);
        let topics = topics(&understood.intents);
        let asked = Asked {
            text: question,
            language: understood.language,
            topics: &topics,
            today: NaiveDate::from_ymd_opt(2026, 11, 20).unwrap(),
            meaning: None,
        };
        let answered: Vec<String> = content
            .knowledge
            .answer(&asked)
            .into_iter()
            .map(|passage| passage.id)
            .collect();
        let fits = answered
            .first()
            .map_or(expected.is_empty(), |first| expected.contains(first));
        if fits {
            right += 1;
            continue;
        }
        wrong += u32::from(!answered.is_empty());
        let best = content.knowledge.search(&asked, 2);
        let best: Vec<String> = best
            .iter()
            .map(|passage| format!("{} {:.2}", passage.id, passage.score))
            .collect();
        told.push(format!(
            "{question} → {answered:?} (expected {expected:?}; best {best:?}; {:?})",
            topics.first()
        ));
    }
    let all = f64::from(u32::try_from(questions.len()).unwrap());
    println!("{}\nright {right}, wrong {wrong} of {all}", told.join("\n"));
    assert!(questions.len() >= 100);
    assert!(
        f64::from(right) / all >= RIGHT,
        "{right} of {all} right:\n{}",
        told.join("\n")
    );
    assert!(
        f64::from(wrong) / all <= WRONG,
        "{wrong} of {all} wrong:\n{}",
        told.join("\n")
    );
}
