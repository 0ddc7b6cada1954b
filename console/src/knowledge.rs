//! What the bot knows: read, tried out, written, brought in, gone back in.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{Extension, Form, Multipart, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zapis_core::config::Problem;
use zapis_core::event::{Event, Kind};
use zapis_core::message::Profile;
use zapis_core::store::{Shelf, Version};
use zapis_workers::answer::Thought;
use zapis_workers::content::Content;
use zapis_workers::dialogue::Tryout;
use zapis_workers::knowledge::import::{
    self, Change, Done, ImportError, Incoming, Known, OWN, Plan, Report, Signature, Wording,
};
use zapis_workers::knowledge::{Entry, Origin};
use zapis_workers::rehearsal::{Questions, Rehearsal, Told, nobodys};
use zapis_workers::report::{Gaps, read};

use crate::door::{Me, note};
use crate::page::View;
use crate::refusal::Refusal;
use crate::words::file_name;
use crate::{Console, Shared, beside};

/// Why something is not written over what somebody else has written.
const OUTDATED: &str = "entry-outdated";
/// How many entries a page has.
const PAGE: usize = 50;
/// The longest answer and the longest questions: an answer fits into one message.
const LONGEST: usize = 3_500;
/// How many versions are shown.
const VERSIONS: u32 = 100;
/// How many questions without an answer are shown.
const GAPS: usize = 100;
/// How many days of questions are looked at.
const DAYS: i64 = 14;
/// How many of the newest words of customers a new wording is tried on.
const TRIED: usize = 200;
/// How many of the newest lines of the journal are looked through for them.
const READ: i64 = 2_000;
/// The largest upload: a document and what the form says of it.
pub(crate) const UPLOAD: usize = 33 * 1024 * 1024;

/// Which entries are looked at, and what is tried out.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wish {
    #[serde(default)]
    q: String,
    #[serde(default)]
    page: usize,
    /// Words as a customer's.
    #[serde(default, rename = "try")]
    tried: String,
    /// Whether something was written just now, which is shown once the bot knows it.
    #[serde(default)]
    saved: u8,
}

/// `GET /console/knowledge`
pub(crate) async fn list(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Query(wish): Query<Wish>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    let content = console.content()?;
    let wanted = wish.q.trim().to_lowercase();
    let fits = |entry: &&Entry| {
        let mut texts = entry.questions.iter().chain([&entry.answer]);
        wanted.is_empty() || texts.any(|text| text.to_lowercase().contains(&wanted))
    };
    let mut found: Vec<&Entry> = content.knowledge.entries().iter().filter(fits).collect();
    // What the staff writes here first, then what it brought in, then the files.
    found.sort_by_key(|entry| (standing(entry).rank, entry.language != view.language()));
    let start = wish.page.saturating_mul(PAGE);
    let shown = found.iter().skip(start).take(PAGE);
    let today = today(&view);
    let tried = match wish.tried.trim() {
        "" => None,
        text => Some(tried(&view, &console, &content, text).await?),
    };
    let what = context! {
        entries => shown.map(|entry| listed(entry, today)).collect::<Vec<_>>(),
        count => found.len(),
        more => found.len() > start + PAGE,
        page => wish.page,
        q => wish.q.trim(),
        saved => wish.saved > 0,
        tried,
    };
    view.page("knowledge.html", "knowledge", what).await
}

fn today(view: &View<'_>) -> NaiveDate {
    view.now.with_timezone(&view.zone).date_naive()
}

/// Where an entry can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Standing {
    rank: u8,
    /// The end of the key of the words that say it.
    name: &'static str,
}

fn standing(entry: &Entry) -> Standing {
    let (rank, name) = match (&entry.imported, entry.origin) {
        (Some(imported), _) if imported.source == OWN => (0, "own"),
        (Some(_), _) => (1, "imported"),
        (None, Origin::Fact) => (3, "fact"),
        (None, _) => (2, "folder"),
    };
    Standing { rank, name }
}

fn listed(entry: &Entry, today: NaiveDate) -> Value {
    context! {
        id => entry.id.as_str(),
        question => entry.question(),
        others => entry.questions.len().saturating_sub(1),
        answer => entry.answer.as_str(),
        language => entry.language.code(),
        standing => standing(entry).name,
        place => entry.source.for_people(),
        verified_by => entry.verified_by.as_deref(),
        valid_until => entry.valid_until.map(|day| day.to_string()),
        expired => entry.expired(today),
    }
}

