//! What is done with a message.

pub mod answer;
pub mod desk;
pub mod journal;
pub mod remind_staff;
