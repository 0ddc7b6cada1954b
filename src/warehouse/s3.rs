//! As much of S3 as whole files need: get one, put one, each request signed (AWS Signature Version 4).
//!
//! Files are of a few megabytes, so each goes in one request, and a repeat puts the same under the same name.

use std::time::Duration;

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Method, StatusCode, Url, header};
use sha2::{Digest, Sha256};
use zapis_core::Clock;

use crate::config::Environment;

/// How often a request is tried that failed by no fault of ours.
const TRIES: u32 = 5;
/// How long is waited before the second try, and twice as long before each further one.
const PAUSE: Duration = Duration::from_millis(200);
/// How long one request may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// A bucket, and who we are to it.
pub(super) struct Bucket {
    client: reqwest::Client,
    /// Ends with `/`: names of files are put behind it.
    base: Url,
    signer: Signer,
    clock: Clock,
}

struct Signer {
    region: String,
    key: String,
    secret: String,
    token: Option<String>,
}

/// Under which condition a file is put.
enum Only<'a> {
    Always,
    /// There is none yet.
    New,
    /// There is the one with this mark.
    Over(&'a str),
}

impl Bucket {
    /// The address and the keys are in the environment, as all tools for S3 have them.
    pub(super) fn open(bucket: &str, prefix: &str, from: &Environment) -> anyhow::Result<Self> {
        let needed = |name: &str| {
            let value = from.value(name).map(str::to_owned);
            value.with_context(|| format!("set {name}"))
        };
        let region = from.value("AWS_REGION").unwrap_or("us-east-1").to_owned();
        let endpoint = from
            .value("AWS_ENDPOINT_URL_S3")
            .or_else(|| from.value("AWS_ENDPOINT_URL"));
        let base = match endpoint {
            Some(endpoint) => format!("{}/{bucket}/", endpoint.trim_end_matches('/')),
            None => format!("https://{bucket}.s3.{region}.amazonaws.com/"),
        };
        let mut base = Url::parse(&base).context("AWS_ENDPOINT_URL is no address")?;
        let path = format!("{}{}", base.path(), encoded(prefix));
        base.set_path(&path);
        let client = reqwest::Client::builder().timeout(PATIENCE).build();
        Ok(Self {
            client: client.context("preparing to call S3")?,
            base,
            signer: Signer {
                key: needed("AWS_ACCESS_KEY_ID")?,
                secret: needed("AWS_SECRET_ACCESS_KEY")?,
                token: from.value("AWS_SESSION_TOKEN").map(str::to_owned),
                region,
            },
            clock: Clock::system(),
        })
    }

    /// A file and its mark; nothing where there is none.
    pub(super) async fn get(&self, name: &str) -> anyhow::Result<Option<(Vec<u8>, String)>> {
        let answer = self.send(Method::GET, name, &[], &Only::Always).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let mark = answer.fine(name)?;
        Ok(Some((answer.body, mark)))
    }

    /// Puts a file, in place of one of that name.
    pub(super) async fn put(&self, name: &str, bytes: Vec<u8>) -> anyhow::Result<()> {
        let answer = self.send(Method::PUT, name, &bytes, &Only::Always).await?;
        answer.fine(name)?;
        Ok(())
    }

    /// Puts a file if the one that is there has this mark, or none is there; the mark of the new one.
    pub(super) async fn put_if(
        &self,
        name: &str,
        bytes: Vec<u8>,
        mark: Option<&str>,
    ) -> anyhow::Result<String> {
        let only = mark.map_or(Only::New, Only::Over);
        let answer = self.send(Method::PUT, name, &bytes, &only).await?;
        if matches!(
            answer.status,
            StatusCode::PRECONDITION_FAILED | StatusCode::CONFLICT
        ) {
            // Ours may have been put by a try whose answer was lost.
            return match self.get(name).await? {
                Some((there, mark)) if there == bytes => Ok(mark),
                _ => bail!(
                    "another export is writing to this place: let it end, then run this again"
                ),
            };
        }
        answer.fine(name)
    }

    /// Sends a request until it is answered by what is no passing trouble.
    async fn send(
        &self,
        method: Method,
        name: &str,
        body: &[u8],
        only: &Only<'_>,
    ) -> anyhow::Result<Answer> {
        let mut tried = 0;
        loop {
            let answer = self.send_once(method.clone(), name, body, only).await;
            tried += 1;
            let passes = match &answer {
                Ok(answer) => {
                    answer.status.is_server_error()
                        || answer.status == StatusCode::TOO_MANY_REQUESTS
                }
                Err(_) => true,
            };
            if !passes || tried == TRIES {
                let answer = answer.map_err(reqwest::Error::without_url);
                return answer.with_context(|| format!("{method} {name}: S3 does not answer"));
            }
            tokio::time::sleep(PAUSE * 2_u32.pow(tried - 1)).await;
        }
    }

