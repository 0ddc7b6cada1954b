//! Whatever comes, nothing breaks.

use proptest::prelude::*;

use super::*;

const WORDS: &str = "в на с до после к по через назад или и кроме не без около часов час часа дня утра вечера ночи утром вечером \
    завтра сегодня послезавтра понедельник среду пятницу неделе неделю следующей этой выходные марта декабря 5 12 15 31 99 2027 \
    18:30 9:00 15.02 15.02.2027 10-12 5-го 24ого полвосьмого половине четверть пять двадцать пятого первого минут дней недели \
    at on the next week friday march 3rd 7pm half past quarter to evening morning in two hours ago . , - : / ( ) ? + % ₽ № ё 🙂 \
    99999999999999999999 4294967295 000 0 -1 конец начале месяца году последние полтора 29 февраля";

fn sound(text: &str, now: NaiveDateTime) {
    let heard = read(text, now);
    let mut end = 0;
    for mention in &heard.mentions {
        assert!(
            mention.span.start >= end && mention.span.start < mention.span.end,
            "{text:?}"
        );
        assert!(text.get(mention.span.clone()).is_some(), "{text:?}");
        end = mention.span.end;
    }
    for when in heard.wish.any_of.iter().chain(&heard.wish.except) {
        let _ = (when.start(now), when.end(now), when.admits(now));
    }
}

proptest! {
    #[test]
    fn any_text_is_survived(text in any::<String>()) {
        sound(&text, now());
    }

    #[test]
    fn any_order_of_words_is_survived(
        picks in prop::collection::vec((0_usize..200, any::<bool>()), 0..14),
        day in -4000_i64..4000,
    ) {
        let words: Vec<&str> = WORDS.split_whitespace().collect();
        let text: String = picks
            .iter()
            .map(|(pick, space)| words[pick % words.len()].to_owned() + if *space { " " } else { "" })
            .collect();
        sound(&text, now() + chrono::TimeDelta::days(day));
    }
}

#[test]
fn the_ends_of_the_calendar_are_survived() {
    for now in [NaiveDateTime::MIN, NaiveDateTime::MAX] {
        for text in [
            "завтра",
            "вчера",
            "через 9999 недель",
            "в прошлую среду",
            "5 марта",
            "на следующей неделе",
            "через час",
        ] {
            sound(text, now);
        }
    }
}

#[test]
fn a_long_message_takes_no_longer_than_its_words() {
    // Every rule looks at a bounded number of words: one that looked further would never end here.
    let text = "в пятницу после шести или с 10 до 12, кроме 5 марта ".repeat(2000);
    assert!(read(&text, now()).mentions.len() >= 4000);
}
