//! The webhook's route on real engines: statuses, and what is in the queue and the store afterwards.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;
use zapis_core::Clock;
use zapis_core::broker::embedded::EmbeddedBroker;
use zapis_core::broker::{Broker, Incoming, Topic};
use zapis_core::config::Secret;
use zapis_core::intake::Intake;
use zapis_core::message::{Inbound, What};
use zapis_core::store::{ClaimRequest, SendOutcome, Store};

use super::fixtures::{files, folder};
use super::now;
use crate::Channel as _;
use crate::whatsapp::signature::sign;
use crate::whatsapp::{Flavour, WhatsApp, WhatsAppConfig};

const SECRET: &str = "app-secret";
const PATH: &str = "/webhooks/whatsapp/main";

/// The gateway's side of WhatsApp, with embedded engines.
pub(super) struct Door {
    pub(super) whatsapp: WhatsApp,
    pub(super) store: Store,
    pub(super) clock: Clock,
    broker: Arc<EmbeddedBroker>,
    router: Router,
    _folder: TempDir,
}

pub(super) fn number(account: &str, phone_number_id: &str) -> WhatsAppConfig {
    WhatsAppConfig {
        account: account.into(),
        phone_number_id: phone_number_id.into(),
        access_token: Secret::new("token"),
        app_secret: Secret::new(SECRET),
        verify_token: Secret::new("VT"),
        ..WhatsAppConfig::default()
    }
}

impl Door {
    pub(super) async fn open(accounts: Vec<WhatsAppConfig>, clock: Clock) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let broker = Arc::new(EmbeddedBroker::open(folder.path(), 4, "test").unwrap());
        let store = Store::open("sqlite::memory:").await.unwrap();
        let intake = Intake::new(broker.clone(), store.clone(), clock.clone());
        let whatsapp = WhatsApp::new(accounts, chrono::TimeDelta::minutes(60), intake).unwrap();
        Self {
            router: whatsapp.routes(),
            whatsapp,
            store,
            clock,
            broker,
            _folder: folder,
        }
    }

    async fn usual() -> Self {
        Self::open(
            vec![number("main", "106540352242922"), number("second", "200")],
            Clock::fixed(now()),
        )
        .await
    }

    async fn call(&self, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = answer.into_parts();
        let body = to_bytes(body, 10_000).await.unwrap();
        let text = String::from_utf8_lossy(&body).into_owned();
        (head.status, head.headers, text)
    }

    async fn post(&self, path: &str, header: (&str, &str), body: &[u8]) -> StatusCode {
        let request = Request::post(path).header(header.0, header.1);
        let request = request.body(Body::from(body.to_vec())).unwrap();
        self.call(request).await.0
    }

    async fn signed(&self, body: &[u8]) -> StatusCode {
        let signature = sign(SECRET, body);
        self.post(PATH, ("X-Hub-Signature-256", &signature), body)
            .await
    }

    async fn arrives(&self, number: &str, value: Value) {
        let body = event(number, value);
        assert_eq!(self.signed(body.as_bytes()).await, StatusCode::OK);
    }

    /// What waits in the queue, oldest first.
    async fn queue(&self, count: usize) -> Vec<Inbound> {
        let topic = Topic::inbound();
        let waiting = self.broker.depth(&topic).await.unwrap().waiting;
        assert_eq!(usize::try_from(waiting).unwrap(), count);
        let mut subscription = self.broker.subscribe(&topic, 100).await.unwrap();
        let mut inbound = Vec::new();
        while inbound.len() < count {
            if let Some(Incoming::Message(delivery)) = subscription.incoming.recv().await {
                inbound.push(serde_json::from_slice::<Inbound>(&delivery.body).unwrap());
                delivery.ack();
            }
        }
        inbound.sort_by(|a, b| a.id.cmp(&b.id));
        inbound
    }
}

