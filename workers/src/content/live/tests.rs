use std::fs;

use tempfile::TempDir;
use zapis_core::store::{Shelf, VersionChange};

use super::*;
use crate::knowledge::Asked;
use crate::llm::Purpose;
use crate::testing::{config, moscow};
use crate::understand::Intent;
use crate::words::Language;

/// The shipped content in a folder of its own, with a store that has nothing in it.
struct Salon {
    folder: TempDir,
    store: Store,
}

impl Salon {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&config(), folder.path());
        Self {
            folder,
            store: Store::open("sqlite::memory:").await.unwrap(),
        }
    }

    async fn watch(&self) -> Watch {
        Watch::start(self.folder.path(), &self.store, &Clock::system())
            .await
            .unwrap()
    }

    fn edit(&self, name: &str, change: impl FnOnce(String) -> String) {
        let path = self.folder.path().join(name);
        let before = fs::read_to_string(&path).unwrap_or_default();
        fs::write(&path, change(before)).unwrap();
    }

    async fn import(&self, source: &str, entries: &str) {
        let after = self.store.newest_version(Shelf::Knowledge).await.unwrap();
        let change = VersionChange {
            who: "Марина".into(),
            what: "import".into(),
            sources: vec![(source.into(), Some(entries.into()))],
        };
        let now = moscow("2026-11-26 12:00");
        self.store
            .make_version(Shelf::Knowledge, after, &change, now)
            .await
            .unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn answer(live: &Live, id: &str) -> Option<String> {
    let content = live.now();
    let entry = content.knowledge.entry(id, Language::Ru)?;
    Some(entry.answer.clone())
}

fn entries(id: &str, answer: &str) -> String {
    format!(
        r#"[{{"id":"{id}","questions":["Есть чай?"],"answer":"{answer}","language":"ru","origin":"written",
            "source":{{"file":"bar.md","line":1}},"of_later_versions":true}}]"#
    )
}

#[tokio::test]
async fn files_and_imports_that_change_are_known_at_the_next_look() {
    let salon = Salon::new().await;
    let mut watch = salon.watch().await;
    let live = watch.live();
    let before = live.now();
    assert!(!watch.look().await, "nothing has changed");

    salon.edit("business.toml", |text| {
        text.replace("price = 1900", "price = 12345")
    });
    assert!(watch.look().await);
    assert!(
        answer(&live, "service:men-cut")
            .unwrap()
            .contains("12\u{a0}345 ₽")
    );
    assert!(Arc::ptr_eq(&before.texts, &live.now().texts));

    salon.edit("knowledge/new.md", |_| {
        "## Есть сок? {#x-juice}\n\nДа.\n".to_owned()
    });
    assert!(watch.look().await);
    assert_eq!(answer(&live, "x-juice").as_deref(), Some("Да."));

    salon.import("bar.md", &entries("x-tea", "Да.")).await;
    assert!(watch.look().await);
    assert_eq!(answer(&live, "x-tea").as_deref(), Some("Да."));
    assert_eq!(answer(&live, "x-juice").as_deref(), Some("Да."));

    fs::remove_file(salon.folder.path().join("knowledge/new.md")).unwrap();
    assert!(watch.look().await);
    assert_eq!(answer(&live, "x-juice"), None);
    assert_eq!(answer(&live, "x-tea").as_deref(), Some("Да."));
    let old = before
        .knowledge
        .entry("service:men-cut", Language::Ru)
        .unwrap();
    assert!(
        !old.answer.contains("345"),
        "a turn keeps what it began with"
    );
}

#[tokio::test]
async fn what_is_broken_changes_nothing_until_it_is_mended() {
    let salon = Salon::new().await;
    let mut watch = salon.watch().await;
    let live = watch.live();
    let before = live.now();

    salon.edit("business.toml", |text| text + "\nnonsense = [\n");
    assert!(!watch.look().await);
    assert!(Arc::ptr_eq(&before, &live.now()));
    salon.import("bar.md", "{}").await;
    assert!(!watch.look().await);
    assert!(Arc::ptr_eq(&before, &live.now()));

    salon.edit("business.toml", |text| text.replace("\nnonsense = [\n", ""));
    assert!(!watch.look().await, "what was imported is still damaged");
    salon.import("bar.md", &entries("x-tea", "Да.")).await;
    assert!(watch.look().await);
    assert_eq!(answer(&live, "x-tea").as_deref(), Some("Да."));
}

