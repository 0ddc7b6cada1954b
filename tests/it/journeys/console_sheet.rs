//! The sheet of visits in the console: time that is kept free, the week, who waits for a time.

use chrono::{NaiveDateTime, TimeDelta};
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;
use zapis_core::Clock;
use zapis_core::store::{Role, StaffChange, StaffChanged, WaitEntry};

use crate::support::console::Person;
use crate::support::firm::{Firm, On};

/// A free time in a week, as forms write it, and whose it is.
fn free(firm: &Firm) -> (String, String) {
    let args = [
        "book",
        "free",
        "men-cut",
        "--when",
        "через неделю",
        "--json",
    ];
    let free = firm.command(&args);
    let free: Value = serde_json::from_slice(&free.stdout).unwrap();
    let at = free[0]["starts_at"].as_str().unwrap()[..16].to_owned();
    let person = free[0]["items"][0]["person"].as_str().unwrap().to_owned();
    (at, person)
}

fn later(at: &str, minutes: i64) -> String {
    let at = NaiveDateTime::parse_from_str(at, "%Y-%m-%dT%H:%M").unwrap();
    let later = at + TimeDelta::minutes(minutes);
    later.format("%Y-%m-%dT%H:%M").to_string()
}

fn week_of(at: &str) -> String {
    format!("/console/visits/week?day={}", &at[..10])
}

/// An administrator of another location neither closes nor opens time of these people, nor sees their visits.
async fn who_works_elsewhere_closes_nothing_here(firm: &Firm, page: &str, block: &[(&str, &str)]) {
    let nina = Person::joins(firm, "nina", "Нина", Role::Administrator).await;
    let store = firm.store().await;
    let everybody = store.staff().await.unwrap();
    let member = everybody.iter().find(|one| one.login == "nina").unwrap();
    let elsewhere = StaffChange {
        location: Some(Some("elsewhere".into())),
        ..StaffChange::default()
    };
    let now = Clock::system().now();
    let changed = store.change_staff(member.id, &elsewhere, now).await;
    assert_eq!(changed.unwrap(), StaffChanged::Done);
    store.close().await;

    let refused = nina.does("/console/visits/blocks", block).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let off = [
        ("resource", block[1].1),
        ("day", &block[2].1[..10]),
        ("hours", ""),
        ("do", "off"),
    ];
    let refused = nina.does("/console/visits/hours", &off).await;
    assert_eq!(refused.status(), StatusCode::NOT_FOUND);
    let (_, id) = page.split_once("action=\"/console/visits/blocks/").unwrap();
    let open = format!("/console/visits/blocks/{}", id.split('"').next().unwrap());
    let (person, day) = (block[1].1, &block[2].1[..10]);
    let refused = nina.does(&open, &[("person", person), ("day", day)]).await;
    assert_eq!(refused.status(), StatusCode::NOT_FOUND);
    let seen = nina.reads(&format!("/console/visits?day={day}")).await;
    assert!(!seen.contains("Пётр") && !seen.contains("обед"), "{seen}");
}

/// Working time of one day: nobody is booked outside of it, and who is already is seen.
async fn a_day_has_its_own_hours(firm: &Firm, maria: &Person, at: &str, who: &str) {
    let day = format!("/console/visits?day={}", &at[..10]);
    let set = async |what: &str, hours: &str, was: &str| {
        let typed = [
            ("resource", who),
            ("day", &at[..10]),
            ("hours", hours),
            ("was", was),
            ("do", what),
        ];
        maria.does("/console/visits/hours", &typed).await.status()
    };
    for _ in 0..2 {
        assert_eq!(set("off", "", "").await, StatusCode::SEE_OTHER);
    }
    let page = maria.reads(&day).await;
    assert!(page.contains("вне рабочего времени"), "{page}");
    let args = [
        "book",
        "free",
        "men-cut",
        "--person",
        who,
        "--when",
        &at[..10],
        "--json",
    ];
    let free = firm.command(&args);
    let free: Value = serde_json::from_slice(&free.stdout).unwrap();
    let same_day = |one: &&Value| one["starts_at"].as_str().unwrap().starts_with(&at[..10]);
    assert_eq!(free.as_array().unwrap().iter().filter(same_day).count(), 0);

    // A page from before changes nothing; what is no time is refused.
    let refused = StatusCode::UNPROCESSABLE_ENTITY;
    assert_eq!(set("set", "10:00–14:00", "").await, refused);
    assert_eq!(set("set", "утром", "closed").await, refused);
    let done = StatusCode::SEE_OTHER;
    assert_eq!(set("set", "00:00–24:00", "closed").await, done);
    let page = maria.reads(&day).await;
    assert!(!page.contains("вне рабочего времени"), "{page}");
    assert!(page.contains("в этот день иначе"), "{page}");
    assert_eq!(set("usual", "", "00:00–24:00").await, done);
    assert!(!maria.reads(&day).await.contains("в этот день иначе"));
}

