//! Strict emulators of the messengers, of a CRM and of a language model, and the demo page.
#![doc = include_str!("../README.md")]

mod bitrix24;
mod calls;
mod config;
mod control;
mod faults;
mod llm;
mod page;
mod s3;
pub mod samples;
mod sandbox;
mod server;
mod sms;
mod telegram;
mod time;
mod transcript;
mod whatsapp;
mod world;
pub mod year;

pub use bitrix24::acts::{Bitrix24Action, Bitrix24Request};
pub use bitrix24::config::{
    Bitrix24App, Bitrix24Field, Bitrix24Mode, Bitrix24Outgoing, Bitrix24Portal, Bitrix24User,
    Bitrix24Webhook, Presence,
};
pub use bitrix24::events::Bitrix24Post;
pub use bitrix24::fields::CrmEntity;
pub use bitrix24::view::{CrmComment, CrmItem, CrmMulti, CrmTodo};
pub use calls::{Call, CallFilter, Provider};
pub use config::{
    Flavour, Page, SandboxConfig, StaffChat, TelegramBot, Tls, WhatsAppNumber, WhatsAppTemplate,
};
pub use faults::{Fault, FaultKind};
pub use llm::Script;
pub use s3::{S3, S3_KEY, S3Fault};
pub use sandbox::{ControlError, Sandbox, start};
pub use telegram::people::{BusinessText, FileKind, TelegramAction, TelegramRequest};
pub use time::{Goal, Move};
pub use transcript::{Button, Line};
pub use whatsapp::people::{WhatsAppAction, WhatsAppCustomer, WhatsAppRequest};
pub use whatsapp::webhook::{Mode as WebhookMode, Post as WebhookPost};
