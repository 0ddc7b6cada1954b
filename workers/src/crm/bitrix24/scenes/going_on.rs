//! What is written into a record that is there.

use serde_json::json;
use uuid::Uuid;

use super::portal::{Fault, World};
use super::{ORIGIN, Salon, anna, at, phone, record};
use crate::crm::bitrix24::names::Entity;
use crate::crm::{Card, Crm, Person, RecordKind, Temperature, Todo, Verdict};

#[tokio::test]
async fn what_is_new_is_added_and_what_a_person_wrote_stays() {
    let salon = Salon::with(World::default()).await;
    let before = Card {
        phones: Vec::new(),
        name: None,
        ..anna()
    };
    let opened = salon
        .crm
        .open(ORIGIN, &before, &Person::default(), None)
        .await
        .unwrap();
    let id: u64 = opened.record.id.parse().unwrap();
    salon.portal.world().rows.get_mut(&Entity::Lead).unwrap()[0].extend([
        ("title".to_owned(), json!("Анна — наша любимая")),
        ("comments".to_owned(), json!("Звонить после шести")),
    ]);
    let card = Card {
        title: "Telegram: Анна".to_owned(),
        price: Some(2_000),
        temperature: Temperature::Warm,
        ..anna()
    };
    salon
        .crm
        .update(&opened.record, &card, &before)
        .await
        .unwrap();
    {
        let world = salon.portal.world();
        let lead = world.row(Entity::Lead, 0);
        assert_eq!(lead.text("title"), Some("Анна — наша любимая"));
        assert_eq!(lead.text("comments"), Some("Звонить после шести"));
        assert_eq!(lead.text("name"), Some("Анна 😀"));
        assert_eq!(lead.value("opportunity"), &json!(2_000));
        assert_eq!(lead.text("ufCrm_1"), Some("WARM"));
        assert_eq!(
            lead.reach().len(),
            2,
            "the messenger was there, the phone is new"
        );
        assert_eq!(lead.id("id"), Some(id.to_string()));
        let update = world
            .calls
            .iter()
            .find(|(method, _)| method == "crm.item.update");
        assert_eq!(
            update.unwrap().1["fields"]["fm"]["n0"]["value"],
            "+79991234567"
        );
    }
    salon
        .crm
        .update(&opened.record, &card, &card)
        .await
        .unwrap();
    assert_eq!(
        salon.portal.world().called("crm.item.update"),
        1,
        "nothing new, nothing written"
    );
}

#[tokio::test]
async fn a_sum_that_a_manager_has_set_stays() {
    let salon = Salon::with(World::default()).await;
    let opened = salon.opens(&Person::default(), false).await;
    salon.portal.world().rows.get_mut(&Entity::Lead).unwrap()[0]
        .insert("opportunity".to_owned(), json!(9_000));
    let card = Card {
        price: Some(2_000),
        ..anna()
    };
    salon
        .crm
        .update(&opened.record, &card, &anna())
        .await
        .unwrap();
    assert_eq!(salon.portal.world().called("crm.item.update"), 0);
}

#[tokio::test]
async fn a_phone_that_comes_later_goes_to_the_contact_of_a_deal_and_links_a_lead() {
    let before = Card {
        phones: Vec::new(),
        ..anna()
    };
    let salon = Salon::with(World {
        simple: true,
        ..World::default()
    })
    .await;
    let opened = salon
        .crm
        .open(ORIGIN, &before, &Person::default(), None)
        .await
        .unwrap();
    salon
        .crm
        .update(&opened.record, &anna(), &before)
        .await
        .unwrap();
    let reach = salon.portal.world().row(Entity::Contact, 0).reach();
    assert!(reach.iter().any(|one| one.value == "+79991234567"));

    let salon = Salon::with(World::default()).await;
    let opened = salon
        .crm
        .open(ORIGIN, &before, &Person::default(), None)
        .await
        .unwrap();
    let known = json!({"fm": phone("+79991234567")});
    let known = salon.portal.world().put(Entity::Contact, known);
    salon
        .crm
        .update(&opened.record, &anna(), &before)
        .await
        .unwrap();
    let lead = salon.portal.world().row(Entity::Lead, 0);
    assert_eq!(lead.id("contactId"), Some(known.to_string()));
}

#[tokio::test]
async fn a_comment_is_there_once_though_its_answer_was_lost() {
    let salon = Salon::with(World::default()).await;
    let lead = record(
        RecordKind::Lead,
        salon.portal.world().put(Entity::Lead, json!({})),
    );
    let (mark, text) = (Uuid::from_u128(9 << 90), "Спросила: «[url=x]?[/url]»");
    salon
        .portal
        .world()
        .faults
        .push(("crm.timeline.comment.add", Fault::Lost));
    let lost = salon.crm.comment(&lead, mark, text, false).await;
    assert_eq!(lost.unwrap_err().verdict, Verdict::Unknown);
    let id = salon.crm.comment(&lead, mark, text, true).await.unwrap();
    assert_eq!(id, "1");
    {
        let world = salon.portal.world();
        assert_eq!(world.comments.len(), 1);
        assert!(
            !world.comments[0]["COMMENT"]
                .as_str()
                .unwrap()
                .contains("[url")
        );
    }
    let other = salon
        .crm
        .comment(&lead, Uuid::from_u128(8 << 90), text, true)
        .await;
    assert_eq!(other.unwrap(), "2");
    let nowhere = record(RecordKind::Lead, 404);
    let gone = salon.crm.comment(&nowhere, mark, text, false).await;
    assert_eq!(gone.unwrap_err().verdict, Verdict::Gone);
}

#[tokio::test]
async fn a_task_is_there_once_with_its_deadline() {
    let salon = Salon::with(World::default()).await;
    let lead = record(
        RecordKind::Lead,
        salon.portal.world().put(Entity::Lead, json!({})),
    );
    let todo = Todo {
        title: "Позвонить".to_owned(),
        text: "Просит позвонить".to_owned(),
        deadline: at(15),
        responsible: Some("6".to_owned()),
    };
    salon
        .portal
        .world()
        .faults
        .push(("crm.activity.todo.add", Fault::Lost));
    let lost = salon.crm.todo(&lead, ORIGIN, &todo, false).await;
    assert_eq!(lost.unwrap_err().verdict, Verdict::Unknown);
    assert_eq!(
        salon.crm.todo(&lead, ORIGIN, &todo, true).await.unwrap(),
        "1"
    );
    let world = salon.portal.world();
    assert_eq!(world.todos.len(), 1);
    assert_eq!(world.todos[0]["deadline"], "2026-11-20T15:00:00+00:00");
    assert_eq!(world.todos[0]["pingOffsets"], json!([0, 15]));
    assert_eq!(world.todos[0]["responsibleId"], 6);
}
