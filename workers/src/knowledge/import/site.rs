//! Pages of the firm's own site, one after the other, and nothing else of the network.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use reqwest::{Client, redirect};
use url::{Host, Url};

use super::Incoming;
use crate::knowledge::entry::Entry;
use crate::knowledge::read::{self, LARGEST, Material, Reading};
use crate::source_text::problem;
use crate::words::folded;
use zapis_core::config::Problem;

/// The largest page.
const PAGE: u64 = 2 * 1024 * 1024;
/// How long a connection and a whole page may take.
const CONNECT: Duration = Duration::from_secs(10);
const WHOLE: Duration = Duration::from_secs(30);
/// How often a page may send on to another address.
const REDIRECTS: usize = 5;

/// How far into a site to go.
#[derive(Debug, Clone)]
pub struct SiteRules {
    /// How many links away from the page that was given.
    pub depth: usize,
    /// How many pages at most.
    pub pages: usize,
    /// How long to wait between two pages.
    pub pause: Duration,
}

impl Default for SiteRules {
    fn default() -> Self {
        Self {
            depth: 1,
            pages: 30,
            pause: Duration::from_millis(250),
        }
    }
}

/// What a site says, from a page on.
pub(super) async fn incoming(given: &str, rules: &SiteRules) -> Result<Incoming, Vec<Problem>> {
    let wrong = |message: &str, hint: &str| vec![problem(given, 0, 0, "", message, hint)];
    let mut start = Url::parse(given).map_err(|_| wrong("is no address of a page", ""))?;
    start.set_fragment(None);
    if start.host().is_none() {
        return Err(wrong("is no address of a page", ""));
    }
    let crawl = Crawl {
        client: client(&start).map_err(|error| wrong(&error.to_string(), ""))?,
        start: start.clone(),
    };
    let mut site = Site::default();
    site.known.insert(start.to_string());
    site.waiting.push_back((start.clone(), 0));
    while let Some((url, depth)) = site.waiting.pop_front() {
        if site.pages >= rules.pages {
            site.left_out = site.waiting.len() + 1;
            break;
        }
        if site.pages > 0 {
            tokio::time::sleep(rules.pause).await;
        }
        site.pages += 1;
        let page = match crawl.page(&url, depth > 0).await {
            Ok(Some(page)) => page,
            Ok(None) => continue,
            Err(problems) if depth == 0 => return Err(problems),
            Err(problems) => {
                site.warnings.extend(problems.into_iter().map(as_warning));
                continue;
            }
        };
        if depth < rules.depth && !page.reading.nofollow {
            site.follow(&page, &crawl, depth + 1);
        }
        if !page.reading.noindex {
            site.entries.extend(page.reading.entries);
        } else if depth == 0 {
            return Err(wrong(
                "asks not to be kept (robots: noindex)",
                "take that mark off the page, or save it and import the file",
            ));
        }
    }
    if site.left_out > 0 {
        let message = format!("has more pages: {} or more were left out", site.left_out);
        let hint = "allow more with --pages, or import the pages that matter";
        let left_out = problem(given, 0, 0, "", &message, hint);
        site.warnings.push(as_warning(left_out));
    }
    Ok(Incoming {
        from: given.to_owned(),
        source: start.to_string(),
        entries: distinct(site.entries),
        warnings: site.warnings,
    })
}

/// A site while it is being read.
#[derive(Default)]
struct Site {
    waiting: VecDeque<(Url, usize)>,
    known: BTreeSet<String>,
    pages: usize,
    left_out: usize,
    entries: Vec<Entry>,
    warnings: Vec<Problem>,
}

impl Site {
    fn follow(&mut self, page: &Page, crawl: &Crawl, depth: usize) {
        // It may have been reached under another address too.
        self.known.insert(page.url.to_string());
        for link in &page.reading.links {
            let Ok(mut url) = page.url.join(link.trim()) else {
                continue;
            };
            url.set_fragment(None);
            if crawl.belongs(&url) && may_be_page(&url) && self.known.insert(url.to_string()) {
                self.waiting.push_back((url, depth));
            }
        }
    }
}

fn as_warning(problem: Problem) -> Problem {
    Problem {
        warning: true,
        ..problem
    }
}

/// Whether an address is not plainly that of a picture, an archive or a document.
fn may_be_page(url: &Url) -> bool {
    let last = url.path().rsplit('/').next().unwrap_or_default();
    match last.rsplit_once('.') {
        None => true,
        Some((_, ending)) => matches!(
            ending.to_lowercase().as_str(),
            "html" | "htm" | "php" | "aspx" | "asp" | "jsp" | "shtml" | "xhtml"
        ),
    }
}

/// What stands on every page is taken once, and no two entries have one id.
fn distinct(entries: Vec<Entry>) -> Vec<Entry> {
    let mut said = BTreeSet::new();
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    let mut kept = Vec::new();
    for mut entry in entries {
        if !said.insert((folded(entry.question()), folded(&entry.answer))) {
            continue;
        }
        let count = counts
            .entry((entry.id.clone(), entry.language))
            .or_insert(0);
        *count += 1;
        if *count > 1 {
            entry.id = format!("{}--{count}", entry.id);
        }
        kept.push(entry);
    }
    kept
}

/// A page that was read.
struct Page {
    url: Url,
    reading: Reading,
}

/// A client of one site.
struct Crawl {
    client: Client,
    start: Url,
}

