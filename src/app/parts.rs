//! What the program is made of: channels and workers, joined with the engines.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use zapis_channels::Channel;
use zapis_channels::files::FilesOf;
use zapis_channels::sender::{Alarm, Sender};
use zapis_channels::sms::Sms;
use zapis_channels::telegram::{Telegram, TelegramConfig};
use zapis_channels::webchat::WebChat;
use zapis_channels::whatsapp::WhatsApp;
use zapis_console::reports::{Mailer, Reporter};
use zapis_core::broker::Topic;
use zapis_core::config::Findings;
use zapis_core::intake::Intake;
use zapis_core::lanes::{self, Limits};
use zapis_core::message::{Content, ConversationId, Fence, Outbound};
use zapis_core::retention::Retention;
use zapis_core::store::{NewStaff, Role, StaffMember, Store};
use zapis_core::{Clock, causes, ids};
use zapis_workers::answer::{Answer, PublishedTurns, TurnRules};
use zapis_workers::autonomy::{Adjusted, Adjuster, Autonomy};
use zapis_workers::book::Book;
use zapis_workers::business::FirmFile;
use zapis_workers::content::{Live, Watch};
use zapis_workers::crm::bitrix24::{Bitrix24, Client};
use zapis_workers::crm::{CrmWorker, Pace};
use zapis_workers::desk::Desks;
use zapis_workers::dialogue::visit::Desk;
use zapis_workers::dialogue::{Generator, Interpreter, Receptionist};
use zapis_workers::journal::{JournalWorker, undelivered_card};
use zapis_workers::knowledge::Vectors;
use zapis_workers::kpi::Follower;
use zapis_workers::llm::{Llm, LlmConfig, Prompts};
use zapis_workers::notices::Notices;
use zapis_workers::remind::{Offers, Remind};
use zapis_workers::remind_staff::RemindStaff;

use super::{Engines, Roles};
use crate::cli::WorkerName;
use crate::config::Config;
use crate::{crm_events, output};

fn intake(config: &Config, engines: &Engines) -> Intake {
    let intake = Intake::new(
        Arc::clone(&engines.broker),
        engines.store.clone(),
        engines.clock.clone(),
    );
    if config.engines.embedded_broker() {
        intake.alone()
    } else {
        intake
    }
}

/// Where the people of the firm work.
pub(super) fn console(
    config: &Config,
    folder: &Path,
    channels: &[Arc<dyn Channel>],
    engines: &Engines,
    answering: Answering,
    topics: Vec<Topic>,
    open_for: Option<String>,
) -> Router {
    zapis_console::routes(zapis_console::Setup {
        intake: intake(config, engines),
        sessions: Arc::clone(&engines.sessions),
        files: Arc::new(FilesOf(channels.to_vec())),
        watched: zapis_console::Watched {
            topics,
            doors: accounts(config),
            models: config.llm.clone(),
            crm: config.crm.is_used(),
        },
        firm: FirmFile::new(folder, &engines.store),
        folder: folder.to_owned(),
        content: answering.content,
        autonomy: answering.autonomy,
        generator: answering.generator,
        public_url: config.server.public_url.clone(),
        takeover: minutes(config.staff.takeover_minutes),
        desks: staff_groups(config),
        kpi: config.kpi.clone(),
        phones: config.privacy.phones,
        open_for,
    })
}

/// The first owner, while nobody has come in: known by this login.
pub(super) const OWNER: &str = "owner";

/// Makes an owner where there is nobody yet.
pub(super) async fn first_owner(engines: &Engines) -> anyhow::Result<Option<StaffMember>> {
    let (store, now) = (&engines.store, engines.clock.now());
    let everybody = store
        .staff()
        .await
        .context("reading who works in the console")?;
    if everybody.iter().any(|one| one.has_password) {
        return Ok(None);
    }
    let owner = everybody
        .into_iter()
        .find(|one| one.role == Role::Owner && one.disabled_at.is_none());
    if owner.is_none() {
        let owner = NewStaff {
            login: OWNER.to_owned(),
            name: "Владелец".to_owned(),
            role: Role::Owner,
            location: None,
            language: "ru".to_owned(),
        };
        let added = store.add_staff(&owner, now).await;
        return added.context("making the first owner of the console");
    }
    Ok(owner)
}

/// Says how the first owner comes into the console, while nobody has.
pub(super) async fn invite_first_owner(config: &Config, engines: &Engines) -> anyhow::Result<()> {
    let Some(owner) = first_owner(engines).await? else {
        return Ok(());
    };
    let url = &config.server.public_url;
    let link = zapis_console::invitation(&engines.store, url, &owner, engines.clock.now());
    let link = link
        .await
        .context("inviting the first owner of the console")?;
    output::line(format!(
        "Nobody has come into the console yet. Choose the owner's password: {}",
        link.expose()
    ));
    Ok(())
}

