//! PDF: the text of its pages, cut where headings and paragraphs seem to be.
//!
//! The crate that reads it panics on what it does not expect and trusts what a file says of itself, so
//! this runs apart, and what would take it to the ground is looked for before.

use std::collections::BTreeMap;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};

use flate2::read::ZlibDecoder;
use pdf_extract::content::Content;
use pdf_extract::{Dictionary, Document, Object, PlainTextOutput, Stream, output_doc_page};

use super::blocks::{Block, Placed};
use super::money;

/// How many pages a document may have.
const PAGES: usize = 1_000;
/// How much its streams may unpack to.
const UNPACKED: u64 = 128 * 1024 * 1024;
/// How deep forms may stand in forms, and how many may be drawn on a page.
const NESTED: usize = 16;
const DRAWN: usize = 2_000;
/// How high the tree of pages may be.
const TREE: usize = 64;
/// The longest line that may be a heading.
const HEADING: usize = 80;

/// What is wrong with a document, and on which page (0: in all of it).
pub(super) type Wrong = (usize, &'static str);

/// The text of each page. Panics on documents that are odd enough: to be called apart.
pub(super) fn pages(bytes: &[u8]) -> Result<Vec<String>, Wrong> {
    unpacks_to(bytes, UNPACKED)?;
    let encrypted = (0, "is encrypted");
    let document = Document::load_mem(bytes).map_err(|_| {
        let says = |what: &[u8]| bytes.windows(what.len()).any(|part| part == what);
        if says(b"/Encrypt") {
            encrypted
        } else {
            (0, "is broken: it is no PDF")
        }
    })?;
    // Encrypted without a password is not encrypted: such a one is open by now.
    if document.trailer.get(b"Encrypt").is_ok() && !document.was_encrypted() {
        return Err(encrypted);
    }
    let pages = document.get_pages();
    if pages.len() > PAGES {
        return Err((0, "has more than 1,000 pages"));
    }
    let mut texts = Vec::new();
    for (number, id) in pages {
        let at = usize::try_from(number).unwrap_or(0);
        let odd = (at, "draws itself within itself");
        let page = document
            .get_dictionary(id)
            .map_err(|_| (at, "is not there"))?;
        let resources = inherited(&document, page).map_err(|Endless| odd)?;
        let content = document.get_page_content(id).unwrap_or_default();
        let mut left = DRAWN;
        drawn(&document, &content, resources, NESTED, &mut left).ok_or(odd)?;
        let mut text = String::new();
        let done = catch_unwind(AssertUnwindSafe(|| {
            output_doc_page(&document, &mut PlainTextOutput::new(&mut text), number)
        }));
        if !matches!(done, Ok(Ok(()))) {
            return Err((
                at,
                "cannot be read: something on it is broken, or too unusual",
            ));
        }
        texts.push(text);
    }
    Ok(texts)
}

/// Unpacks every compressed stream into nothing, wherever one seems to begin: no more than so many bytes.
fn unpacks_to(bytes: &[u8], most: u64) -> Result<(), Wrong> {
    const BEGIN: &[u8] = b"stream";
    let mut left = most;
    let mut at = 0;
    while let Some(found) = bytes[at..]
        .windows(BEGIN.len())
        .position(|part| part == BEGIN)
    {
        at += found + BEGIN.len();
        let rest = &bytes[at..];
        let rest = rest.strip_prefix(b"\r").unwrap_or(rest);
        let rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        if rest.first().is_none_or(|first| first & 0x0f != 8) {
            continue;
        }
        let mut unpacked = ZlibDecoder::new(rest).take(left + 1);
        let mut size = 0;
        let mut buffer = [0; 16 * 1024];
        // What is broken is somebody else's concern.
        while let Ok(read @ 1..) = unpacked.read(&mut buffer) {
            size += read as u64;
        }
        left = left
            .checked_sub(size)
            .ok_or((0, "unpacks to more than 128 MiB"))?;
    }
    Ok(())
}

/// What a page draws with, from the nearest node of the tree that says so; an error where the tree is a circle.
fn inherited<'d>(
    document: &'d Document,
    page: &'d Dictionary,
) -> Result<Option<&'d Dictionary>, Endless> {
    let mut node = page;
    let mut found = None;
    for _ in 0..TREE {
        if found.is_none() {
            found = dictionary(document, node.get(b"Resources").ok());
        }
        match dictionary(document, node.get(b"Parent").ok()) {
            Some(parent) => node = parent,
            None => return Ok(found),
        }
    }
    Err(Endless)
}

/// A document leads from one thing to the next and never to an end.
struct Endless;

