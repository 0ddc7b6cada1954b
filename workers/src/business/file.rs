//! The firm's file, which is edited while the program runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use tracing::warn;

use super::Business;

/// The firm as its file has it now.
#[derive(Debug)]
pub struct FirmFile {
    file: PathBuf,
    stamp: Option<(SystemTime, u64)>,
    business: Option<Arc<Business>>,
}

impl FirmFile {
    /// The `business.toml` of a folder; it is read when it is asked for.
    pub fn new(config: &Path) -> Self {
        Self {
            file: config.join("business.toml"),
            stamp: None,
            business: None,
        }
    }

    /// The firm, read anew when the file has changed; a file that is broken changes nothing. None
    /// while there was no good one yet.
    pub async fn now(&mut self) -> Option<Arc<Business>> {
        let file = self.file.clone();
        let before = self.stamp;
        let read = tokio::task::spawn_blocking(move || {
            let about = std::fs::metadata(&file).ok()?;
            let stamp = (about.modified().ok()?, about.len());
            (Some(stamp) != before).then(|| (stamp, Business::load(&file)))
        });
        if let Ok(Some((stamp, loaded))) = read.await {
            self.stamp = Some(stamp);
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::config;

    #[tokio::test]
    async fn what_is_edited_is_known_at_once_and_what_is_broken_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let write = |text: &str| std::fs::write(folder.path().join("business.toml"), text).unwrap();
        let good = std::fs::read_to_string(config().join("business.toml")).unwrap();
        let mut file = FirmFile::new(folder.path());
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
    }
}
