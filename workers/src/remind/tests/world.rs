//! Workers, messengers and people at random: what goes out goes out once, in time, and of what is booked.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use uuid::Uuid;
use zapis_core::Clock;
use zapis_core::broker::Broker;
use zapis_core::event::{Event, Kind, Seen};
use zapis_core::message::{
    Content as Said, DeliveryReport, DeliveryStatus, Fence, Outbound, Profile, ProviderError,
};
use zapis_core::store::{
    Booking, BookingChange, Change, Changed, ClaimRequest, Claimed, Item, NewBooking, Reminder,
    ReminderState, SendOutcome, Status, Store, Visit, Wanted,
};
use zapis_core::trace::TraceParent;

use super::super::plan::Quiet;
use super::super::{Offers, Remind, send};
use crate::business::Step;
use crate::content::Content;
use crate::desk::Desks;
use crate::testing::doubles::{Forgetful, Queue};
use crate::testing::{config, moscow};

static CONTENT: LazyLock<Arc<Content>> = LazyLock::new(|| {
    Arc::new(Content::load(&config()).unwrap_or_else(|problems| panic!("{problems:?}")))
});

const DESK: &str = "telegram:main:-100";

/// What a messenger makes of a message.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Luck {
    Arrives,
    Fails,
    /// It is taken, and nothing more is heard of it.
    Silent,
}

/// A message that left.
#[derive(Debug, Clone)]
struct Left {
    outbound: Outbound,
    at: DateTime<Utc>,
    luck: Luck,
    booking: Booking,
}

struct World {
    store: Store,
    queue: Arc<Queue>,
    clock: Clock,
    workers: Vec<Remind>,
    left: Vec<Left>,
    calls: Vec<Outbound>,
    causes: u128,
}

impl World {
    async fn new(now: DateTime<Utc>) -> Self {
        Self::of(now, &["telegram:main", "whatsapp:main", "webchat:site"]).await
    }

    /// One whose firm has a gateway for SMS.
    async fn with_sms(now: DateTime<Utc>) -> Self {
        let accounts = ["telegram:main", "whatsapp:main", "webchat:site", "sms:main"];
        Self::of(now, &accounts).await
    }

    async fn of(now: DateTime<Utc>, accounts: &[&str]) -> Self {
        let store = Store::open("sqlite::memory:").await.unwrap();
        let queue = Arc::new(Queue::default());
        let clock = Clock::fixed(now);
        let worker = || Remind {
            offers: Offers::default(),
            store: store.clone(),
            sessions: Arc::new(Forgetful),
            broker: Arc::clone(&queue) as Arc<dyn Broker>,
            content: CONTENT.clone().into(),
            desks: Desks::new([DESK.parse().unwrap()]),
            accounts: accounts.iter().map(|&account| account.to_owned()).collect(),
            clock: clock.clone(),
        };
        let workers = vec![worker(), worker()];
        Self {
            store,
            queue,
            clock,
            workers,
            left: Vec::new(),
            calls: Vec::new(),
            causes: 0,
        }
    }

    fn cause(&mut self) -> Uuid {
        self.causes += 1;
        Uuid::from_u128(self.causes)
    }

    /// A conversation whose channel vouches for a phone.
    async fn knows(&self, conversation: &str, phone: &str) {
        let seen = Seen {
            conversation: conversation.parse().unwrap(),
            at: self.clock.now(),
            wrote: true,
            profile: Profile {
                phone: Some(phone.into()),
                ..Profile::default()
            },
            reachable: None,
            advertising: None,
        };
        self.store.journal(&[], &[seen]).await.unwrap();
    }

    async fn book(
        &mut self,
        who: &str,
        conversation: Option<&str>,
        phone: Option<&str>,
        start: DateTime<Utc>,
    ) -> Booking {
        let cause = self.cause();
        let request = NewBooking {
            wanted: Wanted::Visit(visit(self.causes, start)),
            cause,
            who: who.into(),
            conversation: conversation.map(|one| one.parse().unwrap()),
            name: "Ольга".into(),
            phone: phone.map(str::to_owned),
            source: "phone".into(),
            for_whom: None,
            notes: None,
        };
        match self.store.book(&request, self.clock.now()).await.unwrap() {
            zapis_core::store::Booked::Booked(booking) => booking,
            other => panic!("{other:?}"),
        }
    }

