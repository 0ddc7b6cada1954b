//! A year whose truth is known: what the figures say of it is that, to the unit.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Europe::Moscow;
use zapis_core::Clock;
use zapis_core::event::Event;
use zapis_core::store::Store;
use zapis_sandbox::year::truth::figures;
use zapis_sandbox::year::{ARMS, EXPERIMENT, GROUP, LIFT, MASTERS, Planted, Year};
use zapis_workers::business::Business;
use zapis_workers::content::{Content, Files};
use zapis_workers::desk::Desks;
use zapis_workers::experiments::{EXPERIMENTS, Verdict, results};
use zapis_workers::kpi::figures::{By, Counted, Group};
use zapis_workers::kpi::{Follower, recount};

use crate::conformance::store_ground::{Ground, on_both};

on_both!(
    figures_are_what_was_planted,
    an_experiment_comes_to_what_was_planted,
);

/// How many customers' stories; `ZAPIS_LONG=1` tells a hundred thousand.
fn stories() -> u32 {
    match std::env::var_os("ZAPIS_LONG") {
        Some(_) => 100_000,
        None => 3_000,
    }
}

/// Midnight in Moscow.
fn begins() -> DateTime<Utc> {
    "2026-01-01T00:00:00+03:00".parse().unwrap()
}

async fn figures_are_what_was_planted(ground: Ground) {
    let store = ground.open().await;
    let mut year = Year::new(20_260_101, stories(), begins());
    year.write(&store, DateTime::<Utc>::MAX_UTC).await.unwrap();
    let planted = year.take_planted();
    let follower = Follower {
        store: store.clone(),
        desks: Desks::new([GROUP.parse().unwrap()]),
        clock: Clock::fixed(begins()),
    };
    follower.catch_up().await.unwrap();
    compare(&store, &planted).await;
    recount(&follower).await.unwrap();
    compare(&store, &planted).await;
}

async fn compare(store: &Store, planted: &[Planted]) {
    let long_after = begins() + TimeDelta::days(3_000);
    let all = counted(store, 0, 3_000).await;
    for by in By::ALL {
        same(&all, planted, by, long_after);
    }
    // Early in a month nobody knows how the last dialogues of the month before have ended.
    let month = counted(store, 90, 120).await;
    let first = begins() + TimeDelta::days(90);
    let of_month =
        |one: &&Planted| one.started_at >= first && one.started_at < first + TimeDelta::days(30);
    let planted: Vec<Planted> = planted.iter().filter(of_month).cloned().collect();
    for by in By::ALL {
        same(&month, &planted, by, first + TimeDelta::days(31));
    }
}

async fn counted(store: &Store, from: i64, until: i64) -> Counted {
    let span = begins() + TimeDelta::days(from)..begins() + TimeDelta::days(until);
    let files = Files::of_folder(Path::new("config"));
    let mut firm = Business::load(&files).unwrap();
    for (master, _, place) in MASTERS {
        let master = firm.staff.iter_mut().find(|one| one.id == master);
        place.clone_into(&mut master.unwrap().location);
    }
    Counted::of(store, &span).await.unwrap().placed(&firm)
}

fn same(counted: &Counted, planted: &[Planted], by: By, now: DateTime<Utc>) {
    let groups = counted.figures(Some(by), Moscow, now);
    let mut planted_by: BTreeMap<Option<String>, Vec<&Planted>> = BTreeMap::new();
    for one in planted {
        planted_by.entry(None).or_default().push(one);
        for name in one.groups(by.name()) {
            planted_by.entry(Some(name)).or_default().push(one);
        }
    }
    let names: Vec<_> = groups.iter().map(|group| group.name.clone()).collect();
    assert_eq!(
        names,
        planted_by.keys().cloned().collect::<Vec<_>>(),
        "{by:?}"
    );
    for (group, planted) in groups.iter().zip(planted_by.values()) {
        same_group(group, planted, by, now);
    }
}

