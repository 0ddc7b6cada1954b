//! A dispute weeks later: what was said is found, shown at its place, and written out so that it can be proved.

use std::fs;

use reqwest::StatusCode;
use serde_json::Value;
use zapis_core::store::Role;

use crate::support::console::{Person, chat};
use crate::support::firm::{Firm, On, copy};

const ANNA: i64 = 7_441;

/// The address behind the name of a customer in a line of the search.
fn link(page: &str) -> String {
    let page = page.replace("&#x2f;", "/");
    let (_, after) = page.split_once("href=\"/console/chats/").unwrap();
    let address = after.split('"').next().unwrap();
    format!("/console/chats/{address}")
}

/// It is taken in the console or by the command, and proves itself without the store.
async fn a_record_proves_itself(firm: &Firm, olga: &Person, maria: &Person) {
    let record = olga
        .get(&format!("{}/record", chat(ANNA)))
        .await
        .text()
        .await
        .unwrap();
    assert!(record.contains("обещали скидку"), "{record}");
    assert_eq!(
        maria.get(&format!("{}/record", chat(ANNA))).await.status(),
        StatusCode::FORBIDDEN
    );
    let file = firm.data_dir().join("record.jsonl");
    let file = file.to_str().unwrap();
    let id = format!("telegram:main:{ANNA}");
    let taken = firm.command(&["export", "--conversation", &id, "--out", file]);
    assert!(taken.status.success(), "{taken:?}");
    assert!(firm.command(&["export", "--verify", file]).status.success());
    let key = firm.command(&["export", "--public-key"]);
    let key = String::from_utf8(key.stdout).unwrap();
    let anywhere = |key: &str| {
        let args = [
            "export",
            "--verify",
            file,
            "--key",
            key,
            "--config",
            "/nowhere.toml",
        ];
        let mut zapis = std::process::Command::new(env!("CARGO_BIN_EXE_zapis"));
        zapis.args(args).output().unwrap()
    };
    assert!(anywhere(key.trim()).status.success());
    let another = "1".repeat(64);
    assert_eq!(anywhere(&another).status.code(), Some(1));
    let text = fs::read_to_string(file).unwrap();
    fs::write(file, text.replacen("1\u{a0}900", "1\u{a0}500", 1)).unwrap();
    let tampered = anywhere(key.trim());
    let said = String::from_utf8(tampered.stderr).unwrap();
    let number = text
        .lines()
        .position(|line| line.contains("1\u{a0}900"))
        .unwrap()
        + 1;
    assert_eq!(tampered.status.code(), Some(1), "{said}");
    assert!(
        said.contains(&format!("line {number}: this line was changed")),
        "{said}"
    );
}

