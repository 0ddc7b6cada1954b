//! The files themselves: for everything that no form has, and to be taken along.

use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use minijinja::value::Serde;
use minijinja::{Value, context};
use zapis_workers::content::{BUSINESS, CHANGEABLE, Files};
use zapis_workers::settings::Change;

use super::{Desk, Look, Trouble, Typed, Wanted, files};
use crate::Console;
use crate::page::View;
use crate::refusal::Refusal;

/// How much of what a line said is told of a change.
const TOLD: usize = 600;

/// The name of a file that may be changed.
fn name(look: &Look) -> &'static str {
    let mut names = CHANGEABLE.into_iter();
    names.find(|name| *name == look.name).unwrap_or(BUSINESS)
}

/// A file as it holds now.
pub(super) fn shown(files: &Files, look: &Look, typed: &Typed) -> Value {
    let name = name(look);
    let text = typed.get("text").cloned();
    context! {
        name,
        names => Value::from(Serde(CHANGEABLE)),
        text => text.unwrap_or_else(|| files.text(name).unwrap_or_default()),
        is_kept => files.is_kept(name),
    }
}

/// The file that somebody wants.
pub(super) fn wanted(view: &View<'_>, desk: &Desk, look: &Look, typed: &Typed) -> Wanted {
    let name = name(look);
    let lines = |files: &Files| files.text(name).unwrap_or_default().replace("\r\n", "\n");
    let (read, now) = (lines(&desk.read), lines(&desk.now));
    let text = typed.get("text").cloned().unwrap_or_default();
    if text == read {
        return Ok((desk.now.clone(), Vec::new()));
    }
    if read != now && text != now {
        return Err(Trouble::said(view, "settings-outdated"));
    }
    let change = Change {
        key: format!("file|{name}"),
        from: only_in(&read, &text),
        to: only_in(&text, &read),
    };
    Ok((desk.now.with(name, text), vec![change]))
}

/// Lines of one text that the other has not.
fn only_in(text: &str, other: &str) -> String {
    let known: std::collections::HashSet<&str> = other.lines().collect();
    let lines = text.lines().filter(|line| !known.contains(line));
    let told: String = lines.collect::<Vec<_>>().join("\n");
    match told.char_indices().nth(TOLD) {
        Some((end, _)) => format!("{}…", &told[..end]),
        None => told,
    }
}

/// `GET /console/settings/file`: to be kept elsewhere.
pub(crate) async fn download(
    State(console): State<Console>,
    Query(look): Query<Look>,
) -> Result<Response, Refusal> {
    let name = name(&look);
    let text = files(&console).await?.text(name).ok_or(Refusal::Unknown)?;
    let short = name.rsplit('/').next().unwrap_or(name);
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{short}\""),
        ),
    ];
    Ok((headers, text).into_response())
}
