//! Webhooks of the messengers: what is authentic is always taken, and each of its items ends as a
//! message, set aside with a reason, or left alone by a rule.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use hmac::{Hmac, KeyInit, Mac};
use rand::Rng;
use serde_json::{Value, json};
use sha2::Sha256;

use super::ground::{Ground, NOW, Outcome, SECRET};
use super::mutate::{Json, spoilt, spoilt_bytes};
use super::{Round, corpus, fuzz};
use crate::support::postgres::Database;

/// After so many inputs the ground is a new one.
const FRESH: u64 = 1_000;

#[test]
fn telegram() {
    let (trees, mut ground) = (corpus::telegram(), Ground::new());
    let mut rounds = 0;
    fuzz("webhooks::telegram", 400, |round| {
        rounds += 1;
        if rounds % FRESH == 0 {
            ground = Ground::new();
        }
        telegram_round(&ground, &trees, round);
    });
}

#[test]
fn whatsapp() {
    let (trees, mut ground) = (corpus::whatsapp(), Ground::new());
    let mut rounds = 0;
    fuzz("webhooks::whatsapp", 400, |round| {
        rounds += 1;
        if rounds % FRESH == 0 {
            ground = Ground::new();
        }
        whatsapp_round(&ground, &trees, round);
    });
}

/// PostgreSQL refuses texts that SQLite takes.
#[test]
fn postgres() {
    let (telegram, whatsapp) = (corpus::telegram(), corpus::whatsapp());
    let database = Database::new();
    let ground = Ground::on(&database.url());
    fuzz("webhooks::postgres", 150, |round| {
        if round.chance.random() {
            telegram_round(&ground, &telegram, round);
        } else {
            whatsapp_round(&ground, &whatsapp, round);
        }
    });
}

