//! Embedded engines of a short command, in a folder that goes when it ends.

use anyhow::Context;
use zapis_core::config::{EnginesConfig, Secret};

/// Engines whose files stand in a folder of their own.
#[derive(Debug)]
pub struct Scratch {
    /// What to open.
    pub config: EnginesConfig,
}

impl Scratch {
    /// The configured engines; embedded ones beside the real ones, on the same disk.
    pub fn beside(real: &EnginesConfig, purpose: &str) -> anyhow::Result<Self> {
        let name = format!("{purpose}-{}", std::process::id());
        let folder = real.data_dir.join(name);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("making the folder {}", folder.display()))?;
        let mut config = real.clone();
        if config.store.expose().starts_with("sqlite:") {
            config.store = Secret::new(format!("sqlite:{}", folder.join("store.db").display()));
        }
        config.data_dir = folder;
        Ok(Self { config })
    }

    /// Only embedded ones, whatever is configured.
    pub fn embedded(real: &EnginesConfig, purpose: &str) -> anyhow::Result<Self> {
        let embedded = EnginesConfig {
            data_dir: real.data_dir.clone(),
            ..EnginesConfig::default()
        };
        Self::beside(&embedded, purpose)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.config.data_dir).ok();
    }
}
