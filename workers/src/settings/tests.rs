use std::collections::BTreeSet;
use std::fs;

use super::firm::{Field, Firm, GROUPS, Group, Kind, Parts, Unfit};
use super::phrases::{self, Wording};
use super::*;
use crate::business::{Business, Price, read};
use crate::content::BUSINESS;
use crate::testing::{config, moscow};
use crate::texts::Phrase;

fn shipped() -> String {
    fs::read_to_string(config().join(BUSINESS)).unwrap()
}

fn group(name: &str) -> &'static Group {
    GROUPS.iter().find(|group| group.name == name).unwrap()
}

fn field(group: &'static Group, key: &str) -> &'static Field {
    group.fields.iter().find(|field| field.key == key).unwrap()
}

fn typed(parts: &[(&str, &str)]) -> Parts {
    let parts = parts.iter();
    parts
        .map(|(part, text)| ((*part).to_owned(), (*text).to_owned()))
        .collect()
}

/// The shipped file with one field as somebody typed it.
fn with(group: &'static Group, id: Option<&str>, key: &str, parts: &[(&str, &str)]) -> String {
    let field = field(group, key);
    let mut firm = Firm::read(&shipped()).unwrap();
    firm.set(group, id, field, &field.kind.tidied(&typed(parts)).unwrap());
    firm.text()
}

fn firm(text: &str) -> Business {
    read(text).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"))
}

#[test]
fn what_nobody_changes_means_the_same_when_it_is_written_again() {
    let before = shipped();
    let mut form = Firm::read(&before).unwrap();
    for group in &GROUPS {
        let ids = match group.list {
            Some(list) => form.ids(list).into_iter().map(Some).collect(),
            None => vec![None],
        };
        assert!(!ids.is_empty(), "{}", group.name);
        for id in ids {
            for field in group.fields {
                let said = form.get(group, id.as_deref(), field);
                let tidied = field.kind.tidied(&said);
                assert_eq!(
                    tidied.as_ref(),
                    Ok(&said),
                    "{} {id:?} {}",
                    group.name,
                    field.key
                );
                form.set(group, id.as_deref(), field, &said);
                assert_eq!(form.get(group, id.as_deref(), field), said);
            }
        }
    }
    let (before, after) = (firm(&before), firm(&form.text()));
    assert_eq!(before.services.len(), after.services.len());
    for (before, after) in before.services.iter().zip(&after.services) {
        assert_eq!((&before.id, &before.price), (&after.id, &after.price));
        assert_eq!(
            (before.minutes, before.online),
            (after.minutes, after.online)
        );
        assert_eq!(before.synonyms, after.synonyms);
    }
    for (before, after) in before.staff.iter().zip(&after.staff) {
        assert_eq!(before.schedule, after.schedule);
        let does = |one: &crate::business::Employee| BTreeSet::from_iter(one.services.clone());
        assert_eq!(does(before), does(after));
    }
    assert_eq!(before.locations[0].hours, after.locations[0].hours);
    assert_eq!(
        before.locations[0].special_days,
        after.locations[0].special_days
    );
    assert_eq!(before.reminders, after.reminders);
    assert_eq!(before.booking, after.booking);
}

#[test]
fn a_change_leaves_everything_else_with_its_comments() {
    let before = shipped();
    let after = with(group("booking"), None, "booking.cancel_hours", &[("", "6")]);

    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (before, after) = (lines(&before), lines(&after));
    assert_eq!(before.len(), after.len());
    let changed: Vec<_> = before.iter().zip(&after).filter(|(a, b)| a != b).collect();
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert!(changed[0].1.starts_with("cancel_hours = 6"));
    assert!(
        changed[0].1.contains("# за сколько часов"),
        "{}",
        changed[0].1
    );
}

#[test]
fn prices_are_typed_as_people_write_them() {
    let services = group("services");
    let price = |text: &str| {
        let text = with(services, Some("manicure"), "price", &[("", text)]);
        firm(&text).service("manicure").unwrap().price
    };
    assert_eq!(price("1 700"), Price::Exact(1700));
    assert_eq!(price("1700 – 2100"), Price::Between(1700, 2100));
    assert_eq!(price("от 1700"), Price::From(1700));
    assert_eq!(price("1700+"), Price::From(1700));
    for text in ["дорого", "-5", "2100-1700", "99999999999999999999"] {
        assert_eq!(
            Kind::Price.tidied(&typed(&[("", text)])),
            Err(Unfit::Number),
            "{text}"
        );
    }
    assert_eq!(
        Kind::Price.tidied(&typed(&[("", " ")])),
        Err(Unfit::Missing)
    );
}

#[test]
fn hours_and_holidays_are_typed_as_people_write_them() {
    let places = group("places");
    let id = Some("kolokolnaya");
    let week = [
        ("mon", "10-21"),
        ("tue", "10:00–21:00"),
        ("sat", "10-14, 15-19.30"),
    ];
    let after = firm(&with(places, id, "hours", &week));
    let language = crate::words::Language::Ru;
    assert_eq!(
        after.locations[0].hours.text(language),
        "пн–вт 10:00–21:00, ср–пт выходной, сб 10:00–14:00 и 15:00–19:30, вс выходной"
    );

    let days = [
        ("0.from", "31.12"),
        ("0.hours", "10-16"),
        ("1.from", "2027-03-08"),
        ("2.from", "01.05.2027"),
        ("2.until", "03.05.2027"),
    ];
    let after = with(places, id, "special_days", &days);
    let closed = firm(&after).locations[0].open_on("2027-05-02".parse().unwrap());
    assert!(closed.is_empty(), "{after}");
    assert_eq!(firm(&after).locations[0].special_days.len(), 3);
    let told = Firm::read(&after).unwrap();
    let told = told.get(places, id, field(places, "special_days"));
    assert_eq!(told.get("1.from").map(String::as_str), Some("08.03.2027"));

    let unfit = |kind: Kind, parts| kind.tidied(&typed(parts));
    assert_eq!(unfit(Kind::Week, &[("mon", "21-10")]), Err(Unfit::Hours));
    assert_eq!(unfit(Kind::Week, &[("mon", "closed")]), Err(Unfit::Missing));
    assert_eq!(unfit(Kind::Days, &[("0.from", "31.02")]), Err(Unfit::Day));
    assert_eq!(unfit(Kind::Days, &[("0.from", "08-03")]), Err(Unfit::Day));
    assert_eq!(unfit(Kind::Days, &[("0.hours", "10-16")]), Err(Unfit::Day));
    let twenty_six = Kind::Days
        .tidied(&typed(&[("0.from", "31.12.26")]))
        .unwrap();
    assert_eq!(twenty_six["0.from"], "31.12.2026");
    assert_eq!(
        unfit(
            Kind::Days,
            &[("0.from", "31.12.2026"), ("0.until", "30.12.2026")]
        ),
        Err(Unfit::Day)
    );
    assert_eq!(
        unfit(
            Kind::Days,
            &[("0.from", "31.12"), ("0.until", "02.01.2027")]
        ),
        Err(Unfit::Day)
    );
    assert_eq!(unfit(Kind::Moment, &[("", "вечером")]), Err(Unfit::Moment));
}

#[test]
fn however_the_file_is_written_the_form_has_it() {
    let text = shipped().replace("price = 1500", "price = [1500, 1500]");
    let places = group("places");
    let (before, after) = text.split_once("[[locations.special_days]]").unwrap();
    let days = "special_days = [{ from = \"12-31\", hours = \"closed\" }]";
    let before = format!("{}\n{days}\n\n", before.trim_end());
    let rest = after.split_once("# Кабинеты").unwrap().1;
    let form = Firm::read(&format!("{before}# Кабинеты{rest}")).unwrap();
    let told = form.get(places, Some("kolokolnaya"), field(places, "special_days"));
    assert_eq!(told, typed(&[("0.from", "31.12")]), "{}", form.text());
    let services = group("services");
    let price = form.get(services, Some("manicure"), field(services, "price"));
    assert_eq!(price, typed(&[("", "1500")]));
}

#[test]
fn a_reminder_is_switched_off_and_on() {
    let reminders = group("reminders");
    let off = with(reminders, None, "reminders.morning", &[("", "")]);
    assert!(off.contains("morning = false"));
    let told = Firm::read(&off).unwrap();
    assert_eq!(
        told.get(reminders, None, field(reminders, "reminders.morning")),
        Parts::new()
    );
    firm(&off);
}

#[test]
fn somebody_new_and_something_new() {
    let services = group("services");
    let mut form = Firm::read(&shipped()).unwrap();
    let id = form.add("services", "Head spa", 7).unwrap();
    assert_eq!(
        form.add("services", "Head spa", 7).as_deref(),
        Some("head-spa-7-2")
    );
    form.remove("services", "head-spa-7-2");
    assert_eq!(id, "head-spa-7");
    for (key, parts) in [
        ("name", &[("ru", "Спа для головы"), ("en", "Head spa")][..]),
        ("category", &[("ru", "Волосы")]),
        ("minutes", &[("", "60")]),
        ("price", &[("", "3000")]),
        ("online", &[]),
    ] {
        let field = field(services, key);
        form.set(
            services,
            Some(&id),
            field,
            &field.kind.tidied(&typed(parts)).unwrap(),
        );
    }
    let after = firm(&form.text());
    let service = after.service("head-spa-7").unwrap();
    assert_eq!(service.name.ru, "Спа для головы");
    assert!(!service.online);
    assert_eq!(form.add("staff", "Инга", 8).as_deref(), Some("staff-8"));
}

#[test]
fn every_phrase_can_be_read_and_written() {
    for name in ["texts/ru.ftl", "texts/en.ftl"] {
        let file = fs::read_to_string(config().join(name)).unwrap();
        for phrase in Phrase::ALL {
            let key = phrase.key();
            let wording = phrases::get(&file, key).unwrap_or_else(|| panic!("{name}: {key}"));
            let after =
                phrases::set(&file, key, &wording).unwrap_or_else(|| panic!("{name}: {key}"));
            assert_eq!(phrases::get(&after, key), Some(wording), "{name}: {key}");
            let others = Phrase::ALL.iter().filter(|other| *other != phrase);
            for other in others {
                assert_eq!(
                    phrases::get(&after, other.key()),
                    phrases::get(&file, other.key())
                );
            }
        }
    }
}

#[test]
fn a_wording_is_nothing_but_a_wording() {
    let file = "# Words.\nhello = Hi!\n    .informal = Hey!\n\n# More.\nbye = Bye.\n";
    let said = |text: &str| Wording {
        text: text.into(),
        ..Wording::default()
    };
    assert_eq!(
        phrases::set(file, "hello", &said("Good day!\nHow are you?")).unwrap(),
        "# Words.\nhello =\n    Good day!\n    How are you?\n\n# More.\nbye = Bye.\n"
    );
    let apart = phrases::set(file, "hello", &said("Hi!\n\nWell?")).unwrap();
    assert_eq!(phrases::get(&apart, "hello").unwrap().text, "Hi!\n\nWell?");
    assert!(phrases::set(file, "hello", &said("Hi, { $name }!")).is_some());
    let wrong = [
        "",
        "{ $",
        ".informal = no",
        "}",
        "Hi!\n.emoji = !",
        "Hi, $name!",
        "Hi, { name }!",
    ];
    for text in wrong {
        assert_eq!(phrases::set(file, "hello", &said(text)), None, "{text}");
    }
    assert_eq!(phrases::set(file, "nothing", &said("Hi!")), None);
}

struct Salon {
    office: Office,
    first: Files,
}

impl Salon {
    async fn new() -> Self {
        Self {
            office: Office {
                store: Store::open("sqlite::memory:").await.unwrap(),
                content: Some(Arc::new(Content::load(&config()).unwrap())),
                autonomy: AutonomyConfig::default(),
            },
            first: Files::of_folder(&config()),
        }
    }

    async fn now(&self) -> Files {
        Files::now(&config(), &self.office.store).await.unwrap()
    }

    async fn keep(
        &self,
        before: &Files,
        name: &str,
        text: &str,
    ) -> Result<Option<i64>, SettingsError> {
        let files = before.with(name, text.to_owned());
        let deed = Deed::Changed(vec![Change {
            key: name.to_owned(),
            from: String::new(),
            to: String::new(),
        }]);
        self.office.keep(before, &files, &deed, &done()).await
    }
}

fn done() -> Done {
    Done {
        who: "Марина".into(),
        at: moscow("2026-11-26 12:00"),
    }
}

#[tokio::test]
async fn a_version_holds_when_all_of_it_can_be_used_and_can_be_taken_back() {
    let salon = Salon::new().await;
    let dearer = with(
        group("services"),
        Some("manicure"),
        "price",
        &[("", "1700")],
    );

    assert_eq!(
        salon.keep(&salon.first, BUSINESS, &dearer).await.unwrap(),
        Some(1)
    );
    let first = salon.now().await;
    let price = |files: &Files| {
        Business::load(files)
            .unwrap()
            .service("manicure")
            .unwrap()
            .price
    };
    assert_eq!(price(&first), Price::Exact(1700));

    // Who has read the version before is told, and nothing is overwritten.
    let late = salon
        .keep(&salon.first, BUSINESS, &shipped().replace("1500", "1600"))
        .await;
    assert!(matches!(late, Err(SettingsError::Outdated)), "{late:?}");
    // Nor is anything that cannot be used.
    let broken = dearer.replace("[\"manicure\",", "[\"manicur\",");
    match salon.keep(&first, BUSINESS, &broken).await {
        Err(SettingsError::Wrong(problems)) => assert!(problems[0].to_string().contains("manicur")),
        other => panic!("{other:?}"),
    }
    assert_eq!(salon.now().await.version(), 1);
    // The same again is no version.
    assert_eq!(salon.keep(&first, BUSINESS, &dearer).await.unwrap(), None);

    let back = salon.office.roll_back(&first, 0, &done()).await.unwrap();
    assert_eq!(back, Some(2));
    let now = salon.now().await;
    assert_eq!(price(&now), Price::Exact(1500));
    assert!(!now.is_kept(BUSINESS));
    let versions = salon
        .office
        .store
        .versions(Shelf::Settings, 10)
        .await
        .unwrap();
    assert_eq!(Deed::read(&versions[0].what), Some(Deed::Back(0)));
}

#[tokio::test]
async fn who_edits_the_file_after_the_staff_is_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(BUSINESS), shipped()).unwrap();
    let files = Files::of_folder(folder.path()).with(BUSINESS, shipped().replace("1500", "1700"));
    assert!(!files.is_contested(BUSINESS));
    let write = |text: String| fs::write(folder.path().join(BUSINESS), text).unwrap();
    write(shipped().replace("1500", "1600"));
    assert!(files.is_contested(BUSINESS));
    let again = files.with(BUSINESS, shipped().replace("1500", "1800"));
    assert!(again.is_contested(BUSINESS), "nobody has heard of it yet");
    write(shipped().replace("1500", "1700"));
    assert!(
        !files.is_contested(BUSINESS),
        "what was exported says the same"
    );
}
