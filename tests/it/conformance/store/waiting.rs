//! The waiting list: who waits longest comes first, an offer is one customer's alone, and is taken once.

use uuid::Uuid;
use zapis_core::event::{Event, Kind};
use zapis_core::message::Fence;
use zapis_core::store::{
    Booked, Claimed, Held, Holding, SlotOffer, Store, WaitEntry, WaitState, Wanted,
};

use crate::conformance::book_ground::{by_staff, cause, held, visit};
use crate::conformance::store_ground::{Ground, at, conversation, message, on_both, staff};

on_both!(
    who_waits_longest_comes_first_and_who_is_done_is_gone,
    of_two_changes_of_the_same_version_one_holds,
    an_offered_time_is_kept_from_others_and_handed_over_once,
    an_offer_leaves_while_it_holds_and_no_person_speaks,
);

fn entry(n: u128, who: &str, since: i64) -> WaitEntry {
    let wish = serde_json::json!({ "items": [] });
    WaitEntry::new(
        Uuid::from_u128(n),
        conversation(who),
        wish,
        at(since),
        at(100_000),
    )
}

fn event(n: u128) -> Event {
    Event::new(Uuid::from_u128(n), Kind::Booking, at(0))
}

/// The entry with a time offered and held for it.
async fn offered(store: &Store, n: u128, who: &str) -> WaitEntry {
    let waits = entry(n, who, 0);
    store.put_waiting(&waits, &[]).await.unwrap();
    let visits = [visit(
        &format!("anna{}", if n == 1 { "" } else { "2" }),
        600,
        60,
    )];
    let wanted = Holding {
        cause: cause(900 + n),
        visits: &visits,
        moving: None,
        until: at(1_800),
    };
    let fates = store.hold(&waits.holder(), &wanted, at(0)).await.unwrap();
    let [Held::Held(hold)] = fates[..] else {
        panic!("{fates:?}")
    };
    let [visit] = visits;
    let offered = WaitEntry {
        version: 2,
        state: WaitState::Offered,
        offer: Some(SlotOffer {
            hold,
            visit,
            until: at(1_800),
            outbound: Uuid::from_u128(700 + n),
            published: false,
        }),
        ..waits
    };
    assert!(store.save_waiting(&offered, &[]).await.unwrap());
    offered
}

async fn who_waits_longest_comes_first_and_who_is_done_is_gone(ground: Ground) {
    let store = ground.open().await;
    let (late, early) = (entry(1, "1", 20), entry(2, "2", 10));
    for one in [&late, &early, &late] {
        store.put_waiting(one, &[event(7)]).await.unwrap();
    }
    assert_eq!(
        store.waiting(10).await.unwrap(),
        [early.clone(), late.clone()]
    );
    assert_eq!(
        store.waiting(1).await.unwrap(),
        std::slice::from_ref(&early)
    );
    assert_eq!(store.waiting_of(&conversation("1")).await.unwrap(), [late]);
    assert_eq!(
        store.events_after(0, 10).await.unwrap().len(),
        1,
        "a repeat tells nothing"
    );

    let left = WaitEntry {
        version: 2,
        state: WaitState::Left,
        ..early
    };
    assert!(store.save_waiting(&left, &[event(8)]).await.unwrap());

    assert_eq!(store.waiting(10).await.unwrap().len(), 1);
    assert_eq!(store.waiting_entry(left.id).await.unwrap(), Some(left));
    assert_eq!(store.events_after(0, 10).await.unwrap().len(), 2);
}

async fn of_two_changes_of_the_same_version_one_holds(ground: Ground) {
    let store = ground.open().await;
    let waits = entry(1, "1", 0);
    store.put_waiting(&waits, &[]).await.unwrap();
    let becomes = |state| WaitEntry {
        version: 2,
        state,
        ..waits.clone()
    };
    let (left, ended) = (becomes(WaitState::Left), becomes(WaitState::Ended));
    let (events_left, events_ended) = ([event(1)], [event(2)]);

    let (one, two) = tokio::join!(
        store.save_waiting(&left, &events_left),
        store.save_waiting(&ended, &events_ended)
    );

    assert!(one.unwrap() != two.unwrap());
    assert_eq!(store.events_after(0, 10).await.unwrap().len(), 1);
}

