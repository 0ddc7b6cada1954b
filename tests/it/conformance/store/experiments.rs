//! What was ended holds, with a line of the journal for each change; who is one person is known.

use zapis_core::event::Kind;
use zapis_core::store::{DialogueRow, Ended};

use crate::conformance::store_ground::{Ground, at, conversation, on_both};

on_both!(
    an_end_is_kept_once_and_noted,
    persons_and_their_trials_are_found
);

async fn an_end_is_kept_once_and_noted(ground: Ground) {
    let store = ground.open().await;
    let ended = |keeps: Option<&str>, minute| Ended {
        experiment: "greeting".into(),
        keeps: keeps.map(str::to_owned),
        who: "Ольга".into(),
        at: at(minute),
    };
    assert!(
        !store
            .resume_experiment("greeting", "Ольга", at(0))
            .await
            .unwrap()
    );
    assert!(store.end_experiment(&ended(None, 1)).await.unwrap());
    assert!(!store.end_experiment(&ended(None, 2)).await.unwrap());
    assert_eq!(store.ended_experiments().await.unwrap(), [ended(None, 1)]);
    assert!(store.end_experiment(&ended(Some("b"), 3)).await.unwrap());
    assert_eq!(
        store.ended_experiments().await.unwrap(),
        [ended(Some("b"), 3)]
    );
    assert!(
        store
            .resume_experiment("greeting", "Ирина", at(4))
            .await
            .unwrap()
    );
    assert_eq!(store.ended_experiments().await.unwrap(), []);

    let events = store.events_after(0, 100).await.unwrap();
    let told = events.iter().map(|(_, event)| {
        assert_eq!(event.kind, Kind::System);
        [&event.action, &event.reason, &event.staff_id].map(|text| text.clone().unwrap())
    });
    let told: Vec<[String; 3]> = told.collect();
    assert_eq!(
        told,
        [
            ["experiment_ended", "greeting", "Ольга"],
            ["experiment_ended", "greeting: b for all", "Ольга"],
            ["experiment_resumed", "greeting", "Ирина"],
        ]
    );
}

async fn persons_and_their_trials_are_found(ground: Ground) {
    let store = ground.open().await;
    let row = |id: &str, facts: &str| DialogueRow {
        id: id.into(),
        conversation: conversation(id),
        started_at: at(1),
        facts: facts.into(),
    };
    let rows = [
        row("1", r#"{"variants":{"greeting:b":"2026-11-02T07:00:00Z"}}"#),
        row(
            "2",
            r#"{"variants":{"greeting_too:b":"2026-11-02T07:00:00Z"}}"#,
        ),
        row("3", "{}"),
    ];
    assert!(store.keep_kpi(0..1, &rows, &[]).await.unwrap());
    let tried = store.dialogues_tried("greeting:").await.unwrap();
    assert_eq!(tried, rows[..1]);

    assert!(store.persons().await.unwrap().is_empty());
    let [one, two, three] = ["1", "2", "3"].map(conversation);
    for (kept, joined) in [(&three, &two), (&one, &three)] {
        let merged = store.merge_customers(kept, joined, "", "Ольга", at(2));
        merged.await.unwrap();
    }
    let persons = store.persons().await.unwrap();
    let first = persons.values().next().unwrap();
    assert_eq!(persons.len(), 2, "the first of them is told of the others");
    assert!(persons.values().all(|of| of == first), "{persons:?}");
}
