//! Customers: one page for each person, whatever she writes from, and what the law lets her ask for.

use std::collections::BTreeSet;

use axum::extract::{Extension, Form, FromRequestParts, Path, Query, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{DateTime, Utc};
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zapis_core::erasure::{EraseError, Eraser, sessions_of};
use zapis_core::event::{Event, Kind, Seen};
use zapis_core::ids;
use zapis_core::message::{ConversationId, Profile};
use zapis_core::store::{
    Begun, Booking, Chat, Lookalike, Merge, NewOwner, OwnershipChange, Person, Receipt, Role,
    Status,
};

use crate::chats::{LINES, name_of};
use crate::door::Me;
use crate::page::{View, link};
use crate::refusal::Refusal;
use crate::{Console, Shared, to_the_end};

/// How many customers a page of the list has.
const PAGE: u32 = 40;
/// How many proposed duplicates are shown.
const PROPOSED: usize = 20;
/// How many looks are shown.
const LOOKS: u32 = 100;
/// What an owner types to erase a customer, in either language.
const WORDS: [&str; 2] = ["стереть", "erase"];
/// What is done to a customer's data, as the journal names it.
const DEEDS: [&str; 7] = [
    "block",
    "unblock",
    "merge",
    "unmerge",
    "export",
    "no_advertising",
    "advertising",
];

/// Where the page of a customer is.
pub(crate) fn page_of(conversation: &ConversationId) -> String {
    link(conversation).replace("/chats/", "/customers/")
}

/// A customer in the list.
#[derive(Serialize)]
struct Row {
    link: String,
    name: String,
    phone: Option<String>,
    channels: Vec<String>,
    last: String,
    visits: usize,
    no_shows: usize,
    is_shut: bool,
}

/// What is looked for.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wish {
    #[serde(default)]
    q: String,
    #[serde(default)]
    page: u32,
}

/// `GET /console/customers`
pub(crate) async fn list(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Query(wish): Query<Wish>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    let store = console.store();
    let skip = wish.page.saturating_mul(PAGE);
    let mut found = store
        .customers(&wish.q, &console.desks, skip, PAGE + 1)
        .await?;
    let more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    let (mut rows, mut shown) = (Vec::new(), BTreeSet::new());
    for conversation in found {
        if shown.contains(&conversation) {
            continue;
        }
        let customer = Customer::of(&console, &view, &me, &conversation).await?;
        shown.extend(customer.person.conversations.iter().cloned());
        rows.push(customer.row(&view));
    }
    let proposed = if wish.q.is_empty() && wish.page == 0 {
        proposals(&console, &view, &store.lookalikes(PROPOSED).await?).await?
    } else {
        Vec::new()
    };
    let what = context! {
        customers => Value::from(Serde(rows)),
        proposed,
        q => wish.q.as_str(),
        page => wish.page,
        more,
    };
    view.page("customers.html", "customers", what).await
}

/// Persons who may be one, with what speaks for it.
async fn proposals(
    console: &Shared,
    view: &View<'_>,
    lookalikes: &[Lookalike],
) -> Result<Vec<Value>, Refusal> {
    let mut proposed = Vec::new();
    for pair in lookalikes {
        let named = async |conversation: &ConversationId| {
            let chat = console.store().chat(conversation, view.now).await?;
            let name = chat
                .as_ref()
                .map(|chat| name_of(view, chat))
                .unwrap_or_default();
            Ok::<_, Refusal>(context! {
                id => conversation.as_str(),
                link => page_of(conversation),
                channel => conversation.channel(),
                name,
            })
        };
        proposed.push(context! {
            one => named(&pair.one).await?,
            other => named(&pair.other).await?,
            evidence => pair.evidence.as_str(),
        });
    }
    Ok(proposed)
}

/// One person with her chats and visits.
struct Customer {
    person: Person,
    chats: Vec<Chat>,
    visits: Vec<Booking>,
}

