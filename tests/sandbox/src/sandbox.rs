//! Starts a sandbox and holds it; its methods are the control API without the HTTP.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::DropGuard;

use crate::calls::{Call, CallFilter};
use crate::config::SandboxConfig;
use crate::faults::Fault;
use crate::llm::Script;
use crate::telegram::people::{TelegramAction, TelegramRequest};
use crate::telegram::state::Desk;
use crate::transcript::{Line, telegram_line};
use crate::whatsapp::people::{WhatsAppAction, WhatsAppRequest};
use crate::whatsapp::state::{Office, transcript};
use crate::whatsapp::webhook::{self, Mode, Post};
use crate::world::World;
use crate::{bitrix24, control, llm, page, server, sms, telegram, time, whatsapp};

/// How long `stop` waits for the listener to end.
const STOP: Duration = Duration::from_secs(5);

/// Why the sandbox did not do what it was told.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ControlError {
    /// Nobody could do this in a real app; the text says why.
    #[error("{0}")]
    Impossible(String),
}

/// Running emulators. They end when it is stopped or dropped.
pub struct Sandbox {
    world: Arc<World>,
    server: JoinHandle<()>,
    secure: Option<JoinHandle<()>>,
    _stop: DropGuard,
}

/// Binds the address and serves.
pub async fn start(config: SandboxConfig) -> io::Result<Sandbox> {
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        tracing::trace!("The program has chosen its cryptography already");
    }
    // Webhooks go to this machine: no proxy of the environment may take them.
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .map_err(io::Error::other)?;
    let listener = TcpListener::bind(config.listen).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let secure = match &config.tls {
        Some(tls) => Some(server::secure(tls, config.listen.ip()).await?),
        None => None,
    };
    let tls_url = secure.as_ref().map(|(_, _, url)| url.clone());
    let world = Arc::new(World::new(config, (url, tls_url), client));
    let app = router(&world);
    let stop = world.stop.clone();
    let secure = secure.map(|(listener, acceptor, _)| {
        let serving = server::serve(listener, app.clone(), stop, Some(acceptor));
        tokio::spawn(serving)
    });
    for number in 0..world.config.whatsapp.len() {
        tokio::spawn(webhook::run(Arc::clone(&world), number));
    }
    tokio::spawn(bitrix24::events::run(Arc::clone(&world)));
    tokio::spawn(time::show(Arc::clone(&world)));
    let server = tokio::spawn(server::serve(listener, app, world.stop.clone(), None));
    Ok(Sandbox {
        _stop: world.stop.clone().drop_guard(),
        world,
        server,
        secure,
    })
}

