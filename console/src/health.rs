//! How everything is, in words: fine, or what is wrong and what to do.
//!
//! What only another process knows (whether a messenger takes our key, whether a model answers) it tells through the
//! store, see [`zapis_core::store::Standing`].

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::response::Html;
use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use zapis_core::store::{Role, Spend, Standing, StoreError};
use zapis_workers::crm::{HEALTH, Health, Standing as CrmStanding};
use zapis_workers::words::Language;

use crate::door::Me;
use crate::page::View;
use crate::refusal::Refusal;
use crate::reports::MAIL;
use crate::words::file_name;
use crate::{Console, Shared, texts};

/// How old the number in the menu may be.
const FRESH: Duration = Duration::from_secs(15);
/// How long a page waits for that number.
const PATIENCE: Duration = Duration::from_secs(1);
/// A message that waits longer than this in the queue waits too long.
const QUEUE: TimeDelta = TimeDelta::minutes(2);
/// The same of a draft.
const DRAFT: TimeDelta = TimeDelta::minutes(15);
/// How many drafts are looked at.
const DRAFTS: u32 = 100;
/// Somebody besides the one who always is should have been in the console since.
const ALONE: TimeDelta = TimeDelta::days(14);

/// How many parts were wrong, and when that was counted.
#[derive(Default)]
pub(crate) struct Troubles(Mutex<Option<(Instant, usize)>>);

/// One thing that can be wrong.
#[derive(Debug, Serialize)]
struct Part {
    name: String,
    /// What is wrong and what to do; nothing where it is fine.
    wrong: Vec<String>,
    /// What else is known.
    facts: Vec<String>,
}

/// Looks at everything, for somebody.
struct Look<'a> {
    console: &'a Shared,
    view: &'a View<'a>,
    language: Language,
    now: DateTime<Utc>,
    standings: BTreeMap<String, Standing>,
}

/// `GET /console/health`
pub(crate) async fn show(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    let parts = looked(&console, &view, me.member.role).await?;
    let wrong = count(&parts);
    *console.troubles.0.lock().await = Some((Instant::now(), wrong));
    let parts = Value::from(Serde(parts));
    view.page("health.html", "health", context! { parts, wrong })
        .await
}

fn count(parts: &[Part]) -> usize {
    parts.iter().filter(|part| !part.wrong.is_empty()).count()
}

/// How many parts are wrong: for the menu, so that it is counted now and then only.
pub(crate) async fn troubles(console: &Shared, view: &View<'_>) -> Result<usize, StoreError> {
    let mut known = console.troubles.0.lock().await;
    if let Some((at, count)) = *known
        && at.elapsed() < FRESH
    {
        return Ok(count);
    }
    let looked = tokio::time::timeout(PATIENCE, looked(console, view, Role::Manager));
    let wrong = match looked.await {
        Ok(parts) => count(&parts?),
        // A page waits for nobody; what does not answer is wrong.
        Err(_) => known.map_or(1, |(_, count)| count.max(1)),
    };
    *known = Some((Instant::now(), wrong));
    Ok(wrong)
}

async fn looked(console: &Shared, view: &View<'_>, role: Role) -> Result<Vec<Part>, StoreError> {
    let look = Look {
        console,
        view,
        language: view.language(),
        now: view.now,
        standings: console.store().standings().await?,
    };
    let mut parts = look.doors().await?;
    parts.push(look.queue().await);
    parts.push(look.sessions().await);
    parts.push(look.dead().await?);
    parts.push(look.content());
    if console.watched.crm {
        parts.push(look.crm().await?);
    }
    parts.extend(look.models(role).await?);
    parts.extend(look.mail());
    parts.push(look.drafts().await?);
    parts.push(look.people().await?);
    Ok(parts)
}

