//! How far the book was told, who tells it, and the firm's file that changes meanwhile.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use zapis_core::store::{Store, StoreError};

use crate::business::{Business, FirmFile};

/// Under which name it is kept.
const NAME: &str = "notices";
/// How long another process waits for one that died.
const LEASE: Duration = Duration::from_mins(1);
const RENEWED: TimeDelta = TimeDelta::seconds(30);

/// How far the book was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// The last change that was told.
    pub(super) position: i64,
    /// The last change of the message that is being told.
    pub(super) until: Option<i64>,
    /// What time brought up to here was told.
    pub(super) clock: DateTime<Utc>,
}

impl Place {
    /// Begins with what comes from now on.
    pub(super) async fn load(store: &Store, now: DateTime<Utc>) -> Result<Self, StoreError> {
        let kept = store.value(NAME).await?;
        if let Some(place) = kept.and_then(|text| serde_json::from_str(&text).ok()) {
            return Ok(place);
        }
        let place = Self {
            position: store.last_booking_position().await?,
            until: None,
            clock: now,
        };
        place.save(store).await?;
        Ok(place)
    }

    pub(super) fn told(&mut self, position: i64) {
        self.position = position;
        self.until = None;
    }

    pub(super) async fn save(&self, store: &Store) -> Result<(), StoreError> {
        let text = serde_json::to_string(self).unwrap_or_default();
        store.set_value(NAME, &text).await
    }
}

/// Whether this process is the one that tells, and the firm as it is now.
pub(super) struct Duty {
    holder: String,
    until: Option<DateTime<Utc>>,
    firm: FirmFile,
}

impl Duty {
    pub(super) fn new(firm: FirmFile, holder: String) -> Self {
        Self {
            holder,
            until: None,
            firm,
        }
    }

    pub(super) async fn is_ours(
        &mut self,
        store: &Store,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        if self
            .until
            .is_some_and(|until| now < until && until - now <= RENEWED)
        {
            return Ok(true);
        }
        let ours = store.lease(NAME, &self.holder, LEASE, now).await?;
        self.until = ours.then(|| now + RENEWED);
        Ok(ours)
    }

    pub(super) async fn leave(&self, store: &Store) -> Result<(), StoreError> {
        store.release(NAME, &self.holder).await
    }

    /// The firm; a file that is broken changes nothing.
    pub(super) async fn business(&mut self) -> Option<Arc<Business>> {
        self.firm.now().await
    }
}
