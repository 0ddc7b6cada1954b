//! The book for calendar programs: `GET /calendars/{token}.ics`.
//!
//! The token in the path is all the protection there is, so it is never logged, and an unknown one looks
//! like one that was taken back.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex, Semaphore};
use tracing::warn;
use zapis_core::store::{Store, StoreError};
use zapis_core::{Clock, causes};
use zapis_workers::business::FirmFile;
use zapis_workers::feed;

#[derive(Clone)]
struct Calendars {
    store: Store,
    clock: Clock,
    firm: Arc<Mutex<FirmFile>>,
    /// Calendar programs all ask on the hour, and each reads months of the book.
    places: Arc<Semaphore>,
}

/// How many read the book at once.
const PLACES: usize = 2;
/// How long a token is: 32 bytes in hexadecimal.
const TOKEN: usize = 64;

/// The route.
pub fn routes(store: Store, clock: Clock, firm: FirmFile) -> Router {
    let firm = Arc::new(Mutex::new(firm));
    Router::new()
        .route("/calendars/{file}", get(read))
        .with_state(Calendars {
            store,
            clock,
            firm,
            places: Arc::new(Semaphore::new(PLACES)),
        })
}

async fn read(
    State(calendars): State<Calendars>,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some(token) = file.strip_suffix(".ics") else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match calendars.text(token).await {
        Ok(text) => shown(text, &headers),
        Err(Refusal::Unknown) => StatusCode::NOT_FOUND.into_response(),
        Err(Refusal::NoFirm) => not_now(),
        Err(Refusal::Store(error)) => {
            warn!(error = %causes(&error), "Cannot read the book for a calendar");
            not_now()
        }
    }
}

/// Why there is no calendar.
enum Refusal {
    /// The token opens nothing, or the firm no longer has whose calendar it is.
    Unknown,
    /// `business.toml` could not be read, and its own warning says why.
    NoFirm,
    Store(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Calendars {
    async fn text(&self, token: &str) -> Result<String, Refusal> {
        let readable = token.len() == TOKEN && token.bytes().all(|byte| byte.is_ascii_hexdigit());
        let _place = match self.places.acquire().await {
            Ok(place) if readable => place,
            _ => return Err(Refusal::Unknown),
        };
        let feed = self.store.open_feed(token).await?;
        let feed = feed.ok_or(Refusal::Unknown)?;
        let business = self.firm.lock().await.now().await.ok_or(Refusal::NoFirm)?;
        let text = feed::text(&self.store, &business, &feed, self.clock.now()).await?;
        text.ok_or(Refusal::Unknown)
    }
}

fn not_now() -> Response {
    let later = [(header::RETRY_AFTER, "60")];
    (StatusCode::SERVICE_UNAVAILABLE, later).into_response()
}

/// The text, unless the program has it.
fn shown(text: String, headers: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", hex::encode(Sha256::digest(&text)));
    let known = headers.get_all(header::IF_NONE_MATCH).iter();
    let known = known.filter_map(|value| value.to_str().ok());
    let mut known = known.flat_map(|value| value.split(',')).map(str::trim);
    let has_it = known.any(|one| one == "*" || one.trim_start_matches("W/") == tag);
    let mut response = if has_it {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        (
            [(header::CONTENT_TYPE, "text/calendar; charset=utf-8")],
            text,
        )
            .into_response()
    };
    let out = response.headers_mut();
    // Kept by the program that asked, and by nobody on the way; asked for again each time.
    out.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        out.insert(header::ETAG, tag);
    }
    response
}
