//! What becomes of every table with time. [`RETAINED`] names them all; a test reads the schema and fails where
//! one is missing.
//!
//! A row is put away by a rule that no longer finds it afterwards: whoever comes after a crash goes on, and a
//! second sweep finds nothing. Rows are looked for outside any transaction and put away some at a time, so
//! that nobody waits for it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::db::{Row, Sql, Tx, Value, sql};
use super::erase::{
    Hers, KEPT, PERSONAL, SHORT, Table, hash, kept_as, nobodys, whose, written_row,
};
use super::{Booking, ChatEntry, Person, Store, StoreError, journal};
use crate::clock::Clock;
use crate::crash;
use crate::event::{Client, Event, Kind};
use crate::ids;
use crate::message::ConversationId;
use crate::retention::{Period, PrivacyConfig};

/// What becomes of the rows of a table with time.
#[derive(Debug, Clone, Copy)]
pub enum Retained {
    /// Nothing: it has nothing of customers, or must stay, and why.
    Stays(&'static str),
    /// They go with the customer.
    WithPerson,
    /// What these rules say, in this order.
    By(&'static [Rule]),
}

/// What is done to rows that are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// They go.
    Delete,
    /// What was said goes.
    Words,
    /// The person is a pseudonym from then on, or nobody.
    Bare,
    /// They go, with everything that goes with the customer.
    Forget,
}

impl Act {
    const fn name(self) -> &'static str {
        match self {
            Self::Delete | Self::Forget => "rows",
            Self::Words => "words",
            Self::Bare => "person",
        }
    }
}

/// Which rows of a table are over, and what is done to them.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    act: Act,
    period: Period,
    /// Columns that name a row, or some that go together.
    key: &'static [&'static str],
    /// The column that tells how old a row is.
    time: &'static str,
    /// Which rows; `$1` is the time before which it is over.
    over: &'static str,
}

const fn rule(
    act: Act,
    period: Period,
    key: &'static [&'static str],
    time: &'static str,
    over: &'static str,
) -> Rule {
    Rule {
        act,
        period,
        key,
        time,
        over,
    }
}

/// Whether somebody has done something since `$1`, or something of hers is open.
macro_rules! active {
    ($whose:literal) => {
        concat!(
            "(EXISTS (SELECT 1 FROM people AS writer WHERE writer.conversation = ",
            $whose,
            " AND writer.wrote_at >= $1) OR EXISTS (SELECT 1 FROM bookings AS visit WHERE visit.conversation = ",
            $whose,
            " AND visit.ends_at >= $1) OR EXISTS (SELECT 1 FROM enquiries AS enquiry WHERE enquiry.conversation = ",
            $whose,
            " AND enquiry.closed_at IS NULL) OR EXISTS (SELECT 1 FROM waiting AS wish WHERE wish.conversation = ",
            $whose,
            " AND wish.is_open = 1) OR EXISTS (SELECT 1 FROM drafts AS draft WHERE draft.conversation = ",
            $whose,
            " AND draft.state = 'proposed'))"
        )
    };
}

/// Whether somebody with this phone has written or come since `$1`.
macro_rules! phone_active {
    ($phone:literal) => {
        concat!(
            "(EXISTS (SELECT 1 FROM people AS same WHERE same.phone = ",
            $phone,
            " AND same.wrote_at >= $1) OR EXISTS (SELECT 1 FROM bookings AS later WHERE later.phone = ",
            $phone,
            " AND later.ends_at >= $1))"
        )
    };
}

/// The table does not tell how old a row is.
const UNKNOWN: &str = "CAST(NULL AS BIGINT)";

use Act::{Bare, Delete, Forget, Words};
use Period::{Details, Persons, Proof, Pseudonyms, SetAside, Technical};
use Retained::{By, Stays, WithPerson};

