//! HTTP clients for providers: time limits, a proxy per channel, errors without addresses, answers of
//! bounded length.

use std::time::Duration;

use crate::SendError;

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(10);

/// More than this of an answer is not read.
const LONGEST_ANSWER: usize = 256 * 1024;

/// A client with a proxy of its own (`socks5://…`, `socks5h://…`, `http://…`; empty: none).
/// `timeout` bounds a whole call. Proxies of the environment are not used.
pub fn client(proxy: &str, timeout: Duration) -> Result<reqwest::Client, reqwest::Error> {
    // Without a provider the client panics; a second installation is refused and harmless.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let mut builder = reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .timeout(timeout)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("zapis/", env!("CARGO_PKG_VERSION")));
    if !proxy.is_empty() {
        builder = builder.proxy(reqwest::Proxy::all(proxy)?);
    }
    builder.build()
}

/// What a failed call means: not sent when the connection was never made, otherwise unknown.
/// Addresses are removed, because Telegram's hold the token.
pub fn send_error(error: reqwest::Error) -> SendError {
    let certainly_not_sent = error.is_connect() || error.is_builder();
    let error = Box::new(error.without_url());
    if certainly_not_sent {
        SendError::NotSent(error)
    } else {
        SendError::Unknown(error)
    }
}

/// The body of an answer, as far as it is worth reading.
pub(crate) async fn read(mut answer: reqwest::Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST_ANSWER {
            break;
        }
    }
    Ok(body)
}

/// A provider's words without what does not belong into logs: numbers that may be phones, and words that
/// may be tokens.
pub(crate) fn clean(words: &str) -> String {
    let mut clean: Vec<&str> = Vec::new();
    for word in words.split_whitespace() {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let secret = digits >= 7 || word.len() >= 40 || word.contains("://");
        clean.push(if secret { "…" } else { word });
    }
    clean.join(" ").chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_provider_lose_phones_tokens_and_addresses() {
        let token = "EAAB".repeat(20);
        let words =
            format!("Malformed access token {token} for +79000000001 at https://x/y (#190)");
        assert_eq!(clean(&words), "Malformed access token … for … at … (#190)");
    }
}
