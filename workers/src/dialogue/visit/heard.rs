//! What a message says about a visit.

use chrono::{NaiveDate, NaiveDateTime, Timelike};
use uuid::Uuid;

use super::form::Task;
use crate::dialogue::Said;
use crate::understand::{Intent, Meaning, Understanding};
use crate::when::{self, Doubt, Reach};
use crate::words::{folded, tokens};

/// Before this hour people say "tomorrow" and may mean the day that has begun.
const NIGHT_ENDS: u32 = 5;
/// Words this short are no sentence with a question of its own.
const SHORT: usize = 4;

/// A pressed button of a visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Press {
    /// Book.
    Start,
    /// A group of services, by its number.
    Category(usize),
    /// A service.
    Service(String),
    /// A time that is held.
    Slot(Uuid),
    /// Another time.
    OtherTime,
    /// Tell me when such a time becomes free.
    Wait,
    /// The time that is offered with this hold is taken.
    Take(Uuid),
    /// It is not, but others are waited for.
    Pass(Uuid),
    /// Nothing is waited for any more, by the entry of the waiting list.
    Leave(Uuid),
    /// A reading of an ambiguous time: the date and minute it stands for.
    Meant(NaiveDate, Option<u32>),
    /// Consent to this version.
    Agree(String),
    /// No consent.
    Disagree,
    /// All is right with this hold, or with cancelling this booking.
    Yes(Uuid),
    /// Something is to be changed.
    No,
    /// Do it to this booking; a visit is booked like it.
    Target(Task, Uuid),
    /// The customer comes.
    Confirm(Uuid),
    /// So many stars for a visit.
    Rate(Uuid, u8),
}

impl Press {
    /// As a button carries it.
    pub fn payload(&self) -> String {
        match self {
            Self::Start => "booking".to_owned(),
            Self::Category(n) => format!("visit:category:{n}"),
            Self::Service(id) => format!("visit:service:{id}"),
            Self::Slot(hold) => format!("visit:slot:{hold}"),
            Self::OtherTime => "visit:other".to_owned(),
            Self::Wait => "visit:wait".to_owned(),
            Self::Take(id) => format!("visit:take:{id}"),
            Self::Pass(id) => format!("visit:pass:{id}"),
            Self::Leave(id) => format!("visit:leave:{id}"),
            Self::Meant(date, None) => format!("visit:meant:{date}"),
            Self::Meant(date, Some(minute)) => format!("visit:meant:{date}:{minute}"),
            Self::Agree(version) => format!("visit:agree:{version}"),
            Self::Disagree => "visit:disagree".to_owned(),
            Self::Yes(id) => format!("visit:yes:{id}"),
            Self::No => "visit:no".to_owned(),
            Self::Target(Task::Book, id) => format!("visit:again:{id}"),
            Self::Target(Task::Move, id) => format!("visit:move:{id}"),
            Self::Target(Task::Cancel, id) => format!("visit:cancel:{id}"),
            Self::Confirm(id) => format!("visit:confirm:{id}"),
            Self::Rate(id, stars) => format!("visit:rate:{id}:{stars}"),
        }
    }

    /// Whether it means something only within the form that showed it.
    pub(super) fn needs_form(&self) -> bool {
        matches!(
            self,
            Self::Slot(_)
                | Self::OtherTime
                | Self::Wait
                | Self::Meant(..)
                | Self::Agree(_)
                | Self::Disagree
                | Self::Yes(_)
                | Self::No
        )
    }

    /// Reads a button back; nothing for a button of something else.
    pub fn read(payload: &str) -> Option<Self> {
        if payload == "booking" {
            return Some(Self::Start);
        }
        let (name, rest) = payload
            .strip_prefix("visit:")
            .map(|rest| rest.split_once(':').unwrap_or((rest, "")))?;
        Some(match name {
            "category" => Self::Category(rest.parse().ok()?),
            "service" => Self::Service(rest.to_owned()),
            "slot" => Self::Slot(rest.parse().ok()?),
            "other" => Self::OtherTime,
            "wait" => Self::Wait,
            "take" => Self::Take(rest.parse().ok()?),
            "pass" => Self::Pass(rest.parse().ok()?),
            "leave" => Self::Leave(rest.parse().ok()?),
            "meant" => match rest.split_once(':') {
                Some((date, minute)) => Self::Meant(date.parse().ok()?, Some(minute.parse().ok()?)),
                None => Self::Meant(rest.parse().ok()?, None),
            },
            "agree" => Self::Agree(rest.to_owned()),
            "disagree" => Self::Disagree,
            "yes" => Self::Yes(rest.parse().ok()?),
            "no" => Self::No,
            "again" => Self::Target(Task::Book, rest.parse().ok()?),
            "move" => Self::Target(Task::Move, rest.parse().ok()?),
            "cancel" => Self::Target(Task::Cancel, rest.parse().ok()?),
            "confirm" => Self::Confirm(rest.parse().ok()?),
            "rate" => {
                let (id, stars) = rest.split_once(':')?;
                let stars = stars.parse().ok().filter(|stars| (1..=5).contains(stars))?;
                Self::Rate(id.parse().ok()?, stars)
            }
            _ => return None,
        })
    }
}

