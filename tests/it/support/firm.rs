//! A whole firm for tests: the real binary on engines of choice, its providers emulated around it.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use super::postgres::Database;
use super::rabbit::Rabbit;
use super::redis::Redis;
use super::servers::free_port;
use tempfile::TempDir;
use zapis_core::config::EnginesConfig;
use zapis_core::message::ConversationId;
use zapis_core::store::Store;
use zapis_sandbox::{
    Bitrix24App, Bitrix24Outgoing, Bitrix24Portal, Bitrix24Webhook, Call, CallFilter, Provider,
    Sandbox, SandboxConfig, StaffChat, TelegramAction, TelegramBot, TelegramRequest,
    WhatsAppNumber,
};

/// The staff group of every firm.
pub(crate) const STAFF: i64 = -1_001_234_567_890;

/// A secret of each kind, to look for in logs.
pub(crate) const TELEGRAM_TOKEN: &str = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0";
pub(crate) const WHATSAPP_TOKEN: &str = "EAAwhatsappcanarytoken";
pub(crate) const SMS_KEY: &str = "sms-canary-of-the-gateway";
pub(crate) const LLM_KEY: &str = "sk-canary-of-the-model";
pub(crate) const CRM_CODE: &str = "canarycodeofthewebhook";
pub(crate) const CRM_TOKEN: &str = "canary-token-of-the-portal";
pub(crate) const APP_SECRET: &str = "canaryappsecret0123456789";

/// How long anything may take before a test fails. Not a measure of speed.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The variable that names a place to crash at.
const CRASH: &str = "ZAPIS_CRASH_AT";

/// Which engines the program runs on.
#[derive(Clone)]
pub(crate) enum On {
    /// Everything in one process.
    Embedded,
    /// RabbitMQ, Redis and PostgreSQL.
    Servers(Arc<Servers>),
}

/// A RabbitMQ of the test's own or a virtual host on the shared one, and an empty Redis and database.
pub(crate) struct Servers {
    queue_type: &'static str,
    vhost: String,
    rabbit: Arc<Rabbit>,
    pub(crate) redis: Redis,
    pub(crate) database: Database,
}

/// A queue of RabbitMQ.
#[derive(Debug)]
pub(crate) struct QueueSeen {
    pub(crate) name: String,
    pub(crate) messages: i64,
    pub(crate) unacknowledged: i64,
    pub(crate) consumers: i64,
    pub(crate) exclusive: bool,
}

impl Servers {
    /// The queues of this firm.
    pub(crate) fn queues(&self) -> Vec<QueueSeen> {
        let (_, vhost) = self.vhost.rsplit_once('/').unwrap();
        let columns = [
            "name",
            "messages",
            "messages_unacknowledged",
            "consumers",
            "exclusive",
        ];
        let mut arguments = vec!["-q", "list_queues", "--no-table-headers", "-p", vhost];
        arguments.extend(columns);
        let lines = self.rabbit.ctl(&arguments);
        let queue = |line: &str| {
            let mut words = line.split('\t');
            let mut word = || words.next().unwrap_or_default().to_owned();
            QueueSeen {
                name: word(),
                messages: word().parse().unwrap_or_default(),
                unacknowledged: word().parse().unwrap_or_default(),
                consumers: word().parse().unwrap_or_default(),
                exclusive: word() == "true",
            }
        };
        lines.lines().map(queue).collect()
    }
}

impl On {
    /// Servers for one test, with RabbitMQ shared by all tests.
    pub(crate) fn servers(queue_type: &'static str) -> Self {
        Self::with_rabbit(queue_type, Rabbit::shared())
    }

    /// Servers for one test on this RabbitMQ.
    pub(crate) fn with_rabbit(queue_type: &'static str, rabbit: &Arc<Rabbit>) -> Self {
        Self::with_database(queue_type, rabbit, Database::new())
    }

    /// Servers for one test, with a PostgreSQL that it can stop.
    pub(crate) fn with_own_database() -> Self {
        Self::with_database("classic", Rabbit::shared(), Database::private())
    }

    fn with_database(queue_type: &'static str, rabbit: &Arc<Rabbit>, database: Database) -> Self {
        Self::Servers(Arc::new(Servers {
            queue_type,
            vhost: rabbit.vhost(),
            rabbit: Arc::clone(rabbit),
            redis: Redis::private(&["--appendonly", "yes"]),
            database,
        }))
    }

