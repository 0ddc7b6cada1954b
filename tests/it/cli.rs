//! The command line and the configuration, through the real binary.

use std::io::{BufRead, BufReader};
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
        &["knowledge", "search", "--help"],
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
