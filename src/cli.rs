//! The command line: what can be asked of the program, with examples.

mod book;
mod experiment;
mod privacy;
mod settings;
mod staff;

use std::net::SocketAddr;
use std::path::PathBuf;

use chrono::NaiveDate;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use uuid::Uuid;
use zapis_core::message::ConversationId;
use zapis_workers::kpi::figures::By;

pub use book::{BookCommand, FeedCommand, FeedWhose, Wished};
pub use experiment::ExperimentCommand;
pub use privacy::{EraseArgs, ExportArgs, PrivacyCommand};
pub use settings::SettingsCommand;
pub use staff::StaffCommand;

/// A messenger bot gateway for salons, clinics and small service firms.
#[derive(Debug, Parser)]
#[command(
    name = "zapis",
    version,
    after_help = "Examples:
  zapis demo                        try everything on this machine, nothing to set up
  zapis check --connect             is the configuration right, does everything answer?
  zapis run                         the whole program in one process
  zapis --config /etc/zapis/zapis.toml run

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration."
)]
pub struct Cli {
    /// The configuration file.
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        default_value = "config/zapis.toml"
    )]
    pub config: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gateway and all workers in this process.
    #[command(after_help = "Examples:
  zapis run
  ZAPIS__OBSERVABILITY__LOG=debug zapis run

SIGTERM or Ctrl-C: stops taking, finishes what is in hand (at most 30 s). Once more: stops at once.")]
    Run,
    /// Run the gateway only: webhooks, polling, web chat. Needs RabbitMQ and Redis.
    #[command(after_help = "Examples:
  ZAPIS__ENGINES__BROKER=amqp://zapis:secret@rabbit:5672/%2f \\
  ZAPIS__ENGINES__SESSIONS=redis://redis:6379/0 zapis gateway")]
    Gateway,
    /// Run workers only (all of them, or those named). Needs RabbitMQ and Redis.
    #[command(after_help = "Examples:
  zapis worker
  zapis worker answer
  zapis worker send journal remind")]
    Worker {
        /// Which workers; all when none is named.
        names: Vec<WorkerName>,
    },
    /// Run everything on this machine, with emulated messengers and a page to try them on.
    #[command(after_help = "Examples:
  zapis demo
  zapis demo --history              begins with a year behind it: figures, experiments, forecast
  zapis demo --listen 127.0.0.1:9000

The first line of the output is the address of the page. Nothing outside this machine is called.")]
    Demo {
        /// Where the page is.
        #[command(flatten)]
        listen: Listen,
        /// Begin with a year behind it, so that figures, experiments and the forecast have something to tell.
        #[arg(long)]
        history: bool,
    },
    /// Run the emulated messengers alone, for tests of your own.
    #[command(after_help = "Examples:
  zapis sandbox
  zapis sandbox --listen 127.0.0.1:9100")]
    Sandbox(Listen),
    /// Check the configuration and the content; with --connect also the engines and messengers.
    #[command(after_help = "Examples:
  zapis check
  zapis check --connect
  zapis --config /etc/zapis/zapis.toml check --json")]
    Check {
        /// Also ask the queue, sessions, store and every account whether they work.
        #[arg(long)]
        connect: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Look at messages that were set aside, retry or drop them.
    #[command(
        subcommand,
        after_help = "Examples:
  zapis dead list
  zapis dead show 6f1c2b1e-6f0a-5c55-9d3c-0a8f2f6f7c11
  zapis dead retry --all"
    )]
    Dead(DeadCommand),
    /// See what the CRM was told and what waits, try again, take everything out, try a real portal.
    #[command(
        subcommand,
        after_help = "Examples:
  zapis crm status
  zapis crm ledger --state parked
  zapis crm retry --all
  zapis crm export --days 90 > enquiries.csv
  zapis crm test"
    )]
    Crm(CrmCommand),
    /// Look into the appointment book, book, move and cancel, set working time.
    #[command(
        subcommand,
        after_help = "Examples:
  zapis book today
  zapis book free manicure-gel --when \"завтра вечером\"
  zapis book add women-cut --at \"2026-12-01 15:00\" --name Ольга
  zapis book import --dry-run visits.csv"
    )]
    Book(BookCommand),
    /// Say who may work in the console.
    #[command(
        subcommand,
        after_help = "Examples:
  zapis staff add olga --name Ольга --role owner
  zapis staff list
  zapis staff link olga
  zapis staff disable anna"
    )]
    Staff(StaffCommand),
    /// See, export and take back what was changed in the console's settings.
    #[command(
        subcommand,
        after_help = "Examples:
  zapis settings versions
  zapis settings export --out config
  zapis settings rollback 3"
    )]
    Settings(SettingsCommand),
    /// Write out what is stored: of one person, of a disputed conversation, of everything that happened.
    #[command(after_help = "Examples:
  zapis export --person \"+7 921 123-45-67\" --out person.json
  zapis export --conversation telegram:main:123456789 --out dispute.jsonl
  zapis export --verify dispute.jsonl --key 3b6a27bc…
  zapis export --public-key
  zapis export --to /srv/warehouse --format parquet
  zapis export --to s3://bucket/zapis --format csv --from 2026-01-01

