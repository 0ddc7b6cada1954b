//! Enquiries and the CRM's ledger: saved over what was read, told in order, one hand at a time.

use uuid::Uuid;
use zapis_core::event::{Event, Kind};
use zapis_core::store::{CrmJob, CrmJobState, CrmOutcome, CrmSettled, Enquiry, NewCrmJob, Store};

use crate::conformance::store_ground::{Ground, at, conversation, on_both};

on_both!(
    a_conversation_has_one_open_enquiry,
    an_enquiry_is_saved_over_what_was_read_only,
    jobs_of_an_enquiry_come_one_after_the_other,
    claims_at_the_same_time_share_the_enquiries,
    what_was_in_a_hand_that_let_go_is_in_doubt,
    what_a_hand_held_in_an_earlier_life_waits_only_until_nobody_can_be_at_work,
    only_who_has_a_job_settles_it_and_all_or_nothing,
    what_opens_a_record_holds_up_what_follows_and_a_lost_comment_does_not,
    one_job_brings_a_record_up_to_date,
    an_enquiry_is_given_to_one_manager_for_good,
);

fn enquiry(n: u128, who: &str) -> Enquiry {
    Enquiry {
        id: Uuid::from_u128(n),
        conversation: conversation(who),
        opened_at: at(0),
        closed_at: None,
        record: None,
        due: Some(at(60)),
        version: 0,
        state: serde_json::json!({ "n": 1 }),
    }
}

fn job(n: u128, kind: &'static str, due: i64) -> NewCrmJob {
    NewCrmJob {
        id: Uuid::from_u128(n),
        kind,
        body: serde_json::json!({ "text": "привет" }),
        due: at(due),
    }
}

fn event(n: u128) -> Event {
    Event::new(Uuid::from_u128(n), Kind::Lead, at(0))
}

async fn opened(store: &Store, n: u128, who: &str, jobs: &[NewCrmJob]) -> Enquiry {
    let new = enquiry(n, who);
    assert!(store.save_enquiry(&new, jobs, &[], at(0)).await.unwrap());
    store.enquiry(new.id).await.unwrap().unwrap()
}

/// The jobs of an enquiry, in order.
async fn jobs_of(store: &Store, enquiry: &Enquiry) -> Vec<CrmJob> {
    let mut jobs = store.crm_jobs(None, 100).await.unwrap();
    jobs.retain(|job| job.enquiry == enquiry.id);
    jobs.reverse();
    jobs
}

async fn claim(store: &Store, who: &str, now: i64) -> Vec<CrmJob> {
    let claimed = store.claim_crm_jobs(who, at(now), at(now + 90), 10).await;
    claimed.unwrap()
}

async fn settle(store: &Store, who: &str, job: &CrmJob, outcome: CrmOutcome) -> bool {
    let settled = CrmSettled {
        outcome: &outcome,
        enquiry: None,
        jobs: &[],
        events: &[],
    };
    let settled = store.settle_crm_job(who, job, &settled, at(1));
    settled.await.unwrap()
}

fn ids(jobs: &[CrmJob]) -> Vec<u128> {
    jobs.iter().map(|job| job.id.as_u128()).collect()
}

async fn a_conversation_has_one_open_enquiry(ground: Ground) {
    let store = ground.open().await;
    let mut first = opened(&store, 1, "a", &[]).await;

    let second = enquiry(2, "a");
    assert!(
        !store
            .save_enquiry(&second, &[job(9, "open", 0)], &[event(1)], at(0))
            .await
            .unwrap()
    );
    assert_eq!(
        store.open_enquiry(&first.conversation).await.unwrap(),
        Some(first.clone())
    );
    assert_eq!(store.crm_jobs(None, 10).await.unwrap(), []);
    assert_eq!(store.last_event_position().await.unwrap(), 0);

    first.closed_at = Some(at(5));
    first.record = Some("lead:7".into());
    assert!(store.save_enquiry(&first, &[], &[], at(5)).await.unwrap());
    assert!(store.save_enquiry(&second, &[], &[], at(6)).await.unwrap());
    let open = store.open_enquiry(&second.conversation).await.unwrap();
    assert_eq!(open.unwrap().id, second.id);
    let of_record = store.enquiries_of_record("lead:7").await.unwrap();
    assert_eq!(of_record[0].id, first.id);
}

