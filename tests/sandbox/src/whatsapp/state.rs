//! Numbers, customers, messages and what waits to be told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use serde_json::{Map, Value, json};

use super::webhook::{Item, Mode, Post};
use crate::config::{SandboxConfig, WhatsAppNumber, WhatsAppTemplate};
use crate::transcript::{self, Button};
use crate::world::World;

/// How long after a customer's message anything may be sent, in seconds.
pub(crate) const WINDOW: i64 = 24 * 3600;

/// All of WhatsApp.
pub(crate) struct WhatsApp {
    pub(crate) numbers: Vec<Line>,
    pub(crate) media: BTreeMap<String, Media>,
    /// The newest webhooks that were sent.
    pub(crate) posts: VecDeque<Post>,
}

/// A business number.
pub(crate) struct Line {
    pub(crate) config: WhatsAppNumber,
    pub(crate) templates: Vec<WhatsAppTemplate>,
    pub(crate) customers: Vec<Customer>,
    pub(crate) messages: Vec<Message>,
    pub(crate) pending: Vec<Item>,
    pub(crate) mode: Mode,
    /// Which statuses follow a send, in which order.
    pub(crate) statuses: Vec<String>,
    /// Who may be written to, if not everybody (test numbers).
    pub(crate) allowed: Option<Vec<String>>,
    pub(crate) sent: VecDeque<Instant>,
}

/// Somebody with WhatsApp.
pub(crate) struct Customer {
    pub(crate) wa_id: Option<String>,
    pub(crate) user_id: String,
    pub(crate) name: Option<String>,
    pub(crate) username: Option<String>,
    /// When they last wrote.
    pub(crate) wrote: Option<i64>,
    /// What every send to them fails with.
    pub(crate) fails: Option<i64>,
    pub(crate) received: VecDeque<Instant>,
}

/// A message, whoever wrote it.
pub(crate) struct Message {
    pub(crate) id: String,
    /// Index in `customers`.
    pub(crate) customer: usize,
    pub(crate) from: &'static str,
    pub(crate) at: i64,
    pub(crate) body: Value,
    pub(crate) status: Option<String>,
    pub(crate) text: String,
    pub(crate) buttons: Vec<Button>,
}

/// A file on WhatsApp's servers.
pub(crate) struct Media {
    pub(crate) mime_type: String,
    pub(crate) bytes: Bytes,
    /// Which part of the bytes a pretended size stands for is not kept.
    pub(crate) size: u64,
}

impl WhatsApp {
    pub(crate) fn new(config: &SandboxConfig) -> Self {
        let numbers = config.whatsapp.iter().map(|number| Line {
            config: number.clone(),
            templates: number.templates.clone(),
            customers: Vec::new(),
            messages: Vec::new(),
            pending: Vec::new(),
            mode: Mode::default(),
            statuses: ["sent", "delivered", "read"].map(str::to_owned).to_vec(),
            allowed: None,
            sent: VecDeque::new(),
        });
        Self {
            numbers: numbers.collect(),
            media: BTreeMap::new(),
            posts: VecDeque::new(),
        }
    }

    /// Where the events of each number go.
    pub(crate) fn webhook_urls(&self) -> Vec<Option<String>> {
        self.numbers
            .iter()
            .map(|line| line.config.webhook_url.clone())
            .collect()
    }

    /// Goes on sending events there.
    pub(crate) fn keep_webhook_urls(&mut self, urls: Vec<Option<String>>) {
        for (line, url) in self.numbers.iter_mut().zip(urls) {
            line.config.webhook_url = url;
        }
    }
}

impl Customer {
    /// As listed in `contacts[]`.
    pub(crate) fn contact(&self) -> Value {
        let mut contact = Map::new();
        let mut profile = Map::new();
        for (key, value) in [("name", &self.name), ("username", &self.username)] {
            if let Some(value) = value {
                profile.insert(key.to_owned(), json!(value));
            }
        }
        if !profile.is_empty() {
            contact.insert("profile".to_owned(), Value::Object(profile));
        }
        if let Some(wa_id) = &self.wa_id {
            contact.insert("wa_id".to_owned(), json!(wa_id));
        }
        contact.insert("user_id".to_owned(), json!(self.user_id));
        Value::Object(contact)
    }