/// Every table, in the order in which they are looked through: what is found through another table goes before it.
pub const RETAINED: &[(&str, Retained)] = &[
    (
        "provider_messages",
        By(&[rule(
            Delete,
            Technical,
            &["account", "provider_id"],
            "at",
            "(outbound IS NULL AND coalesce(at, 0) < $1) OR (outbound IS NOT NULL AND NOT EXISTS \
             (SELECT 1 FROM ledger WHERE ledger.id = outbound AND ledger.claimed_at >= $1))",
        )]),
    ),
    (
        "answered",
        By(&[rule(
            Delete,
            Technical,
            &["conversation", "inbound_id"],
            UNKNOWN,
            "NOT EXISTS (SELECT 1 FROM ledger WHERE ledger.conversation = answered.conversation \
             AND ledger.turn = answered.turn AND ledger.claimed_at >= $1)",
        )]),
    ),
    (
        "ledger",
        By(&[
            rule(
                Words,
                Technical,
                &["id"],
                "claimed_at",
                "bared = 0 AND claimed_at < $1",
            ),
            rule(
                Bare,
                Details,
                &["id"],
                "claimed_at",
                concat!(
                    "bared < 2 AND claimed_at < $1 AND NOT ",
                    active!("ledger.conversation")
                ),
            ),
            rule(Delete, Pseudonyms, &["id"], "claimed_at", "claimed_at < $1"),
        ]),
    ),
    (
        "events",
        By(&[
            rule(
                Words,
                Technical,
                &["event_id"],
                "timestamp",
                "bared = 0 AND timestamp < $1 AND kind = 'delivery'",
            ),
            // What the staff did to the program itself names no customer.
            rule(
                Words,
                Details,
                &["event_id"],
                "timestamp",
                "bared = 0 AND timestamp < $1 AND kind <> 'delivery' \
                 AND (conversation IS NOT NULL OR kind <> 'system')",
            ),
            rule(
                Bare,
                Details,
                &["event_id"],
                "timestamp",
                concat!(
                    "bared < 2 AND timestamp < $1 AND conversation IS NOT NULL AND NOT ",
                    active!("events.conversation")
                ),
            ),
            rule(
                Delete,
                Pseudonyms,
                &["event_id"],
                "timestamp",
                "timestamp < $1",
            ),
        ]),
    ),
    (
        "reminders",
        By(&[rule(
            Delete,
            Technical,
            &["booking"],
            "visit_at",
            "due IS NULL AND visit_at < $1",
        )]),
    ),
    (
        "ownership_causes",
        By(&[rule(
            Delete,
            Technical,
            &["conversation", "cause"],
            "at",
            "at < $1",
        )]),
    ),
    (
        "spend",
        By(&[rule(
            Delete,
            Technical,
            &["day", "scope"],
            UNKNOWN,
            "scope <> '' AND day < $1",
        )]),
    ),
    (
        "chat_log",
        By(&[
            rule(
                Delete,
                Details,
                &["conversation", "id"],
                "at",
                concat!(
                    "(at < $1 AND seq < (SELECT max(seq) FROM chat_log AS newer \
                     WHERE newer.conversation = chat_log.conversation)) OR (coalesce(at, 0) < $1 AND NOT ",
                    active!("chat_log.conversation"),
                    ")"
                ),
            ),
            // The newest line keeps the numbers growing for as long as the visitor may come back.
            rule(
                Words,
                Details,
                &["conversation", "id"],
                "at",
                concat!(
                    "at < $1 AND seq = (SELECT max(seq) FROM chat_log AS newer \
                     WHERE newer.conversation = chat_log.conversation) AND ",
                    active!("chat_log.conversation")
                ),
            ),
        ]),
    ),
    (
        "visitors",
        By(&[rule(
            Delete,
            Details,
            &["token_hash"],
            "at",
            concat!("at < $1 AND NOT ", active!("visitors.conversation")),
        )]),
    ),
    (
        "drafts",
        By(&[rule(
            Delete,
            Details,
            &["id"],
            "at",
            "at < $1 AND state <> 'proposed'",
        )]),
    ),
    (
        "escalations",
        By(&[rule(Delete, Details, &["id"], "at", "at < $1")]),
    ),
    (
        "lessons",
        By(&[rule(Delete, Details, &["id"], "at", "at < $1")]),
    ),
    (
        "dead",
        By(&[rule(Delete, SetAside, &["id"], "at", "at < $1")]),
    ),
    (
        "parked",
        By(&[rule(
            Delete,
            Details,
            &["topic", "lane"],
            UNKNOWN,
            "EXISTS (SELECT 1 FROM parked_lanes AS waits WHERE waits.topic = parked.topic \
             AND waits.lane = parked.lane AND waits.due < $1)",
        )]),
    ),
    (
        "parked_lanes",
        By(&[rule(Delete, Details, &["topic", "lane"], "due", "due < $1")]),
    ),
    (
        "waiting",
        By(&[rule(
            Delete,
            Details,
            &["id"],
            "created_at",
            "is_open = 0 AND created_at < $1",
        )]),
    ),
    (
        "crm_jobs",
        By(&[rule(
            Delete,
            Details,
            &["id"],
            "created_at",
            "created_at < $1 AND state IN ('done', 'parked')",
        )]),
    ),
    (
        "enquiries",
        By(&[rule(
            Delete,
            Details,
            &["id"],
            "closed_at",
            "closed_at < $1",
        )]),
    ),
    (
        "book_holds",
        By(&[rule(
            Delete,
            Details,
            &["id"],
            UNKNOWN,
            "booking IS NOT NULL AND EXISTS (SELECT 1 FROM bookings \
             WHERE bookings.id = book_holds.booking AND bookings.ends_at < $1)",
        )]),
    ),
    (
        "bookings",
        By(&[
            rule(
                Words,
                Details,
                &["id"],
                "ends_at",
                "bared = 0 AND ends_at < $1",
            ),
            rule(
                Bare,
                Persons,
                &["id"],
                "ends_at",
                concat!(
                    "bared < 2 AND ends_at < $1 AND NOT ",
                    active!("bookings.conversation"),
                    " AND NOT ",
                    phone_active!("bookings.phone")
                ),
            ),
        ]),
    ),
    ("book_changes", Stays("they are bared with their visit")),
    (
        "consents",
        By(&[rule(
            Delete,
            Proof,
            &["conversation", "version"],
            "at",
            "at < $1 AND NOT EXISTS (SELECT 1 FROM people WHERE people.conversation = consents.conversation)",
        )]),
    ),
    (
        "attachments",
        By(&[rule(
            Delete,
            Details,
            &["conversation", "inbound"],
            "at",
            "at < $1",
        )]),
    ),
    (
        "kpi_dialogues",
        By(&[rule(
            Bare,
            Details,
            &["id"],
            "started_at",
            concat!(
                "conversation NOT LIKE '%:%:kept-%' AND conversation NOT LIKE '%:%:erased-%' \
                 AND started_at < $1 AND NOT ",
                active!("kpi_dialogues.conversation")
            ),
        )]),
    ),
    ("kpi_visits", Stays("figures about visits, of nobody")),
    (
        "exports",
        By(&[rule(Delete, Persons, &["id"], "at", "at < $1")]),
    ),
    (
        "staff_looks",
        By(&[rule(
            Delete,
            Pseudonyms,
            &["conversation", "staff"],
            "hour",
            "hour < $1",
        )]),
    ),
    (
        "people",
        By(&[rule(
            Forget,
            Persons,
            &["conversation"],
            "wrote_at",
            concat!(
                "coalesce(wrote_at, name_at, phone_at, username_at, blocked_at, no_advertising_at, 0) < $1 AND NOT ",
                active!("people.conversation"),
                " AND NOT ",
                phone_active!("people.phone"),
                // A person of the firm may have written first.
                " AND NOT EXISTS (SELECT 1 FROM events AS lately WHERE lately.kind = 'takeover' \
                 AND lately.conversation = people.conversation AND lately.timestamp >= $1)"
            ),
        )]),
    ),
    ("peers", WithPerson),
    ("ownership", WithPerson),
    ("buttons", WithPerson),
    ("chat_reads", WithPerson),
    ("staff_threads", WithPerson),
    ("staff_messages", WithPerson),
    ("chat_marks", WithPerson),
    ("customer_merges", WithPerson),
    ("small_values", WithPerson),
    (
        "book_spans",
        Stays("time of visits; a hold goes a day after its end"),
    ),
    ("attempts", Stays("hashes of messages that are being tried")),
    ("desk_moves", Stays("addresses of the staff's own groups")),
    ("leases", Stays("names of duties; a phone in one is a hash")),
    ("knowledge_versions", Stays("what the firm knows")),
    ("knowledge_sources", Stays("what the firm knows")),
    (
        "book_days",
        Stays("locks of days; they go a week after the day"),
    ),
    ("book_hours", Stays("working time of the staff")),
    (
        "staff_boards",
        Stays("ids of messages of the staff's own groups"),
    ),
    ("feeds", Stays("calendars of the staff")),
    ("crm_tokens", Stays("keys of the CRM")),
    (
        "crm_assignments",
        Stays("how many enquiries each manager was given"),
    ),
    ("staff", Stays("people of the firm")),
    ("staff_links", Stays("people of the firm")),
    ("staff_sessions", Stays("people of the firm")),
    ("staff_recovery_codes", Stays("people of the firm")),
    ("staff_half_logins", Stays("people of the firm")),
    ("canned_replies", Stays("what the staff says to everybody")),
    ("settings_versions", Stays("how the firm set the bot")),
    ("settings_sources", Stays("how the firm set the bot")),
    (
        "experiment_ends",
        Stays("which experiments the firm has ended"),
    ),
    (
        "tombstones",
        Stays("keyed hashes, so that nothing of who was erased comes back"),
    ),
    ("erasures", Stays("receipts, without the person: the proof")),
    ("_sqlx_migrations", Stays("the schema's own history")),
];

