//! The emulators through their front doors.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers included"
)]

mod bitrix24;
mod bitrix24_trouble;
mod control;
mod sms;
mod support;
mod telegram;
mod whatsapp;
