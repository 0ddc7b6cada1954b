//! W3C trace context: the thread that ties a message's steps together across the queue.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A `traceparent` (W3C Trace Context, version 00): `00-<trace id>-<span id>-01`. What is read from a
/// queue and has another form is a new trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String")]
pub struct TraceParent(String);

impl From<String> for TraceParent {
    fn from(text: String) -> Self {
        Self::parse(&text).unwrap_or_else(Self::start)
    }
}

impl TraceParent {
    /// Starts a trace.
    pub fn start() -> Self {
        Self::with_trace(&Uuid::new_v4().simple().to_string())
    }

    /// Takes one that came from outside, if it has the right form.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace, span, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hex = |part: &str, length: usize| {
            part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let usable = version == "00"
            && hex(trace, 32)
            && hex(span, 16)
            && hex(flags, 2)
            && parts.next().is_none()
            && trace.bytes().any(|b| b != b'0');
        usable.then(|| Self(text.to_owned()))
    }

    /// The next step of the same trace.
    #[must_use]
    pub fn child(&self) -> Self {
        Self::with_trace(self.trace_id())
    }

    /// 32 hex digits that all steps share.
    pub fn trace_id(&self) -> &str {
        self.0.get(3..35).unwrap_or_default()
    }

    /// The header's value.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn with_trace(trace: &str) -> Self {
        let span = Uuid::new_v4().simple().to_string();
        Self(format!("00-{trace}-{}-01", &span[..16]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_keeps_the_trace_and_changes_the_span() {
        let parent = TraceParent::start();
        let child = parent.child();

        assert_eq!(parent.trace_id(), child.trace_id());
        assert_ne!(parent, child);
        assert_eq!(TraceParent::parse(child.as_str()), Some(child));
    }

    #[test]
    fn what_is_no_traceparent_is_refused() {
        for text in [
            "",
            "00-1-2-3",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceParent::parse(text), None, "{text}");
            let read: TraceParent = serde_json::from_value(text.into()).unwrap();
            assert!(TraceParent::parse(read.child().as_str()).is_some());
        }
    }
}
