//! The scripts in `deploy/backup`: saved while the program works, destroyed, put back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use bytes::Bytes;
use tempfile::TempDir;
use zapis_core::Clock;
use zapis_core::broker::{self, Publish, Topic};
use zapis_core::config::{EnginesConfig, QueueType, Secret};
use zapis_core::message::ConversationId;
use zapis_core::trace::TraceParent;
use zapis_sandbox::{CallFilter, Fault, FaultKind, Provider};

use crate::support::firm::{Firm, On, PATIENCE, STAFF};
use crate::support::rabbit::Rabbit;
use crate::support::servers::run;

/// One of the scripts.
fn script(name: &str) -> Command {
    let scripts = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/backup"));
    Command::new(scripts.join(name))
}

/// Saves the embedded engines into `folder`; the copy.
fn save(firm: &Firm, folder: &Path) -> PathBuf {
    let saved = run(script("embedded")
        .arg("save")
        .arg(firm.data_dir())
        .arg(folder));
    PathBuf::from(saved.trim())
}

fn restore(firm: &Firm, copy: &Path, options: &[&str]) -> Output {
    let mut restore = script("embedded");
    restore.arg("restore").args(options);
    restore.arg(copy).arg(firm.data_dir()).output().unwrap()
}

fn assert_done(output: &Output) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}

/// Somebody asks for a person, who answers and so takes the conversation over.
async fn taken_over_by_staff(firm: &Firm, chat: i64) {
    firm.sandbox
        .telegram_writes(chat, "Позовите, пожалуйста, человека")
        .unwrap();
    firm.telegram_answer(chat, 0).await;
    let topic = firm.staff_sees("Позовите").await;
    let greeting = "Добрый день, это Мария. Чем помочь?";
    firm.sandbox.staff_writes(STAFF, topic, greeting).unwrap();
    firm.telegram_answer(chat, 1).await;
}

/// What was known before is known again, and customers are answered.
async fn goes_on(firm: &Firm, taken: i64, asked: i64) {
    let taken: ConversationId = format!("telegram:main:{taken}").parse().unwrap();
    let owner = firm
        .store()
        .await
        .ownership(&taken, Clock::system().now())
        .await;
    assert!(owner.unwrap().staff.is_some(), "who may speak is forgotten");
    let story = firm.command(&["trace", &format!("telegram:main:{asked}")]);
    let story = String::from_utf8_lossy(&story.stdout).into_owned();
    assert!(story.contains("адрес"), "the journal is gone:\n{story}");

    // Not in Telegram: the copy says that the poller of before still has its lease.
    let customer = "79210009300";
    let question = "Сколько стоит мужская стрижка?";
    firm.sandbox.whatsapp_writes(customer, question).unwrap();
    assert!(firm.whatsapp_answer(customer, 0).await.contains('₽'));
}

