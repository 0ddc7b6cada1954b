//! One enquiry, one lead, whatever happens to the calls that make it.

use chrono::TimeDelta;
use zapis_core::store::CrmJobState;
use zapis_sandbox::{CrmEntity, FaultKind};
use zapis_workers::crm::CrmConfig;

use super::world::{On, World, chat, on_both, portal, wants, wants_with_phone};

on_both!(
    an_enquiry_becomes_one_lead_with_its_history,
    a_turn_that_comes_twice_is_told_once,
    a_lead_whose_answer_was_lost_is_found_and_not_made_again,
    a_lead_behind_a_broken_proxy_is_found_and_not_made_again,
    what_was_not_carried_out_is_sent_again,
    a_comment_and_a_task_whose_answers_were_lost_are_not_doubled,
    two_workers_make_each_lead_once,
    a_lead_in_doubt_keeps_others_of_the_same_phone_waiting,
    what_is_learnt_while_a_lead_is_in_doubt_reaches_it,
    a_person_in_two_messengers_gets_one_lead,
);

/// Longer than a portal works on a request.
const QUIET: TimeDelta = TimeDelta::seconds(61);

async fn an_enquiry_becomes_one_lead_with_its_history(on: On) {
    let world = World::open(on).await;
    let anna = chat(1);
    let mut turn = wants_with_phone(&world, &anna, 1, "+79210000001");
    turn.history.push(turn.lines[0].clone());
    turn.history[0].text = "Здравствуйте!".into();
    turn.source = Some(serde_json::json!({ "deep_link": "vk_nails" }));

    world.hears(turn).await;
    world.done().await;

    let leads = world.leads(1).await;
    let lead = &leads[0];
    assert_eq!(leads.len(), 1);
    assert_eq!(lead.title, "Telegram: Анна, Маникюр с покрытием");
    assert_eq!(lead.values("PHONE"), ["+79210000001"]);
    assert_eq!(lead.values("IM"), ["anna1"]);
    assert_eq!(lead.originator, "zapis");
    let (row, state) = world.enquiry(&anna).await;
    assert_eq!(lead.origin, row.id.to_string());
    assert_eq!(row.record, Some(format!("lead:{}", lead.id)));
    assert_eq!(lead.fields["utmCampaign"], "vk_nails");
    assert!(
        lead.comments.contains("Маникюр с покрытием"),
        "{}",
        lead.comments
    );
    assert!(!state.card.reasons.is_empty());
    let comments = world.sandbox.bitrix24_comments();
    assert_eq!(comments.len(), 1, "{comments:#?}");
    let text = &comments[0].text;
    let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"));
    assert!(place("Здравствуйте!") < place("Хочу на маникюр"));
    assert!(place("Хочу на маникюр") < place("Подскажу!"));
    let created = "create_lead";
    let events = world.store.events_of(&anna, 100).await.unwrap();
    let told = events
        .iter()
        .filter(|event| event.action.as_deref() == Some(created));
    assert_eq!(told.count(), 1);
}

async fn a_turn_that_comes_twice_is_told_once(on: On) {
    let world = World::open(on).await;
    let anna = chat(1);
    let turn = wants(&world, &anna, 1, "Сколько стоит маникюр?");

    world.hears(turn.clone()).await;
    world.hears(turn.clone()).await;
    world.done().await;
    world.hears(turn).await;
    world.done().await;

    assert_eq!(world.leads(1).await.len(), 1);
    assert_eq!(world.sandbox.bitrix24_comments().len(), 1);
}

/// The lead is made, and nobody hears of it.
async fn lost(on: On, fault: FaultKind) {
    let world = World::open(on).await;
    world.trouble("crm.item.add", fault, 1);
    let anna = chat(1);
    world
        .hears(wants(&world, &anna, 1, "Сколько стоит маникюр?"))
        .await;
    world.opening_is_in_doubt().await;
    assert_eq!(world.leads(1).await.len(), 1);
    let (row, _) = world.enquiry(&anna).await;
    assert_eq!(row.record, None, "nobody knows it yet");

    world.passes(QUIET);
    world.done().await;

    let leads = world.leads(1).await;
    assert_eq!(leads.len(), 1, "{leads:#?}");
    let (row, _) = world.enquiry(&anna).await;
    assert_eq!(row.record, Some(format!("lead:{}", leads[0].id)));
    assert_eq!(world.sandbox.bitrix24_comments().len(), 1);
}

async fn a_lead_whose_answer_was_lost_is_found_and_not_made_again(on: On) {
    lost(on, FaultKind::CutAfterAccept).await;
}

async fn a_lead_behind_a_broken_proxy_is_found_and_not_made_again(on: On) {
    lost(on, FaultKind::StatusAfterAccept { status: 502 }).await;
}

/// The portal works longer than the worker waits for it; slow, so on one set of engines.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lead_whose_answer_comes_too_late_is_found_and_not_made_again() {
    let world = World::open(On::Embedded).await;
    world.trouble("crm.item.add", FaultKind::TimeOutAfterAccept, 1);
    world
        .hears(wants(&world, &chat(1), 1, "Сколько стоит маникюр?"))
        .await;
    world.opening_is_in_doubt().await;

    world.passes(QUIET);
    world.done().await;

    assert_eq!(world.leads(1).await.len(), 1);
}

