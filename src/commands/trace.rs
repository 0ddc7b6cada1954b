//! `zapis trace`: what happened in one conversation, in order.
//!
//! The journal says what was done and why. The send ledger adds claims and attempts, `dead` and the
//! parked lanes what did not get through; ownership and open calls say how it stands now.

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use zapis_core::Clock;
use zapis_core::event::{Event, Kind};
use zapis_core::message::{ConversationId, DeliveryStatus};
use zapis_core::store::{
    DeadLetter, Escalation, LedgerEntry, Ownership, Store, StoreError, Waiting,
};
use zapis_core::trace::TraceParent;

use super::{Failure, store};
use crate::config::Loaded;
use crate::output::{self, plain};

/// How much of a trace id is shown to people: enough to tell the traces of a conversation apart.
const TRACE_SHOWN: usize = 8;

/// One step of the story: a journal event, or something told in the same keys, and what the journal
/// has no keys for.
#[derive(Debug, Serialize)]
struct Step {
    /// Where it was found: `journal`, `claim`, `dead`, `parked`, `call`, `owner`.
    #[serde(rename = "step")]
    place: &'static str,
    #[serde(flatten)]
    event: Event,
    /// How often a message was claimed.
    attempts: Option<u32>,
    /// How far the provider says a message got.
    delivery: Option<DeliveryStatus>,
    /// The queue of a message that did not get through.
    topic: Option<String>,
    /// The id of that message in the queue.
    message_id: Option<String>,
    /// When it is tried again, when staff is called again, until when a person has the conversation.
    due: Option<DateTime<Utc>>,
}

impl Step {
    fn new(place: &'static str, event: Event) -> Self {
        Self {
            place,
            event,
            attempts: None,
            delivery: None,
            topic: None,
            message_id: None,
            due: None,
        }
    }

    fn claim(entry: LedgerEntry) -> Self {
        let event = Event::new(entry.id, Kind::Outbound, entry.claimed_at);
        let mut event = event.about(&entry.conversation);
        event.outbound_id = Some(entry.id);
        event.provider_id = entry.provider_id;
        event.outcome = Some(entry.state);
        event.trace_id = entry.trace.as_ref().map(trace_id);
        if let Some(error) = entry.error {
            event.error_code = Some(error.code);
            event.reason = Some(error.text);
        }
        Self {
            attempts: Some(entry.attempts),
            delivery: entry.delivery,
            ..Self::new("claim", event)
        }
    }

    fn dead(letter: DeadLetter, conversation: &ConversationId) -> Self {
        let mut event = Event::new(letter.id, Kind::System, letter.at).about(conversation);
        event.reason = Some(letter.reason);
        Self {
            topic: Some(letter.topic),
            message_id: Some(letter.message_id),
            ..Self::new("dead", event)
        }
    }

    fn parked(waiting: Waiting, conversation: &ConversationId, now: DateTime<Utc>) -> Self {
        let id = zapis_core::ids::derive(&["parked", &waiting.topic, &waiting.message_id]);
        let mut event = Event::new(id, Kind::System, now).about(conversation);
        event.trace_id = Some(trace_id(&waiting.trace));
        Self {
            topic: Some(waiting.topic),
            message_id: Some(waiting.message_id),
            due: Some(waiting.due),
            ..Self::new("parked", event)
        }
    }

    fn call(call: Escalation, now: DateTime<Utc>) -> Self {
        let mut event = Event::new(call.id, Kind::Handoff, now).about(&call.conversation);
        event.reason = Some(call.reason);
        Self {
            attempts: Some(u32::from(call.stage) + 1),
            due: call.due,
            ..Self::new("call", event)
        }
    }

