//! What one item of a webhook means. Nothing is looked up here; see `webhook` for that.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use uuid::Uuid;
use zapis_core::message::{DeliveryReport, DeliveryStatus, Profile, ProviderError, What};
use zapis_core::store::{NewOwner, OwnershipChange};

use super::envelope::{Item, Kind};
use super::json::{id, text, time};
use super::people::{Sender, distinct, is_phone, phone, receiver, sender};
use super::translate::{Unusable, own_phone, what, words_of_any};
use crate::http::clean;

/// Marketing messages are no longer wanted: the error that a send to such a customer ends with.
const OPTED_OUT: &str = "131050";

/// What an item means.
#[derive(Debug)]
pub(super) enum Reading {
    /// Nothing for us; the word says why, for metrics.
    Nothing(&'static str),
    /// Somebody did something in a conversation.
    Deed(Box<Deed>),
    /// Something went wrong at the provider, for the operator.
    Trouble(ProviderError),
    /// How far a message of ours got; a refusal of advertising comes with it.
    Report(Box<DeliveryReport>, Option<Box<Deed>>),
}

/// Something done in a conversation, before it is known which one.
#[derive(Debug)]
pub(super) struct Deed {
    /// The customer's ids, the one that names the conversation first.
    pub(super) ids: Vec<String>,
    /// The native id of it.
    pub(super) id: String,
    /// When.
    pub(super) at: DateTime<Utc>,
    /// What is known of the customer.
    pub(super) profile: Profile,
    /// What happened.
    pub(super) what: What,
    /// Whether it changes who may speak.
    pub(super) ownership: Option<OwnershipChange>,
    /// The customer's new id of the business's scope, where it has changed.
    pub(super) new_id: Option<String>,
}

/// What is needed to read an item.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    /// The account it belongs to.
    pub(super) account: &'a str,
    /// How long a person who answers on the phone keeps the conversation.
    pub(super) takeover: TimeDelta,
    /// The time of arrival.
    pub(super) now: DateTime<Utc>,
}