    fn lines(&self, data: &Path) -> String {
        match self {
            Self::Embedded => format!(
                "broker = \"embedded\"\nsessions = \"embedded\"\nstore = \"{}\"\n",
                self.store(data)
            ),
            Self::Servers(servers) => format!(
                "broker = \"{}\"\nsessions = \"{}\"\nstore = \"{}\"\nqueue_type = \"{}\"\n",
                servers.vhost,
                servers.redis.url(),
                self.store(data),
                servers.queue_type
            ),
        }
    }

    fn store(&self, data: &Path) -> String {
        match self {
            Self::Embedded => format!("sqlite:{}", data.join("zapis.db").display()),
            Self::Servers(servers) => servers.database.url(),
        }
    }

    /// The one number that a query on the store gives.
    fn count(&self, data: &Path, query: &str) -> i64 {
        match self {
            Self::Embedded => count_in(&data.join("zapis.db"), query),
            Self::Servers(servers) => servers.database.sql(query).parse().unwrap(),
        }
    }
}

fn count_in(file: &Path, query: &str) -> i64 {
    let file = rusqlite::Connection::open(file).unwrap();
    file.busy_timeout(PATIENCE).unwrap();
    file.query_row(query, [], |row| row.get(0)).unwrap()
}

/// The firm.
pub(crate) struct Firm {
    pub(crate) sandbox: Sandbox,
    pub(crate) url: String,
    on: On,
    folder: TempDir,
    processes: Vec<Running>,
    /// The roles of each process, e.g. `["run"]`.
    roles: Vec<Vec<&'static str>>,
    /// What every process is started with besides.
    pub(crate) environment: Vec<(&'static str, String)>,
    /// What starts the processes, e.g. `unshare`; `{data}` in it is the data folder.
    wrapper: Vec<String>,
    /// A copy of its data to look at.
    copy: Option<PathBuf>,
}

struct Running {
    child: Child,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Firm {
    /// Opens one: emulators, configuration, program, ready to take messages.
    pub(crate) async fn open(on: On) -> Self {
        Self::with(on, "", vec![vec!["run"]]).await
    }

    /// Opens one with lines of configuration of its own, as several processes.
    pub(crate) async fn with(on: On, more: &str, roles: Vec<Vec<&'static str>>) -> Self {
        let mut firm = Self::closed(on, more, roles).await;
        firm.start().await;
        firm
    }

    /// Opens one whose processes are started by another program.
    pub(crate) async fn wrapped(more: &str, wrapper: &[&str]) -> Self {
        let mut firm = Self::closed(On::Embedded, more, vec![vec!["run"]]).await;
        let data = firm.folder.path().join("data");
        let data = data.to_str().unwrap();
        let words = wrapper.iter().map(|word| word.replace("{data}", data));
        firm.wrapper = words.collect();
        firm.start().await;
        firm
    }

    /// One that is not started yet.
    pub(crate) async fn closed(on: On, more: &str, roles: Vec<Vec<&'static str>>) -> Self {
        let folder = TempDir::new().unwrap();
        let port = free_port();
        let url = format!("http://127.0.0.1:{port}");
        let sandbox = zapis_sandbox::start(SandboxConfig {
            telegram: vec![TelegramBot {
                token: TELEGRAM_TOKEN.into(),
                username: "salon_bot".into(),
            }],
            whatsapp: vec![WhatsAppNumber {
                phone_number_id: "105500000000001".into(),
                waba_id: "200000000000001".into(),
                display_phone_number: "78120000000".into(),
                access_token: WHATSAPP_TOKEN.into(),
                app_secret: APP_SECRET.into(),
                verify_token: "verify".into(),
                webhook_url: Some(format!("{url}/webhooks/whatsapp/main")),
                ..WhatsAppNumber::default()
            }],
            staff_chats: vec![StaffChat {
                chat_id: STAFF,
                is_forum: true,
                title: "Салон".into(),
            }],
            sms_api_key: Some(SMS_KEY.into()),
            llm_api_key: Some(LLM_KEY.into()),
            bitrix24: Some(Bitrix24Portal {
                app: Some(Bitrix24App::default()),
                webhooks: vec![Bitrix24Webhook::new(1, CRM_CODE)],
                outgoing: vec![Bitrix24Outgoing {
                    url: format!("{url}/webhooks/bitrix24"),
                    token: CRM_TOKEN.into(),
                    events: Vec::new(),
                }],
                is_box: true,
                ..Bitrix24Portal::default()
            }),
            limits: false,
            webhook_retry: Duration::from_millis(300),
            ..SandboxConfig::default()
        })
        .await
        .unwrap();
        let firm = Self {
            sandbox,
            url,
            on,
            folder,
            processes: Vec::new(),
            roles,
            environment: Vec::new(),
            wrapper: Vec::new(),
            copy: None,
        };
        firm.write_config(port, more);
        firm
    }

    fn write_config(&self, port: u16, more: &str) {
        copy(
            Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/config")),
            &self.config_dir(),
        );
        let data = self.data_dir();
        fs::create_dir_all(&data).unwrap();
        let text = format!(
            r#"[server]
listen = "127.0.0.1:{port}"
public_url = "{url}"

[engines]
{engines}data_dir = "{data}"

[[channels.telegram]]
account = "main"
token = "{TELEGRAM_TOKEN}"
api_url = "{telegram}"
staff_chat = {STAFF}

[[channels.whatsapp]]
account = "main"
phone_number_id = "105500000000001"
access_token = "{WHATSAPP_TOKEN}"
app_secret = "{APP_SECRET}"
verify_token = "verify"
api_url = "{whatsapp}"

[[channels.webchat]]
account = "site"
allowed_origins = ["http://shop.example"]

[observability]
format = "json"
{more}
"#,
            url = self.url,
            engines = self.on.lines(&data),
            data = data.display(),
            telegram = self.sandbox.telegram_api_url(),
            whatsapp = self.sandbox.whatsapp_api_url(),
            more = more
                .replace("{llm}", &self.sandbox.llm_base_url())
                .replace("{sms}", &self.sandbox.sms_url())
                .replace("{crm}", &self.crm_lines())
                .replace("{crm app}", &self.crm_app_lines()),
        );
        fs::write(self.config_dir().join("zapis.toml"), text).unwrap();
    }

    /// The section of its CRM, for firms that have one.
    fn crm_lines(&self) -> String {
        format!(
            "[crm.bitrix24]\nwebhook_url = \"{}/\"\napplication_tokens = [\"{CRM_TOKEN}\"]\nburst = 0\n",
            self.sandbox.bitrix24_url()
        )
    }

    /// The same through an app, which is told of by a token.
    fn crm_app_lines(&self) -> String {
        let app = Bitrix24App::default();
        format!(
            "[crm.bitrix24]\nportal = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\n\
             application_tokens = [\"{}\"]\nburst = 0\n",
            self.sandbox.url(),
            app.client_id,
            app.client_secret,
            app.application_token,
        )
    }

    /// The configuration file, for programs that a test starts by itself.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.config_dir().join("zapis.toml")
    }

