//! Documents that are brought in: each is read into entries that can be quoted, or every problem has words,
//! and the same document always gives the same.

use std::sync::Once;

use rand::Rng;
use rust_xlsxwriter::Workbook;
use zapis_workers::knowledge::{Material, READER, read};

use super::mutate::{spoilt_bytes, spoilt_text};
use super::{Round, fuzz};

#[path = "../../../workers/src/knowledge/read/samples.rs"]
mod samples;

/// Readers panic on what they do not expect, which is caught and told as a problem: nobody wants to read it.
static QUIET: Once = Once::new();

fn keep_readers_quiet() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panicked| {
        if std::thread::current().name() != Some(READER) {
            before(panicked);
        }
    }));
}

/// Takes an input and says what must hold of what became of it.
fn takes(round: &mut Round, name: &str, bytes: &[u8]) {
    QUIET.call_once(keep_readers_quiet);
    round.input = bytes.to_vec();
    let material = || Material {
        name: name.to_owned(),
        bytes: bytes.to_vec(),
        ..Material::default()
    };
    let first = read(material());
    match &first {
        Ok(reading) => {
            for entry in &reading.entries {
                assert!(!entry.id.is_empty(), "{entry:?}");
                assert!(!entry.answer.trim().is_empty(), "{entry:?}");
                assert!(!entry.questions.is_empty(), "{entry:?}");
                assert_eq!(entry.source.file, name);
            }
            assert!(!reading.entries.is_empty() || reading.noindex);
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!(!problem.message.is_empty(), "{problem:?}");
                assert!(problem.file.starts_with(name), "{problem}");
            }
        }
    }
    // A broken PDF may take its reader's time, and what time brings is not the document's.
    if let (Ok(first), Ok(second)) = (first, read(material())) {
        assert_eq!(first.entries, second.entries);
    }
}

/// What is in a Word document, in lines so that they can be exchanged.
fn body() -> String {
    let paragraph = samples::paragraph;
    [
        paragraph("a1", "Оплата"),
        paragraph("", "Картой &amp; наличными."),
        paragraph("a2", "Есть рассрочка?"),
        paragraph("list", "на два месяца"),
        "<w:tbl><w:tr><w:tc>".to_owned(),
        paragraph("", "Услуга"),
        "</w:tc><w:tc>".to_owned(),
        paragraph("", "Цена"),
        "</w:tc></w:tr><w:tr><w:tc>".to_owned(),
        paragraph("", "Маникюр"),
        "</w:tc><w:tc>".to_owned(),
        paragraph("", "2500"),
        "</w:tc></w:tr></w:tbl>".to_owned(),
        "<mc:Fallback><w:t>дважды</w:t></mc:Fallback>".to_owned(),
    ]
    .join("\n")
}

const PAGE: &str = r#"<!DOCTYPE html><html><head><title>Салон</title>
<meta name="robots" content="index, follow">
<script type="application/ld+json">{"@type":"FAQPage","mainEntity":[{"@type":"Question","name":"Есть лифт?",
"acceptedAnswer":{"text":"<p>Нет.</p>"}}]}</script></head>
<body><nav><a href="/a">О нас</a></nav>
<main><h1 id="top">Цены</h1>
<table><tr><th>Услуга</th><th>Цена, руб.</th></tr>
<tr><td>Маникюр</td><td>2500</td></tr></table>
<details><summary>Есть чай?</summary><p>Да.</p></details>
<div itemtype="https://schema.org/Question"><b itemprop="name">Есть кофе?</b>
<i itemprop="text">Да.</i></div>
<ul><li>крем</li><li>вода</li></ul>
<p>Звоните: <a href="tel:+7812">+7 812</a></p>
</main></body></html>
"#;

const ROWS: &str = "id;question;also;answer;topic;valid_until\n\
    x-tea;Есть чай?;чай|кофе;\"Да, \"\"любой\"\"\";drinks;31.01.2027\n\
    ;Есть сок?;;Да.;;\n";

const PRICES: &str =
    "Прайс;;\nУслуга;Цена, руб.;Длительность\nМаникюр;;\nС покрытием;2500-3000;1:30\n";

