//! Sets of moments at which something may begin.

use super::plan::Piece;

/// Moments in milliseconds since 1970: closed ranges, in order, none of which overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Times(Vec<(i64, i64)>);

impl Times {
    /// All moments of some ranges, which may come in any order.
    pub(super) fn of(mut ranges: Vec<(i64, i64)>) -> Self {
        ranges.retain(|(first, last)| first <= last);
        ranges.sort_unstable();
        let mut joined: Vec<(i64, i64)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match joined.last_mut() {
                Some(before) if first <= before.1 => before.1 = before.1.max(last),
                _ => joined.push((first, last)),
            }
        }
        Self(joined)
    }

    /// When something so long may begin within pieces of time.
    pub(super) fn within(pieces: &[Piece], length: i64) -> Self {
        let range = |piece: &Piece| (piece.from, piece.until - length);
        Self::of(pieces.iter().map(range).collect())
    }

    /// What any of them holds.
    pub(super) fn any<'a>(all: impl Iterator<Item = &'a Self>) -> Self {
        Self::of(all.flat_map(|one| &one.0).copied().collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn holds(&self, at: i64) -> bool {
        let next = self.0.partition_point(|&(_, last)| last < at);
        self.0.get(next).is_some_and(|&(first, _)| first <= at)
    }

    /// Without those at which something that needs time from `before` the begin to `after` it would
    /// meet one of these pieces, which are in order and do not overlap.
    pub(super) fn beside(self, taken: &[Piece], before: i64, after: i64) -> Self {
        let mut left = Vec::with_capacity(self.0.len());
        for (mut first, last) in self.0 {
            let next = taken.partition_point(|one| one.until + before <= first);
            for one in &taken[next..] {
                let latest = one.from - after;
                if latest >= last {
                    break;
                }
                if first <= latest {
                    left.push((first, latest));
                }
                first = first.max(one.until + before);
            }
            if first <= last {
                left.push((first, last));
            }
        }
        Self(left)
    }
}
