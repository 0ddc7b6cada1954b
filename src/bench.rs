//! `zapis bench`: how fast the program is on this machine, next to bare clients that carry the same
//! traffic with nothing of ours in between, in the same run. A ratio carries over to another machine;
//! a rate does not.
//!
//! Nothing real is touched: queues, schema and files are the bench's own and go when it ends.

mod bare;
mod book;
mod console;
mod crm;
mod ground;
mod growth;
mod http;
mod idle;
mod ingress;
mod kpi;
mod load;
mod path;
mod process;
mod report;
mod sessions;
mod understand;
mod webhook;

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::cli::{Bench, BenchTarget};
use crate::config::Loaded;
use crate::lifecycle::Stop;
use report::Report;

/// `zapis bench …`
pub(crate) async fn run(loaded: &Loaded, bench: &Bench) -> anyhow::Result<()> {
    write_log_lines(loaded)?;
    let stop = Stop::on_signals().context("listening for signals")?.soft();
    let report = tokio::select! {
        report = measure(loaded, bench) => report?,
        () = stop.cancelled() => anyhow::bail!(
            "stopped; on RabbitMQ and PostgreSQL the queues and the schema named bench_{} may be left",
            std::process::id()
        ),
    };
    report.print(bench.json)
}

async fn measure(loaded: &Loaded, bench: &Bench) -> anyhow::Result<Report> {
    match bench.what {
        BenchTarget::Ingress => ingress::ingress(loaded, bench).await,
        BenchTarget::Path => path::path(loaded, bench).await,
        BenchTarget::Stall => path::stall(loaded, bench).await,
        BenchTarget::Sessions => sessions::sessions(loaded, bench).await,
        BenchTarget::Book => book::book(loaded, bench).await,
        BenchTarget::Crm => crm::crm(loaded, bench).await,
        BenchTarget::Growth => growth::growth(loaded, bench).await,
        BenchTarget::Duplicates => idle::duplicates(loaded, bench).await,
        BenchTarget::Console => console::console(loaded).await,
        BenchTarget::Kpi => kpi::kpi(loaded, bench).await,
        BenchTarget::Idle => idle::idle(loaded).await,
        BenchTarget::Sockets => idle::sockets(loaded, bench).await,
        BenchTarget::Understand => understand::understand(loaded, bench),
    }
}

/// The program's own log lines cost what they cost; they are made, and thrown away.
fn write_log_lines(loaded: &Loaded) -> anyhow::Result<()> {
    let wanted = EnvFilter::builder()
        .parse(&loaded.config.observability.log)
        .context("reading observability.log")?;
    let started = tracing_subscriber::fmt()
        .json()
        .with_env_filter(wanted)
        .with_writer(std::io::sink)
        .try_init();
    started.map_err(|error| anyhow::anyhow!("starting the log: {error}"))
}
