//! What is near in meaning is found where a server gives vectors, and nothing is lost where it does not.

use zapis_sandbox::{Call, CallFilter, Fault, FaultKind, Provider};

use crate::support::firm::{Firm, LLM_KEY, On, PATIENCE};

const QUESTION: &str = "Сколько стоит женская стрижка?";
const QUOTED: &str = "мытьё и сушка входят";
/// Letters of a question that is known, and no word of it.
const NEAR: &str = "выразрешитесобакуприйтисо мной?";

async fn firm() -> Firm {
    let more = format!(
        "\n[knowledge]\nvectors = {{ url = \"{{llm}}\", api_key = \"{LLM_KEY}\", model = \"sandbox-1\", deadline_ms = 5000 }}\n"
    );
    Firm::with(On::Embedded, &more, vec![vec!["run"]]).await
}

/// The texts that the server was asked for, one list for each call.
fn asked(firm: &Firm) -> Vec<Vec<String>> {
    let calls = firm.sandbox.calls(&CallFilter {
        provider: Some(Provider::Llm),
        method: Some("embeddings".into()),
        ..CallFilter::default()
    });
    let texts = |call: &Call| -> Vec<String> {
        serde_json::from_value(call.body["input"].clone()).unwrap()
    };
    calls.iter().map(texts).collect()
}

/// Waits until a counter has been there.
async fn counted(firm: &Firm, outcome: &str) {
    let line = format!("zapis_vectors_total{{outcome=\"{outcome}\"}}");
    let seen = async {
        while !firm.metrics().await.contains(&line) {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, seen).await.is_ok(), "{line}");
}

#[tokio::test]
async fn entries_get_vectors_once_and_questions_theirs() {
    let mut firm = firm().await;
    firm.logged("found by their meaning too").await;
    let entries = asked(&firm).len();
    assert!(entries > 1, "in batches");

    firm.sandbox
        .telegram_writes(
            7_801,
            "Сколько стоит женская стрижка? Мой номер 8 921 555-01-42",
        )
        .unwrap();

    assert!(firm.telegram_answer(7_801, 0).await.contains(QUOTED));
    let calls = asked(&firm);
    let question = calls[entries..].concat().join("\n");
    assert!(question.contains("женская стрижка"), "{question}");
    assert!(!question.contains("555-01-42"), "{question}");

    firm.kill();
    let before = asked(&firm).len();
    firm.start().await;
    firm.sandbox.telegram_writes(7_802, QUESTION).unwrap();
    assert!(firm.telegram_answer(7_802, 0).await.contains(QUOTED));
    let again = asked(&firm);
    let texts: usize = again[before..].iter().map(Vec::len).sum();
    assert!(
        texts <= 2,
        "nothing but the question: {:?}",
        &again[before..]
    );
    assert!(!firm.log().contains(LLM_KEY));
}

#[tokio::test]
async fn what_is_only_near_is_offered_and_not_said() {
    let firm = firm().await;
    firm.logged("found by their meaning too").await;

    firm.sandbox.telegram_writes(7_811, NEAR).unwrap();

    let answer = firm.telegram_answer(7_811, 0).await;
    assert!(!answer.to_lowercase().contains("собак"), "{answer}");
}

#[tokio::test]
async fn a_server_that_fails_costs_nobody_the_answer() {
    let firm = firm().await;
    firm.logged("found by their meaning too").await;
    let faults = [
        (FaultKind::Slow { ms: 60_000 }, "timed_out"),
        (
            FaultKind::Status {
                status: 502,
                html: true,
            },
            "failed",
        ),
        (FaultKind::CutBeforeAccept, "unreachable"),
    ];
    for (chat, (fault, outcome)) in (7_821..).zip(faults) {
        firm.sandbox.add_fault(Fault::new(Provider::Llm, fault));

        firm.sandbox.telegram_writes(chat, QUESTION).unwrap();

        let answer = firm.telegram_answer(chat, 0).await;
        assert!(answer.contains(QUOTED), "{answer}");
        counted(&firm, outcome).await;
        firm.sandbox.clear_faults();
    }
}

#[tokio::test]
async fn who_starts_without_the_server_gets_the_vectors_when_it_comes() {
    let more = format!(
        "\n[knowledge.vectors]\nurl = \"{{llm}}\"\napi_key = \"{LLM_KEY}\"\nmodel = \"sandbox-1\"\n"
    );
    let mut firm = Firm::closed(On::Embedded, &more, vec![vec!["run"]]).await;
    let gone = FaultKind::Status {
        status: 503,
        html: false,
    };
    firm.sandbox
        .add_fault(Fault::new(Provider::Llm, gone).times(2));
    firm.start().await;

    firm.sandbox.telegram_writes(7_831, QUESTION).unwrap();

    assert!(firm.telegram_answer(7_831, 0).await.contains(QUOTED));
    counted(&firm, "failed").await;
    firm.logged("found by their meaning too").await;
    // Beside this thread, which is the server's too.
    let mut check = firm.zapis(&["check", "--connect"]);
    let check = tokio::task::spawn_blocking(move || check.output().unwrap());
    let check = check.await.unwrap();
    let told = String::from_utf8_lossy(&check.stdout).into_owned();
    let line = told.lines().find(|line| line.starts_with("vectors"));
    assert!(
        line.is_some_and(|line| line.contains("256 dimensions")),
        "{told}"
    );
}
