//! What lies ahead: the owner asks how full two weeks are, and whom she may lose.

use std::fs;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use serde_json::Value;
use uuid::Uuid;
use zapis_core::Clock;
use zapis_core::message::ConversationId;
use zapis_core::store::{
    Booked, BookingChange, Change, Changed, Item, NewBooking, Role, Status, Store, Visit, Wanted,
};
use zapis_workers::book::open_of;

use crate::support::console::Person;
use crate::support::firm::{Firm, On, PATIENCE};

const ZONE: chrono_tz::Tz = chrono_tz::Europe::Moscow;
/// So many days the book is known.
const DAYS: u64 = 63;
const ASKS: i64 = 7_911;
const LEAVES: i64 = 7_912;
/// Who misses visits.
const LATE: &str = "+79210009999";

fn report(firm: &Firm, name: &str) -> Value {
    let report = firm.command(&["report", name, "--json"]);
    assert!(report.status.success(), "{report:?}");
    serde_json::from_slice(&report.stdout).unwrap()
}

/// An hour of a day at the salon.
pub(crate) fn at(day: NaiveDate, hour: u32) -> DateTime<Utc> {
    open_of(ZONE, day, hour * 60)
}

/// Somebody books on the phone; the booking.
pub(crate) async fn books(
    store: &Store,
    day: NaiveDate,
    hour: u32,
    made_at: DateTime<Utc>,
    phone: &str,
) -> Uuid {
    let starts_at = at(day, hour);
    let item = Item {
        service: "men-cut".into(),
        resource: "anna".into(),
        needs: Vec::new(),
        starts_at,
        ends_at: starts_at + TimeDelta::minutes(45),
        buffer: (0, 0),
        price: String::new(),
    };
    let request = NewBooking {
        wanted: Wanted::Visit(Visit {
            location: "kolokolnaya".into(),
            items: vec![item],
        }),
        cause: Uuid::new_v4(),
        who: "desk".into(),
        conversation: None,
        name: "Марта".into(),
        phone: Some(phone.into()),
        source: "phone".into(),
        for_whom: None,
        notes: None,
    };
    match store.book(&request, made_at).await.unwrap() {
        Booked::Booked(booking) => booking.id,
        other => panic!("{other:?}"),
    }
}

async fn marks(store: &Store, booking: Uuid, status: Status, now: DateTime<Utc>) {
    let change = BookingChange {
        booking,
        version: 1,
        cause: Uuid::new_v4(),
        who: "desk".into(),
        conversation: None,
        to: Change::Status(status),
    };
    let changed = store.change_booking(&change, now).await.unwrap();
    assert!(matches!(changed, Changed::Done(_)), "{changed:?}");
}

/// Nine weeks in which each day two visits took place: one booked two days before, and one of the same day. Every
/// fourth of the former is missed, by the same customer. Hers is also tomorrow's.
async fn a_past(store: &Store, today: NaiveDate) {
    for back in 1..=DAYS {
        let day = today.checked_sub_days(Days::new(back)).unwrap();
        let before = at(day, 12) - TimeDelta::days(2);
        let missed = back % 4 == 0;
        let phone = format!("+792100010{back:02}");
        let phone = if missed { LATE } else { &phone };
        let booking = books(store, day, 12, before, phone).await;
        let status = if missed {
            Status::NoShow
        } else {
            Status::Arrived
        };
        marks(store, booking, status, at(day, 13)).await;
        let same_day = books(store, day, 15, at(day, 0), "+79210001100").await;
        marks(store, same_day, Status::Arrived, at(day, 16)).await;
    }
    let tomorrow = today.checked_add_days(Days::new(1)).unwrap();
    books(
        store,
        tomorrow,
        12,
        at(tomorrow, 12) - TimeDelta::days(2),
        LATE,
    )
    .await;
}

