//! Chats as the staff sees them.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;
use zapis_core::event::{Event, Kind, Seen};
use zapis_core::message::{ConversationId, Profile};
use zapis_core::store::{ChatFilter, Escalation, NewOwner, OwnershipChange, Store};

use crate::conformance::store_ground::{Ground, at, on_both};

on_both!(
    who_waits_longest_comes_first,
    chats_are_found_by_name_phone_and_words,
    a_chat_put_aside_comes_back_when_the_customer_writes,
    a_free_chat_is_taken_by_one_person,
);

fn chat(peer: u32) -> ConversationId {
    format!("telegram:main:{peer}").parse().unwrap()
}

/// A customer writes.
async fn writes(store: &Store, peer: u32, name: &str, text: &str, when: i64) {
    let profile = Profile {
        name: Some(name.to_owned()),
        phone: Some(format!("+7921000{peer:04}")),
        ..Profile::default()
    };
    let seen = Seen {
        conversation: chat(peer),
        at: at(when),
        wrote: true,
        profile,
        reachable: None,
        advertising: None,
    };
    let mut event = Event::new(Uuid::new_v4(), Kind::Inbound, at(when)).about(&chat(peer));
    event.customer_text = Some(text.to_owned());
    store.journal(&[event], &[seen]).await.unwrap();
}

async fn calls(store: &Store, peer: u32, when: i64) {
    let call = Escalation {
        id: Uuid::new_v4(),
        conversation: chat(peer),
        reason: "просит человека".to_owned(),
        card: json!({}),
        at: at(when),
        stage: 0,
        due: None,
    };
    store.open_escalation(&call).await.unwrap();
}

async fn owns(store: &Store, peer: u32, to: NewOwner, when: i64) -> Option<String> {
    let change = OwnershipChange {
        cause: Uuid::new_v4().to_string(),
        at: at(when),
        to,
    };
    let owner = store.change_ownership(&chat(peer), &change).await.unwrap();
    owner.staff
}

fn staff(who: &str, until: i64) -> NewOwner {
    NewOwner::Staff {
        who: who.to_owned(),
        until: at(until),
    }
}

async fn shown(store: &Store, filter: ChatFilter, now: DateTime<Utc>) -> Vec<String> {
    let filter = ChatFilter {
        limit: 10,
        ..filter
    };
    let chats = store.chats(&filter, now).await.unwrap();
    chats
        .iter()
        .map(|chat| chat.conversation.peer().to_owned())
        .collect()
}

async fn who_waits_longest_comes_first(ground: Ground) {
    let store = ground.open().await;
    for peer in 1..=4 {
        writes(&store, peer, "Анна", "Здравствуйте", i64::from(peer)).await;
    }
    calls(&store, 2, 20).await;
    calls(&store, 1, 30).await;
    // A person has this one, and the customer has written since the last answer.
    owns(&store, 3, staff("Мария", 900), 40).await;
    let all = ChatFilter::default;
    assert_eq!(shown(&store, all(), at(50)).await, ["3", "2", "1", "4"]);
    let answered = Event::new(Uuid::new_v4(), Kind::Takeover, at(45)).about(&chat(3));
    store.journal(&[answered], &[]).await.unwrap();
    assert_eq!(shown(&store, all(), at(50)).await, ["2", "1", "4", "3"]);

    let waiting = ChatFilter {
        waiting: true,
        ..all()
    };
    assert_eq!(shown(&store, waiting.clone(), at(50)).await, ["2", "1"]);
    let taken = ChatFilter {
        taken: true,
        ..all()
    };
    assert_eq!(shown(&store, taken.clone(), at(50)).await, ["3"]);
    assert_eq!(shown(&store, taken, at(900)).await, [""; 0], "it is over");
    let without = vec![chat(2), chat(1)];
    assert_eq!(
        shown(&store, ChatFilter { without, ..all() }, at(50)).await,
        ["4", "3"]
    );
    let pages = async |limit| {
        let mut all = Vec::new();
        for skip in (0..6).step_by(limit as usize) {
            let page = ChatFilter {
                skip,
                limit,
                ..ChatFilter::default()
            };
            let page = store.chats(&page, at(50)).await.unwrap();
            assert!(page.len() <= limit as usize);
            all.extend(page.iter().map(|chat| chat.conversation.peer().to_owned()));
        }
        all
    };
    for limit in 1..=5 {
        assert_eq!(pages(limit).await, ["2", "1", "4", "3"], "{limit} a page");
    }
    assert_eq!(store.waiting_chats(&[chat(1)], at(50)).await.unwrap(), 1);
    let second = ChatFilter {
        skip: 1,
        limit: 2,
        ..all()
    };
    let second = store.chats(&second, at(50)).await.unwrap();
    assert_eq!(second.len(), 2);
    assert_eq!(second[0].reason.as_deref(), Some("просит человека"));
    assert_eq!(second[0].waiting_since, Some(at(30)));

    store.close_escalation(&chat(2), at(60)).await.unwrap();
    assert_eq!(shown(&store, waiting, at(70)).await, ["1"]);
    let person = Uuid::from_u128(7);
    store.assign_chat(&chat(4), Some(person)).await.unwrap();
    let mine = ChatFilter {
        assigned: Some(person),
        ..all()
    };
    assert_eq!(shown(&store, mine.clone(), at(70)).await, ["4"]);
    store.assign_chat(&chat(4), None).await.unwrap();
    assert_eq!(shown(&store, mine, at(70)).await, [""; 0]);
}

