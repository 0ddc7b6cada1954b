//! Russian given names: full and short, in every case, so that «к Ане» leads to Анна.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::words::folded;

/// Whether a name is a woman's or a man's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gender {
    Woman,
    Man,
}

use Gender::{Man, Woman};

/// Full names with their short forms.
const NAMES: &[(&str, Gender, &str)] = &[
    ("агата", Woman, "агаша"),
    ("аделина", Woman, "аделя"),
    ("айгуль", Woman, ""),
    ("алевтина", Woman, "аля тина"),
    ("александра", Woman, "саша сашенька саня шура сашка"),
    ("алена", Woman, "аленка аленушка"),
    ("алина", Woman, "аля алинка алиночка"),
    ("алиса", Woman, "алиска алисочка"),
    ("алла", Woman, "аллочка"),
    ("алсу", Woman, ""),
    ("альбина", Woman, "аля альбиночка"),
    ("амина", Woman, ""),
    (
        "анастасия",
        Woman,
        "настя настенька настюша настена ася стася",
    ),
    ("ангелина", Woman, "геля лина ангелинка"),
    ("анжела", Woman, "анжелика"),
    (
        "анна",
        Woman,
        "аня анечка анюта нюра анька аннушка анютка нюша",
    ),
    ("антонина", Woman, "тоня тонечка"),
    ("арина", Woman, "ариша ариночка"),
    ("ася", Woman, "асенька"),
    ("валентина", Woman, "валя валечка валюша"),
    ("валерия", Woman, "лера лерочка валера"),
    ("варвара", Woman, "варя варенька варюша"),
    ("василиса", Woman, "вася васена"),
    ("вера", Woman, "верочка веруня верка"),
    ("вероника", Woman, "ника вероничка"),
    ("виктория", Woman, "вика викуля викуша викочка тори"),
    ("виолетта", Woman, "вита виола"),
    ("владислава", Woman, "влада слава"),
    ("галина", Woman, "галя галочка галюня"),
    ("гузель", Woman, ""),
    ("гульнара", Woman, "гуля"),
    ("дарья", Woman, "даша дашенька дашуля дарьюшка дашка дария"),
    ("диана", Woman, "дианочка ди"),
    ("динара", Woman, "дина"),
    ("ева", Woman, "евочка"),
    ("евгения", Woman, "женя женечка"),
    (
        "екатерина",
        Woman,
        "катя катюша катенька катерина катька катюня",
    ),
    ("елена", Woman, "лена леночка алена ленуся ленка"),
    ("елизавета", Woman, "лиза лизонька лизочка"),
    ("жанна", Woman, "жанночка"),
    ("зарина", Woman, "зара"),
    ("зинаида", Woman, "зина зиночка"),
    ("злата", Woman, "златочка"),
    ("зоя", Woman, "зоечка"),
    ("инга", Woman, "ингочка"),
    ("инна", Woman, "инночка инуся"),
    ("ирина", Woman, "ира ирочка иришка ириша"),
    ("камилла", Woman, "камила мила"),
    ("карина", Woman, "кариночка"),
    ("кира", Woman, "кирочка"),
    ("кристина", Woman, "кристя кристиночка крис"),
    ("ксения", Woman, "ксюша ксюшенька ксеня оксана ксю"),
    ("лариса", Woman, "лара ларочка лора"),
    ("лилия", Woman, "лиля лилечка"),
    ("лидия", Woman, "лида лидочка"),
    ("любовь", Woman, "люба любаша любочка"),
    ("людмила", Woman, "люда людочка мила люся милочка"),
    ("маргарита", Woman, "рита риточка марго"),
    ("марианна", Woman, "марьяна"),
    ("марина", Woman, "мариша мариночка маринка"),
    (
        "мария",
        Woman,
        "маша машенька маруся мария марья манечка машуля мари",
    ),
    ("милана", Woman, "мила миланочка"),
    ("милена", Woman, "мила"),
    ("надежда", Woman, "надя наденька надюша"),
    (
        "наталья",
        Woman,
        "наташа наталия наташенька ната натали натуля",
    ),
    ("нина", Woman, "ниночка"),
    ("нелли", Woman, "неля"),
    ("оксана", Woman, "ксана оксаночка"),
    ("олеся", Woman, "леся олеська"),
    ("ольга", Woman, "оля олечка оленька ольгуша олька"),
    ("полина", Woman, "поля полинка полиночка"),
    ("раиса", Woman, "рая раечка"),
    ("регина", Woman, "региночка"),
    ("римма", Woman, "риммочка"),
    ("роза", Woman, "розочка"),
    ("руслана", Woman, ""),
    ("светлана", Woman, "света светочка светик светуля"),
    ("снежана", Woman, ""),
    ("софия", Woman, "софья соня сонечка софа"),
    ("стелла", Woman, ""),
    ("таисия", Woman, "тая тася"),
    ("тамара", Woman, "тома тамарочка"),
    ("татьяна", Woman, "таня танечка танюша татьянка"),
    ("ульяна", Woman, "уля ульяша"),
    ("фаина", Woman, "фая"),
    ("эвелина", Woman, "эля"),
    ("элина", Woman, "эля"),
    ("эльвира", Woman, "эля эльвирочка"),
    ("эмма", Woman, ""),
    ("юлия", Woman, "юля юлечка юленька юлька юляша"),
    ("яна", Woman, "яночка янка"),
    ("ярослава", Woman, "слава яся"),
    (
        "александр",
        Man,
        "саша саня шура сашка алекс санек сашенька",
    ),
    ("алексей", Man, "леша алеша леха лешенька"),
    ("альберт", Man, "алик"),
    ("анатолий", Man, "толя толик"),
    ("андрей", Man, "андрюша дрон андрюха"),
    ("антон", Man, "антоша тоха"),
    ("аркадий", Man, "аркаша"),
    ("арсений", Man, "сеня арсюша"),
    ("артем", Man, "тема артемка артемий"),
    ("артур", Man, "артурчик"),
    ("богдан", Man, ""),
    ("борис", Man, "боря"),
    ("вадим", Man, "вадик"),
    ("валентин", Man, "валя"),
    ("валерий", Man, "валера"),
    ("василий", Man, "вася василь васек"),
    ("виктор", Man, "витя витек"),
    ("виталий", Man, "виталик"),
    ("владимир", Man, "вова володя вовчик вован"),
    ("владислав", Man, "влад владик слава"),
    ("всеволод", Man, "сева"),
    ("вячеслав", Man, "слава славик"),
    ("геннадий", Man, "гена"),
    ("георгий", Man, "гоша жора"),
    ("герман", Man, "гера"),
    ("глеб", Man, "глебушка"),
    ("григорий", Man, "гриша"),
    ("давид", Man, "дава"),
    ("даниил", Man, "даня данила данил данька"),
    ("денис", Man, "дениска ден"),
    ("дмитрий", Man, "дима митя димочка димон"),
    ("евгений", Man, "женя женечка"),
    ("егор", Man, "егорка егорушка"),
    ("захар", Man, ""),
    ("иван", Man, "ваня ванечка ванюша"),
    ("игорь", Man, "игорек гарик"),
    ("илья", Man, "илюша илюха илюшка"),
    ("камиль", Man, ""),
    ("кирилл", Man, "кирюша киря"),
    ("константин", Man, "костя костик"),
    ("лев", Man, "лева левушка"),
    ("леонид", Man, "леня"),
    ("макар", Man, ""),
    ("максим", Man, "макс максимка максюша"),
    ("марат", Man, ""),
    ("марк", Man, "марик"),
    ("матвей", Man, "мотя матвейка"),
    ("мирон", Man, ""),
    ("михаил", Man, "миша мишенька мишаня"),
    ("никита", Man, "никитка"),
    ("николай", Man, "коля николаша"),
    ("олег", Man, "олежка олежек"),
    ("павел", Man, "паша пашка павлик"),
    ("петр", Man, "петя петька"),
    ("платон", Man, ""),
    ("ренат", Man, "ринат"),
    ("роберт", Man, ""),
    ("родион", Man, "родя"),
    ("роман", Man, "рома ромка ромчик"),
    ("руслан", Man, "русик"),
    ("рустам", Man, ""),
    ("савелий", Man, "сава"),
    ("семен", Man, "сема сеня"),
    ("сергей", Man, "сережа серега серж"),
    ("станислав", Man, "стас стасик слава"),
    ("степан", Man, "степа"),
    ("тарас", Man, ""),
    ("тимофей", Man, "тима тимоша"),
    ("тимур", Man, "тимурчик"),
    ("федор", Man, "федя"),
    ("филипп", Man, "филя"),
    ("эдуард", Man, "эдик"),
    ("эльдар", Man, ""),
    ("юрий", Man, "юра юрик"),
    ("яков", Man, "яша"),
    ("ян", Man, ""),
    ("ярослав", Man, "ярик слава"),
];

