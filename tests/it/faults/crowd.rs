//! Customers on all three channels who write, repeat and wait as their apps would.

use std::collections::BTreeMap;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use crate::support::firm::Firm;
use crate::support::firm::visitor::Visitor;

/// Questions that are always answered, never with a call for a person.
const QUESTIONS: [&str; 4] = [
    "Сколько стоит мужская стрижка?",
    "Какой у вас адрес?",
    "До скольки вы работаете?",
    "Сколько стоит женская стрижка?",
];

/// How many customers there are on each channel.
const EACH: usize = 3;

/// What was written and taken, per conversation, in the order of writing.
pub(crate) type Written = BTreeMap<String, Vec<String>>;

/// The customers.
pub(crate) struct Crowd {
    chance: SmallRng,
    pub(crate) written: Written,
    visitors: Vec<SiteVisitor>,
}

/// A visitor of the site.
#[derive(Clone, Default)]
struct SiteVisitor {
    token: Option<String>,
    /// What is not acknowledged yet: id and text.
    pending: Option<(String, &'static str)>,
}

impl Crowd {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            chance: SmallRng::seed_from_u64(seed),
            written: Written::new(),
            visitors: vec![SiteVisitor::default(); EACH],
        }
    }

    /// Picks a number below `below`.
    pub(crate) fn chance(&mut self, below: usize) -> usize {
        self.chance.random_range(0..below)
    }

    /// Some messages on the messengers. Their providers keep them until they are taken.
    pub(crate) fn write(&mut self, firm: &Firm, count: usize) {
        for _ in 0..count {
            let question = QUESTIONS[self.chance(QUESTIONS.len())];
            let who = self.chance(EACH);
            if self.chance(2) == 0 {
                let chat = [8_000, 8_001, 8_002][who];
                let sent = firm.sandbox.telegram_writes(chat, question).unwrap();
                let id = format!("m{chat}:{}", sent["message_id"]);
                self.note(format!("telegram:main:{chat}"), id);
            } else {
                let phone = format!("7921000010{who}");
                let sent = firm.sandbox.whatsapp_writes(&phone, question).unwrap();
                let id = sent["id"]
                    .as_str()
                    .unwrap_or_else(|| panic!("no id in {sent}"))
                    .to_owned();
                self.note(format!("whatsapp:main:{phone}"), id);
            }
        }
    }

    /// One message on the site, or the last one again if nobody acknowledged it.
    pub(crate) async fn chat(&mut self, firm: &Firm) {
        let who = self.chance(EACH);
        let question = QUESTIONS[self.chance(QUESTIONS.len())];
        let SiteVisitor { token, pending } = self.visitors[who].clone();
        let (id, question) = pending.unwrap_or_else(|| (Uuid::new_v4().to_string(), question));
        let Some(mut visitor) = Visitor::open(&firm.url, token.as_deref(), 0).await else {
            return;
        };
        // Without the token there is no way to ask again: such a visitor is a new one.
        self.visitors[who] = SiteVisitor {
            token: Some(visitor.token()),
            pending: Some((id.clone(), question)),
        };
        if visitor.write(&id, question).await && visitor.is_taken(&id).await {
            let conversation = visitor.hello["conversation"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            self.note(conversation, id);
            self.visitors[who].pending = None;
        }
    }

    fn note(&mut self, conversation: String, id: String) {
        self.written.entry(conversation).or_default().push(id);
    }
}
