//! The appointment book: no time is given away twice, and every change happens once per cause.

use chrono::{NaiveDate, TimeDelta};
use uuid::Uuid;
use zapis_core::message::Fence;
use zapis_core::store::{
    Block, Booked, Booking, BookingChange, BusyKind, Change, Changed, Claimed, DayHours, Held,
    NewBooking, Status, Store, StoreError, Visit, Wanted, Whose,
};

use crate::conformance::book_ground::{booked, by_staff, cause, held, hold, item, visit};
use crate::conformance::store_ground::{Ground, at, conversation, message, on_both};

on_both!(
    a_hold_keeps_others_away_until_it_expires,
    holds_of_one_conversation_may_overlap_and_one_is_booked,
    a_hold_that_is_not_asked_for_again_is_given_back,
    a_hold_of_the_same_turn_or_of_somebody_else_books_nothing,
    an_expired_hold_is_good_while_nobody_has_the_time,
    a_turn_that_comes_again_gets_the_same_receipt,
    a_hold_is_booked_once_whoever_asks,
    rooms_and_buffers_are_taken_with_the_visit,
    a_move_and_a_cancellation_need_the_version_they_saw,
    a_move_may_overlap_the_visit_itself_but_nobody_else,
    who_did_not_come_gives_the_time_back_and_may_come_late,
    a_reminder_passes_while_its_booking_has_that_version,
    blocked_time_is_not_booked_and_shows_whom_it_hits,
    working_time_of_a_date_is_set_and_forgotten,
    changes_are_told_in_order_with_what_was_before,
    bookings_are_found_by_customer_and_by_time,
    a_booking_is_dated_by_its_last_change,
    all_that_became_of_bookings_is_told,
    what_is_no_visit_is_refused,
    holds_of_who_never_came_back_and_days_that_are_over_are_put_away,
);

const NOBODY: BusyKind = BusyKind::Block;

async fn change(store: &Store, booking: &Booking, n: u128, to: Change) -> Changed {
    let change = BookingChange {
        booking: booking.id,
        version: booking.version,
        cause: cause(n),
        who: "customer".into(),
        conversation: booking.conversation.clone(),
        to,
    };
    store.change_booking(&change, at(100)).await.unwrap()
}

fn done(changed: Changed) -> Booking {
    match changed {
        Changed::Done(booking) => booking,
        other => panic!("{other:?}"),
    }
}

async fn a_hold_keeps_others_away_until_it_expires(ground: Ground) {
    let store = ground.open().await;
    let slot = visit("anna", 60, 60);
    let mine = held(&store, "1", 1, std::slice::from_ref(&slot), 0).await;
    assert!(matches!(mine[0], Held::Held(_)));

    for other in [slot.clone(), visit("anna", 119, 30), visit("anna", 30, 31)] {
        assert_eq!(held(&store, "2", 2, &[other], 1).await, [Held::Taken]);
    }
    let beside = [visit("anna", 120, 30), visit("vera", 60, 60)];
    let answers = held(&store, "2", 2, &beside, 1).await;
    assert!(!answers.contains(&Held::Taken));
    let staff = by_staff(3, slot.clone());
    assert_eq!(store.book(&staff, at(299)).await.unwrap(), Booked::Taken);

    assert!(matches!(
        held(&store, "2", 4, &[slot], 300).await[0],
        Held::Held(_)
    ));
}

async fn holds_of_one_conversation_may_overlap_and_one_is_booked(ground: Ground) {
    let store = ground.open().await;
    let slots = [visit("anna", 60, 60), visit("anna", 75, 60)];
    let offered = held(&store, "1", 1, &slots, 0).await;
    let Held::Held(second) = offered[1] else {
        panic!("{offered:?}")
    };

    let booking = booked(store.book(&hold("1", 2, second), at(10)).await.unwrap());

    assert_eq!(booking.visit, slots[1]);
    let busy = store.busy(&["anna"], at(0), at(99_999), at(10)).await;
    let kinds: Vec<_> = busy.unwrap().into_iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [BusyKind::Visit], "the other hold is given back");
}

async fn a_hold_that_is_not_asked_for_again_is_given_back(ground: Ground) {
    let store = ground.open().await;
    let (first, second) = (visit("anna", 60, 60), visit("anna", 180, 60));
    let before = held(&store, "1", 1, &[first.clone(), second.clone()], 0).await;

    let again = held(&store, "1", 2, std::slice::from_ref(&second), 5).await;

    assert_eq!(again[0], before[1], "the same hold, kept for longer");
    let free = held(&store, "2", 3, &[first], 6).await;
    assert!(matches!(free[0], Held::Held(_)));
    assert_eq!(held(&store, "2", 4, &[second], 304).await, [Held::Taken]);
    assert_eq!(held(&store, "1", 5, &[], 304).await, []);
    let busy = store.busy(&["anna"], at(0), at(99_999), at(304)).await;
    assert!(busy.unwrap().is_empty());
}