    fn owner(owner: Ownership, conversation: &ConversationId, now: DateTime<Utc>) -> Self {
        let id = zapis_core::ids::derive(&["owner", conversation.as_str()]);
        let mut event = Event::new(id, Kind::System, now).about(conversation);
        let who = if owner.staff.is_some() {
            "staff"
        } else {
            "bot"
        };
        event.owner = Some(who.to_owned());
        event.staff_id = owner.staff;
        event.epoch = Some(owner.epoch);
        Self {
            due: owner.until,
            ..Self::new("owner", event)
        }
    }
}

fn trace_id(trace: &TraceParent) -> String {
    trace.trace_id().to_owned()
}

/// `zapis trace …`
pub(super) async fn trace(
    loaded: &Loaded,
    asked: &ConversationId,
    limit: u32,
    json: bool,
) -> Result<(), Failure> {
    let store = store(loaded).await?;
    let told = tell(&store, asked, limit).await;
    store.close().await;
    let (conversation, steps) = told.context("reading what is known of the conversation")?;
    if json {
        return Ok(output::json(&steps)?);
    }
    if conversation != *asked {
        output::line(format!("Known as {}", plain(conversation.as_str())));
    }
    if steps.is_empty() {
        output::line("Nothing is known of this conversation.");
    }
    let mut before = None;
    for step in &steps {
        let at = step.event.timestamp;
        output::line(line(step, before.map(|before| at - before)));
        before = Some(at);
    }
    Ok(())
}

/// Everything that is known, in order; nothing of a conversation that never was.
async fn tell(
    store: &Store,
    asked: &ConversationId,
    limit: u32,
) -> Result<(ConversationId, Vec<Step>), StoreError> {
    let now = Clock::system().now();
    let conversation = store.named(asked).await?;
    let events = store.events_of(&conversation, limit).await?;
    // A story that begins in the middle begins everywhere there.
    let cut = events.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
    let begins = events.first().filter(|_| cut).map(|event| event.timestamp);
    let mut steps: Vec<Step> = Vec::new();
    let claims = store.ledger_of(&conversation).await?;
    steps.extend(claims.into_iter().map(Step::claim));
    let dead = store.dead_of(&conversation).await?;
    steps.extend(dead.into_iter().map(|one| Step::dead(one, &conversation)));
    steps.retain(|step| begins.is_none_or(|begins| step.event.timestamp >= begins));
    steps.extend(events.into_iter().map(|event| Step::new("journal", event)));
    // What happened at the same time stays in the order of its causes.
    steps.sort_by_key(|step| step.event.timestamp);

    let parked = store.parked_of(&conversation).await?;
    let parked = parked.into_iter();
    steps.extend(parked.map(|one| Step::parked(one, &conversation, now)));
    let calls = store.open_calls_of(&conversation).await?;
    steps.extend(calls.into_iter().map(|call| Step::call(call, now)));
    let owner = store.ownership(&conversation, now).await?;
    if !steps.is_empty() || owner.epoch > 0 {
        steps.push(Step::owner(owner, &conversation, now));
    }
    Ok((conversation, steps))
}

/// One step as a line: when, how long after the one before, which trace, what.
fn line(step: &Step, after: Option<TimeDelta>) -> String {
    let at = step.event.timestamp.format("%Y-%m-%d %H:%M:%S%.3f");
    let after = after.map_or(0, |after| after.num_milliseconds());
    let after = format!("+{}.{:03} s", after / 1_000, after % 1_000);
    let trace = step.event.trace_id.as_deref().unwrap_or_default();
    let trace = trace.get(..TRACE_SHOWN).unwrap_or_default();
    format!("{at}  {after:>12}  {trace:TRACE_SHOWN$}  {}", words(step))
}

