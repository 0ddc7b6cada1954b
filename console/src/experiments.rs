//! What came of experiments, and how they end.

use axum::extract::{Extension, Form, Path, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use minijinja::{Value, context};
use serde::Deserialize;
use zapis_core::store::Ended;
use zapis_workers::experiments::{Came, Tested, Verdict, results};
use zapis_workers::kpi::figures::Unit;

use crate::door::Me;
use crate::page::View;
use crate::refusal::Refusal;
use crate::{Console, beside};

/// `GET /console/experiments`
pub(crate) async fn show(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    let (store, content, now) = (console.store().clone(), console.content()?, view.now);
    let all = beside(move || async move { Ok(results(&store, &content, now).await?) }).await?;
    let shown: Vec<Value> = all.iter().map(|tested| experiment(&view, tested)).collect();
    view.page(
        "experiments.html",
        "figures",
        context! { part => "experiments", experiments => shown },
    )
    .await
}

fn experiment(view: &View<'_>, tested: &Tested) -> Value {
    let control = tested.arms.first().map(|came| came.arm.as_str());
    context! {
        id => tested.id.as_str(),
        about => tested.about.as_str(),
        goal => tested.goal.name(),
        state => tested.state.name(),
        holds => tested.keeps.as_deref().or(control),
        ended_by => tested.ended_by.as_deref(),
        ended_at => tested.ended_at.map(|at| view.at(at)),
        needed => tested.needed,
        mixed => tested.mixed,
        uneven => tested.uneven,
        arms => tested.arms.iter().map(|came| arm(view, came)).collect::<Vec<_>>(),
    }
}

fn arm(view: &View<'_>, came: &Came) -> Value {
    let language = view.language();
    let percent = |value| Unit::Share.told(value, language);
    let [by, low, high] = came.points(language).unwrap_or_default();
    let signed = came
        .difference
        .map(|difference| difference.points(language));
    context! {
        name => came.arm.as_str(),
        dialogues => came.dialogues,
        customers => came.customers,
        counted => came.counted,
        share => came.share.map(percent),
        interval => came.interval.map(|(low, high)| format!("{} … {}", percent(low), percent(high))),
        signed,
        verdict => came.verdict.map(Verdict::name),
        missing => came.missing,
        by, low, high,
    }
}

/// What is to become of an experiment.
#[derive(Debug, Deserialize)]
pub(crate) struct Wish {
    /// `stop` or `resume`.
    #[serde(rename = "do")]
    what: String,
    /// The arm for everybody; the control where none is named.
    #[serde(default)]
    keep: String,
}

/// `POST /console/experiments/{id}`
pub(crate) async fn act(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Path(id): Path<String>,
    Form(wish): Form<Wish>,
) -> Result<Response, Refusal> {
    let (store, who, at) = (console.store(), &me.member.name, console.clock().now());
    if wish.what == "resume" {
        store.resume_experiment(&id, who, at).await?;
    } else {
        let content = console.content()?;
        let experiment = content.experiments.get(&id).ok_or(Refusal::Unknown)?;
        let keeps = Some(wish.keep).filter(|keep| !keep.is_empty());
        let is_arm = |keep: &String| experiment.arms.iter().any(|arm| arm.id == *keep);
        if !keeps.as_ref().is_none_or(is_arm) {
            return Err(Refusal::Unknown);
        }
        let ended = Ended {
            experiment: id,
            keeps,
            who: who.clone(),
            at,
        };
        store.end_experiment(&ended).await?;
    }
    Ok(Redirect::to("/console/experiments").into_response())
}
