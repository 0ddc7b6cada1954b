//! Text without any marks: paragraphs between empty lines.

use super::super::entry::Entry;
use super::blocks::{self, Block, Placed};
use crate::source_text::SourceText;

/// The entries of a text from some byte on.
pub(super) fn entries(source: &SourceText, start: usize) -> Vec<Entry> {
    let text = source.text.get(start..).unwrap_or_default();
    let first = source.place(start).0;
    let mut blocks: Vec<Placed> = Vec::new();
    let mut open = false;
    for (line, text) in (first..).zip(text.lines()) {
        let trimmed = text.trim();
        let item = trimmed
            .strip_prefix(['-', '•', '*', '–', '—'])
            .filter(|rest| rest.starts_with(char::is_whitespace));
        match (item, blocks.last_mut().map(|last| &mut last.block)) {
            _ if trimmed.is_empty() => open = false,
            (None, Some(Block::Paragraph(before) | Block::Item(before))) if open => {
                before.push(' ');
                before.push_str(trimmed);
            }
            _ => {
                let block = match item {
                    Some(item) => Block::Item(item.trim().to_owned()),
                    None => Block::Paragraph(trimmed.to_owned()),
                };
                blocks.push(Placed {
                    block,
                    line,
                    part: None,
                });
                open = true;
            }
        }
    }
    blocks::entries(&source.file, super::title_of(&source.file), blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_that_ask_are_questions() {
        let text = "Памятка гостя\n\nМожно с собакой?\nДа, с небольшой.\n\nМожно с ребёнком?\n\nДа,\nв игровую:\n- с трёх лет\n";
        let source = SourceText {
            file: "pamyatka.txt".to_owned(),
            text: text.to_owned(),
        };
        let read = entries(&source, 0);
        let last = read.last().unwrap();
        assert_eq!(last.questions, ["Можно с ребёнком?"]);
        assert_eq!(last.answer, "Да, в игровую:\n• с трёх лет");
        assert_eq!(last.source.to_string(), "pamyatka.txt:8");
        assert_eq!(read[0].questions, ["pamyatka"]);
    }
}
