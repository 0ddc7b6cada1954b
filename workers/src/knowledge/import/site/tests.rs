use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// A site on this machine that answers with what it was told, and notes what it was asked for.
struct Host {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

/// Status line, headers and body of a page.
type Answer = (&'static str, String, String);

fn html(body: &str) -> Answer {
    let header = "content-type: text/html; charset=utf-8\r\n";
    ("200 OK", header.to_owned(), body.to_owned())
}

fn moved(to: &str) -> Answer {
    ("302 Found", format!("location: {to}\r\n"), String::new())
}

impl Host {
    async fn with(pages: impl FnOnce(&str) -> Vec<(&'static str, Answer)>) -> Self {
        // One TLS stack for every client; without a provider they fail at their first call.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let pages: HashMap<&str, Answer> = pages(&address).into_iter().collect();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let mut buffer = [0; 1024];
                    let read = stream.read(&mut buffer).await.unwrap_or(0);
                    if read == 0 {
                        break;
                    }
                    request.extend_from_slice(&buffer[..read]);
                }
                let request = String::from_utf8_lossy(&request).into_owned();
                let path = request.split(' ').nth(1).unwrap_or("/").to_owned();
                let not_found = ("404 Not Found", String::new(), String::new());
                let (status, headers, body) = pages.get(path.as_str()).unwrap_or(&not_found);
                notes.lock().unwrap().push(path);
                let answer = format!(
                    "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await.ok();
            }
        });
        Self { address, asked }
    }