async fn an_enquiry_is_saved_over_what_was_read_only(ground: Ground) {
    let store = ground.open().await;
    let read = opened(&store, 1, "a", &[]).await;
    let (mut mine, mut theirs) = (read.clone(), read);
    mine.state = serde_json::json!({ "n": 2 });
    theirs.state = serde_json::json!({ "n": 3 });

    assert!(store.save_enquiry(&mine, &[], &[], at(1)).await.unwrap());
    assert!(
        !store
            .save_enquiry(&theirs, &[job(1, "note", 0)], &[], at(1))
            .await
            .unwrap()
    );

    let kept = store.enquiry(mine.id).await.unwrap().unwrap();
    assert_eq!((kept.version, kept.state), (2, mine.state));
    assert_eq!(store.crm_jobs(None, 10).await.unwrap(), []);
    assert_eq!(store.due_enquiries(at(59), 10).await.unwrap(), []);
    assert_eq!(store.due_enquiries(at(60), 10).await.unwrap().len(), 1);
}

async fn jobs_of_an_enquiry_come_one_after_the_other(ground: Ground) {
    let store = ground.open().await;
    opened(&store, 1, "a", &[job(11, "open", 0), job(12, "note", 0)]).await;
    opened(&store, 2, "b", &[job(21, "open", 0), job(22, "note", 0)]).await;

    let first = claim(&store, "me", 1).await;
    assert_eq!(ids(&first), [11, 21]);
    assert_eq!(claim(&store, "me", 1).await, [], "what comes next waits");
    assert!(
        settle(
            &store,
            "me",
            &first[1],
            CrmOutcome::Done(Some("lead:1".into()))
        )
        .await
    );
    assert_eq!(ids(&claim(&store, "me", 1).await), [22]);

    let again = CrmOutcome::Again {
        due: at(10),
        doubt: false,
        reason: "busy".into(),
    };
    assert!(settle(&store, "me", &first[0], again).await);
    assert_eq!(claim(&store, "me", 9).await, []);
    let second = claim(&store, "me", 10).await;
    assert_eq!(
        (ids(&second), second[0].attempts, second[0].doubt),
        (vec![11], 2, false)
    );
}

async fn claims_at_the_same_time_share_the_enquiries(ground: Ground) {
    let store = ground.open().await;
    for n in 0..20_u128 {
        let jobs = [job(100 + n, "open", 0), job(200 + n, "note", 0)];
        opened(&store, n + 1, &format!("c{n}"), &jobs).await;
    }

    let (mine, theirs) = tokio::join!(claim(&store, "me", 1), claim(&store, "they", 1));
    let rest = claim(&store, "me", 1).await;

    let mut all = [ids(&mine), ids(&theirs), ids(&rest)].concat();
    all.sort_unstable();
    assert_eq!(all, (100..120).collect::<Vec<_>>());
}

async fn what_was_in_a_hand_that_let_go_is_in_doubt(ground: Ground) {
    let store = ground.open().await;
    opened(&store, 1, "a", &[job(11, "open", 0)]).await;
    let held = claim(&store, "me", 0).await;
    assert!(!held[0].doubt);

    store
        .keep_crm_jobs("me", &[held[0].id], at(150))
        .await
        .unwrap();
    store
        .keep_crm_jobs("they", &[held[0].id], at(500))
        .await
        .unwrap();
    assert_eq!(claim(&store, "they", 149).await, []);
    let taken = claim(&store, "they", 150).await;

    assert!(taken[0].doubt && taken[0].attempts == 2);
    assert!(!settle(&store, "me", &held[0], CrmOutcome::Done(None)).await);
    assert!(settle(&store, "they", &taken[0], CrmOutcome::Done(None)).await);
    assert_eq!(claim(&store, "they", 900).await, []);
}

async fn what_a_hand_held_in_an_earlier_life_waits_only_until_nobody_can_be_at_work(
    ground: Ground,
) {
    let store = ground.open().await;
    opened(&store, 1, "a", &[job(11, "open", 0)]).await;
    opened(&store, 2, "b", &[job(21, "open", 0)]).await;
    claim(&store, "me", 5).await;

    let let_go = store.let_go_of_crm_jobs("they", at(65)).await;
    assert_eq!(let_go.unwrap(), 0);
    let let_go = store.let_go_of_crm_jobs("me", at(65)).await;
    assert_eq!(let_go.unwrap(), 2);

    assert_eq!(claim(&store, "me", 64).await, []);
    let again = claim(&store, "me", 65).await;
    assert!(again.len() == 2 && again.iter().all(|job| job.doubt));
}