fn event(number: &str, mut value: Value) -> String {
    value["metadata"] = json!({ "phone_number_id": number });
    json!({"object": "whatsapp_business_account", "entry": [{"changes": [{"value": value}]}]})
        .to_string()
}

fn text(id: &str, ids: &Value) -> Value {
    let mut message =
        json!({"id": id, "timestamp": "1794999990", "type": "text", "text": {"body": "Привет"}});
    for (key, value) in ids.as_object().unwrap() {
        message[key] = value.clone();
    }
    message
}

#[tokio::test]
async fn checks_come_in_their_order() {
    let door = Door::usual().await;
    let large = vec![b'x'; 4 * 1024 * 1024 + 1];
    let none = ("X-Other", "1");

    let unknown = door.post("/webhooks/whatsapp/nobody", none, &large).await;
    assert_eq!(unknown, StatusCode::NOT_FOUND);
    assert_eq!(
        door.post(PATH, none, &large).await,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    assert_eq!(door.post(PATH, none, b"{").await, StatusCode::UNAUTHORIZED);
    let forged = sign("another secret", b"{");
    let forged = door
        .post(PATH, ("X-Hub-Signature-256", &forged), b"{")
        .await;
    assert_eq!(forged, StatusCode::UNAUTHORIZED);
    assert_eq!(door.store.dead_count().await.unwrap(), 0);
    assert_eq!(door.signed(&large[1..]).await, StatusCode::OK);
    assert_eq!(door.store.dead_count().await.unwrap(), 1);
}

#[tokio::test]
async fn a_large_body_without_an_announced_length_is_refused_too() {
    let door = Door::usual().await;
    let chunks = (0..5).map(|_| Ok::<_, std::io::Error>(vec![b'x'; 1024 * 1024]));
    let body = Body::from_stream(futures::stream::iter(chunks));

    let (status, ..) = door.call(Request::post(PATH).body(body).unwrap()).await;

    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn the_handshake_gives_the_challenge_back_as_plain_text_to_who_knows_the_token() {
    let door = Door::usual().await;
    let get = |query: &str| {
        let request = Request::get(format!("{PATH}?{query}"));
        door.call(request.body(Body::empty()).unwrap())
    };
    let (status, headers, body) =
        get("hub.mode=subscribe&hub.verify_token=VT&hub.challenge=%3Cb%3E&hub.challenge=2").await;

    assert_eq!((status, body.as_str()), (StatusCode::OK, "<b>"));
    assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
    for query in [
        "",
        "hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=1",
        "hub.mode=unsubscribe&hub.verify_token=VT&hub.challenge=1",
        "hub.verify_token=VT&hub.challenge=1",
        "hub.mode=subscribe&hub.verify_token=VT",
    ] {
        assert_eq!(get(query).await.0, StatusCode::FORBIDDEN, "{query}");
    }
}

#[tokio::test]
async fn nothing_is_acknowledged_while_the_queue_does_not_take_it() {
    let door = Door::usual().await;
    door.broker.close().await;
    let body = event(
        "106540352242922",
        json!({"messages": [text("a", &json!({"from": "79000000001"}))]}),
    );
    let signature = sign(SECRET, body.as_bytes());
    let request = Request::post(PATH).header("X-Hub-Signature-256", signature);

    let (status, headers, _) = door.call(request.body(Body::from(body)).unwrap()).await;

    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(headers.contains_key("retry-after"));
}

#[tokio::test]
async fn items_go_to_the_account_of_their_number_and_those_of_strangers_are_kept_aside() {
    let door = Door::usual().await;
    let message = |id| json!({"messages": [text(id, &json!({"from": "79000000001"}))]});

    door.arrives("106540352242922", message("a")).await;
    door.arrives("200", message("b")).await;
    door.arrives("300", message("c")).await;

    let accounts: Vec<String> = door
        .queue(2)
        .await
        .iter()
        .map(|inbound| inbound.conversation.account().to_owned())
        .collect();
    assert_eq!(accounts, ["main", "second"]);
    let dead = door.store.dead(10).await.unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].topic, "webhook.whatsapp");
    assert!(
        dead[0].reason.contains("phone_number_id"),
        "{}",
        dead[0].reason
    );
}

