//! A bucket that speaks as much of S3 as whole files need, and believes nobody: each request must be signed with
//! the key, over the body that came.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::server::{Cut, serve};

/// The largest file.
const LARGEST: usize = 64 * 1024 * 1024;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum S3Fault {
    /// It is served.
    None,
    /// 500, and nothing is done.
    Error,
    /// The connection ends, and nothing is done.
    Cut,
    /// It is done, and the connection ends without an answer.
    CutAfter,
    /// Somebody else has changed the file just before.
    Raced,
}

/// The bucket `journal`.
#[derive(Debug)]
pub struct S3 {
    /// Where it listens.
    pub url: String,
    bucket: Bucket,
    _stop: DropGuard,
}

/// The key that it takes, and its secret.
pub const S3_KEY: (&str, &str) = ("AKIDSANDBOX", "a secret of the sandbox");

#[derive(Debug, Clone, Default)]
struct Bucket(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    files: BTreeMap<String, Bytes>,
    faults: VecDeque<S3Fault>,
}

impl S3 {
    /// An empty one.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let bucket = Bucket::default();
        let app = Router::new().fallback(answer).with_state(bucket.clone());
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, app, stop.clone(), None));
        Ok(Self {
            url,
            bucket,
            _stop: stop.drop_guard(),
        })
    }

    /// What becomes of the next requests, in order.
    pub fn fails(&self, faults: &[S3Fault]) {
        self.bucket.kept().faults.extend(faults);
    }

    /// How many of them have not come yet.
    pub fn faults_left(&self) -> usize {
        self.bucket.kept().faults.len()
    }

    /// What is in it, by name.
    pub fn files(&self) -> BTreeMap<String, Bytes> {
        self.bucket.kept().files.clone()
    }
}

impl Bucket {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(State(bucket): State<Bucket>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LARGEST).await else {
        return refuse(StatusCode::BAD_REQUEST, "IncompleteBody");
    };
    let path = head.uri.path();
    if !is_signed(&head.method, path, &head.headers, &body) {
        return refuse(StatusCode::FORBIDDEN, "SignatureDoesNotMatch");
    }
    let Some(name) = path.strip_prefix("/journal/") else {
        return refuse(StatusCode::NOT_FOUND, "NoSuchBucket");
    };
    let name = name.replace("%3D", "=");
    let fault = bucket.kept().faults.pop_front();
    match fault {
        Some(S3Fault::Error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
        Some(S3Fault::Cut) => Cut.into_response(),
        fault => {
            if fault == Some(S3Fault::Raced) {
                let mut kept = bucket.kept();
                let there = kept.files.remove(&name).unwrap_or_default();
                let changed = [&there, b"\n".as_slice()].concat();
                kept.files.insert(name.clone(), changed.into());
            }
            let done = done(&bucket, &head.method, name, &head.headers, body);
            match fault {
                Some(S3Fault::CutAfter) => Cut.into_response(),
                _ => done,
            }
        }
    }
}

fn done(
    bucket: &Bucket,
    method: &Method,
    name: String,
    headers: &HeaderMap,
    body: Bytes,
) -> Response {
    let mut kept = bucket.kept();
    let there = kept.files.get(&name).cloned();
    if *method == Method::GET {
        return match there {
            Some(file) => ([(header::ETAG, mark(&file))], file).into_response(),
            None => refuse(StatusCode::NOT_FOUND, "NoSuchKey"),
        };
    }
    if *method != Method::PUT {
        return refuse(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed");
    }
    let wanted = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let is_other = match (wanted(header::IF_NONE_MATCH), wanted(header::IF_MATCH)) {
        (Some(_), _) => there.is_some(),
        (None, Some(wanted)) => there.is_none_or(|there| mark(&there) != wanted),
        (None, None) => false,
    };
    if is_other {
        return refuse(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
    }
    let mark = mark(&body);
    kept.files.insert(name, body);
    ([(header::ETAG, mark)], ()).into_response()
}

fn mark(file: &[u8]) -> String {
    format!("\"{}\"", &sha(file)[..32])
}

fn refuse(status: StatusCode, code: &str) -> Response {
    (status, format!("<Error><Code>{code}</Code></Error>")).into_response()
}

fn sha(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// AWS Signature Version 4, as its documentation has it.
fn is_signed(method: &Method, path: &str, headers: &HeaderMap, body: &[u8]) -> bool {
    let header = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    };
    let told = header("authorization");
    let part = |name: &str| {
        let after = told.split_once(name).map_or("", |(_, after)| after);
        after.split(',').next().unwrap_or_default()
    };
    let (credential, names) = (part("Credential="), part("SignedHeaders="));
    let Some((key, scope)) = credential.split_once('/') else {
        return false;
    };
    let (Some(day), Some(region)) = (scope.split('/').next(), scope.split('/').nth(1)) else {
        return false;
    };
    let needed = ["host", "x-amz-content-sha256", "x-amz-date"];
    let signed: Vec<&str> = names.split(';').collect();
    if key != S3_KEY.0
        || !needed.iter().all(|name| signed.contains(name))
        || header("x-amz-content-sha256") != sha(body)
    {
        return false;
    }
    let lines = signed
        .iter()
        .map(|name| format!("{name}:{}\n", header(name)));
    let lines = lines.collect::<Vec<_>>().concat();
    let canonical = format!("{method}\n{path}\n\n{lines}\n{names}\n{}", sha(body));
    let text = format!(
        "AWS4-HMAC-SHA256\n{}\n{scope}\n{}",
        header("x-amz-date"),
        sha(canonical.as_bytes())
    );
    let secret = format!("AWS4{}", S3_KEY.1).into_bytes();
    let steps = [day, region, "s3", "aws4_request", text.as_str()];
    let signature = steps.iter().try_fold(secret, |key, step| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        mac.update(step.as_bytes());
        Some(mac.finalize().into_bytes().to_vec())
    });
    signature.is_some_and(|signature| hex::encode(signature) == part("Signature="))
}
