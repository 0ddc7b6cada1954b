//! Web pages: what stands in the middle of them, without navigation and scripts; questions as they are marked.

mod marked;
mod tree;

use ego_tree::iter::Edge;
use ego_tree::{NodeId, NodeRef};
use scraper::node::Element;
use scraper::{Html, Node};
use serde_json::Value;

use super::blocks::{Block, Placed};
use super::text::tidy;
use tree::{
    FRAME, PARTING, child, has, is_named, is_question, is_too_deep, is_unseen, letters, lines_of,
    rows,
};

/// What a page holds.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Its title, or empty.
    pub(super) title: String,
    pub(super) blocks: Vec<Placed>,
    /// Where it leads, as written.
    pub(super) links: Vec<String>,
    /// Whether it asks not to be kept.
    pub(super) noindex: bool,
    /// Whether it asks not to follow its links.
    pub(super) nofollow: bool,
}

/// Reads a page; none when it is nested deeper than any page that people read.
pub(super) fn page(text: &str) -> Option<Page> {
    if is_too_deep(text) {
        return None;
    }
    let html = Html::parse_document(text);
    let mut page = Page::default();
    let mut data = Vec::new();
    for node in html.tree.root().descendants() {
        let Some(element) = node.value().as_element() else {
            continue;
        };
        match element.name() {
            "title" if page.title.is_empty() => page.title = tidy(&lines_of(node, None)),
            "meta" if is_named(element, "name", "robots") => {
                let said = element.attr("content").unwrap_or_default().to_lowercase();
                let says = |what: &str| said.split(',').any(|one| one.trim() == what);
                page.noindex |= says("noindex") || says("none");
                page.nofollow |= says("nofollow") || says("none");
            }
            "a" if !is_named(element, "rel", "nofollow") => {
                page.links.extend(element.attr("href").map(str::to_owned));
            }
            "script" if is_named(element, "type", "application/ld+json") => {
                let written: String = node
                    .children()
                    .filter_map(|child| child.value().as_text().map(|text| text.to_string()))
                    .collect();
                data.extend(serde_json::from_str::<Value>(&written));
            }
            _ => {}
        }
    }
    let (root, inside) = content(&html);
    let mut walk = Walk {
        inside,
        ..Walk::default()
    };
    walk.take(root);
    page.blocks = walk.blocks;
    marked::add_questions(&data, &mut page.blocks);
    Some(page)
}

/// Where the content of a page stands, and whether that is more than its body.
fn content(html: &Html) -> (NodeRef<'_, Node>, bool) {
    let root = html.tree.root();
    let find = |fits: &dyn Fn(&Element) -> bool| {
        let mut found = root
            .descendants()
            .filter(|node| node.value().as_element().is_some_and(fits));
        let first = found.next();
        (first, found.next().is_none())
    };
    if let (Some(main), _) =
        find(&|element| element.name() == "main" || is_named(element, "role", "main"))
    {
        return (main, true);
    }
    if let (Some(article), true) = find(&|element| element.name() == "article") {
        return (article, true);
    }
    let (body, _) = find(&|element| element.name() == "body");
    (body.unwrap_or(root), false)
}

/// A page on the way through it.
#[derive(Default)]
struct Walk {
    blocks: Vec<Placed>,
    /// Whether everything here is content.
    inside: bool,
    /// The paragraph so far, and how many letters of it lead elsewhere.
    text: String,
    linked: usize,
    in_link: bool,
    heading: Option<u8>,
    item: bool,
    anchor: Option<String>,
    /// What is passed over until it ends.
    passing: Option<NodeId>,
}

impl Walk {
    fn take(&mut self, root: NodeRef<'_, Node>) {
        for edge in root.traverse() {
            match edge {
                Edge::Open(node) if self.passing.is_none() => self.open(node),
                Edge::Close(node) if self.passing == Some(node.id()) => self.passing = None,
                Edge::Close(node) if self.passing.is_none() => self.close(node),
                _ => {}
            }
        }
        self.flush();
    }

