//! What may be sent now: anything within 24 hours of the customer's last message, a template later.

use chrono::{DateTime, TimeDelta, Utc};

/// How long a customer's message opens the window.
const OPEN: TimeDelta = TimeDelta::hours(24);

/// Whether the window is open at a time, by the customer's last message.
pub(super) fn is_open(wrote_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    wrote_at.is_some_and(|wrote_at| now - wrote_at < OPEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_closes_with_the_twenty_fourth_hour() {
        let wrote = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let after = |seconds| is_open(Some(wrote), wrote + TimeDelta::seconds(seconds));

        assert!(after(0));
        assert!(after(86_399));
        assert!(!after(86_400));
        assert!(!after(86_401));
        assert!(!is_open(None, wrote));
    }
}
