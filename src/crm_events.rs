//! What a Bitrix24 portal tells of its own accord: `POST /webhooks/bitrix24`.
//!
//! The portal tells each thing at most once and waits for nobody, so it is answered at once; what it
//! told is read again from the portal, by the worker. What comes without a token of ours is
//! answered as everything else is, and dropped.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::time::Instant;
use tracing::{debug, info, warn};
use zapis_core::broker::Broker;
use zapis_core::causes;
use zapis_core::config::Secret;
use zapis_core::trace::TraceParent;
use zapis_workers::crm::bitrix24::event::{
    Entity, Event, Installation, NoEvent, Told as Heard, read,
};
use zapis_workers::crm::bitrix24::{Bitrix24Config, Client};
use zapis_workers::crm::{Record, RecordKind, Told, told};

const PATH: &str = "/webhooks/bitrix24";
/// The longest body of a provider's webhook.
const LONGEST: usize = 4 * 1024 * 1024;

#[derive(Clone)]
struct Events {
    broker: Arc<dyn Broker>,
    client: Arc<Client>,
    tokens: Arc<[Secret]>,
    is_app: bool,
    /// Ours, as the portal reaches it.
    address: Arc<str>,
    /// When an installation was last tried.
    tried: Arc<Mutex<Option<Instant>>>,
}

/// The route, where a portal is configured. An app asks the portal to use it.
pub fn routes(
    config: &Bitrix24Config,
    public_url: &str,
    client: Arc<Client>,
    broker: Arc<dyn Broker>,
) -> Router {
    let events = Events {
        broker,
        client,
        tokens: config.application_tokens.clone().into(),
        is_app: config.webhook_url.is_empty(),
        address: format!("{public_url}{PATH}").into(),
        tried: Arc::default(),
    };
    if events.is_app {
        let events = events.clone();
        tokio::spawn(async move { events.listen().await });
    }
    Router::new()
        .route(PATH, post(receive))
        .layer(DefaultBodyLimit::max(LONGEST))
        .with_state(events)
}

impl Events {
    /// Anybody can say that the app was installed, and the proof costs a call with our secret: of those who do
    /// not know the app's token, which an app that is installed anew does not, one a minute is heard.
    async fn install(&self, installation: &Installation) -> &'static str {
        if !self.is_app || !(installation.is_known() || self.is_time()) {
            return "ignored";
        }
        match self.client.install(installation).await {
            Ok(()) => {
                info!("The app was installed at the portal");
                self.listen().await;
                "installed"
            }
            Err(trouble) => {
                let code = trouble.code;
                warn!(code, "An installation of the app could not be used");
                "refused"
            }
        }
    }

    /// Asks the portal to tell what changes, where it does not yet. What it does not tell is asked for.
    async fn listen(&self) {
        match self.client.listen(&self.address).await {
            Ok(0) => {}
            Ok(new) => info!(new, "The portal tells what changes"),
            Err(trouble) if trouble.code == "not_installed" => {}
            Err(trouble) => {
                let code = trouble.code;
                warn!(code, "The portal does not tell what changes");
            }
        }
    }

    fn is_time(&self) -> bool {
        let mut last = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = last.is_none_or(|last| last.elapsed() >= Duration::from_mins(1));
        if is_time {
            *last = Some(Instant::now());
        }
        is_time
    }
}

async fn receive(State(events): State<Events>, body: Bytes) -> Response {
    let mut tokens = events.tokens.to_vec();
    tokens.extend(events.client.application_token().await);
    let outcome = match read(&body, &tokens) {
        Ok(Heard::Event(event)) => match publish(&events, &event).await {
            Ok(outcome) => outcome,
            Err(response) => return response,
        },
        Ok(Heard::Installed(installation)) => events.install(&installation).await,
        Err(NoEvent::Stranger) => "stranger",
        Err(NoEvent::Unreadable(why)) => {
            debug!(why, "What was posted is no event of a portal");
            "unreadable"
        }
    };
    metrics::counter!("zapis_crm_events_total", "outcome" => outcome).increment(1);
    StatusCode::OK.into_response()
}

/// Leaves word of it in the queue: the worker reads the record again.
async fn publish(events: &Events, event: &Event) -> Result<&'static str, Response> {
    let kind = match event.entity {
        Entity::Lead => RecordKind::Lead,
        Entity::Deal => RecordKind::Deal,
        _ => return Ok("ignored"),
    };
    let Some(id) = event.id else {
        return Ok("ignored");
    };
    let record = Record {
        kind,
        id: id.to_string(),
    };
    let message = told(&Told::Changed { record }, TraceParent::start());
    match events.broker.publish(vec![message]).await {
        Ok(()) => Ok("accepted"),
        Err(error) => {
            // It will not come again; what was missed is found by asking what has changed.
            warn!(error = %causes(&error), "The queue takes no news of the CRM");
            let later = [(header::RETRY_AFTER, "30")];
            Err((StatusCode::SERVICE_UNAVAILABLE, later).into_response())
        }
    }
}
