//! What helps a person to answer: what the knowledge says, the next step, what it is about, who the customer is.
//! Nothing of it is sent by itself: a suggestion goes into the field, and a person sends it.

use axum::extract::{Extension, Form, Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::DateTime;
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zapis_core::event::{Event, Kind};
use zapis_core::ids;
use zapis_core::message::{Author, Line, Profile};
use zapis_core::store::{Booking, CannedReply, Chat, Status, StoreError, Whose};
use zapis_workers::answer::Thought;
use zapis_workers::book::{Asker, Calendar, Wish, WishItem, spread};
use zapis_workers::business::Business;
use zapis_workers::content::Content;
use zapis_workers::dialogue::Tryout;
use zapis_workers::knowledge::{Asked, OFFER_FROM};
use zapis_workers::rehearsal::is_words;
use zapis_workers::understand::{Intent, Meaning, Understanding, topics};
use zapis_workers::when;

use crate::chats::{LINES, Talk};
use crate::door::{Me, note};
use crate::page::View;
use crate::refusal::Refusal;
use crate::visits::book;
use crate::{Console, Shared};

/// How many passages of the knowledge are offered beside the bot's own answer.
const NEAR: usize = 2;
/// How many free times are offered.
const TIMES: usize = 3;
/// Of how many.
const FOUND: usize = 60;
/// The longest line of a summary.
const LINE: usize = 160;
/// The longest title and the longest canned reply.
const LONGEST_TITLE: usize = 60;
const LONGEST: usize = 4_000;

/// What a person could answer.
#[derive(Debug, Serialize)]
struct Suggestion {
    text: String,
    /// Where it is from.
    sources: Vec<String>,
}

/// What to do next: the key of the words, what they tell, and what can be put into the field.
#[derive(Debug, Serialize)]
struct Step {
    key: &'static str,
    tells: String,
    text: Option<String>,
}

/// Who the customer is to the firm.
#[derive(Debug, Default, Serialize)]
struct Card {
    came: usize,
    no_shows: usize,
    ahead: usize,
    stars: Vec<String>,
    lead: Option<String>,
}

/// `GET /console/chats/{chat}/help`
pub(crate) async fn show(talk: Talk) -> Result<Html<String>, Refusal> {
    let view = View::of(&talk.console, &talk.me).await;
    let events = events(&talk.console, &talk.chat).await?;
    let help = help(&talk.console, &view, &talk.chat, &events, false).await?;
    Ok(view.part("help.html", help)?)
}

/// `POST /console/chats/{chat}/suggest`: the same, and a language model words the answer.
pub(crate) async fn suggest(talk: Talk) -> Result<Response, Refusal> {
    if !talk.scripted {
        return Ok(talk.done());
    }
    let view = View::of(&talk.console, &talk.me).await;
    let events = events(&talk.console, &talk.chat).await?;
    let help = help(&talk.console, &view, &talk.chat, &events, true).await?;
    Ok(view.part("help.html", help)?.into_response())
}

async fn events(console: &Shared, chat: &Chat) -> Result<Vec<Event>, StoreError> {
    console.store().events_of(&chat.conversation, LINES).await
}

/// Everything that helps with a chat. Without the knowledge there is still the rest.
pub(crate) async fn help(
    console: &Shared,
    view: &View<'_>,
    chat: &Chat,
    events: &[Event],
    by_model: bool,
) -> Result<Value, Refusal> {
    let pending = Pending::of(events);
    let (mut suggestions, mut steps, mut worded) = (Vec::new(), Vec::new(), false);
    if let (Some(pending), Ok(content)) = (&pending, console.content()) {
        let text = &pending.question(&content);
        let understood = content.understander.understand(text);
        let model = console.generator.clone().filter(|_| by_model);
        let bot = Tryout::new(content.clone(), console.autonomy.clone()).with_model(model);
        let profile = Profile {
            name: chat.name.clone(),
            username: chat.username.clone(),
            ..Profile::default()
        };
        let lines = pending.transcript(events, text);
        let thought = bot
            .hears(&chat.conversation, &profile, text, &lines, view.now)
            .await?;
        let models = &thought.facts.models;
        worded = models.iter().any(|used| used.outcome == "sent");
        suggestions.extend(suggestion(&thought));
        near(&mut suggestions, &content, &understood, text, view);
        steps = next(console, view, chat, &content, &understood, text).await?;
    }
    let canned = console.store().canned_replies().await?;
    let canned = canned.into_iter().map(|reply| {
        let text = addressed(&reply.text, chat.name.as_deref());
        context! { title => reply.title, text }
    });
    let link = crate::page::link(&chat.conversation);
    let has_model = console.generator.is_some() && pending.is_some();
    Ok(context! {
        suggestions => Value::from(Serde(suggestions)),
        steps => Value::from(Serde(steps)),
        summary => Value::from(Serde(summary(view, chat, events))),
        card => Value::from(Serde(card(console, view, chat, events).await?)),
        canned => canned.collect::<Vec<_>>(),
        asks_model => has_model && !by_model,
        worded,
        unworded => by_model && !worded,
        pending => pending.map(|pending| ids::derive(&[&pending.words.join("\n")]).to_string()),
        help_link => format!("{link}/help"),
        suggest_link => format!("{link}/suggest"),
    })
}

/// What the customer has written since somebody last answered.
struct Pending {
    /// The first of it among the events.
    from: usize,
    words: Vec<String>,
}

impl Pending {
    fn of(events: &[Event]) -> Option<Self> {
        let answered = |event: &Event| match event.kind {
            Kind::Takeover => event.bot_response.is_some(),
            // "I shall ask" is no answer.
            Kind::Turn => {
                let waits = matches!(event.action.as_deref(), Some("handoff" | "draft"));
                event.bot_response.is_some() && !waits
            }
            Kind::Draft => matches!(event.outcome.as_deref(), Some("sent" | "edited")),
            _ => false,
        };
        let from = events.iter().rposition(answered).map_or(0, |at| at + 1);
        let words = events[from..].iter().filter(|event| is_words(event));
        let words: Vec<String> = words
            .filter_map(|event| event.customer_text.clone())
            .collect();
        (!words.is_empty()).then_some(Self { from, words })
    }

    /// What there is to answer: whoever wanted a person as well has one now.
    fn question(&self, content: &Content) -> String {
        let wants = |words: &&String| !content.understander.understand(words).asks_human;
        let asked: Vec<&str> = self
            .words
            .iter()
            .filter(wants)
            .map(String::as_str)
            .collect();
        if asked.is_empty() {
            self.words.join("\n")
        } else {
            asked.join("\n")
        }
    }

    /// The conversation before it, and then the question as one line.
    fn transcript(&self, events: &[Event], question: &str) -> Vec<Line> {
        let line = |event: &Event| {
            let (from, text) = match event.kind {
                Kind::Inbound => (Author::Customer, event.customer_text.clone()?),
                Kind::Turn => (Author::Bot, event.bot_response.clone()?),
                Kind::Takeover => (Author::Staff, event.bot_response.clone()?),
                _ => return None,
            };
            let at = event.timestamp;
            Some(Line { from, text, at })
        };
        let mut lines: Vec<Line> = events[..self.from].iter().filter_map(line).collect();
        let last = events.last().map(|event| event.timestamp);
        lines.extend(last.map(|at| Line {
            from: Author::Customer,
            text: question.to_owned(),
            at,
        }));
        lines
    }
}

/// What the bot would say, where that is an answer and not a question of its own.
fn suggestion(thought: &Thought) -> Option<Suggestion> {
    let asks = thought.facts.reason.as_deref() == Some("not_understood");
    if asks || thought.handover.is_some() {
        return None;
    }
    let replies = thought.replies.iter().map(|reply| reply.text.as_str());
    let text = match &thought.draft {
        Some(draft) => draft.reply.text.clone(),
        None => replies.collect::<Vec<_>>().join("\n\n"),
    };
    let sources = crate::lines::sources(thought.facts.sources.as_ref());
    (!text.is_empty()).then_some(Suggestion { text, sources })
}

/// A canned reply to somebody, whose name may not be known.
fn addressed(text: &str, name: Option<&str>) -> String {
    if let Some(name) = name.map(str::trim).filter(|name| !name.is_empty()) {
        return text.replace("{name}", name);
    }
    let placeholders = [", {name}", "{name}, ", " {name}", "{name}"];
    let text = text.to_owned();
    placeholders
        .iter()
        .fold(text, |text, one| text.replace(one, ""))
}

/// What the knowledge has near the question, beside what is suggested already.
fn near(
    suggestions: &mut Vec<Suggestion>,
    content: &Content,
    understood: &Understanding,
    text: &str,
    view: &View<'_>,
) {
    let topics = topics(&understood.intents);
    let asked = Asked {
        text,
        language: understood.language,
        topics: &topics,
        today: view.now.with_timezone(&view.zone).date_naive(),
        meaning: None,
    };
    let mut added = 0;
    for passage in content.knowledge.search(&asked, 2 * NEAR) {
        let known = suggestions
            .iter()
            .any(|one| one.text.contains(&passage.answer));
        if passage.score < OFFER_FROM || known || added == NEAR {
            continue;
        }
        added += 1;
        suggestions.push(Suggestion {
            text: passage.answer,
            sources: vec![passage.source.for_people()],
        });
    }
}

/// What a person could do next.
async fn next(
    console: &Shared,
    view: &View<'_>,
    chat: &Chat,
    content: &Content,
    understood: &Understanding,
    text: &str,
) -> Result<Vec<Step>, Refusal> {
    let mut steps = Vec::new();
    let mut step = |key, tells: &str, text| {
        steps.push(Step {
            key,
            tells: tells.to_owned(),
            text,
        });
    };
    let books = [Intent::Booking, Intent::Reschedule];
    let books = books.iter().any(|intent| understood.believes(*intent));
    match wished(understood).filter(|_| books) {
        Some(items) => {
            let firm = &content.business;
            let services = items.iter().map(|item| {
                let known = firm.service(&item.service);
                known.map_or(&*item.service, |one| one.name.in_language(view.language()))
            });
            let services = services.collect::<Vec<_>>().join(" + ");
            let free = times(console, view, chat, firm, items, text).await?;
            if !free.is_empty() {
                step("step-times", &services, Some(free.join(", ")));
            }
        }
        None if books => step("step-service", "", None),
        None => {}
    }
    match &chat.phone {
        Some(phone) if understood.negative || understood.abusive || understood.urgent => {
            step("step-call", &view.phone(phone), None);
        }
        None if books => step("step-phone", "", None),
        _ => {}
    }
    Ok(steps)
}

/// The services that are named, each by a word of its own, with the person who is named; none where none is, or
/// where a word may mean several.
fn wished(understood: &Understanding) -> Option<Vec<WishItem>> {
    let mut items: Vec<(usize, String)> = Vec::new();
    let mut people: Vec<&String> = Vec::new();
    for entity in &understood.entities {
        match &entity.meaning {
            // Who says it twice wants it once.
            Meaning::Service(id) if items.iter().any(|(_, known)| known == id) => {}
            Meaning::Service(id) => {
                if items.iter().any(|(start, _)| *start == entity.start) {
                    return None;
                }
                items.push((entity.start, id.clone()));
            }
            Meaning::Staff(id) if !people.contains(&id) => people.push(id),
            _ => {}
        }
    }
    // Of several people it is not clear who does what.
    let person = people
        .first()
        .filter(|_| people.len() == 1 && items.len() == 1);
    let item = |(_, service)| WishItem {
        service,
        person: person.map(|id| (*id).clone()),
    };
    let items: Vec<WishItem> = items.into_iter().map(item).collect();
    (!items.is_empty()).then_some(items)
}

/// The next free times for services, as the customer wishes them where she said when.
async fn times(
    console: &Shared,
    view: &View<'_>,
    chat: &Chat,
    firm: &Business,
    items: Vec<WishItem>,
    text: &str,
) -> Result<Vec<String>, Refusal> {
    let wish = Wish {
        items,
        location: view.location().map(str::to_owned),
        when: when::read(text, firm.local(view.now).naive_local()).wish,
        ..Wish::default()
    };
    if wish.fault(firm, false).is_some() {
        return Ok(Vec::new());
    }
    // What only the staff books is searched as the staff does.
    let online = |item: &WishItem| firm.service(&item.service).is_some_and(|one| one.online);
    let asker = if wish.items.iter().all(online) {
        Asker::Customer(&chat.conversation)
    } else {
        Asker::Staff
    };
    let found = book(console).find(firm, &wish, asker, FOUND).await?;
    let time = |visit: &zapis_core::store::Visit| {
        let at = visit.starts_at().with_timezone(&firm.time_zone);
        let day = crate::words::day(view.language(), at.date_naive());
        format!("{day} {}", at.format("%H:%M"))
    };
    Ok(spread(&found.visits, TIMES).iter().map(time).collect())
}

/// What a chat is about, in three lines: how it began, what was said last, why a person is wanted.
fn summary(view: &View<'_>, chat: &Chat, events: &[Event]) -> Vec<(&'static str, String)> {
    let short = |text: &str| {
        let words: Vec<&str> = text.split_whitespace().collect();
        let words = words.join(" ");
        let cut: String = words.chars().take(LINE).collect();
        if cut == words {
            cut
        } else {
            format!("{cut}…")
        }
    };
    // A talk begins anew after a night.
    let said: Vec<&Event> = events.iter().filter(|event| is_words(event)).collect();
    let begins = said
        .windows(2)
        .rposition(|pair| pair[1].timestamp - pair[0].timestamp > TALK)
        .map_or(0, |at| at + 1);
    let words = |event: &Event| {
        event
            .customer_text
            .as_deref()
            .map(short)
            .unwrap_or_default()
    };
    let telling = said[begins.min(said.len())..]
        .iter()
        .max_by_key(|event| words(event).chars().count().min(60));
    let mut lines = Vec::new();
    lines.extend(telling.map(|event| ("summary-about", words(event))));
    let last = said
        .last()
        .filter(|last| telling.is_none_or(|one| one.event_id != last.event_id));
    lines.extend(last.map(|event| ("summary-last", words(event))));
    if let (Some(reason), Some(since)) = (&chat.reason, chat.waiting_since) {
        let since = view.at(since);
        lines.push(("summary-waits", format!("{} ({since})", short(reason))));
    }
    lines
}

/// A pause after which a talk is another one.
const TALK: chrono::TimeDelta = chrono::TimeDelta::hours(8);

async fn card(
    console: &Shared,
    view: &View<'_>,
    chat: &Chat,
    events: &[Event],
) -> Result<Card, Refusal> {
    let store = console.store();
    let ever = DateTime::UNIX_EPOCH;
    let mut visits = store
        .bookings_of(Whose::Conversation(&chat.conversation), ever)
        .await?;
    if let Some(phone) = &chat.phone {
        visits.extend(store.bookings_of(Whose::Phone(phone), ever).await?);
    }
    visits.retain(|visit| {
        view.location()
            .is_none_or(|own| visit.visit.location == own)
    });
    visits.sort_by_key(|visit| visit.id);
    visits.dedup_by_key(|visit| visit.id);
    let count = |fits: &dyn Fn(&Booking) -> bool| visits.iter().filter(|visit| fits(visit)).count();
    let is_ahead = |visit: &Booking| {
        let open = matches!(
            visit.status,
            Status::Booked | Status::Confirmed | Status::Late
        );
        open && visit.visit.starts_at() > view.now
    };
    let stars = events.iter().filter(|event| event.kind == Kind::Rating);
    let enquiry = store.open_enquiry(&chat.conversation).await?;
    Ok(Card {
        came: count(&|visit| visit.status == Status::Arrived),
        no_shows: count(&|visit| visit.status == Status::NoShow),
        ahead: count(&is_ahead),
        stars: stars.filter_map(|event| event.outcome.clone()).collect(),
        lead: enquiry.and_then(|enquiry| enquiry.record),
    })
}

/// `GET /console/replies`
pub(crate) async fn replies(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    replies_page(&console, &view, None).await
}

/// `problem`: the title and the words that were not kept, and the key of why.
async fn replies_page(
    console: &Shared,
    view: &View<'_>,
    problem: Option<(&str, &str, &str)>,
) -> Result<Html<String>, Refusal> {
    let replies = console.store().canned_replies().await?;
    let replies = replies.into_iter().map(|reply| {
        context! { id => reply.id.to_string(), title => reply.title, text => reply.text }
    });
    let what = context! {
        replies => replies.collect::<Vec<_>>(),
        key => Uuid::new_v4().to_string(),
        title => problem.map(|(title, ..)| title),
        text => problem.map(|(_, text, _)| text),
        problem => problem.map(|(.., key)| key),
    };
    view.page("replies.html", "knowledge", what).await
}

/// A canned reply as somebody writes it.
#[derive(Debug, Deserialize)]
pub(crate) struct Written {
    #[serde(default)]
    title: String,
    #[serde(default)]
    text: String,
    /// Whether it is forgotten.
    #[serde(default)]
    drop: bool,
}

/// `POST /console/replies/{id}`
pub(crate) async fn write_reply(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Path(id): Path<Uuid>,
    Form(form): Form<Written>,
) -> Result<Response, Refusal> {
    let (title, text) = (form.title.trim(), form.text.replace("\r\n", "\n"));
    let text = text.trim();
    let store = console.store();
    let long = title.chars().count() > LONGEST_TITLE || text.chars().count() > LONGEST;
    let problem = if title.is_empty() || text.is_empty() {
        Some("reply-empty")
    } else {
        long.then_some("say-long")
    };
    if form.drop {
        store.drop_canned_reply(id).await?;
    } else if let Some(problem) = problem {
        // What was typed stays.
        let view = View::of(&console, &me).await;
        let page = replies_page(&console, &view, Some((title, text, problem))).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    } else {
        let reply = CannedReply {
            id,
            title: title.to_owned(),
            text: text.to_owned(),
        };
        store.put_canned_reply(&reply).await?;
    }
    note(&console, &me.member, "canned_reply", Some(title)).await?;
    Ok(Redirect::to("/console/replies").into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_name_is_addressed_without_one() {
        let written = "Здравствуйте, {name}! {name}, ждём вас.";
        assert_eq!(
            addressed(written, Some("Анна")),
            "Здравствуйте, Анна! Анна, ждём вас."
        );
        assert_eq!(addressed(written, Some(" ")), "Здравствуйте! ждём вас.");
    }
}
