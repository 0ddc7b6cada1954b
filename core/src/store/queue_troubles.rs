//! What the queue's consumers could not finish: counted attempts, dead letters, parked lanes.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::db::{CHUNK, Row, Sql, Value, sql};
use super::{DeadLetter, Parked, Store, StoreError};
use crate::trace::TraceParent;

/// What the columns of a dead letter are called, in the order of [`letter`].
macro_rules! dead_letters {
    ($rest:literal) => {
        sql(concat!(
            "SELECT id, topic, lane, message_id, reason, body, at FROM dead ",
            $rest
        ))
    };
}

impl Store {
    /// Counts an attempt at a message that came a second time, durably; returns how many there were.
    pub async fn count_attempt(&self, topic: &str, message_id: &str) -> Result<u32, StoreError> {
        let statement = sql(
            "INSERT INTO attempts (topic, message_id, count) VALUES ($1, $2, 1) \
             ON CONFLICT (topic, message_id) DO UPDATE SET count = attempts.count + 1 RETURNING count",
        );
        let rows = self
            .db
            .returning(statement.bind(topic).bind(message_id))
            .await?;
        Ok(rows.first().map_or(Ok(1), |row| row.count(0))?)
    }

    /// How many attempts at a message are counted.
    pub async fn attempts(&self, topic: &str, message_id: &str) -> Result<u32, StoreError> {
        let statement = sql("SELECT count FROM attempts WHERE topic = $1 AND message_id = $2");
        let row = self
            .db
            .fetch_one(statement.bind(topic).bind(message_id))
            .await?;
        Ok(row.map_or(Ok(0), |row| row.count(0))?)
    }

    /// Takes a counted attempt back that was none: the engines were gone, or it was too early.
    pub async fn uncount_attempt(&self, topic: &str, message_id: &str) -> Result<(), StoreError> {
        let statement = sql("UPDATE attempts SET count = count - 1 \
             WHERE topic = $1 AND message_id = $2 AND count > 0");
        self.db
            .execute(statement.bind(topic).bind(message_id))
            .await?;
        Ok(())
    }

    /// Forgets the attempts at messages that succeeded.
    pub async fn forget_attempts(
        &self,
        topic: &str,
        message_ids: &[String],
    ) -> Result<(), StoreError> {
        for chunk in message_ids.chunks(CHUNK) {
            let statement = sql("DELETE FROM attempts WHERE topic = $1 AND message_id IN ")
                .bind(topic)
                .list(chunk.iter().map(Value::from));
            self.db.execute(statement).await?;
        }
        Ok(())
    }

    /// Sets messages aside. One that is there already stays as it is.
    pub async fn bury(&self, letters: &[DeadLetter]) -> Result<(), StoreError> {
        if letters.is_empty() {
            return Ok(());
        }
        // A statement may touch a row once: of the same trouble told twice the last counts.
        let mut told = HashSet::new();
        let letters = letters.iter().rev().filter(|letter| told.insert(letter.id));
        let mut letters: Vec<_> = letters.collect();
        letters.reverse();
        let mut tx = self.db.begin().await?;
        // Each may carry a whole message: few per statement.
        for chunk in letters.chunks(50) {
            let rows = chunk.iter().map(|&letter| {
                [
                    letter.id.into(),
                    (&letter.topic).into(),
                    (&letter.key).into(),
                    (&letter.message_id).into(),
                    (&letter.reason).into(),
                    letter.body.clone().into(),
                    letter.at.into(),
                    false.into(),
                ]
            });
            let statement = sql(
                "INSERT INTO dead (id, topic, lane, message_id, reason, body, at, retry) VALUES ",
            )
            .rows(rows)
            .then(
                " ON CONFLICT (id) DO UPDATE SET reason = excluded.reason, at = excluded.at, retry = excluded.retry",
            );
            tx.execute(statement).await?;
        }
        Ok(tx.commit().await?)
    }

    /// The newest dead letters.
    pub async fn dead(&self, limit: u32) -> Result<Vec<DeadLetter>, StoreError> {
        let statement = dead_letters!("ORDER BY at DESC, position DESC LIMIT $1");
        self.letters(statement.bind(limit)).await
    }

    /// How many there are.
    pub async fn dead_count(&self) -> Result<u64, StoreError> {
        let row = self.db.fetch_one(sql("SELECT count(*) FROM dead")).await?;
        Ok(row.map_or(Ok(0), |row| row.count(0))?)
    }

    /// One dead letter.
    pub async fn dead_letter(&self, id: Uuid) -> Result<Option<DeadLetter>, StoreError> {
        let found = self
            .letters(dead_letters!("WHERE id = $1").bind(id))
            .await?;
        Ok(found.into_iter().next())
    }

    /// Throws one away; whether it was there.
    pub async fn drop_dead(&self, id: Uuid) -> Result<bool, StoreError> {
        let statement = sql("DELETE FROM dead WHERE id = $1").bind(id);
        Ok(self.db.execute(statement).await? > 0)
    }

    /// Throws one away that was published again, unless it failed once more meanwhile.
    pub async fn drop_retried(&self, id: Uuid) -> Result<(), StoreError> {
        let statement = sql("DELETE FROM dead WHERE id = $1 AND retry = 1").bind(id);
        self.db.execute(statement).await?;
        Ok(())
    }