/// What the bot would say, as it knows things now, and why.
async fn tried(
    view: &View<'_>,
    console: &Shared,
    content: &Arc<Content>,
    text: &str,
) -> Result<Value, Refusal> {
    let bot = Tryout::new(Arc::clone(content), console.autonomy.clone());
    let thought = bot
        .hears(&nobodys()?, &Profile::default(), text, &[], view.now)
        .await?;
    let facts = &thought.facts;
    Ok(context! {
        text,
        does => Told::of(&thought).does,
        says => Value::from(Serde(words(&thought))),
        buttons => Value::from(Serde(buttons(&thought))),
        intent => facts.intent.as_deref(),
        confidence => facts.confidence.map(|sure| format!("{:.0} %", sure * 100.0)),
        rule => facts.reason.as_deref(),
        why => thought.handover.as_ref().map(|call| call.reason.as_str()),
        sources => crate::lines::sources(facts.sources.as_ref()),
    })
}

pub(crate) fn words(thought: &Thought) -> Vec<&str> {
    let draft = thought.draft.iter().map(|draft| draft.reply.text.as_str());
    let replies = thought.replies.iter().map(|reply| reply.text.as_str());
    replies.chain(draft).collect()
}

fn buttons(thought: &Thought) -> Vec<&str> {
    let draft = thought.draft.iter().map(|draft| &draft.reply);
    let replies = thought.replies.iter().chain(draft);
    let buttons = replies.flat_map(|reply| &reply.buttons);
    buttons.map(|button| button.title.as_str()).collect()
}

/// Which entry is opened, or what a new one begins with.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Opened {
    #[serde(default)]
    id: String,
    #[serde(default)]
    question: String,
    #[serde(default)]
    answer: String,
}

/// `GET /console/knowledge/entry`
pub(crate) async fn open(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Query(opened): Query<Opened>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    let form = if opened.id.is_empty() {
        Written {
            id: format!("{OWN}-{}", Uuid::new_v4()),
            questions: opened.question,
            answer: opened.answer,
            ..Written::default()
        }
    } else {
        let entry = import::own(console.store(), &opened.id).await?;
        let entry = entry.ok_or(Refusal::Unknown)?;
        Written {
            was: Some(entry.mark()),
            id: entry.id.clone(),
            questions: entry.questions.join("\n"),
            answer: entry.answer.clone(),
            valid_until: entry
                .valid_until
                .map(|day| day.to_string())
                .unwrap_or_default(),
            act: String::new(),
        }
    };
    shown(&view, &form, None, None).await
}

/// An entry as somebody writes it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Written {
    id: String,
    /// One on a line.
    #[serde(default)]
    questions: String,
    #[serde(default)]
    answer: String,
    /// `YYYY-MM-DD`, or nothing.
    #[serde(default)]
    valid_until: String,
    /// Marks what it takes the place of.
    was: Option<String>,
    /// `preview`, `save` or `remove`.
    #[serde(default, rename = "do")]
    act: String,
}

impl Written {
    fn wording(&self) -> Result<Wording, Refusal> {
        let lines = self.questions.lines().map(str::trim);
        let questions: Vec<String> = lines
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect();
        let answer = self.answer.replace("\r\n", "\n").trim().to_owned();
        if questions.is_empty() || answer.is_empty() {
            return Err(Refusal::Bad("entry-empty"));
        }
        if answer.chars().count() > LONGEST || self.questions.chars().count() > LONGEST {
            return Err(Refusal::Bad("entry-long"));
        }
        let valid_until = day(&self.valid_until)?;
        let own = self
            .id
            .strip_prefix(OWN)
            .and_then(|rest| rest.strip_prefix('-'));
        own.and_then(|id| Uuid::parse_str(id).ok())
            .ok_or(Refusal::Unknown)?;
        Ok(Wording {
            id: self.id.clone(),
            questions,
            answer,
            valid_until,
        })
    }
}

/// A day as a browser writes it, or none.
fn day(typed: &str) -> Result<Option<NaiveDate>, Refusal> {
    let day = (!typed.is_empty()).then(|| typed.parse()).transpose();
    day.map_err(|_| Refusal::Bad("entry-day"))
}

async fn shown(
    view: &View<'_>,
    form: &Written,
    preview: Option<Value>,
    problem: Option<&str>,
) -> Result<Html<String>, Refusal> {
    let what = context! {
        form => Value::from(Serde(form)),
        is_new => form.was.is_none(),
        preview,
        problem,
    };
    view.page("entry.html", "knowledge", what).await
}

