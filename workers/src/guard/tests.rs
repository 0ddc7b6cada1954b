use super::*;
use crate::business::Words;
use crate::knowledge::{Asked, Passage};
use crate::testing::{business, knowledge};
use crate::words::Language;

/// A salon's price list, hours and people.
fn evidence(question: &str) -> Evidence {
    let mut evidence = Evidence::new(question, []);
    for (title, body) in [
        (
            "Маникюр без покрытия",
            "Маникюр без покрытия: 1500 ₽, 60 мин",
        ),
        (
            "Маникюр с гель-лаком",
            "Маникюр с гель-лаком: 2600 ₽, 90–120 мин. Снятие нашего покрытия входит в цену",
        ),
        (
            "Женская стрижка",
            "Женская стрижка: 2400–3600 ₽, 60–90 мин. Цена зависит от длины",
        ),
        ("Мужская стрижка", "Мужская стрижка: 1900 ₽, 45 мин"),
        ("Укладка", "Укладка: от 1800 ₽, 40–60 мин"),
        ("Часы работы", "Пн–пт 10:00–21:00, сб–вс 10:00–20:00"),
        (
            "Адрес",
            "Санкт-Петербург, Колокольная улица, 17б. Метро «Владимирская», 5 минут пешком",
        ),
        ("Телефон", "+7 812 555-01-42"),
        (
            "Мастера",
            "Анна — колорист, стаж 12 лет. Марина — мастер маникюра",
        ),
        (
            "Есть ли скидки?",
            "Скидка 10 % в день рождения. Подарочных сертификатов нет",
        ),
        (
            "Отмена",
            "Отменить запись можно не позже чем за 3 часа до визита",
        ),
    ] {
        evidence.add(title, body);
    }
    evidence
}

#[test]
fn what_is_known_goes_out_however_it_is_worded() {
    for message in [
        "Маникюр с гель-лаком стоит 2600 ₽ и занимает 90–120 минут.",
        "Маникюр с гель-лаком — две тысячи шестьсот рублей, от полутора до двух часов.",
        "Женская стрижка от 2 400 до 3 600 рублей, точная цена зависит от длины волос.",
        "Укладка у нас от 1800 ₽.",
        "Мужская стрижка — 1900 ₽, а женская — 2400–3600 ₽.",
        "В субботу мы открыты с 10 до 20.",
        "По будням работаем с десяти утра до девяти вечера.",
        "Мы на Колокольной улице, 17б, в пяти минутах пешком от метро «Владимирская».",
        "Позвоните нам: 8 (812) 555-01-42.",
        "Маникюр делает Марина.",
        "В день рождения скидка десять процентов.",
        "Подарочных сертификатов у нас нет.",
        "Запись можно отменить не позже чем за 3 часа до визита.",
        "Да, конечно! Подскажите, на какой день вам удобно?",
        "",
    ] {
        assert_eq!(check(message, &evidence("")), [], "{message}");
    }
}

#[test]
fn what_is_known_of_something_else_does_not_go_out() {
    for message in [
        "Маникюр с гель-лаком стоит 1500 ₽.",
        "Мужская стрижка — 2400–3600 ₽.",
        "Женская стрижка занимает 45 минут.",
        "В субботу мы открыты до 21:00.",
        "Работаем ежедневно с 10:00 до 21:00.",
        "Массаж стоит 2600 ₽.",
    ] {
        let kinds: Vec<Kind> = check(message, &evidence(""))
            .iter()
            .map(|found| found.kind)
            .collect();
        assert!(kinds.contains(&Kind::Misplaced), "{message}: {kinds:?}");
    }
}

#[test]
fn what_is_not_known_does_not_go_out() {
    for (message, kind) in [
        ("Маникюр с гель-лаком стоит 2 700 ₽.", Kind::Unknown),
        ("Маникюр стоит тысячу рублей.", Kind::Unknown),
        ("Скидка 15 % в день рождения.", Kind::Unknown),
        ("Мы работаем до 22:00.", Kind::Unknown),
        // The lower bound of a price is not the price.
        ("Женская стрижка стоит 2400 ₽.", Kind::Unknown),
        ("Укладка стоит 1800 ₽.", Kind::Unknown),
        ("Завтра в 15:00 есть место.", Kind::Unknown),
        ("Мы на Колокольной улице, 19.", Kind::Unknown),
        ("Телефон: +7 812 555-01-43.", Kind::Unknown),
        ("Подробнее на salon.example.", Kind::Unknown),
        ("Вас примет Ольга.", Kind::Name),
        ("Мы на улице Рубинштейна.", Kind::Name),
        ("Маникюр делает Анна.", Kind::Name),
        ("Снятие бесплатно.", Kind::Promise),
        ("Есть подарочные сертификаты.", Kind::Promise),
        ("Гарантируем стойкость.", Kind::Promise),
        ("Записала вас на маникюр!", Kind::Done),
        ("Ваша запись отменена.", Kind::Done),
        ("Передам администратору.", Kind::Done),
        ("You are booked.", Kind::Done),
    ] {
        let kinds: Vec<Kind> = check(message, &evidence(""))
            .iter()
            .map(|found| found.kind)
            .collect();
        assert!(kinds.contains(&kind), "{message}: {kinds:?}");
    }
}

