//! What the staff chat shows of the appointment book, and the marks that people set there.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::message::Button;
use crate::store::Status;

/// Something of the appointment book as the staff sees it: one message that is rewritten, not repeated.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Board {
    /// Which message of the chat: what has the same key takes its place.
    pub key: String,
    /// What it says; `**…**` makes words bold.
    pub text: String,
    /// What can be pressed under it.
    #[serde(default)]
    pub buttons: Vec<Button>,
    /// Nothing is shown where the key was not shown before.
    #[serde(default)]
    pub only_rewrites: bool,
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Board({})", self.key)
    }
}

/// What somebody of the staff notes about a visit with one tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The customer is there.
    Arrived,
    /// The customer comes later.
    Late,
    /// The customer did not come.
    NoShow,
    /// The customer was called and comes.
    Called,
}

impl Mark {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Arrived, Self::Late, Self::NoShow, Self::Called];

    const fn name(self) -> &'static str {
        match self {
            Self::Arrived => "visit:arrived",
            Self::Late => "visit:late",
            Self::NoShow => "visit:no_show",
            Self::Called => "visit:called",
        }
    }

    /// What the visit becomes.
    pub const fn status(self) -> Status {
        match self {
            Self::Arrived => Status::Arrived,
            Self::Late => Status::Late,
            Self::NoShow => Status::NoShow,
            Self::Called => Status::Confirmed,
        }
    }

    /// A button that sets it for a booking.
    pub fn button(self, title: &str, booking: Uuid) -> Button {
        Button {
            title: title.to_owned(),
            payload: format!("{}:{booking}", self.name()),
        }
    }

    /// Reads a button back; nothing for a button of something else.
    pub fn read(payload: &str) -> Option<(Self, Uuid)> {
        let (name, booking) = payload.rsplit_once(':')?;
        let mark = Self::ALL.into_iter().find(|mark| mark.name() == name)?;
        Some((mark, booking.parse().ok()?))
    }
}

/// What an order to the book begins with.
const ORDERS: [&str; 13] = [
    "запиш",
    "записат",
    "забронир",
    "перенес",
    "передвин",
    "сдвин",
    "отмени",
    "закро",
    "заблокир",
    "займи",
    "расписани",
    "покажи",
    "записи",
];
/// What is said of somebody who will not be there, and what is asked of a day.
const PHRASES: [&str; 8] = [
    "заболел",
    "болеет",
    "приболел",
    "не выйдет",
    "не сможет выйти",
    "на больничн",
    "что сегодня",
    "что завтра",
];

/// Whether what somebody writes in the staff chat is for the book, by how it begins.
pub fn is_order(text: &str) -> bool {
    let text = text.to_lowercase().replace('ё', "е");
    let first = text.trim_start_matches(|c: char| !c.is_alphabetic());
    ORDERS.iter().any(|order| first.starts_with(order))
        || PHRASES.iter().any(|phrase| text.contains(phrase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn talk_among_the_staff_is_no_order() {
        for order in [
            "Запиши завтра в 15",
            "— отмени Ольгу",
            "Анна заболела",
            "что сегодня?",
        ] {
            assert!(is_order(order), "{order}");
        }
        for talk in [
            "",
            "Кто сегодня до восьми?",
            "я записалась на курсы",
            "не закрывай дверь",
        ] {
            assert!(!is_order(talk), "{talk}");
        }
    }

    #[test]
    fn a_button_is_read_back_and_a_foreign_one_is_not() {
        let booking = Uuid::from_u128(7);
        for mark in Mark::ALL {
            let button = mark.button("x", booking);
            assert!(button.payload.len() <= 64, "{button:?}");
            assert_eq!(Mark::read(&button.payload), Some((mark, booking)));
        }
        for foreign in [
            "",
            "visit:late",
            "visit:late:7",
            "visit:slot:7",
            "draft:send:7",
        ] {
            assert_eq!(Mark::read(foreign), None, "{foreign}");
        }
    }
}
