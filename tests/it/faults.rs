//! What must hold when things break: nothing accepted is lost, nothing is sent twice, order is kept,
//! and nobody has to do anything. A checker judges, from what providers received and what is stored.
//!
//! `tests/run` plays a few seeds of each, `tests/faults` the long form: the same tests with many.

pub(crate) mod checker;
pub(crate) mod crowd;
mod host;
mod kill;
mod limits;
mod outages;
mod places;
mod race;
mod roles;

/// The seeds of a test. One that fails is told with the command that runs it again.
#[derive(Debug)]
struct Seeds {
    /// The command that runs it again.
    again: String,
    next: u64,
    left: u64,
}

impl Seeds {
    /// One seed: a given one, or another in each run.
    fn one(test: &str) -> Self {
        let first = setting("ZAPIS_SEED").unwrap_or_else(|| std::process::id().into());
        Self {
            again: format!("cargo test --workspace --test it {test}"),
            next: first,
            left: 0,
        }
    }

    /// So many in the short form, others in each run; in the long form as many as it wants, from 1 on;
    /// or only the given one.
    fn many(again: &str, short: u64) -> Self {
        let (given, long) = (setting("ZAPIS_SEED"), setting("ZAPIS_SEEDS"));
        let first = given.or(long.map(|_| 1));
        Self {
            again: again.to_owned(),
            next: first
                .unwrap_or_else(|| std::process::id().into())
                .wrapping_sub(1),
            left: given.map_or(long.unwrap_or(short), |_| 1),
        }
    }

    fn first(&self) -> u64 {
        self.next
    }

    fn next(&mut self) -> Option<u64> {
        self.left = self.left.checked_sub(1)?;
        self.next = self.next.wrapping_add(1);
        Some(self.next)
    }
}

impl Drop for Seeds {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("Once more: ZAPIS_SEED={} {}", self.next, self.again);
        }
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
