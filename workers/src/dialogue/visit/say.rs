//! What is said about visits.

use chrono::NaiveDate;
use uuid::Uuid;
use zapis_core::store::{Booking, WaitEntry};

use super::form::{Offer, Task};

/// A reading of an ambiguous time: the day, and the minute of the day where one was named.
pub(super) type Meant = (NaiveDate, Option<u32>);

/// Why these times are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// They are what was wished.
    Wished,
    /// They are the nearest to it.
    Nearest,
    /// What was chosen has been taken meanwhile.
    Instead,
}

/// Something to say about a visit.
#[derive(Debug, Clone, PartialEq)]
pub enum Say {
    /// Which service?
    Categories,
    /// Which of these services?
    Services(Vec<String>),
    /// That person does not do it; these do.
    NotDoneBy {
        /// The service.
        service: String,
        /// The person.
        person: String,
    },
    /// These times are free.
    Offer(Vec<Offer>, Fit),
    /// This one is kept free.
    Keeping(Offer),
    /// Which day and time?
    AskTime,
    /// Nothing is free.
    NothingFree,
    /// What did the words mean?
    Doubt(Vec<Meant>),
    /// May data be processed?
    Consent,
    /// Not without consent.
    NoConsent,
    /// What is your name?
    Name,
    /// And the phone?
    Phone,
    /// That is no phone.
    BadPhone,
    /// Is all of this right?
    ReadBack(Box<ReadBack>),
    /// Then what is to be changed?
    WhatToChange,
    /// Done.
    Done(Task, Box<Booking>),
    /// Shall this be cancelled?
    AskCancel(Box<Booking>),
    /// It stays.
    Kept(Box<Booking>),
    /// Which of these?
    Bookings(Task, Vec<Booking>),
    /// Here they are.
    Mine(Vec<Booking>),
    /// There are none.
    NoBookings,
    /// It is too late to do it alone.
    TooLate(Box<Booking>),
    /// It has changed meanwhile.
    Changed(Box<Booking>),
    /// The customer comes.
    Confirmed(Box<Booking>),
    /// Thanks for a rating.
    Rated,
    /// Not any more, then.
    Dropped,
    /// The customer is on the waiting list.
    Waiting(Box<WaitEntry>),
    /// And stays there.
    StillWaiting(Uuid),
    /// Not any more.
    WaitsNoMore,
    /// The offered time cannot be taken any more; whether others are waited for.
    OfferOver(bool),
}

/// All of a visit before it is booked or moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadBack {
    /// What is done.
    pub task: Task,
    /// The time.
    pub offer: Offer,
    /// The customer's name.
    pub name: String,
    /// The customer's phone.
    pub phone: String,
    /// For whom.
    pub for_whom: Option<String>,
}
