//! A private PostgreSQL server.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::servers::{Server, folder, free_port, program, run, wait_until};

/// A PostgreSQL server. It will not run as root: a root's test runs it as `nobody`.
#[derive(Debug)]
pub(crate) struct Postgres {
    port: u16,
    folder: PathBuf,
    databases: AtomicUsize,
    _server: Server,
}

impl Postgres {
    /// The one that tests share.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Postgres::start)
    }

    /// The address of a new, empty database.
    pub(crate) fn database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        run(&mut self.psql(&format!("CREATE DATABASE {name}")));
        format!("postgres://zapis@127.0.0.1:{}/{name}", self.port)
    }

    fn start() -> Self {
        let (port, folder) = (free_port(), folder("postgres"));
        let data = folder.join("data");
        let parent = folder.parent().unwrap();
        run(Command::new("chmod").arg("755").arg(parent));
        run(Command::new("chmod").arg("777").arg(&folder));
        run(as_ordinary_user("initdb")
            .args([
                "-U",
                "zapis",
                "--auth=trust",
                "--no-sync",
                "-E",
                "UTF8",
                "--locale=C",
                "-D",
            ])
            .arg(&data));
        let mut command = as_ordinary_user("postgres");
        command.arg("-D").arg(&data).arg("-p").arg(port.to_string());
        command.args(["-c", "listen_addresses=127.0.0.1", "-c"]);
        command.arg(format!("unix_socket_directories={}", folder.display()));
        let log = folder.join("log");
        let server = Server::start(&command, "INT", &log);
        let postgres = Self {
            port,
            folder,
            databases: AtomicUsize::new(0),
            _server: server,
        };
        wait_until(&postgres.folder.join("log"), "PostgreSQL", || {
            postgres
                .psql("SELECT 1")
                .output()
                .is_ok_and(|output| output.status.success())
        });
        postgres
    }

    fn psql(&self, sql: &str) -> Command {
        let mut command = Command::new(binary("psql"));
        command.args([
            "-h",
            "127.0.0.1",
            "-U",
            "zapis",
            "-d",
            "postgres",
            "-qtA",
            "-p",
        ]);
        command.arg(self.port.to_string()).arg("-c").arg(sql);
        command
    }
}

fn binary(name: &str) -> PathBuf {
    let paths: Vec<_> = (13..=18)
        .rev()
        .map(|version| format!("/usr/lib/postgresql/{version}/bin/{name}"))
        .collect();
    program(
        &paths.iter().map(String::as_str).collect::<Vec<_>>(),
        "postgresql",
    )
}

fn as_ordinary_user(name: &str) -> Command {
    if run(Command::new("id").arg("-u")).trim() != "0" {
        return Command::new(binary(name));
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]);
    command.arg(binary(name));
    command
}

#[test]
fn each_database_is_new_and_empty() {
    let postgres = Postgres::shared();
    let (one, two) = (postgres.database(), postgres.database());
    assert_ne!(one, two);
    let tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'";
    let mut command = Command::new(binary("psql"));
    assert_eq!(run(command.args([&two, "-qtAc", tables])).trim(), "0");
}
