//! Making bookings.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::days::{self, Taker, Taking};
use super::hold::{self, Hold};
use super::{Booked, Booking, NewBooking, Status, Visit, Wanted, json};
use crate::ids;
use crate::message::ConversationId;
use crate::store::db::{Row, Tx, sql};
use crate::store::open::is_conflict;
use crate::store::{Store, StoreError};

/// What was done, in the notes of changes.
pub(super) const BOOKED: &str = "booked";

impl Store {
    /// Books the visit of a hold, or any that is free. The customer's own holds do not stand in the
    /// way, and one that has expired is good while nobody else has the time.
    pub async fn book(
        &self,
        request: &NewBooking,
        now: DateTime<Utc>,
    ) -> Result<Booked, StoreError> {
        if let Wanted::Visit(visit) = &request.wanted {
            visit.checked()?;
        }
        patiently!(self.try_book(request, now))
    }

    async fn try_book(
        &self,
        request: &NewBooking,
        now: DateTime<Utc>,
    ) -> Result<Booked, sqlx::Error> {
        let mut tx = self.db.begin().await?;
        let conversation = request.conversation.as_ref();
        let wanted = wanted(&mut tx, &request.wanted, conversation, request.cause).await?;
        let Some(Found { visit, hold }) = wanted else {
            return Ok(Booked::NoHold);
        };
        let id = match hold {
            Some(Hold { id, .. }) => ids::derive(&["booking", &id.to_string()]),
            None => ids::derive(&["booking", &request.cause.to_string(), &visit.place()]),
        };
        let taker = Taker {
            booking: Some(id),
            conversation,
        };
        let spans = visit.spans();
        let others = days::lock(&mut tx, &spans, &taker, now).await?;
        if let Some(current) = load(&mut tx, id).await? {
            let receipt = receipt(&mut tx, id, request.cause, BOOKED).await?;
            // Whoever hears that it was done before can rely on it: it is on the disk.
            tx.commit().await?;
            return Ok(receipt.map_or(Booked::Already(current), Booked::Booked));
        }
        if !others.leave(&spans) || hold.as_ref().is_some_and(|hold| hold.taken) {
            return Ok(Booked::Taken);
        }

        let booking = new(id, request, visit, now);
        if let (Some(hold), Some(conversation)) = (hold, conversation) {
            hold::consume(&mut tx, hold.id, id, 1, conversation).await?;
        }
        days::take(&mut tx, id, &spans, &Taking::Visit).await?;
        save(&mut tx, &booking).await?;
        let cause = Noted {
            kind: BOOKED,
            cause: request.cause,
            who: &request.who,
            at: now,
        };
        note(&mut tx, &cause, None, &booking).await?;
        tx.commit().await?;
        Ok(Booked::Booked(booking))
    }
}

fn new(id: Uuid, request: &NewBooking, visit: Visit, now: DateTime<Utc>) -> Booking {
    Booking {
        id,
        version: 1,
        status: Status::Booked,
        conversation: request.conversation.clone(),
        name: request.name.clone(),
        phone: request.phone.clone(),
        source: request.source.clone(),
        for_whom: request.for_whom.clone(),
        notes: request.notes.clone(),
        created_at: now,
        visit,
    }
}

/// The time that somebody wants, and the hold it comes from.
pub(super) struct Found {
    pub(super) visit: Visit,
    pub(super) hold: Option<Hold>,
}

/// Nothing when there is no such hold.
pub(super) async fn wanted(
    tx: &mut Tx,
    wanted: &Wanted,
    conversation: Option<&ConversationId>,
    cause: Uuid,
) -> Result<Option<Found>, sqlx::Error> {
    match wanted {
        Wanted::Visit(visit) => Ok(Some(Found {
            visit: visit.clone(),
            hold: None,
        })),
        Wanted::Hold(id) => {
            let hold = hold::find(tx, *id, conversation, cause).await?;
            Ok(hold.map(|hold| Found {
                visit: hold.visit.clone(),
                hold: Some(hold),
            }))
        }
    }
}

/// A booking as it is; it is locked.
pub(super) async fn load(tx: &mut Tx, id: Uuid) -> Result<Option<Booking>, sqlx::Error> {
    let statement = sql("SELECT booking FROM bookings WHERE id = $1")
        .bind(id)
        .for_update();
    let row = tx.fetch_one(statement).await?;
    row.map(|row| row.json(0)).transpose()
}

/// Makes or replaces a booking.
pub(super) async fn save(tx: &mut Tx, booking: &Booking) -> Result<(), sqlx::Error> {
    let statement = sql(
        "INSERT INTO bookings (id, version, active, conversation, phone, starts_at, ends_at, booking) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE \
         SET version = excluded.version, active = excluded.active, \
         conversation = excluded.conversation, phone = excluded.phone, \
         starts_at = excluded.starts_at, ends_at = excluded.ends_at, booking = excluded.booking",
    );
    let statement = statement
        .bind(booking.id)
        .bind(booking.version)
        .bind(booking.status.is_active())
        .bind(booking.conversation.as_ref().map(ConversationId::as_str))
        .bind(booking.phone.as_deref())
        .bind(booking.visit.starts_at())
        .bind(booking.visit.ends_at())
        .bind(json(booking)?);
    tx.execute(statement).await?;
    Ok(())
}

/// Who did what.
pub(super) struct Noted<'a> {
    pub(super) kind: &'static str,
    pub(super) cause: Uuid,
    pub(super) who: &'a str,
    pub(super) at: DateTime<Utc>,
}

/// Notes a change, last in its transaction: positions are given out to one at a time, so that a
/// reader who follows them misses none.
pub(super) async fn note(
    tx: &mut Tx,
    noted: &Noted<'_>,
    before: Option<&Booking>,
    after: &Booking,
) -> Result<(), sqlx::Error> {
    tx.lock("book changes").await?;
    let before = before.map(json).transpose()?;
    let statement = sql(
        "INSERT INTO book_changes (booking, cause, kind, version, at, who, before, after) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    );
    let statement = statement
        .bind(after.id)
        .bind(noted.cause)
        .bind(noted.kind)
        .bind(after.version)
        .bind(noted.at)
        .bind(noted.who)
        .bind(before.as_deref())
        .bind(json(after)?);
    tx.execute(statement).await?;
    Ok(())
}

/// What a cause made of a booking before.
pub(super) async fn receipt(
    tx: &mut Tx,
    booking: Uuid,
    cause: Uuid,
    kind: &str,
) -> Result<Option<Booking>, sqlx::Error> {
    let statement = sql("SELECT after FROM book_changes \
         WHERE booking = $1 AND cause = $2 AND kind = $3");
    let row = tx
        .fetch_one(statement.bind(booking).bind(cause).bind(kind))
        .await?;
    row.map(|row: Row| row.json(0)).transpose()
}
