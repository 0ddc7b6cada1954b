//! The waiting list, as the customer sees it: she asks to hear of a time that becomes free, takes what is
//! offered, passes it on, or waits no more. Who is offered what is the business of `remind::offers`.

use chrono::{DateTime, Days, TimeDelta, Utc};
use uuid::Uuid;
use zapis_core::event::{Event, Kind};
use zapis_core::ids;
use zapis_core::store::{Holding, StoreError, WaitEntry, WaitState};

use super::clerk::{Clerk, wished};
use super::form::{Asked, Form, Offer, Task};
use super::say::{Fit, Say};
use crate::book::{Asker, Wish, close_of};
use crate::dialogue::Reason;

/// Nobody waits longer.
const LONGEST: TimeDelta = TimeDelta::days(30);
/// So many wishes of one customer wait at once.
const WISHES: usize = 3;
const DAY: u32 = 24 * 60;

impl Clerk<'_> {
    /// Puts the customer on the list, unless such a time is free, or never will be.
    pub(super) async fn wait(&mut self) -> Result<(), StoreError> {
        if self.business.booking.waiting_minutes == 0 {
            self.close();
            self.hand_over(Reason::Booking);
            return Ok(());
        }
        // Asked once: who names no time then takes any.
        if self.form.when.is_empty() && self.form.asked != Some(Asked::Time) {
            self.ask(Asked::Time, Say::AskTime);
            return Ok(());
        }
        if !self.is_clear() {
            return Ok(());
        }
        let wish = self.wish();
        let asker = Asker::Customer(self.client.conversation);
        let free = self.calendar.find(self.business, &wish, asker, 1);
        let free = free.await?.exact;
        if free || !self.calendar.could_be(self.business, &wish, asker).await? {
            self.form.waits = false;
            if self.offer(Fit::Wished).await? {
                return self.settle().await;
            }
            return Ok(());
        }
        // What was shown is free again.
        self.keep(Vec::new()).await?;
        self.close();
        let wish = serde_json::to_value(&wish).unwrap_or_default();
        let mut before = self.store.waiting_of(self.client.conversation).await?;
        if let Some(same) = before.iter().find(|one| one.wish == wish) {
            self.say(Say::Waiting(Box::new(same.clone())));
            return Ok(());
        }
        // The oldest wish gives way.
        before.truncate((before.len() + 1).saturating_sub(WISHES));
        for old in before {
            self.strike(old).await?;
        }
        let id = ids::of(self.turn, "waits", 0);
        let conversation = self.client.conversation.clone();
        let entry = WaitEntry {
            said: self.form.when_said.clone(),
            for_whom: self.form.for_whom.clone(),
            language: self.client.language.code().to_owned(),
            ..WaitEntry::new(id, conversation, wish, self.now, self.waits_until())
        };
        let event = told(&entry, "join_waiting", "waiting", self.now);
        self.store.put_waiting(&entry, &[event]).await?;
        self.say(Say::Waiting(Box::new(entry)));
        Ok(())
    }

    /// The end of the last day that was wished, as far ahead as customers book.
    fn waits_until(&self) -> DateTime<Utc> {
        let today = self.business.local(self.now).date_naive();
        let ahead = 0..=u64::from(self.business.booking.max_days);
        let mut days = ahead
            .rev()
            .filter_map(|days| today.checked_add_days(Days::new(days)));
        let last = days.find(|day| self.form.when.admits_day(*day));
        let end = close_of(self.business.time_zone, last.unwrap_or(today), DAY);
        end.min(self.now + LONGEST)
    }

    /// A button of the list leaves a form that is being filled in as it is.
    fn aside(&mut self) {
        if self.form == Form::new(Task::Book, self.now) {
            self.close();
        }
    }

    /// Takes the offered time: it is booked at once where nothing has to be asked.
    pub(super) async fn takes(&mut self, hold: Uuid) -> Result<(), StoreError> {
        if self
            .form
            .chosen
            .as_ref()
            .is_some_and(|one| one.hold == hold)
        {
            // Pressed again: what is still to be asked.
            return self.step().await;
        }
        self.aside();
        let entry = self.store.waiting_offered(self.client.conversation, hold);
        let Some(entry) = entry.await? else {
            let waits = self.store.waiting_of(self.client.conversation).await?;
            self.say(Say::OfferOver(!waits.is_empty()));
            return Ok(());
        };
        let again = entry.taken_by == Some(self.turn);
        let Some(offer) = entry
            .offer
            .clone()
            .filter(|offer| again || (entry.state == WaitState::Offered && offer.until > self.now))
        else {
            return self.offer_is_over(entry.state).await;
        };
        let wish = Wish::of(&entry);
        let mut form = Form::new(Task::Book, self.now);
        form.items = wished(&offer.visit);
        form.together = wish.as_ref().is_some_and(|wish| wish.together);
        form.for_whom.clone_from(&entry.for_whom);
        form.promised = Some(offer.until);
        let before = std::mem::replace(&mut self.form, form);
        let moving = wish.and_then(|wish| wish.moving);
        let hers = self.upcoming().await?;
        if let Some(booking) = hers.iter().find(|one| Some(one.id) == moving) {
            self.form.task = Task::Move;
            if !self.aim(booking) {
                return Ok(());
            }
        }
        if !again {
            let taken = WaitEntry {
                version: entry.version + 1,
                state: WaitState::Taken,
                taken_by: Some(self.turn),
                ..entry
            };
            let event = told(&taken, "offer_slot", "taken", self.now);
            if !self.store.take_offer(&taken, offer.until, &[event]).await? {
                self.form = before;
                self.say(Say::OfferOver(false));
                return Ok(());
            }
        }
        self.out.closed = false;
        self.form.chosen = Some(Offer {
            hold: offer.hold,
            visit: offer.visit,
        });
        self.sure = true;
        self.settle().await
    }

    /// A button of an offer that is no more; what came of it is told where something did.
    async fn offer_is_over(&mut self, state: WaitState) -> Result<(), StoreError> {
        if state == WaitState::Taken && !self.upcoming().await?.is_empty() {
            return self.mine().await;
        }
        self.say(Say::OfferOver(state.is_open()));
        Ok(())
    }

    /// Another customer may have the offered time.
    pub(super) async fn passes(&mut self, hold: Uuid) -> Result<(), StoreError> {
        self.aside();
        let entry = self.store.waiting_offered(self.client.conversation, hold);
        let Some(entry) = entry.await? else {
            // It went to somebody else meanwhile, or this turn has passed it on before.
            let waits = self.store.waiting_of(self.client.conversation).await?;
            self.say(match waits.first() {
                Some(entry) => Say::StillWaiting(entry.id),
                None => Say::OfferOver(false),
            });
            return Ok(());
        };
        if entry.state != WaitState::Offered {
            return self.offer_is_over(entry.state).await;
        }
        let mut passed = WaitEntry {
            version: entry.version + 1,
            state: WaitState::Waiting,
            unanswered: 0,
            ..entry
        };
        let offer = passed.offer.take();
        passed.passed.extend(offer.map(|offer| offer.visit.place()));
        self.change_entry(&passed, "offer_slot", "declined").await?;
        self.say(Say::StillWaiting(passed.id));
        Ok(())
    }

    /// The customer waits no more.
    pub(super) async fn leaves(&mut self, id: Uuid) -> Result<(), StoreError> {
        self.aside();
        let entry = self.store.waiting_entry(id).await?;
        let own = entry.filter(|entry| entry.conversation == *self.client.conversation);
        if let Some(entry) = own {
            self.strike(entry).await?;
        }
        self.say(Say::WaitsNoMore);
        Ok(())
    }

    /// For nothing.
    pub(super) async fn waits_no_more(&mut self) -> Result<(), StoreError> {
        self.close();
        for entry in self.store.waiting_of(self.client.conversation).await? {
            self.strike(entry).await?;
        }
        self.say(Say::WaitsNoMore);
        Ok(())
    }

    async fn strike(&mut self, entry: WaitEntry) -> Result<(), StoreError> {
        if !entry.state.is_open() {
            return Ok(());
        }
        let left = WaitEntry {
            version: entry.version + 1,
            state: WaitState::Left,
            offer: None,
            ..entry
        };
        self.change_entry(&left, "leave_waiting", "left").await
    }

    /// Writes the entry, which offers nothing any more, and gives back what was held for it. When somebody was
    /// faster, he knows what to do with it.
    async fn change_entry(
        &self,
        entry: &WaitEntry,
        action: &str,
        outcome: &str,
    ) -> Result<(), StoreError> {
        let event = told(entry, action, outcome, self.now);
        if self.store.save_waiting(entry, &[event]).await? {
            let nothing = Holding {
                cause: self.turn,
                visits: &[],
                moving: None,
                until: self.now,
            };
            self.calendar.hold(&entry.holder(), &nothing).await?;
        }
        Ok(())
    }
}

/// A line of the journal about somebody who waits.
pub(crate) fn told(entry: &WaitEntry, action: &str, outcome: &str, at: DateTime<Utc>) -> Event {
    let version = entry.version.to_string();
    let id = ids::derive(&["waiting event", &entry.id.to_string(), &version, outcome]);
    let mut event = Event::new(id, Kind::Booking, at).about(&entry.conversation);
    event.action = Some(action.to_owned());
    event.outcome = Some(outcome.to_owned());
    let visit_at = entry.offer.as_ref().map(|offer| offer.visit.starts_at());
    event.sources = Some(serde_json::json!({ "waiting": entry.id, "visit_at": visit_at }));
    event
}
