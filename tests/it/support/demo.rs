//! A running `zapis demo`, used as its page uses it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::firm::{PATIENCE, copy};

/// The demo of the shipped firm, on a week without holidays. It ends with this.
pub(crate) struct Demo {
    pub(crate) url: String,
    client: reqwest::Client,
    child: Child,
    folder: TempDir,
    _output: BufReader<ChildStdout>,
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Demo {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(more: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let config = folder.path().join("config");
        copy(
            Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/config")),
            &config,
        );
        let file = config.join("business.toml");
        let business = fs::read_to_string(&file).unwrap();
        let (before, holidays) = business.split_once("[[locations.special_days]]").unwrap();
        let (_, after) = holidays.split_once("[[resources]]").unwrap();
        fs::write(&file, format!("{before}[[resources]]{after}")).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_zapis"))
            .args(["demo", "--listen", "127.0.0.1:0", "--config"])
            .arg(config.join("zapis.toml"))
            .args(more)
            .env("TMPDIR", folder.path())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (output, url) = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            (output, line.trim().to_owned())
        })
        .await
        .unwrap();
        Self {
            url,
            // The clock may take its time.
            client: zapis_channels::http::client("", PATIENCE * 3).unwrap(),
            child,
            folder,
            _output: output,
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/sandbox{path}", self.url);
        let answer = self.client.post(url).json(&body).send().await.unwrap();
        let status = answer.status();
        let answer: Value = answer.json().await.unwrap();
        assert!(status.is_success(), "{body}: {answer}\n{}", self.log());
        answer
    }

    async fn get(&self, path: &str) -> Value {
        let url = format!("{}/sandbox{path}", self.url);
        let answer = self.client.get(url).send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// Moves the clock.
    pub(crate) async fn goes_to(&self, goal: Value) {
        self.post("/clock", goal).await;
    }

    /// A customer writes in Telegram.
    pub(crate) async fn writes(&self, chat: i64, text: &str) {
        self.post(
            "/telegram",
            json!({"do": "writes", "chat": chat, "text": text, "name": "Анна"}),
        )
        .await;
    }

    /// Somebody presses a button in Telegram.
    pub(crate) async fn presses(&self, chat: i64, title: &str) {
        self.post(
            "/telegram",
            json!({"do": "presses", "chat": chat, "button": title}),
        )
        .await;
    }

    /// What the bot has said in a chat, oldest first: when (in Moscow), and what.
    pub(crate) async fn said(&self, chat: i64) -> Vec<(String, String)> {
        let lines = self.get(&format!("/telegram/{chat}")).await;
        let lines = lines.as_array().unwrap().iter();
        let said = lines.filter(|line| line["from"] == "bot").map(|line| {
            let at = chrono::DateTime::from_timestamp(line["at"].as_i64().unwrap(), 0).unwrap();
            let at = at.with_timezone(&chrono_tz::Europe::Moscow);
            let text = line["text"].as_str().unwrap().to_owned();
            (at.format("%F %H:%M").to_string(), text)
        });
        said.collect()
    }

    /// Waits for words of the bot in a chat; everything it has said there by then.
    pub(crate) async fn hears(&self, chat: i64, part: &str) -> Vec<(String, String)> {
        for _ in 0..1_200 {
            let said = self.said(chat).await;
            if said.iter().any(|(_, text)| text.contains(part)) {
                return said;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let said = self.said(chat).await;
        panic!("never {part:?} but {said:#?}\n{}", self.log());
    }
}
