//! Everything of one person: told to her, or erased. [`PERSONAL`] names every table and what becomes of it;
//! a test reads the schema and fails where one is missing.
//!
//! An erasure is begun (from then on what was accepted before is settled without keeping it), scrubbed (one
//! transaction) and ended. Each step can be repeated, so that whoever finds one unfinished finishes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use sha2::Sha256;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::db::{Db, Row, Sql, Tx, Value, sql};
use super::questions::Found;
use super::{Booking, ReminderTry, Store, StoreError};
use crate::erasure::stands_in;
use crate::event::Event;
use crate::ids;
use crate::message::ConversationId;

/// What becomes of the rows of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treated {
    /// They go.
    Deleted,
    /// They stay for figures, without the person.
    Kept,
    /// Nothing personal of a customer is in it, and why.
    Free(&'static str),
}

/// A table and what an erasure does to it.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// What an erasure does to its rows.
    pub treated: Treated,
    /// What a person is told of them.
    columns: &'static str,
    /// Which rows are hers: `{c}` are her conversations, `{p}` her phones, `{n}` names of small values; the
    /// other letters are rows that only their content tells (see [`Hers`]).
    pub(super) whose: &'static str,
}

const fn goes(name: &'static str, columns: &'static str, whose: &'static str) -> Table {
    let treated = Treated::Deleted;
    Table {
        name,
        treated,
        columns,
        whose,
    }
}

const fn stays(name: &'static str, columns: &'static str, whose: &'static str) -> Table {
    let treated = Treated::Kept;
    Table {
        name,
        treated,
        columns,
        whose,
    }
}

const fn free(name: &'static str, why: &'static str) -> Table {
    let treated = Treated::Free(why);
    Table {
        name,
        treated,
        columns: "",
        whose: "",
    }
}

/// Visits of hers: made in her conversations, or in none with her phone. What somebody typed her phone for in
/// another conversation is somebody else's.
macro_rules! her_visits {
    () => {
        "conversation IN {c} OR (conversation IS NULL AND phone IN {p})"
    };
}

/// Visits of others with her phone: only the phone goes.
macro_rules! others_visits {
    () => {
        "conversation IS NOT NULL AND conversation NOT IN {c} AND phone IN {p}"
    };
}

/// Every table, in the order in which they are erased: what is found through another table goes before it.
pub const PERSONAL: &[Table] = &[
    goes(
        "provider_messages",
        "account, provider_id, delivery",
        "outbound IN (SELECT id FROM ledger WHERE conversation IN {c})",
    ),
    stays(
        "ledger",
        "id, state, attempts, claimed_at, provider_id, delivery, error_code, error_text",
        "conversation IN {c}",
    ),
    goes("answered", "inbound_id, turn", "conversation IN {c}"),
    stays("events", "event", "conversation IN {c} OR position IN {e}"),
    stays("kpi_dialogues", "started_at, facts", "conversation IN {c}"),
    stays(
        "reminders",
        "booking, version, step, state, due, visit_at, reason, tries",
        concat!(
            "booking IN (SELECT id FROM bookings WHERE ",
            her_visits!(),
            ")"
        ),
    ),
    stays(
        "book_changes",
        "booking, kind, at, who, before, after",
        concat!(
            "booking IN (SELECT id FROM bookings WHERE ",
            her_visits!(),
            ")"
        ),
    ),
    stays("bookings", "booking", her_visits!()),
    goes(
        "book_spans",
        "resource, starts_at, ends_at, kind, expires_at",
        "kind = 'hold' AND (conversation IN {c} OR conversation IN \
         (SELECT 'waiting:list:' || id FROM waiting WHERE conversation IN {c}))",
    ),
    goes(
        "book_holds",
        "place, visit",
        "conversation IN {c} OR conversation IN \
         (SELECT 'waiting:list:' || id FROM waiting WHERE conversation IN {c})",
    ),
    goes("waiting", "entry", "conversation IN {c}"),
    goes(
        "crm_jobs",
        "kind, body, state, result, reason, created_at, ended_at",
        "enquiry IN (SELECT id FROM enquiries WHERE conversation IN {c})",
    ),
    goes(
        "enquiries",
        "id, conversation, opened_at, closed_at, record, state",
        "conversation IN {c}",
    ),
    goes(
        "people",
        "conversation, wrote_at, name, username, phone, blocked, no_advertising, no_advertising_at",
        "conversation IN {c} OR phone IN {p}",
    ),
    goes(
        "peers",
        "channel, account, native_id, peer",
        "channel || ':' || account || ':' || peer IN {c}",
    ),
    goes(
        "consents",
        "conversation, version, at",
        "conversation IN {c}",
    ),
    goes(
        "chat_log",
        "conversation, seq, entry",
        "conversation IN {c}",
    ),
    goes("chat_reads", "conversation, seq", "conversation IN {c}"),
    goes(
        "attachments",
        "conversation, inbound, file, at",
        "conversation IN {c}",
    ),
    goes("visitors", "conversation, at", "conversation IN {c}"),
    goes("buttons", "payload", "conversation IN {c}"),
    goes(
        "drafts",
        "text, reason, at, state, card, who",
        "conversation IN {c}",
    ),
    goes(
        "escalations",
        "reason, card, at, closed_at",
        "conversation IN {c}",
    ),
    goes("staff_threads", "desk, thread", "conversation IN {c}"),
    goes("staff_messages", "desk, message", "conversation IN {c}"),
    goes("lessons", "card, at, accepted", "id IN {l}"),
    goes(
        "chat_marks",
        "assigned, snoozed_at, snoozed_until",
        "conversation IN {c}",
    ),
    goes(
        "customer_merges",
        "conversation, joined, evidence, who, at, undone_at, undone_by",
        "conversation IN {c} OR joined IN {c}",
    ),
    goes("ownership_causes", "cause, at", "conversation IN {c}"),
    goes(
        "ownership",
        "staff, until, epoch, blocked_at, blocked_by",
        "conversation IN {c}",
    ),
    goes(
        "parked",
        "topic, message_id, body",
        "lane IN {c} OR position IN {w}",
    ),
    goes("parked_lanes", "topic, lane, due", "lane IN {c}"),
    goes(
        "dead",
        "topic, message_id, reason, at, body",
        "lane IN {c} OR position IN {d}",
    ),
    goes("small_values", "name, value", "name IN {n}"),
    goes("spend", "day, tokens", "scope IN {c}"),
    goes("exports", "at, who, target", "conversation IN {c}"),
    stays("staff_looks", "staff, hour", "conversation IN {c}"),
    free("attempts", "hashes of messages that are being tried"),
    free("desk_moves", "addresses of the staff's own groups"),
    free("leases", "names of duties; a phone in one is a hash"),
    free("knowledge_versions", "what the firm knows"),
    free(
        "knowledge_sources",
        "what the firm knows; what is learnt from an answer has no name or phone",
    ),
    free("book_days", "locks of days"),
    free("book_hours", "working time of the staff"),
    free("staff_boards", "ids of messages of the staff's own groups"),
    free("feeds", "calendars of the staff"),
    free("crm_tokens", "keys of the CRM"),
    free(
        "crm_assignments",
        "how many enquiries each manager was given",
    ),
    free("staff", "people of the firm"),
    free("staff_links", "people of the firm"),
    free("staff_sessions", "people of the firm"),
    free("staff_recovery_codes", "people of the firm"),
    free("staff_half_logins", "people of the firm"),
    free("canned_replies", "what the staff says to everybody"),
    free("settings_versions", "how the firm set the bot"),
    free("settings_sources", "how the firm set the bot"),
    free("kpi_visits", "figures about visits, of nobody"),
    free("experiment_ends", "which experiments the firm has ended"),
    free("tombstones", "keyed hashes of who was erased"),
    free(
        "erasures",
        "receipts, without the person once she is erased",
    ),
    free("_sqlx_migrations", "the schema's own history"),
];

