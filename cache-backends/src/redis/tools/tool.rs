//! What tools have in common.

use crate::redis::Redis;
use crate::redis::claims::holds::Holds;
use crate::redis::fleet::client::Client;
use crate::redis::keys::layout::Layout;
use std::sync::Arc;

/// Keys of a tool, which nobody else uses.
#[derive(Clone, Debug)]
pub(crate) struct Tool {
    holds: Arc<Holds>,
    layout: Arc<Layout>,
    kind: &'static str,
    name: String,
}

impl Tool {
    pub(crate) fn new(redis: &Redis, kind: &'static str, name: &str) -> Self {
        let beside = redis.beside();
        let (holds, layout) = (Arc::clone(&beside.holds), Arc::clone(&beside.layout));
        Tool { holds, layout, kind, name: name.to_owned() }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.holds.client
    }

    /// The key of `subject`, and its slot.
    pub(crate) fn key(&self, subject: &str) -> (Vec<u8>, u16) {
        self.layout.tool(self.kind, &[&self.name, subject])
    }
}
