//! What one turn of a customer tells about an enquiry.

use std::sync::LazyLock;

use chrono::{NaiveDateTime, NaiveTime, TimeDelta};

use super::score::Signals;
use crate::understand::{Intent, Meaning, Understanding};
use crate::when::{self, Reach, When};
use crate::words::{WordList, folded, tokens};

/// What is wanted within this is wanted soon.
const SOON: TimeDelta = TimeDelta::hours(24);
/// The most words between two words of a phrase.
const GAP: usize = 2;
/// Before a phrase or within it these make it say the opposite ("don't" is two words).
const DENIES: &str = "не. ни. not. no. never. t. dont.";
/// Before a phrase these make it about us.
const OTHERS: [&str; 3] = ["вы", "ты", "you"];
/// What may stand between the denial and what it denies: «не очень срочно».
const STRENGTH: &str = "очень. особо. так. very. that. so.";

/// Ways to say that it cannot wait, each of words in order. A dot ends a whole word, otherwise it is a beginning.
const URGENT: [&[&str]; 8] = [
    &["срочн экстренн"],
    &["поскорее. побыстрее."],
    &["как.", "можно.", "скорее. быстрее. раньше."],
    &["прямо.", "сейчас."],
    &["сию.", "минуту."],
    &["asap. urgent. urgently."],
    &["as.", "soon.", "possible."],
    &["right.", "now. away."],
];
/// Ways to say that one has not made up one's mind.
const HESITATES: [&[&str]; 13] = [
    &["подумаю. подумаем. обдумаю. обдумаем. посоветуюсь. посоветуемся."],
    &[
        "надо. нужно. дайте. дай. хочу. хотела. хотел.",
        "подумать. обдумать.",
    ],
    // Who wants advice from the salon does not hesitate.
    &[
        "посоветоваться.",
        "муж жен мам подруг сестр доч сын семь родител",
    ],
    &[
        "напишу. отпишусь. вернусь. решу. отвечу.",
        "позже. попозже. потом.",
    ],
    &[
        "позже. попозже. потом.",
        "напишу. отпишусь. вернусь. решу. отвечу.",
    ],
    &["еще. пока.", "думаю. думаем.", END],
    &["will. ll.", "think.", "about. over. it."],
    &["let. need. have. want.", "think.", "about. over. it."],
    &["let. need. have. want.", "think.", END],
    &["will. ll.", "get. come.", "back."],
    &["will. ll.", "write. message. text.", "later."],
    &["maybe. perhaps.", "later.", END],
    &["ask. consult.", "husband. wife. partner. mom. friend.", END],
];
/// The end of the message, as a slot of a phrase.
const END: &str = "$";
/// Who says this besides has made up her mind.
const DECIDED: &str = "запишите. запиши. записывайте. записывай. беру. book.";

/// What a turn tells, at a moment of the firm's clock; `wish` is what it says of time.
pub(crate) fn of(understood: &Understanding, wish: &when::Wish, now: NaiveDateTime) -> Signals {
    let text = whole(understood);
    let asks_hours = understood.believes(Intent::Hours) && !understood.believes(Intent::Booking);
    let times = || {
        let ahead = |when: &&When| !is_over(when, now);
        wish.any_of.iter().filter(ahead).filter(|_| !asks_hours)
    };
    let names = |wanted: fn(&Meaning) -> bool| {
        let mut named = understood.entities.iter();
        named.any(|entity| wanted(&entity.meaning))
    };
    Signals {
        service: names(|one| matches!(one, Meaning::Service(_))),
        time: times().next().is_some(),
        contact: names(|one| matches!(one, Meaning::Phone(_) | Meaning::Email(_))),
        price: understood.believes(Intent::Price),
        urgent: times().any(|when| is_soon(when, now)) || says(&text, &URGENT_SAID),
        complaint: (understood.negative && !understood.believes(Intent::Thanks))
            || understood.abusive,
        person: understood.asks_human,
        returning: false,
        booked: false,
    }
}