/// `POST /console/knowledge/entry`
pub(crate) async fn write(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Form(mut form): Form<Written>,
) -> Result<Response, Refusal> {
    let view = View::of(&console, &me).await;
    match acted(&view, &console, &me, &form).await {
        Ok(Some(preview)) => {
            let page = shown(&view, &form, Some(preview), None).await?;
            Ok(page.into_response())
        }
        Ok(None) => Ok(Redirect::to("/console/knowledge?saved=1").into_response()),
        // What was typed stays.
        Err(Refusal::Bad(key)) => {
            if key == OUTDATED {
                // Whoever reads that can still decide for the own words.
                let now = import::own(console.store(), &form.id).await?;
                form.was = now.map(|now| now.mark());
            }
            let page = shown(&view, &form, None, Some(key)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(refusal) => Err(refusal),
    }
}

/// Does what a form asks for; what is previewed comes back.
async fn acted(
    view: &View<'_>,
    console: &Console,
    me: &Me,
    form: &Written,
) -> Result<Option<Value>, Refusal> {
    let (store, done) = (console.store(), done(view, me));
    match form.act.as_str() {
        "remove" => {
            let made = import::forget(store, &form.id, form.was.as_deref(), &done).await?;
            if made.is_some() {
                note(console, &me.member, "knowledge_removed", Some(&form.id)).await?;
            }
        }
        "save" => {
            let made = form
                .wording()?
                .keep(store, form.was.as_deref(), &done)
                .await?;
            if made.is_some() {
                note(console, &me.member, "knowledge_written", Some(&form.id)).await?;
            }
        }
        _ => {
            let wording = form.wording()?;
            return previewed(view, console, wording, &me.member.name)
                .await
                .map(Some);
        }
    }
    Ok(None)
}

fn done(view: &View<'_>, me: &Me) -> Done {
    Done {
        who: me.member.name.clone(),
        at: view.now,
    }
}

/// Where the knowledge stands that is written by hand.
fn knowledge_of(console: &Shared) -> PathBuf {
    console.folder.join("knowledge")
}

async fn known(console: &Shared, content: &Content) -> Result<Known, Refusal> {
    let folder = knowledge_of(console);
    Ok(import::known(console.store(), &folder, &content.business).await?)
}

/// An answer that would be another one.
#[derive(Debug, Serialize)]
struct Different {
    question: String,
    before: String,
    after: String,
}

/// What a wording contradicts, and what customers would read instead of what they read now.
async fn previewed(
    view: &View<'_>,
    console: &Console,
    wording: Wording,
    who: &str,
) -> Result<Value, Refusal> {
    let (console, who) = (console.clone(), who.to_owned());
    let (now, today) = (view.now, today(view));
    beside(move || async move {
        let content = console.content()?;
        let known = known(&console, &content).await?;
        let (plan, knowledge) = wording.previewed(&known, &who, today);
        let knowledge = knowledge.with_synonyms(Arc::clone(&content.synonyms));
        let next = Arc::new(Content {
            knowledge: Arc::new(knowledge),
            ..Content::clone(&content)
        });
        let autonomy = &console.autonomy;
        let rehearsal = Rehearsal {
            now: Tryout::new(Arc::clone(&content), autonomy.clone()),
            then: Tryout::new(next, autonomy.clone()),
            at: now,
        };
        let (mut different, mut unheard) = (Vec::new(), Vec::new());
        let asked = asked(&console, &content, now).await?;
        for question in wording.questions.iter().chain(&asked) {
            let compared = rehearsal.ask(question).await?;
            let (before, after) = (compared.before.says, compared.after.says);
            if wording.questions.contains(question) && !after.contains(&wording.answer) {
                unheard.push(question.clone());
            } else if before != after {
                different.push(Different {
                    question: question.clone(),
                    before,
                    after,
                });
            }
        }
        Ok(context! {
            changes => changes(&content, &plan.reports),
            different => Value::from(Serde(different)),
            unheard,
        })
    })
    .await
}

/// The newest words of customers, each once, without personal data.
async fn asked(
    console: &Shared,
    content: &Content,
    now: DateTime<Utc>,
) -> Result<Vec<String>, Refusal> {
    let store = console.store();
    let last = store.last_event_position().await?;
    let span = now - TimeDelta::days(DAYS)..now;
    let newest = store.events_of_kinds(&[Kind::Inbound], &span, last - READ, last);
    let mut asked = Questions::new(content);
    for event in newest.await?.iter().rev() {
        if asked.take(event) == TRIED {
            break;
        }
    }
    Ok(asked.list())
}

/// What an import or a wording does with one entry.
#[derive(Debug, Default, Serialize)]
struct Shown {
    /// The end of the key of the words that say it.
    kind: &'static str,
    what: String,
    before: Option<String>,
    after: Option<String>,
    /// Where the other entry is written, or until when it was right.
    place: Option<String>,
}

fn changes(content: &Content, reports: &[Report]) -> Value {
    let all = reports.iter().flat_map(|report| report.changes.clone());
    let question = |id: String| {
        let mut entries = content.knowledge.entries().iter();
        let known = entries.find(|entry| entry.id == id);
        known.map_or(id, |entry| entry.question().to_owned())
    };
    let shown = |kind, what| Shown {
        kind,
        what,
        ..Shown::default()
    };
    let all = all.map(|change| match change {
        Change::New { question, .. } => shown("new", question),
        Change::Changed {
            question,
            before,
            after,
            ..
        } => Shown {
            before: Some(before),
            after: Some(after),
            ..shown("changed", question)
        },
        Change::Gone { question, .. } => shown("gone", question),
        Change::Contradicts {
            says,
            fact_says,
            place,
            ..
        } => Shown {
            before: Some(fact_says),
            place: Some(file_name(&place)),
            ..shown("contradicts", says)
        },
        Change::Duplicates { of, place, .. } => Shown {
            // Of what is written here it is enough to name the question.
            place: (!place.starts_with(OWN)).then(|| file_name(&place)),
            ..shown("duplicates", question(of))
        },
        Change::Stale {
            question,
            valid_until,
            ..
        } => Shown {
            place: Some(valid_until.to_string()),
            ..shown("stale", question)
        },
    });
    Value::from(Serde(all.collect::<Vec<_>>()))
}

/// `GET /console/knowledge/gaps`
pub(crate) async fn gaps(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    let (shared, now, today) = (console.clone(), view.now, today(&view));
    let mut groups = beside(move || async move {
        let content = shared.content()?;
        let mut gaps = Gaps::new(&content);
        let span = now - TimeDelta::days(DAYS)..now;
        let take = |event: &Event| gaps.take(event);
        read(shared.store(), &Gaps::KINDS, &span, take).await?;
        Ok(gaps.groups(today).0)
    })
    .await?;
    // What was written about meanwhile is none any more.
    groups.retain(|group| !group.is_filled());
    groups.truncate(GAPS);
    let groups = groups.iter().map(|group| {
        context! {
            question => group.question.as_str(),
            customers => group.customers,
            count => group.count,
            at => view.at(group.last_at),
            examples => Value::from(Serde(group.examples.iter().skip(1).collect::<Vec<_>>())),
            answer => group.answer.as_ref().map(|answer| answer.text.as_str()),
            nearest => group.nearest.as_ref().map(|near| near.question.as_str()),
        }
    });
    let what = context! { gaps => groups.collect::<Vec<_>>(), days => DAYS };
    view.page("gaps.html", "knowledge", what).await
}

/// `GET /console/knowledge/versions`
pub(crate) async fn versions(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    let versions = console.store().versions(Shelf::Knowledge, VERSIONS).await?;
    let newest = versions.first().map_or(0, |one| one.version);
    let one = |one: &Version| {
        context! {
            version => one.version,
            at => view.at(one.at),
            who => one.who.as_str(),
            did => did(&one.what).0,
            what => did(&one.what).1,
            holds => one.version == newest,
        }
    };
    let what = context! { versions => versions.iter().map(one).collect::<Vec<_>>() };
    view.page("versions.html", "knowledge", what).await
}

/// The end of the key of the words for what made a version, and what it was about.
pub(crate) fn did(what: &str) -> (&'static str, &str) {
    let verbs = [
        "write",
        "forget",
        "remember",
        "import",
        "remove",
        "rollback to",
    ];
    let known = verbs.into_iter().find_map(|verb| {
        let about = what.strip_prefix(verb)?.strip_prefix(' ')?;
        Some((verb, about))
    });
    match known {
        Some(("rollback to", about)) => ("rollback", about),
        Some(known) => known,
        None => ("write", what),
    }
}

/// To which version.
#[derive(Debug, Deserialize)]
pub(crate) struct Back {
    version: i64,
}

/// `POST /console/knowledge/rollback`
pub(crate) async fn roll_back(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Form(back): Form<Back>,
) -> Result<Response, Refusal> {
    let view = View::of(&console, &me).await;
    import::roll_back(console.store(), back.version, &done(&view, &me)).await?;
    let about = back.version.to_string();
    note(&console, &me.member, "knowledge_rolled_back", Some(&about)).await?;
    Ok(Redirect::to("/console/knowledge/versions").into_response())
}

/// `GET /console/knowledge/import`
pub(crate) async fn ask_document(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    brought(&view, &console, None, None, &[]).await
}

async fn brought(
    view: &View<'_>,
    console: &Shared,
    version: Option<i64>,
    plan: Option<&Plan>,
    problems: &[Problem],
) -> Result<Html<String>, Refusal> {
    let reports = plan.map_or(&[][..], |plan| &plan.reports);
    let told = reports.iter().flat_map(|report| &report.problems);
    let told = told.chain(problems).map(ToString::to_string);
    let what = context! {
        report => reports.first().map(|report| context! {
            name => report.to.as_str(),
            entries => report.entries,
        }),
        changes => match console.content() {
            Ok(content) => changes(&content, reports),
            Err(_) => Value::from(()),
        },
        refused => plan.is_some_and(|plan| !plan.can_be_done()),
        problems => told.collect::<Vec<_>>(),
        version,
    };
    view.page("import.html", "knowledge", what).await
}

/// A document that somebody has sent.
#[derive(Default)]
struct Upload {
    name: String,
    bytes: Vec<u8>,
    valid_until: String,
    /// Whether it is only looked at.
    look: bool,
}

impl Upload {
    async fn of(mut form: Multipart) -> Result<Self, Refusal> {
        let unread = |_| Refusal::Bad("import-unread");
        let mut upload = Self::default();
        while let Some(field) = form.next_field().await.map_err(unread)? {
            match field.name() {
                Some("document") => {
                    // Browsers of other times sent whole paths.
                    let name = field.file_name().unwrap_or_default();
                    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
                    name.clone_into(&mut upload.name);
                    upload.bytes = field.bytes().await.map_err(unread)?.to_vec();
                }
                Some("valid_until") => {
                    upload.valid_until = field.text().await.map_err(unread)?;
                }
                Some("do") => upload.look = field.text().await.map_err(unread)? != "bring",
                _ => {}
            }
        }
        if upload.name.is_empty() || upload.bytes.is_empty() {
            return Err(Refusal::Bad("import-none"));
        }
        Ok(upload)
    }
}

/// `POST /console/knowledge/import`
pub(crate) async fn bring(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    form: Multipart,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    let upload = Upload::of(form).await?;
    let valid_until = day(&upload.valid_until)?;
    let signature = Signature {
        verified_by: Some(me.member.name.clone()),
        valid_until,
    };
    let incoming = match Incoming::of_bytes(&upload.name, upload.bytes, &signature).await {
        Ok(incoming) => [incoming],
        Err(problems) => return brought(&view, &console, None, None, &problems).await,
    };
    let content = console.content()?;
    if upload.look {
        let known = known(&console, &content).await?;
        let (plan, _) = Plan::thought_out(incoming.to_vec(), known, today(&view)).await?;
        return brought(&view, &console, None, Some(&plan), &[]).await;
    }
    let done = done(&view, &me);
    let (store, folder) = (console.store(), knowledge_of(&console));
    let written = import::write(store, &folder, &content.business, &incoming, &done).await?;
    if written.version.is_some() {
        note(
            &console,
            &me.member,
            "knowledge_imported",
            Some(&upload.name),
        )
        .await?;
    }
    // Version 0: all of it was there before.
    let version = written
        .plan
        .can_be_done()
        .then(|| written.version.unwrap_or(0));
    brought(&view, &console, version, Some(&written.plan), &[]).await
}

impl From<ImportError> for Refusal {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Store(error) => error.into(),
            ImportError::Outdated => Self::Bad(OUTDATED),
            ImportError::Busy => Self::Bad("knowledge-busy"),
            // The folder of the firm is broken: the engineer is told by the log and by `zapis check`.
            ImportError::Wrong(_) => Self::Bad("knowledge-wrong"),
        }
    }
}
