//! The leaky bucket of the portal, and the operating time of each method.

use std::collections::{BTreeMap, VecDeque};

use super::answer::RestError;
use super::config::Bitrix24Portal;

/// How long work is remembered, in milliseconds.
const WINDOW: i64 = 10 * 60 * 1000;
/// What is remembered together.
const BASKET: i64 = 60 * 1000;
/// How many seconds of work a call is, unless somebody said otherwise.
const TAKES: f64 = 0.05;

/// What was used up.
#[derive(Default)]
pub(crate) struct Limits {
    level: f64,
    at_ms: i64,
    /// By webhook or application, and method: when a basket began, and the seconds in it.
    work: BTreeMap<(String, String), VecDeque<(i64, f64)>>,
    takes: BTreeMap<String, f64>,
    /// How many calls were refused for either limit.
    pub(crate) refused: u64,
}

impl Limits {
    /// Lets a request in, if the bucket has room for it.
    pub(crate) fn enter(&mut self, portal: &Bitrix24Portal, now_ms: i64) -> Result<(), RestError> {
        if portal.is_box {
            return Ok(());
        }
        let passed = (now_ms - self.at_ms).max(0);
        #[expect(clippy::cast_precision_loss, reason = "seconds since the last request")]
        let leaked = passed as f64 / 1000.0 * f64::from(portal.per_second);
        self.level = (self.level - leaked).max(0.0);
        self.at_ms = now_ms;
        if self.level + 1.0 > f64::from(portal.burst) {
            self.refused += 1;
            return Err(RestError::too_many());
        }
        self.level += 1.0;
        Ok(())
    }

    /// Lets a method work, if it has not worked too long before; the call that exceeds is the last.
    pub(crate) fn work(
        &mut self,
        portal: &Bitrix24Portal,
        (key, method): (&str, &str),
        now_ms: i64,
    ) -> Result<(), RestError> {
        let (done, _) = self.operating((key, method), now_ms);
        if !portal.is_box && done >= f64::from(portal.operating_limit) {
            self.refused += 1;
            return Err(RestError::blocked());
        }
        let takes = self.takes.get(method).copied().unwrap_or(TAKES);
        let name = (key.to_owned(), method.to_owned());
        let baskets = self.work.entry(name).or_default();
        match baskets.back_mut() {
            Some((began, seconds)) if now_ms - *began < BASKET => *seconds += takes,
            _ => baskets.push_back((now_ms, takes)),
        }
        Ok(())
    }

    /// The seconds a method worked in the last ten minutes, and when the oldest are forgotten (unix time).
    pub(crate) fn operating(&mut self, (key, method): (&str, &str), now_ms: i64) -> (f64, i64) {
        let name = (key.to_owned(), method.to_owned());
        let Some(baskets) = self.work.get_mut(&name) else {
            return (0.0, (now_ms + WINDOW) / 1000);
        };
        baskets.retain(|(began, _)| now_ms - began < WINDOW);
        let oldest = baskets.front().map_or(now_ms, |(began, _)| *began);
        let seconds = baskets.iter().map(|(_, seconds)| seconds).sum();
        (seconds, (oldest + WINDOW) / 1000)
    }

    /// How long a call of a method works from now on.
    pub(crate) fn takes(&mut self, method: &str, seconds: f64) {
        self.takes.insert(method.to_ascii_lowercase(), seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifty_at_once_and_two_a_second_after_that() {
        let (mut limits, portal) = (Limits::default(), Bitrix24Portal::default());
        let mut enter = |at| limits.enter(&portal, at).is_ok();

        assert_eq!((0..60).filter(|_| enter(1_000)).count(), 50);
        assert_eq!((0..9).filter(|_| enter(2_000)).count(), 2);
        assert_eq!(limits.refused, 17);
    }

    #[test]
    fn a_method_that_worked_too_long_waits_for_its_oldest_minute() {
        let (mut limits, portal) = (Limits::default(), Bitrix24Portal::default());
        limits.takes("crm.item.add", 300.0);
        let mut add = |at| limits.work(&portal, ("1", "crm.item.add"), at).is_ok();

        assert!(add(0) && add(120_000), "the call that exceeds is completed");
        assert!(!add(130_000));
        assert!(!add(WINDOW - 1));
        assert!(add(WINDOW));
        assert!(limits.work(&portal, ("1", "crm.item.list"), 0).is_ok());
    }
}
