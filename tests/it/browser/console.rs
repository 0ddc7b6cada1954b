//! The console in a browser: a chat taken, answered and given back by keys and buttons, live; and what a
//! checker of accessibility says of every page, in both languages, on a desk and on a phone.

use chrono::TimeDelta;
use serde_json::{Value, json};
use zapis_core::Clock;
use zapis_core::store::Role;
use zapis_sandbox::{Fault, FaultKind, FileKind, Provider, TelegramAction};

use super::chromium::{Browser, Screen};
use crate::journeys::ahead::{at, books};
use crate::support::console::{PASSWORD, Person, chat, code, step};
use crate::support::firm::{Firm, On};

/// Every page that somebody may see.
const PAGES: &[&str] = &[
    "/console/",
    "/console/chats/telegram%3Amain%3A7501",
    "/console/drafts",
    "/console/visits",
    "/console/visits/week",
    "/console/knowledge?try=%D0%B0%D0%B4%D1%80%D0%B5%D1%81",
    "/console/knowledge/entry",
    "/console/knowledge/gaps",
    "/console/knowledge/import",
    "/console/knowledge/versions",
    "/console/replies",
    "/console/figures?by=channel&behind=answered",
    "/console/reports",
    "/console/reports?report=weekly",
    "/console/review?month=2026-11",
    "/console/ahead",
    "/console/experiments",
    "/console/health",
    "/console/quality",
    "/console/journal/search?words=%D1%81",
    "/console/people",
    "/console/settings",
    "/console/settings?part=masters",
    "/console/settings?part=reminders",
    "/console/settings?part=texts",
    "/console/settings?part=texts&key=greeting",
    "/console/settings?part=autonomy",
    "/console/settings?part=file",
    "/console/settings/versions",
    "/console/me",
    "/console/customers",
    "/console/customers/telegram%3Amain%3A7501",
    "/console/erasures",
];

/// Something for the page of experiments to show.
const EXPERIMENT: &str = r#"
[[experiments]]
id = "thanks"
about = "Другие слова на «спасибо»"
goal = "booked"
arms = [{ id = "a" }, { id = "b", texts = { ru = { welcome = "Рады помочь!" } } }]
"#;

fn logging_in() -> String {
    format!(
        "document.querySelector('[name=login]').value = 'olga';
         document.querySelector('[name=password]').value = {};
         document.querySelector('form').requestSubmit();",
        json!(PASSWORD)
    )
}

async fn logs_in(browser: &Browser, firm: &Firm) {
    browser.goto(&format!("{}/console/", firm.url)).await;
    browser.run(&logging_in()).await;
    browser
        .until(
            "return location.pathname === '/console/' && Boolean(document.querySelector('.bar'))",
        )
        .await;
}

async fn is_fine(browser: &Browser, what: &str) {
    let wide = browser
        .run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        .await;
    assert_eq!(wide, true, "{what} is wider than the screen");
    let found = browser.axe().await;
    assert_eq!(found, Value::Array(Vec::new()), "{what}");
}

async fn has(browser: &Browser, selector: &str, part: &str) {
    let script = format!(
        "return [...document.querySelectorAll({})].some(one => one.innerText.includes({}))",
        json!(selector),
        json!(part)
    );
    browser.until(&script).await;
}

