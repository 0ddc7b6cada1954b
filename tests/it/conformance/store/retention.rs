//! What time does: years are planted, and what is over is found nowhere, in no table, afterwards.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;
use zapis_core::Clock;
use zapis_core::event::{Client, Event, Kind};
use zapis_core::message::ConversationId;
use zapis_core::retention::PrivacyConfig;
use zapis_core::store::{Begun, ChatEntry, DeadLetter, Parked, RETAINED, Retained, Role, Store};
use zapis_core::trace::TraceParent;

use super::privacy::tables;
use crate::conformance::store_ground::{Ground, at, conversation, on_both};

on_both!(
    every_table_is_decided_on,
    what_is_over_is_found_nowhere,
    who_is_active_stays_whole,
    whom_a_person_wrote_to_first_stays,
    a_phone_stays_one_person_in_figures,
    who_is_kept_for_figures_is_erased_when_she_asks,
    the_numbers_of_a_web_chat_go_on,
    for_ever_is_for_ever,
);

const CONFIG: PrivacyConfig = PrivacyConfig {
    technical_days: 30,
    details_days: 90,
    pseudonyms_days: 365,
    persons_days: 1095,
    hour: 4,
    medical: false,
    phones: Role::Administrator,
};

async fn every_table_is_decided_on(ground: Ground) {
    ground.open().await;
    let named: BTreeSet<String> = RETAINED
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_eq!(tables(&ground), named);
    let page = include_str!("../../../../docs/privacy.md");
    let (_, page) = page.split_once("## By time").unwrap();
    for (name, retained) in RETAINED {
        let line = page
            .lines()
            .find(|line| line.starts_with(&format!("| `{name}` |")));
        let line = line.unwrap_or_else(|| panic!("docs/privacy.md does not tell of {name}"));
        let told = match retained {
            Retained::Stays(why) => why,
            Retained::WithPerson => "with the customer",
            Retained::By(_) => "days",
        };
        assert!(line.contains(told), "{line}: {told}");
    }
}

fn now() -> DateTime<Utc> {
    at(0)
}

fn ago(days: i64) -> DateTime<Utc> {
    now() - TimeDelta::days(days)
}

/// Everything that there can be of somebody who did everything so many days ago.
async fn plant(ground: &Ground, store: &Store, days: i64) -> ConversationId {
    let her = conversation(&format!("hers{days}"));
    let then = ago(days);
    plant_said(ground, &her, days, then);
    plant_booked(ground, &her, days, then);
    plant_known(ground, &her, days, then);
    let letter = DeadLetter {
        id: Uuid::from_u128(u128::from(days.unsigned_abs())),
        topic: "inbound".into(),
        key: her.as_str().into(),
        message_id: format!("m{days}"),
        reason: "gave up".into(),
        body: format!("слово{days}").into(),
        at: then,
    };
    store.bury(&[letter]).await.unwrap();
    let parked = Parked {
        seq: 0,
        id: format!("p{days}"),
        body: format!("слово{days}").into(),
        trace: TraceParent::start(),
    };
    let lane = her.as_str();
    store
        .park("outbound.none", lane, &[parked], then)
        .await
        .unwrap();
    her
}

/// An event in her words.
fn said(ground: &Ground, her: &ConversationId, kind: Kind, days: i64, phone: &str) {
    let mut event = Event::new(Uuid::new_v4(), kind, ago(days)).about(her);
    event.customer_text = Some(format!("слово{days}"));
    event.provider_id = Some(format!("провайдер{days}"));
    event.client = Some(Client {
        phone: Some(phone.to_owned()),
        name: Some(format!("Имя{days}")),
    });
    ground.sql(&format!(
        "INSERT INTO events (event_id, timestamp, kind, conversation, event) \
         VALUES ('{}', {}, '{}', '{}', '{}')",
        event.event_id,
        event.timestamp.timestamp_millis(),
        kind.name(),
        her.as_str(),
        serde_json::to_string(&event).unwrap()
    ));
}

/// What she said on the site.
fn line(days: i64) -> ChatEntry {
    ChatEntry {
        seq: 0,
        id: format!("c{days}"),
        from: "customer".into(),
        name: None,
        text: format!("слово{days}"),
        buttons: Vec::new(),
        at: ago(days),
    }
}

fn phone(days: i64) -> String {
    format!("+7921000{days:04}")
}

