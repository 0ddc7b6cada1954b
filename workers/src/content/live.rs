//! Content that changes while the program runs: files are edited, documents are imported, and the next turn
//! knows. What is broken changes nothing and is told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use zapis_core::config::Problem;
use zapis_core::store::{Shelf, Store, StoreError};
use zapis_core::{Clock, causes};

use super::{AUTONOMY, BUSINESS, Changed, Content, Files};
use crate::experiments::EXPERIMENTS;
use crate::knowledge::import::{ImportError, imported};
use crate::knowledge::{Entry, Origin, Vectors, documents};
use crate::source_text::problem;
use crate::texts::Texts;

/// How often files and store are looked at.
const EVERY: Duration = Duration::from_secs(2);
/// How the content does, by the name under which it is told.
const STANDING: &str = "content";
/// How many problems of one look the log tells one by one.
const TOLD: usize = 10;

/// The content as it is now. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Live(Arc<ArcSwap<Content>>);

impl Live {
    /// The content as it is now; whoever holds it keeps it as it is.
    pub fn now(&self) -> Arc<Content> {
        self.0.load_full()
    }
}

impl From<Arc<Content>> for Live {
    fn from(content: Arc<Content>) -> Self {
        Self(Arc::new(ArcSwap::new(content)))
    }
}

/// Why there is no content.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Files, or what was imported, have problems.
    #[error("the content cannot be used:\n{}", told(.0))]
    Wrong(Vec<Problem>),
    /// The store refused.
    #[error("reading the imported knowledge")]
    Store(#[source] StoreError),
}

fn told(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

impl From<ImportError> for LoadError {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Wrong(problems) => Self::Wrong(problems),
            ImportError::Store(error) => Self::Store(error),
            ImportError::Busy | ImportError::Outdated => Self::Wrong(Vec::new()),
        }
    }
}

/// Looks after the content of a process.
#[derive(Debug)]
pub struct Watch {
    files: Files,
    store: Store,
    clock: Clock,
    live: Live,
    imported: Vec<Entry>,
    vectors: Option<Arc<Vectors>>,
    /// The prompts that are in use.
    prompts: Vec<String>,
    /// What the content was made of.
    loaded: Seen,
    /// What was looked at last: the same trouble is told once.
    tried: Seen,
}

/// What the files and the store look like from outside.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Seen {
    version: i64,
    settings: i64,
    business: Stamps,
    texts: Stamps,
    intents: Stamps,
    synonyms: Stamps,
    prompts: Stamps,
    knowledge: Stamps,
    autonomy: Stamps,
    experiments: Stamps,
}

/// Size and time of each file.
type Stamps = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

impl Content {
    /// What these files say, with what was imported up to a version of the knowledge.
    pub async fn with_imports(
        files: &Files,
        store: &Store,
        version: i64,
    ) -> Result<Self, LoadError> {
        let imported = imported(store, version).await?;
        let content = reload(files, &imported, None, Changed::ALL);
        content.await.map_err(LoadError::Wrong)
    }
}

impl Watch {
    /// Loads the content; whatever is wrong with it now keeps the program from starting.
    pub async fn start(config: &Path, store: &Store, clock: &Clock) -> Result<Self, LoadError> {
        let version = store
            .newest_version(Shelf::Knowledge)
            .await
            .map_err(LoadError::Store)?;
        let files = Files::now(config, store).await.map_err(LoadError::Store)?;
        let seen = seen(config.to_owned(), version, files.version()).await;
        let imported = imported(store, version).await?;
        let content = reload(&files, &imported, None, Changed::ALL);
        let content = content.await.map_err(LoadError::Wrong)?;
        measure(&content, version);
        store.works(STANDING, clock.now());
        Ok(Self {
            files,
            store: store.clone(),
            clock: clock.clone(),
            live: Arc::new(content).into(),
            imported,
            vectors: None,
            prompts: Vec::new(),
            tried: seen.clone(),
            loaded: seen,
        })
    }