/// Nobody takes a chat from a colleague without wanting to, and words that are refused stay.
async fn a_colleague_takes_it_while_one_writes(browser: &Browser, firm: &Firm, customer: i64) {
    let maria = Person::joins(firm, "maria", "Мария", Role::Administrator).await;
    let focus = "document.querySelector('[data-say] textarea').focus()";
    browser.run(focus).await;
    browser.types("Сейчас посмотрю").await;
    // Each sees that the other one is there, without a reload.
    let here = format!("{}/here", chat(customer));
    maria
        .until(&here, |part| part.contains("Ольга пишет…"))
        .await;
    maria.reads(&chat(customer)).await;
    has(browser, "[data-here]", "Мария тоже смотрит этот чат").await;
    let key = uuid::Uuid::new_v4().to_string();
    let over = [("key", key.as_str()), ("over", "true")];
    maria
        .has_done(&format!("{}/take", chat(customer)), &over)
        .await;
    has(browser, ".acts", "Мария").await;
    let send = "document.querySelector('[data-say]').requestSubmit()";
    browser.run(send).await;
    has(browser, "[data-say] .problem", "Мария").await;
    let typed = "return document.querySelector('[data-say] textarea').value";
    assert_eq!(browser.run(typed).await, "Сейчас посмотрю");
    let lines = firm.sandbox.telegram_transcript(customer, None);
    assert!(lines.iter().all(|line| line.text != "Сейчас посмотрю"));
    // Taken over knowingly, the same words go out, once.
    browser
        .run("document.querySelector('[data-say] [name=over]').click()")
        .await;
    assert_eq!(firm.telegram_answer(customer, 2).await, "Сейчас посмотрю");
    browser
        .until("return document.querySelector('[data-say] textarea').value === ''")
        .await;
    has(browser, ".acts", "Вернуть боту").await;
}

#[tokio::test]
async fn a_chat_is_taken_answered_and_given_back_in_the_browser() {
    let mut firm = Firm::closed(On::Embedded, "", vec![vec!["run"]]).await;
    std::fs::write(firm.config_dir().join("experiments.toml"), EXPERIMENT).unwrap();
    firm.start().await;
    let olga = Person::joins(&firm, "olga", "Ольга", Role::Owner).await;
    let reply = format!("/console/replies/{}", uuid::Uuid::new_v4());
    let often = [("title", "Кто пишет"), ("text", "Это Ольга.")];
    olga.has_done(&reply, &often).await;
    let browser = Browser::start(Screen::Desktop).await;
    logs_in(&browser, &firm).await;
    has(&browser, ".empty", "никто не писал").await;

    // The list lives: nobody reloads it.
    let anna = 7_501;
    firm.sandbox
        .telegram_writes(anna, "Позовите администратора")
        .unwrap();
    firm.telegram_answer(anna, 0).await;
    has(&browser, ".chat.waits", "просит человека").await;
    browser
        .until("return document.title.startsWith('(1)')")
        .await;
    browser.goto(&format!("{}{}", firm.url, chat(anna))).await;
    has(&browser, ".line.customer", "Позовите администратора").await;

    browser.types("t").await;
    browser
        .until("return document.querySelector('[data-hot]').dataset.hot === 'b'")
        .await;
    // What is often said goes into the field, and nowhere else.
    browser.types("r").await;
    browser
        .until("return document.activeElement.matches('[data-say] textarea')")
        .await;
    browser.types("Здравствуйте! ").await;
    let insert = "document.querySelector('[data-insert=\"Это Ольга.\"]').click()";
    browser.run(insert).await;
    let joined = "return document.querySelector('[data-say] textarea').value === 'Здравствуйте!\\nЭто Ольга.'";
    browser.until(joined).await;
    browser
        .run("document.querySelector('[data-say] textarea').value = ''")
        .await;
    browser.types("Здравствуйте! Это Ольга.").await;
    // A message that comes while one writes takes nothing away.
    firm.sandbox.telegram_writes(anna, "Ау?").unwrap();
    has(&browser, ".line.customer", "Ау?").await;
    let typed = "return document.querySelector('[data-say] textarea').value";
    assert_eq!(browser.run(typed).await, "Здравствуйте! Это Ольга.");
    browser
        .run("document.querySelector('[data-say]').requestSubmit()")
        .await;
    has(&browser, ".line.staff", "Это Ольга").await;
    assert_eq!(
        firm.telegram_answer(anna, 1).await,
        "Здравствуйте! Это Ольга."
    );
    let said = "return document.querySelectorAll('.line.staff').length === 1";
    browser.until(said).await;
    assert_eq!(browser.run(typed).await, "");
    a_colleague_takes_it_while_one_writes(&browser, &firm, anna).await;

    browser.run("document.activeElement.blur()").await;
    browser.types("b").await;
    browser
        .until("return document.querySelector('[data-hot]').dataset.hot === 't'")
        .await;
    firm.sandbox
        .telegram_writes(anna, "Сколько стоит мужская стрижка?")
        .unwrap();
    has(&browser, ".line.bot", "1\u{a0}900").await;
    let why = "return [...document.querySelectorAll('.why')].some(one => one.textContent.includes('business.toml'))";
    browser.until(why).await;

    a_month_is_known(&firm).await;
    every_page_is_fine_in_both_languages(&browser, &firm).await;
    let phone = Browser::start(Screen::Phone).await;
    logs_in(&phone, &firm).await;
    for page in PAGES {
        phone.goto(&format!("{}{page}", firm.url)).await;
        is_fine(&phone, &format!("{page} on a phone")).await;
    }
    a_code_is_asked_for(&phone, &firm).await;
}

