//! What the bot may say by itself, by what customers want.

use minijinja::value::Serde;
use minijinja::{Value, context};
use zapis_workers::autonomy::{AutonomyConfig, Mode};
use zapis_workers::content::{AUTONOMY, Files};
use zapis_workers::settings::Change;
use zapis_workers::understand::Intent;

use super::{Desk, Trouble, Typed, Wanted};
use crate::Shared;
use crate::page::View;
use crate::refusal::Refusal;

/// The name of the field of intents that are not named.
const DEFAULT: &str = "default";
/// What can be chosen. Other bounds stand in the file.
const MODES: [&str; 5] = ["auto", "auto(0.6)", "auto(0.8)", "draft", "staff"];

fn laid_down(console: &Shared, files: &Files) -> Result<AutonomyConfig, Refusal> {
    let file = AutonomyConfig::of_files(files);
    let file = file.map_err(|_| Refusal::Bad("settings-unread"))?;
    Ok(file.unwrap_or_else(|| console.autonomy.config.clone()))
}

/// The name of each field: the intents, and what holds for those that are not named.
fn names() -> impl Iterator<Item = &'static str> {
    std::iter::once(DEFAULT).chain(Intent::ALL.iter().map(|intent| intent.id()))
}

/// What is laid down for a field; nothing where the default holds.
fn mode_of(config: &AutonomyConfig, name: &str) -> String {
    let mode = match name {
        DEFAULT => Some(&config.default),
        name => config.by_intent.get(name),
    };
    mode.map(ToString::to_string).unwrap_or_default()
}

/// The form.
pub(super) fn shown(console: &Shared, files: &Files, typed: &Typed) -> Result<Value, Refusal> {
    let config = laid_down(console, files)?;
    let rows = names().map(|name| {
        let can_be = |mode: &&String| mode.is_empty() || Mode::try_from((*mode).clone()).is_ok();
        let mode = typed.get(name).filter(can_be).cloned();
        let mode = mode.unwrap_or_else(|| mode_of(&config, name));
        let mut modes = MODES.to_vec();
        if !mode.is_empty() && !modes.contains(&mode.as_str()) {
            modes.push(&mode);
        }
        let modes = modes.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let adjusted = console.autonomy.adjusted_to(name);
        context! {
            name,
            modes => Value::from(Serde(modes)),
            mode,
            adjusted => adjusted.map(|mode| mode.to_string()),
        }
    });
    let minutes = typed.get("draft_minutes").cloned();
    let minutes = minutes.unwrap_or_else(|| config.draft_minutes.to_string());
    Ok(context! {
        rows => rows.collect::<Vec<Value>>(),
        draft_minutes => minutes,
    })
}

/// The file that somebody wants.
pub(super) fn wanted(
    console: &Shared,
    view: &View<'_>,
    desk: &Desk,
    typed: &Typed,
) -> Result<Wanted, Refusal> {
    let read = laid_down(console, &desk.read)?;
    let mut config = laid_down(console, &desk.now)?;
    let (mut changes, mut outdated) = (Vec::new(), false);
    let mut change = |name: &str, from: String, to: &str, now: String| {
        outdated |= now != from && now != to;
        let (key, to) = (format!("autonomy|{name}"), to.to_owned());
        changes.push(Change { key, from, to });
    };
    for name in names() {
        let Some(wish) = typed.get(name) else {
            continue;
        };
        let before = mode_of(&read, name);
        if *wish == before {
            continue;
        }
        change(name, before, wish, mode_of(&config, name));
        let mode = (!wish.is_empty()).then(|| Mode::try_from(wish.clone()));
        match (name, mode) {
            (_, Some(Err(_))) | (DEFAULT, None) => {
                return Ok(Err(Trouble::said(view, "unfit-choice")));
            }
            (DEFAULT, Some(Ok(mode))) => config.default = mode,
            (name, Some(Ok(mode))) => {
                config.by_intent.insert(name.to_owned(), mode);
            }
            (name, None) => {
                config.by_intent.remove(name);
            }
        }
    }
    if let Some(wish) = typed.get("draft_minutes") {
        let Ok(minutes) = wish.trim().parse() else {
            return Ok(Err(Trouble::said(view, "unfit-number")));
        };
        if minutes != read.draft_minutes {
            let (before, now) = (
                read.draft_minutes.to_string(),
                config.draft_minutes.to_string(),
            );
            change("draft_minutes", before, wish.trim(), now);
            config.draft_minutes = minutes;
        }
    }
    if outdated {
        return Ok(Err(Trouble::said(view, "settings-outdated")));
    }
    let files = if changes.is_empty() {
        desk.now.clone()
    } else {
        desk.now.with(AUTONOMY, config.to_toml())
    };
    Ok(Ok((files, changes)))
}
