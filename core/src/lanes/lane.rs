//! One lane: takes what waits, has it handled, decides what a failure leads to.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio_util::task::AbortOnDropHandle;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::{Instrument, Span, error, info_span, warn};

use super::{
    ATTEMPTS, Failure, Gather, Item, Message, PARK_AFTER, Pauses, Shared, Worker, attempt_key,
    message_of,
};
use crate::message::{masked, tail};
use crate::store::{DeadLetter, Parked, StoreError};
use crate::trace::{TraceParent, link, step};
use crate::{causes, crash, ids};

/// Works a lane off and returns when it is empty, no longer ours, or we stop.
pub(super) async fn work_off<W: Worker>(shared: Arc<Shared<W>>, key: String, arrived: Arc<Notify>) {
    // After a failure of several together, one at a time until the culprit is through.
    let mut alone = false;
    let mut trouble = Pauses::default();
    while let Some((ready, running)) = look(&shared, &key, alone) {
        let next = match ready {
            Ready::Wait(pause) => {
                drop(running);
                tokio::select! {
                    () = shared.stop.cancelled() => {}
                    () = arrived.notified() => {}
                    () = tokio::time::sleep(pause) => {}
                }
                continue;
            }
            Ready::Park(batch) => {
                shared
                    .parked
                    .park(&shared, &key, batch, Duration::ZERO)
                    .await
            }
            Ready::Handle(batch) => handle(&shared, &key, batch).await,
        };
        match next {
            Next::Done => {
                alone = false;
                trouble = Pauses::default();
            }
            Next::Again(batch, pause) if pause > PARK_AFTER => {
                alone = true;
                if let Next::Trouble(batch) = shared.parked.park(&shared, &key, batch, pause).await
                {
                    put_back(&shared, &key, batch);
                    drop(running);
                    trouble.wait(&shared.stop).await;
                }
            }
            Next::Again(batch, pause) => {
                alone = true;
                put_back(&shared, &key, batch);
                drop(running);
                tokio::select! {
                    () = shared.stop.cancelled() => {}
                    () = tokio::time::sleep(pause) => {}
                }
            }
            Next::Trouble(batch) => {
                put_back(&shared, &key, batch);
                drop(running);
                trouble.wait(&shared.stop).await;
            }
        }
    }
}

/// What to do with a lane now.
enum Ready<T> {
    /// More may come that belongs together.
    Wait(Duration),
    /// The lane is parked: these join its tail.
    Park(Vec<Item<T>>),
    /// Handle these together.
    Handle(Vec<Item<T>>),
}

/// What follows.
#[derive(Debug)]
pub(super) enum Next<T> {
    /// They are settled.
    Done,
    /// Try them again after a pause.
    Again(Vec<Item<T>>, Duration),
    /// The engines are gone: try again, and count nothing.
    Trouble(Vec<Item<T>>),
}

/// Looks at the lane; nothing when its task is over. Leaving an empty lane is one step with seeing
/// that it is empty, so no message is left without a task. The token keeps the partition until what
/// was taken out is settled, parked or put back: whoever gives the partition up waits for it.
fn look<W: Worker>(
    shared: &Shared<W>,
    key: &str,
    alone: bool,
) -> Option<(Ready<W::Task>, TaskTrackerToken)> {
    let mut lanes = shared.lanes.lock().unwrap_or_else(PoisonError::into_inner);
    let lane = lanes.get_mut(key)?;
    let running = loop {
        lane.waiting.retain(|item| item.partition.is_ours());
        let first = lane.waiting.front().filter(|_| !shared.stop.is_cancelled());
        let Some(first) = first else {
            // What is dropped was not settled: somebody else gets it, or we do after a restart.
            lanes.remove(key);
            return None;
        };
        // In this order: whoever closes the partition first and then waits, waits for us too.
        let running = first.partition.running.token();
        if first.partition.is_ours() {
            break running;
        }
    };
    if shared.parked.contains(key) {
        return Some((Ready::Park(lane.waiting.drain(..).collect()), running));
    }
    let first = lane.waiting.front_mut()?;
    let count = if alone || first.attempts > 1 {
        1
    } else {
        let since = first.since.elapsed();
        let tasks: Vec<&W::Task> = lane.waiting.iter().map(|item| item.task.as_ref()).collect();
        let last = lane
            .waiting
            .back()
            .map_or(Duration::ZERO, |item| item.since.elapsed());
        match shared.worker.gather(&tasks, since, last) {
            Gather::Wait(pause) => {
                if let Some(first) = lane.waiting.front_mut()
                    && !std::mem::replace(&mut first.noticed, true)
                {
                    shared.worker.noticed(&first.task);
                }
                return Some((Ready::Wait(pause), running));
            }
            Gather::Take(count) => count.clamp(1, lane.waiting.len()),
        }
    };
    Some((
        Ready::Handle(lane.waiting.drain(..count).collect()),
        running,
    ))
}

