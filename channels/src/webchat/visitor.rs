//! Visitors: who they are by their token, and the opening of a connection.

use std::fmt;
use std::net::IpAddr;

use axum::http::request::Parts;
use sha2::{Digest, Sha256};
use uuid::Uuid;
use zapis_core::message::ConversationId;
use zapis_core::store::StoreError;

use super::accept::Site;
use super::feed::Feed;
use super::wire::ServerFrame;
use super::{NAME, origin};

/// How many conversations an address may begin within a minute.
const NEW_PER_MINUTE: usize = 30;

/// How many connections a conversation may have to this process: tabs, not armies.
const SEATS: usize = 20;

/// Longer than any token of ours.
const TOKEN_LIMIT: usize = 200;

/// What a request tells about itself.
pub(super) struct Request {
    /// Of the query.
    pub(super) token: Option<String>,
    /// Of the query or the header `Last-Event-ID`, which wins.
    pub(super) after: Option<i64>,
    /// The page.
    pub(super) origin: String,
    /// Nothing for a program on this machine.
    pub(super) address: Option<IpAddr>,
    /// The browser's first language, e.g. `ru`.
    pub(super) language: Option<String>,
}

impl Request {
    /// Reads a request that comes from an allowed page.
    pub(super) fn read(parts: &Parts, origin: String) -> Self {
        let header = |name: &str| {
            parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let query = parts.uri.query().unwrap_or_default().as_bytes();
        let param = |name: &str| {
            url::form_urlencoded::parse(query)
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        };
        let after = header("last-event-id")
            .map(str::to_owned)
            .or_else(|| param("after"));
        Self {
            token: param("token").filter(|token| !token.is_empty()),
            after: after.and_then(|seq| seq.trim().parse().ok()),
            origin,
            address: origin::address(parts),
            language: header("accept-language").and_then(first_language),
        }
    }
}

fn first_language(header: &str) -> Option<String> {
    let tag: String = header
        .chars()
        .take_while(char::is_ascii_alphabetic)
        .collect();
    (2..=3)
        .contains(&tag.len())
        .then(|| tag.to_ascii_lowercase())
}

/// Somebody who writes to a site.
#[derive(Clone)]
pub(super) struct Visitor {
    pub(super) conversation: ConversationId,
    pub(super) origin: String,
    pub(super) address: Option<IpAddr>,
    pub(super) language: Option<String>,
}

impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Visitor({:?})", self.conversation)
    }
}

/// A connection that is about to begin.
pub(super) struct Opened {
    pub(super) visitor: Visitor,
    pub(super) hello: ServerFrame,
    pub(super) feed: Feed,
}

/// Why a connection does not begin.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    /// Too many from this address, or for this conversation.
    #[error("too many connections")]
    TooMany,
    /// Try again.
    #[error("the conversation could not be opened")]
    Store(#[from] StoreError),
}

impl Site {
    /// Resumes a conversation by its token, or begins one.
    pub(super) async fn open(&self, request: Request) -> Result<Opened, OpenError> {
        let known = match &request.token {
            Some(token) => self
                .conversation_of(token)
                .await?
                .map(|known| (token, known)),
            None => None,
        };
        let resumed = known.is_some();
        let (token, conversation) = match known {
            Some((token, conversation)) => (token.clone(), conversation),
            None => self.begin(&request).await?,
        };
        if self.hub.seats(&conversation) >= SEATS {
            return Err(OpenError::TooMany);
        }
        let after = request.after.filter(|_| resumed);
        let seat = self.hub.join(&conversation);
        let (feed, history) = Feed::open(self.store(), conversation.clone(), after, seat).await?;
        let hello = ServerFrame::Hello {
            token,
            conversation: conversation.as_str().to_owned(),
            seq: feed.cursor(),
            resumed,
            history,
        };
        let visitor = Visitor {
            conversation,
            origin: request.origin,
            address: request.address,
            language: request.language,
        };
        Ok(Opened {
            visitor,
            hello,
            feed,
        })
    }

    /// Whose token it is, on this site.
    pub(super) async fn conversation_of(
        &self,
        token: &str,
    ) -> Result<Option<ConversationId>, StoreError> {
        if token.len() > TOKEN_LIMIT {
            return Ok(None);
        }
        let known = self.store().visitor(&hash(token)).await?;
        Ok(known.filter(|conversation| {
            conversation.channel() == NAME && conversation.account() == self.config.account
        }))
    }

    async fn begin(&self, request: &Request) -> Result<(String, ConversationId), OpenError> {
        let now = self.clock().now();
        let peer = Uuid::new_v4().to_string();
        if let Some(address) = request.address
            && !self
                .limiter
                .admit(&format!("new {address}"), &peer, NEW_PER_MINUTE, now)
        {
            return Err(OpenError::TooMany);
        }
        let conversation = ConversationId::new(NAME, &self.config.account, &peer)
            .map_err(|error| StoreError::Refused(error.to_string()))?;
        let token = hex::encode(rand::random::<[u8; 32]>());
        self.store()
            .put_visitor(&hash(&token), &conversation, now)
            .await?;
        Ok((token, conversation))
    }
}

/// What the store keeps of a token: who reads the store cannot speak for a visitor.
fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_language_of_the_browser_is_taken() {
        assert_eq!(
            first_language("ru-RU,ru;q=0.9,en;q=0.8").as_deref(),
            Some("ru")
        );
        assert_eq!(first_language("EN").as_deref(), Some("en"));
        assert_eq!(first_language("*"), None);
        assert_eq!(first_language("русский"), None);
    }
}
