//! The claim guard: nothing that a model wrote goes out unless every number, price, time, date,
//! duration, address, phone, link, name and "it is done" in it is in a passage or a receipt of this
//! turn.
//!
//! A value is not enough: "a manicure costs what a haircut costs" is made of true numbers. So a value must
//! stand, in what is known, near the words it is claimed of: if the words of a claim belong to another value
//! of the same kind, it is refused.

mod amounts;
mod evidence;
mod lexer;
mod polarity;
mod statements;
mod subjects;
mod units;
mod values;

use std::ops::Range;

pub use evidence::Evidence;

use statements::statements;

/// What is claimed and not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    /// Where in the message.
    pub span: Range<usize>,
    /// What it is.
    pub kind: Kind,
}

/// What a claim is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number, price, time, date, duration, phone or link that is nowhere.
    Unknown,
    /// One that is somewhere, about something else.
    Misplaced,
    /// A word that promises: for free, always, guaranteed.
    Promise,
    /// A name, a street, a brand.
    Name,
    /// Something is said to be done.
    Done,
    /// What is denied is affirmed, or the other way round.
    Turned,
}

impl Kind {
    /// In the journal and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown_value",
            Self::Misplaced => "misplaced_value",
            Self::Promise => "promise",
            Self::Name => "name",
            Self::Done => "done",
            Self::Turned => "turned",
        }
    }
}

/// Everything in a message that is claimed and not known; nothing when it may go out.
pub fn check(message: &str, evidence: &Evidence) -> Vec<Unsupported> {
    let turned = evidence.turned(message).into_iter();
    let mut found: Vec<Unsupported> = turned
        .map(|span| Unsupported {
            span,
            kind: Kind::Turned,
        })
        .collect();
    let statements = statements(message, evidence.people());
    for (clause, about) in evidence.about(message) {
        for claim in values::claims(&message[clause.clone()]) {
            if let Some(kind) = evidence.lacks(&claim, &about) {
                let span = clause.start + claim.span.start..clause.start + claim.span.end;
                found.push(Unsupported { span, kind });
            }
        }
        if evidence.misses_person(&about) {
            found.push(Unsupported {
                span: clause.clone(),
                kind: Kind::Name,
            });
        }
        let here = statements
            .iter()
            .filter(|statement| clause.contains(&statement.span.start));
        let unsupported = here.filter(|statement| !evidence.supports(statement, &about));
        found.extend(unsupported.map(|statement| Unsupported {
            span: statement.span.clone(),
            kind: statement.kind,
        }));
    }
    found
}

#[cfg(test)]
mod cases;
#[cfg(test)]
mod tests;