fn plant_said(ground: &Ground, her: &ConversationId, days: i64, then: DateTime<Utc>) {
    for kind in [Kind::Inbound, Kind::Turn, Kind::Delivery] {
        said(ground, her, kind, days, &phone(days));
    }
    let (her, then) = (her.as_str(), then.timestamp_millis());
    let line = serde_json::to_string(&line(days)).unwrap();
    let day = ago(days).format("%Y-%m-%d");
    ground.sql(&format!(
        "INSERT INTO ledger (id, conversation, turn, state, attempts, claimed_at, provider_id, error_text) \
         VALUES ('l{days}', '{her}', 't{days}', 'sent', 1, {then}, 'провайдер{days}', 'ошибка{days}');
         INSERT INTO answered (conversation, inbound_id, turn) VALUES ('{her}', 'вход{days}', 't{days}');
         INSERT INTO provider_messages (account, provider_id, outbound) \
         VALUES ('whatsapp:main', 'провайдер{days}', 'l{days}');
         INSERT INTO provider_messages (account, provider_id, delivery, at) \
         VALUES ('whatsapp:main', 'чужой провайдер{days}', 1, {then});
         INSERT INTO ownership_causes (conversation, cause, at) VALUES ('{her}', 'причина{days}', {then});
         INSERT INTO spend (day, scope, tokens, micros) VALUES ('{day}', '{her}', 1, 1);
         INSERT INTO chat_log (conversation, seq, id, entry, published, at) \
         VALUES ('{her}', 1, 'c{days}', '{line}', 1, {then});
         INSERT INTO visitors (token_hash, conversation, at) VALUES ('v{days}', '{her}', {then});
         INSERT INTO drafts (id, conversation, text, reason, at) \
         VALUES ('d{days}', '{her}', 'слово{days}', '', {then});
         INSERT INTO escalations (id, conversation, reason, card, at, stage) \
         VALUES ('e{days}', '{her}', '', '\"слово{days}\"', {then}, 0);
         INSERT INTO lessons (id, card, at) VALUES ('s{days}', '\"слово{days}\"', {then});
         INSERT INTO waiting (id, conversation, created_at, version, is_open, entry) \
         VALUES ('w{days}', '{her}', {then}, 1, 0, '\"слово{days}\"');
         INSERT INTO enquiries (id, conversation, opened_at, closed_at, version, state) \
         VALUES ('q{days}', '{her}', {then}, {then}, 1, '\"слово{days}\"');
         INSERT INTO crm_jobs (id, enquiry, kind, body, state, created_at, ended_at) \
         VALUES ('j{days}', 'q{days}', 'note', '\"слово{days}\"', 'done', {then}, {then});"
    ));
}

fn plant_booked(ground: &Ground, her: &ConversationId, days: i64, then: DateTime<Utc>) {
    let id = Uuid::from_u128(u128::from(days.unsigned_abs()));
    let booking = serde_json::json!({
        "id": id, "version": 1, "status": "booked", "conversation": her, "name": format!("Имя{days}"),
        "phone": phone(days), "source": "phone", "for_whom": format!("слово{days}"),
        "notes": format!("слово{days}"), "created_at": then,
        "visit": { "location": "main", "items": [] },
    });
    let (her, then, phone) = (her.as_str(), then.timestamp_millis(), phone(days));
    ground.sql(&format!(
        "INSERT INTO bookings (id, version, active, conversation, phone, starts_at, ends_at, booking) \
         VALUES ('{id}', 1, 1, '{her}', '{phone}', {then}, {then}, '{booking}');
         INSERT INTO book_changes (booking, cause, kind, version, at, who, before, after) \
         VALUES ('{id}', 'c', 'moved', 1, {then}, 'bot', '{booking}', '{booking}');
         INSERT INTO book_holds (id, conversation, place, cause, booking, visit) \
         VALUES ('h{days}', '{her}', '', '', '{id}', '{{}}');
         INSERT INTO reminders (booking, version, step, state, until, visit_at, tries) \
         VALUES ('{id}', 1, 'morning', 'sent', {then}, {then}, '[\"{her}\"]');"
    ));
}

