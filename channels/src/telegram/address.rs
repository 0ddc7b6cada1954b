//! Where a dialogue takes place, and its form as the peer of a conversation id: stateless, so that
//! a reply finds the way back into a topic of a private chat or over a business connection.

use std::fmt;

use zapis_core::message::ConversationId;

use super::NAME;

/// `{chat}`, `{chat}:{topic}` in a private chat with topics, or `{chat}@{connection}` for a customer
/// of a connected business account. The last two are dialogues apart from the chat with the bot,
/// as they are in the customer's app.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// The chat's id.
    pub(super) chat: i64,
    /// The topic of a private chat.
    pub(super) topic: Option<i64>,
    /// The business connection that the messages travel over.
    pub(super) business: Option<String>,
}

impl Address {
    /// A chat as a whole.
    pub(super) fn chat(chat: i64) -> Self {
        Self {
            chat,
            topic: None,
            business: None,
        }
    }

    /// Reads a peer back.
    pub(super) fn parse(peer: &str) -> Option<Self> {
        if let Some((chat, business)) = peer.split_once('@') {
            return Some(Self {
                chat: chat.parse().ok()?,
                topic: None,
                business: Some(business.to_owned()),
            });
        }
        let (chat, topic) = match peer.split_once(':') {
            Some((chat, topic)) => (chat, Some(topic.parse().ok()?)),
            None => (peer, None),
        };
        Some(Self {
            chat: chat.parse().ok()?,
            topic,
            business: None,
        })
    }

    /// The conversation at this place; nothing where the connection's id is unusable.
    pub(super) fn conversation(&self, account: &str) -> Option<ConversationId> {
        ConversationId::new(NAME, account, &self.to_string()).ok()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.chat)?;
        if let Some(business) = &self.business {
            write!(f, "@{business}")
        } else if let Some(topic) = self.topic {
            write!(f, ":{topic}")
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_peer_is_read_back() {
        for peer in ["7000000001", "-1001234567890", "7000000001:31", "42@bc_1:x"] {
            assert_eq!(Address::parse(peer).unwrap().to_string(), peer);
        }
        assert!(Address::parse("anna").is_none());
        assert!(Address::parse("1:x").is_none());
    }
}
