//! The worker loop on real engines: order, retries, parking, poison, panics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use chrono::DateTime;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use zapis_core::Clock;
use zapis_core::broker::{self, Broker, Publish, Topic};
use zapis_core::config::EnginesConfig;
use zapis_core::lanes::{self, Failure, Limits, Message, Worker};
use zapis_core::store::{Parked, Store};
use zapis_core::trace::TraceParent;

/// What a message asks for is in its body.
#[derive(Debug, Default)]
struct Obedient {
    done: Mutex<BTreeMap<String, Vec<String>>>,
    tries: AtomicUsize,
    released: AtomicBool,
}

impl Worker for Obedient {
    type Task = (String, String);

    fn name(&self) -> &'static str {
        "obedient"
    }

    fn read(&self, message: &Message) -> Result<Self::Task, String> {
        let body = String::from_utf8_lossy(&message.body).into_owned();
        if body == "unreadable" {
            return Err("nobody can read this".into());
        }
        Ok((message.id.clone(), body))
    }

    async fn handle(&self, lane: &str, tasks: &[Arc<Self::Task>]) -> Result<(), Failure> {
        for task in tasks {
            let (id, body) = task.as_ref();
            let tries = self.tries.fetch_add(1, Ordering::SeqCst);
            let soon = Some(Duration::from_millis(5));
            let trouble = || Box::new(std::io::Error::other("no"));
            match body.as_str() {
                "fail" => {
                    return Err(Failure::Later {
                        after: soon,
                        source: trouble(),
                    });
                }
                "panic" if tries == 0 => panic!("as asked"),
                "gone" if tries < 9 => return Err(Failure::Systemic(trouble())),
                "early" if tries < 9 => {
                    return Err(Failure::Wait {
                        after: Duration::from_millis(5),
                    });
                }
                "stall" if !self.released.load(Ordering::SeqCst) => {
                    return Err(Failure::Wait {
                        after: Duration::from_mins(1),
                    });
                }
                "hold" => {
                    while !self.released.load(Ordering::SeqCst) {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                }
                _ => {}
            }
            self.done
                .lock()
                .unwrap()
                .entry(lane.to_owned())
                .or_default()
                .push(id.clone());
        }
        Ok(())
    }
}

/// A worker at its lanes.
struct Ground {
    _folder: TempDir,
    broker: Arc<dyn Broker>,
    store: Store,
    clock: Clock,
    worker: Arc<Obedient>,
    stop: CancellationToken,
}

impl Ground {
    async fn new() -> Self {
        Self::found(&[]).await
    }

    /// Messages that an earlier process left behind: they come again.
    async fn found(messages: &[(&str, &str, &str)]) -> Self {
        Self::found_counted(messages, &[]).await
    }

    /// Messages that an earlier process left behind, and which of them it was handling when it died.
    async fn found_counted(messages: &[(&str, &str, &str)], counted: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        if !messages.is_empty() {
            let config = EnginesConfig {
                data_dir: folder.path().to_owned(),
                ..EnginesConfig::default()
            };
            let broker = broker::open(&config, "an earlier test").await.unwrap();
            broker.publish(to_publish(messages)).await.unwrap();
            broker.close().await;
        }
        let config = EnginesConfig {
            data_dir: folder.path().to_owned(),
            ..EnginesConfig::default()
        };
        let store = format!("sqlite:{}", folder.path().join("zapis.db").display());
        let ground = Self {
            broker: broker::open(&config, "a test").await.unwrap(),
            store: Store::open(&store).await.unwrap(),
            clock: Clock::fixed(DateTime::from_timestamp(1_795_000_000, 0).unwrap()),
            worker: Arc::default(),
            stop: CancellationToken::new(),
            _folder: folder,
        };
        for (lane, id) in counted {
            let key = lanes::attempt_key(lane, id);
            ground.store.count_attempt("inbound", &key).await.unwrap();
        }
        tokio::spawn(lanes::run(
            Arc::clone(&ground.worker),
            Topic::inbound(),
            Arc::clone(&ground.broker),
            ground.store.clone(),
            ground.clock.clone(),
            Limits::default(),
            ground.stop.clone(),
        ));
        ground
    }

    async fn publish(&self, messages: &[(&str, &str, &str)]) {
        self.broker.publish(to_publish(messages)).await.unwrap();
    }

    fn done(&self, lane: &str) -> Vec<String> {
        self.worker
            .done
            .lock()
            .unwrap()
            .get(lane)
            .cloned()
            .unwrap_or_default()
    }

