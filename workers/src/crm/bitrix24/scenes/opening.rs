//! How enquiries are opened: complete, and once.

use serde_json::json;
use uuid::Uuid;

use super::portal::{Fault, Odd, World};
use super::{ORIGIN, Salon, anna, pairs, record};
use crate::crm::bitrix24::Bitrix24Config;
use crate::crm::bitrix24::names::Entity;
use crate::crm::{Crm, Milestone, Person, RecordKind, Verdict};

#[tokio::test]
async fn an_enquiry_becomes_a_lead_that_says_everything() {
    let salon = Salon::with(World::default()).await;
    let opened = salon.opens(&Person::default(), false).await;
    assert_eq!(opened.record.kind, RecordKind::Lead);
    assert_eq!(opened.responsible.as_deref(), Some("6"));
    let world = salon.portal.world();
    let lead = world.row(Entity::Lead, 0);
    for (name, value) in [
        ("title", json!("Telegram: Анна, стрижка")),
        ("name", json!("Анна 😀")),
        ("sourceId", json!("UC_TG")),
        ("sourceDescription", json!("бот @salon")),
        ("assignedById", json!(6)),
        ("opportunity", json!(1500)),
        ("currencyId", json!("RUB")),
        ("isManualOpportunity", json!("Y")),
        ("utmSource", json!("vk")),
        ("ufCrm_1", json!("HOT")),
        ("ufCrm_2", json!(80)),
        ("originatorId", json!("zapis")),
        ("originId", json!(ORIGIN.to_string())),
    ] {
        assert_eq!(lead.value(name), &value, "{name}");
    }
    let reach: Vec<String> = lead.reach().iter().map(|one| one.value.clone()).collect();
    assert_eq!(reach, ["+79991234567", "anna"]);
    let comments = lead.text("comments").unwrap();
    assert!(
        comments.contains("горячий (80 из 100): просит позвонить"),
        "{comments}"
    );
    assert!(!comments.contains("[b]"), "{comments}");
}

#[tokio::test]
async fn without_leads_it_becomes_a_contact_and_a_deal() {
    let world = World {
        simple: true,
        ..World::default()
    };
    let salon = Salon::set(world, |config| config.pipeline = 3).await;
    let opened = salon.opens(&Person::default(), false).await;
    assert_eq!(opened.record.kind, RecordKind::Deal);
    let world = salon.portal.world();
    let (contact, deal) = (world.row(Entity::Contact, 0), world.row(Entity::Deal, 0));
    assert_eq!(contact.text("originId").unwrap(), format!("{ORIGIN}:c"));
    assert_eq!(contact.reach()[0].value, "+79991234567");
    assert_eq!(deal.id("contactId"), contact.id("id"));
    assert_eq!(deal.id("categoryId").as_deref(), Some("3"));
    assert!(deal.value("fm").is_null() && deal.value("name").is_null());
}

#[tokio::test]
async fn what_was_made_though_nobody_heard_is_found_and_not_made_again() {
    for simple in [false, true] {
        let salon = Salon::with(World {
            simple,
            ..World::default()
        })
        .await;
        salon
            .portal
            .world()
            .faults
            .push(("crm.item.add", Fault::Lost));
        let person = Person::default();
        let lost = salon.crm.open(ORIGIN, &anna(), &person, None).await;
        assert_eq!(lost.unwrap_err().verdict, Verdict::Unknown);
        salon.opens_again().await;
        let again = salon.opens_again().await;
        let world = salon.portal.world();
        let leads = world.count(Entity::Lead);
        let made = (
            leads,
            world.count(Entity::Contact),
            world.count(Entity::Deal),
        );
        assert_eq!(made, if simple { (0, 1, 1) } else { (1, 0, 0) });
        assert!(!again.record.id.is_empty());
    }
}

#[tokio::test]
async fn of_two_that_are_there_the_older_is_taken_and_a_person_is_told() {
    let salon = Salon::with(World::default()).await;
    let ours = json!({"originatorId": "zapis", "originId": ORIGIN.to_string()});
    let (first, second) = {
        let mut world = salon.portal.world();
        (
            world.put(Entity::Lead, ours.clone()),
            world.put(Entity::Lead, ours),
        )
    };
    for _ in 0..2 {
        let opened = salon.opens_again().await;
        assert_eq!(opened.record.id, first.to_string());
    }
    let world = salon.portal.world();
    assert_eq!(world.count(Entity::Lead), 2, "nothing is deleted");
    assert_eq!(world.comments.len(), 1, "it is told once");
    let comment = world.comments[0]["COMMENT"].as_str().unwrap();
    assert!(comment.contains(&format!("lead:{second}")), "{comment}");
}

#[tokio::test]
async fn a_deal_that_a_manager_made_of_our_lead_is_no_second_one() {
    let salon = Salon::with(World::default()).await;
    {
        let mut world = salon.portal.world();
        let ours = json!({"originatorId": "zapis", "originId": ORIGIN.to_string()});
        let lead = world.put(Entity::Lead, ours.clone());
        let mut deal = ours;
        deal["leadId"] = json!(lead);
        world.put(Entity::Deal, deal);
    }
    let opened = salon.opens_again().await;
    assert_eq!(opened.record.kind, RecordKind::Lead);
    assert!(salon.portal.world().comments.is_empty());
}

