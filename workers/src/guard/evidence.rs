//! What is known in a turn: passages and receipts, cut into clauses, each with its values and words.

use std::collections::{BTreeSet, HashSet};
use std::mem::discriminant;
use std::ops::Range;
use std::sync::LazyLock;

use super::Kind;
use super::polarity::Polarity;
use super::statements::{Said, Statement, statements, words as word_spans};
use super::values::{Bound, Claim, Value, claims, names_day};
use crate::words::{folded, is_frame, is_light, stem, tokens};

/// Words that say neither of what nor what: they are in answers of every kind.
const GENERIC: &str = "визит процедура процедуры процедуру услуга услуги сумма сумму итого составит составляет составляют \
    обойдется обойдутся выйдет получится примерно около обычно зависит клиент клиенты гость гости момент данный наш наша \
    наши нашем нашего длится длительность продолжительность занимает займет время времени выходной выходная закрыто закрыт график visit total usually about approximately depends service closed off";

/// Everything that a message may claim.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    passages: Vec<Passage>,
    /// Stems of names that may be used though no passage has them: the customer's, the firm's.
    names: BTreeSet<String>,
    /// What was done in this turn.
    done: BTreeSet<&'static str>,
    /// Stems of what the customer asked.
    asked: BTreeSet<String>,
    /// Stems of the names of the firm's people.
    people: HashSet<String>,
    /// What is affirmed and what is denied.
    polarity: Polarity,
}

#[derive(Debug, Clone)]
struct Passage {
    title: BTreeSet<String>,
    units: Vec<Unit>,
    /// Of all its words.
    stems: HashSet<String>,
    /// Of all its names.
    names: HashSet<String>,
    /// Folded words, to recognise what is quoted whole.
    text: String,
}

/// A clause of a passage.
#[derive(Debug, Clone)]
struct Unit {
    words: BTreeSet<String>,
    values: Vec<Claim>,
    statements: Vec<Statement>,
    /// First names in it, or else those that its line goes on about.
    people: BTreeSet<String>,
    /// Whether it says that nobody works.
    closed: bool,
    /// Whether it is a question, which states nothing.
    asks: bool,
}

/// What a claim is made about: the words around it, and the people.
#[derive(Debug, Clone, Default)]
pub(super) struct About {
    words: BTreeSet<String>,
    people: BTreeSet<String>,
    /// Its own words that the customer asked about and no passage has.
    unheard: bool,
    /// Whether it says that nobody works.
    closed: bool,
    /// Its own words, without those that it goes on about.
    own: BTreeSet<String>,
    /// Whether the message or the question has a date.
    dated: bool,
    /// Whether it limits what it says: «только», "only".
    limited: bool,
}

