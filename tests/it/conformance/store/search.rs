//! The journal searched, and conversations written out under a seal.

use serde_json::Value;
use uuid::Uuid;
use zapis_core::event::{Event, Kind, Seen};
use zapis_core::message::{ConversationId, Profile};
use zapis_core::seal::verify;
use zapis_core::store::{Shelf, Sought, Store, VersionChange};

use crate::conformance::store_ground::{Ground, at, conversation, on_both};

on_both!(
    what_is_sought_is_found_newest_first_and_page_by_page,
    each_wish_leaves_only_what_it_means,
    what_is_looked_through_at_once_is_bounded,
    a_place_in_a_conversation_is_shown_with_what_is_around_it,
    a_record_tells_all_of_a_conversation_and_shows_tampering,
);

fn event(n: u32, chat: &ConversationId, kind: Kind) -> Event {
    let id = Uuid::from_u128(u128::from(n) + 1);
    Event::new(id, kind, at(i64::from(n))).about(chat)
}

/// Changes what is sought.
type Wish = fn(&mut Sought);

fn ids(found: &[(i64, Event)]) -> Vec<u128> {
    let ids = found.iter().map(|(_, event)| event.event_id.as_u128() - 1);
    ids.collect()
}

async fn found(store: &Store, sought: Sought) -> Vec<u128> {
    let limit = 50;
    let found = store.search(&Sought { limit, ..sought }).await.unwrap();
    assert_eq!(found.next, None);
    ids(&found.events)
}

async fn what_is_sought_is_found_newest_first_and_page_by_page(ground: Ground) {
    let store = ground.open().await;
    let chat = conversation("1");
    let mut events: Vec<Event> = (0..25).map(|n| event(n, &chat, Kind::Inbound)).collect();
    for event in &mut events {
        event.customer_text = Some("Скидка".to_owned());
    }
    // Looks like it to the database, and is not.
    events[20].customer_text = Some("Привет".to_owned());
    events[20].model = Some("скидка".to_owned());
    store.journal(&events, &[]).await.unwrap();

    let mut sought = Sought {
        words: "скидка".to_owned(),
        limit: 10,
        ..Sought::default()
    };
    let mut all = Vec::new();
    for _ in 0..3 {
        let page = store.search(&sought).await.unwrap();
        all.extend(ids(&page.events));
        sought.before = page.next;
    }
    let expected: Vec<u128> = (0..25).rev().filter(|n| *n != 20).collect();
    assert_eq!((all, sought.before), (expected, None));
    store.close().await;
}

/// One of each, and a customer whose name and phone are known; her conversation.
async fn plant_all_kinds(store: &Store) -> ConversationId {
    let (one, two) = (conversation("1"), "webchat:site:2".parse().unwrap());
    let mut events = vec![
        event(0, &one, Kind::Inbound),
        event(1, &one, Kind::Turn),
        event(2, &two, Kind::Inbound),
        event(3, &two, Kind::Takeover),
        event(4, &one, Kind::Outbound),
    ];
    events[0].customer_text = Some("100% \"да\" <b>".to_owned());
    events[1].intent = Some("price".to_owned());
    events[1].action = Some("draft".to_owned());
    events[2].customer_text = Some("\"intent\":\"price\"".to_owned());
    events[3].staff_id = Some("Мария".to_owned());
    events[4].outcome = Some("sent".to_owned());
    let profile = Profile {
        name: Some("Ольга".to_owned()),
        phone: Some("+79211234567".to_owned()),
        ..Profile::default()
    };
    let seen = Seen {
        conversation: one.clone(),
        at: at(0),
        wrote: true,
        profile,
        reachable: None,
        advertising: None,
    };
    store.journal(&events, &[seen]).await.unwrap();
    one
}

async fn each_wish_leaves_only_what_it_means(ground: Ground) {
    let store = ground.open().await;
    let one = plant_all_kinds(&store).await;
    let cases: [(Wish, &[u128]); 11] = [
        (|_| {}, &[4, 3, 2, 1, 0]),
        (|wish| wish.channel = "webchat".into(), &[3, 2]),
        (|wish| wish.kind = Some(Kind::Inbound), &[2, 0]),
        (|wish| wish.intent = "price".into(), &[1]),
        (|wish| wish.did = "draft".into(), &[1]),
        (|wish| wish.did = "sent".into(), &[4]),
        (|wish| wish.staff = "Мария".into(), &[3]),
        (|wish| wish.words = "100% \"ДА\" <".into(), &[0]),
        (|wish| wish.words = "100_".into(), &[]),
        (
            |wish| (wish.from, wish.until) = (Some(at(1)), Some(at(3))),
            &[2, 1],
        ),
        (|wish| wish.conversations = Some(Vec::new()), &[]),
    ];
    for (wish, expected) in cases {
        let mut sought = Sought::default();
        wish(&mut sought);
        assert_eq!(found(&store, sought.clone()).await, expected, "{sought:?}");
    }
    let hers = Sought {
        conversations: Some(vec![one.clone()]),
        kind: Some(Kind::Turn),
        ..Sought::default()
    };
    assert_eq!(found(&store, hers).await, [1]);
    for named in ["ольга", "8 921 123-45-67"] {
        let found = store.conversations_named(named).await.unwrap();
        assert_eq!(found, std::slice::from_ref(&one), "{named}");
    }
    assert_eq!(store.conversations_named("Анна").await.unwrap(), []);
    store.close().await;
}

