//! Documents as firms have them, read into entries: Markdown, CSV, Excel, Word, PDF, web pages, plain text.

mod blocks;
mod columns;
mod csv;
mod docx;
mod guarded;
mod header;
mod html;
mod markdown;
pub(super) mod money;
mod package;
mod pdf;
mod plain;
mod prices;
mod rows;
mod text;
mod xlsx;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

pub use guarded::READER;

use self::guarded::guarded;
use self::package::Package;
use super::entry::Entry;
use crate::source_text::{SourceText, problem};
use crate::words::{Language, folded};
use zapis_core::config::Problem;

/// The largest document.
pub(super) const LARGEST: u64 = 32 * 1024 * 1024;

/// How many entries a document may become: a firm knows some thousand things.
const MOST: usize = 20_000;

/// How the names of documents end.
const ENDINGS: [&str; 10] = [
    "md", "markdown", "csv", "tsv", "txt", "xlsx", "docx", "pdf", "html", "htm",
];

/// A document as it came.
#[derive(Debug, Clone, Default)]
pub struct Material {
    /// The file, or the address of the page.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// The encoding that a server named.
    pub charset: Option<String>,
    /// Whether a server said that it is a web page.
    pub page: bool,
}

/// A document that was read.
#[derive(Debug, Default)]
pub struct Reading {
    /// What it says.
    pub entries: Vec<Entry>,
    /// Where a page leads, as written.
    pub links: Vec<String>,
    /// Whether a page asks not to be kept.
    pub noindex: bool,
    /// Whether a page asks not to follow its links.
    pub nofollow: bool,
}

impl From<Vec<Entry>> for Reading {
    fn from(entries: Vec<Entry>) -> Self {
        Self {
            entries,
            ..Self::default()
        }
    }
}

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Markdown,
    Csv,
    Plain,
    Html,
    Xlsx,
    Docx,
    Pdf,
}

/// Whether a file of this name is a document that can be read. Editors leave files beside theirs.
pub(super) fn is_document(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| {
        !name.starts_with(['.', '~'])
            && !name.eq_ignore_ascii_case("readme.md")
            && ending(name).is_some()
    })
}

fn ending(name: &str) -> Option<&'static str> {
    let (_, said) = name.rsplit_once('.')?;
    let said = said.to_lowercase();
    ENDINGS.into_iter().find(|ending| *ending == said)
}

/// The document in a file.
pub(super) fn open(path: &Path) -> Result<Material, Problem> {
    let name = path.display().to_string();
    let unreadable =
        |error: std::io::Error| problem(&name, 0, 0, "", &format!("cannot be read: {error}"), "");
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > LARGEST {
        return Err(too_large(&name));
    }
    Ok(Material {
        bytes: std::fs::read(path).map_err(unreadable)?,
        name,
        ..Material::default()
    })
}

/// What a document that is too large is told.
pub(super) fn too_large(name: &str) -> Problem {
    let hint = "cut it into several, or save it without pictures";
    problem(name, 0, 0, "", "is larger than 32 MiB", hint)
}

/// What a document with too many entries or rows is told.
fn too_many(name: &str) -> Problem {
    let hint = "bring in what customers ask about, not a whole database";
    problem(name, 0, 0, "", "has more than 20,000 entries", hint)
}

/// Reads a document, or says everything that is wrong with it.
pub fn read(material: Material) -> Result<Reading, Vec<Problem>> {
    let one = |problem| vec![problem];
    if material.bytes.len() as u64 > LARGEST {
        return Err(one(too_large(&material.name)));
    }
    let kind = kind(&material).map_err(one)?;
    let name = material.name.clone();
    let mut reading: Reading = match kind {
        Kind::Markdown => markdown::entries(&source(&material).map_err(one)?)?.into(),
        Kind::Csv => csv::entries(&source(&material).map_err(one)?)?.into(),
        Kind::Plain => plain::entries(&source(&material).map_err(one)?, 0).into(),
        _ => {
            let read = guarded(move || match kind {
                Kind::Xlsx => workbook(&material),
                Kind::Docx => document(&material),
                Kind::Pdf => portable(&material),
                _ => page(&material),
            });
            read.map_err(|why| {
                vec![problem(
                    &name,
                    0,
                    0,
                    "",
                    why,
                    "save it again, or in another format",
                )]
            })??
        }
    };
    if reading.entries.is_empty() && !reading.noindex {
        let hint = match kind {
            Kind::Pdf => "is it a scan? Import the document it was printed from",
            Kind::Html => {
                "its text may be made by a script: save the page from the browser and import the file"
            }
            _ => "write something in it",
        };
        return Err(vec![problem(&name, 0, 0, "", "has no text", hint)]);
    }
    if reading.entries.len() > MOST {
        return Err(vec![too_many(&name)]);
    }
    name_entries(&name, &mut reading.entries);
    Ok(reading)
}

