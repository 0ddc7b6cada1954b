//! What can be asked of the appointment book.

use std::path::PathBuf;

use chrono::{NaiveDate, NaiveDateTime};
use clap::{Args, Subcommand, ValueEnum};
use uuid::Uuid;
use zapis_core::store::Status;

/// The appointment book.
#[derive(Debug, Subcommand)]
pub enum BookCommand {
    /// The visits of today.
    #[command(after_help = "Examples:
  zapis book today
  zapis book today --person anna --json
  zapis book today --location kolokolnaya")]
    Today {
        /// Only those of this person.
        #[arg(long)]
        person: Option<String>,
        /// Only those at this location.
        #[arg(long)]
        location: Option<String>,
        /// Also those that were cancelled or missed.
        #[arg(long)]
        all: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// The visits of some days.
    #[command(after_help = "Examples:
  zapis book list
  zapis book list --from 2026-12-01 --days 31 --all --json")]
    List {
        /// The first day; today when it is not given.
        #[arg(long, value_name = "DAY")]
        from: Option<NaiveDate>,
        /// How many days.
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=366))]
        days: u32,
        /// Only those of this person.
        #[arg(long)]
        person: Option<String>,
        /// Also those that were cancelled or missed.
        #[arg(long)]
        all: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Who waits for a time to become free, the longest first.
    #[command(after_help = "Examples:
  zapis book waiting
  zapis book waiting --json")]
    Waiting {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Free times for one service or several.
    #[command(after_help = "Examples:
  zapis book free women-cut
  zapis book free manicure-gel --person anna --when \"завтра после 17\"
  zapis book free women-cut men-cut --together --when saturday")]
    Free {
        /// What is to be done.
        #[command(flatten)]
        wish: Wished,
        /// When, in words; as soon as possible when it is not given.
        #[arg(long, value_name = "WORDS")]
        when: Option<String>,
        /// At most this many.
        #[arg(long, default_value_t = 20)]
        limit: usize,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Book a visit for somebody who calls or walks in.
    #[command(after_help = "Examples:
  zapis book add women-cut --at \"2026-12-01 15:00\" --name Ольга --phone \"+7 912 345-67-89\"
  zapis book add manicure-gel --person anna --at \"2026-12-01 12:10\" --source walk-in")]
    Add {
        /// What is to be done.
        #[command(flatten)]
        wish: Wished,
        /// When it begins at the firm, at a multiple of five minutes.
        #[arg(long, value_name = "DAY TIME", value_parser = moment)]
        at: NaiveDateTime,
        /// The customer's name.
        #[arg(long, default_value = "")]
        name: String,
        /// The customer's phone.
        #[arg(long)]
        phone: Option<String>,
        /// For whom, when not for the customer herself.
        #[arg(long = "for", value_name = "WHOM")]
        for_whom: Option<String>,
        /// What the staff should know.
        #[arg(long)]
        notes: Option<String>,
        /// Where it comes from.
        #[arg(long, default_value = "phone")]
        source: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Move a visit to another time or person.
    #[command(after_help = "Examples:
  zapis book move 6f1c2b1e-6f0a-5c55-9d3c-0a8f2f6f7c11 --at \"2026-12-02 11:00\"
  zapis book move 6f1c2b1e-6f0a-5c55-9d3c-0a8f2f6f7c11 --at \"2026-12-02 11:00\" --person vera")]
    Move {
        /// The booking.
        id: Uuid,
        /// When it begins now, at a multiple of five minutes.
        #[arg(long, value_name = "DAY TIME", value_parser = moment)]
        at: NaiveDateTime,
        /// Who does it now; as before when it is not given.
        #[arg(long)]
        person: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Cancel a visit.
    #[command(after_help = "Examples:
  zapis book cancel 6f1c2b1e-6f0a-5c55-9d3c-0a8f2f6f7c11
  zapis book cancel 6f1c2b1e-6f0a-5c55-9d3c-0a8f2f6f7c11 --by-customer")]
    Cancel {
        /// The booking.
        id: Uuid,
        /// The customer wished it, not the firm.
        #[arg(long)]
        by_customer: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Note how far a visit got.
    #[command(after_help = "Examples:
  zapis book status 6f1c2b1e-6f0a-5c55-9d3c-0a8f2f6f7c11 arrived
  zapis book status 6f1c2b1e-6f0a-5c55-9d3c-0a8f2f6f7c11 no-show")]
    Status {
        /// The booking.
        id: Uuid,
        /// How far.
        status: StatusName,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Keep time of a person or a room free of visits.
    #[command(after_help = "Examples:
  zapis book block anna --from \"2026-12-01 13:00\" --until \"2026-12-01 14:00\" --note обед
  zapis book block cosmetology-room --from \"2026-12-01 09:00\" --until \"2026-12-03 21:00\" --note ремонт")]
    Block {
        /// The person or the room.
        resource: String,
        /// From when.
        #[arg(long, value_name = "DAY TIME", value_parser = moment)]
        from: NaiveDateTime,
        /// Until when.
        #[arg(long, value_name = "DAY TIME", value_parser = moment)]
        until: NaiveDateTime,
        /// Why.
        #[arg(long, default_value = "")]
        note: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Open blocked time again.
    #[command(after_help = "Examples:
  zapis book unblock 6f1c2b1e-6f0a-5c55-9d3c-0a8f2f6f7c11")]
    Unblock {
        /// The block, as `block` has named it.
        id: Uuid,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Set the working time of one day for a person or a location.
    #[command(after_help = "Examples:
  zapis book hours anna 2026-12-05 12:00-18:00
  zapis book hours anna 2026-12-06 closed
  zapis book hours kolokolnaya 2026-12-31 \"10:00-14:00, 15:00-16:00\"
  zapis book hours anna 2026-12-05 as-usual")]
    Hours {
        /// The person or the location.
        resource: String,
        /// The day.
        day: NaiveDate,
        /// The working time, `closed`, or `as-usual`: what the file says.
        hours: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Secret addresses under which calendar programs read the book.
    #[command(
        subcommand,
        after_help = "Examples:
  zapis book feed add --person anna
  zapis book feed list"
    )]
    Feed(FeedCommand),
    /// Take over bookings from another program: a table or a calendar.
    #[command(after_help = "Examples:
  zapis book import --dry-run visits.csv
  zapis book import visits.csv
  zapis book import anna.ics --person anna

A table has a line of headings: date, time, service, person, and where known name, phone, notes, minutes (or дата,
время, услуга, мастер, имя, телефон, заметка, минуты). In a calendar the summary is \"service\" or \"service, customer\".
Services and people are told by id or name. A line that is in the book already is not booked again. Exit code 1 when
a line could not be booked, 2 when the file cannot be read.")]
    Import {
        /// The file: .csv or .ics.
        file: PathBuf,
        /// Whose calendar it is.
        #[arg(long)]
        person: Option<String>,
        /// Only tell what would be done.
        #[arg(long)]
        dry_run: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Calendars to subscribe to.
#[derive(Debug, Subcommand)]
pub enum FeedCommand {
    /// Make an address for a person or a location; it is shown once.
    #[command(after_help = "Examples:
  zapis book feed add --person anna
  zapis book feed add --location kolokolnaya --json

Whoever has the address reads names and notes of customers: give it to one person, and make another one for the next.")]
    Add {
        /// Whose visits it shows.
        #[command(flatten)]
        whose: FeedWhose,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// The addresses that were made, without their secrets.
    #[command(after_help = "Examples:
  zapis book feed list
  zapis book feed list --json")]
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take an address back for good, e.g. when the phone that has it is lost.
    #[command(after_help = "Examples:
  zapis book feed revoke 6f1c2b1e-6f0a-4c55-9d3c-0a8f2f6f7c11")]
    Revoke {
        /// The feed, as `add` and `list` name it.
        id: Uuid,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// One person or one location.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct FeedWhose {
    /// The visits of this person.
    #[arg(long)]
    pub person: Option<String>,
    /// The visits at this location.
    #[arg(long)]
    pub location: Option<String>,
}

/// What is to be done, and by whom.
#[derive(Debug, Args)]
pub struct Wished {
    /// The services' ids.
    #[arg(required = true, value_name = "SERVICE")]
    pub services: Vec<String>,
    /// Who does it; once for all services, or once for each of them.
    #[arg(long)]
    pub person: Vec<String>,
    /// All at the same time, for several people.
    #[arg(long)]
    pub together: bool,
}

/// How far a visit got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StatusName {
    /// Made.
    Booked,
    /// The customer said that she comes.
    Confirmed,
    /// The customer is late.
    Late,
    /// She is there.
    Arrived,
    /// She did not come.
    NoShow,
}

impl StatusName {
    /// As the book has it.
    pub fn status(self) -> Status {
        match self {
            Self::Booked => Status::Booked,
            Self::Confirmed => Status::Confirmed,
            Self::Late => Status::Late,
            Self::Arrived => Status::Arrived,
            Self::NoShow => Status::NoShow,
        }
    }
}

fn moment(text: &str) -> Result<NaiveDateTime, String> {
    let text = text.replace('T', " ");
    NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M")
        .map_err(|_| "expected a day and a time, such as \"2026-12-01 15:00\"".to_owned())
}