impl Customer {
    async fn of(
        console: &Shared,
        view: &View<'_>,
        me: &Me,
        conversation: &ConversationId,
    ) -> Result<Self, Refusal> {
        let store = console.store();
        let conversations = store.conversations_of(conversation).await?;
        let mut chats = Vec::new();
        for one in &conversations {
            chats.extend(store.chat(one, view.now).await?);
        }
        chats.sort_by_key(|chat| std::cmp::Reverse(chat.wrote_at));
        let phones = chats.iter().filter_map(|chat| chat.phone.clone());
        let phones: BTreeSet<String> = phones.collect();
        let person = Person {
            conversations,
            phones: phones.into_iter().collect(),
        };
        let mut visits = store
            .visits_of(&person.conversations, &person.phones)
            .await?;
        visits.retain(|visit| crate::visits::is_seen_by(visit, me));
        Ok(Self {
            person,
            chats,
            visits,
        })
    }

    fn row(&self, view: &View<'_>) -> Row {
        let newest = self.chats.first();
        let count = |fits: fn(&Booking) -> bool| self.visits.iter().filter(|one| fits(one)).count();
        Row {
            link: newest
                .map(|chat| page_of(&chat.conversation))
                .unwrap_or_default(),
            name: newest.map(|chat| name_of(view, chat)).unwrap_or_default(),
            phone: self.person.phones.first().map(|phone| view.phone(phone)),
            channels: self.channels(),
            last: newest
                .and_then(|chat| chat.wrote_at)
                .map(|at| view.at(at))
                .unwrap_or_default(),
            visits: count(|visit| !visit.status.is_cancelled()),
            no_shows: count(|visit| visit.status == Status::NoShow),
            is_shut: self.chats.iter().any(|chat| chat.is_shut),
        }
    }

    fn channels(&self) -> Vec<String> {
        let channels = self
            .chats
            .iter()
            .map(|chat| chat.conversation.channel().to_owned());
        let channels: BTreeSet<String> = channels.collect();
        channels.into_iter().collect()
    }
}

/// A customer with whom something is done.
pub(crate) struct Case {
    console: Console,
    me: Me,
    conversation: ConversationId,
    now: DateTime<Utc>,
}

impl FromRequestParts<Console> for Case {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Refusal> {
        let path = Path::<String>::from_request_parts(parts, console).await;
        let Path(id) = path.map_err(|_| Refusal::Unknown)?;
        let conversation: ConversationId = id.parse().map_err(|_| Refusal::Unknown)?;
        let now = console.clock().now();
        if console.store().chat(&conversation, now).await?.is_none() {
            return Err(Refusal::Unknown);
        }
        Ok(Self {
            // The guard has let nobody else in.
            me: parts
                .extensions
                .get::<Me>()
                .cloned()
                .ok_or(Refusal::Forbidden)?,
            console: console.clone(),
            conversation,
            now,
        })
    }
}

impl Case {
    /// What was done to whom, for the journal.
    fn event(&self, conversation: &ConversationId, kind: Kind, action: &str) -> Event {
        let mut event = Event::new(Uuid::new_v4(), kind, self.now).about(conversation);
        event.staff_id = Some(self.me.member.name.clone());
        event.action = Some(action.to_owned());
        event.outcome = Some("done".to_owned());
        event
    }

    async fn journal(&self, action: &str) -> Result<(), Refusal> {
        let event = self.event(&self.conversation, Kind::System, action);
        Ok(self.console.store().journal(&[event], &[]).await?)
    }

    fn back(&self) -> Response {
        Redirect::to(&page_of(&self.conversation)).into_response()
    }
}

/// `GET /console/customers/{chat}`
pub(crate) async fn open(case: Case) -> Result<Html<String>, Refusal> {
    shown(&case, None).await
}

