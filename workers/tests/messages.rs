//! Messages as customers type them are understood by the shipped examples; what must reach a
//! person is not missed.

use std::path::Path;

use zapis_workers::content::Content;
use zapis_workers::understand::Intent;

/// The share of messages whose likeliest intent must be right.
const RIGHT: f64 = 0.85;
/// The share of complaints, refunds and health trouble that must be taken for one of these.
const HEARD: f64 = 0.95;

#[test]
fn messages_of_customers_are_understood() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let content = Content::load(&folder.join("../config")).unwrap();
    let text = std::fs::read_to_string(folder.join("tests/data/messages_ru.tsv")).unwrap();
    let grave =
        |intent: Intent| matches!(intent, Intent::Complaint | Intent::Refund | Intent::Medical);
    let (mut all, mut right, mut graves, mut heard) = (0.0, 0.0, 0.0, 0.0);
    let mut told = Vec::new();
    for (id, message) in text
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once('\t'))
    {
        let expected = Intent::from_id(id).unwrap();
        let understood = content.understander.understand(message);
        let best = understood.intents.first().copied();
        let taken = best.map(|guess| guess.intent);
        all += 1.0;
        if taken == Some(expected) {
            right += 1.0;
        } else {
            told.push(format!("{message}: {id}, taken for {best:?}"));
        }
        if grave(expected) {
            graves += 1.0;
            heard += f64::from(u8::from(taken.is_some_and(grave)));
        }
    }
    let told = told.join("\n");
    println!("{right} of {all} right, {heard} of {graves} heard\n{told}");
    assert!(all >= 150.0);
    assert!(right / all >= RIGHT, "{right} of {all} right:\n{told}");
    assert!(
        heard / graves >= HEARD,
        "{heard} of {graves} heard:\n{told}"
    );
}
