//! A master subscribes to her visits: the calendar follows the book until its address is taken back.

use std::process::Output;

use chrono::{DateTime, Utc};
use reqwest::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use reqwest::{Method, Response};
use serde_json::Value;

use crate::support::firm::{Firm, On, client};

fn json(output: &Output) -> Value {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn ask(method: Method, url: &str, known: &str) -> Response {
    let request = client().request(method, url).header(IF_NONE_MATCH, known);
    request.send().await.unwrap()
}

/// What a calendar program gets that does not know the text of this tag: its tag, and the text.
async fn news(url: &str, known: &str) -> (String, String) {
    let read = ask(Method::GET, url, known).await;
    assert_eq!(read.status(), 200);
    assert_eq!(read.headers()[CONTENT_TYPE], "text/calendar; charset=utf-8");
    assert_eq!(read.headers()[CACHE_CONTROL], "private, no-cache");
    let tag = read.headers()[ETAG].to_str().unwrap().to_owned();
    assert_ne!(tag, known);
    (tag, read.text().await.unwrap())
}

/// Nothing is sent again to a program that knows the text, or that asks for no text.
async fn no_news(url: &str, tag: &str) {
    let known = format!("\"x\", W/{tag}");
    for (method, known, status) in [(Method::GET, known.as_str(), 304), (Method::HEAD, "", 200)] {
        let answer = ask(method, url, known).await;
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()[ETAG], tag);
        assert_eq!(answer.text().await.unwrap(), "");
    }
}

/// As commands take a time, and as calendars tell it.
fn both(time: &Value) -> (String, String) {
    let time = time.as_str().unwrap();
    let utc: DateTime<Utc> = time.parse().unwrap();
    (
        time[..16].replace('T', " "),
        utc.format("DTSTART:%Y%m%dT%H%M%SZ").to_string(),
    )
}

async fn a_calendar_follows_the_book(on: On, roles: Vec<Vec<&'static str>>) {
    let mut firm = Firm::with(on, "log = \"trace\"", roles).await;
    let run = |arguments: &[&str]| json(&firm.command(&[arguments, &["--json"]].concat()));
    let free = run(&["book", "free", "manicure", "--person", "anna"]);
    let (first, begins) = both(&free[10]["starts_at"]);
    let (second, moved_to) = both(&free[15]["starts_at"]);
    let add = ["book", "add", "manicure", "--person", "anna", "--at"];
    let customer = [&first, "--name", "Ольга", "--phone", "+7 921 555-01-42"];
    let booked = run(&[&add[..], &customer].concat());
    let feed = run(&["book", "feed", "add", "--person", "anna"]);
    let url = feed["url"].as_str().unwrap();
    let token = url.rsplit(['/', '.']).nth(1).unwrap();

    let (tag, text) = news(url, "\"another\"").await;
    assert!(text.contains(&begins), "{begins} in {text}");
    assert!(text.contains("Ольга"), "{text}");
    no_news(url, &tag).await;

    let id = booked["id"].as_str().unwrap();
    run(&["book", "move", id, "--at", &second]);
    let (tag, text) = news(url, &tag).await;
    assert!(text.contains(&moved_to), "{moved_to} in {text}");
    assert!(!text.contains(&begins), "{begins} in {text}");

    let business = firm.config_dir().join("business.toml");
    let edited = std::fs::read_to_string(&business).unwrap();
    std::fs::write(&business, edited.replace("Анна Соколова", "Анна Лис")).unwrap();
    let (_, text) = news(url, &tag).await;
    assert!(text.contains("X-WR-CALNAME:Анна Лис"), "{text}");

    let listed = run(&["book", "feed", "list"]);
    assert_eq!(listed[0]["id"], feed["id"]);
    let again = listed.to_string();
    assert!(!again.contains(token), "the address is told once: {again}");
    run(&["book", "feed", "revoke", feed["id"].as_str().unwrap()]);
    let unknown = url.replace(token, &"0".repeat(token.len()));
    for nothing in [url, &unknown, &url.replace(".ics", "")] {
        let answer = ask(Method::GET, nothing, "*").await;
        assert_eq!(answer.status(), 404, "{nothing}");
        assert_eq!(answer.text().await.unwrap(), "");
    }

    let metrics = firm.metrics().await;
    firm.stop().await;
    let log = firm.log();
    assert!(log.contains("Started"), "{log}");
    assert!(!log.contains(token) && !metrics.contains(token), "{log}");
}

#[tokio::test]
async fn a_calendar_shows_what_the_book_has_until_it_is_taken_back() {
    a_calendar_follows_the_book(On::Embedded, vec![vec!["run"]]).await;
}

#[tokio::test]
async fn the_same_by_a_gateway_on_servers() {
    let roles = vec![vec!["gateway"], vec!["worker"]];
    a_calendar_follows_the_book(On::servers("quorum"), roles).await;
}
