//! Stages of leads and deals, the dictionaries, and the history of moves.

use serde_json::{Value, json};

use super::answer::{Answer, Rest, RestError};
use super::fields::CrmEntity;
use super::paging::{self, Row};
use super::php::Php;
use super::state::Session;

/// Where an item can stand: id, name, what it means, colour.
pub(crate) struct Stage {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) semantic: &'static str,
    pub(crate) colour: &'static str,
}

const fn stage(
    id: &'static str,
    name: &'static str,
    semantic: &'static str,
    colour: &'static str,
) -> Stage {
    Stage {
        id,
        name,
        semantic,
        colour,
    }
}

const LEAD: [Stage; 5] = [
    stage("NEW", "Не обработан", "P", "#39A8EF"),
    stage("IN_PROCESS", "В работе", "P", "#2FC6F6"),
    stage("PROCESSED", "Обработан", "P", "#55D0E0"),
    stage("CONVERTED", "Качественный лид", "S", "#7BD500"),
    stage("JUNK", "Некачественный лид", "F", "#FF5752"),
];

const DEAL: [Stage; 8] = [
    stage("NEW", "Новая", "P", "#39A8EF"),
    stage("PREPARATION", "Подготовка документов", "P", "#2FC6F6"),
    stage("PREPAYMENT_INVOICE", "Счёт на предоплату", "P", "#55D0E0"),
    stage("EXECUTING", "В работе", "P", "#47E4C2"),
    stage("FINAL_INVOICE", "Финальный счёт", "P", "#FFA900"),
    stage("WON", "Сделка успешна", "S", "#7BD500"),
    stage("LOSE", "Сделка провалена", "F", "#FF5752"),
    stage("APOLOGY", "Анализ причины провала", "F", "#FF5752"),
];

const SOURCES: [(&str, &str); 12] = [
    ("CALL", "Звонок"),
    ("EMAIL", "Электронная почта"),
    ("WEB", "Веб-сайт"),
    ("ADVERTISING", "Реклама"),
    ("PARTNER", "Существующий клиент"),
    ("RECOMMENDATION", "По рекомендации"),
    ("TRADE_SHOW", "Выставка"),
    ("WEBFORM", "CRM-форма"),
    ("CALLBACK", "Обратный звонок"),
    ("RC_GENERATOR", "Генератор продаж"),
    ("STORE", "Интернет-магазин"),
    ("OTHER", "Другое"),
];

/// A second pipeline, so that stages have prefixes.
pub(crate) const PIPELINES: [(i64, &str); 2] = [(0, "Общая"), (9, "Абонементы")];

/// A move, as `crm.stagehistory.list` tells it.
pub(crate) struct StageChange {
    pub(crate) id: i64,
    pub(crate) entity: CrmEntity,
    pub(crate) owner: i64,
    /// 1 created, 2 moved, 3 came to an end.
    pub(crate) kind: i64,
    pub(crate) at: String,
    pub(crate) category: i64,
    pub(crate) stage: String,
    pub(crate) semantic: &'static str,
}

/// The stages of a kind of item, without prefixes.
pub(crate) fn of(entity: CrmEntity) -> &'static [Stage] {
    match entity {
        CrmEntity::Lead => &LEAD,
        CrmEntity::Deal => &DEAL,
        _ => &[],
    }
}

/// What precedes the stages of a pipeline.
pub(crate) fn prefix(category: i64) -> String {
    if category == 0 {
        String::new()
    } else {
        format!("C{category}:")
    }
}

/// The stage of this id in a pipeline.
pub(crate) fn find(entity: CrmEntity, category: i64, id: &str) -> Option<&'static Stage> {
    let bare = id.strip_prefix(&prefix(category))?;
    of(entity).iter().find(|stage| stage.id == bare)
}

/// Whether the dictionary of sources has it.
pub(crate) fn is_source(id: &str) -> bool {
    SOURCES.iter().any(|(known, _)| *known == id)
}

fn word(semantic: &str) -> &'static str {
    match semantic {
        "S" => "success",
        "F" => "failure",
        _ => "process",
    }
}

