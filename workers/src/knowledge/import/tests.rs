use std::path::PathBuf;

use serde_json::{Value, json};
use zapis_core::store::{Shelf, Store};

use super::*;
use crate::knowledge::{Knowledge, Material};
use crate::testing::{business, config, moscow};

/// The shipped salon with a store that has nothing in it, and a folder for files.
struct Salon {
    store: Store,
    files: tempfile::TempDir,
}

impl Salon {
    async fn new() -> Self {
        Self {
            store: Store::open("sqlite::memory:").await.unwrap(),
            files: tempfile::tempdir().unwrap(),
        }
    }

    fn folder() -> PathBuf {
        config().join("knowledge")
    }

    async fn incoming(&self, name: &str, text: &str) -> Incoming {
        let path = self.files.path().join(name);
        std::fs::write(&path, text).unwrap();
        let signature = Signature {
            verified_by: Some("Марина".to_owned()),
            valid_until: None,
        };
        let given = path.display().to_string();
        Incoming::of(&given, &SiteRules::default(), &signature)
            .await
            .unwrap()
    }

    async fn import(&self, name: &str, text: &str) -> Written {
        let incoming = self.incoming(name, text).await;
        write(
            &self.store,
            &Self::folder(),
            &business(),
            &[incoming],
            &done(),
        )
        .await
        .unwrap()
    }

    async fn known(&self) -> Known {
        known(&self.store, &Self::folder(), &business())
            .await
            .unwrap()
    }

    /// What was imported, as the workers have it.
    async fn answers(&self) -> Vec<(String, String, i64)> {
        let known: Knowledge = self.known().await.knowledge();
        let entries = known.entries().iter();
        entries
            .filter_map(|entry| {
                let imported = entry.imported.as_ref()?;
                Some((entry.id.clone(), entry.answer.clone(), imported.version))
            })
            .collect()
    }
}

fn done() -> Done {
    Done {
        who: "Марина".to_owned(),
        at: moscow("2026-11-26 12:00"),
    }
}

/// What a plan tells of its first source: the kind of change and the entry.
fn told(plan: &Plan) -> Vec<(String, String)> {
    let changes = plan.reports[0].changes.iter();
    changes
        .map(|change| {
            let change = serde_json::to_value(change).unwrap();
            let text = |key: &str| change[key].as_str().unwrap().to_owned();
            (text("change"), text("id"))
        })
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = expected
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
    owned.collect()
}

fn said(expected: &[(&str, &str, i64)]) -> Vec<(String, String, i64)> {
    let owned = expected
        .iter()
        .map(|(id, answer, version)| ((*id).to_owned(), (*answer).to_owned(), *version));
    owned.collect()
}

const FIRST: &str = "## Есть чай? {#x-tea}\n\nДа.\n\n## Есть кофе? {#x-coffee}\n\nДа.\n";
const SECOND: &str = "## Есть чай? {#x-tea}\n\nНет.\n\n## Есть вода? {#x-water}\n\nДа.\n";

#[tokio::test]
async fn an_import_replaces_its_source_and_tells_what_changes() {
    let salon = Salon::new().await;
    let first = salon.import("bar.md", FIRST).await;
    assert_eq!(first.version, Some(1));
    assert_eq!(
        told(&first.plan),
        pairs(&[("new", "x-tea"), ("new", "x-coffee")])
    );

    let second = salon.import("bar.md", SECOND).await;

    assert_eq!(second.version, Some(2));
    assert_eq!(
        told(&second.plan),
        pairs(&[
            ("changed", "x-tea"),
            ("new", "x-water"),
            ("gone", "x-coffee")
        ])
    );
    let answers = salon.answers().await;
    assert_eq!(
        answers,
        said(&[("x-tea", "Нет.", 2), ("x-water", "Да.", 2)])
    );
    let known = salon.known().await;
    let entry = &known.imported["bar.md"][0];
    assert_eq!(entry.verified_by.as_deref(), Some("Марина"));
    assert_eq!(entry.source.to_string(), "bar.md:1");
}

#[tokio::test]
async fn what_says_nothing_new_makes_no_version() {
    let salon = Salon::new().await;
    salon.import("bar.md", FIRST).await;
    assert_eq!(salon.import("bar.md", FIRST).await.version, None);
    assert_eq!(
        salon.store.newest_version(Shelf::Knowledge).await.unwrap(),
        1
    );
}

#[tokio::test]
async fn the_way_back_is_a_version_of_its_own() {
    let salon = Salon::new().await;
    salon.import("bar.md", FIRST).await;
    salon.import("bar.md", SECOND).await;
    salon
        .import("more.md", "## Есть сок? {#x-juice}\n\nДа.\n")
        .await;

    let made = roll_back(&salon.store, 1, &done()).await.unwrap();

    assert_eq!(made, Some(4));
    let first = said(&[("x-tea", "Да.", 4), ("x-coffee", "Да.", 4)]);
    assert_eq!(salon.answers().await, first);
    assert_eq!(roll_back(&salon.store, 1, &done()).await.unwrap(), None);
    assert_eq!(roll_back(&salon.store, 3, &done()).await.unwrap(), Some(5));
    let ids: Vec<String> = salon.answers().await.into_iter().map(|one| one.0).collect();
    assert_eq!(ids, ["x-tea", "x-water", "x-juice"]);
    for nowhere in [6, -1] {
        let refused = roll_back(&salon.store, nowhere, &done()).await;
        assert!(matches!(refused, Err(ImportError::Wrong(_))), "{nowhere}");
    }
}

