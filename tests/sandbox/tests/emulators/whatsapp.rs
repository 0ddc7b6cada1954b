//! The emulated Cloud API refuses, signs and reports as the real one.

#![expect(
    clippy::needless_pass_by_value,
    reason = "literals read better without a borrow"
)]

use std::collections::HashSet;

use crate::support::{Delivery, Fixture, PHONE, Receiver, SECRET, WITHIN, json_of};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use zapis_sandbox::{
    CallFilter, Fault, FaultKind, Provider, WebhookMode, WhatsAppAction, WhatsAppCustomer,
    WhatsAppRequest,
};

const BSUID: &str = "RU.13491208655302741918";

fn text(body: &str) -> Value {
    json!({"messaging_product": "whatsapp", "to": PHONE, "type": "text", "text": {"body": body}})
}

fn with(kind: &str, content: Value) -> Value {
    json!({"messaging_product": "whatsapp", "to": PHONE, "type": kind, kind: content})
}

fn buttons(titles: &[&str]) -> Value {
    let buttons: Vec<_> = titles
        .iter()
        .enumerate()
        .map(
            |(id, title)| json!({"type": "reply", "reply": {"id": id.to_string(), "title": title}}),
        )
        .collect();
    with(
        "interactive",
        json!({"type": "button", "body": {"text": "?"}, "action": {"buttons": buttons}}),
    )
}

fn list(sections: Value) -> Value {
    let action = json!({"button": "Выбрать", "sections": sections});
    with(
        "interactive",
        json!({"type": "list", "body": {"text": "?"}, "action": action}),
    )
}

/// Every message, status or other item of all deliveries, in order.
fn items(deliveries: &[Delivery], name: &str) -> Vec<Value> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let bodies = deliveries.iter().map(Delivery::json);
    bodies
        .flat_map(|body| list(&body["entry"]))
        .flat_map(|entry| list(&entry["changes"]))
        .flat_map(|change| list(&change["value"][name]))
        .collect()
}

async fn listening(answers: &[u16]) -> (Fixture, Receiver) {
    let fixture = Fixture::start().await;
    let receiver = Receiver::start(answers).await;
    fixture.sandbox.whatsapp_webhook_url(&receiver.url).unwrap();
    (fixture, receiver)
}

#[tokio::test]
async fn what_meta_would_refuse_is_refused_with_its_code() {
    let fixture = Fixture::start().await;
    let row = |id: usize| json!({"id": id.to_string(), "title": format!("Ряд {id}")});
    let rows: Vec<_> = (0..11).map(row).collect();
    let template = |name: &str, parameters: Value| {
        with(
            "template",
            json!({"name": name, "language": {"code": "ru"},
            "components": [{"type": "body", "parameters": parameters}]}),
        )
    };
    let one = json!([{"type": "text", "text": "завтра"}]);
    let broken = json!([{"type": "text", "text": "завтра\nв"}, {"type": "text", "text": "11:00"}]);
    for (body, status, code) in [
        (
            json!({"to": PHONE, "type": "text", "text": {"body": "x"}}),
            400,
            100,
        ),
        (
            json!({"messaging_product": "whatsapp", "text": {"body": "x"}}),
            400,
            100,
        ),
        (text(""), 400, 100),
        (text(&"ж".repeat(4097)), 400, 100),
        (with("text", json!({"body": "x", "foo": 1})), 400, 100),
        (with("telepathy", json!({})), 400, 100),
        (
            json!({"messaging_product": "whatsapp", "to": PHONE, "type": "image"}),
            400,
            131_008,
        ),
        (
            with("image", json!({"id": "1", "link": "https://x"})),
            400,
            100,
        ),
        (with("image", json!({"id": "404"})), 400, 131_009),
        (buttons(&[]), 400, 131_009),
        (buttons(&["1", "2", "3", "4"]), 400, 131_009),
        (buttons(&["двадцать одна букваааа"]), 400, 131_009),
        (buttons(&["Да", "Да"]), 400, 131_009),
        (list(json!([{"rows": rows}])), 400, 131_009),
        (
            list(json!([{"rows": [row(1)]}, {"rows": [row(2)]}])),
            400,
            131_008,
        ),
        (list(json!([{"rows": [row(1), row(1)]}])), 400, 131_009),
        (template("no_such", one.clone()), 404, 132_001),
        (template("visit_reminder", one), 400, 132_000),
        (template("visit_reminder", broken), 400, 100),
        (
            json!({"messaging_product": "whatsapp", "recipient": "RU", "text": {"body": "x"}}),
            400,
            131_009,
        ),
        (
            json!({"messaging_product": "whatsapp", "to": "78120000000", "text": {"body": "x"}}),
            400,
            131_021,
        ),
    ] {
        let (answered, answer) = fixture.graph(body.clone()).await;

        assert_eq!(
            (answered, answer["error"]["code"].as_i64()),
            (status, Some(code)),
            "{body} {answer}"
        );
        assert_eq!(answer["error"]["type"], "OAuthException");
    }
    assert_eq!(
        fixture.graph(buttons(&["Ровно двадцать буквы"])).await.0,
        200
    );
    assert_eq!(fixture.graph(text(&"ж".repeat(4096))).await.0, 200);
}

