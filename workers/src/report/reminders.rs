//! What became of the messages about visits, and of the visits.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;
use zapis_core::event::{Event, Kind};

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
}

/// Counts while the journal streams by.
#[derive(Debug, Default)]
pub struct Reminders {
    steps: BTreeMap<Step, StepTally>,
    asked: HashSet<String>,
    confirmed: HashSet<String>,
    /// Whether the customer came, as it was marked last.
    came: HashMap<String, bool>,
}

impl Reminders {
    /// What it reads.
    pub const KINDS: [Kind; 2] = [Kind::Reminder, Kind::Booking];

    /// Takes the next event.
    pub fn take(&mut self, event: &Event) {
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

    fn changed(&mut self, event: &Event, booking: &str) {
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
        Reminded {
            steps: self.steps.into_values().collect(),
            asked,
            confirmed,
            confirmation_rate: rate(confirmed, asked),
            came,
            missed,
            no_show_rate: rate(missed, came + missed),
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
