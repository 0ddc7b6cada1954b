//! The clock of the sandbox: how it is moved, and that everybody sees it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::sandbox::ControlError;
use crate::world::World;

/// The page is told the time at least so often.
const SHOW_EVERY: Duration = Duration::from_mins(10);
/// The most seconds that are gone forward at once.
const YEAR: u64 = 366 * 24 * 3600;

/// Where the clock is to be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// So many seconds ahead.
    AdvanceSeconds(u64),
    /// To the next thing that happens by itself.
    NextEvent,
    /// To nine o'clock of the next day.
    Tomorrow,
}

/// A wish to move the clock, for the product that lives by it: only the product knows what happens on the
/// way.
pub struct Move {
    /// Where to.
    pub goal: Goal,
    /// Told when the clock stands there, or why it stands elsewhere.
    pub done: oneshot::Sender<Result<(), String>>,
    world: Arc<World>,
}

impl Move {
    /// Whether the messengers have nothing that they must still deliver to the product.
    pub fn is_quiet(&self) -> bool {
        let state = self.world.state();
        let portal = state.bitrix24.as_ref();
        portal.is_none_or(|portal| portal.outbox.waiting.is_empty())
            && state.telegram.bots.iter().all(|bot| bot.updates.is_empty())
            && state
                .whatsapp
                .numbers
                .iter()
                .all(|line| line.pending.is_empty())
    }
}

impl fmt::Debug for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Move")
            .field("goal", &self.goal)
            .finish_non_exhaustive()
    }
}

/// Moves the clock, and returns when it stands. Meanwhile nobody acts: what a customer does in the middle of
/// a day that passes in a second would be old before it is read.
pub(crate) async fn go(world: &Arc<World>, goal: Goal) -> Result<(), ControlError> {
    if let Goal::AdvanceSeconds(seconds) = goal
        && seconds > YEAR
    {
        return Err(impossible("the clock goes forward by a year at most"));
    }
    if world.moving.swap(true, Ordering::AcqRel) {
        return Err(impossible(
            "the clock is being moved already: wait until it stands",
        ));
    }
    let moving = Arc::clone(world);
    // Whoever asked may go away meanwhile.
    let moved = tokio::spawn(async move {
        show_time(&moving);
        let moved = move_to(&moving, goal).await;
        moving.moving.store(false, Ordering::Release);
        show_time(&moving);
        moved
    });
    moved.await.unwrap_or_else(|_| Err(impossible(ENDS)))
}

const ENDS: &str = "the program is about to end";

async fn move_to(world: &Arc<World>, goal: Goal) -> Result<(), ControlError> {
    let Some(product) = &world.config.moves else {
        let Goal::AdvanceSeconds(seconds) = goal else {
            return Err(impossible(
                "nothing happens here by itself: use advance_seconds",
            ));
        };
        world.advance(Duration::from_secs(seconds));
        return Ok(());
    };
    let (done, moved) = oneshot::channel();
    let world = Arc::clone(world);
    let wish = Move { goal, done, world };
    product.send(wish).await.map_err(|_| impossible(ENDS))?;
    let moved = moved.await.map_err(|_| impossible(ENDS))?;
    moved.map_err(ControlError::Impossible)
}

/// Refuses to let somebody act while the clock is being moved.
pub(crate) fn stands(world: &World) -> Result<(), ControlError> {
    if world.moving.load(Ordering::Acquire) {
        return Err(impossible("the clock is being moved: wait until it stands"));
    }
    Ok(())
}

/// The time, and whether it is being moved.
pub(crate) fn time(world: &World) -> Value {
    json!({"now": world.now(), "moving": world.moving.load(Ordering::Acquire)})
}

fn show_time(world: &World) {
    let mut event = time(world);
    event["type"] = "clock".into();
    world.show(event);
}

/// Shows each move, for as long as the sandbox runs.
pub(crate) async fn show(world: Arc<World>) {
    let stop = world.stop.clone();
    let mut moves = world.config.clock.moves();
    let work = async {
        loop {
            moves.within(SHOW_EVERY).await;
            show_time(&world);
            world.changed();
        }
    };
    stop.run_until_cancelled(work).await;
}

fn impossible(why: &str) -> ControlError {
    ControlError::Impossible(why.to_owned())
}