/// Whose data: one person, with everything she is known by.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Person {
    /// Her conversations.
    pub conversations: Vec<ConversationId>,
    /// Her phones in E.164: those that a channel vouches for, and the one she was asked for by.
    pub phones: Vec<String>,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Person({} conversations)", self.conversations.len())
    }
}

/// What an erasure did. Nothing in it tells who it was, but to whoever has her number and this store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Names it.
    pub id: Uuid,
    /// When it was asked for.
    pub begun_at: DateTime<Utc>,
    /// By whom.
    pub begun_by: String,
    /// When it was finished.
    pub ended_at: Option<DateTime<Utc>>,
    /// Keyed hashes of what she was known by: conversations and phones.
    pub hashes: BTreeSet<String>,
    /// How many rows of each table were deleted.
    pub deleted: BTreeMap<String, u64>,
    /// How many rows of each table stay for figures, without the person.
    pub kept: BTreeMap<String, u64>,
    /// How many sessions were forgotten.
    pub sessions: u64,
    /// Records of the CRM that must be erased there by hand.
    pub crm: BTreeSet<String>,
    /// What must be erased by hand, by the names of channels.
    pub channels: BTreeSet<String>,
    /// What was written out of the store with persons in it, and must be deleted by hand.
    #[serde(default)]
    pub exports: BTreeSet<String>,
    /// Visits that lay ahead and were cancelled.
    pub cancelled: Vec<Uuid>,
}

/// An erasure that is not finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// Names it.
    pub id: Uuid,
    /// Whose data; nothing where the store holds none of it any more.
    pub person: Option<Person>,
    /// Visits to cancel once they are nobody's.
    pub visits: Vec<Uuid>,
}

/// What became of the wish to erase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// It is under way.
    Begun(Uuid),
    /// So many visits lie ahead: they must be cancelled first.
    Visits(Vec<Booking>),
}

/// The key of hashes and pseudonyms, once it was read.
pub(super) type Key = Arc<OnceCell<Vec<u8>>>;

/// Begins what stands for the id of somebody who was erased.
const ERASED: &str = "erased-";
/// Begins what stands for the id, or the phone, of somebody who is kept in figures only. An erasure finds it.
pub(super) const KEPT: &str = "kept-";

/// Whether it only stands for a conversation.
pub(crate) fn is_pseudonym(conversation: &ConversationId) -> bool {
    let peer = conversation.peer();
    peer.starts_with(ERASED) || peer.starts_with(KEPT)
}

