//! Private servers on free loopback ports. Each runs under a small shell that ends exactly its own
//! process group once this test program lets go of it, or dies in whatever way.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long a server may take to start or stop.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// `$1` is the signal that ends the server, `$2` its log; the rest starts it.
const GUARD: &str = r#"
signal=$1; log=$2; shift 2
"$@" </dev/null >>"$log" 2>&1 &
server=$!
cat >/dev/null
kill -"$signal" $server 2>/dev/null
[ "$signal" = KILL ] || wait $server
kill -KILL -$$
"#;

/// A server that ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    guard: Child,
}

impl Server {
    /// Starts `command`, with its output in `log`.
    pub(crate) fn start(command: &Command, signal: &str, log: &Path) -> Self {
        let mut guard = Command::new("sh");
        guard.arg("-c").arg(GUARD).arg("guard").arg(signal).arg(log);
        guard.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            guard.env(name, value.unwrap_or(OsStr::new("")));
        }
        let guard = guard.stdin(Stdio::piped()).process_group(0).spawn();
        Self {
            guard: guard.expect("sh starts"),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        self.guard.wait().ok();
    }
}

/// A folder for a server's data. All of them are removed once this test program has ended.
pub(crate) fn folder(name: &str) -> PathBuf {
    static ALL: LazyLock<(PathBuf, Child)> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap().keep();
        let cleaner = Command::new("sh")
            .args(["-c", "cat >/dev/null; sleep 3; rm -rf \"$1\"", "cleaner"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        (folder, cleaner.expect("sh starts"))
    });
    let folder = tempfile::Builder::new().prefix(name).tempdir_in(&ALL.0);
    folder.unwrap().keep()
}

/// A port that nobody uses now. Not one of those that the system gives to whoever connects, so that nobody takes it
/// before the program that it is for.
pub(crate) fn free_port() -> u16 {
    static TURN: AtomicU32 = AtomicU32::new(0);
    loop {
        let turn = TURN.fetch_add(1, Ordering::Relaxed);
        let place = std::process::id().wrapping_mul(101).wrapping_add(turn) % 20_000;
        let port = 10_000 + u16::try_from(place).unwrap_or_default();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The first of `paths` that is there.
///
/// # Panics
/// When none is, naming the Debian package to install.
pub(crate) fn program(paths: &[&str], package: &str) -> PathBuf {
    let found = paths.iter().map(PathBuf::from).find(|path| path.exists());
    found.unwrap_or_else(|| {
        panic!(
            "this test needs {}: install it with `apt-get install {package}`",
            paths[0]
        )
    })
}

/// `PATH` with one folder before all others.
pub(crate) fn path_from(folder: &Path) -> OsString {
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&rest));
    std::env::join_paths(folders).expect("no folder has a colon in its name")
}

/// Waits until a server is ready.
///
/// # Panics
/// When it takes too long, with the end of its log.
pub(crate) fn wait_until(log: &Path, what: &str, mut ready: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !ready() {
        if Instant::now() > until {
            let log = std::fs::read_to_string(log).unwrap_or_default();
            let end: Vec<_> = log.lines().rev().take(20).collect();
            panic!("{what} did not start:\n{end:#?}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What a server says right after `question`, if it speaks at all.
pub(crate) fn greeting(port: u16, question: &[u8]) -> Option<[u8; 5]> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let second = Some(Duration::from_secs(1));
    stream.set_read_timeout(second).ok()?;
    std::io::Write::write_all(&mut stream, question).ok()?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).ok()?;
    Some(answer)
}

/// Runs a program to its end and gives what it printed.
///
/// # Panics
/// When it fails.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}{errors}");
    text
}
