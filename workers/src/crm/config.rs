//! The `[crm]` section.

use serde::Deserialize;
use zapis_core::config::Findings;

use super::bitrix24::Bitrix24Config;
use super::route::ManagerConfig;
use super::score::Weights;
use crate::source_text::nearest;
use crate::understand::Intent;

/// What opens an enquiry, unless the firm says otherwise: whoever moves a visit or asks the way is a customer already.
const ENQUIRIES: [Intent; 12] = [
    Intent::Booking,
    Intent::Price,
    Intent::Duration,
    Intent::Promo,
    Intent::Children,
    Intent::Prep,
    Intent::ServiceInfo,
    Intent::StaffInfo,
    Intent::Contact,
    Intent::Complaint,
    Intent::Refund,
    Intent::Human,
];
/// A week.
const WEEK: u32 = 7 * 24 * 60;

/// The `[crm]` section.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CrmConfig {
    /// The intents that open an enquiry.
    pub intents: Vec<String>,
    /// A piece of the conversation goes to the CRM when it has so many lines …
    pub segment_lines: u32,
    /// … or nobody has written for so many minutes.
    pub segment_minutes: u32,
    /// A customer who left a booking unfinished is asked once after so many minutes; 0: never.
    pub nudge_minutes: u32,
    /// A hot enquiry that the CRM has not taken within so many minutes is shown in the staff chat.
    pub fallback_minutes: u32,
    /// For so many days what a customer writes belongs to the same enquiry.
    pub enquiry_days: u32,
    /// Of the firm's prices, by ISO 4217.
    pub currency: String,
    /// `[crm.weights]`.
    pub weights: Weights,
    /// `[[crm.managers]]`.
    pub managers: Vec<ManagerConfig>,
    /// `[crm.bitrix24]`.
    pub bitrix24: Bitrix24Config,
}

impl Default for CrmConfig {
    fn default() -> Self {
        Self {
            intents: ENQUIRIES.map(|intent| intent.id().to_owned()).to_vec(),
            segment_lines: 30,
            segment_minutes: 15,
            nudge_minutes: 180,
            fallback_minutes: 10,
            enquiry_days: 30,
            currency: "RUB".to_owned(),
            weights: Weights::default(),
            managers: Vec::new(),
            bitrix24: Bitrix24Config::default(),
        }
    }
}

impl CrmConfig {
    /// Whether there is a CRM.
    pub fn is_used(&self) -> bool {
        self.bitrix24.is_used()
    }

    /// Notes what is out of range or means nothing.
    pub fn check(&self, findings: &mut Findings) {
        for (n, id) in self.intents.iter().enumerate() {
            findings.check(
                Intent::from_id(id).is_some(),
                &format!("crm.intents.{n}"),
                "is no intent",
                &nearest(id, Intent::ALL.iter().map(|intent| intent.id())),
            );
        }
        let ranges = [
            ("segment_lines", self.segment_lines, 1, 1000),
            ("segment_minutes", self.segment_minutes, 1, 1440),
            ("nudge_minutes", self.nudge_minutes, 0, WEEK),
            ("fallback_minutes", self.fallback_minutes, 1, WEEK),
            ("enquiry_days", self.enquiry_days, 1, 366),
        ];
        for (name, value, least, most) in ranges {
            findings.check(
                (least..=most).contains(&value),
                &format!("crm.{name}"),
                "out of range",
                &format!("use {least} to {most}"),
            );
        }
        let code = |c: char| c.is_ascii_uppercase();
        findings.check(
            self.currency.len() == 3 && self.currency.chars().all(code),
            "crm.currency",
            "is no currency",
            "use the three capitals of ISO 4217, such as RUB, KZT or EUR",
        );
        self.weights.check(findings);
        self.bitrix24.check(findings);
        self.check_managers(findings);
    }

    fn check_managers(&self, findings: &mut Findings) {
        for (n, manager) in self.managers.iter().enumerate() {
            let key = format!("crm.managers.{n}.id");
            findings.check(
                !manager.id.is_empty(),
                &key,
                "is missing",
                "write the id of the person in the CRM: the number in the address of the profile",
            );
            let known = self.managers[..n]
                .iter()
                .any(|other| other.id == manager.id);
            findings.check(!known, &key, "is there twice", "name each person once");
        }
        let has_duty = self.managers.iter().any(|manager| manager.duty);
        findings.warn(
            self.managers.is_empty() || has_duty,
            "crm.managers",
            "nobody is on duty: what comes when nobody is there goes to any of them",
            "write duty = true for one",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(config: &CrmConfig) -> Vec<String> {
        let mut findings = Findings::default();
        config.check(&mut findings);
        let told = findings.0.into_iter();
        told.map(|one| format!("{}: {}", one.key, one.message))
            .collect()
    }

    #[test]
    fn what_is_wrong_is_told_at_its_place() {
        let manager = |id: &str| ManagerConfig {
            id: id.to_owned(),
            ..ManagerConfig::default()
        };
        let config = CrmConfig {
            intents: vec!["price".to_owned(), "prise".to_owned()],
            segment_lines: 0,
            weights: Weights {
                price: 101,
                warm_from: 70,
                ..Weights::default()
            },
            managers: vec![manager("6"), manager("6"), manager("")],
            ..CrmConfig::default()
        };

        assert_eq!(
            findings(&config),
            [
                "crm.intents.1: is no intent",
                "crm.segment_lines: out of range",
                "crm.weights.price: out of range",
                "crm.weights.warm_from: out of range",
                "crm.managers.1.id: is there twice",
                "crm.managers.2.id: is missing",
                "crm.managers: nobody is on duty: what comes when nobody is there goes to any of them",
            ]
        );
        assert_eq!(findings(&CrmConfig::default()), [""; 0]);
    }
}
