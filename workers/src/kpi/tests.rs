use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;
use zapis_core::Clock;
use zapis_core::event::{Event, Kind};
use zapis_core::message::ConversationId;
use zapis_core::store::Store;

use super::figures::{By, Counted, Figure};
use super::follow::{longer, recount};
use super::*;
use crate::desk::Desks;

const ZONE: Tz = chrono_tz::Europe::Moscow;

fn at(minutes: i64) -> DateTime<Utc> {
    "2026-11-02T07:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::minutes(minutes)
}

fn whose(n: u32) -> ConversationId {
    format!("telegram:main:{n}").parse().unwrap()
}

/// The journal of a firm, as its processes write it.
#[derive(Default)]
struct Journal(Vec<Event>);

impl Journal {
    fn add(
        &mut self,
        who: u32,
        minute: i64,
        kind: Kind,
        fill: impl FnOnce(&mut Event),
    ) -> &mut Self {
        let id = Uuid::from_u128(self.0.len() as u128 + 1);
        let mut event = Event::new(id, kind, at(minute)).about(&whose(who));
        event.turn_id = Some(Uuid::from_u128(7));
        fill(&mut event);
        self.0.push(event);
        self
    }

    fn writes(&mut self, who: u32, minute: i64) -> &mut Self {
        self.add(who, minute, Kind::Inbound, |event| {
            event.customer_text = Some("…".into());
            event.outcome = Some("text".into());
        })
    }

    fn presses(&mut self, who: u32, minute: i64) -> &mut Self {
        self.add(who, minute, Kind::Inbound, |event| {
            event.customer_text = Some("[Да]".into());
            event.outcome = Some("press".into());
        })
    }

    fn thinks(&mut self, who: u32, minute: i64, intent: &str) -> &mut Self {
        self.add(who, minute, Kind::Turn, |event| {
            event.intent = Some(intent.into());
            event.variant = Some(format!("greeting:a,about:{intent}"));
            event.confidence = Some(0.75);
            event.tokens = Some(100);
            event.cost = Some(0.5);
        })
    }

    fn answers(&mut self, who: u32, minute: i64) -> &mut Self {
        self.add(who, minute, Kind::Outbound, |event| {
            event.outcome = Some("sent".into());
            event.owner = Some("bot".into());
            event.bot_response = Some("…".into());
        })
    }

    fn calls(&mut self, who: u32, minute: i64) -> &mut Self {
        self.add(who, minute, Kind::Handoff, |_| {})
    }

    fn person(&mut self, who: u32, minute: i64) -> &mut Self {
        self.add(who, minute, Kind::Takeover, |event| {
            event.staff_id = Some("Мария".into());
            event.bot_response = Some("…".into());
        })
    }

    fn draft(&mut self, who: u32, minute: i64, outcome: &str) -> &mut Self {
        self.add(who, minute, Kind::Draft, |event| {
            event.outcome = Some(outcome.into());
        })
    }

    fn books(
        &mut self,
        who: u32,
        minute: i64,
        action: &str,
        status: &str,
        version: i64,
    ) -> &mut Self {
        self.add(who, minute, Kind::Booking, |event| {
            event.booking_id = Some(format!("visit of {who}"));
            event.action = Some(action.into());
            event.outcome = Some(status.into());
            event.sources = Some(json!({
                "version": version, "source": "bot", "starts_at": at(3_000), "services": ["cut"],
            }));
        })
    }
}

async fn follower(desks: Desks) -> Follower {
    Follower {
        store: Store::open("sqlite::memory:").await.unwrap(),
        desks,
        clock: Clock::system(),
    }
}

async fn counted(journal: &Journal) -> Counted {
    let follower = follower(Desks::default()).await;
    follower.store.journal(&journal.0, &[]).await.unwrap();
    follower.catch_up().await.unwrap();
    Counted::of(&follower.store, &(at(-10_000)..at(100_000)))
        .await
        .unwrap()
}

fn figure(figures: &[Figure], id: &str) -> (Option<f64>, usize) {
    let found = figures.iter().find(|one| one.id == id).unwrap();
    (found.value, found.of)
}

