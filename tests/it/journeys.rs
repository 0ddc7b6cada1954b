//! Conversations from end to end: the real binary, its providers emulated, on every set of engines.

mod answers;
mod book_desk;
mod console;
mod console_copilot;
mod console_customers;
mod console_knowledge;
mod console_sheet;
mod crm;
mod days;
mod desk;
mod drafts;
mod erase;
mod feeds;
mod figures;
mod knowledge;
mod models;
mod operator;
mod privacy;
mod reminders;
mod tracing;
mod understanding;
mod vectors;
mod visits;
