//! Which conversations are one person's, and whom the staff does not want to hear.
//!
//! There is no row of a person: a person is what hangs together, by a phone that channels vouch for or because
//! somebody said so. What somebody said is one row per merge, so that each can be undone by itself.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use uuid::Uuid;

use super::crm::read_enquiry;
use super::db::{Row, Sql, Tx, Value, sql};
use super::inbox::ways_to_hold;
use super::{Booking, Enquiry, Store, StoreError};
use crate::message::ConversationId;

/// Two conversations that somebody said are one person's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merge {
    /// Which.
    pub id: Uuid,
    /// One of them.
    pub conversation: ConversationId,
    /// The other one, which was taken to it.
    pub joined: ConversationId,
    /// What spoke for it: `phone`, `name`, `crm`, separated by spaces; empty where a person just knew.
    pub evidence: String,
    /// Who said so.
    pub who: String,
    /// When.
    pub at: DateTime<Utc>,
    /// When and by whom it was taken back.
    pub undone: Option<(DateTime<Utc>, String)>,
}

/// What became of a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merged {
    /// They are one person's now.
    Done(Uuid),
    /// They were before.
    Already,
}

/// Two persons who may be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookalike {
    /// A conversation of the one.
    pub one: ConversationId,
    /// A conversation of the other.
    pub other: ConversationId,
    /// What speaks for it, as in [`Merge`].
    pub evidence: String,
}

/// Who of the staff looked at a customer, and when, to the hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Which conversation.
    pub conversation: ConversationId,
    /// Who.
    pub staff: String,
    /// The hour.
    pub at: DateTime<Utc>,
}

/// How many pairs are looked through for persons who may be one.
const LOOKED_THROUGH: u32 = 500;

macro_rules! merges {
    ($rest:literal) => {
        sql(concat!(
            "SELECT id, conversation, joined, evidence, who, at, undone_at, undone_by \
             FROM customer_merges ",
            $rest
        ))
    };
}

impl Store {
    /// All conversations of the person whose one this is, in order; at least this one.
    pub async fn conversations_of(
        &self,
        conversation: &ConversationId,
    ) -> Result<Vec<ConversationId>, StoreError> {
        let all = self.hanging_together([conversation.clone()]).await?;
        Ok(all.into_iter().collect())
    }

    /// These conversations and all others of the same persons.
    pub(super) async fn hanging_together(
        &self,
        some: impl IntoIterator<Item = ConversationId>,
    ) -> Result<BTreeSet<ConversationId>, StoreError> {
        let mut all: BTreeSet<ConversationId> = some.into_iter().collect();
        let mut news: Vec<ConversationId> = all.iter().cloned().collect();
        while !news.is_empty() {
            let these = || news.iter().map(Value::from);
            let statement = sql(
                "SELECT joined FROM customer_merges WHERE undone_at IS NULL AND conversation IN ",
            )
            .list(these())
            .then(" UNION SELECT conversation FROM customer_merges WHERE undone_at IS NULL AND joined IN ")
            .list(these())
            .then(" UNION SELECT other.conversation FROM people AS one \
                 JOIN people AS other ON other.phone = one.phone WHERE one.conversation IN ")
            .list(these());
            let rows = self.db.fetch(statement).await?;
            let found = rows.iter().map(|row| row.parsed(0));
            let found: Vec<ConversationId> = found.collect::<Result<_, _>>()?;
            news = found
                .into_iter()
                .filter(|one| all.insert(one.clone()))
                .collect();
        }
        Ok(all)
    }

    /// Which conversations are one person's, where she has several: each but the first of hers, with that one.
    pub async fn persons(&self) -> Result<BTreeMap<ConversationId, ConversationId>, StoreError> {
        let statement = sql(
            "SELECT conversation, joined FROM customer_merges WHERE undone_at IS NULL \
             UNION SELECT one.conversation, other.conversation FROM people AS one \
             JOIN people AS other ON other.phone = one.phone AND other.conversation > one.conversation",
        );
        let mut up: BTreeMap<ConversationId, ConversationId> = BTreeMap::new();
        for row in self.db.fetch(statement).await? {
            let [one, other]: [ConversationId; 2] = [row.parsed(0)?, row.parsed(1)?];
            let (one, other) = (top(&up, &one), top(&up, &other));
            up.insert(one.clone().max(other.clone()), one.min(other));
        }
        Ok(up.keys().map(|one| (one.clone(), top(&up, one))).collect())
    }

