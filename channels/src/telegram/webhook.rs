//! The webhook: who is called, how much, by whom; only then what.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::json;
use subtle::ConstantTimeEq;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use zapis_core::causes;
use zapis_core::intake::IntakeError;

use super::account::Account;
use super::poll::ALLOWED;

/// Where Telegram puts the secret.
const SECRET: &str = "x-telegram-bot-api-secret-token";

/// The largest body.
const LARGEST: usize = 4 * 1024 * 1024;

/// When to come again while the queue is away, in seconds.
const COME_AGAIN: &str = "5";

/// The longest pause between attempts to set the webhook.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

type Accounts = Arc<BTreeMap<String, Arc<Account>>>;

/// The route of all bots.
pub(super) fn routes(accounts: Accounts) -> Router {
    Router::new()
        .route("/webhooks/telegram/{account}", post(receive))
        .layer(DefaultBodyLimit::max(LARGEST))
        .with_state(accounts)
}

async fn receive(
    State(accounts): State<Accounts>,
    Path(account): Path<String>,
    request: Request,
) -> Response {
    let Some(account) = accounts.get(&account) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let authentic = is_authentic(account, request.headers());
    let body = match Bytes::from_request(request, &()).await {
        Ok(body) => body,
        Err(rejection) => return rejection.status().into_response(),
    };
    if !authentic {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let accepted = match std::str::from_utf8(&body) {
        Ok(update) => account.accept(&[update]).await,
        Err(_) => account.accept_unreadable(body).await,
    };
    match accepted {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => refused(account, &error),
    }
}

/// Telegram comes again later.
fn refused(account: &Account, error: &IntakeError) -> Response {
    warn!(account = account.config.account, error = %causes(error), "An update was not taken; Telegram will repeat it");
    (
        StatusCode::SERVICE_UNAVAILABLE,
        [(header::RETRY_AFTER, COME_AGAIN)],
    )
        .into_response()
}

/// Compares in constant time. Without a secret of ours nobody is authentic.
fn is_authentic(account: &Account, headers: &HeaderMap) -> bool {
    let ours = account.config.webhook_secret.expose().as_bytes();
    let theirs = headers
        .get(SECRET)
        .map_or(&b""[..], |secret| secret.as_bytes());
    !ours.is_empty() && bool::from(ours.ct_eq(theirs))
}

/// Tells Telegram where to call, until it knows.
pub(super) async fn register(account: Arc<Account>, public_url: String, stop: CancellationToken) {
    let name = &account.config.account;
    let parameters = json!({
        "url": format!("{}/webhooks/telegram/{name}", public_url.trim_end_matches('/')),
        "secret_token": account.config.webhook_secret.expose(),
        "allowed_updates": ALLOWED,
        "drop_pending_updates": false,
    });
    let mut pause = Duration::from_secs(1);
    loop {
        match account.api.tell("setWebhook", &parameters).await {
            Ok(()) => {
                info!(account = name, "Telegram calls the webhook");
                account.tell(None);
                return;
            }
            Err(error) => {
                error!(account = name, error = %causes(&error), "The webhook is not set; trying again");
                let token = error.refusal();
                let token = token.is_some_and(|refusal| matches!(refusal.code, 401 | 404));
                account.tell(Some(if token { "401" } else { "webhook" }));
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
