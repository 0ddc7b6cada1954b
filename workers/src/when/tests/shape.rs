//! Places, alternatives and JSON.

use super::*;

#[test]
fn mentions_tell_where_they_stand() {
    let cases: &[(&str, &[&str])] = &[
        (
            "Работаем пн–пт 10:00–21:00, процедура 90–120 минут, ждём завтра в 15:00",
            &["пн–пт 10:00–21:00", "90–120 минут", "завтра в 15:00"],
        ),
        (
            "Ёлка! Свободно в пятницу с 10 до 14, кроме обеда; 5 декабря – нет",
            &["в пятницу с 10 до 14", "кроме обеда", "5 декабря"],
        ),
        (
            "Открыты с 10:00 до 21:00, 31 декабря 10:00–16:00, сб 10:00–20:00. Стрижка 60 мин.",
            &[
                "с 10:00 до 21:00",
                "31 декабря 10:00–16:00",
                "сб 10:00–20:00",
                "60 мин",
            ],
        ),
        (
            "Open Mon-Fri 9am-6pm, see you on the 7th at half past 11.",
            &["Mon-Fri 9am-6pm", "on the 7th at half past 11"],
        ),
    ];
    for (text, expected) in cases {
        let heard = mentions(text, now());
        let places: Vec<&str> = heard
            .into_iter()
            .map(|mention| &text[mention.span])
            .collect();
        assert_eq!(places, *expected);
    }
}

#[test]
fn a_wish_tells_which_visits_fit() {
    let wish = |text| read(text, now()).wish;
    let friday = |hour, minute| at(2026, 11, 27, hour, minute);
    let saturday = |hour| at(2026, 11, 28, hour, 0);

    let late = wish("в пятницу после шести");
    assert!(late.admits(friday(18, 0)) && late.admits(friday(20, 30)));
    assert!(!late.admits(friday(17, 30)) && !late.admits(saturday(19)));

    let free = wish("в любой день до обеда, кроме субботы");
    assert!(free.admits(friday(11, 0)) && !free.admits(friday(14, 0)));
    assert!(!free.admits(saturday(11)) && !free.admits(at(2026, 12, 5, 11, 0)));

    let either = wish("завтра утром или в субботу вечером");
    assert!(either.admits(friday(9, 0)) && either.admits(saturday(19)));
    assert!(!either.admits(friday(19, 0)) && !either.admits(saturday(9)));

    assert!(wish("сколько стоит маникюр?").admits(friday(3, 0)));
}

#[test]
fn doubts_hold_the_other_reading() {
    let doubts = |text| read(text, now()).wish.any_of.remove(0).doubts;
    let time = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
    assert_eq!(doubts("в 3"), [Doubt::Hour(time(3))]);
    assert_eq!(doubts("в 8"), [Doubt::Hour(time(20))]);
    assert_eq!(doubts("в четверг"), [Doubt::Day(now().date())]);
    let week_after = NaiveDate::from_ymd_opt(2026, 12, 4).unwrap();
    assert_eq!(doubts("в следующую пятницу"), [Doubt::Day(week_after)]);
    assert_eq!(doubts("в 15:00 завтра"), []);
}

#[test]
fn json_is_plain() {
    let heard = read("в пятницу после 18:30, 40 минут", now());
    assert_eq!(
        serde_json::to_value(&heard).unwrap(),
        serde_json::json!({
            "mentions": [
                {
                    "span": { "start": 0, "end": 34 },
                    "said": { "when": {
                        "days": { "at": "2026-11-27" }, "time": { "after": "18:30:00" }, "part": null,
                        "weekdays": [], "about": false, "doubts": []
                    } }
                },
                { "span": { "start": 36, "end": 49 }, "said": { "length": { "least": 40, "most": 40, "unit": "minute" } } }
            ],
            "wish": {
                "any_of": [{
                    "days": { "at": "2026-11-27" }, "time": { "after": "18:30:00" }, "part": null,
                    "weekdays": [], "about": false, "doubts": []
                }],
                "except": [],
                "length": { "least": 40, "most": 40, "unit": "minute" }
            }
        })
    );
}
