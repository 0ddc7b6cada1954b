//! A message of several parts on a channel with a narrow limit.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zapis_channels::sender::{Alarm, Sender};
use zapis_channels::{Channel, Probe, SendError, Sent};
use zapis_core::config::{EnginesConfig, Secret};
use zapis_core::lanes::{Failure, Worker};
use zapis_core::message::{Content, Fence, Outbound};
use zapis_core::sessions::{self, Rate};
use zapis_core::store::Store;
use zapis_core::trace::TraceParent;
use zapis_core::{Clock, broker};

/// One message, then one more after a while that nobody waits for in place.
const NARROW: Rate = Rate {
    burst: 1,
    every: Duration::from_millis(300),
};

#[derive(Debug, Default)]
struct Narrow(Mutex<Vec<Uuid>>);

#[async_trait]
impl Channel for Narrow {
    fn name(&self) -> &'static str {
        "narrow"
    }

    fn routes(&self) -> axum::Router {
        axum::Router::new()
    }

    async fn listen(&self, _stop: CancellationToken) {}

    fn limits(&self, _outbound: &Outbound) -> Vec<(String, Rate)> {
        vec![("narrow".into(), NARROW)]
    }

    async fn send(&self, outbound: &Outbound) -> Result<Sent, SendError> {
        self.0.lock().unwrap().push(outbound.id);
        Ok(Sent { provider_id: None })
    }

    fn doubt(&self) -> Duration {
        Duration::ZERO
    }

    async fn probe(&self) -> Vec<Probe> {
        Vec::new()
    }
}

#[derive(Debug)]
struct Quiet;

impl Alarm for Quiet {
    fn undelivered(&self, _: &Outbound, _: &str, _: DateTime<Utc>) -> Option<Outbound> {
        None
    }
}

#[tokio::test]
async fn what_was_sent_takes_no_place_from_the_rest_that_waits_for_one() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("zapis.db");
    let config = EnginesConfig {
        store: Secret::new(format!("sqlite:{}", file.display())),
        data_dir: folder.path().to_owned(),
        ..EnginesConfig::default()
    };
    let clock = Clock::system();
    let channel = Arc::new(Narrow::default());
    let sender = Sender::new(
        Arc::clone(&channel) as Arc<dyn Channel>,
        Store::open(config.store.expose()).await.unwrap(),
        sessions::open(&config, &clock, "a test").unwrap(),
        broker::open(&config, "a test").await.unwrap(),
        Arc::new(Quiet),
        clock.clone(),
    );
    let replies = [1, 2, 3].map(|n| Outbound {
        id: Uuid::from_u128(n),
        conversation: "narrow:main:7".parse().unwrap(),
        turn: None,
        answers: Vec::new(),
        fence: Fence::Staff,
        content: Content::Message {
            text: n.to_string(),
            buttons: Vec::new(),
            staff: None,
        },
        language: "ru".into(),
        purpose: None,
        customer_wrote_at: None,
        at: clock.now(),
        trace: TraceParent::start(),
    });
    let batch = [Arc::new(replies.to_vec())];

    let mut waits = 0;
    while let Err(failure) = sender.handle("lane", &batch).await {
        let Failure::Wait { after } = failure else {
            panic!("{failure}")
        };
        waits += 1;
        assert!(waits < 10, "{:?}", channel.0.lock().unwrap());
        tokio::time::sleep(after).await;
    }

    assert_eq!(*channel.0.lock().unwrap(), replies.map(|reply| reply.id));
}
