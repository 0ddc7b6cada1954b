//! What can be done with experiments.

use clap::Subcommand;

/// Experiments of `experiments.toml`.
#[derive(Debug, Subcommand)]
pub enum ExperimentCommand {
    /// End one: from now on everybody gets the control, or the arm that is to be kept, in all processes.
    #[command(after_help = "Examples:
  zapis experiment stop greeting
  zapis experiment stop greeting --keep b")]
    Stop {
        /// Its id.
        id: String,
        /// The arm for everybody; the control where none is named.
        #[arg(long, value_name = "ARM")]
        keep: Option<String>,
    },
    /// Let one that was ended go on.
    #[command(after_help = "Examples:
  zapis experiment resume greeting")]
    Resume {
        /// Its id.
        id: String,
    },
}
