//! What the file may say about reminders.

use crate::business::{self, Step, When};

fn firm(more: &str) -> Result<business::Business, Vec<String>> {
    let text = format!(
        r#"
name = "Салон"
time_zone = "Europe/Moscow"
quiet_hours = "21:00-09:00"
[escalation]
owner = "Анна"
hours = {{ mon-sun = "10:00-20:00" }}
[[locations]]
id = "main"
name = "Салон"
address = "Улица, 1"
hours = {{ mon-sun = "10:00-20:00" }}
{more}
[[services]]
id = "cut"
name = "Стрижка"
category = "Волосы"
minutes = 60
price = 1900
online = false
reminders = {{ soon = false, morning = "08:15", day_before = true }}
"#
    );
    business::read(&text).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

#[test]
fn steps_are_moved_and_switched_off_for_all_and_for_a_service() {
    let firm = firm(
        "[reminders]\nsmall_move_minutes = 30\nday_before = false\nsoon = \"-90m\"\nthanks = \"+1d 12:00\"",
    )
    .unwrap();

    let of_all = &firm.reminders.plan.steps;
    let of_cut = &firm.services[0].reminders.as_ref().unwrap().steps;

    assert_eq!(firm.reminders.small_move_minutes, 30);
    assert_eq!(of_all.get(&Step::DayBefore), None);
    assert_eq!(of_all[&Step::Soon], When::Shift(-90));
    assert_eq!(of_all[&Step::Thanks], When::Clock(1, 720));
    assert_eq!(of_all[&Step::Missed], When::Clock(1, 660));
    assert_eq!(of_cut.get(&Step::Soon), None);
    assert_eq!(of_cut[&Step::Morning], When::Clock(0, 495));
    assert_eq!(of_cut[&Step::DayBefore], When::Shift(-1440));
    assert_eq!(of_cut[&Step::Thanks], When::Clock(1, 720));
}

#[test]
fn what_is_no_time_is_told_with_its_place_and_examples() {
    for (line, told) in [
        ("soon = \"2h\"", "`2h` is no time"),
        ("soon = \"+2h\"", "`+2h` is no time for this step"),
        ("morning = \"9:30\"", "`9:30` is no time"),
        (
            "morning = \"+1d 09:30\"",
            "`+1d 09:30` is no time for this step",
        ),
        ("thanks = \"-2h\"", "`-2h` is no time for this step"),
        ("return = \"+3h\"", "`+3h` is no time for this step"),
        ("booked = \"-2h\"", "`-2h` is no time for this step"),
        ("day_before = \"-99d\"", "`-99d` is no time"),
        ("day_before = 24", "must be true or false"),
        ("day_befor = false", "is not a known key"),
        ("wait_minutes = 0", "must be between 1 and 720"),
    ] {
        let problems = firm(&format!("[reminders]\n{line}")).unwrap_err();

        assert_eq!(problems.len(), 1, "{line}: {problems:?}");
        assert!(problems[0].contains(told), "{line}: {problems:?}");
        assert!(problems[0].contains("business.toml:14:"), "{problems:?}");
    }
}

#[test]
fn a_time_reads_back_as_it_was_written() {
    for text in ["-24h", "-90m", "+2h", "09:30", "-1d 18:00", "+1d 11:00"] {
        assert_eq!(When::parse(text).unwrap().to_string(), text);
    }
    for text in [
        "",
        "-",
        "h",
        "-h",
        "24:00",
        "1:00",
        "-1d 18:00 x",
        "09:30 -1d",
        "+2h 18:00",
        "-1д",
    ] {
        assert_eq!(When::parse(text), None, "{text}");
    }
}