/// The rows of all dictionaries.
fn dictionary() -> Vec<Value> {
    let mut rows = Vec::new();
    let mut put = |entity: &str, id: &str, name: &str, place: usize, extra: Value| {
        let number = 101 + rows.len();
        let mut row = json!({
            "ID": number.to_string(), "ENTITY_ID": entity, "STATUS_ID": id, "NAME": name,
            "NAME_INIT": name, "SORT": ((place + 1) * 10).to_string(), "SYSTEM": "Y",
            "CATEGORY_ID": null, "COLOR": "", "SEMANTICS": null,
        });
        if !extra.is_null() {
            row["COLOR"] = extra["COLOR"].clone();
            row["SEMANTICS"] = match extra["SEMANTICS"].as_str() {
                Some("success") => json!("S"),
                Some("failure") => json!("F"),
                _ => Value::Null,
            };
            row["EXTRA"] = extra;
        }
        rows.push(row);
    };
    let extra = |stage: &Stage| json!({"SEMANTICS": word(stage.semantic), "COLOR": stage.colour});
    for (place, stage) in LEAD.iter().enumerate() {
        put("STATUS", stage.id, stage.name, place, extra(stage));
    }
    for (category, _) in PIPELINES {
        let (suffix, prefix) = match category {
            0 => (String::new(), String::new()),
            _ => (format!("_{category}"), prefix(category)),
        };
        for (place, stage) in DEAL.iter().enumerate() {
            let (entity, id) = (
                format!("DEAL_STAGE{suffix}"),
                format!("{prefix}{}", stage.id),
            );
            put(&entity, &id, stage.name, place, extra(stage));
        }
    }
    for (place, (id, name)) in SOURCES.iter().enumerate() {
        put("SOURCE", id, name, place, Value::Null);
    }
    rows
}

/// `crm.status.list`.
pub(crate) fn statuses(params: &Php) -> Rest {
    let filter = params.any_case("filter");
    if !filter.is_null() && !filter.is_array() {
        let why = "Incorrect parameters passed.";
        return Err(RestError::bad("Invalid parameters.", why));
    }
    let fits = |row: &Value| {
        filter
            .entries()
            .iter()
            .all(|(key, wanted)| row[key.to_ascii_uppercase()] == wanted.text())
    };
    let rows: Vec<Value> = dictionary().into_iter().filter(fits).collect();
    let total = Some(rows.len());
    Ok(Answer {
        total,
        ..Answer::from(Value::Array(rows))
    })
}

/// `crm.category.list`.
pub(crate) fn categories(params: &Php) -> Rest {
    if params.get("entityTypeId").int() != CrmEntity::Deal.type_id() {
        let why = "Smart process not found";
        return Err(RestError::bad("NOT_FOUND", why));
    }
    let rows: Vec<_> = PIPELINES
        .iter()
        .map(|(id, name)| {
            let default = if *id == 0 { "Y" } else { "N" };
            json!({"id": id, "name": name, "sort": 100 + id, "entityTypeId": 2, "isDefault": default})
        })
        .collect();
    let total = Some(rows.len());
    Ok(Answer {
        total,
        ..Answer::from(json!({ "categories": rows }))
    })
}

impl Session<'_> {
    /// Notes where an item stands now.
    pub(crate) fn note_stage(&mut self, entity: CrmEntity, owner: i64, created: bool) {
        let Some(item) = self.portal.item(entity, owner) else {
            return;
        };
        let (category, id) = (item.id("categoryId"), item.text("stageId").to_owned());
        let semantic = find(entity, category, &id).map_or("P", |stage| stage.semantic);
        let kind = match (created, semantic) {
            (true, _) => 1,
            (false, "P") => 2,
            (false, _) => 3,
        };
        let change = StageChange {
            id: self.portal.next_id("history"),
            entity,
            owner,
            kind,
            at: self.date(),
            category,
            stage: id,
            semantic,
        };
        self.portal.history.push(change);
    }

    /// `crm.stagehistory.list`.
    pub(crate) fn stage_history(&self, params: &Php) -> Rest {
        let entity = CrmEntity::of_type(params.get("entityTypeId").int());
        let entity = entity.filter(|entity| entity.has_stages());
        let Some(entity) = entity else {
            return Err(RestError::bad("", "Entity type is not supported."));
        };
        let lead = entity == CrmEntity::Lead;
        let own = self.portal.history.iter().filter(|it| it.entity == entity);
        let rows = own.map(|it| {
            let mut row = json!({
                "ID": it.id, "TYPE_ID": it.kind, "OWNER_ID": it.owner, "CREATED_TIME": it.at,
            });
            if lead {
                row["STATUS_SEMANTIC_ID"] = json!(it.semantic);
                row["STATUS_ID"] = json!(it.stage);
            } else {
                row["CATEGORY_ID"] = json!(it.category);
                row["STAGE_SEMANTIC_ID"] = json!(it.semantic);
                row["STAGE_ID"] = json!(it.stage);
            }
            Row::new(it.id, row)
        });
        let page = paging::page(rows.collect(), params, paging::Names::Old)?;
        Ok(page.wrapped("items"))
    }
}