/// One step as a sentence.
fn words(step: &Step) -> String {
    let event = &step.event;
    let said = |text: &Option<String>| text.as_deref().map(quoted).unwrap_or_default();
    let what = match (step.place, event.kind) {
        ("claim", _) => "Claimed for the messenger".to_owned(),
        ("dead", _) => "A message was set aside".to_owned(),
        ("parked", _) => "Waits: a message that could not be handled yet".to_owned(),
        ("call", _) => "Waits: nobody has answered the call for a person".to_owned(),
        ("owner", _) if event.staff_id.is_some() => "Now a person has the conversation".to_owned(),
        ("owner", _) => "Now the bot may speak".to_owned(),
        (_, Kind::Inbound) => format!("The customer wrote{}", said(&event.customer_text)),
        (_, Kind::Turn) => format!("The bot decided{}", said(&event.bot_response)),
        (_, Kind::Outbound) => "A message went to the messenger".to_owned(),
        (_, Kind::Delivery) => "The messenger reported".to_owned(),
        (_, Kind::Handoff) => "A person was called".to_owned(),
        (_, Kind::Takeover) => format!("A person took over{}", said(&event.bot_response)),
        (_, Kind::Handback) => "The bot speaks again".to_owned(),
        (_, Kind::Draft) => format!("A reply was kept as a draft{}", said(&event.bot_response)),
        (_, Kind::Booking) => "The booking changed".to_owned(),
        (_, Kind::Reminder) => "A reminder".to_owned(),
        (_, Kind::Lead) => match event.action.as_deref() {
            Some("create_lead") => "The enquiry is at the CRM".to_owned(),
            Some("lead_stage") => format!("The CRM moved it on{}", said(&event.reason)),
            _ => "The enquiry is over".to_owned(),
        },
        (_, Kind::Consent) => "The customer agreed to the processing of data".to_owned(),
        (_, Kind::Optout) => "The customer wants no messages".to_owned(),
        (_, Kind::Rating) => "The customer rated us".to_owned(),
        (_, Kind::System) => "The program".to_owned(),
    };
    let details = details(step);
    if details.is_empty() {
        what
    } else {
        format!("{what} ({})", details.join(", "))
    }
}

fn details(step: &Step) -> Vec<String> {
    let event = &step.event;
    let confidence = event
        .confidence
        .map(|confidence| format!("{confidence:.2}"));
    let latency = event.latency_ms.map(|millis| format!("{millis} ms"));
    let outbound = event.outbound_id.map(|id| id.to_string());
    let attempts = step.attempts.map(|attempts| attempts.to_string());
    let delivery = step
        .delivery
        .map(|delivery| format!("{delivery:?}").to_lowercase());
    let due = step
        .due
        .map(|due| due.format("%Y-%m-%d %H:%M:%S").to_string());
    let epoch = event.epoch.filter(|_| step.place == "owner");
    let epoch = epoch.map(|epoch| epoch.to_string());
    let action = event.action.as_ref().filter(|action| *action != "none");
    let letter = (step.place == "dead").then(|| event.event_id.to_string());
    let details = [
        ("intent", event.intent.as_ref()),
        ("confidence", confidence.as_ref()),
        ("mood", event.sentiment.as_ref()),
        ("action", action),
        ("who", event.staff_id.as_ref()),
        ("because", event.reason.as_ref()),
        ("outcome", event.outcome.as_ref()),
        ("attempts", attempts.as_ref()),
        ("delivery", delivery.as_ref()),
        ("error", event.error_code.as_ref()),
        ("outbound", outbound.as_ref()),
        ("provider id", event.provider_id.as_ref()),
        ("queue", step.topic.as_ref()),
        ("message", step.message_id.as_ref()),
        ("letter", letter.as_ref()),
        ("epoch", epoch.as_ref()),
        ("until", due.as_ref()),
        ("after", latency.as_ref()),
    ];
    let filled = details.into_iter();
    filled
        .filter_map(|(name, value)| Some(format!("{name} {}", plain(value?))))
        .collect()
}

fn quoted(text: &str) -> String {
    format!(": «{}»", plain(text))
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
            words(&Step::new("journal", event)),
            "The bot decided: «Стрижка 2 500 ₽» (intent price, confidence 0.93)"
        );
    }
}
