//! The tokens of a local app: where they come from, and how they are renewed.
//!
//! A token lives for an hour and is renewed when the portal refuses it, not before. Renewing takes a second
//! token that works once, so among all processes only one may do it, and the new pair is kept before it is
//! used. Source: the provider's "OAuth 2.0" and "Automatic renewal".

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use url::Url;
use uuid::Uuid;
use zapis_core::Clock;
use zapis_core::config::Secret;
use zapis_core::store::{CrmTokens, Store, StoreError};

use super::config::host;
use super::event::Installation;
use super::outcome::{Class, Failure, judge, unreadable};
use super::transport::Transport;
use super::wire::count;
use super::{Bitrix24Config, Patience};
use crate::crm::{Health, Trouble, Verdict};

/// What renewing is called in metrics and troubles.
pub(super) const RENEWING: &str = "oauth.token";
/// Where tokens are renewed, unless the portal names another server.
const SERVER: &str = "https://oauth.bitrix24.tech/rest/";
/// Servers of the provider, which may be told our secret on the word of anybody.
const SERVERS: [&str; 2] = ["oauth.bitrix24.tech", "oauth.bitrix.info"];
/// How long one process may take to renew; then another one tries.
const LEASE: Duration = Duration::from_mins(1);

/// Keeps the tokens.
#[derive(Debug)]
pub(super) struct Keeper {
    portal: String,
    app: String,
    secret: Secret,
    store: Store,
    clock: Clock,
    transport: Arc<Transport>,
    patience: Patience,
    /// Who we are among the processes.
    holder: String,
    /// One renews at a time; a new pair stays here until the store has it.
    gate: Mutex<Option<CrmTokens>>,
}

impl Keeper {
    pub(super) fn new(
        config: &Bitrix24Config,
        store: &Store,
        clock: &Clock,
        transport: &Arc<Transport>,
        patience: Patience,
    ) -> Self {
        Self {
            portal: config.host(),
            app: config.client_id.clone(),
            secret: config.client_secret.clone(),
            store: store.clone(),
            clock: clock.clone(),
            transport: Arc::clone(transport),
            patience,
            holder: Uuid::new_v4().to_string(),
            gate: Mutex::default(),
        }
    }

    /// The tokens of now.
    pub(super) async fn tokens(&self) -> Result<CrmTokens, Trouble> {
        let stored = self.stored().await?;
        stored.ok_or_else(|| stopped("not_installed", "the app is not installed: install it in the portal, with the address of its events that docs/crm.md names"))
    }

    /// Tokens in place of these, which the portal has refused: renewed by whoever comes first. It goes on
    /// when nobody waits for it any more: a pair that was not kept would be lost.
    pub(super) async fn renewed(self: &Arc<Self>, stale: CrmTokens) -> Result<CrmTokens, Trouble> {
        let keeper = Arc::clone(self);
        let renewing = tokio::spawn(async move { keeper.renew(&stale).await });
        renewing
            .await
            .unwrap_or_else(|_| Err(later("renewing was broken off")))
    }

    /// Takes what the portal sent when the app was installed. That the tokens are our app's is proved by
    /// renewing them with our secret: anybody can post an event.
    pub(super) async fn install(self: &Arc<Self>, new: &Installation) -> Result<(), Trouble> {
        let tokens = CrmTokens {
            app: self.app.clone(),
            member: new.member.clone(),
            application: new.application.clone(),
            access: new.access.clone(),
            refresh: new.refresh.clone(),
            expires_at: self.clock.now(),
            endpoint: new.endpoint.clone(),
            server: believed(&new.server, new.known).to_owned(),
        };
        let mut unsaved = self.gate.lock().await;
        let renewed = self.ask(&tokens).await.map_err(|failure| failure.trouble)?;
        let there = Url::parse(&renewed.endpoint).is_ok_and(|url| host(&url) == self.portal);
        if !there || renewed.member != new.member {
            return Err(stopped(
                "other_portal",
                "the app was installed in another portal than [crm.bitrix24] portal names",
            ));
        }
        self.keep(&mut unsaved, renewed).await
    }

    async fn renew(&self, stale: &CrmTokens) -> Result<CrmTokens, Trouble> {
        let mut unsaved = self.gate.lock().await;
        if let Some(pair) = unsaved.take() {
            self.keep(&mut unsaved, pair).await?;
        }
        let lease = format!("crm_tokens:{}", stale.member);
        let mut waited = Duration::ZERO;
        loop {
            let stored = self.tokens().await?;
            if stored.access != stale.access {
                return Ok(stored);
            }
            let now = self.clock.now();
            let ours = self.store.lease(&lease, &self.holder, LEASE, now).await;
            if ours.map_err(|error| no_store(&error))? {
                break;
            }
            if waited > LEASE {
                return Err(later("another process is renewing the token"));
            }
            tokio::time::sleep(self.patience.pause).await;
            waited += self.patience.pause;
        }
        let renewed = self.renew_alone(stale, &mut unsaved).await;
        // Without it the lease ends by itself.
        self.store.release(&lease, &self.holder).await.ok();
        renewed
    }