fn telegram_round(ground: &Ground, trees: &[Json], round: &mut Round) {
    let mut text = spoilt(&mut round.chance, trees).text();
    if round.chance.random() {
        // A message of its own: the gateway lets repeats of an earlier round go.
        let fresh = format!(r#""message_id":{}"#, round.chance.random_range(100..10_000));
        text = text.replace(r#""message_id":"#, &fresh);
    }
    round.input = text.into_bytes();
    if round.chance.random_bool(0.3) {
        round.input = spoilt_bytes(&mut round.chance, std::mem::take(&mut round.input));
    }
    let post = |secret: &str| {
        let request = Request::post("/webhooks/telegram/main");
        let request = request.header("x-telegram-bot-api-secret-token", secret);
        ground.ask(request.body(Body::from(round.input.clone())).unwrap())
    };
    assert_eq!(post("other").status, StatusCode::UNAUTHORIZED);
    let first = post(SECRET);
    assert_eq!(first.status, StatusCode::OK);
    if first.items() == 0 {
        let text = String::from_utf8_lossy(&round.input);
        // Talk among the staff, and news of groups.
        let group = ["group", "my_chat_member", "migrate_"];
        assert!(group.iter().any(|word| text.contains(word)), "it vanished");
    }
    same_again(&first, &post(SECRET));
    ground.take(&first.published, round.input.len());
}

fn whatsapp_round(ground: &Ground, trees: &[Json], round: &mut Round) {
    let mut body = spoilt(&mut round.chance, trees);
    let neighbours = body.get_mut("entry").is_some_and(with_neighbours);
    // Messages of their own: the gateway lets repeats of an earlier round go.
    let fresh = format!(r#""wamid.{}."#, round.chance.random::<u64>());
    let well_formed = body.text().replace(r#""wamid."#, &fresh);
    round.input = well_formed.clone().into_bytes();
    if round.chance.random_bool(0.3) {
        round.input = spoilt_bytes(&mut round.chance, std::mem::take(&mut round.input));
    }
    let intact = round.input == well_formed.as_bytes();

    let (genuine, other) = (signature(&round.input), signature(b"other"));
    let forged = format!("{}{}", &genuine[..39], &other[39..]);
    assert_eq!(
        post(ground, &round.input, &forged).status,
        StatusCode::UNAUTHORIZED
    );
    let signed = signature(&round.input);
    let first = post(ground, &round.input, &signed);
    assert_eq!(first.status, StatusCode::OK);
    let items = match serde_json::from_slice(&round.input) {
        Ok(value) if intact && !body.repeats() => items(&value),
        _ => 1,
    };
    assert!(first.items() >= items, "{items} items: {first:?}");
    if intact && neighbours && is_event(&well_formed) {
        for id in ["before", "after"] {
            let id = format!("{}{id}", fresh.trim_start_matches('"'));
            let arrived = first.published.iter().any(|message| message.id == id);
            assert!(arrived, "{id} did not arrive beside its neighbours");
        }
    }
    same_again(&first, &post(ground, &round.input, &signed));
    ground.take(&first.published, round.input.len());
}

fn post(ground: &Ground, body: &[u8], signature: &str) -> Outcome {
    let request = Request::post("/webhooks/whatsapp/main").header("x-hub-signature-256", signature);
    ground.ask(request.body(Body::from(body.to_owned())).unwrap())
}

fn signature(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// Puts an entry that is in order before and one behind what is there.
fn with_neighbours(entries: &mut Json) -> bool {
    let Json::List(entries) = entries else {
        return false;
    };
    let entry = |id: &str| {
        Json::from(
            &json!({ "id": "1", "changes": [{ "field": "messages", "value": {
            "metadata": { "phone_number_id": "105500000000001" },
            "messages": [{ "from": "79000000009", "id": id, "timestamp": NOW.to_string(),
                "type": "text", "text": { "body": "Какой у вас адрес?" } }],
        } }] }),
        )
    };
    entries.insert(0, entry("wamid.before"));
    entries.push(entry("wamid.after"));
    true
}

/// Whether the outermost level says, once, that it is an event of WhatsApp.
fn is_event(text: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Outer<'a> {
        object: String,
        #[serde(borrow, rename = "entry")]
        _entry: &'a serde_json::value::RawValue,
    }
    let outer = serde_json::from_str::<Outer<'_>>(text);
    outer.is_ok_and(|outer| outer.object == "whatsapp_business_account")
}

/// How many items a body holds that can be counted.
fn items(body: &Value) -> u64 {
    const LISTS: [&str; 6] = [
        "messages",
        "statuses",
        "message_echoes",
        "user_preferences",
        "user_id_update",
        "errors",
    ];
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    if body["object"] != "whatsapp_business_account" || !body["entry"].is_array() {
        return 1;
    }
    let changes = list(body, "entry").into_iter();
    let changes = changes.flat_map(|entry| list(&entry, "changes"));
    let items = changes.map(|change| {
        let value = &change["value"];
        let listed: usize = LISTS.iter().map(|key| list(value, key).len()).sum();
        match change["field"].as_str() {
            None | Some("messages") => listed as u64,
            // News of the account count as one, whatever they hold.
            Some(_) => u64::from(listed > 0 || LISTS.iter().all(|key| value[key].is_null())),
        }
    });
    items.sum()
}

/// A repeat leads to the same ids, which the gateway knows again and leaves out.
fn same_again(first: &Outcome, second: &Outcome) {
    assert_eq!(second.status, first.status);
    assert!(
        second.published.is_empty(),
        "other ids the second time: {second:?}"
    );
    let known = first.published.len() as u64 + first.repeats;
    assert_eq!(second.repeats, known);
    assert_eq!((first.dead, first.ignored), (second.dead, second.ignored));
}

/// Meta's handshake: only who knows the token gets the challenge back.
#[test]
fn handshake() {
    let ground = Ground::new();
    let good = format!("hub.mode=subscribe&hub.verify_token={SECRET}&hub.challenge=1158201444");
    fuzz("webhooks::handshake", 300, |round| {
        let bytes = spoilt_bytes(&mut round.chance, good.clone().into_bytes());
        let query: String = bytes
            .iter()
            .map(|byte| match byte {
                b'!'..=b'~' if !b"#\"<>".contains(byte) => char::from(*byte).to_string(),
                byte => format!("%{byte:02x}"),
            })
            .collect();
        round.input = query.clone().into_bytes();
        let request = Request::get(format!("/webhooks/whatsapp/main?{query}"));
        let outcome = ground.ask(request.body(Body::empty()).unwrap());
        let knows = query.contains(&format!("hub.verify_token={SECRET}"));
        match outcome.status {
            StatusCode::OK => assert!(knows && !outcome.body.is_empty()),
            status => assert_eq!(status, StatusCode::FORBIDDEN),
        }
    });
}
