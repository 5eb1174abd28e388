//! What tools have in common.

use crate::redis::Redis;
use crate::redis::fleet::client::Client;
use crate::redis::here::Processes;
use std::sync::Arc;

/// Keys of a tool, which nobody else uses.
#[derive(Clone, Debug)]
pub(crate) struct Tool {
    processes: Arc<Processes>,
    kind: &'static str,
    name: String,
}

impl Tool {
    pub(crate) fn new(redis: &Redis, kind: &'static str, name: &str) -> Self {
        Tool { processes: Arc::clone(redis.processes()), kind, name: name.to_owned() }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.processes.here().store.client
    }

    /// The key of `subject`, and its slot.
    pub(crate) fn key(&self, subject: &str) -> (Vec<u8>, u16) {
        self.processes.here().store.layout.tool(self.kind, &[&self.name, subject])
    }
}
