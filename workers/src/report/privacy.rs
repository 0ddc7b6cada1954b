//! Texts of customers for eyes that need not know whose they are.

use std::collections::HashSet;

use crate::business::Business;
use crate::llm::Mask;
use crate::understand::{Meaning, Understander, is_given_name};
use crate::words::{folded, stem, tokens};

/// Hides who a text is about: numbers, addresses and names of customers. The firm's own people stay.
#[derive(Debug)]
pub struct Privacy<'a> {
    understander: &'a Understander,
    /// The stems of the names of the firm's people.
    people: HashSet<String>,
}

impl<'a> Privacy<'a> {
    /// For the customers of a firm.
    pub fn new(business: &Business, understander: &'a Understander) -> Self {
        let names = business.staff.iter().map(|person| &person.name);
        let names = names.flat_map(|name| std::iter::once(&name.ru).chain(&name.en));
        let stems = |name: &String| stems(name).collect::<Vec<_>>();
        Self {
            understander,
            people: names.flat_map(stems).collect(),
        }
    }

    /// A text without what would tell whose it is; `customer` is the name that the messenger shows.
    pub fn hide(&self, text: &str, customer: Option<&str>) -> String {
        let mut names = handles(text);
        names.extend(self.names(text));
        names.extend(customer.map(str::to_owned));
        Mask::new(names.iter().map(String::as_str)).hide(text)
    }

    fn names(&self, text: &str) -> Vec<String> {
        let entities = self.understander.understand(text).entities;
        let told = entities
            .iter()
            .filter(|entity| matches!(entity.meaning, Meaning::Name(_)))
            .flat_map(|entity| words(&entity.text));
        let written = words(text).filter(|word| {
            word.chars().next().is_some_and(char::is_uppercase) && is_given_name(&folded(word))
        });
        let of_customers =
            |word: &&str| !stems(word).any(|stem| self.people.contains(stem.as_str()));
        let names = told.chain(written).filter(of_customers);
        names.map(str::to_owned).collect()
    }
}

fn stems(text: &str) -> impl Iterator<Item = String> {
    let folded = folded(text);
    let stems: Vec<String> = tokens(&folded)
        .map(|token| stem(token).into_owned())
        .collect();
    stems.into_iter()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
}

/// The words of names after an `@`, as messengers give them.
fn handles(text: &str) -> Vec<String> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let after = text.split('@').skip(1);
    let handles = after.filter_map(|rest| rest.split(|c| !part(c)).next());
    handles.flat_map(words).map(str::to_owned).collect()
}
