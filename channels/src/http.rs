//! HTTP clients for providers: time limits, a proxy per channel, errors without addresses.

use std::time::Duration;

use crate::SendError;

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(10);

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