/// The doors. A new one is one more line here.
pub fn channels(config: &Config, engines: &Engines) -> anyhow::Result<Vec<Arc<dyn Channel>>> {
    let intake = intake(config, engines);
    let doors = &config.channels;
    let takeover = minutes(config.staff.takeover_minutes);
    let telegram = Telegram::new(
        doors.telegram.clone(),
        &config.server.public_url,
        takeover,
        &intake,
    );
    let whatsapp = WhatsApp::new(doors.whatsapp.clone(), takeover, intake.clone());
    let sms = Sms::new(&config.sms).context("setting the SMS gateway up ([sms])")?;
    let mut channels: Vec<Arc<dyn Channel>> = vec![
        Arc::new(telegram.context("setting Telegram up")?),
        Arc::new(whatsapp.context("setting WhatsApp up")?),
        Arc::new(WebChat::new(&doors.webchat, intake)),
    ];
    channels.extend(sms.map(|sms| Arc::new(sms) as Arc<dyn Channel>));
    Ok(channels)
}

/// The topics of an installation.
pub(super) fn topics(config: &Config, channels: &[Arc<dyn Channel>]) -> Vec<Topic> {
    let outbound = channels
        .iter()
        .map(|channel| Topic::outbound(channel.name()));
    [Topic::inbound(), Topic::journal()]
        .into_iter()
        .chain(config.crm.is_used().then(Topic::crm))
        .chain(outbound)
        .collect()
}

/// What a portal tells of its own accord, where one is configured.
pub(super) fn crm_events(config: &Config, engines: &Engines) -> anyhow::Result<Router> {
    let bitrix24 = &config.crm.bitrix24;
    if !bitrix24.is_used() {
        return Ok(Router::new());
    }
    let client = Client::new(bitrix24, &engines.store, &engines.sessions, &engines.clock);
    let client = Arc::new(client.context("setting Bitrix24 up ([crm.bitrix24])")?);
    let broker = Arc::clone(&engines.broker);
    let public_url = &config.server.public_url;
    Ok(crm_events::routes(bitrix24, public_url, client, broker))
}

/// What those who answer share with the console.
#[derive(Debug, Clone, Default)]
pub struct Answering {
    /// What is answered from. Filled at the start of a process that answers; later where only a console shows it.
    pub content: Arc<OnceLock<Live>>,
    /// What the bot may say by itself, as the firm has set it and as it was adjusted.
    pub autonomy: Autonomy,
    /// What words answers, where a language model is configured.
    pub generator: Option<Generator>,
}

/// How often a gateway tries to read what only its console shows.
const READ_AGAIN: Duration = Duration::from_secs(10);

/// Reads what the firm knows for a console beside which nobody answers.
pub(super) async fn read_for_console(
    content: Arc<OnceLock<Live>>,
    content_dir: PathBuf,
    store: Store,
    clock: Clock,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let watch = loop {
        match Watch::start(&content_dir, &store, &clock).await {
            Ok(watch) => break watch,
            Err(error) => warn!(error = %causes(&error), "The console cannot show the knowledge"),
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(READ_AGAIN) => {}
        }
    };
    content.get_or_init(|| watch.live());
    info!("The console shows the knowledge");
    watch.run(stop).await;
    Ok(())
}

