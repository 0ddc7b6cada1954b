//! What becomes of a lead comes back, and what a manager has done stays done.

use chrono::TimeDelta;
use serde_json::json;
use zapis_core::store::NewOwner;
use zapis_sandbox::{Bitrix24Action, Bitrix24Field, CrmEntity};
use zapis_workers::crm::Milestone;

use super::world::{On, World, chat, on_both, portal, wants, wants_with_phone};

on_both!(
    a_stage_comes_back_when_the_portal_tells_it,
    a_stage_that_nobody_told_is_found_by_asking,
    a_thousand_events_are_read_together,
    what_becomes_of_a_deal_that_a_manager_made_of_a_lead_comes_back,
    a_lost_lead_closes_the_enquiry_and_a_new_wish_begins_another,
    a_deleted_lead_is_made_again_only_for_a_new_wish,
    a_person_switches_the_bot_off_at_the_crm,
    an_unfinished_booking_is_asked_about_once_unless_somebody_acts,
);

async fn a_stage_comes_back_when_the_portal_tells_it(on: On) {
    let world = World::open(on).await;
    let anna = chat(1);
    let lead = world.lead_of(&anna).await;

    world.sandbox.bitrix24_moves(lead, "IN_PROCESS").unwrap();
    world.news_of(&format!("lead:{lead}")).await;

    let (_, state) = world.enquiry(&anna).await;
    assert_eq!(state.milestone, Some(Milestone::Qualified));
    assert!(state.stage.is_some());
    let events = world.store.events_of(&anna, 100).await.unwrap();
    let stages = events
        .iter()
        .filter(|event| event.action.as_deref() == Some("lead_stage"));
    assert_eq!(stages.count(), 1);
    world.news_of(&format!("lead:{lead}")).await;
    let events = world.store.events_of(&anna, 100).await.unwrap();
    let stages = events
        .iter()
        .filter(|event| event.action.as_deref() == Some("lead_stage"));
    assert_eq!(stages.count(), 1, "nothing has changed");
    world.news_of("lead:999999").await;
}

async fn a_stage_that_nobody_told_is_found_by_asking(on: On) {
    let world = World::open(on).await;
    let anna = chat(1);
    let lead = world.lead_of(&anna).await;

    world.sandbox.bitrix24_moves(lead, "IN_PROCESS").unwrap();
    world.passes(TimeDelta::minutes(6));

    let fine = |_: &_, state: &zapis_workers::crm::EnquiryState| {
        state.milestone == Some(Milestone::Qualified)
    };
    world.until_enquiry(&anna, "qualified", fine).await;
}

async fn a_thousand_events_are_read_together(on: On) {
    let world = World::open(on).await;
    let customers = 60;
    for n in 0..customers {
        let wish = wants(&world, &chat(n), 1, "Хочу на маникюр");
        world.hears(wish).await;
    }
    world.done().await;
    let leads = world.leads(customers as usize).await;
    for lead in &leads {
        world.sandbox.bitrix24_moves(lead.id, "IN_PROCESS").unwrap();
    }
    world.sandbox.clear_calls();

    let news = (0..1_000).map(|n| format!("lead:{}", leads[n % leads.len()].id));
    world.news(news).await;

    // What the portal is like is asked too, and what changed.
    assert!(world.calls() < 20, "{} calls", world.calls());
    for n in 0..customers {
        let (_, state) = world.enquiry(&chat(n)).await;
        assert_eq!(state.milestone, Some(Milestone::Qualified), "{n}");
    }
}

async fn what_becomes_of_a_deal_that_a_manager_made_of_a_lead_comes_back(on: On) {
    let world = World::open(on).await;
    let anna = chat(1);
    let lead = world.lead_of(&anna).await;
    world.sandbox.bitrix24_moves(lead, "CONVERTED").unwrap();
    let fields = json!({ "title": "Маникюр", "leadId": lead, "stageId": "WON" });
    let deal = Bitrix24Action::Creates {
        entity: CrmEntity::Deal,
        fields: fields.as_object().unwrap().clone(),
    };
    world.sandbox.bitrix24(deal).unwrap();
    let deal = world.items(CrmEntity::Deal, 1).await[0].id;

    world.news_of(&format!("deal:{deal}")).await;

    let (row, state) = world.enquiry(&anna).await;
    assert_eq!(state.milestone, Some(Milestone::Came));
    assert!(row.closed_at.is_some());
    world.news_of("deal:999999").await;
}

async fn a_lost_lead_closes_the_enquiry_and_a_new_wish_begins_another(on: On) {
    let world = World::open(on).await;
    let anna = chat(1);
    let lead = world.lead_of(&anna).await;

    world.sandbox.bitrix24_moves(lead, "JUNK").unwrap();
    world.news_of(&format!("lead:{lead}")).await;
    let (row, state) = world.enquiry(&anna).await;
    assert!(row.closed_at.is_some() && state.milestone == Some(Milestone::Lost));

    world.hears(wants(&world, &anna, 2, "А педикюр?")).await;
    world.done().await;
    assert_eq!(world.leads(2).await.len(), 2);
}

