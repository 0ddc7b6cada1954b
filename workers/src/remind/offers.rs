//! Offers times that become free to those who wait for them: who waits longest first, each time to one alone,
//! for a while, and never in quiet hours.
//!
//! The offered time is held in the entry's name before anything is said, and what is offered is noted before it
//! goes. Of several workers one does so, by a lease; an entry is written only as it was read.

use std::collections::HashSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;
use uuid::Uuid;
use zapis_core::ids;
use zapis_core::intake::outbound_message;
use zapis_core::message::{Content, DeliveryStatus, Fence, Outbound, Purpose};
use zapis_core::store::{
    Booking, Held, Holding, Known, SlotOffer, StoreError, WaitEntry, WaitState, Whose,
};
use zapis_core::trace::{TraceParent, step};

use super::plan::Quiet;
use super::{Remind, RoundError};
use crate::book::{Asker, Book, Calendar, Wish, customer_may_change};
use crate::business::{Business, CalendarKind};
use crate::content::Content as Firm;
use crate::dialogue::visit::{Telling, waiting_line as told};
use crate::words::Language;

/// How many who wait are looked at.
const LOOKED_AT: u32 = 500;
/// Of how many free times one is offered that was not offered before.
const TIMES: usize = 40;
/// Also without a change of the book is searched so often: working hours may have changed.
const ANYWAY: TimeDelta = TimeDelta::seconds(20);
/// How long a search may take all in all.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long another worker waits for one that died.
const LEASE: Duration = Duration::from_secs(30);
/// Who leaves so many offers in a row without an answer waits no more.
const UNANSWERED: u32 = 3;

/// How far the waiting list was looked after, by this process.
#[derive(Debug)]
pub struct Offers {
    /// Names this process among those that could.
    holder: String,
    /// The last change of the book that was searched after.
    position: AtomicI64,
    /// When was searched last, in milliseconds since 1970.
    searched: AtomicI64,
}

impl Default for Offers {
    fn default() -> Self {
        Self {
            holder: Uuid::new_v4().to_string(),
            position: AtomicI64::default(),
            searched: AtomicI64::default(),
        }
    }
}

impl Remind {
    /// Ends offers that nobody took in time, and offers what is free.
    pub(super) async fn offer_freed(&self) -> Result<(), RoundError> {
        let entries = self.store.waiting(LOOKED_AT).await?;
        if entries.is_empty() || !self.is_ours().await? {
            return Ok(());
        }
        let (firm, now) = (self.content.now(), self.clock.now());
        let business = &firm.business;
        let mut free = Vec::new();
        let mut offered = HashSet::new();
        for entry in entries {
            let conversation = entry.conversation.clone();
            match self.tend(entry, &firm).await? {
                Some(entry) => free.push(entry),
                None => {
                    offered.insert(conversation);
                }
            }
        }
        let rules = &business.booking;
        let kept_here = rules.calendar == CalendarKind::Own && rules.waiting_minutes > 0;
        if !kept_here || !self.is_due(now).await? {
            return Ok(());
        }
        let begun = Instant::now();
        for entry in free {
            // Reminders must not wait for a long list: the rest has its turn at the next search.
            if begun.elapsed() > PATIENCE {
                break;
            }
            // One offer at a time.
            if offered.contains(&entry.conversation) {
                continue;
            }
            let conversation = entry.conversation.clone();
            let known = self.store.known(&entry.conversation).await?;
            // «Стоп» after she joined.
            if known
                .no_advertising
                .is_some_and(|at| at >= entry.created_at)
            {
                self.strike(&entry, "opted_out").await?;
            } else if self.may_hear(&entry, &known, &firm).await?
                && self.offer(entry, &firm).await?
            {
                offered.insert(conversation);
            }
        }
        Ok(())
    }

