//! Trouble on request: what a provider does to a call instead of, or before, answering it.

use std::future::Future;
use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{Html, IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::calls::{Call, Provider};
use crate::server::Cut;
use crate::world::World;

/// Longer than any test or demonstration.
const FOREVER: Duration = Duration::from_hours(24);

/// Trouble, and which calls it befalls.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fault {
    /// Whose API.
    pub provider: Provider,
    /// Only this method.
    #[serde(default)]
    pub method: Option<String>,
    /// Only this chat, phone or user id.
    #[serde(default)]
    pub recipient: Option<String>,
    /// Only so many calls; without it, until cleared.
    #[serde(default)]
    pub times: Option<u32>,
    /// What happens.
    #[serde(flatten)]
    pub kind: FaultKind,
}

impl Fault {
    /// Trouble for every call of a provider.
    pub fn new(provider: Provider, kind: FaultKind) -> Self {
        Self {
            provider,
            method: None,
            recipient: None,
            times: None,
            kind,
        }
    }

    /// Only for this method.
    #[must_use]
    pub fn on(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Only for this recipient.
    #[must_use]
    pub fn to(mut self, recipient: &str) -> Self {
        self.recipient = Some(recipient.to_owned());
        self
    }

    /// Only for the next so many calls.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    fn befalls(&self, call: &Call) -> bool {
        self.provider == call.provider
            && self.times != Some(0)
            && self
                .method
                .as_ref()
                .is_none_or(|method| method.eq_ignore_ascii_case(&call.method))
            && (self.recipient.is_none() || self.recipient == call.recipient)
    }
}

/// What can happen to a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum FaultKind {
    /// 429 in the provider's own shape.
    TooManyRequests {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// A server error, as JSON of the provider or as the page of a proxy.
    Status {
        /// For example 502.
        status: u16,
        /// Whether the body is HTML.
        #[serde(default)]
        html: bool,
    },
    /// The provider's own refusal with a word for a code, as of Bitrix24: `expired_token`.
    Error {
        /// The HTTP status.
        status: u16,
        /// The word.
        error: String,
        /// The text in the body.
        description: String,
    },
    /// Sends the caller to another address.
    Redirect {
        /// Where.
        location: String,
    },
    /// The provider's own refusal with this code and text.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// The error code in the body.
        code: i64,
        /// The text in the body.
        message: String,
    },
    /// The call takes effect and is never answered.
    TimeOutAfterAccept,
    /// The connection is cut and the call has no effect.
    CutBeforeAccept,
    /// The call takes effect, and a proxy answers with its page of this status.
    StatusAfterAccept {
        /// For example 502.
        status: u16,
    },
    /// The call takes effect; the answer is held back until `release` or the end of all trouble.
    HoldAfterAccept,
    /// The connection is cut after the call took effect.
    CutAfterAccept,
    /// The answer comes late.
    Slow {
        /// Milliseconds.
        ms: u64,
    },
}

impl FaultKind {
    /// Bitrix24: the access token has ended.
    pub fn expired_token() -> Self {
        Self::word(
            401,
            "expired_token",
            "The access token provided has expired.",
        )
    }

    /// Bitrix24: the plan of the portal has no REST any more.
    pub fn plan_expired() -> Self {
        let why = "REST API is available only on commercial plans";
        Self::word(403, "ACCESS_DENIED", why)
    }

    /// Bitrix24: the subscription has ended.
    pub fn payment_required() -> Self {
        Self::word(401, "PAYMENT_REQUIRED", "Subscription has been ended")
    }

    /// Bitrix24: the portal is gone.
    pub fn portal_deleted() -> Self {
        Self::word(410, "PORTAL_DELETED", "Portal was deleted")
    }

    fn word(status: u16, error: &str, description: &str) -> Self {
        Self::Error {
            status,
            error: error.to_owned(),
            description: description.to_owned(),
        }
    }
}

/// An error a provider has to put into its own words.
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: i64,
    /// The code, where it is a word.
    pub(crate) error: Option<String>,
    pub(crate) message: String,
    pub(crate) retry_after: Option<u64>,
}

/// A call that came in, before it is handled.
pub(crate) struct Incoming {
    pub(crate) provider: Provider,
    pub(crate) account: String,
    pub(crate) method: String,
    pub(crate) recipient: Option<String>,
    pub(crate) body: Value,
}

