//! What comes by itself: reports in the staff chat and by letter, once; alerts, and their silence; what was before the
//! bot; conversations that people judge.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;
use zapis_core::Clock;
use zapis_core::event::{Event, Kind};
use zapis_core::message::ConversationId;
use zapis_core::store::{Role, Store};

use crate::support::console::Person;
use crate::support::firm::{Firm, On, STAFF, until};
use crate::support::smtp::Smtp;

const ASKS: i64 = 7_951;

/// A conversation of one question, which the bot answered at once; some it gave to a person.
fn dialogue(n: u128, at: DateTime<Utc>, escalated: bool) -> Vec<Event> {
    let who: ConversationId = format!("telegram:main:{}", 10_000_000 + n).parse().unwrap();
    let event = |step: u128, kind: Kind, outcome: &str| {
        let mut event = Event::new(Uuid::from_u128(n * 10 + step), kind, at).about(&who);
        event.turn_id = Some(Uuid::from_u128(n));
        event.outcome = Some(outcome.to_owned());
        event.owner = Some("bot".to_owned());
        event
    };
    let mut events = vec![
        event(0, Kind::Inbound, "text"),
        event(1, Kind::Outbound, "sent"),
    ];
    if escalated {
        events.push(event(2, Kind::Handoff, "opened"));
    }
    events
}

/// Four weeks in which every tenth called a person, and a day in which everybody did.
async fn plant(store: &Store) {
    let now = Clock::system().now();
    let mut events = Vec::new();
    for hour in (1..29 * 24).rev() {
        let at = now - TimeDelta::hours(hour);
        let n = u128::try_from(hour).unwrap();
        events.extend(dialogue(n, at, hour < 24 || hour % 10 == 0));
    }
    for page in events.chunks(500) {
        store.journal(page, &[]).await.unwrap();
    }
}

fn in_staff_chat(firm: &Firm, part: &str) -> usize {
    let lines = firm.sandbox.telegram_transcript(STAFF, None);
    lines.iter().filter(|line| line.text.contains(part)).count()
}

/// Without waiting for it, and before anything runs.
fn what_commands_tell(firm: &Firm) {
    let told = firm.printed(&["report", "targets", "--json"]);
    assert_eq!(told[0]["state"], "missed", "{told}");
    let day = (Clock::system().now() - TimeDelta::days(8)).date_naive();
    let weekly = firm.printed(&["report", "weekly", "--day", &day.to_string(), "--json"]);
    assert_eq!(weekly["report"], "weekly");
    let lines = weekly["parts"][0]["lines"].as_array().unwrap();
    let leads = lines.iter().any(|line| line["link"].is_string());
    assert!(leads, "{weekly}");
    for period in ["daily", "monthly"] {
        let told = firm.command(&["report", period]);
        let told = String::from_utf8(told.stdout).unwrap();
        assert!(told.contains("Белый шиповник"), "{told}");
    }
    let checked = firm.printed(&["check", "--connect", "--json"]);
    let probes = checked["probes"].as_array().unwrap().iter();
    let mut email = probes.filter(|probe| probe["what"] == "email");
    assert_eq!(email.next().unwrap()["ok"], true, "{checked}");
}

