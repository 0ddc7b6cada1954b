//! Whether a customer asks for a person: to talk to one, to be called back, to be rid of the bot.
//!
//! Patterns of words in order, since the words alone tell little: «администратор мне сказал» and
//! «сколько человек работает» ask for nobody.

use std::sync::LazyLock;

use crate::words::WordList;

/// Who can be asked for. A dot ends a whole word, otherwise it is a beginning.
const PERSON: &str = "админ операт аперат опират менедж менеж управляющ директор деректор руковод начальник начальств владел хозяйк хозяин \
    консультант человек. человека. человеку. человеком. людей. людьми. люди. сотрудник сотрудниц ресепш старшую. старшего. старшим. старшей. главного. главным. \
    кто-нибудь. кого-нибудь. кем-нибудь. живой. живого. живым. живому.";
/// The same as somebody who is wanted.
const WANTED: &str = "администратора. админа. оператора. аператора. менеджера. человека. управляющую. управляющего. директора. руководителя. \
    консультанта. сотрудника. старшую. старшего. кого-нибудь. живого. хозяйку. хозяина. владельца. начальника.";
/// The same as somebody to talk to.
const COMPANY: &str = "админом. администратором. администраторами. оператором. менеджером. человеком. людьми. управляющей. управляющим. директором. руководителем. руководством. \
    начальством. начальником. хозяйкой. хозяином. владельцем. владелицей. консультантом. сотрудником. кем-нибудь. живым. ресепшеном. главным. старшей. старшим.";
const MASTER: &str = "мастером. мастерами. специалистом. косметологом. врачом. доктором. колористом. стилистом. бухгалтером. бухгалтерией.";
/// Talking that has not happened yet.
const TALK: &str = "поговорить. переговорить. пообщаться. общаться. побеседовать. связаться. списаться. созвониться. обсудить. говорить. разговаривать.";
const CALL_OVER: &str = "позови. позовите. зови. зовите. позвать. зовут-ка. кликните.";
const SWITCH: &str = "соедини. соедините. переключи. переключите. переведи. переведите. подключи. подключите. свяжи. свяжите. соединить. переключить. подключить.";
const GIVE: &str = "дай. дайте. подай. вызови. вызовите. пригласи. пригласите. вызвать. пригласить. верните. гони.";
const CALL_BACK: &str = "перезвоните. перезвони. позвоните. позвони. наберите. набери. отзвонитесь. свяжитесь. свяжись.";
const WILL: &str = "перезвонит. перезвонят. позвонит. позвонят. наберет. свяжется. свяжутся. напишет. напишут. ответит. ответят. подключится. подойдет. отзовется.";
const NEED: &str = "нужен. нужна. нужны. нужно. надо. требуется. необходим. нужон.";
const BOT: &str = "ботом. ботами. бота. ботов. роботом. роботами. робота. роботов. автоответчиком. машиной. нейросетью.";
const ANY_BOT: &str = "бот ботик робот автоответчик нейросет";

