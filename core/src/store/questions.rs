//! Questions that every message asks. On PostgreSQL those that come at the same time share a statement.

use std::collections::HashMap;
use std::pin::Pin;

use tokio::sync::{mpsc, oneshot};

use super::StoreError;
use super::db::Db;
use super::group::gather;

/// How many questions share a statement at most.
const TOGETHER: usize = 256;

/// What is found, by what was asked for; what there is nothing of is left out.
pub(super) type Found<V> =
    Pin<Box<dyn Future<Output = Result<HashMap<String, V>, sqlx::Error>> + Send>>;

/// Answers questions in one statement.
type LookUp<V> = fn(Db, Vec<String>) -> Found<V>;

/// What is asked for, and who wants to know.
type Question<V> = (String, oneshot::Sender<Result<Option<V>, StoreError>>);

/// Answers questions of one kind.
pub(super) enum Questions<V> {
    /// Each by itself: a look-up in the file takes microseconds.
    Alone(Db, LookUp<V>),
    Together(mpsc::Sender<Question<V>>),
}

impl<V> Clone for Questions<V> {
    fn clone(&self) -> Self {
        match self {
            Self::Alone(db, look_up) => Self::Alone(db.clone(), *look_up),
            Self::Together(ask) => Self::Together(ask.clone()),
        }
    }
}

impl<V: Clone + Send + 'static> Questions<V> {
    pub(super) fn start(db: Db, look_up: LookUp<V>) -> Self {
        if matches!(db, Db::Sqlite(_)) {
            return Self::Alone(db, look_up);
        }
        let (ask, mut asked) = mpsc::channel::<Question<V>>(TOGETHER);
        tokio::spawn(async move {
            while let Some(questions) = gather(&mut asked, TOGETHER).await {
                let wanted = questions.iter().map(|(wanted, _)| wanted.clone());
                let found = look_up(db.clone(), wanted.collect()).await;
                let found = found.map_err(StoreError::from);
                for (wanted, caller) in questions {
                    let answer = match &found {
                        Ok(found) => Ok(found.get(&wanted).cloned()),
                        Err(error) => Err(error.same()),
                    };
                    // A caller that went away wants no answer.
                    caller.send(answer).unwrap_or_default();
                }
            }
        });
        Self::Together(ask)
    }

    pub(super) async fn of(&self, wanted: &str) -> Result<Option<V>, StoreError> {
        match self {
            Self::Alone(db, look_up) => {
                let mut found = look_up(db.clone(), vec![wanted.to_owned()]).await?;
                Ok(found.remove(wanted))
            }
            Self::Together(ask) => {
                let (caller, answer) = oneshot::channel();
                let closed = || StoreError::Unavailable("the store is closed".into());
                let sent = ask.send((wanted.to_owned(), caller)).await;
                sent.map_err(|_| closed())?;
                answer.await.unwrap_or_else(|_| Err(closed()))
            }
        }
    }
}
