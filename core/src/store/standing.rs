//! How what is outside does (messengers, language models, files), as the process that deals with it tells: others
//! show it. Written when it changes, and otherwise at most every half minute.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tracing::debug;

use super::db::sql;
use super::{Store, StoreError};
use crate::causes;

/// How old what was written may become while nothing changes.
const FRESH: TimeDelta = TimeDelta::seconds(30);
/// What the names of their small values begin with.
const PREFIX: &str = "standing ";

/// How something does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// What is wrong: a code, or words that hold neither secrets nor anything of customers.
    pub trouble: Option<String>,
    /// Since when it is so.
    pub since: DateTime<Utc>,
    /// When it worked last, to the half minute.
    pub worked_at: Option<DateTime<Utc>>,
}

/// What was told last.
#[derive(Debug, Clone)]
struct Told {
    trouble: Option<String>,
    at: DateTime<Utc>,
    /// Whether it has worked then, or might only work again.
    worked: bool,
    /// Whether it is written: what stands in the store by now may be newer news of another process.
    is_written: bool,
}

/// What this process has told.
#[derive(Debug, Clone, Default)]
pub(super) struct Standings {
    told: Arc<Mutex<HashMap<String, Told>>>,
    /// One is written at a time, so that the newest stays.
    writing: Arc<tokio::sync::Mutex<()>>,
}

impl Standings {
    fn told(&self) -> MutexGuard<'_, HashMap<String, Told>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes it; whether it is to be written.
    fn is_news(&self, name: &str, now: Told) -> bool {
        let mut told = self.told();
        if let Some(known) = told.get(name)
            && known.trouble == now.trouble
            && (known.worked || !now.worked)
            // Another process may have told otherwise meanwhile.
            && (now.at - known.at).abs() < FRESH
        {
            return false;
        }
        told.insert(name.to_owned(), now);
        true
    }
}

impl Store {
    /// Something has worked. Returns at once, as the two below: it is written beside.
    pub fn works(&self, name: &str, now: DateTime<Utc>) {
        self.tell(name, None, now, true);
    }

    /// Nothing is wrong with something, though it had nothing to do.
    pub fn mends(&self, name: &str, now: DateTime<Utc>) {
        self.tell(name, None, now, false);
    }

    /// Something did not work; `trouble` says why, in a code or in words.
    pub fn fails(&self, name: &str, trouble: &str, now: DateTime<Utc>) {
        self.tell(name, Some(trouble), now, false);
    }

    fn tell(&self, name: &str, trouble: Option<&str>, at: DateTime<Utc>, worked: bool) {
        let trouble = trouble.map(str::to_owned);
        let told = Told {
            trouble,
            at,
            worked,
            is_written: false,
        };
        if self.standings.is_news(name, told) {
            let (store, name) = (self.clone(), name.to_owned());
            tokio::spawn(async move {
                if let Err(error) = store.write_standing(&name).await {
                    debug!(error = %causes(&error), "How something does was not noted");
                    // Whoever tells it next tries again.
                    store.standings.told().remove(&name);
                }
            });
        }
    }

    async fn write_standing(&self, name: &str) -> Result<(), StoreError> {
        let _turn = self.standings.writing.lock().await;
        let told = self.standings.told().get(name).cloned();
        let Some(told) = told.filter(|told| !told.is_written) else {
            return Ok(());
        };
        let key = format!("{PREFIX}{name}");
        let before = self.value(&key).await?;
        let before: Option<Standing> = before.and_then(|text| serde_json::from_str(&text).ok());
        let worked_at = before.as_ref().and_then(|before| before.worked_at);
        let since = before.filter(|before| before.trouble == told.trouble);
        let standing = Standing {
            since: since.map_or(told.at, |before| before.since),
            trouble: told.trouble,
            worked_at: if told.worked {
                Some(told.at)
            } else {
                worked_at
            },
        };
        let text = serde_json::to_string(&standing).unwrap_or_default();
        self.set_value(&key, &text).await?;
        if let Some(now) = self.standings.told().get_mut(name) {
            // Something else may have been told meanwhile; its own turn writes it.
            let is_same = now.at == told.at && now.trouble == standing.trouble;
            now.is_written = is_same && now.worked == told.worked;
        }
        Ok(())
    }

    /// How everything does that anybody told of, by name.
    pub async fn standings(&self) -> Result<BTreeMap<String, Standing>, StoreError> {
        let statement = sql("SELECT name, value FROM small_values WHERE name LIKE $1");
        let rows = self.db.fetch(statement.bind(format!("{PREFIX}%"))).await?;
        let mut standings = BTreeMap::new();
        for row in rows {
            let (name, value) = (row.get::<String>(0)?, row.get::<String>(1)?);
            if let (Some(name), Ok(standing)) =
                (name.strip_prefix(PREFIX), serde_json::from_str(&value))
            {
                standings.insert(name.to_owned(), standing);
            }
        }
        Ok(standings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_process_may_have_overwritten_is_told_again() {
        let standings = Standings::default();
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let told = |seconds: i64, trouble: Option<&str>, worked| {
            let at = now + TimeDelta::seconds(seconds);
            let trouble = trouble.map(str::to_owned);
            standings.is_news(
                "telegram",
                Told {
                    trouble,
                    at,
                    worked,
                    is_written: false,
                },
            )
        };
        assert!(told(0, Some("401"), false));
        assert!(!told(10, Some("401"), false), "just told");
        assert!(told(40, Some("401"), false));
        assert!(told(41, None, false));
        assert!(told(42, None, true), "that it works is more");
        assert!(!told(43, None, false));
        assert!(told(80, None, false));
    }
}
