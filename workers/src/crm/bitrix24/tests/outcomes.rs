//! What each answer means.

use serde_json::json;

use super::support::{CODE, Play, Portal, hasty, problem, webhook, with};
use crate::crm::Trouble;
use crate::crm::bitrix24::client::Patience;
use zapis_core::store::Store;

/// In what a portal quotes of a customer.
const CUSTOMER: &str = "Анна +79001234567";

const HTML: &str = "<b>Анна +79001234567</b>";

/// Status, code and words of an answer, and what it means.
const CODES: &[(u16, &str, &str, &str)] = &[
    (
        503,
        "QUERY_LIMIT_EXCEEDED",
        "Too many requests",
        "Later Throttled QUERY_LIMIT_EXCEEDED",
    ),
    (
        429,
        "OPERATION_TIME_LIMIT",
        "Method is blocked due to operation time limit.",
        "Later Parked OPERATION_TIME_LIMIT",
    ),
    (
        503,
        "OVERLOAD_LIMIT",
        "REST API is blocked due to overload.",
        "Stopped Down OVERLOAD_LIMIT",
    ),
    (
        500,
        "INTERNAL_SERVER_ERROR",
        "Internal server error",
        "Unknown Down INTERNAL_SERVER_ERROR",
    ),
    (
        500,
        "ERROR_UNEXPECTED_ANSWER",
        "Server returned an unexpected response.",
        "Unknown Down ERROR_UNEXPECTED_ANSWER",
    ),
    (
        401,
        "expired_token",
        "The access token provided has expired.",
        "Stopped AuthBroken expired_token",
    ),
    (
        401,
        "invalid_token",
        "Unable to get application by token",
        "Stopped AuthBroken invalid_token",
    ),
    (
        401,
        "NO_AUTH_FOUND",
        "Wrong authorization data",
        "Stopped AuthBroken NO_AUTH_FOUND",
    ),
    (
        403,
        "INVALID_CREDENTIALS",
        "Invalid request credentials",
        "Stopped AuthBroken INVALID_CREDENTIALS",
    ),
    (
        403,
        "insufficient_scope",
        "The request requires higher privileges",
        "Stopped AuthBroken insufficient_scope",
    ),
    (
        403,
        "WRONG_AUTH_TYPE",
        "Application context required",
        "Stopped AuthBroken WRONG_AUTH_TYPE",
    ),
    (
        401,
        "METHOD_CONFIRM_WAITING",
        "Waiting for confirmation",
        "Stopped AuthBroken METHOD_CONFIRM_WAITING",
    ),
    (
        403,
        "ACCESS_DENIED",
        "REST API is available only on commercial plans.",
        "Stopped PlanExpired ACCESS_DENIED",
    ),
    (
        403,
        "ACCESS_DENIED",
        "Access denied!",
        "Stopped AuthBroken ACCESS_DENIED",
    ),
    // One record, not the portal.
    (
        400,
        "ACCESS_DENIED",
        "Доступ запрещен",
        "Refused Ok ACCESS_DENIED",
    ),
    (400, "", "Access denied.", "Refused Ok denied"),
    (
        401,
        "PAYMENT_REQUIRED",
        "Subscription has been ended",
        "Stopped PlanExpired PAYMENT_REQUIRED",
    ),
    (
        401,
        "APPLICATION_NOT_FOUND",
        "Application not found",
        "Stopped AuthBroken APPLICATION_NOT_FOUND",
    ),
    (
        500,
        "PORTAL_DELETED",
        "Portal was deleted",
        "Stopped Down PORTAL_DELETED",
    ),
    (
        404,
        "ERROR_METHOD_NOT_FOUND",
        "Method not found!",
        "Refused Ok ERROR_METHOD_NOT_FOUND",
    ),
    (
        400,
        "INVALID_REQUEST",
        "Https required.",
        "Stopped AuthBroken INVALID_REQUEST",
    ),
    (
        400,
        "INVALID_REQUEST",
        "Anything",
        "Refused Ok INVALID_REQUEST",
    ),
    (400, "NOT_FOUND", "Item not found", "Gone Ok NOT_FOUND"),
    (
        400,
        "OWNER_NOT_FOUND",
        "Owner was not found",
        "Gone Ok OWNER_NOT_FOUND",
    ),
    (400, "", "Not found", "Gone Ok gone"),
    (
        400,
        "",
        "ID is not defined or invalid.",
        "Refused Ok unnamed",
    ),
    (
        400,
        "100",
        "Could not find value for parameter {fields}",
        "Refused Ok 100",
    ),
    (
        400,
        "CRM_FIELD_ERROR_VALUE_NOT_VALID",
        CUSTOMER,
        "Refused Ok CRM_FIELD_ERROR_VALUE_NOT_VALID",
    ),
    (
        400,
        "INVALID_ARG_VALUE",
        "The field 'originId' is not allowed in filter",
        "Refused Ok filter_not_allowed",
    ),
    // A sentence is no code, and may quote a customer.
    (400, CUSTOMER, HTML, "Refused Ok other"),
    (403, "", HTML, "Stopped AuthBroken unnamed"),
    (418, "", "", "Refused Ok unnamed"),
    (429, "", "", "Later Throttled unnamed"),
    (408, "", "", "Unknown Down no_answer"),
    (599, "", "", "Unknown Down no_answer"),
    // An error of the server of tokens travels with 200.
    (200, "wrong_client", "", "Stopped AuthBroken wrong_client"),
];

