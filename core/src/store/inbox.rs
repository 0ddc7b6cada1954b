//! Chats as the staff sees them: who waits for a person, who has whom, what was said last.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::db::{CHUNK, Row, Sql, Value, sql};
use super::{Proposal, Store, StoreError};
use crate::event::Event;
use crate::message::ConversationId;

/// A chat.
#[derive(Clone, PartialEq, Eq)]
pub struct Chat {
    /// Which.
    pub conversation: ConversationId,
    /// The customer's name, as the messenger shows it.
    pub name: Option<String>,
    /// The public name in the messenger.
    pub username: Option<String>,
    /// E.164, where it is known.
    pub phone: Option<String>,
    /// When the customer last wrote.
    pub wrote_at: Option<DateTime<Utc>>,
    /// Whether the customer has blocked the bot.
    pub blocked: bool,
    /// Who of the firm has it; otherwise the bot.
    pub staff: Option<String>,
    /// Since when a person is waited for.
    pub waiting_since: Option<DateTime<Utc>>,
    /// Why, where a person was called.
    pub reason: Option<String>,
    /// Who of the staff is to look after it.
    pub assigned: Option<Uuid>,
    /// Until when nobody wants to see it.
    pub snoozed_until: Option<DateTime<Utc>>,
    /// Whether the staff has blocked the customer.
    pub is_shut: bool,
}

impl fmt::Debug for Chat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chat({:?})", self.conversation)
    }
}

/// Something that the staff says often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CannedReply {
    /// Which.
    pub id: Uuid,
    /// What it is found by.
    pub title: String,
    /// The words, `{name}` standing for the customer's name.
    pub text: String,
}

/// Which chats are looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChatFilter {
    /// Only those that wait for a person.
    pub waiting: bool,
    /// Only those that a person has.
    pub taken: bool,
    /// Only those that the staff has blocked.
    pub shut: bool,
    /// Only those that are for this person to look after.
    pub assigned: Option<Uuid>,
    /// Only those whose name, phone or words hold this.
    pub text: String,
    /// Those of the staff's own groups, which are no chats with customers.
    pub without: Vec<ConversationId>,
    /// How many are passed over.
    pub skip: u32,
    /// How many at most.
    pub limit: u32,
}

/// How many of the newest journal lines are searched for words.
const SEARCHED: i64 = 50_000;

macro_rules! chats {
    () => {
        "SELECT conversation, name, username, phone, wrote_at, blocked, staff, waiting_since, \
         reason, assigned, snoozed_until, shut FROM (SELECT person.conversation, person.name, \
         person.username, person.phone, person.wrote_at, \
         owner.blocked_at AS shut, \
         coalesce(person.blocked, 0) AS blocked, CASE WHEN owner.until IS NULL OR owner.until > $1 \
         THEN owner.staff END AS staff, CASE WHEN owner.blocked_at IS NULL THEN coalesce(called.at, \
         CASE WHEN owner.staff IS NOT NULL AND (owner.until IS NULL OR owner.until > $1) AND person.wrote_at > coalesce((SELECT max(timestamp) \
         FROM events WHERE conversation = person.conversation AND kind = 'takeover'), 0) \
         THEN person.wrote_at END) END AS waiting_since, called.reason, mark.assigned, \
         CASE WHEN mark.snoozed_until > $1 AND coalesce(person.wrote_at, 0) <= mark.snoozed_at \
         THEN mark.snoozed_until END AS snoozed_until FROM people AS person \
         LEFT JOIN ownership AS owner ON owner.conversation = person.conversation \
         LEFT JOIN escalations AS called ON called.conversation = person.conversation \
         AND called.closed_at IS NULL \
         LEFT JOIN chat_marks AS mark ON mark.conversation = person.conversation"
    };
}

/// Chats in which a person may be waited for: few, whatever the number of all.
macro_rules! attended {
    () => {
        " AND person.conversation IN (SELECT conversation FROM escalations WHERE closed_at IS NULL \
         UNION SELECT conversation FROM ownership WHERE staff IS NOT NULL)"
    };
}

