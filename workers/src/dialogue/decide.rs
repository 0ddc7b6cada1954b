//! Decides what to do about what a customer said: a pure function of the situation.

mod part;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::Serialize;

use super::{DialogueState, Generated, Meanings, Said, visit};
use crate::content::Content;
use crate::experiments::Trial;
use crate::knowledge::Passage;
use crate::texts::Phrase;
use crate::understand::{Guess, Intent, Understanding};
use crate::when;
use crate::words::{Language, folded, tokens};

/// A promise is told again only after this.
const PROMISE_LASTS: TimeDelta = TimeDelta::hours(2);
/// So many misunderstandings in a row, and a person takes over.
const MISSES: u32 = 2;

/// All that a decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// What is remembered.
    pub state: &'a DialogueState,
    /// What the customer did.
    pub said: &'a Said,
    /// What the customer means.
    pub understood: &'a Understanding,
    /// The days and times that it names.
    pub when: &'a when::Wish,
    /// What it says about a visit, where the bot books visits.
    pub visit: Option<&'a visit::Heard>,
    /// The vectors of what it asks, where there are some.
    pub meanings: &'a Meanings,
    /// What the bot knows and says.
    pub content: &'a Content,
    /// What is tried with the customer.
    pub trial: &'a Trial,
    /// Now.
    pub now: DateTime<Utc>,
    /// Whether the message is too old to be answered as if it were fresh.
    pub stale: bool,
    /// Whether the staff was called and has not answered yet.
    pub staff_called: bool,
    /// How long an answer may wait for approval.
    pub draft_waits: TimeDelta,
}

/// One thing to do, in the order in which the customer reads it.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Say a phrase that needs no variables.
    Say(Phrase),
    /// Introduce oneself.
    Greet,
    /// Say whether and when the firm is open today.
    OpenToday,
    /// Say whether and when it is open on a day.
    OpenOn(NaiveDate),
    /// Quote passages.
    Quote(Vec<Passage>),
    /// Say what a language model made of passages.
    Tell(Generated),
    /// Offer passages to choose from.
    Offer(Vec<Passage>),
    /// Show the main questions as buttons.
    Menu,
    /// Say something about a visit.
    Visit(visit::Say),
    /// Offer a booking, after a price.
    Invite,
}

/// Why a person must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Health; the most pressing.
    Medical,
    /// An unhappy customer.
    Complaint,
    /// Money back.
    Refund,
    /// Asked for a person.
    Person,
    /// Wants to cancel a visit.
    Cancel,
    /// Wants to move a visit.
    Reschedule,
    /// Wants to book.
    Booking,
    /// Papers or personal data.
    Papers,
    /// Not in the knowledge base.
    NotKnown,
    /// Not understood twice in a row.
    NotUnderstood,
    /// The message came late.
    Late,
    /// The firm wants a person to answer it.
    Policy,
    /// Nobody approved the bot's answer in time.
    DraftExpired,
    /// A person rejected the bot's answer.
    DraftRejected,
}

impl Reason {
    /// What the customer is told.
    pub const fn told(self) -> Phrase {
        match self {
            Self::Medical => Phrase::MedicalQuestion,
            Self::Complaint => Phrase::ComplaintHeard,
            Self::Refund => Phrase::RefundHeard,
            Self::Person => Phrase::CallingPerson,
            Self::Cancel => Phrase::CancelWish,
            Self::Reschedule => Phrase::RescheduleWish,
            Self::Booking => Phrase::BookingWish,
            Self::Papers => Phrase::PersonDecides,
            Self::NotKnown => Phrase::CheckWithManager,
            Self::NotUnderstood => Phrase::GivingUp,
            Self::Late => Phrase::LateAnswer,
            Self::Policy => Phrase::PersonAnswers,
            Self::DraftExpired | Self::DraftRejected => Phrase::StillChecking,
        }
    }