fn plant_known(ground: &Ground, her: &ConversationId, days: i64, then: DateTime<Utc>) {
    let merge = Uuid::from_u128(u128::from(days.unsigned_abs()));
    let (peer, her, then, phone) = (
        her.peer(),
        her.as_str(),
        then.timestamp_millis(),
        phone(days),
    );
    ground.sql(&format!(
        "INSERT INTO people (conversation, wrote_at, name, phone) \
         VALUES ('{her}', {then}, 'Имя{days}', '{phone}');
         INSERT INTO peers (channel, account, native_id, peer) \
         VALUES ('whatsapp', 'main', '{peer}', '{peer}');
         INSERT INTO ownership (conversation, epoch) VALUES ('{her}', 1);
         INSERT INTO buttons (conversation, short, payload) VALUES ('{her}', 'a', 'b');
         INSERT INTO chat_reads (conversation, seq) VALUES ('{her}', 1);
         INSERT INTO staff_threads (conversation, desk, thread, topic) VALUES ('{her}', 'd', {days}, 1);
         INSERT INTO staff_messages (desk, message, conversation) VALUES ('d', {days}, '{her}');
         INSERT INTO chat_marks (conversation) VALUES ('{her}');
         INSERT INTO customer_merges (id, conversation, joined, evidence, who, at) \
         VALUES ('{merge}', '{her}', 'whatsapp:main:other{days}', '', 'Мария', {then});
         INSERT INTO consents (conversation, version, at) VALUES ('{her}', '1', {then});
         INSERT INTO staff_looks (conversation, staff, hour) VALUES ('{her}', 'Мария', {then});"
    ));
}

/// Everything that the store holds, as text, by table.
fn everything(ground: &Ground) -> BTreeMap<String, String> {
    let read = |table: &String| match ground {
        Ground::Sqlite(folder) => {
            let file = rusqlite::Connection::open(folder.path().join("new/z.db")).unwrap();
            let mut rows = file.prepare(&format!("SELECT * FROM {table}")).unwrap();
            let columns = rows.column_count();
            let mut rows = rows.query([]).unwrap();
            let mut text = String::new();
            while let Some(row) = rows.next().unwrap() {
                for column in 0..columns {
                    let cell: rusqlite::types::Value = row.get(column).unwrap();
                    text += &match cell {
                        rusqlite::types::Value::Text(text) => text,
                        rusqlite::types::Value::Blob(bytes) => hex::encode(bytes),
                        rusqlite::types::Value::Integer(number) => number.to_string(),
                        _ => String::new(),
                    };
                    text.push(' ');
                }
                text.push('\n');
            }
            text
        }
        Ground::Postgres(database) => {
            database.sql(&format!("SELECT row::text FROM {table} AS row"))
        }
    };
    let tables = tables(ground).into_iter();
    tables.map(|table| (table.clone(), read(&table))).collect()
}

/// In which tables something is found.
fn found(ground: &Ground, canary: &str) -> Vec<String> {
    let hex = hex::encode(canary);
    let holds = |text: &String| {
        // What follows a number is another number.
        let whole = |at: usize| {
            let next = text[at + canary.len()..].chars().next();
            next.is_none_or(|next| !next.is_ascii_digit())
        };
        text.match_indices(canary).any(|(at, _)| whole(at)) || text.contains(&hex)
    };
    let all = everything(ground).into_iter();
    all.filter(|(_, text)| holds(text))
        .map(|(table, _)| table)
        .collect()
}

/// Puts away what is over; what it did is what was foretold.
async fn swept(store: &Store, config: &PrivacyConfig) -> BTreeMap<String, u64> {
    let mut foretold = BTreeMap::new();
    for over in store.over(config, now()).await.unwrap() {
        *foretold
            .entry(format!("{}: {}", over.table, over.what))
            .or_default() += over.rows;
    }
    let clock = Clock::fixed(now());
    let swept = store.sweep(config, "test", &clock).await.unwrap().unwrap();
    assert_eq!(swept.rows, foretold);
    assert_eq!(store.last_sweep().await.unwrap(), Some(swept));
    foretold
}

fn is_nowhere(ground: &Ground, canary: &str) {
    assert_eq!(found(ground, canary), Vec::<String>::new(), "{canary}");
}

