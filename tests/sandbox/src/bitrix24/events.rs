//! Outgoing events: a form with brackets, sent once, whoever listens or not.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use url::form_urlencoded;

use super::answer::{Answer, Rest, RestError};
use super::config::{Bitrix24App, Bitrix24Outgoing, Bitrix24Portal};
use super::oauth::{Access, Tokens};
use super::php::Php;
use super::state::Session;
use crate::world::World;

/// How long a receiver has to answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How often the sender looks for work by itself.
const IDLE: Duration = Duration::from_hours(1);
/// The most deliveries that are remembered; the oldest go first.
const POSTS: usize = 20_000;

/// Everything the portal tells of, as far as it is emulated.
const KNOWN: [&str; 21] = [
    "ONCRMLEADADD",
    "ONCRMLEADUPDATE",
    "ONCRMLEADDELETE",
    "ONCRMDEALADD",
    "ONCRMDEALUPDATE",
    "ONCRMDEALDELETE",
    "ONCRMDEALMOVETOCATEGORY",
    "ONCRMCONTACTADD",
    "ONCRMCONTACTUPDATE",
    "ONCRMCONTACTDELETE",
    "ONCRMCOMPANYADD",
    "ONCRMCOMPANYUPDATE",
    "ONCRMCOMPANYDELETE",
    "ONCRMTIMELINECOMMENTADD",
    "ONCRMTIMELINECOMMENTUPDATE",
    "ONCRMTIMELINECOMMENTDELETE",
    "ONCRMACTIVITYADD",
    "ONCRMACTIVITYUPDATE",
    "ONCRMACTIVITYDELETE",
    "ONAPPINSTALL",
    "ONAPPUNINSTALL",
];

/// An event that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bitrix24Post {
    /// For example `ONCRMLEADUPDATE`.
    pub event: String,
    /// What it was about.
    pub id: i64,
    /// What it was answered with; nothing if it did not arrive. It is not sent again either way.
    pub status: Option<u16>,
}

/// Who listens, and what is on its way to them.
pub(crate) struct Outbox {
    /// What the application has bound: event, handler.
    pub(crate) bound: Vec<(String, String)>,
    pub(crate) outgoing: Vec<Bitrix24Outgoing>,
    pub(crate) waiting: VecDeque<Parcel>,
    pub(crate) posts: VecDeque<Bitrix24Post>,
    /// How many of the next events get lost.
    pub(crate) losing: u32,
    pub(crate) hold: bool,
}

/// An event on its way.
pub(crate) struct Parcel {
    url: String,
    body: String,
    event: String,
    id: i64,
}

impl Outbox {
    pub(crate) fn new(config: &Bitrix24Portal) -> Self {
        Self {
            bound: Vec::new(),
            outgoing: config.outgoing.clone(),
            waiting: VecDeque::new(),
            posts: VecDeque::new(),
            losing: 0,
            hold: false,
        }
    }

    /// Tells a handler that the application was installed, with its tokens.
    pub(crate) fn install(
        &mut self,
        config: &Bitrix24Portal,
        tokens: &Tokens,
        url: &str,
        handler: &str,
        seconds: i64,
    ) {
        let Some(app) = &config.app else {
            return;
        };
        let access = tokens.newest();
        let mut auth = app_auth(app, &config.member_id, access, url, seconds);
        auth.push(("refresh_token", tokens.refresh().to_owned()));
        let event = "ONAPPINSTALL";
        self.waiting.push_back(Parcel {
            url: handler.to_owned(),
            body: form(event, 0, 0, seconds, &auth),
            event: event.to_owned(),
            id: 0,
        });
    }

    /// Puts an event into the queue of everybody who listens to it.
    pub(crate) fn put(
        &mut self,
        config: &Bitrix24Portal,
        access: Option<&Access>,
        url: &str,
        event: &str,
        id: i64,
        seconds: i64,
    ) {
        let host = url.split_once("://").map_or("", |(_, host)| host);
        let mut addressed = Vec::new();
        if let Some(app) = &config.app {
            let bound = self.bound.iter().enumerate();
            for (place, (_, handler)) in bound.filter(|(_, (name, _))| name == event) {
                let auth = app_auth(app, &config.member_id, access, url, seconds);
                addressed.push((handler.clone(), 700 + place, auth));
            }
        }
        for (place, outgoing) in self.outgoing.iter().enumerate() {
            let all = outgoing.events.is_empty();
            let named = |name: &String| name.eq_ignore_ascii_case(event);
            if all || outgoing.events.iter().any(named) {
                let auth = vec![
                    ("domain", host.to_owned()),
                    ("client_endpoint", format!("{url}/rest/")),
                    ("server_endpoint", format!("{url}/rest/")),
                    ("member_id", config.member_id.clone()),
                    ("application_token", outgoing.token.clone()),
                ];
                addressed.push((outgoing.url.clone(), 970 + place, auth));
            }
        }
        for (url, handler, auth) in addressed {
            if self.losing > 0 {
                self.losing -= 1;
                continue;
            }
            self.waiting.push_back(Parcel {
                url,
                body: form(event, handler, id, seconds, &auth),
                event: event.to_owned(),
                id,
            });
        }
    }
}