/// Whether a turn opens an enquiry, or goes on with one: it is about one of these intents, or the bot called a
/// person for it.
pub fn is_enquiry(intent: Option<&str>, handover: bool, intents: &[String]) -> bool {
    handover || intent.is_some_and(|intent| intents.iter().any(|one| one == intent))
}

/// Whether the customer wants to think about it: «я подумаю», "I'll get back to you".
pub(super) fn hesitates(text: &str) -> bool {
    let folded = folded(text);
    !text.contains('?')
        && !tokens(&folded).any(|word| DECIDED_SAID.holds(word))
        && says(text, &HESITATION)
}

/// The message as it was understood.
fn whole(understood: &Understanding) -> String {
    let parts = understood.parts.iter().map(|part| part.text.as_str());
    parts.collect::<Vec<_>>().join("\n")
}

/// The last day that was named; nothing where it is left open.
fn last_day(when: &When) -> Option<chrono::NaiveDate> {
    match when.days? {
        Reach::From(_) | Reach::After(_) => None,
        days => days.end().or(days.start()),
    }
}

fn is_over(when: &When, now: NaiveDateTime) -> bool {
    last_day(when).is_some_and(|day| day < now.date())
}

/// Whether the visit is wished within a day. A time without a day belongs to a day that was named before.
fn is_soon(when: &When, now: NaiveDateTime) -> bool {
    let hour = |hour| NaiveTime::from_hms_opt(hour, 0, 0);
    let said = when.time.and_then(|time| time.start());
    let part = || when.day_part().and_then(|part| hour(part.hours().0));
    let time = said.or_else(part).unwrap_or(NaiveTime::MIN);
    last_day(when).is_some_and(|day| day.and_time(time) - now <= SOON)
}

/// A phrase, ready to be looked for; nothing stands for the end of the message.
type Phrase = Vec<Option<WordList>>;

static DENIAL: LazyLock<WordList> = LazyLock::new(|| WordList::of(DENIES));
static INTENSE: LazyLock<WordList> = LazyLock::new(|| WordList::of(STRENGTH));
static DECIDED_SAID: LazyLock<WordList> = LazyLock::new(|| WordList::of(DECIDED));
static URGENT_SAID: LazyLock<Vec<Phrase>> = LazyLock::new(|| phrases(&URGENT));
static HESITATION: LazyLock<Vec<Phrase>> = LazyLock::new(|| phrases(&HESITATES));

fn phrases(all: &[&'static [&'static str]]) -> Vec<Phrase> {
    let slot = |slot: &&'static str| (*slot != END).then(|| WordList::of(slot));
    let phrase = |slots: &&'static [&'static str]| slots.iter().map(slot).collect();
    all.iter().map(phrase).collect()
}

/// Whether a text says one of the phrases, and does not deny it.
fn says(text: &str, phrases: &[Phrase]) -> bool {
    let folded = folded(text);
    let words: Vec<&str> = tokens(&folded).collect();
    let begins = |at: usize, phrase: &Phrase| {
        let mut before = words[..at]
            .iter()
            .rev()
            .skip_while(|word| INTENSE.holds(word));
        let not_mine = |word: &&str| DENIAL.holds(word) || OTHERS.contains(word);
        let denied = before.next().is_some_and(not_mine);
        let first = phrase.first().and_then(Option::as_ref);
        !denied
            && first.is_some_and(|first| first.holds(words[at]))
            && goes_on(&words[at + 1..], &phrase[1..])
    };
    (0..words.len()).any(|at| phrases.iter().any(|phrase| begins(at, phrase)))
}

