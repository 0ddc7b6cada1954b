//! A person is erased, and nothing of her is left: canaries are planted in every engine and looked for in every
//! table, key, queue and file.

use std::process::Output;

use chrono::TimeDelta;
use serde_json::{Value, json};
use uuid::Uuid;
use zapis_core::Clock;
use zapis_core::event::{Event, Kind};
use zapis_core::intake::inbound_message;
use zapis_core::message::{ConversationId, Inbound, Profile, What};
use zapis_core::store::{Begun, DeadLetter, Merged, Parked, Store, WaitEntry};
use zapis_core::trace::TraceParent;
use zapis_sandbox::{
    Call, CallFilter, CrmEntity, CrmItem, Fault, FaultKind, Provider, TelegramAction,
    TelegramRequest, WhatsAppAction, WhatsAppCustomer,
};

use crate::support::firm::visitor::Visitor;
use crate::support::firm::{Firm, LLM_KEY, On, PATIENCE, STAFF};

const PHONE: &str = "79219998877";
const CHAT: i64 = 5_554_443_332;
const NAME: &str = "Аделаида Канарейкина";
const NEIGHBOUR: i64 = 7_321;

/// What must be nowhere: her words, names, ids, and her phone as it is kept and as she spells it.
fn canaries(visitor: &str) -> Vec<String> {
    let fixed = [
        "9219998877",
        "921 999 88 77",
        "5554443332",
        "Аделаида",
        "Канарейкина",
        "Кенар",
        "kenar_ka",
    ];
    let visitor = visitor.rsplit(':').next().unwrap().to_owned();
    fixed
        .iter()
        .map(|&one| one.to_owned())
        .chain([visitor])
        .collect()
}

fn whatsapp(text: &str) -> WhatsAppAction {
    WhatsAppAction::Writes {
        customer: WhatsAppCustomer {
            name: Some(NAME.into()),
            ..PHONE.into()
        },
        text: text.into(),
        reply_to: None,
        at: None,
    }
}

/// She writes to the bot under her name.
fn telegram(firm: &Firm, text: &str) {
    let writes = TelegramAction::Writes {
        chat: CHAT,
        text: text.into(),
        reply_to: None,
        at: None,
    };
    let writes = TelegramRequest {
        name: Some(NAME.into()),
        username: Some("kenar_ka".into()),
        ..writes.into()
    };
    firm.sandbox.telegram(writes).unwrap();
}

/// She books on WhatsApp, which knows her phone.
async fn books(firm: &Firm) {
    firm.sandbox
        .whatsapp(whatsapp("Кенар: запишите на женскую стрижку"))
        .unwrap();
    assert!(
        firm.whatsapp_answer(PHONE, 0)
            .await
            .contains("свободное время")
    );
    firm.sandbox.whatsapp(whatsapp("второе")).unwrap();
    assert!(firm.whatsapp_answer(PHONE, 1).await.contains("Вы согласны"));
    firm.sandbox
        .whatsapp_presses(PHONE, "Согласен(на)")
        .unwrap();
    firm.whatsapp_answer(PHONE, 2).await;
    firm.sandbox.whatsapp(whatsapp("да")).unwrap();
    let booked = firm.whatsapp_answer(PHONE, 3).await;
    assert!(booked.contains("Вы записаны"), "{booked}");
}

