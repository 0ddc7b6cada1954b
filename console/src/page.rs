//! Pages: templates that are part of the program, with texts in two languages.

use std::sync::{Arc, LazyLock};

use axum::response::Html;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use minijinja::value::Kwargs;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value, context};
use zapis_core::message::ConversationId;
use zapis_core::store::Role;
use zapis_workers::business::Business;
use zapis_workers::words::Language;

use crate::door::Me;
use crate::{Shared, health, texts, words};

/// The language with this code; Russian where it is another one.
pub(crate) fn language(code: &str) -> Language {
    Language::from_code(&code.to_ascii_lowercase()).unwrap_or_default()
}

macro_rules! templates {
    ($($name:literal),* $(,)?) => {
        /// Every template: its name, its text.
        const TEMPLATES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../templates/", $name)))),*];
    };
}

templates![
    "ahead.html",
    "autonomy.html",
    "base.html",
    "changes.html",
    "chat.html",
    "code.html",
    "customer.html",
    "customers.html",
    "drafts.html",
    "entry.html",
    "erasures.html",
    "experiments.html",
    "field.html",
    "figures-menu.html",
    "figures.html",
    "file.html",
    "gaps.html",
    "health.html",
    "help.html",
    "here.html",
    "hours.html",
    "import.html",
    "inbox.html",
    "journal.html",
    "knowledge-menu.html",
    "knowledge.html",
    "letter.html",
    "lines.html",
    "list.html",
    "login.html",
    "lookalikes.html",
    "me.html",
    "password.html",
    "people.html",
    "phone.html",
    "phrases.html",
    "plain.html",
    "quality.html",
    "refused.html",
    "replies.html",
    "reports.html",
    "review.html",
    "settings-menu.html",
    "settings-versions.html",
    "settings.html",
    "sheet-frame.html",
    "versions.html",
    "visits.html",
    "week.html",
];

/// Makes pages.
pub(crate) struct Pages {
    engine: Environment<'static>,
}

/// What changes when style or script do, so that no browser shows old ones.
static VERSION: LazyLock<String> = LazyLock::new(crate::assets::version);

impl Default for Pages {
    fn default() -> Self {
        let mut engine = Environment::new();
        engine.set_undefined_behavior(UndefinedBehavior::Strict);
        engine.add_function("t", said);
        engine.add_global("version", VERSION.as_str());
        for (name, text) in TEMPLATES {
            // Each is rendered in a test, so none is broken.
            engine.add_template(name, text).unwrap_or_default();
        }
        Self { engine }
    }
}

/// `t("key", name="…")`: words in the language of the page.
#[expect(
    clippy::needless_pass_by_value,
    reason = "functions of templates are given their arguments"
)]
fn said(state: &minijinja::State<'_, '_>, key: &str, given: Kwargs) -> Result<String, Error> {
    let code = state.lookup("language").unwrap_or_default();
    let language = language(code.as_str().unwrap_or_default());
    let told = given.args().map(|name| {
        let value: Value = given.get(name)?;
        Ok((name, value.to_string()))
    });
    let told = told.collect::<Result<Vec<_>, Error>>()?;
    let told: Vec<_> = told
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    texts::fill(language, key, &told).ok_or_else(|| {
        let what = format!("no text `{key}` in {}", language.code());
        Error::new(ErrorKind::InvalidOperation, what)
    })
}

impl Pages {
    fn render(&self, name: &str, what: Value) -> Result<Html<String>, Error> {
        self.engine.get_template(name)?.render(what).map(Html)
    }

    /// A page for somebody who is not logged in.
    pub(crate) fn plain(
        &self,
        name: &str,
        language: Language,
        what: Value,
    ) -> Result<Html<String>, Error> {
        let page = context! { language => language.code(), ..what };
        self.render(name, page)
    }
}

/// How many drafts are counted.
const DRAFTS: u32 = 100;

/// Where a chat is.
pub(crate) fn link(conversation: &ConversationId) -> String {
    format!("/console/chats/{}", segment(conversation.as_str()))
}

/// A text as one part of a path, or of a header.
pub(crate) fn segment(text: &str) -> String {
    let name: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    // In a path a plus is a plus.
    name.replace('+', "%20")
}

/// A page for somebody of the firm, at a time.
pub(crate) struct View<'a> {
    console: &'a Shared,
    me: &'a Me,
    pub(crate) now: DateTime<Utc>,
    pub(crate) zone: Tz,
    /// Nothing while its file could not be read.
    pub(crate) firm: Option<Arc<Business>>,
}

impl<'a> View<'a> {
    pub(crate) async fn of(console: &'a Shared, me: &'a Me) -> Self {
        let firm = console.firm().await;
        Self {
            console,
            me,
            now: console.clock().now(),
            zone: firm.as_ref().map_or(chrono_tz::UTC, |firm| firm.time_zone),
            firm,
        }
    }

