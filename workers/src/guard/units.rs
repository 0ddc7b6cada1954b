//! The words of units, days and places in a row.

/// What a number counts.
pub(super) enum Unit {
    Money,
    Percent,
    /// So many minutes.
    Lasting(i64),
    Other(&'static str),
}

/// The sign of any currency but the firm's.
pub(super) fn is_foreign(sign: char) -> bool {
    matches!(sign, '$' | '£' | '¥' | '\u{20a0}'..='\u{20cf}') && sign != '₽'
}

/// The unit that a word names.
pub(super) fn unit(word: &str) -> Option<Unit> {
    Some(match word {
        "р" | "руб" | "рубль" | "рубля" | "рублей" | "рублям" | "рублями" | "рублях" | "rub"
        | "rubles" | "roubles" | "ruble" | "rouble" => Unit::Money,
        "процент" | "процента" | "процентов" | "процентам" | "percent" => {
            Unit::Percent
        }
        "мин" | "минута" | "минуты" | "минуту" | "минут" | "минутах" | "min" | "mins"
        | "minute" | "minutes" => Unit::Lasting(1),
        "ч" | "час" | "часа" | "часов" | "часам" | "часах" | "часу" | "h" | "hour" | "hours" => {
            Unit::Lasting(60)
        }
        "день" | "дня" | "дней" | "дням" | "сутки" | "суток" | "day" | "days" => {
            Unit::Lasting(1440)
        }
        "неделя" | "недели" | "неделю" | "недель" | "неделями" | "week" | "weeks" => {
            Unit::Lasting(10_080)
        }
        "месяц" | "месяца" | "месяцев" | "month" | "months" => {
            Unit::Other("month")
        }
        "год" | "года" | "лет" | "году" | "year" | "years" => Unit::Other("year"),
        "раз" | "раза" | "times" => Unit::Other("time"),
        "человек" | "человека" | "людей" | "people" | "persons" => {
            Unit::Other("person")
        }
        "доллар" | "доллара" | "долларов" | "евро" | "тенге" | "гривен" | "юаней" | "копеек"
        | "копейки" | "usd" | "eur" | "dollar" | "dollars" | "euro" | "euros" | "pounds" => {
            Unit::Other("currency")
        }
        "мм" | "миллиметр" | "миллиметра" | "миллиметров" | "mm" => {
            Unit::Other("mm")
        }
        "см" | "сантиметр" | "сантиметра" | "сантиметров" | "cm" => {
            Unit::Other("cm")
        }
        "секунд" | "секунды" | "секунду" | "seconds" => Unit::Other("second"),
        "процедур" | "процедуры" | "сеансов" | "сеанса" | "sessions" => {
            Unit::Other("session")
        }
        _ => return None,
    })
}

/// Whether a word is a weekday or a month, and so no word of what a text is about.
pub(super) fn names_day(word: &str) -> bool {
    weekdays(word).is_some() || month(word).is_some()
}

/// The days of the week that a word names, from 0 for Monday.
pub(super) fn weekdays(word: &str) -> Option<&'static [u32]> {
    const DAYS: [[u32; 1]; 7] = [[0], [1], [2], [3], [4], [5], [6]];
    const WORK: [u32; 5] = [0, 1, 2, 3, 4];
    const REST: [u32; 2] = [5, 6];
    const EVERY: [u32; 7] = [0, 1, 2, 3, 4, 5, 6];
    let one = |n: usize| Some(&DAYS[n][..]);
    match word {
        "пн" | "понедельник" | "понедельника" | "понедельникам" | "monday" | "mon" | "mondays" => {
            one(0)
        }
        "вт" | "вторник" | "вторника" | "вторникам" | "tuesday" | "tue" | "tuesdays" => {
            one(1)
        }
        "ср" | "среда" | "среду" | "среды" | "средам" | "wednesday" | "wed" | "wednesdays" => {
            one(2)
        }
        "чт" | "четверг" | "четверга" | "четвергам" | "thursday" | "thu" | "thursdays" => {
            one(3)
        }
        "пт" | "пятница" | "пятницу" | "пятницы" | "пятницам" | "friday" | "fri" | "fridays" => {
            one(4)
        }
        "сб" | "суббота" | "субботу" | "субботы" | "субботам" | "saturday" | "sat"
        | "saturdays" => one(5),
        "вс" | "воскресенье" | "воскресенья" | "воскресеньям" | "sunday" | "sun" | "sundays" => {
            one(6)
        }
        "будни" | "будням" | "будние" | "будний" | "weekdays" => Some(&WORK),
        "выходные" | "выходным" | "выходных" | "weekend" | "weekends" => {
            Some(&REST)
        }
        "ежедневно" | "daily" => Some(&EVERY),
        _ => None,
    }
}

