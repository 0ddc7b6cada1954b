//! Small documents, made by hand, for tests.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// An archive with these files.
pub(crate) fn package(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, text) in files {
        archive.start_file(*name, options).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A Word document with this body; the style `a1` is a heading of a Russian Word, `a2` is based on it.
pub(crate) fn docx(body: &str) -> Vec<u8> {
    let space = r#"xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main""#;
    let styles = format!(
        r#"<w:styles {space}><w:style w:styleId="a1"><w:name w:val="heading 1"/></w:style>
        <w:style w:styleId="a2"><w:name w:val="Мой стиль"/><w:basedOn w:val="a1"/></w:style></w:styles>"#
    );
    let document = format!("<w:document {space}><w:body>{body}</w:body></w:document>");
    package(&[
        ("[Content_Types].xml", "<Types/>"),
        ("word/styles.xml", &styles),
        ("word/document.xml", &document),
    ])
}

/// A paragraph of a Word document, in a style where one is named.
pub(crate) fn paragraph(style: &str, text: &str) -> String {
    let style = match style {
        "" => String::new(),
        "list" => "<w:pPr><w:numPr/></w:pPr>".to_owned(),
        style => format!(r#"<w:pPr><w:pStyle w:val="{style}"/></w:pPr>"#),
    };
    format!("<w:p>{style}<w:r><w:t>{text}</w:t></w:r></w:p>")
}

/// A PDF of these pages; an empty line parts paragraphs.
pub(crate) fn pdf(pages: &[&str]) -> Vec<u8> {
    let kids: Vec<String> = (0..pages.len())
        .map(|n| format!("{} 0 R", 7 + n * 2))
        .collect();
    let map = "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n\
        1 begincodespacerange <0000> <FFFF> endcodespacerange\n\
        2 beginbfrange <0020> <007E> <0020> <0400> <04FF> <0400> endbfrange\n\
        endcmap end end";
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!(
            "<< /Type /Pages /Kids [{}] /Count {} /MediaBox [0 0 600 800] \
             /Resources << /Font << /F1 3 0 R >> >> >>",
            kids.join(" "),
            pages.len()
        ),
        "<< /Type /Font /Subtype /Type0 /BaseFont /A /Encoding /Identity-H /DescendantFonts [4 0 R] \
         /ToUnicode 6 0 R >>"
            .to_owned(),
        "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /A /DW 500 /FontDescriptor 5 0 R \
         /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>"
            .to_owned(),
        "<< /Type /FontDescriptor /FontName /A /Flags 4 >>".to_owned(),
        stream("", map),
    ];
    for (n, page) in pages.iter().enumerate() {
        let mut content = "BT /F1 10 Tf 50 750 Td\n".to_owned();
        for line in page.lines() {
            content.push('<');
            for unit in line.encode_utf16() {
                write!(content, "{unit:04X}").unwrap();
            }
            content.push_str("> Tj 0 -12 Td\n");
        }
        content.push_str("ET");
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /Contents {} 0 R >>",
            8 + n * 2
        ));
        objects.push(stream("", &content));
    }
    pdf_of(&objects)
}

/// A stream with something in its dictionary.
pub(crate) fn stream(says: &str, content: &str) -> String {
    format!(
        "<< {says} /Length {} >>\nstream\n{content}\nendstream",
        content.len()
    )
}

/// A PDF of these objects, the first one its catalogue.
pub(crate) fn pdf_of(objects: &[String]) -> Vec<u8> {
    let mut text = "%PDF-1.7\n".to_owned();
    let mut places = Vec::new();
    for (n, object) in objects.iter().enumerate() {
        places.push(text.len());
        write!(text, "{} 0 obj\n{object}\nendobj\n", n + 1).unwrap();
    }
    let table = text.len();
    write!(text, "xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).unwrap();
    for place in places {
        writeln!(text, "{place:010} 00000 n ").unwrap();
    }
    let size = objects.len() + 1;
    write!(
        text,
        "trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n"
    )
    .unwrap();
    text.into_bytes()
}