async fn what_was_not_carried_out_is_sent_again(on: On) {
    let world = World::open(on).await;
    world.trouble(
        "crm.item.add",
        FaultKind::Status {
            status: 502,
            html: true,
        },
        1,
    );
    world
        .hears(wants(&world, &chat(1), 1, "Сколько стоит маникюр?"))
        .await;
    world.opening_is_in_doubt().await;
    assert_eq!(world.sandbox.bitrix24_items(CrmEntity::Lead), []);

    world.passes(QUIET);
    world.done().await;

    assert_eq!(world.leads(1).await.len(), 1);
}

async fn a_comment_and_a_task_whose_answers_were_lost_are_not_doubled(on: On) {
    let world = World::open(on).await;
    world.trouble("crm.timeline.comment.add", FaultKind::CutAfterAccept, 1);
    world.trouble("crm.activity.todo.add", FaultKind::CutAfterAccept, 1);
    let mut turn = wants(&world, &chat(1), 1, "Позовите человека");
    turn.called = Some(zapis_workers::crm::Called {
        reason: "просит человека".to_owned(),
        expected_at: world.clock.now(),
    });
    world.hears(turn).await;
    for kind in ["todo", "segment"] {
        let in_doubt = |jobs: &[zapis_core::store::CrmJob]| {
            let mut of_kind = jobs.iter().filter(|job| job.kind == kind);
            of_kind.any(|job| job.doubt || job.state == CrmJobState::Done)
        };
        world.until_jobs("in doubt", in_doubt).await;
        world.passes(QUIET);
    }
    world.done().await;

    assert_eq!(world.sandbox.bitrix24_comments().len(), 1);
    let todos = world.sandbox.bitrix24_todos();
    assert_eq!(todos.len(), 1, "{todos:#?}");
    assert!(todos[0].title.contains("Ответить клиенту"), "{todos:#?}");
}

async fn two_workers_make_each_lead_once(on: On) {
    let world = World::with(on, portal(), |_: &mut CrmConfig| {}).await;
    for n in 0..40 {
        world
            .hears(wants(&world, &chat(n), 1, "Хочу на маникюр"))
            .await;
    }
    world.start().await;
    world.start().await;

    world.done().await;

    let mut origins: Vec<String> = world
        .leads(40)
        .await
        .into_iter()
        .map(|lead| lead.origin)
        .collect();
    origins.sort();
    origins.dedup();
    assert_eq!(origins.len(), 40);
    assert_eq!(world.leads(40).await.len(), 40);
    world.stop().await;
}

/// The first of two leads for a phone is made and nobody hears of it: the second waits for it.
async fn a_lead_in_doubt_keeps_others_of_the_same_phone_waiting(on: On) {
    let world = World::open(on).await;
    let phone = "+79210000008";
    world.trouble("crm.item.add", FaultKind::CutAfterAccept, 1);
    world
        .hears(wants_with_phone(&world, &chat(1), 1, phone))
        .await;
    world.opening_is_in_doubt().await;
    world
        .hears(wants_with_phone(&world, &chat(2), 1, phone))
        .await;
    world
        .until_jobs("both tried", |jobs| {
            let opens = jobs.iter().filter(|job| job.kind == "open");
            opens.filter(|job| job.attempts > 0).count() == 2
        })
        .await;
    let (second, _) = world.enquiry(&chat(2)).await;
    assert_eq!(second.record, None, "it waits");

    world.passes(QUIET);
    world.done_in(TimeDelta::seconds(3)).await;
    assert_eq!(world.leads(1).await.len(), 1);
}

/// What became known while a lead was in doubt reaches it.
async fn what_is_learnt_while_a_lead_is_in_doubt_reaches_it(on: On) {
    let world = World::open(on).await;
    world.trouble("crm.item.add", FaultKind::CutAfterAccept, 1);
    let anna = chat(1);
    world
        .hears(wants(&world, &anna, 1, "Сколько стоит маникюр?"))
        .await;
    world.opening_is_in_doubt().await;
    let mut more = wants_with_phone(&world, &anna, 2, "+79210000007");
    more.wish.as_mut().unwrap().service = Some("Педикюр".to_owned());
    world.hears(more).await;

    world.passes(QUIET);
    world.done().await;

    let leads = world.leads(1).await;
    assert_eq!(leads.len(), 1);
    assert_eq!(leads[0].values("PHONE"), ["+79210000007"]);
    assert!(leads[0].title.contains("Педикюр"), "{}", leads[0].title);
}

async fn a_person_in_two_messengers_gets_one_lead(on: On) {
    let world = World::with(on, portal(), |_: &mut CrmConfig| {}).await;
    let phone = "+79210000009";
    let whatsapp = "whatsapp:main:79210000009".parse().unwrap();
    world
        .hears(wants_with_phone(&world, &chat(1), 1, phone))
        .await;
    world
        .hears(wants_with_phone(&world, &whatsapp, 1, phone))
        .await;
    world.start().await;
    world.start().await;

    // Whoever comes second waits until the first has made it.
    world
        .until_jobs("tried", |jobs| {
            let opens = jobs.iter().filter(|job| job.kind == "open");
            opens.filter(|job| job.attempts > 0).count() == 2
        })
        .await;
    world.done_in(TimeDelta::seconds(3)).await;

    let leads = world.leads(1).await;
    assert_eq!(leads.len(), 1, "{leads:#?}");
    let (one, _) = world.enquiry(&chat(1)).await;
    let (two, _) = world.enquiry(&whatsapp).await;
    assert_eq!(one.record, two.record);
    let todos = world.sandbox.bitrix24_todos();
    assert_eq!(todos.len(), 1, "the second is a task: {todos:#?}");
}