#[tokio::test]
async fn leads_that_the_owner_gives_up_meanwhile_are_found_as_deals() {
    let salon = Salon::with(World::default()).await;
    salon.crm.managers().await.unwrap();
    salon.portal.world().simple = true;
    let opened = salon.opens(&Person::default(), false).await;
    assert_eq!(opened.record.kind, RecordKind::Deal);
    assert_eq!(salon.portal.world().count(Entity::Deal), 1);
    assert_eq!(salon.crm.find(ORIGIN).await.unwrap(), Some(opened));
    let next = salon
        .crm
        .open(Uuid::from_u128(8), &anna(), &Person::default(), None)
        .await;
    assert_eq!(next.unwrap().record.kind, RecordKind::Deal);
    assert_eq!(
        salon.portal.world().count(Entity::Contact),
        1,
        "the mode was read again"
    );
}

#[tokio::test]
async fn an_old_server_gets_the_old_methods() {
    let salon = Salon::with(World {
        odd: Some(Odd::Old),
        ..World::default()
    })
    .await;
    let opened = salon.opens(&Person::default(), false).await;
    {
        let world = salon.portal.world();
        assert_eq!(world.called("crm.lead.add"), 1);
        assert_eq!(opened.responsible.as_deref(), Some("6"));
        let lead = world.row(Entity::Lead, 0);
        assert_eq!(lead.text("ufCrm_1"), Some("HOT"));
        assert_eq!(lead.text("originId"), Some(ORIGIN.to_string().as_str()));
    }
    assert_eq!(salon.opens_again().await.record, opened.record);
    salon
        .crm
        .advance(&opened.record, Milestone::Booked)
        .await
        .unwrap();
    let asked = std::slice::from_ref(&opened.record);
    let (_, fate) = salon.crm.fates(asked).await.unwrap().remove(0);
    let fate = fate.unwrap();
    assert_eq!(
        (fate.stage.as_str(), fate.origin),
        ("PROCESSED", Some(ORIGIN))
    );
    assert_eq!(salon.portal.world().count(Entity::Lead), 1);
}

#[tokio::test]
async fn where_the_origin_cannot_be_filtered_by_the_old_list_finds_it() {
    let salon = Salon::with(World {
        odd: Some(Odd::OriginHidden),
        ..World::default()
    })
    .await;
    let opened = salon.opens(&Person::default(), false).await;
    assert_eq!(salon.opens_again().await.record, opened.record);
    assert!(salon.portal.world().called("crm.lead.list") > 0);
    assert_eq!(salon.portal.world().called("crm.lead.add"), 0);
}

#[tokio::test]
async fn a_field_that_the_portal_asks_for_is_named() {
    let salon = Salon::with(World::default()).await;
    salon.crm.managers().await.unwrap();
    salon.portal.world().odd = Some(Odd::Required);
    let refused = salon
        .crm
        .open(ORIGIN, &anna(), &Person::default(), None)
        .await;
    let trouble = refused.unwrap_err();
    assert_eq!(trouble.verdict, Verdict::Refused);
    assert!(trouble.words.contains("«Откуда» (`UF_CRM_9`)"), "{trouble}");
}

#[tokio::test]
async fn a_list_gets_the_entry_that_says_it() {
    let fields =
        |config: &mut Bitrix24Config| config.fields = pairs(&[("temperature", "UF_CRM_4")]);
    let salon = Salon::set(World::default(), fields).await;
    salon.opens(&Person::default(), false).await;
    let lead = salon.portal.world().row(Entity::Lead, 0);
    assert_eq!(lead.text("ufCrm_4"), Some("44"));
}

#[tokio::test]
async fn a_test_deletes_what_it_made_and_nothing_else() {
    for simple in [false, true] {
        let salon = Salon::with(World {
            simple,
            ..World::default()
        })
        .await;
        let theirs = salon
            .portal
            .world()
            .put(Entity::Lead, json!({"originId": ORIGIN.to_string()}));
        let kept = salon
            .crm
            .delete_test(&record(RecordKind::Lead, theirs), ORIGIN)
            .await;
        assert_eq!(kept.unwrap_err().verdict, Verdict::Refused);
        let made = salon.opens(&Person::default(), false).await;
        salon.crm.delete_test(&made.record, ORIGIN).await.unwrap();
        let world = salon.portal.world();
        let left = [Entity::Lead, Entity::Contact, Entity::Deal].map(|entity| world.count(entity));
        assert_eq!(left, [1, 0, 0]);
    }
}

#[tokio::test]
async fn neither_customers_nor_the_key_are_in_what_may_be_logged() {
    let salon = Salon::with(World::default()).await;
    let fault = (
        "crm.item.add",
        Fault::Refused("CRM_FIELD_ERROR_VALUE_NOT_VALID"),
    );
    salon.portal.world().faults.push(fault);
    let refused = salon
        .crm
        .open(ORIGIN, &anna(), &Person::default(), None)
        .await;
    let text = format!("{:?} {:?}", refused.unwrap_err(), salon.crm);
    for secret in ["Анна", "79991234567", "/code/", "Срочно"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}
