//! What every store promises.

mod book;
mod crm;
mod crm_tokens;
mod drafts;
mod feeds;
mod inbox;
mod knowledge;
mod ledger;
mod migrations;
mod model;
mod ownership;
mod privacy;
mod reminders;
mod rest;
mod retention;
mod staff;
mod story;
mod trouble;
mod waiting;
