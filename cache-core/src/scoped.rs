//! What the calls of a cache may do in the scopes around them, and what is counted of them.

use crate::cache::{Begin, Cache};
use crate::error::{Error, Result};
use crate::flights::Caller;
use crate::key::{Key, KeyRef, Value};
use crate::lease::Lease;
use crate::scope::{self, Event, Mode, Scope};
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

impl Scope {
    /// Limits the scope to the calls of this cache, and of the others that it was limited to: only they are counted, and
    /// only for them modes hold. Of a function `f` that is `f::cache()`.
    ///
    /// ```
    /// use memolith_core::{Cache, Scope};
    ///
    /// let (kept, other) = (Cache::<u64, u64>::builder().build(), Cache::<u64, u64>::builder().build());
    /// let _inside = Scope::new().disabled().only(&other).enter();
    /// kept.insert(1, 2);
    /// other.insert(1, 2);
    /// assert_eq!((kept.len(), other.len()), (1, 0));
    /// ```
    pub fn only<K: Key, V: Value>(self, cache: &Cache<K, V>) -> Self {
        // A cache may move; its board does not.
        self.only_of(Arc::clone(&cache.flights) as Arc<dyn Any + Send + Sync>)
    }
}

impl<K: Key, V: Value> Cache<K, V> {
    /// What a call that begins here may do.
    #[inline]
    pub(crate) fn mode(&self) -> Mode {
        if scope::is_around() { scope::mode(&*self.flights) } else { Mode::USUAL }
    }

    /// As `begin`, for a call that may not read, or not write.
    #[inline(never)]
    pub(crate) fn begin_limited<Q: KeyRef<K> + ?Sized>(
        &self,
        hash: u64,
        key: &Q,
        (caller, mode): (Caller, Mode),
    ) -> Begin<'_, K, V> {
        match mode {
            Mode { reads: true, .. } => match self.flights.current(hash, key) {
                Some(flight) => match self.offered(&flight, self.now_if_aging()) {
                    Some(value) => Begin::Hit(value),
                    None => Begin::Follow(flight),
                },
                None => {
                    let mark = self.mark_if_aging();
                    let (mut lease, ask) = (Lease::reading(self, hash, key), !self.flights.is_stale(hash, key));
                    if ask {
                        self.recall(&mut lease, key, mark);
                    }
                    Begin::Lead { lease, ask }
                }
            },
            Mode { writes: true, .. } => {
                // A task has asked before.
                if let (Some(remote), Caller::Thread) = (&self.remote, caller) {
                    self.report(remote.store.ask_of_tags());
                }
                Begin::Miss(Lease::replacing(self, hash, key))
            }
            Mode { reads: false, writes: false, .. } => Begin::Miss(Lease::alone(self)),
        }
    }

    /// What a task has to know before it begins that will not look into the backend.
    pub(crate) async fn prepare(&self, mode: Mode) {
        if let (Some(remote), false, true) = (&self.remote, mode.reads, mode.writes) {
            self.report(remote.store.ask_of_tags_async().await);
        }
    }

    /// A miss that must not be computed: the old value, if there is one. Others may compute.
    #[cold]
    pub(crate) fn held_or_refused(&self, lease: Lease<'_, K, V>) -> V {
        let Some((value, until)) = lease.held() else {
            self.count_miss();
            drop(lease);
            scope::raise()
        };
        self.count_hit();
        self.count_stale(until, self.now());
        value
    }

    /// Counts a hit in memory, which memory has counted, for the scopes around it.
    #[inline]
    pub(crate) fn hit_in_scope(&self) {
        self.count_in_scope(Event::Hit);
    }

    pub(crate) fn count_hit(&self) {
        self.memory.count_hit();
        self.hit_in_scope();
    }

    pub(crate) fn count_backend_hit(&self) {
        self.memory.count_backend_hit();
        self.count_in_scope(Event::BackendHit);
    }

    pub(crate) fn count_coalesced(&self) {
        self.counts.coalesced.fetch_add(1, Relaxed);
        self.memory.count_hit();
        self.count_in_scope(Event::Coalesced);
    }

    pub(crate) fn count_miss(&self) {
        self.memory.count_miss();
        self.count_in_scope(Event::Miss);
    }

    /// A miss that computes.
    #[inline]
    pub(crate) fn count_computed(&self) {
        self.memory.count_miss();
        self.count_in_scope(Event::Computed);
    }

    pub(crate) fn count_error(&self) {
        self.counts.errors.fetch_add(1, Relaxed);
        self.count_in_scope(Event::Error);
    }

    #[inline]
    fn count_in_scope(&self, event: Event) {
        if scope::is_around() {
            scope::count(&*self.flights, event);
        }
    }

    /// A failing tier is a slow cache, not a failing program: counted, reported, and a miss.
    pub(crate) fn report<T>(&self, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault(&error);
                None
            }
        }
    }

    /// Counts an error that the caller gets to see.
    pub(crate) fn counted<T>(&self, result: Result<T>) -> Result<T> {
        result.inspect_err(|_| self.count_error())
    }

    pub(crate) fn fault(&self, error: &Error) {
        self.count_error();
        (self.settings.report)(error);
    }
}
