//! `[server]`: where the program listens and what it is called from outside.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use serde::Deserialize;
use zapis_core::config::Findings;

/// The `[server]` section.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// How the outside reaches us; webhooks and the widget use it.
    pub public_url: String,
    /// Proxies in front of us: only they are believed about the client's address.
    pub trusted_proxies: Vec<Network>,
    /// The header in which they tell it.
    pub client_ip_header: String,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            public_url: "http://127.0.0.1:8080".to_owned(),
            trusted_proxies: Vec::new(),
            client_ip_header: "x-forwarded-for".to_owned(),
        }
    }
}

impl ServerConfig {
    /// Notes what is out of range.
    pub fn check(&self, findings: &mut Findings) {
        let host = ["http://", "https://"]
            .iter()
            .find_map(|scheme| self.public_url.strip_prefix(scheme));
        findings.check(
            host.is_some_and(|host| !host.is_empty() && !host.ends_with('/')),
            "server.public_url",
            "no address of a site",
            "use \"https://bot.salon.example\", without a slash at the end",
        );
        let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        let header = &self.client_ip_header;
        findings.check(
            !header.is_empty() && header.bytes().all(letter),
            "server.client_ip_header",
            "no name of a header",
            "use \"x-forwarded-for\" or \"x-real-ip\"",
        );
    }

    /// The client's address, for rate limits: the nearest one on the way that is no proxy of ours.
    /// `forwarded` is the value of [`ServerConfig::client_ip_header`].
    pub fn client_ip(&self, peer: IpAddr, forwarded: Option<&str>) -> IpAddr {
        let trusted = |ip: &IpAddr| self.trusted_proxies.iter().any(|proxy| proxy.holds(*ip));
        let mut client = peer;
        for hop in forwarded.unwrap_or_default().rsplit(',') {
            let Ok(hop) = hop.trim().parse() else { break };
            if !trusted(&client) {
                break;
            }
            client = hop;
        }
        client
    }
}

/// An address, or a range of them as `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether an address belongs to it.
    pub fn holds(self, ip: IpAddr) -> bool {
        let same = |a: u128, b: u128, width: u8| {
            let rest = u32::from(width - self.prefix);
            a.checked_shr(rest) == b.checked_shr(rest)
        };
        match (self.address, ip.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => same(a.to_bits().into(), b.to_bits().into(), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "expected an address or a range such as \"10.0.0.0/8\"";
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| wrong)?,
            None => width,
        };
        if prefix > width {
            return Err(wrong);
        }
        Ok(Self { address, prefix })
    }
}

impl TryFrom<String> for Network {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(proxies: &[&str]) -> ServerConfig {
        ServerConfig {
            trusted_proxies: proxies.iter().map(|text| text.parse().unwrap()).collect(),
            ..ServerConfig::default()
        }
    }

    #[test]
    fn a_stranger_cannot_pretend_to_have_another_address() {
        let server = behind(&["10.0.0.0/8"]);

        let client = server.client_ip([203, 0, 113, 7].into(), Some("198.51.100.1"));

        assert_eq!(client, IpAddr::from([203, 0, 113, 7]));
    }

    #[test]
    fn behind_proxies_the_nearest_foreign_address_counts() {
        let server = behind(&["10.0.0.0/8", "192.0.2.1"]);
        let hops = "6.6.6.6, 198.51.100.1, 192.0.2.1";

        let client = server.client_ip([10, 1, 2, 3].into(), Some(hops));

        assert_eq!(client, IpAddr::from([198, 51, 100, 1]));
    }

    #[test]
    fn a_header_that_is_nonsense_leaves_the_proxys_address() {
        let server = behind(&["::/0", "0.0.0.0/0"]);

        assert_eq!(
            server.client_ip([10, 1, 2, 3].into(), Some("unknown")),
            IpAddr::from([10, 1, 2, 3])
        );
        assert_eq!(
            server.client_ip([10, 1, 2, 3].into(), None),
            IpAddr::from([10, 1, 2, 3])
        );
    }

    #[test]
    fn ranges_that_are_none_are_refused() {
        for text in ["10.0.0.0/33", "10.0.0", "10.0.0.0/x", "::1/129", ""] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
