//! What is done with a message: understanding, decision, answer, staff, journal.

pub mod answer;
pub mod autonomy;
pub mod book;
pub mod business;
pub mod content;
pub mod crm;
pub mod desk;
pub mod dialogue;
pub mod eval;
pub mod experiments;
pub mod feed;
pub mod forecast;
pub mod guard;
pub mod journal;
pub mod knowledge;
pub mod kpi;
pub mod llm;
pub mod notices;
pub mod quality;
pub mod rehearsal;
pub mod remind;
pub mod remind_staff;
pub mod report;
pub mod secretary;
pub mod settings;
pub mod texts;
pub mod understand;
pub mod when;
pub mod words;

mod source_text;
mod statistics;
#[cfg(test)]
mod testing;