async fn an_offered_time_is_kept_from_others_and_handed_over_once(ground: Ground) {
    let store = ground.open().await;
    let wanted = [visit("anna", 600, 60)];
    // She was shown it before, and let it lapse.
    held(&store, "1", 9, &wanted, -1_000).await;
    let offer = offered(&store, 1, "1").await;
    assert_eq!(held(&store, "2", 1, &wanted, 10).await, [Held::Taken]);
    // Whatever she does otherwise does not touch it.
    assert_eq!(held(&store, "2", 4, &wanted, 30).await, [Held::Taken]);

    let taken = WaitEntry {
        version: 3,
        state: WaitState::Taken,
        taken_by: Some(cause(50)),
        ..offer.clone()
    };
    let twice = [
        store
            .take_offer(&taken, at(400), &[event(1)])
            .await
            .unwrap(),
        store
            .take_offer(&taken, at(400), &[event(1)])
            .await
            .unwrap(),
    ];
    assert_eq!(twice, [true, false]);

    let hold = offer.offer.unwrap().hold;
    let mut request = by_staff(60, visit("anna", 600, 60));
    request.wanted = Wanted::Hold(hold);
    request.conversation = Some(conversation("2"));
    let foreign = store.book(&request, at(100)).await.unwrap();
    assert_eq!(foreign, Booked::NoHold);
    request.conversation = Some(conversation("1"));
    let booked = store.book(&request, at(100)).await.unwrap();
    assert!(matches!(booked, Booked::Booked(_)), "{booked:?}");
}

async fn an_offer_leaves_while_it_holds_and_no_person_speaks(ground: Ground) {
    let store = ground.open().await;
    let offer = offered(&store, 1, "1").await;
    let outbound = offer.offer.as_ref().unwrap().outbound;
    let of = |id: Uuid, who: &str, until: i64| {
        let fence = Fence::Offer {
            waiting: offer.id,
            until: at(until),
        };
        let mut request = message(who, fence);
        request.id = id;
        request
    };
    let other = Uuid::from_u128(999);

    let answers = store
        .claim(&[of(other, "1", 1_800), of(outbound, "1", 1_800)], at(10))
        .await
        .unwrap();
    assert_eq!(
        answers,
        [Claimed::Fenced, Claimed::Go],
        "only what is offered"
    );

    let late = offered_late(&store).await;
    let request = |until| {
        let mut request = message(
            "3",
            Fence::Offer {
                waiting: late.id,
                until: at(until),
            },
        );
        request.id = late.offer.as_ref().unwrap().outbound;
        request
    };
    let too_late = store.claim(&[request(5)], at(10)).await.unwrap();
    assert_eq!(too_late, [Claimed::Fenced]);

    let spoken_to = offered(&store, 4, "4").await;
    store
        .change_ownership(
            &conversation("4"),
            &staff("she takes over", "Ольга", 0, 900),
        )
        .await
        .unwrap();
    let mut request = message(
        "4",
        Fence::Offer {
            waiting: spoken_to.id,
            until: at(1_800),
        },
    );
    request.id = spoken_to.offer.unwrap().outbound;
    assert_eq!(
        store.claim(&[request], at(10)).await.unwrap(),
        [Claimed::Fenced]
    );
}

async fn offered_late(store: &Store) -> WaitEntry {
    let mut late = entry(3, "3", 0);
    store.put_waiting(&late, &[]).await.unwrap();
    late.version = 2;
    late.state = WaitState::Offered;
    late.offer = Some(SlotOffer {
        hold: Uuid::from_u128(1),
        visit: visit("vera", 600, 60),
        until: at(5),
        outbound: Uuid::from_u128(703),
        published: true,
    });
    assert!(store.save_waiting(&late, &[]).await.unwrap());
    late
}
