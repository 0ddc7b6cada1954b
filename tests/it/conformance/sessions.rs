//! What every session engine promises.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use chrono::DateTime;
use futures::future::join_all;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use zapis_core::Clock;
use zapis_core::config::{EnginesConfig, Secret};
use zapis_core::message::ConversationId;
use zapis_core::sessions::{self, Rate, Sessions, SessionsError, TIME_TO_LIVE};

use super::broker_ground::eventually;
use crate::support::redis::{Cluster, Redis, Sentinel};

/// Where an engine keeps sessions. Names are its own, so that tests can share a server.
struct Ground {
    config: EnginesConfig,
    clock: Clock,
    number: usize,
    _folder: TempDir,
}

impl Ground {
    fn embedded() -> Self {
        static GROUNDS: AtomicUsize = AtomicUsize::new(0);
        let folder = tempfile::tempdir().unwrap();
        Self {
            config: EnginesConfig {
                data_dir: folder.path().to_owned(),
                ..EnginesConfig::default()
            },
            clock: Clock::fixed(DateTime::from_timestamp(1_800_000_000, 0).unwrap()),
            number: GROUNDS.fetch_add(1, Ordering::Relaxed),
            _folder: folder,
        }
    }

    fn at(url: &str) -> Self {
        let mut ground = Self::embedded();
        ground.config.sessions = Secret::new(url);
        ground
    }

    fn redis() -> Self {
        Self::at(&Redis::shared().url())
    }

    fn cluster() -> Self {
        Self::at(&Cluster::shared().url())
    }

    fn open(&self) -> Arc<dyn Sessions> {
        sessions::open(&self.config, &self.clock, "a test").unwrap()
    }

    fn conversation(&self, name: &str) -> ConversationId {
        ConversationId::new("webchat", "site", &format!("{name} {}", self.number)).unwrap()
    }

    fn bucket(&self, name: &str) -> String {
        format!("{name} {}", self.number)
    }
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

        mod redis {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise(super::Ground::redis()).await;
            })*
        }

        mod cluster {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise(super::Ground::cluster()).await;
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
    a_note_hangs_on_its_board_until_it_falls_off,
);

async fn what_was_committed_is_loaded_and_survives_a_new_start(ground: Ground) {
    let sessions = ground.open();
    let anna = ground.conversation("анна 👋");
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
            .load(&ground.conversation("boris"))
            .await
            .unwrap()
            .is_none()
    );
    sessions.close().await;
    drop(sessions);
    let sessions = ground.open();
    let saved = sessions.load(&anna).await.unwrap().unwrap();
    assert_eq!(saved.version, 2);
    assert!(saved.body == body);
}

async fn a_commit_over_another_version_is_a_conflict_and_changes_nothing(ground: Ground) {
    let sessions = ground.open();
    let anna = ground.conversation("anna");
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
        .commit(&ground.conversation("b"), 1, Bytes::from_static(b"no"))
        .await;
    assert!(matches!(missing, Err(SessionsError::Conflict)));

    let saved = sessions.load(&anna).await.unwrap().unwrap();
    assert_eq!((saved.version, &saved.body[..]), (2, &b"two"[..]));
}

async fn of_many_commits_over_one_version_one_wins(ground: Ground) {
    let sessions = ground.open();
    let anna = ground.conversation("anna");

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
    let sessions = ground.open();
    let anna = ground.conversation("anna");
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
    let sessions = ground.open();
    let rate = Rate {
        burst: 3,
        every: Duration::from_hours(1),
    };
    for _ in 0..3 {
        assert!(
            sessions
                .reserve(&ground.bucket("chat:1"), rate)
                .await
                .unwrap()
                .is_zero()
        );
    }

    let wait = sessions
        .reserve(&ground.bucket("chat:1"), rate)
        .await
        .unwrap();

    assert!(
        wait > Duration::from_secs(3500) && wait <= rate.every,
        "{wait:?}"
    );
    // The place was not taken: asking again does not make the wait longer.
    assert!(
        sessions
            .reserve(&ground.bucket("chat:1"), rate)
            .await
            .unwrap()
            <= wait
    );
    assert!(
        sessions
            .reserve(&ground.bucket("chat:2"), rate)
            .await
            .unwrap()
            .is_zero()
    );

    let quick = Rate {
        burst: 1,
        every: Duration::from_millis(50),
    };
    assert!(
        sessions
            .reserve(&ground.bucket("quick"), quick)
            .await
            .unwrap()
            .is_zero()
    );
    let mut wait = sessions
        .reserve(&ground.bucket("quick"), quick)
        .await
        .unwrap();
    assert!(wait <= quick.every);
    while !wait.is_zero() {
        tokio::time::sleep(wait).await;
        wait = sessions
            .reserve(&ground.bucket("quick"), quick)
            .await
            .unwrap();
    }
}

