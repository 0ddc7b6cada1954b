//! Bringing in what the firm has: documents and sites become entries, what would change is told, and the
//! store gets a new version of its knowledge.

mod judge;
mod plan;
mod site;
mod versions;

use std::path::Path;

use chrono::NaiveDate;
use zapis_core::config::Problem;
use zapis_core::store::StoreError;

pub use plan::{Change, Known, Plan, Report};
pub use site::SiteRules;
pub use versions::{
    Done, OWN, Wording, Written, forget, imported, known, learn, own, remove, roll_back, write,
};

use super::entry::Entry;
use super::read;
use crate::source_text::problem;

/// Why knowledge was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// What is brought in, or what is there, has problems.
    #[error("{} problem(s)", .0.len())]
    Wrong(Vec<Problem>),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody else has changed the entry since it was read.
    #[error("somebody else has changed the entry")]
    Outdated,
    /// Others changed the knowledge again and again; try later.
    #[error("others change the knowledge at the same time")]
    Busy,
}

/// What is said of entries that do not say it themselves.
#[derive(Debug, Clone, Default)]
pub struct Signature {
    /// Who says that they are right.
    pub verified_by: Option<String>,
    /// The last day they may be quoted.
    pub valid_until: Option<NaiveDate>,
}

impl Signature {
    fn sign(&self, entries: &mut [Entry]) {
        for entry in entries {
            if entry.verified_by.is_none() {
                entry.verified_by.clone_from(&self.verified_by);
            }
            entry.valid_until = entry.valid_until.or(self.valid_until);
        }
    }
}

/// A source that is to be brought in.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// The file or address as it was given.
    pub from: String,
    /// The name of the source: what comes under it again replaces this.
    pub source: String,
    /// What it says.
    pub entries: Vec<Entry>,
    /// What was left out, and why.
    pub warnings: Vec<Problem>,
}

impl Incoming {
    /// What a file or, where it is an address, a site says.
    pub async fn of(
        given: &str,
        rules: &SiteRules,
        signature: &Signature,
    ) -> Result<Self, Vec<Problem>> {
        let mut incoming = if given.starts_with("http://") || given.starts_with("https://") {
            site::incoming(given, rules).await?
        } else {
            let given = given.to_owned();
            let read = tokio::task::spawn_blocking(move || Self::of_file(&given));
            read.await.unwrap_or_else(|_| Err(Vec::new()))?
        };
        signature.sign(&mut incoming.entries);
        Ok(incoming)
    }

    fn of_file(given: &str) -> Result<Self, Vec<Problem>> {
        let path = Path::new(given);
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(source) = name.map(str::to_owned) else {
            return Err(vec![problem(given, 0, 0, "", "is no file", "")]);
        };
        let material = read::open(path).map_err(|problem| vec![problem])?;
        Self::of_document(given.to_owned(), source, material)
    }

    /// What a document says that somebody has sent under a name.
    pub async fn of_bytes(
        name: &str,
        bytes: Vec<u8>,
        signature: &Signature,
    ) -> Result<Self, Vec<Problem>> {
        let name = name.to_owned();
        let material = read::Material {
            name: name.clone(),
            bytes,
            ..read::Material::default()
        };
        let read = move || Self::of_document(name.clone(), name, material);
        let read = tokio::task::spawn_blocking(read).await;
        let mut incoming = read.unwrap_or_else(|_| Err(Vec::new()))?;
        signature.sign(&mut incoming.entries);
        Ok(incoming)
    }

    fn of_document(
        from: String,
        source: String,
        material: read::Material,
    ) -> Result<Self, Vec<Problem>> {
        if source == OWN {
            let hint =
                "what the staff writes in the console has this name: give the document another one";
            return Err(vec![problem(
                &source,
                0,
                0,
                "",
                "cannot be brought in under this name",
                hint,
            )]);
        }
        let mut entries = read(material)?.entries;
        let problems = super::repeated_ids(&entries);
        if !problems.is_empty() {
            return Err(problems);
        }
        for entry in &mut entries {
            entry.source.file.clone_from(&source);
        }
        Ok(Self {
            from,
            source,
            entries,
            warnings: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests;
