//! Experiments, from what customers read to what the owner learns of it.

use reqwest::StatusCode;
use serde_json::Value;
use zapis_core::ids;
use zapis_core::store::Role;
use zapis_sandbox::Call;

use super::models::{asked, decided, says};
use crate::support::console::Person;
use crate::support::firm::{Firm, LLM_KEY, On, PATIENCE};

/// A text, a dialogue and a prompt are tried at once.
pub(crate) const FILE: &str = r#"
[[experiments]]
id = "greeting"
about = "Приветствие покороче"
goal = "booked"
arms = [{ id = "a" }, { id = "b", texts = { ru = { greeting = "Привет, это «{ $salon }»!" } } }]

[[experiments]]
id = "order"
about = "Сначала телефон, потом одно время"
goal = "qualified"

[[experiments.arms]]
id = "a"

[[experiments.arms]]
id = "b"
scenario = { times = 1, contact_first = true, booking_after_price = true }

[[experiments]]
id = "prompt"
about = "Подсказка короче"
goal = "escalated"
channels = ["telegram"]
arms = [{ id = "a" }, { id = "b", prompt = "v2" }]
"#;

const HONEST: &str = "Женская стрижка стоит от 2 400 до 3 600 ₽.";

/// A customer who gets these arms: she is given to them by a hash that must not change.
fn who(from: i64, arms: &[&str]) -> i64 {
    let is_in = |chat: i64, arm: &str| {
        let (experiment, arm) = arm.split_once(':').unwrap();
        let whose = format!("telegram:main:{chat}");
        let hash = ids::derive(&["experiment", experiment, &whose]).as_u128();
        ["a", "b"][usize::try_from(hash % 2).unwrap()] == arm
    };
    let mut all = from..from + 1_000;
    all.find(|chat| arms.iter().all(|arm| is_in(*chat, arm)))
        .unwrap()
}

async fn opened(on: On, roles: Vec<Vec<&'static str>>) -> Firm {
    let more = format!(
        "[llm]\n[[llm.endpoints]]\nname = \"sandbox\"\nbase_url = \"{{llm}}\"\napi_key = \"{LLM_KEY}\"\nmodel = \"sandbox-1\"\n"
    );
    let mut firm = Firm::closed(on, &more, roles).await;
    let folder = firm.config_dir();
    let prompt = std::fs::read_to_string(folder.join("prompts/answer.v1.md")).unwrap();
    let prompt = prompt.replace("спокойно и по делу", "совсем коротко");
    std::fs::write(folder.join("prompts/answer.v2.md"), prompt).unwrap();
    std::fs::write(folder.join("experiments.toml"), FILE).unwrap();
    let checked = firm.command(&["check"]);
    assert!(checked.status.success(), "{checked:?}");
    firm.start().await;
    firm
}

/// What somebody new is answered, and what the journal says was used.
async fn new(firm: &Firm, chat: i64, text: &str) -> (String, Option<String>) {
    firm.sandbox.telegram_writes(chat, text).unwrap();
    let answer = firm.telegram_answer(chat, 0).await;
    (answer, decided(firm, chat).await.variant)
}

async fn greeted(firm: &Firm, chat: i64) -> (bool, Option<String>) {
    let (answer, variant) = new(firm, chat, "Здравствуйте!").await;
    (answer.contains("Привет, это"), variant)
}

/// Who books is asked for her phone first, or is shown times first.
async fn books(firm: &Firm) {
    let wish = "Хочу записаться на мужскую стрижку";
    let (control, other) = (who(20_000, &["order:a"]), who(20_000, &["order:b"]));
    let (offer, variant) = new(firm, control, wish).await;
    assert_eq!(offer.matches("• ").count(), 4, "{offer}");
    assert_eq!(variant.as_deref(), Some("order:a"));
    let (consent, variant) = new(firm, other, wish).await;
    assert!(consent.contains("Вы согласны"), "{consent}");
    assert_eq!(variant.as_deref(), Some("order:b"));
    firm.sandbox
        .telegram_presses(other, "Согласен(на)")
        .unwrap();
    let phone = firm.telegram_answer(other, 1).await;
    assert!(phone.contains("номер телефона"), "{phone}");
    firm.sandbox
        .telegram_writes(other, "8 921 555 01 42")
        .unwrap();
    let offer = firm.telegram_answer(other, 2).await;
    assert_eq!(offer.matches("• ").count(), 1, "{offer}");
    firm.sandbox.telegram_writes(other, "первое").unwrap();
    assert!(firm.telegram_answer(other, 3).await.contains("Записываю?"));
    firm.sandbox
        .telegram_presses(other, "Да, записать")
        .unwrap();
    assert!(firm.telegram_answer(other, 4).await.contains("Вы записаны"));
}

