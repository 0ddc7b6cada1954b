//! Who looks at which chat, and who writes in it: notes on a board of the sessions, which fall off by themselves.
//! They hold ids only. Where the sessions do not answer, nobody is shown.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::time::Duration;

use axum::extract::Form;
use axum::http::StatusCode;
use axum::response::Html;
use minijinja::{Value, context};
use serde::Deserialize;
use tracing::debug;
use uuid::Uuid;
use zapis_core::intake::Arrival;
use zapis_core::message::{ConversationId, Outbound};
use zapis_core::sessions::{Sessions, SessionsError};
use zapis_core::store::StoreError;
use zapis_core::{causes, ids};

use crate::Shared;
use crate::chats::Talk;
use crate::door::Me;
use crate::page::View;
use crate::refusal::Refusal;

/// Where the notes hang.
const BOARD: &str = "console";
/// How long who does nothing is taken to look; a page that is open says so more often.
const LOOKS: Duration = Duration::from_secs(45);
/// The same of who writes.
const WRITES: Duration = Duration::from_secs(8);

/// What somebody does in a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Does {
    Looks,
    Writes,
}

/// Somebody in a chat.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Present {
    pub(crate) chat: String,
    staff: Uuid,
    pub(crate) does: Does,
}

impl Present {
    fn note(&self) -> String {
        let does = match self.does {
            Does::Looks => "looks",
            Does::Writes => "writes",
        };
        format!("{does} {} {}", self.staff, self.chat)
    }
}

impl FromStr for Present {
    type Err = ();

    fn from_str(note: &str) -> Result<Self, ()> {
        let mut words = note.splitn(3, ' ');
        let does = match words.next() {
            Some("looks") => Does::Looks,
            Some("writes") => Does::Writes,
            _ => return Err(()),
        };
        let staff = words.next().and_then(|id| id.parse().ok()).ok_or(())?;
        let chat = words.next().ok_or(())?.to_owned();
        Ok(Self { chat, staff, does })
    }
}

/// Everybody who is somewhere.
pub(crate) async fn everybody(sessions: &dyn Sessions) -> Result<BTreeSet<Present>, SessionsError> {
    let notes = sessions.pinned(BOARD).await?;
    Ok(notes.iter().filter_map(|note| note.parse().ok()).collect())
}

/// The names of colleagues in each chat.
#[derive(Debug, Default)]
pub(crate) struct Colleagues(BTreeMap<(String, Does), Vec<String>>);

impl Colleagues {
    pub(crate) async fn of(console: &Shared, me: &Me) -> Result<Self, StoreError> {
        let mut present = match everybody(&*console.sessions).await {
            Ok(present) => present,
            Err(error) => {
                debug!(error = %causes(&error), "Nobody knows who looks at which chat");
                BTreeSet::new()
            }
        };
        present.retain(|one| one.staff != me.member.id);
        let mut colleagues = Self::default();
        if present.is_empty() {
            return Ok(colleagues);
        }
        for member in console.store().staff().await? {
            for one in present.iter().filter(|one| one.staff == member.id) {
                let place = (one.chat.clone(), one.does);
                let names = colleagues.0.entry(place).or_default();
                names.push(member.name.clone());
            }
        }
        Ok(colleagues)
    }

    /// Who else is in a chat, whatever she does there.
    pub(crate) fn at(&self, chat: &ConversationId) -> &[String] {
        self.who(chat, Does::Looks)
    }

    fn who(&self, chat: &ConversationId, does: Does) -> &[String] {
        let names = self.0.get(&(chat.as_str().to_owned(), does));
        names.map_or(&[], Vec::as_slice)
    }

    /// What a page says of a chat.
    pub(crate) fn shown(&self, chat: &ConversationId) -> Value {
        let writes = self.who(chat, Does::Writes);
        let looks = self.who(chat, Does::Looks).iter();
        let looks = looks.filter(|name| !writes.contains(name)).cloned();
        let looks = looks.collect::<Vec<_>>();
        context! { looks, writes => writes.to_vec() }
    }
}

/// Notes what somebody does in a chat; nothing where she has left it.
pub(crate) async fn note(
    console: &Shared,
    me: &Me,
    chat: &ConversationId,
    does: Option<Does>,
) -> Result<(), SessionsError> {
    let spans = [
        (Does::Looks, does.map_or(Duration::ZERO, |_| LOOKS)),
        (
            Does::Writes,
            match does {
                Some(Does::Writes) => WRITES,
                _ => Duration::ZERO,
            },
        ),
    ];
    for (does, span) in spans {
        let present = Present {
            chat: chat.as_str().to_owned(),
            staff: me.member.id,
            does,
        };
        console.sessions.pin(BOARD, &present.note(), span).await?;
    }
    Ok(())
}

/// What an open page tells.
#[derive(Debug, Deserialize)]
pub(crate) struct Told {
    #[serde(default)]
    does: String,
}

/// `POST …/here`: what our script tells now and then. The customer sees that her colleague writes, once a person
/// has the chat.
pub(crate) async fn tell(talk: Talk, Form(told): Form<Told>) -> Result<StatusCode, Refusal> {
    let does = match told.does.as_str() {
        "leaves" => None,
        "writes" => Some(Does::Writes),
        _ => Some(Does::Looks),
    };
    let chat = &talk.chat.conversation;
    note(&talk.console, &talk.me, chat, does).await?;
    if does == Some(Does::Writes) && talk.chat.staff.as_ref() == Some(&talk.me.member.name) {
        let now = talk.console.clock().now();
        let id = ids::derive(&["console types", chat.as_str(), &now.to_rfc3339()]);
        let types = Outbound::staff_types(id, chat.clone(), now);
        let types = Arrival::Outbound(Box::new(types));
        talk.console.intake.accept(vec![types]).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// `GET …/here`: who else is here, alone.
pub(crate) async fn show(talk: Talk) -> Result<Html<String>, Refusal> {
    let view = View::of(&talk.console, &talk.me).await;
    let colleagues = Colleagues::of(&talk.console, &talk.me).await?;
    let here = colleagues.shown(&talk.chat.conversation);
    Ok(view.part("here.html", context! { here })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let present = Present {
            chat: "webchat:site:with a space".to_owned(),
            staff: Uuid::from_u128(7),
            does: Does::Writes,
        };
        assert_eq!(present.note().parse(), Ok(present));
        assert_eq!("sleeps 1 2".parse::<Present>(), Err(()));
    }
}