impl World {
    /// Writes a call down, lets a fault befall it, and runs it.
    pub(crate) async fn handle(
        &self,
        incoming: Incoming,
        words: fn(&Refusal) -> Response,
        run: impl Future<Output = Response> + Send,
    ) -> Response {
        let (number, fault) = self.begin(incoming);
        let refused = |refusal: Refusal| (words(&refusal), false);
        let (response, accepted) = match fault {
            None => ran(run.await),
            Some(FaultKind::Slow { ms }) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                ran(run.await)
            }
            Some(FaultKind::TooManyRequests { retry_after }) => refused(Refusal {
                status: 429,
                code: 429,
                error: None,
                message: format!("Too Many Requests: retry after {retry_after}"),
                retry_after: Some(retry_after),
            }),
            Some(FaultKind::Status { status, html: true }) => (proxy_page(status), false),
            Some(FaultKind::Status {
                status,
                html: false,
            }) => refused(Refusal {
                status,
                code: i64::from(status),
                error: None,
                message: "Internal Server Error".to_owned(),
                retry_after: None,
            }),
            Some(FaultKind::Refuse {
                status,
                code,
                message,
            }) => refused(Refusal {
                status,
                code,
                error: None,
                message,
                retry_after: None,
            }),
            Some(FaultKind::Error {
                status,
                error,
                description,
            }) => refused(Refusal {
                status,
                code: 0,
                error: Some(error),
                message: description,
                retry_after: None,
            }),
            Some(FaultKind::Redirect { location }) => (moved(&location), false),
            Some(FaultKind::StatusAfterAccept { status }) => (proxy_page(status), ran(run.await).1),
            Some(FaultKind::HoldAfterAccept) => self.hold(number, ran(run.await)).await,
            Some(FaultKind::CutBeforeAccept) => (Cut.into_response(), false),
            Some(FaultKind::CutAfterAccept) => (Cut.into_response(), ran(run.await).1),
            Some(FaultKind::TimeOutAfterAccept) => {
                let accepted = ran(run.await).1;
                self.end(number, None, accepted);
                self.stop.cancelled().await;
                (Cut.into_response(), accepted)
            }
        };
        let status = Cut::is_not(&response).then(|| response.status().as_u16());
        self.end(number, status, accepted);
        response
    }

    /// Keeps an answer back until somebody lets it go.
    async fn hold(&self, number: u64, (response, accepted): (Response, bool)) -> (Response, bool) {
        let before = self.state().releases;
        self.end(number, None, accepted);
        let released = || (self.state().releases > before).then_some(());
        match self.until(FOREVER, released).await {
            Some(()) => (response, accepted),
            None => (Cut.into_response(), accepted),
        }
    }

    fn begin(&self, incoming: Incoming) -> (u64, Option<FaultKind>) {
        let mut call = Call {
            number: 0,
            at_ms: self.now_ms(),
            provider: incoming.provider,
            account: incoming.account,
            method: incoming.method,
            recipient: incoming.recipient,
            body: incoming.body,
            status: None,
            accepted: false,
            fault: None,
        };
        let mut state = self.state();
        let kind = state
            .faults
            .iter_mut()
            .find(|fault| fault.befalls(&call))
            .map(|fault| {
                fault.times = fault.times.map(|times| times - 1);
                fault.kind.clone()
            });
        state.faults.retain(|fault| fault.times != Some(0));
        call.fault = kind.as_ref().map(|kind| format!("{kind:?}"));
        (state.calls.begin(call), kind)
    }

    fn end(&self, number: u64, status: Option<u16>, accepted: bool) {
        self.state().calls.end(number, status, accepted);
        self.changed();
    }
}

/// Marks an answer that says no with a status that says yes.
#[derive(Clone, Copy)]
pub(crate) struct Refused;

fn ran(response: Response) -> (Response, bool) {
    let refused = response.extensions().get::<Refused>().is_some();
    let accepted = response.status().is_success() && !refused;
    (response, accepted)
}

/// Whoever follows blindly asks with another method, and without a body.
fn moved(location: &str) -> Response {
    (StatusCode::FOUND, [(LOCATION, location.to_owned())]).into_response()
}

/// What a proxy in front of a provider that is down shows.
fn proxy_page(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let page = format!(
        "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n</body>\r\n</html>\r\n"
    );
    (status, Html(page)).into_response()
}
