//! Goes one step on with a form: asks the calendar, and says what comes next. Whatever it does is
//! idempotent by the turn.

use chrono::{DateTime, NaiveDateTime, Timelike, Utc};
use uuid::Uuid;
use zapis_core::message::ConversationId;
use zapis_core::store::{
    Booked, Booking, BookingChange, Change, Changed, Held, NewBooking, Status, Store, StoreError,
    Visit, Wanted, Whose,
};

use super::fill::{self, MOST_HEADS, digits, is_exact};
use super::form::{Asked, Form, Offer, Target, Task, Wished};
use super::heard::{Heard, Press};
use super::say::{Fit, Meant, ReadBack, Say};
use super::{Outcome, Start};
use crate::book::{Asker, Calendar, Wish, WishFault, customer_may_change, spread};
use crate::business::Business;
use crate::dialogue::Reason;
use crate::when::{self, Doubt, Reach, When};

/// How many times are offered.
const OFFERED: usize = 4;
/// Of how many the offered ones are taken.
const LOOKED_AT: usize = 40;
/// After so many misunderstandings in a form a person takes over.
const LOST: u32 = 2;

/// Who talks.
#[derive(Debug)]
pub struct Client<'a> {
    /// Where.
    pub conversation: &'a ConversationId,
    /// As the messenger shows it.
    pub name: Option<&'a str>,
    /// Vouched for by the channel, in E.164.
    pub phone: Option<&'a str>,
}

/// One turn at the book.
pub(super) struct Clerk<'a> {
    pub(super) calendar: &'a dyn Calendar,
    pub(super) store: &'a Store,
    pub(super) business: &'a Business,
    pub(super) client: Client<'a>,
    pub(super) turn: Uuid,
    pub(super) now: DateTime<Utc>,
    pub(super) heard: &'a Heard,
    pub(super) form: Form,
    /// What was chosen when the message came.
    pub(super) chosen_before: Option<Uuid>,
    pub(super) out: Outcome,
}