/// Of those, the ones that wait.
const WAITING: &str = concat!(
    chats!(),
    " WHERE person.wrote_at IS NOT NULL",
    attended!(),
    ") AS chat WHERE snoozed_until IS NULL AND waiting_since IS NOT NULL"
);

/// Those that a person has, and that do not wait.
const TAKEN: &str = concat!(
    chats!(),
    " WHERE person.wrote_at IS NOT NULL",
    attended!(),
    ") AS chat WHERE snoozed_until IS NULL AND waiting_since IS NULL"
);

/// All that do not wait, by the time when their customers last wrote.
const CALM: &str = concat!(
    chats!(),
    " WHERE person.wrote_at IS NOT NULL) AS chat WHERE snoozed_until IS NULL AND waiting_since IS NULL"
);

/// Those that the staff has blocked.
const SHUT: &str = concat!(
    chats!(),
    " WHERE person.wrote_at IS NOT NULL AND person.conversation IN \
     (SELECT conversation FROM ownership WHERE blocked_at IS NOT NULL)) AS chat WHERE shut IS NOT NULL"
);

impl Store {
    /// Chats, those that have waited longest for a person first, then the newest.
    pub async fn chats(
        &self,
        filter: &ChatFilter,
        now: DateTime<Utc>,
    ) -> Result<Vec<Chat>, StoreError> {
        let end = filter.skip.saturating_add(filter.limit);
        let newest = " ORDER BY wrote_at DESC, conversation";
        if filter.shut {
            return self.page(SHUT, filter, now, newest, filter.skip..end).await;
        }
        let first = " ORDER BY waiting_since, conversation";
        let waiting = self.page(WAITING, filter, now, first, 0..end).await?;
        let found = u32::try_from(waiting.len()).unwrap_or(u32::MAX);
        let mut chats: Vec<Chat> = waiting.into_iter().skip(filter.skip as usize).collect();
        // Where the page is not full, those that wait are all told.
        if found < end && !filter.waiting {
            let all = if filter.taken { TAKEN } else { CALM };
            let rest = filter.skip.saturating_sub(found)..end - found;
            chats.extend(self.page(all, filter, now, newest, rest).await?);
        }
        Ok(chats)
    }

    async fn page(
        &self,
        of: &'static str,
        filter: &ChatFilter,
        now: DateTime<Utc>,
        order: &str,
        places: Range<u32>,
    ) -> Result<Vec<Chat>, StoreError> {
        let mut statement = without(sql(of).bind(now), &filter.without);
        if filter.taken {
            statement = statement.then(" AND staff IS NOT NULL");
        }
        if let Some(person) = filter.assigned {
            let place = statement.value(person);
            statement = statement.then(&format!(" AND assigned = ${place}"));
        }
        if !filter.text.trim().is_empty() {
            let last = self.last_event_position().await?;
            let ways = ways_to_hold(&mut statement, filter.text.trim(), last);
            statement = statement.then(&format!(" AND ({})", ways.join(" OR ")));
        }
        let count = places.end - places.start;
        let (limit, skip) = (statement.value(count), statement.value(places.start));
        let statement = statement.then(&format!("{order} LIMIT ${limit} OFFSET ${skip}"));
        let rows = self.db.fetch(statement).await?;
        Ok(rows.iter().map(chat).collect::<Result<_, _>>()?)
    }

    /// How many chats wait for a person, those of the staff's own groups left out.
    pub async fn waiting_chats(
        &self,
        desks: &[ConversationId],
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let waiting = without(sql(WAITING).bind(now), desks);
        let (text, _) = waiting.parts();
        let text = format!("SELECT count(*) FROM ({text}) AS waiting");
        let row = self.db.fetch_one(waiting.instead(text)).await?;
        Ok(row.map_or(Ok(0), |row| row.count(0))?)
    }

    /// One chat; nothing where nobody ever wrote.
    pub async fn chat(
        &self,
        conversation: &ConversationId,
        now: DateTime<Utc>,
    ) -> Result<Option<Chat>, StoreError> {
        let statement = sql(concat!(
            chats!(),
            " WHERE person.conversation = $2) AS chat"
        ));
        let row = self.db.fetch_one(statement.bind(now).bind(conversation));
        Ok(row.await?.as_ref().map(chat).transpose()?)
    }

