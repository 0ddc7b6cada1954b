//! A portal that keeps what is written to it, odd where the real one is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use super::super::names::{Entity, new_name, new_row, old_name};
use super::super::row::Row;

/// What goes wrong with the next call of a method.
#[derive(Clone, Copy)]
pub(super) enum Fault {
    /// It is refused with this code.
    Refused(&'static str),
    /// It is carried out, and a proxy answers in its place.
    Lost,
}

/// In what a portal may differ from others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Odd {
    /// It has no `crm.item.*`.
    Old,
    /// Its `crm.item.list` does not filter by `originId`.
    OriginHidden,
    /// Every record must have an own field.
    Required,
}

/// What a method answers: result and next page, or status, code and words.
type Reply = Result<(Value, Option<u64>), (u16, &'static str, &'static str)>;

/// Everything in the portal.
#[derive(Default)]
pub(super) struct World {
    /// Without leads: a lead that is added becomes a deal at once.
    pub(super) simple: bool,
    /// How else it is odd.
    pub(super) odd: Option<Odd>,
    pub(super) rows: BTreeMap<Entity, Vec<Map<String, Value>>>,
    pub(super) comments: Vec<Map<String, Value>>,
    pub(super) todos: Vec<Value>,
    pub(super) users: Vec<Value>,
    pub(super) scopes: Vec<&'static str>,
    pub(super) calls: Vec<(String, Value)>,
    pub(super) faults: Vec<(&'static str, Fault)>,
    pub(super) last: u64,
}

impl World {
    /// How often a method was called, also within a batch.
    pub(super) fn called(&self, method: &str) -> usize {
        self.calls.iter().filter(|(one, _)| one == method).count()
    }

    /// Puts a record there.
    pub(super) fn put(&mut self, entity: Entity, fields: Value) -> u64 {
        self.last += 1;
        let mut row = Row::of(fields).0;
        row.insert("id".to_owned(), json!(self.last));
        for (name, value) in [
            ("stageId", json!("NEW")),
            ("stageSemanticId", json!("P")),
            ("assignedById", json!(1)),
            ("categoryId", json!(0)),
            ("contactId", json!(0)),
            ("leadId", json!(0)),
            ("updatedTime", json!("2026-11-20T12:00:00+03:00")),
        ] {
            row.entry(name).or_insert(value);
        }
        self.rows.entry(entity).or_default().push(row);
        self.last
    }

    pub(super) fn row(&self, entity: Entity, n: usize) -> Row {
        Row(self.rows[&entity][n].clone())
    }

    pub(super) fn count(&self, entity: Entity) -> usize {
        self.rows.get(&entity).map_or(0, Vec::len)
    }

    fn find(&mut self, entity: Entity, params: &Value) -> Option<&mut Map<String, Value>> {
        let id = Row::of(params.clone()).id("id");
        let mut rows = self.rows.get_mut(&entity)?.iter_mut();
        rows.find(|row| Row((*row).clone()).id("id") == id)
    }

    fn call(&mut self, method: &str, params: &Value) -> Reply {
        self.calls.push((method.to_owned(), params.clone()));
        let fine = |result: Value| Ok((result, None));
        match method {
            "scope" => fine(json!(self.scopes)),
            "profile" => fine(json!({"ID": "1", "ADMIN": true})),
            "crm.settings.mode.get" => fine(json!(if self.simple { 2 } else { 1 })),
            "crm.status.list" => fine(dictionary(&params["filter"]["ENTITY_ID"])),
            "crm.category.list" => fine(json!({"categories": [
                {"id": 0, "name": "Общая"}, {"id": 3, "name": "Свадьбы"}]})),
            "crm.duplicate.findbycomm" => fine(self.duplicates(params)),
            "crm.timeline.comment.add" => self.comment(&params["fields"]),
            "crm.timeline.comment.list" => fine(self.comments.iter().rev().cloned().collect()),
            "crm.activity.todo.add" => {
                self.todos.push(params.clone());
                fine(json!({"id": self.todos.len()}))
            }
            "crm.activity.list" => {
                let todos = self.todos.iter().enumerate();
                fine(todos.map(|(n, todo)| {
                    json!({"ID": (n + 1).to_string(), "DESCRIPTION": todo["description"]})
                }).collect())
            }
            "user.get" => Ok(self.users(params)),
            "timeman.status" => {
                fine(json!({"STATUS": if params["USER_ID"] == "6" { "OPENED" } else { "EXPIRED" }}))
            }
            "calendar.accessibility.get" => fine(json!({"6": [], "7": [{
                "DATE_FROM_TS_UTC": "1", "DATE_TO_TS_UTC": "99999999999", "ACCESSIBILITY": "absent",
                "DATE_TO": "01.01.2100 12:00:00"}]})),
            _ => self.records(method, params),
        }
    }

