//! Persons: which conversations are one's, whom the bot does not answer, and how one is erased.

use std::collections::BTreeSet;

use zapis_core::event::{Event, Kind, Seen};
use zapis_core::message::{ConversationId, Fence, Profile};
use zapis_core::store::{
    Begun, Booking, Claimed, DeadLetter, Merged, NewOwner, OwnershipChange, PERSONAL, Store,
    Treated,
};

use crate::conformance::store_ground::{Ground, at, conversation, message, on_both, reply};
use uuid::Uuid;

on_both!(
    every_table_is_erased_or_known_to_be_free,
    merges_are_undone_one_by_one,
    who_has_the_same_phone_is_one_person,
    a_typed_phone_only_proposes,
    who_is_blocked_hears_from_the_staff_only,
    who_is_erased_is_a_stranger_and_her_neighbour_is_not,
    an_erasure_is_finished_by_whoever_comes_next,
    what_only_looks_like_hers_stays,
);

/// The tables of the schema.
pub(super) fn tables(ground: &Ground) -> BTreeSet<String> {
    match ground {
        Ground::Sqlite(folder) => {
            let file = rusqlite::Connection::open(folder.path().join("new/z.db")).unwrap();
            let mut names = file
                .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
                .unwrap();
            let names = names.query_map([], |row| row.get(0)).unwrap();
            names.flatten().collect()
        }
        Ground::Postgres(database) => {
            let query =
                "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'";
            database.sql(query).lines().map(str::to_owned).collect()
        }
    }
}

async fn every_table_is_erased_or_known_to_be_free(ground: Ground) {
    ground.open().await;
    let named: BTreeSet<String> = PERSONAL.iter().map(|one| one.name.to_owned()).collect();
    assert_eq!(tables(&ground), named);

    let page = include_str!("../../../../docs/privacy.md");
    for table in PERSONAL {
        let line = page
            .lines()
            .find(|line| line.starts_with(&format!("| `{}` |", table.name)));
        let line =
            line.unwrap_or_else(|| panic!("docs/privacy.md does not tell of {}", table.name));
        let told = match table.treated {
            Treated::Deleted => "deleted",
            Treated::Kept => "kept",
            Treated::Free(why) => why,
        };
        assert!(line.contains(told), "{line}: {told}");
    }
}

async fn seen(store: &Store, who: &ConversationId, name: &str, phone: Option<&str>) {
    let profile = Profile {
        name: Some(name.to_owned()),
        phone: phone.map(str::to_owned),
        ..Profile::default()
    };
    let seen = Seen {
        conversation: who.clone(),
        at: at(1),
        wrote: true,
        profile,
        reachable: None,
        advertising: None,
    };
    let mut event = Event::new(Uuid::new_v4(), Kind::Inbound, at(1)).about(who);
    event.customer_text = Some(format!("Пишет {name}"));
    store.journal(&[event], &[seen]).await.unwrap();
}

async fn merged(store: &Store, kept: &ConversationId, joined: &ConversationId) -> Uuid {
    match store
        .merge_customers(kept, joined, "name", "Мария", at(2))
        .await
        .unwrap()
    {
        Merged::Done(id) => id,
        Merged::Already => panic!("they were one before"),
    }
}

async fn merges_are_undone_one_by_one(ground: Ground) {
    let store = ground.open().await;
    let [one, two, three] = ["1", "2", "3"].map(conversation);
    let first = merged(&store, &one, &two).await;
    let second = merged(&store, &two, &three).await;
    let all = store.conversations_of(&three).await.unwrap();
    assert_eq!(all, [one.clone(), two.clone(), three.clone()]);
    let again = store
        .merge_customers(&one, &three, "", "Мария", at(3))
        .await
        .unwrap();
    assert_eq!(again, Merged::Already);

    let undone = store
        .undo_merge(first, "Анна", at(4))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(undone.undone, Some((at(4), "Анна".to_owned())));
    assert_eq!(
        store.conversations_of(&one).await.unwrap(),
        std::slice::from_ref(&one)
    );
    assert_eq!(
        store.conversations_of(&two).await.unwrap(),
        [two.clone(), three.clone()]
    );
    assert_eq!(store.undo_merge(first, "Анна", at(5)).await.unwrap(), None);
    store
        .undo_merge(second, "Анна", at(6))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        store.conversations_of(&two).await.unwrap(),
        std::slice::from_ref(&two)
    );
    assert_eq!(store.merges_of(&[two]).await.unwrap().len(), 2);
}