/// What stands for a conversation that is kept in figures only.
pub(super) fn kept_as(key: &[u8], conversation: &ConversationId) -> ConversationId {
    if is_pseudonym(conversation) {
        return conversation.clone();
    }
    let hash = hash(key, conversation.as_str());
    standing_for(conversation, &format!("{KEPT}{}", &hash[..SHORT]))
}

/// How much of a hash names somebody.
pub(super) const SHORT: usize = 24;

fn standing_for(conversation: &ConversationId, peer: &str) -> ConversationId {
    let (channel, account) = (conversation.channel(), conversation.account());
    ConversationId::new(channel, account, peer).unwrap_or_else(|_| conversation.clone())
}

/// Made of the keyed hash of a conversation.
pub(super) fn pseudonym_of(conversation: &ConversationId, hash: &str) -> ConversationId {
    let hash = hash.get(..SHORT).unwrap_or(hash);
    standing_for(conversation, &format!("{ERASED}{hash}"))
}

/// When these were erased, those that were.
pub(super) fn look_up(db: Db, persons: Vec<String>) -> Found<DateTime<Utc>> {
    Box::pin(async move {
        let statement = sql("SELECT person, at FROM tombstones WHERE person IN ")
            .list(persons.iter().map(Value::from));
        let rows = db.fetch_few(statement).await?;
        let found = rows.iter().map(|row| Ok((row.get(0)?, row.time(1)?)));
        found.collect()
    })
}

/// SMS have no chat that somebody could erase by hand.
const SMS: &str = "sms";

/// The conversation that SMS to a phone (E.164) make, as `workers/src/remind/ways.rs` names it: nobody writes
/// in it, so that only the phone tells whose it is.
fn by_sms(phone: &str) -> Option<ConversationId> {
    ConversationId::new(SMS, "main", phone.strip_prefix('+')?).ok()
}

/// The small value that holds the key.
pub(super) const KEY: &str = "privacy: key";

impl Store {
    pub(super) async fn privacy_key(&self) -> Result<&[u8], StoreError> {
        let read = async || Ok::<_, StoreError>(self.own_secret(KEY).await?.into_bytes());
        Ok(self.key.get_or_try_init(read).await?)
    }

    /// What stands for a conversation in figures: the same for the same one, and what an erasure leaves of it.
    pub async fn pseudonym(
        &self,
        conversation: &ConversationId,
    ) -> Result<ConversationId, StoreError> {
        Ok(pseudonym(self.privacy_key().await?, conversation))
    }

    /// A keyed hash of what a person is known by, a conversation or a phone, as receipts have it.
    pub async fn person_hash(&self, known_by: &str) -> Result<String, StoreError> {
        Ok(hash(self.privacy_key().await?, known_by))
    }

    /// When a conversation was erased: what was accepted by then is settled without keeping it.
    pub async fn erased_at(
        &self,
        conversation: &ConversationId,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let person = self.person_hash(conversation.as_str()).await?;
        self.tombstones.of(&person).await
    }

    /// What a person is called: by messengers, and in her visits.
    pub async fn names_of(&self, person: &Person) -> Result<BTreeSet<String>, StoreError> {
        let hers = Hers::of(person);
        let known = whose(
            "SELECT name FROM people WHERE name IS NOT NULL AND ",
            "conversation IN {c}",
            &hers,
        );
        let rows = self.db.fetch(known).await?;
        let mut names = rows
            .iter()
            .map(|row| row.get(0))
            .collect::<Result<BTreeSet<String>, _>>()?;
        let visits = whose("SELECT booking FROM bookings WHERE ", her_visits!(), &hers);
        for row in self.db.fetch(visits).await? {
            names.insert(row.json::<Booking>(0)?.name);
        }
        names.remove("");
        Ok(names)
    }

    /// The person with this conversation; nothing where nothing is known of her.
    pub async fn person_of(
        &self,
        conversation: &ConversationId,
    ) -> Result<Option<Person>, StoreError> {
        let named = self.named(conversation).await?;
        self.person([named].into(), BTreeSet::new()).await
    }

    /// The person with this phone, in E.164; nothing where nothing is known of her.
    pub async fn person_with(&self, phone: &str) -> Result<Option<Person>, StoreError> {
        let statement = sql("SELECT conversation FROM people WHERE phone = $1");
        let rows = self.db.fetch(statement.bind(phone)).await?;
        let conversations = rows.iter().map(|row| row.parsed(0));
        let conversations = conversations.collect::<Result<_, _>>()?;
        self.person(conversations, [phone.to_owned()].into()).await
    }

