//! Promotes and demotes intents by what became of their answers, where the firm has switched it on.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use zapis_core::event::{Event, Kind};
use zapis_core::store::{Store, StoreError};
use zapis_core::{Clock, causes, ids};

use super::{AutonomyConfig, Mode};
use crate::content::Live;
use crate::report::autonomy::{self, Recommendation};
use crate::report::read;

/// The small value that keeps what was adjusted.
const VALUE: &str = "autonomy";
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// How often answers are judged, by one process of all.
const JUDGE_EVERY: Duration = Duration::from_hours(1);
/// The answers that are judged are no older than this.
const JUDGED: TimeDelta = TimeDelta::days(30);

/// How an intent is answered now, and since when: what was before counts no more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Setting {
    /// Nothing where somebody has decided: what is laid down holds.
    mode: Option<Mode>,
    since: DateTime<Utc>,
}

type Settings = BTreeMap<String, Setting>;

/// What was adjusted, over the configuration. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Adjusted(Arc<ArcSwap<Settings>>);

impl Adjusted {
    /// How an intent is answered, if that was adjusted.
    pub(super) fn of(&self, intent: &str) -> Option<Mode> {
        self.0.load().get(intent)?.mode
    }

    /// Reads what was adjusted.
    pub async fn look(&self, store: &Store) -> Result<(), StoreError> {
        let value = store.value(VALUE).await?;
        let settings: Settings = value
            .and_then(|json| serde_json::from_str(&json).ok())
            .unwrap_or_default();
        if **self.0.load() != settings {
            self.0.store(Arc::new(settings));
        }
        Ok(())
    }

    /// Forgets what was adjusted of these intents, because somebody has decided otherwise: only what becomes of answers
    /// from now on counts. Other processes know within half a minute.
    pub async fn forget(
        store: &Store,
        intents: &[String],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if intents.is_empty() {
            return Ok(());
        }
        let adjusted = Self::default();
        adjusted.look(store).await?;
        let mut settings = Settings::clone(&adjusted.0.load());
        let decided = Setting {
            mode: None,
            since: now,
        };
        settings.extend(
            intents
                .iter()
                .map(|intent| (intent.clone(), decided.clone())),
        );
        let json = serde_json::to_string(&settings).unwrap_or_default();
        store.set_value(VALUE, &json).await
    }
}

/// Looks at what was adjusted and, where this process does that, adjusts.
#[derive(Debug)]
pub struct Adjuster {
    /// The settings of the firm.
    pub config: AutonomyConfig,
    /// Where `autonomy.toml` is read, once there is content.
    pub content: Arc<OnceLock<Live>>,
    /// What was adjusted.
    pub adjusted: Adjusted,
    /// Where the journal is.
    pub store: Store,
    /// The time.
    pub clock: Clock,
}

