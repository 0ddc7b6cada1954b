//! `zapis export` and `zapis erase`: what a person may ask of the firm by law; `zapis privacy`: what time does by itself.

use std::time::Duration;

use anyhow::{Context, anyhow};
use serde_json::{Value, json};
use uuid::Uuid;
use zapis_core::Clock;
use zapis_core::erasure::{Eraser, sessions_of};
use zapis_core::event::{Event, Kind};
use zapis_core::message::ConversationId;
use zapis_core::retention::Retention;
use zapis_core::store::{Begun, Over, Person, Receipt, Store, Swept};
use zapis_workers::understand::phone_number;

use super::{Failure, operator, store};
use crate::app::{open_queue, open_sessions, staff_groups};
use crate::cli::{EraseArgs, PrivacyCommand};
use crate::config::Loaded;
use crate::control::{self, Wake};
use crate::output::{self, Table, plain};

/// How long the running program may take.
const PATIENCE: Duration = Duration::from_mins(5);
/// How often it is looked whether it is done.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// By what a person is named.
enum Named {
    Conversation(ConversationId),
    Phone(String),
}

impl Named {
    fn read(text: &str) -> Result<Self, Failure> {
        if text.contains(':') {
            let conversation = text.parse().map_err(|_| {
                Failure::Usage("--person is no conversation: write channel:account:peer".into())
            })?;
            return Ok(Self::Conversation(conversation));
        }
        let phone = phone_number(text).ok_or_else(|| {
            Failure::Usage(
                "--person is no phone number: write \"+7 912 345-67-89\", or channel:account:peer"
                    .into(),
            )
        })?;
        Ok(Self::Phone(phone))
    }

    fn text(&self) -> &str {
        match self {
            Self::Conversation(conversation) => conversation.as_str(),
            Self::Phone(phone) => phone,
        }
    }

    async fn find(&self, store: &Store) -> Result<Option<Person>, Failure> {
        let person = match self {
            Self::Conversation(conversation) => store.person_of(conversation).await,
            Self::Phone(phone) => store.person_with(phone).await,
        };
        Ok(person.context("looking for her")?)
    }

    /// Receipts of the time when she was erased.
    async fn receipts(&self, store: &Store) -> Result<Vec<Receipt>, Failure> {
        let hash = store.person_hash(self.text()).await;
        let hash = hash.context("reading the key")?;
        let mut receipts = store.receipts().await.context("reading the receipts")?;
        receipts.retain(|receipt| receipt.hashes.contains(&hash));
        Ok(receipts)
    }
}

fn unknown() -> Failure {
    Failure::Failed(anyhow!(
        "nothing is stored about this person: try another phone or conversation of hers"
    ))
}

/// `zapis export --person`: everything of one person, as a readable document.
pub(super) async fn told_of(loaded: &Loaded, person: &str) -> Result<String, Failure> {
    let named = Named::read(person)?;
    let store = store(loaded).await?;
    let told = tell(loaded, &store, &named).await;
    store.close().await;
    Ok(serde_json::to_string_pretty(&told?).context("writing JSON")? + "\n")
}

async fn tell(loaded: &Loaded, store: &Store, named: &Named) -> Result<Value, Failure> {
    let person = named.find(store).await?.ok_or_else(unknown)?;
    let told = store.export_person(&person).await;
    let mut told = told.context("reading what is stored")?;
    let engines = &loaded.config.engines;
    told["exported_at"] = json!(Clock::system().now());
    told["sessions"] = if engines.embedded_sessions() && control::is_open(&engines.data_dir).await {
        json!("The running program has them: the button in the console tells them too.")
    } else {
        let sessions = open_sessions(engines, &Clock::system()).await?;
        let told = sessions_of(&*sessions, &person).await;
        sessions.close().await;
        told.context("reading the sessions")?
    };
    let conversation = match named {
        Named::Conversation(conversation) => Some(conversation),
        Named::Phone(_) => person.conversations.first(),
    };
    let mut event = Event::new(Uuid::new_v4(), Kind::System, Clock::system().now());
    event.conversation_id = conversation.cloned();
    event.staff_id = Some(operator());
    event.action = Some("export".to_owned());
    event.outcome = Some("done".to_owned());
    let noted = store.journal(&[event], &[]).await;
    noted.context("noting who was told")?;
    Ok(told)
}