    async fn change(&mut self, booking: Uuid, who: &str, to: Change) -> Booking {
        let now = self.store.booking(booking).await.unwrap().unwrap();
        let change = BookingChange {
            booking,
            version: now.version,
            cause: self.cause(),
            who: who.into(),
            conversation: None,
            to,
        };
        match self
            .store
            .change_booking(&change, self.clock.now())
            .await
            .unwrap()
        {
            Changed::Done(booking) | Changed::Stale(booking) => booking,
            other => panic!("{other:?}"),
        }
    }

    async fn shift(&mut self, booking: &Booking, who: &str, minutes: i64) -> Booking {
        let start = booking.visit.starts_at() + TimeDelta::minutes(minutes);
        let mut moved = booking.visit.clone();
        for item in &mut moved.items {
            item.ends_at += start - item.starts_at;
            item.starts_at = start;
        }
        self.change(booking.id, who, Change::Move(Wanted::Visit(moved)))
            .await
    }

    async fn round(&self, worker: usize) {
        // A queue that is away fails the round; the next one does the rest.
        self.workers[worker].round().await.ok();
    }

    /// A worker dies with what it has claimed.
    async fn dies(&self) {
        let now = self.clock.now();
        self.store
            .claim_reminders(now, now + send::LEASE, 3)
            .await
            .unwrap();
    }

    fn pass(&self, time: TimeDelta) {
        self.clock.advance(time.to_std().unwrap());
    }

    /// The senders take `count` messages from the queue, twice where the queue has them twice.
    async fn deliver(&mut self, count: usize, luck: Luck) {
        let waiting: Vec<_> = {
            let mut waiting = self.queue.waiting.lock().unwrap();
            let count = count.min(waiting.len());
            waiting.drain(..count).collect()
        };
        for outbound in waiting {
            if outbound.fence == Fence::Staff {
                self.calls.push(outbound);
                continue;
            }
            let now = self.clock.now();
            let request = ClaimRequest {
                id: outbound.id,
                conversation: outbound.conversation.clone(),
                turn: None,
                answers: Vec::new(),
                fence: outbound.fence.clone(),
                trace: TraceParent::start(),
            };
            if self.store.claim(&[request], now).await.unwrap() != [Claimed::Go] {
                continue;
            }
            let Fence::Reminder { booking, .. } = &outbound.fence else {
                panic!("{outbound:?}")
            };
            let booking = booking.parse().unwrap();
            let booking = self.store.booking(booking).await.unwrap().unwrap();
            self.settle(&outbound, luck).await;
            self.left.push(Left {
                outbound,
                at: now,
                luck,
                booking,
            });
        }
    }

    async fn settle(&self, outbound: &Outbound, luck: Luck) {
        let now = self.clock.now();
        let outcome = match luck {
            Luck::Fails => SendOutcome::Failed(ProviderError {
                code: "403".into(),
                text: "no".into(),
            }),
            _ => SendOutcome::Sent {
                provider_id: Some(outbound.id.to_string()),
            },
        };
        self.store
            .record(&[(outbound.id, outcome)], &[], now)
            .await
            .unwrap();
        if luck == Luck::Arrives && outbound.conversation.channel() == "whatsapp" {
            self.receipt(outbound).await;
        }
    }

    async fn receipt(&self, outbound: &Outbound) {
        let report = DeliveryReport {
            account: "whatsapp:main".into(),
            provider_id: outbound.id.to_string(),
            outbound_id: Some(outbound.id),
            status: DeliveryStatus::Delivered,
            error: None,
            at: self.clock.now(),
        };
        self.store.delivered(&[report]).await.unwrap();
    }

    /// Goes on without faults for so long.
    async fn settle_down(&mut self, time: TimeDelta, step: TimeDelta) {
        let end = self.clock.now() + time;
        while self.clock.now() < end {
            self.round(0).await;
            self.deliver(usize::MAX, Luck::Arrives).await;
            self.pass(step);
        }
        self.round(0).await;
    }

    async fn rows(&self, booking: &Booking) -> Vec<Reminder> {
        self.store.reminders_of(booking.id).await.unwrap()
    }

