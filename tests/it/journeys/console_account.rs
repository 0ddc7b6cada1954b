//! What somebody sees to herself at the console: the second factor, the password, where she is logged in.

use reqwest::{Response, StatusCode};
use zapis_core::store::Role;

use crate::support::console::{PASSWORD, Person, code, post, step};
use crate::support::firm::{Firm, On};

/// A code that fits no step near this one.
fn wrong(secret: &str, step: i64) -> String {
    let near: Vec<_> = (step - 3..step + 4)
        .map(|step| code(secret, step))
        .collect();
    let mut all = (0..).map(|number| format!("{number:06}"));
    all.find(|code| !near.contains(code)).unwrap()
}

fn hidden(page: &str, name: &str) -> String {
    let mark = format!("name=\"{name}\" value=\"");
    let (_, value) = page.split_once(&mark).unwrap_or_else(|| panic!("{page}"));
    value.split('"').next().unwrap().to_owned()
}

async fn password(firm: &Firm, login: &str) -> Response {
    let typed = [("login", login), ("password", PASSWORD)];
    post(&firm.url, &format!("{}/console/login", firm.url), &typed).await
}

/// Types the password; what then stands for her in the form for the code.
async fn half_way(firm: &Firm, login: &str) -> String {
    let answer = password(firm, login).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(!answer.headers().contains_key("set-cookie"), "not in yet");
    hidden(&answer.text().await.unwrap(), "half")
}

async fn second_step(firm: &Firm, half: &str, code: &str) -> Response {
    let typed = [
        ("half", half),
        ("code", code),
        ("back", "//stranger.example/"),
    ];
    let address = format!("{}/console/login/code", firm.url);
    post(&firm.url, &address, &typed).await
}

/// Switches the second factor on with the code of the last step; the secret, that step, the recovery codes.
async fn switches_on(person: &Person) -> (String, i64, Vec<String>) {
    let secret = hidden(&person.reads("/console/me").await, "secret");
    let before = wrong(&secret, step());
    let typed = [
        ("secret", secret.as_str()),
        ("code", before.as_str()),
        ("password", PASSWORD),
    ];
    let refused = person.does("/console/me/totp", &typed).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = refused.text().await.unwrap();
    assert_eq!(hidden(&page, "secret"), secret, "the app knows it already");
    // Who has found an open browser binds no app of their own to it.
    let right = code(&secret, step());
    let typed = [("secret", secret.as_str()), ("code", right.as_str())];
    let refused = person.does("/console/me/totp", &typed).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    loop {
        let last = step() - 1;
        let typed = [
            ("secret", secret.clone()),
            ("code", code(&secret, last)),
            ("password", PASSWORD.to_owned()),
        ];
        let typed = typed
            .each_ref()
            .map(|(name, typed)| (*name, typed.as_str()));
        let answer = person.does("/console/me/totp", &typed).await;
        // The clock may have gone on to another step just now.
        if answer.status() == StatusCode::OK {
            let page = answer.text().await.unwrap();
            let codes = page.split("<li><code>").skip(1);
            let codes = codes.map(|code| code.split('<').next().unwrap().to_owned());
            return (secret, last, codes.collect());
        }
    }
}

