//! Enquiries in the CRM, through the real program: made in the chat, seen by managers, and back.

use serde_json::Value;
use zapis_sandbox::{Bitrix24Action, Bitrix24App, CrmComment, CrmEntity, CrmItem};

use crate::support::firm::{CRM_CODE, CRM_TOKEN, Firm, On, PATIENCE, client};

/// Leads, once they are as they should be.
async fn leads(firm: &Firm, what: &str, fine: impl Fn(&[CrmItem]) -> bool + Sync) -> Vec<CrmItem> {
    let leads = firm
        .sandbox
        .bitrix24_until(CrmEntity::Lead, PATIENCE, &fine);
    let leads = leads.await;
    assert!(fine(&leads), "never {what}: {leads:#?}\n{}", firm.log());
    leads
}

async fn commented(firm: &Firm, part: &str) {
    let has = |comments: &[CrmComment]| comments.iter().any(|one| one.text.contains(part));
    let comments = firm.sandbox.bitrix24_comments_until(PATIENCE, has).await;
    assert!(has(&comments), "{part}: {comments:#?}\n{}", firm.log());
}

/// Waits until the journal has an event of the CRM with this outcome.
async fn journalled(firm: &Firm, action: &str, outcome: &str) {
    let query = format!(
        "SELECT count(*) FROM events WHERE kind = 'lead' AND event LIKE '%{action}%' AND event LIKE '%{outcome}%'"
    );
    for _ in 0..1_200 {
        if firm.count(&query) > 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("no {action} {outcome} in the journal:\n{}", firm.log());
}

fn printed(firm: &Firm, args: &[&str]) -> String {
    let output = firm.command(args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

async fn an_enquiry_from_chat_to_manager_and_back(on: On, roles: Vec<Vec<&'static str>>) {
    let stages = "[crm.bitrix24.stages]\nqualified = \"IN_PROCESS\"\nbooked = \"PROCESSED\"\n";
    let mut firm = Firm::with(on, &format!("{{crm}}{stages}"), roles).await;
    let anna = 7_311;
    firm.sandbox
        .telegram_writes(anna, "Сколько стоит мужская стрижка?")
        .unwrap();
    firm.telegram_answer(anna, 0).await;
    let lead = leads(&firm, "there", |leads| !leads.is_empty())
        .await
        .remove(0);
    assert!(lead.title.contains("Мужская стрижка"), "{}", lead.title);
    commented(&firm, "Сколько стоит").await;

    // She books: the card, the history and the stage follow.
    firm.sandbox
        .telegram_writes(anna, "Запишите меня на мужскую стрижку")
        .unwrap();
    firm.telegram_answer(anna, 1).await;
    firm.sandbox.telegram_writes(anna, "первое").unwrap();
    firm.telegram_answer(anna, 2).await;
    firm.sandbox.telegram_presses(anna, "Согласен(на)").unwrap();
    firm.telegram_answer(anna, 3).await;
    firm.sandbox
        .telegram_writes(anna, "8 921 555 73 11")
        .unwrap();
    firm.telegram_answer(anna, 4).await;
    firm.sandbox.telegram_presses(anna, "Да, записать").unwrap();
    assert!(firm.telegram_answer(anna, 5).await.contains("Вы записаны"));
    let booked = |leads: &[CrmItem]| {
        let lead = leads.first();
        lead.is_some_and(|lead| {
            lead.stage == "PROCESSED" && lead.values("PHONE") == ["+79215557311"]
        })
    };
    let all = leads(&firm, "booked", booked).await;
    assert_eq!(all.len(), 1, "{all:#?}");
    commented(&firm, "Визит назначен").await;
    let contact = all[0].comments.as_str();
    assert!(contact.contains("Мужская стрижка"), "{contact}");

    // A manager throws it away; the portal tells it, and the journal has it.
    firm.sandbox.bitrix24_moves(all[0].id, "JUNK").unwrap();
    journalled(&firm, "close_lead", "lost").await;
    the_command_line_tells_it(&firm, &all[0]);
    strangers_are_not_heard(&firm).await;

    firm.stop().await;
    let log = firm.log();
    for secret in [CRM_CODE, CRM_TOKEN, "9215557311", "Сколько стоит"] {
        assert!(!log.contains(secret), "{secret} in the log");
    }
}

fn the_command_line_tells_it(firm: &Firm, lead: &CrmItem) {
    let status: Value = serde_json::from_str(&printed(firm, &["crm", "status", "--json"])).unwrap();
    assert_eq!(status["configured"], true);
    assert_eq!(status["parked"], 0);
    let ledger = printed(firm, &["crm", "ledger", "--json"]);
    let ledger: Vec<Value> = serde_json::from_str(&ledger).unwrap();
    let opened = ledger.iter().find(|job| job["kind"] == "open").unwrap();
    assert_eq!(opened["result"], format!("lead:{}", lead.id));
    let table = printed(firm, &["crm", "export"]);
    assert!(table.starts_with("id,opened_at"), "{table}");
    assert!(
        table.contains("+79215557311") && table.contains("lost"),
        "{table}"
    );
    assert!(printed(firm, &["crm", "retry", "--all"]).contains('0'));
    let unknown = "00000000-0000-0000-0000-000000000001";
    assert_eq!(
        firm.command(&["crm", "retry", unknown]).status.code(),
        Some(1)
    );
    let tested = printed(firm, &["crm", "test"]);
    for step in ["made", "found", "commented", "task", "read", "deleted"] {
        assert!(tested.contains(&format!("ok      {step}")), "{tested}");
    }
    let checked = firm.command(&["check", "--connect"]);
    let checked = String::from_utf8(checked.stdout).unwrap();
    assert!(checked.contains("bitrix24"), "{checked}");
    assert!(!checked.contains(CRM_CODE) && !tested.contains(CRM_CODE));
}

/// What comes without a token of ours is answered as all else, and nothing follows.
async fn strangers_are_not_heard(firm: &Firm) {
    let address = format!("{}/webhooks/bitrix24", firm.url);
    let forged =
        "event=ONCRMLEADUPDATE&data%5BFIELDS%5D%5BID%5D=1&auth%5Bapplication_token%5D=forged";
    for body in [forged, "", "%%%", "event=ONCRMLEADUPDATE"] {
        let answer = client()
            .post(&address)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{body}");
    }
    let metrics = firm.metrics().await;
    let strangers = metrics
        .lines()
        .find(|line| line.starts_with("zapis_crm_events_total{outcome=\"stranger\"}"));
    assert!(strangers.is_some(), "{metrics}");
    assert!(!metrics.contains(CRM_CODE));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_enquiry_reaches_the_manager_and_its_fate_comes_back() {
    an_enquiry_from_chat_to_manager_and_back(On::Embedded, vec![vec!["run"]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_on_servers() {
    let roles = vec![
        vec!["gateway"],
        vec!["worker", "answer", "send", "journal", "remind"],
        vec!["worker", "crm"],
    ];
    an_enquiry_from_chat_to_manager_and_back(On::servers("quorum"), roles).await;
}

/// An app is installed while the program runs, and asks the portal to tell what changes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_works_as_soon_as_it_is_installed() {
    let mut firm = Firm::with(On::Embedded, "{crm app}", vec![vec!["run"]]).await;
    firm.sandbox
        .telegram_writes(7_312, "Сколько стоит мужская стрижка?")
        .unwrap();
    firm.telegram_answer(7_312, 0).await;
    let handler = format!("{}/webhooks/bitrix24", firm.url);
    let installs = Bitrix24Action::Installs { handler };
    firm.sandbox.bitrix24(installs).unwrap();

    let lead = leads(&firm, "there", |leads| !leads.is_empty())
        .await
        .remove(0);
    commented(&firm, "Сколько стоит").await;
    firm.sandbox.bitrix24_moves(lead.id, "JUNK").unwrap();
    journalled(&firm, "close_lead", "lost").await;

    firm.stop().await;
    let app = Bitrix24App::default();
    let log = firm.log();
    for secret in [app.client_secret, app.access_token, app.refresh_token] {
        assert!(!log.contains(&secret), "{secret} in the log");
    }
}
