use std::collections::BTreeMap;

use chrono::TimeDelta;
use uuid::Uuid;
use zapis_core::Clock;
use zapis_core::event::{Event, Kind};
use zapis_core::store::{Ended, Store};

use super::results::Seen;
use super::*;
use crate::content::Content;
use crate::desk::Desks;
use crate::kpi::Follower;
use crate::source_text::SourceText;
use crate::testing::{config, moscow};

/// Two experiments: the first one in many ways, half and half, the second one with a third of the customers.
const FILE: &str = r#"
[[experiments]]
id = "greeting"
about = "Приветствие покороче"
goal = "booked"
smallest = 10
expected = 20

[[experiments.arms]]
id = "a"

[[experiments.arms]]
id = "b"
texts.ru.greeting = """
Привет! { $salon } на связи.
.informal = Привет! { $salon } тут."""
texts.en.greeting = "Hi from { $salon }!"
prompt = "v1"
scenario = { times = 2, contact_first = true, booking_after_price = true }

[[experiments]]
id = "hello"
about = "Вторая"
goal = "escalated"
channels = ["telegram"]
from = 2026-11-01
until = 2026-11-30

[[experiments.arms]]
id = "a"
weight = 2

[[experiments.arms]]
id = "b"
texts.ru.hello = "Привет!"
"#;

/// What the first one changes, too.
const SAME: &str = "texts.ru.greeting = \"{ $salon }!\"";