async fn a_deleted_lead_is_made_again_only_for_a_new_wish(on: On) {
    let world = World::open(on).await;
    let anna = chat(1);
    let lead = world.lead_of(&anna).await;
    let deletes = Bitrix24Action::Deletes {
        entity: CrmEntity::Lead,
        id: lead,
    };
    world.sandbox.bitrix24(deletes).unwrap();

    // Nothing is wanted, so nothing begins.
    let mut thanks = wants_with_phone(&world, &anna, 2, "+79210000001");
    thanks.enquires = false;
    world.hears(thanks).await;
    let closed = |row: &zapis_core::store::Enquiry, _: &_| row.closed_at.is_some();
    world.until_enquiry(&anna, "closed", closed).await;
    world.done().await;
    assert_eq!(world.sandbox.bitrix24_items(CrmEntity::Lead), []);

    world
        .hears(wants(&world, &anna, 3, "Хочу на педикюр"))
        .await;
    world.done().await;
    let lead = world.leads(1).await[0].id;
    world
        .sandbox
        .bitrix24(Bitrix24Action::Deletes {
            entity: CrmEntity::Lead,
            id: lead,
        })
        .unwrap();
    let mut call = wants(&world, &anna, 4, "Позовите человека");
    call.called = Some(zapis_workers::crm::Called {
        reason: "просит человека".to_owned(),
        expected_at: world.clock.now(),
    });
    world.hears(call).await;
    world.done().await;
    assert_eq!(world.leads(1).await.len(), 1);
    let comments = world.sandbox.bitrix24_comments();
    assert!(
        comments
            .iter()
            .any(|one| one.text.contains("Позовите человека"))
    );
    assert_eq!(world.sandbox.bitrix24_todos().len(), 1);
}

async fn a_person_switches_the_bot_off_at_the_crm(on: On) {
    let mut portal = portal();
    portal.custom_fields = vec![Bitrix24Field {
        entity: CrmEntity::Lead,
        name: "ufCrm_NO_BOT".to_owned(),
        title: "Без бота".to_owned(),
        required: false,
    }];
    let world = World::with(on, portal, |config| {
        config.bitrix24.no_bot_field = "ufCrm_NO_BOT".into();
    });
    let world = world.await;
    world.start().await;
    let anna = chat(1);
    let lead = world.lead_of(&anna).await;
    let now = world.clock.now();
    assert_eq!(world.store.ownership(&anna, now).await.unwrap().staff, None);

    let sets = Bitrix24Action::Sets {
        entity: CrmEntity::Lead,
        id: lead,
        fields: json!({ "ufCrm_NO_BOT": "Y" }).as_object().unwrap().clone(),
    };
    world.sandbox.bitrix24(sets).unwrap();
    world.news_of(&format!("lead:{lead}")).await;
    let owner = world.store.ownership(&anna, now).await.unwrap();
    assert_eq!(owner.staff.as_deref(), Some("CRM"));

    // Somebody gives the conversation back; changes of the same record, our own too, do not take it again.
    let back = zapis_core::store::OwnershipChange {
        cause: "back".into(),
        at: now,
        to: NewOwner::Bot,
    };
    world.store.change_ownership(&anna, &back).await.unwrap();
    world.passes(TimeDelta::minutes(1));
    world.sandbox.bitrix24_moves(lead, "IN_PROCESS").unwrap();
    world.news_of(&format!("lead:{lead}")).await;
    let now = world.clock.now();
    assert_eq!(world.store.ownership(&anna, now).await.unwrap().staff, None);

    // Taken back and set again it is another order, and taken back at last it is none.
    for (set, owner) in [("N", None), ("Y", Some("CRM")), ("N", None)] {
        world.passes(TimeDelta::minutes(1));
        let sets = Bitrix24Action::Sets {
            entity: CrmEntity::Lead,
            id: lead,
            fields: json!({ "ufCrm_NO_BOT": set }).as_object().unwrap().clone(),
        };
        world.sandbox.bitrix24(sets).unwrap();
        world.news_of(&format!("lead:{lead}")).await;
        let now = world.clock.now();
        let ownership = world.store.ownership(&anna, now).await.unwrap();
        assert_eq!(ownership.staff.as_deref(), owner, "{set}");
    }
}

async fn an_unfinished_booking_is_asked_about_once_unless_somebody_acts(on: On) {
    let world = World::open(on).await;
    let unfinished = |n: u32, who: u32| {
        let mut turn = wants(&world, &chat(who), n, "Запишите на маникюр");
        turn.wish.as_mut().unwrap().unfinished = true;
        turn
    };
    world.hears(unfinished(1, 1)).await;
    world.hears(unfinished(1, 2)).await;
    let mut answered = wants(&world, &chat(2), 2, "Поможем!");
    answered.wish = None;
    answered.staff = Some("Мария".to_owned());
    world.hears(answered).await;
    world.done().await;
    assert_eq!(world.to_send("telegram").await, 0);

    // Past the pause, and past the night where it ends in one.
    let give_up = tokio::time::Instant::now() + crate::support::firm::PATIENCE;
    while world.to_send("telegram").await == 0 {
        assert!(tokio::time::Instant::now() < give_up, "nobody is asked");
        world.passes(TimeDelta::hours(1));
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    world.done().await;
    world.passes(TimeDelta::hours(20));
    world.done().await;

    assert_eq!(
        world.to_send("telegram").await,
        1,
        "once, and not where a person has answered"
    );
    let (_, state) = world.enquiry(&chat(1)).await;
    assert!(state.nudged && state.nudge.is_none());
    let comments = world.sandbox.bitrix24_comments();
    assert!(
        comments.iter().any(|one| one.text.contains("напомнил")),
        "{comments:#?}"
    );
}
