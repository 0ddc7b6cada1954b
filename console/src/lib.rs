#![doc = include_str!("../README.md")]

mod account;
mod ahead;
mod assets;
mod chats;
mod copilot;
mod customers;
mod door;
mod drafts;
mod experiments;
mod figures;
mod files;
mod health;
mod hours;
mod journal;
mod knowledge;
mod lines;
mod live;
mod page;
mod people;
mod presence;
mod quality;
mod refusal;
pub mod reports;
mod rights;
mod settings;
mod sheet;
mod texts;
mod totp;
mod visits;
mod words;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{from_fn_with_state, map_response, map_response_with_state};
use axum::response::{Redirect, Response};
use axum::routing::get;
use chrono::TimeDelta;
use tokio::sync::Mutex;
use zapis_core::Clock;
use zapis_core::broker::Topic;
use zapis_core::files::Files;
use zapis_core::intake::Intake;
use zapis_core::message::ConversationId;
use zapis_core::sessions::Sessions;
use zapis_core::store::{Role, Store, StoreError};
use zapis_workers::autonomy::Autonomy;
use zapis_workers::business::{Business, FirmFile};
use zapis_workers::content::{Content, Live};
use zapis_workers::desk::Desks;
use zapis_workers::dialogue::Generator;
use zapis_workers::kpi::Follower;
use zapis_workers::kpi::targets::KpiConfig;
use zapis_workers::llm::LlmConfig;

pub use door::invitation;
pub use rights::{Need, Route, table};

use files::Shelf;
use health::Troubles;
use live::Changes;
use page::Pages;
use refusal::Refusal;

/// The longest body of a request: a reply, a form.
const LONGEST: usize = 64 * 1024;

/// What may load what, and who may show it in a frame: only what this program serves, and nobody.
const HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         media-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), microphone=(), geolocation=()",
    ),
];

/// What the console works with.
pub struct Setup {
    /// Takes what the staff does into the queue.
    pub intake: Intake,
    /// How often somebody may try to log in is counted here, and who looks at which chat.
    pub sessions: Arc<dyn Sessions>,
    /// Where what customers sent can be had.
    pub files: Arc<dyn Files>,
    /// What the page of health looks at.
    pub watched: Watched,
    /// The firm as its file says.
    pub firm: FirmFile,
    /// Where the content files of the firm lie.
    pub folder: PathBuf,
    /// What the bot answers from, once it could be read.
    pub content: Arc<OnceLock<Live>>,
    /// What it may say by itself.
    pub autonomy: Autonomy,
    /// What words answers, where a language model is configured.
    pub generator: Option<Generator>,
    /// How the outside reaches us.
    pub public_url: String,
    /// How long the bot keeps silent after a word of the staff.
    pub takeover: TimeDelta,
    /// The staff's own groups in messengers, which are no chats with customers.
    pub desks: Vec<ConversationId>,
    /// What figures are measured against.
    pub kpi: KpiConfig,
    /// Who is shown whole phone numbers, at least.
    pub phones: Role,
    /// Who is logged in without a password, by login: for a demo.
    pub open_for: Option<String>,
}

/// What the page of health looks at.
#[derive(Debug)]
pub struct Watched {
    /// All topics of the queue.
    pub topics: Vec<Topic>,
    /// The accounts in use, as `channel:account`.
    pub doors: Vec<String>,
    /// The language models and their budgets.
    pub models: LlmConfig,
    /// Whether there is a CRM.
    pub crm: bool,
}

/// What all routes share.
#[derive(Clone)]
struct Console(Arc<Shared>);

struct Shared {
    intake: Intake,
    sessions: Arc<dyn Sessions>,
    files: Arc<dyn Files>,
    shelf: Shelf,
    watched: Watched,
    troubles: Troubles,
    firm: Mutex<FirmFile>,
    folder: PathBuf,
    content: Arc<OnceLock<Live>>,
    autonomy: Autonomy,
    generator: Option<Generator>,
    public_url: String,
    takeover: TimeDelta,
    desks: Vec<ConversationId>,
    kpi: KpiConfig,
    phones: Role,
    open_for: Option<String>,
    pages: Pages,
    live: Changes,
}

impl std::ops::Deref for Console {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Shared {
    fn store(&self) -> &Store {
        self.intake.store()
    }

    fn clock(&self) -> &Clock {
        self.intake.clock()
    }

    /// What the bot answers from, once it could be read.
    fn content(&self) -> Result<Arc<Content>, Refusal> {
        let live = self.content.get();
        live.map(Live::now).ok_or(Refusal::Bad("knowledge-unread"))
    }

    /// What takes the newest lines of the journal into the figures.
    fn follower(&self) -> Follower {
        Follower {
            store: self.store().clone(),
            desks: Desks::new(self.desks.iter().cloned()),
            clock: self.clock().clone(),
        }
    }

    /// The firm, once its file could be read.
    async fn firm(&self) -> Option<Arc<Business>> {
        self.firm.lock().await.now().await
    }
}

/// Everything under `/console/`.
pub fn routes(setup: Setup) -> Router {
    let Setup {
        intake,
        sessions,
        files,
        watched,
        firm,
        folder,
        content,
        autonomy,
        generator,
        public_url,
        takeover,
        desks,
        kpi,
        phones,
        open_for,
    } = setup;
    let live = Changes::new(intake.store().clone(), Arc::clone(&sessions));
    let console = Console(Arc::new(Shared {
        intake,
        sessions,
        files,
        shelf: Shelf::default(),
        watched,
        troubles: Troubles::default(),
        firm: Mutex::new(firm),
        folder,
        content,
        autonomy,
        generator,
        public_url,
        takeover,
        desks,
        kpi,
        phones,
        open_for,
        pages: Pages::default(),
        live,
    }));
    rights::router(&console)
        .merge(assets::routes())
        .route("/console", get(async || Redirect::permanent("/console/")))
        .layer(map_response_with_state(console.clone(), refusal::shown))
        .layer(from_fn_with_state(console.clone(), door::same_origin))
        .layer(map_response(protected))
        .layer(DefaultBodyLimit::max(LONGEST))
        .with_state(console)
}

/// Does something to its end, also when the browser does not wait for it any more.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Refusal>> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::spawn(work).await.map_err(|_| broken_off())?
}

/// Thinks hard on a thread of its own: who thinks for seconds must not hold those up who serve.
async fn beside<T, F>(think: impl FnOnce() -> F + Send + 'static) -> Result<T, Refusal>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Refusal>>,
{
    let here = tokio::runtime::Handle::current();
    let thought = tokio::task::spawn_blocking(move || here.block_on(think()));
    thought.await.map_err(|_| broken_off())?
}

fn broken_off() -> Refusal {
    StoreError::Unavailable("it was broken off".into()).into()
}

async fn protected(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        // A file of a customer has a stricter policy of its own.
        let header = headers.entry(HeaderName::from_static(name));
        header.or_insert(HeaderValue::from_static(value));
    }
    // What is about customers stays in no cache; files, the style and the script say otherwise.
    headers
        .entry("cache-control")
        .or_insert(HeaderValue::from_static("no-store"));
    response
}
