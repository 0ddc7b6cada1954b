//! What every store promises.

mod ledger;
mod model;
mod ownership;
mod rest;
mod trouble;
