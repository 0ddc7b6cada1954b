//! All content of a firm at once: loaded, or every problem of every file told.

mod files;
mod live;

use std::path::Path;
use std::sync::Arc;

pub use files::{AUTONOMY, BUSINESS, CHANGEABLE, Files};
pub use live::{Live, LoadError, Watch};

use crate::autonomy::AutonomyConfig;
use crate::business::{Business, Tone};
use crate::experiments::Experiments;
use crate::knowledge::{Entry, Knowledge};
use crate::llm::Prompts;
use crate::texts::Texts;
use crate::understand::Understander;
use crate::words::Synonyms;
use zapis_core::config::Problem;

/// The content files beside `zapis.toml`.
#[derive(Debug, Clone)]
pub struct Content {
    /// `business.toml`
    pub business: Arc<Business>,
    /// `texts/`
    pub texts: Arc<Texts>,
    /// `knowledge/`, the facts of the firm and what was imported
    pub knowledge: Arc<Knowledge>,
    /// `intents.yaml`
    pub understander: Arc<Understander>,
    /// `synonyms.txt`
    pub synonyms: Arc<Synonyms>,
    /// `prompts/`
    pub prompts: Arc<Prompts>,
    /// `autonomy.toml`, where there is one
    pub autonomy: Option<Arc<AutonomyConfig>>,
    /// `experiments.toml`, where there is one
    pub experiments: Arc<Experiments>,
}

impl Content {
    /// Reads all content of a folder but what was imported, or says everything that is wrong with it.
    pub fn load(config: &Path) -> Result<Self, Vec<Problem>> {
        Self::of(&Files::of_folder(config))
    }

    /// The same of these files.
    pub fn of(files: &Files) -> Result<Self, Vec<Problem>> {
        Self::reload(files, Vec::new(), None, Changed::ALL)
    }

    /// Reads what has changed and takes the rest from the content before.
    fn reload(
        files: &Files,
        imported: Vec<Entry>,
        before: Option<&Self>,
        changed: Changed,
    ) -> Result<Self, Vec<Problem>> {
        let config = files.folder();
        let mut problems = Vec::new();
        let business = match before {
            Some(before) if !changed.business => Some(Arc::clone(&before.business)),
            _ => kept(Business::load(files), &mut problems),
        };
        let texts = match before {
            Some(before) if !changed.texts => Some(Arc::clone(&before.texts)),
            _ => kept(Texts::load(files), &mut problems),
        };
        let synonyms = match before {
            Some(before) if !changed.synonyms => Some(Arc::clone(&before.synonyms)),
            _ => kept(Synonyms::load(&config.join("synonyms.txt")), &mut problems),
        };
        let understander = match before {
            // What was trained holds.
            Some(before) if !changed.intents => Some(Arc::clone(&before.understander)),
            _ => kept(
                Understander::load(&config.join("intents.yaml")),
                &mut problems,
            ),
        };
        let knowledge = match (before, &business) {
            (Some(before), _) if !changed.business && !changed.knowledge && !changed.synonyms => {
                Some(Arc::clone(&before.knowledge))
            }
            (_, Some(business)) => {
                let folder = config.join("knowledge");
                let read = Knowledge::load(&folder, business, imported);
                let synonyms = synonyms.clone().unwrap_or_default();
                kept(read.map(|read| read.with_synonyms(synonyms)), &mut problems)
            }
            (_, None) => None,
        };
        let prompts = match before {
            Some(before) if !changed.prompts => Some(Arc::clone(&before.prompts)),
            _ => kept(Prompts::load(&config.join("prompts")), &mut problems),
        };
        let autonomy = match before {
            Some(before) if !changed.autonomy => before.autonomy.clone(),
            _ => kept(AutonomyConfig::of_files(files), &mut problems)
                .and_then(|read| Option::clone(&read))
                .map(Arc::new),
        };
        // It is small, and whether it is right depends on the prompts.
        let experiments = prompts
            .as_ref()
            .and_then(|prompts| kept(Experiments::load(files, prompts), &mut problems));
        let read = (business, texts, knowledge, understander, synonyms, prompts);
        let (
            Some(business),
            Some(texts),
            Some(knowledge),
            Some(understander),
            Some(synonyms),
            Some(prompts),
        ) = read
        else {
            return Err(problems);
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        let understander = if changed.understanding() {
            let understander = understander.with_firm(&business);
            Arc::new(understander.with_synonyms(Arc::clone(&synonyms)))
        } else {
            understander
        };
        Ok(Self {
            texts: toned(texts, business.tone),
            business,
            knowledge,
            understander,
            synonyms,
            prompts,
            autonomy,
            experiments: experiments.unwrap_or_default(),
        })
    }

    /// What holds with these files instead, or what is wrong with them.
    pub fn with_files(&self, files: &Files) -> Result<Self, Vec<Problem>> {
        let imported = self.knowledge.entries().iter();
        let imported = imported.filter(|entry| entry.imported.is_some()).cloned();
        let changed = Changed {
            business: true,
            texts: true,
            autonomy: true,
            ..Changed::NOTHING
        };
        Self::reload(files, imported.collect(), Some(self), changed)
    }
}

/// Which parts of the content are to be read again.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "one flag for each part")]
struct Changed {
    business: bool,
    texts: bool,
    intents: bool,
    synonyms: bool,
    prompts: bool,
    knowledge: bool,
    autonomy: bool,
}

impl Changed {
    const NOTHING: Self = Self {
        business: false,
        texts: false,
        intents: false,
        synonyms: false,
        prompts: false,
        knowledge: false,
        autonomy: false,
    };
    const ALL: Self = Self {
        business: true,
        texts: true,
        intents: true,
        synonyms: true,
        prompts: true,
        knowledge: true,
        autonomy: true,
    };

    /// Whether anything that understanding is made of is another one.
    fn understanding(self) -> bool {
        self.business || self.intents || self.synonyms
    }
}

/// Everything that is wrong with the content files beside `zapis.toml`.
pub fn check_content(config: &Path) -> Vec<Problem> {
    Content::load(config).err().unwrap_or_default()
}

fn toned(texts: Arc<Texts>, tone: Tone) -> Arc<Texts> {
    if texts.tone() == tone {
        return texts;
    }
    Arc::new(texts.in_tone(tone))
}

fn kept<T>(loaded: Result<T, Vec<Problem>>, problems: &mut Vec<Problem>) -> Option<Arc<T>> {
    match loaded {
        Ok(loaded) => Some(Arc::new(loaded)),
        Err(found) => {
            problems.extend(found);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::config;

    #[test]
    fn the_shipped_content_has_no_problems() {
        assert_eq!(check_content(&config()), vec![]);
    }

    #[test]
    fn problems_of_all_files_are_told_together() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("texts")).unwrap();
        std::fs::write(folder.path().join("business.toml"), "nmae = 1\n").unwrap();
        std::fs::write(folder.path().join("texts/ru.ftl"), "helo = Привет\n").unwrap();
        let told: Vec<String> = check_content(folder.path())
            .iter()
            .map(Problem::to_string)
            .collect();
        for file in ["business.toml", "ru.ftl", "en.ftl", "intents.yaml"] {
            assert!(
                told.iter().any(|problem| problem.contains(file)),
                "{file}: {told:?}"
            );
        }
    }
}