#[test]
fn a_receipt_makes_a_deed_true() {
    let mut evidence = evidence("");
    evidence.add(
        "Запись",
        "Маникюр с гель-лаком, суббота, 28 ноября, 15:00, мастер Марина",
    );
    evidence.done("booked");

    assert_eq!(
        check(
            "Записала вас на маникюр с гель-лаком: суббота, 28 ноября, 15:00, мастер Марина.",
            &evidence
        ),
        []
    );
    assert_ne!(
        check(
            "Записала вас на маникюр с гель-лаком: суббота, 28 ноября, 16:00.",
            &evidence
        ),
        []
    );
    assert_ne!(check("Ваша запись отменена.", &evidence), []);
}

#[test]
fn an_answer_that_names_nothing_is_about_the_question() {
    let asked = evidence("сколько стоит мужская стрижка?");
    assert_eq!(check("Это стоит 1900 ₽.", &asked), []);
    assert_ne!(check("Это стоит 1500 ₽.", &asked), []);
}

#[test]
fn the_customers_name_may_be_used() {
    let mut evidence = evidence("");
    assert_ne!(check("Ольга, укладка от 1800 ₽.", &evidence), []);
    evidence.allow_name("Ольга Петрова");
    assert_eq!(check("Ольга, укладка от 1800 ₽.", &evidence), []);
}

/// Every sentence of the firm's own knowledge, as an honest model would repeat it, with the passages that it would
/// have been given: its own and the nearest others.
fn honest() -> Vec<(String, Vec<Passage>)> {
    let knowledge = knowledge();
    let mut all = Vec::new();
    for entry in knowledge.entries() {
        let question = entry
            .questions
            .first()
            .map(String::as_str)
            .unwrap_or_default();
        let asked = Asked {
            text: question,
            language: Some(entry.language),
            topics: &[],
            today: chrono::NaiveDate::MIN,
            meaning: None,
        };
        let mut given = knowledge.search(&asked, 5);
        given.retain(|passage| passage.id != entry.id);
        given.insert(0, entry_passage(entry));
        all.push((entry.answer.clone(), given.clone()));
        let sentences = entry
            .answer
            .lines()
            .flat_map(|line| line.split_inclusive(". "))
            .map(str::trim);
        for sentence in sentences.filter(|sentence| sentence.chars().count() > 12) {
            let sure = match entry.language {
                Language::Ru => "Да, конечно! ",
                Language::En => "Sure! ",
            };
            all.push((format!("{sure}{sentence}"), given.clone()));
            all.push((format!("{question}: {sentence}"), given.clone()));
        }
    }
    all
}

fn entry_passage(entry: &crate::knowledge::Entry) -> Passage {
    let knowledge = knowledge();
    knowledge
        .entry_in(&entry.id, entry.language, chrono::NaiveDate::MIN)
        .unwrap()
}

pub(super) fn evidence_of(question: &str, given: &[Passage]) -> Evidence {
    let business = business();
    let words =
        |words: &Words| Language::ALL.map(|language| words.in_language(language).to_owned());
    let people: Vec<String> = business
        .staff
        .iter()
        .flat_map(|person| words(&person.name))
        .collect();
    let mut evidence = Evidence::new(question, people.iter().map(String::as_str));
    for name in words(&business.name) {
        evidence.allow_name(&name);
    }
    for passage in given {
        evidence.add(&passage.question, &passage.answer);
    }
    evidence
}

#[test]
fn honest_answers_pass_and_not_one_altered_value_does() {
    let (mut blocked, mut answers, mut altered) = (Vec::new(), 0, 0);
    let mut passed = Vec::new();
    for (message, given) in honest() {
        let evidence = evidence_of("", &given);
        answers += 1;
        let found = check(&message, &evidence);
        if !found.is_empty() {
            blocked.push((message, found));
            continue;
        }
        for (lie, what) in alterations(&message) {
            altered += 1;
            if check(&lie, &evidence).is_empty() {
                passed.push((what, lie));
            }
        }
    }
    assert_eq!(passed, [], "of {altered} lies about {answers} answers");
    assert!(
        blocked.len() * 100 < answers * 3,
        "{} of {answers}: {blocked:?}",
        blocked.len()
    );
    assert!(answers > 1_000 && altered > 5_000, "{answers} {altered}");
}

/// A message with one number, name, time or date changed, in each way that there is.
fn alterations(message: &str) -> Vec<(String, String)> {
    let mut lies = Vec::new();
    for claim in values::claims(message) {
        let old = &message[claim.span.clone()];
        for (at, digit) in old.char_indices().filter(|(_, c)| c.is_ascii_digit()) {
            let changed = char::from_digit((digit.to_digit(10).unwrap() + 1) % 10, 10).unwrap();
            let place = claim.span.start + at;
            let lie = format!("{}{changed}{}", &message[..place], &message[place + 1..]);
            lies.push((lie, format!("{old} {digit}→{changed}")));
        }
    }
    let business = business();
    let people = business.staff.iter().flat_map(|person| {
        Language::ALL.map(|language| person.name.in_language(language).to_owned())
    });
    for name in people.filter(|name| message.contains(name.as_str())) {
        for other in [
            "Ольга Ветрова",
            "Маргарита Зимина",
            "Olga Vetrova",
            "John Smith",
        ] {
            if !message.contains(other) {
                lies.push((message.replace(&name, other), format!("{name}→{other}")));
            }
        }
    }
    for (day, other) in [
        ("сегодня", "завтра"),
        ("января", "мая"),
        ("декабря", "ноября"),
        ("January", "May"),
        ("December", "June"),
    ] {
        if message.contains(day) {
            lies.push((message.replace(day, other), format!("{day}→{other}")));
        }
    }
    lies
}
