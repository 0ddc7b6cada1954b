//! Spoils inputs the way that finds bugs: structure is kept where it helps to get deeper, and broken
//! where parsers are weak.

use rand::Rng;
use rand::rngs::SmallRng;
use serde_json::Value;

/// JSON that may hold what `serde_json::Value` cannot: repeated keys, halves of characters, numbers
/// out of range.
#[derive(Debug, Clone)]
pub(super) enum Json {
    /// Written as it is.
    Token(String),
    List(Vec<Json>),
    Table(Vec<(String, Json)>),
}

impl From<&Value> for Json {
    fn from(value: &Value) -> Self {
        match value {
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(fields) => {
                let field = |(key, value): (&String, &Value)| (key.clone(), Self::from(value));
                Self::Table(fields.iter().map(field).collect())
            }
            leaf => Self::Token(leaf.to_string()),
        }
    }
}

impl Json {
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) {
        match self {
            Self::Token(token) => text.push_str(token),
            Self::List(items) => {
                text.push('[');
                for (n, item) in items.iter().enumerate() {
                    text.push_str(if n == 0 { "" } else { "," });
                    item.write(text);
                }
                text.push(']');
            }
            Self::Table(fields) => {
                text.push('{');
                for (n, (key, value)) in fields.iter().enumerate() {
                    text.push_str(if n == 0 { "" } else { "," });
                    text.push_str(&Value::from(key.as_str()).to_string());
                    text.push(':');
                    value.write(text);
                }
                text.push('}');
            }
        }
    }

    fn count(&self) -> usize {
        1 + match self {
            Self::Token(_) => 0,
            Self::List(items) => items.iter().map(Self::count).sum(),
            Self::Table(fields) => fields.iter().map(|(_, value)| value.count()).sum(),
        }
    }

    /// The n-th node, counted from the root down.
    fn node(&mut self, n: &mut usize) -> Option<&mut Self> {
        if *n == 0 {
            return Some(self);
        }
        *n -= 1;
        match self {
            Self::Token(_) => None,
            Self::List(items) => items.iter_mut().find_map(|item| item.node(n)),
            Self::Table(fields) => fields.iter_mut().find_map(|(_, value)| value.node(n)),
        }
    }

    fn pick(&mut self, chance: &mut SmallRng) -> Option<&mut Self> {
        let mut n = chance.random_range(0..self.count());
        self.node(&mut n)
    }

    /// Whether a table somewhere has a key twice.
    pub(super) fn repeats(&self) -> bool {
        match self {
            Self::Token(_) => false,
            Self::List(items) => items.iter().any(Self::repeats),
            Self::Table(fields) => {
                let keys: std::collections::BTreeSet<_> =
                    fields.iter().map(|(key, _)| key).collect();
                keys.len() < fields.len() || fields.iter().any(|(_, value)| value.repeats())
            }
        }
    }

    /// The value of a key of a table.
    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        match self {
            Self::Table(fields) => fields
                .iter_mut()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }
}

