//! Which clock a customer has, as far as her phone tells it.

use chrono_tz::Tz;
use chrono_tz::{Asia, Europe};

/// Countries with one clock, by the beginning of their numbers (ITU E.164). Russia has eleven clocks, and a number
/// moves freely between them: there the firm's clock is the best guess.
const CLOCKS: [(&str, Tz); 35] = [
    ("+30", Europe::Athens),
    ("+32", Europe::Brussels),
    ("+33", Europe::Paris),
    ("+357", Asia::Nicosia),
    ("+358", Europe::Helsinki),
    ("+359", Europe::Sofia),
    ("+36", Europe::Budapest),
    ("+370", Europe::Vilnius),
    ("+371", Europe::Riga),
    ("+372", Europe::Tallinn),
    ("+373", Europe::Chisinau),
    ("+374", Asia::Yerevan),
    ("+375", Europe::Minsk),
    ("+380", Europe::Kyiv),
    ("+381", Europe::Belgrade),
    ("+382", Europe::Podgorica),
    ("+39", Europe::Rome),
    ("+40", Europe::Bucharest),
    ("+41", Europe::Zurich),
    ("+420", Europe::Prague),
    ("+43", Europe::Vienna),
    ("+44", Europe::London),
    ("+46", Europe::Stockholm),
    ("+48", Europe::Warsaw),
    ("+49", Europe::Berlin),
    ("+66", Asia::Bangkok),
    ("+90", Europe::Istanbul),
    ("+971", Asia::Dubai),
    ("+972", Asia::Jerusalem),
    ("+992", Asia::Dushanbe),
    ("+993", Asia::Ashgabat),
    ("+994", Asia::Baku),
    ("+995", Asia::Tbilisi),
    ("+996", Asia::Bishkek),
    ("+998", Asia::Tashkent),
];

/// The clock of a phone (E.164); nothing where its country has several.
pub(super) fn of_phone(phone: &str) -> Option<Tz> {
    // Kazakhstan shares its code with Russia, and has had one clock since 2024.
    if phone.starts_with("+76") || phone.starts_with("+77") {
        return Some(Asia::Almaty);
    }
    let known = CLOCKS.iter().find(|(code, _)| phone.starts_with(code));
    known.map(|(_, zone)| *zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_with_one_clock_tells_it_and_russia_does_not() {
        assert_eq!(of_phone("+375291234567"), Some(Europe::Minsk));
        assert_eq!(of_phone("+77011234567"), Some(Asia::Almaty));
        assert_eq!(of_phone("+79211234567"), None);
        assert_eq!(of_phone("+12125550100"), None);
    }
}
