//! Where servers are, and how to be let in. [`url`](crate::redis::settings::url) reads one.

use std::fmt;
use std::path::PathBuf;

/// Where the servers are.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) topology: Topology,
    pub(crate) login: Login,
    /// What sentinels want to know, who have no databases and users of their own.
    pub(crate) sentinel_login: Login,
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
    Unix(PathBuf),
}

/// How to be let in. It has no `Debug` of its own, so that no message can hold it.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) database: u32,
    /// Whether TLS is spoken.
    pub(crate) tls: Option<Trust>,
}

/// Who says that a server is who it says it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trust {
    /// A file with the certificates of an authority of one's own; `None` for those that the system trusts.
    pub(crate) authority: Option<PathBuf>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("topology", &self.topology).finish_non_exhaustive()
    }
}
