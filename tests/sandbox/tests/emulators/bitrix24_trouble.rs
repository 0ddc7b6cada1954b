//! The portal of Bitrix24 in trouble: limits, faults, tokens; and the events it sends.

use std::time::Duration;

use serde_json::{Value, json};
use url::form_urlencoded;
use zapis_core::Clock;
use zapis_sandbox::{
    Bitrix24Action, Bitrix24App, Bitrix24Outgoing, Bitrix24Portal, Bitrix24Request, CrmEntity,
    Fault, FaultKind, Provider, Sandbox, SandboxConfig,
};

use crate::support::{Fixture, Receiver, WITHIN, json_of};

fn lead() -> Value {
    json!({"entityTypeId": 1, "fields": {"title": "Анна", "originId": "c-1"}})
}

fn leads(sandbox: &Sandbox) -> usize {
    sandbox.bitrix24_items(CrmEntity::Lead).len()
}

/// Trouble for the next call.
fn next(kind: FaultKind) -> Fault {
    Fault::new(Provider::Bitrix24, kind).times(1)
}

/// A portal on a clock that stands, with its limits on.
async fn limited(portal: Bitrix24Portal) -> Fixture {
    let sandbox = zapis_sandbox::start(SandboxConfig {
        bitrix24: Some(portal),
        clock: Clock::fixed(chrono::DateTime::from_timestamp(1_790_000_000, 0).unwrap()),
        ..SandboxConfig::default()
    });
    let sandbox = sandbox.await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    Fixture { sandbox, client }
}

#[tokio::test]
async fn a_burst_fills_the_bucket_and_two_a_second_leak_out() {
    let fixture = limited(Bitrix24Portal::default()).await;
    let burst = async |count: usize| {
        let mut taken = 0;
        for _ in 0..count {
            let (status, answer) = fixture.b24("server.time", json!({})).await;
            match status {
                200 => taken += 1,
                _ => assert_eq!(
                    (status, &answer["error"]),
                    (503, &json!("QUERY_LIMIT_EXCEEDED"))
                ),
            }
        }
        taken
    };

    assert_eq!(burst(55).await, 50);
    fixture.sandbox.advance(Duration::from_secs(1));
    assert_eq!(burst(4).await, 2);
    assert_eq!(fixture.sandbox.bitrix24_refused(), 7);
    let batch = json!({"cmd": vec!["server.time"; 20]});
    fixture.sandbox.advance(Duration::from_millis(500));
    assert_eq!(
        fixture.b24("batch", batch).await.0,
        200,
        "a batch is one request"
    );
}

#[tokio::test]
async fn a_method_that_worked_too_long_is_blocked_and_the_others_are_not() {
    let fixture = limited(Bitrix24Portal::default()).await;
    let method = "crm.item.add".to_owned();
    let takes = Bitrix24Action::Takes {
        method,
        seconds: 300.0,
    };
    fixture.sandbox.bitrix24(takes).unwrap();

    let (_, answer) = fixture.b24("crm.item.add", lead()).await;
    assert_eq!(answer["time"]["operating"], 300.0);
    assert_eq!(answer["time"]["operating_reset_at"], 1_790_000_600);
    assert_eq!(fixture.b24("crm.item.add", lead()).await.0, 200);
    let (status, answer) = fixture.b24("crm.item.add", lead()).await;
    assert_eq!(
        (status, &answer["error"]),
        (429, &json!("OPERATION_TIME_LIMIT"))
    );
    let batch = json!({"cmd": {"a": "crm.item.add?entityTypeId=1&fields[title]=x", "b": "scope"}});
    let result = fixture.b24_ok("batch", batch).await;
    assert_eq!(result["result_error"]["a"]["error"], "OPERATION_TIME_LIMIT");
    assert_eq!(
        fixture
            .b24("crm.item.list", json!({"entityTypeId": 1}))
            .await
            .0,
        200
    );
    fixture.sandbox.advance(Duration::from_mins(10));
    assert_eq!(fixture.b24("crm.item.add", lead()).await.0, 200);
    assert_eq!(leads(&fixture.sandbox), 3);
}

#[tokio::test]
async fn a_box_has_neither_limits_nor_operating_time() {
    let portal = Bitrix24Portal {
        is_box: true,
        ..Bitrix24Portal::default()
    };
    let fixture = limited(portal).await;
    for _ in 0..60 {
        let (status, answer) = fixture.b24("server.time", json!({})).await;
        assert_eq!(status, 200);
        assert!(answer["time"].get("operating").is_none());
    }
}