async fn a_blocked_bucket_lets_nothing_through(ground: Ground) {
    let sessions = ground.open();
    let rate = Rate {
        burst: 10,
        every: Duration::from_millis(1),
    };
    sessions
        .block(&ground.bucket("bot"), Duration::from_mins(10))
        .await
        .unwrap();
    // A shorter block does not cut a longer one short.
    sessions
        .block(&ground.bucket("bot"), Duration::from_millis(1))
        .await
        .unwrap();

    let wait = sessions.reserve(&ground.bucket("bot"), rate).await.unwrap();

    assert!(
        wait > Duration::from_secs(500) && wait <= Duration::from_mins(10),
        "{wait:?}"
    );
    assert!(
        sessions
            .reserve(&ground.bucket("other"), rate)
            .await
            .unwrap()
            .is_zero()
    );
}

async fn a_note_hangs_on_its_board_until_it_falls_off(ground: Ground) {
    let sessions = ground.open();
    let (board, other) = (ground.bucket("a board"), ground.bucket("another"));
    let long = Duration::from_mins(10);
    let pin = async |note, span| sessions.pin(&board, note, span).await.unwrap();
    let pinned = async || {
        let mut notes = sessions.pinned(&board).await.unwrap();
        notes.sort();
        notes
    };
    pin("Анна пишет", long).await;
    pin("short", Duration::from_millis(200)).await;
    pin("Анна пишет", long).await;
    sessions.pin(&other, "elsewhere", long).await.unwrap();

    eventually("it falls off", async || {
        (pinned().await == ["Анна пишет"]).then_some(())
    })
    .await;
    pin("gone", long).await;
    assert_eq!(pinned().await, ["gone", "Анна пишет"]);
    pin("gone", Duration::ZERO).await;
    pin("never there", Duration::ZERO).await;
    assert_eq!(pinned().await, ["Анна пишет"]);
    assert_eq!(sessions.pinned(&other).await.unwrap(), ["elsewhere"]);
}