/// What an event says to an application.
fn app_auth(
    app: &Bitrix24App,
    member_id: &str,
    access: Option<&Access>,
    url: &str,
    seconds: i64,
) -> Vec<(&'static str, String)> {
    let host = url.split_once("://").map_or("", |(_, host)| host);
    let mut auth = Vec::new();
    if let Some(access) = access {
        let left = (access.until_ms / 1000 - seconds).max(0);
        auth.push(("access_token", access.token.clone()));
        auth.push(("expires", (access.until_ms / 1000).to_string()));
        auth.push(("expires_in", left.to_string()));
    }
    auth.push(("scope", app.scopes.join(",")));
    auth.push(("domain", host.to_owned()));
    auth.push(("server_endpoint", format!("{url}/rest/")));
    auth.push(("status", "L".to_owned()));
    auth.push(("client_endpoint", format!("{url}/rest/")));
    auth.push(("member_id", member_id.to_owned()));
    auth.push(("user_id", app.user.to_string()));
    auth.push(("application_token", app.application_token.clone()));
    auth
}

/// The body, keys in the order of the real one; every value is a string.
fn form(event: &str, handler: usize, id: i64, ts: i64, auth: &[(&str, String)]) -> String {
    // The documentation of comments shows another place than that of items.
    let place = if event.starts_with("ONCRMTIMELINECOMMENT") {
        "data[ID]"
    } else {
        "data[FIELDS][ID]"
    };
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("event", event)
        .append_pair("event_handler_id", &handler.to_string())
        .append_pair(place, &id.to_string())
        .append_pair("ts", &ts.to_string());
    for (name, value) in auth {
        form.append_pair(&format!("auth[{name}]"), value);
    }
    form.finish()
}

/// Sends events for as long as the sandbox runs.
pub(crate) async fn run(world: Arc<World>) {
    let stop = world.stop.clone();
    let work = async {
        loop {
            let Some(parcel) = world.until(IDLE, || take(&world)).await else {
                tokio::task::yield_now().await;
                continue;
            };
            post(&world, parcel).await;
            world.changed();
        }
    };
    stop.run_until_cancelled(work).await;
}

fn take(world: &World) -> Option<Parcel> {
    let mut state = world.state();
    let outbox = &mut state.bitrix24.as_mut()?.outbox;
    if outbox.hold {
        return None;
    }
    outbox.waiting.pop_front()
}

async fn post(world: &World, parcel: Parcel) {
    let request = world
        .client
        .post(&parcel.url)
        .timeout(TIMEOUT)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("User-Agent", "Bitrix24 Webhook Engine");
    let status = match request.body(parcel.body).send().await {
        Ok(response) => Some(response.status().as_u16()),
        Err(error) => {
            tracing::debug!(error = %error.without_url(), "An event did not arrive");
            None
        }
    };
    let mut state = world.state();
    let Some(portal) = &mut state.bitrix24 else {
        return;
    };
    let posts = &mut portal.outbox.posts;
    if posts.len() == POSTS {
        posts.pop_front();
    }
    posts.push_back(Bitrix24Post {
        event: parcel.event,
        id: parcel.id,
        status,
    });
}

impl Session<'_> {
    /// `event.bind`, `event.unbind`, `event.get`: of applications only.
    pub(crate) fn event_method(&mut self, method: &str, params: &Php) -> Rest {
        if !self.caller.is_app {
            let why =
                "Current authorization type is denied for this method Application context required";
            return Err(RestError::new(403, "WRONG_AUTH_TYPE", why));
        }
        let bound = &mut self.portal.outbox.bound;
        if method == "get" {
            let rows = bound.iter().map(
                |(event, handler)| json!({"event": event, "handler": handler, "auth_type": "0", "offline": 0}),
            );
            return Ok(Answer::from(rows.collect::<serde_json::Value>()));
        }
        let given = |name: &str| {
            let text = params.any_case(name).text();
            let missing = format!("Argument '{name}' is null or empty");
            if text.is_empty() {
                Err(RestError::bad("ERROR_ARGUMENT", &missing))
            } else {
                Ok(text)
            }
        };
        let binding = (given("event")?.to_ascii_uppercase(), given("handler")?);
        if !KNOWN.contains(&binding.0.as_str()) {
            return Err(RestError::bad("ERROR_EVENT_NOT_FOUND", "Event not found"));
        }
        let place = bound.iter().position(|known| *known == binding);
        match (method, place) {
            ("bind", None) => {
                bound.push(binding);
                Ok(Answer::from(json!(true)))
            }
            ("bind", Some(_)) => {
                let why = "Handler already binded";
                Err(RestError::bad("ERROR_HANDLER_ALREADY_EXIST", why))
            }
            ("unbind", place) => {
                if let Some(place) = place {
                    bound.remove(place);
                }
                Ok(Answer::from(json!({"count": u8::from(place.is_some())})))
            }
            _ => Err(RestError::no_method()),
        }
    }
}
