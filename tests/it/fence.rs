//! Who may speak, in every order of things: what a person of the firm, their phone and the customer
//! do is let happen between any two steps of a turn and its sending, by the very functions that run
//! in production. Only the engines between them are plain ones in memory.
//!
//! A plan says what happens before which step. The first run has an empty plan and says how many
//! steps there are; each run whose plan is longer by one happening starts from there. So every order
//! at every step is played, also at the steps that only exist because something happened before.

mod rules;
mod run;
mod seams;
mod world;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::{FutureExt, StreamExt};
use zapis_core::store::Store;

use crate::support::postgres::Database;
use run::Happening::{Blocks, Echo, GivesBack, LateEcho, OptsOut, TakesOver, WritesAgain};
use run::{Flaw, Happening, Pace, Plan, Scene, Start, Steps};
use world::World;

/// How many runs are under way at once.
const AT_ONCE: usize = 16;

/// What exploring came to.
#[derive(Debug, Default)]
struct Explored {
    runs: usize,
    /// Replies that were held back.
    held_back: usize,
}

/// Plays every plan with at most `depth` of these happenings, each at most once.
async fn explore(
    world: &Arc<World>,
    scene: Scene,
    happenings: &[Happening],
    depth: usize,
) -> Explored {
    let mut explored = Explored::default();
    let mut plans: Vec<Plan> = vec![Vec::new()];
    for left in (0..=depth).rev() {
        let played = futures::stream::iter(plans)
            .map(|plan| tokio::spawn(play(Arc::clone(world), scene, plan)))
            .buffered(AT_ONCE);
        let played: Vec<(Plan, usize, usize)> = played.map(Result::unwrap).collect().await;
        explored.runs += played.len();
        explored.held_back += played
            .iter()
            .map(|(_, _, held_back)| held_back)
            .sum::<usize>();
        if left == 0 {
            break;
        }
        plans = played
            .into_iter()
            .flat_map(|(plan, length, _)| longer(&plan, length, happenings))
            .collect();
    }
    println!("{scene:?}: {explored:?}");
    explored
}

/// The plans with one more happening after those of this one.
fn longer(plan: &Plan, length: usize, happenings: &[Happening]) -> Vec<Plan> {
    let last = plan.last().map_or(0, |(step, _)| *step);
    let mut longer = Vec::new();
    for happening in happenings {
        if plan.iter().any(|(_, planned)| planned == happening) {
            continue;
        }
        for step in last..=length {
            let mut next = plan.clone();
            next.push((step, *happening));
            longer.push(next);
        }
    }
    longer
}

/// Plays one plan and judges it; returns its length, and how many replies were held back.
async fn play(world: Arc<World>, scene: Scene, plan: Plan) -> (Plan, usize, usize) {
    let run = world.play(scene, &plan).await;
    let judged = AssertUnwindSafe(rules::judge(&run, &world.store));
    let Ok(held_back) = judged.catch_unwind().await else {
        panic!("{scene:?} {plan:?}\n{:#?}", run.log());
    };
    (plan, run.length(), held_back)
}

async fn world() -> Arc<World> {
    World::new(Store::open("sqlite::memory:").await.unwrap())
}

/// Whether there is time for everything: `ZAPIS_LONG=1`, some minutes.
fn long() -> bool {
    std::env::var_os("ZAPIS_LONG").is_some()
}

/// Each beginning, and what can happen after it.
const STARTS: [(Start, [Happening; 5]); 3] = [
    (
        Start::WhatsApp,
        [TakesOver, Echo, WritesAgain, OptsOut, GivesBack],
    ),
    (
        Start::Lapsed,
        [TakesOver, LateEcho, WritesAgain, OptsOut, GivesBack],
    ),
    (
        Start::Telegram,
        [TakesOver, Blocks, WritesAgain, OptsOut, GivesBack],
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_order_at_generate_commit_publish_claim_and_send() {
    let world = world().await;
    for (start, happenings) in STARTS {
        let scene = Scene {
            start,
            steps: Steps::Named,
            pace: Pace::AnswersFirst,
            flaw: Flaw::None,
        };
        let depth = if long() || start == Start::WhatsApp {
            4
        } else {
            2
        };
        let explored = explore(&world, scene, &happenings[..4], depth).await;
        assert!(explored.runs > 250 && explored.held_back > explored.runs);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_whoever_is_faster() {
    let world = world().await;
    for (start, happenings) in STARTS {
        for pace in [Pace::AnswersFirst, Pace::SendsFirst] {
            let pairs = Scene {
                start,
                steps: Steps::Named,
                pace,
                flaw: Flaw::None,
            };
            let all = Scene {
                steps: Steps::All,
                ..pairs
            };
            explore(&world, pairs, &happenings, 2).await;
            let depth = if long() { 2 } else { 1 };
            let explored = explore(&world, all, &happenings, depth).await;
            assert!(explored.runs > 50 && explored.held_back > 20);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_while_the_provider_has_trouble() {
    let world = world().await;
    let starts = if long() { &STARTS[..] } else { &STARTS[..1] };
    for (start, happenings) in starts {
        for flaw in [Flaw::AnswerLost, Flaw::Down] {
            let pairs = Scene {
                start: *start,
                steps: Steps::Named,
                pace: Pace::AnswersFirst,
                flaw,
            };
            let all = Scene {
                steps: Steps::All,
                ..pairs
            };
            explore(&world, pairs, happenings, 2).await;
            explore(&world, all, happenings, 1).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_on_postgresql() {
    let database = Database::new();
    let world = World::new(Store::open(&database.url()).await.unwrap());
    for (start, happenings) in STARTS {
        let scene = Scene {
            start,
            steps: Steps::All,
            pace: Pace::AnswersFirst,
            flaw: Flaw::None,
        };
        explore(&world, scene, &happenings, 1).await;
    }
}