/// There is something to draw of what lies ahead.
async fn a_month_is_known(firm: &Firm) {
    let store = firm.store().await;
    let today = Clock::system().now().date_naive();
    for (days, made) in [(-30, -32), (3, -7)] {
        let [day, made] = [days, made].map(|days| today + TimeDelta::days(days));
        books(&store, day, 12, at(made, 12), "+79210009999").await;
    }
    store.close().await;
}

async fn every_page_is_fine_in_both_languages(browser: &Browser, firm: &Firm) {
    for language in ["ru", "en"] {
        for page in PAGES {
            browser.goto(&format!("{}{page}", firm.url)).await;
            is_fine(browser, &format!("{page} in {language}")).await;
        }
        let change = "document.querySelector('[action=\"/console/language\"]').requestSubmit()";
        let before = browser.run("return document.documentElement.lang").await;
        browser.run(change).await;
        let turned = format!("return document.documentElement.lang !== {before}");
        browser.until(&turned).await;
    }
}

/// The second factor, switched on and used.
async fn a_code_is_asked_for(phone: &Browser, firm: &Firm) {
    phone.goto(&format!("{}/console/me", firm.url)).await;
    let unfold = "document.querySelector('details:has([name=secret])').open = true;
         const picture = document.querySelector('img.code');
         return await picture.decode().then(() => picture.naturalWidth >= 240)";
    assert_eq!(
        phone.run(unfold).await,
        true,
        "the policy shows the picture"
    );
    is_fine(phone, "the picture for the app").await;
    let secret = phone
        .run("return document.querySelector('[name=secret]').value")
        .await;
    let secret = secret.as_str().unwrap();
    let step = step();
    let types = |code: &str| {
        format!(
            "const field = document.querySelector('[name=code]');
             field.value = {};
             field.form.requestSubmit();",
            json!(code)
        )
    };
    let password = format!(
        "document.querySelector('[action=\"/console/me/totp\"] [name=password]').value = {}",
        json!(PASSWORD)
    );
    phone.run(&password).await;
    phone.run(&types(&code(secret, step))).await;
    phone
        .until("return document.querySelectorAll('.codes li').length === 10")
        .await;
    is_fine(phone, "the recovery codes").await;

    phone
        .run("document.querySelector('[action=\"/console/logout\"]').requestSubmit()")
        .await;
    phone
        .until("return Boolean(document.querySelector('[name=login]'))")
        .await;
    phone.run(&logging_in()).await;
    phone
        .until("return Boolean(document.querySelector('[name=half]'))")
        .await;
    is_fine(phone, "the code").await;
    phone.run(&types(&code(secret, step + 1))).await;
    phone
        .until("return Boolean(document.querySelector('.bar'))")
        .await;
}

