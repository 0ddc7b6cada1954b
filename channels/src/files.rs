//! Files of customers, fetched from the messengers that keep them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use reqwest::RequestBuilder;
use zapis_core::files::{FileError, Files, LARGEST};
use zapis_core::message::ConversationId;

use crate::Channel;

/// How long a whole file may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// The files of all channels.
#[derive(Debug)]
pub struct FilesOf(pub Vec<Arc<dyn Channel>>);

#[async_trait]
impl Files for FilesOf {
    async fn fetch(&self, conversation: &ConversationId, id: &str) -> Result<Bytes, FileError> {
        let mut channels = self.0.iter();
        match channels.find(|channel| channel.name() == conversation.channel()) {
            Some(channel) => channel.fetch(conversation.account(), id).await,
            None => Err(not_configured()),
        }
    }
}

/// The account is not in the configuration any more, or its channel.
pub(crate) fn not_configured() -> FileError {
    FileError::NotNow("the account is not configured any more".into())
}

/// The body of an answer that is a file.
pub(crate) async fn download(request: RequestBuilder) -> Result<Bytes, FileError> {
    let lost = |error: reqwest::Error| FileError::NotNow(Box::new(error.without_url()));
    let mut answer = request.timeout(PATIENCE).send().await.map_err(lost)?;
    match answer.status().as_u16() {
        200 => {}
        404 | 410 => return Err(FileError::Gone),
        status => return Err(FileError::NotNow(format!("status {status}").into())),
    }
    let mut bytes = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(lost)? {
        if bytes.len() + chunk.len() > LARGEST {
            return Err(FileError::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}
