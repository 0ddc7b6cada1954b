//! Documents that are headings, paragraphs, lists and tables: pieces that answer, each under its heading.

use super::super::entry::{Entry, Origin, Source};
use super::rows::{self, Grid};
use super::text::tidy;
use crate::words::Language;

/// How long the answer to a question may be.
const ANSWER: usize = 2_000;
/// How long a piece of a text without questions may be.
const PIECE: usize = 700;
/// The longest line that may be a question without being marked as a heading.
const QUESTION: usize = 160;
/// The longest heading; more is a paragraph that looks like one.
const HEADING: usize = 200;

/// What documents are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    /// A heading, 1 the highest.
    Heading(u8, String),
    /// A paragraph.
    Paragraph(String),
    /// An item of a list.
    Item(String),
    /// A question with its answer, marked as such.
    Asked(String, String),
    /// The rows of a table.
    Table(Vec<Vec<String>>),
}

/// A block and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) block: Block,
    pub(super) line: usize,
    pub(super) part: Option<String>,
}

/// Cuts a document into entries. What stands before the first heading has the title of the document.
pub(super) fn entries(file: &str, title: &str, blocks: Vec<Placed>) -> Vec<Entry> {
    let mut writer = Writer {
        file,
        title,
        headings: Vec::new(),
        question: false,
        lines: Vec::new(),
        entries: Vec::new(),
    };
    let asks: Vec<bool> = blocks
        .iter()
        .map(|placed| is_asked_in_passing(&placed.block))
        .collect();
    for (at, placed) in blocks.into_iter().enumerate() {
        // Two questions in a row are a list of questions and not one with its answer.
        let asks = asks[at] && asks.get(at + 1) == Some(&false);
        writer.take(placed, asks);
    }
    writer.flush();
    writer.entries
}

struct Writer<'a> {
    file: &'a str,
    title: &'a str,
    /// The headings over the current place, with their levels.
    headings: Vec<(u8, String)>,
    /// Whether the last of them asks.
    question: bool,
    /// What stands under them so far.
    lines: Vec<Line>,
    entries: Vec<Entry>,
}

struct Line {
    text: String,
    item: bool,
    place: Place,
}

/// A line, and a part of the document.
type Place = (usize, Option<String>);

impl Writer<'_> {
    fn take(&mut self, placed: Placed, asks: bool) {
        let Placed { block, line, part } = placed;
        let place = (line, part);
        match block {
            Block::Heading(level, text) if tidy(&text).chars().count() <= HEADING => {
                self.begin(level, &text);
            }
            Block::Paragraph(text) if asks => {
                self.begin(u8::MAX, strip_label(&text, &["вопрос", "q", "question"]));
            }
            Block::Heading(_, text) | Block::Paragraph(text) => self.say(&text, false, place),
            Block::Item(text) => self.say(&text, true, place),
            Block::Asked(question, answer) => {
                let source = self.source(place);
                let mut entry =
                    Entry::new(tidy(&question), lines(&answer), source, Origin::Written);
                entry.keywords = self.above(self.headings.len());
                if !entry.questions[0].is_empty() && !entry.answer.is_empty() {
                    self.entries.push(entry);
                }
            }
            Block::Table(table) => self.table(table, &place),
        }
    }

    fn begin(&mut self, level: u8, text: &str) {
        let text = tidy(text);
        if text.is_empty() {
            return;
        }
        self.flush();
        while self.headings.last().is_some_and(|(over, _)| *over >= level) {
            self.headings.pop();
        }
        self.question = text.ends_with('?');
        self.headings.push((level, text));
    }

    fn say(&mut self, text: &str, item: bool, place: Place) {
        let text = tidy(text);
        let text = if self.question && self.lines.is_empty() {
            strip_label(&text, &["ответ", "a", "answer"]).to_owned()
        } else {
            text
        };
        if text.chars().any(char::is_alphanumeric) {
            self.lines.push(Line { text, item, place });
        }
    }

    /// Questions and prices become entries of their own, any other table is read row by row.
    fn table(&mut self, table: Vec<Vec<String>>, place: &Place) {
        let grid = Grid {
            file: self.file.to_owned(),
            part: place.1.clone(),
            rows: table.into_iter().map(|row| (place.0, row)).collect(),
        };
        if let Ok(Some(mut entries)) = rows::entries(&grid, false) {
            let above = self.above(self.headings.len());
            for entry in &mut entries {
                entry.keywords.push(' ');
                entry.keywords.push_str(&above);
            }
            self.entries.extend(entries);
            return;
        }
        for (_, row) in grid.rows {
            let cells: Vec<String> = row.iter().map(|cell| tidy(cell)).collect();
            let filled: Vec<&str> = cells
                .iter()
                .map(String::as_str)
                .filter(|cell| !cell.is_empty())
                .collect();
            self.say(&filled.join(" — "), true, place.clone());
        }
    }

    /// What stands under the last heading becomes entries.
    fn flush(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        let title = self.headings.last().map_or(self.title, |(_, text)| text);
        let (longest, origin) = if self.question {
            (ANSWER, Origin::Written)
        } else {
            (PIECE, Origin::Piece)
        };
        let keywords = self.above(self.headings.len().saturating_sub(1));
        let mut made = Vec::new();
        let mut first: Option<Place> = None;
        let mut answer = String::new();
        let mut length = 0;
        for line in lines {
            for text in cut(&line.text, longest) {
                let adds = text.chars().count();
                // An item stays with the sentence that announces it for a while longer.
                let room = if line.item { longest * 2 } else { longest };
                if !answer.is_empty() && length + adds > room {
                    made.push((std::mem::take(&mut answer), first.take()));
                    length = 0;
                }
                if !answer.is_empty() {
                    answer.push_str(if line.item { "\n" } else { "\n\n" });
                }
                if line.item {
                    answer.push_str("• ");
                }
                answer.push_str(text);
                length += adds;
                first.get_or_insert_with(|| line.place.clone());
            }
        }
        if !answer.is_empty() {
            made.push((answer, first));
        }
        for (answer, first) in made {
            let source = self.source(first.unwrap_or_default());
            let mut entry = Entry::new(title.to_owned(), answer, source, origin);
            entry.keywords.clone_from(&keywords);
            self.entries.push(entry);
        }
        // A question in passing holds for what follows it, up to the next heading of any kind.
        if self
            .headings
            .last()
            .is_some_and(|(level, _)| *level == u8::MAX)
        {
            self.headings.pop();
            self.question = false;
        }
    }

    fn source(&self, (line, part): Place) -> Source {
        Source {
            file: self.file.to_owned(),
            line,
            part,
        }
    }

    /// The words of the first headings.
    fn above(&self, count: usize) -> String {
        let above: Vec<&str> = self.headings[..count]
            .iter()
            .map(|(_, text)| text.as_str())
            .collect();
        above.join(" ")
    }
}

