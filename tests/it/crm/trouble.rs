//! A portal that is slow, broken, over its limit, unpaid or set up otherwise: the bot goes on, nothing is lost.

use std::time::Duration;

use chrono::TimeDelta;
use zapis_core::store::{CrmJob, CrmJobState};
use zapis_sandbox::{
    Bitrix24Action, Bitrix24App, Bitrix24Field, Bitrix24Mode, Bitrix24Portal, CrmEntity, Fault,
    FaultKind, Provider,
};

use zapis_workers::crm::HEALTH;

use crate::support::firm::PATIENCE;

use super::world::{On, World, chat, on_both, portal, wants, wants_with_phone};

on_both!(
    a_day_without_the_portal_ends_with_everything_told_in_order,
    a_burst_keeps_to_the_limit,
    a_closed_method_holds_up_no_other,
    a_missing_field_parks_the_lead_until_it_is_mended,
    leads_switched_off_in_mid_run_cost_nothing,
    the_staff_sees_hot_enquiries_that_the_crm_does_not_take,
    a_rotated_code_stops_everything_and_mended_everything_goes_on,
    a_plan_that_ended_keeps_everything_until_it_is_paid,
    workers_with_an_expired_token_renew_it_once,
    a_renamed_portal_is_followed,
    an_answer_that_cannot_be_read_makes_no_second_lead,
);

fn down() -> Fault {
    Fault::new(Provider::Bitrix24, FaultKind::CutBeforeAccept)
}

