//! Leases, small values, what buttons carry.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::db::{CHUNK, sql};
use super::{Store, StoreError};
use crate::message::ConversationId;

impl Store {
    /// Takes or prolongs a named lease; whether it is ours. A lease that ends later than anybody's
    /// can was made before the clock was put back: it holds nobody up.
    pub async fn lease(
        &self,
        name: &str,
        holder: &str,
        ttl: Duration,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let ttl = TimeDelta::from_std(ttl).unwrap_or(TimeDelta::days(365));
        let statement = sql(
            "INSERT INTO leases (name, holder, until) VALUES ($1, $2, $3) \
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until \
             WHERE leases.holder = excluded.holder OR leases.until <= $4 OR leases.until > $5",
        );
        let statement = statement.bind(name).bind(holder).bind(now + ttl).bind(now);
        // The clocks of two machines may differ a little.
        let statement = statement.bind(now + ttl * 2);
        Ok(self.db.execute(statement).await? > 0)
    }

    /// Gives a lease up.
    pub async fn release(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        let statement = sql("DELETE FROM leases WHERE name = $1 AND holder = $2");
        self.db.execute(statement.bind(name).bind(holder)).await?;
        Ok(())
    }

    /// A small value, e.g. a Telegram offset.
    pub async fn value(&self, name: &str) -> Result<Option<String>, StoreError> {
        let statement = sql("SELECT value FROM small_values WHERE name = $1").bind(name);
        let row = self.db.fetch_one(statement).await?;
        Ok(row.map(|row| row.get(0)).transpose()?)
    }

    /// A secret of this store: 32 bytes in hexadecimal, made on first use.
    pub(super) async fn own_secret(&self, name: &str) -> Result<String, StoreError> {
        let fresh = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let statement = sql("INSERT INTO small_values (name, value) VALUES ($1, $2) \
             ON CONFLICT (name) DO NOTHING");
        self.db.execute(statement.bind(name).bind(&fresh)).await?;
        Ok(self.value(name).await?.unwrap_or(fresh))
    }

    /// Sets it.
    pub async fn set_value(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let statement = sql("INSERT INTO small_values (name, value) VALUES ($1, $2) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value");
        self.db.execute(statement.bind(name).bind(value)).await?;
        Ok(())
    }

    /// Keeps what buttons carry where a channel has room for a short id only.
    pub async fn put_buttons(
        &self,
        conversation: &ConversationId,
        payloads: &[(String, String)],
    ) -> Result<(), StoreError> {
        for chunk in unique(payloads).chunks(CHUNK) {
            let rows = chunk
                .iter()
                .map(|&(short, payload)| [conversation.into(), short.into(), payload.into()]);
            let statement = sql("INSERT INTO buttons (conversation, short, payload) VALUES ")
                .rows(rows)
                .then(
                    " ON CONFLICT (conversation, short) DO UPDATE SET payload = excluded.payload",
                );
            self.db.execute(statement).await?;
        }
        Ok(())
    }

    /// What a button of this conversation carries.
    pub async fn button(
        &self,
        conversation: &ConversationId,
        short: &str,
    ) -> Result<Option<String>, StoreError> {
        let statement = sql("SELECT payload FROM buttons WHERE conversation = $1 AND short = $2");
        let row = self
            .db
            .fetch_one(statement.bind(conversation).bind(short))
            .await?;
        Ok(row.map(|row| row.get(0)).transpose()?)
    }
}

/// The last payload of each short id: a statement may touch a row once.
fn unique(payloads: &[(String, String)]) -> Vec<(&String, &String)> {
    let last: std::collections::BTreeMap<_, _> = payloads.iter().map(|(s, p)| (s, p)).collect();
    last.into_iter().collect()
}
