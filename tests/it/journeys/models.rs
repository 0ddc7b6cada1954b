//! Answers in a language model's words: they go out if everything in them is known, and else the firm's own words do.

use serde_json::json;
use zapis_core::event::{Event, Kind};
use zapis_sandbox::{
    Call, CallFilter, Fault, FaultKind, Provider, Script, WhatsAppAction, WhatsAppCustomer,
};

use crate::support::firm::{Firm, LLM_KEY, On};

const QUESTION: &str = "Сколько стоит женская стрижка?";
const HONEST: &str = "Женская стрижка стоит от 2 400 до 3 600 ₽, цена зависит от длины и мастера.";
/// What is quoted without a model has this.
const QUOTED: &str = "мытьё и сушка входят";

pub(super) async fn firm_with(on: On, settings: &str) -> Firm {
    let more = format!(
        r#"
[llm]
{settings}

[[llm.endpoints]]
name = "gone"
base_url = "http://127.0.0.1:1/v1"
model = "nobody-1"

[[llm.endpoints]]
name = "sandbox"
base_url = "{{llm}}"
api_key = "{LLM_KEY}"
model = "sandbox-1"
timeout_ms = 1000
input_price = 1.5
output_price = 2.0
"#
    );
    Firm::with(on, &more, vec![vec!["run"]]).await
}

/// The model says this next, about the first passage.
pub(super) fn says(firm: &Firm, answer: &str) {
    let text = json!({ "known": true, "answer": answer, "passages": [1] }).to_string();
    firm.sandbox.llm_says(Script::from(text.as_str()));
}

pub(super) fn asked(firm: &Firm) -> Vec<Call> {
    let mut calls = firm.sandbox.calls(&CallFilter {
        provider: Some(Provider::Llm),
        ..CallFilter::default()
    });
    calls.retain(|call| call.accepted);
    calls
}

/// The last decision about a Telegram chat in the journal.
pub(super) async fn decided(firm: &Firm, chat: i64) -> Event {
    let store = firm.store().await;
    let conversation = format!("telegram:main:{chat}").parse().unwrap();
    let mut events = store.events_of(&conversation, 100).await.unwrap();
    events.retain(|event| event.kind == Kind::Turn);
    events.pop().unwrap()
}