async fn who_has_the_same_phone_is_one_person(ground: Ground) {
    let store = ground.open().await;
    let [one, two] = ["1", "2"].map(conversation);
    seen(&store, &one, "Анна", Some("+79210000001")).await;
    seen(&store, &two, "Anna", Some("+79210000001")).await;
    assert_eq!(store.conversations_of(&one).await.unwrap().len(), 2);
    let person = store.person_with("+79210000001").await.unwrap().unwrap();
    // What goes out by SMS hangs on the phone alone.
    let sms: ConversationId = "sms:main:79210000001".parse().unwrap();
    assert_eq!(person.conversations, [sms, one, two]);
    assert_eq!(store.person_with("+79210000002").await.unwrap(), None);
}

async fn a_typed_phone_only_proposes(ground: Ground) {
    let store = ground.open().await;
    let [one, two] = ["1", "2"].map(conversation);
    seen(&store, &one, "Анна", Some("+79210000001")).await;
    seen(&store, &two, "Anna", None).await;
    let now = at(0).timestamp_millis();
    ground.sql(&format!(
        "INSERT INTO bookings (id, version, active, conversation, phone, starts_at, ends_at, booking) \
         VALUES ('b', 1, 0, '{}', '+79210000001', {now}, {now}, '{{}}')",
        two.as_str()
    ));
    assert_eq!(
        store.conversations_of(&one).await.unwrap(),
        std::slice::from_ref(&one)
    );
    let of_one = store.lookalikes_of(std::slice::from_ref(&one), 10).await;
    let proposed = store.lookalikes(10).await.unwrap();
    assert_eq!(of_one.unwrap(), proposed);
    let of_other = store.lookalikes_of(&[conversation("3")], 10).await;
    assert_eq!(of_other.unwrap(), []);
    assert_eq!(proposed.len(), 1, "{proposed:?}");
    assert_eq!((&proposed[0].one, &proposed[0].other), (&one, &two));
    assert_eq!(proposed[0].evidence, "phone");
    merged(&store, &one, &two).await;
    assert_eq!(store.lookalikes(10).await.unwrap(), []);
}

async fn who_is_blocked_hears_from_the_staff_only(ground: Ground) {
    let store = ground.open().await;
    let her = conversation("1");
    let change = |cause: &str, to| OwnershipChange {
        cause: cause.to_owned(),
        at: at(1),
        to,
    };
    let block = change(
        "a",
        NewOwner::Blocked {
            who: "Мария".into(),
        },
    );
    for _ in 0..2 {
        let owner = store.change_ownership(&her, &block).await.unwrap();
        assert!(owner.blocked && owner.epoch == 1, "{owner:?}");
    }
    assert_eq!(
        store.blocked(&her).await.unwrap(),
        Some((at(1), "Мария".into()))
    );
    let claim = async |request| store.claim(&[request], at(2)).await.unwrap().remove(0);
    let answer = || reply("1", 1, Uuid::new_v4(), &[]);
    assert_eq!(claim(answer()).await, Claimed::Fenced);
    assert_eq!(
        claim(message("1", Fence::Notice { epoch: 1 })).await,
        Claimed::Fenced
    );
    assert_eq!(claim(message("1", Fence::Staff)).await, Claimed::Go);

    // Whoever takes the chat and gives it back does not let her in.
    let until = at(60);
    let taken = NewOwner::Staff {
        who: "Анна".into(),
        until,
    };
    store
        .change_ownership(&her, &change("b", taken))
        .await
        .unwrap();
    let back = store
        .change_ownership(&her, &change("c", NewOwner::Bot))
        .await
        .unwrap();
    assert!(back.blocked, "{back:?}");
    let free = store
        .change_ownership(&her, &change("d", NewOwner::Unblocked))
        .await
        .unwrap();
    assert!(!free.blocked, "{free:?}");
    assert_eq!(store.blocked(&her).await.unwrap(), None);
    let answer = reply("1", free.epoch, Uuid::new_v4(), &[]);
    assert_eq!(claim(answer).await, Claimed::Go);
}

