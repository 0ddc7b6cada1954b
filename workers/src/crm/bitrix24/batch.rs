//! Several reads in one request.
//!
//! The portal runs them one by one and answers 200 whatever becomes of them. It names results as we do, but
//! makes a list of names that are numbers, so ours begin with a letter. In every parameter it replaces
//! `$result[…]` by what an earlier command gave. Source: the provider's "Batch".

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::outcome::{Class, judge};
use super::wire::{Envelope, LooseMap, Problem, Time, query};
use crate::crm::{Trouble, Verdict};

/// The method.
pub(super) const BATCH: &str = "batch";
/// How many commands one request takes; what follows is refused.
pub(super) const MOST: usize = 50;

/// What is asked for: a name, a method, its parameters.
type Read<'a> = (&'a str, &'a str, Value);

/// What became of each, by its name.
type Results = BTreeMap<String, Result<Value, Trouble>>;

/// The commands, and the methods in them. What must not be sent has its result at once.
pub(super) fn commands<'a>(
    reads: &[Read<'a>],
    results: &mut Results,
) -> (Map<String, Value>, Vec<&'a str>) {
    let mut commands = Map::new();
    let mut methods = Vec::new();
    for (n, (name, method, params)) in reads.iter().enumerate() {
        let query = query(params);
        if query.contains("%24") {
            results.insert((*name).to_owned(), Err(reference(method)));
            continue;
        }
        commands.insert(key(n), format!("{method}?{query}").into());
        methods.push(*method);
    }
    methods.sort_unstable();
    methods.dedup();
    (commands, methods)
}

/// What the portal told of its work for each.
pub(super) fn times<'a>(
    reads: &[Read<'a>],
    answer: &Envelope,
) -> impl Iterator<Item = (&'a str, Time)> {
    let times = answer.result.as_ref().map(|result| &result["result_time"]);
    let at = |n: usize| times.map(|times| Time::of(&times[key(n)]));
    let methods = reads.iter().enumerate();
    let times: Vec<_> = methods
        .filter_map(|(n, (_, method, _))| Some((*method, at(n)?)))
        .collect();
    times.into_iter()
}

/// Sorts results and problems under the names that were asked for.
pub(super) fn sort(reads: &[Read<'_>], answer: Envelope, results: &mut Results) {
    let mut result = answer.result.unwrap_or_default();
    let mut map = |name: &str| {
        let map = result.get_mut(name).map(Value::take).unwrap_or_default();
        serde_json::from_value::<LooseMap<Value>>(map)
            .unwrap_or_default()
            .0
    };
    let (mut done, errors) = (map("result"), map("result_error"));
    for (n, (name, method, _)) in reads.iter().enumerate() {
        if results.contains_key(*name) {
            continue;
        }
        let result = match (errors.get(&key(n)), done.remove(&key(n))) {
            (Some(error), _) => {
                let problem = Problem::of(&error["error"], error.get("error_description"));
                // The status of a request that has this problem alone.
                Err(judge(method, 400, &problem).trouble)
            }
            (None, Some(value)) => Ok(value),
            (None, None) => Err(Trouble {
                verdict: Verdict::Later,
                ..Class::Lost.failure(method).trouble
            }),
        };
        results.insert((*name).to_owned(), result);
    }
}

fn key(n: usize) -> String {
    format!("c{n}")
}

fn reference(method: &str) -> Trouble {
    Trouble {
        code: "reference".to_owned(),
        words: format!(
            "{method}: a parameter with a `$` does not go into a batch: ask for it alone"
        ),
        ..Class::Refused.failure(method).trouble
    }
}
