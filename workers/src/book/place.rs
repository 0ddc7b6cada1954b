//! One location on one date: every service of a wish gets its hands there, or there is no visit.

use std::collections::HashMap;

use chrono::DateTime;
use zapis_core::store::{Item, Visit};

use super::quest::{Part, Quest, minutes};
use super::times::Times;
use crate::business::{Employee, Location};

/// Between two services a customer waits 0, 5, … 30 minutes.
const WAIT_STEP: u32 = 5;
const WAITS: u32 = 7;

/// Somebody who can do a service, and when she may begin.
pub(super) struct Hand<'b> {
    /// Tells her from others.
    who: usize,
    employee: &'b Employee,
    begins: Times,
}

impl<'b> Hand<'b> {
    pub(super) fn new(who: usize, employee: &'b Employee, begins: Times) -> Self {
        Self {
            who,
            employee,
            begins,
        }
    }
}

/// Whether the services after the first of some may follow it, where it ends at a moment.
pub(super) type Memo<'q> = HashMap<(&'q [usize], i64), bool>;

/// A location, seen from a wish.
pub(super) struct Place<'q, 'b> {
    quest: &'q Quest<'q, 'b>,
    location: &'b Location,
    /// Who can do each service, the least busy first.
    hands: Vec<Vec<Hand<'b>>>,
    /// When anybody may begin each service.
    anybody: Vec<Times>,
}

/// A service that has got its hands.
struct Placed<'b> {
    item: usize,
    who: usize,
    employee: &'b Employee,
    from: i64,
    until: i64,
    /// Until when it takes them, and its rooms.
    busy: i64,
}

impl<'q, 'b> Place<'q, 'b> {
    /// Nobody is there yet.
    pub(super) fn new(quest: &'q Quest<'q, 'b>, location: &'b Location) -> Self {
        Self {
            quest,
            location,
            hands: quest.parts.iter().map(|_| Vec::new()).collect(),
            anybody: Vec::new(),
        }
    }

    pub(super) fn give(&mut self, item: usize, hand: Hand<'b>) {
        if !hand.begins.is_empty() {
            self.hands[item].push(hand);
        }
    }

    /// With everybody there, if each service has somebody.
    pub(super) fn complete(mut self) -> Option<Self> {
        let begins = |hands: &Vec<Hand<'b>>| Times::any(hands.iter().map(|hand| &hand.begins));
        self.anybody = self.hands.iter().map(begins).collect();
        let all = self.anybody.iter().all(|times| !times.is_empty());
        all.then_some(self)
    }

    /// When the first service of an order may begin.
    pub(super) fn begins(&self, order: &[usize]) -> Option<&Times> {
        self.anybody.get(*order.first()?)
    }

    /// The services in this order, from a moment.
    pub(super) fn visit(
        &self,
        order: &'q [usize],
        start: i64,
        memo: &mut Memo<'q>,
    ) -> Option<Visit> {
        let together = self.quest.wish.together;
        if together && !self.anybody.iter().all(|times| times.holds(start)) {
            return None;
        }
        let mut placed = Vec::with_capacity(order.len());
        if !self.place(order, start, &mut placed, memo) {
            return None;
        }
        let items = placed.iter().map(|placed| self.item(placed));
        Some(Visit {
            location: self.location.id.clone(),
            items: items.collect::<Option<_>>()?,
        })
    }

    /// Gives the next service its hands, and all that follow; takes them back where they find none.
    fn place(
        &self,
        order: &'q [usize],
        start: i64,
        placed: &mut Vec<Placed<'b>>,
        memo: &mut Memo<'q>,
    ) -> bool {
        let rest = &order[placed.len()..];
        let Some(&item) = rest.first() else {
            return true;
        };
        let part = &self.quest.parts[item];
        // A customer waits a little between two services, but not before the first.
        let waits = if placed.is_empty() || self.quest.wish.together {
            1
        } else {
            WAITS
        };
        for wait in (0..waits).map(|wait| minutes(wait * WAIT_STEP)) {
            let Some(soonest) = self.soonest(part, start, wait, placed) else {
                return false;
            };
            let hopeful = self.anybody[item].holds(soonest)
                && self.may_follow(rest, soonest + part.length, memo);
            for hand in &self.hands[item] {
                let Some(from) = self.turn(hand, part, soonest, placed) else {
                    continue;
                };
                let until = from + part.length;
                let hopeful = if from == soonest {
                    hopeful
                } else {
                    self.may_follow(rest, until, memo)
                };
                if !hopeful || !hand.begins.holds(from) {
                    continue;
                }
                placed.push(Placed {
                    item,
                    who: hand.who,
                    employee: hand.employee,
                    from,
                    until,
                    busy: until + part.after,
                });
                if self.place(order, start, placed, memo) {
                    return true;
                }
                placed.pop();
            }
        }
        false
    }

    /// When a service may begin after those before it and in its rooms; never, when it needs the
    /// room of another one at the same time.
    fn soonest(
        &self,
        part: &Part<'_>,
        start: i64,
        wait: i64,
        placed: &[Placed<'b>],
    ) -> Option<i64> {
        let same_room = |one: &&Placed<'b>| self.quest.parts[one.item].shares(part);
        let mut rooms = placed.iter().filter(same_room);
        if self.quest.wish.together {
            return rooms.next().is_none().then_some(start);
        }
        let after = placed.last().map_or(start, |last| last.until + wait);
        Some(rooms.fold(after, |from, one| from.max(one.busy + part.before)))
    }

    /// When it is somebody's turn: what she does before comes first.
    fn turn(
        &self,
        hand: &Hand<'b>,
        part: &Part<'_>,
        soonest: i64,
        placed: &[Placed<'b>],
    ) -> Option<i64> {
        let mut own = placed.iter().filter(|one| one.who == hand.who);
        if self.quest.wish.together {
            return own.next().is_none().then_some(soonest);
        }
        Some(own.fold(soonest, |from, one| from.max(one.busy + part.before)))
    }

    /// Whether anybody may do what follows the first of these services, which ends at a moment:
    /// `false` only where no choice of hands can do it.
    fn may_follow(&self, rest: &'q [usize], end: i64, memo: &mut Memo<'q>) -> bool {
        let &[done, next, ..] = rest else {
            return true;
        };
        if self.quest.wish.together || (self.hands.len() > 2 && !self.quest.short_buffers) {
            return true;
        }
        if let Some(&known) = memo.get(&(rest, end)) {
            return known;
        }
        let (done, part) = (&self.quest.parts[done], &self.quest.parts[next]);
        let waits = (0..WAITS).map(|wait| end + minutes(wait * WAIT_STEP));
        // The same hands or rooms are free again after the buffers.
        let mut begins = waits.chain([end + done.after + part.before]);
        let may = begins.any(|begin| {
            self.anybody[next].holds(begin)
                && self.may_follow(&rest[1..], begin + part.length, memo)
        });
        memo.insert((rest, end), may);
        may
    }

    fn item(&self, placed: &Placed<'_>) -> Option<Item> {
        let service = self.quest.parts.get(placed.item)?.service;
        let at = DateTime::from_timestamp_millis;
        Some(Item {
            service: service.id.clone(),
            resource: placed.employee.id.clone(),
            needs: service.needs.clone(),
            starts_at: at(placed.from)?,
            ends_at: at(placed.until)?,
            buffer: service.buffer,
            price: service.price.text(self.quest.plan.business.language),
        })
    }
}
