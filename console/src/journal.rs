//! The journal searched: what was said and done, by whom, when; each line leads to its place in the chat.

use std::collections::HashMap;

use axum::extract::{Extension, Query, State};
use axum::response::Html;
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::{Deserialize, Serialize};
use zapis_core::event::{Event, Kind};
use zapis_core::message::ConversationId;
use zapis_core::store::Sought;
use zapis_workers::understand::Intent;

use crate::chats::name_of;
use crate::door::Me;
use crate::page::{View, link as link_to};
use crate::refusal::Refusal;
use crate::{Console, Shared};

/// How many lines a page has.
const PAGE: usize = 50;

/// What is looked for, as the form has it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Wish {
    /// A name, a phone, or a conversation.
    who: String,
    words: String,
    channel: String,
    kind: String,
    intent: String,
    did: String,
    staff: String,
    /// Days as a browser writes them; both are meant.
    from: String,
    until: String,
    /// Where the page before ended.
    #[serde(skip_serializing)]
    before: Option<i64>,
}

impl Wish {
    async fn sought(&self, console: &Shared, view: &View<'_>) -> Result<Sought, Refusal> {
        let who = self.who.trim();
        let conversations = match (who, who.parse::<ConversationId>()) {
            ("", _) => None,
            (_, Ok(conversation)) => Some(vec![console.store().named(&conversation).await?]),
            _ => Some(console.store().conversations_named(who).await?),
        };
        let trimmed = |text: &str| text.trim().to_owned();
        Ok(Sought {
            conversations,
            channel: trimmed(&self.channel),
            from: day(&self.from)?.and_then(|day| begin(view, day)),
            until: day(&self.until)?
                .and_then(|day| day.succ_opt())
                .and_then(|day| begin(view, day)),
            kind: Kind::ALL.into_iter().find(|kind| kind.name() == self.kind),
            intent: trimmed(&self.intent),
            did: trimmed(&self.did),
            staff: trimmed(&self.staff),
            words: trimmed(&self.words),
            before: self.before,
            limit: PAGE,
        })
    }
}

/// A day as a browser writes it, or none.
fn day(typed: &str) -> Result<Option<NaiveDate>, Refusal> {
    let day = (!typed.is_empty()).then(|| typed.parse()).transpose();
    day.map_err(|_| Refusal::Bad("entry-day"))
}

/// When a day begins where the firm is.
fn begin(view: &View<'_>, day: NaiveDate) -> Option<DateTime<Utc>> {
    let midnight = day.and_time(NaiveTime::MIN);
    let begin = midnight.and_local_timezone(view.zone).earliest()?;
    Some(begin.to_utc())
}

/// An event in the list.
#[derive(Serialize)]
struct Line {
    kind: &'static str,
    at: String,
    moment: String,
    /// Where it stands in the chat; nothing where there is no chat any more.
    link: Option<String>,
    /// What the customer is called.
    name: Option<String>,
    channel: Option<String>,
    /// Who of the firm.
    staff: Option<String>,
    customer: Option<String>,
    ours: Option<String>,
    tags: Vec<String>,
    /// All of it, as the journal has it.
    fields: Vec<(String, String)>,
}

/// `GET /console/journal/search`
pub(crate) async fn search(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Query(wish): Query<Wish>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    let store = console.store();
    let sought = wish.sought(&console, &view).await?;
    let found = store.search(&sought).await?;
    let mut names: HashMap<ConversationId, Option<String>> = HashMap::new();
    let mut lines = Vec::with_capacity(found.events.len());
    for (position, event) in &found.events {
        let mut name = None;
        if let Some(conversation) = &event.conversation_id {
            if !names.contains_key(conversation) {
                let chat = store.chat(conversation, view.now).await?;
                names.insert(
                    conversation.clone(),
                    chat.as_ref().map(|chat| name_of(&view, chat)),
                );
                // What a person said is shown, or how she is called.
                store
                    .note_look(conversation, &me.member.name, view.now)
                    .await?;
            }
            name = names.get(conversation).cloned().flatten();
        }
        lines.push(line(&view, *position, event, name));
    }
    let staff = store.staff().await?;
    let next = found.next.map(|next| wish.older(next));
    let what = context! {
        lines => Value::from(Serde(&lines)),
        wish => Value::from(Serde(&wish)),
        kinds => Kind::ALL.map(Kind::name).to_vec(),
        staff => staff.iter().map(|one| one.name.clone()).collect::<Vec<_>>(),
        intents => Intent::ALL.iter().map(|intent| intent.id()).collect::<Vec<_>>(),
        is_full => lines.len() == PAGE,
        is_later => wish.before.is_some(),
        next,
    };
    view.page("journal.html", "journal", what).await
}

impl Wish {
    /// What was filled in, and where older ones are looked for, as an address has it.
    fn older(&self, before: i64) -> String {
        let all = [
            ("who", &self.who),
            ("words", &self.words),
            ("channel", &self.channel),
            ("kind", &self.kind),
            ("intent", &self.intent),
            ("did", &self.did),
            ("staff", &self.staff),
            ("from", &self.from),
            ("until", &self.until),
        ];
        let filled = all.into_iter().filter(|(_, value)| !value.is_empty());
        let mut address = url::form_urlencoded::Serializer::new(String::new());
        address.extend_pairs(filled);
        address.append_pair("before", &before.to_string());
        address.finish()
    }
}

fn line(view: &View<'_>, position: i64, event: &Event, name: Option<String>) -> Line {
    let conversation = event.conversation_id.as_ref();
    let link = conversation.filter(|_| name.is_some());
    let sure = event
        .confidence
        .map(|confidence| format!("{:.0} %", confidence * 100.0));
    let intent = event.intent.as_ref().map(|intent| match &sure {
        Some(sure) => format!("{intent} {sure}"),
        None => intent.clone(),
    });
    let action = event.action.clone().filter(|action| action != "none");
    let tags = [intent, action, event.outcome.clone()];
    Line {
        kind: event.kind.name(),
        at: view.at(event.timestamp),
        moment: event.timestamp.to_rfc3339(),
        link: link.map(|one| format!("{}?at={position}#sought", link_to(one))),
        name,
        channel: event.channel.clone(),
        staff: event.staff_id.clone(),
        customer: event.customer_text.clone(),
        ours: event.bot_response.clone(),
        tags: tags.into_iter().flatten().collect(),
        fields: fields(view, event),
    }
}

/// What an event says, by the names of the journal.
fn fields(view: &View<'_>, event: &Event) -> Vec<(String, String)> {
    let mut event = event.clone();
    if let Some(client) = &mut event.client {
        client.phone = client.phone.take().map(|phone| view.phone(&phone));
    }
    let event = serde_json::to_value(event).unwrap_or_default();
    let fields = event.as_object().into_iter().flatten();
    let fields = fields.filter(|(_, value)| !value.is_null());
    let shown = fields.map(|(name, value)| {
        let text = value.as_str().map(str::to_owned);
        (name.clone(), text.unwrap_or_else(|| value.to_string()))
    });
    shown.collect()
}