    async fn person(
        &self,
        conversations: BTreeSet<ConversationId>,
        mut phones: BTreeSet<String>,
    ) -> Result<Option<Person>, StoreError> {
        let conversations = self.hanging_together(conversations).await?;
        let person = Person {
            conversations: conversations.into_iter().collect(),
            phones: Vec::new(),
        };
        let statement = whose(
            "SELECT DISTINCT phone FROM people WHERE phone IS NOT NULL AND ",
            "conversation IN {c}",
            &Hers::of(&person),
        );
        for row in self.db.fetch(statement).await? {
            phones.insert(row.get(0)?);
        }
        let mut conversations: BTreeSet<ConversationId> =
            person.conversations.into_iter().collect();
        conversations.extend(phones.iter().filter_map(|phone| by_sms(phone)));
        let person = Person {
            conversations: conversations.into_iter().collect(),
            phones: phones.into_iter().collect(),
        };
        let hers = self.hers(&person).await?;
        for table in PERSONAL.iter().filter(|table| table.is_telling()) {
            if self.count_of(table, &hers).await? > 0 {
                drop(hers);
                return Ok(Some(person));
            }
        }
        let others = whose(
            "SELECT count(*) FROM bookings WHERE ",
            others_visits!(),
            &hers,
        );
        let others = self.db.fetch_one(others).await?;
        let is_named = others.map_or(Ok(0), |row| row.count::<u64>(0))? > 0;
        drop(hers);
        Ok(is_named.then_some(person))
    }

    async fn count_of(&self, table: &Table, hers: &Hers<'_>) -> Result<u64, StoreError> {
        let select = format!("SELECT count(*) FROM {} WHERE ", table.name);
        let row = self.db.fetch_one(whose(&select, table.whose, hers)).await?;
        Ok(row.map_or(Ok(0), |row| row.count(0))?)
    }

    /// How many rows of each table are hers: what an erasure would delete, and what it would keep for figures.
    pub async fn measure_person(
        &self,
        person: &Person,
    ) -> Result<[BTreeMap<String, u64>; 2], StoreError> {
        let hers = self.hers(person).await?;
        let mut counts = [BTreeMap::new(), BTreeMap::new()];
        for table in PERSONAL.iter().filter(|table| !table.whose.is_empty()) {
            let count = self.count_of(table, &hers).await?;
            if count > 0 {
                let kept = usize::from(table.treated == Treated::Kept);
                counts[kept].insert(table.name.to_owned(), count);
            }
        }
        Ok(counts)
    }

    /// Everything that the store holds of a person, by table, as one readable document.
    pub async fn export_person(&self, person: &Person) -> Result<Json, StoreError> {
        let hers = self.hers(person).await?;
        let mut tables = Map::new();
        for table in PERSONAL.iter().filter(|table| !table.whose.is_empty()) {
            let columns: Vec<&str> = table.columns.split(", ").collect();
            let select = columns.iter().map(|&column| as_text(table, column));
            let select = select.collect::<Vec<_>>().join(", ");
            let select = format!("SELECT {select} FROM {} WHERE ", table.name);
            let rows = self.db.fetch(whose(&select, table.whose, &hers)).await?;
            let told = rows.iter().map(|row| told(row, &columns));
            let told = told.collect::<Result<Vec<_>, sqlx::Error>>()?;
            if !told.is_empty() {
                tables.insert(table.name.to_owned(), Json::Array(told));
            }
        }
        Ok(json!({ "person": person, "store": tables }))
    }

    /// Visits of a person that lie ahead and are not cancelled.
    pub async fn visits_ahead(
        &self,
        person: &Person,
        now: DateTime<Utc>,
    ) -> Result<Vec<Booking>, StoreError> {
        let rows = self.db.fetch(ahead(&Hers::of(person), now)).await?;
        Ok(rows
            .iter()
            .map(|row| row.json(0))
            .collect::<Result<_, _>>()?)
    }

    /// Begins to erase a person: from now on nothing that was accepted before is kept. Visits that lie ahead
    /// are in the way unless they are to be cancelled.
    pub async fn begin_erasure(
        &self,
        person: &Person,
        who: &str,
        cancel_visits: bool,
        now: DateTime<Utc>,
    ) -> Result<Begun, StoreError> {
        let ahead = self.visits_ahead(person, now).await?;
        if !ahead.is_empty() && !cancel_visits {
            return Ok(Begun::Visits(ahead));
        }
        let key = self.privacy_key().await?;
        let names = person.conversations.iter().map(ConversationId::as_str);
        let names = names.chain(person.phones.iter().map(String::as_str));
        let channels = person.conversations.iter().map(ConversationId::channel);
        let receipt = Receipt {
            id: Uuid::new_v4(),
            begun_at: now,
            begun_by: who.to_owned(),
            ended_at: None,
            hashes: names.map(|name| hash(key, name)).collect(),
            deleted: BTreeMap::new(),
            kept: BTreeMap::new(),
            sessions: 0,
            crm: BTreeSet::new(),
            channels: channels
                .filter(|&channel| channel != SMS)
                .map(str::to_owned)
                .collect(),
            exports: BTreeSet::new(),
            cancelled: ahead.iter().map(|visit| visit.id).collect(),
        };
        let mut tx = self.db.begin().await?;
        for conversation in &person.conversations {
            let statement = sql("INSERT INTO tombstones (person, at) VALUES ($1, $2) \
                 ON CONFLICT (person) DO UPDATE SET at = excluded.at");
            let statement = statement.bind(hash(key, conversation.as_str())).bind(now);
            tx.execute(statement).await?;
        }
        let statement = sql(
            "INSERT INTO erasures (id, begun_at, begun_by, todo, receipt) \
             VALUES ($1, $2, $3, $4, $5)",
        );
        let statement = statement.bind(receipt.id).bind(now).bind(who);
        let statement = statement.bind(written(person)?).bind(written(&receipt)?);
        tx.execute(statement).await?;
        tx.commit().await?;
        Ok(Begun::Begun(receipt.id))
    }

