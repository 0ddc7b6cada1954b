//! What is known of one conversation, for whoever asks what happened in it. Reads only.

use super::db::{Row, sql};
use super::queue_troubles::letter;
use super::{DeadLetter, Escalation, Store, StoreError, Waiting, desk};
use crate::message::ConversationId;
use crate::trace::TraceParent;

impl Store {
    /// The conversation that goes by this id: WhatsApp's has the first id ever seen of a person, and
    /// later ones are aliases. Nothing is noted of an id that is new.
    pub async fn named(&self, id: &ConversationId) -> Result<ConversationId, StoreError> {
        let statement = sql("SELECT peer FROM peers \
             WHERE channel = $1 AND account = $2 AND native_id = $3");
        let statement = statement
            .bind(id.channel())
            .bind(id.account())
            .bind(id.peer());
        let Some(row) = self.db.fetch_one(statement).await? else {
            return Ok(id.clone());
        };
        let peer: String = row.get(0)?;
        let named = ConversationId::new(id.channel(), id.account(), &peer);
        Ok(named.unwrap_or_else(|_| id.clone()))
    }

    /// Messages of a conversation that were set aside, oldest first.
    pub async fn dead_of(
        &self,
        conversation: &ConversationId,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let statement = sql(
            "SELECT id, topic, lane, message_id, reason, body, at FROM dead \
             WHERE lane = $1 ORDER BY at, position",
        );
        let rows = self.db.fetch(statement.bind(conversation)).await?;
        Ok(rows.iter().map(letter).collect::<Result<_, _>>()?)
    }

    /// Messages of a conversation that wait in parked lanes, in order.
    pub async fn parked_of(
        &self,
        conversation: &ConversationId,
    ) -> Result<Vec<Waiting>, StoreError> {
        let statement = sql(
            "SELECT parked.topic, parked.message_id, parked_lanes.due, parked.trace FROM parked \
             JOIN parked_lanes ON parked_lanes.topic = parked.topic \
             AND parked_lanes.lane = parked.lane \
             WHERE parked.lane = $1 ORDER BY parked.position",
        );
        let rows = self.db.fetch(statement.bind(conversation)).await?;
        Ok(rows.iter().map(waiting).collect::<Result<_, _>>()?)
    }

    /// The calls for a person of a conversation that nobody answered.
    pub async fn open_calls_of(
        &self,
        conversation: &ConversationId,
    ) -> Result<Vec<Escalation>, StoreError> {
        let statement = sql(
            "SELECT id, conversation, reason, card, at, stage, due FROM escalations \
             WHERE conversation = $1 AND closed_at IS NULL ORDER BY at",
        );
        let rows = self.db.fetch(statement.bind(conversation)).await?;
        Ok(rows
            .iter()
            .map(desk::escalation)
            .collect::<Result<_, _>>()?)
    }
}

fn waiting(row: &Row) -> Result<Waiting, sqlx::Error> {
    let trace: String = row.get(3)?;
    Ok(Waiting {
        topic: row.get(0)?,
        message_id: row.get(1)?,
        due: row.time(2)?,
        trace: TraceParent::parse(&trace).unwrap_or_else(TraceParent::start),
    })
}
