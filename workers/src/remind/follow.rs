//! What follows from a change of the book: reminders that are planned, given up or carried over to the
//! new version, and the lines of the journal.

use chrono::{DateTime, TimeDelta, Utc};
use zapis_core::event::{Client, Event, Kind};
use zapis_core::ids;
use zapis_core::store::{Booking, BookingEvent, Reminder, ReminderState, Status};

use super::plan::{Fate, Terms};
use super::{Reason, told};
use crate::business::{Business, Step};

/// Who books in a chat.
const CUSTOMER: &str = "customer";
/// Where bookings come from that somebody else made long ago.
const IMPORT: &str = "import";

/// A reminder of an earlier version.
#[derive(Debug, Clone)]
pub(super) struct Earlier {
    /// As it is in the store; of its tries only those that are not provably held back.
    pub(super) reminder: Reminder,
}

impl Earlier {
    fn is_open(&self) -> bool {
        self.reminder.due.is_some()
    }

    fn is_settled(&self) -> bool {
        let reason = self.reminder.reason.as_deref();
        !self.is_open() && reason != Some(Reason::Changed.name())
    }

    /// A messenger has, or had, it.
    fn is_out(&self) -> bool {
        !self.reminder.tries.is_empty()
    }
}

/// The reminders that are new or over with this change.
pub(super) fn replan(
    business: &Business,
    change: &BookingEvent,
    earlier: &[Earlier],
) -> Vec<Reminder> {
    let booking = &change.after;
    let start = booking.visit.starts_at();
    let near = TimeDelta::minutes(business.reminders.small_move_minutes.into());
    let same = |one: &Reminder| (one.visit_at - start).abs() <= near;
    let of = |step: Step| {
        earlier
            .iter()
            .filter(move |one| one.reminder.step == step.name())
    };
    let open = |step| {
        of(step)
            .filter(|one| one.is_open())
            .max_by_key(|one| one.reminder.version)
    };
    let settled = |step| {
        let settled = of(step).filter(|one| one.is_settled());
        let last = settled.max_by_key(|one| one.reminder.version);
        last.is_some_and(|one| same(&one.reminder))
    };

    let mut rows: Vec<Reminder> = earlier
        .iter()
        .filter(|one| one.is_open())
        .map(|one| closed(one, change, same(&one.reminder)))
        .collect();
    let waits = |step| open(step).is_some_and(|one| same(&one.reminder));
    let news = is_news(change, near);
    let announce = news || waits(Step::Booked) || waits(Step::Cancelled);
    let fates =
        Terms::of(business, booking).fates(&booking.visit, booking.status, announce, change.at);
    for (step, fate) in fates {
        let done = |row: &Reminder| row.state == ReminderState::Sent && same(row);
        // What was called off and agreed again is told again, for the same time too.
        let anew = news && change.kind == "status";
        if (settled(step) && !(anew && matches!(step, Step::Booked | Step::Cancelled)))
            || rows.iter().any(|row| row.step == step.name() && done(row))
        {
            continue;
        }
        let before = open(step).map(|one| &one.reminder).filter(|one| same(one));
        rows.push(planned(booking, step, fate, before, change.at));
    }
    rows
}

/// Whether the customer is to be told: she knows what she did herself, in her chat, and a small move is
/// not worth a message.
fn is_news(change: &BookingEvent, near: TimeDelta) -> bool {
    let by_firm = change.who != CUSTOMER;
    let start = change.after.visit.starts_at();
    let before = change.before.as_ref();
    let far = before.is_none_or(|before| (before.visit.starts_at() - start).abs() > near);
    match change.kind.as_str() {
        "booked" => by_firm && change.after.source != IMPORT,
        "moved" => by_firm && far,
        "status" => {
            let by_salon = |booking: &Booking| booking.status == Status::CancelledBySalon;
            let expected = |booking: &Booking| booking.status.is_active();
            let turned = before.is_some_and(|before| {
                expected(before) && by_salon(&change.after)
                    || by_salon(before) && expected(&change.after)
            });
            by_firm && turned
        }
        _ => false,
    }
}

