//! What can be done with the settings that staff has changed in the console.

use std::path::PathBuf;

use clap::Subcommand;

/// Settings that staff has changed in the console.
#[derive(Debug, Subcommand)]
pub enum SettingsCommand {
    /// What was changed, when and by whom; the newest first.
    #[command(after_help = "Examples:
  zapis settings versions
  zapis settings versions --limit 5 --json")]
    Versions {
        /// How many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write the files as they hold now into a folder; those that nobody changed are left out.
    #[command(after_help = "Examples:
  zapis settings export --out config
  zapis settings export --out /tmp/settings")]
    Export {
        /// The folder. Files of the same name in it are written over.
        #[arg(long)]
        out: PathBuf,
    },
    /// Make everything be as it was at a version; 0 is as the files lie beside zapis.toml.
    #[command(after_help = "Examples:
  zapis settings rollback 3
  zapis settings rollback 0")]
    Rollback {
        /// Which.
        version: i64,
    },
    /// Let a file hold again as it lies beside zapis.toml.
    #[command(after_help = "Examples:
  zapis settings drop business.toml")]
    Drop {
        /// Its name: business.toml, autonomy.toml, texts/ru.ftl or texts/en.ftl.
        file: String,
    },
}
