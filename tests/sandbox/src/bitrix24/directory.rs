//! The people of the firm and the portal itself: employees, their days, scopes, time.

use serde_json::{Map, Value, json};

use super::answer::{Answer, Rest, RestError};
use super::config::{Bitrix24User, Presence};
use super::paging::{self, Names, Row};
use super::php::{self, Php};
use super::state::Session;

impl Session<'_> {
    fn user(&self, id: i64) -> Option<&Bitrix24User> {
        self.portal.config.users.iter().find(|user| user.id == id)
    }

    /// `user.get`: filters may stand in `FILTER` or beside it.
    pub(crate) fn users(&self, params: &Php) -> Rest {
        let filter = params.any_case("filter");
        let filter = if filter.is_array() { filter } else { params };
        let fits = |user: &&Bitrix24User| {
            let active = filter.any_case("ACTIVE");
            let wanted = ["1", "Y", "true"].contains(&active.text().as_str());
            let id = filter.any_case("ID");
            let named = match id {
                Php::Array(_) => id.values().any(|one| one.int() == user.id),
                Php::Null => true,
                one => one.int() == user.id,
            };
            named && (active.is_null() || user.active == wanted)
        };
        let users = self.portal.config.users.iter().filter(fits);
        let rows = users.map(|user| Row::new(user.id, shown(user)));
        // What was filtered already must not be filtered again by other names.
        let mut pages = Php::Null;
        pages.merge(Php::Array(vec![(
            "start".to_owned(),
            params.any_case("start").clone(),
        )]));
        Ok(paging::page(rows.collect(), &pages, Names::Old)?.bare())
    }

    /// `user.current`.
    pub(crate) fn current(&self) -> Rest {
        let user = self.user(self.caller.user);
        let user = user.ok_or_else(|| RestError::wordless("User not found"))?;
        Ok(Answer::from(shown(user)))
    }

    /// `profile`.
    pub(crate) fn profile(&self) -> Rest {
        let user = self.user(self.caller.user);
        let user = user.ok_or_else(|| RestError::wordless("User not found"))?;
        Ok(Answer::from(json!({
            "ID": user.id.to_string(), "ADMIN": user.id == 1, "NAME": user.name,
            "LAST_NAME": user.last_name, "PERSONAL_GENDER": "", "TIME_ZONE": "",
        })))
    }

    /// `timeman.status`.
    pub(crate) fn working_day(&self, params: &Php) -> Rest {
        let asked = params.any_case("USER_ID").int();
        let id = if asked > 0 { asked } else { self.caller.user };
        let user = self.user(id);
        let user = user.ok_or_else(|| RestError::wordless("User not found"))?;
        let status = match user.presence {
            Presence::Opened | Presence::Absent => "OPENED",
            Presence::Closed => "CLOSED",
            Presence::Paused => "PAUSED",
            Presence::Expired => "EXPIRED",
        };
        let days = if user.presence == Presence::Expired {
            24
        } else {
            1
        };
        let start = self.portal.date(self.now_ms - days * 3_600_000);
        let offset = self.portal.config.offset_hours * 3600;
        Ok(Answer::from(json!({
            "STATUS": status, "TIME_START": start, "TIME_FINISH": null, "DURATION": "00:00:00",
            "TIME_LEAKS": "00:00:00", "ACTIVE": status == "OPENED", "IP_OPEN": "", "IP_CLOSE": "",
            "LAT_OPEN": 0, "LON_OPEN": 0, "LAT_CLOSE": 0, "LON_CLOSE": 0, "TZ_OFFSET": offset,
        })))
    }

    /// `calendar.accessibility.get`: a map by user; who has nothing in the calendar has an empty list.
    pub(crate) fn accessibility(&self, params: &Php) -> Rest {
        let users = params.get("users");
        if !users.is_array() {
            let why = "Не задан обязательный параметр \"users\" для метода \"calendar.accessibility.get\"";
            return Err(RestError::wordless(why));
        }
        let from = self.now_ms - 3_600_000;
        let to = self.now_ms + 8 * 3_600_000;
        let moment = |at_ms: i64| {
            let local = at_ms + i64::from(self.portal.config.offset_hours) * 3_600_000;
            let local = chrono::DateTime::from_timestamp_millis(local).unwrap_or_default();
            local.format("%d.%m.%Y %H:%M:%S").to_string()
        };
        let entries = users.values().map(|id| {
            let absent = self
                .user(id.int())
                .is_some_and(|user| user.presence == Presence::Absent);
            let event = json!({
                "ID": "1", "NAME": "Отсутствует", "DATE_FROM": moment(from), "DATE_TO": moment(to),
                "DATE_FROM_TS_UTC": (from / 1000).to_string(), "DATE_TO_TS_UTC": (to / 1000).to_string(),
                "ACCESSIBILITY": "absent", "IMPORTANCE": "normal", "FROM": "CALENDAR",
            });
            let events = if absent { vec![event] } else { Vec::new() };
            (id.text(), json!(events))
        });
        Ok(Answer::from(php::array(entries.collect())))
    }

    /// `app.info`.
    pub(crate) fn app_info(&self) -> Answer {
        let id = self.caller.is_app.then_some(1);
        Answer::from(json!({
            "ID": id, "CODE": "local.zapis", "VERSION": 1, "STATUS": "L", "INSTALLED": true,
            "PAYMENT_EXPIRED": "N", "DAYS": null, "LANGUAGE_ID": "ru", "LICENSE": "ru_basic",
            "SCOPE": self.caller.scopes,
        }))
    }
}

/// `department.get`.
pub(crate) fn departments() -> Answer {
    let department = |id: &str, name: &str, parent: Option<&str>, head: Option<&str>| {
        let mut row = Map::new();
        row.insert("ID".to_owned(), json!(id));
        row.insert("NAME".to_owned(), json!(name));
        row.insert("SORT".to_owned(), json!(500));
        for (key, value) in [("PARENT", parent), ("UF_HEAD", head)] {
            if let Some(value) = value {
                row.insert(key.to_owned(), json!(value));
            }
        }
        Value::Object(row)
    };
    let rows = json!([
        department("1", "Белый шиповник", None, Some("1")),
        department("3", "Администраторы", Some("1"), Some("6")),
    ]);
    Answer {
        total: Some(2),
        ..Answer::from(rows)
    }
}

fn shown(user: &Bitrix24User) -> Value {
    let online = user.active && user.presence == Presence::Opened;
    json!({
        "ID": user.id.to_string(), "ACTIVE": user.active, "NAME": user.name,
        "LAST_NAME": user.last_name, "EMAIL": format!("user{}@salon.example", user.id),
        "IS_ONLINE": if online { "Y" } else { "N" }, "PERSONAL_GENDER": "",
        "UF_DEPARTMENT": [if user.id == 1 { 1 } else { 3 }], "USER_TYPE": "employee",
    })
}
