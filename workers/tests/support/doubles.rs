//! A queue and sessions that tests look into, for those of the library and those beside it.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use zapis_core::broker::{Broker, BrokerError, Depth, Publish, Subscription, Topic};
use zapis_core::message::{ConversationId, Outbound};
use zapis_core::sessions::{Rate, Saved, Sessions, SessionsError};

/// A queue whose publishing fails as the test wants.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// What was published and not taken, in order.
    pub(crate) waiting: Mutex<Vec<Outbound>>,
    /// What becomes of the next publishings: `Some(true)` takes the message and says it did not.
    pub(crate) faults: Mutex<Vec<Option<bool>>>,
}

#[async_trait]
impl Broker for Queue {
    async fn publish(&self, messages: Vec<Publish>) -> Result<(), BrokerError> {
        let fault = self.faults.lock().unwrap().pop().flatten();
        if fault != Some(false) {
            let batches = messages.iter();
            let read = |one: &Publish| serde_json::from_slice::<Vec<Outbound>>(&one.body).unwrap();
            self.waiting.lock().unwrap().extend(batches.flat_map(read));
        }
        match fault {
            Some(_) => Err(BrokerError::Unavailable("lost".into())),
            None => Ok(()),
        }
    }

    async fn subscribe(&self, _: &Topic, _: u16) -> Result<Subscription, BrokerError> {
        Err(BrokerError::Refused("nobody consumes".into()))
    }

    async fn depth(&self, _: &Topic) -> Result<Depth, BrokerError> {
        Ok(Depth::default())
    }

    async fn check(&self) -> Result<(), BrokerError> {
        Ok(())
    }

    async fn close(&self) {}
}

/// Nobody is remembered.
#[derive(Debug)]
pub(crate) struct Forgetful;

#[async_trait]
impl Sessions for Forgetful {
    async fn load(&self, _: &ConversationId) -> Result<Option<Saved>, SessionsError> {
        Ok(None)
    }

    async fn commit(&self, _: &ConversationId, _: u64, _: Bytes) -> Result<u64, SessionsError> {
        Err(SessionsError::Conflict)
    }

    async fn forget(&self, _: &ConversationId) -> Result<(), SessionsError> {
        Ok(())
    }

    async fn reserve(&self, _: &str, _: Rate) -> Result<Duration, SessionsError> {
        Ok(Duration::ZERO)
    }

    async fn block(&self, _: &str, _: Duration) -> Result<(), SessionsError> {
        Ok(())
    }

    async fn pin(&self, _: &str, _: &str, _: Duration) -> Result<(), SessionsError> {
        Ok(())
    }

    async fn pinned(&self, _: &str) -> Result<Vec<String>, SessionsError> {
        Ok(Vec::new())
    }

    async fn check(&self) -> Result<Vec<String>, SessionsError> {
        Ok(Vec::new())
    }
}
