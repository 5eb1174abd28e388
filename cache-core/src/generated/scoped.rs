//! Scopes, for caches of other kinds than ours and for what is done beside one of ours.

use crate::scope::{self, Event, Mode, Scope};
use crate::{Cache, Key, Value};
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// By this scopes tell a cache from others.
#[derive(Clone)]
pub struct Mark(Arc<dyn Any + Send + Sync>);

impl Mark {
    /// Of a cache of another kind.
    pub fn new() -> Self {
        // A place in memory of its own, as nothing has that takes none.
        Mark(Arc::new(0u8))
    }

    /// Of one of ours.
    pub fn of<K: Key, V: Value>(cache: &Cache<K, V>) -> Self {
        Mark(Arc::clone(&cache.flights) as Arc<dyn Any + Send + Sync>)
    }

    /// What a call that begins here may do.
    pub fn mode(&self) -> Mode {
        if scope::is_around() { scope::mode(&*self.0) } else { Mode::USUAL }
    }

    /// Counts for the scopes around this call; a cache of ours does so by itself.
    pub fn count(&self, event: Event) {
        if scope::is_around() {
            scope::count(&*self.0, event);
        }
    }

    /// As [`Scope::only`].
    pub fn limit(&self, scope: Scope) -> Scope {
        scope.only_of(Arc::clone(&self.0))
    }
}

/// Runs `work`, which the core was given to call, as on a thread that is inside of no scope: what it asks may be inside
/// of others than we are.
pub fn apart<R>(work: impl FnOnce() -> R) -> R {
    scope::apart(work)
}

impl Default for Mark {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mark").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    #[test]
    fn a_cache_of_another_kind_is_limited_and_counted_as_ours_are() {
        let (mark, other) = (Mark::new(), Mark::new());
        let (all, own) = (Scope::new(), mark.limit(Scope::new().read_only()));
        let _inside = (all.enter(), own.enter());
        assert_eq!(mark.mode(), Mode { writes: false, ..Mode::USUAL });
        assert_eq!(other.mode(), Mode::USUAL);
        mark.count(Event::Computed);
        other.count(Event::Miss);
        other.count(Event::Begun);
        let counted = |scope: &Scope| (scope.stats().misses, scope.stats().computed);
        assert_eq!((counted(&all), counted(&own)), ((2, 2), (1, 1)));
    }

    #[test]
    fn what_is_run_apart_is_inside_of_nothing_and_we_are_where_we_were() {
        let (mark, around, late) = (Mark::new(), Scope::new().disabled(), Scope::new());
        let _inside = around.enter();
        let ended = catch_unwind(AssertUnwindSafe(|| {
            apart(|| {
                assert_eq!(mark.mode(), Mode::USUAL);
                let _own = Scope::new().read_only().enter();
                assert_eq!(mark.mode(), Mode { writes: false, ..Mode::USUAL });
                resume_unwind(Box::new(()))
            })
        }));
        assert!(ended.is_err());
        assert_eq!(mark.mode(), Mode { reads: false, writes: false, computes: true });
        // A guard that outlives it counts on.
        let _late = apart(|| late.enter());
        mark.count(Event::Hit);
        assert_eq!((around.stats().hits, late.stats().hits), (1, 1));
    }
}
