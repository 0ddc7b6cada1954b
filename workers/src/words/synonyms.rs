//! Words that mean the same to the customers of a firm, from `config/synonyms.txt`.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use super::{folded, is_light, stem, tokens};
use crate::source_text::SourceText;
use zapis_core::config::Problem;

/// How much another word for the same counts, next to the word itself.
pub const SAME_MEANING: f32 = 0.9;
/// How many ways to say the same are tried.
const MOST_WAYS: usize = 12;

/// How a line looks, for hints.
const EXAMPLE: &str = "write one group per line: маникюр = ноготочки, ноготки";

/// Groups of words and phrases that mean the same.
#[derive(Debug, Default)]
pub struct Synonyms {
    groups: Vec<Vec<Saying>>,
    /// By the stem of its first word: group and place in it.
    by_first: HashMap<String, Vec<(usize, usize)>>,
}

/// One of the words or phrases of a group.
#[derive(Debug)]
struct Saying {
    text: String,
    stems: Vec<String>,
    span: Range<usize>,
}

impl Synonyms {
    /// Reads a file, or says everything that is wrong with it. Without the file there are none.
    pub fn load(path: &Path) -> Result<Self, Vec<Problem>> {
        if !path.exists() {
            return Ok(Self::default());
        }
        Self::read(&SourceText::read(path).map_err(|problem| vec![problem])?)
    }

    fn read(source: &SourceText) -> Result<Self, Vec<Problem>> {
        let mut synonyms = Self::default();
        let mut problems = Vec::new();
        let mut start = 0;
        for line in source.text.split_inclusive('\n') {
            let said = line.split('#').next().unwrap_or_default();
            if !said.trim().is_empty() {
                match group(source, said, start) {
                    Ok(group) => synonyms.add(group, source, &mut problems),
                    Err(problem) => problems.push(problem),
                }
            }
            start += line.len();
        }
        if problems.is_empty() {
            Ok(synonyms)
        } else {
            Err(problems)
        }
    }

    fn add(&mut self, group: Vec<Saying>, source: &SourceText, problems: &mut Vec<Problem>) {
        let number = self.groups.len();
        for (place, saying) in group.iter().enumerate() {
            let first = saying.stems.first().cloned().unwrap_or_default();
            let same_first = self.by_first.entry(first).or_default();
            let twin = same_first.iter().find_map(|(other, place)| {
                let twin = self.groups.get(*other).unwrap_or(&group).get(*place)?;
                (twin.stems == saying.stems).then_some(twin)
            });
            if let Some(twin) = twin {
                let (line, _) = source.place(twin.span.start);
                problems.push(source.problem(
                    &saying.span,
                    &saying.text,
                    &format!("is also in line {line}, as «{}»", twin.text),
                    "a word, in whatever form, belongs to one group: join the two lines or take it out of one",
                ));
                continue;
            }
            same_first.push((number, place));
        }
        self.groups.push(group);
    }

    /// Whether a stem belongs to the words of a group.
    pub fn knows(&self, stem: &str) -> bool {
        let mut sayings = self.groups.iter().flatten();
        sayings.any(|saying| saying.stems.iter().any(|known| known == stem))
    }

    /// A text said in other words, as far as all stems of the other words are known; without the text itself.
    pub fn other_ways(&self, text: &str, known: impl Fn(&str) -> bool) -> Vec<String> {
        if self.groups.is_empty() {
            return Vec::new();
        }
        let folded = folded(text);
        let words: Vec<&str> = tokens(&folded).collect();
        let stems: Vec<_> = words.iter().map(|word| stem(word)).collect();
        let stems: Vec<&str> = stems.iter().map(AsRef::as_ref).collect();
        let mut ways = vec![String::new()];
        let mut at = 0;
        while at < words.len() {
            let found = self.longest(&stems[at..]);
            let length = found.map_or(1, |(group, place)| self.groups[group][place].stems.len());
            let own = words[at..at + length].join(" ");
            let others = found.into_iter().flat_map(|(group, place)| {
                let others = self.groups[group].iter().enumerate();
                others
                    .filter(move |(other, _)| *other != place)
                    .map(|(_, saying)| saying)
            });
            let others = others.filter(|saying| saying.stems.iter().all(|stem| known(stem)));
            let options: Vec<&str> = std::iter::once(own.as_str())
                .chain(others.map(|saying| saying.text.as_str()))
                .collect();
            ways = options
                .iter()
                .flat_map(|option| ways.iter().map(move |way| format!("{way} {option}")))
                .take(MOST_WAYS + 1)
                .collect();
            at += length;
        }
        ways.split_off(1)
    }

