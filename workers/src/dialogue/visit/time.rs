//! Which time: what the words mean, what is free, what is kept free.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc};
use zapis_core::store::{Held, Holding, StoreError, Visit};

use super::clerk::Clerk;
use super::fill::is_exact;
use super::form::{Asked, Offer, Wished};
use super::say::{Fit, Meant, Say};
use crate::book::{Asker, Wish, WishFault, WishItem, spread};
use crate::dialogue::Reason;
use crate::when::{self, Doubt, Reach, When};

/// How many times are offered.
const OFFERED: usize = 4;
/// Of how many the offered ones are taken.
const LOOKED_AT: usize = 40;

impl Clerk<'_> {
    /// Offers times, unless the wish names one and it is free.
    pub(super) async fn find_time(&mut self) -> Result<bool, StoreError> {
        if !self.is_clear() {
            return Ok(false);
        }
        self.offer(Fit::Wished).await
    }

    /// Whether the wish can be searched for; otherwise what is to be asked was asked.
    pub(super) fn is_clear(&mut self) -> bool {
        match self.wish().fault(self.business, true) {
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
                return false;
            }
        }
        let doubts = self.doubts();
        if doubts.len() > 1 {
            self.ask(Asked::Doubt, Say::Doubt(doubts));
            return false;
        }
        true
    }

    /// Looks for times and keeps them free; `true` when the wished one is chosen thereby.
    pub(super) async fn offer(&mut self, fit: Fit) -> Result<bool, StoreError> {
        let wish = self.wish();
        let asker = Asker::Customer(self.client.conversation);
        let find = |limit| self.calendar.find(self.business, &wish, asker, limit);
        let mut found = find(OFFERED).await?;
        let exact = found.exact && is_exact(&self.form.when) && fit == Fit::Wished;
        let count = if exact {
            1
        } else {
            self.trial.times().unwrap_or(OFFERED)
        };
        if found.exact && !exact {
            found = find(LOOKED_AT).await?;
        } else if count > OFFERED {
            found = find(count).await?;
        }
        let visits = if found.exact && !exact {
            spread(&found.visits, count)
        } else {
            found.visits.iter().take(count).cloned().collect()
        };
        let offers = self.keep(visits).await?;
        if offers.is_empty() {
            self.ask(Asked::Time, Say::NothingFree);
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

    pub(super) async fn keep(&self, visits: Vec<Visit>) -> Result<Vec<Offer>, StoreError> {
        let wanted = Holding {
            cause: self.turn,
            visits: &visits,
            moving: self.form.target.as_ref().map(|target| target.booking),
            until: self.kept_until(),
        };
        let fates = self
            .calendar
            .hold(self.client.conversation, &wanted)
            .await?;
        let offers = visits.into_iter().zip(fates);
        let offers = offers.filter_map(|(visit, fate)| match fate {
            Held::Held(hold) => Some(Offer { hold, visit }),
            Held::Taken => None,
        });
        Ok(offers.collect())
    }

    /// Until when what is shown now is kept free.
    pub(super) fn kept_until(&self) -> DateTime<Utc> {
        let usual = self.now + TimeDelta::minutes(self.business.booking.hold_minutes.into());
        self.form.promised.map_or(usual, |until| until.max(usual))
    }

    pub(super) fn wish(&self) -> Wish {
        let item = |item: &Wished| WishItem {
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
    pub(super) fn doubts(&self) -> Vec<Meant> {
        let now = self.business.local(self.now).naive_local();
        let [one] = self.form.when.any_of.as_slice() else {
            return Vec::new();
        };
        let Some((day, time)) = one.start(now) else {
            return Vec::new();
        };
        let minute = |time: NaiveTime| time.hour() * 60 + time.minute();
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
    pub(super) fn may_begin(&self, day: NaiveDate, time: NaiveTime, now: NaiveDateTime) -> bool {
        let minute = time.hour() * 60 + time.minute();
        let open = self.business.open_on(day);
        day.and_time(time) > now && open.iter().any(|span| span.holds(minute))
    }

    /// The customer said what was meant: nothing is doubtful any more.
    pub(super) fn meant(&mut self, date: NaiveDate, minute: Option<u32>) {
        let time = minute.and_then(|minute| NaiveTime::from_hms_opt(minute / 60, minute % 60, 0));
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
}
