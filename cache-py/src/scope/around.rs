//! The scopes around a call.

use super::class::Scope;
use crate::errors::CacheMiss;
use memolith::ScopeGuard;
use memolith_core::__private::{Event, Mark, Mode};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use std::cell::RefCell;
use std::ptr;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

/// How many [`Inside`] there are, in whatever context. Each thread sees its own at least: those of its context.
static ALL: AtomicUsize = AtomicUsize::new(0);

/// The innermost [`Inside`] of a context, or None.
static AROUND: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

thread_local! {
    /// Those around what is being dropped on this thread; none while nothing is.
    static LEFT: RefCell<Option<Vec<Py<Inside>>>> = const { RefCell::new(None) };
}

/// What a context is inside of.
#[pyclass(frozen, module = "memolith._memolith", name = "_Inside")]
pub(super) struct Inside {
    /// It and all around it, as the core has them.
    all: memolith::Scope,
    scope: Py<Scope>,
    outer: Option<Py<Inside>>,
}

#[pymethods]
impl Inside {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.scope)?;
        self.outer.as_ref().map_or(Ok(()), |outer| visit.call(outer))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        ALL.fetch_sub(1, Relaxed);
        // Thousands, if tasks begin each other inside of a scope: dropped by each other they would take the whole stack.
        let mut outer = self.outer.take();
        let begins = LEFT.try_with(|left| {
            let mut left = left.borrow_mut();
            let begins = left.is_none();
            left.get_or_insert_default().extend(outer.take());
            begins
        });
        while begins == Ok(true)
            && let Some(next) = next_left()
        {
            drop(next);
        }
    }
}

/// One that is to be dropped on this thread. With the last the work has ended.
fn next_left() -> Option<Py<Inside>> {
    LEFT.with_borrow_mut(|left| {
        left.take_if(|left| left.is_empty()).map_or_else(|| left.as_mut()?.pop(), |_ended| None)
    })
}

/// Whether any context is inside of a scope. Outside of scopes a call pays no more than this.
#[inline(always)]
pub(crate) fn is_any() -> bool {
    ALL.load(Relaxed) != 0
}

/// Whether this one is.
pub(crate) fn is_here(py: Python<'_>) -> bool {
    innermost(py).is_some()
}

/// Has the core be inside of the scopes around this call, on this thread, until the guard is dropped. For work that
/// calls no Python code.
#[inline]
pub(crate) fn enter(py: Python<'_>) -> Option<ScopeGuard> {
    if is_any() { innermost(py).map(|inside| inside.get().all.enter()) } else { None }
}

/// The same for work that looks a value up to compute it.
///
/// # Errors
/// `CacheMiss`, where it must not be computed.
pub(crate) fn try_run<T>(py: Python<'_>, work: impl FnOnce() -> T) -> PyResult<T> {
    match innermost(py) {
        None => Ok(work()),
        Some(inside) => inside.get().all.try_run(work).map_err(|_| refused()),
    }
}

/// What a call of the cache with this mark may do.
pub(crate) fn mode(py: Python<'_>, mark: &Mark) -> Mode {
    enter(py).map_or(Mode::USUAL, |_inside| mark.mode())
}

/// Counts for all around this call.
#[inline]
pub(crate) fn count(py: Python<'_>, mark: &Mark, event: Event) {
    if let Some(_inside) = enter(py) {
        mark.count(event);
    }
}

/// To be asked before a computation.
///
/// # Errors
/// `CacheMiss`, where nothing is to be computed.
pub(crate) fn allow(py: Python<'_>, mark: &Mark) -> PyResult<()> {
    if mode(py, mark).computes { Ok(()) } else { Err(refused()) }
}

/// The same for a miss that the core has counted, and does not know to be computed.
///
/// # Errors
/// As [`allow`].
pub(crate) fn begin(py: Python<'_>, mark: &Mark) -> PyResult<()> {
    allow(py, mark)?;
    count(py, mark, Event::Begun);
    Ok(())
}

/// This context is inside of `scope` from now on, until it [`leave`]s it.
pub(super) fn join(scope: &Bound<'_, Scope>) -> PyResult<()> {
    let py = scope.py();
    let inside = within(innermost(py), scope)?;
    set(py, inside.into_any())
}

/// Once out of `scope`; what was entered inside of it stays. Of no effect in a context that has not entered it.
pub(super) fn leave(scope: &Bound<'_, Scope>) -> PyResult<()> {
    let py = scope.py();
    let (mut inner, mut at) = (Vec::new(), innermost(py));
    while let Some(inside) = at {
        let outer = inside.get().outer.as_ref().map(|outer| outer.bind(py).clone());
        if inside.get().scope.is(scope) {
            let rest = inner
                .into_iter()
                .rev()
                .try_fold(outer, |outer, scope: Bound<'_, Scope>| within(outer, &scope).map(Some))?;
            return set(py, rest.map_or_else(|| py.None().into_bound(py), Bound::into_any));
        }
        inner.push(inside.get().scope.bind(py).clone());
        at = outer;
    }
    Ok(())
}

fn within<'py>(outer: Option<Bound<'py, Inside>>, scope: &Bound<'py, Scope>) -> PyResult<Bound<'py, Inside>> {
    let own = scope.get().core(scope.py())?;
    let all = {
        let _outer = outer.as_ref().map(|outer| outer.get().all.enter());
        let _own = own.enter();
        memolith::Scope::current()
    };
    let inside = Inside { all, scope: scope.clone().unbind(), outer: outer.map(Bound::unbind) };
    ALL.fetch_add(1, Relaxed);
    Bound::new(scope.py(), inside)
}

fn innermost(py: Python<'_>) -> Option<Bound<'_, Inside>> {
    let variable = AROUND.get(py).filter(|_| is_any())?;
    let mut value = ptr::null_mut();
    // SAFETY: the variable is one, and what is found is a new reference, or null.
    let value = unsafe {
        ffi::PyContextVar_Get(variable.as_ptr(), ptr::null_mut(), &raw mut value);
        Bound::from_owned_ptr_or_opt(py, value)
    };
    value?.cast_into().ok()
}

fn set(py: Python<'_>, value: Bound<'_, PyAny>) -> PyResult<()> {
    // SAFETY: the name ends with a zero; a new reference or null returns.
    let make = || unsafe {
        let none = py.None();
        Bound::from_owned_ptr_or_err(py, ffi::PyContextVar_New(c"memolith_scope".as_ptr(), none.as_ptr()))
    };
    let variable = AROUND.get_or_try_init(py, || make().map(Bound::unbind))?;
    // SAFETY: the variable is one, the value is alive; a new reference or null returns.
    let token = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContextVar_Set(variable.as_ptr(), value.as_ptr())) };
    token.map(drop)
}

fn refused() -> PyErr {
    CacheMiss::new_err("the value is not cached, and the scope says never_compute")
}
