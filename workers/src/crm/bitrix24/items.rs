//! Records: read, found, made, changed. By `crm.item.*`; by `crm.lead.*` and its like where a server is too
//! old for the former (<https://apidocs.bitrix24.com/api-reference/crm/universal/index.html>).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value, json};

use super::names::{Entity, new_row, old_name};
use super::row::{Row, id};
use super::{Client, FILTER_NOT_ALLOWED};
use crate::crm::{Health, Trouble, Verdict};

/// Fields of a record by the names of `crm.item.*`.
pub(super) type Fields = Map<String, Value>;

/// Fixed there.
const PAGE: usize = 50;

/// Records of the portal.
#[derive(Debug)]
pub(super) struct Items {
    pub(super) client: Client,
    old: AtomicBool,
}

/// Whether a call was refused with this code.
pub(super) fn is(trouble: &Trouble, code: &str) -> bool {
    trouble.code.eq_ignore_ascii_case(code)
}

/// A method that this server does not have.
pub(super) fn no_such_method(trouble: &Trouble) -> bool {
    is(trouble, "ERROR_METHOD_NOT_FOUND")
}

/// A refusal of ours.
pub(super) fn refused(code: &str, words: String) -> Trouble {
    Trouble {
        verdict: Verdict::Refused,
        health: Health::Ok,
        code: code.to_owned(),
        words,
        after: None,
    }
}

/// An answer that does not say what was made.
pub(super) fn no_id(method: &str) -> Trouble {
    Trouble {
        verdict: Verdict::Unknown,
        ..refused(
            "no_id",
            format!("{method} succeeded and did not say what it made; it is looked for"),
        )
    }
}

/// An id as a number, as all methods take it.
pub(super) fn number(id: &str) -> Value {
    id.parse::<u64>().map_or_else(|_| json!(id), Value::from)
}

impl Items {
    pub(super) fn new(client: Client, old: bool) -> Self {
        Self {
            client,
            old: AtomicBool::new(old),
        }
    }

    /// Whether the server knows only the old methods.
    pub(super) fn old(&self) -> bool {
        self.old.load(Ordering::Relaxed)
    }

    /// From now on the old methods.
    pub(super) fn go_old(&self) {
        self.old.store(true, Ordering::Relaxed);
    }

    /// One record with all its fields; gone where it is not there.
    pub(super) async fn get(&self, entity: Entity, id: &str) -> Result<Row, Trouble> {
        if !self.old() {
            let params = json!({"entityTypeId": entity.number(), "id": number(id)});
            match self.client.read("crm.item.get", params).await {
                Ok(answer) => return Ok(item(answer.result)),
                Err(trouble) if no_such_method(&trouble) => self.go_old(),
                Err(trouble) => return Err(trouble),
            }
        }
        let params = json!({"id": number(id)});
        let answer = self.client.read(&method(entity, "get"), params).await?;
        Ok(new_row(entity, Row::of(answer.result)))
    }

