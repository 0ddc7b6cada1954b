//! What must hold when things break: nothing accepted is lost, nothing is sent twice, order is kept,
//! and nobody has to do anything. A checker judges, from what providers received and what is stored.

pub(crate) mod checker;
pub(crate) mod crowd;
mod kill;
mod outages;
mod race;
