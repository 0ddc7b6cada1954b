//! What is found, by example.

use zapis_core::store::DayHours;

use super::{at, busy, date, firm, moscow, plan, said, told, wish};
use crate::book::{WishFault, close_of, open_of, search, slots, spread, start_of};

#[test]
fn a_visit_lies_in_the_hours_of_the_person_and_of_the_location_and_not_in_a_break() {
    let firm = moscow();
    let monday = plan(&firm, &[], &[], "2026-11-30 08:00", "2026-11-30");

    let visits = slots(&monday, &wish(&[("cut", Some("anna"))]), 100);

    let told = told(firm.time_zone, &visits);
    assert_eq!(
        told.first().unwrap(),
        "30 10:00 anna",
        "the door opens at ten"
    );
    assert_eq!(told.last().unwrap(), "30 18:00 anna");
    let noon = |time: &&String| time.as_str() > "30 12:01" && time.as_str() < "30 14:00";
    assert_eq!(told.iter().filter(noon).count(), 0, "{told:?}");
}

#[test]
fn what_is_taken_is_not_offered_and_buffers_are_kept() {
    let firm = moscow();
    let taken = [
        busy(&firm, "anna", "2026-11-30 10:00", "2026-11-30 11:00"),
        busy(&firm, "room", "2026-11-30 14:00", "2026-11-30 15:00"),
    ];
    let monday = plan(&firm, &[], &taken, "2026-11-30 08:00", "2026-11-30");

    let visits = slots(&monday, &wish(&[("nails", None)]), 3);

    // Five minutes before belong to it, and so do ten after.
    let expected = ["30 11:15 anna", "30 11:30 anna", "30 11:45 anna"];
    assert_eq!(told(firm.time_zone, &visits), expected);
    let afternoon = slots(&monday, &said(&[("nails", None)], "сегодня после 14:00"), 1);
    assert_eq!(told(firm.time_zone, &afternoon), ["30 15:15 anna"]);
}

#[test]
fn anybody_is_who_has_least_to_do_that_day() {
    let firm = moscow();
    let noon = said(&[("cut", None)], "сегодня в 16:00");
    let taken = [busy(&firm, "anna", "2026-11-30 10:00", "2026-11-30 11:00")];
    let by = |taken: &[_]| {
        let plan = plan(&firm, &[], taken, "2026-11-30 08:00", "2026-11-30");
        told(firm.time_zone, &slots(&plan, &noon, 1))
    };

    assert_eq!(by(&[]), ["30 16:00 anna"]);
    assert_eq!(by(&taken), ["30 16:00 vera"]);
}

#[test]
fn several_services_follow_one_another_in_the_order_that_fits() {
    let firm = moscow();
    let taken = [busy(&firm, "anna", "2026-11-30 15:00", "2026-11-30 16:00")];
    let monday = plan(&firm, &[], &taken, "2026-11-30 08:00", "2026-11-30");
    let both = [("nails", Some("anna")), ("cut", Some("vera"))];

    let visits = slots(&monday, &said(&both, "сегодня в 15:00"), 1);

    assert_eq!(
        told(firm.time_zone, &visits),
        ["30 15:00 vera, 30 16:05 anna"]
    );
}

#[test]
fn one_person_does_one_after_the_other_with_the_buffers_between() {
    let firm = moscow();
    let monday = plan(&firm, &[], &[], "2026-11-30 08:00", "2026-11-30");
    let both = [("nails", Some("anna")), ("cut", Some("anna"))];

    let visits = slots(&monday, &said(&both, "сегодня в 15:00"), 1);

    assert_eq!(
        told(firm.time_zone, &visits),
        ["30 15:00 anna, 30 16:10 anna"]
    );
}

#[test]
fn two_at_once_get_two_people() {
    let firm = moscow();
    let monday = plan(&firm, &[], &[], "2026-11-30 08:00", "2026-11-30");
    let mut two = wish(&[("cut", None), ("cut", None)]);
    two.together = true;

    let visits = slots(&monday, &two, 1);

    assert_eq!(
        told(firm.time_zone, &visits),
        ["30 12:00 anna, 30 12:00 vera"]
    );
    two.items[0].person = Some("anna".into());
    two.items[1].person = Some("anna".into());
    assert_eq!(slots(&monday, &two, 1), []);
}

