//! The command line and the configuration, through the real binary.

mod book;
mod reports;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_zapis");

/// A Telegram account with a staff group: the least that `check` accepts.
const SALON: &str = "[[channels.telegram]]\naccount = \"main\"\ntoken = \"env:SALON_TOKEN\"\nstaff_chat = -100123\n";

/// An installation in a folder of its own.
struct Salon {
    folder: TempDir,
}

impl Salon {
    fn with(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("zapis.toml"), settings).unwrap();
        copy(Path::new("config"), folder.path());
        Self { folder }
    }

    /// `zapis` in this folder, with nothing else of the environment.
    fn zapis(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(["--config", "zapis.toml"])
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("SALON_TOKEN", "110201543:secret-of-the-salon");
        command
    }

    fn told(&self, arguments: &[&str]) -> (i32, String) {
        told(&self.zapis(arguments).output().unwrap())
    }
}

/// The content of the shipped configuration.
fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else if entry.file_name() != "zapis.toml" {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The exit code and everything that was printed.
fn told(output: &Output) -> (i32, String) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (
        output.status.code().expect("an exit code"),
        String::from_utf8(text).unwrap(),
    )
}

#[test]
fn help_of_every_command_shows_examples() {
    let salon = Salon::with("");
    for command in [
        &["--help"][..],
        &["run", "--help"],
        &["gateway", "--help"],
        &["worker", "--help"],
        &["demo", "--help"],
        &["sandbox", "--help"],
        &["check", "--help"],
        &["dead", "retry", "--help"],
        &["crm", "--help"],
        &["crm", "ledger", "--help"],
        &["crm", "export", "--help"],
        &["knowledge", "search", "--help"],
        &["knowledge", "gaps", "--help"],
        &["book", "feed", "add", "--help"],
        &["report", "--help"],
        &["report", "review", "--help"],
        &["report", "autonomy", "--help"],
        &["trace", "--help"],
        &["bench", "--help"],
    ] {
        let (code, text) = salon.told(command);
        assert_eq!(code, 0, "{text}");
        assert!(text.contains("Examples:"), "{command:?}: {text}");
        assert!(text.contains("--config"), "{command:?}: {text}");
    }
}

#[test]
fn wrong_usage_exits_with_2() {
    let salon = Salon::with("");
    for arguments in [
        &["fly"][..],
        &["worker", "dance"],
        &["trace", "no-conversation"],
        &["dead", "retry"],
        &["crm", "retry"],
        &["crm", "ledger", "--state", "lost"],
        &["dead", "show", "7"],
        &["demo", "--listen", "0.0.0.0:8080"],
        &["check", "--lisp"],
    ] {
        let (code, text) = salon.told(arguments);
        assert_eq!(code, 2, "{arguments:?}: {text}");
    }
}

#[test]
fn all_problems_are_told_at_once_with_their_places() {
    let salon = Salon::with(
        "[server]\nlisten = 8080\n[engines]\nbrokr = \"embedded\"\n\n[[channels.telegram]]\naccount = \"main\"\ntoken = \"env:NOBODY_SET_THIS\"\n",
    );

    let (code, text) = salon.told(&["check"]);

    assert_eq!(code, 2);
    for line in [
        "zapis.toml:2:1: error: server.listen: expected a text in quotes, found a whole number (hint: for example listen = \"127.0.0.1:8080\")",
        "zapis.toml:4:1: error: engines.brokr: unknown setting (hint: did you mean `broker`?)",
        "zapis.toml:8:1: error: channels.telegram.0.token: the environment variable NOBODY_SET_THIS is not set (hint: set NOBODY_SET_THIS, or take this line out if you do not need it)",
    ] {
        assert!(text.contains(line), "{line}\nis not in\n{text}");
    }
    assert!(text.ends_with("3 errors, 0 warnings.\n"), "{text}");
}

#[test]
fn a_right_configuration_passes_and_no_secret_is_shown() {
    let salon = Salon::with(SALON);

    let (code, text) = salon.told(&["check"]);

    assert_eq!(code, 0, "{text}");
    assert!(!text.contains("secret-of-the-salon"), "{text}");
}

