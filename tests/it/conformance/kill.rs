//! `kill -9` at random moments: nothing accepted is lost, order holds, sessions keep what they said.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

use bytes::Bytes;
use zapis_core::Clock;
use zapis_core::broker::{Incoming, Topic};
use zapis_core::message::ConversationId;
use zapis_core::sessions;

use super::broker_ground::{Ground, eventually, message, next, number};
use crate::support::again::again;

/// How many times the process is killed.
const KILLS: usize = 25;
const KEYS: usize = 6;
/// Each life of the process numbers its messages from here on.
const LIFE: usize = 1_000_000;
const FOLDER: &str = "ZAPIS_TEST_KILL_FOLDER";
const LIFE_NUMBER: &str = "ZAPIS_TEST_KILL_LIFE";
const TEST: &str =
    "conformance::kill::nothing_accepted_is_lost_and_order_holds_when_the_process_is_killed";

/// What the killed process said, one line each.
#[derive(Default)]
struct Said {
    accepted: BTreeSet<String>,
    got: BTreeSet<String>,
    saved: u64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_accepted_is_lost_and_order_holds_when_the_process_is_killed() {
    if again(TEST).is_none() {
        return live().await;
    }
    let mut ground = Ground::embedded();
    ground.config.partitions = 4;
    let folder = ground.config.data_dir.clone();
    let mut said = Said::default();
    let seed = std::process::id() as usize;
    println!("seed {seed}");
    for life in 0..KILLS {
        let lines = 20 + (seed.wrapping_mul(31) + life * 7_919) % 1_500;
        live_and_be_killed(&folder, life, lines, &mut said);
    }

    let sessions = sessions::open(&ground.config, &Clock::system(), "a test").unwrap();
    let saved = sessions.load(&conversation()).await.unwrap().unwrap();
    assert!(saved.version >= said.saved, "a commit was lost");
    assert_eq!(saved.body, Bytes::from(saved.version.to_string()));

    let broker = ground.open().await;
    let waiting = broker.depth(&Topic::inbound()).await.unwrap().waiting;
    let mut subscription = broker.subscribe(&Topic::inbound(), 1_000).await.unwrap();
    let mut last: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..waiting {
        let delivery = next(&mut subscription).await;
        assert!(delivery.redelivered);
        let n = number(&delivery.id);
        let before = last.insert(delivery.key.clone(), n);
        assert!(before.is_none_or(|before| before < n), "out of order");
        said.got.insert(delivery.id.clone());
        delivery.ack();
    }
    let missing: Vec<_> = said.accepted.difference(&said.got).collect();
    println!(
        "{} accepted, {} left at the end",
        said.accepted.len(),
        waiting
    );
    assert!(said.accepted.len() > KILLS * 10);
    assert!(missing.is_empty(), "lost: {missing:?}");
    eventually("the queue is empty", || async {
        let depth = broker.depth(&Topic::inbound()).await.unwrap();
        (depth.waiting == 0 && depth.in_hand == Some(0)).then_some(())
    })
    .await;
}

/// Starts a process that is killed after so many lines.
fn live_and_be_killed(folder: &Path, life: usize, limit: usize, said: &mut Said) {
    let mut child = again(TEST)
        .unwrap()
        .env(FOLDER, folder)
        .env(LIFE_NUMBER, life.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut killed = false;
    let mut last: BTreeMap<String, usize> = BTreeMap::new();
    let output = BufReader::new(child.stdout.take().unwrap());
    for (count, line) in output.lines().map(Result::unwrap).enumerate() {
        // What it said before it died counts, even if it is read only now.
        match line.split_once(' ') {
            Some(("accepted", id)) => drop(said.accepted.insert(id.to_owned())),
            Some(("got", id)) => {
                let key = id.split('/').next().unwrap().to_owned();
                let n = number(id);
                let before = last.insert(key, n);
                assert!(
                    before.is_none_or(|before| before < n),
                    "out of order at {id}"
                );
                said.got.insert(id.to_owned());
            }
            Some(("saved", version)) => said.saved = version.parse().unwrap(),
            _ => {}
        }
        if count == limit {
            child.kill().unwrap();
            killed = true;
        }
    }
    child.wait().unwrap();
    assert!(killed, "the process ended by itself");
}

fn conversation() -> ConversationId {
    "webchat:site:kill".parse().unwrap()
}

/// The process that is killed: publishes, consumes and commits for ever, and says what was promised.
#[expect(clippy::disallowed_methods, reason = "how its parent talks to it")]
async fn live() {
    let folder = std::env::var(FOLDER).unwrap();
    let life: usize = std::env::var(LIFE_NUMBER).unwrap().parse().unwrap();
    let mut ground = Ground::embedded();
    ground.config.data_dir = folder.into();
    let broker = ground.open().await;
    for k in 0..KEYS {
        let broker = broker.clone();
        tokio::spawn(async move {
            let key = format!("key{k}");
            for n in life * LIFE.. {
                let message = message(&key, n);
                let id = message.id.clone();
                broker.publish(vec![message]).await.unwrap();
                say(&format!("accepted {id}"));
            }
        });
    }
    let sessions = sessions::open(&ground.config, &Clock::system(), "a test").unwrap();
    tokio::spawn(async move {
        let saved = sessions.load(&conversation()).await.unwrap();
        let mut version = saved.map_or(0, |saved| saved.version);
        loop {
            let body = Bytes::from((version + 1).to_string());
            version = sessions
                .commit(&conversation(), version, body)
                .await
                .unwrap();
            say(&format!("saved {version}"));
        }
    });
    let mut subscription = broker.subscribe(&Topic::inbound(), 8).await.unwrap();
    while let Some(Incoming::Message(delivery)) = subscription.incoming.recv().await {
        say(&format!("got {}", delivery.id));
        delivery.ack();
    }
}

/// A whole line at once: the process can die between two.
fn say(line: &str) {
    let line = format!("{line}\n");
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}