    /// Erasures that are not finished, the oldest first.
    pub async fn open_erasures(&self) -> Result<Vec<Erasure>, StoreError> {
        let statement = sql(
            "SELECT id, todo, receipt FROM erasures WHERE ended_at IS NULL ORDER BY begun_at, id",
        );
        let rows = self.db.fetch(statement).await?;
        let erasure = |row: &Row| -> Result<_, sqlx::Error> {
            let person = match row.get::<Option<String>>(1)? {
                Some(_) => Some(row.json(1)?),
                None => None,
            };
            Ok(Erasure {
                id: row.parsed(0)?,
                person,
                visits: row.json::<Receipt>(2)?.cancelled,
            })
        };
        Ok(rows.iter().map(erasure).collect::<Result<_, _>>()?)
    }

    /// Takes a person out of every table, in one transaction, and the person out of the erasure. The visits to
    /// cancel: those that lay ahead at the beginning, and those that were booked since.
    pub async fn scrub(
        &self,
        erasure: Uuid,
        person: &Person,
        sessions: u64,
    ) -> Result<Vec<Uuid>, StoreError> {
        let key = self.privacy_key().await?;
        let mut tx = self.db.begin().await?;
        // Nothing is added to the journal meanwhile.
        tx.lock("journal").await?;
        let statement = sql("SELECT receipt, todo FROM erasures WHERE id = $1");
        let Some(row) = tx.fetch_one(statement.bind(erasure).for_update()).await? else {
            return Ok(Vec::new());
        };
        let mut receipt: Receipt = row.json(0)?;
        if row.get::<Option<String>>(1)?.is_none() {
            return Ok(receipt.cancelled);
        }
        let hers = hers(&mut tx, person, key).await?;
        let ahead = ahead(&hers, receipt.begun_at).for_update();
        for row in tx.fetch(ahead).await? {
            let visit = row.json::<Booking>(0)?.id;
            if !receipt.cancelled.contains(&visit) {
                receipt.cancelled.push(visit);
            }
        }
        receipt.sessions += sessions;
        receipt.crm.extend(records(&mut tx, &hers).await?);
        receipt.exports.extend(exports(&mut tx, &hers).await?);
        let forget = Forget { key, hers: &hers };
        for table in PERSONAL {
            let (counts, touched) = match table.treated {
                Treated::Free(_) => continue,
                Treated::Deleted => (&mut receipt.deleted, forget.delete(&mut tx, table).await?),
                Treated::Kept => (&mut receipt.kept, forget.bare(&mut tx, table).await?),
            };
            if touched > 0 {
                *counts.entry(table.name.to_owned()).or_default() += touched;
            }
        }
        let statement = sql("UPDATE erasures SET todo = NULL, receipt = $1 WHERE id = $2");
        tx.execute(statement.bind(written(&receipt)?).bind(erasure))
            .await?;
        tx.commit().await?;
        Ok(receipt.cancelled)
    }

    /// Notes that nothing is left to do.
    pub async fn end_erasure(&self, erasure: Uuid, now: DateTime<Utc>) -> Result<(), StoreError> {
        let statement = sql("UPDATE erasures SET ended_at = $1 \
             WHERE id = $2 AND ended_at IS NULL AND todo IS NULL");
        self.db.execute(statement.bind(now).bind(erasure)).await?;
        Ok(())
    }

    /// Rewrites the files, so that nothing that was erased is left in them.
    pub async fn compact(&self) -> Result<(), StoreError> {
        match &self.db {
            Db::Sqlite(file) => Ok(file.compact().await?),
            // What is dead there goes with the database's own cleaning; see docs/privacy.md.
            Db::Postgres(_) => Ok(()),
        }
    }

    /// The receipts of all erasures, the newest first.
    pub async fn receipts(&self) -> Result<Vec<Receipt>, StoreError> {
        let statement = sql("SELECT receipt, ended_at FROM erasures ORDER BY begun_at DESC, id");
        let rows = self.db.fetch(statement).await?;
        let receipt = |row: &Row| -> Result<_, sqlx::Error> {
            let receipt: Receipt = row.json(0)?;
            Ok(Receipt {
                ended_at: row.opt_time(1)?,
                ..receipt
            })
        };
        Ok(rows.iter().map(receipt).collect::<Result<_, _>>()?)
    }
}

impl Table {
    /// Whether a row of it means that something is known of a person: others are traces of a look.
    fn is_telling(&self) -> bool {
        !self.whose.is_empty()
            && !matches!(
                self.name,
                "ownership" | "staff_looks" | "chat_marks" | "exports"
            )
    }
}

/// A person's rows, with those that only their content tells.
pub(super) struct Hers<'a> {
    person: &'a Person,
    /// What stands for her conversations in rows that are kept for figures.
    kept: Vec<ConversationId>,
    /// Events of her visits that name no conversation.
    events: Vec<i64>,
    /// What was set aside and names her.
    dead: Vec<i64>,
    /// What waits for the staff's own groups and is about her.
    parked: Vec<i64>,
    /// Answers to her that the bot could learn from.
    lessons: Vec<String>,
}

