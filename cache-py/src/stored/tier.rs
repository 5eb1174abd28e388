//! The two tiers of one space: the core's cache, and the codec of its values.

use super::away::Away;
use super::wire::{Content, Wire};
use super::{Faults, Held, Label, Place, Reason, Tags, exit, within};
use crate::errors::exception;
use crate::options::Options;
use crate::outside::signals;
use crate::{scope, values};
use memolith::{Backend, Cache, Error, ErrorKind, Lease, Lookup, Result, Writes};
use memolith_core::__private::{Mark, PortableKey, PortableKeyRef, fault, look, look_near, look_on_asking};
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use std::sync::Arc;

/// What is found in a tier, by canonical bytes.
pub(crate) type Shelf = Cache<PortableKey, Held>;

/// A cache of the core and what makes its values bytes. Its methods are called attached, and detach where they may
/// wait.
pub(crate) struct Tier {
    cache: Away<Arc<Shelf>>,
    codec: Arc<values::Codec>,
    content: Content,
    mark: Mark,
    /// The name of the space, which is part of what a signature is over.
    space: Box<str>,
    /// Whether there is a place for bytes at all.
    is_backed: bool,
}

/// What a tier is made of, besides its options.
pub(crate) struct Plan<'a> {
    pub(crate) space: String,
    pub(crate) backend: Result<Arc<dyn Backend>>,
    pub(crate) codec: &'a Arc<values::Codec>,
    pub(crate) content: Content,
    pub(crate) tagged: Tagged,
}

/// Where a tag of a value can be invalidated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tagged {
    /// For all functions and caches at once.
    Everywhere,
    /// So, and for this space alone.
    Here,
}

/// What was seen in memory besides an object.
pub(crate) enum Glance {
    /// A value of which nobody has made an object yet. Counted as a hit.
    Found(Held),
    /// Nothing, under this hash. Not counted.
    Nothing(u64),
}

impl Tier {
    pub(crate) fn new(
        py: Python<'_>,
        plan: Plan<'_>,
        (maxsize, options): (Option<usize>, &Options),
        faults: &Arc<Faults>,
    ) -> Self {
        let Plan { space, backend, codec, content, tagged } = plan;
        let is_backed = backend.is_ok();
        let told = Arc::clone(faults);
        let mut builder = Shelf::builder()
            .maxsize(maxsize)
            .policy(options.policy)
            .writes(options.writes)
            .on_error(move |error| told.tell(error))
            .weigher(|key: &PortableKey, value: &Held| (key.bytes().len() + value.size()) as u64);
        if let Some(ttl) = options.ttl {
            builder = builder.ttl(ttl);
        }
        if let Some(tti) = options.tti {
            builder = builder.tti(tti);
        }
        if matches!(content, Content::Entry(..)) || options.tags.is_some() {
            let space = space.clone();
            builder = builder.tags(move |_, held| {
                let tags = held.label().tags.iter();
                let here = tags.clone().filter(|_| tagged == Tagged::Here).map(|tag| within(&space, tag));
                tags.map(|tag| String::from(&**tag)).chain(here).collect::<Vec<_>>()
            });
        }
        let aging = &options.aging;
        if let Some(jitter) = aging.jitter {
            builder = builder.jitter(jitter);
        }
        if let Some(beta) = aging.early_refresh {
            builder = builder.early_refresh(beta);
        }
        if let Some(stale) = aging.stale {
            builder = builder.stale(stale);
        }
        if let Some(bytes) = options.max_bytes {
            builder = builder.max_bytes(bytes);
        }
        if let Some(memory) = options.memory {
            builder = builder.memory(memory);
        }
        if let Some(wait) = options.wait {
            builder = builder.wait(wait);
        }
        let builder = builder.backend(backend, space.clone(), Wire { id: codec.id(), content });
        let cache = Arc::new(py.detach(|| builder.build()));
        if options.writes == Writes::Behind {
            exit::flush_at_exit(&cache);
        }
        let mark = Mark::of(&cache);
        Tier { cache: Away::new(cache), codec: Arc::clone(codec), content, mark, space: space.into(), is_backed }
    }

    /// By this scopes know it.
    pub(crate) fn mark(&self) -> &Mark {
        &self.mark
    }

