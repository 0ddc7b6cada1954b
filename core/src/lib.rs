#![doc = include_str!("../README.md")]

pub mod board;
pub mod broker;
pub mod causes;
pub mod clock;
pub mod config;
pub mod crash;
mod data_dir;
pub mod erasure;
pub mod event;
pub mod files;
pub mod hush;
pub mod ids;
pub mod intake;
pub mod lanes;
pub mod measure;
pub mod message;
pub mod retention;
pub mod seal;
pub mod session;
pub mod sessions;
pub mod store;
pub mod trace;
mod writer;

pub use causes::causes;
pub use clock::Clock;
