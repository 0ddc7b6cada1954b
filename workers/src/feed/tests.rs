//! What a calendar program reads: every word as it goes out, whatever people write.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use uuid::Uuid;
use zapis_core::store::{
    Block, Booked, Booking, BookingChange, Change, Changed, Feed, FeedOf, Item, NewBooking, Status,
    Store, Visit, Wanted,
};

use super::text;
use crate::book::import::calendar;
use crate::business::{Business, read};

const NOW: &str = "2026-10-20 09:00";

/// A firm where clocks change on 25 October 2026.
fn firm() -> Business {
    let firm = r#"
name = "Салон «Лён»"
time_zone = "Europe/Berlin"
[escalation]
owner = "Анна"
hours = { mon-sun = "10:00-20:00" }
[[locations]]
id = "main"
name = "Лён на Мира"
address = "пр. Мира, 1; вход со двора"
hours = { mon-sun = "10:00-21:00" }
[[locations]]
id = "north"
name = "Лён на Севере"
address = "Северная, 2"
hours = { mon-sun = "10:00-21:00" }
[[services]]
id = "cut"
name = "Женская стрижка"
category = "Волосы"
minutes = 60
price = 1900
[[services]]
id = "nails"
name = "Маникюр"
category = "Ногти"
minutes = 60
price = 2000
[[staff]]
id = "anna"
name = "Анна Соколова"
role = "мастер"
location = "main"
services = ["cut"]
schedule = { mon-sun = "10:00-19:00" }
[[staff]]
id = "vera"
name = "Вера Лис"
role = "мастер"
location = "main"
services = ["cut", "nails"]
schedule = { mon-sun = "10:00-19:00" }
"#;
    read(firm).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// A moment of the firm's clock.
fn at(text: &str) -> DateTime<Utc> {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    let zone = local.and_local_timezone(chrono_tz::Europe::Berlin);
    zone.earliest().unwrap().to_utc()
}

/// An hour of somebody.
fn item(service: &str, person: &str, begins: &str) -> Item {
    Item {
        service: service.into(),
        resource: person.into(),
        needs: Vec::new(),
        starts_at: at(begins),
        ends_at: at(begins) + TimeDelta::hours(1),
        buffer: (10, 10),
        price: String::new(),
    }
}

struct Desk {
    store: Store,
    firm: Business,
}

impl Desk {
    async fn open() -> Self {
        Self {
            store: Store::open("sqlite::memory:").await.unwrap(),
            firm: firm(),
        }
    }

    /// Books for Olga, with changes to what is asked for.
    async fn book(&self, items: Vec<Item>, change: impl FnOnce(&mut NewBooking)) -> Booking {
        let place = format!("{items:?}");
        let mut request = NewBooking {
            wanted: Wanted::Visit(Visit {
                location: "main".into(),
                items,
            }),
            cause: Uuid::new_v5(&Uuid::NAMESPACE_OID, place.as_bytes()),
            who: "Марина".into(),
            conversation: None,
            name: "Ольга".into(),
            phone: Some("+79215550142".into()),
            source: "phone".into(),
            for_whom: None,
            notes: None,
        };
        change(&mut request);
        match self.store.book(&request, at(NOW)).await.unwrap() {
            Booked::Booked(booking) => booking,
            other => panic!("{other:?}"),
        }
    }

    async fn change(&self, booking: &Booking, to: Change) -> Booking {
        let change = BookingChange {
            booking: booking.id,
            version: booking.version,
            cause: Uuid::new_v4(),
            who: "Марина".into(),
            conversation: None,
            to,
        };
        let later = at(NOW) + TimeDelta::hours(1);
        match self.store.change_booking(&change, later).await.unwrap() {
            Changed::Done(booking) => booking,
            other => panic!("{other:?}"),
        }
    }

    async fn feed(&self, of: FeedOf, now: DateTime<Utc>) -> Option<String> {
        let feed = Feed {
            id: Uuid::nil(),
            of,
            created_at: at("2026-10-01 12:00"),
            created_by: None,
            revoked_at: None,
        };
        text(&self.store, &self.firm, &feed, now).await.unwrap()
    }

    async fn of_anna(&self) -> String {
        let anna = FeedOf::Person("anna".into());
        self.feed(anna, at(NOW)).await.unwrap()
    }

    async fn of_main(&self) -> String {
        let main = FeedOf::Location("main".into());
        self.feed(main, at(NOW)).await.unwrap()
    }
}

fn summaries(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| line.strip_prefix("SUMMARY:"))
        .collect()
}

