//! Conversations about visits with the shipped salon, as people write. Each scenario of `visits/*.txt` is
//! played against a real store at a fixed time; see `visits/README.md` for how they read.

#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "support/doubles.rs"]
mod doubles;

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Europe::Moscow;
use doubles::{Forgetful, Queue};
use serde_json::Value;
use zapis_core::event::Seen;
use zapis_core::message::{Button, Content as Sent, ConversationId, Inbound, Profile, What};
use zapis_core::store::{
    BookingChange, Change, ClaimRequest, Claimed, Item, NewBooking, NewOwner, OwnershipChange,
    SendOutcome, Status, Store, Visit, Wanted, Whose,
};
use zapis_core::trace::TraceParent;
use zapis_core::{Clock, ids};
use zapis_workers::answer::{Heard, Mind, Thought};
use zapis_workers::autonomy::Autonomy;
use zapis_workers::book::Book;
use zapis_workers::content::Content;
use zapis_workers::desk::Desks;
use zapis_workers::dialogue::Receptionist;
use zapis_workers::dialogue::visit::Desk;
use zapis_workers::remind::{Offers, Remind};

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn moscow(text: &str) -> DateTime<Utc> {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    Moscow.from_local_datetime(&local).unwrap().to_utc()
}

/// A customer in one conversation.
struct Customer {
    conversation: ConversationId,
    name: Option<String>,
    phone: Option<String>,
    state: Value,
    called: bool,
    said: String,
    buttons: Vec<Button>,
    last: Thought,
}

impl Customer {
    fn new(address: &str) -> Self {
        Self {
            conversation: address.parse().unwrap(),
            name: None,
            phone: None,
            state: Value::Null,
            called: false,
            said: String::new(),
            buttons: Vec::new(),
            last: Thought::default(),
        }
    }
}

/// A salon with its book, and who writes to it.
struct Scene {
    post: Arc<Queue>,
    remind: Remind,
    bot: Receptionist,
    store: Store,
    clock: Clock,
    customers: Vec<Customer>,
    at: usize,
    count: u32,
    /// What was pressed last.
    pressed: String,
    /// What was heard last, and the state before it.
    heard: Option<(What, Value)>,
}

impl Scene {
    async fn new(content: &Arc<Content>) -> Self {
        let store = Store::open("sqlite::memory:").await.unwrap();
        let clock = Clock::fixed(moscow("2026-11-01 00:00"));
        let desk = Desk {
            calendar: Arc::new(Book::new(store.clone(), clock.clone())),
            store: store.clone(),
        };
        let post = Arc::new(Queue::default());
        let remind = Remind {
            store: store.clone(),
            sessions: Arc::new(Forgetful),
            broker: post.clone(),
            content: Arc::clone(content).into(),
            desks: Desks::new(Vec::new()),
            accounts: vec!["telegram:main".into(), "whatsapp:main".into()],
            clock: clock.clone(),
            offers: Offers::default(),
        };
        Self {
            post,
            remind,
            bot: Receptionist {
                content: Arc::clone(content).into(),
                generator: None,
                interpreter: None,
                vectors: None,
                observes: false,
                autonomy: Autonomy::default(),
                desk: Some(desk),
            },
            store,
            clock,
            customers: vec![Customer::new("telegram:main:1")],
            at: 0,
            count: 0,
            pressed: String::new(),
            heard: None,
        }
    }

    async fn hears(&mut self, what: What) {
        self.count += 1;
        self.heard = Some((what.clone(), self.customers[self.at].state.clone()));
        self.take_turn(what).await;
    }

    /// The last turn starts over, as after a crash before its commit.
    async fn again(&mut self) {
        let (what, state) = self.heard.clone().unwrap();
        self.customers[self.at].state = state;
        self.take_turn(what).await;
    }

    async fn take_turn(&mut self, what: What) {
        let now = self.clock.now();
        let customer = &mut self.customers[self.at];
        let inbound = Inbound {
            id: self.count.to_string(),
            conversation: customer.conversation.clone(),
            at: now,
            received_at: now,
            profile: Profile::default(),
            what,
            raw: None,
            trace: TraceParent::start(),
        };
        let heard = Heard {
            conversation: &customer.conversation,
            turn: ids::turn(&customer.conversation, &inbound.id),
            name: customer.name.as_deref(),
            phone: customer.phone.as_deref(),
            inbound: vec![&inbound],
            now,
            stale: false,
            staff_called: customer.called,
            for_crm: false,
            confidential: false,
            state: &customer.state,
            transcript: &[],
        };
        let thought = self.bot.think(&heard).await.unwrap();
        customer.state = thought.state.clone();
        customer.called |= thought.handover.is_some();
        let texts: Vec<&str> = thought
            .replies
            .iter()
            .map(|one| one.text.as_str())
            .collect();
        customer.said = texts.join("\n").replace('\u{a0}', " ");
        customer.buttons = thought
            .replies
            .iter()
            .flat_map(|one| one.buttons.clone())
            .collect();
        customer.last = thought;
    }

