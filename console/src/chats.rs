//! Chats with customers: who waits, what was said, and what a person does about it.
//!
//! Whatever is done here goes the way of a word in the staff's own messenger: ownership changes at once, and
//! the rest goes through the queue, under an id that the page chose, so that a form that is sent twice is done
//! once.

use axum::extract::{Extension, Form, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{DateTime, TimeDelta, Utc};
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zapis_core::ids;
use zapis_core::intake::Arrival;
use zapis_core::message::{Content, ConversationId, Fence, Inbound, Outbound, Profile, What};
use zapis_core::store::{Chat, ChatFilter, NewOwner, OwnershipChange, Whose};
use zapis_core::trace::TraceParent;

use crate::door::{Me, note as journalled};
use crate::lines::{lines as lines_of, preview};
use crate::page::View;
use crate::refusal::Refusal;
use crate::{Console, Shared, to_the_end};

/// How many chats a page of the list has.
const PAGE: u32 = 40;
/// How many of the newest journal lines of a chat are shown.
const LINES: u32 = 400;
/// The longest reply.
const LONGEST: usize = 4_000;

/// Which chats are looked at.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Wish {
    /// `waiting`, `mine`, `taken`, or all.
    #[serde(default)]
    show: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    page: u32,
    /// The chat that is open beside the list.
    #[serde(default)]
    chat: String,
}

/// A chat in the list.
#[derive(Serialize)]
struct Row {
    id: String,
    link: String,
    name: String,
    channel: String,
    side: &'static str,
    last: String,
    at: String,
    staff: Option<String>,
    waits: Option<String>,
    reason: Option<String>,
    assigned: bool,
    blocked: bool,
}

/// As it stands in an address.
fn link(conversation: &ConversationId) -> String {
    let bytes = conversation.as_str().as_bytes();
    url::form_urlencoded::byte_serialize(bytes)
        .collect::<String>()
        .replace('+', "%20")
}

async fn rows(
    console: &Shared,
    view: &View<'_>,
    me: &Me,
    wish: &Wish,
) -> Result<(Vec<Row>, bool), Refusal> {
    let filter = ChatFilter {
        waiting: wish.show == "waiting",
        taken: wish.show == "taken",
        assigned: (wish.show == "mine").then_some(me.member.id),
        text: wish.q.clone(),
        without: console.desks.clone(),
        skip: wish.page.saturating_mul(PAGE),
        limit: PAGE + 1,
    };
    let mut chats = console.store().chats(&filter, view.now).await?;
    let more = chats.len() > PAGE as usize;
    chats.truncate(PAGE as usize);
    let ids: Vec<ConversationId> = chats.iter().map(|chat| chat.conversation.clone()).collect();
    let last = console.store().last_said(&ids).await?;
    let row = |chat: &Chat| {
        let said = last.get(&chat.conversation);
        let (side, words) = said.map(preview).unwrap_or_default();
        let at = said.map(|event| event.timestamp).or(chat.wrote_at);
        Row {
            id: chat.conversation.as_str().to_owned(),
            link: link(&chat.conversation),
            name: name_of(chat),
            channel: chat.conversation.channel().to_owned(),
            side,
            last: words,
            at: at.map(|at| view.at(at)).unwrap_or_default(),
            staff: chat.staff.clone(),
            waits: chat.waiting_since.map(|since| view.ago(since)),
            reason: chat.reason.clone(),
            assigned: chat.assigned == Some(me.member.id),
            blocked: chat.blocked,
        }
    };
    Ok((chats.iter().map(row).collect(), more))
}

/// What a customer is called: the name, the public name, the phone, the end of the id.
fn name_of(chat: &Chat) -> String {
    let named = |name: &Option<String>| name.clone().filter(|name| !name.trim().is_empty());
    named(&chat.name)
        .or_else(|| named(&chat.username))
        .or_else(|| named(&chat.phone))
        .unwrap_or_else(|| zapis_core::message::tail(chat.conversation.peer()))
}

