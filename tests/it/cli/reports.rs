//! What the journal tells, through the real binary, on both databases.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use uuid::Uuid;
use zapis_core::Clock;
use zapis_core::event::{Client, Event, Kind};
use zapis_core::message::ConversationId;
use zapis_core::store::Store;

use super::Salon;
use crate::support::postgres::Database;

/// More turns than are read at once.
const OTHERS: usize = 1_100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("z.db");
    all_reports(&format!("sqlite:{}", file.display())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_on_postgres() {
    all_reports(&Database::new().url()).await;
}

#[test]
fn report_alone_lists_the_reports() {
    let salon = Salon::with("");
    let (code, text) = salon.told(&["report"]);
    assert_eq!(code, 0, "{text}");
    let (code, json) = salon.told(&["report", "--json"]);
    assert_eq!(code, 0, "{json}");
    let listed: Vec<Value> = serde_json::from_str(&json).unwrap();
    for name in [
        "autonomy",
        "experiments",
        "kpi",
        "quality",
        "reminders",
        "review",
    ] {
        assert!(text.contains(name), "{text}");
        assert!(listed.iter().any(|one| one["name"] == name), "{json}");
    }
    for wrong in [
        &["report", "dance"][..],
        &["report", "review", "--days", "0"],
        &["knowledge", "gaps", "--days", "-1"],
    ] {
        assert_eq!(salon.told(wrong).0, 2, "{wrong:?}");
    }
}

async fn all_reports(url: &str) {
    let store = Store::open(url).await.unwrap();
    let events = planted(Clock::system().now());
    for events in events.chunks(500) {
        store.journal(events, &[]).await.unwrap();
    }
    store.close().await;
    let salon = Salon::with(&format!("[engines]\nstore = \"{url}\"\n"));
    gaps(&salon);
    review(&salon);
    autonomy(&salon);
}

fn gaps(salon: &Salon) {
    let found = json(salon, &["knowledge", "gaps", "--json"]);
    let found = found.as_array().unwrap();
    let told: Vec<_> = found
        .iter()
        .map(|group| (&group["customers"], &group["count"]))
        .collect();
    let (three, one) = (Value::from(3), Value::from(1));
    assert_eq!(told, [(&three, &three), (&three, &three), (&one, &one)]);
    let solarium = &found[0];
    assert!(solarium["question"].as_str().unwrap().contains("олярий"));
    assert_eq!(solarium["examples"].as_array().unwrap().len(), 2);
    assert_eq!(solarium["why"]["not_known"], 3);
    assert_eq!(solarium["intent"], "service_info");
    let answer = solarium["answer"]["text"].as_str().unwrap();
    assert!(answer.contains("Солярия у нас нет"), "{answer}");
    assert!(solarium["nearest"]["confidence"].as_f64().unwrap() < 0.5);
    assert_eq!(found[1]["why"]["staff_answered"], 3);
    assert_eq!(found[2]["why"]["asked_again"], 1);

    let more = json(salon, &["knowledge", "gaps", "--days", "60", "--json"]);
    assert_eq!(more.as_array().unwrap().len(), 4, "one is 40 days old");
    let one = json(salon, &["knowledge", "gaps", "--limit", "1", "--json"]);
    assert_eq!(one.as_array().unwrap().len(), 1);
    let (code, text) = salon.told(&["knowledge", "gaps"]);
    assert_eq!(code, 0, "{text}");
    for part in ["олярий", "customers 3", "Солярия у нас нет", "nearest"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    is_private(&text);
    is_private(&Value::from(found.clone()).to_string());
}

fn review(salon: &Salon) {
    let asked = ["report", "review", "--json", "--seed", "a"];
    let first = json(salon, &asked);
    let again = json(salon, &asked);
    let other = json(salon, &["report", "review", "--json", "--seed", "b"]);

    let ids = |review: &Value| -> Vec<Value> {
        let conversations = review["conversations"].as_array().unwrap().iter();
        conversations.map(|one| one["id"].clone()).collect()
    };
    assert_eq!(ids(&first).len(), 10);
    assert_eq!(ids(&first), ids(&again));
    assert_ne!(ids(&first), ids(&other));
    assert_eq!(first["weak"][0]["intent"], "children");
    assert_eq!(first["weak"][0]["count"], 1);
    let form = &first["conversations"][0];
    for open in ["right", "wrong", "tone", "should_have_escalated"] {
        assert_eq!(form[open], Value::Null, "{open}");
        assert!(form.as_object().unwrap().contains_key(open), "{open}");
    }
    assert_eq!(form["transcript"][0]["from"], "customer");
    let (code, text) = salon.told(&["report", "review"]);
    assert_eq!(code, 0, "{text}");
    for part in [
        "Conversation 10 of 10",
        "[ ] right   [ ] wrong   [ ] tone   [ ] should have escalated",
        "because answered",
        "children",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    is_private(&text);
    is_private(&first.to_string());
}

fn autonomy(salon: &Salon) {
    let rows = json(salon, &["report", "autonomy", "--json"]);
    let row = |intent: &str| {
        let mut rows = rows.as_array().unwrap().iter();
        rows.find(|row| row["intent"] == intent).unwrap().clone()
    };
    let price = row("price");
    assert_eq!(
        (&price["mode"], &price["sent"], &price["decided"]),
        (&"draft".into(), &35.into(), &35.into())
    );
    assert!(price["lower_bound"].as_f64().unwrap() >= 0.9);
    assert_eq!(price["recommendation"], "promote");
    let payment = row("payment");
    assert_eq!(
        (&payment["mode"], &payment["auto"], &payment["followed"]),
        (&"auto".into(), &10.into(), &3.into())
    );
    assert_eq!(payment["recommendation"], "demote");
    assert_eq!(payment["share"], Value::Null);
    assert_eq!(row("hours")["recommendation"], "keep");
    let (code, text) = salon.told(&["report", "autonomy"]);
    assert_eq!(code, 0, "{text}");
    for part in ["promote to auto", "demote to draft", "keep"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

fn json(salon: &Salon, arguments: &[&str]) -> Value {
    let output = salon.zapis(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn is_private(told: &str) {
    for personal in ["Зульфия", "5550142", "Ольга", "telegram:main:"] {
        assert!(!told.contains(personal), "{personal} is in {told}");
    }
}

fn planted(now: DateTime<Utc>) -> Vec<Event> {
    let mut journal = Journal::default();
    let day = |days: i64| now - TimeDelta::days(days);
    journal.asks("old", "Можно с собакой?", "smalltalk", "not_known", day(40));
    for (customer, text, at) in [
        (
            "1",
            "Зульфия, +79215550142. А есть ли у вас солярий?",
            day(3),
        ),
        ("2", "Солярий есть?", day(2)),
        ("3", "вертикальный солярий есть?", day(1)),
    ] {
        journal.asks(customer, text, "service_info", "not_known", at);
    }
    let reply = "Ольга, добрый день! Солярия у нас нет";
    journal.event("3", Kind::Takeover, day(1)).bot_response = Some(reply.into());
    for minutes in [0, 2] {
        let at = day(1) + TimeDelta::minutes(minutes);
        journal.asks("4", "Где тут парковка", "parking", "answered", at);
    }
    let unsure = journal.asks("5", "детям 5550142", "children", "answered", day(1));
    unsure.confidence = Some(0.2);
    for n in 0..OTHERS {
        let customer = format!("other-{n}");
        journal.asks(&customer, "До скольки вы?", "hours", "answered", day(2));
    }
    for n in 0..10 {
        let customer = format!("pays-{n}");
        journal.asks(&customer, "Карты берёте?", "payment", "answered", day(20));
        if n < 3 {
            let soon = day(20) + TimeDelta::minutes(9);
            journal.event(&customer, Kind::Takeover, soon).bot_response = Some("Да".into());
        }
    }
    for n in 0..35 {
        for outcome in ["proposed", "sent"] {
            let draft = journal.event("drafts", Kind::Draft, day(5));
            draft.outbound_id = Some(Uuid::from_u128(n));
            draft.intent = Some("price".into());
            draft.action = Some("draft".into());
            draft.outcome = Some(outcome.into());
        }
    }
    journal.0
}

#[derive(Default)]
struct Journal(Vec<Event>);

impl Journal {
    fn event(&mut self, customer: &str, kind: Kind, at: DateTime<Utc>) -> &mut Event {
        let conversation = ConversationId::new("telegram", "main", customer).unwrap();
        let mut event = Event::new(Uuid::new_v4(), kind, at).about(&conversation);
        event.client = Some(Client {
            phone: Some("+79215550142".into()),
            name: Some("Зульфия".into()),
        });
        self.0.push(event);
        self.0.last_mut().unwrap()
    }

    fn asks(
        &mut self,
        customer: &str,
        text: &str,
        intent: &str,
        rule: &str,
        at: DateTime<Utc>,
    ) -> &mut Event {
        let turn_id = Some(Uuid::new_v4());
        let inbound = self.event(customer, Kind::Inbound, at);
        inbound.turn_id = turn_id;
        inbound.customer_text = Some(text.into());
        let turn = self.event(customer, Kind::Turn, at);
        turn.turn_id = turn_id;
        turn.intent = Some(intent.into());
        turn.confidence = Some(0.9);
        turn.reason = Some(rule.into());
        turn.bot_response = Some("Ответ".into());
        turn.outcome = Some("answered".into());
        let called = rule == "not_known";
        turn.action = Some(if called { "handoff" } else { "none" }.into());
        turn
    }
}