/// Until the journal has what was said: it is written last.
async fn asked_and_journalled(firm: &Firm, chat: i64) {
    let question = "Какой у вас адрес?";
    firm.sandbox.telegram_writes(chat, question).unwrap();
    firm.telegram_answer(chat, 0).await;
    let conversation: ConversationId = format!("telegram:main:{chat}").parse().unwrap();
    let store = firm.store().await;
    for _ in 0..1_200 {
        let events = store.events_of(&conversation, 100).await.unwrap();
        if events
            .iter()
            .any(|event| event.outcome.as_deref() == Some("sent"))
        {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("never journalled:\n{}", firm.log());
}

#[tokio::test]
async fn embedded_files_are_copied_under_load_and_a_lost_disk_is_survived() {
    let mut firm = Firm::open(On::Embedded).await;
    let copies = TempDir::new().unwrap();
    taken_over_by_staff(&firm, 9_001).await;
    asked_and_journalled(&firm, 9_002).await;

    for chat in 9_100..9_160 {
        let question = "До скольки вы работаете?";
        firm.sandbox.telegram_writes(chat, question).unwrap();
    }
    firm.telegram_answer(9_100, 0).await;
    let copy = save(&firm, copies.path());
    for file in ["queue.db", "sessions.db", "zapis.db"] {
        assert!(copy.join(file).exists(), "{file} is missing");
    }

    let refused = restore(&firm, &copy, &[]);
    assert!(
        !refused.status.success(),
        "files were changed under the running program"
    );
    firm.kill();
    fs::remove_dir_all(firm.data_dir()).unwrap();
    assert_done(&restore(&firm, &copy, &[]));
    assert!(!firm.data_dir().join("queue.db").exists());
    firm.start().await;
    goes_on(&firm, 9_001, 9_002).await;
}

#[tokio::test]
async fn a_copy_of_everything_moves_what_is_under_way_to_another_disk() {
    let mut firm = Firm::open(On::Embedded).await;
    let copies = TempDir::new().unwrap();
    let down = FaultKind::Status {
        status: 503,
        html: true,
    };
    let down = Fault::new(Provider::Telegram, down);
    firm.sandbox.add_fault(down.on("sendMessage").to("9201"));
    let question = "Какой у вас адрес?";
    firm.sandbox.telegram_writes(9_201, question).unwrap();
    let sends = CallFilter {
        provider: Some(Provider::Telegram),
        method: Some("sendMessage".into()),
        recipient: Some("9201".into()),
        after: None,
    };
    firm.sandbox
        .calls_until(&sends, PATIENCE, |calls| !calls.is_empty())
        .await;

    firm.stop().await;
    let copy = save(&firm, copies.path());
    fs::remove_dir_all(firm.data_dir()).unwrap();
    assert_done(&restore(&firm, &copy, &["--everything"]));
    firm.sandbox.clear_faults();
    firm.start().await;

    firm.telegram_answer(9_201, 0).await;
    let taken = firm.sandbox.calls(&sends);
    let taken = taken.iter().filter(|call| call.accepted).count();
    assert_eq!(taken, 1, "the reply was sent {taken} times");
}

#[test]
fn a_damaged_copy_is_not_put_back_and_old_copies_go() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let copies = folder.path().join("copies");
    fs::create_dir(&data).unwrap();
    let store = rusqlite::Connection::open(data.join("zapis.db")).unwrap();
    store
        .execute_batch("CREATE TABLE kept(text TEXT); INSERT INTO kept VALUES ('here');")
        .unwrap();
    let save = || {
        let mut save = script("embedded");
        save.env("KEEP", "2").arg("save").arg(&data).arg(&copies);
        PathBuf::from(run(&mut save).trim())
    };

    let first = save();
    save();
    let last = save();
    assert!(!first.exists() && last.exists());
    assert_eq!(fs::read_dir(&copies).unwrap().count(), 2);

    let file = last.join("zapis.db");
    let mut bytes = fs::read(&file).unwrap();
    bytes[4_096..].fill(7);
    fs::write(&file, bytes).unwrap();
    let mut restore = script("embedded");
    let restored = restore.arg("restore").arg(&last).arg(&data).output();
    assert!(!restored.unwrap().status.success());
    let kept: String = store
        .query_row("SELECT text FROM kept", (), |row| row.get(0))
        .unwrap();
    assert_eq!(kept, "here");
}

#[tokio::test]
async fn servers_are_saved_while_the_program_runs_and_put_back() {
    let rabbit = Arc::new(Rabbit::private());
    let on = On::with_rabbit("classic", &rabbit);
    let On::Servers(servers) = &on else {
        unreachable!()
    };
    let servers = Arc::clone(servers);
    let mut firm = Firm::with(on, "", vec![vec!["gateway"], vec!["worker"]]).await;
    let copies = TempDir::new().unwrap();
    let store = copies.path().join("store.dump");
    let sessions = copies.path().join("sessions.rdb");
    taken_over_by_staff(&firm, 9_301).await;
    asked_and_journalled(&firm, 9_302).await;

    let postgres = |action: &str| {
        let mut postgres = script("postgres");
        servers.database.environment(&mut postgres);
        postgres.arg(action).arg(&store).output().unwrap()
    };
    assert_done(&postgres("save"));
    let port = servers.redis.port.to_string();
    run(script("redis")
        .arg("save")
        .arg(&sessions)
        .args(["-p", &port]));

    let refused = postgres("restore");
    assert!(
        !refused.status.success(),
        "the store was changed under running processes"
    );
    // Nothing is under way any more: what the queue held went out.
    let mut drained = script("rabbitmq");
    rabbit.environment(&mut drained);
    run(drained.args(["drained", "test0"]));
    firm.stop().await;
    servers
        .database
        .sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE newer(id INTEGER)");
    let keys = servers.redis.cli(&["dbsize"]);
    servers.redis.stop();
    let files = servers.redis.folder.join("appendonlydir");
    fs::remove_dir_all(&files).unwrap();

    assert_done(&postgres("restore"));
    let newer = "SELECT count(*) FROM pg_tables WHERE tablename = 'newer'";
    assert_eq!(servers.database.sql(newer), "0");
    // A copy of what was put back is as good as the first.
    assert_done(&postgres("save"));
    assert_done(&postgres("restore"));
    run(script("redis")
        .arg("restore")
        .arg(&sessions)
        .arg(&servers.redis.folder));
    servers.redis.start();
    assert!(keys.trim() != "0" && servers.redis.cli(&["dbsize"]) != "0\n");
    let known = servers.redis.cli(&["--scan", "--pattern", "zapis:*9302*"]);
    assert!(!known.trim().is_empty(), "the dialogue is forgotten");
    firm.start().await;
    goes_on(&firm, 9_301, 9_302).await;
}

#[tokio::test]
async fn a_new_rabbitmq_is_set_up_as_the_old_one_was_and_a_full_one_is_not_drained() {
    let old = Rabbit::private();
    old.ctl(&["add_user", "zapis", "secret"]);
    old.ctl(&["set_permissions", "-p", "test0", "zapis", ".*", ".*", ".*"]);
    let config = EnginesConfig {
        broker: Secret::new(old.vhost()),
        queue_type: QueueType::Classic,
        ..EnginesConfig::default()
    };
    let broker = broker::open(&config, "a test").await.unwrap();
    let waiting = Publish {
        topic: Topic::inbound(),
        key: "telegram:main:1".into(),
        id: "1".into(),
        body: Bytes::from_static(b"{}"),
        trace: TraceParent::start(),
    };
    broker.publish(vec![waiting]).await.unwrap();
    broker.close().await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("definitions.json");
    let rabbitmq = |rabbit: &Rabbit| {
        let mut rabbitmq = script("rabbitmq");
        rabbit.environment(&mut rabbitmq);
        rabbitmq
    };

    let mut drained = rabbitmq(&old);
    let drained = drained.env("MINUTES", "0").args(["drained", "test0"]);
    let told = drained.output().unwrap();
    let told = (
        told.status.success(),
        String::from_utf8(told.stderr).unwrap(),
    );
    assert_eq!(told, (false, "1 messages are still under way\n".into()));
    run(rabbitmq(&old).arg("save").arg(&file));
    old.stop();
    let new = Rabbit::private();
    run(rabbitmq(&new).arg("restore").arg(&file));

    new.ctl(&["authenticate_user", "zapis", "secret"]);
    let allowed = new.ctl(&["list_user_permissions", "zapis"]);
    assert!(allowed.contains("test0"), "{allowed}");
    let queues = new.ctl(&["list_queues", "-p", "test0", "name"]);
    assert!(queues.contains("zapis.inbound.0"), "{queues}");
    run(rabbitmq(&new).args(["drained", "test0"]));
}
