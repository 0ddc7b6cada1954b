//! A new enquiry becomes a record, once.

use serde_json::json;
use tracing::warn;
use uuid::Uuid;

use super::Bitrix24;
use super::check::unfilled;
use super::items::{Fields, number, refused};
use super::names::Entity;
use super::portal::Portal;
use super::row::Row;
use super::{ORIGINATOR, card};
use crate::crm::{Card, Opened, Person, Record, RecordKind, Trouble, Verdict};

impl Bitrix24 {
    /// Makes the record of an enquiry. There is no uniqueness on the portal's side: who may have tried
    /// before looks first ([`Self::adopted`]), by the origin, which is there as soon as the record is.
    pub(super) async fn make(
        &self,
        origin: Uuid,
        card: &Card,
        person: &Person,
        responsible: Option<&str>,
    ) -> Result<Opened, Trouble> {
        let portal = self.portal().await?;
        let mut whose = Fields::new();
        whose.insert("originatorId".to_owned(), json!(ORIGINATOR));
        if let Some(responsible) = responsible {
            whose.insert("assignedById".to_owned(), number(responsible));
        }
        let contact = match (&person.contact, portal.kind) {
            (None, RecordKind::Deal) => Some(self.contact(origin, card, &portal, &whose).await?),
            (contact, _) => contact.clone(),
        };
        let entity = portal.entity();
        let mut fields = card::new(card, entity, &portal, &self.config);
        fields.extend(whose);
        fields.insert("originId".to_owned(), json!(origin.to_string()));
        if let Some(contact) = &contact {
            fields.insert("contactId".to_owned(), number(contact));
        }
        if entity == Entity::Deal {
            fields.insert("categoryId".to_owned(), json!(self.config.pipeline));
        }
        let row = self.add(entity, &fields, &portal).await?;
        let mut opened = opened(portal.kind, &row);
        // Old methods tell the id alone.
        opened.responsible = opened.responsible.or(responsible.map(str::to_owned));
        self.still_there(origin, opened).await
    }

    /// In the name of `origin`, the contact of a deal. It has a name of its own, for it may be there and
    /// the deal not.
    async fn contact(
        &self,
        origin: Uuid,
        card: &Card,
        portal: &Portal,
        whose: &Fields,
    ) -> Result<String, Trouble> {
        let name = contact_origin(origin);
        let found = self.by_origin(Entity::Contact, &name).await?;
        if let Some(id) = found.first().and_then(|row| row.id("id")) {
            return Ok(id);
        }
        let mut fields = card::new(card, Entity::Contact, portal, &self.config);
        fields.extend(whose.clone());
        fields.insert("originId".to_owned(), json!(name));
        let row = self.add(Entity::Contact, &fields, portal).await?;
        Ok(row.id("id").unwrap_or_default())
    }

    /// Adds a record; a refusal says which field the portal misses, if one is missing.
    async fn add(&self, entity: Entity, fields: &Fields, portal: &Portal) -> Result<Row, Trouble> {
        let trouble = match self.items.add(entity, fields).await {
            Ok(row) => return Ok(row),
            Err(trouble) => trouble,
        };
        if !matches!(trouble.verdict, Verdict::Refused | Verdict::Gone) {
            return Err(trouble);
        }
        // What we know of the portal may be of yesterday.
        self.portal.forget().await;
        let now = self.portal().await;
        let portal = now.as_deref().unwrap_or(portal);
        let missing = unfilled(portal, entity, |name| fields.contains_key(name));
        if missing.is_empty() {
            // What is not there is the kind of record, or the contact: nothing that could be gone.
            let verdict = Verdict::Refused;
            return Err(Trouble { verdict, ..trouble });
        }
        Err(refused("required_field", missing.join("; ")))
    }

    /// Where the owner has just given up leads, the portal turns a new one into a deal at once: its id is
    /// none any more, and the deal is found by the origin.
    async fn still_there(&self, origin: Uuid, opened: Opened) -> Result<Opened, Trouble> {
        if opened.record.kind == RecordKind::Deal {
            return Ok(opened);
        }
        match self.items.get(Entity::Lead, &opened.record.id).await {
            // The portal's own rules may have given it to another.
            Ok(row) => Ok(Opened {
                responsible: row.id("assignedById").or(opened.responsible),
                ..opened
            }),
            Err(trouble) if trouble.verdict == Verdict::Gone => {
                self.portal.forget().await;
                // It was made: whatever goes wrong now, it is looked for before it is made once more.
                let unknown = |trouble| Trouble {
                    verdict: Verdict::Unknown,
                    ..trouble
                };
                let found = self.adopt(origin).await.map_err(unknown)?;
                found.ok_or(unknown(trouble))
            }
            // It was made; how the portal is now is for the next call to find out.
            Err(_) => Ok(opened),
        }
    }