/// Patterns: how many words may stand between two of their words, and the words.
const ASKS: &[(usize, &[&str])] = &[
    (0, &[CALL_OVER]),
    (2, &[SWITCH, PERSON]),
    (1, &[SWITCH, "специалиста. мастера. эксперта."]),
    (
        3,
        &[
            "не.",
            "могли. можете. сможете.",
            "мне. меня. нам. мной.",
            "перезвонить. позвонить. набрать. связаться. ответить.",
        ],
    ),
    (
        0,
        &[
            "соедини. соедините. свяжи. свяжите. переключи. переключите.",
            "меня. нас. с. пожалуйста. срочно.",
        ],
    ),
    (3, &["свяжитесь. свяжись.", "мной. нами. телефону."]),
    (
        3,
        &[
            PERSON,
            "соедини соедините. переключи. переключите. свяжи. свяжите. позовите. позови. зови. зовите. вызовите.",
        ],
    ),
    (2, &[GIVE, PERSON]),
    (1, &[GIVE, "поговорить. пообщаться."]),
    (
        2,
        &[
            "можно. мне. бы. хочу. дайте. где. срочно. плиз. хотелось.",
            WANTED,
        ],
    ),
    (1, &[NEED, PERSON]),
    (1, &[PERSON, NEED]),
    (1, &["помощь. помощи.", PERSON]),
    (
        1,
        &[
            "где.",
            "администратор. админ. оператор. менеджер. директор. управляющая. люди.",
        ],
    ),
    (
        2,
        &[
            "есть.",
            "живой. живые. живая. администратор. админ. оператор. менеджер.",
        ],
    ),
    (
        1,
        &[
            "человек. люди. кто-нибудь. живой.",
            "тут. здесь. есть. живой.",
        ],
    ),
    (1, &[PERSON, "связи. линии."]),
    (2, &[TALK, "с. со.", COMPANY]),
    (
        3,
        &[
            "поговорить. связаться. переговорить. обсудить. созвониться.",
            "с. со.",
            MASTER,
        ],
    ),
    (2, &["с. со.", COMPANY, TALK]),
    (4, &["с. со.", "кем. ним. ней. ними.", TALK]),
    (3, &[TALK, "лично. голосом. телефону."]),
    (3, &["телефону. голосом.", TALK]),
    (
        0,
        &[
            CALL_BACK,
            "мне. меня. нам. нас. пожалуйста. плиз. по. срочно. как. кто-нибудь. обратно.",
        ],
    ),
    (
        4,
        &[
            "можете. могли. сможете. можно. попрошу. прошу. лучше.",
            "мне. меня. нам. мной.",
            "позвонить. перезвонить. набрать. связаться.",
        ],
    ),
    (
        4,
        &[
            "можете. могли. сможете. прошу.",
            "позвонить. перезвонить. набрать. связаться.",
            "мне. меня. нам. мной.",
        ],
    ),
    (
        3,
        &[
            "пусть. пускай. попросите. попроси. скажите.",
            "позвон перезвон набер набра напиш написать. свяж связ ответ",
        ],
    ),
    (
        3,
        &[
            "администратор. админ. оператор. менеджер. человек. кто-нибудь. живой. управляющая. директор. люди.",
            WILL,
        ],
    ),
    (
        3,
        &[
            WILL,
            "администратор. админ. оператор. менеджер. человек. кто-нибудь. живой. управляющая. директор. люди.",
        ],
    ),
    (1, &["обратный. обратного.", "звон"]),
    (
        1,
        &["жду. ждем. закажите. закажу. заказать.", "звонк звонок."],
    ),
    (
        3,
        &[
            "напишите. напиши. ответьте. ответь. отзовитесь. отзовись. помогите.",
            "кто-нибудь. лично. сами. человек. живой. админ администратор.",
        ],
    ),
    (
        3,
        &[
            "кто-нибудь.",
            "ответ отзов напиш помог помо подойд позвон перезвон подска жив связи.",
        ],
    ),
    (4, &["не. без. только. от.", BOT]),
    (
        3,
        &[
            "надоел хватит. устал достал задолбал убери уберите выключи отключи отстан бесполезн тупой тупит",
            ANY_BOT,
        ],
    ),
    (
        3,
        &[
            ANY_BOT,
            "надоел достал задолбал бесполез тупит понимает. помогает. отстань. отстаньте.",
        ],
    ),
    (3, &["кто.", "главный. старший. главная. старшая."]),
    // English
    (
        4,
        &[
            "speak talk chat. chatting. discuss.",
            "to. with.",
            EN_PERSON,
        ],
    ),
    (1, &["speak. talk. chat.", "directly. live.", "to. with."]),
    (
        1,
        &[
            "transfer. connect. put. switch. forward. redirect. escalate.",
            "me. us. this.",
            "to. through. with.",
        ],
    ),
    (3, &["get. give. find. send.", "me. us.", EN_PERSON]),
    (
        1,
        &[
            "want. need. like. require. prefer.",
            "a. an. the. real. live. human. your. actual. some. another.",
            "human. person. operator. manager. agent. representative. supervisor. administrator. receptionist.",
        ],
    ),
    (
        0,
        &[
            "from. by.",
            "a. an. the. your.",
            "human. person. operator. manager. agent. representative.",
        ],
    ),
    (
        0,
        &[
            "get. call. fetch. contact.",
            "a. the. your.",
            "manager. human. person. supervisor. agent. operator. administrator.",
        ],
    ),
    (
        1,
        &[
            "can. could. will. would. may. have. let.",
            "someone. somebody. anyone. anybody.",
            "help. call. contact. look. take. check. assist. explain. answer. tell. get. confirm. speak. talk. reply. phone. ring. reach.",
        ],
    ),
    (
        3,
        &["get. have.", "someone. somebody. anyone.", "line. phone."],
    ),
    (
        0,
        &[
            "call. ring. phone.",
            "me.",
            "back. please. asap. when. on. at. later. tomorrow. today. now.",
        ],
    ),
    (1, &["give.", "me.", "a.", "call. ring. callback."]),
    (
        0,
        &[
            "real. live. actual. human. non-robotic. robotic.",
            "person. human. agent. being. operator. agents. people. representative.",
        ],
    ),
    (
        3,
        &[
            "reach. contact.",
            "other. another. human. real. live. your.",
            "agent. agents. representative. representatives. operator. person. team. manager. staff.",
        ],
    ),
    (
        3,
        &[
            "not. no. stop. dont. don. tired. hate. instead. enough. without.",
            "bot. bots. robot. robots. machine. chatbot. ai.",
        ],
    ),
    (
        3,
        &[
            "conversation. chat. bot.",
            "not. isn. isnt. never. useless. pointless. nowhere.",
        ],
    ),
    (
        1,
        &[
            "you. bot.",
            "cannot. cant. not. aren.",
            "help. helping. understand. understanding.",
            "me.",
        ],
    ),
    (0, &["you.", "can.", "t.", "help. understand.", "me."]),
    (0, &["есть.", "кто-нибудь.", END]),
    (
        1,
        &[
            "живой. живая.",
            PERSON,
            "может. могут. сможет. есть. будет.",
        ],
    ),
];
const EN_PERSON: &str = "human. person. people. operator. manager. agent. agents. someone. somebody. anyone. anybody. representative. rep. staff. administrator. admin. \
    reception. receptionist. supervisor. team. department. desk. owner. boss. cleaners. restaurant. spa. branch. specialist. stylist. employee. concierge. housekeeping. consultant.";

