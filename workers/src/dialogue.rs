//! The bot's side of a conversation: understand, decide, phrase. Pure: no effect, no clock.

mod decide;
mod generate;
mod interpret;
mod meanings;
mod phrase;
mod restrain;
mod said;
mod tryout;
pub mod visit;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zapis_core::message::{DraftDecided, Inbound, Outbound, Verdict};
use zapis_core::store::StoreError;

pub use decide::{Decision, Reason, Situation, Step, decide};
pub use generate::{Generated, Generator};
pub use interpret::Interpreter;
pub use meanings::Meanings;
pub use phrase::phrase;
pub use said::Said;
pub use tryout::Tryout;

use crate::answer::{Heard, Mind, Thought};
use crate::autonomy::{Autonomy, Mode};
use crate::business::CalendarKind;
use crate::content::{Content, Live};
use crate::crm::{Wish, signals};
use crate::experiments::Trial;
use crate::knowledge::Vectors;
use crate::llm::Mask;
use crate::secretary::{Asked, Secretary};
use crate::understand::{Intent, Meaning, Understanding};
use crate::words::Language;
use decide::{draft, finish};
use restrain::restrain;

/// What the bot remembers of a conversation from turn to turn.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each remembers another thing that was said"
)]
pub struct DialogueState {
    /// The customer's language, once known.
    pub language: Option<Language>,
    /// Whether the bot has introduced itself.
    pub greeted: bool,
    /// Messages in a row that were not understood.
    pub misses: u32,
    /// The service last talked about, by name, for a question such as "and how long?".
    pub subject: Option<String>,
    /// When the customer was last told when a person will answer.
    pub promised_at: Option<DateTime<Utc>>,
    /// Whether the customer was told that further messages join the call for a person.
    pub told_added: bool,
    /// Whether the last message was one the bot asked to put into words.
    pub asked_to_write: bool,
    /// The visit that is being booked, moved or cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Option<visit::Form>,
    /// Whether an insult was answered calmly once; the next one goes to the staff.
    pub calmed: bool,
}

/// The bot that stands at the desk.
#[derive(Debug)]
pub struct Receptionist {
    /// What it knows and says.
    pub content: Live,
    /// What puts answers into words of its own, if a language model is configured.
    pub generator: Option<Generator>,
    /// What it may say by itself.
    pub autonomy: Autonomy,
    /// Where it books visits, if it does.
    pub desk: Option<visit::Desk>,
    /// What understands where nothing else does, if a language model may.
    pub interpreter: Option<Interpreter>,
    /// What finds entries by their meaning, if it is configured.
    pub vectors: Option<Arc<Vectors>>,
    /// Whether it only looks on: it books nothing and asks no language model.
    pub observes: bool,
}

#[async_trait]
impl Mind for Receptionist {
    async fn think(&self, heard: &Heard<'_>) -> Result<Thought, StoreError> {
        // Once: what is swapped meanwhile holds from the next turn on.
        let content = &*self.content.now();
        // A state of another version, or none: the conversation goes on, a little forgetful.
        let state = DialogueState::deserialize(heard.state).unwrap_or_default();
        let said = Said::of(&heard.inbound);
        let understood = content.understander.understand(&said.text);
        let trial = self.trial(content, heard).await?;
        let meanings = self.meanings(content, &said, &understood, heard).await;
        let local = content.business.local(heard.now).naive_local();
        let mut of_visit = visit::Heard::of(&said, &understood, local);
        if let Some(desk) = self.desk.as_ref().filter(|_| self.books(content)) {
            desk.answer_to_offer(&mut of_visit, &state, heard).await?;
        }
        let mut situation = Situation {
            state: &state,
            when: &of_visit.when,
            visit: self.books(content).then_some(&of_visit),
            said: &said,
            understood: &understood,
            meanings: &meanings,
            content,
            trial: &trial,
            now: heard.now,
            stale: heard.stale,
            staff_called: heard.staff_called,
            draft_waits: TimeDelta::minutes(
                self.autonomy
                    .laid_down(content.autonomy.as_deref())
                    .draft_minutes
                    .into(),
            ),
        };
        let mut decision = draft(&situation);
        let mut models = Vec::new();
        let may_ask = !heard.confidential && !self.observes;
        let better = match &self.interpreter {
            Some(interpreter) if may_ask => {
                let (better, used) = interpreter.hear(&decision, &situation, heard).await;
                models.extend(used);
                better
            }
            _ => None,
        };
        if let Some(better) = &better {
            situation.understood = better;
            decision = draft(&situation);
        }
        if let Some(generator) = self.generator.as_ref().filter(|_| may_ask) {
            models.extend(generator.improve(&mut decision, &situation, heard).await);
        }
        restrain(&self.autonomy, &situation, &mut decision);
        let outcome = self.serve(&mut decision, &situation, heard).await?;
        finish(&situation, &mut decision);
        let mut thought = phrased(&decision, &situation, &trial);
        thought.facts.models = models;
        if let Some((action, booking)) = outcome.action {
            action.clone_into(&mut thought.facts.action);
            thought.facts.booking = Some(booking);
        }
        thought.facts.consent = outcome.consent;
        thought.facts.rating = outcome.rating;
        if heard.for_crm {
            let signals = signals::of(situation.understood, &of_visit.when, local);
            let (state, business) = (&decision.state, &content.business);
            let wish = Wish::of(&said.text, situation.understood, signals, state, business);
            thought.facts.wish = Some(Box::new(wish));
        }
        Ok(thought)
    }

