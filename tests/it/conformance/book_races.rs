//! A thousand attempts at one slot, from several processes at once: one booking.

use std::process::Stdio;

use futures::future::join_all;
use uuid::Uuid;
use zapis_core::store::{Booked, Held, Holding, NewBooking, Store, StoreError};

use super::book_ground::{by_staff, hold, visit};
use super::store_ground::{Ground, at, conversation, on_both};
use crate::support::again::again;

on_both!(
    of_a_thousand_attempts_from_several_processes_one_books,
    changes_are_never_missed_by_a_reader_who_follows_them,
    of_fifty_moves_of_one_booking_one_is_done,
);

const PROCESSES: usize = 4;
const ATTEMPTS: usize = 250;
const ADDRESS: &str = "ZAPIS_TEST_BOOK";

/// Half of them hold first, as customers do; the other half is the staff.
async fn attempt(store: &Store, n: usize) -> Booked {
    let slot = visit("anna", 60, 60);
    let mut request = NewBooking {
        cause: Uuid::new_v4(),
        ..by_staff(0, slot.clone())
    };
    if n.is_multiple_of(2) {
        let who = Uuid::new_v4().to_string();
        let holding = async || {
            let visits = std::slice::from_ref(&slot);
            let turn = Uuid::new_v4();
            store
                .hold(
                    &conversation(&who),
                    &Holding {
                        cause: turn,
                        visits,
                        moving: None,
                        until: at(300),
                    },
                    at(0),
                )
                .await
        };
        match answered(holding).await[0] {
            Held::Held(id) => {
                request = NewBooking {
                    cause: request.cause,
                    ..hold(&who, 0, id)
                }
            }
            Held::Taken => return Booked::Taken,
        }
    }
    answered(async || store.book(&request, at(1)).await).await
}

/// As every caller does: what the store cannot do now is asked again.
async fn answered<T>(mut ask: impl AsyncFnMut() -> Result<T, StoreError>) -> T {
    loop {
        match ask().await {
            Err(StoreError::Unavailable(_)) => {}
            answer => return answer.unwrap(),
        }
    }
}

/// One of the processes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(
    clippy::disallowed_methods,
    reason = "how the test tells its children the address"
)]
async fn attempts_of_one_process() {
    let Ok(address) = std::env::var(ADDRESS) else {
        return;
    };
    let store = Store::open(&address).await.unwrap();
    let answers = join_all((0..ATTEMPTS).map(|n| attempt(&store, n))).await;
    let booked = answers
        .iter()
        .filter(|one| matches!(one, Booked::Booked(_)));
    println!("booked {}", booked.count());
}

async fn of_a_thousand_attempts_from_several_processes_one_books(ground: Ground) {
    let store = ground.open().await;
    let children: Vec<_> = (0..PROCESSES)
        .map(|_| {
            again("conformance::book_races::attempts_of_one_process")
                .unwrap()
                .env(ADDRESS, ground.url())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut booked = 0;
    for child in children {
        let output = tokio::task::spawn_blocking(|| child.wait_with_output()).await;
        let output = output.unwrap().unwrap();
        assert!(output.status.success());
        let said = String::from_utf8_lossy(&output.stdout);
        let counts = said.lines().filter_map(|line| line.split("booked ").nth(1));
        booked += counts
            .map(|count| count.parse::<usize>().unwrap())
            .sum::<usize>();
    }

    let bookings = store.bookings_between(at(0), at(99_999)).await.unwrap();
    // A hold that was given away in time can keep all others out, but then its owner books.
    assert_eq!((booked, bookings.len()), (1, 1));
}

async fn changes_are_never_missed_by_a_reader_who_follows_them(ground: Ground) {
    const BOOKINGS: usize = 60;
    let stores = [ground.open().await, ground.open().await];
    let writes = (0..BOOKINGS).map(|n| {
        let person = format!("person-{n}");
        let request = NewBooking {
            cause: Uuid::new_v4(),
            ..by_staff(0, visit(&person, 60, 60))
        };
        let store = &stores[n % 2];
        async move { answered(async || store.book(&request, at(0)).await).await }
    });
    let reader = async {
        let (mut seen, mut position) = (Vec::new(), 0);
        while seen.len() < BOOKINGS {
            for event in stores[0].booking_events_after(position, 10).await.unwrap() {
                position = event.position;
                seen.push(event.after.id);
            }
            tokio::task::yield_now().await;
        }
        seen
    };
    let patience = std::time::Duration::from_secs(30);

    let (_, seen) = futures::join!(join_all(writes), tokio::time::timeout(patience, reader));

    let mut seen = seen.expect("a change was passed over");
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), BOOKINGS);
}

async fn of_fifty_moves_of_one_booking_one_is_done(ground: Ground) {
    use zapis_core::store::{BookingChange, Change, Changed, Wanted};
    let stores = [ground.open().await, ground.open().await];
    let Booked::Booked(booking) = stores[0]
        .book(&by_staff(1, visit("anna", 60, 60)), at(0))
        .await
        .unwrap()
    else {
        panic!()
    };
    let moves = (0..50).map(|n| {
        let (store, booking) = (&stores[n % 2], &booking);
        let minutes = 60 + i64::try_from(n).unwrap();
        let change = BookingChange {
            booking: booking.id,
            version: booking.version,
            cause: Uuid::new_v4(),
            who: "customer".into(),
            conversation: None,
            to: Change::Move(Wanted::Visit(visit("vera", minutes, 60))),
        };
        async move { answered(async || store.change_booking(&change, at(0)).await).await }
    });

    let answers = join_all(moves).await;

    let done = answers.iter().filter(|one| matches!(one, Changed::Done(_)));
    assert_eq!(done.count(), 1);
    let busy = stores[0].busy(&["anna", "vera"], at(0), at(99_999), at(0));
    assert_eq!(busy.await.unwrap().len(), 1);
}
