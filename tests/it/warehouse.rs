//! The journal written out for a data warehouse: every event once, whatever breaks in between, in every format.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Map, Value, json};
use uuid::Uuid;
use zapis_core::Clock;
use zapis_core::event::{Client, Event, Kind};
use zapis_core::message::ConversationId;
use zapis_core::store::Store;
use zapis_sandbox::{S3, S3_KEY, S3Fault};

use crate::support::firm::{Firm, On};
use crate::support::postgres::Database;

/// More than one part.
const MANY: u32 = 20_300;

/// A row as text, by column; what is missing is not there.
type Row = BTreeMap<String, String>;

/// A store with a journal, and the program beside it.
struct Ground {
    firm: Firm,
    store: Store,
    url: String,
    _database: Option<Database>,
    planted: u32,
}

impl Ground {
    async fn new(database: Option<Database>) -> Self {
        let firm = Firm::closed(On::Embedded, "", Vec::new()).await;
        let file = format!("sqlite:{}", firm.data_dir().join("zapis.db").display());
        let url = database.as_ref().map_or(file, Database::url);
        Self {
            store: Store::open(&url).await.unwrap(),
            firm,
            url,
            _database: database,
            planted: 0,
        }
    }

    /// Adds events: of two days, and now and then of one before, told late.
    async fn plant(&mut self, count: u32) {
        let begin: DateTime<Utc> = "2026-11-26T12:00:00Z".parse().unwrap();
        let numbers = self.planted..self.planted + count;
        let events: Vec<Event> = numbers.map(|n| event(n, begin)).collect();
        for chunk in events.chunks(5_000) {
            self.store.journal(chunk, &[]).await.unwrap();
        }
        self.planted += count;
    }

    fn export(&self, to: &str, more: &[&str]) -> Command {
        let mut args = vec!["export", "--to", to];
        args.extend(more);
        let mut command = self.firm.zapis(&args);
        command.env("ZAPIS__ENGINES__STORE", &self.url);
        command
    }

    /// Runs to a place where the program ends as by `kill -9`.
    fn crashes(&self, to: &str, more: &[&str], at: &str) {
        let output = self.export(to, more).env("ZAPIS_CRASH_AT", at).output();
        let output = output.unwrap();
        assert_eq!(output.status.signal(), Some(6), "{output:?}");
    }

    fn exports(&self, to: &str, more: &[&str]) -> String {
        fine(self.export(to, more).output().unwrap())
    }

    /// What must be written, in order.
    async fn expected(&self, with_persons: bool) -> Vec<Row> {
        let mut rows = Vec::new();
        for (position, event) in self.store.events_after(0, 100_000).await.unwrap() {
            let event = if with_persons {
                event
            } else {
                let conversation = event.conversation_id.clone().unwrap();
                let pseudonym = self.store.pseudonym(&conversation).await.unwrap();
                event.without_person(Some(pseudonym))
            };
            rows.push(row(position, &event));
        }
        rows
    }
}

