//! How likely an enquiry is to become a visit, and why: points for what is known of it.

use serde::{Deserialize, Serialize};
use zapis_core::config::Findings;

use super::{Temperature, words};

/// The most points.
const MOST: u32 = 100;

/// What an enquiry has told so far.
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts do not exclude each other: an enquiry can have all of them"
)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Signals {
    /// A service was named.
    pub service: bool,
    /// A time for the visit was named.
    pub time: bool,
    /// A phone or an e-mail is known.
    pub contact: bool,
    /// The price was asked for.
    pub price: bool,
    /// It is wanted within a day.
    pub urgent: bool,
    /// The customer has been here before.
    pub returning: bool,
    /// The customer is unhappy with us.
    pub complaint: bool,
    /// A person was asked for.
    pub person: bool,
    /// A visit is booked.
    pub booked: bool,
}

impl Signals {
    /// Adds what was told later. Nothing that was told once is forgotten.
    pub fn join(&mut self, other: Self) {
        self.service |= other.service;
        self.time |= other.time;
        self.contact |= other.contact;
        self.price |= other.price;
        self.urgent |= other.urgent;
        self.returning |= other.returning;
        self.complaint |= other.complaint;
        self.person |= other.person;
        self.booked |= other.booked;
    }
}

/// The `[crm.weights]` section: how many points each fact is worth, and from how many on it is warm or hot.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Weights {
    /// A service was named.
    pub service: u32,
    /// A time was named.
    pub time: u32,
    /// A phone or an e-mail is known.
    pub contact: u32,
    /// The price was asked for.
    pub price: u32,
    /// It is wanted within a day.
    pub urgent: u32,
    /// The customer has been here before.
    pub returning: u32,
    /// A person was asked for.
    pub person: u32,
    /// A visit is booked.
    pub booked: u32,
    /// From so many points on an enquiry is warm …
    pub warm_from: u32,
    /// … and from so many hot.
    pub hot_from: u32,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            service: 20,
            time: 20,
            contact: 20,
            price: 10,
            urgent: 15,
            returning: 15,
            person: 20,
            booked: 40,
            warm_from: 30,
            hot_from: 60,
        }
    }
}

impl Weights {
    /// Notes what is out of range.
    pub fn check(&self, findings: &mut Findings) {
        let points = [
            ("service", self.service),
            ("time", self.time),
            ("contact", self.contact),
            ("price", self.price),
            ("urgent", self.urgent),
            ("returning", self.returning),
            ("person", self.person),
            ("booked", self.booked),
        ];
        for (name, points) in points {
            let key = format!("crm.weights.{name}");
            findings.check(points <= MOST, &key, "out of range", "use 0 to 100 points");
        }
        findings.check(
            (1..=MOST).contains(&self.hot_from),
            "crm.weights.hot_from",
            "out of range",
            "use 1 to 100 points",
        );
        findings.check(
            (1..=self.hot_from).contains(&self.warm_from),
            "crm.weights.warm_from",
            "out of range",
            "use at least 1 and at most hot_from",
        );
    }
}

/// What the facts of an enquiry come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Qualified {
    /// 0 to 100.
    pub score: u32,
    /// How soon a person should look at it.
    pub temperature: Temperature,
    /// Why, in words, each with its points.
    pub reasons: Vec<String>,
}

