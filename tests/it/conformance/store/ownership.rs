//! Who may speak.

use uuid::Uuid;
use zapis_core::message::Fence;
use zapis_core::store::{Claimed, NewOwner, Ownership};

use crate::conformance::store_ground::{
    Ground, at, change, conversation, message, on_both, reply, staff,
};

on_both!(
    at_first_the_bot_speaks_in_epoch_zero,
    a_takeover_counts_once_however_often_it_comes,
    the_same_person_writing_again_only_stays_longer,
    another_person_takes_over_in_a_new_epoch,
    a_persons_time_runs_out_and_the_epoch_stays,
    a_person_who_comes_back_after_the_time_ran_out_takes_over_anew,
    the_bot_gets_it_back_once,
    an_opt_out_moves_the_epoch_and_leaves_the_owner,
    conversations_are_owned_each_for_itself,
    a_reply_of_an_older_epoch_is_fenced,
    a_reply_waits_for_no_person_whose_time_is_over,
    a_notice_passes_in_its_own_epoch_though_a_person_owns,
    what_a_person_wrote_is_never_fenced,
);

fn owned(staff: Option<&str>, until: Option<i64>, epoch: i64) -> Ownership {
    Ownership {
        staff: staff.map(str::to_owned),
        until: until.map(at),
        epoch,
        blocked: false,
    }
}

async fn at_first_the_bot_speaks_in_epoch_zero(ground: Ground) {
    let store = ground.open().await;

    let ownership = store.ownership(&conversation("1"), at(0)).await.unwrap();

    assert_eq!(ownership, owned(None, None, 0));
}

async fn a_takeover_counts_once_however_often_it_comes(ground: Ground) {
    let store = ground.open().await;
    let chat = conversation("1");
    let takeover = staff("m1", "Anna", 0, 60);

    let first = store.change_ownership(&chat, &takeover).await.unwrap();
    store
        .change_ownership(&chat, &change("m2", NewOwner::Bot))
        .await
        .unwrap();
    let repeat = store.change_ownership(&chat, &takeover).await.unwrap();

    assert_eq!(first, owned(Some("Anna"), Some(60), 1));
    assert_eq!(repeat, owned(None, None, 2));
    assert_eq!(store.ownership(&chat, at(1)).await.unwrap(), repeat);
}

async fn the_same_person_writing_again_only_stays_longer(ground: Ground) {
    let store = ground.open().await;
    let chat = conversation("1");

    store
        .change_ownership(&chat, &staff("m1", "Anna", 0, 60))
        .await
        .unwrap();
    let longer = store
        .change_ownership(&chat, &staff("m2", "Anna", 5, 90))
        .await
        .unwrap();
    let shorter = store
        .change_ownership(&chat, &staff("m3", "Anna", 6, 70))
        .await
        .unwrap();

    assert_eq!(longer, owned(Some("Anna"), Some(90), 1));
    assert_eq!(shorter, longer);
}

async fn another_person_takes_over_in_a_new_epoch(ground: Ground) {
    let store = ground.open().await;
    let chat = conversation("1");

    store
        .change_ownership(&chat, &staff("m1", "Anna", 0, 60))
        .await
        .unwrap();
    let other = store
        .change_ownership(&chat, &staff("m2", "Vera", 1, 30))
        .await
        .unwrap();

    assert_eq!(other, owned(Some("Vera"), Some(30), 2));
}

async fn a_persons_time_runs_out_and_the_epoch_stays(ground: Ground) {
    let store = ground.open().await;
    let chat = conversation("1");
    store
        .change_ownership(&chat, &staff("m1", "Anna", 0, 60))
        .await
        .unwrap();

    let before = store.ownership(&chat, at(59)).await.unwrap();
    let after = store.ownership(&chat, at(60)).await.unwrap();

    assert_eq!(before, owned(Some("Anna"), Some(60), 1));
    assert_eq!(after, owned(None, None, 1));
}

async fn a_person_who_comes_back_after_the_time_ran_out_takes_over_anew(ground: Ground) {
    let store = ground.open().await;
    let chat = conversation("1");
    store
        .change_ownership(&chat, &staff("m1", "Anna", 0, 60))
        .await
        .unwrap();

    let back = store
        .change_ownership(&chat, &staff("m2", "Anna", 100, 160))
        .await
        .unwrap();

    assert_eq!(back, owned(Some("Anna"), Some(160), 2));
}

