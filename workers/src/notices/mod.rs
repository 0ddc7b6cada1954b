//! Tells the staff of the appointment book: what has changed, the day's visits in the morning and the next
//! day's in the evening, whom to call, who has come. Everything is a [`Board`]: what is known of a thing
//! is rewritten in its message, not said again.
//!
//! Each message has the id of its cause, so that a round that comes again shows nothing twice.

mod ahead;
mod boards;
mod news;
mod place;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use zapis_core::board::Board;
use zapis_core::broker::{Broker, BrokerError};
use zapis_core::intake::outbound_message;
use zapis_core::message::{Author, Content, ConversationId, Fence, Outbound};
use zapis_core::store::{Booking, BookingEvent, Item, Store, StoreError, Visit};
use zapis_core::trace::{TraceParent, step};
use zapis_core::{Clock, causes, ids};

use crate::book::{Wish, WishItem, close_of, open_of};
use crate::business::{Business, CalendarKind, FirmFile, Location};
use crate::desk::Desks;
use crate::secretary;
pub use ahead::next_told;
use boards::Boards;
use place::{Duty, Place};
pub(crate) use words::Words;

/// How often the book is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often is looked for what time brings.
const DUE_EVERY: TimeDelta = TimeDelta::seconds(15);
/// Changes that follow each other within this are one message.
const QUIET: TimeDelta = TimeDelta::seconds(3);
/// But no message waits longer for more of them.
const PATIENCE: TimeDelta = TimeDelta::seconds(10);
/// The most changes in one message.
const AT_ONCE: u32 = 50;
/// Of how many who wait those are told who wait for a freed time.
const WAITING: u32 = 100;
/// What was missed for longer is not worth a message any more.
const MISSED: TimeDelta = TimeDelta::hours(12);

/// Tells the staff of the appointment book.
#[derive(Debug)]
pub struct Notices {
    /// The book, and how far it was told.
    pub store: Store,
    /// Where messages go.
    pub broker: Arc<dyn Broker>,
    /// Where the staff is.
    pub desks: Desks,
    /// The folder of `business.toml`.
    pub config: PathBuf,
    /// The time.
    pub clock: Clock,
    /// Names this process among those that could tell.
    pub holder: String,
}

/// Why a round did not finish. The next one does what is left.
#[derive(Debug, thiserror::Error)]
pub enum RoundError {
    /// The book could not be read, or how far it was told not be kept.
    #[error("the book could not be read")]
    Store(#[from] StoreError),
    /// The queue refused.
    #[error("a message could not be published")]
    Broker(#[from] BrokerError),
}

impl Notices {
    /// Looks at the book until asked to stop. Of several processes one does.
    pub async fn run(self, stop: CancellationToken) {
        let mut duty = Duty::new(
            FirmFile::new(&self.config, &self.store),
            self.holder.clone(),
        );
        let mut moves = self.clock.moves();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = moves.within(LOOK_EVERY) => {}
            }
            let round = async {
                if !duty.is_ours(&self.store, self.clock.now()).await? {
                    return Ok(());
                }
                match duty.business().await {
                    Some(business) => self.round(&business).await,
                    None => Ok(()),
                }
            };
            let done: Result<(), RoundError> = round.await;
            if let Err(error) = done {
                warn!(error = %causes(&error), "Could not tell the staff of the book");
            }
        }
        if let Err(error) = duty.leave(&self.store).await {
            debug!(error = %causes(&error), "Another process takes over a little later");
        }
    }

    /// Tells what has changed and what is due by now.
    pub async fn round(&self, business: &Business) -> Result<(), RoundError> {
        let now = self.clock.now();
        let mut place = Place::load(&self.store, now).await?;
        let events = self.batch(&mut place, now).await?;
        if let Some(last) = events.last() {
            let messages = self.tell(business, &events, now).await?;
            self.publish(messages).await?;
            place.told(last.position);
            place.save(&self.store).await?;
        }
        if now - place.clock >= DUE_EVERY {
            let from = place.clock.max(now - MISSED);
            let messages = self.due(business, from, now).await?;
            self.publish(messages).await?;
            place.clock = now;
            place.save(&self.store).await?;
        }
        Ok(())
    }

