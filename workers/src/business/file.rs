//! The firm's file, which is edited while the program runs.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use tracing::warn;
use zapis_core::store::{Shelf, Store, StoreError};

use super::Business;
use crate::content::{BUSINESS, Files};

/// The firm as its file has it now, or as staff has changed it.
#[derive(Debug)]
pub struct FirmFile {
    files: Files,
    store: Store,
    stamp: Stamp,
    business: Option<Arc<Business>>,
}

/// What the file looks like from outside: the version of the settings, its time and its size.
type Stamp = Option<(i64, Option<(SystemTime, u64)>)>;

impl FirmFile {
    /// The `business.toml` of a folder; it is read when it is asked for.
    pub fn new(config: &Path, store: &Store) -> Self {
        Self {
            files: Files::of_folder(config),
            store: store.clone(),
            stamp: None,
            business: None,
        }
    }

    /// The firm, read anew when the file has changed; a file that is broken changes nothing. None
    /// while there was no good one yet.
    pub async fn now(&mut self) -> Option<Arc<Business>> {
        // What cannot be asked for now is as it was.
        self.renew().await.ok();
        let files = self.files.clone();
        let before = self.stamp;
        let read = tokio::task::spawn_blocking(move || {
            let about = std::fs::metadata(files.folder().join(BUSINESS)).ok();
            let beside = about.and_then(|about| Some((about.modified().ok()?, about.len())));
            let stamp = Some((files.version(), beside));
            (stamp != before && files.has(BUSINESS)).then(|| (stamp, Business::load(&files)))
        });
        if let Ok(Some((stamp, loaded))) = read.await {
            self.stamp = stamp;
            match loaded {
                Ok(business) => self.business = Some(Arc::new(business)),
                Err(problems) => {
                    warn!(
                        problems = problems.len(),
                        "business.toml is broken: what it said before holds; see `zapis check`"
                    );
                }
            }
        }
        self.business.clone()
    }

    async fn renew(&mut self) -> Result<(), StoreError> {
        let version = self.store.newest_version(Shelf::Settings).await?;
        if version != self.files.version() {
            self.files = self.files.at(&self.store, version).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use zapis_core::store::VersionChange;

    use super::*;
    use crate::testing::{config, moscow};

    #[tokio::test]
    async fn what_is_edited_is_known_at_once_and_what_is_broken_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let write = |text: &str| std::fs::write(folder.path().join("business.toml"), text).unwrap();
        let good = std::fs::read_to_string(config().join("business.toml")).unwrap();
        let store = Store::open("sqlite::memory:").await.unwrap();
        let mut file = FirmFile::new(folder.path(), &store);
        assert!(file.now().await.is_none(), "there is no file yet");

        write(&good);
        let first = file.now().await.unwrap();
        write("name = ");
        let same = file.now().await.unwrap();
        write(&good.replace("Анна Соколова", "Анна Соколова-Лис"));
        let second = file.now().await.unwrap();

        assert!(Arc::ptr_eq(&first, &same));
        let name = |firm: &Business| firm.employee("anna").unwrap().name.ru.clone();
        assert_eq!(name(&first), "Анна Соколова");
        assert_eq!(name(&second), "Анна Соколова-Лис");

        // What staff has changed holds as soon as it is kept.
        let files =
            Files::of_folder(folder.path()).with(BUSINESS, good.replace("Анна Сок", "Яна Сок"));
        let change = VersionChange {
            who: "Марина".into(),
            what: String::new(),
            sources: vec![(BUSINESS.into(), files.kept_json(BUSINESS))],
        };
        let made = store.make_version(Shelf::Settings, 0, &change, moscow("2026-11-26 12:00"));
        made.await.unwrap();
        assert_eq!(name(&file.now().await.unwrap()), "Яна Соколова");
    }
}
