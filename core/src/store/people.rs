//! Who is who: native ids of one person, and what is known of them.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use super::db::{CHUNK, Tx, Value, sql};
use super::{Known, Store, StoreError};
use crate::event::Seen;
use crate::message::ConversationId;

impl Store {
    /// Notes that a customer agreed to this version of the text, the first time only.
    pub async fn put_consent(
        &self,
        conversation: &ConversationId,
        version: &str,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let statement = sql("INSERT INTO consents (conversation, version, at) \
             VALUES ($1, $2, $3) ON CONFLICT (conversation, version) DO NOTHING");
        let statement = statement.bind(conversation).bind(version).bind(at);
        self.db.execute(statement).await?;
        Ok(())
    }

    /// The version that a customer agreed to last.
    pub async fn consent(
        &self,
        conversation: &ConversationId,
    ) -> Result<Option<String>, StoreError> {
        let statement = sql("SELECT version FROM consents WHERE conversation = $1 \
             ORDER BY at DESC, version DESC LIMIT 1");
        let row = self.db.fetch_one(statement.bind(conversation)).await?;
        Ok(row.map(|row| row.get(0)).transpose()?)
    }

    /// The peer that names a conversation for ever: the first id ever seen of `ids` (in the order of
    /// preference) on the account; the others become aliases of it. An id that belongs to another
    /// peer already is left alone.
    pub async fn resolve_peer(
        &self,
        channel: &str,
        account: &str,
        ids: &[String],
    ) -> Result<String, StoreError> {
        let Some(first) = ids.first() else {
            return Err(StoreError::Refused("a person without any native id".into()));
        };
        let select = || {
            sql("SELECT native_id, peer FROM peers WHERE channel = $1 AND account = $2 AND native_id IN ")
                .bind(channel)
                .bind(account)
                .list(ids.iter().map(Value::from))
        };
        let mut known = HashMap::new();
        for row in self.db.fetch(select()).await? {
            known.insert(row.get::<String>(0)?, row.get::<String>(1)?);
        }
        if let (Some(peer), true) = (
            preferred(ids, &known),
            ids.iter().all(|id| known.contains_key(id)),
        ) {
            return Ok(peer);
        }

        // Something new: one at a time on this account.
        let mut tx = self.db.begin().await?;
        tx.lock(&format!("peers:{channel}:{account}")).await?;
        for row in tx.fetch(select()).await? {
            known.insert(row.get(0)?, row.get(1)?);
        }
        let peer = preferred(ids, &known).unwrap_or_else(|| first.clone());
        for id in ids.iter().filter(|id| !known.contains_key(*id)) {
            let statement = sql("INSERT INTO peers (channel, account, native_id, peer) \
                 VALUES ($1, $2, $3, $4) ON CONFLICT (channel, account, native_id) DO NOTHING");
            let statement = statement.bind(channel).bind(account).bind(id).bind(&peer);
            tx.execute(statement).await?;
        }
        tx.commit().await?;
        Ok(peer)
    }

    /// All native ids of a peer, itself included.
    pub async fn aliases(
        &self,
        channel: &str,
        account: &str,
        peer: &str,
    ) -> Result<Vec<String>, StoreError> {
        let statement = sql("SELECT native_id FROM peers \
             WHERE channel = $1 AND account = $2 AND peer = $3 ORDER BY native_id");
        let statement = statement.bind(channel).bind(account).bind(peer);
        let rows = self.db.fetch(statement).await?;
        rows.iter().map(|row| Ok(row.get(0)?)).collect()
    }

    /// What is known of the person in a conversation.
    pub async fn known(&self, conversation: &ConversationId) -> Result<Known, StoreError> {
        let statement = sql(
            "SELECT wrote_at, name, username, phone, coalesce(blocked, 0), \
             no_advertising, no_advertising_at FROM people WHERE conversation = $1",
        );
        let Some(row) = self.db.fetch_one(statement.bind(conversation)).await? else {
            return Ok(Known::default());
        };
        let refuses: Option<i64> = row.get(5)?;
        Ok(Known {
            wrote_at: row.opt_time(0)?,
            name: row.get(1)?,
            username: row.get(2)?,
            phone: row.get(3)?,
            blocked: row.flag(4)?,
            no_advertising: row.opt_time(6)?.filter(|_| refuses == Some(1)),
            wants_advertising: refuses == Some(0),
        })
    }
}