async fn what_comes_comes_once(on: On, roles: Vec<Vec<&'static str>>) {
    let smtp = Smtp::open(1).await;
    // The firm is in Moscow's zone; its day was told a minute ago, if anybody had been there.
    let moment =
        (Clock::system().now() - TimeDelta::minutes(1)).with_timezone(&chrono_tz::Europe::Moscow);
    let more = format!(
        "[reports]\ndaily = [\"staff\", \"email\"]\nweekly = [\"staff\"]\nalerts = [\"staff\"]\ndaily_at = \"{}\"\n\
         [privacy]\nphones = \"manager\"\n[email]\nurl = \"{}\"\nfrom = \"bot@salon.example\"\nto = [\"owner@salon.example\"]\n\
         [kpi]\nbaseline_from = \"2020-01-01\"\nbaseline_to = \"2020-01-31\"\n\
         [[kpi.targets]]\nfigure = \"escalated\"\nvalue = 0.05\nby = \"2020-02-01\"\n",
        moment.format("%H:%M"),
        smtp.url,
    );
    let mut firm = Firm::closed(on, &more, roles).await;
    let store = firm.store().await;
    plant(&store).await;
    for to in ["daily staff", "daily email"] {
        store
            .set_value(&format!("report {to}"), "2020-01-01")
            .await
            .unwrap();
    }
    what_commands_tell(&firm);
    firm.start().await;

    firm.staff_sees(": день").await;
    firm.staff_sees("Бот чаще зовёт человека").await;
    until("a letter", || !smtp.letters().is_empty()).await;
    assert!(smtp.has_refused());
    let letter = &smtp.letters()[0];
    assert!(
        letter.contains("To: owner@salon.example") && letter.contains("@salon.example>"),
        "{letter}"
    );
    // Who is new to a report gets the next one.
    assert_eq!(in_staff_chat(&firm, ": неделя"), 0);
    let gauge = "zapis_figure_out_of_band{figure=\"escalated\"} 1";
    if firm.servers().is_none() {
        let metrics = firm.metrics().await;
        assert!(metrics.contains(gauge), "{metrics}");
    }

    let irina = Person::joins(&firm, "irina", "Ирина", Role::Manager).await;
    let page = irina.reads("/console/reports").await;
    assert!(page.contains("Бот чаще зовёт человека"), "{page}");
    let quiet = [("id", "escalated"), ("hours", "24")];
    irina.has_done("/console/reports/snooze", &quiet).await;
    let page = irina.reads("/console/reports?report=weekly").await;
    assert!(page.contains("не напоминаем до"), "{page}");
    let unknown = [("id", "nothing"), ("hours", "24")];
    let refused = irina.does("/console/reports/snooze", &unknown).await;
    assert_eq!(refused.status(), reqwest::StatusCode::NOT_FOUND);
    let figures = irina.reads("/console/figures").await;
    assert!(figures.contains("не достигнута в срок"), "{figures}");

    phones_are_shown_by_role(&firm, &store, &irina).await;

    // Once: a process that comes after tells nothing again.
    firm.stop().await;
    firm.start().await;
    let looked = "SELECT count(*) FROM leases WHERE name = 'reports'";
    until("a look", || firm.count(looked) > 0).await;
    firm.stop().await;
    assert_eq!(in_staff_chat(&firm, ": день"), 1);
    assert_eq!(in_staff_chat(&firm, "Бот чаще зовёт человека"), 1);
    assert_eq!(smtp.letters().len(), 1);
    let noted = "SELECT count(*) FROM events WHERE event LIKE '%\"action\":\"report\"%'";
    assert_eq!(firm.count(noted), 2);
}

