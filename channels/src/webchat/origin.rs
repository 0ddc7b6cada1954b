//! Which page a request comes from, and from which address.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::config::canonical_origin;

/// The page's origin, if it may show the widget. An origin is no proof of who asks (only browsers
/// are honest about it): it keeps other pages out, and rate limits do the rest.
pub(super) fn allowed(headers: &HeaderMap, allowed: &[String]) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(origin) = text("origin") {
        let origin = canonical_origin(origin)?;
        return allowed.contains(&origin).then_some(origin);
    }
    // A browser sends no origin with a GET to the page's own server.
    if text("sec-fetch-site") != Some("same-origin") {
        return None;
    }
    let host = text(header::HOST.as_str())?;
    ["https", "http"]
        .into_iter()
        .filter_map(|scheme| canonical_origin(&format!("{scheme}://{host}")))
        .find(|origin| allowed.contains(origin))
}

/// The visitor's address: the peer's, or what a proxy in front of us tells. Nothing for a program
/// on this machine, which is not limited.
pub(super) fn address(parts: &Parts) -> Option<IpAddr> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    let peer = peer.0.ip().to_canonical();
    if !is_near(peer) {
        return Some(whole_network(peer));
    }
    let forwarded = parts
        .headers
        .get_all("x-forwarded-for")
        .iter()
        .next_back()
        .and_then(|value| value.to_str().ok())
        // The last one was written by our own proxy; those before it by whoever wanted to.
        .and_then(|list| list.rsplit(',').next())
        .and_then(|address| address.trim().parse::<IpAddr>().ok());
    match forwarded {
        Some(address) => Some(whole_network(address.to_canonical())),
        None if peer.is_loopback() => None,
        None => Some(whole_network(peer)),
    }
}

/// Whether a proxy of ours may have this address.
fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    }
}

/// One customer of a provider has a whole /64 of IPv6 addresses.
fn whole_network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn parts(peer: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let peer: SocketAddr = peer.parse().unwrap();
        parts.extensions.insert(ConnectInfo(peer));
        parts
    }

    #[test]
    fn only_listed_pages_may_show_the_widget() {
        let list = ["https://salon.example".to_owned()];
        for (headers, expected) in [
            (vec![("origin", "https://salon.example")], true),
            (vec![("origin", "http://salon.example")], false),
            (
                vec![("origin", "https://salon.example.evil.example")],
                false,
            ),
            (vec![("origin", "null")], false),
            (vec![], false),
            (vec![("host", "salon.example")], false),
            (
                vec![("host", "salon.example"), ("sec-fetch-site", "same-origin")],
                true,
            ),
            (
                vec![("host", "salon.example"), ("sec-fetch-site", "cross-site")],
                false,
            ),
            (
                vec![("host", "evil.example"), ("sec-fetch-site", "same-origin")],
                false,
            ),
        ] {
            let request = parts("127.0.0.1:1", &headers);
            assert_eq!(
                allowed(&request.headers, &list).is_some(),
                expected,
                "{headers:?}"
            );
        }
    }

    #[test]
    fn a_visitor_cannot_choose_an_address() {
        let seen = |peer, forwarded: &str| {
            address(&parts(peer, &[("x-forwarded-for", forwarded)])).map(|ip| ip.to_string())
        };
        assert_eq!(
            seen("203.0.113.9:1", "1.1.1.1").as_deref(),
            Some("203.0.113.9")
        );
        assert_eq!(
            seen("127.0.0.1:1", "1.1.1.1, 203.0.113.9").as_deref(),
            Some("203.0.113.9")
        );
        assert_eq!(
            seen("10.0.0.2:1", "2001:db8:1:2:3::4").as_deref(),
            Some("2001:db8:1:2::")
        );
        assert_eq!(seen("10.0.0.2:1", "rubbish").as_deref(), Some("10.0.0.2"));
        assert_eq!(seen("127.0.0.1:1", ""), None);
    }
}