/// What a message says about a visit.
#[derive(Debug, Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a message can say all of it at once"
)]
pub struct Heard {
    /// The words.
    pub text: String,
    /// Whether they are no sentence with a question of its own.
    pub short: bool,
    /// What was pressed.
    pub press: Option<Press>,
    /// The services that each place of the text could mean, surest first.
    pub services: Vec<Vec<String>>,
    /// People of the firm.
    pub people: Vec<String>,
    /// When.
    pub when: when::Wish,
    /// The same in the customer's words.
    pub when_said: String,
    /// A phone in E.164.
    pub phone: Option<String>,
    /// A name.
    pub name: Option<String>,
    /// How many come.
    pub heads: Option<u32>,
    /// For whom, in the nominative.
    pub for_whom: Option<&'static str>,
    /// Agrees.
    pub yes: bool,
    /// Declines.
    pub no: bool,
    /// Does not want it any more.
    pub quits: bool,
    /// Wants to hear when a time becomes free.
    pub waits: bool,
    /// Does not wait for one any more.
    pub waits_no_more: bool,
    /// Says that something is wanted.
    pub wants: bool,
    /// Anybody will do.
    pub anybody: bool,
    /// As the last time.
    pub again: bool,
    /// One more service, not another one.
    pub more: bool,
    /// The number of a line that was shown, from 0.
    pub ordinal: Option<usize>,
}

impl Heard {
    /// Listens, at a moment of the firm's clock.
    pub fn of(said: &Said, understood: &Understanding, now: NaiveDateTime) -> Self {
        let folded = folded(&said.text);
        let words: Vec<&str> = tokens(&folded).collect();
        let has = |list: &str| list.split(' ').any(|word| words.contains(&word));
        let says = |phrases: &[&str]| phrases.iter().any(|phrase| folded.contains(phrase));
        let when::Heard { mentions, wish } = when::read(&said.text, now);
        let mut when = wish;
        doubt_tomorrow(&mut when, &words, now);
        let short = words.len() <= SHORT;
        let meaning = |wanted: fn(&Meaning) -> Option<String>| {
            let mut found = understood.entities.iter();
            found.find_map(|entity| wanted(&entity.meaning))
        };
        let heads = understood
            .entities
            .iter()
            .find_map(|entity| match entity.meaning {
                Meaning::People(count) => Some(count),
                _ => None,
            });
        Self {
            press: said.pressed.as_deref().and_then(Press::read),
            services: services(understood),
            people: people(understood),
            phone: meaning(|one| match one {
                Meaning::Phone(phone) => Some(phone.clone()),
                _ => None,
            }),
            name: meaning(|one| match one {
                Meaning::Name(name) => Some(name.clone()),
                _ => None,
            }),
            heads: heads.filter(|count| *count > 1),
            for_whom: for_whom(&words),
            yes: understood.believes(Intent::ConfirmYes) || (short && has(YES)),
            no: understood.believes(Intent::ConfirmNo)
                || words.first() == Some(&"нет")
                || words.first() == Some(&"no"),
            quits: says(&QUITS) || (short && has(QUITS_SHORT)),
            waits: waits(&folded, &words, !mentions.is_empty()),
            waits_no_more: says(&WAITS_NO_MORE),
            wants: has(WANTS) && !has(KNOWS),
            anybody: says(&ANYBODY),
            again: says(&AGAIN),
            more: has(MORE),
            short,
            ordinal: short.then(|| ordinal(&words)).flatten(),
            when,
            when_said: match mentions.as_slice() {
                [first, .., last] => said.text[first.span.start..last.span.end].to_owned(),
                [one] => said.text[one.span.clone()].to_owned(),
                [] => String::new(),
            },
            text: said.text.clone(),
        }
    }
}

