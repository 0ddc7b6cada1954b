//! How updates reach a bot: long polling and webhooks.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use reqwest::header::RETRY_AFTER;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::params::Params;
use super::state::Desk;
use super::{ApiError, run};
use crate::world::World;

const LONGEST_POLL: i64 = 50;
/// How long a bot has to answer a webhook.
const WEBHOOK_TIMEOUT: Duration = Duration::from_mins(1);
/// Conflicts are reported at most so often.
const CONFLICT_PAUSE_MS: i64 = 3000;
const LONGEST_RETRY_AFTER: u64 = 3600;

/// Where updates are sent.
pub(crate) struct Webhook {
    pub(crate) url: String,
    secret: Option<String>,
    max_connections: usize,
    pub(crate) stop: CancellationToken,
    last_error: Option<(i64, String)>,
    busy: HashSet<String>,
}

/// `getUpdates`.
pub(crate) async fn get(
    world: &Arc<World>,
    bot: usize,
    params: &Params,
) -> Result<Value, ApiError> {
    let timeout = params.int("timeout").unwrap_or(0).clamp(0, LONGEST_POLL);
    let limit = usize::try_from(params.int("limit").unwrap_or(100).clamp(1, 100)).unwrap_or(100);
    let allowed = params.json("allowed_updates")?;
    let turn = {
        let mut state = world.state();
        let mut desk = Desk::new(world, &mut state.telegram, bot);
        if desk.bot().webhook.is_some() {
            return Err(ApiError::new(
                409,
                "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
            ));
        }
        desk.allow(allowed.as_ref());
        desk.confirm(params.int("offset").unwrap_or(0));
        let bot = desk.bot();
        bot.polls += 1;
        bot.polls
    };
    world.changed();
    let within = Duration::from_secs(timeout.unsigned_abs());
    let found = world
        .until(within, || {
            let mut state = world.state();
            let mut desk = Desk::new(world, &mut state.telegram, bot);
            let now = desk.now;
            let bot = desk.bot();
            if bot.webhook.is_some() {
                return Some(Err("terminated by setWebhook request"));
            }
            if bot.polls != turn {
                return Some(Err(
                    "terminated by other getUpdates request; make sure that only one bot instance is running",
                ));
            }
            bot.updates.retain(|update| update.expires > now);
            let batch: Vec<_> = bot.updates.iter().take(limit).map(|update| update.body.clone()).collect();
            (!batch.is_empty()).then_some(Ok(batch))
        })
        .await;
    match found {
        None => Ok(json!([])),
        Some(Ok(batch)) => Ok(Value::Array(batch)),
        Some(Err(why)) => {
            tokio::time::sleep(conflict_pause(world, bot)).await;
            Err(ApiError::new(409, format!("Conflict: {why}")))
        }
    }
}

fn conflict_pause(world: &Arc<World>, bot: usize) -> Duration {
    let now = world.now_ms();
    let mut state = world.state();
    let Some(bot) = state.telegram.bots.get_mut(bot) else {
        return Duration::ZERO;
    };
    let left = (bot.last_conflict_ms + CONFLICT_PAUSE_MS - now).clamp(0, CONFLICT_PAUSE_MS);
    bot.last_conflict_ms = now + left;
    Duration::from_millis(left.unsigned_abs())
}

