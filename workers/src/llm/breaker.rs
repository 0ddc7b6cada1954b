//! A circuit breaker: who fails again and again rests a while, and then tries once.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::endpoint::Failed;

/// So many failures in a row open the circuit …
const FAILURES: u32 = 4;
/// … for so long.
const REST: Duration = Duration::from_secs(30);
/// A wrong key or model does not mend itself quickly.
const LONG_REST: Duration = Duration::from_mins(5);
/// The longest wait that a server may ask for.
const LONGEST_REST: Duration = Duration::from_hours(1);

/// What a breaker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Lets everything through.
    Closed,
    /// Lets one call through, to see.
    HalfOpen,
    /// Lets nothing through.
    Open,
}

/// The breaker of one endpoint.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    failures: u32,
    until: Option<Instant>,
    trying: bool,
}

impl Breaker {
    /// The right to call now, or nothing. Whoever gets it says how the call went, or gives it back by
    /// dropping it.
    pub(super) fn pass(&self, now: Instant) -> Option<Pass<'_>> {
        let mut inner = self.lock();
        let probe = match inner.until {
            Some(until) if now < until => return None,
            Some(_) if inner.trying => return None,
            Some(_) => true,
            None => false,
        };
        inner.trying = probe;
        Some(Pass {
            breaker: self,
            probe,
        })
    }

    /// What it does now.
    pub(super) fn state(&self, now: Instant) -> State {
        match self.lock().until {
            Some(until) if now < until => State::Open,
            Some(_) => State::HalfOpen,
            None => State::Closed,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to call.
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    probe: bool,
}

impl fmt::Debug for Pass<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pass(probe: {})", self.probe)
    }
}

impl Pass<'_> {
    /// The call gave an answer.
    pub(super) fn worked(&self) {
        *self.breaker.lock() = Inner::default();
    }

    /// It did not. An answer that cannot be used is not the server's illness, unless it repeats.
    pub(super) fn failed(&self, why: &Failed, now: Instant) {
        let mut inner = self.breaker.lock();
        inner.failures += 1;
        let rest = match why {
            Failed::Limited(wait) => Some((*wait).unwrap_or(REST).min(LONGEST_REST)),
            Failed::Refused(_) => Some(LONG_REST),
            _ => (self.probe || inner.failures >= FAILURES).then_some(REST),
        };
        if let Some(rest) = rest {
            inner.until = Some(now + rest);
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.probe {
            self.breaker.lock().trying = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_closes_after_one_that_works() {
        let (breaker, begin) = (Breaker::default(), Instant::now());
        for _ in 0..FAILURES {
            let pass = breaker.pass(begin).unwrap();
            pass.failed(&Failed::TimedOut, begin);
        }
        assert_eq!(breaker.state(begin), State::Open);
        assert!(breaker.pass(begin).is_none());

        let later = begin + REST;
        let probe = breaker.pass(later).unwrap();
        assert!(breaker.pass(later).is_none(), "one tries, the others wait");
        probe.worked();
        drop(probe);

        assert_eq!(breaker.state(later), State::Closed);
        assert!(breaker.pass(later).is_some());
    }

    #[test]
    fn a_probe_that_fails_opens_it_at_once() {
        let (breaker, begin) = (Breaker::default(), Instant::now());
        breaker
            .pass(begin)
            .unwrap()
            .failed(&Failed::Refused(401), begin);
        let later = begin + LONG_REST;

        breaker
            .pass(later)
            .unwrap()
            .failed(&Failed::TimedOut, later);

        assert_eq!(breaker.state(later), State::Open);
    }

    #[test]
    fn a_server_that_asks_to_wait_is_obeyed() {
        let (breaker, begin) = (Breaker::default(), Instant::now());
        let wait = Duration::from_secs(7);
        breaker
            .pass(begin)
            .unwrap()
            .failed(&Failed::Limited(Some(wait)), begin);

        assert!(
            breaker
                .pass(begin + wait - Duration::from_millis(1))
                .is_none()
        );
        assert!(breaker.pass(begin + wait).is_some());
    }

    #[test]
    fn a_call_that_was_given_up_keeps_nobody_waiting() {
        let (breaker, begin) = (Breaker::default(), Instant::now());
        breaker
            .pass(begin)
            .unwrap()
            .failed(&Failed::Limited(None), begin);
        let later = begin + REST;

        drop(breaker.pass(later).unwrap());

        assert!(breaker.pass(later).is_some());
    }
}