    async fn renew_alone(
        &self,
        stale: &CrmTokens,
        unsaved: &mut Option<CrmTokens>,
    ) -> Result<CrmTokens, Trouble> {
        // Another process may have been quicker between our look and our lease.
        let current = self.tokens().await?;
        if current.access != stale.access {
            return Ok(current);
        }
        match self.ask(&current).await {
            Ok(renewed) => {
                self.keep(unsaved, renewed.clone()).await?;
                Ok(renewed)
            }
            // Of a pair that somebody has used: theirs is in the store, or there is none any more.
            Err(failure) if failure.trouble.code == "invalid_grant" => {
                let again = self.tokens().await?;
                if again.access == stale.access {
                    Err(failure.trouble)
                } else {
                    Ok(again)
                }
            }
            Err(failure) => Err(failure.trouble),
        }
    }

    /// Keeps a pair; one that the store does not take is not lost.
    async fn keep(&self, unsaved: &mut Option<CrmTokens>, pair: CrmTokens) -> Result<(), Trouble> {
        let kept = self.store.set_crm_tokens(&pair).await;
        *unsaved = kept.is_err().then_some(pair);
        kept.map_err(|error| no_store(&error))
    }

    async fn stored(&self) -> Result<Option<CrmTokens>, Trouble> {
        let stored = self.store.crm_tokens(&self.app).await;
        stored.map_err(|error| no_store(&error))
    }

    /// Asks the server of tokens for a new pair.
    async fn ask(&self, tokens: &CrmTokens) -> Result<CrmTokens, Failure> {
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", self.app.as_str()),
            ("client_secret", self.secret.expose()),
            ("refresh_token", tokens.refresh.expose()),
        ];
        let server = if tokens.server.is_empty() {
            SERVER
        } else {
            &tokens.server
        };
        let server = server.trim_end_matches('/').trim_end_matches("/rest");
        let url = Url::parse(&format!("{server}/oauth/token/"))
            .map_err(|_| Class::Astray.failure(RENEWING))?;
        let reply = self.transport.form(url, &fields, self.patience.read);
        let reply = reply.await.map_err(unrenewed)?;
        let Some(answer) = reply.envelope else {
            return Err(unrenewed(unreadable(RENEWING, reply.status).class));
        };
        if let Some(problem) = &answer.problem {
            return Err(judge(RENEWING, reply.status, problem));
        }
        pair(tokens, &answer.rest, &self.clock).ok_or_else(|| unrenewed(Class::Lost))
    }
}

/// The new pair of an answer; what it does not name stays.
fn pair(old: &CrmTokens, answer: &Map<String, Value>, clock: &Clock) -> Option<CrmTokens> {
    let text = |name: &str| {
        let text = answer.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
    };
    let or = |name: &str, old: &str| text(name).unwrap_or(old).to_owned();
    let lives = answer.get("expires_in").and_then(count);
    let lives = lives.and_then(|seconds| i64::try_from(seconds).ok());
    Some(CrmTokens {
        app: old.app.clone(),
        member: or("member_id", &old.member),
        application: old.application.clone(),
        access: Secret::new(text("access_token")?),
        refresh: Secret::new(text("refresh_token")?),
        expires_at: clock.now() + TimeDelta::seconds(lives.unwrap_or(3_600).min(86_400)),
        endpoint: or("client_endpoint", &old.endpoint),
        server: or("server_endpoint", &old.server),
    })
}

/// Nothing of the call was carried out when its token could not be renewed.
fn unrenewed(class: Class) -> Failure {
    let failure = class.failure(RENEWING);
    let trouble = match failure.trouble.verdict {
        Verdict::Unknown => Trouble {
            verdict: Verdict::Later,
            ..failure.trouble
        },
        _ => failure.trouble,
    };
    Failure { class, trouble }
}

/// Whom our secret may be told: the server that an event names, if a token of ours vouches for the event or
/// the server is the provider's.
fn believed(server: &str, known: bool) -> &str {
    let provider = Url::parse(server).is_ok_and(|url| {
        url.scheme() == "https" && url.host_str().is_some_and(|host| SERVERS.contains(&host))
    });
    if known || provider { server } else { SERVER }
}

fn trouble(verdict: Verdict, health: Health, code: &str, words: &str) -> Trouble {
    Trouble {
        verdict,
        health,
        code: code.to_owned(),
        words: format!("{RENEWING}: {words}"),
        after: None,
    }
}

fn stopped(code: &str, words: &str) -> Trouble {
    trouble(Verdict::Stopped, Health::AuthBroken, code, words)
}

fn later(words: &str) -> Trouble {
    trouble(Verdict::Later, Health::Throttled, "renewing", words)
}

fn no_store(error: &StoreError) -> Trouble {
    let words = format!("{error}: look at [engines] store");
    trouble(Verdict::Later, Health::Throttled, "store", &words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_secret_is_told_to_no_server_that_a_stranger_names() {
        let info = "https://oauth.bitrix.info/rest/";
        assert_eq!(believed(info, false), info);
        for server in [
            "https://stranger.example/rest/",
            "http://oauth.bitrix.info/rest/",
            "https://oauth.bitrix.info.stranger.example/rest/",
            "",
        ] {
            assert_eq!(believed(server, false), SERVER, "{server}");
            assert_eq!(believed(server, true), server);
        }
    }
}
