//! `kill -9` at random moments under load.

use std::time::Duration;

use super::checker::judge;
use super::crowd::Crowd;
use crate::support::firm::{Firm, On};

/// How often the process is killed.
const KILLS: usize = 50;

/// A seed to run again: `ZAPIS_SEED=7 cargo test --workspace --test it faults::kill`.
fn seed() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "a setting of the test, not of the program"
    )]
    let given = std::env::var("ZAPIS_SEED");
    given
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| std::process::id().into())
}

#[tokio::test]
async fn nothing_is_lost_or_sent_twice_when_the_process_is_killed() {
    let seed = seed();
    println!("ZAPIS_SEED={seed}");
    let more = "\n[dialogue]\ncoalesce_ms = 30\ncoalesce_max_ms = 60\n";
    let mut firm = Firm::with(On::Embedded, more, vec![vec!["run"]]).await;
    let mut crowd = Crowd::new(seed);
    firm.sandbox.whatsapp_webhooks(repeating()).unwrap();

    for _ in 0..KILLS {
        let count = 1 + crowd.chance(6);
        crowd.write(&firm, count);
        crowd.chat(&firm).await;
        let count = 1 + crowd.chance(6);
        crowd.write(&firm, count);
        // Not a synchronisation: the moment of the kill is the thing that varies.
        tokio::time::sleep(Duration::from_millis(crowd.chance(250) as u64)).await;
        firm.kill();
        firm.start().await;
    }

    let verdict = judge(&firm, &crowd.written).await;
    println!("{KILLS} kills: {verdict:?}");
    assert!(
        verdict.messages > 200,
        "the load was too small to prove anything: {verdict:?}"
    );
}

#[tokio::test]
async fn killing_any_process_of_an_installation_loses_nothing() {
    let seed = seed();
    println!("ZAPIS_SEED={seed}");
    let more = "\n[dialogue]\ncoalesce_ms = 30\ncoalesce_max_ms = 60\n";
    let roles = vec![vec!["gateway"], vec!["worker"], vec!["worker"]];
    let mut firm = Firm::with(On::servers("quorum"), more, roles).await;
    let mut crowd = Crowd::new(seed);

    for _ in 0..9 {
        crowd.write(&firm, 4);
        crowd.chat(&firm).await;
        let victim = crowd.chance(3);
        firm.restart_one(victim).await;
        crowd.write(&firm, 4);
    }

    let verdict = judge(&firm, &crowd.written).await;
    println!("{verdict:?}");
    assert!(verdict.messages > 60, "{verdict:?}");
}

/// Each webhook comes twice.
fn repeating() -> zapis_sandbox::WebhookMode {
    zapis_sandbox::WebhookMode {
        repeat: 2,
        ..zapis_sandbox::WebhookMode::default()
    }
}
