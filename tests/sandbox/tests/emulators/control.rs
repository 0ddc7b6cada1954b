//! The control API over HTTP, the language model, and the page.

use crate::support::{ANNA, Fixture, json_of};
use serde_json::{Value, json};
use zapis_core::Clock;
use zapis_sandbox::{Goal, Page, SandboxConfig, Script, TelegramBot};

async fn post(fixture: &Fixture, path: &str, body: Value) -> (u16, Value) {
    let url = format!("{}/sandbox{path}", fixture.sandbox.url());
    json_of(fixture.client.post(url).json(&body).send().await.unwrap()).await
}

async fn get(fixture: &Fixture, path: &str) -> Value {
    let url = format!("{}/sandbox{path}", fixture.sandbox.url());
    json_of(fixture.client.get(url).send().await.unwrap())
        .await
        .1
}

#[tokio::test]
async fn the_page_can_do_over_http_what_tests_do_by_methods() {
    let fixture = Fixture::start().await;
    let writes = json!({"do": "writes", "chat": ANNA, "text": "привет", "name": "Ольга"});
    let (status, ids) = post(&fixture, "/telegram", writes).await;
    assert_eq!((status, &ids["message_id"]), (200, &json!(1)));
    let lines = get(&fixture, &format!("/telegram/{ANNA}")).await;
    assert_eq!(
        (&lines[0]["text"], &lines[0]["from"]),
        (&json!("привет"), &json!("customer"))
    );
    assert_eq!(lines[0]["raw"]["from"]["first_name"], "Ольга");

    let fault = json!({"provider": "telegram", "method": "sendMessage", "times": 1, "fault": "status", "status": 500});
    assert_eq!(post(&fixture, "/faults", fault).await.0, 200);
    let send = json!({"chat_id": ANNA, "text": "x"});
    assert_eq!(fixture.bot("sendMessage", send.clone()).await.0, 500);
    assert_eq!(fixture.bot("sendMessage", send).await.0, 200);
    let calls = get(&fixture, "/calls?provider=telegram&method=sendMessage").await;
    assert_eq!(
        (&calls[0]["status"], &calls[0]["recipient"]),
        (&json!(500), &json!(ANNA.to_string()))
    );

    post(&fixture, "/reset", json!({})).await;
    assert_eq!(get(&fixture, &format!("/telegram/{ANNA}")).await, json!([]));
    assert_eq!(get(&fixture, "/calls").await, json!([]));
}

#[tokio::test]
async fn impossible_and_unreadable_requests_are_told_apart() {
    let fixture = Fixture::start().await;
    assert_eq!(
        post(&fixture, "/telegram", json!({"do": "flies"})).await.0,
        400
    );
    let press = json!({"do": "presses", "chat": ANNA, "button": "Да"});
    assert_eq!(post(&fixture, "/telegram", press).await.0, 409);
    let other = json!({"do": "writes", "bot": "nobody", "chat": ANNA, "text": "x"});
    assert_eq!(
        post(&fixture, "/telegram", other).await.1["error"],
        "there is no such bot"
    );
}

#[tokio::test]
async fn the_model_says_what_it_is_told() {
    let fixture = Fixture::start().await;
    let ask = async |path: &str, key: &str, body: Value| {
        let url = format!("{}{path}", fixture.sandbox.llm_base_url());
        fixture
            .client
            .post(url)
            .bearer_auth(key)
            .json(&body)
            .send()
            .await
            .unwrap()
    };
    let question = |extra: Value| {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "Сколько стоит стрижка?"}]});
        for (key, value) in extra.as_object().unwrap() {
            body[key] = value.clone();
        }
        body
    };
    assert_eq!(
        ask("/chat/completions", "wrong", question(json!({})))
            .await
            .status(),
        401
    );

    fixture.sandbox.llm_says(Script {
        when: Some("окраш".into()),
        ..Script::from("не то")
    });
    fixture.sandbox.llm_says(Script::from("От 2400 рублей"));
    let (_, answer) = json_of(ask("/chat/completions", "llm-key", question(json!({}))).await).await;
    assert_eq!(answer["choices"][0]["message"]["content"], "От 2400 рублей");

    fixture.sandbox.llm_says(Script::from("по частям"));
    let stream = ask(
        "/chat/completions",
        "llm-key",
        question(json!({"stream": true})),
    )
    .await;
    let stream = stream.text().await.unwrap();
    assert!(
        stream.contains(r#""content":"по ""#) && stream.trim_end().ends_with("data: [DONE]"),
        "{stream}"
    );

    let schema = json!({"type": "object", "required": ["intent"], "properties": {"intent": {"enum": ["price", "human"]}}});
    let format = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}});
    let (_, answer) = json_of(ask("/chat/completions", "llm-key", question(format)).await).await;
    assert_eq!(
        answer["choices"][0]["message"]["content"],
        r#"{"intent":"price"}"#
    );

    let texts = json!({"model": "m", "input": ["стрижка", "стрижка", "маникюр"]});
    let (_, answer) = json_of(ask("/embeddings", "llm-key", texts).await).await;
    assert_eq!(
        answer["data"][0]["embedding"],
        answer["data"][1]["embedding"]
    );
    assert_ne!(
        answer["data"][0]["embedding"],
        answer["data"][2]["embedding"]
    );
}

