//! The authorisation server: tokens for an hour, and refresh tokens for one use.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::answer::{RestError, words};
use super::config::Bitrix24App;
use super::php::Php;
use super::state::{Caller, Portal};
use crate::calls::Provider;
use crate::faults::{Incoming, Refused};
use crate::world::World;

/// How long an access token lives, in seconds.
const LIFETIME: i64 = 3600;

/// The tokens of the application.
#[derive(Default)]
pub(crate) struct Tokens {
    /// Access tokens and when they end, newest last.
    access: Vec<Access>,
    refresh: String,
    /// How often the pair was renewed.
    pub(crate) refreshes: u64,
}

/// An access token.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) token: String,
    pub(crate) until_ms: i64,
}

impl Tokens {
    pub(crate) fn new(app: Option<&Bitrix24App>, now_ms: i64) -> Self {
        let Some(app) = app else {
            return Self::default();
        };
        Self {
            access: vec![Access {
                token: app.access_token.clone(),
                until_ms: now_ms + LIFETIME * 1000,
            }],
            refresh: app.refresh_token.clone(),
            refreshes: 0,
        }
    }

    /// The newest access token, for events.
    pub(crate) fn newest(&self) -> Option<&Access> {
        self.access.last()
    }

    /// The refresh token that is good.
    pub(crate) fn refresh(&self) -> &str {
        &self.refresh
    }

    /// Every access token ends now.
    pub(crate) fn expire(&mut self) {
        for access in &mut self.access {
            access.until_ms = 0;
        }
    }

    fn renew(&mut self, now_ms: i64) -> Access {
        self.refreshes += 1;
        let fresh = || uuid::Uuid::new_v4().simple().to_string();
        self.refresh = fresh();
        let access = Access {
            token: fresh(),
            until_ms: now_ms + LIFETIME * 1000,
        };
        self.access.push(access.clone());
        access
    }
}

impl Portal {
    /// Whose access token this is.
    pub(crate) fn bearer(&self, token: &str, now_ms: i64) -> Result<Caller, RestError> {
        let known = self.tokens.access.iter().find(|it| it.token == token);
        let (Some(access), Some(app)) = (known, &self.config.app) else {
            let why = "Unable to get application by token";
            return Err(RestError::new(401, "invalid_token", why));
        };
        if access.until_ms <= now_ms {
            let why = "The access token provided has expired.";
            return Err(RestError::new(401, "expired_token", why));
        }
        Ok(Caller {
            user: app.user,
            scopes: app.scopes.clone(),
            is_app: true,
            key: app.client_id.clone(),
        })
    }
}

/// `/oauth/token/`: the secrets may stand in the body or in the address.
pub(crate) async fn token(
    State(world): State<Arc<World>>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let mut params = Php::query(&query.unwrap_or_default());
    params.merge(Php::query(&String::from_utf8_lossy(&body)));
    let grant = params.get("grant_type").text();
    let incoming = Incoming {
        provider: Provider::Bitrix24,
        account: params.get("client_id").text(),
        method: "oauth.token".to_owned(),
        recipient: None,
        body: json!({ "grant_type": grant }),
    };
    let run = async { answer(&world, &params) };
    world.handle(incoming, words, run).await
}

fn answer(world: &World, params: &Php) -> Response {
    let now_ms = world.now_ms();
    let mut state = world.state();
    let Some(portal) = &mut state.bitrix24 else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let given = |name| params.get(name).text();
    let Some(app) = portal.config.app.clone() else {
        return refuse(200, "wrong_client");
    };
    if given("client_id") != app.client_id || given("client_secret") != app.client_secret {
        return refuse(200, "wrong_client");
    }
    if given("grant_type") != "refresh_token" {
        return refuse(400, "invalid_request");
    }
    if given("refresh_token") != portal.tokens.refresh {
        return refuse(400, "invalid_grant");
    }
    let access = portal.tokens.renew(now_ms);
    Json(renewed(world, portal, &app, &access)).into_response()
}

fn renewed(world: &World, portal: &Portal, app: &Bitrix24App, access: &Access) -> Value {
    let url = world.portal_url();
    let host = url.split_once("://").map_or("", |(_, host)| host);
    json!({
        "access_token": access.token, "expires": access.until_ms / 1000, "expires_in": LIFETIME,
        "refresh_token": portal.tokens.refresh, "client_endpoint": format!("{url}/rest/"),
        "server_endpoint": format!("{url}/rest/"), "domain": host,
        "member_id": portal.config.member_id, "scope": app.scopes.join(","), "status": "L",
        "user_id": app.user,
    })
}

fn refuse(status: u16, error: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = (status, Json(json!({ "error": error }))).into_response();
    response.extensions_mut().insert(Refused);
    response
}
