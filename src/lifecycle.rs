//! How the program stops: gently at the first signal, at once at the second or when time is up.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How long work in hand may take to finish after the first signal.
const GRACE: Duration = Duration::from_secs(30);

/// Tells everybody to stop. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    soft: CancellationToken,
    hard: CancellationToken,
}

impl Stop {
    /// Stops at SIGTERM and SIGINT.
    pub fn on_signals() -> std::io::Result<Self> {
        let stop = Self::default();
        let signals = Signals {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
        };
        tokio::spawn(stop.clone().listen(signals));
        Ok(stop)
    }

    /// Cancelled when nothing new may be taken.
    pub fn soft(&self) -> CancellationToken {
        self.soft.clone()
    }

    /// Cancelled when even work in hand must be left.
    pub fn hard(&self) -> CancellationToken {
        self.hard.clone()
    }

    /// Begins to stop, as the first signal does: what a task that failed for good calls.
    pub fn begin(&self) {
        self.soft.cancel();
    }

    /// Does the work; leaves it where it stands when it must stop at once. `None`: it was left.
    pub async fn bound<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.hard.cancelled() => None,
        }
    }

    async fn listen(self, mut signals: Signals) {
        tokio::select! {
            () = signals.next() => {}
            () = self.soft.cancelled() => {}
        }
        info!(
            grace_s = GRACE.as_secs(),
            "Stopping: finishing what is in hand"
        );
        self.soft.cancel();
        tokio::select! {
            () = signals.next() => warn!("Told again to stop: leaving what is in hand"),
            () = tokio::time::sleep(GRACE) => warn!("Time is up: leaving what is in hand"),
        }
        self.hard.cancel();
    }
}

struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    async fn next(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_ends_in_time_is_finished() {
        let stop = Stop::default();
        stop.begin();

        assert_eq!(stop.bound(async { 7 }).await, Some(7));
    }

    #[tokio::test]
    async fn work_is_left_when_it_must_stop_at_once() {
        let stop = Stop::default();
        stop.hard().cancel();

        assert_eq!(stop.bound(std::future::pending::<()>()).await, None);
    }
}
