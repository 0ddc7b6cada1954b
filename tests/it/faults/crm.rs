//! `kill -9` between the steps of a lead's way to the CRM: it is there once, with its history.

use std::time::Duration;

use zapis_core::crash;
use zapis_core::store::{CrmJobState, Store};
use zapis_sandbox::CrmEntity;

use crate::support::firm::{Firm, On};

/// A portal is left alone for a minute, and a job in another process's hand for longer.
const PATIENCE: Duration = Duration::from_mins(4);

/// Waits until the CRM has everything; the ledger if it never does.
async fn told(store: &Store) -> Result<(), String> {
    let give_up = tokio::time::Instant::now() + PATIENCE;
    loop {
        let jobs = store.crm_jobs(None, 100).await.unwrap();
        let done = |job: &zapis_core::store::CrmJob| job.state == CrmJobState::Done;
        if jobs.len() > 1 && jobs.iter().all(done) {
            return Ok(());
        }
        if tokio::time::Instant::now() > give_up {
            return Err(format!("{jobs:#?}"));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The process that brings leads dies at this place for the `n`-th time it passes it.
async fn dies(on: On, roles: Vec<Vec<&'static str>>, place: &str, n: u32) {
    let crm = roles.len() - 1;
    let mut firm = Firm::closed(on, "{crm}", roles).await;
    firm.start_to_crash(crm, &format!("{place}:{n}"));
    firm.ready().await;
    firm.sandbox
        .telegram_writes(7_321, "Сколько стоит мужская стрижка?")
        .unwrap();
    let give_up = tokio::time::Instant::now() + PATIENCE;
    while !firm.has_crashed(crm) {
        assert!(
            tokio::time::Instant::now() < give_up,
            "{place}\n{}",
            firm.log()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    firm.restart_one(crm).await;
    let store = firm.store().await;
    if let Err(jobs) = told(&store).await {
        panic!("{place}: {jobs}\n{}", firm.log());
    }

    let leads = firm.sandbox.bitrix24_items(CrmEntity::Lead);
    assert_eq!(leads.len(), 1, "{place}: {leads:#?}");
    let comments = firm.sandbox.bitrix24_comments();
    assert_eq!(comments.len(), 1, "{place}: {comments:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lead_is_made_once_when_the_process_dies_between_two_steps() {
    let places = crash::POINTS.iter().filter(|name| name.starts_with("crm."));
    let deaths = places.map(|place| dies(On::Embedded, vec![vec!["run"]], place, 1));
    futures::future::join_all(deaths).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_on_servers_between_making_and_noting_it() {
    let roles = vec![
        vec!["gateway"],
        vec!["worker", "answer", "send", "journal", "remind"],
        vec!["worker", "crm"],
    ];
    dies(On::servers("classic"), roles, "crm.tried", 1).await;
}
