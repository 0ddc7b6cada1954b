//! A PostgreSQL of the tests' own, on a free loopback port with its data in a folder of its own.
//!
//! One serves the whole test binary. A shell watches over it: when the tests end, in whatever way,
//! the shell's input ends, and it stops the server and removes the folder.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use super::servers::path_from;

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
    bin: PathBuf,
    port: u16,
    /// Held open as long as the tests run.
    _watch: ChildStdin,
}

static SERVER: OnceLock<Server> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// An empty database for one test.
pub(crate) struct Database {
    name: String,
}

impl Database {
    /// Makes one, and starts the server when it is the first.
    pub(crate) fn new() -> Self {
        let n = DATABASES.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{n}");
        psql("postgres", &format!("CREATE DATABASE {name}"));
        Self { name }
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        let port = server().port;
        format!("postgres://zapis@127.0.0.1:{port}/{}", self.name)
    }

    /// Leads PostgreSQL's own programs to it.
    pub(crate) fn environment(&self, command: &mut Command) {
        let Server { bin, port, .. } = server();
        command
            .env("PATH", path_from(bin))
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", port.to_string())
            .env("PGUSER", "zapis")
            .env("PGDATABASE", &self.name);
    }

    /// Runs statements and returns what the last one selected.
    pub(crate) fn sql(&self, statements: &str) -> String {
        psql(&self.name, statements)
    }

    /// Ends all connections to it, as a restart of the server would.
    pub(crate) fn cut(&self) {
        self.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
    }
}

fn psql(database: &str, statements: &str) -> String {
    let server = server();
    let output = Command::new(server.bin.join("psql"))
        .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"])
        .args(["-h", "127.0.0.1", "-U", "zapis", "-d", database])
        .args(["-p", &server.port.to_string(), "-c", statements])
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
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
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
        bin,
        port,
        _watch: watch.stdin.take().unwrap(),
    }
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
