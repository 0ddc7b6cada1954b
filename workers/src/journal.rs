//! Takes what providers report of our messages from the queue and writes it into the ledger and the
//! journal, many reports at a time.
//!
//! A batch may be written again after a crash: events are unique by id, and reports never go back.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::field::display;
use tracing::{Instrument, Span, info, warn};
use zapis_core::broker::{Broker, BrokerError, Delivery, Incoming, Subscription, Topic};
use zapis_core::event::{Event, Kind};
use zapis_core::intake::outbound_message;
use zapis_core::lanes::{self, Pauses};
use zapis_core::measure::CODES;
use zapis_core::message::{
    Content, ConversationId, DeliveryReport, DeliveryStatus, StaffCard, Urgency,
};
use zapis_core::store::{DeadLetter, LedgerEntry, Store, StoreError};
use zapis_core::trace::{TraceParent, step};
use zapis_core::{Clock, causes, crash, ids};

use crate::desk::Desks;

/// How many reports are written at once.
const BATCH: usize = 256;

/// How many reports are handed out per partition.
const PREFETCH: u16 = 256;

/// Writes the journal.
#[derive(Debug)]
pub struct JournalWorker {
    /// Where it is written.
    pub store: Store,
    /// Where it comes from.
    pub broker: Arc<dyn Broker>,
    /// Who learns of messages that did not arrive.
    pub desks: Desks,
    /// The time.
    pub clock: Clock,
}

