//! The promises of each seam, held against every engine behind it.

mod ahead;
mod book_ground;
mod book_races;
mod broker;
mod broker_ground;
mod kill;
mod lanes;
mod rabbit;
mod sessions;
mod store;
mod store_ground;
mod store_races;
