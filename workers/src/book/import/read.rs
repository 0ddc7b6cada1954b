//! Rows of tables (CSV) and of calendar files (iCalendar).

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};
use chrono_tz::Tz;

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number in the file, from 1.
    pub line: usize,
    /// The date at the firm.
    pub date: NaiveDate,
    /// The minute of the day.
    pub minute: u32,
    /// How long, where it is said.
    pub minutes: Option<u32>,
    /// The service's id or name.
    pub service: String,
    /// The person's id or name.
    pub person: String,
    /// The customer's name.
    pub name: String,
    /// The customer's phone, as written.
    pub phone: String,
    /// What the staff should know.
    pub notes: String,
}

/// Why a file cannot be read, with the line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct ImportError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong and how to mend it.
    pub why: String,
}

fn wrong(line: usize, why: impl Into<String>) -> ImportError {
    ImportError {
        line,
        why: why.into(),
    }
}

/// The columns and what they may be called.
const COLUMNS: [(&str, &[&str]); 8] = [
    ("date", &["date", "дата"]),
    ("time", &["time", "время", "начало"]),
    ("service", &["service", "услуга"]),
    ("person", &["person", "master", "мастер", "сотрудник"]),
    ("name", &["name", "client", "имя", "клиент"]),
    ("phone", &["phone", "телефон"]),
    ("notes", &["notes", "comment", "заметка", "комментарий"]),
    ("minutes", &["minutes", "минуты", "длительность"]),
];

/// The rows of a table with a line of headings; commas, semicolons or tabs between the columns.
pub fn table(text: &str) -> Result<Vec<Row>, ImportError> {
    let text = text.trim_start_matches('\u{feff}');
    let headings = text.lines().next().unwrap_or_default();
    let many = |mark: &char| headings.matches(*mark).count();
    let mark = [',', ';', '\t'].into_iter().max_by_key(many).unwrap_or(',');
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(u8::try_from(mark).unwrap_or(b','))
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let headings = reader
        .headers()
        .map_err(|_| wrong(1, "the headings cannot be read"))?
        .clone();
    let place = |(key, names): &(&'static str, &[&str])| {
        let at = headings.iter().position(|heading| {
            let heading = heading.to_lowercase();
            names.contains(&heading.as_str())
        });
        (*key, at)
    };
    let places: Vec<_> = COLUMNS.iter().map(place).collect();
    let missing = places.iter().take(4).find(|(_, at)| at.is_none());
    if let Some((key, _)) = missing {
        return Err(wrong(
            1,
            format!(
                "there is no column `{key}`: the first line names the columns date, time, service, person and, \
                 where known, name, phone, notes, minutes"
            ),
        ));
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(1, csv::Position::line);
            wrong(
                usize::try_from(line).unwrap_or(1),
                "it cannot be read as a line of the table",
            )
        })?;
        let line = line_of(text, record.position());
        let cell = |wanted: &str| {
            let at = places.iter().find(|(key, _)| *key == wanted);
            at.and_then(|(_, at)| record.get((*at)?))
                .unwrap_or_default()
        };
        if record.iter().all(str::is_empty) {
            continue;
        }
        let minutes =
            match cell("minutes") {
                "" => None,
                text => Some(text.parse().map_err(|_| {
                    wrong(line, format!("`{text}` is no number of minutes: write 90"))
                })?),
            };
        rows.push(Row {
            line,
            date: date(cell("date")).ok_or_else(|| {
                wrong(
                    line,
                    format!(
                        "`{}` is no date: write 2026-12-31 or 31.12.2026",
                        cell("date")
                    ),
                )
            })?,
            minute: minute(cell("time")).ok_or_else(|| {
                wrong(line, format!("`{}` is no time: write 15:30", cell("time")))
            })?,
            minutes,
            service: cell("service").to_owned(),
            person: cell("person").to_owned(),
            name: cell("name").to_owned(),
            phone: cell("phone").to_owned(),
            notes: cell("notes").to_owned(),
        });
    }
    Ok(rows)
}

/// The line of a row. The reader places it at the empty lines before it.
fn line_of(text: &str, position: Option<&csv::Position>) -> usize {
    let line = position.map_or(1, csv::Position::line);
    let line = usize::try_from(line).unwrap_or(1).max(1);
    let empty = text.lines().skip(line - 1);
    line + empty.take_while(|line| line.trim().is_empty()).count()
}

fn date(text: &str) -> Option<NaiveDate> {
    let forms = ["%Y-%m-%d", "%d.%m.%Y"];
    let mut read = forms
        .iter()
        .map(|form| NaiveDate::parse_from_str(text, form));
    read.find_map(Result::ok)
}

