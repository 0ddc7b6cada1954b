//! Through real sockets, with the embedded engines.

mod events;
mod socket;
mod support;