/// Notes what messages told about persons; older news never replaces newer.
pub(super) async fn note(tx: &mut Tx, seen: &[&Seen]) -> Result<(), sqlx::Error> {
    // A statement may touch a row once: all news of a conversation become one row first.
    let mut news: BTreeMap<&ConversationId, News> = BTreeMap::new();
    for seen in seen {
        news.entry(&seen.conversation).or_default().add(seen);
    }
    let news: Vec<_> = news.into_iter().collect();
    for chunk in news.chunks(CHUNK) {
        let rows = chunk
            .iter()
            .map(|(conversation, news)| news.row(conversation));
        let statement = sql("INSERT INTO people AS known (conversation, wrote_at, name, name_at, \
             username, username_at, phone, phone_at, blocked, blocked_at, \
             no_advertising, no_advertising_at) VALUES ")
        .rows(rows)
        .then(" ON CONFLICT (conversation) DO UPDATE SET ")
        .then("wrote_at = CASE WHEN excluded.wrote_at > coalesce(known.wrote_at, excluded.wrote_at - 1) \
             THEN excluded.wrote_at ELSE known.wrote_at END")
        .then(&newer("name"))
        .then(&newer("username"))
        .then(&newer("phone"))
        .then(&newer("blocked"))
        .then(&newer("no_advertising"));
        tx.execute(statement).await?;
    }
    Ok(())
}

fn preferred(ids: &[String], known: &HashMap<String, String>) -> Option<String> {
    ids.iter().find_map(|id| known.get(id)).cloned()
}

/// Takes a thing and its time over where the news is not older.
fn newer(thing: &str) -> String {
    let wins = format!("excluded.{thing}_at >= coalesce(known.{thing}_at, excluded.{thing}_at)");
    format!(
        ", {thing} = CASE WHEN {wins} THEN excluded.{thing} ELSE known.{thing} END, \
         {thing}_at = CASE WHEN {wins} THEN excluded.{thing}_at ELSE known.{thing}_at END"
    )
}

/// Something with the time of the news.
type Dated<T> = Option<(T, DateTime<Utc>)>;

/// The newest of what several messages told.
#[derive(Default)]
struct News {
    wrote_at: Option<DateTime<Utc>>,
    name: Dated<String>,
    username: Dated<String>,
    phone: Dated<String>,
    blocked: Dated<bool>,
    no_advertising: Dated<bool>,
}

impl News {
    fn add(&mut self, seen: &Seen) {
        if seen.wrote {
            self.wrote_at = self.wrote_at.max(Some(seen.at));
        }
        let profile = &seen.profile;
        renew(&mut self.name, profile.name.clone(), seen.at);
        renew(&mut self.username, profile.username.clone(), seen.at);
        renew(&mut self.phone, profile.phone.clone(), seen.at);
        renew(&mut self.blocked, seen.reachable.map(|is| !is), seen.at);
        renew(
            &mut self.no_advertising,
            seen.advertising.map(|is| !is),
            seen.at,
        );
    }

    fn row(&self, conversation: &ConversationId) -> [Value; 12] {
        fn at<T>(dated: Option<&(T, DateTime<Utc>)>) -> Value {
            dated.map(|(_, at)| *at).into()
        }
        fn text(dated: Option<&(String, DateTime<Utc>)>) -> Value {
            dated.map(|(text, _)| text.as_str()).into()
        }
        fn flag(dated: Option<&(bool, DateTime<Utc>)>) -> Value {
            dated.map(|(flag, _)| i64::from(*flag)).into()
        }
        [
            conversation.into(),
            self.wrote_at.into(),
            text(self.name.as_ref()),
            at(self.name.as_ref()),
            text(self.username.as_ref()),
            at(self.username.as_ref()),
            text(self.phone.as_ref()),
            at(self.phone.as_ref()),
            flag(self.blocked.as_ref()),
            at(self.blocked.as_ref()),
            flag(self.no_advertising.as_ref()),
            at(self.no_advertising.as_ref()),
        ]
    }
}

fn renew<T>(known: &mut Dated<T>, news: Option<T>, at: DateTime<Utc>) {
    if let Some(news) = news
        && known.as_ref().is_none_or(|(_, known)| *known <= at)
    {
        *known = Some((news, at));
    }
}
