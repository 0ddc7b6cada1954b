//! Replies that wait for a person to approve them.

use axum::extract::{Extension, Form, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Deserialize;
use uuid::Uuid;
use zapis_core::ids;
use zapis_core::intake::Arrival;
use zapis_core::message::{
    Content, ConversationId, DraftCard, DraftDecided, Fence, Inbound, Outbound, Profile, Verdict,
    What,
};
use zapis_core::store::{DraftFate, Proposal};
use zapis_core::trace::TraceParent;
use zapis_workers::words::Language;

use crate::door::Me;
use crate::page::View;
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
    let chat = card.about.as_str().as_bytes();
    let link: String = url::form_urlencoded::byte_serialize(chat).collect();
    context! {
        id => card.id.to_string(),
        link,
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

/// `GET /console/drafts`
pub(crate) async fn list(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    let open = console.store().open_drafts(SHOWN).await?;
    let drafts_open: Vec<Value> = open.iter().map(|draft| card(&view, draft)).collect();
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
    #[serde(default)]
    back: String,
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
        // A form that comes twice finds its own words.
        "send" if words.is_empty() => return Err(Refusal::Bad("say-nothing")),
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
    let who = &me.member.name;
    let cause = ids::derive(&["console", &me.member.id.to_string(), &form.key.to_string()]);
    let cause = cause.to_string();
    let scripted = headers
        .get(header::ACCEPT)
        .is_some_and(|accept| accept == "application/json");
    let back = form.back == "chat";
    let (who, text) = (who.clone(), text.map(str::to_owned));
    to_the_end(async move {
        let about = settle(&console, id, verdict, &who, text.as_deref(), reason, cause).await?;
        if scripted {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        let chat = about.as_str().as_bytes();
        let chat: String = url::form_urlencoded::byte_serialize(chat).collect();
        let chat = back.then(|| format!("/console/chats/{chat}"));
        let back = chat.unwrap_or_else(|| "/console/drafts".to_owned());
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
    let decided = DraftDecided {
        id,
        verdict,
        who: Some(who.to_owned()),
        reason: reason.map(|key| say(Language::Ru, key).to_owned()),
        question: card.question.clone(),
        text: card.text.clone(),
        intent: card.intent.clone(),
    };
    let mut arrivals = Vec::new();
    if verdict != Verdict::Rejected {
        arrivals.push(Arrival::Outbound(Box::new(approved(card, now))));
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

/// The reply that a person let through: nothing stops it any more.
fn approved(card: &DraftCard, now: chrono::DateTime<chrono::Utc>) -> Outbound {
    Outbound {
        id: card.id,
        conversation: card.about.clone(),
        turn: None,
        answers: Vec::new(),
        fence: Fence::Staff,
        content: Content::Message {
            text: card.text.clone(),
            buttons: card.buttons.clone(),
            staff: None,
        },
        language: card.language.clone(),
        purpose: None,
        customer_wrote_at: None,
        at: now,
        trace: TraceParent::start(),
    }
}
