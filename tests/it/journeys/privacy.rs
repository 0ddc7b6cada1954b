//! What never leaves the program: secrets, phones, names, addresses of chats, words of customers. They
//! are planted, and looked for in everything that is written about the program's work.

use std::process::Output;

use chrono::DateTime;
use uuid::Uuid;
use zapis::config::ObservabilityConfig;
use zapis_core::store::DeadLetter;
use zapis_sandbox::{Fault, FaultKind, Provider, WhatsAppAction, WhatsAppCustomer};

use crate::support::again::again;
use crate::support::firm::visitor::Visitor;
use crate::support::firm::{APP_SECRET, Firm, On, STAFF, TELEGRAM_TOKEN, WHATSAPP_TOKEN, client};
use crate::support::sink::Sink;

const PHONE: &str = "79219998877";
const CHAT: i64 = 5_554_443_332;
const NAME: &str = "Аделаида Канарейкина";
const WORDS: &str = "Кенар спрашивает: какой у вас адрес?";
const STAFF_WORDS: &str = "Соловей отвечает";
const REPORTS_KEY: &str = "canaryreportskey";
const PASSWORD: &str = "canarypassword";

/// What to look for, whole or in the parts that matter.
fn canaries(token: &str) -> Vec<String> {
    let fixed = [
        PHONE,
        "9219998877",
        "921 999",
        "5554443332",
        "Аделаида",
        "Кенар",
        "Соловей",
        "Невский",
        TELEGRAM_TOKEN,
        WHATSAPP_TOKEN,
        APP_SECRET,
        REPORTS_KEY,
        PASSWORD,
    ];
    let fixed = fixed.iter().map(|&canary| canary.to_owned());
    fixed.chain([token.to_owned()]).collect()
}

fn look(place: &str, text: &str, canaries: &[String]) {
    assert!(!text.is_empty(), "nothing was written to the {place}");
    for canary in canaries {
        let line = text.lines().find(|line| line.contains(canary.as_str()));
        assert_eq!(line, None, "{canary} in the {place}");
    }
}

fn printed(output: &Output) -> String {
    let all = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&all).into_owned()
}

async fn nothing_of_a_customer_is_told(on: On, roles: Vec<Vec<&'static str>>) {
    let (traces, reports) = (Sink::open().await, Sink::open().await);
    let dsn = reports
        .url
        .replace("http://", &format!("http://{REPORTS_KEY}@"));
    let more = format!(
        "log = \"trace\"\notlp_endpoint = \"{}\"\nsentry_dsn = \"{dsn}/1\"",
        traces.url
    );
    let mut firm = Firm::with(on, &more, roles).await;

    let visitor_token = converse(&firm).await;
    refuse(&firm).await;
    reports.until("event_id").await;
    let commands = ask(&firm).await;
    let metrics = firm.metrics().await;
    firm.stop().await;

    let canaries = canaries(&visitor_token);
    assert!(metrics.contains("zapis_inbound_total"), "{metrics}");
    look("metrics", &metrics, &canaries);
    let log = firm.log();
    assert!(log.contains("\"level\":\"DEBUG\""), "the log holds details");
    look("log", &log, &canaries);
    let names: Vec<_> = traces.spans().into_iter().map(|span| span.name).collect();
    assert!(names.iter().any(|name| name == "deliver"), "{names:?}");
    look("traces", &traces.text(), &canaries);
    let reported = reports.text();
    assert!(reported.contains("/api/1/envelope/"), "{reported}");
    assert!(reported.contains("The account cannot send"), "{reported}");
    // The key is in the header that opens the door, and nowhere else.
    look("reports of errors", &reports.text(), &canaries);
    for (what, printed) in &commands {
        look(what, printed, &canaries);
    }
}

/// Customers write on every channel, a person answers one of them; the visitor's token.
async fn converse(firm: &Firm) -> String {
    let customer = WhatsAppCustomer {
        name: Some(NAME.into()),
        ..PHONE.into()
    };
    let writes = WhatsAppAction::Writes {
        customer,
        text: WORDS.into(),
        reply_to: None,
        at: None,
    };
    firm.sandbox.whatsapp(writes).unwrap();
    firm.sandbox.telegram_writes(CHAT, WORDS).unwrap();
    let mut visitor = Visitor::open(&firm.url, None, 0).await.unwrap();
    visitor.write(&Uuid::new_v4().to_string(), WORDS).await;
    visitor.next_of("message").await.unwrap();
    firm.whatsapp_answer(PHONE, 0).await;
    firm.telegram_answer(CHAT, 0).await;

    firm.sandbox
        .telegram_writes(CHAT, "Кенар просит: позовите человека")
        .unwrap();
    firm.telegram_answer(CHAT, 1).await;
    let topic = firm.staff_sees("Кенар просит").await;
    firm.sandbox
        .staff_writes(STAFF, topic, STAFF_WORDS)
        .unwrap();
    firm.telegram_answer(CHAT, 2).await;
    visitor.token()
}

