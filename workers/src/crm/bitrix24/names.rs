//! What the portal calls things: once for `crm.item.*`, once for the methods before it.

use serde_json::Value;

use super::row::{Reach, Row};
use crate::crm::RecordKind;

/// What a record is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Entity {
    Lead,
    Deal,
    Contact,
}

impl Entity {
    /// `entityTypeId`.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Lead => 1,
            Self::Deal => 2,
            Self::Contact => 3,
        }
    }

    /// In the names of old methods, and in timelines.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Lead => "lead",
            Self::Deal => "deal",
            Self::Contact => "contact",
        }
    }
}

impl From<RecordKind> for Entity {
    fn from(kind: RecordKind) -> Self {
        match kind {
            RecordKind::Lead => Self::Lead,
            RecordKind::Deal => Self::Deal,
        }
    }
}

/// Fields whose names do not follow from each other.
const ODD: [(Option<Entity>, &str, &str); 4] = [
    (Some(Entity::Lead), "stageId", "STATUS_ID"),
    (Some(Entity::Lead), "stageSemanticId", "STATUS_SEMANTIC_ID"),
    (None, "createdTime", "DATE_CREATE"),
    (None, "updatedTime", "DATE_MODIFY"),
];

fn odd(entity: Entity) -> impl Iterator<Item = (&'static str, &'static str)> {
    let of = move |one: Option<Entity>| one.is_none_or(|one| one == entity);
    let all = ODD.into_iter().filter(move |(one, _, _)| of(*one));
    all.map(|(_, new, old)| (new, old))
}

/// `stageId` as the old methods call it: `STATUS_ID`. What a filter has before the name stays.
pub(super) fn old_name(entity: Entity, name: &str) -> String {
    let start = name.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(0);
    let (prefix, name) = name.split_at(start);
    if let Some((_, old)) = odd(entity).find(|(new, _)| *new == name) {
        return format!("{prefix}{old}");
    }
    let mut old = prefix.to_owned();
    let mut before = '_';
    for c in name.chars() {
        if c.is_ascii_uppercase() && before != '_' && !before.is_ascii_uppercase() {
            old.push('_');
        }
        old.push(c.to_ascii_uppercase());
        before = c;
    }
    old
}

/// `STATUS_ID` as `crm.item.*` calls it: `stageId`. Numbers keep the line before them: `ufCrm_17`.
pub(super) fn new_name(entity: Entity, old: &str) -> String {
    if let Some((new, _)) = odd(entity).find(|(_, known)| *known == old) {
        return new.to_owned();
    }
    let mut name = String::new();
    for part in old.split('_') {
        if part.starts_with(|c: char| c.is_ascii_digit()) {
            name.push('_');
        }
        for (i, c) in part.chars().enumerate() {
            let upper = i == 0 && !name.is_empty();
            name.push(if upper { c } else { c.to_ascii_lowercase() });
        }
    }
    name
}

/// A record of the old methods as `crm.item.*` would show it.
pub(super) fn new_row(entity: Entity, old: Row) -> Row {
    let mut row = Row::default();
    let mut reach = Vec::new();
    for (name, value) in old.0 {
        if ["PHONE", "EMAIL", "IM"].contains(&name.as_str()) {
            let entries = Row::all(value).into_iter();
            reach.extend(entries.map(|entry| {
                serde_json::json!({
                    "typeId": name,
                    "valueType": entry.value("VALUE_TYPE"),
                    "value": entry.value("VALUE"),
                })
            }));
        } else {
            row.0.insert(new_name(entity, &name), value);
        }
    }
    row.0.insert("fm".to_owned(), Value::Array(reach));
    row
}

/// Ways to reach somebody, as the new methods take them.
pub(super) fn new_reach(reach: &Reach) -> Value {
    serde_json::json!({
        "typeId": reach.kind,
        "valueType": reach.label,
        "value": reach.value,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_field_has_its_old_name_and_gets_its_new_one_back() {
        for (entity, new, old) in [
            (Entity::Lead, "stageId", "STATUS_ID"),
            (Entity::Deal, "stageId", "STAGE_ID"),
            (Entity::Lead, "updatedTime", "DATE_MODIFY"),
            (Entity::Lead, "isManualOpportunity", "IS_MANUAL_OPPORTUNITY"),
            (Entity::Lead, "utmSource", "UTM_SOURCE"),
            (Entity::Lead, "ufCrm_1720019876534", "UF_CRM_1720019876534"),
            (Entity::Deal, "ufCrmMyField", "UF_CRM_MY_FIELD"),
        ] {
            assert_eq!(old_name(entity, new), old);
            assert_eq!(new_name(entity, old), new);
        }
    }

    #[test]
    fn a_filter_keeps_what_stands_before_the_name() {
        assert_eq!(old_name(Entity::Lead, ">=updatedTime"), ">=DATE_MODIFY");
        assert_eq!(old_name(Entity::Lead, "@id"), "@ID");
    }

    #[test]
    fn an_old_record_reads_as_a_new_one() {
        let old = Row::of(json!({
            "ID": "7", "STATUS_ID": "NEW",
            "PHONE": [{"ID": "1", "VALUE_TYPE": "MOBILE", "VALUE": "+79991234567", "TYPE_ID": "PHONE"}],
        }));
        let row = new_row(Entity::Lead, old);
        assert_eq!(row.id("id").as_deref(), Some("7"));
        assert_eq!(row.text("stageId"), Some("NEW"));
        assert_eq!(row.reach()[0].value, "+79991234567");
    }
}
