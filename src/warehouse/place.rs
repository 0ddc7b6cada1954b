//! Where files go: a folder, or a bucket that speaks S3. Each file is there as a whole or not at all.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, bail};

use super::s3::Bucket;
use crate::config::Environment;

/// Where files go, as it is written on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A folder of this machine.
    Folder(PathBuf),
    /// `s3://bucket/prefix`
    S3 {
        /// The bucket.
        bucket: String,
        /// What names of files begin with; empty, or ends with `/`.
        prefix: String,
    },
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix("s3://") else {
            return match text {
                "" => Err("expected a folder or s3://bucket/prefix".to_owned()),
                text => Ok(Self::Folder(text.into())),
            };
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        if bucket.is_empty() || !bucket.chars().all(is_fine) {
            return Err("expected the name of a bucket: s3://bucket/prefix".to_owned());
        }
        let prefix = match prefix.trim_matches('/') {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        let bucket = bucket.to_owned();
        Ok(Self::S3 { bucket, prefix })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "{}", folder.display()),
            Self::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

/// A place that one run writes to.
pub(super) enum Place {
    Folder {
        folder: PathBuf,
        /// Held until the run ends; the system lets go of it when the process dies.
        _lock: File,
    },
    S3 {
        bucket: Box<Bucket>,
        /// The mark of the manifest that this run has read or written last.
        mark: Option<String>,
    },
}

impl Place {
    /// Opens it for one run.
    pub(super) fn open(target: &Target) -> anyhow::Result<Self> {
        match target {
            Target::Folder(folder) => {
                let lock = locked(folder).with_context(|| folder.display().to_string())?;
                let folder = folder.clone();
                Ok(Self::Folder {
                    folder,
                    _lock: lock,
                })
            }
            Target::S3 { bucket, prefix } => Ok(Self::S3 {
                bucket: Box::new(Bucket::open(bucket, prefix, &Environment::of_process())?),
                mark: None,
            }),
        }
    }

    /// What the manifest says; nothing before the first run.
    pub(super) async fn manifest(&mut self, name: &str) -> anyhow::Result<Option<Vec<u8>>> {
        match self {
            Self::Folder { folder, .. } => match fs::read(folder.join(name)) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error).with_context(|| format!("reading {name}")),
            },
            Self::S3 { bucket, mark } => {
                let found = bucket.get(name).await?;
                Ok(found.map(|(bytes, at)| {
                    *mark = Some(at);
                    bytes
                }))
            }
        }
    }

    /// Puts a file, in place of one of that name.
    pub(super) async fn put(&self, name: &str, bytes: Vec<u8>) -> anyhow::Result<()> {
        match self {
            Self::Folder { folder, .. } => {
                put(&folder.join(name), &bytes).with_context(|| format!("writing {name}"))
            }
            Self::S3 { bucket, .. } => bucket.put(name, bytes).await,
        }
    }

    /// Puts the manifest, unless another run has put one since this one looked.
    pub(super) async fn put_manifest(&mut self, name: &str, bytes: Vec<u8>) -> anyhow::Result<()> {
        match self {
            Self::Folder { .. } => self.put(name, bytes).await,
            Self::S3 { bucket, mark } => {
                let put = bucket.put_if(name, bytes, mark.as_deref()).await?;
                *mark = Some(put);
                Ok(())
            }
        }
    }
}

fn locked(folder: &Path) -> anyhow::Result<File> {
    fs::create_dir_all(folder).context("making the folder")?;
    let lock = File::create(folder.join(".lock")).context("making .lock")?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => bail!("another export is writing here: let it end"),
        Err(TryLockError::Error(error)) => Err(error).context("locking the folder"),
    }
}

/// Whoever looks sees the file of before or the whole new one, also after a crash.
fn put(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(folder)?.sync_all()
}
