//! The journal for a data warehouse: files by day, each event in exactly one of them, more with each run.
//!
//! `manifest.json` beside the files says which of them count and up to which position of the journal they go.
//! What a run is about to write is noted there first: whoever comes after a crash writes the same files under the
//! same names, and whoever comes at the same time has written nothing when it learns of that. So a reader who believes the manifest finds nothing twice and misses nothing.

mod format;
mod place;
mod row;
mod s3;

use std::collections::BTreeMap;

use anyhow::{Context, anyhow, bail};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Serialize};
use zapis_core::crash;
use zapis_core::event::Event;
use zapis_core::store::{Export, Store};

pub use format::Format;
pub use place::Target;

use place::Place;
use row::Row;

/// How many positions of the journal are written at a time.
const PART: u32 = 20_000;
/// What says which files count.
const MANIFEST: &str = "manifest.json";

/// What is to be written.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Where to.
    pub target: Target,
    /// As what.
    pub format: Format,
    /// Nothing that happened before this day (UTC).
    pub from: Option<NaiveDate>,
    /// Nothing that happened on this day (UTC) or later.
    pub before: Option<NaiveDate>,
    /// With phones, names, ids and texts of customers.
    pub with_persons: bool,
    /// Who wants it.
    pub who: String,
}

/// What a run has added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// How many events.
    pub rows: usize,
    /// In how many files.
    pub files: usize,
    /// Everything up to this position of the journal is there now.
    pub position: i64,
}

/// What every run to the same place must agree on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Terms {
    format: Format,
    from: Option<NaiveDate>,
    before: Option<NaiveDate>,
    with_persons: bool,
}

/// Positions of the journal: after the first, up to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Span {
    after: i64,
    last: i64,
}

/// A file that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Listed {
    name: String,
    day: NaiveDate,
    rows: usize,
}

/// `manifest.json`
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    terms: Terms,
    /// Everything up to it is in the files.
    position: i64,
    /// What is being written, and may be there in part.
    writing: Option<Span>,
    files: Vec<Listed>,
}

/// Adds what the journal has and the place has not yet.
pub async fn export(store: &Store, wish: &Wish, now: DateTime<Utc>) -> anyhow::Result<Written> {
    let mut place = Place::open(&wish.target)?;
    let terms = Terms {
        format: wish.format,
        from: wish.from,
        before: wish.before,
        with_persons: wish.with_persons,
    };
    let mut manifest = match place.manifest(MANIFEST).await? {
        Some(bytes) => serde_json::from_slice(&bytes)
            .with_context(|| format!("{MANIFEST} in {} is damaged", wish.target))?,
        None => begun(store, &terms).await?,
    };
    if manifest.terms != terms {
        bail!(
            "{} was begun with {}: say the same, or choose another place",
            wish.target,
            manifest.terms.words()
        );
    }
    if wish.with_persons {
        let export = Export {
            who: wish.who.clone(),
            target: wish.target.to_string(),
            conversation: None,
        };
        let noted = store.note_export(&export, now).await;
        noted.context("noting who writes persons out")?;
    }
    let mut written = Written::default();
    // What is added meanwhile is for the next run, so that this one ends.
    let end = store.last_event_position().await?;
    loop {
        let span = match manifest.writing {
            Some(span) => span,
            None if manifest.position < end => Span {
                after: manifest.position,
                last: end.min(manifest.position + i64::from(PART)),
            },
            None => break,
        };
        if manifest.writing.is_none() {
            manifest.writing = Some(span);
            manifest.put(&mut place).await?;
        }
        crash::point("export.planned");
        let files = write(store, &place, &terms, span).await?;
        crash::point("export.written");
        written.rows += files.iter().map(|file| file.rows).sum::<usize>();
        written.files += files.len();
        manifest.files.extend(files);
        manifest.position = span.last;
        manifest.writing = None;
        manifest.put(&mut place).await?;
    }
    written.position = manifest.position;
    Ok(written)
}

async fn begun(store: &Store, terms: &Terms) -> anyhow::Result<Manifest> {
    let position = match terms.from {
        Some(day) => store.position_before(midnight(day)).await?,
        None => 0,
    };
    Ok(Manifest {
        terms: terms.clone(),
        position,
        writing: None,
        files: Vec::new(),
    })
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

/// Writes the files of a span: one for each day in it.
async fn write(
    store: &Store,
    place: &Place,
    terms: &Terms,
    span: Span,
) -> anyhow::Result<Vec<Listed>> {
    let mut days: BTreeMap<NaiveDate, Vec<Row>> = BTreeMap::new();
    for (position, event) in store.events_after(span.after, PART).await? {
        let day = event.timestamp.date_naive();
        let is_meant = terms.from.is_none_or(|from| day >= from)
            && terms.before.is_none_or(|before| day < before);
        if position <= span.last && is_meant {
            let event = terms.event(store, event).await?;
            days.entry(day).or_default().push(Row::of(position, &event));
        }
    }
    let mut files = Vec::with_capacity(days.len());
    for (day, rows) in days {
        let ending = terms.format.ending();
        // The order of names is the order of the journal.
        let name = format!("day={day}/part-{:012}.{ending}", span.after + 1);
        let bytes = terms.format.write(&rows).context("writing the events")?;
        place.put(&name, bytes).await?;
        let rows = rows.len();
        files.push(Listed { name, day, rows });
    }
    Ok(files)
}

impl Terms {
    /// An event as it is written out.
    async fn event(&self, store: &Store, event: Event) -> anyhow::Result<Event> {
        if self.with_persons {
            return Ok(event);
        }
        let pseudonym = match &event.conversation_id {
            Some(conversation) => Some(store.pseudonym(conversation).await?),
            None => None,
        };
        Ok(event.without_person(pseudonym))
    }

    /// As the command takes them.
    fn words(&self) -> String {
        let mut words = format!("--format {}", self.format.ending());
        for (name, day) in [("from", self.from), ("before", self.before)] {
            words += &day
                .map(|day| format!(" --{name} {day}"))
                .unwrap_or_default();
        }
        if self.with_persons {
            words += " --with-persons";
        }
        words
    }
}

impl Manifest {
    async fn put(&self, place: &mut Place) -> anyhow::Result<()> {
        let bytes = serde_json::to_vec_pretty(self).map_err(|error| anyhow!(error))?;
        place.put_manifest(MANIFEST, bytes).await
    }
}