/// Five customers, two of whom book.
fn a_week() -> Journal {
    let mut journal = Journal::default();
    // Asks, is answered after a minute and says thanks.
    journal.writes(1, 0).thinks(1, 0, "price").answers(1, 1);
    journal.writes(1, 5).thinks(1, 5, "thanks").answers(1, 5);
    // Books in her second dialogue, two days later; confirms by a button under a reminder, and comes.
    journal
        .writes(1, 3_000)
        .thinks(1, 3_000, "booking")
        .answers(1, 3_000);
    journal.books(1, 3_001, "create_booking", "booked", 1);
    journal
        .presses(1, 4_900)
        .books(1, 4_900, "confirm_booking", "confirmed", 2);
    journal.books(1, 6_000, "arrive_booking", "arrived", 3);
    // Asks for a person, who comes after ten minutes.
    journal
        .writes(2, 10)
        .thinks(2, 10, "human")
        .answers(2, 12)
        .calls(2, 12)
        .person(2, 22);
    // Gets no answer.
    journal.writes(3, 20).thinks(3, 20, "complaint");
    // Asks, is answered, and never says a word again; the answer was approved by a person.
    journal
        .writes(4, 30)
        .thinks(4, 30, "price")
        .draft(4, 30, "proposed");
    journal.draft(4, 33, "sent");
    // What a person lets through belongs to no turn.
    journal.add(4, 33, Kind::Outbound, |event| {
        event.turn_id = None;
        event.owner = Some("bot".into());
        event.outcome = Some("sent".into());
    });
    // Books and does not come.
    journal
        .writes(5, 40)
        .thinks(5, 40, "booking")
        .answers(5, 40);
    journal.books(5, 41, "create_booking", "booked", 1).books(
        5,
        6_000,
        "miss_booking",
        "no_show",
        2,
    );
    journal
}

