//! Reminders: planned with the position in the book, claimed by one, settled by whoever still has them.

use std::collections::HashSet;

use chrono::TimeDelta;
use uuid::Uuid;
use zapis_core::event::{Event, Kind, Seen};
use zapis_core::message::{Fence, Profile};
use zapis_core::store::{
    BookingChange, Change, Changed, Claimed, Escalation, Followed, NextDue, Reminder,
    ReminderState, ReminderTry, Status,
};

use crate::conformance::book_ground::{booked, by_staff, cause, visit};
use crate::conformance::store_ground::{Ground, at, conversation, message, on_both};

on_both!(
    of_several_who_follow_the_book_one_wins,
    a_change_closes_what_is_open_and_nothing_that_is_over,
    what_is_due_is_claimed_once_the_longest_due_first,
    claims_at_the_same_time_share_what_is_due,
    only_who_has_a_claim_settles_it,
    who_has_a_phone_is_found_and_consent_is_not_assumed,
    a_missed_visit_may_be_written_about_and_nothing_leaves_too_late,
    the_next_due_time_is_known_with_and_without_looks_after_what_is_on_its_way,
);

const NIGHT: i64 = 100_000;

fn reminder(n: u128, version: i64, due: Option<i64>) -> Reminder {
    Reminder {
        booking: Uuid::from_u128(n),
        version,
        step: "day_before".into(),
        state: ReminderState::Planned,
        due: due.map(at),
        until: at(NIGHT),
        visit_at: at(NIGHT),
        reason: None,
        tries: Vec::new(),
    }
}

fn event(n: u128) -> Event {
    Event::new(Uuid::from_u128(n), Kind::Reminder, at(0))
}

fn followed(after: i64, upto: i64, reminders: &[Reminder]) -> Followed {
    Followed {
        after,
        upto,
        reminders: reminders.to_vec(),
        events: vec![event(upto.unsigned_abs().into())],
    }
}

async fn of_several_who_follow_the_book_one_wins(ground: Ground) {
    let store = ground.open().await;
    assert_eq!(store.followed_to().await.unwrap(), 0);
    let (mine, theirs) = (reminder(1, 1, Some(10)), reminder(2, 1, Some(10)));

    let (mine_won, theirs_won) = tokio::join!(
        async {
            store
                .follow(&followed(0, 5, std::slice::from_ref(&mine)))
                .await
        },
        async {
            store
                .follow(&followed(0, 5, std::slice::from_ref(&theirs)))
                .await
        },
    );

    let (mine_won, theirs_won) = (mine_won.unwrap(), theirs_won.unwrap());
    assert!(mine_won != theirs_won);
    let (kept, lost) = if mine_won {
        (mine, theirs)
    } else {
        (theirs, mine)
    };
    assert_eq!(store.reminders_of(kept.booking).await.unwrap(), [kept]);
    assert_eq!(store.reminders_of(lost.booking).await.unwrap(), []);
    assert_eq!(store.followed_to().await.unwrap(), 5);
    assert_eq!(
        store.last_event_position().await.unwrap(),
        1,
        "the loser wrote nothing"
    );
    assert!(!store.follow(&followed(0, 9, &[])).await.unwrap());
    assert!(store.follow(&followed(5, 9, &[])).await.unwrap());
}

async fn a_change_closes_what_is_open_and_nothing_that_is_over(ground: Ground) {
    let store = ground.open().await;
    let mut over = reminder(2, 1, None);
    over.state = ReminderState::Sent;
    let open = reminder(1, 1, Some(10));
    assert!(
        store
            .follow(&followed(0, 1, &[open.clone(), over.clone()]))
            .await
            .unwrap()
    );

    let closed = |one: &Reminder| Reminder {
        state: ReminderState::Skipped,
        due: None,
        reason: Some("changed".into()),
        ..one.clone()
    };
    let next = [closed(&open), closed(&over), reminder(1, 2, Some(20))];
    assert!(store.follow(&followed(1, 2, &next)).await.unwrap());

    let rows = store.reminders_of(open.booking).await.unwrap();
    assert_eq!(rows, [closed(&open), reminder(1, 2, Some(20))]);
    assert_eq!(store.reminders_of(over.booking).await.unwrap(), [over]);
}

