//! How a portal is, from the last calls, and how they are counted.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tracing::{info, warn};

use crate::crm::{Health, Trouble, Verdict};

/// The methods that have a label of their own in metrics.
const METHODS: &[&str] = &[
    "batch",
    "crm.activity.list",
    "crm.activity.todo.add",
    "crm.category.list",
    "crm.contact.add",
    "crm.contact.get",
    "crm.contact.update",
    "crm.deal.add",
    "crm.deal.get",
    "crm.deal.list",
    "crm.deal.update",
    "crm.duplicate.findbycomm",
    "crm.item.add",
    "crm.item.delete",
    "crm.item.fields",
    "crm.item.get",
    "crm.item.list",
    "crm.item.update",
    "crm.lead.add",
    "crm.lead.get",
    "crm.lead.list",
    "crm.lead.update",
    "crm.settings.mode.get",
    "crm.status.list",
    "crm.timeline.comment.add",
    "crm.timeline.comment.list",
    "calendar.accessibility.get",
    "oauth.token",
    "scope",
    "timeman.status",
    "user.current",
    "user.get",
];

/// All states, by their names in metrics.
const STATES: [(Health, &str); 6] = [
    (Health::Ok, "ok"),
    (Health::Throttled, "throttled"),
    (Health::Parked, "parked"),
    (Health::AuthBroken, "auth_broken"),
    (Health::PlanExpired, "plan_expired"),
    (Health::Down, "down"),
];

/// How the portal is.
#[derive(Debug, Default)]
pub(super) struct Standing(Mutex<Health>);

impl Standing {
    pub(super) fn health(&self) -> Health {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call, and learns from how it ended.
    pub(super) fn note<T>(&self, method: &str, took: Duration, result: &Result<T, Trouble>) {
        let known = METHODS
            .iter()
            .find(|known| known.eq_ignore_ascii_case(method));
        let label = known.map_or("other", |known| known);
        let outcome = result.as_ref().err().map_or("ok", outcome);
        metrics::counter!("zapis_crm_calls_total", "method" => label, "outcome" => outcome)
            .increment(1);
        metrics::histogram!("zapis_crm_call_seconds", "method" => label).record(took.as_secs_f64());
        let health = match result {
            Ok(_) => Health::Ok,
            Err(trouble) => trouble.health,
        };
        let before = self.replace(health);
        if before != health {
            tell(before, result.as_ref().err());
        }
        self.show();
    }

    /// Shows how it is now.
    pub(super) fn show(&self) {
        let health = self.health();
        for (state, name) in STATES {
            let now = if state == health { 1.0 } else { 0.0 };
            metrics::gauge!("zapis_crm_health", "state" => name).set(now);
        }
    }

    fn replace(&self, health: Health) -> Health {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut now, health)
    }
}

/// A change is told once; each call that fails is told by whoever made it.
fn tell(before: Health, trouble: Option<&Trouble>) {
    match trouble {
        None => info!(?before, "The CRM works again"),
        Some(trouble) => {
            warn!(health = ?trouble.health, code = trouble.code, "The CRM: {}", trouble.words);
        }
    }
}

fn outcome(trouble: &Trouble) -> &'static str {
    match trouble.verdict {
        Verdict::Later => "later",
        Verdict::Unknown => "unknown",
        Verdict::Gone => "gone",
        Verdict::Refused => "refused",
        Verdict::Stopped => "stopped",
    }
}
