//! How far an enquiry is: our milestones, the portal's stages.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;
use uuid::Uuid;

use super::items::{Fields, number, refused};
use super::names::Entity;
use super::portal::{Portal, Semantic};
use super::row::Row;
use super::{Bitrix24, Bitrix24Config, ORIGINATOR};
use crate::crm::{Fate, Milestone, Record, RecordKind, Trouble};

/// Milestones that a stage can be set for, least first.
const MILESTONES: [(&str, Milestone); 4] = [
    ("qualified", Milestone::Qualified),
    ("booked", Milestone::Booked),
    ("came", Milestone::Came),
    ("lost", Milestone::Lost),
];

/// How many ids a filter takes at once.
const IDS: usize = 50;

fn key(milestone: Milestone) -> Option<&'static str> {
    let mut all = MILESTONES.iter();
    all.find(|(_, one)| *one == milestone).map(|(key, _)| *key)
}

/// A record's stage and what follows from it.
fn stage_of(row: &Row) -> (String, Semantic) {
    let stage = row.text("stageId").unwrap_or_default().to_owned();
    (stage, Semantic::of(row.text("stageSemanticId")))
}

/// How far a record is. A stage that is set for a milestone is that milestone, and what lies after it in
/// the pipeline is not less. A lead that succeeded has only been accepted: what came of it is with the deal
/// that was made of it.
fn milestone(portal: &Portal, config: &Bitrix24Config, entity: Entity, row: &Row) -> Milestone {
    let (stage, semantic) = stage_of(row);
    let set = |key: &str| config.stages.get(key);
    let exactly = MILESTONES.iter().find(|(key, _)| set(key) == Some(&stage));
    match (exactly, semantic) {
        (Some((_, milestone)), _) => return *milestone,
        (None, Semantic::Failure) => return Milestone::Lost,
        (None, Semantic::Success) if entity == Entity::Lead => return Milestone::Qualified,
        (None, Semantic::Success) => return Milestone::Came,
        (None, Semantic::Process) => {}
    }
    let Some(now) = portal.stage(entity, &stage) else {
        return Milestone::Enquiry;
    };
    let first = portal.first_stage(entity, now.pipeline);
    let moved = first.is_some_and(|first| first.sort < now.sort);
    let passed = MILESTONES.iter().filter_map(|(key, milestone)| {
        let stage = portal.stage(entity, set(key)?)?;
        let process = stage.semantic == Semantic::Process;
        (process && stage.pipeline == now.pipeline && stage.sort < now.sort).then_some(*milestone)
    });
    let least = if moved {
        Milestone::Qualified
    } else {
        Milestone::Enquiry
    };
    passed.fold(least, Milestone::max)
}

impl Bitrix24 {
    /// Moves a record forward. What a person has closed or moved further stays.
    pub(super) async fn forward(&self, record: &Record, to: Milestone) -> Result<(), Trouble> {
        let Some(target) = key(to).and_then(|key| self.config.stages.get(key)) else {
            return Ok(());
        };
        let portal = self.portal().await?;
        let entity = Entity::from(record.kind);
        let Some(target) = portal.stage(entity, target) else {
            if record.kind != portal.kind {
                // From before the portal gave up leads, or began with them: other stages.
                return Ok(());
            }
            return Err(refused(
                "no_such_stage",
                format!("the portal has no stage `{target}` any more: see [crm.bitrix24.stages]"),
            ));
        };
        let row = self.items.get(entity, &record.id).await?;
        let (stage, semantic) = stage_of(&row);
        let now = portal.stage(entity, &stage);
        let other_pipeline = now.is_some_and(|now| now.pipeline != target.pipeline);
        let forward = match target.semantic {
            Semantic::Process => now.is_none_or(|now| now.sort < target.sort),
            Semantic::Success | Semantic::Failure => true,
        };
        if semantic != Semantic::Process || other_pipeline || !forward {
            return Ok(());
        }
        let fields: Fields = [("stageId".to_owned(), json!(target.id))]
            .into_iter()
            .collect();
        self.items.update(entity, &record.id, &fields).await
    }

    /// What became of records. Asked for a deal that a manager made of our lead, it tells of that lead.
    pub(super) async fn now(
        &self,
        records: &[Record],
    ) -> Result<Vec<(Record, Option<Fate>)>, Trouble> {
        let portal = self.portal().await?;
        let asked = |kind| {
            let of_kind = records.iter().filter(move |record| record.kind == kind);
            of_kind.map(|record| record.id.clone()).collect()
        };
        let (leads, deals) = (asked(RecordKind::Lead), asked(RecordKind::Deal));
        let mut leads = self.items.those(Entity::Lead, &leads).await?;
        let deals = self.items.those(Entity::Deal, &deals).await?;
        let made_of = |deal: &Row| deal.id("leadId").filter(|_| !ours(deal));
        let further: Vec<String> = deals.values().flatten().filter_map(made_of).collect();
        for lead in self.our_leads(&portal, &further).await? {
            leads.insert(lead.id("id").unwrap_or_default(), Some(lead));
        }
        let made = self.deals_of(&portal, leads.values().flatten()).await?;
        let lead =
            |id: &str, row: &Row| Some(self.fate_of(&portal, RecordKind::Lead, row, made.get(id)));
        let deal = |row: &Row| {
            let of_lead = made_of(row).and_then(|id| lead(&id, leads.get(&id)?.as_ref()?));
            of_lead.or_else(|| Some(self.fate_of(&portal, RecordKind::Deal, row, None)))
        };
        let told = |record: &Record| {
            let fate = match record.kind {
                RecordKind::Lead => leads
                    .get(&record.id)?
                    .as_ref()
                    .and_then(|row| lead(&record.id, row)),
                RecordKind::Deal => deals.get(&record.id)?.as_ref().and_then(deal),
            };
            Some((record.clone(), fate))
        };
        Ok(records.iter().filter_map(told).collect())
    }