    async fn send_once(
        &self,
        method: Method,
        name: &str,
        body: &[u8],
        only: &Only<'_>,
    ) -> reqwest::Result<Answer> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{}", self.base.path(), encoded(name)));
        let host = match url.port() {
            Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
            None => url.host_str().unwrap_or_default().to_owned(),
        };
        let now = self.clock.now();
        let (at, hash) = (stamp(now), hex::encode(Sha256::digest(body)));
        let mut headers = vec![
            ("host", host.as_str()),
            ("x-amz-content-sha256", &hash),
            ("x-amz-date", &at),
        ];
        let token = self.signer.token.as_deref();
        headers.extend(token.map(|token| ("x-amz-security-token", token)));
        let signature = self
            .signer
            .signature(method.as_str(), url.path(), &headers, &hash, now);
        let mut request = self.client.request(method, url).body(body.to_vec());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request = match only {
            Only::Always => request,
            Only::New => request.header(header::IF_NONE_MATCH, "*"),
            Only::Over(mark) => request.header(header::IF_MATCH, *mark),
        };
        let answer = request
            .header(header::AUTHORIZATION, signature)
            .send()
            .await?;
        let mark = answer.headers().get(header::ETAG);
        Ok(Answer {
            status: answer.status(),
            mark: mark.and_then(|mark| Some(mark.to_str().ok()?.to_owned())),
            body: answer.bytes().await?.into(),
        })
    }
}

/// What S3 says.
struct Answer {
    status: StatusCode,
    mark: Option<String>,
    body: Vec<u8>,
}

impl Answer {
    /// The mark of the file, or why it was refused.
    fn fine(&self, name: &str) -> anyhow::Result<String> {
        if self.status.is_success() {
            return Ok(self.mark.clone().unwrap_or_default());
        }
        let text = String::from_utf8_lossy(&self.body);
        let code = text.split_once("<Code>").map_or("", |(_, rest)| rest);
        let code = code.split('<').next().unwrap_or_default();
        let status = self.status.as_u16();
        bail!("S3 refuses {name} ({status} {code}): check the bucket, AWS_REGION and the keys")
    }
}

impl Signer {
    /// The header that proves who asks; `headers` are sorted by name.
    fn signature(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body_hash: &str,
        at: DateTime<Utc>,
    ) -> String {
        let listed = headers
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"));
        let listed = listed.collect::<String>();
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let request = format!("{method}\n{path}\n\n{listed}\n{names}\n{body_hash}");
        let day = at.format("%Y%m%d").to_string();
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let request = hex::encode(Sha256::digest(request));
        let text = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{request}", stamp(at));
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in [&day, &self.region, "s3", "aws4_request", &text] {
            key = signed(&key, part);
        }
        let signature = hex::encode(key);
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope},SignedHeaders={names},Signature={signature}",
            self.key
        )
    }
}

fn signed(key: &[u8], text: &str) -> Vec<u8> {
    // A key of any length is one.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return Vec::new();
    };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn stamp(at: DateTime<Utc>) -> String {
    at.format("%Y%m%dT%H%M%SZ").to_string()
}

/// A name in an address, as it is signed.
fn encoded(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let bytes = name.bytes().map(|byte| {
        if plain(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    });
    bytes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples that the documentation of S3 gives for its signatures.
    #[test]
    fn requests_are_signed_as_the_documentation_of_s3_signs_them() {
        let signer = Signer {
            region: "us-east-1".to_owned(),
            key: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            token: None,
        };
        let at = "2013-05-24T00:00:00Z".parse().unwrap();
        let (host, date) = ("examplebucket.s3.amazonaws.com", "20130524T000000Z");
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let get = [
            ("host", host),
            ("range", "bytes=0-9"),
            ("x-amz-content-sha256", nothing),
            ("x-amz-date", date),
        ];
        let signature = signer.signature("GET", "/test.txt", &get, nothing, at);
        let expected = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
        assert!(signature.ends_with(expected), "{signature}");

        let words = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
        let put = [
            ("date", "Fri, 24 May 2013 00:00:00 GMT"),
            ("host", host),
            ("x-amz-content-sha256", words),
            ("x-amz-date", date),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ];
        let path = format!("/{}", encoded("test$file.text"));
        let signature = signer.signature("PUT", &path, &put, words, at);
        let expected = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd";
        assert!(signature.ends_with(expected), "{signature}");
    }
}