/// The end of the message, as a slot of a pattern.
const END: &str = "$";

/// What turns a pattern into something else when it stands anywhere in the message.
const ABOUT_WORK: &str = "вакан резюме работу. трудоустр собеседован устроиться. vacancy job.";
/// Words that may stand around somebody who is called alone: «оператора, пожалуйста».
const AROUND: &str = "пожалуйста. пож пжл плиз можно. мне. бы. а. с. со. и. срочно. уже. хочу. нужен. нужна. нужно. здравствуйте. привет. добрый. доброе. день. вечер. утро. алло. ау. \
    салона. есть. тут. the. a. an. please. hi. hello. to. with. live. real. customer. your. now.";
const ALONE: &str = "администратор админ оператор аператор менеджер человека. человеком. живой. живого. живым. человек. людей. управляющ директор. директора. руковод консультант. консультанта. \
    human. operator. agent. representative. person. manager. reception. team. support. service. staff. administrator.";
/// Between the words of a pattern these make it about something else.
const NOT_BETWEEN: &str = "номер телефон контакт почт адрес номера. карт запись. цен деньги. услуг number. phone. address. you.";

/// Questions about what the bot is.
const IDENTITY: [&str; 9] = [
    "are you a ",
    "are you an ",
    "are you real",
    "are you human",
    "is this a ",
    "is it a ",
    "am i talking",
    "am i speaking",
    "am i chatting",
];

/// Words of number before people who are counted.
const COUNTING: &str =
    "два. двух. три. трех. четыре. четырех. пять. пяти. одного. один. сколько. несколько. много.";

/// More words than this are no request any more but a story, in which anything may be named.
const LONGEST: usize = 60;

/// A pattern, ready to be looked for.
struct Pattern {
    gap: usize,
    /// The words of each slot; nothing stands for the end of the message.
    slots: Vec<Option<WordList>>,
    /// Whether it begins with a denial itself.
    denies: bool,
}

impl Pattern {
    fn of(gap: usize, slots: &'static [&'static str]) -> Self {
        let slots: Vec<Option<WordList>> = slots
            .iter()
            .map(|slot| (*slot != END).then(|| WordList::of(slot)))
            .collect();
        let first = slots.first().and_then(Option::as_ref);
        Self {
            gap,
            denies: first.is_some_and(|first| first.holds("не") || first.holds("not")),
            slots,
        }
    }
}

static PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    ASKS.iter()
        .map(|(gap, slots)| Pattern::of(*gap, slots))
        .collect()
});
static PEOPLE: LazyLock<WordList> = LazyLock::new(|| WordList::of(PERSON));
static WORK: LazyLock<WordList> = LazyLock::new(|| WordList::of(ABOUT_WORK));
static AROUND_ALONE: LazyLock<WordList> = LazyLock::new(|| WordList::of(AROUND));
static CALLED_ALONE: LazyLock<WordList> = LazyLock::new(|| WordList::of(ALONE));
static OTHER_SUBJECTS: LazyLock<WordList> = LazyLock::new(|| WordList::of(NOT_BETWEEN));
static COUNTS: LazyLock<WordList> = LazyLock::new(|| WordList::of(COUNTING));