async fn only_who_has_a_job_settles_it_and_all_or_nothing(ground: Ground) {
    let store = ground.open().await;
    let read = opened(&store, 1, "a", &[job(11, "open", 0)]).await;
    let held = claim(&store, "me", 0).await;
    let mut ours = read.clone();
    ours.record = Some("lead:5".into());
    let mut changed = read;
    changed.state = serde_json::json!({ "n": 2 });
    assert!(store.save_enquiry(&changed, &[], &[], at(1)).await.unwrap());

    let done = CrmOutcome::Done(Some("lead:5".into()));
    let note = [job(12, "note", 0)];
    let settled = |enquiry: Enquiry| {
        let (store, done, note, held) =
            (store.clone(), done.clone(), note.clone(), held[0].clone());
        async move {
            let events = [event(1)];
            let settled = CrmSettled {
                outcome: &done,
                enquiry: Some(&enquiry),
                jobs: &note,
                events: &events,
            };
            let settled = store.settle_crm_job("me", &held, &settled, at(2));
            settled.await.unwrap()
        }
    };
    assert!(!settled(ours.clone()).await, "the enquiry has changed");
    assert_eq!(jobs_of(&store, &ours).await.len(), 1);
    assert_eq!(store.last_event_position().await.unwrap(), 0);

    let mut ours = store.enquiry(ours.id).await.unwrap().unwrap();
    ours.record = Some("lead:5".into());
    assert!(settled(ours.clone()).await);
    let jobs = jobs_of(&store, &ours).await;
    assert_eq!(jobs[0].state, CrmJobState::Done);
    assert_eq!(jobs[0].result.as_deref(), Some("lead:5"));
    assert_eq!(jobs[0].body, serde_json::json!({}), "the CRM has it");
    assert_eq!(ids(&claim(&store, "me", 2).await), [12]);
    assert_eq!(store.last_event_position().await.unwrap(), 1);
}

async fn what_opens_a_record_holds_up_what_follows_and_a_lost_comment_does_not(ground: Ground) {
    let store = ground.open().await;
    let jobs = [job(11, "open", 0), job(12, "note", 0), job(13, "note", 0)];
    opened(&store, 1, "a", &jobs).await;

    let open = claim(&store, "me", 0).await;
    let parked = CrmOutcome::Parked {
        doubt: true,
        reason: "a field is missing".into(),
    };
    assert!(settle(&store, "me", &open[0], parked.clone()).await);
    assert_eq!(
        claim(&store, "me", 100).await,
        [],
        "there is nothing to comment on"
    );

    assert_eq!(store.retry_crm_jobs(None, at(100)).await.unwrap(), 1);
    let open = claim(&store, "me", 100).await;
    assert_eq!((ids(&open), open[0].attempts), (vec![11], 1));
    assert!(open[0].doubt, "it may be there");
    assert!(settle(&store, "me", &open[0], CrmOutcome::Done(None)).await);
    let note = claim(&store, "me", 100).await;
    assert!(settle(&store, "me", &note[0], parked).await);
    assert_eq!(ids(&claim(&store, "me", 100).await), [13]);

    let counts = store.crm_counts().await.unwrap();
    assert_eq!(counts.jobs.get("parked"), Some(&1));
    assert_eq!(counts.open_enquiries, 1);
    assert_eq!(counts.oldest, Some(at(0)));
    let listed = store.crm_jobs(Some(CrmJobState::Parked), 10).await.unwrap();
    assert_eq!(listed[0].reason.as_deref(), Some("a field is missing"));
}

async fn one_job_brings_a_record_up_to_date(ground: Ground) {
    let store = ground.open().await;
    let read = opened(&store, 1, "a", &[job(11, "open", 0)]).await;
    assert!(
        store
            .save_enquiry(&read, &[job(12, "update", 0)], &[], at(0))
            .await
            .unwrap()
    );
    assert_eq!(
        jobs_of(&store, &read).await.len(),
        1,
        "the opening says it all"
    );

    let open = claim(&store, "me", 0).await;
    let read = store.enquiry(read.id).await.unwrap().unwrap();
    let updates = [job(13, "update", 0), job(14, "update", 0)];
    assert!(
        store
            .save_enquiry(&read, &updates, &[], at(0))
            .await
            .unwrap()
    );
    assert_eq!(jobs_of(&store, &read).await.len(), 2);
    assert!(settle(&store, "me", &open[0], CrmOutcome::Done(None)).await);
    assert_eq!(ids(&claim(&store, "me", 0).await), [13]);
}

async fn an_enquiry_is_given_to_one_manager_for_good(ground: Ground) {
    let store = ground.open().await;
    let id = Uuid::from_u128(1);

    assert_eq!(store.assign(id, "6", at(0)).await.unwrap(), "6");
    assert_eq!(store.assign(id, "7", at(1)).await.unwrap(), "6");
    assert_eq!(
        store.assign(Uuid::from_u128(2), "7", at(5)).await.unwrap(),
        "7"
    );

    let counts = store.assignments(at(0)).await.unwrap();
    assert_eq!((counts["6"], counts["7"]), (1, 1));
    assert_eq!(store.assignments(at(5)).await.unwrap().len(), 1);
}
