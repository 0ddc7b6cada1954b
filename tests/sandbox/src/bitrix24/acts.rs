//! What managers and the owner do in the portal.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::answer::RestError;
use super::config::{Bitrix24Field, Bitrix24Mode, Bitrix24Outgoing, Bitrix24User, Presence};
use super::fields::CrmEntity;
use super::items::Input;
use super::multifields::{self, Wish};
use super::php::Php;
use super::state::Session;
use super::timeline::Comment;
use crate::sandbox::ControlError;

/// One thing somebody does in the portal, or a setting of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Bitrix24Action {
    /// A manager moves an item to another stage.
    Moves {
        /// What.
        entity: CrmEntity,
        /// Which.
        id: i64,
        /// Where, for example `IN_PROCESS`.
        stage: String,
    },
    /// A manager takes an item, or gives it to somebody.
    Assigns {
        /// What.
        entity: CrmEntity,
        /// Which.
        id: i64,
        /// To whom.
        user: i64,
    },
    /// A manager comments.
    Comments {
        /// What.
        entity: CrmEntity,
        /// Which.
        id: i64,
        /// The comment.
        text: String,
    },
    /// A manager fills fields, named as in `crm.item.*`.
    Sets {
        /// What.
        entity: CrmEntity,
        /// Which.
        id: i64,
        /// Names and values; `fm` as in `crm.item.update`.
        fields: Map<String, Value>,
    },
    /// A manager enters an item.
    Creates {
        /// What.
        entity: CrmEntity,
        /// Names and values; `fm` as in `crm.item.add`.
        fields: Map<String, Value>,
    },
    /// A manager deletes an item.
    Deletes {
        /// What.
        entity: CrmEntity,
        /// Which.
        id: i64,
    },
    /// A manager merges items into one; the others are gone.
    Merges {
        /// What.
        entity: CrmEntity,
        /// Which stays.
        id: i64,
        /// Which go.
        others: Vec<i64>,
    },
    /// A manager ticks a thing to do.
    Completes {
        /// Which.
        id: i64,
    },
    /// The owner switches leads on or off; open leads become deals.
    SwitchesMode {
        /// To what.
        mode: Bitrix24Mode,
    },
    /// The owner adds a field, or requires one.
    Requires {
        /// Which, and whether it is required.
        field: Bitrix24Field,
    },
    /// Somebody is hired, or changed: by id.
    Employs {
        /// Who.
        user: Bitrix24User,
    },
    /// Somebody is dismissed: the user stays, no longer active.
    Dismisses {
        /// Who.
        user: i64,
    },
    /// Somebody is gone from the portal altogether.
    Removes {
        /// Who.
        user: i64,
    },
    /// How somebody's working day stands.
    IsPresent {
        /// Who.
        user: i64,
        /// How.
        presence: Presence,
    },
    /// The code of a webhook is changed; the old one is worth nothing.
    RotatesCode {
        /// Whose.
        user: i64,
        /// The new one.
        code: String,
    },
    /// A webhook or the application may touch only this from now on.
    Scopes {
        /// For example `crm`.
        scopes: Vec<String>,
    },
    /// Another rate: how many at once, how many a second.
    Rate {
        /// At once.
        burst: u32,
        /// A second.
        per_second: u32,
    },
    /// Each call of a method works so long from now on.
    Takes {
        /// For example `crm.item.add`.
        method: String,
        /// Seconds.
        seconds: f64,
    },
    /// An administrator installs the application, whose installation path is this.
    Installs {
        /// Where it is told.
        handler: String,
    },
    /// Every access token of the application ends now.
    ExpireTokens,
    /// Whether the duplicate search compares digits (as observed) or spellings (as documented).
    NormalisesPhones {
        /// Whether.
        on: bool,
    },
    /// An outgoing webhook, by its address; events may name some.
    Listens {
        /// Which.
        outgoing: Bitrix24Outgoing,
    },
    /// The next events get lost.
    LosesEvents {
        /// How many.
        count: u32,
    },
    /// Events wait until this is taken back.
    HoldsEvents {
        /// Whether.
        on: bool,
    },
}

/// An action, and who does it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bitrix24Request {
    /// Who; the second employee, if nobody is named.
    #[serde(default)]
    pub by: Option<i64>,
    /// What.
    #[serde(flatten)]
    pub action: Bitrix24Action,
}

impl From<Bitrix24Action> for Bitrix24Request {
    fn from(action: Bitrix24Action) -> Self {
        Self { by: None, action }
    }
}

fn impossible(error: RestError) -> ControlError {
    ControlError::Impossible(error.description)
}

fn nobody() -> ControlError {
    ControlError::Impossible("there is no such user".to_owned())
}

fn field(name: &str, value: impl Into<Value>) -> Input {
    Input {
        fields: vec![(name.to_owned(), (&value.into()).into())],
        ..Input::default()
    }
}

fn input(fields: &Map<String, Value>) -> Input {
    let given = Php::from(&Value::Object(fields.clone()));
    Input {
        multi: multifields::wishes(given.get("fm")),
        fields: given.entries().to_vec(),
    }
}