/// A trouble in one line, without its words.
fn told(trouble: &Trouble) -> String {
    format!(
        "{:?} {:?} {}",
        trouble.verdict, trouble.health, trouble.code
    )
}

/// What a write ends with.
async fn written(play: Play) -> Trouble {
    let portal = Portal::playing([play]).await;
    let client = portal.client().await;
    let trouble = client.write("crm.item.add", json!({})).await.unwrap_err();
    assert_eq!(client.health(), trouble.health);
    let shown = format!("{trouble} {trouble:?} {client:?}");
    for secret in [CODE, "Анна", "79001234567", &portal.address] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert!(trouble.words.starts_with("crm.item.add: "), "{shown}");
    trouble
}

#[tokio::test]
async fn each_code_means_what_the_provider_says() {
    for &(status, code, text, expected) in CODES {
        let trouble = written(problem(status, code, text)).await;
        assert_eq!(told(&trouble), expected, "{status} {code} {text}");
        let cases = written(problem(status, &code.to_uppercase(), text)).await;
        assert_eq!(
            cases.verdict, trouble.verdict,
            "{status} {code} in capitals"
        );
    }
}

#[tokio::test]
async fn codes_are_numbers_and_objects_too() {
    let number = json!({ "error": 1021, "error_description": "Booking not found" });
    assert_eq!(
        told(&written(Play::Json(400, number)).await),
        "Gone Ok 1021"
    );
    let third = json!({ "error": { "code": "ACCESS_DENIED", "message": "no" } });
    let trouble = written(Play::Json(403, third)).await;
    assert_eq!(told(&trouble), "Stopped AuthBroken ACCESS_DENIED");
}

#[tokio::test]
async fn a_field_that_the_portal_wants_is_named_and_no_customer_is() {
    let text = format!(
        "Поле \"Источник\" обязательно. Неверный e-mail \"a@b.c\", \"{CUSTOMER}\", UF_CRM_17"
    );
    let trouble = written(problem(400, "CRM_FIELD_ERROR_REQUIRED", &text)).await;
    assert!(
        trouble.words.ends_with("(fields: UF_CRM_17, Источник)"),
        "{}",
        trouble.words
    );
}

#[tokio::test]
async fn a_write_without_an_answer_is_in_doubt_and_is_not_sent_again() {
    for play in [
        Play::Close,
        Play::Html(502),
        Play::Html(504),
        Play::Html(403),
        Play::Html(200),
        Play::Json(200, json!({ "neither": 1 })),
        Play::Json(200, json!([])),
        Play::Json(500, json!({ "result": 1 })),
    ] {
        let portal = Portal::playing([play]).await;
        let client = portal.client().await;

        let trouble = client.write("crm.item.add", json!({})).await.unwrap_err();

        assert_eq!(told(&trouble), "Unknown Down no_answer");
        assert_eq!(portal.calls().len(), 1);
    }
}

#[tokio::test]
async fn a_write_that_takes_too_long_is_in_doubt() {
    let portal = Portal::playing([Play::Silence]).await;
    let patience = Patience {
        write: std::time::Duration::from_millis(50),
        ..hasty()
    };
    let store = Store::open("sqlite::memory:").await.unwrap();
    let client = with(&portal.config(), &store, patience);

    let trouble = client.write("crm.item.add", json!({})).await.unwrap_err();

    assert_eq!(told(&trouble), "Unknown Down no_answer");
}

#[tokio::test]
async fn what_found_no_portal_was_certainly_not_done() {
    let closed = {
        let portal = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", portal.local_addr().unwrap())
    };
    // For the TLS stack.
    drop(Portal::playing([Play::Close]).await);
    let client = super::support::client(&webhook(&closed)).await;
    let trouble = client.write("crm.item.add", json!({})).await.unwrap_err();
    assert_eq!(told(&trouble), "Later Down no_connection");
}