A person is named by her phone, in any spelling, or by one of her conversations. S3: the address and the
keys are read from AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
AWS_SESSION_TOKEN.")]
    Export(ExportArgs),
    /// Erase one person from the store, the sessions and the queue, with a receipt.
    #[command(after_help = "Examples:
  zapis erase --person \"8 921 123-45-67\" --dry-run
  zapis erase --person telegram:main:123456789 --yes
  zapis erase --person +79211234567 --cancel-visits --yes
  zapis erase --receipts
  zapis erase --receipts --person +79211234567      was she erased, and when?

Stays beside a running program: where engines are embedded, that program does it.")]
    Erase(EraseArgs),
    /// Put away what was kept long enough, or tell what went last.
    #[command(
        subcommand,
        after_help = "Examples:
  zapis privacy run --dry-run
  zapis privacy status"
    )]
    Privacy(PrivacyCommand),
    /// Bring documents into the knowledge, list and search it.
    #[command(
        subcommand,
        after_help = "Examples:
  zapis knowledge import --dry-run prices.xlsx
  zapis knowledge import prices.xlsx memo.docx https://salon.example/faq
  zapis knowledge versions
  zapis knowledge search \"сколько стоит стрижка\"
  zapis knowledge gaps"
    )]
    Knowledge(KnowledgeCommand),
    /// Tell what the bot makes of a text: its parts, intents and signals.
    #[command(after_help = "Examples:
  zapis understand \"сколько стоит маникюр и до скольки вы?\"
  zapis understand --json \"позовите человека\"")]
    Understand {
        /// The text.
        text: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Run search or understanding over a data set and write its predictions.
    #[command(after_help = "Examples:
  zapis eval retrieval sets/faq --out predictions.jsonl
  zapis eval intents sets/test.jsonl --train sets/train.jsonl --out predictions.jsonl
  zapis eval dates sets/ru.jsonl,sets/en.jsonl --out predictions.jsonl
  zapis eval sentiment sets/reviews.jsonl --out predictions.jsonl

retrieval: a folder with corpus.jsonl {id,title,text} and queries.jsonl {id,text}.
intents: a file of {id,text,label}; without --train the shipped intents are used.
dates: files of {id,text,ref}, ref being the local time at which the text was written.
phones, handoff, sentiment: a file of {id,text}.")]
    Eval {
        /// What to run.
        what: EvalTarget,
        /// The data set.
        data: PathBuf,
        /// Examples to train on instead of the shipped intents.
        #[arg(long)]
        train: Option<PathBuf>,
        /// Where the predictions go.
        #[arg(long)]
        out: PathBuf,
    },
    /// Tell what happened in a conversation, in order: what was received, decided, sent and reported,
    /// what was set aside or waits, and who may speak now.
    #[command(after_help = "Examples:
  zapis trace telegram:main:123456789
  zapis trace whatsapp:main:79210000000
  zapis trace --json webchat:site:0b3c…")]
    Trace {
        /// The conversation: channel:account:peer. On WhatsApp any id of the person will do.
        conversation: ConversationId,
        /// At most this many events, the newest ones, printed oldest first.
        #[arg(long, default_value_t = 500)]
        limit: u32,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Ask what customers have asked once more, of the bot as it is and as it would be: what would change?
    /// Nothing is sent, booked or written.
    #[command(after_help = "Examples:
  zapis replay --with config-new
  zapis replay --with config-new --with-model --conversations 50
  zapis replay --knowledge 12              as the knowledge was at version 12
  zapis replay --settings 3 --days 30 --json

A folder for --with is whole: copy config/, change the copy. Where the console has changed settings, begin
with: zapis settings export --out config-new. Texts are shown without names and phones.")]
    Replay(ReplayArgs),
    /// Count what the journal tells: what to look through, and which intents need no approval.
    #[command(
        args_conflicts_with_subcommands = true,
        after_help = "Examples:
  zapis report                       which reports there are
  zapis report review
  zapis report autonomy --days 90 --json"
    )]
    Report {
        /// Which report; without one, a list of them.
        #[command(subcommand)]
        report: Option<ReportCommand>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// End an experiment, for everybody and at once, or let it go on. What came of it: zapis report experiments.
    #[command(
        subcommand,
        after_help = "Examples:
  zapis experiment stop greeting
  zapis experiment stop greeting --keep b
  zapis experiment resume greeting"
    )]
    Experiment(ExperimentCommand),
    /// Measure how fast the program is here, next to bare clients of the same engines.
    #[command(after_help = "Examples:
  zapis bench ingress
  zapis bench path --messages 50000 --json
  ZAPIS__ENGINES__BROKER=amqp://localhost ZAPIS__ENGINES__SESSIONS=redis://localhost \\
  ZAPIS__ENGINES__STORE=postgres://localhost/zapis zapis bench path

