//! What a portal is like: with leads or without, its stages, sources and fields, what we may do there.
//!
//! Unknown fields vanish there without a word, stages are the firm's own, and the owner can switch between
//! leads and deals at any moment; so it is read before anything is written, and again each day.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Bitrix24Config;
use super::items::{Items, no_such_method};
use super::names::{Entity, new_name};
use super::row::{Row, id};
use crate::crm::{RecordKind, Trouble};

/// What follows from a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Semantic {
    /// It goes on.
    Process,
    /// Won.
    Success,
    /// Lost.
    Failure,
}

impl Semantic {
    /// `null`, `P`, `S` or `F`.
    pub(super) fn of(letter: Option<&str>) -> Self {
        match letter {
            Some("S") => Self::Success,
            Some("F") => Self::Failure,
            _ => Self::Process,
        }
    }
}

/// An entry of a dictionary: a stage, a source.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) name: String,
    /// Which of a deal's pipelines; 0 for all else.
    pub(super) pipeline: u32,
    pub(super) sort: i64,
    pub(super) semantic: Semantic,
}

/// A field of a record.
#[derive(Debug, Clone)]
pub(super) struct Field {
    /// As `crm.item.*` calls it.
    pub(super) name: String,
    /// As the old methods and the portal's pages call it.
    pub(super) old_name: String,
    /// As managers call it.
    pub(super) title: String,
    pub(super) kind: String,
    pub(super) required: bool,
    pub(super) read_only: bool,
    pub(super) multiple: bool,
    /// Of a list: id and words.
    pub(super) choices: Vec<(String, String)>,
}

impl Field {
    /// Whether the firm has made it, not the portal's vendor.
    pub(super) fn is_own(&self) -> bool {
        self.old_name.starts_with("UF_")
    }
}

/// What a portal is like.
#[derive(Debug)]
pub(super) struct Portal {
    /// What an enquiry is there: a deal where it has no leads.
    pub(super) kind: RecordKind,
    pub(super) fields: BTreeMap<Entity, Vec<Field>>,
    pub(super) stages: BTreeMap<Entity, Vec<Entry>>,
    pub(super) sources: Vec<Entry>,
    /// Nothing where it was not told.
    pub(super) scopes: Option<Vec<String>>,
    /// Id and name.
    pub(super) pipelines: BTreeMap<u32, String>,
    /// Whom we act as, and whether that is an administrator.
    pub(super) me: Option<(String, bool)>,
}

const ENTITIES: [Entity; 3] = [Entity::Lead, Entity::Deal, Entity::Contact];

pub(super) type Answers = BTreeMap<String, Result<Value, Trouble>>;

impl Portal {
    /// Reads it: one request, one more for the stages of further pipelines.
    pub(super) async fn read(items: &Items) -> Result<Self, Trouble> {
        let mut answers = ask(items).await?;
        if !items.old() && matches!(answers.get("lead_fields"), Some(Err(t)) if no_such_method(t)) {
            items.go_old();
            answers = ask(items).await?;
        }
        let pipelines = pipelines(take(&mut answers, "pipelines"));
        let further = further(items, &pipelines).await?;
        Self::of(answers, pipelines, further)
    }

    pub(super) fn of(
        mut answers: Answers,
        pipelines: BTreeMap<u32, String>,
        further: Vec<Entry>,
    ) -> Result<Self, Trouble> {
        let mut fields = BTreeMap::new();
        for entity in ENTITIES {
            let read = take(&mut answers, &format!("{}_fields", entity.name()))?;
            fields.insert(entity, read_fields(entity, read));
        }
        let mut deals = entries(take(&mut answers, "deal_stages")?, 0);
        deals.extend(further);
        let leads = entries(take(&mut answers, "lead_stages")?, 0);
        let me = take(&mut answers, "me").ok().map(Row::of);
        Ok(Self {
            kind: mode(take(&mut answers, "mode"))?,
            fields,
            stages: [(Entity::Lead, leads), (Entity::Deal, deals)].into(),
            sources: entries(take(&mut answers, "sources")?, 0),
            scopes: take(&mut answers, "scope")
                .ok()
                .and_then(|scopes| serde_json::from_value(scopes).ok()),
            pipelines,
            me: me.and_then(|me| Some((me.id("ID")?, me.flag("ADMIN")))),
        })
    }

