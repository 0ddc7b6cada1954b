//! Named places between two steps of a message's path, where tests end the process as `kill -9` would.
//!
//! [`point`] compiles to nothing unless the feature `crash-points` is on. Only the tests turn it on;
//! there `ZAPIS_CRASH_AT=turn.committed:3` ends the process when it passes `turn.committed` for the
//! third time (without a number: the first).

/// All places, in the order in which a message passes them. A test holds this list equal to the code.
pub const POINTS: [&str; 45] = [
    "intake.owned",
    "intake.buried",
    "intake.published",
    "polling.kept",
    "webchat.appended",
    "webchat.published",
    "webchat.marked",
    "webchat.acked",
    "queue.published_some",
    "lane.counted",
    "turn.loaded",
    "turn.escalated",
    "turn.committed",
    "turn.published",
    "lane.handled",
    "lane.forgotten",
    "lane.acked",
    "lane.buried",
    "lane.parked",
    "lane.settled",
    "lane.finished",
    "lane.unparked",
    "send.placed",
    "send.claimed",
    "send.called",
    "send.recorded",
    "send.alarmed",
    "send.drafted",
    "journal.reported",
    "journal.alarmed",
    "journal.written",
    "journal.acked",
    "remind.published",
    "remind.advanced",
    "dead.republished",
    "crm.heard",
    "crm.claimed",
    "crm.tried",
    "crm.settled",
    "erase.forgotten",
    "erase.scrubbed",
    "export.planned",
    "export.written",
    "retain.swept",
    "retain.ended",
];

/// Passes a place.
#[cfg(not(feature = "crash-points"))]
#[inline(always)]
pub const fn point(_name: &'static str) {}

/// Passes a place, or ends the process there when it is asked to.
#[cfg(feature = "crash-points")]
pub fn point(name: &'static str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    static PLACE: OnceLock<Option<(String, AtomicU32)>> = OnceLock::new();
    #[expect(
        clippy::disallowed_methods,
        reason = "an order of the test, not a setting"
    )]
    let place = PLACE.get_or_init(|| {
        let order = std::env::var("ZAPIS_CRASH_AT").ok()?;
        let (place, nth) = order.split_once(':').unwrap_or((&order, "1"));
        Some((place.to_owned(), AtomicU32::new(nth.parse().unwrap_or(1))))
    });
    if let Some((place, left)) = place
        && place == name
        && left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        std::process::abort();
    }
}