/// Puts messages back in front of those that arrived meanwhile.
fn put_back<W: Worker>(shared: &Shared<W>, key: &str, batch: Vec<Item<W::Task>>) {
    let mut lanes = shared.lanes.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(lane) = lanes.get_mut(key) {
        for item in batch.into_iter().rev() {
            lane.waiting.push_front(item);
        }
    }
}

/// Handles messages together and settles them, or says what follows.
async fn handle<W: Worker>(
    shared: &Arc<Shared<W>>,
    key: &str,
    mut batch: Vec<Item<W::Task>>,
) -> Next<W::Task> {
    let Some(head) = batch.first_mut() else {
        return Next::Done;
    };
    // It may have brought the process down: count before, or it would do so for ever.
    let mut place = None;
    if head.delivery.redelivered && !head.counted {
        match place_of_suspect(shared, &item_key(head)).await {
            Ok(Some(free)) => place = Some(free),
            Ok(None) => return Next::Again(batch, Duration::ZERO),
            Err(error) => return trouble(&error, batch),
        }
        match shared
            .store
            .count_attempt(shared.topic.as_str(), &item_key(head))
            .await
        {
            Ok(attempts) => {
                head.attempts = attempts;
                head.counted = true;
                crash::point("lane.counted");
            }
            Err(error) => return trouble(&error, batch),
        }
        if head.attempts > ATTEMPTS {
            let reason =
                format!("gave up after {ATTEMPTS} attempts, the last ended with the process");
            return bury_first(shared, batch, &reason).await;
        }
        if head.attempts > 1 && batch.len() > 1 {
            return Next::Again(batch, Duration::ZERO);
        }
    }
    let tasks = batch.iter().map(|item| Arc::clone(&item.task)).collect();
    let step = step_of(shared, key, batch.iter().map(|item| &item.delivery.trace));
    let outcome = attempt(shared, key, tasks, step).await;
    let Some(outcome) = outcome else {
        return Next::Again(batch, Duration::ZERO);
    };
    let next = settle(shared, batch, outcome).await;
    drop(place);
    next
}

/// What was counted in an earlier life was being handled when the process died, perhaps only beside the
/// culprit. Such messages are handled one at a time, whatever their topic: a crash then counts against
/// one of them, and the others are not set aside with it.
static SUSPECTS: Semaphore = Semaphore::const_new(1);

/// Held while a message is handled; a suspect's keeps all others waiting.
pub(super) struct Place {
    _alone: Option<SemaphorePermit<'static>>,
}

/// Waits for its turn if a message is a suspect; nothing when asked to stop before.
pub(super) async fn place_of_suspect<W: Worker>(
    shared: &Shared<W>,
    key: &str,
) -> Result<Option<Place>, StoreError> {
    if shared.store.attempts(shared.topic.as_str(), key).await? == 0 {
        return Ok(Some(Place { _alone: None }));
    }
    tokio::select! {
        biased;
        () = shared.stop.cancelled() => Ok(None),
        place = SUSPECTS.acquire() => Ok(Some(Place { _alone: place.ok() })),
    }
}

