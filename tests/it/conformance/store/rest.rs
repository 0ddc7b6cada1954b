//! People, web chat, staff desk, small things, journal.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;
use zapis_core::event::{Event, Kind, Seen};
use zapis_core::message::{Button, ConversationId, Profile};
use zapis_core::store::{ChatEntry, Escalation, Known, StaffThread, Standing, Store};

use crate::conformance::broker_ground::eventually;
use crate::conformance::store_ground::{Ground, at, conversation, on_both};

on_both!(
    the_first_id_ever_seen_names_the_person,
    ids_of_two_known_persons_stay_as_they_are,
    ids_are_known_per_account,
    older_news_never_replace_newer,
    news_of_one_batch_are_taken_by_time_and_not_by_place,
    the_web_chat_log_keeps_what_was_said,
    a_repeat_in_the_web_chat_keeps_its_place_and_its_mark,
    a_visitors_token_finds_the_conversation,
    a_staff_thread_is_found_both_ways_and_can_be_forgotten,
    a_board_is_found_by_its_key_and_its_message,
    a_desk_that_moves_takes_everything_along,
    one_call_is_open_per_conversation,
    a_call_goes_through_its_stages_until_it_is_closed,
    a_lease_has_one_holder_until_it_runs_out,
    a_lease_from_before_the_clock_was_put_back_holds_nobody_up,
    buttons_carry_their_payload_per_conversation,
    events_are_kept_once_whole_and_in_order,
    how_something_does_is_told_to_other_processes,
);

fn strings(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|&id| id.to_owned()).collect()
}

async fn the_first_id_ever_seen_names_the_person(ground: Ground) {
    let store = ground.open().await;
    let resolve = async |ids: &[&str]| {
        store
            .resolve_peer("whatsapp", "main", &strings(ids))
            .await
            .unwrap()
    };

    assert_eq!(resolve(&["79001234567"]).await, "79001234567");
    assert_eq!(resolve(&["RU.1", "79001234567"]).await, "79001234567");
    assert_eq!(resolve(&["RU.1"]).await, "79001234567");
    assert_eq!(resolve(&["RU.2", "RU.1"]).await, "79001234567");
    let aliases = store
        .aliases("whatsapp", "main", "79001234567")
        .await
        .unwrap();
    assert_eq!(aliases, ["79001234567", "RU.1", "RU.2"]);
    assert!(store.resolve_peer("whatsapp", "main", &[]).await.is_err());
}

async fn ids_of_two_known_persons_stay_as_they_are(ground: Ground) {
    let store = ground.open().await;
    let resolve = async |ids: &[&str]| {
        store
            .resolve_peer("whatsapp", "main", &strings(ids))
            .await
            .unwrap()
    };
    resolve(&["a", "a2"]).await;
    resolve(&["b"]).await;

    assert_eq!(resolve(&["new", "b", "a2"]).await, "b");
    assert_eq!(resolve(&["a2"]).await, "a");
    assert_eq!(resolve(&["new"]).await, "b");
}

async fn ids_are_known_per_account(ground: Ground) {
    let store = ground.open().await;
    store
        .resolve_peer("whatsapp", "main", &strings(&["1", "2"]))
        .await
        .unwrap();

    let other = store
        .resolve_peer("whatsapp", "second", &strings(&["2"]))
        .await
        .unwrap();

    assert_eq!(other, "2");
}

fn seen(seconds: i64) -> Seen {
    Seen {
        conversation: conversation("1"),
        at: at(seconds),
        wrote: false,
        profile: Profile::default(),
        reachable: None,
        advertising: None,
    }
}

fn named(seconds: i64, name: &str) -> Seen {
    Seen {
        profile: Profile {
            name: Some(name.into()),
            ..Profile::default()
        },
        wrote: true,
        ..seen(seconds)
    }
}

async fn older_news_never_replace_newer(ground: Ground) {
    let store = ground.open().await;
    let chat = conversation("1");
    assert_eq!(store.known(&chat).await.unwrap(), Known::default());
    let blocked = Seen {
        reachable: Some(false),
        advertising: Some(false),
        ..seen(20)
    };
    let with_phone = Seen {
        profile: Profile {
            phone: Some("+79001234567".into()),
            username: Some("anna".into()),
            ..Profile::default()
        },
        reachable: Some(true),
        ..seen(5)
    };

    for news in [
        named(10, "Anna"),
        blocked,
        named(7, "Old"),
        with_phone,
        seen(30),
    ] {
        store.journal(&[], &[news]).await.unwrap();
    }

    let known = store.known(&chat).await.unwrap();
    let expected = Known {
        wrote_at: Some(at(10)),
        name: Some("Anna".into()),
        // Older than other news, and the newest of its kind.
        username: Some("anna".into()),
        phone: Some("+79001234567".into()),
        blocked: true,
        no_advertising: Some(at(20)),
        wants_advertising: false,
    };
    assert_eq!(known, expected);
}

