//! A primary with a replica, and three sentinels that watch them.

use super::dir::Dir;
use super::{Server, eventually};

/// The name under which sentinels know the primary.
pub(crate) const NAME: &str = "cache";

/// A primary that is replaced about a second after it died.
pub(crate) struct Sentinels {
    servers: Vec<Server>,
    sentinels: Vec<Server>,
    _configuration: Dir,
}

impl Sentinels {
    pub(crate) fn start() -> Self {
        let quick = ["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"];
        let primary = Server::in_a_directory(&quick);
        let port = primary.port().to_string();
        let replica = Server::in_a_directory(&[&quick[..], &["--replicaof", "127.0.0.1", &port]].concat());
        eventually("the replica is in sync", || {
            replica.try_cli(&["INFO", "replication"]).is_ok_and(|info| info.contains("master_link_status:up"))
        });
        let configuration = Dir::new("redis");
        let sentinels = (0..3).map(|number| {
            // A sentinel writes what it learns into its file.
            let file = configuration.0.join(format!("{number}.conf"));
            let lines = [
                format!("sentinel monitor {NAME} 127.0.0.1 {port} 2"),
                format!("sentinel down-after-milliseconds {NAME} 500"),
                format!("sentinel failover-timeout {NAME} 2000"),
            ];
            std::fs::write(&file, lines.join("\n")).unwrap();
            Server::with(&[file.to_str().unwrap(), "--sentinel"])
        });
        let sentinels: Vec<Server> = sentinels.collect();
        eventually("the sentinels know all", || {
            sentinels.iter().all(|sentinel| {
                let view = sentinel.try_cli(&["SENTINEL", "MASTER", NAME]).unwrap_or_default();
                let lines: Vec<&str> = view.lines().collect();
                let has = |name, value| lines.windows(2).any(|pair| pair == [name, value]);
                has("num-slaves", "1") && has("num-other-sentinels", "2") && has("flags", "master")
            })
        });
        Sentinels { servers: vec![primary, replica], sentinels, _configuration: configuration }
    }

    /// `redis+sentinel://`, with all sentinels.
    pub(crate) fn url(&self) -> String {
        let addresses: Vec<String> = self.sentinels.iter().map(Server::address).collect();
        format!("redis+sentinel://{}/{NAME}", addresses.join(","))
    }

    /// `redis+sentinel://`, with the first of them.
    pub(crate) fn url_of_one(&self) -> String {
        format!("redis+sentinel://{}/{NAME}", self.sentinels[0].address())
    }

    pub(crate) fn sentinels(&self) -> &[Server] {
        &self.sentinels
    }

    /// Who the first sentinel that answers says it is.
    pub(crate) fn primary(&self) -> &Server {
        let answers = self.sentinels.iter().filter_map(|sentinel| {
            let address = sentinel.try_cli(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]).ok()?;
            address.lines().nth(1)?.parse().ok()
        });
        let port: u16 = answers.into_iter().next().expect("a sentinel answers");
        self.servers.iter().find(|server| server.port() == port).expect("both servers are ours")
    }

    /// Whether the primary takes a write at this moment.
    pub(crate) fn accepts(&self) -> bool {
        self.primary().try_cli(&["SET", "probe", "1", "PX", "1000"]).is_ok_and(|reply| reply == "OK")
    }

    /// Starts what is dead again, as a replica, and waits until it is in sync.
    pub(crate) fn restore(&self) {
        let primary = self.primary();
        for dead in self.servers.iter().filter(|server| !server.is_alive()) {
            dead.restart();
            // The sentinels would tell it as well, a dozen seconds later.
            dead.cli(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]);
        }
        eventually("the replica is in sync again", || {
            primary.try_cli(&["INFO", "replication"]).is_ok_and(|info| info.contains("state=online"))
        });
    }
}
