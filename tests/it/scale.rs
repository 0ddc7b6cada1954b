//! Several gateways and workers on one RabbitMQ, Redis and PostgreSQL.

use std::fmt::Write;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;
use zapis_core::lanes::Limits;
use zapis_sandbox::{CallFilter, Fault, FaultKind, Provider};

use crate::faults::checker::judge;
use crate::faults::crowd::Crowd;
use crate::support::firm::visitor::Visitor;
use crate::support::firm::{Firm, On, PATIENCE, client};
use crate::support::servers::free_port;

/// Short pauses, so that every message is a turn of its own.
const QUICK: &str = "\n[dialogue]\ncoalesce_ms = 0\ncoalesce_max_ms = 0\n";

/// One more process of a firm, with a log of its own.
struct Process {
    child: Child,
    url: String,
    log: TempDir,
}

impl Process {
    fn start(firm: &Firm, role: &[&str], settings: &[(&str, &str)]) -> Self {
        let log = tempfile::tempdir().unwrap();
        let file = fs::File::create(log.path().join("log")).unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let child = Command::new(env!("CARGO_BIN_EXE_zapis"))
            .args(role)
            .arg("--config")
            .arg(firm.config_file())
            .env("ZAPIS__SERVER__LISTEN", &address)
            .envs(settings.iter().copied())
            .stdout(Stdio::from(file.try_clone().unwrap()))
            .stderr(Stdio::from(file))
            .spawn()
            .unwrap();
        let url = format!("http://{address}");
        Self { child, url, log }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.log.path().join("log")).unwrap()
    }

    async fn ready(&self) {
        let (client, ready) = (client(), format!("{}/health/ready", self.url));
        eventually("it is ready", || async {
            let answer = client.get(&ready).send().await;
            answer.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }

    /// SIGTERM; it must end well.
    async fn stop(mut self) {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        eventually("it stops", || {
            let status = self.child.try_wait().unwrap();
            assert!(status.is_none_or(|status| status.success()), "{status:?}");
            async move { status.is_some() }
        })
        .await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

async fn eventually<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "never came to this: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Customers of Telegram write until this worker has taken a turn: it has got partitions of the
/// others.
async fn takes_part(firm: &Firm, crowd: &mut Crowd, worker: &Process) {
    let deadline = Instant::now() + PATIENCE;
    while !worker.log().contains("Took a turn") {
        assert!(
            Instant::now() < deadline,
            "the new worker got nothing to do:\n{}",
            worker.log()
        );
        for chat in 9_000..9_012 {
            let sent = firm
                .sandbox
                .telegram_writes(chat, "Какой у вас адрес?")
                .unwrap();
            let id = format!("m{chat}:{}", sent["message_id"]);
            let written = crowd.written.entry(format!("telegram:main:{chat}"));
            written.or_default().push(id);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test]
async fn workers_come_and_go_under_load_and_order_holds() {
    let roles = vec![vec!["gateway"], vec!["worker"]];
    let firm = Firm::with(On::servers("classic"), QUICK, roles).await;
    let other = Process::start(&firm, &["gateway"], &[]);
    other.ready().await;
    let mut crowd = Crowd::new(11);
    crowd.write(&firm, 10);

    let second = Process::start(&firm, &["worker"], &[]);
    takes_part(&firm, &mut crowd, &second).await;
    let third = Process::start(&firm, &["worker"], &[]);
    takes_part(&firm, &mut crowd, &third).await;
    crowd.chat(&firm).await;
    crowd.write(&firm, 8);
    second.stop().await;
    crowd.write(&firm, 8);
    // Killed in the middle of things: the other two take its partitions over.
    drop(third);
    crowd.write(&firm, 8);
    let fourth = Process::start(&firm, &["worker"], &[]);
    takes_part(&firm, &mut crowd, &fourth).await;

    let verdict = judge(&firm, &crowd).await;
    println!("{verdict:?}");
    assert!(verdict.messages > 70, "{verdict:?}");
}

#[tokio::test]
async fn a_chat_is_the_same_at_every_gateway() {
    let roles = vec![vec!["gateway"], vec!["worker"], vec!["worker"]];
    let firm = Firm::with(On::servers("classic"), QUICK, roles).await;
    let other = Process::start(&firm, &["gateway"], &[]);
    other.ready().await;
    let mut here = Visitor::open(&firm.url, None, 0).await.unwrap();
    let token = here.token();
    let mut there = Visitor::open(&other.url, Some(&token), 0).await.unwrap();
    assert_eq!(there.hello["resumed"], true);

    // Both write, one after the other; each sees the other's words and every answer.
    let (mut here_saw, mut others_saw) = (Vec::new(), Vec::new());
    for n in 0..6 {
        let id = Uuid::new_v4().to_string();
        let (writer, seen, reader, read) = if n % 2 == 0 {
            (&mut here, &mut here_saw, &mut there, &mut others_saw)
        } else {
            (&mut there, &mut others_saw, &mut here, &mut here_saw)
        };
        assert!(writer.write(&id, "Какой у вас адрес?").await);
        let ack = writer.next_of("ack").await.unwrap();
        assert_eq!(ack["id"], id.as_str());
        seen.push(ack["seq"].as_i64().unwrap());
        let said = reader.next_of("message").await.unwrap();
        assert_eq!(
            (&said["from"], &said["id"]),
            (&"customer".into(), &id.as_str().into())
        );
        read.push(said["seq"].as_i64().unwrap());
        let (first, second) = (
            writer.next_of("message").await,
            reader.next_of("message").await,
        );
        let (first, second) = (first.unwrap(), second.unwrap());
        assert_eq!(first, second);
        assert_eq!(first["from"], "bot");
        seen.push(first["seq"].as_i64().unwrap());
        read.push(second["seq"].as_i64().unwrap());
    }
    let all: Vec<i64> = (1..=12).collect();
    assert_eq!((here_saw, others_saw), (all.clone(), all));

    // Who comes back to either gateway misses nothing.
    let again = Visitor::open(&other.url, Some(&token), 5).await.unwrap();
    let missed: Vec<i64> = again.hello["history"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|event: &Value| event["seq"].as_i64())
        .collect();
    assert_eq!(missed, [6, 7, 8, 9, 10, 11, 12]);
}

/// How long the messenger takes for a call.
const SLOW_MS: i64 = 12_000;

/// How many customers have written: four rounds of calls for one worker, one for four.
const CUSTOMERS: usize = 1_024;

/// Whether so many messages wait for the workers.
async fn waiting(url: &str, count: usize) -> bool {
    let answer = client().get(format!("{url}/metrics")).send().await.unwrap();
    let metrics = answer.text().await.unwrap();
    let line = metrics.lines().find(|line| {
        line.starts_with("zapis_queue_messages")
            && line.contains("\"inbound\"")
            && line.contains("waiting")
    });
    let waiting = line.and_then(|line| line.rsplit(' ').next()?.parse::<usize>().ok());
    waiting.is_some_and(|waiting| waiting >= count)
}

/// Every worker adds calls of its own, more than one alone can have under way. `tests/scale` plays other
/// numbers of workers and shows how many messages a second they get through.
#[tokio::test]
async fn workers_add_up_while_the_messenger_is_slow() {
    let mut table = String::from("workers  messages/s  calls at once\n");
    for workers in numbers_of_workers() {
        let started = calls_of(workers).await;
        let most = most_at_once(&started);
        if workers > 1 {
            assert!(
                most > Limits::default().at_once,
                "{workers} workers: {most}"
            );
        }
        let took = started.last().unwrap() - started.first().unwrap() + SLOW_MS;
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let rate = CUSTOMERS as f64 * 1000.0 / took as f64;
        writeln!(table, "{workers:7}  {rate:10.1}  {most:13}").unwrap();
    }
    println!("Calls take {SLOW_MS} ms each.\n{table}");
}

/// Two, or what `ZAPIS_WORKERS` lists.
#[expect(
    clippy::disallowed_methods,
    reason = "a setting of the test, not of the program"
)]
fn numbers_of_workers() -> Vec<usize> {
    let wanted = std::env::var("ZAPIS_WORKERS").unwrap_or_else(|_| "2".to_owned());
    let numbers = wanted.split_whitespace();
    numbers.map(|number| number.parse().unwrap()).collect()
}

/// When each call to the messenger began, in order, while so many workers get through the backlog of an
/// outage.
async fn calls_of(workers: usize) -> Vec<i64> {
    let firm = Firm::with(On::servers("classic"), QUICK, vec![vec!["gateway"]]).await;
    let slow = FaultKind::Slow {
        ms: SLOW_MS.unsigned_abs(),
    };
    firm.sandbox.add_fault(Fault::new(Provider::Whatsapp, slow));
    for n in 0..CUSTOMERS {
        let customer = (79_210_000_000 + n).to_string();
        firm.sandbox
            .whatsapp_writes(&customer, "Какой у вас адрес?")
            .unwrap();
    }
    eventually("all messages wait", || waiting(&firm.url, CUSTOMERS)).await;
    let unlimited = [(
        "ZAPIS__CHANNELS__WHATSAPP__MAIN__MESSAGES_PER_SECOND",
        "1000",
    )];
    let start = |_| Process::start(&firm, &["worker"], &unlimited);
    let _processes: Vec<Process> = (0..workers).map(start).collect();

    let messages = CallFilter {
        provider: Some(Provider::Whatsapp),
        method: Some("messages".into()),
        ..CallFilter::default()
    };
    let calls = firm
        .sandbox
        .calls_until(&messages, PATIENCE * 4, |calls| calls.len() >= CUSTOMERS)
        .await;
    assert!(calls.len() >= CUSTOMERS, "{} calls", calls.len());
    let mut started: Vec<i64> = calls.iter().map(|call| call.at_ms).collect();
    started.sort_unstable();
    started.truncate(CUSTOMERS);
    started
}

/// The most calls that were under way at the same time.
fn most_at_once(started: &[i64]) -> usize {
    let under_way = |n: usize| {
        let end = started[n] + SLOW_MS;
        started[n..]
            .iter()
            .take_while(|start| **start < end)
            .count()
    };
    (0..started.len()).map(under_way).max().unwrap_or(0)
}
