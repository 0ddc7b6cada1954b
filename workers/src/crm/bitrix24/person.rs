//! Who somebody is there.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Bitrix24;
use super::items::{Fields, number};
use super::names::Entity;
use super::row::{Row, id};
use crate::crm::{Card, Person, Record, RecordKind, Trouble, Verdict};

/// So many values a search takes
/// (<https://apidocs.bitrix24.com/api-reference/crm/duplicates/crm-duplicate-find-by-comm.html>).
const VALUES: usize = 20;
/// Leads of one person that are looked at; who has more is a test.
const LEADS: usize = 200;

/// Every way in which a portal may have written a phone: it is not sure that it compares the numbers alone.
pub(super) fn spellings(phone: &str) -> Vec<String> {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    let mut all = vec![format!("+{digits}"), digits.clone()];
    if let Some(rest) = digits.strip_prefix('7').filter(|rest| rest.len() == 10) {
        all.extend([format!("8{rest}"), rest.to_owned()]);
    }
    if !all.iter().any(|one| one == phone) {
        all.push(phone.to_owned());
    }
    all
}

/// What was found of one person.
#[derive(Default)]
struct Found {
    contacts: BTreeSet<u64>,
    leads: BTreeSet<u64>,
}

impl Bitrix24 {
    /// Who the person of a card is: the contact, what is open, who looks after it.
    pub(super) async fn person(&self, card: &Card) -> Result<Person, Trouble> {
        let portal = self.portal().await?;
        let found = self.found(card).await?;
        // The oldest is the one that others were merged into.
        let mut contact = found.contacts.first().map(u64::to_string);
        let mut open = None;
        if portal.kind == RecordKind::Lead {
            open = self.open_lead(&found, contact.as_deref()).await?;
        }
        if open.is_none()
            && let Some(contact) = &contact
        {
            let pipeline = (portal.kind == RecordKind::Deal).then_some(self.config.pipeline);
            open = self.open_deal(contact, pipeline).await?;
        }
        let mut responsible = open.as_ref().and_then(|(_, row)| row.id("assignedById"));
        if open.is_none()
            && let Some(id) = &contact
        {
            match self.items.get(Entity::Contact, id).await {
                Ok(row) => responsible = row.id("assignedById"),
                // The search has its own index, which may know somebody longer.
                Err(trouble) if trouble.verdict == Verdict::Gone => contact = None,
                Err(trouble) => return Err(trouble),
            }
        }
        Ok(Person {
            // A lead may belong to a contact that its phone does not tell.
            contact: contact.or_else(|| open.as_ref()?.1.id("contactId")),
            open: open.map(|(record, _)| record),
            responsible: match responsible {
                Some(id) if self.works_here(&id).await? => Some(id),
                _ => None,
            },
        })
    }

    /// The contact that a phone or an address leads to.
    pub(super) async fn contact_of(&self, card: &Card) -> Result<Option<String>, Trouble> {
        let found = self.found(card).await?;
        Ok(found.contacts.first().map(u64::to_string))
    }

    /// Contacts and leads that can be reached as this card says. Kinds are asked for one by one: twenty
    /// hits of one kind would hide those of the next.
    async fn found(&self, card: &Card) -> Result<Found, Trouble> {
        let mut found = Found::default();
        let phones: Vec<String> = card
            .phones
            .iter()
            .flat_map(|phone| spellings(phone))
            .collect();
        // Digits are all that may stand in a batch, which the portal looks through for references.
        let digits = |c: char| c.is_ascii_digit() || "+-() ".contains(c);
        let phones = phones.into_iter().filter(|phone| phone.chars().all(digits));
        let phones: Vec<String> = phones.collect();
        let mut reads = Vec::new();
        for (n, values) in phones.chunks(VALUES).enumerate() {
            for entity in [Entity::Contact, Entity::Lead] {
                let name = format!("{}{n}", entity.name());
                reads.push((name, entity, search("PHONE", entity, values)));
            }
        }
        if !reads.is_empty() {
            let calls: Vec<(&str, &str, Value)> = reads
                .iter()
                .map(|(name, _, params)| (name.as_str(), SEARCH, params.clone()))
                .collect();
            let mut answers = self.items.client.batch(&calls).await?;
            for (name, entity, _) in &reads {
                let answer = answers.remove(name).unwrap_or(Ok(Value::Null))?;
                found.take(*entity, &answer);
            }
        }
        for values in card.emails.chunks(VALUES) {
            for entity in [Entity::Contact, Entity::Lead] {
                let params = search("EMAIL", entity, values);
                let answer = self.items.client.read(SEARCH, params).await?;
                found.take(entity, &answer.result);
            }
        }
        Ok(found)
    }

