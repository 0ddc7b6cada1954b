//! Long polling. One gateway polls a bot, by a lease; the others stand by. The offset moves only
//! after everything fetched is durable, so nothing is confirmed to Telegram before.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use serde_json::value::RawValue;
use teloxide::types::AllowedUpdate;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use zapis_core::intake::IntakeError;
use zapis_core::store::StoreError;
use zapis_core::{causes, crash};

use super::account::Account;
use super::api::CallError;
use super::config::bot_id;

/// How long Telegram holds a request without updates, in seconds.
const HOLD: u64 = 20;

/// How long a request may take in all.
const REQUEST: Duration = Duration::from_secs(HOLD + 10);

/// How long a lease holds without being prolonged.
const LEASE: Duration = Duration::from_secs(15);

/// How often it is prolonged while a request waits for updates.
const PROLONG: Duration = Duration::from_secs(5);

/// How often another gateway's lease is looked at.
const STAND_BY: Duration = Duration::from_secs(3);

/// The longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Telegram chooses ids afresh after a week without updates; an offset this old says nothing.
const OFFSET_HOLDS: TimeDelta = TimeDelta::days(6);

/// What we want to be told.
pub(super) const ALLOWED: [AllowedUpdate; 8] = [
    AllowedUpdate::Message,
    AllowedUpdate::EditedMessage,
    AllowedUpdate::CallbackQuery,
    AllowedUpdate::MyChatMember,
    AllowedUpdate::BusinessConnection,
    AllowedUpdate::BusinessMessage,
    AllowedUpdate::EditedBusinessMessage,
    AllowedUpdate::DeletedBusinessMessages,
];

/// Why a round brought nothing.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Intake(#[from] IntakeError),
    #[error("Telegram's updates have no ids")]
    NoIds,
}

/// What one poller knows.
struct Poller {
    account: Arc<Account>,
    lease: String,
    holder: String,
    /// Whether the lease was ours in the last round.
    leads: bool,
    /// The next update, and since when.
    offset: Option<(i64, DateTime<Utc>)>,
}