async fn shown(case: &Case, problem: Option<&str>) -> Result<Html<String>, Refusal> {
    let (console, me) = (&case.console, &case.me);
    let view = View::of(console, me).await;
    let customer = Customer::of(console, &view, me, &case.conversation).await?;
    let store = console.store();
    let all = &customer.person.conversations;
    let mut chats = Vec::new();
    let mut events: Vec<Event> = Vec::new();
    let mut waiting = Vec::new();
    for chat in &customer.chats {
        store
            .note_look(&chat.conversation, &me.member.name, case.now)
            .await?;
        chats.push(chat_shown(console, &view, chat).await?);
        events.extend(store.events_of(&chat.conversation, LINES).await?);
        waiting.extend(store.waiting_of(&chat.conversation).await?);
    }
    events.sort_by_key(|event| std::cmp::Reverse(event.timestamp));
    let deeds = events.iter().filter(|event| {
        let action = event.action.as_deref().unwrap_or_default();
        event.staff_id.is_some() && DEEDS.contains(&action)
    });
    let deed = |event: &Event| {
        context! {
            at => view.at(event.timestamp),
            who => event.staff_id.as_deref(),
            what => event.action.as_deref(),
        }
    };
    let stars = events.iter().filter(|event| event.kind == Kind::Rating);
    let stars: Vec<&str> = stars.filter_map(|event| event.outcome.as_deref()).collect();
    let lookalikes = store.lookalikes_of(all, PROPOSED).await?;
    let looks = if me.member.role >= Role::Owner {
        store.looks_at(all, LOOKS).await?
    } else {
        Vec::new()
    };
    let look = |look: &zapis_core::store::Look| context! { at => view.at(look.at), who => look.staff.as_str() };
    let enquiries = store.enquiries_of(all).await?;
    let enquiry = |one: &zapis_core::store::Enquiry| {
        context! {
            at => view.at(one.opened_at),
            open => one.closed_at.is_none(),
            record => one.record.as_deref(),
            stage => one.state["stage"].as_str(),
        }
    };
    let refuses = refuses_advertising(console, all).await?;
    let what = context! {
        link => page_of(&case.conversation),
        id => case.conversation.as_str(),
        row => Value::from(Serde(customer.row(&view))),
        chats,
        phones => customer.person.phones.iter().map(|phone| view.phone(phone)).collect::<Vec<_>>(),
        visits => customer.visits.iter().rev().map(|one| visit_shown(&view, one)).collect::<Vec<_>>(),
        enquiries => enquiries.iter().map(enquiry).collect::<Vec<_>>(),
        stars => stars.join(", "),
        waits => waiting.iter().map(|one| context! { said => one.said.as_str(), at => view.at(one.created_at) }).collect::<Vec<_>>(),
        merges => store.merges_of(all).await?.iter().map(|one| merge_shown(&view, one)).collect::<Vec<_>>(),
        proposed => proposals(console, &view, &lookalikes).await?,
        deeds => deeds.map(deed).collect::<Vec<_>>(),
        looks => looks.iter().map(look).collect::<Vec<_>>(),
        refuses,
        shut => store.blocked(&case.conversation).await?.map(|(at, who)| context! { at => view.at(at), who }),
        word => WORDS[usize::from(view.language().code() == "en")],
        problem,
        key => Uuid::new_v4().to_string(),
    };
    view.page("customer.html", "customers", what).await
}