/// Adds up the points. A complaint is hot whatever the points are, because a person must act; a booked visit
/// is never cold.
pub fn qualify(signals: &Signals, weights: &Weights) -> Qualified {
    let facts = [
        (signals.service, weights.service, words::SERVICE),
        (signals.time, weights.time, words::TIME),
        (signals.contact, weights.contact, words::CONTACT),
        (signals.price, weights.price, words::PRICE),
        (signals.urgent, weights.urgent, words::URGENT),
        (signals.returning, weights.returning, words::RETURNING),
        (signals.person, weights.person, words::PERSON),
        (signals.booked, weights.booked, words::BOOKED),
    ];
    let counted = facts
        .into_iter()
        .filter(|(told, points, _)| *told && *points > 0);
    let mut score = 0_u32;
    let mut reasons = Vec::new();
    if signals.complaint {
        reasons.push(words::COMPLAINT.to_owned());
    }
    for (_, points, why) in counted {
        score = score.saturating_add(points).min(MOST);
        reasons.push(format!("{why} +{points}"));
    }
    let least = match signals {
        Signals {
            complaint: true, ..
        } => Temperature::Hot,
        Signals { booked: true, .. } => Temperature::Warm,
        _ => Temperature::Cold,
    };
    Qualified {
        score,
        temperature: by_points(score, weights).max(least),
        reasons,
    }
}

fn by_points(score: u32, weights: &Weights) -> Temperature {
    if score >= weights.hot_from {
        Temperature::Hot
    } else if score >= weights.warm_from {
        Temperature::Warm
    } else {
        Temperature::Cold
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_reason_is_told_with_its_points() {
        let signals = Signals {
            service: true,
            time: true,
            price: true,
            ..Signals::default()
        };

        let qualified = qualify(&signals, &Weights::default());

        assert_eq!(qualified.score, 50);
        assert_eq!(qualified.temperature, Temperature::Warm);
        assert_eq!(
            qualified.reasons,
            [
                "услуга названа +20",
                "время названо +20",
                "интересуется ценой +10"
            ]
        );
    }

    #[test]
    fn a_complaint_is_hot_by_itself_and_a_booked_visit_never_cold() {
        let weights = Weights {
            booked: 0,
            ..Weights::default()
        };
        let complaint = Signals {
            complaint: true,
            ..Signals::default()
        };
        let booked = Signals {
            booked: true,
            ..Signals::default()
        };

        let complaint = qualify(&complaint, &weights);
        assert_eq!(
            (complaint.score, complaint.temperature),
            (0, Temperature::Hot)
        );
        assert_eq!(complaint.reasons, ["жалоба: нужен человек"]);
        assert_eq!(qualify(&booked, &weights).temperature, Temperature::Warm);
        assert_eq!(
            qualify(&Signals::default(), &weights).temperature,
            Temperature::Cold
        );
    }

    fn signals() -> impl Strategy<Value = Signals> {
        any::<[bool; 9]>().prop_map(|told| Signals {
            service: told[0],
            time: told[1],
            contact: told[2],
            price: told[3],
            urgent: told[4],
            returning: told[5],
            complaint: told[6],
            person: told[7],
            booked: told[8],
        })
    }

    fn weights() -> impl Strategy<Value = Weights> {
        (any::<[u8; 8]>(), 1..=100_u32, 1..=100_u32).prop_map(|(points, one, other)| Weights {
            service: points[0].into(),
            time: points[1].into(),
            contact: points[2].into(),
            price: points[3].into(),
            urgent: points[4].into(),
            returning: points[5].into(),
            person: points[6].into(),
            booked: points[7].into(),
            warm_from: one.min(other),
            hot_from: one.max(other),
        })
    }

    proptest! {
        #[test]
        fn more_facts_never_make_it_colder(one in signals(), other in signals(), weights in weights()) {
            let mut both = one;
            both.join(other);
            let (less, more) = (qualify(&one, &weights), qualify(&both, &weights));

            prop_assert!(more.score >= less.score && more.score <= 100);
            prop_assert!(more.temperature >= less.temperature);
            prop_assert!(less.reasons.iter().all(|why| more.reasons.contains(why)));
        }

        #[test]
        fn the_order_of_what_is_told_does_not_matter(one in signals(), other in signals()) {
            let (mut forth, mut back) = (one, other);
            forth.join(other);
            back.join(one);
            let weights = Weights::default();
            prop_assert_eq!(qualify(&forth, &weights), qualify(&back, &weights));
        }
    }
}
