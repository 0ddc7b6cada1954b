//! Who looks after an enquiry: the one who did before, else the least busy of those who are there and know it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;
use zapis_core::ids;

use super::Manager;
use crate::business::{Business, Week, Words};
use crate::words::folded;

/// A `[[crm.managers]]` section.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ManagerConfig {
    /// The id in the CRM.
    pub id: String,
    /// As colleagues know them.
    pub name: String,
    /// Ids or names of the services they know; empty: all.
    pub services: Vec<String>,
    /// Ids or names of the locations they work for; empty: all.
    pub locations: Vec<String>,
    /// When they are there, where the CRM does not know; empty: as all who answer messages.
    pub hours: Week,
    /// Whether they get what comes when nobody is there.
    pub duty: bool,
}

impl ManagerConfig {
    fn week(&self) -> Option<&Week> {
        (!self.hours.is_empty()).then_some(&self.hours)
    }
}

/// What an enquiry needs.
#[derive(Debug, Clone, Copy)]
pub struct Need<'a> {
    /// Our name of it: the same enquiry gets the same manager where several are equally good.
    pub enquiry: Uuid,
    /// The id or the name of the service.
    pub service: Option<&'a str>,
    /// The id or the name of the location.
    pub location: Option<&'a str>,
    /// Who looked after this customer before, by the id in the CRM.
    pub previous: Option<&'a str>,
}

/// Who gets an enquiry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The id in the CRM.
    pub manager: String,
    /// Nobody who knows it is there: this one has to act by then.
    pub due: Option<DateTime<Utc>>,
}

/// Who can look after enquiries.
#[derive(Debug, Clone, Copy)]
pub struct Desk<'a> {
    /// As the firm has set them.
    pub managers: &'a [ManagerConfig],
    /// As the CRM knows them; empty where it tells nothing.
    pub known: &'a [Manager],
    /// Its services, locations and clock.
    pub firm: &'a Business,
}

impl Desk<'_> {
    /// Who gets an enquiry, by how many each was given lately; nothing where that is up to the CRM, because
    /// nobody is set or all of them are away.
    pub fn choose(
        &self,
        need: &Need<'_>,
        given: &BTreeMap<String, u32>,
        now: DateTime<Utc>,
    ) -> Option<Choice> {
        let employed = || self.managers.iter().filter(|one| self.is_employed(one));
        let able = || employed().filter(|one| !self.is_away(one));
        let here = |one: &&ManagerConfig| self.is_here(one, now);
        let load = |one: &&ManagerConfig| {
            let parts = ["manager", &need.enquiry.to_string(), &one.id];
            (
                given.get(&one.id).copied().unwrap_or(0),
                ids::derive(&parts),
            )
        };
        let previous = able().find(|one| need.previous == Some(&one.id));
        let fitting = || able().filter(|one| self.fits(one, need));
        let at_once = previous
            .filter(here)
            .or_else(|| fitting().filter(here).min_by_key(load));
        let chosen = at_once
            .or(previous)
            .or_else(|| able().filter(|one| one.duty).min_by_key(load))
            .or_else(|| fitting().min_by_key(load))
            .or_else(|| employed().filter(|one| one.duty).min_by_key(load))?;
        Some(Choice {
            manager: chosen.id.clone(),
            due: (!here(&chosen)).then(|| self.next_time(chosen, now)),
        })
    }

    fn known(&self, one: &ManagerConfig) -> Option<&Manager> {
        self.known.iter().find(|known| known.id == one.id)
    }

    /// Works for the firm. Whom the CRM does not tell among the others is gone.
    fn is_employed(&self, one: &ManagerConfig) -> bool {
        self.known.is_empty() || self.known(one).is_some_and(|known| known.active)
    }

    /// On holiday, ill, in a meeting.
    fn is_away(&self, one: &ManagerConfig) -> bool {
        self.known(one).is_some_and(|known| known.absent)
    }

    /// Where no manager's working day is open, the firm does not count them there, or it is night: the hours tell.
    fn is_here(&self, one: &ManagerConfig, now: DateTime<Utc>) -> bool {
        let open = |one: &ManagerConfig| self.known(one).and_then(|known| known.at_work);
        let counted = self.managers.iter().any(|one| open(one) == Some(true));
        let at_work = open(one).filter(|_| counted);
        !self.is_away(one) && at_work.unwrap_or_else(|| self.firm.on_duty(one.week(), now))
    }

    /// When they come next; at once, where nobody can tell.
    fn next_time(&self, one: &ManagerConfig, now: DateTime<Utc>) -> DateTime<Utc> {
        let next = self.firm.next_duty(one.week(), now);
        next.map_or(now, |next| next.to_utc())
    }

    fn fits(&self, one: &ManagerConfig, need: &Need<'_>) -> bool {
        let services = self.firm.services.iter().map(|one| (&*one.id, &one.name));
        let locations = self.firm.locations.iter().map(|one| (&*one.id, &one.name));
        covers(&one.services, need.service, services)
            && covers(&one.locations, need.location, locations)
    }
}

