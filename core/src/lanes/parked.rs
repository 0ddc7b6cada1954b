//! Lanes that wait long wait in the store.
//!
//! A parked lane has a row with the time it is due and a tail that later deliveries join: whoever
//! holds the lane's partition knows that it is parked, because it parked it or read so before the
//! partition's first message. One worker of the installation (by a lease) works parked lanes off when
//! they are due. When the last message is done, the row goes and deliveries flow directly again.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use tracing::warn;
use uuid::Uuid;

use super::lane::{Next, Verdict, attempt, bury, judge, place_of_suspect, step_of, to_park};
use super::{ATTEMPTS, Failure, Gather, Item, Message, Pauses, Shared, Worker, attempt_key};
use crate::store::{Parked, StoreError};
use crate::{causes, crash};

/// How often due lanes are looked for while some are parked.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often it is asked whether other workers parked lanes.
const ASK_EVERY: Duration = Duration::from_secs(5);

/// How long the attendant's lease holds when it dies.
const LEASE: Duration = Duration::from_secs(15);

/// The longest that a lane waits before it is tried. What is due later was parked before the clock
/// was put back, and is due now.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// How many messages of a lane are read at once.
const READ_AT_ONCE: u32 = 50;

/// The lanes of a topic that are known to be parked.
#[derive(Debug, Default)]
pub(super) struct ParkedLanes {
    known: Mutex<HashSet<String>>,
    busy: Mutex<HashSet<String>>,
    /// Parking and forgetting take turns, so that no lane is parked in the store and unknown here.
    turn: tokio::sync::Mutex<()>,
    changed: Notify,
}