impl Reader<'_> {
    /// Reads an item.
    pub(super) fn read(&self, item: &Item<'_>) -> Result<Reading, Unusable> {
        let value: Value = serde_json::from_str(item.raw.get())
            .map_err(|_| Unusable("the item cannot be read"))?;
        let value = &value;
        match item.kind {
            Kind::Message => self.message(value, item),
            Kind::Status => self.status(value),
            Kind::Echo => self.echo(value, item),
            Kind::Preference => self.preference(value, item),
            Kind::UserId => self.user_id(value),
            Kind::Error => Ok(Reading::Trouble(error_of(value))),
        }
    }

    fn message(&self, message: &Value, item: &Item<'_>) -> Result<Reading, Unusable> {
        if in_group(message) {
            return Ok(Reading::Nothing("group"));
        }
        let what = what(message)?;
        let Sender { ids, mut profile } = sender(message, &item.contacts, item.alone);
        let (mut ids, mut new_id) = (ids, None);
        if message["type"] == "system" {
            ids = renamed(message, ids, &mut profile);
            new_id = id(message, "/system/user_id");
        }
        if let Some(own) = own_phone(message) {
            profile.phone = Some(format!("+{own}"));
            ids = distinct(ids.into_iter().chain([own]).map(Some));
        }
        Ok(Reading::Deed(Box::new(Deed {
            ids,
            id: id(message, "/id").ok_or(Unusable("the message has no id"))?,
            at: time(message, "/timestamp", self.now),
            profile,
            what,
            ownership: None,
            new_id,
        })))
    }

    fn status(&self, status: &Value) -> Result<Reading, Unusable> {
        let provider_id = id(status, "/id").ok_or(Unusable("the status is of no message"))?;
        let name = status["status"]
            .as_str()
            .ok_or(Unusable("the status has no name"))?;
        let progress = match name {
            "sent" => DeliveryStatus::Sent,
            "delivered" => DeliveryStatus::Delivered,
            "read" | "played" => DeliveryStatus::Read,
            "failed" => DeliveryStatus::Failed,
            _ => return Ok(Reading::Nothing("status")),
        };
        if status["recipient_type"] == "group" {
            return Ok(Reading::Nothing("group"));
        }
        let error = (progress == DeliveryStatus::Failed).then(|| error_of(&status["errors"][0]));
        let at = time(status, "/timestamp", self.now);
        let opted_out = error.as_ref().is_some_and(|error| error.code == OPTED_OUT);
        let deed = opted_out.then(|| {
            let ids = [
                id(status, "/recipient_user_id"),
                phone(status, "/recipient_id"),
                id(status, "/recipient_parent_user_id"),
            ];
            Box::new(advertising(
                false,
                format!("optout:{provider_id}"),
                at,
                distinct(ids),
            ))
        });
        let report = DeliveryReport {
            account: format!("whatsapp:{}", self.account),
            provider_id,
            outbound_id: our_id(status),
            status: progress,
            error,
            at,
        };
        Ok(Reading::Report(Box::new(report), deed))
    }

    /// What a person of the firm wrote on the phone: they have the conversation from then on.
    fn echo(&self, echo: &Value, item: &Item<'_>) -> Result<Reading, Unusable> {
        if in_group(echo) {
            return Ok(Reading::Nothing("group"));
        }
        let id = id(echo, "/id").ok_or(Unusable("the echo has no id"))?;
        let at = time(echo, "/timestamp", self.now);
        let Sender { ids, profile } = receiver(echo, &item.contacts);
        let who = "WhatsApp".to_owned();
        let (what, takes_over) = match echo["type"].as_str() {
            None => return Err(Unusable("the echo has no type")),
            Some("revoke") => {
                let kind = "staff_deleted".to_owned();
                (What::Notice { kind, text: None }, false)
            }
            Some(kind) => {
                let message = if kind == "edit" {
                    &echo["edit"]["message"]
                } else {
                    echo
                };
                let text = words_of_any(message);
                let delivered = true;
                let said = What::Staff {
                    who: who.clone(),
                    text,
                    delivered,
                };
                (said, true)
            }
        };
        let until = at + self.takeover;
        let ownership = takes_over.then(|| OwnershipChange {
            cause: id.clone(),
            at,
            to: NewOwner::Staff { who, until },
        });
        Ok(Reading::Deed(Box::new(Deed {
            ids,
            id,
            at,
            profile,
            what,
            ownership,
            new_id: None,
        })))
    }

    fn preference(&self, preference: &Value, item: &Item<'_>) -> Result<Reading, Unusable> {
        let wanted = match preference["value"].as_str() {
            Some("stop") => false,
            Some("resume" | "signup") => true,
            Some(_) => return Ok(Reading::Nothing("preference")),
            None => return Err(Unusable("the preference has no value")),
        };
        let contact = match &*item.contacts {
            [only] if item.alone => only,
            _ => &Value::Null,
        };
        let ids = distinct([
            id(preference, "/user_id").or_else(|| id(contact, "/user_id")),
            phone(preference, "/wa_id").or_else(|| phone(contact, "/wa_id")),
            id(preference, "/parent_user_id"),
        ]);
        let at = time(preference, "/timestamp", self.now);
        // It has no id of its own: the same wish of the same person at the same time is the same.
        let stamp = id(preference, "/timestamp").unwrap_or_default();
        let person = ids.first().cloned().unwrap_or_default();
        let native = format!("preference:{person}:{stamp}:{wanted}");
        Ok(Reading::Deed(Box::new(advertising(
            wanted, native, at, ids,
        ))))
    }

    /// A customer has another id of the business's scope: the old one finds the conversation.
    fn user_id(&self, update: &Value) -> Result<Reading, Unusable> {
        let current = id(update, "/user_id/current").ok_or(Unusable("the new id is missing"))?;
        let phone = phone(update, "/wa_id");
        let ids = distinct([
            id(update, "/user_id/previous"),
            phone.clone(),
            id(update, "/parent_user_id/previous"),
            Some(current.clone()),
            id(update, "/parent_user_id/current"),
        ]);
        let profile = Profile {
            phone: phone.filter(|id| is_phone(id)).map(|id| format!("+{id}")),
            ..Profile::default()
        };
        Ok(Reading::Deed(Box::new(Deed {
            ids,
            id: format!("user_id_update:{current}"),
            at: time(update, "/timestamp", self.now),
            profile,
            what: What::Notice {
                kind: "user_id_update".to_owned(),
                text: None,
            },
            ownership: None,
            new_id: Some(current),
        })))
    }
}

fn advertising(wanted: bool, id: String, at: DateTime<Utc>, ids: Vec<String>) -> Deed {
    let ownership = (!wanted).then(|| OwnershipChange {
        cause: id.clone(),
        at,
        to: NewOwner::Same,
    });
    Deed {
        ids,
        id,
        at,
        profile: Profile::default(),
        what: What::Advertising { wanted },
        ownership,
        new_id: None,
    }
}

fn in_group(message: &Value) -> bool {
    message
        .get("group_id")
        .is_some_and(|group| !group.is_null())
}

/// The ids of a system message: the old ones find the conversation, the new ones join it. The new
/// phone is the one to write to.
fn renamed(message: &Value, ids: Vec<String>, profile: &mut Profile) -> Vec<String> {
    let system = &message["system"];
    let new = phone(system, "/wa_id").or_else(|| phone(system, "/new_wa_id"));
    if let Some(new) = new.as_ref().filter(|id| is_phone(id)) {
        profile.phone = Some(format!("+{new}"));
    }
    let old = [id(system, "/previous_user_id"), phone(system, "/customer")];
    let new = [
        id(system, "/previous_parent_user_id"),
        id(system, "/user_id"),
        new,
        id(system, "/parent_user_id"),
    ];
    distinct(old.into_iter().chain(ids.into_iter().map(Some)).chain(new))
}

/// The id that we gave the message.
pub(super) fn our_id(item: &Value) -> Option<Uuid> {
    item["biz_opaque_callback_data"].as_str()?.parse().ok()
}

/// An error of a status or of a change.
pub(super) fn error_of(error: &Value) -> ProviderError {
    let words = ["/title", "/message", "/error_data/details", "/details"];
    ProviderError {
        code: id(error, "/code").unwrap_or_else(|| "unknown".to_owned()),
        text: clean(
            &words
                .iter()
                .find_map(|path| text(error, path))
                .unwrap_or_default(),
        ),
    }
}