async fn settle<W: Worker>(
    shared: &Shared<W>,
    mut batch: Vec<Item<W::Task>>,
    outcome: Result<(), Failure>,
) -> Next<W::Task> {
    let Err(failure) = outcome else {
        crash::point("lane.handled");
        let counted: Vec<String> = batch
            .iter()
            // Also in a life before this one, which may have counted it as the first of another batch.
            .filter(|item| item.attempts > 0 || item.delivery.redelivered)
            .map(item_key)
            .collect();
        if !counted.is_empty() {
            shared
                .store
                .forget_attempts(shared.topic.as_str(), &counted)
                .await
                .ok();
            crash::point("lane.forgotten");
        }
        for item in batch {
            item.delivery.ack();
        }
        crash::point("lane.acked");
        return Next::Done;
    };
    let Some(head) = batch.first_mut() else {
        return Next::Done;
    };
    let counted = head.counted.then_some(head.attempts);
    let verdict = judge(shared, &item_key(head), counted, failure).await;
    match &verdict {
        // An attempt ended; the next one counts anew.
        Verdict::Again {
            attempts: Some(attempts),
            ..
        } => {
            head.attempts = *attempts;
            head.counted = false;
        }
        // It was none: what was counted before it is taken back, or still stands for the next one.
        Verdict::Again { attempts: None, .. } | Verdict::Trouble if head.counted => {
            let topic = shared.topic.as_str();
            if shared
                .store
                .uncount_attempt(topic, &item_key(head))
                .await
                .is_ok()
            {
                head.attempts = head.attempts.saturating_sub(1);
                head.counted = false;
            }
        }
        _ => {}
    }
    match verdict {
        Verdict::Again { pause, .. } => Next::Again(batch, pause),
        Verdict::Trouble => Next::Trouble(batch),
        // Together they failed for good: which of them it was shows when each goes alone.
        Verdict::Bury(_) if batch.len() > 1 => Next::Again(batch, Duration::ZERO),
        Verdict::Bury(reason) => bury_first(shared, batch, &reason).await,
    }
}

/// What a failure leads to.
pub(super) enum Verdict {
    /// Once more, after a pause.
    Again {
        /// How long.
        pause: Duration,
        /// How many attempts there were, if this was one.
        attempts: Option<u32>,
    },
    /// The engines are gone.
    Trouble,
    /// Set it aside.
    Bury(String),
}

/// Decides what a failure leads to, and logs it: here and nowhere else.
pub(super) async fn judge<W: Worker>(
    shared: &Shared<W>,
    id: &str,
    counted: Option<u32>,
    failure: Failure,
) -> Verdict {
    let worker = shared.worker.name();
    let (after, source) = match failure {
        Failure::Wait { after } => {
            return Verdict::Again {
                pause: after,
                attempts: None,
            };
        }
        Failure::Never { reason } => return Verdict::Bury(reason),
        Failure::Systemic(source) => {
            warn!(worker, error = %causes(source.as_ref()), "The engines are not available; waiting");
            return Verdict::Trouble;
        }
        Failure::Later { after, source } => (after, source),
    };
    let attempts = match counted {
        Some(attempts) => attempts,
        None => match shared.store.count_attempt(shared.topic.as_str(), id).await {
            Ok(attempts) => attempts,
            Err(error) => {
                warn!(worker, error = %causes(&error), "The store is not available; waiting");
                return Verdict::Trouble;
            }
        },
    };
    if attempts >= ATTEMPTS {
        return Verdict::Bury(format!(
            "gave up after {attempts} attempts: {}",
            causes(source.as_ref())
        ));
    }
    let pause =
        after.unwrap_or_else(|| Duration::from_secs(1) * 2_u32.pow(attempts.saturating_sub(1)));
    warn!(worker, attempts, pause_ms = pause.as_millis(), error = %causes(source.as_ref()), "Will try again");
    Verdict::Again {
        pause,
        attempts: Some(attempts),
    }
}

/// The spans of an attempt: one names it in the log, the other one is a step of the messages' trace.
pub(super) struct Step {
    logged: Span,
    exported: Span,
}

/// The spans of an attempt at messages with these traces: it belongs to the first.
pub(super) fn step_of<'t, W: Worker>(
    shared: &Shared<W>,
    key: &str,
    traces: impl Iterator<Item = &'t TraceParent> + Clone,
) -> Step {
    let worker = shared.worker.name();
    let first = traces.clone().next();
    let trace_id = first.map(TraceParent::trace_id).unwrap_or_default();
    let logged = info_span!("job", worker, lane = tail(key), trace_id);
    let exported = step(worker, "consumer", first);
    if !exported.is_disabled() {
        exported.record("conversation", masked(key));
        exported.record("messages", traces.clone().count());
        traces.skip(1).for_each(|other| link(&exported, other));
    }
    Step { logged, exported }
}