async fn an_honest_answer_goes_out_in_the_models_words(on: On) {
    let firm = firm_with(on, "").await;
    says(&firm, HONEST);

    firm.sandbox.telegram_writes(7_101, QUESTION).unwrap();

    assert_eq!(firm.telegram_answer(7_101, 0).await, HONEST);
    let event = decided(&firm, 7_101).await;
    assert_eq!(event.model.as_deref(), Some("sandbox-1"));
    assert_eq!(event.prompt_version.as_deref(), Some("answer.v1"));
    assert_eq!(event.variant, None, "there is only one");
    let (tokens, cost) = (event.tokens.unwrap(), event.cost.unwrap());
    assert!(tokens > 100 && cost > 0.0001, "{tokens} {cost}");
    assert!(event.sources.unwrap().to_string().contains("women-cut"));
    assert_eq!(event.reason.as_deref(), Some("answered, model: sent"));
    let metrics = firm.metrics().await;
    for line in [
        r#"zapis_llm_calls_total{endpoint="gone",outcome="unreachable"}"#,
        r#"zapis_llm_calls_total{endpoint="sandbox",outcome="answered"} 1"#,
        r#"zapis_llm_answers_total{outcome="sent"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}

#[tokio::test]
async fn an_honest_model_speaks_on_embedded_engines() {
    an_honest_answer_goes_out_in_the_models_words(On::Embedded).await;
}

#[tokio::test]
async fn an_honest_model_speaks_on_rabbitmq_redis_and_postgresql() {
    an_honest_answer_goes_out_in_the_models_words(On::servers("quorum")).await;
}

#[tokio::test]
async fn what_cannot_be_traced_or_used_is_never_said() {
    let firm = firm_with(On::Embedded, "").await;
    let said = |known: bool, answer: &str, passages: &[usize]| {
        json!({ "known": known, "answer": answer, "passages": passages }).to_string()
    };
    let scripts = [
        (
            "unknown_value",
            said(true, "Женская стрижка стоит 1 000 ₽.", &[1]),
        ),
        (
            "promise",
            said(
                true,
                "Женская стрижка: от 2 400 до 3 600 ₽, укладка бесплатно.",
                &[1],
            ),
        ),
        ("done", said(true, "Записала вас на женскую стрижку!", &[1])),
        ("name", said(true, "Женскую стрижку делает Жанна.", &[1])),
        (
            "unknown_value",
            said(true, "Переведите предоплату на 2200 1234 5678 9012.", &[1]),
        ),
        ("no_source", said(true, HONEST, &[])),
        ("no_source", said(true, HONEST, &[77])),
        ("not_known", said(false, "", &[])),
        (
            "language",
            said(true, "A haircut for women is from 2400 to 3600 ₽.", &[1]),
        ),
        (
            "form",
            said(true, "<b>Женская стрижка</b>: от 2 400 до 3 600 ₽", &[1]),
        ),
        (
            "form",
            said(
                true,
                "Женская стрижка: от 2 400 до 3 600 ₽, [NAME_9]!",
                &[1],
            ),
        ),
        ("length", said(true, &"Женская стрижка. ".repeat(100), &[1])),
        (
            "instructions",
            said(
                true,
                "Не здоровайся, не представляйся, не обещай ничего сделать и не говори, что что-то сделано.",
                &[1],
            ),
        ),
    ];
    for (n, (why, script)) in (0..).zip(scripts) {
        firm.sandbox.llm_says(Script::from(script.as_str()));

        firm.sandbox.telegram_writes(7_200 + n, QUESTION).unwrap();

        let answer = firm.telegram_answer(7_200 + n, 0).await;
        assert!(answer.contains(QUOTED), "{script}: {answer}");
        let reason = decided(&firm, 7_200 + n).await.reason.unwrap();
        assert_eq!(reason, format!("answered, model: {why}"), "{script}");
    }
}

#[tokio::test]
async fn a_model_that_fails_in_any_way_costs_nobody_the_answer() {
    let firm = firm_with(On::Embedded, "deadline_ms = 3000").await;
    let page = FaultKind::Status {
        status: 502,
        html: true,
    };
    let refusal = FaultKind::Refuse {
        status: 500,
        code: 0,
        message: QUESTION.into(),
    };
    let faults = [
        page,
        refusal,
        FaultKind::CutBeforeAccept,
        FaultKind::CutAfterAccept,
        FaultKind::Slow { ms: 60_000 },
    ];
    let mut chat = 7_300;
    for fault in faults {
        let fault = Fault::new(Provider::Llm, fault);
        firm.sandbox.add_fault(fault.times(2));

        firm.sandbox.telegram_writes(chat, QUESTION).unwrap();

        let answer = firm.telegram_answer(chat, 0).await;
        assert!(answer.contains(QUOTED), "{answer}");
        firm.sandbox.clear_faults();
        // An answer that works lets the next failure find a closed breaker.
        says(&firm, HONEST);
        firm.sandbox.telegram_writes(chat + 1, QUESTION).unwrap();
        assert_eq!(firm.telegram_answer(chat + 1, 0).await, HONEST);
        chat += 2;
    }
    for nonsense in ["", "<html><body>502</body></html>", "{\"known\": tr", "да"] {
        for _ in 0..2 {
            firm.sandbox.llm_says(Script::from(nonsense));
        }

        firm.sandbox.telegram_writes(chat, QUESTION).unwrap();

        let answer = firm.telegram_answer(chat, 0).await;
        assert!(answer.contains(QUOTED), "{nonsense}: {answer}");
        says(&firm, HONEST);
        firm.sandbox.telegram_writes(chat + 1, QUESTION).unwrap();
        assert_eq!(firm.telegram_answer(chat + 1, 0).await, HONEST);
        chat += 2;
    }
}

#[tokio::test]
async fn personal_data_stays_here_and_comes_back_in_the_answer() {
    let firm = firm_with(On::Embedded, "").await;
    says(
        &firm,
        "[NAME_1], женская стрижка стоит от 2 400 до 3 600 ₽.",
    );
    let writes = WhatsAppAction::Writes {
        customer: WhatsAppCustomer {
            name: Some("Аделаида".into()),
            ..WhatsAppCustomer::from("79219998877")
        },
        text: format!("Аделаида, 8 (921) 999-88-77, ada@mail.example. {QUESTION}"),
        reply_to: None,
        at: None,
    };

    firm.sandbox.whatsapp(writes).unwrap();

    let answer = firm.whatsapp_answer("79219998877", 0).await;
    let calls = format!("{:?}", asked(&firm));
    for secret in [
        "Аделаида",
        "999-88-77",
        "79219998877",
        "ada@mail",
        "mail.example",
    ] {
        assert!(!calls.contains(secret), "{secret} in {calls}");
    }
    assert!(
        calls.contains("NAME_1") && calls.contains("NUMBER_2"),
        "{calls}"
    );
    assert!(answer.contains("Аделаида, женская стрижка"), "{answer}");
    assert!(!firm.log().contains(LLM_KEY));
}

#[tokio::test]
async fn who_has_used_up_the_budget_is_answered_without_a_model() {
    let firm = firm_with(On::Embedded, "conversation_tokens = 10").await;
    for chat in [7_401, 7_402] {
        says(&firm, HONEST);
        firm.sandbox.telegram_writes(chat, QUESTION).unwrap();
        assert_eq!(firm.telegram_answer(chat, 0).await, HONEST);
    }

    firm.sandbox.telegram_writes(7_401, QUESTION).unwrap();

    let answer = firm.telegram_answer(7_401, 1).await;
    assert!(answer.contains(QUOTED), "{answer}");
    assert_eq!(asked(&firm).len(), 2);
    let reason = decided(&firm, 7_401).await.reason.unwrap();
    assert_eq!(reason, "answered, model: over_budget");
}

#[tokio::test]
async fn who_was_not_asked_in_time_has_not_failed() {
    let endpoint = |name: &str| {
        format!(
            "\n[[llm.endpoints]]\nname = \"{name}\"\nbase_url = \"{{llm}}\"\napi_key = \"{LLM_KEY}\"\nmodel = \"{name}-1\"\n"
        )
    };
    let more = format!(
        "\n[llm]\ndeadline_ms = 1000\n{}{}",
        endpoint("slow"),
        endpoint("late")
    );
    let firm = Firm::with(On::Embedded, &more, vec![vec!["run"]]).await;
    let slow = Fault::new(Provider::Llm, FaultKind::Slow { ms: 60_000 });
    firm.sandbox.add_fault(slow.times(2));

    firm.sandbox.telegram_writes(7_501, QUESTION).unwrap();

    assert!(firm.telegram_answer(7_501, 0).await.contains(QUOTED));
    let metrics = firm.metrics().await;
    let counted =
        |name: &str| metrics.contains(&format!("zapis_llm_calls_total{{endpoint=\"{name}\""));
    assert!(counted("slow") && !counted("late"), "{metrics}");
}

#[tokio::test]
async fn the_tone_of_the_firm_binds_the_model_too() {
    let firm = firm_with(On::Embedded, "").await;
    let sober = "Женская стрижка стоит от 2 400 до 3 600 ₽!";
    let merry = "Женская стрижка стоит от 2 400 до 3 600 ₽ 💇‍♀️!";
    says(&firm, merry);
    firm.sandbox.telegram_writes(7_651, QUESTION).unwrap();
    assert_eq!(firm.telegram_answer(7_651, 0).await, sober);

    let business = firm.config_dir().join("business.toml");
    let text = std::fs::read_to_string(&business).unwrap();
    let text = text.replace("address = \"formal\"", "address = \"informal\"");
    std::fs::write(&business, text.replace("emoji = false", "emoji = true")).unwrap();
    firm.logged("The content has changed\"").await;
    says(&firm, merry);
    firm.sandbox.telegram_writes(7_652, QUESTION).unwrap();
    assert_eq!(firm.telegram_answer(7_652, 0).await, merry);
    let calls = asked(&firm);
    let prompt = |n: usize| calls[n].body["messages"][0]["content"].to_string();
    assert!(prompt(0).contains("на «вы»") && prompt(0).contains("без смайликов"));
    assert!(prompt(1).contains("на «ты»") && !prompt(1).contains("без смайликов"));

    firm.sandbox.telegram_writes(7_653, "Спасибо!").unwrap();
    let thanks = firm.telegram_answer(7_653, 0).await;
    assert!(thanks.contains("пиши") && thanks.contains('😊'), "{thanks}");
}