impl Evidence {
    /// What the customer asked: an answer that names nothing is about that. The people of the firm are told by their
    /// names, however rare.
    pub fn new<'n>(question: &str, people: impl IntoIterator<Item = &'n str>) -> Self {
        Self {
            asked: words(question),
            people: people.into_iter().flat_map(stems).collect(),
            ..Self::default()
        }
    }

    pub(super) fn people(&self) -> &HashSet<String> {
        &self.people
    }

    /// Adds a passage of the knowledge base, or a receipt of a tool in words.
    pub fn add(&mut self, title: &str, body: &str) {
        let whole = format!("{title}\n{body}");
        // A question states nothing, unless its answer is yes.
        let begins = folded(body);
        let yes = matches!(tokens(&begins).next(), Some("да" | "yes"));
        let asks = title.contains('?') && !yes;
        let unit = |subject: Subject| {
            let text = &whole[subject.span.clone()];
            let asked = asks && subject.span.start < title.len();
            Unit {
                words: subject.words,
                values: claims(text),
                statements: statements(text, &self.people),
                asks: asked,
                people: subject.people,
                closed: says_closed(text),
            }
        };
        let units = subjects(&whole, &self.people)
            .into_iter()
            .map(unit)
            .collect();
        self.polarity.add(body);
        self.polarity.topic(title);
        self.passages.push(Passage {
            title: words(title),
            units,
            stems: stems(&whole).collect(),
            names: statements(&whole, &self.people)
                .into_iter()
                .filter_map(Statement::into_person)
                .chain(self.people.iter().cloned())
                .collect(),
            text: plain(&whole),
        });
    }

    /// Allows a name: the customer's, the firm's.
    pub fn allow_name(&mut self, name: &str) {
        self.names.extend(stems(name));
    }

    /// Notes what was done: `booked`, `moved`, `cancelled`, `told`, `refunded`.
    pub fn done(&mut self, what: &'static str) {
        self.done.insert(what);
    }

    /// The clauses of a message and what each is about: what it names, or else the nearest clause before it that
    /// names anything that is known, or the question.
    pub(super) fn about(&self, message: &str) -> Vec<(Range<usize>, About)> {
        let mut last = self.asked.clone();
        last.retain(|word| !is_day(word));
        let has_date = |word: &String| is_day(word) && word.contains('.');
        let dated = self.asked.iter().any(has_date) || words(message).iter().any(has_date);
        let about = |Subject {
                         span,
                         mut words,
                         people,
                     }: Subject| {
            let unheard = words.iter().any(|word| {
                !is_day(word)
                    && self.asked.contains(word)
                    && !self.names.contains(word)
                    && !self.knows_like(word)
            });
            let own = words.clone();
            if words.iter().any(|word| !is_day(word) && self.names(word)) {
                last.clone_from(&words);
                last.retain(|word| !is_day(word));
            } else {
                words.extend(last.iter().cloned());
            }
            let clause = &message[span.clone()];
            let closed = says_closed(clause);
            let plain = folded(clause);
            let limited = tokens(&plain).any(|word| matches!(word, "только" | "only"));
            let about = About {
                words,
                people,
                unheard,
                closed,
                own,
                dated,
                limited,
            };
            (span, about)
        };
        subjects(message, &self.people)
            .into_iter()
            .map(about)
            .collect()
    }

    fn names(&self, word: &String) -> bool {
        let mut passages = self.passages.iter();
        passages.any(|passage| passage.stems.contains(word))
    }

    /// Whether any passage has a word that begins alike.
    fn knows_like(&self, word: &str) -> bool {
        let mut stems = self.passages.iter().flat_map(|passage| &passage.stems);
        stems.any(|stem| alike(stem, word))
    }

    /// Where a message affirms what is only denied, or denies what is only affirmed.
    pub(super) fn turned(&self, message: &str) -> Vec<Range<usize>> {
        self.polarity.turned_in(message)
    }

    /// What is wrong with a claim about something, if anything is.
    pub(super) fn lacks(&self, claim: &Claim, about: &About) -> Option<Kind> {
        let money = |value: &Value| matches!(value, Value::Money(_));
        if about.unheard && claim.meanings.iter().any(money) {
            return Some(Kind::Misplaced);
        }
        let days: Vec<&String> = about.words.iter().filter(|word| is_day(word)).collect();
        if days.len() < 2 {
            return self.lacks_one(claim, about);
        }
        let of_day = |day: &String| {
            let mut one = about.clone();
            one.words.retain(|word| !is_day(word) || word == day);
            self.lacks_one(claim, &one)
        };
        if let [Value::Weekday(day)] = claim.meanings[..] {
            return of_day(&format!("{DAY}{day}"));
        }
        // What is told of several days has to be known of each, together or one by one.
        self.lacks_one(claim, about)
            .filter(|_| days.iter().any(|day| of_day(day).is_some()))
    }

    fn lacks_one(&self, claim: &Claim, about: &About) -> Option<Kind> {
        let rivals: Vec<(&Passage, &Unit)> = self
            .units()
            .filter(|(_, unit)| unit.rivals(claim))
            .collect();
        let mut known = false;
        for (passage, unit) in self.units() {
            if unit.values.iter().any(|value| agrees(claim, value)) {
                known = true;
                if belongs(claim, about, (passage, unit), &rivals) {
                    return None;
                }
            }
        }
        Some(if known {
            Kind::Misplaced
        } else {
            Kind::Unknown
        })
    }

    fn units(&self) -> impl Iterator<Item = (&Passage, &Unit)> {
        self.passages
            .iter()
            .flat_map(|passage| passage.units.iter().map(move |unit| (passage, unit)))
    }

    /// Whether a statement about something is known.
    pub(super) fn supports(&self, statement: &Statement, about: &About) -> bool {
        match &statement.said {
            Said::Done(what) => {
                let mut known = self.units().flat_map(|(_, unit)| &unit.statements);
                self.done.contains(what)
                    || self.quotes(&statement.sentence)
                    || known
                        .any(|known| known.said == statement.said && known.word == statement.word)
            }
            Said::Promise(what) => self.units().any(|(passage, unit)| {
                let mut days = about.words.iter().filter(|word| is_day(word));
                // «Нужна ли предоплата?» lets out «предоплата только за …».
                (!unit.asks || about.limited && *what != "only")
                    && unit.statements.iter().any(|known| {
                        known.said == Said::Promise(what) && known.negated == statement.negated
                    })
                    && days.all(|day| unit.words.contains(day))
                    && (*what != "free" || self.is_free(about, passage, unit))
            }),
            Said::Name(name) => {
                let mut passages = self.passages.iter();
                self.names.contains(name) || passages.any(|passage| passage.stems.contains(name))
            }
            Said::Person(name) => self.is_person(name, about),
        }
    }

    /// Whether what is free by one clause is what a message calls free, and not what has a price in another.
    fn is_free(&self, about: &About, passage: &Passage, unit: &Unit) -> bool {
        let mut words = about.own.iter().filter(|word| !is_day(word)).peekable();
        let has_price = |unit: &Unit| {
            let mut values = unit.values.iter().flat_map(|claim| &claim.meanings);
            values.any(|value| matches!(value, Value::Money(_)))
        };
        let priced = |word: &String| {
            let mut units = self.units();
            units.any(|(_, other)| has_price(other) && other.words.contains(word))
        };
        let near = |word: &String| unit.is_near(word, passage);
        words.peek().is_none()
            || words.clone().any(near)
                && words.all(|word| unit.words.contains(word) || !priced(word))
    }

    /// Whether what is said of a person is not known of somebody else only.
    pub(super) fn is_person(&self, name: &str, about: &About) -> bool {
        let is_name = |word: &String| {
            self.passages
                .iter()
                .any(|passage| passage.names.contains(word))
        };
        let traits = about.words.iter();
        let traits = traits.filter(|word| !is_day(word) && !is_name(word));
        let elsewhere = |word: &String| {
            let mut units = self.units();
            units.any(|(_, unit)| {
                unit.words.contains(word) && !unit.people.is_empty() && !unit.people.contains(name)
            })
        };
        let elsewhere: Vec<&String> = traits.filter(|word| elsewhere(word)).collect();
        let mut units = self.units().filter(|(_, unit)| unit.people.contains(name));
        self.names.contains(name)
            || units
                .any(|(passage, unit)| elsewhere.iter().all(|word| unit.is_about(word, passage)))
    }

    /// The first of the people of a clause of whom something is said that is not known of them.
    pub(super) fn misses_person(&self, about: &About) -> bool {
        about.people.iter().any(|name| !self.is_person(name, about))
    }

    /// Whether a sentence stands in a passage word for word.
    fn quotes(&self, sentence: &str) -> bool {
        let sentence = plain(sentence);
        self.passages
            .iter()
            .any(|passage| passage.text.contains(&sentence))
    }
}