#[test]
fn no_place_for_escalations_is_an_error_of_check() {
    let salon = Salon::with(&SALON.replace("staff_chat = -100123\n", ""));

    let (code, text) = salon.told(&["check", "--json"]);

    assert_eq!(code, 2, "{text}");
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["problems"][0]["key"], "channels.telegram");
    assert_eq!(report["problems"][0]["line"], 1);
    assert_eq!(report["probes"], serde_json::json!([]));
}

#[test]
fn the_environment_overrides_the_file_and_is_checked_like_it() {
    let salon = Salon::with(SALON);
    let check = |name: &str, value: &str| {
        let output = salon.zapis(&["check"]).env(name, value).output();
        told(&output.unwrap())
    };

    assert_eq!(check("ZAPIS__ENGINES__PARTITIONS", "32").0, 0);
    let (code, text) = check("ZAPIS__ENGINES__PARTITIONS", "many");
    assert_eq!(code, 2);
    assert!(
        text.contains("environment: error: engines.partitions: expected a whole number, in ZAPIS__ENGINES__PARTITIONS (hint: for example ZAPIS__ENGINES__PARTITIONS=16)"),
        "{text}"
    );
    let (code, text) = check("ZAPIS__ENGINES__BROKR", "embedded");
    assert_eq!(code, 2);
    assert!(
        text.contains("did you mean ZAPIS__ENGINES__BROKER?"),
        "{text}"
    );
    assert_eq!(check("ZAPIS_PORT", "tcp://10.0.0.1").0, 0);
}

#[test]
fn a_missing_file_says_what_to_do() {
    let salon = Salon::with("");

    let output = Command::new(BINARY)
        .args(["--config", "nowhere.toml", "check"])
        .current_dir(salon.folder.path())
        .output();

    let (code, text) = told(&output.unwrap());
    assert_eq!(code, 2);
    assert!(
        text.contains("nowhere.toml: error: the configuration cannot be read"),
        "{text}"
    );
    assert!(text.contains("zapis demo"), "{text}");
}

#[test]
fn a_role_of_its_own_needs_shared_engines() {
    let salon = Salon::with(SALON);
    for command in ["gateway", "worker"] {
        let (code, text) = salon.told(&[command]);
        assert_eq!(code, 2, "{text}");
        assert!(
            text.contains("engines.broker") && text.contains("engines.sessions"),
            "{text}"
        );
    }
}

/// A running `zapis run`, on a port of its own; ended with the test.
struct Running {
    child: Child,
    log: BufReader<Box<dyn Read>>,
    address: String,
}

impl Running {
    fn start(salon: &Salon) -> Self {
        let mut child = salon
            .zapis(&["run"])
            .env("ZAPIS__SERVER__LISTEN", "127.0.0.1:0")
            .env("ZAPIS__OBSERVABILITY__FORMAT", "json")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log: Box<dyn Read> = Box::new(child.stderr.take().unwrap());
        let log = BufReader::new(log);
        let mut running = Self {
            child,
            log,
            address: String::new(),
        };
        while running.address.is_empty() {
            let line = running.line();
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            if let Some(address) = line["listen"].as_str() {
                address.clone_into(&mut running.address);
            }
        }
        running
    }

    /// The next line of its log.
    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.log.read_line(&mut line).unwrap() > 0, "it ended");
        line
    }

    fn signal(&self) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(sent.success());
    }

    /// The exit code and the rest of its log.
    fn end(mut self) -> (Option<i32>, String) {
        let mut log = String::new();
        self.log.read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code(), log)
    }

    /// The status of a page.
    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A web chat alone: nothing outside this machine is called.
const SITE: &str =
    "[[channels.webchat]]\naccount = \"site\"\nallowed_origins = [\"https://salon.example\"]\n";

