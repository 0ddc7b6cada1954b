//! When it is written, in every zone and across clock changes.

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;
use zapis_core::store::{Item, Status, Visit};

use super::super::Reason;
use super::super::plan::{Fate, Quiet, Terms};
use crate::business::{ReminderPlan, Span, Step, When};

fn visit(start: DateTime<Utc>, minutes: i64) -> Visit {
    Visit {
        location: "main".into(),
        items: vec![Item {
            service: "cut".into(),
            resource: "anna".into(),
            needs: Vec::new(),
            starts_at: start,
            ends_at: start + TimeDelta::minutes(minutes),
            buffer: (0, 0),
            price: String::new(),
        }],
    }
}

fn terms(zone: Tz, quiet: Option<(u32, u32)>) -> Terms {
    Terms {
        plan: ReminderPlan::default(),
        return_days: Some(45),
        zone,
        quiet: quiet.map(|(from, until)| Quiet {
            span: Span { from, until },
            zone,
        }),
    }
}

fn local(zone: Tz, text: &str) -> DateTime<Utc> {
    let naive = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    zone.from_local_datetime(&naive)
        .earliest()
        .unwrap()
        .to_utc()
}

/// What becomes of the steps, as the clock of the zone shows it.
fn told(terms: &Terms, visit: &Visit, announce: bool, now: DateTime<Utc>) -> Vec<String> {
    let fates = terms.fates(visit, Status::Booked, announce, now);
    let show = |at: DateTime<Utc>| {
        at.with_timezone(&terms.zone)
            .format("%m-%d %H:%M")
            .to_string()
    };
    let told = fates.into_iter().map(|(step, fate)| match fate {
        Fate::Due { due, .. } => format!("{} {}", step.name(), show(due)),
        Fate::Skip(reason) => format!("{} {}", step.name(), reason.name()),
    });
    told.collect()
}

const MOSCOW: Tz = chrono_tz::Europe::Moscow;
const NIGHT: Option<(u32, u32)> = Some((21 * 60, 9 * 60));

#[test]
fn a_visit_in_the_afternoon_is_told_a_day_ahead_in_the_morning_and_soon_before() {
    let now = local(MOSCOW, "2026-11-24 12:00");
    let visit = visit(local(MOSCOW, "2026-11-27 15:00"), 60);

    assert_eq!(
        told(&terms(MOSCOW, NIGHT), &visit, true, now),
        [
            "booked 11-24 12:00",
            "day_before 11-26 15:00",
            "morning 11-27 09:30",
            "soon 11-27 13:00",
            "thanks 11-27 18:00",
            "return 01-11 11:00",
        ]
    );
}

#[test]
fn quiet_hours_are_kept_by_writing_earlier_or_later_or_not_at_all() {
    let terms = terms(MOSCOW, NIGHT);
    let early = visit(local(MOSCOW, "2026-11-27 10:30"), 60);

    // Booked long before: shortly before would be 08:30.
    let long = told(&terms, &early, false, local(MOSCOW, "2026-11-24 12:00"));
    assert_eq!(
        long[..3],
        [
            "day_before 11-26 10:30",
            "soon 11-26 20:59",
            "morning 11-27 09:30"
        ]
    );

    // Booked in the night: nothing earlier is left, and 09:00 still helps.
    let late = told(&terms, &early, true, local(MOSCOW, "2026-11-26 22:00"));
    assert_eq!(
        late[..4],
        [
            "day_before past",
            "booked 11-27 09:00",
            "soon quiet_hours",
            "morning 11-27 09:30",
        ]
    );

    // Nothing is left before a visit at 9.
    let nine = visit(local(MOSCOW, "2026-11-27 09:00"), 60);
    let nine = told(&terms, &nine, true, local(MOSCOW, "2026-11-26 22:00"));
    assert!(nine.contains(&"booked quiet_hours".to_owned()), "{nine:?}");
    assert!(nine.contains(&"soon quiet_hours".to_owned()), "{nine:?}");
    assert!(nine.contains(&"morning no_time".to_owned()), "{nine:?}");
}

#[test]
fn thanks_wait_for_the_morning_when_the_evening_is_quiet() {
    let evening = visit(local(MOSCOW, "2026-11-27 19:00"), 120);

    let fates = told(
        &terms(MOSCOW, NIGHT),
        &evening,
        false,
        local(MOSCOW, "2026-11-27 12:00"),
    );

    assert!(
        fates.contains(&"thanks 11-28 09:00".to_owned()),
        "{fates:?}"
    );
}

#[test]
fn a_clock_that_is_put_forward_or_back_moves_hours_and_not_the_morning() {
    let berlin = chrono_tz::Europe::Berlin;
    for (day, before, day_before) in [
        (
            "2026-03-29 10:00",
            "2026-03-25 12:00",
            "day_before 03-28 09:00",
        ),
        (
            "2026-10-25 10:00",
            "2026-10-20 12:00",
            "day_before 10-24 11:00",
        ),
    ] {
        let visit = visit(local(berlin, day), 60);
        let fates = told(&terms(berlin, None), &visit, false, local(berlin, before));
        assert_eq!(fates[0], day_before);
        let morning = format!("morning {} 09:30", &day[5..10]);
        assert!(fates.contains(&morning), "{fates:?}");
        let soon = format!("soon {} 08:00", &day[5..10]);
        assert!(fates.contains(&soon), "{fates:?}");
    }
}

