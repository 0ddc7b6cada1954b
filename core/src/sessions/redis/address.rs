//! The address of a Redis: `redis://host:6379/0`, `redis+sentinel://h1:26379,h2:26379/master/0`,
//! `redis+cluster://h1:7000,h2:7001`, each also as `rediss…` for TLS.
//!
//! User and password before the hosts are those of the Redis servers. Sentinels that ask for a
//! password of their own get it from `?sentinel_password=…`.

use redis::{ConnectionInfo, IntoConnectionInfo};

/// Where Redis is.
pub(super) enum Address {
    /// One server.
    One(ConnectionInfo),
    /// Whichever server the sentinels name.
    Sentinel {
        sentinels: Vec<ConnectionInfo>,
        master: String,
        /// TLS, user, password and database for the server itself; its host means nothing.
        server: ConnectionInfo,
        tls: bool,
    },
    /// The nodes of a Cluster, or some of them.
    Cluster(Vec<ConnectionInfo>),
}

/// Takes an address apart. The error names no part of it: there may be a password in it.
pub(super) fn parse(url: &str) -> Result<Address, String> {
    let (scheme, rest) = url.split_once("://").ok_or("the address has no scheme")?;
    let (base, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
    if !matches!(base, "redis" | "rediss") {
        return Err("the address starts with neither redis nor rediss".to_owned());
    }
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, hosts) = place.rsplit_once('@').unwrap_or(("", place));
    let at = if place.contains('@') { "@" } else { "" };
    let each = || hosts.split(',').map(str::trim);
    let node = |user: &str, at: &str, host: &str, database: &str| {
        format!("{base}://{user}{at}{host}/{database}")
            .into_connection_info()
            .map_err(|_| "the address cannot be read; a password needs its special signs as %XX")
    };
    match kind {
        "" => Ok(Address::One(node(user, at, hosts, path)?)),
        "cluster" => {
            let nodes = each().map(|host| node(user, at, host, ""));
            Ok(Address::Cluster(nodes.collect::<Result<_, _>>()?))
        }
        "sentinel" => {
            let (master, database) = path.split_once('/').unwrap_or((path, ""));
            if master.is_empty() {
                return Err("the address names no master, as in …:26379/master/0".to_owned());
            }
            let password = query
                .split('&')
                .find_map(|pair| pair.strip_prefix("sentinel_password="));
            let sentinels = each().map(|host| match password {
                Some(password) => node(&format!(":{password}"), "@", &with_port(host), ""),
                None => node("", "", &with_port(host), ""),
            });
            Ok(Address::Sentinel {
                sentinels: sentinels.collect::<Result<_, _>>()?,
                master: master.to_owned(),
                server: node(user, at, "localhost", database)?,
                tls: base == "rediss",
            })
        }
        _ => Err("the address is neither +sentinel nor +cluster".to_owned()),
    }
}

/// Sentinels have a port of their own.
fn with_port(host: &str) -> String {
    let has_port = host
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    if has_port {
        host.to_owned()
    } else {
        format!("{host}:26379")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(info: &ConnectionInfo) -> String {
        info.addr().to_string()
    }

    #[test]
    fn every_kind_of_address_is_understood() {
        let Ok(Address::One(one)) = parse("redis://anna:p%40ss@localhost:6380/3") else {
            panic!("one server");
        };
        assert_eq!(place(&one), "localhost:6380");
        assert_eq!(one.redis_settings().db(), 3);
        assert_eq!(one.redis_settings().password(), Some("p@ss"));

        let Ok(Address::Cluster(nodes)) = parse("rediss+cluster://:x@h1:7000,h2:7001") else {
            panic!("a cluster");
        };
        assert_eq!(
            nodes.iter().map(place).collect::<Vec<_>>(),
            ["h1:7000", "h2:7001"]
        );

        let url = "redis+sentinel://:x@h1,h2:26380/salon/2?sentinel_password=y";
        let Ok(Address::Sentinel {
            sentinels,
            master,
            server,
            tls,
        }) = parse(url)
        else {
            panic!("sentinels");
        };
        assert_eq!(
            sentinels.iter().map(place).collect::<Vec<_>>(),
            ["h1:26379", "h2:26380"]
        );
        assert_eq!(sentinels[0].redis_settings().password(), Some("y"));
        assert_eq!((master.as_str(), tls), ("salon", false));
        assert_eq!(server.redis_settings().db(), 2);
        assert_eq!(server.redis_settings().password(), Some("x"));
    }

    #[test]
    fn a_wrong_address_is_refused_without_telling_the_password() {
        for url in [
            "redis//secret@h",
            "http://:secret@h",
            "redis+ring://:secret@h",
            "redis+sentinel://:secret@h",
            "redis://:secret@h:port",
            "redis://:secret@h/zero",
        ] {
            let Err(error) = parse(url) else {
                panic!("{url} was taken");
            };
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
