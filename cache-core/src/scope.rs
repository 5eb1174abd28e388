//! What a part of a program may do with caches, and what it has done: for a block, a task, or a request.

mod around;
mod miss;
mod stats;

pub use around::Mode;
pub(crate) use around::{apart, count, is_around, mode};
pub use miss::Miss;
pub(crate) use miss::raise;
pub use stats::{Event, ScopeStats};

use around::{Around, Catches, Limit};
use stats::Counters;
use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

/// What the calls of a block, a task or a request may do with caches, and what they have done.
///
/// A scope is entered for the rest of a block on this thread by [`enter`](Self::enter), and for a task by
/// [`run`](Self::run); other threads and spawned tasks are handed one and enter it themselves, mostly
/// [`current`](Self::current). A clone is the same scope.
///
/// Every scope counts what is asked while it is entered: [`stats`](Self::stats). Scopes nest, and all around a call count
/// it. A mode holds for what is asked within; of several scopes the innermost that says something about it decides. What
/// a call may do is decided when it begins.
///
/// | mode | memory and backend are read | a miss computes | and is kept |
/// |---|---|---|---|
/// | [`read_only`](Self::read_only) | yes | yes | no |
/// | [`write_only`](Self::write_only) | no | always | in place of what was there |
/// | [`disabled`](Self::disabled) | no | always | no |
/// | [`never_compute`](Self::never_compute) | as it was | no: [`Miss`] | as it was |
///
/// `remove`, `remove_if`, `clear` and `invalidate` do their work in every mode: an invalidation is never lost.
/// A scope is of all caches of the process, or of those that are given to [`only`](Self::only).
///
/// Outside of scopes a hit pays nothing for them. Within one a call costs some ten nanoseconds more.
///
/// ```
/// use memolith_core::{Cache, Scope};
///
/// let squares = Cache::<u64, u64>::builder().build();
/// let request = Scope::new();
/// {
///     let _inside = request.enter();
///     squares.get_or_insert_with(&3, || 9);
///     squares.get_or_insert_with(&3, || 9);
///     // Asked by another thread for the same request:
///     let scope = Scope::current();
///     std::thread::scope(|threads| {
///         threads.spawn(|| {
///             let _inside = scope.enter();
///             squares.get_or_insert_with(&3, || 9)
///         });
///     });
/// }
/// let stats = request.stats();
/// assert_eq!((stats.hits, stats.misses, stats.computed), (2, 1, 1));
///
/// // Ask anew, and keep the answer in place of what was known.
/// let _inside = Scope::new().write_only().enter();
/// assert_eq!(squares.get_or_insert_with(&3, || 10), 10);
/// ```
#[derive(Clone)]
pub struct Scope {
    /// The outermost first; one alone, but for what [`current`](Scope::current) returns.
    levels: Arc<Vec<Level>>,
}

/// One scope among those around a call.
#[derive(Clone)]
struct Level {
    limit: Limit,
    /// What tells its caches from others; all, if there is none.
    only: Vec<Arc<dyn Any + Send + Sync>>,
    /// By these a scope is known again.
    counters: Arc<Counters>,
}

/// This thread is inside of a scope until this is dropped. It belongs to its thread.
#[must_use = "a scope that is entered is left when its guard is dropped"]
pub struct ScopeGuard {
    _around: Around,
    _of_this_thread: PhantomData<*const ()>,
}

impl Scope {
    /// A scope that counts, and changes nothing.
    pub fn new() -> Self {
        let level = Level { limit: Limit::default(), only: Vec::new(), counters: Arc::default() };
        Scope { levels: Arc::new(vec![level]) }
    }

    /// All that is around this call, to be handed to another thread or to a task that is spawned: who enters it is where
    /// we are. Outside of every scope it is of no effect.
    ///
    /// ```
    /// use memolith_core::{Cache, Scope};
    /// use std::sync::Arc;
    ///
    /// let cache = Arc::new(Cache::<u64, u64>::builder().build());
    /// let request = Scope::new().read_only();
    /// let _inside = request.enter();
    /// let (scope, theirs) = (Scope::current(), Arc::clone(&cache));
    /// let thread = std::thread::spawn(move || {
    ///     let _inside = scope.enter();
    ///     theirs.get_or_insert_with(&1, || 2)
    /// });
    /// assert_eq!(thread.join().ok(), Some(2));
    /// assert_eq!((request.stats().misses, cache.len()), (1, 0));
    /// ```
    pub fn current() -> Self {
        Scope { levels: Arc::new(around::all()) }
    }

    /// Memory and backend are read, and nothing is written there: what a miss computes is returned and kept nowhere, an
    /// `insert` does nothing, and what the backend has is not copied into memory. A computation in this mode is shared
    /// with nobody; those of others are waited for.
    pub fn read_only(self) -> Self {
        self.limited(|limit| limit.access = Some((true, false)))
    }

    /// Nothing is read: each call computes, and its value takes the place of what both tiers had, if the key was not
    /// invalidated meanwhile. Nobody is waited for, and who asks without this mode meanwhile gets what was there before.
    /// For a forced refresh.
    pub fn write_only(self) -> Self {
        self.limited(|limit| limit.access = Some((false, true)))
    }

    /// Nothing is read and nothing is written: each call computes.
    pub fn disabled(self) -> Self {
        self.limited(|limit| limit.access = Some((false, false)))
    }

