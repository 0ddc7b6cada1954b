//! What metrics count, and what is told of one conversation.

use bytes::Bytes;
use uuid::Uuid;
use zapis_core::event::{Event, Kind};
use zapis_core::store::{DeadLetter, Escalation, Parked};
use zapis_core::trace::TraceParent;

use crate::conformance::store_ground::{Ground, at, conversation, on_both, staff};

on_both!(
    what_waits_and_what_a_person_owns_is_counted,
    what_did_not_get_through_is_told_of_its_own_conversation_only,
    an_alias_names_its_conversation_and_asking_notes_nothing,
    events_of_some_kinds_and_a_time_are_read_page_by_page,
    what_was_told_late_hides_nothing_of_its_time,
);

async fn what_waits_and_what_a_person_owns_is_counted(ground: Ground) {
    let store = ground.open().await;
    for (name, until) in [("1", 100), ("2", 10)] {
        let change = staff(name, "Мария", 0, until);
        let chat = conversation(name);
        store.change_ownership(&chat, &change).await.unwrap();
    }
    store.open_escalation(&call("1")).await.unwrap();
    store.open_escalation(&call("2")).await.unwrap();
    let two = conversation("2");
    store.close_escalation(&two, at(1)).await.unwrap();
    for lane in ["a", "b"] {
        let parked = [parked("m")];
        store.park("inbound", lane, &parked, at(5)).await.unwrap();
    }

    let figures = store.figures(at(50)).await.unwrap();

    assert_eq!((figures.owned, figures.calls, figures.dead), (1, 1, 0));
    assert_eq!(
        figures.parked.into_iter().collect::<Vec<_>>(),
        [("inbound".to_owned(), 2)]
    );
}

async fn what_did_not_get_through_is_told_of_its_own_conversation_only(ground: Ground) {
    let store = ground.open().await;
    let (one, two) = (conversation("1"), conversation("2"));
    store.open_escalation(&call("1")).await.unwrap();
    store
        .bury(&[letter(one.as_str()), letter("")])
        .await
        .unwrap();
    let waits = [parked("first"), parked("second")];
    store
        .park("outbound.whatsapp", one.as_str(), &waits, at(5))
        .await
        .unwrap();

    let told = store.parked_of(&one).await.unwrap();

    let ids: Vec<_> = told
        .iter()
        .map(|one| (one.message_id.as_str(), one.due))
        .collect();
    assert_eq!(ids, [("first", at(5)), ("second", at(5))]);
    assert_eq!(told[0].trace, waits[0].trace);
    assert_eq!(store.dead_of(&one).await.unwrap().len(), 1);
    assert_eq!(store.open_calls_of(&one).await.unwrap().len(), 1);
    assert!(store.parked_of(&two).await.unwrap().is_empty());
    assert!(store.dead_of(&two).await.unwrap().is_empty());
    assert!(store.open_calls_of(&two).await.unwrap().is_empty());
}

async fn an_alias_names_its_conversation_and_asking_notes_nothing(ground: Ground) {
    let store = ground.open().await;
    let ids = ["RU.1".to_owned(), "79210000001".to_owned()];
    store.resolve_peer("whatsapp", "main", &ids).await.unwrap();

    let named = store.named(&conversation("79210000001")).await.unwrap();
    let stranger = store.named(&conversation("79210000009")).await.unwrap();

    assert_eq!(named, conversation("RU.1"));
    assert_eq!(stranger, conversation("79210000009"));
    let noted = store.aliases("whatsapp", "main", "79210000009").await;
    assert!(noted.unwrap().is_empty());
}

async fn events_of_some_kinds_and_a_time_are_read_page_by_page(ground: Ground) {
    let store = ground.open().await;
    let kinds = [Kind::Turn, Kind::Outbound, Kind::Draft];
    let events: Vec<Event> = (0..30)
        .map(|n| Event::new(Uuid::new_v4(), kinds[n % 3], at(n.try_into().unwrap())))
        .collect();
    store.journal(&events, &[]).await.unwrap();
    let span = at(6)..at(24);
    let wanted = [Kind::Turn, Kind::Draft];

    let mut after = store.position_before(span.start).await.unwrap();
    assert_eq!(after, 6);
    let end = store.last_event_position().await.unwrap();
    let mut read = Vec::new();
    while after < end {
        let last = end.min(after + 5);
        let page = store.events_of_kinds(&wanted, &span, after, last);
        read.extend(page.await.unwrap());
        after = last;
    }

    let expected: Vec<Event> = events[6..24]
        .iter()
        .filter(|event| event.kind != Kind::Outbound)
        .cloned()
        .collect();
    assert!(read == expected);
    let none = store.events_of_kinds(&[], &span, 0, end).await.unwrap();
    assert!(none.is_empty());
    assert_eq!(store.position_before(at(1_000)).await.unwrap(), end);
}

async fn what_was_told_late_hides_nothing_of_its_time(ground: Ground) {
    let store = ground.open().await;
    let event = |seconds| Event::new(Uuid::new_v4(), Kind::Inbound, at(seconds));
    let events = [event(5), event(20), event(30), event(10)];
    store.journal(&events, &[]).await.unwrap();

    let before = store.position_before(at(10)).await.unwrap();
    let span = at(10)..at(25);
    let end = store.last_event_position().await.unwrap();
    let read = store.events_of_kinds(&[Kind::Inbound], &span, before, end);

    let read = read.await.unwrap();
    assert!(read == [events[1].clone(), events[3].clone()]);
}

fn call(name: &str) -> Escalation {
    Escalation {
        id: Uuid::new_v4(),
        conversation: conversation(name),
        reason: "просит человека".into(),
        card: serde_json::Value::Null,
        at: at(0),
        stage: 0,
        due: Some(at(5)),
    }
}

fn letter(key: &str) -> DeadLetter {
    DeadLetter {
        id: Uuid::new_v4(),
        topic: "inbound".into(),
        key: key.into(),
        message_id: "m".into(),
        reason: "bad".into(),
        body: Vec::new(),
        at: at(0),
    }
}

fn parked(id: &str) -> Parked {
    Parked {
        seq: 0,
        id: id.into(),
        body: Bytes::from_static(b"{}"),
        trace: TraceParent::start(),
    }
}
