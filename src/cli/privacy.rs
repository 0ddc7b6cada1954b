//! What can be asked about one person's data.

use std::path::PathBuf;

use clap::Args;

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
