//! Strict emulators of the messengers and of a language model, and the demo page.
#![doc = include_str!("../README.md")]

mod calls;
mod config;
mod control;
mod faults;
mod llm;
mod page;
mod sandbox;
mod server;
mod sms;
mod telegram;
mod time;
mod transcript;
mod whatsapp;
mod world;

pub use calls::{Call, CallFilter, Provider};
pub use config::{
    Flavour, Page, SandboxConfig, StaffChat, TelegramBot, WhatsAppNumber, WhatsAppTemplate,
};
pub use faults::{Fault, FaultKind};
pub use llm::Script;
pub use sandbox::{ControlError, Sandbox, start};
pub use telegram::people::{BusinessText, FileKind, TelegramAction, TelegramRequest};
pub use time::{Goal, Move};
pub use transcript::{Button, Line};
pub use whatsapp::people::{WhatsAppAction, WhatsAppCustomer, WhatsAppRequest};
pub use whatsapp::webhook::{Mode as WebhookMode, Post as WebhookPost};
