//! Health in words: what breaks becomes red with what to do, and green again once it works.

use zapis_core::Clock;
use zapis_core::store::{Role, Spend};
use zapis_sandbox::{Fault, FaultKind, Provider};

use super::models::firm_with;
use crate::support::console::Person;
use crate::support::firm::{Firm, On};

const HEALTH: &str = "/console/health";
const QUESTION: &str = "Сколько стоит женская стрижка?";

fn refusal(status: u16) -> FaultKind {
    FaultKind::Refuse {
        status,
        code: status.into(),
        message: "Unauthorized".into(),
    }
}

/// The part of the page with this name.
fn part<'a>(page: &'a str, name: &str) -> &'a str {
    let found = page.split("<li class=").find(|part| part.contains(name));
    found.unwrap_or_else(|| panic!("no {name}: {page}"))
}

fn is_wrong(page: &str, name: &str, words: &str) -> bool {
    let part = part(page, name);
    part.starts_with("\"wrong\"") && part.contains(words)
}

fn is_fine(page: &str, name: &str) -> bool {
    part(page, name).starts_with("\"fine\"")
}

async fn a_messenger_that_refuses_is_told(on: On, roles: Vec<Vec<&'static str>>) {
    let firm = Firm::with(on, "", roles).await;
    let olga = Person::joins(&firm, "olga", "Ольга", Role::Owner).await;
    let anna = 7_701;
    let telegram = "Telegram · main";
    firm.sandbox.telegram_writes(anna, QUESTION).unwrap();
    firm.telegram_answer(anna, 0).await;
    let went =
        |page: &str| is_fine(page, telegram) && !part(page, telegram).contains("ещё не было");
    olga.until(HEALTH, went).await;

    // The way out, in another process than the page.
    let gone = Fault::new(Provider::Telegram, FaultKind::CutBeforeAccept).on("sendMessage");
    firm.sandbox.add_fault(gone);
    firm.sandbox.telegram_writes(anna, QUESTION).unwrap();
    olga.until(HEALTH, |page| is_wrong(page, telegram, "не отвечает"))
        .await;
    firm.sandbox.clear_faults();
    olga.until(HEALTH, |page| is_fine(page, telegram)).await;

    // The way in.
    let refused = Fault::new(Provider::Telegram, refusal(401)).on("getUpdates");
    firm.sandbox.add_fault(refused);
    firm.sandbox.telegram_writes(anna, QUESTION).ok();
    let page = olga
        .until(HEALTH, |page| {
            is_wrong(page, telegram, "не принимает наш ключ")
        })
        .await;
    assert!(page.contains("data-count=\"health\">1<"), "{page}");
    firm.sandbox.clear_faults();
    let page = olga.until(HEALTH, |page| is_fine(page, telegram)).await;
    assert!(page.contains("Всё работает"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_token_is_told() {
    a_messenger_that_refuses_is_told(On::Embedded, vec![vec!["run"]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_where_another_process_knows() {
    let roles = vec![vec!["gateway"], vec!["worker"]];
    a_messenger_that_refuses_is_told(On::servers("classic"), roles).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_fails_and_a_budget_that_is_used_up_are_told() {
    let mut firm = firm_with(On::Embedded, "daily_money = 5.0").await;
    let olga = Person::joins(&firm, "olga", "Ольга", Role::Owner).await;
    let vera = Person::joins(&firm, "vera", "Вера", Role::Manager).await;
    let (model, budget) = ("Языковая модель · sandbox", "Бюджет языковой модели");
    assert!(is_fine(&olga.reads(HEALTH).await, model));

    let wait = FaultKind::TooManyRequests { retry_after: 1 };
    firm.sandbox.add_fault(Fault::new(Provider::Llm, wait));
    firm.sandbox.telegram_writes(7_711, QUESTION).unwrap();
    olga.until(HEALTH, |page| is_wrong(page, model, "просит подождать"))
        .await;
    firm.sandbox.clear_faults();
    let mut chat = 7_712;
    loop {
        // Whoever asks first after the pause finds out that it works.
        firm.sandbox.telegram_writes(chat, QUESTION).unwrap();
        firm.telegram_answer(chat, 0).await;
        if is_fine(&olga.reads(HEALTH).await, model) {
            break;
        }
        chat += 1;
    }

    let page = olga.reads(HEALTH).await;
    assert!(part(&page, budget).contains("из 5.00"), "{page}");
    let spend = Spend {
        tokens: 1_000,
        micros: 5_000_000,
    };
    let store = firm.store().await;
    let today = Clock::system().now().date_naive();
    let who = "telegram:main:1".parse().unwrap();
    store.spend(today, &who, spend).await.unwrap();
    store.close().await;
    let page = vera.reads(HEALTH).await;
    assert!(is_wrong(&page, budget, "потрачен"), "{page}");
    assert!(!page.contains("5.00"), "money is the owner's");
    let page = olga.reads(HEALTH).await;
    assert!(part(&page, budget).contains("из 5.00"), "{page}");

    firm.stop().await;
    let more = ("ZAPIS__LLM__DAILY_MONEY", "500.0".to_owned());
    firm.environment.push(more);
    firm.start().await;
    assert!(is_fine(&olga.reads(HEALTH).await, budget));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_file_is_named_with_its_line() {
    let firm = Firm::with(On::Embedded, "", vec![vec!["run"]]).await;
    let vera = Person::joins(&firm, "vera", "Вера", Role::Manager).await;
    let file = firm.config_dir().join("business.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{good}\nnonsense = = 1\n")).unwrap();
    let line = good.lines().count() + 2;
    let place = format!("business.toml:{line}:");
    let page = vera
        .until(HEALTH, |page| is_wrong(page, "Данные салона", &place))
        .await;
    let folder = firm.config_dir();
    assert!(!page.contains(folder.to_str().unwrap()), "{page}");
    std::fs::write(&file, &good).unwrap();
    vera.until(HEALTH, |page| is_fine(page, "Данные салона"))
        .await;
}
