//! Rounds over a real book at fixed times; what is published is kept.

use zapis_core::board::Mark;
use zapis_core::message::Button;
use zapis_core::store::{
    Booked, BookingChange, Change, Changed, Item, NewBooking, Status, Visit, Wanted,
};

use super::*;
use crate::testing::doubles::Queue;
use crate::testing::{business, moscow};

struct Scene {
    notices: Notices,
    queue: Arc<Queue>,
    count: u128,
}

impl Scene {
    async fn at(time: &str) -> Self {
        let queue = Arc::new(Queue::default());
        let scene = Self {
            notices: Notices {
                store: Store::open("sqlite::memory:").await.unwrap(),
                broker: queue.clone(),
                desks: Desks::new(["telegram:main:-100".parse().unwrap()]),
                config: PathBuf::new(),
                clock: Clock::fixed(moscow(time)),
                holder: "a test".into(),
            },
            queue,
            count: 0,
        };
        scene.notices.round(&business()).await.unwrap();
        scene
    }

    fn goes_to(&self, time: &str) {
        let clock = &self.notices.clock;
        clock.advance((moscow(time) - clock.now()).to_std().unwrap());
    }

    /// The boards of one more round.
    async fn round(&self) -> Vec<Board> {
        self.notices.round(&business()).await.unwrap();
        self.boards()
    }

    fn boards(&self) -> Vec<Board> {
        let messages = std::mem::take(&mut *self.queue.waiting.lock().unwrap());
        let board = |one: Outbound| match one.content {
            Content::Board(board) => *board,
            _ => panic!("no board"),
        };
        messages.into_iter().map(board).collect()
    }

    async fn books(&mut self, name: &str, starts: &str) -> Booking {
        self.count += 1;
        let starts_at = moscow(starts);
        let item = Item {
            service: "women-cut".into(),
            resource: "olga".into(),
            needs: Vec::new(),
            starts_at,
            ends_at: starts_at + TimeDelta::minutes(90),
            buffer: (0, 10),
            price: String::new(),
        };
        let request = NewBooking {
            wanted: Wanted::Visit(Visit {
                location: "kolokolnaya".into(),
                items: vec![item],
            }),
            cause: uuid::Uuid::from_u128(self.count),
            who: "customer".into(),
            conversation: None,
            name: name.into(),
            phone: Some("+79210000001".into()),
            source: "telegram".into(),
            for_whom: None,
            notes: None,
        };
        let now = self.notices.clock.now();
        match self.notices.store.book(&request, now).await.unwrap() {
            Booked::Booked(booking) => booking,
            other => panic!("{other:?}"),
        }
    }

    async fn becomes(&mut self, booking: &Booking, to: Change, who: &str) -> Booking {
        self.count += 1;
        let change = BookingChange {
            booking: booking.id,
            version: booking.version,
            cause: uuid::Uuid::from_u128(self.count),
            who: who.into(),
            conversation: None,
            to,
        };
        let now = self.notices.clock.now();
        match self
            .notices
            .store
            .change_booking(&change, now)
            .await
            .unwrap()
        {
            Changed::Done(booking) => booking,
            other => panic!("{other:?}"),
        }
    }
}

fn titles(buttons: &[Button]) -> Vec<&str> {
    buttons.iter().map(|one| one.title.as_str()).collect()
}

#[tokio::test]
async fn changes_within_seconds_are_one_message_and_are_told_once() {
    let mut scene = Scene::at("2026-11-24 12:00").await;
    let olga = scene.books("Ольга", "2026-11-27 15:00").await;
    scene.books("Вера", "2026-11-27 11:00").await;
    assert_eq!(scene.round().await, [], "more may follow");
    let mut moved = olga.visit.clone();
    moved.items[0].starts_at = moscow("2026-11-28 12:00");
    moved.items[0].ends_at = moscow("2026-11-28 13:30");
    scene
        .becomes(&olga, Change::Move(Wanted::Visit(moved)), "customer")
        .await;
    scene.goes_to("2026-11-24 12:01");

    let boards = scene.round().await;

    assert_eq!(boards.len(), 1, "{boards:?}");
    let text = &boards[0].text;
    assert!(text.contains("Изменения в записи: 2"), "{text}");
    assert!(
        text.contains("сб 28 ноября, 12:00–13:30: Женская стрижка"),
        "{text}"
    );
    assert!(text.contains("Вера, +79210000001, Telegram"), "{text}");
    assert!(!text.contains("Перенос"), "for the staff it is new: {text}");
    assert_eq!(scene.round().await, []);
}