async fn a_day_without_the_portal_ends_with_everything_told_in_order(on: On) {
    let world = World::open(on).await;
    world.sandbox.add_fault(down());
    for hour in 0..24 {
        for who in 0..2 {
            let turn = wants(&world, &chat(who), hour, &format!("слово {hour}"));
            world.hears(turn).await;
        }
        world.passes(TimeDelta::hours(1));
    }
    assert_eq!(world.sandbox.bitrix24_items(CrmEntity::Lead), []);

    world.sandbox.clear_faults();
    // The pauses between tries pass, and the time until a piece of a conversation is complete.
    let whole = || {
        let comments = world.sandbox.bitrix24_comments();
        let last = comments.iter().filter(|one| one.text.contains("слово 23"));
        last.count() == 2
    };
    let give_up = tokio::time::Instant::now() + PATIENCE * 2;
    while !whole() {
        assert!(
            tokio::time::Instant::now() < give_up,
            "{:#?}",
            world.jobs().await
        );
        world.passes(TimeDelta::minutes(31));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    world.done().await;

    let leads = world.leads(2).await;
    assert_eq!(leads.len(), 2);
    for lead in leads {
        let comments = world.sandbox.bitrix24_comments();
        let text: String = comments
            .iter()
            .filter(|one| one.item == lead.id)
            .map(|one| one.text.as_str())
            .collect();
        let places: Vec<usize> = (0..24)
            .map(|hour| {
                text.find(&format!("слово {hour}\n"))
                    .unwrap_or_else(|| panic!("{hour}: {text}"))
            })
            .collect();
        assert!(places.is_sorted(), "{text}");
    }
}

async fn a_burst_keeps_to_the_limit(on: On) {
    // As the real one, but faster; `ZAPIS_LONG=1` sends a thousand.
    let long = std::env::var_os("ZAPIS_LONG").is_some();
    let (count, per_second) = if long { (1_000, 100) } else { (60, 25) };
    let portal = Bitrix24Portal {
        burst: 50,
        per_second,
        ..Bitrix24Portal::default()
    };
    let world = World::with(on, portal, |_| {}).await;
    for n in 0..count {
        world
            .hears(wants(&world, &chat(n), 1, "Хочу на маникюр"))
            .await;
    }
    world.start().await;
    world.start().await;

    // A thousand take longer than patience.
    let done = |jobs: &[CrmJob]| {
        jobs.iter()
            .filter(|job| job.state == CrmJobState::Done)
            .count()
    };
    let mut before = 0;
    while before < 2 * count as usize {
        world
            .until_jobs("brought on", |jobs| done(jobs) > before)
            .await;
        before = done(&world.store.crm_jobs(None, 10_000).await.unwrap());
    }
    world.done().await;

    assert_eq!(world.leads(count as usize).await.len(), count as usize);
    assert!(
        world.sandbox.bitrix24_refused() <= 1,
        "{}",
        world.sandbox.bitrix24_refused()
    );
}

async fn a_closed_method_holds_up_no_other(on: On) {
    let world = World::open(on).await;
    let anna = chat(1);
    world
        .hears(wants(&world, &anna, 1, "Хочу на маникюр"))
        .await;
    world.done().await;
    let closed = FaultKind::Error {
        status: 429,
        error: "OPERATION_TIME_LIMIT".to_owned(),
        description: "Method is blocked due to operation time limit.".to_owned(),
    };
    world.trouble("crm.item.add", closed, 1);

    world
        .hears(wants(&world, &chat(2), 1, "Хочу на педикюр"))
        .await;
    let waits =
        |job: &CrmJob| job.kind == "open" && job.state == CrmJobState::Pending && job.attempts == 1;
    world
        .until_jobs("closed", |jobs| jobs.iter().any(waits))
        .await;
    world
        .hears(wants_with_phone(&world, &anna, 2, "+79210000001"))
        .await;
    let updated = |job: &CrmJob| job.kind == "update" && job.state == CrmJobState::Done;
    world
        .until_jobs("updated", |jobs| jobs.iter().any(updated))
        .await;

    world.passes(TimeDelta::minutes(11));
    world.done().await;
    assert_eq!(world.leads(2).await.len(), 2);
}

async fn a_missing_field_parks_the_lead_until_it_is_mended(on: On) {
    let required = |required| Bitrix24Action::Requires {
        field: Bitrix24Field {
            entity: CrmEntity::Lead,
            name: "ufCrm_CITY".to_owned(),
            title: "Город".to_owned(),
            required,
        },
    };
    let world = World::open(on).await;
    world.sandbox.bitrix24(required(true)).unwrap();
    world
        .hears(wants(&world, &chat(1), 1, "Хочу на маникюр"))
        .await;
    let parked = |job: &CrmJob| job.state == CrmJobState::Parked;
    world
        .until_jobs("parked", |jobs| jobs.iter().any(parked))
        .await;
    let jobs = world
        .store
        .crm_jobs(Some(CrmJobState::Parked), 10)
        .await
        .unwrap();
    let reason = jobs[0].reason.clone().unwrap();
    assert!(
        reason.contains("ufCrm_CITY") || reason.contains("Город"),
        "{reason}"
    );

    world.sandbox.bitrix24(required(false)).unwrap();
    let now = world.clock.now();
    assert_eq!(world.store.retry_crm_jobs(None, now).await.unwrap(), 1);
    world.done().await;
    assert_eq!(world.leads(1).await.len(), 1);
}

async fn leads_switched_off_in_mid_run_cost_nothing(on: On) {
    let world = World::open(on).await;
    world
        .hears(wants_with_phone(&world, &chat(1), 1, "+79210000001"))
        .await;
    world.done().await;

    let simple = Bitrix24Action::SwitchesMode {
        mode: Bitrix24Mode::Simple,
    };
    world.sandbox.bitrix24(simple).unwrap();
    world
        .hears(wants_with_phone(&world, &chat(2), 1, "+79210000002"))
        .await;
    world.done().await;

    let (row, _) = world.enquiry(&chat(2)).await;
    assert!(row.record.unwrap().starts_with("deal:"));
    let (two, _) = world.enquiry(&chat(2)).await;
    let deals = world.items(CrmEntity::Deal, 1).await;
    let ours = deals
        .iter()
        .filter(|deal| deal.origin == two.id.to_string());
    assert_eq!(ours.count(), 1, "{deals:#?}");
}

async fn the_staff_sees_hot_enquiries_that_the_crm_does_not_take(on: On) {
    let world = World::open(on).await;
    world.sandbox.add_fault(down());
    let mut turn = wants(&world, &chat(1), 1, "Мне срочно на маникюр");
    let signals = &mut turn.wish.as_mut().unwrap().signals;
    (signals.complaint, signals.urgent) = (true, true);
    world.hears(turn).await;
    world
        .hears(wants(&world, &chat(2), 1, "Сколько стоит?"))
        .await;
    world
        .until_jobs("tried", |jobs| jobs.iter().any(|job| job.attempts > 0))
        .await;
    assert_eq!(world.to_send("telegram").await, 0);

    world.passes(TimeDelta::minutes(11));

    let told = |_: &_, state: &zapis_workers::crm::EnquiryState| state.told_staff;
    world.until_enquiry(&chat(1), "told", told).await;
    world.sends("telegram", 1).await;
    let (_, cold) = world.enquiry(&chat(2)).await;
    assert!(!cold.told_staff);
}

async fn a_plan_that_ended_keeps_everything_until_it_is_paid(on: On) {
    let world = World::open(on).await;
    let unpaid = Fault::new(Provider::Bitrix24, FaultKind::plan_expired());
    world.sandbox.add_fault(unpaid);
    for n in 0..5 {
        let wish = wants(&world, &chat(n), 1, "Хочу на маникюр");
        world.hears(wish).await;
    }
    let tried = |job: &CrmJob| job.reason.is_some() && job.state == CrmJobState::Pending;
    world
        .until_jobs("tried", |jobs| jobs.iter().any(tried))
        .await;
    world.sends("telegram", 1).await;
    // It is told first and noted after that.
    let give_up = tokio::time::Instant::now() + PATIENCE;
    let noted = async || world.store.value(HEALTH).await.unwrap();
    while !noted()
        .await
        .is_some_and(|noted| noted.contains("plan_expired"))
    {
        assert!(tokio::time::Instant::now() < give_up, "nobody notes it");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    world.sandbox.clear_faults();
    world.done_in(TimeDelta::minutes(6)).await;
    assert_eq!(world.leads(5).await.len(), 5);
}

async fn workers_with_an_expired_token_renew_it_once(on: On) {
    let portal = Bitrix24Portal {
        app: Some(Bitrix24App::default()),
        ..portal()
    };
    let world = World::with(on, portal, |_| {}).await;
    for n in 0..20 {
        let wish = wants(&world, &chat(n), 1, "Хочу на маникюр");
        world.hears(wish).await;
    }
    let expires = Bitrix24Action::ExpireTokens;
    world.sandbox.bitrix24(expires).unwrap();
    world.start().await;
    world.start().await;
    world.done().await;

    assert_eq!(world.leads(20).await.len(), 20);
    assert_eq!(world.sandbox.bitrix24_refreshes(), 1);
}

async fn a_renamed_portal_is_followed(on: On) {
    let world = World::open(on).await;
    let now_at = world
        .sandbox
        .bitrix24_url()
        .replace("127.0.0.1", "localhost");
    let location = format!("{now_at}/crm.item.add");
    world.trouble("crm.item.add", FaultKind::Redirect { location }, 1);

    world.lead_of(&chat(1)).await;

    assert_eq!(world.leads(1).await.len(), 1);
}

async fn an_answer_that_cannot_be_read_makes_no_second_lead(on: On) {
    let world = World::open(on).await;
    // A proxy shows its own page after the portal has done its work.
    let page = FaultKind::StatusAfterAccept { status: 200 };
    world.trouble("crm.item.add", page, 1);
    let wish = wants(&world, &chat(1), 1, "Хочу на маникюр");
    world.hears(wish).await;
    world.opening_is_in_doubt().await;

    world.passes(TimeDelta::seconds(61));
    world.done().await;

    assert_eq!(world.leads(1).await.len(), 1);
}

async fn a_rotated_code_stops_everything_and_mended_everything_goes_on(on: On) {
    let world = World::with(on, portal(), |_| {}).await;
    let rotate = |code: &str| Bitrix24Action::RotatesCode {
        user: 1,
        code: code.to_owned(),
    };
    world.sandbox.bitrix24(rotate("another")).unwrap();
    world
        .hears(wants(&world, &chat(1), 1, "Хочу на маникюр"))
        .await;
    world.start().await;
    let tried = |job: &CrmJob| job.reason.is_some() && job.state == CrmJobState::Pending;
    world
        .until_jobs("tried", |jobs| jobs.iter().any(tried))
        .await;
    // The staff reads at once what is wrong.
    world.sends("telegram", 1).await;

    world.sandbox.bitrix24(rotate("b24code")).unwrap();
    world.passes(TimeDelta::minutes(6));
    world.done().await;
    assert_eq!(world.leads(1).await.len(), 1);
    let jobs = world.store.crm_jobs(None, 10).await.unwrap();
    assert!(
        jobs.iter()
            .all(|job| !format!("{:?}", job.reason).contains("b24code"))
    );
}