    /// Plays one line; why it did not hold, if so.
    async fn play(&mut self, line: &str) -> Result<(), String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "at" => {
                let ahead = (moscow(rest) - self.clock.now()).to_std();
                self.clock
                    .advance(ahead.map_err(|_| "goes back in time".to_owned())?);
            }
            "from" => {
                let known = self
                    .customers
                    .iter()
                    .position(|one| one.conversation.as_str() == rest);
                self.at = known.unwrap_or_else(|| {
                    self.customers.push(Customer::new(rest));
                    self.customers.len() - 1
                });
            }
            "name" => self.customers[self.at].name = Some(rest.to_owned()),
            "phone" => self.customers[self.at].phone = Some(rest.to_owned()),
            ">" => {
                let text = rest.to_owned();
                self.hears(What::Text { text }).await;
            }
            "press" => {
                let payload = rest.replace("{booking}", &self.last_booking().await);
                let payload = payload.replace("{last}", &self.pressed);
                self.hears(What::Press {
                    payload,
                    title: None,
                })
                .await;
            }
            "[" => {
                let customer = &self.customers[self.at];
                let button = customer.buttons.iter().find(|one| one.title.contains(rest));
                let Some(button) = button.cloned() else {
                    let titles: Vec<&str> = customer
                        .buttons
                        .iter()
                        .map(|one| one.title.as_str())
                        .collect();
                    return Err(format!("no button {rest:?} among {titles:?}"));
                };
                self.pressed.clone_from(&button.payload);
                let what = What::Press {
                    payload: button.payload,
                    title: Some(button.title),
                };
                self.hears(what).await;
            }
            "<" if !self.customers[self.at].said.contains(rest) => {
                return Err(format!("{rest:?} is not said"));
            }
            "<!" if self.customers[self.at].said.contains(rest) => {
                return Err(format!("{rest:?} is said"));
            }
            "<" | "<!" => {}
            "button" | "staff" | "alone" => return self.seen(word, rest),
            "staff-books" => self.staff_books(rest).await,
            "staff-cancels" => self.staff_cancels().await,
            "staff-takes-over" => self.staff_takes_over().await,
            "again" => self.again().await,
            "stops" => self.stops().await,
            "round" => self.round().await,
            "visits" => return self.visits(rest).await,
            _ => return Err("is no line of a scenario".to_owned()),
        }
        Ok(())
    }

    /// The staff books a visit of an hour for who writes: begin, service and person.
    async fn staff_books(&self, words: &str) {
        let (begin, rest) = words.split_at("2026-11-27 15:00".len());
        let (service, person) = rest.trim().split_once(' ').unwrap();
        let starts_at = moscow(begin);
        let item = Item {
            service: service.to_owned(),
            resource: person.to_owned(),
            needs: Vec::new(),
            starts_at,
            ends_at: starts_at + TimeDelta::hours(1),
            buffer: (0, 0),
            price: String::new(),
        };
        let visit = Visit {
            location: "kolokolnaya".to_owned(),
            items: vec![item],
        };
        let request = NewBooking {
            wanted: Wanted::Visit(visit),
            cause: ids::derive(&["staff", words]),
            who: "Марина".to_owned(),
            conversation: Some(self.customers[self.at].conversation.clone()),
            name: "Ира".to_owned(),
            phone: Some("+79210000001".to_owned()),
            source: "phone".to_owned(),
            for_whom: None,
            notes: None,
        };
        self.store.book(&request, self.clock.now()).await.unwrap();
    }

    /// The staff cancels the visit that was booked last.
    async fn staff_cancels(&self) {
        let events = self.store.booking_events_after(0, 100).await.unwrap();
        let last = &events.last().unwrap().after;
        let change = BookingChange {
            booking: last.id,
            version: last.version,
            cause: ids::of(last.id, "cancelled by staff", 0),
            who: "Марина".to_owned(),
            conversation: None,
            to: Change::Status(Status::CancelledBySalon),
        };
        self.store
            .change_booking(&change, self.clock.now())
            .await
            .unwrap();
    }

    /// A person speaks to who writes.
    async fn staff_takes_over(&self) {
        let now = self.clock.now();
        let change = OwnershipChange {
            cause: "takeover".into(),
            at: now,
            to: NewOwner::Staff {
                who: "Марина".into(),
                until: now + TimeDelta::hours(1),
            },
        };
        let who = &self.customers[self.at].conversation;
        self.store.change_ownership(who, &change).await.unwrap();
    }

    /// Who writes wants no messages that are not answers.
    async fn stops(&self) {
        let seen = Seen {
            conversation: self.customers[self.at].conversation.clone(),
            at: self.clock.now(),
            wrote: true,
            profile: Profile::default(),
            reachable: None,
            advertising: Some(false),
        };
        self.store.journal(&[], &[seen]).await.unwrap();
    }

    /// The worker that writes of itself looks round, and what it says arrives.
    async fn round(&mut self) {
        self.remind.round().await.unwrap();
        let post = std::mem::take(&mut *self.post.waiting.lock().unwrap());
        for one in &mut self.customers {
            one.said.clear();
        }
        for outbound in post {
            let request = ClaimRequest {
                id: outbound.id,
                conversation: outbound.conversation.clone(),
                turn: None,
                answers: Vec::new(),
                fence: outbound.fence.clone(),
                trace: TraceParent::start(),
            };
            let claimed = self
                .store
                .claim(&[request], self.clock.now())
                .await
                .unwrap();
            let Sent::Message { text, buttons, .. } = outbound.content else {
                continue;
            };
            let to = |one: &&mut Customer| one.conversation == outbound.conversation;
            if let (Some(customer), [Claimed::Go]) =
                (self.customers.iter_mut().find(to), claimed.as_slice())
            {
                customer.said = text.replace('\u{a0}', " ");
                customer.buttons = buttons;
                let sent = [(outbound.id, SendOutcome::Sent { provider_id: None })];
                let now = self.clock.now();
                self.store.record(&sent, &[], now).await.unwrap();
            }
        }
    }

    /// What the answer has besides its words.
    fn seen(&self, word: &str, title: &str) -> Result<(), String> {
        let customer = &self.customers[self.at];
        let call = customer.last.handover.as_ref();
        match word {
            "staff" if call.is_none() => Err("nobody is called".to_owned()),
            "alone" => call.map_or(Ok(()), |call| {
                Err(format!("the staff is called: {}", call.reason))
            }),
            "button" if !customer.buttons.iter().any(|one| one.title.contains(title)) => {
                Err(format!("there is no button {title:?}"))
            }
            _ => Ok(()),
        }
    }

    /// The id of the booking that was made last, by anybody.
    async fn last_booking(&self) -> String {
        let events = self.store.booking_events_after(0, 100).await.unwrap();
        events
            .last()
            .map(|one| one.after.id.to_string())
            .unwrap_or_default()
    }

    /// The active bookings of the one who writes: begin and services.
    async fn visits(&self, expected: &str) -> Result<(), String> {
        let whose = Whose::Conversation(&self.customers[self.at].conversation);
        let all = self
            .store
            .bookings_of(whose, DateTime::UNIX_EPOCH)
            .await
            .unwrap();
        let told = all.iter().filter(|one| one.status.is_active()).map(|one| {
            let begin = one.visit.starts_at().with_timezone(&Moscow);
            let services: Vec<&str> = one
                .visit
                .items
                .iter()
                .map(|item| item.service.as_str())
                .collect();
            format!("{} {}", begin.format("%m-%d %H:%M"), services.join("+"))
        });
        let told = told.collect::<Vec<_>>().join(", ");
        let expected = if expected == "none" { "" } else { expected };
        if told == expected {
            return Ok(());
        }
        Err(format!("the book has {told:?}"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversations_about_visits_go_as_written() {
    let content = Content::load(&folder().join("../config")).unwrap();
    let content = Arc::new(content);
    let mut failures = Vec::new();
    let mut count = 0;
    let mut files: Vec<_> = std::fs::read_dir(folder().join("tests/visits"))
        .unwrap()
        .flatten()
        .map(|one| one.path())
        .collect();
    files.sort();
    for file in files
        .iter()
        .filter(|file| file.extension().is_some_and(|end| end == "txt"))
    {
        let text = std::fs::read_to_string(file).unwrap();
        for scenario in text.split("\n= ").map(|one| one.trim_start_matches("= ")) {
            let mut lines = scenario.lines();
            let title = lines.next().unwrap_or_default();
            if title.is_empty() {
                continue;
            }
            count += 1;
            let mut scene = Scene::new(&content).await;
            let mut story = String::new();
            scene.play("at 2026-11-26 12:00").await.unwrap();
            for line in lines
                .map(str::trim)
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
            {
                writeln!(story, "    {line}").unwrap();
                let played = scene.play(line).await;
                if matches!(line.split(' ').next(), Some(">" | "[" | "press")) {
                    let customer = &scene.customers[scene.at];
                    let titles: Vec<&str> = customer
                        .buttons
                        .iter()
                        .map(|one| one.title.as_str())
                        .collect();
                    let said = customer.said.replace('\n', "\n          ");
                    writeln!(story, "        « {said} » {titles:?}").unwrap();
                }
                if let Err(why) = played {
                    failures.push(format!("{title}: {why}\n{story}"));
                    break;
                }
            }
        }
    }
    assert!(count >= 60, "{count} scenarios");
    assert!(
        failures.is_empty(),
        "{} of {count} failed\n\n{}",
        failures.len(),
        failures.join("\n")
    );
}