    /// The changes that are one message. Which they are is kept before anything is said, so that a round
    /// that comes again says the same.
    async fn batch(
        &self,
        place: &mut Place,
        now: DateTime<Utc>,
    ) -> Result<Vec<BookingEvent>, StoreError> {
        let store = &self.store;
        let mut events = store.booking_events_after(place.position, AT_ONCE).await?;
        if let Some(until) = place.until {
            events.retain(|event| event.position <= until);
            return Ok(events);
        }
        if !is_settled(&events, now) {
            return Ok(Vec::new());
        }
        place.until = events.last().map(|event| event.position);
        if place.until.is_some() {
            place.save(store).await?;
        }
        Ok(events)
    }

    /// What changes lead to.
    async fn tell(
        &self,
        business: &Business,
        events: &[BookingEvent],
        now: DateTime<Utc>,
    ) -> Result<Vec<Outbound>, StoreError> {
        let Some((first, last)) = events.first().zip(events.last()) else {
            return Ok(Vec::new());
        };
        let words = Words(business);
        let all = news::of(events);
        let mut messages = Vec::new();
        let mut by_desk: BTreeMap<&ConversationId, Vec<String>> = BTreeMap::new();
        for one in &all {
            let conversation = one.after.conversation.as_ref();
            let Some(desk) = self.desks.of_booking(conversation) else {
                continue;
            };
            // What was ordered in the chat is told there, in the message of the order.
            let order = secretary::key(one.cause);
            if self.store.board(desk, &order).await?.is_some() {
                continue;
            }
            let Some(mut line) = words.news(one, now) else {
                continue;
            };
            if let Some(visit) = one.freed(now) {
                line += &words::waited_for(&self.waiters(business, visit).await?);
            }
            if let Some(about) = conversation
                && self.store.staff_thread(about).await?.is_some()
            {
                let id = ids::of(one.cause, "visit in the topic", 0);
                let relay = Content::Relay {
                    about: about.clone(),
                    name: one.after.name.clone(),
                    from: Author::Bot,
                    text: line.clone(),
                };
                messages.push(message(desk, id, relay, now));
            }
            by_desk.entry(desk).or_default().push(line);
        }
        for (desk, lines) in by_desk {
            let board = Board {
                key: format!("news:{}", first.position),
                text: words::together(&lines),
                buttons: Vec::new(),
                only_rewrites: false,
            };
            messages.push(shown(desk, board, "news", now));
        }
        let boards = self.touched(business, &all, now).await?;
        let cause = format!("after {}", last.position);
        messages.extend(self.addressed(boards, &cause, now));
        Ok(messages)
    }

    /// Who waits for a time like one that was freed, the longest first: names and what they said.
    async fn waiters(
        &self,
        business: &Business,
        freed: &Visit,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let starts = business.local(freed.starts_at()).naive_local();
        let done = |wished: &WishItem| {
            let by = |item: &Item| {
                wished
                    .person
                    .as_ref()
                    .is_none_or(|one| *one == item.resource)
            };
            let mut items = freed.items.iter();
            items.any(|item| item.service == wished.service && by(item))
        };
        let mut waiters = Vec::new();
        for entry in self.store.waiting(WAITING).await? {
            let suits = Wish::of(&entry)
                .is_some_and(|wish| wish.when.admits(starts) && wish.items.iter().any(done));
            if suits {
                let known = self.store.known(&entry.conversation).await?;
                waiters.push((known.name.unwrap_or_default(), entry.said));
            }
        }
        Ok(waiters)
    }

    /// What is shown already and is another now.
    async fn touched(
        &self,
        business: &Business,
        all: &[news::News],
        now: DateTime<Utc>,
    ) -> Result<Vec<(Option<ConversationId>, Board)>, StoreError> {
        let boards = Boards { business, now };
        let mut found = Vec::new();
        for one in all {
            let Some(booking) = self.store.booking(one.after.id).await? else {
                continue;
            };
            let events = self.store.booking_events(booking.id).await?;
            let anew = one.before.is_none() || one.is_move();
            for board in boards.of_visit(one, &booking, &events, anew) {
                found.push((booking.conversation.clone(), board));
            }
        }
        let days: BTreeSet<(&str, NaiveDate)> =
            all.iter().flat_map(|one| one.days(business)).collect();
        for (location, date) in days {
            let Some(location) = business.location(location) else {
                continue;
            };
            for (prefix, _) in boards.lists_of(date) {
                let mut board = self.list(business, location, prefix, date, now).await?;
                board.only_rewrites = true;
                if !board.text.is_empty() {
                    found.push((None, board));
                }
            }
        }
        Ok(found)
    }