async fn many_askers_get_no_more_places_than_there_are(ground: Ground) {
    let sessions = ground.open();
    let rate = Rate {
        burst: 20,
        every: Duration::from_hours(1),
    };
    let askers = (0..100).map(|_| {
        let (sessions, bucket) = (sessions.clone(), ground.bucket("bot"));
        tokio::spawn(async move { sessions.reserve(&bucket, rate).await.unwrap().is_zero() })
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
    let sessions = ground.open();
    let (anna, boris) = (ground.conversation("anna"), ground.conversation("boris"));
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
    ground.clock.advance(Duration::from_hours(24));

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_that_comes_back_is_used_again_without_help() {
    let redis = Redis::private(&["--appendonly", "yes", "--appendfsync", "always"]);
    let ground = Ground::at(&redis.url());
    let sessions = ground.open();
    let anna = ground.conversation("anna");
    sessions
        .commit(&anna, 0, Bytes::from_static(b"1"))
        .await
        .unwrap();

    redis.stop();
    let error = sessions.load(&anna).await.unwrap_err();
    assert!(matches!(error, SessionsError::Unavailable(_)), "{error:?}");
    assert!(
        sessions
            .commit(&anna, 1, Bytes::from_static(b"2"))
            .await
            .is_err()
    );
    assert!(sessions.check().await.is_err());
    redis.start();

    let saved = eventually("Redis is used again", || async {
        sessions.load(&anna).await.ok()
    });
    assert_eq!(saved.await.unwrap().version, 1);
    assert_eq!(
        sessions
            .commit(&anna, 1, Bytes::from_static(b"2"))
            .await
            .unwrap(),
        2
    );

    // Restarted while nobody looks: the first command finds a broken link and still succeeds.
    redis.stop();
    redis.start();
    assert_eq!(
        sessions
            .commit(&anna, 2, Bytes::from_static(b"3"))
            .await
            .unwrap(),
        3
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_by_sentinel_keeps_sessions_going() {
    let sentinel = Sentinel::private();
    let ground = Ground::at(&sentinel.url);
    let sessions = ground.open();
    let anna = ground.conversation("anna");
    sessions.check().await.unwrap();
    sessions
        .commit(&anna, 0, Bytes::from_static(b"1"))
        .await
        .unwrap();
    sentinel.master.cli(&["wait", "1", "5000"]);

    sentinel.master.stop();

    let version = eventually("the replica takes over", || async {
        sessions
            .commit(&anna, 1, Bytes::from_static(b"2"))
            .await
            .ok()
    });
    assert_eq!(version.await, 2);
    assert_eq!(
        sessions.load(&anna).await.unwrap().unwrap().body,
        Bytes::from_static(b"2")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_in_redis_lives_thirty_days_from_its_last_commit() {
    let redis = Redis::private(&[]);
    let ground = Ground::at(&redis.url());
    let sessions = ground.open();
    let anna = ground.conversation("anna");
    let key = format!("zapis:session:{{{}}}", anna.as_str());
    sessions
        .commit(&anna, 0, Bytes::from_static(b"1"))
        .await
        .unwrap();
    redis.cli(&["expire", &key, "5"]);

    sessions
        .commit(&anna, 1, Bytes::from_static(b"2"))
        .await
        .unwrap();

    let left: u64 = redis.cli(&["ttl", &key]).trim().parse().unwrap();
    let whole = TIME_TO_LIVE.as_secs();
    assert!(left > whole - 300 && left <= whole, "{left}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_evicts_is_refused_and_one_without_a_log_is_warned_of() {
    let redis = Redis::private(&["--maxmemory-policy", "noeviction"]);
    let sessions = Ground::at(&redis.url()).open();
    let warnings = sessions.check().await.unwrap();
    assert!(warnings[0].contains("appendonly"), "{warnings:?}");

    redis.cli(&["config", "set", "maxmemory-policy", "allkeys-lru"]);
    let error = sessions.check().await.unwrap_err();
    assert!(matches!(error, SessionsError::Refused(_)), "{error:?}");
    assert!(error.to_string().contains("noeviction"), "{error}");

    let safe = Ground::redis().open();
    assert!(safe.check().await.unwrap().is_empty());
    let cluster = Ground::cluster().open();
    assert_eq!(cluster.check().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_the_operators_to_mend() {
    let redis = Redis::private(&["--requirepass", "right"]);
    for user in ["", ":wrong@"] {
        let url = format!("redis://{user}127.0.0.1:{}/0", redis.port);
        let error = Ground::at(&url).open().check().await.unwrap_err();
        assert!(matches!(error, SessionsError::Refused(_)), "{error:?}");
    }
    let url = format!("redis://:right@127.0.0.1:{}/0", redis.port);
    Ground::at(&url).open().check().await.unwrap();
}

/// Passes everything on to a Redis, and loses the answer to the first command that contains a word.
async fn losing_the_answer_to(redis: &Redis, word: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, behind) = (listener.local_addr().unwrap().port(), redis.port);
    tokio::spawn(async move {
        let mut lost = false;
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(("127.0.0.1", behind)).await.unwrap();
            if lost {
                tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
                continue;
            }
            let (mut from_client, mut from_server) = ([0; 4_096], [0; 4_096]);
            while !lost {
                tokio::select! {
                    read = client.read(&mut from_client) => {
                        let bytes = &from_client[..read.unwrap()];
                        if bytes.is_empty() {
                            break;
                        }
                        server.write_all(bytes).await.unwrap();
                        lost = bytes.windows(word.len()).any(|part| part == word.as_bytes());
                    }
                    read = server.read(&mut from_server) => {
                        let bytes = &from_server[..read.unwrap()];
                        client.write_all(bytes).await.unwrap();
                    }
                }
            }
            // Redis has done it; its answer ends here, with the link.
            server.read_exact(&mut [0]).await.unwrap();
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_was_lost_is_neither_doubled_nor_a_conflict() {
    let redis = Redis::shared();
    // The script is known by then, so that the answer that is lost is the commit's.
    let warm = Ground::redis();
    let other = warm.conversation("boris");
    warm.open()
        .commit(&other, 0, Bytes::from_static(b"0"))
        .await
        .unwrap();
    let port = losing_the_answer_to(redis, "a lost answer").await;
    let ground = Ground::at(&format!("redis://127.0.0.1:{port}/0"));
    let sessions = ground.open();
    let anna = ground.conversation("anna");

    let version = sessions
        .commit(&anna, 0, Bytes::from_static(b"a lost answer"))
        .await;

    assert_eq!(version.unwrap(), 1);
    assert_eq!(sessions.load(&anna).await.unwrap().unwrap().version, 1);
    let conflict = sessions
        .commit(&anna, 0, Bytes::from_static(b"a lost answer"))
        .await;
    assert!(matches!(conflict, Err(SessionsError::Conflict)));
}

#[test]
fn an_address_that_cannot_be_read_is_refused() {
    let ground = Ground::at("redis+sentinel://localhost");
    let result = sessions::open(&ground.config, &ground.clock, "a test");
    assert!(matches!(result, Err(SessionsError::Refused(_))));
}
