//! What helps a person to answer.

use chrono::TimeDelta;
use uuid::Uuid;
use zapis_core::store::Role;

use super::models::{asked, firm_with, says};
use crate::support::console::{Person, chat};
use crate::support::firm::{Firm, On};

async fn who_has_a_chat_is_helped(on: On, roles: Vec<Vec<&'static str>>) {
    let firm = Firm::with(on, "", roles).await;
    let maria = Person::joins(&firm, "maria", "Мария", Role::Manager).await;
    let canned = format!("/console/replies/{}", Uuid::new_v4());
    let written = [("title", "Приветствие"), ("text", "Здравствуйте, {name}!")];
    for _ in 0..2 {
        maria.has_done(&canned, &written).await;
    }
    let anna = 7_901;
    firm.sandbox
        .telegram_writes(anna, "Позовите администратора")
        .unwrap();
    firm.telegram_answer(anna, 0).await;
    let key = Uuid::new_v4().to_string();
    let take = format!("{}/take", chat(anna));
    maria.has_done(&take, &[("key", &key)]).await;
    let help = format!("{}/help", chat(anna));

    // A question: what the bot would say, with its source, and nothing goes out.
    firm.sandbox
        .telegram_writes(anna, "Сколько стоит женская стрижка?")
        .unwrap();
    let page = maria.until(&help, |page| page.contains("2\u{a0}400")).await;
    assert!(page.contains("business.toml"), "{page}");
    assert!(page.contains("О чём"), "{page}");
    assert_eq!(
        page.matches("data-insert=\"Здравствуйте, ").count(),
        1,
        "{page}"
    );
    let lines = firm.sandbox.telegram_transcript(anna, None);
    assert!(lines.iter().all(|line| !line.text.contains("2\u{a0}400")));

    // Whoever was answered needs no answer.
    let key = Uuid::new_v4().to_string();
    let said = [("key", key.as_str()), ("text", "2 400 ₽")];
    maria.has_done(&format!("{}/say", chat(anna)), &said).await;
    let none = |page: &str| page.contains("Подсказать нечего");
    maria.until(&help, none).await;

    // A wish to book: free times, as she wishes them, and her phone.
    firm.sandbox
        .telegram_writes(anna, "Тогда запишите меня на женскую стрижку завтра")
        .unwrap();
    let page = maria
        .until(&help, |page| page.contains("Предложите время"))
        .await;
    assert!(page.contains("Спросите телефон"), "{page}");
    let now = zapis_core::Clock::system().now();
    let tomorrow = (now + TimeDelta::hours(3) + TimeDelta::days(1)).format("%d.%m");
    assert!(page.contains(&tomorrow.to_string()), "{page}");

    let kept = maria
        .does(&canned, &[("title", ""), ("text", "Ждём!")])
        .await;
    assert_eq!(kept.status(), reqwest::StatusCode::UNPROCESSABLE_ENTITY);
    assert!(kept.text().await.unwrap().contains("Ждём!"));
    maria.has_done(&canned, &[("drop", "true")]).await;
    assert!(!maria.reads(&help).await.contains("Приветствие"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_a_chat_is_helped_by_what_is_known() {
    who_has_a_chat_is_helped(On::Embedded, vec![vec!["run"]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_on_servers() {
    let roles = vec![vec!["gateway"], vec!["worker"]];
    who_has_a_chat_is_helped(On::servers("classic"), roles).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejected_draft_is_still_helped_with_and_no_waiting_phrase_is_suggested() {
    let rules = "[autonomy]\nprice = \"draft\"\n";
    let firm = Firm::with(On::Embedded, rules, vec![vec!["run"]]).await;
    let maria = Person::joins(&firm, "maria", "Мария", Role::Administrator).await;
    let anna = 7_902;
    firm.sandbox
        .telegram_writes(anna, "Сколько стоит женская стрижка?")
        .unwrap();
    firm.telegram_answer(anna, 0).await;
    let help = format!("{}/help", chat(anna));
    let suggested = |page: &str| page.contains("data-insert=\"Женская стрижка: 2\u{a0}400");
    let page = maria.until(&help, suggested).await;
    assert!(!page.contains("уточню"), "{page}");

    let drafts = maria.reads("/console/drafts").await;
    let (_, id) = drafts.split_once("action=\"/console/drafts/").unwrap();
    let way = format!("/console/drafts/{}", id.split('"').next().unwrap());
    let key = Uuid::new_v4().to_string();
    let rejected = [
        ("key", key.as_str()),
        ("verdict", "reject"),
        ("reason", "draft-tone"),
    ];
    maria.has_done(&way, &rejected).await;
    let decided = |page: &str| page.contains("Черновик: отклонён");
    maria.until(&chat(anna), decided).await;
    assert!(suggested(&maria.reads(&help).await));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_words_what_is_suggested_when_asked_and_hears_no_name() {
    let firm = firm_with(On::Embedded, "").await;
    let maria = Person::joins(&firm, "maria", "Мария", Role::Administrator).await;
    let anna = 7_903;
    // A name that no dictionary knows.
    firm.telegram_writes_as(
        "Бересклета",
        anna,
        "Пишет вам Бересклета, где вы находитесь?",
    );
    firm.telegram_answer(anna, 0).await;
    firm.sandbox
        .telegram_writes(anna, "Позовите администратора")
        .unwrap();
    firm.telegram_answer(anna, 1).await;
    let take = [("key", &*Uuid::new_v4().to_string())];
    maria.has_done(&format!("{}/take", chat(anna)), &take).await;
    firm.sandbox
        .telegram_writes(anna, "Сколько стоит женская стрижка?")
        .unwrap();
    let help = format!("{}/help", chat(anna));
    let offers = |page: &str| page.contains("data-suggest") && page.contains("2\u{a0}400");
    maria.until(&help, offers).await;
    let before = asked(&firm).len();

    let honest = "Женская стрижка стоит от 2 400 до 3 600 ₽, цена зависит от длины и мастера.";
    says(&firm, honest);
    let page = maria.scripted(&format!("{}/suggest", chat(anna))).await;
    assert!(
        page.contains(honest) && page.contains("data-worded"),
        "{page}"
    );
    let calls = asked(&firm);
    assert_eq!(calls.len(), before + 1);
    assert!(
        calls[before].body.to_string().contains("где вы находитесь"),
        "{}",
        calls[before].body
    );
    assert!(
        !calls[before].body.to_string().contains("Бересклет"),
        "{}",
        calls[before].body
    );

    // What cannot be proved is not suggested, and that is said.
    says(&firm, "Женская стрижка стоит 1 000 ₽.");
    let page = maria.scripted(&format!("{}/suggest", chat(anna))).await;
    assert!(
        !page.contains("1 000 ₽") && page.contains("Модель не предложила"),
        "{page}"
    );
    let lines = firm.sandbox.telegram_transcript(anna, None);
    assert!(lines.iter().all(|line| line.text != honest));
}
