//! CSV with a heading row, as spreadsheets save it.

use super::super::entry::Entry;
use super::columns;
use super::rows::{self, Grid};
use crate::source_text::{SourceText, problem};
use zapis_core::config::Problem;

/// The entries of a CSV file.
pub(super) fn entries(source: &SourceText) -> Result<Vec<Entry>, Vec<Problem>> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter(&source.text))
        .flexible(true)
        .has_headers(false)
        .trim(csv::Trim::All)
        .from_reader(source.text.as_bytes());
    let mut grid = Grid {
        file: source.file.clone(),
        part: None,
        rows: Vec::new(),
    };
    let line_of =
        |at: Option<&csv::Position>| at.map_or(0, |at| usize::try_from(at.line()).unwrap_or(0));
    for row in reader.records() {
        if grid.rows.len() > super::MOST {
            return Err(vec![super::too_many(&source.file)]);
        }
        match row {
            Ok(row) => {
                let cells = row.iter().map(str::to_owned).collect();
                grid.rows.push((line_of(row.position()), cells));
            }
            Err(error) => {
                let line = line_of(error.position());
                return Err(vec![source.problem_at_line(
                    line,
                    "csv",
                    &error.to_string(),
                    "",
                )]);
            }
        }
    }
    match rows::entries(&grid, true) {
        Ok(Some(entries)) => Ok(entries),
        Ok(None) => Err(no_columns(source, &grid)),
        Err(problems) => Err(problems),
    }
}

/// What stands between the cells: what the first line has most of. Spreadsheets set to Russian save with
/// semicolons.
fn delimiter(text: &str) -> u8 {
    let heading = text.lines().next().unwrap_or_default();
    let count = |c: &u8| heading.matches(char::from(*c)).count();
    let most = [b'\t', b';', b','].into_iter().max_by_key(count);
    most.unwrap_or(b',')
}

fn no_columns(source: &SourceText, grid: &Grid) -> Vec<Problem> {
    let empty = Vec::new();
    let (line, headings) = grid
        .rows
        .first()
        .map_or((1, &empty), |(line, row)| (*line, row));
    let mut problems = Vec::new();
    for heading in headings {
        let near = crate::source_text::nearest(
            &crate::words::folded(heading),
            columns::NAMES.iter().map(|(name, _)| *name),
        );
        if columns::of(heading).is_none() && !near.is_empty() {
            problems.push(problem(
                &source.file,
                line,
                1,
                heading,
                "is not a known column",
                &near,
            ));
        }
    }
    if problems.is_empty() {
        problems.push(source.problem_at_line(
            line,
            "columns",
            "are not those of questions with answers, nor of a price list",
            &columns::hint(),
        ));
    }
    problems
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
            "question\talso\tanswer\ttopic\nЕсть Wi-Fi?\tвайфай|интернет\tДа, бесплатный\tservice_info\n",
        ] {
            let entries = read(text).unwrap();
            assert_eq!(entries[0].questions, ["Есть Wi-Fi?", "вайфай", "интернет"]);
            assert_eq!(entries[0].answer, "Да, бесплатный");
            assert_eq!(entries[0].source.line, 2);
        }
    }

    #[test]
    fn wrong_columns_and_empty_cells_are_told() {
        let told = |text: &str| -> Vec<String> {
            let found = read(text).unwrap_err();
            found.iter().map(Problem::to_string).collect()
        };
        assert_eq!(
            told("qestion,answer\nа,б\n"),
            ["faq.csv:1:1: error: qestion: is not a known column (hint: did you mean `question`?)"]
        );
        assert_eq!(
            told("question,answer,valid_until\nа,,\nб,в,завтра\n"),
            [
                "faq.csv:2:1: error: answer: is empty (hint: write one or take the row out)",
                "faq.csv:3:1: error: valid_until: is not a day (hint: write 2027-01-31)",
            ]
        );
        assert!(told("а,б\nв,г\n")[0].contains("are not those of questions"));
        assert!(told("question,answer\nа,б,в,г\n")[0].contains("more cells"));
    }
}
