//! The program itself as a process of its own, on embedded engines: doing nothing, seeing the same
//! webhooks twice, keeping many chats open.

use std::os::unix::fs::symlink;
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use zapis_sandbox::{Sandbox, SandboxConfig, WhatsAppNumber};

use super::http::Pool;
use super::process::Program;
use super::report::{Goal, Report};
use super::webhook;
use crate::cli::Bench;
use crate::config::Loaded;

/// The content files beside a configuration.
const CONTENT: [&str; 5] = [
    "business.toml",
    "intents.yaml",
    "synonyms.txt",
    "texts",
    "knowledge",
];

/// How many messages of one customer are sent on at once by WhatsApp's own limit.
const BURST: usize = 10;

/// A folder with a configuration whose data goes with it.
pub(super) struct Home(TempDir);

impl Home {
    pub(super) fn new(loaded: &Loaded, channels: &str) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&loaded.config.engines.data_dir)
            .context("making engines.data_dir")?;
        let folder = TempDir::with_prefix_in("bench-", &loaded.config.engines.data_dir)?;
        let content = std::path::absolute(&loaded.folder)?;
        for name in CONTENT {
            symlink(content.join(name), folder.path().join(name))?;
        }
        let data = std::path::absolute(folder.path())?.join("data");
        let config = format!(
            "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n[engines]\ndata_dir = \"{}\"\n\
             store = \"sqlite:{}\"\n{channels}",
            data.display(),
            data.join("zapis.db").display()
        );
        std::fs::write(folder.path().join("zapis.toml"), config)?;
        Ok(Self(folder))
    }

    /// Where its store is.
    pub(super) fn store(&self) -> String {
        format!("sqlite:{}", self.0.path().join("data/zapis.db").display())
    }

    pub(super) async fn start(&self) -> anyhow::Result<Program> {
        Program::start(&self.0.path().join("zapis.toml")).await
    }
}

const WEBCHAT: &str =
    "[[channels.webchat]]\naccount = \"site\"\nallowed_origins = [\"http://shop.example\"]\n";

/// `zapis bench idle`
pub(super) async fn idle(loaded: &Loaded) -> anyhow::Result<Report> {
    let home = Home::new(loaded, WEBCHAT)?;
    // The first start makes the files.
    drop(home.start().await?);
    let program = home.start().await?;
    program.cpu_when_idle().await?;
    let before = program.cpu()?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let busy = program.cpu()?.saturating_sub(before).as_secs_f64() / 10.0;
    let binary = std::fs::metadata(std::env::current_exe()?)?.len();
    #[expect(clippy::cast_precision_loss, reason = "megabytes")]
    let megabytes = binary as f64 / 1e6;
    let mut report = Report::default();
    let ready = program.ready_after.as_secs_f64() * 1e3;
    report.plain(
        "ready for messages after",
        "ms",
        ready,
        Some(Goal::AtMost(300.0)),
    );
    report.plain(
        "memory",
        "MB",
        program.resident_mb()?,
        Some(Goal::AtMost(40.0)),
    );
    report.plain("processor", "%", busy * 100.0, None);
    report.plain(
        "size of the program",
        "MB",
        megabytes,
        Some(Goal::AtMost(40.0)),
    );
    Ok(report)
}