/// What a document is: by what is in it, then by what it is called.
fn kind(material: &Material) -> Result<Kind, Problem> {
    let Material { name, bytes, .. } = material;
    let wrong = |message: &str, hint: &str| problem(name, 0, 0, "", message, hint);
    let begin = &bytes[..bytes.len().min(1024)];
    let said = ending(name.split(['?', '#']).next().unwrap_or(name));
    if bytes.is_empty() {
        return Err(wrong("is empty", ""));
    }
    if begin.starts_with(b"PK\x03\x04") {
        let package = Package::open(bytes).map_err(|message| wrong(message, "save it again"))?;
        return match (
            package.has("word/document.xml"),
            package.has("xl/workbook.xml"),
        ) {
            (true, _) => Ok(Kind::Docx),
            (_, true) => Ok(Kind::Xlsx),
            _ => Err(wrong(
                "is an archive and neither a Word nor an Excel document",
                "unpack it and import what is in it",
            )),
        };
    }
    if begin.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return Err(if is_encrypted_package(bytes) {
            wrong("is encrypted", "save it without a password")
        } else {
            wrong("is of an old format", "save it as .docx or .xlsx")
        });
    }
    if begin.windows(5).any(|part| part == b"%PDF-") {
        return Ok(Kind::Pdf);
    }
    let markup = String::from_utf8_lossy(begin)
        .trim_start_matches('\u{feff}')
        .trim_start()
        .to_lowercase();
    if markup.starts_with("<!doctype html") || markup.starts_with("<html") {
        return Ok(Kind::Html);
    }
    match said {
        Some("xlsx" | "docx" | "pdf") => Err(wrong(
            "is broken: it is not what its name says",
            "save it again",
        )),
        Some("html" | "htm") => Ok(Kind::Html),
        _ if material.page => Ok(Kind::Html),
        Some("md" | "markdown") => Ok(Kind::Markdown),
        Some("csv" | "tsv") => Ok(Kind::Csv),
        Some(_) => Ok(Kind::Plain),
        None => Err(wrong(
            "is no kind of document that is read",
            "use .md, .csv, .xlsx, .docx, .pdf, .html or .txt",
        )),
    }
}

/// Office puts an encrypted document into the old format; its parts are named in UTF-16.
fn is_encrypted_package(bytes: &[u8]) -> bool {
    let name: Vec<u8> = "EncryptedPackage"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    bytes.windows(name.len()).any(|part| part == name)
}

fn source(material: &Material) -> Result<SourceText, Problem> {
    let text = text::decoded(&material.bytes, material.charset.as_deref());
    let text = text.ok_or_else(|| {
        problem(
            &material.name,
            0,
            0,
            "",
            "is no text",
            "save it as text in UTF-8",
        )
    })?;
    Ok(SourceText {
        file: material.name.clone(),
        text,
    })
}

fn workbook(material: &Material) -> Result<Reading, Vec<Problem>> {
    harmless(material)?;
    Ok(xlsx::entries(&material.name, &material.bytes)?.into())
}

fn document(material: &Material) -> Result<Reading, Vec<Problem>> {
    harmless(material)?;
    let name = &material.name;
    let blocks = docx::blocks(&material.bytes)
        .map_err(|why| vec![problem(name, 0, 0, "", why, "save it again as .docx")])?;
    Ok(blocks::entries(name, title_of(name), blocks).into())
}