/// Rows that are over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Over {
    /// The table.
    pub table: &'static str,
    /// What goes: `rows`, their `words`, or the `person`.
    pub what: &'static str,
    /// How many.
    pub rows: u64,
    /// The oldest, where the table tells.
    pub oldest: Option<DateTime<Utc>>,
}

/// What a sweep did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swept {
    /// When it began.
    pub begun_at: DateTime<Utc>,
    /// When it was done; nothing: it is under way, or was interrupted and is gone on with.
    pub ended_at: Option<DateTime<Utc>>,
    /// How many rows, by `table: what`.
    pub rows: BTreeMap<String, u64>,
}

/// The small value that tells of the last sweep.
const LAST: &str = "retention: last sweep";
/// The lease of who is at it.
const LEASE: &str = "retention";
/// How long one process is trusted to be at it without a sign.
const TRUSTED: Duration = Duration::from_secs(20);
/// How many rows are looked for at once, outside any transaction.
const FOUND: i64 = 5_000;
/// How many rows one transaction puts away: few milliseconds.
const AT_ONCE: usize = 50;

impl Rule {
    /// What `$1` is.
    fn cutoff(&self, config: &PrivacyConfig, now: DateTime<Utc>) -> Option<Value> {
        let cutoff = config.cutoff(self.period, now)?;
        Some(match self.key {
            // Days are written out there.
            ["day", ..] => cutoff.format("%Y-%m-%d").to_string().into(),
            _ => cutoff.into(),
        })
    }

