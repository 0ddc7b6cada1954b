//! What can be said of the people who work in the console.

use clap::Subcommand;
use zapis_core::store::Role;

/// People who work in the console.
#[derive(Debug, Subcommand)]
pub enum StaffCommand {
    /// Let somebody in; prints the link with which she chooses a password.
    #[command(after_help = "Examples:
  zapis staff add olga --name Ольга --role owner
  zapis staff add anna --name Анна --role administrator --location kolokolnaya")]
    Add {
        /// What she will type to log in.
        login: String,
        /// As customers and colleagues read it.
        #[arg(long)]
        name: String,
        /// administrator (chats and visits), manager (knowledge and health too) or owner (everything).
        #[arg(long, default_value_t = Role::Administrator)]
        role: Role,
        /// The only location whose visits an administrator sees, by its id in business.toml.
        #[arg(long)]
        location: Option<String>,
        /// The language of the console: ru or en.
        #[arg(long, default_value = "ru", value_parser = ["ru", "en"])]
        language: String,
    },
    /// Everybody.
    #[command(after_help = "Examples:
  zapis staff list
  zapis staff list --json")]
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Another link, for who has forgotten the password; logs nobody out until it is used.
    #[command(after_help = "Examples:
  zapis staff link anna")]
    Link {
        /// Whose.
        login: String,
    },
    /// Ask for no code any more when she logs in, for who has lost the phone.
    #[command(after_help = "Examples:
  zapis staff no-code anna")]
    NoCode {
        /// Whose.
        login: String,
    },
    /// Take access away, and log out everywhere.
    #[command(after_help = "Examples:
  zapis staff disable anna")]
    Disable {
        /// Whose.
        login: String,
    },
    /// Give access back.
    #[command(after_help = "Examples:
  zapis staff enable anna")]
    Enable {
        /// Whose.
        login: String,
    },
}
