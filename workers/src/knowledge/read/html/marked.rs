//! Questions that a page tells search engines of: `FAQPage` of schema.org, as JSON-LD.

use std::collections::BTreeSet;

use scraper::Html;
use serde_json::Value;

use super::super::blocks::{Block, Placed};
use super::super::text::tidy;
use super::tree::lines_of;
use crate::words::folded;

/// Adds the questions that do not stand in the page anyway.
pub(super) fn add_questions(data: &[Value], blocks: &mut Vec<Placed>) {
    let mut known: BTreeSet<String> = blocks
        .iter()
        .filter_map(|placed| match &placed.block {
            Block::Heading(_, text) | Block::Paragraph(text) | Block::Asked(text, _) => {
                Some(folded(text))
            }
            _ => None,
        })
        .collect();
    let mut waiting: Vec<&Value> = data.iter().rev().collect();
    while let Some(value) = waiting.pop() {
        match value {
            Value::Array(items) => waiting.extend(items.iter().rev()),
            Value::Object(fields) if is_typed(value, "Question") => {
                let words = |value: &Value| {
                    let text = value.as_str().unwrap_or_default();
                    lines_of(Html::parse_fragment(text).tree.root(), None)
                };
                let question = tidy(&words(fields.get("name").unwrap_or(&Value::Null)));
                let answer = fields.get("acceptedAnswer").unwrap_or(&Value::Null);
                let answer = answer.get(0).unwrap_or(answer);
                let answer = words(answer.get("text").unwrap_or(&Value::Null));
                if !question.is_empty() && !answer.is_empty() && known.insert(folded(&question)) {
                    blocks.push(Placed {
                        block: Block::Asked(question, answer),
                        line: 0,
                        part: None,
                    });
                }
            }
            Value::Object(fields) => waiting.extend(fields.values()),
            _ => {}
        }
    }
}

fn is_typed(value: &Value, name: &str) -> bool {
    match value.get("@type") {
        Some(Value::String(kind)) => kind == name,
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == name),
        _ => false,
    }
}
