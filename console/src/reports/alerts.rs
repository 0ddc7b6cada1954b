//! What is not as it usually is: noted when it begins and when it is over, told to people, quiet for a while where they
//! want that.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use zapis_core::event::{Event, Kind};
use zapis_core::ids;
use zapis_core::store::{Store, StoreError};
use zapis_workers::kpi::bands::{OutOfBand, figure_behind};
use zapis_workers::kpi::figures::Unit;
use zapis_workers::words::Language;

use crate::texts;

/// Everything that is out of its band, as a small value.
const RAISED: &str = "alerts";
/// Until when people want to hear nothing of which, likewise.
const SNOOZED: &str = "alerts snoozed";
/// What goes on is told again after this.
const AGAIN: TimeDelta = TimeDelta::hours(24);

/// Something that is out of its band, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Alert {
    /// When it was seen first.
    pub(crate) began_at: DateTime<Utc>,
    /// When it was told last, to everybody.
    pub(super) told_at: Option<DateTime<Utc>>,
    now: Option<f64>,
    usual: f64,
    unit: Unit,
    since: Option<DateTime<Utc>>,
}

/// What is to be told.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum News {
    /// It is out of its band, or still is.
    Raised(String, Alert),
    /// It is as usual again, what people were told of.
    Ended(String, Alert),
}

/// By id.
type Alerts = BTreeMap<String, Alert>;

/// What is out of its band by now.
pub(crate) async fn raised(store: &Store) -> Result<Alerts, StoreError> {
    kept(store, RAISED).await
}

/// Until when people want to hear nothing of which.
pub(super) async fn snoozed(store: &Store) -> Result<BTreeMap<String, DateTime<Utc>>, StoreError> {
    kept(store, SNOOZED).await
}

/// Nobody wants to hear of it until then.
pub(super) async fn quieten(
    store: &Store,
    id: &str,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut all = snoozed(store).await?;
    all.retain(|_, until| *until > now);
    all.insert(id.to_owned(), until);
    keep(store, SNOOZED, &all).await
}

async fn kept<T: Default + serde::de::DeserializeOwned>(
    store: &Store,
    name: &str,
) -> Result<T, StoreError> {
    let text = store.value(name).await?;
    let kept = text.and_then(|text| serde_json::from_str(&text).ok());
    Ok(kept.unwrap_or_default())
}

async fn keep<T: Serialize>(store: &Store, name: &str, what: &T) -> Result<(), StoreError> {
    let text = serde_json::to_string(what).unwrap_or_default();
    store.set_value(name, &text).await
}

/// Takes what is out of its band now; what there is to tell, and the lines of the journal. Nothing is kept yet.
pub(super) fn compared(
    known: &Alerts,
    snoozed: &BTreeMap<String, DateTime<Utc>>,
    out: Vec<OutOfBand>,
    now: DateTime<Utc>,
) -> (Alerts, Vec<News>, Vec<Event>) {
    let (mut alerts, mut news, mut events) = (Alerts::new(), Vec::new(), Vec::new());
    for one in out {
        let before = known.get(one.id);
        let told_at = before.and_then(|alert| alert.told_at);
        let mut alert = Alert {
            began_at: before.map_or(now, |alert| alert.began_at),
            told_at,
            now: one.now,
            usual: one.usual,
            unit: one.unit,
            since: one.since,
        };
        let quiet = snoozed.get(one.id).is_some_and(|until| *until > now);
        if !quiet && told_at.is_none_or(|told| now - told >= AGAIN) {
            alert.told_at = Some(now);
            news.push(News::Raised(one.id.to_owned(), alert.clone()));
        }
        if before.is_none() {
            events.push(event(one.id, "raised", &alert, now));
        }
        alerts.insert(one.id.to_owned(), alert);
    }
    for (id, alert) in known {
        if !alerts.contains_key(id) {
            events.push(event(id, "ended", alert, now));
            if alert.told_at.is_some() {
                news.push(News::Ended(id.clone(), alert.clone()));
            }
        }
    }
    (alerts, news, events)
}

/// Keeps what is out of its band.
pub(super) async fn keep_raised(store: &Store, alerts: &Alerts) -> Result<(), StoreError> {
    keep(store, RAISED, alerts).await
}

fn event(id: &str, outcome: &str, alert: &Alert, now: DateTime<Utc>) -> Event {
    let began = alert.began_at.to_rfc3339();
    let cause = ids::derive(&["alert", id, &began, outcome]);
    let mut event = Event::new(cause, Kind::System, now);
    event.action = Some("alert".into());
    event.outcome = Some(outcome.into());
    event.reason = Some(id.to_owned());
    event
}

/// «Бот чаще зовёт человека: 52 % за сутки, обычно 20 %»
pub(crate) fn words_of(language: Language, id: &str, alert: &Alert, zone: Tz) -> String {
    let told = |value: f64| alert.unit.told(value, language);
    let now = alert.now.map(told).unwrap_or_default();
    let since = alert
        .since
        .map(|at| at.with_timezone(&zone).format("%d.%m %H:%M"));
    let since = since.map(|at| at.to_string()).unwrap_or_default();
    let told = [
        ("now", &*now),
        ("usual", &told(alert.usual)),
        ("since", &since),
    ];
    texts::fill(language, &("alert-".to_owned() + id), &told).unwrap_or_else(|| id.to_owned())
}

/// Where more stands.
pub(crate) fn link_of(id: &str) -> String {
    match id {
        "budget" => "/console/health".to_owned(),
        id => format!("/console/figures?behind={}#behind", figure_behind(id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out(id: &'static str) -> OutOfBand {
        OutOfBand::of_share(id, 0.9, 0.8)
    }

    #[test]
    fn it_is_told_once_a_day_not_while_snoozed_and_when_it_is_over() {
        let at = |hours| DateTime::UNIX_EPOCH + TimeDelta::hours(hours);
        let quiet = BTreeMap::from([("negative".to_owned(), at(30))]);
        let step = |known: &Alerts, out: Vec<OutOfBand>, hour| {
            let (alerts, news, events) = compared(known, &quiet, out, at(hour));
            let told = |news: &News| match news {
                News::Raised(id, _) => format!("+{id}"),
                News::Ended(id, _) => format!("-{id}"),
            };
            let told: Vec<String> = news.iter().map(told).collect();
            (alerts, told, events.len())
        };
        let both = || vec![out("budget"), out("negative")];
        let (known, told, events) = step(&Alerts::new(), both(), 0);
        assert_eq!((told, events), (vec!["+budget".to_owned()], 2));
        let (known, told, events) = step(&known, both(), 23);
        assert_eq!((told.len(), events), (0, 0));
        let (known, told, _) = step(&known, both(), 31);
        assert_eq!(told, ["+budget", "+negative"]);
        let (known, told, events) = step(&known, vec![out("negative")], 32);
        assert_eq!((told, events), (vec!["-budget".to_owned()], 1));
        // Who was never told of it need not know that it is over.
        let later = BTreeMap::from([("budget".to_owned(), at(99))]);
        let (alerts, ..) = compared(&known, &later, both(), at(33));
        let (_, news, _) = compared(&alerts, &later, vec![out("negative")], at(34));
        assert!(news.is_empty(), "{news:?}");
    }
}
