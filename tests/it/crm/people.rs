//! Nobody is in the CRM twice, and whoever looked after a customer goes on with it.

use chrono::TimeDelta;
use zapis_sandbox::{Bitrix24Action, CrmEntity};

use super::world::{On, World, chat, entered, on_both, wants, wants_with_phone};

on_both!(
    an_open_lead_of_the_person_is_gone_on_with,
    the_fate_of_a_record_of_others_comes_back_too,
    a_customer_of_old_keeps_contact_and_manager,
    a_phone_that_comes_later_is_added_once,
    without_leads_an_enquiry_is_a_contact_and_a_deal,
    what_customers_write_is_inert_and_whole,
);

async fn an_open_lead_of_the_person_is_gone_on_with(on: On) {
    let world = World::open(on).await;
    let lead = Bitrix24Action::Creates {
        entity: CrmEntity::Lead,
        fields: entered("С улицы", "8 (921) 000-00-02"),
    };
    world.sandbox.bitrix24(lead).unwrap();

    let turn = wants_with_phone(&world, &chat(2), 1, "+79210000002");
    world.hears(turn).await;
    world.done().await;

    let leads = world.leads(1).await;
    assert_eq!(leads.len(), 1, "no twin: {leads:#?}");
    assert_eq!(leads[0].title, "С улицы", "what the manager wrote stays");
    assert_eq!(leads[0].assigned_to, 7);
    let comments = world.sandbox.bitrix24_comments();
    assert!(
        comments
            .iter()
            .any(|one| one.text.contains("обратился снова")),
        "{comments:#?}"
    );
    let todos = world.sandbox.bitrix24_todos();
    assert_eq!(todos.len(), 1);
    assert_eq!(todos[0].responsible, 7);
}

async fn the_fate_of_a_record_of_others_comes_back_too(on: On) {
    let world = World::open(on).await;
    let lead = Bitrix24Action::Creates {
        entity: CrmEntity::Lead,
        fields: entered("С улицы", "+79210000012"),
    };
    world.sandbox.bitrix24(lead).unwrap();
    let lead = world.leads(1).await[0].id;
    world
        .hears(wants_with_phone(&world, &chat(12), 1, "+79210000012"))
        .await;
    world.done().await;

    world.sandbox.bitrix24_moves(lead, "JUNK").unwrap();
    world.passes(TimeDelta::minutes(6));

    let lost = |row: &zapis_core::store::Enquiry, _: &_| row.closed_at.is_some();
    world.until_enquiry(&chat(12), "closed", lost).await;
}

async fn a_customer_of_old_keeps_contact_and_manager(on: On) {
    let world = World::open(on).await;
    let contact = Bitrix24Action::Creates {
        entity: CrmEntity::Contact,
        fields: entered("Ольга", "+79210000003"),
    };
    world.sandbox.bitrix24(contact).unwrap();
    let contact = world.items(CrmEntity::Contact, 1).await[0].id;

    world
        .hears(wants_with_phone(&world, &chat(3), 1, "+79210000003"))
        .await;
    world.done().await;

    let leads = world.leads(1).await;
    assert_eq!(leads[0].contact, contact);
    assert_eq!(leads[0].assigned_to, 7);
    let (_, state) = world.enquiry(&chat(3)).await;
    assert!(state.signals.returning, "{state:#?}");
    assert_eq!(world.items(CrmEntity::Contact, 1).await.len(), 1);
}

async fn a_phone_that_comes_later_is_added_once(on: On) {
    let world = World::open(on).await;
    let anna = chat(4);
    world
        .hears(wants(&world, &anna, 1, "Сколько стоит маникюр?"))
        .await;
    world.done().await;
    assert_eq!(world.leads(1).await[0].values("PHONE"), [""; 0]);

    for n in 2..4 {
        world
            .hears(wants_with_phone(&world, &anna, n, "+79210000004"))
            .await;
        world.done().await;
    }

    let leads = world.leads(1).await;
    assert_eq!(leads.len(), 1);
    assert_eq!(leads[0].values("PHONE"), ["+79210000004"]);
}

async fn without_leads_an_enquiry_is_a_contact_and_a_deal(on: On) {
    let world = World::with(on, super::world::portal(), |_| {}).await;
    let simple = Bitrix24Action::SwitchesMode {
        mode: zapis_sandbox::Bitrix24Mode::Simple,
    };
    world.sandbox.bitrix24(simple).unwrap();
    world.start().await;

    world
        .hears(wants_with_phone(&world, &chat(5), 1, "+79210000005"))
        .await;
    world.done().await;

    let deals = world.items(CrmEntity::Deal, 1).await;
    let contacts = world.items(CrmEntity::Contact, 1).await;
    assert_eq!((deals.len(), contacts.len()), (1, 1));
    assert_eq!(deals[0].contact, contacts[0].id);
    assert_eq!(contacts[0].values("PHONE"), ["+79210000005"]);
    assert_eq!(world.sandbox.bitrix24_items(CrmEntity::Lead), []);
    let (row, _) = world.enquiry(&chat(5)).await;
    assert_eq!(row.record, Some(format!("deal:{}", deals[0].id)));
}

async fn what_customers_write_is_inert_and_whole(on: On) {
    let world = World::open(on).await;
    let nasty = "[b]жирно[/b] $result[me][ID] 100% & <b> 💅 [url=http://evil.example]тут[/url]";
    let mut turn = wants(&world, &chat(6), 1, nasty);
    turn.name = Some("Я".repeat(300));

    world.hears(turn).await;
    world.done().await;

    let lead = &world.leads(1).await[0];
    assert!(lead.title.chars().count() <= 255);
    let text = &world.sandbox.bitrix24_comments()[0].text;
    assert!(!text.contains("[b]") && !text.contains("[url="), "{text}");
    let visible: String = text.chars().filter(|c| *c != '\u{2060}').collect();
    assert!(visible.contains(nasty), "{visible}");
}