/// Who may not see phones can still tell people apart.
async fn phones_are_shown_by_role(firm: &Firm, store: &Store, irina: &Person) {
    const PHONE: &str = "79210000951";
    let wrote = firm.sandbox.whatsapp_writes(PHONE, "Какой у вас адрес?");
    wrote.unwrap();
    firm.whatsapp_answer(PHONE, 0).await;
    let address = format!("whatsapp:main:{PHONE}").parse().unwrap();
    let her = firm.conversation(store, &address).await;
    let vera = Person::joins(firm, "vera", "Вера", Role::Administrator).await;
    let chat = format!("/console/chats/{}", her.as_str().replace(':', "%3A"));
    let customer = chat.replace("/chats/", "/customers/");
    let whole = format!("tel:+{PHONE}");
    irina.until(&chat, |page| page.contains(&whole)).await;
    for page in [&chat, &customer] {
        let page = vera.reads(page).await;
        assert!(page.contains("•••51") && !page.contains("tel:"), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_and_alerts_come_once() {
    what_comes_comes_once(On::Embedded, vec![vec!["run"]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_and_alerts_come_once_on_servers() {
    let roles = vec![vec!["gateway"], vec!["worker"], vec!["worker"]];
    what_comes_comes_once(On::servers("classic"), roles).await;
}

/// The value of a figure, and of how many.
fn figure(firm: &Firm, id: &str) -> (Option<f64>, u64) {
    let told = firm.printed(&["report", "kpi", "--json"]);
    let figures = told["groups"][0]["figures"].as_array().unwrap();
    let found = figures.iter().find(|one| one["id"] == id).unwrap();
    (found["value"].as_f64(), found["of"].as_u64().unwrap())
}

/// People answer as before; the bot only notes. Then it answers, and both times are told apart.
async fn what_was_before_is_measured(on: On, roles: Vec<Vec<&'static str>>) {
    let more = "[dialogue]\nmode = \"observe\"\n\
                [[kpi.targets]]\nfigure = \"answered\"\nvalue = 1.0\nby = \"2100-01-01\"\n";
    let mut firm = Firm::with(on, more, roles).await;
    firm.sandbox
        .telegram_writes(ASKS, "Какой у вас адрес?")
        .unwrap();
    let topic = firm.staff_sees("Какой у вас адрес").await;
    firm.sandbox
        .staff_writes(STAFF, topic, "Литейный, 10")
        .unwrap();
    assert_eq!(firm.telegram_answer(ASKS, 0).await, "Литейный, 10");
    until("counted", || figure(&firm, "answered").0 == Some(1.0)).await;
    assert_eq!(figure(&firm, "bot_first_answer_median").0, None);
    assert_eq!(figure(&firm, "staff_first_answer_median").1, 1);
    let would = "SELECT count(*) FROM events WHERE event LIKE '%, would: none\"%'";
    assert_eq!(firm.count(would), 1);
    let called = "SELECT count(*) FROM escalations";
    assert_eq!(firm.count(called), 0);

    firm.stop().await;
    // Telegram tells whole seconds: what is written in the one that observing ended in seems to be from before.
    let stopped = Clock::system().now().timestamp();
    until("a second", || Clock::system().now().timestamp() > stopped).await;
    let file = firm.config_file();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        &file,
        text.replace("mode = \"observe\"", "mode = \"answer\""),
    )
    .unwrap();
    firm.start().await;
    firm.sandbox
        .telegram_writes(ASKS + 1, "Какой у вас адрес?")
        .unwrap();
    firm.telegram_answer(ASKS + 1, 0).await;
    until("counted", || figure(&firm, "answered").1 == 2).await;
    let told = firm.printed(&["report", "targets", "--json"]);
    assert_eq!(told[0]["before"]["of"], 1, "{told}");
    assert_eq!(told[0]["now"]["of"], 2, "{told}");
    assert_eq!(told[0]["state"], "perhaps", "{told}");

    // A person judges what the bot said.
    let olga = Person::joins(&firm, "olga", "Ольга", Role::Manager).await;
    let this = Clock::system()
        .now()
        .with_timezone(&chrono_tz::Europe::Moscow);
    let page = format!("/console/review?month={}", this.format("%Y-%m"));
    let shown = olga.reads(&page).await;
    let hidden = |name: &str| {
        let (_, after) = shown
            .split_once(&format!("name=\"{name}\" value=\""))
            .unwrap();
        after.split('"').next().unwrap().to_owned()
    };
    let (dialogue, chat) = (hidden("dialogue"), hidden("chat"));
    assert!(chat.ends_with(&(ASKS + 1).to_string()), "{shown}");
    let mut typed = vec![
        ("dialogue", dialogue.as_str()),
        ("chat", chat.as_str()),
        ("month", "2026-11"),
        ("verdict", "wrong"),
        ("should_have_escalated", "on"),
        ("remark", "дом закрыт"),
    ];
    olga.has_done("/console/review", &typed).await;
    assert_eq!(figure(&firm, "reviewed_right"), (Some(0.0), 1));
    typed[3] = ("verdict", "right");
    olga.has_done("/console/review", &typed).await;
    assert_eq!(figure(&firm, "reviewed_right"), (Some(1.0), 1));
    assert_eq!(figure(&firm, "reviewed_should_have_escalated").0, Some(1.0));
    assert!(olga.reads(&page).await.contains("checked"));
    typed[1] = ("chat", "telegram:main:1");
    let refused = olga.does("/console/review", &typed).await;
    assert_eq!(refused.status(), reqwest::StatusCode::NOT_FOUND);
    let again = firm.printed(&["report", "kpi", "--recount", "--json"]);
    assert!(again.to_string().contains("reviewed_right"));
    assert_eq!(figure(&firm, "reviewed_right"), (Some(1.0), 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_before_is_measured_and_answers_are_judged() {
    what_was_before_is_measured(On::Embedded, vec![vec!["run"]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_on_servers() {
    let roles = vec![vec!["gateway"], vec!["worker"], vec!["worker", "journal"]];
    what_was_before_is_measured(On::servers("classic"), roles).await;
}
