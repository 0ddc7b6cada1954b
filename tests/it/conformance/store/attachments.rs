//! Files that customers sent, by reference.

use zapis_core::files::SentFile;
use zapis_core::message::{Attachment, ConversationId};
use zapis_core::store::Begun;

use crate::conformance::store_ground::{Ground, at, conversation, on_both};

on_both!(
    a_file_is_kept_once_and_found_again,
    files_of_who_is_erased_are_told_and_gone,
);

fn file(peer: &str, inbound: &str, position: u32, id: &str) -> SentFile {
    SentFile {
        conversation: conversation(peer),
        inbound: inbound.to_owned(),
        position,
        file: Attachment {
            kind: "document".to_owned(),
            file_id: id.to_owned(),
            mime: Some("application/pdf".to_owned()),
            name: Some("Кенар \u{0}.pdf".to_owned()),
            size: Some(u64::MAX),
        },
        at: at(i64::from(position)),
    }
}

async fn a_file_is_kept_once_and_found_again(ground: Ground) {
    let store = ground.open().await;
    let files = [
        file("1", "m", 0, "a"),
        file("1", "m", 1, "b"),
        file("2", "m", 0, "c"),
    ];
    store.keep_files(&files).await.unwrap();
    // The same turn is told again after a crash; and nothing is nothing.
    store
        .keep_files(&[file("1", "m", 0, "other")])
        .await
        .unwrap();
    store.keep_files(&[]).await.unwrap();

    let [first, second, others] = files;
    let her = conversation("1");
    let newest = store.files_of(&her, 10).await.unwrap();
    assert_eq!(newest, [second.clone(), first.clone()]);
    assert_eq!(store.files_of(&her, 1).await.unwrap(), [second]);
    let found =
        async |who: &ConversationId, position| store.sent_file(who, "m", position).await.unwrap();
    assert_eq!(found(&her, 0).await, Some(first));
    assert_eq!(found(&her, 2).await, None);
    assert_eq!(found(&others.conversation, 0).await.as_ref(), Some(&others));
}

async fn files_of_who_is_erased_are_told_and_gone(ground: Ground) {
    let store = ground.open().await;
    let (hers, others) = (file("1", "m", 0, "hers"), file("2", "m", 0, "others"));
    store
        .keep_files(&[hers.clone(), others.clone()])
        .await
        .unwrap();
    store
        .put_consent(&hers.conversation, "1", at(0))
        .await
        .unwrap();
    let person = store.person_of(&hers.conversation).await.unwrap().unwrap();
    let told = store.export_person(&person).await.unwrap().to_string();
    assert!(
        told.contains("\"hers\"") && !told.contains("\"others\""),
        "{told}"
    );

    let begun = store.begin_erasure(&person, "Мария", false, at(5)).await;
    let Ok(Begun::Begun(id)) = begun else {
        panic!("not begun");
    };
    store.scrub(id, &person, 0).await.unwrap();

    assert_eq!(store.files_of(&hers.conversation, 10).await.unwrap(), []);
    assert_eq!(
        store.files_of(&others.conversation, 10).await.unwrap(),
        [others]
    );
}