    /// The last thing that was said in each of these chats, as the journal has it.
    pub async fn last_said(
        &self,
        conversations: &[ConversationId],
    ) -> Result<HashMap<ConversationId, Event>, StoreError> {
        let mut last = HashMap::new();
        for chunk in conversations.chunks(CHUNK) {
            let statement = sql("SELECT conversation, event FROM events WHERE position IN \
                 (SELECT max(position) FROM events \
                 WHERE kind IN ('inbound', 'turn', 'takeover') AND conversation IN ")
            .list(chunk.iter().map(Value::from))
            .then(" GROUP BY conversation)");
            for row in self.db.fetch(statement).await? {
                last.insert(row.parsed(0)?, row.json(1)?);
            }
        }
        Ok(last)
    }

    /// Says who is to look after a chat, or nobody.
    pub async fn assign_chat(
        &self,
        conversation: &ConversationId,
        to: Option<Uuid>,
    ) -> Result<(), StoreError> {
        let statement = sql(
            "INSERT INTO chat_marks (conversation, assigned) VALUES ($1, $2) \
             ON CONFLICT (conversation) DO UPDATE SET assigned = excluded.assigned",
        );
        let to = to.map(|id| id.to_string());
        self.db
            .execute(statement.bind(conversation).bind(to.as_deref()))
            .await?;
        Ok(())
    }

    /// Puts a chat aside until then, or until the customer writes; or back.
    pub async fn snooze_chat(
        &self,
        conversation: &ConversationId,
        until: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let statement = sql(
            "INSERT INTO chat_marks (conversation, snoozed_until, snoozed_at) VALUES ($1, $2, $3) \
             ON CONFLICT (conversation) DO UPDATE SET snoozed_until = excluded.snoozed_until, \
             snoozed_at = excluded.snoozed_at",
        );
        let statement = statement.bind(conversation).bind(until).bind(now);
        self.db.execute(statement).await?;
        Ok(())
    }

