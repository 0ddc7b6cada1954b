//! How soon a gap is closed: from the first question that the bot could not answer to the version of the knowledge that
//! answers it since.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use zapis_core::store::{Shelf, Store, StoreError};

use super::Group;
use crate::knowledge::{Entry, Knowledge};

/// Since when a source says what, the oldest first.
type History = Vec<(DateTime<Utc>, Vec<Entry>)>;

/// Finds out when the questions of these groups began to be answered. What the folder says has no versions and tells nothing.
pub async fn repaired(
    store: &Store,
    groups: &mut [Group],
    knows: &Knowledge,
) -> Result<(), StoreError> {
    let mut read: HashMap<&str, History> = HashMap::new();
    for group in groups {
        let answers = group.answered_by();
        let entry = answers.and_then(|id| knows.entries().iter().find(|entry| entry.id == id));
        let Some((entry, brought)) =
            entry.and_then(|entry| Some((entry, entry.imported.as_ref()?)))
        else {
            continue;
        };
        if !read.contains_key(brought.source.as_str()) {
            let texts = store.texts_of(Shelf::Knowledge, &brought.source).await?;
            read.insert(&brought.source, texts.into_iter().map(entries).collect());
        }
        let since = read
            .get(brought.source.as_str())
            .and_then(|history| said_since(history, entry));
        group.repaired_at = since.filter(|since| *since > group.first_at);
    }
    Ok(())
}

/// The median time from the first question to its answer, of the groups that were repaired, and of how many that is.
pub fn repair_time(groups: &[Group]) -> Option<(TimeDelta, usize)> {
    let times = groups
        .iter()
        .filter_map(|group| Some(group.repaired_at? - group.first_at));
    let mut times: Vec<TimeDelta> = times.collect();
    times.sort_unstable();
    let middle = times.len().checked_sub(1)? / 2;
    Some((times[middle], times.len()))
}

/// A text that cannot be read any more says nothing.
fn entries((at, text): (DateTime<Utc>, Option<String>)) -> (DateTime<Utc>, Vec<Entry>) {
    let entries = text.and_then(|text| serde_json::from_str(&text).ok());
    (at, entries.unwrap_or_default())
}

/// Since when, without a break, the source gives this answer.
fn said_since(history: &History, entry: &Entry) -> Option<DateTime<Utc>> {
    let says = |entries: &Vec<Entry>| {
        let mut same = entries.iter().filter(|one| one.id == entry.id);
        same.any(|one| one.answer == entry.answer)
    };
    let unbroken = history
        .iter()
        .rev()
        .take_while(|(_, entries)| says(entries));
    unbroken.last().map(|(at, _)| *at)
}