/// Lets the worker try, once there is a place. Losing patience and panicking are failures like any
/// other. Nothing when asked to stop before it began.
pub(super) async fn attempt<W: Worker>(
    shared: &Arc<Shared<W>>,
    key: &str,
    tasks: Vec<Arc<W::Task>>,
    step: Step,
) -> Option<Result<(), Failure>> {
    let place = tokio::select! {
        biased;
        () = shared.stop.cancelled() => return None,
        place = shared.places.acquire() => place,
    };
    let started = tokio::time::Instant::now();
    let worker = Arc::clone(&shared.worker);
    let name = worker.name();
    let lane = key.to_owned();
    let work = async move { worker.handle(&lane, &tasks).await }
        .instrument(step.exported.clone())
        .instrument(step.logged);
    let task = AbortOnDropHandle::new(tokio::spawn(work));
    let outcome = match tokio::time::timeout(shared.limits.patience, task).await {
        Ok(Ok(outcome)) => outcome,
        // Its words can quote what a customer wrote.
        Ok(Err(_panicked)) => Err(Failure::later(std::io::Error::other("the worker panicked"))),
        Err(elapsed) => Err(Failure::later(elapsed)),
    };
    drop(place);
    let verdict = match &outcome {
        Ok(()) => "done",
        Err(Failure::Later { .. }) => "later",
        Err(Failure::Wait { .. }) => "wait",
        Err(Failure::Systemic(_)) => "systemic",
        Err(Failure::Never { .. }) => "never",
    };
    step.exported.record("outcome", verdict);
    if matches!(verdict, "later" | "systemic" | "never") {
        step.exported.record("otel.status_code", "ERROR");
    }
    metrics::counter!("zapis_jobs_total", "worker" => name, "verdict" => verdict).increment(1);
    metrics::histogram!("zapis_job_seconds", "worker" => name)
        .record(started.elapsed().as_secs_f64());
    Some(outcome)
}

/// Sets the first of a batch aside and has the rest tried again.
async fn bury_first<W: Worker>(
    shared: &Shared<W>,
    mut batch: Vec<Item<W::Task>>,
    reason: &str,
) -> Next<W::Task> {
    let Some(head) = batch.first() else {
        return Next::Done;
    };
    if !bury(shared, &message_of(&head.delivery), reason).await {
        return Next::Trouble(batch);
    }
    batch.remove(0).delivery.ack();
    if batch.is_empty() {
        Next::Done
    } else {
        Next::Again(batch, Duration::ZERO)
    }
}

/// Sets a message aside; `false` when the store did not take it, so that it must stay in the queue.
pub(super) async fn bury<W: Worker>(shared: &Shared<W>, message: &Message, reason: &str) -> bool {
    let topic = shared.topic.as_str();
    let letter = DeadLetter {
        id: ids::derive(&["dead", topic, &message.key, &message.id]),
        topic: topic.to_owned(),
        key: message.key.clone(),
        message_id: message.id.clone(),
        reason: reason.to_owned(),
        body: message.body.to_vec(),
        at: shared.clock.now(),
    };
    let outcome = match shared.store.bury(&[letter]).await {
        Ok(()) => {
            crash::point("lane.buried");
            shared
                .store
                .forget_attempts(topic, &[attempt_key(&message.key, &message.id)])
                .await
        }
        refused => refused,
    };
    match outcome {
        Ok(()) => {
            error!(
                worker = shared.worker.name(),
                reason, "Set a message aside; see `zapis dead list`"
            );
            metrics::counter!("zapis_dead_total", "stage" => shared.worker.name()).increment(1);
            true
        }
        Err(error) => {
            warn!(error = %causes(&error), "Could not set a message aside; it stays in the queue");
            false
        }
    }
}

fn item_key<T>(item: &Item<T>) -> String {
    attempt_key(&item.delivery.key, &item.delivery.id)
}

fn trouble<T>(error: &StoreError, batch: Vec<Item<T>>) -> Next<T> {
    warn!(error = %causes(error), "The store is not available; waiting");
    Next::Trouble(batch)
}

/// Messages as the store parks them.
pub(super) fn to_park<T>(batch: &[Item<T>]) -> Vec<Parked> {
    batch
        .iter()
        .map(|item| Parked {
            seq: 0,
            id: item.delivery.id.clone(),
            body: item.delivery.body.clone(),
            trace: item.delivery.trace.clone(),
        })
        .collect()
}