impl Desk<'_> {
    /// The setting is sticky; an empty list means the default.
    fn allow(&mut self, allowed: Option<&Value>) {
        if let Some(list) = allowed.and_then(Value::as_array) {
            let kinds: Vec<_> = list
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect();
            self.bot().allowed = (!kinds.is_empty()).then_some(kinds);
        }
    }

    fn confirm(&mut self, offset: i64) {
        let updates = &mut self.bot().updates;
        if offset > 0 {
            updates.retain(|update| update.id >= offset);
        } else if let Ok(last) = usize::try_from(-offset)
            && last > 0
        {
            let surplus = updates.len().saturating_sub(last);
            updates.drain(..surplus);
        }
    }

    pub(crate) fn set_webhook(&mut self, params: &Params) -> Result<Value, ApiError> {
        let url = params.text("url").unwrap_or_default();
        if url.is_empty() {
            return Ok(self.delete_webhook(params));
        }
        check_url(&url)?;
        let secret = params
            .text("secret_token")
            .filter(|secret| !secret.is_empty());
        if let Some(secret) = &secret {
            let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if secret.len() > 256 {
                return Err(ApiError::bad("secret token is too long"));
            }
            if !secret.chars().all(allowed) {
                return Err(ApiError::bad("secret token contains unallowed characters"));
            }
        }
        self.allow(params.json("allowed_updates")?.as_ref());
        if params.flag("drop_pending_updates") {
            self.bot().updates.clear();
        }
        let connections = params.int("max_connections").unwrap_or(40).clamp(1, 100);
        let stop = self.world.stop.child_token();
        let (world, bot) = (Arc::clone(self.world), self.bot);
        let before = self.bot().webhook.replace(Webhook {
            url,
            secret,
            max_connections: usize::try_from(connections).unwrap_or(40),
            stop: stop.clone(),
            last_error: None,
            busy: HashSet::new(),
        });
        if let Some(before) = before {
            before.stop.cancel();
        }
        tokio::spawn(async move {
            stop.run_until_cancelled(dispatch(world, bot, stop.clone()))
                .await;
        });
        Ok(json!(true))
    }

    pub(crate) fn delete_webhook(&mut self, params: &Params) -> Value {
        if params.flag("drop_pending_updates") {
            self.bot().updates.clear();
        }
        if let Some(webhook) = self.bot().webhook.take() {
            webhook.stop.cancel();
        }
        json!(true)
    }

    pub(crate) fn webhook_info(&mut self) -> Value {
        let bot = self.bot();
        let mut info = Map::new();
        let url = bot.webhook.as_ref().map_or("", |webhook| &webhook.url);
        info.insert("url".to_owned(), json!(url));
        info.insert("has_custom_certificate".to_owned(), json!(false));
        info.insert("pending_update_count".to_owned(), json!(bot.updates.len()));
        if let Some(webhook) = &bot.webhook {
            info.insert("max_connections".to_owned(), json!(webhook.max_connections));
            if let Some((date, message)) = &webhook.last_error {
                info.insert("last_error_date".to_owned(), json!(date));
                info.insert("last_error_message".to_owned(), json!(message));
            }
        }
        if let Some(allowed) = &bot.allowed {
            info.insert("allowed_updates".to_owned(), json!(allowed));
        }
        Value::Object(info)
    }
}

