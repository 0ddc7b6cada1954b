//! Filters, order and pages of every list.

use std::cmp::Ordering;

use chrono::DateTime;
use serde_json::{Value, json};

use super::answer::{Answer, RestError};
use super::php::Php;

/// Rows on a page; nobody can change it.
const PAGE: usize = 50;

/// Longest first: `!=%` also begins with `!=`.
const PREFIXES: [&str; 15] = [
    "!=%", "!%=", "!@", "!%", "!=", ">=", "<=", "=%", "%=", "!", "=", ">", "<", "@", "%",
];

/// A row of a list.
pub(crate) struct Row {
    pub(crate) id: i64,
    /// What filters and order look at; numbers are numbers here.
    keys: Value,
    shown: Value,
}

impl Row {
    /// A row that is filtered by what it shows.
    pub(crate) fn new(id: i64, shown: Value) -> Self {
        Self::with_keys(id, shown.clone(), shown)
    }

    /// A row that shows its numbers as strings.
    pub(crate) fn with_keys(id: i64, keys: Value, shown: Value) -> Self {
        Self { id, keys, shown }
    }
}

/// How a list takes names that it does not know.
#[derive(Clone, Copy)]
pub(crate) enum Names<'a> {
    /// It ignores them, and the case of the others.
    Old,
    /// It refuses them.
    New(&'a [String]),
}

/// One page of a list.
pub(crate) struct Listed {
    pub(crate) rows: Vec<Row>,
    total: usize,
    next: Option<usize>,
}

impl Listed {
    /// The bare rows, as the old lists answer.
    pub(crate) fn bare(self) -> Answer {
        let (total, next) = (Some(self.total), self.next);
        let rows = self.rows.into_iter().map(|row| row.shown);
        Answer {
            result: rows.collect(),
            total,
            next,
        }
    }

    /// The rows under a name, as the new lists answer.
    pub(crate) fn wrapped(self, name: &str) -> Answer {
        let answer = self.bare();
        Answer {
            result: json!({name: answer.result}),
            ..answer
        }
    }

    /// Each row as `show` shows it.
    pub(crate) fn shown(mut self, show: impl Fn(&Row) -> Value) -> Self {
        for row in &mut self.rows {
            row.shown = show(row);
        }
        self
    }
}

/// The page that `filter`, `order` and `start` ask for. `start: -1` does not count the rows.
pub(crate) fn page(
    mut rows: Vec<Row>,
    params: &Php,
    names: Names<'_>,
) -> Result<Listed, RestError> {
    let filter = params.any_case("filter");
    check(filter, names)?;
    rows.retain(|row| group(filter, &row.keys, names));
    order(&mut rows, params.any_case("order"), names)?;
    let start = params.any_case("start").int();
    let total = rows.len();
    let from = usize::try_from(start).unwrap_or_default();
    let rows: Vec<_> = rows.into_iter().skip(from).take(PAGE).collect();
    let counted = start >= 0;
    let next = Some(from + rows.len()).filter(|next| counted && *next < total);
    Ok(Listed {
        rows,
        total: if counted { total } else { 0 },
        next,
    })
}

/// The prefix and the name in a key of a filter.
fn split(key: &str) -> (&'static str, &str) {
    let prefix = PREFIXES.into_iter().find(|prefix| key.starts_with(prefix));
    let prefix = prefix.unwrap_or_default();
    (prefix, key.strip_prefix(prefix).unwrap_or(key))
}

fn is_group(key: &str) -> bool {
    key.bytes().all(|byte| byte.is_ascii_digit())
}

fn check(filter: &Php, names: Names<'_>) -> Result<(), RestError> {
    let Names::New(allowed) = names else {
        return Ok(());
    };
    for (key, value) in filter.entries() {
        let name = split(key).1;
        if is_group(key) {
            check(value, names)?;
        } else if name != "logic" && !allowed.iter().any(|known| known == name) {
            let why = format!("Invalid filter: field '{name}' is not allowed in filter");
            return Err(RestError::bad("INVALID_ARG_VALUE", &why));
        }
    }
    Ok(())
}

