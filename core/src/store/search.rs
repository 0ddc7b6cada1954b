//! The journal searched: by person, place, time and kind, and by words.
//!
//! No index knows the words, and none is worth a slower write: what is looked through at once is bounded, and whoever
//! asks is told where to go on.

use std::ops::Range;

use chrono::{DateTime, Utc};

use super::db::{Row, Sql, Value, sql};
use super::inbox::{anywhere, spellings, ways_to_be_named};
use super::{Store, StoreError};
use crate::event::{Event, Kind};
use crate::message::ConversationId;

/// So many positions are looked through at once where no conversation is named.
const LOOKED_THROUGH: i64 = 50_000;
/// Among so many of the last events before a time, one was written last.
const LATEST: u32 = 1_000;
/// So many conversations can go by one name.
const NAMESAKES: u32 = 50;

/// What is looked for in the journal; what is empty does not matter.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sought {
    /// Only in these conversations.
    pub conversations: Option<Vec<ConversationId>>,
    /// `telegram`, `whatsapp`, …
    pub channel: String,
    /// Not before this moment.
    pub from: Option<DateTime<Utc>>,
    /// Before this moment.
    pub until: Option<DateTime<Utc>>,
    /// Events of this kind.
    pub kind: Option<Kind>,
    /// An intent.
    pub intent: String,
    /// What was done, or how it ended.
    pub did: String,
    /// A person of the firm.
    pub staff: String,
    /// What was written, or why.
    pub words: String,
    /// Only before this position: where the page before ended.
    pub before: Option<i64>,
    /// How many at most.
    pub limit: usize,
}

/// A page of what was found.
#[derive(Debug, Default, PartialEq)]
pub struct Findings {
    /// Events with their positions, the newest first.
    pub events: Vec<(i64, Event)>,
    /// Older ones are looked for before this position; nothing where all was looked through.
    pub next: Option<i64>,
}

impl Sought {
    /// Whether an event is meant. The database finds what looks like it, this what is.
    fn is(&self, event: &Event) -> bool {
        let same = |wanted: &str, is: &Option<String>| is.as_deref() == Some(wanted);
        let holds = |text: &Option<String>| {
            let text = text.as_deref().unwrap_or_default().to_lowercase();
            text.contains(&self.words.to_lowercase())
        };
        let asked = |wanted: &str, fine: bool| wanted.is_empty() || fine;
        asked(&self.channel, same(&self.channel, &event.channel))
            && asked(&self.intent, same(&self.intent, &event.intent))
            && asked(&self.staff, same(&self.staff, &event.staff_id))
            && asked(
                &self.did,
                same(&self.did, &event.action) || same(&self.did, &event.outcome),
            )
            && asked(
                &self.words,
                [&event.customer_text, &event.bot_response, &event.reason]
                    .into_iter()
                    .any(holds),
            )
    }

    /// The statement that finds what looks like it between two positions, both left out.
    fn statement(&self, between: &Range<i64>) -> Sql {
        // With a conversation the index of conversations serves, otherwise that of positions does, and the time
        // is told in a form that none does.
        let mut statement = match &self.conversations {
            Some(conversations) => sql("SELECT position, event FROM events WHERE conversation IN ")
                .list(conversations.iter().map(Value::from))
                .then(" AND position + 0 > "),
            None => sql("SELECT position, event FROM events WHERE position > "),
        };
        let places = (statement.value(between.start), statement.value(between.end));
        statement = statement.then(&match self.conversations {
            Some(_) => format!("${} AND position + 0 < ${}", places.0, places.1),
            None => format!("${} AND position < ${}", places.0, places.1),
        });
        for (sign, at) in [(">=", self.from), ("<", self.until)] {
            if let Some(at) = at {
                let place = statement.value(at);
                statement = statement.then(&format!(" AND timestamp + 0 {sign} ${place}"));
            }
        }
        if let Some(kind) = self.kind {
            let place = statement.value(kind.name());
            statement = statement.then(&format!(" AND kind = ${place}"));
        }
        let field = |name: &str, value: &str| format!("\"{name}\":{}", written(value));
        let one_of = |names: &[&str], value: &str| {
            let fields = names.iter().map(|name| field(name, value));
            if value.is_empty() {
                Vec::new()
            } else {
                fields.collect()
            }
        };
        for texts in [
            one_of(&["channel"], &self.channel),
            one_of(&["intent"], &self.intent),
            one_of(&["staff_id"], &self.staff),
            one_of(&["action", "outcome"], &self.did),
            said(&self.words),
        ] {
            if texts.is_empty() {
                continue;
            }
            let ways = texts.iter().map(|text| {
                let place = statement.value(anywhere(text));
                format!("event LIKE ${place} ESCAPE '\\'")
            });
            let ways = ways.collect::<Vec<_>>().join(" OR ");
            statement = statement.then(&format!(" AND ({ways})"));
        }
        let place = statement.value(i64::try_from(self.limit).unwrap_or(i64::MAX));
        statement.then(&format!(" ORDER BY position DESC LIMIT ${place}"))
    }
}

