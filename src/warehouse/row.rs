//! An event as a row of a table.

use chrono::{DateTime, Utc};
use serde::Serialize;
use zapis_core::event::Event;
use zapis_core::message::ConversationId;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Text,
    Number,
    Fraction,
    /// To the millisecond, in UTC.
    Time,
}

/// A value; nothing where the event has none.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Cell {
    Text(Option<String>),
    Number(Option<i64>),
    Fraction(Option<f64>),
    Time(DateTime<Utc>),
}

/// The columns, the same in every format and whether persons are in them or not.
pub(super) const COLUMNS: [(&str, Holds); 37] = [
    ("position", Holds::Number),
    ("event_id", Holds::Text),
    ("timestamp", Holds::Time),
    ("kind", Holds::Text),
    ("turn_id", Holds::Text),
    ("inbound_ids", Holds::Text),
    ("outbound_id", Holds::Text),
    ("provider_id", Holds::Text),
    ("owner", Holds::Text),
    ("epoch", Holds::Number),
    ("staff_id", Holds::Text),
    ("reason", Holds::Text),
    ("error_code", Holds::Text),
    ("channel", Holds::Text),
    ("account", Holds::Text),
    ("conversation_id", Holds::Text),
    ("session_id", Holds::Text),
    ("customer_id", Holds::Text),
    ("client_phone", Holds::Text),
    ("client_name", Holds::Text),
    ("intent", Holds::Text),
    ("confidence", Holds::Fraction),
    ("sentiment", Holds::Text),
    ("customer_text", Holds::Text),
    ("bot_response", Holds::Text),
    ("sources", Holds::Text),
    ("action", Holds::Text),
    ("crm_id", Holds::Text),
    ("booking_id", Holds::Text),
    ("model", Holds::Text),
    ("prompt_version", Holds::Text),
    ("variant", Holds::Text),
    ("tokens", Holds::Number),
    ("cost", Holds::Fraction),
    ("latency_ms", Holds::Number),
    ("outcome", Holds::Text),
    ("trace_id", Holds::Text),
];

/// A row, a cell for each column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row(pub(super) [Cell; COLUMNS.len()]);

fn text(text: Option<&String>) -> Cell {
    Cell::Text(text.cloned())
}

fn shown(value: Option<impl ToString>) -> Cell {
    Cell::Text(value.map(|value| value.to_string()))
}

impl Row {
    /// The row of an event.
    pub(super) fn of(position: i64, event: &Event) -> Self {
        let client = event.client.as_ref();
        let ids = event.inbound_ids.as_ref();
        Self([
            Cell::Number(Some(position)),
            shown(Some(event.event_id)),
            Cell::Time(event.timestamp),
            shown(Some(event.kind.name())),
            shown(event.turn_id),
            shown(ids.map(|ids| serde_json::json!(ids))),
            shown(event.outbound_id),
            text(event.provider_id.as_ref()),
            text(event.owner.as_ref()),
            Cell::Number(event.epoch),
            text(event.staff_id.as_ref()),
            text(event.reason.as_ref()),
            text(event.error_code.as_ref()),
            text(event.channel.as_ref()),
            text(event.account.as_ref()),
            shown(event.conversation_id.as_ref().map(ConversationId::as_str)),
            text(event.session_id.as_ref()),
            text(event.customer_id.as_ref()),
            text(client.and_then(|client| client.phone.as_ref())),
            text(client.and_then(|client| client.name.as_ref())),
            text(event.intent.as_ref()),
            Cell::Fraction(event.confidence),
            text(event.sentiment.as_ref()),
            text(event.customer_text.as_ref()),
            text(event.bot_response.as_ref()),
            shown(event.sources.as_ref()),
            text(event.action.as_ref()),
            text(event.crm_id.as_ref()),
            text(event.booking_id.as_ref()),
            text(event.model.as_ref()),
            text(event.prompt_version.as_ref()),
            text(event.variant.as_ref()),
            Cell::Number(event.tokens),
            Cell::Fraction(event.cost),
            Cell::Number(event.latency_ms),
            text(event.outcome.as_ref()),
            text(event.trace_id.as_ref()),
        ])
    }
}
