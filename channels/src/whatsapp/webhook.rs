//! The webhook: handshake, checks in their order, and every item of a batch handed over.

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use tracing::{debug, info, warn};
use zapis_core::causes;
use zapis_core::intake::{Arrival, IntakeError};
use zapis_core::message::{ConversationId, Inbound, What};
use zapis_core::store::StoreError;
use zapis_core::trace::TraceParent;

use super::body::SHORT;
use super::config::WhatsAppConfig;
use super::envelope::{Item, Kind, Piece, take_apart};
use super::items::{Deed, Reader, Reading, our_id};
use super::signature::{is_genuine, is_same};
use super::{NAME, WhatsApp, newest_id};

/// The largest body. Meta's are up to 3 MB.
const LARGEST: usize = 4 * 1024 * 1024;

/// Where `dead` keeps what never became a message.
const DEAD: &str = "webhook.whatsapp";

pub(super) fn routes(whatsapp: WhatsApp) -> Router {
    Router::new()
        .route("/webhooks/whatsapp/{account}", get(handshake).post(receive))
        .with_state(whatsapp)
}

/// Why a webhook was not taken.
#[derive(Debug, thiserror::Error)]
enum ReceiveError {
    #[error("there is no such account")]
    UnknownAccount,
    #[error("the body is too large")]
    TooLarge,
    #[error("the body did not arrive")]
    Broken,
    #[error("the signature is missing or wrong")]
    NotGenuine,
    #[error("the verify token is missing or wrong")]
    WrongToken,
    #[error("the engines do not take it now")]
    Unavailable(#[from] IntakeError),
}

impl From<StoreError> for ReceiveError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl IntoResponse for ReceiveError {
    /// Meta repeats for a week what was not answered with 200.
    fn into_response(self) -> Response {
        let (status, reason) = match &self {
            Self::UnknownAccount => (StatusCode::NOT_FOUND, "account"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "size"),
            Self::Broken => (StatusCode::BAD_REQUEST, "broken"),
            Self::NotGenuine => (StatusCode::UNAUTHORIZED, "signature"),
            Self::WrongToken => (StatusCode::FORBIDDEN, "token"),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        };
        warn!(error = %causes(&self), %status, "Did not take a webhook of WhatsApp");
        metrics::counter!("zapis_webhook_rejected_total", "channel" => NAME, "reason" => reason)
            .increment(1);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return (status, [(header::RETRY_AFTER, "5")]).into_response();
        }
        status.into_response()
    }
}

