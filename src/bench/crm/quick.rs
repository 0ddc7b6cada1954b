//! A CRM that has done everything at once: what is left is the worker itself.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;
use zapis_workers::crm::{
    Card, Crm, Fate, Health, Manager, Milestone, Opened, Person, Record, RecordKind, Todo, Trouble,
};

use super::MANAGERS;

/// The CRM.
#[derive(Debug, Default)]
pub(super) struct Quick {
    leads: AtomicUsize,
}

#[async_trait]
impl Crm for Quick {
    async fn who(&self, _card: &Card) -> Result<Person, Trouble> {
        Ok(Person::default())
    }

    async fn find(&self, _origin: Uuid) -> Result<Option<Opened>, Trouble> {
        Ok(None)
    }

    async fn open(
        &self,
        _origin: Uuid,
        _card: &Card,
        _person: &Person,
        responsible: Option<&str>,
    ) -> Result<Opened, Trouble> {
        let id = self.leads.fetch_add(1, Ordering::Relaxed);
        Ok(Opened {
            record: Record {
                kind: RecordKind::Lead,
                id: id.to_string(),
            },
            responsible: responsible.map(str::to_owned),
        })
    }

    async fn update(&self, _record: &Record, _card: &Card, _before: &Card) -> Result<(), Trouble> {
        Ok(())
    }

    async fn comment(
        &self,
        _record: &Record,
        mark: Uuid,
        _text: &str,
        _again: bool,
    ) -> Result<String, Trouble> {
        Ok(mark.to_string())
    }

    async fn todo(
        &self,
        _record: &Record,
        mark: Uuid,
        _todo: &Todo,
        _again: bool,
    ) -> Result<String, Trouble> {
        Ok(mark.to_string())
    }

    async fn advance(&self, _record: &Record, _to: Milestone) -> Result<(), Trouble> {
        Ok(())
    }

    async fn fates(&self, _records: &[Record]) -> Result<Vec<(Record, Option<Fate>)>, Trouble> {
        Ok(Vec::new())
    }

    async fn changed_since(&self, _since: DateTime<Utc>) -> Result<Vec<Fate>, Trouble> {
        Ok(Vec::new())
    }

    async fn managers(&self) -> Result<Vec<Manager>, Trouble> {
        let manager = |id: &str| Manager {
            id: id.to_owned(),
            name: id.to_owned(),
            active: true,
            at_work: Some(true),
            absent: false,
        };
        Ok(MANAGERS.map(manager).to_vec())
    }

    fn health(&self) -> Health {
        Health::Ok
    }
}
