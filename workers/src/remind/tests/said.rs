//! What is said.

use uuid::Uuid;
use zapis_core::store::{Booking, Item, Status, Visit};

use super::super::words::Speaker;
use crate::business::{Address, Step, Tone};
use crate::testing::{business, moscow, texts};
use crate::words::Language;

fn booking() -> Booking {
    let firm = business();
    let master = firm
        .staff
        .iter()
        .find(|one| one.services.contains(&"women-cut".to_owned()));
    Booking {
        id: Uuid::from_u128(7),
        version: 1,
        status: Status::Booked,
        conversation: None,
        name: "Ольга".into(),
        phone: Some("+79001234567".into()),
        source: "phone".into(),
        for_whom: None,
        notes: None,
        created_at: moscow("2026-11-20 12:00"),
        visit: Visit {
            location: "kolokolnaya".into(),
            items: vec![Item {
                service: "women-cut".into(),
                resource: master.unwrap().id.clone(),
                needs: Vec::new(),
                starts_at: moscow("2026-11-27 15:00"),
                ends_at: moscow("2026-11-27 16:30"),
                buffer: (0, 10),
                price: String::new(),
            }],
        },
    }
}

fn say(booking: &Booking, step: Step, language: Language, now: &str) -> (String, Vec<String>) {
    let (firm, texts) = (business(), texts());
    let speaker = Speaker {
        business: &firm,
        texts: &texts,
        language,
        booking,
        now: moscow(now),
    };
    let said = speaker.say(step);
    (
        said.text,
        said.buttons.into_iter().map(|one| one.payload).collect(),
    )
}

#[test]
fn the_day_before_names_day_service_and_person_and_asks() {
    let firm = business();
    let booking = booking();
    let master = &firm
        .employee(&booking.visit.items[0].resource)
        .unwrap()
        .name;

    let (text, payloads) = say(&booking, Step::DayBefore, Language::Ru, "2026-11-26 15:00");

    let visit = format!(
        "завтра, в пятницу, 27 ноября, в 15:00: женская стрижка, мастер {}",
        master.ru
    );
    assert_eq!(
        text,
        format!("Напоминаем, что ждём вас {visit}. Вы придёте?")
    );
    let id = booking.id;
    assert_eq!(
        payloads,
        [
            format!("visit:confirm:{id}"),
            format!("visit:move:{id}"),
            format!("visit:cancel:{id}")
        ]
    );
    let (english, _) = say(&booking, Step::DayBefore, Language::En, "2026-11-26 15:00");
    assert!(
        english.contains("tomorrow, Friday, 27 November, at 15:00: women's haircut"),
        "{english}"
    );
}

#[test]
fn today_and_later_days_are_called_by_their_names() {
    let booking = booking();
    let (today, _) = say(&booking, Step::Soon, Language::Ru, "2026-11-27 13:00");
    let (later, _) = say(&booking, Step::Booked, Language::Ru, "2026-11-20 13:00");

    assert!(
        today.contains("сегодня, в пятницу, 27 ноября, в 15:00"),
        "{today}"
    );
    assert!(
        later.starts_with("Вы записаны в пятницу, 27 ноября, в 15:00"),
        "{later}"
    );
}

#[test]
fn who_has_confirmed_is_not_asked_again_and_marks_carry_the_booking() {
    let mut booking = booking();
    booking.status = Status::Confirmed;
    let id = booking.id;

    let (text, payloads) = say(&booking, Step::DayBefore, Language::Ru, "2026-11-26 15:00");
    let (_, marks) = say(&booking, Step::Thanks, Language::Ru, "2026-11-27 19:00");

    assert!(!text.contains('?'), "{text}");
    assert_eq!(
        payloads,
        [format!("visit:move:{id}"), format!("visit:cancel:{id}")]
    );
    let all: Vec<_> = (1..=5)
        .map(|mark| format!("visit:rate:{id}:{mark}"))
        .collect();
    assert_eq!(marks, all);
}

#[test]
fn a_service_or_person_that_is_gone_is_left_out_and_the_tone_is_kept() {
    let mut booking = booking();
    booking.visit.items[0].service = "gone".into();
    let (text, _) = say(&booking, Step::Soon, Language::Ru, "2026-11-27 13:00");
    assert_eq!(
        text,
        "Скоро увидимся: сегодня, в пятницу, 27 ноября, в 15:00."
    );

    let (firm, texts) = (business(), texts());
    let texts = texts.in_tone(Tone {
        address: Address::Informal,
        ..Tone::default()
    });
    let speaker = Speaker {
        business: &firm,
        texts: &texts,
        language: Language::Ru,
        booking: &booking,
        now: moscow("2026-11-26 15:00"),
    };
    assert!(speaker.say(Step::DayBefore).text.ends_with("Ты придёшь?"));
}

#[test]
fn an_sms_is_signed_asks_nothing_and_is_no_longer_than_two() {
    let (firm, texts) = (business(), texts());
    let mut booking = booking();
    // The longest names of a day.
    let start = moscow("2026-11-30 15:00");
    booking.visit.items[0].starts_at = start;
    for (version, step, now, expected) in [
        (
            1,
            Step::DayBefore,
            "2026-11-29 15:00",
            "Напоминаем: ждём вас завтра, в понедельник, 30 ноября, в 15:00. Белый шиповник, +7 812 555-01-42",
        ),
        (
            1,
            Step::Morning,
            "2026-11-30 09:30",
            "Напоминаем: ждём вас сегодня, в понедельник, 30 ноября, в 15:00. Белый шиповник, +7 812 555-01-42",
        ),
        (
            2,
            Step::Booked,
            "2026-11-20 09:30",
            "Ваша запись изменилась. Теперь ждём вас в понедельник, 30 ноября, в 15:00. Белый шиповник, +7 812 555-01-42",
        ),
    ] {
        booking.version = version;
        let speaker = Speaker {
            business: &firm,
            texts: &texts,
            language: Language::Ru,
            booking: &booking,
            now: moscow(now),
        };
        let said = speaker.say_shortly(step);
        assert_eq!(said.text, expected);
        assert!(said.buttons.is_empty());
    }
    for step in Step::ALL.into_iter().filter(|step| step.is_essential()) {
        for (language, most) in [(Language::Ru, 2 * 67), (Language::En, 2 * 153)] {
            let speaker = Speaker {
                business: &firm,
                texts: &texts,
                language,
                booking: &booking,
                now: moscow("2026-11-29 15:00"),
            };
            let text = speaker.say_shortly(step).text;
            assert!(text.encode_utf16().count() <= most, "{text}");
        }
    }
}
