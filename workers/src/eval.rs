//! The shipped understanding and search run over a data set, for measurement.

use std::collections::BTreeMap;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use serde::{Deserialize, Serialize};

use crate::knowledge::{Asked, Document, Finder, extract};
use crate::understand::{
    BELIEVED, Classifier, Example, HAPPY, Intent, Meaning, UNHAPPY, Understanding,
};
use crate::when::{self, DayPart, Heard, Said};

/// The length of an extracted answer, in characters.
const ANSWER_LENGTH: usize = 210;
/// How many documents are listed for a question.
const LISTED: usize = 10;

/// A document of a retrieval set.
#[derive(Debug, Clone, Deserialize)]
pub struct CorpusLine {
    /// Its id.
    pub id: String,
    /// Its heading or question.
    pub title: String,
    /// Its text.
    pub text: String,
}

/// A question of a retrieval set.
#[derive(Debug, Clone, Deserialize)]
pub struct QueryLine {
    /// Its id.
    pub id: String,
    /// Its text.
    pub text: String,
}

/// What was found for a question.
#[derive(Debug, Clone, Serialize)]
pub struct Found {
    /// The question.
    pub qid: String,
    /// Ids of documents, best first.
    pub ranking: Vec<String>,
    /// How sure the first one is.
    pub confidence: f32,
    /// The sentences that answer.
    pub answer: String,
    /// Whether it would rather not answer.
    pub refuse: bool,
}

/// Searches a corpus for every question.
pub fn retrieval(corpus: &[CorpusLine], queries: &[QueryLine]) -> Vec<Found> {
    let document = |line: &CorpusLine| Document {
        titles: vec![line.title.clone()],
        body: line.text.clone(),
    };
    let finder = Finder::new(corpus.iter().map(document));
    let found = |query: &QueryLine| {
        let asked = Asked {
            text: &query.text,
            language: None,
            topics: &[],
            today: NaiveDate::MIN,
            meaning: None,
        };
        let hits = finder.search(&asked, |_| &[], |_| true);
        let confidence = hits.first().map_or(0.0, |hit| hit.confidence);
        Found {
            qid: query.id.clone(),
            ranking: hits
                .iter()
                .take(LISTED)
                .map(|hit| corpus[hit.document].id.clone())
                .collect(),
            confidence,
            answer: hits.first().map_or_else(String::new, |hit| {
                extract(&query.text, &corpus[hit.document].text, ANSWER_LENGTH)
            }),
            refuse: confidence < crate::knowledge::ANSWER_FROM,
        }
    };
    queries.iter().map(found).collect()
}

/// A text with its label, in sets of intents and of other labels.
#[derive(Debug, Clone, Deserialize)]
pub struct LabelledLine {
    /// Its id.
    pub id: String,
    /// Its text.
    pub text: String,
    /// Its label.
    pub label: String,
}

/// The label guessed for a text.
#[derive(Debug, Clone, Serialize)]
pub struct Labelled {
    /// The text.
    pub id: String,
    /// The label, or nothing when it would rather not say.
    pub label: Option<String>,
    /// The likeliest label.
    pub label_forced: String,
    /// How sure it is.
    pub confidence: f32,
}

/// Trains on one set of labelled texts and labels another.
pub fn intents(train: &[LabelledLine], test: &[LabelledLine]) -> Vec<Labelled> {
    let mut numbers: BTreeMap<&str, usize> =
        train.iter().map(|line| (line.label.as_str(), 0)).collect();
    numbers
        .values_mut()
        .enumerate()
        .for_each(|(number, value)| *value = number);
    let labels: Vec<&str> = numbers.keys().copied().collect();
    let examples: Vec<Example> = train
        .iter()
        .map(|line| Example {
            text: line.text.clone(),
            label: numbers[line.label.as_str()],
        })
        .collect();
    let classifier = Classifier::train(&examples, &labels);
    let labelled = |line: &LabelledLine| {
        let best = classifier.classify(&line.text)[0];
        Labelled {
            id: line.id.clone(),
            label: (best.confidence >= BELIEVED).then(|| labels[best.label].to_owned()),
            label_forced: labels[best.label].to_owned(),
            confidence: best.confidence,
        }
    };
    test.iter().map(labelled).collect()
}