impl ParkedLanes {
    /// Whether a lane is parked.
    pub(super) fn contains(&self, lane: &str) -> bool {
        self.known().contains(lane)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads which lanes are parked, waiting out a store that is gone; `false` when asked to stop.
    pub(super) async fn refresh<W: Worker>(&self, shared: &Shared<W>) -> bool {
        let mut pauses = Pauses::default();
        loop {
            match self.read(shared).await {
                Ok(_) => return true,
                Err(error) => warn!(error = %causes(&error), "Cannot read which lanes are parked"),
            }
            if !pauses.wait(&shared.stop).await {
                return false;
            }
        }
    }

    /// Reads which lanes are parked, and returns those that are due.
    async fn read<W: Worker>(&self, shared: &Shared<W>) -> Result<Vec<String>, StoreError> {
        let _turn = self.turn.lock().await;
        let lanes = shared.store.parked_lanes(shared.topic.as_str()).await?;
        let now = shared.clock.now();
        let latest = due_in(shared, LONGEST_PAUSE);
        *self.known() = lanes.iter().map(|(lane, _)| lane.clone()).collect();
        Ok(lanes
            .into_iter()
            .filter(|(_, due)| *due <= now || *due > latest)
            .map(|(lane, _)| lane)
            .collect())
    }

    /// Parks messages (and what else waits in their lane, by and by) and settles them.
    pub(super) async fn park<W: Worker>(
        &self,
        shared: &Shared<W>,
        lane: &str,
        batch: Vec<Item<W::Task>>,
        pause: Duration,
    ) -> Next<W::Task> {
        let due = due_in(shared, pause);
        let turn = self.turn.lock().await;
        let parked = shared
            .store
            .park(shared.topic.as_str(), lane, &to_park(&batch), due)
            .await;
        if parked.is_ok() {
            self.known().insert(lane.to_owned());
        }
        drop(turn);
        match parked {
            Ok(()) => {
                crash::point("lane.parked");
                for item in batch {
                    item.delivery.ack();
                }
                crash::point("lane.settled");
                self.changed.notify_one();
                Next::Done
            }
            Err(error) => {
                warn!(error = %causes(&error), "Could not park a lane");
                Next::Trouble(batch)
            }
        }
    }

    /// Forgets finished messages; `true` when the lane is no longer parked.
    async fn unpark<W: Worker>(
        &self,
        shared: &Shared<W>,
        lane: &str,
        ids: &[String],
    ) -> Result<bool, StoreError> {
        let _turn = self.turn.lock().await;
        let empty = shared
            .store
            .unpark(shared.topic.as_str(), lane, ids)
            .await?;
        crash::point("lane.unparked");
        if empty {
            self.known().remove(lane);
        }
        Ok(empty)
    }
}

/// Works parked lanes off when they are due, until asked to stop.
pub(super) async fn attend<W: Worker>(shared: Arc<Shared<W>>) {
    let holder = Uuid::new_v4().to_string();
    let lease = format!("parked:{}", shared.topic.as_str());
    let at_work = TaskTracker::new();
    loop {
        let pause = if shared.parked.known().is_empty() {
            ASK_EVERY
        } else {
            LOOK_EVERY
        };
        tokio::select! {
            () = shared.stop.cancelled() => break,
            () = shared.parked.changed.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
        let due = match shared
            .store
            .lease(&lease, &holder, LEASE, shared.clock.now())
            .await
        {
            Ok(mine) => shared
                .parked
                .read(&shared)
                .await
                .map(|due| if mine { due } else { Vec::new() }),
            Err(error) => Err(error),
        };
        match due {
            Ok(due) => {
                for lane in due {
                    let mut busy = shared
                        .parked
                        .busy
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner);
                    if busy.insert(lane.clone()) {
                        at_work.spawn(work_off(Arc::clone(&shared), lane));
                    }
                }
            }
            Err(error) => warn!(error = %causes(&error), "Cannot look for parked lanes"),
        }
    }
    at_work.close();
    loop {
        tokio::select! {
            () = at_work.wait() => break,
            () = tokio::time::sleep(LEASE / 3) => {
                shared.store.lease(&lease, &holder, LEASE, shared.clock.now()).await.ok();
            }
        }
    }
    shared.store.release(&lease, &holder).await.ok();
}

/// Works one parked lane off, until it is empty or must wait again.
async fn work_off<W: Worker>(shared: Arc<Shared<W>>, lane: String) {
    let mut alone = false;
    loop {
        match step(&shared, &lane, &mut alone).await {
            Ok(true) if !shared.stop.is_cancelled() => {}
            Ok(_) => break,
            Err(error) => {
                warn!(error = %causes(&error), "The store is not available; a parked lane waits");
                break;
            }
        }
    }
    shared
        .parked
        .busy
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .remove(&lane);
}

/// One step; `true` to go on.
async fn step<W: Worker>(
    shared: &Arc<Shared<W>>,
    lane: &str,
    alone: &mut bool,
) -> Result<bool, StoreError> {
    let waiting = shared
        .store
        .parked(shared.topic.as_str(), lane, READ_AT_ONCE)
        .await?;
    let mut tasks = Vec::new();
    for parked in waiting {
        let message = to_message(lane, parked);
        match shared.worker.read(&message) {
            Ok(task) => tasks.push((Arc::new(task), message)),
            Err(reason) if tasks.is_empty() => {
                return set_aside(shared, lane, &message, &reason).await;
            }
            Err(_) => break,
        }
    }
    let Some((_, head)) = tasks.first() else {
        return shared
            .parked
            .unpark(shared, lane, &[])
            .await
            .map(|empty| !empty);
    };
    let head = head.clone();
    let refs: Vec<&W::Task> = tasks.iter().map(|(task, _)| task.as_ref()).collect();
    let count = match shared.worker.gather(&refs, Duration::MAX, Duration::MAX) {
        _ if *alone => 1,
        Gather::Take(count) => count.clamp(1, tasks.len()),
        Gather::Wait(_) => tasks.len(),
    };
    tasks.truncate(count);
    // It may bring the process down: count before, or it would do so for ever.
    let topic = shared.topic.as_str();
    let key = attempt_key(lane, &head.id);
    let Some(_place) = place_of_suspect(shared, &key).await? else {
        return Ok(false);
    };
    let attempts = shared.store.count_attempt(topic, &key).await?;
    if attempts > ATTEMPTS {
        let reason = format!("gave up after {ATTEMPTS} attempts, the last ended with the process");
        return set_aside(shared, lane, &head, &reason).await;
    }
    if attempts > 1 && count > 1 {
        *alone = true;
        shared.store.uncount_attempt(topic, &key).await?;
        return Ok(true);
    }
    let batch = tasks.iter().map(|(task, _)| Arc::clone(task)).collect();
    let step = step_of(
        shared,
        lane,
        tasks.iter().map(|(_, message)| &message.trace),
    );
    let failure = match attempt(shared, lane, batch, step).await {
        None => {
            shared.store.uncount_attempt(topic, &key).await?;
            return Ok(false);
        }
        Some(Ok(())) => {
            *alone = false;
            let ids: Vec<String> = tasks.into_iter().map(|(_, message)| message.id).collect();
            let counted: Vec<String> = ids.iter().map(|id| attempt_key(lane, id)).collect();
            shared.store.forget_attempts(topic, &counted).await?;
            crash::point("lane.finished");
            return shared
                .parked
                .unpark(shared, lane, &ids)
                .await
                .map(|empty| !empty);
        }
        Some(Err(failure)) => failure,
    };
    *alone = true;
    // Together they failed: which of them it was shows when each goes alone, at once.
    if count > 1 && matches!(failure, Failure::Later { .. } | Failure::Never { .. }) {
        shared.store.uncount_attempt(topic, &key).await?;
        return Ok(true);
    }
    conclude(shared, lane, &head, attempts, failure).await
}

/// What a failure of the first message of a lane leads to; `true` to go on.
async fn conclude<W: Worker>(
    shared: &Arc<Shared<W>>,
    lane: &str,
    head: &Message,
    attempts: u32,
    failure: Failure,
) -> Result<bool, StoreError> {
    let topic = shared.topic.as_str();
    let key = attempt_key(lane, &head.id);
    match judge(shared, &key, Some(attempts), failure).await {
        Verdict::Again { pause, attempts } => {
            if attempts.is_none() {
                shared.store.uncount_attempt(topic, &key).await?;
            }
            let due = due_in(shared, pause);
            shared.store.postpone(topic, lane, due).await?;
            Ok(false)
        }
        Verdict::Trouble => {
            shared.store.uncount_attempt(topic, &key).await?;
            Ok(false)
        }
        Verdict::Bury(reason) => set_aside(shared, lane, head, &reason).await,
    }
}

async fn set_aside<W: Worker>(
    shared: &Shared<W>,
    lane: &str,
    message: &Message,
    reason: &str,
) -> Result<bool, StoreError> {
    if !bury(shared, message, reason).await {
        return Ok(false);
    }
    shared
        .parked
        .unpark(shared, lane, std::slice::from_ref(&message.id))
        .await
        .map(|empty| !empty)
}

fn due_in<W: Worker>(shared: &Shared<W>, pause: Duration) -> DateTime<Utc> {
    shared.clock.now() + pause.min(LONGEST_PAUSE)
}

fn to_message(lane: &str, parked: Parked) -> Message {
    Message {
        key: lane.to_owned(),
        id: parked.id,
        body: parked.body,
        trace: parked.trace,
    }
}
