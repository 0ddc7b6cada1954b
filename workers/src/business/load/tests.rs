//! What is wrong with a firm is told, all of it, with its place.

use super::*;

fn problems(text: &str) -> Vec<String> {
    let source = SourceText {
        file: "business.toml".to_owned(),
        text: text.to_owned(),
    };
    business(&source).map_or_else(
        |problems| problems.iter().map(Problem::to_string).collect(),
        |_| Vec::new(),
    )
}

#[test]
fn every_problem_is_told_at_once_with_its_place() {
    let found = problems(
        "name = \"Салон\"\ntime_zone = \"Europe/Moskow\"\nadress = \"x\"\n\
         [escalation]\nowner = \"Анна\"\nhours = { mon-fri = \"10-21\" }\n\
         [[services]]\nid = \"cut\"\nname = \"Стрижка\"\ncategory = \"Волосы\"\nminutes = \"час\"\nprice = 900\n\
         [[staff]]\nid = \"a\"\nname = \"Аня\"\nrole = \"мастер\"\nservices = [\"cat\"]\nschedule = { mon = \"10:00-18:00\" }\n",
    );
    let all = found.join("\n");
    for expected in [
        "business.toml:2:13: error: time_zone: is not a time zone (hint: did you mean `Europe/Moscow`?)",
        "business.toml:3:1: error: adress: is not a known key",
        "business.toml:6:21: error: escalation.hours.mon-fri: is not working time",
        "business.toml:11:11: error: services[0].minutes: must be a number",
        "names the service `cat`, which there is not (hint: did you mean `cut`?)",
        "locations: must name at least one",
    ] {
        assert!(all.contains(expected), "{expected}\nnot in\n{all}");
    }
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    let found = problems("name = \"Салон\ntime_zone = 1");
    assert!(found[0].starts_with("business.toml:1:"), "{found:?}");
}

/// A firm that is right, but for what is put in its places.
fn firm(booking: &str, service: &str, person: &str, rest: &str) -> String {
    format!(
        "name = \"Салон\"\ntime_zone = \"Europe/Moscow\"\n{booking}\n\
         [escalation]\nowner = \"Анна\"\nhours = {{ mon-fri = \"10:00-21:00\" }}\n\
         [[locations]]\nid = \"main\"\nname = \"Салон\"\naddress = \"Улица, 1\"\nhours = {{ mon-fri = \"10:00-21:00\" }}\n\
         [[resources]]\nid = \"room\"\nname = \"Кабинет\"\n\
         [[services]]\nid = \"cut\"\nname = \"Стрижка\"\ncategory = \"Волосы\"\nprice = 900\n{service}\n\
         [[staff]]\nid = \"anna\"\nname = \"Аня\"\nrole = \"мастер\"\nschedule = {{ mon = \"10:00-18:00\" }}\n{person}\n{rest}\n"
    )
}

const FINE: [&str; 2] = ["minutes = 60", "services = [\"cut\"]"];

#[test]
fn what_the_book_needs_may_be_left_out() {
    let text = firm("", FINE[0], FINE[1], "");
    let firm = crate::business::read(&text).unwrap();

    assert_eq!(firm.booking, crate::business::BookingRules::default());
    let service = &firm.services[0];
    assert_eq!((service.book_minutes, service.buffer), (60, (0, 0)));
    assert!(service.online && service.needs.is_empty() && service.return_days.is_none());
    assert_eq!(firm.staff[0].location, "main");
    assert_eq!(firm.resources[0].location, "main");
}

