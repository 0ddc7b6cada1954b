//! How the firm books: steps, notice, holds, and what visits need besides a person.

use super::Words;

/// How visits are booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookingRules {
    /// Visits begin at these minutes of the day: 0, 15, 30, 45, …
    pub step_minutes: u32,
    /// A customer books no later than so many minutes before the visit.
    pub min_notice_minutes: u32,
    /// A customer books no more than so many days ahead.
    pub max_days: u32,
    /// How long a time that was shown to a customer is kept free for her.
    pub hold_minutes: u32,
    /// How long a time that became free is offered to one customer of the waiting list; 0: there is no list.
    pub waiting_minutes: u32,
    /// How long before the visit the customer may still move or cancel it by herself.
    pub cancel_hours: u32,
    /// The version of the consent that customers give.
    pub consent_version: String,
    /// Who keeps the book.
    pub calendar: CalendarKind,
    /// At which minute of the day the staff is shown the day's visits.
    pub day_list: Option<u32>,
    /// At which minute of the day the staff is shown the visits of the next day.
    pub next_day_list: Option<u32>,
    /// How long before a visit that is not confirmed the staff is asked to call; 0: never.
    pub call_hours: u32,
}

impl Default for BookingRules {
    fn default() -> Self {
        Self {
            step_minutes: 15,
            min_notice_minutes: 60,
            max_days: 60,
            hold_minutes: 5,
            waiting_minutes: 30,
            cancel_hours: 3,
            consent_version: "2026-11".to_owned(),
            calendar: CalendarKind::Own,
            day_list: Some(9 * 60),
            next_day_list: Some(20 * 60),
            call_hours: 2,
        }
    }
}

/// Who keeps the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalendarKind {
    /// This program.
    Own,
    /// The staff, elsewhere: the bot passes wishes on to them.
    External,
}

/// A room or a machine that a service needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Short name for other settings.
    pub id: String,
    /// What the staff calls it.
    pub name: Words,
    /// The id of its location.
    pub location: String,
}
