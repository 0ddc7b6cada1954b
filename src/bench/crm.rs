//! Enquiries through the worker of the CRM until an emulated portal without limits has all of each; next to
//! a bare client that sends an identical portal the same requests, and keeps nothing.

mod bare;
mod quick;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use futures::stream::{self, StreamExt, TryStreamExt};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use zapis_core::config::Secret;
use zapis_core::ids;
use zapis_core::lanes::Worker;
use zapis_core::message::{Author, ConversationId, Line};
use zapis_core::store::{CrmJob, CrmJobState};
use zapis_sandbox::{Bitrix24Portal, Call, CallFilter, Sandbox, SandboxConfig};
use zapis_workers::content::{Live, Watch};
use zapis_workers::crm::bitrix24::{Bitrix24, Bitrix24Config, Client};
use zapis_workers::crm::route::ManagerConfig;
use zapis_workers::crm::score::Signals;
use zapis_workers::crm::{Crm, CrmConfig, CrmWorker, POLLED, Pace, Told, TurnTold, Wish};
use zapis_workers::desk::Desks;

use super::ground::Ground;
use super::report::{Goal, Report};
use crate::cli::Bench;
use crate::config::Loaded;
use bare::{Bare, Sample};
use quick::Quick;

/// More is not measured: the portal keeps what it was asked, and looks through all its leads for a phone.
const MOST: usize = 2_000;
/// How many turns are taken in at once, and enquiries brought on by either side.
const AT_ONCE: usize = 16;
/// How many enquiries come when it is half as busy as it can be.
const CALM: usize = 500;
/// How often the ledger is looked at for its end.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long nothing may happen.
const PATIENCE: Duration = Duration::from_mins(1);
/// More jobs than an enquiry has.
const JOBS: u32 = 8;
/// Who is given enquiries: the portal's managers.
const MANAGERS: [&str; 2] = ["6", "7"];
/// What is said before a wish, by turns.
const SAID: [&str; 4] = [
    "Здравствуйте! А вы на Ленина работаете по выходным?",
    "Здравствуйте! Да, каждый день с 9:00 до 21:00.",
    "Хорошо. Сколько стоит маникюр с покрытием и сколько длится?",
    "Маникюр с покрытием — 2 500 ₽, полтора часа.",
];

/// `zapis bench crm`
pub(super) async fn crm(loaded: &Loaded, bench: &Bench) -> anyhow::Result<Report> {
    let count = bench.messages.min(MOST);
    let ours = Ours::at_a_portal(loaded).await?;
    let sample = ours.sample().await?;
    let busy = ours.run(count, None).await?;
    let calls = ours.calls().len();
    let half = busy.per_second / 2.0;
    let calm = ours.run(count.min(CALM), Some(half)).await?;
    ours.close().await?;

    let bare = Bare::open(sample, portal().await?)?;
    let (bare_per_second, bare_calls) = bare.run(count).await?;
    bare.close().await;

    let alone = Ours::alone(loaded).await?;
    alone.run(AT_ONCE, None).await?;
    let ledger = alone.run(count, None).await?;
    alone.close().await?;

    let each = |calls: usize| ratio(calls, count);
    let mut report = Report::default();
    report.beside(
        "enquiries brought to the CRM, as many as go",
        "1/s",
        busy.per_second,
        bare_per_second,
        Some(Goal::RatioAtLeast(0.7)),
    );
    report.beside(
        "calls of the portal",
        "1/s",
        busy.per_second * each(calls),
        bare_per_second * each(bare_calls),
        None,
    );
    report.beside(
        "calls for an enquiry",
        "",
        each(calls),
        each(bare_calls),
        None,
    );
    report.plain("jobs for an enquiry", "", ratio(busy.jobs, count), None);
    for percent in [50, 99] {
        report.plain(
            &format!("from the turn to the lead at {half:.0} a second, p{percent}"),
            "ms",
            calm.percentile_ms(percent),
            None,
        );
    }
    report.plain(
        "a job of a CRM that answers at once: ledger and rules",
        "µs",
        1e6 / (ledger.per_second * ratio(ledger.jobs, count)),
        None,
    );
    Ok(report)
}

#[expect(clippy::cast_precision_loss, reason = "numbers of calls and jobs")]
fn ratio(of: usize, to: usize) -> f64 {
    of as f64 / to.max(1) as f64
}

/// A portal on a server of its own, which has no limits.
async fn portal() -> anyhow::Result<Sandbox> {
    let portal = Bitrix24Portal {
        is_box: true,
        ..Bitrix24Portal::default()
    };
    let sandbox = zapis_sandbox::start(SandboxConfig {
        bitrix24: Some(portal),
        ..SandboxConfig::default()
    });
    sandbox.await.context("starting a portal")
}