Queues, schema and files are the bench's own and go when it ends. `duplicates`, `idle` and `sockets`
start the program itself, on embedded engines. Build with `--profile dist` for figures to keep.")]
    Bench(Bench),
}

/// A report.
#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// Whether the bot earns its money: answers and how soon, what it did alone, escalations, bookings, who came,
    /// ratings, costs. Each figure has one definition (docs/kpi.md) and an interval that says how sure it is.
    #[command(after_help = "Examples:
  zapis report kpi
  zapis report kpi --from 2026-11-01 --to 2026-11-30 --by channel
  zapis report kpi --days 90 --by week --csv > weeks.csv
  zapis report kpi --xlsx kpi.xlsx
  zapis report kpi --recount              after an upgrade, or to check")]
    Kpi(KpiArgs),
    /// How many visits the next two weeks have, booked already and still to come, and what they bring; by day, weekday
    /// and service, each with an interval, and with the error that this method had on the last weeks (docs/forecast.md).
    #[command(after_help = "Examples:
  zapis report forecast
  zapis report forecast --csv > two-weeks.csv
  zapis report forecast --json")]
    Forecast(AheadArgs),
    /// Visits that may be missed, and enquiries that fell silent: why, and what to do (docs/forecast.md).
    #[command(after_help = "Examples:
  zapis report risk
  zapis report risk --json