/// A day told from today.
pub(super) fn relative(word: &str) -> Option<&'static str> {
    Some(match word {
        "сегодня" | "сегодняшний" | "today" => "today",
        "завтра" | "tomorrow" => "tomorrow",
        "послезавтра" => "day after tomorrow",
        "вчера" | "yesterday" => "yesterday",
        _ => return None,
    })
}

/// The month that a word names.
pub(super) fn month(word: &str) -> Option<u32> {
    const MONTHS: [(&str, &str); 12] = [
        ("январ", "янв jan january"),
        ("феврал", "фев февр feb february"),
        ("март", "мар mar march"),
        ("апрел", "апр apr april"),
        ("май", "мая маю мае маем may"),
        ("июн", "jun june"),
        ("июл", "jul july"),
        ("август", "авг aug august"),
        ("сентябр", "сен сент sep sept september"),
        ("октябр", "окт oct october"),
        ("ноябр", "ноя нояб nov november"),
        ("декабр", "дек dec december"),
    ];
    let named = |(begin, forms): &(&str, &str)| {
        word.starts_with(begin) && word.chars().count() <= begin.chars().count() + 3
            || forms.split(' ').any(|form| form == word)
    };
    u32::try_from(MONTHS.iter().position(named)?)
        .ok()
        .map(|at| at + 1)
}

/// The place in a row that a word tells: «третий», «пятого».
pub(super) fn ordinal(word: &str) -> Option<u32> {
    const ROOTS: [&str; 10] = [
        "перв",
        "втор",
        "трет",
        "четверт",
        "пят",
        "шест",
        "седьм",
        "восьм",
        "девят",
        "десят",
    ];
    const ENDINGS: &str =
        "ый ой ий ого его ьего ому ему ьему ом ем ьем ым им ьим ая ья ую ью ое ье ые ьи ых ьих ыми";
    const ENGLISH: &str = "first second third fourth fifth sixth seventh eighth ninth tenth";
    let place = |at: usize| u32::try_from(at).ok().map(|at| at + 1);
    if let Some(at) = ENGLISH.split(' ').position(|known| known == word) {
        return place(at);
    }
    let at = ROOTS.iter().position(|root| {
        word.strip_prefix(root)
            .is_some_and(|ending| ENDINGS.split(' ').any(|known| known == ending))
    })?;
    // «четвертью» and «пятью» count.
    (!matches!(
        word,
        "четвертью" | "четвертой" | "пятью" | "шестью" | "девятью" | "десятью"
    ))
    .then(|| place(at))
    .flatten()
}

/// The hour that a clock goes towards: «восьмого».
pub(super) fn ordinal_hour(word: &str) -> Option<u32> {
    const HOURS: [&str; 12] = [
        "первого",
        "второго",
        "третьего",
        "четвертого",
        "пятого",
        "шестого",
        "седьмого",
        "восьмого",
        "девятого",
        "десятого",
        "одиннадцатого",
        "двенадцатого",
    ];
    let at = HOURS.iter().position(|hour| *hour == word)?;
    Some(u32::try_from(at).ok()? + 1)
}
