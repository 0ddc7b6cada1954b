//! Sending through the emulated gateway, and through one that answers as the test wants.

use std::collections::BTreeMap;

use axum::Router;
use axum::http::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;
use zapis_core::causes;
use zapis_core::config::{Findings, Secret};
use zapis_core::message::{Button, Content, Fence, Outbound};
use zapis_core::trace::TraceParent;
use zapis_sandbox::{CallFilter, Fault, FaultKind, Provider, Sandbox, SandboxConfig};

use super::{Accepted, Format, Sms, SmsConfig};
use crate::{Channel as _, SendError, Sent};

const KEY: &str = "canary-of-the-gateway";
const PHONE: &str = "79001234567";

fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, Secret> {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), Secret::new(*value)))
        .collect()
}

async fn gateway() -> Sandbox {
    zapis_sandbox::start(SandboxConfig {
        sms_api_key: Some(KEY.into()),
        ..SandboxConfig::default()
    })
    .await
    .unwrap()
}

/// As the documentation shows it for the gateway that is emulated.
fn smsc(sandbox: &Sandbox) -> SmsConfig {
    SmsConfig {
        url: Secret::new(format!("{}/sys/send.php", sandbox.sms_url())),
        fields: values(&[
            ("apikey", KEY),
            ("phones", "{phone}"),
            ("mes", "{text}"),
            ("charset", "utf-8"),
            ("fmt", "3"),
        ]),
        error: vec!["/error".into()],
        id: "/id".into(),
        ..SmsConfig::default()
    }
}

fn outbound(text: &str) -> Outbound {
    Outbound {
        id: Uuid::from_u128(42),
        conversation: format!("sms:main:{PHONE}").parse().unwrap(),
        turn: None,
        answers: vec![],
        fence: Fence::Staff,
        content: Content::Message {
            text: text.into(),
            buttons: vec![Button {
                title: "Отменить".into(),
                payload: "visit:cancel".into(),
            }],
            staff: None,
        },
        language: "ru".into(),
        purpose: None,
        customer_wrote_at: None,
        at: chrono::DateTime::from_timestamp(1_795_000_000, 0).unwrap(),
        trace: TraceParent::start(),
    }
}

async fn send(config: &SmsConfig, text: &str) -> Result<Sent, SendError> {
    let sms = Sms::new(config).unwrap().unwrap();
    sms.send(&outbound(text)).await
}

/// What a send ended with, in one line.
fn told(result: Result<Sent, SendError>) -> String {
    match result {
        Ok(sent) => format!("sent {}", sent.provider_id.unwrap_or_default()),
        Err(SendError::TooFast { after, bucket }) => format!("wait {} {bucket}", after.as_secs()),
        Err(SendError::Refused(error)) => format!("refused {}: {}", error.code, error.text),
        Err(SendError::Stopped(error)) => format!("stopped {}: {}", error.code, error.text),
        Err(SendError::NotSent(_)) => "not sent".into(),
        Err(SendError::Unknown(_)) => "unknown".into(),
        Err(other) => format!("{other:?}"),
    }
}

#[tokio::test]
async fn words_travel_in_each_form_without_buttons_and_the_gateway_s_id_is_kept() {
    let sandbox = gateway().await;
    let form = smsc(&sandbox);
    let query = SmsConfig {
        format: Format::Query,
        ..form.clone()
    };
    let mut json = SmsConfig {
        url: Secret::new(format!("{}/rest/send/", sandbox.sms_url())),
        format: Format::Json,
        ..form.clone()
    };
    json.fields.insert("phones".into(), Secret::new("{+phone}"));
    // What looks like a place in the text is text.
    let text = "Ждём вас & «{phone}» в 15:00";

    for (n, config) in [form, query, json].iter().enumerate() {
        assert_eq!(told(send(config, text).await), format!("sent {}", n + 1));
    }

    let calls = sandbox.calls(&CallFilter::default());
    let phones: Vec<_> = calls.iter().map(|call| &call.body["phones"]).collect();
    assert_eq!(phones, [PHONE, PHONE, "+79001234567"]);
    assert!(
        calls.iter().all(|call| call.body["mes"] == text),
        "{calls:?}"
    );
}