    /// What time brings between two moments.
    async fn due(
        &self,
        business: &Business,
        from: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Outbound>, StoreError> {
        if business.booking.calendar == CalendarKind::External {
            return Ok(Vec::new());
        }
        let boards = Boards { business, now };
        let ahead = TimeDelta::hours(business.booking.call_hours.into());
        let mut found = Vec::new();
        // A visit that begins at the very end is one of them.
        let until = now + ahead + TimeDelta::minutes(1);
        for booking in self.store.bookings_between(from, until).await? {
            for board in boards.begun(&booking, from) {
                found.push((booking.conversation.clone(), board));
            }
        }
        let today = business.local(now).date_naive();
        for (prefix, minute, date) in boards.lists() {
            let at = open_of(business.time_zone, today, minute);
            if at <= from || at > now {
                continue;
            }
            for location in &business.locations {
                let board = self.list(business, location, prefix, date, now).await?;
                if !board.text.is_empty() {
                    found.push((None, board));
                }
            }
        }
        Ok(self.addressed(found, "due", now))
    }

    /// The visits of a day at a location; without words where it is closed and nobody comes.
    async fn list(
        &self,
        business: &Business,
        location: &Location,
        prefix: &str,
        date: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<Board, StoreError> {
        let zone = business.time_zone;
        let (from, until) = (open_of(zone, date, 0), close_of(zone, date, 24 * 60));
        let mut bookings: Vec<Booking> = self.store.bookings_between(from, until).await?;
        bookings.retain(|booking| booking.visit.location == location.id);
        Ok(Board {
            key: format!("{prefix}:{}:{date}", location.id),
            text: Words(business).list(location, date, &bookings, now),
            buttons: Vec::new(),
            only_rewrites: false,
        })
    }

    /// Boards as messages to the desks that see them.
    fn addressed(
        &self,
        boards: Vec<(Option<ConversationId>, Board)>,
        cause: &str,
        now: DateTime<Utc>,
    ) -> Vec<Outbound> {
        let message = |(conversation, board): (Option<ConversationId>, Board)| {
            let desk = self.desks.of_booking(conversation.as_ref())?;
            Some(shown(desk, board, cause, now))
        };
        boards.into_iter().filter_map(message).collect()
    }

    /// Messages of one desk travel together, so that their order holds.
    async fn publish(&self, messages: Vec<Outbound>) -> Result<(), BrokerError> {
        let mut by_desk: BTreeMap<ConversationId, Vec<Outbound>> = BTreeMap::new();
        for mut message in messages {
            let step = step("notices", "producer", None);
            message.trace = message.trace.begun_by(&step);
            let desk = message.conversation.clone();
            by_desk.entry(desk).or_default().push(message);
        }
        if by_desk.is_empty() {
            return Ok(());
        }
        let batches = by_desk.values().map(|batch| outbound_message(batch));
        self.broker.publish(batches.collect()).await
    }
}

/// Whether no more of the same is to be expected. Marks of the staff have nothing to wait for.
fn is_settled(events: &[BookingEvent], now: DateTime<Utc>) -> bool {
    let (Some(first), Some(last)) = (events.first(), events.last()) else {
        return false;
    };
    now - last.at >= QUIET
        || now - first.at >= PATIENCE
        || events.len() >= AT_ONCE as usize
        || events.iter().all(news::is_mark)
}

/// A board for a desk; the same cause gives the same message.
fn shown(desk: &ConversationId, board: Board, cause: &str, now: DateTime<Utc>) -> Outbound {
    let id = ids::derive(&["board", desk.as_str(), &board.key, cause]);
    message(desk, id, Content::Board(Box::new(board)), now)
}

fn message(
    desk: &ConversationId,
    id: uuid::Uuid,
    content: Content,
    now: DateTime<Utc>,
) -> Outbound {
    Outbound {
        id,
        conversation: desk.clone(),
        turn: None,
        answers: Vec::new(),
        fence: Fence::Staff,
        content,
        language: "ru".to_owned(),
        purpose: None,
        customer_wrote_at: None,
        at: now,
        trace: TraceParent::start(),
    }
}