async fn news_of_one_batch_are_taken_by_time_and_not_by_place(ground: Ground) {
    let store = ground.open().await;
    let back = Seen {
        reachable: Some(true),
        advertising: Some(true),
        ..seen(40)
    };
    let gone = Seen {
        reachable: Some(false),
        ..seen(30)
    };

    store
        .journal(&[], &[named(10, "New"), back, named(5, "Old"), gone])
        .await
        .unwrap();
    store.journal(&[], &[]).await.unwrap();

    let known = store.known(&conversation("1")).await.unwrap();
    assert_eq!(known.name.as_deref(), Some("New"));
    assert_eq!(known.wrote_at, Some(at(10)));
    assert!(!known.blocked);
}

fn said(id: &str) -> ChatEntry {
    ChatEntry {
        seq: 0,
        id: id.into(),
        from: "bot".into(),
        name: Some("Анна".into()),
        text: "Привет 👋 \u{0}\u{202e}".into(),
        buttons: vec![Button {
            title: "Да".into(),
            payload: "yes".into(),
        }],
        at: at(3),
    }
}

async fn the_web_chat_log_keeps_what_was_said(ground: Ground) {
    let store = ground.open().await;
    let chat = conversation("1");
    for id in ["a", "b", "c"] {
        store.chat_append(&chat, &said(id), true).await.unwrap();
    }
    store
        .chat_append(&conversation("2"), &said("a"), true)
        .await
        .unwrap();

    let kept = |seq, id| ChatEntry { seq, ..said(id) };
    assert_eq!(
        store.chat_after(&chat, 1, 10).await.unwrap(),
        [kept(2, "b"), kept(3, "c")]
    );
    assert_eq!(store.chat_after(&chat, 0, 1).await.unwrap(), [kept(1, "a")]);
    assert_eq!(
        store.chat_last(&chat, 2).await.unwrap(),
        [kept(2, "b"), kept(3, "c")]
    );
    let asked = [chat.clone(), conversation("2"), conversation("3")];
    let heads = store.chat_heads(&asked).await.unwrap();
    assert_eq!(
        heads.into_iter().collect::<Vec<_>>(),
        [(chat, 3), (conversation("2"), 1)]
    );
    assert!(store.chat_heads(&[]).await.unwrap().is_empty());
}

async fn a_repeat_in_the_web_chat_keeps_its_place_and_its_mark(ground: Ground) {
    let store = ground.open().await;
    let chat = conversation("1");

    let first = store.chat_append(&chat, &said("a"), false).await.unwrap();
    let repeat = store.chat_append(&chat, &said("a"), false).await.unwrap();
    store.chat_published(&chat, "a").await.unwrap();
    let proved = store.chat_append(&chat, &said("a"), false).await.unwrap();
    let next = store.chat_append(&chat, &said("b"), true).await.unwrap();

    assert_eq!((first.seq, first.published), (1, false));
    assert_eq!(repeat, first);
    assert_eq!((proved.seq, proved.published), (1, true));
    assert_eq!((next.seq, next.published), (2, true));
}

async fn a_visitors_token_finds_the_conversation(ground: Ground) {
    let store = ground.open().await;
    let chat = conversation("1");
    store.put_visitor("hash", &chat, at(0)).await.unwrap();
    store.chat_read(&chat, 5).await.unwrap();
    store.chat_read(&chat, 3).await.unwrap();

    assert_eq!(store.visitor("hash").await.unwrap(), Some(chat));
    assert_eq!(store.visitor("other").await.unwrap(), None);
}

fn desk(id: &str) -> ConversationId {
    ConversationId::new("telegram", "main", id).unwrap()
}

fn thread(desk_id: &str, thread: i64) -> StaffThread {
    StaffThread {
        desk: desk(desk_id),
        thread,
        topic: true,
    }
}

async fn a_staff_thread_is_found_both_ways_and_can_be_forgotten(ground: Ground) {
    let store = ground.open().await;
    let chat = conversation("1");

    store
        .put_staff_thread(&chat, &thread("-1", 5))
        .await
        .unwrap();
    store
        .put_staff_thread(&chat, &thread("-1", 7))
        .await
        .unwrap();

    assert_eq!(
        store.staff_thread(&chat).await.unwrap(),
        Some(thread("-1", 7))
    );
    assert_eq!(
        store.conversation_of_thread(&desk("-1"), 7).await.unwrap(),
        Some(chat.clone())
    );
    assert_eq!(
        store.conversation_of_thread(&desk("-1"), 5).await.unwrap(),
        None
    );
    store.forget_staff_thread(&chat).await.unwrap();
    assert_eq!(store.staff_thread(&chat).await.unwrap(), None);
}

