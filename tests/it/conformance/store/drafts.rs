//! Replies that wait for approval, and lessons.

use chrono::TimeDelta;
use futures::future::join_all;
use uuid::Uuid;
use zapis_core::message::{DraftCard, LessonCard, Verdict};
use zapis_core::store::{Draft, DraftFate, Store};

use crate::conformance::store_ground::{Ground, at, conversation, on_both};

on_both!(
    drafts_are_kept_once,
    the_first_decision_on_a_draft_holds_and_its_repeat_is_the_same,
    of_many_who_decide_at_once_one_does,
    a_draft_is_due_until_somebody_decides_or_what_follows_is_on_its_way,
    a_person_who_speaks_takes_the_place_of_what_waits,
    a_message_of_the_staff_chat_leads_to_its_draft,
    a_lesson_is_decided_once,
);

async fn drafts_are_kept_once(ground: Ground) {
    let store = ground.open().await;
    let draft = |seconds| Draft {
        id: Uuid::new_v4(),
        conversation: conversation("1"),
        text: "Добрый день".into(),
        reason: "a person took over".into(),
        at: at(seconds),
    };
    let (first, second) = (draft(1), draft(2));

    for draft in [&second, &first, &second] {
        store.put_draft(draft).await.unwrap();
    }

    assert_eq!(
        store.drafts(&conversation("1")).await.unwrap(),
        [first, second]
    );
}

fn card(n: u128) -> DraftCard {
    DraftCard {
        id: Uuid::from_u128(n),
        about: conversation("1"),
        name: "Анна".into(),
        question: "сколько стоит стрижка?".into(),
        text: "2 400 ₽".into(),
        buttons: Vec::new(),
        language: "ru".into(),
        intent: Some("price".into()),
        confidence: Some(0.9),
        sources: vec!["business.toml:40".into()],
        minutes: 15,
    }
}

async fn proposed(store: &Store, n: u128) -> Uuid {
    let card = card(n);
    for _ in 0..2 {
        store.propose(&card, at(0), at(900)).await.unwrap();
    }
    card.id
}

async fn the_first_decision_on_a_draft_holds_and_its_repeat_is_the_same(ground: Ground) {
    let store = ground.open().await;
    let id = proposed(&store, 1).await;
    let edit = || store.decide_draft(id, Verdict::Edited, Some("Мария"), Some("Две тысячи"), "m1");

    let first = edit().await.unwrap();
    let other = store
        .decide_draft(id, Verdict::Sent, Some("Олег"), None, "c2")
        .await
        .unwrap();
    let repeat = edit().await.unwrap();

    let DraftFate::Decided(decided) = &first else {
        panic!("{first:?}")
    };
    assert_eq!(decided.card.text, "Две тысячи");
    assert_eq!(decided.who.as_deref(), Some("Мария"));
    assert_eq!(first, repeat);
    assert!(
        matches!(&other, DraftFate::Other(there) if there.state == "edited"),
        "{other:?}"
    );
    let nobody = store
        .decide_draft(Uuid::from_u128(9), Verdict::Sent, None, None, "c")
        .await;
    assert_eq!(nobody.unwrap(), DraftFate::Unknown);
}

async fn of_many_who_decide_at_once_one_does(ground: Ground) {
    let store = ground.open().await;
    let id = proposed(&store, 1).await;

    let decide = |n: usize| {
        let (store, cause) = (store.clone(), format!("c{n}"));
        async move {
            store
                .decide_draft(id, Verdict::Sent, Some("x"), None, &cause)
                .await
                .unwrap()
        }
    };
    let fates = join_all((0..20).map(decide)).await;

    let decided = fates
        .iter()
        .filter(|fate| matches!(fate, DraftFate::Decided(_)));
    assert_eq!(decided.count(), 1);
}

async fn a_draft_is_due_until_somebody_decides_or_what_follows_is_on_its_way(ground: Ground) {
    let store = ground.open().await;
    let (taken, left) = (proposed(&store, 1).await, proposed(&store, 2).await);
    let due = async |seconds| {
        let due = store.due_drafts(at(seconds), 10).await.unwrap();
        due.into_iter().map(|one| one.card.id).collect::<Vec<_>>()
    };
    assert!(due(899).await.is_empty());

    store
        .decide_draft(taken, Verdict::Sent, Some("Мария"), None, "c1")
        .await
        .unwrap();
    store
        .decide_draft(left, Verdict::Expired, None, None, "time")
        .await
        .unwrap();
    assert_eq!(
        due(900).await,
        [left],
        "a crash here must not lose what follows"
    );

    store.settle_draft(left).await.unwrap();
    assert!(due(10_000).await.is_empty());
}

async fn a_person_who_speaks_takes_the_place_of_what_waits(ground: Ground) {
    let store = ground.open().await;
    let (sent, open) = (proposed(&store, 1).await, proposed(&store, 2).await);
    store
        .decide_draft(sent, Verdict::Sent, Some("Мария"), None, "c1")
        .await
        .unwrap();

    for _ in 0..2 {
        let gone = store
            .supersede_drafts(&conversation("1"), "m5")
            .await
            .unwrap();
        let ids: Vec<Uuid> = gone.iter().map(|one| one.card.id).collect();
        assert_eq!(ids, [open], "a repeat tells the same");
    }
    assert_eq!(
        store
            .supersede_drafts(&conversation("1"), "m6")
            .await
            .unwrap(),
        []
    );
    assert_eq!(
        store
            .due_drafts(at(0) + TimeDelta::days(1), 10)
            .await
            .unwrap(),
        []
    );
}

async fn a_message_of_the_staff_chat_leads_to_its_draft(ground: Ground) {
    let store = ground.open().await;
    let (desk, about) = (conversation("-100"), conversation("1"));
    let id = proposed(&store, 1).await;
    for message in [7, 5] {
        store
            .put_draft_message(&desk, message, &about, id)
            .await
            .unwrap();
    }
    store.put_staff_message(&desk, 8, &about).await.unwrap();

    assert_eq!(store.draft_of_message(&desk, 7).await.unwrap(), Some(id));
    assert_eq!(store.draft_of_message(&desk, 8).await.unwrap(), None);
    assert_eq!(store.message_of_draft(&desk, id).await.unwrap(), Some(5));
    let whose = store.conversation_of_staff_message(&desk, 7).await.unwrap();
    assert_eq!(whose, Some(about));
}

async fn a_lesson_is_decided_once(ground: Ground) {
    let store = ground.open().await;
    let lesson = LessonCard {
        id: Uuid::from_u128(1),
        about: conversation("1"),
        name: String::new(),
        question: "можно с собакой?".into(),
        answer: "Да, с небольшой можно".into(),
        who: "Мария".into(),
    };
    store.put_lesson(&lesson, at(0)).await.unwrap();

    let accepted = async |accepted, cause| {
        store
            .decide_lesson(lesson.id, accepted, cause)
            .await
            .unwrap()
    };

    assert_eq!(accepted(true, "c1").await, Some(conversation("1")));
    assert_eq!(accepted(false, "c2").await, None);
    assert_eq!(
        accepted(true, "c1").await,
        Some(conversation("1")),
        "a repeat"
    );
    assert_eq!(store.lesson(lesson.id).await.unwrap(), Some(lesson));
}
