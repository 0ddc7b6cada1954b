//! Visits in a conversation: booked, moved, cancelled, asked about.
//!
//! [`Heard`] is what a message says about a visit, [`Form`] what is known so far, the clerk goes one
//! step on with it and asks the calendar, [`Say`] is what comes of it and `words` how it reads.

mod clerk;
mod fill;
mod form;
mod heard;
mod own;
mod say;
mod settle;
mod time;
mod wait;
mod words;

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;
use zapis_core::store::{Store, StoreError};

pub use clerk::Client;
pub use form::{Form, Task};
pub use heard::{Heard, Press};
pub use say::Say;
pub(crate) use wait::told as waiting_line;
pub(crate) use words::Telling;

use super::DialogueState;
use super::decide::{Reason, Situation};
use crate::book::Calendar;
use crate::business::{Business, Words};
use crate::understand::{Intent, Part};
use crate::words::{folded, tokens};
use clerk::Clerk;

/// Who keeps the book for the bot, and where consents are.
#[derive(Clone)]
pub struct Desk {
    /// The book.
    pub calendar: Arc<dyn Calendar>,
    /// Consents and bookings that are over.
    pub store: Store,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Desk")
    }
}

/// What a message wants of the book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// Begin with it, or go on.
    Task(Task),
    /// Tell the customer's bookings.
    Mine,
    /// Go on with the open form.
    Continue,
    /// Wait no more for times to become free.
    WaitNoMore,
    /// Do what a button says.
    Press(Press),
    /// Something else was answered: ask once more.
    Resume,
    /// It was not understood: ask once more, or call a person.
    Lost,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What to say, in order.
    pub says: Vec<Say>,
    /// The form from now on.
    pub form: Option<Form>,
    /// Whether a person must act.
    pub handover: Option<Reason>,
    /// What was done to which booking, for the journal.
    pub action: Option<(&'static str, Uuid)>,
    /// The version that the customer agreed to now.
    pub consent: Option<String>,
    /// Stars for a visit.
    pub rating: Option<(Uuid, u8)>,
    closed: bool,
}

impl Desk {
    /// A bare yes or no without a form is an answer to the time that is offered from the waiting list.
    pub(super) async fn answer_to_offer(
        &self,
        said: &mut Heard,
        state: &DialogueState,
        heard: &crate::answer::Heard<'_>,
    ) -> Result<(), StoreError> {
        let open = state.form.as_ref();
        let open = open.is_some_and(|form| form.is_open(heard.now));
        if said.press.is_some() || open || !said.short || !(said.yes || said.no) {
            return Ok(());
        }
        let waiting = self.store.waiting_of(heard.conversation).await?;
        let mut holds = waiting
            .iter()
            .filter_map(|entry| Some(entry.offer.as_ref()?.hold));
        if let (Some(hold), None) = (holds.next(), holds.next()) {
            said.press = Some(if said.no {
                Press::Pass(hold)
            } else {
                Press::Take(hold)
            });
        }
        Ok(())
    }

    /// Goes one step on.
    pub(super) async fn serve(
        &self,
        start: Start,
        situation: &Situation<'_>,
        heard: &Heard,
        client: Client<'_>,
        turn: Uuid,
    ) -> Result<Outcome, StoreError> {
        let form = situation.state.form.clone().unwrap_or_default();
        let clerk = Clerk {
            calendar: &*self.calendar,
            store: &self.store,
            business: &situation.content.business,
            client,
            turn,
            now: situation.now,
            trial: situation.trial,
            heard,
            chosen_before: form.chosen.as_ref().map(|offer| offer.hold),
            sure: false,
            form,
            out: Outcome::default(),
        };
        clerk.serve(start).await
    }
}