impl Unit {
    /// Whether it has another value of the kind of a claim.
    fn rivals(&self, claim: &Claim) -> bool {
        let alike = |value: &Value| {
            let kind = discriminant(value);
            claim
                .meanings
                .iter()
                .any(|meant| discriminant(meant) == kind)
        };
        let mut values = self.values.iter();
        values.any(|value| value.meanings.iter().any(alike) && !agrees(claim, value))
    }

    fn is_about(&self, word: &String, passage: &Passage) -> bool {
        self.words.contains(word) || !is_day(word) && passage.title.contains(word)
    }

    /// The same, where another form of the word will do.
    fn is_near(&self, word: &String, passage: &Passage) -> bool {
        let mut words = self.words.iter().chain(&passage.title);
        self.is_about(word, passage) || !is_day(word) && words.any(|known| alike(known, word))
    }
}

/// Whether a value that stands in a clause is claimed of what it stands there of. `rivals` are the clauses with other
/// values of its kind.
fn belongs(
    claim: &Claim,
    about: &About,
    (passage, unit): (&Passage, &Unit),
    rivals: &[(&Passage, &Unit)],
) -> bool {
    // A passage with one value of the kind is about it as a whole.
    let alone = !rivals
        .iter()
        .any(|(rival, _)| std::ptr::eq(*rival, passage));
    let nearby = |word: &String| {
        unit.is_near(word, passage)
            || alone && passage.units.iter().any(|other| other.words.contains(word))
    };
    // A day on which nobody works is no other day.
    let day = claim
        .meanings
        .iter()
        .any(|value| matches!(value, Value::Weekday(_) | Value::Date(..)));
    if day && unit.closed != about.closed {
        return false;
    }
    // The hours of a holiday are said with its date.
    let dated = unit
        .values
        .iter()
        .any(|known| matches!(known.meanings[..], [Value::Date(..)]));
    let clock = matches!(claim.meanings.first(), Some(Value::Clock(_)));
    if clock && dated && !about.dated {
        return false;
    }
    // What is taken for one is not taken for another.
    let taken = |each: &String| unit.is_near(each, passage) || GENERIC_STEMS.contains(each);
    if claim.each.as_ref().is_some_and(|each| !taken(each)) {
        return false;
    }
    // What is known of one person is claimed of no other.
    if !unit.people.is_empty() && !about.people.is_subset(&unit.people) {
        return false;
    }
    let mut telling = about.words.iter().filter(|word| !is_day(word)).peekable();
    if measures(claim) && telling.peek().is_some() && !telling.any(nearby) {
        return false;
    }
    let elsewhere = |word: &String| {
        // What is stated of some days is stated of no others.
        is_day(word) && unit.words.iter().any(|known| is_day(known))
            || rivals
                .iter()
                .any(|(passage, rival)| rival.is_about(word, passage))
    };
    let mut words = about.words.iter();
    words.all(|word| nearby(word) || !elsewhere(word))
}

