//! What needs more than one part of the program: real engines, real servers, faults.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on fails"
)]

mod backup;
mod browser;
mod cli;
mod conformance;
mod crm;
mod faults;
mod fence;
mod fuzz;
mod journeys;
mod scale;
mod support;
mod warehouse;
