//! What an answer that is no success means.
//!
//! The code decides, whatever its case; where the portal gives none, as in the older CRM methods, its words;
//! then the status, which differs between editions. Source: the provider's "System errors" and the error
//! tables of the methods.

use reqwest::StatusCode;
use zapis_core::measure::CODES as LABELS;

use super::wire::Problem;
use crate::crm::{Health, Trouble, Verdict};

/// What kind of trouble it is: what the client does about it, and what it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Too many requests; not carried out.
    Busy,
    /// The method has used up its time; not carried out.
    Parked,
    /// The provider has closed the portal's REST by hand.
    Overloaded,
    /// There was no connection; not carried out.
    Unreached,
    /// Sent elsewhere; not carried out.
    Astray,
    /// The portal takes https only.
    Insecure,
    /// Nobody knows whether it was carried out.
    Lost,
    /// Our token is not taken; refused before anything was carried out.
    Token,
    /// Our key is not taken.
    Key,
    /// Our key does not open this method.
    Scope,
    /// The employee who gave the key may not do this.
    Denied,
    /// The plan does not let programs in.
    Plan,
    /// There is no portal any more.
    Deleted,
    /// What it is about is not there.
    Gone,
    /// The portal does not know the method.
    Unknown,
    /// The portal wants a field filled.
    Required,
    /// Refused as it is.
    Refused,
}

/// A call that did not succeed, before the client has decided what to do about it.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) class: Class,
    pub(super) trouble: Trouble,
}

/// The codes that mean something by themselves.
const CODES: &[(&str, Class)] = &[
    ("QUERY_LIMIT_EXCEEDED", Class::Busy),
    ("OPERATION_TIME_LIMIT", Class::Parked),
    ("OVERLOAD_LIMIT", Class::Overloaded),
    ("INTERNAL_SERVER_ERROR", Class::Lost),
    ("ERROR_UNEXPECTED_ANSWER", Class::Lost),
    ("expired_token", Class::Token),
    ("invalid_token", Class::Token),
    ("NO_AUTH_FOUND", Class::Key),
    ("INVALID_CREDENTIALS", Class::Key),
    ("APPLICATION_NOT_FOUND", Class::Key),
    ("ERROR_OAUTH", Class::Key),
    ("NOT_INSTALLED", Class::Key),
    ("user_access_error", Class::Key),
    ("allowed_only_intranet_user", Class::Key),
    ("invalid_grant", Class::Key),
    ("invalid_client", Class::Key),
    ("wrong_client", Class::Key),
    ("invalid_scope", Class::Key),
    ("insufficient_scope", Class::Scope),
    ("WRONG_AUTH_TYPE", Class::Scope),
    ("ERROR_WRONG_CONTEXT", Class::Scope),
    ("METHOD_CONFIRM_DENIED", Class::Scope),
    ("METHOD_CONFIRM_WAITING", Class::Scope),
    ("ACCESS_DENIED", Class::Denied),
    ("PAYMENT_REQUIRED", Class::Plan),
    ("PORTAL_DELETED", Class::Deleted),
    ("NOT_FOUND", Class::Gone),
    ("OWNER_NOT_FOUND", Class::Gone),
    // Of bookings: no such resource, no such booking.
    ("1009", Class::Gone),
    ("1019", Class::Gone),
    ("1021", Class::Gone),
    ("ERROR_METHOD_NOT_FOUND", Class::Unknown),
    ("CRM_FIELD_ERROR_REQUIRED", Class::Required),
    ("CRM_FIELD_ERROR_VALUE_NOT_VALID", Class::Refused),
    ("INVALID_ARG_VALUE", Class::Refused),
    ("INVALID_REQUEST", Class::Refused),
    ("ERROR_BATCH_LENGTH_EXCEEDED", Class::Refused),
    ("ERROR_BATCH_METHOD_NOT_ALLOWED", Class::Refused),
    ("ERROR_CORE", Class::Refused),
    ("ERROR_ARGUMENT", Class::Refused),
];

