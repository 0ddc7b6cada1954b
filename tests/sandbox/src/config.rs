//! What a sandbox consists of.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc;
use zapis_core::Clock;

use crate::bitrix24::config::Bitrix24Portal;
use crate::time::Move;

/// Everything a sandbox is started with.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The bots that exist in the emulated Telegram.
    pub telegram: Vec<TelegramBot>,
    /// The numbers that exist in the emulated WhatsApp.
    pub whatsapp: Vec<WhatsAppNumber>,
    /// The groups of the staff; every bot is an administrator there.
    pub staff_chats: Vec<StaffChat>,
    /// The key of the SMS gateway; without one it refuses everybody.
    pub sms_api_key: Option<String>,
    /// The key of the language model; without one its routes answer 401.
    pub llm_api_key: Option<String>,
    /// The portal of Bitrix24, if there is one.
    pub bitrix24: Option<Bitrix24Portal>,
    /// Serves everything over TLS too, on a port of its own.
    pub tls: Option<Tls>,
    /// The demo page, if it is to be served.
    pub page: Option<Page>,
    /// Whether the providers' rate limits apply from the start.
    pub limits: bool,
    /// The wait before the second repetition of a webhook; it doubles from there.
    pub webhook_retry: Duration,
    /// The time of the messengers.
    pub clock: Clock,
    /// Who moves that clock, if the product lives by it too; otherwise the sandbox does.
    pub moves: Option<mpsc::Sender<Move>>,
}

impl Default for SandboxConfig {
    /// Empty, on a free port of this machine, with rate limits on.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            telegram: Vec::new(),
            whatsapp: Vec::new(),
            staff_chats: Vec::new(),
            sms_api_key: None,
            llm_api_key: None,
            bitrix24: None,
            tls: None,
            page: None,
            limits: true,
            webhook_retry: Duration::from_secs(1),
            clock: Clock::movable(),
            moves: None,
        }
    }
}

/// A certificate for this machine and its key.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The chain, PEM.
    pub certificate: PathBuf,
    /// The key, PEM.
    pub key: PathBuf,
}

/// A bot.
#[derive(Debug, Clone)]
pub struct TelegramBot {
    /// `<id>:<secret>`, as `@BotFather` gives it.
    pub token: String,
    /// The name without `@`.
    pub username: String,
}

/// A business number.
#[derive(Debug, Clone, Default)]
pub struct WhatsAppNumber {
    /// The id in the path of the API.
    pub phone_number_id: String,
    /// The id of the business account it belongs to.
    pub waba_id: String,
    /// The number customers see, digits only.
    pub display_phone_number: String,
    /// The bearer token, or the `D360-API-KEY`.
    pub access_token: String,
    /// What webhooks are signed with.
    pub app_secret: String,
    /// What the handshake sends.
    pub verify_token: String,
    /// Where events go; without it they wait.
    pub webhook_url: Option<String>,
    /// Extra headers of each webhook, which 360dialog offers in place of a signature.
    pub webhook_headers: Vec<(String, String)>,
    /// Whose interface it has.
    pub flavour: Flavour,
    /// The approved templates.
    pub templates: Vec<WhatsAppTemplate>,
}

/// Whose interface a number has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flavour {
    /// Meta's own.
    #[default]
    Cloud,
    /// The one of 360dialog: other paths, other header, no signature.
    Dialog360,
}

/// A message template.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct WhatsAppTemplate {
    /// Lower-case Latin letters, digits and `_`.
    pub name: String,
    /// For example `ru`.
    pub language: String,
    /// The text, with `{{1}}` or `{{name}}` for its parameters.
    pub body: String,
    /// `UTILITY`, `MARKETING` or `AUTHENTICATION`.
    #[serde(default = "utility")]
    pub category: String,
    /// `APPROVED`, `PENDING`, `REJECTED`, `PAUSED` or `DISABLED`.
    #[serde(default = "approved")]
    pub status: String,
    /// The titles of its quick-reply buttons.
    #[serde(default)]
    pub buttons: Vec<String>,
}

fn utility() -> String {
    "UTILITY".to_owned()
}

fn approved() -> String {
    "APPROVED".to_owned()
}

/// A group of the staff.
#[derive(Debug, Clone)]
pub struct StaffChat {
    /// Negative; supergroups start with -100.
    pub chat_id: i64,
    /// Whether it has topics.
    pub is_forum: bool,
    /// The name of the group.
    pub title: String,
}

/// What the demo page shows.
#[derive(Debug, Clone)]
pub struct Page {
    /// Where zapis serves the web chat, without a slash at the end.
    pub zapis_url: String,
    /// A stream of server-sent events, one journal event each.
    pub journal_url: String,
    /// The web chat account the salon's site embeds.
    pub webchat_account: String,
    /// The salon's time zone, for example `Europe/Moscow`.
    pub time_zone: String,
}
