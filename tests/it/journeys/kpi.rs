//! Figures, from what customers write to what the owner reads.

use serde_json::Value;
use zapis_core::store::Role;

use crate::support::console::Person;
use crate::support::firm::{Firm, On, PATIENCE, STAFF};

const ASKS: i64 = 7_901;
const CALLS: i64 = 7_902;

fn report(firm: &Firm, more: &[&str]) -> Value {
    let report = firm.command(&[&["report", "kpi", "--json"][..], more].concat());
    assert!(report.status.success(), "{report:?}");
    serde_json::from_slice(&report.stdout).unwrap()
}

/// A figure of all together: its value, and of how many.
fn figure(report: &Value, group: usize, id: &str) -> (Option<f64>, u64) {
    let figures = report["groups"][group]["figures"].as_array().unwrap();
    let found = figures.iter().find(|one| one["id"] == id).unwrap();
    (found["value"].as_f64(), found["of"].as_u64().unwrap())
}

/// The journal is written beside the answers, and may be later than they are.
async fn is_counted(firm: &Firm, id: &str, value: f64) -> Value {
    let give_up = tokio::time::Instant::now() + PATIENCE;
    loop {
        let told = report(firm, &[]);
        if figure(&told, 0, id).0 == Some(value) {
            return told;
        }
        assert!(tokio::time::Instant::now() < give_up, "{id}: {told}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

async fn what_happened_is_counted(on: On, roles: Vec<Vec<&'static str>>) {
    let firm = Firm::with(on, "", roles).await;
    firm.sandbox
        .telegram_writes(ASKS, "Какой у вас адрес?")
        .unwrap();
    firm.telegram_answer(ASKS, 0).await;
    firm.sandbox
        .telegram_writes(CALLS, "Позовите, пожалуйста, человека")
        .unwrap();
    firm.telegram_answer(CALLS, 0).await;
    let topic = firm.staff_sees("Позовите").await;
    firm.sandbox
        .staff_writes(STAFF, topic, "Добрый день!")
        .unwrap();
    firm.telegram_answer(CALLS, 1).await;

    is_counted(&firm, "automated", 0.5).await;
    let told = is_counted(&firm, "escalated", 0.5).await;
    assert_eq!(figure(&told, 0, "enquiries"), (Some(2.0), 2));
    assert_eq!(figure(&told, 0, "answered"), (Some(1.0), 2));
    assert_eq!(figure(&told, 0, "staff_first_answer_median").1, 1);
    assert_eq!(
        figure(&told, 0, "automated_silent"),
        (None, 0),
        "nobody knows yet"
    );
    let by = report(&firm, &["--by", "intent"]);
    let names: Vec<_> = by["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| &group["name"])
        .collect();
    assert_eq!(names, [&Value::Null, &"address".into(), &"human".into()]);
    // Counted anew, it is the same.
    let again = report(&firm, &["--recount"]);
    assert_eq!(again["groups"], told["groups"]);

    let csv = firm.command(&["report", "kpi", "--csv"]);
    let csv = String::from_utf8(csv.stdout).unwrap();
    assert!(
        csv.starts_with("from,until,group,figure,value,unit,of,low,high\n"),
        "{csv}"
    );
    assert!(csv.contains(",escalated,0.5,share,2,"), "{csv}");
    let file = firm.data_dir().join("kpi.xlsx");
    let written = firm.command(&["report", "kpi", "--xlsx", file.to_str().unwrap()]);
    assert!(
        written.status.success() && file.metadata().unwrap().len() > 1_000,
        "{written:?}"
    );
    let wrong = firm.command(&[
        "report",
        "kpi",
        "--from",
        "2026-02-01",
        "--to",
        "2026-01-01",
    ]);
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");

    let olga = Person::joins(&firm, "olga", "Ольга", Role::Owner).await;
    let page = olga
        .reads("/console/figures?by=intent&behind=escalated")
        .await;
    let leads_to = |who: i64| page.contains(&format!("main%3A{who}"));
    assert!(leads_to(CALLS) && !leads_to(ASKS), "{page}");
    assert!(page.contains("Деньги") && page.contains("<svg"), "{page}");
    for wrong in [
        "to=-262143-01-01",
        "from=2020-01-01&to=2026-01-01",
        "from=2026-02-01&to=2026-01-01",
    ] {
        let refused = olga.get(&format!("/console/figures?{wrong}")).await;
        assert_eq!(
            refused.status(),
            reqwest::StatusCode::UNPROCESSABLE_ENTITY,
            "{wrong}"
        );
    }
    let irina = Person::joins(&firm, "irina", "Ирина", Role::Manager).await;
    assert!(!irina.reads("/console/figures").await.contains("Деньги"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_are_counted_from_what_happened() {
    what_happened_is_counted(On::Embedded, vec![vec!["run"]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_on_servers() {
    let roles = vec![vec!["gateway"], vec!["worker"], vec!["worker", "journal"]];
    what_happened_is_counted(On::servers("classic"), roles).await;
}
