//! Updates of all kinds, and whole bots against an emulated Telegram on the embedded engines.

mod files;
mod fixtures;
mod polling;
mod sending;
mod staff;
mod support;
mod updates;
mod webhook;
