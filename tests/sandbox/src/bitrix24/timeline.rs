//! What is written beside an item: comments, records of machines, and things to do.

use serde_json::{Value, json};

use super::answer::{Answer, Rest, RestError};
use super::fields::CrmEntity;
use super::paging::{self, Names, Row};
use super::php::Php;
use super::state::Session;

/// A comment, or what a machine noted.
#[derive(Debug, Clone)]
pub(crate) struct Comment {
    pub(crate) owner: (CrmEntity, i64),
    pub(crate) author: i64,
    pub(crate) text: String,
    /// The title of a machine's record; a comment has none.
    pub(crate) title: Option<String>,
    pub(crate) at_ms: i64,
}

/// Something to do until a moment.
#[derive(Debug, Clone)]
pub(crate) struct Activity {
    pub(crate) owner: (CrmEntity, i64),
    pub(crate) author: i64,
    pub(crate) responsible: i64,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) deadline_ms: i64,
    pub(crate) created_ms: i64,
    pub(crate) completed: bool,
}

fn no_owner() -> RestError {
    RestError::bad("OWNER_NOT_FOUND", "Owner was not found")
}

fn not_found() -> RestError {
    RestError::bad("NOT_FOUND", "Not found.")
}

impl Session<'_> {
    /// Writes beside an item; events tell of comments only.
    pub(crate) fn write_beside(
        &mut self,
        owner: (CrmEntity, i64),
        text: &str,
        title: Option<String>,
    ) -> Result<i64, RestError> {
        if self.portal.item(owner.0, owner.1).is_none() {
            return Err(no_owner());
        }
        if text.trim().is_empty() {
            let why = "Empty comment message";
            return Err(RestError::bad("INVALID_ARG_VALUE", why));
        }
        let (id, is_comment) = (self.portal.next_id("comment"), title.is_none());
        let comment = Comment {
            owner,
            author: self.caller.user,
            text: text.to_owned(),
            title,
            at_ms: self.now_ms,
        };
        self.portal.comments.insert(id, comment);
        self.touch(owner);
        if is_comment {
            self.tell("ONCRMTIMELINECOMMENTADD", id);
        } else {
            self.world.show(json!({"type": "bitrix24", "id": id}));
        }
        Ok(id)
    }

    fn touch(&mut self, (entity, id): (CrmEntity, i64)) {
        let (date, user) = (self.date(), self.caller.user);
        let items = self.portal.items.get_mut(&entity);
        if let Some(item) = items.and_then(|items| items.get_mut(&id)) {
            item.fields
                .insert("lastActivityTime".to_owned(), json!(date));
            item.fields.insert("lastActivityBy".to_owned(), json!(user));
        }
    }

    /// `crm.timeline.comment.*`. `fields` is read in lower case only.
    pub(crate) fn comment_method(&mut self, method: &str, params: &Php) -> Rest {
        let fields = params.get("fields");
        let id = params.any_case("id").int();
        match method {
            "add" | "update" if !fields.is_array() => Err(RestError::missing("fields")),
            "add" => {
                let owner = old_owner(fields)?;
                let id = self.write_beside(owner, &fields.get("COMMENT").text(), None)?;
                Ok(Answer::from(json!(id)))
            }
            "update" => {
                let comment = self.portal.comments.get_mut(&id).ok_or_else(not_found)?;
                comment.text = fields.get("COMMENT").text();
                self.tell("ONCRMTIMELINECOMMENTUPDATE", id);
                Ok(Answer::from(json!(true)))
            }
            "get" => {
                let comment = self.portal.comments.get(&id).ok_or_else(not_found)?;
                Ok(Answer::from(self.shown_comment(id, comment)))
            }
            "delete" => {
                self.portal.comments.remove(&id).ok_or_else(not_found)?;
                self.tell("ONCRMTIMELINECOMMENTDELETE", id);
                Ok(Answer::from(json!(true)))
            }
            "list" => self.comments(params),
            _ => Err(RestError::no_method()),
        }
    }

    fn comments(&self, params: &Php) -> Rest {
        let filter = params.any_case("filter");
        // The real one lists the comments of one item only.
        let named = |name: &str| {
            let entries = filter.entries().iter();
            let mut names = entries.map(|(key, _)| key.trim_start_matches('='));
            names.any(|key| key.eq_ignore_ascii_case(name))
        };
        if !named("ENTITY_ID") || !named("ENTITY_TYPE") {
            return Err(RestError::wordless("Access denied."));
        }
        let comments = self.portal.comments.iter();
        let own = comments.filter(|(_, comment)| comment.title.is_none());
        let rows = own.map(|(id, comment)| {
            let shown = self.shown_comment(*id, comment);
            let mut keys = shown.clone();
            for name in ["ID", "ENTITY_ID", "AUTHOR_ID"] {
                let number: Option<i64> = shown[name].as_str().and_then(|it| it.parse().ok());
                keys[name] = json!(number);
            }
            Row::with_keys(*id, keys, shown)
        });
        let listed = paging::page(rows.collect(), params, Names::Old)?;
        Ok(listed.bare())
    }

    fn shown_comment(&self, id: i64, comment: &Comment) -> Value {
        json!({
            "ID": id.to_string(), "CREATED": self.portal.date(comment.at_ms),
            "ENTITY_ID": comment.owner.1.to_string(),
            "ENTITY_TYPE": comment.owner.0.word().to_lowercase(),
            "AUTHOR_ID": comment.author.to_string(), "COMMENT": comment.text,
        })
    }

    /// `crm.timeline.logmessage.add`.
    pub(crate) fn log_message(&mut self, params: &Php) -> Rest {
        let fields = params.get("fields");
        if !fields.is_array() {
            return Err(RestError::missing("fields"));
        }
        let owner = owner(fields, ("entityTypeId", "entityId"))?;
        let (title, text) = (fields.get("title").text(), fields.get("text").text());
        let id = self.write_beside(owner, &text, Some(title.clone()))?;
        let message = json!({
            "id": id, "created": self.date(), "authorId": self.caller.user,
            "title": title, "text": text, "iconCode": fields.get("iconCode").text(),
        });
        Ok(Answer::from(json!({ "logMessage": message })))
    }

    /// `crm.activity.todo.add`.
    pub(crate) fn add_todo(&mut self, params: &Php) -> Rest {
        for name in ["ownerTypeId", "ownerId", "deadline"] {
            if params.get(name).is_null() {
                return Err(RestError::missing(name));
            }
        }
        let owner = owner(params, ("ownerTypeId", "ownerId"))?;
        if self.portal.item(owner.0, owner.1).is_none() {
            return Err(no_owner());
        }
        let deadline = self.moment(&params.get("deadline").text());
        let Some(deadline_ms) = deadline else {
            let why = "Wrong date and time format";
            return Err(RestError::bad("WRONG_DATETIME_FORMAT", why));
        };
        let wished = params.get("responsibleId").int();
        let responsible = if wished > 0 { wished } else { self.caller.user };
        let title = match params.get("title").text() {
            empty if empty.is_empty() => "Дело".to_owned(),
            title => title,
        };
        let activity = Activity {
            owner,
            author: self.caller.user,
            responsible,
            title,
            description: params.get("description").text(),
            deadline_ms,
            created_ms: self.now_ms,
            completed: false,
        };
        let id = self.portal.next_id("activity");
        self.portal.activities.insert(id, activity);
        self.touch(owner);
        self.tell("ONCRMACTIVITYADD", id);
        Ok(Answer::from(json!({ "id": id })))
    }

    /// `crm.activity.list`, `get`, `delete` and the one `update` there is: it is done.
    pub(crate) fn activity_method(&mut self, method: &str, params: &Php) -> Rest {
        let id = params.any_case("id").int();
        let wordless = || RestError::wordless("Not found");
        match method {
            "get" => {
                let activity = self.portal.activities.get(&id).ok_or_else(wordless)?;
                Ok(Answer::from(self.shown_activity(id, activity)))
            }
            "delete" => {
                self.portal.activities.remove(&id).ok_or_else(wordless)?;
                self.tell("ONCRMACTIVITYDELETE", id);
                Ok(Answer::from(json!(true)))
            }
            "update" => {
                let done = params.any_case("fields").get("COMPLETED").text() == "Y";
                let activity = self.portal.activities.get_mut(&id).ok_or_else(wordless)?;
                activity.completed = done;
                self.tell("ONCRMACTIVITYUPDATE", id);
                Ok(Answer::from(json!(true)))
            }
            "list" => {
                let rows = self.portal.activities.iter().map(|(id, activity)| {
                    let shown = self.shown_activity(*id, activity);
                    let mut keys = shown.clone();
                    for name in ["ID", "OWNER_ID", "OWNER_TYPE_ID", "RESPONSIBLE_ID"] {
                        let number: Option<i64> =
                            shown[name].as_str().and_then(|it| it.parse().ok());
                        keys[name] = json!(number);
                    }
                    Row::with_keys(*id, keys, shown)
                });
                let listed = paging::page(rows.collect(), params, Names::Old)?;
                Ok(listed.bare())
            }
            _ => Err(RestError::no_method()),
        }
    }

    fn shown_activity(&self, id: i64, activity: &Activity) -> Value {
        let (entity, owner) = activity.owner;
        let date = |at_ms| self.portal.date(at_ms);
        json!({
            "ID": id.to_string(), "OWNER_ID": owner.to_string(),
            "OWNER_TYPE_ID": entity.type_id().to_string(), "TYPE_ID": "6",
            "PROVIDER_ID": "CRM_TODO", "PROVIDER_TYPE_ID": "TODO",
            "SUBJECT": activity.title, "DESCRIPTION": activity.description,
            "CREATED": date(activity.created_ms), "DEADLINE": date(activity.deadline_ms),
            "COMPLETED": if activity.completed { "Y" } else { "N" },
            "STATUS": if activity.completed { "2" } else { "1" },
            "RESPONSIBLE_ID": activity.responsible.to_string(), "AUTHOR_ID": activity.author.to_string(),
        })
    }
}

fn owner(params: &Php, (kind, id): (&str, &str)) -> Result<(CrmEntity, i64), RestError> {
    let entity = CrmEntity::of_type(params.get(kind).int()).ok_or_else(no_owner)?;
    Ok((entity, params.get(id).int()))
}

fn old_owner(fields: &Php) -> Result<(CrmEntity, i64), RestError> {
    let entity = CrmEntity::named(&fields.get("ENTITY_TYPE").text()).ok_or_else(no_owner)?;
    Ok((entity, fields.get("ENTITY_ID").int()))
}