    /// A phone as the person may see it: whole, or the end of it.
    pub(crate) fn phone(&self, phone: &str) -> String {
        if self.me.member.role >= self.console.phones {
            return phone.to_owned();
        }
        let digits: Vec<char> = phone.chars().filter(char::is_ascii_digit).collect();
        let end: String = digits[digits.len().saturating_sub(2)..].iter().collect();
        format!("•••{end}")
    }

    /// The location that the person is bound to.
    pub(crate) fn location(&self) -> Option<&str> {
        self.me.location()
    }

    pub(crate) fn language(&self) -> Language {
        self.me.language()
    }

    /// A whole page; `place` is where one is, in the menu.
    pub(crate) async fn page(
        &self,
        name: &str,
        place: &str,
        what: Value,
    ) -> Result<Html<String>, crate::refusal::Refusal> {
        let store = self.console.store();
        let waiting = store.waiting_chats(&self.console.desks, self.now).await?;
        let drafts = store.open_drafts(DRAFTS).await?.len();
        let role = self.me.member.role;
        let troubles = if role >= Role::Manager {
            health::troubles(self.console, self).await?
        } else {
            0
        };
        let page = context! {
            firm => self.firm.as_ref().map(|firm| firm.name.in_language(self.language())),
            place,
            me => context! {
                name => self.me.member.name.as_str(),
                role => role.name(),
                manages => role >= Role::Manager,
                owns => role >= Role::Owner,
            },
            waiting_count => waiting,
            drafts_count => drafts,
            health_count => troubles,
            ..what
        };
        Ok(self.part(name, page)?)
    }

    /// A part of a page.
    pub(crate) fn part(&self, name: &str, what: Value) -> Result<Html<String>, Error> {
        let language = self.language();
        let page = context! { language => language.code(), ..what };
        self.console.pages.render(name, page)
    }

    /// How long ago something was, in few letters: «5 мин», «2 ч», «3 дн».
    pub(crate) fn ago(&self, at: DateTime<Utc>) -> String {
        words::span(self.language(), self.now - at)
    }

    /// When something was, as short as it is clear: the time today, else the day too.
    pub(crate) fn at(&self, at: DateTime<Utc>) -> String {
        words::moment(self.language(), at, self.now, self.zone)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[test]
    fn every_template_can_be_read() {
        let pages = Pages::default();
        for (name, _) in TEMPLATES {
            pages.engine.get_template(name).unwrap();
        }
    }

    #[test]
    fn every_text_that_a_template_says_is_there_and_every_text_is_said() {
        let code = [
            include_str!("refusal.rs"),
            include_str!("rights.rs"),
            include_str!("door.rs"),
            include_str!("account.rs"),
            include_str!("files.rs"),
            include_str!("lines.rs"),
            include_str!("words.rs"),
            include_str!("lib.rs"),
            include_str!("health.rs"),
            include_str!("copilot.rs"),
            include_str!("customers.rs"),
            include_str!("journal.rs"),
            include_str!("knowledge.rs"),
            include_str!("chats.rs"),
            include_str!("drafts.rs"),
            include_str!("visits.rs"),
            include_str!("experiments.rs"),
            include_str!("figures.rs"),
            include_str!("ahead.rs"),
            include_str!("hours.rs"),
            include_str!("sheet.rs"),
            include_str!("people.rs"),
            include_str!("reports/alerts.rs"),
            include_str!("reports/compose.rs"),
            include_str!("reports/pages.rs"),
            include_str!("reports/send.rs"),
            include_str!("settings.rs"),
            include_str!("settings/autonomy.rs"),
            include_str!("settings/file.rs"),
            include_str!("settings/firm.rs"),
            include_str!("settings/phrases.rs"),
            include_str!("presence.rs"),
            include_str!("quality.rs"),
            include_str!("../assets/console.js"),
        ];
        let all = TEMPLATES.iter().map(|(_, text)| *text).chain(code);
        let all: String = all.collect();
        for language in [Language::Ru, Language::En] {
            for key in texts::keys(language) {
                let said = [format!("\"{key}\""), format!("'{key}'")];
                let family = key
                    .rsplit_once('-')
                    .map_or(key.as_str(), |(family, _)| family);
                let families = [format!("\"{family}-\""), format!("\"event-{family}\"")];
                let is_said = said.iter().chain(&families).any(|said| all.contains(said));
                assert!(is_said, "{key} is never said");
            }
        }
        let keys = |language| texts::keys(language).collect::<Vec<_>>();
        assert_eq!(keys(Language::Ru), keys(Language::En));
        for (name, text) in TEMPLATES {
            let text = text.replace("default(\"", "");
            for call in text.split("t(\"").skip(1) {
                let key = call.split('"').next().unwrap();
                let known = texts::text(Language::Ru, key).is_some() || key.ends_with('-');
                assert!(known, "{name}: {key}");
            }
        }
    }
}