/// Meta checks that the address is ours: it wants its challenge back.
async fn handshake(
    State(whatsapp): State<WhatsApp>,
    Path(account): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ReceiveError> {
    let account = whatsapp
        .account(&account)
        .ok_or(ReceiveError::UnknownAccount)?;
    let query = query.unwrap_or_default();
    let value = |name: &str| {
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    let token = value("hub.verify_token").unwrap_or_default();
    let knows_token = is_same(account.config.verify_token.expose(), token.as_bytes());
    let challenge = value("hub.challenge").filter(|challenge| !challenge.is_empty());
    match (knows_token, value("hub.mode").as_deref(), challenge) {
        (true, Some("subscribe"), Some(challenge)) => {
            info!(
                account = account.config.account,
                "Meta checked the webhook's address"
            );
            // Whoever knows the token chooses this text: a browser must not take it for a page.
            let headers = [
                (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ];
            Ok((headers, challenge).into_response())
        }
        _ => Err(ReceiveError::WrongToken),
    }
}

/// Takes a batch. The order of the checks is fixed: account, size, signature, and only then what
/// it says.
async fn receive(
    State(whatsapp): State<WhatsApp>,
    Path(account): Path<String>,
    request: Request,
) -> Result<StatusCode, ReceiveError> {
    let config = &whatsapp
        .account(&account)
        .ok_or(ReceiveError::UnknownAccount)?
        .config;
    let (head, body) = request.into_parts();
    if announced(&head.headers).is_some_and(|length| length > LARGEST) {
        return Err(ReceiveError::TooLarge);
    }
    // One byte more tells a body that is too large from one that broke off.
    let body = to_bytes(body, LARGEST).await.map_err(|error| {
        let mut source = std::error::Error::source(&error);
        while let Some(inner) = source {
            if inner.to_string().contains("length limit") {
                return ReceiveError::TooLarge;
            }
            source = inner.source();
        }
        ReceiveError::Broken
    })?;
    if !is_genuine(config, &head.headers, &body) {
        return Err(ReceiveError::NotGenuine);
    }
    let arrivals = whatsapp.arrivals(config, &body).await?;
    whatsapp.intake().accept(arrivals).await?;
    Ok(StatusCode::OK)
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

impl WhatsApp {
    /// Everything that a genuine body holds, item by item.
    pub(super) async fn arrivals(
        &self,
        path: &WhatsAppConfig,
        body: &Bytes,
    ) -> Result<Vec<Arrival>, StoreError> {
        let now = self.intake().clock().now();
        // Bytes that are no UTF-8 spoil a few characters and not the batch.
        let text = String::from_utf8_lossy(body);
        let mut arrivals = Vec::new();
        for piece in take_apart(&text) {
            match piece {
                Piece::Unusable { raw, reason } => arrivals.push(dead(raw, reason)),
                Piece::Account { field, event } => account_event(path, field, &event),
                Piece::Item(item) => self.take(path, &item, now, &mut arrivals).await?,
            }
        }
        Ok(arrivals)
    }

    async fn take(
        &self,
        path: &WhatsAppConfig,
        item: &Item<'_>,
        now: DateTime<Utc>,
        arrivals: &mut Vec<Arrival>,
    ) -> Result<(), StoreError> {
        let raw = item.raw.get();
        let Some(config) = self.owner(path, item) else {
            arrivals.push(dead(
                raw,
                "no account of this app has the phone_number_id of the item",
            ));
            return Ok(());
        };
        let reader = Reader {
            account: &config.account,
            takeover: self.0.takeover,
            now,
        };
        match reader.read(item) {
            Err(unusable) => arrivals.push(dead(raw, unusable.0)),
            Ok(Reading::Nothing(kind)) => {
                metrics::counter!("zapis_whatsapp_ignored_total", "kind" => kind).increment(1);
            }
            Ok(Reading::Trouble(error)) => account_event(config, "error", &error.code),
            Ok(Reading::Deed(deed)) => arrivals.extend(self.deed(config, *deed, item, now).await?),
            Ok(Reading::Report(report, deed)) => {
                arrivals.push(Arrival::Delivery(report));
                if let Some(deed) = deed {
                    arrivals.extend(self.deed(config, *deed, item, now).await?);
                }
            }
        }
        Ok(())
    }

    /// The account of an item: one of the same app, by our number's id.
    fn owner<'a>(
        &'a self,
        path: &'a WhatsAppConfig,
        item: &Item<'_>,
    ) -> Option<&'a WhatsAppConfig> {
        match &item.number {
            // The operator left it to the path; or news of the app, which need no number.
            _ if path.phone_number_id.is_empty() => Some(path),
            None => (item.kind == Kind::Error).then_some(path),
            Some(number) => self
                .configs()
                .find(|config| config.same_app(path) && config.phone_number_id == *number),
        }
    }

    async fn deed(
        &self,
        config: &WhatsAppConfig,
        deed: Deed,
        item: &Item<'_>,
        now: DateTime<Utc>,
    ) -> Result<Option<Arrival>, StoreError> {
        let raw = item.raw;
        let conversation = self
            .intake()
            .conversation(NAME, &config.account, &deed.ids)
            .await?;
        let Some(conversation) = conversation else {
            return Ok(Some(dead(raw.get(), "nobody can be told from the item")));
        };
        if item.kind == Kind::Echo && self.is_ours(&conversation, &deed.id, raw).await? {
            metrics::counter!("zapis_whatsapp_ignored_total", "kind" => "echo").increment(1);
            return Ok(None);
        }
        if let Some(id) = &deed.new_id {
            let name = newest_id(&conversation);
            self.intake().store().set_value(&name, id).await?;
        }
        let what = self.whole_payload(&conversation, deed.what).await?;
        let inbound = Box::new(Inbound {
            id: deed.id,
            conversation,
            at: deed.at,
            received_at: now,
            profile: deed.profile,
            what,
            raw: Some(raw.to_owned()),
            trace: TraceParent::start(),
        });
        let ownership = deed.ownership;
        Ok(Some(Arrival::Inbound { inbound, ownership }))
    }

    /// Whether an echo is of a message that we sent ourselves: then nobody took over.
    async fn is_ours(
        &self,
        conversation: &ConversationId,
        provider_id: &str,
        raw: &RawValue,
    ) -> Result<bool, StoreError> {
        let store = self.intake().store();
        if let Some(id) = serde_json::from_str(raw.get())
            .ok()
            .as_ref()
            .and_then(our_id)
            && store.ledger(id).await?.is_some()
        {
            return Ok(true);
        }
        let ledger = store.ledger_of(conversation).await?;
        Ok(ledger
            .iter()
            .any(|entry| entry.provider_id.as_deref() == Some(provider_id)))
    }

    /// What a button with a short id really carries.
    async fn whole_payload(
        &self,
        conversation: &ConversationId,
        what: What,
    ) -> Result<What, StoreError> {
        match what {
            What::Press { payload, title } if payload.starts_with(SHORT) => {
                let whole = self.intake().store().button(conversation, &payload).await?;
                let payload = whole.unwrap_or(payload);
                Ok(What::Press { payload, title })
            }
            other => Ok(other),
        }
    }
}

fn dead(raw: &str, reason: &str) -> Arrival {
    debug!(reason, "Kept an item of a webhook of WhatsApp aside");
    Arrival::Dead {
        topic: DEAD.to_owned(),
        body: Bytes::copy_from_slice(raw.as_bytes()),
        reason: reason.to_owned(),
    }
}

/// Tells the operator what concerns the business account.
fn account_event(config: &WhatsAppConfig, field: &'static str, event: &str) {
    warn!(
        account = config.account,
        field, event, "News of the WhatsApp account"
    );
    metrics::counter!(
        "zapis_whatsapp_account_events_total",
        "account" => config.account.clone(),
        "field" => field,
    )
    .increment(1);
}