impl Adjuster {
    /// Looks until told to stop; `judges` where answers are judged too.
    pub async fn run(self, judges: bool, stop: CancellationToken) {
        let holder = uuid::Uuid::new_v4().to_string();
        loop {
            if let Err(error) = self.round(judges, &holder).await {
                warn!(error = %causes(&error), "Could not look after the autonomy of the bot");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    async fn round(&self, judges: bool, holder: &str) -> Result<(), StoreError> {
        let now = self.clock.now();
        // Whoever holds it does not prolong it: it runs out when the next judgement is due.
        let due = judges
            && self.config.self_adjusting
            && self
                .store
                .value(DUE)
                .await?
                .is_none_or(|due| is_over(&due, now));
        if due && self.store.lease(VALUE, holder, LOOK_EVERY, now).await? {
            self.judge(now).await?;
            let next = now + JUDGE_EVERY;
            self.store.set_value(DUE, &next.to_rfc3339()).await?;
        }
        self.adjusted.look(&self.store).await
    }

    /// Judges what became of the answers and changes how intents are answered.
    pub async fn judge(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.adjusted.look(&self.store).await?;
        let mut settings = Settings::clone(&self.adjusted.0.load());
        let since = |event: &Event| {
            let intent = event.intent.as_ref()?;
            settings.get(intent).map(|setting| setting.since)
        };
        let mut tallies = autonomy::Autonomy::default();
        let span = (now - JUDGED)..now;
        read(&self.store, &autonomy::Autonomy::KINDS, &span, |event| {
            if since(event).is_none_or(|since| event.timestamp >= since) {
                tallies.take(event);
            }
        })
        .await?;
        let content = self.content.get().map(Live::now);
        let laid_down = content
            .as_ref()
            .and_then(|content| content.autonomy.as_deref());
        let config = laid_down.unwrap_or(&self.config);
        let rows = tallies.rows(&config.modes(Some(&self.adjusted)));
        let mut events = Vec::new();
        for row in rows {
            let mode = match row.advice.recommendation {
                Recommendation::Promote => Mode::Auto(0.0),
                Recommendation::Demote => Mode::Draft,
                Recommendation::Keep => continue,
            };
            let id = ids::derive(&["autonomy", &row.intent, &now.to_rfc3339()]);
            let mut event = Event::new(id, Kind::System, now);
            event.action = Some("autonomy".to_owned());
            event.intent = Some(row.intent.clone());
            event.outcome = Some(mode.to_string());
            event.reason = Some(row.advice.why.clone());
            events.push(event);
            info!(intent = row.intent, mode = %mode, why = row.advice.why, "An intent is answered otherwise from now on");
            let mode = Some(mode);
            settings.insert(row.intent, Setting { mode, since: now });
        }
        let before = self.adjusted.0.load_full();
        self.adjusted.look(&self.store).await?;
        // Where somebody has decided meanwhile, the next round judges.
        if events.is_empty() || *self.adjusted.0.load_full() != *before {
            return Ok(());
        }
        let json = serde_json::to_string(&settings).unwrap_or_default();
        self.store.set_value(VALUE, &json).await?;
        self.store.journal(&events, &[]).await?;
        self.adjusted.look(&self.store).await
    }
}

/// The small value that says when answers are judged next.
const DUE: &str = "autonomy due";

fn is_over(due: &str, now: DateTime<Utc>) -> bool {
    DateTime::parse_from_rfc3339(due).is_ok_and(|due| due <= now)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::understand::Intent;

    /// `count` drafts about prices that were sent as they were.
    async fn sent(store: &Store, from: u128, count: u128, at: DateTime<Utc>) {
        let conversation = "telegram:main:1".parse().unwrap();
        let event = |n: u128, outcome: &str| {
            let id = Uuid::from_u128(n);
            let mut event = Event::new(ids::of(id, outcome, 0), Kind::Draft, at);
            event.outbound_id = Some(id);
            event.intent = Some("price".to_owned());
            event.outcome = Some(outcome.to_owned());
            event.about(&conversation)
        };
        let drafts = (from..from + count).flat_map(|n| [event(n, "proposed"), event(n, "sent")]);
        let drafts: Vec<Event> = drafts.collect();
        store.journal(&drafts, &[]).await.unwrap();
    }

    #[tokio::test]
    async fn what_the_staff_always_sends_is_answered_alone_and_the_journal_says_why() {
        let store = Store::open("sqlite::memory:").await.unwrap();
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let config = AutonomyConfig {
            by_intent: [("price".to_owned(), Mode::Draft)].into(),
            self_adjusting: true,
            ..AutonomyConfig::default()
        };
        let adjuster = Adjuster {
            config: config.clone(),
            content: Arc::default(),
            adjusted: Adjusted::default(),
            store: store.clone(),
            clock: Clock::fixed(now),
        };
        let rules = super::super::Autonomy {
            config,
            adjusted: adjuster.adjusted.clone(),
        };
        let day_before = now - TimeDelta::days(1);

        sent(&store, 1, 30, day_before).await;
        adjuster.judge(now).await.unwrap();
        assert_eq!(
            rules.of(None, Some(Intent::Price)),
            Mode::Draft,
            "30 are too few"
        );

        sent(&store, 100, 30, day_before).await;
        adjuster.judge(now).await.unwrap();
        assert_eq!(rules.of(None, Some(Intent::Price)), Mode::Auto(0.0));
        let span = (now - TimeDelta::days(2))..(now + TimeDelta::days(1));
        let mut told = Vec::new();
        read(&store, &[Kind::System], &span, |event| {
            told.push((event.outcome.clone(), event.reason.clone()));
        })
        .await
        .unwrap();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].0.as_deref(), Some("auto"));

        // What counted once does not count again.
        adjuster.judge(now + TimeDelta::hours(1)).await.unwrap();
        assert_eq!(rules.of(None, Some(Intent::Price)), Mode::Auto(0.0));

        // Nor does it after somebody has decided otherwise.
        let decided = now + TimeDelta::hours(2);
        Adjusted::forget(&store, &["price".to_owned()], decided)
            .await
            .unwrap();
        adjuster.judge(now + TimeDelta::hours(3)).await.unwrap();
        assert_eq!(rules.of(None, Some(Intent::Price)), Mode::Draft);
    }
}
