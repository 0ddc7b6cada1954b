//! Free times and bookings of a large firm: fifty people, sixty days.

use std::time::Instant;

use chrono::{DateTime, Days, TimeDelta, Utc};
use futures::stream::{self, StreamExt, TryStreamExt};
use uuid::Uuid;
use zapis_core::Clock;
use zapis_core::store::{
    Booked, Followed, Item, NewBooking, Reminder, ReminderState, Store, Visit, Wanted,
};
use zapis_workers::book::{Asker, Book, Wish, WishItem, search};
use zapis_workers::business::Business;
use zapis_workers::content::Files;

use super::ground::Ground;
use super::report::{Goal, Report};
use crate::cli::Bench;
use crate::config::Loaded;

const PEOPLE: usize = 50;
const DAYS: u64 = 60;
/// So many visits of an hour has each of them each day, from nine o'clock UTC.
const VISITS: i64 = 6;
/// How many visits are booked at once.
const AT_ONCE: usize = 64;
/// How many reminders are planned, one a second.
const PLANNED: usize = 100_000;
/// For how many seconds those that are due are looked for.
const LOOKS: usize = 500;
/// How many searches are timed.
const SEARCHES: usize = 500;
/// How many times are looked for.
const SHOWN: usize = 20;

/// `zapis bench book`
pub(super) async fn book(loaded: &Loaded, bench: &Bench) -> anyhow::Result<Report> {
    let business = Business::load(&Files::of_folder(&loaded.folder));
    let business = business.map_err(|problems| {
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}", told.join("\n"))
    })?;
    let business = large(business);
    let ground = Ground::open(&loaded.config.engines).await?;
    let clock = Clock::fixed(Clock::system().now());
    let store = &ground.engines.store;

    let visits = visits(&business, clock.now());
    let count = visits.len().min(bench.messages);
    let began = Instant::now();
    stream::iter(visits.into_iter().take(count))
        .map(|visit| make(store, visit, clock.now()))
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    #[expect(clippy::cast_precision_loss, reason = "a number of bookings")]
    let rate = count as f64 / began.elapsed().as_secs_f64();

    let scan = scans(store, clock.now()).await?;
    let (alone, whole) = searches(&business, Book::new(store.clone(), clock)).await?;
    ground.close().await?;
    let mut report = Report::default();
    let most = Some(Goal::AtMost(5.0));
    report.plain(
        "bookings made, 64 at once",
        "1/s",
        rate,
        Some(Goal::AtLeast(2_000.0)),
    );
    report.plain("free times of 50 people in 60 days, p99", "ms", alone, most);
    report.plain("the same, with reading the book, p99", "ms", whole, None);
    report.plain(
        "taking what is due of 100,000 planned reminders, p99",
        "ms",
        scan,
        Some(Goal::AtMost(1_000.0)),
    );
    Ok(report)
}

/// The firm with many more people who all do the same.
fn large(mut business: Business) -> Business {
    let Some(first) = business.staff.first().cloned() else {
        return business;
    };
    business.staff = (0..PEOPLE)
        .map(|n| {
            let mut one = first.clone();
            one.id = format!("person-{n}");
            one
        })
        .collect();
    business
}

fn visits(business: &Business, now: DateTime<Utc>) -> Vec<Visit> {
    let today = now.date_naive();
    let mut visits = Vec::new();
    for day in 1..=DAYS {
        for hour in 0..VISITS {
            for person in &business.staff {
                let nine = (today + Days::new(day))
                    .and_time(chrono::NaiveTime::MIN)
                    .and_utc();
                let starts_at = nine + TimeDelta::hours(9 + hour);
                let item = Item {
                    service: person.services.first().cloned().unwrap_or_default(),
                    resource: person.id.clone(),
                    needs: Vec::new(),
                    starts_at,
                    ends_at: starts_at + TimeDelta::minutes(55),
                    buffer: (0, 5),
                    price: String::new(),
                };
                visits.push(Visit {
                    location: person.location.clone(),
                    items: vec![item],
                });
            }
        }
    }
    visits
}

async fn make(store: &Store, visit: Visit, now: DateTime<Utc>) -> anyhow::Result<()> {
    let request = NewBooking {
        wanted: Wanted::Visit(visit),
        cause: Uuid::new_v4(),
        who: "bench".to_owned(),
        conversation: None,
        name: "Ольга".to_owned(),
        phone: Some("+79123456789".to_owned()),
        source: "bench".to_owned(),
        for_whom: None,
        notes: None,
    };
    match store.book(&request, now).await? {
        Booked::Booked(_) => Ok(()),
        other => anyhow::bail!("a free time was not booked: {other:?}"),
    }
}

/// How long it takes to claim what is due of very many planned reminders, in milliseconds: one a second, looked for each
/// second.
async fn scans(store: &Store, now: DateTime<Utc>) -> anyhow::Result<f64> {
    let after = store.followed_to().await?;
    let due = |n: usize| now + TimeDelta::seconds(i64::try_from(n).unwrap_or(i64::MAX));
    let planned = |n: usize| Reminder {
        booking: Uuid::from_u128(n as u128),
        version: 1,
        step: "soon".to_owned(),
        state: ReminderState::Planned,
        due: Some(due(n)),
        until: due(n) + TimeDelta::hours(2),
        visit_at: due(n) + TimeDelta::hours(2),
        reason: None,
        tries: Vec::new(),
    };
    let planned = Followed {
        after,
        upto: after,
        reminders: (0..PLANNED).map(planned).collect(),
        events: Vec::new(),
    };
    anyhow::ensure!(
        store.follow(&planned).await?,
        "somebody else follows the book"
    );
    let mut times = Vec::new();
    for second in 0..LOOKS {
        let at = due(second);
        let began = Instant::now();
        let claimed = store
            .claim_reminders(at, at + TimeDelta::days(1), 100)
            .await?;
        times.push(began.elapsed().as_secs_f64() * 1_000.0);
        anyhow::ensure!(claimed.len() == 1, "{} were due at once", claimed.len());
    }
    Ok(p99(times))
}

/// How long searches take, in milliseconds, alone and with reading the book.
async fn searches(business: &Business, book: Book) -> anyhow::Result<(f64, f64)> {
    let services: Vec<&String> = business
        .staff
        .iter()
        .flat_map(|one| &one.services)
        .collect();
    let (mut alone, mut whole) = (Vec::new(), Vec::new());
    for n in 0..SEARCHES {
        let service = |n: usize| WishItem {
            service: services[n % services.len()].clone(),
            person: None,
        };
        let wish = Wish {
            items: (0..=n % 2).map(|more| service(n + more)).collect(),
            ..Wish::default()
        };
        let began = Instant::now();
        let plan = book.plan(business, &wish, Asker::Staff).await?;
        let searched = Instant::now();
        let found = search(&plan, &wish, SHOWN);
        anyhow::ensure!(!found.visits.is_empty(), "nothing was free");
        alone.push(searched.elapsed().as_secs_f64() * 1_000.0);
        whole.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok((p99(alone), p99(whole)))
}

fn p99(mut times: Vec<f64>) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times
        .get(times.len() * 99 / 100)
        .copied()
        .unwrap_or_default()
}
