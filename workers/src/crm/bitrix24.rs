//! Bitrix24, in the cloud or on a server of the firm.
//!
//! An enquiry is a lead where the portal has leads, and a contact with a deal where it has none. There is no
//! uniqueness there: each record of ours has `zapis` as its originator and the enquiry's id as its origin, by
//! which it is looked for before it is made once more.

// Calls.
mod batch;
mod client;
mod config;
pub mod event;
mod limits;
mod oauth;
mod outcome;
mod standing;
#[cfg(test)]
mod tests;
mod transport;
mod wire;

// What is asked for.
mod adapter;
mod cached;
mod card;
mod check;
mod items;
mod managers;
mod names;
mod opening;
mod person;
mod portal;
mod progress;
mod row;
#[cfg(test)]
mod scenes;
mod text;
mod timeline;
mod updating;

pub use adapter::Bitrix24;
use batch::BATCH;
use client::Patience;
pub use client::{Answer, Client};
pub use config::Bitrix24Config;
pub use outcome::FILTER_NOT_ALLOWED;
pub use wire::{Flag, LooseId, LooseMap};

/// What our records are called there: `originatorId`.
const ORIGINATOR: &str = "zapis";
