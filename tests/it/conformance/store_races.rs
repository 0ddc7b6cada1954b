//! What holds when many ask a store at the same time, from two processes.

use futures::future::join_all;
use uuid::Uuid;
use zapis_core::event::{Event, Kind};
use zapis_core::message::Fence;
use zapis_core::store::{ChatEntry, Claimed, NewOwner, SendOutcome, Store};

use super::store_ground::{Ground, at, change, conversation, message, on_both, reply, sent, staff};

on_both!(
    of_fifty_claims_of_one_id_one_goes,
    of_fifty_reclaims_of_one_id_one_goes,
    of_fifty_turns_that_answer_one_inbound_one_goes,
    no_reply_goes_once_a_takeover_returned,
    fifty_appends_to_one_chat_have_fifty_places_without_gaps,
    one_chat_message_sent_fifty_times_has_one_place,
    ids_that_overlap_become_one_peer,
    journal_positions_are_never_missed_by_a_reader_who_follows_them,
    many_claims_and_records_at_once_all_count,
    two_programs_open_an_empty_store_at_once,
);

/// Two programs at one store; the n-th caller uses one of them.
async fn two(ground: &Ground) -> [Store; 2] {
    [ground.open().await, ground.open().await]
}

async fn of_fifty_claims_of_one_id_one_goes(ground: Ground) {
    let stores = two(&ground).await;
    let request = message("1", Fence::Staff);

    let claims = (0..50).map(|n| stores[n % 2].claim(std::slice::from_ref(&request), at(0)));
    let answers = join_all(claims).await;

    let went = answers.into_iter().flat_map(Result::unwrap);
    assert_eq!(went.filter(|answer| *answer == Claimed::Go).count(), 1);
}

async fn of_fifty_reclaims_of_one_id_one_goes(ground: Ground) {
    let stores = two(&ground).await;
    let request = message("1", Fence::Staff);
    stores[0]
        .claim(std::slice::from_ref(&request), at(0))
        .await
        .unwrap();
    stores[0]
        .record(&[(request.id, SendOutcome::InDoubt)], &[], at(1))
        .await
        .unwrap();

    let answers = join_all((0..50).map(|n| stores[n % 2].reclaim(&request, at(2)))).await;

    let went = answers
        .into_iter()
        .filter(|answer| *answer.as_ref().unwrap() == Claimed::Go);
    assert_eq!(went.count(), 1);
    let entry = stores[0].ledger(request.id).await.unwrap().unwrap();
    assert_eq!((entry.state.as_str(), entry.attempts), ("claimed", 2));
}

async fn of_fifty_turns_that_answer_one_inbound_one_goes(ground: Ground) {
    let stores = two(&ground).await;
    let replies: Vec<_> = (0..50)
        .map(|_| reply("1", 0, Uuid::new_v4(), &["in"]))
        .collect();

    let claims = replies.iter().enumerate();
    let claims = claims.map(|(n, one)| stores[n % 2].claim(std::slice::from_ref(one), at(0)));
    let answers: Vec<_> = join_all(claims)
        .await
        .into_iter()
        .flat_map(Result::unwrap)
        .collect();

    let count = |wanted: Claimed| answers.iter().filter(|answer| **answer == wanted).count();
    assert_eq!((count(Claimed::Go), count(Claimed::Answered)), (1, 49));
}

async fn no_reply_goes_once_a_takeover_returned(ground: Ground) {
    let stores = two(&ground).await;
    for round in 0..10 {
        let name = round.to_string();
        let taken = std::sync::atomic::AtomicBool::new(false);
        let takeover = async {
            let taken_over = staff("cause", "Anna", 0, 600);
            stores[1]
                .change_ownership(&conversation(&name), &taken_over)
                .await
                .unwrap();
            taken.store(true, std::sync::atomic::Ordering::SeqCst);
        };
        let claims = (0..50).map(|n| {
            let (store, taken, name) = (&stores[n % 2], &taken, &name);
            async move {
                // Some start before, some after the takeover has returned.
                for _ in 0..n % 7 {
                    tokio::task::yield_now().await;
                }
                let late = taken.load(std::sync::atomic::Ordering::SeqCst);
                let request = message(name, Fence::Reply { epoch: 0 });
                let answer = store.claim(&[request], at(1)).await.unwrap();
                (late, answer[0].clone())
            }
        });
        let (answers, ()) = futures::join!(join_all(claims), takeover);
        for (late, answer) in answers {
            assert!(matches!(answer, Claimed::Go | Claimed::Fenced));
            assert!(!late || answer == Claimed::Fenced);
        }
        let after = message(&name, Fence::Reply { epoch: 0 });
        assert_eq!(
            stores[0].claim(&[after], at(1)).await.unwrap(),
            [Claimed::Fenced]
        );
    }
}

