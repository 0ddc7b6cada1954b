//! What Prometheus reads: the promised names, and never more series than there are places.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use metrics_exporter_prometheus::PrometheusBuilder;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zapis_channels::sender::{Alarm, Sender};
use zapis_channels::{Channel, Probe, SendError, Sent};
use zapis_core::Clock;
use zapis_core::broker;
use zapis_core::config::EnginesConfig;
use zapis_core::intake::{Arrival, Intake};
use zapis_core::lanes::Worker;
use zapis_core::message::{
    Content, ConversationId, Fence, Inbound, Outbound, Profile, ProviderError, What,
};
use zapis_core::sessions::{self, Rate};
use zapis_core::store::Store;
use zapis_core::trace::TraceParent;

use crate::support::firm::visitor::Visitor;
use crate::support::firm::{Firm, On};

/// How many values a label may have at most, with "other" among them.
const SERIES: usize = 110;

#[tokio::test]
async fn everything_that_dashboards_and_alerts_rest_on_is_there() {
    let firm = Firm::open(On::Embedded).await;
    let _visitor = Visitor::open(&firm.url, None, 0).await.unwrap();
    firm.sandbox
        .whatsapp_writes("79210000401", "Позовите, пожалуйста, человека")
        .unwrap();
    firm.whatsapp_answer("79210000401", 0).await;
    let topic = firm.staff_sees("Позовите").await;
    let called = wait_for(&firm, "zapis_calls_open 1").await;
    firm.sandbox
        .staff_writes(crate::support::firm::STAFF, topic, "Добрый день!")
        .unwrap();
    firm.whatsapp_answer("79210000401", 1).await;
    let metrics = wait_for(&firm, "zapis_conversations_owned 1").await;

    assert!(called.contains("zapis_turns_total{channel=\"whatsapp\",outcome=\"handed_over\"} 1"));
    assert!(metrics.contains("zapis_ownership_changes_total{to=\"staff\"} 1"));
    assert!(metrics.contains("zapis_calls_open 0"), "{metrics}");
    for stage in [
        "accept", "queue", "load", "think", "commit", "publish", "claim", "record",
    ] {
        let count = format!("zapis_stage_seconds_count{{stage=\"{stage}\"}}");
        assert!(metrics.contains(&count), "{count} is not in\n{metrics}");
    }
    for name in [
        "zapis_inbound_total{channel=\"whatsapp\",kind=\"text\"}",
        "zapis_sends_total{channel=\"whatsapp\",outcome=\"sent\",code=\"\"}",
        "zapis_send_seconds_count{channel=\"whatsapp\"}",
        "zapis_deliveries_total{status=\"delivered\"}",
        "zapis_jobs_total{worker=\"answer\",verdict=\"done\"}",
        "zapis_job_seconds_count{worker=\"send\"}",
        "zapis_account_stopped{channel=\"whatsapp\",account=\"main\"} 0",
        "zapis_queue_messages{topic=\"inbound\",state=\"waiting\"}",
        "zapis_queue_oldest_seconds{topic=\"outbound.telegram\"}",
        "zapis_parked_lanes{topic=\"inbound\"} 0",
        "zapis_dead_letters 0",
        "zapis_webchat_sockets 1",
        "zapis_engine_up{engine=\"broker\"} 1",
        "zapis_engine_up{engine=\"sessions\"} 1",
        "zapis_engine_up{engine=\"store\"} 1",
        "zapis_build_info{version=\"",
        "zapis_process_resident_bytes ",
        "zapis_process_cpu_seconds_total ",
        "zapis_process_open_fds ",
    ] {
        assert!(metrics.contains(name), "{name} is not in\n{metrics}");
    }
}

#[tokio::test]
async fn an_engine_that_is_gone_is_shown_as_down_until_it_is_back() {
    let on = On::servers("classic");
    let firm = Firm::open(on.clone()).await;
    let On::Servers(servers) = &on else {
        unreachable!()
    };
    wait_for(&firm, "zapis_engine_up{engine=\"sessions\"} 1").await;

    servers.redis.stop();
    let metrics = wait_for(&firm, "zapis_engine_up{engine=\"sessions\"} 0").await;
    servers.redis.start();
    wait_for(&firm, "zapis_engine_up{engine=\"sessions\"} 1").await;

    assert!(metrics.contains("zapis_engine_up{engine=\"store\"} 1"));
}