    /// Where the configuration and the content are.
    pub(crate) fn config_dir(&self) -> PathBuf {
        self.folder.path().join("config")
    }

    /// Where its data is, or a copy of it.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.copy
            .clone()
            .unwrap_or_else(|| self.folder.path().join("data"))
    }

    /// Looks at its data as they are now, where only the process itself sees the folder. SQLite would
    /// find the folder below it: it follows `/proc/…/root` by name.
    pub(crate) fn look(&mut self) {
        let data = self.own_data();
        let copy = self.folder.path().join("copy");
        fs::remove_dir_all(&copy).ok();
        fs::create_dir(&copy).unwrap();
        self.signal(0, "-STOP");
        for name in ["zapis.db", "queue.db"] {
            for part in [name.to_owned(), format!("{name}-wal")] {
                fs::copy(data.join(&part), copy.join(&part)).unwrap();
            }
        }
        self.signal(0, "-CONT");
        self.copy = Some(copy);
    }

    /// Changes the store from outside.
    pub(crate) fn sql(&self, statement: &str) {
        match &self.on {
            On::Embedded => {
                let file = rusqlite::Connection::open(self.data_dir().join("zapis.db")).unwrap();
                file.busy_timeout(PATIENCE).unwrap();
                file.execute(statement, []).unwrap();
            }
            On::Servers(servers) => drop(servers.database.sql(statement)),
        }
    }

    /// Waits until a provider was called for somebody, whatever it answered.
    pub(crate) async fn called(&self, provider: Provider, recipient: &str) {
        let filter = CallFilter {
            provider: Some(provider),
            recipient: Some(recipient.to_owned()),
            ..CallFilter::default()
        };
        let ended = |call: &Call| call.accepted || call.status.is_some();
        let called = |calls: &[Call]| calls.iter().any(ended);
        self.sandbox.calls_until(&filter, PATIENCE, called).await;
    }