async fn a_hold_of_the_same_turn_or_of_somebody_else_books_nothing(ground: Ground) {
    let store = ground.open().await;
    let Held::Held(id) = held(&store, "1", 1, &[visit("anna", 60, 60)], 0).await[0] else {
        panic!()
    };

    for request in [
        hold("1", 1, id),
        hold("2", 2, id),
        hold("1", 2, Uuid::from_u128(9)),
    ] {
        assert_eq!(store.book(&request, at(1)).await.unwrap(), Booked::NoHold);
    }
    booked(store.book(&hold("1", 2, id), at(1)).await.unwrap());
}

async fn an_expired_hold_is_good_while_nobody_has_the_time(ground: Ground) {
    let store = ground.open().await;
    let slots = [visit("anna", 60, 60), visit("vera", 60, 60)];
    let mine = held(&store, "1", 1, &slots[..1], 0).await;
    let hers = held(&store, "2", 2, &slots[1..], 0).await;
    let [Held::Held(mine), Held::Held(hers)] = [mine[0], hers[0]] else {
        panic!()
    };
    booked(
        store
            .book(&by_staff(3, slots[1].clone()), at(301))
            .await
            .unwrap(),
    );

    booked(store.book(&hold("1", 4, mine), at(302)).await.unwrap());
    let late = store.book(&hold("2", 5, hers), at(302)).await.unwrap();

    assert_eq!(late, Booked::Taken);
}

async fn a_turn_that_comes_again_gets_the_same_receipt(ground: Ground) {
    let store = ground.open().await;
    let Held::Held(id) = held(&store, "1", 1, &[visit("anna", 60, 60)], 0).await[0] else {
        panic!()
    };
    let request = hold("1", 2, id);

    let first = booked(store.book(&request, at(1)).await.unwrap());
    let moved = Change::Move(Wanted::Visit(visit("anna", 180, 60)));
    let second = done(change(&store, &first, 3, moved.clone()).await);
    let cancel = Change::Status(Status::CancelledByCustomer);
    let third = done(change(&store, &second, 4, cancel.clone()).await);

    assert_eq!(booked(store.book(&request, at(9)).await.unwrap()), first);
    assert_eq!(done(change(&store, &first, 3, moved).await), second);
    assert_eq!(done(change(&store, &second, 4, cancel).await), third);
    let versions = [first.version, second.version, third.version];
    assert_eq!(versions, [1, 2, 3]);
    assert_eq!(store.booking_events(first.id).await.unwrap().len(), 3);
}

async fn a_hold_is_booked_once_whoever_asks(ground: Ground) {
    let store = ground.open().await;
    let Held::Held(id) = held(&store, "1", 1, &[visit("anna", 60, 60)], 0).await[0] else {
        panic!()
    };
    let first = booked(store.book(&hold("1", 2, id), at(1)).await.unwrap());
    let cancel = Change::Status(Status::CancelledByCustomer);
    let cancelled = done(change(&store, &first, 3, cancel).await);

    let again = store.book(&hold("1", 4, id), at(2)).await.unwrap();

    assert_eq!(again, Booked::Already(cancelled));
}

async fn rooms_and_buffers_are_taken_with_the_visit(ground: Ground) {
    let store = ground.open().await;
    let mut first = visit("anna", 60, 60);
    first.items[0].needs = vec!["room".into()];
    first.items[0].buffer = (10, 15);
    booked(store.book(&by_staff(1, first), at(0)).await.unwrap());

    let mut other = visit("vera", 130, 30);
    other.items[0].needs = vec!["room".into()];
    for (n, taken) in [
        (2, visit("anna", 120, 10)),
        (3, visit("anna", 40, 11)),
        (4, other.clone()),
    ] {
        let answer = store.book(&by_staff(n, taken), at(0)).await.unwrap();
        assert_eq!(answer, Booked::Taken, "{n}");
    }
    booked(
        store
            .book(&by_staff(5, visit("anna", 135, 10)), at(0))
            .await
            .unwrap(),
    );
    booked(
        store
            .book(&by_staff(6, visit("anna", 40, 10)), at(0))
            .await
            .unwrap(),
    );
    other.items[0].needs.clear();
    booked(store.book(&by_staff(7, other), at(0)).await.unwrap());
}

