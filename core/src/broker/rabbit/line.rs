//! Who should hold which partition of a topic, and when to step back for them.
//!
//! The consumers of a queue stand in a line, and the first one gets its messages until it leaves;
//! RabbitMQ does not tell who that is. So every worker computes the same fair assignment from the
//! same list of workers, and one that hears the owner of a partition join the line behind it goes
//! to the end itself. That way the owner comes to the front, whoever stood before it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

/// Who is silent for so long is gone.
const SILENCE: Duration = Duration::from_secs(10);

/// What workers tell each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// I am new, or was away, and want to hear who is there.
    Hello(Uuid),
    /// I am still here.
    Here(Uuid),
    /// I joined the line of a partition.
    Joined(Uuid, u16),
    /// I am leaving.
    Bye(Uuid),
}

impl Word {
    pub(super) fn encode(self) -> String {
        match self {
            Self::Hello(who) => format!("hello {who}"),
            Self::Here(who) => format!("here {who}"),
            Self::Joined(who, partition) => format!("joined {who} {partition}"),
            Self::Bye(who) => format!("bye {who}"),
        }
    }

    pub(super) fn decode(text: &[u8]) -> Option<Self> {
        let mut parts = std::str::from_utf8(text).ok()?.split(' ');
        let (word, who) = (parts.next()?, parts.next()?.parse().ok()?);
        match word {
            "hello" => Some(Self::Hello(who)),
            "here" => Some(Self::Here(who)),
            "joined" => Some(Self::Joined(who, parts.next()?.parse().ok()?)),
            "bye" => Some(Self::Bye(who)),
            _ => None,
        }
    }
}

/// What one worker knows about the lines of a topic.
#[derive(Debug)]
pub(super) struct Line {
    me: Uuid,
    /// Who is there, the longest first (ids are made of the time), and when it was last heard.
    workers: BTreeMap<Uuid, Instant>,
    /// Per partition: who joined its line after us.
    behind: Vec<BTreeSet<Uuid>>,
}

impl Line {
    pub(super) fn new(me: Uuid, partitions: u16, now: Instant) -> Self {
        Self {
            me,
            workers: BTreeMap::from([(me, now)]),
            behind: vec![BTreeSet::new(); usize::from(partitions)],
        }
    }

    /// Takes in what somebody says. `true`: tell which lines we are in.
    pub(super) fn hear(&mut self, word: Word, now: Instant) -> bool {
        let (Word::Hello(who) | Word::Here(who) | Word::Joined(who, _) | Word::Bye(who)) = word;
        if who == self.me {
            return false;
        }
        match word {
            Word::Bye(_) => {
                self.workers.remove(&who);
                return false;
            }
            Word::Joined(_, partition) => {
                if let Some(behind) = self.behind.get_mut(usize::from(partition)) {
                    behind.insert(who);
                }
            }
            Word::Hello(_) | Word::Here(_) => {}
        }
        self.workers.insert(who, now);
        matches!(word, Word::Hello(_))
    }

    /// Forgets who is silent.
    pub(super) fn expire(&mut self, now: Instant) {
        let me = self.me;
        self.workers
            .retain(|who, heard| *who == me || now.duration_since(*heard) < SILENCE);
    }

    /// The partitions that are ours.
    pub(super) fn mine(&self) -> Vec<u16> {
        let owners = self.owners();
        let mine = owners.iter().enumerate();
        mine.filter(|(_, owner)| **owner == self.me)
            .filter_map(|(partition, _)| u16::try_from(partition).ok())
            .collect()
    }

    /// The partitions to step back from now. Each is told once: whoever joins after this does so
    /// before or behind our next place.
    pub(super) fn step_back(&mut self) -> Vec<u16> {
        let owners = self.owners();
        let mut partitions = Vec::new();
        for (partition, (owner, behind)) in owners.iter().zip(&mut self.behind).enumerate() {
            if *owner != self.me && behind.contains(owner) {
                behind.clear();
                partitions.extend(u16::try_from(partition));
            }
        }
        partitions
    }

    /// Each worker's fair share. One that joins takes from those who have most, so that few
    /// partitions move.
    fn owners(&self) -> Vec<Uuid> {
        let mut workers = self.workers.keys().copied();
        let first = workers.next().unwrap_or(self.me);
        let mut owners = vec![first; self.behind.len()];
        let mut shares = BTreeMap::from([(first, owners.len())]);
        for newcomer in workers {
            let share = owners.len() / (shares.len() + 1);
            for _ in 0..share {
                let Some(richest) = richest(&shares) else {
                    break;
                };
                if let Some(place) = owners.iter().rposition(|owner| *owner == richest) {
                    owners[place] = newcomer;
                }
                shares.entry(richest).and_modify(|share| *share -= 1);
            }
            shares.insert(newcomer, share);
        }
        owners
    }
}

fn richest(shares: &BTreeMap<Uuid, usize>) -> Option<Uuid> {
    let richest = shares.iter().max_by_key(|(_, share)| **share);
    richest.map(|(who, _)| *who)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn line(me: u128, others: &[u128]) -> Line {
        let now = Instant::now();
        let mut line = Line::new(id(me), 16, now);
        for other in others {
            line.hear(Word::Here(id(*other)), now);
        }
        line
    }

    #[test]
    fn all_agree_and_nobody_has_more_than_its_share() {
        for workers in 1..=20_u128 {
            let all: Vec<u128> = (1..=workers).collect();
            let owners = line(1, &all).owners();
            for me in &all {
                assert_eq!(line(*me, &all).owners(), owners);
                let mine = owners.iter().filter(|owner| **owner == id(*me)).count();
                assert!(mine <= 16_usize.div_ceil(all.len()), "{mine} of {workers}");
            }
        }
    }

    #[test]
    fn a_newcomer_moves_only_its_own_share() {
        let before = line(1, &[2, 3]).owners();
        let after = line(1, &[2, 3, 4]).owners();

        let moved = before.iter().zip(&after).filter(|(a, b)| a != b);
        let moved: Vec<_> = moved.map(|(_, owner)| *owner).collect();

        assert_eq!(moved, vec![id(4); 4]);
    }

    #[test]
    fn one_steps_back_once_the_owner_stands_behind() {
        let now = Instant::now();
        let mut line = line(1, &[]);
        assert!(line.hear(Word::Hello(id(2)), now));
        assert!(line.step_back().is_empty());
        let theirs: Vec<u16> = (0..16).filter(|p| !line.mine().contains(p)).collect();
        assert_eq!(theirs.len(), 8);

        for partition in 0..16 {
            line.hear(Word::Joined(id(2), partition), now);
        }

        assert_eq!(line.step_back(), theirs);
        assert!(line.step_back().is_empty());
        line.hear(Word::Bye(id(2)), now);
        assert_eq!(line.mine().len(), 16);
    }

    #[test]
    fn who_is_silent_is_forgotten() {
        let mut line = line(1, &[2]);
        line.expire(Instant::now() + SILENCE);
        assert_eq!(line.mine().len(), 16);
    }

    #[test]
    fn words_survive_the_way() {
        for word in [
            Word::Hello(id(1)),
            Word::Here(id(2)),
            Word::Joined(id(3), 15),
            Word::Bye(id(4)),
        ] {
            assert_eq!(Word::decode(word.encode().as_bytes()), Some(word));
        }
        assert_eq!(Word::decode(b"joined 1"), None);
    }
}