    /// Whether a phone or a user id means this customer.
    pub(crate) fn is(&self, id: &str) -> bool {
        self.user_id == id || self.wa_id.as_deref() == Some(id)
    }

    /// What this customer is called in transcripts and on the page.
    pub(crate) fn key(&self) -> &str {
        self.wa_id.as_deref().unwrap_or(&self.user_id)
    }
}

/// Whether this is a business-scoped user id.
pub(crate) fn is_user_id(id: &str) -> bool {
    let Some((country, rest)) = id.split_once('.') else {
        return false;
    };
    let rest = rest.strip_prefix("ENT.").unwrap_or(rest);
    country.len() == 2
        && country.chars().all(|c| c.is_ascii_uppercase())
        && (1..=128).contains(&rest.len())
        && rest.chars().all(|c| c.is_ascii_alphanumeric())
}

/// A new message id.
pub(crate) fn wamid() -> String {
    format!(
        "wamid.HBgL{}",
        uuid::Uuid::new_v4()
            .simple()
            .to_string()
            .to_ascii_uppercase()
    )
}

/// One number at work, with everything locked.
pub(crate) struct Office<'a> {
    pub(crate) world: &'a Arc<World>,
    pub(crate) whatsapp: &'a mut WhatsApp,
    pub(crate) number: usize,
    pub(crate) now: i64,
}

impl<'a> Office<'a> {
    pub(crate) fn new(world: &'a Arc<World>, whatsapp: &'a mut WhatsApp, number: usize) -> Self {
        let now = world.now();
        Self {
            world,
            whatsapp,
            number,
            now,
        }
    }

    /// The number. Its index comes from a search in the same list.
    pub(crate) fn line(&mut self) -> &mut Line {
        &mut self.whatsapp.numbers[self.number]
    }

    /// The index of a customer, who exists from now on.
    pub(crate) fn customer(&mut self, id: &str) -> usize {
        let line = self.line();
        if let Some(index) = line.customers.iter().position(|customer| customer.is(id)) {
            return index;
        }
        let hidden = is_user_id(id);
        line.customers.push(Customer {
            wa_id: (!hidden).then(|| id.to_owned()),
            user_id: if hidden {
                id.to_owned()
            } else {
                format!("RU.1{id:0>19}")
            },
            name: None,
            username: None,
            wrote: None,
            fails: None,
            received: VecDeque::new(),
        });
        line.customers.len() - 1
    }

    /// Puts a message into a dialogue and tells the page.
    pub(crate) fn keep(&mut self, message: Message) {
        let (now, number) = (self.now, self.line().config.phone_number_id.clone());
        let line = self.line();
        let Some(customer) = line.customers.get(message.customer) else {
            return;
        };
        let open = customer.wrote.is_some_and(|wrote| wrote + WINDOW > now);
        let event = json!({
            "type": "whatsapp.message", "number": number, "customer": customer.key(),
            "window_open": open, "line": transcript(&message)
        });
        line.messages.push(message);
        self.world.show(event);
    }

    /// The head of every value.
    pub(crate) fn value(&mut self) -> Map<String, Value> {
        let config = &self.line().config;
        let metadata = json!({
            "display_phone_number": config.display_phone_number,
            "phone_number_id": config.phone_number_id
        });
        let mut value = Map::new();
        value.insert("messaging_product".to_owned(), json!("whatsapp"));
        value.insert("metadata".to_owned(), metadata);
        value
    }

    /// Queues something for the webhook.
    pub(crate) fn tell(&mut self, field: &str, value: Map<String, Value>) {
        let item = Item {
            field: field.to_owned(),
            value: Value::Object(value),
        };
        self.line().pending.push(item);
    }
}

/// A message as a line of a transcript.
pub(crate) fn transcript(message: &Message) -> transcript::Line {
    transcript::Line {
        id: message.id.clone(),
        from: message.from.to_owned(),
        text: message.text.clone(),
        buttons: message.buttons.clone(),
        at: message.at,
        status: message.status.clone(),
        raw: message.body.clone(),
    }
}
