//! Knowledge in rows: questions with answers, or a price list. CSV files, sheets and the tables of documents.

use super::super::entry::{Entry, Origin, Source};
use super::blocks::language_of;
use super::columns::{self, Column};
use super::header::Header;
use super::money;
use super::prices::{self, as_price};
use super::text::tidy;
use crate::source_text::{nearest, problem};
use crate::words::folded;
use zapis_core::config::Problem;

/// How far down the headings of the columns may be, under a title.
const TITLE_ROWS: usize = 10;

/// Rows of cells, each with its line in the file or its row in the sheet.
#[derive(Debug)]
pub(super) struct Grid {
    pub(super) file: String,
    pub(super) part: Option<String>,
    pub(super) rows: Vec<(usize, Vec<String>)>,
}

impl Grid {
    pub(super) fn source(&self, line: usize) -> Source {
        Source {
            file: self.file.clone(),
            line,
            part: self.part.clone(),
        }
    }

    pub(super) fn problem(&self, line: usize, key: &str, message: &str, hint: &str) -> Problem {
        problem(&self.source(line).whole(), line, 1, key, message, hint)
    }
}

/// The entries of rows whose columns are known; none where they are not. `strict` rows were written for
/// us, so that a column or a cell that does not fit is worth telling.
pub(super) fn entries(grid: &Grid, strict: bool) -> Result<Option<Vec<Entry>>, Vec<Problem>> {
    let headings = grid.rows.iter().take(TITLE_ROWS).position(|(_, row)| {
        let found: Vec<Column> = row.iter().filter_map(|cell| columns::of(cell)).collect();
        let has = |column| found.contains(&column);
        (has(Column::Question) && has(Column::Answer))
            || (has(Column::Service) && has(Column::Price))
    });
    let Some(at) = headings else {
        return Ok(None);
    };
    let (line, headings) = &grid.rows[at];
    let table = Table {
        grid,
        strict,
        columns: headings.iter().map(|cell| columns::of(cell)).collect(),
        headings: headings.iter().map(|cell| tidy(cell)).collect(),
    };
    let rows = &grid.rows[at + 1..];
    let asks = table.columns.contains(&Some(Column::Question))
        && table.columns.contains(&Some(Column::Answer));
    let mut problems = Vec::new();
    if strict && asks {
        problems.extend(table.unknown_columns(*line));
    }
    let made = if asks {
        table.questions(rows)
    } else {
        prices::lines(&table, rows)
    };
    let mut entries = Vec::new();
    for entry in made {
        match entry {
            Ok(entry) => entries.push(entry),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(Some(entries))
    } else {
        Err(problems)
    }
}

/// The entries of two columns without headings: questions with answers, or services with prices.
pub(super) fn pairs(grid: &Grid) -> Option<Vec<Entry>> {
    let mut pairs = Vec::new();
    for (line, row) in &grid.rows {
        let filled: Vec<&str> = row
            .iter()
            .map(|cell| cell.trim())
            .filter(|cell| !cell.is_empty())
            .collect();
        match filled[..] {
            [] => {}
            // A title over the pairs.
            [_] if pairs.is_empty() => {}
            [left, right] => pairs.push((*line, left, right)),
            _ => return None,
        }
    }
    if pairs.is_empty() {
        return None;
    }
    let priced = pairs
        .iter()
        .filter(|(_, _, right)| money::is_price(right))
        .count();
    let entry = |&(line, left, right): &(usize, &str, &str)| {
        Entry::new(
            tidy(left),
            right.trim().to_owned(),
            grid.source(line),
            Origin::Written,
        )
    };
    if priced * 2 <= pairs.len() {
        return Some(pairs.iter().map(entry).collect());
    }
    let language = language_of(pairs.iter().map(|(_, left, _)| *left));
    let line_of = |pair: &(usize, &str, &str)| {
        let price = money::price_text(pair.2, "");
        let mut entry = entry(pair);
        entry.answer = format!("{}: {price}", entry.questions[0]);
        as_price(entry, language)
    };
    Some(pairs.iter().map(line_of).collect())
}

/// Rows under known headings.
pub(super) struct Table<'g> {
    pub(super) grid: &'g Grid,
    pub(super) strict: bool,
    pub(super) columns: Vec<Option<Column>>,
    pub(super) headings: Vec<String>,
}

