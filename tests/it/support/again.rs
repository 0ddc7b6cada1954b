//! For a test that needs a process of its own: it starts this test program again, with only itself in it.

use std::process::Command;

const INSIDE: &str = "ZAPIS_TEST_INSIDE";

/// The command that runs a test once more in a process of its own. Nothing inside that process.
#[expect(
    clippy::disallowed_methods,
    reason = "how a process of the test knows itself, not a setting of the program"
)]
pub(crate) fn again(test: &str) -> Option<Command> {
    if std::env::var(INSIDE).is_ok() {
        return None;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "--nocapture", test])
        .env(INSIDE, "1");
    Some(command)
}