    async fn read(&self, path: &str, rules: SiteRules) -> Result<Incoming, Vec<Problem>> {
        incoming(&format!("{}{path}", self.address), &rules).await
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn rules(depth: usize, pages: usize) -> SiteRules {
    SiteRules {
        depth,
        pages,
        pause: Duration::ZERO,
    }
}

fn answers(incoming: &Incoming) -> Vec<&str> {
    let entries = incoming.entries.iter();
    entries.map(|entry| entry.answer.as_str()).collect()
}

const FOOT: &str = "<h2>Контакты</h2><p>Звоните нам.</p>";

#[tokio::test]
async fn links_are_followed_on_the_same_site_and_no_further() {
    let host = Host::with(|address| {
        let start = format!(
            "<h1>Цены</h1><p>Стрижка 2 500 ₽.</p>{FOOT}<a href='/care#top'>уход</a><a href='/care'>ещё</a>\
             <a href='{address}/new'>новое</a><a href='/photo.jpg'>фото</a><a href='mailto:a@b.c'>почта</a>\
             <a href='http://127.0.0.2:1/x'>чужое</a><a href='/secret'>тайна</a><a href='/gone'>нет</a>\
             <a href='/data'>данные</a>"
        );
        vec![
            ("/prices", html(&start)),
            ("/care", html(&format!("<h1>Уход</h1><p>Не мойте сутки.</p>{FOOT}<a href='/deep'>глубже</a>"))),
            ("/new", moved("/newer")),
            ("/newer", html("<h1>Новое</h1><p>Теперь и брови.</p>")),
            ("/secret", html("<meta name=robots content=noindex><p>Тайна.</p>")),
            ("/data", ("200 OK", "content-type: application/json\r\n".to_owned(), "{}".to_owned())),
        ]
    })
    .await;

    let read = host.read("/prices#top", rules(1, 30)).await.unwrap();

    assert_eq!(
        answers(&read),
        [
            "Стрижка 2 500 ₽.",
            "Звоните нам.",
            "Не мойте сутки.",
            "Теперь и брови."
        ]
    );
    assert_eq!(read.source, format!("{}/prices", host.address));
    assert_eq!(
        read.entries[3].source.file,
        format!("{}/newer", host.address)
    );
    assert_eq!(
        host.asked(),
        [
            "/prices", "/care", "/new", "/newer", "/secret", "/gone", "/data"
        ]
    );
    let told: Vec<String> = read.warnings.iter().map(Problem::to_string).collect();
    assert_eq!(
        told,
        [format!("{}/gone: warning: answers with 404", host.address)]
    );
}

#[tokio::test]
async fn no_more_pages_are_read_than_allowed() {
    let links = (0..10).map(|n| format!("<a href='/{n}'>{n}</a>"));
    let links = links.collect::<Vec<_>>().concat();
    let host = Host::with(|_| vec![("/", html(&format!("<p>Начало.</p>{links}")))]).await;
    let read = host.read("/", rules(1, 4)).await.unwrap();
    assert_eq!(host.asked().len(), 4);
    let last = read.warnings.last().unwrap().to_string();
    assert!(last.contains("7 or more were left out"), "{last}");
    let alone = host.read("/", rules(0, 4)).await.unwrap();
    assert_eq!((alone.warnings.len(), host.asked().len()), (0, 5));
}

#[tokio::test]
async fn a_page_that_cannot_be_taken_is_told() {
    let host = Host::with(|_| {
        vec![
            ("/away", moved("http://127.0.0.2:9/x")),
            ("/round", moved("/round")),
            ("/large", html(&"<p>большая страница</p>".repeat(70_000))),
            (
                "/quiet",
                html("<meta name=robots content=none><p>Тайна.</p>"),
            ),
            (
                "/header",
                (
                    "200 OK",
                    "content-type: text/html\r\nx-robots-tag: noindex\r\n".to_owned(),
                    "<p>Тайна.</p>".to_owned(),
                ),
            ),
            ("/script", html("<script>render()</script>")),
        ]
    })
    .await;
    for (path, why) in [
        ("/away", "sends on to another site"),
        ("/round", "sends on without end"),
        ("/large", "is larger than 2 MiB"),
        ("/quiet", "asks not to be kept"),
        ("/header", "asks not to be kept"),
        ("/script", "has no text"),
        ("/gone", "answers with 404"),
    ] {
        let told = host.read(path, rules(1, 30)).await.unwrap_err()[0].to_string();
        assert!(told.contains(why) && told.contains(path), "{path}: {told}");
    }
    let nobody = incoming("http://127.0.0.1:1/", &rules(1, 1)).await;
    assert!(
        nobody.unwrap_err()[0]
            .to_string()
            .contains("cannot be reached")
    );
    assert!(incoming("http://", &rules(1, 1)).await.is_err());
}

#[tokio::test]
async fn a_document_on_a_site_is_read_as_what_it_is() {
    let csv = "question,answer\nЕсть чай?,Да.\n";
    let header = "content-type: text/csv\r\n".to_owned();
    let host = Host::with(|_| vec![("/faq.csv", ("200 OK", header, csv.to_owned()))]).await;
    let read = host.read("/faq.csv", rules(1, 30)).await.unwrap();
    assert_eq!(answers(&read), ["Да."]);
}

#[tokio::test]
async fn a_name_that_leads_inside_is_not_found_unless_it_says_so_itself() {
    let resolve = async |inside_too, name: &str| {
        let name: Name = name.parse().unwrap();
        Outside { inside_too }.resolve(name).await.is_ok()
    };
    assert!(!resolve(false, "localhost").await);
    assert!(resolve(true, "localhost").await);
    for (address, inside) in [
        ("http://localhost/", true),
        ("http://salon/", true),
        ("http://10.0.0.1/", true),
        ("http://2130706433/", true),
        ("http://[::1]/", true),
        ("https://salon.example/", false),
        ("http://93.184.216.34/", false),
    ] {
        assert_eq!(is_inside(&address.parse().unwrap()), inside, "{address}");
    }
}

#[test]
fn addresses_that_nobody_outside_has_are_known() {
    for (address, private) in [
        ("127.0.0.1", true),
        ("10.1.2.3", true),
        ("172.16.0.1", true),
        ("192.168.1.1", true),
        ("169.254.169.254", true),
        ("100.64.0.1", true),
        ("0.0.0.0", true),
        ("224.0.0.1", true),
        ("8.8.8.8", false),
        ("172.32.0.1", false),
        ("::1", true),
        ("::", true),
        ("::ffff:127.0.0.1", true),
        ("::ffff:8.8.8.8", false),
        ("64:ff9b::a00:1", true),
        ("2002:7f00:1::", true),
        ("fd00::1", true),
        ("fe80::1", true),
        ("2a00:1450::1", false),
    ] {
        assert_eq!(is_private(address.parse().unwrap()), private, "{address}");
    }
}

#[test]
fn the_twin_of_a_host_is_the_same_site() {
    let start: Url = "https://www.salon.example/prices".parse().unwrap();
    let crawl = Crawl {
        client: Client::builder().no_proxy().build().unwrap(),
        start,
    };
    for (address, belongs) in [
        ("https://salon.example/a", true),
        ("http://WWW.salon.example/", true),
        ("https://salon.example:8443/", false),
        ("https://blog.salon.example/", false),
        ("https://salon.example.evil.example/", false),
        ("https://user@salon.example/", false),
        ("ftp://salon.example/", false),
    ] {
        assert_eq!(
            crawl.belongs(&address.parse().unwrap()),
            belongs,
            "{address}"
        );
    }
}