async fn a_move_and_a_cancellation_need_the_version_they_saw(ground: Ground) {
    let store = ground.open().await;
    let first = booked(
        store
            .book(&by_staff(1, visit("anna", 60, 60)), at(0))
            .await
            .unwrap(),
    );
    let second = done(change(&store, &first, 2, Change::Status(Status::Confirmed)).await);

    // To where it is already: nothing changes, nor does the confirmation.
    let same = Change::Move(Wanted::Visit(visit("anna", 60, 60)));
    assert_eq!(done(change(&store, &second, 9, same).await), second);

    let moved = Change::Move(Wanted::Visit(visit("anna", 180, 60)));
    let late = change(&store, &first, 3, moved.clone()).await;
    let cancelled = Change::Status(Status::CancelledByCustomer);
    assert_eq!(late, Changed::Stale(second.clone()));
    assert_eq!(change(&store, &first, 4, cancelled.clone()).await, late);

    let third = done(change(&store, &second, 5, moved.clone()).await);
    assert_eq!(
        third.status,
        Status::Booked,
        "another time is to be confirmed again"
    );
    let gone = done(change(&store, &third, 6, cancelled).await);
    assert_eq!(
        change(&store, &gone, 7, moved).await,
        Changed::Stale(gone.clone())
    );
    let unknown = Booking {
        id: cause(99),
        ..gone
    };
    let confirm = Change::Status(Status::Confirmed);
    assert_eq!(change(&store, &unknown, 8, confirm).await, Changed::Unknown);
}

async fn a_move_may_overlap_the_visit_itself_but_nobody_else(ground: Ground) {
    let store = ground.open().await;
    let first = booked(
        store
            .book(&by_staff(1, visit("anna", 60, 60)), at(0))
            .await
            .unwrap(),
    );
    booked(
        store
            .book(&by_staff(2, visit("anna", 180, 60)), at(0))
            .await
            .unwrap(),
    );

    let later = Change::Move(Wanted::Visit(visit("anna", 90, 60)));
    let moved = done(change(&store, &first, 3, later).await);
    let onto = Change::Move(Wanted::Visit(visit("anna", 150, 60)));

    assert_eq!(change(&store, &moved, 4, onto).await, Changed::Taken);
    assert_eq!(store.booking(moved.id).await.unwrap(), Some(moved));
    booked(
        store
            .book(&by_staff(5, visit("anna", 60, 30)), at(0))
            .await
            .unwrap(),
    );
}

async fn who_did_not_come_gives_the_time_back_and_may_come_late(ground: Ground) {
    let store = ground.open().await;
    let slot = visit("anna", 60, 60);
    let first = booked(store.book(&by_staff(1, slot.clone()), at(0)).await.unwrap());
    let missed = done(change(&store, &first, 2, Change::Status(Status::NoShow)).await);
    let late = Change::Status(Status::Arrived);
    let came = done(change(&store, &missed, 3, late.clone()).await);
    let missed = done(change(&store, &came, 4, Change::Status(Status::NoShow)).await);
    booked(store.book(&by_staff(5, slot), at(0)).await.unwrap());

    assert_eq!(change(&store, &missed, 6, late).await, Changed::Taken);
}

async fn a_reminder_passes_while_its_booking_has_that_version(ground: Ground) {
    let store = ground.open().await;
    let first = booked(
        store
            .book(&by_staff(1, visit("anna", 60, 60)), at(0))
            .await
            .unwrap(),
    );
    let second = done(change(&store, &first, 2, Change::Status(Status::Confirmed)).await);
    let other = booked(
        store
            .book(&by_staff(3, visit("anna", 180, 60)), at(0))
            .await
            .unwrap(),
    );
    let gone = Change::Status(Status::CancelledBySalon);
    let gone = done(change(&store, &other, 4, gone).await);
    let versions = [
        &second,
        &gone,
        &first,
        &other,
        &Booking {
            id: cause(9),
            ..second.clone()
        },
    ]
    .map(|booking| (booking.id.to_string(), booking.version));
    let reminders = versions.map(|(booking, version)| {
        message(
            "1",
            Fence::Reminder {
                booking,
                version,
                until: None,
            },
        )
    });

    let answers = store.claim(&reminders, at(0)).await.unwrap();

    assert_eq!(answers[..2], [Claimed::Go, Claimed::Go]);
    assert!(
        answers[2..].iter().all(|answer| *answer == Claimed::Fenced),
        "{answers:?}"
    );
}

