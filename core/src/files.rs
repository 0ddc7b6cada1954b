//! Files that customers send: the store keeps references, the bytes stay at the messenger and are fetched when
//! somebody looks.

use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::message::{Attachment, ConversationId, Inbound, What};

/// The largest file that is fetched, in bytes: more, Telegram gives no bot.
pub const LARGEST: usize = 20 * 1024 * 1024;

/// A file that a customer sent, by reference.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentFile {
    /// Where it was sent.
    pub conversation: ConversationId,
    /// The native id of the message that it came with.
    pub inbound: String,
    /// Which of the files of that message, from 0.
    pub position: u32,
    /// What the messenger told of it.
    pub file: Attachment,
    /// When it was sent.
    pub at: DateTime<Utc>,
}

impl SentFile {
    /// The files that came with a message.
    pub fn of(inbound: &Inbound) -> impl Iterator<Item = Self> {
        let files = match &inbound.what {
            What::Media { attachments, .. } => attachments.as_slice(),
            _ => &[],
        };
        (0..).zip(files).map(|(position, file)| Self {
            conversation: inbound.conversation.clone(),
            inbound: inbound.id.clone(),
            position,
            file: file.clone(),
            at: inbound.at,
        })
    }
}

impl fmt::Debug for SentFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SentFile({:?}, {})", self.conversation, self.file.kind)
    }
}

/// Where the bytes are.
#[async_trait]
pub trait Files: Send + Sync + fmt::Debug {
    /// The bytes of a file that was sent in a conversation, by the messenger's id of it.
    async fn fetch(&self, conversation: &ConversationId, id: &str) -> Result<Bytes, FileError>;
}

/// Why there are no bytes. As text, for the log, it has no address, token or id.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The messenger does not keep it any more.
    #[error("the messenger does not keep the file any more")]
    Gone,
    /// It is larger than [`LARGEST`], or than the messenger gives.
    #[error("the file is too large")]
    TooLarge,
    /// The messenger gives nothing now: another try may succeed.
    #[error("the messenger did not give the file")]
    NotNow(#[source] Box<dyn Error + Send + Sync>),
}