fn minute(text: &str) -> Option<u32> {
    let forms = ["%H:%M", "%H:%M:%S"];
    let mut read = forms
        .iter()
        .map(|form| NaiveTime::parse_from_str(text, form));
    let time = read.find_map(Result::ok)?;
    Some(time.hour() * 60 + time.minute())
}

/// An event while it is read.
#[derive(Default)]
struct Event {
    line: usize,
    starts: Option<NaiveDateTime>,
    ends: Option<NaiveDateTime>,
    summary: String,
    notes: String,
    cancelled: bool,
}

/// The events of a calendar file, in the firm's time. A summary is "service" or "service, customer";
/// a calendar belongs to one person.
pub fn calendar(text: &str, zone: Tz, person: &str) -> Result<Vec<Row>, ImportError> {
    let mut rows = Vec::new();
    let mut event: Option<Event> = None;
    for (line, content) in unfolded(text) {
        let (key, value) = content.split_once(':').unwrap_or((&content, ""));
        let (name, parameters) = key.split_once(';').unwrap_or((key, ""));
        match (name.to_uppercase().as_str(), &mut event) {
            ("BEGIN", _) if value.eq_ignore_ascii_case("VEVENT") => {
                event = Some(Event {
                    line,
                    ..Event::default()
                });
            }
            ("END", _) if value.eq_ignore_ascii_case("VEVENT") => {
                if let Some(event) = event.take().filter(|event| !event.cancelled) {
                    rows.push(row(event, person)?);
                }
            }
            ("DTSTART", Some(event)) => event.starts = Some(moment(line, value, parameters, zone)?),
            ("DTEND", Some(event)) => event.ends = Some(moment(line, value, parameters, zone)?),
            ("SUMMARY", Some(event)) => event.summary = plain(value),
            ("DESCRIPTION", Some(event)) => event.notes = plain(value),
            ("STATUS", Some(event)) => event.cancelled = value.eq_ignore_ascii_case("CANCELLED"),
            ("RRULE", Some(_)) => {
                return Err(wrong(
                    line,
                    "an event that repeats: write its days out one by one",
                ));
            }
            _ => {}
        }
    }
    Ok(rows)
}

fn row(event: Event, person: &str) -> Result<Row, ImportError> {
    let starts = event
        .starts
        .ok_or_else(|| wrong(event.line, "an event without DTSTART"))?;
    let minutes = event.ends.map(|ends| (ends - starts).num_minutes());
    let (service, name) = event
        .summary
        .split_once(',')
        .unwrap_or((&event.summary, ""));
    Ok(Row {
        line: event.line,
        date: starts.date(),
        minute: starts.hour() * 60 + starts.minute(),
        minutes: minutes.map(|minutes| u32::try_from(minutes).unwrap_or(0)),
        service: service.trim().to_owned(),
        person: person.to_owned(),
        name: name.trim().to_owned(),
        phone: String::new(),
        notes: event.notes,
    })
}

/// Long lines go on in the next one behind a space.
fn unfolded(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some((_, last))) => last.push_str(rest),
            _ => lines.push((at + 1, line.to_owned())),
        }
    }
    lines
}

fn plain(value: &str) -> String {
    let value = value.replace("\\n", " ").replace("\\N", " ");
    value
        .replace("\\,", ",")
        .replace("\\;", ";")
        .replace("\\\\", "\\")
}

/// "20261231T120000Z", the same with TZID, or the firm's time where neither is said.
fn moment(
    line: usize,
    value: &str,
    parameters: &str,
    zone: Tz,
) -> Result<NaiveDateTime, ImportError> {
    let bad = || wrong(line, format!("`{value}` is no time: write 20261231T153000"));
    if let Some(utc) = value.strip_suffix('Z') {
        let utc = NaiveDateTime::parse_from_str(utc, "%Y%m%dT%H%M%S").map_err(|_| bad())?;
        return Ok(utc.and_utc().with_timezone(&zone).naive_local());
    }
    let local = NaiveDateTime::parse_from_str(value, "%Y%m%dT%H%M%S").map_err(|_| bad())?;
    let told = parameters
        .split(';')
        .find_map(|one| one.strip_prefix("TZID="));
    let Some(told) = told else {
        return Ok(local);
    };
    let told: Tz = told.trim_matches('"').parse().map_err(|_| {
        wrong(
            line,
            format!("`{told}` is not a time zone: write Europe/Moscow"),
        )
    })?;
    let at: DateTime<Tz> = local
        .and_local_timezone(told)
        .earliest()
        .or_else(|| {
            (local + TimeDelta::hours(1))
                .and_local_timezone(told)
                .earliest()
        })
        .ok_or_else(bad)?;
    Ok(at.with_timezone(&zone).naive_local())
}
