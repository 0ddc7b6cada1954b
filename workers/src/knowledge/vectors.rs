//! Entries and questions as vectors of a model, where one is configured: what is near in meaning is found
//! also without a common word. Whether something is known is never decided by them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tracing::{info, warn};
use zapis_core::config::{Findings, Secret};
use zapis_core::ids;

use super::Entry;
use super::vector_file as file;
use crate::llm::{Embedder, EndpointConfig};

/// The direction of a text's meaning, of length one.
pub type Vector = Arc<[f32]>;

/// How many texts go in one call, and how many calls are made before others get their turn.
const BATCH: usize = 32;
const BATCHES: usize = 16;
/// How much of an entry is turned into a vector, in characters.
const LONGEST: usize = 2_000;
/// Among fewer, nothing stands out.
const FEWEST: usize = 12;
/// Vectors that are all alike tell nothing.
const LEAST_SPREAD: f32 = 1e-3;
/// So many deviations above the mean something begins to stand out, and so many more it does clearly.
const STANDS_OUT: f32 = 2.0;
const CLEARLY: f32 = 2.0;
/// How long one call about entries may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The `[knowledge]` section.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KnowledgeConfig {
    /// `[knowledge.vectors]`
    pub vectors: VectorsConfig,
}

/// The `[knowledge.vectors]` section: a server that speaks `OpenAI`'s embeddings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VectorsConfig {
    /// Up to the version: `https://…/v1`; empty: no vectors.
    pub url: String,
    /// The bearer token; empty: none.
    pub api_key: Secret,
    /// The model, as the server names it.
    pub model: String,
    /// How long a question may wait for its vector.
    pub deadline_ms: u32,
    /// `socks5://…`, `socks5h://…` or `http://…`; empty: none.
    pub proxy: String,
}

impl Default for VectorsConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            api_key: Secret::default(),
            model: String::new(),
            deadline_ms: 300,
            proxy: String::new(),
        }
    }
}

impl KnowledgeConfig {
    /// Notes what is out of range.
    pub fn check(&self, findings: &mut Findings) {
        let vectors = &self.vectors;
        let address = reqwest::Url::parse(&vectors.url).ok();
        let address = address.filter(|url| matches!(url.scheme(), "http" | "https"));
        findings.check(
            vectors.url.is_empty() || address.is_some(),
            "knowledge.vectors.url",
            "is no address",
            "write it up to the version, e.g. \"https://llm.example/v1\"",
        );
        findings.check(
            vectors.url.is_empty() || !vectors.model.is_empty(),
            "knowledge.vectors.model",
            "is missing",
            "the model's name, as the server lists it",
        );
        findings.check(
            (50..=10_000).contains(&vectors.deadline_ms),
            "knowledge.vectors.deadline_ms",
            "out of range",
            "use 50 to 10000 milliseconds",
        );
        findings.check(
            vectors.proxy.is_empty() || reqwest::Proxy::all(&vectors.proxy).is_ok(),
            "knowledge.vectors.proxy",
            "is no address of a proxy",
            "use socks5://host:1080 or http://host:3128",
        );
    }
}

/// Turns texts into vectors and remembers those of entries.
#[derive(Debug)]
pub struct Vectors {
    embedder: Embedder,
    deadline: Duration,
    cache: PathBuf,
    known: Mutex<Known>,
}

/// Vectors by what they are of.
#[derive(Debug, Default)]
struct Known {
    read: bool,
    vectors: HashMap<u128, Vector>,
    /// How many of them are in the file.
    kept: usize,
}

impl Vectors {
    /// Nothing when no server is configured. Vectors of entries are kept in the folder.
    pub fn new(config: &VectorsConfig, folder: &Path) -> Result<Option<Arc<Self>>, reqwest::Error> {
        if config.url.is_empty() {
            return Ok(None);
        }
        let embedder = Embedder::new(&EndpointConfig {
            name: "vectors".into(),
            base_url: config.url.clone(),
            api_key: config.api_key.clone(),
            model: config.model.clone(),
            timeout_ms: u32::try_from(PATIENCE.as_millis()).unwrap_or(u32::MAX),
            proxy: config.proxy.clone(),
            ..EndpointConfig::default()
        })?;
        let model = ids::derive(&["vectors", &config.url, &config.model]);
        Ok(Some(Arc::new(Self {
            embedder,
            deadline: Duration::from_millis(config.deadline_ms.into()),
            cache: folder
                .join("vectors")
                .join(format!("{}.bin", model.simple())),
            known: Mutex::default(),
        })))
    }

    /// The vectors of what a customer asks, unless that takes too long.
    pub async fn of_question(&self, texts: &[&str]) -> Option<Vec<Vector>> {
        let embedded = self.embedder.embed(texts, self.deadline).await;
        count(embedded.as_ref().err().copied());
        Some(embedded.ok()?.into_iter().map(Vector::from).collect())
    }

