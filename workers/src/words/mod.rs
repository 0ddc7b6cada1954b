//! Words as the bot sees them: tokens, stems, languages, and repairs of how they were typed.

mod lexicon;
mod list;
mod repair;
mod synonyms;

use std::borrow::Cow;
use std::sync::LazyLock;

use frostem::{Algorithm, Stemmer};
use serde::{Deserialize, Serialize};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

pub use lexicon::Lexicon;
pub(crate) use list::WordList;
pub(crate) use repair::repaired;
pub use synonyms::{SAME_MEANING, Synonyms};

/// A language the bot speaks.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default,
)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Russian.
    #[default]
    Ru,
    /// English.
    En,
}

impl Language {
    /// Every language, in the order of `config/texts`.
    pub const ALL: [Self; 2] = [Self::Ru, Self::En];

    /// The two-letter code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Ru => "ru",
            Self::En => "en",
        }
    }

    /// The language with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|language| language.code() == code)
    }

    /// The language of a text, or nothing when its letters do not tell (a number, a smile).
    pub fn of(text: &str) -> Option<Self> {
        let cyrillic = text.chars().filter(|c| is_cyrillic(*c)).count();
        let latin = text.chars().filter(char::is_ascii_alphabetic).count();
        match (cyrillic, latin) {
            (0, 0) => None,
            // A brand or a procedure in Latin letters does not make a Russian sentence English.
            (c, l) if c * 3 >= l => Some(Self::Ru),
            _ => Some(Self::En),
        }
    }
}

static RUSSIAN: LazyLock<Stemmer> = LazyLock::new(|| Stemmer::new(Algorithm::Russian));
static ENGLISH: LazyLock<Stemmer> = LazyLock::new(|| Stemmer::new(Algorithm::English));

fn is_cyrillic(c: char) -> bool {
    ('\u{400}'..='\u{4ff}').contains(&c)
}

/// A text with one spelling for what customers spell in several ways: lower case, е for ё,
/// composed letters, letters thrice in a row shortened to two.
pub fn folded(text: &str) -> String {
    match is_nfkc_quick(text.chars()) {
        IsNormalized::Yes => fold(text.chars(), text.len()),
        _ => fold(text.nfkc(), text.len()),
    }
}

fn fold(letters: impl Iterator<Item = char>, length: usize) -> String {
    let mut out = String::with_capacity(length);
    let mut last = ['\0'; 2];
    for c in letters.flat_map(char::to_lowercase) {
        let c = if c == 'ё' { 'е' } else { c };
        if last == [c, c] && c.is_alphabetic() {
            continue;
        }
        last = [last[1], c];
        out.push(c);
    }
    out
}

/// The words of a folded text.
pub fn tokens(folded: &str) -> impl Iterator<Item = &str> {
    folded
        .split(|c: char| !is_of_word(c))
        .filter(|token| !token.is_empty())
}

/// Letters and digits; the usual ones are known without a table.
fn is_of_word(c: char) -> bool {
    matches!(c, 'а'..='я' | 'a'..='z' | '0'..='9') || c.is_alphanumeric()
}

/// The stem of a folded word, by its script.
pub fn stem(token: &str) -> Cow<'_, str> {
    match token.chars().next() {
        Some(first) if is_cyrillic(first) => RUSSIAN.stem(token),
        Some(first) if first.is_ascii_alphabetic() => ENGLISH.stem(token),
        _ => Cow::Borrowed(token),
    }
}

/// Words that say nothing about the subject of a question: particles, prepositions, politeness.
const LIGHT: &str = "\
а б бы был была были было быть в вам вами вас ваш ваша ваше ваши вашего вашем вашей ваших во вот вообще все всего всех вы \
г где-то да давайте даже для до добрый доброе доброго день дня вечер вечера утро утра ли либо его ее если есть еще ж же за \
здравствуйте здрасте здрасти здравствуй привет приветствую и из или им их к как-то ко который которая которые кстати ладно ли лишь меня мне мной \
могу можем может можете можно мое моей мои мой моя мы на надо нам нас наш не нет нибудь ну о об ого ой она они оно он \
от очень пж пжл пжлст плиз по подскажите подскажи пожалуйста пожалуйст поподробнее подробнее при про просто прошу с свой свою себе себя \
скажите скажи хотела хотел хочу хотим хотелось хотелось-бы со спасибо спс так такая такие такое такой там тебя тебе тут то тогда тоже только \
смогу сможем сможете смогли получится ничего просто ты у уже узнать уточнить уточните расскажите интересует интересно вопрос вопросик хм чего чтобы что-то что эта эти это этого этой этом этот я \
доброй ночи ага ок типа вроде буду будет будут именно какой-то ка девушки девочки ребята слушайте подскажете имеется имеются \
a an and any are at am be been but by could did do does doing for from get got had has have having hello hey hi i i'd i'm if in into is it \
its just know let like ll may me my of on or our please pls s so some than thanks thank that the their them then there these they this those \
to too us want wanna was we were will with would you your u ur wondering tell ask question re ve d m t good morning evening afternoon";

/// Words that say what is asked, not about what: "how much", "do you do", "how long".
const FRAME: &str = "\
сколько скока скок сколко стоит стоят стоить стоимость цена цены цену ценник прайс почем дорого дешево возьмете обойдется выйдет платно платная бесплатно \
деньгам денег рублей долго длится длительность занимает времени время времени часов часа минут делаете делают делает делать сделать сделаете сделают \
занимаетесь хочу нужно нужна нужен нужны где когда как какой какая какие какое какого каком каких кто куда почему зачем \
длинный длинные длинных короткие коротких средние средней длины густые густых лопаток плеч пояса взять возьмете прийти приду придти приходить зайти попасть бывает просто последняя последний много мало лучше раз работает работаете салон салоне салона вашем услуга услуги услугу \
how much many cost costs price prices charge long take takes time when where what who which why need make book offer salon";

static FRAME_STEMS: LazyLock<std::collections::HashSet<String>> = LazyLock::new(|| {
    FRAME
        .split_whitespace()
        .map(|word| stem(word).into_owned())
        .collect()
});

/// Whether a stem says what is asked and not about what.
pub fn is_frame(stem: &str) -> bool {
    FRAME_STEMS.contains(stem)
}

static LIGHT_WORDS: LazyLock<std::collections::HashSet<&str>> =
    LazyLock::new(|| LIGHT.split_whitespace().collect());

/// Whether a folded word says nothing about the subject of a question.
pub fn is_light(token: &str) -> bool {
    LIGHT_WORDS.contains(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letters_tell_the_language_and_a_brand_does_not() {
        assert_eq!(Language::of("Сколько стоит airtouch?"), Some(Language::Ru));
        assert_eq!(Language::of("How much is a haircut?"), Some(Language::En));
        assert_eq!(Language::of("🙂 42"), None);
    }

    #[test]
    fn folding_makes_one_spelling_of_many() {
        assert_eq!(folded("ПЕДИКЮР ещёёёё"), "педикюр ещее");
        assert_eq!(folded("Мои\u{306} е\u{308}ж"), "мой еж");
    }

    #[test]
    fn forms_of_a_word_share_a_stem() {
        assert_eq!(stem("маникюра"), stem("маникюром"));
        assert_eq!(stem("haircuts"), stem("haircut"));
    }
}
