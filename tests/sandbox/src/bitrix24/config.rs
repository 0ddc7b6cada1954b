//! What a portal consists of.

use serde::{Deserialize, Serialize};

use super::fields::CrmEntity;

/// A portal of Bitrix24: a firm's CRM.
#[derive(Debug, Clone)]
pub struct Bitrix24Portal {
    /// The incoming webhooks that exist.
    pub webhooks: Vec<Bitrix24Webhook>,
    /// A local application, for what webhooks may not do.
    pub app: Option<Bitrix24App>,
    /// Who is told of events without an application.
    pub outgoing: Vec<Bitrix24Outgoing>,
    /// What identifies the portal in tokens and events.
    pub member_id: String,
    /// The employees.
    pub users: Vec<Bitrix24User>,
    /// Whether it works with leads.
    pub mode: Bitrix24Mode,
    /// A box: no limits, and no `operating` in `time`.
    pub is_box: bool,
    /// How many requests may come at once.
    pub burst: u32,
    /// How many a second are forgotten.
    pub per_second: u32,
    /// How many seconds of work a method may take in ten minutes.
    pub operating_limit: u32,
    /// Fields the firm has added.
    pub custom_fields: Vec<Bitrix24Field>,
    /// The offset of the portal's time zone, in hours.
    pub offset_hours: i32,
}

impl Default for Bitrix24Portal {
    /// A portal in the cloud with leads, an administrator and two managers.
    fn default() -> Self {
        let user = |id, name: &str, last_name: &str| Bitrix24User {
            id,
            name: name.to_owned(),
            last_name: last_name.to_owned(),
            active: true,
            presence: Presence::Opened,
        };
        Self {
            webhooks: vec![Bitrix24Webhook::new(1, "b24code")],
            app: None,
            outgoing: Vec::new(),
            member_id: "a223c6b3710f85df22e9377d6c4f7553".to_owned(),
            users: vec![
                user(1, "Ирина", "Админова"),
                user(6, "Мария", "Лебедева"),
                user(7, "Олег", "Журавлёв"),
            ],
            mode: Bitrix24Mode::Classic,
            is_box: false,
            burst: 50,
            per_second: 2,
            operating_limit: 480,
            custom_fields: Vec::new(),
            offset_hours: 3,
        }
    }
}

/// An incoming webhook: whoever knows its code acts as its owner.
#[derive(Clone)]
pub struct Bitrix24Webhook {
    /// The owner.
    pub user: i64,
    /// The secret in the address.
    pub code: String,
    /// What it may touch.
    pub scopes: Vec<String>,
}

impl Bitrix24Webhook {
    /// With every scope that the emulator knows.
    pub fn new(user: i64, code: &str) -> Self {
        Self {
            user,
            code: code.to_owned(),
            scopes: every_scope(),
        }
    }
}

impl std::fmt::Debug for Bitrix24Webhook {
    /// Without the code.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bitrix24Webhook")
            .field("user", &self.user)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

/// Every scope that some emulated method needs.
pub(crate) fn every_scope() -> Vec<String> {
    ["crm", "user_basic", "department", "timeman", "calendar"]
        .map(str::to_owned)
        .to_vec()
}

/// A local application with the tokens it was installed with.
#[derive(Clone)]
pub struct Bitrix24App {
    /// For example `local.5f1a…`.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The first access token, for an hour.
    pub access_token: String,
    /// The first refresh token, for one use.
    pub refresh_token: String,
    /// What its events are told by.
    pub application_token: String,
    /// Who installed it.
    pub user: i64,
    /// What it may touch.
    pub scopes: Vec<String>,
}

impl Default for Bitrix24App {
    /// Installed by the administrator, with every scope.
    fn default() -> Self {
        Self {
            client_id: "local.zapis".to_owned(),
            client_secret: "app-secret".to_owned(),
            access_token: "access-1".to_owned(),
            refresh_token: "refresh-1".to_owned(),
            application_token: "application-token".to_owned(),
            user: 1,
            scopes: every_scope(),
        }
    }
}

impl std::fmt::Debug for Bitrix24App {
    /// Without secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bitrix24App")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// An outgoing webhook.
#[derive(Clone, Serialize, Deserialize)]
pub struct Bitrix24Outgoing {
    /// Where it goes.
    pub url: String,
    /// What it is told by.
    pub token: String,
    /// Which events; all, if empty.
    #[serde(default)]
    pub events: Vec<String>,
}

impl std::fmt::Debug for Bitrix24Outgoing {
    /// Without the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bitrix24Outgoing")
            .field("url", &self.url)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

/// Whether a portal works with leads; its owner can change it at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bitrix24Mode {
    /// With leads.
    Classic,
    /// Without: every lead becomes a deal at once.
    Simple,
}

/// An employee.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bitrix24User {
    /// The id.
    pub id: i64,
    /// The first name.
    pub name: String,
    /// The family name.
    #[serde(default)]
    pub last_name: String,
    /// Whether still employed.
    #[serde(default = "yes")]
    pub active: bool,
    /// The working day.
    #[serde(default)]
    pub presence: Presence,
}

fn yes() -> bool {
    true
}

/// How the working day of an employee stands, and whether the calendar says absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// At work.
    #[default]
    Opened,
    /// Gone home, or not come yet.
    Closed,
    /// At lunch.
    Paused,
    /// Forgot to close an earlier day.
    Expired,
    /// At work by the clock, absent by the calendar.
    Absent,
}

/// A field the firm has added, or one of the portal's that it requires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bitrix24Field {
    /// Whose.
    pub entity: CrmEntity,
    /// The name in `crm.item.*`, for example `ufCrm_1720019876534`.
    pub name: String,
    /// What managers call it.
    #[serde(default)]
    pub title: String,
    /// Whether nothing can be added without it.
    #[serde(default)]
    pub required: bool,
}
