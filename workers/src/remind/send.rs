//! One due reminder: to whom it goes next, or how it ended.

use chrono::{DateTime, TimeDelta, Utc};
use zapis_core::ids;
use zapis_core::intake::outbound_message;
use zapis_core::message::{
    Content, ConversationId, DeliveryStatus, Fence, Outbound, ProviderError,
};
use zapis_core::session::Session;
use zapis_core::store::{
    Booking, ClaimRequest, Claimed, LedgerEntry, Reminder, ReminderState, ReminderTry, SendOutcome,
    StoreError,
};
use zapis_core::trace::TraceParent;

use super::plan::Quiet;
use super::ways::{SMS, advertises, refuses};
use super::words::Speaker;
use super::{Reason, Remind, RoundError, count, told};
use crate::business::Step;
use crate::dialogue::DialogueState;
use crate::words::Language;

/// A claimed reminder comes to somebody else after so long.
pub(super) const LEASE: TimeDelta = TimeDelta::seconds(60);
/// How often it is looked how a message fares that is with a messenger.
const LOOK: TimeDelta = TimeDelta::seconds(10);

/// Why a message was taken back that quiet hours found in the queue: it was no try.
const QUIET: &str = "quiet_hours";
/// Why one was taken back that nobody sent.
const NOT_IN_TIME: &str = "not_in_time";

/// How a try fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fare {
    /// It is not known to be in the queue.
    Unpublished,
    /// It is in the queue, and no messenger has been asked yet.
    Queued,
    /// A messenger has it, or may have it, and has not said that it arrived.
    Out,
    /// It arrived.
    Arrived,
    /// It will not arrive.
    Failed,
    /// It was held back: it spoke of an earlier version, or came into quiet hours.
    Fenced,
}

fn fare(one: &ReminderTry, entry: Option<&LedgerEntry>) -> Fare {
    let Some(entry) = entry else {
        return if one.published {
            Fare::Queued
        } else {
            Fare::Unpublished
        };
    };
    // Gateways of SMS report delivery each in a way of its own or not at all, and after the SMS only a call
    // is left: that the gateway took it must do.
    let proves = matches!(one.conversation.channel(), "telegram" | "webchat" | SMS);
    if entry
        .error
        .as_ref()
        .is_some_and(|error| error.code == QUIET)
    {
        return Fare::Fenced;
    }
    match (entry.state.as_str(), entry.delivery) {
        ("failed", _) | (_, Some(DeliveryStatus::Failed)) => Fare::Failed,
        (_, Some(DeliveryStatus::Delivered | DeliveryStatus::Read)) => Fare::Arrived,
        ("sent", _) if proves => Fare::Arrived,
        ("free", _) => Fare::Queued,
        ("fenced" | "answered", _) => Fare::Fenced,
        _ => Fare::Out,
    }
}

/// What is to be done with a due reminder.
pub(super) enum Next {
    /// Look again then.
    Wait(DateTime<Utc>),
    /// It is over.
    End(ReminderState, Option<Reason>),
    /// Hand it over, to this conversation.
    Send(ConversationId),
    /// Publish the last try again.
    Publish,
}

impl Remind {
    /// Takes a claimed reminder one step further.
    pub(super) async fn advance(&self, claimed: Reminder) -> Result<(), RoundError> {
        let Some(booking) = self.store.booking(claimed.booking).await? else {
            return Ok(self.end_erased(&claimed).await?);
        };
        let mut reminder = claimed.clone();
        match self.next(&reminder, &booking).await? {
            Next::Wait(due) => {
                reminder.due = Some(due);
                self.store.settle_reminder(&claimed, &reminder, &[]).await?;
            }
            Next::End(state, reason) => {
                reminder.state = state;
                reminder.due = None;
                reminder.reason = reason.map(|reason| reason.name().to_owned());
                self.end(&claimed, &reminder, &booking).await?;
            }
            Next::Send(conversation) => {
                let outbound = outbound_id(&reminder, &conversation);
                reminder.state = ReminderState::Sending;
                reminder.tries.push(ReminderTry {
                    conversation,
                    outbound,
                    at: self.clock.now(),
                    published: false,
                });
                self.publish(&claimed, reminder, &booking).await?;
            }
            Next::Publish => self.publish(&claimed, reminder, &booking).await?,
        }
        Ok(())
    }

