//! The second factor of people of the firm: the secret of an app, codes for who has lost it, and who has
//! typed the password and owes the code.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::db::sql;
use super::staff::{hash, member, member_columns, token};
use super::{StaffMember, Store, StoreError};
use crate::config::Secret;

impl Store {
    /// Switches the second factor on, with the step of the code that proved it; `false` where it is on already.
    pub async fn begin_totp(
        &self,
        staff: Uuid,
        secret: &Secret,
        step: i64,
        recovery: &[Secret],
    ) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let statement = sql("UPDATE staff SET totp_secret = $2, totp_step = $3 \
             WHERE id = $1 AND totp_secret IS NULL");
        let statement = statement.bind(staff).bind(secret.expose()).bind(step);
        if tx.execute(statement).await? == 0 {
            return Ok(false);
        }
        let rows = recovery
            .iter()
            .map(|code| [staff.into(), hash(code.expose()).into()]);
        let codes = sql("INSERT INTO staff_recovery_codes (staff, code_hash) VALUES ").rows(rows);
        tx.execute(codes).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Switches it off; whether it was on.
    pub async fn end_totp(&self, staff: Uuid) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let statement = sql("UPDATE staff SET totp_secret = NULL, totp_step = NULL \
             WHERE id = $1 AND totp_secret IS NOT NULL");
        let ended = tx.execute(statement.bind(staff)).await? > 0;
        let codes = sql("DELETE FROM staff_recovery_codes WHERE staff = $1");
        tx.execute(codes.bind(staff)).await?;
        tx.commit().await?;
        Ok(ended)
    }

    /// The secret of somebody's app, where the second factor is on.
    pub async fn totp_secret(&self, staff: Uuid) -> Result<Option<Secret>, StoreError> {
        let statement =
            sql("SELECT totp_secret FROM staff WHERE id = $1 AND totp_secret IS NOT NULL");
        let row = self.db.fetch_one(statement.bind(staff)).await?;
        Ok(row
            .map(|row| row.get::<String>(0))
            .transpose()?
            .map(Secret::new))
    }

    /// Accepts the code of a step, unless one of it or of a later step was accepted before.
    pub async fn use_totp_step(&self, staff: Uuid, step: i64) -> Result<bool, StoreError> {
        let statement = sql("UPDATE staff SET totp_step = $2 WHERE id = $1 AND totp_step < $2");
        Ok(self.db.execute(statement.bind(staff).bind(step)).await? > 0)
    }

    /// Accepts a recovery code, which is void then.
    pub async fn use_recovery_code(&self, staff: Uuid, code: &str) -> Result<bool, StoreError> {
        let statement = sql("DELETE FROM staff_recovery_codes WHERE staff = $1 AND code_hash = $2");
        let used = self.db.execute(statement.bind(staff).bind(hash(code)));
        Ok(used.await? > 0)
    }

    /// How many recovery codes somebody has left.
    pub async fn recovery_codes(&self, staff: Uuid) -> Result<u64, StoreError> {
        let statement = sql("SELECT count(*) FROM staff_recovery_codes WHERE staff = $1");
        let row = self.db.fetch_one(statement.bind(staff)).await?;
        Ok(row.map_or(Ok(0), |row| row.count(0))?)
    }

    /// Notes that somebody has typed the password; with the token the code can be typed.
    pub async fn begin_half_login(
        &self,
        staff: Uuid,
        now: DateTime<Utc>,
        ends_at: DateTime<Utc>,
    ) -> Result<Secret, StoreError> {
        let token = token();
        let ended = sql("DELETE FROM staff_half_logins WHERE ends_at <= $1");
        self.db.execute(ended.bind(now)).await?;
        let statement =
            sql("INSERT INTO staff_half_logins (token_hash, staff, ends_at) VALUES ($1, $2, $3)");
        let statement = statement.bind(hash(&token)).bind(staff).bind(ends_at);
        self.db.execute(statement).await?;
        Ok(Secret::new(token))
    }

    /// Who has typed the password, while the code can be typed.
    pub async fn half_login(
        &self,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<StaffMember>, StoreError> {
        let statement = sql(concat!(
            "SELECT ",
            member_columns!(),
            " FROM staff WHERE disabled_at IS NULL AND id = \
             (SELECT staff FROM staff_half_logins WHERE token_hash = $1 AND ends_at > $2)"
        ));
        let row = self.db.fetch_one(statement.bind(hash(token)).bind(now));
        Ok(row.await?.as_ref().map(member).transpose()?)
    }

    /// Ends it; `false` where somebody else has done so.
    pub async fn end_half_login(&self, token: &str) -> Result<bool, StoreError> {
        let statement = sql("DELETE FROM staff_half_logins WHERE token_hash = $1");
        Ok(self.db.execute(statement.bind(hash(token))).await? > 0)
    }
}