/// `zapis bench duplicates`
pub(super) async fn duplicates(loaded: &Loaded, bench: &Bench) -> anyhow::Result<Report> {
    let sandbox = whatsapp().await?;
    let home = Home::new(
        loaded,
        &format!(
            "[[channels.whatsapp]]\naccount = \"main\"\nphone_number_id = \"105500000000001\"\n\
             access_token = \"bench\"\napp_secret = \"{}\"\nverify_token = \"bench\"\n\
             api_url = \"{}\"\nmessages_per_second = 1000\n[dialogue]\ncoalesce_ms = 0\n",
            webhook::APP_SECRET,
            sandbox.whatsapp_api_url()
        ),
    )?;
    let program = home.start().await?;
    let customers = bench.messages.div_ceil(BURST);
    let requests: Vec<_> = (0..bench.messages)
        .map(|n| {
            webhook::request(
                n,
                n % customers,
                "Сколько стоит мужская стрижка?",
                &program.address,
            )
        })
        .collect();
    let pool = Pool::open(&program.address, 16).await?;
    let mut costs = Vec::new();
    for _ in 0..3 {
        let before = program.cpu_when_idle().await?;
        for chunk in requests.chunks(64) {
            futures::future::try_join_all(chunk.iter().map(|request| pool.post(request))).await?;
        }
        #[expect(clippy::cast_precision_loss, reason = "a number of messages")]
        let count = requests.len() as f64;
        let spent = program.cpu_when_idle().await?.saturating_sub(before);
        costs.push(spent.as_secs_f64() * 1e6 / count);
    }
    sandbox.stop().await;
    let mut report = Report::default();
    report.beside(
        "processor time of a webhook that came before, beside a fresh one",
        "µs",
        costs[2],
        costs[0],
        Some(Goal::RatioAtMost(0.15)),
    );
    Ok(report)
}

/// A WhatsApp that takes everything.
async fn whatsapp() -> anyhow::Result<Sandbox> {
    let number = WhatsAppNumber {
        phone_number_id: "105500000000001".into(),
        waba_id: "200000000000001".into(),
        display_phone_number: "78125550100".into(),
        access_token: "bench".into(),
        app_secret: webhook::APP_SECRET.into(),
        verify_token: "bench".into(),
        ..WhatsAppNumber::default()
    };
    let config = SandboxConfig {
        whatsapp: vec![number],
        limits: false,
        ..SandboxConfig::default()
    };
    Ok(zapis_sandbox::start(config).await?)
}

/// `zapis bench sockets`
pub(super) async fn sockets(loaded: &Loaded, bench: &Bench) -> anyhow::Result<Report> {
    let limit = rlimit::increase_nofile_limit(u64::MAX)?;
    let room = usize::try_from(limit.saturating_sub(100)).unwrap_or(usize::MAX);
    anyhow::ensure!(
        bench.messages <= room,
        "this system lets a process open {limit} files; use --messages {room} or raise the limit (ulimit -n)"
    );
    let home = Home::new(loaded, WEBCHAT)?;
    let program = home.start().await?;
    let before = program.resident_mb()?;
    let mut open = Vec::with_capacity(bench.messages);
    for n in 0..bench.messages {
        open.push(
            visitor(&program.address, n)
                .await
                .with_context(|| format!("opening chat {n}"))?,
        );
    }
    program.cpu_when_idle().await?;
    let mut report = Report::default();
    report.plain(
        &format!("memory with {} web chats open", open.len()),
        "MB",
        program.resident_mb()?,
        Some(Goal::AtMost(1_024.0)),
    );
    #[expect(clippy::cast_precision_loss, reason = "a number of sockets")]
    let each = (program.resident_mb()? - before) * 1024.0 / open.len() as f64;
    report.plain("memory of one", "KB", each, None);
    Ok(report)
}

/// Opens a chat as a browser does, from an address of its own, and reads the greeting.
async fn visitor(address: &str, n: usize) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "GET /webchat/site/socket HTTP/1.1\r\nhost: {address}\r\norigin: http://shop.example\r\n\
         connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nx-forwarded-for: 203.{}.{}.{}\r\n\r\n",
        n >> 16 & 0xff,
        n >> 8 & 0xff,
        n & 0xff
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    let mut part = [0; 1_024];
    while !String::from_utf8_lossy(&answer).contains("\"hello\"") {
        let count = stream.read(&mut part).await?;
        anyhow::ensure!(
            count > 0,
            "the chat was refused: {}",
            String::from_utf8_lossy(&answer)
        );
        answer.extend_from_slice(&part[..count]);
    }
    Ok(stream)
}