    /// A miss is an error, and the function does not run: [`try_run`](Self::try_run) returns a [`Miss`]. It may wait for
    /// a value that another caller computes. [`Cache::get`](crate::Cache::get) returns `None`, as ever.
    ///
    /// # Panics
    /// The functions called inside return what they return, so the miss leaves by unwinding the stack up to the next
    /// `try_run` of the thread or task, without a message of a panic; `catch_unwind` on the way sees a [`Miss`]. Outside
    /// of a `try_run` it is a panic with a message. With `panic = "abort"` both end the process.
    pub fn never_compute(self) -> Self {
        self.limited(|limit| limit.computes = Some(false))
    }

    /// As without any mode, whatever the scopes around this one say.
    pub fn enabled(self) -> Self {
        self.limited(|limit| *limit = Limit { access: Some((true, true)), computes: Some(true) })
    }

    /// What was counted by those who have entered this scope, up to now; for what [`current`](Self::current) returned,
    /// by those who have entered the innermost.
    pub fn stats(&self) -> ScopeStats {
        self.levels.last().map(|level| level.counters.stats()).unwrap_or_default()
    }

    /// This thread is inside of the scope until the guard is dropped. In an `async fn` use [`run`](Self::run): a task
    /// may go on on another thread, and the guard stays on this one.
    pub fn enter(&self) -> ScopeGuard {
        self.entered(Catches::Nothing)
    }

    /// The future inside of the scope: it is entered at each poll and left after it, so that the task may move from
    /// thread to thread and be dropped at any time. Tasks that it spawns are outside, unless they are handed a scope.
    ///
    /// ```
    /// # use memolith_core::{Cache, Scope};
    /// # fn block_on<F: Future>(work: F) -> F::Output {
    /// #     let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    /// #     let mut work = std::pin::pin!(work);
    /// #     loop {
    /// #         if let std::task::Poll::Ready(ended) = work.as_mut().poll(&mut context) { return ended; }
    /// #     }
    /// # }
    /// # block_on(async {
    /// let cache = Cache::<u64, u64>::builder().build();
    /// let request = Scope::new();
    /// request.run(cache.get_or_insert_async(&1, || async { 2 })).await;
    /// assert_eq!(request.stats().misses, 1);
    /// # });
    /// ```
    pub fn run<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        let scope = self.clone();
        async move {
            let mut future = pin!(future);
            poll_fn(|context| {
                let _inside = scope.enter();
                future.as_mut().poll(context)
            })
            .await
        }
    }

    /// Runs `work` inside of the scope, until a miss that must not be computed ends it.
    ///
    /// Panics of `work` go on to the caller. As with every unwinding, what `work` was about to change may be left half
    /// changed; of caches nothing is.
    ///
    /// # Errors
    /// [`Miss`], if [`never_compute`](Self::never_compute) holds and something was neither in memory nor in the backend.
    ///
    /// ```
    /// use memolith_core::{Cache, Miss, Scope};
    ///
    /// let cache = Cache::<u64, u64>::builder().build();
    /// let known = |key| Scope::new().never_compute().try_run(|| cache.get_or_insert_with(&key, || unreachable!()));
    /// cache.insert(1, 2);
    /// assert!(matches!(known(1), Ok(2)));
    /// assert!(matches!(known(3), Err(Miss { .. })));
    /// ```
    pub fn try_run<T>(&self, work: impl FnOnce() -> T) -> Result<T, Miss> {
        let inside = self.entered(Catches::Misses);
        let ended = catch_unwind(AssertUnwindSafe(work));
        drop(inside);
        miss::caught(ended)
    }

    /// As [`try_run`](Self::try_run) for a future, and as [`run`](Self::run).
    ///
    /// # Errors
    /// As for `try_run`.
    pub fn try_run_async<F: Future>(&self, future: F) -> impl Future<Output = Result<F::Output, Miss>> + use<F> {
        let scope = self.clone();
        async move {
            let mut future = pin!(future);
            poll_fn(|context| match scope.try_run(|| future.as_mut().poll(context)) {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(ended)) => Poll::Ready(Ok(ended)),
                Err(miss) => Poll::Ready(Err(miss)),
            })
            .await
        }
    }

    /// As [`only`](Self::only), of the cache that `mark` is of.
    pub(crate) fn only_of(self, mark: Arc<dyn Any + Send + Sync>) -> Self {
        self.innermost(|level| level.only.push(mark))
    }

    fn limited(self, set: impl FnOnce(&mut Limit)) -> Self {
        self.innermost(|level| set(&mut level.limit))
    }

    fn innermost(self, set: impl FnOnce(&mut Level)) -> Self {
        // What is current nowhere has no level.
        let mut scope = if self.levels.is_empty() { Scope::new() } else { self };
        let _set = Arc::make_mut(&mut scope.levels).last_mut().map(set);
        scope
    }

    fn entered(&self, catches: Catches) -> ScopeGuard {
        ScopeGuard { _around: Around::enter(self.clone(), catches), _of_this_thread: PhantomData }
    }
}

impl Default for Scope {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = self.levels.iter().fold(Limit::default(), |around, level| level.limit.within(around));
        f.debug_struct("Scope").field("mode", &limit.mode()).field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl fmt::Debug for ScopeGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopeGuard").finish_non_exhaustive()
    }
}
