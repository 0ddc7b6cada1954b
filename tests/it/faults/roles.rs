//! `kill -9` of each role of an installation on RabbitMQ, Redis and PostgreSQL, with many messages in
//! its hands.

use std::time::{Duration, Instant};

use super::Seeds;
use super::checker::{Verdict, judge};
use super::crowd::Crowd;
use super::places;
use crate::support::firm::{Firm, On, PATIENCE, QueueSeen};

/// How many unacknowledged messages a role has in its hands when it dies.
const IN_HAND: usize = 256;

/// On each channel: so many that few messages meet in a turn.
const CUSTOMERS: usize = 200;

/// No bursts: every message is a turn and a reply.
const NO_BURSTS: &str = "\n[dialogue]\ncoalesce_ms = 0\ncoalesce_max_ms = 0\n";

/// The processes, and what each consumes.
const ROLES: [(&[&str], &str); 4] = [
    (&["gateway"], ""),
    (&["worker", "answer"], "zapis.inbound."),
    (&["worker", "send", "remind"], "zapis.outbound."),
    (&["worker", "journal"], "zapis.journal."),
];

async fn installation(queue_type: &'static str) -> Firm {
    let roles = ROLES.map(|(role, _)| role.to_vec()).to_vec();
    Firm::with(On::servers(queue_type), NO_BURSTS, roles).await
}

/// A firm of its own for each seed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_any_role_with_its_hands_full_loses_nothing() {
    Seeds::many("tests/faults --servers", 1)
        .play(1, kill_each_role)
        .await;
}

/// Each role dies once with its hands full; one of them, another for the next seed, also at a named
/// place.
async fn kill_each_role(seed: u64) -> Verdict {
    let number = usize::try_from(seed).unwrap();
    let queue_type = ["quorum", "classic"][number % 2];
    let mut firm = installation(queue_type).await;
    let mut crowd = Crowd::of(CUSTOMERS, seed);
    for role in (0..ROLES.len()).rev() {
        kill_with_full_hands(&mut firm, &mut crowd, role).await;
    }
    let role = number / 2 % ROLES.len();
    let all = places::of_role(ROLES[role].0);
    let place = &all[number / 2 / ROLES.len() % all.len()];
    place.crash(&mut firm, &mut crowd, role).await;
    crowd.write(&firm, 10);
    Crowd::calm(&firm);

    let verdict = judge(&firm, &crowd).await;
    println!("{queue_type}, seed {seed}, {}: {verdict:?}", place.name);
    assert!(verdict.messages > 4 * IN_HAND, "{verdict:?}");
    only_subscriptions_have_queues(&firm).await;
    verdict
}

/// Lets a role take its fill while it stands still, and kills it soon after it goes on.
async fn kill_with_full_hands(firm: &mut Firm, crowd: &mut Crowd, role: usize) {
    let (_, topic) = ROLES[role];
    crowd.unsettle(firm);
    until(firm, topic, "consumed", |queues| {
        queues.iter().all(|queue| queue.consumers > 0)
    })
    .await;
    firm.signal(role, "-STOP");
    crowd.write(firm, IN_HAND * 2);
    if !topic.is_empty() {
        crowd.chat(firm).await;
        until(firm, topic, "full", is_full).await;
    }
    firm.signal(role, "-CONT");
    // Not a synchronisation: the moment of the kill is the thing that varies.
    tokio::time::sleep(Duration::from_millis(crowd.chance(400) as u64)).await;
    firm.restart_one(role).await;
}

/// Waits until the queues of a topic are as wanted.
async fn until(firm: &Firm, topic: &str, what: &str, wanted: impl Fn(&[QueueSeen]) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut queues = firm.servers().unwrap().queues();
        queues.retain(|queue| {
            !topic.is_empty()
                && queue.name.starts_with(topic)
                && !queue.name.ends_with(".partitions")
        });
        if wanted(&queues) {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{topic} is not {what}\n{}",
            firm.log()
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn is_full(queues: &[QueueSeen]) -> bool {
    let in_hand: i64 = queues.iter().map(|queue| queue.unacknowledged).sum();
    usize::try_from(in_hand).unwrap() >= IN_HAND
}

/// How many queues of their own the workers listen on: one for each topic that they consume.
const SUBSCRIPTIONS: usize = 5;

/// Waits until no queue of a dead process is left.
async fn only_subscriptions_have_queues(firm: &Firm) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let queues = firm.servers().unwrap().queues();
        let exclusive = queues.iter().filter(|queue| queue.exclusive).count();
        if exclusive == SUBSCRIPTIONS {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{exclusive} queues were left: {queues:?}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
