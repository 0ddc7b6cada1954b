//! The elements of a page: which of them are read, and what they say.

use ego_tree::iter::Edge;
use ego_tree::{NodeId, NodeRef};
use scraper::Node;
use scraper::node::Element;

use super::super::text::tidy;

/// Nobody reads what stands in these.
const UNSEEN: &[&str] = &[
    "script", "style", "noscript", "template", "svg", "iframe", "nav", "aside", "form", "select",
    "textarea", "dialog", "canvas", "video", "audio", "object", "head",
];
/// Over and under the content of a page, unless inside of it.
pub(super) const FRAME: &[&str] = &["header", "footer"];
/// Elements that begin and end a paragraph.
pub(super) const PARTING: &[&str] = &[
    "address",
    "article",
    "blockquote",
    "body",
    "br",
    "button",
    "caption",
    "center",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "label",
    "legend",
    "li",
    "main",
    "ol",
    "p",
    "pre",
    "section",
    "summary",
    "table",
    "td",
    "th",
    "tr",
    "ul",
];
/// Roles of what stands around the content.
const ROLES: &[&str] = &[
    "navigation",
    "banner",
    "contentinfo",
    "search",
    "dialog",
    "alertdialog",
    "menu",
];

/// Elements that stand alone, or end without saying so.
const UNENDED: &[&str] = &[
    "area", "base", "br", "col", "dd", "dt", "embed", "hr", "img", "input", "li", "link", "meta",
    "option", "p", "param", "source", "tbody", "td", "th", "thead", "tr", "track", "wbr",
];
/// Elements whose text is not markup.
const RAW: [&str; 4] = ["script", "style", "textarea", "title"];
/// How deep elements may stand in each other: its parser goes up from each to the top.
const DEEPEST: usize = 2_000;

/// Whether far more elements begin than end, at some place.
pub(super) fn is_too_deep(text: &str) -> bool {
    let mut depth = 0_usize;
    // What stands in these is no markup, however much of it looks so.
    let mut raw: Option<&str> = None;
    for tag in text.split('<').skip(1) {
        let ends = tag.starts_with('/');
        let name = tag.strip_prefix('/').unwrap_or(tag);
        let end = name.find(|c: char| !c.is_ascii_alphanumeric());
        let name = name[..end.unwrap_or(name.len())].to_ascii_lowercase();
        if let Some(opened) = raw {
            if ends && name == opened {
                raw = None;
            }
            continue;
        }
        // Drawings are full of elements that end where they begin; those of HTML never do.
        let closed = tag.split('>').next().is_some_and(|tag| tag.ends_with('/'));
        let alone =
            UNENDED.contains(&name.as_str()) || (closed && !PARTING.contains(&name.as_str()));
        if name.is_empty() || alone {
            continue;
        }
        raw = RAW.into_iter().find(|raw| !ends && *raw == name);
        if raw.is_none() {
            depth = if ends {
                depth.saturating_sub(1)
            } else {
                depth + 1
            };
        }
        if depth > DEEPEST {
            return true;
        }
    }
    false
}

pub(super) fn is_named(element: &Element, attribute: &str, name: &str) -> bool {
    let value = element.attr(attribute).unwrap_or_default();
    value
        .split_whitespace()
        .any(|word| word.eq_ignore_ascii_case(name))
}

pub(super) fn letters(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

pub(super) fn is_unseen(element: &Element) -> bool {
    let name = element.name();
    let around = element
        .attr("role")
        .is_some_and(|role| ROLES.contains(&role.trim()));
    let named = |part: &str| {
        element.classes().any(|class| class.contains(part))
            || element.id().is_some_and(|id| id.contains(part))
    };
    // The body of a page may be named after what it can show.
    let asks =
        !matches!(name, "html" | "body" | "main") && (named("cookie") || named("breadcrumb"));
    UNSEEN.contains(&name) || around || asks
}

pub(super) fn is_question(element: &Element) -> bool {
    element
        .attr("itemtype")
        .is_some_and(|kind| kind.trim_end_matches('/').ends_with("schema.org/Question"))
}

pub(super) fn has(node: NodeRef<'_, Node>, name: &str) -> bool {
    let mut below = node.descendants().skip(1);
    below.any(|node| node.value().as_element().is_some_and(|e| e.name() == name))
}

pub(super) fn child<'a>(
    node: NodeRef<'a, Node>,
    fits: &dyn Fn(&Element) -> bool,
) -> Option<NodeRef<'a, Node>> {
    let mut below = node.descendants().skip(1);
    below.find(|node| node.value().as_element().is_some_and(fits))
}

/// The cells of a table, row by row.
pub(super) fn rows(table: NodeRef<'_, Node>) -> Vec<Vec<String>> {
    let named = |node: &NodeRef<'_, Node>, names: &[&str]| {
        node.value()
            .as_element()
            .is_some_and(|element| names.contains(&element.name()))
    };
    let rows = table.descendants().filter(|node| named(node, &["tr"]));
    let cells = |row: NodeRef<'_, Node>| {
        let cells = row.children().filter(|node| named(node, &["td", "th"]));
        cells.map(|cell| lines_of(cell, None)).collect()
    };
    rows.map(cells).collect()
}

/// The text below a node, without a part of it, in lines where paragraphs part.
pub(super) fn lines_of(root: NodeRef<'_, Node>, without: Option<NodeId>) -> String {
    let mut text = String::new();
    let mut passing = None;
    for edge in root.traverse() {
        match edge {
            Edge::Open(node) if passing.is_none() => {
                let element = node.value().as_element();
                if Some(node.id()) == without || element.is_some_and(is_unseen) {
                    passing = Some(node.id());
                } else if let Some(written) = node.value().as_text() {
                    text.extend(written.chars().map(|c| if c == '\n' { ' ' } else { c }));
                } else if let Some(name) = element.map(Element::name) {
                    text.push_str(match name {
                        "li" => "\n• ",
                        name if PARTING.contains(&name) => "\n",
                        _ => "",
                    });
                }
            }
            Edge::Close(node) if passing == Some(node.id()) => passing = None,
            Edge::Close(node) if passing.is_none() => {
                let element = node.value().as_element();
                if element.is_some_and(|element| PARTING.contains(&element.name())) {
                    text.push('\n');
                }
            }
            _ => {}
        }
    }
    let lines = text.lines().map(tidy);
    let lines: Vec<String> = lines
        .filter(|line| !matches!(line.as_str(), "" | "•"))
        .collect();
    lines.join("\n")
}
