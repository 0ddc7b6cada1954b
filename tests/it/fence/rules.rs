//! What must hold after a run, said without looking at how the product does it: from the order in
//! which things happened, were read, claimed and sent.

use std::collections::BTreeSet;

use uuid::Uuid;
use zapis_core::message::{Fence, Outbound};
use zapis_core::store::Store;

use super::run::{Flaw, Happening, Run, Start};

/// What happened in a run, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// Something happened, and whoever told us of it got his answer.
    Happened(Happening),
    /// A turn over messages that these expect an answer of begins and reads who may speak.
    Read(Vec<String>),
    /// The bot thinks about these messages.
    Thought(Vec<String>),
    /// A takeover told the customer so, in this message.
    Notice(Uuid),
    /// The sender is about to claim this message.
    Asked(Uuid),
    /// The provider is called with it.
    Called(Uuid),
}

/// Whether it stops every reply that was decided before it.
fn stops(happening: Happening) -> bool {
    use Happening::{Blocks, Echo, LateEcho, OptsOut, TakesOver};
    matches!(happening, TakesOver | Echo | LateEcho | OptsOut | Blocks)
}

/// What happened from here to there.
fn happened(log: &[Entry]) -> impl Iterator<Item = Happening> {
    log.iter().filter_map(|entry| match entry {
        Entry::Happened(happening) => Some(*happening),
        _ => None,
    })
}

/// Who owns the conversation after all this, and how often that changed.
fn owner(run: &Run, log: &[Entry]) -> (Option<&'static str>, usize) {
    let (mut owner, mut changes) = (None, 0);
    // What a person wrote before their time was over only makes that time longer.
    let mut lapsed = run.start == Start::Lapsed;
    for happening in happened(log) {
        let next = match happening {
            Happening::TakesOver => Some("Anna"),
            Happening::Echo | Happening::LateEcho => Some("WhatsApp"),
            Happening::GivesBack => None,
            Happening::OptsOut | Happening::Blocks => {
                changes += 1;
                lapsed = false;
                continue;
            }
            Happening::WritesAgain => continue,
        };
        let comes_back = lapsed && happening == Happening::LateEcho;
        changes += usize::from(next != owner && !comes_back);
        (owner, lapsed) = (next, false);
    }
    (owner, changes)
}

/// Judges a run that is over. Returns how many replies were held back.
pub(super) async fn judge(run: &Run, store: &Store) -> usize {
    let log = run.log();
    let mut held_back = BTreeSet::new();
    for (id, part) in run.parts() {
        let mut state = "";
        for (at, _) in positions(&log, &Entry::Asked(id)) {
            let called = log.get(at + 1) == Some(&Entry::Called(id));
            let over = matches!(state, "sent" | "fenced");
            let may = !over && may_go(run, &log, &part, at);
            assert_eq!(called, may, "call of {id} ({:?}) at {at}", part.fence);
            state = match (state, may) {
                (before, false) if over => before,
                // It may have arrived.
                ("doubt", false) => "doubt",
                (_, false) => "fenced",
                ("", true) => match run.flaw {
                    Flaw::None => "sent",
                    Flaw::AnswerLost => "doubt",
                    Flaw::Down => "free",
                },
                (_, true) => "sent",
            };
            if !called && state != "sent" && matches!(part.fence, Fence::Reply { .. }) {
                held_back.insert(id);
            }
        }
        let entry = store.ledger(id).await.unwrap().unwrap();
        assert_eq!(entry.state, state, "{id} ({:?})", part.fence);
        assert_ne!(state, "free", "{id} was forgotten");
    }
    let drafts = store.drafts(&run.about).await.unwrap();
    let drafts: BTreeSet<Uuid> = drafts.into_iter().map(|draft| draft.id).collect();
    assert_eq!(drafts, held_back, "drafts");
    let journal = store.events_of(&run.about, 1_000).await.unwrap();
    let journal: BTreeSet<Uuid> = journal
        .iter()
        .filter(|event| event.outcome.as_deref() == Some("fenced"))
        .filter_map(|event| event.outbound_id)
        .collect();
    assert!(
        journal.is_superset(&held_back),
        "{journal:?} in the journal"
    );
    turns(run, &log);
    held_back.len()
}

/// The bot thinks whenever it is asked and owns the conversation, never otherwise, and a turn that
/// thought has its reply.
fn turns(run: &Run, log: &[Entry]) {
    let parts = run.parts();
    let replies = parts
        .values()
        .filter(|part| matches!(part.fence, Fence::Reply { .. }));
    let answered: BTreeSet<&Vec<String>> = replies.map(|part| &part.answers).collect();
    for (at, entry) in log.iter().enumerate() {
        let Entry::Read(asked) = entry else {
            continue;
        };
        let thinks = match log.get(at + 1) {
            Some(Entry::Thought(ids)) if ids == asked => true,
            Some(Entry::Thought(ids)) => panic!("{ids:?} instead of {asked:?}"),
            _ => false,
        };
        let should = !asked.is_empty() && owner(run, &log[..at]).0.is_none();
        assert_eq!(thinks, should, "the turn at {at}");
        assert!(!thinks || answered.contains(asked), "no reply to {asked:?}");
    }
}

/// Whether a message may be claimed at this place of the log.
fn may_go(run: &Run, log: &[Entry], part: &Outbound, at: usize) -> bool {
    match part.fence {
        Fence::Reply { .. } => {
            let thought = log
                .iter()
                .position(|entry| matches!(entry, Entry::Thought(ids) if *ids == part.answers));
            let thought = thought.unwrap();
            thought < at && !happened(&log[thought..at]).any(stops)
        }
        Fence::Notice { .. } => {
            let made = log
                .iter()
                .position(|entry| *entry == Entry::Notice(part.id));
            owner(run, &log[..made.unwrap()]).1 == owner(run, &log[..at]).1
        }
        Fence::Staff => true,
        Fence::Reminder { .. } | Fence::Offer { .. } => unreachable!("nobody reminds"),
    }
}

fn positions<'a>(log: &'a [Entry], wanted: &'a Entry) -> impl Iterator<Item = (usize, &'a Entry)> {
    log.iter()
        .enumerate()
        .filter(move |(_, entry)| *entry == wanted)
}
