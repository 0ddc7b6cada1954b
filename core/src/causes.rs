//! An error and its sources on one line.

use std::error::Error;
use std::fmt;

/// Shows an error with everything that caused it: `warn!(error = %causes(&error), "…")`.
pub fn causes(error: &(dyn Error + 'static)) -> impl fmt::Display + use<> {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        // Many libraries repeat their source's text in their own.
        if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        source = error.source();
    }
    line
}
