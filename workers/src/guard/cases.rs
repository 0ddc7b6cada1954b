//! A set of lies and of honest answers about the shipped salon, as the worst and the best model would write them.

use super::tests::evidence_of;
use super::*;
use crate::knowledge::Passage;
use crate::testing::knowledge;
use crate::words::Language;

/// Each line: the passages that the model was given, the customer's question, what it wrote; of a lie, its kind too.
const LIES: &str = include_str!("lies.tsv");
const HONEST: &str = include_str!("honest.tsv");

struct Case {
    given: Vec<Passage>,
    question: &'static str,
    message: &'static str,
    line: &'static str,
}

fn cases(table: &'static str) -> Vec<Case> {
    let lines = table.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let mut columns = line.split('\t');
            let mut column = || columns.next().unwrap_or_else(|| panic!("{line}"));
            let (ids, question, message) = (column(), column(), column());
            let language = Language::of(question).unwrap_or(Language::Ru);
            Case {
                given: ids.split('|').map(|id| passage(id, language)).collect(),
                question,
                message,
                line,
            }
        })
        .collect()
}

fn passage(id: &str, language: Language) -> Passage {
    knowledge()
        .entry_in(id, language, chrono::NaiveDate::MIN)
        .unwrap_or_else(|| panic!("no passage {id} in {language:?}"))
}

#[test]
fn no_lie_of_the_set_goes_out() {
    let lies = cases(LIES);
    let passed: Vec<&str> = lies
        .iter()
        .filter(|case| check(case.message, &evidence_of(case.question, &case.given)).is_empty())
        .map(|case| case.line)
        .collect();
    assert!(
        passed.is_empty(),
        "{} of {}:\n{}",
        passed.len(),
        lies.len(),
        passed.join("\n")
    );
    assert!(lies.len() >= 300);
}

#[test]
fn honest_answers_of_the_set_go_out() {
    let honest = cases(HONEST);
    let blocked: Vec<String> = honest
        .iter()
        .filter_map(|case| {
            let found = check(case.message, &evidence_of(case.question, &case.given));
            let what = |claim: &Unsupported| {
                format!("{:?} «{}»", claim.kind, &case.message[claim.span.clone()])
            };
            let told: Vec<String> = found.iter().map(what).collect();
            (!told.is_empty()).then(|| format!("{}\n    {}", case.line, told.join(", ")))
        })
        .collect();
    assert!(
        blocked.len() * 100 < honest.len() * 3,
        "{} of {}:\n{}",
        blocked.len(),
        honest.len(),
        blocked.join("\n")
    );
    assert!(honest.len() >= 150);
}

proptest::proptest! {
    #[test]
    fn what_is_refused_is_inside_the_message(
        words in proptest::collection::vec("час|без|четверти|полтора|1[0-9]|2,5|[-–.,: ]|и|в субботу|нет|не|за|17б|½|к сожалению|\\PC{0,3}", 0..24)
    ) {
        let message = words.join(" ");
        let evidence = evidence_of("сколько стоит?", &[passage("hours", Language::Ru), passage("service:manicure", Language::Ru)]);
        for found in check(&message, &evidence) {
            proptest::prop_assert!(message.get(found.span).is_some_and(|text| !text.is_empty()));
        }
    }
}