/// Values that parsers and databases stumble over.
fn odd(chance: &mut SmallRng) -> String {
    const TOKENS: [&str; 34] = [
        "null",
        "true",
        "[]",
        "{}",
        "\"\"",
        "\" \"",
        "0",
        "-0",
        "-1",
        "1.5",
        "1e400",
        "-1e400",
        "1e-400",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "18446744073709551616",
        "123456789012345678901234567890",
        "253402300800",
        "-62135596801",
        r#""\ud800""#,
        r#""\udc00x""#,
        r#""a\u0000b""#,
        r#""\u0000""#,
        r#""\u202eабв\u202c""#,
        r#""\uD83D\uDC4D\u200d\u2642\ufe0f""#,
        r#""../../etc/passwd""#,
        r#""a:b:c""#,
        r#""\r\n""#,
        r#""null""#,
        r#""-1""#,
        r#""0x10""#,
        r#""<b>&amp;**_[x](y)`""#,
    ];
    match chance.random_range(0..40) {
        0 => format!("\"{}\"", "ы".repeat(50_000)),
        1 => format!("\"{}\"", r"\ud800".repeat(2_000)),
        2 => "9".repeat(400),
        3 => format!("{}{}", "[".repeat(130), "]".repeat(130)),
        4 => format!("{}1{}", r#"{"a":"#.repeat(5_000), "}".repeat(5_000)),
        5 => format!("\"{}\"", "\u{301}".repeat(3_000)),
        6 => format!("\"{}\"", "7".repeat(201)),
        7 => format!("[{}0]", "0,".repeat(5_000)),
        _ => TOKENS[chance.random_range(0..TOKENS.len())].to_owned(),
    }
}

/// Spoils a tree once. `others` lend parts.
fn spoil(chance: &mut SmallRng, tree: &mut Json, others: &[Json]) {
    let what = chance.random_range(0..11);
    let mut other = others[chance.random_range(0..others.len())].clone();
    let Some(node) = tree.pick(chance) else {
        return;
    };
    match (what, node) {
        (0, node) => *node = Json::Token(odd(chance)),
        (1, node) => {
            if let Some(part) = other.pick(chance) {
                *node = part.clone();
            }
        }
        (2, Json::List(items)) if !items.is_empty() => {
            items.remove(chance.random_range(0..items.len()));
        }
        (2, Json::Table(fields)) if !fields.is_empty() => {
            fields.remove(chance.random_range(0..fields.len()));
        }
        (3, Json::List(items)) if !items.is_empty() => {
            let item = items[chance.random_range(0..items.len())].clone();
            let many = [1, 1, 2, 40][chance.random_range(0..4)];
            items.extend(std::iter::repeat_n(item, many));
        }
        (3, Json::Table(fields)) if !fields.is_empty() => {
            let (key, _) = fields[chance.random_range(0..fields.len())].clone();
            fields.push((key, Json::Token(odd(chance))));
        }
        (4, Json::Table(fields)) if fields.len() > 1 => {
            let (a, b) = (
                chance.random_range(0..fields.len()),
                chance.random_range(0..fields.len()),
            );
            let key = fields[b].0.clone();
            fields[a].0 = key;
        }
        (5, Json::Table(fields)) if fields.len() > 1 => {
            let (a, b) = (
                chance.random_range(0..fields.len()),
                chance.random_range(0..fields.len()),
            );
            let value = fields[a].1.clone();
            fields[a].1 = std::mem::replace(&mut fields[b].1, value);
        }
        (5 | 6, Json::List(items)) => items.reverse(),
        (6, Json::Table(fields)) => fields.reverse(),
        (7, node) => *node = Json::List(vec![node.clone()]),
        (8, node) => *node = Json::Table(vec![("id".into(), node.clone())]),
        (_, Json::Token(token)) if token.starts_with('"') => {
            const PARTS: [&str; 8] = [r"\ud800", r"\u0000", r"\u202e", "😀", ":", "\\n", " ", "0"];
            token.insert_str(1, PARTS[chance.random_range(0..PARTS.len())]);
        }
        (_, Json::Token(token)) => *token = odd(chance),
        (_, node) => {
            if let Some(inner) = node.pick(chance) {
                *inner = Json::Token(odd(chance));
            }
        }
    }
}

/// One of the trees, spoilt some times; it stays JSON as far as its form goes.
pub(super) fn spoilt(chance: &mut SmallRng, trees: &[Json]) -> Json {
    let mut tree = trees[chance.random_range(0..trees.len())].clone();
    for _ in 0..chance.random_range(0..5) {
        spoil(chance, &mut tree, trees);
    }
    tree
}

/// One of the texts, spoilt some times by lines and bytes; `others` lend lines.
pub(super) fn spoilt_text(chance: &mut SmallRng, text: &str, others: &[String]) -> Vec<u8> {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    for _ in 0..chance.random_range(0..4) {
        if lines.is_empty() {
            break;
        }
        let at = chance.random_range(0..lines.len());
        match chance.random_range(0..8) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[chance.random_range(0..lines.len())].clone()),
            2 => {
                let other = chance.random_range(0..lines.len());
                lines.swap(at, other);
            }
            3 => {
                let other = &others[chance.random_range(0..others.len())];
                let from: Vec<&str> = other.split_inclusive('\n').collect();
                if !from.is_empty() {
                    lines.insert(at, from[chance.random_range(0..from.len())].to_owned());
                }
            }
            4 => lines[at] = lines[at].replace(['=', ':', '"', '-', ','], " "),
            5 => odd_value(chance, &mut lines[at]),
            6 => lines[at].insert_str(
                0,
                ["\t", "  ", "\u{feff}", "\0", "- ", "{", "[[", "\u{202e}"]
                    [chance.random_range(0..8)],
            ),
            _ => lines[at] = lines[at].repeat([2, 3, 500][chance.random_range(0..3)]),
        }
    }
    let mut bytes = lines.concat().into_bytes();
    if chance.random_bool(0.4) {
        bytes = spoilt_bytes(chance, bytes);
    }
    bytes
}

/// Puts something odd behind the first sign of a line that separates.
fn odd_value(chance: &mut SmallRng, line: &mut String) {
    let Some(at) = line.find(['=', ':', ',', '|', ' ']) else {
        return;
    };
    let end = line.len() - usize::from(line.ends_with('\n'));
    let odd = odd(chance);
    line.replace_range(at + 1..end.max(at + 1), &odd);
}

/// Bytes flipped, cut off, taken out, put in, doubled.
pub(super) fn spoilt_bytes(chance: &mut SmallRng, mut bytes: Vec<u8>) -> Vec<u8> {
    for _ in 0..chance.random_range(1..4) {
        if bytes.is_empty() {
            return bytes;
        }
        let at = chance.random_range(0..bytes.len());
        let end = (at + chance.random_range(1..40)).min(bytes.len());
        match chance.random_range(0..6) {
            0 => bytes[at] ^= 1 << chance.random_range(0..8),
            1 => bytes[at] = chance.random(),
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..end)),
            4 => bytes.insert(
                at,
                [0, 0xff, 0xc3, b'"', b'\\', b'{', b'\n'][chance.random_range(0..7)],
            ),
            _ => {
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
        }
    }
    bytes
}

/// A text that is odd.
pub(super) fn odd_text(chance: &mut SmallRng) -> String {
    let token = odd(chance);
    serde_json::from_str(&token).unwrap_or(token)
}
