//! What is affirmed and what is denied: "we have no parking" does not let "we have parking" out.

use std::collections::HashSet;
use std::ops::Range;

use super::statements::words;
use super::subjects::clauses;
use super::values::claims;
use crate::words::{folded, is_light, stem};

/// How the words of the passages stand there, by their stems.
#[derive(Debug, Clone, Default)]
pub(super) struct Polarity {
    affirmed: HashSet<String>,
    denied: HashSet<String>,
    /// In a clause that denies something, but not beside its "no".
    open: HashSet<String>,
    /// What the passages are about, by their titles.
    topics: HashSet<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stance {
    Affirmed,
    Denied,
    Open,
}

impl Polarity {
    /// Adds a text that is true.
    pub(super) fn add(&mut self, text: &str) {
        for clause in clauses(text) {
            for (_, stem, stance) in stances(&text[clause]) {
                let known = match stance {
                    Stance::Affirmed => &mut self.affirmed,
                    Stance::Denied => &mut self.denied,
                    Stance::Open => &mut self.open,
                };
                known.insert(stem);
            }
        }
    }

    /// Adds the title of a passage, which states nothing.
    pub(super) fn topic(&mut self, title: &str) {
        self.topics
            .extend(stances(title).into_iter().map(|(_, stem, _)| stem));
    }

    /// The words of a message that stand the other way round.
    pub(super) fn turned_in(&self, message: &str) -> Vec<Range<usize>> {
        let mut out = Vec::new();
        for clause in clauses(message) {
            let text = &message[clause.clone()];
            let folded = folded(text);
            let said: Vec<&str> = crate::words::tokens(&folded).collect();
            // «Нужна только для свадебных» is an exception, «если» a condition.
            if said
                .iter()
                .any(|word| matches!(*word, "только" | "лишь" | "only" | "если" | "if"))
            {
                continue;
            }
            let allows = claims(text).is_empty()
                && said
                    .iter()
                    .any(|word| matches!(*word, "можно" | "разрешено" | "can"));
            for (span, stem, stance) in stances(text) {
                let (affirmed, denied, open) = (
                    self.affirmed.contains(&stem),
                    self.denied.contains(&stem),
                    self.open.contains(&stem),
                );
                let turned = match stance {
                    Stance::Affirmed => {
                        !affirmed
                            && (denied && !open || allows && open && !self.topics.contains(&stem))
                    }
                    Stance::Denied => affirmed && !denied && !open,
                    Stance::Open => false,
                };
                if turned {
                    out.push(clause.start + span.start..clause.start + span.end);
                }
            }
        }
        out
    }
}

/// The words of a clause that tell something, each with its stem and how it stands.
fn stances(clause: &str) -> Vec<(Range<usize>, String, Stance)> {
    let words: Vec<(Range<usize>, String)> = words(clause)
        .into_iter()
        .map(|span| (span.clone(), folded(&clause[span])))
        .collect();
    let denies = |word: &str| {
        matches!(
            word,
            "не" | "нет"
                | "без"
                | "ни"
                | "нельзя"
                | "кроме"
                | "избегайте"
                | "no"
                | "not"
                | "without"
                | "never"
                | "don"
                | "cannot"
        ) || word.starts_with("воздерж")
            || word.starts_with("откаж")
    };
    let base = if words.iter().any(|(_, word)| denies(word)) {
        Stance::Open
    } else {
        Stance::Affirmed
    };
    let mut stances = vec![base; words.len()];
    for (at, (_, word)) in words.iter().enumerate() {
        match word.as_str() {
            "не" | "ни" | "not" if at + 1 < words.len() => {
                stances[at + 1] = Stance::Denied;
                let next = words[at + 1].1.as_str();
                if ["нуж", "требу", "обязат"]
                    .iter()
                    .any(|begin| next.starts_with(begin))
                {
                    let light = |n: &usize| is_light(&words[*n].1);
                    let what = (0..at).rfind(|n| !light(n));
                    let what = what.or_else(|| (at + 2..words.len()).find(|n| !light(n)));
                    if let Some(what) = what {
                        stances[what] = Stance::Denied;
                    }
                }
            }
            "без" | "no" | "without" => {
                let next = (at + 1..words.len()).find(|next| !is_light(&words[*next].1));
                if let Some(next) = next {
                    stances[next] = Stance::Denied;
                }
            }
            "нет" => deny_around(at, &words, &mut stances),
            _ => {}
        }
    }
    let told = words.into_iter().zip(stances);
    told.filter(|((_, word), _)| tells(word))
        .map(|((span, word), stance)| (span, stem(&word).into_owned(), stance))
        .collect()
}

/// «Рассрочки и кредита у нас нет», «нет доставки»: all that no preposition leads.
fn deny_around(no: usize, words: &[(Range<usize>, String)], stances: &mut [Stance]) {
    let leads = |word: &str| {
        matches!(
            word,
            "за" | "на"
                | "для"
                | "с"
                | "в"
                | "из"
                | "к"
                | "о"
                | "об"
                | "до"
                | "по"
                | "при"
                | "у"
                | "от"
        )
    };
    let mut led = false;
    let end = if no == 0 || words[..no].iter().all(|(_, word)| is_light(word)) {
        words.len()
    } else {
        no
    };
    for (at, (_, word)) in words.iter().enumerate().take(end) {
        if leads(word) {
            led = true;
        } else if led {
            led = is_light(word);
        } else if at != no {
            stances[at] = Stance::Denied;
        }
    }
}

/// Whether a word tells something of its own: no particle, no comparison, no number, no hours.
fn tells(word: &str) -> bool {
    const HOW: [&str; 14] = [
        "поз",
        "рань",
        "боле",
        "мене",
        "больш",
        "меньш",
        "доль",
        "дорож",
        "работа",
        "откры",
        "закры",
        "принима",
        "стои",
        "сожален",
    ];
    word.chars().count() > 2
        && !is_light(word)
        && !word.starts_with(|c: char| c.is_numeric())
        && !HOW.iter().any(|begin| word.starts_with(begin))
}
