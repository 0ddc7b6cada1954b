//! What tests and the page see of the portal.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::fields::CrmEntity;
use super::state::{Item, Portal};
use super::{item_api, stages};

/// A lead, deal, contact or company as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CrmItem {
    /// What it is.
    pub entity: CrmEntity,
    /// Its id.
    pub id: i64,
    /// Its title, or the name of a contact.
    pub title: String,
    /// For example `IN_PROCESS`; nothing for contacts and companies.
    pub stage: String,
    /// `P`, `S` or `F`.
    pub semantic: String,
    /// Who answers for it.
    pub assigned_to: i64,
    /// For example `WEB`.
    pub source: String,
    /// Who entered it: the outside program.
    pub originator: String,
    /// Its key there.
    pub origin: String,
    /// The text of the card.
    pub comments: String,
    /// The contact of a lead or deal, or 0.
    pub contact: i64,
    /// The lead a deal or contact was made of, or 0.
    pub lead: i64,
    /// Phones, mails and messengers.
    pub multi: Vec<CrmMulti>,
    /// Everything, as `crm.item.get` shows it.
    pub fields: Value,
}

impl CrmItem {
    /// The values of a type, for example `PHONE`.
    pub fn values(&self, type_id: &str) -> Vec<&str> {
        let own = self.multi.iter().filter(|multi| multi.type_id == type_id);
        own.map(|multi| multi.value.as_str()).collect()
    }
}

/// A phone, an address, or a name in a messenger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrmMulti {
    /// `PHONE`, `EMAIL`, `WEB`, `IM` or `LINK`.
    pub type_id: String,
    /// For example `MOBILE`.
    pub value_type: String,
    /// The value.
    pub value: String,
}

/// A comment, or a machine's record if it has a title.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrmComment {
    /// Its id.
    pub id: i64,
    /// Beside what.
    pub entity: CrmEntity,
    /// Beside which.
    pub item: i64,
    /// Who wrote.
    pub author: i64,
    /// The text, with BB-code in it.
    pub text: String,
    /// The title of a machine's record.
    pub title: Option<String>,
    /// Seconds since 1970.
    pub at: i64,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrmTodo {
    /// Its id.
    pub id: i64,
    /// Of what.
    pub entity: CrmEntity,
    /// Of which.
    pub item: i64,
    /// What to do.
    pub title: String,
    /// The same at length.
    pub description: String,
    /// Who is to do it.
    pub responsible: i64,
    /// Until when, in seconds since 1970.
    pub deadline: i64,
    /// Whether it is done.
    pub completed: bool,
}

impl Portal {
    /// The items of a kind, oldest first.
    pub(crate) fn crm_items(&self, entity: CrmEntity) -> Vec<CrmItem> {
        let items = self.of(entity);
        items
            .map(|(id, item)| self.crm_item(entity, id, item))
            .collect()
    }

    fn crm_item(&self, entity: CrmEntity, id: i64, item: &Item) -> CrmItem {
        let text = |name: &str| item.text(name).to_owned();
        let title = match entity {
            CrmEntity::Contact => format!("{} {}", item.text("name"), item.text("lastName")),
            _ => text("title"),
        };
        let multi = item.fm.iter().map(|multi| CrmMulti {
            type_id: multi.type_id.clone(),
            value_type: multi.value_type.clone(),
            value: multi.value.clone(),
        });
        CrmItem {
            entity,
            id,
            title: title.trim().to_owned(),
            stage: text("stageId"),
            semantic: text("stageSemanticId"),
            assigned_to: item.id("assignedById"),
            source: text("sourceId"),
            originator: text("originatorId"),
            origin: text("originId"),
            comments: text("comments"),
            contact: item.id("contactId"),
            lead: item.id("leadId"),
            multi: multi.collect(),
            fields: Value::Object(item_api::shown(self, entity, item, false, true)),
        }
    }

    /// All comments and records, oldest first.
    pub(crate) fn crm_comments(&self) -> Vec<CrmComment> {
        let comments = self.comments.iter().map(|(id, comment)| CrmComment {
            id: *id,
            entity: comment.owner.0,
            item: comment.owner.1,
            author: comment.author,
            text: comment.text.clone(),
            title: comment.title.clone(),
            at: comment.at_ms / 1000,
        });
        comments.collect()
    }

    /// All things to do, oldest first.
    pub(crate) fn crm_todos(&self) -> Vec<CrmTodo> {
        let todos = self.activities.iter().map(|(id, activity)| CrmTodo {
            id: *id,
            entity: activity.owner.0,
            item: activity.owner.1,
            title: activity.title.clone(),
            description: activity.description.clone(),
            responsible: activity.responsible,
            deadline: activity.deadline_ms / 1000,
            completed: activity.completed,
        });
        todos.collect()
    }

    /// Everything that the page shows. No secrets.
    pub(crate) fn board(&self) -> Value {
        let stages = |entity| -> Value {
            let stages = stages::of(entity).iter().map(|stage| {
                json!({"id": stage.id, "name": stage.name, "semantic": stage.semantic, "colour": stage.colour})
            });
            stages.collect()
        };
        let items = |entity| json!(self.crm_items(entity));
        json!({
            "mode": self.config.mode, "users": self.config.users,
            "stages": {"lead": stages(CrmEntity::Lead), "deal": stages(CrmEntity::Deal)},
            "lead": items(CrmEntity::Lead), "deal": items(CrmEntity::Deal),
            "contact": items(CrmEntity::Contact), "company": items(CrmEntity::Company),
            "comments": self.crm_comments(), "todos": self.crm_todos(),
            "custom_fields": self.config.custom_fields,
            "refused": self.limits.refused, "refreshes": self.tokens.refreshes,
        })
    }
}