#[test]
fn what_the_book_needs_is_read() {
    let service = "minutes = [30, 60]\nbook_minutes = 45\nbuffer = [5, 10]\nonline = false\nneeds = [\"room\"]\nreturn_days = 21";
    let booking = "booking = { step_minutes = 30, cancel_hours = 24, calendar = \"external\" }";
    let person = "services = [\"cut\"]\nlocation = \"main\"\n[[staff.special_days]]\nfrom = \"2027-02-01\"\nhours = \"closed\"";
    let firm = crate::business::read(&firm(booking, service, person, "")).unwrap();

    assert_eq!(
        (firm.booking.step_minutes, firm.booking.cancel_hours),
        (30, 24)
    );
    assert_eq!(
        firm.booking.calendar,
        crate::business::CalendarKind::External
    );
    let service = &firm.services[0];
    assert_eq!((service.book_minutes, service.buffer), (45, (5, 10)));
    assert_eq!((service.online, service.return_days), (false, Some(21)));
    assert_eq!(service.needs, ["room"]);
    let off = "2027-02-01".parse().unwrap();
    assert_eq!(firm.staff[0].scheduled_on(off), []);
}

#[test]
fn mistakes_about_the_book_are_told_with_their_place() {
    let [service, person] = FINE;
    let twin = "[[resources]]\nid = \"anna\"\nname = \"Стол\"";
    let cases = [
        (
            firm("booking = { step_minutes = 7 }", service, person, ""),
            "3:28: error: booking.step_minutes: must go into an hour without a rest (hint: use 5, 10",
        ),
        (
            firm("booking = { step_minutes = 0 }", service, person, ""),
            "booking.step_minutes: must go into an hour",
        ),
        (
            firm("booking = { max_days = 0 }", service, person, ""),
            "booking.max_days: must be between 1 and 366",
        ),
        (
            firm("booking = { calender = \"own\" }", service, person, ""),
            "booking.calender: is not a known key (hint: did you mean `calendar`?)",
        ),
        (
            firm("booking = { calendar = \"yclients\" }", service, person, ""),
            "booking.calendar: is not a known calendar",
        ),
        (
            firm("", "minutes = 60\nbook_minutes = 0", person, ""),
            "services[0].book_minutes: must be longer than nothing",
        ),
        (
            firm("", "minutes = 0", person, ""),
            "services[0].minutes: must be",
        ),
        (
            firm("", "minutes = 60\nbuffer = 10", person, ""),
            "services[0].buffer: must be [before, after] (hint: for example [0, 10])",
        ),
        (
            firm("", "minutes = 60\nbuffer = [0, 600]", person, ""),
            "services[0].buffer: is longer than 4 hours",
        ),
        (
            firm("", "minutes = 60\nonline = \"no\"", person, ""),
            "services[0].online: must be true or false",
        ),
        (
            firm("", "minutes = 60\nneeds = [\"rom\"]", person, ""),
            "names the room or machine `rom`, which there is not (hint: did you mean `room`?)",
        ),
        (
            firm("", service, "services = []", ""),
            "staff[0].services: must name at least one service",
        ),
        (
            firm("", service, "services = []", ""),
            "services[0].id: is a service that nobody does",
        ),
        (
            firm("", service, "services = [\"cut\"]\nlocation = \"mian\"", ""),
            "names the location `mian`, which there is not (hint: did you mean `main`?)",
        ),
        (
            firm("", service, person, twin),
            "resources: has the id `anna`, which is a person's",
        ),
    ];
    for (text, expected) in cases {
        let all = problems(&text).join("\n");
        assert!(all.contains(expected), "{expected}\nnot in\n{all}");
    }
}

#[test]
fn an_unknown_tone_is_told_with_what_there_is() {
    let found = problems("[tone]\naddress = \"вы\"\nemoji = \"да\"\nsmile = true\n").join("\n");
    for expected in [
        "business.toml:2:11: error: tone.address: is `вы`, which is no form of address (hint: use \"formal\" («вы») or \"informal\" («ты»))",
        "business.toml:3:9: error: tone.emoji: must be true or false",
        "business.toml:4:1: error: tone.smile: is not a known key",
    ] {
        assert!(found.contains(expected), "{expected}\nnot in\n{found}");
    }
}
