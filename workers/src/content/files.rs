//! The firm's content files: as they lie beside `zapis.toml`, except where staff has put others in their place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use zapis_core::config::Problem;
use zapis_core::ids;
use zapis_core::store::{Shelf, Store, StoreError};

use crate::source_text::SourceText;

/// The firm: hours, services, people.
pub const BUSINESS: &str = "business.toml";
/// What the bot may say by itself; there need not be one, `[autonomy]` of `zapis.toml` holds then.
pub const AUTONOMY: &str = "autonomy.toml";
/// The files that staff may change.
pub const CHANGEABLE: [&str; 4] = [BUSINESS, AUTONOMY, "texts/ru.ftl", "texts/en.ftl"];

/// A file as staff wants it, in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    text: String,
    /// The mark of the file beside `zapis.toml` whose place it took.
    instead_of: String,
}

/// The content files of a firm. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Files {
    folder: PathBuf,
    version: i64,
    kept: Arc<BTreeMap<String, Kept>>,
}

impl Files {
    /// As they lie in a folder.
    pub fn of_folder(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            version: 0,
            kept: Arc::default(),
        }
    }

    /// As they hold now: those of the folder, and what staff has put in their place.
    pub async fn now(folder: &Path, store: &Store) -> Result<Self, StoreError> {
        let version = store.newest_version(Shelf::Settings).await?;
        Self::of_folder(folder).at(store, version).await
    }

    /// As they were at a version of the settings.
    pub async fn at(&self, store: &Store, version: i64) -> Result<Self, StoreError> {
        let mut kept = BTreeMap::new();
        for one in store.texts_at(Shelf::Settings, version).await? {
            let read = serde_json::from_str(&one.text).map_err(|_| {
                let what = format!("{} in the settings is damaged", one.source);
                StoreError::Refused(what)
            })?;
            kept.insert(one.source, read);
        }
        Ok(Self {
            folder: self.folder.clone(),
            version,
            kept: Arc::new(kept),
        })
    }

    /// The version of the settings that they are of; 0 where staff has changed nothing yet.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// Where they lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The same, with another text for one of them.
    #[must_use]
    pub fn with(&self, name: &str, text: String) -> Self {
        let mut kept = BTreeMap::clone(&self.kept);
        let bare = text.strip_prefix('\u{feff}').map(str::to_owned);
        let text = bare.unwrap_or(text);
        // Who has edited the file beside it since the first change is still not heard.
        let instead_of = match self.kept.get(name) {
            Some(before) => before.instead_of.clone(),
            None => self.mark_beside(name),
        };
        kept.insert(name.to_owned(), Kept { text, instead_of });
        Self {
            kept: Arc::new(kept),
            ..self.clone()
        }
    }

    /// The same, with one of them as it lies in the folder.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let mut kept = BTreeMap::clone(&self.kept);
        kept.remove(name);
        Self {
            kept: Arc::new(kept),
            ..self.clone()
        }
    }

    /// What a file says; nothing where there is none.
    pub fn text(&self, name: &str) -> Option<String> {
        self.read(name).ok().map(|source| source.text)
    }

    /// The same while all files that staff may change say the same.
    pub fn mark(&self) -> String {
        let texts = CHANGEABLE.map(|name| self.text(name).unwrap_or_default());
        ids::derive(&texts.each_ref().map(String::as_str)).to_string()
    }

    /// Whether there is such a file.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.is_kept(name) || self.folder.join(name).exists()
    }

    /// Whether staff has put another text in the place of a file.
    pub fn is_kept(&self, name: &str) -> bool {
        self.kept.contains_key(name)
    }

    /// Whether the file beside `zapis.toml` was changed after staff had put another in its place, and says
    /// something else than it: then somebody believes in a change that does not hold.
    pub fn is_contested(&self, name: &str) -> bool {
        self.kept.get(name).is_some_and(|kept| {
            let beside = self.beside(name).unwrap_or_default();
            beside != kept.text && mark(&beside) != kept.instead_of
        })
    }

    /// Whether staff wants a file otherwise than at another version.
    pub(crate) fn differs(&self, from: &Self, name: &str) -> bool {
        self.kept.get(name) != from.kept.get(name)
    }

    /// A file as the store keeps it; none where it is as it lies beside `zapis.toml`.
    pub(crate) fn kept_json(&self, name: &str) -> Option<String> {
        let kept = self.kept.get(name)?;
        serde_json::to_string(kept).ok()
    }

    /// A file with its name for problems.
    pub(crate) fn read(&self, name: &str) -> Result<SourceText, Problem> {
        let path = self.folder.join(name);
        match self.kept.get(name) {
            Some(kept) => Ok(SourceText {
                file: path.display().to_string(),
                text: kept.text.clone(),
            }),
            None => SourceText::read(&path),
        }
    }

    fn beside(&self, name: &str) -> Option<String> {
        let read = SourceText::read(&self.folder.join(name)).ok()?;
        Some(read.text)
    }

    fn mark_beside(&self, name: &str) -> String {
        mark(&self.beside(name).unwrap_or_default())
    }
}

/// The same for the same text.
fn mark(text: &str) -> String {
    ids::derive(&[text]).to_string()
}
