//! Messages about bookings: planned beside the changes of the book, claimed when they are due.
//!
//! Whoever follows the changes moves the position in the transaction that writes what follows from
//! them: of several who do so one wins. A claim postpones what it takes; only who still has it settles
//! it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::db::{CHUNK, Row, Tx, Value, damaged, sql};
use super::{Store, StoreError, journal};
use crate::event::Event;
use crate::message::ConversationId;

/// The small value that holds how far the book was followed.
const POSITION: &str = "reminders: position in the book";

/// What the columns are called, in the order of [`read`].
macro_rules! columns {
    () => {
        "booking, version, step, state, due, until, visit_at, reason, tries"
    };
}

/// How far a reminder got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReminderState {
    /// It waits for its time.
    Planned,
    /// It is with a messenger that has not said how it ended.
    Sending,
    /// It arrived, as far as can be known.
    Sent,
    /// It will not be sent.
    Skipped,
}

impl ReminderState {
    const ALL: [Self; 4] = [Self::Planned, Self::Sending, Self::Sent, Self::Skipped];

    /// The name in the store and the journal.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Skipped => "skipped",
        }
    }
}

/// One way that a reminder went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReminderTry {
    /// To whom.
    pub conversation: ConversationId,
    /// The id of the outbound message.
    pub outbound: Uuid,
    /// When it was handed over.
    pub at: DateTime<Utc>,
    /// Whether it is known to be in the queue.
    #[serde(default)]
    pub published: bool,
}

/// A message about a version of a booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reminder {
    /// Which booking.
    pub booking: Uuid,
    /// The version of the booking that it speaks of.
    pub version: i64,
    /// The step of the plan.
    pub step: String,
    /// How far it got.
    pub state: ReminderState,
    /// When something is to be done; none once it is over.
    pub due: Option<DateTime<Utc>>,
    /// After that it helps nobody.
    pub until: DateTime<Utc>,
    /// The beginning of the visit that it speaks of.
    pub visit_at: DateTime<Utc>,
    /// Why it ended so.
    pub reason: Option<String>,
    /// To whom it went, in order.
    pub tries: Vec<ReminderTry>,
}

/// What follows from changes of the book.
#[derive(Debug, Clone, Default)]
pub struct Followed {
    /// The position that it begins after.
    pub after: i64,
    /// The position of the last of the changes.
    pub upto: i64,
    /// Reminders that are new, or over: one that is there and open takes over state, due and reason.
    pub reminders: Vec<Reminder>,
    /// What the journal gets.
    pub events: Vec<Event>,
}

