//! `batch`: up to fifty methods in one request, one after the other, with references between them.

use serde_json::Value;
use serde_json::json;

use super::answer::{self, Answer, Rest, RestError};
use super::php::{self, Php};
use super::state::Session;

/// The commands that are run; the rest are refused one by one.
const MOST: usize = 50;
/// What a reference can begin with. The longer ones come first.
const ROOTS: [&str; 4] = ["result_error", "result_total", "result_next", "result"];

#[derive(Default)]
struct Results {
    result: Vec<(String, Value)>,
    error: Vec<(String, Value)>,
    total: Vec<(String, Value)>,
    next: Vec<(String, Value)>,
    time: Vec<(String, Value)>,
}

impl Session<'_> {
    /// Always 200; what failed is told inside.
    pub(crate) fn batch(&mut self, params: &Php) -> Rest {
        let commands = params.any_case("cmd");
        if !commands.is_array() {
            return Err(RestError::missing("cmd"));
        }
        let halt = ["1", "true", "Y"].contains(&params.any_case("halt").text().as_str());
        let mut done = Results::default();
        for (place, (name, command)) in commands.entries().iter().enumerate() {
            let answer = if place < MOST {
                self.command(&command.text(), &done)
            } else {
                let why = "Max batch length exceeded";
                Err(RestError::bad("ERROR_BATCH_LENGTH_EXCEEDED", why))
            };
            let failed = answer.is_err();
            match answer {
                Ok(answer) => {
                    for (list, number) in [
                        (&mut done.total, answer.total),
                        (&mut done.next, answer.next),
                    ] {
                        if let Some(number) = number {
                            list.push((name.clone(), json!(number)));
                        }
                    }
                    let time = answer::time(self.now_ms, &self.date(), None);
                    done.time.push((name.clone(), time));
                    done.result.push((name.clone(), answer.result));
                }
                Err(error) => done.error.push((name.clone(), error.body())),
            }
            if failed && halt {
                break;
            }
        }
        Ok(Answer::from(json!({
            "result": php::array(done.result), "result_error": php::array(done.error),
            "result_total": php::array(done.total), "result_next": php::array(done.next),
            "result_time": php::array(done.time),
        })))
    }

    fn command(&mut self, command: &str, done: &Results) -> Rest {
        let (method, query) = command.split_once('?').unwrap_or((command, ""));
        let method = super::method_name(method);
        if method == "batch" {
            let why = "Method is not allowed for batch usage";
            return Err(RestError::new(405, "ERROR_BATCH_METHOD_NOT_ALLOWED", why));
        }
        let mut params = Php::query(query);
        refer(&mut params, &done.as_php());
        self.limited(&method, &params)
    }
}

impl Results {
    fn as_php(&self) -> Php {
        let list = |entries: &[(String, Value)]| {
            let entries = entries.iter();
            Php::Array(
                entries
                    .map(|(name, value)| (name.clone(), value.into()))
                    .collect(),
            )
        };
        Php::Array(vec![
            ("result".to_owned(), list(&self.result)),
            ("result_error".to_owned(), list(&self.error)),
            ("result_total".to_owned(), list(&self.total)),
            ("result_next".to_owned(), list(&self.next)),
        ])
    }
}

/// Replaces `$result[name][field]` in every value, also where a customer wrote it.
fn refer(params: &mut Php, done: &Php) {
    match params {
        Php::Array(entries) => {
            for (_, value) in entries {
                refer(value, done);
            }
        }
        Php::Text(text) => {
            if let Some(replaced) = replaced(text, done) {
                *params = replaced;
            }
        }
        _ => {}
    }
}

fn replaced(text: &str, done: &Php) -> Option<Php> {
    let (at, root) = text.match_indices('$').find_map(|(at, _)| {
        let rest = text.get(at + 1..)?;
        let root = ROOTS.iter().find(|root| rest.starts_with(**root))?;
        Some((at, *root))
    })?;
    let path = text.get(at + 1 + root.len()..)?;
    let end = path.find(char::is_whitespace).unwrap_or(path.len());
    let (path, after) = path.split_at(end);
    let found = walk(done.get(root), path);
    let before = text.get(..at)?;
    if before.is_empty() && after.is_empty() {
        return Some(found.clone());
    }
    let rest = match replaced(after, done) {
        Some(rest) => rest.text(),
        None => after.to_owned(),
    };
    Some(Php::Text(format!("{before}{}{rest}", found.text())))
}

/// Goes as far as the path leads; at the first key that is not there it stops without a word.
fn walk<'a>(from: &'a Php, path: &str) -> &'a Php {
    let keys = path.split(['[', ']']).filter(|key| !key.is_empty());
    let mut reached = from;
    for key in keys {
        let next = reached.get(key);
        if next.is_null() {
            break;
        }
        reached = next;
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refers(text: &str) -> Value {
        let done: Php = serde_json::from_str(
            r#"{"result": {"find": [{"ID": "7"}], "none": []}, "result_total": {"find": 1}}"#,
        )
        .unwrap();
        let mut params = Php::Array(vec![("x".to_owned(), Php::Text(text.to_owned()))]);
        refer(&mut params, &done);
        Value::from(params.get("x"))
    }

    #[test]
    fn a_reference_alone_is_the_thing_itself_and_inside_a_text_its_letters() {
        assert_eq!(refers("$result[find][0][ID]"), json!("7"));
        assert_eq!(refers("$result[find][0]"), json!({"ID": "7"}));
        assert_eq!(refers("id $result[find][0][ID] ok"), json!("id 7 ok"));
        assert_eq!(refers("n=$result_total[find]"), json!("n=1"));
        assert_eq!(refers("costs 5$ a result"), json!("costs 5$ a result"));
    }

    #[test]
    fn a_path_that_leads_nowhere_stops_where_it_is_without_a_word() {
        assert_eq!(refers("$result[none][0][ID]"), json!([]));
        assert_eq!(refers("say $result[none][0][ID]"), json!("say Array"));
        assert_eq!(
            refers("$result[gone][0]"),
            json!({"find": [{"ID": "7"}], "none": []})
        );
    }
}
