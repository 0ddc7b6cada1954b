//! Colleagues see who else looks at a chat and who writes in it, and the customer that somebody writes.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde_json::json;
use uuid::Uuid;
use zapis_core::store::Role;

use crate::support::console::{Person, chat};
use crate::support::firm::visitor::Visitor;
use crate::support::firm::{Firm, On, PATIENCE, client};
use crate::support::servers::free_port;

/// Reads a stream of news until it tells something.
async fn hears(news: &mut Response, what: &str) {
    let mut heard = String::new();
    let hearing = async {
        while !heard.contains(what) {
            let more = news.chunk().await.unwrap().expect("the stream ended");
            heard.push_str(std::str::from_utf8(&more).unwrap());
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, hearing).await;
    assert!(in_time.is_ok(), "never {what}");
}

async fn two_see_each_other(firm: &Firm, maria: &Person, olga: &Person) {
    let anna = 7_601;
    firm.sandbox.telegram_writes(anna, "Здравствуйте").unwrap();
    firm.telegram_answer(anna, 0).await;
    let here = format!("{}/here", chat(anna));
    let tells = async |person: &Person, does: &str| {
        let told = person.does(&here, &[("does", does)]).await;
        assert_eq!(told.status(), StatusCode::NO_CONTENT);
    };
    let mut news = olga.get("/console/live").await;
    hears(&mut news, "event: everything").await;

    maria.reads(&chat(anna)).await;
    hears(&mut news, "\"looks\":true").await;
    olga.until(&here, |part| part.contains("Мария тоже смотрит этот чат"))
        .await;
    let list = olga.reads("/console/inbox").await;
    assert!(list.contains("смотрит: Мария"), "{list}");
    assert_eq!(maria.reads(&here).await.trim(), "", "she sees herself");

    tells(maria, "writes").await;
    hears(&mut news, "\"looks\":false").await;
    let page = olga.reads(&chat(anna)).await;
    assert!(page.contains("Мария пишет…"), "{page}");
    maria
        .until(&here, |part| part.contains("Ольга тоже смотрит"))
        .await;
    tells(maria, "looks").await;
    let part = olga.reads(&here).await;
    assert!(
        part.contains("смотрит") && !part.contains("пишет"),
        "{part}"
    );

    tells(maria, "leaves").await;
    hears(&mut news, "\"looks\":true").await;
    assert_eq!(olga.reads(&here).await.trim(), "");
    let elsewhere = format!("{}/here", chat(7_602));
    assert_eq!(olga.get(&elsewhere).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_one_gateway() {
    let firm = Firm::with(On::Embedded, "", vec![vec!["run"]]).await;
    let maria = Person::joins(&firm, "maria", "Мария", Role::Administrator).await;
    let olga = Person::joins(&firm, "olga", "Ольга", Role::Owner).await;
    two_see_each_other(&firm, &maria, &olga).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_two_gateways() {
    let roles = vec![vec!["gateway"], vec!["worker"]];
    let mut firm = Firm::with(On::servers("classic"), "", roles).await;
    let maria = Person::joins(&firm, "maria", "Мария", Role::Administrator).await;
    let olga = Person::joins(&firm, "olga", "Ольга", Role::Owner).await;
    let address = format!("127.0.0.1:{}", free_port());
    let listen = ("ZAPIS__SERVER__LISTEN", address.clone());
    firm.environment.push(listen);
    firm.start_one(&["gateway"]);
    let other = format!("http://{address}");
    let alive = format!("{other}/health/live");
    let serves = async {
        while client().get(&alive).send().await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, serves).await.unwrap();
    two_see_each_other(&firm, &maria, &olga.at(&other)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_customer_sees_that_somebody_writes() {
    let firm = Firm::with(On::Embedded, "", vec![vec!["run"]]).await;
    let maria = Person::joins(&firm, "maria", "Мария", Role::Administrator).await;
    let mut visitor = Visitor::open(&firm.url, None, 0).await.unwrap();
    let id = Uuid::new_v4().to_string();
    assert!(visitor.write(&id, "Позовите администратора").await);
    visitor.next_of("message").await.unwrap();
    let conversation = visitor.hello["conversation"].as_str().unwrap();
    let way = format!("/console/chats/{}", conversation.replace(':', "%3A"));
    let key = Uuid::new_v4().to_string();
    maria
        .has_done(&format!("{way}/take"), &[("key", &key)])
        .await;
    let told = maria
        .does(&format!("{way}/here"), &[("does", "writes")])
        .await;
    assert_eq!(told.status(), StatusCode::NO_CONTENT);
    let staff = json!({ "type": "typing", "from": "staff" });
    while visitor.next_of("typing").await.unwrap() != staff {}
}
