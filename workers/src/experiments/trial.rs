//! What one turn gives its customer.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use zapis_core::message::ConversationId;
use zapis_core::store::{Store, StoreError};

use super::{Arm, Experiment};
use crate::content::Content;
use crate::texts::{Phrase, Tried};
use crate::words::Language;

/// The arms of one turn. Whoever asks how something is to be done has done it so: that is what the journal tells, of the
/// control as of the others, and not whom an arm was only meant for.
#[derive(Debug, Default)]
pub struct Trial {
    taken: Vec<Taken>,
    used: Mutex<BTreeSet<String>>,
}

#[derive(Debug)]
struct Taken {
    experiment: Arc<Experiment>,
    arm: usize,
    /// What is kept for all is no experiment any more.
    counts: bool,
}

impl Trial {
    /// The arms of a customer now: those of the experiments that go on, and what is kept of others.
    pub(crate) async fn of(
        content: &Content,
        store: &Store,
        conversation: &ConversationId,
        now: DateTime<Utc>,
    ) -> Result<Self, StoreError> {
        let day = content.business.local(now).date_naive();
        let all = content.experiments.all().iter();
        let mine: Vec<_> = all.filter(|one| one.is_for(conversation)).collect();
        if mine.is_empty() {
            return Ok(Self::default());
        }
        let ended = store.ended_experiments().await?;
        let end_of = |one: &Experiment| ended.iter().find(|end| end.experiment == one.id);
        let going_on = mine
            .iter()
            .filter(|one| end_of(one).is_none() && one.is_on(day));
        let going_on = going_on.map(|&experiment| Taken {
            arm: experiment.arm_of(conversation),
            experiment: Arc::clone(experiment),
            counts: true,
        });
        let kept = mine.iter().filter_map(|&experiment| {
            let keeps = end_of(experiment)?.keeps.as_ref()?;
            Some(Taken {
                arm: experiment.arms.iter().position(|arm| arm.id == *keeps)?,
                experiment: Arc::clone(experiment),
                counts: false,
            })
        });
        Ok(Self {
            // What goes on is asked first: its control is what holds for all.
            taken: going_on.chain(kept).collect(),
            used: Mutex::default(),
        })
    }

    /// Whether anything is tried.
    pub(crate) fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    /// How a phrase is worded, where it is otherwise.
    pub(crate) fn wording(&self, language: Language, phrase: Phrase) -> Option<Tried> {
        self.ask(|arm| arm.texts.get(&(language, phrase)).cloned())
    }

    /// Whether it may be that another version of the prompt answers.
    pub(crate) fn varies_prompt(&self) -> bool {
        self.varies(|arm| arm.prompt.clone())
    }

    /// Which version of the prompt answers, where it is another one.
    pub(crate) fn prompt(&self) -> Option<String> {
        self.ask(|arm| arm.prompt.clone())
    }

    /// How many times are offered at once, where it is another number.
    pub(crate) fn times(&self) -> Option<usize> {
        self.ask(|arm| arm.scenario.times)
    }

    /// Whether it may be that name and phone are asked before times.
    pub(crate) fn varies_contact(&self) -> bool {
        self.varies(|arm| arm.scenario.contact_first)
    }

    /// Whether name and phone are asked before times.
    pub(crate) fn contact_first(&self) -> bool {
        self.ask(|arm| arm.scenario.contact_first) == Some(true)
    }

    /// Whether a booking is offered after a price.
    pub(crate) fn booking_after_price(&self) -> bool {
        self.ask(|arm| arm.scenario.booking_after_price) == Some(true)
    }

    /// What was used so far, as the journal tells it: `greeting:b`.
    pub(crate) fn used(&self) -> Vec<String> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.iter().cloned().collect()
    }

    fn varies<T>(&self, what: impl Fn(&Arm) -> Option<T>) -> bool {
        self.taken.iter().any(|one| one.experiment.varies(&what))
    }

    fn ask<T>(&self, what: impl Fn(&Arm) -> Option<T>) -> Option<T> {
        let mut told = None;
        for one in self.taken.iter().filter(|one| one.experiment.varies(&what)) {
            let arm = &one.experiment.arms[one.arm];
            if one.counts {
                let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
                used.insert(format!("{}:{}", one.experiment.id, arm.id));
            }
            told = told.or_else(|| what(arm));
        }
        told
    }
}

impl Experiment {
    /// Whether something is not the same in all arms.
    fn varies<T>(&self, what: impl Fn(&Arm) -> Option<T>) -> bool {
        self.arms.iter().any(|arm| what(arm).is_some())
    }
}
