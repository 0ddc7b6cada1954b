//! The time, as a parameter, so that tests can set it and a demonstration can let it pass.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;

/// Tells the time: the system's, one that a test sets, or the system's and what was added to it.
///
/// What must not jump with it (how long a call may take, how fast something may be repeated) is measured
/// with [`tokio::time::Instant`].
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// Where a clock stands that does not go by itself, in milliseconds since 1970.
    stands: Option<i64>,
    /// How many milliseconds were added. Nothing can be added to the system's clock.
    added: Option<Arc<watch::Sender<i64>>>,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands still until a test moves it with [`Clock::advance`].
    pub fn fixed(now: DateTime<Utc>) -> Self {
        Self {
            stands: Some(now.timestamp_millis()),
            ..Self::movable()
        }
    }

    /// A clock that goes as the system's does and can be put forward, never back: for `zapis demo`.
    pub fn movable() -> Self {
        Self {
            stands: None,
            added: Some(Arc::new(watch::Sender::new(0))),
        }
    }

    /// Now, to the millisecond (what every store keeps without loss).
    pub fn now(&self) -> DateTime<Utc> {
        let millis = self.stands.unwrap_or_else(system_millis);
        let added = self.added.as_ref().map_or(0, |added| *added.borrow());
        DateTime::from_timestamp_millis(millis.saturating_add(added)).unwrap_or_default()
    }

    /// Puts the clock forward; the system's stays as it is.
    pub fn advance(&self, by: Duration) {
        if let Some(added) = &self.added {
            let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
            added.send_modify(|added| *added = added.saturating_add(by));
        }
    }

    /// Every [`Clock::advance`] from now on.
    pub fn moves(&self) -> Moves {
        Moves(self.added.as_ref().map(|added| added.subscribe()))
    }
}

/// The moves of a clock, for a loop that looks every now and then for what is due.
#[derive(Debug)]
pub struct Moves(Option<watch::Receiver<i64>>);

impl Moves {
    /// Waits until the clock is moved, and for no longer than this.
    pub async fn within(&mut self, pause: Duration) {
        match &mut self.0 {
            Some(added) => {
                tokio::time::timeout(pause, added.changed()).await.ok();
            }
            None => tokio::time::sleep(pause).await,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn system_millis() -> i64 {
    Utc::now().timestamp_millis()
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    const LONG: Duration = Duration::from_hours(1);

    #[test]
    fn a_fixed_clock_moves_only_when_told() {
        let clock = Clock::fixed(DateTime::from_timestamp(1_000, 0).unwrap());
        let same = clock.clone();

        clock.advance(Duration::from_secs(5));

        assert_eq!(same.now().timestamp(), 1_005);
    }

    #[test]
    fn a_movable_clock_goes_by_itself_and_is_ahead_by_all_that_was_added() {
        let (clock, system) = (Clock::movable(), Clock::system());
        let same = clock.clone();

        clock.advance(LONG);
        same.advance(LONG);

        let before = system.now();
        let now = clock.now();
        let ahead = LONG * 2;
        assert!((before + ahead..=system.now() + ahead).contains(&now));
    }

    #[test]
    fn the_systems_clock_cannot_be_moved() {
        let clock = Clock::system();
        clock.advance(LONG);
        assert!(clock.now() < Clock::system().now() + LONG);
    }

    #[tokio::test]
    async fn a_move_wakes_who_waits_also_one_that_came_before_the_wait() {
        let clock = Clock::movable();
        let mut moves = clock.moves();
        assert_eq!(moves.within(LONG).now_or_never(), None);

        clock.advance(LONG);

        assert_eq!(moves.within(LONG).now_or_never(), Some(()));
        let again = moves.within(LONG).now_or_never();
        assert_eq!(again, None, "it was moved once");
    }

    #[tokio::test]
    async fn on_the_systems_clock_the_pause_is_waited_out() {
        let clock = Clock::system();
        let mut moves = clock.moves();
        clock.advance(LONG);
        assert_eq!(moves.within(LONG).now_or_never(), None);
        moves.within(Duration::ZERO).await;
    }
}