/// Starts the workers of these roles.
pub async fn start_workers(
    tasks: &mut JoinSet<anyhow::Result<()>>,
    roles: &Roles,
    config: &Config,
    content_dir: &Path,
    channels: &[Arc<dyn Channel>],
    engines: &Engines,
    stop: &CancellationToken,
) -> anyhow::Result<Answering> {
    let desks = desks(config);
    let has = |name| roles.workers.contains(&name);
    let content = Arc::default();
    let judges = has(WorkerName::Remind);
    let adjusted = adjust(tasks, config, engines, &content, judges, stop);
    let llm = Llm::new(&config.llm, &engines.store, &engines.clock);
    let llm = llm.context("setting the language models up ([llm])")?;
    let shared = Answering {
        autonomy: Autonomy {
            config: config.autonomy.clone(),
            adjusted,
        },
        generator: llm.clone().map(|llm| Generator {
            llm,
            prompts: config.llm.answer_prompts.clone(),
        }),
        content,
    };
    let crm = has(WorkerName::Crm) && config.tells_crm();
    if has(WorkerName::Answer) || has(WorkerName::Remind) || crm {
        let mut watch = Watch::start(content_dir, &engines.store, &engines.clock).await?;
        shared.content.get_or_init(|| watch.live());
        if has(WorkerName::Answer) {
            let (answer, equipped) = answering(config, watch, &shared, llm, &desks, engines)?;
            watch = equipped;
            let (topic, stop) = (Topic::inbound(), stop.clone());
            tasks.spawn(consume(Arc::new(answer), topic, engines.clone(), stop));
        }
        if has(WorkerName::Remind) {
            start_reminders(tasks, config, watch.live(), &desks, engines, stop);
            let (notices, stopped) = (notices(config, content_dir, &desks, engines), stop.clone());
            tasks.spawn(async move {
                notices.run(stopped).await;
                Ok(())
            });
            start_retention(tasks, config, watch.live(), engines, stop);
            start_reports(tasks, config, watch.live(), engines, stop)?;
        }
        if crm {
            start_crm(tasks, config, watch.live(), &desks, engines, stop)?;
        }
        let stop = stop.clone();
        tasks.spawn(async move {
            watch.run(stop).await;
            Ok(())
        });
    }
    if has(WorkerName::Send) {
        let alarm: Arc<dyn Alarm> = Arc::new(StaffAlarm(desks.clone()));
        for channel in channels {
            let topic = Topic::outbound(channel.name());
            let sender = Sender::new(
                Arc::clone(channel),
                engines.store.clone(),
                Arc::clone(&engines.sessions),
                Arc::clone(&engines.broker),
                Arc::clone(&alarm),
                engines.clock.clone(),
            );
            let sender = sender.confidential(config.privacy.medical);
            tasks.spawn(consume(
                Arc::new(sender),
                topic,
                engines.clone(),
                stop.clone(),
            ));
        }
    }
    if has(WorkerName::Journal) {
        start_journal(tasks, desks, engines, stop);
    }
    Ok(shared)
}

/// Those who write the journal, and count what it comes to.
fn start_journal(
    tasks: &mut JoinSet<anyhow::Result<()>>,
    desks: Desks,
    engines: &Engines,
    stop: &CancellationToken,
) {
    let follower = Follower {
        store: engines.store.clone(),
        desks: desks.clone(),
        clock: engines.clock.clone(),
    };
    let stopped = stop.clone();
    tasks.spawn(async move {
        follower.run(stopped).await;
        Ok(())
    });
    let journal = JournalWorker {
        store: engines.store.clone(),
        broker: Arc::clone(&engines.broker),
        desks,
        clock: engines.clock.clone(),
    };
    let stop = stop.clone();
    tasks.spawn(async move { journal.run(stop).await.context("writing the journal") });
}

/// Looks after what the bot may say by itself, and judges it where `judges` says so.
fn adjust(
    tasks: &mut JoinSet<anyhow::Result<()>>,
    config: &Config,
    engines: &Engines,
    content: &Arc<OnceLock<Live>>,
    judges: bool,
    stop: &CancellationToken,
) -> Adjusted {
    let adjusted = Adjusted::default();
    if config.autonomy.self_adjusting {
        let keeper = Adjuster {
            config: config.autonomy.clone(),
            content: Arc::clone(content),
            adjusted: adjusted.clone(),
            store: engines.store.clone(),
            clock: engines.clock.clone(),
        };
        let stop = stop.clone();
        tasks.spawn(async move {
            keeper.run(judges, stop).await;
            Ok(())
        });
    }
    adjusted
}

/// Who answers, and the watch over the content with what that needs.
fn answering(
    config: &Config,
    watch: Watch,
    shared: &Answering,
    llm: Option<Arc<Llm>>,
    desks: &Desks,
    engines: &Engines,
) -> anyhow::Result<(Answer, Watch)> {
    let vectors = Vectors::new(&config.knowledge.vectors, &config.engines.data_dir);
    let vectors = vectors.context("setting the vectors up ([knowledge.vectors])")?;
    let prompts = config.llm.prompts().into_iter().map(|(_, name)| name);
    let watch = watch
        .with_vectors(vectors.clone())
        .with_prompts(prompts.collect());
    has_prompts(config, &watch.live().now().prompts)?;
    let mind = Receptionist {
        content: watch.live(),
        generator: shared.generator.clone(),
        interpreter: llm
            .filter(|_| config.llm.understand)
            .map(|llm| Interpreter {
                llm,
                prompt: config.llm.understand_prompt.clone(),
            }),
        vectors,
        observes: config.dialogue.observes(),
        autonomy: shared.autonomy.clone(),
        desk: Some(Desk {
            calendar: Arc::new(Book::new(engines.store.clone(), engines.clock.clone())),
            store: engines.store.clone(),
        }),
    };
    Ok((answer(config, mind, desks, engines), watch))
}

