//! Backends as Python sees them.

use super::away::Away;
use crate::errors::{exception, wrong};
use memolith::{Backend, ErrorKind};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use std::sync::Arc;

/// A place for the results of any number of functions and caches, made by `memolith.open`.
#[pyclass(frozen, module = "memolith", name = "Backend")]
#[derive(Debug)]
pub(crate) struct Opened {
    url: String,
    backend: Away<Arc<dyn Backend>>,
}

#[pymethods]
impl Opened {
    /// The URL that was opened, with the password if there is one in it.
    #[getter]
    fn url(&self) -> &str {
        &self.url
    }

    /// Makes everything written so far as durable as it gets. Raises CacheError where that fails.
    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.backend.flush()).map_err(|error| exception(py, &error))
    }

    fn __repr__(&self) -> String {
        // Of servers it may hold a password, in more than one place.
        match self.url.split_once(':') {
            Some((scheme @ ("sqlite" | "shm" | "memory"), place)) => {
                format!("memolith.open({:?})", [scheme, place].join(":"))
            }
            Some((scheme, _)) => format!("<memolith.Backend of {scheme}:>"),
            None => "<memolith.Backend>".to_owned(),
        }
    }
}

/// Opens the backend that a URL names, for several functions and caches to share.
///
/// `sqlite:PATH`, `shm:NAME` (Linux), `memory:`, `redis://HOST` and others of Redis and Valkey. Raises ValueError
/// for a URL that names none, and CacheError for a place that cannot be reached.
#[pyfunction]
pub(crate) fn open(py: Python<'_>, url: String) -> PyResult<Opened> {
    match py.detach(|| memolith::open(&url)) {
        Ok(backend) => Ok(Opened { url, backend: Away::new(backend) }),
        Err(error) if error.kind() == ErrorKind::Config => Err(wrong(error.to_string())),
        Err(error) => Err(exception(py, &error)),
    }
}

/// What was given as `backend=`.
pub(crate) enum Place {
    Open(String, Away<Arc<dyn Backend>>),
    /// It could not be opened when it was given, and is tried again at the first use.
    Away(String),
}

impl Place {
    /// Reads a URL or what `memolith.open` returned.
    ///
    /// # Errors
    /// `TypeError` for anything else, `ValueError` for a URL that names no backend.
    pub(crate) fn read(given: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(opened) = given.cast::<Opened>() {
            let Opened { url, backend } = opened.get();
            return Ok(Place::Open(url.clone(), Away::new(Arc::clone(backend))));
        }
        let Ok(url) = given.extract::<String>() else {
            let message = "`backend` is a URL such as \"sqlite:cache.db\", or what memolith.open returned";
            return Err(PyTypeError::new_err(message));
        };
        match given.py().detach(|| memolith::open(&url)) {
            Ok(backend) => Ok(Place::Open(url, Away::new(backend))),
            Err(error) if error.kind() == ErrorKind::Config => Err(wrong(error.to_string())),
            Err(_) => Ok(Place::Away(url)),
        }
    }

    /// What tells the place from others. Of one spelled in two ways nobody notices that it is the same.
    pub(crate) fn name(&self) -> String {
        match self {
            Place::Open(url, backend) if url.contains("memory:") => format!("{url} at {:p}", Arc::as_ptr(backend)),
            Place::Open(url, _) | Place::Away(url) => url.clone(),
        }
    }

    /// Whether it is servers, of which nobody wants to see all that they hold.
    pub(crate) fn is_served(&self) -> bool {
        let (Place::Open(url, _) | Place::Away(url)) = self;
        !["sqlite:", "shm:", "memory:"].iter().any(|scheme| url.starts_with(scheme))
    }

    /// The backend, by now.
    pub(crate) fn backend(&self, py: Python<'_>) -> memolith::Result<Arc<dyn Backend>> {
        match self {
            Place::Open(_, backend) => Ok(Arc::clone(backend)),
            Place::Away(url) => py.detach(|| memolith::open(url)),
        }
    }
}
