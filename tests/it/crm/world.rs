//! A firm's portal, its ledger, and workers that stand between them.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zapis_core::Clock;
use zapis_core::broker::{self, Broker, Topic};
use zapis_core::config::{EnginesConfig, Secret};
use zapis_core::ids;
use zapis_core::lanes::{Gather, Worker};
use zapis_core::message::{Author, ConversationId, Line};
use zapis_core::sessions::{self, Sessions};
use zapis_core::store::{CrmJob, CrmJobState, CrmTokens, Enquiry, Store};
use zapis_sandbox::{
    Bitrix24App, Bitrix24Portal, CallFilter, CrmEntity, CrmItem, Fault, FaultKind, Provider,
    Sandbox, SandboxConfig,
};
use zapis_workers::content::{Live, Watch};
use zapis_workers::crm::bitrix24::{Bitrix24, Bitrix24Config, Client};
use zapis_workers::crm::score::Signals;
use zapis_workers::crm::{CrmConfig, CrmWorker, EnquiryState, Pace, Told, TurnTold, Wish};
use zapis_workers::desk::Desks;

use crate::support::firm::PATIENCE;
use crate::support::postgres::Database;
use crate::support::redis::Redis;

/// The staff group.
pub(super) const STAFF: &str = "telegram:main:-1001234567890";

/// What the firm's store and sessions are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum On {
    Embedded,
    Servers,
}

/// Runs each promise on both sets of engines.
macro_rules! on_both {
    ($($promise:ident),* $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise(crate::crm::world::On::Embedded).await;
            })*
        }
        mod servers {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise(crate::crm::world::On::Servers).await;
            })*
        }
    };
}
pub(super) use on_both;

pub(super) struct World {
    pub(super) sandbox: Sandbox,
    pub(super) clock: Clock,
    pub(super) store: Store,
    sessions: Arc<dyn Sessions>,
    broker: Arc<dyn Broker>,
    config: CrmConfig,
    running: Mutex<Vec<(CancellationToken, JoinHandle<()>)>>,
    intake: Arc<CrmWorker>,
    _ground: (TempDir, Option<(Database, Redis)>),
}

/// The firm's content: reading it takes long, and no test changes it.
async fn content() -> Live {
    static CONTENT: OnceCell<Live> = OnceCell::const_new();
    let read = async || {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("z.db");
        let store = Store::open(&format!("sqlite:{}", file.display())).await;
        let shipped = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/config"));
        let watch = Watch::start(shipped, &store.unwrap(), &Clock::system()).await;
        watch.unwrap().live()
    };
    CONTENT.get_or_init(read).await.clone()
}

/// A portal on a server of its own: without limits.
pub(super) fn portal() -> Bitrix24Portal {
    Bitrix24Portal {
        is_box: true,
        ..Bitrix24Portal::default()
    }
}

impl World {
    /// One worker, and a portal without limits.
    pub(super) async fn open(on: On) -> Self {
        let world = Self::with(on, portal(), |_| {}).await;
        world.start().await;
        world
    }

    /// Nobody works yet.
    pub(super) async fn with(
        on: On,
        portal: Bitrix24Portal,
        set: impl FnOnce(&mut CrmConfig),
    ) -> Self {
        let clock = Clock::movable();
        let burst = if portal.is_box { 0 } else { portal.burst };
        let per_second = portal.per_second;
        let app = portal.app.clone();
        let sandbox = zapis_sandbox::start(SandboxConfig {
            bitrix24: Some(portal),
            clock: clock.clone(),
            ..SandboxConfig::default()
        });
        let sandbox = sandbox.await.unwrap();
        let folder = TempDir::new().unwrap();
        let servers = (on == On::Servers).then(|| (Database::new(), Redis::private(&[])));
        let file = format!("sqlite:{}", folder.path().join("z.db").display());
        let mut engines = EnginesConfig {
            store: Secret::new(file),
            data_dir: folder.path().to_owned(),
            ..EnginesConfig::default()
        };
        if let Some((database, redis)) = &servers {
            engines.store = Secret::new(database.url());
            engines.sessions = Secret::new(redis.url());
        }
        let mut bitrix24 = Bitrix24Config {
            burst,
            per_second,
            ..Bitrix24Config::default()
        };
        if let Some(app) = &app {
            bitrix24.portal = sandbox.url();
            bitrix24.client_id = app.client_id.clone();
            bitrix24.client_secret = Secret::new(&app.client_secret);
        } else {
            bitrix24.webhook_url = Secret::new(format!("{}/", sandbox.bitrix24_url()));
        }
        let mut config = CrmConfig {
            bitrix24,
            ..CrmConfig::default()
        };
        set(&mut config);
        let store = Store::open(engines.store.expose()).await.unwrap();
        if let Some(app) = &app {
            let tokens = tokens(app, &sandbox, &clock);
            store.set_crm_tokens(&tokens).await.unwrap();
        }
        let sessions = sessions::open(&engines, &clock, "a test").unwrap();
        let broker = broker::open(&engines, "a test").await.unwrap();
        let parts = (&store, &sessions, &broker);
        let intake = worker(&config, parts, &clock, "intake").await;
        Self {
            sandbox,
            clock,
            store,
            sessions,
            broker,
            config,
            running: Mutex::default(),
            intake,
            _ground: (folder, servers),
        }
    }