/// Lets two days pass since somebody wrote, once the bot has answered.
async fn two_days_pass(firm: &Firm, store: &Store, count: f64) {
    let give_up = tokio::time::Instant::now() + PATIENCE;
    loop {
        let told = report(firm, "kpi");
        let figures = told["groups"][0]["figures"].as_array().unwrap();
        let value = |id| figures.iter().find(|one| one["id"] == id).unwrap()["value"].as_f64();
        if value("enquiries") == Some(count) && value("answered") == Some(1.0) {
            break;
        }
        assert!(tokio::time::Instant::now() < give_up, "{told}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let now = Clock::system().now();
    let rows = store
        .dialogues_between(&(now - TimeDelta::days(1)..now))
        .await
        .unwrap();
    for row in rows {
        let mut facts: Value = serde_json::from_str(&row.facts).unwrap();
        for name in ["started_at", "last_at"] {
            facts[name] = serde_json::to_value(now - TimeDelta::days(2)).unwrap();
        }
        firm.sql(&format!(
            "UPDATE kpi_dialogues SET facts = '{facts}', started_at = started_at - 172800000 WHERE id = '{}'",
            row.id
        ));
    }
}

fn the_days_are_told(firm: &Firm) {
    let told = &report(firm, "forecast")["forecast"];
    let days = told["days"].as_array().unwrap();
    assert_eq!(days.len(), 14);
    let tomorrow = &days[1];
    assert_eq!(tomorrow["booked"], 1, "{tomorrow}");
    assert_eq!(
        tomorrow["booked_price"],
        serde_json::json!([1900.0, 1900.0])
    );
    // One of the same day still comes; of the one that is booked three quarters stay.
    let near = |name: &str, value: f64| (tomorrow[name].as_f64().unwrap() - value).abs() < 0.05;
    assert!(near("coming", 1.0) && near("staying", 0.77), "{tomorrow}");
    assert!(
        told["back_test"]["visits"]["ours"].as_f64().unwrap() < 0.5,
        "{told}"
    );
    let csv = firm.command(&["report", "forecast", "--csv"]);
    let csv = String::from_utf8(csv.stdout).unwrap();
    assert!(
        csv.starts_with("of,which,booked,staying,coming,visits,")
            && csv.contains("\nservice,Мужская стрижка,1,"),
        "{csv}"
    );
    let table = firm.command(&["report", "forecast"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(
        table.contains("off by") && table.contains("weekday"),
        "{table}"
    );
}

async fn the_owner_looks_ahead(on: On, roles: Vec<Vec<&'static str>>) {
    let mut firm = Firm::closed(on, "", roles).await;
    // Open on holidays too, whenever this runs.
    let file = firm.config_dir().join("business.toml");
    let text = fs::read_to_string(&file).unwrap();
    let open = text.replace("hours = \"closed\"", "hours = \"10:00-20:00\"");
    fs::write(&file, open).unwrap();
    let store = firm.store().await;
    let none = report(&firm, "forecast");
    assert_eq!(none["lacking"]["needed"], 28, "{none}");
    let today = Clock::system().now().with_timezone(&ZONE).date_naive();
    a_past(&store, today).await;

    the_days_are_told(&firm);

    firm.start().await;
    for (who, count) in [(ASKS, 1.0), (LEAVES, 2.0)] {
        firm.sandbox
            .telegram_writes(who, "Сколько стоит мужская стрижка?")
            .unwrap();
        firm.telegram_answer(who, 0).await;
        two_days_pass(&firm, &store, count).await;
    }
    let risk = report(&firm, "risk");
    let missed = &risk["no_shows"];
    assert_eq!(
        (&missed["marked"], &missed["missed"]),
        (&126.into(), &15.into())
    );
    let visit = &missed["visits"][0];
    assert!(visit["chance"].as_f64().unwrap() > 0.5, "{visit}");
    assert_eq!(
        (&visit["because"][0]["factor"], &visit["missed"]),
        (&"history".into(), &15.into())
    );
    assert_eq!(visit["action"], "call");
    let silent = |risk: &Value| risk["stalled"].as_array().unwrap().len();
    assert_eq!(silent(&risk), 2, "{risk}");
    assert_eq!(risk["stalled"][0]["why"], serde_json::json!(["asked"]));
    assert_eq!(risk["stalled"][0]["advice"], "write");

    // Who wants to hear nothing is not written to.
    let olga = Person::joins(&firm, "olga", "Ольга", Role::Owner).await;
    let leaves = ConversationId::new("telegram", "main", &LEAVES.to_string()).unwrap();
    let card = format!("/console/customers/{}", leaves.as_str().replace(':', "%3A"));
    olga.has_done(&format!("{card}/advertising"), &[("on", "false")])
        .await;
    assert_eq!(silent(&report(&firm, "risk")), 1);
    let listed = firm.command(&["report", "risk"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(
        listed.contains("missed 15 of 15 ×") && !listed.contains("Марта"),
        "{listed}"
    );

    let page = olga.reads("/console/ahead").await;
    let leads_to = |who: i64| page.contains(&format!("telegram%3Amain%3A{who}\""));
    assert!(leads_to(ASKS) && !leads_to(LEAVES), "{page}");
    assert!(
        page.contains("<svg") && page.contains("Проверка на прошлом"),
        "{page}"
    );
    assert!(
        page.contains("Марта") && page.contains("пропущено раньше: 15 из 15"),
        "{page}"
    );
    assert!(
        page.contains("/console/visits?day=") && page.contains("Выручка"),
        "{page}"
    );
    let irina = Person::joins(&firm, "irina", "Ирина", Role::Manager).await;
    let hers = irina.reads("/console/ahead").await;
    assert!(!hers.contains("₽") && hers.contains("Марта"), "{hers}");
    assert!(!firm.log().contains("Марта"));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_weeks_are_told_and_who_may_be_lost() {
    the_owner_looks_ahead(On::Embedded, vec![vec!["run"]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_on_servers() {
    let roles = vec![vec!["gateway"], vec!["worker"]];
    the_owner_looks_ahead(On::servers("classic"), roles).await;
}