    async fn state(
        &self,
        booking: &Booking,
        version: i64,
        step: Step,
    ) -> (ReminderState, Option<String>) {
        let rows = self.rows(booking).await;
        let row = rows
            .into_iter()
            .find(|row| row.version == version && row.step == step.name());
        let row = row.unwrap();
        (row.state, row.reason)
    }

    async fn events(&self) -> Vec<Event> {
        let events = self.store.events_after(0, 100_000).await.unwrap();
        events.into_iter().map(|(_, event)| event).collect()
    }

    /// What left to customers, as (channel, step by its buttons or words).
    fn channels(&self) -> Vec<&str> {
        self.left
            .iter()
            .map(|left| left.outbound.conversation.channel())
            .collect()
    }
}

fn visit(n: u128, start: DateTime<Utc>) -> Visit {
    Visit {
        location: "kolokolnaya".into(),
        items: vec![Item {
            service: "women-cut".into(),
            resource: format!("person-{n}"),
            needs: Vec::new(),
            starts_at: start,
            ends_at: start + TimeDelta::minutes(60),
            buffer: (0, 0),
            price: String::new(),
        }],
    }
}

const TELEGRAM: &str = "telegram:main:7";
const WHATSAPP: &str = "whatsapp:main:79001234567";
const PHONE: &str = "+79001234567";

#[tokio::test]
async fn a_booking_by_the_staff_is_told_once_by_two_workers() {
    let mut world = World::new(moscow("2026-11-24 12:00")).await;
    let booking = world
        .book("Марина", Some(TELEGRAM), None, moscow("2026-11-27 15:00"))
        .await;

    tokio::join!(world.round(0), world.round(1));
    tokio::join!(world.round(1), world.round(0));
    world.deliver(10, Luck::Arrives).await;
    world.pass(TimeDelta::seconds(11));
    tokio::join!(world.round(0), world.round(1));

    assert_eq!(world.channels(), ["telegram"]);
    assert_eq!(
        world.state(&booking, 1, Step::Booked).await.0,
        ReminderState::Sent
    );
    let told: Vec<_> = world.events().await.iter().map(told).collect();
    for line in [
        "booking create_booking booked -",
        "reminder send_reminder planned booked",
        "reminder send_reminder planned day_before",
        "reminder send_reminder sent booked",
        "reminder send_reminder delivered booked",
    ] {
        assert_eq!(
            told.iter().filter(|one| *one == line).count(),
            1,
            "{line}: {told:#?}"
        );
    }
}

fn told(event: &Event) -> String {
    let step = event
        .sources
        .as_ref()
        .and_then(|sources| sources["step"].as_str());
    format!(
        "{} {} {} {}",
        event.kind.name(),
        event.action.as_deref().unwrap_or("-"),
        event.outcome.as_deref().unwrap_or("-"),
        step.unwrap_or("-"),
    )
}

#[tokio::test]
async fn who_booked_in_the_chat_is_not_told_so_and_an_import_is_not_announced() {
    let mut world = World::new(moscow("2026-11-24 12:00")).await;
    let booking = world
        .book("customer", Some(TELEGRAM), None, moscow("2026-11-27 15:00"))
        .await;

    world.round(0).await;
    world.deliver(10, Luck::Arrives).await;

    assert!(world.left.is_empty());
    assert!(
        world
            .rows(&booking)
            .await
            .iter()
            .all(|row| row.step != "booked")
    );
}

#[tokio::test]
async fn who_is_cancelled_by_the_firm_is_told_once_and_who_cancels_herself_is_not() {
    for (who, status, told) in [
        ("Марина", Status::CancelledBySalon, 1),
        ("Марина", Status::CancelledByCustomer, 0),
        ("customer", Status::CancelledByCustomer, 0),
    ] {
        let mut world = World::new(moscow("2026-11-24 12:00")).await;
        let booking = world
            .book("customer", Some(TELEGRAM), None, moscow("2026-11-27 15:00"))
            .await;
        world.round(0).await;

        world.change(booking.id, who, Change::Status(status)).await;
        tokio::join!(world.round(0), world.round(1));
        world.deliver(10, Luck::Arrives).await;
        world
            .settle_down(TimeDelta::days(5), TimeDelta::hours(1))
            .await;

        assert_eq!(world.left.len(), told, "{who} {status:?}");
    }
}

