//! `zapis staff`: who may work in the console.

use anyhow::Context;
use serde::Serialize;
use zapis_console::invitation;
use zapis_core::Clock;
use zapis_core::store::{NewStaff, StaffChange, StaffChanged, StaffMember, Store};

use super::Failure;
use crate::cli::StaffCommand;
use crate::config::Loaded;
use crate::output::{self, Table};

/// Somebody as JSON.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    login: &'a str,
    name: &'a str,
    role: &'static str,
    location: Option<&'a str>,
    state: &'static str,
}

/// `zapis staff …`
pub(super) async fn staff(loaded: &Loaded, command: StaffCommand) -> Result<(), Failure> {
    let store = super::store(loaded).await?;
    let result = does(loaded, &store, command).await;
    store.close().await;
    result
}

async fn does(loaded: &Loaded, store: &Store, command: StaffCommand) -> Result<(), Failure> {
    match command {
        StaffCommand::Add {
            login,
            name,
            role,
            location,
            language,
        } => {
            let new = NewStaff {
                login,
                name,
                role,
                location,
                language,
            };
            add(loaded, store, &new).await
        }
        StaffCommand::List { json } => list(store, json).await,
        StaffCommand::Link { login } => link(loaded, store, &named(store, &login).await?).await,
        StaffCommand::NoCode { login } => no_code(store, &named(store, &login).await?).await,
        StaffCommand::Disable { login } => set(store, &login, true).await,
        StaffCommand::Enable { login } => set(store, &login, false).await,
    }
}

async fn add(loaded: &Loaded, store: &Store, new: &NewStaff) -> Result<(), Failure> {
    if new.login.trim().is_empty() || new.login.trim().contains(char::is_whitespace) {
        return Err(Failure::Usage("a login has no spaces".to_owned()));
    }
    if new.name.trim().is_empty() {
        return Err(Failure::Usage("--name is empty".to_owned()));
    }
    if let Some(location) = &new.location {
        let business = super::business(loaded, store).await?;
        let mut known = business.locations.iter().map(|one| one.id.as_str());
        if !known.any(|known| known == location) {
            let known = business.locations.iter().map(|one| one.id.as_str());
            return Err(Failure::Usage(format!(
                "there is no location `{location}`: business.toml has {}",
                known.collect::<Vec<_>>().join(", ")
            )));
        }
    }
    let added = store.add_staff(new, Clock::system().now()).await;
    let member = added.context("adding somebody")?.ok_or_else(|| {
        Failure::Usage(format!(
            "the login `{}` or the name `{}` is taken: see zapis staff list",
            new.login, new.name
        ))
    })?;
    link(loaded, store, &member).await
}

async fn link(loaded: &Loaded, store: &Store, member: &StaffMember) -> Result<(), Failure> {
    let now = Clock::system().now();
    let url = &loaded.config.server.public_url;
    let link = invitation(store, url, member, now).await;
    output::line(link.context("making the link")?.expose());
    output::complain(
        "With this link a password is chosen, once and within three days. It is shown once.",
    );
    Ok(())
}

async fn no_code(store: &Store, member: &StaffMember) -> Result<(), Failure> {
    let ended = store.end_totp(member.id).await;
    if ended.context("switching the code off")? {
        return Ok(());
    }
    Err(Failure::Failed(anyhow::anyhow!(
        "`{}` logs in without a code already",
        member.login
    )))
}

async fn named(store: &Store, login: &str) -> Result<StaffMember, Failure> {
    let everybody = store.staff().await.context("reading who there is")?;
    let login = login.trim().to_lowercase();
    let found = everybody.into_iter().find(|member| member.login == login);
    found.ok_or_else(|| Failure::Usage(format!("there is no `{login}`: see zapis staff list")))
}

async fn set(store: &Store, login: &str, disabled: bool) -> Result<(), Failure> {
    let member = named(store, login).await?;
    let change = StaffChange {
        disabled: Some(disabled),
        ..StaffChange::default()
    };
    let now = Clock::system().now();
    let changed = store.change_staff(member.id, &change, now).await;
    match changed.context("changing it")? {
        StaffChanged::Done => Ok(()),
        StaffChanged::Unknown => Err(Failure::Usage(format!("there is no `{login}`"))),
        StaffChanged::LastOwner => Err(Failure::Failed(anyhow::anyhow!(
            "`{login}` is the only owner: let another one in first (zapis staff add … --role owner)"
        ))),
    }
}

async fn list(store: &Store, json: bool) -> Result<(), Failure> {
    let everybody = store.staff().await.context("reading who there is")?;
    let state = |member: &StaffMember| match (member.disabled_at, member.has_password) {
        (Some(_), _) => "disabled",
        (None, true) => "active",
        (None, false) => "invited",
    };
    if json {
        let shown = everybody.iter().map(|member| Shown {
            login: &member.login,
            name: &member.name,
            role: member.role.name(),
            location: member.location.as_deref(),
            state: state(member),
        });
        return Ok(output::json(&shown.collect::<Vec<_>>())?);
    }
    if everybody.is_empty() {
        output::line("There is nobody: zapis staff add LOGIN --name NAME --role owner");
        return Ok(());
    }
    let mut table = Table::new(&["login", "name", "role", "location", "state"]);
    for member in &everybody {
        table.row([
            member.login.clone(),
            member.name.clone(),
            member.role.name().to_owned(),
            member.location.clone().unwrap_or_default(),
            state(member).to_owned(),
        ]);
    }
    table.print();
    Ok(())
}
