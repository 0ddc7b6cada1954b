//! Language models, behind any OpenAI-compatible server: optional, bounded in time and money, never
//! trusted. What a model says is data like any other input; who uses it checks it.

mod breaker;
mod budget;
mod config;
mod embeddings;
mod endpoint;
mod mask;
mod prompts;

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use tracing::warn;
use zapis_core::Clock;
use zapis_core::causes;
use zapis_core::measure::Stage;
use zapis_core::message::ConversationId;
use zapis_core::store::{Spend, Store, StoreError};

pub use breaker::State as BreakerState;
pub use config::{EndpointConfig, LlmConfig, Structured};
pub use embeddings::{Embedder, NoVectors};
pub use mask::Mask;
pub(crate) use mask::without_numbers;
pub use prompts::{Prompt, Prompts, Purpose};

use endpoint::{Endpoint, Failed, Raw};

/// One message to a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// `system`, `user` or `assistant`.
    pub role: &'static str,
    /// The text.
    pub text: String,
}

/// What a model is asked for.
#[derive(Debug)]
pub struct Ask<'a> {
    /// Whose conversation pays.
    pub conversation: &'a ConversationId,
    /// The messages, in order.
    pub turns: &'a [Turn],
    /// A JSON schema (an object) that the answer must have.
    pub schema: &'a Value,
}

/// What a model said, and what it cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Said<T> {
    /// The answer.
    pub answer: T,
    /// Whose it is.
    pub model: String,
    /// Tokens of question and answer.
    pub tokens: u64,
    /// Money, in millionths of the currency of the configured prices.
    pub micros: u64,
}

/// Why there is no answer. The caller goes on without.
#[derive(Debug, thiserror::Error)]
pub enum LlmError {
    /// The budget of the day, or of the conversation, is used up.
    #[error("the {0} is used up")]
    OverBudget(&'static str),
    /// No endpoint answered, or none that could be used.
    #[error("no endpoint gave an answer; the last one: {0}")]
    Unavailable(String),
    /// What was spent could not be read, so nothing is spent.
    #[error("the store does not tell what was spent")]
    Store(#[source] StoreError),
}

/// The configured models.
#[derive(Debug)]
pub struct Llm {
    endpoints: Vec<Endpoint>,
    config: LlmConfig,
    store: Store,
    clock: Clock,
}

impl Llm {
    /// Nothing when no endpoint is configured.
    pub fn new(
        config: &LlmConfig,
        store: &Store,
        clock: &Clock,
    ) -> Result<Option<Arc<Self>>, reqwest::Error> {
        let used = config.endpoints.iter().filter(|endpoint| endpoint.enabled);
        let endpoints = used.map(Endpoint::new).collect::<Result<Vec<_>, _>>()?;
        Ok((!endpoints.is_empty()).then(|| {
            Arc::new(Self {
                endpoints,
                config: config.clone(),
                store: store.clone(),
                clock: clock.clone(),
            })
        }))
    }

    /// Asks the endpoints in order of preference until one gives an answer of the wanted shape.
    pub async fn ask<T: DeserializeOwned>(&self, ask: &Ask<'_>) -> Result<Said<T>, LlmError> {
        let _stage = Stage::begin("llm");
        let day = self.clock.now().date_naive();
        let spent = self.store.spent(day, ask.conversation).await;
        budget::check(&self.config, &spent.map_err(LlmError::Store)?)?;
        let deadline = Instant::now() + Duration::from_millis(self.config.deadline_ms.into());
        let mut last = "all of them are resting after failures".to_owned();
        for endpoint in &self.endpoints {
            // Whoever is not asked has not failed.
            if Instant::now() >= deadline {
                break;
            }
            let Some(pass) = endpoint.breaker.pass(Instant::now()) else {
                continue;
            };
            for _ in 0..2 {
                let asked =
                    endpoint.ask(ask, self.config.temperature, self.config.max_answer_tokens);
                let answered = timeout_at(deadline, asked)
                    .await
                    .unwrap_or(Err(Failed::TimedOut));
                let cost = answered
                    .as_ref()
                    .map_or_else(Failed::spend, |raw| raw.spend);
                self.note(day, ask, endpoint, cost).await;
                let parsed = answered.and_then(Raw::shaped);
                endpoint.count(parsed.as_ref().err());
                match parsed {
                    Ok((answer, raw)) => {
                        pass.worked();
                        self.store.works(&standing(endpoint), self.clock.now());
                        return Ok(Said {
                            answer,
                            model: raw.model,
                            tokens: raw.spend.tokens,
                            micros: raw.spend.micros,
                        });
                    }
                    Err(failed) => {
                        warn!(endpoint = endpoint.name(), error = %causes(&failed), "A language model gave no answer");
                        last = failed.to_string();
                        pass.failed(&failed, Instant::now());
                        if endpoint.breaker.state(Instant::now()) == BreakerState::Open {
                            let (name, now) = (standing(endpoint), self.clock.now());
                            self.store.fails(&name, failed.name(), now);
                        }
                        if !failed.may_pass() || Instant::now() >= deadline {
                            break;
                        }
                    }
                }
            }
        }
        Err(LlmError::Unavailable(last))
    }

    /// What was spent is spent, whatever becomes of the answer.
    async fn note(&self, day: chrono::NaiveDate, ask: &Ask<'_>, endpoint: &Endpoint, spend: Spend) {
        if spend == Spend::default() {
            return;
        }
        endpoint.measure(spend);
        if let Err(error) = self.store.spend(day, ask.conversation, spend).await {
            warn!(error = %causes(&error), "What a language model cost could not be noted");
        }
    }

    /// Asks each endpoint for its models: `zapis check --connect`.
    pub async fn probe(&self) -> Vec<(String, Result<String, String>)> {
        let mut found = Vec::new();
        for endpoint in &self.endpoints {
            found.push((endpoint.name().to_owned(), endpoint.probe().await));
        }
        found
    }
}

/// How an endpoint does, by the name under which it is told.
fn standing(endpoint: &Endpoint) -> String {
    format!("llm {}", endpoint.name())
}