#[tokio::test]
async fn what_is_called_off_in_the_night_before_is_told_in_the_night() {
    let mut world = World::new(moscow("2026-11-26 23:30")).await;
    let early = world
        .book("customer", Some(TELEGRAM), None, moscow("2026-11-27 08:30"))
        .await;
    let later = world
        .book("customer", Some(WHATSAPP), None, moscow("2026-11-27 15:00"))
        .await;
    world.round(0).await;
    for booking in [&early, &later] {
        let off = Change::Status(Status::CancelledBySalon);
        world.change(booking.id, "Марина", off).await;
    }

    world.round(0).await;
    world.deliver(10, Luck::Arrives).await;
    assert_eq!(world.channels(), ["telegram"]);
    world
        .settle_down(TimeDelta::hours(10), TimeDelta::minutes(30))
        .await;
    assert_eq!(world.channels(), ["telegram", "whatsapp"]);
}

#[tokio::test]
async fn the_night_of_a_customer_abroad_is_her_own() {
    let mut world = World::new(moscow("2026-11-24 12:00")).await;
    let almaty = Some("+77011234567");
    // Two hours ahead of Moscow.
    world
        .book(
            "customer",
            Some(TELEGRAM),
            almaty,
            moscow("2026-11-27 20:00"),
        )
        .await;
    world.pass(TimeDelta::minutes(29));

    world
        .settle_down(TimeDelta::days(3), TimeDelta::minutes(30))
        .await;

    let first = world.left[0].at;
    assert_eq!(first, moscow("2026-11-26 18:59"), "20:59 there, not 22:00");
}

#[tokio::test]
async fn a_small_move_is_not_told_and_a_large_one_is() {
    let mut world = World::new(moscow("2026-11-26 12:00")).await;
    let booking = world
        .book("customer", Some(TELEGRAM), None, moscow("2026-11-27 15:00"))
        .await;
    world
        .settle_down(
            TimeDelta::hours(3) + TimeDelta::minutes(10),
            TimeDelta::minutes(5),
        )
        .await;
    assert_eq!(world.left.len(), 1, "the day before");

    let small = world.shift(&booking, "Марина", 15).await;
    world
        .settle_down(TimeDelta::hours(1), TimeDelta::minutes(5))
        .await;
    assert_eq!(world.left.len(), 1, "a small move is no news");

    let again = world.shift(&small, "customer", -15).await;
    let confirmed = world
        .change(again.id, "customer", Change::Status(Status::Confirmed))
        .await;
    world
        .settle_down(TimeDelta::hours(1), TimeDelta::minutes(5))
        .await;
    assert_eq!(world.left.len(), 1);

    let large = world.shift(&confirmed, "Марина", 24 * 60).await;
    world
        .settle_down(TimeDelta::hours(30), TimeDelta::minutes(5))
        .await;
    let steps: Vec<_> = world.left[1..]
        .iter()
        .map(|left| left.booking.version)
        .collect();
    assert_eq!(steps, [large.version; 2], "moved, and the day before again");
}

#[tokio::test]
async fn the_next_way_is_taken_only_when_the_one_before_failed_or_stays_silent() {
    let mut world = World::new(moscow("2026-11-24 12:00")).await;
    world.knows(TELEGRAM, PHONE).await;
    world.knows(WHATSAPP, PHONE).await;
    let visit = moscow("2026-11-27 15:00");
    let booking = world
        .book("Марина", Some(WHATSAPP), Some(PHONE), visit)
        .await;

    world.round(0).await;
    world.deliver(10, Luck::Silent).await;
    world.pass(TimeDelta::minutes(19));
    world.round(0).await;
    world.deliver(10, Luck::Arrives).await;
    assert_eq!(world.channels(), ["whatsapp"], "one at a time");

    world.pass(TimeDelta::minutes(2));
    world.round(0).await;
    world.deliver(10, Luck::Fails).await;
    assert_eq!(world.channels(), ["whatsapp", "telegram"]);

    world.pass(TimeDelta::minutes(1));
    world.round(1).await;
    world.deliver(10, Luck::Arrives).await;
    world.round(0).await;
    assert_eq!(world.channels(), ["whatsapp", "telegram"]);
    assert_eq!(world.calls.len(), 1);
    let Said::Card(card) = &world.calls[0].content else {
        panic!()
    };
    assert_eq!(card.phone.as_deref(), Some(PHONE));
    assert!(
        card.reason.contains("нужно позвонить клиенту"),
        "{}",
        card.reason
    );
    let (state, reason) = world.state(&booking, 1, Step::Booked).await;
    assert_eq!(
        (state, reason.as_deref()),
        (ReminderState::Skipped, Some("staff_called"))
    );
}