#[tokio::test]
async fn a_round_that_comes_again_says_the_same_under_the_same_id() {
    let mut scene = Scene::at("2026-11-24 12:00").await;
    scene.books("Ольга", "2026-11-27 15:00").await;
    scene.goes_to("2026-11-24 12:01");
    let queue = scene.queue.clone();
    let said = || {
        let messages = std::mem::take(&mut *queue.waiting.lock().unwrap());
        let pairs = messages.into_iter().map(|one| (one.id, one.content));
        pairs.collect::<Vec<_>>()
    };
    queue.faults.lock().unwrap().push(Some(true));
    scene.notices.round(&business()).await.unwrap_err();
    let first = said();
    // More happens before it is tried again.
    scene.books("Вера", "2026-11-27 11:00").await;
    scene.goes_to("2026-11-24 12:02");

    scene.notices.round(&business()).await.unwrap();
    assert_eq!(said(), first);
    let rest = scene.round().await;
    assert!(rest.len() == 1 && rest[0].text.contains("Вера"), "{rest:?}");
}

#[tokio::test]
async fn a_cancellation_tells_what_time_is_free() {
    let mut scene = Scene::at("2026-11-24 12:00").await;
    let olga = scene.books("Ольга", "2026-11-27 15:00").await;
    scene.goes_to("2026-11-24 12:01");
    scene.round().await;
    scene
        .becomes(
            &olga,
            Change::Status(Status::CancelledByCustomer),
            "customer",
        )
        .await;
    scene.goes_to("2026-11-24 12:02");

    let text = scene.round().await.remove(0).text;

    assert!(text.contains("Отмена") && text.contains("клиент"), "{text}");
    assert!(
        text.contains("Освободилось: пт 27 ноября, 15:00–16:30"),
        "{text}"
    );
}

#[tokio::test]
async fn the_day_is_shown_in_the_morning_and_the_next_one_in_the_evening() {
    let mut scene = Scene::at("2026-11-26 19:00").await;
    scene.books("Ольга", "2026-11-27 15:00").await;
    scene.goes_to("2026-11-26 19:30");
    scene.round().await;
    scene.goes_to("2026-11-26 20:00");

    let evening = scene.round().await;
    assert_eq!(evening.len(), 1, "{evening:?}");
    let text = &evening[0].text;
    assert!(text.contains("Завтра, пятница, 27 ноября"), "{text}");
    assert!(
        text.contains("15:00–16:30 Женская стрижка · Ольга"),
        "{text}"
    );
    assert_eq!(scene.round().await, []);

    scene.goes_to("2026-11-27 09:00");
    let morning = scene.round().await;
    assert_eq!(morning.len(), 1);
    assert!(morning[0].text.contains("Сегодня, пятница"), "{morning:?}");
    assert_ne!(
        morning[0].key, evening[0].key,
        "a new message calls attention"
    );

    // What has changed is rewritten where it stands.
    scene.books("Вера", "2026-11-27 18:00").await;
    scene.goes_to("2026-11-27 09:05");
    let after = scene.round().await;
    let list = after.iter().find(|one| one.key == morning[0].key).unwrap();
    assert!(
        list.only_rewrites && list.text.contains("Вера"),
        "{after:?}"
    );
}

#[tokio::test]
async fn whoever_has_not_confirmed_is_to_be_called_two_hours_before() {
    let mut scene = Scene::at("2026-11-26 12:00").await;
    let olga = scene.books("Ольга", "2026-11-27 15:00").await;
    let vera = scene.books("Вера", "2026-11-27 17:00").await;
    scene
        .becomes(&vera, Change::Status(Status::Confirmed), "customer")
        .await;
    scene.goes_to("2026-11-27 12:59");
    scene.round().await;
    scene.round().await;
    scene.goes_to("2026-11-27 13:00");

    let call = scene.round().await;
    assert_eq!(call.len(), 1, "{call:?}");
    assert!(call[0].text.contains("Нужно позвонить") && call[0].text.contains("Ольга"));
    assert_eq!(titles(&call[0].buttons), ["Позвонили"]);
    assert_eq!(
        Mark::read(&call[0].buttons[0].payload),
        Some((Mark::Called, olga.id))
    );

    scene
        .becomes(&olga, Change::Status(Mark::Called.status()), "Мария")
        .await;
    let after = scene.round().await;
    let done = after.iter().find(|one| one.key == call[0].key).unwrap();
    assert!(
        done.text.contains("Подтверждено** · Мария"),
        "{}",
        done.text
    );
    assert_eq!(done.buttons, []);
    scene.goes_to("2026-11-27 15:00");
    let later = scene.round().await;
    assert!(
        !later.iter().any(|one| one.key.starts_with("call")),
        "{later:?}"
    );
}

