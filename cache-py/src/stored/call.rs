//! One call of a function with a backend.

use super::{Held, Room, Shelf, Stored, Tags};
use crate::awaiting::Loops;
use crate::call::Call;
use crate::errors::exception;
use crate::keys::{self, Fit};
use crate::scope;
use memolith::Lookup;
use memolith_core::__private::{PortableKey, PortableKeyRef};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyAnyMethods, PyBytes, PyDict, PyString};
use std::sync::Arc;

impl Stored {
    /// The result of a call of a plain function.
    ///
    /// # Errors
    /// What the function raises; `TypeError` for arguments without canonical form; what a signal's handler raises while
    /// another's computation is waited for.
    pub(crate) fn call<'py>(&self, function: &Bound<'py, PyAny>, call: Call<'_>) -> PyResult<Bound<'py, PyAny>> {
        let py = function.py();
        let mut key = Room::take();
        if self.write_key(py, call, &mut key)? == Fit::Mismatch {
            return call.run(function);
        }
        let tier = self.tier(py);
        let found = if self.is_single_flight() {
            let glance = match tier.glance(py, &key) {
                Ok(object) => return Ok(object),
                Err(glance) => glance,
            };
            match tier.look_after(py, &key, glance)? {
                Lookup::Hit(held) => Some(held),
                Lookup::Miss(lease) => {
                    let value = match call.run(function) {
                        Ok(value) => value,
                        Err(raised) => return tier.old((py, &key), lease, raised),
                    };
                    if self.is_kept(&value)? {
                        let held = tier.held(&key, &value, self.tags(&value, call)?)?;
                        let _inside = scope::enter(py);
                        py.detach(|| lease.fill(held).release());
                    } else {
                        lease.answer(Held::bare(value.clone().unbind()));
                    }
                    return Ok(value);
                }
            }
        } else {
            tier.seek(py, &key)?
        };
        let object = found.map_or(Ok(None), |held| tier.object(py, &key, held))?;
        object.map_or_else(|| self.renew(function, call, &key), Ok)
    }

    /// Computes, and puts the result in place of what is there.
    fn renew<'py>(&self, function: &Bound<'py, PyAny>, call: Call<'_>, key: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        let py = function.py();
        let tier = self.tier(py);
        scope::allow(py, tier.mark())?;
        let value = call.run(function)?;
        if self.is_kept(&value)? {
            let held = tier.held(key, &value, self.tags(&value, call)?)?;
            let _inside = scope::enter(py);
            py.detach(|| {
                tier.cache().insert(PortableKey::new(key), held.clone());
                held.release();
            });
        }
        Ok(value)
    }

    /// The value of a call, if memory or the backend has it; never computes.
    ///
    /// # Errors
    /// As [`key`](Self::key).
    pub(crate) fn get<'py>(&self, py: Python<'py>, call: Call<'_>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let key = self.room(py, call)?;
        let held = self.tier(py).get(py, &key);
        held.map_or(Ok(None), |held| self.object(py, &key, held))
    }

    /// Removes the value of a call. Whether there was one.
    ///
    /// # Errors
    /// As [`key`](Self::key), and `CacheError` where the backend could not remove it; this process does not serve it.
    pub(crate) fn invalidate(&self, py: Python<'_>, call: Call<'_>) -> PyResult<bool> {
        let key = self.room(py, call)?;
        if !self.loops.is_empty(py) {
            self.loops.forget(PyBytes::new(py, &key).as_any())?;
        }
        let leading = self.leading.bind(py);
        if !leading.is_empty() {
            leading.call_method1("pop", (PyBytes::new(py, &key), py.None()))?;
        }
        let (cache, key) = (self.tier(py).cache(), PortableKeyRef(&key));
        py.detach(|| cache.remove(&key)).map_err(|error| exception(py, &error))
    }

    /// What tasks compute.
    pub(crate) fn loops(&self) -> &Loops {
        &self.loops
    }

    /// The keys that tasks compute, of whichever event loop.
    pub(crate) fn leading(&self) -> &Py<PyDict> {
        &self.leading
    }

    /// The core's cache, opened at the first call.
    pub(crate) fn cache(&self, py: Python<'_>) -> &Arc<Shelf> {
        self.tier(py).cache()
    }

    /// The key of a call.
    ///
    /// # Errors
    /// `TypeError` for arguments without canonical form; what `key=` or the arguments' own code raises.
    pub(crate) fn key(&self, py: Python<'_>, call: Call<'_>) -> PyResult<PortableKey> {
        let key = self.room(py, call)?;
        Ok(PortableKey::new(key.as_slice()))
    }

    /// The bytes of a call's key; where the arguments do not fit, what a call of the function raises.
    fn room(&self, py: Python<'_>, call: Call<'_>) -> PyResult<Room> {
        let mut key = Room::take();
        match self.write_key(py, call, &mut key)? {
            Fit::Bound => Ok(key),
            Fit::Mismatch => {
                // Its own words, in which it refuses them without running.
                call.run(self.function.bind(py))?;
                Err(PyTypeError::new_err("the arguments do not fit the signature of the function"))
            }
        }
    }

    #[inline]
    fn write_key(&self, py: Python<'_>, call: Call<'_>, out: &mut Vec<u8>) -> PyResult<Fit> {
        match &self.options.key {
            None => keys::write_call(py, self.binder.as_ref(), call, self.typed, out),
            Some(key) => keys::write_object(&call.run(key.bind(py))?, self.typed, out).map(|()| Fit::Bound),
        }
    }

    /// `value` as the cache keeps it, with its bytes and its tags, to be given to `Lease::fill` or `Cache::insert`. A
    /// value without a form in bytes is told by the core when it wants them, and kept in memory.
    ///
    /// # Errors
    /// Who interrupts the codec; what `tags` raises.
    pub(crate) fn held(&self, key: &[u8], value: &Bound<'_, PyAny>, call: Call<'_>) -> PyResult<Held> {
        self.tier(value.py()).held(key, value, self.tags(value, call)?)
    }

    /// What `tags` says of the result of a call.
    ///
    /// # Errors
    /// What it raises; `TypeError` for what are no texts.
    fn tags(&self, value: &Bound<'_, PyAny>, call: Call<'_>) -> PyResult<Tags> {
        let Some(tags) = &self.options.tags else { return Ok(Tags::default()) };
        let given = call.run_after(tags.bind(value.py()), value)?;
        if given.is_instance_of::<PyString>() {
            return Err(PyTypeError::new_err("`tags` gives a list of texts, write `[tag]` for one"));
        }
        let texts = given.try_iter()?.map(|tag| Ok(tag?.extract::<String>()?.into_boxed_str()));
        texts.collect()
    }

    /// The object of a value that was found. `None`, which has been reported: it does not decode, so compute it anew
    /// and `Cache::insert` it.
    ///
    /// # Errors
    /// Who interrupts the codec.
    #[inline]
    pub(crate) fn object<'py>(&self, py: Python<'py>, key: &[u8], held: Held) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.tier(py).object(py, key, held)
    }

    /// Whether `cache_if` keeps `value`; one that is not kept goes to those who wait by `Lease::answer`.
    ///
    /// # Errors
    /// What `cache_if` raises.
    #[inline]
    pub(crate) fn is_kept(&self, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        match &self.options.cache_if {
            None => Ok(true),
            Some(cache_if) => cache_if.bind(value.py()).call1((value,))?.is_truthy(),
        }
    }
}
