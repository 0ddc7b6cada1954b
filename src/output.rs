//! The only place that writes to the terminal: tables for people, JSON for programs.

use std::fmt::Display;
use std::io::{self, Write};

use serde::Serialize;

/// A line of output. A reader that went away (`zapis dead list | head`) is no error.
pub fn line(text: impl Display) {
    writeln!(io::stdout().lock(), "{text}").ok();
}

/// A line for whoever looks at the terminal.
pub fn complain(text: impl Display) {
    writeln!(io::stderr().lock(), "{text}").ok();
}

/// A value as indented JSON.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Foreign text on one line, in which nothing steers the terminal.
pub fn plain(text: &str) -> String {
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(visible).collect()
}

/// Rows under headings, aligned.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub fn new(headings: &[&str]) -> Self {
        let headings = headings.iter().map(|text| text.to_uppercase());
        Self {
            rows: vec![headings.collect()],
        }
    }

    /// Adds a row. Control characters of foreign texts would play with the terminal: they go.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|text| plain(&text)).into());
    }

    /// Prints it.
    pub fn print(&self) {
        for text in self.lines() {
            line(text);
        }
    }

    fn lines(&self) -> Vec<String> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let aligned = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths);
            let cells = cells.map(|(cell, width)| format!("{cell:width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        self.rows.iter().map(aligned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_letters_and_not_by_bytes() {
        let mut table = Table::new(&["what", "why"]);
        table.row(["очередь".to_owned(), "works".to_owned()]);
        table.row(["x".to_owned(), "gone".to_owned()]);

        assert_eq!(
            table.lines(),
            ["WHAT     WHY", "очередь  works", "x        gone"]
        );
    }

    #[test]
    fn foreign_text_cannot_steer_the_terminal() {
        let mut table = Table::new(&["text"]);
        table.row(["\u{1b}[2Jboo\n".to_owned()]);

        assert_eq!(table.lines()[1], " [2Jboo");
    }
}
