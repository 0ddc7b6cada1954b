//! The vectors of what a customer asks, each by its text.

use std::collections::HashMap;

use super::Said;
use crate::knowledge::{Vector, Vectors};
use crate::llm::Mask;
use crate::understand::Understanding;

/// Vectors by text; none where there are none.
#[derive(Debug, Default)]
pub struct Meanings(HashMap<String, Vector>);

impl Meanings {
    /// Of a message and its parts, without personal data.
    pub(super) async fn ask(
        vectors: &Vectors,
        said: &Said,
        understood: &Understanding,
        mut mask: Mask,
    ) -> Self {
        let mut texts: Vec<&str> = vec![&said.text];
        for part in &understood.parts {
            if !texts.contains(&part.text.as_str()) {
                texts.push(&part.text);
            }
        }
        let masked: Vec<String> = texts.iter().map(|text| mask.hide(text)).collect();
        let masked: Vec<&str> = masked.iter().map(String::as_str).collect();
        let vectors = vectors.of_question(&masked).await.unwrap_or_default();
        let texts = texts.into_iter().map(str::to_owned);
        Self(texts.zip(vectors).collect())
    }

    /// The vector of a text.
    pub fn of(&self, text: &str) -> Option<&[f32]> {
        self.0.get(text).map(AsRef::as_ref)
    }
}
