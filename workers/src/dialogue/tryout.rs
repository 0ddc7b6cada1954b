//! What the bot would say, without saying or changing anything.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;
use zapis_core::message::{ConversationId, Inbound, Line, Profile, What};
use zapis_core::store::StoreError;
use zapis_core::trace::TraceParent;

use super::{Generator, Receptionist};
use crate::answer::{Heard, Mind, Thought};
use crate::autonomy::Autonomy;
use crate::content::Content;

/// Takes somebody's words as a customer's who has been greeted before. Nothing is booked; without a language model
/// it is what the knowledge and the rules of the firm say by themselves.
#[derive(Debug)]
pub struct Tryout(Receptionist);

impl Tryout {
    /// With this knowledge, under these rules.
    pub fn new(content: Arc<Content>, autonomy: Autonomy) -> Self {
        Self(Receptionist {
            content: content.into(),
            generator: None,
            autonomy,
            desk: None,
            interpreter: None,
            vectors: None,
            observes: false,
        })
    }

    /// Lets a language model word the answer, where there is one.
    #[must_use]
    pub fn with_model(self, generator: Option<Generator>) -> Self {
        Self(Receptionist {
            generator,
            ..self.0
        })
    }

    /// What the bot would say and do, after what was said before; the last line is what is asked.
    pub async fn hears(
        &self,
        conversation: &ConversationId,
        profile: &Profile,
        text: &str,
        transcript: &[Line],
        now: DateTime<Utc>,
    ) -> Result<Thought, StoreError> {
        let inbound = Inbound {
            id: "tryout".to_owned(),
            conversation: conversation.clone(),
            at: now,
            received_at: now,
            profile: profile.clone(),
            what: What::Text {
                text: text.to_owned(),
            },
            raw: None,
            trace: TraceParent::start(),
        };
        let state: Value = json!({ "greeted": true });
        let heard = Heard {
            conversation,
            turn: Uuid::nil(),
            name: profile.name.as_deref(),
            phone: None,
            inbound: vec![&inbound],
            now,
            stale: false,
            staff_called: false,
            for_crm: false,
            confidential: false,
            state: &state,
            transcript,
        };
        self.0.think(&heard).await
    }
}