/// What came of a run.
struct Outcome {
    /// Enquiries a second, until everything about them was at the CRM and in the ledger.
    per_second: f64,
    jobs: usize,
    /// From a turn to its lead, in milliseconds, sorted.
    latencies: Vec<i64>,
}

impl Outcome {
    /// From the ledger, which has when each job was written down and when it was over.
    fn read(jobs: &[CrmJob], began: DateTime<Utc>, count: usize) -> anyhow::Result<Self> {
        let undone = jobs.iter().find(|job| job.state != CrmJobState::Done);
        if let Some(job) = undone {
            anyhow::bail!(
                "{job:?} was not done: {}",
                job.reason.as_deref().unwrap_or_default()
            );
        }
        let ended = jobs.iter().filter_map(|job| job.ended_at).max();
        let took = (ended.unwrap_or(began) - began).as_seconds_f64();
        let opens = jobs.iter().filter(|job| job.kind == "open");
        let latency = |job: &CrmJob| Some((job.ended_at? - job.created_at).num_milliseconds());
        let mut latencies: Vec<i64> = opens.filter_map(latency).collect();
        anyhow::ensure!(latencies.len() == count, "not every enquiry has one lead");
        latencies.sort_unstable();
        Ok(Self {
            per_second: ratio(count, 1) / took,
            jobs: jobs.len(),
            latencies,
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "milliseconds")]
    fn percentile_ms(&self, percent: usize) -> f64 {
        let place = self.latencies.len().saturating_sub(1) * percent / 100;
        self.latencies.get(place).copied().unwrap_or_default() as f64
    }
}

/// The worker, with a CRM.
struct Ours {
    ground: Ground,
    worker: Arc<CrmWorker>,
    /// Nothing where the CRM is none.
    portal: Option<Sandbox>,
    /// How many customers have written.
    customers: AtomicUsize,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Ours {
    async fn at_a_portal(loaded: &Loaded) -> anyhow::Result<Self> {
        let ground = Ground::open(&loaded.config.engines).await?;
        let portal = portal().await?;
        let config = Bitrix24Config {
            webhook_url: Secret::new(format!("{}/", portal.bitrix24_url())),
            burst: 0,
            ..Bitrix24Config::default()
        };
        let engines = &ground.engines;
        let client = Client::new(&config, &engines.store, &engines.sessions, &engines.clock)?;
        let crm = Bitrix24::new(&config, client, &engines.clock);
        Self::start(loaded, ground, Arc::new(crm), Some(portal)).await
    }

    /// With a CRM that takes no time.
    async fn alone(loaded: &Loaded) -> anyhow::Result<Self> {
        let ground = Ground::open(&loaded.config.engines).await?;
        Self::start(loaded, ground, Arc::new(Quick::default()), None).await
    }

    async fn start(
        loaded: &Loaded,
        ground: Ground,
        crm: Arc<dyn Crm>,
        portal: Option<Sandbox>,
    ) -> anyhow::Result<Self> {
        let engines = &ground.engines;
        let manager = |id: &str| ManagerConfig {
            id: id.to_owned(),
            ..ManagerConfig::default()
        };
        let worker = Arc::new(CrmWorker {
            crm,
            store: engines.store.clone(),
            broker: Arc::clone(&engines.broker),
            content: content(loaded, &ground).await?,
            desks: Desks::new([]),
            config: CrmConfig {
                managers: MANAGERS.map(manager).to_vec(),
                ..CrmConfig::default()
            },
            clock: engines.clock.clone(),
            holder: "a bench".to_owned(),
            pace: Pace::default(),
        });
        // Whoever counts calls wants none about changes of long ago.
        let now = engines.clock.now().to_rfc3339();
        engines.store.set_value(POLLED, &now).await?;
        let stop = CancellationToken::new();
        let running = tokio::spawn(Arc::clone(&worker).run(stop.clone()));
        Ok(Self {
            ground,
            worker,
            portal,
            customers: AtomicUsize::default(),
            stop,
            running,
        })
    }

    async fn close(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.running.await.context("the worker broke")?;
        if let Some(portal) = self.portal {
            portal.stop().await;
        }
        self.ground.close().await
    }
}

/// The firm's content, as it is now.
async fn content(loaded: &Loaded, ground: &Ground) -> anyhow::Result<Live> {
    let watch = Watch::start(&loaded.folder, &ground.engines.store, &ground.engines.clock).await?;
    Ok(watch.live())
}

impl Ours {
    /// What an enquiry is to a portal: the second one, for with the first it is asked what it is like.
    async fn sample(&self) -> anyhow::Result<Sample> {
        self.run(1, None).await?;
        let n = self.customers.load(Ordering::Relaxed);
        self.run(1, None).await?;
        let jobs = self.worker.store.crm_jobs(None, JOBS).await?;
        let open = jobs.iter().find(|job| job.kind == "open");
        let open = open.context("an enquiry without a lead")?;
        let lead = open
            .result
            .as_deref()
            .and_then(|record| record.strip_prefix("lead:"));
        Ok(Sample {
            calls: self.calls(),
            digits: digits(n),
            origin: open.enquiry.to_string(),
            lead: lead.context("an enquiry without a lead")?.to_owned(),
        })
    }