    /// A statement about rows that are over: `begin` names the table.
    fn over(&self, begin: &str, cutoff: &Value) -> Sql {
        let statement = sql("").then(begin).then(" WHERE (");
        statement.then(self.over).then(")").bind(cutoff.clone())
    }

    /// The same about one row.
    fn row(&self, begin: &str, cutoff: &Value, key: &[String]) -> Sql {
        let columns = self.key.iter().zip(key);
        columns.fold(
            self.over(begin, cutoff),
            |mut statement, (column, value)| {
                let place = statement.value(value);
                statement.then(&format!(" AND {column} = ${place}"))
            },
        )
    }
}

/// Every rule, with its table.
fn rules() -> impl Iterator<Item = (&'static str, &'static Rule)> {
    let of = |(table, retained): &'static (&'static str, Retained)| {
        let rules: &[Rule] = match retained {
            By(rules) => rules,
            Stays(_) | WithPerson => &[],
        };
        rules.iter().map(|rule| (*table, rule))
    };
    RETAINED.iter().flat_map(of)
}

/// What goes with customers, as the erasure finds it.
fn with_person() -> impl Iterator<Item = &'static Table> {
    let goes = |table: &&Table| {
        let named = RETAINED.iter().find(|(name, _)| *name == table.name);
        matches!(named, Some((_, WithPerson)))
    };
    PERSONAL.iter().filter(goes)
}

