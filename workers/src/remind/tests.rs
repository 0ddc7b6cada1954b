//! Reminders are sent once, in time, to the right person, or a reason says why not.

mod files;
mod said;
mod times;
mod world;
