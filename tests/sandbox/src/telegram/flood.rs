//! Flood control: how fast a bot may send.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Messages one chat takes at once before the pace of one a second applies.
const CHAT_BURST: usize = 3;
const BOT_PER_SECOND: usize = 30;
const GROUP_PER_MINUTE: usize = 20;

/// When what was sent, as far back as it matters.
#[derive(Default)]
pub(crate) struct Flood {
    bot: VecDeque<Instant>,
    chats: HashMap<i64, VecDeque<Instant>>,
}

impl Flood {
    /// Takes a message, or says after how many seconds to come back.
    pub(crate) fn take(&mut self, chat: i64, now: Instant) -> Result<(), u64> {
        let sent = self.chats.entry(chat).or_default();
        room(&mut self.bot, BOT_PER_SECOND, Duration::from_secs(1), now)?;
        if chat < 0 {
            room(sent, GROUP_PER_MINUTE, Duration::from_mins(1), now)?;
        } else {
            // A window as long as the burst gives one a second in the long run.
            room(
                sent,
                CHAT_BURST,
                Duration::from_secs(CHAT_BURST as u64),
                now,
            )?;
        }
        self.bot.push_back(now);
        sent.push_back(now);
        Ok(())
    }
}

fn room(
    sent: &mut VecDeque<Instant>,
    most: usize,
    window: Duration,
    now: Instant,
) -> Result<(), u64> {
    while sent
        .front()
        .is_some_and(|first| now.duration_since(*first) >= window)
    {
        sent.pop_front();
    }
    match sent.front() {
        Some(first) if sent.len() >= most => {
            let left = window.saturating_sub(now.duration_since(*first));
            Err(left.as_secs() + u64::from(left.subsec_nanos() > 0))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_takes_a_small_burst_and_then_one_a_second() {
        let mut flood = Flood::default();
        let start = Instant::now();

        for _ in 0..CHAT_BURST {
            assert_eq!(flood.take(1, start), Ok(()));
        }
        assert_eq!(flood.take(1, start), Err(3));
        assert_eq!(flood.take(2, start), Ok(()), "another chat is free");
        assert_eq!(flood.take(1, start + Duration::from_secs(3)), Ok(()));
    }

    #[test]
    fn a_group_takes_twenty_a_minute_over_all_its_topics() {
        let mut flood = Flood::default();
        let start = Instant::now();

        for n in 0..GROUP_PER_MINUTE {
            assert_eq!(
                flood.take(-100, start + Duration::from_secs(n as u64)),
                Ok(())
            );
        }
        assert_eq!(flood.take(-100, start + Duration::from_secs(20)), Err(40));
    }
}
