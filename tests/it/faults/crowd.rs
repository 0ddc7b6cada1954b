//! Customers on all three channels who write, press, repeat and wait as their apps would, and the staff
//! who take conversations over and give them back.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::{Map, Value, json};
use uuid::Uuid;
use zapis_sandbox::{Line, WebhookMode, WhatsAppAction};

use crate::support::firm::visitor::Visitor;
use crate::support::firm::{Firm, STAFF};

/// Questions that are always answered, never with a call for a person.
const QUESTIONS: [&str; 4] = [
    "Сколько стоит мужская стрижка?",
    "Какой у вас адрес?",
    "До скольки вы работаете?",
    "Сколько стоит женская стрижка?",
];

/// Asks for a person.
pub(crate) const CALL: &str = "Позовите администратора";

/// How many customers there are on each channel.
const EACH: usize = 3;

/// The first of the customers that [`Crowd::stranger`] names.
const STRANGERS: usize = 100;

/// What was written and taken, per conversation, in the order of writing.
pub(crate) type Written = BTreeMap<String, Vec<String>>;

/// The customers.
pub(crate) struct Crowd {
    chance: SmallRng,
    each: usize,
    strangers: usize,
    pub(crate) written: Written,
    /// What the staff wrote to customers; every text is another one.
    pub(crate) said: Vec<Spoken>,
    /// What nobody can use, and so must be in `dead`.
    pub(crate) unusable: i64,
    /// Whether the sessions were lost: then a message may be in two turns, but is answered in one.
    pub(crate) sessions_lost: bool,
    visitors: Vec<SiteVisitor>,
}

/// What a person of the firm wrote.
pub(crate) struct Spoken {
    /// Unlike any other.
    pub(crate) text: String,
    /// In which topic.
    pub(crate) topic: i64,
}

/// A visitor of the site.
#[derive(Clone, Default)]
struct SiteVisitor {
    token: Option<String>,
    /// What is not acknowledged yet: id and text.
    pending: Option<(String, &'static str)>,
    /// The last that was: id and place.
    taken: Option<(String, i64)>,
}

impl Crowd {
    pub(crate) fn new(seed: u64) -> Self {
        Self::of(EACH, seed)
    }

    /// With so many customers on each channel.
    pub(crate) fn of(each: usize, seed: u64) -> Self {
        Self {
            chance: SmallRng::seed_from_u64(seed),
            each,
            strangers: 0,
            written: Written::new(),
            said: Vec::new(),
            unusable: 0,
            sessions_lost: false,
            visitors: vec![SiteVisitor::default(); each],
        }
    }

    /// Picks a number below `below`.
    pub(crate) fn chance(&mut self, below: usize) -> usize {
        self.chance.random_range(0..below)
    }

    /// A number that no customer had before.
    pub(crate) fn stranger(&mut self) -> usize {
        self.strangers += 1;
        STRANGERS + self.strangers
    }

    /// Lets WhatsApp repeat its webhooks, batch them and send them out of order, as it pleases.
    pub(crate) fn unsettle(&mut self, firm: &Firm) {
        let mode = WebhookMode {
            batch: 1 + self.chance(3),
            repeat: 1 + u32::try_from(self.chance(3)).unwrap(),
            shuffle: self.chance(2) == 0,
            parallel: self.chance(2) == 0,
            hold: false,
        };
        firm.sandbox.whatsapp_webhooks(mode).unwrap();
    }

    /// Sends what waits for a batch to fill, and goes on one by one and in order.
    pub(crate) fn calm(firm: &Firm) {
        firm.sandbox
            .whatsapp_webhooks(WebhookMode::default())
            .unwrap();
    }

    /// Whether the messengers were told that everything is taken.
    pub(crate) fn is_taken(&self, firm: &Firm) -> bool {
        let posts = firm.sandbox.whatsapp_posts();
        let taken: BTreeSet<&String> = posts
            .iter()
            .filter(|post| post.status == Some(200))
            .flat_map(|post| &post.messages)
            .collect();
        let whatsapp = self
            .written
            .iter()
            .filter(|(conversation, _)| conversation.starts_with("whatsapp:"));
        let mut ids = whatsapp.flat_map(|(_, ids)| ids);
        firm.sandbox.telegram_pending(None) == 0 && ids.all(|id| taken.contains(id))
    }

    /// Some messages on the messengers. Their providers keep them until they are taken.
    pub(crate) fn write(&mut self, firm: &Firm, count: usize) {
        for _ in 0..count {
            let question = QUESTIONS[self.chance(QUESTIONS.len())];
            let who = self.chance(self.each);
            match self.chance(9) {
                0 if self.press(firm, who) => {}
                0..5 => self.write_telegram(firm, who, question),
                _ => self.write_whatsapp(firm, who, question),
            }
        }
    }

    pub(crate) fn write_telegram(&mut self, firm: &Firm, who: usize, text: &str) {
        let chat = telegram(who);
        let sent = firm.sandbox.telegram_writes(chat, text).unwrap();
        let id = format!("m{chat}:{}", sent["message_id"]);
        self.note(format!("telegram:main:{chat}"), id);
    }