async fn what_is_looked_through_at_once_is_bounded(ground: Ground) {
    let store = ground.open().await;
    let chat = conversation("1");
    let mut rare = event(0, &chat, Kind::Rating);
    rare.reason = Some("редкое".to_owned());
    store.journal(&[rare], &[]).await.unwrap();
    // As if a hundred thousand others had come since.
    ground.sql(match &ground {
        Ground::Sqlite(_) => "UPDATE sqlite_sequence SET seq = 100000 WHERE name = 'events'",
        Ground::Postgres(_) => {
            "SELECT setval(pg_get_serial_sequence('events', 'position'), 100000)"
        }
    });
    let last = event(1, &chat, Kind::Inbound);
    store.journal(&[last], &[]).await.unwrap();
    let mut sought = Sought {
        words: "редкое".to_owned(),
        limit: 10,
        ..Sought::default()
    };

    let first = store.search(&sought).await.unwrap();
    assert_eq!(ids(&first.events), []);
    sought.before = first.next;
    let second = store.search(&sought).await.unwrap();
    assert_eq!(ids(&second.events), []);
    sought.before = second.next;
    let third = store.search(&sought).await.unwrap();
    assert_eq!((ids(&third.events), third.next), (vec![0], None));

    // In a conversation that is named all is looked through.
    sought.before = None;
    sought.conversations = Some(vec![chat]);
    let hers = store.search(&sought).await.unwrap();
    assert_eq!((ids(&hers.events), hers.next), (vec![0], None));
    store.close().await;
}

async fn a_place_in_a_conversation_is_shown_with_what_is_around_it(ground: Ground) {
    let store = ground.open().await;
    let (one, two) = (conversation("1"), conversation("2"));
    let chat = |n: u32| if n.is_multiple_of(2) { &one } else { &two };
    let events: Vec<Event> = (0..40).map(|n| event(n, chat(n), Kind::Inbound)).collect();
    store.journal(&events, &[]).await.unwrap();
    let all = store.events_after(0, 100).await.unwrap();
    let (position, _) = all[20];

    let around = store.events_around(&one, position, 3).await.unwrap();

    assert_eq!(ids(&around), [16, 18, 20, 22, 24, 26]);
    store.close().await;
}

async fn a_record_tells_all_of_a_conversation_and_shows_tampering(ground: Ground) {
    let store = ground.open().await;
    let (one, two) = (conversation("1"), conversation("2"));
    let chat = |n: u32| if n.is_multiple_of(2) { &one } else { &two };
    let events: Vec<Event> = (0..2_100).map(|n| event(n, chat(n), Kind::Turn)).collect();
    store.journal(&events, &[]).await.unwrap();
    let change = VersionChange {
        who: "Ольга".to_owned(),
        what: "test".to_owned(),
        sources: Vec::new(),
    };
    let made = store
        .make_version(Shelf::Settings, 0, &change, at(1_000))
        .await;
    assert_eq!(made.unwrap(), Some(1));

    let record = store.record_of(&one, "Ольга", at(9_000)).await.unwrap();
    let record = record.unwrap();

    let key = store.record_key().await.unwrap();
    assert_eq!(verify(&record, &key), Ok(1_050));
    let lines: Vec<Value> = record
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["header"]["events"], 1_050);
    assert_eq!(lines[0]["header"]["exported_by"], "Ольга");
    assert_eq!(lines[0]["header"]["public_key"], key);
    for (n, line) in (0_u32..).zip(&lines[1..=1_050]) {
        let told = &line["record"];
        let event: Event = serde_json::from_value(told["event"].clone()).unwrap();
        assert_eq!(event.event_id.as_u128() - 1, u128::from(n * 2));
        assert_eq!(told["settings_version"], u32::from(n * 2 >= 1_000));
    }
    let changed = record.replacen("\"turn\"", "\"lead\"", 1);
    assert_eq!(verify(&changed, &key).unwrap_err().line, 2);

    // Who has it is noted, and named when she is erased; the key stays the same.
    let last = store.events_of(&one, 1).await.unwrap();
    assert_eq!(last[0].action.as_deref(), Some("export"));
    assert_eq!(last[0].staff_id.as_deref(), Some("Ольга"));
    let person = store.person_of(&one).await.unwrap().unwrap();
    let begun = store
        .begin_erasure(&person, "Ольга", false, at(9_100))
        .await;
    let zapis_core::store::Begun::Begun(id) = begun.unwrap() else {
        panic!("she has no visits");
    };
    store.scrub(id, &person, 0).await.unwrap();
    let receipts = store.receipts().await.unwrap();
    let named: Vec<&String> = receipts[0].exports.iter().collect();
    assert!(
        named[0].starts_with("record of a conversation, "),
        "{named:?}"
    );
    assert_eq!(
        store.record_of(&one, "Ольга", at(9_200)).await.unwrap(),
        None
    );
    assert_eq!(store.record_key().await.unwrap(), key);
    store.close().await;
}
