//! Who may speak. Changes and claims of one conversation lock the same row, so that each claim
//! sees every change that was committed before it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::db::{CHUNK, Db, Row, Tx, Value, sql};
use super::open::is_conflict;
use super::questions::Found;
use super::{NewOwner, Ownership, OwnershipChange, Store, StoreError};
use crate::message::ConversationId;

/// How often a change is tried that others ran into.
const TRIES: usize = 5;

impl Ownership {
    /// Before anything happened.
    fn first() -> Self {
        Self {
            staff: None,
            until: None,
            epoch: 0,
            blocked: false,
        }
    }

    /// As it holds at a time: a person's time that is over counts as the bot's.
    pub(super) fn at(self, now: DateTime<Utc>) -> Self {
        if self.staff.is_some() && self.until.is_some_and(|until| until <= now) {
            return Self {
                staff: None,
                until: None,
                ..self
            };
        }
        self
    }

    /// After a change. A person who writes again keeps the conversation longer in the same epoch.
    fn after(self, change: &OwnershipChange) -> Self {
        let current = self.at(change.at);
        let epoch = current.epoch + 1;
        match &change.to {
            NewOwner::StaffIfFree { who, .. }
                if current.staff.as_ref().is_some_and(|other| other != who) =>
            {
                current
            }
            NewOwner::Staff { who, until } | NewOwner::StaffIfFree { who, until }
                if current.staff.as_ref() == Some(who) =>
            {
                Self {
                    until: current.until.map(|current| current.max(*until)),
                    ..current
                }
            }
            NewOwner::Staff { who, until } | NewOwner::StaffIfFree { who, until } => Self {
                staff: Some(who.clone()),
                until: Some(*until),
                epoch,
                ..current
            },
            NewOwner::Bot if current.staff.is_none() => current,
            NewOwner::Bot => Self {
                staff: None,
                until: None,
                epoch,
                ..current
            },
            NewOwner::Blocked { .. } | NewOwner::Unblocked => {
                let blocked = matches!(change.to, NewOwner::Blocked { .. });
                let changes = blocked != current.blocked;
                Self {
                    epoch: if changes { epoch } else { current.epoch },
                    blocked,
                    ..current
                }
            }
            NewOwner::Same => Self { epoch, ..current },
        }
    }
}

impl Store {
    /// Who may speak now. A person's time that is over counts as the bot's.
    pub async fn ownership(
        &self,
        conversation: &ConversationId,
        now: DateTime<Utc>,
    ) -> Result<Ownership, StoreError> {
        let owner = self.owners.of(conversation.as_str()).await?;
        Ok(owner.unwrap_or_else(Ownership::first).at(now))
    }

    /// Changes who may speak, once per cause; a repeat changes nothing. Returns what holds
    /// afterwards, seen from the time of the change. Once it returned, no claim of a reply that was
    /// made before it succeeds.
    pub async fn change_ownership(
        &self,
        conversation: &ConversationId,
        change: &OwnershipChange,
    ) -> Result<Ownership, StoreError> {
        let mut tries = 1;
        loop {
            match self.try_change(conversation, change).await {
                Err(error) if tries < TRIES && is_conflict(&error) => tries += 1,
                done => return Ok(done?),
            }
        }
    }