const YES: &str = "да ага угу ок окей хорошо верно правильно давайте подтверждаю согласна согласен записывайте запишите подходит годится конечно yes yep ok okay sure fine";
/// What is wanted then is an answer.
const KNOWS: &str = "узнать спросить уточнить понять знать посоветоваться know ask";
const WANTS: &str = "хочу хотел хотела хотелось хотим запишите запиши записаться нужна нужен нужно надо бы want like need book";
const QUITS: [&str; 10] = [
    "не надо записывать",
    "не нужно записывать",
    "передумал",
    "не буду записываться",
    "не записывайте",
    "забудьте",
    "потом запишусь",
    "never mind",
    "changed my mind",
    "не хочу записываться",
];
const WAITS: [&str; 5] = [
    "лист ожидания",
    "листе ожидания",
    "waiting list",
    "waitlist",
    "if somebody cancels",
];
/// Then the list is asked about, or not wanted.
const WAITS_NOT: [&str; 4] = ["не надо", "не нужно", "я еще в листе", "am i still on"];
const WAITS_NO_MORE: [&str; 8] = [
    "больше не жду",
    "не жду больше",
    "больше не ждем",
    "из листа ожидания",
    "с листа ожидания",
    "off the waiting list",
    "from the waiting list",
    "stop waiting",
];
const QUITS_SHORT: &str = "отмена отбой cancel";
const ANYBODY: [&str; 11] = [
    "любому мастеру",
    "любой мастер",
    "к любому",
    "к кому угодно",
    "без разницы",
    "не важно",
    "неважно",
    "все равно",
    "кто свободен",
    "anyone",
    "anybody",
];
const AGAIN: [&str; 8] = [
    "как в прошлый раз",
    "как обычно",
    "то же самое",
    "тоже самое",
    "к тому же мастеру",
    "same as last time",
    "the usual",
    "как всегда",
];
const MORE: &str = "еще также заодно плюс also too plus";
const ORDINALS: [&str; 6] = [
    "первое первый первую первая 1 first",
    "второе второй вторую вторая 2 second",
    "третье третий третью третья 3 third",
    "четвертое четвертый четвертую четвертая 4 fourth",
    "пятое пятый пятую пятая 5 fifth",
    "шестое шестой шестую шестая 6 sixth",
];
/// For whom a visit may be: how it is said, and the nominative.
const KIN: [(&str, &str); 12] = [
    ("дочки дочку дочке дочери дочь", "дочка"),
    ("сына сыну сынишки сынишку", "сын"),
    ("ребенка ребенку малыша", "ребёнок"),
    ("мужа мужу", "муж"),
    ("жены жене жену", "жена"),
    ("мамы маме маму", "мама"),
    ("папы папе папу", "папа"),
    ("подруги подруге подругу", "подруга"),
    ("сестры сестре сестру", "сестра"),
    ("брата брату", "брат"),
    ("бабушки бабушке бабушку", "бабушка"),
    (
        "daughter son child husband wife mother mom friend sister brother",
        "",
    ),
];

fn for_whom(words: &[&str]) -> Option<&'static str> {
    words.windows(2).find_map(|pair| {
        let bound = matches!(
            pair[0],
            "для" | "мою" | "моего" | "моей" | "моему" | "for" | "my"
        ) || pair[0].starts_with("запиши")
            || pair[0].starts_with("записать");
        if !bound {
            return None;
        }
        let (said, kin) = KIN
            .iter()
            .find(|(said, _)| said.split(' ').any(|one| one == pair[1]))?;
        // English has one form only, and it is the word itself.
        Some(if kin.is_empty() {
            said.split(' ')
                .find(|one| *one == pair[1])
                .unwrap_or_default()
        } else {
            kin
        })
    })
}

/// "If something becomes free, tell me", however it is put: «если вдруг завтра вечером окошко освободится, напишите». People
/// become free too, which is no time for a visit.
fn waits(folded: &str, words: &[&str], names_a_time: bool) -> bool {
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| folded.contains(phrase));
    if says(&WAITS_NO_MORE) || says(&WAITS_NOT) {
        return false;
    }
    if says(&WAITS) {
        return true;
    }
    let starts = |word: &str, with: &[&str]| with.iter().any(|one| word.starts_with(one));
    let tells = words
        .iter()
        .any(|word| starts(word, &["сообщ", "напиш", "скажи", "дайте", "маякн", "tell"]));
    let after = words.iter().position(|word| {
        matches!(*word, "если" | "вдруг" | "if")
            || (tells && matches!(*word, "когда" | "как" | "when"))
    });
    let rest = after.map_or(&[][..], |after| &words[after..]);
    let any = |with: &[&str]| rest.iter().any(|word| starts(word, with));
    let room = any(&["мест", "врем", "окн", "окош", "slot"]);
    let somebody = any(&["кто", "somebody", "someone"]);
    let something = rest.iter().any(|word| {
        matches!(
            *word,
            "что" | "чтото" | "чтонибудь" | "something" | "anything"
        )
    });
    let frees = any(&[
        "освободится",
        "освободиться",
        "освободят",
        "освободил",
        "opens",
        "frees",
    ]);
    (frees && (room || something || names_a_time))
        || (any(&["появится", "появиться"]) && room && tells)
        || (any(&["отмен", "cancel"]) && somebody)
}

