//! A conversation as it is read: who said what, how far it came, and why the bot said it. Made of journal
//! events.

use std::collections::HashMap;

use serde::Serialize;
use uuid::Uuid;
use zapis_core::event::{Event, Kind};
use zapis_core::files::SentFile;
use zapis_core::store::VersionTimes;

use crate::files::{Shown, shown};
use crate::page::View;
use crate::texts::say;

/// Something in a conversation.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    /// Names it in the page.
    id: String,
    /// `customer`, `bot`, `staff`, `note`, `event`.
    side: &'static str,
    /// Who of the firm.
    who: Option<String>,
    text: String,
    files: Vec<Shown>,
    at: String,
    /// RFC 3339, for machines.
    moment: String,
    /// How far it came: `sent`, `delivered`, `read`, `failed`, `fenced`.
    mark: Option<String>,
    /// When that was.
    marked: Option<String>,
    /// Whether it is the one that was looked for.
    sought: bool,
    /// What was understood of it.
    intent: Option<String>,
    confidence: Option<String>,
    /// Why the bot said it.
    why: Option<Why>,
}

/// Why the bot said something.
#[derive(Debug, Default, Serialize)]
struct Why {
    /// Names and values, in words.
    facts: Vec<(&'static str, String)>,
    /// Where it is from.
    sources: Vec<String>,
}

/// Which versions held when.
pub(crate) struct Versions {
    pub(crate) knowledge: VersionTimes,
    pub(crate) settings: VersionTimes,
}

/// Lines under construction.
struct Telling<'a> {
    view: &'a View<'a>,
    files: &'a [SentFile],
    versions: &'a Versions,
    lines: Vec<Line>,
    /// Which line an inbound message, a turn, an outbound message is.
    of_inbound: HashMap<String, usize>,
    of_turn: HashMap<Uuid, usize>,
    of_outbound: HashMap<Uuid, usize>,
    /// Who let a draft through.
    approved: HashMap<Uuid, String>,
    /// Words of the staff that were sent, and not yet noted by a turn.
    alone: Vec<usize>,
}

/// The lines of a conversation, oldest first; one event may be looked for.
pub(crate) fn lines(
    view: &View<'_>,
    events: &[Event],
    files: &[SentFile],
    versions: &Versions,
    sought: Option<Uuid>,
) -> Vec<Line> {
    let mut telling = Telling {
        view,
        files,
        versions,
        lines: Vec::new(),
        of_inbound: HashMap::new(),
        of_turn: HashMap::new(),
        of_outbound: HashMap::new(),
        approved: HashMap::new(),
        alone: Vec::new(),
    };
    for event in events {
        telling.take(event);
        if sought == Some(event.event_id) {
            telling.find(event);
        }
    }
    // The sender may have been quicker than the turn that notes the words.
    for event in events {
        telling.tells_how_far(event);
    }
    telling.lines
}

/// What was said last, in few words, and who said it.
pub(crate) fn preview(event: &Event) -> (&'static str, String) {
    let side = match event.kind {
        Kind::Inbound => "customer",
        Kind::Takeover => "staff",
        _ => "bot",
    };
    let text = event.customer_text.as_ref().or(event.bot_response.as_ref());
    let text = text.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    (side, text.unwrap_or_default().chars().take(90).collect())
}