#[tokio::test]
async fn an_account_of_another_app_is_a_stranger() {
    let mut other = number("other", "200");
    other.app_secret = Secret::new("its own");
    let door = Door::open(vec![number("main", "100"), other], Clock::fixed(now())).await;

    door.arrives(
        "200",
        json!({"messages": [text("a", &json!({"from": "79000000001"}))]}),
    )
    .await;

    assert_eq!(door.store.dead_count().await.unwrap(), 1);
}

#[tokio::test]
async fn one_person_is_one_conversation_however_they_are_named() {
    let door = Door::usual().await;
    let by = [
        json!({"from": "79000000001"}),
        json!({"from": "79000000001", "from_user_id": "RU.1"}),
        json!({"from_user_id": "RU.1"}),
        json!({"from_user_id": "RU.1", "from_parent_user_id": "RU.ENT.1"}),
    ];
    for (n, ids) in by.into_iter().enumerate() {
        let messages = json!({"messages": [text(&n.to_string(), &ids)]});
        door.arrives("106540352242922", messages).await;
    }
    let system = json!({"id": "4", "from": "79000000001", "type": "system",
        "system": {"type": "user_changed_number", "wa_id": "79000000002"}});
    door.arrives("106540352242922", json!({ "messages": [system] }))
        .await;
    let messages = json!({"messages": [text("5", &json!({"from": "79000000002"}))]});
    door.arrives("106540352242922", messages).await;

    let peers: std::collections::BTreeSet<String> = door
        .queue(6)
        .await
        .iter()
        .map(|inbound| inbound.conversation.peer().to_owned())
        .collect();
    assert_eq!(peers.into_iter().collect::<Vec<_>>(), ["79000000001"]);
}

#[tokio::test]
async fn staff_on_the_phone_takes_over_at_once_and_our_own_echo_does_not() {
    let door = Door::usual().await;
    let conversation = "whatsapp:main:79000000001".parse().unwrap();
    let ours = uuid::Uuid::from_u128(9);
    let claim = ClaimRequest {
        id: ours,
        conversation,
        turn: None,
        answers: vec![],
        fence: zapis_core::message::Fence::Staff,
        trace: zapis_core::trace::TraceParent::start(),
    };
    door.store
        .claim(std::slice::from_ref(&claim), now())
        .await
        .unwrap();
    let sent = SendOutcome::Sent {
        provider_id: Some("wamid.ours".into()),
    };
    door.store
        .record(&[(ours, sent)], &[], now())
        .await
        .unwrap();
    let echo = |id: &str, more: Value| {
        let mut echo = json!({"to": "79000000001", "id": id, "timestamp": "1794999990", "type": "text",
            "text": {"body": "Ждём"}});
        if let Some(data) = more.as_str() {
            echo["biz_opaque_callback_data"] = data.into();
        }
        json!({ "message_echoes": [echo] })
    };
    door.arrives("106540352242922", echo("wamid.ours", Value::Null))
        .await;
    door.arrives(
        "106540352242922",
        echo("wamid.other", json!(ours.to_string())),
    )
    .await;
    let before = door
        .store
        .ownership(&claim.conversation, now())
        .await
        .unwrap();
    assert_eq!(before.staff, None);

    for _ in 0..2 {
        door.arrives("106540352242922", echo("wamid.staff", Value::Null))
            .await;
    }

    let after = door
        .store
        .ownership(&claim.conversation, now())
        .await
        .unwrap();
    assert!(after.staff.is_some());
    assert_eq!(after.epoch, before.epoch + 1);
    assert!(
        door.queue(1)
            .await
            .iter()
            .all(|inbound| matches!(inbound.what, What::Staff { .. }))
    );
}

