//! One request to a portal, and nothing of its address in what is told about it: the address is the key.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::LOCATION;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use tracing::warn;
use url::{Origin, Url};

use super::outcome::Class;
use super::wire::Envelope;

const CONNECT: Duration = Duration::from_secs(5);
/// A connection that rested longer may be closed just when it is used: a write on it would be in doubt.
const IDLE: Duration = Duration::from_secs(15);
/// More is no answer.
const LONGEST: usize = 16 << 20;

/// Requests without redirects of their own.
pub(super) struct Transport {
    http: Client,
    /// A portal that was renamed, and where it is now: the host alone.
    moved: Mutex<Option<(Origin, Url)>>,
}

impl fmt::Debug for Transport {
    /// The address of a proxy may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}

/// What came back.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) envelope: Option<Envelope>,
    location: Option<String>,
}

impl Transport {
    pub(super) fn new(proxy: &str) -> Result<Self, reqwest::Error> {
        let mut builder = Client::builder()
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            // The documentation warns of odd answers to requests without a name.
            .user_agent(concat!("zapis/", env!("CARGO_PKG_VERSION")));
        if !proxy.is_empty() {
            builder = builder.proxy(reqwest::Proxy::all(proxy)?);
        }
        Ok(Self {
            http: builder.build()?,
            moved: Mutex::default(),
        })
    }

    /// Posts JSON. A portal that was renamed answers with its new host and has done nothing: the request is
    /// posted there once, body and all, and so are all that follow.
    pub(super) async fn post(
        &self,
        url: Url,
        body: &Value,
        within: Duration,
    ) -> Result<Reply, Class> {
        let post = |url: Url| exchange(self.http.post(url).json(body).timeout(within));
        let url = self.current(url);
        let reply = post(url.clone()).await?;
        let Some(location) = &reply.location else {
            return Ok(reply);
        };
        let there = moved_to(&url, location).ok_or(Class::Astray)?;
        let reply = post(there.clone()).await?;
        if reply.envelope.is_some() {
            self.remember(&url, &there);
        }
        Ok(reply)
    }

    /// Posts a form, to the server of tokens.
    pub(super) async fn form(
        &self,
        url: Url,
        fields: &[(&str, &str)],
        within: Duration,
    ) -> Result<Reply, Class> {
        exchange(self.http.post(url).form(fields).timeout(within)).await
    }

    /// Where the portal of this address is now.
    fn current(&self, url: Url) -> Url {
        let moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        match &*moved {
            Some((from, to)) if *from == url.origin() => at_host_of(&url, to),
            _ => url,
        }
    }

    fn remember(&self, from: &Url, to: &Url) {
        warn!(
            host = to.host_str().unwrap_or_default(),
            "The portal has another address now: write it into [crm.bitrix24]"
        );
        let to = to.join("/").ok();
        let moved = to.map(|to| (from.origin(), to));
        *self.moved.lock().unwrap_or_else(PoisonError::into_inner) = moved;
    }
}

/// Where a redirect leads, if to the REST of another host and not in the open. Of the location only the host
/// counts: the rest is the request's own.
fn moved_to(url: &Url, location: &str) -> Option<Url> {
    let location = url.join(location).ok()?;
    let open = url.scheme() == "https" && location.scheme() != "https";
    let rest = location.path().contains("/rest/") && location.origin() != url.origin();
    (rest && !open).then(|| at_host_of(url, &location))
}

/// This address on the other's host.
fn at_host_of(url: &Url, other: &Url) -> Url {
    let mut there = other.clone();
    there.set_path(url.path());
    there.set_query(url.query());
    there
}

async fn exchange(request: RequestBuilder) -> Result<Reply, Class> {
    // The error is not kept: its address is the key, and nothing else in it helps.
    let told = |error: &reqwest::Error| {
        if error.is_connect() || error.is_builder() {
            Class::Unreached
        } else {
            Class::Lost
        }
    };
    let answer = request.send().await.map_err(|error| told(&error))?;
    let status = answer.status();
    let location = answer.headers().get(LOCATION);
    let location = location
        .filter(|_| status.is_redirection())
        .and_then(|location| location.to_str().ok())
        .map(str::to_owned);
    let body = read(answer).await?;
    Ok(Reply {
        status: status.as_u16(),
        envelope: Envelope::read(&body),
        location,
    })
}

async fn read(mut answer: Response) -> Result<Vec<u8>, Class> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|_| Class::Lost)? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST {
            return Err(Class::Lost);
        }
    }
    Ok(body)
}
