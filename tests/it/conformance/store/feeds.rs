//! Addresses of calendars: told once, good until they are taken back.

use sha2::{Digest, Sha256};
use uuid::Uuid;
use zapis_core::store::{Feed, FeedOf};

use crate::conformance::store_ground::{Ground, at, on_both};

on_both!(
    a_token_opens_its_feed_until_it_is_taken_back,
    what_the_store_keeps_of_a_token_opens_nothing,
);

async fn a_token_opens_its_feed_until_it_is_taken_back(ground: Ground) {
    let store = ground.open().await;
    let anna = FeedOf::Person("anna".into());
    let (first, token) = store
        .add_feed(anna.clone(), Some("Марина"), at(0))
        .await
        .unwrap();
    let (second, other) = store.add_feed(anna.clone(), None, at(1)).await.unwrap();
    let here = FeedOf::Location("here".into());
    let (third, _) = store.add_feed(here, None, at(2)).await.unwrap();
    assert_eq!(
        (&first.of, first.created_at, first.created_by.as_deref()),
        (&anna, at(0), Some("Марина"))
    );
    assert_ne!(token, other);

    let opened = store.open_feed(token.expose()).await.unwrap();
    assert_eq!(opened.as_ref(), Some(&first));
    assert!(store.revoke_feed(first.id, at(5)).await.unwrap());
    assert_eq!(store.open_feed(token.expose()).await.unwrap(), None);
    let opened = store.open_feed(other.expose()).await.unwrap();
    assert_eq!(opened.as_ref(), Some(&second), "the other one stays good");

    assert!(store.revoke_feed(first.id, at(9)).await.unwrap());
    assert!(!store.revoke_feed(Uuid::nil(), at(9)).await.unwrap());
    let revoked = Feed {
        revoked_at: Some(at(5)),
        ..first
    };
    assert_eq!(store.feeds().await.unwrap(), [revoked, second, third]);
}

async fn what_the_store_keeps_of_a_token_opens_nothing(ground: Ground) {
    let store = ground.open().await;
    let anna = FeedOf::Person("anna".into());
    let (feed, token) = store.add_feed(anna, None, at(0)).await.unwrap();
    let kept = hex::encode(Sha256::digest(token.expose()));

    for guess in [kept.as_str(), &feed.id.to_string(), ""] {
        assert_eq!(store.open_feed(guess).await.unwrap(), None);
    }
    assert!(store.open_feed(token.expose()).await.unwrap().is_some());
}