/// A message that may speak of time.
#[derive(Debug, Clone, Deserialize)]
pub struct DateLine {
    /// Its id.
    pub id: String,
    /// Its text.
    pub text: String,
    /// When it was written.
    #[serde(rename = "ref")]
    pub now: NaiveDateTime,
}

/// The time a message speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dated {
    /// The message.
    pub id: String,
    /// When it begins: a date, with a time of day where one was said.
    pub start: Option<String>,
    /// When it ends, where that was said.
    pub end: Option<String>,
    /// The part of the day.
    pub pod: Option<&'static str>,
}

/// Reads the time that every message speaks of.
pub fn dates(lines: &[DateLine]) -> Vec<Dated> {
    lines.iter().map(dated).collect()
}

fn dated(line: &DateLine) -> Dated {
    let heard = when::read(&line.text, line.now);
    let mut out = Dated {
        id: line.id.clone(),
        start: None,
        end: None,
        pod: None,
    };
    if let Some(first) = heard.wish.first() {
        out.start = first.start(line.now).map(stamp);
        out.end = first.end(line.now).map(stamp);
        out.pod = first.day_part().map(DayPart::name);
    } else if let Some(later) = moment(&heard, line.now) {
        out.start = Some(stamp((later.date(), Some(later.time()))));
    }
    out
}

/// The moment of a message that names no date: now, or as long from now as it says.
fn moment(heard: &Heard, now: NaiveDateTime) -> Option<NaiveDateTime> {
    heard
        .mentions
        .iter()
        .find_map(|mention| match mention.said {
            Said::Now => Some(now),
            Said::Length(length) => length.after(now),
            _ => None,
        })
}

fn stamp((day, time): (NaiveDate, Option<NaiveTime>)) -> String {
    match time {
        Some(time) => day.and_time(time).format("%Y-%m-%dT%H:%M:%S").to_string(),
        None => day.to_string(),
    }
}

/// A text of a set whose labels do not matter.
#[derive(Debug, Clone, Deserialize)]
pub struct TextLine {
    /// Its id.
    pub id: String,
    /// Its text.
    pub text: String,
}

/// The phones found in a text.
#[derive(Debug, Clone, Serialize)]
pub struct Phones {
    /// The text.
    pub id: String,
    /// Its phones, `+79161234567`, in order.
    pub phones: Vec<String>,
}

/// Finds the phones of a text.
pub fn phones(understood: &Understanding, line: &TextLine) -> Phones {
    let phones = understood.entities.iter();
    Phones {
        id: line.id.clone(),
        phones: phones
            .filter_map(|entity| match &entity.meaning {
                Meaning::Phone(phone) => Some(phone.clone()),
                _ => None,
            })
            .collect(),
    }
}

/// One of a few labels, with how likely the first of them is.
#[derive(Debug, Clone, Serialize)]
pub struct Judged {
    /// The text.
    pub id: String,
    /// The label.
    pub label: &'static str,
    /// From 0 to 1.
    pub score: f32,
}

/// Whether a text asks for a person: "1" or "0".
pub fn handoff(understood: &Understanding, line: &TextLine) -> Judged {
    let sure = understood.confidence(Intent::Human);
    Judged {
        id: line.id.clone(),
        label: if understood.asks_human { "1" } else { "0" },
        score: if understood.asks_human {
            0.5 + sure / 2.0
        } else {
            sure / 2.0
        },
    }
}

/// Whether a text is "negative", "neutral" or "positive"; the score is that of "negative".
pub fn sentiment(understood: &Understanding, line: &TextLine) -> Judged {
    let sentiment = understood.sentiment;
    Judged {
        id: line.id.clone(),
        label: match sentiment {
            low if low <= UNHAPPY => "negative",
            high if high >= HAPPY => "positive",
            _ => "neutral",
        },
        score: (1.0 - sentiment) / 2.0,
    }
}