async fn listed(console: &Shared, view: &View<'_>, me: &Me, wish: &Wish) -> Result<Value, Refusal> {
    let (chats, more) = rows(console, view, me, wish).await?;
    Ok(context! {
        chats => Value::from(Serde(&chats)),
        more,
        show => wish.show.as_str(),
        q => wish.q.as_str(),
        page => wish.page,
        open => wish.chat.as_str(),
    })
}

/// `GET /console/`
pub(crate) async fn inbox(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Query(wish): Query<Wish>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    let list = listed(&console, &view, &me, &wish).await?;
    view.page("inbox.html", "inbox", list).await
}

/// `GET /console/inbox`: the list alone.
pub(crate) async fn list(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Query(wish): Query<Wish>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    let list = listed(&console, &view, &me, &wish).await?;
    Ok(view.part("list.html", list)?)
}

async fn found(console: &Shared, chat: &str, now: DateTime<Utc>) -> Result<Chat, Refusal> {
    let conversation: ConversationId = chat.parse().map_err(|_| Refusal::Unknown)?;
    let found = console.store().chat(&conversation, now).await?;
    found.ok_or(Refusal::Unknown)
}

/// `GET /console/chats/{chat}`
pub(crate) async fn open(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Path(chat): Path<String>,
    Query(wish): Query<Wish>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    let chat = found(&console, &chat, view.now).await?;
    let wish = Wish {
        chat: chat.conversation.as_str().to_owned(),
        ..wish
    };
    let list = listed(&console, &view, &me, &wish).await?;
    let shown = shown(&console, &view, &me, &chat).await?;
    view.page("chat.html", "inbox", context! { ..shown, ..list })
        .await
}

/// `GET /console/chats/{chat}/lines`: what was said, and who has it, alone.
pub(crate) async fn lines(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Path(chat): Path<String>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    let chat = found(&console, &chat, view.now).await?;
    let shown = shown(&console, &view, &me, &chat).await?;
    Ok(view.part("lines.html", shown)?)
}

async fn shown(console: &Shared, view: &View<'_>, me: &Me, chat: &Chat) -> Result<Value, Refusal> {
    let store = console.store();
    let conversation = &chat.conversation;
    let events = store.said_before(conversation, i64::MAX, LINES).await?;
    let whose = Whose::Conversation(conversation);
    let mut visits = store.bookings_of(whose, view.now).await?;
    visits.retain(|visit| crate::visits::is_seen_by(visit, me));
    let visit = |booking: &zapis_core::store::Booking| {
        let at = booking.visit.starts_at().with_timezone(&view.zone);
        let services = booking.visit.items.iter().map(|item| item.service.clone());
        context! {
            day => crate::words::day(view.language(), at.date_naive()),
            time => at.format("%H:%M").to_string(),
            services => services.collect::<Vec<_>>(),
            status => booking.status.name(),
        }
    };
    let drafts = store.open_drafts(100).await?;
    let drafts = drafts
        .iter()
        .filter(|draft| draft.card.about == *conversation);
    let people = store.staff().await?;
    let people = people.iter().filter(|one| one.disabled_at.is_none());
    let people = people.map(|one| (one.id.to_string(), one.name.as_str()));
    Ok(context! {
        chat => context! {
            id => conversation.as_str(),
            link => link(conversation),
            name => name_of(chat),
            channel => conversation.channel(),
            phone => chat.phone.as_deref(),
            username => chat.username.as_deref(),
            staff => chat.staff.as_deref(),
            mine => chat.staff.as_deref() == Some(&me.member.name),
            waits => chat.waiting_since.map(|since| view.ago(since)),
            reason => chat.reason.as_deref(),
            assigned => chat.assigned.map(|id| id.to_string()),
            snoozed => chat.snoozed_until.map(|until| view.at(until)),
            blocked => chat.blocked,
            consent => store.consent(conversation).await?,
        },
        lines => Value::from(Serde(lines_of(view, &events))),
        visits => visits.iter().take(5).map(visit).collect::<Vec<_>>(),
        drafts => drafts.map(|draft| crate::drafts::card(view, draft)).collect::<Vec<_>>(),
        people => Value::from(Serde(people.collect::<Vec<_>>())),
        key => Uuid::new_v4().to_string(),
    })
}

