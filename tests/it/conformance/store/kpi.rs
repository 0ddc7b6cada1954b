//! What the journal comes to: kept once, and of nobody who was erased.

use zapis_core::store::{Begun, DialogueRow, VisitRow};

use crate::conformance::store_ground::{Ground, at, conversation, on_both};

on_both!(
    positions_are_taken_once_and_rows_grow,
    who_was_erased_meanwhile_is_a_pseudonym,
);

fn dialogue(id: &str, who: &str, minute: i64) -> DialogueRow {
    DialogueRow {
        id: id.to_owned(),
        conversation: conversation(who),
        started_at: at(minute),
        facts: "{}".to_owned(),
    }
}

async fn positions_are_taken_once_and_rows_grow(ground: Ground) {
    let store = ground.open().await;
    assert_eq!(store.kpi_position().await.unwrap(), 0);
    let first = [
        dialogue("a", "1", 1),
        dialogue("b", "1", 5),
        dialogue("c", "1", 9),
    ];
    let visit = VisitRow {
        booking: "v".into(),
        made_at: at(3),
        facts: "{}".into(),
    };
    assert!(
        store
            .keep_kpi(0..10, &first, std::slice::from_ref(&visit))
            .await
            .unwrap()
    );
    assert!(
        !store
            .keep_kpi(0..10, &[dialogue("d", "2", 2)], &[])
            .await
            .unwrap()
    );
    let grown = DialogueRow {
        facts: "{\"messages\":2}".into(),
        ..dialogue("c", "1", 8)
    };
    assert!(
        store
            .keep_kpi(10..11, std::slice::from_ref(&grown), &[])
            .await
            .unwrap()
    );

    assert_eq!(store.kpi_position().await.unwrap(), 11);
    let her = conversation("1");
    let last = store
        .last_dialogues(&[&her, &conversation("2")])
        .await
        .unwrap();
    assert_eq!(last, [first[0].clone(), first[1].clone(), grown.clone()]);
    let between = store.dialogues_between(&(at(5)..at(8))).await.unwrap();
    assert_eq!(between, [first[1].clone()]);
    let visits = store.kpi_visits(&["v", "w"]).await.unwrap();
    assert_eq!(visits, std::slice::from_ref(&visit));
    assert_eq!(
        store.kpi_visits_between(&(at(3)..at(4))).await.unwrap(),
        [visit]
    );
    store.forget_kpi().await.unwrap();
    assert_eq!(store.kpi_position().await.unwrap(), 0);
    assert_eq!(store.dialogues_between(&(at(0)..at(99))).await.unwrap(), []);
}

async fn who_was_erased_meanwhile_is_a_pseudonym(ground: Ground) {
    let store = ground.open().await;
    store
        .put_consent(&conversation("1"), "1", at(1))
        .await
        .unwrap();
    let early = [dialogue("a", "1", 1)];
    assert!(store.keep_kpi(0..1, &early, &[]).await.unwrap());
    let person = store.person_of(&conversation("1")).await.unwrap().unwrap();
    let begun = store.begin_erasure(&person, "Мария", false, at(5)).await;
    assert!(matches!(begun, Ok(Begun::Begun(_))));
    let open = store.open_erasures().await.unwrap().remove(0);
    store.scrub(open.id, &person, 0).await.unwrap();

    // Whoever had read the journal before writes now.
    let late = [
        dialogue("b", "1", 2),
        dialogue("c", "2", 2),
        dialogue("d", "1", 6),
    ];
    assert!(store.keep_kpi(1..2, &late, &[]).await.unwrap());

    let left = store.dialogues_between(&(at(0)..at(99))).await.unwrap();
    let whose: Vec<_> = left.iter().map(|row| row.conversation.clone()).collect();
    assert!(whose[0].peer().starts_with("erased-"), "{whose:?}");
    assert_eq!(whose[0], whose[1]);
    assert_eq!(whose[2..], [conversation("2"), conversation("1")]);
}