    /// What the staff is told.
    pub const fn for_staff(self) -> Phrase {
        match self {
            Self::Medical => Phrase::ReasonMedical,
            Self::Complaint => Phrase::ReasonComplaint,
            Self::Refund => Phrase::ReasonRefund,
            Self::Person => Phrase::ReasonPerson,
            Self::Cancel => Phrase::ReasonCancel,
            Self::Reschedule => Phrase::ReasonReschedule,
            Self::Booking => Phrase::ReasonBooking,
            Self::Papers => Phrase::ReasonPapers,
            Self::NotKnown => Phrase::ReasonNotKnown,
            Self::NotUnderstood => Phrase::ReasonNotUnderstood,
            Self::Late => Phrase::ReasonLate,
            Self::Policy => Phrase::ReasonPolicy,
            Self::DraftExpired => Phrase::ReasonDraftExpired,
            Self::DraftRejected => Phrase::ReasonDraftRejected,
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// In this language.
    pub language: Language,
    /// In this order.
    pub steps: Vec<Step>,
    /// What the message wants of the book of visits.
    pub visit: Option<visit::Start>,
    /// Whether a person must approve it first.
    pub draft: bool,
    /// A person must act.
    pub handover: Option<Reason>,
    /// Whether to say when a person will answer.
    pub promise: bool,
    /// The intent that decided.
    pub intent: Option<Guess>,
    /// The rule that decided, for the journal.
    pub rule: &'static str,
    /// No advertising any more.
    pub opt_out: bool,
    /// What to remember.
    pub state: DialogueState,
}

impl Decision {
    fn new(situation: &Situation<'_>) -> Self {
        let language = language(situation);
        let mut state = situation.state.clone();
        state.language = Some(language);
        state.asked_to_write = false;
        if !situation.staff_called {
            state.told_added = false;
            state.promised_at = None;
        }
        Self {
            language,
            steps: Vec::new(),
            visit: None,
            draft: false,
            handover: None,
            promise: false,
            intent: situation.understood.intents.first().copied(),
            rule: "answered",
            opt_out: false,
            state,
        }
    }

    fn say(&mut self, phrase: Phrase) {
        let step = Step::Say(phrase);
        if !self.steps.contains(&step) {
            self.steps.push(step);
        }
    }

    /// Calls a person; the more pressing reason stays when there are two.
    pub(super) fn hand_over(&mut self, reason: Reason, rule: &'static str) {
        if self.handover.is_none_or(|known| reason < known) {
            self.handover = Some(reason);
            self.rule = rule;
        }
    }
}

/// Decides.
pub fn decide(situation: &Situation<'_>) -> Decision {
    let mut decision = draft(situation);
    finish(situation, &mut decision);
    decision
}

/// Decides about what was said; what holds for the turn as a whole is left to [`finish`].
pub(super) fn draft(situation: &Situation<'_>) -> Decision {
    let mut decision = Decision::new(situation);
    if situation.stale {
        decision.hand_over(Reason::Late, "late");
    } else if let (Some(start), true) = (visit::start(situation), wordless_or_pressed(situation)) {
        decision.visit = Some(start);
        decision.rule = "visit";
    } else if let Some(payload) = &situation.said.pressed {
        pressed(payload, situation, &mut decision);
    } else if let Some(command) = &situation.said.command {
        commanded(command, situation, &mut decision);
    } else if situation.said.text.is_empty() {
        wordless(situation, &mut decision);
    } else {
        written(situation, &mut decision);
    }
    decision
}

/// Whether nothing was written that should be looked at first.
fn wordless_or_pressed(situation: &Situation<'_>) -> bool {
    situation.said.pressed.is_some()
        || (situation.said.text.is_empty() && situation.said.command.is_none())
}

/// The language to answer in. One Latin word in a Russian conversation does not change it.
fn language(situation: &Situation<'_>) -> Language {
    let text = folded(&situation.said.text);
    let heard = situation.understood.language;
    let known = situation.state.language;
    match (heard, known) {
        (Some(heard), Some(known)) if heard != known => {
            if tokens(&text).count() >= 2 || heard == Language::Ru {
                heard
            } else {
                known
            }
        }
        (Some(heard), _) => heard,
        (None, Some(known)) => known,
        (None, None) => situation
            .said
            .app_language
            .unwrap_or(situation.content.business.language),
    }
}

fn pressed(payload: &str, situation: &Situation<'_>, decision: &mut Decision) {
    decision.rule = "pressed";
    let today = situation.content.business.local(situation.now).date_naive();
    let entry = match payload {
        "person" => return decision.hand_over(Reason::Person, "asked_for_person"),
        "booking" => return decision.hand_over(Reason::Booking, "booking_wish"),
        "confirm_no" => return decision.say(Phrase::Noted),
        "prices" => "price-list",
        other => other.strip_prefix("show:").unwrap_or(other),
    };
    let knowledge = &situation.content.knowledge;
    let shown: Vec<Passage> = match payload {
        "hours" | "address" => knowledge.about(payload, decision.language, today),
        _ => knowledge
            .entry_in(entry, decision.language, today)
            .into_iter()
            .collect(),
    };
    if shown.is_empty() {
        // A button from before a change of the knowledge base.
        decision.say(Phrase::Unclear);
        decision.steps.push(Step::Menu);
        return;
    }
    if payload == "hours" {
        decision.steps.push(Step::OpenToday);
    }
    decision.state.misses = 0;
    decision.steps.push(Step::Quote(shown));
}

fn commanded(command: &str, situation: &Situation<'_>, decision: &mut Decision) {
    match command {
        "start" => decision.steps.push(Step::Greet),
        "stop" => opt_out(decision),
        "operator" | "human" | "admin" => {
            return decision.hand_over(Reason::Person, "asked_for_person");
        }
        _ => {
            decision.say(Phrase::Capabilities);
            decision.steps.push(Step::Menu);
        }
    }
    decision.rule = "command";
    if !situation.said.text.is_empty() {
        written(situation, decision);
    }
}

fn opt_out(decision: &mut Decision) {
    decision.say(Phrase::OptedOut);
    decision.opt_out = true;
    decision.rule = "opt_out";
}

/// Something came without words.
fn wordless(situation: &Situation<'_>, decision: &mut Decision) {
    decision.rule = "no_words";
    let said = situation.said;
    if said.contact {
        decision.say(Phrase::ContactReceived);
    } else if situation.staff_called {
        // The staff sees it; there is nothing to add.
    } else if said.voice && situation.state.asked_to_write {
        decision.hand_over(Reason::Person, "voice_again");
    } else if said.voice {
        decision.say(Phrase::PleaseWriteVoice);
        decision.state.asked_to_write = true;
    } else if said.media && !situation.state.asked_to_write {
        decision.say(Phrase::PleaseWriteMedia);
        decision.state.asked_to_write = true;
    }
}

/// Something was written: first what outweighs any question in it, then one part after another.
fn written(situation: &Situation<'_>, decision: &mut Decision) {
    let understood = situation.understood;
    if understood.injection {
        decision.say(Phrase::Refusal);
        decision.rule = "injection";
        return;
    }
    if understood.opt_out {
        return opt_out(decision);
    }
    let angry = understood.negative && !understood.believes(Intent::Thanks);
    if understood.urgent && (angry || understood.confidence(Intent::Medical) >= URGENT_FROM) {
        return decision.hand_over(Reason::Medical, "health");
    }
    if understood.asks_human {
        return decision.hand_over(Reason::Person, "asked_for_person");
    }
    // A bare answer to what was asked ("the second one") is nothing but that.
    if let Some(start) = visit::reply(situation).filter(|_| !understood.abusive) {
        decision.visit = Some(start);
        decision.rule = "visit";
        return;
    }
    if understood.believes(Intent::Refund) {
        return decision.hand_over(Reason::Refund, "refund");
    }
    // Who only insults gets one calm answer; who also says what is wrong gets a person at once.
    let says_why = understood.believes(Intent::Complaint) || understood.urgent;
    if understood.abusive && !says_why && !situation.state.calmed && !situation.staff_called {
        decision.say(Phrase::StayCalm);
        decision.state.calmed = true;
        decision.rule = "abusive";
        return;
    }
    if angry || understood.abusive {
        return decision.hand_over(Reason::Complaint, "unhappy");
    }
    let changes = [Intent::Reschedule, Intent::Cancel]
        .into_iter()
        .any(|wish| understood.believes(wish));
    if let Some(start) = visit::start(situation) {
        decision.visit = Some(start);
        decision.rule = "visit";
        for part in understood
            .parts
            .iter()
            .filter(|part| visit::asks_besides(part))
        {
            part::decide(part, situation, decision);
        }
        return;
    }
    if situation.visit.is_none()
        && understood.own_visit
        && (!changes || situation.said.text.contains('?'))
    {
        return decision.hand_over(Reason::NotKnown, "own_visit");
    }
    for part in &understood.parts {
        part::decide(part, situation, decision);
    }
    back_to_form(situation, decision);
}

/// Something else came up while a visit is being booked: it goes on.
fn back_to_form(situation: &Situation<'_>, decision: &mut Decision) {
    let pending = visit::open(situation).is_some_and(|form| form.asked.is_some());
    if situation.visit.is_none() || decision.visit.is_some() || !pending {
        return;
    }
    if decision.rule == "not_understood" {
        decision.steps.clear();
        decision.rule = "visit";
        decision.visit = Some(visit::Start::Lost);
    } else if decision.handover.is_none() {
        decision.visit = Some(visit::Start::Resume);
    }
}

/// With a word of a health trouble, this little confidence in the intent is enough.
const URGENT_FROM: f32 = 0.25;

/// What holds for the whole turn: misunderstandings, greetings, calls that were made before.
pub(super) fn finish(situation: &Situation<'_>, decision: &mut Decision) {
    let missed = decision.rule == "not_understood";
    let helped = decision.steps.iter().any(|step| {
        matches!(
            step,
            Step::Quote(_) | Step::Tell(_) | Step::OpenOn(_) | Step::Visit(_)
        )
    });
    if missed && !helped && decision.handover.is_none() {
        if situation.staff_called {
            decision.steps.clear();
        } else {
            decision.state.misses += 1;
            if decision.state.misses >= MISSES {
                decision
                    .steps
                    .retain(|step| *step == Step::Say(Phrase::Hello));
                decision.hand_over(Reason::NotUnderstood, "misunderstood_twice");
            }
        }
    } else {
        decision.state.misses = 0;
    }
    if let Some(reason) = decision.handover {
        decision.state.misses = 0;
        call(reason, situation, decision);
    }
    if decision.steps.contains(&Step::Greet) {
        decision.state.greeted = true;
    }
    invite(situation, decision);
}

/// Offers a booking to who was told a price and is not booking yet, where that is tried.
fn invite(situation: &Situation<'_>, decision: &mut Decision) {
    let pressed = situation.said.pressed.as_deref() == Some("prices");
    let asked = pressed || situation.understood.believes(Intent::Price);
    let quotes = |step: &Step| matches!(step, Step::Quote(_) | Step::Tell(_));
    let told = asked && decision.steps.iter().any(quotes);
    let books = decision
        .steps
        .iter()
        .any(|step| matches!(step, Step::Visit(_)));
    let free = situation.visit.is_some() && !books && visit::open(situation).is_none();
    let sure = decision.handover.is_none() && !decision.draft && !situation.staff_called;
    if told && free && sure && situation.trial.booking_after_price() {
        decision.steps.push(Step::Invite);
    }
}

/// Tells the customer that a person is called, once: what comes later joins the call.
fn call(reason: Reason, situation: &Situation<'_>, decision: &mut Decision) {
    let promised = decision
        .state
        .promised_at
        .is_some_and(|at| situation.now - at < PROMISE_LASTS);
    // A reason that hurts is always answered with its own words.
    let own_words = matches!(
        reason,
        Reason::Medical | Reason::Complaint | Reason::Refund | Reason::Person
    );
    if !situation.staff_called || (own_words && !promised) {
        decision.say(reason.told());
        decision.promise = true;
        decision.state.promised_at = Some(situation.now);
    } else if reason == Reason::Medical {
        decision.say(reason.told());
    } else if !promised {
        decision.promise = true;
        decision.say(Phrase::AddedToRequest);
        decision.state.promised_at = Some(situation.now);
        decision.state.told_added = true;
    } else if !decision.state.told_added {
        decision.say(Phrase::AddedToRequest);
        decision.state.told_added = true;
    }
}