/// Whether a claim is the same as what is known.
fn agrees(claim: &Claim, known: &Claim) -> bool {
    let same = claim.meanings.iter().any(|meant| {
        known
            .meanings
            .iter()
            .any(|value| meant == value || same_number(meant, value))
    });
    // «Дольше четырех не советуем», after weeks were told of.
    let bare =
        |value: &Value| matches!((value, claim.counted()), (Value::Number(a), Some(b)) if *a == b);
    let same = same || known.meanings.iter().any(bare);
    let plain = |bound: Bound| matches!(bound, Bound::Exactly | Bound::Just);
    let lasts = claim
        .meanings
        .iter()
        .any(|value| matches!(value, Value::Duration(_)));
    let bound = claim.bound == known.bound
        || if measures(claim) {
            // "From 2400" is not "2400", and "2400 to 3600" neither.
            plain(known.bound) && (plain(claim.bound) || claim.paired || lasts)
        } else {
            // What opens at ten does not close at ten.
            claim.bound == Bound::Exactly || plain(known.bound)
        };
    same && bound
}

/// A number without a unit, or with one that only one side tells.
fn same_number(a: &Value, b: &Value) -> bool {
    use Value::{Counted, Money, Number};
    match (a, b) {
        (Number(a), Money(b)) | (Money(a), Number(b)) => a == b && *a >= 100_000,
        (Number(a), Counted(b, _)) => a == b,
        (Counted(a, unit), Number(b)) => a == b && *unit != "currency",
        _ => false,
    }
}