fn fine(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn event(n: u32, begin: DateTime<Utc>) -> Event {
    let at = begin + TimeDelta::seconds(i64::from(n) * 3);
    let late = if n % 1_000 == 999 { 2 } else { 0 };
    let conversation: ConversationId = format!("telegram:main:{}", 900 + n % 7).parse().unwrap();
    let id = Uuid::from_u128(u128::from(n) + 1);
    let mut event = Event::new(id, Kind::Turn, at - TimeDelta::days(late)).about(&conversation);
    event.customer_text = Some(format!("Это, я «Зоя»;\n\"{n}\""));
    event.client = Some(Client {
        phone: Some("+79210000001".to_owned()),
        name: Some("Зоя".to_owned()),
    });
    event.intent = n.is_multiple_of(3).then(|| "price".to_owned());
    event.confidence = n.is_multiple_of(3).then(|| 0.5 + f64::from(n % 8) / 16.0);
    event.latency_ms = Some(i64::from(n) - 5);
    event.sources = Some(json!([{ "id": format!("entry-{n}") }]));
    event
}

/// The columns that tell most, as any format has them.
fn row(position: i64, event: &Event) -> Row {
    let client = event.client.clone().unwrap_or_default();
    let at = event.timestamp.to_rfc3339_opts(SecondsFormat::Millis, true);
    let all = [
        ("position", Some(position.to_string())),
        ("event_id", Some(event.event_id.to_string())),
        ("timestamp", Some(at)),
        ("kind", Some(event.kind.name().to_owned())),
        (
            "conversation_id",
            event
                .conversation_id
                .as_ref()
                .map(|id| id.as_str().to_owned()),
        ),
        ("channel", event.channel.clone()),
        ("account", event.account.clone()),
        ("client_phone", client.phone),
        ("client_name", client.name),
        ("customer_text", event.customer_text.clone()),
        ("intent", event.intent.clone()),
        ("confidence", event.confidence.map(|one| one.to_string())),
        ("latency_ms", event.latency_ms.map(|one| one.to_string())),
        ("sources", event.sources.as_ref().map(ToString::to_string)),
    ];
    let filled = all.into_iter();
    filled
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

/// A value of JSON as text.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn read(name: &str, bytes: &[u8]) -> Vec<Row> {
    let format = name.rsplit('.').next().unwrap();
    if format == "jsonl" {
        let lines = std::str::from_utf8(bytes).unwrap().lines();
        return lines
            .map(|line| {
                let mut fields: Map<String, Value> = serde_json::from_str(line).unwrap();
                let at: DateTime<Utc> = fields["timestamp"].as_str().unwrap().parse().unwrap();
                fields["timestamp"] = at.to_rfc3339_opts(SecondsFormat::Millis, true).into();
                let fields = fields.into_iter();
                fields
                    .filter_map(|(name, value)| Some((name, text(&value)?)))
                    .collect()
            })
            .collect();
    }
    if format == "csv" {
        let mut reader = csv::Reader::from_reader(bytes);
        let rows = reader.deserialize::<Row>();
        return rows
            .map(|row| {
                let row = row.unwrap().into_iter();
                row.filter(|(_, value)| !value.is_empty()).collect()
            })
            .collect();
    }
    let reader = SerializedFileReader::new(bytes::Bytes::copy_from_slice(bytes)).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| {
        let row = row.unwrap();
        let fields = row.get_column_iter();
        fields
            .filter_map(|(name, field)| Some((name.clone(), of_parquet(field)?)))
            .collect()
    })
    .collect()
}

fn of_parquet(field: &Field) -> Option<String> {
    match field {
        Field::Null => None,
        Field::Str(text) => Some(text.clone()),
        Field::Long(number) => Some(number.to_string()),
        Field::Double(number) => Some(number.to_string()),
        Field::TimestampMillis(at) => {
            let at = DateTime::from_timestamp_millis(*at).unwrap();
            Some(at.to_rfc3339_opts(SecondsFormat::Millis, true))
        }
        other => panic!("{other}"),
    }
}

/// All rows of the files that count, by position; each name is where its rows happened.
fn rows(files: &BTreeMap<String, Vec<u8>>) -> Vec<Row> {
    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let listed = manifest["files"].as_array().unwrap();
    assert_eq!(listed.len() + 1, files.len(), "every file counts, once");
    let mut all = Vec::new();
    for file in listed {
        let name = file["name"].as_str().unwrap();
        let rows = read(name, &files[name]);
        assert_eq!(rows.len() as u64, file["rows"].as_u64().unwrap(), "{name}");
        let day = file["day"].as_str().unwrap();
        let is_of_day = |row: &Row| row["timestamp"].starts_with(day);
        assert!(name.starts_with(&format!("day={day}/")) && rows.iter().all(is_of_day));
        all.extend(rows);
    }
    all.sort_by_key(|row| row["position"].parse::<i64>().unwrap());
    all
}

fn same(found: &[Row], expected: &[Row]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected);
    }
}