async fn blocked_time_is_not_booked_and_shows_whom_it_hits(ground: Ground) {
    let store = ground.open().await;
    let hit = booked(
        store
            .book(&by_staff(1, visit("anna", 60, 60)), at(0))
            .await
            .unwrap(),
    );
    let block = Block {
        resource: "anna".into(),
        from: at(0) + TimeDelta::minutes(90),
        until: at(0) + TimeDelta::days(3),
        note: "болеет".into(),
        cause: cause(2),
    };

    let id = store.block(&block, at(0)).await.unwrap();

    assert_eq!(store.block(&block, at(0)).await.unwrap(), id);
    let visits = store.visits_at("anna", block.from, block.until).await;
    assert_eq!(visits.unwrap(), [hit.id]);
    let after = by_staff(3, visit("anna", 24 * 60, 30));
    assert_eq!(store.book(&after, at(0)).await.unwrap(), Booked::Taken);
    let busy = store
        .busy(&["anna"], block.from, block.until, at(0))
        .await
        .unwrap();
    let notes: Vec<_> = busy
        .iter()
        .filter(|one| one.kind == NOBODY)
        .map(|one| one.note.clone())
        .collect();
    assert_eq!(notes, [Some("болеет".to_owned())]);

    assert!(store.unblock(id).await.unwrap());
    assert!(!store.unblock(id).await.unwrap());
    assert!(!store.unblock(hit.id).await.unwrap(), "a visit is no block");
    booked(store.book(&after, at(0)).await.unwrap());
}

async fn working_time_of_a_date_is_set_and_forgotten(ground: Ground) {
    let store = ground.open().await;
    let day = |day| NaiveDate::from_ymd_opt(2027, 1, day).unwrap();
    let set = |resource: &str, on, spans: &[(u32, u32)]| DayHours {
        resource: resource.into(),
        date: day(on),
        spans: spans.to_vec(),
    };
    for (resource, on, spans) in [
        ("anna", 5, &[(600, 720)][..]),
        ("vera", 4, &[]),
        ("anna", 9, &[]),
    ] {
        store
            .set_hours(resource, day(on), Some(spans), "Марина", at(0))
            .await
            .unwrap();
    }
    store
        .set_hours(
            "anna",
            day(5),
            Some(&[(540, 600), (660, 720)]),
            "Марина",
            at(1),
        )
        .await
        .unwrap();

    let hours = store.hours(day(4), day(5)).await.unwrap();
    assert_eq!(
        hours,
        [
            set("vera", 4, &[]),
            set("anna", 5, &[(540, 600), (660, 720)])
        ]
    );

    store
        .set_hours("anna", day(5), None, "Марина", at(2))
        .await
        .unwrap();
    assert_eq!(store.hours(day(5), day(5)).await.unwrap(), []);
}

async fn changes_are_told_in_order_with_what_was_before(ground: Ground) {
    let store = ground.open().await;
    assert_eq!(store.last_booking_position().await.unwrap(), 0);
    let first = booked(
        store
            .book(&by_staff(1, visit("anna", 60, 60)), at(0))
            .await
            .unwrap(),
    );
    let noted = done(change(&store, &first, 2, Change::Notes(Some("с собакой".into()))).await);
    let same = change(&store, &noted, 3, Change::Notes(noted.notes.clone())).await;
    assert_eq!(
        same,
        Changed::Done(noted.clone()),
        "nothing changed, nothing is told"
    );
    let moved = Change::Move(Wanted::Visit(visit("vera", 60, 60)));
    let moved = done(change(&store, &noted, 4, moved).await);

    let events = store.booking_events_after(0, 10).await.unwrap();

    let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["booked", "notes", "moved"]);
    assert_eq!(events[2].before, Some(noted));
    assert_eq!(events[2].after, moved);
    assert_eq!((events[2].at, events[2].cause), (at(100), cause(4)));
    let rest = store
        .booking_events_after(events[1].position, 10)
        .await
        .unwrap();
    assert_eq!(rest, events[2..]);
    assert_eq!(
        store.last_booking_position().await.unwrap(),
        events[2].position
    );
}