/// Polls until asked to stop.
pub(super) async fn poll(account: Arc<Account>, stop: CancellationToken) {
    let mut poller = Poller {
        lease: format!("telegram.{}.poller", account.config.account),
        holder: account.intake.holder().to_owned(),
        account,
        leads: false,
        offset: None,
    };
    let mut failures = 0;
    while !stop.is_cancelled() {
        let pause = match poller.round(&stop).await {
            Ok(pause) => {
                failures = 0;
                pause
            }
            Err(trouble) => {
                failures += 1;
                poller.explain(&trouble, failures)
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    let store = poller.account.intake.store();
    if poller.leads
        && let Err(error) = store.release(&poller.lease, &poller.holder).await
    {
        warn!(error = %causes(&error), "The lease of a poller was not given back; it runs out by itself");
    }
}

impl Poller {
    /// Fetches once; returns how long to wait before the next round.
    async fn round(&mut self, stop: &CancellationToken) -> Result<Duration, Trouble> {
        let store = self.account.intake.store().clone();
        let now = self.account.intake.clock().now();
        if !store.lease(&self.lease, &self.holder, LEASE, now).await? {
            if self.leads {
                warn!(
                    account = self.account.config.account,
                    "Another gateway polls this bot now"
                );
            }
            self.leads = false;
            return Ok(STAND_BY);
        }
        if !self.leads {
            self.begin().await?;
        }
        if self
            .offset
            .is_some_and(|(_, since)| now - since > OFFSET_HOLDS)
        {
            self.offset = None;
        }
        let parameters = json!({
            "offset": self.offset.map_or(0, |(offset, _)| offset),
            "timeout": HOLD,
            "limit": 100,
            "allowed_updates": ALLOWED,
        });
        let api = &self.account.api;
        let mut call = pin!(api.call_within(REQUEST, "getUpdates", &parameters));
        let updates: Vec<Box<RawValue>> = loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(Duration::ZERO),
                updates = &mut call => break updates?,
                () = tokio::time::sleep(PROLONG) => {
                    let now = self.account.intake.clock().now();
                    if !store.lease(&self.lease, &self.holder, LEASE, now).await? {
                        return Ok(Duration::ZERO);
                    }
                }
            }
        };
        self.account.tell(None);
        if updates.is_empty() {
            return Ok(Duration::ZERO);
        }
        let texts: Vec<&str> = updates.iter().map(|update| update.get()).collect();
        self.account.accept(&texts).await?;
        let newest = texts.iter().filter_map(|text| update_id(text)).max();
        let next = newest.ok_or(Trouble::NoIds)? + 1;
        self.offset = Some((next, now));
        let value = format!("{} {next} {}", self.bot(), now.timestamp());
        self.account
            .intake
            .store()
            .set_value(&self.offset_name(), &value)
            .await?;
        crash::point("polling.kept");
        Ok(Duration::ZERO)
    }

    /// The lease is ours: go on where the last poller stopped. A webhook would keep updates from us.
    async fn begin(&mut self) -> Result<(), Trouble> {
        let parameters = json!({ "drop_pending_updates": false });
        self.account.api.tell("deleteWebhook", &parameters).await?;
        let saved = self
            .account
            .intake
            .store()
            .value(&self.offset_name())
            .await?;
        self.offset = saved.and_then(|saved| read_offset(&saved, self.bot()));
        self.leads = true;
        info!(account = self.account.config.account, "Polling Telegram");
        Ok(())
    }

    fn offset_name(&self) -> String {
        format!("telegram.{}.offset", self.account.config.account)
    }

    fn bot(&self) -> &str {
        bot_id(self.account.config.token.expose()).unwrap_or("0")
    }

    /// Tells the operator what is wrong, and how long to wait.
    fn explain(&mut self, trouble: &Trouble, failures: u32) -> Duration {
        let account = &self.account.config.account;
        let doubled = Duration::from_secs(1 << failures.min(6).saturating_sub(1));
        let pause = doubled.min(LONGEST_PAUSE);
        let refusal = match trouble {
            Trouble::Call(error) => error.refusal(),
            Trouble::Store(_) | Trouble::Intake(_) | Trouble::NoIds => None,
        };
        let told = match refusal {
            Some(refusal) if matches!(refusal.code, 401 | 404) => Some("401"),
            Some(refusal) if refusal.code == 409 => Some("409"),
            // A pause that it asks for is no trouble, and the store's is told elsewhere.
            Some(refusal) if refusal.code == 429 => None,
            _ => matches!(trouble, Trouble::Call(_)).then_some("unreachable"),
        };
        if told.is_some() {
            self.account.tell(told);
        }
        match refusal.map(|refusal| (refusal.code, refusal)) {
            Some((401 | 404, _)) => {
                error!(
                    account,
                    "Telegram does not know this token: correct it, messages are not fetched"
                );
                LONGEST_PAUSE
            }
            Some((409, refusal)) if refusal.says("webhook") => {
                warn!(
                    account,
                    "Somebody set a webhook for this bot: it is removed, or set mode = \"webhook\""
                );
                self.leads = false;
                pause
            }
            Some((409, _)) => {
                warn!(
                    account,
                    "Another program fetches updates of this bot: stop it, or give it a bot of its own"
                );
                pause
            }
            Some((429, refusal)) => refusal.retry_after.unwrap_or(pause),
            _ => {
                warn!(account, error = %causes(trouble), "Updates were not fetched; trying again");
                pause
            }
        }
    }
}

fn update_id(update: &str) -> Option<i64> {
    #[derive(serde::Deserialize)]
    struct Update {
        update_id: i64,
    }
    // Halves of surrogate pairs make an update unreadable as a whole.
    match serde_json::from_str::<Update>(update) {
        Ok(update) => Some(update.update_id),
        Err(_) => super::fields::parse(update)
            .ok()
            .and_then(|(_, update)| super::fields::int(&update, "update_id")),
    }
}

/// Reads `bot offset time`; an offset of another bot says nothing.
fn read_offset(saved: &str, bot: &str) -> Option<(i64, DateTime<Utc>)> {
    let mut words = saved.split(' ');
    let same_bot = words.next()? == bot;
    let offset = words.next()?.parse().ok()?;
    let since = DateTime::from_timestamp(words.next()?.parse().ok()?, 0)?;
    same_bot.then_some((offset, since))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_read_back_for_the_same_bot_only() {
        let (offset, since) = read_offset("123 42 1795000000", "123").unwrap();
        assert_eq!((offset, since.timestamp()), (42, 1_795_000_000));
        assert!(read_offset("123 42 1795000000", "124").is_none());
        assert!(read_offset("nonsense", "nonsense").is_none());
    }

    #[test]
    fn an_update_that_cannot_be_read_as_a_whole_still_moves_the_offset() {
        assert_eq!(
            update_id(r#"{"message":{"text":"\ud83d"},"update_id":7}"#),
            Some(7)
        );
        assert_eq!(
            update_id(r#"{"update_id":2342342343242}"#),
            Some(2_342_342_343_242)
        );
        assert_eq!(update_id("[]"), None);
    }
}
