//! One OpenAI-compatible server with one model: a call, and what may go wrong with it.
//!
//! Source of the wire format: the API reference of `OpenAI`, "Create chat completion", which vLLM, Ollama,
//! llama.cpp and the hosted providers follow.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::Instant;
use zapis_core::config::Secret;
use zapis_core::store::Spend;

use super::breaker::{Breaker, State};
use super::{Ask, EndpointConfig, Structured};

/// More is no answer to a customer.
const LONGEST_BODY: usize = 1 << 20;
/// Vectors in digits are long.
const LONGEST_VECTORS: usize = 1 << 24;
const CONNECT: Duration = Duration::from_secs(5);

/// A server with a model.
#[derive(Debug)]
pub(super) struct Endpoint {
    config: EndpointConfig,
    client: Client,
    pub(super) breaker: Breaker,
}

/// What a server said.
#[derive(Debug, Clone)]
pub(super) struct Raw {
    pub(super) text: String,
    pub(super) model: String,
    pub(super) spend: Spend,
}

/// Why a call gave nothing. Nothing of the question or of the answer is in the words.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error("no answer in time")]
    TimedOut,
    #[error("no connection")]
    Unreachable(#[source] reqwest::Error),
    #[error("the server failed with status {0}")]
    Broken(u16),
    #[error("too many requests")]
    Limited(Option<Duration>),
    #[error("refused with status {0}: look at base_url, api_key and model")]
    Refused(u16),
    /// With what it cost all the same.
    #[error("the answer cannot be used: {0}")]
    Unusable(&'static str, Spend),
}

impl Failed {
    /// Whether another try at once may go better.
    pub(super) fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_) | Self::Broken(_) | Self::Unusable(..)
        )
    }

    /// What was paid for nothing.
    pub(super) fn spend(&self) -> Spend {
        match self {
            Self::Unusable(_, spend) => *spend,
            _ => Spend::default(),
        }
    }

    /// Its name in metrics.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::TimedOut => "timed_out",
            Self::Unreachable(_) => "unreachable",
            Self::Broken(_) => "failed",
            Self::Limited(_) => "limited",
            Self::Refused(_) => "refused",
            Self::Unusable(..) => "unusable",
        }
    }
}

impl From<reqwest::Error> for Failed {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            Self::TimedOut
        } else {
            // A proxy's address may hold a password.
            Self::Unreachable(error.without_url())
        }
    }
}

#[derive(Deserialize)]
struct Completion {
    #[serde(default)]
    model: Option<String>,
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Option<String>,
}

#[derive(Deserialize, Default)]
struct Usage {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
}

impl Endpoint {
    pub(super) fn new(config: &EndpointConfig) -> Result<Self, reqwest::Error> {
        let mut builder = Client::builder()
            .connect_timeout(CONNECT)
            .timeout(Duration::from_millis(config.timeout_ms.into()))
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("zapis/", env!("CARGO_PKG_VERSION")));
        if !config.proxy.is_empty() {
            builder = builder.proxy(reqwest::Proxy::all(&config.proxy)?);
        }
        let endpoint = Self {
            config: config.clone(),
            client: builder.build()?,
            breaker: Breaker::default(),
        };
        endpoint.show_breaker();
        Ok(endpoint)
    }

    pub(super) fn name(&self) -> &str {
        &self.config.name
    }

    /// One call.
    pub(super) async fn ask(
        &self,
        ask: &Ask<'_>,
        temperature: f32,
        max_tokens: u32,
    ) -> Result<Raw, Failed> {
        let turns = ask.turns.iter();
        let messages: Vec<Value> = turns
            .map(|turn| json!({ "role": turn.role, "content": turn.text }))
            .collect();
        let mut body = json!({
            "model": self.config.model,
            "messages": messages,
            "temperature": temperature,
            "max_tokens": max_tokens,
        });
        match self.config.structured {
            Structured::JsonSchema => {
                body["response_format"] = json!({
                    "type": "json_schema",
                    "json_schema": { "name": "answer", "strict": true, "schema": ask.schema },
                });
            }
            Structured::JsonObject => body["response_format"] = json!({ "type": "json_object" }),
            Structured::Prompt => {}
        }
        let request = self.authorised(self.client.post(self.address("chat/completions")));
        let response = request.json(&body).send().await?;
        let body = read(taken(response)?, LONGEST_BODY).await?;
        self.raw(&body)
    }

    /// The vectors of texts, as the server writes them.
    pub(super) async fn embeddings(&self, texts: &[&str]) -> Result<Vec<u8>, Failed> {
        let body = json!({ "model": self.config.model, "input": texts });
        let request = self.authorised(self.client.post(self.address("embeddings")));
        let response = request.json(&body).send().await?;
        read(taken(response)?, LONGEST_VECTORS).await
    }

    /// Whether the server answers, knows us and has the model.
    pub(super) async fn probe(&self) -> Result<String, String> {
        let request = self.authorised(self.client.get(self.address("models")));
        let read = async { read(taken(request.send().await?)?, LONGEST_BODY).await };
        let body = read.await.map_err(|failed| failed.to_string())?;
        let models: Value =
            serde_json::from_slice(&body).map_err(|_| "no list of models".to_owned())?;
        let listed = models["data"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let known = listed
            .iter()
            .any(|model| model["id"] == self.config.model.as_str());
        if known || listed.is_empty() {
            Ok(self.config.model.clone())
        } else {
            Err(format!("does not list the model {}", self.config.model))
        }
    }

    /// Counts how a call ended.
    pub(super) fn count(&self, failed: Option<&Failed>) {
        let outcome = failed.map_or("answered", Failed::name);
        metrics::counter!("zapis_llm_calls_total", "endpoint" => self.config.name.clone(), "outcome" => outcome)
            .increment(1);
        self.show_breaker();
    }

    /// Counts what a call cost.
    pub(super) fn measure(&self, spend: Spend) {
        let name = || self.config.name.clone();
        metrics::counter!("zapis_llm_tokens_total", "endpoint" => name()).increment(spend.tokens);
        metrics::counter!("zapis_llm_cost_micros_total", "endpoint" => name())
            .increment(spend.micros);
    }

    /// Shows whether it rests.
    pub(super) fn show_breaker(&self) {
        let open = match self.breaker.state(Instant::now()) {
            State::Closed => 0.0,
            State::HalfOpen => 0.5,
            State::Open => 1.0,
        };
        metrics::gauge!("zapis_llm_breaker_open", "endpoint" => self.config.name.clone()).set(open);
    }

    fn address(&self, path: &str) -> String {
        format!("{}/{path}", self.config.base_url.trim_end_matches('/'))
    }

    fn authorised(&self, request: RequestBuilder) -> RequestBuilder {
        if self.config.api_key == Secret::default() {
            return request;
        }
        request.bearer_auth(self.config.api_key.expose())
    }

    fn raw(&self, body: &[u8]) -> Result<Raw, Failed> {
        let completion: Completion = serde_json::from_slice(body)
            .map_err(|_| Failed::Unusable("it is no completion", Spend::default()))?;
        let spend = cost(&self.config, &completion.usage.unwrap_or_default());
        let unusable = |why| Failed::Unusable(why, spend);
        let choice = completion.choices.into_iter().next();
        let choice = choice.ok_or(unusable("it has no choice"))?;
        match choice.finish_reason.as_deref() {
            Some("length") => return Err(unusable("it was cut off")),
            Some("content_filter") => return Err(unusable("the server filtered it")),
            _ => {}
        }
        let text = choice.message.content.unwrap_or_default();
        if text.trim().is_empty() {
            return Err(unusable("it is empty"));
        }
        Ok(Raw {
            text,
            model: completion
                .model
                .unwrap_or_else(|| self.config.model.clone()),
            spend,
        })
    }
}

