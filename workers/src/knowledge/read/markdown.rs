//! Knowledge written in Markdown: headings are questions, what stands under them the answers.
//!
//! A block quote right under a heading holds other ways to ask, one per line. A header between
//! `---` lines says who verified the file and until when; a heading may say it for itself:
//! `## Question {#id topic=payment until=2027-01-31}`.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::super::entry::{Entry, Origin, Source};
use super::header::Header;
use super::plain;
use crate::source_text::SourceText;
use zapis_core::config::Problem;

/// A heading and what stands under it, while it is being read.
#[derive(Debug, Default)]
struct Section {
    level: Option<HeadingLevel>,
    line: usize,
    id: Option<String>,
    header: Header,
    question: String,
    others: String,
    answer: String,
}

/// The entries of a Markdown file.
pub(super) fn entries(source: &SourceText) -> Result<Vec<Entry>, Vec<Problem>> {
    let mut problems = Vec::new();
    let (header, body_start) = header(source, &mut problems);
    let sections = sections(source, body_start, &header, &mut problems);
    if sections.is_empty() && problems.is_empty() {
        return Ok(without_headings(source, body_start, &header));
    }
    let mut entries = Vec::new();
    for (at, section) in sections.iter().enumerate() {
        if section.answer.trim().is_empty() {
            let groups = sections
                .get(at + 1)
                .is_some_and(|next| next.level > section.level);
            if !groups {
                problems.push(source.problem_at_line(
                    section.line,
                    &section.question,
                    "has no answer under it",
                    "write one or take the heading out",
                ));
            }
            continue;
        }
        entries.push(entry(source, section));
    }
    if problems.is_empty() {
        Ok(entries)
    } else {
        Err(problems)
    }
}

/// A text without any heading is cut where its paragraphs end.
fn without_headings(source: &SourceText, start: usize, header: &Header) -> Vec<Entry> {
    let mut entries = plain::entries(source, start);
    for entry in &mut entries {
        header.clone().sign(entry);
    }
    entries
}

fn entry(source: &SourceText, section: &Section) -> Entry {
    let others = section.others.lines().map(str::trim);
    let place = Source {
        file: source.file.clone(),
        line: section.line,
        part: None,
    };
    let mut entry = Entry::new(
        section.question.trim().to_owned(),
        section.answer.trim().to_owned(),
        place,
        Origin::Written,
    );
    entry
        .questions
        .extend(others.filter(|line| !line.is_empty()).map(str::to_owned));
    entry.id = section.id.clone().unwrap_or_default();
    section.header.clone().sign(&mut entry);
    entry
}

/// The header between `---` lines and where the text begins.
fn header(source: &SourceText, problems: &mut Vec<Problem>) -> (Header, usize) {
    let mut header = Header::default();
    let Some(rest) = source.text.strip_prefix("---\n") else {
        return (header, 0);
    };
    let Some(end) = rest.find("\n---") else {
        problems.push(source.problem_at_line(
            1,
            "---",
            "begins a header that does not end",
            "close it with a line `---`",
        ));
        return (header, 0);
    };
    for (at, line) in rest[..end].lines().enumerate() {
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        if key.trim().is_empty() {
            continue;
        }
        if let Err((message, hint)) = header.set(key.trim(), value.trim()) {
            problems.push(source.problem_at_line(at + 2, key.trim(), message, &hint));
        }
    }
    (header, 4 + end + 4)
}

fn sections(
    source: &SourceText,
    start: usize,
    header: &Header,
    problems: &mut Vec<Problem>,
) -> Vec<Section> {
    let text = source.text.get(start..).unwrap_or_default();
    let mut sections: Vec<Section> = Vec::new();
    let (mut in_heading, mut in_quote) = (false, false);
    for (event, span) in
        Parser::new_ext(text, Options::ENABLE_HEADING_ATTRIBUTES).into_offset_iter()
    {
        if let Event::Start(Tag::Heading {
            level, id, attrs, ..
        }) = &event
        {
            in_heading = true;
            let line = source.place(start + span.start).0;
            let mut section = Section {
                level: Some(*level),
                line,
                id: id.as_ref().map(ToString::to_string),
                header: header.clone(),
                ..Section::default()
            };
            for (key, value) in attrs {
                let value = value.as_deref().unwrap_or_default();
                if let Err((message, hint)) = section.header.set(key, value) {
                    problems.push(source.problem_at_line(line, key, message, &hint));
                }
            }
            sections.push(section);
            continue;
        }
        let Some(section) = sections.last_mut() else {
            continue;
        };
        match &event {
            Event::End(TagEnd::Heading(_)) => in_heading = false,
            Event::Start(Tag::BlockQuote(_)) if section.answer.trim().is_empty() => in_quote = true,
            Event::End(TagEnd::BlockQuote(_)) => in_quote = false,
            _ => {
                let into = match (in_heading, in_quote) {
                    (true, _) => &mut section.question,
                    (_, true) => &mut section.others,
                    _ => &mut section.answer,
                };
                write_event(&event, into, in_quote);
            }
        }
    }
    sections
}

fn write_event(event: &Event<'_>, into: &mut String, in_quote: bool) {
    match event {
        Event::Text(text) | Event::Code(text) => into.push_str(text),
        Event::SoftBreak => into.push(if in_quote { '\n' } else { ' ' }),
        Event::HardBreak | Event::End(TagEnd::Item) => into.push('\n'),
        Event::End(TagEnd::Paragraph | TagEnd::List(_)) => into.push_str("\n\n"),
        Event::Start(Tag::Item) => into.push_str("• "),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Entry>, Vec<Problem>> {
        entries(&SourceText {
            file: "config/knowledge/oplata.md".to_owned(),
            text: text.to_owned(),
        })
    }

    #[test]
    fn headings_are_questions_and_quotes_other_ways_to_ask() {
        let text = "---\nverified_by: Марина\nvalid_until: 2027-01-31\n---\n# Оплата\n\n\
                    ## Можно картой? {#card topic=payment}\n> принимаете карты\n> есть терминал\n\n\
                    Да, **любой** картой.\n\n- Visa\n- Мир\n\n## Рассрочка есть?\n\nНет.\n";
        let entries = read(text).unwrap();
        assert_eq!(entries[0].id, "card");
        assert_eq!(
            entries[0].questions,
            ["Можно картой?", "принимаете карты", "есть терминал"]
        );
        assert_eq!(entries[0].answer, "Да, любой картой.\n\n• Visa\n• Мир");
        assert_eq!(entries[0].source.line, 7);
        assert_eq!(entries[0].verified_by.as_deref(), Some("Марина"));
        assert_eq!(entries[1].id, "", "named once the file is read");
        assert!(entries[1].expired("2027-02-01".parse().unwrap()));
        assert!(!entries[1].expired("2027-01-31".parse().unwrap()));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let found = read(
            "---\nverified_bi: x\n---\n## Вопрос без ответа\n\n## Ещё {until=завтра}\n\nДа.\n",
        )
        .unwrap_err();
        let told: Vec<String> = found
            .iter()
            .map(|problem| format!("{}:{}", problem.line, problem.message))
            .collect();
        assert_eq!(
            told,
            [
                "2:is not a known key",
                "6:is not a day",
                "4:has no answer under it"
            ]
        );
        assert_eq!(found[0].hint, "did you mean `verified_by`?");
    }
}