impl<'a> Hers<'a> {
    pub(super) fn of(person: &'a Person) -> Self {
        let (kept, events, dead, parked, lessons) = Default::default();
        Self {
            person,
            kept,
            events,
            dead,
            parked,
            lessons,
        }
    }

    /// Everything that her rows are found by.
    fn conversations(&self) -> impl Iterator<Item = &ConversationId> {
        self.person.conversations.iter().chain(&self.kept)
    }

    /// Whether a message is about her: it holds the name of a conversation of hers, or came from her
    /// messenger and holds her id or phone.
    fn are_named_in(&self, body: &[u8], raw: bool) -> bool {
        let body = String::from_utf8_lossy(body);
        let conversations = &self.person.conversations;
        let ids = conversations.iter().map(ConversationId::peer);
        let phones = self
            .person
            .phones
            .iter()
            .map(|phone| phone.trim_start_matches('+'));
        let is_named = |one: &ConversationId| {
            // As it is, and as JSON has it.
            let escaped = json!(one.as_str()).to_string();
            stands_in(&body, one.as_str()) || stands_in(&body, escaped.trim_matches('"'))
        };
        conversations.iter().any(is_named)
            || raw
                && ids
                    .chain(phones)
                    .any(|id| id.len() >= LONG && stands_in(&body, id))
    }
}

impl Store {
    async fn hers<'a>(&self, person: &'a Person) -> Result<Hers<'a>, StoreError> {
        let key = self.privacy_key().await?;
        let mut tx = self.db.begin().await?;
        Ok(hers(&mut tx, person, key).await?)
    }
}

async fn hers<'a>(tx: &mut Tx, person: &'a Person, key: &[u8]) -> Result<Hers<'a>, sqlx::Error> {
    let mut hers = Hers::of(person);
    let conversations = person.conversations.iter();
    hers.kept = conversations.map(|one| kept_as(key, one)).collect();
    let visits = whose("SELECT id FROM bookings WHERE ", her_visits!(), &hers);
    let rows = tx.fetch(visits).await?;
    let visits = rows
        .iter()
        .map(|row| row.get(0))
        .collect::<Result<BTreeSet<String>, _>>()?;
    if !visits.is_empty() {
        let unnamed = sql(
            "SELECT position, event FROM events WHERE conversation IS NULL \
                 AND kind IN ('booking', 'reminder', 'lead', 'rating')",
        );
        for row in tx.fetch(unnamed).await? {
            let event: Event = row.json(1)?;
            if event.booking_id.is_some_and(|id| visits.contains(&id)) {
                hers.events.push(row.get(0)?);
            }
        }
    }
    for row in tx
        .fetch(sql("SELECT position, topic, body FROM dead"))
        .await?
    {
        let raw = row.get::<String>(1)?.starts_with("webhook.");
        if hers.are_named_in(&row.get::<Vec<u8>>(2)?, raw) {
            hers.dead.push(row.get(0)?);
        }
    }
    let desks = sql("SELECT position, body FROM parked WHERE topic LIKE 'outbound.%'");
    for row in tx.fetch(desks).await? {
        if hers.are_named_in(&row.get::<Vec<u8>>(1)?, false) {
            hers.parked.push(row.get(0)?);
        }
    }
    for row in tx.fetch(sql("SELECT id, card FROM lessons")).await? {
        let card: Json = row.json(1)?;
        let about = card["about"].as_str().unwrap_or_default();
        if person.conversations.iter().any(|one| one.as_str() == about) {
            hers.lessons.push(row.get(0)?);
        }
    }
    Ok(hers)
}

/// A shorter id would be found anywhere.
const LONG: usize = 5;

/// An erasure under way.
struct Forget<'a> {
    key: &'a [u8],
    hers: &'a Hers<'a>,
}

