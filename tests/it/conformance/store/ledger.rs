//! The send ledger.

use uuid::Uuid;
use zapis_core::event::{Event, Kind};
use zapis_core::message::{DeliveryReport, DeliveryStatus, Fence, ProviderError};
use zapis_core::store::{Claimed, LedgerEntry, NewOwner, SendOutcome};

use crate::conformance::store_ground::{
    Ground, at, change, conversation, message, on_both, reply, report, sent,
};

on_both!(
    a_message_that_was_sent_is_not_claimed_again,
    the_end_of_a_call_has_its_line_in_the_journal_once,
    a_claim_nobody_settled_is_in_doubt_and_says_since_when,
    a_doubt_from_before_the_clock_was_put_back_ends_in_time,
    what_was_not_sent_is_given_back_and_does_not_count,
    what_failed_for_good_is_done,
    what_is_in_doubt_is_claimed_again_on_purpose_only,
    what_is_in_doubt_is_not_sent_against_its_fence,
    an_inbound_is_answered_by_one_turn_only,
    replies_of_one_turn_do_not_block_each_other,
    a_status_never_goes_back,
    a_status_names_the_message_by_our_id_before_the_provider_told_its_own,
    a_status_that_overtakes_the_answer_to_our_call_is_not_lost,
    each_part_of_a_split_message_is_found,
    a_status_of_an_unknown_message_harms_nobody,
    the_same_provider_id_on_another_account_is_another_message,
    the_ledger_of_a_conversation_is_in_order_and_survives_a_new_start,
    a_thousand_claims_in_one_call_are_answered_in_order,
    the_outcome_of_what_was_never_claimed_changes_nothing,
);

fn failure() -> ProviderError {
    ProviderError {
        code: "131026".into(),
        text: "undeliverable".into(),
    }
}

/// The messages that reports are of.
fn ids(known: &[Option<LedgerEntry>]) -> Vec<Option<Uuid>> {
    let id = |entry: &Option<LedgerEntry>| entry.as_ref().map(|entry| entry.id);
    known.iter().map(id).collect()
}

async fn the_end_of_a_call_has_its_line_in_the_journal_once(ground: Ground) {
    let store = ground.open().await;
    let request = message("1", Fence::Staff);
    store
        .claim(std::slice::from_ref(&request), at(0))
        .await
        .unwrap();
    let line = Event::new(request.id, Kind::Outbound, at(1)).about(&request.conversation);

    for _ in 0..2 {
        store
            .record(
                &[(request.id, sent("wamid.1"))],
                std::slice::from_ref(&line),
                at(1),
            )
            .await
            .unwrap();
    }

    let entry = store.ledger(request.id).await.unwrap().unwrap();
    assert_eq!(entry.state, "sent");
    let journal = store.events_of(&request.conversation, 10).await.unwrap();
    assert_eq!(journal, [line]);
}

async fn a_message_that_was_sent_is_not_claimed_again(ground: Ground) {
    let store = ground.open().await;
    let request = message("1", Fence::Staff);

    assert_eq!(
        store
            .claim(std::slice::from_ref(&request), at(0))
            .await
            .unwrap(),
        [Claimed::Go]
    );
    store
        .record(&[(request.id, sent("wamid.1"))], &[], at(1))
        .await
        .unwrap();
    // Late news of the same call change nothing.
    store
        .record(&[(request.id, SendOutcome::InDoubt)], &[], at(2))
        .await
        .unwrap();
    store
        .record(&[(request.id, SendOutcome::NotSent)], &[], at(2))
        .await
        .unwrap();

    assert_eq!(
        store
            .claim(std::slice::from_ref(&request), at(3))
            .await
            .unwrap(),
        [Claimed::Done]
    );
    let entry = store.ledger(request.id).await.unwrap().unwrap();
    assert_eq!((entry.state.as_str(), entry.attempts), ("sent", 1));
    assert_eq!(entry.provider_id.as_deref(), Some("wamid.1"));
}