/// HTTPS and one of four ports; this machine is exempt, since nothing leaves it.
fn check_url(url: &str) -> Result<(), ApiError> {
    let bad = |why: &str| Err(ApiError::bad(format!("bad webhook: {why}")));
    let Ok(parsed) = reqwest::Url::parse(url) else {
        return bad("invalid url specified");
    };
    let loopback = matches!(parsed.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    if loopback {
        return Ok(());
    }
    if parsed.scheme() != "https" {
        return bad("An HTTPS URL must be provided for webhook");
    }
    if !matches!(parsed.port_or_known_default(), Some(80 | 88 | 443 | 8443)) {
        return bad("Webhook can be set up only on ports 80, 88, 443 or 8443");
    }
    Ok(())
}

/// Hands out the first update of every free lane.
async fn dispatch(world: Arc<World>, bot: usize, stop: CancellationToken) {
    loop {
        let ready = world.until(WEBHOOK_TIMEOUT, || {
            let ready = take_ready(&world, bot);
            (!ready.is_empty()).then_some(ready)
        });
        let ready = ready.await.unwrap_or_default();
        // Without this, the end of the sandbox would find no place to end this.
        tokio::task::yield_now().await;
        for (id, lane) in ready {
            let (world, stop) = (Arc::clone(&world), stop.clone());
            tokio::spawn(async move {
                stop.run_until_cancelled(deliver(&world, bot, id, &lane))
                    .await;
            });
        }
    }
}

fn take_ready(world: &Arc<World>, bot: usize) -> Vec<(i64, String)> {
    let now = world.now();
    let mut state = world.state();
    let Some(bot) = state.telegram.bots.get_mut(bot) else {
        return Vec::new();
    };
    let Some(webhook) = &mut bot.webhook else {
        return Vec::new();
    };
    bot.updates
        .retain(|update| update.expires > now || webhook.busy.contains(&update.lane));
    let mut ready = Vec::new();
    for update in &bot.updates {
        if webhook.busy.len() < webhook.max_connections && webhook.busy.insert(update.lane.clone())
        {
            ready.push((update.id, update.lane.clone()));
        }
    }
    ready
}

/// Repeats one update until the bot takes it.
async fn deliver(world: &Arc<World>, bot: usize, id: i64, lane: &str) {
    let mut wait = Duration::ZERO;
    while let Some((url, secret, body)) = parcel(world, bot, id) {
        let mut request = world.client.post(&url).timeout(WEBHOOK_TIMEOUT).json(&body);
        if let Some(secret) = secret {
            request = request.header("X-Telegram-Bot-Api-Secret-Token", secret);
        }
        let pause = match request.send().await {
            Ok(response) if response.status().is_success() => {
                let answer = response.json().await.ok();
                settle(world, bot, id);
                execute(world, bot, answer).await;
                break;
            }
            Ok(response) => {
                let status = response.status();
                note(
                    world,
                    bot,
                    format!("Wrong response from the webhook: {status}"),
                );
                let asked = response.headers().get(RETRY_AFTER);
                asked.and_then(|value| value.to_str().ok()?.parse::<u64>().ok())
            }
            Err(error) => {
                note(world, bot, failure(&error));
                None
            }
        };
        if let Some(seconds) = pause {
            let asked = Duration::from_secs(seconds.min(LONGEST_RETRY_AFTER));
            tokio::time::sleep(asked).await;
        } else {
            tokio::time::sleep(wait).await;
            let longest = Duration::from_secs(rand::rng().random_range(60..=120));
            wait = (wait * 2).max(world.config.webhook_retry).min(longest);
        }
    }
    let mut state = world.state();
    let bot = state.telegram.bots.get_mut(bot);
    if let Some(webhook) = bot.and_then(|bot| bot.webhook.as_mut()) {
        webhook.busy.remove(lane);
    }
    drop(state);
    world.changed();
}

fn failure(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        "Read timeout expired".to_owned()
    } else {
        "Connection refused".to_owned()
    }
}

fn parcel(world: &Arc<World>, bot: usize, id: i64) -> Option<(String, Option<String>, Value)> {
    let now = world.now();
    let state = world.state();
    let bot = state.telegram.bots.get(bot)?;
    let webhook = bot.webhook.as_ref()?;
    let update = bot
        .updates
        .iter()
        .find(|update| update.id == id && update.expires > now)?;
    Some((
        webhook.url.clone(),
        webhook.secret.clone(),
        update.body.clone(),
    ))
}

fn settle(world: &Arc<World>, bot: usize, id: i64) {
    let mut state = world.state();
    if let Some(bot) = state.telegram.bots.get_mut(bot) {
        bot.updates.retain(|update| update.id != id);
    }
}

fn note(world: &Arc<World>, bot: usize, message: String) {
    let now = world.now();
    let mut state = world.state();
    let bot = state.telegram.bots.get_mut(bot);
    if let Some(webhook) = bot.and_then(|bot| bot.webhook.as_mut()) {
        webhook.last_error = Some((now, message));
    }
}

/// A bot may put one method call into its answer; nobody hears what comes of it.
async fn execute(world: &Arc<World>, bot: usize, answer: Option<Value>) {
    let Some(Value::Object(mut values)) = answer else {
        return;
    };
    let Some(Value::String(method)) = values.remove("method") else {
        return;
    };
    let lower = method.to_ascii_lowercase();
    let refused = ["setwebhook", "deletewebhook", "close", "logout"];
    if lower.starts_with("get") || refused.contains(&lower.as_str()) {
        return;
    }
    if let Err(error) = Box::pin(run(world, bot, &method, &Params::from_json(values))).await {
        tracing::debug!(?error, "A method in a webhook answer failed");
    }
}
