//! Price lists: what each service costs, how long it takes, and what stands beside.

use std::collections::BTreeMap;

use super::super::entry::{Entry, Origin};
use super::super::facts::PRICE_WORDS;
use super::blocks::language_of;
use super::columns::Column;
use super::money;
use super::rows::{Table, is_blank};
use super::text::tidy;
use crate::words::{Language, folded};
use zapis_core::config::Problem;

/// The lines of a price list under its headings.
pub(super) fn lines(
    table: &Table<'_>,
    rows: &[(usize, Vec<String>)],
) -> Vec<Result<Entry, Problem>> {
    let texts = rows.iter().flat_map(|(_, row)| row).map(String::as_str);
    let language = language_of(texts.chain(table.headings.iter().map(String::as_str)));
    let mut category = String::new();
    let mut made: Vec<(String, Result<Entry, Problem>)> = Vec::new();
    for (line, row) in rows.iter().filter(|(_, row)| !is_blank(row)) {
        let filled = row.iter().filter(|cell| !cell.trim().is_empty()).count();
        let service = table.cell(row, Column::Service);
        if filled == 1 {
            // A line with nothing but a name stands over those that follow.
            category = row.iter().map(|cell| tidy(cell)).collect();
            continue;
        }
        let Some(service) = service else {
            if table.strict && table.cell(row, Column::Price).is_some() {
                let hint = "name the service or take the row out";
                let problem = table.grid.problem(*line, "service", "is empty", hint);
                made.push((String::new(), Err(problem)));
            }
            continue;
        };
        let category = table.cell(row, Column::Category).unwrap_or(&category);
        let entry = line_of(table, *line, row, service, language).map(|mut entry| {
            entry.keywords = format!("{category} {}", entry.keywords);
            entry
        });
        made.push((category.to_owned(), entry));
    }
    tell_apart(&mut made);
    made.into_iter().map(|(_, entry)| entry).collect()
}

fn line_of(
    table: &Table<'_>,
    line: usize,
    row: &[String],
    service: &str,
    language: Language,
) -> Result<Entry, Problem> {
    let service = tidy(service);
    let mut facts = price_texts(table, row);
    let duration = table
        .columns
        .iter()
        .position(|one| *one == Some(Column::Duration));
    if let Some((at, duration)) =
        duration.and_then(|at| Some((at, table.cell(row, Column::Duration)?)))
    {
        facts.push(money::duration_text(
            duration,
            &table.headings[at],
            language,
        ));
    }
    let mut answer = if facts.is_empty() {
        service.clone()
    } else {
        format!("{service}: {}", facts.join(", "))
    };
    let known = [Column::Service, Column::Price, Column::Duration];
    for (at, cell) in row.iter().enumerate() {
        let cell = tidy(cell);
        let heading = table.headings.get(at).map_or("", String::as_str);
        match table.columns.get(at).copied().flatten() {
            _ if cell.is_empty() => {}
            Some(Column::Note) => answer = format!("{answer}. {cell}"),
            Some(column) if known.contains(&column) || column.is_setting() => {}
            Some(Column::Category) => {}
            _ if heading.is_empty() => {}
            _ => answer = format!("{answer}. {heading}: {cell}"),
        }
    }
    let source = table.grid.source(line);
    let entry = Entry::new(service, answer, source, Origin::Written);
    table.sign(as_price(entry, language), line, row)
}

/// The prices of a row; each with its heading where there are several.
fn price_texts(table: &Table<'_>, row: &[String]) -> Vec<String> {
    let cells: Vec<(usize, &str)> = (0..table.columns.len())
        .filter(|at| table.columns[*at] == Some(Column::Price))
        .filter_map(|at| Some((at, row.get(at)?.trim())))
        .collect();
    let named = cells.len() > 1;
    let texts = cells
        .into_iter()
        .filter(|(_, cell)| !cell.is_empty())
        .map(|(at, cell)| {
            let heading = &table.headings[at];
            let price = money::price_text(cell, heading);
            if named {
                format!("{heading} — {price}")
            } else {
                price
            }
        });
    texts.collect()
}

/// It as a line of a price list.
pub(super) fn as_price(mut entry: Entry, language: Language) -> Entry {
    PRICE_WORDS[usize::from(language == Language::En)].clone_into(&mut entry.keywords);
    entry.language = language;
    entry.topics = ["price", "duration", "service_info"]
        .map(str::to_owned)
        .into();
    entry
}

/// Services of one name in several categories get the category into their name.
fn tell_apart(made: &mut [(String, Result<Entry, Problem>)]) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (_, entry) in &*made {
        if let Ok(entry) = entry {
            *counts.entry(folded(entry.question())).or_default() += 1;
        }
    }
    for (category, entry) in made {
        let Ok(entry) = entry else {
            continue;
        };
        let name = entry.question().to_owned();
        if counts[&folded(&name)] > 1 && !category.is_empty() {
            let full = format!("{name} ({category})");
            entry.answer = entry.answer.replacen(&name, &full, 1);
            entry.questions.insert(0, full);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::entries;
    use super::super::rows::tests::{answers, grid};

    #[test]
    fn a_price_list_is_understood_by_its_headings_wherever_they_are() {
        let grid = grid(
            "Прайс на зиму\n\nУслуга | Цена, руб. | Длительность | Примечание | Мастер\n\
             Маникюр\nС покрытием | 2500 | 1:30 | снятие входит | Анна\nБез покрытия | от 1 200 ₽ | 60 | |\n\
             Педикюр\nС покрытием | 3000-3500 | | |",
        );
        let entries = entries(&grid, true).unwrap().unwrap();
        assert_eq!(
            answers(&entries),
            [
                "С покрытием (Маникюр): 2\u{a0}500 ₽, 90 мин. снятие входит. Мастер: Анна",
                "Без покрытия: от 1 200 ₽, 60 мин",
                "С покрытием (Педикюр): 3\u{a0}000–3\u{a0}500 ₽",
            ]
        );
        assert_eq!(
            entries[0].questions,
            ["С покрытием (Маникюр)", "С покрытием"]
        );
        assert_eq!(entries[0].source.to_string(), "prices.xlsx, sheet Зал:5");
        assert!(entries[0].topics.contains(&"price".to_owned()));
    }

    #[test]
    fn several_prices_keep_their_headings() {
        let grid = grid("Название | Цена мастер | Цена топ-мастер\nСтрижка | 1500 | 2000");
        let entries = entries(&grid, true).unwrap().unwrap();
        assert_eq!(
            answers(&entries),
            ["Стрижка: Цена мастер — 1\u{a0}500 ₽, Цена топ-мастер — 2\u{a0}000 ₽"]
        );
    }
}
