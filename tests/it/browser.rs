//! The widget in a real browser, on a page of another origin with a strict content policy.

mod chromium;
mod console;
mod demo;
mod page;
mod wire;

use serde_json::{Value, json};

use crate::support::firm::{Firm, On};
use chromium::{Browser, Screen};
use page::Page;
use wire::Wire;

/// A site with the widget, the program behind it, and the wire between them.
struct Site {
    firm: Firm,
    page: Page,
    wire: Wire,
}

impl Site {
    async fn open(attributes: &str) -> Self {
        let wire = Wire::lay().await;
        let page = Page::open(&wire.url(), attributes).await;
        let account = format!(
            "[[channels.webchat]]\naccount = \"shop\"\nallowed_origins = [\"{}\"]\n",
            page.url
        );
        let firm = Firm::with(On::Embedded, &account, vec![vec!["run"]]).await;
        wire.lead_to(firm.url.trim_start_matches("http://").parse().unwrap());
        Self { firm, page, wire }
    }

    /// A browser that shows the page with the chat still closed.
    async fn visit(&self, screen: Screen) -> Browser {
        let browser = Browser::start(screen).await;
        browser.goto(&self.page.url).await;
        browser
            .until("return Boolean(root?.querySelector('.launcher'))")
            .await;
        browser
    }

    /// Nothing in the page broke the page's content policy.
    fn was_polite(&self) {
        let reports = self.page.reports();
        assert!(reports.is_empty(), "{reports:?}\n{}", self.firm.log());
    }
}

/// What the visitor sees: who says what, and how far an own message got.
async fn lines(browser: &Browser) -> Vec<(String, String, String)> {
    let lines = browser
        .run(
            "return [...root.querySelectorAll('.m')].map(m => [
                m.classList.contains('mine') ? 'customer' : 'firm',
                m.querySelector('.bubble').textContent,
                m.querySelector('.meta, .sr:nth-of-type(3)')?.textContent ?? ''])",
        )
        .await;
    serde_json::from_value(lines).unwrap()
}

/// Writes into the open chat as a person does.
async fn write(browser: &Browser, text: &str) {
    browser.run("root.querySelector('textarea').focus()").await;
    browser.types(text).await;
    browser.types("\u{e007}").await;
}

/// Waits until the message with this text was acknowledged.
async fn sent(browser: &Browser, text: &str) {
    let script = format!(
        "return [...root.querySelectorAll('.m.mine:not(.pending):not(.failed)')]
            .some(m => m.querySelector('.bubble').textContent === {})",
        json!(text)
    );
    browser.until(&script).await;
}

const ONLINE: &str = "return root.querySelector('.status').classList.contains('on')";
const ANSWERED: &str = "return root.querySelector('.m:not(.mine)') !== null";

#[tokio::test]
async fn a_visitor_opens_the_chat_writes_gets_an_answer_and_finds_it_again_after_a_reload() {
    let site = Site::open("data-lang=\"ru\" data-title=\"Салон\"").await;
    let browser = site.visit(Screen::Desktop).await;
    assert_eq!(
        site.wire.paths(),
        ["/webchat/shop/widget.js"],
        "before the first click"
    );

    browser.click(".launcher").await;
    browser.until(ONLINE).await;
    write(&browser, "Сколько стоит женская стрижка?").await;
    sent(&browser, "Сколько стоит женская стрижка?").await;
    browser.until(ANSWERED).await;
    let before = lines(&browser).await;
    browser.reload().await;
    browser.click(".launcher").await;
    browser.until(ANSWERED).await;

    let after: Vec<_> = lines(&browser)
        .await
        .into_iter()
        .map(|(who, text, _)| (who, text))
        .collect();
    let before: Vec<_> = before
        .into_iter()
        .map(|(who, text, _)| (who, text))
        .collect();
    assert!(after.starts_with(&before), "{before:?}\n{after:?}");
    assert_eq!(before[0].0, "customer");
    assert_eq!(before[1].0, "firm");
    site.was_polite();
}

#[tokio::test]
async fn what_is_written_while_the_connection_is_cut_is_sent_once() {
    let site = Site::open("data-lang=\"ru\"").await;
    let browser = site.visit(Screen::Desktop).await;
    browser.click(".launcher").await;
    browser.until(ONLINE).await;
    write(&browser, "Здравствуйте").await;
    sent(&browser, "Здравствуйте").await;

    site.wire.cut();
    browser
        .until("return !root.querySelector('.status').classList.contains('on')")
        .await;
    write(&browser, "Вы работаете в воскресенье?").await;
    browser
        .until("return root.textContent.includes('Будет отправлено')")
        .await;
    site.wire.mend();
    sent(&browser, "Вы работаете в воскресенье?").await;

    browser.reload().await;
    browser.click(".launcher").await;
    browser.until(ANSWERED).await;
    let own: Vec<String> = lines(&browser)
        .await
        .into_iter()
        .filter(|(who, ..)| who == "customer")
        .map(|(_, text, _)| text)
        .collect();
    assert_eq!(own, ["Здравствуйте", "Вы работаете в воскресенье?"]);
}

