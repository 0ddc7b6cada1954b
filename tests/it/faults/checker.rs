//! Compares what providers were told was taken with what became of it and what they received.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use uuid::Uuid;
use zapis_core::event::{Event, Kind};
use zapis_core::ids;
use zapis_core::message::ConversationId;
use zapis_core::store::{LedgerEntry, Store};
use zapis_sandbox::{Call, CallFilter, Provider};

use super::crowd::{Crowd, Spoken};
use crate::support::firm::{Firm, PATIENCE, STAFF};

/// How a message to a customer can end. In doubt stays what a person's takeover kept from being sent
/// once more.
const FINAL: [&str; 5] = ["sent", "failed", "fenced", "answered", "doubt"];

/// What a run came to.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Taken from customers, each in exactly one turn.
    pub(crate) messages: usize,
    /// Received by customers, each once but for `doubled`.
    pub(crate) replies: usize,
    /// Held back because a person had taken over.
    pub(crate) fenced: usize,
    /// Sent again because nobody knew whether the provider had it.
    pub(crate) repeated_in_doubt: usize,
    /// Received twice by the customer, within that.
    pub(crate) doubled: usize,
}

impl std::ops::Add for Verdict {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            messages: self.messages + other.messages,
            replies: self.replies + other.replies,
            fenced: self.fenced + other.fenced,
            repeated_in_doubt: self.repeated_in_doubt + other.repeated_in_doubt,
            doubled: self.doubled + other.doubled,
        }
    }
}

/// Waits until everything written is finished, then judges.
pub(crate) async fn judge(firm: &Firm, crowd: &Crowd) -> Verdict {
    let store = firm.store().await;
    let mut verdict = Verdict::default();
    for (name, ids) in &crowd.written {
        let address: ConversationId = name.parse().unwrap();
        let conversation = firm.conversation(&store, &address).await;
        let told = Story {
            firm,
            address,
            conversation,
            events: Vec::new(),
            ledger: Vec::new(),
        };
        let told = told.settled(&store, ids).await;
        let order = told.turns_in_order(ids, crowd.sessions_lost);
        verdict.messages += ids.len();
        verdict = verdict + told.received(&store, &order).await;
    }
    store.close().await;
    nothing_is_left(firm, crowd).await;
    staff_was_heard(firm, crowd);
    verdict
}

/// What is known of one conversation.
struct Story<'a> {
    firm: &'a Firm,
    /// As the provider names it.
    address: ConversationId,
    conversation: ConversationId,
    events: Vec<Event>,
    ledger: Vec<LedgerEntry>,
}