/// Whether a claim is an amount of something, and not a moment.
fn measures(claim: &Claim) -> bool {
    claim.meanings.iter().any(|value| {
        matches!(
            value,
            Value::Money(_) | Value::Percent(_) | Value::Duration(_)
        )
    })
}

/// Whether two stems are of one word, in another form of it.
fn alike(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() < other.len() {
        (one, other)
    } else {
        (other, one)
    };
    one == other || long.starts_with(short) && short.chars().count() >= 4
}

/// Whether a clause says that nobody works: «выходной», «закрыто», «не работаем», "closed".
fn says_closed(clause: &str) -> bool {
    let folded = folded(clause);
    let words: Vec<&str> = tokens(&folded).collect();
    let off = |word: &str| {
        matches!(word, "выходной" | "выходная" | "closed") || word.starts_with("закрыт")
    };
    words.iter().any(|word| off(word))
        || words.windows(2).any(|pair| {
            matches!(pair[0], "не" | "not" | "doesn" | "don")
                && ["работа", "принима", "откр", "work", "open"]
                    .iter()
                    .any(|begin| pair[1].starts_with(begin))
        })
}

/// What begins the mark of a day among words.
const DAY: &str = "day ";

fn is_day(word: &str) -> bool {
    word.starts_with(DAY)
}

/// A clause and what it is about.
struct Subject {
    span: Range<usize>,
    words: BTreeSet<String>,
    people: BTreeSet<String>,
}

/// The clauses of a text and what each is about: its own words and those of the clauses right before it in its line
/// that state nothing; or else what the clause before it is about ("Mon 10–18, Tue–Fri 10–20"). A line that has named
/// people goes on about them.
fn subjects(text: &str, known_people: &HashSet<String>) -> Vec<Subject> {
    let mut out: Vec<Subject> = Vec::new();
    let mut pending = BTreeSet::new();
    for span in clauses(text) {
        let before = out.last().map_or(0, |last| last.span.end);
        let new_line = text[before..span.start].contains(['\n', '•']);
        if new_line {
            pending.clear();
        }
        let last = out.last().filter(|_| !new_line);
        let clause = &text[span.clone()];
        let mut about = words(clause);
        if claims(clause).is_empty() {
            pending.extend(about.iter().cloned());
        } else {
            about.append(&mut pending);
            if let (true, Some(last)) = (about.iter().all(|word| is_day(word)), last) {
                about.extend(last.words.iter().filter(|word| !is_day(word)).cloned());
            }
        }
        let mut people: BTreeSet<String> = people(clause, known_people).collect();
        if let (true, Some(last)) = (people.is_empty(), last) {
            people.clone_from(&last.people);
        }
        out.push(Subject {
            span,
            words: about,
            people,
        });
    }
    out
}

/// Stems of the first names in a text.
fn people(text: &str, known: &HashSet<String>) -> impl Iterator<Item = String> {
    statements(text, known)
        .into_iter()
        .filter_map(|statement| match statement.said {
            Said::Person(name) => Some(name),
            _ => None,
        })
}

/// The stems of what a text is about, and its days. The words of a value are no such words.
fn words(text: &str) -> BTreeSet<String> {
    let claims = claims(text);
    let valued = |word: &Range<usize>| {
        let next = claims.partition_point(|claim| claim.span.end <= word.start);
        claims
            .get(next)
            .is_some_and(|claim| claim.span.start <= word.start)
    };
    let mut words: BTreeSet<String> = word_spans(text)
        .into_iter()
        .filter(|word| !valued(word))
        .map(|word| folded(&text[word]))
        .filter(|word| {
            !is_light(word) && !names_day(word) && !word.starts_with(|c: char| c.is_ascii_digit())
        })
        .map(|word| stem(&word).into_owned())
        .filter(|stem| !is_frame(stem) && !GENERIC_STEMS.contains(stem))
        .collect();
    for value in claims.into_iter().flat_map(|claim| claim.meanings) {
        match value {
            Value::Weekday(day) => drop(words.insert(format!("{DAY}{day}"))),
            Value::Date(day, month) => drop(words.insert(format!("{DAY}{day}.{month}"))),
            _ => {}
        }
    }
    words
}

