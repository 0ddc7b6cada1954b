//! What the owner may change about the bot: the firm, its texts, what it may say by itself; in versions.

mod autonomy;
mod file;
mod firm;
mod phrases;

use std::collections::BTreeMap;

use axum::extract::{Extension, Form, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use minijinja::{Value, context};
use serde::Deserialize;
use zapis_core::store::{Shelf, Version};
use zapis_workers::content::{CHANGEABLE, Files};
use zapis_workers::knowledge::import::Done;
use zapis_workers::settings::{Change, Deed, Office, SettingsError};

use crate::door::{Me, note};
use crate::page::View;
use crate::refusal::Refusal;
use crate::{Console, Shared, texts, to_the_end};

pub(crate) use file::download;

/// The longest form: a whole file, each of its letters in six.
pub(crate) const FORM: usize = 2 * 1024 * 1024;
/// How many versions are shown.
const VERSIONS: u32 = 100;
/// The parts of the page besides those of the firm.
const TEXTS: &str = "texts";
const AUTONOMY: &str = "autonomy";
const FILE: &str = "file";

/// What of the settings is looked at.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Look {
    #[serde(default)]
    part: String,
    /// Words that a phrase holds.
    #[serde(default)]
    find: String,
    /// A phrase.
    #[serde(default)]
    key: String,
    /// A file.
    #[serde(default)]
    name: String,
    /// The version that was just made.
    #[serde(default)]
    made: i64,
}

/// What a form holds, by the names of its fields; of several of one name the last.
type Typed = BTreeMap<String, String>;

/// A change that somebody has asked for: what was read, and what is there now.
struct Desk {
    /// As the form was filled with.
    read: Files,
    now: Files,
    /// Whether a file beside the configuration is another one since.
    is_moved: bool,
}

impl Desk {
    async fn of(console: &Shared, typed: &Typed) -> Result<Self, Refusal> {
        let now = files(console).await?;
        let version = typed.get("version").and_then(|text| text.parse().ok());
        let read = match version {
            Some(version) if version != now.version() => now.at(console.store(), version).await?,
            _ => now.clone(),
        };
        let mark = typed.get("mark");
        let is_moved = mark.is_some_and(|mark| *mark != read.mark());
        Ok(Self {
            read,
            now,
            is_moved,
        })
    }
}

/// What is wrong with what was typed.
#[derive(Default)]
struct Trouble {
    /// Lines for people.
    lines: Vec<String>,
    /// By the name of a field, the key of what is wrong with it.
    fields: BTreeMap<String, &'static str>,
}

impl Trouble {
    fn said(view: &View<'_>, key: &'static str) -> Self {
        Self {
            lines: vec![texts::say(view.language(), key).to_owned()],
            ..Self::default()
        }
    }

    fn is_none(&self) -> bool {
        self.lines.is_empty() && self.fields.is_empty()
    }
}

/// The content files as they hold now.
async fn files(console: &Shared) -> Result<Files, Refusal> {
    Ok(Files::now(&console.folder, console.store()).await?)
}

/// `GET /console/settings`
pub(crate) async fn open(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Query(look): Query<Look>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    shown(&console, &view, &look, &Typed::new(), &Trouble::default()).await
}

/// A part of the settings, with what somebody has typed into it.
async fn shown(
    console: &Shared,
    view: &View<'_>,
    look: &Look,
    typed: &Typed,
    trouble: &Trouble,
) -> Result<Html<String>, Refusal> {
    let files = files(console).await?;
    let (name, part, what) = match look.part.as_str() {
        TEXTS => (
            "phrases.html",
            TEXTS,
            phrases::shown(view, &files, look, typed),
        ),
        AUTONOMY => {
            let what = autonomy::shown(console, &files, typed)?;
            ("autonomy.html", AUTONOMY, what)
        }
        FILE => ("file.html", FILE, file::shown(&files, look, typed)),
        part => {
            let group = firm::group(part);
            let what = firm::shown(view, &files, group, typed, trouble)?;
            ("settings.html", group.name, what)
        }
    };
    let contested = CHANGEABLE
        .into_iter()
        .filter(|name| files.is_contested(name));
    let what = context! {
        part,
        base => typed.get("version").cloned().unwrap_or_else(|| files.version().to_string()),
        mark => typed.get("mark").cloned().unwrap_or_else(|| files.mark()),
        newest => files.version(),
        made => look.made,
        problems => trouble.lines.clone(),
        contested => contested.collect::<Vec<_>>(),
        ..what
    };
    view.page(name, "settings", what).await
}

