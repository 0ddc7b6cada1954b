//! Short words for the appointment book.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;
use zapis_core::store::{Booked, Booking, Held, Holding, Item, NewBooking, Store, Visit, Wanted};

use super::store_ground::{at, conversation};

/// How long customers think, in seconds.
const THINK: i64 = 300;

pub(super) fn cause(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

/// A service by somebody, in minutes from `at(0)`.
pub(super) fn item(person: &str, start: i64, minutes: i64) -> Item {
    let from: DateTime<Utc> = at(0) + TimeDelta::minutes(start);
    Item {
        service: "cut".into(),
        resource: person.into(),
        needs: Vec::new(),
        starts_at: from,
        ends_at: from + TimeDelta::minutes(minutes),
        buffer: (0, 0),
        price: "1 900 ₽".into(),
    }
}

pub(super) fn visit(person: &str, start: i64, minutes: i64) -> Visit {
    Visit {
        location: "here".into(),
        items: vec![item(person, start, minutes)],
    }
}

/// Turn `turn` of a conversation holds visits, seconds after `at(0)`.
pub(super) async fn held(
    store: &Store,
    who: &str,
    turn: u128,
    visits: &[Visit],
    seconds: i64,
) -> Vec<Held> {
    let (until, now) = (at(seconds + THINK), at(seconds));
    store
        .hold(
            &conversation(who),
            &Holding {
                cause: cause(turn),
                visits,
                moving: None,
                until,
            },
            now,
        )
        .await
        .unwrap()
}

/// Turn `turn` of a conversation books what it holds.
pub(super) fn hold(who: &str, turn: u128, id: Uuid) -> NewBooking {
    NewBooking {
        conversation: Some(conversation(who)),
        wanted: Wanted::Hold(id),
        source: "whatsapp".into(),
        ..by_staff(turn, visit("nobody", 0, 1))
    }
}

/// The staff books.
pub(super) fn by_staff(command: u128, visit: Visit) -> NewBooking {
    NewBooking {
        wanted: Wanted::Visit(visit),
        cause: cause(command),
        who: "Марина".into(),
        conversation: None,
        name: "Ольга".into(),
        phone: None,
        source: "phone".into(),
        for_whom: None,
        notes: None,
    }
}

pub(super) fn booked(answer: Booked) -> Booking {
    match answer {
        Booked::Booked(booking) => booking,
        other => panic!("{other:?}"),
    }
}
