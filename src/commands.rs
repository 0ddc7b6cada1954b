//! What each command does.

mod ahead;
mod book;
mod check;
mod crm;
mod crm_test;
mod dead;
mod experiments;
mod export;
mod gaps;
mod knowledge;
mod kpi;
mod privacy;
mod regular;
mod replay;
mod report;
mod run;
mod settings;
mod staff;
mod trace;
mod understand;

use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use zapis_core::Clock;
use zapis_core::config::Problem;
use zapis_core::store::Store;
use zapis_workers::business::Business;
use zapis_workers::content::Files;

use crate::app::open_store;
use crate::cli::{Cli, Command};
use crate::config::{self, Environment, Loaded, Missing};
use crate::output;

/// Why a command did not do it: decides the exit code.
#[derive(Debug)]
pub enum Failure {
    /// It was tried and failed: 1.
    Failed(anyhow::Error),
    /// It failed, and its output says why: 1.
    Told,
    /// It was asked for in the wrong way: 2.
    Usage(String),
    /// The configuration cannot be used: 2.
    Problems(Vec<Problem>),
    /// The same, and its output says why: 2.
    ProblemsTold,
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl Failure {
    /// Says why, and with which code to exit.
    pub fn tell(self) -> ExitCode {
        match self {
            Self::Failed(error) => {
                output::complain(format!("error: {error:#}"));
                ExitCode::from(1)
            }
            Self::Told => ExitCode::from(1),
            Self::Usage(message) => {
                output::complain(format!("error: {message}"));
                ExitCode::from(2)
            }
            Self::Problems(problems) => {
                for problem in problems {
                    output::complain(problem);
                }
                ExitCode::from(2)
            }
            Self::ProblemsTold => ExitCode::from(2),
        }
    }
}

/// Does what the command line asks for.
pub fn execute(cli: Cli) -> Result<(), Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?
        .block_on(dispatch(cli))
}

async fn dispatch(cli: Cli) -> Result<(), Failure> {
    let path = cli.config.as_path();
    match cli.command {
        Command::Run => run::run(load(path)?).await,
        Command::Gateway => run::gateway(load(path)?).await,
        Command::Worker { names } => run::workers(load(path)?, names).await,
        Command::Demo { listen, history } => {
            let loaded = config::load(path, &Environment::of_process(), Missing::Defaults);
            let loaded = loaded.map_err(Failure::Problems)?;
            Box::pin(run::demo(loaded, listen.listen, history)).await
        }
        Command::Sandbox(listen) => run::sandbox(listen.listen).await,
        Command::Check { connect, json } => check::check(path, connect, json).await,
        Command::Book(command) => book::book(&load(path)?, command).await,
        Command::Crm(command) => crm::crm(&load(path)?, command).await,
        Command::Staff(command) => staff::staff(&load(path)?, command).await,
        Command::Settings(command) => settings::settings(&load(path)?, command).await,
        Command::Dead(command) => dead::dead(&load(path)?, command).await,
        Command::Export(args) => export::export(path, args).await,
        Command::Erase(args) => privacy::erase(&load(path)?, args).await,
        Command::Privacy(command) => privacy::retain(&load(path)?, command).await,
        Command::Knowledge(command) => knowledge::knowledge(&load(path)?, command).await,
        Command::Understand { text, json } => understand::understand(&content(path)?, &text, json),
        Command::Eval {
            what,
            data,
            train,
            out,
        } => understand::evaluate(&content(path)?, what, &data, train.as_deref(), &out),
        Command::Trace {
            conversation,
            limit,
            json,
        } => trace::trace(&load(path)?, &conversation, limit, json).await,
        Command::Replay(args) => replay::replay(&load(path)?, &args).await,
        Command::Report { report: None, json } => report::list(json),
        Command::Report {
            report: Some(report),
            ..
        } => report::report(&load(path)?, report).await,
        Command::Experiment(command) => experiments::experiment(&load(path)?, command).await,
        Command::Bench(bench) => Ok(crate::bench::run(&load(path)?, &bench).await?),
    }
}

/// For commands that need the content only, which has no secrets to be missed.
fn content(path: &Path) -> Result<Loaded, Failure> {
    config::load(path, &Environment::of_process(), Missing::Defaults).map_err(Failure::Problems)
}

fn load(path: &Path) -> Result<Loaded, Failure> {
    config::load(path, &Environment::of_process(), Missing::Problem).map_err(Failure::Problems)
}

/// So many days up to now.
fn past(days: u16) -> Range<DateTime<Utc>> {
    let now = Clock::system().now();
    now - TimeDelta::days(i64::from(days))..now
}

/// The store, for a command beside a running program.
async fn store(loaded: &Loaded) -> Result<Store, Failure> {
    Ok(open_store(&loaded.config.engines).await?)
}

/// The firm as it is now, changes of the staff included.
async fn business(loaded: &Loaded, store: &Store) -> Result<Business, Failure> {
    Business::load(&files(loaded, store).await?).map_err(Failure::Problems)
}

/// The content files as they hold now.
async fn files(loaded: &Loaded, store: &Store) -> Result<Files, Failure> {
    let files = Files::now(&loaded.folder, store).await;
    Ok(files.context("reading the settings in the store")?)
}

/// Who uses this terminal.
fn operator() -> String {
    let environment = Environment::of_process();
    let names = ["USER", "LOGNAME", "USERNAME"];
    let who = names.iter().find_map(|name| environment.value(name));
    who.unwrap_or("somebody").to_owned()
}