fn said(id: &str) -> ChatEntry {
    ChatEntry {
        seq: 0,
        id: id.into(),
        from: "customer".into(),
        name: None,
        text: format!("text {id}"),
        buttons: Vec::new(),
        at: at(0),
    }
}

async fn fifty_appends_to_one_chat_have_fifty_places_without_gaps(ground: Ground) {
    let stores = two(&ground).await;
    let chat = conversation("1");
    let entries: Vec<_> = (0..50).map(|n| said(&n.to_string())).collect();

    let appends = entries.iter().enumerate();
    let appends = appends.map(|(n, entry)| stores[n % 2].chat_append(&chat, entry, false));
    let places = join_all(appends)
        .await
        .into_iter()
        .map(|place| place.unwrap().seq);

    let mut places: Vec<_> = places.collect();
    for (entry, seq) in entries.iter().zip(&places) {
        let read = stores[0].chat_after(&chat, seq - 1, 1).await.unwrap();
        assert_eq!(read[0].id, entry.id);
    }
    places.sort_unstable();
    assert_eq!(places, (1..=50).collect::<Vec<i64>>());
}

async fn one_chat_message_sent_fifty_times_has_one_place(ground: Ground) {
    let stores = two(&ground).await;
    let chat = conversation("1");
    let entry = said("same");

    let appends = (0..50).map(|n| stores[n % 2].chat_append(&chat, &entry, false));
    for place in join_all(appends).await {
        assert_eq!(place.unwrap().seq, 1);
    }

    assert_eq!(stores[0].chat_last(&chat, 10).await.unwrap().len(), 1);
}

async fn ids_that_overlap_become_one_peer(ground: Ground) {
    let stores = two(&ground).await;
    let ids = ["bsuid", "79001234567", "parent"].map(str::to_owned);

    let resolves = (0..50).map(|n| {
        // All orders start elsewhere in the ring; each shares an id with the others.
        let mine = vec![ids[n % 3].clone(), ids[(n + 1) % 3].clone()];
        let store = &stores[n % 2];
        async move { store.resolve_peer("whatsapp", "main", &mine).await.unwrap() }
    });
    join_all(resolves).await;

    // Whoever came first made two ids one; the third joined one of them and stays with it.
    let peers = ids
        .iter()
        .map(|id| stores[0].resolve_peer("whatsapp", "main", std::slice::from_ref(id)));
    let peers: Vec<_> = join_all(peers)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert!(peers.iter().all(|peer| *peer == peers[0]), "{peers:?}");
}

async fn journal_positions_are_never_missed_by_a_reader_who_follows_them(ground: Ground) {
    let stores = two(&ground).await;
    let writes = (0..60).map(|n| {
        let event = Event::new(Uuid::new_v4(), Kind::System, at(n));
        let store = &stores[usize::try_from(n).unwrap() % 2];
        async move { store.journal(&[event], &[]).await.unwrap() }
    });
    let reader = async {
        let (mut seen, mut position) = (Vec::new(), 0);
        while seen.len() < 60 {
            for (place, event) in stores[0].events_after(position, 10).await.unwrap() {
                position = place;
                seen.push(event.event_id);
            }
            tokio::task::yield_now().await;
        }
        seen
    };
    let patience = std::time::Duration::from_secs(30);

    let (_, seen) = futures::join!(join_all(writes), tokio::time::timeout(patience, reader));

    let mut seen = seen.expect("an event was passed over");
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 60);
}

async fn many_claims_and_records_at_once_all_count(ground: Ground) {
    let stores = two(&ground).await;
    let sends = (0..200).map(|n| {
        let store = &stores[n % 2];
        async move {
            // Twenty conversations that all callers share.
            let request = message(&(n % 20).to_string(), Fence::Reply { epoch: 0 });
            let id = request.id;
            assert_eq!(store.claim(&[request], at(0)).await.unwrap(), [Claimed::Go]);
            store
                .record(&[(id, sent(&format!("wamid.{n}")))], &[], at(1))
                .await
                .unwrap();
        }
    });
    join_all(sends).await;
    stores[0]
        .change_ownership(&conversation("0"), &change("stop", NewOwner::Same))
        .await
        .unwrap();

    let counts = stores[1].ledger_counts().await.unwrap();
    assert_eq!(
        counts.into_iter().collect::<Vec<_>>(),
        [("sent".to_owned(), 200)]
    );
}

async fn two_programs_open_an_empty_store_at_once(ground: Ground) {
    let opened = join_all((0..4).map(|_| ground.try_open())).await;

    for store in opened {
        store.unwrap().check().await.unwrap();
    }
}
