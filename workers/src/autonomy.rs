//! What the bot may say by itself, by intent: `[autonomy]`.

mod adjust;

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use zapis_core::config::{Finding, Findings, Problem};

pub use adjust::{Adjusted, Adjuster};

use crate::content::{AUTONOMY, Files};
use crate::report::autonomy::Mode as Answered;
use crate::understand::Intent;

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Mode {
    /// The bot, from this confidence on; below it the staff approves.
    Auto(f32),
    /// The bot, once somebody of the staff has approved.
    Draft,
    /// A person.
    Staff,
}

impl TryFrom<String> for Mode {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let threshold = text
            .strip_prefix("auto(")
            .and_then(|rest| rest.strip_suffix(')'));
        match (text.as_str(), threshold.map(str::parse)) {
            ("auto", _) => Ok(Self::Auto(0.0)),
            ("draft", _) => Ok(Self::Draft),
            ("staff", _) => Ok(Self::Staff),
            (_, Some(Ok(from))) if (0.0..=1.0).contains(&from) => Ok(Self::Auto(from)),
            _ => Err(
                "expected \"auto\", \"auto(0.8)\" with a confidence from 0 to 1, \"draft\" or \"staff\"",
            ),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto(from) if *from > 0.0 => write!(f, "auto({from})"),
            Self::Auto(_) => f.write_str("auto"),
            Self::Draft => f.write_str("draft"),
            Self::Staff => f.write_str("staff"),
        }
    }
}

impl From<Mode> for String {
    fn from(mode: Mode) -> Self {
        mode.to_string()
    }
}

/// What the bot may say by itself: as the firm has set it, and as it was adjusted since.
#[derive(Debug, Clone, Default)]
pub struct Autonomy {
    /// The settings of the firm.
    pub config: AutonomyConfig,
    /// What was adjusted.
    pub adjusted: Adjusted,
}

impl Autonomy {
    /// Who answers an intent, `None` being none of them.
    ///
    /// What `autonomy.toml` lays down, where there is one, goes before the configuration.
    pub fn of(&self, content: Option<&AutonomyConfig>, intent: Option<Intent>) -> Mode {
        let adjusted = intent.and_then(|intent| self.adjusted.of(intent.id()));
        let adjusted = adjusted.filter(|_| self.config.self_adjusting);
        adjusted.unwrap_or_else(|| self.laid_down(content).of(intent))
    }

    /// What answering an intent was adjusted to, where it was.
    pub fn adjusted_to(&self, intent: &str) -> Option<Mode> {
        let adjusted = self.adjusted.of(intent);
        adjusted.filter(|_| self.config.self_adjusting)
    }

    /// What the firm has laid down.
    pub fn laid_down<'a>(&'a self, content: Option<&'a AutonomyConfig>) -> &'a AutonomyConfig {
        content.unwrap_or(&self.config)
    }
}

/// The `[autonomy]` section: besides its own keys, the id of any intent.
#[derive(Debug, Clone, PartialEq)]
pub struct AutonomyConfig {
    /// For intents that are not named.
    pub default: Mode,
    /// A draft that nobody decides on for so many minutes is given up, and the customer is told.
    pub draft_minutes: u32,
    /// Whether intents are promoted and demoted by what became of their answers.
    pub self_adjusting: bool,
    /// By intent id.
    pub by_intent: BTreeMap<String, Mode>,
}

impl Default for AutonomyConfig {
    fn default() -> Self {
        Self {
            default: Mode::Auto(0.0),
            draft_minutes: 15,
            self_adjusting: false,
            by_intent: BTreeMap::new(),
        }
    }
}

impl<'de> Deserialize<'de> for AutonomyConfig {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Section)
    }
}

/// Reads the section key by key, so that what does not fit is told at its place.
struct Section;

impl<'de> Visitor<'de> for Section {
    type Value = AutonomyConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the section of autonomy")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AutonomyConfig, A::Error> {
        let mut config = AutonomyConfig::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "default" => config.default = map.next_value()?,
                "draft_minutes" => config.draft_minutes = map.next_value()?,
                "self_adjusting" => config.self_adjusting = map.next_value()?,
                _ => {
                    config.by_intent.insert(key, map.next_value()?);
                }
            }
        }
        Ok(config)
    }
}

