//! What is known in a turn: passages and receipts, cut into clauses, each with its values and words.

use std::collections::{BTreeSet, HashSet};
use std::mem::discriminant;
use std::ops::Range;

use super::Kind;
use super::polarity::Polarity;
use super::statements::{Said, Statement, statements};
use super::subjects::{
    DAY, GENERIC_STEMS, Subject, alike, is_day, plain, says_closed, stems, subjects, words,
};
use super::values::{Bound, Claim, Value, claims};
use crate::words::{folded, tokens};

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
            let about = About {
                words,
                people,
                unheard,
                closed,
                own,
                dated,
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
                (!unit.asks || statement.limited() && *what != "only")
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
        // Weeks and months tell the same of a thing.
        let lasts =
            |value: &Value| matches!(value, Value::Duration(_) | Value::Counted(_, "month"));
        let alike = |value: &Value| {
            claim.meanings.iter().any(|meant| {
                discriminant(meant) == discriminant(value) || lasts(meant) && lasts(value)
            })
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
        .any(|(rival, other)| std::ptr::eq(*rival, passage) && !std::ptr::eq(*other, unit));
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
