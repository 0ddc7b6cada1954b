//! Replies that wait for a person to approve them.

use std::collections::BTreeMap;

use axum::extract::{Extension, Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Deserialize;
use uuid::Uuid;
use zapis_core::ids;
use zapis_core::intake::Arrival;
use zapis_core::message::{ConversationId, Inbound, Profile, Verdict, What};
use zapis_core::store::{DraftFate, Proposal};
use zapis_core::trace::TraceParent;
use zapis_workers::words::Language;

use crate::chats::is_scripted;
use crate::door::Me;
use crate::page::{View, link};
use crate::refusal::Refusal;
use crate::texts::say;
use crate::{Console, Shared, to_the_end};

/// How many are shown.
const SHOWN: u32 = 100;
/// Why a draft can be rejected.
const REASONS: [&str; 4] = ["draft-fact", "draft-tone", "draft-person", "draft-other"];

/// A draft as a page shows it.
pub(crate) fn card(view: &View<'_>, draft: &Proposal) -> Value {
    let card = &draft.card;
    context! {
        id => card.id.to_string(),
        link => link(&card.about),
        name => card.name.as_str(),
        question => card.question.as_str(),
        text => card.text.as_str(),
        intent => card.intent.as_deref(),
        confidence => card.confidence.map(|sure| format!("{:.0} %", sure * 100.0)),
        sources => Value::from(Serde(&card.sources)),
        at => view.at(draft.at),
        left => draft.due.map(|due| crate::words::span(view.language(), due - view.now)),
        reasons => Value::from(Serde(REASONS)),
        key => Uuid::new_v4().to_string(),
    }
}

/// Whether two drafts say the same to the same wish, so that one decision may be for both.
fn is_alike(one: &Proposal, other: &Proposal) -> bool {
    let said = |draft: &Proposal| {
        let card = &draft.card;
        (
            card.intent.clone(),
            card.text.clone(),
            card.language.clone(),
        )
    };
    said(one) == said(other)
}

/// `GET /console/drafts`
pub(crate) async fn list(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    let open = console.store().open_drafts(SHOWN).await?;
    let mut groups: Vec<Vec<&Proposal>> = Vec::new();
    for draft in &open {
        match groups.iter_mut().find(|group| is_alike(group[0], draft)) {
            Some(group) => group.push(draft),
            None => groups.push(vec![draft]),
        }
    }
    let drafts_open = groups.iter().map(|group| {
        let others = group.iter().skip(1).map(|draft| card(&view, draft));
        context! { others => others.collect::<Vec<_>>(), ..card(&view, group[0]) }
    });
    let drafts_open: Vec<Value> = drafts_open.collect();
    view.page("drafts.html", "drafts", context! { drafts_open })
        .await
}

/// What a person decided.
#[derive(Debug, Deserialize)]
pub(crate) struct Decision {
    key: Uuid,
    /// `send` or `reject`.
    verdict: String,
    /// The words as the person wants them.
    #[serde(default)]
    text: String,
    #[serde(default)]
    reason: String,
    /// The words that were proposed.
    #[serde(default)]
    was: String,
    #[serde(default)]
    back: String,
    /// `also-{id}`: others that say the same, for which it is decided too.
    #[serde(flatten)]
    also: BTreeMap<String, String>,
}

/// `POST /console/drafts/{id}`
pub(crate) async fn decide(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    Form(form): Form<Decision>,
) -> Result<Response, Refusal> {
    let store = console.store();
    let before = store.proposal(id).await?.ok_or(Refusal::Unknown)?;
    let words = form.text.replace("\r\n", "\n").trim().to_owned();
    let (verdict, text, reason) = match form.verdict.as_str() {
        "send" if words.is_empty() => return Err(Refusal::Bad("say-nothing")),
        // A form that comes twice finds its own words.
        "send" if before.state != "edited" && words == before.card.text => {
            (Verdict::Sent, None, None)
        }
        "send" => (Verdict::Edited, Some(words.as_str()), None),
        "reject" => {
            let mut known = REASONS.into_iter();
            let reason = known.find(|known| *known == form.reason);
            (
                Verdict::Rejected,
                None,
                Some(reason.unwrap_or("draft-other")),
            )
        }
        _ => return Err(Refusal::Bad("refused-unknown")),
    };
    let cause = me.deed(form.key, &["draft"]).to_string();
    let mut others = Vec::new();
    for other in form.also.keys().filter_map(|key| key.strip_prefix("also-")) {
        let other: Uuid = other.parse().map_err(|_| Refusal::Unknown)?;
        let known = store.proposal(other).await?;
        let alike = |known: &Proposal| {
            // An earlier try may have changed this one and not that one.
            known.card.intent == before.card.intent
                && (known.card.text == form.was || is_alike(&before, known))
        };
        if known.is_some_and(|known| other != id && alike(&known)) {
            let cause = me.deed(form.key, &["draft", &other.to_string()]);
            others.push((other, cause.to_string()));
        }
    }
    let scripted = is_scripted(&headers);
    let back = form.back == "chat";
    let (who, text) = (me.member.name, text.map(str::to_owned));
    to_the_end(async move {
        let about = settle(&console, id, verdict, &who, text.as_deref(), reason, cause).await?;
        let mut failed = None;
        for (other, cause) in others {
            let text = text.as_deref();
            match settle(&console, other, verdict, &who, text, reason, cause).await {
                // Somebody else has decided about that one meanwhile: it is not decided again.
                Ok(_) | Err(Refusal::Taken(_)) => {}
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        if scripted {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        let back = if back {
            link(&about)
        } else {
            "/console/drafts".to_owned()
        };
        Ok(Redirect::to(&back).into_response())
    })
    .await
}

/// Decides, and sends what follows. What this person decided in the same way before is sent again, under the
/// same ids: an earlier try may have come to nothing.
async fn settle(
    console: &Shared,
    id: Uuid,
    verdict: Verdict,
    who: &str,
    text: Option<&str>,
    reason: Option<&'static str>,
    cause: String,
) -> Result<ConversationId, Refusal> {
    let store = console.store();
    let fate = store.decide_draft(id, verdict, Some(who), text, &cause);
    let same = |other: &Proposal| {
        let words = text.is_none_or(|text| other.card.text == text);
        other.state == verdict.name() && other.who.as_deref() == Some(who) && words
    };
    let proposal = match fate.await? {
        DraftFate::Decided(proposal) => proposal,
        DraftFate::Other(other) if same(&other) => other,
        DraftFate::Other(other) => {
            return Err(Refusal::Taken(other.who.unwrap_or(other.state)));
        }
        DraftFate::Unknown => return Err(Refusal::Unknown),
    };
    let card = &proposal.card;
    let now = console.clock().now();
    let why = reason.map(|key| say(Language::Ru, key));
    let decided = card.decided(verdict, Some(who), why);
    let mut arrivals = Vec::new();
    if verdict != Verdict::Rejected {
        arrivals.push(Arrival::Outbound(Box::new(card.approved(now))));
    }
    arrivals.push(Arrival::Inbound {
        inbound: Box::new(Inbound {
            id: ids::derive(&["console draft", &id.to_string()]).to_string(),
            conversation: card.about.clone(),
            at: now,
            received_at: now,
            profile: Profile::default(),
            what: What::Draft(Box::new(decided)),
            raw: None,
            trace: TraceParent::start(),
        }),
        ownership: None,
    });
    console.intake.accept(arrivals).await?;
    Ok(card.about.clone())
}