/// Waits for a line: gauges are measured every few seconds.
async fn wait_for(firm: &Firm, line: &str) -> String {
    for _ in 0..600 {
        let metrics = firm.metrics().await;
        if metrics.lines().any(|one| one == line) {
            return metrics;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("never {line}:\n{}", firm.metrics().await);
}

/// A messenger that refuses everything, each time with another code, or finds its accounts locked.
#[derive(Debug)]
struct Moody;

#[async_trait]
impl Channel for Moody {
    fn name(&self) -> &'static str {
        "moody"
    }

    fn routes(&self) -> Router {
        Router::new()
    }

    async fn listen(&self, _stop: CancellationToken) {}

    fn limits(&self, _outbound: &Outbound) -> Vec<(String, Rate)> {
        Vec::new()
    }

    async fn send(&self, outbound: &Outbound) -> Result<Sent, SendError> {
        let code = match outbound.id.as_u128() {
            odd if odd % 3 == 0 => format!("7921{odd:07}"),
            odd if odd % 3 == 1 => format!("Анна {odd}"),
            odd => odd.to_string(),
        };
        let text = String::new();
        let refusal = ProviderError { code, text };
        if outbound.id.as_u128().is_multiple_of(2) {
            return Err(SendError::Stopped(refusal));
        }
        Err(SendError::Refused(refusal))
    }

    fn doubt(&self) -> Duration {
        Duration::ZERO
    }

    async fn probe(&self) -> Vec<Probe> {
        Vec::new()
    }
}

#[derive(Debug)]
struct Silent;

impl Alarm for Silent {
    fn undelivered(
        &self,
        _outbound: &Outbound,
        _reason: &str,
        _now: chrono::DateTime<chrono::Utc>,
    ) -> Option<Outbound> {
        None
    }
}

#[tokio::test]
async fn odd_codes_accounts_and_channels_make_no_series_without_end() {
    const ODD: u128 = 450;
    let recorder = PrometheusBuilder::new().build_recorder();
    let _recorded = metrics::set_default_local_recorder(&recorder);
    let folder = TempDir::new().unwrap();
    let config = EnginesConfig {
        data_dir: folder.path().to_owned(),
        ..EnginesConfig::default()
    };
    let clock = Clock::system();
    let broker = broker::open(&config, "a test").await.unwrap();
    let store = Store::open("sqlite::memory:").await.unwrap();
    let sender = Sender::new(
        Arc::new(Moody),
        store.clone(),
        sessions::open(&config, &clock, "a test").unwrap(),
        Arc::clone(&broker),
        Arc::new(Silent),
        clock.clone(),
    );
    let intake = Intake::new(broker, store, clock.clone());

    for n in 0..ODD {
        let conversation =
            ConversationId::new(&format!("channel{n}"), &format!("account{n}"), "1").unwrap();
        let outbound = vec![outbound(n, &conversation, &clock)];
        // It fails, which is the point.
        sender.handle("lane", &[Arc::new(outbound)]).await.ok();
        let inbound = Box::new(inbound(n, &conversation, &clock));
        let ownership = None;
        let arrival = Arrival::Inbound { inbound, ownership };
        intake.accept(vec![arrival]).await.unwrap();
    }

    let text = recorder.handle().render();
    let series = values_of_labels(&text);
    assert!(series.contains_key("zapis_sends_total code"), "{text}");
    let stopped = "zapis_account_stopped{channel=\"moody\",account=\"account0\"} 1";
    assert!(text.contains(stopped), "{text}");
    for (label, values) in series {
        assert!(values.len() <= SERIES, "{label} has {}", values.len());
        let phone = values.iter().find(|value| value.contains("7921"));
        assert_eq!(phone, None, "in {label}");
    }
}

/// The values of each label of each metric.
fn values_of_labels(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, rest)) = line.split_once('{') else {
            continue;
        };
        let labels = rest.split_once('}').unwrap().0;
        for label in labels.split("\",") {
            let (label, value) = label.split_once("=\"").unwrap();
            let values = found.entry(format!("{name} {label}")).or_default();
            values.insert(value.to_owned());
        }
    }
    found
}

fn outbound(n: u128, conversation: &ConversationId, clock: &Clock) -> Outbound {
    Outbound {
        id: Uuid::from_u128(n),
        conversation: conversation.clone(),
        turn: None,
        answers: Vec::new(),
        fence: Fence::Staff,
        content: Content::Message {
            text: "Добрый день".into(),
            buttons: Vec::new(),
            staff: None,
        },
        language: "ru".into(),
        purpose: None,
        customer_wrote_at: None,
        at: clock.now(),
        trace: TraceParent::start(),
    }
}

fn inbound(n: u128, conversation: &ConversationId, clock: &Clock) -> Inbound {
    Inbound {
        id: n.to_string(),
        conversation: conversation.clone(),
        at: clock.now(),
        received_at: clock.now(),
        profile: Profile::default(),
        what: What::Text {
            text: "Добрый день".into(),
        },
        raw: None,
        trace: TraceParent::start(),
    }
}