/// Drags the visit of a customer so many pixels down, and into the column of somebody if one is named.
fn drag(name: &str, down: i32, person: Option<&str>) -> String {
    format!(
        "const visit = [...document.querySelectorAll('.visit')].find(one => one.innerText.includes({}));
         visit.scrollIntoView({{ block: 'center' }});
         const box = visit.querySelector('.grip').getBoundingClientRect();
         const [x, y] = [box.left + 10, box.top + 5];
         const column = document.querySelector(`[data-person=\"${{{}}}\"] .hours`)?.getBoundingClientRect();
         const to = column ? column.left + 20 : x;
         const tell = (target, type, y, x) => target.dispatchEvent(new PointerEvent(type, {{ bubbles: true, button: 0, clientX: x, clientY: y }}));
         tell(visit.querySelector('.grip'), 'pointerdown', y, x);
         tell(window, 'pointermove', y + {down}, to);
         tell(window, 'pointerup', y + {down}, to);",
        json!(name),
        json!(person.unwrap_or("nobody")),
    )
}

#[tokio::test]
async fn a_visit_is_dragged_while_a_customer_books_the_same_time() {
    let firm = Firm::with(On::Embedded, "", vec![vec!["run"]]).await;
    let olga = Person::joins(&firm, "olga", "Ольга", Role::Owner).await;
    // Both stylists work on Saturdays.
    let free = [
        "book",
        "free",
        "bang-cut",
        "--person",
        "olga",
        "--when",
        "в следующую субботу утром",
        "--json",
    ];
    let free: Value = serde_json::from_slice(&firm.command(&free).stdout).unwrap();
    let at = free[0]["starts_at"].as_str().unwrap()[..16].to_owned();
    let person = free[0]["items"][0]["person"].as_str().unwrap();
    let books = async |name: &str, at: &str| {
        let key = uuid::Uuid::new_v4().to_string();
        let typed = [
            ("key", key.as_str()),
            ("service", "bang-cut"),
            ("person", person),
            ("at", at),
            ("name", name),
        ];
        olga.has_done("/console/visits", &typed).await;
    };
    let hour = |hours: i64| {
        let begins = chrono::NaiveDateTime::parse_from_str(&at, "%Y-%m-%dT%H:%M").unwrap();
        let then = begins + TimeDelta::hours(hours);
        then.format("%Y-%m-%dT%H:%M").to_string()
    };
    books("Пётр", &at).await;
    let browser = Browser::start(Screen::Desktop).await;
    logs_in(&browser, &firm).await;
    let page = format!("{}/console/visits?day={}", firm.url, &at[..10]);
    browser.goto(&page).await;
    browser
        .until("return Boolean(document.querySelector('.grid .visit'))")
        .await;
    is_fine(&browser, "the grid").await;

    // Two hours down: 1.4 px a minute.
    browser.run(&drag("Пётр", 168, None)).await;
    has(&browser, ".visit", &hour(2)[11..]).await;

    // What was typed beside it is still there, and a drag to where it was changes nothing.
    let typed = "document.querySelector('[data-add]').elements.name.value = 'Вера'";
    browser.run(typed).await;
    let changes = || firm.count("SELECT count(*) FROM book_changes");
    let before = changes();
    browser.run(&drag("Пётр", 1, Some(person))).await;
    browser.run(&drag("Пётр", 84, None)).await;
    has(&browser, ".visit", &hour(3)[11..]).await;
    browser.run(&drag("Пётр", -84, None)).await;
    has(&browser, ".visit", &hour(2)[11..]).await;
    assert_eq!(changes(), before + 2);
    let kept = "return document.querySelector('[data-add]').elements.name.value";
    assert_eq!(browser.run(kept).await, "Вера");

    // To a colleague who does the same, at the same time.
    let colleague = "ilya";
    browser.run(&drag("Пётр", 0, Some(colleague))).await;
    let theirs = |who: &str| format!("[data-person=\"{who}\"] .visit");
    has(&browser, &theirs(colleague), "Пётр").await;
    browser.run(&drag("Пётр", 0, Some(person))).await;
    has(&browser, &theirs(person), "Пётр").await;

    // Somebody books what the page does not show yet: the visit goes back and says why.
    books("Иван", &hour(4)).await;
    browser.run(&drag("Пётр", 168, None)).await;
    has(&browser, ".visit.unfolded .problem", "занято").await;
    browser.goto(&page).await;
    has(&browser, ".visit", &hour(2)[11..]).await;
    has(&browser, ".visit", "Иван").await;

    // An empty place is where the next one is booked.
    let tap = "const hours = document.querySelector('.hours');
         const top = hours.getBoundingClientRect().top;
         hours.dispatchEvent(new MouseEvent('click', { bubbles: true, clientX: 0, clientY: top + 84 * 5 }));
         return document.querySelector('[data-add]').elements.at.value";
    assert_eq!(browser.run(tap).await, format!("{}T14:00", &at[..10]));
}