impl Telling<'_> {
    fn take(&mut self, event: &Event) {
        match event.kind {
            Kind::Inbound => self.said_by_customer(event),
            Kind::Turn => self.thought(event),
            Kind::Takeover => self.said_by_staff(event),
            Kind::Outbound => self.sent(event),
            Kind::Delivery => {}
            Kind::System if event.action.as_deref() == Some("note") => {
                let text = event.reason.clone().unwrap_or_default();
                self.push(event, "note", event.staff_id.clone(), text);
            }
            _ => self.happened(event),
        }
    }

    fn push(
        &mut self,
        event: &Event,
        side: &'static str,
        who: Option<String>,
        text: String,
    ) -> usize {
        self.lines.push(Line {
            id: event.event_id.to_string(),
            side,
            who,
            text,
            files: Vec::new(),
            at: self.view.at(event.timestamp),
            moment: event.timestamp.to_rfc3339(),
            mark: None,
            marked: None,
            sought: false,
            intent: None,
            confidence: None,
            why: None,
        });
        self.lines.len() - 1
    }

    fn said_by_customer(&mut self, event: &Event) {
        let language = self.view.language();
        let text = event.customer_text.clone();
        let text = text.unwrap_or_else(|| say(language, "something-else").to_owned());
        let at = self.push(event, "customer", None, text);
        let ids = event.inbound_ids.as_deref().unwrap_or_default();
        let files = self.files.iter().filter(|file| ids.contains(&file.inbound));
        let line = &mut self.lines[at];
        line.files = files.map(shown).collect();
        // What is seen needs no word for it: the words that came along are left of «[фото] Вот».
        if !line.files.is_empty()
            && let Some((_, words)) = line.text.split_once(']')
        {
            line.text = words.trim_start().to_owned();
        }
        for id in event.inbound_ids.iter().flatten() {
            self.of_inbound.insert(id.clone(), at);
        }
    }

    fn thought(&mut self, event: &Event) {
        let percent = |confidence: f64| format!("{:.0} %", confidence * 100.0);
        let last = event.inbound_ids.iter().flatten().last();
        if let Some(at) = last.and_then(|id| self.of_inbound.get(id)) {
            let line = &mut self.lines[*at];
            line.intent.clone_from(&event.intent);
            line.confidence = event.confidence.map(percent);
        }
        let Some(text) = event.bot_response.clone() else {
            return;
        };
        let at = self.push(event, "bot", None, text);
        self.lines[at].why = Some(why(event, self.versions));
        if let Some(turn) = event.turn_id {
            self.of_turn.insert(turn, at);
        }
    }

    fn said_by_staff(&mut self, event: &Event) {
        let who = event.staff_id.clone();
        match event.bot_response.clone() {
            // The sender may have been quicker than the turn that notes it.
            Some(text) => match self
                .alone
                .iter()
                .position(|at| self.lines[*at].text == text)
            {
                Some(known) => drop(self.alone.remove(known)),
                None => drop(self.push(event, "staff", who, text)),
            },
            None => self.happened(event),
        }
    }

    /// A message went out: of a turn, of a person, or of nobody's asking.
    fn sent(&mut self, event: &Event) {
        let Some(text) = event.bot_response.clone() else {
            return;
        };
        let said_so =
            |line: &Line| line.side == "staff" && line.text == text && line.mark.is_none();
        let of_turn = event.turn_id.and_then(|turn| self.of_turn.get(&turn));
        let of_outbound = event.outbound_id.and_then(|id| self.of_outbound.get(&id));
        let at = match (of_turn.or(of_outbound), event.staff_id.is_some()) {
            (Some(at), _) => Some(*at),
            (None, true) => self.lines.iter().rposition(said_so),
            (None, false) => None,
        };
        let at = at.unwrap_or_else(|| {
            let approved = event.outbound_id.and_then(|id| self.approved.get(&id));
            let who = event.staff_id.clone().or_else(|| approved.cloned());
            if event.staff_id.is_none() {
                return self.push(event, "bot", who, text);
            }
            let at = self.push(event, "staff", who, text);
            self.alone.push(at);
            at
        });
        if let Some(id) = event.outbound_id {
            self.of_outbound.insert(id, at);
        }
        if let Some(mark) = event.outcome.clone() {
            self.mark(at, mark, event);
        }
    }

    /// How far a message got whose words stand in a line already: what messengers report, and, in medical mode, that
    /// it was sent.
    fn tells_how_far(&mut self, event: &Event) {
        let is_sent = event.kind == Kind::Outbound && event.bot_response.is_none();
        if !is_sent && event.kind != Kind::Delivery {
            return;
        }
        let of_outbound = event.outbound_id.and_then(|id| self.of_outbound.get(&id));
        let of_turn = event.turn_id.and_then(|turn| self.of_turn.get(&turn));
        let of_person =
            |line: &Line| line.side == "staff" && line.mark.is_none() && line.who == event.staff_id;
        let at = of_outbound.or(of_turn).copied();
        let at = at.or_else(|| {
            event.staff_id.as_ref()?;
            self.lines.iter().position(of_person)
        });
        let Some(at) = at else { return };
        if let Some(id) = event.outbound_id {
            self.of_outbound.insert(id, at);
        }
        if let Some(mark) = event.outcome.clone() {
            self.mark(at, mark, event);
        }
    }

    fn mark(&mut self, at: usize, mark: String, event: &Event) {
        let line = &mut self.lines[at];
        let known = line.mark.as_deref();
        if known.is_none_or(|known| is_news(known, &mark)) {
            line.mark = Some(mark);
            line.marked = Some(self.view.at(event.timestamp));
        }
    }

    /// Marks the line that an event made or is a part of.
    fn find(&mut self, event: &Event) {
        let of_turn = event.turn_id.and_then(|turn| self.of_turn.get(&turn));
        let of_outbound = event.outbound_id.and_then(|id| self.of_outbound.get(&id));
        let last = self.lines.len().checked_sub(1);
        let at = of_outbound.or(of_turn).copied().or(last);
        let made = self
            .lines
            .iter()
            .position(|line| line.id == event.event_id.to_string());
        if let Some(at) = made.or(at) {
            self.lines[at].sought = true;
        }
    }

    fn happened(&mut self, event: &Event) {
        let language = self.view.language();
        let key = match event.kind {
            Kind::Handoff => "event-handoff",
            Kind::Takeover => "event-takeover",
            Kind::Handback => "event-handback",
            Kind::Draft => "event-draft",
            Kind::Booking => "event-booking",
            Kind::Reminder => "event-reminder",
            Kind::Lead => "event-lead",
            Kind::Consent => "event-consent",
            Kind::Optout => "event-optout",
            Kind::Rating => "event-rating",
            _ => return,
        };
        if event.kind == Kind::Draft
            && let (Some(id), Some(who)) = (event.outbound_id, event.staff_id.clone())
        {
            self.approved.insert(id, who);
        }
        let what = match event.kind {
            Kind::Lead => event.action.as_deref(),
            Kind::Draft | Kind::Rating | Kind::Reminder => event.outcome.as_deref(),
            _ => None,
        };
        // What has words is said in them.
        let family = key.trim_start_matches("event-");
        let what = what.map(|what| {
            let known = crate::texts::text(language, &format!("{family}-{what}"));
            known.unwrap_or(what)
        });
        let reason = event.reason.as_deref();
        let more = [what, reason].into_iter().flatten();
        let more = more.filter(|word| !word.is_empty() && *word != "none");
        let more = more.collect::<Vec<_>>().join(" · ");
        let text = match more.as_str() {
            "" => say(language, key).to_owned(),
            more => format!("{}: {more}", say(language, key)),
        };
        self.push(event, "event", event.staff_id.clone(), text);
    }
}

