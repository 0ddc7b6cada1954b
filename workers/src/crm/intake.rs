//! Takes in what the CRM is to hear of: turns of conversations, and news of records.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tracing::info;
use uuid::Uuid;
use zapis_core::crash;
use zapis_core::lanes::{Failure, Gather, Message, Worker, unreadable};
use zapis_core::message::ConversationId;
use zapis_core::store::{NewOwner, OwnershipChange, StoreError};

use super::deliver::Failed;
use super::enquiry::{Case, State};
use super::notes::IN_THE_CRM;
use super::told::{Told, TurnTold};
use super::{CrmWorker, Fate, Record, RecordKind, Verdict};

/// How often a change is tried that others ran into.
pub(super) const TRIES: usize = 10;
/// How much news one reading answers.
const AT_ONCE: usize = 500;
/// How long the bot keeps silent for a customer whom a person took from it.
const SILENCED: TimeDelta = TimeDelta::days(365);

impl Worker for CrmWorker {
    type Task = Told;

    fn name(&self) -> &'static str {
        "crm"
    }

    fn read(&self, message: &Message) -> Result<Told, String> {
        serde_json::from_slice(&message.body).map_err(|error| unreadable(&error))
    }

    /// Records that change while others are read are read together, each once.
    fn gather(&self, waiting: &[&Told], _: Duration, _: Duration) -> Gather {
        let news = waiting
            .iter()
            .take_while(|told| matches!(told, Told::Changed { .. }));
        Gather::Take(news.count().clamp(1, AT_ONCE))
    }

    async fn handle(&self, _lane: &str, tasks: &[Arc<Told>]) -> Result<(), Failure> {
        match tasks.first().map(Arc::as_ref) {
            Some(Told::Turn(told)) => self.hear(told).await.map_err(Failure::systemic),
            Some(Told::Changed { .. }) => self.reread(tasks).await,
            None => Ok(()),
        }
    }
}

impl CrmWorker {
    /// Takes a turn in.
    pub(super) async fn hear(&self, told: &TurnTold) -> Result<(), StoreError> {
        let erased = self.store.erased_at(&told.conversation).await?;
        if erased.is_some_and(|at| told.at <= at) {
            return Ok(());
        }
        let content = self.content.now();
        let begins = told.enquires.then_some((told.turn, told.at));
        for _ in 0..TRIES {
            let Some(mut case) = self.case(&told.conversation, begins).await? else {
                return Ok(());
            };
            if case.state.card.link.is_none() {
                case.state.card.link = self.link(&told.conversation).await?;
            }
            case.hear(told, self.rules(&content));
            if self.save(case).await? {
                crash::point("crm.heard");
                return Ok(());
            }
        }
        Err(busy())
    }

    /// The enquiry that a conversation has open, or else one that begins with this wish at this time; nothing
    /// where that one has been and is over.
    pub(super) async fn case(
        &self,
        conversation: &ConversationId,
        begins: Option<(Uuid, DateTime<Utc>)>,
    ) -> Result<Option<Case>, StoreError> {
        if let Some(row) = self.store.open_enquiry(conversation).await? {
            return Case::of(row).map(Some);
        }
        let Some((wish, at)) = begins else {
            return Ok(None);
        };
        let case = Case::begin(conversation, wish, at);
        let has_been = self.store.enquiry(case.row.id).await?.is_some();
        Ok((!has_been).then_some(case))
    }

    /// Where the staff reads a conversation: its topic in the group.
    async fn link(&self, conversation: &ConversationId) -> Result<Option<String>, StoreError> {
        let thread = self.store.staff_thread(conversation).await?;
        Ok(thread.and_then(|thread| {
            // Of a supergroup Telegram shows the id without this beginning.
            let group = thread.desk.peer().strip_prefix("-100")?;
            Some(format!("https://t.me/c/{group}/{}", thread.thread))
        }))
    }

    /// Saves what became of a case; `false` when somebody else changed it meanwhile.
    pub(super) async fn save(&self, case: Case) -> Result<bool, StoreError> {
        let (row, jobs, events) = case.finish(&self.config);
        let now = self.clock.now();
        let saved = self.store.save_enquiry(&row, &jobs, &events, now).await?;
        if saved && row.version == 0 {
            metrics::counter!("zapis_crm_enquiries_total").increment(1);
        }
        if saved && !jobs.is_empty() {
            self.pace.wake.notify_one();
        }
        Ok(saved)
    }

