//! How everything is, in words: fine, or what is wrong and what to do.

use axum::extract::{Extension, State};
use axum::response::Html;
use minijinja::{Value, context};
use zapis_core::store::StoreError;
use zapis_workers::crm::{HEALTH, Health, Standing};

use crate::door::Me;
use crate::page::View;
use crate::refusal::Refusal;
use crate::{Console, Shared};

/// One thing that can be wrong.
struct Part {
    /// The key of its name.
    name: &'static str,
    /// The key of what is wrong and what to do; nothing where it is fine.
    wrong: Option<&'static str>,
    /// A number that belongs to it.
    count: Option<u64>,
}

/// `GET /console/health`
pub(crate) async fn show(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    let parts = [
        queue(&console).await,
        sessions(&console).await,
        troubles(&console).await?,
        crm(&console).await?,
        content(&console).await,
    ];
    let fine = parts.iter().all(|part| part.wrong.is_none());
    let shown = parts.iter().map(|part| {
        context! { name => part.name, wrong => part.wrong, count => part.count }
    });
    let parts = shown.collect::<Vec<Value>>();
    view.page("health.html", "health", context! { parts, fine })
        .await
}

async fn queue(console: &Shared) -> Part {
    let works = console.intake.check().await.is_ok();
    Part {
        name: "health-queue",
        wrong: (!works).then_some("health-queue-wrong"),
        count: None,
    }
}

async fn sessions(console: &Shared) -> Part {
    let works = console.sessions.check().await.is_ok();
    Part {
        name: "health-sessions",
        wrong: (!works).then_some("health-sessions-wrong"),
        count: None,
    }
}

/// What nobody could read or handle.
async fn troubles(console: &Shared) -> Result<Part, StoreError> {
    let dead = console.store().dead_count().await?;
    Ok(Part {
        name: "health-dead",
        wrong: (dead > 0).then_some("health-dead-wrong"),
        count: Some(dead),
    })
}

async fn crm(console: &Shared) -> Result<Part, StoreError> {
    let standing = console.store().value(HEALTH).await?;
    let standing: Option<Standing> = standing.and_then(|text| serde_json::from_str(&text).ok());
    let wrong = match standing.map(|standing| standing.health) {
        None | Some(Health::Ok | Health::Throttled | Health::Parked) => None,
        Some(Health::AuthBroken) => Some("health-crm-key"),
        Some(Health::PlanExpired) => Some("health-crm-plan"),
        Some(Health::Down) => Some("health-crm-down"),
    };
    let waiting = console.store().crm_counts().await?.jobs;
    Ok(Part {
        name: "health-crm",
        wrong,
        count: Some(waiting.values().sum()),
    })
}

async fn content(console: &Shared) -> Part {
    let read = console.firm().await.is_some();
    Part {
        name: "health-content",
        wrong: (!read).then_some("health-content-wrong"),
        count: None,
    }
}
