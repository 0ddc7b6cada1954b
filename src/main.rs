//! `zapis`: a messenger bot gateway for salons, clinics and small service firms.

use std::process::ExitCode;

use clap::Parser;
use zapis::cli::Cli;
use zapis::commands;

fn main() -> ExitCode {
    // One TLS stack for every client; without a provider they fail at their first call.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let cli = Cli::parse();
    match commands::execute(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(),
    }
}
