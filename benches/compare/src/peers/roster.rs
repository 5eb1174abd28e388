//! Who takes part: each at its defaults, and again with a setting that makes it clearly faster or better.

use super::cached::Cached;
use super::foyer::{SHARDS, foyer, hashed};
use super::moka::Moka;
use super::papaya::Papaya;
use super::quick_cache::QuickCache;
use super::schnellru::Schnellru;
use super::{Ours, POLICIES, Store};
use crate::Role;
use foyer_memory::{EvictionConfig, LfuConfig, LruConfig, S3FifoConfig, SieveConfig};
use hashbrown::DefaultHashBuilder;
use memolith::{Key, Value};

/// Is shown each cache as a name and a function from a capacity to a cache.
pub trait Visitor<K: Key, V: Value> {
    /// Called once for each.
    fn visit<S: Store<K, V>>(&mut self, name: &str, role: Role, make: impl Fn(usize) -> S);
}

/// Every cache with a bound, for races against time: at its defaults, and with a faster hasher where it has a slow one.
pub fn every<K: Key, V: Value>(visitor: &mut impl Visitor<K, V>) {
    ours(visitor);
    visitor.visit("quick_cache", Role::Peer, QuickCache::new);
    visitor.visit("schnellru, Mutex", Role::Peer, Schnellru::new);
    visitor.visit("cached, sharded LRU", Role::Peer, Cached::new);
    visitor.visit("moka", Role::Peer, Moka::new);
    visitor.visit("moka, foldhash", Role::Peer, |capacity| Moka::with_hasher(capacity, DefaultHashBuilder::default()));
    for (name, policy) in [("lru", EvictionConfig::from(LruConfig::default())), ("sieve", SieveConfig.into())] {
        visitor.visit(&format!("foyer {name}"), Role::Peer, |capacity| foyer(capacity, policy.clone(), SHARDS));
    }
    visitor.visit("foyer sieve, foldhash", Role::Peer, |capacity| {
        hashed(capacity, SieveConfig, DefaultHashBuilder::default())
    });
}

/// Every cache with a bound, for hit ratios: at its defaults, and in one piece where that decides better.
pub fn ranked<K: Key, V: Value>(visitor: &mut impl Visitor<K, V>) {
    ours(visitor);
    visitor.visit("quick_cache", Role::Peer, QuickCache::new);
    visitor.visit("quick_cache, 1 shard", Role::Peer, QuickCache::unsharded);
    visitor.visit("moka", Role::Peer, Moka::new);
    visitor.visit("cached, sharded LRU", Role::Peer, Cached::new);
    for (name, policy) in [
        ("lru", EvictionConfig::from(LruConfig::default())),
        ("lfu", LfuConfig::default().into()),
        ("s3fifo", S3FifoConfig::default().into()),
        ("sieve", SieveConfig.into()),
    ] {
        for (suffix, shards) in [("", SHARDS), (", 1 shard", 1)] {
            visitor.visit(&format!("foyer {name}{suffix}"), Role::Peer, |capacity| {
                foyer(capacity, policy.clone(), shards)
            });
        }
    }
}

/// What keeps everything.
pub fn unbounded<K: Key, V: Value>(visitor: &mut impl Visitor<K, V>) {
    visitor.visit("papaya (evicts nothing)", Role::Other, Papaya::new);
}

fn ours<K: Key, V: Value>(visitor: &mut impl Visitor<K, V>) {
    for &(name, policy) in POLICIES {
        visitor.visit(name, Role::Ours, |capacity| Ours::new(capacity, policy));
    }
}