/// Whether a list of ids and names has what is asked for, by its id or any of its names.
fn covers<'f>(
    list: &[String],
    asked: Option<&str>,
    mut firm: impl Iterator<Item = (&'f str, &'f Words)>,
) -> bool {
    let Some(asked) = asked.filter(|_| !list.is_empty()) else {
        return true;
    };
    let named = |said: &str, (id, name): (&str, &Words)| {
        let names = [Some(id), Some(&*name.ru), name.en.as_deref()];
        let mut names = names.into_iter().flatten();
        names.any(|name| folded(name) == folded(said))
    };
    let meant = firm.find(|one| named(asked, *one));
    list.iter().any(|said| match meant {
        Some(meant) => named(said, meant),
        None => folded(said) == folded(asked),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{business, moscow};

    const NOON: &str = "2026-11-26 12:00";
    const NIGHT: &str = "2026-11-26 23:00";

    fn manager(id: &str) -> ManagerConfig {
        ManagerConfig {
            id: id.to_owned(),
            ..ManagerConfig::default()
        }
    }

    fn known(id: &str, at_work: Option<bool>, absent: bool) -> Manager {
        Manager {
            id: id.to_owned(),
            name: String::new(),
            active: true,
            at_work,
            absent,
        }
    }

    const ANY: Need<'_> = Need {
        enquiry: Uuid::from_u128(1),
        service: None,
        location: None,
        previous: None,
    };

    /// Who gets it when nobody has got anything yet, and by when where nobody is there: "7 by 27 10:00".
    fn choose(
        managers: &[ManagerConfig],
        known: &[Manager],
        need: &Need<'_>,
        at: &str,
    ) -> Option<String> {
        let firm = business();
        let desk = Desk {
            managers,
            known,
            firm: &firm,
        };
        let choice = desk.choose(need, &BTreeMap::new(), moscow(at))?;
        let by = |due| format!(" by {}", firm.local(due).format("%d %H:%M"));
        Some(choice.manager + &choice.due.map(by).unwrap_or_default())
    }

    #[test]
    fn with_nobody_set_the_crm_decides() {
        let portal = [known("6", Some(true), false)];
        assert_eq!(choose(&[], &portal, &ANY, NOON).as_deref(), None);
    }

    #[test]
    fn a_customer_goes_back_to_the_manager_of_before_while_that_one_is_there() {
        let managers = [manager("6"), manager("7"), manager("8")];
        for id in ["6", "7", "8"] {
            let need = Need {
                previous: Some(id),
                ..ANY
            };
            assert_eq!(choose(&managers, &[], &need, NOON).as_deref(), Some(id));
        }
        let need = Need {
            previous: Some("6"),
            ..ANY
        };
        let gone_home = [
            known("6", Some(false), false),
            known("7", Some(true), false),
        ];
        assert_eq!(
            choose(&managers, &gone_home, &need, NOON).as_deref(),
            Some("7")
        );
        let all_gone = [
            known("6", Some(false), false),
            known("7", Some(false), false),
        ];
        assert_eq!(
            choose(&managers, &all_gone, &need, NIGHT).as_deref(),
            Some("6 by 27 10:00")
        );
        let dismissed = [known("7", Some(true), false)];
        assert_eq!(
            choose(&managers, &dismissed, &need, NOON).as_deref(),
            Some("7")
        );
    }

    #[test]
    fn who_is_on_holiday_gets_nothing_even_of_her_own_customers() {
        let managers = [manager("6")];
        let away = [known("6", Some(true), true)];
        let need = Need {
            previous: Some("6"),
            ..ANY
        };
        assert_eq!(choose(&managers, &away, &need, NOON).as_deref(), None);
    }

    #[test]
    fn who_knows_the_service_gets_it_by_whatever_name() {
        let mut first = manager("6");
        first.services = vec!["women-cut".to_owned()];
        let mut second = manager("7");
        second.services = vec!["МУЖСКАЯ стрижка".to_owned(), "Шугаринг".to_owned()];
        let managers = [first, second];
        for (service, id) in [
            ("women-cut", "6"),
            ("Женская стрижка", "6"),
            ("Women's haircut", "6"),
            ("Мужская стрижка", "7"),
            ("шугаринг", "7"),
        ] {
            let need = Need {
                service: Some(service),
                ..ANY
            };
            assert_eq!(
                choose(&managers, &[], &need, NOON).as_deref(),
                Some(id),
                "{service}"
            );
        }
    }

    #[test]
    fn each_location_has_its_own() {
        let mut first = manager("6");
        first.locations = vec!["Салон на Колокольной".to_owned()];
        let mut second = manager("7");
        second.locations = vec!["Другой".to_owned()];
        let need = Need {
            location: Some("kolokolnaya"),
            ..ANY
        };
        assert_eq!(
            choose(&[second, first], &[], &need, NOON).as_deref(),
            Some("6")
        );
    }

    #[test]
    fn at_night_the_one_on_duty_gets_it_for_the_next_morning() {
        let mut duty = manager("7");
        duty.duty = true;
        let early = BTreeMap::from([("fri".to_owned(), "08:00-12:00".to_owned())]);
        duty.hours = Week::try_from(early).unwrap();
        let managers = [manager("6"), duty];
        assert_eq!(
            choose(&managers, &[], &ANY, NIGHT).as_deref(),
            Some("7 by 27 08:00")
        );
        // By their hours only the first is there on a Thursday, but the CRM knows better.
        assert_eq!(choose(&managers, &[], &ANY, NOON).as_deref(), Some("6"));
        let portal = [
            known("6", Some(false), false),
            known("7", Some(true), false),
        ];
        assert_eq!(choose(&managers, &portal, &ANY, NOON).as_deref(), Some("7"));
    }

    #[test]
    fn where_nobody_knows_the_service_the_one_on_duty_gets_it() {
        let mut one = manager("6");
        one.services = vec!["women-cut".to_owned()];
        one.duty = true;
        let need = Need {
            service: Some("men-cut"),
            ..ANY
        };
        assert_eq!(choose(&[one], &[], &need, NOON).as_deref(), Some("6"));
    }

    #[test]
    fn a_holiday_of_the_firm_sends_managers_home() {
        let managers = [manager("6")];
        let choice = choose(&managers, &[], &ANY, "2027-01-01 12:00");
        assert_eq!(choice.as_deref(), Some("6 by 03 12:00"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn a_thousand_enquiries_are_spread_evenly_over_who_can_take_them(seed in any::<u64>()) {
            let firm = business();
            let mut managers: Vec<_> = ["1", "2", "3", "4", "5", "6", "7"].map(manager).into();
            managers[5].services = vec!["men-cut".to_owned()];
            let at_work = |one: &ManagerConfig| known(&one.id, Some(true), one.id == "7");
            let known: Vec<_> = managers.iter().map(at_work).collect();
            let desk = Desk { managers: &managers, known: &known, firm: &firm };
            let mut given: BTreeMap<String, u32> = BTreeMap::new();
            for n in 0..1000 {
                let need = Need {
                    enquiry: Uuid::from_u64_pair(seed, n),
                    service: Some("women-cut"),
                    ..ANY
                };
                let choice = desk.choose(&need, &given, moscow(NOON)).unwrap();
                prop_assert_eq!(choice.due, None);
                *given.entry(choice.manager).or_default() += 1;
            }

            let counts: Vec<u32> = given.values().copied().collect();
            prop_assert_eq!(counts.len(), 5, "neither who does not know it nor who is away");
            let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            prop_assert!((most - least) * 100 < 200 * 5, "{:?}", counts);
        }

        #[test]
        fn equally_busy_managers_are_not_taken_in_the_order_of_the_file(seed in any::<u64>()) {
            let firm = business();
            let managers = ["1", "2", "3", "4", "5"].map(manager);
            let desk = Desk { managers: &managers, known: &[], firm: &firm };
            let chosen = |n| {
                let need = Need { enquiry: Uuid::from_u64_pair(seed, n), ..ANY };
                let choose = || desk.choose(&need, &BTreeMap::new(), moscow(NOON)).unwrap().manager;
                (choose(), choose())
            };
            let all: Vec<_> = (0..100).map(chosen).collect();
            prop_assert!(all.iter().all(|(once, again)| once == again));
            let first: std::collections::BTreeSet<_> = all.into_iter().map(|(one, _)| one).collect();
            prop_assert_eq!(first.len(), 5);
        }
    }
}
