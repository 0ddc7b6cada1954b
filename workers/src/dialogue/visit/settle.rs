//! What follows once the time is chosen: consent, name and phone, reading back, and the deed.

use chrono::DateTime;
use zapis_core::store::{
    Booked, Booking, BookingChange, Change, Changed, NewBooking, Status, StoreError, Wanted, Whose,
};

use super::clerk::Clerk;
use super::form::{Asked, Offer, Target, Task};
use super::say::{Fit, ReadBack, Say};
use crate::dialogue::Reason;

impl Clerk<'_> {
    /// The time is chosen: consent, name and phone, then all of it once more.
    pub(super) async fn settle(&mut self) -> Result<(), StoreError> {
        let Some(offer) = self.form.chosen.clone() else {
            return Ok(());
        };
        // The others that were shown are free again, and this one is kept for as long as it takes. What was just
        // handed over is kept already; when the turn comes again, it may be booked.
        let kept = if self.sure {
            vec![offer]
        } else {
            self.keep(vec![offer.visit]).await?
        };
        self.form.shown.clear();
        let Some(offer) = kept.into_iter().next() else {
            return self.instead().await;
        };
        self.form.chosen = Some(offer.clone());
        if let Some((asked, say)) = self.missing().await? {
            let fresh = self.chosen_before != Some(offer.hold);
            self.keeping(fresh, &offer);
            self.ask(asked, say);
            return Ok(());
        }
        if self.sure {
            return Box::pin(self.confirmed()).await;
        }
        let read_back = ReadBack {
            task: self.form.task,
            offer,
            name: self.form.name.clone().unwrap_or_default(),
            phone: self.form.phone.clone().unwrap_or_default(),
            for_whom: self.form.for_whom.clone(),
        };
        self.ask(Asked::Confirm, Say::ReadBack(Box::new(read_back)));
        Ok(())
    }

    /// Asks who comes before times are looked for, where that is tried.
    pub(super) async fn asks_first(&mut self) -> Result<bool, StoreError> {
        if self.form.task != Task::Book || !self.trial.varies_contact() {
            return Ok(false);
        }
        let Some((asked, say)) = self.missing().await? else {
            return Ok(false);
        };
        let first = self.trial.contact_first();
        if first {
            self.ask(asked, say);
        }
        Ok(first)
    }

    /// What is to be asked next of consent, name and phone; nothing once all is there.
    async fn missing(&mut self) -> Result<Option<(Asked, Say)>, StoreError> {
        let known = self.known().await?;
        if self.form.task == Task::Book && !self.has_consent().await? {
            return Ok(Some((Asked::Consent, Say::Consent)));
        }
        // What was said now goes before what is known, and that before what the messenger shows.
        let (name, phone) = known.unwrap_or_default();
        let first = |said: &Option<String>, known: String, shown: Option<&str>| {
            let said = said
                .clone()
                .or(Some(known).filter(|known| !known.is_empty()));
            said.or_else(|| shown.map(str::to_owned))
                .unwrap_or_default()
        };
        let name = first(&self.form.name, name, self.client.name);
        let phone = first(&self.form.phone, phone, self.client.phone);
        if name.is_empty() {
            return Ok(Some((Asked::Name, Say::Name)));
        }
        if phone.is_empty() {
            return Ok(Some((Asked::Phone, Say::Phone)));
        }
        self.form.name = Some(name);
        self.form.phone = Some(phone);
        Ok(None)
    }

    /// Says which time is chosen before something else is asked about it.
    pub(super) fn keeping(&mut self, fresh: bool, offer: &Offer) {
        if fresh {
            self.say(Say::Keeping(offer.clone()));
        }
    }

    /// Name and phone of the customer's last booking.
    pub(super) async fn known(&self) -> Result<Option<(String, String)>, StoreError> {
        let whose = Whose::Conversation(self.client.conversation);
        let all = self.store.bookings_of(whose, DateTime::UNIX_EPOCH).await?;
        let last = all.into_iter().max_by_key(|one| one.created_at);
        Ok(last.map(|one| (one.name, one.phone.unwrap_or_default())))
    }

    pub(super) async fn has_consent(&self) -> Result<bool, StoreError> {
        let given = self.store.consent(self.client.conversation).await?;
        Ok(given.is_some_and(|version| version == self.business.booking.consent_version))
    }

    pub(super) async fn agreed(&mut self) -> Result<(), StoreError> {
        let version = self.business.booking.consent_version.clone();
        self.store
            .put_consent(self.client.conversation, &version, self.now)
            .await?;
        self.out.consent = Some(version);
        self.step().await
    }

    pub(super) fn refused(&mut self) {
        self.close();
        self.say(Say::NoConsent);
        self.hand_over(Reason::Booking);
    }

    /// The customer says that all is right.
    pub(super) async fn confirmed(&mut self) -> Result<(), StoreError> {
        match (
            self.form.task,
            self.form.target.clone(),
            self.form.chosen.clone(),
        ) {
            (Task::Cancel, Some(target), _) => {
                let to = Change::Status(Status::CancelledByCustomer);
                self.changed(&target, to).await
            }
            (Task::Move, Some(target), Some(offer)) => {
                let to = Change::Move(Wanted::Hold(offer.hold));
                self.changed(&target, to).await
            }
            (Task::Book, _, Some(offer)) => self.book(&offer).await,
            _ => self.step().await,
        }
    }

    pub(super) async fn book(&mut self, offer: &Offer) -> Result<(), StoreError> {
        let request = NewBooking {
            wanted: Wanted::Hold(offer.hold),
            cause: self.turn,
            who: "customer".to_owned(),
            conversation: Some(self.client.conversation.clone()),
            name: self.form.name.clone().unwrap_or_default(),
            phone: self.form.phone.clone(),
            source: self.client.conversation.channel().to_owned(),
            for_whom: self.form.for_whom.clone(),
            notes: None,
        };
        match self.calendar.book(&request).await? {
            Booked::Booked(booking) | Booked::Already(booking) => {
                self.done(Task::Book, booking);
                Ok(())
            }
            Booked::Taken | Booked::NoHold => self.instead().await,
        }
    }

    pub(super) async fn changed(&mut self, target: &Target, to: Change) -> Result<(), StoreError> {
        let change = BookingChange {
            booking: target.booking,
            version: target.version,
            cause: self.turn,
            who: "customer".to_owned(),
            conversation: Some(self.client.conversation.clone()),
            to,
        };
        match self.calendar.change(&change).await? {
            Changed::Done(booking) => self.done(self.form.task, booking),
            Changed::Stale(booking) => {
                self.close();
                self.say(Say::Changed(Box::new(booking)));
            }
            Changed::Taken | Changed::NoHold => return self.instead().await,
            Changed::Unknown => {
                self.close();
                self.say(Say::NoBookings);
            }
        }
        Ok(())
    }

    pub(super) fn done(&mut self, task: Task, booking: Booking) {
        let action = match task {
            Task::Book => "create_booking",
            Task::Move => "move_booking",
            Task::Cancel => "cancel_booking",
        };
        self.out.action = Some((action, booking.id));
        self.close();
        self.say(Say::Done(task, Box::new(booking)));
    }

    /// The chosen time is gone: others.
    pub(super) async fn instead(&mut self) -> Result<(), StoreError> {
        self.form.reopen_time();
        self.offer(Fit::Instead).await.map(drop)
    }

    /// Not so.
    pub(super) async fn declined(&mut self) -> Result<(), StoreError> {
        if self.form.task == Task::Cancel {
            self.close();
            if let Some(booking) = self.target_now().await? {
                self.say(Say::Kept(Box::new(booking)));
            }
            return Ok(());
        }
        self.form.chosen = None;
        self.ask(Asked::Time, Say::WhatToChange);
        Ok(())
    }

    pub(super) async fn dropped(&mut self) -> Result<(), StoreError> {
        // Nothing shown is kept free any more.
        self.keep(Vec::new()).await?;
        self.close();
        self.say(Say::Dropped);
        Ok(())
    }
}
