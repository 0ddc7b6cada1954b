//! All content of a firm at once: loaded, or every problem of every file told.

use std::path::Path;

use crate::business::Business;
use crate::knowledge::Knowledge;
use crate::texts::Texts;
use crate::understand::Understander;
use zapis_core::config::Problem;

/// The content files beside `zapis.toml`.
#[derive(Debug)]
pub struct Content {
    /// `business.toml`
    pub business: Business,
    /// `texts/`
    pub texts: Texts,
    /// `knowledge/` and the facts of the firm
    pub knowledge: Knowledge,
    /// `intents.yaml`
    pub understander: Understander,
}

impl Content {
    /// Reads all content, or says everything that is wrong with it.
    pub fn load(config: &Path) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let business = kept(Business::load(&config.join("business.toml")), &mut problems);
        let texts = kept(Texts::load(&config.join("texts")), &mut problems);
        let understander = kept(
            Understander::load(&config.join("intents.yaml")),
            &mut problems,
        );
        let knowledge = business.as_ref().and_then(|business| {
            kept(
                Knowledge::load(&config.join("knowledge"), business),
                &mut problems,
            )
        });
        match (business, texts, knowledge, understander) {
            (Some(business), Some(texts), Some(knowledge), Some(understander)) => Ok(Self {
                texts,
                knowledge,
                understander: understander.with_firm(&business),
                business,
            }),
            _ => Err(problems),
        }
    }
}

/// Everything that is wrong with the content files beside `zapis.toml`.
pub fn check_content(config: &Path) -> Vec<Problem> {
    Content::load(config).err().unwrap_or_default()
}

fn kept<T>(loaded: Result<T, Vec<Problem>>, problems: &mut Vec<Problem>) -> Option<T> {
    match loaded {
        Ok(loaded) => Some(loaded),
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
