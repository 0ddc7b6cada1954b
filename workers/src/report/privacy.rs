//! Texts of customers for eyes that need not know whose they are.

use crate::llm::Mask;
use crate::understand::{Meaning, Understander, is_given_name};
use crate::words::folded;

/// Hides who a text is about: numbers, addresses and names. Nobody's name is spared, because
/// customers are called like the firm's own people.
#[derive(Debug)]
pub struct Privacy<'a> {
    understander: &'a Understander,
}

impl<'a> Privacy<'a> {
    /// Finds names as the bot does.
    pub fn new(understander: &'a Understander) -> Self {
        Self { understander }
    }

    /// A text without what would tell whose it is; `customer` is the name that the messenger shows.
    pub fn hide(&self, text: &str, customer: Option<&str>) -> String {
        let entities = self.understander.understand(text).entities;
        let told = entities
            .iter()
            .filter(|entity| matches!(entity.meaning, Meaning::Name(_)))
            .flat_map(|entity| words(&entity.text));
        let given = words(text).filter(|word| is_given_name(&folded(word)));
        let names = told.chain(given).chain(handles(text)).chain(customer);
        Mask::new(names).hide(text)
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
}

/// The words of names after an `@`, as messengers give them.
fn handles(text: &str) -> impl Iterator<Item = &str> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let after = text.split('@').skip(1);
    let handles = after.filter_map(move |rest| rest.split(|c| !part(c)).next());
    handles.flat_map(words)
}
