//! What became of the messages about visits, and of the visits.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use zapis_core::event::{Event, Kind};
use zapis_core::store::Status;

use crate::business::Step;

/// What became of one step of the plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StepTally {
    /// The step.
    pub step: &'static str,
    /// How many were planned, those that were planned anew after a change too.
    pub planned: u32,
    /// How many were handed to a messenger, by all ways.
    pub sent: u32,
    /// How many arrived, as far as the messenger can tell.
    pub delivered: u32,
    /// How many were not sent, by reason.
    pub skipped: BTreeMap<String, u32>,
}

/// The whole report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reminded {
    /// By step, in the order of the plan.
    pub steps: Vec<StepTally>,
    /// Bookings whose question of the day before arrived.
    pub asked: u32,
    /// Of these, how many were confirmed.
    pub confirmed: u32,
    /// Confirmed among asked, 0 to 1.
    pub confirmation_rate: Option<f64>,
    /// Bookings marked as come.
    pub came: u32,
    /// Bookings marked as missed.
    pub missed: u32,
    /// Missed among those that are marked, 0 to 1.
    pub no_show_rate: Option<f64>,
    /// Times that were given back before they came, by a move or a cancellation.
    pub freed: u32,
    /// Of these, how many somebody else had a part of in the end.
    pub refilled: u32,
    /// Refilled among freed, 0 to 1.
    pub refill_rate: Option<f64>,
    /// Customers who put themselves on the waiting list.
    pub waited: u32,
    /// Free times that were offered to them.
    pub offered: u32,
    /// Of these, how many were taken.
    pub taken: u32,
}

/// Time of somebody or of a room.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Time(String, DateTime<Utc>, DateTime<Utc>);

impl Time {
    fn meets(&self, other: &Self) -> bool {
        self.0 == other.0 && self.1 < other.2 && other.1 < self.2
    }
}

/// Counts while the journal streams by.
#[derive(Debug, Default)]
pub struct Reminders {
    steps: BTreeMap<Step, StepTally>,
    asked: HashSet<String>,
    confirmed: HashSet<String>,
    /// Whether the customer came, as it was marked last.
    came: HashMap<String, bool>,
    /// What each booking gave back ahead of time.
    freed: Vec<(String, Vec<Time>)>,
    /// What each booking has, by now.
    taken: HashMap<String, Vec<Time>>,
    waited: u32,
    offered: u32,
    offers_taken: u32,
}

impl Reminders {
    /// What it reads.
    pub const KINDS: [Kind; 2] = [Kind::Reminder, Kind::Booking];

    /// Takes the next event.
    pub fn take(&mut self, event: &Event) {
        if event.kind == Kind::Booking {
            self.waits(event);
        }
        let Some(booking) = &event.booking_id else {
            return;
        };
        match event.kind {
            Kind::Reminder => self.reminded(event, booking),
            Kind::Booking => self.changed(event, booking),
            _ => {}
        }
    }

    fn reminded(&mut self, event: &Event, booking: &str) {
        let step = event
            .sources
            .as_ref()
            .and_then(|sources| sources["step"].as_str());
        let Some(step) = step.and_then(Step::named) else {
            return;
        };
        let tally = self.steps.entry(step).or_insert_with(|| StepTally {
            step: step.name(),
            ..StepTally::default()
        });
        match event.outcome.as_deref() {
            Some("planned") => tally.planned += 1,
            Some("sent") => tally.sent += 1,
            Some("delivered") => {
                tally.delivered += 1;
                if step == Step::DayBefore {
                    self.asked.insert(booking.to_owned());
                }
            }
            Some("skipped") => {
                let reason = event.reason.clone().unwrap_or_default();
                *tally.skipped.entry(reason).or_default() += 1;
            }
            _ => {}
        }
    }

    fn waits(&mut self, event: &Event) {
        match (event.action.as_deref(), event.outcome.as_deref()) {
            (Some("join_waiting"), _) => self.waited += 1,
            (Some("offer_slot"), Some("offered")) => self.offered += 1,
            (Some("offer_slot"), Some("taken")) => self.offers_taken += 1,
            _ => {}
        }
    }

    fn changed(&mut self, event: &Event, booking: &str) {
        let times = |name: &str| {
            let sources = event.sources.as_ref()?;
            Vec::<Time>::deserialize(&sources[name]).ok()
        };
        let mut freed = times("freed").unwrap_or_default();
        freed.retain(|time| time.1 > event.timestamp);
        if !freed.is_empty() {
            self.freed.push((booking.to_owned(), freed));
        }
        let gone = event.outcome.as_deref().is_some_and(|outcome| {
            let mut all = Status::ALL.into_iter();
            all.any(|status| status.name() == outcome && !status.is_active())
        });
        if gone {
            self.taken.remove(booking);
        } else if let Some(taken) = times("taken") {
            self.taken.insert(booking.to_owned(), taken);
        }
        match event.action.as_deref() {
            Some("confirm_booking") => {
                self.confirmed.insert(booking.to_owned());
            }
            Some("arrive_booking") => {
                self.came.insert(booking.to_owned(), true);
            }
            Some("miss_booking") => {
                self.came.insert(booking.to_owned(), false);
            }
            _ => {}
        }
    }