    /// The longest of the groups' sayings that these stems begin with.
    fn longest(&self, stems: &[&str]) -> Option<(usize, usize)> {
        let same_first = self.by_first.get(*stems.first()?)?.iter();
        let said = same_first.filter(|(group, place)| {
            let saying = &self.groups[*group][*place];
            stems.starts_with(&saying.stems.iter().map(String::as_str).collect::<Vec<_>>())
        });
        said.max_by_key(|(group, place)| self.groups[*group][*place].stems.len())
            .copied()
    }
}

/// The group of a line that begins at a byte of the file.
fn group(source: &SourceText, line: &str, start: usize) -> Result<Vec<Saying>, Problem> {
    let whole = start + (line.len() - line.trim_start().len())..start + line.trim_end().len();
    let Some((head, rest)) = line.split_once('=') else {
        return Err(source.problem(&whole, line.trim(), "is a group of one", EXAMPLE));
    };
    if rest.trim().is_empty() {
        return Err(source.problem(&whole, head.trim(), "is a group of one", EXAMPLE));
    }
    let mut at = start;
    let mut group = Vec::new();
    for said in std::iter::once(head).chain(rest.split(',')) {
        let from = at + (said.len() - said.trim_start().len());
        let span = from..at + said.len();
        at += said.len() + 1;
        let said = said.trim();
        let words = folded(said);
        if !tokens(&words).any(|word| !is_light(word)) {
            let (message, hint) = if said.is_empty() {
                ("a word is missing here", EXAMPLE)
            } else {
                (
                    "says nothing by itself",
                    "write a word that has a meaning without others",
                )
            };
            return Err(source.problem(&span, said, message, hint));
        }
        group.push(Saying {
            text: tokens(&words).collect::<Vec<_>>().join(" "),
            stems: tokens(&words).map(|word| stem(word).into_owned()).collect(),
            span,
        });
    }
    Ok(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Synonyms, Vec<String>> {
        let source = SourceText {
            file: "synonyms.txt".into(),
            text: text.into(),
        };
        Synonyms::read(&source)
            .map_err(|problems| problems.iter().map(Problem::to_string).collect())
    }

    fn ways(file: &str, text: &str) -> Vec<String> {
        let ways = read(file).unwrap().other_ways(text, |_| true);
        ways.iter().map(|way| way.trim().to_owned()).collect()
    }

    #[test]
    fn a_text_is_said_in_every_other_way() {
        let file = "# ногти\nманикюр = ноготочки, гелевые ногти # модно\n\nwax = sugaring\n";

        assert_eq!(
            ways(file, "Сколько стоят ноготочки?"),
            ["сколько стоят маникюр", "сколько стоят гелевые ногти"]
        );
        assert_eq!(
            ways(file, "гелевые ногти на завтра"),
            ["маникюр на завтра", "ноготочки на завтра"]
        );
        assert_eq!(ways(file, "сколько стоят ногти"), Vec::<String>::new());
        assert_eq!(
            ways(file, "маникюр and wax").len(),
            5,
            "three ways by two, without itself"
        );
    }

    #[test]
    fn what_nobody_knows_is_not_said() {
        let synonyms = read("маникюр = ноготочки, шеллак").unwrap();
        let ways = synonyms.other_ways("ноготочки", |stem| stem != "шеллак");
        assert_eq!(ways, [" маникюр"]);
    }

    #[test]
    fn many_words_of_many_groups_have_an_end() {
        let file = "а1 = а2, а3, а4\nб1 = б2, б3, б4\nв1 = в2, в3, в4\n";
        assert_eq!(ways(file, "а1 б1 в1").len(), MOST_WAYS);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let told = read(
            "маникюр = ноготочки\nпедикюр\nброви =\nволосы = , локоны\n  стопы = ногти, ноготочков\nочень = сильно\n",
        )
        .unwrap_err()
        .join("\n");
        for expected in [
            "synonyms.txt:2:1: error: педикюр: is a group of one (hint: write one group per line",
            "synonyms.txt:3:1: error: брови: is a group of one",
            "synonyms.txt:4:10: error: a word is missing here",
            "synonyms.txt:5:18: error: ноготочков: is also in line 1, as «ноготочки»",
            "synonyms.txt:6:1: error: очень: says nothing by itself",
        ] {
            assert!(told.contains(expected), "{expected}\nnot in\n{told}");
        }
    }

    #[test]
    fn a_word_twice_in_one_group_is_told() {
        let told = read("маникюр = ноготочки, маникюра")
            .unwrap_err()
            .join("\n");
        assert!(
            told.contains("synonyms.txt:1:22: error: маникюра: is also in line 1"),
            "{told}"
        );
    }
}
