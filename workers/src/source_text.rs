//! A content file in memory: gives places in it to problems.

use std::ops::Range;
use std::path::Path;

use zapis_core::config::Problem;

/// A content file as text, with its name for problems.
#[derive(Debug, Clone)]
pub(crate) struct SourceText {
    /// The name shown to the owner of the file.
    pub(crate) file: String,
    /// What is in it.
    pub(crate) text: String,
}

impl SourceText {
    /// Reads a file; one that cannot be read is a problem of its own.
    pub(crate) fn read(path: &Path) -> Result<Self, Problem> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Self {
                file,
                text: text
                    .strip_prefix('\u{feff}')
                    .map_or(text.clone(), str::to_owned),
            }),
            Err(error) => Err(problem(
                &file,
                0,
                0,
                "",
                &format!("cannot be read: {error}"),
                "",
            )),
        }
    }

    /// Line and column, both from 1, of a byte in the file.
    pub(crate) fn place(&self, byte: usize) -> (usize, usize) {
        let before = self.text.get(..byte).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        (line, before[line_start..].chars().count() + 1)
    }

    /// A problem with the part of the file that `span` names.
    pub(crate) fn problem(
        &self,
        span: &Range<usize>,
        key: &str,
        message: &str,
        hint: &str,
    ) -> Problem {
        let (line, column) = self.place(span.start);
        problem(&self.file, line, column, key, message, hint)
    }

    /// A problem with a line of the file.
    pub(crate) fn problem_at_line(
        &self,
        line: usize,
        key: &str,
        message: &str,
        hint: &str,
    ) -> Problem {
        problem(&self.file, line, 1, key, message, hint)
    }
}

/// A problem in words.
pub(crate) fn problem(
    file: &str,
    line: usize,
    column: usize,
    key: &str,
    message: &str,
    hint: &str,
) -> Problem {
    Problem {
        file: file.to_owned(),
        line,
        column,
        key: key.to_owned(),
        message: message.to_owned(),
        hint: hint.to_owned(),
        warning: false,
    }
}

/// "did you mean …?" for a name that is not known, when one is near.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map_or_else(String::new, |(_, candidate)| {
            format!("did you mean `{candidate}`?")
        })
}