    /// Lets so many customers want something, at this rate or as fast as it goes.
    async fn run(&self, count: usize, rate: Option<f64>) -> anyhow::Result<Outcome> {
        if let Some(portal) = &self.portal {
            portal.clear_calls();
        }
        let last = self.worker.store.crm_jobs(None, 1).await?;
        let last = last.first().map_or(0, |job| job.position);
        let first = self.customers.fetch_add(count, Ordering::Relaxed);
        let turns = first..first + count;
        let began = self.worker.clock.now();
        if let Some(rate) = rate {
            self.hear_in_time(turns, rate).await?;
        } else {
            let hearing = stream::iter(turns).map(|n| self.hear(n));
            let heard = hearing.buffer_unordered(AT_ONCE);
            heard.try_collect::<()>().await?;
        }
        self.done().await?;
        let most = u32::try_from(count)?.saturating_mul(JOBS);
        let mut jobs = self.worker.store.crm_jobs(None, most).await?;
        jobs.retain(|job| job.position > last);
        Outcome::read(&jobs, began, count)
    }

    async fn hear_in_time(&self, turns: Range<usize>, rate: f64) -> anyhow::Result<()> {
        let mut due = tokio::time::interval(Duration::from_secs_f64(1.0 / rate));
        for n in turns {
            due.tick().await;
            self.hear(n).await?;
        }
        Ok(())
    }

    /// A turn arrives.
    async fn hear(&self, n: usize) -> anyhow::Result<()> {
        let turn = wants(n, self.worker.clock.now())?;
        let told = [Arc::new(Told::Turn(Box::new(turn)))];
        Ok(self.worker.handle("a lane", &told).await?)
    }

    /// Waits until the ledger has nothing more to do.
    async fn done(&self) -> anyhow::Result<()> {
        let (mut before, mut since) = (0, Instant::now());
        loop {
            let counts = self.worker.store.crm_counts().await?;
            let left = ["pending", "in_flight"].map(|state| counts.jobs.get(state).copied());
            let left: u64 = left.into_iter().flatten().sum();
            if left == 0 {
                return Ok(());
            }
            if left != before {
                (before, since) = (left, Instant::now());
            }
            anyhow::ensure!(
                since.elapsed() < PATIENCE,
                "{left} jobs do not come through"
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// What the portal was asked in the last run.
    fn calls(&self) -> Vec<Call> {
        let calls = |portal: &Sandbox| portal.calls(&CallFilter::default());
        self.portal.as_ref().map(calls).unwrap_or_default()
    }
}

/// A phone of customer `n` without its country.
fn digits(n: usize) -> String {
    format!("912{n:07}")
}

/// A customer whose phone is known wants something.
fn wants(n: usize, now: DateTime<Utc>) -> anyhow::Result<TurnTold> {
    let conversation: ConversationId = format!("telegram:main:{n}").parse()?;
    let line = |from, text: &str| Line {
        from,
        text: text.to_owned(),
        at: now,
    };
    let by_turns = [Author::Customer, Author::Bot].into_iter().cycle();
    let history = by_turns.zip(SAID).map(|(from, text)| line(from, text));
    Ok(TurnTold {
        turn: ids::turn(&conversation, "1"),
        conversation,
        at: now,
        name: Some("Анна".to_owned()),
        username: Some("anna".to_owned()),
        phone: Some(format!("+7{}", digits(n))),
        source: None,
        language: "ru".to_owned(),
        lines: vec![
            line(Author::Customer, "Запишите меня на субботу"),
            line(Author::Bot, "Подскажу!"),
        ],
        history: history.collect(),
        enquires: true,
        wish: Some(Wish {
            service: Some("Маникюр с покрытием".to_owned()),
            services: vec!["manicure-gel".to_owned()],
            signals: Signals {
                service: true,
                ..Signals::default()
            },
            ..Wish::default()
        }),
        called: None,
        wrote: true,
        staff: None,
        stopped: false,
    })
}