async fn what_is_over_is_found_nowhere(ground: Ground) {
    let store = ground.open().await;
    let mut people = Vec::new();
    for days in [5, 40, 100, 400, 1200] {
        people.push(plant(&ground, &store, days).await);
    }
    let first = swept(&store, &CONFIG).await;
    for rows in [
        "ledger: person",
        "events: rows",
        "people: rows",
        "peers: rows",
    ] {
        assert!(first.contains_key(rows), "{rows}: {first:?}");
    }
    let everywhere = "bookings chat_log dead drafts enquiries events parked";
    for days in [5, 40] {
        let found = found(&ground, &format!("слово{days}"));
        for table in everywhere.split(' ') {
            assert!(found.iter().any(|one| one == table), "{table}: {found:?}");
        }
    }
    let technical = |days: i64| found(&ground, &format!("провайдер{days}"));
    assert_eq!(technical(5), ["events", "ledger", "provider_messages"]);
    // The journal keeps what is not of a delivery with the words.
    assert_eq!(technical(40), ["events"]);
    for days in [40, 100, 400, 1200] {
        for canary in ["вход", "ошибка", "причина", "чужой провайдер"]
        {
            is_nowhere(&ground, &format!("{canary}{days}"));
        }
    }
    for days in [100, 400, 1200] {
        is_nowhere(&ground, &format!("слово{days}"));
        is_nowhere(&ground, &format!("провайдер{days}"));
    }
    figures_name_nobody(&ground, &store).await;

    // Her consent is put away once she is gone herself; then nothing is left, and nothing is found again.
    let second = swept(&store, &CONFIG).await;
    assert_eq!(second, [("consents: rows".to_owned(), 1)].into());
    for canary in ["hers1200", "Имя1200", &phone(1200)] {
        is_nowhere(&ground, canary);
    }
    assert_eq!(swept(&store, &CONFIG).await, BTreeMap::new());
    for (days, her) in [5, 40, 100, 400].into_iter().zip(&people) {
        assert!(store.known(her).await.unwrap().wrote_at.is_some(), "{days}");
        assert!(found(&ground, &format!("hers{days}")).contains(&"peers".to_owned()));
    }
    // The visit itself stays for the accounts.
    let visit = store.booking(Uuid::from_u128(1200)).await.unwrap().unwrap();
    assert_eq!(
        (visit.name.as_str(), visit.phone, visit.conversation),
        ("", None, None)
    );
    let span = ago(1)..at(1);
    let told = store
        .events_of_kinds(&[Kind::System], &span, 0, 10_000)
        .await
        .unwrap();
    let told: Vec<_> = told.iter().map(|event| event.action.as_deref()).collect();
    assert_eq!(told, [Some("retention")], "both began in the same moment");
}

/// Who has not been heard of for long is a pseudonym in figures, and still a customer.
async fn figures_name_nobody(ground: &Ground, store: &Store) {
    for days in [100, 400] {
        for canary in [format!("Имя{days}"), phone(days)] {
            assert_eq!(
                found(ground, &canary),
                ["book_changes", "bookings", "people"]
            );
        }
    }
    let events = store.events_after(0, 100).await.unwrap();
    let old = events.iter().filter(|(_, event)| event.timestamp < ago(90));
    let names: BTreeSet<_> = old
        .filter_map(|(_, event)| event.conversation_id.clone())
        .collect();
    assert_eq!(names.len(), 1, "{names:?}");
    assert!(
        names.iter().all(|name| name.peer().starts_with("kept-")),
        "{names:?}"
    );
    assert!(events.iter().all(|(_, event)| event.timestamp >= ago(365)));
}

async fn who_is_active_stays_whole(ground: Ground) {
    let store = ground.open().await;
    let her = plant(&ground, &store, 1200).await;
    let visit = |set: &str| ground.sql(&format!("UPDATE bookings SET {set}"));
    // A visit lies ahead, whatever else is over.
    visit(&format!("ends_at = {}", at(86_400).timestamp_millis()));
    ground.sql("UPDATE drafts SET state = 'proposed'");
    ground.sql("UPDATE waiting SET is_open = 1");
    ground.sql("UPDATE enquiries SET closed_at = NULL");
    said(&ground, &her, Kind::Inbound, 100, &phone(1200));
    swept(&store, &CONFIG).await;

    let stays = [
        "bookings",
        "consents",
        "drafts",
        "enquiries",
        "events",
        "people",
        "peers",
        "staff_threads",
        "waiting",
    ];
    let found_of = |canary: &str| found(&ground, canary);
    let left = found_of("hers1200");
    for table in stays {
        assert!(left.contains(&table.to_owned()), "{table}: {left:?}");
    }
    let words = found_of("слово1200");
    assert_eq!(
        words,
        ["book_changes", "bookings", "drafts", "enquiries", "waiting"]
    );
    // Of what was said so long ago only that it was.
    assert_eq!(found_of("слово100"), Vec::<String>::new());
    let events = store.events_of(&her, 10).await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].client.as_ref().unwrap().name, None);

    // Once everything of hers is over she is forgotten as others are.
    visit("ends_at = starts_at");
    ground.sql("UPDATE drafts SET state = 'sent'");
    ground.sql("UPDATE waiting SET is_open = 0");
    ground.sql("UPDATE enquiries SET closed_at = opened_at");
    for _ in 0..2 {
        swept(&store, &CONFIG).await;
    }
    assert_eq!(found_of("hers1200"), Vec::<String>::new());
}