fn router(world: &Arc<World>) -> Router {
    let router = Router::new()
        .nest("/telegram", telegram::router())
        .nest("/whatsapp", whatsapp::router())
        .nest("/d360", whatsapp::router_360dialog())
        .nest("/sms", sms::router())
        .nest("/llm/v1", llm::router())
        .merge(bitrix24::router())
        .merge(page::crm())
        .nest("/sandbox", control::router());
    let router = if world.config.page.is_some() {
        router.merge(page::router())
    } else {
        router.route("/", get(|| async { Redirect::to("/sandbox") }))
    };
    router.with_state(Arc::clone(world))
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox")
            .field("url", &self.world.url)
            .finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Where everything is, without a slash at the end.
    pub fn url(&self) -> String {
        self.world.url.clone()
    }

    /// The same over TLS, if it is served: its port is another.
    pub fn tls_url(&self) -> Option<String> {
        self.world.tls_url.clone()
    }

    pub(crate) fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// What stands in for `https://api.telegram.org`.
    pub fn telegram_api_url(&self) -> String {
        format!("{}/telegram", self.world.url)
    }

    /// What stands in for `https://graph.facebook.com/v26.0`.
    pub fn whatsapp_api_url(&self) -> String {
        format!("{}/whatsapp/v26.0", self.world.url)
    }

    /// What stands in for `https://waba-v2.360dialog.io`.
    pub fn dialog360_api_url(&self) -> String {
        format!("{}/d360", self.world.url)
    }

    /// What stands in for `https://smsc.ru`.
    pub fn sms_url(&self) -> String {
        format!("{}/sms", self.world.url)
    }

    /// The base of the OpenAI-compatible interface.
    pub fn llm_base_url(&self) -> String {
        format!("{}/llm/v1", self.world.url)
    }

    /// Ends it; open connections are dropped.
    pub async fn stop(self) {
        self.world.stop.cancel();
        for serving in self.secure.into_iter().chain([self.server]) {
            if tokio::time::timeout(STOP, serving).await.is_err() {
                tracing::warn!("The sandbox did not end in time");
            }
        }
    }

    /// Somebody does something in Telegram; returns the ids it produced.
    pub fn telegram(&self, request: impl Into<TelegramRequest>) -> Result<Value, ControlError> {
        act_in_telegram(&self.world, request.into())
    }

    /// A customer writes to the first bot.
    pub fn telegram_writes(&self, chat: i64, text: &str) -> Result<Value, ControlError> {
        let text = text.to_owned();
        self.telegram(TelegramAction::Writes {
            chat,
            text,
            reply_to: None,
            at: None,
        })
    }

    /// A customer presses an inline button of the first bot, by its data or title.
    pub fn telegram_presses(&self, chat: i64, button: &str) -> Result<Value, ControlError> {
        let button = button.to_owned();
        self.telegram(TelegramAction::Presses {
            chat,
            button,
            message_id: None,
            forged: false,
            inaccessible: false,
        })
    }

    /// The staff writes in a topic, or in General.
    pub fn staff_writes(
        &self,
        chat: i64,
        thread: Option<i64>,
        text: &str,
    ) -> Result<Value, ControlError> {
        let text = text.to_owned();
        self.telegram(TelegramAction::StaffWrites {
            chat,
            text,
            thread,
            reply_to: None,
            from: None,
            anonymous: false,
        })
    }

    /// The messages of a chat, oldest first; of one topic, if named.
    pub fn telegram_transcript(&self, chat: i64, thread: Option<i64>) -> Vec<Line> {
        telegram_transcript(&self.world, None, chat, thread)
    }

    /// The topics of a forum: id and name.
    pub fn telegram_topics(&self, chat: i64) -> Vec<(i64, String)> {
        let state = self.world.state();
        let chat = state.telegram.groups.get(&chat);
        let topics = chat.into_iter().flat_map(|chat| &chat.topics);
        topics
            .map(|(id, topic)| (*id, topic.name.clone()))
            .collect()
    }

    /// Updates the bot has not confirmed yet.
    pub fn telegram_pending(&self, bot: Option<&str>) -> usize {
        let state = self.world.state();
        let bot = bot_index(&state.telegram.bots, bot).unwrap_or_default();
        state
            .telegram
            .bots
            .get(bot)
            .map_or(0, |bot| bot.updates.len())
    }

    /// Somebody does something in WhatsApp; returns the ids it produced.
    pub fn whatsapp(&self, request: impl Into<WhatsAppRequest>) -> Result<Value, ControlError> {
        act_in_whatsapp(&self.world, request.into())
    }

    /// A customer writes to the first number.
    pub fn whatsapp_writes(&self, customer: &str, text: &str) -> Result<Value, ControlError> {
        let text = text.to_owned();
        self.whatsapp(WhatsAppAction::Writes {
            customer: customer.into(),
            text,
            reply_to: None,
            at: None,
        })
    }

    /// A customer presses a button or picks a row, by its id or title.
    pub fn whatsapp_presses(&self, customer: &str, button: &str) -> Result<Value, ControlError> {
        let button = button.to_owned();
        self.whatsapp(WhatsAppAction::Presses {
            customer: customer.into(),
            button,
            message_id: None,
        })
    }

    /// The dialogue with a customer, oldest first.
    pub fn whatsapp_transcript(&self, customer: &str) -> Vec<Line> {
        whatsapp_transcript(&self.world, None, customer)
    }

    /// How the first number sends its events from now on.
    pub fn whatsapp_webhooks(&self, mode: Mode) -> Result<Value, ControlError> {
        self.whatsapp(WhatsAppAction::Webhooks { mode })
    }

    /// The webhooks that WhatsApp sent, in the order in which they ended.
    pub fn whatsapp_posts(&self) -> Vec<Post> {
        self.world.state().whatsapp.posts.iter().cloned().collect()
    }

    /// Where the first number sends its events from now on.
    pub fn whatsapp_webhook_url(&self, url: &str) -> Result<Value, ControlError> {
        let url = Some(url.to_owned());
        self.whatsapp(WhatsAppAction::WebhookUrl { url })
    }

    /// Asks the receiver of the first number to prove itself, as Meta's dashboard does.
    pub async fn whatsapp_handshake(&self) -> Map<String, Value> {
        handshake(&self.world, None).await
    }

    /// What the language model says next.
    pub fn llm_says(&self, script: Script) {
        self.world.state().llm.scripts.push_back(script);
    }

    /// The calls the providers received, oldest first.
    pub fn calls(&self, filter: &CallFilter) -> Vec<Call> {
        self.world.state().calls.list(filter)
    }

    /// Forgets the calls.
    pub fn clear_calls(&self) {
        self.world.state().calls.clear();
    }

    /// Adds trouble.
    pub fn add_fault(&self, fault: Fault) {
        self.world.state().faults.push(fault);
    }

    /// Ends all trouble, and lets go of the answers that were held back.
    pub fn clear_faults(&self) {
        self.world.clear_faults();
    }

    /// Lets go of the answers that were held back.
    pub fn release(&self) {
        self.world.release();
    }

    /// Switches the providers' rate limits.
    pub fn set_limits(&self, on: bool) {
        self.world.set_limits(on);
    }

    /// Puts the clock of the providers forward.
    pub fn advance(&self, by: Duration) {
        self.world.advance(by);
    }

    /// Back to the beginning: no dialogues, calls, faults or Telegram webhooks.
    pub fn reset(&self) {
        self.world.reset();
    }

    /// Waits until the lines of a Telegram chat satisfy `enough`; the last state if they never do.
    pub async fn telegram_until(
        &self,
        chat: i64,
        within: Duration,
        enough: impl Fn(&[Line]) -> bool + Send,
    ) -> Vec<Line> {
        let look = || {
            Some(telegram_transcript(&self.world, None, chat, None)).filter(|lines| enough(lines))
        };
        match self.world.until(within, look).await {
            Some(lines) => lines,
            None => telegram_transcript(&self.world, None, chat, None),
        }
    }

    /// Waits until the lines of a WhatsApp dialogue satisfy `enough`; the last state if they never do.
    pub async fn whatsapp_until(
        &self,
        customer: &str,
        within: Duration,
        enough: impl Fn(&[Line]) -> bool + Send,
    ) -> Vec<Line> {
        let look =
            || Some(whatsapp_transcript(&self.world, None, customer)).filter(|lines| enough(lines));
        match self.world.until(within, look).await {
            Some(lines) => lines,
            None => whatsapp_transcript(&self.world, None, customer),
        }
    }

    /// Waits until the calls of a filter satisfy `enough`; the last state if they never do.
    pub async fn calls_until(
        &self,
        filter: &CallFilter,
        within: Duration,
        enough: impl Fn(&[Call]) -> bool + Send,
    ) -> Vec<Call> {
        let list = || self.world.state().calls.list(filter);
        let look = || Some(list()).filter(|calls| enough(calls));
        match self.world.until(within, look).await {
            Some(calls) => calls,
            None => list(),
        }
    }
}

