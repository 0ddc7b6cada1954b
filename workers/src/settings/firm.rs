//! `business.toml` as a form: what stands in it field by field, written back with its comments and its order.

mod kinds;

use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use kinds::{DAYS, day_in_file, day_of_file};
pub use kinds::{Kind, Parts, Unfit};

/// A setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Where it stands in its table, `tone.address`.
    pub key: &'static str,
    /// How it is written.
    pub kind: Kind,
    /// What holds where the file does not name it.
    pub standard: &'static str,
}

/// Settings that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: &'static str,
    /// The list of tables of which each has these fields; otherwise they stand at the top.
    pub list: Option<&'static str>,
    /// The fields.
    pub fields: &'static [Field],
}

impl Field {
    /// What it is called, without the section that it stands in.
    pub fn label(&self) -> &'static str {
        match self.key {
            "escalation.hours" => "duty",
            key => key.rsplit('.').next().unwrap_or(key),
        }
    }
}

const fn field(key: &'static str, kind: Kind) -> Field {
    standard(key, kind, "")
}

const fn standard(key: &'static str, kind: Kind, standard: &'static str) -> Field {
    Field {
        key,
        kind,
        standard,
    }
}

/// Everything that can be changed field by field.
pub const GROUPS: [Group; 6] = [
    Group {
        name: "places",
        list: Some("locations"),
        fields: &[
            field("name", Kind::Name),
            field("hours", Kind::Week),
            field("special_days", Kind::Days),
            field("address", Kind::Name),
            field("phone", Kind::Text),
            field("email", Kind::Text),
            field("directions", Kind::Words),
            field("parking", Kind::Words),
            field("access", Kind::Words),
        ],
    },
    Group {
        name: "services",
        list: Some("services"),
        fields: &[
            field("name", Kind::Name),
            field("price", Kind::Price),
            field("minutes", Kind::Range),
            field("category", Kind::Name),
            field("note", Kind::Words),
            field("synonyms", Kind::List),
            standard("online", Kind::Flag, "on"),
            field("book_minutes", Kind::Number),
            field("return_days", Kind::Number),
        ],
    },
    Group {
        name: "masters",
        list: Some("staff"),
        fields: &[
            field("name", Kind::Name),
            field("role", Kind::Name),
            field("schedule", Kind::Week),
            field("special_days", Kind::Days),
            field("location", Kind::Place),
            field("services", Kind::Services),
            field("also", Kind::List),
        ],
    },
    Group {
        name: "booking",
        list: None,
        fields: &[
            standard("booking.step_minutes", Kind::Number, "15"),
            standard("booking.min_notice_minutes", Kind::Number, "60"),
            standard("booking.max_days", Kind::Number, "60"),
            standard("booking.hold_minutes", Kind::Number, "5"),
            standard("booking.cancel_hours", Kind::Number, "3"),
            standard("booking.waiting_minutes", Kind::Number, "30"),
            standard("booking.call_hours", Kind::Number, "2"),
            standard(
                "booking.calendar",
                Kind::Choice(&["own", "external"]),
                "own",
            ),
        ],
    },
    Group {
        name: "reminders",
        list: None,
        fields: &[
            field("quiet_hours", Kind::Span),
            standard("reminders.booked", Kind::Flag, "on"),
            standard("reminders.cancelled", Kind::Flag, "on"),
            standard("reminders.day_before", Kind::Moment, "-24h"),
            standard("reminders.morning", Kind::Moment, "09:30"),
            standard("reminders.soon", Kind::Moment, "-2h"),
            standard("reminders.thanks", Kind::Moment, "+2h"),
            standard("reminders.missed", Kind::Moment, "+1d 11:00"),
            standard("reminders.return", Kind::Moment, "11:00"),
            standard("reminders.small_move_minutes", Kind::Number, "15"),
            standard("reminders.wait_minutes", Kind::Number, "20"),
        ],
    },
    Group {
        name: "talk",
        list: None,
        fields: &[
            field("name", Kind::Name),
            field("about", Kind::Words),
            standard("language", Kind::Choice(&["ru", "en"]), "ru"),
            standard(
                "tone.address",
                Kind::Choice(&["formal", "informal"]),
                "formal",
            ),
            standard("tone.emoji", Kind::Flag, ""),
            field("escalation.owner", Kind::Line),
            field("escalation.hours", Kind::Week),
        ],
    },
];