    /// One more process that does the work.
    pub(super) async fn start(&self) {
        let parts = (&self.store, &self.sessions, &self.broker);
        let holder = Uuid::new_v4().to_string();
        let worker = worker(&self.config, parts, &self.clock, &holder).await;
        let stop = CancellationToken::new();
        let running = tokio::spawn(worker.run(stop.clone()));
        self.running.lock().unwrap().push((stop, running));
    }

    /// All processes end, with what they have in hand.
    pub(super) async fn stop(&self) {
        let running = std::mem::take(&mut *self.running.lock().unwrap());
        for (stop, running) in running {
            stop.cancel();
            running.await.unwrap();
        }
    }

    /// A turn arrives from the queue.
    pub(super) async fn hears(&self, turn: TurnTold) {
        let told = [Arc::new(Told::Turn(Box::new(turn)))];
        self.intake.handle("a lane", &told).await.unwrap();
    }

    /// The portal tells that something happened to a record.
    pub(super) async fn news_of(&self, record: &str) {
        self.news([record.to_owned()]).await;
    }

    /// The portal has told all this while nobody read it.
    pub(super) async fn news(&self, records: impl IntoIterator<Item = String>) {
        let told = |record: String| {
            let record = record.parse().unwrap();
            Arc::new(Told::Changed { record })
        };
        let mut told: Vec<_> = records.into_iter().map(told).collect();
        while !told.is_empty() {
            let waiting: Vec<&Told> = told.iter().map(|told| &**told).collect();
            let gathered = self.intake.gather(&waiting, Duration::ZERO, Duration::ZERO);
            let Gather::Take(count) = gathered else {
                panic!("news waits for more")
            };
            let rest = told.split_off(count);
            self.intake.handle("a lane", &told).await.unwrap();
            told = rest;
        }
    }

    /// How many requests reached the portal.
    pub(super) fn calls(&self) -> usize {
        self.sandbox.calls(&CallFilter::default()).len()
    }

    pub(super) fn passes(&self, time: TimeDelta) {
        self.clock.advance(time.to_std().unwrap());
    }

    /// The portal has trouble with the next calls of a method.
    pub(super) fn trouble(&self, method: &str, kind: FaultKind, times: u32) {
        let fault = Fault::new(Provider::Bitrix24, kind).on(method).times(times);
        self.sandbox.add_fault(fault);
    }

    /// Leads, once there are enough.
    pub(super) async fn leads(&self, least: usize) -> Vec<CrmItem> {
        self.items(CrmEntity::Lead, least).await
    }

    pub(super) async fn items(&self, entity: CrmEntity, least: usize) -> Vec<CrmItem> {
        let enough = |items: &[CrmItem]| items.len() >= least;
        let items = self.sandbox.bitrix24_until(entity, PATIENCE, enough).await;
        assert!(items.len() >= least, "{items:#?}\n{:#?}", self.jobs().await);
        items
    }

    /// Somebody wants something; the lead that comes of it.
    pub(super) async fn lead_of(&self, who: &ConversationId) -> i64 {
        self.hears(wants(self, who, 1, "Хочу на маникюр")).await;
        self.done().await;
        self.leads(1).await[0].id
    }

    /// Waits until nobody knows whether a lead was made.
    pub(super) async fn opening_is_in_doubt(&self) {
        let in_doubt = |job: &CrmJob| job.kind == "open" && job.doubt;
        self.until_jobs("in doubt", |jobs| jobs.iter().any(in_doubt))
            .await;
    }

    pub(super) async fn jobs(&self) -> Vec<(String, CrmJobState, Option<String>)> {
        let mut jobs = self.store.crm_jobs(None, 10_000).await.unwrap();
        jobs.reverse();
        let told = |job: CrmJob| (job.kind, job.state, job.reason);
        jobs.into_iter().map(told).collect()
    }

