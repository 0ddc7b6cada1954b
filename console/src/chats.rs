//! Chats with customers: who waits, what was said, and what a person does about it.
//!
//! Whatever is done here goes the way of a word in the staff's own messenger: ownership changes at once, and
//! the rest goes through the queue, under an id that the page chose, so that a form that is sent twice is done
//! once.

use axum::extract::{Extension, Form, FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{DateTime, TimeDelta, Utc};
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::{Deserialize, Serialize};
use tracing::debug;
use uuid::Uuid;
use zapis_core::event::Event;
use zapis_core::intake::Arrival;
use zapis_core::message::{ConversationId, Inbound, Outbound, Profile, What, tail};
use zapis_core::store::{Chat, ChatFilter, NewOwner, OwnershipChange, Role, Shelf, Whose};
use zapis_core::trace::TraceParent;
use zapis_core::{causes, hush, ids};

use crate::door::{Me, note as journalled};
use crate::lines::{Versions, lines as lines_of, preview};
use crate::page::{View, link};
use crate::presence::{self, Colleagues, Does};
use crate::refusal::Refusal;
use crate::{Console, Shared, to_the_end};

/// How many chats a page of the list has.
const PAGE: u32 = 40;
/// How many of the newest journal lines of a chat are shown.
pub(crate) const LINES: u32 = 400;
/// The longest reply.
const LONGEST: usize = 4_000;

/// Which chats are looked at.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Wish {
    /// `waiting`, `mine`, `taken`, `shut`, or all.
    #[serde(default)]
    show: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    page: u32,
    /// The chat that is open beside the list.
    #[serde(default)]
    chat: String,
    /// The place in the journal around which the chat is shown; its end where none is named.
    at: Option<i64>,
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
    /// Colleagues who look at it.
    here: Vec<String>,
    blocked: bool,
    is_shut: bool,
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
        shut: wish.show == "shut",
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
    let colleagues = Colleagues::of(console, me).await?;
    let row = |chat: &Chat| {
        let said = last.get(&chat.conversation);
        let (side, words) = said.map(preview).unwrap_or_default();
        let at = said.map(|event| event.timestamp).or(chat.wrote_at);
        Row {
            id: chat.conversation.as_str().to_owned(),
            link: link(&chat.conversation),
            name: name_of(view, chat),
            channel: chat.conversation.channel().to_owned(),
            side,
            last: words,
            at: at.map(|at| view.at(at)).unwrap_or_default(),
            staff: chat.staff.clone(),
            waits: chat.waiting_since.map(|since| view.ago(since)),
            reason: chat.reason.clone(),
            assigned: chat.assigned == Some(me.member.id),
            here: colleagues.at(&chat.conversation).to_vec(),
            blocked: chat.blocked,
            is_shut: chat.is_shut,
        }
    };
    Ok((chats.iter().map(row).collect(), more))
}