impl Clerk<'_> {
    /// Does what the message asks for.
    pub(super) async fn serve(mut self, start: Start) -> Result<Outcome, StoreError> {
        match start {
            Start::Mine => self.mine().await?,
            Start::Press(press) => self.pressed(press).await?,
            Start::Task(task) => {
                if !self.form.is_open(self.now) || self.form.task != task {
                    self.form = Form::new(task, self.now);
                }
                self.told().await?;
            }
            Start::Continue => self.told().await?,
            Start::Resume => self.step().await?,
            Start::Lost => {
                self.form.lost += 1;
                if self.form.lost >= LOST {
                    self.form.lost = 0;
                    self.out.handover = Some(Reason::NotUnderstood);
                } else {
                    self.step().await?;
                }
            }
        }
        let over = self.out.closed || self.form == Form::default();
        self.out.form = (!over).then_some(self.form);
        Ok(self.out)
    }

    fn say(&mut self, say: Say) {
        self.out.says.push(say);
    }

    fn ask(&mut self, asked: Asked, say: Say) {
        self.form.asked = Some(asked);
        self.say(say);
    }

    fn close(&mut self) {
        self.out.closed = true;
    }

    fn hand_over(&mut self, reason: Reason) {
        self.out.handover = Some(reason);
    }

    /// Something was written.
    async fn told(&mut self) -> Result<(), StoreError> {
        let heard = self.heard;
        self.form.at = self.now;
        let waits_for_yes = self.form.asked == Some(Asked::Confirm);
        if heard.quits && !(heard.yes && waits_for_yes) {
            return self.dropped().await;
        }
        if self.form.asked == Some(Asked::Time)
            && let Some(offer) = self.form.chosen_by(heard, self.business)
        {
            self.form.chosen = Some(offer);
            self.form.lost = 0;
            return self.step().await;
        }
        let asked = self.form.asked;
        if heard.heads.is_some_and(|heads| heads > MOST_HEADS) {
            self.hand_over(Reason::Booking);
            return Ok(());
        }
        if heard.again {
            self.as_last_time().await?;
        }
        if self.form.take(heard, self.business) {
            self.form.lost = 0;
            return self.step().await;
        }
        match asked {
            Some(Asked::Confirm) if heard.yes => return self.confirmed().await,
            Some(Asked::Confirm) if heard.no => return self.declined().await,
            Some(Asked::Consent) if heard.yes => return self.agreed().await,
            Some(Asked::Consent) if heard.no => {
                self.refused();
                return Ok(());
            }
            Some(Asked::Time | Asked::Doubt) if heard.no => {
                self.form.reopen_time();
                self.form.when = when::Wish::default();
                self.ask(Asked::Time, Say::AskTime);
                return Ok(());
            }
            Some(Asked::Phone) if digits(&heard.text) > 0 => self.say(Say::BadPhone),
            Some(Asked::Phone) if heard.no => {
                self.hand_over(Reason::Booking);
                return Ok(());
            }
            _ => {}
        }
        self.step().await
    }

    async fn pressed(&mut self, press: Press) -> Result<(), StoreError> {
        if !self.form.is_open(self.now) {
            // A button of a form that is over: what came of it is told instead.
            if press.needs_form() && !self.upcoming().await?.is_empty() {
                self.close();
                return self.mine().await;
            }
            self.form = Form::new(Task::Book, self.now);
        }
        self.form.at = self.now;
        self.form.lost = 0;
        match press {
            Press::Start => self.form = Form::new(Task::Book, self.now),
            Press::Category(n) => {
                self.form.items.clear();
                self.form.options = self.services_of(n);
                self.form.reopen_time();
            }
            Press::Service(id) => {
                if self.business.service(&id).is_some() {
                    self.form.choose(id, !self.form.items.is_empty());
                }
            }
            Press::Slot(hold) => match self.form.offer(hold).cloned() {
                Some(offer) => self.form.chosen = Some(offer),
                // A button of times that are not kept free any more.
                None => self.form.reopen_time(),
            },
            Press::OtherTime => {
                self.form.reopen_time();
                self.form.when = when::Wish::default();
                self.ask(Asked::Time, Say::AskTime);
                return Ok(());
            }
            Press::Meant(date, minute) => self.meant(date, minute),
            Press::Agree(version) if version == self.business.booking.consent_version => {
                return self.agreed().await;
            }
            // The text has changed since: it is shown anew.
            Press::Agree(_) => {}
            Press::Disagree => {
                self.refused();
                return Ok(());
            }
            Press::Yes(id) => {
                let hold = self.form.chosen.as_ref().map(|offer| offer.hold);
                let target = self.form.target.as_ref().map(|target| target.booking);
                let asked = match self.form.task {
                    Task::Cancel => target,
                    _ => hold,
                };
                if asked == Some(id) {
                    return self.confirmed().await;
                }
            }
            Press::No => return self.declined().await,
            Press::Target(task, id) => return self.aimed(task, id).await,
            Press::Confirm(id) => return self.comes(id).await,
            Press::Rate(id, stars) => return self.rated(id, stars).await,
        }
        self.step().await
    }

    /// Goes on to what is missing.
    async fn step(&mut self) -> Result<(), StoreError> {
        if self.form.task != Task::Book && self.form.target.is_none() && !self.find_target().await?
        {
            return Ok(());
        }
        if let (Task::Cancel, Some(target)) = (self.form.task, self.form.target.clone()) {
            return self.ask_cancel(&target).await;
        }
        if !self.has_service() {
            return Ok(());
        }
        if self.form.chosen.is_none() && !self.find_time().await? {
            return Ok(());
        }
        self.settle().await
    }

    // ── Services ───────────────────────────────────────────────────────────────────────────

    fn has_service(&mut self) -> bool {
        if !self.form.options.is_empty() {
            let options = self.form.options.clone();
            self.ask(Asked::Service, Say::Services(options));
            return false;
        }
        if self.form.items.is_empty() {
            self.ask(Asked::Service, Say::Categories);
            return false;
        }
        true
    }

    /// The services of a group that customers book by themselves.
    fn services_of(&self, category: usize) -> Vec<String> {
        let Some(name) = super::categories(self.business).get(category).copied() else {
            return Vec::new();
        };
        let services = self.business.services.iter();
        let services = services.filter(|one| one.category.ru == name.ru && one.online);
        services.map(|one| one.id.clone()).collect()
    }

    async fn as_last_time(&mut self) -> Result<(), StoreError> {
        let whose = Whose::Conversation(self.client.conversation);
        let all = self.store.bookings_of(whose, DateTime::UNIX_EPOCH).await?;
        let past = all
            .into_iter()
            .filter(|one| one.visit.starts_at() <= self.now);
        if let Some(last) = past.max_by_key(|one| one.visit.starts_at()) {
            self.form.items = wished(&last.visit);
            self.form.options.clear();
            self.form.reopen_time();
        }
        Ok(())
    }

    // ── Time ───────────────────────────────────────────────────────────────────────────────

    /// Offers times, unless the wish names one and it is free.
    async fn find_time(&mut self) -> Result<bool, StoreError> {
        let wish = self.wish();
        match wish.fault(self.business, true) {
            None | Some(WishFault::NoService) => {}
            Some(WishFault::NotDoneBy { service, person }) => {
                for item in &mut self.form.items {
                    item.person = None;
                }
                self.say(Say::NotDoneBy { service, person });
            }
            // Only a person books it, or it is not offered any more.
            Some(_) => {
                self.close();
                self.hand_over(Reason::Booking);
                return Ok(false);
            }
        }
        let doubts = self.doubts();
        if doubts.len() > 1 {
            self.ask(Asked::Doubt, Say::Doubt(doubts));
            return Ok(false);
        }
        self.offer(Fit::Wished).await
    }

    /// Looks for times and keeps them free; `true` when the wished one is chosen thereby.
    async fn offer(&mut self, fit: Fit) -> Result<bool, StoreError> {
        let wish = self.wish();
        let asker = Asker::Customer(self.client.conversation);
        let find = |limit| self.calendar.find(self.business, &wish, asker, limit);
        let mut found = find(OFFERED).await?;
        let exact = found.exact && is_exact(&self.form.when) && fit == Fit::Wished;
        if found.exact && !exact {
            found = find(LOOKED_AT).await?;
        }
        let visits = if exact {
            found.visits.iter().take(1).cloned().collect()
        } else if found.exact {
            spread(&found.visits, OFFERED)
        } else {
            found.visits.iter().take(OFFERED).cloned().collect()
        };
        let offers = self.keep(visits).await?;
        if offers.is_empty() {
            self.close();
            self.say(Say::NothingFree);
            self.hand_over(Reason::Booking);
            return Ok(false);
        }
        self.form.shown.clone_from(&offers);
        if exact {
            self.form.chosen = offers.into_iter().next();
            return Ok(true);
        }
        let fit = match fit {
            Fit::Wished if !found.exact => Fit::Nearest,
            fit => fit,
        };
        self.ask(Asked::Time, Say::Offer(offers, fit));
        Ok(false)
    }

    async fn keep(&self, visits: Vec<Visit>) -> Result<Vec<Offer>, StoreError> {
        let conversation = self.client.conversation;
        let moving = self.form.target.as_ref().map(|target| target.booking);
        let fates = self
            .calendar
            .hold(self.business, conversation, self.turn, &visits, moving)
            .await?;
        let offers = visits.into_iter().zip(fates);
        let offers = offers.filter_map(|(visit, fate)| match fate {
            Held::Held(hold) => Some(Offer { hold, visit }),
            Held::Taken => None,
        });
        Ok(offers.collect())
    }

    fn wish(&self) -> Wish {
        let item = |item: &Wished| crate::book::WishItem {
            service: item.service.clone(),
            person: item.person.clone(),
        };
        Wish {
            items: self.form.items.iter().map(item).collect(),
            together: self.form.together,
            location: None,
            when: self.form.when.clone(),
            moving: self.form.target.as_ref().map(|target| target.booking),
        }
    }

    /// The times that the customer's words could mean, where there is more than one that could be.
    fn doubts(&self) -> Vec<Meant> {
        let now = self.business.local(self.now).naive_local();
        let [one] = self.form.when.any_of.as_slice() else {
            return Vec::new();
        };
        let Some((day, time)) = one.start(now) else {
            return Vec::new();
        };
        let minute = |time: chrono::NaiveTime| time.hour() * 60 + time.minute();
        let mut meant = vec![(day, time.map(minute))];
        for doubt in &one.doubts {
            match *doubt {
                Doubt::Day(other) if other != day => meant.push((other, time.map(minute))),
                Doubt::Hour(other) if self.may_begin(day, other, now) => {
                    meant.push((day, Some(minute(other))));
                }
                _ => {}
            }
        }
        meant.sort_unstable();
        meant
    }

    /// Whether a visit can begin then at all: the doors are open, and it has not passed.
    fn may_begin(
        &self,
        day: chrono::NaiveDate,
        time: chrono::NaiveTime,
        now: NaiveDateTime,
    ) -> bool {
        let minute = time.hour() * 60 + time.minute();
        let open = self.business.open_on(day);
        day.and_time(time) > now && open.iter().any(|span| span.holds(minute))
    }

    /// The customer said what was meant: nothing is doubtful any more.
    fn meant(&mut self, date: chrono::NaiveDate, minute: Option<u32>) {
        let time =
            minute.and_then(|minute| chrono::NaiveTime::from_hms_opt(minute / 60, minute % 60, 0));
        let old = self.form.when.any_of.first().cloned().unwrap_or_default();
        let when = When {
            days: Some(Reach::At(date)),
            time: time.map(Reach::At).or(old.time),
            doubts: Vec::new(),
            weekdays: Vec::new(),
            ..old
        };
        self.form.when = when::Wish {
            any_of: vec![when],
            ..when::Wish::default()
        };
        self.form.reopen_time();
    }

    // ── Who ────────────────────────────────────────────────────────────────────────────────

    /// The time is chosen: consent, name and phone, then all of it once more.
    async fn settle(&mut self) -> Result<(), StoreError> {
        let Some(offer) = self.form.chosen.clone() else {
            return Ok(());
        };
        // The others that were shown are free again, and this one is kept for as long as it takes.
        let kept = self.keep(vec![offer.visit]).await?;
        self.form.shown.clear();
        let Some(offer) = kept.into_iter().next() else {
            return self.instead().await;
        };
        self.form.chosen = Some(offer.clone());
        let fresh = self.chosen_before != Some(offer.hold);
        let known = self.known().await?;
        if self.form.task == Task::Book && known.is_none() && !self.has_consent().await? {
            self.keeping(fresh, &offer);
            self.ask(Asked::Consent, Say::Consent);
            return Ok(());
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
            self.keeping(fresh, &offer);
            self.ask(Asked::Name, Say::Name);
            return Ok(());
        }
        if phone.is_empty() {
            self.keeping(fresh, &offer);
            self.ask(Asked::Phone, Say::Phone);
            return Ok(());
        }
        self.form.name = Some(name.clone());
        self.form.phone = Some(phone.clone());
        let read_back = ReadBack {
            task: self.form.task,
            offer,
            name,
            phone,
            for_whom: self.form.for_whom.clone(),
        };
        self.ask(Asked::Confirm, Say::ReadBack(Box::new(read_back)));
        Ok(())
    }

    /// Says which time is chosen before something else is asked about it.
    fn keeping(&mut self, fresh: bool, offer: &Offer) {
        if fresh {
            self.say(Say::Keeping(offer.clone()));
        }
    }

    /// Name and phone of the customer's last booking.
    async fn known(&self) -> Result<Option<(String, String)>, StoreError> {
        let whose = Whose::Conversation(self.client.conversation);
        let all = self.store.bookings_of(whose, DateTime::UNIX_EPOCH).await?;
        let last = all.into_iter().max_by_key(|one| one.created_at);
        Ok(last.map(|one| (one.name, one.phone.unwrap_or_default())))
    }

    async fn has_consent(&self) -> Result<bool, StoreError> {
        let given = self.store.consent(self.client.conversation).await?;
        Ok(given.is_some_and(|version| version == self.business.booking.consent_version))
    }

    async fn agreed(&mut self) -> Result<(), StoreError> {
        let version = self.business.booking.consent_version.clone();
        self.store
            .put_consent(self.client.conversation, &version, self.now)
            .await?;
        self.out.consent = Some(version);
        self.step().await
    }

    fn refused(&mut self) {
        self.close();
        self.say(Say::NoConsent);
        self.hand_over(Reason::Booking);
    }

    // ── Done ───────────────────────────────────────────────────────────────────────────────

    /// The customer says that all is right.
    async fn confirmed(&mut self) -> Result<(), StoreError> {
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

    async fn book(&mut self, offer: &Offer) -> Result<(), StoreError> {
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

    async fn changed(&mut self, target: &Target, to: Change) -> Result<(), StoreError> {
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

    fn done(&mut self, task: Task, booking: Booking) {
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
    async fn instead(&mut self) -> Result<(), StoreError> {
        self.form.reopen_time();
        self.offer(Fit::Instead).await.map(drop)
    }

    /// Not so.
    async fn declined(&mut self) -> Result<(), StoreError> {
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

    async fn dropped(&mut self) -> Result<(), StoreError> {
        // Nothing shown is kept free any more.
        self.keep(Vec::new()).await?;
        self.close();
        self.say(Say::Dropped);
        Ok(())
    }

    // ── Bookings that there are ────────────────────────────────────────────────────────────

    /// The customer's own bookings: of this conversation, and of the phone that the channel vouches for.
    async fn upcoming(&self) -> Result<Vec<Booking>, StoreError> {
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

    async fn mine(&mut self) -> Result<(), StoreError> {
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
    async fn find_target(&mut self) -> Result<bool, StoreError> {
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
    fn aim(&mut self, booking: &Booking) -> bool {
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
    async fn aimed(&mut self, task: Task, id: Uuid) -> Result<(), StoreError> {
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

    async fn target_now(&self) -> Result<Option<Booking>, StoreError> {
        match &self.form.target {
            Some(target) => self.store.booking(target.booking).await,
            None => Ok(None),
        }
    }

    async fn ask_cancel(&mut self, target: &Target) -> Result<(), StoreError> {
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
    async fn comes(&mut self, id: Uuid) -> Result<(), StoreError> {
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
    async fn rated(&mut self, id: Uuid, stars: u8) -> Result<(), StoreError> {
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

/// The services of a visit, by the same people.
fn wished(visit: &Visit) -> Vec<Wished> {
    let wished = |item: &zapis_core::store::Item| Wished {
        service: item.service.clone(),
        person: Some(item.resource.clone()),
    };
    visit.items.iter().map(wished).collect()
}

/// Whether a message answers what the form asked.
pub(super) fn is_answered(form: &Form, heard: &Heard) -> bool {
    fill::answers(form, heard)
}

/// Whether a message belongs to an open form.
pub(super) fn belongs(form: &Form, heard: &Heard) -> bool {
    fill::concerns(form, heard)
}
