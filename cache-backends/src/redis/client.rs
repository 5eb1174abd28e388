//! What stands between commands and servers.

use super::node::Node;
use super::options::Options;
use super::reply::{Reply, unexpected};
use super::request::Request;
use super::target::{Target, Topology};
use memolith_core::{Error, Result};
use std::sync::Arc;

/// The servers of a target, connected to when they are needed, by as few connections as can be: one a node, for all
/// threads and tasks. Making one does no I/O.
///
/// What servers answer for a while only (MOVED, ASK, TRYAGAIN, CLUSTERDOWN, READONLY, LOADING, MASTERDOWN) is met here,
/// by asking again or elsewhere, within the time-out. All other errors of a server are replies.
#[derive(Debug)]
pub(crate) struct Client {
    node: Arc<Node>,
}

impl Client {
    pub(crate) fn new(target: Target, options: &Options) -> Self {
        let Topology::Single(address) = target.topology else { todo!() };
        Client { node: Arc::new(Node::new(address, &target.login, options.timeout)) }
    }

    /// Sends `request` and gives the reply, an error of the server among them.
    ///
    /// # Errors
    /// [`Unavailable`](memolith_core::ErrorKind::Unavailable) when no server could be reached, or none answered in time:
    /// the command may have been executed or not.
    pub(crate) async fn call(&self, request: Request) -> Result<Reply> {
        self.call_all(vec![request]).await.pop().unwrap_or_else(|| Err(unexpected()))
    }

    /// Sends all in one go, on a cluster in one go to each node, and gives the replies in the same order.
    pub(crate) async fn call_all(&self, requests: Vec<Request>) -> Vec<Result<Reply>> {
        match self.node.exchange(&requests).await {
            Ok(replies) => replies.into_iter().map(Ok).collect(),
            Err(error) => requests.iter().map(|_| Err(Error::new(error.kind(), error.to_string()))).collect(),
        }
    }

    /// The primaries, for what concerns all keys, such as SCAN.
    pub(crate) async fn primaries(&self) -> Result<Vec<Arc<Node>>> {
        Ok(vec![Arc::clone(&self.node)])
    }

    /// Who has the slot now; elsewhere than on a cluster whoever there is. For subscriptions.
    pub(crate) async fn owner(&self, slot: u16) -> Result<Arc<Node>> {
        let _ = slot;
        Ok(Arc::clone(&self.node))
    }
}