Names and phones are not told; the ids lead to them.")]
    Risk(AheadArgs),
    /// What came of experiments: which arm does better, or how many customers are missing before that can be told.
    #[command(after_help = "Examples:
  zapis report experiments
  zapis report experiments --json")]
    Experiments {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// What is missing or cannot be right in what is kept: customers without a phone, visits that nobody marked,
    /// knowledge that is past its day, …, and how many customers each touches.
    #[command(after_help = "Examples:
  zapis report quality
  zapis report quality --json

The console shows the same with links to what is to be mended (/console/quality).")]
    Quality {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Intents that the bot is unsure of, and conversations drawn by chance, to be judged by a person.
    #[command(after_help = "Examples:
  zapis report review > review.txt
  zapis report review --days 14 --json
  zapis report review --seed once-more    other conversations of the same days

Phones, e-mails and names of customers are hidden. In one week the same conversations are drawn again.")]
    Review {
        /// How many days back.
        #[arg(long, default_value_t = 7, value_parser = days())]
        days: u16,
        /// Draws other conversations; the number of the week when it is not given.
        #[arg(long, value_name = "TEXT")]
        seed: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Which intents the bot may answer alone, judged by what the staff and customers made of its answers.
    #[command(after_help = "Examples:
  zapis report autonomy
  zapis report autonomy --days 90 --json")]
    Autonomy {
        /// How many days back.
        #[arg(long, default_value_t = 30, value_parser = days())]
        days: u16,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// How far the figures are that have a target in zapis.toml, beside what they were before the bot.
    #[command(after_help = "Examples:
  zapis report targets
  zapis report targets --json")]
    Targets {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// The day in numbers, as it comes every evening: answers, visits, who waits, what is not as usual.
    #[command(after_help = "Examples:
  zapis report daily
  zapis report daily --day 2026-11-26")]
    Daily(PeriodArgs),
    /// The last whole week: figures and targets, the worst conversations, what the bot did not know, what changed.
    #[command(after_help = "Examples:
  zapis report weekly
  zapis report weekly --day 2026-11-26    the week of that day
  zapis report weekly --json")]
    Weekly(PeriodArgs),
    /// The last whole month: figures, targets, how many conversations wait to be judged.
    #[command(after_help = "Examples:
  zapis report monthly
  zapis report monthly --day 2026-11-26   the month of that day")]
    Monthly(PeriodArgs),
    /// What became of the messages about visits: planned, sent, delivered, skipped and why; how many
    /// customers confirmed and how many did not come.
    #[command(after_help = "Examples:
  zapis report reminders
  zapis report reminders --days 90 --json")]
    Reminders {
        /// How many days back.
        #[arg(long, default_value_t = 30, value_parser = days())]
        days: u16,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Which period.
#[derive(Debug, Clone, Copy, Args)]
pub struct PeriodArgs {
    /// A day in it, at the firm; the last whole one when it is not given.
    #[arg(long, value_name = "DATE")]
    pub day: Option<NaiveDate>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// How what lies ahead is printed.
#[derive(Debug, Clone, Copy, Args)]
pub struct AheadArgs {
    /// Print JSON.
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print CSV.
    #[arg(long)]
    pub csv: bool,
}

/// Which figures.
#[derive(Debug, Clone, Args)]
pub struct KpiArgs {
    /// The first day, at the firm: 2026-11-01.
    #[arg(long, value_name = "DATE")]
    pub from: Option<NaiveDate>,
    /// The last day, at the firm; today when it is not given.
    #[arg(long, value_name = "DATE")]
    pub to: Option<NaiveDate>,
    /// How many days back, where no first day is given.
    #[arg(long, default_value_t = 30, value_parser = days(), conflicts_with = "from")]
    pub days: u16,
    /// Tell them apart by this, too.
    #[arg(long, value_parser = by())]
    pub by: Option<By>,
    /// Count everything anew from the journal first.
    #[arg(long)]
    pub recount: bool,
    /// Print JSON.
    #[arg(long, conflicts_with_all = ["csv", "xlsx"])]
    pub json: bool,
    /// Print CSV, one line a figure.
    #[arg(long, conflicts_with = "xlsx")]
    pub csv: bool,
    /// Write a workbook (XLSX) to this file.
    #[arg(long, value_name = "FILE")]
    pub xlsx: Option<PathBuf>,
}

fn by() -> impl TypedValueParser<Value = By> {
    PossibleValuesParser::new(By::ALL.map(By::name))
        .try_map(|name| By::named(&name).ok_or("is none of these"))
}

/// What is asked, and of what.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("new").required(true).multiple(true)))]
pub struct ReplayArgs {
    /// A folder with content files as they would be.
    #[arg(
        long,
        group = "new",
        value_name = "FOLDER",
        conflicts_with = "settings"
    )]
    pub with: Option<PathBuf>,
    /// A version of the knowledge (zapis knowledge versions).
    #[arg(long, group = "new", value_name = "VERSION")]
    pub knowledge: Option<i64>,
    /// A version of the settings (zapis settings versions); 0: as the files lie on the server.
    #[arg(long, group = "new", value_name = "VERSION")]
    pub settings: Option<i64>,
    /// How many days back.
    #[arg(long, default_value_t = 14, value_parser = days())]
    pub days: u16,
    /// What was asked in so many conversations, the newest ones.
    #[arg(long, default_value_t = 200, value_parser = within(1, 100_000))]
    pub conversations: usize,
    /// Let the language models word both, which costs what customers' questions cost.
    #[arg(long)]
    pub with_model: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

fn days() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(1..=3_650)
}

/// What to measure, and how much.
#[derive(Debug, Clone, Args)]
pub struct Bench {
    /// What to measure.
    pub what: BenchTarget,
    /// How many messages, sessions, enquiries or sockets.
    #[arg(long, default_value_t = 20_000, value_parser = within(100, 10_000_000))]
    pub messages: usize,
    /// From how many customers.
    #[arg(long, default_value_t = 1_000, value_parser = within(1, 10_000_000))]
    pub conversations: usize,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

fn within(least: usize, most: usize) -> impl Fn(&str) -> Result<usize, String> + Clone {
    move |text| match text.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("expected a number from {least} to {most}")),
    }
}

/// Where to listen.
#[derive(Debug, Clone, Copy, Args)]
pub struct Listen {
    /// Address and port on this machine; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", value_parser = loopback, default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text
        .parse()
        .map_err(|_| "expected address:port, such as 127.0.0.1:8080".to_owned())?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("the emulated messengers are open to anybody: listen on 127.0.0.1 only".to_owned())
    }
}

/// A worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum WorkerName {
    /// Answers customers.
    Answer,
    /// Sends messages out.
    Send,
    /// Repeats calls for a person that nobody answered.
    Remind,
    /// Brings enquiries to the CRM, and what becomes of them back.
    Crm,
    /// Writes what messengers report of deliveries into the ledger and the journal.
    Journal,
}

/// What can be run over a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EvalTarget {
    /// Searching a corpus.
    Retrieval,
    /// Telling intents apart.
    Intents,
    /// Reading dates and times.
    Dates,
    /// Finding phone numbers.
    Phones,
    /// Hearing a wish for a person.
    Handoff,
    /// Telling how a customer feels.
    Sentiment,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BenchTarget {
    /// Signed webhooks until they are durable.
    Ingress,
    /// Messages until they are answered, sent and in the journal.
    Path,
    /// Everybody else's messages while one conversation stalls.
    Stall,
    /// Sessions loaded and saved.
    Sessions,
    /// Visits booked and free times found in a large firm.
    Book,
    /// Enquiries until an emulated CRM has all of them: 2,000 at most.
    Crm,
    /// The cost of a message with many conversations and a long journal.
    Growth,
    /// Webhooks that came before.
    Duplicates,
    /// The console with 200 who look and 1,000 chats that wait: pages, and how soon a message is known.
    Console,
    /// Figures of a month out of a salon's year of about so many lines of the journal (`--messages`), and how fast the
    /// journal is followed; where the store is a PostgreSQL, on SQLite too.
    Kpi,
    /// The program with nothing to do: memory, time to start, size.
    Idle,
    /// The memory of many open web chats.
    Sockets,
    /// Messages understood and searched for, over a usual and over a huge knowledge.
    Understand,
}

/// Messages that were set aside.
#[derive(Debug, Subcommand)]
pub enum DeadCommand {
    /// The newest ones.
    #[command(after_help = "Examples:
  zapis dead list
  zapis dead list --limit 500 --json")]
    List {
        /// At most this many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// One of them, whole. It shows what the customer wrote.
    #[command(after_help = "Examples:
  zapis dead show 6f1c2b1e-6f0a-5c55-9d3c-0a8f2f6f7c11")]
    Show {
        /// Its id.
        id: Uuid,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Put some back into their queue.
    #[command(after_help = "Examples:
  zapis dead retry 6f1c2b1e-6f0a-5c55-9d3c-0a8f2f6f7c11
  zapis dead retry --all")]
    Retry(Selection),
    /// Throw some away for good.
    #[command(after_help = "Examples:
  zapis dead drop 6f1c2b1e-6f0a-5c55-9d3c-0a8f2f6f7c11")]
    Drop(Selection),
}

/// Some of the dead letters.
#[derive(Debug, Args)]
pub struct Selection {
    /// Their ids.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub ids: Vec<Uuid>,
    /// All of them.
    #[arg(long)]
    pub all: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// What the CRM was told.
#[derive(Debug, Subcommand)]
pub enum CrmCommand {
    /// How the CRM is, and how much waits for it.
    #[command(after_help = "Examples:
  zapis crm status
  zapis crm status --json")]
    Status {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// What it was told and is to be told, newest first.
    #[command(after_help = "Examples:
  zapis crm ledger
  zapis crm ledger --state parked
  zapis crm ledger --limit 500 --json

States: pending (waits for its time), in_flight (somebody has it in hand), done, parked (a person must look).")]
    Ledger {
        /// Only what is in this state.
        #[arg(long, value_enum)]
        state: Option<JobState>,
        /// At most this many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Try what is parked again, once what was wrong is mended.
    #[command(after_help = "Examples:
  zapis crm retry 6f1c2b1e-6f0a-5c55-9d3c-0a8f2f6f7c11
  zapis crm retry --all")]
    Retry(Selection),
    /// All enquiries with what became of them, as CSV. It shows names and phones.
    #[command(after_help = "Examples:
  zapis crm export > enquiries.csv
  zapis crm export --days 365 --json")]
    Export {
        /// How many days back.
        #[arg(long, default_value_t = 30, value_parser = days())]
        days: u16,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make, find, comment and delete one test record on the configured portal, and print each step.
    #[command(after_help = "Examples:
  zapis crm test

The record is marked as a test, gets a comment and a task, and is deleted again.")]
    Test,
}

/// How far something for the CRM is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum JobState {
    /// It waits for its time.
    Pending,
    /// Somebody has it in hand.
    InFlight,
    /// The CRM has it.
    Done,
    /// A person must look.
    Parked,
}

/// What to bring in.
#[derive(Debug, Args)]
pub struct KnowledgeImport {
    /// Files, and addresses of pages.
    #[arg(required = true, value_name = "FILE|URL")]
    pub sources: Vec<String>,
    /// Only tell what would change.
    #[arg(long)]
    pub dry_run: bool,
    /// Who says that it is right, where a document does not say it.
    #[arg(long, value_name = "NAME")]
    pub verified_by: Option<String>,
    /// The last day it may be quoted, where a document does not say it.
    #[arg(long, value_name = "DAY")]
    pub valid_until: Option<NaiveDate>,
    /// How many links away from a given page to go, on the same site.
    #[arg(long, default_value_t = 1, value_parser = within(0, 10))]
    pub depth: usize,
    /// How many pages of a site to read at most.
    #[arg(long, default_value_t = 30, value_parser = within(1, 1_000))]
    pub pages: usize,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// The firm's documents.
#[derive(Debug, Subcommand)]
pub enum KnowledgeCommand {
    /// Bring documents and sites in: what came under the same name before is replaced.
    #[command(after_help = "Examples:
  zapis knowledge import --dry-run prices.xlsx
  zapis knowledge import prices.xlsx memo.docx faq.md
  zapis knowledge import https://salon.example/prices --depth 0
  zapis knowledge import winter.pdf --verified-by \"Марина\" --valid-until 2027-02-28

Files: .md .csv .tsv .xlsx .docx .pdf .html .txt. Everything is brought in, or nothing. Exit code 2 when it
cannot be. Running workers know a few seconds later.")]
    Import(KnowledgeImport),
    /// What the bot can answer from.
    #[command(after_help = "Examples:
  zapis knowledge list --json")]
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// What the bot would find for a question.
    #[command(after_help = "Examples:
  zapis knowledge search \"сколько стоит стрижка\"
  zapis knowledge search --limit 3 parking")]
    Search {
        /// The question.
        #[arg(required = true)]
        words: Vec<String>,
        /// At most this many passages.
        #[arg(long, default_value_t = 5)]
        limit: usize,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Questions that got no good answer, put together by what they ask, most customers first.
    #[command(after_help = "Examples:
  zapis knowledge gaps
  zapis knowledge gaps --days 7 --limit 5
  zapis knowledge gaps --json

Phones, e-mails and names of customers are hidden.")]
    Gaps {
        /// How many days back.
        #[arg(long, default_value_t = 30, value_parser = days())]
        days: u16,
        /// At most this many groups of questions.
        #[arg(long, default_value_t = 20)]
        limit: usize,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// What was brought in, removed and taken back, newest first.
    #[command(after_help = "Examples:
  zapis knowledge versions
  zapis knowledge versions --limit 5 --json")]
    Versions {
        /// At most this many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Go back to what was brought in up to a version, as a new version.
    #[command(after_help = "Examples:
  zapis knowledge rollback 7
  zapis knowledge rollback 0        as if nothing had ever been brought in")]
    Rollback {
        /// The version.
        version: i64,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take out what was brought in under a name, as a new version.
    #[command(after_help = "Examples:
  zapis knowledge remove prices.xlsx
  zapis knowledge remove https://salon.example/prices")]
    Remove {
        /// Names of files and addresses, as `list` shows them in `from`.
        #[arg(required = true, value_name = "SOURCE")]
        sources: Vec<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn each(command: &clap::Command, look: &mut dyn FnMut(&clap::Command)) {
        look(command);
        for below in command.get_subcommands() {
            each(below, look);
        }
    }

    #[test]
    fn every_command_shows_examples() {
        let command = Cli::command();
        each(&command, &mut |command| {
            let name = command.get_name();
            let help = command.get_after_help().map(ToString::to_string);
            assert!(
                help.is_some_and(|help| help.contains("Examples:")),
                "{name}"
            );
        });
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn emulators_never_listen_outside_this_machine() {
        assert!(loopback("0.0.0.0:8080").is_err());
        assert!(loopback("127.0.0.1:0").is_ok());
        assert!(loopback("[::1]:8080").is_ok());
    }
}
