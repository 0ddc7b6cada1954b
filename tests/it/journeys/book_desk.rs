//! The appointment book in the staff chat: news, calls to make, visits to mark with one tap.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;
use zapis_core::Clock;
use zapis_core::store::{Booked, Booking, Item, NewBooking, Status, Store, Visit, Wanted};
use zapis_sandbox::Line;

use crate::support::firm::{Firm, On, PATIENCE, STAFF};

/// A visit of the shipped salon that was agreed two days ago.
fn visit(name: &str, person: &str, starts_at: DateTime<Utc>) -> NewBooking {
    let item = Item {
        service: "women-cut".into(),
        resource: person.into(),
        needs: Vec::new(),
        starts_at,
        ends_at: starts_at + TimeDelta::minutes(60),
        buffer: (0, 0),
        price: String::new(),
    };
    NewBooking {
        wanted: Wanted::Visit(Visit {
            location: "kolokolnaya".into(),
            items: vec![item],
        }),
        cause: Uuid::new_v4(),
        who: "customer".into(),
        conversation: Some("telegram:main:7301".parse().unwrap()),
        name: name.into(),
        phone: Some("+79210000301".into()),
        source: "telegram".into(),
        for_whom: None,
        notes: None,
    }
}

async fn books(store: &Store, wish: &NewBooking) -> Booking {
    let before = Clock::system().now() - TimeDelta::days(2);
    match store.book(wish, before).await.unwrap() {
        Booked::Booked(booking) => booking,
        other => panic!("{other:?}"),
    }
}

/// The last message of the staff chat with all these words in it.
async fn shown(firm: &Firm, parts: &[&str]) -> Line {
    let holds = |line: &Line| parts.iter().all(|part| line.text.contains(part));
    let found = |lines: &[Line]| lines.iter().any(holds);
    let lines = firm.sandbox.telegram_until(STAFF, PATIENCE, found).await;
    let told: Vec<String> = lines.iter().map(|line| line.text.clone()).collect();
    let line = lines.into_iter().rev().find(holds);
    line.unwrap_or_else(|| panic!("no {parts:?} in {told:#?}\n{}", firm.log()))
}

/// Waits until a booking is so.
async fn becomes(store: &Store, booking: &Booking, status: Status) -> String {
    let marked = async {
        loop {
            let events = store.booking_events(booking.id).await.unwrap();
            if let Some(last) = events.last()
                && last.after.status == status
            {
                return last.who.clone();
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, marked).await.unwrap()
}

async fn news_calls_and_marks(on: On) {
    let firm = Firm::open(on).await;
    let store = firm.store().await;
    let now = Clock::system().now();
    // The program has begun to follow the book once it has noted where.
    firm.follows_the_book().await;
    let soon = books(
        &store,
        &visit("Ольга", "olga", now + TimeDelta::minutes(90)),
    )
    .await;
    let begun = books(&store, &visit("Вера", "anna", now - TimeDelta::minutes(5))).await;

    let news = shown(&firm, &["Изменения в записи: 2", "Ольга", "Вера"]).await;
    assert!(news.text.contains("Женская стрижка"), "{}", news.text);
    shown(&firm, &["Нужно позвонить", "Ольга"]).await;
    firm.sandbox.telegram_presses(STAFF, "Позвонили").unwrap();
    let who = becomes(&store, &soon, Status::Confirmed).await;
    assert!(
        !who.is_empty() && who != "customer",
        "the mark is of who pressed"
    );
    let called = shown(&firm, &["Подтверждено", &who, "Ольга"]).await;
    assert!(called.raw["reply_markup"].is_null(), "{:?}", called.raw);

    firm.sandbox.telegram_presses(STAFF, "Опаздывает").unwrap();
    becomes(&store, &begun, Status::Late).await;
    shown(&firm, &["Опаздывает", &who, "Вера"]).await;
    firm.sandbox.telegram_presses(STAFF, "Пришёл").unwrap();
    becomes(&store, &begun, Status::Arrived).await;
    let came = shown(&firm, &["Пришёл", &who, "Вера"]).await;

    let lines = firm.sandbox.telegram_until(STAFF, PATIENCE, |_| true).await;
    let of_vera = lines.iter().filter(|line| line.text.contains("🕒"));
    assert_eq!(of_vera.count(), 1, "rewritten, not repeated: {lines:#?}");
    assert!(!came.text.contains("Опаздывает"), "{}", came.text);
}

#[tokio::test]
async fn the_staff_sees_what_changes_and_marks_it_with_one_tap() {
    news_calls_and_marks(On::Embedded).await;
}

#[tokio::test]
async fn the_same_on_servers() {
    news_calls_and_marks(On::servers("quorum")).await;
}

#[tokio::test]
async fn a_restart_tells_nothing_twice_and_misses_nothing() {
    let mut firm = Firm::open(On::Embedded).await;
    let store = firm.store().await;
    firm.follows_the_book().await;
    let later = Clock::system().now() + TimeDelta::days(3);
    books(&store, &visit("Ольга", "olga", later)).await;
    shown(&firm, &["Новая запись", "Ольга"]).await;

    // A message that is cut off between the call and its record may come twice, and is counted.
    let recorded = "SELECT count(*) FROM ledger WHERE state = 'sent'";
    let wait = async {
        while firm.count(recorded) < 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();

    firm.kill();
    books(&store, &visit("Вера", "anna", later)).await;
    firm.start().await;

    shown(&firm, &["Новая запись", "Вера"]).await;
    let lines = firm.sandbox.telegram_until(STAFF, PATIENCE, |_| true).await;
    let olgas = lines.iter().filter(|line| line.text.contains("Ольга"));
    assert_eq!(olgas.count(), 1, "{lines:#?}");
}

#[tokio::test]
async fn the_staff_books_a_visit_in_words_and_is_told_once() {
    let firm = Firm::open(On::Embedded).await;
    let store = firm.store().await;
    firm.follows_the_book().await;
    let says = |text: &str| firm.sandbox.staff_writes(STAFF, None, text).unwrap();

    says("Девочки, кто забрал ключи?");
    says("запиши завтра в 15 на женскую стрижку, Вероника 8 921 000-03-02");
    shown(&firm, &["Записать?", "Вероника, +79210000302"]).await;
    firm.sandbox.telegram_presses(STAFF, "Записать").unwrap();
    shown(&firm, &["Записано", "Вероника"]).await;
    says("/today");
    shown(&firm, &["📋 Сегодня"]).await;
    // What the customer does afterwards is told in its turn: everything before it was told by then.
    let later = Clock::system().now() + TimeDelta::days(4);
    books(&store, &visit("Ольга", "olga", later)).await;
    shown(&firm, &["Новая запись", "Ольга"]).await;

    let lines = firm.sandbox.telegram_until(STAFF, PATIENCE, |_| true).await;
    let of_her = |line: &&Line| line.from == "bot" && line.text.contains("Вероника");
    assert_eq!(lines.iter().filter(of_her).count(), 1, "{lines:#?}");
    let bots = lines.iter().filter(|line| line.from == "bot").count();
    assert_eq!(bots, 3, "talk among the staff is left alone: {lines:#?}");
    assert_eq!(
        firm.count("SELECT count(*) FROM events WHERE event LIKE '%ключи%'"),
        0
    );
}