impl Session<'_> {
    /// Lets somebody act; returns the id of what it produced or changed.
    pub(crate) fn act(&mut self, action: Bitrix24Action) -> Result<Value, ControlError> {
        let id = match action {
            Bitrix24Action::Moves { entity, id, stage } => {
                self.alter(entity, id, &field("stageId", stage))?
            }
            Bitrix24Action::Assigns { entity, id, user } => {
                self.alter(entity, id, &field("assignedById", user))?
            }
            Bitrix24Action::Sets { entity, id, fields } => {
                self.alter(entity, id, &input(&fields))?
            }
            Bitrix24Action::Creates { entity, fields } => {
                let item = self.create(entity, &input(&fields)).map_err(impossible)?;
                item.id("id")
            }
            Bitrix24Action::Comments { entity, id, text } => self
                .write_beside((entity, id), &text, None)
                .map_err(impossible)?,
            Bitrix24Action::Deletes { entity, id } => {
                self.delete(entity, id).map_err(impossible)?;
                id
            }
            Bitrix24Action::Merges { entity, id, others } => {
                self.merge(entity, id, &others)?;
                id
            }
            Bitrix24Action::Completes { id } => {
                let activity = self.portal.activities.get_mut(&id);
                let Some(activity) = activity else {
                    let why = "there is no such thing to do".to_owned();
                    return Err(ControlError::Impossible(why));
                };
                activity.completed = true;
                self.tell("ONCRMACTIVITYUPDATE", id);
                id
            }
            setting => return self.set(setting),
        };
        Ok(json!({ "id": id }))
    }

    fn alter(&mut self, entity: CrmEntity, id: i64, input: &Input) -> Result<i64, ControlError> {
        self.change(entity, id, input).map_err(impossible)?;
        Ok(id)
    }

    /// Multifields and timelines of the others come along.
    fn merge(&mut self, entity: CrmEntity, id: i64, others: &[i64]) -> Result<(), ControlError> {
        let mut input = Input::default();
        for other in others {
            let item = self.wanted(entity, *other).map_err(impossible)?;
            input.multi.extend(item.fm.iter().map(Wish::from));
        }
        self.alter(entity, id, &input)?;
        let (main, gone) = ((entity, id), |owner: (CrmEntity, i64)| {
            owner.0 == entity && others.contains(&owner.1)
        });
        let comments = self.portal.comments.values_mut();
        for owner in comments.map(|comment: &mut Comment| &mut comment.owner) {
            if gone(*owner) {
                *owner = main;
            }
        }
        for activity in self.portal.activities.values_mut() {
            if gone(activity.owner) {
                activity.owner = main;
            }
        }
        for other in others {
            self.delete(entity, *other).map_err(impossible)?;
        }
        Ok(())
    }

    fn set(&mut self, setting: Bitrix24Action) -> Result<Value, ControlError> {
        let config = &mut self.portal.config;
        let limits = &mut self.portal.limits;
        let outbox = &mut self.portal.outbox;
        match setting {
            Bitrix24Action::SwitchesMode { mode } => {
                let before = std::mem::replace(&mut config.mode, mode);
                if before == Bitrix24Mode::Classic && mode == Bitrix24Mode::Simple {
                    self.converts_leads().map_err(impossible)?;
                }
            }
            Bitrix24Action::Requires { field } => {
                let same = |it: &Bitrix24Field| it.entity == field.entity && it.name == field.name;
                config.custom_fields.retain(|it| !same(it));
                config.custom_fields.push(field);
            }
            Bitrix24Action::Employs { user } => {
                config.users.retain(|known| known.id != user.id);
                config.users.push(user);
            }
            Bitrix24Action::Removes { user } => config.users.retain(|known| known.id != user),
            Bitrix24Action::Dismisses { user } => {
                let known = config.users.iter_mut().find(|known| known.id == user);
                known.ok_or_else(nobody)?.active = false;
            }
            Bitrix24Action::IsPresent { user, presence } => {
                let known = config.users.iter_mut().find(|known| known.id == user);
                known.ok_or_else(nobody)?.presence = presence;
            }
            Bitrix24Action::RotatesCode { user, code } => {
                let known = config.webhooks.iter_mut().find(|known| known.user == user);
                known.ok_or_else(nobody)?.code = code;
            }
            Bitrix24Action::Scopes { scopes } => {
                for webhook in &mut config.webhooks {
                    webhook.scopes.clone_from(&scopes);
                }
                if let Some(app) = &mut config.app {
                    app.scopes = scopes;
                }
            }
            Bitrix24Action::Rate { burst, per_second } => {
                (config.burst, config.per_second) = (burst, per_second);
            }
            Bitrix24Action::Takes { method, seconds } => limits.takes(&method, seconds),
            Bitrix24Action::Installs { handler } => {
                let (url, seconds) = (self.world.portal_url(), self.now_ms / 1000);
                outbox.install(config, &self.portal.tokens, &url, &handler, seconds);
            }
            Bitrix24Action::ExpireTokens => self.portal.tokens.expire(),
            Bitrix24Action::NormalisesPhones { on } => self.portal.normalises_phones = on,
            Bitrix24Action::Listens { outgoing } => {
                outbox.outgoing.retain(|known| known.url != outgoing.url);
                outbox.outgoing.push(outgoing);
            }
            Bitrix24Action::LosesEvents { count } => outbox.losing = count,
            Bitrix24Action::HoldsEvents { on } => outbox.hold = on,
            _ => {}
        }
        self.world.show(json!({"type": "bitrix24"}));
        Ok(json!({}))
    }
}