#[test]
fn only_who_did_not_come_is_asked_back_and_who_cancelled_hears_nothing() {
    let now = local(MOSCOW, "2026-11-27 18:00");
    let visit = visit(local(MOSCOW, "2026-11-27 15:00"), 60);
    let steps = |status| {
        let fates = terms(MOSCOW, NIGHT).fates(&visit, status, false, now);
        fates.into_iter().map(|(step, _)| step).collect::<Vec<_>>()
    };

    assert_eq!(steps(Status::NoShow), [Step::Missed]);
    assert_eq!(steps(Status::Arrived), [Step::Thanks, Step::Return]);
    assert_eq!(steps(Status::CancelledByCustomer), []);
    assert_eq!(steps(Status::CancelledBySalon), []);
}

/// Zones of all kinds, and moments around clock changes and elsewhere.
fn zones() -> impl Strategy<Value = Tz> {
    proptest::sample::select(chrono_tz::TZ_VARIANTS.to_vec())
}

fn whens() -> impl Strategy<Value = ReminderPlan> {
    let clock = (-2..=0_i64, 0..24 * 60_u32).prop_map(|(days, minute)| When::Clock(days, minute));
    let shift = (1..72 * 60_i64).prop_map(|minutes| When::Shift(-minutes));
    let when = prop_oneof![clock, shift];
    (when.clone(), when.clone(), when).prop_map(|(one, two, three)| {
        let mut plan = ReminderPlan::default();
        plan.steps.insert(Step::DayBefore, one);
        plan.steps.insert(Step::Morning, two);
        plan.steps.insert(Step::Soon, three);
        plan
    })
}

#[test]
fn a_clock_that_is_put_back_shows_the_end_of_quiet_hours_once_more() {
    let zone = Tz::Europe__Amsterdam;
    let quiet = terms(zone, Some((7 * 60 + 1, 2 * 60 + 1))).quiet.unwrap();
    let second = Utc.with_ymd_and_hms(2027, 10, 31, 1, 0, 0).unwrap();
    let before = second - TimeDelta::minutes(1);

    assert!(!quiet.holds(before) && quiet.holds(second));
    assert_eq!(quiet.next(before), Some(second));
    assert_eq!(quiet.next(before - TimeDelta::minutes(30)), Some(second));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn nothing_is_planned_in_quiet_hours_after_the_visit_or_over_another_step(
        zone in zones(),
        plan in whens(),
        // 2025 to 2027, so that each zone changes its clock both ways.
        start in 1_735_700_000_i64..1_830_000_000,
        ahead in 0_i64..120 * 60,
        minutes in 10_i64..600,
        quiet in (0..24 * 60_u32, 0..24 * 60_u32),
        announce: bool,
    ) {
        let start = DateTime::from_timestamp(start / 60 * 60, 0).unwrap();
        let now = start - TimeDelta::minutes(ahead);
        let quiet = Some(quiet).filter(|(from, until)| from != until);
        let terms = Terms { plan, ..terms(zone, quiet) };
        let visit = visit(start, minutes);

        let fates = terms.fates(&visit, Status::Booked, announce, now);

        let mut wanted = vec![Step::DayBefore, Step::Morning, Step::Soon, Step::Thanks, Step::Return];
        wanted.extend(announce.then_some(Step::Booked));
        let mut steps: Vec<Step> = fates.iter().map(|(step, _)| *step).collect();
        wanted.sort();
        steps.sort();
        prop_assert_eq!(steps, wanted, "every step has a fate, once");

        let mut dues = Vec::new();
        for (step, fate) in &fates {
            let Fate::Due { due, until } = *fate else { continue };
            prop_assert!(due >= now && due < until, "{step:?} {due} {until}");
            if let Some(quiet) = terms.quiet {
                prop_assert!(!quiet.holds(due), "{step:?} {due} is quiet in {zone}");
                let next = quiet.next(due).unwrap();
                prop_assert!(next > due && quiet.holds(next) && next - due <= TimeDelta::hours(28));
                let mut minute = due;
                while minute < next {
                    prop_assert!(!quiet.holds(minute), "{minute} is quiet before {next} in {zone}");
                    minute += TimeDelta::minutes(1);
                }
            }
            if step.is_before() {
                prop_assert!(until <= start);
                dues.push((due, until));
            } else {
                prop_assert!(due >= visit.ends_at());
            }
        }
        for pair in dues.windows(2) {
            prop_assert!(pair[0].1 <= pair[1].0, "each step ends before the next one");
        }
        for (step, fate) in &fates {
            if *fate == Fate::Skip(Reason::Past) {
                prop_assert!(*step != Step::Booked);
            }
        }
    }
}