    async fn next(&self, reminder: &Reminder, booking: &Booking) -> Result<Next, RoundError> {
        let now = self.clock.now();
        let soon = Next::Wait(now + LOOK);
        if booking.version != reminder.version {
            // Whoever follows the book closes it, and knows what goes on.
            return Ok(soon);
        }
        let content = self.content.now();
        let wait = TimeDelta::minutes(content.business.reminders.wait_minutes.into());
        let (next, tried) = self.fares(reminder, booking, wait).await?;
        if let Some(next) = next {
            return Ok(next);
        }
        let Some(step) = Step::named(&reminder.step) else {
            return Ok(Next::End(ReminderState::Skipped, Some(Reason::SwitchedOff)));
        };
        let untried = tried.is_empty();
        let hindered = self.hindered(reminder, step, booking, &content, untried);
        if let Some(next) = hindered.await? {
            return Ok(next);
        }
        let ways = self.ways(step, booking).await?;
        for conversation in ways.iter().chain(&booking.conversation) {
            if self.store.ownership(conversation, now).await?.blocked {
                return Ok(Next::End(ReminderState::Skipped, Some(Reason::Blocked)));
            }
        }
        for conversation in ways {
            if !tried.contains(&conversation) {
                if advertises(step) {
                    let known = self.store.known(&conversation).await?;
                    if refuses(step, &known) {
                        continue;
                    }
                }
                return Ok(Next::Send(conversation));
            }
        }
        self.unreachable(step, reminder, booking, &content, untried)
            .await
    }

    /// What follows from how the tries fare, or nothing when it is the next one's turn; and where it was
    /// tried. What was held back was no try: it spoke of an earlier version, or it was too late for it.
    async fn fares(
        &self,
        reminder: &Reminder,
        booking: &Booking,
        wait: TimeDelta,
    ) -> Result<(Option<Next>, Vec<ConversationId>), RoundError> {
        let now = self.clock.now();
        let quiet = self.is_quiet(booking, now);
        let mut tried = Vec::new();
        let mut last = None;
        for one in &reminder.tries {
            let entry = self.store.ledger(one.outbound).await?;
            match fare(one, entry.as_ref()) {
                Fare::Fenced => continue,
                Fare::Arrived => return Ok((Some(Next::End(ReminderState::Sent, None)), tried)),
                fare => last = Some((one, fare)),
            }
            tried.push(one.conversation.clone());
        }
        let Some((last, fare)) = last else {
            return Ok((None, tried));
        };
        let patient = now < last.at + wait && now < reminder.until;
        let look = Some(Next::Wait(now + LOOK));
        let next = match fare {
            Fare::Queued | Fare::Out if patient => look,
            Fare::Unpublished if patient && !quiet => Some(Next::Publish),
            // Nobody must send it any more once the next one has its turn.
            Fare::Unpublished | Fare::Queued if self.take_back(last, quiet).await? => {
                if quiet {
                    tried.retain(|way| *way != last.conversation);
                }
                None
            }
            Fare::Unpublished | Fare::Queued => look,
            Fare::Out if now >= reminder.until => Some(Next::End(ReminderState::Sent, None)),
            Fare::Out | Fare::Failed | Fare::Fenced | Fare::Arrived => None,
        };
        Ok((next, tried))
    }

    fn is_quiet(&self, booking: &Booking, at: DateTime<Utc>) -> bool {
        let content = self.content.now();
        let quiet = Quiet::of(&content.business, booking.phone.as_deref());
        quiet.is_some_and(|quiet| quiet.holds(at))
    }

