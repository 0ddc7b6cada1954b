//! `business.toml` field by field.

use std::collections::BTreeMap;

use minijinja::value::Serde;
use minijinja::{Value, context};
use zapis_workers::business::Business;
use zapis_workers::content::{BUSINESS, Files};
use zapis_workers::settings::Change;
use zapis_workers::settings::firm::{Field, Firm, GROUPS, Group, Kind, Parts, Unfit};
use zapis_workers::words::Language;

use super::{Desk, Trouble, Typed, Wanted};
use crate::page::View;
use crate::refusal::Refusal;
use crate::texts;

/// The id of what is not there yet, in the names of its fields.
const NEW: &str = "+";
/// How many empty rows of special days are offered.
const ROWS: usize = 2;

/// The group of a name; the first where there is none of it.
pub(super) fn group(name: &str) -> &'static Group {
    let mut groups = GROUPS.iter();
    groups
        .find(|group| group.name == name)
        .unwrap_or(&GROUPS[0])
}

/// The name of a part of a field in a form: `manicure|price|`.
fn named(id: Option<&str>, field: &Field, part: &str) -> String {
    format!("{}|{}|{part}", id.unwrap_or_default(), field.key)
}

fn read(files: &Files) -> Result<Firm, Refusal> {
    let text = files.text(BUSINESS).unwrap_or_default();
    Firm::read(&text).ok_or(Refusal::Bad("settings-unread"))
}

/// What somebody has typed into a field; nothing where the form has no such field.
fn of_field(typed: &Typed, id: Option<&str>, field: &Field) -> Option<Parts> {
    let prefix = named(id, field, "");
    let parts = typed.range(prefix.clone()..);
    let parts = parts.take_while(|(name, _)| name.starts_with(&prefix));
    let parts: Parts = parts
        .map(|(name, text)| (name[prefix.len()..].to_owned(), text.clone()))
        .collect();
    (!parts.is_empty()).then_some(parts)
}

/// A group as a form.
pub(super) fn shown(
    view: &View<'_>,
    files: &Files,
    group: &'static Group,
    typed: &Typed,
    trouble: &Trouble,
) -> Result<Value, Refusal> {
    let firm = read(files)?;
    let (services, places) = (services(view), places(view));
    let fields = |id: Option<&str>, there: bool| {
        let one = |field: &Field| {
            let said = if there {
                firm.get(group, id, field)
            } else {
                Parts::from([(String::new(), field.standard.to_owned())])
            };
            let parts = of_field(typed, id, field).unwrap_or(said);
            input(id, field, parts, (&services, &places), trouble)
        };
        group.fields.iter().map(one).collect::<Vec<Value>>()
    };
    let items = match group.list {
        None => vec![context! { id => "", fields => fields(None, true) }],
        Some(list) => firm
            .ids(list)
            .iter()
            .map(|id| {
                context! {
                    id => id.as_str(),
                    title => title(&firm, group, id),
                    wrong => trouble.fields.keys().any(|name| name.starts_with(&format!("{id}|"))),
                    gone => typed.contains_key(&format!("{id}|remove|")),
                    fields => fields(Some(id), true),
                }
            })
            .collect(),
    };
    Ok(context! {
        items,
        new => group.list.map(|_| fields(Some(NEW), false)),
        new_open => trouble.fields.keys().any(|name| name.starts_with(NEW)),
    })
}

/// Ids and what is called so.
type Named = Vec<(String, String)>;

fn services(view: &View<'_>) -> Named {
    let services = view.firm.iter().flat_map(|firm| &firm.services);
    let language = view.language();
    let named = services.map(|one| (one.id.clone(), one.name.in_language(language).to_owned()));
    named.collect()
}

/// The addresses, where there are several.
fn places(view: &View<'_>) -> Named {
    let places = view.firm.iter().flat_map(|firm| &firm.locations);
    let language = view.language();
    let named = places.map(|one| (one.id.clone(), one.name.in_language(language).to_owned()));
    let named: Named = named.collect();
    if named.len() > 1 { named } else { Named::new() }
}

