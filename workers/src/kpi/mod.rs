//! Figures that an owner can trust: what the journal comes to, dialogue by dialogue and visit by visit.
//!
//! [`Follower`] reads the journal in its order, once, and keeps one row for each dialogue and each visit; [`figures`]
//! counts from these rows. `docs/kpi.md` has every definition. Counted anew from the raw events the rows are the same.

pub mod bands;
mod dialogue;
pub mod figures;
mod follow;
pub mod review;
pub mod targets;
mod visit;
pub mod worst;

#[cfg(test)]
mod tests;

pub use dialogue::Dialogue;
pub(crate) use follow::read;
pub use follow::{FollowError, Follower, recount};
pub use visit::Visit;
