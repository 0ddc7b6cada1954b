//! People of a firm at its console, without a browser.

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Response, StatusCode};
use sha1::Sha1;
use zapis_core::Clock;
use zapis_core::store::Role;

use super::firm::{Firm, client};

/// What everybody of the tests chooses.
pub(crate) const PASSWORD: &str = "шиповник и мята";

/// Somebody of the firm who is logged in.
pub(crate) struct Person {
    url: String,
    cookie: String,
    client: reqwest::Client,
}

impl Person {
    /// Lets somebody in by the command, and chooses a password.
    pub(crate) async fn joins(firm: &Firm, login: &str, name: &str, role: Role) -> Self {
        let role = role.to_string();
        let args = ["staff", "add", login, "--name", name, "--role", &role];
        let output = firm.command(&args);
        assert!(output.status.success(), "{output:?}");
        let link = String::from_utf8(output.stdout).unwrap();
        let typed = [("password", PASSWORD), ("again", PASSWORD)];
        let answer = post(&firm.url, link.trim(), &typed).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        Self::of(firm, &answer)
    }

    /// Whose session an answer begins.
    pub(crate) fn of(firm: &Firm, answer: &Response) -> Self {
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        assert!(
            cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
            "{cookie}"
        );
        Self {
            url: firm.url.clone(),
            cookie: cookie.split(';').next().unwrap().to_owned(),
            client: client(),
        }
    }

    /// The same person at another gateway.
    pub(crate) fn at(&self, url: &str) -> Self {
        Self {
            url: url.to_owned(),
            cookie: self.cookie.clone(),
            client: client(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.get_with(path, "accept", "*/*").await
    }

    /// The same with a header.
    pub(crate) async fn get_with(&self, path: &str, name: &str, value: &str) -> Response {
        let request = self.client.get(format!("{}{path}", self.url));
        let request = request.header("cookie", &self.cookie).header(name, value);
        request.send().await.unwrap()
    }

    /// What a page says.
    pub(crate) async fn reads(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.unwrap()
    }

    pub(crate) async fn does(&self, path: &str, typed: &[(&str, &str)]) -> Response {
        let request = self.client.post(format!("{}{path}", self.url));
        let request = request
            .header("cookie", &self.cookie)
            .header("origin", &self.url);
        request.form(typed).send().await.unwrap()
    }

    /// Sends a document; what the page says of it.
    pub(crate) async fn uploads(&self, name: &str, bytes: &[u8], act: &str) -> String {
        let part =
            |head: &str| format!("--boundary\r\ncontent-disposition: form-data; {head}\r\n\r\n");
        let document = part(&format!("name=\"document\"; filename=\"{name}\""));
        let act = format!("\r\n{}{act}\r\n--boundary--\r\n", part("name=\"do\""));
        let body = [document.as_bytes(), bytes, act.as_bytes()].concat();
        let request = self
            .client
            .post(format!("{}/console/knowledge/import", self.url));
        let request = request
            .header("cookie", &self.cookie)
            .header("origin", &self.url)
            .header("content-type", "multipart/form-data; boundary=boundary");
        let answer = request.body(body).send().await.unwrap();
        answer.text().await.unwrap()
    }

    /// What our script gets where it asks for something to be done.
    pub(crate) async fn scripted(&self, path: &str) -> String {
        let request = self.client.post(format!("{}{path}", self.url));
        let request = request
            .header("cookie", &self.cookie)
            .header("origin", &self.url)
            .header("accept", "application/json");
        request.send().await.unwrap().text().await.unwrap()
    }

    /// Does it, and it is done.
    pub(crate) async fn has_done(&self, path: &str, typed: &[(&str, &str)]) {
        let answer = self.does(path, typed).await;
        let status = answer.status();
        assert_eq!(
            status,
            StatusCode::SEE_OTHER,
            "{path}: {}",
            answer.text().await.unwrap()
        );
    }

    /// Waits until a page says something.
    pub(crate) async fn until(&self, path: &str, fine: impl Fn(&str) -> bool) -> String {
        let give_up = tokio::time::Instant::now() + super::firm::PATIENCE;
        loop {
            let page = self.reads(path).await;
            if fine(&page) {
                return page;
            }
            assert!(tokio::time::Instant::now() < give_up, "never: {page}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}

/// A form from a page of the console, sent by somebody who is not logged in.
pub(crate) async fn post(origin: &str, address: &str, typed: &[(&str, &str)]) -> Response {
    let request = client().post(address).header("origin", origin);
    request.form(typed).send().await.unwrap()
}

/// The chat of a customer of the bot, as it stands in addresses.
pub(crate) fn chat(customer: i64) -> String {
    format!("/console/chats/telegram%3Amain%3A{customer}")
}

/// The step in which an app that shows codes is now.
pub(crate) fn step() -> i64 {
    Clock::system().now().timestamp() / 30
}

/// What the app of somebody with this secret shows in a step.
pub(crate) fn code(secret: &str, step: i64) -> String {
    let key = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let mut mac = Hmac::<Sha1>::new_from_slice(&key).unwrap();
    mac.update(&step.to_be_bytes());
    let mac = mac.finalize().into_bytes();
    let at = usize::from(mac[19] & 0xf);
    let word = u32::from_be_bytes(mac[at..at + 4].try_into().unwrap());
    format!("{:06}", (word & 0x7fff_ffff) % 1_000_000)
}
