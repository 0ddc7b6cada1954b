//! `[dialogue]`: how messages become turns.

use serde::Deserialize;
use zapis_core::config::Findings;

/// The `[dialogue]` section.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DialogueConfig {
    /// `answer`, or `observe`: people answer, and the bot only notes what it would have done.
    pub mode: DialogueMode,
    /// Messages of a customer that come within this many milliseconds are answered together …
    pub coalesce_ms: u32,
    /// … but nobody waits longer than this many.
    pub coalesce_max_ms: u32,
    /// A question older than this many minutes is not answered as if fresh; it goes to staff.
    pub stale_after_minutes: u32,
    /// `ru` or `en`: spoken until the customer's own language is known.
    pub default_language: DefaultLanguage,
}

/// Whether the bot answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DialogueMode {
    /// It does.
    #[default]
    Answer,
    /// It looks on.
    Observe,
}

impl DialogueConfig {
    /// Whether the bot only looks on.
    pub fn observes(&self) -> bool {
        self.mode == DialogueMode::Observe
    }
}

/// A language that the bot speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DefaultLanguage {
    /// Russian.
    #[default]
    Ru,
    /// English.
    En,
}

impl DefaultLanguage {
    /// `ru` or `en`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Ru => "ru",
            Self::En => "en",
        }
    }
}

impl Default for DialogueConfig {
    fn default() -> Self {
        Self {
            mode: DialogueMode::Answer,
            coalesce_ms: 1200,
            coalesce_max_ms: 5000,
            stale_after_minutes: 30,
            default_language: DefaultLanguage::Ru,
        }
    }
}

impl DialogueConfig {
    /// Notes what is out of range.
    pub fn check(&self, findings: &mut Findings) {
        findings.check(
            self.coalesce_ms <= 10_000,
            "dialogue.coalesce_ms",
            "out of range",
            "use 0 to 10000 milliseconds",
        );
        findings.check(
            self.coalesce_max_ms >= self.coalesce_ms && self.coalesce_max_ms <= 60_000,
            "dialogue.coalesce_max_ms",
            "out of range",
            "use at least coalesce_ms and at most 60000 milliseconds",
        );
        findings.check(
            (1..=10_080).contains(&self.stale_after_minutes),
            "dialogue.stale_after_minutes",
            "out of range",
            "use 1 to 10080 minutes, a week",
        );
    }
}