const NOTES: &str =
    "---\nverified_by: Марина\n---\nПамятка\n\nМожно с собакой?\nДа.\n\n- раз\n- два\n";

#[test]
fn word() {
    let good = body();
    fuzz("documents::word", 150, |round| {
        let spoilt = spoilt_text(&mut round.chance, &good, std::slice::from_ref(&good));
        let bytes = samples::docx(&String::from_utf8_lossy(&spoilt));
        takes(round, "memo.docx", &bytes);
    });
}

#[test]
fn excel() {
    let mut workbook = Workbook::new();
    for rows in [ROWS, PRICES] {
        let sheet = workbook.add_worksheet();
        for (row, line) in (0..).zip(rows.lines()) {
            for (column, cell) in (0..).zip(line.split(';')) {
                match cell.parse::<f64>() {
                    Ok(number) => sheet.write_number(row, column, number).unwrap(),
                    Err(_) => sheet.write_string(row, column, cell).unwrap(),
                };
            }
        }
    }
    let good = workbook.save_to_buffer().unwrap();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&good)).unwrap();
    let names: Vec<String> = (0..archive.len())
        .map(|at| archive.by_index(at).unwrap().name().unwrap().into_owned())
        .collect();
    let files: Vec<(String, String)> = names
        .into_iter()
        .map(|name| {
            let text = std::io::read_to_string(archive.by_name(&name).unwrap()).unwrap();
            // In lines, so that they can be exchanged.
            (name, text.replace("><", ">\n<"))
        })
        .collect();
    let others: Vec<String> = files.iter().map(|(_, text)| text.clone()).collect();
    fuzz("documents::excel", 150, |round| {
        let at = round.chance.random_range(0..files.len());
        let spoilt = spoilt_text(&mut round.chance, &files[at].1, &others);
        let spoilt = String::from_utf8_lossy(&spoilt).into_owned();
        let packed: Vec<(&str, &str)> = files
            .iter()
            .enumerate()
            .map(|(n, (name, text))| (name.as_str(), if n == at { &spoilt } else { text.as_str() }))
            .collect();
        takes(round, "prices.xlsx", &samples::package(&packed));
    });
}

#[test]
fn pdf() {
    let good = samples::pdf(&[
        "Памятка\n\nУход\n\nНе мойте сутки.\n",
        "Можно с собакой?\nДа.\n",
    ]);
    let good = String::from_utf8(good).unwrap();
    fuzz("documents::pdf", 150, |round| {
        let bytes = spoilt_text(&mut round.chance, &good, std::slice::from_ref(&good));
        takes(round, "memo.pdf", &bytes);
    });
}

#[test]
fn pages() {
    let corpus = [PAGE.to_owned()];
    fuzz("documents::pages", 300, |round| {
        let bytes = spoilt_text(&mut round.chance, PAGE, &corpus);
        takes(round, "page.html", &bytes);
    });
}

#[test]
fn rows_and_notes() {
    let corpus = [ROWS.to_owned(), PRICES.to_owned(), NOTES.to_owned()];
    let names = ["faq.csv", "prices.csv", "notes.md", "notes.txt"];
    fuzz("documents::rows_and_notes", 400, |round| {
        let at = round.chance.random_range(0..names.len());
        let bytes = spoilt_text(&mut round.chance, &corpus[at.min(2)], &corpus);
        takes(round, names[at], &bytes);
    });
}

#[test]
fn packed_bytes() {
    let mut workbook = Workbook::new();
    workbook
        .add_worksheet()
        .write_string(0, 0, "Есть чай?")
        .unwrap();
    let corpus = [
        ("memo.docx", samples::docx(&body())),
        ("prices.xlsx", workbook.save_to_buffer().unwrap()),
        ("memo.pdf", samples::pdf(&["Чай есть всегда."])),
        ("page.html", PAGE.as_bytes().to_vec()),
    ];
    fuzz("documents::packed_bytes", 300, |round| {
        let (name, good) = &corpus[round.chance.random_range(0..corpus.len())];
        let bytes = spoilt_bytes(&mut round.chance, good.clone());
        takes(round, name, &bytes);
    });
}