async fn a_claim_nobody_settled_is_in_doubt_and_says_since_when(ground: Ground) {
    let request = message("1", Fence::Staff);
    let store = ground.open().await;
    store
        .claim(std::slice::from_ref(&request), at(5))
        .await
        .unwrap();
    store.close().await;

    let store = ground.open().await;
    let answers = store
        .claim(std::slice::from_ref(&request), at(60))
        .await
        .unwrap();

    let doubt = Claimed::InDoubt {
        since: at(5),
        attempts: 1,
    };
    assert_eq!(answers, [doubt]);
}

async fn a_doubt_from_before_the_clock_was_put_back_ends_in_time(ground: Ground) {
    let store = ground.open().await;
    let request = message("1", Fence::Staff);
    let ask = async |when| {
        let claimed = store.claim(std::slice::from_ref(&request), at(when)).await;
        claimed.unwrap().pop().unwrap()
    };
    assert_eq!(ask(3_600).await, Claimed::Go);

    let doubt = Claimed::InDoubt {
        since: at(10),
        attempts: 1,
    };
    assert_eq!(ask(10).await, doubt);
    assert_eq!(ask(20).await, doubt);
}

async fn what_was_not_sent_is_given_back_and_does_not_count(ground: Ground) {
    let store = ground.open().await;
    let request = message("1", Fence::Staff);

    for _ in 0..3 {
        assert_eq!(
            store
                .claim(std::slice::from_ref(&request), at(0))
                .await
                .unwrap(),
            [Claimed::Go]
        );
        store
            .record(&[(request.id, SendOutcome::NotSent)], &[], at(1))
            .await
            .unwrap();
    }

    assert_eq!(store.ledger(request.id).await.unwrap().unwrap().attempts, 0);
}

async fn what_failed_for_good_is_done(ground: Ground) {
    let store = ground.open().await;
    let request = message("1", Fence::Staff);
    store
        .claim(std::slice::from_ref(&request), at(0))
        .await
        .unwrap();

    store
        .record(&[(request.id, SendOutcome::Failed(failure()))], &[], at(1))
        .await
        .unwrap();

    assert_eq!(
        store
            .claim(std::slice::from_ref(&request), at(2))
            .await
            .unwrap(),
        [Claimed::Done]
    );
    assert_eq!(store.reclaim(&request, at(2)).await.unwrap(), Claimed::Done);
    let entry = store.ledger(request.id).await.unwrap().unwrap();
    assert_eq!(
        (entry.state.as_str(), entry.error),
        ("failed", Some(failure()))
    );
}

async fn what_is_in_doubt_is_claimed_again_on_purpose_only(ground: Ground) {
    let store = ground.open().await;
    let request = message("1", Fence::Staff);
    store
        .claim(std::slice::from_ref(&request), at(0))
        .await
        .unwrap();
    store
        .record(&[(request.id, SendOutcome::InDoubt)], &[], at(1))
        .await
        .unwrap();

    let plain = store
        .claim(std::slice::from_ref(&request), at(2))
        .await
        .unwrap();
    let on_purpose = store.reclaim(&request, at(3)).await.unwrap();
    store
        .record(&[(request.id, sent("wamid.1"))], &[], at(4))
        .await
        .unwrap();
    let late = store.reclaim(&request, at(5)).await.unwrap();

    assert!(matches!(plain[0], Claimed::InDoubt { attempts: 1, .. }));
    assert_eq!(on_purpose, Claimed::Go);
    assert_eq!(late, Claimed::Done);
    let entry = store.ledger(request.id).await.unwrap().unwrap();
    assert_eq!((entry.attempts, entry.claimed_at), (2, at(3)));
}

async fn what_is_in_doubt_is_not_sent_against_its_fence(ground: Ground) {
    let store = ground.open().await;
    let request = reply("1", 0, Uuid::new_v4(), &["in"]);
    store
        .claim(std::slice::from_ref(&request), at(0))
        .await
        .unwrap();
    store
        .record(&[(request.id, SendOutcome::InDoubt)], &[], at(1))
        .await
        .unwrap();
    store
        .change_ownership(&conversation("1"), &change("stop", NewOwner::Same))
        .await
        .unwrap();

    assert_eq!(
        store.reclaim(&request, at(2)).await.unwrap(),
        Claimed::Fenced
    );

    let entry = store.ledger(request.id).await.unwrap().unwrap();
    assert_eq!(entry.state, "doubt", "it may have been sent all the same");
}