#[tokio::test]
async fn a_refusal_tells_the_reason_and_no_secret() {
    let sandbox = gateway().await;
    let mut config = smsc(&sandbox);
    let wrong = "not-the-key-of-the-gateway";
    config.fields.insert("apikey".into(), Secret::new(wrong));

    let error = send(&config, "Ждём вас").await.unwrap_err();

    let shown = format!("{error:?} {} {config:?}", causes(&error));
    assert!(shown.contains("authorise error"), "{shown}");
    for secret in [wrong, PHONE, "Ждём вас", &sandbox.sms_url()] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[tokio::test]
async fn trouble_on_the_way_is_told_apart_and_gives_no_secret_away() {
    let sandbox = gateway().await;
    let config = SmsConfig {
        format: Format::Query,
        ..smsc(&sandbox)
    };
    let status = |status| FaultKind::Status { status, html: true };
    for (fault, expected) in [
        (
            FaultKind::TooManyRequests { retry_after: 7 },
            "wait 7 sms:main",
        ),
        (FaultKind::CutBeforeAccept, "unknown"),
        (FaultKind::CutAfterAccept, "unknown"),
        (status(500), "unknown"),
        (status(504), "unknown"),
        // Of a balancer, perhaps, whose gateway has taken it.
        (status(503), "unknown"),
        (status(408), "not sent"),
        (
            status(302),
            "stopped 302: SMS-шлюз не принял сообщение и не сказал почему",
        ),
        (
            status(401),
            "stopped 401: SMS-шлюз не принял сообщение и не сказал почему",
        ),
        (
            status(422),
            "refused 422: SMS-шлюз не принял сообщение и не сказал почему",
        ),
    ] {
        sandbox.add_fault(Fault::new(Provider::Sms, fault.clone()).times(1));

        let result = send(&config, "Ждём вас").await;

        let shown = result
            .as_ref()
            .err()
            .map(|error| format!("{error:?} {}", causes(error)));
        for secret in [KEY, PHONE, &sandbox.sms_url()] {
            assert!(!shown.as_ref().unwrap().contains(secret), "{shown:?}");
        }
        assert_eq!(told(result), expected, "{fault:?}");
    }

    sandbox.stop().await;
    assert_eq!(told(send(&config, "Ждём вас").await), "not sent");
}

/// A gateway that always gives this answer.
async fn answering(status: u16, body: &str) -> Secret {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/send", listener.local_addr().unwrap());
    let answer = (StatusCode::from_u16(status).unwrap(), body.to_owned());
    let app = Router::new().fallback(move || std::future::ready(answer.clone()));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Secret::new(url)
}

#[tokio::test]
async fn an_answer_is_judged_by_what_must_stand_in_it_or_by_what_must_not() {
    let by_value = SmsConfig {
        accepted: Accepted {
            path: "/sms/{phone}/status".into(),
            value: "OK".into(),
        },
        error: vec!["/sms/{phone}/status_text".into(), "/status_text".into()],
        id: "/sms/{phone}/sms_id".into(),
        ..SmsConfig::default()
    };
    let by_error = SmsConfig {
        error: vec!["/message".into()],
        id: "/sid".into(),
        ..SmsConfig::default()
    };
    let by_number = SmsConfig {
        accepted: Accepted {
            path: "/code".into(),
            value: "0".into(),
        },
        ..SmsConfig::default()
    };
    let silent = "SMS-шлюз не принял сообщение и не сказал почему";
    let of_phone = |value: Value| json!({"status": "OK", "sms": {PHONE: value}}).to_string();
    let taken = of_phone(json!({"status": "OK", "sms_id": "000-1"}));
    let barred = of_phone(json!({"status": "ERROR", "status_text": "Номер +79001234567 закрыт"}));
    let unknown_key = r#"{"status": "ERROR", "status_text": "Неправильный api_id"}"#;
    for (config, status, body, expected) in [
        (&by_value, 200, taken.as_str(), "sent 000-1".to_owned()),
        (
            &by_value,
            200,
            &barred,
            "refused refused: Номер … закрыт".into(),
        ),
        (
            &by_value,
            200,
            unknown_key,
            "refused refused: Неправильный api_id".into(),
        ),
        (&by_value, 200, "{}", format!("refused refused: {silent}")),
        (&by_value, 200, "100\n000-1", "unknown".into()),
        (&by_value, 200, "<html>", "unknown".into()),
        (
            &by_error,
            201,
            r#"{"sid": "SM1", "message": null}"#,
            "sent SM1".into(),
        ),
        (
            &by_error,
            400,
            r#"{"message": "Invalid 'To'"}"#,
            "refused 400: Invalid 'To'".into(),
        ),
        (
            &by_error,
            401,
            r#"{"message": "Authenticate"}"#,
            "stopped 401: Authenticate".into(),
        ),
        (&by_error, 200, "", "unknown".into()),
        (&by_number, 200, r#"{"code": 0}"#, "sent ".into()),
        (
            &by_number,
            200,
            r#"{"code": 5}"#,
            format!("refused refused: {silent}"),
        ),
        (&SmsConfig::default(), 204, "", "sent ".into()),
    ] {
        let config = SmsConfig {
            url: answering(status, body).await,
            ..config.clone()
        };
        assert_eq!(told(send(&config, "x").await), expected, "{status} {body}");
    }
}

#[tokio::test]
async fn a_probe_sends_nothing_and_says_what_it_does_not_know() {
    let sandbox = gateway().await;
    let sms = Sms::new(&smsc(&sandbox)).unwrap().unwrap();

    let reached = sms.probe().await.remove(0).result.unwrap();
    assert!(
        reached.starts_with("127.0.0.1 answers; whether"),
        "{reached}"
    );
    assert!(sandbox.calls(&CallFilter::default()).is_empty());

    sandbox.stop().await;
    let why = sms.probe().await.remove(0).result.unwrap_err();
    assert!(why.ends_with("check [sms] url and proxy"), "{why}");
}

fn wrong(config: &SmsConfig) -> Vec<String> {
    let mut findings = Findings::default();
    config.check(&mut findings);
    findings.0.into_iter().map(|finding| finding.key).collect()
}

#[test]
fn nothing_configured_is_fine_and_everything_wrong_is_told_at_once() {
    assert_eq!(wrong(&SmsConfig::default()), Vec::<String>::new());
    assert!(!SmsConfig::default().is_used());

    let broken = SmsConfig {
        url: Secret::new("smsc.ru"),
        fields: values(&[("to", "{phones}")]),
        headers: values(&[
            ("No colon:", "x"),
            ("X-Key", "two\nlines"),
            ("Accept", "*/*"),
        ]),
        accepted: Accepted {
            path: "status".into(),
            value: String::new(),
        },
        error: vec!["/error".into(), String::new()],
        id: "id".into(),
        countries: vec!["+7".into()],
        per_second: 0,
        proxy: "::".into(),
        ..SmsConfig::default()
    };
    let keys = [
        "url",
        "fields",
        "fields",
        "fields.to",
        "countries",
        "headers.No colon:",
        "headers.X-Key",
        "accepted.path",
        "id",
        "error.1",
        "accepted",
        "per_second",
        "proxy",
    ];
    assert_eq!(wrong(&broken), keys.map(|key| format!("sms.{key}")));

    let off = SmsConfig {
        enabled: false,
        ..broken
    };
    assert_eq!(wrong(&off), Vec::<String>::new());

    let open = SmsConfig {
        url: Secret::new("http://sms.example/send"),
        fields: values(&[("to", "{phone}"), ("text", "{text}")]),
        ..SmsConfig::default()
    };
    // Anybody on the way reads it, and a refusal would pass for a success.
    assert_eq!(wrong(&open), ["sms.url", "sms.error"]);
}

#[tokio::test]
async fn what_may_cost_money_is_a_number_of_an_allowed_country() {
    let sandbox = gateway().await;
    let abroad = SmsConfig {
        countries: vec!["375".into()],
        ..smsc(&sandbox)
    };

    let refused = told(send(&abroad, "Ждём вас").await);

    assert!(refused.starts_with("refused"), "{refused}");
    assert!(sandbox.calls(&CallFilter::default()).is_empty());
    sandbox.stop().await;
}