#[tokio::test]
async fn an_sms_goes_when_the_messengers_failed_and_its_gateway_s_word_is_enough() {
    let mut world = World::with_sms(moscow("2026-11-24 12:00")).await;
    world.knows(WHATSAPP, PHONE).await;
    let visit = moscow("2026-11-27 15:00");
    let booking = world
        .book("Марина", Some(TELEGRAM), Some(PHONE), visit)
        .await;

    for luck in [Luck::Fails, Luck::Fails, Luck::Silent] {
        world.round(0).await;
        world.deliver(10, luck).await;
        world.pass(TimeDelta::minutes(1));
    }
    world
        .settle_down(TimeDelta::hours(2), TimeDelta::minutes(5))
        .await;

    assert_eq!(world.channels(), ["telegram", "whatsapp", "sms"]);
    let sms = &world.left[2].outbound;
    assert_eq!(sms.conversation.as_str(), "sms:main:79001234567");
    let Said::Message { text, buttons, .. } = &sms.content else {
        panic!("{sms:?}")
    };
    assert!(
        text.contains("в 15:00") && text.contains("Белый шиповник"),
        "{text}"
    );
    assert!(buttons.is_empty());
    assert!(world.calls.is_empty());
    let state = world.state(&booking, 1, Step::Booked).await;
    assert_eq!(state, (ReminderState::Sent, None));
}

#[tokio::test]
async fn the_staff_is_called_when_the_sms_is_refused_too_and_no_other_follows() {
    let mut world = World::with_sms(moscow("2026-11-26 14:50")).await;
    let visit = moscow("2026-11-27 15:00");
    let booking = world.book("Марина", None, Some(PHONE), visit).await;
    let steps = [Step::Booked, Step::DayBefore];

    for _ in 0..4 {
        world.round(0).await;
        world.deliver(10, Luck::Fails).await;
        world.pass(TimeDelta::minutes(5));
    }

    assert_eq!(world.channels(), ["sms", "sms"], "one for each step");
    let mut reasons = Vec::new();
    for step in steps {
        reasons.push(world.state(&booking, 1, step).await.1.unwrap());
    }
    // Who was booked by phone a minute ago needs no call that says so.
    assert_eq!(reasons, ["unreachable", "staff_called"]);
    assert_eq!(world.calls.len(), 1);
}

#[tokio::test]
async fn no_sms_thanks_or_invites_or_goes_where_none_is_wanted() {
    let sms = "sms:main:79001234567";
    for blocked in [false, true] {
        let mut world = World::with_sms(moscow("2026-11-26 14:50")).await;
        let seen = Seen {
            conversation: sms.parse().unwrap(),
            at: world.clock.now(),
            wrote: false,
            profile: Profile::default(),
            reachable: Some(!blocked),
            advertising: Some(true),
        };
        world.store.journal(&[], &[seen]).await.unwrap();
        let visit = moscow("2026-11-27 15:00");
        let booking = world.book("Марина", None, Some(PHONE), visit).await;
        world
            .settle_down(TimeDelta::hours(24), TimeDelta::minutes(5))
            .await;
        world
            .change(booking.id, "Марина", Change::Status(Status::Arrived))
            .await;
        world
            .settle_down(TimeDelta::days(47), TimeDelta::hours(1))
            .await;

        let before = world.left.iter().all(|left| left.at < visit);
        assert!(before, "{:?}", world.left);
        assert_eq!(world.left.len(), if blocked { 0 } else { 4 }, "{blocked}");
    }
}