/// Whether the words ask for a person; they are folded.
pub(super) fn asks_human(words: &[&str]) -> bool {
    let words = joined(words);
    let words: Vec<&str> = words.iter().map(String::as_str).take(LONGEST).collect();
    let text = words.join(" ");
    if words.iter().any(|word| WORK.holds(word))
        || IDENTITY.iter().any(|question| text.starts_with(question))
    {
        return false;
    }
    is_alone(&words) || PATTERNS.iter().any(|pattern| is_said(&words, pattern))
}

/// «кто нибудь» and «кто-то» as one word.
fn joined(words: &[&str]) -> Vec<String> {
    let mut joined: Vec<String> = Vec::with_capacity(words.len());
    for word in words {
        match joined.last_mut() {
            Some(last) if matches!(*word, "нибудь" | "нить" | "либо") && last.starts_with('к') =>
            {
                last.push_str("-нибудь");
            }
            _ => joined.push((*word).to_owned()),
        }
    }
    joined
}

fn is_alone(words: &[&str]) -> bool {
    let rest: Vec<&&str> = words
        .iter()
        .filter(|word| !AROUND_ALONE.holds(word) || CALLED_ALONE.holds(word))
        .collect();
    let named = rest.iter().any(|word| CALLED_ALONE.holds(word));
    // "spa team please": one word may say which of them.
    let latin = rest.iter().all(|word| word.is_ascii());
    let others = rest.iter().filter(|word| !CALLED_ALONE.holds(word)).count();
    named
        && words.len() <= 6
        && rest.len() <= 3
        && others <= usize::from(latin && words.contains(&"please"))
}

fn is_said(words: &[&str], pattern: &Pattern) -> bool {
    let Some((Some(first), rest)) = pattern.slots.split_first() else {
        return false;
    };
    (0..words.len()).any(|at| {
        first.holds(words[at])
            && (pattern.denies || !is_turned(words, at))
            && goes_on(words, at, pattern.gap, rest)
    })
}

fn goes_on(words: &[&str], last: usize, gap: usize, slots: &[Option<WordList>]) -> bool {
    let Some((slot, rest)) = slots.split_first() else {
        return true;
    };
    let Some(slot) = slot else {
        return last + 1 == words.len();
    };
    for at in last + 1..words.len().min(last + gap + 2) {
        if slot.holds(words[at]) && !is_counted(words, at) && goes_on(words, at, gap, rest) {
            return true;
        }
        if OTHER_SUBJECTS.holds(words[at]) {
            return false;
        }
    }
    false
}

/// «не звоните мне», «вам нужен администратор?»: the first word of a pattern is turned around.
fn is_turned(words: &[&str], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|before| words[before]) else {
        return false;
    };
    // «ты человек?», «это живой человек?» asks what the bot is.
    let asked_about = matches!(before, "ты" | "это" | "вы" | "или" | "are" | "you");
    matches!(before, "не" | "вам" | "ни" | "dont" | "who")
        || (asked_about && PEOPLE.holds(words[at]))
}

/// «на двух человек», «3 человека».
fn is_counted(words: &[&str], at: usize) -> bool {
    let human = words[at].starts_with("человек") || words[at] == "людей";
    human
        && at.checked_sub(1).is_some_and(|before| {
            words[before].chars().all(char::is_numeric) || COUNTS.holds(words[before])
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{folded, tokens};

    fn asks(text: &str) -> bool {
        let folded = folded(text);
        asks_human(&tokens(&folded).collect::<Vec<_>>())
    }

    #[test]
    fn a_wish_for_a_person_is_heard() {
        for text in [
            "позовите администратора",
            "можно с живым человеком поговорить?",
            "оператор",
            "соедините с менеджером",
            "I want to talk to a human",
            "let me speak to your manager please",
            "can someone call me back?",
            "put me through to reception",
            "I'm tired of this bot",
            "real person please",
            "я не хочу говорить с ботом",
        ] {
            assert!(asks(text), "{text}");
        }
    }

    #[test]
    fn people_are_named_without_being_asked_for() {
        for text in [
            "сколько человек у вас работает",
            "стрижка",
            "где вы находитесь",
            "are you a real person?",
            "can someone else use my gift card?",
            "a table for two people",
            "I was speaking with Anna yesterday",
            "",
        ] {
            assert!(!asks(text), "{text}");
        }
    }
}