fn harmless(material: &Material) -> Result<(), Vec<Problem>> {
    Package::open(&material.bytes)
        .and_then(|mut package| package.measure())
        .map_err(|why| vec![problem(&material.name, 0, 0, "", why, "save it again")])
}

fn portable(material: &Material) -> Result<Reading, Vec<Problem>> {
    let name = &material.name;
    let pages = pdf::pages(&material.bytes).map_err(|(page, why)| {
        let place = if page > 0 {
            format!("{name}, page {page}")
        } else {
            name.clone()
        };
        let hint = if why.contains("encrypted") {
            "save it without a password"
        } else {
            "print it to PDF again, or import the document it was made from"
        };
        vec![problem(&place, 0, 0, "", why, hint)]
    })?;
    Ok(blocks::entries(name, title_of(name), pdf::blocks(&pages)).into())
}

fn page(material: &Material) -> Result<Reading, Vec<Problem>> {
    let name = &material.name;
    let said = material
        .charset
        .clone()
        .or_else(|| charset_of(&material.bytes));
    let text = text::decoded(&material.bytes, said.as_deref())
        .ok_or_else(|| vec![problem(name, 0, 0, "", "is no text", "")])?;
    let page =
        html::page(&text).ok_or_else(|| vec![problem(name, 0, 0, "", "is nested too deep", "")])?;
    let title = if page.title.is_empty() {
        title_of(name)
    } else {
        &page.title
    };
    Ok(Reading {
        entries: blocks::entries(name, title, page.blocks),
        links: page.links,
        noindex: page.noindex,
        nofollow: page.nofollow,
    })
}

/// The encoding that a page says it has.
fn charset_of(bytes: &[u8]) -> Option<String> {
    let begin = String::from_utf8_lossy(&bytes[..bytes.len().min(2048)]).to_lowercase();
    let (_, after) = begin.split_once("charset=")?;
    let name = after.trim_start_matches(['"', '\'', ' ']);
    let end = name
        .find(['"', '\'', ' ', '>', ';', '/'])
        .unwrap_or(name.len());
    Some(name[..end].to_owned())
}

/// What a document without a title is called.
fn title_of(name: &str) -> &str {
    let name = name.trim_end_matches('/');
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    last.rsplit_once('.').map_or(last, |(stem, _)| stem)
}

/// Gives the entries of a document that have no id one of their own: the same whenever the document is read.
pub(super) fn name_entries(document: &str, entries: &mut [Entry]) {
    let mut taken: BTreeSet<(String, Language)> = entries
        .iter()
        .filter(|entry| !entry.id.is_empty())
        .map(|entry| (entry.id.clone(), entry.language))
        .collect();
    let mut counts: BTreeMap<(String, Language), usize> = BTreeMap::new();
    for entry in entries.iter_mut().filter(|entry| entry.id.is_empty()) {
        let id = id(document, entry.question());
        let count = counts.entry((id.clone(), entry.language)).or_insert(0);
        entry.id = loop {
            *count += 1;
            let id = match *count {
                1 => id.clone(),
                count => format!("{id}-{count}"),
            };
            if taken.insert((id.clone(), entry.language)) {
                break id;
            }
        };
    }
}

/// A name for an entry that has none: its document and its question in Latin letters.
fn id(document: &str, question: &str) -> String {
    let document = document.split_once("://").map_or_else(
        || title_of(document).to_owned(),
        |(_, address)| slug(address, 60),
    );
    format!("{document}/{}", slug(question, 40))
}

fn slug(text: &str, longest: usize) -> String {
    const LATIN: [&str; 32] = [
        "a", "b", "v", "g", "d", "e", "zh", "z", "i", "y", "k", "l", "m", "n", "o", "p", "r", "s",
        "t", "u", "f", "h", "ts", "ch", "sh", "sch", "", "y", "", "e", "yu", "ya",
    ];
    let mut slug = String::new();
    for c in folded(text).chars() {
        match c {
            'а'..='я' => slug.push_str(LATIN[(c as usize) - ('а' as usize)]),
            c if c.is_ascii_alphanumeric() => slug.push(c),
            _ if !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    slug.truncate(longest);
    slug.trim_matches('-').to_owned()
}

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
