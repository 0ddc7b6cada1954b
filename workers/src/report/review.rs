//! What a person should look through every week: intents that the bot is unsure of, and some
//! conversations by chance.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;
use zapis_core::event::{Event, Kind};
use zapis_core::ids;
use zapis_core::message::ConversationId;

use super::{Exchange, Exchanges, Privacy, rule};

/// An intent whose mean confidence is below this is shown.
pub const WEAK: f64 = 0.6;
/// How many examples of it are shown.
const EXAMPLES: usize = 3;

/// An intent that the bot is unsure of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Weak {
    /// Its id.
    pub intent: String,
    /// How many turns were taken for it.
    pub count: u32,
    /// How sure the bot was, in the mean.
    pub confidence: f64,
    /// What customers wrote where it was least sure, without personal data.
    pub examples: Vec<String>,
}

/// A line of a conversation, and why the bot said it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Said {
    /// When.
    pub at: DateTime<Utc>,
    /// `customer`, `bot` or `staff`.
    pub from: &'static str,
    /// The words, without personal data; none where the bot was silent.
    pub text: Option<String>,
    /// What the bot took the message for.
    pub intent: Option<String>,
    /// How sure it was, 0 to 1.
    pub confidence: Option<f64>,
    /// The rule that decided.
    pub why: Option<String>,
    /// What was done: `none`, `handoff`, `draft`, …
    pub action: Option<String>,
}

/// A conversation to judge.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sampled {
    /// A name for it that tells nothing of the customer.
    pub id: Uuid,
    /// The messenger.
    pub channel: String,
    /// What was said and decided.
    pub transcript: Vec<Said>,
    /// To be filled in: the answers were right.
    pub right: Option<bool>,
    /// To be filled in: an answer was wrong.
    pub wrong: Option<bool>,
    /// To be filled in: the tone was not ours.
    pub tone: Option<bool>,
    /// To be filled in: a person should have been called.
    pub should_have_escalated: Option<bool>,
}

/// Counts and draws while the journal streams by.
#[derive(Debug)]
pub struct Reviewed {
    seed: String,
    size: usize,
    exchanges: Exchanges,
    intents: BTreeMap<String, Sureness>,
    drawn: BTreeSet<(Uuid, ConversationId)>,
}

#[derive(Debug, Default)]
struct Sureness {
    count: u32,
    sum: f64,
    /// The least sure turns: confidence, text, name of the customer.
    least: Vec<(f64, String, Option<String>)>,
}

impl Reviewed {
    /// What the journal must be read for.
    pub const KINDS: [Kind; 2] = [Kind::Inbound, Kind::Turn];

    /// Nothing read yet; the same seed draws the same `size` conversations out of the same journal.
    pub fn new(seed: &str, size: usize) -> Self {
        Self {
            seed: seed.to_owned(),
            size,
            exchanges: Exchanges::default(),
            intents: BTreeMap::new(),
            drawn: BTreeSet::new(),
        }
    }

    /// Takes the next event.
    pub fn take(&mut self, event: &Event) {
        let Some(exchange) = self.exchanges.take(event) else {
            return;
        };
        self.draw(exchange.conversation);
        if let (Some(intent), Some(confidence)) = (&exchange.turn.intent, exchange.turn.confidence)
        {
            let sureness = self.intents.entry(intent.clone()).or_default();
            sureness.count += 1;
            sureness.sum += confidence;
            sureness.learn(confidence, &exchange);
        }
    }

    /// The intents that the bot is unsure of, the least sure first.
    pub fn weak(&self, privacy: &Privacy<'_>) -> Vec<Weak> {
        let mut weak: Vec<Weak> = self
            .intents
            .iter()
            .map(|(intent, sureness)| sureness.told(intent, privacy))
            .filter(|weak| weak.confidence < WEAK)
            .collect();
        weak.sort_by(|a, b| {
            a.confidence
                .total_cmp(&b.confidence)
                .then_with(|| a.intent.cmp(&b.intent))
        });
        weak
    }

    /// The conversations that were drawn.
    pub fn drawn(&self) -> impl Iterator<Item = &ConversationId> {
        self.drawn.iter().map(|(_, conversation)| conversation)
    }

    /// Every conversation has its lot, and the smallest ones win: whoever comes twice has one chance.
    fn draw(&mut self, conversation: &ConversationId) {
        let lot = ids::derive(&["review", &self.seed, conversation.as_str()]);
        self.drawn.insert((lot, conversation.clone()));
        if self.drawn.len() > self.size {
            self.drawn.pop_last();
        }
    }
}

impl Sureness {
    fn learn(&mut self, confidence: f64, exchange: &Exchange<'_>) {
        let known = self.least.iter().any(|(_, text, _)| *text == exchange.text);
        if exchange.text.is_empty() || known {
            return;
        }
        let customer = exchange.turn.client.as_ref();
        let customer = customer.and_then(|client| client.name.clone());
        self.least
            .push((confidence, exchange.text.clone(), customer));
        self.least
            .sort_by(|(a, one, _), (b, other, _)| a.total_cmp(b).then_with(|| one.cmp(other)));
        self.least.truncate(EXAMPLES);
    }

    fn told(&self, intent: &str, privacy: &Privacy<'_>) -> Weak {
        let least = self.least.iter();
        Weak {
            intent: intent.to_owned(),
            count: self.count,
            confidence: self.sum / f64::from(self.count.max(1)),
            examples: least
                .map(|(_, text, customer)| privacy.hide(text, customer.as_deref()))
                .collect(),
        }
    }
}

impl Sampled {
    /// A form for a conversation, from its events in order; only what happened in the span is shown.
    pub fn new(
        conversation: &ConversationId,
        events: &[Event],
        span: &Range<DateTime<Utc>>,
        privacy: &Privacy<'_>,
    ) -> Self {
        let name = events.iter().rev().find_map(|event| {
            let client = event.client.as_ref();
            client.and_then(|client| client.name.as_deref())
        });
        let within = events
            .iter()
            .filter(|event| span.contains(&event.timestamp));
        let hide = |text: &str| privacy.hide(text, name);
        Self {
            id: ids::derive(&["review", conversation.as_str()]),
            channel: conversation.channel().to_owned(),
            transcript: within.filter_map(|event| said(event, hide)).collect(),
            right: None,
            wrong: None,
            tone: None,
            should_have_escalated: None,
        }
    }
}

fn said(event: &Event, hide: impl Fn(&str) -> String) -> Option<Said> {
    let (from, text) = match event.kind {
        Kind::Inbound => ("customer", Some(event.customer_text.as_deref()?)),
        Kind::Turn => ("bot", event.bot_response.as_deref()),
        Kind::Takeover => ("staff", Some(event.bot_response.as_deref()?)),
        _ => return None,
    };
    let line = Said {
        at: event.timestamp,
        from,
        text: text.map(hide),
        ..Said::default()
    };
    if from != "bot" {
        return Some(line);
    }
    Some(Said {
        intent: event.intent.clone(),
        confidence: event.confidence,
        why: Some(rule(event).to_owned()).filter(|why| !why.is_empty()),
        action: event.action.clone(),
        ..line
    })
}