#[test]
fn the_first_signal_stops_gently_with_exit_code_0() {
    let salon = Salon::with(SITE);
    let running = Running::start(&salon);
    assert!(running.get("/health/live").starts_with("HTTP/1.1 200"));
    assert!(running.get("/health/ready").starts_with("HTTP/1.1 200"));
    assert!(running.get("/metrics").starts_with("HTTP/1.1 200"));

    running.signal();

    let (code, log) = running.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("finishing what is in hand"), "{log}");
    assert!(log.contains("\"Stopped\""), "{log}");
    assert!(!salon.folder.path().join("data/control.sock").exists());
}

#[test]
fn the_second_signal_stops_at_once_with_exit_code_1() {
    let token = "0123456789abcdef";
    let salon = Salon::with(&format!(
        "{SITE}[observability]\njournal_token = \"{token}\"\n"
    ));
    let mut running = Running::start(&salon);
    // Somebody who reads the live journal holds a gentle stop up for some seconds.
    let mut reader = TcpStream::connect(&running.address).unwrap();
    write!(
        reader,
        "GET /console/journal?token={token} HTTP/1.1\r\nhost: x\r\n\r\n"
    )
    .unwrap();
    let mut status = [0; 12];
    reader.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 200");

    running.signal();
    while !running.line().contains("finishing what is in hand") {}
    running.signal();

    let (code, log) = running.end();
    assert!(log.contains("Told again to stop"), "{log}");
    assert_eq!(code, Some(1), "{log}");
}

