//! Private Redis servers: one, one behind Sentinel, a Cluster of three.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, OnceLock};

use super::servers::{Server, folder, free_port, greeting, program, run, wait_until};

/// A Redis server.
#[derive(Debug)]
pub(crate) struct Redis {
    pub(crate) port: u16,
    pub(crate) folder: PathBuf,
    arguments: Vec<String>,
    server: Mutex<Option<Server>>,
}

impl Redis {
    /// The one that tests share. They keep apart by the names of their keys.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Redis> = OnceLock::new();
        SHARED.get_or_init(|| Redis::private(&["--appendonly", "yes"]))
    }

    /// One of its own, for a test that stops it.
    pub(crate) fn private(arguments: &[&str]) -> Self {
        let redis = Self {
            port: free_port(),
            folder: folder("redis"),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            server: Mutex::new(None),
        };
        redis.start();
        redis
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Starts it, again with the same port and data.
    pub(crate) fn start(&self) {
        let mut command = Command::new(program(&["/usr/bin/redis-server"], "redis-server"));
        command.args(["--bind", "127.0.0.1", "--save", "", "--port"]);
        command
            .arg(self.port.to_string())
            .arg("--dir")
            .arg(&self.folder);
        command.args(&self.arguments);
        let log = self.folder.join("log");
        *self.server.lock().unwrap() = Some(Server::start(&command, "KILL", &log));
        wait_until(&log, "Redis", || {
            greeting(self.port, b"PING\r\n")
                .is_some_and(|answer| matches!(&answer, b"+PONG" | b"-NOAU"))
        });
    }

    /// Ends it at once.
    pub(crate) fn stop(&self) {
        self.server.lock().unwrap().take();
    }

    /// Makes it forget everything while it is stopped.
    pub(crate) fn forget(&self) {
        std::fs::remove_dir_all(&self.folder).unwrap();
        std::fs::create_dir(&self.folder).unwrap();
    }

    /// Asks it something.
    pub(crate) fn cli(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(program(&["/usr/bin/redis-cli"], "redis-tools"));
        run(command.arg("-p").arg(self.port.to_string()).args(arguments))
    }
}

/// A master, its replica, and a sentinel that watches both.
#[derive(Debug)]
pub(crate) struct Sentinel {
    pub(crate) master: Redis,
    pub(crate) url: String,
    _replica: Redis,
    _watcher: Server,
}

impl Sentinel {
    pub(crate) fn private() -> Self {
        let master = Redis::private(&[]);
        let port = master.port.to_string();
        let replica = Redis::private(&["--replicaof", "127.0.0.1", &port]);
        let (sentinel_port, folder) = (free_port(), folder("sentinel"));
        let config = folder.join("sentinel.conf");
        let text = format!(
            "bind 127.0.0.1\nport {sentinel_port}\ndir {}\nsentinel monitor salon 127.0.0.1 {port} 1\n\
             sentinel down-after-milliseconds salon 1000\nsentinel failover-timeout salon 5000\n",
            folder.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new(program(&["/usr/bin/redis-server"], "redis-server"));
        command.arg(&config).arg("--sentinel");
        let log = folder.join("log");
        let server = Server::start(&command, "KILL", &log);
        let ask = Redis {
            port: sentinel_port,
            folder,
            arguments: Vec::new(),
            server: Mutex::new(None),
        };
        wait_until(&log, "Sentinel", || {
            greeting(sentinel_port, b"PING\r\n").is_some()
                && ask
                    .cli(&["sentinel", "replicas", "salon"])
                    .contains("127.0.0.1")
                && replica
                    .cli(&["info", "replication"])
                    .contains("master_link_status:up")
        });
        Self {
            master,
            url: format!("redis+sentinel://127.0.0.1:{sentinel_port}/salon/0"),
            _replica: replica,
            _watcher: server,
        }
    }
}

/// Three nodes that share the keys.
#[derive(Debug)]
pub(crate) struct Cluster {
    nodes: Vec<Redis>,
}

impl Cluster {
    /// The one that tests share.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(Cluster::private)
    }

    fn private() -> Self {
        let nodes: Vec<_> = (0..3)
            .map(|_| {
                let bus = free_port().to_string();
                Redis::private(&["--cluster-enabled", "yes", "--cluster-port", &bus])
            })
            .collect();
        let places: Vec<_> = nodes
            .iter()
            .map(|node| format!("127.0.0.1:{}", node.port))
            .collect();
        let mut create = vec!["--cluster", "create"];
        create.extend(places.iter().map(String::as_str));
        create.push("--cluster-yes");
        nodes[0].cli(&create);
        for node in &nodes {
            wait_until(&node.folder.join("log"), "the Cluster", || {
                node.cli(&["cluster", "info"]).contains("cluster_state:ok")
            });
        }
        Self { nodes }
    }

    pub(crate) fn url(&self) -> String {
        let places: Vec<_> = self
            .nodes
            .iter()
            .map(|node| format!("127.0.0.1:{}", node.port))
            .collect();
        format!("redis+cluster://{}", places[..2].join(","))
    }
}
