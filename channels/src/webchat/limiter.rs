//! How often something may happen within a minute: exact, in this process.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

/// What is counted.
const WINDOW: TimeDelta = TimeDelta::minutes(1);

/// Counts events of the last minute by key.
#[derive(Debug, Default)]
pub(super) struct Limiter(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    events: HashMap<String, VecDeque<(DateTime<Utc>, String)>>,
    swept_at: DateTime<Utc>,
}

impl Limiter {
    /// Whether an event may happen; then it is counted. A repeat of a counted one may always.
    pub(super) fn admit(&self, key: &str, id: &str, limit: usize, now: DateTime<Utc>) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.sweep(now);
        let events = counts.events.entry(key.to_owned()).or_default();
        forget_old(events, now);
        if events.iter().any(|(_, counted)| counted == id) {
            return true;
        }
        if events.len() >= limit {
            return false;
        }
        events.push_back((now, id.to_owned()));
        true
    }
}

impl Counts {
    /// Forgets keys that nothing happens to.
    fn sweep(&mut self, now: DateTime<Utc>) {
        if !is_past(self.swept_at, now) {
            return;
        }
        self.swept_at = now;
        self.events.retain(|_, events| {
            forget_old(events, now);
            !events.is_empty()
        });
    }
}

fn forget_old(events: &mut VecDeque<(DateTime<Utc>, String)>, now: DateTime<Utc>) {
    while events.front().is_some_and(|(at, _)| is_past(*at, now)) {
        events.pop_front();
    }
}

/// Whether that was longer ago than a window, or the clock was put back since.
fn is_past(at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    (now - at).abs() >= WINDOW
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(n: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_000 + n, 0).unwrap()
    }

    #[test]
    fn what_was_counted_before_the_clock_was_put_back_does_not_count_for_an_hour() {
        let limiter = Limiter::default();
        assert!(limiter.admit("a", "1", 1, second(3_600)));
        assert!(!limiter.admit("a", "2", 1, second(3_601)));

        assert!(limiter.admit("a", "2", 1, second(0)));
    }

    #[test]
    fn one_more_than_the_limit_waits_until_a_minute_has_passed() {
        let limiter = Limiter::default();
        for n in 0..20 {
            assert!(limiter.admit("a", &n.to_string(), 20, second(n)));
        }

        assert!(!limiter.admit("a", "20", 20, second(59)));
        assert!(limiter.admit("b", "20", 20, second(59)), "another visitor");
        assert!(limiter.admit("a", "7", 20, second(59)), "a repeat");
        assert!(limiter.admit("a", "20", 20, second(60)));
        assert!(!limiter.admit("a", "21", 20, second(60)));
    }

    #[test]
    fn idle_keys_are_forgotten() {
        let limiter = Limiter::default();
        limiter.admit("a", "1", 20, second(0));
        limiter.admit("b", "1", 20, second(61));

        assert_eq!(limiter.0.lock().unwrap().events.len(), 1);
    }
}