    /// What became of all records of ours that changed since then: leads, deals, and leads whose deals did.
    pub(super) async fn changes(&self, since: DateTime<Utc>) -> Result<Vec<Fate>, Trouble> {
        let portal = self.portal().await?;
        let since = since.to_rfc3339_opts(SecondsFormat::Secs, false);
        let mut changed = Fields::new();
        changed.insert(">=updatedTime".to_owned(), json!(since));
        let mut mine = changed.clone();
        mine.insert("=originatorId".to_owned(), json!(ORIGINATOR));
        let mut leads = self.listed(&portal, Entity::Lead, &mine).await?;
        let deals = self.listed(&portal, Entity::Deal, &mine).await?;
        changed.insert(">leadId".to_owned(), json!(0));
        let made_of_leads = self.listed(&portal, Entity::Deal, &changed).await?;
        let known: BTreeSet<String> = leads.iter().filter_map(|row| row.id("id")).collect();
        let made_of_leads = made_of_leads.iter().filter_map(|row| row.id("leadId"));
        let further: BTreeSet<String> = made_of_leads.filter(|id| !known.contains(id)).collect();
        let further: Vec<String> = further.into_iter().collect();
        leads.extend(self.our_leads(&portal, &further).await?);
        let of_lead = self.deals_of(&portal, &leads).await?;
        let lead = |row: &Row| {
            let deal = row.id("id").and_then(|id| of_lead.get(&id));
            self.fate_of(&portal, RecordKind::Lead, row, deal)
        };
        let deal = |row: &Row| self.fate_of(&portal, RecordKind::Deal, row, None);
        let fates = leads.iter().map(lead).chain(deals.iter().map(deal));
        let mut fates: Vec<Fate> = fates.collect();
        fates.sort_by_key(|fate| fate.updated_at);
        Ok(fates)
    }

    /// Those of these leads that are ours.
    async fn our_leads(&self, portal: &Portal, ids: &[String]) -> Result<Vec<Row>, Trouble> {
        let mut leads = Vec::new();
        for ids in ids.chunks(IDS) {
            let mut filter = Fields::new();
            filter.insert("=originatorId".to_owned(), json!(ORIGINATOR));
            filter.insert("@id".to_owned(), numbers(ids));
            leads.extend(self.listed(portal, Entity::Lead, &filter).await?);
        }
        Ok(leads)
    }

    /// The newest deal that was made of each of the leads that were accepted.
    async fn deals_of(
        &self,
        portal: &Portal,
        leads: impl IntoIterator<Item = &Row>,
    ) -> Result<BTreeMap<String, Row>, Trouble> {
        let accepted = leads
            .into_iter()
            .filter(|row| stage_of(row).1 == Semantic::Success);
        let accepted: Vec<String> = accepted.filter_map(|row| row.id("id")).collect();
        let mut newest = BTreeMap::new();
        for ids in accepted.chunks(IDS) {
            let filter: Fields = [("@leadId".to_owned(), numbers(ids))].into_iter().collect();
            for row in self.listed(portal, Entity::Deal, &filter).await? {
                if let Some(lead) = row.id("leadId") {
                    newest.insert(lead, row);
                }
            }
        }
        Ok(newest)
    }

    async fn listed(
        &self,
        portal: &Portal,
        entity: Entity,
        filter: &Fields,
    ) -> Result<Vec<Row>, Trouble> {
        let mut select = vec![
            "id",
            "stageId",
            "stageSemanticId",
            "assignedById",
            "updatedTime",
            "originatorId",
            "originId",
        ];
        if entity == Entity::Deal {
            select.push("leadId");
        }
        if let Some(field) = portal.field(entity, &self.config.no_bot_field) {
            select.push(&field.name);
        }
        self.items.all(entity, filter, &select).await
    }

    /// What a record says, or the deal that was made of it.
    fn fate_of(&self, portal: &Portal, kind: RecordKind, row: &Row, deal: Option<&Row>) -> Fate {
        let entity = Entity::from(kind);
        let (told, by) = deal.map_or((entity, row), |deal| (Entity::Deal, deal));
        let mut milestone = milestone(portal, &self.config, told, by);
        if deal.is_some() {
            milestone = milestone.max(Milestone::Qualified);
        }
        let (stage, _) = stage_of(by);
        let no_bot = |entity: Entity, row: &Row| {
            let field = portal.field(entity, &self.config.no_bot_field);
            field.is_some_and(|field| row.flag(&field.name))
        };
        let updated = [Some(row), deal].into_iter().flatten();
        let updated = updated.filter_map(|row| row.time("updatedTime")).max();
        Fate {
            record: Record {
                kind,
                id: row.id("id").unwrap_or_default(),
            },
            origin: origin(row),
            milestone,
            stage_name: portal
                .stage(told, &stage)
                .map_or_else(|| stage.clone(), |one| one.name.clone()),
            stage,
            responsible: by.id("assignedById"),
            no_bot: no_bot(entity, row) || deal.is_some_and(|deal| no_bot(Entity::Deal, deal)),
            updated_at: updated.unwrap_or_else(|| self.clock.now()),
        }
    }
}

fn ours(row: &Row) -> bool {
    row.text("originatorId") == Some(ORIGINATOR)
}

fn origin(row: &Row) -> Option<Uuid> {
    row.text("originId").filter(|_| ours(row))?.parse().ok()
}

fn numbers(ids: &[String]) -> serde_json::Value {
    ids.iter().map(|id| number(id)).collect()
}
