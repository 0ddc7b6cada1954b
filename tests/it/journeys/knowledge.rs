//! What the owner brings in is known to workers that run.

use std::time::{Duration, Instant};

use crate::support::firm::{Firm, On, PATIENCE};

/// Waits until every process has changed its content so often.
async fn changed(firm: &Firm, processes: usize, times: usize) {
    let said = || firm.log().matches("The content has changed\"").count();
    let begin = Instant::now();
    while said() < times * processes {
        assert!(begin.elapsed() < PATIENCE, "{}", firm.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn says(firm: &Firm, chat: i64, question: &str, part: &str) {
    firm.sandbox.telegram_writes(chat, question).unwrap();
    let answer = firm.telegram_answer(chat, 0).await;
    assert!(answer.contains(part), "{part} is not in {answer}");
}

async fn an_import_is_known_to_running_workers(on: On, roles: Vec<Vec<&'static str>>) {
    let processes = roles.len();
    let firm = Firm::with(on, "", roles).await;
    if processes > 1 {
        // What comes before that is no change to a gateway.
        firm.logged("The console shows the knowledge").await;
    }
    let file = firm.config_dir().join("bar.csv");
    let import = |answer: &str| {
        let text = format!("question;answer;topic\nЕсть ли у вас кальян?;{answer};service_info\n");
        std::fs::write(&file, text).unwrap();
        let done = firm.command(&["knowledge", "import", &file.display().to_string()]);
        assert!(done.status.success(), "{done:?}");
    };

    import("Кальяна нет, зато есть самовар.");
    changed(&firm, processes, 1).await;
    says(&firm, 7_701, "Есть ли у вас кальян?", "самовар").await;
    import("Кальяна нет, зато есть какао.");
    changed(&firm, processes, 2).await;
    says(&firm, 7_702, "Есть ли у вас кальян?", "какао").await;
    let back = firm.command(&["knowledge", "rollback", "1"]);
    assert!(back.status.success(), "{back:?}");
    changed(&firm, processes, 3).await;
    says(&firm, 7_703, "Есть ли у вас кальян?", "самовар").await;

    let business = firm.config_dir().join("business.toml");
    let text = std::fs::read_to_string(&business).unwrap();
    std::fs::write(&business, text.replace("price = 1900", "price = 12345")).unwrap();
    changed(&firm, processes, 4).await;
    says(
        &firm,
        7_704,
        "Сколько стоит мужская стрижка?",
        "12\u{a0}345",
    )
    .await;
}

#[tokio::test]
async fn imports_and_edits_are_known_on_embedded_engines() {
    an_import_is_known_to_running_workers(On::Embedded, vec![vec!["run"]]).await;
}

#[tokio::test]
async fn imports_and_edits_are_known_on_rabbitmq_redis_and_postgresql() {
    let roles = vec![vec!["gateway"], vec!["worker"]];
    an_import_is_known_to_running_workers(On::servers("quorum"), roles).await;
}
