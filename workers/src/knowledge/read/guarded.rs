//! Readers of formats that others define run apart: what one of them breaks on is a broken file, never a broken
//! program.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;

/// How long a document may take.
const LONGEST: Duration = Duration::from_secs(30);
/// Documents nest, and their readers call themselves.
const STACK: usize = 64 * 1024 * 1024;
/// What the thread is called: its panics are in nobody's interest.
pub const READER: &str = "document reader";

/// Does it in a thread of its own; or says in words why that came to nothing.
pub(super) fn guarded<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, &'static str> {
    let (tell, told) = mpsc::sync_channel(1);
    let thread = std::thread::Builder::new()
        .name(READER.to_owned())
        .stack_size(STACK)
        .spawn(move || {
            let done = catch_unwind(AssertUnwindSafe(work));
            // Nobody waits any more for what took too long.
            tell.send(done).ok();
        });
    if thread.is_err() {
        return Err("cannot be read now: the machine has no room for a thread");
    }
    match told.recv_timeout(LONGEST) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) | Err(mpsc::RecvTimeoutError::Disconnected) => Err("is broken, or too unusual"),
        Err(mpsc::RecvTimeoutError::Timeout) => Err("takes too long to read"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_panics_breaks_nothing_else() {
        assert_eq!(guarded(|| 1), Ok(1));
        assert_eq!(
            guarded(|| -> u8 { panic!("odd file") }),
            Err("is broken, or too unusual")
        );
    }
}
