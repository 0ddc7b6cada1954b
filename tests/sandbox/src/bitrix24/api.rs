//! The portal in the hands of tests.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::acts::{Bitrix24Action, Bitrix24Request};
use super::events::Bitrix24Post;
use super::fields::CrmEntity;
use super::state::{Caller, Portal, Session};
use super::view::{CrmComment, CrmItem, CrmTodo};
use crate::sandbox::{ControlError, Sandbox};
use crate::time;
use crate::world::World;

/// Lets somebody act in the portal.
pub(crate) fn act(world: &Arc<World>, request: Bitrix24Request) -> Result<Value, ControlError> {
    time::stands(world)?;
    let result = {
        let mut state = world.state();
        let Some(portal) = &mut state.bitrix24 else {
            return Err(ControlError::Impossible("there is no portal".to_owned()));
        };
        let users = &portal.config.users;
        let usual = users.get(1).or(users.first()).map(|user| user.id);
        let caller = Caller {
            user: request.by.or(usual).unwrap_or_default(),
            ..Caller::default()
        };
        Session::new(world, portal, caller).act(request.action)
    };
    world.changed();
    result
}

impl Sandbox {
    /// What stands in for `https://portal.bitrix24.ru/rest/{user}/{code}`: the first incoming webhook.
    pub fn bitrix24_url(&self) -> String {
        let rest = format!("{}/rest", self.url());
        let webhook = self.portal(|portal| {
            let first = portal.config.webhooks.first();
            first.map(|webhook| format!("/{}/{}", webhook.user, webhook.code))
        });
        rest + &webhook.flatten().unwrap_or_default()
    }

    /// What stands in for the authorisation server, without `/oauth/token/`.
    pub fn bitrix24_oauth_url(&self) -> String {
        self.url()
    }

    /// Somebody does something in the portal, or it is set up otherwise.
    pub fn bitrix24(&self, request: impl Into<Bitrix24Request>) -> Result<Value, ControlError> {
        act(self.world(), request.into())
    }

    /// A manager moves a lead.
    pub fn bitrix24_moves(&self, lead: i64, stage: &str) -> Result<Value, ControlError> {
        self.bitrix24(Bitrix24Action::Moves {
            entity: CrmEntity::Lead,
            id: lead,
            stage: stage.to_owned(),
        })
    }

    /// The items of a kind, oldest first.
    pub fn bitrix24_items(&self, entity: CrmEntity) -> Vec<CrmItem> {
        self.portal(|portal| portal.crm_items(entity))
            .unwrap_or_default()
    }

    /// The comments and records beside all items, oldest first.
    pub fn bitrix24_comments(&self) -> Vec<CrmComment> {
        self.portal(Portal::crm_comments).unwrap_or_default()
    }

    /// The things to do beside all items, oldest first.
    pub fn bitrix24_todos(&self) -> Vec<CrmTodo> {
        self.portal(Portal::crm_todos).unwrap_or_default()
    }

    /// The events that were sent, in the order in which they ended.
    pub fn bitrix24_events(&self) -> Vec<Bitrix24Post> {
        self.portal(|portal| portal.outbox.posts.iter().cloned().collect())
            .unwrap_or_default()
    }

    /// How many calls were refused for a limit.
    pub fn bitrix24_refused(&self) -> u64 {
        self.portal(|portal| portal.limits.refused)
            .unwrap_or_default()
    }

    /// How often the tokens were renewed.
    pub fn bitrix24_refreshes(&self) -> u64 {
        self.portal(|portal| portal.tokens.refreshes)
            .unwrap_or_default()
    }

    /// Waits until the items of a kind satisfy `enough`; the last state if they never do.
    pub async fn bitrix24_until(
        &self,
        entity: CrmEntity,
        within: Duration,
        enough: impl Fn(&[CrmItem]) -> bool + Send,
    ) -> Vec<CrmItem> {
        let look = || Some(self.bitrix24_items(entity)).filter(|items| enough(items));
        match self.world().until(within, look).await {
            Some(items) => items,
            None => self.bitrix24_items(entity),
        }
    }

    /// Waits until the sent events satisfy `enough`; the last state if they never do.
    pub async fn bitrix24_events_until(
        &self,
        within: Duration,
        enough: impl Fn(&[Bitrix24Post]) -> bool + Send,
    ) -> Vec<Bitrix24Post> {
        let look = || Some(self.bitrix24_events()).filter(|posts| enough(posts));
        match self.world().until(within, look).await {
            Some(posts) => posts,
            None => self.bitrix24_events(),
        }
    }

    /// Waits until the comments and records satisfy `enough`; the last state if they never do.
    pub async fn bitrix24_comments_until(
        &self,
        within: Duration,
        enough: impl Fn(&[CrmComment]) -> bool + Send,
    ) -> Vec<CrmComment> {
        let look = || Some(self.bitrix24_comments()).filter(|comments| enough(comments));
        match self.world().until(within, look).await {
            Some(comments) => comments,
            None => self.bitrix24_comments(),
        }
    }

    fn portal<T>(&self, look: impl FnOnce(&Portal) -> T) -> Option<T> {
        self.world().state().bitrix24.as_ref().map(look)
    }
}