static GENERIC_STEMS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let words = GENERIC.split_whitespace();
    words.map(|word| stem(word).into_owned()).collect()
});

/// Stems of all words.
fn stems(text: &str) -> impl Iterator<Item = String> {
    let folded = folded(text);
    let stems: Vec<String> = tokens(&folded)
        .map(|word| stem(word).into_owned())
        .collect();
    stems.into_iter()
}

/// Words without what stands between them.
fn plain(text: &str) -> String {
    let folded = folded(text);
    tokens(&folded).collect::<Vec<_>>().join(" ")
}

/// Whether a comma stands at a polite word in the midst of a clause.
fn aside(before: &str, rest: &str) -> bool {
    const ASIDES: [&str; 5] = [
        "к сожалению",
        "пожалуйста",
        "увы",
        "unfortunately",
        "please",
    ];
    let midst = before.contains(' ') || ASIDES.iter().all(|aside| !folded(before).contains(aside));
    let next = rest.trim_start();
    midst
        && ASIDES
            .iter()
            .any(|aside| before.ends_with(aside) || next.starts_with(aside))
}

/// Whether «и в субботу» begins after hours of other days.
fn other_day(before: &str, rest: &str) -> bool {
    let Some(rest) = [" и ", " а ", " and "]
        .iter()
        .find_map(|and| rest.strip_prefix(and))
    else {
        return false;
    };
    let mut words = rest
        .split_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()));
    let first = words.next().unwrap_or_default();
    let led = matches!(
        first,
        "в" | "во" | "по" | "с" | "со" | "from" | "on" | "at" | "также"
    );
    let next = if led {
        words.next().unwrap_or_default()
    } else {
        first
    };
    let day = names_day(&folded(next));
    let number = led && next.starts_with(|c: char| c.is_ascii_digit());
    if !(day || number) {
        return false;
    }
    let known = claims(before);
    let has = |like: fn(&Value) -> bool| known.iter().any(|claim| claim.meanings.iter().any(like));
    has(|value| matches!(value, Value::Clock(_)))
        && (day || has(|value| matches!(value, Value::Weekday(_))))
}

/// The parts of a text that say one thing each: between full stops, line breaks, semicolons, commas, and «а», «но»
/// before something else.
pub(super) fn clauses(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut letters = text.char_indices().peekable();
    while let Some((at, c)) = letters.next() {
        let next = letters.peek().map(|(_, next)| *next);
        let apart = next.is_none_or(char::is_whitespace);
        let ends = match c {
            '\n' | ';' | '•' => true,
            ' ' => other_day(&text[start..at], &text[at..]),
            ',' => apart && !aside(&text[start..at], &text[at + 1..]),
            '.' | '!' | '?' | '…' => apart,
            _ => false,
        };
        // «тыс. руб.» goes on.
        let shortened = c == '.'
            && ["тыс", "руб", "мин", "ул", "пр", "д", "г", "р", "ч"]
                .iter()
                .any(|short| {
                    text[start..at].ends_with(short)
                        && !text[start..at - short.len()].ends_with(char::is_alphabetic)
                })
            && letters
                .clone()
                .find(|(_, c)| !c.is_whitespace())
                .is_some_and(|(_, c)| !c.is_uppercase());
        if ends && !shortened {
            out.push(start..at);
            start = at + c.len_utf8();
        }
    }
    out.push(start..text.len());
    out.retain(|span| text[span.clone()].chars().any(char::is_alphanumeric));
    out
}
