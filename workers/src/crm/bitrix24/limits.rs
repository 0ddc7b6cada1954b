//! What a portal takes: so many requests, and so much work of each method.
//!
//! Requests fill a bucket that loses some each second; the portal keeps one for each address that requests
//! come from, so all our processes share ours. Work is counted by method over ten minutes, and the portal
//! tells the sum with each answer. Source: the provider's "Limits" (rate limit, operating limit).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;
use zapis_core::Clock;
use zapis_core::sessions::{Rate, Sessions, SessionsError};

use super::outcome::Class;
use super::wire::Time;
use super::{BATCH, Bitrix24Config};
use crate::crm::Trouble;

/// How many seconds of work within ten minutes close a method: what is documented as the usual setting.
const CLOSED: f64 = 480.0;
/// From here on calls of the method are spread over the time that is left.
const SLOW: f64 = 0.8 * CLOSED;
/// One in so many places of the bucket stays free.
const SPARE: u32 = 10;
/// The longest of these pauses.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How long a method stays closed when the portal has not said until when.
const WINDOW: Duration = Duration::from_mins(10);

/// Keeps to the limits of a portal.
#[derive(Debug)]
pub(super) struct Limits {
    sessions: Arc<dyn Sessions>,
    clock: Clock,
    bucket: String,
    /// Nothing on a server that has no limit.
    rate: Option<Rate>,
    /// How long a call waits for its place.
    patience: Duration,
    methods: Mutex<HashMap<String, Used>>,
}

/// What a method has used of its time.
#[derive(Debug, Clone, Copy)]
struct Used {
    operating: f64,
    /// How long its last call took.
    last: f64,
    until: DateTime<Utc>,
    /// Whether the portal has refused it.
    closed: bool,
}

impl Limits {
    pub(super) fn new(
        config: &Bitrix24Config,
        sessions: &Arc<dyn Sessions>,
        clock: &Clock,
        patience: Duration,
    ) -> Self {
        let rate = Rate {
            // Requests arrive less evenly than they leave: a part of the bucket is for that.
            burst: config.burst - config.burst / SPARE,
            every: Duration::from_secs(1) / config.per_second.max(1),
        };
        Self {
            sessions: Arc::clone(sessions),
            clock: clock.clone(),
            bucket: format!("bitrix24:{}", config.host()),
            rate: (config.burst > 0).then_some(rate),
            patience,
            methods: Mutex::default(),
        }
    }