async fn refuses_advertising(
    console: &Shared,
    conversations: &[ConversationId],
) -> Result<bool, Refusal> {
    for conversation in conversations {
        if console
            .store()
            .known(conversation)
            .await?
            .no_advertising
            .is_some()
        {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn chat_shown(console: &Shared, view: &View<'_>, chat: &Chat) -> Result<Value, Refusal> {
    let consents = console.store().consents_of(&chat.conversation).await?;
    let consent = |(version, at): &(String, DateTime<Utc>)| {
        context! { version => version.as_str(), at => view.at(*at) }
    };
    Ok(context! {
        link => link(&chat.conversation),
        channel => chat.conversation.channel(),
        name => name_of(view, chat),
        username => chat.username.as_deref(),
        phone => chat.phone.as_deref().map(|phone| view.phone(phone)),
        at => chat.wrote_at.map(|at| view.at(at)),
        blocked => chat.blocked,
        consents => consents.iter().map(consent).collect::<Vec<_>>(),
    })
}

fn visit_shown(view: &View<'_>, booking: &Booking) -> Value {
    let starts = booking.visit.starts_at();
    let at = starts.with_timezone(&view.zone);
    let services = booking.visit.items.iter().map(|item| item.service.clone());
    context! {
        at => at.format("%d.%m.%Y %H:%M").to_string(),
        ahead => starts > view.now,
        services => services.collect::<Vec<_>>(),
        status => booking.status.name(),
    }
}

fn merge_shown(view: &View<'_>, merge: &Merge) -> Value {
    let undone = merge.undone.as_ref();
    context! {
        id => merge.id.to_string(),
        one => merge.conversation.channel(),
        other => merge.joined.channel(),
        evidence => merge.evidence.as_str(),
        who => merge.who.as_str(),
        at => view.at(merge.at),
        undone => undone.map(|(at, who)| context! { at => view.at(*at), who => who.as_str() }),
    }
}

/// With whom a customer is one.
#[derive(Debug, Deserialize)]
pub(crate) struct Other {
    other: String,
    #[serde(default)]
    evidence: String,
}

/// `POST …/merge`
pub(crate) async fn merge(case: Case, Form(form): Form<Other>) -> Result<Response, Refusal> {
    let store = case.console.store();
    let other: ConversationId = form.other.trim().parse().map_err(|_| Refusal::Unknown)?;
    store
        .chat(&other, case.now)
        .await?
        .ok_or(Refusal::Unknown)?;
    let known = ["phone", "name", "crm"];
    let evidence = form.evidence.split(' ').filter(|one| known.contains(one));
    let evidence = evidence.collect::<Vec<_>>().join(" ");
    let who = &case.me.member.name;
    store
        .merge_customers(&case.conversation, &other, &evidence, who, case.now)
        .await?;
    case.journal("merge").await?;
    Ok(case.back())
}

/// Which merge is taken back.
#[derive(Debug, Deserialize)]
pub(crate) struct Which {
    id: Uuid,
}

/// `POST …/undo`
pub(crate) async fn undo(case: Case, Form(form): Form<Which>) -> Result<Response, Refusal> {
    let who = &case.me.member.name;
    let undone = case
        .console
        .store()
        .undo_merge(form.id, who, case.now)
        .await?;
    if undone.is_some() {
        case.journal("unmerge").await?;
    }
    Ok(case.back())
}

/// Whether something holds from now on.
#[derive(Debug, Deserialize)]
pub(crate) struct Switch {
    on: bool,
    #[serde(default)]
    key: Uuid,
    /// `chat` where it was done in a chat.
    #[serde(default)]
    back: String,
}

/// `POST …/advertising`: on all her channels, as if she had said so.
pub(crate) async fn advertising(case: Case, Form(form): Form<Switch>) -> Result<Response, Refusal> {
    let store = case.console.store();
    let action = if form.on {
        "advertising"
    } else {
        "no_advertising"
    };
    for conversation in store.conversations_of(&case.conversation).await? {
        let event = case.event(&conversation, Kind::Optout, action);
        let seen = Seen {
            conversation,
            at: case.now,
            wrote: false,
            profile: Profile::default(),
            reachable: None,
            advertising: Some(form.on),
        };
        store.journal(&[event], &[seen]).await?;
    }
    Ok(case.back())
}

/// `POST …/block`: the bot says nothing to her on any channel, or speaks again.
pub(crate) async fn block(case: Case, Form(form): Form<Switch>) -> Result<Response, Refusal> {
    to_the_end(async move {
        let store = case.console.store();
        let who = case.me.member.name.clone();
        let action = if form.on { "block" } else { "unblock" };
        for conversation in store.conversations_of(&case.conversation).await? {
            let deed = case
                .me
                .deed(form.key, &[action, conversation.as_str()])
                .to_string();
            let to = if form.on {
                NewOwner::Blocked { who: who.clone() }
            } else {
                NewOwner::Unblocked
            };
            let change = OwnershipChange {
                cause: deed.clone(),
                at: case.now,
                to,
            };
            store.change_ownership(&conversation, &change).await?;
            if form.on {
                store.close_escalation(&conversation, case.now).await?;
                store.supersede_drafts(&conversation, &deed).await?;
            }
            let mut event = case.event(&conversation, Kind::System, action);
            event.event_id = ids::derive(&["blocked", &deed]);
            store.journal(&[event], &[]).await?;
        }
        Ok(if form.back == "chat" {
            Redirect::to(&link(&case.conversation)).into_response()
        } else {
            case.back()
        })
    })
    .await
}

/// `GET …/export`: everything that is stored about her, as a file.
pub(crate) async fn export(case: Case) -> Result<Response, Refusal> {
    let store = case.console.store();
    let person = store
        .person_of(&case.conversation)
        .await?
        .ok_or(Refusal::Unknown)?;
    let mut told = store.export_person(&person).await?;
    told["exported_at"] = serde_json::json!(case.now);
    told["sessions"] = sessions_of(&*case.console.sessions, &person).await?;
    case.journal("export").await?;
    let text = serde_json::to_string_pretty(&told).unwrap_or_default();
    let headers = [
        (header::CONTENT_TYPE, "application/json; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"person.json\"",
        ),
    ];
    Ok((headers, text).into_response())
}

/// What an owner typed to be sure.
#[derive(Debug, Deserialize)]
pub(crate) struct Sure {
    #[serde(default)]
    word: String,
    #[serde(default)]
    cancel_visits: bool,
}

/// `POST …/erase`
pub(crate) async fn erase(case: Case, Form(form): Form<Sure>) -> Result<Response, Refusal> {
    let word = form.word.trim().to_lowercase();
    if !WORDS.contains(&word.as_str()) {
        return Ok(shown(&case, Some("erase-word")).await?.into_response());
    }
    to_the_end(async move {
        let store = case.console.store();
        let person = store
            .person_of(&case.conversation)
            .await?
            .ok_or(Refusal::Unknown)?;
        let who = &case.me.member.name;
        let begun = store
            .begin_erasure(&person, who, form.cancel_visits, case.now)
            .await?;
        let Begun::Begun(id) = begun else {
            return Ok(shown(&case, Some("erase-visits")).await?.into_response());
        };
        let eraser = Eraser {
            store,
            sessions: &*case.console.sessions,
            queue: Some(case.console.intake.queue()),
            desks: &case.console.desks,
            clock: case.console.clock(),
        };
        if let Err(error) = eraser.finish().await {
            // Another's that fails is none of hers.
            let open = store.open_erasures().await?;
            if open.iter().any(|one| one.id == id) {
                return Err(error.into());
            }
        }
        case.console.shelf.forget(&person.conversations);
        Ok(Redirect::to("/console/erasures").into_response())
    })
    .await
}

impl From<EraseError> for Refusal {
    fn from(error: EraseError) -> Self {
        match error {
            EraseError::Store(error) => error.into(),
            EraseError::Sessions(error) => error.into(),
            EraseError::Queue(error) => Self::Intake(error.into()),
        }
    }
}

/// `GET /console/erasures`: receipts.
pub(crate) async fn erasures(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    let receipts = console.store().receipts().await?;
    let receipt = |one: &Receipt| {
        context! {
            id => one.id.to_string(),
            begun => view.at(one.begun_at),
            who => one.begun_by.as_str(),
            ended => one.ended_at.map(|at| view.at(at)),
            deleted => Value::from(Serde(&one.deleted)),
            kept => Value::from(Serde(&one.kept)),
            sessions => one.sessions,
            crm => Value::from(Serde(&one.crm)),
            channels => Value::from(Serde(&one.channels)),
            exports => Value::from(Serde(&one.exports)),
        }
    };
    let what = context! { receipts => receipts.iter().map(receipt).collect::<Vec<_>>() };
    view.page("erasures.html", "customers", what).await
}