#[tokio::test]
async fn what_is_no_phone_gets_no_sms() {
    for phone in ["8 900 123-45-67", "+7900", "+7900123456x", ""] {
        let mut world = World::with_sms(moscow("2026-11-24 12:00")).await;
        world
            .book("Марина", None, Some(phone), moscow("2026-11-27 15:00"))
            .await;

        world
            .settle_down(TimeDelta::minutes(10), TimeDelta::minutes(1))
            .await;

        assert!(world.left.is_empty(), "{phone:?}");
    }
}

#[tokio::test]
async fn a_receipt_that_comes_late_or_a_confirmation_stops_the_rest() {
    let visit = moscow("2026-11-27 15:00");
    for confirms in [false, true] {
        let mut world = World::new(moscow("2026-11-26 14:55")).await;
        world.knows(TELEGRAM, PHONE).await;
        let booking = world
            .book("customer", Some(WHATSAPP), Some(PHONE), visit)
            .await;
        world.round(0).await;
        world.pass(TimeDelta::minutes(6));
        world.round(0).await;
        world.deliver(10, Luck::Silent).await;
        let last = world.left.last().unwrap().outbound.clone();
        assert_eq!(last.conversation.channel(), "whatsapp");

        if confirms {
            world
                .change(booking.id, "customer", Change::Status(Status::Confirmed))
                .await;
        } else {
            world.receipt(&last).await;
        }
        let before = world.left.len();
        world
            .settle_down(TimeDelta::hours(2), TimeDelta::minutes(5))
            .await;

        assert_eq!(world.left.len(), before);
        assert_eq!(
            world.state(&booking, 1, Step::DayBefore).await.0,
            ReminderState::Sent
        );
    }
}

#[tokio::test]
async fn what_waits_in_the_queue_does_not_leave_in_quiet_hours_or_after_the_visit() {
    let mut world = World::new(moscow("2026-11-26 20:50")).await;
    world
        .book("Марина", Some(TELEGRAM), None, moscow("2026-11-27 13:00"))
        .await;
    world.round(0).await;
    assert_eq!(world.queue.waiting.lock().unwrap().len(), 1);

    world.pass(TimeDelta::minutes(15));
    world.deliver(10, Luck::Arrives).await;
    assert!(world.left.is_empty(), "21:05 is quiet");

    world
        .settle_down(
            TimeDelta::hours(12) + TimeDelta::minutes(40),
            TimeDelta::minutes(5),
        )
        .await;
    assert_eq!(world.left.len(), 2, "told at nine, and the morning step");
    assert!(world.left[0].at >= moscow("2026-11-27 09:00"));

    // The senders are down over the whole visit.
    let late = world
        .book("Марина", Some(TELEGRAM), None, moscow("2026-11-27 14:00"))
        .await;
    world.round(0).await;
    world.pass(TimeDelta::hours(6));
    let before = world.left.len();
    world.deliver(10, Luck::Arrives).await;
    assert_eq!(world.left.len(), before);
    world
        .settle_down(TimeDelta::hours(1), TimeDelta::minutes(5))
        .await;
    let (state, reason) = world.state(&late, 1, Step::Booked).await;
    assert_eq!(
        (state, reason.as_deref()),
        (ReminderState::Skipped, Some("late"))
    );
}

#[tokio::test]
async fn an_invitation_needs_consent_and_no_newer_booking() {
    for (advertising, newer, expected) in [
        (None, false, "no_consent"),
        (Some(false), false, "no_consent"),
        (Some(true), true, "booked_again"),
        (Some(true), false, "sent"),
    ] {
        let mut world = World::new(moscow("2026-11-24 12:00")).await;
        let seen = Seen {
            conversation: TELEGRAM.parse().unwrap(),
            at: world.clock.now(),
            wrote: true,
            profile: Profile::default(),
            reachable: None,
            advertising,
        };
        world.store.journal(&[], &[seen]).await.unwrap();
        let visit = moscow("2026-11-25 15:00");
        let booking = world.book("customer", Some(TELEGRAM), None, visit).await;
        if newer {
            world
                .book("customer", Some(TELEGRAM), None, moscow("2027-01-20 15:00"))
                .await;
        }
        world
            .settle_down(TimeDelta::days(47), TimeDelta::hours(1))
            .await;

        let (state, reason) = world.state(&booking, 1, Step::Return).await;
        let got = reason.unwrap_or_else(|| state.name().to_owned());
        assert_eq!(got, expected);
    }
}