/// What a message wants of the book at first sight, before its parts are looked at.
pub(super) fn start(situation: &Situation<'_>) -> Option<Start> {
    let heard = situation.visit?;
    if let Some(press) = &heard.press {
        return Some(Start::Press(press.clone()));
    }
    let understood = situation.understood;
    if situation.said.text.is_empty() {
        // A contact card that was asked for.
        let asked = open(situation).is_some_and(|form| form.asked == Some(form::Asked::Phone));
        return (asked && situation.said.contact).then_some(Start::Continue);
    }
    if heard.waits_no_more {
        return Some(Start::WaitNoMore);
    }
    if heard.waits {
        let other = Start::Task(Task::Book);
        return Some(open(situation).map_or(other, |_| Start::Continue));
    }
    if understood.parts.iter().all(asks_besides) {
        return None;
    }
    let changes = [Intent::Reschedule, Intent::Cancel];
    let changes = changes.into_iter().any(|wish| understood.believes(wish));
    if understood.own_visit && (!changes || situation.said.text.contains('?')) {
        return Some(Start::Mine);
    }
    if is_wish(situation) && open(situation).is_none() && !situation.said.text.contains('?') {
        return Some(Start::Task(Task::Book));
    }
    let form = open(situation)?;
    // "No, rather move it."
    let other = match form.task {
        Task::Cancel => understood
            .believes(Intent::Reschedule)
            .then_some(Task::Move),
        Task::Move => understood.believes(Intent::Cancel).then_some(Task::Cancel),
        Task::Book => None,
    };
    if let Some(task) = other {
        return Some(Start::Task(task));
    }
    let begins_anew = changes && form.task == Task::Book && form.shown.is_empty() && !heard.quits;
    (!begins_anew && fill::concerns(form, heard)).then_some(Start::Continue)
}

/// A message that is nothing but the answer to what the open form asked.
pub(super) fn reply(situation: &Situation<'_>) -> Option<Start> {
    let (heard, form) = (situation.visit?, open(situation)?);
    let bare = heard.short && !is_question(&situation.said.text);
    (bare && fill::answers(form, heard)).then_some(Start::Continue)
}

/// The form that is being filled in.
pub(super) fn open<'s>(situation: &Situation<'s>) -> Option<&'s Form> {
    let form = situation.state.form.as_ref()?;
    form.is_open(situation.now).then_some(form)
}

/// A service that is wanted, or named with a day, a time or a number of people, is a wish to book where nothing
/// speaks against it.
pub(super) fn is_wish(situation: &Situation<'_>) -> bool {
    situation.visit.is_some_and(|heard| {
        let told = heard.wants || !heard.when.any_of.is_empty() || heard.heads.is_some();
        !heard.services.is_empty() && told
    })
}

/// Whether a part of a message asks for something that the firm knows, and wishes no visit.
pub(super) fn asks_besides(part: &Part) -> bool {
    let about = part.believed().is_some_and(|intent| {
        !matches!(
            intent,
            Intent::Booking
                | Intent::Reschedule
                | Intent::Cancel
                | Intent::ConfirmYes
                | Intent::ConfirmNo
                | Intent::Greeting
                | Intent::Thanks
                | Intent::Smalltalk
                | Intent::Offtopic
        )
    });
    about && is_question(&part.text)
}

fn is_question(text: &str) -> bool {
    const ASKING: &str = "сколько где как какой какая какие какую почему зачем что кто чем можно ли есть почем how what where which who why do does is are can";
    let folded = folded(text);
    let first =
        tokens(&folded).find(|word| !matches!(*word, "а" | "и" | "но" | "скажите" | "подскажите"));
    text.contains('?') || first.is_some_and(|word| ASKING.split(' ').any(|one| one == word))
}

/// The groups of services that customers book by themselves, in the order of the file.
fn categories(business: &Business) -> Vec<&Words> {
    let mut groups: Vec<&Words> = Vec::new();
    for service in business.services.iter().filter(|one| one.online) {
        if !groups.iter().any(|known| known.ru == service.category.ru) {
            groups.push(&service.category);
        }
    }
    groups
}
