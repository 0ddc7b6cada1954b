//! Who the client is when proxies stand in front: settled once, before any route looks.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::{Next, from_fn};

use crate::config::ServerConfig;

/// Gives every request the address that [`ServerConfig::client_ip`] finds. The routes then see
/// no header about it any more, so nobody can be told a false one. Without trusted proxies in the
/// configuration the routes judge by themselves: they believe the nearest private address.
pub fn settle(router: Router, server: &ServerConfig) -> Router {
    if server.trusted_proxies.is_empty() {
        return router;
    }
    let server = Arc::new(server.clone());
    router.layer(from_fn(move |mut request: Request, next: Next| {
        let server = Arc::clone(&server);
        async move {
            settle_request(&mut request, &server);
            next.run(request).await
        }
    }))
}

fn settle_request(request: &mut Request, server: &ServerConfig) {
    let told: Vec<&str> = request
        .headers()
        .get_all(&server.client_ip_header)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let told = told.join(",");
    if let Some(ConnectInfo(peer)) = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .copied()
    {
        let client = server.client_ip(peer.ip(), Some(&told));
        let client = SocketAddr::new(client, peer.port());
        request.extensions_mut().insert(ConnectInfo(client));
    }
    request.headers_mut().remove(&server.client_ip_header);
    request.headers_mut().remove("x-forwarded-for");
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn settled(peer: [u8; 4], headers: &[(&str, &str)]) -> (String, Request) {
        let server = ServerConfig {
            trusted_proxies: vec!["127.0.0.1".parse().unwrap()],
            ..ServerConfig::default()
        };
        let mut request = Request::new(Body::empty());
        for (name, value) in headers {
            let name: axum::http::HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        let peer = SocketAddr::from((peer, 4711));
        request.extensions_mut().insert(ConnectInfo(peer));
        settle_request(&mut request, &server);
        let client = request.extensions().get::<ConnectInfo<SocketAddr>>();
        (client.unwrap().0.ip().to_string(), request)
    }

    #[test]
    fn a_trusted_proxy_is_believed_and_the_header_goes_no_further() {
        let headers = [
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-for", "203.0.113.9"),
        ];

        let (client, request) = settled([127, 0, 0, 1], &headers);

        assert_eq!(client, "203.0.113.9");
        assert!(request.headers().is_empty());
    }

    #[test]
    fn a_stranger_is_not_believed() {
        let (client, request) = settled([198, 51, 100, 4], &[("x-forwarded-for", "127.0.0.1")]);

        assert_eq!(client, "198.51.100.4");
        assert!(request.headers().is_empty());
    }
}