/// Something that happens in the world.
#[derive(Debug, Clone)]
enum Act {
    Book {
        customer: bool,
        way: usize,
        hours: i64,
    },
    Move {
        of: usize,
        customer: bool,
        minutes: i64,
    },
    Status {
        of: usize,
        customer: bool,
        status: Status,
    },
    Note {
        of: usize,
    },
    Round {
        worker: usize,
        both: bool,
    },
    Deliver {
        count: usize,
        luck: Luck,
    },
    Pass {
        minutes: i64,
    },
    Fault(bool),
    Dies,
}

fn acts() -> impl Strategy<Value = Act> {
    let luck =
        prop_oneof![4 => Just(Luck::Arrives), 1 => Just(Luck::Fails), 1 => Just(Luck::Silent)];
    let status = proptest::sample::select(Status::ALL.to_vec());
    prop_oneof![
        2 => (any::<bool>(), 0..4_usize, 0..80_i64)
            .prop_map(|(customer, way, hours)| Act::Book { customer, way, hours }),
        2 => (0..5_usize, any::<bool>(), prop_oneof![-20..20_i64, -3000..3000_i64])
            .prop_map(|(of, customer, minutes)| Act::Move { of, customer, minutes }),
        2 => (0..5_usize, any::<bool>(), status)
            .prop_map(|(of, customer, status)| Act::Status { of, customer, status }),
        1 => (0..5_usize).prop_map(|of| Act::Note { of }),
        8 => (0..2_usize, any::<bool>()).prop_map(|(worker, both)| Act::Round { worker, both }),
        6 => (0..4_usize, luck).prop_map(|(count, luck)| Act::Deliver { count, luck }),
        8 => prop_oneof![0..3_i64, 0..30_i64, 0..600_i64].prop_map(|minutes| Act::Pass { minutes }),
        2 => any::<bool>().prop_map(Act::Fault),
        1 => Just(Act::Dies),
    ]
}

async fn act(world: &mut World, bookings: &mut Vec<Uuid>, act: Act) {
    let who = |customer| if customer { "customer" } else { "Марина" };
    let of = |n: usize| bookings.get(n % bookings.len().max(1)).copied();
    match act {
        Act::Book {
            customer,
            way,
            hours,
        } => {
            let start = world.clock.now() + TimeDelta::hours(hours) + TimeDelta::minutes(5);
            let ways = [Some(TELEGRAM), Some(WHATSAPP), Some("webchat:site:x"), None];
            let phone = (way != 2).then_some(PHONE);
            bookings.push(world.book(who(customer), ways[way], phone, start).await.id);
        }
        Act::Move {
            of: n,
            customer,
            minutes,
        } => {
            let Some(id) = of(n) else { return };
            let booking = world.store.booking(id).await.unwrap().unwrap();
            if booking.status.is_active() {
                world.shift(&booking, who(customer), minutes).await;
            }
        }
        Act::Status {
            of: n,
            customer,
            status,
        } => {
            let Some(id) = of(n) else { return };
            world
                .change(id, who(customer), Change::Status(status))
                .await;
        }
        Act::Note { of: n } => {
            let Some(id) = of(n) else { return };
            let note = Some(world.causes.to_string());
            world.change(id, "Марина", Change::Notes(note)).await;
        }
        Act::Round {
            worker,
            both: false,
        } => world.round(worker).await,
        Act::Round { both: true, .. } => {
            tokio::join!(world.round(0), world.round(1));
        }
        Act::Deliver { count, luck } => world.deliver(count, luck).await,
        Act::Pass { minutes } => world.pass(TimeDelta::minutes(minutes)),
        Act::Fault(taken) => world.queue.faults.lock().unwrap().push(Some(taken)),
        Act::Dies => world.dies().await,
    }
}