async fn a_board_is_found_by_its_key_and_its_message(ground: Ground) {
    let store = ground.open().await;
    let (here, there) = (desk("-1"), desk("-2"));
    assert_eq!(store.board(&here, "day:1").await.unwrap(), None);

    store.put_board(&here, "day:1", 5).await.unwrap();
    store.put_board(&here, "day:1", 7).await.unwrap();

    assert_eq!(store.board(&here, "day:1").await.unwrap(), Some(7));
    assert_eq!(store.board(&here, "day:2").await.unwrap(), None);
    assert_eq!(store.board(&there, "day:1").await.unwrap(), None);
    assert!(store.is_board(&here, 7).await.unwrap());
    assert!(!store.is_board(&here, 5).await.unwrap());
    assert!(!store.is_board(&there, 7).await.unwrap());
}

async fn a_desk_that_moves_takes_everything_along(ground: Ground) {
    let store = ground.open().await;
    let (old, new, newest) = (desk("-1"), desk("-100"), desk("-200"));
    let (chat, other) = (conversation("1"), conversation("2"));
    store
        .put_staff_thread(&chat, &thread("-1", 5))
        .await
        .unwrap();
    store.put_staff_message(&old, 8, &chat).await.unwrap();
    store.put_staff_message(&old, 9, &chat).await.unwrap();
    store.put_staff_message(&new, 9, &other).await.unwrap();

    store.move_desk(&old, &new).await.unwrap();
    store.move_desk(&old, &new).await.unwrap();

    assert_eq!(store.desk_moved_to(&old).await.unwrap(), Some(new.clone()));
    assert_eq!(store.desk_moved_to(&new).await.unwrap(), None);
    assert_eq!(
        store.staff_thread(&chat).await.unwrap(),
        Some(thread("-100", 5))
    );
    assert_eq!(
        store.conversation_of_staff_message(&new, 8).await.unwrap(),
        Some(chat)
    );
    assert_eq!(
        store.conversation_of_staff_message(&new, 9).await.unwrap(),
        Some(other)
    );
    store.move_desk(&new, &newest).await.unwrap();
    assert_eq!(store.desk_moved_to(&old).await.unwrap(), Some(newest));
}

fn call(name: &str, due: i64) -> Escalation {
    Escalation {
        id: Uuid::new_v4(),
        conversation: conversation(name),
        reason: "asked for a person".into(),
        card: json!({"name": "Анна", "odd": "\u{0}"}),
        at: at(0),
        stage: 0,
        due: Some(at(due)),
    }
}

async fn one_call_is_open_per_conversation(ground: Ground) {
    let store = ground.open().await;
    let (first, second) = (call("1", 10), call("1", 5));

    store.open_escalation(&first).await.unwrap();
    store.open_escalation(&first).await.unwrap();
    store.open_escalation(&second).await.unwrap();
    assert_eq!(
        store.due_escalations(at(10), 9).await.unwrap(),
        std::slice::from_ref(&first)
    );

    assert!(
        store
            .close_escalation(&conversation("1"), at(11))
            .await
            .unwrap()
    );
    assert!(
        !store
            .close_escalation(&conversation("1"), at(12))
            .await
            .unwrap()
    );
    store.open_escalation(&first).await.unwrap();
    assert!(
        store.due_escalations(at(20), 9).await.unwrap().is_empty(),
        "closed stays closed"
    );
    store.open_escalation(&second).await.unwrap();
    assert_eq!(store.due_escalations(at(20), 9).await.unwrap(), [second]);
}

async fn a_call_goes_through_its_stages_until_it_is_closed(ground: Ground) {
    let store = ground.open().await;
    let (one, two) = (call("1", 10), call("2", 5));
    store.open_escalation(&one).await.unwrap();
    store.open_escalation(&two).await.unwrap();

    assert!(store.due_escalations(at(4), 9).await.unwrap().is_empty());
    assert_eq!(
        store.due_escalations(at(10), 9).await.unwrap(),
        [two.clone(), one.clone()]
    );
    assert_eq!(
        store.due_escalations(at(10), 1).await.unwrap(),
        std::slice::from_ref(&two)
    );
    store
        .advance_escalation(two.id, 1, Some(at(30)))
        .await
        .unwrap();
    store.advance_escalation(one.id, 2, None).await.unwrap();
    store
        .advance_escalation(one.id, 1, Some(at(1)))
        .await
        .unwrap();

    let due = store.due_escalations(at(100), 9).await.unwrap();
    let advanced = Escalation {
        stage: 1,
        due: Some(at(30)),
        ..two
    };
    assert_eq!(due, [advanced]);
}

