//! Enquiries on their way to a portal of Bitrix24 and back: the real worker on real engines, the portal
//! emulated, the clock in the test's hand.

mod fate;
mod once;
mod people;
mod trouble;
mod world;
