//! Time of resources: locked by days, looked at, taken and given back.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Busy, BusyKind, Span};
use crate::message::ConversationId;
use crate::store::db::{CHUNK, Row, Tx, Value, damaged, sql};

const DAY: i64 = 24 * 60 * 60 * 1_000;

/// Begins every statement that [`busy`] reads.
pub(super) const BUSY: &str = "SELECT id, resource, starts_at, ends_at, kind, conversation, note \
     FROM book_spans WHERE resource = $1 AND ends_at > $2 AND starts_at < $3 \
     AND (expires_at IS NULL OR expires_at > $4) ORDER BY starts_at";

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
    let mut reach: BTreeMap<&str, (DateTime<Utc>, DateTime<Utc>)> = BTreeMap::new();
    for span in spans {
        let resource = span.resource.as_str();
        let day = |at: DateTime<Utc>| at.timestamp_millis().div_euclid(DAY);
        days.extend((day(span.from)..=day(span.until)).map(|day| (resource, day)));
        let whole = reach.entry(resource).or_insert((span.from, span.until));
        *whole = (whole.0.min(span.from), whole.1.max(span.until));
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
    let mut others = Vec::new();
    for (resource, (from, until)) in reach {
        let statement = sql(BUSY).bind(resource).bind(from).bind(until).bind(now);
        for row in tx.fetch(statement).await? {
            let busy = busy(&row)?;
            if !taker.owns(&busy) {
                others.push(busy);
            }
        }
    }
    Ok(Others(others))
}

/// Reads what [`BUSY`] found.
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
