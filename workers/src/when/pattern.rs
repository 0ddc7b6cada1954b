//! The engine of the grammar: rules over pieces, the longest match wins.
//!
//! A pattern is a list of roles. `a|b` is either, `?` makes a slot optional, `~` wants it glued to the
//! piece before. What stands before `>` must have been read just before, what stands after `<` must
//! follow; neither is taken. `!` in front of a role there forbids it.

use super::symbol::{Piece, Role, Roles, Sym};

/// A pattern, and what it makes of a match; `None` rejects the match.
pub(super) type Rule = (&'static str, fn(&Match<'_>) -> Option<Sym>);

/// What a pattern found: a piece for each slot, in the order of the pattern.
pub(super) struct Match<'a> {
    found: &'a [Option<&'a Piece>],
}

impl Match<'_> {
    /// The piece in a slot, if it was there.
    pub(super) fn get(&self, slot: usize) -> Option<&Sym> {
        self.found
            .get(slot)
            .copied()
            .flatten()
            .map(|piece| &piece.sym)
    }
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    /// What fits.
    roles: Roles,
    /// What fits when nothing stands between it and the piece before.
    glued: Roles,
    optional: bool,
    forbidden: bool,
}

#[derive(Debug)]
struct Compiled {
    behind: Vec<Slot>,
    body: Vec<Slot>,
    ahead: Vec<Slot>,
    /// What a match can begin with.
    first: Roles,
    make: fn(&Match<'_>) -> Option<Sym>,
}

/// Rules that are tried together.
#[derive(Debug)]
pub(super) struct Grammar {
    rules: Vec<Compiled>,
}

impl Grammar {
    pub(super) fn new<'a>(rules: impl IntoIterator<Item = &'a [Rule]>) -> Self {
        let rules = rules.into_iter().flatten();
        Self {
            rules: rules.filter_map(compiled).collect(),
        }
    }

    /// The pieces with every longest match replaced by what its rule makes of it.
    pub(super) fn reduce(&self, pieces: &[Piece]) -> Vec<Piece> {
        let mut out: Vec<Piece> = Vec::with_capacity(pieces.len());
        let mut at = 0;
        while at < pieces.len() {
            let mut best: Option<(usize, Sym)> = None;
            for rule in self
                .rules
                .iter()
                .filter(|rule| pieces[at].roles.meet(rule.first))
            {
                if let Some((end, sym)) = rule.longest(&out, pieces, at)
                    && best.as_ref().is_none_or(|(known, _)| end > *known)
                {
                    best = Some((end, sym));
                }
            }
            let Some((end, sym)) = best else {
                out.push(pieces[at].clone());
                at += 1;
                continue;
            };
            out.push(Piece {
                start: pieces[at].start,
                end: pieces[end - 1].end,
                glued: pieces[at].glued,
                roles: sym.roles(),
                sym,
            });
            at = end;
        }
        out
    }
}

fn compiled((pattern, make): &Rule) -> Option<Compiled> {
    let (behind, rest) = pattern.split_once(" > ").unwrap_or(("", pattern));
    let (body, ahead) = rest.split_once(" < ").unwrap_or((rest, ""));
    let body = slots(body)?;
    let mut first = Roles::default();
    for slot in &body {
        first = first.join(slot.roles).join(slot.glued);
        if !slot.optional {
            break;
        }
    }
    Some(Compiled {
        behind: slots(behind)?,
        body,
        ahead: slots(ahead)?,
        first,
        make: *make,
    })
}

fn slots(pattern: &str) -> Option<Vec<Slot>> {
    pattern.split_whitespace().map(slot).collect()
}

fn slot(text: &str) -> Option<Slot> {
    let (text, optional) = text
        .strip_suffix('?')
        .map_or((text, false), |text| (text, true));
    let (text, forbidden) = text
        .strip_prefix('!')
        .map_or((text, false), |text| (text, true));
    let mut slot = Slot {
        roles: Roles::default(),
        glued: Roles::default(),
        optional,
        forbidden,
    };
    for name in text.split('|') {
        let (name, roles) = match name.strip_prefix('~') {
            Some(name) => (name, &mut slot.glued),
            None => (name, &mut slot.roles),
        };
        let (_, role) = Role::NAMES.iter().find(|(known, _)| *known == name)?;
        roles.add(*role);
    }
    Some(slot)
}

const END: Roles = Roles::of(&[Role::End]);

fn fits(slot: Slot, piece: Option<&Piece>) -> bool {
    let roles = piece.map_or(END, |piece| piece.roles);
    let glued = piece.is_some_and(|piece| piece.glued);
    (slot.roles.meet(roles) || glued && slot.glued.meet(roles)) != slot.forbidden
}

impl Compiled {
    /// The longest match that begins here: its end, and what it makes.
    fn longest(&self, before: &[Piece], pieces: &[Piece], at: usize) -> Option<(usize, Sym)> {
        let behind = self.behind.iter().rev().enumerate();
        for (back, slot) in behind {
            let piece = before
                .len()
                .checked_sub(back + 1)
                .map(|index| &before[index]);
            if !fits(*slot, piece) {
                return None;
            }
        }
        let mut best = None;
        let mut found = Vec::with_capacity(self.body.len() + self.ahead.len());
        self.walk(pieces, at, at, &mut found, &mut best);
        best
    }

    fn walk<'a>(
        &self,
        pieces: &'a [Piece],
        begin: usize,
        at: usize,
        found: &mut Vec<Option<&'a Piece>>,
        best: &mut Option<(usize, Sym)>,
    ) {
        let Some(slot) = self.body.get(found.len()) else {
            self.finish(pieces, begin, at, found, best);
            return;
        };
        if let Some(piece) = pieces.get(at)
            && fits(*slot, Some(piece))
        {
            found.push(Some(piece));
            self.walk(pieces, begin, at + 1, found, best);
            found.pop();
        }
        if slot.optional {
            found.push(None);
            self.walk(pieces, begin, at, found, best);
            found.pop();
        }
    }

    fn finish<'a>(
        &self,
        pieces: &'a [Piece],
        begin: usize,
        end: usize,
        found: &mut Vec<Option<&'a Piece>>,
        best: &mut Option<(usize, Sym)>,
    ) {
        if end == begin || best.as_ref().is_some_and(|(known, _)| *known >= end) {
            return;
        }
        let body = found.len();
        let follows = self.ahead.iter().enumerate().all(|(index, slot)| {
            let piece = pieces.get(end + index);
            found.push(piece);
            fits(*slot, piece)
        });
        if follows && let Some(sym) = (self.make)(&Match { found }) {
            *best = Some((end, sym));
        }
        found.truncate(body);
    }
}

#[cfg(test)]
mod tests {
    use super::super::rules;
    use super::*;

    #[test]
    fn every_pattern_is_made_of_known_roles() {
        let unknown: Vec<&str> = rules::all()
            .filter(|rule| compiled(rule).is_none())
            .map(|(pattern, _)| *pattern)
            .collect();
        assert_eq!(unknown, Vec::<&str>::new());
    }
}
