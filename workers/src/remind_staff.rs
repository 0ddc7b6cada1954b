//! Calls again when nobody answers: the staff after some minutes, then the owner. Gives up replies that
//! nobody approves.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use zapis_core::broker::Broker;
use zapis_core::intake::{inbound_message, outbound_message};
use zapis_core::message::{Inbound, Profile, Urgency, Verdict, What};
use zapis_core::store::{DraftFate, Escalation, Proposal, Store};
use zapis_core::trace::{TraceParent, step};
use zapis_core::{Clock, causes, crash};

use crate::desk::Desks;

/// How often due calls are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How many calls are taken at once.
const AT_ONCE: u32 = 100;

/// Calls again about escalations that nobody answers.
#[derive(Debug)]
pub struct RemindStaff {
    /// Where calls are kept.
    pub store: Store,
    /// Where messages go.
    pub broker: Arc<dyn Broker>,
    /// Where the staff is.
    pub desks: Desks,
    /// From the reminder to the owner's call.
    pub owner_after: TimeDelta,
    /// The time.
    pub clock: Clock,
}

/// Why a round did not finish. The next one does what is left.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error("the calls could not be read or moved")]
    Store(#[from] zapis_core::store::StoreError),
    #[error("a call could not be published")]
    Broker(#[from] zapis_core::broker::BrokerError),
}

impl RemindStaff {
    /// Looks for due calls until asked to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut moves = self.clock.moves();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = moves.within(LOOK_EVERY) => {}
            }
            if let Err(error) = self.round().await {
                warn!(error = %causes(&error), "Could not look for unanswered calls");
            }
        }
    }

    async fn round(&self) -> Result<(), RoundError> {
        for call in self
            .store
            .due_escalations(self.clock.now(), AT_ONCE)
            .await?
        {
            self.next_stage(call).await?;
        }
        for draft in self.store.due_drafts(self.clock.now(), AT_ONCE).await? {
            self.give_up(draft).await?;
        }
        Ok(())
    }

    /// Nobody decided on a reply in time: the conversation itself takes it from here. Only then the draft
    /// is settled; a repeat has the same id and is handled once.
    async fn give_up(&self, draft: Proposal) -> Result<(), RoundError> {
        let (card, now) = (draft.card, self.clock.now());
        let expired = Verdict::Expired;
        let fate = self
            .store
            .decide_draft(card.id, expired, None, None, "time");
        if matches!(fate.await?, DraftFate::Decided(_)) {
            let step = step("remind", "producer", None);
            let decided = card.decided(expired, None, None);
            let inbound = Inbound {
                id: format!("draft-expired:{}", card.id),
                conversation: card.about,
                at: now,
                received_at: now,
                profile: Profile::default(),
                what: What::Draft(Box::new(decided)),
                raw: None,
                trace: TraceParent::start().begun_by(&step),
            };
            self.broker.publish(vec![inbound_message(&inbound)]).await?;
        }
        Ok(self.store.settle_draft(card.id).await?)
    }

    /// Publishes first and moves the call after: a repeat has the same id and is sent once.
    async fn next_stage(&self, mut call: Escalation) -> Result<(), RoundError> {
        let now = self.clock.now();
        call.stage += 1;
        let (urgency, due) = match call.stage {
            1 => (Urgency::Reminder, Some(now + self.owner_after)),
            _ => (Urgency::Owner, None),
        };
        if let Some(mut card) = self.desks.card(&call, urgency, now) {
            let step = step("remind", "producer", None);
            card.trace = card.trace.begun_by(&step);
            self.broker.publish(vec![outbound_message(&[card])]).await?;
            crash::point("remind.published");
        }
        info!(conversation = ?call.conversation, stage = call.stage, "Nobody has answered; called again");
        metrics::counter!("zapis_escalations_unanswered_total").increment(1);
        self.store
            .advance_escalation(call.id, call.stage, due)
            .await?;
        crash::point("remind.advanced");
        Ok(())
    }
}
