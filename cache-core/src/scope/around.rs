//! The scopes around a call: those that its thread is inside of.

use super::stats::Event;
use super::{Level, Scope};
use crate::threads;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

/// What a call may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// Memory and backend are asked.
    pub reads: bool,
    /// Values are kept.
    pub writes: bool,
    /// A miss computes.
    pub computes: bool,
}

impl Mode {
    /// Of calls outside of all scopes.
    pub const USUAL: Mode = Mode { reads: true, writes: true, computes: true };
}

/// What a scope says about modes; what it leaves open those around it decide.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limit {
    /// Whether calls read and write.
    pub(super) access: Option<(bool, bool)>,
    pub(super) computes: Option<bool>,
}

impl Limit {
    pub(super) fn within(self, around: Limit) -> Limit {
        Limit { access: self.access.or(around.access), computes: self.computes.or(around.computes) }
    }

    pub(super) fn mode(self) -> Mode {
        let (reads, writes) = self.access.unwrap_or((true, true));
        Mode { reads, writes, computes: self.computes.unwrap_or(true) }
    }
}

/// Whether a miss that must not be computed ends what runs in a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Catches {
    Nothing,
    Misses,
}

struct Entered {
    number: u64,
    scope: Scope,
    catches: Catches,
}

crate::sync::thread_local! {
    /// They, the innermost last.
    static ENTERED: RefCell<Vec<Entered>> = const { RefCell::new(Vec::new()) };
    static NUMBERS: Cell<u64> = const { Cell::new(0) };
}

/// This thread is inside of a scope until it is dropped, in whatever order guards are.
pub(super) struct Around {
    /// None on a thread that is being torn down.
    number: Option<u64>,
}

impl Around {
    pub(super) fn enter(scope: Scope, catches: Catches) -> Self {
        let number = NUMBERS.try_with(|numbers| {
            numbers.set(numbers.get() + 1);
            numbers.get()
        });
        let Ok(number) = number else { return Around { number: None } };
        let mut scope = Some(scope);
        let entered = ENTERED.try_with(|entered| {
            entered.borrow_mut().extend(scope.take().map(|scope| Entered { number, scope, catches }));
        });
        let number = entered.ok().map(|()| number);
        if number.is_some() {
            threads::begin_detour();
        }
        Around { number }
    }
}

impl Drop for Around {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let left = ENTERED.try_with(|entered| {
            let mut entered = entered.borrow_mut();
            let at = entered.iter().rposition(|entered| entered.number == number);
            at.map(|at| entered.remove(at))
        });
        threads::end_detour();
        // It may be the last of its scope, and hold the last of a cache.
        drop(left);
    }
}

/// Whether this thread is inside of a scope. A hit need not ask: memory knows nothing of detours in the common case.
#[inline]
pub(crate) fn is_around() -> bool {
    threads::is_on_detour()
}

/// Runs `work` as on a thread that is inside of no scope.
pub(crate) fn apart<R>(work: impl FnOnce() -> R) -> R {
    /// Brings them back, also when `work` unwinds.
    struct Back(Vec<Entered>);
    impl Drop for Back {
        fn drop(&mut self) {
            let _ = ENTERED.try_with(|entered| {
                let mut entered = entered.borrow_mut();
                // A guard that was made meanwhile may live on.
                self.0.append(&mut entered);
                *entered = std::mem::take(&mut self.0);
            });
        }
    }
    let _back = Back(ENTERED.try_with(RefCell::take).unwrap_or_default());
    work()
}

/// What a call of the cache that `mark` is of may do here.
pub(crate) fn mode(mark: &dyn Any) -> Mode {
    let limit = each(|levels| {
        // The innermost first.
        let of_it = levels.iter().rev().filter(|level| level.is_of(mark));
        of_it.fold(Limit::default(), |inner, level| inner.within(level.limit))
    });
    limit.unwrap_or_default().mode()
}

/// Counts for all around this call of the cache that `mark` is of.
pub(crate) fn count(mark: &dyn Any, event: Event) {
    each(|levels| levels.iter().filter(|level| level.is_of(mark)).for_each(|level| level.counters.count(event)));
}

/// All that is around, the outermost first.
pub(super) fn all() -> Vec<Level> {
    each(|levels| levels.iter().copied().cloned().collect()).unwrap_or_default()
}

/// Whether a miss that must not be computed is somebody's to see.
pub(super) fn is_caught() -> bool {
    let caught = ENTERED.try_with(|entered| entered.borrow().iter().any(|scope| scope.catches == Catches::Misses));
    caught.unwrap_or(false)
}

/// Shows what is around, each once, where it was entered last; nothing on a thread that is being torn down.
fn each<R>(show: impl FnOnce(&[&Level]) -> R) -> Option<R> {
    let show = |entered: &RefCell<Vec<Entered>>| {
        let entered = entered.borrow();
        let mut levels: Vec<&Level> = Vec::with_capacity(entered.len());
        for entered in entered.iter().rev() {
            // Those of one scope are each there once.
            let inner = levels.len();
            for level in entered.scope.levels.iter().rev() {
                if !levels[..inner].iter().any(|inner| Arc::ptr_eq(&inner.counters, &level.counters)) {
                    levels.push(level);
                }
            }
        }
        levels.reverse();
        show(&levels)
    };
    ENTERED.try_with(show).ok()
}

impl Level {
    fn is_of(&self, mark: &dyn Any) -> bool {
        let is = |only: &Arc<dyn Any + Send + Sync>| std::ptr::addr_eq(Arc::as_ptr(only), mark);
        self.only.is_empty() || self.only.iter().any(is)
    }
}
