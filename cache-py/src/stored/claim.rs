//! That no two functions of a process share a space: each would be answered with the other's results.

use crate::keys::Said;
use memolith::{Error, ErrorKind, Result};
use pyo3::prelude::*;
use pyo3::types::{PyFunction, PyWeakrefReference};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, PoisonError};

/// Who owns which space of which place.
static OWNERS: Mutex<BTreeMap<(String, String), Owner>> = Mutex::new(BTreeMap::new());

/// What tells a function from others.
pub(crate) struct Owner {
    /// Module and name, which a new edition of the function keeps.
    path: String,
    /// For one that is made anew again and again by another function.
    made: Option<Made>,
}

/// What tells those apart that one function has made.
struct Made {
    /// What it does, if that can be told.
    does: Option<String>,
    /// Its code and what it closes over: references that are the same for the same object as long as that is alive, and
    /// never again; for objects that have none, those objects.
    of: Vec<Py<PyAny>>,
}

impl Owner {
    pub(crate) fn of(function: &Bound<'_, PyAny>) -> Self {
        let part = |name| function.getattr(name).and_then(|part| part.extract::<String>()).unwrap_or_default();
        let (module, name) = (part("__module__"), part("__qualname__"));
        // A method of an object has the name of its function, whatever the object.
        let is_made =
            !function.is_instance_of::<PyFunction>() || name.contains("<locals>") || name.contains("<lambda>");
        let does = || crate::keys::space(function, Said::default()).ok();
        let made = is_made.then(|| Made { does: does(), of: around(function) });
        let path = if name.is_empty() { function.get_type().to_string() } else { format!("{module}.{name}") };
        Owner { path, made }
    }

    /// The same function, decorated twice or loaded anew.
    fn is(&self, other: &Self) -> bool {
        if self.path != other.path {
            return false;
        }
        match (&self.made, &other.made) {
            (Some(one), Some(another)) => (one.does.is_some() && one.does == another.does) || one.is_of(another),
            (None, None) => true,
            _ => false,
        }
    }
}

impl Made {
    fn is_of(&self, other: &Self) -> bool {
        self.of.len() == other.of.len() && self.of.iter().zip(&other.of).all(|(one, another)| one.is(another))
    }
}

/// Claims `space`, which is in `place`, for `owner`, who may claim it again.
///
/// # Errors
/// When another function has it.
pub(crate) fn claim(place: &str, space: &str, owner: Owner) -> Result<()> {
    let mut owners = OWNERS.lock().unwrap_or_else(PoisonError::into_inner);
    let taken = match owners.entry((place.to_owned(), space.to_owned())) {
        Entry::Vacant(free) => {
            free.insert(owner);
            return Ok(());
        }
        Entry::Occupied(taken) => taken,
    };
    if taken.get().is(&owner) {
        return Ok(());
    }
    let message = format!(
        "the results of `{}` are kept in memory alone, as those of `{}` are called `{space}` in a backend; give one of \
         them another `name`",
        owner.path,
        taken.get().path
    );
    Err(Error::new(ErrorKind::Config, message))
}

/// A function's code and what it closes over; the object of a method; the function, if it is none of Python's.
fn around(function: &Bound<'_, PyAny>) -> Vec<Py<PyAny>> {
    if let Ok(of) = function.getattr("__self__") {
        return vec![known(&of)];
    }
    let Ok(code) = function.getattr("__code__") else { return vec![known(function)] };
    let cells = function.getattr("__closure__").and_then(|cells| cells.try_iter());
    let contents = cells.into_iter().flatten().flatten().filter_map(|cell| cell.getattr("cell_contents").ok());
    std::iter::once(code).chain(contents).map(|object| known(&object)).collect()
}

/// An address would become that of another object. Python makes one plain weak reference for all who ask for it.
fn known(object: &Bound<'_, PyAny>) -> Py<PyAny> {
    PyWeakrefReference::new(object).map_or_else(|_| object.clone().unbind(), |weak| weak.into_any().unbind())
}