    fn records(&mut self, method: &str, params: &Value) -> Reply {
        let unknown = Err((404, "ERROR_METHOD_NOT_FOUND", "Method not found!"));
        let Some((kind, verb)) = method
            .strip_prefix("crm.")
            .and_then(|rest| rest.split_once('.'))
        else {
            return unknown;
        };
        if kind == "item" {
            if self.odd == Some(Odd::Old) {
                return unknown;
            }
            let entity = match Row::of(params.clone()).id("entityTypeId").as_deref() {
                Some("1") => Entity::Lead,
                Some("2") => Entity::Deal,
                _ => Entity::Contact,
            };
            return self
                .record(entity, verb, params)
                .map(|(value, next)| match verb {
                    "list" => (json!({"items": value}), next),
                    "fields" => (json!({"fields": value}), next),
                    _ => (json!({"item": value}), next),
                });
        }
        let entities = [Entity::Lead, Entity::Deal, Entity::Contact];
        let Some(entity) = entities.into_iter().find(|one| one.name() == kind) else {
            return unknown;
        };
        self.old_record(entity, verb, params)
    }

    /// The methods of old, in terms of the new ones.
    fn old_record(&mut self, entity: Entity, verb: &str, params: &Value) -> Reply {
        let odd = self.odd.take_if(|odd| *odd == Odd::OriginHidden);
        let mut new = params.clone();
        new["fields"] = json!(new_row(entity, Row::of(params["fields"].clone())).0);
        let filter = Row::of(params["filter"].clone()).0.into_iter();
        let filter = filter.map(|(name, value)| {
            let (how, name) = name.split_at(name.find(char::is_alphabetic).unwrap_or(0));
            (format!("{how}{}", new_name(entity, name)), value)
        });
        new["filter"] = Value::Object(filter.collect());
        new["id"] = params["id"].clone();
        let done = self.record(entity, verb, &new);
        self.odd = self.odd.or(odd);
        let (value, next) = done?;
        let old = |row: Value| {
            let fields = Row::of(row).0.into_iter();
            let fields = fields.map(|(name, value)| match value {
                Value::Number(number) => (old_name(entity, &name), json!(number.to_string())),
                value => (old_name(entity, &name), value),
            });
            Value::Object(fields.collect())
        };
        Ok(match (verb, value) {
            ("add", value) => (value["id"].clone(), next),
            ("list", Value::Array(rows)) => (rows.into_iter().map(old).collect(), next),
            (_, value) => (old(value), next),
        })
    }

    fn record(&mut self, entity: Entity, verb: &str, params: &Value) -> Reply {
        let gone = (400, "NOT_FOUND", "Item not found");
        match verb {
            "fields" => Ok((self.fields(), None)),
            "add" => {
                if self.odd == Some(Odd::Required) && params["fields"].get("ufCrm_9").is_none() {
                    return Err((400, "CRM_FIELD_ERROR_REQUIRED", "Поле «Откуда» обязательно"));
                }
                let becomes = if self.simple && entity == Entity::Lead {
                    Entity::Deal
                } else {
                    entity
                };
                let id = self.put(becomes, params["fields"].clone());
                Ok((
                    json!({"id": id, "assignedById": params["fields"].get("assignedById").unwrap_or(&json!(1))}),
                    None,
                ))
            }
            "get" => self
                .find(entity, params)
                .map(|row| (json!(row), None))
                .ok_or(gone),
            "delete" => {
                self.find(entity, params).ok_or(gone)?;
                let id = Row::of(params.clone()).id("id");
                self.rows
                    .entry(entity)
                    .or_default()
                    .retain(|row| Row(row.clone()).id("id") != id);
                Ok((json!([]), None))
            }
            "update" => {
                let row = self.find(entity, params).ok_or(gone)?;
                for (name, value) in Row::of(params["fields"].clone()).0 {
                    if name == "fm" {
                        let fm = row.entry("fm").or_insert_with(|| json!([]));
                        fm.as_array_mut()
                            .unwrap()
                            .extend(Row::all(value).into_iter().map(|row| json!(row.0)));
                    } else {
                        row.insert(name, value);
                    }
                }
                Ok((json!(row), None))
            }
            _ => self.list(entity, &params["filter"]),
        }
    }

