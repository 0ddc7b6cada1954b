//! Moving, cancelling and everything else that becomes of a booking.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::booking::{self, Found, Noted};
use super::days::{self, Taker, Taking};
use super::hold;
use super::{Booking, BookingChange, Change, Changed, Wanted};
use crate::store::db::Tx;
use crate::store::open::is_conflict;
use crate::store::{Store, StoreError};

impl Change {
    /// What is done, in the notes of changes.
    fn kind(&self) -> &'static str {
        match self {
            Self::Move(_) => "moved",
            Self::Status(_) => "status",
            Self::Notes(_) => "notes",
        }
    }
}

impl Store {
    /// Changes a booking that has this version. What is so already stays as it is.
    pub async fn change_booking(
        &self,
        change: &BookingChange,
        now: DateTime<Utc>,
    ) -> Result<Changed, StoreError> {
        if let Change::Move(Wanted::Visit(visit)) = &change.to {
            visit.checked()?;
        }
        patiently!(self.try_change_booking(change, now))
    }

    async fn try_change_booking(
        &self,
        change: &BookingChange,
        now: DateTime<Utc>,
    ) -> Result<Changed, sqlx::Error> {
        let mut tx = self.db.begin().await?;
        let Some(before) = booking::load(&mut tx, change.booking).await? else {
            return Ok(Changed::Unknown);
        };
        let kind = change.to.kind();
        if let Some(receipt) = booking::receipt(&mut tx, before.id, change.cause, kind).await? {
            tx.commit().await?;
            return Ok(Changed::Done(receipt));
        }
        if before.version != change.version {
            return Ok(Changed::Stale(before));
        }
        let mut after = before.clone();
        let mut taken = None;
        match &change.to {
            Change::Move(_) if !before.status.is_active() => return Ok(Changed::Stale(before)),
            Change::Move(wanted) => {
                let asker = change.conversation.as_ref();
                let found = booking::wanted(&mut tx, wanted, asker, change.cause).await?;
                let Some(Found { visit, hold }) = found else {
                    return Ok(Changed::NoHold);
                };
                if hold.as_ref().is_some_and(|hold| hold.taken) {
                    return Ok(Changed::NoHold);
                }
                if after.visit != visit {
                    // Who confirmed another time has not confirmed this one.
                    after.status = super::Status::Booked;
                }
                after.visit = visit;
                taken = hold.map(|hold| hold.id);
            }
            Change::Status(status) => after.status = *status,
            Change::Notes(notes) => after.notes.clone_from(notes),
        }
        if after == before && taken.is_none() {
            return Ok(Changed::Done(before));
        }
        after.version += 1;
        if !retake(&mut tx, &before, &after, change, now).await? {
            return Ok(Changed::Taken);
        }
        if let (Some(hold), Some(asker)) = (taken, &change.conversation) {
            hold::consume(&mut tx, hold, after.id, after.version, asker).await?;
        }
        booking::save(&mut tx, &after).await?;
        let noted = Noted {
            kind,
            cause: change.cause,
            who: &change.who,
            at: now,
        };
        booking::note(&mut tx, &noted, Some(&before), &after).await?;
        tx.commit().await?;
        Ok(Changed::Done(after))
    }
}

/// Gives back the time of a booking as it was and takes that of what it becomes; `false` when
/// somebody else has that.
async fn retake(
    tx: &mut Tx,
    before: &Booking,
    after: &Booking,
    change: &BookingChange,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let held = |booking: &Booking| booking.status.is_active().then(|| booking.visit.spans());
    let (old, new) = (held(before), held(after));
    if old == new {
        return Ok(true);
    }
    let ids: [Uuid; 1] = [before.id];
    if let Some(spans) = new {
        let taker = Taker {
            booking: Some(before.id),
            conversation: change.conversation.as_ref(),
        };
        let others = days::lock(tx, &spans, &taker, now).await?;
        if !others.leave(&spans) {
            return Ok(false);
        }
        days::give_back(tx, &ids).await?;
        days::take(tx, before.id, &spans, &Taking::Visit).await?;
    } else {
        days::give_back(tx, &ids).await?;
    }
    Ok(true)
}
