//! `zapis demo` and `zapis sandbox`: the providers emulated on this machine.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tracing::warn;
use uuid::Uuid;
use zapis_channels::telegram::TelegramConfig;
use zapis_channels::webchat::WebChatConfig;
use zapis_channels::whatsapp::{Template, WhatsAppConfig};
use zapis_core::Clock;
use zapis_core::config::Secret;
use zapis_core::store::Store;
use zapis_sandbox::year::EXPERIMENT;
use zapis_sandbox::{
    Bitrix24Outgoing, Bitrix24Portal, Bitrix24Webhook, Move, Page, Sandbox, SandboxConfig,
    StaffChat, TelegramBot, WhatsAppNumber, WhatsAppTemplate,
};
use zapis_workers::business::Business;
use zapis_workers::content::Files;
use zapis_workers::crm::bitrix24::Bitrix24Config;

use super::{Roles, Setting, history, run_on};
use crate::config::Loaded;
use crate::lifecycle::Stop;
use crate::output;

/// Nobody outside this machine sees these: the emulators want credentials as the real ones do.
const TOKEN: &str = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1";
const ACCESS_TOKEN: &str = "sandbox-access-token";
const APP_SECRET: &str = "sandbox-app-secret";
const VERIFY_TOKEN: &str = "sandbox-verify-token";
const PHONE_NUMBER_ID: &str = "105500000000001";
const SMS_API_KEY: &str = "sandbox-sms-key";
const CRM_CODE: &str = "sandboxwebhook";
const CRM_TOKEN: &str = "sandbox-application-token";
const STAFF_CHAT: i64 = -1_001_234_567_890;

/// What may be written to on WhatsApp a day after the customer: what it is for, its name, category and words.
const TEMPLATES: [(&str, &str, &str, &str); 6] = [
    (
        "reminder",
        "visit_reminder",
        "UTILITY",
        "Напоминаем о записи в салон «{{1}}»: {{2}}, {{3}}. Ждём вас!",
    ),
    (
        "cancelled",
        "visit_cancelled",
        "UTILITY",
        "Ваша запись в салон «{{1}}» отменена: {{2}}. Просим прощения!",
    ),
    (
        "freed",
        "visit_freed",
        "UTILITY",
        "В салоне «{{1}}» освободилось время, которое вы ждали: {{2}}. Записать вас?",
    ),
    (
        "thanks",
        "visit_thanks",
        "UTILITY",
        "Спасибо, что были у нас в «{{1}}»: {{2}}. Как всё прошло?",
    ),
    (
        "missed",
        "visit_missed",
        "MARKETING",
        "Вас не было сегодня в «{{1}}»: {{2}}. Подобрать другое время?",
    ),
    (
        "return",
        "visit_return",
        "MARKETING",
        "Давно не виделись! Салон «{{1}}» приглашает снова: {{2}}. Подобрать время?",
    ),
];

/// The content that comes with the program, for a demo away from its source.
const CONTENT: [(&str, &str); 12] = [
    ("business.toml", include_str!("../../config/business.toml")),
    ("intents.yaml", include_str!("../../config/intents.yaml")),
    ("synonyms.txt", include_str!("../../config/synonyms.txt")),
    (
        "prompts/answer.v1.md",
        include_str!("../../config/prompts/answer.v1.md"),
    ),
    (
        "prompts/understand.v1.md",
        include_str!("../../config/prompts/understand.v1.md"),
    ),
    ("texts/ru.ftl", include_str!("../../config/texts/ru.ftl")),
    ("texts/en.ftl", include_str!("../../config/texts/en.ftl")),
    (
        "knowledge/faq-en.md",
        include_str!("../../config/knowledge/faq-en.md"),
    ),
    (
        "knowledge/oplata.md",
        include_str!("../../config/knowledge/oplata.md"),
    ),
    (
        "knowledge/podgotovka.csv",
        include_str!("../../config/knowledge/podgotovka.csv"),
    ),
    (
        "knowledge/uslugi.md",
        include_str!("../../config/knowledge/uslugi.md"),
    ),
    (
        "knowledge/vizit.md",
        include_str!("../../config/knowledge/vizit.md"),
    ),
];

