//! How calls are made, repeated and held back.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use zapis_core::sessions::Sessions;
use zapis_core::sessions::embedded::EmbeddedSessions;
use zapis_core::store::Store;

use super::support::{CODE, Call, Play, Portal, clock, done, hasty, problem};
use crate::crm::bitrix24::{Bitrix24Config, Client};
use crate::crm::{Health, Verdict};

fn busy() -> Play {
    problem(503, "QUERY_LIMIT_EXCEEDED", "Too many requests")
}

#[tokio::test]
async fn a_call_is_a_post_of_json_to_the_webhook_with_or_without_its_slash() {
    let portal = Portal::playing([Play::Json(
        200,
        json!({ "result": [1], "total": "120", "next": 50 }),
    )])
    .await;
    let mut config = portal.config();
    for _ in 0..2 {
        let client = super::support::client(&config).await;
        let params = json!({ "select": ["ID"], "title": "Анна 💅" });
        let answer = client.read("crm.lead.list", params.clone()).await.unwrap();
        assert_eq!(
            (answer.result, answer.total, answer.next),
            (json!([1]), Some(120), Some(50))
        );
        let call = portal.calls().pop().unwrap();
        assert_eq!(call.path, format!("/rest/1/{CODE}/crm.lead.list"));
        assert_eq!(call.json(), params);
        assert!(call.head.starts_with("post "), "{}", call.head);
        assert!(call.head.contains("content-type: application/json"));
        assert!(call.head.contains("user-agent: zapis/"), "{}", call.head);
        let bare = config.webhook_url.expose().trim_end_matches('/').to_owned();
        config.webhook_url = zapis_core::config::Secret::new(bare);
    }
    let client = portal.client().await;
    client.read("scope", Value::Null).await.unwrap();
    assert_eq!(portal.calls().pop().unwrap().text, "{}");
}

#[tokio::test]
async fn nothing_is_an_answer_too() {
    let portal = Portal::playing([done(Value::Null)]).await;
    let answer = portal.client().await.read("scope", json!({})).await;
    assert_eq!(answer.unwrap().result, Value::Null);
}

#[tokio::test]
async fn a_read_is_tried_three_times_and_then_later() {
    for play in [Play::Close, Play::Html(502), Play::Html(200)] {
        let portal = Portal::playing([play.clone(), play.clone(), done(json!(1))]).await;
        let client = portal.client().await;
        client.read("crm.item.get", json!({})).await.unwrap();
        assert_eq!(client.health(), Health::Ok);

        let portal = Portal::playing([play]).await;
        let client = portal.client().await;
        let trouble = client.read("crm.item.get", json!({})).await.unwrap_err();
        assert_eq!((trouble.verdict, portal.calls().len()), (Verdict::Later, 3));
        assert_eq!(client.health(), Health::Down);
    }
}

#[tokio::test]
async fn what_found_the_bucket_full_is_sent_again_also_when_it_writes() {
    let portal = Portal::playing([busy(), busy(), done(json!(7))]).await;
    let client = portal.client().await;
    let answer = client.write("crm.item.add", json!({})).await.unwrap();
    assert_eq!((answer.result, portal.calls().len()), (json!(7), 3));

    let portal = Portal::playing([busy()]).await;
    let client = portal.client().await;
    let trouble = client.write("crm.item.add", json!({})).await.unwrap_err();
    assert_eq!((trouble.verdict, portal.calls().len()), (Verdict::Later, 6));
    assert_eq!(client.health(), Health::Throttled);
}

#[tokio::test]
async fn a_full_bucket_is_closed_for_all_and_who_finds_no_place_comes_later() {
    let portal = Portal::playing([done(json!(1))]).await;
    let config = Bitrix24Config {
        burst: 1,
        per_second: 1,
        ..portal.config()
    };
    let folder = tempfile::tempdir().unwrap();
    let sessions = EmbeddedSessions::open(folder.path(), clock(), "a test").unwrap();
    let sessions: Arc<dyn Sessions> = Arc::new(sessions);
    let store = Store::open("sqlite::memory:").await.unwrap();
    let new = || Client::with(&config, &store, &sessions, &clock(), hasty()).unwrap();
    let (one, other) = (new(), new());

    one.write("crm.item.add", json!({})).await.unwrap();
    let trouble = other.write("crm.item.add", json!({})).await.unwrap_err();

    assert_eq!(
        (trouble.verdict, &*trouble.code),
        (Verdict::Later, "no_place")
    );
    assert!(trouble.after.is_some());
    assert_eq!(portal.calls().len(), 1);
}