async fn what_is_due_is_claimed_once_the_longest_due_first(ground: Ground) {
    let store = ground.open().await;
    let planned = [
        (1, Some(30)),
        (2, Some(10)),
        (3, Some(20)),
        (4, Some(99)),
        (5, None),
    ];
    let planned = planned.map(|(n, due)| reminder(n, 1, due));
    assert!(store.follow(&followed(0, 1, &planned)).await.unwrap());

    let first = store.claim_reminders(at(50), at(110), 2).await.unwrap();
    let second = store.claim_reminders(at(50), at(110), 2).await.unwrap();
    let third = store.claim_reminders(at(50), at(110), 2).await.unwrap();

    let of = |claimed: &[Reminder]| {
        claimed
            .iter()
            .map(|one| one.booking.as_u128())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (of(&first), of(&second), of(&third)),
        (vec![2, 3], vec![1], vec![])
    );
    assert_eq!(first[0].due, Some(at(110)));
    assert_eq!(store.reminders_overdue(at(100)).await.unwrap(), 1);
    // Whoever claimed them died: they come again.
    assert_eq!(
        store
            .claim_reminders(at(110), at(170), 9)
            .await
            .unwrap()
            .len(),
        4
    );
}

async fn claims_at_the_same_time_share_what_is_due(ground: Ground) {
    let store = ground.open().await;
    let planned: Vec<_> = (1..=200).map(|n| reminder(n, 1, Some(10))).collect();
    assert!(store.follow(&followed(0, 1, &planned)).await.unwrap());

    let claims = (0..4).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut mine = Vec::new();
            loop {
                let claimed = store.claim_reminders(at(20), at(80), 7).await.unwrap();
                if claimed.is_empty() {
                    // What another one has locked looks like nothing.
                    break;
                }
                mine.extend(claimed.into_iter().map(|one| one.booking));
            }
            mine
        })
    });
    let mut all = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        all.extend(claim.await.unwrap());
    }
    all.extend(
        store
            .claim_reminders(at(20), at(80), 200)
            .await
            .unwrap()
            .into_iter()
            .map(|one| one.booking),
    );

    assert_eq!(all.len(), 200);
    assert_eq!(all.into_iter().collect::<HashSet<_>>().len(), 200);
}

async fn only_who_has_a_claim_settles_it(ground: Ground) {
    let store = ground.open().await;
    assert!(
        store
            .follow(&followed(0, 1, &[reminder(1, 1, Some(10))]))
            .await
            .unwrap()
    );
    let late = store
        .claim_reminders(at(20), at(80), 1)
        .await
        .unwrap()
        .remove(0);
    let quick = store
        .claim_reminders(at(80), at(140), 1)
        .await
        .unwrap()
        .remove(0);
    let going = Reminder {
        state: ReminderState::Sending,
        due: Some(at(90)),
        tries: vec![ReminderTry {
            conversation: conversation("1"),
            outbound: Uuid::from_u128(9),
            at: at(80),
            published: true,
        }],
        ..quick.clone()
    };

    assert!(
        !store
            .settle_reminder(&late, &going, &[event(7)])
            .await
            .unwrap()
    );
    assert!(
        store
            .settle_reminder(&quick, &going, &[event(8)])
            .await
            .unwrap()
    );
    assert_eq!(
        store.reminders_of(quick.booking).await.unwrap(),
        std::slice::from_ref(&going)
    );
    let events = store.events_after(0, 10).await.unwrap();
    let ids: Vec<_> = events
        .iter()
        .map(|(_, event)| event.event_id.as_u128())
        .collect();
    assert_eq!(ids, [1, 8]);

    // A change of the book takes it away from whoever has it.
    let claimed = store
        .claim_reminders(at(90), at(150), 1)
        .await
        .unwrap()
        .remove(0);
    let closed = Reminder { due: None, ..going };
    assert!(store.follow(&followed(1, 2, &[closed])).await.unwrap());
    assert!(!store.settle_reminder(&claimed, &quick, &[]).await.unwrap());
}