/// Makes a version, and goes back to the page; where that cannot be, the page with what was typed.
async fn kept(
    console: &Shared,
    me: &Me,
    view: &View<'_>,
    look: &Look,
    typed: &Typed,
    (desk, files, changes): (&Desk, &Files, Vec<Change>),
) -> Result<Response, Refusal> {
    let keys = changes.iter().map(|change| change.key.as_str());
    let keys = keys.collect::<Vec<_>>().join(", ");
    let deed = Deed::Changed(changes);
    let (office, done) = (office(console), done(view, me));
    match office.keep(&desk.now, files, &deed, &done).await {
        Ok(made) => {
            let version = made.unwrap_or_else(|| desk.now.version());
            if made.is_some() {
                let about = format!("{version}: {keys}");
                note(console, &me.member, "settings_changed", Some(&about)).await?;
            }
            Ok(back_to(look, version))
        }
        Err(error) => {
            let trouble = trouble(view, error)?;
            refused(console, view, look, typed, &trouble).await
        }
    }
}

fn office(console: &Shared) -> Office {
    Office {
        store: console.store().clone(),
        content: console.content().ok(),
        autonomy: console.autonomy.config.clone(),
    }
}

async fn refused(
    console: &Shared,
    view: &View<'_>,
    look: &Look,
    typed: &Typed,
    trouble: &Trouble,
) -> Result<Response, Refusal> {
    let page = shown(console, view, look, typed, trouble).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

fn trouble(view: &View<'_>, error: SettingsError) -> Result<Trouble, Refusal> {
    match error {
        SettingsError::Store(error) => Err(error.into()),
        SettingsError::Outdated => Ok(Trouble::said(view, "settings-outdated")),
        SettingsError::Wrong(problems) => {
            let mut trouble = Trouble::said(view, "settings-wrong");
            trouble
                .lines
                .extend(problems.iter().map(ToString::to_string));
            Ok(trouble)
        }
    }
}

fn back_to(look: &Look, made: i64) -> Response {
    let mut address = url::form_urlencoded::Serializer::new(String::new());
    address.append_pair("part", &look.part);
    address.append_pair("made", &made.to_string());
    for (name, value) in [
        ("find", &look.find),
        ("key", &look.key),
        ("name", &look.name),
    ] {
        if !value.is_empty() {
            address.append_pair(name, value);
        }
    }
    Redirect::to(&format!("/console/settings?{}", address.finish())).into_response()
}

fn done(view: &View<'_>, me: &Me) -> Done {
    Done {
        who: me.member.name.clone(),
        at: view.now,
    }
}

/// `POST /console/settings`: whichever part the form is of.
pub(crate) async fn save(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Query(look): Query<Look>,
    Form(typed): Form<Vec<(String, String)>>,
) -> Result<Response, Refusal> {
    // Browsers send lines with both ends.
    let typed = typed
        .into_iter()
        .map(|(name, text)| (name, text.replace("\r\n", "\n")));
    let typed: Typed = typed.collect();
    to_the_end(async move {
        let view = View::of(&console, &me).await;
        let desk = Desk::of(&console, &typed).await?;
        if desk.is_moved {
            let trouble = Trouble::said(&view, "settings-outdated");
            return refused(&console, &view, &look, &typed, &trouble).await;
        }
        let wanted = match look.part.as_str() {
            TEXTS => phrases::wanted(&view, &desk, &look, &typed),
            AUTONOMY => autonomy::wanted(&console, &view, &desk, &typed)?,
            FILE => file::wanted(&view, &desk, &look, &typed),
            part => firm::wanted(&view, &desk, firm::group(part), &typed)?,
        };
        match wanted {
            Err(trouble) => refused(&console, &view, &look, &typed, &trouble).await,
            Ok((files, changes)) => {
                let wanted = (&desk, &files, changes);
                kept(&console, &me, &view, &look, &typed, wanted).await
            }
        }
    })
    .await
}

/// Files that somebody wants, and what changes with them.
type Wanted = Result<(Files, Vec<Change>), Trouble>;

/// `GET /console/settings/versions`
pub(crate) async fn versions(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    version_list(&console, &view, &Trouble::default()).await
}

async fn version_list(
    console: &Shared,
    view: &View<'_>,
    trouble: &Trouble,
) -> Result<Html<String>, Refusal> {
    let versions = console.store().versions(Shelf::Settings, VERSIONS).await?;
    let newest = versions.first().map_or(0, |one| one.version);
    let firm = view.firm.as_deref();
    let one = |one: &Version| {
        let deed = Deed::read(&one.what);
        let (changes, back, dropped) = match &deed {
            Some(Deed::Changed(changes)) => (changes.as_slice(), None, None),
            Some(Deed::Back(version)) => (&[][..], Some(version), None),
            Some(Deed::Dropped(name)) => (&[][..], None, Some(name)),
            None => (&[][..], None, None),
        };
        let changes = changes.iter().map(|change| {
            context! {
                what => firm::label(view.language(), firm, &change.key),
                from => change.from.as_str(),
                to => change.to.as_str(),
            }
        });
        context! {
            version => one.version,
            at => view.at(one.at),
            who => one.who.as_str(),
            changes => changes.collect::<Vec<Value>>(),
            back,
            dropped,
            holds => one.version == newest,
        }
    };
    let files = files(console).await?;
    let kept = CHANGEABLE.into_iter().filter(|name| files.is_kept(name));
    let what = context! {
        part => "versions",
        newest,
        versions => versions.iter().map(one).collect::<Vec<Value>>(),
        kept => kept.collect::<Vec<_>>(),
        problems => trouble.lines.clone(),
    };
    view.page("settings-versions.html", "settings", what).await
}

/// To which version, or which file is to be as it lies beside the configuration.
#[derive(Debug, Deserialize)]
pub(crate) struct Back {
    version: Option<i64>,
    drop: Option<String>,
    /// The newest version that whoever wants it has seen.
    base: Option<i64>,
}

/// `POST /console/settings/rollback`
pub(crate) async fn back(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Form(wish): Form<Back>,
) -> Result<Response, Refusal> {
    to_the_end(async move {
        let view = View::of(&console, &me).await;
        let now = files(&console).await?;
        let (office, done) = (office(&console), done(&view, &me));
        let (made, about) = match (wish.version, wish.drop) {
            _ if wish.base.is_some_and(|base| base != now.version()) => {
                (Err(SettingsError::Outdated), String::new())
            }
            (Some(version), _) if (0..now.version()).contains(&version) => {
                let made = office.roll_back(&now, version, &done).await;
                (made, version.to_string())
            }
            (None, Some(name)) if now.is_kept(&name) => {
                let (files, deed) = (now.without(&name), Deed::Dropped(name.clone()));
                (office.keep(&now, &files, &deed, &done).await, name)
            }
            _ => return Err(Refusal::Unknown),
        };
        match made {
            Ok(made) => {
                if made.is_some() {
                    let what = "settings_rolled_back";
                    note(&console, &me.member, what, Some(&about)).await?;
                }
                Ok(Redirect::to("/console/settings/versions").into_response())
            }
            Err(error) => {
                let page = version_list(&console, &view, &trouble(&view, error)?).await?;
                Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
            }
        }
    })
    .await
}
