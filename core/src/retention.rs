//! Nothing of customers is kept for ever: how long what is kept, and the duty that puts it away, once a night.
//!
//! What becomes of every table stands in [`crate::store::RETAINED`].

use std::time::Duration;

use chrono::{DateTime, Days, LocalResult, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::causes;
use crate::clock::Clock;
use crate::config::Findings;
use crate::store::{Role, Store, StoreError, Swept};

/// The `[privacy]` section. Days are counted from what happened; 0: for ever.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrivacyConfig {
    /// What messengers and the program know of single messages: ids, reports, errors.
    pub technical_days: u32,
    /// What was said and typed, and by whom in the journal.
    pub details_days: u32,
    /// What is left for figures, without the person.
    pub pseudonyms_days: u32,
    /// The customer herself, from the last thing she did.
    pub persons_days: u32,
    /// From which hour of the firm's day on what is over is put away.
    pub hour: u32,
    /// Whether words about health are kept out of what is stored and told to the CRM.
    pub medical: bool,
    /// The least role that is shown whole phone numbers in the console; to others the last two digits tell people apart.
    pub phones: Role,
}

impl Default for PrivacyConfig {
    fn default() -> Self {
        Self {
            technical_days: 30,
            details_days: 90,
            pseudonyms_days: 365,
            persons_days: 1095,
            hour: 4,
            medical: false,
            phones: Role::Administrator,
        }
    }
}

/// How long something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// `technical_days`
    Technical,
    /// `details_days`
    Details,
    /// What was set aside: `details_days`, or a day where words about health are not kept.
    SetAside,
    /// `pseudonyms_days`
    Pseudonyms,
    /// `persons_days`
    Persons,
    /// Three years: as long as somebody may ask for a proof.
    Proof,
}

/// A messenger repeats what it did not see accepted for 7 days: so long its ids are needed.
const REPEATED: u32 = 8;
/// Ten years.
const LONGEST: u32 = 3_650;
/// As long as claims can be made.
const PROOF: u32 = 1_095;

impl PrivacyConfig {
    /// Notes what is out of range or does not go together.
    pub fn check(&self, findings: &mut Findings) {
        let days = [
            ("technical_days", self.technical_days),
            ("details_days", self.details_days),
            ("pseudonyms_days", self.pseudonyms_days),
            ("persons_days", self.persons_days),
        ];
        for (key, days) in days {
            findings.check(
                days == 0 || (REPEATED..=LONGEST).contains(&days),
                &format!("privacy.{key}"),
                "out of range",
                "use 8 to 3650 days (messengers repeat messages for a week), or 0 for ever",
            );
        }
        let for_ever = |days: u32| if days == 0 { u32::MAX } else { days };
        let [technical, details, pseudonyms, persons] = days.map(|(_, days)| for_ever(days));
        findings.check(
            technical <= details,
            "privacy.technical_days",
            "longer than privacy.details_days",
            "ids of messages serve nothing once their words are gone: use at most details_days",
        );
        findings.check(
            details <= pseudonyms,
            "privacy.pseudonyms_days",
            "shorter than privacy.details_days",
            "what is left without the person stays at least as long as with her: use details_days or more, or 0",
        );
        findings.check(
            details <= persons,
            "privacy.persons_days",
            "shorter than privacy.details_days",
            "words of somebody who is forgotten would stay: use details_days or more, or 0",
        );
        findings.check(
            self.hour < 24,
            "privacy.hour",
            "no hour of a day",
            "use 0 to 23, e.g. 4 for four o'clock in the morning",
        );
    }

    /// What is older than this has been kept long enough; nothing where it is kept for ever.
    pub fn cutoff(&self, period: Period, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let days = match period {
            Period::Technical => self.technical_days,
            Period::SetAside if self.medical => 1,
            Period::Details | Period::SetAside => self.details_days,
            Period::Pseudonyms => self.pseudonyms_days,
            Period::Persons => self.persons_days,
            Period::Proof if self.persons_days == 0 => 0,
            Period::Proof => PROOF,
        };
        (days > 0).then(|| now - TimeDelta::days(days.into()))
    }
}

/// When it was time last, by the firm's clock: at this hour, or where that was left out, right after.
pub fn last_time(now: DateTime<Utc>, zone: Tz, hour: u32) -> DateTime<Utc> {
    let today = now.with_timezone(&zone).date_naive();
    let at = NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or_default();
    let mut days = [Some(today), today.checked_sub_days(Days::new(1))].into_iter();
    let times = days.by_ref().flatten().map(|day| {
        let local = day.and_time(at);
        match zone.from_local_datetime(&local) {
            LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => time.to_utc(),
            // The clock was put forward over it, by an hour at most nearly everywhere.
            LocalResult::None => zone
                .from_local_datetime(&(local + TimeDelta::hours(1)))
                .earliest()
                .map_or_else(|| local.and_utc(), |time| time.to_utc()),
        }
    });
    let mut times = times.filter(|time| *time <= now);
    times.next().unwrap_or(now)
}

/// How often it is looked whether it is time.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Puts away what was kept long enough.
#[derive(Debug)]
pub struct Retention {
    /// Where everything is kept.
    pub store: Store,
    /// For how long.
    pub config: PrivacyConfig,
    /// The time.
    pub clock: Clock,
    /// Names this process among those that do the same.
    pub holder: String,
}

