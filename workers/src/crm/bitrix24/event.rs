//! What a portal tells us of its own accord: that something was added, changed or deleted, never what.
//!
//! It posts a form with keys as PHP reads them (`data[FIELDS][ID]`), at most once and in any order. Anybody
//! can post one: what comes without a token of ours is nobody's. Source: the provider's "Events", "Security
//! in event handlers" and `OnAppInstall`.

use std::collections::BTreeMap;
use std::fmt;

use subtle::ConstantTimeEq;
use url::form_urlencoded;
use zapis_core::config::Secret;

/// More is no event: they hold ids.
pub const LONGEST: usize = 1 << 20;
const MOST_KEYS: usize = 1_000;
const DEEPEST: usize = 8;

/// What we want to hear of, as the provider names it.
pub(super) const WANTED: [&str; 6] = [
    "ONCRMLEADUPDATE",
    "ONCRMLEADDELETE",
    "ONCRMDEALADD",
    "ONCRMDEALUPDATE",
    "ONCRMDEALDELETE",
    "ONCRMDEALMOVETOCATEGORY",
];

/// A form with keys of PHP: each value by its way.
type Fields = BTreeMap<Vec<String>, String>;

/// Something happened in a portal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// In capitals, such as `ONCRMLEADUPDATE`.
    pub name: String,
    /// What it happened to.
    pub entity: Entity,
    /// Which one, where the event names it.
    pub id: Option<u64>,
    /// When, in seconds since 1970.
    pub ts: Option<i64>,
    /// The portal, under whatever address: its `member_id`.
    pub member: String,
}

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entity {
    /// A lead.
    Lead,
    /// A deal.
    Deal,
    /// A contact.
    Contact,
    /// A company.
    Company,
    /// An entry of a timeline.
    Comment,
    /// A task, a call, a meeting.
    Activity,
    /// A visit.
    Booking,
    /// Anything else.
    Other,
}

/// The app was installed, and these are its tokens. Prove it with
/// [`Client::install`](super::Client::install): an installation comes before there is a token to know it by.
#[derive(Clone, PartialEq, Eq)]
pub struct Installation {
    /// Whether it came with a token of ours.
    pub(super) known: bool,
    pub(super) member: String,
    pub(super) application: Secret,
    pub(super) access: Secret,
    pub(super) refresh: Secret,
    pub(super) endpoint: String,
    pub(super) server: String,
}

impl fmt::Debug for Installation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Installation({})", self.member)
    }
}

impl Installation {
    /// Whether it came with a token of ours.
    pub fn is_known(&self) -> bool {
        self.known
    }
}

/// What a portal told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Something happened; it came with a token of ours.
    Event(Event),
    /// The app was installed, perhaps.
    Installed(Box<Installation>),
}

/// Why a body is no event of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoEvent {
    /// It is no form of a portal.
    #[error("it is no event of a portal: {0}")]
    Unreadable(&'static str),
    /// Answer as to any other, and do nothing.
    #[error("it came without a token that [crm.bitrix24] application_tokens has")]
    Stranger,
}

/// Reads what was posted. `tokens` are those that outgoing webhooks and the app were given.
pub fn read(body: &[u8], tokens: &[Secret]) -> Result<Told, NoEvent> {
    let fields = fields(body)?;
    let at = |way: &[&str]| fields.get(&way.iter().map(ToString::to_string).collect::<Vec<_>>());
    let text = |way: &[&str]| at(way).cloned().unwrap_or_default();
    let name = text(&["event"]).to_ascii_uppercase();
    let named = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !(name.starts_with("ON") && named && name.len() <= 64) {
        return Err(NoEvent::Unreadable("it names no event"));
    }
    let application = text(&["auth", "application_token"]);
    let known = is_one_of(&application, tokens);
    let member = text(&["auth", "member_id"]);
    if name == "ONAPPINSTALL" {
        return Ok(Told::Installed(Box::new(Installation {
            known,
            member,
            application: Secret::new(application),
            access: Secret::new(text(&["auth", "access_token"])),
            refresh: Secret::new(text(&["auth", "refresh_token"])),
            endpoint: text(&["auth", "client_endpoint"]),
            server: text(&["auth", "server_endpoint"]),
        })));
    }
    if !known {
        return Err(NoEvent::Stranger);
    }
    let id = at(&["data", "FIELDS", "ID"]).or(at(&["data", "ID"]));
    let id = id.and_then(|id| id.parse().ok()).filter(|id| *id > 0);
    Ok(Told::Event(Event {
        entity: Entity::of(&name),
        name,
        id,
        ts: at(&["ts"]).and_then(|ts| ts.parse().ok()),
        member,
    }))
}

impl Entity {
    fn of(event: &str) -> Self {
        const ENTITIES: [(&str, Entity); 7] = [
            ("ONCRMLEAD", Entity::Lead),
            ("ONCRMDEAL", Entity::Deal),
            ("ONCRMCONTACT", Entity::Contact),
            ("ONCRMCOMPANY", Entity::Company),
            ("ONCRMTIMELINECOMMENT", Entity::Comment),
            ("ONCRMACTIVITY", Entity::Activity),
            ("ONBOOKING", Entity::Booking),
        ];
        // Of the waiting list and of resources, with ids of their own.
        let other = ["ONBOOKINGWAITLIST", "ONBOOKINGRESOURCE"];
        if other.iter().any(|other| event.starts_with(other)) {
            return Self::Other;
        }
        let mut known = ENTITIES.iter();
        let found = known.find(|(begins, _)| event.starts_with(begins));
        found.map_or(Self::Other, |(_, entity)| *entity)
    }
}