#[tokio::test]
async fn the_page_allows_nothing_but_its_own_and_the_servers_origin() {
    let sandbox = zapis_sandbox::start(SandboxConfig {
        page: Some(Page {
            zapis_url: "http://127.0.0.1:8080".to_owned(),
            journal_url: "http://127.0.0.1:8080/demo/journal".to_owned(),
            webchat_account: "site".to_owned(),
            time_zone: "Europe/Moscow".to_owned(),
        }),
        ..SandboxConfig::default()
    })
    .await
    .unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let fetch = async |path: &str| {
        client
            .get(format!("{}{path}", sandbox.url()))
            .send()
            .await
            .unwrap()
    };

    let site = fetch("/site").await;
    let policy = site.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        policy.contains("connect-src http://127.0.0.1:8080 ws://127.0.0.1:8080"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(
        site.text()
            .await
            .unwrap()
            .contains(r#"src="http://127.0.0.1:8080/webchat/site/widget.js""#)
    );
    let page = fetch("/").await.text().await.unwrap();
    assert!(page.contains(r#"data-journal="http://127.0.0.1:8080/demo/journal""#));
    for file in [
        "/page/demo.js",
        "/page/demo.css",
        "/page/site.css",
        "/page/icon.svg",
    ] {
        assert!(page.contains(file) || file == "/page/site.css");
        assert_eq!(fetch(file).await.status(), 200);
    }
}

#[tokio::test]
async fn without_a_product_the_clock_is_only_moved() {
    let fixture = Fixture::start().await;
    let before = get(&fixture, "/clock").await["now"].as_i64().unwrap();

    let (status, time) = post(&fixture, "/clock", json!({"advance_seconds": 90_000})).await;

    assert_eq!((status, &time["moving"]), (200, &json!(false)));
    assert!(time["now"].as_i64().unwrap() >= before + 90_000);
    let writes = json!({"do": "writes", "chat": ANNA, "text": "привет"});
    post(&fixture, "/telegram", writes).await;
    let lines = get(&fixture, &format!("/telegram/{ANNA}")).await;
    assert!(lines[0]["at"].as_i64().unwrap() >= before + 90_000);
    for (goal, refused) in [
        (json!("next_event"), 409),
        (json!({"advance_seconds": 400 * 86_400}), 409),
        (json!({"advance_seconds": -1}), 400),
        (json!("yesterday"), 400),
    ] {
        assert_eq!(
            post(&fixture, "/clock", goal.clone()).await.0,
            refused,
            "{goal}"
        );
    }
}

#[tokio::test]
async fn while_the_product_moves_the_clock_nobody_acts() {
    let (wishes, mut moves) = tokio::sync::mpsc::channel(1);
    let clock = Clock::movable();
    let sandbox = zapis_sandbox::start(SandboxConfig {
        telegram: vec![TelegramBot {
            token: "100:secret".to_owned(),
            username: "salon_bot".to_owned(),
        }],
        clock: clock.clone(),
        moves: Some(wishes),
        ..SandboxConfig::default()
    })
    .await
    .unwrap();
    sandbox.telegram_writes(ANNA, "привет").unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let fixture = Fixture { sandbox, client };
    let product = async {
        let wish = moves.recv().await.unwrap();
        assert_eq!(wish.goal, Goal::NextEvent);
        assert!(!wish.is_quiet(), "nobody has fetched what Anna wrote");
        assert_eq!(get(&fixture, "/clock").await["moving"], true);
        let refused = fixture.sandbox.telegram_writes(ANNA, "ау").unwrap_err();
        assert!(refused.to_string().contains("wait until it stands"));
        let again = post(&fixture, "/clock", json!("tomorrow")).await;
        assert_eq!(again.0, 409, "{again:?}");
        clock.advance(std::time::Duration::from_mins(5));
        wish.done
            .send(Err("the clock stands at five".to_owned()))
            .unwrap();
    };

    let (answer, ()) = tokio::join!(post(&fixture, "/clock", json!("next_event")), product);

    assert_eq!(answer, (409, json!({"error": "the clock stands at five"})));
    assert_eq!(get(&fixture, "/clock").await["moving"], false);
    fixture.sandbox.telegram_writes(ANNA, "ау").unwrap();
}
