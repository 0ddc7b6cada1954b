//! What is done with a message: understanding, decision, answer, staff, journal.

pub mod business;
pub mod content;
// pub mod dialogue;
pub mod eval;
pub mod knowledge;
pub mod problem;
pub mod texts;
pub mod understand;
pub mod words;

mod source_text;
#[cfg(test)]
mod testing;