async fn a_lease_has_one_holder_until_it_runs_out(ground: Ground) {
    let store = ground.open().await;
    let ttl = Duration::from_secs(10);

    assert!(store.lease("poll", "a", ttl, at(0)).await.unwrap());
    assert!(!store.lease("poll", "b", ttl, at(9)).await.unwrap());
    assert!(store.lease("poll", "a", ttl, at(9)).await.unwrap());
    assert!(!store.lease("poll", "b", ttl, at(18)).await.unwrap());
    assert!(store.lease("poll", "b", ttl, at(19)).await.unwrap());
    store.release("poll", "a").await.unwrap();
    assert!(!store.lease("poll", "a", ttl, at(20)).await.unwrap());
    store.release("poll", "b").await.unwrap();
    assert!(store.lease("poll", "a", ttl, at(20)).await.unwrap());
}

async fn a_lease_from_before_the_clock_was_put_back_holds_nobody_up(ground: Ground) {
    let store = ground.open().await;
    let ttl = Duration::from_secs(10);
    assert!(store.lease("poll", "a", ttl, at(3_600)).await.unwrap());

    assert!(
        !store.lease("poll", "b", ttl, at(3_595)).await.unwrap(),
        "clocks differ"
    );
    assert!(store.lease("poll", "b", ttl, at(0)).await.unwrap());
}

async fn buttons_carry_their_payload_per_conversation(ground: Ground) {
    let store = ground.open().await;
    let chat = conversation("1");
    let pair = |short: &str, payload: &str| (short.to_owned(), payload.to_owned());

    store
        .put_buttons(
            &chat,
            &[pair("x", "one"), pair("y", "two"), pair("x", "three")],
        )
        .await
        .unwrap();

    assert_eq!(
        store.button(&chat, "x").await.unwrap().as_deref(),
        Some("three")
    );
    assert_eq!(store.button(&conversation("2"), "x").await.unwrap(), None);
}

async fn events_are_kept_once_whole_and_in_order(ground: Ground) {
    let store = ground.open().await;
    let mut event = Event::new(Uuid::new_v4(), Kind::Turn, at(5)).about(&conversation("1"));
    event.customer_text = Some("Сколько стоит?\u{0}".into());
    event.sources = Some(json!(["price"]));
    event.confidence = Some(0.75);
    let other = Event::new(Uuid::new_v4(), Kind::System, at(1));
    let changed = Event {
        reason: Some("changed".into()),
        ..event.clone()
    };

    assert_eq!(store.last_event_position().await.unwrap(), 0);
    store
        .journal(&[event.clone(), other.clone(), changed.clone()], &[])
        .await
        .unwrap();
    store.journal(&[changed], &[]).await.unwrap();
    store.journal(&[], &[]).await.unwrap();

    let all = store.events_after(0, 10).await.unwrap();
    let events: Vec<_> = all.iter().map(|(_, event)| event.clone()).collect();
    assert!(events == [event.clone(), other.clone()]);
    assert_eq!(store.last_event_position().await.unwrap(), all[1].0);
    assert!(store.events_after(all[0].0, 10).await.unwrap()[0].1 == other);
    assert!(store.events_of(&conversation("1"), 10).await.unwrap() == [event]);
}

/// Waits until this is how the messenger does, and nothing else is told.
async fn does(store: &Store, trouble: Option<&str>, since: i64, worked_at: Option<i64>) {
    let standing = Standing {
        trouble: trouble.map(str::to_owned),
        since: at(since),
        worked_at: worked_at.map(at),
    };
    let expected = [("out telegram:main".to_owned(), standing)].into();
    eventually("how it does", async || {
        (store.standings().await.unwrap() == expected).then_some(())
    })
    .await;
}

async fn how_something_does_is_told_to_other_processes(ground: Ground) {
    let (store, other) = (ground.open().await, ground.open().await);
    let name = "out telegram:main";
    store.mends(name, at(0));
    does(&other, None, 0, None).await;
    store.works(name, at(5));
    does(&other, None, 0, Some(5)).await;

    // It is fresh enough; the next one tells more than that.
    store.works(name, at(20));
    store.fails(name, "401", at(30));
    does(&other, Some("401"), 30, Some(5)).await;
    // Who begins later goes on with what others told.
    other.fails(name, "401", at(40));
    other.fails(name, "unreachable", at(50));
    does(&store, Some("unreachable"), 50, Some(5)).await;
    store.works(name, at(60));
    does(&other, None, 60, Some(60)).await;
    store.works(name, at(90));
    does(&other, None, 60, Some(90)).await;
}