/// Runs everything on this machine, with emulated messengers and a page to try them on. The firm is
/// the one beside the configuration file, or the one that comes with the program.
pub async fn demo(
    mut loaded: Loaded,
    listen: SocketAddr,
    with_history: bool,
    stop: Stop,
) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("making a folder for the demo's data")?;
    let has_content = loaded.folder.join("business.toml").exists();
    if with_history || !has_content {
        warn!("Showing the salon that comes with the program");
        let tried = with_history.then_some(("experiments.toml", EXPERIMENT));
        unpack(folder.path(), CONTENT.into_iter().chain(tried))?;
        loaded.folder = folder.path().to_owned();
    }
    let firm = Business::load(&Files::of_folder(&loaded.folder)).ok();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .context("listening on this machine")?;
    let zapis_url = format!("http://{}", listener.local_addr()?);
    let journal_token = Uuid::new_v4().simple().to_string();
    let page = Page {
        journal_url: format!("{zapis_url}/console/journal?token={journal_token}"),
        zapis_url: zapis_url.clone(),
        webchat_account: "site".into(),
        // What is wrong with the file is told by who needs it.
        time_zone: firm
            .as_ref()
            .map_or("UTC", |firm| firm.time_zone.name())
            .into(),
    };
    let clock = Clock::movable();
    let (wishes, moves) = mpsc::channel(1);
    let sandbox = emulators(listen, Some(page), clock.clone(), Some(wishes)).await?;
    configure(
        &mut loaded,
        &sandbox,
        &zapis_url,
        &journal_token,
        folder.path(),
    );

    if let Some(firm) = firm.filter(|_| with_history) {
        let store = Store::open(loaded.config.engines.store.expose()).await?;
        let written = history::write(&store, &firm, clock.now()).await;
        store.close().await;
        written?;
    }

    output::line(sandbox.url());
    output::line(
        "Open this page: a salon on Telegram, on WhatsApp and on its site, with its staff and its journal.",
    );
    output::line("Everything runs on this machine and is forgotten when you stop it with Ctrl+C.");
    let moves = Some(moves);
    let setting = Setting {
        clock,
        moves,
        open: true,
    };
    let result = run_on(listener, loaded, Roles::all(), setting, stop).await;
    sandbox.stop().await;
    result
}

/// Runs the emulated messengers alone, and says how to point a configuration at them.
pub async fn sandbox(listen: SocketAddr, stop: Stop) -> anyhow::Result<()> {
    let sandbox = emulators(listen, None, Clock::movable(), None).await?;
    output::line(sandbox.url());
    output::line(format!(
        "Telegram:  api_url = \"{}\", token = \"{TOKEN}\", staff_chat = {STAFF_CHAT}",
        sandbox.telegram_api_url()
    ));
    output::line(format!(
        "WhatsApp:  api_url = \"{}\", phone_number_id = \"{PHONE_NUMBER_ID}\", access_token = \"{ACCESS_TOKEN}\", \
         app_secret = \"{APP_SECRET}\", verify_token = \"{VERIFY_TOKEN}\"",
        sandbox.whatsapp_api_url()
    ));
    output::line(format!(
        "SMS:       [sms] url = \"{}/sys/send.php\", fields = {{ apikey = \"{SMS_API_KEY}\", phones = \"{{phone}}\", \
         mes = \"{{text}}\", charset = \"utf-8\", fmt = \"3\" }}, error = [\"/error\"], id = \"/id\"",
        sandbox.sms_url()
    ));
    output::line(format!(
        "Bitrix24:  [crm.bitrix24] webhook_url = \"{}/\"",
        sandbox.bitrix24_url()
    ));
    output::line(format!(
        "LLM:       base_url = \"{}\"",
        sandbox.llm_base_url()
    ));
    output::line(format!("Control:   {}/sandbox", sandbox.url()));
    stop.soft().cancelled().await;
    sandbox.stop().await;
    Ok(())
}