    /// What the staff says often, by title.
    pub async fn canned_replies(&self) -> Result<Vec<CannedReply>, StoreError> {
        let statement = sql("SELECT id, title, text FROM canned_replies ORDER BY title, id");
        let rows = self.db.fetch(statement).await?;
        let read = |row: &Row| -> Result<_, sqlx::Error> {
            Ok(CannedReply {
                id: row.parsed(0)?,
                title: row.get(1)?,
                text: row.get(2)?,
            })
        };
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// Keeps something that the staff says often, in place of what had the id before.
    pub async fn put_canned_reply(&self, reply: &CannedReply) -> Result<(), StoreError> {
        let statement = sql(
            "INSERT INTO canned_replies (id, title, text) VALUES ($1, $2, $3) \
             ON CONFLICT (id) DO UPDATE SET title = excluded.title, text = excluded.text",
        );
        let statement = statement
            .bind(reply.id)
            .bind(&reply.title)
            .bind(&reply.text);
        self.db.execute(statement).await?;
        Ok(())
    }

    /// Forgets something that the staff said often.
    pub async fn drop_canned_reply(&self, id: Uuid) -> Result<(), StoreError> {
        let statement = sql("DELETE FROM canned_replies WHERE id = $1");
        self.db.execute(statement.bind(id)).await?;
        Ok(())
    }

    /// Replies that wait for approval, the oldest first.
    pub async fn open_drafts(&self, limit: u32) -> Result<Vec<Proposal>, StoreError> {
        let statement = sql("SELECT card, text, state, who, at, due FROM drafts \
             WHERE state = 'proposed' AND card IS NOT NULL ORDER BY at, id LIMIT $1");
        let rows = self.db.fetch(statement.bind(limit)).await?;
        Ok(rows
            .iter()
            .map(super::drafts::proposal)
            .collect::<Result<_, _>>()?)
    }
}

fn without(statement: Sql, desks: &[ConversationId]) -> Sql {
    if desks.is_empty() {
        return statement;
    }
    let ids = desks.iter().map(Value::from);
    statement.then(" AND conversation NOT IN ").list(ids)
}

/// The ways in which a chat may hold a text: as a name, as a part of the phone, in what was said.
pub(super) fn ways_to_hold(statement: &mut Sql, text: &str, last: i64) -> Vec<String> {
    let mut ways = ways_to_be_named(statement, text);
    let from = statement.value(last - SEARCHED);
    let said = spellings(text).into_iter().map(|spelling| {
        let written = serde_json::to_string(&spelling).unwrap_or_default();
        let place = statement.value(anywhere(written.trim_matches('"')));
        format!("event LIKE ${place} ESCAPE '\\'")
    });
    let said = said.collect::<Vec<_>>().join(" OR ");
    ways.push(format!(
        "conversation IN (SELECT conversation FROM events WHERE position > ${from} \
         AND kind IN ('inbound', 'turn', 'takeover') AND ({said}))"
    ));
    ways
}

/// The ways in which a person may go by a text: as a name, as a part of the phone or id.
pub(super) fn ways_to_be_named(statement: &mut Sql, text: &str) -> Vec<String> {
    let mut ways = Vec::new();
    for spelling in spellings(text) {
        let place = statement.value(anywhere(&spelling));
        ways.push(format!("name LIKE ${place} ESCAPE '\\'"));
        ways.push(format!("username LIKE ${place} ESCAPE '\\'"));
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if digits.len() >= 4 {
        // «8 921 …» and «+7 921 …» are one number.
        let national = digits.strip_prefix(['7', '8']);
        let national = national.filter(|rest| rest.len() == 10);
        let place = statement.value(anywhere(national.unwrap_or(&digits)));
        ways.push(format!("phone LIKE ${place} ESCAPE '\\'"));
        ways.push(format!("conversation LIKE ${place} ESCAPE '\\'"));
    }
    ways
}

/// A text as people write it: neither database folds Cyrillic letters as the other does.
pub(super) fn spellings(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let mut first = lower.chars();
    let capital = first
        .next()
        .map(|letter| letter.to_uppercase().to_string() + first.as_str());
    let mut spellings = vec![text.to_owned(), text.to_uppercase(), lower.clone()];
    spellings.extend(capital);
    spellings.sort();
    spellings.dedup();
    spellings
}

/// A pattern of what holds this text.
pub(super) fn anywhere(text: &str) -> String {
    let literal = text.replace('\\', "\\\\").replace('%', "\\%");
    format!("%{}%", literal.replace('_', "\\_"))
}

fn chat(row: &Row) -> Result<Chat, sqlx::Error> {
    let assigned: Option<String> = row.get(9)?;
    Ok(Chat {
        conversation: row.parsed(0)?,
        name: row.get(1)?,
        username: row.get(2)?,
        phone: row.get(3)?,
        wrote_at: row.opt_time(4)?,
        blocked: row.flag(5)?,
        staff: row.get(6)?,
        waiting_since: row.opt_time(7)?,
        reason: row.get(8)?,
        assigned: assigned.and_then(|id| id.parse().ok()),
        snoozed_until: row.opt_time(10)?,
        is_shut: row.opt_time(11)?.is_some(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How SQLite goes about a list.
    async fn plan(of: &'static str, order: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("z.db");
        let store = Store::open(&format!("sqlite:{}", file.display())).await;
        let text = format!("EXPLAIN QUERY PLAN {of}{order} LIMIT 40");
        let explain = sql("").then(&text).bind(DateTime::UNIX_EPOCH);
        let rows = store.unwrap().db.fetch(explain).await.unwrap();
        let steps = rows.iter().map(|row| row.get::<String>(3).unwrap());
        steps.collect::<Vec<_>>().join("; ")
    }

    #[tokio::test]
    async fn a_page_of_the_list_reads_as_many_chats_as_it_shows() {
        let calm = plan(CALM, " ORDER BY wrote_at DESC, conversation").await;
        assert!(calm.contains("person USING INDEX people_by_time"), "{calm}");
        assert!(!calm.contains("FOR ORDER BY"), "{calm}");
        let waiting = plan(WAITING, " ORDER BY waiting_since, conversation").await;
        assert!(
            waiting.contains("ownership USING INDEX ownership_by_person"),
            "{waiting}"
        );
        assert!(!waiting.contains("SCAN person"), "{waiting}");
    }
}