/// The journal knows of every reminder that was not sent.
fn skips_are_told(events: &[Event], rows: &[Reminder]) -> Result<(), TestCaseError> {
    let skipped: HashSet<_> = events
        .iter()
        .filter(|event| event.kind == Kind::Reminder && event.outcome.as_deref() == Some("skipped"))
        .map(|event| {
            let sources = event.sources.as_ref().unwrap();
            let version = sources["version"].as_i64().unwrap();
            let step = sources["step"].as_str().unwrap().to_owned();
            (event.booking_id.clone().unwrap(), version, step)
        })
        .collect();
    for row in rows
        .iter()
        .filter(|row| row.state == ReminderState::Skipped)
    {
        let key = (row.booking.to_string(), row.version, row.step.clone());
        prop_assert!(
            skipped.contains(&key),
            "the journal does not know of {row:?}"
        );
    }
    Ok(())
}

/// Everything that is promised about what left.
async fn judge(world: &World, bookings: &[Uuid]) -> Result<(), TestCaseError> {
    let quiet = Quiet::of(&CONTENT.business, None).unwrap();
    let mut of_outbound = HashMap::new();
    let mut rows = Vec::new();
    for booking in bookings {
        for row in world.store.reminders_of(*booking).await.unwrap() {
            prop_assert!(row.due.is_none(), "{row:?} is neither sent nor skipped");
            let skipped = row.state == ReminderState::Skipped;
            prop_assert!(!skipped || row.reason.is_some(), "{row:?} has no reason");
            for one in &row.tries {
                of_outbound.insert(one.outbound, row.clone());
            }
            rows.push(row);
        }
    }
    let mut arrived: BTreeMap<_, Vec<DateTime<Utc>>> = BTreeMap::new();
    let mut ids = HashSet::new();
    for left in &world.left {
        prop_assert!(ids.insert(left.outbound.id), "sent twice");
        let row = &of_outbound[&left.outbound.id];
        let step = Step::named(&row.step).unwrap();
        let booking = &left.booking;
        let calls_off = step == Step::Cancelled;
        prop_assert!(
            calls_off == booking.status.is_cancelled(),
            "{step:?} after a cancel"
        );
        let start = booking.visit.starts_at();
        let helps_later = quiet.later(left.at).is_some_and(|later| later < start);
        prop_assert!(
            !quiet.holds(left.at) || (calls_off && !helps_later),
            "{step:?} in quiet hours"
        );
        let by_sms = left.outbound.conversation.channel() == "sms";
        prop_assert!(step.is_essential() || !by_sms, "an SMS for {step:?}");
        if step.is_before() {
            prop_assert!(
                left.at < booking.visit.starts_at(),
                "{step:?} after the visit"
            );
        }
        if left.luck == Luck::Arrives {
            arrived
                .entry((booking.id, row.step.clone()))
                .or_default()
                .push(start);
        }
    }
    for ((_, step), told) in arrived {
        for pair in told.windows(2) {
            let near = (pair[0] - pair[1]).abs() <= TimeDelta::minutes(15);
            prop_assert!(
                !near || step == "booked" || step == "cancelled",
                "{step} arrived twice of one visit: {pair:?}"
            );
        }
    }
    let events = world.events().await;
    skips_are_told(&events, &rows)?;
    let changes = events
        .iter()
        .filter(|event| event.kind == Kind::Booking)
        .count();
    let last = world.store.last_booking_position().await.unwrap();
    prop_assert_eq!(
        i64::try_from(changes).unwrap(),
        last,
        "each change is in the journal once"
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn whatever_happens_nothing_is_sent_twice_late_or_against_the_book(
        acts in proptest::collection::vec(acts(), 1..60),
        sms: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let now = moscow("2026-11-24 12:00");
            let mut world = if sms { World::with_sms(now).await } else { World::new(now).await };
            world.knows(TELEGRAM, PHONE).await;
            world.knows(WHATSAPP, PHONE).await;
            let mut bookings = Vec::new();
            for one in acts {
                act(&mut world, &mut bookings, one).await;
            }
            world.queue.faults.lock().unwrap().clear();
            world.settle_down(TimeDelta::hours(3), TimeDelta::minutes(3)).await;
            world.settle_down(TimeDelta::days(80), TimeDelta::hours(3)).await;
            judge(&world, &bookings).await
        })?;
    }
}