fn files_in(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap();
            let name = name.display().to_string();
            if path.is_dir() {
                folders.push(path);
            } else if name != ".lock" {
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}

async fn every_event_is_written_once(database: Option<Database>, format: &str) {
    let mut ground = Ground::new(database).await;
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().to_str().unwrap();
    let args = ["--format", format];
    ground.plant(MANY).await;
    ground.crashes(to, &args, "export.written:2");
    ground.plant(150).await;
    ground.crashes(to, &args, "export.planned");
    ground.plant(50).await;
    ground.exports(to, &args);
    ground.plant(7).await;
    let told = ground.exports(to, &args);
    assert!(told.starts_with("7 events in "), "{told}");
    let told = ground.exports(to, &args);
    assert!(told.starts_with("0 events in 0 new files"), "{told}");

    let files = files_in(folder.path());
    same(&rows(&files), &ground.expected(false).await);
    for (name, bytes) in &files {
        let told = String::from_utf8_lossy(bytes);
        for canary in ["Зоя", "9210000001", "main:90"] {
            assert!(!told.contains(canary), "{name}: {canary}");
        }
    }
    ground.store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_is_written_once_as_json() {
    every_event_is_written_once(None, "jsonl").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_is_written_once_as_csv() {
    every_event_is_written_once(None, "csv").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_is_written_once_as_parquet_from_postgres() {
    every_event_is_written_once(Some(Database::new()), "parquet").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn persons_and_days_are_written_out_only_as_they_were_asked_for() {
    let mut ground = Ground::new(None).await;
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().to_str().unwrap();
    ground.plant(15_000).await;
    let args = [
        "--with-persons",
        "--from",
        "2026-11-26",
        "--before",
        "2026-11-27",
    ];
    ground.exports(to, &args);

    let mut expected = ground.expected(true).await;
    expected.retain(|row| row["timestamp"].starts_with("2026-11-26") && row["kind"] == "turn");
    let found = rows(&files_in(folder.path()));
    // The note that persons are written out is an event of another day.
    same(&found, &expected);
    assert!(found.iter().any(|row| row["client_name"] == "Зоя"));

    // Another run on other terms would mix what does not belong together.
    let output = ground.export(to, &[]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("--with-persons") && said.contains("--before 2026-11-27"),
        "{said}"
    );

    // Whoever is erased later is still in those files, and the receipt says so.
    let who = "telegram:main:901".parse().unwrap();
    let person = ground.store.person_of(&who).await.unwrap().unwrap();
    let now = Clock::system().now();
    let begun = ground
        .store
        .begin_erasure(&person, "test", false, now)
        .await;
    let zapis_core::store::Begun::Begun(id) = begun.unwrap() else {
        panic!("she has no visits");
    };
    ground.store.scrub(id, &person, 0).await.unwrap();
    let receipts = ground.store.receipts().await.unwrap();
    assert!(
        receipts[0].exports.contains(to),
        "{:?}",
        receipts[0].exports
    );
    ground.store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_fails_loses_and_doubles_nothing() {
    use S3Fault::{Cut, CutAfter, Error, None as Fine, Raced};

    let mut ground = Ground::new(None).await;
    let s3 = S3::start().await.unwrap();
    let to = "s3://journal/of/the firm";
    let run = |ground: &Ground, secret: &str, crash: &str| {
        let mut command = ground.export(to, &["--format", "csv"]);
        command
            .env("AWS_ENDPOINT_URL", &s3.url)
            .env("AWS_ACCESS_KEY_ID", S3_KEY.0)
            .env("AWS_SECRET_ACCESS_KEY", secret);
        if !crash.is_empty() {
            command.env("ZAPIS_CRASH_AT", crash);
        }
        command.output().unwrap()
    };
    let secret = S3_KEY.1;
    ground.plant(500).await;
    let refused = run(&ground, "another", "");
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        said.contains("SignatureDoesNotMatch") && !said.contains("another"),
        "{said}"
    );

    // Each kind of trouble at each request of a run: the manifest read, put, a file put, the manifest put.
    s3.fails(&[
        Error, Fine, CutAfter, Cut, Fine, Error, CutAfter, Fine, CutAfter, Error,
    ]);
    fine(run(&ground, secret, ""));
    assert_eq!(s3.faults_left(), 0);
    ground.plant(40).await;
    // Trouble that does not pass ends the run; the next one goes on.
    s3.fails(&[Fine, Fine, Fine, Error, Error, Error, Error, Error]);
    assert_eq!(run(&ground, secret, "").status.code(), Some(1));
    assert_eq!(s3.faults_left(), 0);
    ground.plant(40).await;
    assert_eq!(
        run(&ground, secret, "export.written").status.signal(),
        Some(6)
    );
    ground.plant(40).await;
    fine(run(&ground, secret, ""));

    // Of two runs at once one writes, and the other has written nothing when it learns of that.
    ground.plant(10).await;
    let before = s3.files().into_keys().collect::<Vec<_>>();
    s3.fails(&[Fine, Raced]);
    let raced = run(&ground, secret, "");
    let said = String::from_utf8(raced.stderr).unwrap();
    assert_eq!(raced.status.code(), Some(1), "{said}");
    assert!(said.contains("another export"), "{said}");
    assert_eq!(s3.files().into_keys().collect::<Vec<_>>(), before);
    fine(run(&ground, secret, ""));

    let files = s3.files().into_iter().map(|(name, bytes)| {
        let name = name.strip_prefix("of/the%20firm/").unwrap().to_owned();
        (name, bytes.to_vec())
    });
    same(&rows(&files.collect()), &ground.expected(false).await);
    ground.store.close().await;
}