    /// Whether we have any of these rights; where it was not told, the call itself tells.
    pub(super) fn may(&self, scopes: &[&str]) -> bool {
        let has = |have: &Vec<String>| have.iter().any(|one| scopes.contains(&one.as_str()));
        self.scopes.as_ref().is_none_or(has)
    }

    /// What an enquiry is there.
    pub(super) fn entity(&self) -> Entity {
        self.kind.into()
    }

    /// What it is, for a person.
    pub(super) fn words(&self) -> String {
        let mode = match self.kind {
            RecordKind::Lead => "with leads",
            RecordKind::Deal => "without leads: an enquiry becomes a contact and a deal",
        };
        let stages = self.stages.get(&self.entity()).map_or(0, Vec::len);
        format!("a portal {mode}, {stages} stages")
    }

    /// A field by any of its names.
    pub(super) fn field(&self, entity: Entity, name: &str) -> Option<&Field> {
        let is = |one: &str| one.eq_ignore_ascii_case(name);
        let mut fields = self.fields.get(&entity)?.iter();
        fields.find(|field| is(&field.name) || is(&field.old_name))
    }

    /// A stage.
    pub(super) fn stage(&self, entity: Entity, id: &str) -> Option<&Entry> {
        self.stages
            .get(&entity)?
            .iter()
            .find(|stage| stage.id == id)
    }

    /// Where a record of that pipeline begins.
    pub(super) fn first_stage(&self, entity: Entity, pipeline: u32) -> Option<&Entry> {
        let stages = self.stages.get(&entity)?.iter();
        let mine = stages.filter(|stage| stage.pipeline == pipeline);
        mine.min_by_key(|stage| stage.sort)
    }

    /// What a channel's enquiries are said to come from.
    pub(super) fn source(&self, config: &Bitrix24Config, channel: &str) -> Option<String> {
        let configured = config.sources.get(channel).map(String::as_str);
        let has = |id: &&str| self.sources.iter().any(|source| source.id == *id);
        let source = [configured, Some("WEB")].into_iter().flatten().find(has)?;
        Some(source.to_owned())
    }
}

/// What is told in one request; nothing in it comes from a customer.
async fn ask(items: &Items) -> Result<Answers, Trouble> {
    let dictionary = |id: &str| json!({"filter": {"ENTITY_ID": id}, "order": {"SORT": "ASC"}});
    let fields = |entity: Entity| {
        if items.old() {
            (format!("crm.{}.fields", entity.name()), json!({}))
        } else {
            let params = json!({"entityTypeId": entity.number()});
            ("crm.item.fields".to_owned(), params)
        }
    };
    let [lead, deal, contact] = ENTITIES.map(fields);
    let reads = [
        ("scope", "scope", json!({})),
        ("me", "profile", json!({})),
        ("mode", "crm.settings.mode.get", json!({})),
        ("lead_stages", "crm.status.list", dictionary("STATUS")),
        ("deal_stages", "crm.status.list", dictionary("DEAL_STAGE")),
        ("sources", "crm.status.list", dictionary("SOURCE")),
        ("pipelines", "crm.category.list", json!({"entityTypeId": 2})),
        ("lead_fields", lead.0.as_str(), lead.1),
        ("deal_fields", deal.0.as_str(), deal.1),
        ("contact_fields", contact.0.as_str(), contact.1),
    ];
    items.client.batch(&reads).await
}

fn take(answers: &mut Answers, name: &str) -> Result<Value, Trouble> {
    answers.remove(name).unwrap_or(Ok(Value::Null))
}

