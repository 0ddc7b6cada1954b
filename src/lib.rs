//! The binary's parts: command line, configuration, wiring.

pub mod app;
mod bench;
pub mod calendars;
pub mod cli;
pub mod client;
pub mod commands;
pub mod config;
pub mod control;
pub mod crm_events;
pub mod feed;
pub mod gateway;
pub mod lifecycle;
pub mod output;
pub mod probes;
pub mod scratch;
pub mod telemetry;
pub mod warehouse;
