//! Something that is read from the portal, and good for a while.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Mutex;

use crate::crm::Trouble;

/// What was read, and when. Whoever comes while it is read waits for it, so that it is read once.
#[derive(Debug)]
pub(super) struct Cached<T> {
    good_for: TimeDelta,
    kept: Mutex<Option<(DateTime<Utc>, Arc<T>)>>,
}

impl<T> Cached<T> {
    pub(super) fn new(good_for: TimeDelta) -> Self {
        Self {
            good_for,
            kept: Mutex::new(None),
        }
    }

    /// What is kept, or what `read` brings. What fails is not kept.
    pub(super) async fn get(
        &self,
        now: DateTime<Utc>,
        read: impl Future<Output = Result<T, Trouble>> + Send,
    ) -> Result<Arc<T>, Trouble> {
        let mut kept = self.kept.lock().await;
        if let Some((at, value)) = kept.as_ref()
            && now < *at + self.good_for
        {
            return Ok(value.clone());
        }
        let value = Arc::new(read.await?);
        *kept = Some((now, value.clone()));
        Ok(value)
    }

    /// It is read again the next time.
    pub(super) async fn forget(&self) {
        *self.kept.lock().await = None;
    }
}