#[tokio::test]
async fn a_person_sees_her_services_and_what_time_of_hers_is_blocked() {
    let desk = Desk::open().await;
    let items = vec![
        item("nails", "vera", "2026-10-21 14:00"),
        item("cut", "anna", "2026-10-21 15:00"),
    ];
    let booking = desk
        .book(items, |request| {
            request.for_whom = Some("дочка".into());
            request.notes = Some("боится фена".into());
        })
        .await;
    let booking = desk
        .change(&booking, Change::Status(Status::Confirmed))
        .await;
    let lunch = Block {
        resource: "anna".into(),
        from: at("2026-10-21 12:00"),
        until: at("2026-10-21 13:00"),
        note: "обед".into(),
        cause: Uuid::nil(),
    };
    let lunch = desk.store.block(&lunch, at(NOW)).await.unwrap();

    let text = desk.of_anna().await.replace("\r\n ", "");

    let expected = format!(
        r"BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//zapis//calendar feed//RU
CALSCALE:GREGORIAN
X-WR-CALNAME:Анна Соколова · Салон «Лён»
X-WR-TIMEZONE:Europe/Berlin
X-PUBLISHED-TTL:PT15M
REFRESH-INTERVAL;VALUE=DURATION:PT15M
BEGIN:VEVENT
DESCRIPTION:Для кого: дочка\nЗаметка: боится фена\nСтатус: подтверждён
DTEND:20261021T140000Z
DTSTAMP:20261020T080000Z
DTSTART:20261021T130000Z
LAST-MODIFIED:20261020T080000Z
LOCATION:пр. Мира\, 1\; вход со двора
SEQUENCE:2
SUMMARY:Женская стрижка — Ольга
TRANSP:OPAQUE
UID:{}-1@zapis
END:VEVENT
BEGIN:VEVENT
DTEND:20261021T110000Z
DTSTAMP:20261001T100000Z
DTSTART:20261021T100000Z
SUMMARY:Занято: обед
TRANSP:OPAQUE
UID:{lunch}@zapis
END:VEVENT
END:VCALENDAR
",
        booking.id
    );
    assert_eq!(text, expected.replace('\n', "\r\n"));
}

#[tokio::test]
async fn a_location_sees_each_visit_once_with_who_does_it() {
    let desk = Desk::open().await;
    let items = vec![
        item("nails", "vera", "2026-10-21 14:00"),
        item("cut", "anna", "2026-10-21 15:00"),
    ];
    desk.book(items, |request| request.name = String::new())
        .await;
    let elsewhere = vec![item("cut", "anna", "2026-10-22 15:00")];
    desk.book(elsewhere, |request| {
        if let Wanted::Visit(visit) = &mut request.wanted {
            visit.location = "north".into();
        }
    })
    .await;

    let text = desk.of_main().await.replace("\r\n ", "");

    assert_eq!(summaries(&text), ["Маникюр + Женская стрижка — без имени"]);
    assert!(
        text.contains("DESCRIPTION:Мастер: Вера Лис\\, Анна Соколова\\nСтатус: не подтверждён"),
        "{text}"
    );
    assert!(text.contains("DTSTART:20261021T120000Z"), "{text}");
    assert!(text.contains("DTEND:20261021T140000Z"), "{text}");
    assert!(text.contains("X-WR-CALNAME:Лён на Мира\r\n"), "{text}");
}

#[tokio::test]
async fn who_did_not_come_is_marked_and_what_was_cancelled_or_is_far_away_is_left_out() {
    let desk = Desk::open().await;
    let book = async |begins: &str, name: &str| {
        let items = vec![item("cut", "anna", begins)];
        let named = |request: &mut NewBooking| request.name = name.into();
        desk.book(items, named).await
    };
    let missed = book("2026-10-21 10:00", "Ирина").await;
    desk.change(&missed, Change::Status(Status::NoShow)).await;
    let cancelled = book("2026-10-21 12:00", "Мария").await;
    let gone = Change::Status(Status::CancelledByCustomer);
    desk.change(&cancelled, gone).await;
    book("2026-09-20 07:00", "Давно").await;
    book("2026-09-20 09:00", "Недавно").await;
    book("2027-04-18 07:00", "Скоро").await;
    book("2027-04-18 14:00", "Нескоро").await;

    let text = desk.of_anna().await;

    assert_eq!(
        summaries(&text.replace("\r\n ", "")),
        [
            "Женская стрижка — Недавно",
            "Не пришёл: Женская стрижка — Ирина",
            "Женская стрижка — Скоро"
        ]
    );
    assert_eq!(text.matches("TRANSP:TRANSPARENT").count(), 1);
}

