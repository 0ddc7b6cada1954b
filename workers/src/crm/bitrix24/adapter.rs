//! What the rest of the program asks of a portal.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;
use zapis_core::Clock;

use super::cached::Cached;
use super::check;
use super::items::Items;
use super::managers::{Employee, PRESENCE, Presence, STAFF};
use super::portal::Portal;
use super::{Bitrix24Config, Client};
use crate::crm::{
    Card, Crm, Fate, Health, Manager, Milestone, Opened, Person, Record, Todo, Trouble,
};

/// How long it is known what the portal is like.
const A_DAY: TimeDelta = TimeDelta::days(1);

/// A portal.
#[derive(Debug)]
pub struct Bitrix24 {
    pub(super) items: Items,
    pub(super) config: Bitrix24Config,
    pub(super) clock: Clock,
    pub(super) portal: Cached<Portal>,
    pub(super) employees: Cached<Vec<Employee>>,
    pub(super) presence: Cached<Presence>,
}

impl Bitrix24 {
    /// The portal that a client calls.
    pub fn new(config: &Bitrix24Config, client: Client, clock: &Clock) -> Self {
        Self {
            items: Items::new(client, config.old_methods),
            config: config.clone(),
            clock: clock.clone(),
            portal: Cached::new(A_DAY),
            employees: Cached::new(STAFF),
            presence: Cached::new(PRESENCE),
        }
    }

    pub(super) async fn portal(&self) -> Result<Arc<Portal>, Trouble> {
        let now = self.clock.now();
        self.portal.get(now, Portal::read(&self.items)).await
    }

    /// Asks the portal whether it goes together with the configuration: what it is, or what does not fit and
    /// how to mend it, each under its name.
    pub async fn check(&self) -> Vec<(String, Result<String, String>)> {
        let told = |what: &str, result| (format!("bitrix24{what}"), result);
        self.portal.forget().await;
        let portal = match self.portal().await {
            Ok(portal) => portal,
            Err(trouble) => return vec![told("", Err(trouble.to_string()))],
        };
        let mut results = vec![told("", Ok(portal.words()))];
        let mut findings = check::check(&portal, &self.config);
        match check::rights(&self.items, &portal).await {
            Ok(finding) => findings.extend(finding),
            Err(trouble) => findings.push(trouble.to_string()),
        }
        results.extend(
            findings
                .into_iter()
                .map(|finding| told(" settings", Err(finding))),
        );
        results.push(told(" staff", self.staff_words().await));
        results
    }

    async fn staff_words(&self) -> Result<String, String> {
        let managers = self.staff().await.map_err(|trouble| trouble.to_string())?;
        let known = managers.iter().filter(|one| one.at_work.is_some()).count();
        Ok(format!(
            "{} employees; of {known} the portal tells whether they are at work",
            managers.len()
        ))
    }
}

#[async_trait]
impl Crm for Bitrix24 {
    async fn who(&self, card: &Card) -> Result<Person, Trouble> {
        self.person(card).await
    }

    async fn find(&self, origin: Uuid) -> Result<Option<Opened>, Trouble> {
        self.adopt(origin).await
    }

    async fn open(
        &self,
        origin: Uuid,
        card: &Card,
        person: &Person,
        responsible: Option<&str>,
    ) -> Result<Opened, Trouble> {
        self.make(origin, card, person, responsible).await
    }

    async fn update(&self, record: &Record, card: &Card, before: &Card) -> Result<(), Trouble> {
        self.bring_up(record, card, before).await
    }

    async fn comment(
        &self,
        record: &Record,
        mark: Uuid,
        text: &str,
        again: bool,
    ) -> Result<String, Trouble> {
        self.note(record, mark, text, again).await
    }

    async fn todo(
        &self,
        record: &Record,
        mark: Uuid,
        todo: &Todo,
        again: bool,
    ) -> Result<String, Trouble> {
        self.task(record, mark, todo, again).await
    }

    async fn advance(&self, record: &Record, to: Milestone) -> Result<(), Trouble> {
        self.forward(record, to).await
    }

    async fn fates(&self, records: &[Record]) -> Result<Vec<(Record, Option<Fate>)>, Trouble> {
        self.now(records).await
    }

    async fn changed_since(&self, since: DateTime<Utc>) -> Result<Vec<Fate>, Trouble> {
        self.changes(since).await
    }

    async fn managers(&self) -> Result<Vec<Manager>, Trouble> {
        self.staff().await
    }

    fn health(&self) -> Health {
        self.items.client.health()
    }
}
