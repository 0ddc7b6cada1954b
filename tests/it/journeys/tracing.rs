//! One trace tells the way of a message, whichever processes it goes through.

use serde_json::Value;

use crate::support::firm::{Firm, On};
use crate::support::sink::{Sink, Span};

/// The chain of parents from a span to the beginning of its trace, the beginning first.
fn way(to: &Span, spans: &[Span]) -> Vec<Span> {
    let mut way = vec![to.clone()];
    while let Some(parent) = spans.iter().find(|span| span.id == way[0].parent) {
        way.insert(0, parent.clone());
    }
    way
}

fn delivered(span: &Span) -> bool {
    span.name == "report"
        && span
            .attributes
            .get("outcome")
            .is_some_and(|is| is == "delivered")
}

#[tokio::test]
async fn one_trace_leads_from_the_webhook_to_the_delivery_receipt_across_processes() {
    let sink = Sink::open().await;
    let more = format!("otlp_endpoint = \"{}\"", sink.url);
    let roles = vec![
        vec!["gateway"],
        vec!["worker", "answer"],
        vec!["worker", "send"],
        vec!["worker", "journal", "remind"],
    ];
    let firm = Firm::with(On::servers("quorum"), &more, roles).await;

    firm.sandbox
        .whatsapp_writes("79210000301", "Какой у вас адрес?")
        .unwrap();
    firm.whatsapp_answer("79210000301", 0).await;
    let (report, mut spans) = sink.span(delivered).await;
    // Each process exports when it likes.
    for name in ["accept", "answer", "send", "deliver"] {
        let step = |span: &Span| span.trace == report.trace && span.name == name;
        (_, spans) = sink.span(step).await;
    }

    let way = way(&report, &spans);
    let steps: Vec<_> = way
        .iter()
        .map(|span| (span.name.as_str(), span.role.as_str()))
        .collect();
    assert_eq!(
        steps,
        [
            ("accept", "gateway"),
            ("answer", "worker answer"),
            ("send", "worker send"),
            ("deliver", "worker send"),
            ("report", "worker remind journal"),
        ],
        "{spans:#?}"
    );
    assert!(way.iter().all(|span| span.trace == report.trace));
    assert!(way[0].parent.is_empty());
    assert_eq!(way[1].attributes["outcome"], "done");
    assert_eq!(way[3].attributes["outcome"], "sent");

    // The same trace is found from the conversation.
    let story = firm.command(&["trace", "whatsapp:main:79210000301", "--json"]);
    let story: Value = serde_json::from_slice(&story.stdout).unwrap();
    let ids: Vec<_> = story
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|step| step["trace_id"].as_str())
        .collect();
    assert!(ids.len() > 3, "{story:#}");
    assert!(ids.iter().all(|id| *id == report.trace), "{story:#}");
}

#[tokio::test]
async fn what_is_not_sampled_is_not_exported_and_is_still_told() {
    let sink = Sink::open().await;
    let more = format!("otlp_endpoint = \"{}\"\ntrace_ratio = 0.0", sink.url);
    let mut firm = Firm::with(On::Embedded, &more, vec![vec!["run"]]).await;

    firm.sandbox
        .telegram_writes(7_301, "Какой у вас адрес?")
        .unwrap();
    firm.telegram_answer(7_301, 0).await;
    firm.stop().await;

    assert_eq!(sink.spans().len(), 0);
    let story = firm.command(&["trace", "telegram:main:7301", "--json"]);
    let story: Value = serde_json::from_slice(&story.stdout).unwrap();
    assert!(story[0]["trace_id"].is_string(), "{story:#}");
}
