//! Traffic: as much as is taken, with a bounded number under way; or so many a second, come what may.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use tokio::sync::{Mutex, Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::process;

/// How long a run may stand still.
const PATIENCE: Duration = Duration::from_mins(2);

/// What traffic goes through.
#[async_trait]
pub(super) trait Subject: Send + Sync + 'static {
    /// Hands over message `n`; returns once it is durable.
    async fn accept(&self, n: usize) -> anyhow::Result<()>;

    /// Waits until everything that follows from what was finished is written too; says when it was.
    async fn settled(&self) -> anyhow::Result<Instant> {
        Ok(Instant::now())
    }
}

/// When each message began and when it was through.
#[derive(Debug)]
pub(super) struct Marks {
    first: usize,
    began: Instant,
    started: Vec<AtomicU64>,
    finished: Vec<AtomicU64>,
    left: AtomicUsize,
    under_way: Semaphore,
    all: Notify,
}

impl Marks {
    /// For messages `first` to `first + count`.
    pub(super) fn new(first: usize, count: usize) -> Self {
        let zeros = || (0..count).map(|_| AtomicU64::new(0)).collect();
        Self {
            first,
            began: Instant::now(),
            started: zeros(),
            finished: zeros(),
            left: AtomicUsize::new(count),
            under_way: Semaphore::new(0),
            all: Notify::new(),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros())
            .unwrap_or(u64::MAX)
            .max(1)
    }

    fn start(&self, n: usize, at: u64) {
        self.started[n - self.first].store(at, Ordering::Relaxed);
    }

    /// Message `n` is through. Others and repeats are not counted.
    pub(super) fn finish(&self, n: usize) {
        let Some(mark) = n.checked_sub(self.first).and_then(|n| self.finished.get(n)) else {
            return;
        };
        if mark.swap(self.now(), Ordering::Relaxed) == 0 {
            self.under_way.add_permits(1);
            if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
                self.all.notify_one();
            }
        }
    }

    async fn all_finished(&self) -> anyhow::Result<()> {
        let mut before = usize::MAX;
        loop {
            let left = self.left.load(Ordering::Acquire);
            if left == 0 {
                return Ok(());
            }
            anyhow::ensure!(left < before, "{left} messages do not come through");
            before = left;
            tokio::time::timeout(PATIENCE, self.all.notified())
                .await
                .ok();
        }
    }

    /// From its start to its end, in microseconds, sorted.
    fn latencies(&self) -> Vec<u64> {
        let mut latencies: Vec<u64> = self
            .started
            .iter()
            .zip(&self.finished)
            .map(|(start, end)| {
                end.load(Ordering::Relaxed)
                    .saturating_sub(start.load(Ordering::Relaxed))
            })
            .collect();
        latencies.sort_unstable();
        latencies
    }
}

/// How much traffic, and how fast.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    /// As fast as it goes, with so many under way.
    UnderWay(usize),
    /// So many a second.
    Rate(f64),
}

/// What came of a run.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Messages a second, until everything was written.
    pub(super) per_second: f64,
    /// Processor time of this process for one message, in microseconds.
    pub(super) cpu_us: f64,
    /// Microseconds from start to end, sorted.
    latencies: Vec<u64>,
}

impl Outcome {
    /// The latency that so many percent stay below, in milliseconds.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in a list, a time in microseconds"
    )]
    pub(super) fn percentile_ms(&self, percent: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let place = (last as f64 * percent / 100.0).round() as usize;
        self.latencies
            .get(place)
            .map_or(0.0, |micros| *micros as f64 / 1000.0)
    }
}

/// Sends messages `marks.first…` and waits until all are through and settled.
pub(super) async fn drive(
    subject: &Arc<dyn Subject>,
    marks: &Arc<Marks>,
    pace: Pace,
) -> anyhow::Result<Outcome> {
    let cpu = process::own_cpu()?;
    let began = Instant::now();
    if let Pace::UnderWay(limit) = pace {
        marks.under_way.add_permits(limit);
    }
    let trouble: Arc<Mutex<Option<anyhow::Error>>> = Arc::default();
    let mut sending = JoinSet::new();
    for (k, n) in (marks.first..marks.first + marks.started.len()).enumerate() {
        let start = match pace {
            Pace::UnderWay(_) => {
                let permit = tokio::time::timeout(PATIENCE, marks.under_way.acquire());
                permit.await.context("nothing comes through")??.forget();
                marks.now()
            }
            Pace::Rate(rate) => {
                #[expect(clippy::cast_precision_loss, reason = "a number of messages")]
                let due = Duration::from_secs_f64(k as f64 / rate);
                tokio::time::sleep_until(began + due).await;
                u64::try_from(due.as_micros()).unwrap_or(u64::MAX)
            }
        };
        marks.start(n, start);
        let subject = Arc::clone(subject);
        let told = Arc::clone(&trouble);
        sending.spawn(async move {
            if let Err(error) = subject.accept(n).await {
                told.lock().await.get_or_insert(error);
            }
        });
        while sending.try_join_next().is_some() {}
        if let Some(error) = trouble.lock().await.take() {
            return Err(error);
        }
    }
    while sending.join_next().await.is_some() {}
    if let Some(error) = trouble.lock().await.take() {
        return Err(error);
    }
    marks.all_finished().await?;
    let end = subject.settled().await?;
    #[expect(clippy::cast_precision_loss, reason = "a number of messages")]
    let count = marks.started.len() as f64;
    let cpu = process::own_cpu()?.saturating_sub(cpu);
    Ok(Outcome {
        per_second: count / (end - began).as_secs_f64(),
        cpu_us: cpu.as_secs_f64() * 1e6 / count,
        latencies: marks.latencies(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Is through at once.
    struct Through(Arc<Marks>);

    #[async_trait]
    impl Subject for Through {
        async fn accept(&self, n: usize) -> anyhow::Result<()> {
            self.0.finish(n);
            Ok(())
        }
    }

    #[tokio::test]
    async fn every_message_goes_through_once_at_either_pace() {
        for pace in [Pace::UnderWay(3), Pace::Rate(10_000.0)] {
            let marks = Arc::new(Marks::new(7, 50));
            let subject: Arc<dyn Subject> = Arc::new(Through(Arc::clone(&marks)));

            let outcome = drive(&subject, &marks, pace).await.unwrap();

            assert_eq!(outcome.latencies.len(), 50);
            assert!(outcome.percentile_ms(99.0) >= outcome.percentile_ms(50.0));
        }
    }
}
