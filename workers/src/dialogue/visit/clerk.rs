//! Goes one step on with a form: asks the calendar, and says what comes next. Whatever it does is
//! idempotent by the turn.

use chrono::{DateTime, Utc};
use uuid::Uuid;
use zapis_core::message::ConversationId;
use zapis_core::store::{Item, Store, StoreError, Visit, Whose};

use super::fill::{MOST_HEADS, digits};
use super::form::{Asked, Form, Task, Wished};
use super::heard::{Heard, Press};
use super::say::Say;
use super::{Outcome, Start};
use crate::book::Calendar;
use crate::business::Business;
use crate::dialogue::Reason;
use crate::experiments::Trial;
use crate::when;
use crate::words::Language;

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
    /// What she reads.
    pub language: Language,
}

/// One turn at the book.
pub(super) struct Clerk<'a> {
    pub(super) calendar: &'a dyn Calendar,
    pub(super) store: &'a Store,
    pub(super) business: &'a Business,
    pub(super) client: Client<'a>,
    pub(super) turn: Uuid,
    pub(super) now: DateTime<Utc>,
    pub(super) trial: &'a Trial,
    pub(super) heard: &'a Heard,
    pub(super) form: Form,
    /// What was chosen when the message came.
    pub(super) chosen_before: Option<Uuid>,
    /// Whether the customer has said yes to the chosen time as it was offered.
    pub(super) sure: bool,
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
            Start::WaitNoMore => self.waits_no_more().await?,
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

    pub(super) fn say(&mut self, say: Say) {
        self.out.says.push(say);
    }

    pub(super) fn ask(&mut self, asked: Asked, say: Say) {
        self.form.asked = Some(asked);
        self.say(say);
    }

    pub(super) fn close(&mut self) {
        self.out.closed = true;
    }

    pub(super) fn hand_over(&mut self, reason: Reason) {
        self.out.handover = Some(reason);
    }

    /// Something was written.
    pub(super) async fn told(&mut self) -> Result<(), StoreError> {
        let heard = self.heard;
        self.form.at = self.now;
        let waits_for_yes = self.form.asked == Some(Asked::Confirm);
        if heard.quits && !(heard.yes && waits_for_yes) {
            return self.dropped().await;
        }
        if self.form.asked == Some(Asked::Time)
            && !heard.waits
            && let Some(offer) = self.form.chosen_by(heard, self.business)
        {
            self.form.chosen = Some(offer);
            self.form.waits = false;
            self.form.lost = 0;
            return self.step().await;
        }
        let asked = self.form.asked;
        if heard.heads.is_some_and(|heads| heads > MOST_HEADS) {
            self.hand_over(Reason::Booking);
            return Ok(());
        }
        if heard.waits {
            self.form.waits = true;
            self.form.take(heard, self.business);
            return self.step().await;
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

    pub(super) async fn pressed(&mut self, press: Press) -> Result<(), StoreError> {
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
                Some(offer) => {
                    self.form.chosen = Some(offer);
                    self.form.waits = false;
                }
                // A button of times that are not kept free any more.
                None => self.form.reopen_time(),
            },
            Press::OtherTime => {
                self.form.waits = false;
                self.form.reopen_time();
                self.form.when = when::Wish::default();
                self.ask(Asked::Time, Say::AskTime);
                return Ok(());
            }
            Press::Wait => self.form.waits = true,
            Press::Take(hold) => return self.takes(hold).await,
            Press::Pass(hold) => return self.passes(hold).await,
            Press::Leave(id) => return self.leaves(id).await,
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
    pub(super) async fn step(&mut self) -> Result<(), StoreError> {
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
        if self.form.waits {
            return self.wait().await;
        }
        if self.form.chosen.is_none() && (self.asks_first().await? || !self.find_time().await?) {
            return Ok(());
        }
        self.settle().await
    }

    // ── Services ───────────────────────────────────────────────────────────────────────────

    pub(super) fn has_service(&mut self) -> bool {
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
    pub(super) fn services_of(&self, category: usize) -> Vec<String> {
        let Some(name) = super::categories(self.business).get(category).copied() else {
            return Vec::new();
        };
        let services = self.business.services.iter();
        let services = services.filter(|one| one.category.ru == name.ru && one.online);
        services.map(|one| one.id.clone()).collect()
    }

    pub(super) async fn as_last_time(&mut self) -> Result<(), StoreError> {
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
}

/// The services of a visit, by the same people.
pub(super) fn wished(visit: &Visit) -> Vec<Wished> {
    let wished = |item: &Item| Wished {
        service: item.service.clone(),
        person: Some(item.resource.clone()),
    };
    visit.items.iter().map(wished).collect()
}