    async fn open_lead(
        &self,
        found: &Found,
        contact: Option<&str>,
    ) -> Result<Option<(Record, Row)>, Trouble> {
        // The newest are those that may be open.
        let newest: Vec<u64> = found.leads.iter().rev().take(LEADS).copied().collect();
        if !newest.is_empty() {
            let filter = [("@id".to_owned(), json!(newest))];
            let open = self
                .open_one(RecordKind::Lead, filter.into_iter().collect())
                .await?;
            if open.is_some() {
                return Ok(open);
            }
        }
        let Some(contact) = contact else {
            return Ok(None);
        };
        let filter = [("=contactId".to_owned(), number(contact))];
        self.open_one(RecordKind::Lead, filter.into_iter().collect())
            .await
    }

    async fn open_deal(
        &self,
        contact: &str,
        pipeline: Option<u32>,
    ) -> Result<Option<(Record, Row)>, Trouble> {
        let mut filter = Fields::new();
        filter.insert("=contactId".to_owned(), number(contact));
        if let Some(pipeline) = pipeline {
            filter.insert("=categoryId".to_owned(), json!(pipeline));
        }
        self.open_one(RecordKind::Deal, filter).await
    }

    /// The newest record that a filter leaves and that nobody has closed.
    async fn open_one(
        &self,
        kind: RecordKind,
        mut filter: Fields,
    ) -> Result<Option<(Record, Row)>, Trouble> {
        filter.insert("=stageSemanticId".to_owned(), json!("P"));
        let select = ["id", "assignedById", "contactId"];
        let mut rows = self.items.all(kind.into(), &filter, &select).await?;
        let newest = rows.pop().and_then(|row| Some((row.id("id")?, row)));
        Ok(newest.map(|(id, row)| (Record { kind, id }, row)))
    }
}

const SEARCH: &str = "crm.duplicate.findbycomm";

fn search(kind: &str, entity: Entity, values: &[String]) -> Value {
    json!({
        "type": kind,
        "entity_type": entity.name().to_uppercase(),
        // A list even of one, or the portal sees none.
        "values": values,
    })
}

impl Found {
    /// `{"CONTACT": [275]}`, or `[]` where there is none.
    fn take(&mut self, entity: Entity, answer: &Value) {
        let ids = match entity {
            Entity::Contact => &mut self.contacts,
            Entity::Lead | Entity::Deal => &mut self.leads,
        };
        let Some(found) = answer
            .get(entity.name().to_uppercase())
            .and_then(Value::as_array)
        else {
            return;
        };
        let found = found.iter().filter_map(id);
        ids.extend(found.filter_map(|id| id.parse::<u64>().ok()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_is_looked_for_in_every_spelling() {
        assert_eq!(
            spellings("+79991234567"),
            ["+79991234567", "79991234567", "89991234567", "9991234567"]
        );
        assert_eq!(
            spellings("+4915112345678"),
            ["+4915112345678", "4915112345678"]
        );
        assert_eq!(
            spellings("8 999 123-45-67").last().unwrap(),
            "8 999 123-45-67"
        );
    }
}