    /// The vectors of all entries, in their order; nothing when some are still to be asked for, or when
    /// the server does not answer. What was learnt is not asked again, also after a restart.
    pub async fn of_entries(&self, entries: &[Entry]) -> Option<Vec<Vector>> {
        self.remember().await;
        let texts: Vec<String> = entries.iter().map(text).collect();
        let keys: Vec<u128> = texts.iter().map(|text| key(text)).collect();
        let missing: Vec<usize> = {
            let known = self.known();
            let missing = |at: &usize| !known.vectors.contains_key(&keys[*at]);
            (0..texts.len()).filter(missing).collect()
        };
        for batch in missing.chunks(BATCH).take(BATCHES) {
            let asked: Vec<&str> = batch.iter().map(|at| texts[*at].as_str()).collect();
            let embedded = self.embedder.embed(&asked, PATIENCE).await;
            count(embedded.as_ref().err().copied());
            let vectors = embedded.ok()?.into_iter().map(Vector::from);
            let mut known = self.known();
            known
                .vectors
                .extend(batch.iter().map(|at| keys[*at]).zip(vectors));
        }
        let whole = missing.len() <= BATCH * BATCHES;
        if whole && !missing.is_empty() {
            info!(
                entries = entries.len(),
                asked = missing.len(),
                "Entries are found by their meaning too"
            );
        }
        if !missing.is_empty() {
            self.keep(whole.then_some(&keys)).await;
        }
        let mut known = self.known();
        let vectors = keys.iter().map(|key| known.vectors.get(key).cloned());
        let vectors: Vec<Vector> = vectors.collect::<Option<_>>()?;
        let length = vectors.first().map_or(0, |vector| vector.len());
        if vectors.iter().any(|vector| vector.len() != length) {
            // Another model under the old name: everything is asked for again.
            known.vectors.clear();
            return None;
        }
        Some(vectors)
    }

    /// Asks the server: `zapis check --connect`.
    pub async fn probe(&self) -> Result<String, String> {
        self.embedder.probe().await
    }

    /// Reads what was learnt before, once.
    async fn remember(&self) {
        if self.known().read {
            return;
        }
        let path = self.cache.clone();
        let read = tokio::task::spawn_blocking(move || file::read(&path)).await;
        let vectors = read.unwrap_or_default();
        let mut known = self.known();
        known.read = true;
        known.kept = vectors.len();
        known.vectors = vectors;
    }

    /// Writes what was learnt, if it is much or all; of all, only what is in use.
    async fn keep(&self, used: Option<&Vec<u128>>) {
        let vectors = {
            let mut known = self.known();
            match used {
                Some(used) => {
                    let used: std::collections::HashSet<u128> = used.iter().copied().collect();
                    known.vectors.retain(|key, _| used.contains(key));
                }
                None if known.vectors.len() < known.kept * 2 => return,
                None => {}
            }
            known.kept = known.vectors.len();
            known.vectors.clone()
        };
        let path = self.cache.clone();
        let written = tokio::task::spawn_blocking(move || file::write(&path, &vectors)).await;
        if let Ok(Err(error)) = written {
            warn!(%error, "The vectors could not be kept: they are asked for again after a restart");
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(failed: Option<&'static str>) {
    let outcome = failed.unwrap_or("answered");
    metrics::counter!("zapis_vectors_total", "outcome" => outcome).increment(1);
}

/// What of an entry is turned into a vector.
fn text(entry: &Entry) -> String {
    let whole = format!("{}\n{}", entry.questions.join("\n"), entry.answer);
    whole.chars().take(LONGEST).collect()
}

fn key(text: &str) -> u128 {
    ids::derive(&["vector", text]).as_u128()
}

/// How near each text is to a question, from 0 to 1: how far its vector stands out among the usable ones.
/// Models differ in what they call near, but in none of them does everything stand out.
pub(super) fn nearness(
    question: &[f32],
    vectors: &[Vector],
    usable: impl Fn(usize) -> bool,
) -> Vec<f32> {
    let dot = |vector: &Vector| -> f32 { vector.iter().zip(question).map(|(a, b)| a * b).sum() };
    let fits = vectors
        .first()
        .is_some_and(|vector| vector.len() == question.len());
    let compared: Vec<(usize, f32)> = if fits {
        let usable = vectors.iter().enumerate().filter(|(at, _)| usable(*at));
        usable.map(|(at, vector)| (at, dot(vector))).collect()
    } else {
        Vec::new()
    };
    let mut near = vec![0.0; vectors.len()];
    if compared.len() < FEWEST {
        return near;
    }
    let mean = average(compared.iter().map(|(_, cosine)| *cosine));
    let spread = average(compared.iter().map(|(_, cosine)| (cosine - mean).powi(2))).sqrt();
    if spread < LEAST_SPREAD {
        return near;
    }
    for (at, cosine) in compared {
        near[at] = (((cosine - mean) / spread - STANDS_OUT) / CLEARLY).clamp(0.0, 1.0);
    }
    near
}

#[expect(
    clippy::cast_precision_loss,
    reason = "entries are far fewer than 2^24"
)]
fn average(values: impl Iterator<Item = f32>) -> f32 {
    let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), value| {
        (sum + value, count + 1)
    });
    sum / count.max(1) as f32
}

#[cfg(test)]
mod tests;
