//! Many keys in one call.

use super::backed::{Backed, canonical};
use super::table::Kind;
use super::{Extra, Near};
use crate::errors::wrong;
use crate::outside::signals;
use crate::scope;
use crate::stored::{Held, Room};
use memolith_core::__private::{PortableKeyRef, apart, many_asking};
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use std::collections::HashMap;

/// Keys, each of which is asked for once.
type Keys<'py> = [Bound<'py, PyAny>];

impl Kind {
    /// Those of `keys` that are there.
    pub(super) fn get_many<'py>(&self, py: Python<'py>, keys: &Keys<'py>) -> PyResult<Bound<'py, PyDict>> {
        let values = match self {
            Kind::Near(near) => near.values(keys)?,
            Kind::Backed(backed) => backed.values(py, keys)?,
        };
        let found = PyDict::new(py);
        for (key, value) in keys.iter().zip(values) {
            value.map_or(Ok(()), |value| found.set_item(key, value))?;
        }
        Ok(found)
    }

    /// All of `keys`: what is missing is computed by one call. With a backend that is for all who ask for it meanwhile.
    pub(super) fn compute_many<'py>(
        &self,
        keys: &Keys<'py>,
        compute: &Bound<'py, PyAny>,
        extra: &Extra,
    ) -> PyResult<Bound<'py, PyDict>> {
        let py = compute.py();
        let values = match self {
            Kind::Near(near) => near.values(keys)?,
            Kind::Backed(backed) => backed.values_or(py, keys, (compute, extra))?,
        };
        // What is not there; of a backend, what was found, is of no use, and has been reported.
        let missing: Vec<_> =
            keys.iter().zip(&values).filter(|(_, value)| value.is_none()).map(|(key, _)| key).collect();
        let made = if missing.is_empty() { Vec::new() } else { self.made(compute, &missing)? };
        for (key, value) in missing.into_iter().zip(&made) {
            match self {
                Kind::Near(near) => near.set(key, value, extra.clone())?,
                Kind::Backed(backed) => backed.set(key, value, extra.clone())?,
            }
        }
        let (all, mut made) = (PyDict::new(py), made.into_iter());
        // In the order of the call.
        for (key, value) in keys.iter().zip(values) {
            all.set_item(key, value.or_else(|| made.next()))?;
        }
        Ok(all)
    }

    fn made<'py>(
        &self,
        compute: &Bound<'py, PyAny>,
        missing: &[&Bound<'py, PyAny>],
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        match self {
            Kind::Near(near) => missing.iter().try_for_each(|_| scope::begin(compute.py(), near.mark()))?,
            Kind::Backed(backed) => scope::allow(compute.py(), backed.tier.mark())?,
        }
        made(compute, missing)
    }
}

impl Near {
    fn values<'py>(&self, keys: &Keys<'py>) -> PyResult<Vec<Option<Bound<'py, PyAny>>>> {
        keys.iter().map(|key| self.get(key)).collect()
    }
}

impl Backed {
    /// Those that are there; the backend is asked once for what memory has not.
    fn values<'py>(&self, py: Python<'py>, keys: &Keys<'py>) -> PyResult<Vec<Option<Bound<'py, PyAny>>>> {
        let rooms = keys.iter().map(canonical).collect::<PyResult<Vec<Room>>>()?;
        let views: Vec<_> = rooms.iter().map(|room| PortableKeyRef(room)).collect();
        let cache = self.tier.cache();
        let found = {
            let _inside = scope::enter(py);
            py.detach(|| cache.get_many(&views))
        };
        let objects = found.into_iter().zip(&rooms);
        objects.map(|(held, room)| held.map_or(Ok(None), |held| self.tier.object(py, room, held))).collect()
    }

    /// The value of each, computed where there is none; none where bytes were found that are of no use.
    fn values_or<'py>(
        &self,
        py: Python<'py>,
        keys: &Keys<'py>,
        (compute, extra): (&Bound<'py, PyAny>, &Extra),
    ) -> PyResult<Vec<Option<Bound<'py, PyAny>>>> {
        let rooms = keys.iter().map(canonical).collect::<PyResult<Vec<Room>>>()?;
        let views: Vec<_> = rooms.iter().map(|room| PortableKeyRef(room)).collect();
        let places: HashMap<&[u8], usize> = rooms.iter().enumerate().map(|(at, room)| (room.as_slice(), at)).collect();
        let (owned, function) = (PyList::new(py, keys)?.unbind(), compute.clone().unbind());
        let make = |missing: Vec<&PortableKeyRef<'_>>| {
            let compute = |py: Python<'_>| {
                let keys = missing.iter().map(|view| owned.bind(py).get_item(places[view.0]));
                let keys = keys.collect::<PyResult<Vec<_>>>()?;
                let values = made(function.bind(py), &keys.iter().collect::<Vec<_>>())?;
                let entries = keys.iter().zip(&missing).zip(&values);
                let held = entries.map(|((key, view), value)| self.held((key, view.0), value, extra.clone()));
                held.collect::<PyResult<Vec<Held>>>()
            };
            apart(|| Python::attach(compute))
        };
        // As every change, one step for those who look and change.
        let keeping = |keep: &mut dyn FnMut()| self.faults.after(|| self.turns.change_all(keep));
        let cache = self.tier.cache();
        let found = scope::try_run(py, || py.detach(|| many_asking(cache, &views, make, (&keeping, signals))))??;
        let objects = found.into_iter().zip(&rooms).map(|(held, room)| {
            let object = self.tier.object(py, room, held.clone())?;
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