async fn the_bot_gets_it_back_once(ground: Ground) {
    let store = ground.open().await;
    let chat = conversation("1");

    let idle = store
        .change_ownership(&chat, &change("m0", NewOwner::Bot))
        .await
        .unwrap();
    store
        .change_ownership(&chat, &staff("m1", "Anna", 0, 60))
        .await
        .unwrap();
    let back = store
        .change_ownership(&chat, &change("m2", NewOwner::Bot))
        .await
        .unwrap();
    let again = store
        .change_ownership(&chat, &change("m3", NewOwner::Bot))
        .await
        .unwrap();

    assert_eq!(idle, owned(None, None, 0));
    assert_eq!(back, owned(None, None, 2));
    assert_eq!(again, back);
}

async fn an_opt_out_moves_the_epoch_and_leaves_the_owner(ground: Ground) {
    let store = ground.open().await;
    let chat = conversation("1");

    let bot = store
        .change_ownership(&chat, &change("m0", NewOwner::Same))
        .await
        .unwrap();
    store
        .change_ownership(&chat, &staff("m1", "Anna", 0, 60))
        .await
        .unwrap();
    let person = store
        .change_ownership(&chat, &change("m2", NewOwner::Same))
        .await
        .unwrap();

    assert_eq!(bot, owned(None, None, 1));
    assert_eq!(person, owned(Some("Anna"), Some(60), 3));
}

async fn conversations_are_owned_each_for_itself(ground: Ground) {
    let store = ground.open().await;
    let takeover = staff("m1", "Anna", 0, 60);

    store
        .change_ownership(&conversation("1"), &takeover)
        .await
        .unwrap();
    let other = store
        .change_ownership(&conversation("2"), &takeover)
        .await
        .unwrap();

    assert_eq!(other.epoch, 1, "the same cause counts in each conversation");
    let third = store.ownership(&conversation("3"), at(0)).await.unwrap();
    assert_eq!(third.epoch, 0);
}

async fn a_reply_of_an_older_epoch_is_fenced(ground: Ground) {
    let store = ground.open().await;
    let chat = conversation("1");
    store
        .change_ownership(&chat, &change("stop", NewOwner::Same))
        .await
        .unwrap();
    let old = reply("1", 0, Uuid::new_v4(), &["in"]);
    let new = reply("1", 1, Uuid::new_v4(), &["in"]);

    let answers = store.claim(&[old.clone(), new], at(0)).await.unwrap();
    let repeat = store
        .claim(std::slice::from_ref(&old), at(1))
        .await
        .unwrap();

    // What was fenced has answered nothing.
    assert_eq!(answers, [Claimed::Fenced, Claimed::Go]);
    assert_eq!(repeat, [Claimed::Fenced]);
    assert_eq!(store.ledger(old.id).await.unwrap().unwrap().state, "fenced");
}

async fn a_reply_waits_for_no_person_whose_time_is_over(ground: Ground) {
    let store = ground.open().await;
    store
        .change_ownership(&conversation("1"), &staff("m1", "Anna", 0, 60))
        .await
        .unwrap();
    let (during, after) = (
        message("1", Fence::Reply { epoch: 1 }),
        message("1", Fence::Reply { epoch: 1 }),
    );

    assert_eq!(
        store.claim(&[during], at(59)).await.unwrap(),
        [Claimed::Fenced]
    );
    assert_eq!(store.claim(&[after], at(60)).await.unwrap(), [Claimed::Go]);
}

async fn a_notice_passes_in_its_own_epoch_though_a_person_owns(ground: Ground) {
    let store = ground.open().await;
    store
        .change_ownership(&conversation("1"), &staff("m1", "Anna", 0, 60))
        .await
        .unwrap();
    let notices = [1, 0, 2].map(|epoch| message("1", Fence::Notice { epoch }));

    let answers = store.claim(&notices, at(1)).await.unwrap();

    assert_eq!(answers, [Claimed::Go, Claimed::Fenced, Claimed::Fenced]);
}

async fn what_a_person_wrote_is_never_fenced(ground: Ground) {
    let store = ground.open().await;
    store
        .change_ownership(&conversation("1"), &staff("m1", "Anna", 0, 60))
        .await
        .unwrap();
    let wrote = message("1", Fence::Staff);

    assert_eq!(store.claim(&[wrote], at(1)).await.unwrap(), [Claimed::Go]);
}
