//! Who is who: customers that are known, managers that are there.

use serde_json::json;

use super::portal::World;
use super::{Salon, anna, phone, record, user};
use crate::crm::bitrix24::names::Entity;
use crate::crm::{Crm, Person, RecordKind};

#[tokio::test]
async fn somebody_known_is_found_however_the_portal_spells_the_phone() {
    let salon = Salon::with(World::default()).await;
    let (contact, lead) = {
        let mut world = salon.portal.world();
        let contact = json!({"fm": phone("89991234567"), "assignedById": 7});
        let contact = world.put(Entity::Contact, contact);
        let closed = json!({"fm": phone("+79991234567"), "stageSemanticId": "F"});
        world.put(Entity::Lead, closed);
        let open = json!({"fm": phone("9991234567"), "assignedById": 6});
        (contact, world.put(Entity::Lead, open))
    };
    let person = salon.crm.who(&anna()).await.unwrap();
    assert_eq!(person.contact, Some(contact.to_string()));
    assert_eq!(person.open, Some(record(RecordKind::Lead, lead)));
    assert_eq!(person.responsible.as_deref(), Some("6"));
}

#[tokio::test]
async fn who_comes_back_keeps_contact_and_manager_unless_that_one_has_left() {
    for (manager, kept) in [(7, Some("7")), (99, None)] {
        let salon = Salon::with(World::default()).await;
        let contact = {
            let known = json!({"fm": phone("+79991234567"), "assignedById": manager});
            salon.portal.world().put(Entity::Contact, known)
        };
        let person = salon.crm.who(&anna()).await.unwrap();
        assert_eq!(person.open, None);
        assert_eq!(person.responsible.as_deref(), kept);
        salon.opens(&person, false).await;
        let lead = salon.portal.world().row(Entity::Lead, 0);
        assert_eq!(lead.id("contactId"), Some(contact.to_string()));
    }
}

#[tokio::test]
async fn an_open_deal_of_the_pipeline_is_gone_on_with() {
    let salon = Salon::with(World {
        simple: true,
        ..World::default()
    })
    .await;
    let deal = {
        let mut world = salon.portal.world();
        let contact = world.put(Entity::Contact, json!({"fm": phone("+79991234567")}));
        world.put(
            Entity::Deal,
            json!({"contactId": contact, "stageSemanticId": "S"}),
        );
        let deal = world.put(Entity::Deal, json!({"contactId": contact}));
        world.put(Entity::Deal, json!({"contactId": contact, "categoryId": 3}));
        deal
    };
    let person = salon.crm.who(&anna()).await.unwrap();
    assert_eq!(person.open, Some(record(RecordKind::Deal, deal)));
}

#[tokio::test]
async fn nobody_is_nobody_and_twenty_customers_are_searched_in_pieces() {
    let salon = Salon::with(World::default()).await;
    let mut card = anna();
    card.phones = (0..12)
        .map(|n| format!("+7999123450{n:02}")[..12].to_owned())
        .collect();
    card.emails = vec!["$result[me]@salon.example".to_owned()];
    let person = salon.crm.who(&card).await.unwrap();
    assert_eq!(person, Person::default());
    let world = salon.portal.world();
    let batched = world.calls.iter().filter(|(method, _)| method == "batch");
    assert!(
        !batched
            .map(|(_, params)| params.to_string())
            .any(|text| text.contains("salon.example"))
    );
}

#[tokio::test]
async fn managers_are_at_work_or_away_as_the_portal_tells() {
    let users = (1..=60).map(|n| user(n, "Кто-то")).collect();
    let salon = Salon::with(World {
        users,
        ..World::default()
    })
    .await;
    let managers = salon.crm.managers().await.unwrap();
    assert_eq!(managers.len(), 60, "both pages");
    let (six, seven) = (&managers[5], &managers[6]);
    assert_eq!((six.at_work, six.absent), (Some(true), false));
    assert_eq!((seven.at_work, seven.absent), (Some(false), true));
    salon.crm.managers().await.unwrap();
    assert_eq!(
        salon.portal.world().called("user.get"),
        2,
        "kept for a while"
    );
    salon.clock.advance(std::time::Duration::from_mins(2));
    salon.crm.managers().await.unwrap();
    assert_eq!(salon.portal.world().called("user.get"), 2);
    assert_eq!(salon.portal.world().called("calendar.accessibility.get"), 2);
}

#[tokio::test]
async fn without_rights_nothing_is_known_of_managers_and_that_is_no_trouble() {
    let scopes = vec!["crm"];
    let salon = Salon::with(World {
        scopes,
        ..World::default()
    })
    .await;
    assert!(salon.crm.managers().await.unwrap().is_empty());
    let scopes = vec!["crm", "user_brief"];
    let salon = Salon::with(World {
        scopes,
        ..World::default()
    })
    .await;
    let managers = salon.crm.managers().await.unwrap();
    assert!(
        managers
            .iter()
            .all(|one| one.at_work.is_none() && !one.absent)
    );
    assert_eq!(salon.portal.world().called("timeman.status"), 0);
}
