//! When the staff is told something next.

use chrono::{DateTime, TimeDelta, Utc};
use zapis_core::store::{Store, StoreError};

use super::boards::Boards;
use super::place::Place;
use crate::business::{Business, CalendarKind};

/// Without lists of the day: how far is looked for visits.
const FAR: TimeDelta = TimeDelta::days(366);

/// The next moment at which the staff is told something by itself: a list of the day, a call to make, a
/// visit that begins. Where that is over, or `now`, it is not told yet.
pub async fn next_told(
    store: &Store,
    business: &Business,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let place = Place::load(store, now).await?;
    if place.position < store.last_booking_position().await? {
        return Ok(Some(now));
    }
    if business.booking.calendar == CalendarKind::External {
        return Ok(None);
    }
    let from = place.clock;
    let list = Boards {
        business,
        now: from,
    }
    .next_list();
    let until = list.unwrap_or(from + FAR);
    let call = TimeDelta::hours(business.booking.call_hours.into());
    let visits = store.bookings_between(from, until + call).await?;
    let moments = visits.iter().flat_map(|booking| {
        let starts = booking.visit.starts_at();
        let begins = move |at: &DateTime<Utc>| {
            *at > from
                && !Boards { business, now: *at }
                    .begun(booking, from)
                    .is_empty()
        };
        [starts - call, starts].into_iter().filter(begins)
    });
    Ok(moments.chain(list).min())
}