async fn emulators(
    listen: SocketAddr,
    page: Option<Page>,
    clock: Clock,
    moves: Option<mpsc::Sender<Move>>,
) -> anyhow::Result<Sandbox> {
    let webhook = |of: &str| {
        let page = page.as_ref()?;
        Some(format!("{}/webhooks/{of}", page.zapis_url))
    };
    let (webhook_url, crm_url) = (webhook("whatsapp/main"), webhook("bitrix24"));
    let tells = |url| Bitrix24Outgoing {
        url,
        token: CRM_TOKEN.into(),
        events: Vec::new(),
    };
    zapis_sandbox::start(SandboxConfig {
        listen,
        telegram: vec![TelegramBot {
            token: TOKEN.into(),
            username: "salon_demo_bot".into(),
        }],
        whatsapp: vec![WhatsAppNumber {
            phone_number_id: PHONE_NUMBER_ID.into(),
            waba_id: "200000000000001".into(),
            display_phone_number: "78125550100".into(),
            access_token: ACCESS_TOKEN.into(),
            app_secret: APP_SECRET.into(),
            verify_token: VERIFY_TOKEN.into(),
            webhook_url,
            templates: TEMPLATES.map(approved).into(),
            ..WhatsAppNumber::default()
        }],
        staff_chats: vec![StaffChat {
            chat_id: STAFF_CHAT,
            is_forum: true,
            title: "Администраторы".into(),
        }],
        sms_api_key: Some(SMS_API_KEY.into()),
        bitrix24: Some(Bitrix24Portal {
            webhooks: vec![Bitrix24Webhook::new(1, CRM_CODE)],
            outgoing: crm_url.into_iter().map(tells).collect(),
            ..Bitrix24Portal::default()
        }),
        page,
        clock,
        moves,
        ..SandboxConfig::default()
    })
    .await
    .with_context(|| format!("listening on {listen} (--listen)"))
}

/// Everything embedded, every channel at its emulator.
fn configure(loaded: &mut Loaded, sandbox: &Sandbox, url: &str, journal_token: &str, data: &Path) {
    let config = &mut loaded.config;
    url.clone_into(&mut config.server.public_url);
    config.engines.broker = Secret::new("embedded");
    config.engines.sessions = Secret::new("embedded");
    config.engines.store = Secret::new(format!("sqlite:{}", data.join("zapis.db").display()));
    data.clone_into(&mut config.engines.data_dir);
    config.observability.journal_token = Secret::new(journal_token);
    config.channels.telegram = vec![TelegramConfig {
        account: "main".into(),
        token: Secret::new(TOKEN),
        api_url: sandbox.telegram_api_url(),
        staff_chat: Some(STAFF_CHAT),
        ..TelegramConfig::default()
    }];
    config.channels.whatsapp = vec![WhatsAppConfig {
        account: "main".into(),
        phone_number_id: PHONE_NUMBER_ID.into(),
        access_token: Secret::new(ACCESS_TOKEN),
        app_secret: Secret::new(APP_SECRET),
        verify_token: Secret::new(VERIFY_TOKEN),
        api_url: sandbox.whatsapp_api_url(),
        templates: TEMPLATES.map(used).into(),
        ..WhatsAppConfig::default()
    }];
    config.crm.bitrix24 = Bitrix24Config {
        webhook_url: Secret::new(format!("{}/", sandbox.bitrix24_url())),
        application_tokens: vec![Secret::new(CRM_TOKEN)],
        ..Bitrix24Config::default()
    };
    config.channels.webchat = vec![WebChatConfig {
        account: "site".into(),
        allowed_origins: vec![sandbox.url()],
        ..WebChatConfig::default()
    }];
}

fn approved((_, name, category, body): (&str, &str, &str, &str)) -> WhatsAppTemplate {
    WhatsAppTemplate {
        name: name.into(),
        language: "ru".into(),
        body: body.into(),
        category: category.into(),
        status: "APPROVED".into(),
        buttons: Vec::new(),
    }
}

fn used((purpose, name, ..): (&str, &str, &str, &str)) -> (String, Template) {
    let language = "ru".into();
    let name = name.into();
    (purpose.into(), Template { name, language })
}

fn unpack<'t>(
    folder: &Path,
    content: impl Iterator<Item = (&'t str, &'t str)>,
) -> anyhow::Result<()> {
    for (name, text) in content {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).context("unpacking the demo's content")?;
        }
        std::fs::write(&path, text).context("unpacking the demo's content")?;
    }
    Ok(())
}
