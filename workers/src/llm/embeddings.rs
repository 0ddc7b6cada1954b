//! Texts as vectors, from a server that speaks `OpenAI`'s embeddings.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, timeout};
use tracing::debug;
use zapis_core::causes;

use super::EndpointConfig;
use super::endpoint::{Endpoint, Failed};

/// Asks one server, and lets it rest after failures.
#[derive(Debug)]
pub struct Embedder(Endpoint);

/// Why there are no vectors, for a metric.
pub type NoVectors = &'static str;

#[derive(Deserialize)]
struct List {
    data: Vec<Embedding>,
}

#[derive(Deserialize)]
struct Embedding {
    index: usize,
    embedding: Vec<f32>,
}

impl Embedder {
    /// An embedder that asks this server.
    pub fn new(config: &EndpointConfig) -> Result<Self, reqwest::Error> {
        Ok(Self(Endpoint::new(config)?))
    }

    /// One vector of length one for each text, all of the same dimension.
    pub async fn embed(
        &self,
        texts: &[&str],
        deadline: Duration,
    ) -> Result<Vec<Vec<f32>>, NoVectors> {
        let pass = self.0.breaker.pass(Instant::now()).ok_or("resting")?;
        let asked = timeout(deadline, self.0.embeddings(texts)).await;
        let answered = asked.unwrap_or(Err(Failed::TimedOut));
        let vectors = answered.and_then(|body| read(&body, texts.len()));
        match &vectors {
            Ok(_) => pass.worked(),
            Err(failed) => {
                debug!(error = %causes(failed), "No vectors");
                pass.failed(failed, Instant::now());
            }
        }
        drop(pass);
        self.0.show_breaker();
        vectors.map_err(|failed| failed.name())
    }

    /// Whether the server answers and knows us, and how long its vectors are.
    pub async fn probe(&self) -> Result<String, String> {
        let asked = self.0.embeddings(&["?"]).await;
        let read = asked.and_then(|body| read(&body, 1));
        let vectors = read.map_err(|failed| failed.to_string())?;
        let dimensions = vectors.first().map_or(0, Vec::len);
        Ok(format!("{dimensions} dimensions"))
    }
}

/// The vectors of an answer in the order of the question.
fn read(body: &[u8], count: usize) -> Result<Vec<Vec<f32>>, Failed> {
    let unusable = |why| Failed::Unusable(why, zapis_core::store::Spend::default());
    let list: List =
        serde_json::from_slice(body).map_err(|_| unusable("it is no list of vectors"))?;
    let mut vectors = vec![Vec::new(); count];
    for item in list.data {
        let place = vectors.get_mut(item.index);
        *place.ok_or(unusable("it has more vectors than were asked for"))? = unit(item.embedding);
    }
    let dimensions = vectors.first().map_or(0, Vec::len);
    if dimensions == 0 || vectors.iter().any(|vector| vector.len() != dimensions) {
        return Err(unusable("its vectors are not all there, or not alike"));
    }
    Ok(vectors)
}

/// The same direction with length one; nothing when it has no direction.
fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if !length.is_finite() || length <= 0.0 {
        return Vec::new();
    }
    for value in &mut vector {
        *value /= length;
    }
    vector
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_come_in_the_order_of_the_texts_and_have_length_one() {
        let body = br#"{"data":[{"index":1,"embedding":[0,2]},{"index":0,"embedding":[3,4]}]}"#;
        assert_eq!(read(body, 2).unwrap(), vec![vec![0.6, 0.8], vec![0.0, 1.0]]);
    }

    #[test]
    fn what_is_no_vector_is_not_used() {
        for body in [
            "",
            "{}",
            r#"{"data":[]}"#,
            r#"{"data":[{"index":7,"embedding":[1]}]}"#,
            r#"{"data":[{"index":0,"embedding":[]}]}"#,
            r#"{"data":[{"index":0,"embedding":[0,0]}]}"#,
            r#"{"data":[{"index":0,"embedding":["a"]}]}"#,
            r#"{"data":[{"index":0,"embedding":[1e39]}]}"#,
        ] {
            assert!(read(body.as_bytes(), 1).is_err(), "{body}");
        }
        let unlike = r#"{"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":[1,2]}]}"#;
        assert!(read(unlike.as_bytes(), 2).is_err());
    }
}
