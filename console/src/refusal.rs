//! Why something was not done, and the page that says so.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use minijinja::context;
use tracing::warn;
use zapis_core::causes;
use zapis_core::intake::IntakeError;
use zapis_core::sessions::SessionsError;
use zapis_core::store::StoreError;

use crate::Console;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// Nobody is logged in; after that it goes on here.
    #[error("nobody is logged in")]
    LogIn(String),
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
    fn status(&self) -> StatusCode {
        match self {
            Self::LogIn(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::Foreign => StatusCode::FORBIDDEN,
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::TooOften(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Bad(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Taken(_) | Self::NotFree(_) => StatusCode::CONFLICT,
            Self::Store(_) | Self::Intake(_) | Self::Sessions(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Page(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn said(&self) -> Said {
        let key = match self {
            Self::LogIn(_) => "refused-login",
            Self::Forbidden => "refused-role",
            Self::Unknown => "refused-unknown",
            Self::Foreign => "refused-foreign",
            Self::TooOften(_) => "refused-often",
            Self::Bad(key) => key,
            Self::Taken(_) => "refused-taken",
            Self::NotFree(_) => "visits-not-free",
            Self::Store(_) | Self::Intake(_) | Self::Sessions(_) => "refused-later",
            Self::Page(_) => "refused-mistake",
        };
        let who = match self {
            Self::Taken(who) | Self::NotFree(who) => who.clone(),
            Self::TooOften(seconds) => seconds.to_string(),
            _ => String::new(),
        };
        Said { key, who }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        if let Self::LogIn(back) = &self {
            let mut way = url::form_urlencoded::Serializer::new(String::new());
            way.append_pair("back", back);
            return Redirect::to(&format!("/console/login?{}", way.finish())).into_response();
        }
        let status = self.status();
        if status.is_server_error() {
            warn!(error = %causes(&self), "The console could not do something");
        }
        let mut response = status.into_response();
        response.extensions_mut().insert(self.said());
        response
    }
}

/// Gives a refusal its page.
pub(crate) async fn shown(
    State(console): State<Console>,
    headers: HeaderMap,
    response: Response,
) -> Response {
    let Some(said) = response.extensions().get::<Said>().cloned() else {
        return response;
    };
    let status = response.status();
    let language = crate::door::language(&headers);
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
