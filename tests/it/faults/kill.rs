//! `kill -9` at random moments under load, of the one process and of each role of an installation.

use std::time::{Duration, Instant};

use super::checker::{Verdict, judge};
use super::crowd::Crowd;
use super::{Seeds, places};
use crate::support::firm::{Firm, On, PATIENCE};

/// A short burst, so that many turns fit into a run.
pub(super) const BRISK: &str = "\n[dialogue]\ncoalesce_ms = 30\ncoalesce_max_ms = 60\n";

/// How often the process is killed for each seed, besides once at a named place.
const KILLS: usize = 10;

/// How many firms there are at once.
const AT_ONCE: usize = 5;

/// A firm of its own for each seed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_sent_twice_when_the_process_is_killed() {
    Seeds::many("tests/faults", 5)
        .play(AT_ONCE, kill_often)
        .await;
}

async fn kill_often(seed: u64) -> Verdict {
    let mut firm = Firm::with(On::Embedded, BRISK, vec![vec!["run"]]).await;
    let mut crowd = Crowd::new(seed);
    for _ in 0..KILLS {
        bustle(&mut crowd, &firm).await;
        firm.kill();
        firm.start().await;
        unsuspected(&firm).await;
    }
    let all = places::embedded();
    let place = &all[usize::try_from(seed).unwrap() % all.len()];
    place.crash(&mut firm, &mut crowd, 0).await;
    bustle(&mut crowd, &firm).await;
    Crowd::calm(&firm);
    let verdict = judge(&firm, &crowd).await;
    println!("seed {seed}, {}: {verdict:?}", place.name);
    assert!(
        verdict.messages > 2 * KILLS,
        "the load was too small to prove anything: {verdict:?}"
    );
    verdict
}

/// Customers and staff at work until some random moment.
async fn bustle(crowd: &mut Crowd, firm: &Firm) {
    crowd.unsettle(firm);
    let count = 1 + crowd.chance(6);
    crowd.write(firm, count);
    if crowd.chance(8) == 0 {
        crowd.staff(firm);
    }
    crowd.chat(firm).await;
    let count = 1 + crowd.chance(6);
    crowd.write(firm, count);
    // Not a synchronisation: the moment of the kill is the thing that varies.
    tokio::time::sleep(Duration::from_millis(crowd.chance(250) as u64)).await;
}

/// Lives long enough to clear what was in hand at several kills: after five in a row a message counts as
/// their cause, and is set aside. This life may yet count one more, and a named place kills up to three times.
pub(super) async fn unsuspected(firm: &Firm) {
    let deadline = Instant::now() + PATIENCE;
    while firm.count("SELECT coalesce(max(count), 0) FROM attempts") > 1 {
        assert!(Instant::now() < deadline, "{}", firm.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
