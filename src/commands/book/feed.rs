//! Calendars to subscribe to.

use anyhow::Context;
use serde::Serialize;
use uuid::Uuid;
use zapis_core::store::{Feed, FeedOf};

use super::Desk;
use crate::cli::{FeedCommand, FeedWhose};
use crate::commands::{Failure, operator};
use crate::output::{self, Table};

/// A feed as JSON.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    id: Uuid,
    kind: &'static str,
    whose: &'a str,
    created_at: String,
    created_by: Option<&'a str>,
    revoked_at: Option<String>,
}

/// What `add` prints: the only time that the address is told.
#[derive(Debug, Serialize)]
struct Added<'a> {
    url: &'a str,
    #[serde(flatten)]
    feed: Shown<'a>,
}

impl Desk {
    pub(super) async fn feed(&self, command: FeedCommand) -> Result<(), Failure> {
        match command {
            FeedCommand::Add { whose, json } => self.add_feed(whose, json).await,
            FeedCommand::List { json } => self.list_feeds(json).await,
            FeedCommand::Revoke { id, json } => self.revoke_feed(id, json).await,
        }
    }

    async fn add_feed(&self, whose: FeedWhose, json: bool) -> Result<(), Failure> {
        let of = self.whose(whose)?;
        let (who, now) = (operator(), self.clock.now());
        let added = self.store.add_feed(of, Some(&who), now).await;
        let (feed, token) = added.context("making the address")?;
        let url = format!("{}/calendars/{}.ics", self.public_url, token.expose());
        if json {
            return Ok(output::json(&Added {
                url: &url,
                feed: self.shown_feed(&feed),
            })?);
        }
        output::line(url);
        output::complain(format!(
            "This address is shown once. To take it back: zapis book feed revoke {}",
            feed.id
        ));
        Ok(())
    }

    /// Whose visits, with an id that there is.
    fn whose(&self, whose: FeedWhose) -> Result<FeedOf, Failure> {
        let business = &self.business;
        if let Some(id) = whose.person {
            let known = business.staff.iter().map(|one| one.id.as_str());
            return one_of("person", id, &known.collect::<Vec<_>>()).map(FeedOf::Person);
        }
        let known = business.locations.iter().map(|one| one.id.as_str());
        let id = whose.location.unwrap_or_default();
        one_of("location", id, &known.collect::<Vec<_>>()).map(FeedOf::Location)
    }

    async fn list_feeds(&self, json: bool) -> Result<(), Failure> {
        let feeds = self.store.feeds().await.context("reading the addresses")?;
        if json {
            let shown: Vec<_> = feeds.iter().map(|feed| self.shown_feed(feed)).collect();
            return Ok(output::json(&shown)?);
        }
        if feeds.is_empty() {
            output::line("There is none.");
            return Ok(());
        }
        let mut table = Table::new(&["whose", "created", "by", "revoked", "id"]);
        for feed in &feeds {
            let day = |at| self.business.local(at).format("%Y-%m-%d %H:%M").to_string();
            table.row([
                format!("{} {}", feed.of.kind(), feed.of.id()),
                day(feed.created_at),
                feed.created_by.clone().unwrap_or_default(),
                feed.revoked_at.map(day).unwrap_or_default(),
                feed.id.to_string(),
            ]);
        }
        table.print();
        Ok(())
    }

    async fn revoke_feed(&self, id: Uuid, json: bool) -> Result<(), Failure> {
        let revoked = self.store.revoke_feed(id, self.clock.now()).await;
        if !revoked.context("taking the address back")? {
            return Err(Failure::Failed(anyhow::anyhow!(
                "there is no feed {id}: `zapis book feed list` shows all"
            )));
        }
        if json {
            return Ok(output::json(&serde_json::json!({ "id": id }))?);
        }
        output::line("revoked");
        Ok(())
    }

    fn shown_feed<'a>(&self, feed: &'a Feed) -> Shown<'a> {
        Shown {
            id: feed.id,
            kind: feed.of.kind(),
            whose: feed.of.id(),
            created_at: self.time(feed.created_at),
            created_by: feed.created_by.as_deref(),
            revoked_at: feed.revoked_at.map(|at| self.time(at)),
        }
    }
}

fn one_of(what: &str, id: String, known: &[&str]) -> Result<String, Failure> {
    if known.contains(&id.as_str()) {
        return Ok(id);
    }
    let known = known.join(", ");
    Err(Failure::Usage(format!(
        "there is no {what} `{id}`: use one of {known}"
    )))
}