async fn who_has_a_phone_is_found_and_consent_is_not_assumed(ground: Ground) {
    let store = ground.open().await;
    let seen = |name: &str, seconds, phone: &str, advertising| Seen {
        conversation: conversation(name),
        at: at(seconds),
        wrote: true,
        profile: Profile {
            phone: Some(phone.into()),
            ..Profile::default()
        },
        reachable: None,
        advertising,
    };
    let news = [
        seen("1", 1, "+79001234567", None),
        seen("2", 2, "+79001234567", Some(true)),
        seen("3", 3, "+79007654321", Some(false)),
    ];
    store.journal(&[], &news).await.unwrap();

    let found = store
        .conversations_with_phone("+79001234567")
        .await
        .unwrap();

    assert_eq!(found, [conversation("2"), conversation("1")]);
    let mut wishes = Vec::new();
    for name in ["1", "2", "3"] {
        let known = store.known(&conversation(name)).await.unwrap();
        wishes.push((known.wants_advertising, known.no_advertising.is_some()));
    }
    assert_eq!(wishes, [(false, false), (true, false), (false, true)]);
}

async fn a_missed_visit_may_be_written_about_and_nothing_leaves_too_late(ground: Ground) {
    let store = ground.open().await;
    let booking = booked(
        store
            .book(&by_staff(1, visit("anna", 60, 60)), at(0))
            .await
            .unwrap(),
    );
    let change = BookingChange {
        booking: booking.id,
        version: 1,
        cause: cause(2),
        who: "Марина".into(),
        conversation: None,
        to: Change::Status(Status::NoShow),
    };
    let changed = store.change_booking(&change, at(1)).await.unwrap();
    assert!(matches!(changed, Changed::Done(_)));

    let fence = |until: Option<i64>| Fence::Reminder {
        booking: booking.id.to_string(),
        version: 2,
        until: until.map(|until| at(0) + TimeDelta::seconds(until)),
    };
    let asks = [fence(None), fence(Some(11)), fence(Some(10))].map(|fence| message("1", fence));
    let answers = store.claim(&asks, at(10)).await.unwrap();

    assert_eq!(answers, [Claimed::Go, Claimed::Go, Claimed::Fenced]);
}

async fn the_next_due_time_is_known_with_and_without_looks_after_what_is_on_its_way(
    ground: Ground,
) {
    let store = ground.open().await;
    assert_eq!(store.next_due().await.unwrap(), NextDue::default());
    let on_its_way = Reminder {
        state: ReminderState::Sending,
        ..reminder(1, 1, Some(10))
    };
    let rows = [
        on_its_way,
        reminder(2, 1, Some(30)),
        reminder(3, 1, Some(40)),
        reminder(4, 1, None),
    ];
    assert!(store.follow(&followed(0, 1, &rows)).await.unwrap());
    let next = |any, event| NextDue {
        any: Some(at(any)),
        event: Some(at(event)),
    };
    assert_eq!(store.next_due().await.unwrap(), next(10, 30));

    let call = Escalation {
        id: Uuid::from_u128(5),
        conversation: conversation("1"),
        reason: "?".into(),
        card: serde_json::Value::Null,
        at: at(0),
        stage: 0,
        due: Some(at(20)),
    };
    store.open_escalation(&call).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), next(10, 20));

    store
        .close_escalation(&conversation("1"), at(1))
        .await
        .unwrap();
    assert_eq!(store.next_due().await.unwrap(), next(10, 30));
}
