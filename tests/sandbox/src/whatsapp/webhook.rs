//! Sends events: batched, repeated, shuffled and signed, until they are taken.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::state::Line;
use crate::config::Flavour;
use crate::world::World;

/// How long a receiver has to answer.
const TIMEOUT: Duration = Duration::from_secs(20);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// How often the sender looks for work by itself.
const IDLE: Duration = Duration::from_hours(1);

/// How events are sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mode {
    /// So many events wait for each other and go together.
    pub batch: usize,
    /// Each body is sent so many times.
    pub repeat: u32,
    /// In any order.
    pub shuffle: bool,
    /// Not at all, until this is taken back.
    pub hold: bool,
    /// Without waiting for the answer to the one before.
    pub parallel: bool,
}

impl Default for Mode {
    /// One event at a time, once, in order.
    fn default() -> Self {
        Self {
            batch: 1,
            repeat: 1,
            shuffle: false,
            hold: false,
            parallel: false,
        }
    }
}

/// One change to tell.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) field: String,
    pub(crate) value: Value,
}

/// The most webhooks that are remembered; the oldest go first.
const POSTS: usize = 20_000;

/// A webhook that was sent.
#[derive(Debug, Clone)]
pub struct Post {
    /// The messages that it told of.
    pub messages: Vec<String>,
    /// When it was sent.
    pub begun: Instant,
    /// When it was answered, or given up.
    pub ended: Instant,
    /// What it was answered with.
    pub status: Option<u16>,
}