/// What a customer is called: the name, the public name, the phone, the end of the id.
pub(crate) fn name_of(view: &View<'_>, chat: &Chat) -> String {
    let named = |name: &Option<String>| name.clone().filter(|name| !name.trim().is_empty());
    named(&chat.name)
        .or_else(|| named(&chat.username))
        .or_else(|| named(&chat.phone).map(|phone| view.phone(&phone)))
        .unwrap_or_else(|| tail(chat.conversation.peer()))
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
pub(crate) async fn open(talk: Talk, Query(wish): Query<Wish>) -> Result<Html<String>, Refusal> {
    let (console, me) = (&talk.console, &talk.me);
    let view = View::of(console, me).await;
    let (conversation, who) = (&talk.chat.conversation, &me.member.name);
    let store = console.store();
    store.note_look(conversation, who, view.now).await?;
    let wish = Wish {
        chat: talk.chat.conversation.as_str().to_owned(),
        ..wish
    };
    let list = listed(console, &view, me, &wish).await?;
    let here = presence::note(console, me, &talk.chat.conversation, Some(Does::Looks));
    here.await.unwrap_or_default();
    let (events, sought) = told(console, &talk.chat, wish.at).await?;
    let shown = shown(console, &view, me, &talk.chat, &events, sought).await?;
    // What helps is about now, also where an old place is shown.
    let newest = match wish.at {
        Some(_) => told(console, &talk.chat, None).await?.0,
        None => events,
    };
    let help = crate::copilot::help(console, &view, &talk.chat, &newest, false).await?;
    let page = context! { ..shown, ..context! { ..list, ..help } };
    view.page("chat.html", "inbox", page).await
}

/// `GET /console/chats/{chat}/lines`: what was said, and who has it, alone.
pub(crate) async fn lines(talk: Talk, Query(wish): Query<Wish>) -> Result<Html<String>, Refusal> {
    let view = View::of(&talk.console, &talk.me).await;
    let (console, chat) = (&talk.console, &talk.chat);
    let (store, who) = (console.store(), &talk.me.member.name);
    store.note_look(&chat.conversation, who, view.now).await?;
    let (events, sought) = told(console, chat, wish.at).await?;
    let shown = shown(console, &view, &talk.me, chat, &events, sought).await?;
    Ok(view.part("lines.html", shown)?)
}

/// What was said last, or around a place in the journal, and the event that stands there.
async fn told(
    console: &Shared,
    chat: &Chat,
    at: Option<i64>,
) -> Result<(Vec<Event>, Option<Uuid>), Refusal> {
    let (store, conversation) = (console.store(), &chat.conversation);
    let Some(at) = at else {
        return Ok((store.events_of(conversation, LINES).await?, None));
    };
    let events = store.events_around(conversation, at, LINES / 2).await?;
    let sought = events.iter().find(|(position, _)| *position == at);
    let sought = sought.map(|(_, event)| event.event_id);
    Ok((events.into_iter().map(|(_, event)| event).collect(), sought))
}

/// `GET …/record`: the whole chat as the journal has it, under the seal of the firm.
pub(crate) async fn record(talk: Talk) -> Result<Response, Refusal> {
    let store = talk.console.store();
    let (conversation, who) = (&talk.chat.conversation, &talk.me.member.name);
    let record = store.record_of(conversation, who, talk.now).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"record.jsonl\"",
        ),
    ];
    Ok((headers, record.ok_or(Refusal::Unknown)?).into_response())
}

async fn shown(
    console: &Shared,
    view: &View<'_>,
    me: &Me,
    chat: &Chat,
    events: &[Event],
    sought: Option<Uuid>,
) -> Result<Value, Refusal> {
    let mut events = events.to_vec();
    let read = hush::overhear(&*console.sessions, &chat.conversation, &mut events).await;
    if let Err(error) = read {
        debug!(error = %causes(&error), "Words that are not kept cannot be shown");
    }
    let store = console.store();
    let conversation = &chat.conversation;
    let versions = Versions {
        knowledge: store.version_times(Shelf::Knowledge).await?,
        settings: store.version_times(Shelf::Settings).await?,
    };
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
    let files = store.files_of(conversation, LINES).await?;
    let colleagues = Colleagues::of(console, me).await?;
    let people = store.staff().await?;
    let people = people.iter().filter(|one| one.disabled_at.is_none());
    let people = people.map(|one| (one.id.to_string(), one.name.as_str()));
    Ok(context! {
        chat => context! {
            id => conversation.as_str(),
            link => link(conversation),
            name => name_of(view, chat),
            channel => conversation.channel(),
            phone => chat.phone.as_deref().map(|phone| view.phone(phone)),
            username => chat.username.as_deref(),
            staff => chat.staff.as_deref(),
            mine => chat.staff.as_deref() == Some(&me.member.name),
            waits => chat.waiting_since.map(|since| view.ago(since)),
            reason => chat.reason.as_deref(),
            assigned => chat.assigned.map(|id| id.to_string()),
            snoozed => chat.snoozed_until.map(|until| view.at(until)),
            blocked => chat.blocked,
            shut => chat.is_shut,
            customer => link(conversation).replace("/chats/", "/customers/"),
            consent => store.consent(conversation).await?,
            manages => me.member.role >= Role::Manager,
        },
        past => sought.is_some(),
        lines => Value::from(Serde(lines_of(view, &events, &files, &versions, sought))),
        visits => visits.iter().take(5).map(visit).collect::<Vec<_>>(),
        drafts => drafts.map(|draft| crate::drafts::card(view, draft)).collect::<Vec<_>>(),
        people => Value::from(Serde(people.collect::<Vec<_>>())),
        here => colleagues.shown(conversation),
        key => Uuid::new_v4().to_string(),
    })
}

