//! What a customer did in one turn, put together from its messages.

use zapis_core::message::{Inbound, What};

use crate::words::Language;

/// What a customer did in one turn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// Everything that was written, one message per line.
    pub text: String,
    /// What the last pressed button carries.
    pub pressed: Option<String>,
    /// What it says.
    pub title: Option<String>,
    /// The last command, without its slash.
    pub command: Option<String>,
    /// A voice message came.
    pub voice: bool,
    /// A picture, file, place or something unknown came.
    pub media: bool,
    /// A contact card came.
    pub contact: bool,
    /// The language of the customer's app.
    pub app_language: Option<Language>,
}

impl Said {
    /// Puts messages together.
    pub fn of(inbound: &[&Inbound]) -> Self {
        let mut said = Self::default();
        for inbound in inbound {
            said.app_language = inbound
                .profile
                .language
                .as_deref()
                .and_then(app_language)
                .or(said.app_language);
            said.add(&inbound.what);
        }
        said
    }

    fn add(&mut self, what: &What) {
        match what {
            What::Text { text } => self.write(text),
            What::Press { payload, title } => {
                self.pressed = Some(payload.clone());
                self.title.clone_from(title);
            }
            What::Command { name, .. } => self.command = Some(name.clone()),
            What::Media {
                attachments,
                caption,
                ..
            } => {
                self.write(caption.as_deref().unwrap_or_default());
                for attachment in attachments {
                    match attachment.kind.as_str() {
                        "voice" | "audio" | "video_note" => self.voice = true,
                        // Nobody waits for an answer to a sticker.
                        "sticker" => {}
                        _ => self.media = true,
                    }
                }
            }
            What::Contact { .. } => self.contact = true,
            What::Location { .. } | What::Unreadable { .. } => self.media = true,
            _ => {}
        }
    }

    fn write(&mut self, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(text.trim());
    }
}

/// `en-GB` and the like; the languages of Russian-speaking countries say nothing.
fn app_language(code: &str) -> Option<Language> {
    Language::from_code(code.split(['-', '_']).next()?)
}