/// Goes through the forms that a page draws as its reader will; none where that has no end.
fn drawn(
    document: &Document,
    content: &[u8],
    resources: Option<&Dictionary>,
    depth: usize,
    left: &mut usize,
) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    let Ok(content) = Content::decode(content) else {
        return Some(());
    };
    for operation in content.operations {
        let name = operation
            .operands
            .first()
            .and_then(|name| name.as_name().ok());
        let (true, Some(name)) = (operation.operator == "Do", name) else {
            continue;
        };
        let forms = resources.and_then(|all| dictionary(document, all.get(b"XObject").ok()));
        let Some(form) = forms.and_then(|forms| stream(document, forms.get(name).ok())) else {
            continue;
        };
        *left = left.checked_sub(1)?;
        let kind = form.dict.get(b"Subtype").and_then(Object::as_name);
        if kind.is_ok_and(|kind| kind == b"Image") {
            continue;
        }
        let own = dictionary(document, form.dict.get(b"Resources").ok());
        let content = form.get_plain_content().unwrap_or_default();
        drawn(document, &content, own.or(resources), depth, left)?;
    }
    Some(())
}

fn dictionary<'d>(document: &'d Document, object: Option<&'d Object>) -> Option<&'d Dictionary> {
    document.dereference(object?).ok()?.1.as_dict().ok()
}

fn stream<'d>(document: &'d Document, object: Option<&'d Object>) -> Option<&'d Stream> {
    document.dereference(object?).ok()?.1.as_stream().ok()
}

/// The blocks of pages.
pub(super) fn blocks(pages: &[String]) -> Vec<Placed> {
    let running = running_lines(pages);
    let mut blocks: Vec<Placed> = Vec::new();
    for (number, page) in (1..).zip(pages) {
        let lines = page.lines().map(str::trim);
        let lines: Vec<&str> = lines
            .filter(|line| !running.contains_key(&without_digits(line)) && !is_number(line))
            .collect();
        for block in paragraphs(&lines) {
            match (&block, blocks.last_mut().map(|last| &mut last.block)) {
                // A sentence that goes on, perhaps on the next page.
                (Block::Paragraph(text), Some(Block::Paragraph(before) | Block::Item(before)))
                    if goes_on(before, text) =>
                {
                    join(before, text);
                }
                _ => blocks.push(Placed {
                    block,
                    line: 0,
                    part: Some(format!("page {number}")),
                }),
            }
        }
    }
    headings(&mut blocks);
    blocks
}

/// Lines over and under the text of most pages.
fn running_lines(pages: &[String]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for page in pages {
        let mut lines = page.lines().map(str::trim).filter(|line| !line.is_empty());
        let mut edges: Vec<String> = lines.clone().take(1).map(without_digits).collect();
        edges.extend(lines.next_back().map(without_digits));
        edges.dedup();
        for edge in edges {
            *counts.entry(edge).or_insert(0) += 1;
        }
    }
    counts.retain(|_, count| *count >= 3 && *count * 2 > pages.len());
    counts
}

fn without_digits(line: &str) -> String {
    line.chars().filter(|c| !c.is_ascii_digit()).collect()
}

fn is_number(line: &str) -> bool {
    !line.is_empty() && line.len() <= 4 && line.chars().all(|c| c.is_ascii_digit())
}

/// Lines become paragraphs where an empty line, a bullet, a question or a price parts them.
fn paragraphs(lines: &[&str]) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for line in lines {
        if line.is_empty() {
            open = false;
            continue;
        }
        let item = line
            .strip_prefix(['•', '▪', '●', '◦', '■', '·', '–', '—', '-', '*'])
            .map(str::trim_start);
        let prices = !money::amounts(line).is_empty() && line.ends_with(['₽', '.', 'б', 'р']);
        let asks = line.ends_with('?') && line.starts_with(char::is_uppercase);
        match (item, blocks.last_mut()) {
            (Some(item), _) => blocks.push(Block::Item(item.to_owned())),
            (None, _) if asks => blocks.push(Block::Paragraph((*line).to_owned())),
            (None, Some(Block::Paragraph(before) | Block::Item(before))) if open => {
                join(before, line);
            }
            _ => blocks.push(Block::Paragraph((*line).to_owned())),
        }
        open = !asks && !prices;
    }
    blocks
}

/// Adds a line to a paragraph; a word that was cut between them is whole again.
fn join(before: &mut String, line: &str) {
    let cut = before.ends_with('-') && line.starts_with(char::is_lowercase);
    if cut && before.chars().rev().nth(1).is_some_and(char::is_alphabetic) {
        before.pop();
    } else {
        before.push(' ');
    }
    before.push_str(line);
}