impl AutonomyConfig {
    /// What `autonomy.toml` lays down, with the keys of the section; nothing where there is no such file.
    pub fn of_files(files: &Files) -> Result<Option<Self>, Vec<Problem>> {
        if !files.has(AUTONOMY) {
            return Ok(None);
        }
        let source = files.read(AUTONOMY).map_err(|problem| vec![problem])?;
        let read: Self = toml::from_str(&source.text).map_err(|error| {
            let place = error.span().unwrap_or_default();
            vec![source.problem(&place, "", error.message(), "")]
        })?;
        let mut findings = Findings::default();
        read.check(&mut findings);
        findings.check(
            !read.self_adjusting,
            "autonomy.self_adjusting",
            "is not for this file",
            "set it in zapis.toml, section [autonomy]",
        );
        let problem = |finding: &Finding| {
            let key = finding.key.trim_start_matches("autonomy.");
            let place = source.text.find(key).unwrap_or_default();
            source.problem(&(place..place), key, &finding.message, &finding.hint)
        };
        let problems: Vec<Problem> = findings.0.iter().map(problem).collect();
        if problems.is_empty() {
            Ok(Some(read))
        } else {
            Err(problems)
        }
    }

    /// The text of an `autonomy.toml` that lays down the same.
    pub fn to_toml(&self) -> String {
        let mut lines = vec![
            format!("default = \"{}\"", self.default),
            format!("draft_minutes = {}", self.draft_minutes),
        ];
        let named = self.by_intent.iter();
        lines.extend(named.map(|(intent, mode)| format!("{intent} = \"{mode}\"")));
        lines.join("\n") + "\n"
    }

    /// Notes what is out of range or means nothing.
    pub fn check(&self, findings: &mut Findings) {
        findings.check(
            (1..=1440).contains(&self.draft_minutes),
            "autonomy.draft_minutes",
            "out of range",
            "use 1 to 1440 minutes, a day",
        );
        for id in self.by_intent.keys() {
            let hint =
                crate::source_text::nearest(id, Intent::ALL.iter().map(|intent| intent.id()));
            findings.check(
                Intent::from_id(id).is_some(),
                &format!("autonomy.{id}"),
                "is no intent",
                &hint,
            );
        }
    }

    /// Whether anything ever waits for approval.
    pub fn drafts(&self) -> bool {
        let modes = self.by_intent.values().chain([&self.default]);
        modes.into_iter().any(|mode| match mode {
            Mode::Draft => true,
            Mode::Auto(from) => *from > 0.0,
            Mode::Staff => false,
        })
    }

    /// How each intent is answered now, for reports; by what was adjusted, where that counts.
    pub fn modes(&self, adjusted: Option<&Adjusted>) -> BTreeMap<String, Answered> {
        let mode = |intent: &Intent| {
            let adjusted = adjusted.and_then(|adjusted| adjusted.of(intent.id()));
            let answered = match adjusted.unwrap_or_else(|| self.of(Some(*intent))) {
                Mode::Auto(_) => Answered::Auto,
                Mode::Draft => Answered::Draft,
                Mode::Staff => Answered::Staff,
            };
            (intent.id().to_owned(), answered)
        };
        Intent::ALL.iter().map(mode).collect()
    }

    /// The intents that are answered otherwise by another configuration.
    pub fn differing(&self, other: &Self) -> Vec<String> {
        let differs = |intent: &&Intent| self.of(Some(**intent)) != other.of(Some(**intent));
        let intents = Intent::ALL.iter().filter(differs);
        intents.map(|intent| intent.id().to_owned()).collect()
    }

    fn of(&self, intent: Option<Intent>) -> Mode {
        let named = intent.and_then(|intent| self.by_intent.get(intent.id()));
        named.copied().unwrap_or(self.default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(text: &str) -> Result<Mode, &'static str> {
        Mode::try_from(text.to_owned())
    }

    #[test]
    fn modes_are_read_as_they_are_written() {
        assert_eq!(mode("auto"), Ok(Mode::Auto(0.0)));
        assert_eq!(mode("auto(0.8)"), Ok(Mode::Auto(0.8)));
        assert_eq!(mode("draft"), Ok(Mode::Draft));
        assert_eq!(mode("staff"), Ok(Mode::Staff));
        for wrong in [
            "",
            "Auto",
            "auto()",
            "auto(2)",
            "auto(NaN)",
            "auto(0.8",
            "bot",
        ] {
            assert!(mode(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_intent_that_is_not_named_follows_the_default() {
        let config = AutonomyConfig {
            default: Mode::Draft,
            by_intent: [("price".to_owned(), Mode::Auto(0.5))].into(),
            ..AutonomyConfig::default()
        };

        assert_eq!(config.of(Some(Intent::Price)), Mode::Auto(0.5));
        assert_eq!(config.of(Some(Intent::Hours)), Mode::Draft);
        assert_eq!(config.of(None), Mode::Draft);
    }
}