/// What goes wrong, loudly: a forged webhook, and a provider that repeats everything in its refusal.
async fn refuse(firm: &Firm) {
    let webhook = format!("{}/webhooks/whatsapp/main", firm.url);
    let forged = client().post(webhook).body(WORDS).send().await.unwrap();
    assert_eq!(forged.status().as_u16(), 401);
    let message = format!("token {WHATSAPP_TOKEN} may not write to +{PHONE}: {WORDS}");
    let locked = FaultKind::Refuse {
        status: 401,
        code: 190,
        message,
    };
    firm.sandbox.add_fault(
        Fault::new(Provider::Whatsapp, locked)
            .on("messages")
            .times(2),
    );
    firm.sandbox.whatsapp_writes(PHONE, WORDS).unwrap();
    firm.logged("The account cannot send").await;
}

/// What the command line says where it need not show the customers' words.
async fn ask(firm: &Firm) -> Vec<(&'static str, String)> {
    let letter = DeadLetter {
        id: Uuid::from_u128(5),
        topic: "inbound".into(),
        key: format!("whatsapp:main:{PHONE}"),
        message_id: format!("preference:{PHONE}:1"),
        reason: "gave up after 5 attempts".into(),
        body: format!("{{\"text\":\"{WORDS}\"}}").into_bytes(),
        at: DateTime::from_timestamp(1_795_000_000, 0).unwrap(),
    };
    let store = firm.store().await;
    store.bury(std::slice::from_ref(&letter)).await.unwrap();
    let shown = printed(&firm.command(&["dead", "show", &letter.id.to_string()]));
    assert!(shown.contains(WORDS), "on purpose: {shown}");
    let lost = format!("postgres://zapis:{PASSWORD}@127.0.0.1:1/zapis");
    let without_store = firm
        .zapis(&["trace", "telegram:main:1"])
        .env("ZAPIS__ENGINES__STORE", &lost)
        .output();
    let wrong = firm
        .zapis(&["check"])
        .env("ZAPIS__OBSERVABILITY__SENTRY_DSN", PASSWORD)
        .output();
    vec![
        (
            "list of dead letters",
            printed(&firm.command(&["dead", "list"])),
        ),
        (
            "list of dead letters in JSON",
            printed(&firm.command(&["dead", "list", "--json"])),
        ),
        ("error of a command", printed(&without_store.unwrap())),
        ("check of a wrong setting", printed(&wrong.unwrap())),
        (
            "check of a running program",
            printed(&firm.command(&["check", "--connect"])),
        ),
    ]
}

#[tokio::test]
async fn nothing_of_a_customer_is_told_on_embedded_engines() {
    nothing_of_a_customer_is_told(On::Embedded, vec![vec!["run"]]).await;
}

#[tokio::test]
async fn nothing_of_a_customer_is_told_on_rabbitmq_redis_and_postgresql() {
    let roles = vec![vec!["gateway"], vec!["worker"]];
    nothing_of_a_customer_is_told(On::servers("classic"), roles).await;
}

#[tokio::test]
async fn the_words_of_a_panic_are_not_written_and_its_place_is() {
    let here = "journeys::privacy::the_words_of_a_panic_are_not_written_and_its_place_is";
    let Some(mut again) = again(here) else {
        return panic_with_a_customers_words().await;
    };
    let panicked = again.output().unwrap();

    let printed = printed(&panicked);
    assert!(panicked.status.success(), "{printed}");
    assert!(
        printed.contains("A part of the program panicked"),
        "{printed}"
    );
    assert!(printed.contains("privacy.rs:"), "{printed}");
    assert!(!printed.contains("Кенар"), "{printed}");
}

async fn panic_with_a_customers_words() {
    let telemetry = zapis::telemetry::start(&ObservabilityConfig::default(), "test").unwrap();
    let panicking = tokio::spawn(async { panic!("cannot read {WORDS}") });
    assert!(panicking.await.is_err());
    telemetry.finish().await;
}
