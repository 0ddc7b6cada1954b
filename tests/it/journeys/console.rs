//! The console through the real program: people come in, take chats, answer, decide; and what is not theirs
//! stays closed.

use reqwest::StatusCode;
use uuid::Uuid;
use zapis_core::store::Role;

use crate::support::console::{PASSWORD, Person, chat, post};
use crate::support::firm::{Firm, On, client};

/// What somebody types to log in, who would be led elsewhere afterwards.
fn logging_in<'a>(login: &'a str, password: &'a str) -> [(&'static str, &'a str); 3] {
    [
        ("login", login),
        ("password", password),
        ("back", "//stranger.example/"),
    ]
}

fn key() -> String {
    Uuid::new_v4().to_string()
}

async fn a_customer_is_taken_over_answered_and_given_back(on: On, roles: Vec<Vec<&'static str>>) {
    let mut firm = Firm::with(on, "", roles).await;
    let maria = Person::joins(&firm, "maria", "Мария", Role::Administrator).await;
    let olga = Person::joins(&firm, "olga", "Ольга", Role::Administrator).await;
    let anna = 7_401;
    firm.sandbox
        .telegram_writes(anna, "Позовите администратора")
        .unwrap();
    firm.telegram_answer(anna, 0).await;
    let list = maria
        .until("/console/inbox?show=waiting", |page| page.contains("7401"))
        .await;
    assert!(list.contains("просит человека"), "{list}");

    // Two want it: one has it. A form that is sent twice is one deed.
    let once = key();
    let typed = [("key", once.as_str())];
    maria
        .has_done(&format!("{}/take", chat(anna)), &typed)
        .await;
    maria
        .has_done(&format!("{}/take", chat(anna)), &typed)
        .await;
    let refused = olga
        .does(&format!("{}/take", chat(anna)), &[("key", &key())])
        .await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    assert!(refused.text().await.unwrap().contains("Мария"));

    let words = "Здравствуйте! Это Мария, слушаю вас.";
    let once = key();
    let typed = [("key", once.as_str()), ("text", words)];
    maria.has_done(&format!("{}/say", chat(anna)), &typed).await;
    maria.has_done(&format!("{}/say", chat(anna)), &typed).await;
    assert_eq!(firm.telegram_answer(anna, 1).await, words);
    firm.sandbox
        .telegram_writes(anna, "Сколько стоит мужская стрижка?")
        .unwrap();
    let page = maria
        .until(&chat(anna), |page| page.contains("мужская стрижка"))
        .await;
    assert!(page.contains(words), "{page}");
    let once = key();
    let note = [("key", once.as_str()), ("text", "Любит чай")];
    maria.has_done(&format!("{}/note", chat(anna)), &note).await;
    maria
        .until(&chat(anna), |page| page.contains("Любит чай"))
        .await;

    maria
        .has_done(&format!("{}/back", chat(anna)), &[("key", &key())])
        .await;
    firm.sandbox
        .telegram_writes(anna, "Сколько стоит мужская стрижка?")
        .unwrap();
    assert!(firm.telegram_answer(anna, 2).await.contains("1\u{a0}900"));
    let page = maria
        .until(&chat(anna), |page| page.contains("business.toml"))
        .await;
    assert!(page.contains("class=\"why\""), "the bot says why");
    let lines = firm.sandbox.telegram_transcript(anna, None);
    let said = |text: &str| {
        lines
            .iter()
            .filter(|line| line.from == "bot" && line.text == text)
            .count()
    };
    assert_eq!(said(words), 1);
    assert_eq!(said("Любит чай"), 0);

    firm.stop().await;
    let log = firm.log();
    for secret in [PASSWORD, words, "Любит чай"] {
        assert!(!log.contains(secret), "{secret} in the log");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_is_answered_by_a_person() {
    a_customer_is_taken_over_answered_and_given_back(On::Embedded, vec![vec!["run"]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_on_servers() {
    let roles = vec![vec!["gateway"], vec!["worker"]];
    a_customer_is_taken_over_answered_and_given_back(On::servers("classic"), roles).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_is_closed_to_who_may_not_take_it() {
    let firm = Firm::with(On::Embedded, "", vec![vec!["run"]]).await;
    let mut people = Vec::new();
    for role in Role::ALL {
        let name = &*format!("the-{role}");
        people.push((
            Some(role),
            Some(Person::joins(&firm, name, name, role).await),
        ));
    }
    people.push((None, None));
    for route in zapis_console::table() {
        let path = route.path.replace("{chat}", "telegram%3Amain%3A1");
        let path = path
            .replace("{id}", &Uuid::nil().to_string())
            .replace("{token}", "0");
        // This one ends what the rest of the test needs.
        if path.starts_with("/console/logout") {
            continue;
        }
        for (role, person) in &people {
            let answer = match (person, route.method) {
                (Some(person), "GET") => person.get(&path).await,
                (Some(person), _) => person.does(&path, &[]).await,
                (None, "GET") => client()
                    .get(format!("{}{path}", firm.url))
                    .send()
                    .await
                    .unwrap(),
                (None, _) => post(&firm.url, &format!("{}{path}", firm.url), &[]).await,
            };
            let status = answer.status();
            let to = answer
                .headers()
                .get("location")
                .map(|to| to.to_str().unwrap().to_owned());
            let asked = to.is_some_and(|to| to.starts_with("/console/login?"));
            let what = format!("{} {path} as {role:?}: {status}", route.method);
            match (route.need.is_met_by(*role), role) {
                (true, _) => assert!(status != StatusCode::FORBIDDEN && !asked, "{what}"),
                (false, Some(_)) => assert_eq!(status, StatusCode::FORBIDDEN, "{what}"),
                (false, None) => assert!(asked, "{what}"),
            }
            assert!(!status.is_server_error(), "{what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_stay_out() {
    let firm = Firm::with(On::Embedded, "", vec![vec!["run"]]).await;
    let maria = Person::joins(&firm, "maria", "Мария", Role::Manager).await;
    let login = format!("{}/console/login", firm.url);
    // From another site, or from nowhere.
    let good = logging_in("maria", PASSWORD);
    for origin in ["https://stranger.example", "null", ""] {
        let answer = post(origin, &login, &good).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{origin}");
    }
    let answer = post(&firm.url, &login, &logging_in("MARIA", PASSWORD)).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(answer.headers()["location"], "/console/");
    let again = Person::of(&firm, &answer);
    again.reads("/console/").await;
    again.has_done("/console/logout/everywhere", &[]).await;
    for out in [&again, &maria] {
        assert_eq!(out.get("/console/").await.status(), StatusCode::SEE_OTHER);
    }

    // Who guesses must wait, whoever it is.
    let mut last = StatusCode::OK;
    for n in 0..12 {
        let guess = format!("password {n}");
        last = post(&firm.url, &login, &logging_in("maria", &guess))
            .await
            .status();
        if last == StatusCode::TOO_MANY_REQUESTS {
            break;
        }
        assert_eq!(last, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    let answer = post(&firm.url, &login, &good).await;
    assert_eq!(
        answer.status(),
        StatusCode::TOO_MANY_REQUESTS,
        "even with the right one"
    );
    assert!(!firm.log().contains("password 1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_customers_write_is_text_and_nothing_else() {
    let firm = Firm::with(On::Embedded, "", vec![vec!["run"]]).await;
    let maria = Person::joins(&firm, "maria", "<b>Мария</b>", Role::Owner).await;
    let anna = 7_402;
    let evil = "<script>alert(1)</script> {{ 7*7 }} ' OR 1=1 --";
    firm.sandbox.telegram_writes(anna, evil).unwrap();
    firm.telegram_answer(anna, 0).await;
    let page = maria
        .until(&chat(anna), |page| page.contains("alert(1)"))
        .await;
    assert!(
        !page.contains("<script>alert") && page.contains("{{ 7*7 }}"),
        "{page}"
    );
    let list = maria.reads("/console/inbox?q=%3Cscript%3E").await;
    assert!(!list.contains("<script>"), "{list}");
    assert!(!maria.reads("/console/people").await.contains("<b>Мария"));
    for path in [
        "/console/chats/..%2F..%2Fetc",
        "/console/chats/x",
        "/console/nothing",
    ] {
        assert_eq!(
            maria.get(path).await.status(),
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    let policy = maria.get("/console/").await;
    let policy = policy.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    let long = "ж".repeat(4_001);
    let say = maria
        .does(
            &format!("{}/say", chat(anna)),
            &[("key", &key()), ("text", &long)],
        )
        .await;
    assert_eq!(say.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_is_changed_and_sent_and_another_rejected() {
    let rules = "[autonomy]\nprice = \"draft\"\n";
    let firm = Firm::with(On::Embedded, rules, vec![vec!["run"]]).await;
    let maria = Person::joins(&firm, "maria", "Мария", Role::Administrator).await;
    let anna = 7_403;
    firm.sandbox
        .telegram_writes(anna, "Сколько стоит женская стрижка?")
        .unwrap();
    firm.telegram_answer(anna, 0).await;
    let page = maria
        .until("/console/drafts", |page| page.contains("женская стрижка"))
        .await;
    let id = page
        .split("/console/drafts/")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let way = format!("/console/drafts/{id}");
    let (one, text) = (key(), "Женская стрижка — от 2 400 ₽.");
    let typed = [("key", one.as_str()), ("verdict", "send"), ("text", text)];
    maria.has_done(&way, &typed).await;
    maria.has_done(&way, &typed).await;
    assert_eq!(firm.telegram_answer(anna, 1).await, text);
    // Whoever is not sure that it went through sends it again, from a page of later.
    let again = key();
    let resent = [("key", again.as_str()), ("verdict", "send"), ("text", text)];
    maria.has_done(&way, &resent).await;
    let late = maria
        .does(&way, &[("key", &key()), ("verdict", "reject")])
        .await;
    assert_eq!(late.status(), StatusCode::CONFLICT);
    maria
        .until(&chat(anna), |page| page.contains("отправлен с правкой"))
        .await;
    let lines = firm.sandbox.telegram_transcript(anna, None);
    assert_eq!(lines.iter().filter(|line| line.text == text).count(), 1);
}

/// Everything in a page that stands between two marks.
fn between(page: &str, from: &str, until: &str) -> Vec<String> {
    let found = page.split(from).skip(1);
    let found = found.map(|rest| rest.split(until).next().unwrap().to_owned());
    found.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_decision_is_for_all_who_asked_the_same() {
    let rules = "[autonomy]\nprice = \"draft\"\n";
    let firm = Firm::with(On::Embedded, rules, vec![vec!["run"]]).await;
    let maria = Person::joins(&firm, "maria", "Мария", Role::Administrator).await;
    let asked = "Сколько стоит женская стрижка?";
    for (customer, question) in [
        (7_411, asked),
        (7_412, "женская стрижка сколько стоит"),
        (7_413, asked),
    ] {
        firm.sandbox.telegram_writes(customer, question).unwrap();
        firm.telegram_answer(customer, 0).await;
    }
    firm.sandbox
        .telegram_writes(7_414, "Сколько стоит педикюр без покрытия?")
        .unwrap();
    firm.telegram_answer(7_414, 0).await;
    let all = |page: &str| page.matches("name=\"also-").count() == 2 && page.contains("педикюр");
    let page = maria.until("/console/drafts", all).await;

    let group = page.split("<form class=\"draft\"");
    let group = group
        .filter(|form| form.contains("name=\"also-"))
        .collect::<Vec<_>>();
    let [group] = group[..] else { panic!("{page}") };
    let between = |from: &str, until: &str| between(group, from, until);
    let way = format!(
        "/console/drafts/{}",
        between("action=\"/console/drafts/", "\"")[0]
    );
    let also = between("name=\"also-", "\"");
    // One of them is left out; a stranger's draft in the form is not decided.
    let other = page
        .split("<form class=\"draft\"")
        .find(|form| form.contains("педикюр"));
    let other = other
        .unwrap()
        .split("action=\"/console/drafts/")
        .nth(1)
        .unwrap();
    let (second, stranger) = (
        format!("also-{}", also[0]),
        format!("also-{}", other.split('"').next().unwrap()),
    );
    let (one, text) = (key(), "Женская стрижка — от 2 400 ₽.");
    let typed = [
        ("key", one.as_str()),
        ("verdict", "send"),
        ("text", text),
        (&second, "on"),
        (&stranger, "on"),
    ];
    maria.has_done(&way, &typed).await;
    maria.has_done(&way, &typed).await;
    let left = |page: &str| page.matches("<form class=\"draft\"").count() == 2;
    let page = maria.until("/console/drafts", left).await;
    assert!(
        page.contains("педикюр") && !page.contains("name=\"also-"),
        "{page}"
    );
    // A try that broke off after the first is sent again: the one that is left gets the same words.
    let left = [7_411, 7_412, 7_413]
        .into_iter()
        .find(|customer| page.contains(&format!("%3A{customer}\"")));
    let left = left.unwrap();
    let lines = firm.sandbox.telegram_transcript(left, None);
    assert!(lines.iter().all(|line| line.text != text), "{left}");
    let third = format!("also-{}", also[1]);
    let was = between("name=\"was\" value=\"", "\"");
    let was = was[0].replace("&#x2f;", "/").replace("&quot;", "\"");
    let again = [
        ("key", one.as_str()),
        ("verdict", "send"),
        ("text", text),
        ("was", &was),
        (&second, "on"),
        (&third, "on"),
    ];
    maria.has_done(&way, &again).await;
    for customer in [7_411, 7_412, 7_413] {
        assert_eq!(firm.telegram_answer(customer, 1).await, text);
        let lines = firm.sandbox.telegram_transcript(customer, None);
        assert_eq!(lines.iter().filter(|line| line.text == text).count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_owner_comes_in_by_the_link_that_the_program_prints() {
    let mut firm = Firm::with(On::Embedded, "", vec![vec!["run"]]).await;
    let link = |firm: &Firm| {
        let log = firm.log();
        let link = log.rsplit("/console/link/").next().unwrap();
        format!(
            "{}/console/link/{}",
            firm.url,
            link.split_whitespace().next().unwrap()
        )
    };
    let first = link(&firm);
    firm.stop().await;
    firm.start().await;
    let second = link(&firm);
    assert_ne!(first, second);
    let typed = [("password", PASSWORD), ("again", PASSWORD)];
    let void = post(&firm.url, &first, &typed).await;
    assert_eq!(void.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let short = [("password", "short"), ("again", "short")];
    assert_eq!(
        post(&firm.url, &second, &short).await.status(),
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let owner = Person::of(&firm, &post(&firm.url, &second, &typed).await);
    assert_eq!(
        post(&firm.url, &second, &typed).await.status(),
        StatusCode::UNPROCESSABLE_ENTITY
    );

    // She invites, takes access away, and cannot lock herself out.
    let new = [
        ("name", "Анна"),
        ("login", "anna"),
        ("role", "administrator"),
    ];
    let page = owner
        .does("/console/people", &new)
        .await
        .text()
        .await
        .unwrap();
    assert!(page.contains("console&#x2f;link"), "{page}");
    let page = owner
        .does("/console/people", &new)
        .await
        .text()
        .await
        .unwrap();
    assert!(page.contains("уже есть"), "{page}");
    let me = page
        .split("/console/people/")
        .find(|part| part.contains("это вы"));
    assert!(me.is_some() || page.contains("это вы"));
    let listed = firm.command(&["staff", "list", "--json"]);
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let last = firm.command(&["staff", "disable", "owner"]);
    assert_eq!(last.status.code(), Some(1), "{last:?}");
    let unknown = firm.command(&["staff", "link", "nobody"]);
    assert_eq!(unknown.status.code(), Some(2));
    let health = owner.reads("/console/health").await;
    assert!(health.contains("Всё работает"), "{health}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn visits_are_added_moved_marked_and_cancelled_and_never_two_at_once() {
    let firm = Firm::with(On::Embedded, "", vec![vec!["run"]]).await;
    let maria = Person::joins(&firm, "maria", "Мария", Role::Administrator).await;
    let free = [
        "book",
        "free",
        "men-cut",
        "--when",
        "через неделю",
        "--json",
    ];
    let free = firm.command(&free);
    let free: serde_json::Value = serde_json::from_slice(&free.stdout).unwrap();
    let visits = free.as_array().unwrap();
    let slot = |n: usize| {
        let visit = &visits[n];
        let at = visit["starts_at"].as_str().unwrap()[..16].to_owned();
        (at, visit["items"][0]["person"].as_str().unwrap().to_owned())
    };
    let ((at, person), (later, _)) = (slot(0), slot(visits.len() - 1));
    let day = format!("/console/visits?day={}", &at[..10]);
    let once = key();
    let typed = [
        ("key", once.as_str()),
        ("service", "men-cut"),
        ("person", person.as_str()),
        ("at", at.as_str()),
        ("name", "Пётр с улицы"),
        ("phone", "8 921 555-44-33"),
    ];
    maria.has_done("/console/visits", &typed).await;
    maria.has_done("/console/visits", &typed).await;
    let page = maria.reads(&day).await;
    assert_eq!(
        page.matches("Пётр с улицы").count(),
        1,
        "a form twice is one visit"
    );
    assert!(page.contains("+79215554433"), "{page}");

    // The same time again, by another key: it is taken, and others are told.
    let other = key();
    let mut again = typed;
    again[0].1 = &other;
    let taken = maria.does("/console/visits", &again).await;
    assert_eq!(taken.status(), StatusCode::CONFLICT);
    assert!(taken.text().await.unwrap().contains("занято"));
    let wrong = |name: &'static str, value: &'static str| {
        let mut wrong = again;
        for field in &mut wrong {
            if field.0 == name {
                field.1 = value;
            }
        }
        wrong
    };
    for bad in [
        wrong("at", "2020-01-01T10:00"),
        wrong("at", "завтра"),
        wrong("service", "nothing"),
        wrong("phone", "12"),
    ] {
        let bad = maria.does("/console/visits", &bad).await;
        assert_eq!(bad.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }

    moves_and_cancels(&maria, &page, &later).await;
}

/// Moves the visit of a page to this time, marks it and cancels it.
async fn moves_and_cancels(maria: &Person, page: &str, later: &str) {
    let (before, _) = page.split_once("/mark\"").unwrap();
    let id = before.rsplit('/').next().unwrap();
    let moves = key();
    let to = [("key", moves.as_str()), ("at", later)];
    maria
        .has_done(&format!("/console/visits/{id}/move"), &to)
        .await;
    let then = format!("/console/visits?day={}", &later[..10]);
    let page = maria.reads(&then).await;
    assert!(page.contains(&later[11..16]), "{later}: {page}");
    // Whoever has an older page open cancels nothing that others have moved meanwhile.
    let stale = key();
    let stale = [
        ("key", stale.as_str()),
        ("status", "cancelled_by_salon"),
        ("day", &later[..10]),
        ("version", "1"),
    ];
    let refused = maria
        .does(&format!("/console/visits/{id}/mark"), &stale)
        .await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let stale = key();
    let stale = [("key", stale.as_str()), ("at", later), ("version", "1")];
    let refused = maria
        .does(&format!("/console/visits/{id}/move"), &stale)
        .await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    for status in ["confirmed", "cancelled_by_salon"] {
        let mark = key();
        let mark = [
            ("key", mark.as_str()),
            ("status", status),
            ("day", &later[..10]),
        ];
        maria
            .has_done(&format!("/console/visits/{id}/mark"), &mark)
            .await;
    }
    assert!(!maria.reads(&then).await.contains("Пётр с улицы"));
    let gone = maria.does(&format!("/console/visits/{id}/move"), &to).await;
    assert_eq!(gone.status(), StatusCode::UNPROCESSABLE_ENTITY);
}