impl Forget<'_> {
    async fn delete(&self, tx: &mut Tx, table: &Table) -> Result<u64, sqlx::Error> {
        let delete = format!("DELETE FROM {} WHERE ", table.name);
        tx.execute(whose(&delete, table.whose, self.hers)).await
    }

    /// Takes the person out of rows that stay.
    async fn bare(&self, tx: &mut Tx, table: &Table) -> Result<u64, sqlx::Error> {
        match table.name {
            "ledger" => {
                self.rename(
                    tx,
                    "UPDATE ledger SET provider_id = NULL, error_text = NULL, \
                     conversation = $1 WHERE conversation = $2",
                )
                .await
            }
            "kpi_dialogues" => {
                self.rename(
                    tx,
                    "UPDATE kpi_dialogues SET conversation = $1 WHERE conversation = $2",
                )
                .await
            }
            "staff_looks" => {
                self.rename(
                    tx,
                    "UPDATE staff_looks SET conversation = $1 WHERE conversation = $2",
                )
                .await
            }
            "events" => self.bare_events(tx, table).await,
            "reminders" => self.bare_reminders(tx, table).await,
            "book_changes" => self.bare_changes(tx, table).await,
            _ => self.bare_bookings(tx, table).await,
        }
    }

    async fn rename(&self, tx: &mut Tx, update: &'static str) -> Result<u64, sqlx::Error> {
        let mut touched = 0;
        for conversation in self.hers.conversations() {
            let statement = sql(update)
                .bind(&self.pseudonym(conversation))
                .bind(conversation);
            touched += tx.execute(statement).await?;
        }
        Ok(touched)
    }

    fn pseudonym(&self, conversation: &ConversationId) -> ConversationId {
        pseudonym(self.key, conversation)
    }

    /// Rows of a table, by their key in the first column.
    async fn rows(
        &self,
        tx: &mut Tx,
        table: &Table,
        columns: &str,
    ) -> Result<Vec<Row>, sqlx::Error> {
        let select = format!("SELECT {columns} FROM {} WHERE ", table.name);
        tx.fetch(whose(&select, table.whose, self.hers).for_update())
            .await
    }

    async fn bare_events(&self, tx: &mut Tx, table: &Table) -> Result<u64, sqlx::Error> {
        let rows = self.rows(tx, table, "position, event").await?;
        for row in &rows {
            let event: Event = row.json(1)?;
            let pseudonym = event
                .conversation_id
                .as_ref()
                .map(|one| self.pseudonym(one));
            let name = pseudonym.as_ref().map(ConversationId::as_str);
            let statement =
                sql("UPDATE events SET conversation = $1, event = $2 WHERE position = $3");
            let statement = statement.bind(name);
            let event = written_row(&event.without_person(pseudonym.clone()))?;
            tx.execute(statement.bind(event).bind(row.get::<i64>(0)?))
                .await?;
        }
        Ok(rows.len() as u64)
    }

    async fn bare_reminders(&self, tx: &mut Tx, table: &Table) -> Result<u64, sqlx::Error> {
        let rows = self
            .rows(tx, table, "booking, version, step, tries")
            .await?;
        for row in &rows {
            let mut tries: Vec<ReminderTry> = row.json(3)?;
            for one in &mut tries {
                one.conversation = self.pseudonym(&one.conversation);
            }
            let statement = sql("UPDATE reminders SET tries = $1 \
                 WHERE booking = $2 AND version = $3 AND step = $4");
            let statement = statement
                .bind(written_row(&tries)?)
                .bind(row.get::<String>(0)?);
            let statement = statement
                .bind(row.get::<i64>(1)?)
                .bind(row.get::<String>(2)?);
            tx.execute(statement).await?;
        }
        Ok(rows.len() as u64)
    }

    async fn bare_changes(&self, tx: &mut Tx, table: &Table) -> Result<u64, sqlx::Error> {
        let columns = "position, after, before";
        let rows = self.rows(tx, table, columns).await?;
        let select = format!("SELECT {columns} FROM book_changes WHERE ");
        let with_her_phone = concat!(
            "booking IN (SELECT id FROM bookings WHERE ",
            others_visits!(),
            ")"
        );
        let others = whose(&select, with_her_phone, self.hers).for_update();
        let others = tx.fetch(others).await?;
        let hers = rows.iter().map(|row| (row, true));
        for (row, is_hers) in hers.chain(others.iter().map(|row| (row, false))) {
            let bared = |column| -> Result<String, sqlx::Error> {
                written_row(&self.bared(row.json(column)?, is_hers))
            };
            let before = match row.get::<Option<String>>(2)? {
                Some(_) => Some(bared(2)?),
                None => None,
            };
            let statement =
                sql("UPDATE book_changes SET after = $1, before = $2 WHERE position = $3")
                    .bind(bared(1)?)
                    .bind(before.as_deref());
            tx.execute(statement.bind(row.get::<i64>(0)?)).await?;
        }
        Ok((rows.len() + others.len()) as u64)
    }

    async fn bare_bookings(&self, tx: &mut Tx, table: &Table) -> Result<u64, sqlx::Error> {
        let rows = self.rows(tx, table, "id, booking").await?;
        let select = "SELECT id, booking FROM bookings WHERE ";
        let others = whose(select, others_visits!(), self.hers).for_update();
        let others = tx.fetch(others).await?;
        let hers = rows.iter().map(|row| (row, true));
        for (row, is_hers) in hers.chain(others.iter().map(|row| (row, false))) {
            let statement = if is_hers {
                sql(
                    "UPDATE bookings SET conversation = NULL, phone = NULL, booking = $1 WHERE id = $2",
                )
            } else {
                sql("UPDATE bookings SET phone = NULL, booking = $1 WHERE id = $2")
            };
            let booking = written_row(&self.bared(row.json(1)?, is_hers))?;
            tx.execute(statement.bind(booking).bind(row.get::<String>(0)?))
                .await?;
        }
        Ok((rows.len() + others.len()) as u64)
    }

    /// A visit without the person, or, where it is another's, without her phone.
    fn bared(&self, booking: Booking, is_hers: bool) -> Booking {
        if is_hers {
            return nobodys(booking);
        }
        let phones = &self.hers.person.phones;
        let phone = booking.phone.filter(|phone| !phones.contains(phone));
        Booking { phone, ..booking }
    }
}

