//! `[staff]`: what happens when a customer needs a person.

use serde::Deserialize;
use zapis_core::config::Findings;

/// The `[staff]` section. Working hours are content and come from `business.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StaffConfig {
    /// A call for a person that nobody answered is repeated after this many minutes …
    pub remind_after_minutes: u32,
    /// … and goes to the owner after this many.
    pub owner_after_minutes: u32,
    /// How long the bot keeps silent after a person of the firm has written.
    pub takeover_minutes: u32,
    /// Whether the people of the firm work in the console alone: then no staff chat is missed.
    pub console_only: bool,
}

impl Default for StaffConfig {
    fn default() -> Self {
        Self {
            remind_after_minutes: 5,
            owner_after_minutes: 15,
            takeover_minutes: 60,
            console_only: false,
        }
    }
}

impl StaffConfig {
    /// Notes what is out of range.
    pub fn check(&self, findings: &mut Findings) {
        findings.check(
            (1..=1440).contains(&self.remind_after_minutes),
            "staff.remind_after_minutes",
            "out of range",
            "use 1 to 1440 minutes, a day",
        );
        findings.check(
            self.owner_after_minutes > self.remind_after_minutes
                && self.owner_after_minutes <= 1440,
            "staff.owner_after_minutes",
            "out of range",
            "use more minutes than remind_after_minutes, at most 1440",
        );
        findings.check(
            (1..=10_080).contains(&self.takeover_minutes),
            "staff.takeover_minutes",
            "out of range",
            "use 1 to 10080 minutes, a week",
        );
    }
}
