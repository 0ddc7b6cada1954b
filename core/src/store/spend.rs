//! What language models cost, by day: for the budgets.

use chrono::NaiveDate;

use super::db::sql;
use super::{Store, StoreError};
use crate::message::ConversationId;

/// The scope of everybody together; no conversation has this name.
const ALL: &str = "";

/// Tokens, and money in millionths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spend {
    /// Of questions and answers.
    pub tokens: u64,
    /// In millionths of the currency of the configured prices.
    pub micros: u64,
}

/// What was spent on a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// On all conversations.
    pub day: Spend,
    /// On one of them.
    pub conversation: Spend,
}

impl Store {
    /// What was spent on a day, on all conversations.
    pub async fn spent_in_all(&self, day: NaiveDate) -> Result<Spend, StoreError> {
        let statement = sql("SELECT tokens, micros FROM spend WHERE day = $1 AND scope = $2");
        let row = self.db.fetch_one(statement.bind(day.to_string()).bind(ALL));
        let Some(row) = row.await? else {
            return Ok(Spend::default());
        };
        Ok(Spend {
            tokens: row.count(0)?,
            micros: row.count(1)?,
        })
    }

    /// What was spent on a day, on all conversations and on this one.
    pub async fn spent(
        &self,
        day: NaiveDate,
        conversation: &ConversationId,
    ) -> Result<Spent, StoreError> {
        let statement =
            sql("SELECT scope, tokens, micros FROM spend WHERE day = $1 AND scope IN ($2, $3)");
        let statement = statement.bind(day.to_string()).bind(ALL).bind(conversation);
        let mut all = Spent::default();
        for row in self.db.fetch(statement).await? {
            let spend = Spend {
                tokens: row.count(1)?,
                micros: row.count(2)?,
            };
            match row.get::<String>(0)?.as_str() {
                ALL => all.day = spend,
                _ => all.conversation = spend,
            }
        }
        Ok(all)
    }

    /// Adds to what was spent on a day.
    pub async fn spend(
        &self,
        day: NaiveDate,
        conversation: &ConversationId,
        spend: Spend,
    ) -> Result<(), StoreError> {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let row = |scope: &str| {
            let (tokens, micros) = (number(spend.tokens), number(spend.micros));
            [
                day.to_string().into(),
                scope.into(),
                tokens.into(),
                micros.into(),
            ]
        };
        let statement = sql("INSERT INTO spend (day, scope, tokens, micros) VALUES ")
            .rows([row(ALL), row(conversation.as_str())])
            .then(
                " ON CONFLICT (day, scope) DO UPDATE \
                 SET tokens = spend.tokens + excluded.tokens, micros = spend.micros + excluded.micros",
            );
        self.db.execute(statement).await?;
        Ok(())
    }
}
