//! `zapis book`: the appointment book from the terminal.

use chrono::{Datelike, Days, NaiveDate, Weekday};
use serde_json::Value;
use zapis_core::Clock;

use super::Salon;

/// A Wednesday some weeks ahead that is no holiday: Anna and Olga work from ten.
fn wednesday() -> NaiveDate {
    let mut day = Clock::system().now().date_naive() + Days::new(14);
    while day.weekday() != Weekday::Wed
        || (day.month(), day.day()) >= (12, 31)
        || day.ordinal() < 10
    {
        day = day + Days::new(1);
    }
    day
}

impl Salon {
    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.zapis(arguments).arg("--json").output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {complaint}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

#[test]
fn a_visit_is_found_booked_moved_and_cancelled() {
    let salon = Salon::with("");
    let day = wednesday().to_string();
    let at = |time: &str| format!("{day} {time}");

    let free = salon.json(&[
        "book",
        "free",
        "manicure-gel",
        "--person",
        "anna",
        "--when",
        &day,
    ]);
    let first = &free[0];
    assert_eq!(first["exact"], true);
    assert!(
        first["starts_at"]
            .as_str()
            .unwrap()
            .starts_with(&format!("{day}T10:00")),
        "{first}"
    );
    let add = [
        "book",
        "add",
        "manicure-gel",
        "--person",
        "anna",
        "--at",
        &at("10:00"),
        "--name",
        "Ольга",
    ];
    let booked = salon.json(&[&add[..], &["--phone", "8 912 345-67-89"]].concat());
    assert_eq!(booked["phone"], "+79123456789");
    assert_eq!(booked["items"][0]["person"], "anna");
    assert_eq!(
        (&booked["status"], &booked["version"]),
        (&"booked".into(), &1.into())
    );

    let (code, text) = salon.told(&add);
    assert_eq!(code, 1);
    assert!(
        text.contains("the nearest times:") && text.contains("Анна Соколова"),
        "{text}"
    );

    let id = booked["id"].as_str().unwrap();
    let moved = salon.json(&["book", "move", id, "--at", &at("11:00")]);
    assert_eq!(moved["version"], 2);
    let listed = salon.json(&["book", "list", "--from", &day, "--days", "1"]);
    assert_eq!(listed, Value::Array(vec![moved]));
    let other = salon.json(&[
        "book", "list", "--from", &day, "--days", "1", "--person", "vera",
    ]);
    assert_eq!(other, Value::Array(Vec::new()));
    let (code, text) = salon.told(&["book", "list", "--from", &day]);
    assert_eq!(code, 0);
    assert!(
        text.contains("Маникюр с гель-лаком") && text.contains("Ольга"),
        "{text}"
    );

    let gone = salon.json(&["book", "cancel", id, "--by-customer"]);
    assert_eq!(gone["status"], "cancelled_by_customer");
    assert_eq!(salon.told(&["book", "move", id, "--at", &at("12:00")]).0, 1);
    let all = salon.json(&["book", "list", "--from", &day, "--all"]);
    assert_eq!(all.as_array().unwrap().len(), 1);
}

#[test]
fn working_time_and_blocks_are_set_and_tell_whom_they_hit() {
    let salon = Salon::with("");
    let day = wednesday().to_string();
    let at = |time: &str| format!("{day} {time}");
    let booked = salon.json(&[
        "book",
        "add",
        "pedicure",
        "--person",
        "anna",
        "--at",
        &at("15:00"),
    ]);

    let blocked = salon.json(&[
        "book",
        "block",
        "anna",
        "--from",
        &at("10:00"),
        "--until",
        &at("16:00"),
    ]);
    assert_eq!(
        blocked["bookings"],
        Value::Array(vec![booked["id"].clone()])
    );
    let first = |salon: &Salon| {
        let free = salon.json(&[
            "book", "free", "pedicure", "--person", "anna", "--when", &day,
        ]);
        free[0]["starts_at"].as_str().unwrap()[11..16].to_owned()
    };
    assert_eq!(first(&salon), "16:30");
    let id = blocked["id"].as_str().unwrap();
    salon.json(&["book", "unblock", id]);
    assert_eq!(first(&salon), "10:00");
    salon.json(&["book", "hours", "anna", &day, "12:00-18:00"]);
    assert_eq!(first(&salon), "12:00");
    salon.json(&["book", "hours", "anna", &day, "as-usual"]);
    assert_eq!(first(&salon), "10:00");
    let arrived = salon.json(&["book", "status", booked["id"].as_str().unwrap(), "arrived"]);
    assert_eq!(arrived["status"], "arrived");
}

#[test]
fn what_is_asked_in_the_wrong_way_is_told_with_the_right_one() {
    let salon = Salon::with("");
    let day = wednesday().to_string();
    let nobody = "6f1c2b1e-6f0a-5c55-9d3c-0a8f2f6f7c11";
    let at = format!("{day} 10:00");
    let cases = [
        (
            &["book", "free", "manicur"][..],
            2,
            "there is no service `manicur`: use one of women-cut",
        ),
        (
            &["book", "free", "men-cut", "--person", "anna"],
            2,
            "anna does not do men-cut; who does: ilya",
        ),
        (
            &["book", "free", "men-cut", "--when", "потом"],
            2,
            "says nothing about time",
        ),
        (
            &["book", "add", "men-cut", "--at", "10:00"],
            2,
            "expected a day and a time",
        ),
        (
            &["book", "add", "men-cut", "--at", "2020-01-01 10:00"],
            2,
            "that time is over",
        ),
        (
            &["book", "add", "men-cut", "--at", &at, "--phone", "12"],
            2,
            "--phone is no phone number",
        ),
        (&["book", "cancel", nobody], 1, "there is no booking"),
        (&["book", "unblock", nobody], 1, "there is no block"),
        (
            &["book", "hours", "eve", &day, "closed"],
            2,
            "there is no `eve`: use one of anna",
        ),
        (
            &["book", "hours", "anna", &day, "25:00-26:00"],
            2,
            "is not working time",
        ),
        (&["book", "list", "--days", "0"], 2, "0 is not in 1..=366"),
        (&["book", "import", "visits.xls"], 2, "visits.xls"),
        (
            &["book", "feed", "add", "--person", "eve"],
            2,
            "there is no person `eve`: use one of anna",
        ),
        (
            &["book", "feed", "add", "--location", "anna"],
            2,
            "there is no location `anna`: use one of kolokolnaya",
        ),
        (&["book", "feed", "add"], 2, "--person"),
        (&["book", "feed", "revoke", nobody], 1, "there is no feed"),
    ];
    for (arguments, code, expected) in cases {
        let told = salon.told(arguments);
        assert_eq!(told.0, code, "{arguments:?}: {}", told.1);
        assert!(told.1.contains(expected), "{arguments:?}: {}", told.1);
    }
}

#[test]
fn a_table_is_taken_over_line_by_line() {
    let salon = Salon::with("");
    let day = wednesday();
    let table = format!(
        "date,time,service,person,name\n{day},10:00,manicure,anna,Ольга\n{day},10:30,manicure,anna,Мария\n"
    );
    std::fs::write(salon.folder.path().join("visits.csv"), table).unwrap();

    let dry = salon.told(&["book", "import", "--dry-run", "visits.csv"]);
    assert!(dry.1.contains("would be booked"), "{}", dry.1);
    let (code, text) = salon.told(&["book", "import", "visits.csv"]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("2     booked") && text.contains("3     not booked"),
        "{text}"
    );
    let (_, text) = salon.told(&["book", "import", "visits.csv"]);
    assert!(text.contains("already there"), "{text}");
}

#[test]
fn an_address_of_a_calendar_is_told_once_and_taken_back_by_its_id() {
    let salon = Salon::with("[server]\npublic_url = \"https://bot.salon.example\"\n");
    let added = salon.json(&["book", "feed", "add", "--location", "kolokolnaya"]);
    let url = added["url"].as_str().unwrap();
    assert!(
        url.starts_with("https://bot.salon.example/calendars/"),
        "{url}"
    );
    let id = added["id"].as_str().unwrap();

    let (code, text) = salon.told(&["book", "feed", "list"]);
    assert_eq!(code, 0);
    assert!(
        text.contains("location kolokolnaya") && text.contains(id),
        "{text}"
    );
    salon.json(&["book", "feed", "revoke", id]);
    let listed = salon.json(&["book", "feed", "list"]);
    assert_eq!(
        (&listed[0]["kind"], &listed[0]["whose"]),
        (&"location".into(), &"kolokolnaya".into())
    );
    assert!(listed[0]["revoked_at"].is_string(), "{listed}");
}