/// Whether our script asks, which wants no page.
pub(crate) fn is_scripted(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT);
    accepted.is_some_and(|accepted| accepted == "application/json")
}

/// A chat in which somebody does something.
pub(crate) struct Talk {
    pub(crate) console: Console,
    pub(crate) me: Me,
    pub(crate) chat: Chat,
    now: DateTime<Utc>,
    pub(crate) scripted: bool,
}

impl FromRequestParts<Console> for Talk {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Refusal> {
        let path = Path::<String>::from_request_parts(parts, console).await;
        let Path(chat) = path.map_err(|_| Refusal::Unknown)?;
        // The guard has let nobody else in.
        let me = parts.extensions.get::<Me>().cloned();
        let now = console.clock().now();
        Ok(Self {
            me: me.ok_or(Refusal::Forbidden)?,
            chat: found(console, &chat, now).await?,
            console: console.clone(),
            now,
            scripted: is_scripted(&parts.headers),
        })
    }
}

/// Something that a person does, under a key that the page chose.
#[derive(Debug, Deserialize)]
pub(crate) struct Deed {
    key: Uuid,
    #[serde(default)]
    text: String,
    /// Although somebody else has the chat.
    #[serde(default)]
    over: bool,
}

impl Talk {
    /// What the person does, as it goes into the queue.
    fn deed(&self, form: &Deed, what: What) -> Inbound {
        let name = match &what {
            What::Staff { text: None, .. } => "take",
            what => what.name(),
        };
        let over = if form.over { "over" } else { "" };
        let id = self.me.deed(form.key, &[name, over, form.text.trim()]);
        Inbound {
            id: id.to_string(),
            conversation: self.chat.conversation.clone(),
            at: self.now,
            received_at: self.now,
            profile: Profile::default(),
            what,
            raw: None,
            trace: TraceParent::start(),
        }
    }

    /// Gives the chat to the person. Not where somebody else has it, unless it is taken over knowingly.
    async fn own(&self, cause: &str, over: bool) -> Result<(), Refusal> {
        let (who, until) = (
            self.me.member.name.clone(),
            self.now + self.console.takeover,
        );
        let to = if over {
            NewOwner::Staff { who, until }
        } else {
            NewOwner::StaffIfFree { who, until }
        };
        let change = OwnershipChange {
            cause: cause.to_owned(),
            at: self.now,
            to,
        };
        let store = self.console.store();
        let owner = store.change_ownership(&self.chat.conversation, &change);
        match owner.await?.staff {
            Some(other) if other != self.me.member.name => Err(Refusal::Taken(other)),
            _ => Ok(()),
        }
    }

    /// Back to the chat: a page for a browser without our script, nothing for the script.
    pub(crate) fn done(&self) -> Response {
        if self.scripted {
            StatusCode::NO_CONTENT.into_response()
        } else {
            Redirect::to(&link(&self.chat.conversation)).into_response()
        }
    }
}

fn arrival(inbound: Inbound, ownership: Option<OwnershipChange>) -> Arrival {
    let inbound = Box::new(inbound);
    Arrival::Inbound { inbound, ownership }
}

/// `POST …/take`
pub(crate) async fn take(talk: Talk, Form(form): Form<Deed>) -> Result<Response, Refusal> {
    let what = What::Staff {
        who: talk.me.member.name.clone(),
        text: None,
        delivered: true,
    };
    let inbound = talk.deed(&form, what);
    to_the_end(async move {
        talk.own(&inbound.id, form.over).await?;
        talk.console
            .intake
            .accept(vec![arrival(inbound, None)])
            .await?;
        Ok(talk.done())
    })
    .await
}