#[tokio::test]
async fn a_method_that_used_up_its_time_is_closed_and_the_others_are_not() {
    let portal = Portal::deciding(|call, _| {
        if call.path.ends_with("crm.item.add") {
            problem(429, "OPERATION_TIME_LIMIT", "Method is blocked")
        } else {
            done(json!(1))
        }
    })
    .await;
    let client = portal.client().await;

    for _ in 0..2 {
        let trouble = client.write("crm.item.add", json!({})).await.unwrap_err();
        assert_eq!(trouble.verdict, Verdict::Later);
        assert_eq!(trouble.after, Some(Duration::from_mins(10)));
    }
    client.read("crm.item.get", json!({})).await.unwrap();

    assert_eq!(portal.calls().len(), 2, "one refusal is enough");
    assert_eq!(client.health(), Health::Parked);
}

#[tokio::test]
async fn a_renamed_portal_is_followed_with_body_and_all_and_remembered() {
    let new = Portal::playing([done(json!(1))]).await;
    let there = format!("{}/rest/1/{CODE}/crm.item.add", new.address);
    let old = Portal::playing([Play::Moved(there)]).await;
    let client = old.client().await;
    let params = json!({ "fields": { "title": "Анна" } });

    client.write("crm.item.add", params.clone()).await.unwrap();
    client.read("crm.item.get", json!({})).await.unwrap();

    assert_eq!(old.calls().len(), 1);
    let calls = new.calls();
    assert_eq!(calls[0].json(), params);
    assert!(calls[0].head.starts_with("post "));
    assert_eq!(calls[1].path, format!("/rest/1/{CODE}/crm.item.get"));
}

#[tokio::test]
async fn a_redirect_to_anything_but_another_portal_is_not_followed() {
    let stranger = Portal::playing([done(json!(1))]).await;
    for there in [
        format!("{}/login/", stranger.address),
        "/rest/x".into(),
        "::".into(),
    ] {
        let portal = Portal::playing([Play::Moved(there)]).await;
        let client = portal.client().await;
        let trouble = client.write("crm.item.add", json!({})).await.unwrap_err();
        assert_eq!(
            (trouble.verdict, &*trouble.code),
            (Verdict::Later, "redirected")
        );
    }
    assert!(stranger.calls().is_empty(), "the code is in the path");
}

#[tokio::test]
async fn a_portal_that_sends_us_to_and_fro_is_not_followed_for_ever() {
    let second = Portal::playing([Play::Moved("http://127.0.0.1:1/rest/1/x/y".into())]).await;
    let first = Portal::playing([Play::Moved(format!("{}/rest/1/x/y", second.address))]).await;
    let client = first.client().await;
    let trouble = client.write("crm.item.add", json!({})).await.unwrap_err();
    assert_eq!(
        (trouble.verdict, &*trouble.code),
        (Verdict::Later, "redirected")
    );
    assert_eq!(second.calls().len(), 1);
}

/// Answers each command of a batch by its method.
fn batch(call: &Call) -> Play {
    let cmd = call.json()["cmd"].clone();
    let mut result = json!({});
    let mut errors = json!({});
    for (name, command) in cmd.as_object().unwrap() {
        let command = command.as_str().unwrap();
        match command.split('?').next().unwrap() {
            "user.get" => {
                errors[name] = json!({ "error": "insufficient_scope", "error_description": "" });
            }
            "crm.lead.get" => {
                errors[name] = json!({ "error": "", "error_description": "Not found" });
            }
            _ => result[name] = json!(command),
        }
    }
    let list = |map: Value| {
        let empty = map.as_object().unwrap().is_empty();
        if empty { json!([]) } else { map }
    };
    done(json!({ "result": list(result), "result_error": list(errors), "result_time": [] }))
}

#[tokio::test]
async fn a_batch_gives_each_its_result_or_its_trouble_under_its_own_name() {
    let portal = Portal::deciding(|call, _| batch(call)).await;
    let client = portal.client().await;
    let status = json!({ "filter": { "ENTITY_ID": "STATUS" } });
    let reads = [
        ("7", "crm.status.list", status),
        ("who", "user.get", json!({})),
        ("lead", "crm.lead.get", json!({ "id": 5 })),
    ];

    let results = client.batch(&reads).await.unwrap();

    let command = "crm.status.list?filter%5BENTITY_ID%5D=STATUS";
    assert_eq!(results["7"], Ok(json!(command)));
    assert_eq!(
        results["who"].as_ref().unwrap_err().code,
        "insufficient_scope"
    );
    assert_eq!(results["lead"].as_ref().unwrap_err().verdict, Verdict::Gone);
    assert_eq!(client.health(), Health::Ok, "the batch was answered");
    let names = portal.calls()[0].json()["cmd"].clone();
    let numbers = |name: &String| name.parse::<u64>().is_ok();
    assert!(!names.as_object().unwrap().keys().any(numbers), "{names}");
}

