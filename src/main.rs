//! zapis.
fn main() {}