/// Those who write to customers about visits, and to the staff about who waits.
fn start_reminders(
    tasks: &mut JoinSet<anyhow::Result<()>>,
    config: &Config,
    content: Live,
    desks: &Desks,
    engines: &Engines,
    stop: &CancellationToken,
) {
    let visits = Remind {
        offers: Offers::default(),
        store: engines.store.clone(),
        sessions: Arc::clone(&engines.sessions),
        broker: Arc::clone(&engines.broker),
        content,
        desks: desks.clone(),
        accounts: accounts(config),
        clock: engines.clock.clone(),
    };
    let stopped = stop.clone();
    if !config.dialogue.observes() {
        tasks.spawn(async move {
            visits.run(stopped).await;
            Ok(())
        });
    }
    let staff = &config.staff;
    let calls = RemindStaff {
        store: engines.store.clone(),
        broker: Arc::clone(&engines.broker),
        desks: desks.clone(),
        owner_after: minutes(
            staff
                .owner_after_minutes
                .saturating_sub(staff.remind_after_minutes),
        ),
        clock: engines.clock.clone(),
    };
    let stopped = stop.clone();
    tasks.spawn(async move {
        calls.run(stopped).await;
        Ok(())
    });
}

/// Who puts away what was kept long enough.
fn start_retention(
    tasks: &mut JoinSet<anyhow::Result<()>>,
    config: &Config,
    content: Live,
    engines: &Engines,
    stop: &CancellationToken,
) {
    let retention = Retention {
        store: engines.store.clone(),
        config: config.privacy.clone(),
        clock: engines.clock.clone(),
        holder: holder(config),
    };
    let stop = stop.clone();
    tasks.spawn(async move {
        let zone = || content.now().business.time_zone;
        retention.run(zone, stop).await;
        Ok(())
    });
}

/// Who tells what comes by itself.
fn start_reports(
    tasks: &mut JoinSet<anyhow::Result<()>>,
    config: &Config,
    content: Live,
    engines: &Engines,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let mailer = Mailer::new(&config.email).context("setting letters up ([email])")?;
    let reporter = Reporter {
        store: engines.store.clone(),
        broker: Arc::clone(&engines.broker),
        content,
        desks: staff_groups(config),
        owner: config.channels.owner(),
        config: config.reports.clone(),
        mailer,
        kpi: config.kpi.clone(),
        models: config.llm.clone(),
        public_url: config.server.public_url.clone(),
        clock: engines.clock.clone(),
        holder: holder(config),
    };
    let stop = stop.clone();
    tasks.spawn(async move {
        reporter.run(stop).await;
        Ok(())
    });
    Ok(())
}

/// Those who bring enquiries to the CRM, and what becomes of them back.
fn start_crm(
    tasks: &mut JoinSet<anyhow::Result<()>>,
    config: &Config,
    content: Live,
    desks: &Desks,
    engines: &Engines,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let bitrix24 = &config.crm.bitrix24;
    let client = Client::new(bitrix24, &engines.store, &engines.sessions, &engines.clock);
    let client = client.context("setting Bitrix24 up ([crm.bitrix24])")?;
    let crm = Bitrix24::new(bitrix24, client, &engines.clock);
    let worker = Arc::new(CrmWorker {
        crm: Arc::new(crm),
        store: engines.store.clone(),
        broker: Arc::clone(&engines.broker),
        content,
        desks: desks.clone(),
        config: config.crm.clone(),
        clock: engines.clock.clone(),
        holder: holder(config),
        pace: Pace::default(),
    });
    let intake = Arc::clone(&worker);
    tasks.spawn(consume(intake, Topic::crm(), engines.clone(), stop.clone()));
    let stop = stop.clone();
    tasks.spawn(async move {
        worker.run(stop).await;
        Ok(())
    });
    Ok(())
}

/// Names this process among those that do the same. The only one need not wait for its own leases after a crash.
fn holder(config: &Config) -> String {
    if config.engines.embedded_broker() {
        "the only process".to_owned()
    } else {
        uuid::Uuid::new_v4().to_string()
    }
}

async fn consume<W: lanes::Worker>(
    worker: Arc<W>,
    topic: Topic,
    engines: Engines,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let name = topic.as_str().to_owned();
    let Engines {
        broker,
        store,
        clock,
        ..
    } = engines;
    lanes::run(worker, topic, broker, store, clock, Limits::default(), stop)
        .await
        .with_context(|| format!("consuming {name}"))
}

