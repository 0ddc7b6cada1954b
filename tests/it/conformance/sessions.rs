//! What every session engine promises.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::DateTime;
use futures::future::join_all;
use tempfile::TempDir;
use zapis_core::Clock;
use zapis_core::config::EnginesConfig;
use zapis_core::message::ConversationId;
use zapis_core::sessions::{self, Rate, Sessions, SessionsError, TIME_TO_LIVE};

/// Where an engine keeps sessions.
struct Ground {
    config: EnginesConfig,
    clock: Clock,
    _folder: TempDir,
}

impl Ground {
    fn embedded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            config: EnginesConfig {
                data_dir: folder.path().to_owned(),
                ..EnginesConfig::default()
            },
            clock: Clock::fixed(DateTime::from_timestamp(1_800_000_000, 0).unwrap()),
            _folder: folder,
        }
    }

    async fn open(&self) -> Arc<dyn Sessions> {
        sessions::open(&self.config, &self.clock, "a test")
            .await
            .unwrap()
    }
}

fn conversation(name: &str) -> ConversationId {
    ConversationId::new("webchat", "site", name).unwrap()
}

/// Runs each promise on each engine, on fresh ground.
macro_rules! on_every_engine {
    ($($promise:ident),* $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise(super::Ground::embedded()).await;
            })*
        }
    };
}

on_every_engine!(
    what_was_committed_is_loaded_and_survives_a_new_start,
    a_commit_over_another_version_is_a_conflict_and_changes_nothing,
    of_many_commits_over_one_version_one_wins,
    what_was_forgotten_starts_anew,
    a_bucket_lets_a_burst_through_and_then_one_by_one,
    a_blocked_bucket_lets_nothing_through,
    many_askers_get_no_more_places_than_there_are,
);

async fn what_was_committed_is_loaded_and_survives_a_new_start(ground: Ground) {
    let sessions = ground.open().await;
    let anna = conversation("анна 👋");
    sessions.check().await.unwrap();
    assert!(sessions.load(&anna).await.unwrap().is_none());

    assert_eq!(
        sessions
            .commit(&anna, 0, Bytes::from_static(b"1"))
            .await
            .unwrap(),
        1
    );
    let body = Bytes::from(vec![b'x'; 300_000]);
    assert_eq!(sessions.commit(&anna, 1, body.clone()).await.unwrap(), 2);

    assert!(
        sessions
            .load(&conversation("boris"))
            .await
            .unwrap()
            .is_none()
    );
    sessions.close().await;
    drop(sessions);
    let sessions = ground.open().await;
    let saved = sessions.load(&anna).await.unwrap().unwrap();
    assert_eq!(saved.version, 2);
    assert!(saved.body == body);
}

async fn a_commit_over_another_version_is_a_conflict_and_changes_nothing(ground: Ground) {
    let sessions = ground.open().await;
    let anna = conversation("anna");
    sessions
        .commit(&anna, 0, Bytes::from_static(b"one"))
        .await
        .unwrap();
    sessions
        .commit(&anna, 1, Bytes::from_static(b"two"))
        .await
        .unwrap();

    for expected in [0, 1, 3] {
        let result = sessions
            .commit(&anna, expected, Bytes::from_static(b"no"))
            .await;
        assert!(
            matches!(result, Err(SessionsError::Conflict)),
            "over {expected}: {result:?}"
        );
    }
    let missing = sessions
        .commit(&conversation("b"), 1, Bytes::from_static(b"no"))
        .await;
    assert!(matches!(missing, Err(SessionsError::Conflict)));

    let saved = sessions.load(&anna).await.unwrap().unwrap();
    assert_eq!((saved.version, &saved.body[..]), (2, &b"two"[..]));
}

async fn of_many_commits_over_one_version_one_wins(ground: Ground) {
    let sessions = ground.open().await;
    let anna = conversation("anna");

    let racers = (0..16).map(|n| {
        let (sessions, anna) = (sessions.clone(), anna.clone());
        tokio::spawn(async move { sessions.commit(&anna, 0, Bytes::from(n.to_string())).await })
    });
    let results = join_all(racers.collect::<Vec<_>>()).await;

    let winners: Vec<_> = (0..16)
        .filter(|n| results[*n].as_ref().unwrap().is_ok())
        .collect();
    assert_eq!(winners.len(), 1);
    let saved = sessions.load(&anna).await.unwrap().unwrap();
    assert_eq!(saved.body, Bytes::from(winners[0].to_string()));
}

