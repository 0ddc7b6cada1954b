//! A sandbox to test, a client, and a receiver for its webhooks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;
use tokio::sync::Notify;
use zapis_sandbox::{
    Bitrix24App, Bitrix24Portal, Flavour, Sandbox, SandboxConfig, StaffChat, TelegramBot,
    WhatsAppNumber, WhatsAppTemplate,
};

pub(crate) const WITHIN: Duration = Duration::from_secs(20);
pub(crate) const ANNA: i64 = 7_000_000_001;
pub(crate) const FORUM: i64 = -1_001_000_000_001;
pub(crate) const PLAIN: i64 = -1_001_000_000_002;
pub(crate) const PHONE: &str = "79000000001";
pub(crate) const SECRET: &str = "app-secret";

/// A running sandbox with everything in it.
pub(crate) struct Fixture {
    pub(crate) sandbox: Sandbox,
    pub(crate) client: reqwest::Client,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        let sandbox = zapis_sandbox::start(config()).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { sandbox, client }
    }

    /// Calls a method of the first bot: status and body.
    pub(crate) async fn bot(&self, method: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/bot100:secret/{method}", self.sandbox.telegram_api_url());
        json_of(self.client.post(url).json(&body).send().await.unwrap()).await
    }

    /// The description of the refusal of a call.
    pub(crate) async fn refused(&self, method: &str, body: Value) -> String {
        let (_, answer) = self.bot(method, body).await;
        assert_eq!(answer["ok"], false, "{answer}");
        answer["description"].as_str().unwrap().to_owned()
    }

    /// Calls a method of the portal by its webhook: status and body.
    pub(crate) async fn b24(&self, method: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/{method}", self.sandbox.bitrix24_url());
        json_of(self.client.post(url).json(&body).send().await.unwrap()).await
    }

    /// The result of a method that the portal does not refuse.
    pub(crate) async fn b24_ok(&self, method: &str, body: Value) -> Value {
        let (status, mut answer) = self.b24(method, body).await;
        assert_eq!(status, 200, "{answer}");
        answer["result"].take()
    }

    /// The code and the words of a method that the portal refuses with 400.
    pub(crate) async fn b24_refused(&self, method: &str, body: Value) -> (String, String) {
        let (status, answer) = self.b24(method, body).await;
        assert_eq!(status, 400, "{answer}");
        let text = |key: &str| answer[key].as_str().unwrap().to_owned();
        (text("error"), text("error_description"))
    }

    /// Posts to `/messages` of the first number.
    pub(crate) async fn graph(&self, body: Value) -> (u16, Value) {
        let url = format!("{}/1055/messages", self.sandbox.whatsapp_api_url());
        let request = self.client.post(url).bearer_auth("graph-token").json(&body);
        json_of(request.send().await.unwrap()).await
    }
}

pub(crate) async fn json_of(response: reqwest::Response) -> (u16, Value) {
    (response.status().as_u16(), response.json().await.unwrap())
}

fn config() -> SandboxConfig {
    let group = |chat_id, is_forum| StaffChat {
        chat_id,
        is_forum,
        title: "Салон".to_owned(),
    };
    let number = WhatsAppNumber {
        phone_number_id: "1055".to_owned(),
        waba_id: "2055".to_owned(),
        display_phone_number: "78120000000".to_owned(),
        access_token: "graph-token".to_owned(),
        app_secret: SECRET.to_owned(),
        verify_token: "verify".to_owned(),
        templates: vec![WhatsAppTemplate {
            name: "visit_reminder".to_owned(),
            language: "ru".to_owned(),
            body: "Ждём вас {{1}} в {{2}}".to_owned(),
            category: "UTILITY".to_owned(),
            status: "APPROVED".to_owned(),
            buttons: vec!["Приду".to_owned()],
        }],
        ..WhatsAppNumber::default()
    };
    let dialog = WhatsAppNumber {
        phone_number_id: "1056".to_owned(),
        access_token: "d360-key".to_owned(),
        flavour: Flavour::Dialog360,
        webhook_headers: vec![("X-Zapis-Secret".to_owned(), "hook".to_owned())],
        ..number.clone()
    };
    SandboxConfig {
        telegram: vec![TelegramBot {
            token: "100:secret".to_owned(),
            username: "salon_bot".to_owned(),
        }],
        whatsapp: vec![number, dialog],
        staff_chats: vec![group(FORUM, true), group(PLAIN, false)],
        sms_api_key: Some("sms-key".to_owned()),
        llm_api_key: Some("llm-key".to_owned()),
        bitrix24: Some(Bitrix24Portal {
            app: Some(Bitrix24App::default()),
            ..Bitrix24Portal::default()
        }),
        limits: false,
        webhook_retry: Duration::from_millis(5),
        ..SandboxConfig::default()
    }
}

/// What a webhook brought.
#[derive(Clone)]
pub(crate) struct Delivery {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Delivery {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Default)]
struct Inbox {
    deliveries: Mutex<Vec<Delivery>>,
    answers: Mutex<VecDeque<u16>>,
    arrived: Notify,
}

/// A server that keeps what it gets and answers as told, then 200.
pub(crate) struct Receiver {
    pub(crate) url: String,
    inbox: Arc<Inbox>,
}

impl Receiver {
    pub(crate) async fn start(answers: &[u16]) -> Self {
        let inbox = Arc::new(Inbox::default());
        inbox.answers.lock().unwrap().extend(answers);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let app = Router::new().fallback(take).with_state(Arc::clone(&inbox));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, inbox }
    }

    /// All deliveries, once there are at least so many.
    pub(crate) async fn wait(&self, count: usize) -> Vec<Delivery> {
        let enough = async {
            loop {
                let arrived = self.inbox.arrived.notified();
                tokio::pin!(arrived);
                arrived.as_mut().enable();
                let deliveries = self.inbox.deliveries.lock().unwrap().clone();
                if deliveries.len() >= count {
                    return deliveries;
                }
                arrived.await;
            }
        };
        tokio::time::timeout(WITHIN, enough)
            .await
            .expect("the deliveries arrive")
    }
}

async fn take(State(inbox): State<Arc<Inbox>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    inbox
        .deliveries
        .lock()
        .unwrap()
        .push(Delivery { headers, body });
    let answer = inbox.answers.lock().unwrap().pop_front();
    inbox.arrived.notify_waiters();
    StatusCode::from_u16(answer.unwrap_or(200)).unwrap()
}