#[tokio::test]
async fn refusals_on_request_have_the_codes_of_the_real_ones_and_leave_no_lead() {
    let fixture = Fixture::start().await;
    for (kind, status, error) in [
        (
            FaultKind::Status {
                status: 503,
                html: false,
            },
            503,
            "QUERY_LIMIT_EXCEEDED",
        ),
        (
            FaultKind::TooManyRequests { retry_after: 1 },
            429,
            "OPERATION_TIME_LIMIT",
        ),
        (
            FaultKind::Status {
                status: 500,
                html: false,
            },
            500,
            "INTERNAL_SERVER_ERROR",
        ),
        (FaultKind::expired_token(), 401, "expired_token"),
        (FaultKind::plan_expired(), 403, "ACCESS_DENIED"),
        (FaultKind::payment_required(), 401, "PAYMENT_REQUIRED"),
        (FaultKind::portal_deleted(), 410, "PORTAL_DELETED"),
    ] {
        fixture.sandbox.add_fault(next(kind).on("crm.item.add"));
        let (given, answer) = fixture.b24("crm.item.add", lead()).await;
        assert_eq!((given, &answer["error"]), (status, &json!(error)));
    }
    assert_eq!(leads(&fixture.sandbox), 0);
    assert_eq!(
        fixture.b24("crm.item.add", lead()).await.0,
        200,
        "each befell one call"
    );
}

#[tokio::test]
async fn pages_cuts_and_new_addresses_before_the_call_leave_no_lead_either() {
    let fixture = Fixture::start().await;
    let url = format!("{}/crm.item.add", fixture.sandbox.bitrix24_url());
    for status in [502, 200] {
        fixture
            .sandbox
            .add_fault(next(FaultKind::Status { status, html: true }));
        let answer = fixture
            .client
            .post(&url)
            .json(&lead())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), status);
        assert!(answer.json::<Value>().await.is_err(), "a page, not JSON");
    }
    fixture.sandbox.add_fault(next(FaultKind::CutBeforeAccept));
    assert!(
        fixture
            .client
            .post(&url)
            .json(&lead())
            .send()
            .await
            .is_err()
    );
    let location = "https://renamed.example/rest/1/b24code/crm.item.add".to_owned();
    fixture.sandbox.add_fault(next(FaultKind::Redirect {
        location: location.clone(),
    }));
    let careful = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none());
    let answer = careful
        .build()
        .unwrap()
        .post(&url)
        .json(&lead())
        .send()
        .await
        .unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["location"]),
        (302, &location.parse().unwrap())
    );
    assert_eq!(leads(&fixture.sandbox), 0);
}

#[tokio::test]
async fn what_was_ordered_after_the_call_leaves_one_lead_each() {
    let fixture = Fixture::start().await;
    let url = format!("{}/crm.item.add", fixture.sandbox.bitrix24_url());
    let add = || fixture.client.post(&url).json(&lead()).send();

    fixture.sandbox.add_fault(next(FaultKind::CutAfterAccept));
    assert!(add().await.is_err());
    assert_eq!(leads(&fixture.sandbox), 1);
    fixture
        .sandbox
        .add_fault(next(FaultKind::StatusAfterAccept { status: 502 }));
    assert_eq!(add().await.unwrap().status(), 502);
    assert_eq!(leads(&fixture.sandbox), 2);

    fixture.sandbox.add_fault(next(FaultKind::HoldAfterAccept));
    let waiting = tokio::spawn(add());
    let held = fixture
        .sandbox
        .bitrix24_until(CrmEntity::Lead, WITHIN, |leads| leads.len() == 3)
        .await;
    assert_eq!(held.len(), 3);
    assert!(!waiting.is_finished(), "there is a lead and no answer");
    fixture.sandbox.release();
    let answer = waiting.await.unwrap().unwrap();
    assert_eq!(json_of(answer).await.1["result"]["item"]["id"], held[2].id);
}

async fn renew(fixture: &Fixture, refresh: &str, secret: &str) -> (u16, Value) {
    let url = format!("{}/oauth/token/", fixture.sandbox.bitrix24_oauth_url());
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "local.zapis"),
        ("client_secret", secret),
        ("refresh_token", refresh),
    ];
    json_of(fixture.client.post(url).form(&form).send().await.unwrap()).await
}

