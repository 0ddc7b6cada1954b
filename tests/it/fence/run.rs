//! One run: a conversation of its own, and a plan of what happens in it and when.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use uuid::Uuid;
use zapis_core::message::{ConversationId, Inbound, Outbound};

use super::rules::Entry;

/// Where a run stands when a step comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// The answer worker begins; it has not asked yet who owns the conversation.
    Load,
    /// It has asked, and thinks.
    Generate,
    /// Before the commit.
    Commit,
    /// After the commit.
    Committed,
    /// Before a publish of a worker.
    Publish,
    /// After it.
    Published,
    /// The sender is about to claim.
    Claim,
    /// It has claimed and is about to call the provider.
    Send,
    /// The provider has the message, its answer is under way.
    Sent,
}

/// What can happen in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Happening {
    /// A person of the firm writes in the conversation's topic.
    TakesOver,
    /// A person of the firm answers on the phone.
    Echo,
    /// The same, but the webhook of it comes late.
    LateEcho,
    /// The customer writes again.
    WritesAgain,
    /// The customer wants no more messages.
    OptsOut,
    /// The customer blocks the bot.
    Blocks,
    /// A person gives the conversation back to the bot.
    GivesBack,
}

/// How a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// With a customer of WhatsApp whom nobody of the firm has written to.
    WhatsApp,
    /// The same in Telegram.
    Telegram,
    /// On WhatsApp, a moment after the time of a person who answered on the phone was over.
    Lapsed,
}

/// Which steps count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Steps {
    /// Each call of a seam.
    All,
    /// The first time at each of generate, commit, publish, claim and send.
    Named,
}

/// Which worker is the faster one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// What arrives is answered before anything more is sent, also in the middle of a send.
    AnswersFirst,
    /// What is to be sent is sent before anything more is answered.
    SendsFirst,
}

/// What the provider does with the first call for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// It works.
    None,
    /// It takes the message and the answer is lost.
    AnswerLost,
    /// It does not take the message.
    Down,
}

/// What runs have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene {
    pub(super) start: Start,
    pub(super) steps: Steps,
    pub(super) pace: Pace,
    pub(super) flaw: Flaw,
}

/// What happens at which step.
pub(super) type Plan = Vec<(usize, Happening)>;

/// One run.
pub(super) struct Run {
    pub(super) about: ConversationId,
    pub(super) n: i64,
    pub(super) start: Start,
    pub(super) flaw: Flaw,
    pub(super) pace: Pace,
    steps: Steps,
    plan: Mutex<VecDeque<(usize, Happening)>>,
    count: AtomicUsize,
    reached: Mutex<BTreeSet<Place>>,
    log: Mutex<Vec<Entry>>,
    /// What the sender has met, part by part.
    parts: Mutex<BTreeMap<Uuid, Outbound>>,
    pub(super) inbound: Mutex<VecDeque<Inbound>>,
    pub(super) outbound: Mutex<VecDeque<Vec<Outbound>>>,
    /// Whether the answer worker is in a turn.
    pub(super) answering: AtomicBool,
    /// What it has taken that expects an answer.
    pub(super) taken: Mutex<Vec<String>>,
}

impl Run {
    pub(super) fn new(about: ConversationId, n: i64, scene: Scene) -> Self {
        let Scene {
            start,
            steps,
            pace,
            flaw,
        } = scene;
        Self {
            about,
            n,
            start,
            flaw,
            pace,
            steps,
            plan: Mutex::default(),
            count: AtomicUsize::new(0),
            reached: Mutex::default(),
            log: Mutex::default(),
            parts: Mutex::default(),
            inbound: Mutex::default(),
            outbound: Mutex::default(),
            answering: AtomicBool::new(false),
            taken: Mutex::default(),
        }
    }

    /// From now on steps count.
    pub(super) fn begin(&self, plan: &Plan) {
        *self.plan.lock().unwrap() = plan.iter().copied().collect();
        self.count.store(0, Ordering::SeqCst);
        self.reached.lock().unwrap().clear();
        self.log.lock().unwrap().clear();
    }

    /// A step; says which one it is, if it counts.
    pub(super) fn step(&self, place: Place) -> Option<usize> {
        let counts = match self.steps {
            Steps::All => true,
            Steps::Named => {
                let named = matches!(
                    place,
                    Place::Generate | Place::Commit | Place::Publish | Place::Claim | Place::Send
                );
                named && self.reached.lock().unwrap().insert(place)
            }
        };
        counts.then(|| self.count.fetch_add(1, Ordering::SeqCst))
    }

    /// How many steps there were.
    pub(super) fn length(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// What happens next, if it is planned for this step or an earlier one.
    pub(super) fn due(&self, step: usize) -> Option<Happening> {
        let mut plan = self.plan.lock().unwrap();
        let due = plan.front().is_some_and(|(at, _)| *at <= step);
        due.then(|| plan.pop_front())
            .flatten()
            .map(|(_, what)| what)
    }

    pub(super) fn note(&self, entry: Entry) {
        self.log.lock().unwrap().push(entry);
    }

    /// The answer worker reads who may speak next.
    pub(super) fn reads(&self) {
        let taken = self.taken.lock().unwrap().clone();
        self.note(Entry::Read(taken));
    }

    /// A call for this message; whether it is the first one.
    pub(super) fn note_call(&self, id: Uuid) -> bool {
        let mut log = self.log.lock().unwrap();
        let first = !log.contains(&Entry::Called(id));
        log.push(Entry::Called(id));
        first
    }

    pub(super) fn meets(&self, outbound: &Outbound) {
        let mut parts = self.parts.lock().unwrap();
        parts.insert(outbound.id, outbound.clone());
    }

    pub(super) fn log(&self) -> Vec<Entry> {
        self.log.lock().unwrap().clone()
    }

    pub(super) fn parts(&self) -> BTreeMap<Uuid, Outbound> {
        self.parts.lock().unwrap().clone()
    }
}
