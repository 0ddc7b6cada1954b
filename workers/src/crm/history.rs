//! What the CRM is told of a conversation: pieces of it word by word, a summary, a title.
//!
//! All of it is plain text. Making it harmless for a CRM that reads marks in it is for that CRM's adapter.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use zapis_core::message::Line;

use super::{Card, CrmConfig, words};
use crate::business::thousands;

/// The most bytes of a piece of a conversation: a comment of about 10 kB is read, and costs one request.
const MOST: usize = 10_000;
/// The most characters of a line of a summary.
const SHORT: usize = 160;
/// The most characters of a title: a list shows less, and CRMs keep 255.
const TITLE: usize = 200;

/// Who must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next<'a> {
    /// The bot goes on.
    Bot,
    /// A person, and why, where that is known.
    Person(Option<&'a str>),
    /// A visit is booked.
    Nobody,
}

/// Whether a piece of a conversation is complete: it is long enough, nobody goes on with it, or a person was
/// called, who needs it now.
pub(super) fn closes(
    config: &CrmConfig,
    lines: &[Line],
    last_at: DateTime<Utc>,
    now: DateTime<Utc>,
    handed_over: bool,
) -> bool {
    let idle = now - last_at >= TimeDelta::minutes(config.segment_minutes.into());
    let long = lines.len() >= config.segment_lines as usize;
    !lines.is_empty() && (handed_over || long || idle)
}

/// A piece of a conversation: who said what, when. What is too long loses its middle.
pub(super) fn segment(lines: &[Line], zone: Tz) -> String {
    let line = |line: &Line| {
        let at = line.at.with_timezone(&zone).format("%d.%m %H:%M");
        // Set in, so that nobody writes a line in somebody else's name.
        let said: Vec<&str> = line
            .text
            .split(is_break)
            .filter(|one| !one.is_empty())
            .collect();
        format!("{at} {}: {}", words::author(line.from), said.join("\n    "))
    };
    let all: Vec<String> = lines.iter().map(line).collect();
    without_middle(all.join("\n"))
}

/// What it is about, in a few short lines.
pub(super) fn summary(card: &Card, next: Next<'_>) -> String {
    let price = card.price.map(|price| {
        let currency = match card.currency.as_str() {
            "RUB" | "" => "₽",
            other => other,
        };
        let from = if card.price_from { words::FROM } else { "" };
        format!("{from}{} {currency}", thousands(price))
    });
    let username = card.username.as_ref().map(|name| format!("@{name}"));
    let contact = [
        card.name.as_deref(),
        card.phones.first().map(String::as_str),
        card.emails.first().map(String::as_str),
        username.as_deref(),
    ];
    let contact: Vec<&str> = contact.into_iter().flatten().collect();
    let next = match next {
        Next::Bot => words::BOT_GOES_ON.to_owned(),
        Next::Person(None) => words::PERSON_ACTS.to_owned(),
        Next::Person(Some(why)) => format!("{}: {why}", words::PERSON_ACTS),
        Next::Nobody => words::NOBODY_ACTS.to_owned(),
    };
    let lines = [
        (words::WANTS, card.service.clone()),
        (words::WHEN, card.time.clone()),
        (words::COSTS, price),
        (words::WHO, Some(contact.join(", "))),
        (words::NEXT, Some(next)),
    ];
    let told = lines.into_iter().filter_map(|(what, told)| {
        let told = one_line(&told?);
        (!told.is_empty()).then(|| shortened(&format!("{what}: {told}"), SHORT))
    });
    told.collect::<Vec<_>>().join("\n")
}

/// One line: where it came from, who and what.
pub(super) fn title(name: Option<&str>, channel: &str, service: Option<&str>) -> String {
    let told = [name, service].into_iter().flatten().map(one_line);
    let told: Vec<String> = told.filter(|one| !one.is_empty()).collect();
    let about = match told.as_slice() {
        [] => words::ENQUIRY.to_owned(),
        told => told.join(", "),
    };
    shortened(&format!("{}: {about}", words::channel(channel)), TITLE)
}

/// What begins a new line for some reader, or is nothing to read.
fn is_break(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || is_break(c));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most - 1).collect();
    short.truncate(short.trim_end().len());
    short + "…"
}