#[test]
fn short_commands_work_beside_the_running_program() {
    let salon = Salon::with(SITE);
    let running = Running::start(&salon);

    assert_eq!(
        salon.told(&["dead", "list"]),
        (0, "Nothing was set aside.\n".to_owned())
    );
    assert_eq!(
        salon.told(&["dead", "list", "--json"]),
        (0, "[]\n".to_owned())
    );
    let unknown = "6f1c2b1e-6f0a-5c55-9d3c-0a8f2f6f7c11";
    let (code, text) = salon.told(&["dead", "retry", unknown]);
    assert_eq!((code, text), (1, format!("{unknown}  not found\n")));
    assert_eq!(salon.told(&["dead", "show", unknown]).0, 1);
    assert_eq!(
        salon.told(&["trace", "webchat:site:nobody", "--json"]),
        (0, "[]\n".to_owned())
    );
    let (code, text) = salon.told(&["check", "--connect", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(code, 2, "no staff chat: {text}");
    let parts = report["probes"].as_array().unwrap();
    for part in ["queue", "sessions", "store"] {
        let part = parts.iter().find(|one| one["what"] == part).unwrap();
        assert_eq!(part["ok"], true, "{text}");
    }
    running.signal();
    assert_eq!(running.end().0, Some(0));
}

#[test]
fn a_second_program_on_the_same_data_is_refused() {
    let salon = Salon::with(SITE);
    let running = Running::start(&salon);

    let output = salon
        .zapis(&["run"])
        .env("ZAPIS__SERVER__LISTEN", "127.0.0.1:0")
        .output();

    let (code, text) = told(&output.unwrap());
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("in use by"), "{text}");
    running.signal();
    assert_eq!(running.end().0, Some(0));
}

#[test]
fn the_knowledge_can_be_searched_and_extended() {
    let salon = Salon::with(SITE);

    let (code, text) = salon.told(&[
        "knowledge",
        "search",
        "--json",
        "можно",
        "оплатить",
        "картой",
    ]);
    assert_eq!(code, 0, "{text}");
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(found[0]["score"].as_f64().unwrap() > 0.0, "{text}");

    let file = salon.folder.path().join("no-knowledge.pdf");
    std::fs::write(&file, "x").unwrap();
    let (code, text) = salon.told(&["knowledge", "import", "no-knowledge.pdf"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("it is not what its name says"), "{text}");
}

#[test]
fn knowledge_is_imported_version_by_version() {
    let salon = Salon::with(SITE);
    let write = |name: &str, text: &str| {
        std::fs::write(salon.folder.path().join(name), text).unwrap();
    };
    let json = |arguments: &[&str]| -> (i32, serde_json::Value) {
        let output = salon.zapis(arguments).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"));
        (output.status.code().unwrap(), value)
    };
    let known = |id: &str| {
        let (_, all) = json(&["knowledge", "list", "--json"]);
        let mut all = all.as_array().unwrap().clone().into_iter();
        all.find(|entry| entry["id"] == id)
    };
    write("bar.csv", "id;question;answer\nx-tea;Есть чай?;Да.\n");

    let (code, report) = json(&["knowledge", "import", "--dry-run", "--json", "bar.csv"]);
    assert_eq!((code, &report[0]["version"]), (0, &serde_json::Value::Null));
    assert_eq!(report[0]["changes"][0]["change"], "new");
    assert!(known("x-tea").is_none(), "only told");
    let signed = ["--verified-by", "Марина", "--valid-until", "2099-01-31"];
    let import = ["knowledge", "import", "--json", "bar.csv"];
    let (code, report) = json(&[&import[..], &signed[..]].concat());
    assert_eq!((code, &report[0]["version"]), (0, &1.into()));
    let entry = known("x-tea").unwrap();
    for (key, value) in [
        ("from", "bar.csv"),
        ("file", "bar.csv"),
        ("verified_by", "Марина"),
        ("valid_until", "2099-01-31"),
    ] {
        assert_eq!(entry[key], value, "{entry}");
    }
    assert_eq!((&entry["version"], &entry["line"]), (&1.into(), &2.into()));
    let (_, found) = json(&["knowledge", "search", "--json", "есть чай?"]);
    assert_eq!(found[0]["id"], "x-tea");
    assert_eq!(found[0]["version"], 1);
    assert_eq!(found[0]["source"]["file"], "bar.csv");

    // A second one that cannot be read keeps the first one out too.
    write("good.md", "## Есть сок? {#x-juice}\n\nДа.\n");
    write("bad.csv", "id;question;answer\npayment;Картой?;Да.\n");
    let (code, report) = json(&["knowledge", "import", "--json", "good.md", "bad.csv"]);
    assert_eq!(code, 2);
    let problem = report[1]["problems"][0]["message"].as_str().unwrap();
    assert!(problem.contains("oplata.md"), "{problem}");
    let (code, _) = json(&["knowledge", "import", "--dry-run", "--json", "bad.csv"]);
    assert_eq!(code, 2);
    assert!(known("x-juice").is_none());

    assert_eq!(
        json(&["knowledge", "remove", "--json", "bar.csv"]).1["version"],
        2
    );
    assert!(known("x-tea").is_none());
    assert_eq!(salon.told(&["knowledge", "remove", "bar.csv"]).0, 1);
    assert_eq!(
        json(&["knowledge", "rollback", "--json", "1"]).1["version"],
        3
    );
    assert!(known("x-tea").is_some());
    assert_eq!(salon.told(&["knowledge", "rollback", "9"]).0, 2);
    let (_, versions) = json(&["knowledge", "versions", "--json"]);
    let what: Vec<&str> = versions
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["what"].as_str().unwrap())
        .collect();
    assert_eq!(what, ["rollback to 1", "remove bar.csv", "import bar.csv"]);
}

#[test]
fn a_bench_leaves_nothing_behind() {
    let salon = Salon::with(SITE);
    for what in ["ingress", "path", "sessions"] {
        let small = ["--messages", "200", "--conversations", "20"];
        let (code, text) = salon.told(&[&["bench", what, "--json"], &small[..]].concat());
        assert_eq!(code, 0, "{text}");
        let measured: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(measured[0]["ratio"].as_f64().unwrap() > 0.0, "{text}");
    }
    let left = std::fs::read_dir(salon.folder.path().join("data")).unwrap();
    assert_eq!(left.count(), 0);
}

#[test]
fn a_program_whose_log_nobody_reads_any_more_still_stops() {
    let salon = Salon::with(SITE);
    let mut running = Running::start(&salon);
    // From now on every line of the log fails to be written.
    let (unread, _) = std::io::pipe().unwrap();
    drop(std::mem::replace(
        &mut running.log,
        BufReader::new(Box::new(unread)),
    ));

    running.signal();

    assert_eq!(running.child.wait().unwrap().code(), Some(0));
}
