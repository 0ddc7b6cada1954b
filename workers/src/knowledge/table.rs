//! Knowledge in a table: CSV with a heading row, as spreadsheets save it.

use super::entry::{Entry, Origin, Source};
use super::markdown::{Header, id};
use crate::source_text::{SourceText, nearest};
use crate::words::Language;
use zapis_core::config::Problem;

const COLUMNS: [&str; 10] = [
    "id",
    "question",
    "also",
    "answer",
    "topic",
    "tags",
    "language",
    "source",
    "verified_by",
    "valid_until",
];

/// The entries of a CSV file.
pub(super) fn entries(source: &SourceText) -> Result<Vec<Entry>, Vec<Problem>> {
    let heading = source.text.lines().next().unwrap_or_default();
    // Spreadsheets set to Russian save with semicolons.
    let delimiter = if heading.matches(';').count() > heading.matches(',').count() {
        b';'
    } else {
        b','
    };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(source.text.as_bytes());
    let columns: Vec<String> = reader
        .headers()
        .map_err(|error| vec![source.problem_at_line(1, "csv", &error.to_string(), "")])?
        .iter()
        .map(str::to_lowercase)
        .collect();
    let mut problems = wrong_columns(source, &columns);
    let mut entries = Vec::new();
    for row in reader.records() {
        match row {
            Ok(row) => match entry(source, &columns, &row) {
                Ok(entry) => entries.push(entry),
                Err(problem) => problems.push(problem),
            },
            Err(error) => {
                let line = error
                    .position()
                    .map_or(0, |at| usize::try_from(at.line()).unwrap_or(0));
                problems.push(source.problem_at_line(line, "csv", &error.to_string(), ""));
            }
        }
    }
    if problems.is_empty() {
        Ok(entries)
    } else {
        Err(problems)
    }
}

fn wrong_columns(source: &SourceText, columns: &[String]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for needed in ["question", "answer"] {
        if !columns.iter().any(|column| column == needed) {
            problems.push(source.problem_at_line(
                1,
                needed,
                "is a column that is missing",
                &format!("known columns: {}", COLUMNS.join(", ")),
            ));
        }
    }
    for column in columns
        .iter()
        .filter(|column| !COLUMNS.contains(&column.as_str()))
    {
        problems.push(source.problem_at_line(
            1,
            column,
            "is not a known column",
            &nearest(column, COLUMNS),
        ));
    }
    problems
}

fn entry(
    source: &SourceText,
    columns: &[String],
    row: &csv::StringRecord,
) -> Result<Entry, Problem> {
    let line = row
        .position()
        .map_or(0, |at| usize::try_from(at.line()).unwrap_or(0));
    let cell = |name: &str| {
        let at = columns.iter().position(|column| column == name)?;
        row.get(at).filter(|cell| !cell.is_empty())
    };
    let wrong =
        |key: &str, message: &str, hint: &str| source.problem_at_line(line, key, message, hint);
    if row.len() > columns.len() {
        return Err(wrong(
            "csv",
            "has more cells than there are columns",
            "put texts with the separator between quotes",
        ));
    }
    let question = cell("question")
        .ok_or_else(|| wrong("question", "is empty", "write one or take the row out"))?;
    let answer = cell("answer")
        .ok_or_else(|| wrong("answer", "is empty", "write one or take the row out"))?;
    let mut header = Header::default();
    for key in ["topic", "language", "verified_by", "valid_until"] {
        if let Some(value) = cell(key) {
            header
                .set(key, value)
                .map_err(|(message, hint)| wrong(key, message, &hint))?;
        }
    }
    let mut questions = vec![question.to_owned()];
    let others = cell("also").unwrap_or_default();
    questions.extend(
        others
            .split('|')
            .map(str::trim)
            .filter(|other| !other.is_empty())
            .map(str::to_owned),
    );
    Ok(Entry {
        id: cell("id").map_or_else(|| id(&source.file, question), str::to_owned),
        questions,
        answer: answer.to_owned(),
        keywords: cell("tags").unwrap_or_default().to_owned(),
        topics: header.topics,
        language: header
            .language
            .or_else(|| Language::of(answer))
            .unwrap_or_default(),
        source: Source {
            file: source.file.clone(),
            line,
        },
        origin: Origin::Written,
        verified_by: header.verified_by,
        valid_until: header.valid_until,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Entry>, Vec<Problem>> {
        entries(&SourceText {
            file: "faq.csv".to_owned(),
            text: text.to_owned(),
        })
    }

    #[test]
    fn rows_become_entries_whatever_the_separator() {
        for text in [
            "question,also,answer,topic\nЕсть Wi-Fi?,вайфай|интернет,\"Да, бесплатный\",service_info\n",
            "question;also;answer;topic\nЕсть Wi-Fi?;вайфай|интернет;Да, бесплатный;service_info\n",
        ] {
            let entries = read(text).unwrap();
            assert_eq!(entries[0].questions, ["Есть Wi-Fi?", "вайфай", "интернет"]);
            assert_eq!(entries[0].answer, "Да, бесплатный");
            assert_eq!(entries[0].source.line, 2);
        }
    }

    #[test]
    fn wrong_columns_and_empty_cells_are_told() {
        let found = read("qestion,answer,valid_until\nа,,\nб,в,завтра\n").unwrap_err();
        let all: Vec<String> = found.iter().map(Problem::to_string).collect();
        let all = all.join("\n");
        assert!(all.contains("faq.csv:1:1: error: qestion: is not a known column (hint: did you mean `question`?)"), "{all}");
        assert!(
            all.contains("faq.csv:2:1: error: question: is empty"),
            "{all}"
        );
    }
}
