//! What time does, through the real program: by itself at night and by the command; and words about health,
//! which are not kept at all.

use chrono::TimeDelta;
use serde_json::Value;
use zapis_core::Clock;
use zapis_core::event::{Event, Kind};
use zapis_core::message::ConversationId;
use zapis_core::store::{Role, Store};
use zapis_sandbox::{CrmComment, CrmEntity, CrmItem};

use crate::support::console::Person;
use crate::support::firm::visitor::Visitor;
use crate::support::firm::{Firm, On, PATIENCE, STAFF, until};

/// Somebody who wrote so many days ago, 120 times.
async fn plant(store: &Store, her: &ConversationId, days: i64) {
    let then = Clock::system().now() - TimeDelta::days(days);
    let said = |n: u128| {
        let id = uuid::Uuid::from_u128(u128::from(days.unsigned_abs()) * 1_000 + n);
        let mut event = Event::new(id, Kind::Inbound, then).about(her);
        event.customer_text = Some("Кенар поёт".to_owned());
        event
    };
    let events: Vec<Event> = (0..120).map(said).collect();
    store.journal(&events, &[]).await.unwrap();
}

/// How many events of the journal still have words.
fn with_words(firm: &Firm) -> i64 {
    firm.count("SELECT count(*) FROM events WHERE event LIKE '%Кенар%'")
}

/// How many rows a table of the command line has for one table of the store.
fn rows_of(over: &Value, table: &str, what: &str) -> u64 {
    let rows = over.as_array().unwrap().iter();
    let mut rows = rows.filter(|one| one["table"] == table && one["what"] == what);
    rows.next().map_or(0, |one| one["rows"].as_u64().unwrap())
}