fn read(text: &str) -> Result<Experiments, Vec<String>> {
    let source = SourceText {
        file: "experiments.toml".into(),
        text: text.into(),
    };
    let prompts = Prompts::load(&config().join("prompts")).unwrap();
    let read = read::experiments(&source, &prompts);
    read.map(Experiments)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn content(text: &str) -> Content {
    let shipped = Content::load(&config()).unwrap();
    Content {
        experiments: Arc::new(read(text).unwrap()),
        ..shipped
    }
}

fn whose(n: usize) -> ConversationId {
    format!("telegram:main:{n}").parse().unwrap()
}

#[test]
fn everything_that_is_wrong_is_told_at_its_place() {
    let wrong = FILE
        .replace("goal = \"booked\"", "goal = \"bookd\"")
        .replace("texts.ru.hello = \"Привет!\"", SAME)
        .replace("prompt = \"v1\"", "prompt = \"v7\"")
        .replace("times = 2", "times = 9, tmes = 1")
        .replace(
            "texts.en.greeting = \"Hi from { $salon }!\"",
            "texts.en.greeting = \"Hi!\"\ntexts.ru.remind-soon = \"x\"",
        )
        .replace("from = 2026-11-01", "from = 2026-12-01")
        .replace("weight = 2", "weight = 2\ntexts.ru.goodbye = \"Пока\"");
    let told = read(&wrong).unwrap_err();
    for part in [
        "experiments.toml:5:8: error: experiments[0].goal: is no figure that can decide (hint: did you mean `booked`?)",
        "experiments.toml:17:21: error: experiments[0].arms[1].texts.en.greeting: does not use `$salon`",
        "remind-soon: is no text that the bot says in a dialogue",
        "there is no prompt answer.v7.md",
        "experiments[0].arms[1].scenario.times: out of range",
        "scenario.tmes: is not a known key (hint: did you mean `times`?)",
        "experiments[1].until: is before `from`",
        "is the control and changes something",
        "changes text `ru.greeting`, as `greeting` does",
    ] {
        assert!(
            told.iter().any(|one| one.contains(part)),
            "{part}: {told:#?}"
        );
    }
    let few =
        read("[[experiments]]\nid = \"Привет\"\nabout = \"x\"\ngoal = \"booked\"\narms = []\n");
    let few = few.unwrap_err().join("\n");
    assert!(
        few.contains("2 to 4") && few.contains("name in the journal"),
        "{few}"
    );
    // One after the other they may change the same.
    let follows = FILE.replace("texts.ru.hello = \"Привет!\"", SAME);
    assert!(read(&follows).is_err());
    read(&follows.replace("smallest = 10", "smallest = 10\nfrom = 2026-12-01")).unwrap();
}

#[test]
fn who_is_in_which_arm_is_stable_even_and_independent() {
    let all = read(FILE).unwrap();
    let (one, other) = (&all.all()[0], &all.all()[1]);
    let mut counts = [[0.0; 2]; 2];
    for n in 0..9_000 {
        let (arm, other_arm) = (one.arm_of(&whose(n)), other.arm_of(&whose(n)));
        counts[arm][other_arm] += 1.0;
    }
    let [[aa, ab], [ba, bb]] = counts;
    let cells = [aa, ab, ba, bb];
    assert!(
        !crate::statistics::is_uneven(&cells, &[2.0, 1.0, 2.0, 1.0]),
        "{cells:?}"
    );
    // Whoever changes how it is made sends customers who are in the middle of it to other arms.
    let first: Vec<usize> = (0..12).map(|n| one.arm_of(&whose(n))).collect();
    assert_eq!(first, [1, 1, 0, 1, 0, 0, 1, 1, 0, 0, 1, 1]);
}

#[tokio::test]
async fn what_was_asked_for_was_used_and_what_is_kept_is_no_experiment_any_more() {
    let (store, content) = (Store::open("sqlite::memory:").await.unwrap(), content(FILE));
    let greeting = content.experiments.get("greeting").unwrap();
    let in_b = (0..100)
        .map(whose)
        .find(|one| greeting.arm_of(one) == 1)
        .unwrap();
    let in_a = (0..100)
        .map(whose)
        .find(|one| greeting.arm_of(one) == 0)
        .unwrap();
    let now = moscow("2026-12-05 12:00");
    let of = async |who: &ConversationId| Trial::of(&content, &store, who, now).await.unwrap();

    let (a, b) = (of(&in_a).await, of(&in_b).await);
    assert_eq!(b.used(), Vec::<String>::new(), "nothing was asked yet");
    assert!(b.wording(Language::Ru, Phrase::Hello).is_none());
    assert_eq!(
        b.used(),
        Vec::<String>::new(),
        "that one is over by its day"
    );
    assert_eq!((a.times(), b.times()), (None, Some(2)));
    assert!(b.contact_first() && !a.contact_first());
    assert_eq!(
        (a.used(), b.used()),
        (vec!["greeting:a".into()], vec!["greeting:b".into()])
    );
    let texts = content.texts.trying(&Arc::new(b));
    let said = texts.say(Language::Ru, Phrase::Greeting, &[("salon", "Роза")]);
    assert_eq!(said, "Привет! Роза на связи.");

    let mut ended = Ended {
        experiment: "greeting".into(),
        keeps: None,
        who: "Ольга".into(),
        at: now,
    };
    store.end_experiment(&ended).await.unwrap();
    assert!(of(&in_b).await.is_empty());
    ended.keeps = Some("b".into());
    store.end_experiment(&ended).await.unwrap();
    let a = of(&in_a).await;
    assert_eq!(a.times(), Some(2));
    assert_eq!(a.used(), Vec::<String>::new());
    assert!(
        of(&"sms:main:1".parse().unwrap()).await.times() == Some(2),
        "in all messengers"
    );
}

/// The journal of customers, made by hand.
#[derive(Default)]
struct Journal(Vec<Event>);

impl Journal {
    fn add(&mut self, who: usize, hour: i64, kind: Kind, fill: impl FnOnce(&mut Event)) {
        let id = Uuid::from_u128(self.0.len() as u128 + 1);
        let at = moscow("2026-11-02 10:00") + TimeDelta::hours(hour);
        let mut event = Event::new(id, kind, at).about(&whose(who));
        event.turn_id = Some(id);
        fill(&mut event);
        self.0.push(event);
    }

    fn asks(&mut self, who: usize, hour: i64, variant: &str) {
        self.add(who, hour, Kind::Inbound, |event| {
            event.outcome = Some("text".into());
        });
        self.add(who, hour, Kind::Turn, |event| {
            event.variant = (!variant.is_empty()).then(|| variant.into());
        });
    }

    fn books(&mut self, who: usize, hour: i64) {
        self.add(who, hour, Kind::Booking, |event| {
            event.booking_id = Some(format!("{who} {hour}"));
            event.action = Some("create_booking".into());
        });
    }
}

#[tokio::test]
async fn results_are_those_made_by_hand() {
    let mut journal = Journal::default();
    // The control: three customers, one of whom books.
    journal.asks(1, 0, "greeting:a,answer.v1");
    journal.books(1, 1);
    journal.asks(2, 0, "greeting:a");
    journal.asks(3, 0, "greeting:a,hello:b");
    // The other: books, books before anything was tried, does not book at first.
    journal.asks(4, 0, "greeting:b");
    journal.books(4, 0);
    journal.asks(5, 0, "");
    journal.books(5, 1);
    journal.asks(5, 2, "greeting:b");
    journal.asks(6, 0, "greeting:b");
    journal.asks(6, 100, "greeting:b");
    journal.books(6, 101);
    // Meets both, in two messengers that the firm knows to be hers; and one whom no trial met.
    journal.asks(7, 0, "greeting:a");
    journal.asks(8, 5, "greeting:b");
    journal.asks(9, 0, "");
    let follower = Follower {
        store: Store::open("sqlite::memory:").await.unwrap(),
        desks: Desks::default(),
        clock: Clock::system(),
    };
    let store = &follower.store;
    store.journal(&journal.0, &[]).await.unwrap();
    let now = moscow("2026-11-20 10:00");
    store
        .merge_customers(&whose(7), &whose(8), "", "Ольга", now)
        .await
        .unwrap();
    follower.catch_up().await.unwrap();

    let all = results(store, &content(FILE), now).await.unwrap();

    let [greeting, hello] = all.as_slice() else {
        panic!("{all:?}");
    };
    let told = |came: &Came| (came.dialogues, came.customers, came.counted, came.reached);
    assert_eq!(told(&greeting.arms[0]), (3, 3, 3, 1));
    assert_eq!(told(&greeting.arms[1]), (4, 3, 3, 1));
    assert_eq!((greeting.mixed, greeting.state), (1, State::Running));
    assert_eq!(greeting.arms[0].verdict, None);
    assert_eq!(greeting.arms[1].verdict, Some(Verdict::Early));
    // 294 of each are needed for ten points from 20 %: both less 3.
    assert_eq!((greeting.needed, greeting.arms[1].missing), (294, 2 * 291));
    assert_eq!(told(&hello.arms[1]), (1, 1, 1, 0));
    assert_eq!(hello.state, State::Running);
}

/// Numbers that look like chance, the same in each run.
fn chance(seed: usize, arm: usize, n: usize) -> f64 {
    let parts = [seed, arm, n].map(|part| part.to_string());
    let id = ids::derive(&parts.each_ref().map(String::as_str));
    f64::from(u32::try_from(id.as_u128() & 0xffff_ffff).unwrap()) / f64::from(u32::MAX)
}

/// What comes of so many customers in each arm, of whom these shares book.
fn simulated(experiment: &Experiment, seed: usize, of: usize, shares: [f64; 2]) -> Tested {
    let arm = |arm: usize| Seen {
        dialogues: of,
        customers: of,
        reached: (0..of)
            .map(|n| chance(seed, arm, n) < shares[arm])
            .collect(),
    };
    experiment.weighed(&[arm(0), arm(1)], 0, State::Running, None)
}

#[test]
fn a_planted_lift_is_found_and_none_is_found_where_there_is_none() {
    let all = read(FILE).unwrap();
    let experiment = all.get("greeting").unwrap();
    let needed = experiment.needed();
    let verdicts = |shares: [f64; 2]| {
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        for seed in 0..400 {
            // Whoever looks too early learns nothing, whoever looks once more later the same.
            let early = simulated(experiment, seed, needed - 1, shares);
            assert_eq!(early.arms[1].verdict, Some(Verdict::Early));
            let verdict = |of| {
                simulated(experiment, seed, of, shares).arms[1]
                    .verdict
                    .unwrap()
            };
            assert_eq!(verdict(needed), verdict(needed + 50));
            *counts.entry(verdict(needed).name()).or_default() += 1;
        }
        counts
    };
    let none = verdicts([0.2, 0.2]);
    let found = none.get("better").unwrap_or(&0) + none.get("worse").unwrap_or(&0);
    assert!(found <= 30, "5 % of 400 and a little: {none:?}");
    let lift = verdicts([0.2, 0.3]);
    assert!(
        lift["better"] >= 300 && !lift.contains_key("worse"),
        "80 % of 400 and a little: {lift:?}"
    );

    let worse = simulated(experiment, 1, needed, [0.5, 0.2]);
    let told = worse.arms[1].points(Language::Ru).unwrap();
    assert_eq!(worse.arms[1].verdict, Some(Verdict::Worse));
    assert!(
        told.iter()
            .all(|points| points.contains(',') && !points.contains('−')),
        "{told:?}"
    );
    let fewer_calls = Experiment {
        goal: Goal::Escalated,
        arms: vec![
            Arm {
                weight: 1,
                ..Arm::default()
            },
            Arm {
                weight: 1,
                ..Arm::default()
            },
        ],
        channels: Vec::new(),
        id: String::new(),
        about: String::new(),
        ..**experiment
    };
    let better = simulated(&fewer_calls, 1, needed, [0.5, 0.2]);
    assert_eq!(better.arms[1].verdict, Some(Verdict::Better));
    let uneven = [400, 700].map(|of| Seen {
        customers: of,
        reached: vec![true; of],
        ..Seen::default()
    });
    let uneven = experiment.weighed(&uneven, 0, State::Running, None);
    assert_eq!(
        (uneven.uneven, uneven.arms[1].verdict),
        (true, Some(Verdict::Uneven))
    );
}