#[tokio::test]
async fn tokens_versions_and_ids_are_checked_first() {
    let fixture = Fixture::start().await;
    let base = fixture.sandbox.whatsapp_api_url();
    let root = base.trim_end_matches("/v26.0");
    for (url, token, status, code) in [
        (format!("{base}/1055/messages"), "wrong", 401, 190),
        (format!("{base}/999/messages"), "graph-token", 400, 100),
        (format!("{root}/26/1055/messages"), "graph-token", 400, 2500),
    ] {
        let request = fixture.client.post(url).bearer_auth(token).json(&text("x"));
        let (answered, answer) = json_of(request.send().await.unwrap()).await;
        assert_eq!(
            (answered, answer["error"]["code"].as_i64()),
            (status, Some(code))
        );
    }
}

#[tokio::test]
async fn events_are_signed_over_their_exact_ascii_bytes() {
    let (fixture, receiver) = listening(&[]).await;
    fixture
        .sandbox
        .whatsapp_writes(PHONE, "Запишите на субботу 💅")
        .unwrap();

    let delivery = receiver.wait(1).await.remove(0);

    assert!(delivery.body.is_ascii());
    assert!(
        std::str::from_utf8(&delivery.body)
            .unwrap()
            .contains("\\u0417\\u0430")
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(&delivery.body);
    let expected = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
    assert_eq!(delivery.headers["x-hub-signature-256"], expected);
    let message = &items(&[delivery], "messages")[0];
    assert_eq!(message["text"]["body"], "Запишите на субботу 💅");
    assert_eq!(message["from"], PHONE);
}

#[tokio::test]
async fn what_is_not_answered_with_200_is_repeated_and_holds_nothing_up() {
    let (fixture, receiver) = listening(&[503, 200, 201]).await;
    fixture.sandbox.whatsapp_writes(PHONE, "раз").unwrap();
    fixture.sandbox.whatsapp_writes(PHONE, "два").unwrap();

    let deliveries = receiver.wait(4).await;

    let texts: Vec<_> = items(&deliveries, "messages")
        .iter()
        .map(|message| message["text"]["body"].clone())
        .collect();
    let count = |text: &str| texts.iter().filter(|known| **known == text).count();
    assert_eq!(texts[0], "раз");
    assert_eq!(count("раз") + count("два"), 4, "503 and 201 are no 200");
    assert!(count("два") >= 1);
}

#[tokio::test]
async fn a_send_is_followed_by_its_statuses_with_our_callback_data() {
    let (fixture, receiver) = listening(&[]).await;
    fixture.sandbox.whatsapp_writes(PHONE, "привет").unwrap();
    let mut body = text("Здравствуйте");
    body["biz_opaque_callback_data"] = json!("outbox-1");
    let (_, answer) = fixture.graph(body).await;

    let statuses = items(&receiver.wait(4).await, "statuses");

    let names: Vec<_> = statuses
        .iter()
        .map(|status| status["status"].clone())
        .collect();
    assert_eq!(names, ["sent", "delivered", "read"]);
    assert_eq!(statuses[0]["id"], answer["messages"][0]["id"]);
    assert_eq!(statuses[0]["biz_opaque_callback_data"], "outbox-1");
    assert_eq!(statuses[0]["recipient_id"], PHONE);
    let lines = fixture.sandbox.whatsapp_transcript(PHONE);
    assert_eq!(lines[1].status.as_deref(), Some("read"));
}

#[tokio::test]
async fn outside_the_window_free_text_is_accepted_and_then_fails() {
    let (fixture, receiver) = listening(&[]).await;
    fixture.sandbox.whatsapp_writes(PHONE, "привет").unwrap();
    fixture
        .sandbox
        .advance(std::time::Duration::from_secs(24 * 3600 + 1));

    let (status, _) = fixture.graph(text("Поздно")).await;
    let template = json!({"name": "visit_reminder", "language": {"code": "ru"}, "components": [
        {"type": "body", "parameters": [{"type": "text", "text": "завтра"}, {"type": "text", "text": "11:00"}]}
    ]});
    let (_, sent) = fixture.graph(with("template", template)).await;

    assert_eq!(status, 200);
    assert_eq!(sent["messages"][0]["message_status"], "accepted");
    let statuses = items(&receiver.wait(5).await, "statuses");
    assert_eq!(statuses[0]["status"], "failed");
    assert_eq!(statuses[0]["errors"][0]["code"], 131_047);
    assert_eq!(statuses[1]["status"], "sent", "a template goes out");
    let lines = fixture.sandbox.whatsapp_transcript(PHONE);
    assert_eq!(lines[2].text, "Ждём вас завтра в 11:00");
    fixture.sandbox.whatsapp_presses(PHONE, "Приду").unwrap();
    let pressed = items(&receiver.wait(6).await, "messages").pop().unwrap();
    assert_eq!(
        (&pressed["type"], &pressed["button"]["text"]),
        (&json!("button"), &json!("Приду"))
    );
}

#[tokio::test]
async fn statuses_can_be_withheld_repeated_and_disordered() {
    let (fixture, receiver) = listening(&[]).await;
    fixture.sandbox.whatsapp_writes(PHONE, "привет").unwrap();
    let order = |order: &[&str]| WhatsAppAction::Statuses {
        order: order.iter().map(ToString::to_string).collect(),
    };
    fixture.sandbox.whatsapp(order(&[])).unwrap();
    fixture.graph(text("тихо")).await;
    fixture
        .sandbox
        .whatsapp(order(&["read", "sent", "sent"]))
        .unwrap();
    fixture.graph(text("громко")).await;

    let statuses = items(&receiver.wait(4).await, "statuses");

    let names: Vec<_> = statuses
        .iter()
        .map(|status| status["status"].clone())
        .collect();
    assert_eq!(names, ["read", "sent", "sent"]);
    let lines = fixture.sandbox.whatsapp_transcript(PHONE);
    assert_eq!(lines[1].status.as_deref(), Some("accepted"));
    assert_eq!(
        lines[2].status.as_deref(),
        Some("read"),
        "a status never goes back"
    );
}

#[tokio::test]
async fn webhooks_come_in_batches_and_twice_on_request() {
    let (fixture, receiver) = listening(&[]).await;
    let mode = WebhookMode {
        batch: 3,
        repeat: 2,
        shuffle: true,
        ..WebhookMode::default()
    };
    fixture.sandbox.whatsapp_webhooks(mode).unwrap();
    for text in ["раз", "два", "три"] {
        fixture.sandbox.whatsapp_writes(PHONE, text).unwrap();
    }

    let deliveries = receiver.wait(2).await;

    assert_eq!(deliveries[0].body, deliveries[1].body);
    let ids: HashSet<_> = items(&deliveries[..1], "messages")
        .iter()
        .map(|message| message["id"].to_string())
        .collect();
    assert_eq!(ids.len(), 3);
    fixture.sandbox.whatsapp_writes(PHONE, "четыре").unwrap();
    fixture.sandbox.whatsapp(WhatsAppAction::Flush).unwrap();
    let rest = receiver.wait(4).await;
    assert_eq!(items(&rest[2..3], "messages")[0]["text"]["body"], "четыре");
}

#[tokio::test]
async fn somebody_with_a_hidden_number_has_only_a_user_id() {
    let (fixture, receiver) = listening(&[]).await;
    fixture
        .sandbox
        .whatsapp_writes(BSUID, "без номера")
        .unwrap();
    let delivery = receiver.wait(1).await;
    let message = &items(&delivery, "messages")[0];
    assert!(message.get("from").is_none());
    assert_eq!(message["from_user_id"], BSUID);
    assert!(items(&delivery, "contacts")[0].get("wa_id").is_none());

    let body = json!({"messaging_product": "whatsapp", "recipient": BSUID, "type": "text", "text": {"body": "Да"}});
    let (status, answer) = fixture.graph(body).await;
    assert_eq!(
        (status, &answer["contacts"][0]["user_id"]),
        (200, &json!(BSUID))
    );
    let statuses = items(&receiver.wait(4).await, "statuses");
    assert_eq!(statuses[0]["recipient_user_id"], BSUID);
    assert!(statuses[0].get("recipient_id").is_none());
}

#[tokio::test]
async fn buttons_rows_and_objects_come_back_as_meta_sends_them() {
    let (fixture, receiver) = listening(&[]).await;
    fixture
        .sandbox
        .whatsapp(WhatsAppAction::Statuses { order: Vec::new() })
        .unwrap();
    fixture.sandbox.whatsapp_writes(PHONE, "привет").unwrap();
    fixture.graph(buttons(&["Записаться"])).await;
    fixture
        .graph(list(json!([{"rows": [{"id": "r1", "title": "Стрижка"}]}])))
        .await;

    fixture
        .sandbox
        .whatsapp_presses(PHONE, "Записаться")
        .unwrap();
    fixture.sandbox.whatsapp_presses(PHONE, "r1").unwrap();
    let request: WhatsAppRequest = serde_json::from_value(json!({
        "do": "sends_object", "customer": {"id": PHONE}, "kind": "unsupported",
        "extra": {"errors": [{"code": 131_051}]}
    }))
    .unwrap();
    fixture.sandbox.whatsapp(request).unwrap();

    let messages = items(&receiver.wait(4).await, "messages");
    assert_eq!(messages[1]["interactive"]["button_reply"]["id"], "0");
    assert!(
        messages[1]["context"]["id"]
            .as_str()
            .unwrap()
            .starts_with("wamid.")
    );
    assert_eq!(messages[2]["interactive"]["list_reply"]["title"], "Стрижка");
    assert_eq!(messages[3]["errors"][0]["code"], 131_051);
    assert!(
        fixture
            .sandbox
            .whatsapp_presses(PHONE, "нет такой")
            .is_err()
    );
}

#[tokio::test]
async fn staff_preferences_and_new_ids_have_fields_of_their_own() {
    let (fixture, receiver) = listening(&[]).await;
    let customer = || WhatsAppCustomer::from(PHONE);
    fixture
        .sandbox
        .whatsapp(WhatsAppAction::StaffEchoes {
            customer: customer(),
            text: "Отвечу сама".into(),
        })
        .unwrap();
    fixture
        .sandbox
        .whatsapp(WhatsAppAction::Prefers {
            customer: customer(),
            value: "stop".into(),
        })
        .unwrap();
    fixture
        .sandbox
        .whatsapp(WhatsAppAction::RotatesUserId {
            customer: customer(),
            user_id: BSUID.into(),
        })
        .unwrap();

    let deliveries = receiver.wait(3).await;

    assert_eq!(items(&deliveries, "message_echoes")[0]["to"], PHONE);
    assert_eq!(items(&deliveries, "user_preferences")[0]["value"], "stop");
    assert_eq!(
        items(&deliveries, "user_id_update")[0]["user_id"]["current"],
        BSUID
    );
}

#[tokio::test]
async fn files_go_up_and_come_down_with_the_token_only() {
    let fixture = Fixture::start().await;
    let base = fixture.sandbox.whatsapp_api_url();
    let file = |kind: &str| {
        let part = reqwest::multipart::Part::bytes(b"%PDF".to_vec())
            .file_name("прайс.pdf")
            .mime_str(kind)
            .unwrap();
        reqwest::multipart::Form::new()
            .text("messaging_product", "whatsapp")
            .part("file", part)
    };
    let upload = |kind: &str| {
        let request = fixture
            .client
            .post(format!("{base}/1055/media"))
            .bearer_auth("graph-token");
        request.multipart(file(kind)).send()
    };
    assert_eq!(
        upload("application/x-msdownload").await.unwrap().status(),
        400
    );
    let (_, stored) = json_of(upload("application/pdf").await.unwrap()).await;
    let id = stored["id"].as_str().unwrap();

    let described = fixture
        .client
        .get(format!("{base}/{id}"))
        .bearer_auth("graph-token");
    let (_, described) = json_of(described.send().await.unwrap()).await;
    let url = described["url"].as_str().unwrap();

    assert_eq!(described["file_size"], "4");
    assert_eq!(fixture.client.get(url).send().await.unwrap().status(), 401);
    let bytes = fixture
        .client
        .get(url)
        .bearer_auth("graph-token")
        .send()
        .await
        .unwrap();
    assert_eq!(bytes.text().await.unwrap(), "%PDF");
    let (status, _) = fixture
        .graph(with("document", json!({"id": id, "filename": "прайс.pdf"})))
        .await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn the_360dialog_flavour_has_its_own_paths_key_and_header() {
    let fixture = Fixture::start().await;
    let receiver = Receiver::start(&[]).await;
    let url = format!("{}/messages", fixture.sandbox.dialog360_api_url());
    let send = |key: &str| {
        fixture
            .client
            .post(&url)
            .header("D360-API-KEY", key)
            .json(&text("x"))
            .send()
    };
    assert_eq!(send("wrong").await.unwrap().status(), 401);
    assert_eq!(send("d360-key").await.unwrap().status(), 200);

    let request = |action: Value| -> WhatsAppRequest {
        let mut action = action;
        action["number"] = json!("1056");
        serde_json::from_value(action).unwrap()
    };
    fixture
        .sandbox
        .whatsapp(request(json!({"do": "statuses", "order": []})))
        .unwrap();
    fixture
        .sandbox
        .whatsapp(request(json!({"do": "webhook_url", "url": receiver.url})))
        .unwrap();
    let delivery = receiver.wait(1).await.remove(0);
    assert_eq!(delivery.headers["x-zapis-secret"], "hook");
    assert!(!delivery.headers.contains_key("x-hub-signature-256"));
}

#[tokio::test]
async fn reading_needs_a_message_that_was_received() {
    let fixture = Fixture::start().await;
    let id = fixture.sandbox.whatsapp_writes(PHONE, "привет").unwrap()["id"].clone();
    let read = |id: &Value| json!({"messaging_product": "whatsapp", "status": "read", "message_id": id, "typing_indicator": {"type": "text"}});

    assert_eq!(
        fixture.graph(read(&id)).await,
        (200, json!({"success": true}))
    );
    assert_eq!(fixture.graph(read(&json!("wamid.X"))).await.0, 400);
}

#[tokio::test]
async fn a_pair_has_a_rate_of_its_own() {
    let fixture = Fixture::start().await;
    fixture.sandbox.set_limits(true);
    let mut code = None;
    for _ in 0..46 {
        let (status, answer) = fixture.graph(text("x")).await;
        if status != 200 {
            code = answer["error"]["code"].as_i64();
        }
    }
    assert!(matches!(code, Some(131_056 | 130_429)), "{code:?}");
}

#[tokio::test]
async fn health_subscriptions_and_templates_can_be_asked_for() {
    let fixture = Fixture::start().await;
    let base = fixture.sandbox.whatsapp_api_url();
    let get = async |path: &str| {
        let request = fixture
            .client
            .get(format!("{base}/{path}"))
            .bearer_auth("graph-token");
        json_of(request.send().await.unwrap()).await
    };
    let (_, health) = get("1055?fields=quality_rating,throughput").await;
    assert_eq!(
        health,
        json!({"id": "1055", "quality_rating": "GREEN", "throughput": {"level": "STANDARD"}})
    );
    assert_eq!(get("1055?fields=karma").await.0, 400);
    assert_eq!(
        get("2055/message_templates").await.1["data"][0]["name"],
        "visit_reminder"
    );
    let receiver = Receiver::start(&[403]).await;
    let body = json!({"override_callback_uri": receiver.url, "verify_token": "verify"});
    let request = fixture
        .client
        .post(format!("{base}/2055/subscribed_apps"))
        .bearer_auth("graph-token");
    let (status, answer) = json_of(request.json(&body).send().await.unwrap()).await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (400, &json!(2200)),
        "the handshake failed"
    );
}

#[tokio::test]
async fn a_send_cut_off_after_accept_is_still_reported() {
    let (fixture, receiver) = listening(&[]).await;
    fixture.sandbox.whatsapp_writes(PHONE, "привет").unwrap();
    let fault = Fault::new(Provider::Whatsapp, FaultKind::CutAfterAccept)
        .on("messages")
        .to(PHONE)
        .times(1);
    fixture.sandbox.add_fault(fault);
    let url = format!("{}/1055/messages", fixture.sandbox.whatsapp_api_url());
    let mut body = text("Здравствуйте");
    body["biz_opaque_callback_data"] = json!("outbox-7");

    assert!(
        fixture
            .client
            .post(url)
            .bearer_auth("graph-token")
            .json(&body)
            .send()
            .await
            .is_err()
    );

    let statuses = items(&receiver.wait(4).await, "statuses");
    assert_eq!(statuses[0]["biz_opaque_callback_data"], "outbox-7");
    let sends = CallFilter {
        provider: Some(Provider::Whatsapp),
        ..CallFilter::default()
    };
    let calls = fixture
        .sandbox
        .calls_until(&sends, WITHIN, |calls| !calls.is_empty())
        .await;
    assert_eq!((calls[0].accepted, calls[0].status), (true, None));
}
