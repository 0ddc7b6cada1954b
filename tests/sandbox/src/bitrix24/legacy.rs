//! `crm.lead.*`, `crm.deal.*`, `crm.contact.*`, `crm.company.*`: upper case, every number a string,
//! refusals in sentences without a code.

use serde_json::{Map, Value, json};

use super::answer::{Answer, Rest, RestError};
use super::fields::{self, CrmEntity, Kind};
use super::items::Input;
use super::multifields;
use super::paging::{self, Names, Row};
use super::php::Php;
use super::state::{Item, Portal, Session};

const NO_ID: &str = "ID is not defined or invalid.";

impl Session<'_> {
    /// One of `add`, `update`, `get`, `list`, `delete`, `fields`.
    pub(crate) fn old_method(&mut self, entity: CrmEntity, method: &str, params: &Php) -> Rest {
        let id = || Some(params.any_case("id").int()).filter(|id| *id > 0);
        let id = || id().ok_or_else(|| RestError::wordless(NO_ID));
        let result = match method {
            "add" => {
                let input = input(entity, params)?;
                let item = self
                    .create(entity, &input)
                    .map_err(|error| wordless(&error))?;
                json!(item.id("id"))
            }
            "update" => {
                let (id, input) = (id()?, input(entity, params)?);
                self.change(entity, id, &input)
                    .map_err(|error| wordless(&error))?;
                json!(true)
            }
            "get" => {
                let item = self
                    .wanted(entity, id()?)
                    .map_err(|error| wordless(&error))?;
                let mut shown = shown(self.portal, entity, item);
                with_multifields(item, &mut shown, |_| true);
                Value::Object(shown)
            }
            "delete" => {
                self.delete(entity, id()?)
                    .map_err(|error| wordless(&error))?;
                json!(true)
            }
            "list" => return self.old_items(entity, params),
            "fields" => described(self.portal, entity),
            _ => return Err(RestError::no_method()),
        };
        Ok(Answer::from(result))
    }

    fn old_items(&self, entity: CrmEntity, params: &Php) -> Rest {
        let rows = self.portal.of(entity).map(|(id, item)| {
            let keys = keys(self.portal, entity, item);
            Row::with_keys(id, Value::Object(keys), Value::Null)
        });
        let listed = paging::page(rows.collect(), params, Names::Old)?;
        let select = params.any_case("select").values();
        let select: Vec<_> = select
            .map(|name| name.text().to_ascii_uppercase())
            .collect();
        let is = |wanted: &str| select.iter().any(|name| name == wanted);
        let all = select.is_empty() || is("*");
        let show = |row: &Row| {
            let Some(item) = self.portal.item(entity, row.id) else {
                return Value::Null;
            };
            let mut shown = shown(self.portal, entity, item);
            shown.retain(|name, _| {
                let custom = name.starts_with("UF_");
                is(name) || name == "ID" || (all && !custom) || (custom && is("UF_*"))
            });
            with_multifields(item, &mut shown, is);
            Value::Object(shown)
        };
        Ok(listed.shown(show).bare())
    }
}

/// The old methods have no codes.
fn wordless(error: &RestError) -> RestError {
    if error.error == "NOT_FOUND" {
        return RestError::wordless("Not found");
    }
    RestError::wordless(&error.description)
}

fn input(entity: CrmEntity, params: &Php) -> Result<Input, RestError> {
    let given = params.any_case("fields");
    if !given.is_array() {
        return Err(RestError::wordless("Parameter 'fields' must be array."));
    }
    let fields = given.entries().iter().filter_map(|(old, value)| {
        let name = fields::new_name(entity, old)?;
        Some((name, value.clone()))
    });
    Ok(Input {
        fields: fields.collect(),
        multi: multifields::old_wishes(given),
    })
}

/// An item as the old methods show it, without its multifields.
fn shown(portal: &Portal, entity: CrmEntity, item: &Item) -> Map<String, Value> {
    let mut shown = Map::new();
    for field in fields::of(entity) {
        let value = item.fields.get(field.name).unwrap_or(&Value::Null);
        let value = match (field.kind, value) {
            (Kind::Ids, _) => continue,
            (Kind::Money, value) => json!(format!("{:.2}", value.as_f64().unwrap_or_default())),
            (Kind::Time, Value::Null) => json!(""),
            (_, Value::Number(number)) => json!(number.to_string()),
            (_, value) => value.clone(),
        };
        shown.insert(fields::old_name(entity, field.name), value);
    }
    for field in &portal.config.custom_fields {
        if field.entity == entity && field.name.starts_with("ufCrm_") {
            let value = item.fields.get(&field.name).cloned();
            let name = fields::old_name(entity, &field.name);
            shown.insert(name, value.unwrap_or_default());
        }
    }
    if entity.has_multifields() {
        for (name, type_id, value_type) in [
            ("HAS_PHONE", "PHONE", None),
            ("HAS_EMAIL", "EMAIL", None),
            ("HAS_IMOL", "IM", Some("IMOL")),
        ] {
            let has = item.first(type_id, value_type).is_some();
            shown.insert(name.to_owned(), json!(if has { "Y" } else { "N" }));
        }
    }
    shown
}

/// A type nothing is there of is not mentioned.
fn with_multifields(item: &Item, shown: &mut Map<String, Value>, asked: impl Fn(&str) -> bool) {
    for type_id in multifields::TYPES {
        if asked(type_id) && item.first(type_id, None).is_some() {
            shown.insert(type_id.to_owned(), multifields::old_shown(item, type_id));
        }
    }
}

/// What filters look at: old names, numbers as numbers.
fn keys(portal: &Portal, entity: CrmEntity, item: &Item) -> Map<String, Value> {
    let mut keys = shown(portal, entity, item);
    for field in fields::of(entity) {
        let value = item.fields.get(field.name).cloned();
        let name = fields::old_name(entity, field.name);
        keys.insert(name, value.unwrap_or_default());
    }
    for type_id in multifields::TYPES {
        keys.insert(type_id.to_owned(), multifields::values(item, type_id));
    }
    keys
}

fn described(portal: &Portal, entity: CrmEntity) -> Value {
    let mut described = Map::new();
    let custom = &portal.config.custom_fields;
    for field in fields::of(entity) {
        let required = custom
            .iter()
            .any(|it| it.entity == entity && it.name == field.name && it.required);
        let old = fields::old_name(entity, field.name);
        let description = json!({
            "type": field.kind.word(), "isRequired": required, "isReadOnly": field.read_only,
            "isImmutable": false, "isMultiple": false, "isDynamic": false, "title": old,
        });
        described.insert(old, description);
    }
    for field in custom {
        if field.entity == entity && field.name.starts_with("ufCrm_") {
            let name = fields::old_name(entity, &field.name);
            let description = json!({
                "type": "string", "isRequired": field.required, "isReadOnly": false,
                "isImmutable": false, "isMultiple": false, "isDynamic": true,
                "title": name, "formLabel": field.title,
            });
            described.insert(name, description);
        }
    }
    if entity.has_multifields() {
        for type_id in multifields::TYPES {
            let description = json!({
                "type": "crm_multifield", "isRequired": false, "isReadOnly": false,
                "isImmutable": false, "isMultiple": true, "isDynamic": false, "title": type_id,
            });
            described.insert(type_id.to_owned(), description);
        }
    }
    Value::Object(described)
}