/// `zapis erase`
pub(super) async fn erase(loaded: &Loaded, args: EraseArgs) -> Result<(), Failure> {
    let named = args.person.as_deref().map(Named::read).transpose()?;
    let store = store(loaded).await?;
    let done = match &named {
        Some(named) if !args.receipts => erase_one(loaded, &store, named, &args).await,
        named => list(&store, named.as_ref(), args.json).await,
    };
    store.close().await;
    done
}

async fn erase_one(
    loaded: &Loaded,
    store: &Store,
    named: &Named,
    args: &EraseArgs,
) -> Result<(), Failure> {
    // What a crash left undone comes first: it may be hers.
    let open = store.open_erasures().await;
    let mut unfinished = None;
    if args.yes && !open.context("reading what is begun")?.is_empty() {
        unfinished = finish(loaded, store, None).await.err();
    }
    let Some(person) = named.find(store).await? else {
        if let Some(error) = unfinished {
            return Err(error);
        }
        let Some(receipt) = named.receipts(store).await?.into_iter().next() else {
            return Err(unknown());
        };
        return show(
            &receipt,
            "Nothing is left to erase. She was erased before:",
            args.json,
        );
    };
    if args.dry_run || !args.yes {
        return foretell(store, &person, args).await;
    }
    let (who, now) = (operator(), Clock::system().now());
    let begun = store
        .begin_erasure(&person, &who, args.cancel_visits, now)
        .await;
    let id = match begun.context("beginning")? {
        Begun::Begun(id) => id,
        Begun::Visits(ahead) => {
            return Err(Failure::Failed(anyhow!(
                "she has {} visits ahead: cancel them (zapis book cancel), or add --cancel-visits",
                ahead.len()
            )));
        }
    };
    let finished = finish(loaded, store, Some(id)).await;
    let receipts = store.receipts().await.context("reading the receipt")?;
    let receipt = receipts.iter().find(|receipt| receipt.id == id);
    // Another's that fails is none of hers.
    if receipt.is_none_or(|receipt| receipt.ended_at.is_none()) {
        finished?;
    }
    match receipt {
        Some(receipt) => show(receipt, "Erased.", args.json),
        None => Err(Failure::Failed(anyhow!("the receipt {id} is gone"))),
    }
}

/// What would be erased.
async fn foretell(store: &Store, person: &Person, args: &EraseArgs) -> Result<(), Failure> {
    let counts = store.measure_person(person).await;
    let [deleted, kept] = counts.context("counting what is stored")?;
    let ahead = store.visits_ahead(person, Clock::system().now()).await;
    let ahead = ahead.context("reading her visits")?.len();
    if args.json {
        output::json(&json!({
            "conversations": person.conversations.len(), "phones": person.phones.len(),
            "deleted": deleted, "kept": kept, "visits_ahead": ahead,
        }))?;
    } else {
        output::line(format!(
            "{} conversations, {} phones, {ahead} visits ahead.",
            person.conversations.len(),
            person.phones.len()
        ));
        table(&deleted, &kept);
    }
    if args.dry_run {
        return Ok(());
    }
    Err(Failure::Usage(
        "nothing was erased: it cannot be undone, so add --yes".into(),
    ))
}