fn goes_on(before: &str, text: &str) -> bool {
    text.starts_with(char::is_lowercase) && !before.ends_with(['.', '!', '?', '…'])
}

/// A short line that stands alone over a text is a heading, and so are two, one under the other; more in a row
/// are a list.
fn headings(blocks: &mut [Placed]) {
    let make = |placed: &mut Placed, level: u8| {
        if let Block::Paragraph(text) = &mut placed.block {
            placed.block = Block::Heading(level, std::mem::take(text));
        }
    };
    let mut rest = blocks;
    // The first line of a document is its title.
    if let Some((first, others)) = std::mem::take(&mut rest).split_first_mut() {
        if may_head(&first.block) {
            make(first, 1);
        }
        rest = others;
    }
    while !rest.is_empty() {
        let alone = rest
            .iter()
            .take_while(|placed| may_head(&placed.block))
            .count();
        let (lines, others) = std::mem::take(&mut rest).split_at_mut(alone);
        if alone <= 2 && !others.is_empty() {
            for (level, line) in (2..).zip(lines) {
                make(line, level);
            }
        }
        rest = others.get_mut(1..).unwrap_or_default();
    }
}

fn may_head(block: &Block) -> bool {
    let Block::Paragraph(text) = block else {
        return false;
    };
    text.chars().count() <= HEADING
        && text.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit() || c == '«')
        && text.ends_with(|c: char| c.is_alphabetic() || c == '»' || c == ')')
        && money::amounts(text).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pages: &[&str]) -> Vec<String> {
        let pages: Vec<String> = pages.iter().map(|page| (*page).to_owned()).collect();
        let blocks = blocks(&pages).into_iter();
        blocks
            .map(|placed| match placed.block {
                Block::Heading(level, text) => format!("{} {text}", "#".repeat(level.into())),
                Block::Item(text) => format!("• {text}"),
                Block::Paragraph(text) => text,
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn lines_become_headings_paragraphs_and_items() {
        let page = "Памятка\n\nУход за кожей\n\nПосле чистки не заго-\nрайте и не ходите\nв баню.\n\
                    • крем\n• вода\n\nМожно краситься?\nДа, через сутки.\n";
        assert_eq!(
            shown(&[page]),
            [
                "# Памятка",
                "## Уход за кожей",
                "После чистки не загорайте и не ходите в баню.",
                "• крем",
                "• вода",
                "Можно краситься?",
                "Да, через сутки.",
            ]
        );
    }

    #[test]
    fn two_short_lines_are_headings_and_more_are_a_list() {
        let page = "Памятка\n\nДа, можно.\n\nПрайс\n\nНа зиму\n\nВсё как осенью.\n\nАнна\n\nОльга\n\nДарья\n\nТут вся смена.\n";
        assert_eq!(
            shown(&[page]),
            [
                "# Памятка",
                "Да, можно.",
                "## Прайс",
                "### На зиму",
                "Всё как осенью.",
                "Анна",
                "Ольга",
                "Дарья",
                "Тут вся смена.",
            ]
        );
    }

    #[test]
    fn running_heads_go_and_sentences_go_on_over_the_page() {
        let page = |text: &str, number: u32| format!("Салон\n\n{text}\n\nстр. {number}\n");
        let pages = [
            page("Мы просим гостей", 1),
            page("приходить вовремя.", 2),
            page("Спасибо.", 3),
        ];
        let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
        assert_eq!(
            shown(&pages),
            ["Мы просим гостей приходить вовремя.", "Спасибо."]
        );
    }

    #[test]
    fn prices_line_by_line_stay_lines() {
        assert_eq!(
            shown(&["Прайс\n\nСтрижка 2 500 ₽\nУкладка 1 500 ₽\n"]),
            ["# Прайс", "Стрижка 2 500 ₽", "Укладка 1 500 ₽"]
        );
    }

    #[test]
    fn a_stream_that_unpacks_without_end_is_refused() {
        use std::io::Write;
        let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&vec![0; 1 << 16]).unwrap();
        let bytes = [b"%PDF-1.7\nstream\r\n", &packed.finish().unwrap()[..]].concat();
        assert!(bytes.len() < 1 << 12);
        assert_eq!(unpacks_to(&bytes, 1 << 16), Ok(()));
        let twice = bytes.repeat(2);
        let told = Err((0, "unpacks to more than 128 MiB"));
        assert_eq!(unpacks_to(&twice, 1 << 16), told);
    }
}