async fn whom_a_person_wrote_to_first_stays(ground: Ground) {
    let store = ground.open().await;
    let [lately, long_ago] = ["1", "2"].map(conversation);
    for (her, days) in [(&lately, 1), (&long_ago, 1_200)] {
        ground.sql(&format!(
            "INSERT INTO people (conversation) VALUES ('{}')",
            her.as_str()
        ));
        said(&ground, her, Kind::Takeover, days, "+79210000001");
    }

    swept(&store, &CONFIG).await;

    let left = |her: &ConversationId| found(&ground, her.as_str());
    assert!(left(&lately).contains(&"people".to_owned()));
    assert_eq!(left(&long_ago), Vec::<String>::new());
}

async fn a_phone_stays_one_person_in_figures(ground: Ground) {
    let store = ground.open().await;
    let [one, two, other] = ["1", "2", "3"].map(conversation);
    for (her, phone) in [
        (&one, "+79210000001"),
        (&two, "+79210000001"),
        (&other, "+79210000002"),
    ] {
        said(&ground, her, Kind::Inbound, 100, phone);
    }
    swept(&store, &CONFIG).await;
    let events = store.events_after(0, 10).await.unwrap();
    let phones = events
        .iter()
        .filter_map(|(_, event)| event.client.clone()?.phone);
    let phones: Vec<String> = phones.collect();
    assert_eq!(phones.len(), 3);
    assert!(
        phones.iter().all(|phone| phone.starts_with("kept-")),
        "{phones:?}"
    );
    assert_eq!(phones[0], phones[1]);
    assert_ne!(phones[0], phones[2]);
    let names: BTreeSet<_> = events
        .iter()
        .filter_map(|(_, event)| event.conversation_id.clone())
        .collect();
    assert_eq!(names.len(), 3);
}

async fn who_is_kept_for_figures_is_erased_when_she_asks(ground: Ground) {
    let store = ground.open().await;
    let her = plant(&ground, &store, 100).await;
    swept(&store, &CONFIG).await;
    let person = store.person_of(&her).await.unwrap().unwrap();
    let told = store.export_person(&person).await.unwrap();
    assert_eq!(
        told["store"]["events"].as_array().unwrap().len(),
        3,
        "{told}"
    );
    let begun = store.begin_erasure(&person, "Мария", false, now()).await;
    assert!(matches!(begun, Ok(Begun::Begun(_))));
    let open = store.open_erasures().await.unwrap().remove(0);
    store.scrub(open.id, &person, 0).await.unwrap();
    let left = everything(&ground);
    assert!(!left["events"].contains("kept-"), "{left:?}");
    assert!(!left["ledger"].contains("kept-"), "{left:?}");
    assert!(left["events"].contains(":erased-"), "{left:?}");
    assert_eq!(store.person_of(&her).await.unwrap(), None);
}

async fn the_numbers_of_a_web_chat_go_on(ground: Ground) {
    let store = ground.open().await;
    let her = conversation("1");
    ground.sql(&format!(
        "INSERT INTO people (conversation, wrote_at) VALUES ('{}', {});",
        her.as_str(),
        ago(5).timestamp_millis()
    ));
    for days in [100, 95] {
        store.chat_append(&her, &line(days), true).await.unwrap();
    }
    swept(&store, &CONFIG).await;
    // Of the newest line only the number is left.
    for days in [100, 95] {
        assert_eq!(
            found(&ground, &format!("слово{days}")),
            Vec::<String>::new()
        );
    }
    assert_eq!(store.chat_last(&her, 10).await.unwrap(), []);
    let appended = store.chat_append(&her, &line(0), true).await.unwrap();
    assert_eq!(appended.seq, 3);
    swept(&store, &CONFIG).await;
    assert_eq!(store.chat_last(&her, 10).await.unwrap().len(), 1);
}

async fn for_ever_is_for_ever(ground: Ground) {
    let store = ground.open().await;
    plant(&ground, &store, 1200).await;
    let config = PrivacyConfig {
        technical_days: 0,
        details_days: 0,
        pseudonyms_days: 0,
        persons_days: 0,
        ..CONFIG
    };
    let before = everything(&ground)["events"].clone();
    assert_eq!(swept(&store, &config).await, BTreeMap::new());
    assert_eq!(everything(&ground)["events"], before);
}