    /// Waits for the place of one request with these methods in it.
    pub(super) async fn enter(&self, methods: &[&str]) -> Result<(), Trouble> {
        let now = self.clock.now();
        for method in methods {
            if let Some(left) = self.closed_for(method, now) {
                return Err(closed(method, left));
            }
        }
        let pauses = methods.iter().map(|method| self.pause(method, now));
        tokio::time::sleep(pauses.max().unwrap_or_default()).await;
        let Some(rate) = self.rate else {
            return Ok(());
        };
        let until = Instant::now() + self.patience;
        loop {
            let wait = self.sessions.reserve(&self.bucket, rate).await;
            let wait = wait.map_err(|error| no_place(methods, &error))?;
            if wait.is_zero() {
                return Ok(());
            }
            if Instant::now() + wait > until {
                let busy = Class::Busy.failure(methods.last().unwrap_or(&BATCH));
                return Err(Trouble {
                    code: "no_place".to_owned(),
                    after: Some(wait),
                    ..busy.trouble
                });
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Lets no process ask for a moment: the portal said that its bucket is full.
    pub(super) async fn close(&self, pause: Duration) {
        let shared = match self.rate {
            Some(_) => self.sessions.block(&self.bucket, pause).await.is_ok(),
            None => false,
        };
        if !shared {
            tokio::time::sleep(pause).await;
        }
    }

    /// What the portal told of its work for a method.
    pub(super) fn learn(&self, method: &str, time: Time) {
        let (Some(operating), Some(reset)) = (time.operating, time.reset_at) else {
            return;
        };
        let Some(until) = DateTime::from_timestamp(reset, 0) else {
            return;
        };
        let used = Used {
            operating,
            last: time.duration.unwrap_or(1.0),
            until,
            closed: false,
        };
        self.methods().insert(method.to_owned(), used);
    }

    /// The portal has closed the method: until it said its work is forgiven, ten minutes at most. Its refusals
    /// tell no time, so that of its last answer counts.
    pub(super) fn park(&self, method: &str) -> Duration {
        let now = self.clock.now();
        let mut methods = self.methods();
        let told = methods.get(method).map(|used| used.until);
        let left = told.and_then(|until| (until - now).to_std().ok());
        let left = left
            .filter(|left| !left.is_zero())
            .unwrap_or(WINDOW)
            .min(WINDOW);
        let used = Used {
            operating: CLOSED,
            last: 1.0,
            until: now + left,
            closed: true,
        };
        methods.insert(method.to_owned(), used);
        left
    }

    /// Whether some method is closed now.
    pub(super) fn is_any_closed(&self) -> bool {
        let now = self.clock.now();
        let methods = self.methods();
        methods.values().any(|used| used.closed && used.until > now)
    }

    /// How long a method is closed, where it is.
    fn closed_for(&self, method: &str, now: DateTime<Utc>) -> Option<Duration> {
        let used = self.used(method, now)?;
        let full = used.closed || used.operating >= CLOSED;
        full.then(|| (used.until - now).to_std().unwrap_or_default().min(WINDOW))
    }

    /// How long to wait so that what is left of the method's time lasts until some is forgiven.
    fn pause(&self, method: &str, now: DateTime<Utc>) -> Duration {
        let Some(used) = self.used(method, now).filter(|used| used.operating >= SLOW) else {
            return Duration::ZERO;
        };
        let left = (used.until - now).to_std().unwrap_or_default();
        let share = used.last.max(0.1) / (CLOSED - used.operating).max(0.1);
        Duration::try_from_secs_f64(left.as_secs_f64() * share)
            .unwrap_or(LONGEST_PAUSE)
            .min(LONGEST_PAUSE)
    }

    /// What is known of a method and still holds.
    fn used(&self, method: &str, now: DateTime<Utc>) -> Option<Used> {
        let used = self.methods().get(method).copied();
        used.filter(|used| used.until > now)
    }

    fn methods(&self) -> MutexGuard<'_, HashMap<String, Used>> {
        self.methods.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A method that is not called at all, because it would be refused.
pub(super) fn closed(method: &str, left: Duration) -> Trouble {
    Trouble {
        code: "OPERATION_TIME_LIMIT".to_owned(),
        after: Some(left),
        ..Class::Parked.failure(method).trouble
    }
}

/// The limits are kept together with the sessions; without those nobody knows whether there is room.
fn no_place(methods: &[&str], error: &SessionsError) -> Trouble {
    let method = methods.last().unwrap_or(&BATCH);
    Trouble {
        code: "sessions".to_owned(),
        words: format!("{method}: {error}: look at [engines] sessions"),
        ..Class::Busy.failure(method).trouble
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::doubles::Forgetful;

    fn limits(clock: &Clock) -> Limits {
        let sessions: Arc<dyn Sessions> = Arc::new(Forgetful);
        let config = Bitrix24Config::default();
        Limits::new(&config, &sessions, clock, Duration::ZERO)
    }

    fn told(operating: f64, reset_at: i64) -> Time {
        Time {
            operating: Some(operating),
            reset_at: Some(reset_at),
            duration: Some(2.0),
        }
    }

    fn clock() -> Clock {
        Clock::fixed(DateTime::from_timestamp(1_000, 0).unwrap())
    }

    #[test]
    fn a_method_that_has_used_most_of_its_time_is_spread_over_what_is_left() {
        let clock = clock();
        let limits = limits(&clock);
        let pause = || limits.pause("crm.item.add", clock.now());
        limits.learn("crm.item.add", told(383.0, 1_300));
        assert_eq!(pause(), Duration::ZERO);

        // 40 calls of 2 s are left for 300 s.
        limits.learn("crm.item.add", told(400.0, 1_300));
        assert_eq!(pause(), Duration::from_millis(7_500));
        assert_eq!(limits.pause("crm.item.get", clock.now()), Duration::ZERO);

        limits.learn("crm.item.add", told(479.0, 1_300));
        assert_eq!(pause(), LONGEST_PAUSE);
        clock.advance(Duration::from_mins(5));
        assert_eq!(pause(), Duration::ZERO, "it was forgiven");
    }

    #[tokio::test]
    async fn a_closed_method_is_not_called_until_the_portal_said_and_others_are() {
        let clock = clock();
        let limits = limits(&clock);
        limits.learn("crm.item.add", told(470.0, 1_120));

        assert_eq!(limits.park("crm.item.add"), Duration::from_mins(2));

        let trouble = limits.enter(&["batch", "crm.item.add"]).await.unwrap_err();
        assert_eq!(trouble.after, Some(Duration::from_mins(2)));
        assert_eq!(trouble.code, "OPERATION_TIME_LIMIT");
        assert!(limits.is_any_closed());
        limits.enter(&["crm.item.get"]).await.unwrap();
        clock.advance(Duration::from_mins(2));
        assert!(!limits.is_any_closed());
        limits.enter(&["crm.item.add"]).await.unwrap();
    }

    #[test]
    fn a_portal_that_tells_no_time_closes_a_method_for_its_window() {
        let clock = clock();
        assert_eq!(limits(&clock).park("crm.item.add"), WINDOW);
    }
}