impl Crawl {
    /// Whether an address is on the site: the same host or its twin with or without `www.`.
    fn belongs(&self, url: &Url) -> bool {
        let host = |url: &Url| {
            let host = url.host_str().unwrap_or_default().to_lowercase();
            host.strip_prefix("www.")
                .map_or(host.clone(), str::to_owned)
        };
        matches!(url.scheme(), "http" | "https")
            && host(url) == host(&self.start)
            && url.port() == self.start.port()
            && url.username().is_empty()
            && url.password().is_none()
    }

    /// A page; none when it was linked and is none.
    async fn page(&self, url: &Url, linked: bool) -> Result<Option<Page>, Vec<Problem>> {
        let wrong =
            |message: &str, hint: &str| vec![problem(url.as_str(), 0, 0, "", message, hint)];
        let mut url = url.clone();
        for _ in 0..=REDIRECTS {
            let asked = self.client.get(url.clone()).send().await;
            let mut response = asked.map_err(|error| wrong(why(&error), ""))?;
            let status = response.status();
            let header = |name| {
                let value = response.headers().get(name);
                value
                    .and_then(|value| value.to_str().ok())
                    .unwrap_or_default()
                    .to_owned()
            };
            if status.is_redirection() {
                let next = url.join(&header(LOCATION)).ok();
                let next = next.filter(|next| self.belongs(next));
                url = next.ok_or_else(|| {
                    wrong(
                        "sends on to another site",
                        "give the address where it ends up",
                    )
                })?;
                continue;
            }
            if !status.is_success() {
                return Err(wrong(&format!("answers with {}", status.as_u16()), ""));
            }
            let kind = header(CONTENT_TYPE).to_lowercase();
            let is_page = kind.contains("html");
            if linked && !is_page {
                return Ok(None);
            }
            let (most, told) = if is_page {
                (PAGE, "is larger than 2 MiB")
            } else {
                (LARGEST, "is larger than 32 MiB")
            };
            let robots = response.headers().get("x-robots-tag").cloned();
            if header(CONTENT_LENGTH)
                .parse()
                .is_ok_and(|size: u64| size > most)
            {
                return Err(wrong(told, ""));
            }
            let mut bytes = Vec::new();
            while let Some(part) = response
                .chunk()
                .await
                .map_err(|error| wrong(why(&error), ""))?
            {
                bytes.extend_from_slice(&part);
                if bytes.len() as u64 > most {
                    return Err(wrong(told, ""));
                }
            }
            let material = Material {
                name: url.to_string(),
                bytes,
                charset: charset(&kind),
                page: is_page,
            };
            let read = tokio::task::spawn_blocking(move || read::read(material)).await;
            let mut reading = read.unwrap_or_else(|_| Err(wrong("cannot be read", "")))?;
            let said = robots.as_ref().and_then(|value| value.to_str().ok());
            reading.noindex |= said.is_some_and(|said| said.to_lowercase().contains("noindex"));
            return Ok(Some(Page { url, reading }));
        }
        Err(wrong("sends on without end", ""))
    }
}

fn charset(kind: &str) -> Option<String> {
    let (_, name) = kind.split_once("charset=")?;
    Some(name.trim_matches(['"', ' ', ';']).to_owned())
}

/// Why a page did not come, in words.
fn why(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        return "takes too long to answer";
    }
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.is::<NotOutside>() {
            return "is on a network of its own, where only the address of a machine may be given";
        }
        source = cause.source();
    }
    "cannot be reached"
}

fn client(start: &Url) -> reqwest::Result<Client> {
    Client::builder()
        // What stands between would look names up for us, whatever they lead to.
        .no_proxy()
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT)
        .timeout(WHOLE)
        .user_agent(concat!("zapis/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(Arc::new(Outside {
            inside_too: is_inside(start),
        }))
        .build()
}

/// Whether the owner named a machine of their own network: then its pages may be read.
fn is_inside(start: &Url) -> bool {
    match start.host() {
        Some(Host::Domain(name)) => {
            let name = name.to_lowercase();
            name == "localhost" || name.ends_with(".localhost") || !name.contains('.')
        }
        Some(Host::Ipv4(address)) => is_private(address.into()),
        Some(Host::Ipv6(address)) => is_private(address.into()),
        None => false,
    }
}

/// Looks names up; those that lead into the network of this machine are not found.
struct Outside {
    inside_too: bool,
}

/// A name leads to an address that nobody outside has.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to a private address")]
struct NotOutside;

impl Resolve for Outside {
    fn resolve(&self, name: Name) -> Resolving {
        let inside_too = self.inside_too;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found
                .filter(|address| inside_too || !is_private(address.ip()))
                .collect();
            if allowed.is_empty() {
                return Err(NotOutside.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Whether an address belongs to this machine or its network, or to nobody.
fn is_private(address: IpAddr) -> bool {
    let within = |address: Ipv4Addr| {
        let [a, b, c, _] = address.octets();
        address.is_private()
            || address.is_loopback()
            || address.is_link_local()
            || a == 0
            || (a == 100 && (b & 0xc0) == 64)
            || (a == 192 && b == 0 && c == 0)
            || (a == 198 && (b & 0xfe) == 18)
            || a >= 224
    };
    match address {
        IpAddr::V4(address) => within(address),
        IpAddr::V6(address) => {
            let parts = address.segments();
            let embedded = |high: u16, low: u16| {
                within(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
            };
            let mapped = address.to_ipv4_mapped();
            // Ways to write an older address in a newer one: mapped, translated, tunnelled.
            mapped.is_some_and(within)
                || (parts[..2] == [0x64, 0xff9b] && embedded(parts[6], parts[7]))
                || (parts[0] == 0x2002 && embedded(parts[1], parts[2]))
                || (parts[..3] == [0; 3] && mapped.is_none())
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || address.is_multicast()
        }
    }
}

#[cfg(test)]
mod tests;