    /// Gives the entries of the knowledge vectors while it runs.
    #[must_use]
    pub fn with_vectors(self, vectors: Option<Arc<Vectors>>) -> Self {
        Self { vectors, ..self }
    }

    /// Takes no content without these prompts from now on.
    #[must_use]
    pub fn with_prompts(self, prompts: Vec<String>) -> Self {
        Self { prompts, ..self }
    }

    /// The content that is looked after.
    pub fn live(&self) -> Live {
        self.live.clone()
    }

    /// Looks every two seconds until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let round = async {
                self.give_vectors().await;
                tokio::time::sleep(EVERY).await;
                self.look().await;
            };
            tokio::select! {
                () = round => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Gives the knowledge its vectors, if it has none yet and the server gives all of them; until then it is
    /// searched by words alone.
    pub async fn give_vectors(&self) {
        let content = self.live.now();
        let Some(vectors) = self
            .vectors
            .as_ref()
            .filter(|_| !content.knowledge.has_vectors())
        else {
            return;
        };
        if let Some(given) = vectors.of_entries(content.knowledge.entries()).await {
            let knowledge = Arc::new(content.knowledge.with_vectors(given));
            self.live.0.store(Arc::new(Content {
                knowledge,
                ..Content::clone(&content)
            }));
        }
    }

    /// Looks once; whether the content is another one now.
    pub async fn look(&mut self) -> bool {
        let (version, settings) = match self.newest().await {
            Ok(newest) => newest,
            Err(error) => {
                // `zapis_engine_up` tells; files can be read meanwhile.
                debug!(error = %causes(&error), "Could not ask for the version of the content");
                (self.tried.version, self.tried.settings)
            }
        };
        let seen = seen(self.files.folder().to_owned(), version, settings).await;
        if seen == self.tried {
            return false;
        }
        match self.load(&seen).await {
            Ok(()) => {
                info!(version, "The content has changed");
                self.tried = seen.clone();
                self.loaded = seen;
                outcome("loaded", false);
                self.store.works(STANDING, self.clock.now());
                true
            }
            Err(LoadError::Wrong(problems)) => {
                warn!(
                    problems = problems.len(),
                    "The content has changed and cannot be used: the old one holds"
                );
                for problem in problems.iter().take(TOLD) {
                    warn!(%problem, "In the content");
                }
                self.tried = seen;
                outcome("broken", true);
                let first = problems.first().map(ToString::to_string);
                self.store
                    .fails(STANDING, &first.unwrap_or_default(), self.clock.now());
                false
            }
            Err(LoadError::Store(error)) => {
                // Nothing is noted: the next look tries again.
                debug!(error = %causes(&error), "Could not read the imported knowledge");
                false
            }
        }
    }

    /// The versions of the knowledge and of the settings.
    async fn newest(&self) -> Result<(i64, i64), StoreError> {
        let knowledge = self.store.newest_version(Shelf::Knowledge).await?;
        let settings = self.store.newest_version(Shelf::Settings).await?;
        Ok((knowledge, settings))
    }

    async fn load(&mut self, seen: &Seen) -> Result<(), LoadError> {
        let files = if seen.settings == self.loaded.settings {
            self.files.clone()
        } else {
            let at = self.files.at(&self.store, seen.settings);
            at.await.map_err(LoadError::Store)?
        };
        let imported = if seen.version == self.loaded.version {
            self.imported.clone()
        } else {
            imported(&self.store, seen.version).await?
        };
        let changed = Changed {
            business: seen.business != self.loaded.business || files.differs(&self.files, BUSINESS),
            texts: seen.texts != self.loaded.texts
                || Texts::files().any(|name| files.differs(&self.files, &name)),
            intents: seen.intents != self.loaded.intents,
            synonyms: seen.synonyms != self.loaded.synonyms,
            prompts: seen.prompts != self.loaded.prompts,
            knowledge: seen.knowledge != self.loaded.knowledge
                || seen.version != self.loaded.version,
            autonomy: seen.autonomy != self.loaded.autonomy || files.differs(&self.files, AUTONOMY),
        };
        let before = self.live.now();
        let content = reload(&files, &imported, Some(before), changed)
            .await
            .map_err(LoadError::Wrong)?;
        self.has_prompts(&content)?;
        measure(&content, seen.version);
        self.imported = imported;
        self.files = files;
        self.live.0.store(Arc::new(content));
        Ok(())
    }
}

