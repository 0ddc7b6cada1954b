//! What can be asked about data of persons: written out, checked, erased.

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::{Args, Subcommand};
use zapis_core::message::ConversationId;

use crate::warehouse::{Format, Target};

/// What to write out of the store, and where.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("what").required(true)))]
pub struct ExportArgs {
    /// Everything of one person: a phone in any spelling, or a conversation (channel:account:peer).
    #[arg(long, group = "what", value_name = "PHONE|CONVERSATION")]
    pub person: Option<String>,
    /// A conversation as the journal has it, under a seal that shows tampering.
    #[arg(
        long,
        group = "what",
        value_name = "CONVERSATION",
        conflicts_with = "key"
    )]
    pub conversation: Option<ConversationId>,
    /// Print the key that such records are checked with.
    #[arg(long, group = "what")]
    pub public_key: bool,
    /// Check such a record.
    #[arg(long, group = "what", value_name = "FILE")]
    pub verify: Option<PathBuf>,
    /// The journal for a data warehouse: a folder, or `s3://bucket/prefix`. A later run adds what is new.
    #[arg(long, group = "what", value_name = "DIR|S3")]
    pub to: Option<Target>,
    /// Check with this public key, which needs no store; without it, with the key of this firm.
    #[arg(long, value_name = "HEX", requires = "verify")]
    pub key: Option<String>,
    /// The file; without it, the output.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["to", "verify", "public_key"])]
    pub out: Option<PathBuf>,
    /// The format of the journal's files.
    #[arg(long, value_enum, default_value_t = Format::Jsonl, requires = "to")]
    pub format: Format,
    /// Only what happened from this day on (UTC).
    #[arg(long, value_name = "YYYY-MM-DD", requires = "to")]
    pub from: Option<NaiveDate>,
    /// Only what happened before this day (UTC).
    #[arg(long, value_name = "YYYY-MM-DD", requires = "to")]
    pub before: Option<NaiveDate>,
    /// With phones, names, ids and texts of customers; noted, and named in receipts of erasures.
    #[arg(long, requires = "to")]
    pub with_persons: bool,
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