/// The file, open for changes.
#[derive(Debug, Clone)]
pub struct Firm(DocumentMut);

impl Firm {
    /// Nothing where the text is no TOML.
    pub fn read(text: &str) -> Option<Self> {
        let mut file: DocumentMut = text.parse().ok()?;
        for list in GROUPS.iter().filter_map(|group| group.list) {
            // However the list is written.
            if let Some(item) = file.get_mut(list).filter(|item| item.is_array())
                && let Ok(tables) = std::mem::take(item).into_array_of_tables()
            {
                *item = Item::ArrayOfTables(tables);
            }
        }
        Some(Self(file))
    }

    /// The text with everything that was changed.
    pub fn text(&self) -> String {
        self.0.to_string()
    }

    /// The ids of a list of tables, in the order of the file.
    pub fn ids(&self, list: &str) -> Vec<String> {
        let tables = self.0.get(list).and_then(Item::as_array_of_tables);
        let ids = tables.into_iter().flat_map(ArrayOfTables::iter);
        ids.filter_map(|table| Some(table.get("id")?.as_str()?.to_owned()))
            .collect()
    }

    /// What a field says: of the table with this id, where the group has a list.
    pub fn get(&self, group: &Group, id: Option<&str>, field: &Field) -> Parts {
        let Some(table) = self.table(group, id) else {
            return Parts::new();
        };
        if field.kind == Kind::Price
            && let Some(least) = table.get("price_from").and_then(Item::as_integer)
        {
            return plain(&format!("{least}+"));
        }
        let item = match field.key.split_once('.') {
            Some((inside, key)) => table.get(inside).and_then(|inside| inside.get(key)),
            None => table.get(field.key),
        };
        let said = item.map_or_else(|| plain(field.standard), |item| parts(field, item));
        field.kind.tidied(&said).unwrap_or(said)
    }

    /// Writes what was tidied into a field.
    pub fn set(&mut self, group: &Group, id: Option<&str>, field: &Field, parts: &Parts) {
        let Some(mut table) = self.table_mut(group, id) else {
            return;
        };
        let mut key = field.key;
        if field.kind == Kind::Price {
            let begins = parts.get("").is_some_and(|text| text.ends_with('+'));
            let gone = if begins { "price" } else { "price_from" };
            table.remove(gone);
            key = if begins { "price_from" } else { "price" };
        }
        if let Some((inside, last)) = key.split_once('.') {
            let new = || Item::Table(Table::new());
            let inside = table.entry(inside).or_insert_with(new);
            let Some(found) = inside.as_table_like_mut() else {
                return;
            };
            (table, key) = (found, last);
        }
        match written(field, parts) {
            Some(Item::Value(value)) => put(table, key, value),
            Some(item) => {
                table.insert(key, item);
            }
            None => {
                table.remove(key);
            }
        }
    }

    /// Makes a new table in a list. Returns its id, made of a name and of the version in which it is made: visits
    /// know the ids of who is gone.
    pub fn add(&mut self, list: &str, name: &str, version: i64) -> Option<String> {
        let id = free_id(name, list, version, &self.ids(list));
        let new = || Item::ArrayOfTables(ArrayOfTables::new());
        let tables = self.0.entry(list).or_insert_with(new);
        let mut table = Table::new();
        table.insert("id", toml_edit::value(&id));
        table.decor_mut().set_prefix("\n");
        tables.as_array_of_tables_mut()?.push(table);
        Some(id)
    }