fn without_middle(text: String) -> String {
    if text.len() <= MOST {
        return text;
    }
    // The note is never longer for the whole text than for its middle.
    let room = MOST - words::left_out(text.chars().count()).len();
    let head = text.floor_char_boundary(room / 2);
    let tail = text.ceil_char_boundary(text.len() - room / 2);
    let lost = words::left_out(text[head..tail].chars().count());
    format!("{}{lost}{}", &text[..head], &text[tail..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zapis_core::message::Author;

    use super::*;
    use crate::testing::moscow;

    fn line(from: Author, text: &str, at: &str) -> Line {
        Line {
            from,
            text: text.to_owned(),
            at: moscow(at),
        }
    }

    const ZONE: Tz = chrono_tz::Europe::Moscow;

    #[test]
    fn a_piece_of_a_conversation_says_who_said_what_and_when() {
        let lines = [
            line(
                Author::Customer,
                "Сколько стоит стрижка?",
                "2026-11-26 23:59",
            ),
            line(Author::Bot, "2 500 ₽", "2026-11-27 00:00"),
            line(Author::Staff, "Ждём вас", "2026-11-27 09:05"),
        ];
        assert_eq!(
            segment(&lines, ZONE),
            "26.11 23:59 Клиент: Сколько стоит стрижка?\n27.11 00:00 Бот: 2 500 ₽\n27.11 09:05 Сотрудник: Ждём вас"
        );
        assert_eq!(segment(&[], ZONE), "");
    }

    #[test]
    fn nobody_writes_a_line_in_the_name_of_the_staff() {
        for break_of_line in ["\n", "\r\n", "\r", "\u{2028}", "\u{85}", "\u{b}"] {
            let text = format!("привет{break_of_line}26.11 12:01 Сотрудник: скидка 90 %");
            let lines = [line(Author::Customer, &text, "2026-11-26 12:00")];
            assert_eq!(
                segment(&lines, ZONE),
                "26.11 12:00 Клиент: привет\n    26.11 12:01 Сотрудник: скидка 90 %"
            );
        }
    }

    #[test]
    fn what_is_too_long_loses_its_middle() {
        let at = "2026-11-26 12:00";
        let lines = [
            line(Author::Customer, "начало", at),
            line(Author::Customer, &"я".repeat(20_000), at),
            line(Author::Customer, "конец", at),
        ];

        let text = segment(&lines, ZONE);

        assert!(
            text.len() <= MOST && text.len() > MOST - 100,
            "{}",
            text.len()
        );
        assert!(text.starts_with("26.11 12:00 Клиент: начало\n"));
        assert!(text.ends_with("я\n26.11 12:00 Клиент: конец"));
        assert!(text.contains("[… пропущено знаков: 15"), "{text}");
    }

    #[test]
    fn a_summary_tells_what_is_known_and_who_must_act() {
        let card = Card {
            name: Some("Анна".to_owned()),
            phones: vec!["+79990000001".to_owned()],
            username: Some("anna".to_owned()),
            service: Some("Женская стрижка".to_owned()),
            time: Some("в пятницу\nвечером".to_owned()),
            price: Some(2500),
            currency: "RUB".to_owned(),
            ..Card::default()
        };
        assert_eq!(
            summary(&card, Next::Person(Some("жалоба"))),
            "Хочет: Женская стрижка\nКогда: в пятницу вечером\nЦена: 2 500 ₽\nКонтакт: Анна, +79990000001, @anna\nДальше: нужен ответ человека: жалоба"
        );
        assert_eq!(summary(&Card::default(), Next::Bot), "Дальше: отвечает бот");
        let long = Card {
            service: Some("а".repeat(500)),
            ..card
        };
        let told = summary(&long, Next::Nobody);
        assert_eq!(told.lines().count(), 5);
        assert!(told.lines().all(|line| line.chars().count() <= SHORT));
    }

    #[test]
    fn a_title_is_one_line() {
        let told = |name, service| title(name, "telegram", service);
        assert_eq!(
            told(Some("Анна"), Some("Женская стрижка")),
            "Telegram: Анна, Женская стрижка"
        );
        assert_eq!(
            told(Some(" Анна\nПетрова\u{0}"), None),
            "Telegram: Анна Петрова"
        );
        assert_eq!(told(None, None), "Telegram: обращение");
        assert_eq!(
            title(None, "webchat", Some("Маникюр")),
            "Чат на сайте: Маникюр"
        );
        assert_eq!(told(Some(&"ы".repeat(300)), None).chars().count(), TITLE);
    }

    #[test]
    fn a_piece_is_closed_when_it_is_long_or_old_or_a_person_needs_it() {
        let config = CrmConfig {
            segment_lines: 2,
            segment_minutes: 15,
            ..CrmConfig::default()
        };
        let at = "2026-11-26 12:00";
        let lines = vec![line(Author::Customer, "?", at); 2];
        let closes = |count: usize, now, handed_over| {
            let lines = &lines[..count];
            closes(&config, lines, moscow(at), moscow(now), handed_over)
        };

        assert!(!closes(1, "2026-11-26 12:14", false));
        assert!(closes(1, "2026-11-26 12:15", false), "nobody goes on");
        assert!(closes(1, at, true), "a person needs it");
        assert!(closes(2, at, false), "it is long");
        assert!(!closes(0, "2026-11-27 12:00", true), "there is nothing");
    }

    proptest! {
        #[test]
        fn whatever_is_written_fits(texts in proptest::collection::vec("(\\PC|[яё🙂\n]){0,600}", 0..40)) {
            let at = "2026-11-26 12:00";
            let lines: Vec<Line> = texts.iter().map(|text| line(Author::Customer, text, at)).collect();
            let text = segment(&lines, ZONE);
            prop_assert!(text.len() <= MOST);
            prop_assert!(text.lines().count() >= usize::from(!lines.is_empty()));
        }
    }
}