/// Whether a mark tells more than the one before: it never goes back, but what was only sent can still fail.
fn is_news(known: &str, mark: &str) -> bool {
    let far = |mark: &str| {
        let mut way = ["sent", "delivered", "read"].iter();
        way.position(|one| *one == mark)
    };
    match (far(known), far(mark)) {
        (Some(known), Some(now)) => now > known,
        (Some(known), None) => known == 0,
        (None, _) => true,
    }
}

fn why(event: &Event, versions: &Versions) -> Why {
    let mut facts = Vec::new();
    let mut fact = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
    fact("why-rule", event.reason.clone());
    fact("why-intent", event.intent.clone());
    fact(
        "why-confidence",
        event.confidence.map(|sure| format!("{sure:.2}")),
    );
    fact("why-sentiment", event.sentiment.clone());
    fact("why-model", event.model.clone());
    fact("why-prompt", event.prompt_version.clone());
    let (knowledge, settings) = (
        versions.knowledge.at(event.timestamp),
        versions.settings.at(event.timestamp),
    );
    fact("why-knowledge", Some(knowledge.to_string()));
    fact("why-settings", Some(settings.to_string()));
    fact("why-variant", event.variant.clone());
    fact("why-tokens", event.tokens.map(|count| count.to_string()));
    fact("why-took", event.latency_ms.map(|ms| format!("{ms} ms")));
    fact("why-trace", event.trace_id.clone());
    Why {
        facts,
        sources: sources(event.sources.as_ref()),
    }
}

/// Where everything is written that an answer rests on.
pub(crate) fn sources(sources: Option<&serde_json::Value>) -> Vec<String> {
    let sources = sources.and_then(|sources| sources.as_array());
    sources.into_iter().flatten().filter_map(source).collect()
}

/// As the journal has it.
fn source(source: &serde_json::Value) -> Option<String> {
    let text = |key: &str| {
        let value = source.get(key)?;
        value.as_str().map(str::to_owned)
    };
    let line = source.get("line").and_then(serde_json::Value::as_u64);
    let file = text("file").or_else(|| text("id"))?;
    let file = crate::words::file_name(&file);
    Some(line.map_or_else(|| file.clone(), |line| format!("{file}:{line}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_goes_forward_only_and_what_was_sent_can_fail() {
        for (known, mark) in [
            ("sent", "delivered"),
            ("delivered", "read"),
            ("sent", "failed"),
            ("failed", "read"),
        ] {
            assert!(is_news(known, mark), "{known} {mark}");
        }
        for (known, mark) in [
            ("read", "delivered"),
            ("sent", "sent"),
            ("delivered", "failed"),
        ] {
            assert!(!is_news(known, mark), "{known} {mark}");
        }
    }
}
