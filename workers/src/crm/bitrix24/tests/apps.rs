//! An app, its tokens and their renewal.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::task::block_in_place;
use url::form_urlencoded;
use zapis_core::config::Secret;
use zapis_core::store::{CrmTokens, Store};

use super::support::{Call, Play, Portal, clock, done, hasty, problem, with};
use crate::crm::bitrix24::event::{self, Told};
use crate::crm::bitrix24::{Bitrix24Config, Client};
use crate::crm::{Health, Verdict};

const SECRET: &str = "secret-canary-77";

/// A portal and its server of tokens.
struct World {
    portal: Portal,
    store: Store,
    tokens: Arc<Mutex<Issued>>,
}

/// What the server of tokens has given out.
#[derive(Default)]
struct Issued {
    /// Which pair is good: `access-3` and `refresh-3`.
    good: u32,
    /// How often somebody asked for a new pair.
    asked: u32,
    /// Whether every token has expired.
    all_expired: bool,
}

impl Issued {
    fn answer(&mut self, call: &Call) -> Play {
        if call.path != "/oauth/token/" {
            let good = call.json()["auth"] == format!("access-{}", self.good);
            return if good && !self.all_expired {
                done(json!(1))
            } else {
                problem(401, "expired_token", "The access token has expired.")
            };
        }
        self.asked += 1;
        let form: HashMap<_, _> = form_urlencoded::parse(call.text.as_bytes()).collect();
        assert_eq!(form["grant_type"], "refresh_token");
        assert_eq!(form["client_secret"], SECRET);
        if form["refresh_token"] != format!("refresh-{}", self.good) {
            return Play::Json(400, json!({ "error": "invalid_grant" }));
        }
        self.good += 1;
        let host = call.head.split("host: ").nth(1).unwrap();
        let host = host.lines().next().unwrap();
        Play::Json(
            200,
            json!({
                "access_token": format!("access-{}", self.good),
                "refresh_token": format!("refresh-{}", self.good),
                "expires_in": 3_600,
                "client_endpoint": format!("http://{host}/rest/"),
                "server_endpoint": format!("http://{host}/rest/"),
                "domain": "oauth.example",
                "member_id": "m1",
            }),
        )
    }
}

impl World {
    async fn new() -> Self {
        let tokens = Arc::new(Mutex::new(Issued {
            good: 1,
            ..Issued::default()
        }));
        let issued = Arc::clone(&tokens);
        let portal = Portal::deciding(move |call, _| issued.lock().unwrap().answer(call)).await;
        Self {
            portal,
            store: Store::open("sqlite::memory:").await.unwrap(),
            tokens,
        }
    }

    /// Our app has the pair of this number.
    async fn installed(self, pair: u32) -> Self {
        self.store.set_crm_tokens(&self.pair(pair)).await.unwrap();
        self
    }

    fn pair(&self, pair: u32) -> CrmTokens {
        CrmTokens {
            app: "local.1".into(),
            member: "m1".into(),
            application: Secret::new("app-token"),
            access: Secret::new(format!("access-{pair}")),
            refresh: Secret::new(format!("refresh-{pair}")),
            expires_at: clock().now(),
            endpoint: format!("{}/rest/", self.portal.address),
            server: format!("{}/rest/", self.portal.address),
        }
    }

    fn client(&self) -> Client {
        let config = Bitrix24Config {
            portal: self.portal.address.clone(),
            client_id: "local.1".into(),
            client_secret: Secret::new(SECRET),
            ..Bitrix24Config::default()
        };
        with(&config, &self.store, hasty())
    }

    async fn access(&self) -> String {
        let stored = self.store.crm_tokens("local.1").await.unwrap().unwrap();
        stored.access.expose().to_owned()
    }

    fn asked(&self) -> u32 {
        self.tokens.lock().unwrap().asked
    }
}

#[tokio::test]
async fn ten_calls_of_two_processes_with_an_expired_token_renew_it_once() {
    let world = World::new().await.installed(1).await;
    let expired = CrmTokens {
        access: Secret::new("expired"),
        ..world.pair(1)
    };
    world.store.set_crm_tokens(&expired).await.unwrap();
    let (one, other) = (world.client(), world.client());

    let calls = (0..10).map(|n| {
        let client = if n % 2 == 0 { &one } else { &other };
        client.write("crm.item.add", json!({ "n": n }))
    });
    let results = join_all(calls).await;

    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(world.asked(), 1);
    assert_eq!(world.access().await, "access-2");
    let last = world.portal.calls().pop().unwrap();
    assert_eq!(last.path, "/rest/crm.item.add");
}

