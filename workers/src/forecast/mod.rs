//! What lies ahead of the firm: how full the next two weeks are, what they bring, whom it may lose.
//!
//! [`History`] is read from the book; [`forecast()`] and [`no_shows`] are pure functions of it, [`stalled()`] looks
//! through dialogues and enquiries. Simple statistics, each with how well it did: `docs/forecast.md` explains them.

mod demand;
mod history;
mod missed;
mod stalled;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use zapis_core::store::{Store, StoreError};

pub use demand::{
    BackTest, DayAhead, Errors, Forecast, GroupAhead, LEAST, Lacking, Outlook, Range, forecast,
};
pub use history::{AHEAD, Coming, History, OpenDays, Stay};
pub use missed::{
    Action, AtRisk, Because, Brier, Factor, LEAST_MARKED, LEAST_OF_EACH, Model, NoShows, Record,
    Risk, back_test, no_shows,
};
pub use stalled::{Advice, Stalled, Wanted, Why, stalled};

use crate::book::Wish;

/// How many who wait for a time are looked at.
const WAITING: u32 = 1_000;

/// Services that somebody waits for.
pub async fn waited(store: &Store) -> Result<BTreeSet<String>, StoreError> {
    let waiting = store.waiting(WAITING).await?;
    let wishes = waiting.iter().filter_map(Wish::of);
    Ok(wishes
        .flat_map(|wish| wish.items)
        .map(|item| item.service)
        .collect())
}