#[tokio::test]
async fn who_booked_today_is_not_called() {
    let mut scene = Scene::at("2026-11-27 10:00").await;
    scene.books("Ольга", "2026-11-27 15:00").await;
    scene.goes_to("2026-11-27 10:01");
    scene.round().await;
    scene.goes_to("2026-11-27 14:00");

    assert_eq!(scene.round().await, []);
}

#[tokio::test]
async fn a_visit_that_begins_is_marked_in_its_message_and_a_mistake_mended() {
    let mut scene = Scene::at("2026-11-27 10:00").await;
    let olga = scene.books("Ольга", "2026-11-27 15:00").await;
    scene.goes_to("2026-11-27 14:59");
    scene.round().await;
    scene.goes_to("2026-11-27 15:00");

    let begun = scene.round().await;
    assert_eq!(begun.len(), 1, "{begun:?}");
    assert_eq!(
        titles(&begun[0].buttons),
        ["Пришёл", "Опаздывает", "Не пришёл"]
    );

    let late = scene
        .becomes(&olga, Change::Status(Status::Late), "Мария")
        .await;
    let after = scene.round().await;
    let board = after.iter().find(|one| one.key == begun[0].key).unwrap();
    assert!(
        board.text.contains("Опаздывает** · Мария, 15:00"),
        "{}",
        board.text
    );
    assert_eq!(titles(&board.buttons), ["Пришёл", "Не пришёл"]);

    scene
        .becomes(&late, Change::Status(Status::NoShow), "Мария")
        .await;
    let after = scene.round().await;
    let board = after.iter().find(|one| one.key == begun[0].key).unwrap();
    assert_eq!(titles(&board.buttons), ["Пришёл"]);
    assert!(
        after.iter().all(|one| one.only_rewrites),
        "what the staff pressed itself is no news: {after:?}"
    );
}

#[tokio::test]
async fn the_next_moment_is_known_beforehand_and_stays_until_it_is_told() {
    let mut scene = Scene::at("2026-11-26 12:00").await;
    let next = async |scene: &Scene| {
        let notices = &scene.notices;
        let next = next_told(&notices.store, &business(), notices.clock.now()).await;
        next.unwrap().unwrap()
    };
    assert_eq!(next(&scene).await, moscow("2026-11-26 20:00"), "a list");
    scene.books("Ольга", "2026-11-27 15:00").await;
    assert_eq!(next(&scene).await, moscow("2026-11-26 12:00"), "the news");

    let times = [
        ("2026-11-26 12:01", "2026-11-26 20:00"),
        ("2026-11-26 20:00", "2026-11-27 09:00"),
        ("2026-11-27 09:00", "2026-11-27 13:00"),
        ("2026-11-27 13:00", "2026-11-27 15:00"),
        ("2026-11-27 15:00", "2026-11-27 20:00"),
    ];
    for (now, then) in times {
        scene.goes_to(now);
        let before = next(&scene).await;
        assert!(before <= moscow(now), "{now}: {before} is not told yet");
        scene.round().await;
        assert_eq!(next(&scene).await, moscow(then), "after {now}");
    }
}

#[tokio::test]
async fn a_visit_that_is_cancelled_or_needs_no_call_is_no_moment() {
    let mut scene = Scene::at("2026-11-27 10:00").await;
    scene.books("Ольга", "2026-11-27 15:00").await;
    let vera = scene.books("Вера", "2026-11-27 12:00").await;
    let gone = Change::Status(Status::CancelledByCustomer);
    scene.becomes(&vera, gone, "customer").await;
    scene.goes_to("2026-11-27 10:01");
    scene.round().await;

    let notices = &scene.notices;
    let next = next_told(&notices.store, &business(), notices.clock.now()).await;

    assert_eq!(next.unwrap(), Some(moscow("2026-11-27 15:00")));
}