async fn time_is_kept_free(on: On, roles: Vec<Vec<&'static str>>) {
    let firm = Firm::with(on, "", roles).await;
    let maria = Person::joins(&firm, "maria", "Мария", Role::Administrator).await;
    let (at, person) = free(&firm);
    let day = format!("/console/visits?day={}", &at[..10]);
    let until = later(&at, 60);
    let key = Uuid::new_v4().to_string();
    let block = [
        ("key", key.as_str()),
        ("person", person.as_str()),
        ("from", at.as_str()),
        ("until", until.as_str()),
        ("note", "обед"),
    ];
    for _ in 0..2 {
        maria.has_done("/console/visits/blocks", &block).await;
    }
    let page = maria.reads(&day).await;
    assert_eq!(page.matches("· обед").count(), 1, "{page}");

    let booked = |key: &str| {
        [
            ("key", key.to_owned()),
            ("service", "men-cut".to_owned()),
            ("person", person.clone()),
            ("at", at.clone()),
            ("name", "Пётр".to_owned()),
        ]
    };
    let book = async |key: &str| {
        let typed = booked(key);
        let typed = typed.iter().map(|(name, typed)| (*name, typed.as_str()));
        let typed: Vec<_> = typed.collect();
        maria.does("/console/visits", &typed).await.status()
    };
    let key = Uuid::new_v4().to_string();
    assert_eq!(book(&key).await, StatusCode::CONFLICT);
    let (_, id) = page.split_once("action=\"/console/visits/blocks/").unwrap();
    let open = format!("/console/visits/blocks/{}", id.split('"').next().unwrap());
    let seen = [("person", person.as_str()), ("day", &at[..10])];
    for _ in 0..2 {
        maria.has_done(&open, &seen).await;
    }
    assert!(!maria.reads(&day).await.contains("обед"));
    assert_eq!(book(&key).await, StatusCode::SEE_OTHER);
    let week = maria.reads(&week_of(&at)).await;
    assert!(week.contains("Пётр") && week.contains(&at[11..]), "{week}");
    a_day_has_its_own_hours(&firm, &maria, &at, &person).await;

    // A visit that is there already stays, and the sheet says that its time is closed.
    let key = Uuid::new_v4().to_string();
    let mut again = block;
    again[0].1 = &key;
    maria.has_done("/console/visits/blocks", &again).await;
    let page = maria.reads(&day).await;
    assert!(page.contains("время закрыто"), "{page}");
    let week = maria.reads(&week_of(&at)).await;
    let row = week.split("<tr>").find(|row| row.contains("Пётр")).unwrap();
    for words in ["Закрыто", "обед", "не подтверждён"] {
        assert!(row.contains(words), "{words}: {row}");
    }
    // A form that is corrected and sent again is another deed.
    let longer = later(&until, 30);
    let mut corrected = again;
    corrected[3].1 = &longer;
    maria.has_done("/console/visits/blocks", &corrected).await;
    assert_eq!(maria.reads(&day).await.matches("· обед").count(), 2);
    who_works_elsewhere_closes_nothing_here(&firm, &page, &again).await;

    for (name, value) in [
        ("until", at.as_str()),
        ("from", "вчера"),
        ("person", "nobody"),
    ] {
        let mut wrong = block;
        for field in &mut wrong {
            if field.0 == name {
                field.1 = value;
            }
        }
        let refused = maria.does("/console/visits/blocks", &wrong).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_is_kept_free_and_opened_again() {
    time_is_kept_free(On::Embedded, vec![vec!["run"]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_on_servers() {
    let roles = vec![vec!["gateway"], vec!["worker"]];
    time_is_kept_free(On::servers("classic"), roles).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_a_time_is_seen() {
    let firm = Firm::with(On::Embedded, "", vec![vec!["run"]]).await;
    let maria = Person::joins(&firm, "maria", "Мария", Role::Administrator).await;
    let now = Clock::system().now();
    let wish = json!({
        "items": [{ "service": "men-cut", "person": null }],
        "together": false, "location": null, "when": {}, "moving": null,
    });
    let conversation = "telegram:main:7950".parse().unwrap();
    let until = now + TimeDelta::days(7);
    let mut entry = WaitEntry::new(Uuid::new_v4(), conversation, wish, now, until);
    entry.said = "в пятницу вечером".to_owned();
    let store = firm.store().await;
    store.put_waiting(&entry, &[]).await.unwrap();
    store.close().await;

    let page = maria.reads("/console/visits").await;
    assert!(page.contains("Лист ожидания"), "{page}");
    assert!(
        page.contains("Мужская стрижка") && page.contains("«в пятницу вечером»"),
        "{page}"
    );
}