/// Forms of names that are as often something else.
const COMMON_WORDS: &str = "вера веры вере веру верой надежда надежды надежде надежду надеждой любовь любви любовью роза розы розе розу розой \
    лилия лилии лилию слава славы славе славу славой роман романа роману романом романе рая рае рай мари поля поле полем поли полю \
    тема темы теме тему темой лев льва мила тома томе тому томы ди гуля коля кола асе тори";

/// Whether a form of a name is as often something else, so that it needs a capital.
pub(super) fn is_common_word(form: &str) -> bool {
    COMMON_WORDS.split_whitespace().any(|word| word == form)
}

/// What a form of a name can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given {
    /// The same name in the nominative.
    pub(super) nominative: String,
    /// The full name it belongs to.
    pub(super) full: &'static str,
    pub(super) gender: Gender,
}

static FORMS: LazyLock<HashMap<String, Vec<Given>>> = LazyLock::new(|| {
    let mut forms: HashMap<String, Vec<Given>> = HashMap::new();
    for (full, gender, short) in NAMES {
        for name in std::iter::once(*full).chain(short.split_whitespace()) {
            for form in declined(name, *gender) {
                let given = Given {
                    nominative: name.to_owned(),
                    full,
                    gender: *gender,
                };
                let known = forms.entry(form).or_default();
                if !known.contains(&given) {
                    known.push(given);
                }
            }
        }
    }
    forms
});

