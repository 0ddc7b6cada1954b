//! Customers in the console: found, merged, blocked, told, erased.

use reqwest::StatusCode;
use uuid::Uuid;
use zapis_core::message::ConversationId;
use zapis_core::store::Role;

use crate::support::console::{Person, chat};
use crate::support::firm::{Firm, On, STAFF};

const ANNA: i64 = 7_331;
const BORIS: i64 = 7_332;

fn customer(id: i64) -> String {
    chat(id).replace("/chats/", "/customers/")
}

fn bot_lines(firm: &Firm, id: i64) -> usize {
    let lines = firm.sandbox.telegram_transcript(id, None);
    lines.iter().filter(|line| line.from == "bot").count()
}

/// Waits until the journal says so many times that the bot was silent because of the block.
async fn silent(firm: &Firm, times: i64) {
    let query = "SELECT count(*) FROM events WHERE kind = 'turn' AND event LIKE '%has blocked the customer%'";
    for _ in 0..1_200 {
        if firm.count(query) == times {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the bot was never silent:\n{}", firm.log());
}

async fn who_is_blocked_is_heard_and_not_answered(on: On, roles: Vec<Vec<&'static str>>) {
    let mut firm = Firm::with(on, "{crm}", roles).await;
    let maria = Person::joins(&firm, "maria", "Мария", Role::Administrator).await;
    firm.telegram_writes_as("Анна", ANNA, "Позовите администратора");
    firm.telegram_answer(ANNA, 0).await;
    firm.staff_sees("Позовите").await;
    let waits = "/console/inbox?show=waiting";
    maria.until(waits, |page| page.contains("Анна")).await;

    let key = Uuid::new_v4().to_string();
    let block = [("key", key.as_str()), ("on", "true"), ("back", "chat")];
    for _ in 0..2 {
        maria
            .has_done(&format!("{}/block", customer(ANNA)), &block)
            .await;
    }
    assert!(!maria.reads(waits).await.contains("Анна"));
    assert!(
        maria
            .reads("/console/inbox?show=shut")
            .await
            .contains("Анна")
    );
    assert!(
        maria
            .reads(&chat(ANNA))
            .await
            .contains("заблокирован(а) нами")
    );
    let shown = firm.sandbox.telegram_transcript(STAFF, None).len();
    let heard = bot_lines(&firm, ANNA);
    firm.telegram_writes_as(
        "Анна",
        ANNA,
        "Сколько стоит мужская стрижка? Позовите человека!",
    );
    silent(&firm, 1).await;

    // It holds after a restart, and others do not notice.
    firm.kill();
    firm.start().await;
    firm.telegram_writes_as("Анна", ANNA, "Ау?");
    silent(&firm, 2).await;
    firm.telegram_writes_as("Борис", BORIS, "Сколько стоит мужская стрижка?");
    assert!(firm.telegram_answer(BORIS, 0).await.contains("1\u{a0}900"));
    assert_eq!(bot_lines(&firm, ANNA), heard);
    let told = firm.sandbox.telegram_transcript(STAFF, None);
    assert!(
        told[shown..].iter().all(|line| !line.text.contains("Ау?")),
        "{told:?}"
    );
    assert!(!maria.reads(waits).await.contains("Анна"));
    let enquiries =
        "SELECT count(*) FROM enquiries WHERE conversation LIKE '%7331' AND state LIKE '%стрижк%'";
    assert_eq!(firm.count(enquiries), 0);
    assert!(maria.reads(&chat(ANNA)).await.contains("Ау?"));

    let key = Uuid::new_v4().to_string();
    let free = [("key", key.as_str()), ("on", "false")];
    maria
        .has_done(&format!("{}/block", customer(ANNA)), &free)
        .await;
    firm.telegram_writes_as("Анна", ANNA, "Сколько стоит мужская стрижка?");
    assert!(
        firm.telegram_answer(ANNA, heard)
            .await
            .contains("1\u{a0}900")
    );
    let blocked =
        "SELECT count(*) FROM events WHERE kind = 'system' AND event LIKE '%\"action\":\"block\"%'";
    assert_eq!(firm.count(blocked), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_blocked_is_heard_and_not_answered_on_embedded_engines() {
    who_is_blocked_is_heard_and_not_answered(On::Embedded, vec![vec!["run"]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_blocked_is_heard_and_not_answered_on_servers() {
    let roles = vec![vec!["gateway"], vec!["worker"]];
    who_is_blocked_is_heard_and_not_answered(On::servers("classic"), roles).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_is_found_merged_told_and_erased() {
    let firm = Firm::with(On::Embedded, "", vec![vec!["run"]]).await;
    let maria = Person::joins(&firm, "maria", "Мария", Role::Administrator).await;
    let olga = Person::joins(&firm, "olga", "Ольга", Role::Owner).await;
    for (id, name) in [(ANNA, "Анна Первая"), (BORIS, "Борис")] {
        firm.telegram_writes_as(name, id, "где вы находитесь?");
        firm.telegram_answer(id, 0).await;
    }
    let list = maria
        .until("/console/customers", |page| page.contains("Борис"))
        .await;
    assert!(list.contains("Анна Первая"), "{list}");
    let found = maria.reads("/console/customers?q=анна").await;
    assert!(
        found.contains("Анна Первая") && !found.contains("Борис"),
        "{found}"
    );

    let other = format!("telegram:main:{BORIS}");
    let same = [("other", other.as_str()), ("evidence", "name")];
    maria
        .has_done(&format!("{}/merge", customer(ANNA)), &same)
        .await;
    let list = maria.reads("/console/customers").await;
    assert_eq!(
        list.matches("&#x2f;customers&#x2f;telegram").count(),
        1,
        "{list}"
    );
    let page = maria.reads(&customer(ANNA)).await;
    assert!(
        page.contains("Борис") && page.contains("одно имя"),
        "{page}"
    );
    let (_, id) = page.split_once("name=\"id\" value=\"").unwrap();
    let id = id.split('"').next().unwrap().to_owned();
    maria
        .has_done(&format!("{}/undo", customer(ANNA)), &[("id", &id)])
        .await;
    let page = maria.reads(&customer(ANNA)).await;
    assert!(page.contains("отменено: Мария"), "{page}");
    let list = maria.reads("/console/customers").await;
    assert_eq!(
        list.matches("&#x2f;customers&#x2f;telegram").count(),
        2,
        "{list}"
    );

    let no = [("on", "false")];
    maria
        .has_done(&format!("{}/advertising", customer(ANNA)), &no)
        .await;
    assert!(maria.reads(&customer(ANNA)).await.contains("без рекламы"));
    let optouts = "SELECT count(*) FROM events WHERE kind = 'optout' AND event LIKE '%Мария%'";
    assert_eq!(firm.count(optouts), 1);
    maria
        .has_done(
            &format!("{}/advertising", customer(ANNA)),
            &[("on", "true")],
        )
        .await;
    assert!(!maria.reads(&customer(ANNA)).await.contains("без рекламы"));

    looks_and_documents_are_for_owners(&maria, &olga).await;
    is_erased_from_her_page(&maria, &olga).await;
}

/// Who looked is the owner's to know; the document is for managers.
async fn looks_and_documents_are_for_owners(maria: &Person, olga: &Person) {
    let page = olga.reads(&customer(ANNA)).await;
    let (_, looks) = page.split_once("Кто смотрел").unwrap();
    assert!(looks.contains("Мария") && looks.contains("Ольга"), "{page}");
    assert!(!maria.reads(&customer(ANNA)).await.contains("Кто смотрел"));
    let file = format!("{}/export", customer(ANNA));
    assert_eq!(maria.get(&file).await.status(), StatusCode::FORBIDDEN);
    let document: serde_json::Value = serde_json::from_str(&olga.reads(&file).await).unwrap();
    assert!(
        document["store"]["people"][0]["name"] == "Анна Первая",
        "{document}"
    );
    let anna: ConversationId = format!("telegram:main:{ANNA}").parse().unwrap();
    assert!(
        document["sessions"][anna.as_str()].is_object(),
        "{document}"
    );
}

async fn is_erased_from_her_page(maria: &Person, olga: &Person) {
    let erase = format!("{}/erase", customer(ANNA));
    let answer = olga.does(&erase, &[("word", "да")]).await;
    assert!(answer.text().await.unwrap().contains("Ничего не стёрто"));
    olga.has_done(&erase, &[("word", "Стереть")]).await;
    let receipts = olga.reads("/console/erasures").await;
    assert!(
        receipts.contains("Ольга") && receipts.contains("people 1"),
        "{receipts}"
    );
    let list = maria.reads("/console/customers").await;
    assert!(
        !list.contains("Анна Первая") && list.contains("Борис"),
        "{list}"
    );
    assert_eq!(
        maria.get(&customer(ANNA)).await.status(),
        StatusCode::NOT_FOUND
    );
}
