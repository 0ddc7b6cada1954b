//! `crm.duplicate.findbycomm`: who has this phone or e-mail.

use serde_json::{Value, json};

use super::answer::{Answer, Rest, RestError};
use super::fields::CrmEntity;
use super::php::{self, Php};
use super::state::Session;

/// The most values of one question.
const VALUES: usize = 20;
/// So many hits of one kind suppress the kinds after it.
const ENOUGH: usize = 20;
/// Numbers shorter than this are compared as they are.
const FULL: usize = 10;

const ORDER: [CrmEntity; 3] = [CrmEntity::Lead, CrmEntity::Contact, CrmEntity::Company];

impl Session<'_> {
    /// The ids of leads, contacts and companies, as numbers; no hit is an empty list.
    pub(crate) fn find_by_communication(&self, params: &Php) -> Rest {
        let type_id = params.any_case("type").text().to_ascii_uppercase();
        if !["PHONE", "EMAIL"].contains(&type_id.as_str()) {
            return Err(RestError::wordless("Communication type is not defined."));
        }
        let values = params.any_case("values");
        if !values.is_array() || values.entries().is_empty() {
            return Err(RestError::wordless("Communication values is not defined."));
        }
        let wanted = values.values().take(VALUES);
        let wanted: Vec<_> = wanted
            .map(|value| self.indexed(&type_id, &value.text()))
            .collect();
        let only = params.any_case("entity_type").text();
        let mut found = Vec::new();
        for entity in ORDER {
            if !only.is_empty() && !only.eq_ignore_ascii_case(entity.word()) {
                continue;
            }
            let hits = self.hits(entity, &type_id, &wanted);
            let enough = hits.len() >= ENOUGH;
            if !hits.is_empty() {
                found.push((entity.word().to_owned(), json!(hits)));
            }
            if enough {
                break;
            }
        }
        Ok(Answer::from(php::array(found)))
    }

    fn hits(&self, entity: CrmEntity, type_id: &str, wanted: &[String]) -> Vec<i64> {
        let has = |value: &Value| {
            let known = self.indexed(type_id, value.as_str().unwrap_or_default());
            wanted.contains(&known)
        };
        let items = self.portal.of(entity).filter(|(_, item)| {
            let values = super::multifields::values(item, type_id);
            values.as_array().into_iter().flatten().any(has)
        });
        items.map(|(id, _)| id).take(ENOUGH).collect()
    }

    /// A value as the index keeps it.
    fn indexed(&self, type_id: &str, value: &str) -> String {
        if type_id == "EMAIL" {
            return value.trim().to_lowercase();
        }
        if self.portal.normalises_phones {
            return normalised(value);
        }
        extensionless(value).trim().to_owned()
    }
}

fn extensionless(phone: &str) -> &str {
    phone.split([';', '#']).next().unwrap_or_default()
}

/// Digits only, with the country's code instead of what is dialled at home.
fn normalised(phone: &str) -> String {
    let phone = extensionless(phone);
    let abroad = phone.trim_start().starts_with('+');
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    if digits.len() < FULL || abroad {
        return digits;
    }
    for dialled in ["011", "00"] {
        if let Some(rest) = digits.strip_prefix(dialled) {
            return rest.to_owned();
        }
    }
    let is_other = ["80", "81", "82"].iter().any(|it| digits.starts_with(it));
    match digits.strip_prefix('8') {
        Some(rest) if !is_other => format!("7{rest}"),
        _ => digits.strip_prefix('0').unwrap_or(&digits).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_number_are_one_number_to_the_index() {
        for phone in [
            "+7 (999) 123-45-67",
            "8 999 123 45 67",
            "79991234567",
            "89991234567;12",
        ] {
            assert_eq!(normalised(phone), "79991234567", "{phone}");
        }
        assert_eq!(normalised("+82 10 1234 5678"), "821012345678");
        assert_eq!(normalised("555-888"), "555888");
        assert_eq!(
            normalised("9991234567"),
            "9991234567",
            "without a country it is another"
        );
    }
}