    /// What an earlier try has made, in either kind: the oldest, if there are more.
    pub(super) async fn adopted(
        &self,
        portal: &Portal,
        origin: Uuid,
    ) -> Result<Option<Opened>, Trouble> {
        let mut found = Vec::new();
        let kinds = match portal.kind {
            RecordKind::Lead => [RecordKind::Lead, RecordKind::Deal],
            RecordKind::Deal => [RecordKind::Deal, RecordKind::Lead],
        };
        for kind in kinds {
            for row in self.by_origin(kind.into(), &origin.to_string()).await? {
                let opened = opened(kind, &row);
                found.push((row.id("leadId"), opened));
            }
        }
        // What a manager has made of our lead is no second one.
        let leads: Vec<String> = found.iter().map(|(_, one)| one.record.id.clone()).collect();
        found.retain(|(lead, _)| !lead.as_ref().is_some_and(|lead| leads.contains(lead)));
        let mut found = found.into_iter().map(|(_, opened)| opened);
        let Some(first) = found.next() else {
            return Ok(None);
        };
        let others: Vec<String> = found.map(|other| other.record.to_string()).collect();
        if !others.is_empty() {
            self.tell_of(origin, &first.record, &others.join(", "))
                .await;
        }
        Ok(Some(first))
    }

    /// Nothing is deleted by a program: a person decides which of them stays.
    async fn tell_of(&self, origin: Uuid, record: &Record, others: &str) {
        let text = format!("То же обращение есть ещё раз: {others}. Оставьте одну запись.");
        if let Err(trouble) = self.note(record, origin, &text, true).await {
            warn!(%record, others, error = %trouble, "Could not tell of records that are there twice");
        }
    }

    /// Records of ours with that origin, oldest first.
    pub(super) async fn by_origin(
        &self,
        entity: Entity,
        origin: &str,
    ) -> Result<Vec<Row>, Trouble> {
        let mut filter = Fields::new();
        filter.insert("=originatorId".to_owned(), json!(ORIGINATOR));
        filter.insert("=originId".to_owned(), json!(origin));
        let select: &[&str] = match entity {
            Entity::Lead => &["id", "assignedById"],
            Entity::Deal => &["id", "assignedById", "leadId"],
            Entity::Contact => &["id"],
        };
        self.items.page(entity, &filter, select).await
    }

    /// The record of an enquiry, where there is one: a lead that is gone may be a deal now, because the owner
    /// has given up leads.
    pub(super) async fn adopt(&self, origin: Uuid) -> Result<Option<Opened>, Trouble> {
        let portal = self.portal().await?;
        self.adopted(&portal, origin).await
    }

    /// Deletes what `zapis crm test` has made, and nothing else: the record must have that origin.
    pub async fn delete_test(&self, record: &Record, origin: Uuid) -> Result<(), Trouble> {
        let entity = record.kind.into();
        let row = self.items.get(entity, &record.id).await?;
        let ours = row.text("originatorId") == Some(ORIGINATOR);
        if !ours || row.text("originId") != Some(origin.to_string().as_str()) {
            return Err(refused(
                "not_ours",
                format!("{record} was not made by this test; it stays"),
            ));
        }
        self.items.delete(entity, &record.id).await?;
        for contact in self
            .by_origin(Entity::Contact, &contact_origin(origin))
            .await?
        {
            if let Some(id) = contact.id("id") {
                self.items.delete(Entity::Contact, &id).await?;
            }
        }
        Ok(())
    }
}

fn contact_origin(origin: Uuid) -> String {
    format!("{origin}:c")
}

fn opened(kind: RecordKind, row: &Row) -> Opened {
    let id = row.id("id").unwrap_or_default();
    Opened {
        record: Record { kind, id },
        responsible: row.id("assignedById"),
    }
}
