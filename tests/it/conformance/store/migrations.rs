//! A store that an older version filled is taken over with everything in it.

use sha2::{Digest, Sha384};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{PgPool, SqlStr};
use uuid::Uuid;
use zapis_core::event::{Event, Kind};
use zapis_core::message::{DeliveryStatus, Fence};
use zapis_core::store::{Claimed, Figures};

use crate::conformance::store_ground::{Ground, at, conversation, message, on_both, report};

on_both!(what_the_first_schema_held_is_there_and_goes_on);

const OLD: u128 = 7;

/// Where a store notes its schema, as the first version made it in an SQLite file.
const MIGRATED: &str = "CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);";

async fn make_old(ground: &Ground) {
    match ground {
        Ground::Sqlite(folder) => {
            let schema = include_str!("../../../../core/migrations/sqlite/0001_first.sql");
            let folder = folder.path().join("new");
            std::fs::create_dir_all(&folder).unwrap();
            let file = rusqlite::Connection::open(folder.join("z.db")).unwrap();
            file.execute_batch(schema).unwrap();
            file.execute_batch(MIGRATED).unwrap();
            let checksum = Sha384::digest(schema);
            file.execute(
                "INSERT INTO _sqlx_migrations VALUES (1, 'first', '2026-11-26', TRUE, ?1, 0)",
                [checksum.as_slice()],
            )
            .unwrap();
        }
        Ground::Postgres(_) => {
            let schema = include_str!("../../../../core/migrations/postgres/0001_first.sql");
            let first = Migration::new(
                1,
                "first".into(),
                MigrationType::Simple,
                SqlStr::from_static(schema),
                false,
            );
            let pool = PgPool::connect(&ground.url()).await.unwrap();
            let migrator = Migrator::with_migrations(vec![first]);
            migrator.run(&pool).await.unwrap();
            pool.close().await;
        }
    }
    let (id, chat) = (Uuid::from_u128(OLD), conversation("1").as_str().to_owned());
    let event = Event::new(id, Kind::Turn, at(0)).about(&conversation("1"));
    let event = serde_json::to_string(&event).unwrap();
    let now = at(0).timestamp_millis();
    ground.sql(&format!(
        "INSERT INTO ledger (id, conversation, state, attempts, claimed_at, provider_id) \
           VALUES ('{id}', '{chat}', 'sent', 1, {now}, 'wamid.1'); \
         INSERT INTO provider_messages (account, provider_id, outbound) \
           VALUES ('whatsapp:main', 'wamid.1', '{id}'); \
         INSERT INTO ownership (conversation, staff, epoch) VALUES ('{chat}', 'Мария', 3); \
         INSERT INTO dead (id, topic, lane, message_id, reason, body, at, retry) \
           VALUES ('{id}', 'inbound', '{chat}', 'm', 'bad', '', {now}, 0); \
         INSERT INTO events (event_id, timestamp, kind, conversation, event) \
           VALUES ('{id}', {now}, 'turn', '{chat}', '{event}');"
    ));
}

async fn what_the_first_schema_held_is_there_and_goes_on(ground: Ground) {
    make_old(&ground).await;
    let chat = conversation("1");

    let store = ground.open().await;

    let old = store.ledger(Uuid::from_u128(OLD)).await.unwrap().unwrap();
    assert_eq!((old.state.as_str(), &old.trace), ("sent", &None));
    let read = report("wamid.1", None, DeliveryStatus::Read);
    let known = store.delivered(&[read]).await.unwrap();
    assert_eq!(known[0].as_ref().unwrap().id, old.id);
    let ownership = store.ownership(&chat, at(1)).await.unwrap();
    assert_eq!(
        (ownership.staff.as_deref(), ownership.epoch),
        (Some("Мария"), 3)
    );
    assert_eq!(store.events_of(&chat, 10).await.unwrap().len(), 1);
    let figures = store.figures(at(1)).await.unwrap();
    let counted = Figures {
        dead: 1,
        owned: 1,
        ..Figures::default()
    };
    assert_eq!(figures, counted);

    let new = message("1", Fence::Staff);
    let claimed = store.claim(std::slice::from_ref(&new), at(2)).await;
    assert_eq!(claimed.unwrap(), [Claimed::Go]);
    let entry = store.ledger(new.id).await.unwrap().unwrap();
    assert_eq!(entry.trace, Some(new.trace));
}
