//! Whether a reminder may go out, where to, and who is called when it arrives nowhere.

use chrono::TimeDelta;
use zapis_core::ids;
use zapis_core::intake::outbound_message;
use zapis_core::message::{Content, ConversationId, Outbound, StaffCard, Urgency};
use zapis_core::store::{Booking, Known, Reminder, ReminderState, StoreError, Whose};
use zapis_core::trace::{TraceParent, step};

use super::plan::Terms;
use super::send::Next;
use super::words::Speaker;
use super::{Reason, Remind, RoundError};
use crate::business::Step;
use crate::content::Content as Firm;
use crate::words::Language;

/// The channel of last resort: it costs money and has no buttons.
pub(super) const SMS: &str = "sms";

/// A visitor of the web chat who wrote so lately still has the page open.
const AT_THE_PAGE: TimeDelta = TimeDelta::minutes(15);

impl Remind {
    /// Why nothing is to be sent now.
    pub(super) async fn hindered(
        &self,
        reminder: &Reminder,
        step: Step,
        booking: &Booking,
        content: &Firm,
        untried: bool,
    ) -> Result<Option<Next>, StoreError> {
        let now = self.clock.now();
        let end = |reason| Some(Next::End(ReminderState::Skipped, Some(reason)));
        let terms = Terms::of(&content.business, booking);
        if !terms.plan.steps.contains_key(&step) {
            return Ok(end(Reason::SwitchedOff));
        }
        if now >= reminder.until {
            return Ok(end(if untried {
                Reason::Late
            } else {
                Reason::Unreachable
            }));
        }
        if let Some(quiet) = terms.quiet.filter(|quiet| quiet.holds(now)) {
            let later = quiet.later(now).filter(|later| *later < reminder.until);
            if later.is_some() || step != Step::Cancelled {
                return Ok(later.map(Next::Wait).or_else(|| end(Reason::Quiet)));
            }
        }
        if matches!(step, Step::Missed | Step::Return) && self.comes_again(booking).await? {
            return Ok(end(Reason::BookedAgain));
        }
        Ok(None)
    }

    async fn comes_again(&self, booking: &Booking) -> Result<bool, StoreError> {
        let after = booking.visit.ends_at();
        let mut others = Vec::new();
        if let Some(conversation) = &booking.conversation {
            let whose = Whose::Conversation(conversation);
            others.extend(self.store.bookings_of(whose, after).await?);
        }
        if let Some(phone) = &booking.phone {
            others.extend(self.store.bookings_of(Whose::Phone(phone), after).await?);
        }
        Ok(others
            .iter()
            .any(|other| other.id != booking.id && other.status.is_active()))
    }

    /// Where the customer can be written to: the conversation of the booking, then others with the same
    /// phone, and by SMS last, where the step is worth one.
    pub(super) async fn ways(
        &self,
        step: Step,
        booking: &Booking,
    ) -> Result<Vec<ConversationId>, StoreError> {
        let mut phones: Vec<String> = booking.phone.iter().cloned().collect();
        let mut ways: Vec<ConversationId> = booking.conversation.iter().cloned().collect();
        for way in &ways {
            phones.extend(self.store.known(way).await?.phone);
        }
        for phone in &phones {
            for other in self.store.conversations_with_phone(phone).await? {
                if !ways.contains(&other) {
                    ways.push(other);
                }
            }
        }
        if step.is_essential() {
            ways.extend(phones.iter().find_map(|phone| by_sms(phone)));
        }
        let mut open = Vec::new();
        for way in ways {
            let known = self.store.known(&way).await?;
            if self.can_write(&way, &known) {
                open.push(way);
            }
        }
        Ok(open)
    }

    pub(super) fn can_write(&self, way: &ConversationId, known: &Known) -> bool {
        let account = format!("{}:{}", way.channel(), way.account());
        let lately = || {
            let wrote = known
                .wrote_at
                .is_some_and(|at| at + AT_THE_PAGE > self.clock.now());
            way.channel() != "webchat" || wrote
        };
        self.accounts.contains(&account) && !self.desks.holds(way) && !known.blocked && lately()
    }

    /// Nothing is left to try: before the visit somebody calls.
    pub(super) async fn unreachable(
        &self,
        step: Step,
        reminder: &Reminder,
        booking: &Booking,
        content: &Firm,
        untried: bool,
    ) -> Result<Next, RoundError> {
        let end = |reason| Next::End(ReminderState::Skipped, Some(reason));
        // Who booked by phone a minute ago and writes nowhere needs no call that says so.
        let mut tries = reminder.tries.iter();
        let by_phone = step == Step::Booked && tries.all(|one| one.conversation.channel() == SMS);
        if by_phone || !step.is_before() {
            return Ok(end(if advertises(step) && untried {
                Reason::NoConsent
            } else {
                Reason::Unreachable
            }));
        }
        let Some(card) = self.call(reminder, booking, content) else {
            return Ok(end(Reason::Unreachable));
        };
        self.broker.publish(vec![outbound_message(&[card])]).await?;
        Ok(end(Reason::StaffCalled))
    }

    /// The task for the staff, once for each time of the visit.
    fn call(&self, reminder: &Reminder, booking: &Booking, content: &Firm) -> Option<Outbound> {
        let now = self.clock.now();
        let speaker = Speaker {
            business: &content.business,
            texts: &content.texts,
            language: Language::Ru,
            booking,
            now,
        };
        let reason = speaker.call();
        let at = reminder.visit_at.timestamp().to_string();
        let id = ids::derive(&["call about visit", &booking.id.to_string(), &at]);
        let trace = TraceParent::start().begun_by(&step("remind", "producer", None));
        let Some(about) = &booking.conversation else {
            let content = Content::Message {
                text: reason,
                buttons: Vec::new(),
                staff: None,
            };
            return self.desks.any_message(id, content, now, trace);
        };
        let card = StaffCard {
            about: about.clone(),
            name: booking.name.clone(),
            phone: booking.phone.clone(),
            reason,
            transcript: Vec::new(),
            hints: Vec::new(),
            urgency: Urgency::First,
        };
        self.desks
            .message(about, id, Content::Card(Box::new(card)), now, trace)
    }
}

/// The conversation that SMS to a phone (E.164) make; nothing where it is none.
fn by_sms(phone: &str) -> Option<ConversationId> {
    let digits = phone.strip_prefix('+')?;
    let is_phone = (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    is_phone.then(|| ConversationId::new(SMS, "main", digits).ok())?
}

/// Whether it is advertising in the eyes of the law.
pub(super) fn advertises(step: Step) -> bool {
    matches!(step, Step::Missed | Step::Return)
}

/// Whether a customer does not get such a message. An invitation needs her consent.
pub(super) fn refuses(step: Step, known: &Known) -> bool {
    known.no_advertising.is_some() || (step == Step::Return && !known.wants_advertising)
}
