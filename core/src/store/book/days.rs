//! Time of resources: locked by days, looked at, taken and given back.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Busy, BusyKind, Span};
use crate::message::ConversationId;
use crate::store::db::{CHUNK, Row, Sql, Tx, Value, damaged, sql};

pub(super) const DAY: i64 = 24 * 60 * 60 * 1_000;

/// What takes the time of resources, at least one, between two moments; [`busy`] reads it.
pub(super) fn taken(
    resources: &[&str],
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Sql {
    sql(
        "SELECT id, resource, starts_at, ends_at, kind, conversation, note FROM book_spans \
         WHERE ends_at > $1 AND starts_at < $2 AND (expires_at IS NULL OR expires_at > $3) \
         AND resource IN ",
    )
    .bind(from)
    .bind(until)
    .bind(now)
    .list(resources.iter().map(|&resource| Value::from(resource)))
    .then(" ORDER BY starts_at, resource")
}

/// Who takes time: what is his own does not stand in his way.
pub(super) struct Taker<'a> {
    pub(super) booking: Option<Uuid>,
    pub(super) conversation: Option<&'a ConversationId>,
}

impl Taker<'_> {
    fn owns(&self, busy: &Busy) -> bool {
        match &busy.kind {
            BusyKind::Visit => self.booking == Some(busy.id),
            BusyKind::Hold(conversation) => self.conversation == Some(conversation),
            BusyKind::Block => false,
        }
    }
}

/// What others have of the time that somebody wants.
pub(super) struct Others(Vec<Busy>);

impl Others {
    /// Whether nobody else has any of it.
    pub(super) fn leave(&self, spans: &[Span]) -> bool {
        let meets = |span: &Span| {
            let mut of_it = self.0.iter().filter(|busy| busy.resource == span.resource);
            of_it.any(|busy| busy.from < span.until && span.from < busy.until)
        };
        !spans.iter().any(meets)
    }
}

/// Waits until nobody else takes time of these resources on these days, and keeps it so to the end
/// of the transaction; what others have of it by then.
pub(super) async fn lock(
    tx: &mut Tx,
    spans: &[Span],
    taker: &Taker<'_>,
    now: DateTime<Utc>,
) -> Result<Others, sqlx::Error> {
    let mut days = BTreeSet::new();
    for span in spans {
        let day = |at: DateTime<Utc>| at.timestamp_millis().div_euclid(DAY);
        let resource = span.resource.as_str();
        days.extend((day(span.from)..=day(span.until)).map(|day| (resource, day)));
    }
    // In one order, so that nobody waits for somebody who waits for him.
    let days: Vec<_> = days.into_iter().collect();
    for chunk in days.chunks(CHUNK) {
        let rows = chunk.iter().map(|(resource, day)| {
            [
                Value::from(*resource),
                Value::from(*day),
                Value::from(1_i64),
            ]
        });
        let statement = sql("INSERT INTO book_days (resource, day, version) VALUES ")
            .rows(rows)
            .then(" ON CONFLICT (resource, day) DO UPDATE SET version = book_days.version + 1");
        tx.execute(statement).await?;
    }
    let resources: BTreeSet<&str> = days.iter().map(|(resource, _)| *resource).collect();
    let resources: Vec<&str> = resources.into_iter().collect();
    let from = spans.iter().map(|span| span.from).min();
    let until = spans.iter().map(|span| span.until).max();
    let (Some(from), Some(until)) = (from, until) else {
        return Ok(Others(Vec::new()));
    };
    let mut others = Vec::new();
    for row in tx.fetch(taken(&resources, from, until, now)).await? {
        let busy = busy(&row)?;
        if !taker.owns(&busy) {
            others.push(busy);
        }
    }
    Ok(Others(others))
}

/// Reads what [`taken`] found.
pub(super) fn busy(row: &Row) -> Result<Busy, sqlx::Error> {
    let kind = match row.get::<String>(4)?.as_str() {
        "visit" => BusyKind::Visit,
        "hold" => BusyKind::Hold(row.parsed(5)?),
        "block" => BusyKind::Block,
        _ => return Err(damaged()),
    };
    Ok(Busy {
        id: row.parsed(0)?,
        resource: row.get(1)?,
        from: row.time(2)?,
        until: row.time(3)?,
        kind,
        note: row.get(6)?,
    })
}

/// What takes time, and for how long when it is a hold.
pub(super) enum Taking<'a> {
    Visit,
    Hold(&'a ConversationId, DateTime<Utc>),
    Block(&'a str),
}

/// Takes time that was found free.
pub(super) async fn take(
    tx: &mut Tx,
    id: Uuid,
    spans: &[Span],
    taking: &Taking<'_>,
) -> Result<(), sqlx::Error> {
    let (kind, conversation, expires_at, note) = match taking {
        Taking::Visit => ("visit", None, None, None),
        Taking::Hold(conversation, until) => {
            ("hold", Some(conversation.as_str()), Some(*until), None)
        }
        Taking::Block(note) => ("block", None, None, Some(*note)),
    };
    for chunk in spans.chunks(CHUNK) {
        let rows = chunk.iter().map(|span| {
            [
                id.into(),
                (&span.resource).into(),
                span.from.into(),
                span.until.into(),
                kind.into(),
                conversation.into(),
                expires_at.into(),
                note.into(),
            ]
        });
        let statement = sql("INSERT INTO book_spans \
             (id, resource, starts_at, ends_at, kind, conversation, expires_at, note) VALUES ")
        .rows(rows);
        tx.execute(statement).await?;
    }
    Ok(())
}

/// Gives time back; how many spans there were.
pub(super) async fn give_back(tx: &mut Tx, ids: &[Uuid]) -> Result<u64, sqlx::Error> {
    let mut spans = 0;
    for chunk in ids.chunks(CHUNK) {
        let statement = sql("DELETE FROM book_spans WHERE id IN ")
            .list(chunk.iter().map(|id| Value::from(*id)));
        spans += tx.execute(statement).await?;
    }
    Ok(spans)
}