    /// Whether records are the bytes of values and nothing else.
    pub(crate) fn is_bare(&self) -> bool {
        matches!(self.content, Content::Value)
    }

    pub(crate) fn cache(&self) -> &Arc<Shelf> {
        &self.cache
    }

    /// The Python object that its codec holds, for the garbage collector.
    pub(crate) fn codec_object(&self) -> Option<&Py<PyAny>> {
        self.codec.object()
    }

    /// The object that memory has: the common case, in which nothing is copied. Else what [`lookup`](Self::lookup)
    /// needs.
    #[inline]
    pub(crate) fn glance<'py>(&self, py: Python<'py>, key: &[u8]) -> std::result::Result<Bound<'py, PyAny>, Glance> {
        let _inside = scope::enter(py);
        match look(&self.cache, &PortableKeyRef(key)) {
            Ok(hit) => hit.get().ready(py).ok_or_else(|| Glance::Found(hit.value())),
            Err(hash) => Err(Glance::Nothing(hash)),
        }
    }

    /// The rest of a look-up that began with `glance`.
    ///
    /// # Errors
    /// As [`lookup`](Self::lookup).
    pub(crate) fn look_after(
        &self,
        py: Python<'_>,
        key: &[u8],
        glance: Glance,
    ) -> PyResult<Lookup<'_, PortableKey, Held>> {
        match glance {
            Glance::Found(held) => Ok(Lookup::Hit(held)),
            Glance::Nothing(hash) => self.look_on(py, hash, PortableKeyRef(key)),
        }
    }

    /// The value, or the right to compute it. Waits for others who compute it, until a signal's handler raises.
    ///
    /// # Errors
    /// What a handler raises; `CacheMiss`, where nothing is to be computed.
    #[inline]
    pub(crate) fn lookup(&self, py: Python<'_>, key: &[u8]) -> PyResult<Lookup<'_, PortableKey, Held>> {
        let hit = {
            let _inside = scope::enter(py);
            look(&self.cache, &PortableKeyRef(key)).map(|hit| hit.value())
        };
        match hit {
            Ok(held) => Ok(Lookup::Hit(held)),
            Err(hash) => self.look_on(py, hash, PortableKeyRef(key)),
        }
    }

    #[inline(never)]
    fn look_on(&self, py: Python<'_>, hash: u64, key: PortableKeyRef<'_>) -> PyResult<Lookup<'_, PortableKey, Held>> {
        scope::try_run(py, || {
            if let Some(held) = look_near(&self.cache, hash, &key) {
                return Ok(Lookup::Hit(held));
            }
            py.detach(|| look_on_asking(&self.cache, hash, &key, signals))
        })?
    }

    /// The value if a tier has it. Never waits for who computes it.
    pub(crate) fn get(&self, py: Python<'_>, key: &[u8]) -> Option<Held> {
        self.near(py, key).or_else(|| {
            let _inside = scope::enter(py);
            py.detach(|| self.cache.get(&PortableKeyRef(key)))
        })
    }

    /// As [`get`](Self::get) for who computes it if it is not there, side by side with others.
    ///
    /// # Errors
    /// `CacheMiss`, where nothing is to be computed.
    pub(crate) fn seek(&self, py: Python<'_>, key: &[u8]) -> PyResult<Option<Held>> {
        let found = self.get(py, key);
        if found.is_none() {
            scope::begin(py, &self.mark)?;
        }
        Ok(found)
    }

    /// The value if memory has it, or a backend that answers at once.
    #[inline]
    pub(crate) fn near(&self, py: Python<'_>, key: &[u8]) -> Option<Held> {
        let _inside = scope::enter(py);
        let key = PortableKeyRef(key);
        match look(&self.cache, &key) {
            Ok(hit) => Some(hit.value()),
            Err(hash) => look_near(&self.cache, hash, &key),
        }
    }

    /// `value` with its bytes under `key`, and its tags.
    ///
    /// # Errors
    /// Those of [`told`].
    pub(crate) fn held(&self, key: &[u8], value: &Bound<'_, PyAny>, tags: Tags) -> PyResult<Held> {
        let object = value.clone().unbind();
        if !self.is_backed {
            return Ok(Held::bare(object));
        }
        let mut bytes = Vec::new();
        let encoded = told(value.py(), self.encode(value, Some(key), &mut bytes))?;
        Ok(Held::computed(object, encoded.map(|()| bytes.as_slice().into()), Label { ends: 0, tags }))
    }

    /// The object of a value that was found. `None`, which has been reported, for bytes that are of no use: then it is
    /// computed anew, and put in place of them.
    ///
    /// # Errors
    /// Those of [`told`].
    #[inline]
    pub(crate) fn object<'py>(&self, py: Python<'py>, key: &[u8], held: Held) -> PyResult<Option<Bound<'py, PyAny>>> {
        let decoded = held.object(py, |bytes| match self.content {
            Content::Value => self.decode(py, bytes, Some(key)),
            Content::Entry(_, value) => {
                let value = value(bytes).map_err(|error| exception(py, &error))?;
                self.decode(py, value, Some(key))
            }
        });
        Ok(told(py, decoded)?.map_err(|reason| self.fault(py, reason)).ok())
    }

    /// An old value, if one may be served in place of what a computation raised. Else that, and the lease passes on.
    ///
    /// # Errors
    /// What was raised.
    pub(crate) fn old<'py>(
        &self,
        (py, key): (Python<'py>, &[u8]),
        lease: Lease<'_, PortableKey, Held>,
        raised: PyErr,
    ) -> PyResult<Bound<'py, PyAny>> {
        if !raised.is_instance_of::<PyException>(py) {
            return Err(raised);
        }
        let old = {
            let _inside = scope::enter(py);
            py.detach(|| lease.fail())
        };
        old.map_or(Ok(None), |old| self.object(py, key, old))?.ok_or(raised)
    }

    /// Appends the bytes of `value`, which stands under `key` or is one.
    ///
    /// # Errors
    /// Those of the codec.
    pub(crate) fn encode(&self, value: &Bound<'_, PyAny>, key: Option<&[u8]>, out: &mut Vec<u8>) -> PyResult<()> {
        self.at(key, |place| self.codec.encode(value, place, out))
    }

    /// The value of `bytes` from [`encode`](Self::encode).
    ///
    /// # Errors
    /// Those of the codec.
    pub(crate) fn decode<'py>(&self, py: Python<'py>, bytes: &[u8], key: Option<&[u8]>) -> PyResult<Bound<'py, PyAny>> {
        self.at(key, |place| self.codec.decode(py, bytes, place))
    }

    /// What a signature is over besides the value.
    fn at<T>(&self, key: Option<&[u8]>, run: impl FnOnce(&[&[u8]]) -> T) -> T {
        match key {
            Some(key) => run(&[self.space.as_bytes(), key]),
            None => run(&[self.space.as_bytes()]),
        }
    }

    /// Counts and tells that a value was found and is of no use.
    pub(crate) fn fault(&self, py: Python<'_>, reason: PyErr) {
        let error = Error::new(ErrorKind::Codec, "a stored value cannot be read, it is made anew")
            .with_source(Reason::from(reason));
        let _inside = scope::enter(py);
        fault(&self.cache, &error);
    }
}

/// What a codec made, or a reason that is told and not raised.
///
/// # Errors
/// What is no `Exception`: who interrupts a codec, or ends the process there, ends the call.
pub(crate) fn told<T>(py: Python<'_>, made: PyResult<T>) -> PyResult<PyResult<T>> {
    match made {
        Err(raised) if !raised.is_instance_of::<PyException>(py) && !is_panic(py, &raised) => Err(raised),
        made => Ok(made),
    }
}

/// Whether a library in Rust gave up, which is a failure like others. Each has a class of its own for that.
fn is_panic(py: Python<'_>, raised: &PyErr) -> bool {
    raised.get_type(py).name().is_ok_and(|name| name.to_string_lossy() == "PanicException")
}

/// The backend of `options`, if they name one.
///
/// # Errors
/// See [`Place::read`].
pub(crate) fn place(py: Python<'_>, options: &Options) -> PyResult<Option<Place>> {
    options.backend.as_ref().map(|given| Place::read(given.bind(py))).transpose()
}