/// What a call cost.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "prices are not negative, and a call has far fewer than 2^53 tokens"
)]
fn cost(config: &EndpointConfig, usage: &Usage) -> Spend {
    // A price of a million tokens is a price of a token in millionths.
    let micros = usage.prompt_tokens as f64 * config.input_price
        + usage.completion_tokens as f64 * config.output_price;
    Spend {
        tokens: usage.prompt_tokens.saturating_add(usage.completion_tokens),
        micros: micros.ceil() as u64,
    }
}

/// A response that is worth reading.
fn taken(response: Response) -> Result<Response, Failed> {
    let status = response.status();
    if status == StatusCode::TOO_MANY_REQUESTS {
        let wait = response.headers().get(RETRY_AFTER);
        let seconds = wait.and_then(|wait| wait.to_str().ok()?.trim().parse().ok());
        return Err(Failed::Limited(seconds.map(Duration::from_secs)));
    }
    if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
        return Err(Failed::Broken(status.as_u16()));
    }
    if !status.is_success() {
        return Err(Failed::Refused(status.as_u16()));
    }
    let kind = response.headers().get(CONTENT_TYPE);
    let json = kind.is_none_or(|kind| kind.to_str().is_ok_and(|kind| kind.contains("json")));
    if !json {
        return Err(Failed::Unusable("it is not JSON", Spend::default()));
    }
    Ok(response)
}

/// The body, as far as it has a sensible length.
async fn read(mut response: Response, longest: usize) -> Result<Vec<u8>, Failed> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > longest {
            return Err(Failed::Unusable("it is too long", Spend::default()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

impl Raw {
    /// With the answer in the wanted shape. What it cost is noted before.
    pub(super) fn shaped<T: DeserializeOwned>(self) -> Result<(T, Self), Failed> {
        let answer = shaped(&self.text);
        let answer = answer.ok_or(Failed::Unusable(
            "it does not have the wanted shape",
            Spend::default(),
        ))?;
        Ok((answer, self))
    }
}

/// JSON of a shape, also when the model wrapped it in words or a fence.
fn shaped<T: DeserializeOwned>(text: &str) -> Option<T> {
    let object = text.get(text.find('{')?..=text.rfind('}')?)?;
    serde_json::from_str(object).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Answer {
        answer: String,
    }

    #[test]
    fn json_is_found_in_what_a_model_wraps_around_it() {
        let answer = Some(Answer {
            answer: "да".into(),
        });
        for text in [
            r#"{"answer": "да"}"#,
            "```json\n{\"answer\": \"да\"}\n```",
            "Вот ответ: {\"answer\": \"да\"} — готово.",
        ] {
            assert_eq!(shaped::<Answer>(text), answer, "{text}");
        }
        for text in [
            "",
            "да",
            "{\"answer\": \"да\"",
            "}{",
            "<html>{}</html>",
            "{\"answer\": 5}",
        ] {
            assert_eq!(shaped::<Answer>(text), None, "{text}");
        }
    }

    #[test]
    fn a_price_of_a_million_tokens_counts_per_token() {
        let config = EndpointConfig {
            input_price: 0.5,
            output_price: 2.0,
            ..EndpointConfig::default()
        };
        let usage = Usage {
            prompt_tokens: 1_000,
            completion_tokens: 101,
        };

        let spend = cost(&config, &usage);

        assert_eq!((spend.tokens, spend.micros), (1_101, 702));
    }
}
