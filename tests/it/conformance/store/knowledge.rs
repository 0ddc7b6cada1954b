//! Knowledge that was brought in: nothing is changed in place, and there is one order of changes.

use zapis_core::store::{Shelf, Store, VersionChange};

use crate::conformance::store_ground::{Ground, at, on_both};

on_both!(
    each_change_makes_a_version_and_older_ones_stay_as_they_were,
    a_change_that_was_thought_out_on_an_older_version_is_not_made,
    of_many_who_change_at_once_each_gets_a_version_of_its_own,
);

fn change(what: &str, sources: &[(&str, Option<&str>)]) -> VersionChange {
    let owned = sources
        .iter()
        .map(|(source, entries)| ((*source).to_owned(), entries.map(str::to_owned)));
    VersionChange {
        who: "Марина".into(),
        what: what.into(),
        sources: owned.collect(),
    }
}

/// What holds at a version: source, the version that brought it, entries.
async fn held(store: &Store, version: i64) -> Vec<(String, i64, String)> {
    let sources = store
        .texts_at(Shelf::Knowledge, version)
        .await
        .unwrap()
        .into_iter();
    sources
        .map(|one| (one.source, one.version, one.text))
        .collect()
}

fn source(name: &str, version: i64, entries: &str) -> (String, i64, String) {
    (name.to_owned(), version, entries.to_owned())
}

async fn each_change_makes_a_version_and_older_ones_stay_as_they_were(ground: Ground) {
    let store = ground.open().await;
    assert_eq!(store.newest_version(Shelf::Knowledge).await.unwrap(), 0);
    assert_eq!(held(&store, 0).await, []);

    let first = change("import", &[("a.md", Some("[1]")), ("b.csv", Some("[2]"))]);
    let made = store
        .make_version(Shelf::Knowledge, 0, &first, at(1))
        .await
        .unwrap();
    assert_eq!(made, Some(1));
    let second = change("import", &[("a.md", Some("[3]"))]);
    store
        .make_version(Shelf::Knowledge, 1, &second, at(2))
        .await
        .unwrap();
    let third = change("remove", &[("b.csv", None), ("nobody.md", None)]);
    store
        .make_version(Shelf::Knowledge, 2, &third, at(3))
        .await
        .unwrap();

    let store = ground.open().await;
    assert_eq!(store.newest_version(Shelf::Knowledge).await.unwrap(), 3);
    let (a, b) = (source("a.md", 1, "[1]"), source("b.csv", 1, "[2]"));
    assert_eq!(held(&store, 1).await, [a, b.clone()]);
    let a = source("a.md", 2, "[3]");
    assert_eq!(held(&store, 2).await, [a.clone(), b]);
    assert_eq!(held(&store, 3).await, std::slice::from_ref(&a));
    assert_eq!(held(&store, i64::MAX).await, [a]);
    let versions = store.versions(Shelf::Knowledge, 2).await.unwrap();
    let told: Vec<_> = versions
        .iter()
        .map(|one| (one.version, one.at, one.who.as_str(), one.what.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (3, at(3), "Марина", "remove"),
            (2, at(2), "Марина", "import")
        ]
    );
}

async fn a_change_that_was_thought_out_on_an_older_version_is_not_made(ground: Ground) {
    let store = ground.open().await;
    let first = change("import", &[("a.md", Some("[1]"))]);
    store
        .make_version(Shelf::Knowledge, 0, &first, at(1))
        .await
        .unwrap();

    let late = change("import", &[("a.md", Some("[2]"))]);
    for after in [0, 2, -1] {
        let made = store
            .make_version(Shelf::Knowledge, after, &late, at(2))
            .await
            .unwrap();
        assert_eq!(made, None, "after {after}");
    }

    assert_eq!(store.newest_version(Shelf::Knowledge).await.unwrap(), 1);
    assert_eq!(held(&store, 9).await, [source("a.md", 1, "[1]")]);
}

async fn of_many_who_change_at_once_each_gets_a_version_of_its_own(ground: Ground) {
    const WRITERS: i64 = 8;
    let store = ground.open().await;
    let other = ground.open().await;
    let writers = (0..WRITERS).map(|n| {
        let store = if n % 2 == 0 {
            store.clone()
        } else {
            other.clone()
        };
        tokio::spawn(async move {
            let entries = format!("[{n}]");
            let change = change("import", &[("a.md", Some(&entries))]);
            loop {
                let after = store.newest_version(Shelf::Knowledge).await.unwrap();
                let made = store
                    .make_version(Shelf::Knowledge, after, &change, at(n))
                    .await
                    .unwrap();
                if let Some(version) = made {
                    return (version, entries);
                }
            }
        })
    });
    let mut made = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        made.push(writer.await.unwrap());
    }

    made.sort();
    let versions: Vec<i64> = made.iter().map(|(version, _)| *version).collect();
    assert_eq!(versions, (1..=WRITERS).collect::<Vec<_>>());
    for (version, entries) in made {
        let expected = source("a.md", version, &entries);
        assert_eq!(held(&store, version).await, [expected]);
    }
}