impl Watch {
    /// Whether every prompt in use is there.
    fn has_prompts(&self, content: &Content) -> Result<(), LoadError> {
        let missing = |name: &&String| !content.prompts.names().any(|known| known == name.as_str());
        let missing = self.prompts.iter().filter(missing);
        let problems: Vec<Problem> = missing
            .map(|name| {
                let file = self
                    .files
                    .folder()
                    .join("prompts")
                    .join(format!("{name}.md"));
                let hint = "put it back, or name another version in [llm] and restart";
                problem(
                    &file.display().to_string(),
                    0,
                    0,
                    "",
                    "is in use and not there",
                    hint,
                )
            })
            .collect();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(LoadError::Wrong(problems))
        }
    }
}

/// Reads files and builds the index beside the runtime.
async fn reload(
    files: &Files,
    imported: &[Entry],
    before: Option<Arc<Content>>,
    changed: Changed,
) -> Result<Content, Vec<Problem>> {
    let (files, imported) = (files.clone(), imported.to_vec());
    let read = tokio::task::spawn_blocking(move || {
        Content::reload(&files, imported, before.as_deref(), changed)
    });
    read.await.unwrap_or_else(|_| Err(Vec::new()))
}

async fn seen(config: PathBuf, version: i64, settings: i64) -> Seen {
    let look = move || Seen {
        version,
        settings,
        business: stamps([config.join(BUSINESS)]),
        texts: stamps(Texts::files().map(|name| config.join(name))),
        autonomy: stamps([config.join(AUTONOMY)]),
        experiments: stamps([config.join(EXPERIMENTS)]),
        intents: stamps([config.join("intents.yaml")]),
        synonyms: stamps([config.join("synonyms.txt")]),
        prompts: stamps(files_of(&config.join("prompts"))),
        knowledge: stamps(documents(&config.join("knowledge")).unwrap_or_default()),
    };
    tokio::task::spawn_blocking(look).await.unwrap_or_default()
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let items = std::fs::read_dir(folder).into_iter().flatten().flatten();
    items.map(|item| item.path()).collect()
}

fn stamps(paths: impl IntoIterator<Item = PathBuf>) -> Stamps {
    let stamp = |path: PathBuf| {
        let found = std::fs::metadata(&path).ok()?;
        Some((path, (found.len(), found.modified().ok())))
    };
    paths.into_iter().filter_map(stamp).collect()
}

fn outcome(name: &'static str, broken: bool) {
    metrics::counter!("zapis_knowledge_reloads_total", "outcome" => name).increment(1);
    metrics::gauge!("zapis_knowledge_broken").set(f64::from(u8::from(broken)));
}

fn measure(content: &Content, version: i64) {
    let count = |fits: fn(&Entry) -> bool| {
        let entries = content.knowledge.entries().iter();
        u32::try_from(entries.filter(|entry| fits(entry)).count()).unwrap_or(u32::MAX)
    };
    let facts = count(|entry| entry.origin == Origin::Fact);
    let folder = count(|entry| entry.origin != Origin::Fact && entry.imported.is_none());
    let imported = count(|entry| entry.imported.is_some());
    for (from, count) in [("facts", facts), ("folder", folder), ("imported", imported)] {
        metrics::gauge!("zapis_knowledge_entries", "from" => from).set(f64::from(count));
    }
    // Versions are few; a gauge holds them exactly.
    let version = u32::try_from(version).unwrap_or(u32::MAX);
    metrics::gauge!("zapis_knowledge_version").set(f64::from(version));
}

#[cfg(test)]
mod tests;
