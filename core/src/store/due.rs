//! When something is done by itself next, over everything in the store that has a time.

use chrono::{DateTime, Utc};

use super::db::sql;
use super::{Store, StoreError};

/// The next times at which something is due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NextDue {
    /// Of everything.
    pub any: Option<DateTime<Utc>>,
    /// Without the looks after reminders that are on their way: nobody notices those.
    pub event: Option<DateTime<Utc>>,
}

impl Store {
    /// When the next reminder, call for the staff, offer without an answer or draft without a decision is due. A time that is over
    /// is one that is being done.
    pub async fn next_due(&self) -> Result<NextDue, StoreError> {
        let statement = sql("SELECT min(due), min(event) FROM ( \
             SELECT due, CASE WHEN state = 'sending' THEN NULL ELSE due END AS event \
             FROM reminders WHERE due IS NOT NULL \
             UNION ALL SELECT due, due FROM escalations WHERE closed_at IS NULL AND due IS NOT NULL \
             UNION ALL SELECT due, due FROM waiting WHERE is_open = 1 AND due IS NOT NULL \
             UNION ALL SELECT due, due FROM drafts WHERE card IS NOT NULL AND due IS NOT NULL \
             ) AS waiting");
        let Some(row) = self.db.fetch_one(statement).await? else {
            return Ok(NextDue::default());
        };
        Ok(NextDue {
            any: row.opt_time(0)?,
            event: row.opt_time(1)?,
        })
    }
}
