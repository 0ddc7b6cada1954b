//! A store with nothing in it, and short words to drive it with.

use chrono::{DateTime, TimeDelta, Utc};
use tempfile::TempDir;
use uuid::Uuid;
use zapis_core::message::{ConversationId, DeliveryReport, DeliveryStatus, Fence};
use zapis_core::store::{ClaimRequest, NewOwner, OwnershipChange, SendOutcome, Store, StoreError};
use zapis_core::trace::TraceParent;

use crate::support::postgres::Database;

/// Where a store keeps what it holds; opening it again finds what was left.
pub(super) enum Ground {
    Sqlite(TempDir),
    Postgres(Database),
}

impl Ground {
    pub(super) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    pub(super) fn postgres() -> Self {
        Self::Postgres(Database::new())
    }

    pub(super) fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite:{}", folder.path().join("new/z.db").display()),
            Self::Postgres(database) => database.url(),
        }
    }

    pub(super) async fn open(&self) -> Store {
        self.try_open().await.unwrap()
    }

    pub(super) async fn try_open(&self) -> Result<Store, StoreError> {
        Store::open(&self.url()).await
    }

    /// Runs statements past the store.
    pub(super) fn sql(&self, statements: &str) {
        match self {
            Self::Sqlite(folder) => {
                let file = folder.path().join("new/z.db");
                let connection = rusqlite::Connection::open(file).unwrap();
                connection.execute_batch(statements).unwrap();
            }
            Self::Postgres(database) => {
                database.sql(statements);
            }
        }
    }
}

/// Runs each promise on each database, on fresh ground.
macro_rules! on_both {
    ($($promise:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise(crate::conformance::store_ground::Ground::sqlite()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise(crate::conformance::store_ground::Ground::postgres()).await;
            })*
        }
    };
}
pub(super) use on_both;

/// A moment; `at(5)` is five seconds later.
pub(super) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::seconds(seconds)
}

pub(super) fn conversation(name: &str) -> ConversationId {
    ConversationId::new("whatsapp", "main", name).unwrap()
}

/// A reply of a turn to its inbound messages.
pub(super) fn reply(to: &str, epoch: i64, turn: Uuid, answers: &[&str]) -> ClaimRequest {
    ClaimRequest {
        id: Uuid::new_v4(),
        conversation: conversation(to),
        turn: Some(turn),
        answers: answers.iter().map(|&id| id.to_owned()).collect(),
        fence: Fence::Reply { epoch },
        trace: TraceParent::start(),
    }
}

/// A reply that answers nothing in particular.
pub(super) fn message(to: &str, fence: Fence) -> ClaimRequest {
    ClaimRequest {
        fence,
        ..reply(to, 0, Uuid::new_v4(), &[])
    }
}

pub(super) fn staff(cause: &str, who: &str, from: i64, until: i64) -> OwnershipChange {
    OwnershipChange {
        cause: cause.into(),
        at: at(from),
        to: NewOwner::Staff {
            who: who.into(),
            until: at(until),
        },
    }
}

pub(super) fn change(cause: &str, to: NewOwner) -> OwnershipChange {
    OwnershipChange {
        cause: cause.into(),
        at: at(0),
        to,
    }
}

pub(super) fn sent(provider_id: &str) -> SendOutcome {
    SendOutcome::Sent {
        provider_id: Some(provider_id.into()),
    }
}

pub(super) fn report(
    provider_id: &str,
    outbound_id: Option<Uuid>,
    status: DeliveryStatus,
) -> DeliveryReport {
    DeliveryReport {
        account: "whatsapp:main".into(),
        provider_id: provider_id.into(),
        outbound_id,
        status,
        error: None,
        at: at(0),
    }
}
