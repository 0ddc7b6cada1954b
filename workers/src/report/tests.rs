//! Journals, planted, and what is made of them.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;
use zapis_core::event::{Client, Event, Kind};
use zapis_core::ids;
use zapis_core::message::ConversationId;
use zapis_core::store::{Shelf, Store, VersionChange};

use super::autonomy::{Autonomy, Mode, Recommendation, Tally, lower_bound, recommend};
use super::{Gaps, Group, Nearest, Privacy, Reviewed, Sampled, repair_time, repaired};
use crate::content::Content;
use crate::knowledge::{Entry, Imported, Knowledge};
use crate::testing::{config, moscow, understander};

/// A journal under way.
struct Journal {
    now: DateTime<Utc>,
    events: Vec<Event>,
}

impl Journal {
    fn new() -> Self {
        Self {
            now: moscow("2026-11-20 12:00"),
            events: Vec::new(),
        }
    }

    fn later(&mut self, minutes: i64) -> &mut Self {
        self.now += TimeDelta::minutes(minutes);
        self
    }

    fn event(&mut self, customer: u32, kind: Kind) -> &mut Event {
        let conversation = chat(customer);
        let n = self.events.len();
        let id = ids::of(Uuid::nil(), "event", n);
        let mut event = Event::new(id, kind, self.now).about(&conversation);
        event.turn_id = Some(ids::of(Uuid::nil(), "turn", n));
        event.client = Some(Client {
            phone: Some("+79215550142".into()),
            name: Some("Зульфия".into()),
        });
        self.events.push(event);
        self.events.last_mut().unwrap()
    }

    /// The customer writes, the bot decides.
    fn asks(&mut self, customer: u32, text: &str, intent: &str, rule: &str) -> &mut Event {
        let inbound = self.event(customer, Kind::Inbound);
        inbound.customer_text = Some(text.into());
        let turn_id = inbound.turn_id;
        let turn = self.event(customer, Kind::Turn);
        turn.turn_id = turn_id;
        turn.intent = Some(intent.into());
        turn.confidence = Some(0.8);
        turn.reason = Some(rule.into());
        turn.bot_response = Some("Ответ".into());
        turn.outcome = Some("answered".into());
        let over = matches!(rule, "not_known" | "own_visit" | "asked_for_person");
        turn.action = Some(if over { "handoff" } else { "none" }.into());
        turn
    }

    fn staff(&mut self, customer: u32, text: &str) {
        self.event(customer, Kind::Takeover).bot_response = Some(text.into());
    }

    fn draft(&mut self, draft: u128, intent: &str, outcome: &str) {
        let event = self.event(1, Kind::Draft);
        event.outbound_id = Some(Uuid::from_u128(draft));
        event.intent = Some(intent.into());
        event.outcome = Some(outcome.into());
        event.action = Some("draft".into());
    }

    fn gaps(&self) -> Vec<Group> {
        let content = Content::load(&config()).unwrap();
        let mut gaps = Gaps::new(&content);
        for event in &self.events {
            gaps.take(event);
        }
        gaps.groups(self.now.date_naive()).0
    }

    fn autonomy(&self) -> Autonomy {
        let mut autonomy = Autonomy::default();
        for event in &self.events {
            autonomy.take(event);
        }
        autonomy
    }
}

fn chat(customer: u32) -> ConversationId {
    ConversationId::new("telegram", "main", &customer.to_string()).unwrap()
}

#[test]
fn questions_that_ask_the_same_are_one_group_and_most_customers_come_first() {
    let mut journal = Journal::new();
    let asked = [
        (1, "А есть ли у вас солярий?", "service_info"),
        (2, "Солярий есть?", "service_info"),
        (
            3,
            "скажите, пожалуйста, а солярий у вас работает",
            "service_info",
        ),
        (4, "сколько стоит солярий", "price"),
        (5, "Можно с собакой?", "smalltalk"),
        (6, "можно прийти с собакой?", "offtopic"),
        (7, "Пускаете ли вы с собаками", "service_info"),
        (8, "Делаете ли наращивание волос?", "service_info"),
        (8, "Делаете ли наращивание волос?", "service_info"),
        (8, "Вы делаете наращивание волос", "service_info"),
    ];
    for (customer, text, intent) in asked {
        let turn = journal.later(60).asks(customer, text, intent, "not_known");
        if matches!(intent, "smalltalk" | "offtopic") {
            turn.confidence = Some(0.2);
        }
    }

    let groups = journal.gaps();

    let told: Vec<_> = groups
        .iter()
        .map(|group| (group.question.as_str(), group.customers, group.count))
        .collect();
    assert_eq!(
        told,
        [
            ("Можно с собакой?", 3, 3),
            ("А есть ли у вас солярий?", 3, 3),
            ("Вы делаете наращивание волос", 1, 3),
            ("сколько стоит солярий", 1, 1),
        ]
    );
    assert_eq!(groups[0].examples.len(), 2, "one wording is shown once");
    let nearest = groups[1].nearest.as_ref().unwrap();
    assert!(nearest.confidence < 0.5, "{nearest:?}");
    assert_eq!(groups[2].why, BTreeMap::from([("not_known".into(), 3)]));
}