fn sends(firm: &Firm, chat: i64, kind: FileKind, content: Option<&str>) {
    let sends = TelegramAction::Sends {
        chat,
        kind,
        caption: None,
        file_name: None,
        content: content.map(str::to_owned),
        size: None,
    };
    firm.sandbox.telegram(sends).unwrap();
}

#[tokio::test]
async fn pictures_are_seen_as_they_come_and_a_voice_message_plays_on() {
    let firm = Firm::with(On::Embedded, "", vec![vec!["run"]]).await;
    Person::joins(&firm, "olga", "Ольга", Role::Owner).await;
    let anna = 7_502;
    firm.sandbox.telegram_writes(anna, "Здравствуйте").unwrap();
    firm.telegram_answer(anna, 0).await;
    let browser = Browser::start(Screen::Desktop).await;
    logs_in(&browser, &firm).await;
    has(&browser, ".chat", "Здравствуйте").await;
    browser.goto(&format!("{}{}", firm.url, chat(anna))).await;

    sends(&firm, anna, FileKind::Photo, None);
    let seen = "const image = document.querySelector('.file img');
         image?.scrollIntoView();
         return image?.naturalWidth === 160";
    browser.until(seen).await;
    sends(&firm, anna, FileKind::Voice, None);
    browser
        .until("return Boolean(document.querySelector('.file audio'))")
        .await;
    // Only who has done something hears anything.
    browser.types("r").await;
    let plays = "const sound = document.querySelector('.file audio');
         sound.muted = true;
         sound.loop = true;
         await sound.play();
         return !sound.paused && sound.duration > 1";
    assert_eq!(browser.run(plays).await, true);
    sends(&firm, anna, FileKind::Document, None);
    has(&browser, ".file", "document.pdf").await;
    let plays = "return !document.querySelector('.file audio').paused";
    assert_eq!(browser.run(plays).await, true);
    assert_eq!(browser.run(seen).await, true, "it is not loaded again");

    let link = "return document.querySelector('.file a').href";
    let link = browser.run(link).await;
    let large = Browser::start(Screen::Desktop).await;
    logs_in(&large, &firm).await;
    large.goto(link.as_str().unwrap()).await;
    large
        .until("return document.images[0]?.naturalWidth === 160")
        .await;

    // What cannot be played can be saved.
    sends(&firm, anna, FileKind::Audio, Some("#!AMR"));
    let play = "const sounds = document.querySelectorAll('.file audio');
         if (sounds.length === 2) sounds[1].play().catch(() => {});
         return [...document.querySelectorAll('.file > a')].some(one => one.innerText.includes('Голосовое'))";
    browser.until(play).await;

    // What is gone is said in its place.
    let gone = FaultKind::Refuse {
        status: 400,
        code: 400,
        message: "Bad Request: wrong file_id".into(),
    };
    firm.sandbox
        .add_fault(Fault::new(Provider::Telegram, gone).on("getFile"));
    sends(&firm, anna, FileKind::Photo, None);
    has(&browser, ".file", "Telegram больше не хранит этот файл").await;
    is_fine(&browser, "a chat with files").await;

    let phone = Browser::start(Screen::Phone).await;
    logs_in(&phone, &firm).await;
    phone.goto(&format!("{}{}", firm.url, chat(anna))).await;
    phone.until(seen).await;
    is_fine(&phone, "a chat with files on a phone").await;
}