fn answer(config: &Config, mind: Receptionist, desks: &Desks, engines: &Engines) -> Answer {
    let dialogue = &config.dialogue;
    Answer {
        mind: Arc::new(mind),
        sessions: Arc::clone(&engines.sessions),
        store: engines.store.clone(),
        broker: Arc::clone(&engines.broker),
        desks: desks.clone(),
        rules: TurnRules {
            coalesce: Duration::from_millis(dialogue.coalesce_ms.into()),
            coalesce_max: Duration::from_millis(dialogue.coalesce_max_ms.into()),
            stale_after: minutes(dialogue.stale_after_minutes),
            remind_after: minutes(config.staff.remind_after_minutes),
            typing: !config.dialogue.observes(),
            medical: config.privacy.medical,
            observes: config.dialogue.observes(),
        },
        enquiries: config
            .tells_crm()
            .then(|| config.crm.intents.clone().into()),
        clock: engines.clock.clone(),
        published: PublishedTurns::default(),
    }
}

/// What tells the staff of the book.
fn notices(config: &Config, content_dir: &Path, desks: &Desks, engines: &Engines) -> Notices {
    Notices {
        store: engines.store.clone(),
        broker: Arc::clone(&engines.broker),
        desks: desks.clone(),
        config: content_dir.to_owned(),
        clock: engines.clock.clone(),
        holder: holder(config),
    }
}

/// Whether the prompts of the language models are there.
fn has_prompts(config: &Config, prompts: &Prompts) -> anyhow::Result<()> {
    let mut findings = Findings::default();
    check_prompts(&config.llm, prompts, &mut findings);
    if let Some(finding) = findings.0.first() {
        anyhow::bail!("{}: {} ({})", finding.key, finding.message, finding.hint);
    }
    Ok(())
}

/// Notes versions of prompts that are not there.
pub fn check_prompts(config: &LlmConfig, prompts: &Prompts, findings: &mut Findings) {
    let known: Vec<&str> = prompts.names().collect();
    for (key, name) in config.prompts() {
        findings.check(
            known.contains(&name.as_str()),
            key,
            &format!("there is no prompt {name}.md in config/prompts"),
            &format!("there are: {}", known.join(", ")),
        );
    }
}

/// The staff's own groups, also those of bots that are switched off.
pub fn staff_groups(config: &Config) -> Vec<ConversationId> {
    let bots = config.channels.telegram.iter();
    bots.filter_map(TelegramConfig::desk).collect()
}

/// The staff groups of the enabled bots.
pub fn desks(config: &Config) -> Desks {
    let bots = config.channels.telegram.iter().filter(|bot| bot.enabled);
    Desks::new(bots.filter_map(TelegramConfig::desk))
}

/// The accounts that can write to customers, as `channel:account`.
fn accounts(config: &Config) -> Vec<String> {
    let doors = &config.channels;
    let named = |channel: &str, account: &str| format!("{channel}:{account}");
    let telegram = doors.telegram.iter().filter(|one| one.enabled);
    let whatsapp = doors.whatsapp.iter().filter(|one| one.enabled);
    let webchat = doors.webchat.iter().filter(|one| one.enabled);
    let telegram = telegram.map(|one| named("telegram", &one.account));
    let whatsapp = whatsapp.map(|one| named("whatsapp", &one.account));
    let webchat = webchat.map(|one| named("webchat", &one.account));
    let sms = config.sms.is_used().then(|| named("sms", "main"));
    telegram.chain(whatsapp).chain(webchat).chain(sms).collect()
}

fn minutes(count: u32) -> TimeDelta {
    TimeDelta::minutes(count.into())
}

/// Tells the desk of a conversation that a message did not reach its customer.
#[derive(Debug)]
struct StaffAlarm(Desks);

impl Alarm for StaffAlarm {
    fn undelivered(
        &self,
        outbound: &Outbound,
        reason: &str,
        now: DateTime<Utc>,
    ) -> Option<Outbound> {
        // Trouble with the desk itself is not told to the desk.
        if !matches!(outbound.content, Content::Message { .. }) {
            return None;
        }
        // A reminder goes another way then, and to the desk when there is none; an offer goes to somebody else.
        if matches!(outbound.fence, Fence::Reminder { .. } | Fence::Offer { .. }) {
            return None;
        }
        let card = undelivered_card(&outbound.conversation, "", reason);
        let id = ids::of(outbound.id, "undelivered", 0);
        self.0.message(
            &outbound.conversation,
            id,
            card,
            now,
            outbound.trace.child(),
        )
    }
}
