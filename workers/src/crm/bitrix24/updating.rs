//! What is new about a customer comes into the record that is there.

use serde_json::json;

use super::items::{Fields, number};
use super::names::Entity;
use super::portal::Portal;
use super::row::Row;
use super::{Bitrix24, card};
use crate::crm::{Card, Record, Trouble, Verdict};

impl Bitrix24 {
    /// Brings a record up to its card, its contact too where the card's person is one.
    pub(super) async fn bring_up(
        &self,
        record: &Record,
        card: &Card,
        before: &Card,
    ) -> Result<(), Trouble> {
        let portal = self.portal().await?;
        let entity = Entity::from(record.kind);
        let there = self.items.get(entity, &record.id).await?;
        let contact = there.id("contactId");
        let mut fields = self.changed(&portal, entity, card, before, &there);
        if entity == Entity::Lead && contact.is_none() && fields.contains_key("fm") {
            // A phone that came later may be that of somebody known.
            if let Some(known) = self.contact_of(card).await? {
                fields.insert("contactId".to_owned(), number(&known));
            }
        }
        self.write(entity, &record.id, &fields).await?;
        if entity == Entity::Deal
            && let Some(id) = contact
        {
            let there = match self.items.get(Entity::Contact, &id).await {
                Ok(there) => there,
                // Deleted or merged: the deal is what matters.
                Err(trouble) if trouble.verdict == Verdict::Gone => return Ok(()),
                Err(trouble) => return Err(trouble),
            };
            let fields = self.changed(&portal, Entity::Contact, card, before, &there);
            self.write(Entity::Contact, &id, &fields).await?;
        }
        Ok(())
    }

    fn changed(
        &self,
        portal: &Portal,
        entity: Entity,
        card: &Card,
        before: &Card,
        there: &Row,
    ) -> Fields {
        let new = card::living(card, entity, portal, &self.config);
        let old = card::living(before, entity, portal, &self.config);
        let mut fields = card::changes(card, &new, &old, there);
        let missing = card::missing(card, there);
        if entity != Entity::Deal && !missing.is_empty() {
            fields.insert("fm".to_owned(), json!(missing));
        }
        fields
    }

    async fn write(&self, entity: Entity, id: &str, fields: &Fields) -> Result<(), Trouble> {
        if fields.is_empty() {
            return Ok(());
        }
        let written = self.items.update(entity, id, fields).await;
        if written
            .as_ref()
            .is_err_and(|trouble| trouble.verdict == Verdict::Refused)
        {
            // What we know of its fields may be of yesterday.
            self.portal.forget().await;
        }
        written
    }
}
