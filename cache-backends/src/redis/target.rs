//! From a URL to servers: where they are, and how to be let in.

use memolith_core::{Error, ErrorKind, Result};
use std::fmt;

/// Where the servers are.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) topology: Topology,
    pub(crate) login: Login,
    pub(crate) tls: bool,
}

/// How the servers belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Topology {
    /// One server.
    Single(Address),
    /// The slots are shared out; these nodes are asked first.
    Cluster(Vec<Address>),
    /// The sentinels know which server is the primary called `name`.
    Sentinel { name: String, sentinels: Vec<Address> },
}

/// A socket of a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Address {
    Tcp(String, u16),
    Unix(std::path::PathBuf),
}

/// How to be let in. It has no `Debug` of its own, so that no message can hold it.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) database: u32,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("topology", &self.topology).field("tls", &self.tls).finish_non_exhaustive()
    }
}

impl Target {
    /// What `url` names: so far `redis://HOST:PORT`.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let config = || Error::new(ErrorKind::Config, "write `redis://host:port`");
        let rest = url.strip_prefix("redis://").or_else(|| url.strip_prefix("valkey://")).ok_or_else(config)?;
        let (host, port) = rest.trim_end_matches('/').split_once(':').unwrap_or((rest.trim_end_matches('/'), "6379"));
        let address = Address::Tcp(host.to_owned(), port.parse().map_err(|_| config())?);
        Ok(Target { topology: Topology::Single(address), login: Login::default(), tls: false })
    }
}