#[test]
fn days_off_holidays_and_hours_of_one_date_hold() {
    let firm = moscow();
    let of = |hours: &[DayHours], from: &str, last: &str, person: &str| {
        let plan = plan(&firm, hours, &[], from, last);
        told(
            firm.time_zone,
            &slots(&plan, &wish(&[("cut", Some(person))]), 1),
        )
    };
    let set = |resource: &str, spans: &[(u32, u32)]| DayHours {
        resource: resource.into(),
        date: date("2026-11-30"),
        spans: spans.to_vec(),
    };

    assert_eq!(
        of(&[], "2026-12-02 08:00", "2026-12-04", "vera"),
        ["04 12:00 vera"]
    );
    assert_eq!(
        of(&[], "2027-01-01 08:00", "2027-01-02", "anna"),
        ["02 10:00 anna"]
    );
    let late = [set("anna", &[(960, 1080)])];
    assert_eq!(
        of(&late, "2026-11-30 08:00", "2026-11-30", "anna"),
        ["30 16:00 anna"]
    );
    let closed = [set("main", &[])];
    assert!(of(&closed, "2026-11-30 08:00", "2026-11-30", "anna").is_empty());
}

#[test]
fn when_the_wish_is_taken_the_nearest_are_told() {
    let firm = moscow();
    let taken = [
        busy(&firm, "anna", "2026-11-30 14:00", "2026-11-30 17:00"),
        busy(&firm, "vera", "2026-11-30 15:00", "2026-11-30 17:30"),
    ];
    let plan = plan(&firm, &[], &taken, "2026-11-30 08:00", "2026-12-07");

    let found = search(&plan, &said(&[("cut", Some("anna"))], "сегодня в 15:00"), 3);

    assert!(!found.exact);
    let told = told(firm.time_zone, &found.visits);
    assert_eq!(told, ["30 13:30 vera", "30 14:00 vera", "30 17:00 anna"]);
}

#[test]
fn a_wish_that_no_time_can_suit_says_why() {
    let firm = moscow();
    let fault = |items: &[(&str, Option<&str>)]| wish(items).fault(&firm, true);

    assert_eq!(fault(&[]), Some(WishFault::NoService));
    assert_eq!(
        fault(&[("cat", None)]),
        Some(WishFault::UnknownService("cat".into()))
    );
    assert_eq!(
        fault(&[("face", None)]),
        Some(WishFault::NotOnline("face".into()))
    );
    assert_eq!(
        fault(&[("cut", Some("eve"))]),
        Some(WishFault::UnknownPerson("eve".into()))
    );
    let not_done = WishFault::NotDoneBy {
        service: "nails".into(),
        person: "vera".into(),
    };
    assert_eq!(fault(&[("nails", Some("vera"))]), Some(not_done));
    assert_eq!(wish(&[("face", Some("vera"))]).fault(&firm, false), None);
}

#[test]
fn some_of_many_are_spread_over_all() {
    let firm = moscow();
    let monday = plan(&firm, &[], &[], "2026-11-30 08:00", "2026-11-30");
    let visits = slots(&monday, &wish(&[("cut", Some("anna"))]), 100);

    let some = spread(&visits, 3);

    assert_eq!(some.len(), 3);
    assert_eq!(some[0], visits[0]);
    assert!(some[2].starts_at() > visits[visits.len() / 2].starts_at());
    assert_eq!(spread(&visits[..2], 5), visits[..2]);
    assert_eq!(spread(&[], 3), []);
}

#[test]
fn a_skipped_hour_is_not_offered_and_a_doubled_one_once() {
    // On 28 March 2027 the clock in Berlin goes from 2 to 3, on 31 October from 3 back to 2.
    let firm = firm("Europe/Berlin", "00:00-24:00");
    let zone = firm.time_zone;
    let (spring, autumn) = (date("2027-03-28"), date("2027-10-31"));

    assert_eq!(start_of(zone, spring, 150), None);
    assert_eq!(open_of(zone, spring, 150), at(&firm, "2027-03-28 03:00"));
    assert_eq!(close_of(zone, spring, 150), at(&firm, "2027-03-28 03:00"));
    assert_eq!(
        start_of(zone, autumn, 150),
        Some(open_of(zone, autumn, 150))
    );
    let twice = close_of(zone, autumn, 150) - open_of(zone, autumn, 150);
    assert_eq!(twice.num_minutes(), 60);
    let day = |date| (close_of(zone, date, 1440) - open_of(zone, date, 0)).num_hours();
    assert_eq!(
        [day(spring), day(autumn), day(date("2027-06-01"))],
        [23, 25, 24]
    );
}
