//! `POST /messages`: send, mark as read, show typing; and the statuses that follow.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::graph::{GraphError, status_error};
use super::state::{Message, Office, WINDOW, wamid};
use super::templates;
use super::validate::{self, Valid};
use crate::transcript::{Button, words};
use crate::world::World;

/// Messages a second from one number.
const PER_SECOND: usize = 80;
/// Messages one customer takes at once, before the pace of one in six seconds applies.
const PAIR_BURST: usize = 45;
const PAIR_PACE: Duration = Duration::from_secs(6);

/// Takes a body of `/messages`.
pub(crate) fn send(world: &Arc<World>, number: usize, body: &Value) -> Result<Value, GraphError> {
    let result = {
        let mut state = world.state();
        let mut office = Office::new(world, &mut state.whatsapp, number);
        if body.get("status").is_some() {
            office.mark_read(body)
        } else {
            office.send(body)
        }
    };
    world.changed();
    result
}

impl Office<'_> {
    fn mark_read(&mut self, body: &Value) -> Result<Value, GraphError> {
        if body["messaging_product"] != "whatsapp" {
            return Err(GraphError::parameter(
                "The parameter messaging_product is required.",
            ));
        }
        if body["status"] != "read" {
            return Err(GraphError::parameter("Param status must be one of {read}"));
        }
        let typing = body.get("typing_indicator");
        if typing.is_some_and(|typing| typing["type"] != "text") {
            return Err(GraphError::parameter(
                "Param typing_indicator['type'] must be one of {text}",
            ));
        }
        let id = body["message_id"].as_str().unwrap_or_default();
        let number = self.line().config.phone_number_id.clone();
        let line = self.line();
        let found = line
            .messages
            .iter_mut()
            .find(|message| message.id == id && message.from == "customer");
        let message = found.ok_or_else(|| GraphError::invalid("message_id not found"))?;
        message.status = Some("read".to_owned());
        let customer = line
            .customers
            .get(message.customer)
            .map(|customer| customer.key().to_owned());
        self.world.show(json!({
            "type": "whatsapp.read", "number": number, "customer": customer, "id": id,
            "typing": typing.is_some()
        }));
        Ok(json!({ "success": true }))
    }

    fn send(&mut self, body: &Value) -> Result<Value, GraphError> {
        let valid = validate::message(body)?;
        let wa_id: String = valid
            .recipient
            .chars()
            .filter(char::is_ascii_digit)
            .collect();
        let id = if valid.by_phone {
            wa_id.as_str()
        } else {
            valid.recipient
        };
        if valid.by_phone && wa_id == self.line().config.display_phone_number {
            return Err(GraphError::new(400, 131_021, "Recipient cannot be sender"));
        }
        let allowed = &self.line().allowed;
        if allowed
            .as_ref()
            .is_some_and(|allowed| !allowed.iter().any(|known| known == id))
        {
            return Err(GraphError::new(
                400,
                131_030,
                "Recipient phone number not in allowed list",
            ));
        }
        self.check_media(&valid)?;
        let rendered = match valid.kind {
            "template" => Some(templates::render(
                self.line(),
                valid.content,
                valid.by_phone,
            )?),
            _ => None,
        };
        let customer = self.customer(id);
        if self.world.limits() {
            self.throttle(customer)?;
        }
        let message_id = wamid();
        let (text, buttons) = match rendered {
            Some(rendered) => rendered,
            None => shown(valid.kind, valid.content),
        };
        let refused = self.refusal(customer, valid.kind == "template");
        let accepted = Message {
            id: message_id.clone(),
            customer,
            from: "bot",
            at: self.now,
            body: body.clone(),
            status: Some("accepted".to_owned()),
            text,
            buttons,
        };
        self.keep(accepted);
        self.report(customer, &message_id, &valid, refused);

        let mut contact = json!({ "input": valid.recipient });
        let (key, value) = if valid.by_phone {
            ("wa_id", &*wa_id)
        } else {
            ("user_id", id)
        };
        contact[key] = json!(value);
        let mut sent = json!({ "id": message_id });
        if valid.kind == "template" {
            sent["message_status"] = json!("accepted");
        }
        Ok(json!({"messaging_product": "whatsapp", "contacts": [contact], "messages": [sent]}))
    }

    fn check_media(&self, valid: &Valid<'_>) -> Result<(), GraphError> {
        let is_media = matches!(
            valid.kind,
            "image" | "video" | "audio" | "document" | "sticker"
        );
        match valid.content["id"].as_str().filter(|_| is_media) {
            Some(id) if !self.whatsapp.media.contains_key(id) => {
                Err(GraphError::invalid(format!("Media ID {id} does not exist")))
            }
            _ => Ok(()),
        }
    }

    fn throttle(&mut self, customer: usize) -> Result<(), GraphError> {
        let now = Instant::now();
        let line = self.line();
        let second = Duration::from_secs(1);
        if count(&mut line.sent, second, now) >= PER_SECOND {
            return Err(GraphError::new(429, 130_429, "Rate limit hit").because(
                "Message failed to send because there were too many messages sent from this phone number in a short period of time",
            ));
        }
        if let Some(customer) = line.customers.get_mut(customer) {
            let window = PAIR_PACE * u32::try_from(PAIR_BURST).unwrap_or(u32::MAX);
            if count(&mut customer.received, window, now) >= PAIR_BURST {
                return Err(GraphError::new(
                    400,
                    131_056,
                    "(Business Account, Consumer Account) pair rate limit hit",
                ));
            }
            customer.received.push_back(now);
        }
        line.sent.push_back(now);
        Ok(())
    }

    /// Why a message that is accepted will not arrive.
    fn refusal(&mut self, customer: usize, is_template: bool) -> Option<i64> {
        let now = self.now;
        let customer = self.line().customers.get(customer)?;
        let open = customer.wrote.is_some_and(|wrote| wrote + WINDOW > now);
        customer
            .fails
            .or_else(|| (!open && !is_template).then_some(131_047))
    }

    /// Queues the statuses of a message.
    fn report(&mut self, customer: usize, id: &str, valid: &Valid<'_>, refused: Option<i64>) {
        let line = self.line();
        let steps = match refused {
            Some(_) if line.statuses.is_empty() => Vec::new(),
            Some(_) => vec!["failed".to_owned()],
            None => line.statuses.clone(),
        };
        for step in steps {
            let status = self.status(customer, id, &step, valid, refused);
            self.show_status(id, &step);
            let mut value = self.value();
            if refused.is_none()
                && let Some(customer) = self.line().customers.get(customer)
            {
                value.insert("contacts".to_owned(), json!([customer.contact()]));
            }
            value.insert("statuses".to_owned(), json!([status]));
            self.tell("messages", value);
        }
    }

    fn status(
        &mut self,
        customer: usize,
        id: &str,
        step: &str,
        valid: &Valid<'_>,
        refused: Option<i64>,
    ) -> Map<String, Value> {
        let now = self.now;
        let mut status = Map::new();
        status.insert("id".to_owned(), json!(id));
        status.insert("status".to_owned(), json!(step));
        status.insert("timestamp".to_owned(), json!(now.to_string()));
        if let Some(customer) = self.line().customers.get(customer) {
            if let Some(wa_id) = customer.wa_id.as_ref().filter(|_| valid.by_phone) {
                status.insert("recipient_id".to_owned(), json!(wa_id));
            }
            status.insert("recipient_user_id".to_owned(), json!(customer.user_id));
        }
        if let Some(code) = refused {
            status.insert("errors".to_owned(), json!([status_error(code)]));
        } else {
            let (billable, kind, category) = match valid.kind {
                "template" => (true, "regular", "utility"),
                _ => (false, "free_customer_service", "service"),
            };
            let pricing = json!({
                "billable": billable, "pricing_model": "PMP", "type": kind, "category": category
            });
            status.insert("pricing".to_owned(), pricing);
        }
        if let Some(opaque) = valid.opaque {
            status.insert("biz_opaque_callback_data".to_owned(), json!(opaque));
        }
        status
    }

    /// What the customer's app shows never goes back to an earlier state.
    pub(crate) fn show_status(&mut self, id: &str, step: &str) {
        let rank = |status: &str| match status {
            "sent" => 1,
            "delivered" => 2,
            "read" | "played" => 3,
            "failed" => 4,
            _ => 0,
        };
        let number = self.line().config.phone_number_id.clone();
        let message = self
            .line()
            .messages
            .iter_mut()
            .find(|message| message.id == id);
        let Some(message) = message else {
            return;
        };
        if rank(step) > message.status.as_deref().map_or(0, rank) {
            message.status = Some(step.to_owned());
            self.world.show(json!({
                "type": "whatsapp.status", "number": number, "id": id, "status": step
            }));
        }
    }
}

fn count(sent: &mut VecDeque<Instant>, window: Duration, now: Instant) -> usize {
    while sent
        .front()
        .is_some_and(|first| now.duration_since(*first) >= window)
    {
        sent.pop_front();
    }
    sent.len()
}

/// Text and buttons as the customer sees them.
fn shown(kind: &str, content: &Value) -> (String, Vec<Button>) {
    let text = match kind {
        "text" => words(&content["body"]),
        "interactive" => words(&content["body"]["text"]),
        "reaction" => words(&content["emoji"]),
        _ => words(&content["caption"]),
    };
    let action = &content["action"];
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut buttons: Vec<Button> = list(&action["buttons"])
        .iter()
        .map(|button| Button {
            title: words(&button["reply"]["title"]),
            payload: words(&button["reply"]["id"]),
        })
        .collect();
    let rows = list(&action["sections"])
        .into_iter()
        .flat_map(|section| list(&section["rows"]));
    buttons.extend(rows.map(|row| Button {
        title: words(&row["title"]),
        payload: words(&row["id"]),
    }));
    (text, buttons)
}