    /// The one number that a query on the store gives.
    pub(crate) fn count(&self, query: &str) -> i64 {
        self.on.count(&self.data_dir(), query)
    }

    /// How many messages are in the queue, handed out or not.
    pub(crate) fn queued(&self) -> i64 {
        match &self.on {
            On::Embedded => count_in(
                &self.data_dir().join("queue.db"),
                "SELECT count(*) FROM messages",
            ),
            On::Servers(servers) => servers.queues().iter().map(|queue| queue.messages).sum(),
        }
    }

    /// Where messages are in the queue: keys, or queues of RabbitMQ.
    pub(crate) fn queued_where(&self) -> Vec<String> {
        match &self.on {
            On::Embedded => {
                let file = rusqlite::Connection::open(self.data_dir().join("queue.db")).unwrap();
                let mut rows = file.prepare("SELECT key FROM messages").unwrap();
                let keys = rows.query_map([], |row| row.get(0)).unwrap();
                keys.flatten().collect()
            }
            On::Servers(servers) => {
                let queues = servers
                    .queues()
                    .into_iter()
                    .filter(|queue| queue.messages > 0);
                queues
                    .map(|queue| format!("{} {}", queue.name, queue.unacknowledged))
                    .collect()
            }
        }
    }

    /// Its servers, if it has any.
    pub(crate) fn servers(&self) -> Option<&Servers> {
        match &self.on {
            On::Embedded => None,
            On::Servers(servers) => Some(servers),
        }
    }

    /// Its engines, for a look or a message from outside.
    pub(crate) fn engines(&self) -> EnginesConfig {
        let data = self.data_dir();
        let text = format!(
            "{}data_dir = \"{}\"\n",
            self.on.lines(&data),
            data.display()
        );
        toml::from_str(&text).unwrap()
    }

    /// What the program logged so far, all lives together.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// A command of the binary beside the running program; its output.
    pub(crate) fn command(&self, args: &[&str]) -> std::process::Output {
        self.zapis(args).output().unwrap()
    }

    /// The same, to be changed before it runs.
    pub(crate) fn zapis(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zapis"));
        command
            .args(args)
            .arg("--config")
            .arg(self.config_dir().join("zapis.toml"));
        command
    }

