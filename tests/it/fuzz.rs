//! Parsers of what comes from outside, fed with spoilt inputs: `tests/fuzz [SECONDS] [TARGET]`, and a
//! short form with every run of the tests.
//!
//! More than the absence of panics is asked for: each target says what must hold of any input. An
//! input derives from a seed alone; a finding names its seed.

mod corpus;
mod documents;
mod files;
mod ground;
mod mutate;
mod queue;
mod webchat;
mod webhooks;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::SmallRng;

/// No input may keep a parser busy for so long: it hangs, however slow the machine is.
const HANGS: Duration = Duration::from_secs(10);

/// What a target has of one round.
struct Round {
    chance: SmallRng,
    /// The input, to show with a finding.
    input: Vec<u8>,
}

/// Feeds a target: one seed (`ZAPIS_SEED`), for some time (`ZAPIS_FUZZ_SECONDS`), or so many rounds.
fn fuzz(name: &str, rounds: u64, mut target: impl FnMut(&mut Round)) {
    let only = number("ZAPIS_SEED");
    let budget = number("ZAPIS_FUZZ_SECONDS").map(Duration::from_secs);
    let begin = Instant::now();
    let first = only.unwrap_or_else(|| match budget {
        Some(_) => u64::from(std::process::id()) << 32,
        None => 0,
    });
    let mut done = 0;
    loop {
        let over = match (only, budget) {
            (Some(_), _) => done == 1,
            (None, Some(budget)) => begin.elapsed() >= budget,
            (None, None) => done == rounds,
        };
        if over {
            break;
        }
        one(name, first + done, &mut target);
        done += 1;
    }
    println!("{name}: {done} inputs");
}

fn one(name: &str, seed: u64, target: &mut impl FnMut(&mut Round)) {
    let mut round = Round {
        chance: SmallRng::seed_from_u64(seed),
        input: Vec::new(),
    };
    let begin = Instant::now();
    let done = catch_unwind(AssertUnwindSafe(|| target(&mut round)));
    let took = begin.elapsed();
    if done.is_ok() && took < HANGS {
        return;
    }
    let shown = round.input.len().min(4_000);
    println!(
        "ZAPIS_SEED={seed} tests/fuzz 0 {name}: {took:?}, {} bytes:\n{}",
        round.input.len(),
        String::from_utf8_lossy(&round.input[..shown])
    );
    match done {
        Err(panic) => resume_unwind(panic),
        Ok(()) => panic!("{name} hangs"),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a setting of the test, not of the program"
)]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
