//! Content that staff changes: each change is a version of the files, which holds only when all of them can be used.

pub mod firm;
pub mod phrases;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use zapis_core::config::Problem;
use zapis_core::store::{Shelf, Store, StoreError, VersionChange};

use crate::autonomy::{Adjusted, AutonomyConfig};
use crate::content::{CHANGEABLE, Content, Files};
use crate::knowledge::import::Done;

/// Something that was changed, for people to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Where it stands: `business.toml services.manicure.price`.
    pub key: String,
    /// What was there.
    pub from: String,
    /// What is there now.
    pub to: String,
}

/// What a version did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// These were changed.
    Changed(Vec<Change>),
    /// Everything is as it was at a version.
    Back(i64),
    /// A file is as it lies beside `zapis.toml` again.
    Dropped(String),
}

impl Deed {
    /// From what a version says of itself.
    pub fn read(what: &str) -> Option<Self> {
        serde_json::from_str(what).ok()
    }
}

/// Why settings were not changed.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The files could not be used then.
    #[error("the files could not be used")]
    Wrong(Vec<Problem>),
    /// Somebody else has changed them meanwhile.
    #[error("somebody else was quicker")]
    Outdated,
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What settings are kept with.
#[derive(Debug, Clone)]
pub struct Office {
    /// Where.
    pub store: Store,
    /// What holds now; nothing where it cannot be used.
    pub content: Option<Arc<Content>>,
    /// `[autonomy]` of `zapis.toml`.
    pub autonomy: AutonomyConfig,
}

impl Office {
    /// Makes files hold that were changed on top of others; returns the new version, or none where they are as they
    /// were. Whatever is wrong with them is told, and nothing is changed.
    pub async fn keep(
        &self,
        before: &Files,
        files: &Files,
        deed: &Deed,
        done: &Done,
    ) -> Result<Option<i64>, SettingsError> {
        let changed = CHANGEABLE.into_iter();
        let changed = changed.filter(|name| files.differs(before, name));
        let sources: Vec<_> = changed
            .map(|name| (name.to_owned(), files.kept_json(name)))
            .collect();
        if sources.is_empty() {
            return Ok(None);
        }
        self.check(files).await?;
        let change = VersionChange {
            who: done.who.clone(),
            what: serde_json::to_string(deed).unwrap_or_default(),
            sources,
        };
        let version = before.version();
        let made = self
            .store
            .make_version(Shelf::Settings, version, &change, done.at);
        let made = made.await?.ok_or(SettingsError::Outdated)?;
        // What somebody has just decided is not overruled by what was learnt before.
        let laid_down = |files: &Files| {
            let read = AutonomyConfig::of_files(files).ok().flatten();
            read.unwrap_or_else(|| self.autonomy.clone())
        };
        let intents = laid_down(before).differing(&laid_down(files));
        Adjusted::forget(&self.store, &intents, done.at).await?;
        Ok(Some(made))
    }

    /// Makes everything be as it was at a version; 0 is as the files lie beside `zapis.toml`.
    pub async fn roll_back(
        &self,
        now: &Files,
        to: i64,
        done: &Done,
    ) -> Result<Option<i64>, SettingsError> {
        let wanted = now.at(&self.store, to).await?;
        self.keep(now, &wanted, &Deed::Back(to), done).await
    }

    /// Whether files can be used.
    async fn check(&self, files: &Files) -> Result<(), SettingsError> {
        let (files, content) = (files.clone(), self.content.clone());
        let checked = tokio::task::spawn_blocking(move || match content {
            Some(content) => content.with_files(&files),
            None => Content::of(&files),
        });
        match checked.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(problems)) => Err(SettingsError::Wrong(problems)),
            Err(_) => Err(StoreError::Unavailable("it was broken off".into()).into()),
        }
    }
}

#[cfg(test)]
mod tests;