    pub(crate) fn write_whatsapp(&mut self, firm: &Firm, who: usize, text: &str) {
        let phone = whatsapp(who);
        let sent = firm.sandbox.whatsapp_writes(&phone, text).unwrap();
        self.note_whatsapp(&phone, &sent);
    }

    /// Presses a button of the newest message that has one; whether there is any.
    fn press(&mut self, firm: &Firm, who: usize) -> bool {
        let with_button = |lines: Vec<Line>| {
            let buttons = lines.into_iter().rev().flat_map(|line| line.buttons);
            buttons.map(|button| button.title).next()
        };
        let chat = telegram(who);
        if let Some(title) = with_button(firm.sandbox.telegram_transcript(chat, None)) {
            let pressed = firm.sandbox.telegram_presses(chat, &title).unwrap();
            let id = format!("c{}", pressed["callback_query_id"].as_str().unwrap());
            self.note(format!("telegram:main:{chat}"), id);
            return true;
        }
        let phone = whatsapp(who);
        if let Some(title) = with_button(firm.sandbox.whatsapp_transcript(&phone)) {
            let pressed = firm.sandbox.whatsapp_presses(&phone, &title).unwrap();
            self.note_whatsapp(&phone, &pressed);
            return true;
        }
        false
    }

    /// One message on the site, or the last one again if nobody acknowledged it.
    pub(crate) async fn chat(&mut self, firm: &Firm) {
        let who = self.chance(self.each);
        let question = QUESTIONS[self.chance(QUESTIONS.len())];
        let SiteVisitor {
            token,
            pending,
            taken,
        } = self.visitors[who].clone();
        let (id, question) = pending.unwrap_or_else(|| (Uuid::new_v4().to_string(), question));
        let Some(mut visitor) = Visitor::open(&firm.url, token.as_deref(), 0).await else {
            return;
        };
        // Without the token there is no way to ask again: such a visitor is a new one.
        self.visitors[who] = SiteVisitor {
            token: Some(visitor.token()),
            pending: Some((id.clone(), question)),
            taken: taken.clone(),
        };
        // Also what was acknowledged may come once more: it gets the same answer.
        if let Some((id, seq)) = taken
            && self.chance(3) == 0
            && visitor.write(&id, question).await
            && let Some(again) = visitor.ack(&id).await
        {
            assert_eq!(again, seq, "a repeat got another place");
        }
        if visitor.write(&id, question).await
            && let Some(seq) = visitor.ack(&id).await
        {
            let conversation = visitor.hello["conversation"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            self.note(conversation, id.clone());
            self.visitors[who].pending = None;
            self.visitors[who].taken = Some((id, seq));
        }
    }

    /// Somebody asks for a person, or a person answers somebody, or hands a conversation back.
    pub(crate) fn staff(&mut self, firm: &Firm) {
        let topics = firm.sandbox.telegram_topics(STAFF);
        if topics.is_empty() || self.chance(4) == 0 {
            let who = self.chance(self.each);
            match self.chance(2) {
                0 => self.write_telegram(firm, who, CALL),
                _ => self.write_whatsapp(firm, who, CALL),
            }
            return;
        }
        let (topic, _) = topics[self.chance(topics.len())];
        if self.chance(2) == 0 {
            let text = format!("Ольга слушает вас, {}", Uuid::new_v4());
            let sent = firm.sandbox.staff_writes(STAFF, Some(topic), &text);
            sent.unwrap();
            self.said.push(Spoken { text, topic });
        }
        firm.sandbox
            .staff_writes(STAFF, Some(topic), "/bot")
            .unwrap();
    }

    /// Staff answers from the phone that shares the WhatsApp number.
    pub(crate) fn take_over_by_phone(firm: &Firm, who: usize) {
        let echoes = WhatsAppAction::StaffEchoes {
            customer: whatsapp(who).as_str().into(),
            text: "Это Ольга, с телефона".into(),
        };
        firm.sandbox.whatsapp(echoes).unwrap();
    }

    /// WhatsApp tells of something without a head or tail.
    pub(crate) fn tell_nonsense(&mut self, firm: &Firm) {
        let Value::Object(value) = json!({ "messages": [{ "note": Uuid::new_v4() }] }) else {
            unreachable!()
        };
        self.unusable += 1;
        let raw = WhatsAppAction::Raw {
            field: "messages".into(),
            value: Map::from_iter(value),
            with_head: true,
        };
        firm.sandbox.whatsapp(raw).unwrap();
    }

    fn note_whatsapp(&mut self, phone: &str, sent: &Value) {
        let id = sent["id"]
            .as_str()
            .unwrap_or_else(|| panic!("no id in {sent}"))
            .to_owned();
        self.note(format!("whatsapp:main:{phone}"), id);
    }

    fn note(&mut self, conversation: String, id: String) {
        self.written.entry(conversation).or_default().push(id);
    }
}

/// A customer's chat in Telegram.
pub(crate) fn telegram(who: usize) -> i64 {
    8_000 + i64::try_from(who).unwrap()
}

/// A customer's phone on WhatsApp.
pub(crate) fn whatsapp(who: usize) -> String {
    format!("79210000{who:03}")
}