async fn a_password_alone_lets_nobody_in(on: On, roles: Vec<Vec<&'static str>>) {
    let mut firm = Firm::with(on, "", roles).await;
    let maria = Person::joins(&firm, "maria", "Мария", Role::Administrator).await;
    let (secret, last, codes) = switches_on(&maria).await;
    assert_eq!(codes.len(), 10);
    let page = maria.reads("/console/me").await;
    assert!(!page.contains(&codes[0]) && !page.contains(&secret), "once");

    let half = half_way(&firm, "maria").await;
    let stolen = reqwest::Client::new().get(format!("{}/console/me", firm.url));
    let stolen = stolen.header("cookie", format!("zapis_console={half}"));
    assert!(
        stolen
            .send()
            .await
            .unwrap()
            .url()
            .path()
            .ends_with("/login")
    );
    let status = async |half: &str, code: &str| second_step(&firm, half, code).await.status();
    assert_eq!(
        status("0", &code(&secret, last + 1)).await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        status(&half, &code(&secret, last)).await,
        StatusCode::UNAUTHORIZED
    );
    let answer = second_step(&firm, &half, &code(&secret, last + 1)).await;
    assert_eq!(answer.headers()["location"], "/console/");
    let again = Person::of(&firm, &answer);
    again.reads("/console/").await;

    // Neither the same code nor the same half of a log-in works twice.
    assert_eq!(
        status(&half, &code(&secret, last + 2)).await,
        StatusCode::UNAUTHORIZED
    );
    let half = half_way(&firm, "maria").await;
    assert_eq!(
        status(&half, &code(&secret, last + 1)).await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        status(&half, &codes[3].to_lowercase()).await,
        StatusCode::SEE_OTHER
    );
    let half = half_way(&firm, "maria").await;
    assert_eq!(status(&half, &codes[3]).await, StatusCode::UNAUTHORIZED);

    firm.stop().await;
    let log = firm.log();
    for secret in [&secret, &codes[3], &half] {
        assert!(!log.contains(secret.as_str()), "in the log");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_asked_for() {
    a_password_alone_lets_nobody_in(On::Embedded, vec![vec!["run"]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_on_servers() {
    let roles = vec![vec!["gateway"], vec!["worker"]];
    a_password_alone_lets_nobody_in(On::servers("classic"), roles).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_guesses_codes_must_wait() {
    let firm = Firm::with(On::Embedded, "", vec![vec!["run"]]).await;
    let maria = Person::joins(&firm, "maria", "Мария", Role::Administrator).await;
    let (secret, last, _) = switches_on(&maria).await;
    let guess = wrong(&secret, last);
    let half = half_way(&firm, "maria").await;
    let mut tries = 0;
    while second_step(&firm, &half, &guess).await.status() == StatusCode::UNAUTHORIZED {
        tries += 1;
    }
    assert_eq!(tries, 6);
    // With another half of a log-in too, and with the right code, and where she is logged in.
    let half = half_way(&firm, "maria").await;
    let right = code(&secret, last + 1);
    let late = second_step(&firm, &half, &right).await;
    assert_eq!(late.status(), StatusCode::TOO_MANY_REQUESTS);
    let off = maria
        .does("/console/me/totp/off", &[("proof", &right)])
        .await;
    assert_eq!(off.status(), StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_lost_the_phone_is_helped() {
    let firm = Firm::with(On::Embedded, "", vec![vec!["run"]]).await;
    let maria = Person::joins(&firm, "maria", "Мария", Role::Administrator).await;
    let olga = Person::joins(&firm, "olga", "Ольга", Role::Owner).await;
    switches_on(&maria).await;
    // A link for another password does not replace the code.
    let link = firm.command(&["staff", "link", "maria"]);
    let link = String::from_utf8(link.stdout).unwrap();
    let typed = [("password", PASSWORD), ("again", PASSWORD)];
    let answer = post(&firm.url, link.trim(), &typed).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.text().await.unwrap().contains("Код из приложения"));

    let people = olga.reads("/console/people").await;
    let (way, _) = people.split_once("/totp\"").unwrap();
    let (_, id) = way.rsplit_once("/console/people/").unwrap();
    olga.has_done(&format!("/console/people/{id}/totp"), &[])
        .await;
    let maria = Person::of(&firm, &password(&firm, "maria").await);

    // By her own password, and by the command.
    switches_on(&maria).await;
    let wrong = maria.does("/console/me/totp/off", &[("proof", "not this")]);
    assert_eq!(wrong.await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let off = maria.does("/console/me/totp/off", &[("proof", PASSWORD)]);
    assert_eq!(off.await.status(), StatusCode::OK);
    switches_on(&maria).await;
    assert!(
        firm.command(&["staff", "no-code", "maria"])
            .status
            .success()
    );
    let again = firm.command(&["staff", "no-code", "maria"]);
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(
        password(&firm, "maria").await.status(),
        StatusCode::SEE_OTHER
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_password_logs_out_elsewhere() {
    let firm = Firm::with(On::Embedded, "", vec![vec!["run"]]).await;
    let maria = Person::joins(&firm, "maria", "Мария", Role::Administrator).await;
    let phone = Person::of(&firm, &password(&firm, "maria").await);
    let page = maria.reads("/console/me").await;
    assert!(page.contains("браузеров: 2"), "{page}");
    let change = async |present: &str, password: &str| {
        let typed = [
            ("present", present),
            ("password", password),
            ("again", "ромашка и чабрец"),
        ];
        maria.does("/console/me/password", &typed).await
    };
    let new = "ромашка и чабрец";
    for (present, password) in [
        ("not this one", new),
        (PASSWORD, "ромашка и тмин"),
        (PASSWORD, "мята"),
    ] {
        let refused = change(present, password).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
    let changed = change(PASSWORD, new).await;
    assert_eq!(changed.status(), StatusCode::SEE_OTHER);
    Person::of(&firm, &changed).reads("/console/me").await;
    for out in [&maria, &phone] {
        assert_eq!(out.get("/console/me").await.status(), StatusCode::SEE_OTHER);
    }
    assert_eq!(
        password(&firm, "maria").await.status(),
        StatusCode::UNAUTHORIZED
    );
}