    async fn try_change(
        &self,
        conversation: &ConversationId,
        change: &OwnershipChange,
    ) -> Result<Ownership, sqlx::Error> {
        let mut tx = self.db.begin().await?;
        let mut locked = lock(&mut tx, &[conversation]).await?;
        let current = locked.remove(conversation).unwrap_or_else(Ownership::first);

        let once = sql(
            "INSERT INTO ownership_causes (conversation, cause, at) VALUES ($1, $2, $3) \
             ON CONFLICT (conversation, cause) DO NOTHING",
        );
        let once = once.bind(conversation).bind(&change.cause).bind(change.at);
        if tx.execute(once).await? == 0 {
            // Whoever hears that it was done before can rely on it: it is on the disk.
            tx.commit().await?;
            return Ok(current.at(change.at));
        }

        let (epoch_before, current_blocked) = (current.epoch, current.blocked);
        let new = current.after(change);
        let statement = sql("INSERT INTO ownership (conversation, staff, until, epoch) \
             VALUES ($1, $2, $3, $4) ON CONFLICT (conversation) DO UPDATE \
             SET staff = excluded.staff, until = excluded.until, epoch = excluded.epoch");
        let statement = statement
            .bind(conversation)
            .bind(new.staff.as_deref())
            .bind(new.until)
            .bind(new.epoch);
        tx.execute(statement).await?;
        if new.blocked != current_blocked {
            let by = match &change.to {
                NewOwner::Blocked { who } => Some(who.as_str()),
                _ => None,
            };
            let statement = sql("UPDATE ownership SET blocked_at = $1, blocked_by = $2 \
                 WHERE conversation = $3");
            let at = by.map(|_| change.at);
            tx.execute(statement.bind(at).bind(by).bind(conversation))
                .await?;
        }
        tx.commit().await?;
        if new.epoch != epoch_before {
            metrics::counter!("zapis_ownership_changes_total", "to" => change.to.name())
                .increment(1);
        }
        Ok(new.at(change.at))
    }
}

/// Who may speak in these conversations, those where something happened.
pub(super) fn look_up(db: Db, conversations: Vec<String>) -> Found<Ownership> {
    Box::pin(async move {
        let statement = sql(
            "SELECT conversation, staff, until, epoch, blocked_at FROM ownership \
             WHERE conversation IN ",
        )
        .list(conversations.iter().map(Value::from));
        let rows = db.fetch_few(statement).await?;
        let found = rows.iter().map(|row| Ok((row.get(0)?, read(row, 1)?)));
        found.collect()
    })
}

/// Reads who may speak in these conversations and keeps changes out until the transaction ends.
/// What has no row on SQLite is missing in the answer: the bot, epoch 0.
pub(super) async fn lock(
    tx: &mut Tx,
    conversations: &[&ConversationId],
) -> Result<HashMap<ConversationId, Ownership>, sqlx::Error> {
    let mut found = select(tx, conversations).await?;
    let missing: Vec<_> = conversations
        .iter()
        .copied()
        .filter(|conversation| !found.contains_key(*conversation))
        .collect();
    if tx.is_shared() && !missing.is_empty() {
        // There must be a row to lock.
        for chunk in missing.chunks(CHUNK) {
            let rows = chunk
                .iter()
                .map(|&conversation| [conversation.into(), 0_i64.into()]);
            let statement = sql("INSERT INTO ownership (conversation, epoch) VALUES ")
                .rows(rows)
                .then(" ON CONFLICT (conversation) DO NOTHING");
            tx.execute(statement).await?;
        }
        found.extend(select(tx, &missing).await?);
    }
    Ok(found)
}

async fn select(
    tx: &mut Tx,
    conversations: &[&ConversationId],
) -> Result<HashMap<ConversationId, Ownership>, sqlx::Error> {
    let mut found = HashMap::new();
    for chunk in conversations.chunks(CHUNK) {
        let statement =
            sql("SELECT conversation, staff, until, epoch, blocked_at FROM ownership WHERE conversation IN ")
                .list(chunk.iter().map(|&conversation| Value::from(conversation)))
                .then(" ORDER BY conversation")
                .for_update();
        for row in tx.fetch(statement).await? {
            found.insert(row.parsed(0)?, read(&row, 1)?);
        }
    }
    Ok(found)
}

fn read(row: &Row, first: usize) -> Result<Ownership, sqlx::Error> {
    Ok(Ownership {
        staff: row.get(first)?,
        until: row.opt_time(first + 1)?,
        epoch: row.get(first + 2)?,
        blocked: row.get::<Option<i64>>(first + 3)?.is_some(),
    })
}
