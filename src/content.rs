//! The firm's content, with its problems told like those of the configuration.

use std::path::Path;

use zapis_core::config::Problem;
use zapis_workers::problem::Problem as ContentProblem;

/// Everything that is wrong with the content beside the configuration file.
pub fn check(folder: &Path) -> Vec<Problem> {
    problems(zapis_workers::content::check_content(folder))
}

/// What was loaded, or its problems.
pub fn known<T>(loaded: Result<T, Vec<ContentProblem>>) -> Result<T, Vec<Problem>> {
    loaded.map_err(problems)
}

/// Problems of content as problems of the configuration.
pub fn problems(found: Vec<ContentProblem>) -> Vec<Problem> {
    let problem = |found: ContentProblem| Problem {
        file: found.file,
        line: found.line,
        column: found.column,
        key: found.key,
        message: found.message,
        hint: found.hint,
        warning: false,
    };
    found.into_iter().map(problem).collect()
}
