//! `zapis settings`: what staff has changed in the console.

use std::fs;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;
use zapis_core::Clock;
use zapis_core::store::{Shelf, Store};
use zapis_workers::content::{CHANGEABLE, Files};
use zapis_workers::knowledge::import::Done;
use zapis_workers::settings::{Deed, Office, SettingsError};

use super::Failure;
use crate::cli::SettingsCommand;
use crate::config::Loaded;
use crate::output::{self, Table};

/// A version as JSON.
#[derive(Debug, Serialize)]
struct Shown {
    version: i64,
    at: String,
    who: String,
    deed: Option<Deed>,
}

/// `zapis settings …`
pub(super) async fn settings(loaded: &Loaded, command: SettingsCommand) -> Result<(), Failure> {
    let store = super::store(loaded).await?;
    let result = does(loaded, &store, command).await;
    store.close().await;
    result
}

async fn does(loaded: &Loaded, store: &Store, command: SettingsCommand) -> Result<(), Failure> {
    let files = super::files(loaded, store).await?;
    // What holds now may be what cannot be used: it is not looked at.
    let office = Office {
        store: store.clone(),
        content: None,
        autonomy: loaded.config.autonomy.clone(),
    };
    match command {
        SettingsCommand::Versions { limit, json } => versions(store, limit, json).await,
        SettingsCommand::Export { out } => Ok(export(&files, &out)?),
        SettingsCommand::Rollback { version } => {
            if !(0..=files.version()).contains(&version) {
                let newest = files.version();
                let why = format!("there is no version {version}: the newest is {newest}");
                return Err(Failure::Usage(why));
            }
            tell(office.roll_back(&files, version, &done()).await)
        }
        SettingsCommand::Drop { file } => {
            if !CHANGEABLE.contains(&file.as_str()) {
                let known = CHANGEABLE.join(", ");
                let why = format!("`{file}` is no file that staff can change: {known}");
                return Err(Failure::Usage(why));
            }
            let wanted = files.without(&file);
            let deed = Deed::Dropped(file);
            tell(office.keep(&files, &wanted, &deed, &done()).await)
        }
    }
}

fn done() -> Done {
    Done {
        who: super::operator(),
        at: Clock::system().now(),
    }
}

async fn versions(store: &Store, limit: u32, json: bool) -> Result<(), Failure> {
    let versions = store.versions(Shelf::Settings, limit).await;
    let versions = versions.context("reading the versions")?;
    let shown = versions.into_iter().map(|one| Shown {
        version: one.version,
        at: one.at.to_rfc3339(),
        who: one.who,
        deed: Deed::read(&one.what),
    });
    let shown: Vec<Shown> = shown.collect();
    if json {
        return Ok(output::json(&shown)?);
    }
    if shown.is_empty() {
        output::line("Nothing was changed in the console yet.");
        return Ok(());
    }
    let mut table = Table::new(&["version", "at", "who", "what"]);
    for one in shown {
        let what = one.deed.map_or_else(String::new, |deed| words(&deed));
        table.row([one.version.to_string(), one.at, one.who, what]);
    }
    table.print();
    Ok(())
}

fn words(deed: &Deed) -> String {
    match deed {
        Deed::Back(version) => format!("rollback to {version}"),
        Deed::Dropped(name) => format!("{name} as it lies beside zapis.toml"),
        Deed::Changed(changes) => {
            let changes = changes.iter();
            let changes = changes.map(|one| format!("{}: {} → {}", one.key, one.from, one.to));
            changes.collect::<Vec<_>>().join("; ")
        }
    }
}

fn export(files: &Files, out: &Path) -> anyhow::Result<()> {
    let kept = CHANGEABLE.into_iter().filter(|name| files.is_kept(name));
    let mut written = 0;
    for name in kept {
        let path = out.join(name);
        let text = files.text(name).unwrap_or_default();
        let folder = path.parent().unwrap_or(out);
        let made = fs::create_dir_all(folder).and_then(|()| fs::write(&path, text));
        made.with_context(|| format!("writing {}", path.display()))?;
        output::line(path.display());
        written += 1;
    }
    if written == 0 {
        output::line("Nothing is changed in the console: the files beside zapis.toml hold.");
    }
    Ok(())
}

fn tell(made: Result<Option<i64>, SettingsError>) -> Result<(), Failure> {
    match made {
        Ok(Some(version)) => output::line(format!("Version {version}.")),
        Ok(None) => output::line("Everything is as it was."),
        Err(SettingsError::Wrong(problems)) => return Err(Failure::Problems(problems)),
        Err(error) => {
            let error = anyhow::Error::new(error);
            return Err(Failure::Failed(error.context("changing the settings")));
        }
    }
    Ok(())
}