    /// Waits until every job is where it should be.
    pub(super) async fn until_jobs(&self, what: &str, fine: impl Fn(&[CrmJob]) -> bool) {
        let give_up = tokio::time::Instant::now() + PATIENCE * 2;
        loop {
            let jobs = self.store.crm_jobs(None, 10_000).await.unwrap();
            if fine(&jobs) {
                return;
            }
            assert!(
                tokio::time::Instant::now() < give_up,
                "never {what}: {:#?}",
                self.jobs().await
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the CRM has everything.
    pub(super) async fn done(&self) {
        let over = |job: &CrmJob| job.state == CrmJobState::Done;
        self.until_jobs("done", |jobs| !jobs.is_empty() && jobs.iter().all(over))
            .await;
    }

    /// The same, while time passes in steps: what was in hand when it began waits for its next try.
    pub(super) async fn done_in(&self, step: TimeDelta) {
        let give_up = tokio::time::Instant::now() + PATIENCE * 2;
        loop {
            let jobs = self.store.crm_jobs(None, 10_000).await.unwrap();
            if jobs.iter().all(|job| job.due.is_none()) {
                return;
            }
            let now = tokio::time::Instant::now();
            assert!(now < give_up, "never over: {:#?}", self.jobs().await);
            self.passes(step);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(super) async fn enquiry(&self, of: &ConversationId) -> (Enquiry, EnquiryState) {
        let until = self.clock.now() + TimeDelta::days(1);
        let rows = self.store.enquiries_between(DateTime::UNIX_EPOCH, until);
        let mine = |row: &Enquiry| row.conversation == *of;
        let row = rows.await.unwrap().into_iter().rfind(mine).unwrap();
        let state = EnquiryState::of(&row).unwrap();
        (row, state)
    }

    /// Waits until an enquiry is as it should be.
    pub(super) async fn until_enquiry(
        &self,
        of: &ConversationId,
        what: &str,
        fine: impl Fn(&Enquiry, &EnquiryState) -> bool,
    ) {
        let give_up = tokio::time::Instant::now() + PATIENCE;
        loop {
            let (row, state) = self.enquiry(of).await;
            if fine(&row, &state) {
                return;
            }
            let now = tokio::time::Instant::now();
            assert!(now < give_up, "never {what}: {state:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// How many messages wait to be sent.
    pub(super) async fn to_send(&self, channel: &str) -> u64 {
        let depth = self.broker.depth(&Topic::outbound(channel)).await;
        depth.unwrap().waiting
    }

    /// The same, once there are enough.
    pub(super) async fn sends(&self, channel: &str, least: u64) {
        let give_up = tokio::time::Instant::now() + PATIENCE;
        while self.to_send(channel).await < least {
            assert!(tokio::time::Instant::now() < give_up, "nothing to send");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// What the portal sent when the app was installed.
fn tokens(app: &Bitrix24App, sandbox: &Sandbox, clock: &Clock) -> CrmTokens {
    let endpoint = format!("{}/rest/", sandbox.url());
    CrmTokens {
        app: app.client_id.clone(),
        member: Bitrix24Portal::default().member_id,
        application: Secret::new(&app.application_token),
        access: Secret::new(&app.access_token),
        refresh: Secret::new(&app.refresh_token),
        expires_at: clock.now(),
        server: endpoint.clone(),
        endpoint,
    }
}

async fn worker(
    config: &CrmConfig,
    (store, sessions, broker): (&Store, &Arc<dyn Sessions>, &Arc<dyn Broker>),
    clock: &Clock,
    holder: &str,
) -> Arc<CrmWorker> {
    let client = Client::new(&config.bitrix24, store, sessions, clock).unwrap();
    Arc::new(CrmWorker {
        crm: Arc::new(Bitrix24::new(&config.bitrix24, client, clock)),
        store: store.clone(),
        broker: Arc::clone(broker),
        content: content().await,
        desks: Desks::new([STAFF.parse().unwrap()]),
        config: config.clone(),
        clock: clock.clone(),
        holder: holder.to_owned(),
        pace: Pace::default(),
    })
}

/// Somebody on Telegram.
pub(super) fn chat(n: u32) -> ConversationId {
    format!("telegram:main:{n}").parse().unwrap()
}

/// The `n`-th turn of a conversation, in which something is wanted.
pub(super) fn wants(world: &World, who: &ConversationId, n: u32, text: &str) -> TurnTold {
    let now = world.clock.now();
    let line = |from, text: &str| Line {
        from,
        text: text.to_owned(),
        at: now,
    };
    TurnTold {
        turn: ids::turn(who, &n.to_string()),
        conversation: who.clone(),
        at: now,
        name: Some("Анна".to_owned()),
        username: Some(format!("anna{}", who.peer())),
        phone: None,
        source: None,
        language: "ru".to_owned(),
        lines: vec![line(Author::Customer, text), line(Author::Bot, "Подскажу!")],
        history: Vec::new(),
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
    }
}

/// The same from somebody whose phone is known.
pub(super) fn wants_with_phone(
    world: &World,
    who: &ConversationId,
    n: u32,
    phone: &str,
) -> TurnTold {
    TurnTold {
        phone: Some(phone.to_owned()),
        ..wants(world, who, n, "Хочу на маникюр")
    }
}

/// What a manager enters with this phone.
pub(super) fn entered(title: &str, phone: &str) -> serde_json::Map<String, serde_json::Value> {
    let fields = json!({
        "title": title,
        "name": title,
        "assignedById": 7,
        "fm": [{ "typeId": "PHONE", "valueType": "WORK", "value": phone }],
    });
    fields.as_object().unwrap().clone()
}
