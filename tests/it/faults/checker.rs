//! Compares what customers were told was taken with what became of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use uuid::Uuid;
use zapis_core::event::{Event, Kind};
use zapis_core::message::ConversationId;
use zapis_core::store::{LedgerEntry, Store};
use zapis_sandbox::{Call, CallFilter, Provider};

use super::crowd::Written;
use crate::support::firm::{Firm, PATIENCE};

/// What a run came to.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) messages: usize,
    pub(crate) replies: usize,
    /// Sent again because nobody knew whether the provider had it.
    pub(crate) repeated_in_doubt: usize,
    /// Received twice by the customer, within that.
    pub(crate) doubled: usize,
}

/// Waits until everything written is answered, then judges.
pub(crate) async fn judge(firm: &Firm, written: &Written) -> Verdict {
    let store = firm.store().await;
    let mut verdict = Verdict::default();
    for (name, ids) in written {
        let address: ConversationId = name.parse().unwrap();
        let conversation = firm.conversation(&store, &address).await;
        let events = settled(firm, &store, &conversation, ids).await;
        let ledger = store.ledger_of(&conversation).await.unwrap();
        let order = in_order(&conversation, &events, ids);
        let answers = answered(firm, &conversation, &events, &ledger);
        verdict.messages += ids.len();
        verdict.replies += answers.len();
        let (repeated, doubled) =
            received(firm, &address, &conversation, &ledger, &order, &store).await;
        verdict.repeated_in_doubt += repeated;
        verdict.doubled += doubled;
    }
    assert_eq!(
        store.dead_count().await.unwrap(),
        0,
        "something was set aside"
    );
    store.close().await;
    verdict
}

