//! What the emulators share: state, time, the pulse of changes, a client for webhooks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;

use crate::bitrix24::state::Portal;
use crate::calls::Calls;
use crate::config::SandboxConfig;
use crate::faults::Fault;
use crate::llm::Llm;
use crate::telegram::state::Telegram;
use crate::whatsapp::state::WhatsApp;

/// How many page events a slow viewer may lag behind.
const PULSE: usize = 1024;

/// Everything behind the routes.
pub(crate) struct World {
    pub(crate) config: SandboxConfig,
    pub(crate) url: String,
    /// The same over TLS, if it is served.
    pub(crate) tls_url: Option<String>,
    pub(crate) client: reqwest::Client,
    pub(crate) stop: CancellationToken,
    pub(crate) pulse: broadcast::Sender<Value>,
    /// Whether the clock is on its way to another time.
    pub(crate) moving: AtomicBool,
    notify: Notify,
    limits: AtomicBool,
    state: Mutex<State>,
}

/// What changes.
pub(crate) struct State {
    pub(crate) calls: Calls,
    pub(crate) faults: Vec<Fault>,
    pub(crate) telegram: Telegram,
    pub(crate) whatsapp: WhatsApp,
    pub(crate) llm: Llm,
    /// How many SMS were taken.
    pub(crate) sms: u64,
    pub(crate) bitrix24: Option<Portal>,
    /// How often the answers that were held back were let go.
    pub(crate) releases: u64,
}

impl State {
    fn new(config: &SandboxConfig) -> Self {
        let portal = config.bitrix24.as_ref();
        Self {
            calls: Calls::default(),
            faults: Vec::new(),
            telegram: Telegram::new(config),
            whatsapp: WhatsApp::new(config),
            llm: Llm::default(),
            sms: 0,
            bitrix24: portal
                .map(|portal| Portal::new(portal, config.clock.now().timestamp_millis())),
            releases: 0,
        }
    }
}

impl World {
    pub(crate) fn new(
        config: SandboxConfig,
        (url, tls_url): (String, Option<String>),
        client: reqwest::Client,
    ) -> Self {
        Self {
            url,
            tls_url,
            client,
            stop: CancellationToken::new(),
            pulse: broadcast::channel(PULSE).0,
            moving: AtomicBool::new(false),
            notify: Notify::new(),
            limits: AtomicBool::new(config.limits),
            state: Mutex::new(State::new(&config)),
            config,
        }
    }

    /// The state; whoever holds it does not wait for anything.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere must not take the emulators along.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Back to the state after the start; webhooks and dialogues are gone.
    pub(crate) fn reset(&self) {
        let mut state = self.state();
        state.telegram.close();
        let next_ids = state.telegram.next_ids();
        let urls = state.whatsapp.webhook_urls();
        let (portal, releases) = (state.bitrix24.take(), state.releases + 1);
        *state = State::new(&self.config);
        state.releases = releases;
        // Ids that were used stay used: receivers remember them.
        state.telegram.continue_ids(&next_ids);
        state.whatsapp.keep_webhook_urls(urls);
        if let (Some(fresh), Some(before)) = (&mut state.bitrix24, portal) {
            fresh.go_on(before);
        }
        drop(state);
        self.show(serde_json::json!({"type": "reset"}));
        self.changed();
    }

    /// Milliseconds since 1970 on the clock of the sandbox.
    pub(crate) fn now_ms(&self) -> i64 {
        self.config.clock.now().timestamp_millis()
    }

    /// Where the portal of Bitrix24 says it is: its clients want TLS, where there is some.
    pub(crate) fn portal_url(&self) -> String {
        self.tls_url.clone().unwrap_or_else(|| self.url.clone())
    }

    /// Seconds since 1970 on the clock of the sandbox.
    pub(crate) fn now(&self) -> i64 {
        self.now_ms() / 1000
    }

    /// Puts the clock forward.
    pub(crate) fn advance(&self, by: Duration) {
        self.config.clock.advance(by);
        self.changed();
    }

    /// Ends all trouble.
    pub(crate) fn clear_faults(&self) {
        self.state().faults.clear();
        self.release();
    }

    /// Lets go of the answers that were held back.
    pub(crate) fn release(&self) {
        self.state().releases += 1;
        self.changed();
    }

    /// Whether rate limits apply.
    pub(crate) fn limits(&self) -> bool {
        self.limits.load(Ordering::Relaxed)
    }

    /// Switches rate limits.
    pub(crate) fn set_limits(&self, on: bool) {
        self.limits.store(on, Ordering::Relaxed);
    }

    /// Wakes everybody who waits for a change.
    pub(crate) fn changed(&self) {
        self.notify.notify_waiters();
    }

    /// Tells the page.
    pub(crate) fn show(&self, event: Value) {
        if self.pulse.send(event).is_err() {
            tracing::trace!("Nobody looks at the page");
        }
    }

    /// Asks again after each change, until there is an answer or `within` is over.
    pub(crate) async fn until<T>(
        &self,
        within: Duration,
        mut probe: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        let late = tokio::time::sleep(within);
        tokio::pin!(late);
        loop {
            let changed = self.notify.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(found) = probe() {
                return Some(found);
            }
            tokio::select! {
                () = changed => {}
                () = &mut late => return probe(),
                () = self.stop.cancelled() => return None,
            }
        }
    }
}