/// What a table is called, with what one looks for first.
fn title(firm: &Firm, group: &'static Group, id: &str) -> String {
    let field = |key: &str| group.fields.iter().find(|field| field.key == key);
    let said = |key: &str, part: &str| {
        let parts = firm.get(group, Some(id), field(key)?);
        parts.get(part).cloned()
    };
    let parts = [said("name", "ru"), said("role", "ru"), said("price", "")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// A field as the template draws it.
fn input(
    id: Option<&str>,
    field: &Field,
    parts: Parts,
    (services, places): (&Named, &Named),
    trouble: &Trouble,
) -> Value {
    let name = named(id, field, "");
    let (kind, choices) = match field.kind {
        Kind::Text | Kind::Line => ("text", None),
        Kind::Words | Kind::Name => ("words", None),
        Kind::Number => ("number", None),
        Kind::Flag => ("flag", None),
        Kind::Week => ("week", None),
        Kind::Days => ("days", None),
        Kind::Range => ("range", None),
        Kind::Price => ("price", None),
        Kind::List => ("list", None),
        Kind::Services => ("services", None),
        Kind::Choice(all) => ("choice", Some(all)),
        Kind::Moment | Kind::Span => ("moment", None),
        Kind::Place => ("place", None),
    };
    let rows = parts
        .keys()
        .filter_map(|part| part.split_once('.')?.0.parse().ok());
    let rows = rows.max().map_or(0, |last: usize| last + 1) + ROWS;
    context! {
        problem => trouble.fields.get(&name).copied(),
        name,
        label => field.label(),
        kind,
        choices => choices.map(|all| Value::from(Serde(all))),
        places => (kind == "place").then(|| Value::from(Serde(places))),
        services => (kind == "services").then(|| Value::from(Serde(services))),
        rows => (kind == "days").then_some(rows),
        parts => Value::from(Serde(parts)),
    }
}

/// The file that somebody wants.
pub(super) fn wanted(
    view: &View<'_>,
    desk: &Desk,
    group: &'static Group,
    typed: &Typed,
) -> Result<Wanted, Refusal> {
    let mut work = Work {
        group,
        typed,
        read: read(&desk.read)?,
        firm: read(&desk.now)?,
        changes: Vec::new(),
        trouble: Trouble::default(),
        outdated: false,
        version: desk.now.version() + 1,
    };
    match group.list {
        None => work.fields(None),
        Some(list) => {
            for id in work.read.ids(list) {
                if typed.contains_key(&format!("{id}|remove|")) {
                    work.remove(list, &id);
                } else {
                    work.fields(Some(&id));
                }
            }
            work.add(list);
        }
    }
    if work.outdated {
        let words = texts::say(view.language(), "settings-outdated");
        work.trouble.lines.push(words.to_owned());
    } else if !work.trouble.fields.is_empty() {
        let words = texts::say(view.language(), "settings-unfit");
        work.trouble.lines.push(words.to_owned());
    }
    if !work.trouble.is_none() {
        return Ok(Err(work.trouble));
    }
    let files = if work.changes.is_empty() {
        desk.now.clone()
    } else {
        desk.now.with(BUSINESS, work.firm.text())
    };
    Ok(Ok((files, work.changes)))
}

/// A form that is being taken over, field by field.
struct Work<'a> {
    group: &'static Group,
    typed: &'a Typed,
    /// As the form was filled with.
    read: Firm,
    /// As it shall be.
    firm: Firm,
    changes: Vec<Change>,
    trouble: Trouble,
    /// Whether somebody else has changed one of the fields meanwhile.
    outdated: bool,
    /// The version that it would be.
    version: i64,
}

impl Work<'_> {
    fn fields(&mut self, id: Option<&str>) {
        for field in self.group.fields {
            let Some(typed) = of_field(self.typed, id, field) else {
                continue;
            };
            let before = self.read.get(self.group, id, field);
            let mut said = typed.clone();
            said.retain(|_, text| !text.trim().is_empty());
            match field.kind.tidied(&typed) {
                // Whatever stood there before may stay.
                _ if said == before => {}
                Err(unfit) => self.complain(id, field, unfit),
                Ok(tidied) if tidied == before => {}
                Ok(tidied) => {
                    let now = self.firm.get(self.group, id, field);
                    self.outdated |= now != before && now != tidied;
                    self.firm.set(self.group, id, field, &tidied);
                    self.note(id, field.key, told(&before), told(&tidied));
                }
            }
        }
    }

    /// What was typed into the fields of something new, where there is a name.
    fn add(&mut self, list: &str) {
        let typed = |field: &Field| of_field(self.typed, Some(NEW), field).unwrap_or_default();
        let names = self.group.fields.iter().find(|field| field.key == "name");
        let names = names.map(typed).unwrap_or_default();
        let name = |part: &str| names.get(part).map_or("", |name| name.trim());
        if name("ru").is_empty() {
            return;
        }
        let fields = self.group.fields.iter().map(|field| (field, typed(field)));
        let fields: Vec<_> = fields.collect();
        let Some(id) = self.firm.add(list, name("en"), self.version) else {
            return;
        };
        for (field, typed) in fields {
            match field.kind.tidied(&typed) {
                Err(unfit) => self.complain(Some(NEW), field, unfit),
                Ok(tidied) => {
                    if !tidied.is_empty() || field.kind == Kind::Flag {
                        self.firm.set(self.group, Some(&id), field, &tidied);
                    }
                }
            }
        }
        self.note(Some(&id), "", String::new(), told(&names));
    }

    fn remove(&mut self, list: &str, id: &str) {
        let says = |firm: &Firm| {
            let fields = self.group.fields.iter();
            let said = fields.map(|field| firm.get(self.group, Some(id), field));
            said.collect::<Vec<_>>()
        };
        self.outdated |= says(&self.read) != says(&self.firm);
        let name = self.read.get(self.group, Some(id), &self.group.fields[0]);
        self.firm.remove(list, id);
        self.note(Some(id), "", told(&name), String::new());
    }

    fn complain(&mut self, id: Option<&str>, field: &Field, unfit: Unfit) {
        let key = match unfit {
            Unfit::Missing => "unfit-missing",
            Unfit::Number => "unfit-number",
            Unfit::Hours => "unfit-hours",
            Unfit::Day => "unfit-day",
            Unfit::Moment => "unfit-moment",
            Unfit::Choice => "unfit-choice",
        };
        self.trouble.fields.insert(named(id, field, ""), key);
    }

    fn note(&mut self, id: Option<&str>, key: &str, from: String, to: String) {
        let key = format!("{}|{}|{key}", self.group.name, id.unwrap_or_default());
        self.changes.push(Change { key, from, to });
    }
}

