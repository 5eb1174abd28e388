//! A function with a backend: the core's `Cache` over the canonical bytes of its arguments.
//!
//! What tasks need of it is public to them: `cache`, `key`, `held`, `object` and `is_kept`.

mod away;
mod call;
mod claim;
mod exit;
mod faults;
mod held;
mod place;
mod room;
mod tags;
mod text;
mod tier;
mod wire;

pub(crate) use faults::{Faults, Reason};
pub(crate) use held::{Held, Label, Tags};
pub(crate) use place::Place;
pub(crate) use room::Room;
pub(crate) use tags::{invalidate, within};
pub(crate) use tier::{Plan, Shelf, Tagged, Tier, place, told};
pub(crate) use wire::Content;

use crate::awaiting::Loops;
use crate::errors::exception;
use crate::keys::{self, Binder, Said};
use crate::options::Options;
use crate::values;
use memolith::{CacheInfo, Error, ErrorKind};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::{Arc, OnceLock};

/// Adds `open` and `Backend`.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<place::Opened>()?;
    module.add_function(wrap_pyfunction!(place::open, module)?)?;
    module.add_function(wrap_pyfunction!(tags::_invalidate_tag, module)?)?;
    exit::register(module)
}

/// The cache behind one function. It holds the options' callables, and reports faults to `on_error` or to the logger
/// `memolith`.
pub(crate) struct Stored {
    function: Py<PyAny>,
    maxsize: Option<usize>,
    typed: bool,
    options: Options,
    binder: Option<Binder>,
    codec: Arc<values::Codec>,
    place: Option<Place>,
    faults: Arc<Faults>,
    loops: Loops,
    leading: Py<PyDict>,
    /// Opened at the first call: by then the function has all it closes over.
    tier: OnceLock<Tier>,
}

impl Stored {
    /// # Errors
    /// `ValueError` for a URL or a codec that there is not, `TypeError` where `skip` names no parameter.
    pub(crate) fn new(
        function: &Bound<'_, PyAny>,
        maxsize: Option<usize>,
        typed: bool,
        mut options: Options,
    ) -> PyResult<Self> {
        let py = function.py();
        let codec = options.codec.as_ref().map(|codec| codec.bind(py));
        Ok(Stored {
            binder: Binder::new(function, &options.skip)?,
            codec: Arc::new(values::Codec::new(codec, options.sign.as_deref())?),
            place: place(py, &options)?,
            faults: Arc::new(Faults(options.on_error.take())),
            function: function.clone().unbind(),
            maxsize,
            typed,
            options,
            loops: Loops::new(py),
            leading: PyDict::new(py).unbind(),
            tier: OnceLock::new(),
        })
    }

    /// Whether callers of one key wait for each other. If not: `Cache::get`, compute, `Cache::insert`.
    pub(crate) fn is_single_flight(&self) -> bool {
        self.options.single_flight.unwrap_or(true)
    }

    /// The tiers, opened at the first call.
    #[inline]
    pub(crate) fn tier(&self, py: Python<'_>) -> &Tier {
        match self.tier.get() {
            Some(tier) => tier,
            None => self.open(py),
        }
    }

    /// No lock is held meanwhile, as the fingerprint may ask objects. Of two threads the first to end wins.
    #[cold]
    fn open(&self, py: Python<'_>) -> &Tier {
        let (function, options) = (self.function.bind(py), &self.options);
        let said = Said {
            name: options.name.as_deref(),
            version: options.version.as_deref(),
            key: options.key.as_ref().map(|key| key.bind(py)),
            skip: &options.skip,
        };
        let (space, backend) = match keys::space(function, said) {
            Ok(space) => {
                let place = self.place.as_ref().map(Place::name).unwrap_or_default();
                let claimed = claim::claim(&place, &space, claim::Owner::of(function));
                (space, claimed.and_then(|()| self.backend(py)))
            }
            Err(reason) => {
                let message =
                    "the function is cached in memory alone, as nothing tells its results from those of another";
                (String::new(), Err(Error::new(ErrorKind::Config, message).with_source(Reason::from(reason))))
            }
        };
        let plan = Plan { space, backend, codec: &self.codec, content: Content::Value, tagged: Tagged::Everywhere };
        let tier = Tier::new(py, plan, (self.maxsize, &self.options), &self.faults);
        self.tier.get_or_init(|| tier)
    }

    fn backend(&self, py: Python<'_>) -> memolith::Result<Arc<dyn memolith::Backend>> {
        match &self.place {
            Some(place) => place.backend(py),
            None => Err(Error::new(ErrorKind::Config, "no backend was given")),
        }
    }

    pub(crate) fn info(&self, py: Python<'_>) -> CacheInfo {
        let cache = self.tier(py).cache();
        py.detach(|| cache.info())
    }

    /// # Errors
    /// `CacheError` where the backend could not be cleared; this process does not serve what is there.
    pub(crate) fn clear(&self, py: Python<'_>) -> PyResult<()> {
        self.loops.forget_all(py);
        self.leading.bind(py).clear();
        let cache = self.tier(py).cache();
        py.detach(|| cache.clear()).map_err(|error| exception(py, &error))
    }

    /// Writes out what `writes="behind"` has queued.
    ///
    /// # Errors
    /// `CacheError` for those of the backend.
    pub(crate) fn flush(&self, py: Python<'_>) -> PyResult<()> {
        let cache = self.tier(py).cache();
        py.detach(|| cache.flush()).map_err(|error| exception(py, &error))
    }

    /// The Python objects it holds besides values, for the garbage collector.
    pub(crate) fn objects(&self) -> Vec<&Py<PyAny>> {
        let options = &self.options;
        let held = [Some(&self.function), self.faults.0.as_ref(), options.key.as_ref(), options.cache_if.as_ref()];
        let tags = options.tags.as_ref();
        let codec = [options.codec.as_ref(), self.codec.object()];
        let more = [options.backend.as_ref(), Some(self.loops.object()), Some(self.leading.as_any())];
        let defaults = self.binder.iter().flat_map(Binder::objects);
        held.into_iter().chain(codec).chain(more).flatten().chain(tags).chain(defaults).collect()
    }
}
