//! The history of a record, and what a person has to do about it.

use chrono::SecondsFormat;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Bitrix24;
use super::items::{no_id, number};
use super::names::Entity;
use super::row::{Row, id};
use super::text::{cut, marked, short};
use crate::crm::{Record, Todo, Trouble};

/// What a comment may weigh.
const COMMENT: usize = 10_000;
/// What a task may say.
const TASK: usize = 2_000;
const TITLE: usize = 255;
/// When the one who has to act is reminded: so many minutes before.
const REMIND: [u32; 2] = [0, 15];
/// Pages of fifty that are looked through for what may be there; what was just tried is among the newest.
const PAGES: u32 = 10;

impl Bitrix24 {
    /// Adds a comment; `again` looks whether it is there.
    pub(super) async fn note(
        &self,
        record: &Record,
        mark: Uuid,
        text: &str,
        again: bool,
    ) -> Result<String, Trouble> {
        let entity = Entity::from(record.kind);
        let owner = json!({"ENTITY_TYPE": entity.name(), "ENTITY_ID": number(&record.id)});
        if again
            && let Some(id) = self
                .marked("crm.timeline.comment.list", &owner, "COMMENT", mark)
                .await?
        {
            return Ok(id);
        }
        let mut fields = owner;
        fields["COMMENT"] = json!(marked(text, mark, COMMENT));
        let method = "crm.timeline.comment.add";
        let answer = self
            .items
            .client
            .write(method, json!({"fields": fields}))
            .await?;
        id(&answer.result).ok_or_else(|| no_id(method))
    }

    /// Gives somebody something to do; `again` looks whether that is there.
    pub(super) async fn task(
        &self,
        record: &Record,
        mark: Uuid,
        todo: &Todo,
        again: bool,
    ) -> Result<String, Trouble> {
        let entity = Entity::from(record.kind);
        let owner = json!({"OWNER_TYPE_ID": entity.number(), "OWNER_ID": number(&record.id)});
        if again
            && let Some(id) = self
                .marked("crm.activity.list", &owner, "DESCRIPTION", mark)
                .await?
        {
            return Ok(id);
        }
        let mut params = json!({
            "ownerTypeId": entity.number(),
            "ownerId": number(&record.id),
            // Without an offset it would be a time of the portal.
            "deadline": todo.deadline.to_rfc3339_opts(SecondsFormat::Secs, false),
            "title": cut(&todo.title, TITLE),
            "description": marked(&todo.text, mark, TASK),
            "pingOffsets": REMIND,
        });
        if let Some(responsible) = &todo.responsible {
            params["responsibleId"] = number(responsible);
        }
        let method = "crm.activity.todo.add";
        let answer = self.items.client.write(method, params).await?;
        id(&answer.result["id"]).ok_or_else(|| no_id(method))
    }

    /// What was written under a mark before, newest entries first.
    async fn marked(
        &self,
        method: &str,
        owner: &Value,
        field: &str,
        mark: Uuid,
    ) -> Result<Option<String>, Trouble> {
        let mark = short(mark);
        let mut start = Some(0);
        for _ in 0..PAGES {
            let Some(from) = start else { break };
            let params = json!({
                "filter": owner,
                "select": ["ID", field],
                "order": {"ID": "DESC"},
                "start": from,
            });
            let answer = self.items.client.read(method, params).await?;
            let mut rows = Row::all(answer.result).into_iter();
            let mine = rows.find(|row| row.text(field).is_some_and(|text| text.contains(&mark)));
            if let Some(id) = mine.and_then(|row| row.id("ID")) {
                return Ok(Some(id));
            }
            start = answer.next;
        }
        Ok(None)
    }
}
