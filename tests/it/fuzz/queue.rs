//! What workers read: messages of the queue, sessions, headers. Ours alone writes them, but an older
//! version, a damaged disk or an operator's hand may have been there before.

use std::sync::Arc;

use bytes::Bytes;
use rand::Rng;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zapis_core::broker::{Publish, Topic};
use zapis_core::event::{Event, Kind};
use zapis_core::lanes::{Message, Worker};
use zapis_core::message::{ConversationId, DeliveryReport, Inbound, Outbound};
use zapis_core::sessions::Saved;
use zapis_core::trace::TraceParent;
use zapis_workers::desk::Desks;
use zapis_workers::journal::JournalWorker;

use super::ground::{Ground, now};
use super::mutate::{Json, odd_text, spoilt, spoilt_bytes};
use super::{Round, fuzz};
use crate::support::postgres::Database;

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn inbound() -> Value {
    json!({ "id": "m1:5", "conversation": "telegram:main:1", "at": "2026-11-18T10:26:40Z",
        "received_at": "2026-11-18T10:26:40Z", "trace": TRACE,
        "profile": { "name": "Анна", "username": null, "language": "ru", "phone": null, "source": { "page": "x" } },
        "what": { "type": "text", "text": "Сколько стоит стрижка?" }, "raw": { "update_id": 5 } })
}

fn outbound() -> Value {
    json!([{ "id": Uuid::from_u128(5), "conversation": "whatsapp:main:79000000001", "turn": null,
        "answers": ["m1"], "fence": { "type": "reply", "epoch": 3 }, "language": "ru", "purpose": null,
        "content": { "type": "message", "text": "Стрижка стоит 1500 ₽. ".repeat(300), "buttons": [{ "title": "Да", "payload": "yes" }], "staff": null },
        "customer_wrote_at": null, "at": "2026-11-18T10:26:40Z", "trace": TRACE }])
}

fn report(provider_id: &str) -> Value {
    json!({ "account": "whatsapp:main", "provider_id": provider_id, "outbound_id": null,
        "status": "failed", "error": { "code": "131026", "text": "x" }, "at": "2026-11-18T10:26:40Z" })
}

fn session() -> Value {
    json!({ "seen": [["m1:1", "2026-11-18T10:26:40Z"]], "published": null, "turn": Uuid::from_u128(9),
        "outbox": { "messages": [{ "topic": "outbound.telegram", "key": "telegram:main:1", "id": "x", "body": outbound(), "trace": TRACE }],
            "events": [Event::new(Uuid::from_u128(7), Kind::Turn, now())],
            "news": [{ "conversation": "telegram:main:1", "at": "2026-11-18T10:26:40Z", "wrote": true,
                "profile": { "name": "Анна" }, "reachable": true, "advertising": null }] },
        "transcript": [{ "from": "customer", "text": "привет", "at": "2026-11-18T10:26:40Z" }],
        "called_staff": "2026-11-18T10:26:40Z", "phone": "+7900", "dialogue": { "misunderstood": 1 } })
}

fn spoilt_body(round: &mut Round, trees: &[Json]) -> Bytes {
    round.input = spoilt(&mut round.chance, trees).text().into_bytes();
    if round.chance.random_bool(0.3) {
        round.input = spoilt_bytes(&mut round.chance, std::mem::take(&mut round.input));
    }
    Bytes::from(round.input.clone())
}

fn message(body: Bytes) -> Message {
    Message {
        key: "telegram:main:1".into(),
        id: "1".into(),
        body,
        trace: TraceParent::start(),
    }
}

/// What cannot be read is refused in words that quote nothing of it; what can be read is handled.
#[test]
fn answer() {
    let (ground, trees) = (Ground::new(), [Json::from(&inbound())]);
    fuzz("queue::answer", 400, |round| {
        let body = spoilt_body(round, &trees);
        match ground.answer.read(&message(body)) {
            Ok(inbound) => ground.turn(inbound),
            Err(reason) => assert!(reason.is_ascii() && reason.len() < 200, "{reason}"),
        }
    });
}