impl Store {
    /// What is over and would be put away now.
    pub async fn over(
        &self,
        config: &PrivacyConfig,
        now: DateTime<Utc>,
    ) -> Result<Vec<Over>, StoreError> {
        let mut all = Vec::new();
        for (table, rule) in rules() {
            let Some(cutoff) = rule.cutoff(config, now) else {
                continue;
            };
            let select = format!("SELECT count(*), min({}) FROM {table}", rule.time);
            let Some(row) = self.db.fetch_one(rule.over(&select, &cutoff)).await? else {
                continue;
            };
            let rows: u64 = row.count(0)?;
            if rows == 0 {
                continue;
            }
            let oldest = row.opt_time(1)?;
            let what = rule.act.name();
            all.push(Over {
                table,
                what,
                rows,
                oldest,
            });
            if rule.act == Forget {
                self.over_with(table, rule, &cutoff, &mut all).await?;
            }
        }
        Ok(all)
    }

    /// What goes with customers who are forgotten.
    async fn over_with(
        &self,
        people: &str,
        rule: &Rule,
        cutoff: &Value,
        all: &mut Vec<Over>,
    ) -> Result<(), StoreError> {
        let select = rule.over(&format!("SELECT conversation FROM {people}"), cutoff);
        let rows = self.db.fetch(select).await?;
        let who = rows.iter().map(|row| row.parsed(0));
        let who = who.collect::<Result<Vec<ConversationId>, _>>()?;
        for table in with_person() {
            let mut rows = 0;
            for some in who.chunks(AT_ONCE) {
                let person = Person {
                    conversations: some.to_vec(),
                    phones: Vec::new(),
                };
                let count = format!("SELECT count(*) FROM {} WHERE ", table.name);
                let hers = Hers::of(&person);
                let row = self.db.fetch_one(whose(&count, table.whose, &hers)).await?;
                rows += row.map_or(Ok(0), |row| row.count::<u64>(0))?;
            }
            if rows > 0 {
                all.push(Over {
                    table: table.name,
                    what: Delete.name(),
                    rows,
                    oldest: None,
                });
            }
        }
        Ok(())
    }

    /// The last sweep, or the one that is under way.
    pub async fn last_sweep(&self) -> Result<Option<Swept>, StoreError> {
        let value = self.value(LAST).await?;
        Ok(value.and_then(|json| serde_json::from_str(&json).ok()))
    }

    /// Puts away what is over now, as the only one of all processes; nothing where somebody else is at it.
    pub async fn sweep(
        &self,
        config: &PrivacyConfig,
        holder: &str,
        clock: &Clock,
    ) -> Result<Option<Swept>, StoreError> {
        let now = clock.now();
        if !self.lease(LEASE, holder, TRUSTED, now).await? {
            return Ok(None);
        }
        let interrupted = self.last_sweep().await?;
        let swept = interrupted.filter(|last| last.ended_at.is_none());
        let swept = swept.unwrap_or(Swept {
            begun_at: now,
            ended_at: None,
            rows: BTreeMap::new(),
        });
        let mut sweep = Sweep {
            store: self,
            key: self.privacy_key().await?,
            holder,
            clock,
            signed: Instant::now(),
            swept,
        };
        for (table, rule) in rules() {
            if let Some(cutoff) = rule.cutoff(config, now)
                && !sweep.by(table, rule, &cutoff).await?
            {
                return Ok(None);
            }
        }
        sweep.end().await?;
        self.release(LEASE, holder).await?;
        Ok(Some(sweep.swept))
    }
}

/// A sweep under way.
struct Sweep<'a> {
    store: &'a Store,
    key: &'a [u8],
    holder: &'a str,
    clock: &'a Clock,
    /// When others were last told that we are at it.
    signed: Instant,
    swept: Swept,
}