fn group(filter: &Php, row: &Value, names: Names<'_>) -> bool {
    let either = filter.get("logic").text().eq_ignore_ascii_case("OR");
    let mut conditions = filter
        .entries()
        .iter()
        .filter(|(key, _)| key != "logic")
        .map(|(key, value)| {
            if is_group(key) {
                return group(value, row, names);
            }
            let (prefix, name) = split(key);
            match found(row, name, names) {
                Some(known) => meets(known, prefix, value),
                // Only old lists come here: they do not know the name and do not say so.
                None => true,
            }
        });
    if either {
        conditions.any(|met| met)
    } else {
        conditions.all(|met| met)
    }
}

fn found<'a>(row: &'a Value, name: &str, names: Names<'_>) -> Option<&'a Value> {
    match names {
        Names::Old => row.get(name.to_ascii_uppercase()),
        Names::New(_) => Some(row.get(name).unwrap_or(&Value::Null)),
    }
}

fn meets(known: &Value, prefix: &str, wanted: &Php) -> bool {
    if let Value::Array(several) = known
        && !several.is_empty()
    {
        let negative = prefix.starts_with('!');
        let mut met = several.iter().map(|one| meets(one, prefix, wanted));
        return if negative {
            met.all(|met| met)
        } else {
            met.any(|met| met)
        };
    }
    match prefix {
        ">" => compare(known, wanted) == Some(Ordering::Greater),
        ">=" => compare(known, wanted).is_some_and(Ordering::is_ge),
        "<" => compare(known, wanted) == Some(Ordering::Less),
        "<=" => compare(known, wanted).is_some_and(Ordering::is_le),
        "%" => contains(known, &wanted.text()),
        "!%" => !contains(known, &wanted.text()),
        "=%" | "%=" => like(known, &wanted.text()),
        "!=%" | "!%=" => !like(known, &wanted.text()),
        "!" | "!=" | "!@" => !among(known, wanted),
        _ => among(known, wanted),
    }
}

fn among(known: &Value, wanted: &Php) -> bool {
    if wanted.is_array() {
        return wanted.values().any(|one| equals(known, one));
    }
    equals(known, wanted)
}

fn equals(known: &Value, wanted: &Php) -> bool {
    let empty = match known {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        _ => false,
    };
    if empty || wanted.text().is_empty() {
        return empty && wanted.text().is_empty();
    }
    compare(known, wanted) == Some(Ordering::Equal)
}

/// Numbers as numbers, moments as moments, the rest letter by letter.
fn compare(known: &Value, wanted: &Php) -> Option<Ordering> {
    let wanted = wanted.text();
    match known {
        Value::Number(number) => number.as_f64()?.partial_cmp(&wanted.parse::<f64>().ok()?),
        Value::String(text) => {
            let moments = (moment(text), moment(&wanted));
            if let (Some(known), Some(wanted)) = moments {
                return Some(known.cmp(&wanted));
            }
            Some(text.as_str().cmp(wanted.as_str()))
        }
        _ => None,
    }
}

fn moment(text: &str) -> Option<i64> {
    let parsed = DateTime::parse_from_rfc3339(text).ok()?;
    Some(parsed.timestamp_millis())
}