#[tokio::test]
async fn more_than_fifty_are_several_requests() {
    let portal = Portal::deciding(|call, _| batch(call)).await;
    let names: Vec<String> = (0..120).map(|n| n.to_string()).collect();
    let read = |name: &'static str| (name, "timeman.status", json!({ "USER_ID": name }));
    let names: Vec<&'static str> = names.into_iter().map(|name| &*name.leak()).collect();
    let reads: Vec<_> = names.iter().map(|name| read(name)).collect();

    let results = portal.client().await.batch(&reads).await.unwrap();

    assert_eq!((results.len(), portal.calls().len()), (120, 3));
    assert_eq!(results["77"], Ok(json!("timeman.status?USER_ID=77")));
}

#[tokio::test]
async fn a_reference_to_other_results_never_travels_in_a_batch() {
    let portal = Portal::deciding(|call, _| batch(call)).await;
    let client = portal.client().await;
    let list = |name| {
        (
            "list",
            "crm.lead.list",
            json!({ "filter": { "NAME": name } }),
        )
    };

    let results = client.batch(&[list("$result[me][ID]")]).await.unwrap();
    let trouble = results["list"].as_ref().unwrap_err();
    assert_eq!(
        (trouble.verdict, &*trouble.code),
        (Verdict::Refused, "reference")
    );
    assert!(portal.calls().is_empty());

    let results = client.batch(&[list("%24result")]).await.unwrap();
    assert!(results["list"].is_ok());
}

#[tokio::test]
async fn work_of_the_methods_in_a_batch_is_learnt() {
    let portal = Portal::playing([done(json!({
        "result": { "c0": 1 },
        "result_error": [],
        "result_time": { "c0": { "operating": 481.5, "operating_reset_at": 1_795_000_300 } },
    }))])
    .await;
    let client = portal.client().await;
    let reads = [("one", "crm.item.list", json!({}))];
    client.batch(&reads).await.unwrap();

    let alone = client.read("crm.item.list", json!({})).await.unwrap_err();
    let together = client.batch(&reads).await.unwrap_err();

    assert_eq!(alone.after, Some(Duration::from_mins(5)));
    assert_eq!(together.after, Some(Duration::from_mins(5)));
    assert_eq!(portal.calls().len(), 1);
}

#[tokio::test]
async fn a_method_that_is_closed_within_a_batch_is_not_called_alone_either() {
    let closed = json!({ "error": "OPERATION_TIME_LIMIT", "error_description": "" });
    let portal = Portal::playing([done(json!({
        "result": { "c1": [] },
        "result_error": { "c0": closed },
    }))])
    .await;
    let client = portal.client().await;
    let reads = [
        ("one", "crm.item.list", json!({})),
        ("two", "user.get", json!({})),
    ];
    let results = client.batch(&reads).await.unwrap();
    assert!(results["one"].as_ref().unwrap_err().after.is_some());
    assert_eq!(results["two"], Ok(json!([])));

    client.read("crm.item.list", json!({})).await.unwrap_err();

    assert_eq!(portal.calls().len(), 1);
}

#[tokio::test]
async fn a_right_that_only_an_extra_needs_leaves_the_portal_in_order() {
    let scope = || problem(403, "insufficient_scope", "");
    let portal = Portal::playing([scope()]).await;
    let client = portal.client().await;
    client.read("timeman.status", json!({})).await.unwrap_err();
    assert_eq!(client.health(), Health::Ok);
    client.read("crm.item.list", json!({})).await.unwrap_err();
    assert_eq!(client.health(), Health::AuthBroken);
}

#[tokio::test]
async fn a_success_makes_it_well_again() {
    let key = problem(401, "NO_AUTH_FOUND", "Wrong authorization data");
    let portal = Portal::playing([key, done(json!(1))]).await;
    let client = portal.client().await;
    client.read("scope", json!({})).await.unwrap_err();
    assert_eq!(client.health(), Health::AuthBroken);
    client.read("scope", json!({})).await.unwrap();
    assert_eq!(client.health(), Health::Ok);
}

/// Where lines of the log go.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn nothing_secret_and_nothing_of_a_customer_is_logged_or_shown() {
    let lines = Lines::default();
    let writer = lines.clone();
    let log = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(log);
    let new = Portal::playing([done(json!({ "name": "Анна" }))]).await;
    let there = format!("{}/rest/1/{CODE}/crm.item.add", new.address);
    let quoted = problem(400, "Анна +79001234567", "Анна +79001234567");
    let portal = Portal::playing([quoted, Play::Close, Play::Html(502), Play::Moved(there)]).await;
    let client = portal.client().await;
    let mut shown = Vec::new();

    for _ in 0..4 {
        let params = json!({ "name": "Анна", "phone": "+79001234567" });
        let result = client.write("crm.item.add", params).await;
        shown.push(format!("{result:?}"));
    }

    shown.push(format!("{client:?} {:?}", portal.config()));
    let shown = shown.concat();
    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("The CRM: crm.item.add: "), "{log}");
    assert!(log.contains("The portal has another address"), "{log}");
    for secret in [CODE, "Анна", "79001234567"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}
