//! An old value in the hands of who computes it anew: for others meanwhile, and for all if that fails.

use super::Lease;
use crate::aging::Old;
use crate::key::{Key, Value};
use crate::lease::Fetched;
use crate::memory::{Life, later};

impl<K: Key, V: Value> Lease<'_, K, V> {
    /// The computation has failed: what to return instead, if there is an old value that may still be served, as
    /// [`early_refresh`](crate::CacheBuilder::early_refresh) and [`stale`](crate::CacheBuilder::stale) have it.
    ///
    /// Then the cache serves it, and the next caller computes after a second, or a tenth of `stale` if that is shorter.
    /// Where there is none, this is the same as to drop the lease. If the key was invalidated meanwhile, there is none.
    ///
    /// ```
    /// use memolith_core::{Cache, Lookup, ManualClock};
    /// use std::{sync::Arc, time::Duration};
    ///
    /// let minute = Duration::from_secs(60);
    /// let clock = Arc::new(ManualClock::default());
    /// let cache = Cache::<u64, u64>::builder().ttl(minute).stale(minute).clock(clock.clone()).build();
    /// cache.insert(1, 10);
    /// clock.advance(minute);
    /// let Lookup::Miss(lease) = cache.lookup(&1) else { panic!("its time to live is over") };
    /// assert_eq!(lease.fail(), Some(10));
    /// clock.advance(minute);
    /// let Lookup::Miss(lease) = cache.lookup(&1) else { panic!("all its time is over") };
    /// assert_eq!(lease.fail(), None);
    /// ```
    pub fn fail(mut self) -> Option<V> {
        self.fall_back()
    }

    /// As [`fail`](Self::fail) with a value that says so; without an old one it goes to those who wait, as
    /// [`answer`](Self::answer) has it.
    pub(crate) fn fail_with(mut self, failure: V) -> V {
        match self.fall_back() {
            Some(old) => old,
            None => self.answer(failure),
        }
    }

    /// What was fetched, after an old value in it was made this one's.
    pub(crate) fn absorb(&mut self, fetched: Fetched<V>) -> Fetched<V> {
        match fetched {
            Fetched::Old(old) => {
                self.recall(old);
                Fetched::Nothing
            }
            Fetched::Elsewhere(old) => {
                old.into_iter().for_each(|old| self.recall(old));
                Fetched::Elsewhere(None)
            }
            fetched => fetched,
        }
    }

    /// Offers an old value to those who ask for the key, and holds it for the case that no new one comes.
    pub(crate) fn recall(&mut self, old: Old<V>) {
        if self.old().is_some_and(|held| held.until >= old.until) {
            return;
        }
        if !self.is_to_offer(&old) {
            return;
        }
        let posted = || self.cache.flights.flight(self.hash, self.ticket?);
        if let Some(flight) = self.flight.clone().or_else(posted) {
            flight.offer(old.clone());
        }
        self.extras().old = Some(old);
    }

    /// Whether no tag of an old value was invalidated since the lease was given; if one is later, nobody is offered it.
    fn is_to_offer(&self, old: &Old<V>) -> bool {
        let (Some(tagging), Some(tagged), Some(carried)) = (&self.cache.tagging, self.tagged(), &old.tags) else {
            return true;
        };
        let key = self.ticket.and_then(|ticket| self.cache.flights.key(self.hash, ticket));
        key.is_some_and(|key| tagging.list(self.hash, &key, (&carried.tags, tagged.since)))
    }

    /// The old value, if it may still be served, and until when.
    pub(crate) fn held(&self) -> Option<(V, u64)> {
        let old = self.old().filter(|old| old.until > self.cache.now())?;
        Some((V::clone(&old.value), old.until))
    }

    pub(super) fn old(&self) -> Option<&Old<V>> {
        self.extras.as_ref()?.old.as_ref()
    }

    /// The hash of the key.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// The old value, if it may still be served; then memory serves it for a while, as if it were a new one.
    pub(crate) fn fall_back(&mut self) -> Option<V> {
        let old = self.extras.as_mut()?.old.take()?;
        let (cache, hash) = (self.cache, self.hash);
        cache.refresh();
        let now = cache.now();
        if old.until <= now {
            return None;
        }
        let Some(ticket) = self.ticket else {
            // Nothing is kept of what it brings.
            let reading = self.extras.as_ref()?.reading?;
            if !cache.flights.may_serve(hash, reading) {
                return None;
            }
            cache.count_stale(old.until, now);
            return Some(V::clone(&old.value));
        };
        // None if it was invalidated.
        let key = cache.flights.key(hash, ticket)?;
        let due = later(now, cache.settings.pause()).min(old.until);
        cache.count_stale(old.until, now);
        let value = V::clone(&old.value);
        if cache.memory.is_off() || cache.memory.postpone(hash, &key, now, due) {
            return Some(value);
        }
        // It came from the backend.
        let life = Life { now, due, limit: old.until, weight: cache.settings.weigh(&key, &value) };
        // Outside of the lock, so that what leaves is dropped there.
        let mut exchange = cache.memory.exchange(life);
        exchange.new = Some((key, value.clone()));
        cache.flights.keep(hash, ticket, || cache.memory.insert(hash, &mut exchange));
        Some(value)
    }
}