async fn chats_are_found_by_name_phone_and_words(ground: Ground) {
    let store = ground.open().await;
    writes(&store, 1, "Анна Котова", "Сколько стоит маникюр?", 1).await;
    writes(&store, 2, "Борис", "100% скидка_есть? \"да\"", 2).await;
    let text = |text: &str| ChatFilter {
        text: text.to_owned(),
        ..ChatFilter::default()
    };
    for (words, found) in [
        ("котова", vec!["1"]),
        ("АННА", vec!["1"]),
        ("Маникюр", vec!["1"]),
        ("8 (921) 000-00-02", vec!["2"]),
        ("0001", vec!["1"]),
        ("100%", vec!["2"]),
        ("скидка_", vec!["2"]),
        ("\"да\"", vec!["2"]),
        ("1%00", vec![]),
        ("'; DROP TABLE people; --", vec![]),
        ("customer_text", vec!["2", "1"]),
    ] {
        assert_eq!(shown(&store, text(words), at(9)).await, found, "{words}");
    }
    let last = store.last_said(&[chat(1), chat(2), chat(3)]).await.unwrap();
    let said = last[&chat(1)].customer_text.as_deref();
    assert_eq!((last.len(), said), (2, Some("Сколько стоит маникюр?")));
    assert_eq!(store.chat(&chat(3), at(9)).await.unwrap(), None);
}

async fn a_chat_put_aside_comes_back_when_the_customer_writes(ground: Ground) {
    let store = ground.open().await;
    writes(&store, 1, "Анна", "Подумаю", 1).await;
    let all = ChatFilter::default;
    store
        .snooze_chat(&chat(1), Some(at(100)), at(10))
        .await
        .unwrap();
    assert_eq!(shown(&store, all(), at(50)).await, [""; 0]);
    assert_eq!(shown(&store, all(), at(100)).await, ["1"]);
    writes(&store, 1, "Анна", "Надумала", 60).await;
    assert_eq!(shown(&store, all(), at(61)).await, ["1"]);
    store
        .snooze_chat(&chat(1), Some(at(200)), at(70))
        .await
        .unwrap();
    store.snooze_chat(&chat(1), None, at(80)).await.unwrap();
    assert_eq!(shown(&store, all(), at(90)).await, ["1"]);
}

async fn a_free_chat_is_taken_by_one_person(ground: Ground) {
    let store = ground.open().await;
    let free = |who: &str| NewOwner::StaffIfFree {
        who: who.to_owned(),
        until: at(900),
    };
    assert_eq!(
        owns(&store, 1, free("Мария"), 1).await.as_deref(),
        Some("Мария")
    );
    assert_eq!(
        owns(&store, 1, free("Ольга"), 2).await.as_deref(),
        Some("Мария")
    );
    assert_eq!(
        owns(&store, 1, staff("Ольга", 900), 3).await.as_deref(),
        Some("Ольга")
    );
    assert_eq!(owns(&store, 1, NewOwner::Bot, 4).await, None);
    assert_eq!(
        owns(&store, 1, free("Мария"), 5).await.as_deref(),
        Some("Мария")
    );
}
