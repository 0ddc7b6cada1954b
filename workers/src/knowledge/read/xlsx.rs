//! Excel workbooks: every sheet like a CSV file, or two columns of questions and answers.

use std::collections::BTreeMap;
use std::io::Cursor;

use calamine::{Data, DataRef, Reader, Xlsx};

use super::super::entry::Entry;
use super::columns;
use super::rows::{self, Grid};
use crate::source_text::problem;
use zapis_core::config::Problem;

/// How many rows and columns of a sheet are looked at.
const ROWS: u32 = 100_000;
const COLUMNS: u32 = 64;

/// The entries of a workbook.
pub(super) fn entries(file: &str, bytes: &[u8]) -> Result<Vec<Entry>, Vec<Problem>> {
    let wrong = |message: &str, hint: &str| vec![problem(file, 0, 0, "", message, hint)];
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|_| {
        wrong(
            "is broken: it is no Excel workbook",
            "save it again as .xlsx",
        )
    })?;
    let mut entries = Vec::new();
    let mut problems = Vec::new();
    for sheet in workbook.sheet_names() {
        let Ok(rows) = rows(&mut workbook, &sheet) else {
            problems.extend(wrong(
                &format!("the sheet {sheet} cannot be read"),
                "save it again as .xlsx",
            ));
            continue;
        };
        let grid = Grid {
            file: file.to_owned(),
            part: Some(format!("sheet {sheet}")),
            rows,
        };
        if grid.rows.is_empty() {
            continue;
        }
        if grid.rows.len() > super::MOST {
            problems.push(super::too_many(file));
            continue;
        }
        match rows::entries(&grid, true) {
            Ok(Some(found)) => entries.extend(found),
            Ok(None) => match rows::pairs(&grid) {
                Some(found) => entries.extend(found),
                None => problems.push(grid.problem(
                    grid.rows[0].0,
                    "columns",
                    "are not those of questions with answers, nor of a price list",
                    &columns::hint(),
                )),
            },
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() {
        Ok(entries)
    } else {
        Err(problems)
    }
}

/// The rows of a sheet that have something in them, with their numbers. Read cell by cell: what a sheet says
/// of its size, and cells at the end of the world, cost nothing.
fn rows<R: std::io::Read + std::io::Seek>(
    workbook: &mut Xlsx<R>,
    sheet: &str,
) -> Result<Vec<(usize, Vec<String>)>, calamine::XlsxError> {
    let mut cells = workbook.worksheet_cells_reader(sheet)?;
    let mut rows: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    while let Some(cell) = cells.next_cell()? {
        let (row, column) = cell.get_position();
        let text = in_words(cell.get_value());
        if row >= ROWS || column >= COLUMNS || text.is_empty() {
            continue;
        }
        let row = rows.entry(row).or_default();
        let column = column as usize;
        if row.len() <= column {
            row.resize(column + 1, String::new());
        }
        row[column] = text;
    }
    let numbered = rows
        .into_iter()
        .map(|(row, cells)| (row as usize + 1, cells));
    Ok(numbered.collect())
}

/// A cell as it looks.
fn in_words(value: &DataRef<'_>) -> String {
    match Data::from(value.clone()) {
        Data::String(text) => text.trim().to_owned(),
        Data::Float(number) => number.to_string(),
        Data::Int(number) => number.to_string(),
        Data::Bool(yes) => yes.to_string(),
        Data::DateTime(at) => {
            let (year, month, day, hour, minute, ..) = at.to_ymd_hms_milli();
            // Numbers below 1 are times of a day.
            if at.as_f64() < 1.0 {
                format!("{hour}:{minute:02}")
            } else {
                format!("{year:04}-{month:02}-{day:02}")
            }
        }
        Data::DateTimeIso(text) => text.split('T').next().unwrap_or_default().to_owned(),
        Data::DurationIso(_) | Data::Error(_) | Data::Empty => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use rust_xlsxwriter::{Format, Workbook};

    use super::*;

    fn saved(mut workbook: Workbook) -> Vec<u8> {
        workbook.save_to_buffer().unwrap()
    }

    #[test]
    fn every_sheet_is_read_for_what_it_is() {
        let mut workbook = Workbook::new();
        let prices = workbook.add_worksheet().set_name("Прайс").unwrap();
        for (column, text) in (0..).zip(["Услуга", "Цена", "Длительность"]) {
            prices.write_string(1, column, text).unwrap();
        }
        prices.write_string(0, 0, "Зима").unwrap();
        prices.write_string(2, 0, "Маникюр").unwrap();
        prices.write_number(2, 1, 2_500.0).unwrap();
        let clock = Format::new().set_num_format("h:mm");
        prices
            .write_number_with_format(2, 2, 1.5 / 24.0, &clock)
            .unwrap();
        let questions = workbook.add_worksheet().set_name("Вопросы").unwrap();
        questions.write_string(0, 0, "Есть чай?").unwrap();
        questions.write_string(0, 1, "Да, и кофе.").unwrap();
        let signed = workbook.add_worksheet().set_name("Подписано").unwrap();
        for (column, text) in (0..).zip(["question", "answer", "valid_until"]) {
            signed.write_string(0, column, text).unwrap();
        }
        signed.write_string(1, 0, "Скидка?").unwrap();
        signed.write_string(1, 1, "До конца января.").unwrap();
        let day = Format::new().set_num_format("dd.mm.yyyy");
        signed
            .write_number_with_format(1, 2, 46_418.0, &day)
            .unwrap();

        let entries = entries("salon.xlsx", &saved(workbook)).unwrap();

        assert_eq!(entries[0].answer, "Маникюр: 2\u{a0}500 ₽, 90 мин");
        assert_eq!(entries[0].source.to_string(), "salon.xlsx, sheet Прайс:3");
        assert_eq!(entries[1].questions, ["Есть чай?"]);
        assert_eq!(entries[2].valid_until, "2027-01-31".parse().ok());
    }

    #[test]
    fn a_cell_at_the_end_of_the_world_costs_nothing() {
        let mut workbook = Workbook::new();
        let sheet = workbook.add_worksheet();
        sheet.write_string(0, 0, "Есть чай?").unwrap();
        sheet.write_string(0, 1, "Да.").unwrap();
        sheet.write_string(1_048_575, 16_383, "тут").unwrap();
        assert_eq!(entries("a.xlsx", &saved(workbook)).unwrap().len(), 1);
    }

    #[test]
    fn a_sheet_that_is_neither_is_told() {
        let mut workbook = Workbook::new();
        let sheet = workbook.add_worksheet().set_name("Смены").unwrap();
        for column in 0..5 {
            sheet.write_string(0, column, "Анна").unwrap();
        }
        let told = entries("a.xlsx", &saved(workbook)).unwrap_err();
        assert_eq!(told[0].file, "a.xlsx, sheet Смены");
        assert!(told[0].hint.contains("service, price"), "{}", told[0]);
        assert!(
            entries("a.xlsx", b"PK").unwrap_err()[0]
                .message
                .contains("is broken")
        );
    }
}