#[tokio::test]
async fn a_new_pair_is_kept_before_it_is_used() {
    let world = World::new().await.installed(0).await;
    let mut pair = world.pair(1);
    pair.access = Secret::new("expired");
    world.store.set_crm_tokens(&pair).await.unwrap();
    world.tokens.lock().unwrap().all_expired = true;

    let trouble = world.client().write("crm.item.add", json!({})).await;

    // Not even the new one is taken: that is told, and not tried again.
    let trouble = trouble.unwrap_err();
    assert_eq!(
        (trouble.verdict, &*trouble.code),
        (Verdict::Stopped, "expired_token")
    );
    assert_eq!(world.asked(), 1);
    assert_eq!(world.access().await, "access-2");
}

#[tokio::test]
async fn who_comes_late_takes_the_pair_that_another_has_renewed() {
    let world = World::new().await.installed(0).await;
    let client = world.client();
    client.write("crm.item.add", json!({})).await.unwrap_err();
    world.tokens.lock().unwrap().asked = 0;

    // Another process installs, or renews.
    world.tokens.lock().unwrap().good = 5;
    world.store.set_crm_tokens(&world.pair(5)).await.unwrap();
    client.write("crm.item.add", json!({})).await.unwrap();

    assert_eq!(world.asked(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_renewal_looks_once_more_for_what_another_has_renewed() {
    let store = Store::open("sqlite::memory:").await.unwrap();
    let ours = store.clone();
    let handle = Handle::current();
    let portal = Portal::deciding(move |call, _| match &*call.path {
        // Another process, whose lease had ended, was quicker.
        "/oauth/token/" => {
            let host = call.head.split("host: ").nth(1).unwrap();
            let endpoint = format!("http://{}/rest/", host.lines().next().unwrap());
            let pair = tokens(&endpoint, "theirs");
            block_in_place(|| handle.block_on(ours.set_crm_tokens(&pair))).unwrap();
            Play::Json(400, json!({ "error": "invalid_grant" }))
        }
        _ if call.json()["auth"] == "theirs" => done(json!(1)),
        _ => problem(401, "expired_token", ""),
    })
    .await;
    let endpoint = format!("{}/rest/", portal.address);
    store
        .set_crm_tokens(&tokens(&endpoint, "ours"))
        .await
        .unwrap();
    let config = app(&portal.address);

    let answer = with(&config, &store, hasty())
        .write("crm.item.add", json!({}))
        .await;

    assert_eq!(answer.unwrap().result, json!(1));
}

fn tokens(endpoint: &str, access: &str) -> CrmTokens {
    CrmTokens {
        app: "local.1".into(),
        member: "m1".into(),
        application: Secret::new("app-token"),
        access: Secret::new(access),
        refresh: Secret::new("refresh"),
        expires_at: clock().now(),
        endpoint: endpoint.into(),
        server: endpoint.into(),
    }
}

fn app(address: &str) -> Bitrix24Config {
    Bitrix24Config {
        portal: address.into(),
        client_id: "local.1".into(),
        client_secret: Secret::new(SECRET),
        ..Bitrix24Config::default()
    }
}

/// What a call with an expired token ends with when the server of tokens does this.
pub(super) async fn renewal(play: Play) -> (Result<Value, (Verdict, Health, String)>, usize) {
    let new = match &play {
        Play::Json(200, body) => body["access_token"].clone(),
        _ => Value::Null,
    };
    let play = match play {
        // The portal of the recording is elsewhere.
        Play::Json(status, mut body) => {
            body.as_object_mut().unwrap().remove("client_endpoint");
            Play::Json(status, body)
        }
        play => play,
    };
    let portal = Portal::deciding(move |call, _| match &*call.path {
        "/oauth/token/" => play.clone(),
        _ if call.json()["auth"] == new && !new.is_null() => done(json!(1)),
        _ => problem(401, "expired_token", ""),
    })
    .await;
    let store = Store::open("sqlite::memory:").await.unwrap();
    let endpoint = format!("{}/rest/", portal.address);
    store
        .set_crm_tokens(&tokens(&endpoint, "old"))
        .await
        .unwrap();
    let client = with(&app(&portal.address), &store, hasty());
    let result = client.write("crm.item.add", json!({})).await;
    let result = result.map(|answer| answer.result);
    let result = result.map_err(|trouble| {
        let shown = format!("{trouble:?} {client:?}");
        assert!(
            !shown.contains(SECRET) && !shown.contains("refresh-"),
            "{shown}"
        );
        (trouble.verdict, trouble.health, trouble.code)
    });
    (result, portal.calls().len())
}

#[tokio::test]
async fn a_renewal_that_fails_says_whether_a_person_must_act() {
    for (play, verdict, health, code) in [
        (
            Play::Json(400, json!({ "error": "invalid_grant" })),
            Verdict::Stopped,
            Health::AuthBroken,
            "invalid_grant",
        ),
        (
            Play::Json(200, json!({ "error": "wrong_client" })),
            Verdict::Stopped,
            Health::AuthBroken,
            "wrong_client",
        ),
        // Nothing of the call was carried out, whatever became of the renewal.
        (Play::Close, Verdict::Later, Health::Down, "no_answer"),
        (Play::Html(502), Verdict::Later, Health::Down, "no_answer"),
        (
            Play::Json(200, json!({})),
            Verdict::Later,
            Health::Down,
            "no_answer",
        ),
    ] {
        let (result, calls) = renewal(play).await;
        assert_eq!(result, Err((verdict, health, code.to_owned())));
        assert_eq!(calls, 2, "one call, one renewal");
    }
}

#[tokio::test]
async fn an_app_that_is_not_installed_asks_for_it_and_nothing_is_sent() {
    let world = World::new().await;
    let client = world.client();
    let trouble = client.read("scope", json!({})).await.unwrap_err();
    assert_eq!(
        (trouble.verdict, &*trouble.code),
        (Verdict::Stopped, "not_installed")
    );
    assert_eq!(client.health(), Health::AuthBroken);
    assert!(world.portal.calls().is_empty());
}

/// What a portal posts when the app is installed in it.
fn installation(address: &str, pair: u32) -> Told {
    let fields = [
        ("event", "ONAPPINSTALL"),
        ("auth[access_token]", &*format!("access-{pair}")),
        ("auth[refresh_token]", &*format!("refresh-{pair}")),
        ("auth[member_id]", "m1"),
        ("auth[client_endpoint]", "https://elsewhere.example/rest/"),
        ("auth[server_endpoint]", &*format!("{address}/rest/")),
        ("auth[application_token]", "app-token"),
    ];
    let mut form = form_urlencoded::Serializer::new(String::new());
    let body = form.extend_pairs(fields).finish();
    event::read(body.as_bytes(), &[Secret::new("app-token")]).unwrap()
}

#[tokio::test]
async fn an_installation_is_proved_by_renewing_its_tokens_and_then_used() {
    let world = World::new().await;
    let client = world.client();
    let Told::Installed(forged) = installation(&world.portal.address, 9) else {
        panic!("no installation")
    };
    let trouble = client.install(&forged).await.unwrap_err();
    assert_eq!(trouble.code, "invalid_grant");
    assert!(world.store.crm_tokens("local.1").await.unwrap().is_none());
    assert_eq!(client.health(), Health::Ok, "a stranger says nothing of it");

    let Told::Installed(genuine) = installation(&world.portal.address, 1) else {
        panic!("no installation")
    };
    client.install(&genuine).await.unwrap();

    client.write("crm.item.add", json!({})).await.unwrap();
    assert_eq!(world.access().await, "access-2");
    let known = client.application_token().await.unwrap();
    assert_eq!(known.expose(), "app-token");
}

#[tokio::test]
async fn an_app_that_was_installed_in_another_portal_is_refused() {
    let world = World::new().await;
    let client = with(&app("https://another.example"), &world.store, hasty());
    let Told::Installed(new) = installation(&world.portal.address, 1) else {
        panic!("no installation")
    };
    let trouble = client.install(&new).await.unwrap_err();
    assert_eq!(trouble.code, "other_portal");
    assert!(world.store.crm_tokens("local.1").await.unwrap().is_none());
}
