//! Services and people of the firm, in any form customers give to their names.

mod catalogue;
mod roster;

use crate::business::Business;

use super::Entity;
use super::words::Word;
use catalogue::Catalogue;
use roster::Roster;

/// The names of a firm, made ready to be found.
#[derive(Debug)]
pub(in crate::understand) struct Firm {
    catalogue: Catalogue,
    roster: Roster,
}

impl Firm {
    /// The names that a firm uses.
    pub(in crate::understand) fn of(business: &Business) -> Self {
        Self {
            catalogue: Catalogue::of(&business.services),
            roster: Roster::of(&business.staff),
        }
    }

    /// The services that words name.
    pub(super) fn services(&self, text: &str, words: &[Word<'_>]) -> Vec<Entity> {
        self.catalogue.services(text, words)
    }

    /// The people that words name.
    pub(super) fn staff(&self, text: &str, words: &[Word<'_>]) -> Vec<Entity> {
        self.roster.staff(text, words)
    }

    /// Whether a stem belongs to the name of a service.
    pub(in crate::understand) fn knows(&self, stem: &str) -> bool {
        self.catalogue.knows(stem)
    }
}
