//! The program from outside: the real binary, real servers.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails; the switches for tests do not cover its helpers"
)]

mod cli;
