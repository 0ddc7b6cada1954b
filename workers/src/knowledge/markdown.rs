//! Knowledge written in Markdown: headings are questions, what stands under them the answers.
//!
//! A block quote right under a heading holds other ways to ask, one per line. A header between
//! `---` lines says who verified the file and until when; a heading may say it for itself:
//! `## Question {#id topic=payment until=2027-01-31}`.

use chrono::NaiveDate;
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::entry::{Entry, Origin, Source};
use crate::source_text::{SourceText, nearest};
use crate::words::{Language, folded};
use zapis_core::config::Problem;

/// What the header of a file, or a row of a table, says about entries.
#[derive(Debug, Clone, Default)]
pub(super) struct Header {
    pub(super) verified_by: Option<String>,
    pub(super) valid_until: Option<NaiveDate>,
    pub(super) language: Option<Language>,
    pub(super) topics: Vec<String>,
}

const KEYS: [&str; 4] = ["verified_by", "valid_until", "language", "topic"];

impl Header {
    /// Takes one setting; says what is wrong with it.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<(), (&'static str, String)> {
        match key {
            "verified_by" => self.verified_by = Some(value.to_owned()),
            "valid_until" | "until" => {
                let day = value
                    .parse()
                    .map_err(|_| ("is not a day", "write 2027-01-31".to_owned()))?;
                self.valid_until = Some(day);
            }
            "language" => {
                let known = Language::from_code(value);
                self.language =
                    Some(known.ok_or(("is not a language of the bot", "use ru or en".to_owned()))?);
            }
            "topic" => {
                self.topics = value
                    .split([',', ' ', '|'])
                    .filter(|t| !t.is_empty())
                    .map(str::to_owned)
                    .collect();
            }
            _ => return Err(("is not a known key", nearest(key, KEYS))),
        }
        Ok(())
    }
}

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

fn entry(source: &SourceText, section: &Section) -> Entry {
    let mut questions = vec![section.question.trim().to_owned()];
    questions.extend(
        section
            .others
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(str::to_owned),
    );
    let answer = section.answer.trim().to_owned();
    let language = section
        .header
        .language
        .or_else(|| Language::of(&answer))
        .unwrap_or_default();
    Entry {
        id: section
            .id
            .clone()
            .unwrap_or_else(|| id(&source.file, &questions[0])),
        questions,
        answer,
        keywords: String::new(),
        topics: section.header.topics.clone(),
        language,
        source: Source {
            file: source.file.clone(),
            line: section.line,
        },
        origin: Origin::Written,
        verified_by: section.header.verified_by.clone(),
        valid_until: section.header.valid_until,
    }
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

/// A name for an entry that has none: its file and its question in Latin letters.
pub(super) fn id(file: &str, question: &str) -> String {
    const LATIN: [&str; 32] = [
        "a", "b", "v", "g", "d", "e", "zh", "z", "i", "y", "k", "l", "m", "n", "o", "p", "r", "s",
        "t", "u", "f", "h", "ts", "ch", "sh", "sch", "", "y", "", "e", "yu", "ya",
    ];
    let stem = std::path::Path::new(file)
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    let mut slug = String::new();
    for c in folded(question).chars() {
        match c {
            'а'..='я' => slug.push_str(LATIN[(c as usize) - ('а' as usize)]),
            c if c.is_ascii_alphanumeric() => slug.push(c),
            _ if !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    slug.truncate(40);
    format!("{stem}/{}", slug.trim_matches('-'))
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
        assert_eq!(entries[1].id, "oplata/rassrochka-est");
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
