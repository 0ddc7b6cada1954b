use super::*;
use crate::testing::texts;

fn found(text: &str) -> Vec<String> {
    let source = SourceText {
        file: "ru.ftl".to_owned(),
        text: text.to_owned(),
    };
    check(&source, Phrase::ALL)
        .iter()
        .map(Problem::to_string)
        .collect()
}

#[test]
fn the_shipped_texts_are_whole_and_filled_in() {
    let texts = texts();
    for language in Language::ALL {
        for phrase in Phrase::ALL {
            let filled: Vec<_> = phrase
                .variables()
                .iter()
                .map(|name| (*name, "заполнено"))
                .collect();
            let said = texts.say(language, *phrase, &filled);
            assert!(!said.trim().is_empty(), "{}", phrase.key());
            assert!(!said.contains('$') && !said.contains('{'), "{said}");
            assert_eq!(said.contains("заполнено"), !filled.is_empty(), "{said}");
        }
    }
}

/// Everything that can be said in a language and a tone.
fn all_said(language: Language, tone: Tone) -> Vec<(Phrase, String)> {
    let texts = texts().in_tone(tone);
    let said = |phrase: &Phrase| {
        let filled = phrase.variables().iter().map(|name| (*name, "5"));
        let filled: Vec<_> = filled.collect();
        (*phrase, texts.say(language, *phrase, &filled))
    };
    Phrase::ALL.iter().map(said).collect()
}

/// Whether a Russian text says «вы», and whether it says «ты».
fn forms(text: &str) -> (bool, bool) {
    const YOU: &str = "вы вас вам вами ваш ваша ваше ваши вашего вашей вашему вашу вашим ваших";
    const THOU: &str = "ты тебя тебе тобой твой твоя твое твои твоего твоей твоему твою твоим твоих \
        пиши напиши уточни прости выбери хочешь обратись позвони привет";
    let text = crate::words::folded(text);
    let words: Vec<&str> = crate::words::tokens(&text).collect();
    let any = |list: &str| list.split_whitespace().any(|word| words.contains(&word));
    let imperative = |word: &&str| {
        ["ите", "йте", "ьте", "итесь"]
            .iter()
            .any(|end| word.ends_with(end))
    };
    (any(YOU) || words.iter().any(imperative), any(THOU))
}

#[test]
fn no_phrase_mixes_the_two_forms_of_address() {
    let of = |address| {
        let tone = Tone {
            address,
            emoji: true,
        };
        all_said(Language::Ru, tone)
    };
    let (formal, informal) = (of(Address::Formal), of(Address::Informal));
    for (_, said) in &formal {
        assert!(!forms(said).1, "{said}");
    }
    for (phrase, said) in &informal {
        assert!(!forms(said).0, "{}: {said}", phrase.key());
    }
    let other = formal.iter().zip(&informal).filter(|(a, b)| a != b);
    assert!(
        other.count() > 20,
        "most of what is said addresses somebody"
    );
    assert_eq!(forms("Напишите, что ты хочешь"), (true, true));
}

#[test]
fn emoji_stand_at_few_places_and_nowhere_when_they_are_off() {
    for (language, address) in Language::ALL
        .into_iter()
        .flat_map(|language| Address::ALL.map(|address| (language, address)))
    {
        let of = |emoji| all_said(language, Tone { address, emoji });
        let without = of(false);
        let mut with = 0;
        for ((phrase, plain), (_, said)) in without.iter().zip(of(true)) {
            assert_eq!(Tone::default().applied(plain), *plain, "{}", phrase.key());
            assert_eq!(Tone::default().applied(&said), *plain, "{}", phrase.key());
            with += usize::from(said != *plain);
        }
        assert!((1..=6).contains(&with), "{with}");
    }
}

#[test]
fn what_a_phrase_has_besides_is_checked_too() {
    let all = found("greeting = Это { $salon }\n    .informal = Привет\n    .emoij = 🌷\n    .emoji = { $salon }\n")
        .join("\n");
    for expected in [
        "ru.ftl:2:1: error: greeting: does not use `$salon`",
        "ru.ftl:3:1: error: greeting.emoij: is nothing that a phrase has (hint: did you mean `emoji`?)",
        "ru.ftl:4:1: error: greeting: uses `$salon`, which it is not given",
    ] {
        assert!(all.contains(expected), "{expected}\nnot in\n{all}");
    }
}

#[test]
fn a_wrong_variable_an_unknown_key_and_a_missing_text_are_told() {
    let all = found("greeting = Это { $salo }\nhelo = Здравствуйте\n").join("\n");
    for expected in [
        "ru.ftl:1:1: error: greeting: uses `$salo`, which it is not given (hint: did you mean `salon`?)",
        "ru.ftl:1:1: error: greeting: does not use `$salon`",
        "ru.ftl:2:1: error: helo: is a text that nobody says (hint: did you mean `hello`?)",
        "ru.ftl: error: goodbye: is missing",
    ] {
        assert!(all.contains(expected), "{expected}\nnot in\n{all}");
    }
}