fn bot_index(bots: &[telegram::state::Bot], name: Option<&str>) -> Option<usize> {
    match name {
        None => (!bots.is_empty()).then_some(0),
        Some(name) => bots.iter().position(|bot| bot.username == name),
    }
}

fn number_index(numbers: &[whatsapp::state::Line], id: Option<&str>) -> Option<usize> {
    match id {
        None => (!numbers.is_empty()).then_some(0),
        Some(id) => numbers
            .iter()
            .position(|line| line.config.phone_number_id == id),
    }
}

/// Lets somebody act in Telegram.
pub(crate) fn act_in_telegram(
    world: &Arc<World>,
    request: TelegramRequest,
) -> Result<Value, ControlError> {
    time::stands(world)?;
    let result = {
        let mut state = world.state();
        let bot = bot_index(&state.telegram.bots, request.bot.as_deref());
        let bot = bot.ok_or_else(|| ControlError::Impossible("there is no such bot".to_owned()))?;
        Desk::new(world, &mut state.telegram, bot).act(request)
    };
    world.changed();
    result
}

/// Lets somebody act in WhatsApp.
pub(crate) fn act_in_whatsapp(
    world: &Arc<World>,
    request: WhatsAppRequest,
) -> Result<Value, ControlError> {
    time::stands(world)?;
    let result = {
        let mut state = world.state();
        let number = number_index(&state.whatsapp.numbers, request.number.as_deref());
        let number =
            number.ok_or_else(|| ControlError::Impossible("there is no such number".to_owned()))?;
        Office::new(world, &mut state.whatsapp, number).act(request.action)
    };
    world.changed();
    result
}

/// The lines of a Telegram chat.
pub(crate) fn telegram_transcript(
    world: &World,
    bot: Option<&str>,
    chat: i64,
    thread: Option<i64>,
) -> Vec<Line> {
    let mut state = world.state();
    let Some(bot) = bot_index(&state.telegram.bots, bot) else {
        return Vec::new();
    };
    let id = state
        .telegram
        .bots
        .get(bot)
        .map(|bot| bot.id)
        .unwrap_or_default();
    let Some(chat) = state.telegram.chat(bot, chat) else {
        return Vec::new();
    };
    let shown = chat.messages.values().filter(|message| {
        thread.is_none_or(|thread| {
            message["is_topic_message"] == true && message["message_thread_id"] == thread
        })
    });
    shown.map(|message| telegram_line(message, id)).collect()
}

/// The lines of a WhatsApp dialogue.
pub(crate) fn whatsapp_transcript(
    world: &World,
    number: Option<&str>,
    customer: &str,
) -> Vec<Line> {
    let state = world.state();
    let number = number_index(&state.whatsapp.numbers, number);
    let Some(line) = number.and_then(|number| state.whatsapp.numbers.get(number)) else {
        return Vec::new();
    };
    let Some(customer) = line.customers.iter().position(|known| known.is(customer)) else {
        return Vec::new();
    };
    let own = line
        .messages
        .iter()
        .filter(|message| message.customer == customer);
    own.map(transcript).collect()
}

/// The handshake of a number with its receiver.
pub(crate) async fn handshake(world: &World, number: Option<&str>) -> Map<String, Value> {
    let target = {
        let state = world.state();
        let number = number_index(&state.whatsapp.numbers, number);
        let line = number.and_then(|number| state.whatsapp.numbers.get(number));
        line.and_then(|line| {
            Some((
                line.config.webhook_url.clone()?,
                line.config.verify_token.clone(),
            ))
        })
    };
    match target {
        Some((url, token)) => webhook::handshake(world, &url, &token).await,
        None => Map::new(),
    }
}