#[tokio::test]
async fn the_folder_goes_before_an_import_of_the_same_id() {
    let salon = Salon::new().await;
    salon
        .import("bar.md", &entries("x-tea", "Из импорта."))
        .await;
    let mut watch = salon.watch().await;
    let live = watch.live();
    assert_eq!(answer(&live, "x-tea").as_deref(), Some("Из импорта."));
    salon.edit("knowledge/own.md", |_| {
        "## Чай {#x-tea}\n\nИз папки.\n".to_owned()
    });
    assert!(watch.look().await);
    assert_eq!(answer(&live, "x-tea").as_deref(), Some("Из папки."));
}

#[tokio::test]
async fn a_store_that_is_away_keeps_files_from_nobody() {
    let salon = Salon::new().await;
    let mut watch = salon.watch().await;
    salon.store.close().await;
    salon.edit("knowledge/new.md", |_| {
        "## Есть сок? {#x-juice}\n\nДа.\n".to_owned()
    });
    assert!(watch.look().await);
    assert_eq!(answer(&watch.live(), "x-juice").as_deref(), Some("Да."));
}

#[tokio::test]
async fn synonyms_are_taken_up_at_the_next_look() {
    let salon = Salon::new().await;
    let mut watch = salon.watch().await;
    let live = watch.live();
    let found = || {
        let content = live.now();
        let asked = Asked {
            text: "что у вас с вжухом",
            language: Some(Language::Ru),
            topics: &[],
            today: moscow("2026-11-26 12:00").date_naive(),
            meaning: None,
        };
        let mut found = content.knowledge.answer(&asked).into_iter();
        found.next().map(|passage| passage.id)
    };
    let trained = live.now();
    assert_eq!(found(), None);

    salon.edit("synonyms.txt", |text| {
        text.replace("парковка =", "парковка = вжух,")
    });
    assert!(watch.look().await);
    assert!(
        found().is_some_and(|id| id.starts_with("parking")),
        "{:?}",
        found()
    );
    let now = live.now();
    assert!(
        now.understander
            .understand("вжух?")
            .believes(Intent::Parking)
    );
    assert!(
        !trained
            .understander
            .understand("вжух?")
            .believes(Intent::Parking)
    );

    salon.edit("synonyms.txt", |text| text + "один\n");
    assert!(!watch.look().await, "what is broken changes nothing");
}

#[tokio::test]
async fn prompts_are_swapped_with_the_rest_and_none_in_use_is_lost() {
    let salon = Salon::new().await;
    let mut watch = salon.watch().await.with_prompts(vec!["answer.v1".into()]);
    let live = watch.live();
    let asked = || {
        let data = serde_json::json!({
            "salon": "Роза", "about": null, "language": "ru", "formal": true, "emoji": false,
            "today": "", "passages": [], "history": [], "question": "Цена?",
        });
        let prompts = &live.now().prompts;
        let prompt = prompts
            .chosen(Purpose::Answer, &["v1".into()], "x")
            .unwrap();
        prompt.render(&data).unwrap()[0].text.clone()
    };
    let before = live.now();
    assert!(!asked().contains("Пиши стихами"));

    salon.edit("prompts/answer.v1.md", |text| {
        text.replace("Как писать:", "Пиши стихами.")
    });
    assert!(watch.look().await);
    assert!(asked().contains("Пиши стихами"));
    assert!(Arc::ptr_eq(&before.knowledge, &live.now().knowledge));

    let prompts = salon.folder.path().join("prompts");
    salon.edit("prompts/answer.v1.md", |text| text + "{{ nonsense }}");
    assert!(!watch.look().await, "what is broken changes nothing");
    fs::rename(prompts.join("answer.v1.md"), prompts.join("answer.v2.md")).unwrap();
    salon.edit("prompts/answer.v2.md", |text| {
        text.replace("{{ nonsense }}", "")
    });
    assert!(!watch.look().await, "what is in use is missed");
    assert!(asked().contains("Пиши стихами"));
    fs::rename(prompts.join("answer.v2.md"), prompts.join("answer.v1.md")).unwrap();
    assert!(watch.look().await);
}