    /// What it came to.
    pub fn done(self) -> Reminded {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let rate = |part: u32, whole: u32| (whole > 0).then(|| f64::from(part) / f64::from(whole));
        let confirmed = count(self.asked.intersection(&self.confirmed).count());
        let asked = count(self.asked.len());
        let came = count(self.came.values().filter(|came| **came).count());
        let missed = count(self.came.len()) - came;
        let refilled = self.freed.iter().filter(|(whose, times)| {
            let mut others = self.taken.iter().filter(|(other, _)| *other != whose);
            others.any(|(_, taken)| {
                taken
                    .iter()
                    .any(|one| times.iter().any(|time| time.meets(one)))
            })
        });
        let (freed, refilled) = (count(self.freed.len()), count(refilled.count()));
        Reminded {
            steps: self.steps.into_values().collect(),
            asked,
            confirmed,
            confirmation_rate: rate(confirmed, asked),
            came,
            missed,
            no_show_rate: rate(missed, came + missed),
            freed,
            refilled,
            refill_rate: rate(refilled, freed),
            waited: self.waited,
            offered: self.offered,
            taken: self.offers_taken,
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;

    fn event(kind: Kind, booking: &str, change: impl FnOnce(&mut Event)) -> Event {
        let mut event = Event::new(Uuid::new_v4(), kind, DateTime::default());
        event.booking_id = Some(booking.to_owned());
        change(&mut event);
        event
    }

    fn reminder(booking: &str, step: &str, outcome: &str, reason: Option<&str>) -> Event {
        event(Kind::Reminder, booking, |event| {
            event.outcome = Some(outcome.to_owned());
            event.reason = reason.map(str::to_owned);
            event.sources = Some(serde_json::json!({ "step": step }));
        })
    }

    fn booking(booking: &str, action: &str) -> Event {
        event(Kind::Booking, booking, |event| {
            event.action = Some(action.to_owned());
        })
    }

    fn changed(
        who: &str,
        action: &str,
        outcome: &str,
        taken: &serde_json::Value,
        freed: &serde_json::Value,
    ) -> Event {
        event(Kind::Booking, who, |event| {
            event.action = Some(action.to_owned());
            event.outcome = Some(outcome.to_owned());
            event.sources = Some(serde_json::json!({ "taken": taken, "freed": freed }));
        })
    }

    #[test]
    fn a_time_that_was_given_back_is_refilled_by_whoever_has_a_part_of_it_in_the_end() {
        let time = |person: &str, from: &str, until: &str| {
            serde_json::json!([[
                person,
                format!("2026-11-27T{from}Z"),
                format!("2026-11-27T{until}Z")
            ]])
        };
        let (noon, before, later) = (
            time("anna", "12:00:00", "13:00:00"),
            time("vera", "12:00:00", "13:00:00"),
            time("vera", "12:30:00", "13:30:00"),
        );
        let (half, early) = (
            time("anna", "12:30:00", "13:30:00"),
            time("vera", "11:30:00", "12:30:00"),
        );
        let none = serde_json::Value::Null;
        let mut reminders = Reminders::default();
        for one in [
            changed("a", "create_booking", "booked", &noon, &none),
            changed("a", "cancel_booking", "cancelled_by_customer", &noon, &noon),
            // Moved by half an hour: what it left is still partly its own.
            changed("b", "create_booking", "booked", &before, &none),
            changed("b", "move_booking", "booked", &later, &before),
            changed("c", "create_booking", "booked", &half, &none),
            // Came and went again.
            changed("d", "create_booking", "booked", &early, &none),
            changed("d", "cancel_booking", "cancelled_by_salon", &none, &early),
        ] {
            reminders.take(&one);
        }
        for outcome in ["offered", "offered", "taken"] {
            let mut offer = event(Kind::Booking, "", |_| {});
            offer.booking_id = None;
            offer.action = Some("offer_slot".to_owned());
            offer.outcome = Some(outcome.to_owned());
            reminders.take(&offer);
        }

        let done = reminders.done();

        assert_eq!((done.freed, done.refilled), (3, 1), "anna's alone");
        assert_eq!((done.offered, done.taken), (2, 1));
    }

    #[test]
    fn rates_are_of_those_who_were_asked_and_of_those_who_are_marked() {
        let mut reminders = Reminders::default();
        for one in [
            reminder("a", "day_before", "planned", None),
            reminder("a", "day_before", "sent", None),
            reminder("a", "day_before", "delivered", None),
            reminder("b", "day_before", "delivered", None),
            reminder("b", "soon", "skipped", Some("quiet_hours")),
            reminder("c", "soon", "skipped", Some("quiet_hours")),
            booking("a", "confirm_booking"),
            booking("c", "confirm_booking"),
            booking("a", "miss_booking"),
            booking("a", "arrive_booking"),
            booking("b", "miss_booking"),
        ] {
            reminders.take(&one);
        }

        let done = reminders.done();

        assert_eq!((done.asked, done.confirmed), (2, 1));
        assert_eq!(done.confirmation_rate, Some(0.5));
        assert_eq!(
            (done.came, done.missed, done.no_show_rate),
            (1, 1, Some(0.5))
        );
        let steps: Vec<_> = done.steps.iter().map(|one| one.step).collect();
        assert_eq!(steps, ["day_before", "soon"]);
        assert_eq!(
            (
                done.steps[0].planned,
                done.steps[0].sent,
                done.steps[0].delivered
            ),
            (1, 1, 2)
        );
        assert_eq!(
            done.steps[1].skipped,
            BTreeMap::from([("quiet_hours".to_owned(), 2)])
        );
        assert_eq!(Reminders::default().done().no_show_rate, None);
    }
}