async fn bookings_are_found_by_customer_and_by_time(ground: Ground) {
    let store = ground.open().await;
    let mut by_phone = by_staff(1, visit("anna", 60, 60));
    by_phone.phone = Some("+79001234567".into());
    let by_phone = booked(store.book(&by_phone, at(0)).await.unwrap());
    let by_chat = NewBooking {
        conversation: Some(conversation("1")),
        ..by_staff(2, visit("vera", 180, 60))
    };
    let by_chat = booked(store.book(&by_chat, at(0)).await.unwrap());
    let minutes = |minutes| at(0) + TimeDelta::minutes(minutes);

    let phone = Whose::Phone("+79001234567");
    let found = store.bookings_of(phone, minutes(119)).await.unwrap();
    assert_eq!(found, std::slice::from_ref(&by_phone));
    assert_eq!(store.bookings_of(phone, minutes(120)).await.unwrap(), []);
    let chat = conversation("1");
    let chat = store
        .bookings_of(Whose::Conversation(&chat), minutes(0))
        .await;
    assert_eq!(chat.unwrap(), std::slice::from_ref(&by_chat));
    let between = |from, until| store.bookings_between(minutes(from), minutes(until));
    assert_eq!(
        between(0, 181).await.unwrap(),
        [by_phone.clone(), by_chat.clone()]
    );
    assert_eq!(between(119, 180).await.unwrap(), [by_phone]);
    assert_eq!(between(120, 300).await.unwrap(), [by_chat]);
}

async fn all_that_became_of_bookings_is_told(ground: Ground) {
    let store = ground.open().await;
    let first = by_staff(1, visit("anna", 60, 60));
    let first = booked(store.book(&first, at(0)).await.unwrap());
    let second = by_staff(2, visit("anna", 180, 60));
    booked(store.book(&second, at(7)).await.unwrap());
    let moved = Change::Move(Wanted::Visit(visit("vera", 90, 60)));
    let moved = done(change(&store, &first, 3, moved).await);
    let until = |minutes| at(0) + TimeDelta::minutes(minutes);

    let steps = store.booking_steps_between(at(0), until(200)).await;
    assert_eq!(steps.unwrap(), [(at(0), first), (at(100), moved)]);
    // By where it stands now.
    let steps = store.booking_steps_between(until(150), until(240)).await;
    assert_eq!(steps.unwrap(), []);
}

async fn a_booking_is_dated_by_its_last_change(ground: Ground) {
    let store = ground.open().await;
    let first = by_staff(1, visit("anna", 60, 60));
    let first = booked(store.book(&first, at(0)).await.unwrap());
    let second = by_staff(2, visit("anna", 180, 60));
    let second = booked(store.book(&second, at(7)).await.unwrap());
    let first = done(change(&store, &first, 3, Change::Status(Status::Confirmed)).await);
    let minutes = |minutes| at(0) + TimeDelta::minutes(minutes);
    let between = |from, until| store.dated_bookings_between(minutes(from), minutes(until));

    let (first, second) = ((first, at(100)), (second, at(7)));
    assert_eq!(
        between(0, 181).await.unwrap(),
        [first.clone(), second.clone()]
    );
    assert_eq!(between(119, 180).await.unwrap(), [first]);
    assert_eq!(between(120, 300).await.unwrap(), [second]);
}

async fn what_is_no_visit_is_refused(ground: Ground) {
    let store = ground.open().await;
    let none = Visit {
        location: "here".into(),
        items: Vec::new(),
    };
    let backwards = visit("anna", 60, -10);
    let endless = visit("anna", 60, 24 * 60 + 1);
    let mut doubled = visit("anna", 60, 60);
    doubled.items.push(item("anna", 90, 60));
    for bad in [none, backwards, endless, doubled] {
        let answer = store.book(&by_staff(1, bad), at(0)).await;
        assert!(matches!(answer, Err(StoreError::Refused(_))), "{answer:?}");
    }
}

async fn holds_of_who_never_came_back_and_days_that_are_over_are_put_away(ground: Ground) {
    const DAY: i64 = 86_400;
    let store = ground.open().await;
    let (first, second) = (visit("anna", 60, 60), visit("vera", 60, 60));
    let gone = held(&store, "1", 1, std::slice::from_ref(&first), 0).await;
    let fresh = held(&store, "2", 2, std::slice::from_ref(&second), DAY).await;
    let [Held::Held(gone), Held::Held(fresh)] = [gone[0], fresh[0]] else {
        panic!("both are free");
    };

    assert_eq!(store.tidy_book(at(DAY)).await.unwrap(), 0);
    assert_eq!(store.tidy_book(at(DAY + 301)).await.unwrap(), 1);

    let answer = store.book(&hold("1", 3, gone), at(DAY + 302)).await;
    assert_eq!(answer.unwrap(), Booked::NoHold);
    let booking = store.book(&hold("2", 4, fresh), at(DAY + 303)).await;
    assert_eq!(booked(booking.unwrap()).visit, second);
    let later = at(10 * DAY);
    assert!(
        store.tidy_book(later).await.unwrap() >= 2,
        "one day of each"
    );
    assert_eq!(store.tidy_book(later).await.unwrap(), 0);
    let again = store.book(&by_staff(5, second), later).await;
    assert_eq!(again.unwrap(), Booked::Taken, "the visit itself stays");
}
