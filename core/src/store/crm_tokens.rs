//! The tokens of an app in a CRM.

use chrono::{DateTime, Utc};

use super::db::sql;
use super::{Store, StoreError};
use crate::config::Secret;

/// What opens a CRM to an app of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrmTokens {
    /// The id that the CRM gave to the app.
    pub app: String,
    /// The CRM's own name, whatever its address.
    pub member: String,
    /// What its events are recognised by.
    pub application: Secret,
    /// Travels with each call.
    pub access: Secret,
    /// Is exchanged for a new pair, once.
    pub refresh: Secret,
    /// When the CRM stops taking `access`, as far as is known.
    pub expires_at: DateTime<Utc>,
    /// Where calls go.
    pub endpoint: String,
    /// Where tokens are renewed.
    pub server: String,
}

impl Store {
    /// The tokens of an app.
    pub async fn crm_tokens(&self, app: &str) -> Result<Option<CrmTokens>, StoreError> {
        let statement = sql(
            "SELECT app, member, application, access, refresh, expires_at, endpoint, server \
             FROM crm_tokens WHERE app = $1",
        );
        let Some(row) = self.db.fetch_one(statement.bind(app)).await? else {
            return Ok(None);
        };
        let secret = |column| row.get::<String>(column).map(Secret::new);
        Ok(Some(CrmTokens {
            app: row.get(0)?,
            member: row.get(1)?,
            application: secret(2)?,
            access: secret(3)?,
            refresh: secret(4)?,
            expires_at: row.time(5)?,
            endpoint: row.get(6)?,
            server: row.get(7)?,
        }))
    }

    /// Keeps the tokens of an app in place of those it had.
    pub async fn set_crm_tokens(&self, tokens: &CrmTokens) -> Result<(), StoreError> {
        let statement = sql("INSERT INTO crm_tokens \
             (app, member, application, access, refresh, expires_at, endpoint, server) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
             ON CONFLICT (app) DO UPDATE SET member = excluded.member, \
             application = excluded.application, access = excluded.access, \
             refresh = excluded.refresh, expires_at = excluded.expires_at, \
             endpoint = excluded.endpoint, server = excluded.server");
        let statement = statement
            .bind(&tokens.app)
            .bind(&tokens.member)
            .bind(tokens.application.expose())
            .bind(tokens.access.expose())
            .bind(tokens.refresh.expose())
            .bind(tokens.expires_at)
            .bind(&tokens.endpoint)
            .bind(&tokens.server);
        self.db.execute(statement).await?;
        Ok(())
    }
}
