//! W3C trace context: the thread that ties a message's steps together across the queue.
//!
//! A message carries the `traceparent` of the step that made it. Whoever takes it up makes a [`step`]
//! under that, and what is published meanwhile hangs on the step. Where nobody exports traces a step
//! costs next to nothing, and the trace id still ties log, journal and ledger together.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use serde::{Deserialize, Serialize};
use tracing::{Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use uuid::Uuid;

/// The target of the spans that leave the process. No other span does, so that [`step`] lists
/// everything that a trace can show: no text, no name, no phone.
pub const TARGET: &str = "zapis::trace";

/// A `traceparent` (W3C Trace Context, version 00): `00-<trace id>-<span id>-<flags>`. What is read
/// from a queue and has another form is a new trace.
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
        Self::with_trace(&Uuid::new_v4().simple().to_string(), SAMPLED)
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

    /// What comes after this: hangs on the step under way, or without one is a new id in the same trace.
    #[must_use]
    pub fn child(&self) -> Self {
        let current = Context::current();
        Self::of_context(current.span().span_context())
            .unwrap_or_else(|| Self::with_trace(self.trace_id(), self.flags()))
    }

    /// What the messages of a step carry that begins a trace: itself where it is not exported.
    #[must_use]
    pub fn begun_by(self, step: &Span) -> Self {
        if step.is_disabled() {
            return self;
        }
        Self::of_context(step.context().span().span_context()).unwrap_or(self)
    }

    /// 32 hex digits that all steps share.
    pub fn trace_id(&self) -> &str {
        self.0.get(3..35).unwrap_or_default()
    }

    /// The header's value.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn flags(&self) -> &str {
        self.0.get(53..55).unwrap_or(SAMPLED)
    }

    fn with_trace(trace: &str, flags: &str) -> Self {
        let span = Uuid::new_v4().simple().to_string();
        Self(format!("00-{trace}-{}-{flags}", &span[..16]))
    }

    fn of_context(context: &SpanContext) -> Option<Self> {
        let (trace, span) = (context.trace_id(), context.span_id());
        let flags = context.trace_flags().to_u8();
        context
            .is_valid()
            .then(|| Self(format!("00-{trace}-{span}-{flags:02x}")))
    }

    /// As the tracer knows it.
    fn context(&self) -> SpanContext {
        let span = self.0.get(36..52).unwrap_or_default();
        let flags = u8::from_str_radix(self.flags(), 16).unwrap_or_default();
        SpanContext::new(
            TraceId::from_hex(self.trace_id()).unwrap_or(TraceId::INVALID),
            SpanId::from_hex(span).unwrap_or(SpanId::INVALID),
            TraceFlags::new(flags),
            true,
            TraceState::default(),
        )
    }
}

/// The flag that says that a trace may be recorded.
const SAMPLED: &str = "01";

/// A step on a message's way, for `.instrument(…)`: under `parent`, or under the step around it; a
/// new trace where there is neither. What is not known yet is recorded later. `kind` is OpenTelemetry's:
/// `producer`, `consumer`, `client`, `internal`.
pub fn step(name: &'static str, kind: &'static str, parent: Option<&TraceParent>) -> Span {
    let span = tracing::debug_span!(
        target: TARGET,
        "step",
        otel.name = name,
        otel.kind = kind,
        otel.status_code = Empty,
        channel = Empty,
        conversation = Empty,
        what = Empty,
        messages = Empty,
        outbound = Empty,
        outcome = Empty,
        code = Empty,
    );
    if let Some(parent) = parent
        && !span.is_disabled()
    {
        let parent = Context::new().with_remote_span_context(parent.context());
        // It fails only where nobody exports this span.
        span.set_parent(parent).ok();
    }
    span
}

/// Names another trace that a step goes on with: it took several messages together.
pub fn link(step: &Span, other: &TraceParent) {
    if !step.is_disabled() {
        step.add_link(other.context());
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
    fn what_is_not_sampled_stays_so() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

        let child = TraceParent::parse(parent).unwrap().child();

        assert!(child.as_str().ends_with("-00"), "{child:?}");
        assert!(!child.context().is_sampled());
        assert!(child.context().is_valid());
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