fn lower(known: &Value) -> String {
    match known {
        Value::String(text) => text.to_lowercase(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

fn contains(known: &Value, part: &str) -> bool {
    lower(known).contains(&part.to_lowercase())
}

/// With `%` of SQL at either end, or neither.
fn like(known: &Value, pattern: &str) -> bool {
    let (known, pattern) = (lower(known), pattern.to_lowercase());
    let bare = pattern.trim_matches('%');
    match (pattern.starts_with('%'), pattern.ends_with('%')) {
        (true, true) => known.contains(bare),
        (true, false) => known.ends_with(bare),
        (false, true) => known.starts_with(bare),
        (false, false) => known == bare,
    }
}

fn order(rows: &mut [Row], order: &Php, names: Names<'_>) -> Result<(), RestError> {
    let mut wanted = Vec::new();
    for (name, direction) in order.entries() {
        if let Names::New(allowed) = names
            && !allowed.contains(name)
        {
            let why = format!("Invalid order: field '{name}' is not allowed in order");
            return Err(RestError::bad("INVALID_ARG_VALUE", &why));
        }
        wanted.push((name, direction.text().eq_ignore_ascii_case("DESC")));
    }
    rows.sort_by(|a, b| {
        for (name, descending) in &wanted {
            let (one, other) = (found(&a.keys, name, names), found(&b.keys, name, names));
            let ordering = rank(one, other);
            if ordering.is_ne() {
                return if *descending {
                    ordering.reverse()
                } else {
                    ordering
                };
            }
        }
        a.id.cmp(&b.id)
    });
    Ok(())
}

fn rank(one: Option<&Value>, other: Option<&Value>) -> Ordering {
    match (one, other) {
        (Some(one), Some(other)) if other.is_null() || one.is_null() => {
            other.is_null().cmp(&one.is_null())
        }
        (Some(one), Some(other)) => compare(one, &other.into()).unwrap_or(Ordering::Equal),
        _ => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        let row = |id: i64, name: &str, sum: f64| {
            Row::new(
                id,
                json!({"id": id, "name": name, "sum": sum, "phone": ["+7", "8"]}),
            )
        };
        vec![row(1, "Анна", 5.0), row(2, "анна", 10.0), row(10, "", 7.5)]
    }

    fn ids(params: &str) -> Vec<i64> {
        let params: Php = serde_json::from_str(params).unwrap();
        let allowed = ["id", "name", "sum", "phone"].map(str::to_owned);
        let listed = page(rows(), &params, Names::New(&allowed)).ok().unwrap();
        listed.rows.iter().map(|row| row.id).collect()
    }

    #[test]
    fn filters_read_their_prefixes() {
        for (filter, expected) in [
            (r#"{">id": 1}"#, vec![2, 10]),
            (r#"{"@id": ["1", 10]}"#, vec![1, 10]),
            (r#"{"!@id": [1, 10]}"#, vec![2]),
            (r#"{">=sum": 7.5, "<sum": "10"}"#, vec![10]),
            (r#"{"=name": "Анна"}"#, vec![1]),
            (r#"{"%name": "НН"}"#, vec![1, 2]),
            (r#"{"name": ""}"#, vec![10]),
            (r#"{"!=name": ""}"#, vec![1, 2]),
            (r#"{"=phone": "8", "id": 2}"#, vec![2]),
            (r#"{"=phone": "7"}"#, vec![]),
            (
                r#"{"0": {"logic": "OR", "0": {"id": 1}, "1": {"id": 10}}}"#,
                vec![1, 10],
            ),
        ] {
            assert_eq!(
                ids(&format!(r#"{{"filter": {filter}}}"#)),
                expected,
                "{filter}"
            );
        }
    }

    #[test]
    fn order_puts_several_keys_one_after_the_other() {
        assert_eq!(
            ids(r#"{"order": {"name": "ASC", "id": "DESC"}}"#),
            [10, 1, 2]
        );
        assert_eq!(ids(r#"{"order": {"sum": "desc"}}"#), [2, 10, 1]);
    }

    #[test]
    fn an_unknown_name_is_refused_by_new_lists_and_ignored_by_old_ones() {
        let params: Php = serde_json::from_str(r#"{"filter": {"=nane": "x"}}"#).unwrap();
        let refused = page(rows(), &params, Names::New(&[])).err().unwrap();
        assert_eq!(refused.error, "INVALID_ARG_VALUE");
        assert_eq!(
            page(rows(), &params, Names::Old).ok().unwrap().rows.len(),
            3
        );
    }

    #[test]
    fn minus_one_neither_counts_nor_goes_on() {
        let many = || (0..120).map(|id| Row::new(id, json!({"ID": id}))).collect();
        let first = page(many(), &Php::Null, Names::Old).ok().unwrap();
        assert_eq!(
            (first.rows.len(), first.total, first.next),
            (50, 120, Some(50))
        );
        let params = Php::query("start=100");
        let last = page(many(), &params, Names::Old).ok().unwrap();
        assert_eq!((last.rows.len(), last.next), (20, None));
        let uncounted = page(many(), &Php::query("start=-1"), Names::Old)
            .ok()
            .unwrap();
        assert_eq!(
            (uncounted.rows.len(), uncounted.total, uncounted.next),
            (50, 0, None)
        );
    }
}