#[tokio::test]
async fn a_token_lives_an_hour_and_a_refresh_token_one_use() {
    let portal = Bitrix24Portal {
        app: Some(Bitrix24App::default()),
        ..Bitrix24Portal::default()
    };
    let fixture = limited(portal).await;
    let call = async |token: &str| {
        let url = format!("{}/rest//crm.item.list", fixture.sandbox.url());
        let body = json!({"entityTypeId": 1, "auth": token});
        json_of(fixture.client.post(url).json(&body).send().await.unwrap()).await
    };

    assert_eq!(call("access-1").await.0, 200);
    assert_eq!(call("other").await.1["error"], "invalid_token");
    assert_eq!(call("").await.1["error"], "NO_AUTH_FOUND");
    fixture.sandbox.advance(Duration::from_hours(1));
    let (status, answer) = call("access-1").await;
    assert_eq!((status, &answer["error"]), (401, &json!("expired_token")));

    assert_eq!(
        renew(&fixture, "refresh-1", "wrong").await,
        (200, json!({"error": "wrong_client"}))
    );
    let (status, pair) = renew(&fixture, "refresh-1", "app-secret").await;
    assert_eq!((status, &pair["expires_in"]), (200, &json!(3600)));
    assert_eq!(
        renew(&fixture, "refresh-1", "app-secret").await,
        (400, json!({"error": "invalid_grant"}))
    );
    assert_eq!(call(pair["access_token"].as_str().unwrap()).await.0, 200);
    assert_eq!(fixture.sandbox.bitrix24_refreshes(), 1);
    fixture.sandbox.reset();
    let after = call(pair["access_token"].as_str().unwrap()).await;
    assert_eq!(after.0, 200, "whoever keeps tokens keeps them over a reset");
    fixture
        .sandbox
        .bitrix24(Bitrix24Action::ExpireTokens)
        .unwrap();
    assert_eq!(call(pair["access_token"].as_str().unwrap()).await.0, 401);
}

fn pairs(body: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(body).into_owned().collect()
}

#[tokio::test]
async fn an_application_is_told_what_it_bound_in_the_order_of_the_wire() {
    let fixture = Fixture::start().await;
    let receiver = Receiver::start(&[]).await;
    let call = async |method: &str, mut body: Value| {
        body["auth"] = json!("access-1");
        let url = format!("{}/rest/{method}", fixture.sandbox.url());
        json_of(fixture.client.post(url).json(&body).send().await.unwrap())
            .await
            .1
    };
    let bind = json!({"event": "OnCrmLeadUpdate", "handler": receiver.url});
    assert_eq!(call("event.bind", bind.clone()).await["result"], true);
    assert_eq!(
        call("event.bind", bind).await["error"],
        "ERROR_HANDLER_ALREADY_EXIST"
    );
    let unknown = json!({"event": "ONCRMLEADFLIES", "handler": receiver.url});
    assert_eq!(
        call("event.bind", unknown).await["error"],
        "ERROR_EVENT_NOT_FOUND"
    );

    let added = fixture.b24_ok("crm.item.add", lead()).await;
    let id = added["item"]["id"].as_i64().unwrap();
    fixture.sandbox.bitrix24_moves(id, "IN_PROCESS").unwrap();

    let delivery = receiver.wait(1).await.remove(0);
    assert_eq!(
        delivery.headers["content-type"],
        "application/x-www-form-urlencoded"
    );
    let pairs = pairs(&delivery.body);
    let names: Vec<_> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    let auth = [
        "access_token",
        "expires",
        "expires_in",
        "scope",
        "domain",
        "server_endpoint",
        "status",
        "client_endpoint",
        "member_id",
        "user_id",
        "application_token",
    ];
    let mut expected = vec![
        "event".to_owned(),
        "event_handler_id".to_owned(),
        "data[FIELDS][ID]".to_owned(),
        "ts".to_owned(),
    ];
    expected.extend(auth.map(|name| format!("auth[{name}]")));
    assert_eq!(names, expected);
    assert_eq!(pairs[0].1, "ONCRMLEADUPDATE", "the addition was not bound");
    assert_eq!(pairs[2].1, id.to_string());
    assert_eq!(pairs[14].1, "application-token");
}

#[tokio::test]
async fn an_outgoing_webhook_is_told_once_and_never_again() {
    let fixture = Fixture::start().await;
    let receiver = Receiver::start(&[500]).await;
    let outgoing = Bitrix24Outgoing {
        url: receiver.url.clone(),
        token: "out-token".to_owned(),
        events: Vec::new(),
    };
    fixture
        .sandbox
        .bitrix24(Bitrix24Action::Listens { outgoing })
        .unwrap();

    let added = fixture.b24_ok("crm.item.add", lead()).await;
    let (entity, id) = (CrmEntity::Lead, added["item"]["id"].as_i64().unwrap());
    fixture
        .sandbox
        .bitrix24(Bitrix24Action::LosesEvents { count: 1 })
        .unwrap();
    fixture
        .sandbox
        .bitrix24(Bitrix24Action::Assigns {
            entity,
            id,
            user: 7,
        })
        .unwrap();
    let text = "Звонила".to_owned();
    let action = Bitrix24Action::Comments { entity, id, text };
    fixture
        .sandbox
        .bitrix24(Bitrix24Request {
            by: Some(7),
            action,
        })
        .unwrap();
    fixture
        .sandbox
        .bitrix24(Bitrix24Action::Deletes { entity, id })
        .unwrap();

    let posts = fixture
        .sandbox
        .bitrix24_events_until(WITHIN, |posts| posts.len() == 3)
        .await;
    let told: Vec<_> = posts
        .iter()
        .map(|post| (post.event.as_str(), post.status))
        .collect();
    assert_eq!(
        told,
        [
            ("ONCRMLEADADD", Some(500)),
            ("ONCRMTIMELINECOMMENTADD", Some(200)),
            ("ONCRMLEADDELETE", Some(200)),
        ]
    );
    let deliveries = receiver.wait(3).await;
    assert_eq!(deliveries.len(), 3, "a failed delivery is not repeated");
    let pairs = pairs(&deliveries[0].body);
    let names: Vec<_> = pairs
        .iter()
        .skip(4)
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "auth[domain]",
            "auth[client_endpoint]",
            "auth[server_endpoint]",
            "auth[member_id]",
            "auth[application_token]"
        ]
    );
}