fn same_group(group: &Group, planted: &[&Planted], by: By, now: DateTime<Utc>) {
    let truth = figures(planted, now);
    assert_eq!(group.figures.len(), truth.len());
    for figure in &group.figures {
        let (value, of) = truth[figure.id];
        let near = |(told, true_): (f64, f64)| (told - true_).abs() <= 1e-9 * true_.abs();
        let same = match (figure.value, value) {
            (None, None) => true,
            (told, true_) => told.zip(true_).is_some_and(near),
        };
        assert!(
            same && figure.of == of,
            "{} of {:?} by {by:?}: {:?} of {}, planted was {value:?} of {of}",
            figure.id,
            group.name,
            figure.value,
            figure.of,
        );
    }
}

/// What an arm came to: customers, those who count, those of them who booked.
type Arm = (usize, usize, usize);

/// The same as planted, and how many met both arms: a customer counts with her first dialogue.
fn arms(planted: &[Planted], needed: usize) -> ([Arm; 2], usize) {
    let mut tried: Vec<&Planted> = planted.iter().filter(|one| one.variant.is_some()).collect();
    tried.sort_by_key(|one| one.started_at);
    let mut customers: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for one in &tried {
        let met = customers.entry(one.conversation.as_str()).or_default();
        met.extend(one.variant);
    }
    let arm = |arm: &str| {
        let only = |one: &&&Planted| customers[one.conversation.as_str()] == BTreeSet::from([arm]);
        let mut seen = BTreeSet::new();
        let first = tried.iter().filter(only);
        let first: Vec<_> = first
            .filter(|one| seen.insert(one.conversation.as_str()))
            .collect();
        let counted = &first[..needed.min(first.len())];
        let reached = counted.iter().filter(|one| !one.visits.is_empty()).count();
        (first.len(), counted.len(), reached)
    };
    let mixed = customers.values().filter(|arms| arms.len() > 1).count();
    (ARMS.map(arm), mixed)
}

async fn an_experiment_comes_to_what_was_planted(ground: Ground) {
    let store = ground.open().await;
    let seeded = || Year::new(20_260_103, 12_000, begins());
    let mut year = seeded();
    year.by_ref().for_each(drop);
    let mut planted = year.take_planted();
    // The others tell nothing of it, and are many.
    let tried = planted.iter().filter(|one| one.variant.is_some());
    let tried: BTreeSet<_> = tried.map(|one| one.conversation.clone()).collect();
    planted.retain(|one| tried.contains(&one.conversation));
    let of_them =
        |event: &Event| (event.conversation_id.as_ref()).is_some_and(|of| tried.contains(of));
    let events: Vec<Event> = seeded().filter(of_them).collect();
    let files = Files::of_folder(Path::new("config"));
    let content = Content::of(&files.with(EXPERIMENTS, EXPERIMENT.to_owned())).unwrap();
    let follower = Follower {
        store: store.clone(),
        desks: Desks::new([GROUP.parse().unwrap()]),
        clock: Clock::fixed(begins()),
    };

    // Three months are too few, a year is enough.
    let spring = begins() + TimeDelta::days(90);
    let (early, late): (Vec<_>, Vec<_>) =
        events.into_iter().partition(|one| one.timestamp < spring);
    let mut verdicts = Vec::new();
    for (events, now) in [(early, spring), (late, begins() + TimeDelta::days(500))] {
        for events in events.chunks(1_000) {
            store.journal(events, &[]).await.unwrap();
        }
        follower.catch_up().await.unwrap();
        let told = results(&store, &content, now).await.unwrap().remove(0);
        verdicts.push(told.arms[1].verdict.unwrap());
        if now == spring {
            continue;
        }
        let counted = told
            .arms
            .iter()
            .map(|arm| (arm.customers, arm.counted, arm.reached));
        let (arms, mixed) = arms(&planted, told.needed);
        assert_eq!(counted.collect::<Vec<_>>(), arms);
        assert_eq!(told.mixed, mixed);
        let difference = told.arms[1].difference.unwrap();
        let lift = LIFT.1 - LIFT.0;
        assert!(
            difference.low < lift && lift < difference.high,
            "{difference:?}"
        );
    }
    assert_eq!(verdicts, [Verdict::Early, Verdict::Better]);
}
