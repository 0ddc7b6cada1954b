//! A PostgreSQL of the tests' own, on a free loopback port with its data in a folder of its own.
//!
//! One serves the whole test binary. A shell watches over it: when the tests end, in whatever way,
//! the shell's input ends, and it stops the server and removes the folder.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

use super::servers;
use super::servers::{free_port, path_from};

/// `$1` folder of the programs, `$2` port, `$3` folder of the data.
const WATCH: &str = r#"
trap '' INT TERM HUP
bin=$1 port=$2 data=$3
as=
if [ "$(id -u)" = 0 ]; then
  as="setpriv --reuid nobody --regid $(id -g nobody) --clear-groups"
  chown nobody "$data"
fi
cd "$data"
$as "$bin/initdb" -D "$data/db" -U zapis --auth=trust --no-sync >"$data/log" 2>&1
$as "$bin/postgres" -D "$data/db" -p "$port" -c listen_addresses=127.0.0.1 \
  -c unix_socket_directories= -c max_connections=400 -c fsync=off >>"$data/log" 2>&1 </dev/null &
server=$!
tries=0
until "$bin/pg_isready" -q -h 127.0.0.1 -p "$port" -U zapis -d postgres; do
  tries=$((tries + 1))
  if [ "$tries" -gt 300 ] || ! kill -0 "$server"; then cat "$data/log" >&2; break; fi
  sleep 0.1
done
echo ready
exec >/dev/null 2>&1
cat >/dev/null
kill -INT "$server"
wait "$server"
cd /
rm -rf "$data"
"#;

/// The running server.
struct Server {
    port: u16,
    /// Held open as long as the tests run.
    _watch: ChildStdin,
}

static SERVER: OnceLock<Server> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// An empty database for one test.
pub(crate) struct Database {
    name: String,
    /// Of a server of its own.
    own: Option<Own>,
}

/// A server that a test stops and starts.
struct Own {
    port: u16,
    data: PathBuf,
    running: Mutex<Option<servers::Server>>,
}

impl Database {
    /// Makes one, and starts the server when it is the first.
    pub(crate) fn new() -> Self {
        let n = DATABASES.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{n}");
        psql(
            server().port,
            "postgres",
            &format!("CREATE DATABASE {name}"),
        );
        Self { name, own: None }
    }

    /// One on a server that nobody else uses.
    pub(crate) fn private() -> Self {
        let data = servers::folder("postgres");
        let mut init = as_nobody(&data, "initdb");
        init.args(["-D", "db", "-U", "zapis", "--auth=trust", "--no-sync"]);
        servers::run(&mut init);
        let database = Self {
            name: "postgres".into(),
            own: Some(Own {
                port: free_port(),
                data,
                running: Mutex::default(),
            }),
        };
        database.start();
        database
    }

    /// Starts the server that nobody else uses, with the data it had.
    pub(crate) fn start(&self) {
        let own = self.own.as_ref().expect("a server of its own");
        let mut command = as_nobody(&own.data, "postgres");
        command.args(["-D", "db", "-c", "listen_addresses=127.0.0.1"]);
        command.args([
            "-c",
            "unix_socket_directories=",
            "-p",
            &own.port.to_string(),
        ]);
        let log = own.data.join("output");
        *own.running.lock().unwrap() = Some(servers::Server::start(&command, "KILL", &log));
        servers::wait_until(&log, "PostgreSQL", || {
            let mut ready = Command::new(programs().join("pg_isready"));
            ready.args(["-q", "-h", "127.0.0.1", "-U", "zapis"]);
            ready.args(["-d", "postgres", "-p", &own.port.to_string()]);
            ready.status().is_ok_and(|status| status.success())
        });
    }

    /// Ends the server that nobody else uses, as a power cut would.
    pub(crate) fn stop(&self) {
        let own = self.own.as_ref().expect("a server of its own");
        own.running.lock().unwrap().take();
    }

    fn port(&self) -> u16 {
        self.own
            .as_ref()
            .map_or_else(|| server().port, |own| own.port)
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("postgres://zapis@127.0.0.1:{}/{}", self.port(), self.name)
    }

    /// Leads PostgreSQL's own programs to it.
    pub(crate) fn environment(&self, command: &mut Command) {
        command
            .env("PATH", path_from(&programs()))
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", self.port().to_string())
            .env("PGUSER", "zapis")
            .env("PGDATABASE", &self.name);
    }

    /// Runs statements and returns what the last one selected.
    pub(crate) fn sql(&self, statements: &str) -> String {
        psql(self.port(), &self.name, statements)
    }

    /// Ends all connections to it, as a restart of the server would.
    pub(crate) fn cut(&self) {
        self.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
    }
}

fn psql(port: u16, database: &str, statements: &str) -> String {
    let output = Command::new(programs().join("psql"))
        .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"])
        .args(["-h", "127.0.0.1", "-U", "zapis", "-d", database])
        .args(["-p", &port.to_string(), "-c", statements])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{statements}: {errors}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn server() -> &'static Server {
    SERVER.get_or_init(start)
}

#[expect(
    clippy::zombie_processes,
    reason = "the watching shell outlives the tests"
)]
fn start() -> Server {
    let bin = programs();
    let port = free_port();
    let data = tempfile::Builder::new()
        .prefix("zapis-postgres-")
        .tempdir()
        .unwrap()
        .keep();

    let mut watch = Command::new("sh")
        .args(["-c", WATCH, "watch"])
        .arg(&bin)
        .arg(port.to_string())
        .arg(&data)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(watch.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "ready\n", "PostgreSQL did not start");
    Server {
        port,
        _watch: watch.stdin.take().unwrap(),
    }
}

/// A program of PostgreSQL that works in a folder; the server refuses to run as root.
fn as_nobody(folder: &Path, program: &str) -> Command {
    let program = programs().join(program);
    if !std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0) {
        let mut command = Command::new("env");
        command.arg("-C").arg(folder).arg(program);
        return command;
    }
    let nobody = std::fs::metadata(folder).unwrap().uid() != 0;
    if !nobody {
        servers::run(Command::new("chown").arg("nobody").arg(folder));
        for parent in folder.ancestors().skip(1).take(1) {
            servers::run(Command::new("chmod").arg("a+x").arg(parent));
        }
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]);
    command.args(["env", "-C"]).arg(folder).arg(program);
    command
}

/// Where Debian keeps the server's programs, the newest version first.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql");
    let mut found: Vec<(u32, PathBuf)> = versions
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let folder = entry.ok()?.path();
            let version = folder.file_name()?.to_str()?.parse().ok()?;
            let bin = folder.join("bin");
            bin.join("initdb").exists().then_some((version, bin))
        })
        .collect();
    found.sort();
    let (_, bin) = found
        .pop()
        .expect("PostgreSQL is missing: install the Debian package `postgresql`");
    bin
}