#[test]
fn the_order_of_the_journal_does_not_change_the_groups() {
    let texts = [
        "Есть солярий?",
        "солярий работает?",
        "Можно с собакой?",
        "а с собакой можно",
    ];
    let groups = |order: &[usize]| {
        let mut journal = Journal::new();
        for n in order {
            let customer = u32::try_from(*n).unwrap();
            journal.asks(customer, texts[*n], "service_info", "not_known");
        }
        journal.gaps()
    };

    assert_eq!(groups(&[0, 1, 2, 3]), groups(&[3, 1, 0, 2]));
}

#[test]
fn the_staffs_answer_is_kept_and_nobody_is_named() {
    let mut journal = Journal::new();
    let text =
        "Зульфия, +7 921 555-01-42, z@mail.example, @zulya_k, меня зовут Ольга. Можно с собакой?";
    journal.asks(1, text, "service_info", "not_known");
    journal.later(15).staff(1, "Добрый день!");
    journal.staff(1, "Ольга, с маленькой собакой можно, если она на руках");
    journal.later(1).asks(1, "Спасибо", "thanks", "polite");
    journal
        .later(1)
        .staff(1, "Ждём вас в субботу в двенадцать часов на стрижку");

    let groups = journal.gaps();

    assert_eq!(groups.len(), 1);
    let answer = groups[0].answer.as_ref().unwrap();
    assert!(
        answer.text.contains("с маленькой собакой можно"),
        "{answer:?}"
    );
    let told = serde_json::to_string(&groups).unwrap();
    for personal in ["Зульфия", "555", "mail.example", "zulya", "Ольга"] {
        assert!(!told.contains(personal), "{personal} is in {told}");
    }
}

#[test]
fn an_answer_that_did_not_help_is_a_gap_and_one_that_did_is_none() {
    let mut journal = Journal::new();
    journal.asks(1, "Где у вас парковка?", "parking", "answered");
    journal
        .later(2)
        .asks(1, "так где парковка-то", "parking", "answered");
    journal.later(60);
    journal.asks(2, "Сколько стоит окрашивание?", "price", "answered");
    journal
        .later(1)
        .asks(2, "Позовите человека", "human", "asked_for_person");
    journal.later(60);
    journal.asks(3, "Во сколько закрываетесь?", "hours", "answered");
    journal
        .later(5)
        .staff(3, "Сегодня закрываемся раньше, в семь вечера");
    journal.later(60);
    journal.asks(4, "Какой у вас адрес?", "address", "answered");
    journal.later(1).asks(4, "Спасибо!", "thanks", "polite");
    journal.later(40).staff(4, "Ждём вас");
    journal
        .asks(5, "Запишите на завтра", "booking", "booking_wish")
        .action = Some("handoff".into());

    let groups = journal.gaps();

    let mut told: Vec<_> = groups
        .iter()
        .map(|group| {
            let why: Vec<&str> = group.why.keys().map(String::as_str).collect();
            (group.question.as_str(), why)
        })
        .collect();
    told.sort();
    assert_eq!(
        told,
        [
            ("Во сколько закрываетесь?", vec!["staff_answered"]),
            ("Где у вас парковка?", vec!["asked_again"]),
            ("Сколько стоит окрашивание?", vec!["asked_for_person"]),
        ]
    );
}

#[test]
fn what_was_let_go_in_a_crowd_is_still_told() {
    let mut journal = Journal::new();
    journal.asks(1, "Можно с собакой?", "service_info", "not_known");
    journal.later(5).staff(1, "С маленькой можно");
    for customer in 2..=2_300 {
        journal
            .later(1)
            .asks(customer, "Где вы?", "address", "answered");
    }

    let groups = journal.gaps();

    assert_eq!(groups.len(), 1);
    assert!(groups[0].answer.is_some());
}

#[test]
fn a_question_to_a_person_is_a_gap_when_the_person_answers_it() {
    let mut journal = Journal::new();
    let silent = "a person has the conversation";
    journal
        .asks(1, "Можно с собакой?", "service_info", silent)
        .outcome = Some("silent".into());
    journal.later(3).staff(1, "Да, с маленькой можно");
    journal.asks(2, "Поняла вас", "thanks", silent);
    journal
        .later(3)
        .staff(2, "Хорошего дня и до встречи в салоне");

    let groups = journal.gaps();

    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].question, "Можно с собакой?");
    assert!(groups[0].answer.is_some());
}