#[test]
fn sender() {
    let (ground, trees) = (Ground::new(), [Json::from(&outbound())]);
    fuzz("queue::sender", 400, |round| {
        let body = spoilt_body(round, &trees);
        let read = serde_json::from_slice::<Vec<Outbound>>(&body);
        for outbound in read.into_iter().flatten() {
            let trace = outbound.trace.child();
            assert!(TraceParent::parse(trace.as_str()).is_some(), "{trace:?}");
            ground.split(outbound);
        }
    });
}

/// A damaged session costs its dialogue at worst: the message is answered.
#[test]
fn sessions() {
    let (ground, trees) = (Ground::new(), [Json::from(&session())]);
    let conversation: ConversationId = "telegram:main:1".parse().unwrap();
    fuzz("queue::sessions", 400, |round| {
        let body = spoilt_body(round, &trees);
        let saved = Saved { version: 1, body };
        ground
            .engines
            .sessions
            .lock()
            .unwrap()
            .insert(conversation.clone(), saved);
        let mut inbound: Inbound = serde_json::from_value(inbound()).unwrap();
        inbound.id = format!("m1:{}", round.chance.random::<u64>());
        let lane = conversation.as_str();
        ground
            .block_on(ground.answer.handle(lane, &[Arc::new(inbound)]))
            .unwrap();
    });
}

/// A batch is written, whatever some of its lines are: those in order are in the journal, the others
/// set aside.
#[test]
fn journal_lines() {
    let ground = Ground::new();
    fuzz("queue::journal_lines", 60, |round| {
        journal_round(&ground, round);
    });
}

#[test]
fn journal_lines_on_postgres() {
    let database = Database::new();
    let ground = Ground::on(&database.url());
    fuzz("queue::journal_lines_on_postgres", 20, |round| {
        journal_round(&ground, round);
    });
}

fn journal_round(ground: &Ground, round: &mut Round) {
    let trees = [Json::from(&report("wamid.1"))];
    let good: Uuid = Uuid::from_u128(round.chance.random());
    let mut bodies: Vec<Bytes> = (0..5).map(|_| spoilt_body(round, &trees)).collect();
    bodies.insert(2, report(&good.to_string()).to_string().into());
    round.input = bodies.concat();
    let unreadable = bodies
        .iter()
        .filter(|body| serde_json::from_slice::<DeliveryReport>(body).is_err())
        .count() as u64;
    let publish = |(n, body): (usize, Bytes)| Publish {
        topic: Topic::journal(),
        key: good.to_string(),
        id: format!("{good}:{n}"),
        body,
        trace: TraceParent::start(),
    };
    let before = ground.block_on(ground.store.dead_count()).unwrap();
    let end = ground.block_on(ground.store.last_event_position()).unwrap();
    ground
        .engines
        .waiting
        .lock()
        .unwrap()
        .extend(bodies.into_iter().enumerate().map(publish));
    let worker = JournalWorker {
        store: ground.store.clone(),
        broker: Arc::clone(&ground.answer.broker),
        desks: Desks::default(),
        clock: ground.clock.clone(),
    };
    ground
        .block_on(worker.run(CancellationToken::new()))
        .unwrap();
    let dead = ground.block_on(ground.store.dead_count()).unwrap() - before;
    assert!(dead >= unreadable, "{dead} of {unreadable} were set aside");
    let written = ground.block_on(ground.store.events_after(end, 1_000));
    let name = good.to_string();
    let ours = |(_, event): &(i64, Event)| event.provider_id.as_ref() == Some(&name);
    assert_eq!(
        written.unwrap().iter().filter(|line| ours(line)).count(),
        1,
        "the report in order was not written"
    );
}

/// A header is taken or replaced; every trace goes on in the form that others can read.
#[test]
fn trace_headers() {
    fuzz("queue::trace_headers", 3_000, |round| {
        let text = if round.chance.random() {
            odd_text(&mut round.chance)
        } else {
            let bytes = spoilt_bytes(&mut round.chance, TRACE.into());
            String::from_utf8_lossy(&bytes).into_owned()
        };
        round.input = text.clone().into_bytes();
        let parsed = TraceParent::parse(&text);
        let read = serde_json::from_value::<TraceParent>(text.into());
        for trace in parsed.into_iter().chain(read.ok()) {
            let child = trace.child();
            assert!(
                TraceParent::parse(child.as_str()).is_some(),
                "{trace:?} {child:?}"
            );
        }
    });
}