impl<'g> Table<'g> {
    /// The cell of a column, where there is something in it.
    pub(super) fn cell<'r>(&self, row: &'r [String], column: Column) -> Option<&'r str> {
        let at = self.columns.iter().position(|one| *one == Some(column))?;
        row.get(at)
            .map(|cell| cell.trim())
            .filter(|cell| !cell.is_empty())
    }

    fn unknown_columns(&self, line: usize) -> impl Iterator<Item = Problem> {
        let unknown = self
            .headings
            .iter()
            .zip(&self.columns)
            .filter(|(heading, column)| column.is_none() && !heading.is_empty());
        unknown.map(move |(heading, _)| {
            let near = nearest(
                &folded(heading),
                columns::NAMES.iter().map(|(name, _)| *name),
            );
            let hint = if near.is_empty() {
                columns::hint()
            } else {
                near
            };
            self.grid
                .problem(line, heading, "is not a known column", &hint)
        })
    }

    fn questions(&self, rows: &'g [(usize, Vec<String>)]) -> Vec<Result<Entry, Problem>> {
        let filled = rows.iter().filter(|(_, row)| !is_blank(row));
        filled
            .map(|(line, row)| self.question(*line, row))
            .collect()
    }

    fn question(&self, line: usize, row: &[String]) -> Result<Entry, Problem> {
        let wrong =
            |key: &str, message: &str, hint: &str| self.grid.problem(line, key, message, hint);
        if self.strict && row.len() > self.columns.len() && !is_blank(&row[self.columns.len()..]) {
            return Err(wrong(
                "columns",
                "has more cells than there are columns",
                "put texts with the separator between quotes",
            ));
        }
        let needed = |key: &str, column| {
            self.cell(row, column)
                .ok_or_else(|| wrong(key, "is empty", "write one or take the row out"))
        };
        let question = needed("question", Column::Question)?;
        let answer = needed("answer", Column::Answer)?;
        let source = self.grid.source(line);
        let mut entry = Entry::new(
            question.to_owned(),
            answer.to_owned(),
            source,
            Origin::Written,
        );
        let others = self.cell(row, Column::Also).unwrap_or_default();
        entry.questions.extend(
            others
                .split(['|', '\n'])
                .map(str::trim)
                .filter(|other| !other.is_empty())
                .map(str::to_owned),
        );
        self.cell(row, Column::Tags)
            .unwrap_or_default()
            .clone_into(&mut entry.keywords);
        self.sign(entry, line, row)
    }

    /// What the row says about itself.
    pub(super) fn sign(
        &self,
        mut entry: Entry,
        line: usize,
        row: &[String],
    ) -> Result<Entry, Problem> {
        let mut header = Header::default();
        for (column, key) in columns::SETTINGS {
            if let Some(value) = self.cell(row, column) {
                header
                    .set(key, value)
                    .map_err(|(message, hint)| self.grid.problem(line, key, message, &hint))?;
            }
        }
        if let Some(id) = self.cell(row, Column::Id) {
            id.clone_into(&mut entry.id);
        }
        header.sign(&mut entry);
        Ok(entry)
    }
}

/// Whether a row has nothing in it.
pub(super) fn is_blank(row: &[String]) -> bool {
    row.iter().all(|cell| cell.trim().is_empty())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn grid(text: &str) -> Grid {
        let rows = text.lines().enumerate().map(|(n, line)| {
            let cells = line.split('|').map(|cell| cell.trim().to_owned());
            (n + 1, cells.collect())
        });
        Grid {
            file: "prices.xlsx".to_owned(),
            part: Some("sheet Зал".to_owned()),
            rows: rows.collect(),
        }
    }

    pub(in super::super) fn answers(entries: &[Entry]) -> Vec<&str> {
        entries.iter().map(|entry| entry.answer.as_str()).collect()
    }

    #[test]
    fn questions_have_their_columns_in_russian_too() {
        let grid =
            grid("Вопрос | Ответ | Проверил | Действует до\nЕсть чай? | Да. | Марина | 31.01.2027");
        let entries = entries(&grid, true).unwrap().unwrap();
        assert_eq!(entries[0].questions, ["Есть чай?"]);
        assert_eq!(entries[0].verified_by.as_deref(), Some("Марина"));
        assert_eq!(entries[0].valid_until, "2027-01-31".parse().ok());
    }

    #[test]
    fn two_columns_without_headings_are_questions_or_prices() {
        let found = pairs(&grid(
            "Частые вопросы\nЕсть чай? | Да.\nЕсть кофе? | Да, любой.",
        ))
        .unwrap();
        assert_eq!(answers(&found), ["Да.", "Да, любой."]);
        let found = pairs(&grid("Маникюр | 1500\nПедикюр | от 2000 руб.")).unwrap();
        assert_eq!(
            answers(&found),
            ["Маникюр: 1\u{a0}500 ₽", "Педикюр: от 2000 руб."]
        );
        assert!(pairs(&grid("а | б | в")).is_none());
    }

    #[test]
    fn cells_that_do_not_fit_are_told_with_their_place() {
        let grid = grid("question | answer | until_when\nа | |\nб | в | завтра");
        let told: Vec<String> = entries(&grid, true)
            .unwrap_err()
            .iter()
            .map(Problem::to_string)
            .collect();
        assert!(
            told[0].starts_with(
                "prices.xlsx, sheet Зал:1:1: error: until_when: is not a known column"
            ),
            "{told:?}"
        );
        assert!(
            told[1].starts_with("prices.xlsx, sheet Зал:2:1: error: answer: is empty"),
            "{told:?}"
        );
    }
}