#[test]
fn the_bound_is_wilsons() {
    for (hits, of, bound) in [
        (0, 0, 0.0),
        (0, 10, 0.0),
        (10, 10, 0.722_467),
        (35, 35, 0.901_096),
        (81, 100, 0.722_228),
    ] {
        let found = lower_bound(hits, of);
        assert!((found - bound).abs() < 1e-4, "{hits} of {of}: {found}");
    }
}

#[test]
fn intents_are_promoted_and_demoted_by_the_rule() {
    let drafts = |sent, edited| Tally {
        sent,
        edited,
        ..Tally::default()
    };
    let answers = |auto, followed| Tally {
        auto,
        followed,
        ..Tally::default()
    };
    for (mode, tally, wanted) in [
        (Mode::Draft, drafts(19, 0), Recommendation::Keep),
        (Mode::Draft, drafts(34, 0), Recommendation::Keep),
        (Mode::Draft, drafts(35, 0), Recommendation::Promote),
        (Mode::Draft, drafts(98, 2), Recommendation::Promote),
        (Mode::Draft, drafts(93, 7), Recommendation::Keep),
        (Mode::Staff, drafts(200, 0), Recommendation::Keep),
        (Mode::Auto, answers(9, 9), Recommendation::Keep),
        (Mode::Auto, answers(10, 2), Recommendation::Keep),
        (Mode::Auto, answers(10, 3), Recommendation::Demote),
        (Mode::Draft, answers(10, 9), Recommendation::Keep),
    ] {
        let advice = recommend(mode, &tally);
        assert_eq!(advice.recommendation, wanted, "{mode:?} {tally:?}");
    }
}

#[test]
fn what_becomes_of_drafts_and_answers_is_counted_by_intent() {
    let mut journal = Journal::new();
    for (draft, outcome) in [
        (1, "sent"),
        (2, "edited"),
        (3, "rejected"),
        (4, "expired"),
        (5, "superseded"),
    ] {
        journal.draft(draft, "price", "proposed");
        journal.draft(draft, "price", outcome);
    }
    journal.draft(1, "price", "rejected");
    journal.draft(6, "price", "proposed");
    // One is followed by a person, one by a wish for one, one by nothing, one too late.
    for customer in 1..=4 {
        journal.asks(customer, "Вы до скольки?", "hours", "answered");
    }
    journal.later(10).staff(1, "Я отвечу");
    journal.asks(2, "Оператора", "human", "asked_for_person");
    journal.later(1).staff(4, "Я отвечу");

    let counted = journal.autonomy();

    let price = Tally {
        sent: 1,
        edited: 1,
        rejected: 1,
        expired: 1,
        ..Tally::default()
    };
    let hours = Tally {
        auto: 4,
        followed: 2,
        ..Tally::default()
    };
    assert_eq!(
        (counted.tally("price"), counted.tally("hours")),
        (price, hours)
    );
    let rows = counted.rows(&BTreeMap::from([("price".into(), Mode::Staff)]));
    let modes: Vec<_> = rows
        .iter()
        .map(|row| (row.intent.as_str(), row.mode, row.decided))
        .collect();
    assert_eq!(modes, [("hours", Mode::Auto, 0), ("price", Mode::Staff, 3)]);
}

#[test]
fn an_intent_that_was_said_in_other_words_was_missed_before() {
    let mut journal = Journal::new();
    journal.asks(1, "а чё по деньгам", "smalltalk", "not_understood");
    journal
        .later(1)
        .asks(1, "почём?", "price", "misunderstood_twice");
    journal
        .later(1)
        .asks(1, "Сколько стоит стрижка?", "price", "answered");
    journal.later(1).asks(1, "Спасибо", "thanks", "polite");
    // Somebody else, too late, and who asks for a person.
    journal.asks(2, "чё", "smalltalk", "not_understood");
    journal
        .later(11)
        .asks(2, "Вы до скольки?", "hours", "answered");
    journal.asks(3, "чё", "smalltalk", "not_understood");
    journal.asks(3, "Оператора", "human", "asked_for_person");

    let rows = journal.autonomy().rows(&BTreeMap::new());

    let missed = rows
        .iter()
        .map(|row| (row.intent.as_str(), row.tally.missed));
    let missed: Vec<_> = missed.filter(|(_, count)| *count > 0).collect();
    assert_eq!(missed, [("price", 2)]);
}