    /// Records with all their fields by their ids: nothing where one is not there. Those that cannot be read are
    /// left out.
    pub(super) async fn those(
        &self,
        entity: Entity,
        ids: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Option<Row>>, Trouble> {
        let (old, old_method) = (self.old(), method(entity, "get"));
        let reads: Vec<_> = ids
            .iter()
            .map(|id| {
                let old_params = json!({"id": number(id)});
                let params = json!({"entityTypeId": entity.number(), "id": number(id)});
                if old {
                    (id.as_str(), old_method.as_str(), old_params)
                } else {
                    (id.as_str(), "crm.item.get", params)
                }
            })
            .collect();
        let mut rows = BTreeMap::new();
        for (id, answer) in self.client.batch(&reads).await? {
            let row = match answer {
                Ok(result) if old => Some(new_row(entity, Row::of(result))),
                Ok(result) => Some(item(result)),
                Err(trouble) if no_such_method(&trouble) && !old => {
                    self.go_old();
                    return Box::pin(self.those(entity, ids)).await;
                }
                Err(trouble) if trouble.verdict == Verdict::Gone => None,
                Err(trouble) if trouble.verdict == Verdict::Refused => continue,
                Err(trouble) => return Err(trouble),
            };
            rows.insert(id, row);
        }
        Ok(rows)
    }

    /// The first page of what a filter leaves, smallest id first.
    pub(super) async fn page(
        &self,
        entity: Entity,
        filter: &Fields,
        select: &[&str],
    ) -> Result<Vec<Row>, Trouble> {
        if !self.old() {
            let params = json!({
                "entityTypeId": entity.number(),
                "filter": filter,
                "select": select,
                "order": {"id": "ASC"},
                // Nothing is counted: far faster, see `settings/performance/huge-data.html` there.
                "start": -1,
            });
            match self.client.read("crm.item.list", params).await {
                Ok(answer) => return Ok(Row::all(answer.result["items"].clone())),
                Err(trouble) if no_such_method(&trouble) => self.go_old(),
                // An old `crm.item.list` does not filter by the origin; `crm.lead.list` always did.
                Err(trouble) if is(&trouble, FILTER_NOT_ALLOWED) => {}
                Err(trouble) => return Err(trouble),
            }
        }
        let params = json!({
            "filter": old_fields(entity, filter),
            "select": select.iter().map(|name| old_name(entity, name)).collect::<Vec<_>>(),
            "order": {"ID": "ASC"},
            "start": -1,
        });
        let answer = self.client.read(&method(entity, "list"), params).await?;
        let rows = Row::all(answer.result).into_iter();
        Ok(rows.map(|row| new_row(entity, row)).collect())
    }

    /// All that a filter leaves.
    pub(super) async fn all(
        &self,
        entity: Entity,
        filter: &Fields,
        select: &[&str],
    ) -> Result<Vec<Row>, Trouble> {
        let mut filter = filter.clone();
        let mut all: Vec<Row> = Vec::new();
        loop {
            let last = all.last().and_then(|row| row.id("id"));
            let after = last.as_deref().map_or_else(|| json!(0), number);
            filter.insert(">id".to_owned(), after);
            let rows = self.page(entity, &filter, select).await?;
            // A page that ends where the one before it did would be the last one for ever.
            let end = rows.len() < PAGE || rows.last().and_then(|row| row.id("id")) == last;
            all.extend(rows);
            if end {
                return Ok(all);
            }
        }
    }

    /// Makes a record; what comes back holds at least its id.
    pub(super) async fn add(&self, entity: Entity, fields: &Fields) -> Result<Row, Trouble> {
        if !self.old() {
            let params = json!({"entityTypeId": entity.number(), "fields": fields});
            match self.client.write("crm.item.add", params).await {
                Ok(answer) => {
                    let row = item(answer.result);
                    return row
                        .id("id")
                        .map(|_| row)
                        .ok_or_else(|| no_id("crm.item.add"));
                }
                Err(trouble) if no_such_method(&trouble) => self.go_old(),
                Err(trouble) => return Err(trouble),
            }
        }
        let method = method(entity, "add");
        let params = json!({
            "fields": old_fields(entity, fields),
            // The one responsible is told, as the new method does by itself.
            "params": {"REGISTER_SONET_EVENT": "Y"},
        });
        let answer = self.client.write(&method, params).await?;
        let id = id(&answer.result).ok_or_else(|| no_id(&method))?;
        let row = [("id".to_owned(), number(&id))];
        Ok(Row(row.into_iter().collect()))
    }

    /// Changes a record. Ways to reach somebody are added to those that are there.
    pub(super) async fn update(
        &self,
        entity: Entity,
        id: &str,
        fields: &Fields,
    ) -> Result<(), Trouble> {
        if !self.old() {
            let params = json!({
                "entityTypeId": entity.number(),
                "id": number(id),
                "fields": keyed(fields),
            });
            match self.client.write("crm.item.update", params).await {
                Ok(_) => return Ok(()),
                Err(trouble) if no_such_method(&trouble) => self.go_old(),
                Err(trouble) => return Err(trouble),
            }
        }
        let params = json!({"id": number(id), "fields": old_fields(entity, fields)});
        let written = self.client.write(&method(entity, "update"), params).await;
        written.map(drop)
    }

    /// Deletes a record.
    pub(super) async fn delete(&self, entity: Entity, id: &str) -> Result<(), Trouble> {
        let written = if self.old() {
            let params = json!({"id": number(id)});
            self.client.write(&method(entity, "delete"), params).await
        } else {
            let params = json!({"entityTypeId": entity.number(), "id": number(id)});
            self.client.write("crm.item.delete", params).await
        };
        written.map(drop)
    }
}

fn method(entity: Entity, verb: &str) -> String {
    format!("crm.{}.{verb}", entity.name())
}

fn item(mut result: Value) -> Row {
    Row::of(result["item"].take())
}

/// `fm` as an update takes it: an object with a new key for each entry that is new. As an array it would be
/// added once more by some servers.
fn keyed(fields: &Fields) -> Fields {
    let mut fields = fields.clone();
    if let Some(Value::Array(reach)) = fields.get("fm") {
        let new = reach.iter().enumerate();
        let new: Fields = new.map(|(n, one)| (format!("n{n}"), one.clone())).collect();
        fields.insert("fm".to_owned(), Value::Object(new));
    }
    fields
}

/// Fields, or a filter, as the old methods call them.
fn old_fields(entity: Entity, fields: &Fields) -> Fields {
    let mut old = Fields::new();
    for (name, value) in fields {
        if name != "fm" {
            old.insert(old_name(entity, name), value.clone());
            continue;
        }
        for one in Row::all(value.clone()) {
            let kind = one.text("typeId").unwrap_or_default().to_owned();
            let entry = json!({"VALUE": one.value("value"), "VALUE_TYPE": one.value("valueType")});
            if let Value::Array(of_kind) = old.entry(kind).or_insert_with(|| json!([])) {
                of_kind.push(entry);
            }
        }
    }
    old
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Fields {
        let value = json!({"stageId": "NEW", "fm": [
            {"typeId": "PHONE", "valueType": "MOBILE", "value": "+79991234567"},
            {"typeId": "IM", "valueType": "TELEGRAM", "value": "anna"},
        ]});
        Row::of(value).0
    }

    #[test]
    fn an_update_adds_ways_to_reach_somebody_under_new_keys() {
        let keyed = keyed(&fields());
        assert_eq!(keyed["fm"]["n1"]["value"], "anna");
        assert_eq!(keyed["stageId"], "NEW");
    }

    #[test]
    fn old_methods_get_a_list_for_each_kind() {
        let old = old_fields(Entity::Lead, &fields());
        assert_eq!(
            Value::Object(old),
            json!({
                "STATUS_ID": "NEW",
                "PHONE": [{"VALUE": "+79991234567", "VALUE_TYPE": "MOBILE"}],
                "IM": [{"VALUE": "anna", "VALUE_TYPE": "TELEGRAM"}],
            })
        );
    }
}