/// Stages of all pipelines but the first, which has none of its number in its names.
async fn further(items: &Items, pipelines: &BTreeMap<u32, String>) -> Result<Vec<Entry>, Trouble> {
    let further: Vec<(u32, String)> = pipelines
        .keys()
        .filter(|id| **id != 0)
        .map(|id| (*id, format!("p{id}")))
        .collect();
    if further.is_empty() {
        return Ok(Vec::new());
    }
    let reads: Vec<(&str, &str, Value)> = further
        .iter()
        .map(|(id, name)| {
            let filter = json!({"ENTITY_ID": format!("DEAL_STAGE_{id}")});
            (name.as_str(), "crm.status.list", json!({"filter": filter}))
        })
        .collect();
    let mut answers = items.client.batch(&reads).await?;
    let mut stages = Vec::new();
    for (id, name) in &further {
        stages.extend(entries(take(&mut answers, name)?, *id));
    }
    Ok(stages)
}

/// 1 is classic, 2 simple
/// (<https://apidocs.bitrix24.com/api-reference/crm/crm-settings-mode-get.html>). Servers that know no modes
/// have leads.
fn mode(answer: Result<Value, Trouble>) -> Result<RecordKind, Trouble> {
    match answer {
        Ok(mode) if id(&mode).as_deref() == Some("2") => Ok(RecordKind::Deal),
        Ok(_) => Ok(RecordKind::Lead),
        Err(trouble) if no_such_method(&trouble) => Ok(RecordKind::Lead),
        Err(trouble) => Err(trouble),
    }
}

/// Servers without pipelines do not know the method.
fn pipelines(answer: Result<Value, Trouble>) -> BTreeMap<u32, String> {
    let categories = answer.map(|answer| answer["categories"].clone());
    let rows = Row::all(categories.unwrap_or_default()).into_iter();
    rows.map(|row| {
        let id = row.id("id").and_then(|id| id.parse().ok());
        let name = row.text("name").unwrap_or_default().to_owned();
        (id.unwrap_or(0), name)
    })
    .collect()
}

fn entries(answer: Value, pipeline: u32) -> Vec<Entry> {
    let entry = |row: Row| {
        Some(Entry {
            id: row.text("STATUS_ID")?.to_owned(),
            name: row.text("NAME").unwrap_or_default().to_owned(),
            pipeline,
            sort: row
                .id("SORT")
                .and_then(|sort| sort.parse().ok())
                .unwrap_or(0),
            semantic: Semantic::of(row.text("SEMANTICS")),
        })
    };
    Row::all(answer).into_iter().filter_map(entry).collect()
}

/// New methods wrap the fields and tell the old name; old ones tell that one alone.
fn read_fields(entity: Entity, mut answer: Value) -> Vec<Field> {
    let fields = match answer.get_mut("fields") {
        Some(fields) => fields.take(),
        None => answer,
    };
    let fields = Row::of(fields).0.into_iter();
    fields
        .map(|(name, value)| {
            let row = Row::of(value);
            let old_name = row.text("upperName").unwrap_or(&name).to_owned();
            let choices = Row::all(row.value("items").clone()).into_iter();
            // Own fields are called by their code in `title`, and by what managers see in a label.
            let labels = ["formLabel", "listLabel", "title"];
            Field {
                name: if name.contains(char::is_lowercase) {
                    name
                } else {
                    new_name(entity, &name)
                },
                title: labels
                    .iter()
                    .find_map(|label| row.text(label))
                    .unwrap_or(&old_name)
                    .to_owned(),
                kind: row.text("type").unwrap_or_default().to_owned(),
                required: row.flag("isRequired"),
                read_only: row.flag("isReadOnly"),
                multiple: row.flag("isMultiple"),
                choices: choices
                    .filter_map(|one| Some((one.id("ID")?, one.text("VALUE")?.to_owned())))
                    .collect(),
                old_name,
            }
        })
        .collect()
}
