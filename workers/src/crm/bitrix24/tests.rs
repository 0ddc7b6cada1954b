//! Calls to a portal of this machine that plays the answers it is given.

mod apps;
mod calls;
mod fixtures;
mod outcomes;
mod support;