#[tokio::test]
async fn what_people_write_stays_in_its_field_on_lines_that_calendars_take() {
    let desk = Desk::open().await;
    let notes = "цвет: 7,1; с\\без чёлки\r\nBEGIN:VEVENT\rATTENDEE:x\u{7}\n".to_owned()
        + &"очень длинная заметка про волосы ".repeat(20);
    let items = vec![item("cut", "anna", "2026-10-21 15:00")];
    desk.book(items, |request| {
        request.name = "Ольга;\nПетрова".into();
        request.notes = Some(notes);
    })
    .await;

    let text = desk.of_anna().await;

    for line in text.split("\r\n") {
        assert!(line.len() <= 75, "{line}");
        assert!(!line.contains(char::is_control), "{line:?}");
    }
    assert_eq!(text.matches("\r\nBEGIN:VEVENT").count(), 1);
    let text = text.replace("\r\n ", "");
    assert_eq!(summaries(&text), ["Женская стрижка — Ольга\\; Петрова"]);
    let whole = "очень длинная заметка про волосы ".repeat(20);
    let written = format!(
        "DESCRIPTION:Заметка: цвет: 7\\,1\\; с\\\\без чёлки\\nBEGIN:VEVENT\\nATTENDEE:x\\n{}\\nСтатус",
        whole.trim_end()
    );
    assert!(text.contains(&written), "{text}");
}

#[tokio::test]
async fn no_phone_goes_into_other_peoples_clouds() {
    let desk = Desk::open().await;
    let items = vec![item("cut", "anna", "2026-10-21 15:00")];
    desk.book(items, |request| {
        request.name = "8 (921) 555-01-42".into();
        request.for_whom = Some("сестра 9215550143".into());
        request.notes = Some(
            "звонить +7 921 555 01 44 или 8.921.555.01.45, или 921\u{2011}555\u{2011}01\u{2011}46, или \
             921\t555\t0147, или 8 921\u{200b}555\u{200b}0148, краска 7.1"
                .into(),
        );
    })
    .await;
    let block = Block {
        resource: "anna".into(),
        from: at("2026-10-22 12:00"),
        until: at("2026-10-22 13:00"),
        note: "врач 8-812-555-01-45".into(),
        cause: Uuid::nil(),
    };
    desk.store.block(&block, at(NOW)).await.unwrap();

    for text in [desk.of_anna().await, desk.of_main().await] {
        let text = text.replace("\r\n ", "");
        for part in ["555", "921", "812"] {
            assert!(!text.contains(part), "{part} in {text}");
        }
        assert!(text.contains("краска 7.1"), "{text}");
    }
}

#[tokio::test]
async fn a_visit_keeps_its_hour_when_the_clocks_change_and_is_read_back_by_our_own_import() {
    let desk = Desk::open().await;
    for day in ["2026-10-24", "2026-10-25", "2027-03-28"] {
        let items = vec![item("cut", "anna", &format!("{day} 15:00"))];
        desk.book(items, |_| {}).await;
    }

    let text = desk.of_anna().await;

    let rows = calendar(&text, desk.firm.time_zone, "anna").unwrap();
    let rows: Vec<_> = rows
        .iter()
        .map(|row| (row.date.to_string(), row.minute, row.minutes))
        .collect();
    let at_three = |day: &str| (day.to_owned(), 15 * 60, Some(60));
    assert_eq!(
        rows,
        [
            at_three("2026-10-24"),
            at_three("2026-10-25"),
            at_three("2027-03-28")
        ]
    );
    assert!(text.contains("DTSTART:20261024T130000Z"), "{text}");
    assert!(text.contains("DTSTART:20261025T140000Z"), "{text}");
}

#[tokio::test]
async fn the_text_stays_the_same_until_something_is_changed() {
    let desk = Desk::open().await;
    let items = vec![item("cut", "anna", "2026-10-21 15:00")];
    let booking = desk.book(items, |_| {}).await;
    let anna = || FeedOf::Person("anna".into());
    let before = desk.of_anna().await;
    let later = desk.feed(anna(), at("2026-10-20 19:00")).await.unwrap();
    assert_eq!(before, later);

    let noted = Change::Notes(Some("с собакой".into()));
    desk.change(&booking, noted).await;

    let after = desk.of_anna().await;
    assert!(before.contains("SEQUENCE:1"), "{before}");
    assert!(after.contains("SEQUENCE:2"), "{after}");
}

#[tokio::test]
async fn who_has_left_the_firm_has_no_calendar() {
    let desk = Desk::open().await;

    for of in [FeedOf::Person("eve".into()), FeedOf::Location("eve".into())] {
        assert_eq!(desk.feed(of, at(NOW)).await, None);
    }
}
