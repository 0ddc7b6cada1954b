//! What an error of the Graph API means for a message. Meta says it by `error.code`; its HTTP
//! statuses are not reliable.

use std::time::Duration;

use serde_json::Value;
use zapis_core::message::ProviderError;

use super::json::{id, text};
use crate::SendError;
use crate::http::clean;

/// What to do about a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Try again: it was not sent and nothing is wrong with it.
    Again,
    /// The number is too fast; wait this many seconds.
    Slow(u64),
    /// Too many messages to this customer.
    Pair,
    /// The 24-hour window is closed.
    Window,
    /// This customer cannot be reached here.
    Customer,
    /// This message is refused every time.
    Message,
    /// The number cannot send at all.
    Number,
    /// The answer tells nothing.
    Nothing,
}

/// The class of an error code.
fn class_of(code: i64) -> Class {
    match code {
        1 | 2 | 131_000 | 131_016 | 131_052 | 131_053 | 135_000 => Class::Again,
        4 | 80_007 | 131_057 => Class::Slow(60),
        130_429 => Class::Slow(5),
        131_048 => Class::Slow(600),
        131_056 => Class::Pair,
        131_047 => Class::Window,
        131_026 | 130_497 => Class::Customer,
        // 33 is a wrong id of the number: the messages are right and must wait for the operator.
        0
        | 3
        | 10
        | 33
        | 102
        | 190
        | 200..=299
        | 368
        | 131_005
        | 131_031
        | 131_037
        | 131_042
        | 131_044
        | 131_045
        | 133_010 => Class::Number,
        100 | 130_000..=139_999 => Class::Message,
        _ => Class::Nothing,
    }
}

/// The class of an answer without a code that we know.
fn class_of_status(status: u16) -> Class {
    match status {
        401 => Class::Number,
        429 => Class::Slow(5),
        400 | 413 | 414 | 422 => Class::Message,
        // A proxy or a load balancer answered in Meta's place, before Meta saw the request.
        300..=499 => Class::Again,
        _ => Class::Nothing,
    }
}

/// An answer that is not a success.
#[derive(Debug)]
pub(super) struct Refusal {
    class: Class,
    error: ProviderError,
    retry_after: Option<u64>,
}

impl Refusal {
    /// Reads an answer; nothing when it is a success. A body that is no JSON counts as empty.
    /// `retry_after` is the header of that name.
    pub(super) fn of(status: u16, body: &Value, retry_after: Option<u64>) -> Option<Self> {
        let success = (200..300).contains(&status);
        let error = body.get("error").filter(|error| !error.is_null());
        let Some(error) = error else {
            return (!success).then(|| Self {
                class: class_of_status(status),
                error: ProviderError {
                    code: status.to_string(),
                    text: "the answer has no error code".to_owned(),
                },
                retry_after,
            });
        };
        let code = id(error, "/code").and_then(|code| code.parse::<i64>().ok());
        let class = match (code, error["error_subcode"].as_i64()) {
            (Some(100), Some(33)) => Class::Number,
            (Some(code), _) => class_of(code),
            (None, _) => Class::Nothing,
        };
        let class = match class {
            Class::Nothing if error["is_transient"] == true => Class::Again,
            Class::Nothing => match class_of_status(status) {
                // Meta itself refused, for a reason that we do not know.
                Class::Again => Class::Message,
                other => other,
            },
            known => known,
        };
        let words = text(error, "/message").unwrap_or_default();
        let details = text(error, "/error_data/details").or_else(|| text(error, "/error_data"));
        Some(Self {
            class,
            error: ProviderError {
                code: code.map_or_else(|| status.to_string(), |code| code.to_string()),
                text: clean(&[words, details.unwrap_or_default()].join(" ")),
            },
            retry_after,
        })
    }

    /// Whether the pair of our number and the customer is too fast.
    pub(super) fn is_pair_rate(&self) -> bool {
        self.class == Class::Pair
    }

    /// As the sender takes it. `number` and `pair` are the buckets to close; `pair_pause` for how
    /// long the second.
    pub(super) fn into_send_error(
        self,
        number: String,
        pair: String,
        pair_pause: Duration,
    ) -> SendError {
        let error = self.error;
        match self.class {
            Class::Again => SendError::NotSent(said(&error)),
            Class::Slow(seconds) => SendError::TooFast {
                // An hour at most: a wrong header must not close the number for long.
                after: Duration::from_secs(self.retry_after.unwrap_or(seconds).clamp(1, 3_600)),
                bucket: number,
            },
            Class::Pair => SendError::TooFast {
                after: pair_pause,
                bucket: pair,
            },
            Class::Window => SendError::WindowClosed,
            Class::Customer => SendError::Unreachable(error),
            Class::Message => SendError::Refused(error),
            Class::Number => SendError::Stopped(error),
            Class::Nothing => SendError::Unknown(said(&error)),
        }
    }

