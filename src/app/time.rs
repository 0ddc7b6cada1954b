//! Lets time pass in `zapis demo`: from event to event, so that everything happens at its time.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::{DateTime, Days, TimeDelta, Utc};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::info;
use zapis_core::broker::Topic;
use zapis_core::store::NextDue;
use zapis_sandbox::{Goal, Move};
use zapis_workers::book::open_of;
use zapis_workers::business::{Business, FirmFile};
use zapis_workers::notices;

use super::Engines;

/// How long what is due may take to be done, by the system's time: a full limit of Telegram's groups runs
/// out within a minute.
const PATIENCE: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A message on its way from one queue to the next is in neither for a moment, and so is a time that goes from one who
/// waited to the next.
const LOOKS: u32 = 4;
/// At which minute of the day a day begins for [`Goal::Tomorrow`].
const MORNING: u32 = 9 * 60;

/// Moves the clock that the engines share with the emulated messengers. It never jumps over anything that
/// is due, and not while anything is in hand: a pause of a messenger or a doubtful send is waited out as it
/// would be without it.
pub(super) struct Passage {
    engines: Engines,
    topics: Vec<Topic>,
    firm: Mutex<FirmFile>,
}

/// What keeps the clock from being moved.
enum Look {
    /// Nothing: this is due next.
    Quiet(NextDue),
    /// Something is in hand.
    Busy(String),
}

impl Passage {
    pub(super) fn new(engines: &Engines, topics: Vec<Topic>, content: &Path) -> Self {
        Self {
            engines: engines.clone(),
            topics,
            firm: Mutex::new(FirmFile::new(content, &engines.store)),
        }
    }

    /// Fulfils wishes until told to stop.
    pub(super) async fn attend(
        self,
        mut wishes: mpsc::Receiver<Move>,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let work = async {
            while let Some(wish) = wishes.recv().await {
                let moved = self.go(&wish).await;
                let moved = moved.map_err(|error| format!("{error:#}"));
                wish.done.send(moved).ok();
            }
        };
        stop.run_until_cancelled(work).await;
        Ok(())
    }

    async fn go(&self, wish: &Move) -> anyhow::Result<()> {
        let clock = &self.engines.clock;
        let Some(business) = self.firm.lock().await.now().await else {
            bail!("business.toml is broken: see `zapis check`");
        };
        let mut next = self.settle(wish, &business).await?;
        let from = clock.now();
        let goal = match wish.goal {
            Goal::AdvanceSeconds(seconds) => {
                let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
                TimeDelta::try_seconds(seconds).and_then(|by| from.checked_add_signed(by))
            }
            Goal::NextEvent => next.event,
            Goal::Tomorrow => {
                let today = business.local(from).date_naive();
                let tomorrow = today.checked_add_days(Days::new(1));
                tomorrow.map(|date| open_of(business.time_zone, date, MORNING))
            }
        };
        let goal = goal.context("nothing is due: book a visit first")?;
        info!(%goal, "Lets time pass");
        loop {
            let now = clock.now();
            let stop = next.any.map_or(goal, |due| due.min(goal));
            clock.advance((stop - now).to_std().unwrap_or_default());
            next = self.settle(wish, &business).await?;
            if clock.now() >= goal {
                return Ok(());
            }
        }
    }

    /// Waits until everything that is due by now is done, and tells what comes next.
    async fn settle(&self, wish: &Move, business: &Business) -> anyhow::Result<NextDue> {
        let begun = tokio::time::Instant::now();
        let mut looks = 0;
        loop {
            match self.look(wish, business).await? {
                Look::Quiet(next) => {
                    looks += 1;
                    if looks == LOOKS {
                        return Ok(next);
                    }
                }
                Look::Busy(what) => {
                    looks = 0;
                    if begun.elapsed() > PATIENCE {
                        let at = business.local(self.engines.clock.now());
                        bail!(
                            "the clock stands at {}: {what}, for {} s by now; try again later",
                            at.format("%d.%m.%Y %H:%M"),
                            PATIENCE.as_secs()
                        );
                    }
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn look(&self, wish: &Move, business: &Business) -> anyhow::Result<Look> {
        let Engines { broker, store, .. } = &self.engines;
        let busy = |what: &str| Ok(Look::Busy(what.to_owned()));
        // In the order in which work flows: what leaves one of these unseen is seen in a later one.
        if !wish.is_quiet() {
            return busy("a messenger has something to deliver");
        }
        let now = self.engines.clock.now();
        if store.followed_to().await? < store.last_booking_position().await? {
            return busy("the reminders do not follow the book yet");
        }
        let mut next = store.next_due().await?;
        let told = notices::next_told(store, business, now).await?;
        next.any = earlier(next.any, told);
        next.event = earlier(next.event, told);
        if next.any.is_some_and(|due| due <= now) {
            return busy("something that is due is not done yet");
        }
        for topic in &self.topics {
            let depth = broker.depth(topic).await?;
            if depth.waiting + depth.in_hand.unwrap_or_default() > 0 {
                return Ok(Look::Busy(format!(
                    "messages are in the queue {}",
                    topic.as_str()
                )));
            }
            if !store.parked_lanes(topic.as_str()).await?.is_empty() {
                return Ok(Look::Busy(format!(
                    "messages of {} wait for another try",
                    topic.as_str()
                )));
            }
        }
        Ok(Look::Quiet(next))
    }
}

fn earlier(one: Option<DateTime<Utc>>, other: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    one.into_iter().chain(other).min()
}