/// What a list refuses whose filter names a field that it cannot filter by: a code of ours, because the
/// portal's own says less.
pub const FILTER_NOT_ALLOWED: &str = "filter_not_allowed";

impl Class {
    /// What the portal's words and the status make of it.
    pub(super) fn of(status: u16, problem: &Problem) -> Self {
        let text = problem.text.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|words| text.contains(words));
        let known = CODES
            .iter()
            .find(|(code, _)| code.eq_ignore_ascii_case(&problem.code));
        match known {
            Some((_, Self::Denied)) if says(PLANS) => Self::Plan,
            // Of the whole portal; with 400 it is one record.
            Some((_, Self::Denied)) if matches!(status, 401 | 403) => Self::Key,
            Some((_, Self::Refused)) if says(&["https required"]) => Self::Insecure,
            Some((_, class)) => *class,
            // The older methods have words in place of a code.
            None if problem.code.is_empty() && says(&["not found"]) => Self::Gone,
            None if problem.code.is_empty() && says(DENIED) => Self::Denied,
            None => Self::of_status(status),
        }
    }

    /// What a status means without a code that we know.
    fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::Key,
            402 => Self::Plan,
            410 => Self::Deleted,
            429 => Self::Busy,
            408 | 500.. => Self::Lost,
            _ => Self::Refused,
        }
    }

    /// What follows.
    const fn verdict(self) -> Verdict {
        match self {
            Self::Busy | Self::Parked | Self::Unreached | Self::Astray => Verdict::Later,
            Self::Lost => Verdict::Unknown,
            Self::Gone => Verdict::Gone,
            Self::Denied | Self::Unknown | Self::Required | Self::Refused => Verdict::Refused,
            Self::Overloaded
            | Self::Insecure
            | Self::Token
            | Self::Key
            | Self::Scope
            | Self::Plan
            | Self::Deleted => Verdict::Stopped,
        }
    }

    /// How the portal is, seen from this call: who refuses one request works.
    const fn health(self) -> Health {
        match self {
            Self::Busy => Health::Throttled,
            Self::Parked => Health::Parked,
            Self::Overloaded | Self::Unreached | Self::Astray | Self::Lost | Self::Deleted => {
                Health::Down
            }
            Self::Insecure | Self::Token | Self::Key | Self::Scope => Health::AuthBroken,
            Self::Plan => Health::PlanExpired,
            Self::Gone | Self::Denied | Self::Unknown | Self::Required | Self::Refused => {
                Health::Ok
            }
        }
    }

    /// What happened and what to do.
    const fn words(self) -> &'static str {
        match self {
            Self::Busy => {
                "the portal takes no more requests for the moment; it is sent again by itself"
            }
            Self::Parked => {
                "the portal has closed this method for some minutes, because it took too much of its time; \
                 it goes on by itself"
            }
            Self::Overloaded => {
                "Bitrix24 has closed the portal to programs by hand, for overload: ask its support"
            }
            Self::Unreached => {
                "no connection: look whether the portal can be reached from here, and at the address and \
                 proxy in [crm.bitrix24]"
            }
            Self::Astray => {
                "the portal sends us to another address: write the one that its webhook has now into \
                 [crm.bitrix24]"
            }
            Self::Insecure => {
                "the portal takes https only: write its address with https into [crm.bitrix24]"
            }
            Self::Lost => "no answer that says whether it was done",
            Self::Token => {
                "the portal does not take our token, not even a new one: install the app again"
            }
            Self::Key => {
                "the portal does not take our key: the webhook was deleted, renewed or has expired, or the \
                 app was removed; make it anew and write it into [crm.bitrix24]"
            }
            Self::Scope => {
                "the key does not open this method: give the webhook or the app the missing right (crm, \
                 user_basic, department, timeman, calendar)"
            }
            Self::Denied => {
                "the employee whose key it is may not do this: let them read and change all leads, deals \
                 and contacts"
            }
            Self::Plan => {
                "the portal's plan does not let programs in: renew the plan or the subscription"
            }
            Self::Deleted => "the portal was deleted, or its public part is closed",
            Self::Gone => "what it is about is not there any more",
            Self::Unknown => {
                "the portal does not know this method: set old_methods, or update the portal"
            }
            Self::Required => {
                "the portal wants a field filled that is empty: fill it by [crm.bitrix24.fields], or make it optional"
            }
            Self::Refused => "the portal refuses this request as it is",
        }
    }

    /// What our own troubles are called.
    const fn name(self) -> &'static str {
        match self {
            Self::Unreached => "no_connection",
            Self::Astray => "redirected",
            Self::Lost => "no_answer",
            Self::Plan => "plan",
            Self::Denied => "denied",
            Self::Gone => "gone",
            _ => "unnamed",
        }
    }

    /// A trouble that has no words of the portal.
    pub(super) fn failure(self, method: &str) -> Failure {
        self.with(method, self.name().to_owned(), &[])
    }

    fn with(self, method: &str, code: String, named: &[&str]) -> Failure {
        let mut words = format!("{method}: {}", self.words());
        if !named.is_empty() {
            words = format!("{words} (fields: {})", named.join(", "));
        }
        // Presence and calendars are extras: without them the portal takes enquiries all the same.
        let extra = self == Self::Scope && !method.starts_with("crm.");
        let trouble = Trouble {
            verdict: self.verdict(),
            health: if extra { Health::Ok } else { self.health() },
            code,
            words,
            after: None,
        };
        Failure {
            class: self,
            trouble,
        }
    }
}

