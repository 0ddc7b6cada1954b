//! What measuring takes besides the macros of `metrics`: stages, and labels of bounded number.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// The longest value of a label.
const LONGEST: usize = 32;

/// More digits than this may be somebody's phone.
const DIGITS: usize = 7;

/// What stands for the values that have no label of their own.
const OTHER: &str = "other";

/// Channels, which a message of the queue names.
pub static CHANNELS: Label = Label::new(16);

/// Accounts, which a message of the queue names.
pub static ACCOUNTS: Label = Label::new(100);

/// Error codes, which providers choose.
pub static CODES: Label = Label::new(100);

/// A stage of a message's way; what it took goes into `zapis_stage_seconds` when it is dropped.
#[derive(Debug)]
#[must_use = "it ends when it is dropped"]
pub struct Stage {
    name: &'static str,
    since: Instant,
}

impl Stage {
    /// Begins: `accept load think commit publish claim record`.
    pub fn begin(name: &'static str) -> Self {
        Self {
            name,
            since: Instant::now(),
        }
    }

    /// Counts a stage that was measured elsewhere: `queue`.
    pub fn took(name: &'static str, time: Duration) {
        metrics::histogram!("zapis_stage_seconds", "stage" => name).record(time.as_secs_f64());
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        Self::took(self.name, self.since.elapsed());
    }
}

/// A label whose values come from outside. The first ones keep their names; what comes when the places
/// are taken, and what does not look like a code, is `other`. So neither a provider nor a damaged
/// message can make series without end, or put a phone into one.
#[derive(Debug)]
pub struct Label {
    places: usize,
    known: LazyLock<RwLock<HashSet<Arc<str>>>>,
}

impl Label {
    /// With so many places.
    pub const fn new(places: usize) -> Self {
        Self {
            places,
            known: LazyLock::new(RwLock::default),
        }
    }

    /// The value to show.
    pub fn of(&self, value: &str) -> Arc<str> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(value) {
            return Arc::clone(known);
        }
        drop(known);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= self.places || !is_code(value) {
            return OTHER.into();
        }
        let value: Arc<str> = value.into();
        known.insert(Arc::clone(&value));
        value
    }
}

fn is_code(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    value.len() <= LONGEST && digits <= DIGITS && value.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_values_keep_their_names_and_the_rest_is_other() {
        let label = Label::new(3);
        for value in ["131047", "", "403", "429", "500", "403"] {
            label.of(value);
        }

        let shown = ["131047", "", "403", "429"].map(|value| label.of(value).to_string());

        assert_eq!(shown, ["131047", "", "403", OTHER]);
    }

    #[test]
    fn what_does_not_look_like_a_code_has_no_label() {
        let label = Label::new(10);
        for value in ["79219998877", "Анна", "a b", &"x".repeat(33)] {
            assert_eq!(&*label.of(value), OTHER, "{value}");
        }
        assert_eq!(&*label.of("window_closed"), "window_closed");
    }
}