    /// Marks one to be published again by the running program; whether it was there.
    pub async fn retry_dead(&self, id: Uuid) -> Result<bool, StoreError> {
        let statement = sql("UPDATE dead SET retry = 1 WHERE id = $1").bind(id);
        Ok(self.db.execute(statement).await? > 0)
    }

    /// Those marked, oldest first, to publish and then [`Store::drop_retried`].
    pub async fn dead_to_retry(&self) -> Result<Vec<DeadLetter>, StoreError> {
        self.letters(dead_letters!("WHERE retry = 1 ORDER BY position"))
            .await
    }

    async fn letters(&self, statement: Sql) -> Result<Vec<DeadLetter>, StoreError> {
        let rows = self.db.fetch(statement).await?;
        Ok(rows.iter().map(letter).collect::<Result<_, _>>()?)
    }

    /// Puts messages at the tail of a parked lane (and parks it), due no earlier than `due` (an
    /// already parked lane keeps the later of both). A message that is there already stays once.
    pub async fn park(
        &self,
        topic: &str,
        lane: &str,
        messages: &[Parked],
        due: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        // The lane's row is locked by this, so that the order of its messages is the order of calls.
        let statement = sql(
            "INSERT INTO parked_lanes (topic, lane, due) VALUES ($1, $2, $3) \
             ON CONFLICT (topic, lane) DO UPDATE SET due = CASE \
             WHEN parked_lanes.due < excluded.due THEN excluded.due ELSE parked_lanes.due END",
        );
        tx.execute(statement.bind(topic).bind(lane).bind(due))
            .await?;
        for chunk in messages.chunks(50) {
            let rows = chunk.iter().map(|message| {
                [
                    topic.into(),
                    lane.into(),
                    (&message.id).into(),
                    message.body.to_vec().into(),
                    message.trace.as_str().into(),
                ]
            });
            let statement =
                sql("INSERT INTO parked (topic, lane, message_id, body, trace) VALUES ")
                    .rows(rows)
                    .then(" ON CONFLICT (topic, lane, message_id) DO NOTHING");
            tx.execute(statement).await?;
        }
        Ok(tx.commit().await?)
    }

    /// The parked lanes of a topic and when each is due, the next one first.
    pub async fn parked_lanes(
        &self,
        topic: &str,
    ) -> Result<Vec<(String, DateTime<Utc>)>, StoreError> {
        let statement =
            sql("SELECT lane, due FROM parked_lanes WHERE topic = $1 ORDER BY due, lane");
        let rows = self.db.fetch(statement.bind(topic)).await?;
        rows.iter()
            .map(|row| Ok((row.get(0)?, row.time(1)?)))
            .collect()
    }

    /// A lane's messages in order, at most `limit`.
    pub async fn parked(
        &self,
        topic: &str,
        lane: &str,
        limit: u32,
    ) -> Result<Vec<Parked>, StoreError> {
        let statement = sql("SELECT position, message_id, body, trace FROM parked \
             WHERE topic = $1 AND lane = $2 ORDER BY position LIMIT $3");
        let statement = statement.bind(topic).bind(lane).bind(limit);
        let rows = self.db.fetch(statement).await?;
        Ok(rows.iter().map(parked).collect::<Result<_, _>>()?)
    }

    /// Forgets finished messages of a lane; `true` when none are left (the lane is no longer parked).
    pub async fn unpark(
        &self,
        topic: &str,
        lane: &str,
        message_ids: &[String],
    ) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        // Whoever parks in this lane waits until we know whether it is empty.
        let row = sql("SELECT due FROM parked_lanes WHERE topic = $1 AND lane = $2");
        tx.fetch(row.bind(topic).bind(lane).for_update()).await?;
        for chunk in message_ids.chunks(CHUNK) {
            let statement =
                sql("DELETE FROM parked WHERE topic = $1 AND lane = $2 AND message_id IN ")
                    .bind(topic)
                    .bind(lane)
                    .list(chunk.iter().map(Value::from));
            tx.execute(statement).await?;
        }
        let left = sql("SELECT position FROM parked WHERE topic = $1 AND lane = $2 LIMIT 1");
        let empty = tx.fetch(left.bind(topic).bind(lane)).await?.is_empty();
        if empty {
            let statement = sql("DELETE FROM parked_lanes WHERE topic = $1 AND lane = $2");
            tx.execute(statement.bind(topic).bind(lane)).await?;
        }
        tx.commit().await?;
        Ok(empty)
    }

    /// Makes a parked lane wait until then. A lane that is not parked stays so.
    pub async fn postpone(
        &self,
        topic: &str,
        lane: &str,
        due: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let statement = sql("UPDATE parked_lanes SET due = $3 WHERE topic = $1 AND lane = $2");
        self.db
            .execute(statement.bind(topic).bind(lane).bind(due))
            .await?;
        Ok(())
    }
}

pub(super) fn letter(row: &Row) -> Result<DeadLetter, sqlx::Error> {
    Ok(DeadLetter {
        id: row.parsed(0)?,
        topic: row.get(1)?,
        key: row.get(2)?,
        message_id: row.get(3)?,
        reason: row.get(4)?,
        body: row.get(5)?,
        at: row.time(6)?,
    })
}

fn parked(row: &Row) -> Result<Parked, sqlx::Error> {
    let body: Vec<u8> = row.get(2)?;
    let trace: String = row.get(3)?;
    Ok(Parked {
        seq: row.get(0)?,
        id: row.get(1)?,
        body: body.into(),
        trace: TraceParent::parse(&trace).unwrap_or_else(TraceParent::start),
    })
}
