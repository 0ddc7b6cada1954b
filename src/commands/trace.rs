//! `zapis trace`: the journal of one conversation, in words.

use anyhow::Context;
use zapis_core::event::{Event, Kind};
use zapis_core::message::ConversationId;

use super::{Failure, store};
use crate::config::Loaded;
use crate::output;

/// `zapis trace …`
pub(super) async fn trace(
    loaded: &Loaded,
    conversation: &ConversationId,
    limit: u32,
    json: bool,
) -> Result<(), Failure> {
    let store = store(loaded).await?;
    let events = store.events_of(conversation, limit).await;
    store.close().await;
    let events = events.context("reading the journal")?;
    if json {
        return Ok(output::json(&events)?);
    }
    if events.is_empty() {
        output::line("The journal has nothing about this conversation.");
    }
    for event in &events {
        let at = event.timestamp.format("%Y-%m-%d %H:%M:%S%.3f");
        output::line(format!("{at}  {}", words(event)));
    }
    Ok(())
}

/// One event as a sentence.
fn words(event: &Event) -> String {
    let said = |text: &Option<String>| text.as_deref().map(quoted).unwrap_or_default();
    let what = match event.kind {
        Kind::Inbound => format!("The customer wrote{}", said(&event.customer_text)),
        Kind::Turn => format!("The bot decided{}", said(&event.bot_response)),
        Kind::Outbound => "A message went to the messenger".to_owned(),
        Kind::Delivery => "The messenger reported".to_owned(),
        Kind::Handoff => "A person was called".to_owned(),
        Kind::Takeover => "A person took over".to_owned(),
        Kind::Handback => "The bot speaks again".to_owned(),
        Kind::Draft => format!("A reply was kept as a draft{}", said(&event.bot_response)),
        Kind::Booking => "The booking changed".to_owned(),
        Kind::Reminder => "A reminder".to_owned(),
        Kind::Lead => "The CRM was told".to_owned(),
        Kind::Consent => "The customer agreed to the processing of data".to_owned(),
        Kind::Optout => "The customer wants no messages".to_owned(),
        Kind::Rating => "The customer rated us".to_owned(),
        Kind::System => "The program".to_owned(),
    };
    let confidence = event
        .confidence
        .map(|confidence| format!("{confidence:.2}"));
    let latency = event.latency_ms.map(|millis| format!("{millis} ms"));
    let action = event.action.as_ref().filter(|action| *action != "none");
    let details = [
        ("intent", event.intent.as_ref()),
        ("confidence", confidence.as_ref()),
        ("mood", event.sentiment.as_ref()),
        ("action", action),
        ("who", event.staff_id.as_ref()),
        ("because", event.reason.as_ref()),
        ("outcome", event.outcome.as_ref()),
        ("error", event.error_code.as_ref()),
        ("provider id", event.provider_id.as_ref()),
        ("after", latency.as_ref()),
    ];
    let details: Vec<_> = details
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name} {}", plain(value?))))
        .collect();
    if details.is_empty() {
        what
    } else {
        format!("{what} ({})", details.join(", "))
    }
}

fn quoted(text: &str) -> String {
    format!(": «{}»", plain(text))
}

/// Foreign text on one line.
fn plain(text: &str) -> String {
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(visible).collect()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_event_reads_as_a_sentence() {
        let mut event = Event::new(Uuid::nil(), Kind::Turn, DateTime::default());
        event.bot_response = Some("Стрижка\n2 500 ₽".to_owned());
        event.intent = Some("price".to_owned());
        event.confidence = Some(0.934);
        event.action = Some("none".to_owned());

        assert_eq!(
            words(&event),
            "The bot decided: «Стрижка 2 500 ₽» (intent price, confidence 0.93)"
        );
    }
}
