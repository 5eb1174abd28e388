//! How a call goes on that memory could not answer.

use super::{Cache, Lookup};
use crate::flight::Flight;
use crate::flights::{Caller, Join};
use crate::key::{Key, KeyRef, Value};
use crate::lease::Lease;
use crate::scope::Mode;
use crate::stale::Mark;
use std::sync::Arc;

/// How a lookup that memory could not answer goes on.
pub(crate) enum Begin<'a, K: Key, V: Value> {
    Hit(V),
    /// Compute: nobody else knows.
    Miss(Lease<'a, K, V>),
    /// Wait for who computes.
    Follow(Arc<Flight<V>>),
    /// Compute, unless the backend knows; `ask` is false where it may know something stale. Then nobody is waited for
    /// either, and the key is not claimed: who computes it elsewhere may have begun before it was invalidated.
    Lead {
        lease: Lease<'a, K, V>,
        ask: bool,
    },
}

impl<K: Key, V: Value> Cache<K, V> {
    /// To be called right after a look into memory.
    pub(crate) fn begin<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q, by: (Caller, Mode)) -> Begin<'_, K, V> {
        self.lead(hash, key, by).map_or_else(|begun| begun, Begin::Miss)
    }

    /// As `begin`, with the common case of a cache in memory apart: a lease, for a key that nobody else computes.
    #[inline(always)]
    pub(super) fn lead<Q: KeyRef<K> + ?Sized>(
        &self,
        hash: u64,
        key: &Q,
        (caller, mode): (Caller, Mode),
    ) -> Result<Lease<'_, K, V>, Begin<'_, K, V>> {
        if self.settings.disabled() {
            return Err(Begin::Miss(Lease::alone(self)));
        }
        if !(mode.reads && mode.writes) {
            return Err(self.begin_limited(hash, key, (caller, mode)));
        }
        let simple = self.remote.is_none() && !self.settings.aging.is_on();
        let mark = if simple { None } else { self.mark_if_aging() };
        match self.flights.join(hash, key, caller) {
            Join::Lead(lead) if simple && !lead.late => Ok(Lease::in_memory(self, hash, lead)),
            joined => Err(self.begin_joined(hash, key, joined, mark)),
        }
    }

    /// What `begin` does after the common case of a cache in memory.
    #[inline(never)]
    fn begin_joined<Q: KeyRef<K> + ?Sized>(
        &self,
        hash: u64,
        key: &Q,
        joined: Join<V>,
        mark: Option<Mark>,
    ) -> Begin<'_, K, V> {
        let lead = match joined {
            Join::Lead(lead) => lead,
            Join::Follow(flight) => {
                return match self.offered(&flight, self.now_if_aging()) {
                    Some(value) => Begin::Hit(value),
                    None => Begin::Follow(flight),
                };
            }
        };
        let (late, stale) = (lead.late, lead.stale);
        let mut lease = Lease::new(self, hash, lead, key);
        // The leader before us may have landed between our look into memory and our joining, or have failed, so that an
        // old value is served once more. While a tag of the key is invalidated, it is not to be.
        let again = (late || self.settings.aging.is_on()) && !self.is_leaving(stale);
        if again && let Some(value) = self.find_again(hash, key) {
            return Begin::Hit(lease.answer(value));
        }
        if !stale {
            self.recall(&mut lease, key, mark);
        }
        Begin::Lead { lease, ask: !stale }
    }

    #[inline(always)]
    pub(super) fn miss<'a>(&'a self, mut lease: Lease<'a, K, V>, mode: Mode) -> Lookup<'a, K, V> {
        if !mode.computes {
            return Lookup::Hit(self.held_or_refused(lease));
        }
        self.count_computed();
        lease.begins();
        Lookup::Miss(lease)
    }
}
