//! What can be asked about one person's data.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What to write down, and where.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// A phone in any spelling, or a conversation: channel:account:peer.
    #[arg(long, value_name = "PHONE|CONVERSATION")]
    pub person: String,
    /// The file; without it, the output.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Whom to erase, and how.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct EraseArgs {
    /// A phone in any spelling, or a conversation: channel:account:peer.
    #[arg(
        long,
        value_name = "PHONE|CONVERSATION",
        required_unless_present = "receipts"
    )]
    pub person: Option<String>,
    /// Only tell what would be erased.
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// Erase: nothing of it can be brought back.
    #[arg(long)]
    pub yes: bool,
    /// Cancel her visits that lie ahead first.
    #[arg(long)]
    pub cancel_visits: bool,
    /// List what was erased before; with --person, only hers.
    #[arg(long, conflicts_with_all = ["dry_run", "yes", "cancel_visits"])]
    pub receipts: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// What time does to the data of customers.
#[derive(Debug, Subcommand)]
pub enum PrivacyCommand {
    /// Put away what was kept long enough, as is done by itself every night; it runs beside the program.
    #[command(after_help = "Examples:
  zapis privacy run --dry-run          a table of what would go
  zapis privacy run
  zapis privacy run --compact          also write an SQLite file anew; it is locked meanwhile")]
    Run {
        /// Only tell what would go.
        #[arg(long)]
        dry_run: bool,
        /// Write an SQLite file anew, so that nothing that went is left in it.
        #[arg(long, conflicts_with = "dry_run")]
        compact: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Tell how long what is kept, and what went last.
    #[command(after_help = "Examples:
  zapis privacy status
  zapis privacy status --json")]
    Status {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}