    /// One worker looks after the list: two would each hold another time in the same name.
    async fn is_ours(&self) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let holder = &self.offers.holder;
        self.store.lease("waiting list", holder, LEASE, now).await
    }

    async fn strike(&self, entry: &WaitEntry, why: &str) -> Result<(), StoreError> {
        let ended = next(entry, WaitState::Ended);
        let event = told(&ended, "leave_waiting", why, self.clock.now());
        self.store.save_waiting(&ended, &[event]).await?;
        Ok(())
    }

    /// Whether the book has changed since the last search, or that was long ago.
    async fn is_due(&self, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let Offers {
            position, searched, ..
        } = &self.offers;
        let followed = self.store.followed_to().await?;
        let changed = position.swap(followed, Ordering::Relaxed) != followed;
        let at = now.timestamp_millis();
        let due = changed || at - searched.load(Ordering::Relaxed) >= ANYWAY.num_milliseconds();
        if due {
            searched.store(at, Ordering::Relaxed);
        }
        Ok(due)
    }

    /// Somebody who waits and is offered nothing, after what was offered has come to its end.
    async fn tend(&self, entry: WaitEntry, firm: &Firm) -> Result<Option<WaitEntry>, RoundError> {
        let now = self.clock.now();
        let Some(offer) = &entry.offer else {
            if now < entry.until {
                return Ok(Some(entry));
            }
            self.strike(&entry, "expired").await?;
            return Ok(None);
        };
        let ledger = self.store.ledger(offer.outbound).await?;
        let undelivered = ledger
            .as_ref()
            .is_some_and(|entry| entry.delivery == Some(DeliveryStatus::Failed));
        let state = ledger.map(|entry| entry.state).unwrap_or_default();
        let failed = undelivered || matches!(state.as_str(), "failed" | "fenced");
        if now < offer.until && !failed {
            if !offer.published {
                self.publish_offer(&entry, firm).await?;
            }
            return Ok(None);
        }
        // What did not reach her she did not leave unanswered.
        let reached = state == "sent" && !undelivered;
        let unanswered = entry.unanswered + u32::from(reached);
        let over = unanswered >= UNANSWERED || now >= entry.until;
        let mut passed = next(
            &entry,
            if over {
                WaitState::Ended
            } else {
                WaitState::Waiting
            },
        );
        // A person took over: afterwards she may have it.
        if state != "fenced" {
            passed.passed.push(offer.visit.place());
        }
        passed.unanswered = unanswered;
        let outcome = if reached { "expired" } else { "unreachable" };
        let event = told(&entry, "offer_slot", outcome, now);
        if !self.store.save_waiting(&passed, &[event]).await? {
            // She was faster.
            return Ok(None);
        }
        self.give_back(&passed).await?;
        Ok((!over).then_some(passed))
    }

    /// Whether she can be written to, at this hour, and no person is talking to her.
    async fn may_hear(
        &self,
        entry: &WaitEntry,
        known: &Known,
        firm: &Firm,
    ) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let quiet = Quiet::of(&firm.business, known.phone.as_deref());
        if quiet.is_some_and(|quiet| quiet.holds(now)) {
            return Ok(false);
        }
        let owner = self.store.ownership(&entry.conversation, now).await?;
        Ok(self.can_write(&entry.conversation, known) && owner.staff.is_none() && !owner.blocked)
    }

    /// Why she need not wait any more: she has what she wished, or what she wished to move is gone.
    async fn is_moot(
        &self,
        entry: &WaitEntry,
        wish: &Wish,
        business: &Business,
    ) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let suits = |booking: &Booking| {
            let local = business.local(booking.visit.starts_at()).naive_local();
            wish.when.admits(local)
        };
        if let Some(moving) = wish.moving {
            let booking = self.store.booking(moving).await?;
            return Ok(!booking.is_some_and(|booking| {
                customer_may_change(&business.booking, &booking, now) && !suits(&booking)
            }));
        }
        let whose = Whose::Conversation(&entry.conversation);
        let hers = self.store.bookings_of(whose, now).await?;
        let same = |booking: &Booking| {
            let mut items = booking.visit.items.iter();
            items.any(|item| wish.items.iter().any(|one| one.service == item.service))
        };
        Ok(hers.iter().any(|booking| {
            let since = booking.created_at >= entry.created_at && same(booking);
            booking.status.is_active() && since
        }))
    }

    /// Offers the first free time that suits; whether there is one.
    async fn offer(&self, entry: WaitEntry, firm: &Firm) -> Result<bool, RoundError> {
        let (business, now) = (&firm.business, self.clock.now());
        let wish = Wish::of(&entry).filter(|wish| wish.fault(business, true).is_none());
        let Some(wish) = wish else {
            // The firm does not offer it any more.
            self.strike(&entry, "not_offered").await?;
            return Ok(false);
        };
        if self.is_moot(&entry, &wish, business).await? {
            self.strike(&entry, "not_needed").await?;
            return Ok(false);
        }
        let holder = entry.holder();
        let book = Book::new(self.store.clone(), self.clock.clone());
        let asker = Asker::Customer(&holder);
        let found = book.find(business, &wish, asker, TIMES).await?;
        let mut visits = found.visits.into_iter();
        let fresh = visits.find(|visit| !entry.passed.contains(&visit.place()));
        let Some(visit) = fresh.filter(|_| found.exact) else {
            return Ok(false);
        };
        let minutes = TimeDelta::minutes(business.booking.waiting_minutes.into());
        let until = (now + minutes).min(visit.starts_at());
        let id = entry.id.to_string();
        let version = entry.version.to_string();
        let wanted = Holding {
            cause: ids::derive(&["offer", &id, &version]),
            visits: std::slice::from_ref(&visit),
            moving: wish.moving,
            until,
        };
        // In the store at once: the book would put itself in order each time.
        let fates = self.store.hold(&holder, &wanted, now).await?;
        let Some(Held::Held(hold)) = fates.first().copied() else {
            return Ok(false);
        };
        let mut offered = next(&entry, WaitState::Offered);
        offered.offer = Some(SlotOffer {
            hold,
            visit,
            until,
            outbound: ids::derive(&["offer message", &id, &version]),
            published: false,
        });
        let event = told(&offered, "offer_slot", "offered", now);
        if self.store.save_waiting(&offered, &[event]).await? {
            self.publish_offer(&offered, firm).await?;
            return Ok(true);
        }
        // She left meanwhile.
        self.give_back(&entry).await?;
        Ok(false)
    }

    async fn give_back(&self, entry: &WaitEntry) -> Result<(), StoreError> {
        let now = self.clock.now();
        let nothing = Holding {
            cause: entry.id,
            visits: &[],
            moving: None,
            until: now,
        };
        self.store.hold(&entry.holder(), &nothing, now).await?;
        Ok(())
    }

    async fn publish_offer(&self, entry: &WaitEntry, firm: &Firm) -> Result<(), RoundError> {
        let Some(offer) = &entry.offer else {
            return Ok(());
        };
        let language = Language::from_code(&entry.language).unwrap_or(firm.business.language);
        let telling = Telling {
            content: firm,
            language,
        };
        let (text, buttons) = telling.freed(entry, offer);
        let now = self.clock.now();
        let known = self.store.known(&entry.conversation).await?;
        let quiet = Quiet::of(&firm.business, known.phone.as_deref());
        let quiet = quiet.and_then(|quiet| quiet.next(now));
        let salon = firm.business.name.in_language(language).to_owned();
        let outbound = Outbound {
            id: offer.outbound,
            conversation: entry.conversation.clone(),
            turn: None,
            answers: Vec::new(),
            fence: Fence::Offer {
                waiting: entry.id,
                until: quiet.map_or(offer.until, |quiet| quiet.min(offer.until)),
            },
            content: Content::Message {
                text,
                buttons,
                staff: None,
            },
            language: language.code().to_owned(),
            purpose: Some(Purpose {
                name: "freed".to_owned(),
                parameters: vec![salon, telling.visit(&offer.visit)],
            }),
            customer_wrote_at: known.wrote_at,
            at: now,
            trace: TraceParent::start().begun_by(&step("remind", "producer", None)),
        };
        self.broker
            .publish(vec![outbound_message(&[outbound])])
            .await?;
        let mut published = next(entry, WaitState::Offered);
        published.offer = Some(SlotOffer {
            published: true,
            ..offer.clone()
        });
        self.store.save_waiting(&published, &[]).await?;
        Ok(())
    }
}

/// The same one change later, with nothing offered.
fn next(entry: &WaitEntry, state: WaitState) -> WaitEntry {
    WaitEntry {
        version: entry.version + 1,
        state,
        offer: None,
        ..entry.clone()
    }
}
