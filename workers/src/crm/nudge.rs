//! One friendly question to a customer who left a booking unfinished, or wanted to think: when, and in which words.

use chrono::{DateTime, TimeDelta, Utc};
use zapis_core::message::Button;

use crate::answer::Reply;
use crate::dialogue::visit::Press;
use crate::remind::Quiet;
use crate::texts::{Phrase, Texts};
use crate::understand::Intent;
use crate::words::Language;

/// How long after a customer's message WhatsApp takes anything but paid templates (Cloud API, "Customer service
/// window").
const WHATSAPP: TimeDelta = TimeDelta::hours(24);
/// What is left of that time at least: a queue may hold a message up.
const SPARE: TimeDelta = TimeDelta::minutes(30);

/// So long after its time a question is out of place.
const STALE: TimeDelta = TimeDelta::days(2);

/// What the button of who declines carries.
const NOT_NOW: &str = Intent::ConfirmNo.id();

/// What a customer did not finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About<'a> {
    /// A booking; with the id of the service, where it was chosen.
    Booking(Option<&'a str>),
    /// Wanted to think about it.
    Thinking,
}

/// How long a channel takes what we write by ourselves, after a customer's message; nothing where that has no end.
pub(super) fn window(channel: &str) -> Option<TimeDelta> {
    (channel == "whatsapp").then_some(WHATSAPP)
}

/// When a customer is asked, so many minutes after the last word; put off while it is quiet. Nothing where it was
/// done for this enquiry, is switched off, or would be too late for the channel.
pub(super) fn due(
    wrote_at: DateTime<Utc>,
    minutes: u32,
    nudged: bool,
    quiet: Quiet,
    window: Option<TimeDelta>,
) -> Option<DateTime<Utc>> {
    if nudged || minutes == 0 {
        return None;
    }
    let wanted = wrote_at + TimeDelta::minutes(minutes.into());
    let due = if quiet.holds(wanted) {
        quiet.later(wanted)?
    } else {
        wanted
    };
    let fits = window.is_none_or(|window| due <= wrote_at + window - SPARE);
    fits.then_some(due)
}

/// What becomes of a question that is due now: when it may be asked, at once or later; nothing where the channel
/// takes it no more. Whoever was away comes back at night, or days later.
pub(super) fn again(
    now: DateTime<Utc>,
    planned: DateTime<Utc>,
    wrote_at: DateTime<Utc>,
    quiet: Quiet,
    window: Option<TimeDelta>,
) -> Option<DateTime<Utc>> {
    let due = if quiet.holds(now) {
        quiet.later(now)?
    } else {
        now
    };
    let end = window.map_or(planned + STALE, |window| wrote_at + window - SPARE);
    (due <= end).then_some(due)
}