/// Has one, or all that are open, finished by whoever holds the engines.
async fn finish(loaded: &Loaded, store: &Store, one: Option<Uuid>) -> Result<(), Failure> {
    let engines = &loaded.config.engines;
    let embedded = engines.embedded_sessions() || engines.embedded_broker();
    let socket = control::socket(&engines.data_dir);
    if embedded && control::is_open(&engines.data_dir).await {
        let woken = control::wake(&socket, Wake::Erasure).await.unwrap_or(false);
        return wait(store, one, woken).await;
    }
    let held = "the erasure is begun and not finished: a program that does not answer holds the engines; \
                stop it and run this again";
    let clock = Clock::system();
    let sessions = open_sessions(engines, &clock).await.context(held)?;
    let queue = if engines.embedded_broker() {
        Some(open_queue(engines).await.context(held)?)
    } else {
        None
    };
    let desks = staff_groups(&loaded.config);
    let eraser = Eraser {
        store,
        sessions: &*sessions,
        queue: queue.as_deref(),
        desks: &desks,
        clock: &clock,
    };
    let finished = eraser.finish().await;
    sessions.close().await;
    if let Some(queue) = &queue {
        queue.close().await;
    }
    finished.context("erasing; run this again to go on")?;
    Ok(())
}

/// Until the running program has done it.
async fn wait(store: &Store, one: Option<Uuid>, woken: bool) -> Result<(), Failure> {
    let done = async {
        let is_meant = |id| one.is_none_or(|one| one == id);
        while store
            .open_erasures()
            .await?
            .iter()
            .any(|open| is_meant(open.id))
        {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok::<_, zapis_core::store::StoreError>(())
    };
    let late = || {
        let hint = if woken {
            "see its log"
        } else {
            "it did not answer"
        };
        anyhow!("the erasure is begun, and the running program has not finished it: {hint}")
    };
    let done = tokio::time::timeout(PATIENCE, done).await;
    done.map_err(|_| late())?
        .context("waiting for the running program")?;
    Ok(())
}

async fn list(store: &Store, named: Option<&Named>, json: bool) -> Result<(), Failure> {
    let receipts = match named {
        Some(named) => named.receipts(store).await?,
        None => store.receipts().await.context("reading the receipts")?,
    };
    if json {
        return Ok(output::json(&receipts)?);
    }
    if receipts.is_empty() {
        output::line("Nobody was erased.");
        return Ok(());
    }
    let mut table = Table::new(&["receipt", "begun", "by", "finished"]);
    for one in &receipts {
        table.row([
            one.id.to_string(),
            one.begun_at.to_rfc3339(),
            one.begun_by.clone(),
            one.ended_at.map(|at| at.to_rfc3339()).unwrap_or_default(),
        ]);
    }
    table.print();
    Ok(())
}

fn show(receipt: &Receipt, title: &str, json: bool) -> Result<(), Failure> {
    if json {
        return Ok(output::json(receipt)?);
    }
    output::line(title);
    output::line(format!("receipt   {}", receipt.id));
    output::line(format!(
        "begun     {} by {}",
        receipt.begun_at.to_rfc3339(),
        receipt.begun_by
    ));
    let ended = receipt.ended_at.map(|at| at.to_rfc3339());
    output::line(format!(
        "finished  {}",
        ended.as_deref().unwrap_or("not yet")
    ));
    output::line(format!("sessions  {}", receipt.sessions));
    table(&receipt.deleted, &receipt.kept);
    for record in &receipt.crm {
        output::line(format!("By hand in the CRM: {record}"));
    }
    for export in &receipt.exports {
        output::line(format!("By hand, what was written out: {}", plain(export)));
    }
    for channel in &receipt.channels {
        output::line(format!(
            "By hand in the messenger: her chat on {channel}, and the staff's group"
        ));
    }
    Ok(())
}

type Counts = std::collections::BTreeMap<String, u64>;

fn table(deleted: &Counts, kept: &Counts) {
    let mut table = Table::new(&["table", "deleted", "kept without the person"]);
    for name in deleted.keys().chain(kept.keys()) {
        let count = |counts: &Counts| counts.get(name).map(u64::to_string).unwrap_or_default();
        table.row([name.clone(), count(deleted), count(kept)]);
    }
    table.print();
}

/// `zapis privacy`
pub(super) async fn retain(loaded: &Loaded, command: PrivacyCommand) -> Result<(), Failure> {
    let store = store(loaded).await?;
    let retention = Retention {
        store: store.clone(),
        config: loaded.config.privacy.clone(),
        clock: Clock::system(),
        holder: Uuid::new_v4().to_string(),
    };
    let done = match command {
        PrivacyCommand::Run {
            dry_run: true,
            json,
            ..
        } => tell_over(&retention, json).await,
        PrivacyCommand::Run { compact, json, .. } => sweep(&retention, compact, json).await,
        PrivacyCommand::Status { json } => status(&retention, json).await,
    };
    store.close().await;
    done
}

async fn over(retention: &Retention) -> Result<Vec<Over>, Failure> {
    let now = retention.clock.now();
    let over = retention.store.over(&retention.config, now).await;
    Ok(over.context("counting what is over")?)
}

async fn tell_over(retention: &Retention, json: bool) -> Result<(), Failure> {
    let over = over(retention).await?;
    if json {
        return Ok(output::json(&over)?);
    }
    if over.is_empty() {
        output::line("Nothing is over.");
        return Ok(());
    }
    let mut table = Table::new(&["table", "goes", "rows", "oldest"]);
    for one in &over {
        let oldest = one.oldest.map(|at| at.to_rfc3339()).unwrap_or_default();
        table.row([
            one.table.to_owned(),
            one.what.to_owned(),
            one.rows.to_string(),
            oldest,
        ]);
    }
    table.print();
    Ok(())
}

async fn sweep(retention: &Retention, compact: bool, json: bool) -> Result<(), Failure> {
    let swept = retention.sweep().await;
    let swept = swept.context("putting away what is over; run this again to go on")?;
    let Some(swept) = swept else {
        return Err(Failure::Failed(anyhow!(
            "another process is putting away what is over: see `zapis privacy status`"
        )));
    };
    if compact {
        let compacted = retention.store.compact().await;
        compacted.context("writing the file anew")?;
    }
    if json {
        return Ok(output::json(&swept)?);
    }
    show_sweep(&swept);
    Ok(())
}

async fn status(retention: &Retention, json: bool) -> Result<(), Failure> {
    let last = retention.store.last_sweep().await;
    let last = last.context("reading what went last")?;
    let config = &retention.config;
    if json {
        return Ok(output::json(&json!({
            "technical_days": config.technical_days, "details_days": config.details_days,
            "pseudonyms_days": config.pseudonyms_days, "persons_days": config.persons_days,
            "hour": config.hour, "medical": config.medical, "last": last,
        }))?);
    }
    let days = |days: u32| match days {
        0 => "for ever".to_owned(),
        days => format!("{days} days"),
    };
    output::line(format!("technical   {}", days(config.technical_days)));
    output::line(format!("details     {}", days(config.details_days)));
    output::line(format!("pseudonyms  {}", days(config.pseudonyms_days)));
    output::line(format!("persons     {}", days(config.persons_days)));
    let medical = if config.medical {
        "is not kept"
    } else {
        "is kept as everything else"
    };
    output::line(format!("health      {medical}"));
    match last {
        Some(last) => show_sweep(&last),
        None => output::line("Nothing was put away yet."),
    }
    Ok(())
}

fn show_sweep(swept: &Swept) {
    let ended = swept.ended_at.map(|at| at.to_rfc3339());
    let begun = swept.begun_at.to_rfc3339();
    output::line(format!("begun       {begun}"));
    let ended = ended.as_deref().unwrap_or("not yet");
    output::line(format!("finished    {ended}"));
    let mut table = Table::new(&["table", "goes", "rows"]);
    for (name, rows) in &swept.rows {
        let (name, what) = name.split_once(": ").unwrap_or((name, ""));
        table.row([name.to_owned(), what.to_owned(), rows.to_string()]);
    }
    table.print();
}
