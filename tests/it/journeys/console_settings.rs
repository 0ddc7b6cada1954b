//! What the owner changes in the console: hours, prices, texts, what the bot may say by itself; and takes back.

use reqwest::StatusCode;
use zapis_core::store::Role;

use crate::support::console::Person;
use crate::support::firm::{Firm, On};

const SETTINGS: &str = "/console/settings";
const SERVICES: &str = "/console/settings?part=services";
const VERSIONS: &str = "/console/settings/versions";
const BACK: &str = "/console/settings/rollback";
const PRICE: &str = "manicure|price|";
const ASKED: &str = "Сколько стоит маникюр без покрытия?";

/// What the engineer does beside the console.
async fn commands(firm: &Firm, olga: &Person) {
    let zapis = |args: &[&str]| {
        let done = firm.command(args);
        let told = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        assert!(done.status.success(), "{args:?}: {told}");
        told
    };
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().to_str().unwrap();
    assert!(zapis(&["settings", "export", "--out", folder]).contains("Nothing is changed"));
    zapis(&["settings", "rollback", "2"]);
    zapis(&["settings", "export", "--out", folder]);
    let exported = std::fs::read_to_string(out.path().join("business.toml")).unwrap();
    assert!(exported.contains("price_from = 1700"), "{exported}");
    let versions = zapis(&["settings", "versions", "--json"]);
    let versions: serde_json::Value = serde_json::from_str(&versions).unwrap();
    assert_eq!(versions[0]["deed"]["back"], 2);
    assert_eq!(versions[3]["deed"]["changed"][0]["to"], "1700+");

    // Who edits the file on the server after it was changed here reads that it does not hold.
    let beside = firm.config_dir().join("business.toml");
    let text = std::fs::read_to_string(&beside).unwrap();
    assert!(!olga.reads(SERVICES).await.contains("на сервере изменили"));
    std::fs::write(&beside, text.replace("minutes = 75", "minutes = 70")).unwrap();
    assert!(olga.reads(SERVICES).await.contains("на сервере изменили"));

    // A file in the store that cannot be used any more keeps nobody from going back.
    firm.sql("UPDATE settings_sources SET entries = replace(entries, 'time_zone', 'time_zome') WHERE version = 4");
    assert!(!firm.command(&["book", "today"]).status.success());
    zapis(&["settings", "drop", "business.toml"]);
    zapis(&["book", "today"]);
}

