//! Bounds on how often something may happen, kept in memory for an installation of one process.
//!
//! A bucket is one instant: when it would be full again (the generic cell rate algorithm).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Rate;

/// How many buckets there are before idle ones are looked for.
const SWEEP_FROM: usize = 1_024;

/// All buckets of this process.
#[derive(Debug, Default)]
pub(super) struct Buckets(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    buckets: HashMap<String, Bucket>,
    sweep_at: usize,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    full_at: Instant,
    blocked_until: Instant,
}

impl Buckets {
    /// Takes a place, or says how long to wait.
    pub(super) fn reserve(&self, name: &str, rate: Rate, now: Instant) -> Duration {
        let mut known = self.lock();
        let bucket = known.bucket(name, now);
        let full_at = bucket.full_at.max(now);
        let allowance = rate.every * rate.burst.saturating_sub(1);
        let refilled = full_at.checked_sub(allowance).unwrap_or(now);
        let wait = refilled
            .max(bucket.blocked_until)
            .saturating_duration_since(now);
        if wait.is_zero() {
            bucket.full_at = full_at + rate.every;
        }
        wait
    }

    /// Lets nothing through for a time; a longer block stays.
    pub(super) fn block(&self, name: &str, pause: Duration, now: Instant) {
        let mut known = self.lock();
        let bucket = known.bucket(name, now);
        bucket.blocked_until = bucket.blocked_until.max(now + pause);
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Nothing in here can be left half-done by a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn bucket(&mut self, name: &str, now: Instant) -> &mut Bucket {
        if self.buckets.len() >= self.sweep_at.max(SWEEP_FROM) {
            self.buckets
                .retain(|_, bucket| bucket.full_at > now || bucket.blocked_until > now);
            self.sweep_at = self.buckets.len() * 2;
        }
        self.buckets.entry(name.to_owned()).or_insert(Bucket {
            full_at: now,
            blocked_until: now,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_buckets_are_forgotten() {
        let buckets = Buckets::default();
        let rate = Rate {
            burst: 1,
            every: Duration::from_secs(1),
        };
        let start = Instant::now();
        for n in 0..SWEEP_FROM - 1 {
            buckets.reserve(&n.to_string(), rate, start);
        }
        buckets.block("closed", Duration::from_mins(1), start);
        let later = start + Duration::from_secs(2);

        assert_eq!(buckets.reserve("one more", rate, later), Duration::ZERO);

        assert_eq!(buckets.lock().buckets.len(), 2);
        let wait = buckets.reserve("closed", rate, later);
        assert_eq!(wait, Duration::from_secs(58));
    }
}
