//! The files that an owner or an operator writes: each is loaded, or every problem has words and a
//! place in the file, and the same file always gives the same.

use std::path::{Path, PathBuf};

use rand::Rng;
use tempfile::TempDir;
use zapis::config::{Environment, Missing, load};
use zapis_core::config::Problem;
use zapis_workers::business::Business;
use zapis_workers::content::Files;
use zapis_workers::knowledge::Knowledge;
use zapis_workers::texts::Texts;
use zapis_workers::understand::Understander;
use zapis_workers::words::Synonyms;

use super::fuzz;
use super::mutate::{odd_text, spoilt_text};

/// A secret that no problem may quote.
const CANARY: &str = "110201543:AAHcanaryTokenOfTheFuzzer0000000000";

/// A configuration with everything in it.
const EVERYTHING: &str = r#"
[server]
listen = "127.0.0.1:8080"
public_url = "https://zapis.example"

[engines]
broker = "embedded"
sessions = "embedded"
store = "sqlite:data/zapis.db"
data_dir = "data"
partitions = 16
queue_type = "classic"

[[channels.telegram]]
account = "main"
token = "110201543:AAHcanaryTokenOfTheFuzzer0000000000"
mode = "polling"
staff_chat = -1001234567890

[[channels.whatsapp]]
account = "main"
phone_number_id = "1055"
access_token = "env:TOKEN"
app_secret = "s"
verify_token = "v"
[channels.whatsapp.templates]
reminder = { name = "visit_reminder", language = "ru" }

[[channels.webchat]]
account = "site"
allowed_origins = ["https://salon.example", "http://127.0.0.1:3000"]

[dialogue]
coalesce_ms = 1200
coalesce_max_ms = 5000

[observability]
format = "json"
"#;

/// The shipped content, to be spoilt in a folder of its own.
struct Shop {
    folder: TempDir,
    texts: Vec<String>,
}

impl Shop {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let from = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/config"));
        let mut texts = Vec::new();
        for file in files(from) {
            let to = folder.path().join(file.strip_prefix(from).unwrap());
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::copy(&file, &to).unwrap();
            texts.push(std::fs::read_to_string(&file).unwrap());
        }
        Self { folder, texts }
    }

    fn files(&self) -> Files {
        Files::of_folder(&self.path(""))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Spoils one of these files after the other; `load` says what it makes of the folder.
    fn spoil(
        &self,
        target: &str,
        rounds: u64,
        names: &[&str],
        load: impl Fn(&Self) -> Vec<Problem>,
    ) {
        fuzz(target, rounds, |round| {
            let path = self.path(names[round.chance.random_range(0..names.len())]);
            let good = std::fs::read_to_string(&path).unwrap();
            round.input = spoilt_text(&mut round.chance, &good, &self.texts);
            std::fs::write(&path, &round.input).unwrap();
            let problems = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| load(self)));
            std::fs::write(&path, &good).unwrap();
            let problems = problems.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            have_words_and_places(&problems, &round.input);
        });
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect();
    found.sort();
    found
}

fn have_words_and_places(problems: &[Problem], input: &[u8]) {
    let lines = input.split(|byte| *byte == b'\n').count();
    for problem in problems {
        assert!(!problem.message.is_empty(), "{problem:?}");
        assert!(
            problem.line <= lines,
            "line {} of {lines}: {problem}",
            problem.line
        );
    }
    // A file of texts that is nearly empty lacks every phrase.
    assert!(
        problems.len() <= lines * 20 + 200,
        "{} problems",
        problems.len()
    );
}

#[test]
fn configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zapis.toml");
    let shipped = zapis::config::DOCUMENTED.to_owned();
    let corpus = [EVERYTHING.to_owned(), shipped];
    fuzz("files::configuration", 400, |round| {
        let text = &corpus[round.chance.random_range(0..corpus.len())];
        round.input = spoilt_text(&mut round.chance, text, &corpus);
        std::fs::write(&path, &round.input).unwrap();
        let names = [
            "ZAPIS__ENGINES__BROKER",
            "ZAPIS__ENGINES__PARTITIONS",
            "ZAPIS__CHANNELS__TELEGRAM__MAIN__TOKEN",
            "ZAPIS__CHANNELS__TELEGRAM__0__STAFF_CHAT",
            "ZAPIS__CHANNELS__WEBCHAT__7__ALLOWED_ORIGINS",
            "ZAPIS__CHANNELS",
            "ZAPIS__",
            "ZAPIS____",
            "ZAPIS__SERVER__LISTEN__X",
        ];
        let mut name = || names[round.chance.random_range(0..names.len())];
        let names = [name(), name()];
        let values = [odd_text(&mut round.chance), odd_text(&mut round.chance)];
        let environment = Environment::from([
            (names[0], values[0].as_str()),
            (names[1], values[1].as_str()),
            ("TOKEN", CANARY),
        ]);
        let loaded = || load(&path, &environment, Missing::Problem).map(|loaded| loaded.warnings);
        let problems = match (loaded(), loaded()) {
            (Ok(first), Ok(second)) => {
                assert_eq!(first, second);
                first
            }
            (Err(first), Err(second)) => {
                assert_eq!(first, second);
                assert!(
                    first.iter().any(|problem| !problem.warning),
                    "refused without a reason"
                );
                first
            }
            _ => panic!("not the same the second time"),
        };
        have_words_and_places(&problems, &round.input);
        let told = problems.iter().map(ToString::to_string).collect::<String>();
        assert!(!told.contains(CANARY), "{told}");
    });
}

#[test]
fn business() {
    let shop = Shop::new();
    shop.spoil("files::business", 150, &["business.toml"], |shop| {
        Business::load(&shop.files()).err().unwrap_or_default()
    });
}

#[test]
fn texts() {
    let shop = Shop::new();
    shop.spoil(
        "files::texts",
        150,
        &["texts/ru.ftl", "texts/en.ftl"],
        |shop| Texts::load(&shop.files()).err().unwrap_or_default(),
    );
}

#[test]
fn knowledge() {
    let shop = Shop::new();
    let business = Business::load(&shop.files()).unwrap();
    let names = [
        "knowledge/uslugi.md",
        "knowledge/podgotovka.csv",
        "knowledge/faq-en.md",
    ];
    shop.spoil("files::knowledge", 80, &names, |shop| {
        Knowledge::load(&shop.path("knowledge"), &business, Vec::new())
            .err()
            .unwrap_or_default()
    });
}

#[test]
fn intents() {
    let shop = Shop::new();
    shop.spoil("files::intents", 4, &["intents.yaml"], |shop| {
        Understander::load(&shop.path("intents.yaml"))
            .err()
            .unwrap_or_default()
    });
}

#[test]
fn synonyms() {
    let shop = Shop::new();
    shop.spoil("files::synonyms", 150, &["synonyms.txt"], |shop| {
        Synonyms::load(&shop.path("synonyms.txt"))
            .err()
            .unwrap_or_default()
    });
}