#[tokio::test]
async fn a_short_button_id_becomes_what_the_button_carries() {
    let door = Door::usual().await;
    let conversation = "whatsapp:main:79000000001".parse().unwrap();
    let kept = [("z:1".to_owned(), "a very long payload".to_owned())];
    door.store.put_buttons(&conversation, &kept).await.unwrap();
    let press = json!({"from": "79000000001", "id": "p", "type": "interactive",
        "interactive": {"type": "button_reply", "button_reply": {"id": "z:1", "title": "Да"}}});

    door.arrives("106540352242922", json!({ "messages": [press] }))
        .await;

    let inbound = door.queue(1).await;
    assert!(
        matches!(&inbound[0].what, What::Press { payload, .. } if payload == "a very long payload")
    );
    assert!(inbound[0].raw.is_some());
}

#[tokio::test]
async fn the_reseller_proves_itself_by_its_secret_and_may_leave_the_number_out() {
    let config = WhatsAppConfig {
        flavour: Flavour::Dialog360,
        webhook_secret: Secret::new("long random"),
        ..number("main", "")
    };
    let door = Door::open(vec![config], Clock::fixed(now())).await;
    let body = event(
        "1",
        json!({"messages": [text("a", &json!({"from": "79000000001"}))]}),
    );
    let post = |secret| door.post(PATH, ("X-Zapis-Secret", secret), body.as_bytes());

    assert_eq!(post("wrong").await, StatusCode::UNAUTHORIZED);
    let signature = sign(SECRET, body.as_bytes());
    let signed = door
        .post(PATH, ("X-Hub-Signature-256", &signature), body.as_bytes())
        .await;
    assert_eq!(signed, StatusCode::UNAUTHORIZED);
    assert_eq!(post("long random").await, StatusCode::OK);
    assert_eq!(door.queue(1).await.len(), 1);
}

#[tokio::test]
async fn every_recorded_webhook_is_acknowledged() {
    let door = Door::usual().await;
    for (name, body) in files() {
        assert_eq!(door.signed(&body).await, StatusCode::OK, "{name}");
    }
    if folder().is_some() {
        // Unreadable bodies, a form, a message without id and number, and the number of a stranger.
        assert_eq!(door.store.dead_count().await.unwrap(), 6);
    }
}

#[tokio::test]
async fn recorded_handshakes_and_signatures_are_judged_right() {
    let Some(folder) = folder() else { return };
    let read = |name: &str| -> Value {
        serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
    };
    let door = Door::usual().await;
    for case in read("handshake-cases.json").as_array().unwrap() {
        let request = Request::get(format!("{PATH}?{}", case["query"].as_str().unwrap()));
        let (status, headers, body) = door.call(request.body(Body::empty()).unwrap()).await;
        if let Some(expected) = case["expect"]["status"].as_u64() {
            assert_eq!(u64::from(status.as_u16()), expected, "{case}");
        }
        if let Some(expected) = case["expect"]["body"].as_str() {
            assert_eq!(body, expected);
        }
        if status == StatusCode::OK {
            assert!(
                headers["content-type"]
                    .to_str()
                    .unwrap()
                    .starts_with("text/plain")
            );
        }
    }
    for case in read("signature-vectors.json").as_array().unwrap() {
        use base64::Engine as _;
        let body = base64::engine::general_purpose::STANDARD;
        let body = body.decode(case["body_base64"].as_str().unwrap()).unwrap();
        let config = WhatsAppConfig {
            app_secret: Secret::new(case["app_secret"].as_str().unwrap()),
            ..number("main", "106540352242922")
        };
        let door = Door::open(vec![config], Clock::fixed(now())).await;
        let header = case["x_hub_signature_256"].as_str().unwrap();
        let status = door
            .post(PATH, ("X-Hub-Signature-256", header), &body)
            .await;
        assert_eq!(
            status == StatusCode::OK,
            case["valid"] == true,
            "{}",
            case["note"]
        );
    }
}