/// Something that a person does, under an id that the page chose.
#[derive(Debug, Deserialize)]
pub(crate) struct Deed {
    key: Uuid,
    #[serde(default)]
    text: String,
    /// Although somebody else has the chat.
    #[serde(default)]
    over: bool,
}

/// What somebody of the firm did, as it goes into the queue.
fn deed(chat: &Chat, me: &Me, form: &Deed, what: What, now: DateTime<Utc>) -> Inbound {
    // All forms of a page have one key: another person, thing, text or wish is another deed.
    let name = match &what {
        What::Staff { text: None, .. } => "take",
        what => what.name(),
    };
    let over = if form.over { "over" } else { "" };
    let (who, key) = (me.member.id.to_string(), form.key.to_string());
    Inbound {
        id: ids::derive(&["console", name, &who, &key, over, form.text.trim()]).to_string(),
        conversation: chat.conversation.clone(),
        at: now,
        received_at: now,
        profile: Profile::default(),
        what,
        raw: None,
        trace: TraceParent::start(),
    }
}

/// Gives a chat to a person. Not where somebody else has it, unless it is taken over knowingly.
async fn own(
    console: &Shared,
    chat: &Chat,
    me: &Me,
    cause: &str,
    over: bool,
) -> Result<(), Refusal> {
    let now = console.clock().now();
    let (who, until) = (me.member.name.clone(), now + console.takeover);
    let to = if over {
        NewOwner::Staff { who, until }
    } else {
        NewOwner::StaffIfFree { who, until }
    };
    let change = OwnershipChange {
        cause: cause.to_owned(),
        at: now,
        to,
    };
    let owner = console
        .store()
        .change_ownership(&chat.conversation, &change)
        .await?;
    match owner.staff {
        Some(other) if other != me.member.name => Err(Refusal::Taken(other)),
        _ => Ok(()),
    }
}

fn arrival(inbound: Inbound) -> Arrival {
    Arrival::Inbound {
        inbound: Box::new(inbound),
        ownership: None,
    }
}

/// Back to the chat: a page for a browser without our script, nothing for the script.
fn done(headers: &HeaderMap, chat: &Chat) -> Response {
    let scripted = headers
        .get(header::ACCEPT)
        .is_some_and(|accept| accept == "application/json");
    if scripted {
        return StatusCode::NO_CONTENT.into_response();
    }
    Redirect::to(&format!("/console/chats/{}", link(&chat.conversation))).into_response()
}

/// `POST …/take`
pub(crate) async fn take(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Path(chat): Path<String>,
    headers: HeaderMap,
    Form(form): Form<Deed>,
) -> Result<Response, Refusal> {
    let now = console.clock().now();
    let chat = found(&console, &chat, now).await?;
    let what = What::Staff {
        who: me.member.name.clone(),
        text: None,
        delivered: true,
    };
    let inbound = deed(&chat, &me, &form, what, now);
    to_the_end(async move {
        own(&console, &chat, &me, &inbound.id, form.over).await?;
        console.intake.accept(vec![arrival(inbound)]).await?;
        Ok(done(&headers, &chat))
    })
    .await
}

/// `POST …/say`: the customer reads it, and the bot keeps silent.
pub(crate) async fn say(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Path(chat): Path<String>,
    headers: HeaderMap,
    Form(form): Form<Deed>,
) -> Result<Response, Refusal> {
    let now = console.clock().now();
    let chat = found(&console, &chat, now).await?;
    let text = form.text.replace("\r\n", "\n");
    let text = text.trim();
    if text.is_empty() {
        return Err(Refusal::Bad("say-nothing"));
    }
    if text.chars().count() > LONGEST {
        return Err(Refusal::Bad("say-long"));
    }
    let who = me.member.name.clone();
    let what = What::Staff {
        who: who.clone(),
        text: Some(text.to_owned()),
        // The staff's group in a messenger has not seen it.
        delivered: true,
    };
    let inbound = deed(&chat, &me, &form, what, now);
    let words = Outbound {
        id: ids::derive(&["console says", &inbound.id]),
        conversation: chat.conversation.clone(),
        turn: None,
        answers: Vec::new(),
        fence: Fence::Staff,
        content: Content::Message {
            text: text.to_owned(),
            buttons: Vec::new(),
            staff: Some(who),
        },
        language: "ru".to_owned(),
        purpose: None,
        customer_wrote_at: None,
        at: now,
        trace: TraceParent::start(),
    };
    to_the_end(async move {
        own(&console, &chat, &me, &inbound.id, form.over).await?;
        let words = Arrival::Outbound(Box::new(words));
        console.intake.accept(vec![arrival(inbound), words]).await?;
        Ok(done(&headers, &chat))
    })
    .await
}