    fn list(&self, entity: Entity, filter: &Value) -> Reply {
        if self.odd == Some(Odd::OriginHidden) && filter.get("=originId").is_some() {
            let why = "Invalid filter: field 'originId' is not allowed in filter";
            return Err((400, "INVALID_ARG_VALUE", why));
        }
        let rows = self.rows.get(&entity).into_iter().flatten();
        let mut rows: Vec<&Map<String, Value>> = rows.filter(|row| passes(row, filter)).collect();
        rows.sort_by_key(|row| row["id"].as_u64());
        Ok((
            rows.into_iter().take(50).map(|row| json!(row)).collect(),
            None,
        ))
    }

    fn duplicates(&self, params: &Value) -> Value {
        let wanted = params["entity_type"].as_str().unwrap_or_default();
        let entities = [Entity::Lead, Entity::Contact];
        let entity = entities
            .into_iter()
            .find(|one| one.name().to_uppercase() == wanted);
        let rows = entity
            .and_then(|entity| self.rows.get(&entity))
            .into_iter()
            .flatten();
        let values = Row::all(params["values"].clone()).len();
        assert!((1..=20).contains(&values), "{values} values");
        let values = params["values"].to_string();
        let has = |row: &&Map<String, Value>| {
            let reach = Row((*row).clone()).reach();
            reach
                .iter()
                .any(|one| values.contains(&format!("\"{}\"", one.value)))
        };
        let found: Vec<Value> = rows.filter(has).map(|row| row["id"].clone()).collect();
        if found.is_empty() {
            json!([])
        } else {
            json!({ wanted: found })
        }
    }

    fn comment(&mut self, fields: &Value) -> Reply {
        let mut comment = Row::of(fields.clone()).0;
        let kind = comment["ENTITY_TYPE"].as_str().unwrap_or_default();
        let entity = if kind == "deal" {
            Entity::Deal
        } else {
            Entity::Lead
        };
        if self
            .find(entity, &json!({"id": comment["ENTITY_ID"]}))
            .is_none()
        {
            return Err((400, "OWNER_NOT_FOUND", "Owner was not found"));
        }
        let id = self.comments.len() + 1;
        comment.insert("ID".to_owned(), json!(id.to_string()));
        self.comments.push(comment);
        Ok((json!(id), None))
    }

    fn users(&self, params: &Value) -> (Value, Option<u64>) {
        let start = params["start"].as_u64().unwrap_or_default();
        let from = usize::try_from(start).unwrap();
        let page = self.users.iter().skip(from).take(50).cloned();
        let more = self.users.len() > from + 50;
        (page.collect(), more.then_some(start + 50))
    }