impl Story<'_> {
    /// Waits until every message is in a turn, and every reply has ended and is in the journal.
    async fn settled(mut self, store: &Store, written: &[String]) -> Self {
        let deadline = Instant::now() + PATIENCE * 2;
        loop {
            self.events = store.events_of(&self.conversation, 100_000).await.unwrap();
            self.ledger = store.ledger_of(&self.conversation).await.unwrap();
            let open = self.open(written);
            if open.is_empty() {
                return self;
            }
            assert!(
                Instant::now() < deadline,
                "{}: {open:#?}\n{:#?}\n{}",
                self.address.as_str(),
                self.ledger,
                self.firm.log()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What is not finished.
    fn open(&self, written: &[String]) -> Vec<String> {
        let taken: BTreeSet<&str> = self.turns().flat_map(inbound).collect();
        let lost = written.iter().filter(|id| !taken.contains(id.as_str()));
        let lost = lost.map(|id| format!("{id} is in no turn"));

        let ended: BTreeSet<Uuid> = self
            .ledger
            .iter()
            .filter(|entry| FINAL.contains(&entry.state.as_str()))
            .map(|entry| entry.id)
            .collect();
        let unsent = self
            .turns()
            .filter(|turn| turn.bot_response.is_some())
            .filter_map(|turn| turn.turn_id)
            .filter(|turn| !ended.contains(&ids::of(*turn, "reply", 0)))
            .map(|turn| format!("turn {turn} has no reply"));

        let journal: BTreeSet<Uuid> = self
            .events
            .iter()
            .filter(|event| event.kind == Kind::Outbound)
            .filter_map(|event| event.outbound_id)
            .collect();
        let untold = self
            .ledger
            .iter()
            .filter(|entry| entry.state != "answered" && !journal.contains(&entry.id))
            .map(|entry| format!("{} {} is not in the journal", entry.state, entry.id));
        lost.chain(unsent).chain(untold).collect()
    }

    fn turns(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(|event| event.kind == Kind::Turn)
    }

    /// Every message is in exactly one turn, and turns follow each other as the messages were taken.
    /// Returns the turns in that order.
    fn turns_in_order(&self, written: &[String], sessions_lost: bool) -> Vec<Uuid> {
        let mut seen = BTreeSet::new();
        let mut taken: Vec<(usize, &str)> = Vec::new();
        let mut order: Vec<Uuid> = Vec::new();
        for (place, turn) in self.turns().enumerate() {
            for id in inbound(turn) {
                if seen.insert(id) {
                    taken.push((place, id));
                } else {
                    assert!(sessions_lost, "{id} is in two turns\n{}", self.firm.log());
                }
            }
            order.extend(turn.turn_id);
        }
        if self.conversation.channel() == "whatsapp" {
            self.as_acknowledged(&taken);
        } else {
            let place: BTreeMap<&str, usize> = (0..)
                .zip(written)
                .map(|(place, id)| (id.as_str(), place))
                .collect();
            // What was taken but not acknowledged to a visitor is in no list.
            let places: Vec<&usize> = taken.iter().filter_map(|(_, id)| place.get(id)).collect();
            assert!(
                places.is_sorted(),
                "{}: out of order: {places:?}\n{}",
                self.address.as_str(),
                self.firm.log()
            );
        }
        order
    }

    /// What was acknowledged before something else was sent at all is in no later turn than that.
    fn as_acknowledged(&self, taken: &[(usize, &str)]) {
        let mut begun: BTreeMap<&str, Instant> = BTreeMap::new();
        let mut acknowledged: BTreeMap<&str, Instant> = BTreeMap::new();
        let posts = self.firm.sandbox.whatsapp_posts();
        for post in &posts {
            for id in &post.messages {
                let first = begun.entry(id).or_insert(post.begun);
                *first = post.begun.min(*first);
                if post.status == Some(200) {
                    let first = acknowledged.entry(id).or_insert(post.ended);
                    *first = post.ended.min(*first);
                }
            }
        }
        for (n, (early, a)) in taken.iter().enumerate() {
            for (late, b) in &taken[n + 1..] {
                let (Some(begun), Some(acknowledged)) = (begun.get(a), acknowledged.get(b)) else {
                    continue;
                };
                assert!(
                    early == late || acknowledged > begun,
                    "{}: {b} was taken before {a} was sent, and came after it",
                    self.address.as_str()
                );
            }
        }
    }

    /// What the customer received: each message once, or again where the ledger says that nobody knew;
    /// replies in the order of the turns.
    async fn received(&self, store: &Store, order: &[Uuid]) -> Verdict {
        let arrived = self.arrived(store).await;
        let count = |state: &str| self.ledger.iter().filter(|e| e.state == state).count();
        let repeated = self
            .ledger
            .iter()
            .filter(|entry| entry.attempts > 1)
            .count();
        let allowed: usize = self.ledger.iter().map(|e| e.attempts as usize).sum();
        let sent = count("sent");
        assert!(
            (sent..=allowed).contains(&arrived.len()),
            "{}: {} arrived, {sent} sent, {allowed} allowed\n{:#?}\n{}",
            self.address.as_str(),
            arrived.len(),
            self.ledger,
            self.firm.log()
        );
        let turn_of: BTreeMap<Uuid, Uuid> = self
            .events
            .iter()
            .filter(|event| event.kind == Kind::Outbound)
            .filter_map(|event| Some((event.outbound_id?, event.turn_id?)))
            .collect();
        let place = |id: &Uuid| order.iter().position(|turn| turn_of.get(id) == Some(turn));
        let places: Vec<usize> = arrived.iter().flatten().filter_map(place).collect();
        assert!(
            places.is_sorted(),
            "{}: replies out of order: {places:?}\n{}",
            self.address.as_str(),
            self.firm.log()
        );
        Verdict {
            messages: 0,
            replies: arrived.len(),
            fenced: count("fenced"),
            repeated_in_doubt: repeated,
            doubled: arrived.len() - sent,
        }
    }

    /// The messages that arrived, in their order, by outbound id where that can be told.
    async fn arrived(&self, store: &Store) -> Vec<Option<Uuid>> {
        match self.conversation.channel() {
            "telegram" => {
                let by_provider: BTreeMap<&str, Uuid> = self
                    .ledger
                    .iter()
                    .filter_map(|entry| Some((entry.provider_id.as_deref()?, entry.id)))
                    .collect();
                let chat = self.address.peer().parse().unwrap();
                let lines = self.firm.sandbox.telegram_transcript(chat, None);
                let ours = lines.iter().filter(|line| line.from == "bot");
                ours.map(|line| by_provider.get(line.id.as_str()).copied())
                    .collect()
            }
            "whatsapp" => accepted(self.firm, self.address.peer())
                .iter()
                .map(|call| call.body["biz_opaque_callback_data"].as_str()?.parse().ok())
                .collect(),
            _ => {
                let log = store.chat_after(&self.conversation, 0, 100_000).await;
                let log = log.unwrap();
                let gapless = (1..).zip(&log).all(|(seq, entry)| entry.seq == seq);
                assert!(gapless, "{:?}: {log:#?}", self.conversation);
                let ours = log.iter().filter(|entry| entry.from != "customer");
                ours.map(|entry| entry.id.parse().ok()).collect()
            }
        }
    }
}

fn inbound(turn: &Event) -> impl Iterator<Item = &str> {
    turn.inbound_ids.iter().flatten().map(String::as_str)
}

fn accepted(firm: &Firm, peer: &str) -> Vec<Call> {
    let filter = CallFilter {
        provider: Some(Provider::Whatsapp),
        method: None,
        recipient: Some(peer.to_owned()),
        after: None,
    };
    let mut calls = firm.sandbox.calls(&filter);
    calls.retain(|call| call.accepted && call.body["status"].is_null());
    calls
}

/// What a person wrote reached a customer, or the person was told that it did not: in a topic that a process opened
/// and died before it noted whose it is, or because WhatsApp takes no words for who has not written for a day.
fn staff_was_heard(firm: &Firm, crowd: &Crowd) {
    let calls = firm.sandbox.calls(&CallFilter::default());
    for Spoken { text, topic } in &crowd.said {
        let (_, mark) = text.rsplit_once(' ').unwrap();
        let sent = calls.iter().any(|call| {
            let body = call.body.to_string();
            call.accepted && !body.contains("-100") && body.contains(mark)
        });
        let in_topic = firm.sandbox.telegram_transcript(STAFF, Some(*topic));
        let told = in_topic.iter().any(|line| {
            let why = ["осталась без клиента", "Сообщение не доставлено"];
            line.from == "bot" && why.iter().any(|why| line.text.contains(why))
        });
        let query = format!("SELECT count(*) FROM chat_log WHERE entry LIKE '%{mark}%'");
        assert!(
            sent || told || firm.count(&query) > 0,
            "{text} is lost\n{}",
            firm.log()
        );
    }
}

/// Nothing stays behind: Telegram keeps no update, the queue is empty, no lane is parked, no attempt counted, and `dead` holds
/// what nobody can use and nothing else.
async fn nothing_is_left(firm: &Firm, crowd: &Crowd) {
    let tables = ["parked", "parked_lanes", "attempts"];
    let mut deadline = Instant::now() + PATIENCE;
    let mut fewest = i64::MAX;
    loop {
        let mut left: Vec<(String, i64)> = tables
            .iter()
            .map(|table| {
                let count = firm.count(&format!("SELECT count(*) FROM {table}"));
                ((*table).to_owned(), count)
            })
            .collect();
        left.push(("queue".into(), firm.queued()));
        let pending = firm.sandbox.telegram_pending(None);
        left.push(("updates".into(), i64::try_from(pending).unwrap()));
        left.retain(|(_, count)| *count != 0);
        if left.is_empty() {
            break;
        }
        // The staff group takes 16 messages a minute: only standing still is wrong.
        let sum = left.iter().map(|(_, count)| count).sum();
        if sum < fewest {
            fewest = sum;
            deadline = Instant::now() + PATIENCE;
        }
        assert!(
            Instant::now() < deadline,
            "{left:?} {:?}\n{}",
            firm.queued_where(),
            firm.log()
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(
        firm.count("SELECT count(*) FROM dead"),
        crowd.unusable,
        "what was set aside: {}\n{}",
        String::from_utf8_lossy(&firm.command(&["dead", "list"]).stdout),
        firm.log()
    );
    if let Some(servers) = firm.servers() {
        let exclusive: Vec<String> = servers
            .queues()
            .into_iter()
            .filter(|queue| queue.name == "zapis.making")
            .map(|queue| queue.name)
            .collect();
        assert!(exclusive.is_empty(), "{exclusive:?}");
        for key in servers.redis.cli(&["--scan"]).lines() {
            let left = servers.redis.cli(&["ttl", key]);
            // −2: it went meanwhile.
            let ends = left
                .trim()
                .parse::<i64>()
                .is_ok_and(|ttl| ttl >= 0 || ttl == -2);
            assert!(
                key.starts_with("zapis:") && ends,
                "{key} stays for {left} s"
            );
        }
    }
}
