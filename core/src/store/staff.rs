//! People of the firm who work in the console: who they are, what opens it for them, who is logged in.
//!
//! What opens it (links, sessions) is told once and kept as a hash.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::db::{Row, Tx, sql};
use super::{Store, StoreError};
use crate::config::Secret;

/// What somebody may do; each may also do what those before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Chats, and the visits of a location.
    Administrator,
    /// All visits, knowledge and drafts too.
    Manager,
    /// Everything: figures, people, settings.
    Owner,
}

impl Role {
    /// All of them, least first.
    pub const ALL: [Self; 3] = [Self::Administrator, Self::Manager, Self::Owner];

    /// As it is stored and named in commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Manager => "manager",
            Self::Owner => "owner",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = BadRole;

    fn from_str(text: &str) -> Result<Self, BadRole> {
        let mut all = Self::ALL.into_iter();
        all.find(|role| role.name() == text).ok_or(BadRole)
    }
}

/// Not a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a role: administrator, manager or owner")]
pub struct BadRole;

/// Somebody of the firm.
#[derive(Clone, PartialEq, Eq)]
pub struct StaffMember {
    /// Names the person for ever.
    pub id: Uuid,
    /// What is typed to log in, in small letters.
    pub login: String,
    /// As customers and colleagues read it.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// Whose visits an administrator sees; all where nothing is set.
    pub location: Option<String>,
    /// `ru` or `en`.
    pub language: String,
    /// Whether a password was chosen.
    pub has_password: bool,
    /// Whether the password alone lets nobody in.
    pub has_second_factor: bool,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Since when the person may not log in any more.
    pub disabled_at: Option<DateTime<Utc>>,
}

impl fmt::Debug for StaffMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StaffMember({}, {})", self.id, self.role)
    }
}

/// Somebody who comes.
#[derive(Clone, PartialEq, Eq)]
pub struct NewStaff {
    /// What will be typed to log in.
    pub login: String,
    /// As customers and colleagues read it.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// Whose visits an administrator sees; all where nothing is set.
    pub location: Option<String>,
    /// `ru` or `en`.
    pub language: String,
}

impl fmt::Debug for NewStaff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewStaff({})", self.role)
    }
}

/// What is changed about somebody; the rest stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StaffChange {
    /// Another role.
    pub role: Option<Role>,
    /// Another location, or all.
    pub location: Option<Option<String>>,
    /// Another language.
    pub language: Option<String>,
    /// Whether the person may not log in any more.
    pub disabled: Option<bool>,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StaffChanged {
    /// It is done.
    Done,
    /// There is nobody of this id.
    Unknown,
    /// Nobody would be left who may do everything.
    LastOwner,
}

/// Somebody who is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffSession {
    /// Who.
    pub member: StaffMember,
    /// When it was last used, to the minute.
    pub seen_at: DateTime<Utc>,
}

macro_rules! member_columns {
    () => {
        "id, login, name, role, location, language, \
         CAST(CASE WHEN password IS NULL THEN 0 ELSE 1 END AS BIGINT), created_at, disabled_at, \
         CAST(CASE WHEN totp_secret IS NULL THEN 0 ELSE 1 END AS BIGINT)"
    };
}
pub(super) use member_columns;