    /// What a command prints as JSON.
    pub(crate) fn printed(&self, args: &[&str]) -> serde_json::Value {
        let output = self.command(args);
        assert!(output.status.success(), "{args:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What Prometheus reads from the known address.
    pub(crate) async fn metrics(&self) -> String {
        let answer = client().get(format!("{}/metrics", self.url)).send().await;
        answer.unwrap().text().await.unwrap()
    }

    /// Starts all processes and waits until messages can be taken.
    pub(crate) async fn start(&mut self) {
        for role in self.roles.clone() {
            self.start_one(&role);
        }
        self.ready().await;
    }

    /// Starts one more process.
    pub(crate) fn start_one(&mut self, role: &[&str]) {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        let mut command = match self.wrapper.split_first() {
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(env!("CARGO_BIN_EXE_zapis"));
                command
            }
            None => Command::new(env!("CARGO_BIN_EXE_zapis")),
        };
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        if role.first() == Some(&"worker") {
            // Only the gateway keeps the known address.
            command.env("ZAPIS__SERVER__LISTEN", "127.0.0.1:0");
        }
        let child = command
            .args(role)
            .arg("--config")
            .arg(self.config_dir().join("zapis.toml"))
            .stdout(Stdio::from(log.try_clone().unwrap()))
            .stderr(Stdio::from(log))
            .spawn()
            .unwrap();
        self.processes.push(Running { child });
    }

    /// Starts all processes, one of which ends itself at this place; see `zapis_core::crash`.
    pub(crate) fn start_to_crash(&mut self, n: usize, at: &str) {
        for (place, role) in self.roles.clone().iter().enumerate() {
            self.environment.retain(|(name, _)| *name != CRASH);
            if place == n {
                self.environment.push((CRASH, at.to_owned()));
            }
            self.start_one(role);
        }
        self.environment.retain(|(name, _)| *name != CRASH);
    }

    /// Whether a process has ended by itself; then it was by `abort`.
    pub(crate) fn has_crashed(&mut self, n: usize) -> bool {
        let ended = self.processes[n].child.try_wait().unwrap();
        if let Some(status) = ended {
            assert_eq!(status.signal(), Some(6), "{status}\n{}", self.log());
        }
        ended.is_some()
    }

    /// Sends a signal to a process.
    pub(crate) fn signal(&self, n: usize, signal: &str) {
        let pid = self.processes[n].child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// The data folder as the process sees it.
    pub(crate) fn own_data(&self) -> PathBuf {
        self.seen_by(0, &self.folder.path().join("data"))
    }

    /// How the files of a process look to itself, also where it has a mount of its own.
    fn seen_by(&self, n: usize, path: &Path) -> PathBuf {
        let root = format!("/proc/{}/root", self.processes[n].child.id());
        Path::new(&root).join(path.strip_prefix("/").unwrap())
    }

    pub(crate) async fn ready(&mut self) {
        let ready = format!("{}/health/ready", self.url);
        let client = client();
        for _ in 0..1_200 {
            if let Ok(answer) = client.get(&ready).send().await
                && answer.status().is_success()
            {
                return;
            }
            for running in &mut self.processes {
                if let Ok(Some(status)) = running.child.try_wait() {
                    panic!("the program ended with {status}:\n{}", self.log());
                }
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the program is not ready:\n{}", self.log());
    }

    /// `kill -9` for all processes.
    pub(crate) fn kill(&mut self) {
        self.processes.clear();
    }

    /// `kill -9` for one process, and a new one in its place.
    pub(crate) async fn restart_one(&mut self, n: usize) {
        drop(self.processes.remove(n));
        let role = self.roles[n].clone();
        self.start_one(&role);
        let started = self.processes.pop().unwrap();
        self.processes.insert(n, started);
        self.ready().await;
    }

    /// Waits until the program has logged something.
    pub(crate) async fn logged(&self, part: &str) {
        for _ in 0..1_200 {
            if self.log().contains(part) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("never logged {part:?}:\n{}", self.log());
    }

    /// SIGTERM for all; panics if one does not end well.
    pub(crate) async fn stop(&mut self) {
        for running in &self.processes {
            let pid = running.child.id().to_string();
            Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        }
        for mut running in std::mem::take(&mut self.processes) {
            let status = tokio::task::spawn_blocking(move || running.child.wait().unwrap())
                .await
                .unwrap();
            assert!(status.success(), "ended with {status}:\n{}", self.log());
        }
    }

    /// The store of the firm, beside the running program.
    pub(crate) async fn store(&self) -> Store {
        let url = self.on.store(&self.data_dir());
        Store::open(&url).await.unwrap()
    }

    /// The conversation of somebody with this address: WhatsApp's is named by the first id ever seen.
    pub(crate) async fn conversation(
        &self,
        store: &Store,
        address: &ConversationId,
    ) -> ConversationId {
        let (channel, account) = (address.channel(), address.account());
        let known = [address.peer().to_owned()];
        let peer = store.resolve_peer(channel, account, &known).await.unwrap();
        ConversationId::new(channel, account, &peer).unwrap()
    }

    /// Waits for a line of the bot (or staff) that a Telegram customer sees after `seen` lines.
    pub(crate) async fn telegram_answer(&self, chat: i64, seen: usize) -> String {
        let lines = self
            .sandbox
            .telegram_until(chat, PATIENCE, |lines| {
                lines.iter().filter(|line| line.from == "bot").count() > seen
            })
            .await;
        let answers: Vec<_> = lines
            .into_iter()
            .filter(|line| line.from == "bot")
            .collect();
        match answers.get(seen) {
            Some(line) => line.text.clone(),
            None => panic!("no answer number {seen} in Telegram:\n{}", self.log()),
        }
    }

    /// The same on WhatsApp.
    pub(crate) async fn whatsapp_answer(&self, customer: &str, seen: usize) -> String {
        let lines = self
            .sandbox
            .whatsapp_until(customer, PATIENCE, |lines| {
                lines.iter().filter(|line| line.from == "bot").count() > seen
            })
            .await;
        let answers: Vec<_> = lines
            .into_iter()
            .filter(|line| line.from == "bot")
            .collect();
        match answers.get(seen) {
            Some(line) => line.text.clone(),
            None => panic!("no answer number {seen} on WhatsApp:\n{}", self.log()),
        }
    }

    /// Asks as one customer after the other until the answer holds these words: a worker of its own learns a little
    /// later than the console.
    pub(crate) async fn until_told(&self, first: i64, question: &str, words: &str) {
        let mut told = String::new();
        for chat in first..first + 40 {
            self.sandbox.telegram_writes(chat, question).unwrap();
            told = self.telegram_answer(chat, 0).await;
            if told.contains(words) {
                return;
            }
        }
        panic!("{words}: {told}");
    }

    /// Waits until changes of the appointment book are followed.
    pub(crate) async fn follows_the_book(&self) {
        let followed = "SELECT count(*) FROM small_values WHERE name = 'notices'";
        for _ in 0..1_200 {
            if self.count(followed) > 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("nobody follows the book:\n{}", self.log());
    }

    /// A customer of this name writes to the bot in Telegram.
    pub(crate) fn telegram_writes_as(&self, name: &str, chat: i64, text: &str) {
        let writes = TelegramAction::Writes {
            chat,
            text: text.into(),
            reply_to: None,
            at: None,
        };
        let writes = TelegramRequest {
            name: Some(name.into()),
            ..writes.into()
        };
        self.sandbox.telegram(writes).unwrap();
    }

    /// Waits until the staff group shows a text; the topic it stands in.
    pub(crate) async fn staff_sees(&self, part: &str) -> Option<i64> {
        let lines = self
            .sandbox
            .telegram_until(STAFF, PATIENCE, |lines| {
                lines.iter().any(|line| line.text.contains(part))
            })
            .await;
        match lines.iter().rev().find(|line| line.text.contains(part)) {
            Some(line) => line.raw["message_thread_id"].as_i64(),
            None => panic!(
                "the staff does not see {part:?}, but {lines:#?}\n{}",
                self.log()
            ),
        }
    }
}

/// Until something is so.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let give_up = tokio::time::Instant::now() + PATIENCE;
    while !is_so() {
        assert!(tokio::time::Instant::now() < give_up, "never {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A plain HTTP client for loopback.
pub(crate) fn client() -> reqwest::Client {
    zapis_channels::http::client("", Duration::from_secs(10)).unwrap()
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A visitor of the firm's site.
pub(crate) mod visitor {
    use futures::{SinkExt, StreamExt};
    use serde_json::{Value, json};
    use tokio::net::TcpStream;
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;
    use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

    use super::PATIENCE;

    /// An open chat.
    pub(crate) struct Visitor {
        socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
        pub(crate) hello: Value,
    }

    impl Visitor {
        /// Opens the chat, anew or with a token.
        pub(crate) async fn open(url: &str, token: Option<&str>, after: i64) -> Option<Self> {
            let mut address = format!("{}/webchat/site/socket", url.replace("http://", "ws://"));
            if let Some(token) = token {
                address = format!("{address}?token={token}&after={after}");
            }
            let mut request = address.into_client_request().ok()?;
            request
                .headers_mut()
                .insert("origin", "http://shop.example".parse().ok()?);
            let (socket, _) = connect_async(request).await.ok()?;
            let mut visitor = Self {
                socket,
                hello: Value::Null,
            };
            visitor.hello = visitor.next().await?;
            Some(visitor)
        }

        pub(crate) fn token(&self) -> String {
            self.hello["token"].as_str().unwrap_or_default().to_owned()
        }

        /// Sends a message; its own id is the client's.
        pub(crate) async fn write(&mut self, id: &str, text: &str) -> bool {
            let frame = json!({"type": "message", "id": id, "text": text}).to_string();
            self.socket.send(Message::text(frame)).await.is_ok()
        }

        /// The next frame; nothing when the connection is gone or stays silent.
        pub(crate) async fn next(&mut self) -> Option<Value> {
            let frame = async {
                loop {
                    if let Message::Text(text) = self.socket.next().await?.ok()? {
                        return serde_json::from_str(&text).ok();
                    }
                }
            };
            tokio::time::timeout(PATIENCE, frame).await.ok()?
        }

        /// The place of a message once it is acknowledged; nothing when it is refused for now.
        pub(crate) async fn ack(&mut self, id: &str) -> Option<i64> {
            loop {
                let frame = self.next().await?;
                match frame["type"].as_str() {
                    Some("ack") if frame["id"] == id => return frame["seq"].as_i64(),
                    Some("error") if frame["id"] == id => return None,
                    _ => {}
                }
            }
        }

        /// The next frame of a type.
        pub(crate) async fn next_of(&mut self, kind: &str) -> Option<Value> {
            loop {
                let frame = self.next().await?;
                if frame["type"] == kind {
                    return Some(frame);
                }
            }
        }
    }
}