/// Who asks for a price is answered by another prompt, and offered a booking.
async fn asks_for_a_price(firm: &Firm) {
    let question = "Сколько стоит женская стрижка?";
    let system = |call: &Call| call.body["messages"][0]["content"].to_string();
    let (control, other) = (
        who(30_000, &["order:a", "prompt:a"]),
        who(30_000, &["order:b", "prompt:b"]),
    );
    says(firm, HONEST);
    let (answer, variant) = new(firm, control, question).await;
    assert_eq!(answer, HONEST);
    assert_eq!(variant.as_deref(), Some("order:a,prompt:a"));
    says(firm, HONEST);
    let (answer, variant) = new(firm, other, question).await;
    assert!(
        answer.starts_with(HONEST) && answer.contains("Записать вас?"),
        "{answer}"
    );
    assert_eq!(variant.as_deref(), Some("order:b,prompt:b"));
    let calls = asked(firm);
    assert!(system(&calls[0]).contains("спокойно и по делу"));
    assert!(system(&calls[1]).contains("совсем коротко"));
}

/// The result once so many customers were greeted.
async fn counted(firm: &Firm, customers: u64) -> Vec<Value> {
    let give_up = tokio::time::Instant::now() + PATIENCE;
    loop {
        let output = firm.command(&["report", "experiments", "--json"]);
        let all: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        if (0..2).all(|arm| all[0]["arms"][arm]["customers"] == customers) {
            return all;
        }
        assert!(tokio::time::Instant::now() < give_up, "{all:?}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

async fn customers_see_arms_and_the_owner_what_came_of_it(on: On, roles: Vec<Vec<&'static str>>) {
    let firm = opened(on, roles).await;
    let (control, other) = (who(10_000, &["greeting:a"]), who(10_000, &["greeting:b"]));
    assert_eq!(
        greeted(&firm, control).await,
        (false, Some("greeting:a".into()))
    );
    assert_eq!(
        greeted(&firm, other).await,
        (true, Some("greeting:b".into()))
    );
    // She is in the arm still, and nothing of it is said.
    firm.sandbox.telegram_writes(other, "Спасибо!").unwrap();
    firm.telegram_answer(other, 1).await;
    assert_eq!(decided(&firm, other).await.variant, None);
    books(&firm).await;
    asks_for_a_price(&firm).await;

    let all = counted(&firm, 1).await;
    assert_eq!(all[0]["arms"][1]["verdict"], "early", "{all:?}");
    assert_eq!(all[1]["arms"][1]["reached"], 1, "who booked: {all:?}");
    let recount = firm.command(&["report", "kpi", "--recount", "--by", "variant"]);
    let recount = String::from_utf8(recount.stdout).unwrap();
    assert!(recount.contains("greeting:b"), "{recount}");
    assert_eq!(counted(&firm, 1).await, all, "counted anew it is the same");

    ended_and_resumed(&firm, &all).await;
}

/// What somebody ends here holds in the processes that answer, at once.
async fn ended_and_resumed(firm: &Firm, before: &[Value]) {
    let done = |args: &[&str]| {
        let output = firm.command(&[&["experiment"], args].concat());
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let (control, other) = (who(11_000, &["greeting:a"]), who(11_000, &["greeting:b"]));
    let (code, told) = done(&["stop", "greeting"]);
    assert_eq!(
        (code, told.contains("the control")),
        (Some(0), true),
        "{told}"
    );
    assert_eq!(greeted(firm, other).await, (false, None));
    assert!(done(&["stop", "greeting"]).1.contains("as it was"));
    assert_eq!(done(&["stop", "greetin"]).0, Some(2));
    assert_eq!(done(&["stop", "greeting", "--keep", "c"]).0, Some(2));

    let olga = Person::joins(firm, "olga", "Ольга", Role::Owner).await;
    let irina = Person::joins(firm, "irina", "Ирина", Role::Manager).await;
    let path = "/console/experiments/greeting";
    let keeps = [("do", "stop"), ("keep", "b")];
    let refused = irina.does(path, &keeps).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    olga.has_done(path, &keeps).await;
    assert_eq!(greeted(firm, control).await, (true, None));
    let page = irina.reads("/console/experiments").await;
    for part in [
        "Завершён: Ольга",
        "Все получают «b»",
        "пока мало данных",
        "Приветствие покороче",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("Продолжить"), "managers only look");
    let after = counted(firm, 1).await;
    assert_eq!(
        after[0]["arms"], before[0]["arms"],
        "it still shows what came of it"
    );
    olga.has_done(path, &[("do", "resume")]).await;
    let control = who(control + 1, &["greeting:a"]);
    assert_eq!(
        greeted(firm, control).await,
        (false, Some("greeting:a".into()))
    );
    let noted = |what: &str| {
        firm.count(&format!(
            "SELECT count(*) FROM events WHERE kind = 'system' AND event LIKE '%{what}%'"
        ))
    };
    assert_eq!(noted("experiment_ended"), 2);
    assert_eq!(noted("\"staff_id\":\"Ольга\"%greeting: b for all"), 1);
    assert_eq!(noted("experiment_resumed"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_tried_is_seen_told_and_ended() {
    customers_see_arms_and_the_owner_what_came_of_it(On::Embedded, vec![vec!["run"]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_on_servers() {
    let roles = vec![vec!["gateway"], vec!["worker"], vec!["worker", "journal"]];
    customers_see_arms_and_the_owner_what_came_of_it(On::servers("classic"), roles).await;
}
