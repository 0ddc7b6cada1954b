//! What was measured, as a table or as JSON.

use serde::Serialize;

use crate::output::{self, Table};

/// Figures of one bench.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Figure>);

/// One figure.
#[derive(Debug, Serialize)]
pub(super) struct Figure {
    what: String,
    unit: &'static str,
    zapis: f64,
    /// The same with bare clients.
    bare: Option<f64>,
    /// `zapis` as a part of `bare`.
    ratio: Option<f64>,
    goal: Option<Goal>,
    met: Option<bool>,
}

/// What a figure should be.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Goal {
    AtLeast(f64),
    AtMost(f64),
    RatioAtLeast(f64),
    RatioAtMost(f64),
}

impl Report {
    /// Adds a figure that nothing compares with.
    pub(super) fn plain(&mut self, what: &str, unit: &'static str, zapis: f64, goal: Option<Goal>) {
        self.add(what, unit, zapis, None, goal);
    }

    /// Adds a figure next to that of bare clients.
    pub(super) fn beside(
        &mut self,
        what: &str,
        unit: &'static str,
        zapis: f64,
        bare: f64,
        goal: Option<Goal>,
    ) {
        self.add(what, unit, zapis, Some(bare), goal);
    }

    fn add(
        &mut self,
        what: &str,
        unit: &'static str,
        zapis: f64,
        bare: Option<f64>,
        goal: Option<Goal>,
    ) {
        let ratio = bare.filter(|bare| *bare > 0.0).map(|bare| zapis / bare);
        let met = goal.and_then(|goal| match goal {
            Goal::AtLeast(least) => Some(zapis >= least),
            Goal::AtMost(most) => Some(zapis <= most),
            Goal::RatioAtLeast(least) => ratio.map(|ratio| ratio >= least),
            Goal::RatioAtMost(most) => ratio.map(|ratio| ratio <= most),
        });
        self.0.push(Figure {
            what: what.to_owned(),
            unit,
            zapis,
            bare,
            ratio,
            goal,
            met,
        });
    }

    pub(super) fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            return output::json(&self.0);
        }
        let mut table = Table::new(&["what", "unit", "zapis", "bare", "ratio", "goal", ""]);
        for figure in &self.0 {
            let number = |value: Option<f64>| value.map(readable).unwrap_or_default();
            let goal = figure.goal.map(|goal| match goal {
                Goal::AtLeast(least) => format!("≥ {}", readable(least)),
                Goal::AtMost(most) => format!("≤ {}", readable(most)),
                Goal::RatioAtLeast(least) => format!("ratio ≥ {least}"),
                Goal::RatioAtMost(most) => format!("ratio ≤ {most}"),
            });
            let met = figure.met.map(|met| if met { "met" } else { "missed" });
            table.row([
                figure.what.clone(),
                figure.unit.to_owned(),
                readable(figure.zapis),
                number(figure.bare),
                figure
                    .ratio
                    .map(|ratio| format!("{ratio:.2}"))
                    .unwrap_or_default(),
                goal.unwrap_or_default(),
                met.unwrap_or_default().to_owned(),
            ]);
        }
        table.print();
        Ok(())
    }
}

/// Three significant digits, more before the point.
fn readable(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_judged_by_what_it_is_about() {
        let mut report = Report::default();
        report.beside("path", "1/s", 60.0, 100.0, Some(Goal::RatioAtLeast(0.6)));
        report.plain("memory", "MB", 41.0, Some(Goal::AtMost(40.0)));

        let met: Vec<_> = report.0.iter().map(|figure| figure.met).collect();

        assert_eq!(met, [Some(true), Some(false)]);
        assert_eq!(report.0[0].ratio, Some(0.6));
    }
}