async fn an_inbound_is_answered_by_one_turn_only(ground: Ground) {
    let store = ground.open().await;
    let (first, second) = (Uuid::new_v4(), Uuid::new_v4());
    let answer = reply("1", 0, first, &["in-1", "in-2"]);
    let other = reply("1", 0, second, &["in-2", "in-3"]);
    let elsewhere = reply("2", 0, second, &["in-2"]);
    store.claim(&[answer], at(0)).await.unwrap();

    let answers = store
        .claim(&[other.clone(), elsewhere], at(1))
        .await
        .unwrap();
    let repeat = store
        .claim(std::slice::from_ref(&other), at(2))
        .await
        .unwrap();
    // What was dropped has answered nothing.
    let third = store
        .claim(&[reply("1", 0, Uuid::new_v4(), &["in-3"])], at(3))
        .await
        .unwrap();

    assert_eq!(answers, [Claimed::Answered, Claimed::Go]);
    assert_eq!(repeat, [Claimed::Answered]);
    assert_eq!(third, [Claimed::Go]);
}

async fn replies_of_one_turn_do_not_block_each_other(ground: Ground) {
    let store = ground.open().await;
    let turn = Uuid::new_v4();
    let replies = [reply("1", 0, turn, &["in"]), reply("1", 0, turn, &["in"])];

    let together = store.claim(&replies, at(0)).await.unwrap();
    let later = store
        .claim(&[reply("1", 0, turn, &["in"])], at(1))
        .await
        .unwrap();

    assert_eq!(
        [together, later].concat(),
        [Claimed::Go, Claimed::Go, Claimed::Go]
    );
}

async fn a_status_never_goes_back(ground: Ground) {
    use DeliveryStatus::{Delivered, Failed, Read, Sent};
    let store = ground.open().await;
    let request = message("1", Fence::Staff);
    store
        .claim(std::slice::from_ref(&request), at(0))
        .await
        .unwrap();
    store
        .record(&[(request.id, sent("wamid.1"))], &[], at(1))
        .await
        .unwrap();

    let mut seen = Vec::new();
    for status in [Delivered, Sent, Read, Delivered, Failed, Read] {
        let known = store
            .delivered(&[report("wamid.1", None, status)])
            .await
            .unwrap();
        assert_eq!(ids(&known), [Some(request.id)]);
        let found = known[0].as_ref().unwrap();
        assert_eq!(found.conversation, conversation("1"));
        assert_eq!(found.trace.as_ref(), Some(&request.trace));
        seen.push(
            store
                .ledger(request.id)
                .await
                .unwrap()
                .unwrap()
                .delivery
                .unwrap(),
        );
    }

    assert_eq!(seen, [Delivered, Delivered, Read, Read, Failed, Failed]);
}

async fn a_status_names_the_message_by_our_id_before_the_provider_told_its_own(ground: Ground) {
    let store = ground.open().await;
    let request = message("1", Fence::Staff);
    store
        .claim(std::slice::from_ref(&request), at(0))
        .await
        .unwrap();
    store
        .record(&[(request.id, SendOutcome::InDoubt)], &[], at(1))
        .await
        .unwrap();

    let proof = report("wamid.1", Some(request.id), DeliveryStatus::Delivered);
    let known = store.delivered(&[proof]).await.unwrap();
    // The provider's next report may leave our id out.
    let read = store
        .delivered(&[report("wamid.1", None, DeliveryStatus::Read)])
        .await
        .unwrap();

    assert_eq!(ids(&known), [Some(request.id)]);
    assert_eq!(ids(&read), [Some(request.id)]);
    let entry = store.ledger(request.id).await.unwrap().unwrap();
    assert_eq!(entry.state, "sent");
    assert_eq!(entry.provider_id.as_deref(), Some("wamid.1"));
    assert_eq!(entry.delivery, Some(DeliveryStatus::Read));
    assert_eq!(
        store.reclaim(&request, at(30)).await.unwrap(),
        Claimed::Done
    );
}

