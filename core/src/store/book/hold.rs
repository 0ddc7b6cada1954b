//! Visits that are kept free while a customer thinks.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::days::{self, Taker, Taking};
use super::{Held, Holding, Visit, json};
use crate::ids;
use crate::message::ConversationId;
use crate::store::db::{CHUNK, Tx, Value, sql};
use crate::store::open::is_conflict;
use crate::store::{Store, StoreError};

/// A hold that a booking may take.
pub(super) struct Hold {
    pub(super) id: Uuid,
    pub(super) visit: Visit,
    /// Whether a booking has taken it.
    pub(super) taken: bool,
}

impl Store {
    /// Keeps visits free for a conversation until then, each as far as nobody else has the time, and
    /// gives back what it held before and does not ask for again. What it holds itself may overlap:
    /// only one of it is booked. Holding a visit again keeps its id.
    pub async fn hold(
        &self,
        conversation: &ConversationId,
        wanted: &Holding<'_>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Held>, StoreError> {
        wanted.visits.iter().try_for_each(Visit::checked)?;
        patiently!(self.try_hold(conversation, wanted, now))
    }

    async fn try_hold(
        &self,
        conversation: &ConversationId,
        holding: &Holding<'_>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Held>, sqlx::Error> {
        let Holding {
            cause,
            visits,
            moving,
            until,
        } = *holding;
        let mut tx = self.db.begin().await?;
        tx.lock(&format!("holds of {}", conversation.as_str()))
            .await?;
        let mut before = open(&mut tx, conversation).await?;
        let ids: Vec<Uuid> = before.values().copied().collect();
        days::give_back(&mut tx, &ids).await?;

        let taker = Taker {
            booking: moving,
            conversation: Some(conversation),
        };
        let wanted: Vec<_> = visits.iter().flat_map(Visit::spans).collect();
        let others = days::lock(&mut tx, &wanted, &taker, now).await?;

        let mut held: HashMap<String, Uuid> = HashMap::new();
        let mut answers = Vec::with_capacity(visits.len());
        for visit in visits {
            let (spans, place) = (visit.spans(), visit.place());
            if let Some(&id) = held.get(&place) {
                answers.push(Held::Held(id));
            } else if others.leave(&spans) {
                let id = match before.remove(&place) {
                    Some(id) => id,
                    None => make(&mut tx, conversation, cause, visit).await?,
                };
                days::take(&mut tx, id, &spans, &Taking::Hold(conversation, until)).await?;
                held.insert(place, id);
                answers.push(Held::Held(id));
            } else {
                answers.push(Held::Taken);
            }
        }
        let left: Vec<Uuid> = before.into_values().collect();
        forget(&mut tx, &left).await?;
        tx.commit().await?;
        Ok(answers)
    }
}

async fn make(
    tx: &mut Tx,
    conversation: &ConversationId,
    cause: Uuid,
    visit: &Visit,
) -> Result<Uuid, sqlx::Error> {
    let place = visit.place();
    let id = ids::derive(&["hold", conversation.as_str(), &cause.to_string(), &place]);
    let statement = sql(
        "INSERT INTO book_holds (id, conversation, place, cause, visit) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING",
    );
    let statement = statement
        .bind(id)
        .bind(conversation)
        .bind(place)
        .bind(cause)
        .bind(json(visit)?);
    tx.execute(statement).await?;
    Ok(id)
}

/// What a conversation holds, by place.
pub(super) async fn open(
    tx: &mut Tx,
    conversation: &ConversationId,
) -> Result<HashMap<String, Uuid>, sqlx::Error> {
    let statement = sql("SELECT place, id FROM book_holds \
         WHERE conversation = $1 AND booking IS NULL ORDER BY id")
    .bind(conversation);
    let rows = tx.fetch(statement).await?;
    rows.iter()
        .map(|row| Ok((row.get(0)?, row.parsed(1)?)))
        .collect()
}

pub(super) async fn forget(tx: &mut Tx, ids: &[Uuid]) -> Result<(), sqlx::Error> {
    for chunk in ids.chunks(CHUNK) {
        let statement = sql("DELETE FROM book_holds WHERE booking IS NULL AND id IN ")
            .list(chunk.iter().map(|id| Value::from(*id)));
        tx.execute(statement).await?;
    }
    Ok(())
}

/// The hold of a conversation that an earlier turn made. It is locked.
pub(super) async fn find(
    tx: &mut Tx,
    id: Uuid,
    conversation: Option<&ConversationId>,
    cause: Uuid,
) -> Result<Option<Hold>, sqlx::Error> {
    let Some(conversation) = conversation else {
        return Ok(None);
    };
    tx.lock(&format!("holds of {}", conversation.as_str()))
        .await?;
    let statement = sql("SELECT visit, booking FROM book_holds \
         WHERE id = $1 AND conversation = $2 AND cause <> $3")
    .bind(id)
    .bind(conversation)
    .bind(cause)
    .for_update();
    let row = tx.fetch_one(statement).await?;
    row.map(|row| {
        Ok(Hold {
            id,
            visit: row.json(0)?,
            taken: row.get::<Option<String>>(1)?.is_some(),
        })
    })
    .transpose()
}

/// A booking takes a hold, and the conversation needs its other holds no more.
pub(super) async fn consume(
    tx: &mut Tx,
    hold: Uuid,
    booking: Uuid,
    version: i64,
    conversation: &ConversationId,
) -> Result<(), sqlx::Error> {
    let statement = sql("UPDATE book_holds SET booking = $2 WHERE id = $1 AND booking IS NULL");
    // A booking that moves takes one hold at each version.
    let taker = format!("{booking} {version}");
    if tx.execute(statement.bind(hold).bind(taker)).await? != 1 {
        return Err(crate::store::db::damaged());
    }
    let mut ids: Vec<Uuid> = open(tx, conversation).await?.into_values().collect();
    forget(tx, &ids).await?;
    ids.push(hold);
    days::give_back(tx, &ids).await?;
    Ok(())
}