/// What a folded word can be as a given name.
pub(super) fn given(word: &str) -> &'static [Given] {
    FORMS.get(word).map_or(&[], Vec::as_slice)
}

/// Whether a folded word with a capital is a given name: any form of one, but of those that are as often something else
/// only the full name itself.
pub(crate) fn is_given_name(word: &str) -> bool {
    let names = given(word);
    let full = names.iter().any(|given| given.full == word);
    full || !names.is_empty() && !is_common_word(word)
}

/// Whether a folded word is a given name in the nominative.
pub(super) fn is_nominative(word: &str) -> bool {
    given(word).iter().any(|given| given.nominative == word)
}

/// The full and short names that belong together with a name, itself included.
pub(super) fn related(name: &str) -> Vec<(String, Gender)> {
    let name = folded(name);
    let mut names: Vec<(String, Gender)> = NAMES
        .iter()
        .filter(|(full, _, short)| {
            *full == name || short.split_whitespace().any(|short| short == name)
        })
        .flat_map(|(full, gender, short)| {
            std::iter::once(*full)
                .chain(short.split_whitespace())
                .map(|name| (name.to_owned(), *gender))
        })
        .collect();
    if names.is_empty() {
        let gender = if name.ends_with(['а', 'я']) {
            Woman
        } else {
            Man
        };
        names.push((name, gender));
    }
    names
}

/// A folded name in all its cases, the nominative first.
pub(super) fn declined(name: &str, gender: Gender) -> Vec<String> {
    // A vowel that comes and goes.
    let oblique = match name {
        "павел" => "павл",
        "лев" => "льв",
        "любовь" => return forms(name, "люб", &["ви", "овью"]),
        _ => name,
    };
    let mut letters = name.chars();
    let last = letters.next_back();
    let base = letters.as_str();
    let before = base.chars().next_back();
    let hushing = before.is_some_and(|c| "жчшщц".contains(c));
    let velar = before.is_some_and(|c| "гкх".contains(c));
    match (last, gender) {
        (Some('а'), _) if hushing => forms(name, base, &["и", "е", "у", "ей", "ею"]),
        (Some('а'), _) if velar => forms(name, base, &["и", "е", "у", "ой", "ою"]),
        (Some('а'), _) => forms(name, base, &["ы", "е", "у", "ой", "ою"]),
        (Some('я'), _) if before == Some('и') => forms(name, base, &["и", "ю", "ей"]),
        (Some('я'), _) => forms(name, base, &["и", "е", "ю", "ей", "ею"]),
        (Some('й'), Man) if before == Some('и') => forms(name, base, &["я", "ю", "ем", "и"]),
        (Some('й' | 'ь'), Man) => forms(name, base, &["я", "ю", "ем", "е"]),
        (Some('ь'), Woman) => forms(name, base, &["и", "ью"]),
        (Some(c), Man) if c.is_alphabetic() && !"аеиоуыэюя".contains(c) => {
            let instrumental = if "жчшщц".contains(c) {
                "ем"
            } else {
                "ом"
            };
            forms(name, oblique, &["а", "у", "е", instrumental])
        }
        _ => vec![name.to_owned()],
    }
}

