use proptest::prelude::*;

use super::samples::{docx, package, paragraph, pdf, pdf_of, stream};
use super::*;

fn material(name: &str, bytes: impl Into<Vec<u8>>) -> Material {
    Material {
        name: name.to_owned(),
        bytes: bytes.into(),
        ..Material::default()
    }
}

fn entries(name: &str, bytes: impl Into<Vec<u8>>) -> Vec<Entry> {
    read(material(name, bytes)).unwrap().entries
}

/// The first thing that is wrong.
fn wrong(name: &str, bytes: impl Into<Vec<u8>>) -> String {
    read(material(name, bytes)).unwrap_err()[0].to_string()
}

#[test]
fn a_word_document_is_cut_at_its_headings() {
    let body = [
        paragraph("a1", "Оплата"),
        paragraph("", "Картой &amp; наличными."),
        paragraph("a2", "Есть рассрочка?"),
        paragraph("", "Да:"),
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
    ];
    let read = entries("memo.docx", docx(&body.concat()));
    let told: Vec<(&str, &str, &str)> = read
        .iter()
        .map(|entry| (entry.id.as_str(), entry.question(), entry.answer.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("memo/oplata", "Оплата", "Картой & наличными."),
            ("memo/manikyur", "Маникюр", "Маникюр: 2\u{a0}500 ₽"),
            (
                "memo/est-rassrochka",
                "Есть рассрочка?",
                "Да:\n• на два месяца"
            ),
        ]
    );
    assert_eq!(read[0].source.to_string(), "memo.docx, paragraph 2");
}