/// Waits until the journal shows every message in a turn whose replies were sent.
async fn settled(
    firm: &Firm,
    store: &Store,
    conversation: &ConversationId,
    ids: &[String],
) -> Vec<Event> {
    let deadline = Instant::now() + PATIENCE * 2;
    loop {
        let events = store.events_of(conversation, 100_000).await.unwrap();
        let taken: BTreeSet<&str> = turns(&events).flat_map(inbound).collect();
        let missing: Vec<&String> = ids
            .iter()
            .filter(|id| !taken.contains(id.as_str()))
            .collect();
        let sent: BTreeSet<Option<Uuid>> = events
            .iter()
            .filter(|event| {
                event.kind == Kind::Outbound && event.outcome.as_deref() == Some("sent")
            })
            .map(|event| event.turn_id)
            .collect();
        let unsent = turns(&events)
            .filter(|turn| turn.bot_response.is_some() && !sent.contains(&turn.turn_id))
            .count();
        if missing.is_empty() && unsent == 0 {
            return events;
        }
        assert!(
            Instant::now() < deadline,
            "{conversation:?}: lost {missing:?}, {unsent} turns unsent; ledger {:#?}\n{}",
            store.ledger_of(conversation).await,
            firm.log()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn turns(events: &[Event]) -> impl Iterator<Item = &Event> {
    events.iter().filter(|event| event.kind == Kind::Turn)
}

fn inbound(turn: &Event) -> impl Iterator<Item = &str> {
    turn.inbound_ids.iter().flatten().map(String::as_str)
}

/// Every message is in exactly one turn, and turns follow each other as the messages were taken.
/// Returns the turns in that order.
fn in_order(conversation: &ConversationId, events: &[Event], ids: &[String]) -> Vec<Uuid> {
    let place: BTreeMap<&str, usize> = ids
        .iter()
        .enumerate()
        .map(|(n, id)| (id.as_str(), n))
        .collect();
    let mut seen = BTreeSet::new();
    let mut taken: Vec<&usize> = Vec::new();
    let mut order: Vec<Uuid> = Vec::new();
    for turn in turns(events) {
        for id in inbound(turn) {
            assert!(
                seen.insert(id),
                "{conversation:?}: {id} was answered in two turns"
            );
            // What was taken but not acknowledged to a visitor is in no list.
            taken.extend(place.get(id));
        }
        order.extend(turn.turn_id);
    }
    // Meta repeats a webhook that failed after later ones: there the order of taking is another one
    // than that of writing.
    if conversation.channel() != "whatsapp" {
        assert!(
            taken.is_sorted(),
            "{conversation:?}: out of order: {taken:?}"
        );
    }
    order
}

/// Every turn that said something has its replies in the ledger, sent.
fn answered(
    firm: &Firm,
    conversation: &ConversationId,
    events: &[Event],
    ledger: &[LedgerEntry],
) -> Vec<Uuid> {
    let sent: BTreeMap<Uuid, &LedgerEntry> = ledger.iter().map(|entry| (entry.id, entry)).collect();
    let replies: Vec<Uuid> = events
        .iter()
        .filter(|event| event.kind == Kind::Outbound)
        .filter_map(|event| event.outbound_id)
        .collect();
    for reply in &replies {
        let state = sent.get(reply).map(|entry| entry.state.as_str());
        assert_eq!(
            state,
            Some("sent"),
            "{conversation:?}: {reply}\n{}",
            firm.log()
        );
    }
    replies
}

/// What the provider accepted: each reply once, or again where the ledger says that nobody knew; in the
/// order of the turns. Returns how many were tried again and how many arrived twice.
async fn received(
    firm: &Firm,
    address: &ConversationId,
    conversation: &ConversationId,
    ledger: &[LedgerEntry],
    order: &[Uuid],
    store: &Store,
) -> (usize, usize) {
    let repeated = ledger.iter().filter(|entry| entry.attempts > 1).count();
    let allowed: usize = ledger.iter().map(|entry| entry.attempts as usize).sum();
    let arrived = match conversation.channel() {
        "telegram" => {
            let calls = accepted(
                firm,
                Provider::Telegram,
                Some("sendMessage"),
                address.peer(),
            );
            calls.len()
        }
        "whatsapp" => {
            let calls = accepted(firm, Provider::Whatsapp, None, address.peer());
            whatsapp_order(conversation, &calls, store, order).await
        }
        _ => {
            let log = store.chat_after(conversation, 0, 100_000).await.unwrap();
            let gapless = (1..).zip(&log).all(|(seq, entry)| entry.seq == seq);
            assert!(gapless, "{conversation:?}: {log:#?}");
            log.iter().filter(|entry| entry.from == "bot").count()
        }
    };
    let sent = ledger.iter().filter(|entry| entry.state == "sent").count();
    assert!(
        (sent..=allowed).contains(&arrived),
        "{conversation:?}: {arrived} arrived, {sent} sent, {allowed} allowed\n{ledger:#?}\n{}",
        firm.log()
    );
    (repeated, arrived - sent)
}

fn accepted(firm: &Firm, provider: Provider, method: Option<&str>, peer: &str) -> Vec<Call> {
    let filter = CallFilter {
        provider: Some(provider),
        method: method.map(ToOwned::to_owned),
        recipient: Some(peer.to_owned()),
        after: None,
    };
    let mut calls = firm.sandbox.calls(&filter);
    calls.retain(|call| call.accepted && call.body["status"].is_null());
    calls
}

/// Replies arrive in the order of their turns; returns how many arrived.
async fn whatsapp_order(
    conversation: &ConversationId,
    calls: &[Call],
    store: &Store,
    order: &[Uuid],
) -> usize {
    let events = store.events_of(conversation, 100_000).await.unwrap();
    let turn_of: BTreeMap<Uuid, Uuid> = events
        .iter()
        .filter(|event| event.kind == Kind::Outbound)
        .filter_map(|event| Some((event.outbound_id?, event.turn_id?)))
        .collect();
    let mut places = Vec::new();
    for call in calls {
        let id: Uuid = call.body["biz_opaque_callback_data"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        places.extend(order.iter().position(|turn| turn_of.get(&id) == Some(turn)));
    }
    assert!(
        places.is_sorted(),
        "{conversation:?}: replies out of order: {places:?}"
    );
    calls.len()
}
