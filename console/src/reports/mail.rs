//! Letters, by SMTP.

use lettre::message::{Mailbox, MultiPart};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use minijinja::context;
use minijinja::value::Serde;

use super::{EmailConfig, Report};
use crate::page::Pages;
use zapis_workers::words::Language;

/// Sends letters.
#[derive(Debug, Clone)]
pub struct Mailer {
    server: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

/// Why a letter did not go out.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// What is configured cannot be used; `zapis check` says where.
    #[error("what [email] says cannot be used")]
    Configuration,
    /// The letter could not be made.
    #[error("the letter could not be made")]
    Letter(#[from] lettre::error::Error),
    /// The page of the letter could not be made.
    #[error("the letter could not be made")]
    Page(#[from] minijinja::Error),
    /// The server did not take it; its code, or what went wrong on the way. Its words may quote addresses.
    #[error("the mail server did not take it ({0})")]
    Server(String),
}

impl From<lettre::transport::smtp::Error> for MailError {
    fn from(error: lettre::transport::smtp::Error) -> Self {
        Self::Server(match error.status() {
            Some(code) => code.to_string(),
            None if error.is_timeout() => "timed out".to_owned(),
            None if error.is_tls() => "no TLS".to_owned(),
            None if error.is_client() => "it cannot do what is needed".to_owned(),
            None => "unreachable".to_owned(),
        })
    }
}

impl Mailer {
    /// With what is configured; none where no letters are sent.
    pub fn new(config: &EmailConfig) -> Result<Option<Self>, MailError> {
        if config.url.is_empty() {
            return Ok(None);
        }
        let mailbox = |text: &String| text.parse().map_err(|_| MailError::Configuration);
        let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(config.url.expose());
        Ok(Some(Self {
            server: server.map_err(|_| MailError::Configuration)?.build(),
            from: mailbox(&config.from)?,
            to: config.to.iter().map(mailbox).collect::<Result<_, _>>()?,
        }))
    }

    /// Whether the server answers and takes the password.
    pub async fn probe(&self) -> Result<String, String> {
        match self.server.test_connection().await {
            Ok(true) => Ok("answers".to_owned()),
            Ok(false) => Err("the mail server does not answer as one".to_owned()),
            Err(error) => Err(MailError::from(error).to_string()),
        }
    }

    /// Sends a report. `id` names the letter: a repeat of it is the same one for programs that read letters.
    pub(super) async fn send(
        &self,
        report: &Report,
        base: &str,
        language: Language,
        id: &str,
    ) -> Result<(), MailError> {
        let what = context! { report => minijinja::Value::from(Serde(report)), base };
        let html = Pages::default().plain("letter.html", language, what)?.0;
        let text = report.text(base).replace("**", "");
        let domain = self.from.email.domain();
        let mut letter = Message::builder()
            .from(self.from.clone())
            .subject(&report.title)
            .message_id(Some(format!("<{id}@{domain}>")));
        for to in &self.to {
            letter = letter.to(to.clone());
        }
        let letter = letter.multipart(MultiPart::alternative_plain_html(text, html))?;
        self.server.send(letter).await?;
        Ok(())
    }
}
