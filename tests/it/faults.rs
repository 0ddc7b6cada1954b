//! What must hold when things break: nothing accepted is lost, nothing is sent twice, order is kept,
//! and nobody has to do anything. A checker judges, from what providers received and what is stored.
//!
//! `tests/run` plays a few seeds of each, `tests/faults` the long form: the same tests with many.

pub(crate) mod checker;
mod crm;
pub(crate) mod crowd;
mod host;
mod kill;
mod limits;
mod outages;
mod places;
mod race;
mod roles;

use std::future::ready;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Instant;

use futures::{FutureExt as _, StreamExt as _, stream};

use checker::Verdict;

/// The seeds of a test. One that fails is told with the command that runs it again.
#[derive(Debug)]
struct Seeds {
    /// The command that runs it again.
    again: String,
    first: u64,
    count: u64,
}

impl Seeds {
    /// One seed: a given one, or another in each run.
    fn one(test: &str) -> Self {
        Self {
            again: format!("cargo test --workspace --test it {test}"),
            first: setting("ZAPIS_SEED").unwrap_or_else(|| std::process::id().into()),
            count: 1,
        }
    }

    /// So many in the short form, others in each run; in the long form as many as it wants, from 1 on;
    /// or only the given one.
    fn many(again: &str, short: u64) -> Self {
        let (given, long) = (setting("ZAPIS_SEED"), setting("ZAPIS_SEEDS"));
        let first = given.or(long.map(|_| setting("ZAPIS_SEEDS_FROM").unwrap_or(1)));
        Self {
            again: again.to_owned(),
            first: first.unwrap_or_else(|| std::process::id().into()),
            count: given.map_or(long.unwrap_or(short), |_| 1),
        }
    }

    /// Plays every seed, a few at once: most of the time they wait.
    async fn play<F>(self, at_once: usize, seed: impl Fn(u64) -> F) -> Verdict
    where
        F: Future<Output = Verdict>,
    {
        let begun = Instant::now();
        let played = stream::iter(self.first..self.first + self.count).map(|n| {
            let again = &self.again;
            let verdict = AssertUnwindSafe(seed(n)).catch_unwind();
            verdict.map(move |verdict| {
                verdict.unwrap_or_else(|panic| {
                    println!("Once more: ZAPIS_SEED={n} {again}");
                    resume_unwind(panic)
                })
            })
        });
        let add = |total, verdict| ready(total + verdict);
        let total = played
            .buffer_unordered(at_once)
            .fold(Verdict::default(), add)
            .await;
        println!("{} seeds in {:?}: {total:?}", self.count, begun.elapsed());
        total
    }
}

/// A number from the environment.
fn setting(name: &str) -> Option<u64> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a setting of the test, not of the program"
    )]
    let value = std::env::var(name);
    value.ok()?.parse().ok()
}
