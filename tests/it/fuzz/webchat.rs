//! The web chat: frames by POST and by socket, query strings, headers.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use rand::Rng;
use serde_json::Value;
use sha2::{Digest, Sha256};
use zapis_core::message::ConversationId;

use super::ground::Ground;
use super::mutate::{odd_text, spoilt, spoilt_bytes};
use super::{corpus, fuzz};

const ORIGIN: &str = "http://shop.example";

/// A visitor whom the site knows, by their token.
fn visitor(ground: &Ground, token: &str) {
    let hash = hex::encode(Sha256::digest(token));
    let conversation = ConversationId::new("webchat", "site", "0192f0c1").unwrap();
    let put = ground
        .store
        .put_visitor(&hash, &conversation, ground.clock.now());
    ground.block_on(put).unwrap();
}

/// Every frame gets an answer of the wire format, a repeat gets the same one, and what is acknowledged
/// is in the queue.
#[test]
fn frames() {
    let (trees, ground) = (corpus::webchat(), Ground::new());
    visitor(&ground, "t");
    fuzz("webchat::frames", 400, |round| {
        round.input = spoilt(&mut round.chance, &trees).text().into_bytes();
        if round.chance.random_bool(0.3) {
            round.input = spoilt_bytes(&mut round.chance, std::mem::take(&mut round.input));
        }
        // An id of its own, or everything would be a repeat of the first message.
        let id = uuid::Uuid::from_u128(round.chance.random()).to_string();
        let frame = String::from_utf8_lossy(&round.input);
        let frame = frame.replace("0192f0c1-2222-7333-8444-555555555555", &id);
        let post = || {
            let request = Request::post("/webchat/site/messages?token=t").header("origin", ORIGIN);
            ground.ask(request.body(Body::from(frame.clone())).unwrap())
        };
        let (first, second) = (post(), post());
        let answer: Value = serde_json::from_slice(&first.body).unwrap();
        let status = match answer["type"].as_str() {
            Some("ack") => {
                assert_eq!(
                    first.published.len(),
                    1,
                    "acknowledged and not in the queue"
                );
                assert!(second.published.is_empty(), "twice in the queue");
                assert_eq!(answer["id"].as_str(), Some(first.published[0].id.as_str()));
                StatusCode::OK
            }
            Some("error") => {
                assert!(first.published.is_empty());
                match answer["code"].as_str() {
                    Some("too_long") => StatusCode::PAYLOAD_TOO_LARGE,
                    Some("bad_frame" | "unknown_type") => StatusCode::BAD_REQUEST,
                    other => panic!("{other:?}"),
                }
            }
            _ => StatusCode::OK,
        };
        assert_eq!((first.status, second.status), (status, status));
        assert_eq!(first.body, second.body);
        ground.take(&first.published, frame.len());
        ground.clock.advance(Duration::from_mins(1));
    });
}

/// Whatever a query or a header says, a page gets its stream or a refusal, and a stranger nothing.
#[test]
fn queries() {
    let ground = Ground::new();
    visitor(&ground, "t");
    fuzz("webchat::queries", 200, |round| {
        let text = odd_text(&mut round.chance);
        let encoded: String = url_encoded(&text);
        let queries = [
            format!("token={encoded}"),
            format!("token=t&after={encoded}"),
            format!("{encoded}={encoded}&token=t&token=&after=9223372036854775807"),
            "token=t&after=-9223372036854775808".to_owned(),
        ];
        let query = &queries[round.chance.random_range(0..queries.len())];
        let origin = [
            ORIGIN,
            "http://shop.example:80/",
            "null",
            "http://shop.example.evil",
        ];
        let n = round.chance.random_range(0..origin.len());
        round.input = query.clone().into_bytes();
        let request = Request::get(format!("/webchat/site/events?{query}"))
            .header("origin", origin[n])
            .header("last-event-id", encoded.as_str())
            .header("accept-language", encoded.as_str());
        let status = ground.status(request.body(Body::empty()).unwrap());
        let expected = if n < 2 {
            StatusCode::OK
        } else {
            StatusCode::FORBIDDEN
        };
        assert_eq!(status, expected, "{}", origin[n]);
    });
}

fn url_encoded(text: &str) -> String {
    let bytes = text.bytes().take(2_000);
    url::form_urlencoded::byte_serialize(&bytes.collect::<Vec<u8>>()).collect()
}
