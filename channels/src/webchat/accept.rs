//! Taking what a visitor did: append to the log, publish, mark as published; then it may be acknowledged.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use zapis_core::intake::{Arrival, Intake, IntakeError};
use zapis_core::message::{ConversationId, Inbound, Profile, What};
use zapis_core::store::{ChatEntry, Store, StoreError};
use zapis_core::trace::TraceParent;
use zapis_core::{Clock, causes, crash};

use crate::Probe;

use super::config::{WebChatConfig, canonical_origin};
use super::hub::{Hint, Hub};
use super::limiter::Limiter;
use super::visitor::Visitor;
use super::wire::{CONSENT, ClientFrame, Code, Deed, DeedKind, Refusal};

/// How many messages a visitor may write within a minute.
const PER_MINUTE: usize = 20;

/// How many consents; more is no person.
const CONSENTS_PER_MINUTE: usize = 5;

/// How far back the title of a pressed button is looked for.
const BUTTONS_WITHIN: u32 = 50;

/// How many events are read at once when a consent is looked for.
const PAGE: u32 = 500;

/// How many conversations with a consent are remembered.
const CONSENTS_REMEMBERED: usize = 100_000;

/// One account.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) config: WebChatConfig,
    /// The pages that may show the widget, as browsers name them.
    pub(super) origins: Vec<String>,
    pub(super) hub: Hub,
    pub(super) limiter: Limiter,
    intake: Intake,
    consented: Mutex<HashSet<ConversationId>>,
}

/// A deed that is durable.
pub(super) struct Done {
    pub(super) id: String,
    pub(super) seq: i64,
}

impl Site {
    pub(super) fn new(config: WebChatConfig, intake: Intake, hub: Hub) -> Self {
        let origins = config
            .allowed_origins
            .iter()
            .filter_map(|origin| canonical_origin(origin))
            .collect();
        Self {
            config,
            origins,
            hub,
            limiter: Limiter::default(),
            intake,
            consented: Mutex::default(),
        }
    }

    pub(super) fn store(&self) -> &Store {
        self.intake.store()
    }

    pub(super) fn clock(&self) -> &Clock {
        self.intake.clock()
    }

    /// There is no provider to ask: says which pages may show the widget.
    pub(super) fn probe(&self) -> Probe {
        let what = format!("webchat {}", self.config.account);
        let result = if self.origins.is_empty() {
            Err("no page may show the widget: set allowed_origins".to_owned())
        } else {
            Ok(format!("shown on {}", self.origins.join(", ")))
        };
        Probe { what, result }
    }

    /// Takes a frame. `None` where there is nothing to acknowledge.
    pub(super) async fn take(
        &self,
        visitor: &Visitor,
        frame: ClientFrame,
    ) -> Result<Option<Done>, Refusal> {
        match frame {
            ClientFrame::Deed(deed) => self.keep(visitor, deed).await.map(Some),
            ClientFrame::Typing => Ok(None),
            ClientFrame::Read { seq } => {
                match self.store().chat_read(&visitor.conversation, seq).await {
                    Ok(()) => Ok(None),
                    Err(error) => Err(unavailable(None, &error)),
                }
            }
        }
    }

    async fn keep(&self, visitor: &Visitor, deed: Deed) -> Result<Done, Refusal> {
        let Deed { id, kind } = deed;
        self.check_rate(visitor, &id, &kind)?;
        match self.keep_checked(visitor, &id, kind).await {
            Ok(Some(seq)) => {
                self.hub.hint(&visitor.conversation, Hint::Grown(seq));
                Ok(Done { id, seq })
            }
            Ok(None) => {
                let message = "send the consent first";
                Err(Refusal::new(Some(&id), Code::ConsentRequired, message))
            }
            Err(error) => Err(unavailable(Some(&id), &error)),
        }
    }

    fn check_rate(&self, visitor: &Visitor, id: &str, kind: &DeedKind) -> Result<(), Refusal> {
        let now = self.clock().now();
        let conversation = visitor.conversation.as_str();
        let own = match kind {
            DeedKind::Consent { .. } => {
                let key = format!("consent {conversation}");
                self.limiter.admit(&key, id, CONSENTS_PER_MINUTE, now)
            }
            _ => self.limiter.admit(conversation, id, PER_MINUTE, now),
        };
        let shared = own
            && visitor.address.is_none_or(|address| {
                let limit = usize::try_from(self.config.messages_per_address).unwrap_or(usize::MAX);
                self.limiter.admit(&address.to_string(), id, limit, now)
            });
        if shared {
            return Ok(());
        }
        let message = "too many messages, wait a minute";
        Err(Refusal::new(Some(id), Code::RateLimited, message))
    }

