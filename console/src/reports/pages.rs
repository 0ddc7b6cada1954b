//! The pages of reports: the day, the week, the month; what is not as usual; conversations to judge.

use axum::extract::{Extension, Form, Query, State};
use axum::response::{Html, Redirect};
use chrono::{NaiveDate, TimeDelta};
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Deserialize;
use zapis_workers::kpi::figures::Entry;
use zapis_workers::kpi::review::{Verdict, draw};

use super::alerts::{link_of, quieten, raised, snoozed, words_of};
use super::{Composer, Which};
use crate::door::{Me, note};
use crate::page::{View, link};
use crate::refusal::Refusal;
use crate::{Console, beside};

/// The longest remark.
const REMARK: usize = 1_000;

/// Which report is to be shown.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    report: String,
    /// Any day of its period.
    day: Option<NaiveDate>,
}

/// `GET /console/reports`
pub(crate) async fn show(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    let which = Which::named(&asked.report).unwrap_or(Which::Daily);
    let today = view.now.with_timezone(&view.zone).date_naive();
    let first = which.first(asked.day.unwrap_or(today));
    // A day at the very ends of the calendar has no neighbours.
    let near = (today - first).num_days().abs() < 3_660;
    let (next, before) = (which.next(first), which.first(first - TimeDelta::days(1)));
    if !near {
        return Err(Refusal::Bad("figures-span"));
    }
    let composer = Composer {
        store: console.store().clone(),
        content: console.content()?,
        desks: console.desks.clone(),
        kpi: console.kpi.clone(),
        language: view.language(),
    };
    let now = view.now;
    let report = beside(move || async move { Ok(composer.report(which, first, now).await?) });
    let report = report.await?;
    let quiet = snoozed(console.store()).await?;
    let alerts = raised(console.store()).await?;
    let alerts = alerts.iter().map(|(id, alert)| {
        let until = quiet.get(id).filter(|until| **until > now);
        context! {
            id,
            words => words_of(view.language(), id, alert, view.zone),
            link => link_of(id),
            began => view.at(alert.began_at),
            until => until.map(|until| view.at(*until)),
        }
    });
    let what = context! {
        part => "reports",
        which => which.name(),
        all => Which::ALL.map(Which::name),
        day => first.to_string(),
        before => before.to_string(),
        next => (next <= today).then(|| next.to_string()),
        report => Value::from(Serde(report)),
        alerts => alerts.collect::<Vec<_>>(),
    };
    view.page("reports.html", "figures", what).await
}

/// For how long nobody wants to hear of what.
#[derive(Debug, Deserialize)]
pub(crate) struct Quiet {
    id: String,
    hours: u32,
}

/// `POST /console/reports/snooze`
pub(crate) async fn snooze(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Form(quiet): Form<Quiet>,
) -> Result<Redirect, Refusal> {
    let now = console.clock().now();
    let alerts = raised(console.store()).await?;
    if !alerts.contains_key(&quiet.id) {
        return Err(Refusal::Unknown);
    }
    let hours = quiet.hours.clamp(1, 24 * 31);
    let until = now + TimeDelta::hours(hours.into());
    let about = format!("{} {hours} h", quiet.id);
    note(&console, &me.member, "alert_snoozed", Some(&about)).await?;
    quieten(console.store(), &quiet.id, until, now).await?;
    Ok(Redirect::to("/console/reports#alerts"))
}

/// Which month is to be judged.
#[derive(Debug, Deserialize)]
pub(crate) struct Month {
    #[serde(default)]
    month: String,
}

impl Month {
    /// Its first day; last month's where none is asked for.
    fn first(&self, today: NaiveDate) -> Result<NaiveDate, Refusal> {
        if self.month.is_empty() {
            let this = Which::Monthly.first(today);
            return Ok(Which::Monthly.before(this));
        }
        let first: Option<NaiveDate> = format!("{}-01", self.month).parse().ok();
        let near = first.filter(|first| (today - *first).num_days().abs() < 3_660);
        near.ok_or(Refusal::Bad("figures-span"))
    }
}

/// `GET /console/review`
pub(crate) async fn review(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Query(asked): Query<Month>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    let today = view.now.with_timezone(&view.zone).date_naive();
    let first = asked.first(today)?;
    let (store, span) = (
        console.store().clone(),
        Which::Monthly.span(first, view.zone),
    );
    let drawn = beside(move || async move { Ok(draw(&store, &span).await?) }).await?;
    let judged = drawn
        .iter()
        .filter(|entry| entry.dialogue.verdict.is_some());
    let mut all = Vec::with_capacity(drawn.len());
    for entry in &drawn {
        let position = console.store().position_of(&entry.id).await?;
        all.push(sample(&view, entry, position));
    }
    let month = |first: NaiveDate| first.format("%Y-%m").to_string();
    let next = Which::Monthly.next(first);
    let what = context! {
        part => "review",
        month => month(first),
        before => month(Which::Monthly.before(first)),
        next => (next <= today).then(|| month(next)),
        judged => judged.count(),
        all,
    };
    view.page("review.html", "figures", what).await
}

/// A conversation to judge, and the place where it begins.
fn sample(view: &View<'_>, entry: &Entry, position: Option<i64>) -> Value {
    let Entry {
        id,
        conversation,
        dialogue,
    } = entry;
    let at = position.map(|position| format!("?at={position}#sought"));
    context! {
        id,
        chat => conversation.as_str(),
        link => link(conversation) + &at.unwrap_or_default(),
        at => view.at(dialogue.started_at),
        channel => conversation.channel(),
        intent => dialogue.intent.as_deref(),
        messages => dialogue.messages,
        verdict => dialogue.verdict.map(|verdict| Value::from(Serde(verdict))),
    }
}

/// What somebody thinks of a conversation.
#[derive(Debug, Deserialize)]
pub(crate) struct Judged {
    dialogue: String,
    chat: String,
    month: String,
    verdict: String,
    #[serde(default)]
    tone: Option<String>,
    #[serde(default)]
    should_have_escalated: Option<String>,
    #[serde(default)]
    remark: String,
}

/// `POST /console/review`
pub(crate) async fn judge(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Form(judged): Form<Judged>,
) -> Result<Redirect, Refusal> {
    let store = console.store();
    let rows = store.dialogues(&[&judged.dialogue]).await?;
    let known = rows.into_iter().next().ok_or(Refusal::Unknown)?;
    if known.conversation.as_str() != judged.chat {
        return Err(Refusal::Unknown);
    }
    let right = match judged.verdict.as_str() {
        "right" => true,
        "wrong" => false,
        _ => return Err(Refusal::Bad("review-verdict")),
    };
    let verdict = Verdict {
        right,
        tone: judged.tone.is_some(),
        should_have_escalated: judged.should_have_escalated.is_some(),
    };
    let remark: String = judged.remark.trim().chars().take(REMARK).collect();
    let now = console.clock().now();
    let who = &me.member.name;
    let event = verdict.event(&known.conversation, &judged.dialogue, who, &remark, now);
    store.journal(&[event], &[]).await?;
    console.follower().catch_up().await?;
    let month = crate::page::segment(&judged.month);
    Ok(Redirect::to(&format!("/console/review?month={month}")))
}