impl Look<'_> {
    fn say(&self, key: &str, told: &[(&str, &str)]) -> String {
        texts::fill(self.language, key, told).unwrap_or_else(|| key.to_owned())
    }

    fn part(&self, name: &str, wrong: Option<String>) -> Part {
        Part {
            name: self.say(name, &[]),
            wrong: wrong.into_iter().collect(),
            facts: Vec::new(),
        }
    }

    fn standing(&self, name: &str) -> Option<&Standing> {
        self.standings.get(name)
    }

    /// When something worked last.
    fn worked(&self, name: &str) -> String {
        let at = self.standing(name).and_then(|known| known.worked_at);
        at.map_or_else(|| self.say("never-yet", &[]), |at| self.view.at(at))
    }

    /// Each account of each channel.
    async fn doors(&self) -> Result<Vec<Part>, StoreError> {
        let midnight = self.now.with_timezone(&self.view.zone).date_naive();
        let midnight = midnight.and_time(NaiveTime::MIN);
        let midnight = midnight.and_local_timezone(self.view.zone).earliest();
        let midnight = midnight.map_or(self.now, |at| at.with_timezone(&Utc));
        let mut failed: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for (conversation, code, count) in self.console.store().failed_since(midnight).await? {
            let of_door = failed.entry(conversation.door()).or_default();
            *of_door.entry(self.why_not(&code)).or_default() += count;
        }
        let doors = self.console.watched.doors.iter();
        Ok(doors
            .map(|door| self.door(door, failed.get(door)))
            .collect())
    }

    fn door(&self, door: &str, failed: Option<&BTreeMap<String, u64>>) -> Part {
        let (channel, account) = door.split_once(':').unwrap_or((door, ""));
        let key = format!("channel-{channel}");
        let channel = texts::text(self.language, &key).unwrap_or(channel);
        let mut wrong = Vec::new();
        for side in ["in", "out"] {
            let standing = self.standing(&format!("{side} {door}"));
            let Some((code, since)) =
                standing.and_then(|known| Some((known.trouble.as_ref()?, known.since)))
            else {
                continue;
            };
            let since = self.view.at(since);
            let key = match code.as_str() {
                "unreachable" => "door-unreachable",
                "401" | "403" | "404" | "190" => "door-token",
                "409" => "door-another",
                "webhook" => "door-webhook",
                _ => "door-stopped",
            };
            let words = self.say(
                key,
                &[("channel", channel), ("code", code), ("since", &since)],
            );
            if !wrong.contains(&words) {
                wrong.push(words);
            }
        }
        let (came, went) = (
            self.worked(&format!("in {door}")),
            self.worked(&format!("out {door}")),
        );
        let mut facts = vec![self.say("door-last", &[("came", &came), ("went", &went)])];
        if let Some(failed) = failed {
            let count: u64 = failed.values().sum();
            let why = failed.iter().map(|(why, count)| format!("{why} ({count})"));
            let why = why.collect::<Vec<_>>().join(", ");
            let told = [("count", &*count.to_string()), ("why", &why)];
            facts.push(self.say("door-failed", &told));
        }
        Part {
            name: format!("{channel} · {account}"),
            wrong,
            facts,
        }
    }

    /// Why a message did not arrive.
    fn why_not(&self, code: &str) -> String {
        let key = match code {
            "403" | "131026" => "failed-unreachable",
            "window_closed" | "131047" => "failed-window",
            "ambiguous" => "failed-ambiguous",
            _ => return self.say("failed-code", &[("code", code)]),
        };
        self.say(key, &[])
    }

    async fn queue(&self) -> Part {
        let intake = &self.console.intake;
        if intake.check().await.is_err() {
            return self.part("health-queue", Some(self.say("health-queue-wrong", &[])));
        }
        let (mut waiting, mut oldest) = (0, 0);
        for topic in &self.console.watched.topics {
            if let Ok(depth) = intake.depth(topic).await {
                waiting += depth.waiting + depth.in_hand.unwrap_or_default();
                oldest = oldest.max(depth.oldest_ms.unwrap_or_default());
            }
        }
        let age = TimeDelta::milliseconds(i64::try_from(oldest).unwrap_or(i64::MAX / 1_000));
        let span = crate::words::span(self.language, age);
        let told = [("count", &*waiting.to_string()), ("span", &span)];
        let slow = (age > QUEUE).then(|| self.say("health-queue-slow", &told));
        let fact = slow.is_none() && waiting > 0;
        let mut part = self.part("health-queue", slow);
        part.facts
            .extend(fact.then(|| self.say("health-queue-waits", &told)));
        part
    }

    async fn sessions(&self) -> Part {
        let works = self.console.sessions.check().await.is_ok();
        let wrong = (!works).then(|| self.say("health-sessions-wrong", &[]));
        self.part("health-sessions", wrong)
    }

    /// What nobody could read or handle.
    async fn dead(&self) -> Result<Part, StoreError> {
        let dead = self.console.store().dead_count().await?;
        let told = [("count", &*dead.to_string())];
        let wrong = (dead > 0).then(|| self.say("health-dead-wrong", &told));
        Ok(self.part("health-dead", wrong))
    }

    fn content(&self) -> Part {
        let trouble = self.standing("content");
        let trouble = trouble.and_then(|known| known.trouble.as_deref());
        let wrong = match trouble {
            Some(trouble) => {
                // Where this machine keeps its files helps nobody.
                let (place, words) = trouble.split_once(": ").unwrap_or((trouble, ""));
                let words = words.trim_start_matches("error: ");
                let what = format!("{}: {words}", file_name(place));
                Some(self.say("health-content-broken", &[("what", &what)]))
            }
            None if self.view.firm.is_none() || self.console.content.get().is_none() => {
                Some(self.say("health-content-wrong", &[]))
            }
            None => None,
        };
        self.part("health-content", wrong)
    }

    async fn crm(&self) -> Result<Part, StoreError> {
        let store = self.console.store();
        let standing = store.value(HEALTH).await?;
        let standing: Option<CrmStanding> =
            standing.and_then(|text| serde_json::from_str(&text).ok());
        let key = match standing.map(|standing| standing.health) {
            None | Some(Health::Ok | Health::Throttled | Health::Parked) => None,
            Some(Health::AuthBroken) => Some("health-crm-key"),
            Some(Health::PlanExpired) => Some("health-crm-plan"),
            Some(Health::Down) => Some("health-crm-down"),
        };
        let jobs = store.crm_counts().await?.jobs;
        let waiting = ["pending", "in_flight"].map(|state| jobs.get(state).copied());
        let waiting: u64 = waiting.into_iter().flatten().sum();
        let told = [("count", &*waiting.to_string())];
        Ok(self.part("health-crm", key.map(|key| self.say(key, &told))))
    }

    /// The language models and what they may cost, where there are any. Money is shown to owners only.
    async fn models(&self, role: Role) -> Result<Vec<Part>, StoreError> {
        let models = &self.console.watched.models;
        let used = models.endpoints.iter().filter(|model| model.enabled);
        let mut parts: Vec<Part> = used.map(|model| self.model(&model.name)).collect();
        if parts.is_empty() {
            return Ok(parts);
        }
        let spent = self.console.store();
        let spent = spent.spent_in_all(self.now.date_naive()).await?;
        let (share, told) = self.budget(spent);
        let mut part = self.part("health-budget", None);
        if share >= 1.0 {
            part.wrong.push(self.say("health-budget-used", &[]));
        }
        if role == Role::Owner {
            part.facts.extend(told);
            part.facts.extend(self.used_up_at(share));
        }
        parts.push(part);
        Ok(parts)
    }

    /// Letters, where any were tried.
    fn mail(&self) -> Option<Part> {
        let standing = self.standing(MAIL)?;
        let since = self.view.at(standing.since);
        let told = [("since", &*since)];
        let wrong = standing.trouble.is_some();
        let wrong = wrong.then(|| self.say("health-mail-wrong", &told));
        Some(self.part("health-mail", wrong))
    }

    fn model(&self, name: &str) -> Part {
        let standing = self.standing(&format!("llm {name}"));
        let trouble = standing.and_then(|known| Some((known.trouble.as_deref()?, known.since)));
        let wrong = trouble.map(|(code, since)| {
            let key = match code {
                "refused" => "model-refused",
                "limited" => "model-limited",
                "unusable" => "model-unusable",
                _ => "model-unreachable",
            };
            self.say(key, &[("since", &self.view.at(since))])
        });
        let mut part = self.part("health-model", wrong);
        part.name = format!("{} · {name}", part.name);
        let worked = self.worked(&format!("llm {name}"));
        part.facts.push(self.say("model-last", &[("at", &worked)]));
        part
    }

    /// Which part of the budget of the day is used up, and in words what was spent.
    #[expect(
        clippy::cast_precision_loss,
        reason = "shown in two digits: below 2^53 nothing of that is lost"
    )]
    fn budget(&self, spent: Spend) -> (f64, Vec<String>) {
        let models = &self.console.watched.models;
        let (tokens, money) = (spent.tokens as f64, spent.micros as f64 / 1e6);
        let none = self.say("budget-none", &[]);
        let bound = |bound: f64, digits: usize| {
            if bound > 0.0 {
                format!("{bound:.digits$}")
            } else {
                none.clone()
            }
        };
        let (most_tokens, most_money) = (models.daily_tokens as f64, models.daily_money);
        let of = |spent: f64, most: f64| if most > 0.0 { spent / most } else { 0.0 };
        let share = of(tokens, most_tokens).max(of(money, most_money));
        let told = [
            ("tokens", &*spent.tokens.to_string()),
            ("most_tokens", &bound(most_tokens, 0)),
            ("money", &format!("{money:.2}")),
            ("most_money", &bound(most_money, 2)),
        ];
        (share, vec![self.say("budget-spent", &told)])
    }

    /// When the budget will be used up if it goes on like this; nothing where it lasts. Its day is that of UTC.
    fn used_up_at(&self, share: f64) -> Option<String> {
        let day = self.now.date_naive().and_time(NaiveTime::MIN).and_utc();
        let passed = (self.now - day).as_seconds_f64();
        // Nothing was spent: it lasts for ever, which no duration can say.
        let whole = Duration::try_from_secs_f64(passed / share).ok()?;
        let whole = TimeDelta::from_std(whole).ok()?;
        let ends_today = share < 1.0 && whole < TimeDelta::days(1);
        let at = self.view.at(day + whole.min(TimeDelta::days(1)));
        ends_today.then(|| self.say("budget-until", &[("at", &at)]))
    }

    async fn drafts(&self) -> Result<Part, StoreError> {
        let drafts = self.console.store().open_drafts(DRAFTS).await?;
        let old = drafts.iter().filter(|draft| self.now - draft.at > DRAFT);
        let oldest = old.clone().map(|draft| draft.at).min();
        let wrong = oldest.map(|at| {
            let span = self.view.ago(at);
            let told = [("count", &*old.count().to_string()), ("span", &span)];
            self.say("health-drafts-wait", &told)
        });
        Ok(self.part("place-drafts", wrong))
    }

    /// Who works here.
    async fn people(&self) -> Result<Part, StoreError> {
        let store = self.console.store();
        let staff = store.staff().await?;
        let may =
            |one: &&zapis_core::store::StaffMember| one.has_password && one.disabled_at.is_none();
        let members = staff.iter().filter(may).count();
        let seen = store.staff_seen(self.now - ALONE).await?;
        let wrong = members > 1 && seen <= 1;
        let wrong = wrong.then(|| self.say("health-people-alone", &[]));
        let mut part = self.part("place-people", wrong);
        let told = [("count", &*seen.to_string())];
        part.facts.push(self.say("health-people-seen", &told));
        Ok(part)
    }
}
