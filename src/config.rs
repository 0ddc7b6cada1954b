//! The configuration: sections, and the loader that reads them from a file and the environment.
//!
//! Layers, the later over the earlier: the defaults, the file, `ZAPIS__SECTION__KEY=…`. The
//! documented file `config/zapis.toml` is part of the program: it says which settings there are
//! and of which type each is, so the file and the code cannot differ (tests hold them together).

mod channels;
mod conform;
mod de;
mod dialogue;
mod load;
mod observability;
mod overlay;
mod schema;
mod server;
mod staff;
mod tree;

use serde::Deserialize;
use zapis_channels::sms::SmsConfig;
use zapis_console::reports::{EmailConfig, ReportsConfig};
use zapis_core::config::{EnginesConfig, Findings};
use zapis_core::retention::PrivacyConfig;
use zapis_workers::autonomy::AutonomyConfig;
use zapis_workers::crm::CrmConfig;
use zapis_workers::knowledge::KnowledgeConfig;
use zapis_workers::kpi::targets::KpiConfig;
use zapis_workers::llm::LlmConfig;

pub use channels::ChannelsConfig;
pub use dialogue::{DefaultLanguage, DialogueConfig};
pub use load::{Loaded, Missing, load};
pub use observability::{LogFormat, ObservabilityConfig};
pub use overlay::Environment;
pub use schema::DOCUMENTED;
pub use server::{Network, ServerConfig};
pub use staff::StaffConfig;

/// All settings of the program.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `[server]`
    pub server: ServerConfig,
    /// `[engines]`
    pub engines: EnginesConfig,
    /// `[[channels.…]]`
    pub channels: ChannelsConfig,
    /// `[sms]`
    pub sms: SmsConfig,
    /// `[staff]`
    pub staff: StaffConfig,
    /// `[dialogue]`
    pub dialogue: DialogueConfig,
    /// `[autonomy]`
    pub autonomy: AutonomyConfig,
    /// `[knowledge]`
    pub knowledge: KnowledgeConfig,
    /// `[llm]`
    pub llm: LlmConfig,
    /// `[crm]`
    pub crm: CrmConfig,
    /// `[privacy]`
    pub privacy: PrivacyConfig,
    /// `[kpi]`
    pub kpi: KpiConfig,
    /// `[reports]`
    pub reports: ReportsConfig,
    /// `[email]`
    pub email: EmailConfig,
    /// `[observability]`
    pub observability: ObservabilityConfig,
}

impl Config {
    /// Notes what is out of range or does not go together, in all sections.
    pub fn check(&self, findings: &mut Findings) {
        self.server.check(findings);
        self.engines.check(findings);
        self.channels.check(findings);
        self.sms.check(findings);
        self.staff.check(findings);
        self.dialogue.check(findings);
        self.autonomy.check(findings);
        self.knowledge.check(findings);
        self.llm.check(findings);
        self.crm.check(findings);
        self.privacy.check(findings);
        self.kpi.check(findings);
        let (has_desk, has_owner) = (self.channels.has_desk(), self.channels.owner().is_some());
        let reports = &self.reports;
        reports.check(&self.email, has_desk, has_owner, findings);
        self.email.check(findings);
        self.observability.check(findings);
    }

    /// Whether enquiries go to a CRM: there is one, and the bot does not only look on.
    pub fn tells_crm(&self) -> bool {
        self.crm.is_used() && !self.dialogue.observes()
    }

    /// Whether somebody of the firm can be called: without such a place nobody ever sees that a
    /// customer waits. An error of `zapis check`, a loud warning of `zapis run`.
    pub fn check_escalation(&self, findings: &mut Findings) {
        if self.staff.console_only {
            return;
        }
        findings.check(
            self.channels.has_desk(),
            "channels.telegram",
            "no place for escalations: a customer who asks for a person would wait for ever",
            "set staff_chat of a Telegram account to the id of your staff group, or staff.console_only where your people work in the console",
        );
        findings.check(
            self.channels.has_desk() || !self.autonomy.drafts(),
            "autonomy",
            "drafts need somebody who approves them, and there is no staff chat",
            "set staff_chat of a Telegram account, or use \"auto\" and \"staff\" only, or set staff.console_only",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_works_in_the_console_alone_misses_no_staff_chat() {
        let mut config = Config::default();
        let found = |config: &Config| {
            let mut findings = Findings::default();
            config.check_escalation(&mut findings);
            findings.0.len()
        };
        assert_eq!(found(&config), 1);
        config.staff.console_only = true;
        assert_eq!(found(&config), 0);
    }
}