/// What a field says, in a line.
fn told(parts: &Parts) -> String {
    let parts = parts.iter().map(|(part, text)| match part.as_str() {
        "" => text.clone(),
        part if text == "on" => part.to_owned(),
        part => format!("{part}: {text}"),
    });
    parts.collect::<Vec<_>>().join("; ")
}

/// What a change is of, in words: «Услуги: Маникюр: цена».
pub(super) fn label(language: Language, firm: Option<&Business>, key: &str) -> String {
    let mut parts = key.splitn(3, '|');
    let (part, id) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let key = parts.next().unwrap_or_default();
    let fields = GROUPS.iter().flat_map(|group| group.fields);
    let field = fields.clone().find(|field| field.key == key);
    let last = field.map_or(key, |field| field.label());
    let word = |family: &str, key: &str| texts::text(language, &format!("{family}-{key}"));
    let called = firm.and_then(|firm| {
        let name = match part {
            "services" => &firm.service(id)?.name,
            "masters" => &firm.employee(id)?.name,
            "places" => &firm.location(id)?.name,
            _ => return None,
        };
        Some(name.in_language(language))
    });
    let of_intent = (part == "autonomy").then(|| word("intent", id)).flatten();
    let words: BTreeMap<usize, &str> = [
        word("settings", part),
        called.or(of_intent).or(Some(id)),
        Some(word("field", last).unwrap_or(last)),
    ]
    .into_iter()
    .enumerate()
    .filter_map(|(at, word)| Some((at, word.filter(|word| !word.is_empty())?)))
    .collect();
    words.into_values().collect::<Vec<_>>().join(": ")
}
