//! What the staff books is told to the customer, where there is a way to write.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;
use zapis_core::Clock;
use zapis_core::message::ConversationId;
use zapis_core::store::{Booked, Booking, Item, NewBooking, Store, Visit, Wanted};

use zapis_sandbox::{CallFilter, Provider};

use crate::support::firm::{Firm, On, PATIENCE, SMS_KEY};

/// The staff books by phone, three days ahead.
async fn book(
    store: &Store,
    n: u128,
    conversation: Option<ConversationId>,
    phone: Option<&str>,
    now: DateTime<Utc>,
) -> Booking {
    let starts_at = now + TimeDelta::days(3);
    let request = NewBooking {
        wanted: Wanted::Visit(Visit {
            location: "kolokolnaya".into(),
            items: vec![Item {
                service: "women-cut".into(),
                resource: format!("person-{n}"),
                needs: Vec::new(),
                starts_at,
                ends_at: starts_at + TimeDelta::hours(1),
                buffer: (0, 0),
                price: String::new(),
            }],
        }),
        cause: Uuid::from_u128(n),
        who: "Марина".into(),
        conversation,
        name: "Ольга".into(),
        phone: phone.map(str::to_owned),
        source: "phone".into(),
        for_whom: None,
        notes: None,
    };
    match store.book(&request, now).await.unwrap() {
        Booked::Booked(booking) => booking,
        other => panic!("{other:?}"),
    }
}

/// A firm without quiet hours: the test runs at any hour.
async fn at_any_hour(more: &str) -> Firm {
    let firm = Firm::closed(On::Embedded, more, vec![vec!["run"]]).await;
    let file = firm.config_dir().join("business.toml");
    let business = std::fs::read_to_string(&file).unwrap();
    let lines = business
        .lines()
        .filter(|line| !line.starts_with("quiet_hours"));
    std::fs::write(&file, lines.collect::<Vec<_>>().join("\n")).unwrap();
    firm
}

#[tokio::test]
async fn who_is_booked_by_phone_hears_of_it_where_there_is_a_way_to_write() {
    let mut firm = at_any_hour("").await;
    firm.start().await;
    let (olga, now) = (7_021, Clock::system().now());
    firm.sandbox.telegram_writes(olga, "Добрый день!").unwrap();
    firm.telegram_answer(olga, 0).await;
    let store = firm.store().await;

    let chat = ConversationId::new("telegram", "main", &olga.to_string()).unwrap();
    book(&store, 1, Some(chat), None, now).await;
    let told = firm.telegram_answer(olga, 1).await;
    assert!(told.starts_with("Вы записаны"), "{told}");
    assert!(told.contains("женская стрижка"), "{told}");

    book(&store, 2, None, Some("+79001112233"), now).await;
    let reason =
        "SELECT count(*) FROM events WHERE kind = 'reminder' AND event LIKE '%unreachable%'";
    for _ in 0..1_200 {
        if firm.count(reason) == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    store.close().await;

    let report = firm.command(&["report", "reminders", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
    let booked = &report["steps"][0];
    assert_eq!(booked["step"], "booked");
    assert_eq!(booked["planned"], 2);
    assert_eq!(booked["sent"], 1);
    assert_eq!(booked["skipped"]["unreachable"], 1);
    firm.stop().await;
}

#[tokio::test]
async fn who_is_booked_by_phone_and_writes_nowhere_gets_an_sms() {
    let sms = format!(
        r#"
[sms]
url = "{{sms}}/sys/send.php"
fields = {{ apikey = "{SMS_KEY}", phones = "{{phone}}", mes = "{{text}}", charset = "utf-8", fmt = "3" }}
error = ["/error"]
id = "/id"
"#
    );
    let mut firm = at_any_hour(&sms).await;
    firm.start().await;
    let (store, now) = (firm.store().await, Clock::system().now());

    let booking = book(&store, 1, None, Some("+79001112233"), now).await;
    let calls = CallFilter {
        provider: Some(Provider::Sms),
        ..CallFilter::default()
    };
    let taken = firm
        .sandbox
        .calls_until(&calls, PATIENCE, |calls| !calls.is_empty())
        .await;
    let text = taken[0].body["mes"].as_str().unwrap().to_owned();
    assert_eq!(taken[0].recipient.as_deref(), Some("79001112233"));
    assert!(text.starts_with("Вы записаны"), "{text}");
    assert!(text.contains("Белый шиповник"), "{text}");
    let told = "SELECT count(*) FROM events WHERE kind = 'reminder' AND event LIKE '%delivered%'";
    for _ in 0..1_200 {
        if firm.count(told) == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let reminders = store.reminders_of(booking.id).await.unwrap();
    store.close().await;

    let booked = reminders.iter().find(|one| one.step == "booked").unwrap();
    assert_eq!(booked.state.name(), "sent");
    assert_eq!(firm.sandbox.calls(&calls).len(), 1);
    firm.stop().await;
    let log = firm.log();
    for secret in [SMS_KEY, "79001112233", text.as_str()] {
        assert!(!log.contains(secret), "{secret} in\n{log}");
    }
}
