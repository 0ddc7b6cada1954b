//! `[llm]`: which models, in which order, and what they may cost.

use serde::Deserialize;
use zapis_core::config::{Findings, Secret};

use super::Purpose;

/// The `[llm]` section.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LlmConfig {
    /// `[[llm.endpoints]]`, in order of preference.
    pub endpoints: Vec<EndpointConfig>,
    /// Versions of the prompt for answers; of several, each customer always gets the same one.
    pub answer_prompts: Vec<String>,
    /// Whether a model is asked what a customer means where the built-in understanding does not know.
    pub understand: bool,
    /// The version of the prompt for that.
    pub understand_prompt: String,
    /// How long an answer may take, all endpoints together.
    pub deadline_ms: u32,
    /// The longest answer.
    pub max_answer_tokens: u32,
    /// 0 says the likeliest, 1 is lively.
    pub temperature: f32,
    /// Tokens a day, of all conversations; 0: without bound.
    pub daily_tokens: u64,
    /// Money a day, in the currency of the prices; 0: without bound.
    pub daily_money: f64,
    /// Tokens a day of one conversation; 0: without bound.
    pub conversation_tokens: u64,
    /// Money a day of one conversation; 0: without bound.
    pub conversation_money: f64,
}

/// How a server is told which shape the answer must have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Structured {
    /// By its schema.
    #[default]
    JsonSchema,
    /// Only that it is JSON; the prompt says the rest.
    JsonObject,
    /// By the prompt alone.
    Prompt,
}

/// One server with one model.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EndpointConfig {
    /// Our name of it, in logs and metrics.
    pub name: String,
    /// Up to the version: `https://…/v1`.
    pub base_url: String,
    /// The bearer token; empty: none.
    pub api_key: Secret,
    /// The model, as the server names it.
    pub model: String,
    /// How long one call may take.
    pub timeout_ms: u32,
    /// How it is told which shape the answer must have.
    pub structured: Structured,
    /// Price of a million tokens of questions.
    pub input_price: f64,
    /// Price of a million tokens of answers.
    pub output_price: f64,
    /// `socks5://…`, `socks5h://…` or `http://…`; empty: none.
    pub proxy: String,
    /// Whether it is used at all.
    pub enabled: bool,
}

impl Default for LlmConfig {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            answer_prompts: vec!["v1".into()],
            understand: false,
            understand_prompt: "v1".into(),
            deadline_ms: 20_000,
            max_answer_tokens: 600,
            temperature: 0.2,
            daily_tokens: 0,
            daily_money: 0.0,
            conversation_tokens: 0,
            conversation_money: 0.0,
        }
    }
}

impl Default for EndpointConfig {
    fn default() -> Self {
        Self {
            name: "main".into(),
            base_url: String::new(),
            api_key: Secret::default(),
            model: String::new(),
            timeout_ms: 15_000,
            structured: Structured::default(),
            input_price: 0.0,
            output_price: 0.0,
            proxy: String::new(),
            enabled: true,
        }
    }
}

impl LlmConfig {
    /// The names of the prompts that are used; none without an endpoint.
    pub fn prompts(&self) -> Vec<(&'static str, String)> {
        if !self.endpoints.iter().any(|endpoint| endpoint.enabled) {
            return Vec::new();
        }
        let answers = self.answer_prompts.iter();
        let answers =
            answers.map(|version| ("llm.answer_prompts", Purpose::Answer.version(version)));
        let understand = self.understand.then(|| {
            let name = Purpose::Understand.version(&self.understand_prompt);
            ("llm.understand_prompt", name)
        });
        answers.chain(understand).collect()
    }

    /// Notes what is out of range.
    pub fn check(&self, findings: &mut Findings) {
        findings.check(
            (1_000..=120_000).contains(&self.deadline_ms),
            "llm.deadline_ms",
            "out of range",
            "use 1000 to 120000 milliseconds",
        );
        findings.check(
            (50..=8_000).contains(&self.max_answer_tokens),
            "llm.max_answer_tokens",
            "out of range",
            "use 50 to 8000 tokens",
        );
        findings.check(
            (0.0..=2.0).contains(&self.temperature),
            "llm.temperature",
            "out of range",
            "use 0 to 2",
        );
        findings.check(
            !self.answer_prompts.is_empty(),
            "llm.answer_prompts",
            "names no prompt",
            "name a version of config/prompts/answer.….md, e.g. [\"v1\"]",
        );
        for (key, money) in [
            ("llm.daily_money", self.daily_money),
            ("llm.conversation_money", self.conversation_money),
        ] {
            findings.check(money >= 0.0, key, "is negative", "use 0 for no bound");
        }
        for (n, endpoint) in self.endpoints.iter().enumerate() {
            let twin = self.endpoints[..n]
                .iter()
                .any(|other| other.name == endpoint.name);
            endpoint.check(&format!("llm.endpoints.{n}"), twin, findings);
        }
        let priced =
            |endpoint: &EndpointConfig| endpoint.input_price > 0.0 || endpoint.output_price > 0.0;
        findings.warn(
            self.daily_money + self.conversation_money == 0.0 || self.endpoints.iter().all(priced),
            "llm.daily_money",
            "bounds nothing for an endpoint without prices",
            "set input_price and output_price of each endpoint, or bound tokens",
        );
    }
}

impl EndpointConfig {
    fn check(&self, path: &str, twin: bool, findings: &mut Findings) {
        let key = |key: &str| format!("{path}.{key}");
        findings.check(
            !twin,
            &key("name"),
            "another endpoint has this name",
            "give each endpoint its own name",
        );
        let address = reqwest::Url::parse(&self.base_url).ok();
        let address = address.filter(|url| matches!(url.scheme(), "http" | "https"));
        findings.check(
            address.is_some(),
            &key("base_url"),
            "is no address",
            "write it up to the version, e.g. \"https://llm.example/v1\"",
        );
        findings.check(
            !self.model.is_empty(),
            &key("model"),
            "is missing",
            "the model's name, as the server lists it",
        );
        findings.check(
            (500..=120_000).contains(&self.timeout_ms),
            &key("timeout_ms"),
            "out of range",
            "use 500 to 120000 milliseconds",
        );
        findings.check(
            self.input_price >= 0.0 && self.output_price >= 0.0,
            &key("input_price"),
            "a price is negative",
            "use the price of a million tokens, or 0",
        );
        findings.check(
            self.proxy.is_empty() || reqwest::Proxy::all(&self.proxy).is_ok(),
            &key("proxy"),
            "is no address of a proxy",
            "use socks5://host:1080 or http://host:3128",
        );
    }
}