/// What an `ACCESS_DENIED` says that comes from the plan.
const PLANS: &[&str] = &[
    "commercial plan",
    "extended plan",
    "paid plan",
    "коммерческ",
    "тариф",
];

/// What an answer without a code says that comes from rights.
const DENIED: &[&str] = &["access denied", "доступ запрещен", "доступ запрещён"];

/// What an answer with a problem means.
pub(super) fn judge(method: &str, status: u16, problem: &Problem) -> Failure {
    let class = Class::of(status, problem);
    class.with(method, code(class, problem), &fields(class, &problem.text))
}

/// What an answer means that is none of the portal's, or has neither result nor problem.
pub(super) fn unreadable(method: &str, status: u16) -> Failure {
    let moved = StatusCode::from_u16(status).is_ok_and(|status| status.is_redirection());
    let class = if moved { Class::Astray } else { Class::Lost };
    class.failure(method)
}

/// The portal's code where it is one, as it is documented; otherwise ours.
fn code(class: Class, problem: &Problem) -> String {
    let known = |&&(code, _): &&(&str, Class)| problem.code.eq_ignore_ascii_case(code);
    if problem.text.contains("not allowed in filter") {
        return FILTER_NOT_ALLOWED.to_owned();
    }
    match CODES.iter().find(known) {
        Some((code, _)) => (*code).to_owned(),
        None if problem.code.is_empty() => class.name().to_owned(),
        None => LABELS.of(&problem.code).to_string(),
    }
}

/// The fields that the portal's words name. Only names are taken out of them: the rest may quote a customer.
fn fields(class: Class, text: &str) -> Vec<&str> {
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let custom = |name: &&str| name.starts_with("UF_CRM_") || name.starts_with("ufCrm");
    let mut fields: Vec<&str> = text.split(word).filter(custom).collect();
    if class == Class::Required {
        // An empty field has no value that could be quoted.
        let marks = ['"', '«', '»', '“', '”'];
        let quoted = text.split(marks).skip(1).step_by(2);
        fields.extend(quoted.filter(|name| is_name(name) && !custom(name)));
    }
    fields.truncate(5);
    fields
}

/// Whether it may be what a field is called, and no address, phone or text.
fn is_name(name: &str) -> bool {
    let digits = name.chars().filter(char::is_ascii_digit).count();
    !name.is_empty() && name.chars().count() <= 60 && digits < 7 && !name.contains(['@', '<', '/'])
}
