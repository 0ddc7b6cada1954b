//! Looking into the book.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Booking, BookingEvent};
use crate::message::ConversationId;
use crate::store::db::{Row, Sql, sql};
use crate::store::{Store, StoreError};

/// Whose bookings.
#[derive(Debug, Clone, Copy)]
pub enum Whose<'a> {
    /// Those of a conversation.
    Conversation(&'a ConversationId),
    /// Those with a phone, in E.164.
    Phone(&'a str),
}

impl Store {
    /// A booking as it is now.
    pub async fn booking(&self, id: Uuid) -> Result<Option<Booking>, StoreError> {
        let statement = sql("SELECT booking FROM bookings WHERE id = $1").bind(id);
        let row = self.db.fetch_one(statement).await?;
        Ok(row.map(|row| row.json(0)).transpose()?)
    }

    /// The bookings of a customer that end after a moment, cancelled ones too, in time order.
    pub async fn bookings_of(
        &self,
        whose: Whose<'_>,
        after: DateTime<Utc>,
    ) -> Result<Vec<Booking>, StoreError> {
        let statement = match whose {
            Whose::Conversation(conversation) => sql("SELECT booking FROM bookings \
                 WHERE conversation = $1 AND ends_at > $2 ORDER BY starts_at, id")
            .bind(conversation),
            Whose::Phone(phone) => sql("SELECT booking FROM bookings \
                 WHERE phone = $1 AND ends_at > $2 ORDER BY starts_at, id")
            .bind(phone),
        };
        self.bookings(statement.bind(after)).await
    }

    /// All bookings that have a part between two moments, cancelled ones too, in time order.
    pub async fn bookings_between(
        &self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<Booking>, StoreError> {
        // The longest visit bounds how far the index is read.
        let statement = sql("SELECT booking FROM bookings \
             WHERE ends_at > $1 AND ends_at < $2 AND starts_at < $3 ORDER BY starts_at, id");
        let statement = statement
            .bind(from)
            .bind(until + super::LONGEST)
            .bind(until);
        self.bookings(statement).await
    }

    /// The same with the time of the last change of each.
    pub async fn dated_bookings_between(
        &self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<(Booking, DateTime<Utc>)>, StoreError> {
        let statement = sql("SELECT booking, (SELECT max(at) FROM book_changes \
                 WHERE book_changes.booking = bookings.id) FROM bookings \
             WHERE ends_at > $1 AND ends_at < $2 AND starts_at < $3 ORDER BY starts_at, id");
        let statement = statement
            .bind(from)
            .bind(until + super::LONGEST)
            .bind(until);
        let rows = self.db.fetch(statement).await?;
        let dated = |row: &Row| -> Result<_, sqlx::Error> {
            let booking: Booking = row.json(0)?;
            let changed = row.opt_time(1)?.unwrap_or(booking.created_at);
            Ok((booking, changed))
        };
        Ok(rows.iter().map(dated).collect::<Result<_, _>>()?)
    }

    /// Everything that became of the bookings that now end between two moments: when, and what the booking became,
    /// those of one booking together and in order.
    pub async fn booking_steps_between(
        &self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<(DateTime<Utc>, Booking)>, StoreError> {
        let statement = sql("SELECT at, after FROM book_changes \
             JOIN bookings ON bookings.id = book_changes.booking \
             WHERE bookings.ends_at > $1 AND bookings.ends_at < $2 \
             ORDER BY book_changes.booking, position");
        let rows = self.db.fetch(statement.bind(from).bind(until)).await?;
        let step = |row: &Row| -> Result<_, sqlx::Error> { Ok((row.time(0)?, row.json(1)?)) };
        Ok(rows.iter().map(step).collect::<Result<_, _>>()?)
    }

    async fn bookings(&self, statement: Sql) -> Result<Vec<Booking>, StoreError> {
        let rows = self.db.fetch(statement).await?;
        rows.iter().map(|row| Ok(row.json(0)?)).collect()
    }

    /// Changes of bookings after a position, oldest first. Whoever goes on from the last position it
    /// got misses none.
    pub async fn booking_events_after(
        &self,
        position: i64,
        limit: u32,
    ) -> Result<Vec<BookingEvent>, StoreError> {
        let statement = sql("SELECT position, kind, at, who, cause, before, after \
             FROM book_changes WHERE position > $1 ORDER BY position LIMIT $2");
        let rows = self.db.fetch(statement.bind(position).bind(limit)).await?;
        Ok(rows.iter().map(event).collect::<Result<_, _>>()?)
    }

    /// Everything that became of one booking, oldest first.
    pub async fn booking_events(&self, booking: Uuid) -> Result<Vec<BookingEvent>, StoreError> {
        let statement = sql("SELECT position, kind, at, who, cause, before, after \
             FROM book_changes WHERE booking = $1 ORDER BY position");
        let rows = self.db.fetch(statement.bind(booking)).await?;
        Ok(rows.iter().map(event).collect::<Result<_, _>>()?)
    }

    /// The newest position among the changes; 0 when there are none.
    pub async fn last_booking_position(&self) -> Result<i64, StoreError> {
        let statement = sql("SELECT coalesce(max(position), 0) FROM book_changes");
        let row = self.db.fetch_one(statement).await?;
        Ok(row.map_or(Ok(0), |row| row.get(0))?)
    }
}

fn event(row: &Row) -> Result<BookingEvent, sqlx::Error> {
    let before = row.get::<Option<String>>(5)?;
    Ok(BookingEvent {
        position: row.get(0)?,
        kind: row.get(1)?,
        at: row.time(2)?,
        who: row.get(3)?,
        cause: row.parsed(4)?,
        before: before.is_some().then(|| row.json(5)).transpose()?,
        after: row.json(6)?,
    })
}