fn goes_on(words: &[&str], slots: &[Option<WordList>]) -> bool {
    let Some((slot, rest)) = slots.split_first() else {
        return true;
    };
    let Some(slot) = slot else {
        return words.is_empty();
    };
    let mut near = words.iter().take(GAP + 1).enumerate();
    near.any(|(n, word)| {
        let denied = words[..n].iter().any(|between| DENIAL.holds(between));
        !denied && slot.holds(word) && goes_on(&words[n + 1..], rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::understander;

    /// A Thursday at noon.
    fn heard(text: &str) -> Signals {
        let now = chrono::NaiveDate::from_ymd_opt(2026, 11, 26).unwrap();
        let now = now.and_hms_opt(12, 0, 0).unwrap();
        of(
            &understander().understand(text),
            &when::read(text, now).wish,
            now,
        )
    }

    #[test]
    fn a_turn_tells_what_is_wanted() {
        let all = heard("Здравствуйте! Запишите на маникюр на субботу в 15:00, 8 921 555-01-42");
        assert_eq!(
            all,
            Signals {
                service: true,
                time: true,
                contact: true,
                ..Signals::default()
            }
        );
        assert_eq!(heard("добрый день"), Signals::default());
        assert!(heard("сколько стоит педикюр?").price);
        assert!(heard("позовите администратора").person);
        assert!(heard("верните деньги, стрижка ужасная").complaint);
    }

    #[test]
    fn what_is_wanted_within_a_day_is_urgent() {
        for text in [
            "можно сегодня на стрижку?",
            "запишите завтра утром на маникюр",
            "очень срочно нужна укладка",
            "запишите как можно скорее",
            "нужен маникюр до завтра",
            "I need a haircut asap",
            "a manicure as soon as possible, please",
            "can I come tomorrow at 10:00 for a manicure?",
        ] {
            assert!(heard(text).urgent, "{text}");
        }
        for text in [
            "запишите в субботу на стрижку",
            "завтра вечером на стрижку",
            "мне не очень срочно, на маникюр",
            "на этой неделе на стрижку",
            "начиная с завтра на маникюр",
            "стригусь в 15:00",
            "it is not urgent, a haircut please",
            "вчера делала маникюр",
        ] {
            assert!(!heard(text).urgent, "{text}");
        }
    }

    #[test]
    fn neither_yesterday_nor_the_opening_hours_are_a_wish() {
        assert!(!heard("вчера делала у вас маникюр").time);
        assert!(!heard("до скольки вы сегодня работаете?").time);
        assert!(heard("запишите на завтра").time);
    }

    #[test]
    fn only_what_is_listed_opens_an_enquiry_or_what_a_person_must_answer() {
        let intents = ["booking".to_owned(), "price".to_owned()];
        assert!(is_enquiry(Some("price"), false, &intents));
        assert!(!is_enquiry(Some("thanks"), false, &intents));
        assert!(!is_enquiry(None, false, &intents));
        assert!(is_enquiry(None, true, &intents));
    }

    #[test]
    fn who_wants_to_think_is_heard() {
        for text in [
            "Спасибо, я подумаю",
            "подумаем и решим",
            "посоветуюсь с мужем",
            "мне надо подумать",
            "давайте я подумаю",
            "хочу посоветоваться с мамой",
            "дайте мне немного подумать",
            "Хорошо, напишу позже",
            "я позже вам отпишусь",
            "пока думаю",
            "I'll think about it",
            "I'll have to think about it",
            "Let me think",
            "I need to think it over",
            "ok, I will get back to you",
            "I'll write later",
            "maybe later",
            "I have to ask my husband",
        ] {
            assert!(hesitates(text), "{text}");
        }
    }

    #[test]
    fn who_only_thinks_aloud_does_not_hesitate() {
        for text in [
            "",
            "думаю, мне подойдёт суббота",
            "а вы подумайте над скидкой",
            "я не подумаю даже",
            "посоветуйте мастера",
            "напишите мне позже",
            "можно прийти позже?",
            "подумаю, а пока запишите на пятницу",
            "вы подумаете над этим?",
            "I think a haircut is enough",
            "please get back to me",
            "you will get back to me",
            "I'll think of Saturday",
            "I'll think about it, but book me for now",
            "please write to me later",
            "хочу посоветоваться с мастером",
            "can I come later?",
            "I will not think about it",
            "ask your boss",
        ] {
            assert!(!hesitates(text), "{text}");
        }
    }
}
