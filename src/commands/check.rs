//! `zapis check`: is the configuration right, and does everything answer?

use std::path::Path;

use serde::Serialize;
use zapis_core::config::{Findings, Problem};

use zapis_workers::content::Content;

use super::Failure;
use crate::app::check_prompts;
use crate::config::{self, Environment, Missing};
use crate::output::{self, Table};
use crate::probes::{self, Probed};

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report<'a> {
    problems: &'a [Problem],
    probes: &'a [Probed],
}

/// `zapis check …`
pub(super) async fn check(path: &Path, connect: bool, json: bool) -> Result<(), Failure> {
    let loaded = config::load(path, &Environment::of_process(), Missing::Problem);
    let (loaded, mut problems) = match loaded {
        Ok(mut loaded) => {
            let warnings = std::mem::take(&mut loaded.warnings);
            (Some(loaded), warnings)
        }
        Err(problems) => (None, problems),
    };
    let mut probes = Vec::new();
    if let Some(loaded) = &loaded {
        let mut findings = Findings::default();
        loaded.config.check_escalation(&mut findings);
        problems.extend(loaded.problems(findings));
        match Content::load(&loaded.folder) {
            Ok(content) => {
                let mut findings = Findings::default();
                check_prompts(&loaded.config.llm, &content.prompts, &mut findings);
                problems.extend(loaded.problems(findings));
            }
            Err(found) => problems.extend(found),
        }
        if connect {
            probes = probes::probe(loaded).await;
        }
    }
    let errors = problems.iter().filter(|problem| !problem.warning).count();
    let failed = probes.iter().filter(|probe| !probe.ok).count();
    if json {
        output::json(&Report {
            problems: &problems,
            probes: &probes,
        })?;
    } else {
        tell(&problems, &probes, errors, failed);
    }
    if errors > 0 {
        Err(Failure::ProblemsTold)
    } else if failed > 0 {
        Err(Failure::Told)
    } else {
        Ok(())
    }
}

fn tell(problems: &[Problem], probes: &[Probed], errors: usize, failed: usize) {
    for problem in problems {
        output::line(problem);
    }
    if !probes.is_empty() {
        let mut table = Table::new(&["what", "state", "why"]);
        for probe in probes {
            let state = if probe.ok { "ok" } else { "failed" };
            table.row([probe.what.clone(), state.to_owned(), probe.detail.clone()]);
        }
        table.print();
    }
    let warnings = problems.len() - errors;
    output::line(match (errors, failed) {
        (0, 0) => format!("Everything is right ({warnings} warnings)."),
        (0, _) => format!("{failed} of {} probes failed.", probes.len()),
        _ => format!("{errors} errors, {warnings} warnings."),
    });
}
