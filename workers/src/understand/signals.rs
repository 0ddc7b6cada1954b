//! What must never be missed, told by words: a wish for a person, danger to health, a stop to
//! advertising, an attempt to turn the bot.

use std::collections::HashSet;
use std::sync::LazyLock;

use zapis_core::message::is_stop_word;

use super::human::asks_human;
use crate::words::{WordList, folded, stem, tokens};

/// What the words of a message tell without any training.
#[expect(
    clippy::struct_excessive_bools,
    reason = "signals do not exclude each other: a message can give all of them"
)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Signals {
    pub(super) asks_human: bool,
    pub(super) shouts: bool,
    pub(super) opt_out: bool,
    pub(super) injection: bool,
    pub(super) urgent: bool,
    pub(super) own_visit: bool,
}

/// What turns a word around when it stands right before it.
const NEGATION: &str = "не без нет ни not no never без";

/// Health trouble that needs a person at once.
const URGENT: &str = "опухл опух опухла опухло отек отекло отекла гной гноится кровь кровит кровоточит кровотечение температура аллергия аллергическ \
    задыхаюсь обморок волдыри волдырь ожог обожгло swollen swelling bleeding allergic allergy burn burned blister fever pus";

/// Beginnings of words for illness, pregnancy and medicine: a question with one of them is a
/// question about health, whatever else is asked.
const HEALTH: &str = "псориаз экзем дерматит дерматоз нейродермит розаце купероз герпес грибок грибк грибка онихомик папиллом бородавк родинк лишай \
    диабет астм эпилеп онколог гепатит вич варикоз тромб гипертон щитовидк гемофил аллерг беремен лактац кормящ антибиотик роаккутан ретинои \
    противопоказ воспал нагноен гнойн сыпь сыпи волдыр ожог отек опух покраснен зуд чешетс кровоточ конъюнктив ячмень \
    psoriasis eczema dermatitis herpes fungus diabet asthma epilep pregnan breastfeed allerg antibiotic contraindicat rash swollen infect";

/// Ways to say that one wants no advertising.
const STOP: [&[&str]; 14] = [
    &["отпис"],
    &["реклам"],
    &["рассылк"],
    &["спам"],
    &["spam"],
    &["unsubscribe"],
    &["stop"],
    &["стоп"],
    &["opt", "out"],
    &["удалите", "рассыл"],
    &["не", "присыла"],
    &["не", "пишите"],
    &["убер", "рассыл"],
    &["хватит", "слать"],
];
const STOP_NEEDS: &str = "не отпишите отписаться отпишись отписка отпишите хватит удалите уберите прекратите отключите стоп stop unsubscribe надоели исключите больше no dont remove";

/// Ways to turn the bot into something else.
const TURN: [&str; 22] = [
    "игнорируй",
    "забудь все",
    "забудь инструкции",
    "забудь предыдущ",
    "системный промпт",
    "системную инструкцию",
    "твои инструкции",
    "твой промпт",
    "свой промпт",
    "свои инструкции",
    "представь что ты",
    "притворись",
    "ты теперь",
    "режим разработчика",
    "джейлбрейк",
    "ignore previous",
    "ignore all",
    "ignore your",
    "system prompt",
    "jailbreak",
    "you are now",
    "developer mode",
];

/// Questions about the customer's own visit, which no knowledge base can answer.
const OWN_VISIT: [&str; 15] = [
    "я записан",
    "записана ли я",
    "записан ли я",
    "записаны ли мы",
    "у меня запись",
    "моя запись",
    "моей записи",
    "к какому мастеру я",
    "к кому я",
    "во сколько я",
    "когда я записан",
    "время моей",
    "my appointment",
    "my booking",
    "am i booked",
];

/// Words with their stems, made once.
struct Words {
    words: HashSet<&'static str>,
    stems: HashSet<String>,
}

impl Words {
    fn of(list: &'static str) -> Self {
        Self {
            words: list.split_whitespace().collect(),
            stems: list
                .split_whitespace()
                .map(|word| stem(word).into_owned())
                .collect(),
        }
    }

    fn hold(&self, word: &str, stem: &str) -> bool {
        self.words.contains(word) || self.stems.contains(stem)
    }
}

static HEALTH_WORDS: LazyLock<WordList> = LazyLock::new(|| WordList::of(HEALTH));
static URGENT_WORDS: LazyLock<Words> = LazyLock::new(|| Words::of(URGENT));

/// Reads the signals of a message.
pub(super) fn signals(text: &str) -> Signals {
    let folded = folded(text);
    let words: Vec<&str> = tokens(&folded).collect();
    let stems: Vec<String> = words.iter().map(|word| stem(word).into_owned()).collect();
    let joined = words.join(" ");
    Signals {
        asks_human: asks_human(&words),
        shouts: shouts(text),
        opt_out: opt_out(&words, &joined),
        injection: TURN.iter().any(|turn| joined.contains(turn)),
        urgent: has_unturned(&words, &stems, &URGENT_WORDS),
        own_visit: OWN_VISIT.iter().any(|own| joined.contains(own)),
    }
}

/// Whether words speak of illness, pregnancy or medicine.
pub(super) fn is_about_health<'w>(mut words: impl Iterator<Item = &'w str>) -> bool {
    words.any(|word| HEALTH_WORDS.holds(word))
}

fn has_unturned(words: &[&str], stems: &[String], list: &Words) -> bool {
    (0..words.len()).any(|at| {
        let turned = at > 0 && NEGATION.split_whitespace().any(|not| not == words[at - 1]);
        !turned && list.hold(words[at], &stems[at])
    })
}

/// Capitals and exclamation marks together.
fn shouts(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let capitals = text.chars().filter(|c| c.is_uppercase()).count();
    letters >= 12 && capitals * 10 >= letters * 8 && text.contains("!!")
}

fn opt_out(words: &[&str], joined: &str) -> bool {
    if is_stop_word(joined) {
        return true;
    }
    let needs = STOP_NEEDS
        .split_whitespace()
        .any(|need| words.contains(&need));
    needs
        && words.len() <= 15
        && STOP
            .iter()
            .any(|all| all.iter().all(|part| joined.contains(part)))
        && !joined.contains("стоп ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn illness_is_heard_whatever_is_asked() {
        let about = |text| is_about_health(tokens(text));
        assert!(about("у меня псориаз возьмете на маникюр"));
        assert!(about("беременным можно красить"));
        assert!(!about("сколько стоит маникюр"));
    }

    #[test]
    fn stopping_advertising_is_not_a_question_about_it() {
        assert!(signals("не присылайте мне рекламу").opt_out);
        assert!(signals("STOP").opt_out);
        assert!(!signals("увидела вашу рекламу, хочу записаться").opt_out);
    }
}