/// Whether a paragraph asks, as questions without a heading do.
fn is_asked_in_passing(block: &Block) -> bool {
    let Block::Paragraph(text) = block else {
        return false;
    };
    let text = text.trim();
    !text.contains('\n') && text.ends_with('?') && text.chars().count() <= QUESTION
}

/// The text without "Question:" and the like before it.
fn strip_label<'t>(text: &'t str, labels: &[&str]) -> &'t str {
    let stripped = text.split_once([':', '.']).and_then(|(label, rest)| {
        let label = label.trim().to_lowercase();
        labels.contains(&label.as_str()).then(|| rest.trim())
    });
    stripped.unwrap_or(text)
}

/// An answer with its lines, each tidy.
fn lines(text: &str) -> String {
    let lines: Vec<String> = text
        .lines()
        .map(tidy)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join("\n")
}

/// Cuts a paragraph that is too long where a sentence ends, or at least a word.
fn cut(text: &str, longest: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    // Twice as much as fits is worth two parts.
    while rest.chars().count() > longest * 2 {
        let end = rest
            .char_indices()
            .nth(longest)
            .map_or(rest.len(), |(at, _)| at);
        let head = &rest[..end];
        let sentence = head
            .rmatch_indices(['.', '!', '?', '…'])
            .find(|(at, mark)| head[at + mark.len()..].starts_with(' '))
            .map(|(at, mark)| at + mark.len());
        let word = head.rfind(' ');
        let end = sentence.or(word).filter(|end| *end > 0).unwrap_or(end);
        parts.push(rest[..end].trim());
        rest = rest[end..].trim();
    }
    parts.push(rest);
    parts.retain(|part| !part.is_empty());
    parts
}

/// The language that most of a document is in, for entries too short to tell.
pub(super) fn language_of<'t>(texts: impl IntoIterator<Item = &'t str>) -> Language {
    let all: Vec<&str> = texts.into_iter().collect();
    Language::of(&all.join(" ")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(blocks: Vec<Block>) -> Vec<(String, String)> {
        let placed = blocks.into_iter().enumerate().map(|(n, block)| Placed {
            block,
            line: n + 1,
            part: None,
        });
        entries("memo.docx", "Памятка", placed.collect())
            .into_iter()
            .map(|entry| (entry.questions[0].clone(), entry.answer))
            .collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = expected
            .iter()
            .map(|(q, a)| ((*q).to_owned(), (*a).to_owned()));
        owned.collect()
    }

    #[test]
    fn what_stands_under_a_heading_is_a_piece_with_it_as_the_title() {
        let read = read(vec![
            Block::Paragraph("Рады видеть вас.".into()),
            Block::Heading(1, "Уход".into()),
            Block::Heading(2, "После маникюра".into()),
            Block::Paragraph("Берегите руки:".into()),
            Block::Item("масло для кутикулы".into()),
            Block::Item("перчатки".into()),
        ]);
        assert_eq!(
            read,
            pairs(&[
                ("Памятка", "Рады видеть вас."),
                (
                    "После маникюра",
                    "Берегите руки:\n• масло для кутикулы\n• перчатки"
                ),
            ])
        );
    }

    #[test]
    fn a_paragraph_that_asks_is_a_question_and_a_list_of_them_is_not() {
        let read = read(vec![
            Block::Paragraph("Вопрос: Можно с собакой?".into()),
            Block::Paragraph("Ответ: Да, с небольшой.".into()),
            Block::Heading(1, "Подумайте".into()),
            Block::Paragraph("Какой цвет?".into()),
            Block::Paragraph("Какая длина?".into()),
        ]);
        assert_eq!(
            read,
            pairs(&[
                ("Можно с собакой?", "Да, с небольшой."),
                ("Подумайте", "Какой цвет?\n\nКакая длина?"),
            ])
        );
    }

    #[test]
    fn long_texts_are_cut_between_paragraphs_and_sentences() {
        let sentence = "Это предложение нужно для длины текста. ";
        let paragraph = sentence.repeat(10);
        let read = read(vec![
            Block::Heading(1, "О нас".into()),
            Block::Paragraph(paragraph.clone()),
            Block::Paragraph(paragraph.clone()),
            Block::Paragraph(sentence.repeat(60)),
        ]);
        assert!(read.len() > 4, "{}", read.len());
        for (title, answer) in &read {
            assert_eq!(title, "О нас");
            assert!(answer.ends_with('.'), "{answer}");
            assert!(answer.chars().count() <= PIECE * 2, "{}", answer.len());
        }
    }
}