/// What is asked. «Not now» is the answer of who declines.
pub(super) fn say(about: About<'_>, texts: &Texts, language: Language) -> Reply {
    let say = |phrase| texts.say(language, phrase, &[]);
    let (text, go_on, press) = match about {
        About::Booking(service) => {
            let press = service.map(|id| Press::Service(id.to_owned()));
            let press = press.unwrap_or(Press::Start);
            (Phrase::NudgeBooking, Phrase::ButtonGoOn, press)
        }
        About::Thinking => (Phrase::NudgeThinking, Phrase::ButtonBooking, Press::Start),
    };
    let button = |phrase, payload| Button {
        title: say(phrase),
        payload,
    };
    Reply {
        text: say(text),
        buttons: vec![
            button(go_on, press.payload()),
            button(Phrase::ButtonNotNow, NOT_NOW.to_owned()),
        ],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::business::{Address, Business, Tone};
    use crate::testing::{business, moscow, texts};

    fn quiet(phone: Option<&str>) -> Quiet {
        Quiet::or_night(&business(), phone)
    }

    /// When a customer who wrote then is asked, by the clock of Moscow.
    fn asked(wrote: &str, minutes: u32, quiet: Quiet, channel: &str) -> Option<String> {
        let due = due(moscow(wrote), minutes, false, quiet, window(channel))?;
        let due = due.with_timezone(&chrono_tz::Europe::Moscow);
        Some(due.format("%d %H:%M").to_string())
    }

    #[test]
    fn who_comes_back_late_asks_in_the_morning_or_not_at_all() {
        let again = |now: &str, channel| {
            let (planned, wrote) = (moscow("2026-11-26 15:00"), moscow("2026-11-26 12:00"));
            let due = again(moscow(now), planned, wrote, quiet(None), window(channel))?;
            Some(
                due.with_timezone(&chrono_tz::Europe::Moscow)
                    .format("%d %H:%M")
                    .to_string(),
            )
        };
        assert_eq!(again("2026-11-26 16:00", "telegram").unwrap(), "26 16:00");
        assert_eq!(again("2026-11-27 03:00", "telegram").unwrap(), "27 09:00");
        assert_eq!(again("2026-11-27 03:00", "whatsapp").unwrap(), "27 09:00");
        assert_eq!(again("2026-11-27 12:00", "whatsapp"), None);
        assert_eq!(again("2026-11-29 12:00", "telegram"), None);
    }

    #[test]
    fn a_customer_is_asked_once_after_the_set_time() {
        let at = |channel| asked("2026-11-26 12:00", 180, quiet(None), channel);
        assert_eq!(at("telegram").as_deref(), Some("26 15:00"));
        assert_eq!(at("whatsapp").as_deref(), Some("26 15:00"));
        let wrote = moscow("2026-11-26 12:00");
        assert_eq!(due(wrote, 180, true, quiet(None), None), None, "only once");
        assert_eq!(
            due(wrote, 0, false, quiet(None), None),
            None,
            "switched off"
        );
    }

    #[test]
    fn nobody_is_asked_at_night() {
        let at = |phone| asked("2026-11-26 19:00", 180, quiet(phone), "telegram");
        assert_eq!(at(None).as_deref(), Some("27 09:00"));
        // It is three hours later in Tashkent than in Moscow, minus one.
        assert_eq!(at(Some("+998901234567")).as_deref(), Some("27 07:00"));
        let no_hours = Business {
            quiet_hours: None,
            ..(*business()).clone()
        };
        let night = Quiet::or_night(&no_hours, None);
        let at = asked("2026-11-26 19:00", 180, night, "telegram");
        assert_eq!(at.as_deref(), Some("27 09:00"));
    }

    #[test]
    fn what_whatsapp_would_want_money_for_is_not_asked() {
        let day = 24 * 60;
        let at = |minutes, channel| asked("2026-11-26 12:00", minutes, quiet(None), channel);
        assert_eq!(at(day - 30, "whatsapp").as_deref(), Some("27 11:30"));
        assert_eq!(at(day - 29, "whatsapp"), None);
        assert_eq!(at(day, "telegram").as_deref(), Some("27 12:00"));
    }

    #[test]
    fn the_question_has_buttons_that_go_on_from_where_it_was_left() {
        let said = say(About::Booking(Some("women-cut")), &texts(), Language::Ru);
        assert_eq!(
            said.text,
            "Ваша запись осталась незавершённой: подобрать время?"
        );
        let buttons: Vec<_> = said
            .buttons
            .iter()
            .map(|one| one.payload.as_str())
            .collect();
        assert_eq!(buttons, ["visit:service:women-cut", "confirm_no"]);

        let tone = Tone {
            address: Address::Informal,
            ..texts().tone()
        };
        let said = say(About::Thinking, &texts().in_tone(tone), Language::Ru);
        assert!(said.text.contains("тебе"), "{}", said.text);
        assert_eq!(said.buttons[0].payload, "booking");
        let said = say(About::Booking(None), &texts(), Language::En);
        assert_eq!(said.buttons[0].payload, "booking");
    }

    proptest! {
        #[test]
        fn a_question_is_never_early_nor_at_night_nor_outside_the_window(
            seconds in 0..31_536_000_i64,
            minutes in 1..3_000_u32,
            whatsapp in any::<bool>(),
        ) {
            let wrote = moscow("2026-01-01 00:00") + TimeDelta::seconds(seconds);
            let quiet = quiet(None);
            let window = whatsapp.then_some(WHATSAPP);
            if let Some(due) = due(wrote, minutes, false, quiet, window) {
                prop_assert!(!quiet.holds(due));
                prop_assert!(due >= wrote + TimeDelta::minutes(minutes.into()));
                prop_assert!(!whatsapp || due - wrote <= WHATSAPP - SPARE);
            } else {
                prop_assert!(whatsapp);
            }
        }
    }
}
