//! What customers send is seen in the console: pictures, voice messages, documents.

use reqwest::{Response, StatusCode};
use zapis_core::store::Role;
use zapis_sandbox::{
    CallFilter, Fault, FaultKind, FileKind, Provider, TelegramAction, WhatsAppAction, samples,
};

use crate::support::console::{Person, chat};
use crate::support::firm::{Firm, On, TELEGRAM_TOKEN, WHATSAPP_TOKEN, client};

const ANNA: i64 = 7_951;
const PHONE: &str = "79219990011";

/// She sends a file, in words that a messenger would not believe.
fn sends(firm: &Firm, kind: FileKind, name: Option<&str>, content: Option<&str>) {
    let sends = TelegramAction::Sends {
        chat: ANNA,
        kind,
        caption: Some("Вот, [смотрите]".into()),
        file_name: name.map(str::to_owned),
        content: content.map(str::to_owned),
        size: None,
    };
    firm.sandbox.telegram(sends).unwrap();
}

/// Where the files of a page are, in their order.
fn files(page: &str) -> Vec<String> {
    let parts = page.split("data-file=\"").skip(1);
    parts
        .map(|part| part.split('"').next().unwrap().replace("&#x2f;", "/"))
        .collect()
}

/// Her chat, once it shows so many files.
async fn opened(person: &Person, count: usize) -> String {
    let is_listed = |page: &str| page.contains(&ANNA.to_string());
    person.until("/console/inbox", is_listed).await;
    let shows = |page: &str| files(page).len() == count;
    person.until(&chat(ANNA), shows).await
}

fn told<'a>(answer: &'a Response, name: &str) -> &'a str {
    let value = answer.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

