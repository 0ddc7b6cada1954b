//! Who works there, and who is at work now.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::Bitrix24;
use super::items::{is, number};
use super::portal::Portal;
use super::row::{Row, id};
use crate::crm::{Manager, Trouble, Verdict};

/// How long a list of employees is good for.
pub(super) const STAFF: TimeDelta = TimeDelta::minutes(5);
/// How long it is known who is at work.
pub(super) const PRESENCE: TimeDelta = TimeDelta::seconds(90);

/// Any of these rights lets us see who works there.
pub(super) const USERS: [&str; 3] = ["user", "user_basic", "user_brief"];

/// An employee.
#[derive(Debug)]
pub(super) struct Employee {
    id: String,
    name: String,
    active: bool,
}

/// Who is at work, where the portal tells, and who is away.
#[derive(Debug)]
pub(super) struct Presence {
    at_work: BTreeMap<String, bool>,
    absent: BTreeSet<String>,
}

impl Bitrix24 {
    /// Who can be responsible. Nobody where we may not see employees; time tracking and calendars say more
    /// where we may read them.
    pub(super) async fn staff(&self) -> Result<Vec<Manager>, Trouble> {
        let now = self.clock.now();
        let employees = self.employees().await?;
        let portal = self.portal().await?;
        let read = self.read_presence(&employees, &portal, now);
        let presence = self.presence.get(now, read).await?;
        let manager = |one: &Employee| Manager {
            id: one.id.clone(),
            name: one.name.clone(),
            active: one.active,
            at_work: presence.at_work.get(&one.id).copied(),
            absent: presence.absent.contains(&one.id),
        };
        Ok(employees.iter().map(manager).collect())
    }

    /// Whether somebody has not left. Where we may not look, nobody is said to have.
    pub(super) async fn works_here(&self, id: &str) -> Result<bool, Trouble> {
        let employees = self.employees().await?;
        Ok(employees.is_empty() || employees.iter().any(|one| one.id == id && one.active))
    }

    async fn employees(&self) -> Result<std::sync::Arc<Vec<Employee>>, Trouble> {
        let portal = self.portal().await?;
        let read = self.read_employees(&portal);
        self.employees.get(self.clock.now(), read).await
    }

    /// All pages; bots and customers are not among them
    /// (<https://apidocs.bitrix24.com/api-reference/user/user-get.html>).
    async fn read_employees(&self, portal: &Portal) -> Result<Vec<Employee>, Trouble> {
        let mut all = Vec::new();
        let mut start = portal.may(&USERS).then_some(0);
        while let Some(from) = start {
            let params = json!({
                "FILTER": {"ACTIVE": true, "USER_TYPE": "employee"},
                "select": ["ID", "NAME", "LAST_NAME", "ACTIVE"],
                "sort": "ID",
                "order": "ASC",
                "start": from,
            });
            let Some(answer) = optional(self.items.client.read("user.get", params).await)? else {
                break;
            };
            all.extend(Row::all(answer.result).iter().filter_map(employee));
            // An answer that points back would never end.
            start = answer.next.filter(|next| *next > from);
        }
        Ok(all)
    }

    async fn read_presence(
        &self,
        employees: &[Employee],
        portal: &Portal,
        now: DateTime<Utc>,
    ) -> Result<Presence, Trouble> {
        let mut presence = Presence {
            at_work: BTreeMap::new(),
            absent: BTreeSet::new(),
        };
        if employees.is_empty() {
            return Ok(presence);
        }
        if portal.may(&["timeman"]) {
            presence.at_work = self.read_days(employees).await?;
        }
        if !portal.may(&["calendar"]) {
            return Ok(presence);
        }
        let day = |days: i64| (now + TimeDelta::days(days)).format("%Y-%m-%d").to_string();
        let params = json!({
            "users": employees.iter().map(|one| number(&one.id)).collect::<Value>(),
            // The portal's day may be another than ours.
            "from": day(-1),
            "to": day(1),
        });
        let read = self
            .items
            .client
            .read("calendar.accessibility.get", params)
            .await;
        if let Some(answer) = optional(read)? {
            let ids = employees.iter().map(|one| &one.id);
            let away = ids.filter(|id| is_away(&answer.result[id.as_str()], now));
            presence.absent = away.cloned().collect();
        }
        Ok(presence)
    }