    /// Claims a message that waits in the queue and gives it up; whether it was still there.
    async fn take_back(&self, one: &ReminderTry, quiet: bool) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let request = ClaimRequest {
            id: one.outbound,
            conversation: one.conversation.clone(),
            turn: None,
            answers: Vec::new(),
            fence: Fence::Staff,
            trace: TraceParent::start(),
        };
        let claimed = self.store.claim(&[request], now).await?;
        if claimed.first() != Some(&Claimed::Go) {
            return Ok(false);
        }
        let given_up = SendOutcome::Failed(ProviderError {
            code: if quiet { QUIET } else { NOT_IN_TIME }.into(),
            text: "не ушло вовремя".into(),
        });
        self.store
            .record(&[(one.outbound, given_up)], &[], now)
            .await?;
        Ok(true)
    }

    /// Notes to whom it goes, then hands it over, then notes that it is in the queue. A crash in
    /// between hands the same message over again, which is sent once.
    async fn publish(
        &self,
        claimed: &Reminder,
        mut reminder: Reminder,
        booking: &Booking,
    ) -> Result<(), RoundError> {
        let now = self.clock.now();
        let (Some(step), Some(last)) = (Step::named(&reminder.step), reminder.tries.last()) else {
            return Ok(());
        };
        let outbound = self.outbound(step, last, &reminder, booking).await?;
        // Whoever finds it unpublished later publishes it again.
        reminder.due = Some(now + LEASE);
        if !self.store.settle_reminder(claimed, &reminder, &[]).await? {
            return Ok(());
        }
        self.broker
            .publish(vec![outbound_message(&[outbound])])
            .await?;
        let claimed = reminder.clone();
        reminder.due = Some(now + LOOK);
        let mut event = told(&reminder, booking, "sent", now);
        if let Some(last) = reminder.tries.last_mut() {
            last.published = true;
            event = event.about(&last.conversation);
            event.event_id = ids::of(last.outbound, "reminder sent", 0);
            event.outbound_id = Some(last.outbound);
        }
        if self
            .store
            .settle_reminder(&claimed, &reminder, std::slice::from_ref(&event))
            .await?
        {
            count(&event);
        }
        Ok(())
    }

    async fn outbound(
        &self,
        step: Step,
        to: &ReminderTry,
        reminder: &Reminder,
        booking: &Booking,
    ) -> Result<Outbound, RoundError> {
        let content = self.content.now();
        let now = self.clock.now();
        let mut language = self.language(&to.conversation).await;
        if let (None, Some(own)) = (language, &booking.conversation) {
            language = self.language(own).await;
        }
        let language = language.unwrap_or(content.business.language);
        let speaker = Speaker {
            business: &content.business,
            texts: &content.texts,
            language,
            booking,
            now,
        };
        let said = match to.conversation.channel() {
            SMS => speaker.say_shortly(step),
            _ => speaker.say(step),
        };
        let quiet = Quiet::of(&content.business, booking.phone.as_deref())
            .and_then(|quiet| quiet.next(now));
        let until = quiet.map_or(reminder.until, |quiet| quiet.min(reminder.until));
        Ok(Outbound {
            id: to.outbound,
            conversation: to.conversation.clone(),
            turn: None,
            answers: Vec::new(),
            fence: Fence::Reminder {
                booking: reminder.booking.to_string(),
                version: reminder.version,
                until: Some(until),
            },
            content: Content::Message {
                text: said.text,
                buttons: said.buttons,
                staff: None,
            },
            language: language.code().to_owned(),
            purpose: Some(said.purpose),
            customer_wrote_at: self.store.known(&to.conversation).await?.wrote_at,
            at: now,
            trace: TraceParent::start()
                .begun_by(&zapis_core::trace::step("remind", "producer", None)),
        })
    }

    /// The language of the last conversation, while it is remembered.
    async fn language(&self, conversation: &ConversationId) -> Option<Language> {
        let saved = self.sessions.load(conversation).await.ok().flatten()?;
        let session: Session = serde_json::from_slice(&saved.body).ok()?;
        let state: DialogueState = serde_json::from_value(session.dialogue).ok()?;
        state.language
    }

    async fn end(
        &self,
        claimed: &Reminder,
        ended: &Reminder,
        booking: &Booking,
    ) -> Result<(), StoreError> {
        let outcome = match ended.state {
            ReminderState::Sent => "delivered",
            _ => "skipped",
        };
        let mut event = told(ended, booking, outcome, self.clock.now());
        if let Some(last) = ended.tries.last() {
            event = event.about(&last.conversation);
            event.outbound_id = Some(last.outbound);
        }
        let events = std::slice::from_ref(&event);
        if self.store.settle_reminder(claimed, ended, events).await? {
            count(&event);
        }
        Ok(())
    }

    async fn end_erased(&self, claimed: &Reminder) -> Result<(), StoreError> {
        let ended = Reminder {
            state: ReminderState::Skipped,
            due: None,
            reason: Some(Reason::Erased.name().to_owned()),
            ..claimed.clone()
        };
        self.store.settle_reminder(claimed, &ended, &[]).await?;
        Ok(())
    }
}

/// The same each time that a try is handed over; another one for a next try of the same conversation.
fn outbound_id(reminder: &Reminder, conversation: &ConversationId) -> uuid::Uuid {
    let again = reminder
        .tries
        .iter()
        .filter(|one| one.conversation == *conversation);
    let (booking, version) = (reminder.booking.to_string(), reminder.version.to_string());
    let again = again.count().to_string();
    let step = &reminder.step;
    ids::derive(&[
        "reminder",
        &booking,
        &version,
        step,
        conversation.as_str(),
        &again,
    ])
}
