//! What every store promises.

mod attachments;
mod book;
mod crm;
mod crm_tokens;
mod drafts;
mod experiments;
mod feeds;
mod inbox;
mod knowledge;
mod kpi;
mod ledger;
mod migrations;
mod model;
mod ownership;
mod privacy;
mod quality;
mod reminders;
mod rest;
mod retention;
mod search;
mod staff;
mod story;
mod trouble;
mod waiting;
mod year;