impl Store {
    /// How far the changes of the book were followed; 0 at first.
    pub async fn followed_to(&self) -> Result<i64, StoreError> {
        let position = self.value(POSITION).await?;
        Ok(position.and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    /// Writes what follows from changes, in one transaction; `false` when somebody else did.
    pub async fn follow(&self, followed: &Followed) -> Result<bool, StoreError> {
        let lines = journal::lines(&followed.events)?;
        let mut tx = self.db.begin().await?;
        tx.lock("reminders").await?;
        let row = tx
            .fetch_one(sql("SELECT value FROM small_values WHERE name = $1").bind(POSITION))
            .await?;
        let position = row.map(|row| row.get::<String>(0)).transpose()?;
        let position: i64 = position.and_then(|text| text.parse().ok()).unwrap_or(0);
        if position != followed.after {
            return Ok(false);
        }
        save(&mut tx, &followed.reminders).await?;
        let statement = sql("INSERT INTO small_values (name, value) VALUES ($1, $2) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value");
        tx.execute(statement.bind(POSITION).bind(followed.upto.to_string()))
            .await?;
        journal::append(&mut tx, &lines.iter().collect::<Vec<_>>()).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// All reminders of a booking, of every version, those that are over too.
    pub async fn reminders_of(&self, booking: Uuid) -> Result<Vec<Reminder>, StoreError> {
        let statement = sql(concat!(
            "SELECT ",
            columns!(),
            " FROM reminders WHERE booking = $1 ORDER BY version, step"
        ));
        let rows = self.db.fetch(statement.bind(booking)).await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// Takes reminders that are due, the longest due first: nobody else gets them until `until`, and
    /// their `due` says so. What is not due is not read.
    pub async fn claim_reminders(
        &self,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<Reminder>, StoreError> {
        let mut tx = self.db.begin().await?;
        let statement = sql(concat!(
            "SELECT ",
            columns!(),
            " FROM reminders WHERE due <= $1 ORDER BY due LIMIT $2"
        ));
        let statement = statement.bind(now).bind(limit).for_update_of_free();
        let rows = tx.fetch(statement).await?;
        let mut claimed: Vec<Reminder> = rows.iter().map(read).collect::<Result<_, _>>()?;
        for chunk in claimed.chunks(CHUNK) {
            let keys = chunk.iter().map(|one| {
                let key: [Value; 3] = [one.booking.into(), one.version.into(), (&one.step).into()];
                key
            });
            // Row by row along the key: `IN` would read the whole table on SQLite.
            let statement = sql("UPDATE reminders SET due = $1 FROM (VALUES ")
                .bind(until)
                .rows(keys)
                .then(
                    ") AS new WHERE booking = new.column1 AND version = new.column2 \
                     AND step = new.column3",
                );
            tx.execute(statement).await?;
        }
        tx.commit().await?;
        for one in &mut claimed {
            one.due = Some(until);
        }
        Ok(claimed)
    }

    /// Writes down what became of a claimed reminder, with the events that tell of it; `false` when it
    /// is not ours any more, and nothing is written.
    pub async fn settle_reminder(
        &self,
        claimed: &Reminder,
        now: &Reminder,
        events: &[Event],
    ) -> Result<bool, StoreError> {
        let lines = journal::lines(events)?;
        let mut tx = self.db.begin().await?;
        let statement = sql(
            "UPDATE reminders SET state = $5, due = $6, reason = $7, tries = $8 \
             WHERE booking = $1 AND version = $2 AND step = $3 AND due = $4",
        );
        let statement = statement
            .bind(claimed.booking)
            .bind(claimed.version)
            .bind(&claimed.step)
            .bind(claimed.due)
            .bind(now.state.name())
            .bind(now.due)
            .bind(now.reason.as_deref())
            .bind(tries(now)?);
        if tx.execute(statement).await? == 0 {
            return Ok(false);
        }
        journal::append(&mut tx, &lines.iter().collect::<Vec<_>>()).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// How many reminders have been due since before a moment and are not over.
    pub async fn reminders_overdue(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let statement = sql("SELECT count(*) FROM reminders WHERE due < $1").bind(before);
        let row = self.db.fetch_one(statement).await?;
        Ok(row.map_or(Ok(0), |row| row.count(0))?)
    }

    /// The conversations whose channel vouches for a phone (E.164), who wrote last first.
    pub async fn conversations_with_phone(
        &self,
        phone: &str,
    ) -> Result<Vec<ConversationId>, StoreError> {
        let statement = sql("SELECT conversation FROM people WHERE phone = $1 \
             ORDER BY coalesce(wrote_at, 0) DESC, conversation");
        let rows = self.db.fetch(statement.bind(phone)).await?;
        Ok(rows
            .iter()
            .map(|row| row.parsed(0))
            .collect::<Result<_, _>>()?)
    }
}

async fn save(tx: &mut Tx, reminders: &[Reminder]) -> Result<(), sqlx::Error> {
    for reminder in reminders {
        let statement = sql(concat!(
            "INSERT INTO reminders (",
            columns!(),
            ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
             ON CONFLICT (booking, version, step) DO UPDATE \
             SET state = excluded.state, due = excluded.due, reason = excluded.reason \
             WHERE reminders.due IS NOT NULL"
        ));
        let statement = statement
            .bind(reminder.booking)
            .bind(reminder.version)
            .bind(&reminder.step)
            .bind(reminder.state.name())
            .bind(reminder.due)
            .bind(reminder.until)
            .bind(reminder.visit_at)
            .bind(reminder.reason.as_deref())
            .bind(tries(reminder)?);
        tx.execute(statement).await?;
    }
    Ok(())
}

fn tries(reminder: &Reminder) -> Result<String, sqlx::Error> {
    serde_json::to_string(&reminder.tries).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}

fn read(row: &Row) -> Result<Reminder, sqlx::Error> {
    let state: String = row.get(3)?;
    let mut states = ReminderState::ALL.into_iter();
    Ok(Reminder {
        booking: row.parsed(0)?,
        version: row.get(1)?,
        step: row.get(2)?,
        state: states
            .find(|known| known.name() == state)
            .ok_or_else(damaged)?,
        due: row.opt_time(4)?,
        until: row.time(5)?,
        visit_at: row.time(6)?,
        reason: row.get(7)?,
        tries: row.json(8)?,
    })
}
