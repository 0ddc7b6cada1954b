//! The portal's memory: items, timelines, tokens, and a call at work on them.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, FixedOffset};
use serde_json::{Map, Value, json};

use super::config::{Bitrix24Mode, Bitrix24Portal};
use super::events::Outbox;
use super::fields::CrmEntity;
use super::limits::Limits;
use super::oauth::Tokens;
use super::stages::StageChange;
use super::timeline::{Activity, Comment};
use crate::world::World;

/// All of the portal.
pub(crate) struct Portal {
    pub(crate) config: Bitrix24Portal,
    pub(crate) items: BTreeMap<CrmEntity, BTreeMap<i64, Item>>,
    pub(crate) comments: BTreeMap<i64, Comment>,
    pub(crate) activities: BTreeMap<i64, Activity>,
    pub(crate) history: Vec<StageChange>,
    pub(crate) limits: Limits,
    pub(crate) tokens: Tokens,
    pub(crate) outbox: Outbox,
    /// Whether the duplicate search compares digits rather than spellings.
    pub(crate) normalises_phones: bool,
    next: BTreeMap<&'static str, i64>,
}

impl Portal {
    pub(crate) fn new(config: &Bitrix24Portal, now_ms: i64) -> Self {
        Self {
            items: BTreeMap::new(),
            comments: BTreeMap::new(),
            activities: BTreeMap::new(),
            history: Vec::new(),
            limits: Limits::default(),
            tokens: Tokens::new(config.app.as_ref(), now_ms),
            outbox: Outbox::new(config),
            normalises_phones: true,
            next: BTreeMap::new(),
            config: config.clone(),
        }
    }

    /// A new id. Each kind counts from elsewhere: a mix-up finds nothing.
    pub(crate) fn next_id(&mut self, kind: &'static str) -> i64 {
        let first = match kind {
            "LEAD" => 3464,
            "DEAL" => 7404,
            "CONTACT" => 274,
            "COMPANY" => 40,
            "comment" => 998,
            "activity" => 1500,
            "multifield" => 11_657,
            _ => 0,
        };
        let next = self.next.entry(kind).or_insert(first);
        *next += 1;
        *next
    }

    /// Goes on where another stopped: what its clients keep (ids, tokens, what they bound) stays true.
    pub(crate) fn go_on(&mut self, before: Self) {
        self.next = before.next;
        self.tokens = before.tokens;
        self.outbox.bound = before.outbox.bound;
    }

    /// An item of the CRM.
    pub(crate) fn item(&self, entity: CrmEntity, id: i64) -> Option<&Item> {
        self.items.get(&entity)?.get(&id)
    }

    /// The items of a kind.
    pub(crate) fn of(&self, entity: CrmEntity) -> impl Iterator<Item = (i64, &Item)> {
        let items = self.items.get(&entity).into_iter().flatten();
        items.map(|(id, item)| (*id, item))
    }

    pub(crate) fn is_simple(&self) -> bool {
        self.config.mode == Bitrix24Mode::Simple
    }

    /// A moment as the portal writes it.
    pub(crate) fn date(&self, at_ms: i64) -> String {
        let utc = DateTime::from_timestamp_millis(at_ms).unwrap_or_default();
        let offset = FixedOffset::east_opt(self.config.offset_hours * 3600);
        match offset {
            Some(offset) => utc.with_timezone(&offset).format("%FT%T%:z").to_string(),
            None => utc.format("%FT%T+00:00").to_string(),
        }
    }
}

/// A lead, deal, contact or company.
#[derive(Debug, Clone, Default)]
pub(crate) struct Item {
    /// By their new names; what is not there is empty.
    pub(crate) fields: Map<String, Value>,
    pub(crate) fm: Vec<Multi>,
}

impl Item {
    /// A number, or 0.
    pub(crate) fn id(&self, name: &str) -> i64 {
        self.fields
            .get(name)
            .and_then(Value::as_i64)
            .unwrap_or_default()
    }

    /// A text, or nothing.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.fields
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The first value of a type.
    pub(crate) fn first(&self, type_id: &str, value_type: Option<&str>) -> Option<&str> {
        let fits = |multi: &&Multi| {
            multi.type_id == type_id && value_type.is_none_or(|wanted| multi.value_type == wanted)
        };
        self.fm.iter().find(fits).map(|multi| multi.value.as_str())
    }
}

/// A phone, an address, or a name in a messenger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Multi {
    pub(crate) id: i64,
    pub(crate) type_id: String,
    pub(crate) value_type: String,
    pub(crate) value: String,
}

/// Somebody at work in the portal, with everything locked.
pub(crate) struct Session<'a> {
    pub(crate) world: &'a Arc<World>,
    pub(crate) portal: &'a mut Portal,
    pub(crate) caller: Caller,
    pub(crate) now_ms: i64,
}

/// Who works.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caller {
    pub(crate) user: i64,
    pub(crate) scopes: Vec<String>,
    /// Whether it comes through an application.
    pub(crate) is_app: bool,
    /// What operating time is counted by: the webhook or the application.
    pub(crate) key: String,
}

impl<'a> Session<'a> {
    pub(crate) fn new(world: &'a Arc<World>, portal: &'a mut Portal, caller: Caller) -> Self {
        let now_ms = world.now_ms();
        Self {
            world,
            portal,
            caller,
            now_ms,
        }
    }

    /// Now, as the portal writes it.
    pub(crate) fn date(&self) -> String {
        self.portal.date(self.now_ms)
    }

    /// Something happened to an item: the page looks again, and whoever listens is told.
    pub(crate) fn tell(&mut self, event: &str, id: i64) {
        let event = event.to_ascii_uppercase();
        self.world
            .show(json!({"type": "bitrix24", "event": event, "id": id}));
        let (seconds, domain) = (self.now_ms / 1000, self.world.portal_url());
        let auth = self.portal.tokens.newest().cloned();
        self.portal.outbox.put(
            &self.portal.config,
            auth.as_ref(),
            &domain,
            &event,
            id,
            seconds,
        );
    }
}