async fn who_is_erased_is_a_stranger_and_her_neighbour_is_not(ground: Ground) {
    let store = ground.open().await;
    let [her, neighbour] = ["1", "2"].map(conversation);
    seen(&store, &her, "Кенар", Some("+79210000001")).await;
    seen(&store, &neighbour, "Сосед", None).await;
    store.put_consent(&her, "1", at(1)).await.unwrap();
    let person = store.person_of(&her).await.unwrap().unwrap();
    let told = store.export_person(&person).await.unwrap().to_string();
    assert!(
        told.contains("Пишет Кенар") && !told.contains("Сосед"),
        "{told}"
    );

    assert!(matches!(
        store.begin_erasure(&person, "Мария", false, at(5)).await,
        Ok(Begun::Begun(_))
    ));
    let open = store.open_erasures().await.unwrap().remove(0);
    store.scrub(open.id, &person, 1).await.unwrap();
    store.end_erasure(open.id, at(6)).await.unwrap();

    assert_eq!(store.person_of(&her).await.unwrap(), None);
    assert_eq!(store.events_of(&her, 10).await.unwrap(), []);
    let events = store.events_after(0, 10).await.unwrap();
    assert_eq!(events.len(), 2);
    let left = format!("{:?}", serde_json::to_string(&events).unwrap());
    assert!(
        !left.contains("Кенар") && left.contains("Пишет Сосед"),
        "{left}"
    );
    assert!(!left.contains(her.as_str()), "{left}");
    let receipt = store.receipts().await.unwrap().remove(0);
    let hash = store.person_hash("+79210000001").await.unwrap();
    assert!(receipt.hashes.contains(&hash), "{receipt:?}");
    assert_eq!(receipt.deleted["people"], 1);
    assert_eq!(receipt.kept["events"], 1);
    assert_eq!((receipt.sessions, receipt.ended_at), (1, Some(at(6))));
    assert_eq!(store.erased_at(&her).await.unwrap(), Some(at(5)));
    assert_eq!(store.erased_at(&neighbour).await.unwrap(), None);
    store.compact().await.unwrap();
    assert_eq!(store.events_of(&neighbour, 10).await.unwrap().len(), 1);

    // What a turn that was under way writes now is of before, and its neighbour's is not.
    seen(&store, &her, "Кенар", Some("+79210000001")).await;
    seen(&store, &neighbour, "Сосед", None).await;
    assert_eq!(store.person_of(&her).await.unwrap(), None);
    assert_eq!(store.events_of(&her, 10).await.unwrap(), []);
    assert_eq!(store.events_of(&neighbour, 10).await.unwrap().len(), 2);
    let events = store.events_after(0, 10).await.unwrap();
    let left = serde_json::to_string(&events).unwrap();
    assert_eq!(events.len(), 4);
    assert!(!left.contains("Кенар"), "{left}");
}

async fn an_erasure_is_finished_by_whoever_comes_next(ground: Ground) {
    let store = ground.open().await;
    let her = conversation("1");
    seen(&store, &her, "Кенар", None).await;
    let person = store.person_of(&her).await.unwrap().unwrap();
    store
        .begin_erasure(&person, "Мария", false, at(5))
        .await
        .unwrap();
    store.close().await;

    let store = ground.open().await;
    let open = store.open_erasures().await.unwrap().remove(0);
    assert_eq!(open.person.as_ref(), Some(&person));
    // What is not scrubbed cannot be called finished.
    store.end_erasure(open.id, at(6)).await.unwrap();
    assert_eq!(store.open_erasures().await.unwrap().len(), 1);
    for _ in 0..2 {
        store.scrub(open.id, &person, 1).await.unwrap();
    }
    let half = store.open_erasures().await.unwrap().remove(0);
    assert_eq!(half.person, None);
    store.end_erasure(open.id, at(7)).await.unwrap();
    assert_eq!(store.open_erasures().await.unwrap(), []);
    let receipt = store.receipts().await.unwrap().remove(0);
    assert_eq!((receipt.kept["events"], receipt.sessions), (1, 1));
}

