//! Who asks for a person gets one; who only speaks of people is not passed on.

use std::path::Path;

use zapis_workers::content::Content;

/// The share of wishes for a person that must be heard.
const HEARD: f64 = 0.97;
/// The share of what is taken for such a wish that must be one.
const MEANT: f64 = 0.95;

#[test]
fn a_wish_for_a_person_is_told_from_talk_about_people() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let content = Content::load(&folder.join("../config")).unwrap();
    let text = std::fs::read_to_string(folder.join("tests/data/asks_human_ru.tsv")).unwrap();
    let (mut asked, mut heard, mut right) = (0.0, 0.0, 0.0);
    let mut told = Vec::new();
    for (asks, message) in text
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once('\t'))
    {
        let asks = asks == "1";
        let taken = content.understander.understand(message).asks_human;
        asked += f64::from(u8::from(asks));
        heard += f64::from(u8::from(taken));
        right += f64::from(u8::from(asks && taken));
        if asks != taken {
            told.push(format!("{message}: asks {asks}, taken {taken}"));
        }
    }
    let told = told.join("\n");
    assert!(asked >= 60.0 && text.lines().count() >= 120);
    assert!(right / asked >= HEARD, "{right} of {asked} heard:\n{told}");
    assert!(right / heard >= MEANT, "{right} of {heard} meant:\n{told}");
}
