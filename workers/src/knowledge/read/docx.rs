//! Word documents: headings by their styles, paragraphs, lists, tables.

use std::borrow::Cow;
use std::collections::BTreeMap;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::blocks::{Block, Placed};
use super::package::Package;

/// How deep basing a style on another may go.
const BASED: usize = 16;
/// Tables within tables deeper than this are read as paragraphs.
const NESTED: usize = 32;

/// The blocks of a document, or in words what is wrong with it.
pub(super) fn blocks(bytes: &[u8]) -> Result<Vec<Placed>, &'static str> {
    let mut package = Package::open(bytes)?;
    let styles = if package.has("word/styles.xml") {
        styles(&package.text("word/styles.xml")?)?
    } else {
        BTreeMap::new()
    };
    let text = package.text("word/document.xml")?;
    let mut body = Body {
        styles,
        ..Body::default()
    };
    let mut reader = Reader::from_str(&text);
    reader.config_mut().check_end_names = false;
    loop {
        match reader.read_event().map_err(|_| BROKEN)? {
            Event::Start(tag) => body.start(&tag, true),
            Event::Empty(tag) => body.start(&tag, false),
            Event::End(tag) => body.end(tag.local_name().as_ref()),
            Event::Text(text) => body.write(&text.xml10_content()),
            Event::CData(text) => body.write(&text.xml10_content()),
            Event::GeneralRef(name) => {
                let letter = name.resolve_char_ref().ok().flatten();
                let known = quick_xml::escape::resolve_predefined_entity(&name.xml10_content());
                match (letter, known) {
                    (Some(letter), _) => body.write(letter.encode_utf8(&mut [0; 4])),
                    (None, Some(text)) => body.write(text),
                    (None, None) => {}
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    Ok(body.blocks)
}

const BROKEN: &str = "is broken: its XML cannot be read";

/// The level of each style that is a heading.
fn styles(text: &str) -> Result<BTreeMap<String, u8>, &'static str> {
    let mut levels: BTreeMap<String, u8> = BTreeMap::new();
    let mut based: BTreeMap<String, String> = BTreeMap::new();
    let mut current = String::new();
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = false;
    loop {
        match reader.read_event().map_err(|_| BROKEN)? {
            Event::Start(tag) | Event::Empty(tag) => {
                let value = attribute(&tag, "val").unwrap_or_default();
                match tag.local_name().as_ref() {
                    "style" => current = attribute(&tag, "styleId").unwrap_or_default(),
                    "name" => {
                        if let Some(level) = level_of_name(&value) {
                            levels.insert(current.clone(), level);
                        }
                    }
                    "outlineLvl" => {
                        if let Some(level) = outline(&value) {
                            levels.entry(current.clone()).or_insert(level);
                        }
                    }
                    "basedOn" => {
                        based.insert(current.clone(), value);
                    }
                    _ => {}
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    let inherited: Vec<(String, u8)> = based
        .keys()
        .filter(|style| !levels.contains_key(*style))
        .filter_map(|style| {
            let mut over = based.get(style);
            for _ in 0..BASED {
                if let Some(level) = levels.get(over?) {
                    return Some((style.clone(), *level));
                }
                over = based.get(over?);
            }
            None
        })
        .collect();
    levels.extend(inherited);
    Ok(levels)
}

/// Built-in styles have the same names in every language of Word.
fn level_of_name(name: &str) -> Option<u8> {
    let name = name.to_lowercase();
    match name.as_str() {
        "title" => Some(1),
        "subtitle" => Some(2),
        _ => name.strip_prefix("heading ")?.parse().ok(),
    }
}

fn outline(value: &str) -> Option<u8> {
    let level: u8 = value.parse().ok()?;
    (level < 9).then_some(level + 1)
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag
        .attributes()
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == name)?;
    found
        .normalized_value(XmlVersion::Implicit1_0)
        .ok()
        .map(Cow::into_owned)
}

/// A document while it is being read.
#[derive(Default)]
struct Body {
    styles: BTreeMap<String, u8>,
    blocks: Vec<Placed>,
    /// The paragraph so far.
    text: String,
    level: Option<u8>,
    item: bool,
    /// How deep in text that is shown: `w:t`.
    shown: usize,
    /// How deep in what only old programs show, a second time.
    fallback: usize,
    /// Open tables with their rows.
    tables: Vec<Vec<Vec<String>>>,
    paragraphs: usize,
}

impl Body {
    fn start(&mut self, tag: &BytesStart<'_>, open: bool) {
        match tag.local_name().as_ref() {
            "Fallback" if open => self.fallback += 1,
            "t" if open => self.shown += 1,
            "tab" | "br" | "cr" => self.text.push(' '),
            "noBreakHyphen" => self.text.push('-'),
            "p" if open => {
                self.text.clear();
                self.level = None;
                self.item = false;
            }
            "pStyle" => {
                let style = attribute(tag, "val").unwrap_or_default();
                self.level = self.styles.get(&style).copied();
            }
            "outlineLvl" => {
                let level = attribute(tag, "val").and_then(|value| outline(&value));
                self.level = level.or(self.level);
            }
            "numPr" => self.item = true,
            "tbl" if open && self.tables.len() < NESTED => self.tables.push(Vec::new()),
            "tr" if open => {
                if let Some(table) = self.tables.last_mut() {
                    table.push(Vec::new());
                }
            }
            "tc" if open => {
                if let Some(row) = self.tables.last_mut().and_then(|table| table.last_mut()) {
                    row.push(String::new());
                }
            }
            _ => {}
        }
    }

    fn write(&mut self, text: &str) {
        if self.shown > 0 && self.fallback == 0 {
            self.text.push_str(text);
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "Fallback" => self.fallback = self.fallback.saturating_sub(1),
            "t" => self.shown = self.shown.saturating_sub(1),
            "p" => self.paragraph(),
            "tbl" => {
                if let Some(table) = self.tables.pop() {
                    self.table(table);
                }
            }
            _ => {}
        }
    }

    fn paragraph(&mut self) {
        let text = std::mem::take(&mut self.text);
        self.paragraphs += 1;
        if text.trim().is_empty() {
            return;
        }
        let cell = self
            .tables
            .last_mut()
            .and_then(|table| table.last_mut()?.last_mut());
        if let Some(cell) = cell {
            if !cell.is_empty() {
                cell.push('\n');
            }
            cell.push_str(text.trim());
            return;
        }
        let block = match (self.level, self.item) {
            (Some(level), _) => Block::Heading(level, text),
            (None, true) => Block::Item(text),
            (None, false) => Block::Paragraph(text),
        };
        self.place(block);
    }

    /// A table within another becomes text of the cell it stands in.
    fn table(&mut self, table: Vec<Vec<String>>) {
        let cell = self
            .tables
            .last_mut()
            .and_then(|table| table.last_mut()?.last_mut());
        match cell {
            Some(cell) => {
                for row in table {
                    cell.push('\n');
                    cell.push_str(&row.join(" — "));
                }
            }
            None => self.place(Block::Table(table)),
        }
    }

    fn place(&mut self, block: Block) {
        self.blocks.push(Placed {
            block,
            line: 0,
            part: Some(format!("paragraph {}", self.paragraphs)),
        });
    }
}