/// What becomes of a reminder of an earlier version that was open; whether it speaks of the `same` time.
fn closed(one: &Earlier, change: &BookingEvent, same: bool) -> Reminder {
    let status = change.after.status;
    let confirmed = status == Status::Confirmed && change.who == CUSTOMER;
    // What is with a messenger was on its way before the change.
    let (state, reason) = if one.is_out() && confirmed && same {
        (ReminderState::Sent, Some(Reason::Confirmed))
    } else if one.is_out() && !(same && status.is_active()) {
        (ReminderState::Sent, None)
    } else if status.is_cancelled() {
        (ReminderState::Skipped, Some(Reason::Cancelled))
    } else {
        (ReminderState::Skipped, Some(Reason::Changed))
    };
    Reminder {
        state,
        due: None,
        reason: reason.map(|reason| reason.name().to_owned()),
        ..one.reminder.clone()
    }
}

/// A reminder of the new version, which goes on where an open one of the same visit stopped.
fn planned(
    booking: &Booking,
    step: Step,
    fate: Fate,
    before: Option<&Reminder>,
    now: DateTime<Utc>,
) -> Reminder {
    let start = booking.visit.starts_at();
    let new = Reminder {
        booking: booking.id,
        version: booking.version,
        step: step.name().to_owned(),
        state: ReminderState::Planned,
        due: Some(now),
        until: start,
        visit_at: start,
        reason: None,
        tries: Vec::new(),
    };
    match (fate, before) {
        (_, Some(before)) if !before.tries.is_empty() => Reminder {
            state: ReminderState::Sending,
            until: before.until,
            visit_at: before.visit_at,
            tries: before.tries.clone(),
            ..new
        },
        // It was due, and only not sent yet.
        (Fate::Skip(Reason::Past), Some(before)) => Reminder {
            until: before.until,
            ..new
        },
        (Fate::Due { due, until }, _) => Reminder {
            due: Some(due),
            until,
            ..new
        },
        (Fate::Skip(reason), _) => Reminder {
            state: ReminderState::Skipped,
            due: None,
            reason: Some(reason.name().to_owned()),
            ..new
        },
    }
}

/// What the journal gets of a change and of the reminders that follow from it.
pub(super) fn lines(change: &BookingEvent, rows: &[Reminder]) -> Vec<Event> {
    let line = |row: &Reminder| {
        let outcome = match row.state {
            ReminderState::Planned => "planned",
            ReminderState::Skipped => "skipped",
            ReminderState::Sent if row.reason.is_some() => "delivered",
            // It is under way, or was, and the journal has that.
            ReminderState::Sending | ReminderState::Sent => return None,
        };
        Some(told(row, &change.after, outcome, change.at))
    };
    let mut lines = vec![changed(change)];
    lines.extend(rows.iter().filter_map(line));
    lines
}

/// Whose time it takes, from when until when.
fn times(booking: &Booking) -> Vec<(&str, DateTime<Utc>, DateTime<Utc>)> {
    let items = booking.visit.items.iter();
    items
        .map(|item| (item.resource.as_str(), item.starts_at, item.ends_at))
        .collect()
}

fn changed(change: &BookingEvent) -> Event {
    let booking = &change.after;
    let version = booking.version.to_string();
    let id = ids::derive(&["booking event", &booking.id.to_string(), &version]);
    let mut event = Event::new(id, Kind::Booking, change.at);
    if let Some(conversation) = &booking.conversation {
        event = event.about(conversation);
    }
    let action = match (change.kind.as_str(), booking.status) {
        ("booked", _) => "create_booking",
        ("moved", _) => "move_booking",
        ("status", Status::Confirmed) => "confirm_booking",
        ("status", Status::CancelledByCustomer | Status::CancelledBySalon) => "cancel_booking",
        ("status", Status::NoShow) => "miss_booking",
        ("status", Status::Arrived) => "arrive_booking",
        ("status", Status::Late) => "late_booking",
        _ => "change_booking",
    };
    event.action = Some(action.to_owned());
    event.outcome = Some(booking.status.name().to_owned());
    event.booking_id = Some(booking.id.to_string());
    if change.who == CUSTOMER {
        event.turn_id = Some(change.cause);
    } else {
        event.staff_id = Some(change.who.clone());
    }
    event.client = Some(Client {
        phone: booking.phone.clone(),
        name: Some(booking.name.clone()).filter(|name| !name.is_empty()),
    });
    let before = change.before.as_ref();
    let freed = before.filter(|_| change.kind == "moved" || booking.status.is_cancelled());
    event.sources = Some(serde_json::json!({
        "version": booking.version,
        "source": booking.source,
        "starts_at": booking.visit.starts_at(),
        "services": booking.visit.items.iter().map(|item| &item.service).collect::<Vec<_>>(),
        "taken": times(booking),
        "freed": freed.filter(|before| before.status.is_active()).map(times),
    }));
    event
}
