//! What every store promises.

mod ledger;
mod ownership;
mod rest;
mod trouble;