async fn what_customers_send_is_seen(on: On, roles: Vec<Vec<&'static str>>) {
    let firm = Firm::with(on, "log = \"trace\"", roles).await;
    let maria = Person::joins(&firm, "maria", "Мария", Role::Administrator).await;
    sends(&firm, FileKind::Photo, None, None);
    firm.telegram_answer(ANNA, 0).await;
    let page = opened(&maria, 1).await;
    assert!(
        page.contains("<img ") && page.contains("<div class=\"text\">Вот, [смотрите]</div>"),
        "{page}"
    );

    // The same bytes, from the messenger once for all who look.
    let photo = files(&page).remove(0);
    let seen = maria.get(&photo).await;
    assert_eq!(seen.status(), StatusCode::OK);
    assert_eq!(told(&seen, "content-type"), "image/png");
    assert_eq!(told(&seen, "x-content-type-options"), "nosniff");
    assert_eq!(
        told(&seen, "content-security-policy"),
        "default-src 'none'; sandbox"
    );
    assert_eq!(told(&seen, "cache-control"), "private, no-cache");
    assert_eq!(seen.bytes().await.unwrap(), samples::picture());
    let tag = told(&maria.get(&photo).await, "etag").to_owned();
    let again = maria.get_with(&photo, "if-none-match", &tag).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(told(&again, "cross-origin-opener-policy"), "unsafe-none");
    // A browser takes over what it is told now.
    assert_eq!(told(&again, "cache-control"), "private, no-cache");
    assert!(told(&again, "content-security-policy").contains("sandbox"));
    let fetched = CallFilter {
        method: Some("download".into()),
        ..CallFilter::default()
    };
    assert_eq!(firm.sandbox.calls(&fetched).len(), 1);
    let stranger = client().get(format!("{}{photo}", firm.url)).send().await;
    assert_eq!(stranger.unwrap().status(), StatusCode::SEE_OTHER);

    // A voice message on WhatsApp.
    let voice = WhatsAppAction::Sends {
        customer: PHONE.into(),
        kind: "audio".into(),
        caption: None,
        filename: None,
        mime_type: None,
        content: None,
    };
    firm.sandbox.whatsapp(voice).unwrap();
    firm.whatsapp_answer(PHONE, 0).await;
    let list = maria.reads("/console/inbox").await.replace("&#x2f;", "/");
    let (_, link) = list.split_once("href=\"/console/chats/whatsapp").unwrap();
    let link = format!(
        "/console/chats/whatsapp{}",
        link.split(['"', '?']).next().unwrap()
    );
    let page = maria.until(&link, |page| page.contains("<audio ")).await;
    let voice = maria.get(&files(&page).remove(0)).await;
    assert_eq!(told(&voice, "content-type"), "audio/ogg");
    assert_eq!(voice.bytes().await.unwrap(), samples::voice());

    let log = firm.log();
    for secret in [TELEGRAM_TOKEN, WHATSAPP_TOKEN, "lookaside"] {
        assert!(!log.contains(secret), "{secret} in the log");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_customers_send_is_seen_in_one_process() {
    what_customers_send_is_seen(On::Embedded, vec![vec!["run"]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_on_servers() {
    let roles = vec![vec!["gateway"], vec!["worker"]];
    what_customers_send_is_seen(On::servers("classic"), roles).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_do_harm_is_saved_and_never_shown() {
    let firm = Firm::with(On::Embedded, "", vec![vec!["run"]]).await;
    let maria = Person::joins(&firm, "maria", "Мария", Role::Manager).await;
    let html = "<script>alert(document.cookie)</script>";
    sends(
        &firm,
        FileKind::Document,
        Some("../прайс \"1\".html"),
        Some(html),
    );
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>";
    sends(&firm, FileKind::Document, Some("a.svg"), Some(svg));
    // What calls itself a picture and is none.
    sends(&firm, FileKind::Photo, None, Some(html));
    firm.telegram_answer(ANNA, 0).await;
    let page = opened(&maria, 3).await;
    for (link, bytes) in files(&page).iter().zip([html, svg, html]) {
        let saved = maria.get(link).await;
        assert_eq!(told(&saved, "content-type"), "application/octet-stream");
        let way = told(&saved, "content-disposition");
        assert!(way.starts_with("attachment; filename*=UTF-8''"), "{way}");
        assert!(!way.contains("..") && way.is_ascii(), "{way}");
        assert_eq!(saved.text().await.unwrap(), bytes);
    }
    assert_eq!(
        maria
            .get(&format!("{}/files/x/0", chat(ANNA)))
            .await
            .status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_gone_is_said_and_what_is_erased_is_not_there() {
    let firm = Firm::with(On::Embedded, "", vec![vec!["run"]]).await;
    let olga = Person::joins(&firm, "olga", "Ольга", Role::Owner).await;
    sends(&firm, FileKind::Photo, None, None);
    firm.telegram_answer(ANNA, 0).await;
    let page = opened(&olga, 1).await;
    let photo = files(&page).remove(0);
    let refuse = |status, message: &str| FaultKind::Refuse {
        status,
        code: i64::from(status),
        message: message.into(),
    };
    for (fault, status, words) in [
        (
            refuse(400, "Bad Request: wrong file_id"),
            StatusCode::GONE,
            "Telegram больше не хранит",
        ),
        (
            refuse(400, "Bad Request: file is too big"),
            StatusCode::UNPROCESSABLE_ENTITY,
            "слишком большой",
        ),
        (
            refuse(502, "Bad Gateway"),
            StatusCode::BAD_GATEWAY,
            "через минуту",
        ),
    ] {
        let fault = Fault::new(Provider::Telegram, fault).on("getFile").times(1);
        firm.sandbox.add_fault(fault);
        let answer = olga.get(&photo).await;
        assert_eq!(answer.status(), status);
        let page = answer.text().await.unwrap();
        assert!(page.contains(words), "{page}");
    }
    assert_eq!(olga.get(&photo).await.status(), StatusCode::OK);

    let erase = format!("{}/erase", chat(ANNA).replace("/chats/", "/customers/"));
    olga.has_done(&erase, &[("word", "стереть")]).await;
    assert_eq!(olga.get(&photo).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(firm.count("SELECT count(*) FROM attachments"), 0);
}