    /// Takes a table out of a list.
    pub fn remove(&mut self, list: &str, id: &str) {
        if let Some(tables) = self.0.get_mut(list).and_then(Item::as_array_of_tables_mut) {
            tables.retain(|table| table.get("id").and_then(Item::as_str) != Some(id));
        }
        if list != "services" {
            return;
        }
        // Nobody does it any more.
        let staff = self
            .0
            .get_mut("staff")
            .and_then(Item::as_array_of_tables_mut);
        for person in staff.into_iter().flat_map(ArrayOfTables::iter_mut) {
            if let Some(does) = person.get_mut("services").and_then(Item::as_array_mut) {
                does.retain(|service| service.as_str() != Some(id));
            }
        }
    }

    fn table(&self, group: &Group, id: Option<&str>) -> Option<&dyn TableLike> {
        let Some(list) = group.list else {
            return Some(self.0.as_table());
        };
        let mut tables = self.0.get(list)?.as_array_of_tables()?.iter();
        let found = tables.find(|table| table.get("id").and_then(Item::as_str) == id);
        found.map(|table| table as &dyn TableLike)
    }

    fn table_mut(&mut self, group: &Group, id: Option<&str>) -> Option<&mut dyn TableLike> {
        let Some(list) = group.list else {
            return Some(self.0.as_table_mut());
        };
        let mut tables = self.0.get_mut(list)?.as_array_of_tables_mut()?.iter_mut();
        let found = tables.find(|table| table.get("id").and_then(Item::as_str) == id);
        found.map(|table| table as &mut dyn TableLike)
    }
}

/// An id of small Latin letters, digits and dashes that nothing ever had.
fn free_id(name: &str, list: &str, version: i64, known: &[String]) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let words = if words.is_empty() {
        list.trim_end_matches('s').to_owned()
    } else {
        words.join("-").to_ascii_lowercase()
    };
    let id = format!("{words}-{version}");
    let mut ids = std::iter::once(id.clone()).chain((2..).map(|n| format!("{id}-{n}")));
    ids.find(|id| !known.contains(id)).unwrap_or(id)
}

/// A field of one part.
fn plain(text: &str) -> Parts {
    let parts = [(String::new(), text.to_owned())].into_iter();
    parts.filter(|(_, text)| !text.is_empty()).collect()
}

/// What an item of the file says, in parts.
fn parts(field: &Field, item: &Item) -> Parts {
    let values = || item.as_array().into_iter().flat_map(Array::iter);
    let table = item.as_table_like();
    let texts = || {
        let pairs = table.into_iter().flat_map(TableLike::iter);
        pairs.filter_map(|(key, item)| Some((key.to_owned(), item.as_str()?.to_owned())))
    };
    match field.kind {
        Kind::Words | Kind::Name => match item.as_str() {
            Some(text) => Parts::from([("ru".to_owned(), text.to_owned())]),
            None => texts().collect(),
        },
        Kind::Week => {
            let mut week = Parts::new();
            for (key, text) in texts() {
                let (first, last) = key.split_once('-').unwrap_or((&key, &key));
                let place = |name: &str| DAYS.iter().position(|day| *day == name.trim());
                if let (Some(first), Some(last)) = (place(first), place(last)) {
                    let days = DAYS.iter().take(last + 1).skip(first);
                    week.extend(days.map(|day| ((*day).to_owned(), text.clone())));
                }
            }
            week
        }
        Kind::Days => {
            let mut typed = Parts::new();
            let rows = item.clone().into_array_of_tables().unwrap_or_default();
            for (at, row) in rows.iter().enumerate() {
                for name in ["from", "until", "hours"] {
                    if let Some(text) = row.get(name).and_then(Item::as_str) {
                        let text = if name == "hours" {
                            text.to_owned()
                        } else {
                            day_of_file(text)
                        };
                        typed.insert(format!("{at}.{name}"), text);
                    }
                }
            }
            typed
        }
        Kind::Services => {
            let ids = values().filter_map(Value::as_str);
            ids.map(|id| (id.to_owned(), "on".to_owned())).collect()
        }
        Kind::List => plain(
            &values()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(", "),
        ),
        Kind::Range | Kind::Price | Kind::Number => {
            let ends = values()
                .filter_map(Value::as_integer)
                .chain(item.as_integer());
            let ends: Vec<String> = ends.map(|end| end.to_string()).collect();
            plain(&ends.join("-"))
        }
        Kind::Flag => plain(if item.as_bool() == Some(true) {
            "on"
        } else {
            ""
        }),
        Kind::Moment if item.as_bool() == Some(true) => plain(field.standard),
        _ => plain(item.as_str().unwrap_or_default()),
    }
}

