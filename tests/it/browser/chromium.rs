//! A headless Chromium of its own for each test, driven over `WebDriver`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::firm::PATIENCE;
use crate::support::servers::free_port;

/// Finds the widget for every script.
const ROOT: &str = "const root = document.querySelector('zapis-chat')?.shadowRoot;";

/// What it runs on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Screen {
    Desktop,
    Phone,
}

/// A browser with one tab. Both processes end with it.
pub(super) struct Browser {
    client: Client,
    driver: Child,
    port: u16,
    session: String,
    _profile: TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Only the end of its session makes the driver end the browser.
        self.end_session().ok();
        self.driver.kill().ok();
        self.driver.wait().ok();
    }
}

impl Browser {
    pub(super) async fn start(screen: Screen) -> Self {
        let port = free_port();
        let profile = TempDir::new().unwrap();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver of the package chromium-driver");
        let mut options = json!({"args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1440,900",
            format!("--user-data-dir={}", profile.path().display()),
        ]});
        if matches!(screen, Screen::Phone) {
            let metrics = json!({"width": 390, "height": 844, "pixelRatio": 2.0, "touch": true});
            options["mobileEmulation"] = json!({"deviceMetrics": metrics});
        }
        let mut capabilities = serde_json::Map::new();
        capabilities.insert("goog:chromeOptions".into(), options);
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities);
        let address = format!("http://127.0.0.1:{port}");
        let deadline = Instant::now() + PATIENCE;
        let client = loop {
            match builder.connect(&address).await {
                Ok(client) => break client,
                Err(error) if Instant::now() > deadline => panic!("no browser: {error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        };
        let session = client.session_id().await.unwrap().unwrap();
        Self {
            client,
            driver,
            port,
            session,
            _profile: profile,
        }
    }

    /// By hand, because a drop cannot wait for an async client.
    fn end_session(&self) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(
            stream,
            "DELETE /session/{} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n",
            self.session
        )?;
        // The answer comes once the browser is gone.
        stream.read(&mut [0; 64]).map(drop)
    }

    pub(super) async fn goto(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    pub(super) async fn reload(&self) {
        self.client.refresh().await.unwrap();
        self.until("return Boolean(root?.querySelector('.launcher'))")
            .await;
    }

    /// Runs a script in the page, where `root` is the inside of the widget.
    pub(super) async fn run(&self, script: &str) -> Value {
        self.client
            .execute(&format!("{ROOT}{script}"), Vec::new())
            .await
            .unwrap()
    }

    /// Waits until a script returns `true`.
    pub(super) async fn until(&self, script: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.run(script).await != true {
            if Instant::now() > deadline {
                let page = self
                    .run("return root?.querySelector('.root').innerText")
                    .await;
                panic!("never: {script}\n{page}");
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Clicks where a person would click.
    pub(super) async fn click(&self, selector: &str) {
        let host = self.client.find(Locator::Css("zapis-chat")).await.unwrap();
        let element: Element = host
            .shadow_root()
            .await
            .unwrap()
            .find(Locator::Css(selector))
            .await
            .unwrap();
        element.click().await.unwrap();
    }

    /// Presses keys, whatever has the focus. Shift is held from `\u{e008}` to `\u{e000}`.
    pub(super) async fn types(&self, keys: &str) {
        let shift = char::from(Key::Shift);
        let mut actions = KeyActions::new("keyboard".into());
        for key in keys.chars() {
            actions = match key {
                key if key == shift => actions.then(KeyAction::Down { value: shift }),
                '\u{e000}' => actions.then(KeyAction::Up { value: shift }),
                value => actions
                    .then(KeyAction::Down { value })
                    .then(KeyAction::Up { value }),
            };
        }
        self.client.perform_actions(actions).await.unwrap();
    }

    /// What axe-core finds wrong with the page as it is now.
    pub(super) async fn axe(&self) -> Value {
        #[expect(
            clippy::disallowed_methods,
            reason = "the test's own setting, given by tests/run"
        )]
        let path =
            std::env::var("ZAPIS_AXE").expect("ZAPIS_AXE: the path of axe.min.js, see tests/run");
        let axe = std::fs::read_to_string(path).unwrap();
        self.client.execute(&axe, Vec::new()).await.unwrap();
        self.client
            .execute_async(
                "const done = arguments[0];
                 axe.run(document).then(result => done(result.violations.map(violation =>
                   [violation.id, violation.help, violation.nodes.map(node => [node.target, node.failureSummary])])));",
                Vec::new(),
            )
            .await
            .unwrap()
    }
}