impl Retention {
    /// Looks every now and then whether it is time in the firm's zone, until told to stop.
    pub async fn run(self, zone: impl Fn() -> Tz, stop: CancellationToken) {
        let mut moves = self.clock.moves();
        loop {
            let round = self.round(zone());
            match stop.run_until_cancelled(round).await {
                None => return,
                Some(Err(error)) => {
                    warn!(error = %causes(&error), "Could not put away what is over; it is tried again");
                }
                Some(Ok(_)) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = moves.within(LOOK_EVERY) => {}
            }
        }
    }

    /// Puts away what is over if it is time and nobody else does; what it did.
    async fn round(&self, zone: Tz) -> Result<Option<Swept>, StoreError> {
        let due = last_time(self.clock.now(), zone, self.config.hour);
        let last = self.store.last_sweep().await?;
        if last.is_some_and(|last| last.ended_at.is_some() && last.begun_at >= due) {
            return Ok(None);
        }
        self.sweep().await
    }

    /// Puts away what is over now; nothing where somebody else is at it. What a crash left undone is gone on with.
    pub async fn sweep(&self) -> Result<Option<Swept>, StoreError> {
        let swept = self.store.sweep(&self.config, &self.holder, &self.clock);
        let swept = swept.await?;
        if let Some(swept) = &swept {
            let rows: u64 = swept.rows.values().sum();
            info!(rows, "Put away what was kept long enough");
        }
        Ok(swept)
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::America::Sao_Paulo;
    use chrono_tz::Europe::{Berlin, Moscow};

    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// What the loader says of these settings.
    fn told(change: impl FnOnce(&mut PrivacyConfig)) -> Vec<String> {
        let mut config = PrivacyConfig::default();
        change(&mut config);
        let mut findings = Findings::default();
        config.check(&mut findings);
        findings.0.into_iter().map(|one| one.key).collect()
    }

    #[test]
    fn it_is_time_once_a_day_whatever_the_clock_does() {
        for (now, zone, hour, last) in [
            // Moscow is three hours ahead.
            ("2026-11-27T00:59:59Z", Moscow, 4, "2026-11-26T01:00:00Z"),
            ("2026-11-27T01:00:00Z", Moscow, 4, "2026-11-27T01:00:00Z"),
            // The year ends, and a leap day comes.
            ("2027-12-31T22:30:00Z", Moscow, 4, "2027-12-31T01:00:00Z"),
            ("2028-02-29T02:00:00Z", Moscow, 4, "2028-02-29T01:00:00Z"),
            ("2028-03-01T00:30:00Z", Moscow, 4, "2028-02-29T01:00:00Z"),
            // The clock is put forward from two to three, and back from three to two.
            ("2026-03-29T00:30:00Z", Berlin, 2, "2026-03-28T01:00:00Z"),
            ("2026-03-29T12:00:00Z", Berlin, 2, "2026-03-29T01:00:00Z"),
            ("2026-10-25T00:30:00Z", Berlin, 2, "2026-10-25T00:00:00Z"),
            ("2026-10-25T01:30:00Z", Berlin, 2, "2026-10-25T00:00:00Z"),
            // A day that began at one.
            ("2018-11-04T12:00:00Z", Sao_Paulo, 0, "2018-11-04T03:00:00Z"),
        ] {
            assert_eq!(last_time(time(now), zone, hour), time(last), "{now} {zone}");
        }
    }

    #[test]
    fn periods_that_contradict_each_other_are_refused() {
        assert_eq!(told(|_| {}), Vec::<String>::new());
        let shorter = told(|config| config.pseudonyms_days = 60);
        assert_eq!(shorter, ["privacy.pseudonyms_days"]);
        let forgotten = told(|config| config.persons_days = 60);
        assert_eq!(forgotten, ["privacy.persons_days"]);
        let for_ever = told(|config| config.details_days = 0);
        assert_eq!(
            for_ever,
            ["privacy.pseudonyms_days", "privacy.persons_days"]
        );
        let repeats = told(|config| config.technical_days = 7);
        assert_eq!(repeats, ["privacy.technical_days"]);
        assert_eq!(told(|config| config.hour = 24), ["privacy.hour"]);
        let all = told(|config| {
            config.technical_days = 0;
            config.details_days = 0;
            config.pseudonyms_days = 0;
            config.persons_days = 0;
        });
        assert_eq!(all, Vec::<String>::new());
    }

    #[tokio::test]
    async fn the_duty_is_done_once_a_night_by_one_of_all() {
        let store = Store::open("sqlite::memory:").await.unwrap();
        let clock = Clock::fixed(time("2028-02-28T22:00:00Z"));
        let duty = Retention {
            store: store.clone(),
            config: PrivacyConfig::default(),
            clock: clock.clone(),
            holder: "one".to_owned(),
        };
        // What was missed is done at the start.
        assert!(duty.round(Moscow).await.unwrap().is_some());
        clock.advance(Duration::from_hours(2));
        assert_eq!(duty.round(Moscow).await.unwrap(), None);
        clock.advance(Duration::from_hours(1));
        let other = store.lease("retention", "other", Duration::from_secs(20), clock.now());
        assert!(other.await.unwrap());
        assert_eq!(duty.round(Moscow).await.unwrap(), None);
        clock.advance(Duration::from_mins(2));
        assert!(duty.round(Moscow).await.unwrap().is_some());
        assert_eq!(duty.round(Moscow).await.unwrap(), None);
        // The leap day is a day.
        clock.advance(Duration::from_hours(24));
        assert!(duty.round(Moscow).await.unwrap().is_some());
    }
}