async fn a_status_that_overtakes_the_answer_to_our_call_is_not_lost(ground: Ground) {
    let store = ground.open().await;
    let request = message("1", Fence::Staff);
    store
        .claim(std::slice::from_ref(&request), at(0))
        .await
        .unwrap();
    let failed = DeliveryReport {
        error: Some(failure()),
        ..report("wamid.1", None, DeliveryStatus::Failed)
    };
    let delivered = report("wamid.1", None, DeliveryStatus::Delivered);

    let known = store.delivered(&[failed, delivered]).await.unwrap();
    store
        .record(&[(request.id, sent("wamid.1"))], &[], at(1))
        .await
        .unwrap();

    assert_eq!(known, [None, None]);
    let entry = store.ledger(request.id).await.unwrap().unwrap();
    assert_eq!(
        (entry.delivery, entry.error),
        (Some(DeliveryStatus::Failed), Some(failure()))
    );
}

async fn each_part_of_a_split_message_is_found(ground: Ground) {
    let store = ground.open().await;
    let request = message("1", Fence::Staff);
    store
        .claim(std::slice::from_ref(&request), at(0))
        .await
        .unwrap();
    store
        .record(&[(request.id, sent("wamid.1,wamid.2"))], &[], at(1))
        .await
        .unwrap();

    let reports =
        ["wamid.1", "wamid.2", "wamid.3"].map(|id| report(id, None, DeliveryStatus::Read));
    let known = store.delivered(&reports).await.unwrap();

    let mine = Some(request.id);
    assert_eq!(ids(&known), [mine, mine, None]);
}

async fn a_status_of_an_unknown_message_harms_nobody(ground: Ground) {
    let store = ground.open().await;

    let stranger = report("wamid.1", Some(Uuid::new_v4()), DeliveryStatus::Read);

    assert_eq!(store.delivered(&[stranger]).await.unwrap(), [None]);
    assert_eq!(store.delivered(&[]).await.unwrap(), []);
    assert!(store.ledger_counts().await.unwrap().is_empty());
}

async fn the_same_provider_id_on_another_account_is_another_message(ground: Ground) {
    let store = ground.open().await;
    let request = message("1", Fence::Staff);
    store
        .claim(std::slice::from_ref(&request), at(0))
        .await
        .unwrap();
    store
        .record(&[(request.id, sent("7"))], &[], at(1))
        .await
        .unwrap();

    let other = DeliveryReport {
        account: "whatsapp:second".into(),
        ..report("7", None, DeliveryStatus::Read)
    };

    assert_eq!(store.delivered(&[other]).await.unwrap(), [None]);
}

async fn the_ledger_of_a_conversation_is_in_order_and_survives_a_new_start(ground: Ground) {
    let store = ground.open().await;
    let requests: Vec<_> = (0..5).map(|_| message("1", Fence::Staff)).collect();
    store.claim(&requests, at(0)).await.unwrap();
    store
        .claim(&[message("2", Fence::Staff)], at(0))
        .await
        .unwrap();
    store.close().await;

    let ledger = ground
        .open()
        .await
        .ledger_of(&conversation("1"))
        .await
        .unwrap();

    let ids: Vec<_> = ledger.iter().map(|entry| entry.id).collect();
    assert_eq!(
        ids,
        requests
            .iter()
            .map(|request| request.id)
            .collect::<Vec<_>>()
    );
}

async fn a_thousand_claims_in_one_call_are_answered_in_order(ground: Ground) {
    let store = ground.open().await;
    let requests: Vec<_> = (0..1_200)
        .map(|n| reply(&n.to_string(), n % 2, Uuid::new_v4(), &["a", "b"]))
        .collect();

    let answers = store.claim(&requests, at(0)).await.unwrap();
    let outcomes: Vec<_> = requests
        .iter()
        .map(|one| (one.id, sent(&one.id.to_string())))
        .collect();
    store.record(&outcomes, &[], at(1)).await.unwrap();

    assert_eq!(answers.len(), requests.len());
    for (n, answer) in answers.iter().enumerate() {
        assert_eq!(
            *answer,
            if n % 2 == 0 {
                Claimed::Go
            } else {
                Claimed::Fenced
            }
        );
    }
}

async fn the_outcome_of_what_was_never_claimed_changes_nothing(ground: Ground) {
    let store = ground.open().await;

    store
        .record(&[(Uuid::new_v4(), sent("wamid.1"))], &[], at(0))
        .await
        .unwrap();

    assert!(store.ledger_counts().await.unwrap().is_empty());
}