/// `POST …/say`: the customer reads it, and the bot keeps silent.
pub(crate) async fn say(talk: Talk, Form(form): Form<Deed>) -> Result<Response, Refusal> {
    let text = form.text.replace("\r\n", "\n");
    let text = text.trim();
    if text.is_empty() {
        return Err(Refusal::Bad("say-nothing"));
    }
    if text.chars().count() > LONGEST {
        return Err(Refusal::Bad("say-long"));
    }
    let who = &talk.me.member.name;
    let what = What::Staff {
        who: who.clone(),
        text: Some(text.to_owned()),
        // The staff's group in a messenger has not seen it.
        delivered: true,
    };
    let inbound = talk.deed(&form, what);
    let id = ids::derive(&["console says", &inbound.id]);
    let to = talk.chat.conversation.clone();
    let words = Outbound::by_staff(id, to, text, Some(who), talk.now);
    to_the_end(async move {
        talk.own(&inbound.id, form.over).await?;
        let words = Arrival::Outbound(Box::new(words));
        let arrivals = vec![arrival(inbound, None), words];
        talk.console.intake.accept(arrivals).await?;
        Ok(talk.done())
    })
    .await
}

/// `POST …/back`: the bot goes on.
pub(crate) async fn give_back(talk: Talk, Form(form): Form<Deed>) -> Result<Response, Refusal> {
    let what = What::Handback {
        who: talk.me.member.name.clone(),
    };
    let inbound = talk.deed(&form, what);
    let change = OwnershipChange {
        cause: inbound.id.clone(),
        at: talk.now,
        to: NewOwner::Bot,
    };
    to_the_end(async move {
        let arrivals = vec![arrival(inbound, Some(change))];
        talk.console.intake.accept(arrivals).await?;
        let store = talk.console.store();
        let (conversation, now) = (&talk.chat.conversation, talk.now);
        store.close_escalation(conversation, now).await?;
        Ok(talk.done())
    })
    .await
}

/// `POST …/note`: for colleagues, the customer never sees it.
pub(crate) async fn note(talk: Talk, Form(form): Form<Deed>) -> Result<Response, Refusal> {
    let text = form.text.trim();
    if text.is_empty() {
        return Err(Refusal::Bad("say-nothing"));
    }
    let what = What::Note {
        who: talk.me.member.name.clone(),
        text: text.chars().take(LONGEST).collect(),
    };
    let note = arrival(talk.deed(&form, what), None);
    talk.console.intake.accept(vec![note]).await?;
    Ok(talk.done())
}

/// To whom a chat is given.
#[derive(Debug, Deserialize)]
pub(crate) struct Assignment {
    #[serde(default)]
    to: String,
}

/// `POST …/assign`
pub(crate) async fn assign(talk: Talk, Form(form): Form<Assignment>) -> Result<Response, Refusal> {
    let store = talk.console.store();
    let to = match form.to.as_str() {
        "" => None,
        id => {
            let id = id.parse().map_err(|_| Refusal::Unknown)?;
            store.staff_member(id).await?.ok_or(Refusal::Unknown)?;
            Some(id)
        }
    };
    store.assign_chat(&talk.chat.conversation, to).await?;
    journalled(&talk.console, &talk.me.member, "assign", Some(&form.to)).await?;
    Ok(talk.done())
}

/// For how long a chat is put aside.
#[derive(Debug, Deserialize)]
pub(crate) struct Pause {
    minutes: u16,
}

/// `POST …/snooze`: it comes back by itself, earlier when the customer writes.
pub(crate) async fn snooze(talk: Talk, Form(form): Form<Pause>) -> Result<Response, Refusal> {
    let minutes = TimeDelta::minutes(form.minutes.into());
    let until = (form.minutes > 0).then(|| talk.now + minutes);
    let store = talk.console.store();
    let conversation = &talk.chat.conversation;
    store.snooze_chat(conversation, until, talk.now).await?;
    journalled(&talk.console, &talk.me.member, "snooze", None).await?;
    Ok(talk.done())
}
