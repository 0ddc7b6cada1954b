//! `zapis`: a messenger bot gateway for salons, clinics and small service firms.

use std::process::ExitCode;

use clap::Parser;
use zapis::cli::Cli;
use zapis::commands;

/// The path of a message makes many small things, and glibc's allocator takes a tenth of its time. Without
/// huge pages, which would hold half as much memory again for an idle program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