    /// What the provider said, for an operator.
    pub(super) fn into_error(self) -> ProviderError {
        self.error
    }
}

/// For the log: the words may quote the message.
fn said(error: &ProviderError) -> Box<dyn std::error::Error + Send + Sync> {
    format!("Meta answered {}", error.code).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn outcome(status: u16, body: &Value) -> String {
        let Some(refusal) = Refusal::of(status, body, None) else {
            return "fine".into();
        };
        let pause = Duration::from_secs(16);
        match refusal.into_send_error("number".into(), "pair".into(), pause) {
            SendError::TooFast { after, bucket } => format!("slow {bucket} {}", after.as_secs()),
            SendError::Unreachable(_) => "unreachable".into(),
            SendError::Refused(_) => "refused".into(),
            SendError::WindowClosed => "window".into(),
            SendError::Stopped(_) => "stopped".into(),
            SendError::NotSent(_) => "not sent".into(),
            SendError::Unknown(_) => "unknown".into(),
        }
    }

    #[test]
    fn each_error_code_leads_to_what_can_be_done_about_it() {
        let table: &[(&[i64], &str)] = &[
            (
                &[1, 2, 131_000, 131_016, 131_052, 131_053, 135_000],
                "not sent",
            ),
            (&[4, 80_007, 131_057], "slow number 60"),
            (&[130_429], "slow number 5"),
            (&[131_048], "slow number 600"),
            (&[131_056], "slow pair 16"),
            (&[131_047], "window"),
            (&[131_026, 130_497], "unreachable"),
            (
                &[
                    0, 3, 10, 33, 190, 200, 299, 368, 131_005, 131_031, 131_037, 131_042, 131_044,
                    131_045,
                ],
                "stopped",
            ),
            (
                &[
                    100, 131_008, 131_009, 131_021, 131_030, 131_049, 131_050, 131_051, 131_062,
                    131_063, 131_064, 132_000, 132_001, 132_005, 132_007, 132_008, 132_012,
                    132_015, 132_016, 130_472, 133_016, 137_000,
                ],
                "refused",
            ),
        ];
        for (codes, expected) in table {
            for code in *codes {
                // The HTTP status says nothing where the code is known.
                for status in [400, 500, 200] {
                    let body = json!({"error": {"code": code, "message": "m"}});
                    assert_eq!(outcome(status, &body), *expected, "{code} with {status}");
                }
            }
        }
    }

    #[test]
    fn answers_without_a_code_are_judged_by_their_status() {
        for (status, expected) in [
            (200, "fine"),
            (302, "not sent"),
            (400, "refused"),
            (401, "stopped"),
            (403, "not sent"),
            (429, "slow number 5"),
            (500, "unknown"),
            (502, "unknown"),
            (504, "unknown"),
        ] {
            assert_eq!(outcome(status, &Value::Null), expected, "{status}");
        }
        assert_eq!(outcome(500, &json!({"error": {"code": 77}})), "unknown");
        assert_eq!(
            outcome(500, &json!({"error": {"code": 77, "is_transient": true}})),
            "not sent"
        );
        assert_eq!(outcome(403, &json!({"error": {"code": 77}})), "refused");
        assert_eq!(outcome(400, &json!({"error": "gone"})), "refused");
        assert_eq!(outcome(400, &json!({"error": {"code": "190"}})), "stopped");
        assert_eq!(
            outcome(400, &json!({"error": {"code": 100, "error_subcode": 33}})),
            "stopped"
        );
    }

    #[test]
    fn the_provider_s_wish_to_wait_is_obeyed() {
        let refusal = Refusal::of(429, &json!({"error": {"code": 429}}), Some(7)).unwrap();
        let error = refusal.into_send_error("n".into(), "p".into(), Duration::ZERO);
        assert!(matches!(error, SendError::TooFast { after, .. } if after.as_secs() == 7));
    }

    #[test]
    fn error_data_may_be_a_bare_text() {
        let body =
            json!({"error": {"code": 100, "message": "(#100) Invalid", "error_data": "param to"}});
        let error = Refusal::of(400, &body, None).unwrap().into_error();
        assert_eq!(error.text, "(#100) Invalid param to");
    }
}