async fn what_is_over_goes_by_itself(on: On, roles: Vec<Vec<&'static str>>) {
    let last = roles.len() - 1;
    let mut firm = Firm::closed(on, "", roles).await;
    let store = firm.store().await;
    let old = "telegram:main:5550001".parse().unwrap();
    let fresh = "telegram:main:5550002".parse().unwrap();
    plant(&store, &old, 100).await;
    plant(&store, &fresh, 80).await;
    // The night that was missed is made up for at the start, and the power goes in the middle of it.
    firm.start_to_crash(last, "retain.swept:2");
    until("crashed", || firm.has_crashed(last)).await;
    firm.kill();
    assert_eq!(with_words(&firm), 240 - 2 * 50);
    let status = firm.printed(&["privacy", "status", "--json"]);
    assert_eq!(status["last"]["rows"]["events: words"], 100, "{status}");
    assert!(status["last"]["ended_at"].is_null(), "{status}");

    firm.start().await;
    firm.logged("Put away what was kept long enough").await;
    assert_eq!(with_words(&firm), 120);
    let status = firm.printed(&["privacy", "status", "--json"]);
    assert_eq!(status["last"]["rows"]["events: words"], 120, "{status}");
    assert_eq!(status["last"]["rows"]["events: person"], 120, "{status}");
    assert_eq!(store.events_of(&old, 10).await.unwrap(), []);
    assert_eq!(store.events_of(&fresh, 200).await.unwrap().len(), 120);
    let told =
        firm.count("SELECT count(*) FROM events WHERE event LIKE '%\"action\":\"retention\"%'");
    assert_eq!(told, 1);

    // Beside the running program, by hand: what is foretold is done.
    let older = "telegram:main:5550003".parse().unwrap();
    plant(&store, &older, 400).await;
    let over = firm.printed(&["privacy", "run", "--dry-run", "--json"]);
    assert_eq!(rows_of(&over, "events", "rows"), 120, "{over}");
    assert_eq!(with_words(&firm), 240);
    let swept = firm.printed(&["privacy", "run", "--json"]);
    assert_eq!(swept["rows"]["events: rows"], 120, "{swept}");
    assert_eq!(with_words(&firm), 120);
    let over = firm.printed(&["privacy", "run", "--dry-run", "--json"]);
    assert_eq!(over, Value::Array(Vec::new()));
    let compacted = firm.command(&["privacy", "run", "--compact"]);
    assert!(compacted.status.success(), "{compacted:?}");
    firm.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_over_goes_at_night() {
    what_is_over_goes_by_itself(On::Embedded, vec![vec!["run"]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_on_servers() {
    let roles = vec![vec!["gateway"], vec!["worker"]];
    what_is_over_goes_by_itself(On::servers("classic"), roles).await;
}

/// Everything that is kept of conversations, the board of the sessions excepted.
fn kept(firm: &Firm) -> String {
    if let Some(servers) = firm.servers() {
        let names =
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'";
        let rows = |table: &str| {
            let rows = format!("SELECT row::text FROM {table} AS row");
            servers.database.sql(&rows)
        };
        let tables: String = servers.database.sql(names).lines().map(rows).collect();
        let keys = servers.redis.cli(&["KEYS", "*"]);
        let hashes = keys
            .lines()
            .filter(|key| servers.redis.cli(&["TYPE", key]).trim() == "hash");
        let sessions: String = hashes
            .map(|key| servers.redis.cli(&["HGETALL", key]))
            .collect();
        assert!(sessions.contains("transcript"), "{sessions}");
        return tables + &sessions;
    }
    let mut all = String::new();
    for file in ["zapis.db", "sessions.db"] {
        let file = rusqlite::Connection::open(firm.data_dir().join(file)).unwrap();
        file.busy_timeout(PATIENCE).unwrap();
        let names =
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        let mut names = file.prepare(names).unwrap();
        let names = names.query_map([], |row| row.get::<_, String>(0)).unwrap();
        for name in names.map(Result::unwrap) {
            let mut rows = file.prepare(&format!("SELECT * FROM {name}")).unwrap();
            let columns = rows.column_count();
            let mut rows = rows.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                for column in 0..columns {
                    match row.get::<_, rusqlite::types::Value>(column).unwrap() {
                        rusqlite::types::Value::Text(text) => all += &text,
                        rusqlite::types::Value::Blob(bytes) => {
                            all += &String::from_utf8_lossy(&bytes);
                        }
                        _ => {}
                    }
                    all.push('\n');
                }
            }
        }
    }
    all
}

/// What is said of health. The knowledge of the firm has none of it in these forms.
const SECRETS: [&str; 4] = ["беременна", "диабет", "гемофили", "псориаз"];

/// What a person said and how far it came is seen beside the words, though the sender keeps none.
async fn its_mark_is_seen(firm: &Firm, person: &Person, chat: i64) {
    let address = format!("/console/chats/telegram:main:{chat}");
    let give_up = tokio::time::Instant::now() + PATIENCE;
    loop {
        let page = person.reads(&address).await;
        let staff = page.split("class=\"line staff").nth(1);
        let line = staff.and_then(|line| line.split("</li>").next());
        let line = line.unwrap_or_default();
        if line.contains("При гемофилии") && line.contains("class=\"mark sent") {
            return;
        }
        assert!(
            tokio::time::Instant::now() < give_up,
            "{page}\n{}",
            firm.log()
        );
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

async fn health_is_not_kept_of(on: On, roles: Vec<Vec<&'static str>>) {
    let mut firm = Firm::with(on, "[privacy]\nmedical = true\n{crm}", roles).await;
    let (store, chat) = (firm.store().await, 5_550_009);
    firm.sandbox
        .telegram_writes(chat, "Сколько стоит мужская стрижка?")
        .unwrap();
    firm.telegram_answer(chat, 0).await;
    let asks = "Я беременна, и у мужа диабетическая стопа. Можно мне педикюр?";
    firm.sandbox.telegram_writes(chat, asks).unwrap();
    firm.telegram_answer(chat, 1).await;
    let topic = firm.staff_sees("о здоровье: подробности не хранятся").await;

    // Who looks after her reads it in the console, and answers.
    let person = Person::joins(&firm, "maria", "Мария", Role::Owner).await;
    let page = person
        .reads(&format!("/console/chats/telegram:main:{chat}"))
        .await;
    assert!(page.contains(asks), "{page}");
    firm.sandbox
        .staff_writes(STAFF, topic, "При гемофилии приходите после врача")
        .unwrap();
    let answer = firm.telegram_answer(chat, 2).await;
    assert!(answer.contains("При гемофилии"), "{answer}");
    its_mark_is_seen(&firm, &person, chat).await;

    // A visitor of the site.
    let mut visitor = Visitor::open(&firm.url, None, 0).await.unwrap();
    let id = "0192f0c1-0000-7000-8000-000000000001";
    assert!(
        visitor
            .write(id, "У меня псориазом поражены ногти, возьмёте?")
            .await
    );
    visitor.next_of("message").await.unwrap();
    let conversation: ConversationId = visitor.hello["conversation"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();

    let has = |part: &'static str| {
        move |comments: &[CrmComment]| comments.iter().any(|one| one.text.contains(part))
    };
    let comments = firm
        .sandbox
        .bitrix24_comments_until(PATIENCE, has("о здоровье: подробности"));
    let comments = comments.await;
    assert!(has("о здоровье: подробности")(&comments), "{comments:#?}");
    assert!(has("Сколько стоит")(&comments), "{comments:#?}");
    until("settled", || firm.queued() == 0).await;
    let there = |leads: &[CrmItem]| !leads.is_empty();
    let leads = firm
        .sandbox
        .bitrix24_until(CrmEntity::Lead, PATIENCE, there)
        .await;
    let staff = firm.sandbox.telegram_transcript(STAFF, topic);
    // The person of the firm wrote there herself.
    let staff: Vec<_> = staff.iter().filter(|line| line.from == "bot").collect();
    let kept = kept(&firm);
    let log = firm.log();
    let places = [
        ("the store or a session", kept.as_str()),
        ("the CRM", &format!("{leads:?}{comments:?}")),
        ("the staff's chat", &format!("{staff:?}")),
        ("the log", &log),
    ];
    for (place, text) in places {
        for secret in SECRETS {
            let found = text
                .lines()
                .find(|line| line.to_lowercase().contains(secret));
            assert_eq!(found, None, "{secret} in {place}");
        }
    }
    assert!(kept.contains("Сколько стоит"), "all else is kept");
    let said = store.chat_last(&conversation, 10).await.unwrap();
    assert!(
        said.iter().any(|entry| entry.text.contains("о здоровье")),
        "{said:?}"
    );
    firm.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_is_not_kept() {
    health_is_not_kept_of(On::Embedded, vec![vec!["run"]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_is_not_kept_on_servers() {
    let roles = vec![vec!["gateway"], vec!["worker"]];
    health_is_not_kept_of(On::servers("classic"), roles).await;
}
