//! Lets customers and staff act: what they do becomes messages and events.

use axum::body::Bytes;
use serde_json::{Map, Value, json};

use super::media;
use super::people::{WhatsAppAction, WhatsAppCustomer};
use super::state::{Message, Office, wamid};
use super::webhook;
use crate::samples;
use crate::sandbox::ControlError;
use crate::transcript::words;

fn unknown(what: &str) -> ControlError {
    ControlError::Impossible(format!("there is no such {what}"))
}

impl Office<'_> {
    /// Lets it happen; returns the ids it produced.
    pub(crate) fn act(&mut self, action: WhatsAppAction) -> Result<Value, ControlError> {
        match action {
            WhatsAppAction::Writes {
                customer,
                text,
                reply_to,
                at,
            } => {
                let customer = self.known(customer);
                let mut extra = Map::new();
                if let Some(id) = reply_to {
                    extra.insert("context".to_owned(), self.context(&id));
                }
                if let Some(at) = at {
                    extra.insert("timestamp".to_owned(), json!(at.to_string()));
                }
                Ok(self.receive(customer, "text", &json!({ "body": text }), extra))
            }
            WhatsAppAction::Presses {
                customer,
                button,
                message_id,
            } => {
                let customer = self.known(customer);
                self.press(customer, &button, message_id.as_deref())
            }
            WhatsAppAction::Sends {
                customer,
                kind,
                caption,
                filename,
                mime_type,
                content,
            } => {
                let customer = self.known(customer);
                let bytes = content.map_or_else(|| samples::of(&kind), Bytes::from);
                let mime_type = mime_type.unwrap_or_else(|| usual_type(&kind).to_owned());
                let sha256 = media::checksum(&bytes);
                let id = media::keep(self.whatsapp, &mime_type, bytes);
                let mut object = json!({"id": id, "mime_type": mime_type, "sha256": sha256});
                let extras = [
                    ("caption", caption),
                    ("filename", filename.filter(|_| kind == "document")),
                ];
                for (key, value) in extras {
                    if let Some(value) = value {
                        object[key] = json!(value);
                    }
                }
                if kind == "audio" {
                    object["voice"] = json!(true);
                }
                Ok(self.receive(customer, &kind, &object, Map::new()))
            }
            WhatsAppAction::SendsObject {
                customer,
                kind,
                object,
                extra,
            } => {
                let customer = self.known(customer);
                Ok(self.receive(customer, &kind, &object, extra))
            }
            WhatsAppAction::StaffEchoes { customer, text } => {
                let customer = self.known(customer);
                Ok(self.echo(customer, &text))
            }
            WhatsAppAction::Prefers { customer, value } => {
                let customer = self.known(customer);
                self.prefer(customer, &value);
                Ok(json!({}))
            }
            WhatsAppAction::RotatesUserId { customer, user_id } => {
                let customer = self.known(customer);
                self.rotate(customer, user_id);
                Ok(json!({}))
            }
            setting => self.set(setting),
        }
    }

    fn set(&mut self, setting: WhatsAppAction) -> Result<Value, ControlError> {
        match setting {
            WhatsAppAction::WindowCloses { customer } => {
                let customer = self.known(customer);
                if let Some(customer) = self.line().customers.get_mut(customer) {
                    customer.wrote = None;
                }
            }
            WhatsAppAction::Fails { customer, code } => {
                let customer = self.known(customer);
                if let Some(customer) = self.line().customers.get_mut(customer) {
                    customer.fails = code;
                }
            }
            WhatsAppAction::AllowsOnly { recipients } => self.line().allowed = recipients,
            WhatsAppAction::Statuses { order } => self.line().statuses = order,
            WhatsAppAction::Template(template) => {
                let templates = &mut self.line().templates;
                templates
                    .retain(|old| old.name != template.name || old.language != template.language);
                templates.push(template);
            }
            WhatsAppAction::Webhooks { mode } => self.line().mode = mode,
            WhatsAppAction::Flush => webhook::flush(self.line()),
            WhatsAppAction::WebhookUrl { url } => self.line().config.webhook_url = url,
            WhatsAppAction::Raw {
                field,
                value,
                with_head,
            } => {
                let mut whole = if with_head { self.value() } else { Map::new() };
                whole.extend(value);
                self.tell(&field, whole);
            }
            _ => return Err(unknown("action")),
        }
        Ok(json!({}))
    }

    /// The index of whoever acts, with what is newly known about them.
    fn known(&mut self, given: WhatsAppCustomer) -> usize {
        let index = self.customer(&given.id);
        if let Some(customer) = self.line().customers.get_mut(index) {
            customer.name = given
                .name
                .or(customer.name.take())
                .or(Some("Анна".to_owned()));
            customer.username = given.username.or(customer.username.take());
            if let Some(user_id) = given.user_id {
                customer.user_id = user_id;
            }
        }
        index
    }

    fn context(&mut self, id: &str) -> Value {
        let own = self.line().config.display_phone_number.clone();
        json!({"from": own, "id": id})
    }

    /// A message from a customer: into the dialogue and to the webhook.
    fn receive(
        &mut self,
        customer: usize,
        kind: &str,
        object: &Value,
        extra: Map<String, Value>,
    ) -> Value {
        let now = self.now;
        let id = wamid();
        let line = self.line();
        let Some(person) = line.customers.get_mut(customer) else {
            return Value::Null;
        };
        let mut message = Map::new();
        if let Some(wa_id) = &person.wa_id {
            message.insert("from".to_owned(), json!(wa_id));
        }
        message.insert("from_user_id".to_owned(), json!(person.user_id));
        message.insert("id".to_owned(), json!(id));
        message.insert("timestamp".to_owned(), json!(now.to_string()));
        message.insert("type".to_owned(), json!(kind));
        if !object.is_null() {
            message.insert(kind.to_owned(), object.clone());
        }
        message.extend(extra);
        let written_at = message["timestamp"]
            .as_str()
            .and_then(|at| at.parse().ok())
            .unwrap_or(now);
        // Group messages, edits and system notices do not open the window.
        if !message.contains_key("group_id") && !matches!(kind, "system" | "edit" | "revoke") {
            person.wrote = Some(person.wrote.unwrap_or(written_at).max(written_at));
        }
        let contact = person.contact();
        let body = Value::Object(message);
        let kept = Message {
            id: id.clone(),
            customer,
            from: "customer",
            at: written_at,
            body: body.clone(),
            status: None,
            text: said(kind, object),
            buttons: Vec::new(),
        };
        self.keep(kept);
        let mut value = self.value();
        if kind != "system" {
            value.insert("contacts".to_owned(), json!([contact]));
        }
        value.insert("messages".to_owned(), json!([body]));
        self.tell("messages", value);
        json!({ "id": id })
    }

    fn press(
        &mut self,
        customer: usize,
        button: &str,
        message_id: Option<&str>,
    ) -> Result<Value, ControlError> {
        let line = self.line();
        let offered = line.messages.iter().rev().filter(|message| {
            message.customer == customer && message_id.is_none_or(|wanted| wanted == message.id)
        });
        let found = offered.into_iter().find_map(|message| {
            let by_id = message.buttons.iter().find(|offer| offer.payload == button);
            let offer =
                by_id.or_else(|| message.buttons.iter().find(|offer| offer.title == button))?;
            Some((message.id.clone(), message.body.clone(), offer.clone()))
        });
        let (id, body, offer) = found.ok_or_else(|| unknown("button"))?;
        let mut extra = Map::new();
        extra.insert("context".to_owned(), self.context(&id));
        if body["type"] == "template" {
            let pressed = json!({"text": offer.title, "payload": offer.payload});
            return Ok(self.receive(customer, "button", &pressed, extra));
        }
        let reply = if body["interactive"]["type"] == "list" {
            "list_reply"
        } else {
            "button_reply"
        };
        let pressed = json!({"type": reply, reply: {"id": offer.payload, "title": offer.title}});
        Ok(self.receive(customer, "interactive", &pressed, extra))
    }

    fn echo(&mut self, customer: usize, text: &str) -> Value {
        let now = self.now;
        let id = wamid();
        let from = self.line().config.display_phone_number.clone();
        let Some(person) = self.line().customers.get(customer) else {
            return Value::Null;
        };
        let contact = person.contact();
        let mut echo = json!({
            "from": from, "id": id, "timestamp": now.to_string(), "type": "text",
            "text": {"body": text}, "to_user_id": person.user_id
        });
        if let Some(wa_id) = &person.wa_id {
            echo["to"] = json!(wa_id);
        }
        self.keep(Message {
            id: id.clone(),
            customer,
            from: "staff",
            at: now,
            body: echo.clone(),
            status: Some("sent".to_owned()),
            text: text.to_owned(),
            buttons: Vec::new(),
        });
        let mut value = self.value();
        value.insert("contacts".to_owned(), json!([contact]));
        value.insert("message_echoes".to_owned(), json!([echo]));
        self.tell("smb_message_echoes", value);
        json!({ "id": id })
    }

    fn prefer(&mut self, customer: usize, choice: &str) {
        let now = self.now;
        let Some(person) = self.line().customers.get(customer) else {
            return;
        };
        let contact = person.contact();
        let mut preference = json!({
            "category": "marketing_messages", "value": choice, "timestamp": now,
            "detail": format!("User requested to {choice} marketing messages"),
            "user_id": person.user_id
        });
        if let Some(wa_id) = &person.wa_id {
            preference["wa_id"] = json!(wa_id);
        }
        let mut value = self.value();
        value.insert("contacts".to_owned(), json!([contact]));
        value.insert("user_preferences".to_owned(), json!([preference]));
        self.tell("user_preferences", value);
    }

    fn rotate(&mut self, customer: usize, user_id: String) {
        let now = self.now;
        let Some(person) = self.line().customers.get_mut(customer) else {
            return;
        };
        let previous = std::mem::replace(&mut person.user_id, user_id);
        let contact = person.contact();
        let mut update = json!({
            "detail": "User id has been updated.", "timestamp": now.to_string(),
            "user_id": {"previous": previous, "current": person.user_id}
        });
        if let Some(wa_id) = &person.wa_id {
            update["wa_id"] = json!(wa_id);
        }
        let mut value = self.value();
        value.insert("contacts".to_owned(), json!([contact]));
        value.insert("user_id_update".to_owned(), json!([update]));
        self.tell("user_id_update", value);
    }
}

fn usual_type(kind: &str) -> &'static str {
    match kind {
        "image" => "image/jpeg",
        "video" => "video/mp4",
        "audio" => "audio/ogg; codecs=opus",
        "sticker" => "image/webp",
        _ => "application/pdf",
    }
}

/// What a message says, for the transcript.
fn said(kind: &str, object: &Value) -> String {
    match kind {
        "text" => words(&object["body"]),
        "interactive" => {
            let reply = object
                .get("button_reply")
                .or_else(|| object.get("list_reply"));
            reply
                .map(|reply| words(&reply["title"]))
                .unwrap_or_default()
        }
        "button" => words(&object["text"]),
        "reaction" => words(&object["emoji"]),
        _ => words(&object["caption"]),
    }
}
