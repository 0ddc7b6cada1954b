//! Why something was not done, and the page that says so.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use minijinja::context;
use tracing::warn;
use zapis_core::causes;
use zapis_core::files::FileError;
use zapis_core::intake::IntakeError;
use zapis_core::sessions::SessionsError;
use zapis_core::store::StoreError;
use zapis_workers::words::Language;

use crate::Console;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// Not with this role.
    #[error("not with this role")]
    Forbidden,
    /// There is no such thing.
    #[error("there is no such thing")]
    Unknown,
    /// From another site.
    #[error("the request came from another site")]
    Foreign,
    /// Too many tries; so many seconds to wait.
    #[error("too many tries")]
    TooOften(u64),
    /// What was typed cannot be used; the key of the words that say why.
    #[error("what was typed cannot be used")]
    Bad(&'static str),
    /// Nobody is free then; the nearest times, in words.
    #[error("nobody is free then")]
    NotFree(String),
    /// Somebody else was quicker; who.
    #[error("somebody else was quicker")]
    Taken(String),
    /// A file of a customer cannot be had; why, and from which messenger.
    #[error("a file of a customer cannot be had")]
    File(#[source] FileError, String),
    /// The store does not answer.
    #[error("the store does not answer")]
    Store(#[from] StoreError),
    /// The queue or the store does not take it.
    #[error("what was done was not taken")]
    Intake(#[from] IntakeError),
    /// The sessions do not answer.
    #[error("the sessions do not answer")]
    Sessions(#[from] SessionsError),
    /// A page could not be made: a mistake of ours.
    #[error("a page could not be made")]
    Page(#[from] minijinja::Error),
}

/// What the page of a refusal says.
#[derive(Debug, Clone)]
struct Said {
    key: &'static str,
    who: String,
}

impl Refusal {
    /// The status, the key of the words, and what they tell.
    fn said(&self) -> (StatusCode, Said) {
        let (status, key) = match self {
            Self::Forbidden => (StatusCode::FORBIDDEN, "refused-role"),
            Self::Foreign => (StatusCode::FORBIDDEN, "refused-foreign"),
            Self::Unknown => (StatusCode::NOT_FOUND, "refused-unknown"),
            Self::TooOften(_) => (StatusCode::TOO_MANY_REQUESTS, "refused-often"),
            Self::Bad(key) => (StatusCode::UNPROCESSABLE_ENTITY, *key),
            Self::Taken(_) => (StatusCode::CONFLICT, "refused-taken"),
            Self::NotFree(_) => (StatusCode::CONFLICT, "visits-not-free"),
            Self::File(FileError::Gone, _) => (StatusCode::GONE, "file-gone"),
            Self::File(FileError::TooLarge, _) => (StatusCode::UNPROCESSABLE_ENTITY, "file-large"),
            Self::File(FileError::NotNow(_), _) => (StatusCode::BAD_GATEWAY, "file-later"),
            Self::Store(_) | Self::Intake(_) | Self::Sessions(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "refused-later")
            }
            Self::Page(_) => (StatusCode::INTERNAL_SERVER_ERROR, "refused-mistake"),
        };
        let who = match self {
            Self::Taken(who) | Self::NotFree(who) | Self::File(_, who) => who.clone(),
            Self::TooOften(seconds) => seconds.to_string(),
            _ => String::new(),
        };
        (status, Said { key, who })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, said) = self.said();
        if status.is_server_error() {
            warn!(error = %causes(&self), "The console could not do something");
        }
        let mut response = status.into_response();
        response.extensions_mut().insert(said);
        response
    }
}

/// Gives a refusal its page, in the language of whoever is logged in.
pub(crate) async fn shown(
    State(console): State<Console>,
    headers: HeaderMap,
    response: Response,
) -> Response {
    let Some(said) = response.extensions().get::<Said>().cloned() else {
        return response;
    };
    let status = response.status();
    let known = response.extensions().get::<Language>().copied();
    let language = known.unwrap_or_else(|| crate::door::language(&headers));
    let page = console.pages.plain(
        "refused.html",
        language,
        context! { key => said.key, who => said.who },
    );
    match page {
        Ok(page) => (status, page).into_response(),
        Err(_) => response,
    }
}