    /// Reads records again that something happened to. A deal may be one that a manager made of our lead.
    async fn reread(&self, news: &[Arc<Told>]) -> Result<(), Failure> {
        let changed = news.iter().filter_map(|told| match &**told {
            Told::Changed { record } => Some(record),
            Told::Turn(_) => None,
        });
        let mut records = Vec::new();
        for record in changed.collect::<BTreeSet<_>>() {
            let name = record.to_string();
            let enquiries = self.store.enquiries_of_record(&name).await;
            let is_ours = !enquiries.map_err(Failure::systemic)?.is_empty();
            if is_ours || record.kind == RecordKind::Deal {
                records.push(record.clone());
            }
        }
        if records.is_empty() {
            return Ok(());
        }
        if let Some(left) = self.rests_for() {
            return Err(Failure::Wait { after: left });
        }
        match self.read_again(&records).await {
            Ok(()) => Ok(()),
            Err(Failed::Store(error)) => Err(Failure::systemic(error)),
            // They are asked for again with all that changed.
            Err(Failed::Crm(trouble)) if trouble.verdict == Verdict::Refused => Ok(()),
            Err(Failed::Crm(trouble)) => Err(Failure::Wait {
                after: trouble.after.unwrap_or(super::deliver::PROBE),
            }),
        }
    }

    /// Reads records, and takes in what became of them.
    pub(super) async fn read_again(&self, records: &[Record]) -> Result<(), Failed> {
        let now = self.clock.now();
        for (record, fate) in self.crm.fates(records).await? {
            match fate {
                Some(fate) => self.heed(&fate, &record, now).await?,
                // One that was turned into another is found by the next job about it.
                None => self.gone(&record.to_string(), now).await?,
            }
        }
        Ok(())
    }

    /// Takes in what became of a record, for those who asked for this one too: a lead's fate may be that of
    /// the deal that was made of it.
    pub(super) async fn heed(
        &self,
        fate: &Fate,
        asked: &Record,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let told = fate.record.to_string();
        let mut rows = self.store.enquiries_of_record(&told).await?;
        if fate.record != *asked {
            rows.extend(self.store.enquiries_of_record(&asked.to_string()).await?);
        }
        // What is over is over; only whether the bot is wanted holds for the newest all the same.
        let newest = rows.first().map(|row| row.id);
        for row in rows {
            let is_newest = Some(row.id) == newest;
            if row.closed_at.is_some() && !is_newest {
                continue;
            }
            let before = State::of(&row)?.no_bot;
            self.change(row.id, |case| case.fate(fate, now)).await?;
            match (before, fate.no_bot) {
                (before, true) => {
                    let since = before.unwrap_or(fate.updated_at);
                    self.silence(&row.conversation, fate, since, now).await?;
                }
                (Some(_), false) => self.unsilence(&row.conversation, fate, now).await?,
                (None, false) => {}
            }
        }
        Ok(())
    }

    pub(super) async fn gone(&self, record: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
        for row in self.store.enquiries_of_record(record).await? {
            match self.crm.find(row.id).await {
                Ok(Some(found)) => self.change(row.id, |case| case.moved(&found)).await?,
                Ok(None) => self.change(row.id, |case| case.gone(now)).await?,
                // The next job about it finds out.
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Changes an enquiry, over whatever others do to it.
    pub(super) async fn change(
        &self,
        id: Uuid,
        mut how: impl FnMut(&mut Case),
    ) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            let Some(row) = self.store.enquiry(id).await? else {
                return Ok(());
            };
            let before = row.clone();
            let mut case = Case::of(row)?;
            how(&mut case);
            if case.is_as(&before) || self.save(case).await? {
                return Ok(());
            }
        }
        Err(busy())
    }

    /// A person switched the bot off for this customer: it keeps silent until somebody gives it the
    /// conversation back, here or there.
    async fn silence(
        &self,
        conversation: &ConversationId,
        fate: &Fate,
        since: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let change = OwnershipChange {
            cause: format!("crm:{}:no_bot:{}", fate.record, since.timestamp()),
            at: now,
            to: NewOwner::Staff {
                who: IN_THE_CRM.to_owned(),
                until: now + SILENCED,
            },
        };
        self.store.change_ownership(conversation, &change).await?;
        Ok(())
    }

    /// It may speak again, unless somebody else has the conversation.
    async fn unsilence(
        &self,
        conversation: &ConversationId,
        fate: &Fate,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let owner = self.store.ownership(conversation, now).await?;
        if owner.staff.as_deref() != Some(IN_THE_CRM) {
            return Ok(());
        }
        let change = OwnershipChange {
            cause: format!("crm:{}:bot:{}", fate.record, fate.updated_at.timestamp()),
            at: now,
            to: NewOwner::Bot,
        };
        self.store.change_ownership(conversation, &change).await?;
        info!(?conversation, "The bot was switched on again at the CRM");
        Ok(())
    }
}

pub(super) fn busy() -> StoreError {
    StoreError::Unavailable("an enquiry keeps changing".into())
}