impl Sweep<'_> {
    /// Follows one rule until it finds nothing; `false` when somebody else has taken over.
    async fn by(
        &mut self,
        table: &'static str,
        rule: &Rule,
        cutoff: &Value,
    ) -> Result<bool, StoreError> {
        loop {
            let select = format!("SELECT {} FROM {table}", rule.key.join(", "));
            let mut select = rule.over(&select, cutoff);
            let limit = select.value(FOUND);
            let select = select.then(&format!(" LIMIT ${limit}"));
            let found = self.store.db.fetch(select).await?;
            let keys = found.iter().map(|row| key(row, rule));
            let keys = keys.collect::<Result<Vec<_>, _>>()?;
            let mut put_away = 0;
            for some in keys.chunks(AT_ONCE) {
                if !self.is_ours().await? {
                    return Ok(false);
                }
                put_away += self.put_away(table, rule, cutoff, some).await?;
                crash::point("retain.swept");
            }
            // What changed meanwhile and is not over any more must not hold us up.
            if put_away == 0 {
                return Ok(true);
            }
        }
    }

    async fn is_ours(&mut self) -> Result<bool, StoreError> {
        if self.signed.elapsed() < TRUSTED / 4 {
            return Ok(true);
        }
        self.signed = Instant::now();
        let now = self.clock.now();
        self.store.lease(LEASE, self.holder, TRUSTED, now).await
    }

    /// Some rows, and what was done so far, in one transaction.
    async fn put_away(
        &mut self,
        table: &'static str,
        rule: &Rule,
        cutoff: &Value,
        keys: &[Vec<String>],
    ) -> Result<u64, StoreError> {
        let mut tx = self.store.db.begin().await?;
        let mut counts = BTreeMap::new();
        for key in keys {
            let begin = format!("DELETE FROM {table}");
            let touched = match rule.act {
                Delete => tx.execute(rule.row(&begin, cutoff, key)).await?,
                Forget => {
                    let gone = tx.execute(rule.row(&begin, cutoff, key)).await?;
                    if gone > 0 {
                        forget_with(&mut tx, key, &mut counts).await?;
                    }
                    gone
                }
                Words | Bare => self.bare(&mut tx, table, rule, cutoff, key).await?,
            };
            *counts.entry(table).or_default() += touched;
        }
        let mut swept = self.swept.clone();
        for (table, rows) in counts.iter().filter(|(_, rows)| **rows > 0) {
            let what = rule.act.name();
            *swept.rows.entry(format!("{table}: {what}")).or_default() += rows;
        }
        note(&mut tx, &swept).await?;
        tx.commit().await?;
        for (table, rows) in &counts {
            let what = rule.act.name();
            metrics::counter!("zapis_retention_rows_total", "table" => *table, "what" => what)
                .increment(*rows);
        }
        self.swept = swept;
        Ok(counts.get(table).copied().unwrap_or(0))
    }

    /// Takes words or the person out of a row that stays. One that nobody can read stays as it is.
    async fn bare(
        &self,
        tx: &mut Tx,
        table: &str,
        rule: &Rule,
        cutoff: &Value,
        key: &[String],
    ) -> Result<u64, sqlx::Error> {
        let column = match table {
            "events" => "event",
            "bookings" => "booking",
            "chat_log" => "entry",
            _ => "conversation",
        };
        let select = rule.row(&format!("SELECT {column} FROM {table}"), cutoff, key);
        let Some(row) = tx.fetch_one(select.for_update()).await? else {
            return Ok(0);
        };
        let person_too = rule.act == Bare;
        let bared = 1 + i64::from(person_too);
        match table {
            "events" => {
                let Ok(event) = row.json(0) else {
                    return Ok(0);
                };
                let event = self.event(event, person_too);
                let name = event.conversation_id.as_ref().map(ConversationId::as_str);
                let update = sql(
                    "UPDATE events SET event = $1, conversation = $2, bared = $3 WHERE event_id = $4",
                );
                let update = update.bind(written_row(&event)?).bind(name).bind(bared);
                tx.execute(update.bind(&key[0])).await
            }
            "kpi_dialogues" => {
                let stands = kept_as(self.key, &row.parsed(0)?);
                let update = sql("UPDATE kpi_dialogues SET conversation = $1 WHERE id = $2");
                tx.execute(update.bind(&stands).bind(&key[0])).await
            }
            "bookings" => {
                let Ok(booking) = row.json(0) else {
                    return Ok(0);
                };
                let booking = visit(booking, person_too);
                visit_changes(tx, &key[0], person_too).await?;
                let update = sql(
                    "UPDATE bookings SET booking = $1, conversation = $2, phone = $3, bared = $4 \
                     WHERE id = $5",
                );
                let name = booking.conversation.as_ref().map(ConversationId::as_str);
                let update = update.bind(written_row(&booking)?).bind(name);
                let update = update.bind(booking.phone.as_deref()).bind(bared);
                tx.execute(update.bind(&key[0])).await
            }
            "chat_log" => {
                let Ok(entry) = row.json::<ChatEntry>(0) else {
                    return Ok(0);
                };
                let update = sql("UPDATE chat_log SET entry = $1, at = NULL \
                     WHERE conversation = $2 AND id = $3");
                let update = update.bind(written_row(&entry.without_words())?);
                tx.execute(update.bind(&key[0]).bind(&key[1])).await
            }
            _ => {
                let named: ConversationId = row.parsed(0)?;
                let stands = if person_too {
                    kept_as(self.key, &named)
                } else {
                    named
                };
                let update = sql("UPDATE ledger SET conversation = $1, provider_id = NULL, \
                     error_text = NULL, bared = $2 WHERE id = $3");
                tx.execute(update.bind(&stands).bind(bared).bind(&key[0]))
                    .await
            }
        }
    }

    /// What is left of an event for figures: one phone is one pseudonym.
    fn event(&self, event: Event, person_too: bool) -> Event {
        let client = event.client.clone();
        let phone = client.and_then(|client| client.phone).map(|phone| {
            if phone.starts_with(KEPT) {
                phone
            } else {
                format!("{KEPT}{}", &hash(self.key, &phone)[..SHORT])
            }
        });
        let named = event.conversation_id.clone();
        let stands = |named| {
            if person_too {
                kept_as(self.key, &named)
            } else {
                named
            }
        };
        Event {
            client: phone.map(|phone| Client {
                phone: Some(phone),
                name: None,
            }),
            ..event.without_person(named.map(stands))
        }
    }

    /// Notes that it is done, in the journal too where anything was.
    async fn end(&mut self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let begun = self.swept.begun_at.to_rfc3339();
        let mut event = Event::new(ids::derive(&["retention", &begun]), Kind::System, now);
        event.action = Some("retention".to_owned());
        event.outcome = Some("done".to_owned());
        event.sources = Some(json!(self.swept.rows));
        let told = usize::from(!self.swept.rows.is_empty());
        let lines = journal::lines(&[event][..told])?;
        self.swept.ended_at = Some(now);
        let mut tx = self.store.db.begin().await?;
        journal::append(&mut tx, &lines.iter().collect::<Vec<_>>()).await?;
        note(&mut tx, &self.swept).await?;
        tx.commit().await?;
        crash::point("retain.ended");
        Ok(())
    }
}