async fn a_dispute_is_settled(on: On, roles: Vec<Vec<&'static str>>) {
    let firm = Firm::with(on, "", roles).await;
    let olga = Person::joins(&firm, "olga", "Ольга", Role::Owner).await;
    let maria = Person::joins(&firm, "maria", "Мария", Role::Administrator).await;
    firm.telegram_writes_as("Анна <i>", ANNA, "Сколько стоит мужская стрижка?");
    assert!(firm.telegram_answer(ANNA, 0).await.contains("1\u{a0}900"));
    firm.telegram_writes_as("Анна <i>", ANNA, "<script>alert(1)</script> обещали скидку");
    firm.telegram_answer(ANNA, 1).await;

    // Found by words, kind and person; nothing of what was written is markup.
    let page = olga.reads("/console/journal/search?words=%D0%A1%D0%9A%D0%98%D0%94%D0%9A%D0%A3&who=%D0%B0%D0%BD%D0%BD%D0%B0&kind=inbound").await;
    assert!(page.contains("обещали скидку"), "{page}");
    assert!(
        !page.contains("Сколько стоит")
            && !page.contains("<script>alert")
            && !page.contains("Анна <i>")
    );
    let other = olga
        .reads("/console/journal/search?who=%D0%B1%D0%BE%D1%80%D0%B8%D1%81")
        .await;
    assert!(!other.contains("обещали скидку"));
    assert_eq!(
        maria.get("/console/journal/search").await.status(),
        StatusCode::FORBIDDEN
    );
    // Who looked is noted.
    let looks = format!(
        "SELECT count(*) FROM staff_looks WHERE staff = 'Ольга' AND conversation LIKE '%{ANNA}'"
    );
    assert_eq!(firm.count(&looks), 1);

    // The line leads to its place in the chat, which tells what held then and how far the answer came.
    let place = link(&page);
    let shown = olga.reads(place.split('#').next().unwrap()).await;
    let sought = shown
        .split("class=\"line customer sought\"")
        .nth(1)
        .unwrap();
    assert!(
        sought
            .split("</li>")
            .next()
            .unwrap()
            .contains("обещали скидку"),
        "{shown}"
    );
    for words in ["Версия знаний", "Версия настроек", "К последним сообщениям"]
    {
        assert!(shown.contains(words), "{words}: {shown}");
    }

    a_record_proves_itself(&firm, &olga, &maria).await;

    let id = format!("telegram:main:{ANNA}");
    // Once she is erased nothing of her is found, and the receipt names what was written out.
    let erased = firm.command(&["erase", "--person", &id, "--yes", "--json"]);
    assert!(erased.status.success(), "{erased:?}");
    let receipt: Value = serde_json::from_slice(&erased.stdout).unwrap();
    assert_eq!(receipt["exports"].as_array().unwrap().len(), 2, "{receipt}");
    let page = olga.reads("/console/journal/search?channel=telegram").await;
    for words in ["скидку", "Анна", "7441"] {
        assert!(!page.contains(words), "{words}: {page}");
    }
    assert!(page.contains("Решение бота"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dispute_is_settled_in_one_process() {
    a_dispute_is_settled(On::Embedded, vec![vec!["run"]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dispute_is_settled_on_servers() {
    let roles = vec![vec!["gateway"], vec!["worker"]];
    a_dispute_is_settled(On::servers("classic"), roles).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_shows_exactly_what_another_price_would_change() {
    let firm = Firm::open(On::Embedded).await;
    for (n, text) in [
        "Меня зовут Зоя, сколько стоит мужская стрижка?",
        "Какой у вас адрес?",
        "Сколько стоит мужская стрижка?",
    ]
    .into_iter()
    .enumerate()
    {
        firm.telegram_writes_as("Зоя", ANNA, text);
        firm.telegram_answer(ANNA, n).await;
    }
    let new = firm.data_dir().join("new");
    copy(&firm.config_dir(), &new);
    let replay = |args: &[&str]| {
        let with = ["replay", "--with", new.to_str().unwrap(), "--json"];
        let output = firm.command(&[&with, args].concat());
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let same = replay(&[]);
    assert_eq!(
        (
            same["asked"].as_u64(),
            same["different"].as_array().unwrap().len()
        ),
        (Some(3), 0),
        "{same}"
    );

    let file = new.join("business.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("price = 1900", "price = 2100", 1)).unwrap();
    let events = firm.count("SELECT count(*) FROM events");
    let told = replay(&[]);

    let different = told["different"].as_array().unwrap();
    assert_eq!(different.len(), 2, "{told}");
    for one in different {
        assert!(
            one["question"]
                .as_str()
                .unwrap()
                .contains("мужская стрижка"),
            "{one}"
        );
        assert!(
            one["before"]["says"]
                .as_str()
                .unwrap()
                .contains("1\u{a0}900"),
            "{one}"
        );
        assert!(
            one["after"]["says"]
                .as_str()
                .unwrap()
                .contains("2\u{a0}100"),
            "{one}"
        );
        assert_eq!(one["before"]["intent"], "price");
    }
    assert!(!told.to_string().contains("Зоя"), "{told}");
    assert_eq!(firm.count("SELECT count(*) FROM events"), events);
}
