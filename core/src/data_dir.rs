//! The lock on an embedded engine's file: one process owns it, because what is handed out and what
//! a bucket still allows live in that process's memory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a holder may take to leave: a process that ends, or a child that is about to become another
/// program, holds the lock a moment longer.
const LEAVING: Duration = Duration::from_secs(1);

/// Held for as long as it lives. The operating system lets go of it when the process dies.
#[derive(Debug)]
pub(crate) struct DataLock {
    #[cfg_attr(not(test), expect(dead_code, reason = "held, not used"))]
    file: File,
}

/// Why a data folder could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataDirError {
    /// It cannot be made or written.
    #[error("the data folder {} cannot be used: {source}", path.display())]
    Unusable {
        /// Which folder or file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Another process has it.
    #[error(
        "{} is in use by {holder}; stop that process, or give this one another engines.data_dir, \
         or use RabbitMQ and Redis (engines.broker, engines.sessions) to run several processes",
        path.display()
    )]
    Held {
        /// The lock's file.
        path: PathBuf,
        /// What it wrote into the lock.
        holder: String,
    },
}

impl DataLock {
    /// Makes the folder if it is missing and takes the lock `{name}.lock` in it.
    pub(crate) fn take(data_dir: &Path, name: &str, process: &str) -> Result<Self, DataDirError> {
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |source| DataDirError::Unusable { path, source }
        };
        std::fs::create_dir_all(data_dir).map_err(unusable(data_dir))?;
        let path = data_dir.join(format!("{name}.lock"));
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(unusable(&path))?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if begun.elapsed() < LEAVING => {
                    std::thread::sleep(LEAVING / 50);
                }
                Err(TryLockError::WouldBlock) => {
                    let holder = holder(&mut file);
                    return Err(DataDirError::Held { path, holder });
                }
                Err(TryLockError::Error(error)) => return Err(unusable(&path)(error)),
            }
        }
        write_holder(&mut file, process).map_err(unusable(&path))?;
        Ok(Self { file })
    }
}

fn write_holder(file: &mut File, process: &str) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{process}, process {}", std::process::id())
}

/// What the holder wrote; some systems do not let others read a locked file.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_one_is_told_who_holds_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataLock::take(folder.path(), "queue", "zapis run").unwrap();

        let error = DataLock::take(folder.path(), "queue", "zapis worker").unwrap_err();

        let text = error.to_string();
        let pid = std::process::id();
        assert!(
            text.contains(&format!("zapis run, process {pid}")),
            "{text}"
        );
        assert!(text.contains("engines.data_dir"), "{text}");
        drop(first);
        DataLock::take(folder.path(), "queue", "zapis worker").unwrap();
    }

    #[test]
    fn a_holder_that_is_just_leaving_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataLock::take(folder.path(), "queue", "zapis run").unwrap();
        // A child holds what it inherits for as long as it lives.
        let mut leaving = std::process::Command::new("sleep")
            .arg("0.2")
            .stdin(first.file.try_clone().unwrap())
            .spawn()
            .unwrap();
        drop(first);

        DataLock::take(folder.path(), "queue", "zapis run").unwrap();

        leaving.wait().unwrap();
    }
}