/// `POST …/back`: the bot goes on.
pub(crate) async fn give_back(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Path(chat): Path<String>,
    headers: HeaderMap,
    Form(form): Form<Deed>,
) -> Result<Response, Refusal> {
    let now = console.clock().now();
    let chat = found(&console, &chat, now).await?;
    let what = What::Handback {
        who: me.member.name.clone(),
    };
    let inbound = deed(&chat, &me, &form, what, now);
    let change = OwnershipChange {
        cause: inbound.id.clone(),
        at: now,
        to: NewOwner::Bot,
    };
    let arrival = Arrival::Inbound {
        inbound: Box::new(inbound),
        ownership: Some(change),
    };
    to_the_end(async move {
        console.intake.accept(vec![arrival]).await?;
        let store = console.store();
        store.close_escalation(&chat.conversation, now).await?;
        Ok(done(&headers, &chat))
    })
    .await
}

/// `POST …/note`: for colleagues, the customer never sees it.
pub(crate) async fn note(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Path(chat): Path<String>,
    headers: HeaderMap,
    Form(form): Form<Deed>,
) -> Result<Response, Refusal> {
    let now = console.clock().now();
    let chat = found(&console, &chat, now).await?;
    let text = form.text.trim();
    if text.is_empty() {
        return Err(Refusal::Bad("say-nothing"));
    }
    let what = What::Note {
        who: me.member.name.clone(),
        text: text.chars().take(LONGEST).collect(),
    };
    let note = deed(&chat, &me, &form, what, now);
    console.intake.accept(vec![arrival(note)]).await?;
    Ok(done(&headers, &chat))
}

/// To whom a chat is given.
#[derive(Debug, Deserialize)]
pub(crate) struct Assignment {
    #[serde(default)]
    to: String,
}

/// `POST …/assign`
pub(crate) async fn assign(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Path(chat): Path<String>,
    headers: HeaderMap,
    Form(form): Form<Assignment>,
) -> Result<Response, Refusal> {
    let chat = found(&console, &chat, console.clock().now()).await?;
    let to: Option<Uuid> = if form.to.is_empty() {
        None
    } else {
        Some(form.to.parse().map_err(|_| Refusal::Unknown)?)
    };
    if let Some(to) = to
        && console.store().staff_member(to).await?.is_none()
    {
        return Err(Refusal::Unknown);
    }
    console.store().assign_chat(&chat.conversation, to).await?;
    journalled(&console, &me.member, "assign", Some(&form.to)).await?;
    Ok(done(&headers, &chat))
}

/// For how long a chat is put aside.
#[derive(Debug, Deserialize)]
pub(crate) struct Pause {
    minutes: u16,
}

/// `POST …/snooze`: it comes back by itself, earlier when the customer writes.
pub(crate) async fn snooze(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Path(chat): Path<String>,
    headers: HeaderMap,
    Form(form): Form<Pause>,
) -> Result<Response, Refusal> {
    let now = console.clock().now();
    let chat = found(&console, &chat, now).await?;
    let until = (form.minutes > 0).then(|| now + TimeDelta::minutes(form.minutes.into()));
    let store = console.store();
    store.snooze_chat(&chat.conversation, until, now).await?;
    journalled(&console, &me.member, "snooze", None).await?;
    Ok(done(&headers, &chat))
}
