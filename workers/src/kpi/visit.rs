//! What one visit came to.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use zapis_core::event::Event;
use zapis_core::store::Status;

/// What one visit came to, by now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// When it was booked.
    pub made_at: DateTime<Utc>,
    /// When it begins.
    pub starts_at: Option<DateTime<Utc>>,
    /// The messenger that it was booked in, if any.
    pub channel: Option<String>,
    /// Who booked: `bot`, `console`, `phone`, …
    pub source: Option<String>,
    /// What is done, ids of services.
    #[serde(default)]
    pub services: Vec<String>,
    /// Whose time it takes: persons and rooms.
    #[serde(default)]
    pub resources: Vec<String>,
    /// The status that it has.
    pub status: String,
    /// The customer said that she will come.
    pub confirmed: bool,
    /// The version of the booking that is told here.
    version: i64,
}

impl Visit {
    pub(super) fn new(at: DateTime<Utc>) -> Self {
        Self {
            made_at: at,
            starts_at: None,
            channel: None,
            source: None,
            services: Vec::new(),
            resources: Vec::new(),
            status: String::new(),
            confirmed: false,
            version: 0,
        }
    }

    /// Takes an event about it; older news never replaces newer.
    pub(super) fn take(&mut self, event: &Event) {
        let Some(sources) = &event.sources else {
            return;
        };
        let Some(version) = sources["version"].as_i64() else {
            return;
        };
        if event.action.as_deref() == Some("create_booking") {
            self.made_at = event.timestamp;
            self.channel.clone_from(&event.channel);
        }
        self.confirmed |= event.action.as_deref() == Some("confirm_booking");
        if version < self.version {
            return;
        }
        self.version = version;
        self.status = event.outcome.clone().unwrap_or_default();
        let starts_at = DateTime::deserialize(&sources["starts_at"]).ok();
        self.starts_at = starts_at.or(self.starts_at);
        self.source = sources["source"].as_str().map(str::to_owned);
        self.services = Vec::deserialize(&sources["services"]).unwrap_or_default();
        let taken = sources["taken"].as_array().into_iter().flatten();
        let whose = taken.filter_map(|time| time[0].as_str());
        self.resources = whose.map(str::to_owned).collect();
    }

    fn is(&self, status: Status) -> bool {
        self.status == status.name()
    }

    /// The customer came.
    pub fn came(&self) -> bool {
        self.is(Status::Arrived)
    }

    /// The customer did not come, and did not say so.
    pub fn missed(&self) -> bool {
        self.is(Status::NoShow)
    }

    /// It was called off.
    pub fn cancelled(&self) -> bool {
        self.is(Status::CancelledByCustomer) || self.is(Status::CancelledBySalon)
    }
}