/// A text as JSON has it.
fn written(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// Words in every spelling, as JSON has them between other words.
fn said(words: &str) -> Vec<String> {
    if words.is_empty() {
        return Vec::new();
    }
    let spelt = spellings(words).into_iter();
    spelt
        .map(|words| written(&words).trim_matches('"').to_owned())
        .collect()
}

impl Store {
    /// What the journal has of it, the newest first. Where no conversation is named, at most 50,000 positions are
    /// looked through, and [`Findings::next`] tells where to go on.
    pub async fn search(&self, sought: &Sought) -> Result<Findings, StoreError> {
        let bottom = match sought.from {
            Some(from) => self.position_before(from).await?,
            None => 0,
        };
        let mut top = match sought.before {
            Some(before) => before,
            None => self.last_event_position().await? + 1,
        };
        if let Some(until) = sought.until {
            top = top.min(self.position_from(until).await?);
        }
        let floor = match &sought.conversations {
            Some(conversations) if conversations.is_empty() => return Ok(Findings::default()),
            Some(_) => bottom,
            None => bottom.max(top - LOOKED_THROUGH),
        };
        let mut found = Findings::default();
        while found.events.len() < sought.limit && floor + 1 < top {
            let rows = self.db.fetch(sought.statement(&(floor..top))).await?;
            let read = |row: &Row| Ok::<_, sqlx::Error>((row.get(0)?, row.json(1)?));
            let rows: Vec<(i64, Event)> = rows.iter().map(read).collect::<Result<_, _>>()?;
            let is_all = rows.len() < sought.limit;
            for (position, event) in rows {
                if found.events.len() == sought.limit {
                    break;
                }
                top = position;
                if sought.is(&event) {
                    found.events.push((position, event));
                }
            }
            if is_all && found.events.len() < sought.limit {
                top = top.min(floor + 1);
            }
        }
        found.next = (bottom + 1 < top).then_some(top);
        Ok(found)
    }

    /// A position after the events that happened before a moment.
    async fn position_from(&self, until: DateTime<Utc>) -> Result<i64, StoreError> {
        let row = self.db.fetch_one(last_of(until)).await?;
        Ok(row
            .map_or(Ok(None), |row| row.get::<Option<i64>>(0))?
            .unwrap_or(0)
            + 1)
    }

    /// Conversations of customers who go by a name, a public name or a phone, the newest first: 50 at most.
    pub async fn conversations_named(&self, text: &str) -> Result<Vec<ConversationId>, StoreError> {
        let mut statement = sql("SELECT conversation FROM people WHERE ");
        let ways = ways_to_be_named(&mut statement, text.trim()).join(" OR ");
        let place = statement.value(NAMESAKES);
        let statement = statement.then(&format!(
            "({ways}) ORDER BY wrote_at DESC, conversation LIMIT ${place}"
        ));
        let rows = self.db.fetch(statement).await?;
        let parsed = rows.iter().map(|row| row.parsed(0));
        Ok(parsed.collect::<Result<_, _>>()?)
    }

    /// Events of a conversation around a position, oldest first: so many up to it, and so many after it.
    pub async fn events_around(
        &self,
        conversation: &ConversationId,
        position: i64,
        each: u32,
    ) -> Result<Vec<(i64, Event)>, StoreError> {
        let upto = sql(
            "SELECT position, event FROM events WHERE conversation = $1 \
             AND position <= $2 ORDER BY position DESC LIMIT $3",
        );
        let after = sql(
            "SELECT position, event FROM events WHERE conversation = $1 \
             AND position > $2 ORDER BY position LIMIT $3",
        );
        let bound = |statement: Sql| statement.bind(conversation).bind(position).bind(each);
        let upto = self.db.fetch(bound(upto)).await?;
        let after = self.db.fetch(bound(after)).await?;
        let rows = upto.iter().rev().chain(&after);
        let read = |row: &Row| Ok::<_, sqlx::Error>((row.get(0)?, row.json(1)?));
        Ok(rows.map(read).collect::<Result<_, _>>()?)
    }
}

fn last_of(until: DateTime<Utc>) -> Sql {
    sql("SELECT max(position) FROM (SELECT position FROM events \
         WHERE timestamp < $1 ORDER BY timestamp DESC LIMIT $2) AS last")
    .bind(until)
    .bind(LATEST)
}

#[cfg(test)]
mod tests {
    use super::super::journal::tests::plan;
    use super::*;

    #[tokio::test]
    async fn a_page_reads_a_bounded_span_or_one_conversation() {
        let anywhere = Sought {
            from: Some(DateTime::default()),
            kind: Some(Kind::Turn),
            words: "скидка".to_owned(),
            limit: 50,
            ..Sought::default()
        };
        assert_eq!(
            plan(anywhere.statement(&(7..100))).await,
            "SEARCH events USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"
        );
        let hers = Sought {
            conversations: Some(vec!["telegram:main:1".parse().unwrap()]),
            ..anywhere
        };
        let plan_of_hers = plan(hers.statement(&(7..100))).await;
        assert!(
            plan_of_hers.contains("USING INDEX events_by_conversation (conversation=?"),
            "{plan_of_hers}"
        );
        let until = plan(last_of(DateTime::default())).await;
        assert!(
            until.contains("USING COVERING INDEX events_by_time (timestamp<?)"),
            "{until}"
        );
    }
}
