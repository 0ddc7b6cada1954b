//! What the staff orders in its chat, as people write, with the shipped salon and a real book at a fixed
//! time: Thursday 26 November 2026, 12:00 in St Petersburg.
//!
//! `>` somebody writes · `/` gives a command · `[` presses the button with this in its title · `<` and `<!`
//! the chat has, has not this in it · `silent` nothing is said · `books` and `bookings` are seen in the book
//! · `told` a customer is written this.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Europe::Moscow;
use serde_json::Value;
use zapis_core::message::{Button, Content as Said, ConversationId, Fence, What};
use zapis_core::store::{Booked, Item, NewBooking, Store, Visit, Wanted};
use zapis_core::{Clock, ids};
use zapis_workers::answer::Mind;
use zapis_workers::autonomy::Autonomy;
use zapis_workers::book::Book;
use zapis_workers::content::Content;
use zapis_workers::dialogue::Receptionist;
use zapis_workers::dialogue::visit::Desk;
use zapis_workers::secretary::Asked;

const SCENARIOS: &str = "
= a visit by phone, with the service to be chosen
> запиши завтра в 15 на стрижку, Ольга 8 921 000-00-01
< На какую услугу?
[ Мужская стрижка
< Записать?
< пт 27 ноября, 15:00–15:45: Мужская стрижка, Илья Сомов
< Ольга, +79210000001
bookings none
[ Записать
< Записано** · Мария
bookings 11-27 15:00 men-cut ilya Ольга

= everything in one sentence, to a person of the firm
> Запиши Ольгу Петрову на женскую стрижку завтра в 12:00 к Илье
< Ольгу Петрову, телефон не указан
< Илья Сомов
[ Записать
bookings 11-27 12:00 women-cut ilya Ольгу Петрову

= nothing is done without the button
> запиши завтра в 15 на мужскую стрижку
[ Отмена
< ничего не меняю · Мария
bookings none

= a time that is taken is never given away twice
books Вера 2026-11-27 15:00 men-cut ilya
> запиши завтра в 15 на мужскую стрижку Ольга
< На это время не выйдет
<! 15:00, Илья
bookings 11-27 15:00 men-cut ilya Вера

= a time that is taken while the question waits
> запиши завтра в 15 на мужскую стрижку Ольга
< Записать?
books Вера 2026-11-27 15:00 men-cut ilya
[ Записать
< Это время уже занято
bookings 11-27 15:00 men-cut ilya Вера

= a person who does not do it
> запиши завтра в 15 на мужскую стрижку к Ольге
< этого не делает. Делают: Илья

= a visit is moved by name, to another time of its day
books Вера 2026-11-27 15:00 men-cut ilya
> перенеси Веру на 17:00
< Перенести?
< пт 27 ноября, 17:00
[ Перенести
< Перенесено** · Мария
bookings 11-27 17:00 men-cut ilya Вера

= from one time to another
books Вера 2026-11-27 15:00 men-cut ilya
books Пётр 2026-11-27 16:00 men-cut ilya
> перенеси запись завтра с 15 на 18
[ Перенести
bookings 11-27 16:00 men-cut ilya Пётр, 11-27 18:00 men-cut ilya Вера

= of several with one name one is chosen
books Вера 2026-11-27 15:00 men-cut ilya
books Вера 2026-11-28 12:00 women-cut olga
> отмени Веру
< О какой записи речь?
[ 28.11 12:00
< Отменить запись?
[ Отменил клиент
< Отменено** · Мария
bookings 11-27 15:00 men-cut ilya Вера

= a visit is not there
> отмени запись Аркадия
< Не нахожу такой записи

= time is kept free
> закрой Илье завтра с 13 до 15
< Закрыть время?
< Илья Сомов: пт 27 ноября, 13:00–15:00
< Записей в это время нет
[ Закрыть
< Закрыто** · Мария
> запиши завтра в 14 на мужскую стрижку
< На это время не выйдет

= somebody is ill: everybody concerned gets a button
books Вера 2026-11-27 15:00 women-cut ilya telegram:main:7
books Пётр 2026-11-27 17:00 men-cut ilya
books Анна 2026-11-27 15:00 women-cut olga
> Илья заболел завтра
< Илья Сомов: пт 27 ноября, весь день
< Записей в это время: 2
[ Закрыть
< Кого это касается
< Вера
< Пётр
<! 15:00–16:00: Женская стрижка, Ольга
[ Предложить другое время: 27.11 15:00 Вера
< Вера: написали, предложено другое время · Мария
told telegram:main:7 не сможем принять вас: пятница, 27 ноября, 15:00
told telegram:main:7 Ольга
[ Предложить другое время: 27.11 17:00 Пётр
< позвоните: +79210000099

= the visits of a day
books Вера 2026-11-27 15:00 men-cut ilya
> расписание на завтра
< Завтра, пятница, 27 ноября
< 15:00–16:00 Мужская стрижка · Вера
/ today
< Сегодня, четверг, 26 ноября
< Записей пока нет

= what is not meant for the book
> девочки, кто забрал ключи от кабинета?
silent
> закрой, пожалуйста, окно
silent
> запиши номер курьера
silent
/ book какая-то ерунда
< Не понял
/ help
< запиши завтра в 15
";

fn moscow(text: &str) -> DateTime<Utc> {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    Moscow.from_local_datetime(&local).unwrap().to_utc()
}

struct Scene {
    bot: Receptionist,
    store: Store,
    clock: Clock,
    desk: ConversationId,
    state: Value,
    said: String,
    buttons: Vec<Button>,
    told: Vec<(String, String)>,
    count: u32,
}

impl Scene {
    async fn new(content: &Arc<Content>) -> Self {
        let store = Store::open("sqlite::memory:").await.unwrap();
        let clock = Clock::fixed(moscow("2026-11-26 12:00"));
        let desk = Desk {
            calendar: Arc::new(Book::new(store.clone(), clock.clone())),
            store: store.clone(),
        };
        Self {
            bot: Receptionist {
                content: Arc::clone(content).into(),
                generator: None,
                interpreter: None,
                vectors: None,
                observes: false,
                autonomy: Autonomy::default(),
                desk: Some(desk),
            },
            store,
            clock,
            desk: "telegram:main:-100".parse().unwrap(),
            state: Value::Null,
            said: String::new(),
            buttons: Vec::new(),
            told: Vec::new(),
            count: 0,
        }
    }

    async fn hears(&mut self, what: What) {
        self.count += 1;
        let asked = Asked {
            id: ids::turn(&self.desk, &self.count.to_string()),
            desk: &self.desk,
            what: &what,
            who: "Мария",
            now: self.clock.now(),
        };
        let messages = self.bot.at_desk(&asked, &mut self.state).await.unwrap();
        self.said.clear();
        for message in messages {
            match message.content {
                Said::Board(board) => {
                    assert_eq!(message.conversation, self.desk);
                    self.said = board.text.replace('\u{a0}', " ");
                    self.buttons = board.buttons;
                }
                Said::Message { text, .. } => {
                    assert!(matches!(message.fence, Fence::Reminder { .. }));
                    let to = message.conversation.as_str().to_owned();
                    self.told.push((to, text.replace('\u{a0}', " ")));
                }
                _ => self.said.push_str("something else"),
            }
        }
    }

    async fn play(&mut self, line: &str) -> Result<(), String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            ">" => {
                let text = rest.to_owned();
                self.hears(What::Text { text }).await;
            }
            "/" => {
                let (name, args) = rest.split_once(' ').unwrap_or((rest, ""));
                let (name, args) = (name.to_owned(), args.to_owned());
                self.hears(What::Command { name, args }).await;
            }
            "[" => {
                let button = self.buttons.iter().find(|one| one.title.contains(rest));
                let Some(button) = button.cloned() else {
                    return Err(format!("no button {rest:?}"));
                };
                assert!(button.payload.len() <= 64, "{button:?}");
                let what = What::Press {
                    payload: button.payload,
                    title: Some(button.title),
                };
                self.hears(what.clone()).await;
                // Somebody else presses it too: nothing more is done.
                let (said, buttons) = (self.said.clone(), self.buttons.clone());
                self.hears(what).await;
                (self.said, self.buttons) = (said, buttons);
            }
            "<" if !self.said.contains(rest) => return Err(format!("{rest:?} is not said")),
            "<!" if self.said.contains(rest) => return Err(format!("{rest:?} is said")),
            "silent" if !self.said.is_empty() => return Err("something is said".to_owned()),
            "<" | "<!" | "silent" => {}
            "books" => self.books(rest).await,
            "bookings" => return self.bookings(rest).await,
            "told" => {
                let (to, words) = rest.split_once(' ').unwrap_or_default();
                let told = |(who, text): &(String, String)| who == to && text.contains(words);
                if !self.told.iter().any(told) {
                    return Err(format!("{words:?} is not told: {:?}", self.told));
                }
            }
            _ => return Err("is no line of a scenario".to_owned()),
        }
        Ok(())
    }

    /// Name, day, time, service, person and, where there is one, the conversation.
    async fn books(&mut self, line: &str) {
        self.count += 1;
        let words: Vec<&str> = line.split(' ').collect();
        let starts_at = moscow(&format!("{} {}", words[1], words[2]));
        let item = Item {
            service: words[3].into(),
            resource: words[4].into(),
            needs: Vec::new(),
            starts_at,
            ends_at: starts_at + TimeDelta::minutes(60),
            buffer: (0, 0),
            price: String::new(),
        };
        let request = NewBooking {
            wanted: Wanted::Visit(Visit {
                location: "kolokolnaya".into(),
                items: vec![item],
            }),
            cause: uuid::Uuid::from_u128(self.count.into()),
            who: "customer".into(),
            conversation: words.get(5).map(|id| id.parse().unwrap()),
            name: words[0].into(),
            phone: Some("+79210000099".into()),
            source: "import".into(),
            for_whom: None,
            notes: None,
        };
        let booked = self.store.book(&request, self.clock.now()).await.unwrap();
        assert!(matches!(booked, Booked::Booked(_)), "{booked:?}");
    }

    async fn bookings(&self, expected: &str) -> Result<(), String> {
        let now = self.clock.now();
        let all = self.store.bookings_between(now, now + TimeDelta::days(30));
        let all = all.await.unwrap();
        let told = all.iter().filter(|one| one.status.is_active()).map(|one| {
            let begin = one.visit.starts_at().with_timezone(&Moscow);
            let item = &one.visit.items[0];
            let begin = begin.format("%m-%d %H:%M");
            format!("{begin} {} {} {}", item.service, item.resource, one.name)
        });
        let told = told.collect::<Vec<_>>().join(", ");
        let expected = if expected == "none" { "" } else { expected };
        if told.trim() == expected {
            return Ok(());
        }
        Err(format!("the book has {told:?}"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_staff_works_the_book_as_it_writes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config");
    let content = Arc::new(Content::load(&folder).unwrap());
    let mut failures = Vec::new();
    let mut count = 0;
    for scenario in SCENARIOS.trim().split("\n= ") {
        let mut lines = scenario.trim_start_matches("= ").lines();
        let title = lines.next().unwrap_or_default();
        let mut scene = Scene::new(&content).await;
        let mut story = String::new();
        count += 1;
        for line in lines.map(str::trim).filter(|line| !line.is_empty()) {
            let played = scene.play(line).await;
            let titles: Vec<&str> = scene.buttons.iter().map(|one| one.title.as_str()).collect();
            writeln!(story, "    {line}\n        « {} » {titles:?}", scene.said).unwrap();
            if let Err(why) = played {
                failures.push(format!("{title}: {why}\n{story}"));
                break;
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {count} failed\n\n{}",
        failures.len(),
        failures.join("\n")
    );
}