    fn fields(&self) -> Value {
        let field = |kind: &str, title: &str, old: &str| {
            json!({"type": kind, "title": title, "upperName": old, "isRequired": false,
                "isReadOnly": false, "isMultiple": false})
        };
        let mut fields = json!({
            "title": field("string", "Название", "TITLE"),
            "ufCrm_1": field("string", "Температура", "UF_CRM_1"),
            "ufCrm_2": field("integer", "Балл", "UF_CRM_2"),
            "ufCrm_3": field("boolean", "Без бота", "UF_CRM_3"),
            "ufCrm_4": field("enumeration", "Интерес", "UF_CRM_4"),
            "ufCrm_9": field("string", "Откуда", "UF_CRM_9"),
        });
        fields["ufCrm_4"]["items"] = json!([
            {"ID": "44", "VALUE": "Горячий"}, {"ID": "45", "VALUE": "Тёплый"}, {"ID": "46", "VALUE": "cold"}]);
        fields["ufCrm_9"]["isRequired"] = json!(self.odd == Some(Odd::Required));
        fields
    }
}

fn dictionary(id: &Value) -> Value {
    let stage = |(id, name, semantic): &(&str, &str, Option<&str>), n: usize| json!({"STATUS_ID": id, "NAME": name, "SORT": (n * 10).to_string(), "SEMANTICS": semantic});
    let entries: &[(&str, &str, Option<&str>)] = match id.as_str().unwrap_or_default() {
        "STATUS" => &[
            ("NEW", "Не обработан", None),
            ("IN_PROCESS", "В работе", None),
            ("PROCESSED", "Обработан", None),
            ("CONVERTED", "Качественный лид", Some("S")),
            ("JUNK", "Некачественный лид", Some("F")),
        ],
        "DEAL_STAGE" => &[
            ("NEW", "Новая", None),
            ("PREPARATION", "Запись", None),
            ("EXECUTING", "В работе", None),
            ("WON", "Успех", Some("S")),
            ("LOSE", "Провал", Some("F")),
        ],
        "DEAL_STAGE_3" => &[("C3:NEW", "Новая", None), ("C3:WON", "Успех", Some("S"))],
        "SOURCE" => &[("WEB", "Веб-сайт", None), ("UC_TG", "Telegram", None)],
        _ => &[],
    };
    entries
        .iter()
        .enumerate()
        .map(|(n, one)| stage(one, n + 1))
        .collect()
}

/// Whether a record passes a filter, as far as ours go.
fn passes(row: &Map<String, Value>, filter: &Value) -> bool {
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let filter = filter.as_object().into_iter().flatten();
    let mut passed = filter.map(|(name, wanted)| {
        let at = name.find(char::is_alphabetic).unwrap_or(0);
        let (how, name) = name.split_at(at);
        let has = row.get(name).cloned().unwrap_or_default();
        let number = |value: &Value| text(value).parse::<u64>().unwrap_or_default();
        match how {
            "@" => wanted
                .as_array()
                .unwrap()
                .iter()
                .any(|one| text(one) == text(&has)),
            ">" => number(&has) > number(wanted),
            ">=" => Row(row.clone()).time(name) >= Row::of(json!({"t": wanted})).time("t"),
            "!=" => text(&has) != text(wanted),
            _ => text(&has) == text(wanted),
        }
    });
    passed.all(|passed| passed)
}

/// `filter[ENTITY_ID]=STATUS` as PHP reads it.
fn nested(query: &str) -> Value {
    let mut all = json!({});
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let name = name.replace(']', "");
        let mut at = &mut all;
        for part in name.split('[') {
            at = &mut at[part];
        }
        *at = json!(value);
    }
    // Lists come as their numbers.
    if let Some(values) = all.get_mut("values") {
        *values = values.as_object().unwrap().values().cloned().collect();
    }
    all
}

fn answer(world: &mut World, method: &str, params: &Value) -> (u16, Value) {
    let (status, mut body) = match world.call(method, params) {
        Ok((result, next)) => (200, json!({"result": result, "next": next})),
        Err((status, code, words)) => (status, json!({"error": code, "error_description": words})),
    };
    if body["next"].is_null() {
        body.as_object_mut().unwrap().remove("next");
    }
    (status, body)
}

fn batch(world: &mut World, params: &Value) -> Value {
    let (mut results, mut errors) = (Map::new(), Map::new());
    for (name, command) in params["cmd"].as_object().unwrap() {
        let (method, query) = command.as_str().unwrap().split_once('?').unwrap();
        let (status, mut body) = answer(world, method, &nested(query));
        if status == 200 {
            results.insert(name.clone(), body["result"].take());
        } else {
            errors.insert(name.clone(), body);
        }
    }
    let errors = if errors.is_empty() {
        json!([])
    } else {
        json!(errors)
    };
    json!({"result": {"result": results, "result_error": errors}})
}

async fn serve(
    State(world): State<Arc<Mutex<World>>>,
    Path((_, _, method)): Path<(u32, String, String)>,
    Json(params): Json<Value>,
) -> (StatusCode, String) {
    let mut world = world.lock().unwrap();
    let fault = world.faults.iter().position(|(one, _)| *one == method);
    let fault = fault.map(|at| world.faults.remove(at).1);
    if let Some(Fault::Refused(code)) = fault {
        return (StatusCode::BAD_REQUEST, json!({"error": code}).to_string());
    }
    let (status, body) = match method.as_str() {
        "batch" => (200, batch(&mut world, &params)),
        method => answer(&mut world, method, &params),
    };
    match fault {
        Some(Fault::Lost) => (StatusCode::BAD_GATEWAY, "<html>".to_owned()),
        _ => (StatusCode::from_u16(status).unwrap(), body.to_string()),
    }
}

/// A portal on a port of its own.
#[derive(Clone)]
pub(super) struct FakePortal {
    pub(super) url: String,
    world: Arc<Mutex<World>>,
}

impl FakePortal {
    pub(super) async fn start(world: World) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/rest/1/code/", listener.local_addr().unwrap());
        let world = Arc::new(Mutex::new(world));
        let routes = axum::Router::new().route("/rest/{user}/{code}/{method}", post(serve));
        let app = routes.with_state(world.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, world }
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }
}