    /// The place of a deed that is durable now; nothing when a consent must come first.
    async fn keep_checked(
        &self,
        visitor: &Visitor,
        id: &str,
        kind: DeedKind,
    ) -> Result<Option<i64>, IntakeError> {
        let conversation = &visitor.conversation;
        let (from, text, what) = match kind {
            DeedKind::Consent { version } => (CONSENT, version.clone(), What::Consent { version }),
            _ if !self.has_consent(conversation).await? => return Ok(None),
            DeedKind::Message { text } => ("customer", text.clone(), What::Text { text }),
            DeedKind::Press { payload } => {
                let title = self.title(conversation, &payload).await?;
                let text = title.clone().unwrap_or_else(|| payload.clone());
                ("customer", text, What::Press { payload, title })
            }
        };
        let now = self.clock().now();
        let entry = ChatEntry {
            seq: 0,
            id: id.to_owned(),
            from: from.to_owned(),
            name: None,
            text,
            buttons: Vec::new(),
            at: now,
        };
        let appended = self
            .store()
            .chat_append(conversation, &entry, false)
            .await?;
        crash::point("webchat.appended");
        if !appended.published {
            let inbound = Inbound {
                id: id.to_owned(),
                conversation: conversation.clone(),
                at: now,
                received_at: now,
                profile: Profile {
                    language: visitor.language.clone(),
                    source: Some(serde_json::json!({ "page": visitor.origin })),
                    ..Profile::default()
                },
                what,
                raw: None,
                trace: TraceParent::start(),
            };
            let arrival = Arrival::Inbound {
                inbound: Box::new(inbound),
                ownership: None,
            };
            self.intake.accept(vec![arrival]).await?;
            crash::point("webchat.published");
            self.store().chat_published(conversation, id).await?;
            crash::point("webchat.marked");
        }
        if from == CONSENT {
            self.remember_consent(conversation, &entry.text);
        }
        Ok(Some(appended.seq))
    }

    /// What the pressed button says, if we offered it lately.
    async fn title(
        &self,
        conversation: &ConversationId,
        payload: &str,
    ) -> Result<Option<String>, StoreError> {
        let entries = self.store().chat_last(conversation, BUTTONS_WITHIN).await?;
        Ok(entries
            .into_iter()
            .rev()
            .flat_map(|entry| entry.buttons)
            .find(|button| button.payload == payload)
            .map(|button| button.title))
    }

    /// Whether the visitor agreed to what this site demands.
    async fn has_consent(&self, conversation: &ConversationId) -> Result<bool, StoreError> {
        let version = &self.config.consent_version;
        if version.is_empty() || self.consents(|known| known.contains(conversation)) {
            return Ok(true);
        }
        let mut after = 0;
        loop {
            let entries = self.store().chat_after(conversation, after, PAGE).await?;
            let given = |entry: &ChatEntry| entry.from == CONSENT && entry.text == *version;
            if entries.iter().any(given) {
                self.remember_consent(conversation, version);
                return Ok(true);
            }
            match entries.last() {
                Some(last) => after = last.seq,
                None => return Ok(false),
            }
        }
    }

    fn remember_consent(&self, conversation: &ConversationId, version: &str) {
        if version != self.config.consent_version {
            return;
        }
        self.consents(|known| {
            if known.len() >= CONSENTS_REMEMBERED {
                known.clear();
            }
            known.insert(conversation.clone());
        });
    }

    fn consents<T>(&self, look: impl FnOnce(&mut HashSet<ConversationId>) -> T) -> T {
        look(
            &mut self
                .consented
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

fn unavailable(id: Option<&str>, error: &(dyn std::error::Error + 'static)) -> Refusal {
    tracing::warn!(error = %causes(error), "Did not take a web chat frame");
    Refusal::new(id, Code::Unavailable, "try again soon")
}
