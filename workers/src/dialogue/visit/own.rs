//! The bookings that a customer has.

use chrono::DateTime;
use uuid::Uuid;
use zapis_core::store::{Booking, BookingChange, Change, Changed, Status, StoreError, Whose};

use super::clerk::{Clerk, wished};
use super::form::{Asked, Form, Target, Task};
use super::say::Say;
use crate::book::customer_may_change;
use crate::dialogue::Reason;

impl Clerk<'_> {
    /// The customer's own bookings: of this conversation, and of the phone that the channel vouches for.
    pub(super) async fn upcoming(&self) -> Result<Vec<Booking>, StoreError> {
        let mut all = self
            .calendar
            .upcoming(Whose::Conversation(self.client.conversation))
            .await?;
        if let Some(phone) = self.client.phone {
            for booking in self.calendar.upcoming(Whose::Phone(phone)).await? {
                if !all.iter().any(|known| known.id == booking.id) {
                    all.push(booking);
                }
            }
        }
        all.sort_by_key(|booking| booking.visit.starts_at());
        Ok(all)
    }

    pub(super) async fn mine(&mut self) -> Result<(), StoreError> {
        let all = self.upcoming().await?;
        if all.is_empty() {
            self.say(Say::NoBookings);
            self.hand_over(Reason::NotKnown);
        } else {
            self.say(Say::Mine(all));
        }
        Ok(())
    }

    /// Settles which booking is meant; `false` when that was asked or cannot be.
    pub(super) async fn find_target(&mut self) -> Result<bool, StoreError> {
        let mut all = self.upcoming().await?;
        // "Cancel on Friday" among several.
        let when = &self.heard.when;
        if self.form.task == Task::Cancel && !when.any_of.is_empty() {
            let local = |one: &Booking| self.business.local(one.visit.starts_at()).naive_local();
            let fitting = all.iter().filter(|one| when.admits(local(one)));
            let fitting: Vec<Booking> = fitting.cloned().collect();
            if !fitting.is_empty() {
                all = fitting;
            }
        }
        match all.as_slice() {
            [] => {
                self.close();
                self.say(Say::NoBookings);
                self.hand_over(match self.form.task {
                    Task::Cancel => Reason::Cancel,
                    _ => Reason::Reschedule,
                });
                Ok(false)
            }
            [one] => Ok(self.aim(one)),
            _ => {
                let task = self.form.task;
                self.ask(Asked::Booking, Say::Bookings(task, all));
                Ok(false)
            }
        }
    }

    /// Takes a booking as the one that is meant, if the customer may still change it.
    pub(super) fn aim(&mut self, booking: &Booking) -> bool {
        if !customer_may_change(&self.business.booking, booking, self.now) {
            self.close();
            self.say(Say::TooLate(Box::new(booking.clone())));
            self.hand_over(match self.form.task {
                Task::Cancel => Reason::Cancel,
                _ => Reason::Reschedule,
            });
            return false;
        }
        self.form.target = Some(Target {
            booking: booking.id,
            version: booking.version,
            visit: booking.visit.clone(),
        });
        if self.form.task == Task::Move {
            self.form.items = wished(&booking.visit);
            self.form.name = Some(booking.name.clone());
            self.form.phone.clone_from(&booking.phone);
        }
        true
    }

    /// A button names the booking. It must be the customer's own.
    pub(super) async fn aimed(&mut self, task: Task, id: Uuid) -> Result<(), StoreError> {
        self.form = Form::new(task, self.now);
        if task == Task::Book {
            let whose = Whose::Conversation(self.client.conversation);
            let all = self.store.bookings_of(whose, DateTime::UNIX_EPOCH).await?;
            if let Some(old) = all.iter().find(|one| one.id == id) {
                self.form.items = wished(&old.visit);
            }
            return self.step().await;
        }
        let all = self.upcoming().await?;
        let Some(booking) = all.iter().find(|one| one.id == id) else {
            self.close();
            self.say(Say::NoBookings);
            return Ok(());
        };
        if self.aim(booking) {
            return self.step().await;
        }
        Ok(())
    }

    pub(super) async fn target_now(&self) -> Result<Option<Booking>, StoreError> {
        match &self.form.target {
            Some(target) => self.store.booking(target.booking).await,
            None => Ok(None),
        }
    }

    pub(super) async fn ask_cancel(&mut self, target: &Target) -> Result<(), StoreError> {
        match self.store.booking(target.booking).await? {
            Some(booking) if booking.version == target.version => {
                self.ask(Asked::Confirm, Say::AskCancel(Box::new(booking)));
            }
            Some(booking) => {
                self.close();
                self.say(Say::Changed(Box::new(booking)));
            }
            None => {
                self.close();
                self.say(Say::NoBookings);
            }
        }
        Ok(())
    }

    /// The customer says under a reminder that she comes.
    pub(super) async fn comes(&mut self, id: Uuid) -> Result<(), StoreError> {
        let all = self.upcoming().await?;
        let Some(booking) = all.into_iter().find(|one| one.id == id) else {
            self.say(Say::NoBookings);
            return Ok(());
        };
        let change = BookingChange {
            booking: id,
            version: booking.version,
            cause: self.turn,
            who: "customer".to_owned(),
            conversation: Some(self.client.conversation.clone()),
            to: Change::Status(Status::Confirmed),
        };
        match self.calendar.change(&change).await? {
            Changed::Done(booking) => {
                self.out.action = Some(("confirm_booking", booking.id));
                self.say(Say::Confirmed(Box::new(booking)));
            }
            Changed::Stale(booking) => self.say(Say::Changed(Box::new(booking))),
            _ => self.say(Say::NoBookings),
        }
        Ok(())
    }

    /// The customer rates a visit; who is not content is answered by a person.
    pub(super) async fn rated(&mut self, id: Uuid, stars: u8) -> Result<(), StoreError> {
        let whose = Whose::Conversation(self.client.conversation);
        let all = self.store.bookings_of(whose, DateTime::UNIX_EPOCH).await?;
        if all.iter().any(|one| one.id == id) {
            self.out.rating = Some((id, stars));
            self.say(Say::Rated);
            if stars <= 3 {
                self.hand_over(Reason::Complaint);
            }
        }
        Ok(())
    }
}