/// She books on the site, telling name and phone; her conversation.
async fn visits_the_site(firm: &Firm) -> ConversationId {
    let mut visitor = Visitor::open(&firm.url, None, 0).await.unwrap();
    let talk = [
        ("Кенар: хочу на педикюр без покрытия", "свободное время"),
        ("первое", "Вы согласны"),
        ("согласна", "Как вас зовут"),
        ("Аделаида", "номер телефона"),
        ("8 (921) 999 88 77", "Имя: Аделаида"),
        ("да", "Вы записаны"),
    ];
    for (n, (words, part)) in talk.into_iter().enumerate() {
        let id = format!("0192f0c1-0000-7000-8000-{n:012}");
        assert!(visitor.write(&id, words).await);
        let answer = loop {
            let frame = visitor.next_of("message").await.unwrap();
            if frame["from"] == "bot" {
                break frame["text"].as_str().unwrap().to_owned();
            }
        };
        assert!(answer.contains(part), "{words}: {answer}");
    }
    visitor.hello["conversation"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

/// What else there can be of her: waiting, rated, set aside, parked.
async fn is_everywhere(store: &Store, hers: &ConversationId, neighbour: &ConversationId) {
    let now = Clock::system().now();
    let wish = json!({ "items": [], "when": "Кенар" });
    let later = now + TimeDelta::days(7);
    let waits = WaitEntry::new(Uuid::new_v4(), hers.clone(), wish, now, later);
    store.put_waiting(&waits, &[]).await.unwrap();
    let mut rated = Event::new(Uuid::new_v4(), Kind::Rating, now).about(hers);
    rated.customer_text = Some("Кенар доволен".into());
    store.journal(&[rated], &[]).await.unwrap();
    let letter = |n, topic: &str, key: &ConversationId, body: &str| DeadLetter {
        id: Uuid::from_u128(n),
        topic: topic.into(),
        key: if topic == "inbound" {
            key.as_str().into()
        } else {
            String::new()
        },
        message_id: format!("m{n}"),
        reason: "gave up after 5 attempts".into(),
        body: body.as_bytes().to_vec(),
        at: now,
    };
    let letters = [
        letter(1, "inbound", hers, "{\"text\":\"Кенар\"}"),
        letter(
            2,
            "webhook.telegram",
            hers,
            &format!("{{\"id\":{CHAT},\"text\":\"Кенар\"}}"),
        ),
        letter(3, "inbound", neighbour, "{\"text\":\"Сосед\"}"),
    ];
    store.bury(&letters).await.unwrap();
    for (whose, words) in [(hers, "Кенар"), (neighbour, "Сосед")] {
        let parked = Parked {
            seq: 0,
            id: "p1".into(),
            body: format!("{{\"text\":\"{words}\"}}").into(),
            trace: TraceParent::start(),
        };
        store
            .park("outbound.none", whose.as_str(), &[parked], later)
            .await
            .unwrap();
    }
}

/// Everything that the engines and the folder hold, as text, by place.
fn everything(firm: &Firm) -> Vec<(String, Vec<u8>)> {
    let mut all = vec![("log".to_owned(), firm.log().into_bytes())];
    for file in std::fs::read_dir(firm.data_dir()).unwrap() {
        let file = file.unwrap();
        if file.file_type().unwrap().is_file() {
            let name = file.file_name().to_string_lossy().into_owned();
            all.push((name, std::fs::read(file.path()).unwrap()));
        }
    }
    if let Some(servers) = firm.servers() {
        let tables =
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'";
        for table in servers.database.sql(tables).lines() {
            let rows = servers
                .database
                .sql(&format!("SELECT row::text FROM {table} AS row"));
            all.push((table.to_owned(), rows.into_bytes()));
        }
        for key in servers.redis.cli(&["KEYS", "*"]).lines() {
            let kind = servers.redis.cli(&["TYPE", key]);
            let read = if kind.trim() == "hash" {
                "HGETALL"
            } else {
                "GET"
            };
            let value = servers.redis.cli(&[read, key]);
            all.push((format!("key {key}"), format!("{key} {value}").into_bytes()));
        }
    }
    all
}

/// Where a canary is found, as text or as the bytes of a column in hex.
fn found(firm: &Firm, canaries: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for (place, bytes) in everything(firm) {
        for canary in canaries {
            let forms = [canary.clone(), hex::encode(canary)];
            let holds = |form: &String| {
                bytes
                    .windows(form.len())
                    .any(|part| part == form.as_bytes())
            };
            if forms.iter().any(holds) {
                found.push(format!("{canary} in {place}"));
            }
        }
    }
    found
}

/// Waits until the queue is empty, and until nothing is in hand for the CRM.
async fn rests(firm: &Firm) {
    let give_up = tokio::time::Instant::now() + PATIENCE;
    let busy = "SELECT count(*) FROM crm_jobs WHERE state = 'in_flight'";
    while firm.queued() > 0 || firm.count(busy) > 0 {
        assert!(
            tokio::time::Instant::now() < give_up,
            "{:?}",
            firm.queued_where()
        );
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// She writes on every channel, and her neighbour on one; her conversation on the site.
async fn everybody_writes(firm: &Firm) -> ConversationId {
    telegram(firm, "Сколько стоит женская стрижка?");
    firm.telegram_answer(CHAT, 0).await;
    telegram(firm, "Кенар просит: позовите человека");
    firm.telegram_answer(CHAT, 1).await;
    let topic = firm.staff_sees("Кенар просит").await;
    let staff = firm.sandbox.staff_writes(STAFF, topic, "Отвечает Мария");
    staff.unwrap();
    firm.telegram_answer(CHAT, 2).await;
    books(firm).await;
    let visitor = visits_the_site(firm).await;
    let asks = "Сосед: где вы находитесь?";
    firm.sandbox.telegram_writes(NEIGHBOUR, asks).unwrap();
    firm.telegram_answer(NEIGHBOUR, 0).await;
    let two = |leads: &[CrmItem]| leads.len() >= 2;
    let leads = firm.sandbox.bitrix24_until(CrmEntity::Lead, PATIENCE, two);
    assert!(two(&leads.await));
    visitor
}

/// Erases her as an operator does; the receipt.
fn erased(firm: &Firm, person: &str) -> Value {
    let refused = firm.command(&["erase", "--person", person, "--yes"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(printed(&refused).contains("--cancel-visits"), "{refused:?}");
    let told = firm.command(&["erase", "--person", person, "--dry-run"]);
    assert!(told.status.success(), "{told:?}");
    assert!(printed(&told).contains("chat_log"), "{told:?}");
    let erase = ["erase", "--person", person, "--cancel-visits", "--yes"];
    let erased = firm.command(&[&erase[..], &["--json"]].concat());
    let log = firm.log();
    assert!(erased.status.success(), "{}\n{log}", printed(&erased));
    let receipt: Value = serde_json::from_slice(&erased.stdout).unwrap();
    assert!(receipt["ended_at"].is_string(), "{receipt}");
    assert!(receipt["sessions"].as_u64() >= Some(3), "{receipt}");
    let records = receipt["crm"].as_array();
    assert!(records.is_some_and(|all| all.len() >= 2), "{receipt}");
    receipt
}

/// Nothing is found; keys of limits go by themselves, within seconds.
async fn nothing_is_found(firm: &Firm, canaries: &[String]) {
    let give_up = tokio::time::Instant::now() + PATIENCE;
    let mut left = found(firm, canaries);
    while left.iter().any(|place| place.contains("bucket")) {
        assert!(tokio::time::Instant::now() < give_up, "{left:?}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        left = found(firm, canaries);
    }
    assert_eq!(left, Vec::<String>::new());
}

async fn nothing_is_left_of_her(on: On, roles: Vec<Vec<&'static str>>) {
    let mut firm = Firm::with(on, "{crm}\n[autonomy]\nprice = \"draft\"\n", roles).await;
    let store = firm.store().await;
    let visitor = everybody_writes(&firm).await;
    let chat: ConversationId = format!("telegram:main:{CHAT}").parse().unwrap();
    let neighbour: ConversationId = format!("telegram:main:{NEIGHBOUR}").parse().unwrap();
    let number = format!("whatsapp:main:{PHONE}").parse().unwrap();
    let number = firm.conversation(&store, &number).await;
    is_everywhere(&store, &chat, &neighbour).await;
    let now = Clock::system().now();
    for one in [&chat, &visitor] {
        let merged = store.merge_customers(&number, one, "phone", "Мария", now);
        assert!(matches!(merged.await, Ok(Merged::Done(_))));
    }
    rests(&firm).await;
    let canaries = canaries(visitor.as_str());
    let before = found(&firm, &canaries);
    assert!(before.len() > 10, "{before:?}");
    let figures = ["events", "ledger", "bookings", "reminders"];
    let count = |table| firm.count(&format!("SELECT count(*) FROM {table}"));
    let counts = figures.map(count);
    let of_neighbour = store.events_of(&neighbour, 100).await.unwrap();
    let parked = store.parked_of(&neighbour).await.unwrap();

    the_document_has_everything(&firm);
    let person = "+7 (921) 999-88-77";
    let receipt = erased(&firm, person);
    rests(&firm).await;
    nothing_is_found(&firm, &canaries).await;
    for (before, table) in counts.iter().zip(figures) {
        assert!(count(table) >= *before, "{table}: {before}");
    }
    let still = store.events_of(&neighbour, 100).await.unwrap();
    assert_eq!(still[..of_neighbour.len()], of_neighbour);
    assert_eq!(store.dead_of(&neighbour).await.unwrap().len(), 1);
    assert_eq!(store.parked_of(&neighbour).await.unwrap(), parked);

    let again = firm.command(&["erase", "--person", person, "--yes"]);
    assert!(again.status.success(), "{again:?}");
    assert!(printed(&again).contains("Nothing is left"), "{again:?}");
    assert!(printed(&again).contains(receipt["id"].as_str().unwrap()));
    // Whoever comes back is a stranger.
    let answers = firm.sandbox.telegram_transcript(CHAT, None);
    let answers = answers.iter().filter(|line| line.from == "bot").count();
    telegram(&firm, "Здравствуйте, где вы находитесь?");
    firm.telegram_answer(CHAT, answers).await;
    assert!(store.known(&chat).await.unwrap().phone.is_none());
    firm.stop().await;
}

fn the_document_has_everything(firm: &Firm) {
    let file = firm.config_dir().join("person.json");
    let told = firm.command(&[
        "export",
        "--person",
        "89219998877",
        "--out",
        file.to_str().unwrap(),
    ]);
    assert!(told.status.success(), "{told:?}");
    let text = std::fs::read_to_string(&file).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    for table in [
        "events",
        "bookings",
        "chat_log",
        "consents",
        "dead",
        "drafts",
        "enquiries",
        "waiting",
    ] {
        assert!(document["store"][table].is_array(), "{table}: {document}");
    }
    assert!(text.contains("Кенар") && !text.contains("Сосед"), "{text}");
    std::fs::remove_file(&file).unwrap();
    let unknown = firm.command(&["export", "--person", "+7 921 000 00 00"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(
        printed(&unknown).contains("nothing is stored"),
        "{unknown:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_who_was_erased() {
    nothing_is_left_of_her(On::Embedded, vec![vec!["run"]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_on_servers() {
    let roles = vec![vec!["gateway"], vec!["worker"]];
    nothing_is_left_of_her(On::servers("classic"), roles).await;
}

/// While the model thinks about her question she is erased: the turn writes neither draft nor session nor journal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_erased_while_the_bot_thinks_stays_erased() {
    let model = format!(
        r#"
[autonomy]
price = "draft"
[llm]
deadline_ms = 60000
[[llm.endpoints]]
name = "slow"
base_url = "{{llm}}"
api_key = "{LLM_KEY}"
model = "slow-1"
timeout_ms = 60000
"#
    );
    let firm = Firm::with(On::Embedded, &model, vec![vec!["run"]]).await;
    telegram(&firm, "Здравствуйте!");
    firm.telegram_answer(CHAT, 0).await;
    rests(&firm).await;
    let held = Fault::new(Provider::Llm, FaultKind::HoldAfterAccept);
    firm.sandbox.add_fault(held.times(1));
    telegram(&firm, "Кенар, сколько стоит женская стрижка?");
    let asked = CallFilter {
        provider: Some(Provider::Llm),
        ..CallFilter::default()
    };
    let any = |calls: &[Call]| !calls.is_empty();
    assert!(any(&firm.sandbox.calls_until(&asked, PATIENCE, any).await));

    let chat = format!("telegram:main:{CHAT}");
    let erased = firm.command(&["erase", "--person", &chat, "--yes"]);

    assert!(erased.status.success(), "{}", printed(&erased));
    firm.sandbox.release();
    rests(&firm).await;
    for table in ["people", "drafts", "escalations", "chat_marks", "answered"] {
        let rows = firm.count(&format!("SELECT count(*) FROM {table}"));
        assert_eq!(rows, 0, "{table}");
    }
    let named =
        format!("SELECT count(*) FROM events WHERE event LIKE '%Кенар%' OR event LIKE '%{CHAT}%'");
    assert_eq!(firm.count(&named), 0);
    let answers = firm.sandbox.telegram_transcript(CHAT, None);
    let answers = answers.iter().filter(|line| line.from == "bot").count();
    assert_eq!(answers, 1, "the question of who is gone is not answered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_in_the_queue_brings_nothing_back() {
    let mut firm = Firm::with(On::Embedded, "", vec![vec!["run"]]).await;
    telegram(&firm, "Кенар здесь");
    firm.telegram_answer(CHAT, 0).await;
    rests(&firm).await;
    firm.kill();
    let chat: ConversationId = format!("telegram:main:{CHAT}").parse().unwrap();
    let waits = Inbound {
        id: "late".into(),
        conversation: chat.clone(),
        at: Clock::system().now(),
        received_at: Clock::system().now(),
        profile: Profile {
            name: Some(NAME.into()),
            ..Profile::default()
        },
        what: What::Text {
            text: "Кенар ждёт в очереди".into(),
        },
        raw: None,
        trace: TraceParent::start(),
    };
    let queue = zapis_core::broker::open(&firm.engines(), "test")
        .await
        .unwrap();
    queue.publish(vec![inbound_message(&waits)]).await.unwrap();
    queue.close().await;

    // Nobody runs: the command opens the engines itself.
    let erased = firm.command(&["erase", "--person", chat.as_str(), "--yes"]);
    assert!(erased.status.success(), "{}", printed(&erased));
    firm.start().await;
    rests(&firm).await;
    let store = firm.store().await;
    assert_eq!(store.person_of(&chat).await.unwrap(), None);
    let answers = firm.sandbox.telegram_transcript(CHAT, None);
    assert_eq!(
        answers.iter().filter(|line| line.from == "bot").count(),
        1,
        "{answers:?}"
    );

    // An erasure that a crash left is finished at the start.
    telegram(&firm, "Кенар снова здесь");
    firm.telegram_answer(CHAT, 1).await;
    rests(&firm).await;
    firm.kill();
    let person = store.person_of(&chat).await.unwrap().unwrap();
    let begun = store
        .begin_erasure(&person, "Мария", false, Clock::system().now())
        .await;
    assert!(matches!(begun, Ok(Begun::Begun(_))));
    firm.start_to_crash(0, "erase.scrubbed");
    let give_up = tokio::time::Instant::now() + PATIENCE;
    while !firm.has_crashed(0) {
        assert!(tokio::time::Instant::now() < give_up, "it never crashed");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    firm.kill();
    assert_eq!(store.open_erasures().await.unwrap().len(), 1);
    firm.start().await;
    firm.logged("Erased persons").await;
    let canaries = canaries("webchat:site:nobody").into_iter();
    let canaries: Vec<String> = canaries.filter(|one| one != "nobody").collect();
    assert_eq!(found(&firm, &canaries), Vec::<String>::new());
}