    /// Whose working day is open. Who does not track time has none.
    async fn read_days(&self, employees: &[Employee]) -> Result<BTreeMap<String, bool>, Trouble> {
        let names: Vec<String> = employees.iter().map(|one| format!("u{}", one.id)).collect();
        let reads = employees.iter().zip(&names).map(|(one, name)| {
            let params = json!({"USER_ID": number(&one.id)});
            (name.as_str(), "timeman.status", params)
        });
        let reads: Vec<(&str, &str, Value)> = reads.collect();
        let mut answers = self.items.client.batch(&reads).await?;
        let day = |(one, name): (&Employee, &String)| {
            let status = answers.remove(name)?.ok()?;
            Some((one.id.clone(), at_work(&status)?))
        };
        Ok(employees.iter().zip(&names).filter_map(day).collect())
    }
}

/// Nothing where we may not, or where there is no such thing; what is wrong with the portal as a whole stays
/// an error.
fn optional<T>(answer: Result<T, Trouble>) -> Result<Option<T>, Trouble> {
    let lacks = |trouble: &Trouble| {
        let codes = [
            "insufficient_scope",
            "access_denied",
            "error_method_not_found",
        ];
        trouble.verdict == Verdict::Refused || codes.iter().any(|code| is(trouble, code))
    };
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(trouble) if lacks(&trouble) => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

fn employee(row: &Row) -> Option<Employee> {
    let id = row.id("ID")?;
    let names = ["NAME", "LAST_NAME"]
        .into_iter()
        .filter_map(|name| row.text(name));
    let name = names.collect::<Vec<_>>().join(" ");
    Some(Employee {
        name: if name.is_empty() {
            format!("№ {id}")
        } else {
            name
        },
        active: row.flag("ACTIVE"),
        id,
    })
}

/// A day that was opened yesterday and never closed says nothing of today: `EXPIRED` is not at work
/// (<https://apidocs.bitrix24.com/api-reference/timeman/base/timeman-status.html>).
fn at_work(status: &Value) -> Option<bool> {
    match status["STATUS"].as_str()? {
        "OPENED" => Some(true),
        "PAUSED" | "CLOSED" | "EXPIRED" => Some(false),
        _ => None,
    }
}

/// Whether an entry of a calendar says that somebody is away now.
fn is_away(events: &Value, now: DateTime<Utc>) -> bool {
    let covers = |event: &Row| {
        let at = |name: &str| {
            let seconds = id(event.value(name))?.parse().ok()?;
            DateTime::from_timestamp(seconds, 0)
        };
        let (Some(from), Some(mut until)) = (at("DATE_FROM_TS_UTC"), at("DATE_TO_TS_UTC")) else {
            return false;
        };
        // Whole days end when the last one begins.
        let whole = event.flag("DT_SKIP_TIME");
        if whole
            && event
                .text("DATE_TO")
                .is_none_or(|to| to.len() <= 10 || to.ends_with("00:00:00"))
        {
            until += TimeDelta::days(1);
        }
        from <= now && now < until
    };
    let away = |event: &Row| matches!(event.text("ACCESSIBILITY"), Some("absent" | "busy"));
    let mut events = Row::all(events.clone()).into_iter();
    events.any(|event| away(&event) && covers(&event))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn away(event: &Value) -> bool {
        is_away(
            &json!([event]),
            DateTime::from_timestamp(1_733_160_000, 0).unwrap(),
        )
    }

    #[test]
    fn who_is_away_now_is_away_and_who_will_be_is_not() {
        let event = |from: &str, to: &str, kind: &str| {
            json!({"DATE_FROM_TS_UTC": from, "DATE_TO_TS_UTC": to, "ACCESSIBILITY": kind,
                "DATE_TO": "02.12.2024 12:00:00", "DT_SKIP_TIME": "N"})
        };
        assert!(away(&event("1733158800", "1733162400", "absent")));
        assert!(away(&event("1733158800", "1733162400", "busy")));
        assert!(!away(&event("1733158800", "1733162400", "free")));
        assert!(!away(&event("1733161000", "1733162400", "absent")));
        assert!(!away(&event("1733150000", "1733160000", "absent")));
    }

    #[test]
    fn a_holiday_lasts_through_its_last_day() {
        assert!(away(
            &json!({"DATE_FROM_TS_UTC": "1733011200", "DATE_TO_TS_UTC": "1733097600",
            "ACCESSIBILITY": "absent", "DATE_TO": "02.12.2024", "DT_SKIP_TIME": "Y"})
        ));
    }

    #[test]
    fn only_an_open_day_is_work() {
        assert_eq!(at_work(&json!({"STATUS": "OPENED"})), Some(true));
        assert_eq!(at_work(&json!({"STATUS": "EXPIRED"})), Some(false));
        assert_eq!(at_work(&json!([])), None);
    }
}
