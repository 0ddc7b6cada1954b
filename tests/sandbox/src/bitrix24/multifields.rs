//! Phones, e-mails, sites and messengers: `fm` of the new methods, `PHONE` and others of the old.

use serde_json::{Map, Value, json};

use super::php::Php;
use super::state::{Item, Multi, Portal};

/// The types, with the old names for them.
pub(crate) const TYPES: [&str; 5] = ["PHONE", "EMAIL", "WEB", "IM", "LINK"];

/// What somebody wants a multifield to be.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    /// The record that is meant; a new one without.
    id: Option<i64>,
    type_id: String,
    value_type: String,
    /// Empty to delete.
    value: String,
}

impl From<&Multi> for Wish {
    fn from(multi: &Multi) -> Self {
        Self {
            id: None,
            type_id: multi.type_id.clone(),
            value_type: multi.value_type.clone(),
            value: multi.value.clone(),
        }
    }
}

/// `fm` of `crm.item.*`: keys that are numbers mean records, others are new ones. An element without
/// `typeId` does nothing, and nobody is told.
pub(crate) fn wishes(fm: &Php) -> Vec<Wish> {
    let elements = fm.entries().iter();
    let wishes = elements.map(|(key, element)| Wish {
        id: key.parse().ok(),
        type_id: element.get("typeId").text(),
        value_type: element.get("valueType").text(),
        value: element.get("value").text(),
    });
    wishes
        .filter(|wish| TYPES.contains(&wish.type_id.as_str()))
        .collect()
}

/// `PHONE`, `EMAIL` and the like of the old methods; the record is named by `ID`.
pub(crate) fn old_wishes(fields: &Php) -> Vec<Wish> {
    let mut wishes = Vec::new();
    for type_id in TYPES {
        for element in fields.get(type_id).values() {
            let deleted = element.get("DELETE").text() == "Y";
            wishes.push(Wish {
                id: Some(element.get("ID").int()).filter(|id| *id > 0),
                type_id: type_id.to_owned(),
                value_type: element.get("VALUE_TYPE").text(),
                value: if deleted {
                    String::new()
                } else {
                    element.get("VALUE").text()
                },
            });
        }
    }
    wishes
}

/// Adds, changes and deletes.
pub(crate) fn apply(portal: &mut Portal, item: &mut Item, wishes: &[Wish]) {
    for wish in wishes {
        let known = wish
            .id
            .and_then(|id| item.fm.iter().position(|multi| multi.id == id));
        match known {
            Some(place) if wish.value.is_empty() => {
                item.fm.remove(place);
            }
            Some(place) => {
                if let Some(multi) = item.fm.get_mut(place) {
                    multi.value.clone_from(&wish.value);
                    if !wish.value_type.is_empty() {
                        multi.value_type = value_type(&wish.type_id, &wish.value_type);
                    }
                }
            }
            None if wish.value.is_empty() => {}
            None => item.fm.push(Multi {
                id: portal.next_id("multifield"),
                type_id: wish.type_id.clone(),
                value_type: value_type(&wish.type_id, &wish.value_type),
                value: wish.value.clone(),
            }),
        }
    }
}

fn value_type(type_id: &str, wanted: &str) -> String {
    let known: &[&str] = match type_id {
        "PHONE" => &["WORK", "MOBILE", "FAX", "HOME", "PAGER", "MAILING", "OTHER"],
        "EMAIL" => &["WORK", "HOME", "MAILING", "OTHER"],
        "IM" => &[
            "TELEGRAM", "VK", "VIBER", "SKYPE", "BITRIX24", "OPENLINE", "IMOL", "ICQ", "MSN",
            "JABBER", "OTHER",
        ],
        _ => &["WORK", "HOME", "VK", "OTHER"],
    };
    let wanted = wanted.to_ascii_uppercase();
    if known.contains(&wanted.as_str()) {
        wanted
    } else if type_id == "IM" {
        "OTHER".to_owned()
    } else {
        "WORK".to_owned()
    }
}

/// As `crm.item.*` shows them.
pub(crate) fn shown(item: &Item) -> Value {
    let rows = item.fm.iter().map(|multi| {
        json!({"id": multi.id, "typeId": multi.type_id, "valueType": multi.value_type, "value": multi.value})
    });
    rows.collect()
}

/// As the old methods show those of one type: every id is a string.
pub(crate) fn old_shown(item: &Item, type_id: &str) -> Value {
    let own = item.fm.iter().filter(|multi| multi.type_id == type_id);
    let rows = own.map(|multi| {
        json!({
            "ID": multi.id.to_string(), "VALUE_TYPE": multi.value_type,
            "VALUE": multi.value, "TYPE_ID": multi.type_id,
        })
    });
    rows.collect()
}

/// All values of a type, for filters.
pub(crate) fn values(item: &Item, type_id: &str) -> Value {
    let own = item.fm.iter().filter(|multi| multi.type_id == type_id);
    own.map(|multi| json!(multi.value)).collect()
}

/// The flat names for first values.
pub(crate) fn flat(item: &Item, fields: &mut Map<String, Value>) {
    for (name, type_id, value_type) in [
        ("phone", "PHONE", None),
        ("phoneMobile", "PHONE", Some("MOBILE")),
        ("phoneWork", "PHONE", Some("WORK")),
        ("phoneMailing", "PHONE", Some("MAILING")),
        ("email", "EMAIL", None),
        ("emailHome", "EMAIL", Some("HOME")),
        ("emailWork", "EMAIL", Some("WORK")),
        ("emailMailing", "EMAIL", Some("MAILING")),
        ("imol", "IM", Some("IMOL")),
    ] {
        let first = item.first(type_id, value_type).unwrap_or_default();
        fields.insert(name.to_owned(), json!(first));
    }
    for (name, type_id, value_type) in [
        ("hasPhone", "PHONE", None),
        ("hasEmail", "EMAIL", None),
        ("hasImol", "IM", Some("IMOL")),
    ] {
        let has = item.first(type_id, value_type).is_some();
        fields.insert(name.to_owned(), json!(if has { "Y" } else { "N" }));
    }
}
