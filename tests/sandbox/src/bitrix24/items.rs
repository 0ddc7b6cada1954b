//! What happens to leads, deals, contacts and companies, whoever does it.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use serde_json::{Value, json};

use super::answer::RestError;
use super::fields::{self, CrmEntity, Kind};
use super::multifields::{self, Wish};
use super::php::Php;
use super::stages;
use super::state::{Item, Session};

/// What somebody wants an item to be: fields by their new names, and multifields.
#[derive(Debug, Clone, Default)]
pub(crate) struct Input {
    pub(crate) fields: Vec<(String, Php)>,
    pub(crate) multi: Vec<Wish>,
}

impl Input {
    fn gives(&self, name: &str) -> bool {
        let given = self.fields.iter().find(|(known, _)| known == name);
        given.is_some_and(|(_, value)| value.is_array() || !value.text().is_empty())
    }
}

fn not_valid(name: &str) -> RestError {
    let why = format!("Invalid value for field {name}");
    RestError::bad("CRM_FIELD_ERROR_VALUE_NOT_VALID", &why)
}

impl Session<'_> {
    /// Creates an item and returns it as it was created: in simple mode a lead is gone a moment later.
    pub(crate) fn create(&mut self, entity: CrmEntity, input: &Input) -> Result<Item, RestError> {
        self.required(entity, input)?;
        self.put(entity, input)
    }

    /// The same without asking what managers must fill: a conversion does not.
    fn put(&mut self, entity: CrmEntity, input: &Input) -> Result<Item, RestError> {
        let mut item = self.blank(entity);
        self.fill(entity, &mut item, input)?;
        let id = self.portal.next_id(entity.word());
        item.fields.insert("id".to_owned(), json!(id));
        if item.text("title").is_empty() && entity != CrmEntity::Contact {
            let word = match entity {
                CrmEntity::Lead => "Лид",
                CrmEntity::Deal => "Сделка",
                _ => "Компания",
            };
            let title = json!(format!("{word} #{id}"));
            item.fields.insert("title".to_owned(), title);
        }
        if item.id("contactId") > 0 || item.id("companyId") > 0 {
            item.fields
                .insert("isReturnCustomer".to_owned(), json!("Y"));
        }
        self.portal
            .items
            .entry(entity)
            .or_default()
            .insert(id, item.clone());
        if entity.has_stages() {
            self.note_stage(entity, id, true);
        }
        self.tell(&format!("ONCRM{}ADD", entity.word()), id);
        if entity == CrmEntity::Lead && self.portal.is_simple() {
            self.becomes_deal(id, &item)?;
            self.portal.items.entry(entity).or_default().remove(&id);
        }
        Ok(item)
    }

    /// Changes an item; what is not mentioned stays.
    pub(crate) fn change(
        &mut self,
        entity: CrmEntity,
        id: i64,
        input: &Input,
    ) -> Result<Item, RestError> {
        let known = self.portal.item(entity, id).cloned();
        let mut item = known.ok_or_else(|| RestError::bad("NOT_FOUND", "Item not found"))?;
        let stood = item.text("stageId").to_owned();
        self.fill(entity, &mut item, input)?;
        let (date, user) = (json!(self.date()), json!(self.caller.user));
        item.fields.insert("updatedTime".to_owned(), date.clone());
        item.fields.insert("updatedBy".to_owned(), user.clone());
        let moved = item.text("stageId") != stood;
        if moved {
            item.fields.insert("movedTime".to_owned(), date);
            item.fields.insert("movedBy".to_owned(), user);
        }
        self.portal
            .items
            .entry(entity)
            .or_default()
            .insert(id, item.clone());
        if moved {
            self.note_stage(entity, id, false);
        }
        self.tell(&format!("ONCRM{}UPDATE", entity.word()), id);
        Ok(item)
    }

    /// Deletes an item with its timeline.
    pub(crate) fn delete(&mut self, entity: CrmEntity, id: i64) -> Result<(), RestError> {
        let gone = self.portal.items.entry(entity).or_default().remove(&id);
        if gone.is_none() {
            return Err(RestError::bad("NOT_FOUND", "Item not found"));
        }
        let owner = (entity, id);
        self.portal
            .comments
            .retain(|_, comment| comment.owner != owner);
        self.portal
            .activities
            .retain(|_, activity| activity.owner != owner);
        self.tell(&format!("ONCRM{}DELETE", entity.word()), id);
        Ok(())
    }

    /// Every open lead becomes a deal, as when an owner switches leads off.
    pub(crate) fn converts_leads(&mut self) -> Result<(), RestError> {
        let leads = self.portal.of(CrmEntity::Lead);
        let open = leads.filter(|(_, lead)| lead.text("stageSemanticId") == "P");
        let open: Vec<_> = open.map(|(id, lead)| (id, lead.clone())).collect();
        for (id, lead) in open {
            self.becomes_deal(id, &lead)?;
            let converted = Input {
                fields: vec![("stageId".to_owned(), Php::Text("CONVERTED".to_owned()))],
                ..Input::default()
            };
            self.change(CrmEntity::Lead, id, &converted)?;
        }
        Ok(())
    }

    /// A contact, if the lead has none yet, and a deal that keeps where the lead came from.
    fn becomes_deal(&mut self, lead: i64, item: &Item) -> Result<(), RestError> {
        let from_lead = |names: &[&str]| -> Vec<(String, Php)> {
            let given = names.iter().filter_map(|name| {
                let value = item.fields.get(*name)?;
                Some(((*name).to_owned(), value.into()))
            });
            given.collect()
        };
        let number = |id: i64| Php::Number(id.into());
        let mut contact = item.id("contactId");
        if contact == 0 && (!item.fm.is_empty() || !item.text("name").is_empty()) {
            let mut input = Input {
                fields: from_lead(&["name", "secondName", "lastName", "sourceId", "assignedById"]),
                multi: item.fm.iter().map(Wish::from).collect(),
            };
            input.fields.push(("leadId".to_owned(), number(lead)));
            contact = self.put(CrmEntity::Contact, &input)?.id("id");
        }
        let mut input = Input {
            fields: from_lead(&[
                "title",
                "comments",
                "sourceId",
                "sourceDescription",
                "assignedById",
                "opportunity",
                "currencyId",
                "isManualOpportunity",
                "companyId",
                "originatorId",
                "originId",
                "utmSource",
                "utmMedium",
                "utmCampaign",
                "utmContent",
                "utmTerm",
            ]),
            multi: Vec::new(),
        };
        input.fields.push(("leadId".to_owned(), number(lead)));
        input.fields.push(("contactId".to_owned(), number(contact)));
        self.put(CrmEntity::Deal, &input)?;
        Ok(())
    }

    fn required(&self, entity: CrmEntity, input: &Input) -> Result<(), RestError> {
        let of_entity = self
            .portal
            .config
            .custom_fields
            .iter()
            .filter(|field| field.entity == entity && field.required);
        for field in of_entity {
            if !input.gives(&field.name) {
                let title = if field.title.is_empty() {
                    &field.name
                } else {
                    &field.title
                };
                let why = format!("Поле \"{title}\" обязательно для заполнения");
                return Err(RestError::bad("CRM_FIELD_ERROR_REQUIRED", &why));
            }
        }
        Ok(())
    }

    /// What the portal sets by itself.
    fn blank(&self, entity: CrmEntity) -> Item {
        let (date, user) = (self.date(), self.caller.user);
        let mut item = Item::default();
        for field in fields::of(entity) {
            let value = match field.name {
                "createdTime" | "updatedTime" | "movedTime" | "lastActivityTime" => json!(date),
                "createdBy" | "updatedBy" | "movedBy" | "assignedById" | "lastActivityBy" => {
                    json!(user)
                }
                "opened" => json!("Y"),
                "closed" | "isManualOpportunity" | "isReturnCustomer" => json!("N"),
                "stageId" => json!("NEW"),
                "stageSemanticId" => json!("P"),
                "currencyId" => json!("RUB"),
                "opportunity" | "categoryId" | "companyId" | "contactId" => json!(0),
                "contactIds" | "observers" => json!([]),
                _ => Value::Null,
            };
            item.fields.insert(field.name.to_owned(), value);
        }
        item
    }

    /// Puts what somebody wants into an item; what nobody knows is ignored without a word.
    fn fill(&mut self, entity: CrmEntity, item: &mut Item, input: &Input) -> Result<(), RestError> {
        // The stage is read in its pipeline, so that comes first.
        let first = |name: &str| name != "categoryId";
        let mut given: Vec<_> = input.fields.iter().collect();
        given.sort_by_key(|(name, _)| first(name));
        for (name, value) in given {
            if name == "stageId" && value.text().is_empty() {
                continue;
            }
            let stored = self.stored(entity, item, name, value)?;
            let Some(stored) = stored else { continue };
            if name == "categoryId" && item.id("categoryId") != value.int() {
                let stage = format!("{}NEW", stages::prefix(value.int()));
                item.fields.insert("stageId".to_owned(), json!(stage));
            }
            item.fields.insert(name.clone(), stored);
        }
        if entity.has_stages() {
            self.follow(entity, item);
            Self::contacts_agree(item, input);
        }
        if entity.has_multifields() {
            multifields::apply(&mut *self.portal, item, &input.multi);
        }
        Ok(())
    }

    /// A value as it is kept, if there is such a field to write to.
    fn stored(
        &self,
        entity: CrmEntity,
        item: &Item,
        name: &str,
        value: &Php,
    ) -> Result<Option<Value>, RestError> {
        let custom = &self.portal.config.custom_fields;
        if custom
            .iter()
            .any(|field| field.entity == entity && field.name == name)
            && name.starts_with("ufCrm_")
        {
            return Ok(Some(match value {
                Php::Array(_) => value.into(),
                _ => text(value, usize::MAX),
            }));
        }
        let field = fields::known(entity, name).filter(|field| !field.read_only);
        let Some(field) = field else { return Ok(None) };
        let stored = match field.kind {
            Kind::Id => json!(self.linked(entity, name, value.int())?),
            Kind::Ids => json!(value.values().map(Php::int).collect::<Vec<_>>()),
            Kind::Text(most) => text(value, most),
            Kind::Flag => {
                let yes = ["Y", "1", "true"].contains(&value.text().as_str());
                json!(if yes { "Y" } else { "N" })
            }
            Kind::Money => {
                let sum: Result<f64, _> = value.text().parse();
                json!(sum.unwrap_or_default())
            }
            Kind::Time if value.text().is_empty() => Value::Null,
            Kind::Time => {
                let at = self.moment(&value.text());
                json!(self.portal.date(at.ok_or_else(|| not_valid(name))?))
            }
            Kind::Status => {
                let id = value.text();
                let fits = match name {
                    "stageId" => stages::find(entity, item.id("categoryId"), &id).is_some(),
                    _ => id.is_empty() || stages::is_source(&id),
                };
                if !fits {
                    return Err(not_valid(name));
                }
                text(value, 50)
            }
        };
        Ok(Some(stored))
    }

    /// An id that a field may hold: of a user, a pipeline, a contact or a company that exists.
    fn linked(&self, entity: CrmEntity, name: &str, id: i64) -> Result<i64, RestError> {
        let exists = |entity| self.portal.item(entity, id).is_some();
        let kept = match name {
            "assignedById" => {
                let user = self.portal.config.users.iter().any(|user| user.id == id);
                return if user { Ok(id) } else { Err(not_valid(name)) };
            }
            "categoryId" if entity == CrmEntity::Deal => {
                let known = stages::PIPELINES.iter().any(|(known, _)| *known == id);
                return if known { Ok(id) } else { Err(not_valid(name)) };
            }
            "contactId" => exists(CrmEntity::Contact),
            "companyId" => exists(CrmEntity::Company),
            _ => true,
        };
        Ok(if kept { id } else { 0 })
    }

    /// What follows from the other fields.
    fn follow(&self, entity: CrmEntity, item: &mut Item) {
        let stage = stages::find(entity, item.id("categoryId"), item.text("stageId"));
        let semantic = stage.map_or("P", |stage| stage.semantic);
        let mut set = |name: &str, value: Value| item.fields.insert(name.to_owned(), value);
        set("stageSemanticId", json!(semantic));
        let closed = semantic != "P";
        match entity {
            CrmEntity::Lead if closed => set("dateClosed", json!(self.date())),
            CrmEntity::Lead => set("dateClosed", Value::Null),
            _ => set("closed", json!(if closed { "Y" } else { "N" })),
        };
    }

    /// The contact of an item is the first of its contacts, whichever of the two somebody gave.
    fn contacts_agree(item: &mut Item, input: &Input) {
        let contacts = item.fields.get("contactIds").cloned().unwrap_or_default();
        let first = contacts.get(0).and_then(Value::as_i64).unwrap_or_default();
        let contact = item.id("contactId");
        if input.gives("contactIds") && !input.gives("contactId") {
            item.fields.insert("contactId".to_owned(), json!(first));
        } else if contact != first {
            let contacts = if contact == 0 {
                json!([])
            } else {
                json!([contact])
            };
            item.fields.insert("contactIds".to_owned(), contacts);
        }
    }

    /// A moment somebody wrote, in milliseconds; without an offset it is read in the portal's zone.
    pub(crate) fn moment(&self, text: &str) -> Option<i64> {
        if let Ok(exact) = DateTime::parse_from_rfc3339(text) {
            return Some(exact.timestamp_millis());
        }
        let naive = [
            "%Y-%m-%dT%H:%M:%S",
            "%Y-%m-%d %H:%M:%S",
            "%d.%m.%Y %H:%M:%S",
        ];
        let naive = naive
            .iter()
            .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
            .or_else(|| {
                let date = ["%Y-%m-%d", "%d.%m.%Y"]
                    .iter()
                    .find_map(|form| NaiveDate::parse_from_str(text, form).ok());
                date?.and_hms_opt(0, 0, 0)
            })?;
        let offset = i64::from(self.portal.config.offset_hours) * 3_600_000;
        Some(naive.and_utc().timestamp_millis() - offset)
    }
}

/// A text cut to its column; an empty one is nothing.
fn text(value: &Php, most: usize) -> Value {
    let text = value.text();
    if text.is_empty() {
        return Value::Null;
    }
    Value::String(text.chars().take(most).collect())
}
