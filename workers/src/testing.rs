//! What tests share: the shipped content, loaded once, and moments of the salon's time.

#[path = "../tests/support/doubles.rs"]
pub(crate) mod doubles;

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};

use crate::business::Business;
use crate::content::Files;
use crate::knowledge::Knowledge;
use crate::texts::Texts;
use crate::understand::Understander;
use crate::words::Synonyms;
use zapis_core::config::Problem;

/// The shipped content.
pub(crate) fn config() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config")
}

fn fine<T>(loaded: Result<T, Vec<Problem>>) -> Arc<T> {
    Arc::new(loaded.unwrap_or_else(|problems| {
        let told: Vec<String> = problems.iter().map(Problem::to_string).collect();
        panic!("{}", told.join("\n"))
    }))
}

static BUSINESS: LazyLock<Arc<Business>> =
    LazyLock::new(|| fine(Business::load(&Files::of_folder(&config()))));
static TEXTS: LazyLock<Arc<Texts>> =
    LazyLock::new(|| fine(Texts::load(&Files::of_folder(&config()))));
static SYNONYMS: LazyLock<Arc<Synonyms>> =
    LazyLock::new(|| fine(Synonyms::load(&config().join("synonyms.txt"))));
static KNOWLEDGE: LazyLock<Arc<Knowledge>> = LazyLock::new(|| {
    let loaded = Knowledge::load(&config().join("knowledge"), &business(), Vec::new());
    fine(loaded.map(|knowledge| knowledge.with_synonyms(SYNONYMS.clone())))
});
static UNDERSTANDER: LazyLock<Arc<Understander>> = LazyLock::new(|| {
    let loaded = Understander::load(&config().join("intents.yaml"));
    fine(loaded.map(|understander| {
        let understander = understander.with_firm(&business());
        understander.with_synonyms(SYNONYMS.clone())
    }))
});

/// The shipped firm.
pub(crate) fn business() -> Arc<Business> {
    BUSINESS.clone()
}

/// The shipped texts.
pub(crate) fn texts() -> Arc<Texts> {
    TEXTS.clone()
}

/// The shipped knowledge.
pub(crate) fn knowledge() -> Arc<Knowledge> {
    KNOWLEDGE.clone()
}

/// Understanding trained on the shipped intents.
pub(crate) fn understander() -> Arc<Understander> {
    UNDERSTANDER.clone()
}

/// A moment of Moscow time, "2026-11-20 12:00".
pub(crate) fn moscow(text: &str) -> DateTime<Utc> {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    chrono_tz::Europe::Moscow
        .from_local_datetime(&local)
        .unwrap()
        .to_utc()
}