/// A body on its way.
#[derive(Clone)]
struct Parcel {
    messages: Vec<String>,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// Sends the events of one number for as long as the sandbox runs.
pub(crate) async fn run(world: Arc<World>, number: usize) {
    let stop = world.stop.clone();
    let work = async {
        loop {
            let Some((parcel, mode)) = world.until(IDLE, || take(&world, number)).await else {
                // Nothing for long, or the sandbox ends: waiting again must let it.
                tokio::task::yield_now().await;
                continue;
            };
            for _ in 0..mode.repeat.max(1) {
                let (parcel, world) = (parcel.clone(), Arc::clone(&world));
                if mode.parallel || !post(&world, &parcel).await {
                    // What failed is repeated aside: it does not hold up the rest.
                    let first = if mode.parallel {
                        Duration::ZERO
                    } else {
                        world.config.webhook_retry
                    };
                    tokio::spawn(insist(world, parcel, first));
                }
            }
        }
    };
    stop.run_until_cancelled(work).await;
}

/// Sends what waits, although the batch is not full.
pub(crate) fn flush(line: &mut Line) {
    line.mode.hold = false;
    line.mode.batch = 1;
}

async fn insist(world: Arc<World>, parcel: Parcel, first: Duration) {
    let work = async {
        let mut pause = first;
        loop {
            tokio::time::sleep(pause).await;
            if post(&world, &parcel).await {
                return;
            }
            pause = (pause * 2)
                .max(world.config.webhook_retry)
                .min(LONGEST_PAUSE);
        }
    };
    world.stop.run_until_cancelled(work).await;
}

async fn post(world: &World, parcel: &Parcel) -> bool {
    let mut request = world
        .client
        .post(&parcel.url)
        .timeout(TIMEOUT)
        .header("Content-Type", "application/json")
        .header("User-Agent", "facebookexternalua");
    for (name, value) in &parcel.headers {
        request = request.header(name, value);
    }
    let begun = Instant::now();
    let status = match request.body(parcel.body.clone()).send().await {
        Ok(response) => Some(response.status().as_u16()),
        Err(error) => {
            tracing::debug!(error = %error.without_url(), "A webhook did not arrive");
            None
        }
    };
    let posts = &mut world.state().whatsapp.posts;
    if posts.len() == POSTS {
        posts.pop_front();
    }
    posts.push_back(Post {
        messages: parcel.messages.clone(),
        begun,
        ended: Instant::now(),
        status,
    });
    status == Some(200)
}

fn take(world: &Arc<World>, number: usize) -> Option<(Parcel, Mode)> {
    let mut state = world.state();
    let line = state.whatsapp.numbers.get_mut(number)?;
    let url = line.config.webhook_url.clone()?;
    let mode = line.mode.clone();
    let size = mode.batch.max(1);
    if mode.hold || line.pending.len() < size {
        return None;
    }
    if mode.shuffle {
        line.pending.shuffle(&mut rand::rng());
    }
    let items: Vec<_> = line.pending.drain(..size).collect();
    let messages = items.iter().flat_map(told).collect();
    let body = ascii(&envelope(&line.config.waba_id, items, world.now()).to_string()).into_bytes();
    let mut headers = line.config.webhook_headers.clone();
    if line.config.flavour == Flavour::Cloud {
        headers.push((
            "X-Hub-Signature-256".to_owned(),
            signature(&line.config.app_secret, &body),
        ));
    }
    let parcel = Parcel {
        messages,
        url,
        headers,
        body,
    };
    Some((parcel, mode))
}

/// The ids of the messages in an item.
fn told(item: &Item) -> Vec<String> {
    let messages = item.value["messages"].as_array();
    let ids = messages.into_iter().flatten();
    ids.filter_map(|message| message["id"].as_str().map(str::to_owned))
        .collect()
}

/// Two events share a change where they can, two changes an entry: every level gets used.
fn envelope(waba: &str, items: Vec<Item>, now: i64) -> Value {
    let mut changes: Vec<Value> = Vec::new();
    let mut room = false;
    for item in items {
        if let Some(last) = changes
            .last_mut()
            .filter(|_| room && item.field == "messages")
            && last["field"] == "messages"
        {
            merge(&mut last["value"], item.value);
            room = false;
            continue;
        }
        changes.push(json!({"value": item.value, "field": item.field}));
        room = true;
    }
    let entries: Vec<_> = changes
        .chunks(2)
        .map(|changes| json!({"id": waba, "time": now, "changes": changes}))
        .collect();
    json!({"object": "whatsapp_business_account", "entry": entries})
}

fn merge(into: &mut Value, from: Value) {
    let (Value::Object(into), Value::Object(from)) = (into, from) else {
        return;
    };
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Array(list)), Value::Array(more)) => list.extend(more),
            (Some(_), _) => {}
            (None, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// `sha256=<hex>` over exactly these bytes.
pub(crate) fn signature(secret: &str, body: &[u8]) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// Escapes what is not ASCII with lower-case digits, as Meta does on the wire.
pub(crate) fn ascii(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    let mut units = [0; 2];
    for character in json.chars() {
        if character.is_ascii() {
            escaped.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut units) {
            escaped.push_str("\\u");
            escaped.push_str(&hex::encode(unit.to_be_bytes()));
        }
    }
    escaped
}

/// Asks the receiver to prove itself, as the dashboard does; the answer's status and body.
pub(crate) async fn handshake(world: &World, url: &str, token: &str) -> Map<String, Value> {
    let challenge = rand::random::<u32>().to_string();
    let query = [
        ("hub.mode", "subscribe"),
        ("hub.verify_token", token),
        ("hub.challenge", &challenge),
    ];
    let mut outcome = Map::new();
    match world
        .client
        .get(url)
        .query(&query)
        .timeout(TIMEOUT)
        .send()
        .await
    {
        Ok(response) => {
            outcome.insert("status".to_owned(), json!(response.status().as_u16()));
            let body = response.text().await.unwrap_or_default();
            outcome.insert(
                "ok".to_owned(),
                json!(outcome["status"] == 200 && body == challenge),
            );
            outcome.insert("body".to_owned(), json!(body));
        }
        Err(error) => {
            outcome.insert("ok".to_owned(), json!(false));
            outcome.insert("body".to_owned(), json!(error.without_url().to_string()));
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn russian_and_emoji_travel_as_lower_case_escapes() {
        assert_eq!(ascii("\"Ж💅\""), "\"\\u0416\\ud83d\\udc85\"");
    }

    #[test]
    fn the_signature_is_the_documented_one() {
        // RFC 4231, test case 2.
        assert_eq!(
            signature("Jefe", b"what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn a_batch_uses_every_level_of_the_envelope() {
        let item = |n: u8| Item {
            field: "messages".to_owned(),
            value: json!({"messages": [n]}),
        };

        let body = envelope("1", (0..6).map(item).collect(), 0);

        assert_eq!(body["entry"].as_array().unwrap().len(), 2);
        assert_eq!(body["entry"][0]["changes"].as_array().unwrap().len(), 2);
        assert_eq!(
            body["entry"][0]["changes"][0]["value"]["messages"],
            json!([0, 1])
        );
    }
}
