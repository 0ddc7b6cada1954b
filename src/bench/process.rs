//! Processor time of this process, and the program itself as another one.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::http::Connection;
use crate::telemetry::process::{TICK, cpu_time, resident_bytes};

/// How long the program may take to be ready.
const PATIENCE: Duration = Duration::from_mins(1);

/// Processor time of this process until now.
pub(super) fn own_cpu() -> anyhow::Result<Duration> {
    cpu("self")
}

fn cpu(process: &str) -> anyhow::Result<Duration> {
    cpu_time(process).context("reading processor time from /proc (Linux only)")
}

/// The program, running on engines of its own until this is dropped.
#[derive(Debug)]
pub(super) struct Program {
    child: Child,
    /// `127.0.0.1:port`
    pub(super) address: String,
    /// How long it took until it was ready for messages.
    pub(super) ready_after: Duration,
}

impl Program {
    /// Starts `zapis run` with this configuration file, which must leave `server.listen` out.
    pub(super) async fn start(config: &Path) -> anyhow::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let began = Instant::now();
        let child = Command::new(std::env::current_exe()?)
            .arg("--config")
            .arg(config)
            .arg("run")
            .env("ZAPIS__SERVER__LISTEN", &address)
            .env("ZAPIS__OBSERVABILITY__LOG", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("starting the program")?;
        let mut program = Self {
            child,
            address,
            ready_after: Duration::ZERO,
        };
        while !program.is_ready().await {
            if let Some(status) = program.child.try_wait()? {
                bail!("the program ended with {status}");
            }
            if began.elapsed() > PATIENCE {
                bail!("the program is not ready after {} s", PATIENCE.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        program.ready_after = began.elapsed();
        Ok(program)
    }

    async fn is_ready(&self) -> bool {
        let request = format!(
            "GET /health/ready HTTP/1.1\r\nhost: {}\r\n\r\n",
            self.address
        );
        let Ok(mut connection) = Connection::open(&self.address).await else {
            return false;
        };
        matches!(connection.ask(request.as_bytes()).await, Ok(200))
    }

    fn id(&self) -> anyhow::Result<String> {
        let id = self.child.id().context("the program has ended")?;
        Ok(id.to_string())
    }

    /// Its processor time until now.
    pub(super) fn cpu(&self) -> anyhow::Result<Duration> {
        cpu(&self.id()?)
    }

    /// Its processor time once it has nothing more to do.
    pub(super) async fn cpu_when_idle(&self) -> anyhow::Result<Duration> {
        let mut before = self.cpu()?;
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let now = self.cpu()?;
            if now.saturating_sub(before) <= TICK {
                return Ok(now);
            }
            before = now;
        }
    }

    /// Its memory, in megabytes.
    pub(super) fn resident_mb(&self) -> anyhow::Result<f64> {
        let bytes =
            resident_bytes(&self.id()?).context("reading memory from /proc (Linux only)")?;
        Ok(bytes / (1024.0 * 1024.0))
    }
}