/// Stands for a conversation: the same for the same one, so that figures that count conversations stay right.
fn pseudonym(key: &[u8], conversation: &ConversationId) -> ConversationId {
    if conversation.peer().starts_with(ERASED) {
        return conversation.clone();
    }
    let kept = kept_as(key, conversation);
    pseudonym_of(conversation, kept.peer().trim_start_matches(KEPT))
}

/// A visit of which nobody knows whose it was.
pub(super) fn nobodys(booking: Booking) -> Booking {
    Booking {
        conversation: None,
        name: String::new(),
        phone: None,
        for_whom: None,
        notes: None,
        ..booking
    }
}

/// Her visits that lie ahead and are not cancelled, the first first.
fn ahead(hers: &Hers<'_>, now: DateTime<Utc>) -> Sql {
    let begin = "SELECT booking FROM bookings WHERE active = 1 AND ";
    let mut statement = whose(begin, her_visits!(), hers).then(" AND ends_at > ");
    let place = statement.value(now);
    statement.then(&format!("${place} ORDER BY starts_at"))
}

/// What the CRM has of a person.
async fn records(tx: &mut Tx, hers: &Hers<'_>) -> Result<Vec<String>, sqlx::Error> {
    let select = "SELECT DISTINCT record FROM enquiries WHERE record IS NOT NULL AND ";
    let rows = tx.fetch(whose(select, "conversation IN {c}", hers)).await?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// Where she was written out to, alone or with everybody.
async fn exports(tx: &mut Tx, hers: &Hers<'_>) -> Result<Vec<String>, sqlx::Error> {
    let select = "SELECT DISTINCT target FROM exports WHERE ";
    let whose = whose(select, "conversation IS NULL OR conversation IN {c}", hers);
    let rows = tx.fetch(whose).await?;
    rows.iter().map(|row| row.get(0)).collect()
}

pub(super) fn hash(key: &[u8], name: &str) -> String {
    // A key of any length is one.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return String::new();
    };
    mac.update(name.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// A statement and which rows it is about.
pub(super) fn whose(begin: &str, rows: &str, hers: &Hers<'_>) -> Sql {
    let mut statement = sql("").then(begin).then("(");
    let mut rest = rows;
    while let Some((text, after)) = rest.split_once('{') {
        let (what, after) = after.split_once('}').unwrap_or((after, ""));
        statement = statement.then(text).list(values(what, hers));
        rest = after;
    }
    statement.then(rest).then(")")
}

/// No conversation, phone or scope has this name: no list of values is empty.
const NOBODY: &str = "-";

/// What a letter stands for.
fn values(what: &str, hers: &Hers<'_>) -> Vec<Value> {
    let conversations = hers.person.conversations.iter();
    let texts = std::iter::once(Value::from(NOBODY));
    let positions = std::iter::once(Value::from(-1_i64));
    match what {
        "c" => texts.chain(hers.conversations().map(Value::from)).collect(),
        "p" => texts
            .chain(hers.person.phones.iter().map(Value::from))
            .collect(),
        // As `channels/src/whatsapp` names it.
        "n" => texts
            .chain(conversations.map(|one| {
                let customer = ids::derive(&["newest id", one.as_str()]);
                Value::from(format!("whatsapp:newest-id:{customer}"))
            }))
            .collect(),
        "l" => texts.chain(hers.lessons.iter().map(Value::from)).collect(),
        "e" => positions
            .chain(hers.events.iter().copied().map(Value::from))
            .collect(),
        "d" => positions
            .chain(hers.dead.iter().copied().map(Value::from))
            .collect(),
        _ => positions
            .chain(hers.parked.iter().copied().map(Value::from))
            .collect(),
    }
}

/// A column as text, whatever it is.
fn as_text(table: &Table, column: &str) -> String {
    match (table.name, column) {
        // Bytes: read as they are.
        ("parked" | "dead", "body") => column.to_owned(),
        _ => format!("CAST({column} AS TEXT)"),
    }
}

/// A row as a person reads it: times as times, documents as what is in them.
fn told(row: &Row, columns: &[&str]) -> Result<Json, sqlx::Error> {
    let mut fields = Map::new();
    for (n, &name) in columns.iter().enumerate() {
        let text = if name == "body" {
            row.get::<Option<Vec<u8>>>(n)
                .map(|bytes| bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
                .or_else(|_| row.get(n))?
        } else {
            row.get::<Option<String>>(n)?
        };
        let Some(text) = text else { continue };
        let is_time = matches!(name, "at" | "due" | "until" | "hour") || name.ends_with("_at");
        let time = is_time.then(|| text.parse().ok().and_then(DateTime::from_timestamp_millis));
        let value = match time.flatten() {
            Some(time) => json!(time),
            None if text.starts_with(['{', '[']) => {
                serde_json::from_str(&text).unwrap_or(Json::String(text))
            }
            None => Json::String(text),
        };
        fields.insert(name.to_owned(), value);
    }
    Ok(Json::Object(fields))
}

fn written(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|_| StoreError::Refused("what is erased cannot be written as JSON".into()))
}

pub(super) fn written_row(value: &impl Serialize) -> Result<String, sqlx::Error> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))
}