/// Compares with each token in constant time. An empty one equals nothing.
fn is_one_of(given: &str, tokens: &[Secret]) -> bool {
    let same = |token: &Secret| {
        let same = token.expose().as_bytes().ct_eq(given.as_bytes());
        bool::from(same) && !token.is_empty()
    };
    tokens
        .iter()
        .fold(false, |known, token| known | same(token))
}

fn fields(body: &[u8]) -> Result<Fields, NoEvent> {
    if body.len() > LONGEST {
        return Err(NoEvent::Unreadable("it is too long"));
    }
    let mut fields = Fields::new();
    for (n, (key, value)) in form_urlencoded::parse(body).enumerate() {
        if n == MOST_KEYS {
            return Err(NoEvent::Unreadable("it has too many fields"));
        }
        let way = way(&key).ok_or(NoEvent::Unreadable("its fields are too deep"))?;
        let token = way == ["auth", "application_token"];
        let before = fields.insert(way, value.into_owned());
        // Which of them would be compared is a matter of taste, and must not be.
        if token && before.is_some() {
            return Err(NoEvent::Unreadable("it has two tokens"));
        }
    }
    Ok(fields)
}

/// `data[FIELDS][ID]` in its parts; nothing where there are too many.
fn way(key: &str) -> Option<Vec<String>> {
    let (first, rest) = key.split_once('[').unwrap_or((key, ""));
    let mut way = vec![first.to_owned()];
    for part in rest.split_terminator('[') {
        way.push(part.trim_end_matches(']').to_owned());
        if way.len() > DEEPEST {
            return None;
        }
    }
    Some(way)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "jvh9y1ulvt2m6k5or90v9mg8nn32ozas";
    /// As an outgoing webhook sends it.
    const DEAL: &str = "event=ONCRMDEALADD&event_handler_id=975&data%5BFIELDS%5D%5BID%5D=7405&ts=1766047124\
         &auth%5Bdomain%5D=salon.example&auth%5Bmember_id%5D=m1";

    fn read_with(body: &str, token: &str) -> Result<Told, NoEvent> {
        let body = format!("{body}&auth%5Bapplication_token%5D={token}");
        read(
            body.as_bytes(),
            &[Secret::new("another"), Secret::new(OURS)],
        )
    }

    fn event(body: &str) -> Event {
        match read_with(body, OURS) {
            Ok(Told::Event(event)) => event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_event_names_what_happened_to_what_when_and_where() {
        let expected = Event {
            name: "ONCRMDEALADD".into(),
            entity: Entity::Deal,
            id: Some(7_405),
            ts: Some(1_766_047_124),
            member: "m1".into(),
        };
        assert_eq!(event(DEAL), expected);
        // Portals of 2018 named no handler; brackets may come as they are.
        let old = "event=onCrmDealAdd&data[FIELDS][ID]=7405&ts=1766047124&auth[member_id]=m1";
        assert_eq!(event(old), expected);
    }

    #[test]
    fn what_comes_without_a_token_of_ours_is_a_strangers() {
        for token in ["", "jvh9", "another2", &OURS.to_uppercase()] {
            assert_eq!(read_with(DEAL, token), Err(NoEvent::Stranger), "{token}");
        }
        assert_eq!(read(DEAL.as_bytes(), &[]), Err(NoEvent::Stranger));
        let none = read(DEAL.as_bytes(), &[Secret::default()]);
        assert_eq!(none, Err(NoEvent::Stranger), "no token is no token of ours");
    }

    #[test]
    fn two_tokens_too_many_fields_and_fields_too_deep_are_refused() {
        let twice = format!("{DEAL}&auth[application_token]=x");
        let many = "a=1&".repeat(MOST_KEYS) + DEAL;
        let deep = format!("{DEAL}&a{}=1", "[b]".repeat(DEEPEST));
        let long = format!("{DEAL}&a={}", "x".repeat(LONGEST));
        for body in [twice, many, deep, long, "event=".into(), "<html>".into()] {
            let read = read_with(&body, OURS);
            assert!(matches!(read, Err(NoEvent::Unreadable(_))), "{read:?}");
        }
        assert!(read_with(&format!("{DEAL}&a{}=1", "[b]".repeat(DEEPEST - 1)), OURS).is_ok());
    }

    #[test]
    fn an_installation_brings_its_tokens_and_shows_none() {
        let body = "event=ONAPPINSTALL&data[VERSION]=1&auth[member_id]=m1&auth[access_token]=access-canary\
             &auth[refresh_token]=refresh-canary&auth[client_endpoint]=https://salon.example/rest/";
        for (token, known) in [(OURS, true), ("token-canary", false)] {
            let Ok(Told::Installed(new)) = read_with(body, token) else {
                panic!("no installation")
            };
            assert_eq!(new.known, known);
            assert_eq!(new.access.expose(), "access-canary");
            assert_eq!(new.endpoint, "https://salon.example/rest/");
            assert_eq!(format!("{new:?}"), "Installation(m1)");
        }
    }

    #[test]
    fn events_are_sorted_by_what_they_are_about() {
        for (name, entity) in [
            ("ONCRMLEADUPDATE", Entity::Lead),
            ("ONCRMDEALMOVETOCATEGORY", Entity::Deal),
            ("ONCRMCONTACTDELETE", Entity::Contact),
            ("ONCRMTIMELINECOMMENTADD", Entity::Comment),
            ("ONCRMACTIVITYADD", Entity::Activity),
            ("ONBOOKINGADD", Entity::Booking),
            ("ONBOOKINGWAITLISTITEMADD", Entity::Other),
            ("ONAPPUNINSTALL", Entity::Other),
        ] {
            assert_eq!(Entity::of(name), entity, "{name}");
        }
    }
}
