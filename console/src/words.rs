//! Times in few words.

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::texts::say;
use zapis_workers::words::Language;

pub(crate) const WEEKDAYS: [&str; 7] = [
    "day-mon", "day-tue", "day-wed", "day-thu", "day-fri", "day-sat", "day-sun",
];

/// «5 мин», «2 ч», «3 дн».
pub(crate) fn span(language: Language, span: TimeDelta) -> String {
    let minutes = span.num_minutes().max(0);
    let (count, unit) = match minutes {
        0..60 => (minutes, "unit-minutes"),
        60..2_880 => (minutes / 60, "unit-hours"),
        _ => (minutes / 1_440, "unit-days"),
    };
    format!("{count} {}", say(language, unit))
}

/// «14:05» today, «вчера» is clear too, otherwise «24.11 14:05».
pub(crate) fn moment(
    language: Language,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
    zone: Tz,
) -> String {
    let (at, now) = (at.with_timezone(&zone), now.with_timezone(&zone));
    let days = (now.date_naive() - at.date_naive()).num_days();
    let time = at.format("%H:%M");
    match days {
        0 => time.to_string(),
        1 => format!("{} {time}", say(language, "yesterday")),
        _ if at.year() == now.year() => at.format("%d.%m %H:%M").to_string(),
        _ => at.format("%d.%m.%Y %H:%M").to_string(),
    }
}

/// «чт 26.11».
pub(crate) fn day(language: Language, day: NaiveDate) -> String {
    let weekday = WEEKDAYS[day.weekday().num_days_from_monday() as usize];
    format!("{} {}", say(language, weekday), day.format("%d.%m"))
}

/// A place in a file as people of the firm know it: where this machine keeps its files helps nobody.
pub(crate) fn file_name(place: &str) -> String {
    match place.rsplit_once('/') {
        Some((_, name)) if !place.contains("://") => name.to_owned(),
        _ => place.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_short_as_they_are_clear() {
        let now: DateTime<Utc> = "2026-11-26T12:00:00Z".parse().unwrap();
        let zone = chrono_tz::Europe::Moscow;
        let told = |minutes| moment(Language::Ru, now - TimeDelta::minutes(minutes), now, zone);
        assert_eq!(told(5), "14:55");
        assert_eq!(told(16 * 60), "вчера 23:00");
        assert_eq!(told(3 * 1_440), "23.11 15:00");
        let span = |minutes| span(Language::Ru, TimeDelta::minutes(minutes));
        assert_eq!(
            [span(-1), span(59), span(61), span(3_000)],
            ["0 мин", "59 мин", "1 ч", "2 дн"]
        );
    }
}
