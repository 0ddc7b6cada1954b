//! Bookings from elsewhere: every line tells what became of it, and a file comes twice without doubling.

use chrono::Timelike;
use zapis_core::Clock;
use zapis_core::store::{Status, Store};

use super::{at, date, moscow};
use crate::book::import::{Line, Outcome, Row, calendar, table};
use crate::book::{Book, Calendar};

const TABLE: &str = "\u{feff}Дата;Время;Услуга;Мастер;Имя;Телефон;Минуты
01.12.2026;10:00;Стрижка;Анна;Ольга;8 912 345-67-89;
2026-12-01;10:30;cut;anna;Мария;;
2026-12-01;12:00;nails;vera;Ирина;;

2026-12-01;15:00;nails;anna;Ирина;;45
2026-12-01;15:00;nails;anna;Ирина;;45
2026-11-01;15:00;cut;anna;Ирина;;
2026-12-01;16:30;pedicure;anna;Ирина;;
2026-12-01;16:30;cut;eva;Ирина;;
2026-12-01;16:30;cut;anna;Ирина;12;
";

async fn desk() -> (Book, Store) {
    let store = Store::open("sqlite::memory:").await.unwrap();
    let clock = Clock::fixed(at(&moscow(), "2026-11-30 09:00"));
    (Book::new(store.clone(), clock), store)
}

#[tokio::test]
async fn each_line_tells_what_became_of_it() {
    let firm = moscow();
    let (book, store) = desk().await;
    let rows = table(TABLE).unwrap();

    let dry = book.import(&firm, &rows, "Марина", true).await.unwrap();
    let all = |store: Store| async move {
        let (from, until) = (
            at(&moscow(), "2026-11-01 00:00"),
            at(&moscow(), "2027-01-01 00:00"),
        );
        store.bookings_between(from, until).await.unwrap()
    };
    assert_eq!(all(store.clone()).await, [], "a dry run writes nothing");
    let lines = book.import(&firm, &rows, "Марина", false).await.unwrap();

    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line.line,
                line.outcome,
                line.why.as_deref().unwrap_or_default(),
            )
        })
        .collect();
    let refused = Outcome::Refused;
    assert_eq!(told[0], (2, Outcome::Booked, ""));
    assert_eq!(told[1].1, refused, "{told:?}");
    assert!(told[1].2.contains("somebody else has this time"));
    assert_eq!(told[2], (4, refused, "vera does not do nails"));
    assert_eq!(told[3], (6, Outcome::Booked, ""));
    assert_eq!(told[4], (7, refused, "the same line stands above"));
    assert_eq!(told[5], (8, refused, "it is in the past"));
    assert_eq!(
        told[6].2,
        "there is no service `pedicure`: use one of cut, nails, face"
    );
    assert_eq!(told[7].2, "there is no person `eva`: did you mean `vera`?");
    assert!(told[8].2.starts_with("the phone is none"));
    let outcomes = |lines: &[Line]| lines.iter().map(|line| line.outcome).collect::<Vec<_>>();
    assert_eq!(outcomes(&dry), outcomes(&lines));
    assert!(dry.iter().all(|line| line.booking.is_none()));
    let bookings = all(store).await;
    assert_eq!(bookings.len(), 2);
    assert_eq!(bookings[0].phone.as_deref(), Some("+79123456789"));
    let minutes = (bookings[1].visit.ends_at() - bookings[1].visit.starts_at()).num_minutes();
    assert_eq!(minutes, 45);
}

#[tokio::test]
async fn a_file_that_comes_twice_books_nothing_twice_even_after_a_cancellation() {
    use zapis_core::store::{BookingChange, Change};
    let firm = moscow();
    let (book, store) = desk().await;
    let rows = table("date,time,service,person,name\n2026-12-01,10:00,cut,anna,Ольга\n").unwrap();
    let first = book.import(&firm, &rows, "Марина", false).await.unwrap();
    let again = book.import(&firm, &rows, "Марина", false).await.unwrap();
    assert_eq!(again[0].outcome, Outcome::Already);
    assert_eq!(again[0].booking, first[0].booking);

    let cancel = BookingChange {
        booking: first[0].booking.unwrap(),
        version: 1,
        cause: uuid::Uuid::from_u128(1),
        who: "Марина".into(),
        conversation: None,
        to: Change::Status(Status::CancelledBySalon),
    };
    book.change(&cancel).await.unwrap();
    let rows = table("date,time,service,person,name\n2026-12-01,10:00,cut,anna,Ольга\n").unwrap();
    book.import(&firm, &rows, "Марина", false).await.unwrap();

    let booking = store.booking(cancel.booking).await.unwrap().unwrap();
    assert_eq!(booking.status, Status::CancelledBySalon);
}

#[test]
fn what_cannot_be_read_is_told_with_its_line() {
    let why = |text: &str| table(text).unwrap_err().to_string();

    assert!(why("date,time,service\n").starts_with("line 1: there is no column `person`"));
    let head = "date,time,service,person,minutes\n";
    let bad = [
        (
            "31/12/2026,10:00,cut,anna,",
            "line 2: `31/12/2026` is no date: write",
        ),
        (
            "2026-12-31,ten,cut,anna,",
            "line 2: `ten` is no time: write 15:30",
        ),
        (
            "2026-12-31,10:00,cut,anna,hour",
            "line 2: `hour` is no number of minutes",
        ),
    ];
    for (line, expected) in bad {
        let told = why(&format!("{head}{line}\n"));
        assert!(told.starts_with(expected), "{told}");
    }
}

#[test]
fn events_of_a_calendar_are_rows_in_the_time_of_the_firm() {
    let zone = chrono_tz::Europe::Moscow;
    let text = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:20261201T070000Z\r\nDTEND:20261201T080000Z\r\n\
        SUMMARY:Стрижка\\, Оль\r\n га\r\nDESCRIPTION:с собакой\\nи ребёнком\r\nEND:VEVENT\r\n\
        BEGIN:VEVENT\r\nDTSTART;TZID=Asia/Yekaterinburg:20261201T140000\r\nSUMMARY:cut\r\nEND:VEVENT\r\n\
        BEGIN:VEVENT\r\nDTSTART:20261201T140000\r\nSTATUS:CANCELLED\r\nSUMMARY:cut\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

    let rows = calendar(text, zone, "anna").unwrap();

    let first = Row {
        line: 2,
        date: date("2026-12-01"),
        minute: 600,
        minutes: Some(60),
        service: "Стрижка".into(),
        person: "anna".into(),
        name: "Ольга".into(),
        phone: String::new(),
        notes: "с собакой и ребёнком".into(),
    };
    assert_eq!(rows[0], first);
    assert_eq!(
        (rows.len(), rows[1].minute, rows[1].minutes),
        (2, 720, None)
    );
    let bad = "BEGIN:VEVENT\nDTSTART:tomorrow\nEND:VEVENT\n";
    let told = calendar(bad, zone, "anna").unwrap_err().to_string();
    assert!(told.starts_with("line 2: `tomorrow` is no time"), "{told}");
    let repeats = "BEGIN:VEVENT\nRRULE:FREQ=DAILY\nEND:VEVENT\n";
    assert!(calendar(repeats, zone, "anna").is_err());
    assert_eq!(at(&moscow(), "2026-12-01 10:00").hour(), 7);
}