    /// Makes one person of two. Both stay as they are otherwise, and [`Store::undo_merge`] takes it back.
    pub async fn merge_customers(
        &self,
        kept: &ConversationId,
        joined: &ConversationId,
        evidence: &str,
        who: &str,
        now: DateTime<Utc>,
    ) -> Result<Merged, StoreError> {
        let theirs = self.conversations_of(joined).await?;
        if theirs.contains(kept) {
            return Ok(Merged::Already);
        }
        let mut tx = self.db.begin().await?;
        tx.lock("customers").await?;
        // Each is taken to another one once, so that what hangs together has one at its head.
        let Some(head) = head_of(&mut tx, &theirs).await? else {
            return Ok(Merged::Already);
        };
        let id = Uuid::new_v4();
        let statement = sql(
            "INSERT INTO customer_merges (id, conversation, joined, evidence, who, at) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        );
        let statement = statement.bind(id).bind(kept).bind(&head);
        tx.execute(statement.bind(evidence).bind(who).bind(now))
            .await?;
        tx.commit().await?;
        Ok(Merged::Done(id))
    }

    /// Takes a merge back; the conversation that it joined, or nothing where there is no such merge.
    pub async fn undo_merge(
        &self,
        id: Uuid,
        who: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Merge>, StoreError> {
        let statement = sql("UPDATE customer_merges SET undone_at = $1, undone_by = $2 \
             WHERE id = $3 AND undone_at IS NULL");
        let undone = self
            .db
            .execute(statement.bind(now).bind(who).bind(id))
            .await?;
        if undone == 0 {
            return Ok(None);
        }
        let row = self.db.fetch_one(merges!("WHERE id = $1").bind(id)).await?;
        Ok(row.as_ref().map(merge).transpose()?)
    }

    /// The merges of these conversations, those that were undone too, the newest first.
    pub async fn merges_of(
        &self,
        conversations: &[ConversationId],
    ) -> Result<Vec<Merge>, StoreError> {
        let these = || conversations.iter().map(Value::from);
        let statement = merges!("WHERE conversation IN ")
            .list(these())
            .then(" OR joined IN ")
            .list(these())
            .then(" ORDER BY at DESC, id");
        let rows = self.db.fetch(statement).await?;
        Ok(rows.iter().map(merge).collect::<Result<_, _>>()?)
    }

    /// Persons who may be one: by a phone that was typed for a visit, or by enquiries of the same record. Those
    /// that are one already are left out; at most so many.
    pub async fn lookalikes(&self, limit: usize) -> Result<Vec<Lookalike>, StoreError> {
        let pairs = "theirs.conversation > mine.conversation";
        let statement = alike(sql(""), |statement| statement.then(pairs));
        self.apart(statement, limit).await
    }

    /// Who may be the person with these conversations, which are all of hers, likewise.
    pub async fn lookalikes_of(
        &self,
        conversations: &[ConversationId],
        limit: usize,
    ) -> Result<Vec<Lookalike>, StoreError> {
        let statement = alike(sql(""), |statement| {
            statement
                .then("mine.conversation IN ")
                .list(conversations.iter().map(Value::from))
                .then(" AND theirs.conversation NOT IN ")
                .list(conversations.iter().map(Value::from))
        });
        self.apart(statement, limit).await
    }

    /// Those of the pairs that are not one person by now.
    async fn apart(&self, mut pairs: Sql, limit: usize) -> Result<Vec<Lookalike>, StoreError> {
        let most = pairs.value(LOOKED_THROUGH);
        let pairs = pairs.then(&format!(" ORDER BY one, other, evidence LIMIT ${most}"));
        let mut found = Vec::new();
        for row in self.db.fetch(pairs).await? {
            if found.len() >= limit {
                break;
            }
            let (one, other): (ConversationId, ConversationId) = (row.parsed(0)?, row.parsed(1)?);
            if !self.conversations_of(&one).await?.contains(&other) {
                let evidence = row.get(2)?;
                found.push(Lookalike {
                    one,
                    other,
                    evidence,
                });
            }
        }
        Ok(found)
    }

    /// Conversations of customers, the newest first: one of each person, or, where a text is looked for, each
    /// that holds it.
    pub async fn customers(
        &self,
        text: &str,
        without: &[ConversationId],
        skip: u32,
        limit: u32,
    ) -> Result<Vec<ConversationId>, StoreError> {
        let nobody = std::iter::once(Value::from("-"));
        let mut statement = sql("SELECT conversation FROM people AS person \
             WHERE wrote_at IS NOT NULL AND conversation NOT IN ")
        .list(nobody.chain(without.iter().map(Value::from)));
        if text.trim().is_empty() {
            statement = statement.then(
                " AND NOT EXISTS (SELECT 1 FROM customer_merges AS taken WHERE taken.undone_at IS NULL \
                 AND taken.joined = person.conversation) AND NOT EXISTS (SELECT 1 FROM people AS other \
                 WHERE other.phone = person.phone AND (other.wrote_at > person.wrote_at \
                 OR other.wrote_at = person.wrote_at AND other.conversation < person.conversation) \
                 AND NOT EXISTS (SELECT 1 FROM customer_merges AS taken WHERE taken.undone_at IS NULL \
                 AND taken.joined = other.conversation))",
            );
        } else {
            let last = self.last_event_position().await?;
            let ways = ways_to_hold(&mut statement, text.trim(), last);
            statement = statement.then(&format!(" AND ({})", ways.join(" OR ")));
        }
        let (limit, skip) = (statement.value(limit), statement.value(skip));
        let statement = statement.then(&format!(
            " ORDER BY wrote_at DESC, conversation LIMIT ${limit} OFFSET ${skip}"
        ));
        let rows = self.db.fetch(statement).await?;
        Ok(rows
            .iter()
            .map(|row| row.parsed(0))
            .collect::<Result<_, _>>()?)
    }

    /// The visits of a person in time order: of her conversations, and with her phones.
    pub async fn visits_of(
        &self,
        conversations: &[ConversationId],
        phones: &[String],
    ) -> Result<Vec<Booking>, StoreError> {
        let nobody = || std::iter::once(Value::from("-"));
        let statement = sql("SELECT booking FROM bookings WHERE conversation IN ")
            .list(nobody().chain(conversations.iter().map(Value::from)))
            .then(" OR phone IN ")
            .list(nobody().chain(phones.iter().map(Value::from)))
            .then(" ORDER BY starts_at, id");
        let rows = self.db.fetch(statement).await?;
        Ok(rows
            .iter()
            .map(|row| row.json(0))
            .collect::<Result<_, _>>()?)
    }

    /// The enquiries of these conversations, the newest first.
    pub async fn enquiries_of(
        &self,
        conversations: &[ConversationId],
    ) -> Result<Vec<Enquiry>, StoreError> {
        let statement = sql(
            "SELECT id, conversation, opened_at, closed_at, record, due, version, state \
             FROM enquiries WHERE conversation IN ",
        )
        .list(conversations.iter().map(Value::from))
        .then(" ORDER BY opened_at DESC, id");
        let rows = self.db.fetch(statement).await?;
        Ok(rows.iter().map(read_enquiry).collect::<Result<_, _>>()?)
    }

    /// The versions of the text that a customer agreed to, and when.
    pub async fn consents_of(
        &self,
        conversation: &ConversationId,
    ) -> Result<Vec<(String, DateTime<Utc>)>, StoreError> {
        let statement = sql("SELECT version, at FROM consents WHERE conversation = $1 ORDER BY at");
        let rows = self.db.fetch(statement.bind(conversation)).await?;
        let consent = |row: &Row| -> Result<_, sqlx::Error> { Ok((row.get(0)?, row.time(1)?)) };
        Ok(rows.iter().map(consent).collect::<Result<_, _>>()?)
    }

    /// Notes that somebody of the staff looked at a conversation, once an hour.
    pub async fn note_look(
        &self,
        conversation: &ConversationId,
        staff: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let hour = now.duration_trunc(TimeDelta::hours(1)).unwrap_or(now);
        let known =
            sql("SELECT 1 FROM staff_looks WHERE conversation = $1 AND staff = $2 AND hour = $3");
        let known = known.bind(conversation).bind(staff).bind(hour);
        if self.db.fetch_one(known).await?.is_some() {
            return Ok(());
        }
        let note = sql(
            "INSERT INTO staff_looks (conversation, staff, hour) VALUES ($1, $2, $3) \
             ON CONFLICT (conversation, staff, hour) DO NOTHING",
        );
        self.db
            .execute(note.bind(conversation).bind(staff).bind(hour))
            .await?;
        Ok(())
    }

    /// Who of the staff looked at these conversations, the newest first.
    pub async fn looks_at(
        &self,
        conversations: &[ConversationId],
        limit: u32,
    ) -> Result<Vec<Look>, StoreError> {
        let mut statement =
            sql("SELECT conversation, staff, hour FROM staff_looks WHERE conversation IN ")
                .list(conversations.iter().map(Value::from));
        let limit = statement.value(limit);
        let statement = statement.then(&format!(
            " ORDER BY hour DESC, staff, conversation LIMIT ${limit}"
        ));
        let rows = self.db.fetch(statement).await?;
        let look = |row: &Row| -> Result<_, sqlx::Error> {
            Ok(Look {
                conversation: row.parsed(0)?,
                staff: row.get(1)?,
                at: row.time(2)?,
            })
        };
        Ok(rows.iter().map(look).collect::<Result<_, _>>()?)
    }

    /// When and by whom of the staff a conversation was blocked.
    pub async fn blocked(
        &self,
        conversation: &ConversationId,
    ) -> Result<Option<(DateTime<Utc>, String)>, StoreError> {
        let statement = sql("SELECT blocked_at, blocked_by FROM ownership \
             WHERE conversation = $1 AND blocked_at IS NOT NULL");
        let row = self.db.fetch_one(statement.bind(conversation)).await?;
        Ok(row
            .map(|row| Ok::<_, sqlx::Error>((row.time(0)?, row.get(1)?)))
            .transpose()?)
    }
}

/// Pairs of conversations with something in common, of those that a condition on `mine` and `theirs` names, but
/// for what was merged or has the same vouched phone.
fn alike(statement: Sql, of: impl Fn(Sql) -> Sql) -> Sql {
    let statement = statement.then(
        "WITH phones AS (SELECT conversation, phone, 0 AS known FROM bookings \
           WHERE conversation IS NOT NULL AND phone IS NOT NULL \
           UNION SELECT conversation, phone, 1 FROM people WHERE phone IS NOT NULL) \
         SELECT DISTINCT one, other, evidence FROM (\
           SELECT mine.conversation AS one, theirs.conversation AS other, 'phone' AS evidence \
           FROM phones AS mine JOIN phones AS theirs ON theirs.phone = mine.phone \
           AND mine.known + theirs.known < 2 WHERE ",
    );
    let statement = of(statement).then(
        " UNION ALL SELECT mine.conversation, theirs.conversation, 'crm' FROM enquiries AS mine \
           JOIN enquiries AS theirs ON theirs.record = mine.record WHERE ",
    );
    of(statement).then(
        ") AS pairs WHERE NOT EXISTS (SELECT 1 FROM customer_merges WHERE undone_at IS NULL \
           AND (conversation = one AND joined = other OR conversation = other AND joined = one)) \
         AND NOT EXISTS (SELECT 1 FROM people AS known JOIN people AS same \
           ON same.phone = known.phone \
           WHERE known.conversation = one AND same.conversation = other)",
    )
}

/// The first of all that a conversation hangs together with.
fn top(up: &BTreeMap<ConversationId, ConversationId>, one: &ConversationId) -> ConversationId {
    let mut at = one;
    while let Some(next) = up.get(at).filter(|next| *next != at) {
        at = next;
    }
    at.clone()
}

/// One that was not taken to another.
async fn head_of(
    tx: &mut Tx,
    conversations: &[ConversationId],
) -> Result<Option<ConversationId>, sqlx::Error> {
    let statement =
        sql("SELECT joined FROM customer_merges WHERE undone_at IS NULL AND joined IN ")
            .list(conversations.iter().map(Value::from));
    let rows = tx.fetch(statement).await?;
    let joined = rows.iter().map(|row| row.parsed(0));
    let joined: BTreeSet<ConversationId> = joined.collect::<Result<_, _>>()?;
    Ok(conversations
        .iter()
        .find(|one| !joined.contains(*one))
        .cloned())
}

fn merge(row: &Row) -> Result<Merge, sqlx::Error> {
    let undone = match row.opt_time(6)? {
        Some(at) => Some((at, row.get(7)?)),
        None => None,
    };
    Ok(Merge {
        id: row.parsed(0)?,
        conversation: row.parsed(1)?,
        joined: row.parsed(2)?,
        evidence: row.get(3)?,
        who: row.get(4)?,
        at: row.time(5)?,
        undone,
    })
}
