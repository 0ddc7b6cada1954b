//! A private RabbitMQ with its own epmd.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use super::servers::{Server, folder, free_port, greeting, path_from, program, run, wait_until};

/// How many tests of one run can have a virtual host to themselves.
const VHOSTS: usize = 90;

/// Epmd belongs to the same group of processes, so that it ends with the server.
const START: &str = r#"epmd -port "$ERL_EPMD_PORT" -address 127.0.0.1 & exec "$1""#;

/// A RabbitMQ server.
#[derive(Debug)]
pub(crate) struct Rabbit {
    port: u16,
    epmd: u16,
    distribution: u16,
    folder: PathBuf,
    vhosts: usize,
    used: AtomicUsize,
    server: Mutex<Option<Server>>,
}

impl Rabbit {
    /// The one that tests share, each with a virtual host of its own.
    pub(crate) fn shared() -> &'static Arc<Self> {
        static SHARED: OnceLock<Arc<Rabbit>> = OnceLock::new();
        SHARED.get_or_init(|| Arc::new(Rabbit::with_vhosts(VHOSTS)))
    }

    /// One of its own, for a test that stops it.
    pub(crate) fn private() -> Self {
        Self::with_vhosts(1)
    }

    /// The address of a virtual host that nobody has used.
    pub(crate) fn vhost(&self) -> String {
        let n = self.used.fetch_add(1, Ordering::Relaxed);
        assert!(n < self.vhosts, "more tests than virtual hosts");
        format!("amqp://guest:guest@127.0.0.1:{}/test{n}", self.port)
    }

    /// Starts it, again with the same ports and data.
    pub(crate) fn start(&self) {
        let server = program(
            &["/usr/lib/rabbitmq/bin/rabbitmq-server"],
            "rabbitmq-server",
        );
        let mut command = Command::new("sh");
        command.args(["-c", START, "start"]).arg(server);
        self.environment(&mut command);
        let log = self.folder.join("output");
        *self.server.lock().unwrap() = Some(Server::start(&command, "KILL", &log));
        wait_until(&log, "RabbitMQ", || {
            // It answers what is no AMQP with the version that it speaks.
            greeting(self.port, b"HELLO123").is_some_and(|answer| answer.starts_with(b"AMQP"))
        });
    }

    /// Ends it at once, as a power cut would.
    pub(crate) fn stop(&self) {
        self.server.lock().unwrap().take();
    }

    /// Stops it in an orderly way and starts it again.
    pub(crate) fn restart(&self) {
        self.ctl(&["stop_app"]);
        self.ctl(&["start_app"]);
    }

    /// `rabbitmqctl`.
    pub(crate) fn ctl(&self, arguments: &[&str]) -> String {
        let ctl = program(&["/usr/lib/rabbitmq/bin/rabbitmqctl"], "rabbitmq-server");
        let mut command = Command::new(ctl);
        command.arg("-n").arg(self.node()).args(arguments);
        self.environment(&mut command);
        run(&mut command)
    }

    fn with_vhosts(vhosts: usize) -> Self {
        let rabbit = Self {
            port: free_port(),
            epmd: free_port(),
            distribution: free_port(),
            folder: folder("rabbit"),
            vhosts,
            used: AtomicUsize::new(0),
            server: Mutex::new(None),
        };
        rabbit.write_configuration();
        rabbit.start();
        rabbit
    }

    fn node(&self) -> String {
        format!("zapis{}@localhost", self.port)
    }

    fn write_configuration(&self) {
        let names = (0..self.vhosts).map(|n| format!("test{n}"));
        let vhosts: Vec<_> = names
            .clone()
            .map(|name| format!(r#"{{"name":"{name}"}}"#))
            .collect();
        let permissions: Vec<_> = names
            .map(|name| {
                format!(
                    r#"{{"user":"guest","vhost":"{name}","configure":".*","write":".*","read":".*"}}"#
                )
            })
            .collect();
        let definitions = format!(
            r#"{{"users":[{{"name":"guest","password":"guest","tags":"administrator"}}],"vhosts":[{}],"permissions":[{}]}}"#,
            vhosts.join(","),
            permissions.join(",")
        );
        let file = self.folder.join("definitions.json");
        std::fs::write(&file, definitions).unwrap();
        let configuration = format!("load_definitions = {}\n", file.display());
        std::fs::write(self.folder.join("rabbitmq.conf"), configuration).unwrap();
        std::fs::write(self.folder.join("env.conf"), "").unwrap();
        std::fs::write(self.folder.join("plugins"), "[].\n").unwrap();
    }

    /// Leads RabbitMQ's own programs to it.
    pub(crate) fn environment(&self, command: &mut Command) {
        let folder = |name: &str| self.folder.join(name);
        // Debian's own wrappers would ask as another user, who does not know the cookie.
        command
            .env("PATH", path_from(Path::new("/usr/lib/rabbitmq/bin")))
            .env("HOME", &self.folder)
            .env("ERL_EPMD_PORT", self.epmd.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODENAME", self.node())
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", self.port.to_string())
            .env("RABBITMQ_DIST_PORT", self.distribution.to_string())
            .env("RABBITMQ_MNESIA_BASE", folder("mnesia"))
            .env("RABBITMQ_LOG_BASE", folder("log"))
            .env("RABBITMQ_PID_FILE", folder("pid"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder("plugins"))
            .env("RABBITMQ_CONF_ENV_FILE", folder("env.conf"))
            .env("RABBITMQ_CONFIG_FILE", folder("rabbitmq.conf"))
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-kernel inet_dist_use_interface {127,0,0,1}",
            );
    }
}