impl Store {
    /// Adds somebody; nothing where the login or the name is taken: chats are owned by name.
    pub async fn add_staff(
        &self,
        new: &NewStaff,
        now: DateTime<Utc>,
    ) -> Result<Option<StaffMember>, StoreError> {
        let member = StaffMember {
            id: Uuid::new_v4(),
            login: new.login.trim().to_lowercase(),
            name: new.name.trim().to_owned(),
            role: new.role,
            location: new.location.clone(),
            language: new.language.clone(),
            has_password: false,
            has_second_factor: false,
            created_at: now,
            disabled_at: None,
        };
        let statement = sql(
            "INSERT INTO staff (id, login, name, role, location, language, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        );
        let statement = statement
            .bind(member.id)
            .bind(&member.login)
            .bind(&member.name)
            .bind(member.role.name())
            .bind(member.location.as_deref())
            .bind(&member.language)
            .bind(now);
        Ok((self.db.execute(statement).await? == 1).then_some(member))
    }

    /// Everybody, by name.
    pub async fn staff(&self) -> Result<Vec<StaffMember>, StoreError> {
        let statement = sql(concat!(
            "SELECT ",
            member_columns!(),
            " FROM staff ORDER BY disabled_at IS NOT NULL, name, login"
        ));
        let rows = self.db.fetch(statement).await?;
        Ok(rows.iter().map(member).collect::<Result<_, _>>()?)
    }

    /// Somebody by id.
    pub async fn staff_member(&self, id: Uuid) -> Result<Option<StaffMember>, StoreError> {
        let statement = sql(concat!(
            "SELECT ",
            member_columns!(),
            " FROM staff WHERE id = $1"
        ));
        let row = self.db.fetch_one(statement.bind(id)).await?;
        Ok(row.as_ref().map(member).transpose()?)
    }

    /// Somebody by login, who may log in, with the hash of the password.
    pub async fn staff_by_login(
        &self,
        login: &str,
    ) -> Result<Option<(StaffMember, Secret)>, StoreError> {
        let statement = sql(concat!(
            "SELECT ",
            member_columns!(),
            ", password FROM staff \
             WHERE login = $1 AND disabled_at IS NULL AND password IS NOT NULL"
        ));
        let statement = statement.bind(login.trim().to_lowercase());
        let Some(row) = self.db.fetch_one(statement).await? else {
            return Ok(None);
        };
        Ok(Some((member(&row)?, Secret::new(row.get::<String>(10)?))))
    }

    /// Changes somebody. Who may not log in any more is logged out everywhere.
    pub async fn change_staff(
        &self,
        id: Uuid,
        change: &StaffChange,
        now: DateTime<Utc>,
    ) -> Result<StaffChanged, StoreError> {
        let mut tx = self.db.begin().await?;
        tx.lock("staff").await?;
        let statement = sql(concat!(
            "SELECT ",
            member_columns!(),
            " FROM staff WHERE id = $1"
        ));
        let Some(row) = tx.fetch_one(statement.bind(id)).await? else {
            return Ok(StaffChanged::Unknown);
        };
        let mut member = member(&row)?;
        member.role = change.role.unwrap_or(member.role);
        if let Some(location) = &change.location {
            member.location.clone_from(location);
        }
        if let Some(language) = &change.language {
            member.language.clone_from(language);
        }
        if let Some(disabled) = change.disabled {
            member.disabled_at = disabled.then_some(member.disabled_at.unwrap_or(now));
        }
        let statement = sql(
            "UPDATE staff SET role = $2, location = $3, language = $4, disabled_at = $5 \
             WHERE id = $1",
        );
        let statement = statement
            .bind(id)
            .bind(member.role.name())
            .bind(member.location.as_deref())
            .bind(&member.language)
            .bind(member.disabled_at);
        tx.execute(statement).await?;
        let owners = sql("SELECT count(*) FROM staff WHERE role = 'owner' AND disabled_at IS NULL");
        let owners = tx.fetch_one(owners).await?;
        if owners.map_or(Ok(0), |row| row.count::<u64>(0))? == 0 {
            return Ok(StaffChanged::LastOwner);
        }
        if member.disabled_at.is_some() {
            let sessions = sql("DELETE FROM staff_sessions WHERE staff = $1");
            tx.execute(sessions.bind(id)).await?;
            let links = sql("DELETE FROM staff_links WHERE staff = $1");
            tx.execute(links.bind(id)).await?;
        }
        tx.commit().await?;
        Ok(StaffChanged::Done)
    }

    /// Makes a link with which somebody chooses a password; earlier ones are void.
    pub async fn add_staff_link(
        &self,
        staff: Uuid,
        ends_at: DateTime<Utc>,
    ) -> Result<Secret, StoreError> {
        let token = token();
        let mut tx = self.db.begin().await?;
        let earlier = sql("DELETE FROM staff_links WHERE staff = $1");
        tx.execute(earlier.bind(staff)).await?;
        let statement =
            sql("INSERT INTO staff_links (token_hash, staff, ends_at) VALUES ($1, $2, $3)");
        let statement = statement.bind(hash(&token)).bind(staff).bind(ends_at);
        tx.execute(statement).await?;
        tx.commit().await?;
        Ok(Secret::new(token))
    }

    /// Whose link this is, while it can be used.
    pub async fn staff_of_link(
        &self,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<StaffMember>, StoreError> {
        let statement = sql(concat!(
            "SELECT ",
            member_columns!(),
            " FROM staff WHERE disabled_at IS NULL AND id = \
             (SELECT staff FROM staff_links WHERE token_hash = $1 AND ends_at > $2)"
        ));
        let row = self.db.fetch_one(statement.bind(hash(token)).bind(now));
        Ok(row.await?.as_ref().map(member).transpose()?)
    }

    /// Sets the password of the person of a link, which is void then, and logs her out everywhere; `false`
    /// when it cannot be used.
    pub async fn use_staff_link(
        &self,
        token: &str,
        password: &Secret,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let link =
            sql("DELETE FROM staff_links WHERE token_hash = $1 AND ends_at > $2 RETURNING staff");
        let row = tx.fetch_one(link.bind(hash(token)).bind(now)).await?;
        let Some(staff) = row.map(|row| row.parsed::<Uuid>(0)).transpose()? else {
            return Ok(false);
        };
        if !set_password(&mut tx, staff, password).await? {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Sets the password of somebody, and logs her out everywhere.
    pub async fn set_staff_password(
        &self,
        staff: Uuid,
        password: &Secret,
    ) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let set = set_password(&mut tx, staff, password).await?;
        tx.commit().await?;
        Ok(set)
    }

    /// Logs somebody in; what the browser keeps.
    pub async fn begin_staff_session(
        &self,
        staff: Uuid,
        device: &str,
        now: DateTime<Utc>,
        ends_at: DateTime<Utc>,
    ) -> Result<Secret, StoreError> {
        let token = token();
        let statement = sql(
            "INSERT INTO staff_sessions (token_hash, staff, device, began_at, seen_at, ends_at) \
             VALUES ($1, $2, $3, $4, $4, $5)",
        );
        let statement = statement
            .bind(hash(&token))
            .bind(staff)
            .bind(device)
            .bind(now)
            .bind(ends_at);
        self.db.execute(statement).await?;
        Ok(Secret::new(token))
    }

    /// Who a browser belongs to, while that person may be here.
    pub async fn staff_session(
        &self,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<StaffSession>, StoreError> {
        let statement = sql(concat!(
            "SELECT ",
            member_columns!(),
            ", seen_at FROM staff_sessions JOIN staff ON staff.id = staff_sessions.staff \
             WHERE token_hash = $1 AND ends_at > $2 AND disabled_at IS NULL"
        ));
        let row = self.db.fetch_one(statement.bind(hash(token)).bind(now));
        let Some(row) = row.await? else {
            return Ok(None);
        };
        Ok(Some(StaffSession {
            member: member(&row)?,
            seen_at: row.time(10)?,
        }))
    }

    /// Notes that a browser is in use, and until when it stays logged in.
    pub async fn touch_staff_session(
        &self,
        token: &str,
        now: DateTime<Utc>,
        ends_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let statement =
            sql("UPDATE staff_sessions SET seen_at = $2, ends_at = $3 WHERE token_hash = $1");
        let statement = statement.bind(hash(token)).bind(now).bind(ends_at);
        self.db.execute(statement).await?;
        let ended = sql("DELETE FROM staff_sessions WHERE ends_at <= $1");
        self.db.execute(ended.bind(now)).await?;
        Ok(())
    }

    /// Logs a browser out.
    pub async fn end_staff_session(&self, token: &str) -> Result<(), StoreError> {
        let statement = sql("DELETE FROM staff_sessions WHERE token_hash = $1");
        self.db.execute(statement.bind(hash(token))).await?;
        Ok(())
    }

    /// On how many browsers somebody is logged in.
    pub async fn count_staff_sessions(
        &self,
        staff: Uuid,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let statement =
            sql("SELECT count(*) FROM staff_sessions WHERE staff = $1 AND ends_at > $2");
        let row = self.db.fetch_one(statement.bind(staff).bind(now)).await?;
        Ok(row.map_or(Ok(0), |row| row.count(0))?)
    }

    /// Logs somebody out everywhere.
    pub async fn end_staff_sessions(&self, staff: Uuid) -> Result<(), StoreError> {
        let statement = sql("DELETE FROM staff_sessions WHERE staff = $1");
        self.db.execute(statement.bind(staff)).await?;
        Ok(())
    }
}

/// Sets a password; who has come in with the one before is out, also who has come half-way. `false` for who may
/// not come in.
async fn set_password(tx: &mut Tx, staff: Uuid, password: &Secret) -> Result<bool, StoreError> {
    let statement = sql("UPDATE staff SET password = $2 WHERE id = $1 AND disabled_at IS NULL");
    let set = tx.execute(statement.bind(staff).bind(password.expose()));
    if set.await? == 0 {
        return Ok(false);
    }
    let sessions = sql("DELETE FROM staff_sessions WHERE staff = $1");
    tx.execute(sessions.bind(staff)).await?;
    let halves = sql("DELETE FROM staff_half_logins WHERE staff = $1");
    tx.execute(halves.bind(staff)).await?;
    Ok(true)
}

pub(super) fn token() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

pub(super) fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

pub(super) fn member(row: &Row) -> Result<StaffMember, sqlx::Error> {
    let role: String = row.get(3)?;
    Ok(StaffMember {
        id: row.parsed(0)?,
        login: row.get(1)?,
        name: row.get(2)?,
        role: role.parse().map_err(|_| super::db::damaged())?,
        location: row.get(4)?,
        language: row.get(5)?,
        has_password: row.flag(6)?,
        created_at: row.time(7)?,
        disabled_at: row.opt_time(8)?,
        has_second_factor: row.flag(9)?,
    })
}