#[tokio::test]
async fn every_figure_is_what_its_definition_says() {
    let counted = counted(&a_week()).await;

    let groups = counted.figures(Some(By::Intent), ZONE, at(100_000));

    let all = &groups[0].figures;
    let is = |id, value: f64, of| {
        let (counted, counted_of) = figure(all, id);
        let near = (counted.unwrap() - value).abs() < 1e-9;
        assert!(
            near && counted_of == of,
            "{id}: {counted:?} of {counted_of}"
        );
    };
    is("enquiries", 6.0, 6);
    is("customers", 5.0, 5);
    is("answered", 5.0 / 6.0, 6);
    is("bot_first_answer_median", 60.0, 5);
    is("bot_first_answer_p90", 180.0, 5);
    is("staff_first_answer_median", 600.0, 1);
    is("automated", 3.0 / 5.0, 5);
    is("automated_confirmed", 2.0 / 3.0, 3);
    is("automated_silent", 0.0, 3);
    is("automated_reopened", 1.0 / 3.0, 3);
    is("escalated", 1.0 / 6.0, 6);
    is("escalation_after_median", 120.0, 1);
    is("qualified", 2.0 / 6.0, 6);
    is("booked", 2.0 / 6.0, 6);
    is("bookings", 2.0, 2);
    is("confirmed", 0.5, 2);
    is("came", 0.5, 2);
    is("no_show", 0.5, 2);
    is("drafts_unchanged", 1.0, 1);
    is("confidence", 0.75, 7);
    is("tokens_per_enquiry", 700.0 / 6.0, 6);
    is("cost_per_booking", 1.75, 2);
    assert_eq!(figure(all, "csat"), (None, 0));
    let names: Vec<_> = groups[1..]
        .iter()
        .filter_map(|group| group.name.as_deref())
        .collect();
    assert_eq!(names, ["-", "booking", "complaint", "human", "price"]);
    // The press of a button is a dialogue of its own and no enquiry.
    assert_eq!(figure(&groups[1].figures, "enquiries"), (Some(0.0), 0));
    // Who may still write again is not judged.
    let early = counted.figures(None, ZONE, at(60));
    assert_eq!(figure(&early[0].figures, "automated_silent"), (None, 0));
    let by = |by| {
        let groups = counted.figures(Some(by), ZONE, at(100_000));
        groups
            .into_iter()
            .filter_map(|group| group.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(by(By::Day), ["2026-11-02", "2026-11-04", "2026-11-05"]);
    assert_eq!(by(By::Staff), ["Мария"]);
    assert_eq!(by(By::Service), ["cut"]);
}

#[tokio::test]
async fn who_writes_first_and_who_wrote_before_the_call_is_told_apart() {
    let mut journal = Journal::default();
    // The bot alone; weeks later a person writes first, the customer answers and asks for somebody.
    journal.writes(1, 0).thinks(1, 0, "price").answers(1, 1);
    journal
        .person(1, 30_000)
        .writes(1, 30_010)
        .thinks(1, 30_010, "human");
    journal
        .answers(1, 30_011)
        .calls(1, 30_011)
        .person(1, 30_041);
    // Writes, presses a button a day later, and writes again within 72 hours of the first.
    journal
        .writes(2, 0)
        .answers(2, 1)
        .presses(2, 1_500)
        .writes(2, 3_000)
        .answers(2, 3_000);
    // The visit is told before the press that confirms it.
    journal
        .books(3, 50, "confirm_booking", "confirmed", 2)
        .presses(3, 50);

    let counted = counted(&journal).await;

    let all = &counted.figures(None, ZONE, at(100_000))[0].figures;
    assert_eq!(figure(all, "enquiries"), (Some(4.0), 4));
    assert_eq!(figure(all, "automated"), (Some(0.75), 4));
    assert_eq!(figure(all, "staff_first_answer_median"), (Some(1_800.0), 1));
    assert_eq!(figure(all, "automated_reopened").0, Some(1.0 / 3.0));
    let mut presses = counted
        .dialogues
        .iter()
        .filter(|one| one.conversation == whose(3));
    assert!(presses.next().unwrap().dialogue.settled);
}

#[tokio::test]
async fn a_share_of_nothing_is_nothing_and_a_share_of_few_is_unsure() {
    let empty = Counted::default().figures(None, ZONE, at(0));
    assert_eq!(figure(&empty[0].figures, "answered"), (None, 0));
    let mut journal = Journal::default();
    for who in 0..10 {
        journal.writes(who, 0).answers(who, 1);
    }
    let groups = counted(&journal).await.figures(None, ZONE, at(0));
    let answered = groups[0]
        .figures
        .iter()
        .find(|one| one.id == "answered")
        .unwrap();
    // Wilson's interval for 10 of 10, as in his tables: 0.722 … 1.
    let (low, high) = answered.interval.unwrap();
    assert!((low - 0.7225).abs() < 1e-3 && high > 0.999, "{low} {high}");
}

#[tokio::test]
async fn the_staffs_own_group_is_no_customer() {
    let follower = follower(Desks::new([whose(9)])).await;
    let mut journal = Journal::default();
    journal.writes(9, 0).thinks(9, 0, "human");
    follower.store.journal(&journal.0, &[]).await.unwrap();
    follower.catch_up().await.unwrap();
    let counted = Counted::of(&follower.store, &(at(-1)..at(1)))
        .await
        .unwrap();
    assert!(counted.dialogues.is_empty());
}

/// Anything that can be in a journal of three customers.
fn any_journal() -> impl Strategy<Value = Vec<(u32, i64, u8)>> {
    prop::collection::vec((0_u32..3, 0_i64..20_000, 0_u8..8), 1..80)
}

fn written(steps: &[(u32, i64, u8)]) -> Vec<Event> {
    let mut journal = Journal::default();
    for (n, &(who, minute, what)) in steps.iter().enumerate() {
        match what {
            0 | 1 => journal.writes(who, minute),
            2 => journal.answers(who, minute),
            3 => journal.thinks(who, minute, "price"),
            4 => journal.calls(who, minute),
            5 => journal.person(who, minute),
            6 => journal.presses(who, minute),
            _ => journal.books(
                who,
                minute,
                "create_booking",
                "booked",
                i64::try_from(n).unwrap(),
            ),
        };
    }
    journal.0
}

async fn kept(
    store: &Store,
) -> (
    Vec<zapis_core::store::DialogueRow>,
    Vec<zapis_core::store::VisitRow>,
) {
    let all = at(-1_000_000)..at(1_000_000);
    let dialogues = store.dialogues_between(&all).await.unwrap();
    (dialogues, store.kpi_visits_between(&all).await.unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// However the journal grows, the figures are those that a recount finds.
    #[test]
    fn figures_that_grew_are_those_of_a_recount(steps in any_journal(), cuts in prop::collection::vec(1_usize..20, 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let follower = follower(Desks::default()).await;
            let events = written(&steps);
            let mut rest = events.as_slice();
            for cut in cuts.iter().cycle() {
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                follower.store.journal(now, &[]).await.unwrap();
                follower.catch_up().await.unwrap();
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            let grown = kept(&follower.store).await;
            recount(&follower).await.unwrap();
            prop_assert_eq!(grown, kept(&follower.store).await);
            Ok(())
        })?;
    }
}

/// A line that comes days late belongs to the newest dialogue, which does not begin before the one before it for that.
#[tokio::test]
async fn a_late_line_changes_no_order_of_dialogues() {
    let mut journal = Journal::default();
    journal.writes(1, 16_313).writes(1, 17_754);
    journal.writes(1, 16_314).presses(1, 14_911);
    journal.writes(1, 18_087).calls(1, 19_023);
    let follower = follower(Desks::default()).await;
    for event in &journal.0 {
        let event = std::slice::from_ref(event);
        follower.store.journal(event, &[]).await.unwrap();
        follower.catch_up().await.unwrap();
    }
    let grown = kept(&follower.store).await;
    let begun: Vec<_> = grown.0.iter().map(|row| row.started_at).collect();
    assert_eq!(begun, [at(16_313), at(16_314)]);
    recount(&follower).await.unwrap();
    assert_eq!(grown, kept(&follower.store).await);
}

#[test]
fn observing_anew_is_another_time() {
    let day = |n: i64| at(n * 24 * 60);
    let seen = |days: &[i64]| {
        let days = days.iter().map(|n| day(*n));
        days.fold(None, |known, at| Some(longer(known, at)))
    };
    let span = |first: i64, last: i64| Some(day(first) - TimeDelta::minutes(1)..day(last));
    assert_eq!(seen(&[0, 1, 6, 12]), span(0, 12));
    assert_eq!(seen(&[0, 6, 20, 21]), span(20, 21));
    // Whoever takes old events again changes nothing.
    assert_eq!(seen(&[20, 21, 0, 6, 21]), span(20, 21));
}
