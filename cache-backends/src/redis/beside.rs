//! What a [`Redis`](super::Redis) does beside keeping bytes: it tells and hears what was removed, and holds claims.

use super::backend::Redis;
use super::claims;
use super::client::Client;
use super::holds::{Holds, Place};
use super::id::Id;
use super::keeper::Keeper;
use super::layout::{Channel, Layout};
use super::news::News;
use super::options::Options;
use super::removal::Tell;
use super::subscription::Subscriptions;
use memolith_core::{Claim, Result, Space, Watch};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use xxhash_rust::xxh3::xxh3_128;

/// Its threads begin when there is something to hear or to let go of, and end when it is dropped.
#[derive(Debug)]
pub(crate) struct Beside {
    pub(crate) id: Id,
    pub(crate) layout: Arc<Layout>,
    pub(crate) holds: Arc<Holds>,
    news: News,
    claim_ttl: Duration,
    timeout: Duration,
}

impl Beside {
    pub(crate) fn new((client, layout): (Arc<Client>, Arc<Layout>), tell: Tell, options: &Options) -> Result<Self> {
        let (id, keeper) = (Id::new()?, Arc::new(Keeper::new()));
        let subscriptions = Subscriptions::new(client, options.timeout, tell, Arc::clone(&keeper));
        let holds = Holds::new(id, Arc::clone(&subscriptions), keeper);
        Ok(Beside {
            id,
            layout,
            holds,
            news: News::new(id, subscriptions),
            claim_ttl: options.claim_ttl,
            timeout: options.timeout,
        })
    }

    /// To be called with every operation: a child of a fork learns here that it has to listen by itself.
    pub(crate) fn attend(&self) {
        self.news.attend();
    }

    /// See [`Backend::watch`](memolith_core::Backend::watch).
    pub(crate) fn watch(&self, space: &Space, watch: Weak<dyn Watch>) {
        self.attend();
        self.news.watch(&self.layout.channels(space), watch);
    }

    /// Waits until the removals of others from `space` are heard, no longer than the time-out.
    pub(crate) async fn heard(&self, space: &Space) {
        self.news.heard(&self.layout.channels(space), Instant::now() + self.timeout).await;
    }

    /// See [`Backend::claim`](memolith_core::Backend::claim).
    pub(crate) async fn claim(&self, space: &Space, key: &[u8], wait: Duration) -> Result<Option<Claim>> {
        self.attend();
        let digest = xxh3_128(key).to_le_bytes();
        // Two keys that share one wait for each other at worst.
        let key = if key.len() > 64 { &digest } else { key };
        let (numbers, (key, slot)) = (self.layout.beside_all(space, "f", key), self.layout.beside(space, "c", key));
        let place = Place { channel: Channel { name: key.clone(), slot }, key, numbers };
        claims::claim(&self.holds, &place, self.claim_ttl, wait).await
    }
}

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