#[tokio::test]
async fn where_sockets_do_not_pass_the_chat_goes_on_over_events() {
    let site = Site::open("data-lang=\"ru\"").await;
    site.wire.refuse("/webchat/shop/socket");
    let browser = site.visit(Screen::Desktop).await;

    browser.click(".launcher").await;
    browser.until(ONLINE).await;
    write(&browser, "Какой у вас адрес?").await;
    sent(&browser, "Какой у вас адрес?").await;
    browser.until(ANSWERED).await;

    assert!(
        site.wire
            .paths()
            .iter()
            .any(|path| path == "/webchat/shop/events")
    );
    site.was_polite();
}

#[tokio::test]
async fn a_visitor_without_a_mouse_talks_and_comes_back_to_where_they_were() {
    let site = Site::open("data-lang=\"en\" data-policy-url=\"/policy\"").await;
    let browser = site.visit(Screen::Desktop).await;
    let focus = "return root.activeElement?.className || root.activeElement?.tagName || ''";

    browser.run("document.querySelector('a').focus()").await;
    browser.types("\u{e004}").await;
    assert_eq!(browser.run(focus).await, "launcher");
    browser.types("\u{e007}").await;
    browser.until(ONLINE).await;
    assert_eq!(browser.run(focus).await, "TEXTAREA");
    browser
        .types("How much is\u{e008}\u{e007}\u{e000}a haircut?")
        .await;
    let draft = browser
        .run("return root.querySelector('textarea').value")
        .await;
    assert_eq!(
        draft, "How much is\na haircut?",
        "Shift+Enter is a new line"
    );

    browser.types("\u{e007}").await;
    browser
        .until("return root.activeElement.id === 'consent'")
        .await;
    assert!(
        lines(&browser).await.is_empty(),
        "nothing is sent without consent"
    );
    browser.types(" ").await;
    browser.types("\u{e004}\u{e004}").await;
    assert_eq!(browser.run(focus).await, "TEXTAREA");
    browser.types("\u{e007}").await;
    sent(&browser, "How much is\na haircut?").await;

    browser.types("\u{e00c}").await;
    browser
        .until("return !root.querySelector('dialog').open")
        .await;
    browser
        .until("return root.activeElement?.className === 'launcher'")
        .await;
    site.was_polite();
}

#[tokio::test]
async fn on_a_phone_the_chat_is_the_whole_screen_and_the_page_waits() {
    let site = Site::open("data-lang=\"ru\"").await;
    let browser = site.visit(Screen::Phone).await;
    browser.run("document.querySelector('a').focus()").await;

    browser.click(".launcher").await;
    browser.until(ONLINE).await;

    browser
        .until("return root.querySelector('dialog').getAnimations().length === 0")
        .await;
    let panel = browser
        .run(
            "const box = root.querySelector('dialog').getBoundingClientRect();
             return {box: [box.x, box.y, box.width, box.height], screen: [0, 0, innerWidth, innerHeight],
               modal: root.querySelector('dialog').matches(':modal'),
               top: document.elementFromPoint(5, 5).localName,
               font: parseFloat(getComputedStyle(root.querySelector('textarea')).fontSize),
               small: [...root.querySelectorAll('dialog button')].filter(b => b.offsetWidth && (b.offsetWidth < 44 || b.offsetHeight < 44)).length,
               scroll: document.documentElement.style.overflow}",
        )
        .await;
    assert_eq!(panel["box"], panel["screen"]);
    assert_eq!(panel["modal"], true);
    assert_eq!(panel["top"], "zapis-chat");
    assert!(panel["font"].as_f64().unwrap() >= 16.0);
    assert_eq!(panel["small"], 0, "targets of 44 px");
    assert_eq!(panel["scroll"], "hidden");
    browser.run("document.querySelector('a').focus()").await;
    let behind = browser.run("return document.activeElement.localName").await;
    assert_ne!(behind, "a", "the page behind is inert");

    browser.click(".close").await;
    browser
        .until("return root.activeElement?.className === 'launcher'")
        .await;
    assert_eq!(
        browser
            .run("return document.documentElement.style.overflow")
            .await,
        ""
    );
    site.was_polite();
}

#[tokio::test]
async fn axe_finds_nothing_to_complain_about() {
    let site = Site::open(
        "data-lang=\"ru\" data-title=\"Салон\" data-policy-url=\"/policy\" data-color=\"#f2b705\"",
    )
    .await;
    for screen in [Screen::Desktop, Screen::Phone] {
        let browser = site.visit(screen).await;
        let mut found = vec![("closed", browser.axe().await)];
        browser.click(".launcher").await;
        browser.until(ONLINE).await;
        found.push(("open", browser.axe().await));
        write(&browser, "Здравствуйте").await;
        browser
            .until("return root.activeElement.id === 'consent'")
            .await;
        found.push(("asked for consent", browser.axe().await));
        browser.click("#consent").await;
        write(&browser, "!").await;
        browser.until(ANSWERED).await;
        found.push(("talking", browser.axe().await));
        site.wire.cut();
        write(&browser, "Алло").await;
        browser
            .until("return !root.querySelector('.notice').hidden")
            .await;
        found.push(("cut", browser.axe().await));
        site.wire.mend();

        found.retain(|(_, violations)| *violations != Value::Array(Vec::new()));
        assert!(found.is_empty(), "{found:#?}");
    }
}