/// A visit as a row of the book, at such a minute.
fn visit(ground: &Ground, id: Uuid, whose: Option<&ConversationId>, minute: i64) {
    let (starts, ends) = (at(minute), at(minute + 30));
    let booking = serde_json::json!({
        "id": id, "version": 1, "status": "booked", "conversation": whose, "name": "Соседка",
        "phone": "+79210000001", "source": "phone", "for_whom": null, "notes": null, "created_at": at(0),
        "visit": { "location": "main", "items": [] },
    });
    let whose = whose.map_or("NULL".to_owned(), |one| format!("'{}'", one.as_str()));
    ground.sql(&format!(
        "INSERT INTO bookings (id, version, active, conversation, phone, starts_at, ends_at, booking) \
         VALUES ('{id}', 1, 1, {whose}, '+79210000001', {}, {}, '{booking}')",
        starts.timestamp_millis(),
        ends.timestamp_millis(),
    ));
}

async fn what_only_looks_like_hers_stays(ground: Ground) {
    let store = ground.open().await;
    let [her, neighbour] = ["1234567", "12345678"].map(conversation);
    let sms: ConversationId = "sms:main:79210000001".parse().unwrap();
    seen(&store, &her, "Кенар", Some("+79210000001")).await;
    seen(&store, &neighbour, "Соседка", None).await;
    let mut sent = Event::new(Uuid::new_v4(), Kind::Outbound, at(2)).about(&sms);
    sent.customer_text = Some("Кенар, ждём вас".to_owned());
    store.journal(&[sent], &[]).await.unwrap();
    let letter = |n, about: &ConversationId| DeadLetter {
        id: Uuid::from_u128(n),
        topic: "outbound.telegram".into(),
        key: String::new(),
        message_id: format!("m{n}"),
        reason: "gave up".into(),
        body: format!("{{\"about\":\"{}\"}}", about.as_str()).into(),
        at: at(2),
    };
    let letters = [letter(1, &her), letter(2, &neighbour)];
    store.bury(&letters).await.unwrap();
    // The neighbour typed her phone.
    let [hers, others, late] = [1, 2, 3].map(Uuid::from_u128);
    visit(&ground, others, Some(&neighbour), 60);

    let person = store.person_with("+79210000001").await.unwrap().unwrap();
    assert_eq!(person.conversations, [sms.clone(), her.clone()]);
    visit(&ground, hers, None, 120);
    let ahead = store.visits_ahead(&person, at(5)).await.unwrap();
    let ahead: Vec<Uuid> = ahead.iter().map(|one| one.id).collect();
    assert_eq!(ahead, [hers]);
    let told = store.export_person(&person).await.unwrap().to_string();
    assert!(
        told.contains("ждём вас") && !told.contains(&others.to_string()),
        "{told}"
    );
    let begun = store.begin_erasure(&person, "Мария", true, at(5)).await;
    assert!(matches!(begun, Ok(Begun::Begun(_))));
    visit(&ground, late, Some(&her), 180);
    let open = store.open_erasures().await.unwrap().remove(0);
    for _ in 0..2 {
        let cancelled = store.scrub(open.id, &person, 0).await.unwrap();
        assert_eq!(cancelled, [hers, late]);
    }

    assert!(store.erased_at(&sms).await.unwrap().is_some());
    assert_eq!(store.events_of(&sms, 10).await.unwrap(), []);
    let dead = store.dead(10).await.unwrap();
    let dead: Vec<Uuid> = dead.iter().map(|one| one.id).collect();
    assert_eq!(dead, [Uuid::from_u128(2)]);
    let left: Booking = store.booking(others).await.unwrap().unwrap();
    assert_eq!((left.name.as_str(), left.phone), ("Соседка", None));
    assert_eq!(left.conversation, Some(neighbour));
    let gone = store.booking(late).await.unwrap().unwrap();
    assert_eq!((gone.name.as_str(), gone.conversation), ("", None));
    assert_eq!(store.person_with("+79210000001").await.unwrap(), None);
}
