//! Many keys in one call.

use super::backed::{Backed, canonical};
use super::{Extra, Near};
use crate::errors::wrong;
use crate::stored::{Held, Room};
use memolith_core::__private::{PortableKeyRef, many_asking};
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use std::collections::HashMap;

/// Keys, each of which is asked for once.
type Keys<'py> = [Bound<'py, PyAny>];

impl Near {
    /// Those of `keys` that are there.
    pub(super) fn get_many<'py>(&self, py: Python<'py>, keys: &Keys<'py>) -> PyResult<Bound<'py, PyDict>> {
        let found = PyDict::new(py);
        for key in keys {
            self.get(key)?.map_or(Ok(()), |value| found.set_item(key, value))?;
        }
        Ok(found)
    }

    /// All of `keys`: what is missing is computed by one call, side by side with whoever else computes it.
    pub(super) fn compute_many<'py>(
        &self,
        keys: &Keys<'py>,
        compute: &Bound<'py, PyAny>,
        extra: &Extra,
    ) -> PyResult<Bound<'py, PyDict>> {
        let py = compute.py();
        let found = self.get_many(py, keys)?;
        let mut missing = Vec::new();
        for key in keys {
            if !found.contains(key)? {
                missing.push(key);
            }
        }
        let made = if missing.is_empty() { Vec::new() } else { made(compute, &missing)? };
        let all = PyDict::new(py);
        for (key, value) in missing.into_iter().zip(made) {
            self.set(key, &value, extra.clone())?;
            found.set_item(key, value)?;
        }
        // In the order of the call.
        for key in keys {
            all.set_item(key, found.get_item(key)?)?;
        }
        Ok(all)
    }
}

impl Backed {
    /// Those of `keys` that are there; the backend is asked once for what memory has not.
    pub(super) fn get_many<'py>(&self, py: Python<'py>, keys: &Keys<'py>) -> PyResult<Bound<'py, PyDict>> {
        let rooms = keys.iter().map(canonical).collect::<PyResult<Vec<Room>>>()?;
        let views: Vec<_> = rooms.iter().map(|room| PortableKeyRef(room)).collect();
        let cache = self.tier.cache();
        let values = py.detach(|| cache.get_many(&views));
        let found = PyDict::new(py);
        for ((key, room), held) in keys.iter().zip(&rooms).zip(values) {
            let value = held.map_or(Ok(None), |held| self.object(py, room, held))?;
            value.map_or(Ok(()), |value| found.set_item(key, value))?;
        }
        Ok(found)
    }

    /// All of `keys`: what is missing is computed by one call, for all who ask for it meanwhile.
    pub(super) fn compute_many<'py>(
        &self,
        keys: &Keys<'py>,
        compute: &Bound<'py, PyAny>,
        extra: &Extra,
    ) -> PyResult<Bound<'py, PyDict>> {
        let py = compute.py();
        let all = PyDict::new(py);
        let mut values = self.values(py, keys, (compute, extra))?;
        for (at, key) in keys.iter().enumerate() {
            match values[at].take() {
                Some(value) => all.set_item(key, value)?,
                // What was found is of no use, and has been reported.
                None => {
                    let value = made(compute, &[key])?.pop();
                    let value = value.ok_or_else(|| wrong("one value was made for each key"))?;
                    self.set(key, &value, extra.clone())?;
                    all.set_item(key, value)?;
                }
            }
        }
        Ok(all)
    }

    /// The value of each of `keys`; none where bytes were found that are of no use.
    fn values<'py>(
        &self,
        py: Python<'py>,
        keys: &Keys<'py>,
        (compute, extra): (&Bound<'py, PyAny>, &Extra),
    ) -> PyResult<Vec<Option<Bound<'py, PyAny>>>> {
        let rooms = keys.iter().map(canonical).collect::<PyResult<Vec<Room>>>()?;
        let views: Vec<_> = rooms.iter().map(|room| PortableKeyRef(room)).collect();
        let places: HashMap<&[u8], usize> = rooms.iter().enumerate().map(|(at, room)| (room.as_slice(), at)).collect();
        let (owned, compute) = (PyList::new(py, keys)?.unbind(), compute.clone().unbind());
        let make = |missing: Vec<&PortableKeyRef<'_>>| {
            Python::attach(|py| {
                let keys = missing.iter().map(|view| owned.bind(py).get_item(places[view.0]));
                let keys = keys.collect::<PyResult<Vec<_>>>()?;
                let values = made(compute.bind(py), &keys.iter().collect::<Vec<_>>())?;
                let entries = keys.iter().zip(&missing).zip(&values);
                let held = entries.map(|((key, view), value)| self.held((key, view.0), value, extra.clone()));
                held.collect::<PyResult<Vec<Held>>>()
            })
        };
        let signals = || Python::try_attach(|py| py.check_signals()).unwrap_or(Ok(()));
        // As every change, one step for those who look and change.
        let keeping = |keep: &mut dyn FnMut()| self.faults.after(|| self.turns.change_all(keep));
        let cache = self.tier.cache();
        let found = py.detach(|| many_asking(cache, &views, make, (&keeping, signals)))?;
        let objects = found.into_iter().zip(&rooms).map(|(held, room)| {
            let object = self.object(py, room, held.clone())?;
            // Of what was computed, and is written by now.
            held.release();
            Ok(object)
        });
        objects.collect()
    }
}

/// What `compute` has made of the keys, in their order.
fn made<'py>(compute: &Bound<'py, PyAny>, keys: &[&Bound<'py, PyAny>]) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let made = compute.call1((keys.to_vec(),))?;
    let value = |key: &&Bound<'py, PyAny>| {
        let missing = |raised: PyErr| match raised.is_instance_of::<PyKeyError>(made.py()) {
            true => wrong("`compute` returns a mapping with a value for each key that it was given"),
            false => raised,
        };
        made.get_item(*key).map_err(missing)
    };
    keys.iter().map(value).collect()
}