#[test]
fn a_pdf_is_cut_at_what_looks_like_headings() {
    let pages = pdf(&[
        "Памятка\n\nУход за кожей\n\nПосле чистки не загорайте и не хо-\nдите в баню.\n",
        "Можно краситься?\nДа, через сутки.\n",
    ]);
    let read = entries("memo.pdf", pages);
    let told: Vec<(&str, &str, String)> = read
        .iter()
        .map(|entry| {
            (
                entry.question(),
                entry.answer.as_str(),
                entry.source.to_string(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (
                "Уход за кожей",
                "После чистки не загорайте и не ходите в баню.",
                "memo.pdf, page 1".to_owned()
            ),
            (
                "Можно краситься?",
                "Да, через сутки.",
                "memo.pdf, page 2".to_owned()
            ),
        ]
    );
}

#[test]
fn a_document_is_what_is_in_it_and_not_what_it_is_called() {
    assert_eq!(
        entries("memo.md", pdf(&["Чай есть всегда."]))[0].answer,
        "Чай есть всегда."
    );
    let page = "<!DOCTYPE html><h1>Чай</h1><p>Есть.</p>";
    assert_eq!(entries("page.txt", page)[0].answer, "Есть.");
    let said = Material {
        page: true,
        ..material("https://salon.example/faq", "<h1>Чай</h1><p>Есть.</p>")
    };
    assert_eq!(read(said).unwrap().entries[0].id, "salon-example-faq/chay");
}

#[test]
fn a_page_in_an_old_encoding_is_read_as_it_says() {
    let page = "<html><meta charset=windows-1251><p>Ёлка до января.</p>";
    let bytes = encoding_rs::WINDOWS_1251.encode(page).0.into_owned();
    assert_eq!(entries("page.html", bytes)[0].answer, "Ёлка до января.");
}

#[test]
fn what_cannot_be_read_is_told_with_its_file() {
    let cfb = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    let name: Vec<u8> = "EncryptedPackage"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let locked = "<< /Filter /Standard /V 2 /R 3 /Length 128 /P -4 /O (0123456789012345678901234567890a) \
                  /U (0123456789012345678901234567890b) >>";
    let locked_pdf = String::from_utf8(pdf(&["Чай"])).unwrap().replace(
        "/Root 1 0 R",
        &format!("/Root 1 0 R /ID [(a) (b)] /Encrypt {locked}"),
    );
    for (bytes, file, why) in [
        (b"".to_vec(), "a.md", "is empty"),
        (vec![b'x'; 33 << 20], "a.md", "is larger than 32 MiB"),
        (
            [b"question,answer\n".to_vec(), b"a,b\n".repeat(20_001)].concat(),
            "a.csv",
            "has more than 20,000 entries",
        ),
        (b"x".to_vec(), "a.exe", "is no kind of document"),
        (b"x".to_vec(), "a.pdf", "it is not what its name says"),
        (vec![0xff, 0, 1, 2, 3, 4, 5, 6], "a.md", "is no text"),
        (cfb.clone(), "a.xlsx", "is of an old format"),
        ([cfb, name].concat(), "a.docx", "is encrypted"),
        (locked_pdf.into_bytes(), "a.pdf", "is encrypted"),
        (package(&[("a.txt", "x")]), "a.docx", "is an archive"),
        (
            package(&[("word/document.xml", "<w:p><")]),
            "a.docx",
            "is broken",
        ),
        (docx("")[..200].to_vec(), "a.docx", "is broken"),
        (docx(""), "a.docx", "has no text"),
        (pdf(&[""]), "a.pdf", "has no text (hint: is it a scan?"),
        (
            b"<html><script>render()</script>".to_vec(),
            "a.html",
            "has no text",
        ),
        (b"%PDF-1.7\n".to_vec(), "a.pdf", "is broken"),
    ] {
        let told = wrong(file, bytes);
        assert!(
            told.starts_with(file) && told.contains(why),
            "{why}: {told}"
        );
    }
}

#[test]
fn a_pdf_that_draws_itself_is_refused_before_its_reader_falls() {
    let bytes = pdf_of(&[
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [0 0 600 800] >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /XObject << /X 5 0 R >> >> >>"
            .to_owned(),
        stream("", "/X Do"),
        stream(
            "/Type /XObject /Subtype /Form /BBox [0 0 1 1] /Resources << /XObject << /X 5 0 R >> >>",
            "/X Do",
        ),
    ]);
    assert!(wrong("a.pdf", bytes).contains("a.pdf, page 1: error: draws itself"));
}

#[test]
fn entries_without_a_name_get_one_that_stays() {
    let text = "# О нас\n\nРаз.\n\n# О нас\n\nДва.\n\n# Чай {#o-nas}\n\nТри.\n";
    let ids = |text: &str| -> Vec<String> {
        entries("dir/salon.md", text)
            .into_iter()
            .map(|entry| entry.id)
            .collect()
    };
    assert_eq!(ids(text), ["salon/o-nas", "salon/o-nas-2", "o-nas"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_break_any_reader(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        ending in proptest::sample::select(ENDINGS.to_vec()),
        begin in proptest::sample::select(vec!["", "%PDF-1.7\n", "PK\x03\x04", "<html>", "question,answer\n", "---\n"]),
    ) {
        let all = [begin.as_bytes(), &bytes].concat();
        if let Ok(reading) = read(material(&format!("a.{ending}"), all)) {
            for entry in reading.entries {
                prop_assert!(!entry.id.is_empty() && !entry.questions.is_empty());
            }
        }
    }

    #[test]
    fn no_text_breaks_the_readers_of_text(
        text in "(\\PC|\n|<[a-z]{1,8}>|# |\\? |;|\\|){0,200}",
        ending in proptest::sample::select(vec!["md", "csv", "txt", "html"]),
    ) {
        let read = read(material(&format!("a.{ending}"), text.clone()));
        let lines = text.lines().count() + 1;
        match read {
            Ok(reading) => for entry in reading.entries {
                prop_assert!(entry.source.line <= lines && !entry.answer.is_empty());
            },
            Err(problems) => for problem in problems {
                prop_assert!(problem.line <= lines, "{}", problem);
            },
        }
    }
}