/// A field as the file has it; nothing where it is not to be named there.
fn written(field: &Field, parts: &Parts) -> Option<Item> {
    let text = parts.get("").map_or("", String::as_str);
    let value = match field.kind {
        Kind::Words | Kind::Name => {
            let words = ["ru", "en"].iter();
            let words = words.filter_map(|part| Some((*part, parts.get(*part)?.as_str())));
            let words: InlineTable = words.collect();
            if words.is_empty() {
                return None;
            }
            words.into()
        }
        Kind::Week => week(parts).into(),
        Kind::Days => {
            let days = special_days(parts);
            return (!days.is_empty()).then_some(Item::ArrayOfTables(days));
        }
        Kind::Services => parts.keys().map(String::as_str).collect::<Array>().into(),
        Kind::Flag => (text == "on").into(),
        Kind::Moment if text.is_empty() => false.into(),
        _ if text.is_empty() => return None,
        Kind::List => text.split(", ").collect::<Array>().into(),
        Kind::Range | Kind::Price | Kind::Number => range(text.trim_end_matches('+')),
        _ => text.into(),
    };
    Some(Item::Value(value))
}

/// `{ mon-fri = "10:00-21:00", sat = "10:00-18:00" }`: days alike are joined.
fn week(parts: &Parts) -> InlineTable {
    let on = |day: usize| parts.get(DAYS[day]);
    let mut week = InlineTable::new();
    let mut first = 0;
    while first < DAYS.len() {
        let alike = (first..DAYS.len()).take_while(|day| on(*day) == on(first));
        let last = alike.last().unwrap_or(first);
        if let Some(hours) = on(first) {
            let days = if first == last {
                DAYS[first].to_owned()
            } else {
                format!("{}-{}", DAYS[first], DAYS[last])
            };
            week.insert(&days, hours.as_str().into());
        }
        first = last + 1;
    }
    week
}

fn special_days(parts: &Parts) -> ArrayOfTables {
    let mut days = ArrayOfTables::new();
    let part = |row: usize, name| parts.get(&format!("{row}.{name}")).map(String::as_str);
    for row in 0.. {
        let Some(from) = part(row, "from") else { break };
        let mut table = Table::new();
        table.insert("from", toml_edit::value(day_in_file(from)));
        if let Some(until) = part(row, "until") {
            table.insert("until", toml_edit::value(day_in_file(until)));
        }
        let hours = part(row, "hours").unwrap_or("closed");
        table.insert("hours", toml_edit::value(hours));
        days.push(table);
    }
    days
}

fn range(text: &str) -> Value {
    let end = |text: &str| text.parse::<i64>().unwrap_or_default();
    match text.split_once('-') {
        Some((low, high)) => [end(low), end(high)].into_iter().collect::<Array>().into(),
        None => end(text).into(),
    }
}

/// Puts a value where another stood, and leaves the comment beside it.
fn put(table: &mut dyn TableLike, key: &str, mut value: Value) {
    if let Some(there) = table.get_mut(key).and_then(Item::as_value_mut) {
        *value.decor_mut() = there.decor().clone();
        *there = value;
    } else {
        table.insert(key, Item::Value(value));
    }
}
