//! `[reports]` and `[email]`: what comes by itself, when, and to whom.

use chrono::NaiveTime;
use lettre::message::Mailbox;
use lettre::{AsyncSmtpTransport, Tokio1Executor};
use serde::Deserialize;
use zapis_core::config::{Findings, Secret};
use zapis_workers::words::Language;

/// Where something goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Destination {
    /// The first staff chat.
    Staff,
    /// The owner's own chat with the bot.
    Owner,
    /// Everybody in `[email] to`.
    Email,
}

impl Destination {
    /// Its name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Staff => "staff",
            Self::Owner => "owner",
            Self::Email => "email",
        }
    }
}

/// The `[reports]` section.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReportsConfig {
    /// Who gets the day, every evening.
    pub daily: Vec<Destination>,
    /// Who gets the week, on Mondays.
    pub weekly: Vec<Destination>,
    /// Who gets the month, on the first.
    pub monthly: Vec<Destination>,
    /// Who is told of what is not as usual.
    pub alerts: Vec<Destination>,
    /// When the day is told, as `20:00` at the firm.
    pub daily_at: String,
    /// When the week and the month are.
    pub weekly_at: String,
    /// `ru` or `en`.
    pub language: Language,
}

impl Default for ReportsConfig {
    fn default() -> Self {
        Self {
            daily: Vec::new(),
            weekly: Vec::new(),
            monthly: Vec::new(),
            alerts: Vec::new(),
            daily_at: "20:00".to_owned(),
            weekly_at: "09:00".to_owned(),
            language: Language::Ru,
        }
    }
}

/// A time of day as `20:00`.
pub(super) fn time(text: &str) -> Option<NaiveTime> {
    NaiveTime::parse_from_str(text, "%H:%M").ok()
}

impl ReportsConfig {
    /// Everybody who gets something.
    fn destinations(&self) -> impl Iterator<Item = (&'static str, Destination)> {
        let all = [
            ("daily", &self.daily),
            ("weekly", &self.weekly),
            ("monthly", &self.monthly),
            ("alerts", &self.alerts),
        ];
        let all = all.into_iter();
        all.flat_map(|(name, to)| to.iter().map(move |to| (name, *to)))
    }

    /// Notes what is no time, and where nothing can go.
    pub fn check(
        &self,
        email: &EmailConfig,
        has_desk: bool,
        has_owner: bool,
        findings: &mut Findings,
    ) {
        let times = [
            ("reports.daily_at", &self.daily_at),
            ("reports.weekly_at", &self.weekly_at),
        ];
        for (key, text) in times {
            let ok = time(text).is_some();
            findings.check(ok, key, "is no time of day", "write it as 20:00");
        }
        for (name, to) in self.destinations() {
            let (ok, hint) = match to {
                Destination::Staff => (
                    has_desk,
                    "set staff_chat of a Telegram account, or leave \"staff\" out",
                ),
                Destination::Owner => (
                    has_owner,
                    "set owner_chat of a Telegram account, or leave \"owner\" out",
                ),
                Destination::Email => (
                    !email.url.is_empty(),
                    "set url, from and to in [email], or leave \"email\" out",
                ),
            };
            let what = format!("\"{}\" leads nowhere", to.name());
            findings.check(ok, &format!("reports.{name}"), &what, hint);
        }
    }
}

/// The `[email]` section.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmailConfig {
    /// `smtps://user:password@host:465`, or `smtp://…:587?tls=required`; empty: no letters.
    pub url: Secret,
    /// From whom: `Salon <salon@example.org>`.
    pub from: String,
    /// To whom.
    pub to: Vec<String>,
}

impl EmailConfig {
    /// Notes what no letter can be sent with.
    pub fn check(&self, findings: &mut Findings) {
        if self.url.is_empty() {
            return;
        }
        let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(self.url.expose());
        findings.check(
            server.is_ok(),
            "email.url",
            "is no address of a mail server",
            "write smtps://user:password@host:465, with % escapes for special characters of the password",
        );
        findings.check(
            self.is_safe(),
            "email.url",
            "would send the password and the letters unprotected",
            "use smtps://, or ?tls=required at the end of smtp://",
        );
        let fine = |text: &String| text.parse::<Mailbox>().is_ok();
        findings.check(
            fine(&self.from),
            "email.from",
            "is no e-mail address",
            "write it as salon@example.org, or Salon <salon@example.org>",
        );
        findings.check(
            !self.to.is_empty(),
            "email.to",
            "nobody gets the letters",
            "write at least one address",
        );
        for (n, to) in self.to.iter().enumerate() {
            let key = format!("email.to.{n}");
            findings.check(
                fine(to),
                &key,
                "is no e-mail address",
                "write it as owner@example.org",
            );
        }
    }

    /// Whether the way to the server is protected, or does not leave this machine.
    fn is_safe(&self) -> bool {
        let Ok(url) = url::Url::parse(self.url.expose()) else {
            return true;
        };
        let required = url
            .query_pairs()
            .any(|(name, value)| name == "tls" && value == "required");
        let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        url.scheme() != "smtp" || required || here
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(email: &EmailConfig, reports: &ReportsConfig, desk: bool) -> Vec<String> {
        let mut findings = Findings::default();
        reports.check(email, desk, false, &mut findings);
        email.check(&mut findings);
        findings.0.into_iter().map(|one| one.key).collect()
    }

    fn email(url: &str) -> EmailConfig {
        EmailConfig {
            url: Secret::new(url),
            from: "Salon <salon@salon.example>".into(),
            to: vec!["owner@salon.example".into()],
        }
    }

    #[test]
    fn nothing_goes_nowhere_or_unprotected() {
        let nothing = ReportsConfig::default();
        for fine in [
            "",
            "smtps://user:pass@mail.example:465",
            "smtp://user:pass@mail.example:587?tls=required",
            "smtp://127.0.0.1:2525",
        ] {
            assert!(found(&email(fine), &nothing, true).is_empty(), "{fine}");
        }
        for wrong in [
            "smtp://user:pass@mail.example:587",
            "smtp://mail.example?tls=opportunistic",
            "https://mail.example",
        ] {
            assert_eq!(
                found(&email(wrong), &nothing, true),
                ["email.url"],
                "{wrong}"
            );
        }
        let odd = EmailConfig {
            from: "salon".into(),
            to: Vec::new(),
            ..email("smtps://mail.example")
        };
        assert_eq!(found(&odd, &nothing, true), ["email.from", "email.to"]);
        let all = vec![Destination::Staff, Destination::Owner, Destination::Email];
        let wanted = ReportsConfig {
            daily: all,
            daily_at: "8 pm".into(),
            ..nothing
        };
        let told = found(&EmailConfig::default(), &wanted, false);
        let daily = "reports.daily";
        assert_eq!(told, ["reports.daily_at", daily, daily, daily]);
    }
}
