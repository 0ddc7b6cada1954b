//! Through real sockets, with the embedded engines.
