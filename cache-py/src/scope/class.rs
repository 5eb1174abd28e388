//! `memolith.Scope`.

use super::around;
use crate::errors::wrong;
use memolith_core::__private::Mark;
use pyo3::exceptions::PyTypeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::sync::OnceLock;

/// What the calls of a block, a task or a request may do with caches, and what they have done.
///
/// `with Scope() as scope:` counts what is asked inside: `scope.stats()`. With a mode it also says what may be done:
///
/// | mode | memory and backend are read | a miss computes | and is kept |
/// |---|---|---|---|
/// | `"read_only"` | yes | yes | no |
/// | `"write_only"` | no | always | in place of what was there |
/// | `"disabled"` | no | always | no |
/// | `"never_compute"` | as it was | no, it raises CacheMiss | as it was |
/// | `"enabled"` | yes | yes | yes |
///
/// `only` is the function or the `Cache` that is meant, or several of them; else it is all. Scopes nest: the innermost
/// that says something about it decides, and all around a call count it. What is removed is removed in every mode.
///
/// A scope is of its context, as the standard library's `contextvars` have it: tasks inherit it, and threads do from
/// `asyncio.to_thread` and `contextvars.copy_context().run`. It may be entered any number of times, also at once.
///
/// Raises ValueError for a mode that there is not or an `only` that is empty, and TypeError, when it is entered, for what is no cache.
#[pyclass(frozen, module = "memolith", name = "Scope")]
pub(crate) struct Scope {
    mode: Option<Limit>,
    /// All, if there is none.
    only: Vec<Py<PyAny>>,
    /// Made when it is entered first: a function with a backend opens it for that.
    core: OnceLock<memolith::Scope>,
}

/// A mode by its name.
type Limit = (&'static str, fn(memolith::Scope) -> memolith::Scope);

const MODES: [Limit; 5] = [
    ("read_only", memolith::Scope::read_only),
    ("write_only", memolith::Scope::write_only),
    ("disabled", memolith::Scope::disabled),
    ("never_compute", memolith::Scope::never_compute),
    ("enabled", memolith::Scope::enabled),
];

#[pymethods]
impl Scope {
    #[new]
    #[pyo3(signature = (mode=None, *, only=None))]
    fn new(mode: Option<&str>, only: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let only = match only {
            None => Vec::new(),
            Some(one) if one.hasattr("_mark")? => vec![one.clone().unbind()],
            Some(some) => match some.try_iter()?.map(|one| Ok(one?.unbind())).collect::<PyResult<Vec<_>>>()? {
                none if none.is_empty() => {
                    return Err(wrong("`only` names no function and no cache; leave it out to mean all"));
                }
                some => some,
            },
        };
        Ok(Scope { mode: mode.map(limit).transpose()?, only, core: OnceLock::new() })
    }

    fn __enter__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        around::join(&slf)?;
        Ok(slf)
    }

    #[pyo3(signature = (*_raised))]
    fn __exit__(slf: &Bound<'_, Self>, _raised: &Bound<'_, PyTuple>) -> PyResult<()> {
        around::leave(slf)
    }

    /// What was counted of the calls inside of this scope, up to now.
    fn stats(&self) -> ScopeStats {
        let stats = self.core.get().map(memolith::Scope::stats).unwrap_or_default();
        ScopeStats {
            hits: stats.hits,
            misses: stats.misses,
            computed: stats.computed,
            coalesced: stats.coalesced,
            backend_hits: stats.backend_hits,
            errors: stats.errors,
        }
    }

    fn __repr__(&self) -> String {
        let mode = self.mode.map_or_else(String::new, |(name, _)| format!("{name:?}"));
        format!("<memolith.Scope({mode}), {}>", self.stats().__repr__())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.only.iter().try_for_each(|one| visit.call(one))
    }
}

impl Scope {
    /// # Errors
    /// `TypeError` for what is no cache.
    pub(super) fn core(&self, py: Python<'_>) -> PyResult<&memolith::Scope> {
        if let Some(core) = self.core.get() {
            return Ok(core);
        }
        let mut core = self.mode.map_or_else(memolith::Scope::new, |(_, limit)| limit(memolith::Scope::new()));
        for one in &self.only {
            core = mark(one.bind(py))?.limit(core);
        }
        Ok(self.core.get_or_init(|| core))
    }
}

/// What was counted inside of a scope: `hits`, `misses`, `coalesced`, `backend_hits` and `errors` mean what they mean
/// in `cache_info()`, and `computed` are the misses that began to compute.
#[pyclass(frozen, eq, get_all, module = "memolith", name = "ScopeStats")]
#[derive(PartialEq)]
pub(crate) struct ScopeStats {
    hits: u64,
    misses: u64,
    computed: u64,
    coalesced: u64,
    backend_hits: u64,
    errors: u64,
}

#[pymethods]
impl ScopeStats {
    fn __repr__(&self) -> String {
        format!(
            "ScopeStats(hits={}, misses={}, computed={}, coalesced={}, backend_hits={}, errors={})",
            self.hits, self.misses, self.computed, self.coalesced, self.backend_hits, self.errors
        )
    }
}

/// By this scopes know a function or a cache: their attribute `_mark`.
#[pyclass(frozen, module = "memolith._memolith", name = "_Mark")]
pub(crate) struct Marked(pub(crate) Mark);

fn mark(one: &Bound<'_, PyAny>) -> PyResult<Mark> {
    let marked = one.getattr_opt("_mark")?.and_then(|mark| mark.cast_into::<Marked>().ok());
    let message = || PyTypeError::new_err("`only` is of functions that memolith caches, and of memolith.Cache");
    marked.map(|mark| mark.get().0.clone()).ok_or_else(message)
}

fn limit(name: &str) -> PyResult<Limit> {
    let found = MODES.iter().find(|(known, _)| *known == name).copied();
    found.ok_or_else(|| {
        let known: Vec<_> = MODES.iter().map(|(known, _)| format!("{known:?}")).collect();
        wrong(format!("`mode` is one of {}, not {name:?}", known.join(", ")))
    })
}