    fn is_about_health(&self, words: &str) -> bool {
        self.content.now().understander.is_about_health(words)
    }

    fn overhears(&self, heard: &[&Inbound]) -> Option<String> {
        let content = self.content.now();
        let understood = content.understander.understand(&Said::of(heard).text);
        let surest = understood.intents.first()?;
        let sure = understood.believes(surest.intent);
        sure.then(|| surest.intent.id().to_owned())
    }

    fn refused(&self, decided: &DraftDecided, state: &Value, now: DateTime<Utc>) -> Thought {
        let reason = match decided.verdict {
            Verdict::Expired => Reason::DraftExpired,
            _ => Reason::DraftRejected,
        };
        let state = DialogueState::deserialize(state).unwrap_or_default();
        phrase::refused(reason, &state, &self.content.now(), now)
    }

    async fn at_desk(
        &self,
        asked: &Asked<'_>,
        state: &mut Value,
    ) -> Result<Vec<Outbound>, StoreError> {
        self.serve_staff(asked, state).await
    }
}

impl Receptionist {
    /// Serves the staff in its chat, where the book is kept here.
    async fn serve_staff(
        &self,
        asked: &Asked<'_>,
        state: &mut Value,
    ) -> Result<Vec<Outbound>, StoreError> {
        let firm = &*self.content.now();
        let Some(desk) = &self.desk else {
            return Ok(Vec::new());
        };
        if firm.business.booking.calendar != CalendarKind::Own {
            return Ok(Vec::new());
        }
        let secretary = Secretary {
            firm,
            calendar: &*desk.calendar,
            store: &desk.store,
            asked,
        };
        secretary.serve(state).await
    }

    /// What is tried with the customer; nothing where nothing is remembered of it.
    async fn trial(&self, content: &Content, heard: &Heard<'_>) -> Result<Arc<Trial>, StoreError> {
        let Some(desk) = &self.desk else {
            return Ok(Arc::default());
        };
        let trial = Trial::of(content, &desk.store, heard.conversation, heard.now);
        trial.await.map(Arc::new)
    }

    /// Whether visits are the bot's to book: the firm keeps its book here and wants it so.
    fn books(&self, content: &Content) -> bool {
        let own = content.business.booking.calendar == CalendarKind::Own;
        let wanted = matches!(
            self.autonomy
                .of(content.autonomy.as_deref(), Some(Intent::Booking)),
            Mode::Auto(_)
        );
        self.desk.is_some() && !self.observes && own && wanted
    }

    /// Does what the message wants of the book.
    async fn serve(
        &self,
        decision: &mut Decision,
        situation: &Situation<'_>,
        heard: &Heard<'_>,
    ) -> Result<visit::Outcome, StoreError> {
        let (Some(desk), Some(start), Some(of_visit)) =
            (&self.desk, decision.visit.take(), situation.visit)
        else {
            return Ok(visit::Outcome::default());
        };
        let client = visit::Client {
            conversation: heard.conversation,
            name: heard.name,
            phone: heard.phone,
            language: decision.language,
        };
        let mut outcome = desk
            .serve(start, situation, of_visit, client, heard.turn)
            .await?;
        decision.state.form = outcome.form.take();
        for say in std::mem::take(&mut outcome.says) {
            decision.steps.push(Step::Visit(say));
        }
        if let Some(reason) = outcome.handover {
            decision.hand_over(reason, "visit");
        }
        Ok(outcome)
    }

    /// The vectors of what is asked, where they can help.
    async fn meanings(
        &self,
        content: &Content,
        said: &Said,
        understood: &Understanding,
        heard: &Heard<'_>,
    ) -> Meanings {
        let Some(vectors) = self
            .vectors
            .as_ref()
            .filter(|_| content.knowledge.has_vectors())
        else {
            return Meanings::default();
        };
        let asks = !said.text.is_empty()
            && !heard.confidential
            && !heard.stale
            && !understood.injection
            && !understood.opt_out;
        if !asks {
            return Meanings::default();
        }
        let mask = Mask::new(names(heard).chain(told_names(understood)));
        Meanings::ask(vectors, said, understood, mask).await
    }
}

/// The words of a decision, as they are tried. What waits for approval is worded as ever: nobody knows whether, and when,
/// the customer reads it.
fn phrased(decision: &Decision, situation: &Situation<'_>, trial: &Arc<Trial>) -> Thought {
    let mut thought = if trial.is_empty() || decision.draft {
        phrase(decision, situation)
    } else {
        let content = Content {
            texts: Arc::new(situation.content.texts.trying(trial)),
            ..situation.content.clone()
        };
        let situation = Situation {
            content: &content,
            ..*situation
        };
        phrase(decision, &situation)
    };
    thought.facts.variants = trial.used();
    thought
}

/// Names of the customer, as the messenger tells them.
fn names<'h>(heard: &'h Heard<'_>) -> impl Iterator<Item = &'h str> {
    let profiles = heard.inbound.iter().map(|inbound| &inbound.profile);
    profiles
        .flat_map(|profile| [profile.name.as_deref(), profile.username.as_deref()])
        .flatten()
}

/// Names that the customer gave.
fn told_names(understood: &Understanding) -> impl Iterator<Item = &str> {
    let entities = understood.entities.iter();
    let names = entities.filter(|entity| matches!(entity.meaning, Meaning::Name(_)));
    names.map(|entity| entity.text.as_str())
}

#[cfg(test)]
mod tests;
