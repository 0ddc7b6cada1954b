//! `crm.item.*`: camel case, numbers as numbers, refusals with codes.

use serde_json::{Map, Value, json};

use super::answer::{Answer, Rest, RestError};
use super::fields::{self, CrmEntity};
use super::items::Input;
use super::multifields;
use super::paging::{self, Names, Row};
use super::php::Php;
use super::state::{Item, Portal, Session};

impl Session<'_> {
    /// One of `add`, `update`, `get`, `list`, `delete`, `fields`.
    pub(crate) fn item_method(&mut self, method: &str, params: &Php) -> Rest {
        let entity = entity(params)?;
        let original = params.get("useOriginalUfNames").text() == "Y";
        let input = || input(params, original);
        let item = match method {
            "add" => {
                let input = input()?;
                self.create(entity, &input)?
            }
            "update" => {
                let (id, input) = (id(params)?, input()?);
                self.change(entity, id, &input)?
            }
            "get" => self.wanted(entity, id(params)?)?.clone(),
            "delete" => {
                self.delete(entity, id(params)?)?;
                return Ok(Answer::from(json!([])));
            }
            "list" => return self.items(entity, params, original),
            "fields" => return Ok(Answer::from(described(self.portal, entity, original))),
            _ => return Err(RestError::no_method()),
        };
        let shown = shown(self.portal, entity, &item, original, true);
        Ok(Answer::from(json!({ "item": shown })))
    }

    /// An item, or why not.
    pub(crate) fn wanted(&self, entity: CrmEntity, id: i64) -> Result<&Item, RestError> {
        let found = self.portal.item(entity, id);
        found.ok_or_else(|| RestError::bad("NOT_FOUND", "Item not found"))
    }

    fn items(&self, entity: CrmEntity, params: &Php, original: bool) -> Rest {
        let rows = self.portal.of(entity).map(|(id, item)| {
            let mut keys = shown(self.portal, entity, item, original, false);
            keys.insert("phone".to_owned(), multifields::values(item, "PHONE"));
            keys.insert("email".to_owned(), multifields::values(item, "EMAIL"));
            Row::with_keys(id, Value::Object(keys), Value::Null)
        });
        let blank = Item::default();
        let allowed = shown(self.portal, entity, &blank, original, false);
        let allowed: Vec<_> = allowed.keys().cloned().collect();
        let listed = paging::page(rows.collect(), params, Names::New(&allowed))?;
        let select: Vec<_> = params.get("select").values().map(Php::text).collect();
        let all = select.iter().any(|name| name == "*");
        let show = |row: &Row| {
            let Some(item) = self.portal.item(entity, row.id) else {
                return Value::Null;
            };
            let mut fields = shown(self.portal, entity, item, original, all);
            if !all && !select.is_empty() {
                fields.retain(|name, _| name == "id" || select.contains(name));
            }
            Value::Object(fields)
        };
        Ok(listed.shown(show).wrapped("items"))
    }
}

fn entity(params: &Php) -> Result<CrmEntity, RestError> {
    let given = params.get("entityTypeId");
    if given.is_null() {
        return Err(RestError::missing("entityTypeId"));
    }
    CrmEntity::of_type(given.int())
        .ok_or_else(|| RestError::bad("NOT_FOUND", "Smart process not found"))
}

fn id(params: &Php) -> Result<i64, RestError> {
    let given = params.get("id");
    if given.is_null() {
        return Err(RestError::missing("id"));
    }
    Ok(given.int())
}

fn input(params: &Php, original: bool) -> Result<Input, RestError> {
    let given = params.get("fields");
    if !given.is_array() {
        return Err(RestError::missing("fields"));
    }
    let fields = given.entries().iter().map(|(name, value)| {
        let custom = name
            .strip_prefix("UF_CRM_")
            .filter(|_| original)
            .map(|rest| format!("ufCrm_{rest}"));
        (custom.unwrap_or_else(|| name.clone()), value.clone())
    });
    Ok(Input {
        fields: fields.collect(),
        multi: multifields::wishes(given.get("fm")),
    })
}

/// An item as the new methods show it.
pub(crate) fn shown(
    portal: &Portal,
    entity: CrmEntity,
    item: &Item,
    original: bool,
    with_fm: bool,
) -> Map<String, Value> {
    let mut shown = Map::new();
    for field in fields::of(entity) {
        let value = item.fields.get(field.name).cloned();
        shown.insert(field.name.to_owned(), value.unwrap_or_default());
    }
    for field in &portal.config.custom_fields {
        if field.entity == entity {
            let value = item.fields.get(&field.name).cloned();
            let name = custom_name(entity, &field.name, original);
            shown.insert(name, value.unwrap_or_default());
        }
    }
    shown.insert("entityTypeId".to_owned(), json!(entity.type_id()));
    if entity.has_multifields() {
        multifields::flat(item, &mut shown);
        if with_fm {
            shown.insert("fm".to_owned(), multifields::shown(item));
        }
    }
    shown
}

fn custom_name(entity: CrmEntity, name: &str, original: bool) -> String {
    if original && name.starts_with("ufCrm_") {
        fields::old_name(entity, name)
    } else {
        name.to_owned()
    }
}

/// What `crm.item.fields` says.
fn described(portal: &Portal, entity: CrmEntity, original: bool) -> Value {
    let mut described = Map::new();
    let required = |name: &str| {
        let mut fields = portal.config.custom_fields.iter();
        fields.any(|field| field.entity == entity && field.name == name && field.required)
    };
    for field in fields::of(entity) {
        let old = fields::old_name(entity, field.name);
        let multiple = field.kind == fields::Kind::Ids;
        let description = json!({
            "type": field.kind.word(), "isRequired": required(field.name),
            "isReadOnly": field.read_only, "isImmutable": false, "isMultiple": multiple,
            "isDynamic": false, "title": old, "upperName": old,
        });
        described.insert(field.name.to_owned(), description);
    }
    for field in &portal.config.custom_fields {
        if field.entity == entity && field.name.starts_with("ufCrm_") {
            let name = custom_name(entity, &field.name, original);
            let description = json!({
                "type": "string", "isRequired": field.required, "isReadOnly": false,
                "isImmutable": false, "isMultiple": false, "isDynamic": true,
                "title": field.title, "upperName": fields::old_name(entity, &field.name),
            });
            described.insert(name, description);
        }
    }
    if entity.has_multifields() {
        let description = json!({
            "type": "crm_multifield", "isRequired": false, "isReadOnly": false,
            "isImmutable": false, "isMultiple": true, "isDynamic": false, "title": "FM", "upperName": "FM",
        });
        described.insert("fm".to_owned(), description);
    }
    json!({ "fields": described })
}