#[tokio::test]
async fn a_gap_is_repaired_by_the_version_that_answers_it_since() {
    let content = Content::load(&config()).unwrap();
    let entry = |answer: &str| Entry {
        id: "solarium".into(),
        answer: answer.into(),
        imported: Some(Imported {
            source: "staff".into(),
            version: 3,
        }),
        ..content.knowledge.entries()[0].clone()
    };
    let mut journal = Journal::new();
    journal.asks(1, "А есть ли у вас солярий?", "service_info", "not_known");
    journal.later(600);
    let store = Store::open("sqlite::memory:").await.unwrap();
    for (n, says) in [None, Some("Есть"), Some("Нет"), Some("Нет")]
        .into_iter()
        .enumerate()
    {
        let entries: Vec<Entry> = says.map(entry).into_iter().collect();
        let change = VersionChange {
            who: "olga".into(),
            what: "answer".into(),
            sources: vec![("staff".into(), serde_json::to_string(&entries).ok())],
        };
        let hour = TimeDelta::hours(i64::try_from(n).unwrap());
        let (after, at) = (i64::try_from(n).unwrap(), journal.now + hour);
        let made = store
            .make_version(Shelf::Knowledge, after, &change, at)
            .await;
        assert!(made.unwrap().is_some());
    }
    let mut groups = journal.gaps();
    groups[0].nearest = Some(Nearest {
        id: "solarium".into(),
        question: String::new(),
        confidence: 1.0,
    });

    let knows = Knowledge::of(vec![entry("Нет")]);
    repaired(&store, &mut groups, &knows).await.unwrap();
    assert_eq!(repair_time(&groups), Some((TimeDelta::hours(12), 1)));

    // What was there before was no repair, and what is said nowhere is none.
    groups[0].first_at = journal.now + TimeDelta::hours(3);
    repaired(&store, &mut groups, &knows).await.unwrap();
    assert_eq!(repair_time(&groups), None);
}

#[test]
fn a_turn_that_only_proposed_a_draft_has_answered_nobody() {
    let mut journal = Journal::new();
    let turn = journal
        .asks(1, "Сколько стоит стрижка?", "price", "answered")
        .turn_id;
    journal.draft(1, "price", "proposed");
    journal.events.last_mut().unwrap().turn_id = turn;
    journal.later(1).staff(1, "2 500 ₽");

    let counted = journal.autonomy();

    assert_eq!(counted.tally("price"), Tally::default());
    assert_eq!(counted.rows(&BTreeMap::new())[0].mode, Mode::Draft);
}

#[test]
fn the_same_seed_draws_the_same_conversations() {
    let mut journal = Journal::new();
    for customer in 1..=50 {
        journal.asks(customer, "Здравствуйте", "greeting", "answered");
        journal.asks(customer, "Адрес?", "address", "answered");
    }
    let drawn = |seed: &str, events: &mut dyn Iterator<Item = &Event>| {
        let mut reviewed = Reviewed::new(seed, 10);
        events.for_each(|event| reviewed.take(event));
        reviewed.drawn().cloned().collect::<Vec<_>>()
    };

    let once = drawn("2026-W47", &mut journal.events.iter());

    assert_eq!(once.len(), 10);
    assert_eq!(once, drawn("2026-W47", &mut journal.events.iter().rev()));
    assert_ne!(once, drawn("2026-W48", &mut journal.events.iter()));
}

#[test]
fn an_intent_of_little_confidence_is_shown_with_what_was_asked() {
    let mut journal = Journal::new();
    for (text, intent, sure) in [
        ("что-то про детей", "children", 0.5),
        ("детям +79215550142", "children", 0.3),
        ("адрес?", "address", 0.9),
    ] {
        journal.asks(1, text, intent, "answered").confidence = Some(sure);
    }
    let mut reviewed = Reviewed::new("s", 10);
    journal.events.iter().for_each(|event| reviewed.take(event));

    let understander = understander();
    let weak = reviewed.weak(&Privacy::new(&understander));

    assert_eq!(weak.len(), 1);
    assert_eq!((weak[0].intent.as_str(), weak[0].count), ("children", 2));
    assert!((weak[0].confidence - 0.4).abs() < 1e-9);
    assert_eq!(weak[0].examples, ["детям +[NUMBER_1]", "что-то про детей"]);
}

#[test]
fn a_form_tells_what_was_said_and_why_within_the_period_only() {
    let mut journal = Journal::new();
    journal.asks(1, "Раньше", "greeting", "answered");
    let from = journal.later(60).now;
    journal.asks(
        1,
        "Это Зульфия, можно с собакой?",
        "service_info",
        "not_known",
    );
    journal.later(1).staff(1, "Можно");
    let understander = understander();
    let privacy = Privacy::new(&understander);

    let span = from..journal.now + TimeDelta::minutes(1);
    let form = Sampled::new(&chat(1), &journal.events, &span, &privacy);

    let told: Vec<_> = form
        .transcript
        .iter()
        .map(|said| {
            (
                said.from,
                said.text.as_deref().unwrap(),
                said.why.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("customer", "Это [NAME_1], можно с собакой?", None),
            ("bot", "Ответ", Some("not_known")),
            ("staff", "Можно", None),
        ]
    );
    assert_eq!(form.right, None);
}