fn forms(name: &str, base: &str, endings: &[&str]) -> Vec<String> {
    std::iter::once(name.to_owned())
        .chain(endings.iter().map(|ending| format!("{base}{ending}")))
        .collect()
}

/// Ends of surnames, the woman's form and the man's.
const SURNAMES: [(&str, &str); 6] = [
    ("ова", "ов"),
    ("ева", "ев"),
    ("ина", "ин"),
    ("ына", "ын"),
    ("ская", "ский"),
    ("цкая", "цкий"),
];
/// Ends of surnames that do not change for women and often not at all.
const OTHER_SURNAMES: [&str; 12] = [
    "ко",
    "ян",
    "дзе",
    "швили",
    "ых",
    "их",
    "енко",
    "чук",
    "юк",
    "ук",
    "ич",
    "ский",
];

/// Whether a folded word looks like a surname, in the nominative or the accusative.
pub(super) fn is_surname(word: &str) -> bool {
    let long = word.chars().count() >= 4;
    long && (SURNAMES.iter().any(|(woman, man)| {
        word.ends_with(woman) || word.ends_with(man) || word.ends_with(&accusative(woman))
    }) || OTHER_SURNAMES.iter().any(|end| word.ends_with(end)))
}

/// Whether a folded word is a patronymic, in the nominative or the accusative.
pub(super) fn is_patronymic(word: &str) -> bool {
    [
        "ович",
        "евич",
        "ьич",
        "овна",
        "евна",
        "ична",
        "овну",
        "евну",
        "ичну",
        "овича",
        "евича",
        "ьича",
    ]
    .iter()
    .any(|end| word.ends_with(end) && word.len() > end.len() + 2)
}

fn accusative(woman: &str) -> String {
    match woman.strip_suffix("ая") {
        Some(base) => format!("{base}ую"),
        None => woman
            .strip_suffix('а')
            .map_or_else(|| woman.to_owned(), |base| format!("{base}у")),
    }
}

/// A surname or patronymic in the nominative, from the accusative that `gender` has there.
pub(super) fn nominative(word: &str, gender: Option<Gender>) -> String {
    let woman = gender != Some(Man);
    let man = gender != Some(Woman);
    for (end, _) in SURNAMES {
        let accusative = accusative(end);
        if woman && let Some(base) = word.strip_suffix(accusative.as_str()) {
            return format!("{base}{end}");
        }
    }
    if woman && let Some(base) = word.strip_suffix("ну").filter(|_| is_patronymic(word)) {
        return format!("{base}на");
    }
    if man {
        if let Some(base) = word.strip_suffix("ского").or(word.strip_suffix("цкого")) {
            return format!(
                "{base}{}",
                if word.ends_with("ского") {
                    "ский"
                } else {
                    "цкий"
                }
            );
        }
        if let Some(base) = word.strip_suffix('а')
            && (gender == Some(Man) || !is_patronymic(word))
            && (is_surname(base) || is_patronymic(base))
        {
            return base.to_owned();
        }
    }
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_in_any_case_leads_to_the_full_one() {
        for (form, full) in [
            ("ане", "анна"),
            ("ксюшей", "ксения"),
            ("павла", "павел"),
            ("илье", "илья"),
            ("катюшу", "екатерина"),
            ("игорем", "игорь"),
            ("марии", "мария"),
        ] {
            assert!(
                given(form).iter().any(|given| given.full == full),
                "{form}: {:?}",
                given(form)
            );
        }
        assert_eq!(given("маникюр"), &[]);
    }

    #[test]
    fn surnames_return_to_the_nominative() {
        for (form, gender, expected) in [
            ("иванову", None, "иванова"),
            ("вишневскую", Some(Woman), "вишневская"),
            ("петрова", Some(Man), "петров"),
            ("петрова", Some(Woman), "петрова"),
            ("сергеевну", Some(Woman), "сергеевна"),
            ("иваныча", Some(Man), "иваныча"),
            ("шевченко", None, "шевченко"),
        ] {
            assert_eq!(nominative(form, gender), expected, "{form}");
        }
    }
}