    fn open(&mut self, node: NodeRef<'_, Node>) {
        if let Some(text) = node.value().as_text() {
            self.text.push_str(text);
            self.linked += if self.in_link { letters(text) } else { 0 };
        }
        let Some(element) = node.value().as_element() else {
            return;
        };
        let name = element.name();
        if is_unseen(element) || (!self.inside && FRAME.contains(&name)) {
            self.passing = Some(node.id());
            return;
        }
        if !PARTING.contains(&name) && !is_question(element) {
            if name == "a" {
                self.anchor_of(element, "name");
                // A phone or a mail box is what people look for.
                let leads = |to: &str| !to.starts_with("tel:") && !to.starts_with("mailto:");
                self.in_link = element.attr("href").is_some_and(leads);
            }
            return;
        }
        self.flush();
        self.anchor_of(element, "id");
        match name {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.heading = name.as_bytes().get(1).map(|digit| digit - b'0');
            }
            "li" => self.item = true,
            "table" if !has(node, "table") => {
                let rows = rows(node);
                // A table of one column, or one row, puts things in their place and is no table.
                if rows.len() > 1 && rows.iter().any(|row| row.len() > 1) {
                    self.place(Block::Table(rows));
                    self.passing = Some(node.id());
                }
            }
            "details" => self.asked(
                node,
                child(node, &|element| element.name() == "summary"),
                None,
            ),
            _ if is_question(element) => {
                let part = |name: &'static str| {
                    child(node, &move |element: &Element| {
                        is_named(element, "itemprop", name)
                    })
                };
                self.asked(node, part("name"), part("text"));
            }
            _ => {}
        }
    }

    /// A question and its answer (where that is not marked, all but the question).
    fn asked(
        &mut self,
        node: NodeRef<'_, Node>,
        question: Option<NodeRef<'_, Node>>,
        answer: Option<NodeRef<'_, Node>>,
    ) {
        let Some(question) = question else {
            return;
        };
        let answer = match answer {
            Some(answer) => lines_of(answer, None),
            None => lines_of(node, Some(question.id())),
        };
        let question = tidy(&lines_of(question, None));
        if !question.is_empty() && !answer.is_empty() {
            self.place(Block::Asked(question, answer));
            self.passing = Some(node.id());
        }
    }

    fn close(&mut self, node: NodeRef<'_, Node>) {
        let Some(element) = node.value().as_element() else {
            return;
        };
        match element.name() {
            "a" => self.in_link = false,
            // What a button does is of no use in a chat; a question on one opens its answer.
            "button" if self.heading.is_none() && !self.text.trim_end().ends_with('?') => {
                self.text.clear();
            }
            name if PARTING.contains(&name) => self.flush(),
            _ => {}
        }
        if element.name() == "li" {
            self.item = false;
        }
        if matches!(element.name(), "h1" | "h2" | "h3" | "h4" | "h5" | "h6") {
            self.heading = None;
        }
    }

    fn flush(&mut self) {
        let text = tidy(&std::mem::take(&mut self.text));
        let linked = std::mem::take(&mut self.linked);
        // What is nearly all links is a menu, wherever it stands.
        if text.is_empty() || (self.heading.is_none() && linked * 10 > letters(&text) * 8) {
            return;
        }
        let block = match (self.heading, self.item) {
            (Some(level), _) => Block::Heading(level, text),
            (None, true) => Block::Item(text),
            (None, false) => Block::Paragraph(text),
        };
        self.place(block);
    }

    fn place(&mut self, block: Block) {
        self.blocks.push(Placed {
            block,
            line: 0,
            part: self.anchor.clone(),
        });
    }

    fn anchor_of(&mut self, element: &Element, attribute: &str) {
        let name = element.attr(attribute).filter(|name| {
            !name.is_empty() && name.len() <= 100 && !name.contains(char::is_whitespace)
        });
        if let Some(name) = name {
            self.anchor = Some(format!("#{name}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::blocks;
    use super::*;

    fn read(text: &str) -> Vec<(String, String, Option<String>)> {
        let page = page(text).unwrap();
        blocks::entries("https://salon.example/", &page.title, page.blocks)
            .into_iter()
            .map(|entry| (entry.questions[0].clone(), entry.answer, entry.source.part))
            .collect()
    }

    fn entry(title: &str, answer: &str, part: Option<&str>) -> (String, String, Option<String>) {
        (title.to_owned(), answer.to_owned(), part.map(str::to_owned))
    }

    #[test]
    fn the_content_is_read_and_what_stands_around_it_is_not() {
        let text = "<html><head><title>Салон</title><style>p{}</style></head><body>\
            <header><p>Меню</p></header><nav><a href='/a'>О нас</a></nav>\
            <div class='cookie-banner'>Мы едим печенье</div>\
            <h2 id='care'>Уход</h2><p>Не мойте <b>сутки</b>.<br>Не грейте.</p><ul><li>крем<li>вода</ul>\
            <script>alert(1)</script><footer>ООО</footer></body></html>";
        assert_eq!(
            read(text),
            [entry(
                "Уход",
                "Не мойте сутки.\n\nНе грейте.\n• крем\n• вода",
                Some("#care")
            )]
        );
    }

    #[test]
    fn questions_are_found_however_they_are_marked() {
        let text = r#"<main><header><h1>Вопросы</h1></header>
            <details><summary>Есть чай?</summary><p>Да.</p><p>И кофе.</p></details>
            <div itemscope itemtype="https://schema.org/Question"><h3 itemprop="name">Есть лифт?</h3>
              <div itemprop="acceptedAnswer"><div itemprop="text">Нет.</div></div></div>
            <button>Можно с собакой?</button><div hidden>Да, с небольшой.</div><button>Закрыть</button></main>
            <script type="application/ld+json">{"@context":"https://schema.org","@graph":[{"@type":"FAQPage",
              "mainEntity":[{"@type":"Question","name":"Есть чай?","acceptedAnswer":{"@type":"Answer","text":"Да."}},
              {"@type":"Question","name":"Есть &laquo;Мир&raquo;?","acceptedAnswer":[{"text":"<p>Да, &nbsp;<b>картой</b>.</p>"}]}]}]}
            </script>"#;
        assert_eq!(
            read(text),
            [
                entry("Есть чай?", "Да.\nИ кофе.", None),
                entry("Есть лифт?", "Нет.", None),
                entry("Есть «Мир»?", "Да, картой.", None),
                entry("Можно с собакой?", "Да, с небольшой.", None),
            ]
        );
    }

    #[test]
    fn tables_of_prices_are_price_lists() {
        let text = "<table><tr><th>Услуга<th>Цена, руб.<tr><td>Маникюр<td>2500<tr><td>Педикюр<td>3000</table>\
            <table><tr><td><h2>О нас</h2><p>С 2010 года.</p></td></tr></table>";
        let read = read(text);
        assert_eq!(read[0].1, "Маникюр: 2\u{a0}500 ₽");
        assert_eq!(read[2], entry("О нас", "С 2010 года.", None));
    }

    #[test]
    fn robots_are_heard() {
        let page =
            page("<meta name='ROBOTS' content='noindex, nofollow'><a href='/x'>x</a>").unwrap();
        assert!(page.noindex && page.nofollow);
        assert_eq!(page.links, ["/x"]);
    }

    #[test]
    fn a_page_nested_without_end_is_refused() {
        let deep = |depth| "<div>".repeat(depth) + "Дно.";
        assert_eq!(read(&deep(200))[0].1, "Дно.");
        assert!(page(&deep(100_000)).is_none());
        let flat = "<div><p>Раз<br></div>".repeat(10_000);
        assert!(!is_too_deep(&flat));
        let script = format!("<script>{}</script><p>Тут.</p>", "if(a<b)".repeat(10_000));
        assert!(!is_too_deep(&script));
        assert!(!is_too_deep(&"<path d='M0 0'/>".repeat(10_000)));
        assert!(is_too_deep(&"<div/>".repeat(10_000)));
        assert!(is_too_deep(&(script + &"<b>".repeat(10_000))));
    }
}