#[tokio::test]
async fn a_source_that_is_removed_says_nothing_and_one_that_is_not_there_is_told() {
    let salon = Salon::new().await;
    salon.import("bar.md", FIRST).await;
    let names = ["bar.md".to_owned(), "nobody.md".to_owned()];
    let removed = remove(&salon.store, &names, &done()).await.unwrap();
    assert_eq!(removed, Err(vec!["nobody.md".to_owned()]));
    let removed = remove(&salon.store, &names[..1], &done()).await.unwrap();
    assert_eq!(removed, Ok(2));
    assert_eq!(salon.answers().await, []);
}

#[tokio::test]
async fn ids_that_others_have_are_refused_with_both_places() {
    let salon = Salon::new().await;
    salon.import("bar.md", FIRST).await;
    for (text, place) in [
        ("## Чай {#x-tea}\n\nЕсть.\n", "is also in bar.md:1"),
        ("## Карты {#payment}\n\nДа.\n", "oplata.md:"),
    ] {
        let written = salon.import("other.md", text).await;
        assert_eq!(written.version, None);
        let problem = written.plan.reports[0].problems[0].to_string();
        assert!(problem.starts_with("other.md:1:1: error:"), "{problem}");
        assert!(problem.contains(place), "{problem}");
    }
    let path = salon.files.path().join("twice.md");
    std::fs::write(&path, "## А {#x}\n\nа\n\n## Б {#x}\n\nб\n").unwrap();
    let given = path.display().to_string();
    let read = Incoming::of(&given, &SiteRules::default(), &Signature::default()).await;
    let problem = read.unwrap_err()[0].to_string();
    assert!(
        problem.contains("twice.md:5:1: error: x: is also in"),
        "{problem}"
    );
}

#[tokio::test]
async fn contradictions_duplicates_and_what_is_stale_are_told() {
    let salon = Salon::new().await;
    salon.import("bar.md", FIRST).await;
    let rows = "id,question,answer,valid_until\n\
        x-price,Цена на мужскую стрижку,Всего 17 ₽.,\n\
        x-right,Сколько стоит мужская стрижка у новых мастеров?,1 900 ₽,\n\
        x-answer,Чай есть?,Нет.,\n\
        x-same,Есть ли кофе?,да.,\n\
        x-old,Есть ёлка?,Да.,2026-01-15\n\
        x-one,Сколько стоит подушка?,500 ₽,\n\
        x-two,подушка сколько стоит?,700 ₽,\n";
    let incoming = [salon.incoming("faq.csv", rows).await];

    let plan = Plan::of(
        &incoming,
        &salon.known().await,
        "2026-11-26".parse().unwrap(),
    );

    assert!(plan.can_be_done());
    let looked_at: Vec<(String, String)> = told(&plan)
        .into_iter()
        .filter(|(change, _)| change != "new")
        .collect();
    assert_eq!(
        looked_at,
        pairs(&[
            ("contradicts", "x-price"),
            ("contradicts", "x-answer"),
            ("duplicates", "x-same"),
            ("stale", "x-old"),
            ("contradicts", "x-two"),
        ])
    );
    let changes: Value = serde_json::to_value(&plan.reports[0].changes).unwrap();
    let of = |id: &str, change: &str| {
        let mut all = changes.as_array().unwrap().iter();
        all.find(|one| one["id"] == id && one["change"] == change)
            .unwrap()
            .clone()
    };
    assert_eq!(of("x-price", "contradicts")["fact"], "service:men-cut");
    assert_eq!(
        of("x-two", "contradicts"),
        json!({ "change": "contradicts", "id": "x-two", "says": "700 ₽", "fact": "x-one",
            "fact_says": "500 ₽", "place": "faq.csv:7" })
    );
    assert_eq!(of("x-same", "duplicates")["place"], "bar.md:5");
}

#[tokio::test]
async fn pieces_under_one_heading_do_not_contradict_each_other() {
    let salon = Salon::new().await;
    let text = "О салоне\n\n".to_owned()
        + &"Мы работаем давно и любим своих гостей. ".repeat(40)
        + "\n\n"
        + &"Мастера учатся каждый год и знают новое. ".repeat(40);
    let incoming = [salon.incoming("about.txt", &text).await];
    assert!(incoming[0].entries.len() > 1);
    let plan = Plan::of(
        &incoming,
        &salon.known().await,
        "2026-11-26".parse().unwrap(),
    );
    assert!(
        told(&plan).iter().all(|(change, _)| change == "new"),
        "{:?}",
        told(&plan)
    );
}

#[test]
fn a_price_list_is_compared_with_the_facts_line_by_line() {
    let business = business();
    let facts = crate::knowledge::facts::entries(&business);
    let known = Known {
        own: facts,
        ..Known::default()
    };
    let rows =
        "Услуга;Цена\nМужская стрижка;1900\nЖенская стрижка;2400-3600\nМаникюр с гель-лаком;17\n";
    let material = Material {
        name: "prices.csv".to_owned(),
        bytes: rows.as_bytes().to_vec(),
        ..Material::default()
    };
    let incoming = Incoming {
        from: "prices.csv".to_owned(),
        source: "prices.csv".to_owned(),
        entries: read(material).unwrap().entries,
        warnings: Vec::new(),
    };
    let plan = Plan::of(&[incoming], &known, "2026-11-26".parse().unwrap());
    let told = told(&plan);
    assert_eq!(told.len(), 4, "{told:?}");
    assert_eq!(told[3].0, "contradicts");
}