#[tokio::test]
async fn a_manager_merges_leads_and_their_phones_and_comments_come_along() {
    let fixture = Fixture::start().await;
    let add = async |phone: &str| {
        let fm = json!([{"typeId": "PHONE", "valueType": "MOBILE", "value": phone}]);
        let body = json!({"entityTypeId": 1, "fields": {"fm": fm}});
        fixture.b24_ok("crm.item.add", body).await["item"]["id"]
            .as_i64()
            .unwrap()
    };
    let (entity, main, other) = (CrmEntity::Lead, add("1").await, add("2").await);
    let text = "со второго".to_owned();
    fixture
        .sandbox
        .bitrix24(Bitrix24Action::Comments {
            entity,
            id: other,
            text,
        })
        .unwrap();
    fixture
        .sandbox
        .bitrix24(Bitrix24Action::Merges {
            entity,
            id: main,
            others: vec![other],
        })
        .unwrap();

    let leads = fixture.sandbox.bitrix24_items(entity);
    assert_eq!(leads.len(), 1);
    assert_eq!(leads[0].values("PHONE"), ["1", "2"]);
    assert_eq!(fixture.sandbox.bitrix24_comments()[0].item, main);
}

#[tokio::test]
async fn a_page_can_do_over_http_what_a_manager_does_and_sees_the_board() {
    let fixture = Fixture::start().await;
    let added = fixture.b24_ok("crm.item.add", lead()).await;
    let id = &added["item"]["id"];
    let url = format!("{}/sandbox/bitrix24", fixture.sandbox.url());
    let act = async |body: Value| {
        json_of(fixture.client.post(&url).json(&body).send().await.unwrap()).await
    };

    let moves = json!({"do": "moves", "entity": "lead", "id": id, "stage": "PROCESSED", "by": 7});
    assert_eq!(act(moves).await, (200, json!({"id": id})));
    let nowhere = json!({"do": "moves", "entity": "lead", "id": id, "stage": "?"});
    assert_eq!(act(nowhere).await.0, 409);
    assert_eq!(act(json!({"do": "flies"})).await.0, 400);
    let (_, board) = json_of(fixture.client.get(&url).send().await.unwrap()).await;
    assert_eq!(board["lead"][0]["stage"], "PROCESSED");
    assert_eq!(board["lead"][0]["fields"]["movedBy"], 7);
    let whole = board.to_string();
    assert!(
        !whole.contains("b24code") && !whole.contains("access-1"),
        "no secrets on the page"
    );

    fixture.sandbox.reset();
    assert_eq!(leads(&fixture.sandbox), 0);
    let again = fixture.b24_ok("crm.item.add", lead()).await;
    assert!(
        again["item"]["id"].as_i64() > id.as_i64(),
        "ids that were used stay used"
    );
}

#[tokio::test]
async fn the_inbox_is_served_where_there_is_a_portal_and_loads_nothing_from_elsewhere() {
    let fixture = Fixture::start().await;
    let page = async |sandbox: &Sandbox| {
        let url = format!("{}/bitrix24", sandbox.url());
        fixture.client.get(url).send().await.unwrap()
    };

    let answer = page(&fixture.sandbox).await;
    assert_eq!(answer.status(), 200);
    let policy = answer.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        policy.starts_with("default-src 'none'") && !policy.contains("http"),
        "{policy}"
    );
    let html = answer.text().await.unwrap();
    assert!(
        html.contains("data-zone=\"Etc/GMT-3\""),
        "the portal's own time zone"
    );
    let without = zapis_sandbox::start(SandboxConfig::default())
        .await
        .unwrap();
    assert_eq!(page(&without).await.status(), 404);
}