fn key(row: &Row, rule: &Rule) -> Result<Vec<String>, sqlx::Error> {
    (0..rule.key.len()).map(|column| row.get(column)).collect()
}

/// What goes with a customer.
async fn forget_with(
    tx: &mut Tx,
    key: &[String],
    counts: &mut BTreeMap<&'static str, u64>,
) -> Result<(), sqlx::Error> {
    let conversations = key.iter().filter_map(|name| name.parse().ok());
    let person = Person {
        conversations: conversations.collect(),
        phones: Vec::new(),
    };
    for table in with_person() {
        let delete = format!("DELETE FROM {} WHERE ", table.name);
        let hers = Hers::of(&person);
        *counts.entry(table.name).or_default() +=
            tx.execute(whose(&delete, table.whose, &hers)).await?;
    }
    Ok(())
}

/// A visit without what was typed, or without the person too.
fn visit(booking: Booking, person_too: bool) -> Booking {
    if person_too {
        return nobodys(booking);
    }
    Booking {
        for_whom: None,
        notes: None,
        ..booking
    }
}

/// What became of the visit on its way tells the same.
async fn visit_changes(tx: &mut Tx, booking: &str, person_too: bool) -> Result<(), sqlx::Error> {
    let select = sql("SELECT position, after, before FROM book_changes WHERE booking = $1");
    for row in tx.fetch(select.bind(booking).for_update()).await? {
        let bared = |column| -> Result<String, sqlx::Error> {
            written_row(&visit(row.json(column)?, person_too))
        };
        let before = match row.get::<Option<String>>(2)? {
            Some(_) => Some(bared(2)?),
            None => None,
        };
        let update = sql("UPDATE book_changes SET after = $1, before = $2 WHERE position = $3");
        let update = update.bind(bared(1)?).bind(before.as_deref());
        tx.execute(update.bind(row.get::<i64>(0)?)).await?;
    }
    Ok(())
}

async fn note(tx: &mut Tx, swept: &Swept) -> Result<(), sqlx::Error> {
    let statement = sql("INSERT INTO small_values (name, value) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value");
    tx.execute(statement.bind(LAST).bind(written_row(swept)?))
        .await?;
    Ok(())
}