/// Why a batch was not written. It is tried again.
#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error("the store did not take the journal")]
    Store(#[from] StoreError),
    #[error("an alarm was not published")]
    Broker(#[from] BrokerError),
}

impl JournalWorker {
    /// Writes until asked to stop, then writes what is in hand.
    pub async fn run(self, stop: CancellationToken) -> Result<(), BrokerError> {
        let mut pauses = Pauses::default();
        let mut subscription = loop {
            match self.broker.subscribe(&Topic::journal(), PREFETCH).await {
                Ok(subscription) => break subscription,
                Err(BrokerError::Unavailable(source)) => {
                    warn!(error = %causes(source.as_ref()), "Cannot consume the journal yet");
                    if !pauses.wait(&stop).await {
                        return Ok(());
                    }
                }
                Err(refused) => return Err(refused),
            }
        };
        info!(worker = "journal", "Started");
        while let Some((batch, released)) = next_batch(&mut subscription, &stop).await {
            if !self.write_until_done(&batch, &stop).await {
                // Not acknowledged, so it comes again after the restart.
                return Ok(());
            }
            batch.into_iter().for_each(Delivery::ack);
            crash::point("journal.acked");
            for finished in released {
                finished.send(()).ok();
            }
        }
        Ok(())
    }

    async fn write_until_done(&self, batch: &[Delivery], stop: &CancellationToken) -> bool {
        let mut pauses = Pauses::default();
        loop {
            let error = match self.write(batch).await {
                Ok(()) => return true,
                // One line that no database takes must not hold up the rest.
                Err(WriteError::Store(StoreError::Refused(reason))) => {
                    let [single] = batch else {
                        for single in batch {
                            let single = std::slice::from_ref(single);
                            if !Box::pin(self.write_until_done(single, stop)).await {
                                return false;
                            }
                        }
                        return true;
                    };
                    match self.store.bury(&[self.letter(single, &reason)]).await {
                        Ok(()) => return true,
                        Err(error) => WriteError::Store(error),
                    }
                }
                Err(error) => error,
            };
            warn!(error = %causes(&error), "The journal waits");
            if !pauses.wait(stop).await {
                return false;
            }
        }
    }

    async fn write(&self, batch: &[Delivery]) -> Result<(), WriteError> {
        let mut reports: Vec<DeliveryReport> = Vec::with_capacity(batch.len());
        let mut unreadable: Vec<DeadLetter> = Vec::new();
        for delivery in batch {
            match serde_json::from_slice(&delivery.body) {
                Ok(report) => reports.push(report),
                Err(error) => unreadable.push(self.letter(delivery, &lanes::unreadable(&error))),
            }
        }
        if !unreadable.is_empty() {
            self.store.bury(&unreadable).await?;
            metrics::counter!("zapis_dead_total", "stage" => "journal")
                .increment(unreadable.len() as u64);
        }
        if reports.is_empty() {
            return Ok(());
        }
        let known = self.store.delivered(&reports).await?;
        crash::point("journal.reported");
        // What a report tells is the end of the trace of its message.
        let mut steps = Vec::with_capacity(reports.len());
        let mut events = Vec::with_capacity(reports.len());
        for (report, ours) in reports.iter().zip(known) {
            if ours.as_ref().is_some_and(LedgerEntry::is_erased) {
                continue;
            }
            let step = step_of(report, ours.as_ref());
            self.alarm(report, ours.as_ref())
                .instrument(step.clone())
                .await?;
            steps.push(step);
            events.push(delivery_event(report, ours));
        }
        self.store.journal(&events, &[]).await?;
        crash::point("journal.written");
        Ok(())
    }

    /// A message that the provider took and then could not deliver: the staff must know.
    async fn alarm(
        &self,
        report: &DeliveryReport,
        ours: Option<&LedgerEntry>,
    ) -> Result<(), WriteError> {
        metrics::counter!("zapis_deliveries_total", "status" => status_name(report.status))
            .increment(1);
        let (DeliveryStatus::Failed, Some(ours)) = (report.status, ours) else {
            return Ok(());
        };
        let conversation = &ours.conversation;
        let why = report.error.as_ref().map_or_else(String::new, |error| {
            format!("{} {}", error.code, error.text)
        });
        let known = self.store.known(conversation).await?;
        let card = undelivered_card(
            conversation,
            known.name.as_deref().unwrap_or_default(),
            &why,
        );
        let id = ids::of(ours.id, "undelivered", 0);
        let trace = ours.trace.as_ref();
        let trace = trace.map_or_else(TraceParent::start, TraceParent::child);
        let message = self
            .desks
            .message(conversation, id, card, self.clock.now(), trace);
        if let Some(message) = message {
            self.broker
                .publish(vec![outbound_message(&[message])])
                .await?;
            crash::point("journal.alarmed");
        }
        Ok(())
    }

    fn letter(&self, delivery: &Delivery, reason: &str) -> DeadLetter {
        DeadLetter {
            id: ids::derive(&["dead", "journal", &delivery.key, &delivery.id]),
            topic: "journal".into(),
            key: delivery.key.clone(),
            message_id: delivery.id.clone(),
            reason: reason.to_owned(),
            body: delivery.body.to_vec(),
            at: self.clock.now(),
        }
    }
}

/// A card that says that a message did not reach its customer.
pub fn undelivered_card(conversation: &ConversationId, name: &str, why: &str) -> Content {
    Content::Card(Box::new(StaffCard {
        about: conversation.clone(),
        name: name.to_owned(),
        phone: None,
        reason: if why.is_empty() {
            "Сообщение не доставлено".into()
        } else {
            format!("Сообщение не доставлено: {why}")
        },
        transcript: Vec::new(),
        hints: Vec::new(),
        urgency: Urgency::First,
    }))
}

/// What is there now, at most a batch; waits for the first. Nothing when it is over.
async fn next_batch(
    subscription: &mut Subscription,
    stop: &CancellationToken,
) -> Option<(Vec<Delivery>, Vec<oneshot::Sender<()>>)> {
    let mut incoming = Vec::with_capacity(BATCH);
    tokio::select! {
        biased;
        () = stop.cancelled() => return None,
        count = subscription.incoming.recv_many(&mut incoming, BATCH) => if count == 0 { return None },
    }
    // A short breath lets a burst arrive together.
    if incoming.len() < BATCH {
        tokio::time::sleep(Duration::from_millis(2)).await;
        while incoming.len() < BATCH {
            let Ok(more) = subscription.incoming.try_recv() else {
                break;
            };
            incoming.push(more);
        }
    }
    let mut batch = Vec::with_capacity(incoming.len());
    let mut released = Vec::new();
    for item in incoming {
        match item {
            Incoming::Message(delivery) => batch.push(delivery),
            Incoming::Release { finished, .. } => released.push(finished),
        }
    }
    Some((batch, released))
}

/// The step of a report, under the one that claimed the message; of a message that we do not know, none.
fn step_of(report: &DeliveryReport, ours: Option<&LedgerEntry>) -> Span {
    let Some(trace) = ours.and_then(|ours| ours.trace.as_ref()) else {
        return Span::none();
    };
    let step = step("report", "consumer", Some(trace));
    step.record("outcome", status_name(report.status));
    if let Some(ours) = ours {
        step.record("outbound", display(ours.id));
    }
    if let Some(error) = &report.error {
        step.record("code", &*CODES.of(&error.code));
        step.record("otel.status_code", "ERROR");
    }
    step
}

fn delivery_event(report: &DeliveryReport, ours: Option<LedgerEntry>) -> Event {
    let status = status_name(report.status);
    let id = ids::derive(&["delivery", &report.account, &report.provider_id, status]);
    let mut event = Event::new(id, Kind::Delivery, report.at);
    if let Some((channel, account)) = report.account.split_once(':') {
        event.channel = Some(channel.to_owned());
        event.account = Some(account.to_owned());
    }
    event.outbound_id = report.outbound_id;
    if let Some(ours) = ours {
        event.outbound_id = Some(ours.id);
        event.trace_id = ours.trace.map(|trace| trace.trace_id().to_owned());
        event = event.about(&ours.conversation);
    }
    event.provider_id = Some(report.provider_id.clone());
    event.outcome = Some(status.to_owned());
    if let Some(error) = &report.error {
        event.error_code = Some(error.code.clone());
        event.reason = Some(error.text.clone());
    }
    event
}

fn status_name(status: DeliveryStatus) -> &'static str {
    match status {
        DeliveryStatus::Sent => "sent",
        DeliveryStatus::Delivered => "delivered",
        DeliveryStatus::Read => "read",
        DeliveryStatus::Failed => "failed",
    }
}