async fn what_was_forgotten_starts_anew(ground: Ground) {
    let sessions = ground.open().await;
    let anna = conversation("anna");
    sessions.forget(&anna).await.unwrap();
    sessions
        .commit(&anna, 0, Bytes::from_static(b"1"))
        .await
        .unwrap();

    sessions.forget(&anna).await.unwrap();

    assert!(sessions.load(&anna).await.unwrap().is_none());
    assert_eq!(
        sessions
            .commit(&anna, 0, Bytes::from_static(b"2"))
            .await
            .unwrap(),
        1
    );
}

async fn a_bucket_lets_a_burst_through_and_then_one_by_one(ground: Ground) {
    let sessions = ground.open().await;
    let rate = Rate {
        burst: 3,
        every: Duration::from_secs(3600),
    };
    for _ in 0..3 {
        assert!(sessions.reserve("chat:1", rate).await.unwrap().is_zero());
    }

    let wait = sessions.reserve("chat:1", rate).await.unwrap();

    assert!(
        wait > Duration::from_secs(3500) && wait <= rate.every,
        "{wait:?}"
    );
    // The place was not taken: asking again does not make the wait longer.
    assert!(sessions.reserve("chat:1", rate).await.unwrap() <= wait);
    assert!(sessions.reserve("chat:2", rate).await.unwrap().is_zero());

    let quick = Rate {
        burst: 1,
        every: Duration::from_millis(50),
    };
    assert!(sessions.reserve("quick", quick).await.unwrap().is_zero());
    let mut wait = sessions.reserve("quick", quick).await.unwrap();
    assert!(wait <= quick.every);
    while !wait.is_zero() {
        tokio::time::sleep(wait).await;
        wait = sessions.reserve("quick", quick).await.unwrap();
    }
}

async fn a_blocked_bucket_lets_nothing_through(ground: Ground) {
    let sessions = ground.open().await;
    let rate = Rate {
        burst: 10,
        every: Duration::from_millis(1),
    };
    sessions
        .block("bot", Duration::from_secs(600))
        .await
        .unwrap();
    // A shorter block does not cut a longer one short.
    sessions
        .block("bot", Duration::from_millis(1))
        .await
        .unwrap();

    let wait = sessions.reserve("bot", rate).await.unwrap();

    assert!(
        wait > Duration::from_secs(500) && wait <= Duration::from_secs(600),
        "{wait:?}"
    );
    assert!(sessions.reserve("other", rate).await.unwrap().is_zero());
}

async fn many_askers_get_no_more_places_than_there_are(ground: Ground) {
    let sessions = ground.open().await;
    let rate = Rate {
        burst: 20,
        every: Duration::from_secs(3600),
    };
    let askers = (0..100).map(|_| {
        let sessions = sessions.clone();
        tokio::spawn(async move { sessions.reserve("bot", rate).await.unwrap().is_zero() })
    });

    let places = join_all(askers.collect::<Vec<_>>()).await;

    assert_eq!(
        places
            .into_iter()
            .filter(|place| *place.as_ref().unwrap())
            .count(),
        20
    );
}

#[tokio::test]
async fn an_unused_session_is_forgotten_after_its_time() {
    let ground = Ground::embedded();
    let sessions = ground.open().await;
    let (anna, boris) = (conversation("anna"), conversation("boris"));
    sessions
        .commit(&anna, 0, Bytes::from_static(b"1"))
        .await
        .unwrap();
    sessions
        .commit(&boris, 0, Bytes::from_static(b"1"))
        .await
        .unwrap();

    ground.clock.advance(TIME_TO_LIVE);
    sessions
        .commit(&anna, 1, Bytes::from_static(b"2"))
        .await
        .unwrap();
    ground.clock.advance(Duration::from_secs(24 * 3600));

    assert_eq!(sessions.load(&anna).await.unwrap().unwrap().version, 2);
    assert!(sessions.load(&boris).await.unwrap().is_none());
    assert_eq!(
        sessions
            .commit(&boris, 0, Bytes::from_static(b"3"))
            .await
            .unwrap(),
        1
    );
}