fn ordinal(words: &[&str]) -> Option<usize> {
    let named = |list: &&str| list.split(' ').any(|word| words.contains(&word));
    ORDINALS.iter().position(named)
}

fn services(understood: &Understanding) -> Vec<Vec<String>> {
    let mut places: Vec<((usize, usize), Vec<String>)> = Vec::new();
    for entity in &understood.entities {
        let Meaning::Service(id) = &entity.meaning else {
            continue;
        };
        let place = (entity.start, entity.end);
        match places.iter_mut().find(|(known, _)| *known == place) {
            Some((_, ids)) => ids.push(id.clone()),
            None => places.push((place, vec![id.clone()])),
        }
    }
    let mut all: Vec<Vec<String>> = Vec::new();
    for (_, ids) in places {
        if !all.contains(&ids) {
            all.push(ids);
        }
    }
    all
}

fn people(understood: &Understanding) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for entity in &understood.entities {
        if let Meaning::Staff(id) = &entity.meaning
            && !ids.contains(id)
        {
            ids.push(id.clone());
        }
    }
    ids
}

/// "Tomorrow", said in the night, may be the day that has begun.
fn doubt_tomorrow(wish: &mut when::Wish, words: &[&str], now: NaiveDateTime) {
    let said = words
        .iter()
        .any(|word| matches!(*word, "завтра" | "tomorrow"));
    if !said || now.hour() >= NIGHT_ENDS {
        return;
    }
    let Some(tomorrow) = now.date().succ_opt() else {
        return;
    };
    for when in &mut wish.any_of {
        if when.days == Some(Reach::At(tomorrow)) {
            when.doubts.push(Doubt::Day(now.date()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_a_time_is_told_from_who_waits_for_somebody() {
        let hears = |text: &str| {
            let folded = folded(text);
            let words: Vec<&str> = tokens(&folded).collect();
            let now = NaiveDate::from_ymd_opt(2026, 11, 26).unwrap();
            let mentions = when::mentions(text, now.and_hms_opt(12, 0, 0).unwrap());
            waits(&folded, &words, !mentions.is_empty())
        };
        for text in [
            "Если что-то освободится, напишите",
            "если вдруг завтра вечером окошко освободится, сообщите",
            "сообщите, когда появится место",
            "если кто-нибудь отменит запись, возьмите меня",
            "Можно в лист ожидания?",
            "а если в пятницу освободится?",
            "please put me on the waiting list",
            "if a slot opens up, tell me",
        ] {
            assert!(hears(text), "{text}");
        }
        for text in [
            "когда освободится мастер?",
            "Скажите, когда освободится мастер?",
            "Напишите, как освободитесь",
            "Если появится время, зайду",
            "Если мы освободимся раньше, можно подъехать?",
            "Если муж освободится, придём вместе",
            "Не надо в лист ожидания",
            "Я ещё в листе ожидания?",
            "скажите, есть ли место завтра",
            "what time does the salon open up?",
            "больше не жду, уберите из листа ожидания",
        ] {
            assert!(!hears(text), "{text}");
        }
    }

    #[test]
    fn a_button_is_read_back() {
        let id = Uuid::from_u128(5);
        let date = NaiveDate::from_ymd_opt(2026, 11, 27).unwrap();
        for press in [
            Press::Start,
            Press::Category(2),
            Press::Service("men-cut".into()),
            Press::Slot(id),
            Press::OtherTime,
            Press::Wait,
            Press::Take(id),
            Press::Pass(id),
            Press::Leave(id),
            Press::Meant(date, None),
            Press::Meant(date, Some(900)),
            Press::Agree("2026-11".into()),
            Press::Disagree,
            Press::Yes(id),
            Press::No,
            Press::Target(Task::Book, id),
            Press::Target(Task::Move, id),
            Press::Target(Task::Cancel, id),
            Press::Confirm(id),
            Press::Rate(id, 5),
        ] {
            assert_eq!(Press::read(&press.payload()), Some(press));
        }
        for foreign in [
            "",
            "prices",
            "visit:",
            "visit:slot:7",
            "visit:meant:2026-13-01",
            "visit:fly:1",
        ] {
            assert_eq!(Press::read(foreign), None, "{foreign}");
        }
    }
}
