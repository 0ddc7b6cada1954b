//! A turn of the staff chat: never answered as to a customer, and kept out of the journal.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use zapis_core::ids;
use zapis_core::intake::outbound_message;
use zapis_core::lanes::Failure;
use zapis_core::message::{ConversationId, Inbound, Outbound};
use zapis_core::session::{Outbox, Outgoing};
use zapis_core::sessions::SessionsError;

use super::{Answer, remembered, unseen};
use crate::secretary::Asked;

impl Answer {
    /// One try; `false` when somebody else saved the session meanwhile.
    pub(super) async fn take_desk_turn(
        &self,
        desk: &ConversationId,
        tasks: &[Arc<Inbound>],
    ) -> Result<bool, Failure> {
        let (mut session, version) = self.load(desk, tasks).await?;
        self.publish_outbox(desk, &mut session).await?;
        let fresh = unseen(&session, tasks);
        let Some(first) = fresh.first() else {
            return Ok(true);
        };
        let turn = ids::turn(desk, &first.id);
        let now = self.clock.now();
        let mut messages: BTreeMap<ConversationId, Vec<Outbound>> = BTreeMap::new();
        // Several people write here: each message is a request of its own.
        for inbound in &fresh {
            let asked = Asked {
                id: ids::turn(desk, &inbound.id),
                desk,
                what: &inbound.what,
                who: inbound.profile.name.as_deref().unwrap_or_default(),
                now,
            };
            let said = self.mind.at_desk(&asked, &mut session.dialogue).await;
            for message in said.map_err(Failure::systemic)? {
                let to = message.conversation.clone();
                messages.entry(to).or_default().push(message);
            }
        }
        let batches = messages.values().map(|batch| outbound_message(batch));
        let outbox = Outbox {
            messages: batches.map(Outgoing::from).collect(),
            ..Outbox::default()
        };
        let handled = fresh.iter().map(|inbound| inbound.id.clone());
        session.finish_turn(turn, handled, outbox, now, remembered(desk));
        let body = serde_json::to_vec(&session).map_err(Failure::later)?;
        match self.sessions.commit(desk, version, Bytes::from(body)).await {
            Ok(_) => {}
            Err(SessionsError::Conflict) => return Ok(false),
            Err(error) => return Err(Failure::systemic(error)),
        }
        self.publish_outbox(desk, &mut session).await?;
        Ok(true)
    }
}