    /// Waits until a lane has done so many messages.
    async fn until(&self, lane: &str, count: usize) -> Vec<String> {
        wait_for(|| async { self.done(lane).len() >= count }).await;
        self.done(lane)
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn to_publish(messages: &[(&str, &str, &str)]) -> Vec<Publish> {
    let message = |(lane, id, body): &(&str, &str, &str)| Publish {
        topic: Topic::inbound(),
        key: (*lane).to_owned(),
        id: (*id).to_owned(),
        body: Bytes::from((*body).to_owned()),
        trace: TraceParent::start(),
    };
    messages.iter().map(message).collect()
}

async fn wait_for<F: Future<Output = bool>>(satisfied: impl Fn() -> F) {
    for _ in 0..3_000 {
        if satisfied().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never came to this");
}

#[tokio::test]
async fn what_never_succeeds_is_set_aside_and_its_lane_goes_on_in_order() {
    let ground = Ground::new().await;

    ground
        .publish(&[
            ("a", "1", ""),
            ("a", "2", "fail"),
            ("a", "3", "unreadable"),
            ("a", "4", ""),
            ("a", "5", ""),
        ])
        .await;

    assert_eq!(ground.until("a", 3).await, ["1", "4", "5"]);
    wait_for(|| async { ground.store.dead_count().await.unwrap() == 2 }).await;
    let dead = ground.store.dead(10).await.unwrap();
    let reason = |id: &str| {
        dead.iter()
            .find(|letter| letter.message_id == id)
            .unwrap()
            .reason
            .clone()
    };
    assert!(
        reason("2").starts_with("gave up after 5 attempts"),
        "{}",
        reason("2")
    );
    assert_eq!(reason("3"), "nobody can read this");
}

#[tokio::test]
async fn a_thousand_stalled_lanes_hold_nobody_up_and_go_on_in_order() {
    let ground = Ground::new().await;
    let stalled: Vec<String> = (0..1_000).map(|n| format!("stalled-{n}")).collect();
    for lane in &stalled {
        ground
            .publish(&[(lane, "1", "stall"), (lane, "2", "")])
            .await;
    }

    ground
        .publish(&[("free", "1", ""), ("free", "2", "")])
        .await;
    assert_eq!(ground.until("free", 2).await, ["1", "2"]);
    // They wait in the store and hold no place in the queue.
    wait_for(|| async {
        ground
            .broker
            .depth(&Topic::inbound())
            .await
            .unwrap()
            .in_hand
            == Some(0)
    })
    .await;
    ground.publish(&[("stalled-7", "3", "")]).await;

    ground.worker.released.store(true, Ordering::SeqCst);
    ground.clock.advance(Duration::from_mins(2));
    assert_eq!(ground.until("stalled-7", 3).await, ["1", "2", "3"]);
    for lane in &stalled {
        assert_eq!(ground.until(lane, 2).await[..2], ["1", "2"]);
    }
    wait_for(|| async {
        ground
            .store
            .parked_lanes("inbound")
            .await
            .unwrap()
            .is_empty()
    })
    .await;
    ground.publish(&[("stalled-7", "4", "")]).await;
    assert_eq!(ground.until("stalled-7", 4).await, ["1", "2", "3", "4"]);
}

#[tokio::test]
async fn a_lane_that_was_parked_before_the_clock_was_put_back_goes_on_at_once() {
    let ground = Ground::new().await;
    let in_an_hour = ground.clock.now() + chrono::TimeDelta::hours(1);
    let parked = Parked {
        seq: 0,
        id: "1".into(),
        body: Bytes::new(),
        trace: TraceParent::start(),
    };
    let lane = ground
        .store
        .park("inbound", "a", std::slice::from_ref(&parked), in_an_hour);
    lane.await.unwrap();

    assert_eq!(ground.until("a", 1).await, ["1"]);
}

#[tokio::test]
async fn those_that_were_handled_when_the_process_died_are_tried_one_at_a_time() {
    let messages = [("a", "1", "hold"), ("b", "1", "hold"), ("c", "1", "")];
    let ground = Ground::found_counted(&messages, &[("a", "1"), ("b", "1")]).await;
    let counted = async || {
        let mut sum = 0;
        for lane in ["a", "b"] {
            let key = lanes::attempt_key(lane, "1");
            sum += ground.store.attempts("inbound", &key).await.unwrap();
        }
        sum
    };

    ground.until("c", 1).await;
    wait_for(|| async { counted().await == 3 && ground.worker.tries.load(Ordering::SeqCst) == 2 })
        .await;
    ground.publish(&[("d", "1", "")]).await;
    ground.until("d", 1).await;
    assert_eq!(counted().await, 3, "a crash now would count against both");

    ground.worker.released.store(true, Ordering::SeqCst);
    ground.until("a", 1).await;
    ground.until("b", 1).await;
}

#[tokio::test]
async fn a_panic_is_a_failure_like_any_other() {
    let ground = Ground::new().await;

    ground.publish(&[("a", "1", "panic"), ("a", "2", "")]).await;

    assert_eq!(ground.until("a", 2).await, ["1", "2"]);
    assert_eq!(ground.store.dead_count().await.unwrap(), 0);
}

#[tokio::test]
async fn missing_engines_burn_no_attempt() {
    let ground = Ground::new().await;
    nothing_is_counted(&ground, "gone").await;
}

#[tokio::test]
async fn waiting_burns_no_attempt_of_a_message_that_comes_again() {
    let ground = Ground::found(&[("a", "1", "early"), ("a", "2", "")]).await;
    assert_eq!(ground.until("a", 2).await, ["1", "2"]);
    assert_eq!(ground.store.dead_count().await.unwrap(), 0);
}

#[tokio::test]
async fn missing_engines_burn_no_attempt_of_a_message_that_comes_again() {
    let ground = Ground::found(&[("a", "1", "gone"), ("a", "2", "")]).await;
    assert_eq!(ground.until("a", 2).await, ["1", "2"]);
    assert_eq!(ground.store.dead_count().await.unwrap(), 0);
}

async fn nothing_is_counted(ground: &Ground, body: &str) {
    ground.publish(&[("a", "1", body), ("a", "2", "")]).await;

    assert_eq!(ground.until("a", 2).await, ["1", "2"]);
    assert_eq!(ground.store.dead_count().await.unwrap(), 0);
}
