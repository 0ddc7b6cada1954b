//! What is missing or cannot be right in what is kept, with a way to each of it.

use axum::extract::{Extension, State};
use axum::response::Html;
use minijinja::{Value, context};
use zapis_workers::quality::{self, Case, Doubt};

use crate::customers::page_of;
use crate::door::Me;
use crate::page::View;
use crate::refusal::Refusal;
use crate::words::day;
use crate::{Console, beside};

/// `GET /console/quality`
pub(crate) async fn show(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    let (shared, now) = (console.clone(), view.now);
    let doubts = beside(move || async move {
        let content = shared.content()?;
        let (firm, knows) = (&content.business, &content.knowledge);
        Ok(quality::look(shared.store(), firm, knows, &shared.desks, now).await?)
    })
    .await?;
    let doubt = |doubt: &Doubt| {
        let cases = doubt.cases.iter().map(|case| shown(&view, doubt.id, case));
        context! {
            id => doubt.id,
            count => doubt.count,
            customers => doubt.customers,
            cases => cases.collect::<Vec<_>>(),
        }
    };
    let doubts: Vec<Value> = doubts.iter().map(doubt).collect();
    let what = context! { part => "quality", doubts };
    view.page("quality.html", "figures", what).await
}

/// Where a case is mended, and how it is called.
fn shown(view: &View<'_>, doubt: &str, case: &Case) -> Value {
    let id = case.id.as_deref().unwrap_or_default();
    let firm = view.firm.as_ref();
    let (link, name) = match (doubt, case) {
        ("services", _) => (
            "/console/settings?part=services".to_owned(),
            firm.and_then(|firm| firm.service(id))
                .map(|one| one.name.in_language(view.language()).to_owned()),
        ),
        ("schedules", _) => (
            "/console/settings?part=masters".to_owned(),
            firm.and_then(|firm| firm.employee(id))
                .map(|one| one.name.in_language(view.language()).to_owned()),
        ),
        ("knowledge", _) => ("/console/knowledge".to_owned(), None),
        (_, Case { day: Some(of), .. }) => (
            format!("/console/visits?day={of}"),
            Some(day(view.language(), *of)),
        ),
        (
            _,
            Case {
                conversation: Some(one),
                ..
            },
        ) => (
            page_of(one),
            Some(format!(
                "{} {}",
                one.channel(),
                zapis_core::message::tail(one.peer())
            )),
        ),
        _ => (String::new(), None),
    };
    context! { link, name => name.unwrap_or_else(|| id.to_owned()) }
}
