//! What a button does: the next question, or a change of the book.

use zapis_core::ids;
use zapis_core::message::{Button, Content, Fence, Outbound};
use zapis_core::store::{
    Block, Booked, Booking, BookingChange, Change, Changed, NewBooking, Status, StoreError, Visit,
    Wanted,
};

use super::words::{self, affected_title};
use super::{Closed, Draft, Open, Pick, Reply, Secretary};
use crate::book::{Asker, Found, Wish, WishItem};
use crate::dialogue::visit::{Press, Task, Telling};
use crate::notices::Words;
use crate::texts::Phrase;

/// How many other times a customer is told.
const TIMES: usize = 3;

impl Secretary<'_> {
    pub(super) async fn act(&self, open: &Open, pick: &Pick) -> Result<Reply, StoreError> {
        match pick {
            Pick::Service(draft, service, person) => {
                let services = vec![(service.clone(), person.clone())];
                let draft = draft.clone();
                self.wished(Draft { services, ..draft }).await
            }
            Pick::Time(draft, visit) => Ok(self.read_back(draft.clone(), visit.clone())),
            Pick::Do(draft, visit) => self.settle(open, draft, visit).await,
            Pick::Move(booking, when, person) => match self.store.booking(*booking).await? {
                Some(found) => self.moved(&found, when, person.as_deref()).await,
                None => Ok(Reply::plain(words::no_booking())),
            },
            Pick::AskCancel(booking) => Ok(match self.store.booking(*booking).await? {
                Some(found) => self.ask_cancel(&found),
                None => Reply::plain(words::no_booking()),
            }),
            Pick::Cancel(booking, version, by_customer) => {
                let status = if *by_customer {
                    Status::CancelledByCustomer
                } else {
                    Status::CancelledBySalon
                };
                let to = Change::Status(status);
                self.change(open, (*booking, *version), to).await
            }
            Pick::Close(all, note) => self.closed(open, all, note).await,
            Pick::Apologise(booking) => self.apologise(open, *booking).await,
            Pick::Drop => Ok(Reply::plain(words::dropped(self.asked.who))),
        }
    }

    /// Asks whether all of it is right.
    pub(super) fn read_back(&self, draft: Draft, visit: Visit) -> Reply {
        let text = words::read_back(&Words(&self.firm.business), &draft, &visit);
        let yes = words::yes(draft.moving.is_some()).to_owned();
        Reply {
            text,
            picks: vec![
                (yes, Pick::Do(draft, visit)),
                (words::NO.to_owned(), Pick::Drop),
            ],
            ..Reply::default()
        }
    }

    pub(super) fn offer(&self, draft: &Draft, found: &Found) -> Reply {
        if found.visits.is_empty() {
            return Reply::plain(words::NOTHING_FREE);
        }
        let names = Words(&self.firm.business);
        let pick = |visit: &Visit| {
            let pick = Pick::Time(draft.clone(), visit.clone());
            (names.title(visit), pick)
        };
        let mut picks: Vec<_> = found.visits.iter().map(pick).collect();
        picks.push((words::NO.to_owned(), Pick::Drop));
        Reply {
            text: words::offer(found.exact).to_owned(),
            picks,
            ..Reply::default()
        }
    }

    pub(super) fn ask_cancel(&self, booking: &Booking) -> Reply {
        let cancel = |by_customer| Pick::Cancel(booking.id, booking.version, by_customer);
        Reply {
            text: words::ask_cancel(&Words(&self.firm.business), booking),
            picks: vec![
                (words::BY_CUSTOMER.to_owned(), cancel(true)),
                (words::BY_SALON.to_owned(), cancel(false)),
                (words::KEEP.to_owned(), Pick::Drop),
            ],
            ..Reply::default()
        }
    }

    /// Books or moves. The question is the cause: pressed twice, it is done once.
    async fn settle(&self, open: &Open, draft: &Draft, visit: &Visit) -> Result<Reply, StoreError> {
        if let Some(moving) = draft.moving {
            let to = Change::Move(Wanted::Visit(visit.clone()));
            return self.change(open, moving, to).await;
        }
        let source = if draft.walk_in { "walk-in" } else { "phone" };
        let request = NewBooking {
            wanted: Wanted::Visit(visit.clone()),
            cause: open.id,
            who: self.asked.who.to_owned(),
            conversation: None,
            name: draft.name.clone(),
            phone: draft.phone.clone(),
            source: source.to_owned(),
            for_whom: None,
            notes: None,
        };
        Ok(match self.calendar.book(&request).await? {
            Booked::Booked(booking) | Booked::Already(booking) => {
                self.done(words::BOOKED, &booking)
            }
            Booked::Taken | Booked::NoHold => self.instead(draft).await?,
        })
    }

    /// Somebody else was faster: what is free now.
    async fn instead(&self, draft: &Draft) -> Result<Reply, StoreError> {
        let reply = self.wished(draft.clone()).await?;
        Ok(Reply {
            text: format!("{}\n{}", words::TAKEN, reply.text),
            ..reply
        })
    }

    async fn change(
        &self,
        open: &Open,
        (booking, version): (uuid::Uuid, i64),
        to: Change,
    ) -> Result<Reply, StoreError> {
        let head = match &to {
            Change::Move(_) => words::MOVED,
            _ => words::CANCELLED,
        };
        let change = BookingChange {
            booking,
            version,
            cause: open.id,
            who: self.asked.who.to_owned(),
            conversation: None,
            to,
        };
        Ok(match self.calendar.change(&change).await? {
            Changed::Done(booking) => self.done(head, &booking),
            Changed::Stale(booking) => self.done(words::STALE, &booking),
            Changed::Taken | Changed::NoHold => Reply::plain(words::TAKEN),
            Changed::Unknown => Reply::plain(words::no_booking()),
        })
    }

    fn done(&self, head: &str, booking: &Booking) -> Reply {
        let names = Words(&self.firm.business);
        Reply::plain(words::done(&names, head, self.asked.who, booking))
    }

    pub(super) async fn ask_close(
        &self,
        all: Vec<Closed>,
        note: String,
    ) -> Result<Reply, StoreError> {
        let names = Words(&self.firm.business);
        let affected = self.affected(&all).await?;
        let lines: Vec<String> = all.iter().map(|one| words::closed(&names, one)).collect();
        Ok(Reply {
            text: words::ask_close(&lines, affected.len()),
            picks: vec![
                (words::CLOSE.to_owned(), Pick::Close(all, note)),
                (words::NO.to_owned(), Pick::Drop),
            ],
            ..Reply::default()
        })
    }

    /// The visits that lie in time that is to be kept free, each once.
    async fn affected(&self, all: &[Closed]) -> Result<Vec<Booking>, StoreError> {
        let mut found: Vec<Booking> = Vec::new();
        for one in all {
            for id in self
                .store
                .visits_at(&one.person, one.from, one.until)
                .await?
            {
                let Some(booking) = self.store.booking(id).await? else {
                    continue;
                };
                let to_come = booking.visit.ends_at() > self.asked.now;
                if to_come && !found.iter().any(|known| known.id == id) {
                    found.push(booking);
                }
            }
        }
        found.sort_by_key(|one| one.visit.starts_at());
        Ok(found)
    }

    async fn closed(&self, open: &Open, all: &[Closed], note: &str) -> Result<Reply, StoreError> {
        for (n, one) in all.iter().enumerate() {
            let block = Block {
                resource: one.person.clone(),
                from: one.from,
                until: one.until,
                note: note.to_owned(),
                cause: ids::of(open.id, "block", n),
            };
            self.store.block(&block, self.asked.now).await?;
        }
        let names = Words(&self.firm.business);
        let affected = self.affected(all).await?;
        let lines: Vec<String> = all.iter().map(|one| words::closed(&names, one)).collect();
        let concerned: Vec<String> = affected.iter().map(|one| names.named(one)).collect();
        let pick = |one: &Booking| (affected_title(&names, one), Pick::Apologise(one.id));
        Ok(Reply {
            text: words::is_closed(self.asked.who, &lines, &concerned),
            picks: affected.iter().map(pick).collect(),
            ..Reply::default()
        })
    }

    /// Writes the customer of a visit that cannot take place; the others of the list stay.
    async fn apologise(&self, open: &Open, booking: uuid::Uuid) -> Result<Reply, StoreError> {
        let names = Words(&self.firm.business);
        let found = self.store.booking(booking).await?;
        let mut besides = Vec::new();
        let line = match &found {
            None => words::no_booking().to_owned(),
            Some(one) if !one.status.is_active() => words::over(&names, one),
            Some(one) => match self.apology(one).await? {
                Some(message) => {
                    besides.push(message);
                    words::written(&names, one, self.asked.who)
                }
                None => words::to_call(&names, one),
            },
        };
        let other = |(_, pick): &&(String, Pick)| *pick != Pick::Apologise(booking);
        Ok(Reply {
            text: format!("{}\n{line}", open.text),
            picks: open.picks.iter().filter(other).cloned().collect(),
            besides,
        })
    }

    /// The message to a customer; nothing where she has no conversation. It is not sent when the booking
    /// has changed meanwhile.
    async fn apology(&self, booking: &Booking) -> Result<Option<Outbound>, StoreError> {
        let Some(conversation) = &booking.conversation else {
            return Ok(None);
        };
        let business = &self.firm.business;
        let items = booking.visit.items.iter().map(|item| WishItem {
            service: item.service.clone(),
            person: None,
        });
        let wish = Wish {
            items: items.collect(),
            moving: Some(booking.id),
            ..Wish::default()
        };
        let asker = Asker::Customer(conversation);
        let found = self.calendar.find(business, &wish, asker, TIMES).await?;
        let telling = Telling {
            content: self.firm,
            language: business.language,
        };
        let times: Vec<String> = found
            .visits
            .iter()
            .map(|visit| format!("• {}", telling.visit(visit)))
            .collect();
        let visit = telling.visit(&booking.visit);
        let say = |phrase, variables: &[(&str, &str)]| {
            self.firm.texts.say(business.language, phrase, variables)
        };
        let text = if times.is_empty() {
            say(Phrase::VisitApology, &[("visit", &visit)])
        } else {
            let times = times.join("\n");
            say(
                Phrase::VisitApologyTimes,
                &[("visit", &visit), ("times", &times)],
            )
        };
        let buttons = vec![Button {
            title: say(Phrase::ButtonOtherTime, &[]),
            payload: Press::Target(Task::Move, booking.id).payload(),
        }];
        let version = booking.version.to_string();
        let id = ids::derive(&["apology", &booking.id.to_string(), &version]);
        let fence = Fence::Reminder {
            booking: booking.id.to_string(),
            version: booking.version,
            until: None,
        };
        let content = Content::Message {
            text,
            buttons,
            staff: None,
        };
        Ok(Some(self.message(id, conversation, fence, content)))
    }
}