async fn a_price_is_changed_and_taken_back(on: On, roles: Vec<Vec<&'static str>>) {
    let firm = Firm::with(on, "", roles).await;
    let olga = Person::joins(&firm, "olga", "Ольга", Role::Owner).await;
    firm.until_told(8_000, ASKED, "1\u{a0}500").await;
    assert!(
        olga.reads(SERVICES)
            .await
            .contains("name=\"manicure|price|\" value=\"1500\"")
    );

    // What is no price is told at its field, and what was typed stays.
    let wrong = olga
        .does(SERVICES, &[("version", "0"), (PRICE, "дорого")])
        .await;
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let wrong = wrong.text().await.unwrap();
    assert!(
        wrong.contains("Это не число") && wrong.contains("value=\"дорого\""),
        "{wrong}"
    );

    // The page of the refusal is still of the version that was read: a colleague's change does not get lost.
    assert!(wrong.contains("name=\"version\" value=\"0\""), "{wrong}");
    olga.has_done(SERVICES, &[("version", "0"), (PRICE, "от 1 700")])
        .await;
    firm.until_told(8_100, ASKED, "от 1\u{a0}700").await;
    let versions = olga.reads(VERSIONS).await;
    assert!(
        versions.contains("Услуги и цены: Маникюр без покрытия: Цена")
            && versions.contains("<del>1500</del> <ins>1700+</ins>")
            && versions.contains("Ольга"),
        "{versions}"
    );

    // Somebody else who had the page open: another field goes through, the same one does not.
    let other = [
        ("version", "0"),
        (PRICE, "1500"),
        ("pedicure|price|", "2700"),
    ];
    olga.has_done(SERVICES, &other).await;
    let same = olga
        .does(SERVICES, &[("version", "0"), (PRICE, "1900")])
        .await;
    assert_eq!(same.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(same.text().await.unwrap().contains("изменил кто-то другой"));
    let page = olga.reads(SERVICES).await;
    assert!(
        page.contains("value=\"1700+\"") && page.contains("value=\"2700\""),
        "{page}"
    );

    // The file has both, its comments, and can be taken along.
    let file = olga
        .reads("/console/settings/file?name=business.toml")
        .await;
    assert!(file.contains("price_from = 1700") && file.contains("# После правки проверьте"));

    // Who has not seen the newest version takes nothing back.
    let late = olga.does(BACK, &[("version", "0"), ("base", "1")]).await;
    assert_eq!(late.status(), StatusCode::UNPROCESSABLE_ENTITY);
    // Nor does who filled a form while somebody edited the file on the server.
    let moved = [("version", "0"), ("mark", "another"), (PRICE, "1900")];
    let moved = olga.does(SERVICES, &moved).await;
    assert_eq!(moved.status(), StatusCode::UNPROCESSABLE_ENTITY);
    olga.has_done(BACK, &[("version", "0"), ("base", "2")])
        .await;
    firm.until_told(8_200, ASKED, "1\u{a0}500").await;
    assert!(olga.reads(VERSIONS).await.contains("возврат к версии 0"));
    commands(&firm, &olga).await;
    let noted =
        "SELECT count(*) FROM events WHERE event LIKE '%settings_%' AND event LIKE '%Ольга%'";
    assert_eq!(firm.count(noted), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_price() {
    a_price_is_changed_and_taken_back(On::Embedded, vec![vec!["run"]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_price_on_servers() {
    let roles = vec![vec!["gateway"], vec!["worker"]];
    a_price_is_changed_and_taken_back(On::servers("classic"), roles).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_and_what_the_bot_may_say() {
    let firm = Firm::with(On::Embedded, "", vec![vec!["run"]]).await;
    let olga = Person::joins(&firm, "olga", "Ольга", Role::Owner).await;

    let greeting = "/console/settings?part=texts&key=greeting";
    let said = "Добрый день! «{ $salon }» на связи.";
    olga.has_done(
        greeting,
        &[("version", "0"), ("ru-text", said), ("ru-informal", "")],
    )
    .await;
    firm.until_told(8_300, "Здравствуйте", "«Белый шиповник» на связи")
        .await;
    // What the loader would refuse is refused here, and the old words hold.
    for text in ["", "{ $salon", "Привет, { $name }!"] {
        let wrong = olga
            .does(greeting, &[("version", "1"), ("ru-text", text)])
            .await;
        assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY, "{text}");
    }

    let autonomy = "/console/settings?part=autonomy";
    olga.has_done(autonomy, &[("version", "1"), ("price", "staff")])
        .await;
    firm.until_told(8_400, ASKED, "администратор").await;
    let page = olga.reads(autonomy).await;
    assert!(page.contains("<option value=\"staff\" selected>"), "{page}");
    let unknown = olga
        .does(autonomy, &[("version", "2"), ("price", "nobody")])
        .await;
    assert_eq!(unknown.status(), StatusCode::UNPROCESSABLE_ENTITY);

    // The file of it alone is dropped; the greeting stays.
    olga.has_done(BACK, &[("drop", "autonomy.toml")]).await;
    firm.until_told(8_500, ASKED, "1\u{a0}500").await;
    assert!(olga.reads(greeting).await.contains("на связи"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_new_a_day_off_and_a_whole_file() {
    let firm = Firm::with(On::Embedded, "", vec![vec!["run"]]).await;
    let olga = Person::joins(&firm, "olga", "Ольга", Role::Owner).await;

    let services = [
        ("version", "0"),
        ("+|name|ru", "Спа для головы"),
        ("+|category|ru", "Волосы"),
        ("+|price|", "3300"),
        ("+|minutes|", "50"),
        ("+|online|", ""),
    ];
    olga.has_done(SERVICES, &services).await;
    firm.until_told(8_600, "Сколько стоит спа для головы?", "3\u{a0}300")
        .await;

    let places = "/console/settings?part=places";
    let mut days = vec![
        ("version", "1"),
        ("kolokolnaya|special_days|0.from", "31.02"),
    ];
    let wrong = olga.does(places, &days).await.text().await.unwrap();
    assert!(wrong.contains("Это не день"), "{wrong}");
    days[1].1 = "31.12";
    olga.has_done(places, &days).await;
    let page = olga.reads(places).await;
    assert!(
        page.contains("value=\"31.12\"") && !page.contains("value=\"01.01\""),
        "{page}"
    );

    // Who does a service that is taken out does it no more.
    let gone = [("version", "2"), ("manicure|remove|", "on")];
    olga.has_done(SERVICES, &gone).await;
    let masters = olga.reads("/console/settings?part=masters").await;
    assert!(!masters.contains("|services|manicure\""), "{masters}");

    let file = "/console/settings?part=file&name=business.toml";
    let text = olga
        .reads("/console/settings/file?name=business.toml")
        .await;
    let broken = text.replace(
        "time_zone = \"Europe/Moscow\"",
        "time_zone = \"Europe/Moskau\"",
    );
    let refused = olga
        .does(file, &[("version", "3"), ("text", &broken)])
        .await;
    let refused = refused.text().await.unwrap();
    assert!(
        refused.contains("is not a time zone") && refused.contains("Moskau"),
        "{refused}"
    );
    let whole = text.replace("max_days = 60", "max_days = 45");
    olga.has_done(file, &[("version", "3"), ("text", &whole)])
        .await;
    let page = olga.reads("/console/settings?part=booking").await;
    assert!(
        page.contains("name=\"|booking.max_days|\" value=\"45\""),
        "{page}"
    );
    assert!(olga.reads(SETTINGS).await.contains("Салон на Колокольной"));
    let kept = firm.count("SELECT count(*) FROM settings_versions");
    assert_eq!(kept, 4);
}
